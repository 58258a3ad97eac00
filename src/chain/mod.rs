//! How certificates hang together: the issuer graph, the search for a path, and its proof.
//!
//! A pile of CA certificates is a graph. `search` walks it from the leaf towards any trust
//! anchor, shortest paths first, over edges that are proven by signature; `verify` lets webpki
//! decide about each path; `explain` says why when none is accepted. Nothing here reads a clock
//! or a file. The outcome is a [`Chain`].

pub(crate) mod explain;
mod leftover;
pub mod limits;
mod pool;
mod resolve;
mod search;
mod signature;
mod verify;

use rustls_pki_types::{ServerName, UnixTime};

use crate::cert::Certificate;

pub(crate) use leftover::duplicate;
pub(crate) use pool::Pool;
pub(crate) use resolve::{Requirements, resolve};

/// A verified path: certificates in the order in which a server sends them.
///
/// Only [`Bundler`](crate::Bundler) makes chains. Each certificate's signature verifies with the
/// next one's key, and webpki accepted the path for TLS servers at
/// [`verified_at`](Self::verified_at) for each of the stores [`trusted_by`](Self::trusted_by)
/// and each of the [`names`](Self::names).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Chain {
    leaf: Certificate,
    intermediates: Vec<Certificate>,
    root: Option<Certificate>,
    trusted_by: Vec<String>,
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_names"))]
    names: Vec<ServerName<'static>>,
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_time"))]
    verified_at: UnixTime,
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_time"))]
    valid_until: UnixTime,
}

impl Chain {
    /// The server's certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The intermediates in issuing order: the leaf's issuer first.
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// The root's certificate, when it was asked for.
    pub fn root(&self) -> Option<&Certificate> {
        self.root.as_ref()
    }

    /// The certificates in the order in which a server sends them.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        [&self.leaf]
            .into_iter()
            .chain(&self.intermediates)
            .chain(&self.root)
    }

    /// The names of the stores whose clients accept the chain; one at least.
    pub fn trusted_by(&self) -> &[String] {
        &self.trusted_by
    }

    /// The names for which the leaf was checked.
    pub fn names(&self) -> &[ServerName<'static>] {
        &self.names
    }

    /// The moment for which the path was verified.
    pub fn verified_at(&self) -> UnixTime {
        self.verified_at
    }

    /// The last moment at which all its certificates are valid.
    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }
}

#[cfg(feature = "serde")]
fn serialize_names<S: serde::Serializer>(
    names: &[ServerName<'static>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names.iter().map(|name| name.to_str()))
}

#[cfg(feature = "serde")]
fn serialize_time<S: serde::Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}
