//! Name constraints (RFC 5280 section 4.2.1.10), for explaining what webpki refused.

use std::fmt;
use std::net::IpAddr;

use crate::cert::Certificate;
use crate::tlv::{Walk, tag};

const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A name that may not stand below a CA, and the subtree that says so.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// The name lies in none of the permitted subtrees of its kind.
    NotPermitted {
        name: String,
        permitted: Vec<String>,
    },
    /// The name lies in an excluded subtree.
    Excluded { name: String, excluded: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted { name, permitted } => {
                write!(
                    f,
                    "{name} is in none of the permitted subtrees ({})",
                    permitted.join(", ")
                )
            }
            Self::Excluded { name, excluded } => {
                write!(f, "{name} is in the excluded subtree {excluded}")
            }
        }
    }
}

/// The constraints of one CA.
#[derive(Default)]
pub(super) struct Constraints {
    permitted: Vec<Subtree>,
    excluded: Vec<Subtree>,
}

enum Subtree {
    Dns(String),
    Ip {
        network: Vec<u8>,
        mask: Vec<u8>,
    },
    /// A directory name, which webpki refuses whatever it says.
    Directory,
    /// Of the kind with this tag, which webpki refuses when there is a name of that kind.
    Other(u8),
}

impl Constraints {
    /// Reads the content of a NameConstraints structure, as trust anchors hold it.
    pub(super) fn read(content: &[u8]) -> Self {
        let mut constraints = Self::default();
        for list in Walk(content) {
            let subtrees = Walk(list.value)
                .filter_map(|subtree| Walk(subtree.value).next())
                .map(|base| Subtree::read(base.tag, base.value));
            match list.tag {
                list if list == tag::constructed(0) => constraints.permitted.extend(subtrees),
                list if list == tag::constructed(1) => constraints.excluded.extend(subtrees),
                _ => {}
            }
        }
        constraints
    }

    /// Those of a CA's certificate.
    pub(super) fn of(certificate: &Certificate) -> Option<Self> {
        const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
        let extensions = certificate.extensions();
        let found = extensions
            .iter()
            .find(|extension| extension.oid == NAME_CONSTRAINTS)?;
        Some(Self::read(Walk(found.value).expect(tag::SEQUENCE)?.value))
    }

    /// Whether a directory name is constrained.
    pub(super) fn has_directory_names(&self) -> bool {
        let mut all = self.permitted.iter().chain(&self.excluded);
        all.any(|subtree| matches!(subtree, Subtree::Directory))
    }

    /// The first name of a certificate that they forbid.
    pub(super) fn violated_by(&self, certificate: &Certificate) -> Option<Violation> {
        let dns = certificate.dns_names().into_iter().map(Name::Dns);
        let ips = certificate.ip_addresses().into_iter().map(Name::Ip);
        dns.chain(ips).find_map(|name| self.violation(&name))
    }

    /// The first name of a certificate that is of a constrained kind which webpki does not
    /// process, as text.
    pub(super) fn unprocessed(&self, certificate: &Certificate) -> Option<String> {
        let constrained = |kind: u8| {
            let mut all = self.permitted.iter().chain(&self.excluded);
            all.any(|subtree| matches!(subtree, Subtree::Other(tag) if *tag == kind))
        };
        let extensions = certificate.extensions();
        let names = extensions
            .iter()
            .find(|extension| extension.oid == SUBJECT_ALT_NAME)?;
        let name = Walk(Walk(names.value).expect(tag::SEQUENCE)?.value)
            .find(|name| constrained(name.tag))?;
        let text = String::from_utf8_lossy(name.value);
        Some(match name.tag {
            kind if kind == tag::primitive(1) => format!("the e-mail address {text}"),
            kind if kind == tag::primitive(6) => format!("the URI {text}"),
            _ => "a name of another kind".to_owned(),
        })
    }

    fn violation(&self, name: &Name) -> Option<Violation> {
        if let Some(subtree) = self.excluded.iter().find(|subtree| subtree.touches(name)) {
            return Some(Violation::Excluded {
                name: name.to_string(),
                excluded: subtree.to_string(),
            });
        }
        let of_kind = || self.permitted.iter().filter(|subtree| subtree.is_for(name));
        if of_kind().next().is_none() || of_kind().any(|subtree| subtree.covers(name)) {
            return None;
        }
        Some(Violation::NotPermitted {
            name: name.to_string(),
            permitted: of_kind().map(Subtree::to_string).collect(),
        })
    }
}

enum Name {
    Dns(String),
    Ip(IpAddr),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

impl Subtree {
    fn read(kind: u8, value: &[u8]) -> Self {
        match kind {
            kind if kind == tag::primitive(2) => {
                Self::Dns(String::from_utf8_lossy(value).to_ascii_lowercase())
            }
            kind if kind == tag::primitive(7) && matches!(value.len(), 8 | 32) => {
                let (network, mask) = value.split_at(value.len() / 2);
                Self::Ip {
                    network: network.to_vec(),
                    mask: mask.to_vec(),
                }
            }
            kind if kind == tag::constructed(4) => Self::Directory,
            other => Self::Other(other),
        }
    }

    fn is_for(&self, name: &Name) -> bool {
        matches!(
            (self, name),
            (Self::Dns(_), Name::Dns(_)) | (Self::Ip { .. }, Name::Ip(_))
        )
    }

    /// Whether all that a name stands for lies in the subtree.
    fn covers(&self, name: &Name) -> bool {
        match (self, name) {
            (Self::Dns(base), Name::Dns(name)) => {
                let name = name.to_ascii_lowercase();
                is_within(name.strip_prefix("*.").unwrap_or(&name), base)
            }
            (Self::Ip { network, mask }, Name::Ip(address)) => {
                let address = match address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                let masked = address.iter().zip(mask).map(|(byte, mask)| byte & mask);
                let network = network.iter().zip(mask).map(|(byte, mask)| byte & mask);
                address.len() == mask.len() && masked.eq(network)
            }
            _ => false,
        }
    }

    /// Whether anything that a name stands for lies in the subtree: a wildcard stands for much.
    fn touches(&self, name: &Name) -> bool {
        let reaches_into = match (self, name) {
            (Self::Dns(base), Name::Dns(name)) => name
                .strip_prefix("*.")
                .is_some_and(|parent| is_within(base, &parent.to_ascii_lowercase())),
            _ => false,
        };
        reaches_into || self.covers(name)
    }
}

impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(base) if base.is_empty() => f.write_str("all DNS names"),
            Self::Dns(base) => f.write_str(base),
            Self::Ip { network, mask } => {
                let bits: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
                match (
                    <[u8; 4]>::try_from(&**network),
                    <[u8; 16]>::try_from(&**network),
                ) {
                    (Ok(network), _) => write!(f, "{}/{bits}", IpAddr::from(network)),
                    (_, Ok(network)) => write!(f, "{}/{bits}", IpAddr::from(network)),
                    _ => f.write_str("a malformed network"),
                }
            }
            Self::Directory => f.write_str("a directory name"),
            Self::Other(_) => f.write_str("a name of another kind"),
        }
    }
}

/// Whether a host is a domain or lies below it; a domain that begins with a dot stands for what
/// lies below it only.
fn is_within(host: &str, domain: &str) -> bool {
    match domain.strip_prefix('.') {
        Some(_) => host.ends_with(domain),
        None => {
            domain.is_empty()
                || host == domain
                || host
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.ends_with('.'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Constraints, Name};

    #[test]
    fn a_forbidden_name_is_named_with_its_subtree() {
        // permitted: example.com, 192.0.2.0/24; excluded: secret.example.com
        let content = [
            &[0xa0, 27][..],
            &[0x30, 13, 0x82, 11],
            b"example.com",
            &[0x30, 10, 0x87, 8, 192, 0, 2, 0, 255, 255, 255, 0],
            &[0xa1, 22, 0x30, 20, 0x82, 18],
            b"secret.example.com",
        ]
        .concat();
        let constraints = Constraints::read(&content);
        let said = |name: Name| constraints.violation(&name).map(|found| found.to_string());
        let dns = |name: &str| said(Name::Dns(name.to_owned()));
        let ip = |address: &str| said(Name::Ip(address.parse().expect("an address")));
        assert_eq!(dns("www.Example.com"), None);
        assert_eq!(
            dns("badexample.com").as_deref(),
            Some("badexample.com is in none of the permitted subtrees (example.com)")
        );
        assert_eq!(
            dns("*.example.com").as_deref(),
            Some("*.example.com is in the excluded subtree secret.example.com")
        );
        assert_eq!(ip("192.0.2.9"), None);
        assert_eq!(
            ip("192.0.3.9").as_deref(),
            Some("192.0.3.9 is in none of the permitted subtrees (192.0.2.0/24)")
        );
    }
}
