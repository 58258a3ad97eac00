//! What clients make of the certificates that are sent.

use super::Loaded;
use crate::bundle::Bundler;
use crate::cert::Certificate;
use crate::chain::{Chain, Seen, moment};
use crate::finding::{Code, Finding, Report};

/// The findings about certificates that a bundle leaves out; of those that are sent there is
/// something else to say.
const LEFT_OUT: [Code; 6] = [
    Code::DuplicateCertificate,
    Code::RootLeftOut,
    Code::LeafLeftOut,
    Code::UnrelatedCertificate,
    Code::AlternativeLeftOut,
    Code::ExpiredLeftOut,
];

/// What clients make of a file that HAProxy loads.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Judged {
    /// The path by which clients come to a root; `None` when no store's clients do.
    pub chain: Option<Chain>,
    /// Why clients refuse it, as errors, and what is sent to no purpose.
    pub findings: Report,
}

impl Loaded {
    /// What the clients of a bundler's stores make of the certificates that are sent: they are
    /// verified as they stand there, and nothing is added.
    pub fn judge(&self, bundler: &Bundler) -> Judged {
        let mut findings = Report::default();
        let unreadable = self.sent.iter().filter(|sent| sent.certificate().is_none());
        findings.extend(unreadable.map(|sent| {
            let message = "HAProxy sends this certificate, and clients cannot decode it";
            Finding::new(Code::NotACertificate, message).at(sent.origin())
        }));
        let certificates: Vec<_> = self.sent.iter().filter_map(|it| it.certificate()).collect();
        let Some(leaf) = self.leaf() else {
            return Judged {
                chain: None,
                findings,
            };
        };
        findings.extend(sent_twice(&certificates));
        let candidates = certificates.iter().copied().cloned().collect();
        match bundler.chain(leaf, candidates) {
            Ok((chain, report)) => {
                findings.extend(without_left_out(report));
                findings.extend(out_of_order(&certificates, &chain));
                findings.extend(to_no_purpose(&certificates, &chain));
                Judged {
                    chain: Some(chain),
                    findings,
                }
            }
            Err(refusal) => {
                findings.extend(without_left_out(refusal.report().clone()));
                Judged {
                    chain: None,
                    findings,
                }
            }
        }
    }
}

fn without_left_out(report: Report) -> impl Iterator<Item = Finding> {
    let findings = report.into_iter();
    findings.filter(|finding| !LEFT_OUT.contains(&finding.code))
}

/// The certificates that some store's clients use.
fn used(chain: &Chain) -> impl Iterator<Item = &Certificate> {
    let paths = chain.trust().iter().flat_map(|trust| &trust.path);
    chain.certificates().chain(paths)
}

fn sent_twice(certificates: &[&Certificate]) -> Vec<Finding> {
    let mut seen = Seen::default();
    let twice = certificates.iter().filter(|&&it| seen.note(it).is_some());
    twice
        .map(|certificate| {
            let message = format!("{} is sent more than once", certificate.subject_text());
            Finding::new(Code::SentTwice, message).at(certificate.origin())
        })
        .collect()
}

fn out_of_order(certificates: &[&Certificate], chain: &Chain) -> Option<Finding> {
    let place = |certificate: &Certificate| certificates.iter().position(|it| *it == certificate);
    let late = chain.intermediates().windows(2).find_map(|pair| {
        let [child, issuer] = pair else { return None };
        (place(issuer)? < place(child)?).then_some((child, issuer))
    });
    let (child, issuer) = late?;
    let message = format!(
        "{} is sent before {}, which it issued",
        issuer.subject_text(),
        child.subject_text()
    );
    Some(Finding::new(Code::SentOrder, message).at(issuer.origin()))
}

fn to_no_purpose(certificates: &[&Certificate], chain: &Chain) -> Vec<Finding> {
    let mut told = Seen::default();
    for certificate in used(chain) {
        told.note(certificate);
    }
    let mut findings = Vec::new();
    for &certificate in certificates {
        if told.note(certificate).is_some() {
            continue;
        }
        let name = certificate.subject_text();
        let finding = if !certificate.is_valid_at(chain.verified_at()) {
            let (from, until) = (certificate.not_before(), certificate.not_after());
            let message = format!(
                "{name} is sent, which is valid from {} to {} only, and no client needs it",
                moment(from),
                moment(until)
            );
            Finding::new(Code::ExpiredSent, message)
        } else if certificate.is_ca()
            && certificate.is_self_issued()
            && is_above(certificate, chain)
        {
            Finding::new(Code::RootSent, format!("the root {name} is sent"))
        } else {
            let message = format!("{name} is sent, which is no part of the server's chain");
            Finding::new(Code::StrangerSent, message)
        };
        findings.push(finding.at(certificate.origin()));
    }
    findings
}

/// Whether it issued the last certificate of a path, by its name.
fn is_above(root: &Certificate, chain: &Chain) -> bool {
    let ends = chain.trust().iter().map(|trust| trust.path.last());
    let mut ends = ends.map(|last| last.unwrap_or(chain.leaf()));
    ends.any(|last| last.issuer() == root.subject())
}
