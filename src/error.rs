//! What can go wrong apart from the material itself.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::text::Printable;

/// The work could not be done: a limit was met, or a file could not be read or written.
///
/// What there is to say about the material itself is a [`Finding`](crate::Finding) instead.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The sources are larger, taken together, than [`Limits::max_bytes`](crate::read::Limits).
    TooManyBytes {
        /// The source at which the limit was passed.
        source_name: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The sources hold more blocks, taken together, than
    /// [`Limits::max_blocks`](crate::read::Limits).
    TooManyBlocks {
        /// The source at which the limit was passed.
        source_name: String,
        /// The limit.
        limit: usize,
    },
    /// The sources have more lines, taken together, than
    /// [`Limits::max_lines`](crate::haproxy::config::Limits).
    TooManyLines {
        /// The source at which the limit was passed.
        source_name: String,
        /// The limit.
        limit: usize,
    },
    /// The operating system refused something.
    Io {
        /// What was being done, as in "read" or "rename the temporary file to".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file to be replaced is something else than a file: a folder, a device, a pipe.
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// The symbolic links that lead to the file to be written form a loop, or are too many.
    LinkLoop {
        /// The first link.
        path: PathBuf,
    },
    /// A trust store holds nothing that could be trusted.
    NoAnchors {
        /// The store's name.
        store: String,
        /// What is known of the reason.
        reason: String,
    },
    /// What a bundle should be written as could not be made.
    NotEncoded {
        /// The format, as in "PKCS#12".
        format: &'static str,
        /// What stood in the way.
        reason: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io {
            action,
            path: path.to_owned(),
            error,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyBytes { source_name, limit } => write!(
                f,
                "{}: more than {limit} bytes of input; raise the limit if that is meant",
                Printable(source_name)
            ),
            Self::TooManyBlocks { source_name, limit } => write!(
                f,
                "{}: more than {limit} PEM blocks of input; raise the limit if that is meant",
                Printable(source_name)
            ),
            Self::TooManyLines { source_name, limit } => write!(
                f,
                "{}: more than {limit} lines of input; raise the limit if that is meant",
                Printable(source_name)
            ),
            Self::Io {
                action,
                path,
                error,
            } => write!(f, "cannot {action} {}: {error}", Printable(path)),
            Self::NotAFile { path } => write!(f, "{} is not a regular file", Printable(path)),
            Self::LinkLoop { path } => write!(
                f,
                "{}: too many symbolic links, or a loop of them",
                Printable(path)
            ),
            Self::NoAnchors { store, reason } => write!(
                f,
                "the trust store {} has no root that can be used: {}",
                Printable(store),
                Printable(reason)
            ),
            Self::NotEncoded { format, reason } => {
                write!(f, "the bundle cannot be written as {format}: {reason}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
