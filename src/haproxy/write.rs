//! Writing the file so that at every moment either the old or the new one is there, whole.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::pem::pem;
use crate::bundle::Bundle;
use crate::error::Error;

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

/// Writes the bundle as [`pem`](super::pem()) has it.
///
/// The text goes to a temporary file in the target's own folder, whose name begins with a dot so
/// that HAProxy's `crt DIR` passes it over; it is synced to disk, renamed, and the folder is
/// synced. A new file has mode 0600; a replaced one's mode and owner are kept, and a symbolic
/// link stays one: what it points at is replaced. Hard links, access-control lists and extended
/// attributes of the old file are not carried over.
///
/// # Errors
///
/// [`Error::Io`], [`Error::NotAFile`] or [`Error::LinkLoop`]. The old file is then whole, and no
/// temporary file is left. Only when the very last step fails, the folder's sync, is the new
/// file in its place already; the error says which step it was.
///
/// ```no_run
/// # fn f(bundle: &fullchain::Bundle) -> Result<(), fullchain::Error> {
/// use fullchain::haproxy::{Written, write};
///
/// if write(bundle, "/etc/haproxy/certs/www.example.com.pem".as_ref())? != Written::Unchanged {
///     println!("reload HAProxy");
/// }
/// # Ok(())
/// # }
/// ```
pub fn write(bundle: &Bundle, path: &Path) -> Result<Written, Error> {
    replace(path, pem(bundle).expose().as_bytes())
}

fn replace(path: &Path, content: &[u8]) -> Result<Written, Error> {
    let target = follow_links(path)?;
    let old = match fs::metadata(&target) {
        Ok(attributes) if !attributes.is_file() => {
            return Err(Error::NotAFile { path: target });
        }
        Ok(attributes) => Some(attributes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("look at", &target)(error)),
    };
    if let Some(old) = &old
        && same_content(&target, old, content)?
    {
        return Ok(Written::Unchanged);
    }
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Opened ahead: a folder that may be written, but not read, is found out before the rename.
    let opened = open_folder(folder)?;
    // It is made readable by its owner alone, and removed when it is dropped.
    let mut temporary = tempfile::Builder::new()
        .prefix(".fullchain-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(Error::io("create a temporary file in", folder))?;
    let write = temporary.write_all(content);
    write.map_err(Error::io("write", temporary.path()))?;
    if let Some(old) = &old {
        keep_attributes(temporary.as_file(), old)
            .map_err(Error::io("keep the owner and mode of", &target))?;
    }
    let sync = temporary.as_file().sync_all();
    sync.map_err(Error::io("sync", temporary.path()))?;
    temporary
        .persist(&target)
        .map_err(|error| Error::io("rename the temporary file to", &target)(error.error))?;
    sync_folder(&opened, folder)?;
    Ok(match old {
        Some(_) => Written::Replaced,
        None => Written::Created,
    })
}

/// The file that a path names in the end, which need not exist.
fn follow_links(path: &Path) -> Result<PathBuf, Error> {
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

/// The folder, to sync it once the file is in it. Only Unix lets a folder be opened as a file.
#[cfg(unix)]
fn open_folder(folder: &Path) -> Result<fs::File, Error> {
    fs::File::open(folder).map_err(Error::io("open the folder", folder))
}

#[cfg(not(unix))]
fn open_folder(_: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(opened: &fs::File, folder: &Path) -> Result<(), Error> {
    let sync = opened.sync_all();
    sync.map_err(Error::io("sync the folder", folder))
}

#[cfg(not(unix))]
fn sync_folder(_: &(), _: &Path) -> Result<(), Error> {
    Ok(())
}
