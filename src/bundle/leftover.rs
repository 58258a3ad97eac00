//! What was left out of a bundle, and why: one finding for each certificate.

use rustls_pki_types::UnixTime;

use super::Bundle;
use crate::cert::Certificate;
use crate::chain::Pool;
use crate::chain::explain::moment;
use crate::chain::search::Path;
use crate::finding::{Code, Finding};
use crate::trust::Anchor;

pub(super) fn duplicate(certificate: &Certificate, first: &Certificate) -> Finding {
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

/// A finding for each certificate that is not in the bundle.
pub(super) fn left_out(
    bundle: &Bundle,
    pool: &Pool,
    path: &Path<'_>,
    time: UnixTime,
) -> Vec<Finding> {
    let used: Vec<&Certificate> = bundle.certificates().collect();
    pool.certificates()
        .iter()
        .filter(|certificate| !used.contains(certificate))
        .map(|certificate| reason(certificate, &used, path, time).at(certificate.origin()))
        .collect()
}

fn reason(
    certificate: &Certificate,
    used: &[&Certificate],
    path: &Path<'_>,
    time: UnixTime,
) -> Finding {
    let name = certificate.subject_text();
    let dates = || {
        format!(
            "valid from {} to {}",
            moment(certificate.not_before()),
            moment(certificate.not_after())
        )
    };
    let in_date = certificate.is_valid_at(time);
    let namesake = || {
        used.iter()
            .any(|used| used.subject() == certificate.subject())
    };
    if is_anchor(certificate, path.anchor) && certificate.is_self_issued() {
        Finding::new(
            Code::RootLeftOut,
            format!("the root {name} was left out: clients have it"),
        )
    } else if !certificate.is_ca() {
        let what = match used.first() {
            Some(leaf) if leaf.spki_value() == certificate.spki_value() => {
                format!("has the same key and is not in date ({})", dates())
            }
            _ if !in_date => format!("is another server certificate, not in date ({})", dates()),
            _ => "is another server certificate, without a key here".to_owned(),
        };
        Finding::new(Code::LeafLeftOut, format!("{name} {what}; it was left out"))
    } else if !in_date {
        Finding::new(
            Code::ExpiredLeftOut,
            format!("{name} is not in date ({}) and was left out", dates()),
        )
    } else if namesake() || is_anchor(certificate, path.anchor) {
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

/// Says that the blocks of one source stood in another order than they are written in.
pub(super) fn reordered(bundle: &Bundle) -> Option<Finding> {
    let source = bundle.leaf().origin().source();
    let lines: Vec<usize> = bundle
        .certificates()
        .map(Certificate::origin)
        .chain([bundle.key().origin()])
        .filter(|origin| origin.source() == source)
        .filter_map(crate::Origin::first_line)
        .collect();
    (!lines.is_sorted()).then(|| {
        Finding::new(
            Code::Reordered,
            "the blocks were put in order: leaf, intermediates as issued, key",
        )
        .at(bundle.leaf().origin())
    })
}
