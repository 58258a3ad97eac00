//! Names and certificates: who gets which, and which hosts have none.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::change::Change;
use super::front::Front;
use super::lines::name_of;
use super::rules::Host;
use super::{Diagnosis, Edit, Room};
use crate::explain::{Cause, cause_of};
use crate::finding::{Code, Severity, some_of};
use crate::haproxy::CrtEntry;
use crate::haproxy::config::quoted;
use crate::haproxy::fleet::Checked;
use crate::haproxy::sni::{Answer, Because, Client};

/// The most folders, and files in all of them, that are searched for a certificate for a host.
const MAX_FOLDERS: usize = 4;
const MAX_BESIDE: usize = 256;
/// The most hosts that one finding names.
pub(super) const MAX_SHOWN: usize = 8;

impl Room<'_> {
    /// The files that a bind line names.
    pub(super) fn listed(&mut self, front: &Front<'_>) {
        for finding in front.line.findings() {
            // That there is none at all matters to those that speak TLS.
            if !front.bind.value.is_tls && finding.origin.is_none() {
                continue;
            }
            let cause = cause_of(finding.code);
            let mut diagnosis = Diagnosis::of(finding, cause);
            if diagnosis.finding.origin.is_none() {
                diagnosis.finding.origin = Some(front.bind.origin.clone());
            }
            if diagnosis.finding.severity == Severity::Error {
                diagnosis = diagnosis.stops();
            }
            let edit = self.no_list(front, &diagnosis);
            let diagnosis = diagnosis.edit(edit);
            self.push(diagnosis.evidence(Some(&front.bind.origin), front.title()));
        }
    }

    /// The cure of a file that is named as a crt-list and is none.
    fn no_list(&self, front: &Front<'_>, diagnosis: &Diagnosis) -> Option<Edit> {
        let place = diagnosis.finding.origin.as_ref()?.source();
        if diagnosis.finding.code != Code::CrtListSyntax
            || self.crt_lists.iter().any(|it| it.file.name == place)
        {
            return None;
        }
        let mut lists = front.bind.value.crt_lists();
        // Of several it would be the first that is changed.
        let (file, origin) = lists.next().filter(|_| lists.next().is_none())?;
        let change = Change::Word("crt-list".to_owned(), "crt".to_owned());
        (name_of(file) == place)
            .then(|| self.texts.edit(origin, change))
            .flatten()
    }

    /// The bind line's table of names, and the hosts that the rules route.
    pub(super) fn names(&mut self, front: &Front<'_>, checked: &HashMap<Arc<Path>, Checked>) {
        let bind = &front.bind.origin;
        let table = front.line.table();
        for finding in table.findings() {
            let diagnosis = Diagnosis::of(finding, Cause::Sni);
            self.push(diagnosis.evidence(Some(bind), front.title()));
        }
        if table.is_empty() {
            return;
        }
        let strict = front.bind.value.strict_sni.as_ref().filter(|it| it.value);
        if let Some(strict) = strict {
            let message = format!(
                "{} answers clients that send no name with an alert",
                front.title()
            );
            let diagnosis = Diagnosis::new(
                Code::StrictSniAlerts,
                Cause::Sni,
                Some(&strict.origin),
                message,
            );
            let edit = self
                .texts
                .edit(&strict.origin, Change::Unset("strict-sni", 0));
            let who = "clients and health checks that send no name";
            self.push(diagnosis.affects(who).edit(edit));
        }
        let mut without: Vec<(Host, String)> = Vec::new();
        for host in self.hosts(front.proxy) {
            let why = match table.answer(Some(&host.name), Client::MODERN) {
                Answer::Served {
                    because: Because::Exact | Because::Wildcard,
                    ..
                } => continue,
                Answer::Served { file, .. } => {
                    format!("it gets the default certificate, {file}")
                }
                Answer::Alert(_) => "it gets an alert".to_owned(),
            };
            without.push((host, why));
        }
        let Some((first, why)) = without.first() else {
            return;
        };
        let names: Vec<_> = without.iter().map(|(host, _)| host.name.as_str()).collect();
        let names = some_of(&names, MAX_SHOWN);
        let message = format!(
            "no certificate of {} is valid for {names}: {why}",
            front.title()
        );
        let is_all_tls = front.proxy.binds.iter().all(|bind| bind.value.is_tls);
        let mut diagnosis = Diagnosis::new(
            Code::HostWithoutCertificate,
            Cause::Sni,
            Some(&first.origin),
            message,
        );
        if is_all_tls && front.proxy.binds.len() == 1 {
            diagnosis = diagnosis.severity(Severity::Error);
        }
        diagnosis = diagnosis.evidence(Some(bind), "its bind line");
        for (host, why) in without.iter().take(MAX_SHOWN) {
            diagnosis = diagnosis.evidence(Some(&host.origin), format!("{}: {why}", host.name));
        }
        let beside = self.beside(front);
        let mut edits = Vec::new();
        let mut found: Vec<&Path> = Vec::new();
        for (host, _) in without.iter().take(MAX_SHOWN) {
            if let Some(edit) = self.unhidden(front, &host.name, checked) {
                edits.push(edit);
                continue;
            }
            let is_for = |(_, names): &&(PathBuf, Vec<String>)| {
                names.iter().any(|name| covers(name, &host.name))
            };
            found.extend(beside.iter().find(is_for).map(|(path, _)| path.as_path()));
        }
        found.sort();
        found.dedup();
        edits.extend(
            found
                .into_iter()
                .filter_map(|path| self.name_file(front, path)),
        );
        diagnosis = diagnosis.edit(edits);
        self.push(diagnosis.affects(format!("clients that ask for {names}")));
    }

    /// Has a file named: where a crt-list is all that a bind line has, in it.
    fn name_file(&self, front: &Front<'_>, path: &Path) -> Option<Edit> {
        let base = self.config.global.crt_base.as_ref();
        let path = base
            .and_then(|base| path.strip_prefix(&base.value).ok())
            .unwrap_or(path);
        if let [list] = self.lists_of(front)[..]
            && front.bind.value.certificates.len() == 1
        {
            let last = list.list.entries().last();
            let entry = CrtEntry::new(path.to_str()?).ok();
            if let Some(((line, _), entry)) = last.zip(entry) {
                let change = Change::Behind(vec![entry.to_string()]);
                return self.texts.edit(&list.place(line), change);
            }
        }
        let word = format!("crt {}", quoted(path.as_os_str().as_encoded_bytes()));
        self.texts.edit(&front.bind.origin, Change::Add(word))
    }

    /// Takes a host out of what the filters of a crt-list hide of a certificate that has its name.
    fn unhidden(
        &self,
        front: &Front<'_>,
        host: &str,
        checked: &HashMap<Arc<Path>, Checked>,
    ) -> Option<Edit> {
        let has_name = |file: &str| {
            let loaded = checked.get(front.line.below_base(file.as_ref()).as_path());
            let leaf = loaded.and_then(|it| it.loaded.as_ref().ok()?.leaf());
            leaf.is_some_and(|leaf| leaf.dns_names().iter().any(|name| covers(name, host)))
        };
        self.lists_of(front).into_iter().find_map(|list| {
            let mut entries = list.list.entries();
            let (line, entry) =
                entries.find(|(_, it)| !it.filters().is_empty() && has_name(it.file()))?;
            let filters = entry.filters().iter();
            let is_out = |filter: &&String| {
                let name = filter.strip_prefix('!');
                name.is_some_and(|name| name.eq_ignore_ascii_case(host))
            };
            let (out, rest): (Vec<_>, Vec<_>) = filters.partition(is_out);
            let more = match rest.iter().any(|filter| covers(filter, host)) {
                true => Vec::new(),
                false => vec![host.to_owned()],
            };
            let out = out.into_iter().cloned().collect();
            self.texts
                .edit(&list.place(line), Change::Filters { out, more })
        })
    }

    /// The certificates in the folders of those that the bind line names, which it does not name
    /// itself.
    fn beside(&self, front: &Front<'_>) -> Vec<(PathBuf, Vec<String>)> {
        let files = front.line.files();
        let known: HashSet<&Path> = files.iter().map(|file| file.as_ref()).collect();
        let mut folders: Vec<&Path> = files.iter().filter_map(|it| it.parent()).collect();
        folders.sort();
        folders.dedup();
        let folders = folders.into_iter().take(MAX_FOLDERS);
        let entries = folders.flat_map(|folder| fs::read_dir(folder).ok().into_iter().flatten());
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<_> = paths
            .filter(|path| !known.contains(path.as_path()) && path.is_file())
            .collect();
        paths.sort();
        let loader = self.doctor.loader(self.config);
        let loaded = paths.into_iter().take(MAX_BESIDE).filter_map(|path| {
            let loaded = loader.load_path(&path).ok()?;
            Some((path, loaded.leaf()?.dns_names()))
        });
        loaded.collect()
    }
}

/// Whether a name of a certificate is good for a host (RFC 9525 section 6.3).
pub(super) fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(suffix) => host
            .split_once('.')
            .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(suffix)),
        None => name.eq_ignore_ascii_case(host),
    }
}
