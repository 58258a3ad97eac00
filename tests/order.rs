//! The chain is put in issuing order by real signatures; what is no part of it is left out, each
//! certificate with a finding that points at it.

mod common;

use common::bundling::{
    TODAY, at, build, bundler, codes, ders, errors, lines, named_roots, place, read, roots, the,
};
use common::pki::{Ca, CaOptions, KeyId, Leaf, LeafOptions, self_signed_leaf};
use fullchain::{Bundle, Bundler, Certificate, Code, Origin, Refusal, Severity};

/// The bundle of a leaf, its key and these CA certificates, for clients that trust these roots.
fn chain(roots: &[&Ca], cas: &[&Ca], leaf: &Leaf) -> Result<Bundle, Refusal> {
    let roots: Vec<_> = roots.iter().map(|root| root.cert_pem.as_str()).collect();
    build(&bundler(&roots), &pile(cas, leaf))
}

/// The CAs' certificates, the leaf's, and its key.
fn pile<'a>(cas: &[&'a Ca], leaf: &'a Leaf) -> Vec<&'a str> {
    let cas = cas.iter().map(|ca| ca.cert_pem.as_str());
    cas.chain([leaf.cert_pem.as_str(), &leaf.key_pem]).collect()
}

/// What is owed: the leaf and these, in this order, and nothing else.
fn owed(leaf: &Leaf, cas: &[&Ca]) -> Vec<Vec<u8>> {
    let cas = cas.iter().map(|ca| ca.cert_der.clone());
    [leaf.cert_der.clone()].into_iter().chain(cas).collect()
}

/// The codes of the certificates that were left out, with their places.
fn left_out(bundle: &Bundle) -> Vec<(Code, String)> {
    let kinds = [
        Code::RootLeftOut,
        Code::ExpiredLeftOut,
        Code::LeafLeftOut,
        Code::UnrelatedCertificate,
        Code::AlternativeLeftOut,
        Code::DuplicateCertificate,
    ];
    let findings = bundle.report().findings().iter();
    findings
        .filter(|finding| kinds.contains(&finding.code))
        .map(|finding| (finding.code, place(finding)))
        .collect()
}

#[test]
fn intermediates_stand_in_issuing_order_however_they_came() {
    let root = Ca::root("Root");
    let a = root.intermediate("A");
    let b = a.intermediate("B");
    let c = b.intermediate("C");
    let leaf = c.leaf_named("www.example.com");
    for cas in [[&a, &b, &c], [&c, &b, &a], [&b, &c, &a], [&c, &a, &b]] {
        let bundle = chain(&[&root], &cas, &leaf).unwrap();
        assert_eq!(ders(&bundle), owed(&leaf, &[&c, &b, &a]));
        the(bundle.report(), Code::Reordered);
    }
}

#[test]
fn of_two_cas_with_one_name_the_one_that_signed_is_taken() {
    for key_id in [KeyId::Derived, KeyId::Absent] {
        let issuer = || CaOptions {
            key_id: key_id.clone(),
            ..CaOptions::named("Issuer")
        };
        let root = Ca::root("Root");
        let wrong = root.intermediate_with(issuer());
        let right = root.intermediate_with(issuer());
        let leaf = right.leaf_named("www.example.com");
        for cas in [[&wrong, &right], [&right, &wrong]] {
            let bundle = chain(&[&root], &cas, &leaf).unwrap();
            assert_eq!(ders(&bundle), owed(&leaf, &[&right]), "{key_id:?}");
            assert_eq!(left_out(&bundle).len(), 1);
        }
        let pems = pile(&[&wrong, &right], &leaf);
        let bundle = build(&bundler(&[&root.cert_pem]), &pems).unwrap();
        let left = (Code::AlternativeLeftOut, lines(&pems[..1]));
        assert_eq!(left_out(&bundle), [left]);
        let mut said = bundle.report().with_code(Code::AlternativeLeftOut);
        let said = &said.next().expect("one was left out").message;
        assert!(said.contains("CN=Issuer has another key"), "{said}");
    }
}

#[test]
fn a_ca_of_the_issuers_name_alone_is_no_issuer() {
    let root = Ca::root("Root");
    let right = root.intermediate("Issuer");
    let wrong = root.intermediate("Issuer");
    let leaf = right.leaf_named("www.example.com");
    let pems = pile(&[&wrong], &leaf);
    let refusal = build(&bundler(&[&root.cert_pem]), &pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::BadSignature]);
    let finding = the(refusal.report(), Code::BadSignature);
    assert_eq!(place(finding), lines(&pems[..2]));
    assert!(finding.message.contains(&lines(&pems[..1])), "{finding}");
}

#[test]
fn misleading_key_identifiers_do_not_mislead() {
    let named = |id: &[u8]| CaOptions {
        key_id: KeyId::Given(id.to_vec()),
        ..CaOptions::named("Issuer")
    };
    let root = Ca::root("Root");
    let real = root.intermediate_with(named(b"one"));
    let leaf = real.leaf_named("www.example.com");
    // The issuer's own certificate has another identifier than the leaf asks for, and a stranger has it.
    let reissued = root.intermediate_with(CaOptions {
        shared_key: Some(real.key.clone()),
        ..named(b"two")
    });
    let decoy = root.intermediate_with(named(b"one"));
    let bundle = chain(&[&root], &[&decoy, &reissued], &leaf).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&reissued]));
}

#[test]
fn of_cross_signed_twins_the_one_whose_root_is_trusted_is_taken() {
    let (a, b) = (Ca::root("Root A"), Ca::root("Root B"));
    let from_a = a.intermediate("Issuer");
    let from_b = b.intermediate_with(CaOptions {
        shared_key: Some(from_a.key.clone()),
        ..CaOptions::named("Issuer")
    });
    let leaf = from_a.leaf_named("www.example.com");
    for cas in [[&from_a, &from_b], [&from_b, &from_a]] {
        for (root, issuer) in [(&a, &from_a), (&b, &from_b)] {
            let bundle = chain(&[root], &cas, &leaf).unwrap();
            assert_eq!(ders(&bundle), owed(&leaf, &[issuer]));
            assert_eq!(left_out(&bundle).len(), 1);
            assert!(bundle.report().has(Code::AlternativeLeftOut));
        }
    }
}

#[test]
fn a_cross_sign_is_sent_only_to_those_who_need_it() {
    let (old, new) = (Ca::root("Old Root"), Ca::root("New Root"));
    let cross = old.intermediate_with(CaOptions {
        shared_key: Some(new.key.clone()),
        ..CaOptions::named("New Root")
    });
    let issuer = new.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let cas = [&cross, &old, &issuer, &new];

    let bundle = chain(&[&new], &cas, &leaf).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&issuer]));
    let bundle = chain(&[&old], &cas, &leaf).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&issuer, &cross]));
    let bundle = chain(&[&old, &new], &cas, &leaf).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&issuer]));

    // Two kinds of client: what both accept is longer.
    let both = Bundler::new(named_roots("new", &[&new.cert_pem]), at(TODAY))
        .trust(named_roots("old", &[&old.cert_pem]));
    let bundle = build(&both, &pile(&cas, &leaf)).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&issuer, &cross]));
    assert_eq!(bundle.chain().trusted_by(), ["new", "old"]);
}

#[test]
fn an_expired_twin_gives_way_to_its_renewal() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let dated = |from, to| {
        root.intermediate_with(CaOptions {
            shared_key: Some(issuer.key.clone()),
            not_before: (from, 1, 1),
            not_after: (to, 1, 1),
            ..CaOptions::named("Issuer")
        })
    };
    let (expired, renewed) = (dated(2020, 2025), dated(2025, 2030));
    let leaf = issuer.leaf_named("www.example.com");
    for cas in [[&expired, &renewed], [&renewed, &expired]] {
        let pems = pile(&cas, &leaf);
        let bundle = build(&bundler(&[&root.cert_pem]), &pems).unwrap();
        assert_eq!(ders(&bundle), owed(&leaf, &[&renewed]));
        let left = the(bundle.report(), Code::ExpiredLeftOut);
        assert_eq!(left.severity, Severity::Warning);
        assert!(left.message.contains("2025-01-01T00:00:00Z"), "{left}");
    }
}

#[test]
fn of_twins_in_date_the_one_whose_key_identifier_is_named_or_that_lasts_longer_is_taken() {
    let root = Ca::root("Root");
    let issuer = root.intermediate_with(CaOptions {
        key_id: KeyId::Given(b"named".to_vec()),
        not_after: (2030, 1, 1),
        ..CaOptions::named("Issuer")
    });
    let twin = |id: &[u8], year| {
        root.intermediate_with(CaOptions {
            shared_key: Some(issuer.key.clone()),
            key_id: KeyId::Given(id.to_vec()),
            not_after: (year, 1, 1),
            ..CaOptions::named("Issuer")
        })
    };
    let leaf = issuer.leaf_named("www.example.com");
    let (longer, longest) = (twin(b"named", 2040), twin(b"other", 2050));
    for cas in [[&issuer, &longer, &longest], [&longest, &longer, &issuer]] {
        let bundle = chain(&[&root], &cas, &leaf).unwrap();
        assert_eq!(ders(&bundle), owed(&leaf, &[&longer]));
    }
}

#[test]
fn a_hundred_expired_twins_do_not_use_up_the_limit_on_paths() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let twins: Vec<Ca> = (0..120)
        .map(|_| {
            root.intermediate_with(CaOptions {
                shared_key: Some(issuer.key.clone()),
                not_after: (2021, 1, 1),
                ..CaOptions::named("Issuer")
            })
        })
        .collect();
    let leaf = issuer.leaf_named("www.example.com");
    let cas: Vec<&Ca> = twins.iter().chain([&issuer]).collect();
    let bundle = chain(&[&root], &cas, &leaf).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&issuer]));
}

#[test]
fn an_expired_root_that_signed_a_needless_cross_sign_is_left_out() {
    let old = Ca::root_with(CaOptions {
        not_after: (2021, 9, 30),
        ..CaOptions::named("Old Root")
    });
    let new = Ca::root("New Root");
    let cross = old.intermediate_with(CaOptions {
        shared_key: Some(new.key.clone()),
        not_after: (2024, 9, 30),
        ..CaOptions::named("New Root")
    });
    let issuer = new.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let pems = pile(&[&issuer, &cross, &old], &leaf);
    let bundle = build(&bundler(&[&new.cert_pem, &old.cert_pem]), &pems).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&issuer]));
    assert_eq!(
        left_out(&bundle),
        [
            (Code::ExpiredLeftOut, lines(&pems[..2])),
            (Code::ExpiredLeftOut, lines(&pems[..3])),
        ]
    );
}

#[test]
fn loops_end() {
    let root = Ca::root("Root");
    let a = root.intermediate("A");
    let b = a.intermediate("B");
    // Each has signed the other.
    let a_by_b = b.intermediate_with(CaOptions {
        shared_key: Some(a.key.clone()),
        ..CaOptions::named("A")
    });
    let leaf = b.leaf_named("www.example.com");
    let bundle = chain(&[&root], &[&a_by_b, &b, &a], &leaf).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&b, &a]));

    let refusal = chain(&[&root], &[&a_by_b, &b], &leaf).unwrap_err();
    assert_eq!(
        errors(&refusal),
        [Code::MissingIssuer],
        "{}",
        refusal.report()
    );
}

#[test]
fn a_self_issued_certificate_of_a_key_rollover_is_an_intermediate() {
    let old = Ca::root("Root");
    let new_with_old = old.intermediate("Root");
    let leaf = new_with_old.leaf_named("www.example.com");
    let bundle = chain(&[&old], &[&new_with_old, &old], &leaf).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&new_with_old]));
    assert_eq!(left_out(&bundle)[0].0, Code::RootLeftOut);
}

#[test]
fn every_certificate_that_is_left_out_has_its_finding() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let shop = issuer.leaf_named("shop.example.com");
    let stranger = Ca::root("Stranger");
    let strangers_child = stranger.intermediate("Stranger's");
    let expired = stranger.intermediate_with(CaOptions {
        not_after: (2024, 1, 1),
        ..CaOptions::named("Old Stranger")
    });
    let cousin = root.intermediate("Issuer");
    let pems = [
        &root.cert_pem,
        &stranger.cert_pem,
        &shop.cert_pem,
        &expired.cert_pem,
        &leaf.cert_pem,
        &cousin.cert_pem,
        &strangers_child.cert_pem,
        &issuer.cert_pem,
        &leaf.cert_pem,
        &leaf.key_pem,
    ]
    .map(String::as_str);
    let bundle = build(&bundler(&[&root.cert_pem]), &pems).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&issuer]));
    let place = |index: usize| lines(&pems[..=index]);
    assert_eq!(
        left_out(&bundle),
        [
            (Code::DuplicateCertificate, place(8)),
            (Code::RootLeftOut, place(0)),
            (Code::UnrelatedCertificate, place(1)),
            (Code::LeafLeftOut, place(2)),
            (Code::ExpiredLeftOut, place(3)),
            (Code::AlternativeLeftOut, place(5)),
            (Code::UnrelatedCertificate, place(6)),
        ]
    );
}

#[test]
fn a_hundred_decoys_change_nothing() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let twins: Vec<Ca> = (0..50).map(|_| root.intermediate("Issuer")).collect();
    let others: Vec<Ca> = (0..50).map(|n| Ca::root(&format!("Other {n}"))).collect();
    let cas: Vec<&Ca> = twins.iter().chain(&others).chain([&issuer]).collect();
    let bundle = chain(&[&root], &cas, &leaf).unwrap();
    assert_eq!(ders(&bundle), owed(&leaf, &[&issuer]));
    assert_eq!(left_out(&bundle).len(), 100);
}

/// A CA, and that many below it.
fn line_of_cas(length: usize) -> Vec<Ca> {
    let mut cas = vec![Ca::root("Root")];
    for number in 1..=length {
        let above = cas.last().expect("the root is there");
        cas.push(above.intermediate(&format!("CA {number}")));
    }
    cas
}

#[test]
fn six_intermediates_are_taken_and_seven_refused_with_the_limit() {
    let cas = line_of_cas(7);
    let refs: Vec<&Ca> = cas.iter().collect();
    let leaf = cas[6].leaf_named("www.example.com");
    let bundle = chain(&refs[..1], &refs[1..], &leaf).unwrap();
    let upwards: Vec<&Ca> = refs[1..7].iter().rev().copied().collect();
    assert_eq!(ders(&bundle), owed(&leaf, &upwards));

    let leaf = cas[7].leaf_named("www.example.com");
    let refusal = chain(&refs[..1], &refs[1..], &leaf).unwrap_err();
    assert_eq!(errors(&refusal), [Code::LimitExceeded]);
    let finding = the(refusal.report(), Code::LimitExceeded);
    assert!(finding.message.contains("6 intermediates"), "{finding}");
}

#[test]
fn a_self_signed_leaf_is_refused_unless_it_is_a_root_itself() {
    let leaf = self_signed_leaf("www.example.com", false);
    let stranger = Ca::root("Root");
    let pems = pile(&[], &leaf);
    let refusal = build(&bundler(&[&stranger.cert_pem]), &pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::SelfSigned]);
    let finding = the(refusal.report(), Code::SelfSigned);
    assert_eq!(place(finding), lines(&pems[..1]));

    let own = bundler(&[&leaf.cert_pem]);
    for include_root in [false, true] {
        let bundle = build(&own.clone().include_root(include_root), &pems).unwrap();
        assert_eq!(ders(&bundle), owed(&leaf, &[]));
        assert_eq!(codes(bundle.report()), []);
    }
}

#[test]
fn a_self_signed_ca_is_refused_as_a_leaf_even_if_it_is_a_root() {
    let leaf = self_signed_leaf("www.example.com", true);
    let pems = pile(&[], &leaf);
    let refusal = build(&bundler(&[&leaf.cert_pem]), &pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::CaAsLeaf]);
    let finding = the(refusal.report(), Code::CaAsLeaf);
    assert_eq!(place(finding), lines(&pems[..1]));

    let stranger = Ca::root("Root");
    let refusal = build(&bundler(&[&stranger.cert_pem]), &pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::SelfSigned]);
}

#[test]
fn a_chain_to_an_untrusted_root_names_that_root() {
    let (trusted, root) = (Ca::root("Trusted"), Ca::root("Corporate Root"));
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let pems = pile(&[&root, &issuer], &leaf);
    let refusal = build(&bundler(&[&trusted.cert_pem]), &pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::MissingIssuer]);
    let finding = the(refusal.report(), Code::MissingIssuer);
    assert_eq!(place(finding), lines(&pems[..1]));
    assert!(finding.message.contains("Corporate Root"), "{finding}");
}

#[test]
fn a_missing_intermediate_is_named_with_its_key_and_the_url_that_has_it() {
    let root = Ca::root("Root");
    let upper = root.intermediate("Upper");
    let lower = upper.intermediate_with(CaOptions {
        ca_issuers: vec!["http://ca.example.com/upper.cer".to_owned()],
        key_id: KeyId::Given(vec![0xab, 0xcd]),
        ..CaOptions::named("Lower")
    });
    let leaf = lower.leaf(LeafOptions {
        ca_issuers: vec!["http://ca.example.com/lower.cer".to_owned()],
        ..LeafOptions::default()
    });
    for (cas, at, name, url) in [
        (&[][..], 1, "CN=Lower (key identifier ab:cd)", "lower.cer"),
        (&[&lower], 1, "CN=Upper", "upper.cer"),
    ] {
        let pems = pile(cas, &leaf);
        let refusal = build(&bundler(&[&root.cert_pem]), &pems).unwrap_err();
        assert_eq!(errors(&refusal), [Code::MissingIssuer]);
        let finding = the(refusal.report(), Code::MissingIssuer);
        assert_eq!(place(finding), lines(&pems[..at]));
        assert!(finding.message.contains(name), "{finding}");
        assert!(finding.help.as_ref().unwrap().contains(url), "{finding:?}");
    }
}

#[test]
fn a_non_ca_that_signed_is_refused() {
    let root = Ca::root("Root");
    // A leaf's certificate for the key with which another leaf was signed.
    let impostor = Ca::root("Impostor");
    let certified = root.leaf(LeafOptions {
        shared_key: Some(impostor.key.clone()),
        dns: Vec::new(),
        ..LeafOptions::named("Impostor")
    });
    let leaf = impostor.leaf_named("www.example.com");
    let pems = [&leaf.cert_pem, &certified.cert_pem, &leaf.key_pem].map(String::as_str);
    let refusal = build(&bundler(&[&root.cert_pem]), &pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::NotACa]);
    let finding = the(refusal.report(), Code::NotACa);
    assert_eq!(place(finding), lines(&pems[..2]));
}

#[test]
fn a_damaged_intermediate_is_the_reason_when_it_is_what_is_missing() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let damaged = issuer.cert_pem.replacen("\nMII", "\nM*I", 1);
    let pems = [&leaf.cert_pem, &leaf.key_pem, &damaged].map(String::as_str);
    let refusal = build(&bundler(&[&root.cert_pem]), &pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::MissingIssuer, Code::CorruptBase64]);
    let finding = the(refusal.report(), Code::CorruptBase64);
    assert!(place(finding).starts_with("pile.pem:"), "{finding}");
}

#[test]
fn a_signature_that_was_altered_is_refused() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let mut altered = leaf.cert_der.clone();
    *altered.last_mut().unwrap() ^= 1;
    let altered = Certificate::new(altered.into(), Origin::new("leaf.der")).unwrap();
    let mut material = read("pile.pem", [&*issuer.cert_pem, &leaf.key_pem].concat());
    material.certificates.push(altered);
    let bundler = Bundler::new(roots(&[&root.cert_pem]), at(TODAY));
    let refusal = bundler.build(material).unwrap_err();
    assert_eq!(errors(&refusal), [Code::BadSignature]);
    let finding = the(refusal.report(), Code::BadSignature);
    assert_eq!(place(finding), "leaf.der");
}
