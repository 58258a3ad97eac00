//! Twins: a bundle with an ECDSA key and one with an RSA key, for the same names.

use std::collections::BTreeSet;

use super::{Bundle, Bundler, Draft};
use crate::cert::Certificate;
use crate::common_name::common_names;
use crate::finding::{Code, Finding};
use crate::key::{KeyAlgorithm, public_key};
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
            let has_rsa = public_key(&certificate).is_some_and(|(algorithm, _)| is_rsa(algorithm));
            if certificate.is_ca() || has_rsa {
                rsa.certificates.push(certificate.clone());
            }
            if certificate.is_ca() || !has_rsa {
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
        let (own, others) = (names(self.chain().leaf()), names(twin.chain().leaf()));
        let names: Vec<&str> = own
            .symmetric_difference(&others)
            .map(String::as_str)
            .collect();
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

/// What HAProxy answers for with it, lower-cased.
fn names(leaf: &Certificate) -> BTreeSet<String> {
    let names = leaf.dns_names().into_iter().chain(common_names(leaf));
    names.map(|name| name.to_ascii_lowercase()).collect()
}
