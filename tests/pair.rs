//! Of several keys and certificates, the pair that belongs together is found; where there is none
//! or more than one, the refusal says who is who.

mod common;

use common::bundling::{at, build, bundler, codes, errors, lines, place, read, roots, the};
use common::der::{contents, der, sequence, values};
use common::openssl::{KeyShape, key_shape};
use common::pki::{Ca, Key, KeyKind, Leaf, LeafOptions, pem_block, self_signed_leaf};
use fullchain::{Bundle, Bundler, Code, Refusal, Severity, haproxy};

struct Site {
    root: Ca,
    issuer: Ca,
}

impl Site {
    fn new() -> Site {
        let root = Ca::root("Root");
        let issuer = root.intermediate("Issuer");
        Site { root, issuer }
    }

    fn leaf(&self, name: &str) -> Leaf {
        self.issuer.leaf_named(name)
    }

    fn build(&self, pems: &[&str]) -> Result<Bundle, Refusal> {
        build(&bundler(&[&self.root.cert_pem]), pems)
    }
}

#[test]
fn the_one_pair_is_found_among_several_keys_and_leaves() {
    let site = Site::new();
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let [a, b, c] = names.map(|name| site.leaf(name));
    let stray = Key::new(KeyKind::P256).pem();
    let rsa = Key::nth(KeyKind::Rsa(2048), 0).pem();
    let pems = [
        &stray,
        &a.cert_pem,
        &rsa,
        &c.cert_pem,
        &b.key_pem,
        &site.issuer.cert_pem,
        &b.cert_pem,
    ]
    .map(String::as_str);
    let bundle = site.build(&pems).unwrap();
    assert_eq!(bundle.chain().leaf().der().as_ref(), b.cert_der);
    assert_eq!(
        codes(bundle.report()),
        [
            Code::KeyLeftOut,
            Code::KeyLeftOut,
            Code::Reordered,
            Code::LeafLeftOut,
            Code::LeafLeftOut,
        ]
    );
    let left: Vec<_> = bundle.report().with_code(Code::KeyLeftOut).collect();
    assert_eq!(place(left[0]), lines(&pems[..1]));
    assert!(left[0].message.contains("P-256"), "{}", left[0]);
    assert_eq!(place(left[1]), lines(&pems[..3]));
    assert!(left[1].message.contains("RSA 2048"), "{}", left[1]);
    let left: Vec<_> = bundle.report().with_code(Code::LeafLeftOut).collect();
    assert_eq!(place(left[0]), lines(&pems[..2]));
    assert!(left[0].message.contains("a.example.com"), "{}", left[0]);
    assert_eq!(place(left[1]), lines(&pems[..4]));
}

#[test]
fn a_key_that_belongs_to_no_certificate_is_refused_and_both_are_named() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let stray = Key::nth(KeyKind::Rsa(2048), 0).pem();
    let pems = [&leaf.cert_pem, &site.issuer.cert_pem, &stray].map(String::as_str);
    let refusal = site.build(&pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::KeyMismatch]);
    let finding = the(refusal.report(), Code::KeyMismatch);
    assert_eq!(place(finding), lines(&pems));
    for said in ["RSA 2048", "www.example.com", &lines(&pems[..1]), "P-256"] {
        assert!(finding.message.contains(said), "{finding}");
    }
}

#[test]
fn without_a_pair_among_several_every_key_and_leaf_is_named() {
    let site = Site::new();
    let (a, b) = (site.leaf("a.example.com"), site.leaf("b.example.com"));
    let keys = [Key::new(KeyKind::P256).pem(), Key::new(KeyKind::P384).pem()];
    let pems = [&a.cert_pem, &keys[0], &b.cert_pem, &keys[1]].map(String::as_str);
    let refusal = site.build(&pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::KeyMismatch; 4]);
    let mut places: Vec<_> = refusal.report().errors().map(place).collect();
    places.sort();
    let mut owed: Vec<_> = (1..=4).map(|n| lines(&pems[..n])).collect();
    owed.sort();
    assert_eq!(places, owed);
}

#[test]
fn two_pairs_are_refused_and_each_is_named_with_its_key() {
    let site = Site::new();
    let (a, b) = (site.leaf("a.example.com"), site.leaf("b.example.com"));
    let pems = [
        &a.cert_pem,
        &b.cert_pem,
        &site.issuer.cert_pem,
        &a.key_pem,
        &b.key_pem,
    ]
    .map(String::as_str);
    let refusal = site.build(&pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::AmbiguousPair; 2]);
    let said: Vec<_> = refusal.report().errors().collect();
    for (finding, name, certificate, key) in [
        (said[0], "a.example.com", &pems[..1], &pems[..4]),
        (said[1], "b.example.com", &pems[..2], &pems[..]),
    ] {
        assert!(finding.message.contains(name), "{finding}");
        assert_eq!(place(finding), lines(certificate));
        assert!(finding.message.contains(&lines(key)), "{finding}");
    }
}

fn with_dates(site: &Site, key: &Leaf, from: i32, to: i32) -> Leaf {
    site.issuer.leaf(LeafOptions {
        shared_key: Some(key.key.clone()),
        not_before: (from, 1, 1),
        not_after: (to, 1, 1),
        ..LeafOptions::default()
    })
}

#[test]
fn of_a_certificate_and_its_renewal_with_the_same_key_the_one_in_date_is_taken() {
    let site = Site::new();
    let first = site.leaf("www.example.com");
    let old = with_dates(&site, &first, 2024, 2025);
    let new = with_dates(&site, &first, 2025, 2027);
    let next = with_dates(&site, &first, 2027, 2028);
    let pems = [
        &old.cert_pem,
        &next.cert_pem,
        &site.issuer.cert_pem,
        &new.cert_pem,
        &first.key_pem,
    ]
    .map(String::as_str);
    let bundle = site.build(&pems).unwrap();
    assert_eq!(bundle.chain().leaf().der().as_ref(), new.cert_der);
    let left: Vec<_> = bundle.report().with_code(Code::LeafLeftOut).collect();
    assert_eq!(left.len(), 2, "{}", bundle.report());
    assert_eq!(place(left[0]), lines(&pems[..1]));
    assert!(left[0].message.contains("same key"), "{}", left[0]);
    assert!(
        left[0].message.contains("2025-01-01T00:00:00Z"),
        "{}",
        left[0]
    );
    assert_eq!(place(left[1]), lines(&pems[..2]));

    let in_2024 = Bundler::new(roots(&[&site.root.cert_pem]), at((2024, 6, 1)));
    let bundle = build(&in_2024, &pems).unwrap();
    assert_eq!(bundle.chain().leaf().der().as_ref(), old.cert_der);
}

#[test]
fn an_expired_certificate_beside_its_own_key_gives_way_to_the_pair_in_date() {
    let site = Site::new();
    let old_key = site.leaf("www.example.com");
    let old = with_dates(&site, &old_key, 2024, 2025);
    let new = site.leaf("www.example.com");
    let pems = [
        &old.cert_pem,
        &old.key_pem,
        &new.cert_pem,
        &new.key_pem,
        &site.issuer.cert_pem,
    ]
    .map(String::as_str);
    let bundle = site.build(&pems).unwrap();
    assert_eq!(bundle.chain().leaf().der().as_ref(), new.cert_der);
    let left = the(bundle.report(), Code::LeafLeftOut);
    assert_eq!(place(left), lines(&pems[..1]));
    assert!(left.message.contains("not in date"), "{left}");
    assert!(!left.message.contains("same key"), "{left}");
    let left = the(bundle.report(), Code::KeyLeftOut);
    assert_eq!(place(left), lines(&pems[..2]));
    assert!(left.message.contains(&lines(&pems[..1])), "{left}");
}

#[test]
fn two_certificates_in_date_with_one_key_are_refused() {
    let site = Site::new();
    let first = site.leaf("www.example.com");
    let one = with_dates(&site, &first, 2025, 2027);
    let other = with_dates(&site, &first, 2026, 2028);
    let pems = [&one.cert_pem, &other.cert_pem, &first.key_pem].map(String::as_str);
    let refusal = site.build(&pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::AmbiguousPair; 2]);
    for (finding, end) in refusal.report().errors().zip(["2027", "2028"]) {
        let end = format!("{end}-01-01T00:00:00Z");
        assert!(finding.message.contains(&end), "{finding}");
        assert!(finding.message.contains(&lines(&pems)), "{finding}");
    }
}

#[test]
fn a_ca_with_its_key_beside_the_leafs_is_not_the_server() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let ca_key = site.issuer.key.pem();
    let pems = [
        &site.issuer.cert_pem,
        &ca_key,
        &leaf.cert_pem,
        &leaf.key_pem,
    ]
    .map(String::as_str);
    let bundle = site.build(&pems).unwrap();
    assert_eq!(bundle.chain().leaf().der().as_ref(), leaf.cert_der);
    assert_eq!(bundle.chain().intermediates().len(), 1);
    let finding = the(bundle.report(), Code::KeyLeftOut);
    assert_eq!(place(finding), lines(&pems[..2]));
}

#[test]
fn a_key_that_stands_there_in_several_shapes_is_one_key() {
    let site = Site::new();
    for kind in [KeyKind::P256, KeyKind::Rsa(2048)] {
        let leaf = site.issuer.leaf(LeafOptions {
            shared_key: Some(Key::nth(kind, 0)),
            ..LeafOptions::default()
        });
        let traditional = String::from_utf8(key_shape(&leaf.key_pem, KeyShape::Traditional));
        let traditional = traditional.expect("PEM is ASCII");
        let v2 = leaf.key.pkcs8_v2_pem();
        let mut shapes = [&v2, &traditional, &leaf.key_pem].map(String::as_str);
        let mut texts = Vec::new();
        for _ in 0..shapes.len() {
            shapes.rotate_left(1);
            let pems = [
                &[leaf.cert_pem.as_str(), &site.issuer.cert_pem],
                shapes.as_slice(),
            ];
            let bundle = site.build(&pems.concat()).unwrap();
            let report = bundle.report();
            assert_eq!(codes(report), [Code::DuplicateKey; 2], "{report}");
            texts.push(haproxy::pem(&bundle).expose().to_owned());
        }
        // Whatever their order, the form that needs no rewriting is the one that is written.
        assert!(texts.iter().all(|text| text.ends_with(&leaf.key_pem)));
        assert_eq!(texts[0], texts[1]);
        assert_eq!(texts[0], texts[2]);
    }
}

/// ECPrivateKey in PEM, its scalar with a zero byte before it that others do without.
fn with_leading_zero(key_pem: &str) -> String {
    let der_of_key = key_shape(key_pem, KeyShape::TraditionalDer);
    let mut fields = values(contents(&der_of_key));
    fields[1] = der(0x04, &[&[0], contents(&fields[1])]);
    pem_block("EC PRIVATE KEY", &sequence(&fields))
}

#[test]
fn keys_that_differ_in_the_length_of_the_scalar_are_one_key() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let longer = with_leading_zero(&leaf.key_pem);
    for keys in [[&longer, &leaf.key_pem], [&leaf.key_pem, &longer]] {
        let pems = [&leaf.cert_pem, &site.issuer.cert_pem, keys[0], keys[1]];
        let pems = pems.map(String::as_str);
        let bundle = site.build(&pems).unwrap();
        assert_eq!(codes(bundle.report()), [Code::DuplicateKey]);
        assert!(haproxy::pem(&bundle).expose().ends_with(&leaf.key_pem));
    }
}

#[test]
fn a_key_that_contradicts_itself_beside_the_right_one_is_a_warning() {
    let site = Site::new();
    let (leaf, other) = (site.leaf("www.example.com"), Key::new(KeyKind::P256));
    let parts = |pem: &str| values(contents(&key_shape(pem, KeyShape::TraditionalDer)));
    let mut crafted = parts(&other.pem());
    crafted[3].clone_from(&parts(&leaf.key_pem)[3]);
    let crafted = pem_block("EC PRIVATE KEY", &sequence(&crafted));
    let pems = [
        &leaf.cert_pem,
        &crafted,
        &leaf.key_pem,
        &site.issuer.cert_pem,
    ];
    let pems = pems.map(String::as_str);
    let bundle = site.build(&pems).unwrap();
    let finding = the(bundle.report(), Code::InconsistentKey);
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(place(finding), lines(&pems[..2]));
    assert!(haproxy::pem(&bundle).expose().ends_with(&leaf.key_pem));
}

#[test]
fn an_encrypted_key_beside_the_usable_one_is_a_warning() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let encrypted = key_shape(&leaf.key_pem, KeyShape::EncryptedPkcs8);
    let encrypted = String::from_utf8(encrypted).expect("PEM is ASCII");
    let pems = [
        &encrypted,
        &leaf.cert_pem,
        &site.issuer.cert_pem,
        &leaf.key_pem,
    ]
    .map(String::as_str);
    let bundle = site.build(&pems).unwrap();
    let finding = the(bundle.report(), Code::EncryptedKey);
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(place(finding), lines(&pems[..1]));
    assert!(!haproxy::pem(&bundle).expose().contains("ENCRYPTED"));
}

#[test]
fn an_encrypted_key_alone_is_refused_with_its_place() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    for shape in [KeyShape::EncryptedPkcs8, KeyShape::EncryptedTraditional] {
        let encrypted = key_shape(&leaf.key_pem, shape);
        let encrypted = String::from_utf8(encrypted).expect("PEM is ASCII");
        let pems = [&leaf.cert_pem, &site.issuer.cert_pem, &encrypted].map(String::as_str);
        let refusal = site.build(&pems).unwrap_err();
        assert_eq!(errors(&refusal), [Code::NoKey, Code::EncryptedKey]);
        let finding = the(refusal.report(), Code::EncryptedKey);
        assert_eq!(place(finding), lines(&pems), "{shape:?}");
        assert!(finding.help.as_ref().unwrap().contains("--passphrase-file"));
        let help = the(refusal.report(), Code::NoKey).help.as_ref();
        assert!(help.unwrap().starts_with("Give the passphrase"), "{help:?}");
    }
}

#[test]
fn without_a_certificate_or_without_a_key_the_missing_one_is_named() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let refusal = site.build(&[&leaf.key_pem]).unwrap_err();
    assert_eq!(errors(&refusal), [Code::NoCertificate]);

    let pems = [&site.issuer.cert_pem, &leaf.cert_pem].map(String::as_str);
    let refusal = site.build(&pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::NoKey]);
    let finding = the(refusal.report(), Code::NoKey);
    assert_eq!(place(finding), lines(&pems));
    assert!(finding.message.contains("www.example.com"), "{finding}");
    let help = finding.help.as_ref().unwrap();
    assert!(help.starts_with("Add the key"), "{help}");

    let refusal = site.build(&[]).unwrap_err();
    let errors = errors(&refusal);
    assert!(errors.contains(&Code::NoCertificate), "{refusal}");
    assert!(errors.contains(&Code::NoKey), "{refusal}");
}

/// Cuts the last two of a block's lines of base64 out.
fn cut(pem: &str) -> String {
    let mut lines: Vec<_> = pem.lines().collect();
    lines.drain(lines.len() - 3..lines.len() - 1);
    lines.join("\n") + "\n"
}

#[test]
fn a_damaged_key_is_the_reason_when_no_other_key_fits() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let damaged = cut(&leaf.key_pem);
    let stray = Key::new(KeyKind::P256).pem();
    for more in [None, Some(stray.as_str())] {
        let mut pems = vec![leaf.cert_pem.as_str(), &site.issuer.cert_pem, &damaged];
        let owed = lines(&pems);
        pems.extend(more);
        let refusal = site.build(&pems).unwrap_err();
        let finding = the(refusal.report(), Code::Truncated);
        assert_eq!(finding.severity, Severity::Error, "{refusal}");
        assert_eq!(place(finding), owed);
    }
}

#[test]
fn a_damaged_key_beside_the_whole_one_is_a_warning() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let damaged = cut(&leaf.key_pem);
    let pems = [
        &leaf.cert_pem,
        &site.issuer.cert_pem,
        &damaged,
        &leaf.key_pem,
    ]
    .map(String::as_str);
    let bundle = site.build(&pems).unwrap();
    let finding = the(bundle.report(), Code::Truncated);
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(place(finding), lines(&pems[..3]));
}

#[test]
fn a_damaged_leaf_is_the_reason_when_the_key_fits_nothing_else() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let damaged = cut(&leaf.cert_pem);
    let pems = [&damaged, &site.issuer.cert_pem, &leaf.key_pem].map(String::as_str);
    let refusal = site.build(&pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::KeyMismatch, Code::Truncated]);
    let finding = the(refusal.report(), Code::Truncated);
    assert_eq!(place(finding), lines(&pems[..1]));
}

#[test]
fn the_pair_may_come_from_different_sources() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let stray = self_signed_leaf("other.example.com", false);
    let mut material = read("key.pem", &leaf.key_pem);
    material.merge(read("stray.pem", stray.cert_pem + &stray.key_pem));
    material.merge(read("leaf.pem", &leaf.cert_pem));
    let refusal = bundler(&[&site.root.cert_pem]).build(material).unwrap_err();
    assert_eq!(errors(&refusal), [Code::AmbiguousPair; 2]);
    let said = refusal.to_string();
    for source in ["key.pem:1-", "stray.pem:", "leaf.pem:1-"] {
        assert!(said.contains(source), "{said}");
    }
}
