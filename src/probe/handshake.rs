//! A whole handshake, by rustls on *ring*: the chain exactly as it is sent.

use std::time::Instant;

use rustls::SignatureScheme;
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::{CertificateDer, ServerName};

use super::Probe;
use crate::handshake::{Seen, handshake};
use crate::tls::{Alert, ClientCertificate, Version};

/// The keys of certificates that a client can verify signatures of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Keys {
    /// ECDSA and Ed25519 alone.
    Ecdsa,
    /// RSA alone.
    Rsa,
    /// Both, as most clients.
    Both,
}

/// What a server shows to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It has the key of the first of these certificates.
    Chain {
        /// In the order in which they are sent.
        certificates: Vec<CertificateDer<'static>>,
        /// Whether it wants a certificate of its clients, too.
        client_certificate: ClientCertificate,
    },
    /// It refused.
    Alert(Alert),
    /// It could not be reached, or what it did cannot be.
    Failed(String),
}

const ECDSA: [SignatureScheme; 4] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED25519,
];
const RSA: [SignatureScheme; 6] = [
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

impl Probe {
    /// One handshake to its end, in TLS 1.2 or 1.3: rustls speaks no older ones.
    pub fn handshake(&self, version: Version, keys: Keys) -> Shown {
        let version = match version {
            Version::Tls12 => &TLS12,
            Version::Tls13 => &TLS13,
            old => return Shown::Failed(format!("no whole handshake is done in {old}")),
        };
        let name = self.name.clone().map(ServerName::try_from).transpose();
        let Ok(name) = name else {
            return Shown::Failed("the name is no host name".to_owned());
        };
        let schemes = match keys {
            Keys::Ecdsa => ECDSA.to_vec(),
            Keys::Rsa => RSA.to_vec(),
            Keys::Both => [&ECDSA[..], &RSA].concat(),
        };
        let deadline = Instant::now() + self.timeout;
        match handshake(self.connect(deadline), name.as_ref(), version, &schemes) {
            Seen::Chain(certificates, client_certificate) => Shown::Chain {
                certificates,
                client_certificate,
            },
            Seen::Alert(alert) => Shown::Alert(Alert(alert.into())),
            Seen::Failed(error) => Shown::Failed(error),
        }
    }
}
