//! Certificates signed at start-up: cross-signs, siblings with wrong keys, loops, self-signed and
//! expired ones, and what an input makes of them.

use std::sync::LazyLock;

use fullchain::{Certificate, Origin};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, PKCS_ED25519, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

const KEYS: u8 = 6;

/// Subject and its key, issuer and its key, key identifiers or not, expired or not. Names and
/// keys are numbers; the first one is the leaf.
type Made = (u8, usize, u8, usize, bool, bool);

const MADE: [Made; 40] = [
    (0, 0, 1, 1, true, false),
    (0, 0, 1, 1, false, false),
    // A line to the root 4, its renewals and expired twins.
    (1, 1, 2, 2, true, false),
    (1, 1, 2, 2, true, true),
    (1, 1, 2, 2, false, false),
    (2, 2, 3, 3, true, false),
    (2, 2, 3, 3, false, true),
    (3, 3, 4, 4, true, false),
    (3, 3, 4, 4, false, false),
    (4, 4, 4, 4, true, false),
    (4, 4, 4, 4, false, true),
    // Cross-signs, up and down.
    (1, 1, 3, 3, true, false),
    (1, 1, 4, 4, true, false),
    (2, 2, 4, 4, true, false),
    (2, 2, 1, 1, true, false),
    (3, 3, 1, 1, true, false),
    (3, 3, 2, 2, false, false),
    (4, 4, 1, 1, false, false),
    (4, 4, 5, 5, true, false),
    (5, 5, 4, 4, true, false),
    (5, 5, 5, 5, true, false),
    (1, 1, 5, 5, false, false),
    // Siblings: the name with another key, and the key with another name.
    (1, 2, 2, 2, true, false),
    (1, 3, 2, 2, false, false),
    (1, 5, 4, 4, true, true),
    (2, 1, 3, 3, false, false),
    (2, 4, 4, 4, true, false),
    (3, 0, 4, 4, true, false),
    (4, 3, 4, 3, true, false),
    (5, 1, 2, 2, false, false),
    // Self-issued with a new key, and a name signed with a key that is not its own.
    (1, 1, 1, 2, true, false),
    (1, 2, 1, 1, true, false),
    (2, 2, 2, 3, false, false),
    (1, 1, 2, 5, true, false),
    (2, 2, 3, 5, false, false),
    (3, 3, 4, 0, true, false),
    // Self-signed.
    (1, 1, 1, 1, true, false),
    (2, 2, 2, 2, true, false),
    (3, 3, 3, 3, false, false),
    (0, 0, 0, 0, true, false),
];

/// The DER of all.
pub static MADE_DERS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let keys: Vec<KeyPair> = (0..KEYS).map(key).collect();
    let made = MADE.iter().zip(0_u64..);
    made.map(|(made, serial)| sign(made, serial, &keys))
        .collect()
});

/// Ed25519, whose signatures are always the same: what an input found, it finds again.
fn key(seed: u8) -> KeyPair {
    // RFC 8410 section 7 up to the seed.
    let mut pkcs8 = vec![
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    pkcs8.extend([seed + 1; 32]);
    let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8);
    KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ED25519).expect("an Ed25519 key")
}

fn params(name: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let name = format!("Name {name}");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params
}

fn sign(
    &(subject, key, issuer, signer, ids, expired): &Made,
    serial: u64,
    keys: &[KeyPair],
) -> Vec<u8> {
    let mut certificate = params(subject);
    certificate.serial_number = Some((serial + 1).into());
    certificate.not_after = date_time_ymd(if expired { 2021 } else { 2120 }, 1, 1);
    certificate.use_authority_key_identifier_extension = ids;
    certificate.is_ca = match subject {
        0 => IsCa::ExplicitNoCa,
        _ => IsCa::Ca(BasicConstraints::Unconstrained),
    };
    if serial % 7 == 3 {
        // Its children name the key by another identifier.
        certificate.key_identifier_method = KeyIdMethod::PreSpecified(vec![7]);
    }
    let issuer = params(issuer);
    let issuer = Issuer::from_params(&issuer, &keys[signer]);
    let signed = certificate.signed_by(&keys[key], &issuer);
    signed.expect("rcgen signs").der().to_vec()
}

/// The certificate of that number, with one byte flipped unless `mask` is 0; `None` when that
/// leaves no certificate.
pub fn certificate(number: u8, at: u8, mask: u8) -> Option<Certificate> {
    let mut der = MADE_DERS[usize::from(number) % MADE.len()].clone();
    // From the end: the signature comes first.
    let place = der.len() - 1 - usize::from(at) % der.len();
    der[place] ^= mask;
    Certificate::new(CertificateDer::from(der), Origin::new("pool")).ok()
}
