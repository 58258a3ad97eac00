//! The two decoders: fast for what is public, constant-time for what is secret.

use base64_simd::STANDARD_NO_PAD;
use base64ct::{Base64Unpadded, Encoding};
use zeroize::Zeroizing;

/// Whether the time that decoding takes may depend on the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    Public,
    Secret,
}

/// Whether it is one of the 64 characters, or padding.
pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Decodes base64 of the plain alphabet with nothing else in it, padding aside, which may be
/// right, missing or too long. `None` when it holds anything else, or one character too many.
///
/// The text is used up. It should have room for three more characters, lest it be moved and a
/// copy of a secret left behind.
pub(crate) fn decode(mut text: Zeroizing<Vec<u8>>, secrecy: Secrecy) -> Option<Zeroizing<Vec<u8>>> {
    while text.last() == Some(&b'=') {
        text.pop();
    }
    let length = text.len() / 4 * 3
        + match text.len() % 4 {
            0 => 0,
            2 => 1,
            3 => 2,
            _ => return None,
        };
    // Whole quanta have no trailing bits over which to stumble; what they add is cut off again.
    while !text.len().is_multiple_of(4) {
        text.push(b'A');
    }
    let mut decoded = match secrecy {
        Secrecy::Public => {
            STANDARD_NO_PAD.decode_inplace(&mut text).ok()?;
            text
        }
        Secrecy::Secret => {
            let mut decoded = Zeroizing::new(vec![0; text.len() / 4 * 3]);
            Base64Unpadded::decode(text.as_slice(), &mut decoded).ok()?;
            decoded
        }
    };
    decoded.truncate(length);
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::{Secrecy, decode};
    use zeroize::Zeroizing;

    #[test]
    fn both_decoders_agree_whatever_the_padding() {
        let texts = [
            ("", Some(&b""[..])),
            ("TQ", Some(b"M")),
            ("TQ==", Some(b"M")),
            ("TR==", Some(b"M")),
            ("TWE=", Some(b"Ma")),
            ("TWE====", Some(b"Ma")),
            ("TWFu", Some(b"Man")),
            ("TWFuT", None),
            ("TW!u", None),
            ("T=Fu", None),
        ];
        for (text, owed) in texts {
            for secrecy in [Secrecy::Public, Secrecy::Secret] {
                let text = Zeroizing::new(text.as_bytes().to_vec());
                let decoded = decode(text, secrecy);
                assert_eq!(decoded.as_ref().map(|v| v.as_slice()), owed, "{secrecy:?}");
            }
        }
    }
}
