//! What bind lines, server lines and their defaults in `global` say about TLS.

use std::fmt;

use super::lines::Line;
use super::setting::{Setting, Weight};
use crate::finding::{Code, Finding, Severity};
use crate::haproxy::Version;
use crate::origin::Origin;

/// A version of TLS, as HAProxy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// SSL 3.0, which no OpenSSL of today speaks.
    Ssl3,
    /// TLS 1.0
    Tls10,
    /// TLS 1.1
    Tls11,
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}

impl TlsVersion {
    /// All, from the oldest.
    pub const ALL: [Self; 5] = [
        Self::Ssl3,
        Self::Tls10,
        Self::Tls11,
        Self::Tls12,
        Self::Tls13,
    ];

    /// The value of `ssl-min-ver`.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.to_string() == name)
    }

    /// The end of `no-tlsv12` and `force-tlsv12`.
    fn suffixed(suffix: &str) -> Option<Self> {
        let suffixes = ["sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13"];
        let index = suffixes.iter().position(|&it| it == suffix)?;
        Self::ALL.get(index).copied()
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1.0",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        })
    }
}

/// Who speaks TLS to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A bind line: clients to HAProxy.
    Bind,
    /// A server line: HAProxy to servers.
    Server,
}

/// The settings that bind lines, server lines and their defaults have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// `ssl-min-ver`, `force-tlsv12`
    pub min: Option<Setting<TlsVersion>>,
    /// `ssl-max-ver`, `force-tlsv12`
    pub max: Option<Setting<TlsVersion>>,
    /// `no-tlsv12`
    pub disabled: Vec<Setting<TlsVersion>>,
    /// `ciphers`: those up to TLS 1.2.
    pub ciphers: Option<Setting<String>>,
    /// `ciphersuites`: those of TLS 1.3.
    pub ciphersuites: Option<Setting<String>>,
    /// `curves`
    pub curves: Option<Setting<String>>,
    /// `ecdhe`
    pub ecdhe: Option<Setting<String>>,
    /// `sigalgs`
    pub sigalgs: Option<Setting<String>>,
    /// `client-sigalgs`
    pub client_sigalgs: Option<Setting<String>>,
    /// `alpn`
    pub alpn: Option<Setting<String>>,
    /// `no-tls-tickets`
    pub no_tickets: Option<Setting<bool>>,
    /// `prefer-client-ciphers`
    pub prefer_client_ciphers: Option<Setting<bool>>,
}

/// The versions that are really spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Versions {
    /// The oldest and the newest; `None` if there are none, and HAProxy does not start. What OpenSSL
    /// makes of its security level comes on top: TLS 1.0 and 1.1 want `@SECLEVEL=0`.
    pub range: Option<(TlsVersion, TlsVersion)>,
    /// The `no-` options that have no effect, because there is an oldest or a newest version, too.
    pub ignored: Vec<Setting<TlsVersion>>,
    /// A version that is switched off and spoken all the same, as older and newer ones are.
    pub hole: Option<TlsVersion>,
    /// There is a newest version, older than the oldest one that goes without saying, which is then
    /// the only one.
    pub is_ambiguous: bool,
}

impl Versions {
    /// Whether this version is spoken.
    pub fn has(&self, version: TlsVersion) -> bool {
        self.range
            .is_some_and(|(min, max)| (min..=max).contains(&version))
    }
}

/// Why HAProxy refuses an option.
pub(super) struct BadOption(pub(super) String);

impl TlsSettings {
    /// Takes an option with its value, which is empty if there is none; whether it is one of these.
    pub(super) fn option(
        &mut self,
        option: &str,
        value: &str,
        line: &Line,
    ) -> Result<bool, BadOption> {
        if let Some(version) = option.strip_prefix("no-").and_then(TlsVersion::suffixed) {
            // Once is enough: all that bind lines inherit should be short.
            if self.disabled.iter().all(|it| it.value != version) {
                self.disabled.push(Setting::new(version, line));
            }
            return Ok(true);
        }
        if let Some(version) = option.strip_prefix("force-").and_then(TlsVersion::suffixed) {
            self.min = Some(Setting::new(version, line));
            self.max = self.min.clone();
            return Ok(true);
        }
        let slot = match option {
            "ssl-min-ver" | "ssl-max-ver" => {
                let version = TlsVersion::named(value).ok_or_else(|| {
                    BadOption(format!("{option} has the unknown version \"{value}\""))
                })?;
                let slot = match option {
                    "ssl-min-ver" => &mut self.min,
                    _ => &mut self.max,
                };
                *slot = Some(Setting::new(version, line));
                return Ok(true);
            }
            "no-tls-tickets" | "tls-tickets" => {
                self.no_tickets = Some(Setting::new(option == "no-tls-tickets", line));
                return Ok(true);
            }
            "prefer-client-ciphers" => {
                self.prefer_client_ciphers = Some(Setting::new(true, line));
                return Ok(true);
            }
            "ciphers" => &mut self.ciphers,
            "ciphersuites" => &mut self.ciphersuites,
            "curves" => &mut self.curves,
            "ecdhe" => &mut self.ecdhe,
            "sigalgs" => &mut self.sigalgs,
            "client-sigalgs" => &mut self.client_sigalgs,
            "alpn" => &mut self.alpn,
            _ => return Ok(false),
        };
        if value.is_empty() {
            return Err(BadOption(format!("{option} has no value")));
        }
        *slot = Some(Setting::new(value.to_owned(), line));
        Ok(true)
    }

    /// What the word `ssl` does: takes from `global`, as it is at this line, what is not set yet.
    pub(super) fn inherit(&mut self, defaults: &Self) {
        fn fill<T: Clone>(slot: &mut Option<T>, default: &Option<T>) {
            if slot.is_none() {
                slot.clone_from(default);
            }
        }
        fill(&mut self.min, &defaults.min);
        fill(&mut self.max, &defaults.max);
        fill(&mut self.ciphers, &defaults.ciphers);
        fill(&mut self.ciphersuites, &defaults.ciphersuites);
        fill(&mut self.curves, &defaults.curves);
        fill(&mut self.sigalgs, &defaults.sigalgs);
        fill(&mut self.client_sigalgs, &defaults.client_sigalgs);
        fill(&mut self.no_tickets, &defaults.no_tickets);
        fill(
            &mut self.prefer_client_ciphers,
            &defaults.prefer_client_ciphers,
        );
        for disabled in &defaults.disabled {
            if self.disabled.iter().all(|it| it.value != disabled.value) {
                self.disabled.push(disabled.clone());
            }
        }
    }

    /// The versions that are spoken, as HAProxy reckons them.
    pub fn versions(&self, side: Side, version: Version) -> Versions {
        let (mut min, max) = (
            Setting::value_of(self.min.as_ref()).copied(),
            Setting::value_of(self.max.as_ref()).copied(),
        );
        let is_bounded = min.is_some() || max.is_some();
        let mut is_ambiguous = false;
        if side == Side::Bind && min.is_none() {
            let default = match version >= Version::V2_2 {
                true => TlsVersion::Tls12,
                false => TlsVersion::Tls10,
            };
            is_ambiguous = max.is_some_and(|max| max < default);
            min = if is_ambiguous { max } else { Some(default) };
        }
        let is_off = |version: TlsVersion| {
            let by_option = self.disabled.iter().any(|it| it.value == version);
            version == TlsVersion::Ssl3
                || min.is_some_and(|min| version < min)
                || max.is_some_and(|max| version > max)
                || !is_bounded && by_option
        };
        let spoken: Vec<_> = TlsVersion::ALL
            .into_iter()
            .filter(|&it| !is_off(it))
            .collect();
        let range = spoken.first().copied().zip(spoken.last().copied());
        let hole = range.and_then(|(min, max)| {
            let mut newest = TlsVersion::ALL.into_iter().rev();
            newest.find(|it| (min..=max).contains(it) && is_off(*it))
        });
        Versions {
            range,
            ignored: match is_bounded {
                true => self.disabled.clone(),
                false => Vec::new(),
            },
            hole,
            is_ambiguous,
        }
    }

    /// What HAProxy says of the versions as it starts.
    pub(super) fn findings(&self, side: Side, version: Version, line: &Origin) -> Vec<Finding> {
        let versions = self.versions(side, version);
        let new = |message: String| Finding::new(Code::TlsVersions, message).at(line);
        let mut findings = Vec::new();
        if !versions.ignored.is_empty() {
            let names = versions.ignored.iter().map(|it| it.value.to_string());
            let names = names.collect::<Vec<_>>().join(", ");
            findings.push(new(format!(
                "the options that switch off {names} have no effect, as ssl-min-ver or ssl-max-ver is set"
            )));
        }
        if let Some(hole) = versions.hole {
            findings.push(new(format!(
                "{hole} is switched off and spoken all the same, as older and newer ones are"
            )));
        }
        if let (true, Some((version, _))) = (versions.is_ambiguous, versions.range) {
            findings.push(new(format!(
                "ssl-max-ver is {version} and ssl-min-ver is not set: no other version is spoken"
            )));
        }
        if versions.range.is_none() {
            let message = "no version of TLS is left, so that HAProxy does not start";
            let finding = new(message.to_owned());
            findings.push(finding.with_severity(Severity::Error));
        }
        findings
    }
}

impl Weight for TlsSettings {
    fn weight(&self) -> usize {
        let texts = [
            &self.ciphers,
            &self.ciphersuites,
            &self.curves,
            &self.ecdhe,
            &self.sigalgs,
            &self.client_sigalgs,
            &self.alpn,
        ];
        texts.into_iter().map(Weight::weight).sum()
    }
}
