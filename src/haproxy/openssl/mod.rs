//! How OpenSSL reads what HAProxy gives it: stricter than `read`, laxer, and odder.
//!
//! Written after OpenSSL 3.0's behaviour with its usual security level, 2, and held against
//! HAProxy itself by `tests/load_foretold.rs`.

mod asn1;
mod key;
mod ocsp;
mod pem;
mod x509;

pub(super) use key::{Public, first_key};
pub(super) use ocsp::{CertId, Stapled, staple};
pub(super) use pem::{Block, Blocks, Fault, Malformed};
pub(super) use x509::{Decoded, same_name};
