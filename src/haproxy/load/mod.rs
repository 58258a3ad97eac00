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
    extra_files: ExtraFiles,
    known: Known,
    strips_crt: bool,
}

/// Which files beside a certificate file are looked for (`ssl-load-extra-files`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ExtraFiles {
    key: bool,
    ocsp: bool,
    issuer: bool,
    sctl: bool,
}

impl Loader {
    /// For the newest version of HAProxy, which is started at that time.
    pub fn new(time: UnixTime) -> Self {
        Self {
            version: Version::NEWEST,
            time,
            extra_files: ExtraFiles {
                key: true,
                ocsp: true,
                issuer: true,
                sctl: true,
            },
            known: Known::default(),
            strips_crt: false,
        }
    }

    /// For that version of HAProxy.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Which files [`load_path`](Self::load_path) looks for beside the certificate file, by the words
    /// of `ssl-load-extra-files`: `key`, `ocsp`, `issuer`, `sctl`, `all`, `none`. All, unless set.
    #[must_use]
    pub fn extra_files<'w>(mut self, words: impl IntoIterator<Item = &'w str>) -> Self {
        let words: Vec<&str> = words.into_iter().collect();
        let has = |word: &str| words.contains(&"all") || words.contains(&word);
        self.extra_files = ExtraFiles {
            key: has("key"),
            ocsp: has("ocsp"),
            issuer: has("issuer"),
            sctl: has("sctl"),
        };
        self
    }

    /// The names of the files beside `site.crt` have no `.crt` in them: `site.key`
    /// (`ssl-load-extra-del-ext`).
    #[must_use]
    pub fn extra_del_ext(mut self, strips: bool) -> Self {
        self.strips_crt = strips;
        self
    }

    pub(super) fn time(&self) -> UnixTime {
        self.time
    }

    /// The names that are told of a file.
    fn named<'a>(&self, file: &'a str) -> Named<'a> {
        let stem = file.strip_suffix(".crt").filter(|_| self.strips_crt);
        Named {
            file,
            stem: stem.unwrap_or(file),
        }
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

/// A certificate file's name, and what the names of those beside it begin with.
#[derive(Clone, Copy)]
struct Named<'a> {
    file: &'a str,
    stem: &'a str,
}

impl<'a> From<&'a str> for Named<'a> {
    fn from(file: &'a str) -> Self {
        Self { file, stem: file }
    }
}

impl Refused {
    /// Whether no key was found.
    fn is_about_key(&self) -> bool {
        self.words.ends_with(".key'")
    }

    fn new<'a>(name: impl Into<Named<'a>>, words: Words, finding: Finding) -> Self {
        let Named { file, stem } = name.into();
        let Words {
            before,
            suffix,
            after,
        } = words;
        let said = [before.trim(), after.trim()].concat();
        let meant = if suffix.is_empty() { file } else { stem };
        let message = format!(
            "HAProxy does not load {file} (\"{said}\"): {}",
            finding.message
        );
        Self {
            file: file.to_owned(),
            words: format!("{before}'{meant}{suffix}'{after}"),
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
