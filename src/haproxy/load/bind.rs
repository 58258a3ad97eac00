//! A bind line: the files that its `crt` and `crt-list` arguments stand for, in HAProxy's order.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::certificates::LEAF;
use super::{Loaded, Loader, Refused, SideFiles};
use crate::error::Error;
use crate::finding::{Code, Finding, Report, Severity};
use crate::haproxy::CrtList;
use crate::haproxy::sni::SniTable;
use crate::origin::Origin;
use crate::read::Limits;
use crate::read::files::content;

/// The suffixes that HAProxy passes over in folders.
const SIDE_SUFFIXES: [&str; 4] = ["key", "issuer", "ocsp", "sctl"];
/// The suffixes of base names, in the order in which they are loaded.
const TWIN_SUFFIXES: [&str; 3] = ["dsa", "ecdsa", "rsa"];

/// The certificates of a bind line: what `crt` and `crt-list` bring, one after the other.
///
/// A file that stands there more than once is read once, as HAProxy does.
///
/// ```
/// use fullchain::haproxy::load::{BindLine, Loader};
/// use fullchain::haproxy::sni::{Answer, Client};
/// use rustls_pki_types::UnixTime;
///
/// let mut line = BindLine::new(Loader::new(UnixTime::now()));
/// line.crt("testdata/damaged/clean.pem");
/// assert!(line.starts());
/// let table = line.table();
/// let Answer::Served { file, .. } = table.answer(Some("www.example.com"), Client::MODERN) else {
///     panic!("an alert");
/// };
/// assert_eq!(file, "testdata/damaged/clean.pem");
/// ```
#[derive(Clone, Debug)]
pub struct BindLine {
    loader: Loader,
    crt_base: Option<PathBuf>,
    strict_sni: bool,
    files: Vec<Result<Loaded, Refused>>,
    by_name: HashMap<String, usize>,
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
}

impl BindLine {
    /// Without any certificate.
    pub fn new(loader: Loader) -> Self {
        Self {
            loader,
            crt_base: None,
            strict_sni: false,
            files: Vec::new(),
            by_name: HashMap::new(),
            entries: Vec::new(),
            findings: Report::default(),
        }
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

    /// `crt PATH`: a file, a folder, or the base name of files that end in `.rsa`, `.ecdsa` or
    /// `.dsa`.
    pub fn crt(&mut self, path: impl AsRef<Path>) {
        let path = self.below_base(path.as_ref());
        match fs::metadata(&path) {
            Ok(attributes) if attributes.is_dir() => self.folder(&path),
            Ok(_) => self.file(&path, &[], false),
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
        if !self.loader.version.has_default_list() {
            let message = format!("HAProxy {} does not know default-crt", self.loader.version);
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
    pub fn files(&self) -> &[Result<Loaded, Refused>] {
        &self.files
    }

    /// Which certificate answers whom, as far as they load.
    pub fn table(&self) -> SniTable {
        let mut table = SniTable::new(self.loader.version).strict_sni(self.strict_sni);
        for entry in &self.entries {
            let Some(Ok(loaded)) = self.files.get(entry.file) else {
                continue;
            };
            let Some(leaf) = loaded.leaf() else {
                continue;
            };
            let filters: Vec<&str> = entry.filters.iter().map(String::as_str).collect();
            match entry.is_twin {
                true => table.add_twin(&*loaded.file, leaf, &filters),
                false => table.add(&*loaded.file, leaf, &filters),
            }
            if entry.is_default {
                table.declare_default();
            }
        }
        table
    }

    /// Whether HAProxy starts, as far as its certificates are concerned.
    pub fn starts(&self) -> bool {
        self.files.iter().all(Result::is_ok) && self.findings().errors().next().is_none()
    }

    /// What there is to say of the line as a whole: why HAProxy does not start, as errors, and
    /// what is surprising about its names. What there is to say of a file, [`files`](Self::files)
    /// has.
    pub fn findings(&self) -> Report {
        let mut report = self.findings.clone();
        if self.entries.is_empty() && report.errors().next().is_none() {
            let finding = Finding::new(Code::NotLoaded, "there is no certificate for this line");
            report.push(match self.strict_sni {
                true => finding
                    .with_severity(Severity::Warning)
                    .help("HAProxy starts, as strict-sni is set, and answers every client with an alert."),
                false => finding.help("HAProxy does not start (\"no SSL certificate specified\"). Put one there, or set strict-sni."),
            });
        }
        report.extend(self.table().findings());
        report
    }

    fn below_base(&self, path: &Path) -> PathBuf {
        match &self.crt_base {
            Some(base) => base.join(path),
            None => path.to_owned(),
        }
    }

    fn folder(&mut self, folder: &Path) {
        let name = folder.to_string_lossy().into_owned();
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut names = match entries {
            Ok(entries) => entries.into_iter().map(|entry| entry.file_name()).collect(),
            Err(error) => {
                let message = format!("HAProxy cannot list the folder {name}: {error}");
                let finding = Finding::new(Code::NotLoaded, message).at(&Origin::new(name));
                self.findings.push(finding);
                Vec::new()
            }
        };
        names.sort_unstable_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
        for name in names {
            let shown = name.to_string_lossy();
            let suffix = shown.rsplit_once('.').map(|(_, suffix)| suffix);
            if shown.starts_with('.') || suffix.is_some_and(|it| SIDE_SUFFIXES.contains(&it)) {
                continue;
            }
            let path = folder.join(&name);
            match fs::metadata(&path) {
                Ok(attributes) if attributes.is_file() => self.file(&path, &[], false),
                Ok(_) => {}
                Err(error) => self.findings.push(no_file(&path, &error)),
            }
        }
    }

    fn list(&mut self, name: &str, content: &[u8]) {
        let (list, findings) = CrtList::parse(name, content);
        self.findings.extend(findings);
        for (number, entry) in list.entries() {
            let path = self.below_base(Path::new(entry.file()));
            let at = Origin::new(name).with_lines(number, number);
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
                Err(error) => {
                    if let Err(finding) = self.base_name(&path, &error, entry.filters()) {
                        self.findings.push(finding.at(&at));
                    }
                }
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
            if path.exists() {
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
        let name = path.to_string_lossy().into_owned();
        let known = self.by_name.get(&name).copied();
        let file = known.unwrap_or_else(|| {
            self.files.push(self.loader.load_path(path));
            self.by_name.insert(name, self.files.len() - 1);
            self.files.len() - 1
        });
        self.entries.push(Entry {
            file,
            filters: filters.to_vec(),
            is_twin,
            is_default: false,
        });
    }
}

impl Loader {
    /// What HAProxy does with `crt FILE`, and the files beside it. Files of more than 64 MiB are
    /// taken for something else.
    ///
    /// # Errors
    ///
    /// [`Refused`], as for [`load`](Self::load); also when the file cannot be read.
    pub fn load_path(&self, path: &Path) -> Result<Loaded, Refused> {
        let name = path.to_string_lossy();
        let limit = Limits::default().max_bytes;
        let pem = content(path, limit)
            .map_err(|error| Refused::new(&name, LEAF, not_read(&error, &name)))?;
        // One that is there and cannot be read is to HAProxy as one that makes no sense.
        let [key, ocsp, issuer, sctl] = ["key", "ocsp", "issuer", "sctl"].map(|suffix| {
            let path = beside(path, suffix);
            path.exists()
                .then(|| content(&path, limit).unwrap_or_default())
        });
        let side = SideFiles {
            key: key.as_ref().map(|content| content.as_slice()),
            ocsp: ocsp.as_ref().map(|content| content.as_slice()),
            issuer: issuer.as_ref().map(|content| content.as_slice()),
            sctl: sctl.as_ref().map(|content| content.as_slice()),
        };
        self.load(&name, &pem, &side)
    }
}

/// A path with a suffix behind all of its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn no_file(path: &Path, error: &std::io::Error) -> Finding {
    let path = path.to_string_lossy();
    let message = format!("HAProxy finds no file {path}: {error}");
    let finding = Finding::new(Code::NotLoaded, message).at(&Origin::new(&*path));
    finding.help("Mend the name, or remove what refers to it.")
}

fn not_read(error: &Error, name: &str) -> Finding {
    let finding = Finding::new(Code::NotLoaded, error.to_string());
    finding
        .at(&Origin::new(name))
        .help("See to it that the file can be read.")
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
