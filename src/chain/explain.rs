//! Why no path was accepted, in terms of the user's own certificates.

use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::limits;
use super::search::{DeadEnd, Impostor, Limit};
use crate::cert::{Certificate, hex};
use crate::finding::{Code, Finding};
use crate::trust::TrustStore;

/// A moment as RFC 3339 text in UTC.
pub(crate) fn moment(time: UnixTime) -> String {
    match der::DateTime::from_unix_duration(Duration::from_secs(time.as_secs())) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{} seconds after 1970", time.as_secs()),
    }
}

/// Says that a certificate is not in date, if that is so.
pub(crate) fn out_of_date(certificate: &Certificate, time: UnixTime) -> Option<Finding> {
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

/// Explains a search that found no path: at which certificate the nearest miss ended, and why.
pub(crate) fn dead_end(
    leaf: &Certificate,
    dead_end: &DeadEnd<'_>,
    stores: &[TrustStore],
) -> Finding {
    let head = dead_end.intermediates.last().copied().unwrap_or(leaf);
    let (subject, issuer) = (head.subject_text(), head.issuer_text());
    let stores = store_names(stores);
    let at_head = |code: Code, message: String| Finding::new(code, message).at(head.origin());
    match dead_end.impostor {
        Some(Impostor::Certificate(impostor)) => with_source(
            at_head(
                Code::BadSignature,
                format!(
                    "{subject} names the issuer {issuer}, and the certificate of that name ({}) did not sign it: its key is another, or one of the two is damaged",
                    impostor.origin()
                ),
            ),
            head,
        ),
        Some(Impostor::Anchor) => at_head(
            Code::BadSignature,
            format!(
                "{subject} names the issuer {issuer}, and the root of that name in {stores} did not sign it"
            ),
        )
        .help("Take the CA's current chain; a CA may have several certificates of one name"),
        Some(Impostor::UnsupportedAlgorithm) => at_head(
            Code::UnsupportedAlgorithm,
            format!("the signature on {subject} is of an algorithm that is not supported"),
        ),
        None if head.is_self_issued() && dead_end.intermediates.is_empty() => at_head(
            Code::SelfSigned,
            format!("{subject} signed itself and is not among the roots of {stores}"),
        ),
        None if head.is_self_issued() => at_head(
            Code::MissingIssuer,
            format!("the chain ends in the root {subject}, which is not among the roots of {stores}"),
        )
        .help("Give that root as a trust store, if your clients trust it, or take the chain of a CA that they trust"),
        None => {
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

/// Names the place where the issuer's certificate may be had, if the certificate does.
fn with_source(finding: Finding, head: &Certificate) -> Finding {
    match head.ca_issuer_urls().first() {
        Some(url) => finding.help(format!(
            "Add the CA's intermediate; this certificate says that it is at {url}"
        )),
        None => finding,
    }
}

/// Explains webpki's refusal of a path, pointing at the certificate that it is about.
pub(crate) fn refusal(
    error: &webpki::Error,
    leaf: &Certificate,
    intermediates: &[&Certificate],
    time: UnixTime,
) -> Finding {
    use webpki::Error;
    let all = || [leaf].into_iter().chain(intermediates.iter().copied());
    let about = |code: Code, certificate: &Certificate, what: &str| {
        Finding::new(code, format!("{} {what}", certificate.subject_text()))
            .at(certificate.origin())
    };
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::InvalidCertValidity => {
            match all().find_map(|certificate| out_of_date(certificate, time)) {
                Some(finding) => finding,
                None => about(
                    Code::PathRefused,
                    leaf,
                    "has a path with an invalid validity",
                ),
            }
        }
        Error::CaUsedAsEndEntity => about(
            Code::CaAsLeaf,
            leaf,
            "is a CA certificate, which clients do not accept as a server's",
        ),
        Error::EndEntityUsedAsCa => {
            let culprit = intermediates
                .iter()
                .find(|certificate| !certificate.is_ca());
            about(
                Code::NotACa,
                culprit.copied().unwrap_or(leaf),
                "signed a certificate without being a CA",
            )
        }
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => about(
            Code::NotForServers,
            leaf,
            "may not be used for TLS servers, by its own extended key usage or that of a CA above it",
        ),
        Error::NameConstraintViolation => about(
            Code::NameConstraint,
            leaf,
            "has a name for which a CA in its path may not issue",
        ),
        Error::PathLenConstraintViolated => about(
            Code::PathLength,
            intermediates.last().copied().unwrap_or(leaf),
            "or a CA above it allows fewer CAs below it than there are",
        ),
        Error::InvalidSignatureForPublicKey => about(
            Code::BadSignature,
            leaf,
            "has a path with a signature that does not verify",
        ),
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => about(
            Code::UnsupportedAlgorithm,
            leaf,
            "has a path with a signature of an unsupported algorithm",
        ),
        Error::UnsupportedCertVersion => about(
            Code::PathRefused,
            leaf,
            "has a path with a certificate of X.509 version 1 or 2, and clients want version 3",
        )
        .help("Have it issued with extensions (`openssl x509 -req` writes none without -extfile)"),
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => about(
            Code::LimitExceeded,
            leaf,
            "has a path that exceeds a limit of path validation",
        ),
        other => about(
            Code::PathRefused,
            leaf,
            &format!("has a path that is refused: {other}"),
        ),
    }
}

/// Says which limit ended the search.
pub(crate) fn limit(limit: Limit, leaf: &Certificate) -> Finding {
    let (what, most) = match limit {
        Limit::SignatureChecks => ("signature checks", limits::MAX_SIGNATURE_CHECKS),
        Limit::PartialPaths => ("partial paths", limits::MAX_PARTIAL_PATHS),
        Limit::Intermediates => ("intermediates in a path", limits::MAX_INTERMEDIATES),
    };
    Finding::new(
        Code::LimitExceeded,
        format!(
            "the search for a path of {} ended at its limit of {most} {what}",
            leaf.subject_text()
        ),
    )
    .at(leaf.origin())
}

/// The stores' names, for a sentence.
pub(crate) fn store_names(stores: &[TrustStore]) -> String {
    let names: Vec<&str> = stores.iter().map(TrustStore::name).collect();
    names.join(", ")
}
