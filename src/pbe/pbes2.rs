//! PBES2 (RFC 8018 section 6.2): the key is made by PBKDF2 or scrypt (RFC 7914), for a cipher that is
//! named apart.
//!
//! The steps are done one by one, so that what they cost is known before, and that the key is in a
//! buffer that is cleared.

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, SliceReader};
use pbkdf2::pbkdf2_hmac;
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::{Cipher, Closed, named};

const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const SCRYPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11");
const RC2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.3.2");
/// Scrypt may use this much memory, in bytes.
const MOST_MEMORY: u64 = 256 * 1024 * 1024;

/// The HMACs (RFC 8018 appendix B.1.2), and how many bytes they give.
const HMACS: &[(&str, usize, Pbkdf2)] = &[
    ("1.2.840.113549.2.9", 32, pbkdf2_hmac::<sha2::Sha256>),
    ("1.2.840.113549.2.7", 20, pbkdf2_hmac::<sha1::Sha1>),
    ("1.2.840.113549.2.8", 28, pbkdf2_hmac::<sha2::Sha224>),
    ("1.2.840.113549.2.10", 48, pbkdf2_hmac::<sha2::Sha384>),
    ("1.2.840.113549.2.11", 64, pbkdf2_hmac::<sha2::Sha512>),
    ("1.2.840.113549.2.12", 28, pbkdf2_hmac::<sha2::Sha512_224>),
    ("1.2.840.113549.2.13", 32, pbkdf2_hmac::<sha2::Sha512_256>),
    ("1.2.840.113549.2.6", 16, pbkdf2_hmac::<md5::Md5>),
];
/// That of parameters which name none (RFC 8018 appendix A.2).
const HMAC_SHA1: &str = "1.2.840.113549.2.7";

const CIPHERS: &[(&str, Cipher)] = &[
    ("2.16.840.1.101.3.4.1.42", Cipher::Aes256),
    ("2.16.840.1.101.3.4.1.2", Cipher::Aes128),
    ("2.16.840.1.101.3.4.1.22", Cipher::Aes192),
    ("1.2.840.113549.3.7", Cipher::TripleDes),
    ("1.3.14.3.2.7", Cipher::Des),
];

/// Passphrase, salt, iterations, and where the key is put.
type Pbkdf2 = fn(&[u8], &[u8], u32, &mut [u8]);

/// Decrypts, given the parameters of PBES2 (RFC 8018 appendix A.4).
pub(super) fn open(
    parameters: Option<AnyRef<'_>>,
    passphrase: &[u8],
    content: &[u8],
    spend: &mut dyn FnMut(u64) -> bool,
) -> Result<Zeroizing<Vec<u8>>, Closed> {
    let parts = sequence(parameters, |fields| {
        let derivation = AlgorithmIdentifierRef::decode(fields)?;
        Ok((derivation, AlgorithmIdentifierRef::decode(fields)?))
    });
    let (derivation, scheme) = parts?;
    let (cipher, iv) = cipher(scheme)?;
    if iv.len() != cipher.iv_length() {
        return Err(unreadable());
    }
    let derivation = Derivation::read(derivation)?;
    let mut key = Zeroizing::new(vec![0; cipher.key_length()]);
    let length = u32::try_from(key.len()).ok();
    if derivation.key_length.is_some() && derivation.key_length != length {
        return Err(unreadable());
    }
    derivation.derive(passphrase, &mut key, spend)?;
    cipher.decrypt(&key, iv, content)
}

/// How the key is made.
struct Derivation<'a> {
    salt: &'a [u8],
    key_length: Option<u32>,
    function: Function,
}

enum Function {
    Pbkdf2 {
        iterations: u64,
        /// What one HMAC gives, in bytes.
        length: usize,
        derive: Pbkdf2,
    },
    Scrypt {
        n: u64,
        r: u32,
        p: u32,
    },
}

impl<'a> Derivation<'a> {
    fn read(algorithm: AlgorithmIdentifierRef<'a>) -> Result<Self, Closed> {
        match algorithm.oid {
            PBKDF2 => Self::pbkdf2(algorithm.parameters),
            SCRYPT => Self::scrypt(algorithm.parameters),
            other => Err(Closed::Unsupported(named(&other.to_string()))),
        }
    }

    /// PBKDF2-params (RFC 8018 appendix A.2).
    fn pbkdf2(parameters: Option<AnyRef<'a>>) -> Result<Self, Closed> {
        let (salt, iterations, key_length, hmac) = sequence(parameters, |fields| {
            let salt = <&OctetStringRef>::decode(fields)?.as_bytes();
            let iterations = u64::decode(fields)?;
            let key_length = Option::<u32>::decode(fields)?;
            let hmac = Option::<AlgorithmIdentifierRef<'_>>::decode(fields)?;
            Ok((salt, iterations, key_length, hmac))
        })?;
        let hmac = hmac.map_or_else(|| HMAC_SHA1.to_owned(), |hmac| hmac.oid.to_string());
        let known = HMACS.iter().find(|(oid, ..)| *oid == hmac);
        let &(_, length, derive) = known.ok_or_else(|| Closed::Unsupported(named(&hmac)))?;
        Ok(Self {
            salt,
            key_length,
            function: Function::Pbkdf2 {
                iterations,
                length,
                derive,
            },
        })
    }

    /// scrypt-params (RFC 7914 section 7.1).
    fn scrypt(parameters: Option<AnyRef<'a>>) -> Result<Self, Closed> {
        let (salt, n, r, p, key_length) = sequence(parameters, |fields| {
            let salt = <&OctetStringRef>::decode(fields)?.as_bytes();
            let (n, r, p) = (
                u64::decode(fields)?,
                u32::decode(fields)?,
                u32::decode(fields)?,
            );
            Ok((salt, n, r, p, Option::<u32>::decode(fields)?))
        })?;
        Ok(Self {
            salt,
            key_length,
            function: Function::Scrypt { n, r, p },
        })
    }

    fn derive(
        &self,
        passphrase: &[u8],
        key: &mut [u8],
        spend: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), Closed> {
        let mut spend = |cost| spend(cost).then_some(()).ok_or(Closed::TooCostly);
        match self.function {
            Function::Pbkdf2 {
                iterations,
                length,
                derive,
            } => {
                let blocks = u64::try_from(key.len().div_ceil(length)).unwrap_or(u64::MAX);
                spend(iterations.saturating_mul(blocks))?;
                let iterations = u32::try_from(iterations).map_err(|_| Closed::TooCostly)?;
                derive(passphrase, self.salt, iterations, key);
            }
            Function::Scrypt { n, r, p } => {
                let blocks = n.saturating_add(p.into()).saturating_mul(r.into());
                if blocks.saturating_mul(128) > MOST_MEMORY {
                    return Err(Closed::TooLarge(MOST_MEMORY));
                }
                let cost = n.saturating_mul(r.into()).saturating_mul(p.into());
                spend(cost.saturating_mul(2))?;
                let parameters = scrypt_parameters(n, r, p).ok_or_else(unreadable)?;
                scrypt::scrypt(passphrase, self.salt, &parameters, key)
                    .map_err(|_| unreadable())?;
            }
        }
        Ok(())
    }
}

/// N is a power of two, and greater than one (RFC 7914 section 2).
fn scrypt_parameters(n: u64, r: u32, p: u32) -> Option<scrypt::Params> {
    let exponent = n.checked_ilog2().filter(|_| n.is_power_of_two())?;
    let exponent = u8::try_from(exponent).ok().filter(|&it| it > 0)?;
    scrypt::Params::new(exponent, r, p).ok()
}

/// The cipher, and its initialisation vector (RFC 8018 appendix B.2).
fn cipher(scheme: AlgorithmIdentifierRef<'_>) -> Result<(Cipher, &[u8]), Closed> {
    if scheme.oid == RC2 {
        return rc2(scheme.parameters);
    }
    let oid = scheme.oid.to_string();
    let known = CIPHERS.iter().find(|(cipher, _)| *cipher == oid);
    let &(_, cipher) = known.ok_or_else(|| Closed::Unsupported(named(&oid)))?;
    let iv = scheme.parameters.ok_or_else(unreadable)?;
    let iv = iv
        .decode_as::<&OctetStringRef>()
        .map_err(|_| unreadable())?;
    Ok((cipher, iv.as_bytes()))
}

/// RC2-CBC-Parameter (RFC 8018 appendix B.2.3); the numbers are from RFC 2268 section 6.
fn rc2(parameters: Option<AnyRef<'_>>) -> Result<(Cipher, &[u8]), Closed> {
    let (version, iv) = sequence(parameters, |fields| {
        let version = Option::<u32>::decode(fields)?;
        Ok((version, <&OctetStringRef>::decode(fields)?.as_bytes()))
    })?;
    let bits = match version {
        Some(160) => 40,
        Some(120) => 64,
        Some(58) => 128,
        _ => return Err(Closed::Unsupported("RC2 of an unusual size".to_owned())),
    };
    Ok((Cipher::Rc2(bits), iv))
}

fn unreadable() -> Closed {
    Closed::Unsupported("PBES2 with parameters that cannot be read".to_owned())
}

/// Reads the fields of a SEQUENCE, all of them.
fn sequence<'a, T>(
    parameters: Option<AnyRef<'a>>,
    read: impl FnOnce(&mut SliceReader<'a>) -> der::Result<T>,
) -> Result<T, Closed> {
    let parameters = parameters.ok_or_else(unreadable)?;
    parameters.sequence(read).map_err(|_| unreadable())
}
