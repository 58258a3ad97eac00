//! The file of `crt FILE`: leaf, intermediates, root if wanted, DH parameters, key.

use std::fmt;

use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use crate::bundle::Bundle;

/// PEM with a private key in it: zeroized when dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretPem(Zeroizing<String>);

impl SecretPem {
    /// The text. Mind where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretPem({} bytes)", self.0.len())
    }
}

/// The bundle as HAProxy's `crt` reads it.
///
/// Strict PEM (RFC 7468): lines of 64 characters that end in LF, and no blank line, so that the
/// text can also be sent over HAProxy's stats socket with `set ssl cert`, where a blank line
/// ends the payload.
pub fn pem(bundle: &Bundle) -> SecretPem {
    let certificates = bundle
        .chain()
        .certificates()
        .map(|certificate| ("CERTIFICATE", certificate.der().as_ref()));
    let parameters = bundle
        .dh_parameters()
        .map(|parameters| ("DH PARAMETERS", parameters.der()));
    let key = bundle.key();
    let secret = key.secret_der();
    let blocks: Vec<(&str, &[u8])> = certificates
        .chain(parameters)
        .chain([(key.label(), secret.secret_der())])
        .collect();
    // One allocation: a text that grew would leave copies of the key behind.
    let length = blocks
        .iter()
        .map(|(label, der)| encoded_len(label, der))
        .sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for (label, der) in blocks {
        // This fails for labels that RFC 7468 does not allow, and all of ours are constants.
        let block = pem_rfc7468::encode_string(label, LineEnding::LF, der).unwrap_or_default();
        text.push_str(&Zeroizing::new(block));
    }
    SecretPem(text)
}

fn encoded_len(label: &str, der: &[u8]) -> usize {
    pem_rfc7468::encoded_len(label, LineEnding::LF, der).unwrap_or(0)
}
