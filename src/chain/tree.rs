//! The issuer graph as text: who signed whom, which path was taken, what is wrong with the rest.

use std::collections::HashSet;
use std::fmt::{self, Write};

use rustls_pki_types::UnixTime;

use super::explain::{MOST_NAMED_PATHS, out_of_date, way};
use super::graph::{Impostor, LEAF, Node};
use super::resolve::Resolution;
use super::search::{Search, Step};
use crate::base::text::Printable;
use crate::cert::Certificate;

/// A drawing of the issuers above a leaf, for people; its form may change.
///
/// Each line is a certificate or a root, with those that signed it below it, further in. A star
/// marks the path that was taken. Paths that were refused, each with its reasons, come last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerTree(String);

impl fmt::Display for IssuerTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn draw(resolution: &mut Resolution) -> IssuerTree {
    resolution.missing();
    let (requirements, leaf) = (resolution.requirements(), resolution.leaf());
    let taken = resolution.intermediates();
    let candidates = resolution.candidates();
    // One of its own, which goes on where the resolution has enough; signatures are remembered.
    let mut search = requirements.search(leaf, candidates.clone());
    let mut limit = None;
    loop {
        match search.next_step() {
            Step::Path(_) | Step::Missing(_) => {}
            Step::Limit(met) => limit = Some(met),
            Step::Done => break,
        }
    }
    let mut drawing = Drawing {
        search: &search,
        taken,
        time: requirements.time,
        drawn: HashSet::new(),
        text: String::new(),
    };
    drawing.certificate(LEAF, leaf, "", "", 0);
    let strangers: Vec<&Certificate> = candidates
        .iter()
        .filter(|candidate| *candidate != leaf && !drawing.drawn.contains(candidate))
        .collect();
    if !strangers.is_empty() {
        drawing.line("not above it:");
    }
    for stranger in strangers {
        let line = format!("   {}", drawing.describe(stranger));
        drawing.line(&line);
    }
    let refused = resolution.refused();
    for judged in refused.iter().take(MOST_NAMED_PATHS) {
        drawing.line(&format!(
            "not taken: {}",
            way(judged, leaf, requirements.time)
        ));
    }
    if let Some(more @ 1..) = refused.len().checked_sub(MOST_NAMED_PATHS) {
        drawing.line(&format!("not taken: {more} more"));
    }
    if let Some(limit) = limit {
        drawing.line(&format!("the drawing ends at the limit of {limit}"));
    }
    IssuerTree(drawing.text)
}

struct Drawing<'a> {
    search: &'a Search,
    taken: Option<&'a [Certificate]>,
    time: UnixTime,
    drawn: HashSet<Certificate>,
    text: String,
}

/// What stands one step further in.
enum Above<'a> {
    Root(String),
    Issuer(Node, &'a Certificate),
    Impostor(&'a Certificate),
    Note(&'static str),
}

impl Drawing<'_> {
    /// Draws a certificate and all above it. `depth` counts from the leaf.
    fn certificate(
        &mut self,
        node: Node,
        certificate: &Certificate,
        branch: &str,
        inner: &str,
        depth: usize,
    ) {
        let star = self.star(certificate, depth);
        let again = !self.drawn.insert(certificate.clone());
        let text = self.describe(certificate);
        let remark = if again { ", drawn above" } else { "" };
        self.line(&format!("{branch}{star}{text}{remark}"));
        if again {
            return;
        }
        let above = self.above(node, certificate, depth);
        let last = above.len().saturating_sub(1);
        for (index, item) in above.into_iter().enumerate() {
            let (branch, further) = match index == last {
                true => (format!("{inner}└─ "), format!("{inner}   ")),
                false => (format!("{inner}├─ "), format!("{inner}│  ")),
            };
            match item {
                Above::Root(text) => self.line(&format!("{branch}{text}")),
                Above::Note(text) => self.line(&format!("{branch}{text}")),
                Above::Impostor(impostor) => {
                    self.drawn.insert(impostor.clone());
                    let text = self.describe(impostor);
                    self.line(&format!(
                        "{branch}{text}: has the name, its key did not sign"
                    ));
                }
                Above::Issuer(node, issuer) => {
                    self.certificate(node, issuer, &branch, &further, depth + 1);
                }
            }
        }
    }

    fn above<'g>(&self, node: Node, certificate: &Certificate, depth: usize) -> Vec<Above<'g>>
    where
        Self: 'g,
    {
        let graph = self.search.graph();
        let Some(links) = graph.links(node) else {
            return Vec::new();
        };
        let mut above = Vec::new();
        let ends_here = self.taken.is_some_and(|taken| {
            taken.len() == depth && (depth == 0 || taken.last() == Some(certificate))
        });
        let star = if ends_here { "* " } else { "" };
        for store in self.search.stores() {
            let holds = store.anchors_named(certificate.issuer()).any(|anchor| {
                links
                    .anchors
                    .iter()
                    .any(|known| std::sync::Arc::ptr_eq(known, anchor))
            });
            if holds {
                above.push(Above::Root(format!(
                    "{star}root {} of {}",
                    certificate.issuer_text(),
                    store.name()
                )));
            }
        }
        let issuers = links.issuers.iter();
        above.extend(
            issuers.filter_map(|&issuer| Some(Above::Issuer(issuer, graph.certificate(issuer)?))),
        );
        for impostor in &links.impostors {
            match impostor {
                Impostor::Certificate(node) => {
                    above.extend(graph.certificate(*node).map(Above::Impostor));
                }
                Impostor::Anchor => {
                    above.push(Above::Note("a root of the name, whose key did not sign"));
                }
                Impostor::Unsupported => {
                    above.push(Above::Note("a signature of an unsupported algorithm"));
                }
            }
        }
        if above.is_empty() && !certificate.is_self_issued() {
            above.push(Above::Note("its issuer is missing"));
        }
        above
    }

    fn star(&self, certificate: &Certificate, depth: usize) -> &'static str {
        let taken = |taken: &[Certificate]| match depth.checked_sub(1) {
            None => true,
            Some(index) => taken.get(index) == Some(certificate),
        };
        if self.taken.is_some_and(taken) {
            "* "
        } else {
            ""
        }
    }

    /// Name, place, and what is wrong with it by itself.
    fn describe(&self, certificate: &Certificate) -> String {
        let mut text = format!("{} ({})", certificate.subject_text(), certificate.origin());
        if certificate.is_self_issued() {
            text.push_str(", self-issued");
        }
        if let Some(date) = out_of_date(certificate, self.time) {
            let _ = write!(text, ", {}", date.code);
        }
        text
    }

    fn line(&mut self, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{}", Printable(line));
    }
}
