//! Missing issuers, fetched from where certificates say that they are (Authority Information
//! Access, `caIssuers`, RFC 5280 section 4.2.2.1). The only door to the network.
//!
//! A [`Fetcher`] completes a [`Draft`]: it asks the URLs of the certificates whose issuers are
//! missing, one after the other, until there is a chain or nothing more is to be had. What comes
//! is a certificate in DER or PEM, or several in PKCS#7, told by content. It is verified like
//! everything else, and trusted no more for where it came from; that is why plain `http` is no
//! harm here. A [`Policy`] says what a fetch may cost, and where it may go.
//!
//! Nothing is fetched as long as the chain is complete without: then no socket is opened, and no
//! runtime started. Each fetch, and each one that did not help, is in the report.
//!
//! ```no_run
//! use fullchain::aia::{Fetcher, Policy};
//! use fullchain::{Bundler, Reader, TrustStore};
//! use rustls_pki_types::UnixTime;
//!
//! let material = Reader::new().read_path("site.pem".as_ref())?;
//! let bundler = Bundler::new(TrustStore::mozilla(), UnixTime::now());
//! let mut draft = bundler.draft(material);
//! Fetcher::new(Policy::default()).complete(&mut draft);
//! let bundle = draft.bundle()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Inside of an asynchronous program it is [`complete_async`](Fetcher::complete_async), on a
//! Tokio runtime with I/O and time. Neither sends cookies or credentials; both use the proxies
//! of the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`) unless the policy is
//! [`Addresses::PublicOnly`], and name themselves `fullchain/` and the version.

mod address;
mod cache;
mod http;
mod policy;
mod session;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::bundle::Draft;
use crate::finding::{Code, Finding};

pub use cache::Cache;
pub use policy::{Addresses, Policy};
pub use session::Request;

use session::Session;

type OnRequest = dyn Fn(&Request) + Send + Sync;

/// Brings missing issuers to drafts.
#[derive(Clone)]
pub struct Fetcher {
    policy: Policy,
    cache: Option<Cache>,
    on_request: Option<Arc<OnRequest>>,
}

impl Fetcher {
    /// A fetcher that keeps to this policy.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            cache: None,
            on_request: None,
        }
    }

    /// Keeps here what was fetched and used. To use what is there already, give the bundler the
    /// cache's [`pool`](Cache::pool).
    #[must_use]
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Calls this before each request, to show that something is under way.
    #[must_use]
    pub fn on_request(mut self, call: impl Fn(&Request) + Send + Sync + 'static) -> Self {
        self.on_request = Some(Arc::new(call));
        self
    }

    /// Fetches what is missing, and waits for it: at most as long as the policy's deadline. The
    /// report of the draft says what came of it. It may be called anywhere; in asynchronous
    /// programs it would hold up other tasks.
    pub fn complete(&self, draft: &mut Draft) {
        let mut session = Session::new(&self.policy);
        let began = Instant::now();
        let Some(first) = session.next(draft, began.elapsed()) else {
            return;
        };
        // A thread of its own, as runtimes cannot be started from within each other.
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let mut builder = tokio::runtime::Builder::new_current_thread();
                match builder.enable_io().enable_time().build() {
                    Ok(runtime) => {
                        runtime.block_on(self.run(session, first, draft, began));
                        // The system may go on resolving a name; nobody waits for it.
                        runtime.shutdown_background();
                    }
                    Err(error) => draft.note(cannot(&error.to_string())),
                }
            });
            if let Err(panic) = work.join() {
                std::panic::resume_unwind(panic);
            }
        });
    }

    /// Fetches what is missing, like [`complete`](Self::complete), without blocking.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime with I/O and time enabled, if anything is to be fetched.
    pub async fn complete_async(&self, draft: &mut Draft) {
        let mut session = Session::new(&self.policy);
        let began = Instant::now();
        if let Some(first) = session.next(draft, began.elapsed()) {
            self.run(session, first, draft, began).await;
        }
    }

    async fn run(
        &self,
        mut session: Session<'_>,
        first: Request,
        draft: &mut Draft,
        began: Instant,
    ) {
        let client = match http::client(&self.policy, draft.stores()) {
            Ok(client) => client,
            Err(reason) => return draft.note(cannot(&reason)),
        };
        let mut next = Some(first);
        while let Some(request) = next {
            if let Some(call) = &self.on_request {
                call(&request);
            }
            let answer = http::get(&client, &request).await;
            session.answer(draft, &request, answer, began.elapsed());
            next = session.next(draft, began.elapsed());
        }
        let Some(cache) = self.cache.clone() else {
            return;
        };
        let used = draft.intermediates().iter().cloned();
        let used: Vec<_> = used.filter(|it| session.fetched.contains(it)).collect();
        let kept = tokio::task::spawn_blocking(move || cache.keep(&used)).await;
        if let Ok(Some(finding)) = kept {
            draft.note(finding);
        }
    }
}

fn cannot(reason: &str) -> Finding {
    Finding::new(
        Code::FetchFailed,
        format!("nothing can be fetched: {reason}"),
    )
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("policy", &self.policy)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
