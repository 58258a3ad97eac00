//! Limits on what the makers of a pile could multiply.

/// Limits of one search. Whichever is met ends it with a [`Limit`], in a report with a finding that
/// names it; what was found until then stands. Paths of too many intermediates are passed over as
/// long as there is a shorter one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most intermediates in a path; 6 unless set. webpki, which has the last word, allows
    /// no more, so a greater one only costs time.
    pub max_intermediates: usize,
    /// The most certificates that are reached from the leaf; 2,000 unless set.
    pub max_candidates: usize,
    /// The most signatures that are checked, not counting those in the memory; 1,000 unless set.
    pub max_signature_checks: usize,
    /// The most partial paths that are considered; 10,000 unless set.
    pub max_partial_paths: usize,
    /// The most complete paths that are found; 100 unless set.
    pub max_complete_paths: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_intermediates: 6,
            max_candidates: 2_000,
            max_signature_checks: 1_000,
            max_partial_paths: 10_000,
            max_complete_paths: 100,
        }
    }
}

/// Which of the [`Limits`] ended a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::max_intermediates`]: every path is longer.
    Intermediates(usize),
    /// [`Limits::max_candidates`].
    Candidates(usize),
    /// [`Limits::max_signature_checks`].
    SignatureChecks(usize),
    /// [`Limits::max_partial_paths`].
    PartialPaths(usize),
    /// [`Limits::max_complete_paths`].
    CompletePaths(usize),
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Intermediates(most) => write!(f, "{most} intermediates in a path"),
            Self::Candidates(most) => write!(f, "{most} certificates above the leaf"),
            Self::SignatureChecks(most) => write!(f, "{most} signature checks"),
            Self::PartialPaths(most) => write!(f, "{most} partial paths"),
            Self::CompletePaths(most) => write!(f, "{most} complete paths"),
        }
    }
}

/// The most pairs of a private and a public key that are put to the proof for one bundle.
pub const MAX_KEY_PROOFS: usize = 4_096;
/// The most outcomes that a [`SignatureMemory`](super::SignatureMemory) holds.
pub const MAX_REMEMBERED_SIGNATURES: usize = 100_000;
