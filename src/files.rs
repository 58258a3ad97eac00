//! Writing files so that at every moment either the old or the new one is there, whole.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::bundle::Bundle;
use crate::error::Error;
use crate::passphrase::Passphrase;
use crate::pem::{SecretPem, encode};
use crate::pkcs12::to_pkcs12;

/// The most links that are followed from the target, as Linux has it.
const MAX_LINKS: usize = 40;

/// What became of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Written {
    /// There was none before.
    Created,
    /// It replaced the old one.
    Replaced,
    /// The same content was there already; the file was not touched.
    Unchanged,
}

/// The files of one or more bundles, written all or none.
///
/// | for | files |
/// |---|---|
/// | HAProxy | [`haproxy`](Self::haproxy): one for `crt`, with everything in it |
/// | HAProxy, the key apart | [`certificates`](Self::certificates) as `FILE`, [`key`](Self::key) as `FILE.key` |
/// | HAProxy's OCSP stapling | [`issuer`](Self::issuer) as `FILE.issuer` |
/// | Windows, Java | [`pkcs12`](Self::pkcs12): one, encrypted |
/// | nginx, Apache, Kubernetes | `certificates` (fullchain.pem, tls.crt) and `key` (privkey.pem, tls.key) |
///
/// Every file is written to a temporary one in its own folder, whose name begins with a dot so that
/// HAProxy's `crt DIR` passes it over, and synced to disk; when all are there they are renamed, in
/// the order in which they were added, and the folders are synced. When a rename fails, those
/// before it are undone. A crash between two renames leaves files of which each is whole: add the
/// key before its certificates, and HAProxy then refuses the pair, or uses the key that the old file
/// of certificates has in it, but never serves what does not belong together.
///
/// A new file with a key has mode 0600, one without 0644; a replaced one's mode and owner are kept,
/// and a symbolic link stays one: what it points at is replaced. Hard links, access-control lists
/// and extended attributes of the old file are not carried over.
///
/// ```no_run
/// # fn f(bundle: &fullchain::Bundle) -> Result<(), fullchain::Error> {
/// use fullchain::Files;
///
/// let mut files = Files::new();
/// files.key(bundle, "/etc/ssl/private/www.example.com.pem");
/// files.certificates(bundle, "/etc/ssl/certs/www.example.com.pem");
/// files.write()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Files {
    files: Vec<Content>,
}

/// What a file is to hold.
struct Content {
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
    is_secret: bool,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.path.display(), self.bytes.len())
    }
}

impl Files {
    /// No file.
    pub fn new() -> Self {
        Self::default()
    }

    /// What HAProxy's `crt` reads, as [`haproxy::pem`](crate::haproxy::pem) has it.
    pub fn haproxy(&mut self, bundle: &Bundle, path: impl Into<PathBuf>) {
        self.secret(path, &bundle.pem());
    }

    /// The certificates: leaf, intermediates, root if wanted; and DH parameters, if there are any.
    pub fn certificates(&mut self, bundle: &Bundle, path: impl Into<PathBuf>) {
        let bytes = bundle.certificates_pem().into_bytes();
        self.add(path, Zeroizing::new(bytes), false);
    }

    /// The private key.
    pub fn key(&mut self, bundle: &Bundle, path: impl Into<PathBuf>) {
        self.secret(path, &bundle.key_pem());
    }

    /// The certificate of the leaf's issuer, to which HAProxy holds OCSP responses; says whether it
    /// is known, which it is not where a root that is not at hand issued the leaf.
    pub fn issuer(&mut self, bundle: &Bundle, path: impl Into<PathBuf>) -> bool {
        let issuer = bundle.chain().certificates().nth(1);
        if let Some(issuer) = issuer {
            let pem = encode([("CERTIFICATE", issuer.der().as_ref())]);
            self.secret(path, &pem);
            if let Some(last) = self.files.last_mut() {
                last.is_secret = false;
            }
        }
        issuer.is_some()
    }

    /// A PKCS#12 container, as [`to_pkcs12`] has it: for Windows, Java and cloud consoles.
    ///
    /// # Errors
    ///
    /// As of [`to_pkcs12`].
    pub fn pkcs12(
        &mut self,
        bundle: &Bundle,
        passphrase: &Passphrase,
        path: impl Into<PathBuf>,
    ) -> Result<(), Error> {
        self.add(path, to_pkcs12(bundle, passphrase)?, true);
        Ok(())
    }

    fn secret(&mut self, path: impl Into<PathBuf>, pem: &SecretPem) {
        let bytes = Zeroizing::new(pem.expose().as_bytes().to_vec());
        self.add(path, bytes, true);
    }

    fn add(&mut self, path: impl Into<PathBuf>, bytes: Zeroizing<Vec<u8>>, is_secret: bool) {
        self.files.push(Content {
            path: path.into(),
            bytes,
            is_secret,
        });
    }

    /// Writes them, and says of each in turn what became of it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::NotAFile`] or [`Error::LinkLoop`]. The old files are then whole, and
    /// no temporary file is left. Only when the very last step fails, a folder's sync, are the new
    /// files in their places already; the error says which step it was.
    pub fn write(&self) -> Result<Vec<(PathBuf, Written)>, Error> {
        let written = put(self.prepare(".fullchain-")?)?;
        let paths = self.files.iter().map(|file| file.path.clone());
        Ok(paths.zip(written).collect())
    }

    /// The new contents on disk, in temporary files whose names begin so, next to where they
    /// belong.
    pub(crate) fn prepare(&self, prefix: &str) -> Result<Vec<Prepared>, Error> {
        let files = self.files.iter();
        files.map(|file| Prepared::new(file, prefix)).collect()
    }

    /// Any text that is nobody's secret, such as a crt-list.
    #[cfg(feature = "deploy")]
    pub(crate) fn text(&mut self, bytes: Vec<u8>, path: impl Into<PathBuf>) {
        self.add(path, Zeroizing::new(bytes), false);
    }

    /// The paths, and what the files are to hold.
    #[cfg(feature = "deploy")]
    pub(crate) fn contents(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        let files = self.files.iter();
        files.map(|file| (file.path.as_path(), file.bytes.as_slice()))
    }
}

/// Puts all files in their places, or none.
fn put(prepared: Vec<Prepared>) -> Result<Vec<Written>, Error> {
    // Nobody wants the only one back.
    let keep_old = prepared.len() > 1;
    let mut done = Vec::new();
    for file in prepared {
        match file.put(keep_old) {
            Ok(replaced) => done.push(replaced),
            Err(error) => {
                done.into_iter().rev().for_each(Replaced::undo);
                return Err(error);
            }
        }
    }
    done.into_iter().map(Replaced::finish).collect()
}

/// A file that waits to be renamed.
pub(crate) struct Prepared {
    /// Where all links lead.
    pub(crate) target: PathBuf,
    pub(crate) folder: PathBuf,
    /// Opened ahead: a folder that may be written, but not read, is found out before any rename.
    opened: Folder,
    /// `None` when the content is there already.
    pub(crate) new: Option<NamedTempFile>,
    /// The old file, under another name.
    old: Option<NamedTempFile<()>>,
    pub(crate) exists: bool,
}

impl Prepared {
    fn new(content: &Content, prefix: &str) -> Result<Self, Error> {
        let target = follow_links(&content.path)?;
        let old = match fs::metadata(&target) {
            Ok(attributes) if !attributes.is_file() => {
                return Err(Error::NotAFile { path: target });
            }
            Ok(attributes) => Some(attributes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("look at", &target)(error)),
        };
        let folder = folder_of(&target);
        let mut prepared = Self {
            opened: open_folder(folder)?,
            folder: folder.to_owned(),
            new: None,
            old: None,
            exists: old.is_some(),
            target,
        };
        let is_there = match &old {
            Some(old) => same_content(&prepared.target, old, &content.bytes)?,
            None => false,
        };
        if !is_there {
            prepared.new = Some(prepared.temporary(content, prefix, old.as_ref())?);
        }
        Ok(prepared)
    }

    /// The new content, on disk. The file is made readable by its owner alone, and removed when it
    /// is dropped.
    fn temporary(
        &self,
        content: &Content,
        prefix: &str,
        old: Option<&fs::Metadata>,
    ) -> Result<NamedTempFile, Error> {
        let mut temporary = named(prefix)
            .tempfile_in(&self.folder)
            .map_err(Error::io("create a temporary file in", &self.folder))?;
        let write = temporary.write_all(&content.bytes);
        write.map_err(Error::io("write", temporary.path()))?;
        match old {
            Some(old) => keep_attributes(temporary.as_file(), old)
                .map_err(Error::io("keep the owner and mode of", &self.target))?,
            None if content.is_secret => {}
            None => readable(temporary.as_file())
                .map_err(Error::io("set the mode of", temporary.path()))?,
        }
        let sync = temporary.as_file().sync_all();
        sync.map_err(Error::io("sync", temporary.path()))?;
        Ok(temporary)
    }

    /// The old file under another name, too.
    pub(crate) fn keep(&self, prefix: &str) -> Result<NamedTempFile<()>, Error> {
        // Not every file system has hard links.
        let copy = |path: &Path| {
            fs::copy(&self.target, path)?;
            let (copy, old) = (fs::File::open(path)?, fs::metadata(&self.target)?);
            keep_attributes(&copy, &old)
        };
        let keep = |path: &Path| fs::hard_link(&self.target, path).or_else(|_| copy(path));
        let old = named(prefix).make_in(&self.folder, keep);
        old.map_err(Error::io("keep a copy of", &self.target))
    }

    fn put(mut self, keep_old: bool) -> Result<Replaced, Error> {
        let Some(new) = self.new.take() else {
            return Ok(Replaced(self, Written::Unchanged));
        };
        if self.exists && keep_old {
            self.old = Some(self.keep(".fullchain-")?);
        }
        self.rename(new)?;
        let written = match self.exists {
            true => Written::Replaced,
            false => Written::Created,
        };
        Ok(Replaced(self, written))
    }

    pub(crate) fn rename(&self, new: NamedTempFile) -> Result<(), Error> {
        let renamed = new.persist(&self.target);
        renamed
            .map(drop)
            .map_err(|error| Error::io("rename the temporary file to", &self.target)(error.error))
    }

    pub(crate) fn sync(&self) -> Result<(), Error> {
        sync_folder(&self.opened, &self.folder)
    }
}

/// A file in its place, and the old one for as long as it may be wanted back.
struct Replaced(Prepared, Written);

impl Replaced {
    /// As well as it can be done: the reason why is told, not what came of this.
    fn undo(self) {
        let Self(mut file, written) = self;
        let _ = match (written, file.old.take()) {
            (Written::Created, _) => fs::remove_file(&file.target),
            (Written::Replaced, Some(old)) => old
                .persist(&file.target)
                .map(drop)
                .map_err(|error| error.error),
            _ => Ok(()),
        };
        let _ = file.sync();
    }

    fn finish(self) -> Result<Written, Error> {
        let Self(mut file, written) = self;
        if written != Written::Unchanged {
            drop(file.old.take());
            file.sync()?;
        }
        Ok(written)
    }
}

fn named(prefix: &str) -> tempfile::Builder<'_, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(".tmp");
    builder
}

pub(crate) fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The file that a path names in the end, which need not exist.
pub(crate) fn follow_links(path: &Path) -> Result<PathBuf, Error> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&target) {
            // A relative link starts from the folder that it is in.
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(Error::LinkLoop {
        path: path.to_owned(),
    })
}

fn same_content(path: &Path, attributes: &fs::Metadata, content: &[u8]) -> Result<bool, Error> {
    if u64::try_from(content.len()).ok() != Some(attributes.len()) {
        return Ok(false);
    }
    match fs::read(path).map(Zeroizing::new) {
        Ok(old) => Ok(old.as_slice() == content),
        // A file that may be replaced, but not read, is simply replaced.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

#[cfg(unix)]
fn keep_attributes(file: &fs::File, old: &fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_attributes(_: &fs::File, _: &fs::Metadata) -> std::io::Result<()> {
    // A new file inherits the folder's access-control list.
    Ok(())
}

/// For everybody to read.
#[cfg(unix)]
fn readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}

/// A folder, to sync it once the file is in it. Only Unix lets one be opened as a file.
#[cfg(unix)]
type Folder = fs::File;
#[cfg(not(unix))]
type Folder = ();

#[cfg(unix)]
fn open_folder(folder: &Path) -> Result<Folder, Error> {
    fs::File::open(folder).map_err(Error::io("open the folder", folder))
}

#[cfg(not(unix))]
fn open_folder(_: &Path) -> Result<Folder, Error> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(opened: &Folder, folder: &Path) -> Result<(), Error> {
    let sync = opened.sync_all();
    sync.map_err(Error::io("sync the folder", folder))
}

#[cfg(not(unix))]
fn sync_folder(_: &Folder, _: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Content, Prepared, put};

    fn prepared(folder: &Path, name: &str) -> Prepared {
        let content = Content {
            path: folder.join(name),
            bytes: b"new".to_vec().into(),
            is_secret: true,
        };
        Prepared::new(&content, ".fullchain-").expect("the folder is writable")
    }

    #[test]
    fn files_are_undone_when_a_later_one_cannot_be_renamed() {
        let folder = tempfile::tempdir().expect("/tmp is writable");
        let folder = folder.path();
        fs::write(folder.join("old"), "old").expect("the folder is writable");
        let files = ["old", "created", "refused"].map(|name| prepared(folder, name));
        // It gets into the way when all has been looked at.
        fs::create_dir(folder.join("refused")).expect("the folder is writable");
        let error = put(files.into())
            .expect_err("a folder is no file")
            .to_string();
        assert!(error.contains("rename"), "{error}");
        let old = fs::read_to_string(folder.join("old")).expect("it is there");
        assert_eq!(old, "old");
        let entries = fs::read_dir(folder).expect("it is there");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("a name").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["old", "refused"]);
    }
}
