//! From a bundle to the HAProxy that serves it, or back to where it was.
//!
//! A [`Deployment`] proves before it writes, keeps what was there until the new chain is served, and
//! undoes what it did when a step fails. Of two at once in one folder, one waits. What a process
//! that was killed left behind, the next deployment into the folder puts back or removes.
//!
//! ```no_run
//! use fullchain::deploy::Deployment;
//! use fullchain::{Bundler, Reader, TrustStore};
//! use rustls_pki_types::UnixTime;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let deployed = Deployment::new("/etc/haproxy/certs/www.example.com.pem")
//!     .socket("/run/haproxy/admin.sock".parse()?)
//!     .verify("127.0.0.1:443".parse()?)
//!     .run(|| {
//!         let material = Reader::new().read_path("/etc/letsencrypt/live/www.example.com".as_ref())?;
//!         let bundler = Bundler::new(TrustStore::mozilla(), UnixTime::now());
//!         Ok(vec![bundler.build(material)?])
//!     });
//! for step in &deployed.steps {
//!     println!("{step}");
//! }
//! assert!(deployed.outcome.is_fine(), "{:?}", deployed.failed());
//! # Ok(())
//! # }
//! ```

mod foretell;
mod hook;
mod journal;
mod lock;
mod plan;
mod process;
mod program;
mod rehearsal;
mod report;
mod run;
mod verify;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::base::cancel::Cancel;
use crate::bundle::{Bundle, Refusal};
use crate::error::Error;
use crate::finding::Report;
use crate::haproxy::{Address, Version};

pub use hook::{AcmeClient, NotAClient, NotTold, Renewed};
pub use report::{Deployed, Outcome, Step, StepName};

/// How long a step may take, unless set.
const TIMEOUT: Duration = Duration::from_secs(60);

type OnStep = dyn Fn(&Step) + Send + Sync;

/// How a running HAProxy gets new files.
#[derive(Clone, Debug, Default)]
enum Update {
    /// It is not told.
    #[default]
    None,
    Socket(Address),
    Reload(String),
}

/// Where a bundle goes, and how HAProxy gets it.
#[derive(Clone)]
pub struct Deployment {
    to: PathBuf,
    update: Update,
    crt_list: Option<PathBuf>,
    configs: Vec<PathBuf>,
    haproxy: PathBuf,
    version: Option<Version>,
    verify: Vec<Address>,
    split_key: bool,
    issuer: bool,
    rehearse: bool,
    timeout: Duration,
    cancel: Cancel,
    on_step: Option<Arc<OnStep>>,
}

impl fmt::Debug for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployment")
            .field("to", &self.to)
            .field("update", &self.update)
            .field("configs", &self.configs)
            .field("verify", &self.verify)
            .finish_non_exhaustive()
    }
}

impl Deployment {
    /// Into that file, which HAProxy reads as `crt FILE`, or as one of `crt DIR` or a crt-list.
    /// Twins go to `FILE.ecdsa` and `FILE.rsa`.
    pub fn new(to: impl Into<PathBuf>) -> Self {
        Self {
            to: to.into(),
            update: Update::None,
            crt_list: None,
            configs: Vec::new(),
            haproxy: "haproxy".into(),
            version: None,
            verify: Vec::new(),
            split_key: false,
            issuer: false,
            rehearse: false,
            timeout: TIMEOUT,
            cancel: Cancel::new(),
            on_step: None,
        }
    }

    /// HAProxy gets it over this stats socket or master's socket, without a reload.
    #[must_use]
    pub fn socket(mut self, address: Address) -> Self {
        self.update = Update::Socket(address);
        self
    }

    /// HAProxy gets it by this command, which a shell runs: `systemctl reload haproxy`.
    #[must_use]
    pub fn reload(mut self, command: impl Into<String>) -> Self {
        self.update = Update::Reload(command.into());
        self
    }

    /// The crt-list that a certificate joins that is in none yet: a line is added to the file, and
    /// over the socket to HAProxy's memory.
    #[must_use]
    pub fn crt_list(mut self, list: impl Into<PathBuf>) -> Self {
        self.crt_list = Some(list.into());
        self
    }

    /// A configuration file, or a folder of them, in the order of HAProxy's `-f`: `haproxy -c` is
    /// asked about the new state before anything is replaced.
    #[must_use]
    pub fn config(mut self, path: impl Into<PathBuf>) -> Self {
        self.configs.push(path.into());
        self
    }

    /// The program that is asked; it is `haproxy` unless set.
    #[must_use]
    pub fn haproxy(mut self, program: impl Into<PathBuf>) -> Self {
        self.haproxy = program.into();
        self
    }

    /// The version of HAProxy, where no socket tells it; it is the newest unless set.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Where HAProxy listens for TLS: it must serve the new chain there, over TLS 1.2 and 1.3 as far
    /// as it speaks them, to clients that send the certificate's names (the first 100 of them).
    #[must_use]
    pub fn verify(mut self, address: Address) -> Self {
        self.verify.push(address);
        self
    }

    /// Whether the key is written apart, as `FILE.key`.
    #[must_use]
    pub fn split_key(mut self, split: bool) -> Self {
        self.split_key = split;
        self
    }

    /// Whether the issuer's certificate is written, too, as `FILE.issuer`.
    #[must_use]
    pub fn issuer(mut self, issuer: bool) -> Self {
        self.issuer = issuer;
        self
    }

    /// Whether all is done up to the writing, and nothing more.
    #[must_use]
    pub fn rehearse(mut self, rehearse: bool) -> Self {
        self.rehearse = rehearse;
        self
    }

    /// How long each step may take; 60 seconds unless set. Over a socket the new chain must be
    /// served within 10 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Stops before the next step when this is cancelled, and undoes what was done.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Calls this at the end of each step.
    #[must_use]
    pub fn on_step(mut self, call: impl Fn(&Step) + Send + Sync + 'static) -> Self {
        self.on_step = Some(Arc::new(call));
        self
    }

    /// Deploys what is built, once nobody else deploys into the folder: one bundle, or two twins, the
    /// ECDSA one first.
    ///
    /// It never panics, and has no errors of its own: what failed is a [`Step`].
    pub fn run(&self, build: impl FnOnce() -> Result<Vec<Bundle>, NotBuilt>) -> Deployed {
        run::run(self, build)
    }
}

/// Why there is no bundle to deploy.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotBuilt {
    /// The material was refused.
    Refused(Report),
    /// The work could not be done.
    Failed(Error),
}

impl From<Refusal> for NotBuilt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.report().clone())
    }
}

impl From<Error> for NotBuilt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
