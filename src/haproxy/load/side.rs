//! The files beside a certificate file: signed certificate timestamps, the OCSP response, and its
//! issuer.
//!
//! HAProxy is strict about the files, and lax about the response: one that is of no use is
//! ignored with a warning, and clients get none.

mod issued;
mod ocsp;

use super::certificates::first;
use super::{Loader, Named, Refused, Sent, SideFiles, Words};
use crate::cert::Certificate;
use crate::finding::{Code, Finding};
use crate::haproxy::openssl::Blocks;
use crate::origin::Origin;
use crate::tlv::{Walk, tag};
use issued::not_issued;
use ocsp::{CertId, Response, Status, Useless};

/// What HAProxy reads of a side file, by default (`tune.bufsize`).
const BUFFER: usize = 16_384;

/// TLS feature (RFC 7633), and its value for OCSP stapling.
const TLS_FEATURE: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x01\x18";
const STATUS_REQUEST: &[u8] = &[5];

/// The suffix stands twice in what HAProxy says.
const BAD_SCTL: Words = Words {
    before: "",
    suffix: ".sctl.sctl",
    after: " is present but cannot be read or parsed",
};
const BAD_ISSUER: Words = Words {
    before: "",
    suffix: ".issuer",
    after: " cannot be read or parsed",
};
const NOT_ISSUER: Words = Words {
    before: "",
    suffix: ".issuer",
    after: " is not an issuer",
};
const NO_ID: Words = Words {
    before: "",
    suffix: ".ocsp",
    after: " is present and activates OCSP but it is impossible to compute the OCSP certificate ID (maybe the issuer could not be found)",
};

/// What was read beside a certificate file.
pub(super) struct Beside<'a> {
    name: Named<'a>,
    response: Option<&'a [u8]>,
    issuer: Option<Certificate>,
}

impl<'a> Beside<'a> {
    /// What comes with the reading of the certificate file. Without the leaf, which OpenSSL takes
    /// and nobody else does, it is not known who its issuer is.
    pub(super) fn read(
        name: Named<'a>,
        side: &SideFiles<'a>,
        leaf: Option<&Certificate>,
    ) -> Result<Self, Refused> {
        if side.sctl.is_some_and(|list| !is_timestamps(start(list))) {
            let message = "it is no list of signed certificate timestamps (RFC 6962 section 3.3): the lengths in it do not fit";
            return Err(refused(name, "sctl", BAD_SCTL, message));
        }
        let issuer = match side.issuer {
            // Without a response, nobody looks at it.
            Some(pem) if side.ocsp.is_some() => read_issuer(name, pem, leaf)?,
            _ => None,
        };
        Ok(Self {
            name,
            response: side.ocsp,
            issuer,
        })
    }

    /// What comes when the certificates have been taken: whether there is an OCSP response for
    /// clients.
    pub(super) fn stapled(&self, loader: &Loader, sent: &[Sent]) -> Result<Vec<Finding>, Refused> {
        let mut sent = sent.iter().map(Sent::certificate);
        let Some(leaf) = sent.next().flatten() else {
            return Ok(Vec::new());
        };
        let Some(response) = self.response else {
            let why = format!("there is no file {}.ocsp", self.name.stem);
            return Ok(must_staple(leaf, &why).into_iter().collect());
        };
        let in_chain = sent
            .flatten()
            .find(|issuer| not_issued(issuer, leaf).is_none());
        let issuer = in_chain.or(self.issuer.as_ref());
        let Some(id) = issuer.and_then(|issuer| CertId::new(issuer, leaf)) else {
            return Err(self.without_id(issuer));
        };
        let now = loader.time.as_secs();
        Ok(match Response::read(response, &id, now) {
            Ok(response) => self.warned(&response, now, leaf),
            Err(useless) => self.ignored(&useless, leaf),
        })
    }

    fn without_id(&self, issuer: Option<&Certificate>) -> Refused {
        let Named { file, stem } = self.name;
        let Some(issuer) = issuer else {
            let message = format!(
                "the certificate's issuer is neither behind it in {file} nor in {stem}.issuer"
            );
            let mut refused = refused(self.name, "ocsp", NO_ID, &message);
            let help = "Add the issuer's certificate to the file, behind the first.";
            *refused.finding = refused.finding.help(help);
            return refused;
        };
        let message = format!(
            "the certificate's serial number is too long, as {} gave it",
            issuer.subject_text()
        );
        refused(self.name, "ocsp", NO_ID, &message)
    }

    fn ignored(&self, useless: &Useless, leaf: &Certificate) -> Vec<Finding> {
        let Useless { words, why } = useless;
        let message = format!("HAProxy ignores the OCSP response (\"{words}\"): {why}");
        self.not_sent(&message, leaf)
    }

    fn warned(&self, response: &Response, now: u64, leaf: &Certificate) -> Vec<Finding> {
        if !response.is_sent_at(now) {
            let message =
                "HAProxy does not send an OCSP response that ends within 300 seconds, or has ended";
            return self.not_sent(message, leaf);
        }
        let mut findings = Vec::new();
        if response.status == Status::Revoked {
            let message = "the OCSP response says that the certificate is revoked, and HAProxy sends it to clients";
            let finding = Finding::new(Code::OcspResponse, message);
            let help = "Have the certificate issued anew, for a new key.";
            findings.push(finding.help(help).at(&self.origin()));
        }
        if response.has_more_behind {
            let message = "bytes follow the OCSP response, and HAProxy sends them to clients";
            findings.push(Finding::new(Code::OcspResponse, message).at(&self.origin()));
        }
        findings
    }

    /// The response is of no use.
    fn not_sent(&self, message: &str, leaf: &Certificate) -> Vec<Finding> {
        let finding = Finding::new(Code::OcspResponse, message).at(&self.origin());
        let why = format!("HAProxy does not send {}.ocsp", self.name.stem);
        let must_staple = must_staple(leaf, &why);
        std::iter::once(finding).chain(must_staple).collect()
    }

    fn origin(&self) -> Origin {
        Origin::new(format!("{}.ocsp", self.name.stem))
    }
}

/// As much as HAProxy reads.
fn start(content: &[u8]) -> &[u8] {
    content.get(..BUFFER).unwrap_or(content)
}

fn refused(name: Named<'_>, suffix: &str, words: Words, message: &str) -> Refused {
    let origin = Origin::new(format!("{}.{suffix}", name.stem));
    let finding = Finding::new(Code::SideFile, message).at(&origin);
    Refused::new(name, words, finding)
}

/// A list within which each entry has its length before it, as the list has.
fn is_timestamps(list: &[u8]) -> bool {
    let Some((entries, [])) = counted(list) else {
        return false;
    };
    let mut rest = entries;
    while !rest.is_empty() {
        let Some((_, behind)) = counted(rest) else {
            return false;
        };
        rest = behind;
    }
    true
}

/// As many bytes as the first two say, and what is behind them.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn read_issuer(
    name: Named<'_>,
    pem: &[u8],
    leaf: Option<&Certificate>,
) -> Result<Option<Certificate>, Refused> {
    let source = Origin::new(format!("{}.issuer", name.stem));
    let blocks = Blocks::read(pem);
    let (issuer, ()) = first(&mut blocks.strictly(), &source, |_| ())
        .map_err(|why| refused(name, "issuer", BAD_ISSUER, &why.message))?;
    let issuer = issuer.certificate().cloned();
    let why = issuer.as_ref().zip(leaf);
    if let Some(why) = why.and_then(|(issuer, leaf)| not_issued(issuer, leaf)) {
        return Err(refused(name, "issuer", NOT_ISSUER, why));
    }
    Ok(issuer)
}

fn must_staple(leaf: &Certificate, why: &str) -> Option<Finding> {
    let extensions = leaf.extensions();
    let feature = extensions.iter().find(|it| it.oid == TLS_FEATURE)?;
    let mut features = Walk(Walk(feature.value).expect(tag::SEQUENCE)?.value);
    features.find(|it| it.tag == tag::INTEGER && it.value == STATUS_REQUEST)?;
    let message = format!(
        "the certificate demands that an OCSP response comes with it, and none does: {why}"
    );
    Some(Finding::new(Code::MustStaple, message).at(leaf.origin()))
}
