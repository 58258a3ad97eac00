//! Lines that have TLS without speaking it, and lines of crt-lists with settings of their own.

use std::collections::HashSet;

use super::change::Change;
use super::front::{Front, title};
use super::protocol::{alive, authentications};
use super::{Diagnosis, Room};
use crate::explain::Cause;
use crate::finding::{Code, Severity};
use crate::haproxy::CrtList;
use crate::haproxy::config::{Config, File, FileName, Side};
use crate::origin::Origin;
use crate::read::Limits;
use crate::read::files::content;
use crate::tls::Version;

/// A crt-list that the configuration names.
pub(super) struct NamedList {
    pub(super) file: File,
    pub(super) list: CrtList,
}

impl NamedList {
    /// A line of it.
    pub(super) fn place(&self, line: usize) -> Origin {
        Origin::new(self.file.name.as_str()).with_lines(line, line)
    }
}

/// The crt-lists that a configuration names, each once. What cannot be read or is none is not among
/// them; that is said where they are listed.
pub(super) fn crt_lists(config: &Config) -> Vec<NamedList> {
    let mut seen = HashSet::new();
    let named = config.binds().flat_map(|(_, bind)| bind.value.crt_lists());
    let lists = named.filter_map(|(file, _)| {
        let name = name_of(file);
        if !seen.insert(name.clone()) {
            return None;
        }
        let content = content(&file.path, Limits::default().max_bytes).ok()?;
        let (list, _) = CrtList::parse(&name, &content);
        list.pem_line().is_none().then(|| NamedList {
            file: File::new(name, content.to_vec()),
            list,
        })
    });
    lists.collect()
}

/// What findings about a crt-list call it.
pub(super) fn name_of(list: &FileName) -> String {
    list.path.to_string_lossy().into_owned()
}

impl<'a> Room<'a> {
    /// Options that are too new, and bind lines with certificates that do not speak TLS.
    pub(super) fn lines(&mut self) {
        let config = self.config;
        for (_, server) in config.servers() {
            self.newer_options(&server.value.tls);
        }
        for (proxy, bind) in config.binds() {
            self.newer_options(&bind.value.tls);
            self.default_certificates(bind);
            if bind.value.is_tls {
                continue;
            }
            // It is read all the same.
            self.unused_stores(&bind.value);
            if bind.value.certificates.is_empty() {
                continue;
            }
            let message = format!(
                "{} has certificates and no ssl: it speaks plain",
                title(proxy)
            );
            let edit = self.texts.edit(&bind.origin, Change::Add("ssl".to_owned()));
            let diagnosis = Diagnosis::new(
                Code::SslMissing,
                Cause::Protocol,
                Some(&bind.origin),
                message,
            );
            self.push(diagnosis.affects("everybody who speaks TLS").edit(edit));
        }
    }

    /// The crt-lists of a bind line.
    pub(super) fn lists_of(&self, front: &Front<'_>) -> Vec<&'a NamedList> {
        let names = front.bind.value.crt_lists().map(|(file, _)| name_of(file));
        let named = |name: String| self.crt_lists.iter().find(|it| it.file.name == name);
        names.filter_map(named).collect()
    }

    /// What lines of crt-lists say of TLS themselves, in place of their bind line.
    pub(super) fn own_settings(&mut self, front: &Front<'_>) {
        for named in self.lists_of(front) {
            let name = &named.file.name;
            for (number, entry) in named.list.entries() {
                if entry.options().is_empty() {
                    continue;
                }
                let origin = named.place(number);
                let who = format!("{} in {name}", entry.file());
                let global = &self.config.global;
                let bind = &front.bind.value;
                let (own, refused) = bind.overlaid(entry.options(), &origin, global);
                for why in refused {
                    let message = format!("HAProxy refuses this line: {why}");
                    let (code, cause) = (Code::ConfigSyntax, Cause::Setup);
                    let diagnosis = Diagnosis::new(code, cause, Some(&origin), message);
                    self.push(diagnosis.stops());
                }
                if own.verify != bind.verify
                    || own.ca_file != bind.ca_file
                    || own.ca_verify_file != bind.ca_verify_file
                    || own.crl_file != bind.crl_file
                {
                    match bind.is_tls {
                        true => self.clients(&own, &origin, &who),
                        false => self.unused_stores(&own),
                    }
                }
                if !bind.is_tls {
                    continue;
                }
                let tls = &own.tls;
                self.newer_options(tls);
                if tls
                    .versions(Side::Bind, self.doctor.version)
                    .range
                    .is_none()
                {
                    let message = format!(
                        "{who}: no version of TLS is left of those of its line and of {}",
                        front.bind.origin
                    );
                    let (code, cause) = (Code::TlsVersions, Cause::Protocol);
                    let diagnosis = Diagnosis::new(code, cause, Some(&origin), message);
                    let diagnosis = diagnosis.edit(self.crossed(tls));
                    self.push(diagnosis.severity(Severity::Error).stops());
                }
                let Some(mut spoken) = self.spoken(tls, Side::Bind, &origin, &who) else {
                    continue;
                };
                if !self.has_dh_parameters(front) {
                    spoken = spoken.without_dhe();
                }
                let keys = authentications(&front.line.key_types_of(entry.file()));
                let has_own = *tls != bind.tls;
                let mut dead = keys.iter().filter(|key| has_own && !alive(&spoken, **key));
                if let Some(key) = dead.next() {
                    let message = format!("no cipher suite goes with the key of {who}");
                    let (code, cause) = (Code::NoUsableCipher, Cause::Protocol);
                    let diagnosis = Diagnosis::new(code, cause, Some(&origin), message);
                    let diagnosis = diagnosis.evidence(Some(&front.bind.origin), "its bind line");
                    let diagnosis = diagnosis.edit(self.suites_for(tls, *key, &spoken));
                    self.push(
                        diagnosis.affects(match spoken.versions.contains(&Version::Tls13) {
                            true => "clients without TLS 1.3",
                            false => "everybody",
                        }),
                    );
                }
            }
        }
    }
}
