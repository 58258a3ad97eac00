//! How certificates hang together: the issuer graph, the search for a path, and its proof.
//!
//! A pile of CA certificates is a graph. [`search`] walks it from the leaf towards any trust
//! anchor, shortest paths first, over edges that are proven by signature; [`verify`] lets webpki
//! decide about each path; [`explain`] says why when none is accepted. Nothing here reads a
//! clock or a file.

pub(crate) mod explain;
mod pool;
pub(crate) mod search;
mod signature;
pub(crate) mod verify;

pub(crate) use pool::Pool;
pub(crate) use signature::Signatures;

/// Limits on what the makers of a pile could multiply.
pub mod limits {
    /// The most intermediates in a path. webpki, which has the last word, has the same limit.
    pub const MAX_INTERMEDIATES: usize = 6;
    /// The most signatures that are checked for one bundle, each once.
    pub const MAX_SIGNATURE_CHECKS: usize = 1_000;
    /// The most partial paths that are looked at for one bundle.
    pub const MAX_PARTIAL_PATHS: usize = 10_000;
    /// The most complete paths that are verified for one bundle.
    pub const MAX_COMPLETE_PATHS: usize = 100;
    /// The most pairs of a key and a certificate that are put to the proof for one bundle.
    pub const MAX_KEY_PROOFS: usize = 4_096;
}
