//! A ClientHello of one's own making (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2).

use crate::tls::{
    Authentication, CipherSuite, Client, Group, KeyExchange, SignatureScheme, Version,
};

/// The longest fragment of a record.
const MAX_FRAGMENT: usize = 16_384;

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const EXTENDED_MASTER_SECRET: u16 = 23;
const SUPPORTED_VERSIONS: u16 = 43;
const PSK_MODES: u16 = 45;
const KEY_SHARE: u16 = 51;
const RENEGOTIATION_INFO: u16 = 0xff01;

/// What a client offers.
///
/// ```
/// use fullchain::probe::Hello;
/// use fullchain::tls::{CipherSuite, Version};
///
/// let old = Hello::of(Version::Tls10);
/// assert!(old.suites.iter().all(|suite| suite.is_of(Version::Tls10)));
/// let one = Hello {
///     suites: CipherSuite::of(0x002f).into_iter().copied().collect(),
///     ..old
/// };
/// assert_eq!(one.to_bytes([0; 32])[0], 22);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The name that it sends (SNI, RFC 6066 section 3).
    pub name: Option<String>,
    /// The versions that it speaks. Below TLS 1.3 only the highest can be told.
    pub versions: Vec<Version>,
    /// The cipher suites, the best first.
    pub suites: Vec<CipherSuite>,
    /// The groups for key exchange, the best first.
    pub groups: Vec<Group>,
    /// The signatures that it verifies, the best first; TLS 1.2 and later.
    pub schemes: Vec<SignatureScheme>,
    /// The protocols behind TLS (RFC 7301), such as `h2`.
    pub alpn: Vec<String>,
}

impl Hello {
    /// One that speaks this version alone, with all that is known here.
    pub fn of(version: Version) -> Self {
        let suites = CipherSuite::ALL.iter().filter(|suite| suite.is_of(version));
        Self {
            name: None,
            versions: vec![version],
            suites: suites.copied().collect(),
            groups: Group::ALL.to_vec(),
            schemes: SignatureScheme::ALL.to_vec(),
            alpn: Vec::new(),
        }
    }

    /// What a client offers, as far as it is in this crate's tables.
    pub fn of_client(client: &Client) -> Self {
        let suites = client.suites.iter().filter_map(|id| CipherSuite::of(*id));
        Self {
            name: None,
            versions: client.versions.to_vec(),
            suites: suites.copied().collect(),
            groups: client.groups.to_vec(),
            schemes: client.schemes.to_vec(),
            alpn: Vec::new(),
        }
    }

    /// The records, with these random bytes in them. A share of a key is not sent: a server that
    /// speaks TLS 1.3 says which group it would take (RFC 8446 section 4.1.4).
    pub fn to_bytes(&self, random: [u8; 32]) -> Vec<u8> {
        let newest = self
            .versions
            .iter()
            .max()
            .copied()
            .unwrap_or(Version::Tls12);
        let is_13 = newest == Version::Tls13;
        let mut body = Vec::new();
        body.extend(newest.min(Version::Tls12).number().to_be_bytes());
        body.extend(random);
        // For the sake of middleboxes (RFC 8446 appendix D.4).
        let session: &[u8] = if is_13 { &random } else { &[] };
        counted_8(&mut body, session);
        counted_16(
            &mut body,
            &numbers(self.suites.iter().map(|suite| suite.id)),
        );
        counted_8(&mut body, &[0]);
        counted_16(&mut body, &self.extensions(newest));
        let mut message = vec![1];
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        message.extend(length.to_be_bytes().iter().skip(1));
        message.extend(body);
        let fragments = message.chunks(MAX_FRAGMENT).flat_map(|fragment| {
            let mut record = vec![22, 3, 1];
            counted_16(&mut record, fragment);
            record
        });
        fragments.collect()
    }

    fn extensions(&self, newest: Version) -> Vec<u8> {
        let mut extensions = Vec::new();
        let mut add = |kind: u16, content: &[u8]| {
            extensions.extend(kind.to_be_bytes());
            counted_16(&mut extensions, content);
        };
        let is_13 = newest == Version::Tls13;
        if let Some(name) = &self.name {
            let mut entry = vec![0];
            counted_16(&mut entry, name.as_bytes());
            add(SERVER_NAME, &with_length_16(&entry));
        }
        let has_curves = self.suites.iter().any(|suite| {
            matches!(suite.key_exchange, KeyExchange::Ecdhe | KeyExchange::Any)
                || suite.authentication == Authentication::Ecdsa
        });
        if has_curves && !self.groups.is_empty() {
            let groups = numbers(self.groups.iter().map(|group| group.0));
            add(SUPPORTED_GROUPS, &with_length_16(&groups));
            add(POINT_FORMATS, &[1, 0]);
        }
        if newest >= Version::Tls12 && !self.schemes.is_empty() {
            let schemes = numbers(self.schemes.iter().map(|scheme| scheme.0));
            add(SIGNATURE_ALGORITHMS, &with_length_16(&schemes));
        }
        if !self.alpn.is_empty() {
            let mut protocols = Vec::new();
            for protocol in &self.alpn {
                counted_8(&mut protocols, protocol.as_bytes());
            }
            add(ALPN, &with_length_16(&protocols));
        }
        add(EXTENDED_MASTER_SECRET, &[]);
        add(RENEGOTIATION_INFO, &[0]);
        if is_13 {
            let mut versions = Vec::new();
            counted_8(
                &mut versions,
                &numbers(self.versions.iter().map(|it| it.number())),
            );
            add(SUPPORTED_VERSIONS, &versions);
            add(PSK_MODES, &[1, 1]);
            add(KEY_SHARE, &[0, 0]);
        }
        extensions
    }
}

fn numbers(numbers: impl Iterator<Item = u16>) -> Vec<u8> {
    numbers.flat_map(u16::to_be_bytes).collect()
}

/// Lists that are too long for their length are cut; no name and no list here is.
fn counted_8(to: &mut Vec<u8>, content: &[u8]) {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    to.push(length);
    to.extend(content.iter().take(length.into()));
}

fn counted_16(to: &mut Vec<u8>, content: &[u8]) {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    to.extend(length.to_be_bytes());
    to.extend(content.iter().take(length.into()));
}

fn with_length_16(content: &[u8]) -> Vec<u8> {
    let mut counted = Vec::new();
    counted_16(&mut counted, content);
    counted
}
