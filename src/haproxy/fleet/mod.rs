//! Many certificate files at once: loaded as HAProxy does, judged as clients do, on all cores.
//!
//! Results come one by one while others are worked on, so that what is kept at a time does not
//! grow with the fleet; what a fleet shares is looked at once: the anchors, the intermediates and
//! their signatures.
//!
//! ```
//! use fullchain::haproxy::fleet::Fleet;
//! use fullchain::haproxy::BindLine;
//! use fullchain::haproxy::load::Loader;
//! use fullchain::{Bundler, TrustStore};
//! use rustls_pki_types::UnixTime;
//!
//! # let reader = &mut fullchain::Reader::new();
//! # let root = reader.read_path("testdata/root.pem".as_ref())?;
//! # let (store, _) = TrustStore::from_material("corp", root)?;
//! let mut line = BindLine::new();
//! line.crt("testdata/damaged");
//! let fleet = Fleet::new(Loader::new(UnixTime::now())).judge(Bundler::new(store, UnixTime::now()));
//! for checked in fleet.check(line.files().to_vec()) {
//!     if let Err(refused) = &checked.loaded {
//!         println!("{refused}");
//!     }
//!     line.record(&checked);
//! }
//! assert!(!line.starts());
//! # Ok::<(), fullchain::Error>(())
//! ```

mod summary;
mod workers;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::load::{Judged, Loaded, Loader, Refused};
use crate::base::cancel::Cancel;
use crate::bundle::Bundler;
use crate::finding::{Code, Finding, Report};

pub use summary::{Metrics, Summary};
pub use workers::Checks;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Checks many files.
#[derive(Clone, Debug)]
pub struct Fleet {
    loader: Loader,
    bundler: Option<Bundler>,
    threads: usize,
    in_order: bool,
    warn: Option<Duration>,
    cancel: Cancel,
}

impl Fleet {
    /// A fleet for that loader, on as many threads as there are cores.
    pub fn new(loader: Loader) -> Self {
        Self {
            loader,
            bundler: None,
            threads: thread::available_parallelism().map_or(1, usize::from),
            in_order: false,
            warn: None,
            cancel: Cancel::default(),
        }
    }

    /// Says of each file, too, what the clients of this bundler's stores make of it.
    #[must_use]
    pub fn judge(mut self, bundler: Bundler) -> Self {
        self.bundler = Some(bundler);
        self
    }

    /// On so many threads, one at least.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Gives the results in the order of the files, not as they are ready.
    #[must_use]
    pub fn in_order(mut self, in_order: bool) -> Self {
        self.in_order = in_order;
        self
    }

    /// Warns of what is no longer valid in so many days.
    #[must_use]
    pub fn warn_days(mut self, days: u32) -> Self {
        self.warn = Some(DAY * days);
        self
    }

    /// Stops when this is cancelled: the results that are there still come.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Begins to check these files, and gives the results. Dropping them stops the work.
    pub fn check<I>(&self, files: I) -> Checks
    where
        I: IntoIterator<Item: Into<Arc<Path>> + 'static>,
        I::IntoIter: Send + 'static,
    {
        Checks::new(self.clone(), files.into_iter().map(Into::into))
    }

    fn check_one(&self, index: usize, file: Arc<Path>) -> Checked {
        let loaded = self.loader.load_path(&file);
        let clients = match (&loaded, &self.bundler) {
            (Ok(loaded), Some(bundler)) => Some(loaded.judge(bundler)),
            _ => None,
        };
        let mut checked = Checked {
            index,
            file,
            loaded,
            clients,
        };
        if let Some(finding) = self.expires_soon(&checked)
            && let Some(clients) = &mut checked.clients
        {
            clients.findings.extend([finding]);
        }
        checked
    }

    fn expires_soon(&self, checked: &Checked) -> Option<Finding> {
        let chain = checked.clients.as_ref()?.chain.as_ref()?;
        let left = chain
            .valid_until()
            .as_secs()
            .checked_sub(self.loader.time().as_secs())?;
        if Duration::from_secs(left) > self.warn? {
            return None;
        }
        let message = format!(
            "{} or a certificate above it expires in {} days",
            chain.leaf().subject_text(),
            left / DAY.as_secs()
        );
        Some(Finding::new(Code::ExpiresSoon, message).at(chain.leaf().origin()))
    }
}

/// What came of one file.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Checked {
    /// Its place among the files, counted from 0.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub index: usize,
    /// The file.
    pub file: Arc<Path>,
    /// What HAProxy has of it. In JSON it is `loaded` or `refused`.
    #[cfg_attr(
        feature = "serde",
        serde(flatten, serialize_with = "serialize_outcome")
    )]
    pub loaded: Result<Loaded, Refused>,
    /// What clients make of it, when that was asked and HAProxy loads it.
    pub clients: Option<Judged>,
}

impl Checked {
    /// All that there is to say of the file.
    pub fn findings(&self) -> Report {
        match &self.loaded {
            Ok(loaded) => {
                let mut report = loaded.findings.clone();
                if let Some(clients) = &self.clients {
                    report.merge(clients.findings.clone());
                }
                report
            }
            Err(refused) => [(*refused.finding).clone()].into_iter().collect(),
        }
    }
}

#[cfg(feature = "serde")]
fn serialize_outcome<S: serde::Serializer>(
    outcome: &Result<Loaded, Refused>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::Serialize;
    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Outcome<'o> {
        Loaded(&'o Loaded),
        Refused(&'o Refused),
    }
    match outcome {
        Ok(loaded) => Outcome::Loaded(loaded),
        Err(refused) => Outcome::Refused(refused),
    }
    .serialize(serializer)
}
