//! HAProxy's configuration, as far as it concerns TLS: each bind line and each server line with
//! the settings that it really has, and the line that each of them comes from.
//!
//! ```
//! use fullchain::haproxy::config::{File, Reader, TlsVersion};
//! use fullchain::haproxy::Version;
//!
//! let text = "global
//!     ssl-default-bind-options ssl-min-ver TLSv1.2
//!     crt-base /etc/haproxy/certs
//! frontend www
//!     bind :443 ssl crt www.pem ssl-max-ver TLSv1.2
//! ";
//! let config = Reader::new().read(&[File::new("haproxy.cfg", text)])?;
//! assert!(config.report.is_empty());
//! let bind = &config.proxies[0].binds[0];
//! let versions = bind.value.versions(Version::NEWEST).expect("it speaks TLS");
//! assert_eq!(versions.range, Some((TlsVersion::Tls12, TlsVersion::Tls12)));
//! let min = bind.value.tls.min.as_ref().expect("it is set");
//! assert_eq!(min.origin.to_string(), "haproxy.cfg:2");
//! # Ok::<(), fullchain::Error>(())
//! ```
//!
//! Words are cut, quoted, escaped and expanded as HAProxy does it ([`words()`]); conditional blocks
//! are read where they apply, and both ways where that depends on what is not known, which is a
//! finding. Keywords that are not known here are left alone, whatever HAProxy makes of them: that
//! there is no finding of severity `error` does not say that it starts. Inheritance follows the order
//! of the lines, as it does there: the word `ssl` takes from `global` what was said before it.
//!
//! Nothing here opens a file but [`read_files`].

mod bind;
mod condition;
mod environment;
mod files;
mod global;
mod lines;
mod logging;
mod proxy;
mod routing;
mod server;
mod setting;
mod store;
mod tls;
mod words;

pub(crate) use bind::WITH_VALUE as BIND_VALUES;
pub use bind::{Bind, CertificateSource, ClientVerify};
pub use environment::{Environment, Variable};
pub use files::{files_of, read_files};
pub use global::{DefaultPath, FileName, Global, StatsSocket};
pub use lines::{Line, MAX_NESTING, Modifier, Section, SectionKind};
pub use logging::Logging;
pub use proxy::Proxy;
pub use routing::{HostSource, HostTest, Matching, Route, Routing};
pub use server::Server;
pub(crate) use server::WITH_VALUE as SERVER_VALUES;
pub use setting::Setting;
pub use store::{CrtStore, Load};
pub use tls::{Side, TlsSettings, TlsVersion, Versions};
pub use words::{Fault, MAX_EXPANDED, MAX_WORDS, Refused, Word, quoted, words};

use crate::error::Error;
use crate::finding::Report;
use crate::haproxy::Version;

/// A configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// Its name, as it is given to `haproxy -f`.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl File {
    /// A file of that name, with that content.
    pub fn new(name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: content.into(),
        }
    }
}

/// What a configuration may cost. Words, and blocks in one another, have HAProxy's own limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of all files; of all words with their variables expanded; and of what settings hold,
    /// each heir's own: 64 MiB each.
    pub max_bytes: usize,
    /// Lines of all files: 250,000. One may take some three kilobytes of memory.
    pub max_lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_lines: 250_000,
        }
    }
}

/// Reads configurations.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    environment: Environment,
    version: Option<Version>,
    features: Option<Vec<String>>,
    limits: Limits,
}

impl Reader {
    /// One that knows nothing of HAProxy's environment, its version and its features.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known of HAProxy's environment.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// HAProxy's version, for conditions; what else depends on it is as in the newest one.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// The features of this HAProxy, for conditions: those with a `+` in `haproxy -vv`.
    #[must_use]
    pub fn features(mut self, features: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.features = Some(features.into_iter().map(Into::into).collect());
        self
    }

    /// What a configuration may cost.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads the files of one HAProxy, in the order in which it is given them.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyBytes`] and [`Error::TooManyLines`].
    pub fn read(&self, files: &[File]) -> Result<Config, Error> {
        let mut left = self.limits.max_bytes;
        let mut read = lines::Read::new(self, files);
        for file in files {
            left = left
                .checked_sub(file.bytes.len())
                .ok_or_else(|| Error::TooManyBytes {
                    source_name: file.name.clone(),
                    limit: self.limits.max_bytes,
                })?;
            read.file(file)?;
        }
        let version = self.version.unwrap_or_default();
        proxy::resolve(read.sections, read.findings, version, self.limits.max_bytes)
    }
}

/// A configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// All sections with all lines that may apply, in order.
    pub sections: Vec<Section>,
    /// What `global` says.
    pub global: Global,
    /// The sections `frontend`, `backend`, `listen` and `defaults`, in order, settings resolved.
    pub proxies: Vec<Proxy>,
    /// The sections `crt-store`.
    pub crt_stores: Vec<CrtStore>,
    /// What there is to say about it. Those of severity `error` are why HAProxy does not start.
    pub report: Report,
}

impl Config {
    /// The bind lines, each with its section.
    pub fn binds(&self) -> impl Iterator<Item = (&Proxy, &Setting<Bind>)> {
        let proxies = self.proxies.iter();
        proxies.flat_map(|proxy| proxy.binds.iter().map(move |bind| (proxy, bind)))
    }

    /// The server lines, each with its section.
    pub fn servers(&self) -> impl Iterator<Item = (&Proxy, &Setting<Server>)> {
        let proxies = self.proxies.iter();
        proxies.flat_map(|proxy| proxy.servers.iter().map(move |server| (proxy, server)))
    }

    /// The section of that kind with that name; a `listen` is a frontend and a backend.
    pub fn proxy(&self, kind: SectionKind, name: &str) -> Option<&Proxy> {
        let is_listen = |it: &Proxy| {
            it.kind == SectionKind::Listen
                && matches!(kind, SectionKind::Frontend | SectionKind::Backend)
        };
        let mut proxies = self.proxies.iter();
        proxies.find(|it| it.name == name && (it.kind == kind || is_listen(it)))
    }
}
