//! A private key: secret, zeroized, never printed; it proves that it belongs to a certificate.

mod parse;
mod proof;

use std::fmt;
use std::ops::Range;

use der::Encode;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use pkcs8::PrivateKeyInfoRef;
use rustls_pki_types::PrivateKeyDer;
use sec1::EcPrivateKey;
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use parse::{Parts, is_encrypted};
pub use proof::Proof;
pub(crate) use proof::{bits, public_key};

use crate::cert::{Certificate, place_in};
use crate::finding::{Code, Finding};
use crate::origin::Origin;

pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// The smallest RSA modulus that clients accept of a server, in bits (CA/Browser Forum Baseline
/// Requirements, section 6.1.5).
pub const RSA_MIN_BITS: usize = 2048;
/// The largest RSA modulus that is supported, in bits.
pub const RSA_MAX_BITS: usize = 8192;

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// RSA, with the modulus' length in bits (RFC 8017).
    Rsa(usize),
    /// Elliptic curve, NIST P-256, also called prime256v1 and secp256r1 (RFC 5480).
    P256,
    /// Elliptic curve, NIST P-384, also called secp384r1.
    P384,
    /// Elliptic curve, NIST P-521, also called secp521r1.
    P521,
    /// Edwards curve Ed25519 (RFC 8410).
    Ed25519,
}

impl KeyAlgorithm {
    fn of_curve(curve: ObjectIdentifier) -> Option<Self> {
        match curve {
            P256 => Some(Self::P256),
            P384 => Some(Self::P384),
            P521 => Some(Self::P521),
            _ => None,
        }
    }

    /// The curve whose private keys have this length: for keys that do not name one.
    fn of_scalar_length(length: usize) -> Option<Self> {
        match length {
            32 => Some(Self::P256),
            48 => Some(Self::P384),
            66 => Some(Self::P521),
            _ => None,
        }
    }

    fn identifier(self) -> (ObjectIdentifier, Option<ObjectIdentifier>) {
        match self {
            Self::Rsa(_) => (RSA, None),
            Self::P256 => (EC, Some(P256)),
            Self::P384 => (EC, Some(P384)),
            Self::P521 => (EC, Some(P521)),
            Self::Ed25519 => (ED25519, None),
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// The structure in which a key was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// PrivateKeyInfo, version 1 (RFC 5208).
    Pkcs8,
    /// OneAsymmetricKey, version 2, with the public key in it (RFC 5958). OpenSSL 3.0 has no
    /// reader for it.
    Pkcs8V2,
    /// RSAPrivateKey (RFC 8017 appendix A.1.2).
    Pkcs1,
    /// ECPrivateKey that names its curve (RFC 5915).
    Sec1,
    /// ECPrivateKey that does not.
    Sec1WithoutCurve,
}

/// An unencrypted private key and where it was read.
///
/// Its bytes are zeroized when it is dropped, and shown neither by `Debug` nor in any message.
/// The arithmetic of a proof is done by `ring`, `p384`, `p521` and `crypto-bigint` in constant
/// time; short-lived copies inside `ring` and `crypto-bigint` are beyond this crate's reach.
#[derive(Clone)]
pub struct PrivateKey {
    der: Zeroizing<Vec<u8>>,
    shape: Shape,
    algorithm: KeyAlgorithm,
    /// The place in `der` of what is private: the RSAPrivateKey, the EC scalar, the Ed25519 seed.
    private: Range<usize>,
    /// The place of the public key that the structure claims to belong to it (not of RSA's).
    claimed: Option<Range<usize>>,
    origin: Origin,
}

/// Why DER is not a private key that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// It is none of PKCS#8, PKCS#1 and SEC1.
    NotAKey,
    /// It is encrypted PKCS#8 (RFC 5958 section 3).
    Encrypted,
    /// It is a key of an unsupported algorithm, curve or size, which is named.
    Unsupported(String),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAKey => f.write_str("the DER is no private key"),
            Self::Encrypted => f.write_str("the private key is encrypted"),
            Self::Unsupported(what) => write!(f, "the private key is {what}, not supported"),
        }
    }
}

impl std::error::Error for KeyError {}

impl PrivateKey {
    /// Reads PKCS#8 (version 1 or 2), PKCS#1 or SEC1; the content decides which it is.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when it is something else, encrypted, or not supported.
    ///
    /// ```
    /// use fullchain::{Origin, PrivateKey, key::KeyError};
    ///
    /// let error = PrivateKey::new(&[0x30, 0x00], Origin::new("memory")).unwrap_err();
    /// assert_eq!(error, KeyError::NotAKey);
    /// ```
    pub fn new(der: &[u8], origin: Origin) -> Result<Self, KeyError> {
        let parts = Parts::of_pkcs8(der)
            .or_else(|| Parts::of_pkcs1(der))
            .or_else(|| Parts::of_sec1(der));
        let Some(parts) = parts else {
            return Err(match is_encrypted(der) {
                Ok(()) => KeyError::Encrypted,
                Err(_) => KeyError::NotAKey,
            });
        };
        let parts = parts?;
        if let KeyAlgorithm::Rsa(bits) = parts.algorithm
            && bits > RSA_MAX_BITS
        {
            return Err(KeyError::Unsupported(format!("RSA of {bits} bits")));
        }
        Ok(Self {
            shape: parts.shape,
            algorithm: parts.algorithm,
            private: place_in(der, parts.private),
            claimed: parts.claimed.map(|claimed| place_in(der, claimed)),
            der: Zeroizing::new(der.to_vec()),
            origin,
        })
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Where it was read.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The secret itself, in the structure in which it was read.
    pub fn secret_der(&self) -> PrivateKeyDer<'_> {
        match self.shape {
            Shape::Pkcs8 | Shape::Pkcs8V2 => PrivateKeyDer::Pkcs8(self.der.as_slice().into()),
            Shape::Pkcs1 => PrivateKeyDer::Pkcs1(self.der.as_slice().into()),
            Shape::Sec1 | Shape::Sec1WithoutCurve => {
                PrivateKeyDer::Sec1(self.der.as_slice().into())
            }
        }
    }

    /// The PEM label of [`secret_der`](Self::secret_der).
    pub(crate) fn label(&self) -> &'static str {
        match self.shape {
            Shape::Pkcs8 | Shape::Pkcs8V2 => "PRIVATE KEY",
            Shape::Pkcs1 => "RSA PRIVATE KEY",
            Shape::Sec1 | Shape::Sec1WithoutCurve => "EC PRIVATE KEY",
        }
    }

    /// Why OpenSSL would not load the key as it was read, if that is so.
    pub(crate) fn needs_rewriting(&self) -> Option<&'static str> {
        match self.shape {
            Shape::Pkcs8V2 => Some("it is PKCS#8 version 2, which OpenSSL does not read"),
            Shape::Sec1WithoutCurve => Some("it does not name its curve"),
            Shape::Pkcs8 | Shape::Pkcs1 | Shape::Sec1 => None,
        }
    }

    /// The same key as PKCS#8 version 1 with nothing in it but what is private.
    pub(crate) fn rewritten(&self) -> Option<Self> {
        self.pkcs8(None)
    }

    /// The same, into which an elliptic curve's public key is written, if it is given: not
    /// everybody computes it.
    pub(crate) fn pkcs8(&self, public: Option<&[u8]>) -> Option<Self> {
        let (algorithm, curve) = self.algorithm.identifier();
        let private = self.private();
        let wrapped = match self.algorithm {
            KeyAlgorithm::Rsa(_) => Zeroizing::new(private.to_vec()),
            KeyAlgorithm::Ed25519 => {
                Zeroizing::new(OctetStringRef::new(private).ok()?.to_der().ok()?)
            }
            KeyAlgorithm::P256 | KeyAlgorithm::P384 | KeyAlgorithm::P521 => {
                let scalar = proof::field_sized(private, self.algorithm)?;
                let inner = EcPrivateKey {
                    private_key: &scalar,
                    parameters: None,
                    public_key: public,
                };
                Zeroizing::new(inner.to_der().ok()?)
            }
        };
        let parameters = match (&curve, self.algorithm) {
            (Some(curve), _) => Some(curve.into()),
            (None, KeyAlgorithm::Rsa(_)) => Some(der::asn1::AnyRef::NULL),
            (None, _) => None,
        };
        let info = PrivateKeyInfoRef::new(
            AlgorithmIdentifierRef {
                oid: algorithm,
                parameters,
            },
            OctetStringRef::new(&wrapped).ok()?,
        );
        let der = Zeroizing::new(info.to_der().ok()?);
        Self::new(&der, self.origin.clone()).ok()
    }

    /// Of two forms of one secret the lesser is kept: what OpenSSL loads, what is usual.
    pub(crate) fn precedence(&self) -> u8 {
        match (self.shape, self.claimed.is_some()) {
            (Shape::Pkcs8, true) => 0,
            (Shape::Pkcs8, false) => 1,
            (Shape::Pkcs1, _) => 2,
            (Shape::Sec1, true) => 3,
            (Shape::Sec1, false) => 4,
            (Shape::Pkcs8V2, _) => 5,
            (Shape::Sec1WithoutCurve, _) => 6,
        }
    }

    /// What there is to say of [`Proof::Inconsistent`].
    pub(crate) fn inconsistent_with(&self, certificate: &Certificate) -> Finding {
        let message = format!(
            "the key names the public key of {}, but its private part does not produce it",
            certificate.subject_text()
        );
        Finding::new(Code::InconsistentKey, message).at(&self.origin)
    }

    fn private(&self) -> &[u8] {
        // The place was measured on these very bytes, so the default is never taken.
        self.der.get(self.private.clone()).unwrap_or_default()
    }

    fn claimed(&self) -> Option<&[u8]> {
        self.der.get(self.claimed.clone()?)
    }

    /// Whether both hold the same secret, whatever their structure. RSA keys that differ in
    /// order of primes count as different.
    pub(crate) fn same_secret(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm
            && proof::constant_time_eq(self.private(), other.private())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("algorithm", &self.algorithm)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
