//! One deployment into a folder at a time.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// How often somebody who waits looks.
const PAUSE: Duration = Duration::from_millis(20);

/// The folders that nobody else deploys into for as long as this lives. The system gives them back
/// when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _folders: Vec<File>,
}

impl Lock {
    /// Waits for its turn, and says whether it had to; `Ok(None)` when it did not come in time.
    pub(super) fn take(
        folders: BTreeSet<PathBuf>,
        deadline: Instant,
        is_cancelled: impl Fn() -> bool,
    ) -> Result<Option<(Self, bool)>, Error> {
        let mut locked = Vec::new();
        let mut waited = false;
        // In one order for all, so that nobody waits in a circle.
        for folder in folders {
            let file = open(&folder).map_err(Error::io("open the folder", &folder))?;
            loop {
                match file.try_lock() {
                    Ok(()) => break,
                    Err(TryLockError::Error(error)) => {
                        return Err(Error::io("lock the folder", &folder)(error));
                    }
                    Err(TryLockError::WouldBlock) => {}
                }
                waited = true;
                if Instant::now() >= deadline || is_cancelled() {
                    return Ok(None);
                }
                thread::sleep(PAUSE);
            }
            locked.push(file);
        }
        Ok(Some((Self { _folders: locked }, waited)))
    }
}

#[cfg(unix)]
fn open(folder: &Path) -> std::io::Result<File> {
    File::open(folder)
}

/// Only Unix lets a folder be opened as a file.
#[cfg(not(unix))]
fn open(folder: &Path) -> std::io::Result<File> {
    let lock = folder.join(".fullchain-lock");
    File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(lock)
}
