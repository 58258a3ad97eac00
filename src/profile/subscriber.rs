//! What is demanded of servers' certificates.

use der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use super::examined::oid;
use super::{Role, Rule, when};
use crate::finding::{Code, Severity};

const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const LEAF: &[Role] = &[Role::Leaf];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::BasicConstraints,
        source: "Baseline Requirements section 7.1.2.7.8",
        concerns: LEAF,
        severity: Severity::Error,
        breach: |it| {
            let constraints = it.decoded::<BasicConstraints>()?;
            // webpki takes no CA certificate for a server's.
            when(
                constraints.path_len_constraint.is_some(),
                "is no CA, and limits the path all the same",
            )
        },
    },
    Rule {
        code: Code::KeyUsage,
        source: "RFC 5280 section 4.2.1.9; Baseline Requirements section 7.1.2.7.11",
        concerns: LEAF,
        severity: Severity::Error,
        breach: |it| {
            let signs = it
                .decoded::<KeyUsage>()
                .is_some_and(|usage| usage.key_cert_sign() || usage.crl_sign());
            when(
                signs,
                "is no CA, and its key usage allows signing certificates or CRLs",
            )
        },
    },
    Rule {
        code: Code::ExtendedKeyUsage,
        source: "Baseline Requirements section 7.1.2.7.10",
        concerns: LEAF,
        severity: Severity::Error,
        breach: |it| {
            let usages = it.decoded::<ExtendedKeyUsage>()?;
            when(
                usages.0.contains(&ANY_EXTENDED_KEY_USAGE),
                "has the extended key usage anyExtendedKeyUsage",
            )
            .or_else(|| {
                when(
                    it.is_critical(oid::EXTENDED_KEY_USAGE),
                    "has a critical extended key usage",
                )
            })
        },
    },
    Rule {
        code: Code::ExtendedKeyUsage,
        source: "Baseline Requirements section 7.1.2.7.10",
        concerns: LEAF,
        // RFC 5280 section 4.2.1.12 permits it, and clients accept it.
        severity: Severity::Warning,
        breach: |it| {
            when(
                !it.has(oid::EXTENDED_KEY_USAGE),
                "has no extended key usage",
            )
        },
    },
    Rule {
        code: Code::NameConstraintsForm,
        source: "RFC 5280 section 4.2.1.10",
        concerns: LEAF,
        severity: Severity::Error,
        breach: |it| {
            when(
                it.has(oid::NAME_CONSTRAINTS),
                "is no CA, and has name constraints",
            )
        },
    },
    Rule {
        code: Code::PolicyForm,
        source: "RFC 5280 sections 4.2.1.5, 4.2.1.11 and 4.2.1.14",
        concerns: LEAF,
        severity: Severity::Error,
        breach: |it| {
            let for_authorities = [
                oid::POLICY_MAPPINGS,
                oid::POLICY_CONSTRAINTS,
                oid::INHIBIT_ANY_POLICY,
            ];
            let has = for_authorities.into_iter().any(|oid| it.has(oid));
            when(has, "is no CA, and constrains or maps policies")
        },
    },
];
