//! From a leaf and candidates to the chain to send, or the reasons why there is none.

use std::collections::HashSet;
use std::sync::Arc;

use rustls_pki_types::{ServerName, UnixTime};

use super::judged::Judged;
use super::limits::Limits;
use super::preference::Preference;
use super::search::{Missing, Path, Search, Step};
#[cfg(feature = "aia")]
use super::signature::Check;
use super::signature::SignatureMemory;
use super::verify::verify_name;
use super::{Chain, explain, leftover};
use crate::cert::Certificate;
use crate::finding::{Code, Finding, Report, Severity};
use crate::key::{KeyAlgorithm, RSA_MIN_BITS, public_key};
use crate::pool::Pool;
use crate::profile::Profile;
use crate::trust::TrustStore;

/// What a chain must satisfy, and what it may be made of.
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
    pub(crate) pools: Vec<Pool>,
}

impl Requirements {
    /// The search for paths to these stores, among candidates that are there once each.
    pub(super) fn search(&self, leaf: &Certificate, candidates: Vec<Certificate>) -> Search {
        Search::among_distinct(leaf.clone(), candidates, self.stores.clone(), self.time)
            .limits(self.limits)
            .memory(self.memory.clone())
    }
}

/// The way to one leaf's chain: what was found so far, and what is missing.
pub(crate) struct Resolution {
    requirements: Arc<Requirements>,
    leaf: Certificate,
    /// What was handed in: each is in the chain, or the report says why not.
    given: Vec<Certificate>,
    /// What was missing, and came from pools or through [`Resolution::add`].
    brought: Vec<Certificate>,
    search: Search,
    judged: Vec<Judged>,
    /// For whose issuers the pools were asked.
    asked: HashSet<Certificate>,
}

impl Resolution {
    /// The candidates are there once each.
    pub(crate) fn new(
        requirements: Arc<Requirements>,
        leaf: Certificate,
        candidates: Vec<Certificate>,
    ) -> Self {
        Self {
            search: requirements.search(&leaf, candidates.clone()),
            requirements,
            leaf,
            given: candidates,
            brought: Vec::new(),
            judged: Vec::new(),
            asked: HashSet::new(),
        }
    }

    /// The certificates whose issuers would help; none when there is a chain already.
    pub(crate) fn missing(&mut self) -> Vec<Missing> {
        loop {
            self.judge();
            let is_accepted = self.judged.iter().any(Judged::is_accepted);
            if is_accepted || self.search.limit_met().is_some() {
                return Vec::new();
            }
            let missing = self.search.unresolved();
            let mut found = Vec::new();
            for child in missing.iter().map(Missing::certificate) {
                if self.asked.insert(child.clone()) {
                    let pools = self.requirements.pools.iter();
                    found.extend(pools.flat_map(|pool| pool.named(child.issuer())).cloned());
                }
            }
            if found.is_empty() {
                return missing;
            }
            self.add(found);
        }
    }

    /// More candidates, for [`missing`](Self::missing) issuers.
    pub(crate) fn add(&mut self, certificates: Vec<Certificate>) {
        self.brought.extend(certificates.iter().cloned());
        self.search.add(certificates);
    }

    /// Whether a certificate was signed with another one's key.
    #[cfg(feature = "aia")]
    pub(crate) fn is_signed_by(&self, child: &Certificate, issuer: &Certificate) -> bool {
        let signatures = self.search.signatures();
        signatures.check(child, issuer.spki_value()) == Check::Valid
    }

    /// All paths that the search finds, each with its verdicts.
    fn judge(&mut self) {
        // Certificates with the wrong key identifier are the last resort.
        while !self.judged.iter().any(Judged::is_accepted) || self.search.has_likely() {
            match self.search.next_step() {
                Step::Path(path) => {
                    let judged = Judged::new(&self.requirements, &self.leaf, path, &self.search);
                    self.judged.push(judged);
                }
                Step::Missing(_) | Step::Limit(_) => {}
                Step::Done => return,
            }
        }
    }

    /// The path to take.
    fn chosen(&self) -> Option<&Judged> {
        let preference = self.requirements.preference;
        let accepted = self.judged.iter().filter(|judged| judged.is_accepted());
        // The search finds the likelier paths first: of equals the first is taken.
        accepted
            .rev()
            .max_by_key(|judged| preference.rank(judged.merits(&self.leaf)))
    }

    /// The intermediates of the path to take.
    pub(crate) fn intermediates(&self) -> Option<&[Certificate]> {
        Some(self.chosen()?.path.intermediates())
    }

    /// The paths whose signatures verify, and which are refused all the same.
    pub(super) fn refused(&self) -> Vec<&Judged> {
        let judged = self.judged.iter();
        judged.filter(|judged| !judged.is_accepted()).collect()
    }

    pub(super) fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    pub(super) fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// All that was handed in or brought.
    pub(super) fn candidates(&self) -> Vec<Certificate> {
        let all = self.given.iter().chain(&self.brought);
        leftover::distinct(all.cloned().collect()).0
    }

    /// Makes the chain. Every reason for `None` is in the report as an error.
    pub(crate) fn finish(mut self, report: &mut Report) -> Option<Chain> {
        self.missing();
        let requirements = &*self.requirements;
        let leaf = &self.leaf;
        let named = check_names(requirements, leaf, report);
        let strong = check_strength(leaf, report);
        let Some(chosen) = self.chosen() else {
            self.refuse(report);
            return None;
        };
        if let Some(limit) = self.search.limit_met() {
            let finding = explain::limit(limit, leaf);
            report.push(finding.with_severity(Severity::Warning));
        }
        let root = match requirements.include_root {
            true => Some(self.root(&chosen.path, report)?),
            false => None,
        };
        if !named || !strong {
            return None;
        }
        let anchors = chosen.path.shared_anchors();
        let mut chain = Chain {
            leaf: leaf.clone(),
            intermediates: chosen.path.intermediates().to_vec(),
            // A leaf that is its own anchor is sent once.
            root: root.filter(|root| root != leaf),
            trust: chosen.trust(requirements),
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
            &self.others(chosen),
            requirements.time,
        ));
        let brought = |certificate: &&Certificate| {
            self.brought.contains(certificate) && !self.given.contains(certificate)
        };
        let supplied = chain.intermediates().iter().filter(brought);
        report.extend(supplied.map(explain::supplied));
        let anchors: Vec<_> = anchors.iter().map(Arc::as_ref).collect();
        report.extend(leftover::left_out(&chain, &self.given, &anchors));
        Some(chain)
    }

    fn others(&self, chosen: &Judged) -> Vec<&Judged> {
        let path = chosen.path.intermediates();
        let judged = self.judged.iter();
        judged
            .filter(|judged| judged.path.intermediates() != path)
            .collect()
    }

    /// Says why no path was accepted: the nearest miss, link by link.
    fn refuse(&self, report: &mut Report) {
        let Requirements { stores, time, .. } = &*self.requirements;
        let (leaf, search) = (&self.leaf, &self.search);
        if let Some(strict) = self.judged.iter().find(|judged| judged.is_breached()) {
            report.extend(strict.breaches.iter().cloned());
            return;
        }
        let mut judged = self.judged.iter();
        let refused = judged.find(|judged| judged.error().is_some());
        let reasons = match (refused, search.limit_met(), search.nearest()) {
            (Some(judged), ..) => {
                report.extend(explain::links(leaf, judged.path.intermediates()));
                judged.reasons(leaf, *time)
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

    /// The root's certificate: from the store, or from the material.
    fn root(&self, path: &Path, report: &mut Report) -> Option<Certificate> {
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
            self.given
                .iter()
                .chain(&self.brought)
                .find(is_root)
                .cloned()
        });
        if root.is_none() {
            let head = path.intermediates().last().unwrap_or(&self.leaf);
            let message = format!(
                "the root {} was asked for, and its certificate is neither in the material nor in {}, which knows its key only",
                head.issuer_text(),
                explain::store_names(&self.requirements.stores)
            );
            report.push(Finding::new(Code::RootUnavailable, message).at(head.origin()));
        }
        root
    }
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
