//! What passphrases open: the encryption schemes of PKCS#5 (RFC 8018), PKCS#12 (RFC 7292) and
//! OpenSSL's PEM blocks.
//!
//! New files have PBES2. What Windows, Java and older OpenSSL write has worse schemes; they are read,
//! and never written.
//!
//! What is derived and decrypted is in buffers that are cleared; what scrypt and the HMAC of PBKDF2
//! work on meanwhile is beyond this crate's reach.

mod cipher;
mod pbes2;
mod pem;
mod pkcs12;

use der::Decode;
use sha1::digest::{Digest, Output};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier};
use zeroize::Zeroizing;

use crate::passphrase::Passphrase;
use crate::tlv::{Walk, tag};
use cipher::Cipher;
pub(crate) use pem::open_pem;
pub(crate) use pkcs12::{Purpose, derive};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");

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
        "1.2.840.113549.1.12.1.1",
        Derivation::Pkcs12,
        Cipher::Rc4(128),
    ),
    (
        "1.2.840.113549.1.12.1.2",
        Derivation::Pkcs12,
        Cipher::Rc4(40),
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
    /// It would take more memory than these bytes.
    TooLarge(u64),
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
        let passphrase = secret.text.as_bytes();
        return pbes2::open(identifier.parameters, passphrase, content, spend);
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
    let (key_length, iv_length) = (cipher.key_length(), cipher.iv_length());
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

/// Key and initialisation vector, of eight bytes each (RFC 8018 section 6.1.1).
fn pbkdf1<D: Digest>(
    passphrase: &[u8],
    salt: &[u8],
    iterations: u64,
) -> (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>) {
    let mut digest = Zeroizing::new(Output::<D>::default());
    D::new()
        .chain_update(passphrase)
        .chain_update(salt)
        .finalize_into(&mut digest);
    iterate::<D>(&mut digest, iterations);
    let part = |from: usize| {
        let part = digest.get(from..from + 8).unwrap_or_default();
        Zeroizing::new(part.to_vec())
    };
    (part(0), part(8))
}

/// Makes the digest of a digest, all in all so many times; the first has been made.
fn iterate<D: Digest>(digest: &mut Zeroizing<Output<D>>, iterations: u64) {
    for _ in 1..iterations {
        let next = D::new().chain_update(&**digest);
        next.finalize_into(digest);
    }
}

/// What people call an algorithm, or its number.
fn named(oid: &str) -> String {
    let name = match oid {
        "1.2.156.10197.1.104.2" => "SM4",
        "1.2.392.200011.61.1.1.1.2" | "1.2.392.200011.61.1.1.1.3" | "1.2.392.200011.61.1.1.1.4" => {
            "Camellia"
        }
        "1.2.410.200004.1.4" => "SEED",
        "1.2.410.200046.1.1.2" | "1.2.410.200046.1.1.7" | "1.2.410.200046.1.1.12" => "ARIA",
        "1.2.643.2.2.21" => "GOST 28147-89",
        "1.2.643.7.1.1.4.1" | "1.2.643.7.1.1.4.2" => "HMAC with GOST R 34.11-2012",
        "1.2.840.113533.7.66.10" => "CAST5",
        "1.2.840.113549.1.5.1" => "PBE with MD2 and DES",
        "1.2.840.113549.1.5.4" => "PBE with MD2 and RC2",
        "1.2.840.113549.1.5.14" => "PBMAC1",
        "1.2.840.113549.3.9" => "RC5",
        "1.3.6.1.4.1.188.7.1.1.2" => "IDEA",
        "1.3.6.1.4.1.3029.1.2" => "Blowfish",
        "2.16.840.1.101.3.4.1.6" | "2.16.840.1.101.3.4.1.26" | "2.16.840.1.101.3.4.1.46" => {
            "AES in GCM mode"
        }
        _ => return oid.to_owned(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Closed, Secret, named, open};
    use crate::passphrase::Passphrase;

    /// An AlgorithmIdentifier of PKCS#12 with two-key triple DES, a salt, and 1000 iterations.
    const TWO_KEY_TRIPLE_DES: &[u8] = b"\x30\x1c\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x04\x30\x0e\x04\x08saltsalt\x02\x02\x03\xe8";

    #[test]
    fn the_cost_is_spent_before_the_key_is_derived() {
        let secret = Secret::new(&Passphrase::default());
        let mut spent = Vec::new();
        let opened = open(TWO_KEY_TRIPLE_DES, &secret, &[0; 16], &mut |cost| {
            spent.push(cost);
            false
        });
        assert_eq!(opened.map(|_| ()), Err(Closed::TooCostly));
        // One digest for the key of 16 bytes, and one for the vector.
        assert_eq!(spent, [2000]);
    }

    #[test]
    fn what_is_not_whole_blocks_is_wrong() {
        let secret = Secret::new(&Passphrase::default());
        for length in [0, 1, 7, 9, 15] {
            let content = vec![0; length];
            let opened = open(TWO_KEY_TRIPLE_DES, &secret, &content, &mut |_| true);
            assert_eq!(opened.map(|_| ()), Err(Closed::Wrong), "{length}");
        }
    }

    #[test]
    fn passphrases_of_pkcs12_are_utf_16_with_a_zero() {
        let secret = Secret::new(&Passphrase::from("a\u{e9}\u{1f434}".to_owned()));
        assert_eq!(*secret.wide, b"\0a\0\xe9\xd8\x3d\xdc\x34\0\0");
        assert_eq!(*Secret::new(&Passphrase::default()).wide, [0, 0]);
        assert_eq!(*Secret::nothing().wide, []);
    }

    #[test]
    fn what_has_no_name_is_numbered() {
        assert_eq!(named("1.2.3"), "1.2.3");
        assert_eq!(named("1.2.840.113549.1.5.4"), "PBE with MD2 and RC2");
    }
}
