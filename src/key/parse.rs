//! The structures that private keys come in: PKCS#8, PKCS#1 and SEC1.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use pkcs1::RsaPrivateKeyRef;
use sec1::{EcParameters, EcPrivateKey};
use spki::AlgorithmIdentifierRef;

use super::{EC, ED25519, KeyAlgorithm, KeyError, RSA, Shape, bits};

/// A key's structure, read once.
pub(super) struct Parts<'a> {
    pub(super) shape: Shape,
    pub(super) algorithm: KeyAlgorithm,
    pub(super) private: &'a [u8],
    pub(super) claimed: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// `None` when it is not PKCS#8; an error when it is, but unsupported.
    pub(super) fn of_pkcs8(der: &'a [u8]) -> Option<Result<Self, KeyError>> {
        let info = Pkcs8::read(der).ok()?;
        let shape = match info.public {
            Some(_) => Shape::Pkcs8V2,
            None => Shape::Pkcs8,
        };
        let (inner, claimed) = (info.private, info.public);
        Some(match info.algorithm.oid {
            RSA => Self::of_pkcs1(inner)
                .unwrap_or(Err(KeyError::NotAKey))
                .map(|parts| Self { shape, ..parts }),
            EC => {
                let curve = info.algorithm.parameters_oid().ok();
                match curve.map(|curve| (curve, KeyAlgorithm::of_curve(curve))) {
                    Some((_, Some(algorithm))) => match EcPrivateKey::from_der(inner) {
                        Ok(key) => Ok(Self {
                            shape,
                            algorithm,
                            private: key.private_key,
                            claimed: key.public_key.or(claimed),
                        }),
                        Err(_) => Err(KeyError::NotAKey),
                    },
                    Some((curve, None)) => Err(unsupported_curve(curve)),
                    None => Err(KeyError::Unsupported(
                        "on a curve given by explicit parameters".to_owned(),
                    )),
                }
            }
            ED25519 => match <&OctetStringRef>::from_der(inner) {
                Ok(seed) if seed.as_bytes().len() == 32 => Ok(Self {
                    shape,
                    algorithm: KeyAlgorithm::Ed25519,
                    private: seed.as_bytes(),
                    claimed,
                }),
                _ => Err(KeyError::NotAKey),
            },
            other => Err(KeyError::Unsupported(format!(
                "of algorithm {}",
                name(other)
            ))),
        })
    }

    pub(super) fn of_pkcs1(der: &'a [u8]) -> Option<Result<Self, KeyError>> {
        let key = RsaPrivateKeyRef::try_from(der).ok()?;
        if key.other_prime_infos.is_some() {
            return Some(Err(KeyError::Unsupported(
                "RSA with more than two primes".to_owned(),
            )));
        }
        Some(Ok(Self {
            shape: Shape::Pkcs1,
            algorithm: KeyAlgorithm::Rsa(bits(key.modulus.as_bytes())),
            private: der,
            claimed: None,
        }))
    }

    pub(super) fn of_sec1(der: &'a [u8]) -> Option<Result<Self, KeyError>> {
        let key = EcPrivateKey::from_der(der).ok()?;
        let (shape, algorithm) = match key.parameters {
            Some(EcParameters::NamedCurve(curve)) => match KeyAlgorithm::of_curve(curve) {
                Some(algorithm) => (Shape::Sec1, algorithm),
                None => return Some(Err(unsupported_curve(curve))),
            },
            None => match KeyAlgorithm::of_scalar_length(key.private_key.len()) {
                Some(algorithm) => (Shape::Sec1WithoutCurve, algorithm),
                None => {
                    return Some(Err(KeyError::Unsupported(
                        "on a curve that it does not name".to_owned(),
                    )));
                }
            },
        };
        Some(Ok(Self {
            shape,
            algorithm,
            private: key.private_key,
            claimed: key.public_key,
        }))
    }
}

/// Succeeds for EncryptedPrivateKeyInfo (RFC 5958 section 3).
pub(super) fn is_encrypted(der: &[u8]) -> Result<(), der::Error> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|fields| {
        AlgorithmIdentifierRef::decode(fields)?;
        <&OctetStringRef>::decode(fields)?;
        Ok::<_, der::Error>(())
    })?;
    reader.finish()
}

fn unsupported_curve(curve: ObjectIdentifier) -> KeyError {
    KeyError::Unsupported(format!("on curve {}", name(curve)))
}

/// What people call an algorithm or curve that is not supported.
fn name(oid: ObjectIdentifier) -> String {
    let digits = oid.to_string();
    let name = match digits.as_str() {
        "1.2.840.10040.4.1" => "DSA",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.3.1" => "DH",
        "1.3.101.110" => "X25519",
        "1.3.101.111" => "X448",
        "1.3.101.113" => "Ed448",
        "1.3.132.0.10" => "secp256k1",
        "1.3.132.0.33" => "P-224",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        other => other,
    };
    name.to_owned()
}

/// PrivateKeyInfo and OneAsymmetricKey (RFC 5958 section 2).
///
/// The crate `pkcs8` insists that the version says whether there is a public key, and that the
/// latter is tagged implicitly. OpenSSL does not mind the version, and ring before 0.17 wrote
/// an explicit tag; such keys are about.
struct Pkcs8<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    private: &'a [u8],
    public: Option<&'a [u8]>,
}

impl<'a> Pkcs8<'a> {
    fn read(der: &'a [u8]) -> Result<Self, der::Error> {
        let mut outer = SliceReader::new(der)?;
        let body = AnyRef::decode(&mut outer)?;
        outer.finish()?;
        body.tag().assert_eq(Tag::Sequence)?;
        let mut fields = SliceReader::new(body.value())?;
        let version = u8::decode(&mut fields)?;
        let algorithm = AlgorithmIdentifierRef::decode(&mut fields)?;
        let private = <&OctetStringRef>::decode(&mut fields)?.as_bytes();
        let mut public = None;
        while !fields.is_finished() {
            let field = AnyRef::decode(&mut fields)?;
            match field.tag() {
                Tag::ContextSpecific {
                    constructed: true,
                    number: TagNumber(0),
                } => {}
                Tag::ContextSpecific {
                    constructed: false,
                    number: TagNumber(1),
                } => {
                    // What is left of a BIT STRING once its tag is replaced: unused bits first.
                    public = field.value().strip_prefix(&[0]);
                }
                Tag::ContextSpecific {
                    constructed: true,
                    number: TagNumber(1),
                } => {
                    public = BitStringRef::from_der(field.value())?.as_bytes();
                }
                other => return Err(other.value_error().into()),
            }
        }
        match version {
            0 | 1 => Ok(Self {
                algorithm,
                private,
                public,
            }),
            _ => Err(Tag::Integer.value_error().into()),
        }
    }
}
