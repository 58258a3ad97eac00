//! PEM as it is written: strict RFC 7468, in lines of 64 characters that end in LF.

use std::fmt;

use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

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

/// One block after the other.
pub(crate) fn encode<'d>(blocks: impl IntoIterator<Item = (&'d str, &'d [u8])>) -> SecretPem {
    let blocks: Vec<_> = blocks.into_iter().collect();
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
