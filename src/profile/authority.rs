//! What is demanded of CA certificates.

use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, NameConstraints, PolicyConstraints,
};

use super::examined::oid;
use super::{AUTHORITIES, Role, Rule, when};
use crate::finding::{Code, Severity};

const ROOT: &[Role] = &[Role::Root];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::EmptyName,
        source: "RFC 5280 section 4.1.2.6",
        concerns: AUTHORITIES,
        severity: Severity::Error,
        breach: |it| {
            when(
                it.certificate.subject().is_empty(),
                "is a CA with an empty subject",
            )
        },
    },
    Rule {
        code: Code::KeyIdentifier,
        source: "RFC 5280 section 4.2.1.2",
        concerns: AUTHORITIES,
        severity: Severity::Error,
        breach: |it| {
            when(
                !it.has(oid::SUBJECT_KEY_ID),
                "is a CA without a subject key identifier",
            )
        },
    },
    Rule {
        code: Code::BasicConstraints,
        source: "RFC 5280 section 4.2.1.9",
        concerns: AUTHORITIES,
        severity: Severity::Error,
        breach: |it| match it.decoded::<BasicConstraints>() {
            Some(constraints) if !constraints.ca => Some("has issued, and is not a CA".to_owned()),
            Some(_) => when(
                !it.is_critical(oid::BASIC_CONSTRAINTS),
                "is a CA whose basic constraints are not critical",
            ),
            None => when(
                !it.has(oid::BASIC_CONSTRAINTS),
                "has issued without basic constraints",
            ),
        },
    },
    Rule {
        code: Code::KeyUsage,
        source: "RFC 5280 section 4.2.1.3; Baseline Requirements section 7.1.2.10.7",
        concerns: AUTHORITIES,
        severity: Severity::Error,
        breach: |it| match it.decoded::<KeyUsage>() {
            Some(usage) => when(
                !usage.key_cert_sign(),
                "is a CA whose key usage does not allow signing certificates",
            ),
            None => when(!it.has(oid::KEY_USAGE), "is a CA without a key usage"),
        },
    },
    Rule {
        code: Code::BasicConstraints,
        source: "RFC 5280 section 4.2.1.9",
        concerns: AUTHORITIES,
        severity: Severity::Error,
        breach: |it| {
            let limited = it
                .decoded::<BasicConstraints>()
                .is_some_and(|constraints| constraints.path_len_constraint.is_some());
            let signs = it
                .decoded::<KeyUsage>()
                .is_none_or(|usage| usage.key_cert_sign());
            when(
                limited && !signs,
                "limits the path without being allowed to sign certificates",
            )
        },
    },
    Rule {
        code: Code::NameConstraintsForm,
        source: "RFC 5280 section 4.2.1.10",
        concerns: AUTHORITIES,
        severity: Severity::Error,
        breach: |it| {
            let constraints = it.decoded::<NameConstraints>()?;
            let permitted = constraints.permitted_subtrees.unwrap_or_default();
            let excluded = constraints.excluded_subtrees.unwrap_or_default();
            let mut subtrees = permitted.iter().chain(&excluded);
            let distances =
                subtrees.any(|subtree| subtree.minimum != 0 || subtree.maximum.is_some());
            when(
                !it.is_critical(oid::NAME_CONSTRAINTS),
                "has name constraints that are not critical",
            )
            .or_else(|| {
                when(
                    permitted.is_empty() && excluded.is_empty(),
                    "has name constraints that constrain nothing",
                )
            })
            .or_else(|| {
                when(
                    distances,
                    "has name constraints with a minimum or a maximum",
                )
            })
        },
    },
    Rule {
        code: Code::PolicyForm,
        source: "RFC 5280 section 4.2.1.11",
        concerns: AUTHORITIES,
        severity: Severity::Error,
        breach: |it| {
            let constraints = it.decoded::<PolicyConstraints>()?;
            when(
                !it.is_critical(oid::POLICY_CONSTRAINTS),
                "has policy constraints that are not critical",
            )
            .or_else(|| {
                when(
                    constraints.require_explicit_policy.is_none()
                        && constraints.inhibit_policy_mapping.is_none(),
                    "has policy constraints that constrain nothing",
                )
            })
        },
    },
    Rule {
        code: Code::PolicyForm,
        source: "RFC 5280 section 4.2.1.14",
        concerns: AUTHORITIES,
        severity: Severity::Error,
        breach: |it| {
            when(
                it.has(oid::INHIBIT_ANY_POLICY) && !it.is_critical(oid::INHIBIT_ANY_POLICY),
                "inhibits anyPolicy in an extension that is not critical",
            )
        },
    },
    Rule {
        code: Code::UnfitAnchor,
        source: "Baseline Requirements section 7.1.2.1.3",
        concerns: ROOT,
        severity: Severity::Error,
        breach: |it| {
            let id = it.decoded::<AuthorityKeyIdentifier>()?;
            when(
                id.authority_cert_issuer.is_some() || id.authority_cert_serial_number.is_some(),
                "is a root whose authority key identifier names an issuer or a serial number",
            )
            .or_else(|| {
                let own = it.certificate.subject_key_id();
                let named = id.key_identifier.as_ref().map(|id| id.as_bytes());
                when(
                    it.self_signed && named.is_some() && named != own,
                    "is a root whose authority key identifier is not its own key identifier",
                )
            })
        },
    },
    Rule {
        code: Code::UnfitAnchor,
        source: "Baseline Requirements section 7.1.2.1.2",
        concerns: ROOT,
        severity: Severity::Error,
        breach: |it| {
            // An intermediate that is trusted as an anchor may well be limited to servers.
            when(
                it.self_signed && it.has(oid::EXTENDED_KEY_USAGE),
                "is a root with an extended key usage",
            )
        },
    },
];
