//! What the integration tests share: a PKI made as they run, the `openssl` program for the text
//! and key shapes people really have, and a real HAProxy as the last judge.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]
// Options read better where they are made than behind a reference.
#![allow(clippy::needless_pass_by_value)]

#[cfg(feature = "cli")]
pub mod acme;
#[cfg(feature = "aia")]
pub mod aia;
pub mod bundling;
pub mod cert_file;
pub mod certtool;
#[cfg(feature = "aia")]
pub mod client;
#[cfg(feature = "cli")]
pub mod command;
pub mod damage;
#[cfg(feature = "cli")]
pub mod deploying;
pub mod der;
pub mod extension;
#[cfg(feature = "cli")]
pub mod faulty;
pub mod haproxy;
#[cfg(feature = "aia")]
pub mod hostile;
#[cfg(feature = "aia")]
pub mod http;
#[cfg(feature = "aia")]
pub mod https;
pub mod limbo;
pub mod mangle;
pub mod ocsp;
pub mod openssl;
pub mod pile;
pub mod pki;
pub mod random;
pub mod random_pki;
#[cfg(feature = "cli")]
pub mod scene;
pub mod side_files;
pub mod strictness;
