//! The two decoders: fast for what is public, constant-time for what is secret.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64ct::{Base64Unpadded, Encoding};
use zeroize::Zeroizing;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether the time that decoding takes may depend on the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    Public,
    Secret,
}

/// Whether it is one of the 64 characters, or padding.
pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Decodes base64 of the plain alphabet with nothing else in it, padding aside, which may be
/// right, missing or too long. `None` when it holds anything else, or one character too many.
pub(super) fn decode(
    text: &mut Zeroizing<Vec<u8>>,
    secrecy: Secrecy,
) -> Option<Zeroizing<Vec<u8>>> {
    while text.last() == Some(&b'=') {
        text.pop();
    }
    match secrecy {
        Secrecy::Public => Some(Zeroizing::new(LENIENT.decode(text.as_slice()).ok()?)),
        Secrecy::Secret => decode_in_constant_time(text),
    }
}

fn decode_in_constant_time(text: &mut Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
    let length = text.len() / 4 * 3
        + match text.len() % 4 {
            0 => 0,
            2 => 1,
            3 => 2,
            _ => return None,
        };
    // Whole quanta have no trailing bits over which to stumble; what they add is cut off again.
    // The reader leaves room for these characters, so that no copy of the text is left behind.
    while !text.len().is_multiple_of(4) {
        text.push(b'A');
    }
    let mut decoded = Zeroizing::new(vec![0; text.len() / 4 * 3]);
    Base64Unpadded::decode(text.as_slice(), &mut decoded).ok()?;
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
                let mut text = Zeroizing::new(text.as_bytes().to_vec());
                let decoded = decode(&mut text, secrecy);
                assert_eq!(decoded.as_ref().map(|v| v.as_slice()), owed, "{secrecy:?}");
            }
        }
    }
}
