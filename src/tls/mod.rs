//! The words of a TLS handshake: versions, cipher suites, groups, signature schemes and alerts,
//! by number and by name; the languages in which OpenSSL takes lists of them; and the
//! clients that people meet.

mod ciphers;
mod clients;
mod lists;
mod meeting;
mod names;
mod suites;

pub use ciphers::{CipherFault, Ciphers};
pub use clients::Client;
pub use lists::{UnknownWord, ciphersuites, groups, signature_schemes};
pub use meeting::{Met, Missed, Offer};
pub use names::{Alert, ClientCertificate, Group, SignatureScheme, Version};
pub use suites::{Authentication, CipherSuite, KeyExchange};
