//! Why does the handshake fail, and what exactly is to be changed.
//!
//! A [`Doctor`] looks at a configuration that was read ([`config`](crate::haproxy::config)) and at
//! the files that it names, and says what makes handshakes fail: no common version or cipher, an
//! incomplete or wrong chain, names without a certificate, servers that are not verified as meant;
//! and whether failures are logged at all. Each [`Diagnosis`] has its line, who notices it, and the
//! cure, as an edit where that can be.
//!
//! ```
//! use fullchain::doctor::Doctor;
//! use fullchain::haproxy::config::{File, Reader};
//! use rustls_pki_types::UnixTime;
//!
//! let files = [File::new("haproxy.cfg", "frontend www
//!     bind :443 ssl crt testdata/damaged/clean.pem ciphers TLS_AES_128_GCM_SHA256
//! ")];
//! let config = Reader::new().read(&files)?;
//! let examination = Doctor::new(UnixTime::now()).examine(&config, &files);
//! let first = &examination.diagnoses[0];
//! assert_eq!(first.finding.code.as_str(), "cipher-string");
//! assert_eq!(first.finding.origin.as_ref().map(|it| it.to_string()).as_deref(), Some("haproxy.cfg:2"));
//! # Ok::<(), fullchain::Error>(())
//! ```
//!
//! It opens the files that the configuration names, and, where it is asked to be `live`, connects
//! to the bind lines' addresses and to the servers that it names.

mod backend;
mod chain;
mod change;
mod diagnosis;
mod edit;
mod fix;
mod front;
mod lines;
#[cfg(feature = "probe")]
mod live;
mod logs;
mod names;
mod protocol;
mod rules;
mod secrets;
mod spelling;
mod spoken;
mod stores;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
#[cfg(feature = "probe")]
use std::time::Duration;

use rustls_pki_types::UnixTime;

use crate::bundle::Bundler;
use crate::cert::Certificate;
use crate::explain::Cause;
use crate::finding::{Code, Severity};
use crate::haproxy::Version;
use crate::haproxy::config::{Config, File, Line, TlsSettings};
use crate::haproxy::fleet::{Checked, Fleet};
use crate::haproxy::load::Loader;
use crate::origin::Origin;
use crate::tls::Client;

use change::Change;
pub use diagnosis::{Cure, Diagnosis, Evidence};
pub use edit::Edit;
use edit::Texts;
pub use fix::Fix;
use front::Front;
use lines::NamedList;

/// OpenSSL's security level where none is set, as Debian has it.
pub const SECURITY_LEVEL: u8 = 2;

/// Examines configurations.
#[derive(Clone, Debug)]
pub struct Doctor {
    time: UnixTime,
    version: Version,
    level: u8,
    bundler: Option<Bundler>,
    served: Vec<Client>,
    #[cfg(feature = "probe")]
    live: Option<Duration>,
}

impl Doctor {
    /// One for the newest version of HAProxy, started at that time. It does not ask who trusts the
    /// chains, and connects to nobody.
    pub fn new(time: UnixTime) -> Self {
        Self {
            time,
            version: Version::NEWEST,
            level: SECURITY_LEVEL,
            bundler: None,
            served: Vec::new(),
            #[cfg(feature = "probe")]
            live: None,
        }
    }

    /// For that version of HAProxy.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// With an OpenSSL of that security level (0 to 5), where `@SECLEVEL` does not set another;
    /// [`SECURITY_LEVEL`] unless set.
    #[must_use]
    pub fn security_level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Says of each chain what the clients of this bundler's stores make of it, too.
    #[must_use]
    pub fn judge(mut self, bundler: Bundler) -> Self {
        self.bundler = Some(bundler);
        self
    }

    /// This client must be able to connect: that it cannot is an error, with a cure.
    #[must_use]
    pub fn serve(mut self, client: Client) -> Self {
        self.served.push(client);
        self
    }

    /// Connects to the bind lines' addresses, and to the first 1,000 servers behind HAProxy, up to 32
    /// at a time, with so much time for each question.
    #[cfg(feature = "probe")]
    #[must_use]
    pub fn live(mut self, timeout: Duration) -> Self {
        self.live = Some(timeout);
        self
    }

    /// Examines a configuration; the files are those that it was read from.
    pub fn examine(&self, config: &Config, files: &[File]) -> Examination {
        let crt_lists = lines::crt_lists(config);
        let texts = Texts::new(files, &crt_lists);
        let mut room = Room {
            doctor: self,
            config,
            crt_lists: &crt_lists,
            texts: &texts,
            diagnoses: Vec::new(),
            said: HashSet::new(),
            uncertain: &uncertain(config),
        };
        room.of_configuration();
        room.spelling();
        let fronts = Front::all(self, config);
        let checked = self.check(config, &fronts);
        let fronts: Vec<Front<'_>> = fronts
            .into_iter()
            .map(|front| front.with(&checked))
            .collect();
        room.chains(&fronts, &checked);
        for front in &fronts {
            room.listed(front);
            room.own_settings(front);
            // Certificates are loaded for nothing, else.
            if !front.bind.value.is_tls {
                continue;
            }
            room.protocol(front, &checked);
            room.names(front, &checked);
            #[cfg(feature = "probe")]
            room.served(front, &checked);
        }
        room.lines();
        room.secrets();
        room.sni_rules();
        room.servers();
        room.logs();
        let intermediates = intermediates(&checked);
        let mut diagnoses = room.diagnoses;
        for diagnosis in &mut diagnoses {
            if let Some(origin) = &mut diagnosis.finding.origin {
                *origin = texts.quote(origin);
            }
        }
        // The worst first, and otherwise as they came.
        diagnoses.sort_by_key(|it| std::cmp::Reverse(it.finding.severity));
        Examination {
            diagnoses,
            crt_lists: crt_lists.into_iter().map(|it| it.file).collect(),
            intermediates,
        }
    }

    fn loader(&self, config: &Config) -> Loader {
        let strips = config.global.load_extra_del_ext.as_ref();
        let loader = Loader::new(self.time)
            .version(self.version)
            .extra_del_ext(strips.is_some_and(|it| it.value));
        match &config.global.load_extra_files {
            Some(setting) => loader.extra_files(setting.value.iter().map(String::as_str)),
            None => loader,
        }
    }

    /// All certificate files, each once.
    fn check(&self, config: &Config, fronts: &[Front<'_>]) -> HashMap<Arc<Path>, Checked> {
        let mut fleet = Fleet::new(self.loader(config));
        if let Some(bundler) = &self.bundler {
            fleet = fleet.judge(bundler.clone());
        }
        let mut files: Vec<Arc<Path>> = Vec::new();
        for front in fronts {
            files.extend(front.line.files().iter().cloned());
        }
        files.sort();
        files.dedup();
        let checked = fleet.check(files);
        checked.map(|it| (Arc::clone(&it.file), it)).collect()
    }
}

/// What an examination came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
#[non_exhaustive]
pub struct Examination {
    /// All that was found, the worst first.
    pub diagnoses: Vec<Diagnosis>,
    /// The crt-lists that the configuration names, as they are.
    #[cfg_attr(feature = "serde", serde(skip))]
    crt_lists: Vec<File>,
    /// Those that the files have, with which others may be completed.
    #[cfg_attr(feature = "serde", serde(skip))]
    intermediates: Vec<Certificate>,
}

impl Examination {
    /// Those that are errors: HAProxy does not start, or handshakes fail.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnosis> {
        let diagnoses = self.diagnoses.iter();
        diagnoses.filter(|it| it.finding.severity == Severity::Error)
    }

    /// Whether HAProxy starts, as far as its configuration and its files concern TLS.
    pub fn starts(&self) -> bool {
        !self.diagnoses.iter().any(|it| it.stops)
    }

    /// Those with that code.
    pub fn with_code(&self, code: Code) -> impl Iterator<Item = &Diagnosis> {
        self.diagnoses
            .iter()
            .filter(move |it| it.finding.code == code)
    }
}

fn uncertain(config: &Config) -> HashSet<Origin> {
    let lines = config.sections.iter().flat_map(|section| &section.lines);
    let is_certain =
        |line: &&Line| line.is_certain && line.words.iter().all(|word| word.is_certain);
    lines
        .filter(|line| !is_certain(line))
        .map(Line::origin)
        .collect()
}

/// The most intermediates that are kept.
const MAX_INTERMEDIATES: usize = 4_096;

/// The CA certificates that the files have, each once.
fn intermediates(checked: &HashMap<Arc<Path>, Checked>) -> Vec<Certificate> {
    let mut seen = HashSet::new();
    let loaded = checked.values().filter_map(|it| it.loaded.as_ref().ok());
    let sent = loaded.flat_map(|loaded| loaded.sent.iter().filter_map(|it| it.certificate()));
    let mut intermediates: Vec<Certificate> = sent
        .filter(|it| it.is_ca() && seen.insert(it.der().clone()))
        .take(MAX_INTERMEDIATES)
        .cloned()
        .collect();
    // The files came in any order.
    intermediates.sort_by(|a, b| a.der().as_ref().cmp(b.der().as_ref()));
    intermediates
}

/// Where the examination is done.
struct Room<'a> {
    doctor: &'a Doctor,
    config: &'a Config,
    crt_lists: &'a [NamedList],
    texts: &'a Texts<'a>,
    diagnoses: Vec<Diagnosis>,
    /// The code, place and message of each.
    said: HashSet<String>,
    /// The lines that may not apply, or have a variable that is not known.
    uncertain: &'a HashSet<Origin>,
}

impl Room<'_> {
    fn push(&mut self, mut diagnosis: Diagnosis) {
        let origin = diagnosis.finding.origin.as_ref();
        if origin.is_some_and(|origin| self.uncertain.contains(origin)) {
            let severity = diagnosis.finding.severity.min(Severity::Warning);
            diagnosis = diagnosis.severity(severity);
            diagnosis.stops = false;
        }
        // What several lines inherit is said once.
        if self.said.insert(diagnosis.finding.to_string()) {
            self.diagnoses.push(diagnosis);
        }
    }

    /// What the reader said.
    fn of_configuration(&mut self) {
        for finding in self.config.report.findings() {
            let cause = match finding.code {
                Code::TlsVersions => Cause::Protocol,
                _ => Cause::Setup,
            };
            let diagnosis = Diagnosis::of(finding.clone(), cause).stops();
            let settings = match (finding.code, &finding.origin) {
                (Code::TlsVersions, Some(line)) => self.settings_of(line),
                _ => None,
            };
            let crossed = settings.and_then(|tls| self.crossed(tls));
            self.push(diagnosis.edit(crossed));
        }
    }

    /// The settings of the bind or server line at that place.
    fn settings_of(&self, line: &Origin) -> Option<&TlsSettings> {
        let binds = self.config.binds();
        let binds = binds.map(|(_, it)| (&it.origin, &it.value.tls));
        let servers = self.config.servers();
        let servers = servers.map(|(_, it)| (&it.origin, &it.value.tls));
        let mut lines = binds.chain(servers);
        Some(lines.find(|(origin, _)| *origin == line)?.1)
    }

    /// The cure of a line whose oldest version is newer than its newest.
    fn crossed(&self, tls: &TlsSettings) -> Option<Edit> {
        let (min, max) = tls.min.as_ref().zip(tls.max.as_ref())?;
        let change = Change::Unset("ssl-max-ver", 1);
        (min.value > max.value)
            .then(|| self.texts.edit(&max.origin, change))
            .flatten()
    }
}
