//! Which private keys OpenSSL decodes, and what their public halves are.
//!
//! Nothing but the public halves is held against the certificate when HAProxy loads a file, and
//! OpenSSL believes what a key says of its own: a wrong private part is found out by clients.

use elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, PublicKey, SecretKey,
};
use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use super::asn1::{Elements, tag};
use super::pem::{Block, Blocks};

const PKCS1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01";
const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
/// With whatever digest.
const ECDSA: &[u8] = b"\x2a\x86\x48\xce\x3d\x04";
const ED25519: &[u8] = b"\x2b\x65\x70";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x2b\x81\x04\x00\x22";
const P521: &[u8] = b"\x2b\x81\x04\x00\x23";

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
        let mut algorithm = fields.sequence()?;
        let oid = algorithm.primitive(tag::OBJECT)?;
        let key = fields.primitive(tag::BIT_STRING)?;
        let (0, key) = key.split_first()? else {
            return None;
        };
        match oid {
            RSA | RSA_PSS => {
                is_of_pss(oid, algorithm).then_some(())?;
                let mut numbers = Elements(key).sequence()?;
                let (modulus, exponent) = (numbers.unsigned()?, numbers.unsigned()?);
                numbers.is_empty().then(|| Self::Rsa {
                    algorithm: oid.to_vec(),
                    modulus: without_zeros(modulus).to_vec(),
                    exponent: without_zeros(exponent).to_vec(),
                })
            }
            EC => {
                let curve = algorithm.primitive(tag::OBJECT)?;
                Self::of_point(curve, key)
            }
            _ => {
                let length = bare_length(oid)?;
                (key.len() == length && algorithm.is_empty()).then(|| Self::Bare {
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
            _ => {
                let bits = other_bits(curve)?;
                is_point(point, bits).then_some(())?;
                (bits, point.to_vec())
            }
        };
        Some(Self::Ec {
            curve: curve.to_vec(),
            bits,
            point: Point::Known(point),
        })
    }

    fn of_scalar(curve: &[u8], scalar: &[u8]) -> Option<Self> {
        let (bits, point) = match curve {
            P256 => (256, Point::Known(produced::<p256::NistP256>(scalar))),
            P384 => (384, Point::Known(produced::<p384::NistP384>(scalar))),
            P521 => (521, Point::Known(produced::<p521::NistP521>(scalar))),
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

    /// Whether a signature by this algorithm can be one of this key.
    pub(super) fn may_have_signed(&self, mut algorithm: Elements<'_>) -> bool {
        let oid = algorithm.primitive(tag::OBJECT).unwrap_or_default();
        match self {
            Self::Rsa { .. } => oid.starts_with(PKCS1),
            Self::Ec { .. } => oid.starts_with(ECDSA),
            Self::Bare { algorithm, .. } => oid == algorithm,
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
pub(in crate::haproxy) fn first_key<'b, 'a>(
    file: &'b Blocks<'a>,
) -> Option<(Public, &'b Block<'a>)> {
    // The decoder passes over what it does not know, damaged blocks included.
    for block in file.sound() {
        if block.header > SHORT_HEADER {
            break;
        }
        if let Some(public) = decoded(block.label, &block.content) {
            return Some((public, block));
        }
        if block.label == b"ENCRYPTED PRIVATE KEY" && is_encrypted(&block.content) {
            break;
        }
    }
    // What came before it is the older way, which does not.
    let is_key = |label: &[u8]| Kind::of(label).is_some();
    let block = file.strictly().next_of(is_key).ok()?;
    let public = match Kind::of(block.label)? {
        Kind::Pkcs8 => pkcs8(&block.content),
        Kind::Rsa => rsa(&block.content),
        Kind::Ec => ec(&block.content),
        Kind::Other => None,
    };
    Some((public?, block))
}

/// The decoder goes by the algorithm that a label names, not by the structure.
fn decoded(label: &[u8], der: &[u8]) -> Option<Public> {
    match label {
        b"PRIVATE KEY" | b"ENCRYPTED PRIVATE KEY" => pkcs8(der),
        b"RSA PRIVATE KEY" | b"RSA PUBLIC KEY" => rsa(der),
        b"EC PRIVATE KEY" | b"EC PARAMETERS" => ec(der),
        _ => None,
    }
}

/// Whether it is an EncryptedPrivateKeyInfo (RFC 5208), for which there is no passphrase.
fn is_encrypted(der: &[u8]) -> bool {
    let is_whole = |mut info: Elements<'_>| {
        let is_sound = info.algorithm().is_some() && info.primitive(tag::OCTET_STRING).is_some();
        is_sound && info.is_empty()
    };
    Elements(der).sequence().is_some_and(is_whole)
}

/// What the older way takes a block for.
enum Kind {
    Pkcs8,
    Rsa,
    Ec,
    /// A key that HAProxy has no use for.
    Other,
}

impl Kind {
    fn of(label: &[u8]) -> Option<Self> {
        match label {
            b"PRIVATE KEY" => return Some(Self::Pkcs8),
            b"ENCRYPTED PRIVATE KEY" => return Some(Self::Other),
            _ => {}
        }
        let algorithm = label.strip_suffix(b" PRIVATE KEY")?;
        match algorithm.to_ascii_uppercase().as_slice() {
            b"RSA" => Some(Self::Rsa),
            b"EC" => Some(Self::Ec),
            b"DSA" => Some(Self::Other),
            _ => None,
        }
    }
}

fn rsa(der: &[u8]) -> Option<Public> {
    let key = pkcs1(der, RSA).or_else(|| pkcs8(der));
    key.filter(|key| matches!(key, Public::Rsa { .. }))
}

fn ec(der: &[u8]) -> Option<Public> {
    let key = sec1(der, None).or_else(|| pkcs8(der));
    key.filter(|key| matches!(key, Public::Ec { .. }))
}

/// PrivateKeyInfo, version 1 (RFC 5208), whatever version it says that it is.
fn pkcs8(der: &[u8]) -> Option<Public> {
    let mut info = Elements(der).sequence()?;
    info.primitive(tag::INTEGER)?;
    let mut parameters = info.algorithm()?;
    let oid = parameters.primitive(tag::OBJECT)?;
    let inner = info.primitive(tag::OCTET_STRING)?;
    if let Some(attributes) = info.context(0) {
        attributes.parts()?;
    }
    info.is_empty().then_some(())?;
    match oid {
        RSA | RSA_PSS => pkcs1(inner, oid).filter(|_| is_of_pss(oid, parameters)),
        EC => sec1(inner, Some(parameters)),
        _ => {
            let length = bare_length(oid)?;
            parameters.is_empty().then_some(())?;
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

/// RSAPrivateKey (RFC 8017 appendix A.1.2), with two primes.
fn pkcs1(der: &[u8], algorithm: &[u8]) -> Option<Public> {
    let mut numbers = Elements(der).sequence()?;
    let version = numbers.int32()?;
    let (modulus, exponent) = (numbers.unsigned()?, numbers.unsigned()?);
    // d, p, q, dP, dQ and qInv; nobody looks at them.
    for _ in 0..6 {
        numbers.unsigned()?;
    }
    (numbers.is_empty() && version != [1]).then_some(Public::Rsa {
        algorithm: algorithm.to_vec(),
        modulus: without_zeros(modulus).to_vec(),
        exponent: without_zeros(exponent).to_vec(),
    })
}

/// ECPrivateKey (RFC 5915), with a curve that the PKCS#8 around it may give.
fn sec1(der: &[u8], around: Option<Elements<'_>>) -> Option<Public> {
    let mut fields = Elements(der).sequence()?;
    fields.int32()?;
    let scalar = fields.primitive(tag::OCTET_STRING)?;
    let curve = fields.explicit(0)?.or(around)?.primitive(tag::OBJECT)?;
    let claimed = match fields.explicit(1)? {
        Some(mut public) => Some(public.primitive(tag::BIT_STRING)?),
        None => None,
    };
    fields.is_empty().then_some(())?;
    match claimed {
        Some([0, point @ ..]) => Public::of_point(curve, point),
        Some(_) => None,
        None => Public::of_scalar(curve, without_zeros(scalar)),
    }
}

/// Whether these parameters can be those of RSA-PSS, if that is the algorithm; those of plain RSA
/// are not looked at.
fn is_of_pss(algorithm: &[u8], mut parameters: Elements<'_>) -> bool {
    algorithm != RSA_PSS || parameters.is_empty() || parameters.sequence().is_some()
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
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

/// The bits of the other curves that OpenSSL knows: their arithmetic is not at hand.
fn other_bits(curve: &[u8]) -> Option<u32> {
    match curve {
        // X9.62, over binary fields and over prime fields.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x00, number] => match number {
            1..=3 => Some(163),
            4 => Some(176),
            5..=7 => Some(191),
            10 => Some(208),
            11..=13 => Some(239),
            16 => Some(272),
            17 => Some(304),
            18 => Some(359),
            19 => Some(368),
            20 => Some(431),
            _ => None,
        },
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 1..=3] => Some(192),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 4..=6] => Some(239),
        // SEC 2, of both kinds.
        [0x2b, 0x81, 0x04, 0x00, number] => match number {
            4 | 5 => Some(113),
            6 | 7 => Some(112),
            22 | 23 => Some(131),
            28 | 29 => Some(128),
            8 | 9 | 30 => Some(160),
            1 | 2 | 15 => Some(163),
            31 => Some(192),
            24 | 25 => Some(193),
            32 | 33 => Some(224),
            26 | 27 => Some(233),
            3 => Some(239),
            10 => Some(256),
            16 | 17 => Some(283),
            36 | 37 => Some(409),
            38 | 39 => Some(571),
            _ => None,
        },
        // Brainpool, twisted and not.
        [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, number] => {
            const BITS: [u32; 7] = [160, 192, 224, 256, 320, 384, 512];
            let pair = number.checked_sub(1)? / 2;
            BITS.get(usize::from(pair)).copied()
        }
        _ => None,
    }
}

/// Whether it is as long as a point of a curve of so many bits.
fn is_point(point: &[u8], bits: u32) -> bool {
    let coordinate = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
    match point {
        [2 | 3, x @ ..] => x.len() == coordinate,
        [4 | 6 | 7, both @ ..] => both.len() == coordinate * 2,
        _ => false,
    }
}

fn uncompressed<C>(point: &[u8]) -> Option<Vec<u8>>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let key = match point {
        // The hybrid form, which says whether the second coordinate is odd.
        [form @ (6 | 7), both @ ..] => {
            let is_odd = both.last()? & 1;
            (form & 1 == is_odd).then_some(())?;
            PublicKey::<C>::from_sec1_bytes(&[&[4], both].concat())
        }
        _ => PublicKey::<C>::from_sec1_bytes(point),
    };
    let key = key.ok()?;
    Some(key.to_sec1_point(false).as_bytes().to_vec())
}

/// The scalar times the curve's generator. OpenSSL takes any number for the scalar; of those that
/// are none this makes a point that no certificate has.
fn produced<C>(scalar: &[u8]) -> Vec<u8>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let mut padded = Zeroizing::new(FieldBytes::<C>::default());
    let zeros = padded.len().checked_sub(scalar.len());
    let Some(place) = zeros.and_then(|zeros| padded.get_mut(zeros..)) else {
        return Vec::new();
    };
    place.copy_from_slice(scalar);
    SecretKey::<C>::from_bytes(&padded)
        .map(|key| key.public_key().to_sec1_point(false).as_bytes().to_vec())
        .unwrap_or_default()
}

/// The strength of RSA by NIST's formula (SP 800-56B appendix D), as OpenSSL rounds it, as far as
/// it matters: 108.0 and more, which 1962 bits reach, count as 112.
fn rsa_security_bits(modulus: &[u8]) -> u32 {
    match crate::key::bits(modulus) {
        1962.. => 112,
        _ => 80,
    }
}
