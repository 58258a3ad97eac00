//! Fetched certificates, kept for the day when the CA's server is down.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;

use crate::base::text::Printable;
use crate::cert::Certificate;
use crate::error::Error;
use crate::finding::{Code, Finding, Report};
use crate::origin::Origin;
use crate::pool::Pool;
use crate::read::Material;

/// The most files of a cache that are read.
const MAX_FILES: usize = 10_000;
/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// A folder of fetched certificates, each in a DER file named by its SHA-256.
///
/// What is in it is trusted no more than what comes from the network. Several programs may use
/// one folder: files are put there whole.
///
/// ```no_run
/// use fullchain::aia::{Cache, Fetcher, Policy};
/// use fullchain::{Bundler, TrustStore};
/// use rustls_pki_types::UnixTime;
///
/// let cache = Cache::new("/var/cache/fullchain");
/// let (pool, report) = cache.pool()?;
/// eprint!("{report}");
/// let bundler = Bundler::new(TrustStore::mozilla(), UnixTime::now()).pool(pool);
/// let fetcher = Fetcher::new(Policy::default()).cache(cache);
/// # Ok::<(), fullchain::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// A cache in this folder, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The certificates that are in it now. Files that are not what their name says are passed
    /// over; the report names them.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the folder is there, but cannot be read.
    pub fn pool(&self) -> Result<(Pool, Report), Error> {
        let mut report = Report::default();
        let mut material = Material::default();
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok((Pool::default(), report));
            }
            Err(error) => return Err(Error::io("read", &self.folder)(error)),
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "der"))
            .take(MAX_FILES + 1)
            .collect();
        if paths.len() > MAX_FILES {
            paths.truncate(MAX_FILES);
            let message = format!(
                "{} has more than {MAX_FILES} files; the others were not read",
                Printable(&self.folder)
            );
            report.push(Finding::new(Code::Cache, message));
        }
        paths.sort();
        for path in paths {
            match read(&path) {
                Ok(certificate) => material.certificates.push(certificate),
                Err(reason) => report.push(ignored(&path, &reason)),
            }
        }
        Ok((Pool::from_material(material).0, report))
    }

    /// Puts certificates there; says what could not be.
    pub(super) fn keep(&self, certificates: &[Certificate]) -> Option<Finding> {
        let kept = certificates.iter().try_for_each(|it| self.put(it));
        let error = kept.err()?;
        let message = format!(
            "what was fetched is not in the cache {}: {error}",
            Printable(&self.folder)
        );
        Some(Finding::new(Code::Cache, message))
    }

    fn put(&self, certificate: &Certificate) -> io::Result<()> {
        let path = self.folder.join(file_name(certificate.der()));
        if read(&path).is_ok() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".fullchain-");
        #[cfg(unix)]
        {
            // Nothing in it is secret, and other users may share it.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o644));
        }
        let mut temporary = builder.tempfile_in(&self.folder)?;
        temporary.write_all(certificate.der())?;
        temporary.as_file().sync_all()?;
        temporary.persist(&path)?;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Certificate, String> {
    let attributes = fs::metadata(path).map_err(|error| error.to_string())?;
    if !attributes.is_file() || attributes.len() > MAX_FILE_BYTES {
        return Err(format!("it is no file of at most {MAX_FILE_BYTES} bytes"));
    }
    let der = fs::read(path).map_err(|error| error.to_string())?;
    if path.file_name() != Some(file_name(&der).as_ref()) {
        return Err("its content is not what its name says".to_owned());
    }
    let origin = Origin::new(path.to_string_lossy().into_owned());
    Certificate::new(CertificateDer::from(der), origin).map_err(|error| error.to_string())
}

fn file_name(der: &[u8]) -> String {
    let mut name = String::new();
    for byte in digest(&SHA256, der).as_ref() {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    name + ".der"
}

fn ignored(path: &Path, reason: &str) -> Finding {
    let message = format!("{} was passed over: {reason}", Printable(path));
    Finding::new(Code::Cache, message)
}
