//! Configuration files from the disk, as `haproxy -f` takes them.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{File, Limits};
use crate::error::Error;

/// The files that `-f` stands for, in HAProxy's order: a folder for those in it whose names end in
/// `.cfg` and do not begin with a dot, in the order of their names.
///
/// # Errors
///
/// [`Error::Io`] for a folder that cannot be listed.
pub fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let listed = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let listed = listed.map_err(Error::io("list the folder", path))?;
        let paths = listed.into_iter().map(|entry| entry.path());
        let is_config = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            name.ends_with(b".cfg") && !name.starts_with(b".")
        };
        let mut paths: Vec<PathBuf> = paths.filter(is_config).collect();
        paths.sort();
        files.extend(paths);
    }
    Ok(files)
}

/// Reads the files that `-f` stands for, within the limit on bytes.
///
/// # Errors
///
/// [`Error::Io`] for what cannot be read, and [`Error::TooManyBytes`].
pub fn read_files(paths: &[PathBuf], limits: &Limits) -> Result<Vec<File>, Error> {
    let mut left = limits.max_bytes;
    let read = |path: PathBuf| {
        let bytes = read(&path, left).map_err(Error::io("read", &path))?;
        let name = path.to_string_lossy().into_owned();
        let Some(rest) = left.checked_sub(bytes.len()) else {
            return Err(Error::TooManyBytes {
                source_name: name,
                limit: limits.max_bytes,
            });
        };
        left = rest;
        Ok(File { name, bytes })
    };
    files_of(paths)?.into_iter().map(read).collect()
}

/// One byte more than are left, if there are so many.
fn read(path: &Path, left: usize) -> io::Result<Vec<u8>> {
    let most = u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
