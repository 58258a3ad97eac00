//! The certificates of all bind lines: what HAProxy does with them, and what clients make of the
//! chains.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::front::Front;
use super::names::MAX_SHOWN;
use super::{Cure, Diagnosis, Doctor, Examination, Room};
use crate::bundle::{Bundle, Draft, Refusal};
use crate::cert::Certificate;
use crate::explain::{Cause, cause_of};
use crate::finding::{Code, Finding, Report, Severity, some_of};
use crate::haproxy::fleet::Checked;
use crate::haproxy::load::beside;
use crate::key::{PrivateKey, Proof};
use crate::read::{Material, Reader};

/// The most files of `issuers-chain-path` that are read.
const MAX_ISSUERS: usize = 10_000;
/// The most files beside one that are looked at for its key and its issuers.
const MAX_NEIGHBOURS: usize = 64;

/// What to do with a key that is in another file.
const KEY_APART: &str = "HAProxy wants the key in the same file, or beside it with .key behind the file's name. Where an ACME client renews them, `fullchain deploy` as its hook puts them together each time.";

impl Room<'_> {
    pub(super) fn chains(&mut self, fronts: &[Front<'_>], checked: &HashMap<Arc<Path>, Checked>) {
        let issuers = self.issuers();
        let mut is_helping = false;
        let mut in_order: Vec<&Checked> = checked.values().collect();
        in_order.sort_by(|a, b| a.file.cmp(&b.file));
        let mut alone = Vec::new();
        let mut binds: HashMap<&Path, &Front<'_>> = HashMap::new();
        for front in fronts {
            for file in front.line.files() {
                binds.entry(file).or_insert(front);
            }
        }
        let intermediates = super::intermediates(checked);
        for checked in in_order {
            let findings = match self.completed(checked, issuers.as_deref()) {
                Completed::Not => checked.findings(),
                Completed::By(findings) => {
                    is_helping = true;
                    findings
                }
                Completed::InVain => {
                    alone.push(checked);
                    checked.findings()
                }
            };
            let bind = binds.get(&*checked.file).copied();
            self.of_file(bind, checked, findings, &intermediates);
        }
        self.useless_issuers(issuers.as_deref(), is_helping, &alone);
        for front in fronts.iter().filter(|front| front.bind.value.is_tls) {
            self.clients(&front.bind.value, &front.bind.origin, &front.title());
        }
    }

    /// What there is to say of a certificate file.
    fn of_file(
        &mut self,
        bind: Option<&Front<'_>>,
        checked: &Checked,
        findings: Report,
        intermediates: &[Certificate],
    ) {
        let names = match &checked.loaded {
            Ok(loaded) => loaded
                .leaf()
                .map(Certificate::dns_names)
                .unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let is_broken = findings
            .findings()
            .iter()
            .any(|it| it.severity >= Severity::Warning);
        let rebuilt = is_broken
            .then(|| self.doctor.rebuilt(&checked.file, intermediates, |_| {}))
            .flatten();
        for finding in findings {
            let cause = cause_of(finding.code);
            let severity = finding.severity;
            let mut diagnosis = Diagnosis::of(finding, cause);
            if let Some(bind) = bind {
                let at = bind.bind.origin.clone();
                diagnosis = diagnosis.evidence(Some(&at), bind.title());
            }
            if checked.loaded.is_err() {
                diagnosis = diagnosis.stops();
            } else if severity == Severity::Error && !names.is_empty() {
                diagnosis = diagnosis.affects(format!("clients of {}", some_of(&names, MAX_SHOWN)));
            }
            if let (Some(Ok(bundle)), Code::NoKey | Code::KeyMismatch) =
                (&rebuilt, diagnosis.finding.code)
            {
                diagnosis = diagnosis.evidence(Some(bundle.key().origin()), "its key");
                if diagnosis.finding.code == Code::NoKey {
                    diagnosis = diagnosis.help(KEY_APART);
                }
            }
            if severity >= Severity::Warning {
                diagnosis.cure = self.cure(&checked.file, &diagnosis.finding, rebuilt.as_ref());
            }
            self.push(diagnosis);
        }
    }

    fn cure(
        &self,
        file: &Path,
        finding: &Finding,
        rebuilt: Option<&Result<Bundle, Refusal>>,
    ) -> Option<Cure> {
        match (rebuilt?, finding.code) {
            (
                Ok(_),
                Code::SharedKey | Code::ExpiresSoon | Code::OcspResponse | Code::MustStaple,
            ) => None,
            (Ok(_), _) => Some(Cure::Bundle(file.to_owned())),
            (Err(refusal), Code::MissingIssuer) => {
                let urls = refusal
                    .leaf()
                    .map(Certificate::ca_issuer_urls)
                    .unwrap_or_default();
                let name = shlex::try_quote(file.to_str()?).ok()?;
                (!urls.is_empty())
                    .then(|| Cure::Command(format!("fullchain bundle --out {name} {name}")))
            }
            (Err(_), _) => None,
        }
    }

    /// The certificates in the folder of `issuers-chain-path`, file by file; `None` without one.
    fn issuers(&mut self) -> Option<Vec<Vec<Certificate>>> {
        let setting = self.config.global.issuers_chain_path.as_ref()?;
        let listed = fs::read_dir(&setting.value);
        let entries = match listed {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!(
                    "issuers-chain-path {} cannot be read: {error}",
                    setting.value
                );
                let origin = Some(&setting.origin);
                let diagnosis =
                    Diagnosis::new(Code::IssuersChainPath, Cause::Chain, origin, message);
                self.push(diagnosis);
                return None;
            }
        };
        let paths = entries.take(MAX_ISSUERS).filter_map(Result::ok);
        let mut paths: Vec<_> = paths.map(|entry| entry.path()).collect();
        paths.sort();
        let mut reader = Reader::new();
        let chains = paths.into_iter().filter(|path| path.is_file());
        let chains = chains.filter_map(|path| reader.read_path(&path).ok());
        Some(chains.map(|material| material.certificates).collect())
    }

    /// What clients get of a file that has a certificate alone, with the chain of the folder.
    fn completed(&self, checked: &Checked, issuers: Option<&[Vec<Certificate>]>) -> Completed {
        let (Some(issuers), Ok(loaded)) = (issuers, &checked.loaded) else {
            return Completed::Not;
        };
        let (Some(leaf), 1) = (loaded.leaf(), loaded.sent.len()) else {
            return Completed::Not;
        };
        if leaf.is_self_issued() {
            return Completed::Not;
        }
        let is_issuer = |it: &Certificate| {
            it.subject() == leaf.issuer()
                && (leaf.authority_key_id().is_none()
                    || it.subject_key_id().is_none()
                    || leaf.authority_key_id() == it.subject_key_id())
        };
        let mut chains = issuers.iter();
        let Some(chain) = chains.find(|chain| chain.first().is_some_and(is_issuer)) else {
            return Completed::InVain;
        };
        let Some(bundler) = &self.doctor.bundler else {
            return Completed::By(loaded.findings.clone());
        };
        let mut findings = loaded.findings.clone();
        match bundler.chain(leaf, chain.clone()) {
            Ok((_, _)) => {}
            Err(refusal) => findings.extend(refusal.report().errors().cloned()),
        }
        Completed::By(findings)
    }

    fn useless_issuers(
        &mut self,
        issuers: Option<&[Vec<Certificate>]>,
        is_helping: bool,
        alone: &[&Checked],
    ) {
        let Some((setting, issuers)) = self.config.global.issuers_chain_path.as_ref().zip(issuers)
        else {
            return;
        };
        let message = match alone.first() {
            Some(checked) => format!(
                "issuers-chain-path {} has no file that begins with the issuer of {}",
                setting.value,
                checked.file.display()
            ),
            None if is_helping => return,
            None => format!(
                "issuers-chain-path {} is used for nothing: every certificate file has a chain of its own",
                setting.value
            ),
        };
        let severity = match alone.is_empty() {
            true => Severity::Note,
            false => Severity::Warning,
        };
        let origin = Some(&setting.origin);
        let diagnosis = Diagnosis::new(Code::IssuersChainPath, Cause::Chain, origin, message);
        let files = format!("{} files are there", issuers.len());
        self.push(diagnosis.severity(severity).evidence(None, files));
    }
}

enum Completed {
    /// It has a chain of its own, or there is no such folder.
    Not,
    /// The folder has one, and this is what there is to say then.
    By(Report),
    /// It stands alone, and the folder has none.
    InVain,
}

impl Doctor {
    /// The bundle that would cure a certificate file: of what is in it, of its key and intermediates
    /// that up to 64 files in its folder have, or, of the latter, the examined files. What else is
    /// needed can be brought to the draft, such as fetched issuers. `None` if there is no bundler, or
    /// the file cannot be read.
    pub fn rebuild(
        &self,
        examination: &Examination,
        file: &Path,
        complete: impl FnOnce(&mut Draft),
    ) -> Option<Result<Bundle, Refusal>> {
        self.rebuilt(file, &examination.intermediates, complete)
    }

    fn rebuilt(
        &self,
        file: &Path,
        intermediates: &[Certificate],
        complete: impl FnOnce(&mut Draft),
    ) -> Option<Result<Bundle, Refusal>> {
        let bundler = self.bundler.as_ref()?;
        let mut reader = Reader::new();
        let mut material = reader.read_path(file).ok()?;
        // As it is found without, and with `ssl-load-extra-del-ext`.
        let keys = [beside(file, "key"), file.with_extension("key")];
        if material.keys.is_empty()
            && let Some(key) = keys.iter().find(|key| key.is_file())
        {
            let beside = reader.read_path(key).ok()?;
            material.keys.extend(beside.keys);
        }
        let is_proven = |key: &PrivateKey| {
            let mut certificates = material.certificates.iter();
            certificates.any(|it| !matches!(key.prove(it), Proof::Foreign | Proof::Inconsistent))
        };
        let mut others = None;
        if !material.keys.iter().any(is_proven) {
            let found = others.get_or_insert_with(|| neighbours(&mut reader, file));
            let mut keys = found.iter_mut().flat_map(|it| it.keys.drain(..));
            let key = keys.find(is_proven);
            drop(keys);
            material.keys.extend(key);
        }
        let mut draft = bundler.draft(material);
        if !draft.missing().is_empty() {
            draft.add(intermediates.to_vec());
        }
        if !draft.missing().is_empty() {
            let others = others.unwrap_or_else(|| neighbours(&mut reader, file));
            let certificates = others.into_iter().flat_map(|it| it.certificates);
            draft.add(certificates.filter(Certificate::is_ca).collect());
        }
        complete(&mut draft);
        Some(draft.bundle())
    }
}

/// What is in the files beside this one.
fn neighbours(reader: &mut Reader, file: &Path) -> Vec<Material> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let entries = fs::read_dir(folder).ok().into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    paths.sort();
    let others = paths
        .into_iter()
        .filter(|path| path.is_file() && path != file);
    let read = |path: PathBuf| reader.read_path(&path).ok();
    others.take(MAX_NEIGHBOURS).filter_map(read).collect()
}
