//! What is demanded of the names of servers' certificates.

use std::net::IpAddr;

use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::examined::{Examined, oid};
use super::{Role, Rule, when};
use crate::cert::ip_address;
use crate::common_name::common_names;
use crate::finding::{Code, Severity};

const LEAF: &[Role] = &[Role::Leaf];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::SubjectAltName,
        source: "RFC 9525 section 6.3; Baseline Requirements section 7.1.2.7.12",
        concerns: LEAF,
        severity: Severity::Error,
        breach: |it| {
            let names = it.decoded::<SubjectAltName>().map(|names| names.0);
            when(
                names.is_none_or(|names| names.is_empty()),
                "has no subject alternative name",
            )
        },
    },
    Rule {
        code: Code::SubjectAltName,
        source: "RFC 5280 section 4.1.2.6",
        concerns: LEAF,
        severity: Severity::Error,
        breach: |it| {
            when(
                it.certificate.subject().is_empty() && !it.is_critical(oid::SUBJECT_ALT_NAME),
                "has an empty subject and a subject alternative name that is not critical",
            )
        },
    },
    Rule {
        code: Code::SubjectAltName,
        source: "RFC 5280 section 4.2.1.6; Baseline Requirements section 7.1.2.7.12",
        concerns: LEAF,
        severity: Severity::Error,
        breach: |it| {
            let all = names_as_text(it);
            it.decoded::<SubjectAltName>()?
                .0
                .iter()
                .find_map(|name| match name {
                    GeneralName::DnsName(name) => {
                        let fault = dns_fault(name.as_str(), &all)?;
                        Some(format!("has the DNS name {}, {fault}", name.as_str()))
                    }
                    GeneralName::IpAddress(address) if ip_address(address.as_bytes()).is_none() => {
                        Some("has an IP address of neither 4 nor 16 bytes".to_owned())
                    }
                    _ => None,
                })
        },
    },
    Rule {
        code: Code::CommonName,
        source: "Baseline Requirements section 7.1.4.3",
        concerns: LEAF,
        severity: Severity::Error,
        breach: |it| {
            when(common_names(it.certificate).len() > 1, "has more than one common name").or_else(|| {
                let name = unrepeated_common_name(it).filter(|name| !is_plain(name))?;
                Some(format!(
                    "has the common name {name}, which is no subject alternative name letter for letter"
                ))
            })
        },
    },
    Rule {
        code: Code::CommonName,
        source: "Baseline Requirements section 7.1.4.3",
        concerns: LEAF,
        // A name that nothing else in the certificate resembles misleads people, not programs:
        // clients have not looked at it since RFC 6125.
        severity: Severity::Warning,
        breach: |it| {
            let name = unrepeated_common_name(it).filter(|name| is_plain(name))?;
            Some(format!(
                "has the common name {name}, which is no subject alternative name"
            ))
        },
    },
];

/// The subject alternative names, addresses as RFC 5952 writes them.
fn names_as_text(it: &Examined<'_>) -> Vec<String> {
    let names = it
        .decoded::<SubjectAltName>()
        .map(|names| names.0)
        .unwrap_or_default();
    names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
            GeneralName::IpAddress(address) => {
                ip_address(address.as_bytes()).map(|ip| ip.to_string())
            }
            _ => None,
        })
        .collect()
}

/// The common name, when it is not one of the subject alternative names.
fn unrepeated_common_name(it: &Examined<'_>) -> Option<String> {
    let name = common_names(it.certificate).into_iter().next()?;
    (!names_as_text(it).contains(&name)).then_some(name)
}

/// Whether a name has one spelling only: no address, no capital letter, nothing of IDNA.
fn is_plain(name: &str) -> bool {
    let address = name.contains(':') || name.starts_with(|c: char| c.is_ascii_digit());
    let one_case = name
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    one_case && !address && !name.split('.').any(|label| label.starts_with("xn--"))
}

/// What is wrong with a DNS name: the preferred name syntax of RFC 1034 section 3.5 as modified
/// by RFC 1123 section 2.1, a wildcard as the whole first label at most.
fn dns_fault(name: &str, all: &[String]) -> Option<&'static str> {
    let host = name.strip_prefix("*.").unwrap_or(name);
    let wildcard = host.len() < name.len();
    if name.is_empty() || name.len() > 253 {
        return Some("which is empty or has more than 253 characters");
    }
    if name.parse::<IpAddr>().is_ok() {
        return Some("which is an IP address");
    }
    let proper = |label: &str| {
        let fits = (1..=63).contains(&label.len());
        let bytes = label.as_bytes();
        let inner = bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        fits && inner && bytes.first() != Some(&b'-') && bytes.last() != Some(&b'-')
    };
    if !host.split('.').all(proper) {
        return Some("which is no name by RFC 1034 with at most a wildcard as its first label");
    }
    // The Baseline Requirements (section 3.2.2.6) let the owner of a whole name space have one.
    // The owner of a private suffix shows by a name outside of all such suffixes' customers'.
    let owned = || all.iter().any(|other| shows_owner(other, host));
    match Suffix::of(host) {
        Suffix::Registry if wildcard => Some("a wildcard for all of a public suffix"),
        Suffix::Private if wildcard && !owned() => Some(
            "a wildcard for all of a public suffix, without a name that only its owner can have",
        ),
        _ => None,
    }
}

/// Whether the names below a name belong to different people, by the Public Suffix List.
#[derive(PartialEq, Eq)]
enum Suffix {
    /// They are registered with a registry.
    Registry,
    /// They are given to its customers by the owner of the name.
    #[cfg_attr(not(feature = "public-suffix"), allow(dead_code))]
    Private,
    /// They belong to the owner of the name, as far as is known.
    No,
}

#[cfg(feature = "public-suffix")]
impl Suffix {
    fn of(host: &str) -> Self {
        let host = host.to_ascii_lowercase();
        let suffix = psl::suffix(host.as_bytes());
        match suffix.filter(|suffix| suffix.as_bytes() == host.as_bytes()) {
            Some(suffix) if suffix.typ() == Some(psl::Type::Private) => Self::Private,
            Some(_) => Self::Registry,
            None => Self::No,
        }
    }
}

#[cfg(not(feature = "public-suffix"))]
impl Suffix {
    /// Without the list only top-level domains are known.
    fn of(host: &str) -> Self {
        match host.contains('.') {
            true => Self::No,
            false => Self::Registry,
        }
    }
}

/// Whether only the owner of a private suffix can have this name: it is below the same registered
/// domain, and not below a private suffix.
fn shows_owner(name: &str, suffix: &str) -> bool {
    let below_private = || {
        name.match_indices('.')
            .filter_map(|(dot, _)| name.get(dot + 1..))
            .any(|parent| Suffix::of(parent) == Suffix::Private)
    };
    !name.starts_with('*') && registered(name) == registered(suffix) && !below_private()
}

/// The part of a name that was registered with a registry.
fn registered(name: &str) -> Option<&str> {
    let parents = name
        .match_indices('.')
        .filter_map(|(dot, _)| name.get(dot + 1..));
    let mut longest_first = [name].into_iter().chain(parents).peekable();
    while let Some(domain) = longest_first.next() {
        if Suffix::of(longest_first.peek()?) == Suffix::Registry {
            return Some(domain);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::dns_fault;

    #[test]
    fn dns_names_are_labels_of_letters_digits_and_hyphens() {
        for name in [
            "example.com",
            "a-1.example.com",
            "*.example.com",
            "xn--628h.example.com",
            "localhost",
        ] {
            assert_eq!(dns_fault(name, &[]), None, "{name}");
        }
        for name in [
            "",
            "*",
            "*.com",
            "foo.*.com",
            "f*.example.com",
            "a_b.example.com",
            "-a.com",
            "a-.com",
            "a..com",
            "example.com.",
            ".example.com",
            "192.0.2.1",
            "ex ample.com",
        ] {
            assert!(dns_fault(name, &[]).is_some(), "{name}");
        }
    }

    #[cfg(feature = "public-suffix")]
    #[test]
    fn a_wildcard_must_not_cover_a_public_suffix() {
        let named = |name: &str| [name.to_owned()];
        assert!(dns_fault("*.co.uk", &named("co.uk")).is_some());
        assert!(dns_fault("*.s3.amazonaws.com", &[]).is_some());
        assert_eq!(
            dns_fault("*.s3.amazonaws.com", &named("s3.amazonaws.com")),
            None
        );
        assert_eq!(dns_fault("*.example.co.uk", &[]), None);
    }
}
