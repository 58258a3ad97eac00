//! What HAProxy reads: the combined PEM of `crt FILE`, and its writing.

mod pem;
mod write;

pub use pem::{SecretPem, pem};
pub use write::{Written, write};
