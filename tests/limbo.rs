//! All of x509-limbo that is about servers, in the strict profile, and what we see differently.
#![cfg(feature = "public-suffix")]

mod common;

use std::collections::BTreeSet;

use common::limbo::{Case, cases, certificates};
use fullchain::{Bundler, Profile};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// `id | accepted or refused | reason`
const DIFFERENCES: &str = include_str!("limbo_differences.txt");

#[test]
fn strict_agrees_with_limbo_except_where_the_table_says_why() {
    let Some(cases) = cases() else { return };
    let cases: Vec<Case> = cases.into_iter().filter(Case::is_for_us).collect();
    assert!(!cases.is_empty(), "no case of the corpus is for us");
    let mut found = BTreeSet::new();
    let mut reasons = String::new();
    let mut right_by_webpki = 0;
    for case in &cases {
        let outcome = strict(case);
        if outcome.is_ok() != case.is_to_be_accepted() {
            let verdict = if outcome.is_ok() {
                "accepted"
            } else {
                "refused"
            };
            found.insert(format!("{} | {verdict}", case.id()));
            let reason = outcome.err().unwrap_or_default();
            reasons.push_str(&format!("{} | {verdict} | {reason}\n", case.id()));
        }
        right_by_webpki += usize::from(webpki_accepts(case) == case.is_to_be_accepted());
    }
    let (all, right) = (cases.len(), cases.len() - found.len());
    println!(
        "x509-limbo: fullchain, strict: {right} of {all}; rustls-webpki alone: {right_by_webpki} of {all}"
    );
    assert_eq!(found, known(), "what was found, with reasons:\n{reasons}");
}

fn known() -> BTreeSet<String> {
    let lines = DIFFERENCES.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(" | ").collect();
            let [id, verdict, reason] = fields[..] else {
                panic!("{line:?} is not id, verdict and reason");
            };
            assert!(!reason.is_empty(), "{id} has no reason");
            format!("{id} | {verdict}")
        })
        .collect()
}

fn strict(case: &Case) -> Result<(), String> {
    let store = case.store().map_err(|error| error.to_string())?;
    let leaf = certificates(&[case.leaf_pem()]);
    let leaf = leaf.first().ok_or("the leaf cannot be read")?;
    let mut bundler = Bundler::new(store, case.time()).profile(Profile::Strict);
    if let Some(name) = case.name() {
        bundler = bundler.name(name?);
    }
    match bundler.chain(leaf, certificates(&case.untrusted_pems())) {
        Ok(_) => Ok(()),
        Err(refusal) => {
            let errors = refusal.report().errors().map(ToString::to_string);
            Err(errors.collect::<Vec<_>>().join("; "))
        }
    }
}

fn webpki_accepts(case: &Case) -> bool {
    let parsed = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("clean PEM");
    let all = |pems: Vec<&str>| pems.into_iter().map(parsed).collect::<Vec<_>>();
    let trusted = all(case.trusted_pems());
    let anchors: Vec<_> = trusted
        .iter()
        .filter_map(|root| anchor_from_trusted_cert(root).ok())
        .collect();
    let leaf = parsed(case.leaf_pem());
    let Ok(leaf) = EndEntityCert::try_from(&leaf) else {
        return false;
    };
    let is_valid_for = |name: ServerName<'_>| leaf.verify_is_valid_for_subject_name(&name).is_ok();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &all(case.untrusted_pems()),
        case.time(),
        KeyUsage::server_auth(),
        None,
        None,
    )
    .is_ok()
        && case.name().is_none_or(|name| name.is_ok_and(is_valid_for))
}
