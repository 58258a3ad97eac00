//! fullchain
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        unreachable_pub,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::needless_pass_by_value,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]
mod bundle;
mod cert;
pub mod chain;
mod dh;
mod error;
pub mod finding;
pub mod haproxy;
pub mod key;
mod origin;
mod printable;
pub mod read;
mod tlv;
mod trust;
pub use bundle::{Bundle, Bundler, Refusal};
pub use cert::{Certificate, NotACertificate};
pub use chain::Chain;
pub use dh::DhParameters;
pub use error::Error;
pub use finding::{Code, Finding, Report, Severity};
pub use key::PrivateKey;
pub use origin::Origin;
pub use read::{Material, Reader};
pub use trust::TrustStore;
