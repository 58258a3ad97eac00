//! Signature checks: each done once, counted, and lent to webpki.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, SliceReader};
use ring::digest::{Context, SHA256};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

use super::limits::MAX_SIGNATURE_CHECKS;
use crate::cert::Certificate;

type Fingerprint = [u8; 32];

/// The signatures checked so far, and their outcome.
///
/// Search and verification check the same links, and public-key arithmetic is what a bundle's
/// making costs; so the outcome is remembered under a hash of all that went into it.
#[derive(Debug, Default)]
pub(crate) struct Signatures {
    outcomes: Mutex<HashMap<Fingerprint, bool>>,
}

/// What came of checking a certificate against a possible issuer's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Valid,
    Invalid,
    /// No supported algorithm goes with this signature and key.
    Unsupported,
    /// The limit on signature checks is used up.
    Exhausted,
}

impl Signatures {
    /// Whether the key in this SubjectPublicKeyInfo content signed the certificate.
    pub(crate) fn check(&self, certificate: &Certificate, issuer_spki: &[u8]) -> Check {
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

    /// webpki's algorithms, with this memory in front of them.
    pub(crate) fn lend(&self) -> Vec<Remembering<'_>> {
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
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&outcome) = outcomes.get(&fingerprint) {
            return Some(outcome);
        }
        if outcomes.len() >= MAX_SIGNATURE_CHECKS {
            return None;
        }
        let outcome = algorithm.verify_signature(key, message, signature).is_ok();
        outcomes.insert(fingerprint, outcome);
        Some(outcome)
    }
}

/// One of webpki's algorithms that asks the memory first.
#[derive(Debug)]
pub(crate) struct Remembering<'a> {
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
