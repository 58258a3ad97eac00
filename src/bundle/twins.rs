//! Twins: a bundle with an ECDSA key and one with an RSA key, for the same names.

use std::collections::BTreeSet;

use super::{Bundle, Bundler, Draft};
use crate::finding::{Code, Finding};
use crate::haproxy::sni::{KeyType, Names};
use crate::key::KeyAlgorithm;
use crate::read::Material;

impl Bundler {
    /// Begins two bundles of one pile: that with an ECDSA key, and its twin with an RSA key. HAProxy
    /// takes them for `crt site.pem` when they are `site.pem.ecdsa` and `site.pem.rsa`, and shows
    /// each client the one that it can verify.
    ///
    /// What was said while reading is in the report of the first.
    pub fn draft_twins(&self, material: Material) -> [Draft; 2] {
        let mut rsa = Material::default();
        let mut ecdsa = material;
        let is_rsa = |algorithm| matches!(algorithm, KeyAlgorithm::Rsa(_));
        let keys = std::mem::take(&mut ecdsa.keys).into_iter();
        (rsa.keys, ecdsa.keys) = keys.partition(|key| is_rsa(key.algorithm()));
        let certificates = std::mem::take(&mut ecdsa.certificates);
        for certificate in certificates {
            let key_type = KeyType::of(&certificate);
            if certificate.is_ca() || key_type == KeyType::Rsa {
                rsa.certificates.push(certificate.clone());
            }
            if certificate.is_ca() || key_type != KeyType::Rsa {
                ecdsa.certificates.push(certificate);
            }
        }
        rsa.dh_parameters.clone_from(&ecdsa.dh_parameters);
        [self.draft(ecdsa), self.draft(rsa)]
    }
}

impl Bundle {
    /// A warning when its certificate does not have the names of its twin's.
    pub fn twin_differs(&self, twin: &Self) -> Option<Finding> {
        let (own, others) = (
            Names::of(self.chain().leaf()),
            Names::of(twin.chain().leaf()),
        );
        let (own, others): (BTreeSet<&str>, BTreeSet<&str>) =
            (own.iter().collect(), others.iter().collect());
        let names: Vec<&str> = own.symmetric_difference(&others).copied().collect();
        if names.is_empty() {
            return None;
        }
        let message = format!(
            "the certificates with an ECDSA and an RSA key are not for the same names: only one of them has {}",
            names.join(", ")
        );
        Some(Finding::new(Code::TwinsDiffer, message).at(twin.chain().leaf().origin()))
    }
}
