//! What HAProxy reads and serves: the combined PEM of `crt FILE` and its writing, what it loads,
//! and which certificate answers whom.

mod bind;
mod crt_list;
pub mod fleet;
pub mod load;
mod openssl;
mod pem;
pub mod sni;
mod version;

pub use crate::files::Written;
pub use crate::pem::SecretPem;
pub use bind::BindLine;
pub use crt_list::{CrtEntry, CrtList, MAX_LINE, MAX_WORDS, Unwritable};
pub use pem::{pem, write};
pub use version::{NotAVersion, Version};
