//! The search for paths from a leaf to a trust anchor, best first (RFC 4158), without I/O.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use rustls_pki_types::{TrustAnchor, UnixTime};

use super::graph::{Graph, Impostor, LEAF, Links, Node};
use super::leftover::distinct;
use super::limits::{Limit, Limits};
use super::signature::{SignatureMemory, Signatures};
use crate::cert::Certificate;
use crate::trust::{Anchor, TrustStore};

/// Finds all paths from a leaf to any anchor of some stores, shorter ones first.
///
/// It does no I/O: when certificates are missing it says whose issuers, and where they say that
/// they may be had; bring them with [`add`](Self::add), and it goes on. Edges are proven by
/// signature; whether a path is to be trusted (dates, names, constraints) is not looked at here.
///
/// ```
/// use fullchain::chain::{Search, Step};
/// use fullchain::{Reader, TrustStore};
/// use rustls_pki_types::UnixTime;
///
/// let mut reader = Reader::new();
/// # let root = include_bytes!("../../testdata/root.pem");
/// # let site = include_bytes!("../../testdata/damaged/clean.pem");
/// let (roots, _) = TrustStore::from_material("corp", reader.read("root.pem", root)?)?;
/// let mut certificates = reader.read("site.pem", site)?.certificates;
/// let leaf = certificates.remove(0);
///
/// let mut search = Search::new(leaf, Vec::new(), vec![roots], UnixTime::now());
/// let Step::Missing(missing) = search.next_step() else { unreachable!() };
/// println!("{} is missing", missing[0].certificate().issuer_text());
/// search.add(certificates); // as fetched from missing[0].urls()
/// let Step::Path(path) = search.next_step() else { unreachable!() };
/// assert_eq!(path.intermediates().len(), 1);
/// assert!(matches!(search.next_step(), Step::Done));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Search {
    graph: Graph,
    stores: Vec<TrustStore>,
    signatures: Signatures,
    memory: SignatureMemory,
    time: UnixTime,
    limits: Limits,
    state: State,
    /// Whether certificates with the wrong key identifier are tried, too: the last resort.
    all: bool,
    waiting: BinaryHeap<Reverse<Partial>>,
    distances: Vec<Option<usize>>,
    considered: usize,
    found: HashSet<Vec<Node>>,
    /// The limit that was met, if one was.
    limit: Option<Limit>,
    /// Whether the present missing issuers were said.
    said_missing: bool,
}

/// What [`Search::next_step`] has to say.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// A path whose signatures verify, up to an anchor.
    Path(Path),
    /// There are no more paths, unless the issuers of these certificates are brought. Said once,
    /// and again after each [`Search::add`].
    Missing(Vec<Missing>),
    /// A limit was met. What was found until then stands.
    Limit(Limit),
    /// There are no more paths.
    Done,
}

/// A certificate without an issuer among the candidates and the anchors.
#[derive(Clone, Debug)]
pub struct Missing {
    certificate: Certificate,
}

impl Missing {
    /// The certificate whose issuer is missing; it has the issuer's name and key identifier.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Where it says that the issuer may be fetched (RFC 5280 section 4.2.2.1).
    pub fn urls(&self) -> Vec<String> {
        self.certificate.ca_issuer_urls()
    }
}

/// A path: the intermediates, the leaf's issuer first, and the anchors above the last of them.
#[derive(Clone)]
pub struct Path {
    intermediates: Vec<Certificate>,
    anchors: Vec<Arc<Anchor>>,
}

impl Path {
    /// The intermediates in issuing order; the leaf's issuer first.
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// The anchors whose key signed the last intermediate, or the leaf. There are several when
    /// several stores hold the same root.
    pub fn anchors(&self) -> impl Iterator<Item = &TrustAnchor<'static>> {
        self.anchors.iter().map(|anchor| &anchor.anchor)
    }

    /// The certificates of the anchors, where the stores have them.
    pub(super) fn roots(&self) -> impl Iterator<Item = &Certificate> {
        let anchors = self.anchors.iter();
        anchors.filter_map(|anchor| anchor.certificate.as_ref())
    }

    pub(super) fn shared_anchors(&self) -> &[Arc<Anchor>] {
        &self.anchors
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.intermediates).finish()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Certificates were added since the graph was last explored.
    Stale,
    Enumerating,
}

/// A path that may not have reached an anchor yet. Ordered by what its length will be at the
/// least, then by how unlikely its certificates looked.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Partial {
    length: usize,
    unlikeliness: usize,
    complete: bool,
    nodes: Vec<Node>,
}

/// The dead end that came furthest, for explanations.
pub(super) struct DeadEnd {
    /// From the leaf's issuer on.
    pub(super) intermediates: Vec<Certificate>,
    pub(super) obstacle: Obstacle,
}

/// Why a path went no further.
pub(super) enum Obstacle {
    /// Nothing has the issuer's name.
    NoIssuer,
    /// This has, and its key did not make the signature.
    WrongKey(Certificate),
    /// An anchor has, and its key did not make the signature.
    WrongAnchorKey,
    /// There is no telling, as the algorithm is not supported.
    Unsupported,
    /// All issuers are in the path already.
    Loop,
}

impl Search {
    /// A search among candidates, for a moment that decides which of them look likelier.
    pub fn new(
        leaf: Certificate,
        candidates: Vec<Certificate>,
        stores: Vec<TrustStore>,
        time: UnixTime,
    ) -> Self {
        let (candidates, _) = distinct(candidates);
        Self::among_distinct(leaf, candidates, stores, time)
    }

    /// The same, of candidates that are there once each.
    pub(super) fn among_distinct(
        leaf: Certificate,
        candidates: Vec<Certificate>,
        stores: Vec<TrustStore>,
        time: UnixTime,
    ) -> Self {
        let limits = Limits::default();
        let memory = SignatureMemory::new();
        Self {
            graph: Graph::new(leaf, candidates),
            stores,
            signatures: Signatures::new(memory.clone(), limits.max_signature_checks),
            memory,
            time,
            limits,
            state: State::Stale,
            all: false,
            waiting: BinaryHeap::new(),
            distances: Vec::new(),
            considered: 0,
            found: HashSet::new(),
            limit: None,
            said_missing: false,
        }
    }

    /// Other limits than the usual ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self.signatures = Signatures::new(self.memory.clone(), limits.max_signature_checks);
        self
    }

    /// A memory of signatures to share with other searches.
    #[must_use]
    pub fn memory(mut self, memory: SignatureMemory) -> Self {
        self.signatures = Signatures::new(memory.clone(), self.limits.max_signature_checks);
        self.memory = memory;
        self
    }

    /// Adds candidates. Those that are known already are passed over.
    pub fn add(&mut self, candidates: Vec<Certificate>) {
        self.graph.add(candidates);
        self.state = State::Stale;
        self.all = false;
        self.limit = None;
        self.said_missing = false;
    }

    /// The next path, or why there is none.
    pub fn next_step(&mut self) -> Step {
        loop {
            if self.state == State::Stale
                && let Err(limit) = self.explore()
            {
                self.limit = Some(limit);
            }
            if let Some(path) = self.next_path() {
                return Step::Path(path);
            }
            if !self.all && self.limit.is_none() {
                self.all = true;
                self.state = State::Stale;
                continue;
            }
            if let Some(limit) = self.limit
                && !std::mem::replace(&mut self.said_missing, true)
            {
                return Step::Limit(limit);
            }
            if !std::mem::replace(&mut self.said_missing, true) {
                let missing = self.missing();
                if !missing.is_empty() {
                    return Step::Missing(missing);
                }
            }
            return Step::Done;
        }
    }

    /// Whether there are more paths without trying certificates of the wrong key identifier.
    pub(super) fn has_likely(&mut self) -> bool {
        if self.state == State::Stale
            && let Err(limit) = self.explore()
        {
            self.limit = Some(limit);
        }
        !self.all && !self.waiting.is_empty()
    }

    fn explore(&mut self) -> Result<(), Limit> {
        self.state = State::Enumerating;
        let explored = self.graph.explore(
            &self.stores,
            &self.signatures,
            self.time,
            &self.limits,
            self.all,
        );
        self.distances = self.graph.distances();
        self.waiting.clear();
        self.considered = 0;
        let within = |distance: &usize| *distance <= self.limits.max_intermediates;
        match self.distance(LEAF) {
            Some(distance) if within(&distance) => self.waiting.push(Reverse(Partial {
                length: distance,
                unlikeliness: 0,
                complete: false,
                nodes: Vec::new(),
            })),
            Some(_) => return Err(Limit::Intermediates(self.limits.max_intermediates)),
            None => {}
        }
        explored
    }

    fn distance(&self, node: Node) -> Option<usize> {
        self.distances.get(node).copied().flatten()
    }

    fn next_path(&mut self) -> Option<Path> {
        while let Some(Reverse(partial)) = self.waiting.pop() {
            if !partial.complete {
                if self.considered >= self.limits.max_partial_paths {
                    self.limit = Some(Limit::PartialPaths(self.limits.max_partial_paths));
                    self.waiting.clear();
                    return None;
                }
                self.extend(&partial);
                continue;
            }
            if self.found.contains(&partial.nodes) {
                continue;
            }
            if self.found.len() >= self.limits.max_complete_paths {
                self.limit = Some(Limit::CompletePaths(self.limits.max_complete_paths));
                self.waiting.clear();
                return None;
            }
            let head = partial.nodes.last().copied().unwrap_or(LEAF);
            let anchors = self.graph.links(head).map(|links| links.anchors.clone());
            let path = Path {
                intermediates: self.certificates(&partial.nodes),
                anchors: anchors.unwrap_or_default(),
            };
            self.found.insert(partial.nodes);
            return Some(path);
        }
        None
    }

    fn extend(&mut self, partial: &Partial) {
        let head = partial.nodes.last().copied().unwrap_or(LEAF);
        let Some(links) = self.graph.links(head) else {
            return;
        };
        let mut longer = Vec::new();
        if !links.anchors.is_empty() {
            longer.push(Partial {
                length: partial.nodes.len(),
                unlikeliness: partial.unlikeliness,
                complete: true,
                nodes: partial.nodes.clone(),
            });
        }
        for (place, &issuer) in links.issuers.iter().enumerate() {
            let Some(distance) = self.distance(issuer) else {
                continue;
            };
            let length = partial.nodes.len() + 1 + distance;
            if length > self.limits.max_intermediates || self.is_in(partial, issuer) {
                continue;
            }
            let mut nodes = partial.nodes.clone();
            nodes.push(issuer);
            longer.push(Partial {
                length,
                unlikeliness: partial.unlikeliness + place,
                complete: false,
                nodes,
            });
        }
        self.considered += longer.len();
        self.waiting.extend(longer.into_iter().map(Reverse));
    }

    /// Whether a path holds a certificate of the same name and key (RFC 4158 section 5.2).
    fn is_in(&self, partial: &Partial, issuer: Node) -> bool {
        let Some(issuer) = self.graph.certificate(issuer) else {
            return true;
        };
        partial
            .nodes
            .iter()
            .chain(&[LEAF])
            .filter_map(|&node| self.graph.certificate(node))
            .any(|known| {
                known.subject() == issuer.subject() && known.spki_value() == issuer.spki_value()
            })
    }

    fn certificates(&self, nodes: &[Node]) -> Vec<Certificate> {
        nodes
            .iter()
            .filter_map(|&node| self.graph.certificate(node).cloned())
            .collect()
    }

    /// The certificates above the leaf, itself included, that have no issuer here.
    fn missing(&self) -> Vec<Missing> {
        self.issued_by_others(|links| links.issuers.is_empty() && links.anchors.is_empty())
    }

    /// All certificates above the leaf, itself included, for whose issuers one might ask: first
    /// those that have none here, then those whose issuers lead nowhere, or are out of date.
    pub(super) fn unresolved(&self) -> Vec<Missing> {
        let mut unresolved = self.missing();
        unresolved.extend(
            self.issued_by_others(|links| !links.issuers.is_empty() || !links.anchors.is_empty()),
        );
        unresolved
    }

    fn issued_by_others(&self, wanted: impl Fn(&Links) -> bool) -> Vec<Missing> {
        self.reached()
            .into_iter()
            .filter_map(|nodes| {
                let node = nodes.last().copied().unwrap_or(LEAF);
                let links = self.graph.links(node)?;
                let certificate = self.graph.certificate(node)?;
                (wanted(links) && !certificate.is_self_issued()).then(|| Missing {
                    certificate: certificate.clone(),
                })
            })
            .collect()
    }

    /// A shortest way from the leaf to each certificate that is reached from it.
    fn reached(&self) -> Vec<Vec<Node>> {
        let mut reached = vec![Vec::new()];
        let mut seen = HashSet::from([LEAF]);
        let mut waiting = VecDeque::from([Vec::new()]);
        while let Some(nodes) = waiting.pop_front() {
            let head = nodes.last().copied().unwrap_or(LEAF);
            let Some(links) = self.graph.links(head) else {
                continue;
            };
            for &issuer in &links.issuers {
                if seen.insert(issuer) {
                    let mut longer: Vec<Node> = nodes.clone();
                    longer.push(issuer);
                    reached.push(longer.clone());
                    waiting.push_back(longer);
                }
            }
        }
        reached
    }

    /// The dead end that came furthest.
    pub(super) fn nearest(&self) -> Option<DeadEnd> {
        let reached = self.reached();
        let mut ends: Vec<&Vec<Node>> = reached.iter().collect();
        // Of those that came equally far, one with a tangible obstacle says more.
        ends.sort_by_key(|nodes| Reverse(nodes.len()));
        let nodes = ends.into_iter().find(|nodes| {
            let head = nodes.last().copied().unwrap_or(LEAF);
            self.graph
                .links(head)
                .is_some_and(|links| links.issuers.is_empty())
        });
        // Where everything has an issuer, they sign one another.
        let nodes = nodes.or_else(|| reached.last())?;
        let head = nodes.last().copied().unwrap_or(LEAF);
        let links = self.graph.links(head)?;
        let impostor = links.impostors.iter().find_map(|impostor| match impostor {
            Impostor::Certificate(node) => self.graph.certificate(*node),
            _ => None,
        });
        let obstacle = match (impostor, links.impostors.first()) {
            _ if !links.issuers.is_empty() => Obstacle::Loop,
            (Some(impostor), _) => Obstacle::WrongKey(impostor.clone()),
            (None, Some(Impostor::Anchor)) => Obstacle::WrongAnchorKey,
            (None, Some(_)) => Obstacle::Unsupported,
            (None, None) => Obstacle::NoIssuer,
        };
        Some(DeadEnd {
            intermediates: self.certificates(nodes),
            obstacle,
        })
    }

    /// The limit that ended the search, if one did.
    pub(super) fn limit_met(&self) -> Option<Limit> {
        self.limit
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(super) fn stores(&self) -> &[TrustStore] {
        &self.stores
    }

    pub(super) fn signatures(&self) -> &Signatures {
        &self.signatures
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search")
            .field("leaf", &self.graph.certificate(LEAF))
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
