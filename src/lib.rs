//! From whatever a CA handed over to the certificate bundle that HAProxy serves, or the exact
//! reason why that cannot be.
//!
//! Somebody holds a certificate, a "CA bundle", a key, perhaps an old bundle, in files that mails
//! and editors have been at. HAProxy wants one PEM file with the leaf first, then each
//! certificate's issuer, and the leaf's own key; it loads almost anything and serves what it got.
//! This crate reads the pile however damaged, finds the pair of leaf and key that belong
//! together, orders the chain by its signatures, verifies it against trust stores, and writes the
//! file so that it is whole at every moment. Everything it mends, drops or refuses it says, with
//! file and line.
//!
//! | step | in | out |
//! |---|---|---|
//! | [`Reader`] | bytes | [`Material`]: certificates, keys, DH parameters, each with its [`Origin`] |
//! | [`Bundler`] | material, [`TrustStore`]s, a time, names | [`Bundle`]: the proof, or a [`Refusal`] |
//! | [`haproxy::write`] | a bundle | the file, replaced atomically |
//! | [`Files`] | bundles | files for other servers too, all or none |
//! | [`to_pkcs12`] | a bundle and a [`Passphrase`] | a container for Windows, Java and others |
//! | [`haproxy::load`] | files as they are | what HAProxy does with them, and what clients then see |
//! | [`haproxy::fleet`] | many files | the same, on all cores |
//! | [`haproxy::sni`] | the certificates of a bind line | who gets which of them, and what is surprising |
//! | `haproxy::runtime` | a running HAProxy's socket | its certificates, listed and changed without a reload |
//! | `deploy` | bundles | written, in the running HAProxy, seen to be served; or all as it was |
//! | [`doctor`] | a configuration and its files | why handshakes fail, with the line and the cure |
//! | [`explain`] | a code, an error number, an alert, a line of a log | what it means, and which cause it points to |
//! | [`tls`] | cipher strings, clients | what they come to, and who meets whom, without a handshake |
//! | `probe` | a TLS server's address | what it shows, and which versions, suites and groups it takes |
//! | [`Report`] | | what there is to say: [`Finding`]s for people and, as JSON, for programs |
//!
//! ```
//! use fullchain::{Bundler, Reader, TrustStore, haproxy};
//! use rustls_pki_types::UnixTime;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let root = include_bytes!("../testdata/root.pem");
//! # let pile = include_bytes!("../testdata/damaged/reversed.pem");
//! # let folder = tempfile::tempdir()?;
//! # let out = folder.path().join("site.pem");
//! let mut reader = Reader::new();
//! let (store, _) = TrustStore::from_material("corp", reader.read("root.pem", root)?)?;
//! let material = reader.read("from-the-ca.pem", pile)?;
//! let bundle = Bundler::new(store, UnixTime::now())
//!     .name("www.example.com".try_into()?)
//!     .build(material)?;
//! println!("{}", bundle.report());
//! haproxy::write(&bundle, &out)?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Bundler::verify`] does the same for a [`Chain`] without a key. [`Bundler::draft`] does it in two
//! steps: a [`Draft`] says whose issuers are missing, and takes what is brought; a [`Pool`] of
//! intermediates is asked first, and `aia::Fetcher` fetches. [`chain::Search`] finds paths alone. [`Profile::Strict`] also
//! demands the form that RFC 5280 and the Baseline Requirements prescribe.
//!
//! Holding a [`Bundle`] is the proof: only a [`Bundler`] and its [`Draft`]s make one. webpki
//! decides what is trusted; this crate decides which path to offer it, and explains its verdict.
//! Time, bytes and trust stores come in as arguments; only [`Reader::read_path`],
//! `TrustStore::system`, `aia::Cache`, [`haproxy::BindLine`], [`haproxy::config::read_files`],
//! [`haproxy::write`], [`Files`], [`doctor`] and `deploy` touch files, and only `aia::Fetcher`,
//! `haproxy::runtime`, `deploy`, `probe` and a `live` doctor sockets.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `aia` | yes | `aia`: fetching missing issuers from where certificates say that they are |
//! | `mozilla` | yes | `TrustStore::mozilla`: Mozilla's roots, embedded |
//! | `system` | | `TrustStore::system`: the operating system's roots |
//! | `public-suffix` | | the Public Suffix List, for wildcards in [`Profile::Strict`] |
//! | `deploy` | | `deploy`, and `haproxy::runtime` |
//! | `probe` | | `probe`, and the questions of a `live` [`doctor`] |
//! | `serde` | | `Serialize` for reports, chains and bundles, with a stable schema |
//! | `cli` | | the command `fullchain`; it brings the other features with it |
//!
//! # Secrets
//!
//! Private keys are decoded in constant time, zeroized when dropped, and shown neither by
//! `Debug` nor in any finding; excerpts of the user's files show markers only. See
//! [`PrivateKey`] for what the arithmetic crates below may keep on the stack. The parser of YAML,
//! which takes Kubernetes manifests apart, leaves copies of text that it put together (blocks,
//! quotes with escapes) as its buffers grow: base64 in one line is not among them.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        unreachable_pub,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::needless_pass_by_value,
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unwrap_used
    )
)]

#[cfg(feature = "aia")]
pub mod aia;
mod base;
mod bundle;
mod cert;
pub mod chain;
mod common_name;
#[cfg(feature = "deploy")]
pub mod deploy;
mod dh;
pub mod doctor;
mod error;
pub mod explain;
mod files;
pub mod finding;
#[cfg(any(feature = "deploy", feature = "probe"))]
mod handshake;
pub mod haproxy;
pub mod key;
mod origin;
mod passphrase;
mod pbe;
mod pem;
mod pkcs12;
mod pool;
#[cfg(feature = "probe")]
pub mod probe;
pub mod profile;
pub mod read;
pub mod tls;
mod tlv;
mod trust;

pub use base::cancel::Cancel;
pub use base::text::Printable;
pub use bundle::{Bundle, Bundler, Draft, Refusal};
pub use cert::{Certificate, NotACertificate};
pub use chain::{Chain, Preference, SignatureMemory};
pub use dh::DhParameters;
pub use error::Error;
pub use files::Files;
pub use finding::{Code, Finding, Report, Severity};
pub use key::PrivateKey;
pub use origin::Origin;
pub use passphrase::Passphrase;
pub use pkcs12::to_pkcs12;
pub use pool::Pool;
pub use profile::Profile;
pub use read::{Material, Reader};
pub use trust::TrustStore;
