//! A certificate whose form webpki refuses: the refusal says which it is, what is wrong with it
//! and what to do, rather than how webpki calls its error.

mod common;

use common::bundling::{errors, place, the};
use common::der::{der, integer, sequence};
use common::extension::{self as ext, add, replace};
use common::strictness::{At, Fields, Pki};
use fullchain::{Code, Profile};

const ANY_POLICY: &[u8] = &[0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0];

/// In both profiles the one reason is this, at that certificate.
#[track_caller]
fn says(pki: &Pki, code: Code, whose: At, words: &[&str]) {
    for profile in [Profile::PathValidation, Profile::Strict] {
        let refusal = pki.verify(profile).expect_err("webpki refuses it");
        assert_eq!(errors(&refusal), [code], "{}", refusal.report());
        let finding = the(refusal.report(), code);
        assert_eq!(place(finding), pki.place(whose), "{finding}");
        assert!(finding.help.is_some(), "{finding}");
        for word in words {
            assert!(finding.message.contains(word), "{word}: {finding}");
        }
    }
}

/// The names of the certificates that a test changes.
fn name(whose: At) -> &'static str {
    match whose {
        At::Leaf => "CN=www.example.com ",
        At::Issuer => "CN=Issuer ",
        At::Root => "CN=Root ",
    }
}

#[track_caller]
fn says_of_each(code: Code, words: &[&str], edit: impl Fn(&mut Fields)) {
    for whose in [At::Leaf, At::Issuer] {
        let words = [&[name(whose)], words].concat();
        says(&Pki::edited(whose, &edit), code, whose, &words);
    }
}

#[test]
fn a_version_other_than_3() {
    for (version, words) in [
        (0, "is of version 1, not of version 3"),
        (1, "is of version 2, not of version 3"),
        (3, "is of a version that X.509 does not have"),
    ] {
        says_of_each(Code::CertificateForm, &[words], |it| {
            it[0] = der(0xa0, &[&integer(&[version])]);
        });
    }
    says_of_each(Code::CertificateForm, &["is of version 1"], |it| {
        it.remove(0);
        it.pop();
    });
}

#[test]
fn unique_identifiers() {
    for tag in [0x81, 0x82] {
        says_of_each(Code::CertificateForm, &["has a unique identifier"], |it| {
            it.insert(7, der(tag, &[&[0, 7]]));
        });
    }
}

#[test]
fn two_signature_algorithms() {
    // ecdsa-with-SHA384 in what is signed, ecdsa-with-SHA256 outside of it.
    let words = ["names two different signature algorithms"];
    says_of_each(Code::CertificateForm, &words, |it| {
        it[2] = sequence(&[der(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3]])]);
    });
}

#[test]
fn an_extension_that_stands_twice_or_is_malformed() {
    says_of_each(
        Code::CertificateForm,
        &["the extension 2.5.29.15 twice"],
        |it| {
            add(it, ext::KEY_USAGE, true, &[3, 2, 1, 6]);
        },
    );
    let words = ["malformed basic constraints"];
    says_of_each(Code::MalformedExtension, &words, |it| {
        replace(it, ext::BASIC_CONSTRAINTS, true, &[0x30, 3, 0x0c, 1, b'x']);
    });
}

#[test]
fn name_constraints_with_distances() {
    let base = der(0x82, &[b"example.com"]);
    for (list, distance) in [
        (0xa0, [0x80, 1, 1]),
        (0xa0, [0x81, 1, 9]),
        (0xa1, [0x81, 1, 9]),
    ] {
        let subtree = der(0x30, &[&base, &distance]);
        let content = der(0x30, &[&der(list, &[&subtree])]);
        for whose in [At::Issuer, At::Root] {
            let pki = Pki::edited(whose, |it| {
                add(it, ext::NAME_CONSTRAINTS, true, &content);
            });
            let words = [name(whose), "minimum or a maximum"];
            says(&pki, Code::NameConstraintsForm, whose, &words);
        }
    }
}

#[test]
fn a_critical_extension_that_nobody_knows_and_one_that_rfc_5280_permits() {
    let words = ["the critical extension 1.3.6.1.4.1.311.127.127"];
    says_of_each(Code::CriticalBit, &words, |it| {
        add(it, ext::UNKNOWN, true, &[5, 0]);
    });
    let words = ["the critical extension 2.5.29.32", "RFC 5280 permits that"];
    says_of_each(Code::CriticalBit, &words, |it| {
        add(it, ext::CERTIFICATE_POLICIES, true, ANY_POLICY);
    });
    let policies = der(0x30, &[&[0x80, 1, 0]]);
    let pki = Pki::edited(At::Issuer, |it| {
        add(it, ext::POLICY_CONSTRAINTS, true, &policies);
    });
    let words = ["the critical extension 2.5.29.36", "RFC 5280 permits that"];
    says(&pki, Code::CriticalBit, At::Issuer, &words);
}
