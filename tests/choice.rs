//! Which of several good paths is sent, and what each trust store makes of it.

mod common;

use common::bundling::{at, read, roots};
use common::pki::{Ca, CaOptions, Leaf};
use fullchain::{Bundler, Certificate, Chain, Code, Preference, Report, TrustStore};

/// A root known of old and a new one, which the old one cross-signed for a shorter time.
struct Succession {
    old: Ca,
    new: Ca,
    cross: Ca,
    issuer: Ca,
    leaf: Leaf,
}

impl Succession {
    fn new() -> Self {
        Self::named("Old", "New")
    }

    fn named(old_name: &str, new_name: &str) -> Self {
        let (old, new) = (Ca::root(old_name), Ca::root(new_name));
        let cross = old.intermediate_with(CaOptions {
            shared_key: Some(new.key.clone()),
            not_after: (2090, 1, 1),
            ..CaOptions::named(new_name)
        });
        let issuer = new.intermediate("Issuer");
        let leaf = issuer.leaf_named("www.example.com");
        Self {
            old,
            new,
            cross,
            issuer,
            leaf,
        }
    }

    fn pile(&self) -> String {
        let Self { cross, issuer, .. } = self;
        format!(
            "{}{}{}",
            self.leaf.cert_pem, cross.cert_pem, issuer.cert_pem
        )
    }

    fn store(&self, name: &str, root: &Ca) -> TrustStore {
        let material = read(name, &root.cert_pem);
        TrustStore::from_material(name, material).expect("a root").0
    }

    fn bundler(&self) -> Bundler {
        let new = self.store("new", &self.new);
        Bundler::new(new, at((2026, 1, 1))).trust(self.store("old", &self.old))
    }

    fn verify(&self, bundler: &Bundler) -> (Chain, Report) {
        let verified = bundler.verify(read("pile.pem", self.pile()));
        verified.unwrap_or_else(|refusal| panic!("{}", refusal.report()))
    }
}

fn subjects(certificates: &[Certificate]) -> Vec<String> {
    certificates.iter().map(Certificate::subject_text).collect()
}

#[test]
fn by_default_the_path_that_all_stores_trust_is_sent() {
    let case = Succession::new();
    let (chain, report) = case.verify(&case.bundler());
    assert_eq!(subjects(chain.intermediates()), ["CN=Issuer", "CN=New"]);
    assert_eq!(chain.trusted_by(), ["new", "old"]);
    let chosen = report.with_code(Code::PathChosen).next().expect("a choice");
    assert!(
        chosen
            .message
            .contains("not taken: through CN=Issuer (pile.pem:")
    );
    assert!(!report.has(Code::StoreDoesNotTrust));
}

#[test]
fn a_root_that_changed_its_key_and_kept_its_name_is_led_to_both_keys() {
    let case = Succession::named("Root", "Root");
    let (chain, report) = case.verify(&case.bundler());
    assert_eq!(subjects(chain.intermediates()), ["CN=Issuer", "CN=Root"]);
    assert_eq!(chain.trusted_by(), ["new", "old"], "{report}");
}

#[test]
fn each_store_is_told_of_by_its_path_and_until_when() {
    let case = Succession::new();
    let (chain, _) = case.verify(&case.bundler());
    let [new, old] = chain.trust() else {
        panic!("two stores were given");
    };
    // Clients of the new root stop at it, and so outlive the cross-signed certificate.
    assert_eq!(subjects(&new.path), ["CN=Issuer"]);
    assert_eq!(new.valid_until, Some(at((2120, 1, 1))));
    assert_eq!(subjects(&old.path), ["CN=Issuer", "CN=New"]);
    assert_eq!(old.valid_until, Some(at((2090, 1, 1))));
    assert_eq!(chain.valid_until(), at((2090, 1, 1)));
}

#[test]
fn a_preference_for_few_certificates_or_long_life_leaves_the_cross_sign_out() {
    let case = Succession::new();
    for preference in [Preference::FewestCertificates, Preference::LongestLived] {
        let (chain, report) = case.verify(&case.bundler().prefer(preference));
        assert_eq!(subjects(chain.intermediates()), ["CN=Issuer"]);
        assert_eq!(chain.trusted_by(), ["new"]);
        let distrust = report.with_code(Code::StoreDoesNotTrust).next();
        assert!(
            distrust
                .expect("the old store's")
                .message
                .contains("roots of old")
        );
        assert_eq!(chain.trust()[1].path, []);
        assert!(chain.trust()[1].reason.is_some());
    }
}

#[test]
fn an_expired_cross_sign_is_never_sent_and_is_a_finding() {
    let case = Succession::new();
    let later = Bundler::new(case.store("new", &case.new), at((2095, 1, 1)))
        .trust(case.store("old", &case.old));
    let (chain, report) = case.verify(&later);
    assert_eq!(subjects(chain.intermediates()), ["CN=Issuer"]);
    assert!(report.has(Code::ExpiredLeftOut), "{report}");
    let only_old = Bundler::new(roots(&[&case.old.cert_pem]), at((2095, 1, 1)));
    let refusal = only_old.verify(read("pile.pem", case.pile())).unwrap_err();
    assert!(refusal.report().has(Code::Expired), "{}", refusal.report());
}

#[test]
fn a_path_that_was_refused_is_named_with_the_reason() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let expired = root.intermediate_with(CaOptions {
        shared_key: Some(issuer.key.clone()),
        not_after: (2025, 12, 31),
        ..CaOptions::named("Issuer")
    });
    let leaf = issuer.leaf_named("www.example.com");
    let pile = [&leaf.cert_pem, &expired.cert_pem, &issuer.cert_pem].map(String::as_str);
    let bundler = Bundler::new(roots(&[&root.cert_pem]), at((2026, 1, 1)));
    let (_, report) = bundler
        .verify(read("pile.pem", pile.concat()))
        .expect("a chain");
    let chosen = report.with_code(Code::PathChosen).next().expect("a choice");
    assert!(chosen.message.ends_with("(refused: expired)"), "{chosen}");
}

#[test]
fn of_many_paths_not_taken_a_few_are_named_and_the_rest_counted() {
    let root = Ca::root("Root");
    let first = root.intermediate("Issuer");
    let renewal = |year| {
        let options = CaOptions {
            shared_key: Some(first.key.clone()),
            not_after: (year, 1, 1),
            ..CaOptions::named("Issuer")
        };
        root.intermediate_with(options).cert_pem
    };
    let leaf = first.leaf_named("www.example.com");
    let renewals: String = (2080..2087).map(renewal).collect();
    let pile = format!("{}{}{renewals}", leaf.cert_pem, first.cert_pem);
    let bundler = Bundler::new(roots(&[&root.cert_pem]), at((2026, 1, 1)));
    let (_, report) = bundler.verify(read("pile.pem", pile)).expect("a chain");
    let chosen = report.with_code(Code::PathChosen).next().expect("a choice");
    assert!(chosen.message.starts_with("of 8 paths "), "{chosen}");
    assert!(chosen.message.ends_with("; and 2 more"), "{chosen}");
    assert_eq!(chosen.message.matches("; ").count(), 1 + 5, "{chosen}");
}
