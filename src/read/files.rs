//! The same reader for files, folders and streams, with no copy of a key left in memory.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Material, Reader};
use crate::error::Error;

/// The first buffer for a stream of unknown length.
const FIRST_BUFFER: usize = 64 * 1024;

impl Reader {
    /// Reads a file, or the regular files of a folder in the byte order of their names, without
    /// going into folders below it or reading files whose name begins with a dot.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], or what [`read`](Self::read) says.
    pub fn read_path(&mut self, path: &Path) -> Result<Material, Error> {
        let attributes = fs::metadata(path).map_err(Error::io("read", path))?;
        if !attributes.is_dir() {
            return self.read_file(path);
        }
        let mut material = Material::default();
        for file in files_of(path)? {
            material.merge(self.read_file(&file)?);
        }
        Ok(material)
    }

    /// Reads a stream to its end, such as standard input.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], or what [`read`](Self::read) says.
    pub fn read_from(&mut self, name: &str, stream: impl Read) -> Result<Material, Error> {
        self.read_stream(Path::new(name), stream, FIRST_BUFFER)
    }

    fn read_file(&mut self, path: &Path) -> Result<Material, Error> {
        let (file, length) = open(path)?;
        self.read_stream(path, file, length)
    }

    fn read_stream(
        &mut self,
        path: &Path,
        stream: impl Read,
        first: usize,
    ) -> Result<Material, Error> {
        let name = path.to_string_lossy();
        let room = self.limits.max_bytes.saturating_sub(self.bytes);
        let content = whole(stream, first, room).map_err(Error::io("read", path))?;
        let content = content.ok_or_else(|| self.too_many_bytes(&name))?;
        self.read(&name, &content)
    }
}

/// The content of a file that may hold a key, and is not larger than this.
///
/// # Errors
///
/// [`Error::Io`] or [`Error::TooManyBytes`].
pub(crate) fn content(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (file, length) = open(path)?;
    let content = whole(file, length, limit).map_err(Error::io("read", path))?;
    content.ok_or_else(|| Error::TooManyBytes {
        source_name: path.to_string_lossy().into_owned(),
        limit,
    })
}

/// The file, and a length that is enough to find its end without growing a buffer.
fn open(path: &Path) -> Result<(fs::File, usize), Error> {
    let file = fs::File::open(path).map_err(Error::io("open", path))?;
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok((file, length.saturating_add(1)))
}

/// All of a stream; `None` when it is longer than the limit.
fn whole(
    mut stream: impl Read,
    first: usize,
    limit: usize,
) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let most = limit.saturating_add(1);
    let mut buffer = Zeroizing::new(vec![0; first.clamp(1, most)]);
    let mut length = 0;
    loop {
        if length == buffer.len() {
            if length == most {
                return Ok(None);
            }
            // A buffer that grew in place would leave its old copy behind.
            let mut larger = Zeroizing::new(vec![0; length.saturating_mul(2).min(most)]);
            for (to, from) in larger.iter_mut().zip(buffer.iter()) {
                *to = *from;
            }
            buffer = larger;
        }
        let free = buffer.get_mut(length..).unwrap_or_default();
        match stream.read(free) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(length);
    Ok(Some(buffer))
}

/// The regular files of a folder; links to regular files count.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // A link that leads nowhere is no regular file.
        if !hidden && fs::metadata(&path).is_ok_and(|attributes| attributes.is_file()) {
            files.push(path);
        }
    }
    files.sort_unstable_by(|a, b| {
        a.as_os_str()
            .as_encoded_bytes()
            .cmp(b.as_os_str().as_encoded_bytes())
    });
    Ok(files)
}
