//! Limits on what the makers of a pile could multiply, each for one bundle.

/// The most intermediates in a path. webpki, which has the last word, has the same limit.
pub const MAX_INTERMEDIATES: usize = 6;
/// The most signatures that are checked, each once.
pub const MAX_SIGNATURE_CHECKS: usize = 1_000;
/// The most partial paths that are looked at.
pub const MAX_PARTIAL_PATHS: usize = 10_000;
/// The most complete paths that are verified.
pub const MAX_COMPLETE_PATHS: usize = 100;
/// The most pairs of a key and a certificate that are put to the proof.
pub const MAX_KEY_PROOFS: usize = 4_096;
