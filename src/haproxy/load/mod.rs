//! What HAProxy does with a certificate file: load it or refuse it, and what it then sends.
//!
//! HAProxy reads a file three times: for the first private key, for DH parameters, and for the
//! certificates, of which the first is the server's and all others are sent behind it, in the
//! order of the file, whatever they are. It asks whether key and certificate have the same public
//! key, and little else.
//!
//! ```
//! use fullchain::haproxy::load::{Loader, SideFiles};
//! use rustls_pki_types::UnixTime;
//!
//! let loader = Loader::new(UnixTime::now());
//! # let clean = include_bytes!("../../../testdata/damaged/clean.pem");
//! # let reversed = include_bytes!("../../../testdata/damaged/reversed.pem");
//! let loaded = loader.load("site.pem", clean, &SideFiles::default())?;
//! assert_eq!(loaded.sent.len(), 2);
//!
//! let refused = loader.load("site.pem", reversed, &SideFiles::default()).unwrap_err();
//! assert!(refused.words.starts_with("inconsistencies between private key and certificate"));
//! # Ok::<(), fullchain::haproxy::load::Refused>(())
//! ```

mod certificates;
mod clients;
mod file;
mod key;
mod known;
mod path;
mod side;

use std::fmt;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::Version;
use crate::cert::Certificate;
use crate::finding::{Finding, Report};
use crate::origin::Origin;

pub use clients::Judged;
use known::Known;
pub(crate) use path::beside;
pub(in crate::haproxy) use path::not_read;

/// Foretells what HAProxy does with certificate files.
///
/// It and its clones remember the certificates that files have behind the server's own, up to 1,024
/// of them: many files share their intermediates, which are decoded once.
#[derive(Clone, Debug)]
pub struct Loader {
    version: Version,
    time: UnixTime,
    known: Known,
}

impl Loader {
    /// For the newest version of HAProxy, which is started at that time.
    pub fn new(time: UnixTime) -> Self {
        Self {
            version: Version::NEWEST,
            time,
            known: Known::default(),
        }
    }

    /// For that version of HAProxy.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    pub(super) fn time(&self) -> UnixTime {
        self.time
    }

    /// What HAProxy does with `crt FILE`, by the file's content. The name is for what is said of
    /// it.
    ///
    /// # Errors
    ///
    /// [`Refused`]: HAProxy would not start.
    pub fn load(&self, file: &str, pem: &[u8], side: &SideFiles<'_>) -> Result<Loaded, Refused> {
        file::load(self, file, pem, side)
    }
}

/// The contents of the files beside a certificate file, as far as they are there: each has its
/// name and a suffix. HAProxy looks for them unless `ssl-load-extra-files` says otherwise.
#[derive(Clone, Copy, Default)]
pub struct SideFiles<'a> {
    /// `.key`: the private key, where the certificate file has none.
    pub key: Option<&'a [u8]>,
    /// `.ocsp`: an OCSP response in DER (RFC 6960).
    pub ocsp: Option<&'a [u8]>,
    /// `.issuer`: the issuer's certificate in PEM, for the OCSP response.
    pub issuer: Option<&'a [u8]>,
    /// `.sctl`: a list of signed certificate timestamps (RFC 6962 section 3.3).
    pub sctl: Option<&'a [u8]>,
}

impl fmt::Debug for SideFiles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |content: Option<&[u8]>| content.map(<[u8]>::len);
        f.debug_struct("SideFiles")
            .field("key", &length(self.key))
            .field("ocsp", &length(self.ocsp))
            .field("issuer", &length(self.issuer))
            .field("sctl", &length(self.sctl))
            .finish()
    }
}

/// What HAProxy has of a file that it loads.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Loaded {
    /// The file's name, as it was given.
    pub file: String,
    /// The certificates as clients get them: the server's first, then all others in file order.
    pub sent: Vec<Sent>,
    /// Where the key was found.
    pub key: Origin,
    /// What there is to say of the file, apart from what clients will make of the certificates.
    pub findings: Report,
}

impl Loaded {
    /// The server's certificate; `None` when it is one that OpenSSL takes and nobody else does.
    pub fn leaf(&self) -> Option<&Certificate> {
        self.sent.first()?.certificate()
    }
}

/// A certificate as it is sent.
#[derive(Clone, Debug)]
pub struct Sent(Result<Certificate, (CertificateDer<'static>, Origin)>);

impl Sent {
    fn new(der: &[u8], origin: Origin) -> Self {
        let der = CertificateDer::from(der.to_vec());
        Self(Certificate::or_der(der, origin.clone()).map_err(|der| (der, origin)))
    }

    /// The same, read elsewhere.
    fn at(&self, origin: Origin) -> Self {
        Self(match &self.0 {
            Ok(certificate) => Ok(certificate.at(origin)),
            Err((der, _)) => Err((der.clone(), origin)),
        })
    }

    /// The bytes.
    pub fn der(&self) -> &CertificateDer<'static> {
        match &self.0 {
            Ok(certificate) => certificate.der(),
            Err((der, _)) => der,
        }
    }

    /// Where it stands.
    pub fn origin(&self) -> &Origin {
        match &self.0 {
            Ok(certificate) => certificate.origin(),
            Err((_, origin)) => origin,
        }
    }

    /// The certificate; `None` when it is one that OpenSSL takes and nobody else does.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.as_ref().ok()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Sent {
    /// The certificate, or `null` for one that only OpenSSL takes.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.certificate().serialize(serializer)
    }
}

/// HAProxy does not load the file, and so does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Refused {
    /// The file's name, as it was given.
    pub file: String,
    /// What HAProxy says, from where the reason begins.
    pub words: String,
    /// Why, where, and how to mend it.
    pub finding: Box<Finding>,
}

/// What HAProxy says around the name of a file.
#[derive(Clone, Copy)]
struct Words {
    before: &'static str,
    /// What it puts behind the name of the certificate file.
    suffix: &'static str,
    after: &'static str,
}

impl Words {
    /// Of those that end with the certificate file's name.
    const fn of(before: &'static str) -> Self {
        Self {
            before,
            suffix: "",
            after: "",
        }
    }
}

impl Refused {
    /// Whether no key was found.
    fn is_about_key(&self) -> bool {
        self.words.ends_with(".key'")
    }

    fn new(file: &str, words: Words, finding: Finding) -> Self {
        let Words {
            before,
            suffix,
            after,
        } = words;
        let said = [before.trim(), after.trim()].concat();
        let message = format!(
            "HAProxy does not load {file} (\"{said}\"): {}",
            finding.message
        );
        Self {
            file: file.to_owned(),
            words: format!("{before}'{file}{suffix}'{after}"),
            finding: Box::new(Finding { message, ..finding }),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.finding.fmt(f)
    }
}

impl std::error::Error for Refused {}
