//! Chains that well-known sites served, put back in order.

mod common;

use common::limbo::{Case, cases, certificates};
use fullchain::{Bundler, Certificate, Reader};

#[test]
fn chains_of_well_known_sites_are_found_in_shuffled_and_damaged_piles() {
    let Some(cases) = cases() else { return };
    let online: Vec<Case> = cases
        .into_iter()
        .filter(|case| case.id().starts_with("online::"))
        .collect();
    assert!(!online.is_empty(), "the corpus has no chains of sites");
    for case in &online {
        let mut pems = vec![case.leaf_pem()];
        pems.extend(case.untrusted_pems());
        pems.extend(case.trusted_pems());
        pems.reverse();
        for _ in 0..pems.len() {
            pems.rotate_left(1);
            check(case, &pems.concat());
            check(case, &damaged(&pems));
        }
    }
}

/// With CRLF line ends, and each `BEGIN` marker on the line of the `END` marker before it.
fn damaged(pems: &[&str]) -> String {
    let trimmed: Vec<&str> = pems.iter().map(|pem| pem.trim_end()).collect();
    trimmed.concat().replace('\n', "\r\n")
}

fn check(case: &Case, pile: &str) {
    let material = Reader::new().read("pile", pile.as_bytes());
    let pile = material.expect("within limits").certificates;
    let leaf = pile.iter().find(|certificate| !certificate.is_ca());
    let leaf = leaf.unwrap_or_else(|| panic!("{}: no leaf was read", case.id()));
    assert_eq!(*leaf, certificates(&[case.leaf_pem()])[0], "{}", case.id());
    let name = case.name().expect("a name").expect("a valid name");
    let bundler = Bundler::new(case.store().expect("a root"), case.time()).name(name);
    let (chain, _) = bundler
        .chain(leaf, pile.clone())
        .unwrap_or_else(|refusal| panic!("{}: {}", case.id(), refusal.report()));
    let ders = |certificates: &[Certificate]| -> Vec<Vec<u8>> {
        certificates.iter().map(|it| it.der().to_vec()).collect()
    };
    let given = certificates(&case.untrusted_pems());
    assert_eq!(ders(chain.intermediates()), ders(&given), "{}", case.id());
}
