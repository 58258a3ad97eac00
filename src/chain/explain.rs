//! Why no path was accepted, in terms of the user's own certificates.

use std::collections::BTreeSet;
use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::Chain;
use super::faults::faults;
use super::judged::Judged;
use super::limits::Limit;
use super::preference::Preference;
use super::search::{DeadEnd, Obstacle, Path};
use crate::cert::{Certificate, hex};
use crate::finding::{Code, Finding, Severity};
use crate::profile::{self, Role};
use crate::trust::TrustStore;

/// A moment as RFC 3339 text in UTC.
pub(crate) fn moment(time: UnixTime) -> String {
    match der::DateTime::from_unix_duration(Duration::from_secs(time.as_secs())) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{} seconds after 1970", time.as_secs()),
    }
}

/// Says that a certificate is not in date, if that is so.
pub(super) fn out_of_date(certificate: &Certificate, time: UnixTime) -> Option<Finding> {
    let finding = if time > certificate.not_after() {
        Finding::new(
            Code::Expired,
            format!(
                "{} expired on {}; checked for {}",
                certificate.subject_text(),
                moment(certificate.not_after()),
                moment(time)
            ),
        )
    } else if time < certificate.not_before() {
        Finding::new(
            Code::NotYetValid,
            format!(
                "{} is not valid before {}; checked for {}",
                certificate.subject_text(),
                moment(certificate.not_before()),
                moment(time)
            ),
        )
    } else {
        return None;
    };
    Some(finding.at(certificate.origin()))
}

/// The links of a path as far as it goes, each of which holds.
pub(super) fn links(leaf: &Certificate, intermediates: &[Certificate]) -> Vec<Finding> {
    let certificates = [leaf].into_iter().chain(intermediates);
    certificates
        .zip(intermediates)
        .map(|(certificate, issuer)| {
            let message = format!(
                "{} was signed by {} ({})",
                certificate.subject_text(),
                issuer.subject_text(),
                issuer.origin()
            );
            Finding::new(Code::Link, message).at(certificate.origin())
        })
        .collect()
}

/// Says of a certificate in the chain that it was not in the material.
pub(super) fn supplied(certificate: &Certificate) -> Finding {
    let name = certificate.subject_text();
    let message = format!("{name} is not in the material; it was taken from here");
    Finding::new(Code::IntermediateAdded, message).at(certificate.origin())
}

/// Explains a search that found no path: at which certificate the nearest miss ended, and why.
pub(super) fn dead_end(leaf: &Certificate, end: &DeadEnd, stores: &[TrustStore]) -> Finding {
    let head = end.intermediates.last().unwrap_or(leaf);
    let (subject, issuer) = (head.subject_text(), head.issuer_text());
    let stores = store_names(stores);
    let at_head = |code: Code, message: String| Finding::new(code, message).at(head.origin());
    match &end.obstacle {
        Obstacle::WrongKey(impostor) => {
            let finding = at_head(Code::BadSignature, wrong_key(head, impostor));
            match is_damaged(head, impostor) {
                true => finding.help("Take both certificates anew from the CA"),
                false => with_source(finding, head),
            }
        }
        Obstacle::WrongAnchorKey => at_head(
            Code::BadSignature,
            format!(
                "{subject} names the issuer {issuer}, and the root of that name in {stores} did not sign it"
            ),
        )
        .help("Take the CA's current chain; a CA may have several certificates of one name"),
        Obstacle::Unsupported => at_head(
            Code::UnsupportedAlgorithm,
            format!("the signature on {subject} is of an algorithm that is not supported"),
        ),
        Obstacle::Loop => at_head(
            Code::MissingIssuer,
            format!(
                "the CAs above {} sign one another, and none is signed by a root of {stores}",
                leaf.subject_text()
            ),
        )
        .help("Add the certificate that a root of your clients issued to one of them, or give their root as a trust store"),
        Obstacle::NoIssuer if head.is_self_issued() && end.intermediates.is_empty() => at_head(
            Code::SelfSigned,
            format!("{subject} signed itself and is not among the roots of {stores}"),
        ),
        Obstacle::NoIssuer if head.is_self_issued() => at_head(
            Code::MissingIssuer,
            format!("the chain ends in the root {subject}, which is not among the roots of {stores}"),
        )
        .help("Give that root as a trust store, if your clients trust it, or take the chain of a CA that they trust"),
        Obstacle::NoIssuer => {
            let key = match head.authority_key_id() {
                Some(id) => format!(" (key identifier {})", hex(id)),
                None => String::new(),
            };
            with_source(
                at_head(
                    Code::MissingIssuer,
                    format!(
                        "the issuer of {subject} is missing: {issuer}{key} is neither in the material nor a root of {stores}"
                    ),
                ),
                head,
            )
        }
    }
}

/// Whether a certificate names the very key that did not sign it.
fn is_damaged(head: &Certificate, impostor: &Certificate) -> bool {
    let wanted = head.authority_key_id();
    wanted.is_some() && wanted == impostor.subject_key_id()
}

/// Two certificates that agree in name and not in key: which of the ways that is so.
fn wrong_key(head: &Certificate, impostor: &Certificate) -> String {
    let (subject, issuer) = (head.subject_text(), head.issuer_text());
    let reason = match (head.authority_key_id(), impostor.subject_key_id()) {
        _ if is_damaged(head, impostor) => {
            "its key identifier is the right one, so one of the two is damaged".to_owned()
        }
        (Some(wanted), Some(found)) => format!(
            "its key is another: its key identifier is {}, and {} is wanted",
            hex(found),
            hex(wanted)
        ),
        _ => "its key is another, or one of the two is damaged".to_owned(),
    };
    format!(
        "{subject} names the issuer {issuer}, and the certificate of that name ({}) did not sign it: {reason}",
        impostor.origin()
    )
}

/// For when there is nothing more precise to say.
pub(super) fn no_path(leaf: &Certificate) -> Finding {
    let message = format!("no path leads from {} to a root", leaf.subject_text());
    Finding::new(Code::MissingIssuer, message).at(leaf.origin())
}

/// Says which stores do not trust the chain.
pub(super) fn distrust(chain: &Chain) -> Vec<Finding> {
    let distrusting = chain.trust().iter().filter(|trust| !trust.trusted);
    distrusting
        .map(|trust| {
            let message = format!(
                "clients that trust only the roots of {} do not accept this chain: {}",
                trust.store,
                trust.reason.as_deref().unwrap_or("no reason is known")
            );
            Finding::new(Code::StoreDoesNotTrust, message).at(chain.leaf().origin())
        })
        .collect()
}

/// How many of the paths not taken are named: enough to compare, and few enough to read.
pub(super) const MOST_NAMED_PATHS: usize = 5;

/// Says why the path was chosen, and which others there were.
pub(super) fn not_taken(
    preference: Preference,
    leaf: &Certificate,
    chosen: &[Certificate],
    others: &[&Judged],
    time: UnixTime,
) -> Option<Finding> {
    if others.is_empty() {
        return None;
    }
    let named = others.iter().take(MOST_NAMED_PATHS);
    let mut named: Vec<String> = named.map(|other| way(other, leaf, time)).collect();
    if let Some(more @ 1..) = others.len().checked_sub(MOST_NAMED_PATHS) {
        named.push(format!("and {more} more"));
    }
    let message = format!(
        "of {} paths the one {} was taken ({preference}); not taken: {}",
        others.len() + 1,
        route(chosen),
        named.join("; ")
    );
    Some(Finding::new(Code::PathChosen, message).at(leaf.origin()))
}

/// Where a path leads through, and why it is refused, if it is.
pub(super) fn way(judged: &Judged, leaf: &Certificate, time: UnixTime) -> String {
    let path = route(judged.path.intermediates());
    match words(&judged.reasons(leaf, time)).as_str() {
        _ if judged.is_accepted() => path,
        "" => format!("{path} (refused)"),
        words => format!("{path} (refused: {words})"),
    }
}

/// The codes of findings, each once.
fn words(findings: &[Finding]) -> String {
    let words: BTreeSet<&str> = findings.iter().map(|it| it.code.as_str()).collect();
    words.into_iter().collect::<Vec<_>>().join(", ")
}

fn route(path: &[Certificate]) -> String {
    if path.is_empty() {
        return "straight to the root".to_owned();
    }
    let names: Vec<String> = path
        .iter()
        .map(|certificate| format!("{} ({})", certificate.subject_text(), certificate.origin()))
        .collect();
    format!("through {}", names.join(", "))
}

/// Names the place where the issuer's certificate may be had, if the certificate does.
fn with_source(finding: Finding, head: &Certificate) -> Finding {
    match head.ca_issuer_urls().first() {
        Some(url) => finding.help(format!(
            "Add the CA's intermediate; this certificate says that it is at {url}"
        )),
        None => finding,
    }
}

/// Explains webpki's refusal of a path: the faults of its certificates, or else what webpki says.
pub(super) fn refusal(
    error: &webpki::Error,
    leaf: &Certificate,
    path: &Path,
    time: UnixTime,
) -> Vec<Finding> {
    use webpki::Error;
    // What cannot be read looks as if it were not there, so it comes first.
    let unread = faults_of_form(error, leaf, path);
    if !unread.is_empty() {
        return unread;
    }
    let faults = faults(leaf, path, time);
    if !faults.is_empty() {
        return faults;
    }
    let about = |code: Code, what: &str| {
        Finding::new(code, format!("{} {what}", leaf.subject_text())).at(leaf.origin())
    };
    vec![match error {
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => about(
            Code::UnsupportedAlgorithm,
            "has a path with a signature of an unsupported algorithm",
        ),
        Error::NameConstraintViolation => about(
            Code::NameConstraint,
            "has a name for which a CA in its path may not issue",
        ),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => about(
            Code::NotForServers,
            "has a path that may not be used for TLS servers",
        ),
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => about(
            Code::LimitExceeded,
            &format!("has a path that exceeds a limit of path validation: {error}"),
        ),
        other => about(
            Code::PathRefused,
            &format!("has a path that is refused: {other}"),
        ),
    }]
}

/// What webpki does not read is a fault of form, which the strict profile's rules can name.
fn faults_of_form(error: &webpki::Error, leaf: &Certificate, path: &Path) -> Vec<Finding> {
    use webpki::Error;
    let codes: &[Code] = match error {
        Error::UnsupportedCertVersion | Error::SignatureAlgorithmMismatch => {
            &[Code::CertificateForm]
        }
        Error::BadDer
        | Error::TrailingData(_)
        | Error::ExtensionValueInvalid
        | Error::MalformedExtensions
        | Error::MalformedNameConstraint => &[
            Code::CertificateForm,
            Code::MalformedExtension,
            Code::NameConstraintsForm,
        ],
        _ => return Vec::new(),
    };
    let intermediates = path.intermediates().iter();
    let intermediates = intermediates.map(|certificate| (certificate, Role::Intermediate));
    let anchors = path.shared_anchors().iter();
    let roots = anchors.filter_map(|anchor| Some((anchor.certificate.as_ref()?, Role::Root)));
    [(leaf, Role::Leaf)]
        .into_iter()
        .chain(intermediates)
        .chain(roots)
        .flat_map(|(certificate, role)| profile::examine(certificate, role, false))
        .filter(|breach| codes.contains(&breach.code))
        .map(|breach| breach.with_severity(Severity::Error))
        .map(|breach| match error {
            Error::UnsupportedCertVersion => breach.help(
                "Have it issued with extensions (`openssl x509 -req` writes none without -extfile)",
            ),
            _ => breach,
        })
        .collect()
}

/// Says which limit ended the search.
pub(super) fn limit(limit: Limit, leaf: &Certificate) -> Finding {
    let message = format!(
        "the search for paths of {} ended at its limit of {limit}",
        leaf.subject_text()
    );
    Finding::new(Code::LimitExceeded, message).at(leaf.origin())
}

/// The stores' names, for a sentence.
pub(super) fn store_names(stores: &[TrustStore]) -> String {
    let names: Vec<&str> = stores.iter().map(TrustStore::name).collect();
    names.join(", ")
}
