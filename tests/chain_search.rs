//! The search for paths: what it finds, in which order, what it asks for, and where it ends.

mod common;

use common::pki::{Ca, CaOptions, Key, KeyId, KeyKind, LeafOptions};
use fullchain::chain::{Limit, Limits, Path, Search, Step};
use fullchain::{Certificate, Origin, Reader, SignatureMemory, TrustStore};
use rustls_pki_types::{CertificateDer, UnixTime};

fn certificate(der: &[u8]) -> Certificate {
    let der = CertificateDer::from(der.to_vec());
    Certificate::new(der, Origin::new("memory")).expect("a certificate")
}

fn certificates(cas: &[&Ca]) -> Vec<Certificate> {
    cas.iter().map(|ca| certificate(&ca.cert_der)).collect()
}

fn store(name: &str, root: &Ca) -> TrustStore {
    let material = Reader::new().read(name, root.cert_pem.as_bytes());
    let store = TrustStore::from_material(name, material.expect("within limits"));
    store.expect("a root").0
}

fn search(leaf: &Certificate, pool: Vec<Certificate>, roots: &[&Ca]) -> Search {
    let stores = roots.iter().map(|root| store("roots", root)).collect();
    Search::new(leaf.clone(), pool, stores, UnixTime::now())
}

/// All that a search says until it is done, within a bound that no test comes near.
fn steps(search: &mut Search) -> Vec<Step> {
    let mut steps = Vec::new();
    while steps.len() < 1_000 {
        match search.next_step() {
            Step::Done => return steps,
            step => steps.push(step),
        }
    }
    panic!("the search does not end");
}

fn paths(steps: &[Step]) -> Vec<&Path> {
    let paths = steps.iter().filter_map(|step| match step {
        Step::Path(path) => Some(path),
        _ => None,
    });
    paths.collect()
}

/// A certificate of the same name and key as another CA, from another issuer.
fn cross_sign(issuer: &Ca, ca: &Ca, name: &str) -> Ca {
    issuer.intermediate_with(CaOptions {
        shared_key: Some(ca.key.clone()),
        ..CaOptions::named(name)
    })
}

#[test]
fn a_missing_issuer_is_named_with_its_urls_and_the_search_goes_on_when_it_is_brought() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf(LeafOptions {
        ca_issuers: vec!["http://ca.example/issuer.der".to_owned()],
        ..LeafOptions::default()
    });
    let leaf = certificate(&leaf.cert_der);
    let mut search = search(&leaf, Vec::new(), &[&root]);
    let Step::Missing(missing) = search.next_step() else {
        panic!("nothing else is there to be said");
    };
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].certificate(), &leaf);
    assert_eq!(missing[0].urls(), ["http://ca.example/issuer.der"]);
    assert!(matches!(search.next_step(), Step::Done), "it is said once");

    let stranger = Ca::root("Stranger");
    search.add(certificates(&[&stranger]));
    assert!(matches!(search.next_step(), Step::Missing(_)));
    search.add(certificates(&[&issuer]));
    let said = steps(&mut search);
    assert_eq!(paths(&said)[0].intermediates(), certificates(&[&issuer]));
    assert_eq!(said.len(), 1);
}

#[test]
fn certificates_that_are_known_already_change_nothing() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = certificate(&issuer.leaf_named("www.example.com").cert_der);
    let mut search = search(&leaf, certificates(&[&issuer, &issuer]), &[&root]);
    assert_eq!(paths(&steps(&mut search)).len(), 1);
    search.add(certificates(&[&issuer]));
    search.add(vec![leaf]);
    assert_eq!(paths(&steps(&mut search)).len(), 0, "no path is said twice");
}

#[test]
fn shorter_paths_come_first_and_every_path_comes() {
    let (old, new) = (Ca::root("Old"), Ca::root("New"));
    let cross = cross_sign(&old, &new, "New");
    let issuer = new.intermediate("Issuer");
    let leaf = certificate(&issuer.leaf_named("www.example.com").cert_der);
    let pool = certificates(&[&cross, &issuer]);
    let said = steps(&mut search(&leaf, pool, &[&old, &new]));
    let found: Vec<_> = paths(&said)
        .iter()
        .map(|path| path.intermediates().to_vec())
        .collect();
    assert_eq!(
        found,
        [certificates(&[&issuer]), certificates(&[&issuer, &cross])]
    );
    let anchors: Vec<_> = paths(&said)[1].anchors().collect();
    assert_eq!(
        anchors[0].subject.as_ref(),
        certificate(&old.cert_der).subject()
    );
}

#[test]
fn a_name_and_key_stand_once_in_a_path_so_that_loops_end() {
    let (a, b) = (Ca::root("A"), Ca::root("B"));
    let (a_by_b, b_by_a) = (cross_sign(&b, &a, "A"), cross_sign(&a, &b, "B"));
    let leaf = certificate(&a.leaf_named("www.example.com").cert_der);
    let pool = certificates(&[&a_by_b, &b_by_a]);
    let untrusted = steps(&mut search(&leaf, pool.clone(), &[&Ca::root("Other")]));
    assert!(paths(&untrusted).is_empty());
    let said = steps(&mut search(&leaf, pool, &[&b]));
    assert_eq!(paths(&said).len(), 1);
    assert_eq!(paths(&said)[0].intermediates(), certificates(&[&a_by_b]));
}

#[test]
fn a_wrong_key_identifier_is_the_last_resort_and_found_all_the_same() {
    let root = Ca::root("Root");
    let key = Key::new(KeyKind::P256);
    let twin = |key_id| {
        root.intermediate_with(CaOptions {
            shared_key: Some(key.clone()),
            key_id,
            ..CaOptions::named("Issuer")
        })
    };
    let (right, wrong) = (twin(KeyId::Derived), twin(KeyId::Given(vec![7; 20])));
    let leaf = certificate(&right.leaf_named("www.example.com").cert_der);
    let said = steps(&mut search(
        &leaf,
        certificates(&[&wrong, &right]),
        &[&root],
    ));
    let found: Vec<_> = paths(&said)
        .iter()
        .map(|path| path.intermediates().to_vec())
        .collect();
    assert_eq!(found, [certificates(&[&right]), certificates(&[&wrong])]);
}

#[test]
fn each_limit_is_named_and_what_was_found_until_then_stands() {
    let root = Ca::root("Root");
    let upper = root.intermediate("Upper");
    let issuer = upper.intermediate("Issuer");
    let direct = cross_sign(&root, &issuer, "Issuer");
    let leaf = certificate(&issuer.leaf_named("www.example.com").cert_der);
    let pool = certificates(&[&direct, &issuer, &upper]);
    let with = |set: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::default();
        set(&mut limits);
        let said = steps(&mut search(&leaf, pool.clone(), &[&root]).limits(limits));
        let met = said.iter().find_map(|step| match step {
            Step::Limit(limit) => Some(*limit),
            _ => None,
        });
        (paths(&said).len(), met)
    };
    assert_eq!(with(&|_| {}), (2, None));
    let none = with(&|limits| limits.max_intermediates = 0);
    assert_eq!(none, (0, Some(Limit::Intermediates(0))));
    let checks = with(&|limits| limits.max_signature_checks = 1);
    assert_eq!(checks.1, Some(Limit::SignatureChecks(1)));
    let candidates = with(&|limits| limits.max_candidates = 1);
    assert_eq!(candidates.1, Some(Limit::Candidates(1)));
    let partial = with(&|limits| limits.max_partial_paths = 1);
    assert_eq!(partial.1, Some(Limit::PartialPaths(1)));
    let complete = with(&|limits| limits.max_complete_paths = 1);
    assert_eq!(complete, (1, Some(Limit::CompletePaths(1))));
}

#[test]
fn a_shared_memory_checks_no_signature_twice() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = certificate(&issuer.leaf_named("www.example.com").cert_der);
    let memory = SignatureMemory::new();
    let run = |most: usize| {
        let mut limits = Limits::default();
        limits.max_signature_checks = most;
        let search = search(&leaf, certificates(&[&issuer]), &[&root]);
        let said = steps(&mut search.limits(limits).memory(memory.clone()));
        paths(&said).len()
    };
    assert_eq!(run(0), 0, "nothing is known yet");
    assert_eq!(run(100), 1);
    let known = memory.len();
    assert!(known >= 2);
    assert_eq!(run(0), 1, "all is known");
    assert_eq!(memory.len(), known);
}
