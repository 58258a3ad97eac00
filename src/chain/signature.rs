//! Signature checks: each done once, counted, remembered, and lent to webpki.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, SliceReader};
use ring::digest::{Context, SHA256};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

use super::limits::MAX_REMEMBERED_SIGNATURES;
use crate::cert::Certificate;

type Fingerprint = [u8; 32];

/// The signatures checked so far, and their outcome.
///
/// Public-key arithmetic is most of what a bundle costs, and bundles of one fleet share their
/// intermediates: give all [`Bundler`](crate::Bundler)s clones of one memory, on whatever
/// threads. An outcome is kept under the SHA-256 of all that went into it, so it holds for these
/// very bytes only; at most [`MAX_REMEMBERED_SIGNATURES`] are kept.
#[derive(Clone, Debug, Default)]
pub struct SignatureMemory {
    outcomes: Arc<Mutex<HashMap<Fingerprint, bool>>>,
}

impl SignatureMemory {
    /// A memory of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many outcomes it holds.
    pub fn len(&self) -> usize {
        self.outcomes().len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn outcomes(&self) -> std::sync::MutexGuard<'_, HashMap<Fingerprint, bool>> {
        // Whoever panicked while holding it left the map as it was.
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, fingerprint: Fingerprint, outcome: bool) {
        let mut outcomes = self.outcomes();
        if outcomes.len() >= MAX_REMEMBERED_SIGNATURES {
            outcomes.clear();
        }
        outcomes.insert(fingerprint, outcome);
    }
}

/// What came of checking a certificate against a possible issuer's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Valid,
    Invalid,
    /// No supported algorithm goes with this signature and key.
    Unsupported,
    /// The limit on signature checks is used up.
    Exhausted,
}

/// Checks for one search, up to its limit.
#[derive(Debug)]
pub(super) struct Signatures {
    memory: SignatureMemory,
    left: AtomicUsize,
}

impl Signatures {
    pub(super) fn new(memory: SignatureMemory, most: usize) -> Self {
        Self {
            memory,
            left: AtomicUsize::new(most),
        }
    }

    /// Whether the key in this SubjectPublicKeyInfo content signed the certificate.
    pub(super) fn check(&self, certificate: &Certificate, issuer_spki: &[u8]) -> Check {
        let Some((algorithm, key)) = parts(issuer_spki) else {
            return Check::Unsupported;
        };
        let (message, signature_algorithm, signature) = certificate.signed_data();
        let fitting = webpki::ALL_VERIFICATION_ALGS.iter().find(|known| {
            known.signature_alg_id().as_ref() == signature_algorithm
                && known.public_key_alg_id().as_ref() == algorithm
        });
        let Some(fitting) = fitting else {
            return Check::Unsupported;
        };
        match self.verify(*fitting, key, message, signature) {
            Some(true) => Check::Valid,
            Some(false) => Check::Invalid,
            None => Check::Exhausted,
        }
    }

    /// Whether a certificate is signed with its own key, whoever it says issued it.
    pub(super) fn is_self_signed(&self, certificate: &Certificate) -> bool {
        self.check(certificate, certificate.spki_value()) == Check::Valid
    }

    /// webpki's algorithms, with this memory in front of them.
    pub(super) fn lend(&self) -> Vec<Remembering<'_>> {
        let all = webpki::ALL_VERIFICATION_ALGS.iter();
        all.map(|&algorithm| Remembering {
            algorithm,
            signatures: self,
        })
        .collect()
    }

    /// `None` when the limit is used up.
    fn verify(
        &self,
        algorithm: &dyn SignatureVerificationAlgorithm,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let fingerprint = fingerprint(algorithm, key, message, signature);
        if let Some(&outcome) = self.memory.outcomes().get(&fingerprint) {
            return Some(outcome);
        }
        let spend = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
            .ok()?;
        let outcome = algorithm.verify_signature(key, message, signature).is_ok();
        self.memory.remember(fingerprint, outcome);
        Some(outcome)
    }
}
/// One of webpki's algorithms that asks the memory first.
#[derive(Debug)]
pub(super) struct Remembering<'a> {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    signatures: &'a Signatures,
}

impl SignatureVerificationAlgorithm for Remembering<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        match self
            .signatures
            .verify(self.algorithm, public_key, message, signature)
        {
            Some(true) => Ok(()),
            Some(false) | None => Err(InvalidSignature),
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

fn fingerprint(
    algorithm: &dyn SignatureVerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    let (key_id, signature_id) = (algorithm.public_key_alg_id(), algorithm.signature_alg_id());
    for part in [
        key_id.as_ref(),
        signature_id.as_ref(),
        key,
        signature,
        message,
    ] {
        // Lengths keep parts from running into one another.
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut fingerprint = Fingerprint::default();
    for (to, from) in fingerprint.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    fingerprint
}

/// The content of the AlgorithmIdentifier, and the key's bits.
fn parts(spki_value: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(spki_value).ok()?;
    let algorithm = AnyRef::decode(&mut reader).ok()?;
    let key = BitStringRef::decode(&mut reader).ok()?;
    Some((algorithm.value(), key.as_bytes()?))
}
