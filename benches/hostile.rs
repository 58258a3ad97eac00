//! Piles made to be costly: each ends soon, or with a limit that it names.
//! `cargo bench --bench hostile`

#[path = "../tests/common/mod.rs"]
mod common;
mod measure;

use common::pki::{Ca, CaOptions, Key, KeyId, KeyKind, Leaf};
use fullchain::chain::{Search, Step};
use fullchain::{Bundler, Certificate, Origin, Reader, SignatureMemory, TrustStore};
use measure::{Contestant, measure};
use rustls_pki_types::{CertificateDer, UnixTime};

struct Pile {
    name: String,
    size: usize,
    leaf: Certificate,
    candidates: Vec<Certificate>,
    bundler: Bundler,
    store: TrustStore,
}

fn main() {
    println!("hostile piles: the chain of one leaf");
    table(&[
        decoys(1_000, DecoyKeyId::Absent),
        decoys(1_000, DecoyKeyId::Wrong),
        decoys(1_000, DecoyKeyId::Right),
        complete(30, false),
        complete(30, true),
        ring(2),
        ring(200),
        line(200),
    ]);
    println!("growth: decoys");
    table(&[100, 300, 1_000].map(|size| decoys(size, DecoyKeyId::Absent)));
    println!("growth: decoys with the right key identifier");
    table(&[100, 300, 1_000].map(|size| decoys(size, DecoyKeyId::Right)));
    println!("growth: CAs that all sign one another, without a root");
    table(&[10, 20, 30].map(|size| complete(size, false)));
    println!("growth: CAs that all sign one another, with a root");
    table(&[10, 20, 30].map(|size| complete(size, true)));
}

fn table(piles: &[Pile]) {
    // A fresh memory each time: what is measured is the first sight of a pile.
    let mut contestants: Vec<Contestant<'_>> = piles
        .iter()
        .map(|pile| {
            Contestant::new(&pile.name, || {
                let bundler = pile.bundler.clone().memory(SignatureMemory::new());
                bundler.chain(&pile.leaf, pile.candidates.clone())
            })
        })
        .collect();
    let figures = measure(&mut contestants);
    for ((contestant, pile), figure) in contestants.iter().zip(piles).zip(figures) {
        let size = f64::from(u32::try_from(pile.size).expect("small"));
        println!(
            "  {:<62} {:>7.2} ms   {:>5.1} us each   {:>6.2}x the first   {}",
            contestant.name,
            figure.time.as_secs_f64() * 1e3,
            figure.time.as_secs_f64() * 1e6 / size,
            figure.ratio,
            ending(pile)
        );
    }
}

/// How the chain ended, and what the search met.
fn ending(pile: &Pile) -> String {
    let mut search = Search::new(
        pile.leaf.clone(),
        pile.candidates.clone(),
        vec![pile.store.clone()],
        UnixTime::now(),
    );
    let mut limit = None;
    loop {
        match search.next_step() {
            Step::Limit(met) => limit = Some(met),
            Step::Done => break,
            _ => {}
        }
    }
    let outcome = match pile.bundler.chain(&pile.leaf, pile.candidates.clone()) {
        Ok((chain, _)) => format!("path of {}", chain.intermediates().len()),
        Err(refusal) => {
            let codes = refusal
                .report()
                .errors()
                .map(|error| error.code.to_string());
            codes.collect::<Vec<_>>().join(", ")
        }
    };
    match limit {
        Some(limit) => format!("{outcome} (limit: {limit})"),
        None => outcome,
    }
}

fn certificate(der: &[u8]) -> Certificate {
    Certificate::new(CertificateDer::from(der.to_vec()), Origin::new("bench")).expect("clean")
}

fn pile(name: String, root: &Ca, leaf: &Leaf, cas: &[Ca]) -> Pile {
    let roots = Reader::new().read("root", root.cert_pem.as_bytes());
    let (store, _) = TrustStore::from_material("root", roots.expect("clean")).expect("a root");
    let candidates: Vec<_> = cas.iter().map(|ca| certificate(&ca.cert_der)).collect();
    Pile {
        name,
        size: candidates.len(),
        leaf: certificate(&leaf.cert_der),
        candidates,
        bundler: Bundler::new(store.clone(), UnixTime::now()),
        store,
    }
}

fn named(name: &str, key: usize) -> CaOptions {
    CaOptions {
        shared_key: Some(Key::nth(KeyKind::P256, key)),
        ..CaOptions::named(name)
    }
}

enum DecoyKeyId {
    Absent,
    Wrong,
    Right,
}

/// The leaf's issuer, last in the pile, behind CAs of its name with other keys.
fn decoys(size: usize, key_id: DecoyKeyId) -> Pile {
    let root = Ca::root_with(named("Root", 0));
    let with_id = |key_id: KeyId, key| CaOptions {
        key_id,
        ..named("Issuer", key)
    };
    let right = KeyId::Given(vec![1; 20]);
    let (name, decoy_id) = match key_id {
        DecoyKeyId::Absent => ("without key identifier", KeyId::Absent),
        DecoyKeyId::Wrong => ("with another key identifier", KeyId::Derived),
        DecoyKeyId::Right => ("with the right key identifier", right.clone()),
    };
    let real = match key_id {
        DecoyKeyId::Absent => KeyId::Absent,
        _ => right,
    };
    let issuer = root.intermediate_with(with_id(real, 1));
    let leaf = issuer.leaf_named("www.example.com");
    let decoy = |number| root.intermediate_with(with_id(decoy_id.clone(), 2 + number));
    let mut cas: Vec<Ca> = (0..size).map(decoy).collect();
    cas.push(issuer);
    pile(
        format!("{size} CAs of the issuer's name, {name}"),
        &root,
        &leaf,
        &cas,
    )
}

/// CAs that have all signed one another; the leaf is the first one's, a root signed the last.
fn complete(size: usize, rooted: bool) -> Pile {
    let root = Ca::root_with(named("Root", 0));
    let name = |number: usize| format!("CA {number}");
    let own: Vec<Ca> = (0..size)
        .map(|number| Ca::root_with(named(&name(number), 1 + number)))
        .collect();
    let leaf = own[0].leaf_named("www.example.com");
    let mut cas: Vec<Ca> = own
        .iter()
        .enumerate()
        .flat_map(|(signer, ca)| {
            (0..size)
                .filter(move |&number| number != signer)
                .map(move |number| ca.intermediate_with(named(&name(number), 1 + number)))
        })
        .collect();
    if rooted {
        cas.push(root.intermediate_with(named(&name(size - 1), size)));
    }
    let end = if rooted { "to a root" } else { "to none" };
    pile(
        format!("{size} CAs all signing one another, {end}"),
        &root,
        &leaf,
        &cas,
    )
}

/// CAs each signed by the next one, the last by the first.
fn ring(size: usize) -> Pile {
    let root = Ca::root_with(named("Root", 0));
    let name = |number: usize| format!("CA {number}");
    let own: Vec<Ca> = (0..size)
        .map(|number| Ca::root_with(named(&name(number), 1 + number)))
        .collect();
    let leaf = own[0].leaf_named("www.example.com");
    let cas: Vec<Ca> = (0..size)
        .map(|number| own[(number + 1) % size].intermediate_with(named(&name(number), 1 + number)))
        .collect();
    pile(format!("a loop of {size} CAs"), &root, &leaf, &cas)
}

/// A chain that leads to the root, and is longer than any client takes.
fn line(size: usize) -> Pile {
    let root = Ca::root_with(named("Root", 0));
    let mut cas: Vec<Ca> = Vec::new();
    for number in 0..size {
        let signer = cas.last().unwrap_or(&root);
        cas.push(signer.intermediate_with(named(&format!("CA {number}"), 1 + number)));
    }
    let leaf = cas[size - 1].leaf_named("www.example.com");
    pile(format!("a chain of {size}"), &root, &leaf, &cas)
}
