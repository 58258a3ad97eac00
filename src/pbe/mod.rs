//! What passphrases open: the encryption schemes of PKCS#5 (RFC 8018), PKCS#12 (RFC 7292) and
//! OpenSSL's PEM blocks.
//!
//! New files have PBES2, which `pkcs5` reads. What Windows, Java and older OpenSSL write has worse
//! schemes; they are read, and never written.

mod cipher;
mod pem;
mod pkcs12;

use der::{Decode, ErrorKind, Tag};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier};
use zeroize::Zeroizing;

use crate::passphrase::Passphrase;
use crate::tlv::{Walk, tag};
use cipher::Cipher;
pub(crate) use pem::open_pem;
pub(crate) use pkcs12::{Purpose, derive};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
/// Scrypt needs this much memory at the most, in bytes.
const MOST_MEMORY: u64 = 256 * 1024 * 1024;

/// The other schemes, by how they derive a key, and for which cipher.
const SCHEMES: &[(&str, Derivation, Cipher)] = &[
    ("1.2.840.113549.1.5.3", Derivation::Pbkdf1Md5, Cipher::Des),
    (
        "1.2.840.113549.1.5.6",
        Derivation::Pbkdf1Md5,
        Cipher::Rc2(64),
    ),
    ("1.2.840.113549.1.5.10", Derivation::Pbkdf1Sha1, Cipher::Des),
    (
        "1.2.840.113549.1.5.11",
        Derivation::Pbkdf1Sha1,
        Cipher::Rc2(64),
    ),
    (
        "1.2.840.113549.1.12.1.3",
        Derivation::Pkcs12,
        Cipher::TripleDes,
    ),
    (
        "1.2.840.113549.1.12.1.4",
        Derivation::Pkcs12,
        Cipher::TwoKeyTripleDes,
    ),
    (
        "1.2.840.113549.1.12.1.5",
        Derivation::Pkcs12,
        Cipher::Rc2(128),
    ),
    (
        "1.2.840.113549.1.12.1.6",
        Derivation::Pkcs12,
        Cipher::Rc2(40),
    ),
];

#[derive(Clone, Copy)]
enum Derivation {
    Pbkdf1Md5,
    Pbkdf1Sha1,
    Pkcs12,
}

/// Why something stays closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The scheme is none that is supported; it is named.
    Unsupported(String),
    /// Deriving the key would cost more than is allowed.
    TooCostly,
    /// The passphrase is another one, or the content was damaged.
    Wrong,
}

/// A passphrase as the schemes take it.
pub(crate) struct Secret {
    /// UTF-8, for PKCS#5 (RFC 8018 section 3) and PEM.
    pub(crate) text: Zeroizing<String>,
    /// Big-endian UTF-16 that ends with a zero, for PKCS#12 (RFC 7292 appendix B.1).
    pub(crate) wide: Zeroizing<Vec<u8>>,
}

impl Secret {
    pub(crate) fn new(passphrase: &Passphrase) -> Self {
        let text = passphrase.secret();
        // What grows in place leaves copies behind.
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
        for unit in text.encode_utf16().chain([0]) {
            wide.extend(unit.to_be_bytes());
        }
        Self {
            text: Zeroizing::new(text.to_owned()),
            wide,
        }
    }

    /// That of containers that nobody gave a passphrase, as some programs encode it.
    pub(crate) fn nothing() -> Self {
        Self {
            text: Zeroizing::default(),
            wide: Zeroizing::default(),
        }
    }
}

/// Decrypts what an AlgorithmIdentifier says how to. Before a key is derived, the iterations that
/// it takes are spent, if that is allowed.
pub(crate) fn open(
    algorithm: &[u8],
    secret: &Secret,
    content: &[u8],
    spend: &mut dyn FnMut(u64) -> bool,
) -> Result<Zeroizing<Vec<u8>>, Closed> {
    let unreadable = || Closed::Unsupported("a scheme that cannot be read".to_owned());
    let identifier = AlgorithmIdentifierRef::from_der(algorithm).map_err(|_| unreadable())?;
    if identifier.oid == PBES2 {
        return open_pbes2(identifier, secret, content, spend);
    }
    let scheme = identifier.oid.to_string();
    let known = SCHEMES.iter().find(|(oid, ..)| *oid == scheme);
    let (_, derivation, cipher) = known.ok_or_else(|| Closed::Unsupported(named(&scheme)))?;
    let parameters = Walk(algorithm).expect(tag::SEQUENCE).and_then(|outer| {
        let mut fields = Walk(outer.value);
        fields.expect(tag::OBJECT_IDENTIFIER)?;
        salt_and_iterations(fields.expect(tag::SEQUENCE)?.value)
    });
    let (salt, iterations) = parameters.ok_or_else(unreadable)?;
    let (key_length, iv_length) = (cipher.key_length(), cipher.block());
    let cost = match derivation {
        Derivation::Pkcs12 => pkcs12::blocks(key_length) + pkcs12::blocks(iv_length),
        Derivation::Pbkdf1Md5 | Derivation::Pbkdf1Sha1 => 1,
    };
    if !spend(iterations.saturating_mul(cost)) {
        return Err(Closed::TooCostly);
    }
    let (key, iv) = match derivation {
        Derivation::Pkcs12 => {
            let part = |purpose, length| {
                derive::<sha1::Sha1>(&secret.wide, salt, purpose, iterations, length)
            };
            (
                part(Purpose::Key, key_length),
                part(Purpose::InitialVector, iv_length),
            )
        }
        Derivation::Pbkdf1Md5 => pbkdf1::<md5::Md5>(secret.text.as_bytes(), salt, iterations),
        Derivation::Pbkdf1Sha1 => pbkdf1::<sha1::Sha1>(secret.text.as_bytes(), salt, iterations),
    };
    cipher.decrypt(&key, &iv, content)
}

/// PBEParameter (RFC 8018 appendix A.3), which PKCS#12 has, too (RFC 7292 appendix C).
pub(crate) fn salt_and_iterations(parameters: &[u8]) -> Option<(&[u8], u64)> {
    let mut fields = Walk(parameters);
    let salt = fields.expect(tag::OCTET_STRING)?.value;
    let iterations = u64::from_der(fields.expect(tag::INTEGER)?.whole).ok()?;
    Some((salt, iterations))
}

fn open_pbes2(
    identifier: AlgorithmIdentifierRef<'_>,
    secret: &Secret,
    content: &[u8],
    spend: &mut dyn FnMut(u64) -> bool,
) -> Result<Zeroizing<Vec<u8>>, Closed> {
    let scheme =
        pkcs5::EncryptionScheme::try_from(identifier).map_err(|error| match error.kind() {
            ErrorKind::OidUnknown { oid } => Closed::Unsupported(named(&oid.to_string())),
            // It has limits of its own.
            ErrorKind::Value { tag: Tag::Integer } => Closed::TooCostly,
            _ => Closed::Unsupported("PBES2 with parameters that cannot be read".to_owned()),
        })?;
    let Some(parameters) = scheme.pbes2() else {
        return Err(Closed::Unsupported("PBES1".to_owned()));
    };
    let cost = match &parameters.kdf {
        pkcs5::pbes2::Kdf::Pbkdf2(kdf) => {
            // SHA-1 has 20 bytes, of which two blocks make a key of more.
            u64::from(kdf.iteration_count).saturating_mul(2)
        }
        pkcs5::pbes2::Kdf::Scrypt(kdf) => {
            let blocks = kdf.cost_parameter.saturating_mul(kdf.block_size.into());
            if blocks.saturating_mul(128) > MOST_MEMORY {
                return Err(Closed::TooCostly);
            }
            blocks
                .saturating_mul(kdf.parallelization.into())
                .saturating_mul(2)
        }
        _ => {
            return Err(Closed::Unsupported(
                "PBES2 with an unknown derivation".to_owned(),
            ));
        }
    };
    if !spend(cost) {
        return Err(Closed::TooCostly);
    }
    match scheme.decrypt(secret.text.as_bytes(), content) {
        Ok(opened) => Ok(Zeroizing::new(opened)),
        Err(pkcs5::Error::UnsupportedAlgorithm { oid }) => {
            Err(Closed::Unsupported(named(&oid.to_string())))
        }
        Err(_) => Err(Closed::Wrong),
    }
}

/// Key and initialisation vector, of eight bytes each (RFC 8018 section 6.1.1).
fn pbkdf1<D: sha1::Digest>(
    passphrase: &[u8],
    salt: &[u8],
    iterations: u64,
) -> (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>) {
    let mut digest = D::new()
        .chain_update(passphrase)
        .chain_update(salt)
        .finalize();
    for _ in 1..iterations {
        digest = D::digest(&digest);
    }
    let digest = Zeroizing::new(digest.to_vec());
    let part = |from: usize| {
        let part = digest.get(from..from + 8).unwrap_or_default();
        Zeroizing::new(part.to_vec())
    };
    (part(0), part(8))
}

/// What people call an algorithm, or its number.
fn named(oid: &str) -> String {
    let name = match oid {
        "1.2.840.113549.1.5.1" => "PBE with MD2 and DES",
        "1.2.840.113549.1.5.4" => "PBE with MD2 and RC2",
        "1.2.840.113549.1.5.14" => "PBMAC1",
        "1.2.840.113549.1.12.1.1" => "PBE with SHA-1 and 128-bit RC4",
        "1.2.840.113549.1.12.1.2" => "PBE with SHA-1 and 40-bit RC4",
        "1.2.840.113549.3.2" => "RC2",
        "1.3.14.3.2.7" => "DES",
        _ => return oid.to_owned(),
    };
    name.to_owned()
}
