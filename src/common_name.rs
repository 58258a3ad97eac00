//! The common names of a subject, as text: what was a host name before RFC 2818, and still is one
//! for HAProxy.

use der::asn1::ObjectIdentifier;
use der::{Decode, Tag, Tagged};
use x509_cert::name::Name;

use crate::cert::Certificate;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The common names, in order. What is no text in its own encoding is `(not text)`.
pub(crate) fn common_names(certificate: &Certificate) -> Vec<String> {
    let Ok(subject) = Name::from_der(certificate.subject_der()) else {
        return Vec::new();
    };
    subject
        .iter()
        .filter(|attribute| attribute.oid == COMMON_NAME)
        .map(|attribute| {
            let text = text(attribute.value.tag(), attribute.value.value());
            text.unwrap_or_else(|| "(not text)".to_owned())
        })
        .collect()
}

/// A DirectoryString (RFC 5280 section 4.1.2.4), a TeletexString being Latin-1 for everybody.
pub(crate) fn text(tag: Tag, bytes: &[u8]) -> Option<String> {
    match tag {
        Tag::BmpString => {
            let (pairs, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            let text = String::from_utf16(&units).ok();
            text.filter(|_| rest.is_empty())
        }
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use der::Tag;

    #[test]
    fn each_encoding_is_read() {
        let owed = Some("bücher".to_owned());
        assert_eq!(text(Tag::Utf8String, "bücher".as_bytes()), owed);
        assert_eq!(text(Tag::TeletexString, b"b\xfccher"), owed);
        assert_eq!(text(Tag::BmpString, b"\0b\0\xfc\0c\0h\0e\0r"), owed);
        assert_eq!(text(Tag::BmpString, b"\0b\0"), None);
        assert_eq!(text(Tag::PrintableString, b"b\xfccher"), None);
    }
}
