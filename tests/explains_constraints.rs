//! A refusal for a name names it, the subtree and the CA; one for a key that cannot be used says
//! so of the certificate that was to be checked with it.

mod common;

use common::bundling::{bundler, errors, lines, place, read, the};
use common::der::{contents, der, sequence, values};
use common::extension::{self as ext, add, replace};
use common::openssl::openssl;
use common::pki::{Ca, CaOptions, Key, KeyId, KeyKind, Leaf, LeafOptions, pem_block};
use fullchain::{Code, Refusal};

fn refused(root_pem: &str, pems: &[&str]) -> Refusal {
    let verified = bundler(&[root_pem]).verify(read("pile.pem", pems.concat()));
    verified.expect_err("it is refused")
}

/// The one reason: at the last of these blocks of the pile, in these words, with a cure.
#[track_caller]
fn says(refusal: &Refusal, code: Code, pems: &[&str], words: &[&str]) {
    assert_eq!(errors(refusal), [code], "{}", refusal.report());
    let finding = the(refusal.report(), code);
    assert_eq!(place(finding), lines(pems), "{finding}");
    for word in words {
        assert!(finding.message.contains(word), "{word}: {finding}");
    }
    assert!(finding.help.is_some(), "{finding}");
}

const PERMITTED: u8 = 0xa0;
const EXCLUDED: u8 = 0xa1;

fn name_constraints(list: u8, base: &[u8]) -> Vec<u8> {
    der(0x30, &[&der(list, &[&der(0x30, &[base])])])
}

/// A leaf of a CA that has these name constraints.
struct Constrained {
    root: Ca,
    issuer: Ca,
    leaf: Leaf,
}

impl Constrained {
    fn new(leaf: LeafOptions, list: u8, base: &[u8]) -> Constrained {
        let root = Ca::root("Root");
        let mut issuer = root.intermediate("Issuer");
        let leaf = issuer.leaf(leaf);
        let der = root.reissue(&issuer.cert_der, |it| {
            add(
                it,
                ext::NAME_CONSTRAINTS,
                true,
                &name_constraints(list, base),
            );
        });
        issuer.cert_pem = pem_block("CERTIFICATE", &der);
        Constrained { root, issuer, leaf }
    }

    #[track_caller]
    fn says(&self, words: &[&str]) {
        let pems = [&*self.leaf.cert_pem, &self.issuer.cert_pem];
        let refusal = refused(&self.root.cert_pem, &pems);
        let issuer = format!("CN=Issuer ({})", lines(&pems));
        let words = [words, &[&issuer]].concat();
        says(&refusal, Code::NameConstraint, &pems[..1], &words);
    }
}

#[test]
fn a_dns_name_or_an_address_in_an_excluded_subtree() {
    let names = |dns: &str, ip: &str| LeafOptions {
        dns: vec!["www.example.org".to_owned(), dns.to_owned()],
        ips: vec![ip.parse().unwrap()],
        ..LeafOptions::default()
    };
    let dns = |base: &str| der(0x82, &[base.as_bytes()]);
    let v4 = der(0x87, &[&[192, 0, 2, 0, 255, 255, 255, 0]]);
    let mut v6 = [0; 32];
    v6[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    v6[16..20].fill(0xff);
    let v6 = der(0x87, &[&v6]);
    for (leaf, base, words) in [
        (
            names("db.example.com", "192.0.2.1"),
            dns("example.com"),
            "db.example.com is in the excluded subtree example.com",
        ),
        (
            names("*.example.com", "192.0.2.1"),
            dns("db.example.com"),
            "*.example.com is in the excluded subtree db.example.com",
        ),
        (
            names("db.example.com", "192.0.2.1"),
            dns(""),
            "www.example.org is in the excluded subtree all DNS names",
        ),
        (
            names("db.example.com", "192.0.2.1"),
            v4,
            "192.0.2.1 is in the excluded subtree 192.0.2.0/24",
        ),
        (
            names("db.example.com", "2001:db8::7"),
            v6,
            "2001:db8::7 is in the excluded subtree 2001:db8::/32",
        ),
    ] {
        Constrained::new(leaf, EXCLUDED, &base).says(&["CN=www.example.com breaks", words]);
    }
}

#[test]
fn an_address_of_the_other_family_is_in_no_permitted_subtree() {
    let leaf = LeafOptions {
        ips: vec!["2001:db8::7".parse().unwrap()],
        ..LeafOptions::default()
    };
    let base = der(0x87, &[&[192, 0, 2, 0, 255, 255, 255, 0]]);
    Constrained::new(leaf, PERMITTED, &base)
        .says(&["2001:db8::7 is in none of the permitted subtrees (192.0.2.0/24)"]);
}

#[test]
fn a_name_of_a_kind_whose_constraints_webpki_does_not_process() {
    let dns: &[u8] = b"www.example.com";
    for (tag, name, base, words) in [
        (
            0x81,
            "a@example.com",
            "example.com",
            "the e-mail address a@example.com",
        ),
        (
            0x86,
            "https://example.com/",
            "example.com",
            "the URI https://example.com/",
        ),
    ] {
        for list in [PERMITTED, EXCLUDED] {
            let base = der(tag, &[base.as_bytes()]);
            let mut it = Constrained::new(LeafOptions::default(), list, &base);
            let names = sequence(&[der(0x82, &[dns]), der(tag, &[name.as_bytes()])]);
            let leaf = it.issuer.reissue(&it.leaf.cert_der, |fields| {
                replace(fields, ext::SUBJECT_ALT_NAME, false, &names);
            });
            let plain = std::mem::replace(&mut it.leaf.cert_pem, pem_block("CERTIFICATE", &leaf));
            it.says(&["CN=www.example.com", words, "RFC 5280 permits"]);

            // Without such a name there is nothing to constrain.
            let material = read("pile.pem", [plain, it.issuer.cert_pem].concat());
            assert!(bundler(&[&it.root.cert_pem]).verify(material).is_ok());
        }
    }
}

#[test]
fn name_constraints_of_the_root() {
    let root = Ca::root_with(CaOptions {
        excluded_dns: vec!["example.com".to_owned()],
        ..CaOptions::named("Root")
    });
    let leaf = root.leaf_named("www.example.com");
    let pems = [&*leaf.cert_pem];
    let words = [
        "the name constraints of CN=Root (roots:1-",
        "www.example.com is in the excluded subtree example.com",
    ];
    says(
        &refused(&root.cert_pem, &pems),
        Code::NameConstraint,
        &pems,
        &words,
    );
}

#[test]
fn a_self_issued_ca_that_rfc_5280_would_exempt() {
    for (name, exempt) in [("Issuer", true), ("Another", false)] {
        let root = Ca::root("Root");
        let upper = root.intermediate_with(CaOptions {
            permitted_dns: vec!["example.com".to_owned()],
            ..CaOptions::named("Issuer")
        });
        let lower = upper.intermediate(name);
        let leaf = lower.leaf_named("www.example.com");
        let lower = upper.reissue(&lower.cert_der, |it| {
            let names = sequence(&[der(0x82, &[b"ca.example.org"])]);
            add(it, ext::SUBJECT_ALT_NAME, false, &names);
        });
        let lower = pem_block("CERTIFICATE", &lower);
        let pems = [&*leaf.cert_pem, &lower, &upper.cert_pem];
        let refusal = refused(&root.cert_pem, &pems);
        let subject = format!("CN={name} breaks the name constraints of CN=Issuer");
        let words = [
            &*subject,
            "ca.example.org is in none of the permitted subtrees (example.com)",
        ];
        says(&refusal, Code::NameConstraint, &pems[..2], &words);
        let finding = the(refusal.report(), Code::NameConstraint);
        let said = finding.message.contains("RFC 5280 exempts self-issued CAs");
        assert_eq!(said, exempt, "{finding}");
    }
}

#[test]
fn an_anchor_of_the_right_name_with_another_key() {
    // Without key identifiers there is nothing but the signature to tell the two apart.
    for key_id in [KeyId::Derived, KeyId::Absent] {
        let [ours, theirs] = [(); 2].map(|()| {
            Ca::root_with(CaOptions {
                key_id: key_id.clone(),
                ..CaOptions::named("Root")
            })
        });
        let issuer = ours.intermediate("Issuer");
        let leaf = issuer.leaf_named("www.example.com");
        let pems = [&*leaf.cert_pem, &issuer.cert_pem];
        let words = [
            "CN=Issuer names the issuer CN=Root",
            "the root of that name in roots did not sign it",
        ];
        says(
            &refused(&theirs.cert_pem, &pems),
            Code::BadSignature,
            &pems,
            &words,
        );
    }
}

#[test]
fn a_key_of_an_algorithm_that_is_not_supported() {
    let ed448 = Key::from_pkcs8_pem(&openssl(&["genpkey", "-algorithm", "ED448"], b""));
    let ecdsa_with_sha512 = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4];
    for (key, algorithm) in [
        (ed448, &[0x2b, 0x65, 0x71][..]),
        (Key::new(KeyKind::P521), ecdsa_with_sha512),
    ] {
        let root = Ca::root("Root");
        let issuer = root.intermediate("Issuer");
        let algorithm = sequence(&[der(0x06, &[algorithm])]);
        let leaf = issuer.reissue(&issuer.leaf_named("www.example.com").cert_der, |it| {
            it[2].clone_from(&algorithm);
        });
        // Nobody comes to look at the signature.
        let [tbs, _, signature] = values(contents(&leaf)).try_into().unwrap();
        let leaf = pem_block("CERTIFICATE", &sequence(&[tbs, algorithm, signature]));
        let issuer = root.reissue(&issuer.cert_der, |it| it[6] = key.spki().to_vec());
        let issuer = pem_block("CERTIFICATE", &issuer);
        let pems = [&*leaf, &issuer];
        let words = ["the signature on CN=www.example.com", "not supported"];
        says(
            &refused(&root.cert_pem, &pems),
            Code::UnsupportedAlgorithm,
            &pems[..1],
            &words,
        );
    }
}
