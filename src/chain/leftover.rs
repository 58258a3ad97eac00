//! What was left out of a chain, and why: one finding for each certificate.

use super::explain::moment;
use super::{Chain, Pool};
use crate::cert::Certificate;
use crate::finding::{Code, Finding};
use crate::trust::Anchor;

pub(crate) fn duplicate(certificate: &Certificate, first: &Certificate) -> Finding {
    Finding::new(
        Code::DuplicateCertificate,
        format!(
            "{} stands at {}, too; it was left out here",
            certificate.subject_text(),
            first.origin()
        ),
    )
    .at(certificate.origin())
}

/// Whether a certificate carries the anchor's name and key.
pub(super) fn is_anchor(certificate: &Certificate, anchor: &Anchor) -> bool {
    certificate.subject() == anchor.anchor.subject.as_ref()
        && certificate.spki_value() == anchor.anchor.subject_public_key_info.as_ref()
}

/// A finding for each certificate that is not in the chain.
pub(super) fn left_out(chain: &Chain, pool: &Pool, anchor: &Anchor) -> Vec<Finding> {
    let used: Vec<&Certificate> = chain.certificates().collect();
    pool.certificates()
        .iter()
        .filter(|certificate| !used.contains(certificate))
        // Other certificates of the leaf's key are said where the leaf was chosen.
        .filter(|certificate| {
            certificate.is_ca() || certificate.spki_value() != chain.leaf().spki_value()
        })
        .map(|certificate| reason(certificate, chain, anchor).at(certificate.origin()))
        .collect()
}

fn reason(certificate: &Certificate, chain: &Chain, anchor: &Anchor) -> Finding {
    let name = certificate.subject_text();
    let dates = || {
        format!(
            "valid from {} to {}",
            moment(certificate.not_before()),
            moment(certificate.not_after())
        )
    };
    let in_date = certificate.is_valid_at(chain.verified_at());
    let namesake = || {
        chain
            .certificates()
            .any(|used| used.subject() == certificate.subject())
    };
    if is_anchor(certificate, anchor) && certificate.is_self_issued() {
        Finding::new(
            Code::RootLeftOut,
            format!("the root {name} was left out: clients have it"),
        )
    } else if !certificate.is_ca() {
        Finding::new(
            Code::LeafLeftOut,
            format!("{name} is another server certificate, without a key here; it was left out"),
        )
    } else if !in_date {
        Finding::new(
            Code::ExpiredLeftOut,
            format!("{name} is not in date ({}) and was left out", dates()),
        )
    } else if namesake() || is_anchor(certificate, anchor) {
        Finding::new(
            Code::AlternativeLeftOut,
            format!(
                "{name}, issued by {}, is not needed and was left out",
                certificate.issuer_text()
            ),
        )
    } else {
        Finding::new(
            Code::UnrelatedCertificate,
            format!("{name} has nothing to do with this chain and was left out"),
        )
    }
}
