//! How OpenSSL reads what HAProxy gives it: stricter than `read`, laxer, and odder.
//!
//! Written after OpenSSL 3.0's behaviour with its usual security level, 2, and held against
//! HAProxy itself by `tests/load_foretold.rs`.

mod asn1;
mod key;
mod name;
mod pem;
mod x509;

pub(super) use key::{Public, first_key};
pub(super) use name::same_name;
pub(super) use pem::{
    Block, Blocks, Fault, Malformed, Strictly, TRUSTED, is_any_certificate, is_certificate,
};
pub(super) use x509::Decoded;
