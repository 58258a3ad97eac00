//! Which private keys OpenSSL decodes, and what their public halves are.
//!
//! Nothing but the public halves is held against the certificate when HAProxy loads a file, and
//! OpenSSL believes what a key says of its own: a wrong private part is found out by clients.

use elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, PublicKey, SecretKey};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::asn1::{Elements, tag};
use super::pem::{Block, Blocks};

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const ED25519: &[u8] = b"\x2b\x65\x70";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x2b\x81\x04\x00\x22";
const P521: &[u8] = b"\x2b\x81\x04\x00\x23";

/// The other curves of OpenSSL that certificates were seen with, and their bits.
const OTHER_CURVES: [(&[u8], u32); 6] = [
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x01", 192),
    (b"\x2b\x81\x04\x00\x21", 224),
    (b"\x2b\x81\x04\x00\x0a", 256),
    (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x07", 256),
    (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b", 384),
    (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", 512),
];

const ENCRYPTED: &[u8] = b"ENCRYPTED PRIVATE KEY";

/// The longest header that OpenSSL's key decoder takes for none.
const SHORT_HEADER: usize = 10;

/// A public key, as far as two can be told apart.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::haproxy) enum Public {
    /// Without leading zeros.
    Rsa {
        algorithm: Vec<u8>,
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    Ec {
        curve: Vec<u8>,
        bits: u32,
        point: Point,
    },
    /// Of an algorithm without parameters (RFC 8410); `None` where it would have to be computed
    /// from a private key, and that algorithm is not at hand.
    Bare {
        algorithm: Vec<u8>,
        key: Option<Vec<u8>>,
    },
}

/// A point of a curve.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::haproxy) enum Point {
    /// Uncompressed where the curve is at hand; otherwise as it stands there.
    Known(Vec<u8>),
    /// It would have to be computed from a private key.
    Unknown,
}

impl Public {
    /// As X509_get0_pubkey() does.
    pub(super) fn of_spki(spki: &[u8]) -> Option<Self> {
        let mut fields = Elements(spki).sequence()?;
        let mut algorithm = fields.algorithm()?;
        let oid = algorithm.primitive(tag::OBJECT)?;
        let key = fields.primitive(tag::BIT_STRING)?;
        let (0, key) = key.split_first()? else {
            return None;
        };
        match oid {
            RSA | RSA_PSS => {
                let mut numbers = Elements(key).sequence()?;
                Some(Self::Rsa {
                    algorithm: oid.to_vec(),
                    modulus: number(&mut numbers)?.to_vec(),
                    exponent: number(&mut numbers)?.to_vec(),
                })
            }
            EC => {
                let curve = algorithm.primitive(tag::OBJECT)?;
                Self::of_point(curve, key)
            }
            _ => {
                let length = bare_length(oid)?;
                (key.len() == length).then(|| Self::Bare {
                    algorithm: oid.to_vec(),
                    key: Some(key.to_vec()),
                })
            }
        }
    }

    fn of_point(curve: &[u8], point: &[u8]) -> Option<Self> {
        let (bits, point) = match curve {
            P256 => (256, uncompressed::<p256::NistP256>(point)?),
            P384 => (384, uncompressed::<p384::NistP384>(point)?),
            P521 => (521, uncompressed::<p521::NistP521>(point)?),
            _ => (other_bits(curve)?, point.to_vec()),
        };
        Some(Self::Ec {
            curve: curve.to_vec(),
            bits,
            point: Point::Known(point),
        })
    }

    fn of_scalar(curve: &[u8], scalar: &[u8]) -> Option<Self> {
        let (bits, point) = match curve {
            P256 => (256, Point::Known(produced::<p256::NistP256>(scalar)?)),
            P384 => (384, Point::Known(produced::<p384::NistP384>(scalar)?)),
            P521 => (521, Point::Known(produced::<p521::NistP521>(scalar)?)),
            _ => (other_bits(curve)?, Point::Unknown),
        };
        Some(Self::Ec {
            curve: curve.to_vec(),
            bits,
            point,
        })
    }

    /// Whether a key belongs to a certificate, as X509_check_private_key() sees it. What cannot
    /// be computed is believed.
    pub(in crate::haproxy) fn is_of(&self, certificate: &Self) -> bool {
        match (self, certificate) {
            (
                Self::Ec {
                    curve,
                    point: Point::Unknown,
                    ..
                },
                Self::Ec { curve: other, .. },
            ) => curve == other,
            (
                Self::Bare {
                    algorithm,
                    key: None,
                },
                Self::Bare {
                    algorithm: other, ..
                },
            ) => algorithm == other,
            _ => self == certificate,
        }
    }

    /// As EVP_PKEY_get_security_bits() has them.
    pub(super) fn security_bits(&self) -> u32 {
        match self {
            Self::Rsa { modulus, .. } => rsa_security_bits(modulus),
            Self::Ec { bits, .. } => bits / 2,
            Self::Bare { .. } => 128,
        }
    }
}

/// The first private key of a file, as PEM_read_bio_PrivateKey() finds it. Its public half, and
/// its block.
pub(in crate::haproxy) fn first_key<'a>(file: &Blocks<'a>) -> Option<(Public, Block<'a>)> {
    // The decoder passes over what it does not know, damaged blocks included.
    for block in file.clone().all().flatten() {
        let is_encrypted = block.label == ENCRYPTED && is_encrypted(&block.content);
        if block.header > SHORT_HEADER || is_encrypted {
            break;
        }
        let public = decode(block.label, &block.content);
        if let Some(public) = public {
            return Some((public, block));
        }
    }
    // What came before it is the older way, which does not.
    let is_key = |label: &[u8]| label.ends_with(b"PRIVATE KEY");
    let block = file.clone().next_of(is_key).ok()?;
    let is_encrypted = block.label == ENCRYPTED;
    let public = decode(block.label, &block.content).filter(|_| !is_encrypted)?;
    Some((public, block))
}

/// By the label: the structure that it names, or PKCS#8 of that kind of key.
fn decode(label: &[u8], content: &[u8]) -> Option<Public> {
    let or_pkcs8 = |own: Option<Public>| own.or_else(|| pkcs8(content));
    match label {
        b"PRIVATE KEY" | ENCRYPTED => pkcs8(content),
        b"RSA PRIVATE KEY" => {
            or_pkcs8(pkcs1(content, RSA)).filter(|key| matches!(key, Public::Rsa { .. }))
        }
        b"EC PRIVATE KEY" => {
            or_pkcs8(sec1(content, None)).filter(|key| matches!(key, Public::Ec { .. }))
        }
        _ => None,
    }
}

/// PrivateKeyInfo, version 1 (RFC 5208), whatever version it says that it is.
fn pkcs8(der: &[u8]) -> Option<Public> {
    let mut info = Elements(der).sequence()?;
    info.primitive(tag::INTEGER)?;
    let mut algorithm = info.algorithm()?;
    let oid = algorithm.primitive(tag::OBJECT)?;
    let parameters = algorithm;
    let inner = info.primitive(tag::OCTET_STRING)?;
    if let Some(attributes) = info.context(0) {
        attributes.parts()?;
    }
    info.is_empty().then_some(())?;
    match oid {
        RSA | RSA_PSS => pkcs1(inner, oid),
        EC => sec1(inner, Some(parameters)),
        _ => {
            let length = bare_length(oid)?;
            let seed = Elements(inner).primitive(tag::OCTET_STRING)?;
            (seed.len() == length).then_some(())?;
            let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok();
            let key = pair.filter(|_| oid == ED25519);
            Some(Public::Bare {
                algorithm: oid.to_vec(),
                key: key.map(|pair| pair.public_key().as_ref().to_vec()),
            })
        }
    }
}

/// Whether it is EncryptedPrivateKeyInfo (RFC 5958 section 3).
fn is_encrypted(der: &[u8]) -> bool {
    let Some(mut fields) = Elements(der).sequence() else {
        return false;
    };
    fields.algorithm().is_some()
        && fields.primitive(tag::OCTET_STRING).is_some()
        && fields.is_empty()
}

/// RSAPrivateKey (RFC 8017 appendix A.1.2), with two primes.
fn pkcs1(der: &[u8], algorithm: &[u8]) -> Option<Public> {
    let mut numbers = Elements(der).sequence()?;
    let version = numbers.primitive(tag::INTEGER)?;
    let (modulus, exponent) = (number(&mut numbers)?, number(&mut numbers)?);
    // d, p, q, dP, dQ and qInv; nobody looks at them.
    for _ in 0..6 {
        number(&mut numbers)?;
    }
    (numbers.is_empty() && version != [1]).then_some(Public::Rsa {
        algorithm: algorithm.to_vec(),
        modulus: modulus.to_vec(),
        exponent: exponent.to_vec(),
    })
}

/// ECPrivateKey (RFC 5915), with a curve that the PKCS#8 around it may give.
fn sec1(der: &[u8], around: Option<Elements<'_>>) -> Option<Public> {
    let mut fields = Elements(der).sequence()?;
    fields.primitive(tag::INTEGER)?;
    let scalar = fields.primitive(tag::OCTET_STRING)?;
    let own = match fields.context(0) {
        Some(parameters) => Some(parameters.parts()?),
        None => None,
    };
    let curve = own.or(around)?.primitive(tag::OBJECT)?;
    let claimed = match fields.context(1) {
        Some(public) => Some(public.parts()?.primitive(tag::BIT_STRING)?),
        None => None,
    };
    fields.is_empty().then_some(())?;
    match claimed {
        Some([0, point @ ..]) => Public::of_point(curve, point),
        Some(_) => None,
        None => Public::of_scalar(curve, scalar),
    }
}

/// The bytes of an INTEGER without leading zeros. OpenSSL takes those of keys for unsigned.
fn number<'a>(numbers: &mut Elements<'a>) -> Option<&'a [u8]> {
    let content = numbers.universal(tag::INTEGER)?.content;
    let zeros = content.iter().take_while(|&&byte| byte == 0).count();
    content.get(zeros..)
}

/// The length of the keys of X25519, X448, Ed25519 and Ed448.
fn bare_length(oid: &[u8]) -> Option<usize> {
    match oid {
        [0x2b, 0x65, 0x6e | 0x70] => Some(32),
        [0x2b, 0x65, 0x6f] => Some(56),
        [0x2b, 0x65, 0x71] => Some(57),
        _ => None,
    }
}

fn other_bits(curve: &[u8]) -> Option<u32> {
    let known = OTHER_CURVES.iter().find(|(oid, _)| *oid == curve);
    known.map(|(_, bits)| *bits)
}

fn uncompressed<C>(point: &[u8]) -> Option<Vec<u8>>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let key = PublicKey::<C>::from_sec1_bytes(point).ok()?;
    Some(key.to_sec1_point(false).as_bytes().to_vec())
}

/// The scalar times the curve's generator.
fn produced<C>(scalar: &[u8]) -> Option<Vec<u8>>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let key = SecretKey::<C>::from_slice(scalar).ok()?;
    Some(key.public_key().to_sec1_point(false).as_bytes().to_vec())
}

/// The strength of RSA by NIST's formula (SP 800-56B appendix D), as OpenSSL rounds it, as far as
/// it matters: 108.0 and more, which 1962 bits reach, count as 112.
fn rsa_security_bits(modulus: &[u8]) -> u32 {
    match crate::key::bits(modulus) {
        1962.. => 112,
        _ => 80,
    }
}
