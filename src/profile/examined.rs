//! A certificate with its extensions decoded, and the demands that concern all of its kind.

use std::collections::HashSet;

use der::Decode;
use der::asn1::ObjectIdentifier;
use der::oid::AssociatedOid;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies,
    ExtendedKeyUsage, KeyUsage, NameConstraints, PolicyConstraints, SubjectAltName,
    SubjectInfoAccessSyntax, SubjectKeyIdentifier,
};

use super::{ALL, Role, Rule, when};
use crate::cert::{Certificate, Extension};
use crate::finding::{Code, Severity};
use crate::key::{KeyAlgorithm, RSA_MIN_BITS, public_key};
use crate::tlv::{Walk, tag};

/// The extensions that the rules know (RFC 5280 section 4.2), by object identifier.
pub(super) mod oid {
    use der::asn1::ObjectIdentifier;

    const fn oid(text: &str) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(text)
    }

    pub(crate) const SUBJECT_KEY_ID: ObjectIdentifier = oid("2.5.29.14");
    pub(crate) const KEY_USAGE: ObjectIdentifier = oid("2.5.29.15");
    pub(crate) const SUBJECT_ALT_NAME: ObjectIdentifier = oid("2.5.29.17");
    pub(crate) const ISSUER_ALT_NAME: ObjectIdentifier = oid("2.5.29.18");
    pub(crate) const BASIC_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.19");
    pub(crate) const NAME_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.30");
    pub(crate) const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = oid("2.5.29.31");
    pub(crate) const CERTIFICATE_POLICIES: ObjectIdentifier = oid("2.5.29.32");
    pub(crate) const POLICY_MAPPINGS: ObjectIdentifier = oid("2.5.29.33");
    pub(crate) const AUTHORITY_KEY_ID: ObjectIdentifier = oid("2.5.29.35");
    pub(crate) const POLICY_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.36");
    pub(crate) const EXTENDED_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37");
    pub(crate) const FRESHEST_CRL: ObjectIdentifier = oid("2.5.29.46");
    pub(crate) const INHIBIT_ANY_POLICY: ObjectIdentifier = oid("2.5.29.54");
    pub(crate) const SUBJECT_DIRECTORY_ATTRIBUTES: ObjectIdentifier = oid("2.5.29.9");
    pub(crate) const AUTHORITY_INFO_ACCESS: ObjectIdentifier = oid("1.3.6.1.5.5.7.1.1");
    pub(crate) const SUBJECT_INFO_ACCESS: ObjectIdentifier = oid("1.3.6.1.5.5.7.1.11");

    /// Those that a validator may be expected to understand when they are critical.
    pub(crate) const UNDERSTOOD_WHEN_CRITICAL: &[ObjectIdentifier] = &[
        KEY_USAGE,
        SUBJECT_ALT_NAME,
        BASIC_CONSTRAINTS,
        NAME_CONSTRAINTS,
        CERTIFICATE_POLICIES,
        POLICY_MAPPINGS,
        POLICY_CONSTRAINTS,
        EXTENDED_KEY_USAGE,
        INHIBIT_ANY_POLICY,
    ];
    /// Those that must not be critical, and the section of RFC 5280 that says so.
    pub(crate) const NEVER_CRITICAL: &[(ObjectIdentifier, &str)] = &[
        (AUTHORITY_KEY_ID, "authority key identifier"),
        (SUBJECT_KEY_ID, "subject key identifier"),
        (SUBJECT_DIRECTORY_ATTRIBUTES, "subject directory attributes"),
        (FRESHEST_CRL, "freshest CRL"),
        (AUTHORITY_INFO_ACCESS, "authority information access"),
        (SUBJECT_INFO_ACCESS, "subject information access"),
        (ISSUER_ALT_NAME, "issuer alternative name"),
        (CRL_DISTRIBUTION_POINTS, "CRL distribution points"),
    ];
}

/// A certificate as the rules see it.
pub(super) struct Examined<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) role: Role,
    pub(super) self_signed: bool,
    extensions: Vec<Extension<'a>>,
}

impl<'a> Examined<'a> {
    pub(super) fn new(certificate: &'a Certificate, role: Role, self_signed: bool) -> Self {
        Self {
            certificate,
            role,
            self_signed,
            extensions: certificate.extensions(),
        }
    }

    pub(super) fn extension(&self, oid: ObjectIdentifier) -> Option<&Extension<'a>> {
        self.extensions
            .iter()
            .find(|extension| extension.oid == oid.as_bytes())
    }

    pub(super) fn has(&self, oid: ObjectIdentifier) -> bool {
        self.extension(oid).is_some()
    }

    pub(super) fn is_critical(&self, oid: ObjectIdentifier) -> bool {
        self.extension(oid).is_some_and(|found| found.critical)
    }

    /// The extension of this type; `None` when it is absent, or malformed, which a rule of its own
    /// says.
    pub(super) fn decoded<T: Decode<'a> + AssociatedOid>(&self) -> Option<T> {
        T::from_der(self.extension(T::OID)?.value).ok()
    }

    fn malformed<T: Decode<'a> + AssociatedOid>(&self) -> bool {
        self.extension(T::OID)
            .is_some_and(|extension| T::from_der(extension.value).is_err())
    }
}

/// Form: version, serial number, names, extensions, keys.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::CertificateForm,
        source: "RFC 5280 section 4.1.2.1; Baseline Requirements section 7.1.1",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| match it.certificate.version() {
            3 => None,
            0 => Some("is of a version that X.509 does not have".to_owned()),
            other => Some(format!("is of version {other}, not of version 3")),
        },
    },
    Rule {
        code: Code::SerialNumber,
        source: "RFC 5280 section 4.1.2.2",
        // Roots in use have such numbers, and nobody looks at a root's.
        concerns: &[Role::Leaf, Role::Intermediate],
        severity: Severity::Error,
        breach: |it| {
            let serial = it.certificate.serial();
            let zero = serial.iter().all(|&byte| byte == 0);
            let negative = serial.first().is_some_and(|&first| first & 0x80 != 0);
            when(zero, "has the serial number zero")
                .or_else(|| when(negative, "has a negative serial number"))
                .or_else(|| {
                    when(
                        serial.len() > 20,
                        "has a serial number of more than 20 bytes",
                    )
                })
        },
    },
    Rule {
        code: Code::CertificateForm,
        source: "RFC 5280 section 4.1.1.2",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            when(
                !it.certificate.signature_algorithms_agree(),
                "names two different signature algorithms",
            )
        },
    },
    Rule {
        code: Code::CertificateForm,
        source: "RFC 5280 section 4.1.2.5",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            when(
                !it.certificate.times_are_encoded_properly(),
                "has dates before 2050 that are no UTCTime, or later ones that are no GeneralizedTime",
            )
            .or_else(|| {
                when(
                    it.certificate.not_before() > it.certificate.not_after(),
                    "has a validity that ends before it begins",
                )
            })
        },
    },
    Rule {
        code: Code::CertificateForm,
        source: "RFC 5280 section 4.1.2.8",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            when(
                it.certificate.has_unique_identifiers(),
                "has a unique identifier, which conforming CAs do not generate",
            )
        },
    },
    Rule {
        code: Code::EmptyName,
        source: "RFC 5280 section 4.1.2.4",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| when(it.certificate.issuer().is_empty(), "has an empty issuer"),
    },
    Rule {
        code: Code::CertificateForm,
        source: "RFC 5280 section 4.2",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            let mut seen = HashSet::new();
            let twice = it
                .extensions
                .iter()
                .find(|extension| !seen.insert(extension.oid));
            twice.map(|extension| format!("has the extension {} twice", extension.name()))
        },
    },
    Rule {
        code: Code::CriticalBit,
        source: "RFC 5280 section 4.2",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            let unknown = it.extensions.iter().find(|extension| {
                let known = oid::UNDERSTOOD_WHEN_CRITICAL
                    .iter()
                    .chain(oid::NEVER_CRITICAL.iter().map(|(oid, _)| oid))
                    .any(|known| known.as_bytes() == extension.oid);
                extension.critical && !known
            });
            unknown.map(|extension| {
                format!(
                    "has the critical extension {}, which is not known",
                    extension.name()
                )
            })
        },
    },
    Rule {
        code: Code::CriticalBit,
        source: "RFC 5280 section 4.2",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            let (_, name) = oid::NEVER_CRITICAL
                .iter()
                .find(|(oid, _)| it.is_critical(*oid))?;
            Some(format!("marks its {name} as critical"))
        },
    },
    Rule {
        code: Code::MalformedExtension,
        source: "RFC 5280 section 4.2",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            [
                (
                    it.malformed::<SubjectKeyIdentifier>(),
                    "subject key identifier",
                ),
                (
                    it.malformed::<AuthorityKeyIdentifier>(),
                    "authority key identifier",
                ),
                (it.malformed::<KeyUsage>(), "key usage"),
                (it.malformed::<BasicConstraints>(), "basic constraints"),
                (it.malformed::<ExtendedKeyUsage>(), "extended key usage"),
                (it.malformed::<SubjectAltName>(), "subject alternative name"),
                (it.malformed::<NameConstraints>(), "name constraints"),
                (
                    it.malformed::<CertificatePolicies>(),
                    "certificate policies",
                ),
                (it.malformed::<PolicyConstraints>(), "policy constraints"),
                (
                    it.malformed::<AuthorityInfoAccessSyntax>(),
                    "authority information access",
                ),
                (
                    it.malformed::<SubjectInfoAccessSyntax>(),
                    "subject information access",
                ),
            ]
            .into_iter()
            .find_map(|(malformed, name)| {
                malformed.then(|| format!("has a malformed {name} extension"))
            })
        },
    },
    Rule {
        code: Code::MalformedExtension,
        source: "RFC 5280 section 4.2.2.1; Baseline Requirements section 7.1.2.7.7",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            let issuer = it.decoded::<AuthorityInfoAccessSyntax>();
            let subject = it.decoded::<SubjectInfoAccessSyntax>();
            when(
                issuer.is_some_and(|access| access.0.is_empty())
                    || subject.is_some_and(|access| access.0.is_empty()),
                "has an information access extension without an entry",
            )
        },
    },
    Rule {
        code: Code::PolicyForm,
        source: "RFC 5280 section 4.2.1.4",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            let policies = it.decoded::<CertificatePolicies>()?.0;
            let mut seen = HashSet::new();
            let twice = policies
                .iter()
                .map(|policy| policy.policy_identifier)
                .find(|policy| !seen.insert(*policy));
            when(
                policies.is_empty(),
                "has certificate policies that name none",
            )
            .or_else(|| {
                let policy = twice?;
                Some(format!("names the certificate policy {policy} twice"))
            })
        },
    },
    Rule {
        code: Code::KeyIdentifier,
        source: "RFC 5280 section 4.2.1.1",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            // A self-signed certificate may leave it out, as it is its own issuer.
            let excused = it.role == Role::Root && it.self_signed;
            let missing = match it.decoded::<AuthorityKeyIdentifier>() {
                Some(id) => id.key_identifier.is_none(),
                None => true,
            };
            when(missing && !excused, "has no authority key identifier")
        },
    },
    Rule {
        code: Code::KeyUsage,
        source: "RFC 5280 section 4.2.1.3",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| {
            let none = it
                .decoded::<KeyUsage>()
                .is_some_and(|usage| usage.0.is_empty());
            when(none, "has a key usage extension that allows nothing")
        },
    },
    Rule {
        code: Code::UnfitKey,
        source: "Baseline Requirements section 6.1.5",
        concerns: ALL,
        severity: Severity::Error,
        breach: |it| match public_key(it.certificate) {
            Some((KeyAlgorithm::Rsa(bits), _)) if bits < RSA_MIN_BITS => Some(format!(
                "has an RSA key of {bits} bits, fewer than {RSA_MIN_BITS}"
            )),
            Some((KeyAlgorithm::Rsa(bits), _)) if !bits.is_multiple_of(8) => Some(format!(
                "has an RSA key of {bits} bits, which 8 does not divide"
            )),
            Some((KeyAlgorithm::Rsa(_), key)) if !exponent_is_sound(key) => {
                Some("has an RSA key with an even exponent, or one below 3".to_owned())
            }
            Some((
                KeyAlgorithm::Rsa(_) | KeyAlgorithm::P256 | KeyAlgorithm::P384 | KeyAlgorithm::P521,
                _,
            )) => None,
            _ => {
                Some("has a key that is neither RSA nor ECDSA on P-256, P-384 or P-521".to_owned())
            }
        },
    },
];

/// RFC 8017 section 3.1: the public exponent is odd and at least 3.
fn exponent_is_sound(key: &[u8]) -> bool {
    let exponent = || {
        let mut fields = Walk(Walk(key).expect(tag::SEQUENCE)?.value);
        fields.expect(tag::INTEGER)?;
        Some(fields.expect(tag::INTEGER)?.value)
    };
    exponent().is_some_and(|exponent| {
        exponent.last().is_some_and(|last| last & 1 == 1) && exponent != [1]
    })
}
