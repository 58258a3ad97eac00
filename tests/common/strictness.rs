//! A conforming chain, of which a test breaks one rule of the strict profile.

use fullchain::{Bundler, Chain, Code, Profile, Refusal, Report, Severity};

use super::bundling::{TODAY, at, errors, lines, named_roots, place, read};
use super::pki::{Ca, LeafOptions, pem_block};

/// Three certificates, any of which a test may replace.
pub struct Pki {
    pub root: Ca,
    pub issuer: Ca,
    pub root_pem: String,
    pub issuer_pem: String,
    pub leaf_pem: String,
}

/// Which certificate breaks a rule.
#[derive(Clone, Copy, Debug)]
pub enum At {
    Leaf,
    Issuer,
    Root,
}

pub type Fields = Vec<Vec<u8>>;

impl Pki {
    pub fn new() -> Self {
        Self::with_leaf(LeafOptions::default())
    }

    pub fn with_leaf(options: LeafOptions) -> Pki {
        let root = Ca::root("Root");
        let issuer = root.intermediate("Issuer");
        let leaf = issuer.leaf(options);
        Pki {
            root_pem: root.cert_pem.clone(),
            issuer_pem: issuer.cert_pem.clone(),
            leaf_pem: leaf.cert_pem,
            root,
            issuer,
        }
    }

    /// With the fields of one certificate edited, and signed anew.
    pub fn edited(whose: At, edit: impl FnOnce(&mut Fields)) -> Pki {
        let mut pki = Pki::new();
        let (authority, pem) = match whose {
            At::Leaf => (&pki.issuer, &mut pki.leaf_pem),
            At::Issuer => (&pki.root, &mut pki.issuer_pem),
            At::Root => (&pki.root, &mut pki.root_pem),
        };
        let before = pem::parse(pem.as_bytes()).expect("a certificate");
        *pem = pem_block("CERTIFICATE", &authority.reissue(before.contents(), edit));
        pki
    }

    pub fn verify(&self, profile: Profile) -> Result<(Chain, Report), Refusal> {
        let pile = read("pile.pem", [&*self.leaf_pem, &self.issuer_pem].concat());
        let store = named_roots("roots.pem", &[&self.root_pem]);
        Bundler::new(store, at(TODAY)).profile(profile).verify(pile)
    }

    pub fn place(&self, whose: At) -> String {
        match whose {
            At::Leaf => lines(&[&self.leaf_pem]),
            At::Issuer => lines(&[&self.leaf_pem, &self.issuer_pem]),
            At::Root => format!("roots.pem:1-{}", self.root_pem.lines().count()),
        }
    }

    /// Path validation has nothing to say; strict refuses for these reasons alone, and says where.
    #[track_caller]
    pub fn breaks(&self, codes: &[Code], whose: At) {
        match self.verify(Profile::PathValidation) {
            Ok((_, report)) => assert!(report.is_empty(), "{report}"),
            Err(refusal) => panic!("path validation refuses it:\n{}", refusal.report()),
        }
        let refusal = self.verify(Profile::Strict).expect_err("a rule is broken");
        assert_eq!(errors(&refusal), codes, "{}", refusal.report());
        for finding in refusal.report().errors() {
            assert_eq!(place(finding), self.place(whose), "{finding}");
            assert!(finding.help.is_some(), "{finding}");
            let sourced = ["RFC ", "Baseline Requirements", "checked for"];
            assert!(sourced.iter().any(|word| finding.message.contains(word)));
        }
    }

    /// Both profiles accept it, and have nothing to say.
    #[track_caller]
    pub fn passes(&self) {
        for profile in [Profile::PathValidation, Profile::Strict] {
            match self.verify(profile) {
                Ok((_, report)) => assert!(report.is_empty(), "{report}"),
                Err(refusal) => panic!("it is refused:\n{}", refusal.report()),
            }
        }
    }

    /// Strict accepts it, and warns.
    #[track_caller]
    pub fn is_warned_of(&self, code: Code) {
        let (_, report) = self.verify(Profile::Strict).expect("a warning only");
        let findings: Vec<_> = report.findings().iter().collect();
        assert_eq!(findings.len(), 1, "{report}");
        assert_eq!(findings[0].code, code);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert_eq!(place(findings[0]), self.place(At::Leaf));
    }
}

/// One rule is broken, in one certificate.
#[track_caller]
pub fn breaks(code: Code, whose: At, edit: impl FnOnce(&mut Fields)) {
    Pki::edited(whose, edit).breaks(&[code], whose);
}

/// A change that breaks no rule.
#[track_caller]
pub fn passes(whose: At, edit: impl FnOnce(&mut Fields)) {
    Pki::edited(whose, edit).passes();
}
