//! `haproxy -c` on the configuration as it will be: with the new files, before they are in their
//! places.
//!
//! A copy of the configuration names a folder beside the certificates, in which the new files are,
//! and links to all that stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::journal::{Waiting, temporary_folder};
use super::process::real;
use super::program;
use crate::base::cancel::Cancel;
use crate::error::Error;
use crate::files::folder_of;
use crate::haproxy::config::{Environment, Variable, files_of, quoted, words};
use crate::haproxy::load::beside;
use crate::haproxy::{CrtEntry, CrtList};

/// The longest configuration file that is read, in bytes.
const MOST_CONFIG: u64 = 64 * 1024 * 1024;
/// The suffixes of twins, whose base name stands in the configuration.
const TWINS: [&str; 3] = ["ecdsa", "rsa", "dsa"];

/// What came of it.
pub(super) struct Rehearsed {
    /// Why HAProxy would not start, in its words.
    pub(super) refused: Option<String>,
    /// By what the configuration names the new files: themselves, their folder, a crt-list.
    pub(super) named: BTreeSet<PathBuf>,
}

/// Asks HAProxy what it makes of these configurations with the files that wait.
pub(super) fn rehearse(
    haproxy: &Path,
    configs: &[PathBuf],
    waiting: &Waiting,
    timeout: Duration,
    cancel: &Cancel,
) -> Result<Rehearsed, Error> {
    let mut stage = Stage::new(waiting)?;
    let mut command = Command::new(haproxy);
    command.arg("-c");
    let mut copies = Vec::new();
    for config in files_of(configs)? {
        let copy = stage.copy(&config)?;
        command.arg("-f").arg(&copy);
        copies.push((copy, config));
    }
    let failed = Error::io("run", haproxy);
    let ended = program::run(&mut command, timeout, cancel).map_err(failed)?;
    let refused = (!ended.is_fine()).then(|| {
        let mut told = ended.told(6);
        for (copy, config) in copies.iter().chain(&stage.names) {
            told = told.replace(&*copy.to_string_lossy(), &config.to_string_lossy());
        }
        told
    });
    Ok(Rehearsed {
        refused,
        named: stage.named,
    })
}

/// The folder with the new state in it.
struct Stage {
    folder: TempDir,
    /// Where each new file belongs, and where it is now.
    new: BTreeMap<PathBuf, PathBuf>,
    /// The folders that were mirrored, and all other names that HAProxy may tell: as they are on the
    /// stage, and as they really are.
    names: Vec<(PathBuf, PathBuf)>,
    crt_base: Option<PathBuf>,
    environment: Environment,
    named: BTreeSet<PathBuf>,
}

impl Stage {
    fn new(waiting: &Waiting) -> Result<Self, Error> {
        let absolute = |path: &Path| real(path);
        let new = waiting.new_files();
        let new: BTreeMap<PathBuf, PathBuf> = new
            .map(|(target, now)| (absolute(target), absolute(now)))
            .collect();
        let folder = new
            .keys()
            .next()
            .map_or(Path::new("."), |first| folder_of(first));
        Ok(Self {
            folder: temporary_folder(folder)?,
            new,
            names: Vec::new(),
            crt_base: None,
            environment: environment(),
            named: BTreeSet::new(),
        })
    }

    /// The configuration with other names for what changes.
    fn copy(&mut self, config: &Path) -> Result<PathBuf, Error> {
        let text = read(config)?;
        let mut copy = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            copy += &self.line(line, config)?;
        }
        let path = self.folder.path().join(format!("{}.cfg", self.names.len()));
        fs::write(&path, copy).map_err(Error::io("write", &path))?;
        self.names.push((path.clone(), config.to_owned()));
        Ok(path)
    }

    fn line(&mut self, line: &str, config: &Path) -> Result<String, Error> {
        let content = line.strip_suffix('\n').unwrap_or(line);
        // What HAProxy refuses it will refuse itself.
        let Ok(words) = words(content.as_bytes(), |name| self.variable(name, config)) else {
            return Ok(line.to_owned());
        };
        let texts: Vec<String> = words.iter().map(|it| it.text().into_owned()).collect();
        let text = |index: usize| texts.get(index).map(String::as_str);
        self.set_variable(&texts);
        match (text(0), text(1)) {
            (Some("crt-base"), Some(base)) => self.crt_base = Some(base.into()),
            (Some("default-path"), Some(origin @ ("config" | "parent"))) => {
                let folder = std::path::absolute(folder_of(config)).unwrap_or_default();
                let folder = match origin {
                    "config" => folder,
                    _ => folder.join(".."),
                };
                return Ok(format!("default-path origin {}\n", quoted_path(&folder)));
            }
            _ => {}
        }
        let mut staged = BTreeMap::new();
        for (index, (keyword, name)) in texts.iter().zip(texts.iter().skip(1)).enumerate() {
            let path = match keyword.as_str() {
                "crt" | "default-crt" => self.staged(Path::new(name))?,
                "crt-list" => self.staged_list(Path::new(name))?,
                _ => None,
            };
            let Some(path) = path else { continue };
            staged.insert(index + 1, path);
            let named = match (&self.crt_base, keyword.as_str()) {
                (Some(base), "crt" | "default-crt") => base.join(name),
                _ => PathBuf::from(name),
            };
            self.named.insert(real(&named));
        }
        let mut edited = line.to_owned();
        // From the end, so that places before stay where they are. The words of one variable stand
        // in one place, and are all written there.
        let indexed: Vec<_> = words.iter().enumerate().collect();
        let places = indexed.chunk_by(|(_, one), (_, next)| one.range == next.range);
        for place in places.collect::<Vec<_>>().into_iter().rev() {
            let is_staged = |index: &usize| staged.contains_key(index);
            let Some((_, first)) = place
                .first()
                .filter(|_| place.iter().any(|(index, _)| is_staged(index)))
            else {
                continue;
            };
            let texts = place.iter().map(|(index, word)| match staged.get(index) {
                Some(path) => quoted_path(path),
                None => quoted(word.as_bytes()),
            });
            let texts = texts.collect::<Vec<_>>().join(" ");
            edited.replace_range(first.range.clone(), &texts);
        }
        Ok(edited)
    }

    fn variable(&self, name: &str, config: &Path) -> Variable {
        match name {
            ".FILE" => Variable::Set(config.to_string_lossy().into_owned()),
            name => self.environment.get(name),
        }
    }

    /// Files may be named by what `global` sets.
    fn set_variable(&mut self, words: &[String]) {
        let environment = std::mem::take(&mut self.environment);
        self.environment = match words {
            [keyword, name, value] if keyword == "setenv" => environment.with(name, value),
            [keyword, name, value]
                if keyword == "presetenv" && environment.get(name) == Variable::Unset =>
            {
                environment.with(name, value)
            }
            [keyword, names @ ..] if keyword == "unsetenv" => {
                names.iter().fold(environment, Environment::without)
            }
            _ => environment,
        };
    }

    /// What stands on the stage for a file, a folder or a base name; `None` for what stays as it
    /// is.
    fn staged(&mut self, path: &Path) -> Result<Option<PathBuf>, Error> {
        let path = match &self.crt_base {
            Some(base) => base.join(path),
            None => path.to_owned(),
        };
        let path = real(&path);
        if self.new.keys().any(|target| folder_of(target) == path) {
            return self.mirror(&path, |_| true).map(Some);
        }
        let is_meant = self.new.keys().any(|target| {
            *target == path
                || TWINS.iter().any(|suffix| *target == beside(&path, suffix))
                // A side file of it is new.
                || ["key", "issuer"].iter().any(|suffix| *target == beside(&path, suffix))
        });
        let Some(name) = path.file_name().filter(|_| is_meant) else {
            return Ok(None);
        };
        let start = name.as_encoded_bytes();
        let folder = self.mirror(folder_of(&path), |name| name.starts_with(start))?;
        Ok(Some(folder.join(name)))
    }

    /// A crt-list in which new files have their names on the stage, or which is new itself.
    fn staged_list(&mut self, path: &Path) -> Result<Option<PathBuf>, Error> {
        let target = real(path);
        let now = self.new.get(&target).cloned();
        let mut is_meant = now.is_some();
        let text = read(now.as_deref().unwrap_or(path))?;
        let (mut list, _) = CrtList::parse(&path.to_string_lossy(), text.as_bytes());
        let entries = list.entries().map(|(line, entry)| (line, entry.clone()));
        for (line, entry) in entries.collect::<Vec<_>>() {
            let Some(staged) = self.staged(Path::new(entry.file()))? else {
                continue;
            };
            is_meant = true;
            if let Ok(moved) = moved(&entry, &staged) {
                list.replace(line, &moved);
            }
        }
        if !is_meant {
            return Ok(None);
        }
        let copy = self
            .folder
            .path()
            .join(format!("{}.list", self.names.len()));
        fs::write(&copy, list.to_bytes()).map_err(Error::io("write", &copy))?;
        self.names.push((copy.clone(), path.to_owned()));
        Ok(Some(copy))
    }

    /// A folder with the new files and links to those others whose name is wanted.
    fn mirror(
        &mut self,
        folder: &Path,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<PathBuf, Error> {
        let mirror = self.folder.path().join(self.names.len().to_string());
        let failed = |error| Error::io("write to the temporary folder", &mirror)(error);
        fs::create_dir(&mirror).map_err(failed)?;
        let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for entry in listed.map_err(Error::io("list the folder", folder))? {
            let name = entry.file_name();
            let bytes = name.as_encoded_bytes();
            let path = folder.join(&name);
            if !bytes.starts_with(b".") && is_wanted(bytes) && !self.new.contains_key(&path) {
                link(&path, &mirror.join(&name)).map_err(failed)?;
            }
        }
        for (target, now) in &self.new {
            let name = target.file_name().unwrap_or_default();
            if folder_of(target) == folder && is_wanted(name.as_encoded_bytes()) {
                link(now, &mirror.join(name)).map_err(failed)?;
            }
        }
        self.names.push((mirror.clone(), folder.to_owned()));
        Ok(mirror)
    }
}

/// That of this process, which HAProxy is given, too.
fn environment() -> Environment {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    variables.fold(Environment::empty(), |environment, (name, value)| {
        environment.with(name, value)
    })
}

/// The same entry with another file.
fn moved(entry: &CrtEntry, file: &Path) -> Result<CrtEntry, crate::haproxy::Unwritable> {
    let mut moved = CrtEntry::new(file.to_string_lossy())?;
    for option in entry.options() {
        moved = moved.option(option)?;
    }
    for filter in entry.filters() {
        moved = moved.filter(filter)?;
    }
    Ok(moved)
}

fn read(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::io("read", path)(error);
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > MOST_CONFIG {
        return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    let bytes = fs::read(path).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn quoted_path(path: &Path) -> String {
    quoted(path.to_string_lossy().as_bytes())
}

#[cfg(unix)]
fn link(original: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(original, link)
}

#[cfg(not(unix))]
fn link(original: &Path, link: &Path) -> io::Result<()> {
    fs::copy(original, link).map(drop)
}
