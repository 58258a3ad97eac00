//! The search for paths from a leaf to an anchor, shortest first (RFC 4158).

use std::collections::VecDeque;

use rustls_pki_types::UnixTime;

use super::limits::{MAX_INTERMEDIATES, MAX_PARTIAL_PATHS};
use super::pool::Pool;
use super::signature::{Check, Signatures};
use crate::cert::Certificate;
use crate::trust::{Anchor, TrustStore};

/// A complete path: the leaf is not in it, the anchor is not a certificate of it.
#[derive(Clone)]
pub(crate) struct Path<'a> {
    /// In issuing order, the leaf's issuer first.
    pub(crate) intermediates: Vec<&'a Certificate>,
    pub(crate) anchor: &'a Anchor,
}

/// Why a path went no further: the certificate whose issuer was not found, and how near it came.
#[derive(Clone, Debug)]
pub(crate) struct DeadEnd<'a> {
    pub(crate) intermediates: Vec<&'a Certificate>,
    /// A certificate or anchor of the issuer's name that did not sign it.
    pub(crate) impostor: Option<Impostor<'a>>,
}

/// Something that has the issuer's name without being the issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Impostor<'a> {
    /// Its key did not make the signature.
    Certificate(&'a Certificate),
    /// The same, of a trust anchor.
    Anchor,
    /// The signature's algorithm is not supported, so there is no telling.
    UnsupportedAlgorithm,
}

/// A limit that ended the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    SignatureChecks,
    PartialPaths,
    Intermediates,
}

/// Walks the issuer graph breadth first, so that shorter paths come first; among issuers of one
/// certificate the likelier one is tried first (RFC 4158 section 3.5).
pub(crate) struct Search<'a> {
    leaf: &'a Certificate,
    pool: &'a Pool,
    stores: &'a [TrustStore],
    signatures: &'a Signatures,
    time: UnixTime,
    waiting: VecDeque<Vec<&'a Certificate>>,
    complete: VecDeque<Path<'a>>,
    looked_at: usize,
    /// The dead end that came furthest.
    pub(crate) nearest: Option<DeadEnd<'a>>,
    /// The limit that was met, if one was.
    pub(crate) limit: Option<Limit>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        leaf: &'a Certificate,
        pool: &'a Pool,
        stores: &'a [TrustStore],
        signatures: &'a Signatures,
        time: UnixTime,
    ) -> Self {
        Self {
            leaf,
            pool,
            stores,
            signatures,
            time,
            waiting: VecDeque::from([Vec::new()]),
            complete: VecDeque::new(),
            looked_at: 0,
            nearest: None,
            limit: None,
        }
    }

    /// Finds the anchors and the issuers of a partial path's last certificate.
    fn extend(&mut self, path: &[&'a Certificate]) {
        let head = path.last().copied().unwrap_or(self.leaf);
        let mut impostor = None;
        let mut extended = false;
        for store in self.stores {
            for anchor in store.anchors_named(head.issuer()) {
                let spki = anchor.anchor.subject_public_key_info.as_ref();
                match self.check(head, spki) {
                    Check::Valid => {
                        extended = true;
                        self.complete.push_back(Path {
                            intermediates: path.to_vec(),
                            anchor,
                        });
                    }
                    Check::Invalid => impostor = Some(Impostor::Anchor),
                    Check::Unsupported => impostor = Some(Impostor::UnsupportedAlgorithm),
                    Check::Exhausted => return,
                }
            }
        }
        for issuer in self.candidates(head, path) {
            match self.check(head, issuer.spki_value()) {
                Check::Valid => {
                    extended = true;
                    if path.len() == MAX_INTERMEDIATES {
                        self.limit = Some(Limit::Intermediates);
                    } else {
                        let mut longer = path.to_vec();
                        longer.push(issuer);
                        self.waiting.push_back(longer);
                    }
                }
                Check::Invalid => impostor = Some(Impostor::Certificate(issuer)),
                Check::Unsupported => impostor = Some(Impostor::UnsupportedAlgorithm),
                Check::Exhausted => return,
            }
        }
        let further = self
            .nearest
            .as_ref()
            .is_none_or(|nearest| path.len() > nearest.intermediates.len());
        if !extended && further {
            self.nearest = Some(DeadEnd {
                intermediates: path.to_vec(),
                impostor,
            });
        }
    }

    fn check(&mut self, certificate: &Certificate, spki: &[u8]) -> Check {
        let check = self.signatures.check(certificate, spki);
        if check == Check::Exhausted {
            self.limit = Some(Limit::SignatureChecks);
        }
        check
    }

    /// The certificates with the issuer's name, likeliest first. Those whose name and key are in
    /// the path already are left out (RFC 4158 sections 2.4.2 and 5.2).
    fn candidates(&self, head: &Certificate, path: &[&'a Certificate]) -> Vec<&'a Certificate> {
        let in_path = |candidate: &Certificate| {
            path.iter().copied().chain([self.leaf]).any(|known| {
                known.subject() == candidate.subject()
                    && known.spki_value() == candidate.spki_value()
            })
        };
        let named = self.pool.named(head.issuer());
        let mut candidates: Vec<_> = named.filter(|candidate| !in_path(candidate)).collect();
        candidates.sort_by_key(|candidate| {
            let key_id = match (head.authority_key_id(), candidate.subject_key_id()) {
                (Some(wanted), Some(found)) if wanted == found => 0,
                (Some(_), Some(_)) => 2,
                _ => 1,
            };
            (
                key_id,
                !candidate.is_valid_at(self.time),
                !candidate.is_ca(),
                std::cmp::Reverse(candidate.not_after()),
            )
        });
        candidates
    }
}

impl<'a> Iterator for Search<'a> {
    type Item = Path<'a>;

    fn next(&mut self) -> Option<Path<'a>> {
        loop {
            if let Some(path) = self.complete.pop_front() {
                return Some(path);
            }
            let path = self.waiting.pop_front()?;
            if self.looked_at == MAX_PARTIAL_PATHS {
                self.limit = Some(Limit::PartialPaths);
                return None;
            }
            self.looked_at += 1;
            self.extend(&path);
        }
    }
}
