//! From a leaf and candidates to the chain to send, or the reasons why there is none.

use std::sync::Arc;

use rustls_pki_types::{ServerName, UnixTime};

use super::limits::Limits;
use super::preference::{Merits, Preference};
use super::search::{Path, Search, Step};
use super::signature::SignatureMemory;
use super::verify::{Taken, verify, verify_name};
use super::{Chain, Trust, explain, leftover};
use crate::cert::Certificate;
use crate::finding::{Code, Finding, Report, Severity};
use crate::key::{KeyAlgorithm, RSA_MIN_BITS, public_key};
use crate::profile::{self, Profile, Role};
use crate::trust::TrustStore;

/// What a chain must satisfy.
#[derive(Clone, Debug)]
pub(crate) struct Requirements {
    pub(crate) stores: Vec<TrustStore>,
    pub(crate) time: UnixTime,
    pub(crate) names: Vec<ServerName<'static>>,
    pub(crate) include_root: bool,
    pub(crate) preference: Preference,
    pub(crate) profile: Profile,
    pub(crate) limits: Limits,
    pub(crate) memory: SignatureMemory,
}

impl Requirements {
    /// The search for paths to these stores, among candidates that are there once each.
    pub(super) fn search(&self, leaf: &Certificate, candidates: &[Certificate]) -> Search {
        Search::among_distinct(
            leaf.clone(),
            candidates.to_vec(),
            self.stores.clone(),
            self.time,
        )
        .limits(self.limits)
        .memory(self.memory.clone())
    }
}

/// A path, and what clients of each store make of it.
struct Judged {
    path: Path,
    verdicts: Vec<Result<Taken, webpki::Error>>,
    /// What breaks the strict profile, if that is asked for. Errors refuse the path.
    breaches: Vec<Finding>,
}

impl Judged {
    fn is_accepted(&self) -> bool {
        self.stores() > 0 && !self.is_breached()
    }

    fn is_breached(&self) -> bool {
        let mut breaches = self.breaches.iter();
        breaches.any(|breach| breach.severity == Severity::Error)
    }

    fn stores(&self) -> usize {
        self.verdicts.iter().flatten().count()
    }

    fn merits(&self, leaf: &Certificate) -> Merits {
        let ends = self.path.intermediates().iter().map(Certificate::not_after);
        Merits {
            stores: self.stores(),
            intermediates: self.path.intermediates().len(),
            until: ends
                .chain([leaf.not_after()])
                .min()
                .unwrap_or(leaf.not_after()),
        }
    }
}

/// Finds and verifies the chain. Every reason for `None` is in the report as an error.
pub(crate) fn resolve(
    requirements: &Requirements,
    leaf: &Certificate,
    candidates: &[Certificate],
    report: &mut Report,
) -> Option<Chain> {
    let named = check_names(requirements, leaf, report);
    let strong = check_strength(leaf, report);
    let mut search = requirements.search(leaf, candidates);
    let judged = judge_all(requirements, leaf, &mut search);
    let Some(chosen) = choose(requirements, leaf, &judged) else {
        refuse(requirements, leaf, &search, &judged, report);
        return None;
    };
    if let Some(limit) = search.limit_met() {
        let finding = explain::limit(limit, leaf);
        report.push(finding.with_severity(Severity::Warning));
    }
    let root = match requirements.include_root {
        true => Some(root(
            leaf,
            &chosen.path,
            candidates,
            &requirements.stores,
            report,
        )?),
        false => None,
    };
    if !named || !strong {
        return None;
    }
    if chosen
        .path
        .shared_anchors()
        .iter()
        .any(|anchor| TrustStore::is_public(anchor))
    {
        report.extend(profile::lifetime(leaf));
    }
    let mut chain = Chain {
        leaf: leaf.clone(),
        intermediates: chosen.path.intermediates().to_vec(),
        // A leaf that is its own anchor is sent once.
        root: root.filter(|root| root != leaf),
        trust: trust(requirements, chosen),
        names: requirements.names.clone(),
        verified_at: requirements.time,
        valid_until: leaf.not_after(),
    };
    let ends = chain.certificates().map(Certificate::not_after);
    chain.valid_until = ends.min().unwrap_or(chain.valid_until);
    report.extend(chosen.breaches.iter().cloned());
    report.extend(explain::distrust(&chain));
    report.extend(explain::not_taken(
        requirements.preference,
        leaf,
        chosen.path.intermediates(),
        &others(&judged, chosen),
    ));
    let anchors: Vec<_> = chosen
        .path
        .shared_anchors()
        .iter()
        .map(Arc::as_ref)
        .collect();
    report.extend(leftover::left_out(&chain, candidates, &anchors));
    Some(chain)
}

/// All paths that the search finds, each with its verdicts.
fn judge_all(requirements: &Requirements, leaf: &Certificate, search: &mut Search) -> Vec<Judged> {
    let mut judged: Vec<Judged> = Vec::new();
    loop {
        // Certificates with the wrong key identifier are the last resort.
        if judged.iter().any(Judged::is_accepted) && !search.has_likely() {
            return judged;
        }
        match search.next_step() {
            Step::Path(path) => judged.push(judge(requirements, leaf, path, search)),
            Step::Missing(_) | Step::Limit(_) => {}
            Step::Done => return judged,
        }
    }
}

fn judge(requirements: &Requirements, leaf: &Certificate, path: Path, search: &Search) -> Judged {
    let signatures = search.signatures();
    let verdicts: Vec<_> = requirements
        .stores
        .iter()
        .map(|store| {
            verify(
                leaf,
                path.intermediates(),
                store,
                requirements.time,
                signatures,
            )
        })
        .collect();
    let accepted = verdicts.iter().any(Result::is_ok);
    let breaches = match requirements.profile {
        Profile::Strict if accepted => breaches(requirements, leaf, &path, search),
        _ => Vec::new(),
    };
    Judged {
        path,
        verdicts,
        breaches,
    }
}

/// What breaks the strict profile in a path.
fn breaches(
    requirements: &Requirements,
    leaf: &Certificate,
    path: &Path,
    search: &Search,
) -> Vec<Finding> {
    let signatures = search.signatures();
    let intermediates = path.intermediates().iter();
    let mut breaches = profile::examine(leaf, Role::Leaf, signatures.is_self_signed(leaf));
    breaches.extend(
        intermediates
            .flat_map(|certificate| profile::examine(certificate, Role::Intermediate, false)),
    );
    // A store may hold several certificates of one root; one of good form is enough.
    let roots = path
        .shared_anchors()
        .iter()
        .filter_map(|anchor| anchor.certificate.as_ref());
    let judged = roots.map(|root| {
        let mut breaches = profile::examine(root, Role::Root, signatures.is_self_signed(root));
        breaches.extend(explain::unfit_anchor(root, requirements.time));
        breaches
    });
    breaches.extend(judged.min_by_key(Vec::len).unwrap_or_default());
    breaches
}

fn choose<'a>(
    requirements: &Requirements,
    leaf: &Certificate,
    judged: &'a [Judged],
) -> Option<&'a Judged> {
    let preference = requirements.preference;
    let accepted = judged.iter().filter(|judged| judged.is_accepted());
    // The search finds the likelier paths first: of equals the first is taken.
    accepted
        .rev()
        .max_by_key(|judged| preference.rank(judged.merits(leaf)))
}

fn others<'a>(judged: &'a [Judged], chosen: &Judged) -> Vec<(&'a [Certificate], bool)> {
    judged
        .iter()
        .filter(|judged| judged.path.intermediates() != chosen.path.intermediates())
        .map(|judged| (judged.path.intermediates(), judged.is_accepted()))
        .collect()
}

fn trust(requirements: &Requirements, chosen: &Judged) -> Vec<Trust> {
    let stores = requirements.stores.iter().zip(&chosen.verdicts);
    stores
        .map(|(store, verdict)| Trust {
            store: store.name().to_owned(),
            trusted: verdict.is_ok(),
            path: match verdict {
                Ok(taken) => chosen
                    .path
                    .intermediates()
                    .iter()
                    .take(taken.intermediates)
                    .cloned()
                    .collect(),
                Err(_) => Vec::new(),
            },
            valid_until: verdict.as_ref().ok().map(|taken| taken.until),
            reason: verdict.as_ref().err().map(|error| match error {
                webpki::Error::UnknownIssuer => "no root of the store issued it".to_owned(),
                error => error.to_string(),
            }),
        })
        .collect()
}

/// Says why no path was accepted: the nearest miss, link by link.
fn refuse(
    requirements: &Requirements,
    leaf: &Certificate,
    search: &Search,
    judged: &[Judged],
    report: &mut Report,
) {
    let Requirements { stores, time, .. } = requirements;
    if let Some(strict) = judged.iter().find(|judged| judged.is_breached()) {
        report.extend(strict.breaches.iter().cloned());
        return;
    }
    let refused = judged.iter().find_map(|judged| {
        // A store that lacks the anchor says nothing about the path.
        let verdicts = judged
            .verdicts
            .iter()
            .filter_map(|verdict| verdict.as_ref().err());
        let mut told = verdicts.filter(|error| **error != webpki::Error::UnknownIssuer);
        Some((judged, told.next()?))
    });
    let reasons = match (refused, search.limit_met(), search.nearest()) {
        (Some((judged, error)), ..) => {
            report.extend(explain::links(leaf, judged.path.intermediates()));
            explain::refusal(error, leaf, &judged.path, *time)
        }
        (None, Some(limit), _) => vec![explain::limit(limit, leaf)],
        (None, None, Some(nearest)) => {
            report.extend(explain::links(leaf, &nearest.intermediates));
            vec![explain::dead_end(leaf, &nearest, stores)]
        }
        (None, None, None) => vec![explain::no_path(leaf)],
    };
    let dated = reasons
        .iter()
        .any(|reason| matches!(reason.code, Code::Expired | Code::NotYetValid));
    if !dated {
        report.extend(explain::out_of_date(leaf, *time));
    }
    report.extend(reasons);
}

fn check_names(requirements: &Requirements, leaf: &Certificate, report: &mut Report) -> bool {
    let mut valid = true;
    for name in &requirements.names {
        if verify_name(leaf, name).is_err() {
            valid = false;
            let addresses = leaf.ip_addresses().into_iter().map(|ip| ip.to_string());
            let names: Vec<_> = leaf.dns_names().into_iter().chain(addresses).collect();
            let names = match names.is_empty() {
                true => "it has no subject alternative names".to_owned(),
                false => format!("it is for {}", names.join(", ")),
            };
            let message = format!(
                "{} is not valid for {}: {names}",
                leaf.subject_text(),
                name.to_str()
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
    path: &Path,
    candidates: &[Certificate],
    stores: &[TrustStore],
    report: &mut Report,
) -> Option<Certificate> {
    let anchors = path.shared_anchors();
    // A store may hold several certificates of one root; one that is in date serves longest.
    let held = anchors
        .iter()
        .filter_map(|anchor| anchor.certificate.clone())
        .max_by_key(Certificate::not_after);
    let root = held.or_else(|| {
        let is_root = |candidate: &&Certificate| {
            anchors
                .iter()
                .any(|anchor| leftover::is_anchor(candidate, anchor))
        };
        candidates.iter().find(is_root).cloned()
    });
    if root.is_none() {
        let head = path.intermediates().last().unwrap_or(leaf);
        let message = format!(
            "the root {} was asked for, and its certificate is neither in the material nor in {}, which knows its key only",
            head.issuer_text(),
            explain::store_names(stores)
        );
        report.push(Finding::new(Code::RootUnavailable, message).at(head.origin()));
    }
    root
}
