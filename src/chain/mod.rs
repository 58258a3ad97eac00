//! How certificates hang together: the issuer graph, the search for a path, and its proof.
//!
//! A pile of CA certificates is a graph. `search` walks it from the leaf towards any trust
//! anchor, shortest paths first, over edges that are proven by signature; `verify` lets webpki
//! decide about each path; `explain` says why when none is accepted. Nothing here reads a clock
//! or a file. The outcome is a [`Chain`].

mod constraints;
mod explain;
mod faults;
mod graph;
mod judged;
mod leftover;
pub mod limits;
mod preference;
mod resolve;
mod search;
mod seen;
mod signature;
mod tree;
mod verify;

use rustls_pki_types::{ServerName, UnixTime};

use crate::cert::Certificate;

pub use limits::{Limit, Limits};
pub use preference::Preference;
pub use search::{Missing, Path, Search, Step};
pub use signature::SignatureMemory;
pub use tree::IssuerTree;

pub(crate) use explain::moment;
pub(crate) use leftover::distinct;
pub(crate) use resolve::{Requirements, Resolution};
pub(crate) use seen::Seen;
pub(crate) use tree::draw;

/// A verified path: certificates in the order in which a server sends them.
///
/// Only a [`Bundler`](crate::Bundler) and its [`Draft`](crate::Draft)s make chains. Each certificate's signature verifies with the
/// next one's key, and webpki accepted the path for TLS servers at
/// [`verified_at`](Self::verified_at) for each of the stores [`trusted_by`](Self::trusted_by)
/// and each of the [`names`](Self::names).
#[derive(Clone, Debug)]
pub struct Chain {
    leaf: Certificate,
    intermediates: Vec<Certificate>,
    root: Option<Certificate>,
    trust: Vec<Trust>,
    names: Vec<ServerName<'static>>,
    verified_at: UnixTime,
    valid_until: UnixTime,
}

/// What the clients of one trust store make of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trust {
    /// The store's name.
    pub store: String,
    /// Whether they accept it.
    pub trusted: bool,
    /// The intermediates through which they come to a root of theirs.
    pub path: Vec<Certificate>,
    /// The last moment at which that path is valid.
    pub valid_until: Option<UnixTime>,
    /// Why they do not accept it.
    pub reason: Option<String>,
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
    pub fn trusted_by(&self) -> Vec<&str> {
        let trusting = self.trust.iter().filter(|trust| trust.trusted);
        trusting.map(|trust| trust.store.as_str()).collect()
    }

    /// For each given store whether its clients accept the chain, by which path and until when.
    pub fn trust(&self) -> &[Trust] {
        &self.trust
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
impl serde::Serialize for Chain {
    /// `leaf`, `intermediates`, `root`, `trusted_by`, `trust`, `names`, `verified_at` and
    /// `valid_until` (seconds since 1970-01-01T00:00:00Z).
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let names: Vec<_> = self.names.iter().map(|name| name.to_str()).collect();
        let mut object = serializer.serialize_struct("Chain", 8)?;
        object.serialize_field("leaf", &self.leaf)?;
        object.serialize_field("intermediates", &self.intermediates)?;
        object.serialize_field("root", &self.root)?;
        object.serialize_field("trusted_by", &self.trusted_by())?;
        object.serialize_field("trust", &self.trust)?;
        object.serialize_field("names", &names)?;
        object.serialize_field("verified_at", &self.verified_at.as_secs())?;
        object.serialize_field("valid_until", &self.valid_until.as_secs())?;
        object.end()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Trust {
    /// The members as they are named; of `path` the subjects, `valid_until` in seconds since
    /// 1970-01-01T00:00:00Z.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let until = self.valid_until.map(|until| until.as_secs());
        let mut object = serializer.serialize_struct("Trust", 5)?;
        object.serialize_field("store", &self.store)?;
        object.serialize_field("trusted", &self.trusted)?;
        let path: Vec<_> = self.path.iter().map(Certificate::subject_text).collect();
        object.serialize_field("path", &path)?;
        object.serialize_field("valid_until", &until)?;
        object.serialize_field("reason", &self.reason)?;
        object.end()
    }
}
