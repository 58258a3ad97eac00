//! The proof that a key belongs to a certificate: from the private part, by arithmetic.
//!
//! A key file's own public key is a claim. Here the certificate's public key is held against
//! what the private part produces: the point d·G of an elliptic curve; for RSA the primes, of
//! which the product must be the modulus and to which every exponent must fit (RFC 8017
//! section 3.2). As nobody can factor a CA-certified modulus, two factors are a proof.

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Resize};
use der::{Decode, Encode};
use elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, PublicKey, SecretKey};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef, UintRef};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use spki::SubjectPublicKeyInfoRef;
use zeroize::Zeroizing;

use super::{EC, ED25519, KeyAlgorithm, PrivateKey, RSA};
use crate::cert::Certificate;

/// What came of holding a private key against a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// The private part produces the certificate's public key.
    Belongs,
    /// It does, but the key's file names another public key, so servers would not load it.
    BelongsButClaimsAnother,
    /// It does not.
    Foreign,
    /// The key names the certificate's public key, but its private part does not produce it.
    Inconsistent,
}

impl PrivateKey {
    /// Proves from the private part whether this key belongs to a certificate.
    ///
    /// The time it takes does not depend on the secret, except for the outcome.
    pub fn prove(&self, certificate: &Certificate) -> Proof {
        let Ok(spki) = SubjectPublicKeyInfoRef::from_der(certificate.subject_public_key_info())
        else {
            return Proof::Foreign;
        };
        let public = spki.subject_public_key.raw_bytes();
        let algorithm = spki.algorithm;
        match (self.algorithm, algorithm.oid) {
            (KeyAlgorithm::Rsa(_), RSA) => self.prove_rsa(public),
            (KeyAlgorithm::Ed25519, ED25519) => {
                let produces =
                    Ed25519KeyPair::from_seed_and_public_key(self.private(), public).is_ok();
                self.weigh(produces, self.claimed().map(|claimed| claimed == public))
            }
            (ec, EC)
                if algorithm
                    .parameters_oid()
                    .ok()
                    .and_then(KeyAlgorithm::of_curve)
                    == Some(ec) =>
            {
                let claims = self.claimed().map(|claimed| same_point(claimed, public));
                self.weigh(self.produces_point(public), claims)
            }
            _ => Proof::Foreign,
        }
    }

    /// The public key that the key's file says is its own, as certificates have it.
    pub(crate) fn claimed_public_key(&self) -> Option<Vec<u8>> {
        match self.algorithm {
            KeyAlgorithm::Rsa(_) => {
                let key = RsaPrivateKeyRef::try_from(self.private()).ok()?;
                key.public_key().to_der().ok()
            }
            _ => self.claimed().map(<[u8]>::to_vec),
        }
    }

    fn weigh(&self, produces: bool, claims: Option<bool>) -> Proof {
        match (produces, claims) {
            (true, None | Some(true)) => Proof::Belongs,
            (true, Some(false)) => Proof::BelongsButClaimsAnother,
            (false, Some(true)) => Proof::Inconsistent,
            (false, _) => Proof::Foreign,
        }
    }

    fn produces_point(&self, public: &[u8]) -> bool {
        let Some(scalar) = field_sized(self.private(), self.algorithm) else {
            return false;
        };
        match self.algorithm {
            // ring is several times faster here, and reads uncompressed points only.
            KeyAlgorithm::P256 if public.first() == Some(&4) => {
                EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_ASN1_SIGNING,
                    &scalar,
                    public,
                    &SystemRandom::new(),
                )
                .is_ok()
            }
            KeyAlgorithm::P256 => produces::<p256::NistP256>(&scalar, public),
            KeyAlgorithm::P384 => produces::<p384::NistP384>(&scalar, public),
            KeyAlgorithm::P521 => produces::<p521::NistP521>(&scalar, public),
            KeyAlgorithm::Rsa(_) | KeyAlgorithm::Ed25519 => false,
        }
    }

    fn prove_rsa(&self, public: &[u8]) -> Proof {
        let (Ok(key), Ok(public)) = (
            RsaPrivateKeyRef::try_from(self.private()),
            RsaPublicKeyRef::from_der(public),
        ) else {
            return Proof::Foreign;
        };
        let claims = key.modulus == public.modulus;
        let factors = RsaFactors::new(&key);
        if factors.product_is(public.modulus) {
            // The certificate's own modulus was factored, so the key is meant for it.
            let whole = claims
                && key.public_exponent == public.public_exponent
                && factors.exponents_fit(&key).unwrap_or(false);
            if whole {
                Proof::Belongs
            } else {
                Proof::Inconsistent
            }
        } else if claims {
            Proof::Inconsistent
        } else {
            Proof::Foreign
        }
    }
}

/// Whether the scalar times the curve's generator is this point, compressed or not.
fn produces<C>(scalar: &[u8], public: &[u8]) -> bool
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    match (
        SecretKey::<C>::from_slice(scalar),
        PublicKey::<C>::from_sec1_bytes(public),
    ) {
        (Ok(secret), Ok(public)) => secret.public_key() == public,
        _ => false,
    }
}

/// Whether two encodings (SEC 1 section 2.3.3) are of one point, one of them perhaps compressed.
fn same_point(a: &[u8], b: &[u8]) -> bool {
    fn parts(point: &[u8]) -> Option<(&[u8], u8)> {
        let (form, rest) = point.split_first()?;
        match form {
            2 | 3 => Some((rest, form & 1)),
            4 => Some((rest.get(..rest.len() / 2)?, rest.last()? & 1)),
            _ => None,
        }
    }
    a == b || (a.len() != b.len() && parts(a).is_some() && parts(a) == parts(b))
}

/// The scalar at the length of the curve's field: some writers drop or add leading zeros.
pub(super) fn field_sized(scalar: &[u8], algorithm: KeyAlgorithm) -> Option<Zeroizing<Vec<u8>>> {
    let length = match algorithm {
        KeyAlgorithm::P256 => 32,
        KeyAlgorithm::P384 => 48,
        KeyAlgorithm::P521 => 66,
        KeyAlgorithm::Rsa(_) | KeyAlgorithm::Ed25519 => return None,
    };
    let surplus = scalar.len().saturating_sub(length);
    let (zeros, scalar) = scalar.split_at(surplus);
    if zeros.iter().any(|&byte| byte != 0) {
        return None;
    }
    let mut sized = Zeroizing::new(vec![0; length]);
    sized
        .get_mut(length - scalar.len()..)?
        .copy_from_slice(scalar);
    Some(sized)
}

/// The two primes.
struct RsaFactors {
    p: Zeroizing<BoxedUint>,
    q: Zeroizing<BoxedUint>,
}

impl RsaFactors {
    fn new(key: &RsaPrivateKeyRef<'_>) -> Self {
        Self {
            p: number(key.prime1),
            q: number(key.prime2),
        }
    }

    /// Whether p·q is this number, neither factor being 1.
    fn product_is(&self, modulus: UintRef<'_>) -> bool {
        let trivial = |factor: &BoxedUint| factor.bits() < 2;
        let product = Zeroizing::new(self.p.concatenating_mul(&*self.q));
        !trivial(&self.p) && !trivial(&self.q) && same_number(&product, &number(modulus))
    }

    /// Whether d, dP, dQ and qInv are what p, q and e make them (RFC 8017 section 3.2).
    fn exponents_fit(&self, key: &RsaPrivateKeyRef<'_>) -> Option<bool> {
        let e = number(key.public_exponent);
        let d = number(key.private_exponent);
        let fits = |prime: &BoxedUint, exponent: UintRef<'_>| -> Option<bool> {
            let exponent = number(exponent);
            let order = divisor(prime.wrapping_sub(BoxedUint::one()))?;
            let product = Zeroizing::new(e.concatenating_mul(&*exponent));
            let (one, same) = (
                Zeroizing::new(product.rem(&*order)),
                Zeroizing::new(d.rem(&*order)),
            );
            Some(is_one(&one) && same_number(&same, &exponent))
        };
        let p = divisor((*self.p).clone())?;
        let product = Zeroizing::new(number(key.coefficient).concatenating_mul(&*self.q));
        let inverse = Zeroizing::new(product.rem(&*p));
        Some(fits(&self.p, key.exponent1)? && fits(&self.q, key.exponent2)? && is_one(&inverse))
    }
}

fn divisor(value: BoxedUint) -> Option<Zeroizing<NonZero<BoxedUint>>> {
    Option::from(NonZero::new(value)).map(Zeroizing::new)
}

/// A DER INTEGER as a number of just the limbs that its length, which is public, asks for.
fn number(value: UintRef<'_>) -> Zeroizing<BoxedUint> {
    let bytes = value.as_bytes();
    let precision = u32::try_from(bytes.len().max(1).saturating_mul(8)).unwrap_or(u32::MAX);
    Zeroizing::new(BoxedUint::from_be_slice_truncated(bytes, precision))
}

fn is_one(value: &BoxedUint) -> bool {
    same_number(value, &BoxedUint::one())
}

/// Compares two numbers that may be held in different lengths.
fn same_number(a: &BoxedUint, b: &BoxedUint) -> bool {
    let precision = a.bits_precision().max(b.bits_precision());
    let a = Zeroizing::new(a.resize_unchecked(precision));
    let b = Zeroizing::new(b.resize_unchecked(precision));
    *a == *b
}

/// The length of a big-endian number in bits.
pub(crate) fn bits(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let [0, tail @ ..] = rest {
        rest = tail;
    }
    match rest.first() {
        Some(first) => rest.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0),
        None => 0,
    }
}

/// Compares secrets in a time that depends on their lengths only.
pub(super) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    a.ct_eq(b).into()
}

/// The certificate's public key: its algorithm, and the bits that stand for it. `None` when it
/// is of an unsupported algorithm.
pub(crate) fn public_key(certificate: &Certificate) -> Option<(KeyAlgorithm, &[u8])> {
    let spki = SubjectPublicKeyInfoRef::from_der(certificate.subject_public_key_info()).ok()?;
    let bits_of_key = spki.subject_public_key.raw_bytes();
    let algorithm = match spki.algorithm.oid {
        RSA => {
            let key = RsaPublicKeyRef::from_der(bits_of_key).ok()?;
            KeyAlgorithm::Rsa(bits(key.modulus.as_bytes()))
        }
        EC => KeyAlgorithm::of_curve(spki.algorithm.parameters_oid().ok()?)?,
        ED25519 => KeyAlgorithm::Ed25519,
        _ => return None,
    };
    Some((algorithm, bits_of_key))
}
