//! Whether certificates and clients go with what a bind line speaks.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use memchr::memmem;

use super::change::Change;
use super::front::Front;
use super::spoken::{INTERMEDIATE, Spoken, more};
use super::{Diagnosis, Edit, Room};
use crate::cert::Certificate;
use crate::explain::Cause;
use crate::finding::{Code, Severity};
use crate::haproxy::Version as Haproxy;
use crate::haproxy::config::{Side, TlsSettings};
use crate::haproxy::fleet::Checked;
use crate::haproxy::sni::KeyType;
use crate::key::{KeyAlgorithm, public_key};
use crate::origin::Origin;
use crate::read::Limits;
use crate::read::files::content;
use crate::tls::{Authentication, CipherSuite, Ciphers, Client, Missed, Offer, Version};

/// The most files that are searched for Diffie-Hellman parameters.
const MAX_SEARCHED: usize = 256;

impl Room<'_> {
    /// What a bind line speaks, and who cannot connect to it.
    pub(super) fn protocol(&mut self, front: &Front<'_>, checked: &HashMap<Arc<Path>, Checked>) {
        let (tls, line) = (&front.bind.value.tls, &front.bind.origin);
        let who = front.title();
        let Some(mut spoken) = self.spoken(tls, Side::Bind, line, &who) else {
            return;
        };
        if !self.has_dh_parameters(front) {
            spoken = spoken.without_dhe();
        }
        self.below_level(front, spoken.level, checked);
        let keys = authentications(&front.line.key_types());
        if keys.is_empty() {
            return;
        }
        let dead = self.dead_keys(front, &spoken, &keys, &who);
        self.shut_out(front, &spoken.offer(keys.clone()), &who, dead);
        self.guideline(front, &spoken, &keys, &who);
    }

    /// Keys that are weaker than the level that the cipher string sets; those below the usual one are
    /// not loaded at all.
    fn below_level(&mut self, front: &Front<'_>, level: u8, checked: &HashMap<Arc<Path>, Checked>) {
        let Some(setting) = front.bind.value.tls.ciphers.as_ref().filter(|_| level > 2) else {
            return;
        };
        let files = front.line.files().iter();
        let loaded = files.filter_map(|file| checked.get(file)?.loaded.as_ref().ok());
        let weak = loaded.flat_map(|loaded| {
            let sent = loaded.sent.iter().filter_map(|sent| sent.certificate());
            let weak = sent.filter(|certificate| is_below(certificate, level));
            weak.map(|certificate| (loaded.file.as_str(), certificate))
        });
        // One is enough to see what is to be changed.
        let Some((file, certificate)) = weak.into_iter().next() else {
            return;
        };
        let message = format!(
            "@SECLEVEL={level} does not let {} sign, whose key is in {file}: no client can connect",
            certificate.subject_text()
        );
        let value = setting
            .value
            .replace(&format!("@SECLEVEL={level}"), "@SECLEVEL=2");
        let edit = self
            .texts
            .edit(&setting.origin, Change::Set("ciphers", value));
        let (code, cause) = (Code::KeyBelowLevel, Cause::Protocol);
        let diagnosis = Diagnosis::new(code, cause, Some(&setting.origin), message);
        let diagnosis = diagnosis.evidence(Some(certificate.origin()), "the certificate");
        self.push(
            diagnosis
                .affects(format!("clients that get {file}"))
                .edit(edit),
        );
    }

    /// Whether there are Diffie-Hellman parameters: HAProxy's own, up to 2.5, or given ones.
    pub(super) fn has_dh_parameters(&self, front: &Front<'_>) -> bool {
        let global = &self.config.global;
        let files = front.line.files();
        let look = || {
            self.doctor.version < Haproxy::of(2, 6)
                || global.default_dh_param.is_some()
                || global.dh_param_file.is_some()
                // Where there are so many, it is taken for granted.
                || files.len() > MAX_SEARCHED
                || files.iter().any(|file| {
                    content(file, Limits::default().max_bytes)
                        .is_ok_and(|content| memmem::find(&content, b"DH PARAMETERS-----").is_some())
                })
        };
        *front.has_dh.get_or_init(look)
    }

    /// Keys for which no suite is left, in versions up to TLS 1.2. Whether there are such.
    fn dead_keys(
        &mut self,
        front: &Front<'_>,
        spoken: &Spoken,
        keys: &[Authentication],
        who: &str,
    ) -> bool {
        let tls = &front.bind.value.tls;
        let old = spoken.versions.iter().filter(|it| **it < Version::Tls13);
        let old: Vec<Version> = old.copied().collect();
        let dead = keys.iter().copied().filter(|key| !alive(spoken, *key));
        let dead: Vec<_> = dead.collect();
        let Some(first) = dead.first() else {
            return false;
        };
        let table = front.line.table();
        let is_alone = |key: Authentication| {
            let rows = table.rows();
            let mut rows = rows.iter();
            rows.any(|row| match key {
                Authentication::Ecdsa => row.ecdsa.is_some() && row.rsa.is_none(),
                _ => row.rsa.is_some() && row.ecdsa.is_none(),
            })
        };
        let is_all = dead.len() == keys.len();
        let is_error = is_all || dead.iter().any(|key| is_alone(*key));
        let key = match first {
            Authentication::Ecdsa => "ECDSA",
            _ => "RSA",
        };
        let versions: Vec<String> = old.iter().map(ToString::to_string).collect();
        let message = format!(
            "no cipher suite of {who} goes with its {key} certificate in {}",
            versions.join(", ")
        );
        let setting = tls.ciphers.as_ref();
        let origin = setting.map_or(&front.bind.origin, |it| &it.origin);
        let edit = self.suites_for(tls, *first, spoken);
        let diagnosis =
            Diagnosis::new(Code::NoUsableCipher, Cause::Protocol, Some(origin), message)
                .affects(match spoken.versions.contains(&Version::Tls13) {
                    true => "clients without TLS 1.3",
                    false => "everybody",
                })
                .edit(edit);
        self.push(match is_error {
            true => diagnosis,
            false => diagnosis.severity(Severity::Warning),
        });
        true
    }

    /// Suites that go with a key, for a cipher string that has none.
    pub(super) fn suites_for(
        &self,
        tls: &TlsSettings,
        key: Authentication,
        spoken: &Spoken,
    ) -> Option<Edit> {
        let setting = tls.ciphers.as_ref()?;
        // Suites of TLS 1.2 alone are of no use to older versions.
        let suites = match (spoken.versions.contains(&Version::Tls12), key) {
            (false, _) => "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA",
            (true, Authentication::Ecdsa) => {
                "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
            }
            (true, _) => "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384",
        };
        // What is struck out by `!` cannot be added any more.
        let change = match setting.value.contains('!') {
            true => Change::Set("ciphers", INTERMEDIATE.to_owned()),
            false => more("ciphers", vec![suites.to_owned()]),
        };
        self.texts.edit(&setting.origin, change)
    }

    fn shut_out(&mut self, front: &Front<'_>, offer: &Offer, who: &str, is_dead: bool) {
        let mut others: Vec<(&Client, Missed)> = Vec::new();
        for client in Client::ALL {
            let Err(missed) = offer.meet(client) else {
                continue;
            };
            if self.doctor.served.contains(client) {
                self.unserved(front, offer, client, missed, who);
            } else {
                others.push((client, missed));
            }
        }
        let (current, old): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|(client, _)| client.is_current);
        for (clients, severity) in [(current, Severity::Error), (old, Severity::Note)] {
            let Some((_, missed)) = clients.first() else {
                continue;
            };
            if severity == Severity::Error && is_dead {
                continue;
            }
            let names: Vec<_> = clients.iter().map(|(client, _)| client.title).collect();
            let message = format!("{who} shuts out {}", names.join(", "));
            let origin = blamed(front, *missed);
            let mut diagnosis =
                Diagnosis::new(Code::ClientShutOut, Cause::Protocol, Some(origin), message)
                    .severity(severity)
                    .affects(names.join(", "));
            for (client, missed) in &clients {
                diagnosis = diagnosis.evidence(None, format!("{}: {missed}", client.title));
            }
            if severity == Severity::Error {
                let edits = self.opened(front, offer, clients.first().map(|(client, _)| *client));
                diagnosis = diagnosis.edit(edits);
            } else {
                diagnosis = diagnosis
                    .help("`--serve NAME` says what must change for a client that matters.");
            }
            self.push(diagnosis);
        }
    }

    fn unserved(
        &mut self,
        front: &Front<'_>,
        offer: &Offer,
        client: &Client,
        missed: Missed,
        who: &str,
    ) {
        let message = format!("{} cannot connect to {who}: {missed}", client.title);
        let edits = self.opened(front, offer, Some(client));
        let origin = blamed(front, missed);
        let diagnosis = Diagnosis::new(Code::ClientShutOut, Cause::Protocol, Some(origin), message);
        let diagnosis = diagnosis.severity(Severity::Error).affects(client.title);
        self.push(diagnosis.edit(edits));
    }

    /// The edits with which a client can connect.
    fn opened(&self, front: &Front<'_>, offer: &Offer, client: Option<&Client>) -> Vec<Edit> {
        let Some(client) = client else {
            return Vec::new();
        };
        let tls = &front.bind.value.tls;
        let line = &front.bind.origin;
        let at = |setting: Option<&Origin>| setting.unwrap_or(line).clone();
        let newest = client
            .versions
            .iter()
            .max()
            .copied()
            .unwrap_or(Version::Tls12);
        let mut edits = Vec::new();
        if offer.versions.iter().min().is_some_and(|min| *min > newest) {
            edits.extend(self.set_min(tls, line, newest));
        }
        let oldest = client.versions.iter().min().copied().unwrap_or(newest);
        if offer.versions.iter().max().is_some_and(|max| *max < oldest) {
            let max = at(tls.max.as_ref().map(|it| &it.origin));
            let word = format!("TLSv{}", newest.to_string().trim_start_matches("TLS "));
            edits.extend(self.texts.edit(&max, Change::Set("ssl-max-ver", word)));
        }
        let ciphers = at(tls.ciphers.as_ref().map(|it| &it.origin));
        let mut wanted: Vec<String> = Vec::new();
        let is_met = offer.suites.iter().any(|suite| {
            client.suites.contains(&suite.id) && suite.is_of(newest.min(Version::Tls12))
        });
        if newest < Version::Tls13 && !is_met {
            let known = client.suites.iter().filter_map(|id| CipherSuite::of(*id));
            let mut fitting = known.filter(|suite| {
                suite.is_of(newest)
                    && offer.keys.contains(&suite.authentication)
                    && Ciphers::parse(suite.openssl).is_ok()
            });
            wanted.extend(fitting.next().map(|suite| suite.openssl.to_owned()));
        }
        if newest < Version::Tls12 && offer.level > 0 {
            wanted.push("@SECLEVEL=0".to_owned());
        }
        if !wanted.is_empty() {
            edits.extend(self.texts.edit(&ciphers, more("ciphers", wanted)));
        }
        if let Some(curves) = &tls.curves
            && !offer
                .groups
                .iter()
                .any(|group| client.groups.contains(group))
        {
            let change = more("curves", vec!["P-256".to_owned()]);
            edits.extend(self.texts.edit(&curves.origin, change));
        }
        if let Some(schemes) = &tls.sigalgs {
            edits.extend(
                self.texts
                    .edit(&schemes.origin, Change::Unset("sigalgs", 1)),
            );
        }
        edits
    }

    /// Where the settings stand by Mozilla's levels.
    fn guideline(
        &mut self,
        front: &Front<'_>,
        spoken: &Spoken,
        keys: &[Authentication],
        who: &str,
    ) {
        let Ok(intermediate) = Ciphers::parse(INTERMEDIATE) else {
            return;
        };
        let is_modern = spoken.versions == [Version::Tls13];
        let has_old = spoken.level == 0 && spoken.versions.iter().any(|it| *it < Version::Tls12);
        if is_modern || has_old || !spoken.versions.contains(&Version::Tls12) {
            return;
        }
        let fits = |suite: &&CipherSuite| keys.contains(&suite.authentication);
        let surplus: Vec<_> = spoken
            .suites
            .iter()
            .copied()
            .filter(|suite| fits(suite) && !intermediate.suites.contains(suite))
            .collect();
        let (origin, missing13) = (
            front.bind.value.tls.ciphers.as_ref().map(|it| &it.origin),
            !spoken.versions.contains(&Version::Tls13),
        );
        let origin = origin.unwrap_or(&front.bind.origin);
        let mut parts = Vec::new();
        if missing13 {
            parts.push("TLS 1.3 is not spoken".to_owned());
        }
        if let Some(first) = surplus.first() {
            parts.push(format!(
                "{} suites more are allowed, such as {}: without forward secrecy, or with CBC",
                surplus.len(),
                first.openssl
            ));
        }
        if parts.is_empty() {
            return;
        }
        let message = format!(
            "{who} differs from Mozilla's intermediate level: {}",
            parts.join("; ")
        );
        let diagnosis = Diagnosis::new(Code::Guideline, Cause::Protocol, Some(origin), message);
        self.push(diagnosis.help(format!(
            "`ssl-default-bind-ciphers {INTERMEDIATE}`, unless older clients matter."
        )));
    }
}

/// The line that is to blame for what is not in common.
fn blamed<'a>(front: &Front<'a>, missed: Missed) -> &'a Origin {
    let tls = &front.bind.value.tls;
    let setting = match missed {
        Missed::Version => tls.min.as_ref().or(tls.max.as_ref()).map(|it| &it.origin),
        Missed::Suite(Version::Tls13) => tls.ciphersuites.as_ref().map(|it| &it.origin),
        Missed::Suite(_) | Missed::Key(_) => tls.ciphers.as_ref().map(|it| &it.origin),
        Missed::Group(_) => tls
            .curves
            .as_ref()
            .or(tls.ecdhe.as_ref())
            .map(|it| &it.origin),
        Missed::Scheme(_) => tls.sigalgs.as_ref().map(|it| &it.origin),
    };
    setting.unwrap_or(&front.bind.origin)
}

/// Whether a key has a suite in the versions up to TLS 1.2, if any of these is spoken.
pub(super) fn alive(spoken: &Spoken, key: Authentication) -> bool {
    let mut old = spoken
        .versions
        .iter()
        .filter(|it| **it < Version::Tls13)
        .peekable();
    let offer = spoken.offer(Vec::new());
    let mut suites = spoken.suites.iter();
    old.peek().is_none()
        || suites.any(|suite| {
            suite.authentication == key
                && offer.allows(suite)
                && old.clone().any(|version| suite.is_of(*version))
        })
}

/// Whether a key is weaker than a security level wants (SSL_CTX_set_security_level(3), NIST SP
/// 800-57 part 1 table 2).
fn is_below(certificate: &Certificate, level: u8) -> bool {
    let Some((algorithm, _)) = public_key(certificate) else {
        return false;
    };
    let (rsa, curve) = match level {
        0..=2 => return false,
        3 => (3072, 256),
        4 => (7680, 384),
        _ => (15_360, 512),
    };
    match algorithm {
        KeyAlgorithm::Rsa(bits) => bits < rsa,
        KeyAlgorithm::P256 | KeyAlgorithm::Ed25519 => curve > 256,
        KeyAlgorithm::P384 => curve > 384,
        KeyAlgorithm::P521 => false,
    }
}

/// What keys of these types prove a server by.
pub(super) fn authentications(types: &[KeyType]) -> Vec<Authentication> {
    let known = types.iter().filter_map(|key| match key {
        KeyType::Ecdsa => Some(Authentication::Ecdsa),
        KeyType::Rsa => Some(Authentication::Rsa),
        _ => None,
    });
    known.collect()
}
