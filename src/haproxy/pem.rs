//! The file of `crt FILE`, and its writing.

use std::path::Path;

use crate::bundle::Bundle;
use crate::error::Error;
use crate::files::{Files, Written};
use crate::pem::SecretPem;

/// The bundle as HAProxy's `crt` reads it: leaf, intermediates, root if wanted, DH parameters, key.
///
/// Strict PEM (RFC 7468): lines of 64 characters that end in LF, and no blank line, so that the
/// text can also be sent over HAProxy's stats socket with `set ssl cert`, where a blank line
/// ends the payload.
pub fn pem(bundle: &Bundle) -> SecretPem {
    bundle.pem()
}

/// Writes the bundle as [`pem()`] has it, in the way of [`Files`].
///
/// # Errors
///
/// As of [`Files::write`].
///
/// ```no_run
/// # fn f(bundle: &fullchain::Bundle) -> Result<(), fullchain::Error> {
/// use fullchain::haproxy::{Written, write};
///
/// if write(bundle, "/etc/haproxy/certs/www.example.com.pem".as_ref())? != Written::Unchanged {
///     println!("reload HAProxy");
/// }
/// # Ok(())
/// # }
/// ```
pub fn write(bundle: &Bundle, path: &Path) -> Result<Written, Error> {
    let mut files = Files::new();
    files.haproxy(bundle, path);
    let written = files.write()?.into_iter().next();
    Ok(written.map_or(Written::Unchanged, |(_, written)| written))
}
