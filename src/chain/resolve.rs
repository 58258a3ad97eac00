//! From a leaf and a pool to the chain to send, or the reasons why there is none.

use rustls_pki_types::{ServerName, UnixTime};

use super::limits::MAX_COMPLETE_PATHS;
use super::search::{Path, Search};
use super::signature::Signatures;
use super::verify::{verify, verify_name};
use super::{Chain, Pool, explain, leftover};
use crate::cert::Certificate;
use crate::finding::{Code, Finding, Report};
use crate::key::{KeyAlgorithm, RSA_MIN_BITS, public_key};
use crate::trust::TrustStore;

/// What a chain must satisfy.
#[derive(Clone, Debug)]
pub(crate) struct Requirements {
    pub(crate) stores: Vec<TrustStore>,
    pub(crate) time: UnixTime,
    pub(crate) names: Vec<ServerName<'static>>,
    pub(crate) include_root: bool,
}

/// A path, and the stores whose clients accept it.
struct Accepted<'a> {
    path: Path<'a>,
    trusted_by: Vec<String>,
}

/// Finds and verifies the chain. Every reason for `None` is in the report as an error.
pub(crate) fn resolve(
    requirements: &Requirements,
    leaf: &Certificate,
    pool: &Pool,
    report: &mut Report,
) -> Option<Chain> {
    let signatures = Signatures::default();
    let named = check_names(requirements, leaf, report);
    let strong = check_strength(leaf, report);
    let accepted = choose(requirements, leaf, pool, &signatures, report)?;
    let root = match requirements.include_root {
        true => Some(root(leaf, &accepted.path, pool, report)?),
        false => None,
    };
    if !named || !strong {
        return None;
    }
    let path = &accepted.path;
    let mut chain = Chain {
        leaf: leaf.clone(),
        intermediates: path.intermediates.iter().copied().cloned().collect(),
        // A leaf that is its own anchor is sent once.
        root: root.filter(|root| root != leaf),
        trusted_by: accepted.trusted_by,
        names: requirements.names.clone(),
        verified_at: requirements.time,
        valid_until: leaf.not_after(),
    };
    let ends = chain.certificates().map(Certificate::not_after);
    chain.valid_until = ends.min().unwrap_or(chain.valid_until);
    report.extend(leftover::left_out(&chain, pool, path.anchor));
    Some(chain)
}

/// Takes the shortest of the paths that most stores accept.
fn choose<'a>(
    requirements: &'a Requirements,
    leaf: &'a Certificate,
    pool: &'a Pool,
    signatures: &'a Signatures,
    report: &mut Report,
) -> Option<Accepted<'a>> {
    let Requirements { stores, time, .. } = requirements;
    let mut search = Search::new(leaf, pool, stores, signatures, *time);
    let mut best: Option<Accepted<'_>> = None;
    let mut refused = None;
    for path in search.by_ref().take(MAX_COMPLETE_PATHS) {
        let mut trusted_by = Vec::new();
        for store in stores {
            match verify(leaf, &path.intermediates, store, *time, signatures) {
                Ok(()) => trusted_by.push(store.name().to_owned()),
                // A store that lacks the anchor says nothing about the path.
                Err(webpki::Error::UnknownIssuer) => {}
                Err(error) => {
                    refused.get_or_insert_with(|| {
                        explain::refusal(&error, leaf, &path.intermediates, *time)
                    });
                }
            }
        }
        if trusted_by.len() > best.as_ref().map_or(0, |best| best.trusted_by.len()) {
            let all = trusted_by.len() == stores.len();
            best = Some(Accepted { path, trusted_by });
            if all {
                break;
            }
        }
    }
    let Some(best) = best else {
        let reason = match (refused, &search.nearest, search.limit) {
            (Some(refused), ..) => refused,
            (None, _, Some(limit)) => explain::limit(limit, leaf),
            (None, Some(nearest), None) => explain::dead_end(leaf, nearest, stores),
            (None, None, None) => Finding::new(
                Code::MissingIssuer,
                format!("no path leads from {} to a root", leaf.subject_text()),
            )
            .at(leaf.origin()),
        };
        let date = explain::out_of_date(leaf, *time).filter(|date| date.code != reason.code);
        report.extend(date);
        report.push(reason);
        return None;
    };
    for store in stores {
        if !best.trusted_by.iter().any(|name| name == store.name()) {
            let message = format!(
                "clients that trust only the roots of {} do not accept this chain",
                store.name()
            );
            report.push(Finding::new(Code::StoreDoesNotTrust, message).at(leaf.origin()));
        }
    }
    Some(best)
}

fn check_names(requirements: &Requirements, leaf: &Certificate, report: &mut Report) -> bool {
    let mut valid = true;
    for name in &requirements.names {
        if verify_name(leaf, name).is_err() {
            valid = false;
            let message = format!(
                "{} is not valid for {}; its DNS names are: {}",
                leaf.subject_text(),
                name.to_str(),
                leaf.dns_names().join(", ")
            );
            report.push(Finding::new(Code::NameMismatch, message).at(leaf.origin()));
        }
    }
    valid
}

fn check_strength(leaf: &Certificate, report: &mut Report) -> bool {
    match public_key(leaf) {
        Some((KeyAlgorithm::Rsa(bits), _)) if bits < RSA_MIN_BITS => {
            let message = format!(
                "the key of {} is RSA of {bits} bits; clients want {RSA_MIN_BITS} or more",
                leaf.subject_text()
            );
            report.push(Finding::new(Code::WeakKey, message).at(leaf.origin()));
            false
        }
        _ => true,
    }
}

/// The root's certificate: from the store, or from the material.
fn root(
    leaf: &Certificate,
    path: &Path<'_>,
    pool: &Pool,
    report: &mut Report,
) -> Option<Certificate> {
    let root = path.anchor.certificate.clone().or_else(|| {
        pool.named(&path.anchor.anchor.subject)
            .find(|candidate| leftover::is_anchor(candidate, path.anchor))
            .cloned()
    });
    if root.is_none() {
        let message = format!(
            "the root of {} was asked for, and its certificate is not at hand",
            leaf.subject_text()
        );
        report.push(Finding::new(Code::RootUnavailable, message));
    }
    root
}
