//! A refusal says where the chain breaks and why: the certificate, its place, the cure; and what
//! holds up to there.

mod common;

use common::bundling::{TODAY, at, bundler, errors, lines, place, read, roots, the};
use common::der::{contents, der, sequence, values};
use common::extension::{self as ext, add};
use common::pki::{Ca, CaOptions, Day, Eku, KeyId, Leaf, LeafOptions, pem_block};
use fullchain::chain::Limits;
use fullchain::{Bundler, Code, Finding, Refusal, Report};

fn refused(bundler: &Bundler, pems: &[&str]) -> Refusal {
    let verified = bundler.verify(read("pile.pem", pems.concat()));
    verified.expect_err("it is refused")
}

/// The one reason: at that block of the pile, in these words, with a cure.
#[track_caller]
fn says(refusal: &Refusal, code: Code, pems: &[&str], words: &[&str]) {
    let report = refusal.report();
    assert_eq!(errors(refusal), [code], "{report}");
    let finding = the(report, code);
    assert_eq!(place(finding), lines(pems), "{finding}");
    for word in words {
        assert!(finding.message.contains(word), "{word}: {finding}");
    }
    assert!(finding.help.is_some(), "{finding}");
}

fn links(report: &Report) -> Vec<&str> {
    let links = report.with_code(Code::Link);
    links.map(|link: &Finding| link.message.as_str()).collect()
}

/// Root, issuer and leaf, of which a test changes one.
struct Three {
    root: Ca,
    issuer: Ca,
    leaf: Leaf,
}

impl Three {
    fn new(issuer: CaOptions, leaf: LeafOptions) -> Three {
        let root = Ca::root("Root");
        let issuer = root.intermediate_with(issuer);
        let leaf = issuer.leaf(leaf);
        Three { root, issuer, leaf }
    }

    fn pems(&self) -> [&str; 2] {
        [&self.leaf.cert_pem, &self.issuer.cert_pem]
    }

    fn on(&self, day: Day) -> Refusal {
        let bundler = Bundler::new(roots(&[&self.root.cert_pem]), at(day));
        refused(&bundler, &self.pems())
    }
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

#[test]
fn a_missing_issuer_by_name_key_identifier_and_address_after_the_links_that_hold() {
    let root = Ca::root("Root");
    let upper = root.intermediate_with(CaOptions {
        key_id: KeyId::Given(vec![0xab, 0xcd, 7]),
        ..CaOptions::named("Upper")
    });
    let lower = upper.intermediate_with(CaOptions {
        ca_issuers: vec!["http://ca.example/upper.der".to_owned()],
        ..CaOptions::named("Lower")
    });
    let leaf = lower.leaf_named("www.example.com");
    let pems = [&*leaf.cert_pem, &lower.cert_pem];
    let refusal = refused(&bundler(&[&root.cert_pem]), &pems);
    says(
        &refusal,
        Code::MissingIssuer,
        &pems,
        &["CN=Lower", "CN=Upper", &hex(&[0xab, 0xcd, 7]), "roots"],
    );
    let help = the(refusal.report(), Code::MissingIssuer).help.clone();
    assert!(help.unwrap().contains("http://ca.example/upper.der"));
    let held = links(refusal.report());
    assert_eq!(held.len(), 1);
    assert!(
        held[0].contains("CN=www.example.com was signed by CN=Lower"),
        "{held:?}"
    );
}

#[test]
fn a_namesake_with_another_key_by_both_key_identifiers() {
    let root = Ca::root("Root");
    let ids = [vec![1, 0xaa], vec![2, 0xbb]];
    let issuers = ids.clone().map(|id| {
        root.intermediate_with(CaOptions {
            key_id: KeyId::Given(id),
            ..CaOptions::named("Issuer")
        })
    });
    let leaf = issuers[0].leaf_named("www.example.com");
    let pems = [&*leaf.cert_pem, &issuers[1].cert_pem];
    let refusal = refused(&bundler(&[&root.cert_pem]), &pems);
    let words = ["CN=Issuer", "did not sign it", &hex(&ids[0]), &hex(&ids[1])];
    says(&refusal, Code::BadSignature, &pems[..1], &words);
}

#[test]
fn a_flipped_bit_as_damage() {
    let three = Three::new(CaOptions::named("Issuer"), LeafOptions::default());
    let mut flipped = three.leaf.cert_der.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let flipped = pem_block("CERTIFICATE", &flipped);
    let pems = [&*flipped, &three.issuer.cert_pem];
    let refusal = refused(&bundler(&[&three.root.cert_pem]), &pems);
    says(
        &refusal,
        Code::BadSignature,
        &pems[..1],
        &["damaged", "pile.pem:"],
    );
    let help = the(refusal.report(), Code::BadSignature).help.clone();
    assert!(help.unwrap().contains("anew from the CA"));
}

#[test]
fn dates_with_the_day() {
    let issuer = CaOptions {
        not_before: (2024, 2, 1),
        not_after: (2025, 3, 1),
        ..CaOptions::named("Issuer")
    };
    let three = Three::new(issuer, LeafOptions::default());
    for (day, code, word) in [
        (
            (2026, 1, 1),
            Code::Expired,
            "expired on 2025-03-01T00:00:00Z",
        ),
        (
            (2023, 1, 1),
            Code::NotYetValid,
            "not valid before 2024-02-01T00:00:00Z",
        ),
    ] {
        says(&three.on(day), code, &three.pems(), &["CN=Issuer", word]);
    }
    // Nobody but the CA can renew an intermediate.
    let help = the(three.on((2026, 1, 1)).report(), Code::Expired)
        .help
        .clone();
    assert!(help.unwrap().contains("current certificate"));
}

#[test]
fn an_issuer_that_is_no_ca() {
    let root = Ca::root("Root");
    let fake = root.intermediate("Fake");
    let leaf = fake.leaf_named("www.example.com");
    let no_ca = root.reissue(&fake.cert_der, |it| {
        ext::replace(it, ext::BASIC_CONSTRAINTS, true, &[0x30, 0]);
    });
    let no_ca = pem_block("CERTIFICATE", &no_ca);
    let pems = [&*leaf.cert_pem, &no_ca];
    let refusal = refused(&bundler(&[&root.cert_pem]), &pems);
    says(&refusal, Code::NotACa, &pems, &["CN=Fake"]);
}

#[test]
fn a_path_too_long_by_what_is_allowed_and_what_is_there() {
    let root = Ca::root("Root");
    let upper = root.intermediate_with(CaOptions {
        path_len: Some(0),
        ..CaOptions::named("Upper")
    });
    let lower = upper.intermediate("Lower");
    let leaf = lower.leaf_named("www.example.com");
    let pems = [&*leaf.cert_pem, &lower.cert_pem, &upper.cert_pem];
    let refusal = refused(&bundler(&[&root.cert_pem]), &pems);
    says(
        &refusal,
        Code::PathLength,
        &pems,
        &["CN=Upper allows 0", "there is 1"],
    );
    assert_eq!(links(refusal.report()).len(), 2);
}

#[test]
fn name_constraints_by_name_and_subtree() {
    let issuer = CaOptions {
        permitted_dns: vec!["corp.example".to_owned()],
        ..CaOptions::named("Issuer")
    };
    let three = Three::new(issuer, LeafOptions::default());
    let words = [
        "CN=Issuer (pile.pem:",
        "www.example.com is in",
        "(corp.example)",
    ];
    says(
        &three.on(TODAY),
        Code::NameConstraint,
        &three.pems()[..1],
        &words,
    );

    let base = der(0x87, &[&[10, 0, 0, 0, 255, 0, 0, 0]]);
    let directory = der(0xa4, &[&der(0x30, &[])]);
    for (base, words) in [
        (base, ["192.0.2.1", "10.0.0.0/8"]),
        (directory, ["directory names", "RFC 5280 permits"]),
    ] {
        let mut three = Three::new(
            CaOptions::named("Issuer"),
            LeafOptions {
                ips: vec!["192.0.2.1".parse().unwrap()],
                ..LeafOptions::default()
            },
        );
        let subtree = der(0x30, &[&der(0xa0, &[&der(0x30, &[&base])])]);
        let constrained = three.root.reissue(&three.issuer.cert_der, |it| {
            add(it, ext::NAME_CONSTRAINTS, true, &subtree);
        });
        three.issuer.cert_pem = pem_block("CERTIFICATE", &constrained);
        says(
            &three.on(TODAY),
            Code::NameConstraint,
            &three.pems()[..1],
            &words,
        );
    }
}

#[test]
fn a_wrong_usage_by_the_usages_there_are() {
    let leaf = LeafOptions {
        ekus: vec![Eku::ClientAuth],
        ..LeafOptions::default()
    };
    let three = Three::new(CaOptions::named("Issuer"), leaf);
    let words = ["CN=www.example.com", "TLS clients only"];
    says(
        &three.on(TODAY),
        Code::NotForServers,
        &three.pems()[..1],
        &words,
    );
}

#[test]
fn a_ca_in_the_place_of_a_server_though_rfc_5280_would_permit_it() {
    let leaf = LeafOptions {
        is_ca: Some(true),
        ..LeafOptions::default()
    };
    let three = Three::new(CaOptions::named("Issuer"), leaf);
    says(
        &three.on(TODAY),
        Code::CaAsLeaf,
        &three.pems()[..1],
        &["RFC 5280 would permit"],
    );
}

#[test]
fn an_algorithm_that_is_not_supported() {
    let root = Ca::root("Root");
    let leaf = root.leaf_named("www.example.com");
    // ecdsa-with-SHA1 (RFC 3279), which differs in the last bytes of its identifier.
    let (sha256, sha1) = (
        der(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]),
        der(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]]),
    );
    let [tbs, algorithm, signature] = values(contents(&leaf.cert_der)).try_into().unwrap();
    assert_eq!(algorithm, sequence(&[sha256]));
    let weak = sequence(&[sha1]);
    let mut fields = values(contents(&tbs));
    fields[2].clone_from(&weak);
    let weak = pem_block(
        "CERTIFICATE",
        &sequence(&[sequence(&fields), weak, signature]),
    );
    let refusal = refused(&bundler(&[&root.cert_pem]), &[&weak]);
    says(
        &refusal,
        Code::UnsupportedAlgorithm,
        &[&weak],
        &["CN=www.example.com"],
    );
}

#[test]
fn the_limit_that_ended_the_search() {
    let three = Three::new(CaOptions::named("Issuer"), LeafOptions::default());
    let mut limits = Limits::default();
    limits.max_signature_checks = 0;
    let bundler = bundler(&[&three.root.cert_pem]).limits(limits);
    let refusal = refused(&bundler, &three.pems());
    let words = ["CN=www.example.com", "0 signature checks"];
    says(&refusal, Code::LimitExceeded, &three.pems()[..1], &words);
}

#[test]
fn cas_that_sign_one_another() {
    let (a, b) = (Ca::root("A"), Ca::root("B"));
    let below = |ca: &Ca, of: &Ca, name: &str| {
        let options = CaOptions {
            shared_key: Some(of.key.clone()),
            ..CaOptions::named(name)
        };
        ca.intermediate_with(options).cert_pem
    };
    let leaf = a.leaf_named("www.example.com");
    let (a_by_b, b_by_a) = (below(&b, &a, "A"), below(&a, &b, "B"));
    let pems = [&*leaf.cert_pem, &a_by_b, &b_by_a];
    let refusal = refused(&bundler(&[&Ca::root("Root").cert_pem]), &pems);
    assert_eq!(errors(&refusal), [Code::MissingIssuer]);
    let finding = the(refusal.report(), Code::MissingIssuer);
    assert!(finding.message.contains("sign one another"), "{finding}");
    let help = finding.help.as_ref().unwrap();
    assert!(help.contains("issued to one of them"), "{help}");
}

#[test]
fn a_self_issued_ca_that_rfc_5280_would_not_count() {
    let root = Ca::root("Root");
    let upper = root.intermediate_with(CaOptions {
        path_len: Some(0),
        ..CaOptions::named("Issuer")
    });
    let rolled = upper.intermediate("Issuer");
    let leaf = rolled.leaf_named("www.example.com");
    let pems = [&*leaf.cert_pem, &rolled.cert_pem, &upper.cert_pem];
    let refusal = refused(&bundler(&[&root.cert_pem]), &pems);
    says(
        &refusal,
        Code::PathLength,
        &pems,
        &["RFC 5280 would not count"],
    );
}
