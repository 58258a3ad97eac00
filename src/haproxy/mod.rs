//! What HAProxy reads and serves: the combined PEM of `crt FILE` and its writing, what it loads,
//! which certificate answers whom, and what the configuration says about TLS.

#[cfg(any(feature = "deploy", feature = "probe"))]
mod address;
pub(crate) mod authorities;
mod bind;
pub mod config;
mod crt_list;
pub mod fleet;
pub mod load;
mod openssl;
mod pem;
#[cfg(feature = "deploy")]
pub mod runtime;
pub mod sni;
mod version;

pub use crate::files::Written;
pub use crate::pem::SecretPem;
#[cfg(any(feature = "deploy", feature = "probe"))]
pub(crate) use address::Connection;
#[cfg(any(feature = "deploy", feature = "probe"))]
pub use address::{Address, NotAnAddress};
pub use bind::BindLine;
pub use crt_list::{CrtEntry, CrtList, MAX_LINE, MAX_WORDS, Unwritable};
pub use pem::{pem, write};
pub use version::{NotAVersion, Version};
