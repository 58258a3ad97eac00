//! What clients of the given stores, and the profile, make of one path.

use rustls_pki_types::UnixTime;

use super::Trust;
use super::explain;
use super::faults::unfit_anchor;
use super::preference::Merits;
use super::resolve::Requirements;
use super::search::{Path, Search};
use super::verify::{Taken, verify};
use crate::cert::Certificate;
use crate::finding::{Finding, Severity};
use crate::profile::{self, Profile, Role};
use crate::trust::TrustStore;

/// A path, and what clients of each store make of it.
pub(super) struct Judged {
    pub(super) path: Path,
    pub(super) verdicts: Vec<Result<Taken, webpki::Error>>,
    /// What breaks the profile. Errors refuse the path.
    pub(super) breaches: Vec<Finding>,
}

impl Judged {
    pub(super) fn new(
        requirements: &Requirements,
        leaf: &Certificate,
        path: Path,
        search: &Search,
    ) -> Self {
        let stores = requirements.stores.iter();
        let verdicts: Vec<_> = stores
            .map(|store| {
                verify(
                    leaf,
                    path.intermediates(),
                    store,
                    requirements.time,
                    search.signatures(),
                )
            })
            .collect();
        let accepted = verdicts.iter().any(Result::is_ok);
        let breaches = match requirements.profile {
            _ if !accepted => Vec::new(),
            Profile::Strict => breaches(requirements, leaf, &path, search),
            Profile::PathValidation => {
                let roots = path.roots();
                let unfit = roots.map(|root| unfit_anchor(root, &path, requirements.time));
                let fewest = unfit.min_by_key(Vec::len).unwrap_or_default();
                let warnings = fewest.into_iter().chain(lifetime(leaf, &path));
                let warnings = warnings.map(|fault| fault.with_severity(Severity::Warning));
                warnings.collect()
            }
        };
        Self {
            path,
            verdicts,
            breaches,
        }
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.stores() > 0 && !self.is_breached()
    }

    pub(super) fn is_breached(&self) -> bool {
        let mut breaches = self.breaches.iter();
        breaches.any(|breach| breach.severity == Severity::Error)
    }

    /// What webpki holds against it, if anything. A store that lacks the anchor says nothing about
    /// the path.
    pub(super) fn error(&self) -> Option<&webpki::Error> {
        let verdicts = self.verdicts.iter();
        let mut told = verdicts.filter_map(|verdict| verdict.as_ref().err());
        told.find(|error| **error != webpki::Error::UnknownIssuer)
    }

    /// Why it is not accepted: breaches of the profile, or else what webpki holds against it.
    pub(super) fn reasons(&self, leaf: &Certificate, time: UnixTime) -> Vec<Finding> {
        let breaches = self.breaches.iter();
        let breaches: Vec<Finding> = breaches
            .filter(|breach| breach.severity == Severity::Error)
            .cloned()
            .collect();
        match self.error() {
            Some(error) if breaches.is_empty() => explain::refusal(error, leaf, &self.path, time),
            _ => breaches,
        }
    }

    fn stores(&self) -> usize {
        self.verdicts.iter().flatten().count()
    }

    pub(super) fn merits(&self, leaf: &Certificate) -> Merits {
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

    /// For each store whether its clients accept the path.
    pub(super) fn trust(&self, requirements: &Requirements) -> Vec<Trust> {
        let stores = requirements.stores.iter().zip(&self.verdicts);
        stores
            .map(|(store, verdict)| Trust {
                store: store.name().to_owned(),
                trusted: verdict.is_ok(),
                path: match verdict {
                    Ok(taken) => {
                        let path = self.path.intermediates().iter();
                        path.take(taken.intermediates).cloned().collect()
                    }
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
    let judged = path.roots().map(|root| {
        let mut breaches = profile::examine(root, Role::Root, signatures.is_self_signed(root));
        breaches.extend(unfit_anchor(root, path, requirements.time));
        breaches
    });
    breaches.extend(judged.min_by_key(Vec::len).unwrap_or_default());
    breaches.extend(lifetime(leaf, path).map(|fault| fault.with_severity(Severity::Error)));
    breaches
}

/// Says that the leaf is valid for longer than browsers accept, which they enforce for roots that
/// are publicly trusted.
fn lifetime(leaf: &Certificate, path: &Path) -> Option<Finding> {
    let mut anchors = path.shared_anchors().iter();
    let is_public = anchors.any(|anchor| TrustStore::is_public(anchor));
    is_public.then(|| profile::lifetime(leaf))?
}
