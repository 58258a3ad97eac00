//! What a line's settings come to: versions, suites, groups and signatures; and what OpenSSL or
//! HAProxy refuse of them.

use super::change::Change;
use super::front::title;
use super::{Diagnosis, Room};
use crate::explain::Cause;
use crate::finding::{Code, Severity};
use crate::haproxy::Version as Haproxy;
use crate::haproxy::config::{
    Bind, CertificateSource, Proxy, Server, Setting, Side, TlsSettings, TlsVersion,
};
use crate::origin::Origin;
#[cfg(feature = "probe")]
use crate::probe::Hello;
use crate::tls::{
    Authentication, CipherFault, CipherSuite, Ciphers, Group, KeyExchange, Offer, SignatureScheme,
    Version, ciphersuites, groups, signature_schemes,
};

/// Mozilla's intermediate list (Server Side TLS 5.7).
pub(super) const INTERMEDIATE: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";

/// TLS 1.3's suites that OpenSSL has on unless told otherwise.
const TLS13: [u16; 3] = [0x1302, 0x1303, 0x1301];

/// OpenSSL 3's groups where none are set.
const GROUPS: [Group; 10] = [
    Group(0x001d),
    Group(0x0017),
    Group(0x001e),
    Group(0x0019),
    Group(0x0018),
    Group(0x0100),
    Group(0x0101),
    Group(0x0102),
    Group(0x0103),
    Group(0x0104),
];

/// The options that later versions of HAProxy brought.
const SINCE: [(&str, Haproxy); 4] = [
    ("sigalgs", Haproxy::of(2, 8)),
    ("client-sigalgs", Haproxy::of(2, 8)),
    ("ciphersuites", Haproxy::of(1, 9)),
    ("curves", Haproxy::of(1, 8)),
];

/// What the settings of a line come to.
pub(super) struct Spoken {
    pub(super) versions: Vec<Version>,
    /// Up to TLS 1.2.
    pub(super) suites: Vec<&'static CipherSuite>,
    pub(super) suites13: Vec<&'static CipherSuite>,
    pub(super) groups: Vec<Group>,
    pub(super) schemes: Option<Vec<SignatureScheme>>,
    pub(super) level: u8,
}

impl Spoken {
    /// The ClientHello that a server gets of it in that version.
    #[cfg(feature = "probe")]
    pub(super) fn hello(&self, version: Version) -> Hello {
        let suites = self.suites13.iter().chain(&self.suites);
        let suites = suites.filter(|suite| suite.is_of(version));
        Hello {
            suites: suites.map(|suite| **suite).collect(),
            groups: self.groups.clone(),
            ..Hello::of(version)
        }
    }

    /// The same where there are no DH parameters: since 2.6 HAProxy has none of its own.
    pub(super) fn without_dhe(mut self) -> Self {
        self.suites
            .retain(|suite| suite.key_exchange != KeyExchange::Dhe);
        self
    }

    pub(super) fn offer(&self, keys: Vec<Authentication>) -> Offer {
        let suites = self.suites13.iter().chain(&self.suites);
        Offer {
            versions: self.versions.clone(),
            suites: suites.copied().collect(),
            groups: self.groups.clone(),
            schemes: self.schemes.clone(),
            keys,
            level: self.level,
        }
    }
}

/// The versions of a range, as the handshake names them.
fn between((min, max): (TlsVersion, TlsVersion)) -> Vec<Version> {
    let all = [
        (TlsVersion::Tls10, Version::Tls10),
        (TlsVersion::Tls11, Version::Tls11),
        (TlsVersion::Tls12, Version::Tls12),
        (TlsVersion::Tls13, Version::Tls13),
    ];
    let spoken = all.into_iter().filter(|(it, _)| (min..=max).contains(it));
    spoken.map(|(_, version)| version).collect()
}

impl Room<'_> {
    /// What a bind or server line speaks; `None` where HAProxy does not start because of it.
    pub(super) fn spoken(
        &mut self,
        tls: &TlsSettings,
        side: Side,
        line: &Origin,
        who: &str,
    ) -> Option<Spoken> {
        let range = tls.versions(side, self.doctor.version).range;
        let ciphers = self.ciphers(tls, who);
        let suites13 = self.suites13(tls, who);
        let groups = self.groups(tls);
        let schemes = self.schemes(tls);
        let (versions, ciphers) = (between(range?), ciphers?);
        let level = ciphers.level.unwrap_or(self.doctor.level);
        let spoken = Spoken {
            versions,
            suites: ciphers.suites,
            suites13: suites13?,
            groups: groups?,
            schemes: schemes?,
            level,
        };
        self.blocked(tls, &spoken, line, who);
        Some(spoken)
    }

    fn ciphers(&mut self, tls: &TlsSettings, who: &str) -> Option<Ciphers> {
        let Some(setting) = &tls.ciphers else {
            return Some(Ciphers::default_list());
        };
        let parsed = Ciphers::parse(&setting.value);
        let unknown = match &parsed {
            Ok(ciphers) => ciphers.unknown.clone(),
            Err(CipherFault::Nothing(unknown)) => unknown.clone(),
            Err(_) => Vec::new(),
        };
        let (late, unknown): (Vec<_>, Vec<_>) = unknown.into_iter().partition(|word| is_13(word));
        if let Err(fault) = &parsed {
            let what = match (late.is_empty(), fault) {
                (false, CipherFault::Nothing(_)) => {
                    "it has suites of TLS 1.3 only, which belong into ciphersuites".to_owned()
                }
                _ => fault.to_string(),
            };
            let message = format!(
                "HAProxy does not start: ciphers \"{}\": {what}",
                setting.value
            );
            self.list_refused(
                Code::CipherString,
                setting,
                &message,
                "ciphers",
                INTERMEDIATE,
            );
            return None;
        }
        let taken_out = |words: &[String]| Change::List {
            option: "ciphers",
            out: words.to_vec(),
            more: Vec::new(),
        };
        if !late.is_empty() {
            let names = late.join(", ");
            let message = format!("{names} in ciphers has no effect: it is of TLS 1.3");
            let mut edits = vec![self.texts.edit(&setting.origin, taken_out(&late))];
            if tls.ciphersuites.is_none() {
                let change = Change::Set("ciphersuites", late.join(":"));
                edits.push(self.texts.edit(&setting.origin, change));
            }
            let diagnosis = self.on(setting, Code::Tls13InCiphers, message);
            self.push(diagnosis.edit(edits.into_iter().flatten()));
        }
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            let message = format!("OpenSSL does not know {names}, and passes over it");
            let edit = self.texts.edit(&setting.origin, taken_out(&unknown));
            let diagnosis = self.on(setting, Code::UnknownCipher, message);
            self.push(diagnosis.affects(who).edit(edit));
        }
        let ciphers = parsed.ok()?;
        let is_open = |suite: &&&CipherSuite| {
            suite.authentication == Authentication::Anonymous || suite.name.contains("_WITH_NULL_")
        };
        let open: Vec<_> = ciphers.suites.iter().filter(is_open).collect();
        if let Some(first) = open.first() {
            let message = format!(
                "{} suites such as {} encrypt nothing or prove nobody's identity",
                open.len(),
                first.openssl
            );
            let safe = ["!aNULL", "!eNULL"].map(str::to_owned).to_vec();
            let edit = self.texts.edit(&setting.origin, more("ciphers", safe));
            let diagnosis = self.on(setting, Code::WeakCipher, message);
            self.push(diagnosis.affects(who).edit(edit));
        }
        Some(ciphers)
    }

    fn suites13(&mut self, tls: &TlsSettings, who: &str) -> Option<Vec<&'static CipherSuite>> {
        let Some(setting) = &tls.ciphersuites else {
            return Some(TLS13.into_iter().filter_map(CipherSuite::of).collect());
        };
        match ciphersuites(&setting.value) {
            Ok(ciphers) => {
                if !ciphers.unknown.is_empty() {
                    let names = ciphers.unknown.join(", ");
                    let message =
                        format!("OpenSSL knows no suite {names} of TLS 1.3, and passes over it");
                    let names: Vec<_> = ciphers.suites.iter().map(|it| it.openssl).collect();
                    let change = Change::Set("ciphersuites", names.join(":"));
                    let edit = self.texts.edit(&setting.origin, change);
                    let diagnosis = self.on(setting, Code::UnknownCipher, message);
                    self.push(diagnosis.affects(who).edit(edit));
                }
                Some(ciphers.suites)
            }
            Err(fault) => {
                let message = format!(
                    "HAProxy does not start: ciphersuites \"{}\": {fault} of TLS 1.3",
                    setting.value
                );
                let all = TLS13.into_iter().filter_map(CipherSuite::of);
                let all: Vec<_> = all.map(|suite| suite.openssl).collect();
                let all = all.join(":");
                self.list_refused(Code::CipherString, setting, &message, "ciphersuites", &all);
                None
            }
        }
    }

    fn groups(&mut self, tls: &TlsSettings) -> Option<Vec<Group>> {
        let settings = [("curves", &tls.curves), ("ecdhe", &tls.ecdhe)];
        let set = settings
            .into_iter()
            .find_map(|(name, it)| Some((name, it.as_ref()?)));
        let Some((option, setting)) = set else {
            return Some(GROUPS.to_vec());
        };
        match groups(&setting.value) {
            // The syntax of OpenSSL 3.3 and later.
            _ if setting.value.contains(['?', '*', '/']) => Some(GROUPS.to_vec()),
            Ok(groups) => Some(groups),
            Err(word) => {
                let message = format!("HAProxy does not start: {option}: {word}");
                let list = "X25519:P-256:P-384";
                self.list_refused(Code::TlsList, setting, &message, option, list);
                None
            }
        }
    }

    fn schemes(&mut self, tls: &TlsSettings) -> Option<Option<Vec<SignatureScheme>>> {
        let lists = [
            ("sigalgs", &tls.sigalgs),
            ("client-sigalgs", &tls.client_sigalgs),
        ];
        let mut schemes = Some(None);
        for (option, list) in lists {
            let Some(setting) = list else { continue };
            match signature_schemes(&setting.value) {
                Ok(list) if option == "sigalgs" => schemes = schemes.map(|_| Some(list)),
                Ok(_) => {}
                Err(word) => {
                    let message = format!("HAProxy does not start: {option}: {word}");
                    let edit = self.texts.edit(&setting.origin, Change::Unset(option, 1));
                    let diagnosis = self.on(setting, Code::TlsList, message);
                    self.push(diagnosis.stops().edit(edit));
                    schemes = None;
                }
            }
        }
        schemes
    }

    /// Options that this version does not have yet.
    pub(super) fn newer_options(&mut self, tls: &TlsSettings) {
        let lists = [
            &tls.sigalgs,
            &tls.client_sigalgs,
            &tls.ciphersuites,
            &tls.curves,
        ];
        for ((option, since), setting) in SINCE.into_iter().zip(lists) {
            let Some(setting) = setting.as_ref().filter(|_| self.doctor.version < since) else {
                continue;
            };
            let message = format!(
                "HAProxy {} does not know {option}, which came with {since}",
                self.doctor.version
            );
            let edit = self.texts.edit(&setting.origin, Change::Unset(option, 1));
            let diagnosis = self.on(setting, Code::NewerOption, message);
            self.push(diagnosis.stops().edit(edit));
        }
    }

    /// `default-crt`, where this version does not have it yet.
    pub(super) fn default_certificates(&mut self, bind: &Setting<Bind>) {
        if self.doctor.version.has_default_list() {
            return;
        }
        let is_default =
            |it: &&Setting<CertificateSource>| matches!(it.value, CertificateSource::DefaultCrt(_));
        let mut sources = bind.value.certificates.iter();
        if let Some(setting) = sources.find(is_default) {
            let message = format!(
                "HAProxy {} does not know default-crt, which came with 3.0",
                self.doctor.version
            );
            let change = Change::Word("default-crt".to_owned(), "crt".to_owned());
            let edit = self.texts.edit(&setting.origin, change);
            let diagnosis = self.on(setting, Code::NewerOption, message);
            let help = "`crt`: the first on the bind line is the default one.";
            self.push(diagnosis.help(help).stops().edit(edit));
        }
    }

    fn list_refused(
        &mut self,
        code: Code,
        setting: &Setting<String>,
        message: &str,
        option: &'static str,
        better: &str,
    ) {
        let change = Change::Set(option, better.to_owned());
        let edit = self.texts.edit(&setting.origin, change);
        let diagnosis = self.on(setting, code, message);
        self.push(diagnosis.stops().edit(edit));
    }

    fn on<T>(&self, setting: &Setting<T>, code: Code, message: impl AsRef<str>) -> Diagnosis {
        Diagnosis::new(code, Cause::Protocol, Some(&setting.origin), message)
    }

    /// Versions that the security level forbids.
    fn blocked(&mut self, tls: &TlsSettings, spoken: &Spoken, line: &Origin, who: &str) {
        let old: Vec<_> = spoken
            .versions
            .iter()
            .filter(|it| **it < Version::Tls12)
            .collect();
        let Some(oldest) = old.first() else { return };
        // Servers are spoken to in all versions unless something else is said.
        if tls.min.is_none() && tls.max.is_none() && tls.disabled.is_empty() {
            return;
        }
        let setting = tls.min.as_ref().or(tls.max.as_ref());
        let origin = setting.map_or(line, |setting| &setting.origin);
        if spoken.level == 0 {
            let message = format!("{who} speaks {oldest}");
            let edit = self.set_min(tls, line, Version::Tls12);
            let diagnosis =
                Diagnosis::new(Code::LegacyVersion, Cause::Protocol, Some(origin), message);
            self.push(
                diagnosis
                    .affects("whoever is deceived by an attack on it")
                    .edit(edit),
            );
            return;
        }
        let is_all = old.len() == spoken.versions.len();
        let message = match is_all {
            true => format!(
                "{who} is to speak nothing newer than {}, which OpenSSL's security level {} forbids: no client can connect",
                old.last().unwrap_or(oldest),
                spoken.level
            ),
            false => format!(
                "{who} is to speak {oldest}, which OpenSSL's security level {} forbids",
                spoken.level
            ),
        };
        let mut edits = Vec::new();
        if let Some(max) = tls.max.as_ref().filter(|_| is_all) {
            let change = Change::Unset("ssl-max-ver", 1);
            edits.extend(self.texts.edit(&max.origin, change));
        }
        if tls.min.is_some() {
            edits.extend(self.set_min(tls, line, Version::Tls12));
        }
        for (version, option) in [
            (TlsVersion::Tls12, "no-tlsv12"),
            (TlsVersion::Tls13, "no-tlsv13"),
        ] {
            let mut disabled = tls.disabled.iter();
            let disabled = disabled.find(|it| it.value == version && is_all);
            let edit = disabled.map(|it| self.texts.edit(&it.origin, Change::Unset(option, 0)));
            edits.extend(edit.flatten());
        }
        let severity = match is_all {
            true => Severity::Error,
            false => Severity::Note,
        };
        let diagnosis =
            Diagnosis::new(Code::VersionBlocked, Cause::Protocol, Some(origin), message);
        let affected = match is_all {
            true => "everybody",
            false => "clients that speak nothing newer",
        };
        self.push(diagnosis.severity(severity).affects(affected).edit(edits));
    }

    /// Sets the oldest version, where it is set now.
    pub(super) fn set_min(
        &self,
        tls: &TlsSettings,
        line: &Origin,
        min: Version,
    ) -> Option<super::Edit> {
        let origin = tls.min.as_ref().map_or(line, |min| &min.origin);
        let word = format!("TLSv{}", min.to_string().trim_start_matches("TLS "));
        let mut forced = [
            "force-tlsv10",
            "force-tlsv11",
            "force-tlsv12",
            "force-tlsv13",
        ]
        .into_iter();
        let forced = forced.find_map(|force| {
            let change = Change::Word(force.to_owned(), format!("ssl-min-ver {word}"));
            self.texts.edit(origin, change)
        });
        // What switches it off goes, as it would still read so.
        let mut disabled = tls.disabled.iter().filter(|_| tls.min.is_none());
        let off = disabled.find(|it| it.value.to_string() == word);
        let option = match min {
            Version::Tls10 => "no-tlsv10",
            Version::Tls11 => "no-tlsv11",
            Version::Tls12 => "no-tlsv12",
            Version::Tls13 => "no-tlsv13",
        };
        let off = off.and_then(|it| self.texts.edit(&it.origin, Change::Unset(option, 0)));
        let forced = forced.or(off);
        forced.or_else(|| self.texts.edit(origin, Change::Set("ssl-min-ver", word)))
    }

    /// The lists of a server's line.
    pub(super) fn server_protocol(
        &mut self,
        proxy: &Proxy,
        server: &Setting<Server>,
    ) -> Option<Spoken> {
        let who = format!("server {} of {}", server.value.name, title(proxy));
        let tls = &server.value.tls;
        self.spoken(tls, Side::Server, &server.origin, &who)
    }
}

/// A ClientHello with all suites of that version, of which Mozilla's come first.
#[cfg(feature = "probe")]
pub(super) fn any_hello(version: Version) -> Hello {
    let mut hello = Hello::of(version);
    let recommended = Ciphers::parse(INTERMEDIATE).map(|it| it.suites);
    let recommended = recommended.unwrap_or_default();
    hello
        .suites
        .sort_by_key(|suite| !recommended.contains(&suite));
    hello
}

/// Words more for a list.
pub(super) fn more(option: &'static str, more: Vec<String>) -> Change {
    Change::List {
        option,
        out: Vec::new(),
        more,
    }
}

fn is_13(word: &str) -> bool {
    let mut suites = CipherSuite::ALL.iter();
    suites.any(|suite| suite.since == Version::Tls13 && suite.openssl == word)
}
