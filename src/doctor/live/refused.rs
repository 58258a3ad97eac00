//! A server with which no handshake comes about, or none by the lists of its line.

use crate::doctor::backend::Behind;
use crate::doctor::change::Change;
use crate::doctor::spoken::{any_hello, more};
use crate::doctor::{Diagnosis, Room};
use crate::explain::Cause;
use crate::finding::Code;
use crate::haproxy::config::{Side, TlsVersion};
use crate::probe::{Answer, Hello, Probe};
use crate::tls::Version;

impl Room<'_> {
    /// Whether the lists of the server's own line leave something in common with it.
    pub(super) fn own_lists(&mut self, behind: &Behind<'_>, probe: &Probe) {
        let tls = &behind.server.value.tls;
        let lists = [&tls.ciphers, &tls.ciphersuites, &tls.curves];
        let Some(spoken) = &behind.spoken else { return };
        let Some(first) = lists.into_iter().flatten().next() else {
            return;
        };
        let answers = spoken.versions.iter().map(|version| {
            let answer = probe.ask(&spoken.hello(*version));
            (*version, answer)
        });
        let answers: Vec<_> = answers.collect();
        let is_refused = |(_, answer): &(_, _)| matches!(answer, Ok(Answer::Alert(_)));
        if !answers.iter().all(is_refused) {
            return;
        }
        let versions = answers.iter().rev().map(|(version, _)| *version);
        let mut taken = versions.map(|version| probe.ask(&any_hello(version)));
        let taken = taken.find_map(|answer| match answer {
            Ok(Answer::Hello(chosen)) => Some(chosen),
            _ => None,
        });
        let Some(chosen) = taken else { return };
        let suite = chosen
            .cipher_suite()
            .map_or("another suite", |it| it.openssl);
        let message = format!(
            "{} has nothing in common with the lists of its line; with all others it takes {}, {suite}",
            behind.title(),
            chosen.version,
        );
        // Where the suites are what is missing.
        let is_old = chosen.version < Version::Tls13;
        let setting = tls.ciphers.as_ref().filter(|_| is_old);
        let edit = setting.and_then(|setting| {
            let change = more("ciphers", vec![suite.to_owned()]);
            self.texts.edit(&setting.origin, change)
        });
        let origin = setting.unwrap_or(first).origin.clone();
        let cause = Cause::Backend;
        let diagnosis = Diagnosis::new(Code::BackendRefuses, cause, Some(&origin), message);
        let affected = format!("all requests that go to {}", behind.title());
        self.push(diagnosis.affects(affected).edit(edit));
    }

    /// No handshake came about: why.
    pub(super) fn refused(&mut self, behind: &Behind<'_>, probe: &Probe, said: &str) {
        let origin = &behind.server.origin;
        match probe.ask(&Hello::of(Version::Tls12)) {
            Err(_) => return,
            Ok(Answer::NotTls | Answer::Closed) if !self.speaks_any(probe) => {
                let message = format!("{} does not speak TLS there", behind.title());
                let edit = self.texts.edit(origin, Change::Unset("ssl", 0));
                let diagnosis = self.new_live(behind, Code::BackendPlain, message);
                self.push(diagnosis.evidence(None, said).edit(edit));
                return;
            }
            Ok(_) => {}
        }
        let spoken: Vec<Version> = Version::ALL
            .into_iter()
            .filter(|version| matches!(probe.ask(&Hello::of(*version)), Ok(Answer::Hello(_))))
            .collect();
        let names: Vec<_> = spoken.iter().map(ToString::to_string).collect();
        let message = match names.is_empty() {
            true => format!("{} refuses the handshake: {said}", behind.title()),
            false => format!(
                "{} refuses the handshake, and speaks {}: {said}",
                behind.title(),
                names.join(", ")
            ),
        };
        let tls = &behind.server.value.tls;
        let mut diagnosis = self.new_live(behind, Code::BackendRefuses, message);
        if let (Some(oldest), Some(newest)) = (spoken.first(), spoken.last()) {
            let word = |version: &Version| {
                format!("TLSv{}", version.to_string().trim_start_matches("TLS "))
            };
            let range = tls.versions(Side::Server, self.doctor.version).range;
            let (min, max) = range.unwrap_or((TlsVersion::Tls12, TlsVersion::Tls13));
            let mut edits = Vec::new();
            if min.to_string() > word(newest) {
                let at = tls.min.as_ref().map_or(origin, |it| &it.origin);
                edits.extend(
                    self.texts
                        .edit(at, Change::Set("ssl-min-ver", word(newest))),
                );
            }
            if max.to_string() < word(oldest) {
                let at = tls.max.as_ref().map_or(origin, |it| &it.origin);
                edits.extend(self.texts.edit(at, Change::Unset("ssl-max-ver", 1)));
            }
            diagnosis = diagnosis.edit(edits);
        }
        if said.ends_with("unrecognized_name") {
            let help = match &behind.server.value.sni {
                Some(_) => "Send a name that it has, by `sni`.",
                None => "It wants to be asked by name: `sni str(NAME)`, with one that it has.",
            };
            diagnosis = diagnosis.help(help);
        }
        self.push(diagnosis);
    }

    fn speaks_any(&self, probe: &Probe) -> bool {
        Version::ALL.into_iter().any(|version| {
            let answer = probe.ask(&Hello::of(version));
            matches!(answer, Ok(Answer::Hello(_) | Answer::Alert(_)))
        })
    }
}
