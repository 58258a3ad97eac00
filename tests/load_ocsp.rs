//! What HAProxy does with an OCSP response beside a certificate file is foretold.

mod common;

use common::der::der;
use common::extension::{self, TLS_FEATURE};
use common::ocsp::{Responder, time, with_time};
use common::pki::{Ca, Leaf, pem_block};
use common::side_files::{FIVE_DAYS, Fate, Outcome, Site, judged, replaced};
use fullchain::Code;
use fullchain::haproxy::load::SideFiles;

const PAST: &[u8; 15] = b"20200101000000Z";
const FUTURE: &[u8; 15] = b"21190101000000Z";

/// Answers that are judged in a file with the CA's certificate.
fn judged_whole(site: &Site, leaf: &Leaf, ocsp: &[u8]) -> Outcome {
    let pem = [&*leaf.cert_pem, &leaf.key_pem, &site.ca.cert_pem].concat();
    let side = SideFiles {
        ocsp: Some(ocsp),
        ..SideFiles::default()
    };
    judged(&String::from_utf8_lossy(ocsp), &pem, side)
}

/// What is said of the response.
fn said(outcome: &Outcome) -> Vec<String> {
    let loaded = outcome.foretold.as_ref().expect("it is loaded");
    let findings = loaded.findings.with_code(Code::OcspResponse);
    findings.map(|finding| finding.message.clone()).collect()
}

#[test]
fn a_response_that_holds_goes_to_clients_even_if_it_harms() {
    let site = Site::new();
    let revoked = site.ca.leaf_named("b.example.com");
    site.responder.knows(&revoked.cert_pem, true);
    let good = site.good();
    let cases = [
        (&site.leaf, good.clone(), None),
        (
            &site.leaf,
            [&good[..], b"more"].concat(),
            Some("bytes follow"),
        ),
        (
            &revoked,
            site.responder.answer(FIVE_DAYS, &[&revoked.cert_pem]),
            Some("is revoked"),
        ),
    ];
    for (leaf, ocsp, owed) in cases {
        let outcome = judged_whole(&site, leaf, &ocsp);
        assert_eq!(outcome.fate, Fate::Stapled, "{owed:?}");
        let said = said(&outcome);
        assert_eq!(said.len(), owed.iter().len(), "{owed:?}: {said:?}");
        assert!(
            said.iter()
                .zip(owed)
                .all(|(said, owed)| said.contains(owed)),
            "{owed:?}: {said:?}"
        );
    }
}

#[test]
fn a_response_that_is_of_no_use_is_ignored_and_the_reason_told() {
    let site = Site::new();
    let known = &*site.leaf.cert_pem;
    let other = site.ca.leaf_named("b.example.com");
    site.responder.knows(&other.cert_pem, false);
    let nobody = Responder::new(&site.ca);
    let other_ca = Responder::new(&Ca::root("Test CA"));
    other_ca.knows(known, false);
    let answer = |options: &[&str], certs: &[&str]| site.responder.answer(options, certs);
    let good = site.good();
    let soon = answer(&["-nmin", "3"], &[known]);
    let backwards = with_time(&soon, 1, &time(&soon, 2));
    let backwards = with_time(&backwards, 2, &time(&soon, 1));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "has expired",
            with_time(&with_time(&good, 1, PAST), 2, PAST),
        ),
        (
            "from a later time",
            with_time(&with_time(&good, 1, FUTURE), 2, FUTURE),
        ),
        ("ends before it begins", backwards),
        ("times are damaged", with_time(&good, 1, b"20209901000000Z")),
        ("ends within 300 seconds", soon),
        ("until when", answer(&[], &[known])),
        ("does not know", nobody.answer(FIVE_DAYS, &[known])),
        (
            "another serial number",
            answer(FIVE_DAYS, &[&other.cert_pem]),
        ),
        ("another issuer", other_ca.answer(FIVE_DAYS, &[known])),
        (
            "another hash than SHA-1",
            answer(&["-ndays", "5", "-sha256"], &[known]),
        ),
        (
            "more than one certificate",
            answer(FIVE_DAYS, &[known, &other.cert_pem]),
        ),
        ("responder's error", der(0x30, &[&der(0x0a, &[&[3]])])),
        ("of another kind", der(0x30, &[&der(0x0a, &[&[0]])])),
        (
            "of another kind",
            replaced(&good, b"\x30\x01\x01\x04", b"\x30\x01\x02\x04"),
        ),
        (
            "is damaged, or of another kind",
            replaced(&good, b"\x18\x0f", b"\x17\x0f"),
        ),
        ("it is text", b"garbage\n".to_vec()),
        ("it is text", pem_block("OCSP RESPONSE", &good).into_bytes()),
        ("it is empty", Vec::new()),
        ("it is damaged", good[..100].to_vec()),
        ("no more than 16384 bytes", der(0x30, &[&vec![0; 20_000]])),
    ];
    for (owed, ocsp) in cases {
        let outcome = judged_whole(&site, &site.leaf, &ocsp);
        assert_eq!(outcome.fate, Fate::Bare, "{owed}");
        let said = said(&outcome);
        assert!(
            matches!(&*said, [said] if said.contains(owed)),
            "{owed}: {said:?}"
        );
    }
}

#[test]
fn a_certificate_that_demands_a_response_is_told_of_when_none_is_sent() {
    let site = Site::new();
    let good = site.good();
    let demanding = |features: &[u8]| {
        let leaf = site.ca.reissue(&site.leaf.cert_der, |fields| {
            extension::add(fields, TLS_FEATURE, false, features);
        });
        pem_block("CERTIFICATE", &leaf) + &site.leaf.key_pem + &site.ca.cert_pem
    };
    let demands = demanding(b"\x30\x03\x02\x01\x05");
    let other = demanding(b"\x30\x03\x02\x01\x11");
    for (case, pem, ocsp, owed, is_said) in [
        ("none", &demands, None, Fate::Bare, true),
        ("good", &demands, Some(&good[..]), Fate::Stapled, false),
        ("ignored", &demands, Some(b"x"), Fate::Bare, true),
        ("another feature", &other, None, Fate::Bare, false),
        ("no demand", &site.whole(), None, Fate::Bare, false),
    ] {
        let side = SideFiles {
            ocsp,
            ..SideFiles::default()
        };
        let outcome = judged(case, pem, side);
        assert_eq!(outcome.fate, owed, "{case}");
        assert_eq!(outcome.has(Code::MustStaple), is_said, "{case}");
    }
}
