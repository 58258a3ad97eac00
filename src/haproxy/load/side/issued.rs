//! Whether one certificate may be the issuer of another, as X509_check_issued() sees it: by
//! names, identifiers and the key's usage, and not by the signature.

use crate::cert::Certificate;
use crate::haproxy::openssl::{Decoded, same_name};
use crate::tlv::{Walk, tag};

const SUBJECT_KEY_ID: &[u8] = b"\x55\x1d\x0e";
const KEY_USAGE: &[u8] = b"\x55\x1d\x0f";
const AUTHORITY_KEY_ID: &[u8] = b"\x55\x1d\x23";

/// keyCertSign in the first byte of a key usage.
const KEY_CERT_SIGN: u8 = 0x04;

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";

/// `[4]` of GeneralName.
const DIRECTORY_NAME: u8 = tag::constructed(4);

/// Why the first is not the issuer of the second.
pub(super) fn not_issued(issuer: &Certificate, leaf: &Certificate) -> Option<&'static str> {
    if !same_name(issuer.subject(), leaf.issuer()) {
        return Some("its subject is not the issuer that the server's certificate names");
    }
    match points_at(leaf, issuer) {
        None => return Some("an extension of it or of the server's certificate is malformed"),
        Some(false) => {
            return Some(
                "it has the right name, but the server's certificate names another one by its key or serial number (authority key identifier)",
            );
        }
        Some(true) => {}
    }
    if !fits(issuer, leaf).unwrap_or(false) {
        return Some("it has the right name, but its key is not of the algorithm of the signature");
    }
    match may_sign(issuer) {
        None => Some("its key usage is malformed"),
        Some(false) => Some("it may not sign certificates (key usage)"),
        Some(true) => None,
    }
}

/// Whether the leaf's authority key identifier fits; `None` when an extension is malformed.
fn points_at(leaf: &Certificate, issuer: &Certificate) -> Option<bool> {
    let key_id = match only(issuer, SUBJECT_KEY_ID)? {
        Some(key_id) => Some(Walk(key_id).expect(tag::OCTET_STRING)?.value),
        None => None,
    };
    let Some(identifier) = only(leaf, AUTHORITY_KEY_ID)? else {
        return Some(true);
    };
    let mut fields = Walk(Walk(identifier).expect(tag::SEQUENCE)?.value);
    let owed = fields.optional(tag::primitive(0)).map(|it| it.value);
    let names = fields.optional(tag::constructed(1));
    let serial = fields.optional(tag::primitive(2));
    fields.is_empty().then_some(())?;
    let is_key = owed.zip(key_id).is_none_or(|(owed, has)| owed == has);
    let is_serial = serial.is_none_or(|serial| serial.value == issuer.serial());
    // Of several names the first counts.
    let name = names.and_then(|names| Walk(names.value).find(|it| it.tag == DIRECTORY_NAME));
    let is_name = match name {
        Some(name) => {
            let name = Walk(name.value).expect(tag::SEQUENCE)?;
            same_name(name.value, issuer.issuer())
        }
        None => true,
    };
    Some(is_key && is_serial && is_name)
}

/// Whether the issuer's key is of the algorithm of the leaf's signature.
fn fits(issuer: &Certificate, leaf: &Certificate) -> Option<bool> {
    // It must be one that OpenSSL decodes.
    Decoded::new(issuer.der())?.public()?;
    let mut spki = Walk(issuer.spki_value());
    let mut algorithm = Walk(spki.expect(tag::SEQUENCE)?.value);
    let key = algorithm.expect(tag::OBJECT_IDENTIFIER)?.value;
    let (_, algorithm, _) = leaf.signed_data();
    let signature = Walk(algorithm).expect(tag::OBJECT_IDENTIFIER)?.value;
    Some(match signature {
        RSA_PSS => key == RSA || key == RSA_PSS,
        // MD2 to SHA-1, SHA-2 and SHA-3.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 2..=5 | 11..=16]
        | [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 13..=16] => key == RSA,
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1..=4]
        | [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 9..=12] => key == EC,
        // Ed25519 and Ed448.
        [0x2b, 0x65, 0x70 | 0x71] => key == signature,
        _ => false,
    })
}

/// Whether a key usage, if there is one, allows it; `None` when it is malformed.
fn may_sign(issuer: &Certificate) -> Option<bool> {
    let Some(usage) = only(issuer, KEY_USAGE)? else {
        return Some(true);
    };
    let (_, usage) = Walk(usage).expect(tag::BIT_STRING)?.value.split_first()?;
    Some(
        usage
            .first()
            .is_some_and(|first| first & KEY_CERT_SIGN != 0),
    )
}

/// The content of the extension of that kind; `None` when there is more than one.
fn only<'a>(certificate: &'a Certificate, oid: &[u8]) -> Option<Option<&'a [u8]>> {
    let extensions = certificate.extensions();
    let mut found = extensions.iter().filter(|it| it.oid == oid);
    let first = found.next().map(|it| it.value);
    found.next().is_none().then_some(first)
}
