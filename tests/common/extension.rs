//! The extensions of a certificate that is issued again (see `Ca::reissue`).

use super::der::{contents, der, sequence, split, values};

pub const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 14];
pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
pub const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
pub const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
pub const ISSUER_ALT_NAME: &[u8] = &[0x55, 0x1d, 18];
pub const CRL_DISTRIBUTION_POINTS: &[u8] = &[0x55, 0x1d, 31];
pub const CERTIFICATE_POLICIES: &[u8] = &[0x55, 0x1d, 32];
pub const POLICY_MAPPINGS: &[u8] = &[0x55, 0x1d, 33];
pub const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
pub const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 36];
pub const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
pub const FRESHEST_CRL: &[u8] = &[0x55, 0x1d, 46];
pub const INHIBIT_ANY_POLICY: &[u8] = &[0x55, 0x1d, 54];
pub const AUTHORITY_INFO_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
pub const SUBJECT_INFO_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 11];
pub const SUBJECT_DIRECTORY_ATTRIBUTES: &[u8] = &[0x55, 0x1d, 9];
pub const TLS_FEATURE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 24];
/// One that nobody knows.
pub const UNKNOWN: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x7f, 0x7f];

/// Leaves an extension out.
pub fn remove(fields: &mut [Vec<u8>], oid: &[u8]) {
    edit(fields, |extensions| {
        extensions.retain(|extension| split(contents(extension)).0 != der(0x06, &[oid]));
    });
}

/// Adds an extension with this content.
pub fn add(fields: &mut [Vec<u8>], oid: &[u8], critical: bool, content: &[u8]) {
    let critical = match critical {
        true => der(0x01, &[&[0xff]]),
        false => Vec::new(),
    };
    let content = der(0x04, &[content]);
    let extension = der(0x30, &[&der(0x06, &[oid]), &critical, &content]);
    edit(fields, |extensions| extensions.push(extension));
}

/// Gives an extension another content.
pub fn replace(fields: &mut [Vec<u8>], oid: &[u8], critical: bool, content: &[u8]) {
    remove(fields, oid);
    add(fields, oid, critical, content);
}

fn edit(fields: &mut [Vec<u8>], edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let last = fields.last_mut().expect("the extensions come last");
    let mut extensions = values(contents(contents(last)));
    edit(&mut extensions);
    *last = der(0xa3, &[&sequence(&extensions)]);
}
