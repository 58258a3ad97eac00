//! What was left out of a chain, and why: one finding for each certificate.

use super::Chain;
use super::explain::moment;
use super::seen::Seen;
use crate::cert::Certificate;
use crate::finding::{Code, Finding};
use crate::trust::Anchor;

/// Takes each certificate once, and says where the others stood.
pub(crate) fn distinct(mut certificates: Vec<Certificate>) -> (Vec<Certificate>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut seen = Seen::default();
    let before = certificates.iter().map(|certificate| {
        let first = seen.note(certificate);
        findings.extend(first.map(|first| duplicate(certificate, first)));
        first.is_some()
    });
    let mut before = before.collect::<Vec<bool>>().into_iter();
    certificates.retain(|_| before.next() == Some(false));
    (certificates, findings)
}

fn duplicate(certificate: &Certificate, first: &Certificate) -> Finding {
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
pub(super) fn left_out(
    chain: &Chain,
    candidates: &[Certificate],
    anchors: &[&Anchor],
) -> Vec<Finding> {
    candidates
        .iter()
        .filter(|certificate| !chain.certificates().any(|used| used == *certificate))
        .map(|certificate| reason(certificate, chain, anchors).at(certificate.origin()))
        .collect()
}

fn reason(certificate: &Certificate, chain: &Chain, anchors: &[&Anchor]) -> Finding {
    let name = certificate.subject_text();
    let dates = || {
        format!(
            "valid from {} to {}",
            moment(certificate.not_before()),
            moment(certificate.not_after())
        )
    };
    let in_date = certificate.is_valid_at(chain.verified_at());
    let mut namesakes = chain
        .certificates()
        .filter(|used| used.subject() == certificate.subject())
        .peekable();
    let is_namesake = namesakes.peek().is_some();
    let has_key = namesakes.any(|used| used.spki_value() == certificate.spki_value());
    let is_root = anchors.iter().any(|anchor| is_anchor(certificate, anchor));
    if is_root && certificate.is_self_issued() {
        Finding::new(
            Code::RootLeftOut,
            format!("the root {name} was left out: clients have it"),
        )
    } else if !certificate.is_ca() {
        let same_key = chain.leaf().spki_value() == certificate.spki_value();
        let what = match (same_key, in_date) {
            (true, _) => format!("has the same key and is not in date ({})", dates()),
            (false, false) => format!("is another server certificate, not in date ({})", dates()),
            (false, true) => "is another server certificate, without a key here".to_owned(),
        };
        Finding::new(Code::LeafLeftOut, format!("{name} {what}; it was left out"))
    } else if !in_date {
        Finding::new(
            Code::ExpiredLeftOut,
            format!("{name} is not in date ({}) and was left out", dates()),
        )
    } else if is_namesake && !has_key && !is_root {
        Finding::new(
            Code::AlternativeLeftOut,
            format!(
                "{name} has another key than the CA of that name in the chain and was left out"
            ),
        )
    } else if is_namesake || is_root {
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
            format!("{name} is no part of this chain and was left out"),
        )
    }
}
