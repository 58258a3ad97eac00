//! The rules of the strict profile whose breaches are many of a kind, or that only a root can
//! break: webpki refuses them in other certificates.

mod common;

use common::bundling::errors;
use common::der::{contents, der, integer, sequence, values};
use common::extension::{self as ext, add, remove, replace};
use common::pki::{Ca, CaOptions, Key, KeyKind, LeafOptions, pem_block};
use common::strictness::{At, Fields, Pki, breaks, passes};
use fullchain::{Code, Profile};

const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// A SEQUENCE that is none of the extensions' types.
const OTHER: &[u8] = &[0x30, 3, 0x0c, 1, b'x'];

fn oid(content: &[u8]) -> Vec<u8> {
    der(0x06, &[content])
}

/// Name constraints: lists of GeneralSubtrees, of which the first byte says which is which.
fn name_constraints(list: u8, subtree: &[&[u8]]) -> Vec<u8> {
    der(0x30, &[&der(list, &[&der(0x30, subtree)])])
}

#[test]
fn a_root_of_version_1_has_no_extensions_that_a_ca_needs() {
    let pki = Pki::edited(At::Root, |it| {
        it.pop();
        it.remove(0);
    });
    let codes = [
        Code::CertificateForm,
        Code::KeyIdentifier,
        Code::BasicConstraints,
        Code::KeyUsage,
    ];
    pki.breaks(&codes, At::Root);
    let refusal = pki.verify(Profile::Strict).unwrap_err();
    let first = refusal.report().errors().next().unwrap();
    assert!(first.message.contains("is of version 1"), "{first}");
}

#[test]
fn a_validity_ends_after_it_begins() {
    let time = |year: &str| der(0x17, &[format!("{year}0101000000Z").as_bytes()]);
    let pki = Pki::edited(At::Root, |it| it[4] = sequence(&[time("30"), time("20")]));
    let refusal = pki.verify(Profile::Strict).expect_err("a rule is broken");
    assert_eq!(errors(&refusal), [Code::CertificateForm, Code::UnfitAnchor]);
}

#[test]
fn serial_numbers_of_roots_are_nobodys_business() {
    for serial in [&[0][..], &[0x80, 1], &[1; 21]] {
        passes(At::Root, |it| it[1] = integer(serial));
    }
    passes(At::Leaf, |it| it[1] = integer(&[1; 20]));
}

#[test]
fn unknown_extensions_are_not_critical() {
    breaks(Code::CriticalBit, At::Root, |it| {
        add(it, ext::UNKNOWN, true, &[5, 0]);
    });
    for whose in [At::Leaf, At::Issuer, At::Root] {
        passes(whose, |it| add(it, ext::UNKNOWN, false, &[5, 0]));
    }
}

#[test]
fn each_extension_that_rfc_5280_wants_uncritical_is() {
    let url = der(0x86, &[b"http://ca.example/"]);
    let points = der(0xa0, &[&der(0xa0, &[&url])]);
    let points = der(0x30, &[&der(0x30, &[&points])]);
    let access = |last| {
        let method = oid(&[0x2b, 6, 1, 5, 5, 7, 0x30, last]);
        der(0x30, &[&der(0x30, &[&method, &url])])
    };
    let attribute = der(0x30, &[&oid(&[0x55, 4, 3]), &der(0x31, &[&[5, 0]])]);
    for (extension, content) in [
        (ext::SUBJECT_DIRECTORY_ATTRIBUTES, der(0x30, &[&attribute])),
        (ext::ISSUER_ALT_NAME, der(0x30, &[&url])),
        (ext::CRL_DISTRIBUTION_POINTS, points.clone()),
        (ext::FRESHEST_CRL, points),
        (ext::AUTHORITY_INFO_ACCESS, access(2)),
        (ext::SUBJECT_INFO_ACCESS, access(5)),
    ] {
        for whose in [At::Leaf, At::Issuer, At::Root] {
            passes(whose, |it| add(it, extension, false, &content));
        }
        breaks(Code::CriticalBit, At::Root, |it| {
            add(it, extension, true, &content);
        });
    }
    let own = own_key_id();
    breaks(Code::CriticalBit, At::Root, |it| {
        let id = der(0x30, &[&der(0x80, &[&own])]);
        replace(it, ext::SUBJECT_KEY_ID, false, &der(0x04, &[&own]));
        add(it, ext::AUTHORITY_KEY_ID, true, &id);
    });
    breaks(Code::CriticalBit, At::Root, |it| {
        replace(it, ext::SUBJECT_KEY_ID, true, &der(0x04, &[&own]));
    });
}

fn own_key_id() -> Vec<u8> {
    b"the root's own".to_vec()
}

#[test]
fn each_extension_holds_what_its_type_says() {
    let uri = name_constraints(0xa0, &[&[0x86, 1, 0xff]]);
    let usages = sequence(&[oid(SERVER_AUTH), vec![5, 0]]);
    for (whose, extension, critical, content) in [
        (At::Root, ext::SUBJECT_KEY_ID, false, OTHER),
        (At::Root, ext::AUTHORITY_KEY_ID, false, &[5, 0]),
        (At::Root, ext::KEY_USAGE, true, OTHER),
        (At::Root, ext::BASIC_CONSTRAINTS, true, OTHER),
        (At::Leaf, ext::EXTENDED_KEY_USAGE, false, &usages),
        (At::Root, ext::SUBJECT_ALT_NAME, false, OTHER),
        (At::Root, ext::NAME_CONSTRAINTS, true, &uri),
        (At::Root, ext::POLICY_CONSTRAINTS, true, OTHER),
        (At::Root, ext::CERTIFICATE_POLICIES, false, OTHER),
        (At::Root, ext::AUTHORITY_INFO_ACCESS, false, OTHER),
        (At::Leaf, ext::AUTHORITY_INFO_ACCESS, false, &[0x30, 0]),
        (At::Root, ext::SUBJECT_INFO_ACCESS, false, OTHER),
        (At::Leaf, ext::SUBJECT_INFO_ACCESS, false, &[0x30, 0]),
    ] {
        breaks(Code::MalformedExtension, whose, |it| {
            replace(it, extension, critical, content);
        });
    }
}

#[test]
fn an_authority_key_identifier_has_a_key_identifier() {
    // By issuer and serial number instead, as `openssl` writes it when told `issuer:always`.
    let name = der(
        0x30,
        &[&der(
            0x31,
            &[&der(0x30, &[&oid(&[0x55, 4, 3]), &[0x0c, 1, b'R']])],
        )],
    );
    let by_serial = der(0x30, &[&der(0xa1, &[&der(0xa4, &[&name])]), &[0x82, 1, 5]]);
    for whose in [At::Leaf, At::Issuer] {
        for content in [&by_serial[..], &[0x30, 0]] {
            breaks(Code::KeyIdentifier, whose, |it| {
                replace(it, ext::AUTHORITY_KEY_ID, false, content);
            });
        }
    }
    breaks(Code::KeyIdentifier, At::Issuer, |it| {
        remove(it, ext::AUTHORITY_KEY_ID);
    });
    // Of a root it is no help at all.
    breaks(Code::UnfitAnchor, At::Root, |it| {
        add(it, ext::AUTHORITY_KEY_ID, false, &by_serial);
    });
    breaks(Code::UnfitAnchor, At::Root, |it| {
        add(
            it,
            ext::AUTHORITY_KEY_ID,
            false,
            &der(0x30, &[&[0x82, 1, 5]]),
        );
    });
    passes(At::Root, |it| {
        let own = own_key_id();
        replace(it, ext::SUBJECT_KEY_ID, false, &der(0x04, &[&own]));
        let id = der(0x30, &[&der(0x80, &[&own])]);
        add(it, ext::AUTHORITY_KEY_ID, false, &id);
    });
}

/// A chain whose anchor was issued by someone else, as when an intermediate is trusted.
fn below_another(edit: impl FnOnce(&mut Fields)) -> Pki {
    let mut pki = Pki::new();
    let above = Ca::root("Above");
    let cross = above.intermediate_with(CaOptions {
        shared_key: Some(pki.root.key.clone()),
        ..CaOptions::named("Root")
    });
    pki.root_pem = pem_block("CERTIFICATE", &above.reissue(&cross.cert_der, edit));
    pki
}

#[test]
fn an_anchor_that_another_ca_signed_may_be_for_servers_only_and_names_its_issuers_key() {
    let usages = sequence(&[oid(SERVER_AUTH)]);
    below_another(|it| add(it, ext::EXTENDED_KEY_USAGE, false, &usages)).passes();
    below_another(|it| remove(it, ext::AUTHORITY_KEY_ID)).breaks(&[Code::KeyIdentifier], At::Root);
}

#[test]
fn keys_of_good_kinds_pass_and_small_or_unsound_ones_do_not() {
    let with = |key| {
        Pki::with_leaf(LeafOptions {
            key,
            ..LeafOptions::default()
        })
    };
    for kind in [KeyKind::P384, KeyKind::P521, KeyKind::Rsa(2048)] {
        with(kind).passes();
    }
    let refusal = with(KeyKind::Rsa(1024))
        .verify(Profile::Strict)
        .unwrap_err();
    assert_eq!(errors(&refusal), [Code::WeakKey, Code::UnfitKey]);
    breaks(Code::UnfitKey, At::Leaf, |it| {
        let spki = Key::nth(KeyKind::Rsa(2048), 0).spki().to_vec();
        let [algorithm, bits] = values(contents(&spki)).try_into().unwrap();
        // The first byte of a BIT STRING counts unused bits.
        let modulus = values(contents(&contents(&bits)[1..])).swap_remove(0);
        let key = sequence(&[modulus, integer(&[1])]);
        it[6] = sequence(&[algorithm, der(0x03, &[&[0], &key])]);
    });
}

#[test]
fn a_path_is_limited_only_by_those_who_may_sign() {
    let limited = |it: &mut Fields| {
        let content = sequence(&[vec![1, 1, 0xff], integer(&[1])]);
        replace(it, ext::BASIC_CONSTRAINTS, true, &content);
    };
    let crl_sign = [3, 2, 1, 2];
    Pki::edited(At::Root, |it| {
        limited(it);
        replace(it, ext::KEY_USAGE, true, &crl_sign);
    })
    .breaks(&[Code::KeyUsage, Code::BasicConstraints], At::Root);
    for whose in [At::Issuer, At::Root] {
        passes(whose, limited);
    }
}

#[test]
fn name_constraints_have_subtrees() {
    let base = der(0x82, &[b"example.com"]);
    breaks(Code::NameConstraintsForm, At::Root, |it| {
        add(it, ext::NAME_CONSTRAINTS, true, &[0x30, 0]);
    });
    for whose in [At::Issuer, At::Root] {
        passes(whose, |it| {
            let content = name_constraints(0xa0, &[&base]);
            add(it, ext::NAME_CONSTRAINTS, true, &content);
        });
    }
}

#[test]
fn policies_are_constrained_by_something_and_mapped_by_cas_only() {
    breaks(Code::PolicyForm, At::Root, |it| {
        add(it, ext::POLICY_CONSTRAINTS, true, &[0x30, 0]);
    });
    passes(At::Root, |it| {
        add(it, ext::POLICY_CONSTRAINTS, true, &[0x30, 3, 0x81, 1, 0]);
        add(it, ext::INHIBIT_ANY_POLICY, true, &integer(&[0]));
    });
    let mapping = sequence(&[sequence(&[oid(&[0x2a, 3]), oid(&[0x2a, 4])])]);
    for (extension, content) in [
        (ext::POLICY_MAPPINGS, &mapping[..]),
        (ext::INHIBIT_ANY_POLICY, &integer(&[0])),
    ] {
        breaks(Code::PolicyForm, At::Leaf, |it| {
            add(it, extension, false, content);
        });
    }
    passes(At::Issuer, |it| {
        add(it, ext::POLICY_MAPPINGS, false, &mapping);
    });
}

#[test]
fn certificate_policies_name_each_policy_once() {
    let policy = |last| sequence(&[oid(&[0x2a, last])]);
    for policies in [vec![], vec![policy(3), policy(3)]] {
        for whose in [At::Leaf, At::Issuer, At::Root] {
            breaks(Code::PolicyForm, whose, |it| {
                add(it, ext::CERTIFICATE_POLICIES, false, &sequence(&policies));
            });
        }
    }
    passes(At::Leaf, |it| {
        let policies = sequence(&[policy(3), policy(4)]);
        add(it, ext::CERTIFICATE_POLICIES, false, &policies);
    });
}

#[test]
fn a_subject_alternative_name_names_something() {
    breaks(Code::SubjectAltName, At::Leaf, |it| {
        it[5] = der(
            0x30,
            &[&der(
                0x31,
                &[&der(0x30, &[&oid(&[0x55, 4, 10]), &[0x0c, 1, b'O']])],
            )],
        );
        replace(it, ext::SUBJECT_ALT_NAME, false, &[0x30, 0]);
    });
}

#[test]
fn a_server_signs_no_crls() {
    breaks(Code::KeyUsage, At::Leaf, |it| {
        replace(it, ext::KEY_USAGE, true, &[3, 2, 1, 0x82]);
    });
}

#[test]
fn a_dns_name_is_no_longer_than_253_characters_and_its_labels_than_63() {
    let named = |name: &str| {
        sequence(&[
            der(0x82, &[b"www.example.com"]),
            der(0x82, &[name.as_bytes()]),
        ])
    };
    let long = |first: usize| format!("{}.{}com", "a".repeat(first), "b23456789.".repeat(22));
    assert_eq!(long(29).len(), 253);
    passes(At::Leaf, |it| {
        replace(it, ext::SUBJECT_ALT_NAME, false, &named(&long(29)));
    });
    for name in [long(30), format!("{}.com", "a".repeat(64))] {
        breaks(Code::SubjectAltName, At::Leaf, |it| {
            replace(it, ext::SUBJECT_ALT_NAME, false, &named(&name));
        });
    }
}

#[cfg(feature = "public-suffix")]
#[test]
fn a_wildcard_over_a_private_suffix_is_for_its_owner() {
    let names = |names: &[&str]| {
        let names: Vec<_> = names
            .iter()
            .map(|name| der(0x82, &[name.as_bytes()]))
            .collect();
        sequence(&names)
    };
    let common_name = "www.example.com";
    breaks(Code::SubjectAltName, At::Leaf, |it| {
        let content = names(&[common_name, "*.github.io"]);
        replace(it, ext::SUBJECT_ALT_NAME, false, &content);
    });
    passes(At::Leaf, |it| {
        let content = names(&[common_name, "*.github.io", "github.io"]);
        replace(it, ext::SUBJECT_ALT_NAME, false, &content);
    });
}
