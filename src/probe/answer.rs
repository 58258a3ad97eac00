//! What a server answers to a ClientHello, as far as it is in plain text: any bytes in, and an
//! answer out, or the wish for more.

use rustls_pki_types::CertificateDer;

use crate::tls::{Alert, CipherSuite, Group, SignatureScheme, Version};

/// The most bytes that are read of an answer.
pub const MAX_ANSWER: usize = 256 * 1024;
/// The most certificates that are kept of an answer.
pub const MAX_CERTIFICATES: usize = 64;

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;

const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const ALPN: u16 = 16;

/// The random bytes that make a ServerHello a HelloRetryRequest (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Answer {
    /// It would go on with this.
    Hello(ServerHello),
    /// It refused.
    Alert(Alert),
    /// It closed the connection without a word.
    Closed,
    /// It does not speak TLS, or what it says cannot be.
    NotTls,
}

/// What a server chose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ServerHello {
    /// The version.
    pub version: Version,
    /// The cipher suite's number.
    pub suite: u16,
    /// The group for key exchange, where the suite has one.
    pub group: Option<Group>,
    /// The length of the prime of a Diffie-Hellman exchange, in bits.
    pub prime_bits: Option<usize>,
    /// The signature over the key exchange; TLS 1.2.
    pub scheme: Option<SignatureScheme>,
    /// The protocol behind TLS; up to TLS 1.2, as it is encrypted in TLS 1.3.
    pub alpn: Option<String>,
    /// The certificates as sent; up to TLS 1.2, as they are encrypted in TLS 1.3.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether it asks for the client's certificate; up to TLS 1.2.
    pub asks_certificate: bool,
}

impl ServerHello {
    /// The cipher suite, if it is a known one.
    pub fn cipher_suite(&self) -> Option<&'static CipherSuite> {
        CipherSuite::of(self.suite)
    }
}

impl Answer {
    /// What these bytes are the answer of; `None` when more are to come.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match read(bytes) {
            Read::More if bytes.len() >= MAX_ANSWER => Some(Self::NotTls),
            Read::More => None,
            Read::Done(answer) => Some(answer),
        }
    }

    /// What it is when nothing more comes.
    pub fn at_end(bytes: &[u8]) -> Self {
        match read(bytes) {
            Read::Done(answer) => answer,
            Read::More if bytes.is_empty() => Self::Closed,
            Read::More => Self::NotTls,
        }
    }
}

enum Read {
    More,
    Done(Answer),
}

fn read(bytes: &[u8]) -> Read {
    let mut rest = Bytes(bytes);
    let mut messages = Vec::new();
    let mut alert = None;
    while !rest.0.is_empty() {
        let header = rest.0.get(..5);
        if rest.0.first().is_some_and(|kind| !matches!(kind, 20..=24))
            || rest.0.get(1).is_some_and(|major| *major != 3)
        {
            return Read::Done(Answer::NotTls);
        }
        let (Some(&[kind, ..]), Some(record)) = (header, rest.record()) else {
            break;
        };
        match kind {
            HANDSHAKE => messages.extend_from_slice(record),
            ALERT => {
                let [_, number] = record else {
                    return Read::Done(Answer::NotTls);
                };
                alert = Some(Alert(*number));
                break;
            }
            // Encrypted from here on.
            _ => break,
        }
    }
    match (negotiated(&messages), alert) {
        (Some(Ok((hello, true))), _) => Read::Done(Answer::Hello(hello)),
        (Some(Err(())), _) => Read::Done(Answer::NotTls),
        (_, Some(alert)) => Read::Done(Answer::Alert(alert)),
        (Some(Ok((_, false))) | None, None) => Read::More,
    }
}

/// What was chosen, and whether that is all; `None` when the first message is not there yet.
fn negotiated(messages: &[u8]) -> Option<Result<(ServerHello, bool), ()>> {
    let mut rest = Bytes(messages);
    let (kind, body) = rest.message()?;
    if kind != SERVER_HELLO {
        return Some(Err(()));
    }
    let Some(mut hello) = server_hello(body) else {
        return Some(Err(()));
    };
    if hello.version == Version::Tls13 {
        return Some(Ok((hello, true)));
    }
    while let Some((kind, body)) = rest.message() {
        let understood = match kind {
            CERTIFICATE => certificates(body).map(|chain| hello.chain = chain),
            SERVER_KEY_EXCHANGE => key_exchange(body, &mut hello),
            CERTIFICATE_REQUEST => {
                hello.asks_certificate = true;
                Some(())
            }
            SERVER_HELLO_DONE => return Some(Ok((hello, true))),
            _ => Some(()),
        };
        if understood.is_none() {
            return Some(Err(()));
        }
    }
    Some(Ok((hello, false)))
}

fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let mut rest = Bytes(body);
    let mut version = rest.number()?;
    let random = rest.take(32)?;
    rest.counted_8()?;
    let suite = rest.number()?;
    rest.take(1)?;
    let (mut group, mut alpn) = (None, None);
    let mut extensions = Bytes(match rest.0.is_empty() {
        true => &[],
        false => rest.counted_16()?,
    });
    while !extensions.0.is_empty() {
        let kind = extensions.number()?;
        let mut content = Bytes(extensions.counted_16()?);
        match kind {
            SUPPORTED_VERSIONS => version = content.number()?,
            // In a HelloRetryRequest the group alone.
            KEY_SHARE => group = Some(Group(content.number()?)),
            ALPN => {
                let mut names = Bytes(content.counted_16()?);
                let name = String::from_utf8_lossy(names.counted_8()?).into_owned();
                alpn = Some(name);
            }
            _ => {}
        }
    }
    let version = Version::of(version)?;
    if random == RETRY && version != Version::Tls13 {
        return None;
    }
    Some(ServerHello {
        version,
        suite,
        group,
        prime_bits: None,
        scheme: None,
        alpn,
        chain: Vec::new(),
        asks_certificate: false,
    })
}

fn certificates(body: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let mut list = Bytes(Bytes(body).counted_24()?);
    let mut chain = Vec::new();
    while !list.0.is_empty() && chain.len() < MAX_CERTIFICATES {
        chain.push(CertificateDer::from(list.counted_24()?.to_vec()));
    }
    Some(chain)
}

fn key_exchange(body: &[u8], hello: &mut ServerHello) -> Option<()> {
    use crate::tls::{Authentication, KeyExchange};
    let suite = hello.cipher_suite()?;
    let mut rest = Bytes(body);
    match suite.key_exchange {
        KeyExchange::Ecdhe => {
            // Only named curves are left (RFC 8422 section 5.4).
            if rest.take(1)? != [3] {
                return None;
            }
            hello.group = Some(Group(rest.number()?));
            rest.counted_8()?;
        }
        KeyExchange::Dhe => {
            let prime = rest.counted_16()?;
            let significant = prime.iter().skip_while(|byte| **byte == 0);
            let zeros = significant
                .clone()
                .next()
                .map_or(0, |byte| byte.leading_zeros());
            let bits = significant.count() * 8;
            hello.prime_bits = Some(bits.saturating_sub(usize::try_from(zeros).ok()?));
            rest.counted_16()?;
            rest.counted_16()?;
        }
        _ => return Some(()),
    }
    let is_signed = suite.authentication != Authentication::Anonymous;
    if is_signed && hello.version == Version::Tls12 {
        hello.scheme = Some(SignatureScheme(rest.number()?));
    }
    Some(())
}

/// What is left to read.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn length(&mut self, bytes: usize) -> Option<usize> {
        let digits = self.take(bytes)?.iter();
        Some(digits.fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    fn counted_8(&mut self) -> Option<&'b [u8]> {
        let length = self.length(1)?;
        self.take(length)
    }

    fn counted_16(&mut self) -> Option<&'b [u8]> {
        let length = self.length(2)?;
        self.take(length)
    }

    fn counted_24(&mut self) -> Option<&'b [u8]> {
        let length = self.length(3)?;
        self.take(length)
    }

    /// The content of a record, when it is all there.
    fn record(&mut self) -> Option<&'b [u8]> {
        let mut ahead = Bytes(self.0);
        ahead.take(3)?;
        let content = ahead.counted_16()?;
        self.0 = ahead.0;
        Some(content)
    }

    /// A handshake message, when it is all there.
    fn message(&mut self) -> Option<(u8, &'b [u8])> {
        let mut ahead = Bytes(self.0);
        let kind = *ahead.take(1)?.first()?;
        let body = ahead.counted_24()?;
        self.0 = ahead.0;
        Some((kind, body))
    }
}
