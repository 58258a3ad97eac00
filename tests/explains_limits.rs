//! Each limit that ends a search is named with its number: as the reason of a refusal, or as a
//! warning beside the path that was found before.

mod common;

use common::bundling::{bundler, errors, lines, place, read, the};
use common::pki::{Ca, CaOptions, Leaf};
use fullchain::chain::{Limit, Limits};
use fullchain::{Chain, Code, Refusal, Report, Severity};

/// A path through the issuer alone, and one that goes on through a cross-sign to another root.
struct Two {
    roots: [String; 2],
    leaf: Leaf,
    issuer: Ca,
    cross: Ca,
}

impl Two {
    fn new() -> Two {
        let (old, new) = (Ca::root("Old"), Ca::root("New"));
        let cross = old.intermediate_with(CaOptions {
            shared_key: Some(new.key.clone()),
            ..CaOptions::named("New")
        });
        let issuer = new.intermediate("Issuer");
        Two {
            leaf: issuer.leaf_named("www.example.com"),
            roots: [old.cert_pem, new.cert_pem],
            issuer,
            cross,
        }
    }

    fn verify(&self, limits: Limits) -> Result<(Chain, Report), Refusal> {
        let pems = [
            &*self.leaf.cert_pem,
            &self.issuer.cert_pem,
            &self.cross.cert_pem,
        ];
        bundler(&[&self.roots[0], &self.roots[1]])
            .limits(limits)
            .verify(read("pile.pem", pems.concat()))
    }
}

fn limits(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits);
    limits
}

type Set = fn(&mut Limits);

#[test]
fn a_limit_that_lets_no_path_be_found_is_why_it_is_refused() {
    let two = Two::new();
    let cases: [(Set, Limit, &str); 5] = [
        (
            |it| it.max_intermediates = 0,
            Limit::Intermediates(0),
            "0 intermediates in a path",
        ),
        (
            |it| it.max_candidates = 0,
            Limit::Candidates(0),
            "0 certificates above the leaf",
        ),
        (
            |it| it.max_signature_checks = 0,
            Limit::SignatureChecks(0),
            "0 signature checks",
        ),
        (
            |it| it.max_partial_paths = 1,
            Limit::PartialPaths(1),
            "1 partial paths",
        ),
        (
            |it| it.max_complete_paths = 0,
            Limit::CompletePaths(0),
            "0 complete paths",
        ),
    ];
    for (set, limit, words) in cases {
        assert_eq!(limit.to_string(), words);
        let refusal = two.verify(limits(set)).unwrap_err();
        assert_eq!(errors(&refusal), [Code::LimitExceeded], "{words}");
        let finding = the(refusal.report(), Code::LimitExceeded);
        assert!(finding.message.ends_with(words), "{finding}");
        assert!(finding.message.contains("CN=www.example.com"), "{finding}");
        assert_eq!(place(finding), lines(&[&two.leaf.cert_pem]));
        assert!(finding.help.is_some(), "{finding}");
    }
}

#[test]
fn a_limit_that_is_met_after_a_path_was_found_is_a_warning() {
    let two = Two::new();
    let cases: [(Set, &str); 3] = [
        (|it| it.max_candidates = 1, "1 certificates above the leaf"),
        (|it| it.max_partial_paths = 2, "2 partial paths"),
        (|it| it.max_complete_paths = 1, "1 complete paths"),
    ];
    for (set, words) in cases {
        let (chain, report) = two.verify(limits(set)).expect("one path was found");
        assert_eq!(chain.intermediates().len(), 1, "{words}");
        let finding = the(&report, Code::LimitExceeded);
        assert_eq!(finding.severity, Severity::Warning, "{finding}");
        assert!(finding.message.ends_with(words), "{finding}");
        assert_eq!(place(finding), lines(&[&two.leaf.cert_pem]));
    }
}

#[test]
fn limits_that_just_suffice_are_not_met() {
    let two = Two::new();
    let enough = limits(|it| {
        it.max_intermediates = 2;
        it.max_candidates = 2;
        it.max_partial_paths = 4;
        it.max_complete_paths = 2;
    });
    let (_, report) = two.verify(enough).unwrap();
    assert_eq!(report.with_code(Code::LimitExceeded).count(), 0, "{report}");
    assert_eq!(report.with_code(Code::PathChosen).count(), 1, "{report}");
}

#[test]
fn a_path_that_is_too_long_beside_a_short_one_is_no_limit_met() {
    let two = Two::new();
    let (chain, report) = two.verify(limits(|it| it.max_intermediates = 1)).unwrap();
    assert_eq!(chain.intermediates().len(), 1);
    assert_eq!(report.with_code(Code::LimitExceeded).count(), 0, "{report}");
}
