//! What HAProxy does with FILE.issuer and FILE.sctl is foretold.

mod common;

use common::der::{contents, der, integer, sequence, values};
use common::extension::{self, AUTHORITY_KEY_ID, KEY_USAGE};
use common::haproxy::Haproxy;
use common::openssl::openssl;
use common::pki::{Ca, CaOptions, KeyId, KeyKind, pem_block};
use common::side_files::{Fate, Site, judged, replaced};
use fullchain::Code;
use fullchain::haproxy::load::{Loader, SideFiles};
use rustls_pki_types::UnixTime;

#[test]
fn the_issuer_is_behind_the_certificate_or_beside_the_file() {
    let site = Site::new();
    let good = site.good();
    let (alone, whole) = (site.alone(), site.whole());
    let twin = |options: CaOptions| Ca::root_with(options).cert_pem.into_bytes();
    let named = |name: &str| CaOptions {
        shared_key: Some(site.ca.key.clone()),
        ..CaOptions::named(name)
    };
    let reissued = |edit: fn(&mut Vec<Vec<u8>>)| {
        let cert = site.ca.reissue(&site.ca.cert_der, edit);
        pem_block("CERTIFICATE", &cert).into_bytes()
    };
    let ca = site.ca.cert_pem.clone().into_bytes();
    let der_file = site.ca.cert_der.clone();
    let damaged = replaced(&ca, b"-----END CERTIFICATE-----", b"-----END-----");
    let cases: Vec<(&str, &str, Option<Vec<u8>>, Fate)> = vec![
        ("nowhere", &alone, None, Fate::Refused),
        ("beside", &alone, Some(ca.clone()), Fate::Stapled),
        ("both", &whole, Some(ca.clone()), Fate::Stapled),
        (
            "trusted",
            &alone,
            Some(openssl(&["x509", "-trustout"], &ca)),
            Fate::Stapled,
        ),
        (
            "behind text",
            &alone,
            Some([b"issuer:\n", &ca[..]].concat()),
            Fate::Stapled,
        ),
        (
            "name in capitals",
            &alone,
            Some(twin(named("TEST  ca "))),
            Fate::Stapled,
        ),
        (
            "another name",
            &alone,
            Some(twin(named("Test CA 2"))),
            Fate::Refused,
        ),
        (
            "another name, though the chain has it",
            &whole,
            Some(twin(named("Test CA 2"))),
            Fate::Refused,
        ),
        (
            "another key",
            &alone,
            Some(twin(CaOptions::named("Test CA"))),
            Fate::Refused,
        ),
        (
            "another key and no identifier",
            &alone,
            Some(twin(CaOptions {
                key_id: KeyId::Absent,
                ..CaOptions::named("Test CA")
            })),
            Fate::Bare,
        ),
        (
            "another key of another kind and no identifier",
            &alone,
            Some(twin(CaOptions {
                key_id: KeyId::Absent,
                key: KeyKind::Rsa(2048),
                ..CaOptions::named("Test CA")
            })),
            Fate::Refused,
        ),
        (
            "may not sign",
            &alone,
            Some(reissued(|fields| {
                extension::replace(fields, KEY_USAGE, true, &der(0x03, &[&[1, 0x82]]));
            })),
            Fate::Refused,
        ),
        (
            "usage unsaid",
            &alone,
            Some(reissued(|fields| extension::remove(fields, KEY_USAGE))),
            Fate::Stapled,
        ),
        (
            "usage malformed",
            &alone,
            Some(reissued(|fields| {
                extension::replace(fields, KEY_USAGE, true, b"\x05\x00");
            })),
            Fate::Refused,
        ),
        (
            "the certificate itself",
            &alone,
            Some(site.leaf.cert_pem.clone().into_bytes()),
            Fate::Refused,
        ),
        (
            "a key first",
            &alone,
            Some([site.leaf.key_pem.as_bytes(), &ca].concat()),
            Fate::Stapled,
        ),
        ("garbage", &alone, Some(b"x".to_vec()), Fate::Refused),
        (
            "garbage, though the chain has it",
            &whole,
            Some(b"x".to_vec()),
            Fate::Refused,
        ),
        ("empty", &alone, Some(Vec::new()), Fate::Refused),
        ("DER", &alone, Some(der_file), Fate::Refused),
        ("damaged", &alone, Some(damaged), Fate::Refused),
    ];
    for (case, pem, issuer, owed) in cases {
        let side = |ocsp| SideFiles {
            ocsp,
            issuer: issuer.as_deref(),
            ..SideFiles::default()
        };
        let outcome = judged(case, pem, side(Some(&good)));
        assert_eq!(outcome.fate, owed, "{case}");
        assert_eq!(outcome.has(Code::SideFile), owed == Fate::Refused, "{case}");
    }
    // Without a response, nobody looks at it.
    let issuer = Some(&b"x"[..]);
    let side = SideFiles {
        issuer,
        ..SideFiles::default()
    };
    assert_eq!(judged("no response", &alone, side).fate, Fate::Bare);
}

#[test]
fn what_the_certificate_says_of_its_issuer_must_fit() {
    let site = Site::new();
    let issuer = Some(site.ca.cert_pem.as_bytes());
    let ca_fields = values(contents(contents(&site.ca.cert_der)));
    let serial = contents(&ca_fields[1]).to_vec();
    let name = |issuer: &[u8]| der(0xa1, &[&der(0xa4, &[issuer])]);
    let (right, wrong) = (name(&ca_fields[3]), name(&der(0x30, &[])));
    let cases = [
        (
            "serial",
            vec![right.clone(), der(0x82, &[&serial])],
            Fate::Stapled,
        ),
        (
            "another serial",
            vec![right, der(0x82, &[&[7]])],
            Fate::Refused,
        ),
        (
            "another name",
            vec![wrong, der(0x82, &[&serial])],
            Fate::Refused,
        ),
        ("another key", vec![der(0x80, &[b"another"])], Fate::Refused),
        ("nothing", vec![], Fate::Stapled),
        ("malformed", vec![integer(&[1])], Fate::Refused),
    ];
    for (case, identifier, owed) in cases {
        let content = sequence(&identifier);
        let leaf = site.ca.reissue(&site.leaf.cert_der, |fields| {
            extension::replace(fields, AUTHORITY_KEY_ID, false, &content);
        });
        let pem = pem_block("CERTIFICATE", &leaf) + &site.leaf.key_pem;
        let side = SideFiles {
            ocsp: Some(&site.good()),
            issuer,
            ..SideFiles::default()
        };
        assert_eq!(judged(case, &pem, side).fate, owed, "{case}");
    }
    for (length, owed) in [(69, Fate::Bare), (70, Fate::Refused)] {
        let leaf = site.ca.reissue(&site.leaf.cert_der, |fields| {
            fields[1] = integer(&vec![1; length]);
        });
        let pem = pem_block("CERTIFICATE", &leaf) + &site.leaf.key_pem;
        let side = SideFiles {
            ocsp: Some(&site.good()),
            issuer,
            ..SideFiles::default()
        };
        let outcome = judged("a long serial number", &pem, side);
        assert_eq!(outcome.fate, owed, "{length}");
    }
}

#[test]
fn timestamps_are_a_list_that_fills_the_file() {
    let site = Site::new();
    let whole = site.whole();
    // As much as HAProxy reads, and more than that.
    let full = [&b"\x3f\xfe\x3f\xfc"[..], &[0; 16_380]].concat();
    let cases: Vec<(&str, Vec<u8>, Fate)> = vec![
        ("good", b"\0\x09\0\x03abc\0\x02de".to_vec(), Fate::Bare),
        ("no entry", vec![0, 0], Fate::Bare),
        ("an empty entry", vec![0, 2, 0, 0], Fate::Bare),
        ("empty", Vec::new(), Fate::Refused),
        ("one byte", vec![0], Fate::Refused),
        ("more behind", b"\0\x05\0\x03abc\n".to_vec(), Fate::Refused),
        ("too short", b"\0\x06\0\x03abc".to_vec(), Fate::Refused),
        (
            "an entry too long",
            b"\0\x05\0\x04abc".to_vec(),
            Fate::Refused,
        ),
        (
            "half a length",
            b"\0\x06\0\x03abc\0".to_vec(),
            Fate::Refused,
        ),
        ("full", full.clone(), Fate::Bare),
        ("more than is read", [full, vec![7]].concat(), Fate::Bare),
        (
            "too long",
            [&b"\x3f\xff\x3f\xfd"[..], &[0; 16_381]].concat(),
            Fate::Refused,
        ),
    ];
    for (case, sctl, owed) in cases {
        let side = SideFiles {
            sctl: Some(&sctl),
            ..SideFiles::default()
        };
        let outcome = judged(case, &whole, side);
        assert_eq!(outcome.fate, owed, "{case}");
        assert_eq!(outcome.has(Code::SideFile), owed == Fate::Refused, "{case}");
    }
    // They are looked at first.
    let side = SideFiles {
        ocsp: Some(b""),
        issuer: Some(b"x"),
        sctl: Some(b""),
        key: None,
    };
    assert_eq!(judged("all bad", &whole, side).fate, Fate::Refused);
}

#[test]
fn the_key_of_a_crt_is_beside_it_without_the_ending_where_that_is_set() {
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let leaf = Ca::root("Test CA").leaf_named("www.example.com");
    let path = |name: &str| folder.path().join(name);
    for name in ["site.crt", "site.pem"] {
        std::fs::write(path(name), &leaf.cert_pem).expect("/tmp is writable");
    }
    let loader = Loader::new(UnixTime::now()).extra_del_ext(true);
    let haproxy = |name: &str| {
        let options = format!("crt {}", path(name).display());
        Haproxy::bind_with_global(&options, "    ssl-load-extra-del-ext\n")
    };
    for (name, key, is_found) in [
        ("site.crt", "none", false),
        ("site.crt", "site.crt.key", false),
        ("site.pem", "site.key", false),
        ("site.crt", "site.key", true),
        ("site.pem", "site.pem.key", true),
    ] {
        std::fs::write(path(key), &leaf.key_pem).expect("/tmp is writable");
        let (said, foretold) = (haproxy(name).err(), loader.load_path(&path(name)).err());
        std::fs::remove_file(path(key)).expect("it is there");
        assert_eq!(said.is_none(), is_found, "{name}, {key}: {said:?}");
        assert_eq!(foretold.is_none(), is_found, "{name}, {key}");
        if let (Some(said), Some(foretold)) = (said, foretold) {
            assert!(said.contains(&foretold.words), "{}: {said}", foretold.words);
        }
    }
}
