//! Subjects as HAProxy tells them: `/O=Example/CN=Issuing`.

use der::Decode;
use der::asn1::ObjectIdentifier;
use x509_cert::name::Name;

use crate::common_name::text;

/// The attribute types (RFC 4519) that CAs use, by the names that OpenSSL has for them.
const NAMES: [(&str, &str); 11] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// A name in DER as HAProxy tells it; `None` when it has an attribute that is not known here.
pub(super) fn oneline(name: &[u8]) -> Option<String> {
    let name = Name::from_der(name).ok()?;
    let attributes = name.iter().map(|attribute| {
        let is_it = |(oid, _): &&(&str, &str)| {
            ObjectIdentifier::new(oid).is_ok_and(|oid| oid == attribute.oid)
        };
        let (_, name) = NAMES.iter().find(is_it)?;
        let value = text(der::Tagged::tag(&attribute.value), attribute.value.value())?;
        Some(format!("/{name}={value}"))
    });
    attributes.collect()
}
