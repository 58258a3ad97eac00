//! The files of a deployment, until it is known to be good: what they were is kept aside, and a
//! journal says where, so that whoever comes after a crash can put it back.
//!
//! As long as the journal is there, the deployment does not count; removing it is what makes it
//! count. All names begin with `.fullchain-deploy-`, which HAProxy's `crt DIR` passes over.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::files::{Files, Prepared, Written, folder_of};

const TEMPORARY: &str = ".fullchain-deploy-tmp-";
const KEPT: &str = ".fullchain-deploy-old-";
const JOURNAL: &str = ".fullchain-deploy-journal-";
/// What a journal begins with; another version's is left alone.
const VERSION: &str = "fullchain 1";

/// What a deployment did to a file, to be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// The old one is kept under another name.
    Replaced { kept: PathBuf, target: PathBuf },
    /// There was none.
    Created { target: PathBuf },
}

/// A deployment's journal: what to undo, and which certificates it is about to change in HAProxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Record {
    changes: Vec<Change>,
    certificates: Vec<String>,
}

impl Record {
    /// Fields end with NUL, which no path and no name has in it.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut field = |field: &[u8]| {
            bytes.extend_from_slice(field);
            bytes.push(0);
        };
        field(VERSION.as_bytes());
        for change in &self.changes {
            match change {
                Change::Replaced { kept, target } => {
                    field(b"replaced");
                    field(kept.as_os_str().as_encoded_bytes());
                    field(target.as_os_str().as_encoded_bytes());
                }
                Change::Created { target } => {
                    field(b"created");
                    field(target.as_os_str().as_encoded_bytes());
                }
            }
        }
        for certificate in &self.certificates {
            field(b"certificate");
            field(certificate.as_bytes());
        }
        bytes
    }

    /// `None` for what is no journal of this version.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let text = bytes.strip_suffix(&[0])?;
        let mut fields = text.split(|&byte| byte == 0);
        if fields.next()? != VERSION.as_bytes() {
            return None;
        }
        let mut record = Self::default();
        while let Some(kind) = fields.next() {
            let first = fields.next()?;
            match kind {
                b"replaced" => record.changes.push(Change::Replaced {
                    kept: path(first)?,
                    target: path(fields.next()?)?,
                }),
                b"created" => record.changes.push(Change::Created {
                    target: path(first)?,
                }),
                b"certificate" => {
                    let name = std::str::from_utf8(first).ok()?;
                    record.certificates.push(name.to_owned());
                }
                _ => return None,
            }
        }
        Some(record)
    }

    /// Writes it, whole.
    fn write(&self, journal: &Path) -> Result<(), Error> {
        let folder = folder_of(journal);
        let write = || -> io::Result<()> {
            let mut temporary = tempfile::Builder::new()
                .prefix(TEMPORARY)
                .tempfile_in(folder)?;
            temporary.write_all(&self.encode())?;
            temporary.as_file().sync_all()?;
            let renamed = temporary.persist(journal);
            renamed.map(drop).map_err(|error| error.error)
        };
        write().map_err(Error::io("write the journal", journal))?;
        sync(folder)
    }

    /// Puts all files back as they were. It may be done again when it was broken off.
    fn undo(&self) -> Result<(), Error> {
        for change in self.changes.iter().rev() {
            match change {
                // When it is gone, it is back in its place already.
                Change::Replaced { kept, target } if kept.exists() => {
                    fs::rename(kept, target).map_err(Error::io("put back", target))?;
                }
                Change::Replaced { .. } => {}
                Change::Created { target } => remove(target)?,
            }
        }
        for change in &self.changes {
            let (Change::Replaced { target, .. } | Change::Created { target }) = change;
            sync(folder_of(target))?;
        }
        Ok(())
    }
}

/// Paths of other systems than Unix that are not Unicode are not kept.
fn path(bytes: &[u8]) -> Option<PathBuf> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        Some(OsString::from_vec(bytes.to_vec()).into())
    }
    #[cfg(not(unix))]
    {
        String::from_utf8(bytes.to_vec())
            .ok()
            .map(|it| OsString::from(it).into())
    }
}

/// New files in their places, the old ones kept aside.
#[derive(Debug)]
pub(super) struct Placed {
    journal: PathBuf,
    record: Record,
    pub(super) written: Vec<(PathBuf, Written)>,
}

/// Why files are not in their places.
pub(super) struct NotPlaced {
    pub(super) error: Error,
    /// Why the old ones are not all back; the next deployment puts them back.
    pub(super) not_undone: Option<Error>,
}

impl NotPlaced {
    fn unchanged(error: Error) -> Self {
        Self {
            error,
            not_undone: None,
        }
    }
}

/// Files that are on disk, but not in their places yet.
pub(super) struct Waiting {
    files: Vec<Prepared>,
    paths: Vec<PathBuf>,
}

impl Waiting {
    pub(super) fn new(files: &Files) -> Result<Self, Error> {
        Ok(Self {
            paths: files.contents().map(|(path, _)| path.to_owned()).collect(),
            files: files.prepare(TEMPORARY)?,
        })
    }

    /// Whether all is there already.
    pub(super) fn is_unchanged(&self) -> bool {
        self.files.iter().all(|file| file.new.is_none())
    }

    /// Where a file is until then, of those that differ: its target and its temporary name.
    pub(super) fn new_files(&self) -> impl Iterator<Item = (&Path, &Path)> {
        let files = self.files.iter();
        files.filter_map(|file| Some((file.target.as_path(), file.new.as_ref()?.path())))
    }

    /// Puts all files in their places. When that fails, what was done is undone.
    pub(super) fn place(mut self, certificates: Vec<String>) -> Result<Placed, NotPlaced> {
        let mut record = Record {
            changes: Vec::new(),
            certificates,
        };
        let mut kept = Vec::new();
        let mut written = Vec::new();
        for (file, path) in self.files.iter().zip(self.paths) {
            let (what, change) = match (&file.new, file.exists) {
                (None, _) => (Written::Unchanged, None),
                (Some(_), false) => {
                    let target = file.target.clone();
                    (Written::Created, Some(Change::Created { target }))
                }
                (Some(_), true) => {
                    let old = file.keep(KEPT).map_err(NotPlaced::unchanged)?;
                    let change = Change::Replaced {
                        kept: old.path().to_owned(),
                        target: file.target.clone(),
                    };
                    kept.push(old);
                    (Written::Replaced, Some(change))
                }
            };
            written.push((path, what));
            record.changes.extend(change);
        }
        let journal = write_journal(&self.files, &record).map_err(NotPlaced::unchanged)?;
        // From here on the journal knows of them.
        for old in kept {
            // It fails on Windows alone, and then the file goes when it is closed.
            let _ = old.into_temp_path().keep();
        }
        let placed = Placed {
            journal,
            record,
            written,
        };
        for file in &mut self.files {
            if let Some(new) = file.new.take() {
                let done = file.rename(new).and_then(|()| file.sync());
                if let Err(error) = done {
                    return Err(NotPlaced {
                        error,
                        not_undone: placed.undo(true).err(),
                    });
                }
            }
        }
        Ok(placed)
    }
}

impl Placed {
    /// Puts the old files back. When HAProxy is not as it was, the journal still says which
    /// certificates the deployment was about, for the next one.
    pub(super) fn undo(&self, is_process_undone: bool) -> Result<(), Error> {
        self.record.undo()?;
        if is_process_undone || self.record.certificates.is_empty() {
            return remove(&self.journal);
        }
        let rest = Record {
            changes: Vec::new(),
            certificates: self.record.certificates.clone(),
        };
        rest.write(&self.journal)
    }

    /// Makes it count. What was kept aside is removed; what remains of it, the next deployment
    /// removes.
    pub(super) fn finish(&self) -> Result<(), Error> {
        remove(&self.journal)?;
        sync(folder_of(&self.journal))?;
        for change in &self.record.changes {
            if let Change::Replaced { kept, .. } = change {
                let _ = fs::remove_file(kept);
            }
        }
        Ok(())
    }
}

fn write_journal(files: &[Prepared], record: &Record) -> Result<PathBuf, Error> {
    let Some(first) = files.first() else {
        return Ok(PathBuf::new());
    };
    let folder = &first.folder;
    let mut name = OsString::from(JOURNAL);
    name.push(first.target.file_name().unwrap_or_default());
    let journal = folder.join(name);
    record.write(&journal)?;
    Ok(journal)
}

/// What a deployment that was broken off left behind.
#[derive(Debug, Default)]
pub(super) struct Remains {
    journals: Vec<(PathBuf, Record)>,
    /// What no journal knows of.
    strays: Vec<PathBuf>,
}

impl Remains {
    /// Looks for it; the folder is locked.
    pub(super) fn find(folder: &Path) -> Result<Self, Error> {
        let mut remains = Self::default();
        let failed = |error| Error::io("list the folder", folder)(error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let shown = name.to_string_lossy();
            let path = folder.join(&name);
            if shown.starts_with(JOURNAL) {
                let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
                if let Some(record) = Record::decode(&bytes) {
                    remains.journals.push((path, record));
                }
            } else if shown.starts_with(TEMPORARY) || shown.starts_with(KEPT) {
                remains.strays.push(path);
            }
        }
        Ok(remains)
    }

    /// Whether there is something to put back, or to end in HAProxy.
    pub(super) fn is_unfinished(&self) -> bool {
        !self.journals.is_empty()
    }

    /// Whether files have to be put back.
    pub(super) fn has_files(&self) -> bool {
        let mut records = self.journals.iter().map(|(_, record)| record);
        records.any(|record| !record.changes.is_empty())
    }

    /// The certificates that it was about to change in HAProxy.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &str> {
        let records = self
            .journals
            .iter()
            .flat_map(|(_, record)| &record.certificates);
        records.map(String::as_str)
    }

    /// Puts back what was, and removes the rest.
    pub(super) fn clean_up(self) -> Result<(), Error> {
        for (journal, record) in self.journals {
            record.undo()?;
            remove(&journal)?;
        }
        for stray in self.strays {
            match fs::metadata(&stray) {
                Ok(attributes) if attributes.is_dir() => {
                    fs::remove_dir_all(&stray).map_err(Error::io("remove", &stray))?;
                }
                _ => remove(&stray)?,
            }
        }
        Ok(())
    }
}

/// A folder for what must be gone at the end, and is cleaned up by the next deployment when it is
/// not.
pub(super) fn temporary_folder(folder: &Path) -> Result<tempfile::TempDir, Error> {
    let made = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempdir_in(folder);
    made.map_err(Error::io("create a temporary folder in", folder))
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn sync(folder: &Path) -> Result<(), Error> {
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(Error::io("sync the folder", folder))
}

#[cfg(not(unix))]
fn sync(_: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Change, Record};

    #[test]
    fn a_journal_is_read_as_it_was_written_and_a_cut_one_not_at_all() {
        let record = Record {
            changes: vec![
                Change::Created {
                    target: "/a b\n.key".into(),
                },
                Change::Replaced {
                    kept: "/.old".into(),
                    target: "/a".into(),
                },
            ],
            certificates: vec!["/a".to_owned()],
        };
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes), Some(record));
        for length in 0..bytes.len() {
            let cut = Record::decode(&bytes[..length]);
            // A cut between two changes would leave files as they are; the journal is written as
            // a whole, so that there is none.
            assert!(cut.is_none_or(|it| bytes[..length].ends_with(&[0]) && it.changes.len() < 3));
        }
    }
}
