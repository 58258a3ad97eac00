//! The issuer graph above a leaf: who signed whom, proven by signature.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use rustls_pki_types::UnixTime;

use super::limits::{Limit, Limits};
use super::signature::{Check, Signatures};
use crate::cert::Certificate;
use crate::trust::{Anchor, TrustStore};

/// The place of a certificate in [`Graph::certificates`]; the leaf's is [`LEAF`].
pub(super) type Node = usize;

pub(super) const LEAF: Node = 0;

/// Distinct certificates, and what is known of their issuers.
pub(super) struct Graph {
    certificates: Vec<Certificate>,
    /// The same, from the first [`Graph::add`] on: hashing all of them costs, and most searches
    /// are given everything at once.
    known: Option<HashSet<Certificate>>,
    by_subject: HashMap<Vec<u8>, Vec<Node>>,
    links: Vec<Option<Links>>,
}

/// A certificate's issuers.
#[derive(Default)]
pub(super) struct Links {
    /// Likeliest first.
    pub(super) issuers: Vec<Node>,
    pub(super) anchors: Vec<Arc<Anchor>>,
    /// What has the issuer's name without being the issuer.
    pub(super) impostors: Vec<Impostor>,
    /// Whether certificates with another key identifier than the wanted one were passed over.
    pub(super) passed_over: bool,
    /// Whether signature checks were used up before all was tried.
    exhausted: bool,
}

impl Links {
    fn exhausted(mut self) -> Self {
        self.exhausted = true;
        self
    }
}

/// Something with an issuer's name that is not the issuer.
#[derive(Clone, Copy)]
pub(super) enum Impostor {
    /// The key of this certificate did not make the signature.
    Certificate(Node),
    /// The same, of a trust anchor.
    Anchor,
    /// The signature's algorithm is not supported, so there is no telling.
    Unsupported,
}

impl Graph {
    /// A leaf and candidates, each of them once. The leaf may be among them.
    pub(super) fn new(leaf: Certificate, mut candidates: Vec<Certificate>) -> Self {
        let mut graph = Self {
            certificates: Vec::new(),
            known: None,
            by_subject: HashMap::new(),
            links: Vec::new(),
        };
        candidates.retain(|candidate| *candidate != leaf);
        graph.push(leaf);
        for candidate in candidates {
            graph.push(candidate);
        }
        graph
    }

    fn push(&mut self, certificate: Certificate) {
        let subject = certificate.subject().to_vec();
        let named = self.by_subject.entry(subject).or_default();
        named.push(self.certificates.len());
        self.certificates.push(certificate);
        self.links.push(None);
    }

    /// Adds candidates, except those that are in it already. What was known of the issuers of
    /// certificates that they may have signed is forgotten.
    pub(super) fn add(&mut self, candidates: Vec<Certificate>) {
        let all = || self.certificates.iter().cloned().collect();
        let mut known = self.known.take().unwrap_or_else(all);
        let mut subjects = HashSet::new();
        for candidate in candidates {
            if known.insert(candidate.clone()) {
                subjects.insert(candidate.subject().to_vec());
                self.push(candidate);
            }
        }
        self.known = Some(known);
        for (certificate, links) in self.certificates.iter().zip(&mut self.links) {
            if subjects.contains(certificate.issuer()) {
                *links = None;
            }
        }
    }

    pub(super) fn certificate(&self, node: Node) -> Option<&Certificate> {
        self.certificates.get(node)
    }

    pub(super) fn links(&self, node: Node) -> Option<&Links> {
        self.links.get(node)?.as_ref()
    }

    /// Finds the issuers of the leaf, their issuers, and so on. With `all`, even certificates
    /// are tried whose key identifier is not the wanted one.
    pub(super) fn explore(
        &mut self,
        stores: &[TrustStore],
        signatures: &Signatures,
        time: UnixTime,
        limits: &Limits,
        all: bool,
    ) -> Result<(), Limit> {
        let mut reached = HashSet::from([LEAF]);
        let mut waiting = VecDeque::from([LEAF]);
        while let Some(node) = waiting.pop_front() {
            let known = self
                .links(node)
                .is_some_and(|links| !(all && links.passed_over));
            if !known {
                let links = self.link(node, stores, signatures, time, all);
                let exhausted = links.exhausted;
                if let Some(place) = self.links.get_mut(node) {
                    *place = Some(links);
                }
                if exhausted {
                    return Err(Limit::SignatureChecks(limits.max_signature_checks));
                }
            }
            let issuers = self.links(node).map(|links| links.issuers.clone());
            for issuer in issuers.unwrap_or_default() {
                if reached.insert(issuer) {
                    // The leaf is reached, too, and is no candidate.
                    if reached.len() - 1 > limits.max_candidates {
                        return Err(Limit::Candidates(limits.max_candidates));
                    }
                    waiting.push_back(issuer);
                }
            }
        }
        Ok(())
    }

    /// Tries everything that has the issuer's name.
    fn link(
        &self,
        node: Node,
        stores: &[TrustStore],
        signatures: &Signatures,
        time: UnixTime,
        all: bool,
    ) -> Links {
        let mut links = Links::default();
        let Some(head) = self.certificate(node) else {
            return links;
        };
        for store in stores {
            for anchor in store.anchors_named(head.issuer()) {
                let spki = anchor.anchor.subject_public_key_info.as_ref();
                match signatures.check(head, spki) {
                    Check::Valid => links.anchors.push(Arc::clone(anchor)),
                    Check::Invalid => links.impostors.push(Impostor::Anchor),
                    Check::Unsupported => links.impostors.push(Impostor::Unsupported),
                    Check::Exhausted => return links.exhausted(),
                }
            }
        }
        // Cross-signed CAs have many certificates of one key.
        let mut checked: HashMap<&[u8], Check> = HashMap::new();
        for (candidate, identified) in self.candidates(node, head, time) {
            let Some(issuer) = self.certificate(candidate) else {
                continue;
            };
            if identified == KeyIdMatch::No && !all {
                links.passed_over = true;
                continue;
            }
            let spki = issuer.spki_value();
            let is_anchor = |anchor: &Arc<Anchor>| spki == &*anchor.anchor.subject_public_key_info;
            // The root's own certificate leads no further than the anchor that it is. One of the
            // same name and key may be signed by the root's former key (RFC 4210 section 4.4).
            if issuer.is_self_issued()
                && links.anchors.iter().any(is_anchor)
                && signatures.check(issuer, spki) != Check::Invalid
            {
                continue;
            }
            let check = checked
                .entry(spki)
                .or_insert_with(|| signatures.check(head, spki));
            match check {
                Check::Valid => links.issuers.push(candidate),
                Check::Invalid => links.impostors.push(Impostor::Certificate(candidate)),
                Check::Unsupported => links.impostors.push(Impostor::Unsupported),
                Check::Exhausted => return links.exhausted(),
            }
        }
        links
    }

    /// The certificates with the issuer's name, likeliest first (RFC 4158 section 3.5): the key
    /// identifier wanted, in date, a CA, the longest-lived.
    fn candidates(
        &self,
        node: Node,
        head: &Certificate,
        time: UnixTime,
    ) -> Vec<(Node, KeyIdMatch)> {
        let named = self.by_subject.get(head.issuer());
        let mut candidates: Vec<_> = named
            .into_iter()
            .flatten()
            .filter(|&&candidate| candidate != node)
            .filter_map(|&candidate| {
                let certificate = self.certificate(candidate)?;
                let identified = KeyIdMatch::of(head, certificate);
                let rank = (
                    identified,
                    !certificate.is_valid_at(time),
                    !certificate.is_ca(),
                    std::cmp::Reverse(certificate.not_after()),
                );
                Some((rank, candidate))
            })
            .collect();
        candidates.sort();
        candidates
            .into_iter()
            .map(|((identified, ..), candidate)| (candidate, identified))
            .collect()
    }

    /// For each certificate, how many more are needed to come from it to an anchor.
    pub(super) fn distances(&self) -> Vec<Option<usize>> {
        let mut signed: HashMap<Node, Vec<Node>> = HashMap::new();
        let mut distances = vec![None; self.certificates.len()];
        let mut waiting = VecDeque::new();
        for (node, links) in self.links.iter().enumerate() {
            let Some(links) = links else { continue };
            for &issuer in &links.issuers {
                signed.entry(issuer).or_default().push(node);
            }
            if !links.anchors.is_empty() {
                waiting.push_back((node, 0));
            }
        }
        while let Some((node, distance)) = waiting.pop_front() {
            match distances.get_mut(node) {
                Some(place @ None) => *place = Some(distance),
                _ => continue,
            }
            for &below in signed.get(&node).into_iter().flatten() {
                waiting.push_back((below, distance + 1));
            }
        }
        distances
    }
}

/// Whether a certificate's subject key identifier is the authority key identifier of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyIdMatch {
    Yes,
    Unknown,
    No,
}

impl KeyIdMatch {
    fn of(child: &Certificate, issuer: &Certificate) -> Self {
        match (child.authority_key_id(), issuer.subject_key_id()) {
            (Some(wanted), Some(found)) if wanted == found => Self::Yes,
            (Some(_), Some(_)) => Self::No,
            _ => Self::Unknown,
        }
    }
}
