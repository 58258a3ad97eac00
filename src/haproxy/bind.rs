//! A bind line: the files that its `crt` and `crt-list` arguments stand for, in HAProxy's order.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fleet::Checked;
use super::load::{beside, not_read};
use super::sni::{KeyType, Names, SniTable};
use super::{CrtList, Version};
use crate::finding::{Code, Finding, Report, Severity};
use crate::origin::Origin;
use crate::read::Limits;
use crate::read::files::content;

/// The suffixes that HAProxy passes over in folders.
const SIDE_SUFFIXES: [&str; 4] = ["key", "issuer", "ocsp", "sctl"];
/// The suffixes of base names, in the order in which they are loaded.
const TWIN_SUFFIXES: [&str; 3] = ["dsa", "ecdsa", "rsa"];

/// A bind line: which files its `crt` and `crt-list` arguments stand for, one after the other,
/// and which of their certificates answers whom.
///
/// It lists the files; what HAProxy does with each is for a [`Fleet`](super::fleet::Fleet) to say,
/// and is recorded here.
///
/// ```
/// use fullchain::haproxy::fleet::Fleet;
/// use fullchain::haproxy::BindLine;
/// use fullchain::haproxy::load::Loader;
/// use fullchain::haproxy::sni::{Answer, Client};
/// use rustls_pki_types::UnixTime;
///
/// let mut line = BindLine::new();
/// line.crt("testdata/damaged/clean.pem");
/// let fleet = Fleet::new(Loader::new(UnixTime::now()));
/// for checked in fleet.check(line.files().to_vec()) {
///     line.record(&checked);
/// }
/// assert!(line.starts());
/// let table = line.table();
/// let Answer::Served { file, .. } = table.answer(Some("www.example.com"), Client::MODERN) else {
///     panic!("an alert");
/// };
/// assert_eq!(file, "testdata/damaged/clean.pem");
/// ```
#[derive(Clone, Debug, Default)]
pub struct BindLine {
    version: Version,
    crt_base: Option<PathBuf>,
    strict_sni: bool,
    /// Files that are not there yet.
    expected: Vec<PathBuf>,
    files: Vec<Arc<Path>>,
    by_name: HashMap<Arc<Path>, usize>,
    /// Of the files that HAProxy loads.
    names: Vec<Option<Arc<Names>>>,
    refused: usize,
    entries: Vec<Entry>,
    findings: Report,
}

/// A certificate in its place: the same file may have several.
#[derive(Clone, Debug)]
struct Entry {
    /// Its place in `files`.
    file: usize,
    filters: Vec<String>,
    is_twin: bool,
    is_default: bool,
    /// Whether its line of a crt-list has its own settings for what is spoken.
    has_own_protocol: bool,
}

impl BindLine {
    /// Without any certificate, for the newest version of HAProxy.
    pub fn new() -> Self {
        Self::default()
    }

    /// For that version of HAProxy.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The folder of relative names (`crt-base`); it is the current one unless set.
    #[must_use]
    pub fn crt_base(mut self, folder: impl Into<PathBuf>) -> Self {
        self.crt_base = Some(folder.into());
        self
    }

    /// Whether `strict-sni` is set.
    #[must_use]
    pub fn strict_sni(mut self, strict: bool) -> Self {
        self.strict_sni = strict;
        self
    }

    /// A file that is not there yet, and will be: what is added from now on counts it.
    #[must_use]
    pub fn expect(mut self, path: impl Into<PathBuf>) -> Self {
        self.expected.push(path.into());
        self
    }

    /// `crt PATH`: a file, a folder, or the base name of files that end in `.rsa`, `.ecdsa` or
    /// `.dsa`.
    pub fn crt(&mut self, path: impl AsRef<Path>) {
        let path = self.below_base(path.as_ref());
        match fs::metadata(&path) {
            Ok(attributes) if attributes.is_dir() => self.folder(&path),
            Ok(_) => self.file(&path, &[], false),
            Err(_) if self.expected.contains(&path) => self.file(&path, &[], false),
            Err(error) => {
                if let Err(finding) = self.base_name(&path, &error, &[]) {
                    self.findings.push(finding);
                }
            }
        }
    }

    /// `default-crt PATH`: as [`crt`](Self::crt), and a default certificate. Since HAProxy 3.0.
    pub fn default_crt(&mut self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        if !self.version.has_default_list() {
            let message = format!("HAProxy {} does not know default-crt", self.version);
            let finding = Finding::new(Code::NotLoaded, message)
                .at(&Origin::new(path.to_string_lossy()))
                .help("Name the certificate first on the bind line: it is the default one.");
            self.findings.push(finding);
        }
        let first = self.entries.len();
        self.crt(path);
        for entry in self.entries.iter_mut().skip(first) {
            entry.is_default = true;
        }
    }

    /// `crt-list PATH`.
    pub fn crt_list(&mut self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        let name = path.to_string_lossy();
        match content(path, Limits::default().max_bytes) {
            Ok(content) => self.list(&name, &content),
            Err(error) => self.findings.push(not_read(&error, &name)),
        }
    }

    /// [`crt`](Self::crt) or [`crt_list`](Self::crt_list), whichever the content asks for: a file
    /// without a BEGIN line whose first entry looks like a file's name is a crt-list.
    pub fn add(&mut self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        let is_list = fs::metadata(path).is_ok_and(|attributes| attributes.is_file())
            && content(path, Limits::default().max_bytes).is_ok_and(|it| looks_like_a_list(&it));
        match is_list {
            true => self.crt_list(path),
            false => self.crt(path),
        }
    }

    /// The files, each once, in the order in which HAProxy reads them.
    pub fn files(&self) -> &[Arc<Path>] {
        &self.files
    }

    /// A file's place among them.
    #[cfg(feature = "deploy")]
    pub(crate) fn place_of(&self, file: &Path) -> Option<usize> {
        self.by_name.get(file).copied()
    }

    /// The types of the keys that the loaded certificates have for which the bind line's settings
    /// hold, and no crt-list's own.
    pub(crate) fn key_types(&self) -> Vec<KeyType> {
        let entries = self.entries.iter().filter(|it| !it.has_own_protocol);
        let names = entries.filter_map(|entry| self.names.get(entry.file)?.as_deref());
        sorted(names)
    }

    /// The types of the keys of a file that a crt-list names so, or of the files of a base name.
    pub(crate) fn key_types_of(&self, name: &str) -> Vec<KeyType> {
        let path = self.below_base(Path::new(name));
        let twins = TWIN_SUFFIXES.map(|suffix| beside(&path, suffix));
        let places = [&path].into_iter().chain(&twins);
        let places = places.filter_map(|path| self.by_name.get(path.as_path()));
        sorted(places.filter_map(|place| self.names.get(*place)?.as_deref()))
    }

    /// Takes note of what came of a file, whatever the order.
    pub fn record(&mut self, checked: &Checked) {
        match &checked.loaded {
            Ok(loaded) => {
                if let Some(names) = self.names.get_mut(checked.index) {
                    *names = loaded.leaf().map(|leaf| Arc::new(Names::of(leaf)));
                }
            }
            Err(_) => self.refused += 1,
        }
    }

    /// Which certificate answers whom, of those that were recorded as loaded.
    pub fn table(&self) -> SniTable {
        let mut table = SniTable::new(self.version).strict_sni(self.strict_sni);
        for entry in &self.entries {
            let names = self.names.get(entry.file).cloned().flatten();
            let Some((file, names)) = self.files.get(entry.file).zip(names) else {
                continue;
            };
            let filters: Vec<&str> = entry.filters.iter().map(String::as_str).collect();
            table.add_names(file.to_string_lossy(), names, &filters);
            if entry.is_twin {
                table.declare_twin();
            }
            if entry.is_default {
                table.declare_default();
            }
        }
        table
    }

    /// Whether HAProxy starts, as far as its certificates are concerned and were recorded.
    pub fn starts(&self) -> bool {
        self.refused == 0 && self.findings().errors().next().is_none()
    }

    /// What there is to say of the list of files: why HAProxy does not start, as errors. What
    /// there is to say of their names, [`table`](Self::table) has.
    pub fn findings(&self) -> Report {
        let mut report = self.findings.clone();
        if self.entries.is_empty() && report.errors().next().is_none() {
            let finding = Finding::new(Code::NotLoaded, "there is no certificate for this line");
            report.push(match self.strict_sni {
                true => finding.with_severity(Severity::Warning).help(
                    "HAProxy starts, as strict-sni is set, and answers every client with an alert.",
                ),
                false => finding.help("HAProxy does not start (\"no SSL certificate specified\"). Put one there, or set strict-sni."),
            });
        }
        report
    }

    /// Where a name stands for.
    pub(crate) fn below_base(&self, path: &Path) -> PathBuf {
        match &self.crt_base {
            Some(base) => base.join(path),
            None => path.to_owned(),
        }
    }

    fn folder(&mut self, folder: &Path) {
        let name = folder.to_string_lossy().into_owned();
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.unwrap_or_else(|error| {
            let message = format!("HAProxy cannot list the folder {name}: {error}");
            let finding = Finding::new(Code::NotLoaded, message).at(&Origin::new(name));
            self.findings.push(finding);
            Vec::new()
        });
        let listed = entries.into_iter().map(|entry| {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            (entry.file_name(), is_file)
        });
        let mut listed: Vec<(OsString, bool)> = listed.collect();
        for expected in self
            .expected
            .iter()
            .filter(|it| it.parent() == Some(folder))
        {
            let name = expected.file_name().unwrap_or_default();
            if !listed.iter().any(|(known, _)| known == name) {
                listed.push((name.to_owned(), true));
            }
        }
        listed.sort_by(|(a, _), (b, _)| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
        for (name, is_file) in listed {
            let shown = name.to_string_lossy();
            let suffix = shown.rsplit_once('.').map(|(_, suffix)| suffix);
            if shown.starts_with('.') || suffix.is_some_and(|it| SIDE_SUFFIXES.contains(&it)) {
                continue;
            }
            let path = folder.join(&name);
            // What is no link needs no second look.
            if is_file {
                self.file(&path, &[], false);
                continue;
            }
            match fs::metadata(&path) {
                Ok(attributes) if attributes.is_file() => self.file(&path, &[], false),
                Ok(_) => {}
                Err(error) => self.findings.push(no_file(&path, &error)),
            }
        }
    }

    fn list(&mut self, name: &str, content: &[u8]) {
        let (list, findings) = CrtList::parse(name, content);
        if let Some(line) = list.pem_line() {
            let message = format!("{name} is no crt-list: it holds a certificate or a key");
            let finding = Finding::new(Code::CrtListSyntax, message);
            let finding = finding.help("Name it by crt, and not by crt-list.");
            let at = Origin::new(name).with_lines(line, line);
            self.findings.push(finding.at(&at));
            return;
        }
        self.findings.extend(findings);
        for (number, entry) in list.entries() {
            let path = self.below_base(Path::new(entry.file()));
            let at = Origin::new(name).with_lines(number, number);
            if let Some(option) = entry.unknown_option(self.version) {
                let message = format!(
                    "HAProxy {} knows no option {option} in a crt-list",
                    self.version
                );
                let finding = Finding::new(Code::CrtListSyntax, message);
                let help = "Take it out; what holds for all certificates, the bind line has.";
                self.findings.push(finding.help(help).at(&at));
            }
            let first = self.entries.len();
            match fs::metadata(&path) {
                Ok(attributes) if attributes.is_dir() => {
                    let message = format!(
                        "the line names a folder, {}, and HAProxy takes files only",
                        path.display()
                    );
                    let finding = Finding::new(Code::CrtListSyntax, message);
                    let help = "Give each file a line, or the folder a crt of its own.";
                    self.findings.push(finding.help(help).at(&at));
                }
                Ok(_) => self.file(&path, entry.filters(), false),
                Err(_) if self.expected.contains(&path) => {
                    self.file(&path, entry.filters(), false);
                }
                Err(error) => {
                    if let Err(finding) = self.base_name(&path, &error, entry.filters()) {
                        self.findings.push(finding.at(&at));
                    }
                }
            }
            for added in self.entries.iter_mut().skip(first) {
                added.has_own_protocol = entry.has_own_protocol();
            }
        }
    }

    /// The files of a base name, of which nothing but the suffix is given.
    fn base_name(
        &mut self,
        base: &Path,
        error: &std::io::Error,
        filters: &[String],
    ) -> Result<(), Finding> {
        let mut twins = 0;
        for suffix in TWIN_SUFFIXES {
            let path = beside(base, suffix);
            if path.exists() || self.expected.contains(&path) {
                self.file(&path, filters, twins > 0);
                twins += 1;
            }
        }
        match twins {
            0 => Err(no_file(base, error)),
            _ => Ok(()),
        }
    }

    fn file(&mut self, path: &Path, filters: &[String], is_twin: bool) {
        let known = self.by_name.get(path).copied();
        let file = known.unwrap_or_else(|| {
            let path = Arc::<Path>::from(path);
            self.files.push(Arc::clone(&path));
            self.names.push(None);
            self.by_name.insert(path, self.files.len() - 1);
            self.files.len() - 1
        });
        self.entries.push(Entry {
            file,
            filters: filters.to_vec(),
            is_twin,
            is_default: false,
            has_own_protocol: false,
        });
    }
}

/// The types of keys, each once.
fn sorted<'n>(names: impl Iterator<Item = &'n Names>) -> Vec<KeyType> {
    let mut types: Vec<_> = names.map(Names::key_type).collect();
    types.sort();
    types.dedup();
    types
}

fn no_file(path: &Path, error: &std::io::Error) -> Finding {
    let path = path.to_string_lossy();
    let message = format!("HAProxy finds no file {path}: {error}");
    let finding = Finding::new(Code::NotLoaded, message).at(&Origin::new(&*path));
    finding.help("Mend the name, or remove what refers to it.")
}

fn looks_like_a_list(content: &[u8]) -> bool {
    if memchr::memmem::find(content, b"-----BEGIN ").is_some()
        || std::str::from_utf8(content).is_err()
    {
        return false;
    }
    let (list, _) = CrtList::parse("", content);
    let first = list.entries().next();
    first.is_some_and(|(_, entry)| entry.file().contains(['/', '.']))
}
