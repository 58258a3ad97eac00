//! The strict profile refuses what RFC 5280 and the Baseline Requirements forbid and path
//! validation lets pass: each rule is broken alone, and named at the certificate that breaks it.

mod common;

use common::bundling::{errors, place, the};
use common::der::{der, integer};
use common::extension::{self as ext, add, remove, replace};
use common::pki::{Key, KeyKind, LeafOptions, pem_block};
use common::strictness::{At, Pki, breaks};
use fullchain::{Code, Profile, Severity};

/// A subject alternative name of these names, each with its tag.
fn subject_alt_name(names: &[(u8, &[u8])]) -> Vec<u8> {
    let names: Vec<_> = names.iter().map(|(tag, name)| der(*tag, &[name])).collect();
    der(0x30, &[&names.concat()])
}

/// A relative distinguished name of the arc 2.5.4.
fn attribute(last: u8, tag: u8, text: &str) -> Vec<u8> {
    let oid = der(0x06, &[&[0x55, 4, last]]);
    let attribute = der(0x30, &[&oid, &der(tag, &[text.as_bytes()])]);
    der(0x31, &[&attribute])
}

fn common_name(tag: u8, name: &str) -> Vec<u8> {
    attribute(3, tag, name)
}

#[test]
fn a_conforming_chain_passes_without_a_finding() {
    // Its roots are not public, so its lifetime of a century is nobody's business.
    let (chain, report) = Pki::new().verify(Profile::Strict).unwrap();
    assert!(report.is_empty(), "{report}");
    assert_eq!(chain.intermediates().len(), 1);
}

#[test]
fn a_serial_number_is_positive_and_of_20_bytes_at_most() {
    for serial in [&[0][..], &[0x80, 1], &[1; 21]] {
        breaks(Code::SerialNumber, At::Leaf, |it| it[1] = integer(serial));
        breaks(Code::SerialNumber, At::Issuer, |it| it[1] = integer(serial));
    }
}

#[test]
fn dates_are_encoded_by_their_year() {
    let time = |year: &str, tag| der(tag, &[format!("{year}0101000000Z").as_bytes()]);
    breaks(Code::CertificateForm, At::Leaf, |it| {
        it[4] = der(0x30, &[&time("2020", 0x18), &time("2120", 0x18)]);
    });
}

#[test]
fn no_extension_stands_twice() {
    breaks(Code::CertificateForm, At::Leaf, |it| {
        add(it, ext::UNKNOWN, false, &[5, 0]);
        add(it, ext::UNKNOWN, false, &[5, 0]);
    });
}

#[test]
fn an_extension_is_critical_only_where_it_may_be() {
    breaks(Code::CriticalBit, At::Leaf, |it| {
        add(it, ext::CRL_DISTRIBUTION_POINTS, true, &[0x30, 0]);
    });
}

#[test]
fn an_extension_holds_what_its_type_says() {
    breaks(Code::MalformedExtension, At::Leaf, |it| {
        replace(it, ext::SUBJECT_KEY_ID, false, &[0x02, 1, 1]);
    });
    for content in [&[0x30, 0][..], &[0x04, 0]] {
        breaks(Code::MalformedExtension, At::Issuer, |it| {
            add(it, ext::AUTHORITY_INFO_ACCESS, false, content);
        });
    }
}

#[test]
fn certificates_have_key_identifiers() {
    let pki = Pki::with_leaf(LeafOptions {
        authority_key_id: false,
        ..LeafOptions::default()
    });
    pki.breaks(&[Code::KeyIdentifier], At::Leaf);
    breaks(Code::KeyIdentifier, At::Issuer, |it| {
        remove(it, ext::SUBJECT_KEY_ID);
    });
    breaks(Code::KeyIdentifier, At::Root, |it| {
        remove(it, ext::SUBJECT_KEY_ID);
    });
}

#[test]
fn keys_are_of_the_kinds_and_sizes_that_the_baseline_requirements_allow() {
    for key in [KeyKind::Ed25519, KeyKind::Rsa(2052)] {
        let pki = Pki::with_leaf(LeafOptions {
            key,
            ..LeafOptions::default()
        });
        pki.breaks(&[Code::UnfitKey], At::Leaf);
    }
    breaks(Code::UnfitKey, At::Leaf, |it| {
        let mut even = Key::nth(KeyKind::Rsa(2048), 0).spki().to_vec();
        *even.last_mut().expect("the exponent ends the key") = 2;
        it[6] = even;
    });
}

#[test]
fn a_ca_has_a_name() {
    let mut pki = Pki::edited(At::Issuer, |it| it[5] = der(0x30, &[]));
    let leaf = pem::parse(pki.leaf_pem.as_bytes()).unwrap();
    let leaf = pki
        .issuer
        .reissue(leaf.contents(), |it| it[3] = der(0x30, &[]));
    pki.leaf_pem = pem_block("CERTIFICATE", &leaf);
    assert!(pki.verify(Profile::PathValidation).is_ok());
    let refusal = pki.verify(Profile::Strict).unwrap_err();
    assert_eq!(
        errors(&refusal),
        [Code::EmptyName; 2],
        "{}",
        refusal.report()
    );
    let places: Vec<_> = refusal.report().errors().map(place).collect();
    assert_eq!(places, [pki.place(At::Leaf), pki.place(At::Issuer)]);
}

#[test]
fn a_ca_has_critical_basic_constraints_that_fit() {
    breaks(Code::BasicConstraints, At::Issuer, |it| {
        replace(it, ext::BASIC_CONSTRAINTS, false, &[0x30, 3, 1, 1, 0xff]);
    });
    breaks(Code::BasicConstraints, At::Root, |it| {
        replace(it, ext::BASIC_CONSTRAINTS, true, &[0x30, 0]);
    });
    breaks(Code::BasicConstraints, At::Root, |it| {
        remove(it, ext::BASIC_CONSTRAINTS);
    });
}

#[test]
fn a_ca_has_a_key_usage_that_allows_signing() {
    breaks(Code::KeyUsage, At::Issuer, |it| remove(it, ext::KEY_USAGE));
    breaks(Code::KeyUsage, At::Root, |it| {
        replace(it, ext::KEY_USAGE, true, &[3, 2, 1, 2]);
    });
}

#[test]
fn name_constraints_are_critical_and_constrain() {
    let permitted = der(0x82, &[b"example.com"]);
    let permitted = der(0x30, &[&der(0xa0, &[&der(0x30, &[&permitted])])]);
    breaks(Code::NameConstraintsForm, At::Issuer, |it| {
        add(it, ext::NAME_CONSTRAINTS, false, &permitted);
    });
    breaks(Code::NameConstraintsForm, At::Leaf, |it| {
        add(it, ext::NAME_CONSTRAINTS, false, &permitted);
    });
}

#[test]
fn policies_are_constrained_critically_and_by_cas_only() {
    let explicit = der(0x30, &[&[0x80, 1, 0]]);
    breaks(Code::PolicyForm, At::Issuer, |it| {
        add(it, ext::POLICY_CONSTRAINTS, false, &explicit);
    });
    breaks(Code::PolicyForm, At::Issuer, |it| {
        add(it, ext::INHIBIT_ANY_POLICY, false, &integer(&[0]));
    });
    breaks(Code::PolicyForm, At::Leaf, |it| {
        add(it, ext::POLICY_CONSTRAINTS, false, &explicit);
    });
}

#[test]
fn a_root_is_in_date_and_names_no_other_issuer_and_no_usage() {
    let server_auth = der(0x06, &[&[0x2b, 6, 1, 5, 5, 7, 3, 1]]);
    breaks(Code::UnfitAnchor, At::Root, |it| {
        add(
            it,
            ext::EXTENDED_KEY_USAGE,
            false,
            &der(0x30, &[&server_auth]),
        );
    });
    breaks(Code::UnfitAnchor, At::Root, |it| {
        add(
            it,
            ext::AUTHORITY_KEY_ID,
            false,
            &der(0x30, &[&[0x80, 1, 7]]),
        );
    });
    let pki = Pki::edited(At::Root, |it| {
        let time = |year: &str| der(0x17, &[format!("{year}0101000000Z").as_bytes()]);
        it[4] = der(0x30, &[&time("20"), &time("25")]);
    });
    // Not in date is a warning without strict, as OpenSSL looks at it and webpki does not.
    let (_, report) = pki.verify(Profile::PathValidation).expect("a warning");
    let refusal = pki.verify(Profile::Strict).expect_err("a rule is broken");
    assert_eq!(errors(&refusal), [Code::UnfitAnchor]);
    for (report, severity) in [
        (&report, Severity::Warning),
        (refusal.report(), Severity::Error),
    ] {
        let finding = the(report, Code::UnfitAnchor);
        assert_eq!(finding.severity, severity);
        assert_eq!(place(finding), pki.place(At::Root));
    }
}

#[test]
fn a_server_has_a_subject_alternative_name() {
    breaks(Code::SubjectAltName, At::Leaf, |it| {
        remove(it, ext::SUBJECT_ALT_NAME);
        it[5] = der(0x30, &[&attribute(10, 0x0c, "An organization")]);
    });
}

#[test]
fn an_empty_subject_wants_a_critical_subject_alternative_name() {
    breaks(Code::SubjectAltName, At::Leaf, |it| it[5] = der(0x30, &[]));
}

#[test]
fn names_that_dns_could_not_hold_and_wildcards_over_suffixes_are_refused() {
    let good = (0x82, &b"www.example.com"[..]);
    for name in [
        (0x82, &b"a_b.example.com"[..]),
        (0x82, b"f*.example.com"),
        (0x82, b"*.com"),
        (0x82, b"192.0.2.1"),
        (0x87, &[192, 0, 2]),
    ] {
        breaks(Code::SubjectAltName, At::Leaf, |it| {
            let names = subject_alt_name(&[good, name]);
            replace(it, ext::SUBJECT_ALT_NAME, false, &names);
        });
    }
}

#[test]
fn a_common_name_repeats_a_subject_alternative_name() {
    let twice = [
        common_name(0x0c, "www.example.com"),
        common_name(0x13, "www.example.com"),
    ];
    for subject in [twice.concat(), common_name(0x0c, "WWW.example.com")] {
        breaks(Code::CommonName, At::Leaf, |it| {
            it[5] = der(0x30, &[&subject]);
        });
    }
    let plain = LeafOptions {
        name: "a name for people".to_owned(),
        ..LeafOptions::default()
    };
    Pki::with_leaf(plain).is_warned_of(Code::CommonName);
}

#[test]
fn a_server_is_no_ca_in_any_respect() {
    breaks(Code::BasicConstraints, At::Leaf, |it| {
        replace(it, ext::BASIC_CONSTRAINTS, true, &[0x30, 3, 2, 1, 0]);
    });
    breaks(Code::KeyUsage, At::Leaf, |it| {
        replace(it, ext::KEY_USAGE, true, &[3, 2, 2, 0x84]);
    });
    breaks(Code::KeyUsage, At::Leaf, |it| {
        replace(it, ext::KEY_USAGE, true, &[3, 1, 0]);
    });
}

#[test]
fn a_server_has_an_extended_key_usage_that_is_not_critical_and_not_any() {
    let usage = |last: &[&[u8]]| {
        let any: Vec<_> = last.iter().map(|oid| der(0x06, &[oid])).collect();
        der(0x30, &[&any.concat()])
    };
    let server_auth: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    breaks(Code::ExtendedKeyUsage, At::Leaf, |it| {
        replace(it, ext::EXTENDED_KEY_USAGE, true, &usage(&[server_auth]));
    });
    breaks(Code::ExtendedKeyUsage, At::Leaf, |it| {
        let any = usage(&[server_auth, &[0x55, 0x1d, 37, 0]]);
        replace(it, ext::EXTENDED_KEY_USAGE, false, &any);
    });
    let without = LeafOptions {
        ekus: Vec::new(),
        ..LeafOptions::default()
    };
    Pki::with_leaf(without).is_warned_of(Code::ExtendedKeyUsage);
}
