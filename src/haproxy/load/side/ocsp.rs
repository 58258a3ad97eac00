//! An OCSP response (RFC 6960 section 4.2), judged as HAProxy judges it: not by its signature.

use std::borrow::Cow;

use der::Decode;
use der::asn1::GeneralizedTime;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::{BUFFER, start};
use crate::cert::Certificate;
use crate::tlv::{Tlv, Walk, tag};

const ENUMERATED: u8 = 0x0a;
const SUCCESSFUL: &[u8] = &[0];
const BASIC: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x01";
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";

/// How far clocks may differ.
const SKEW: u64 = 300;

/// The longest serial number with which a CertID fits where HAProxy keeps it, in 128 bytes.
const LONGEST_SERIAL: usize = 69;

/// How a response names the certificate (CertID), with SHA-1.
#[derive(PartialEq, Eq)]
pub(super) struct CertId<'a> {
    algorithm: Cow<'a, [u8]>,
    name_hash: Cow<'a, [u8]>,
    key_hash: Cow<'a, [u8]>,
    serial: &'a [u8],
}

impl<'a> CertId<'a> {
    /// As OCSP_cert_to_id() makes it; `None` when HAProxy has no room for it.
    pub(super) fn new(issuer: &Certificate, leaf: &'a Certificate) -> Option<Self> {
        let mut spki = Walk(issuer.spki_value());
        spki.next()?;
        let (_, key) = spki.expect(tag::BIT_STRING)?.value.split_first()?;
        let sha1 = |content: &[u8]| {
            let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, content);
            Cow::Owned(hash.as_ref().to_vec())
        };
        (leaf.serial().len() <= LONGEST_SERIAL).then(|| Self {
            algorithm: SHA1.into(),
            name_hash: sha1(leaf.issuer_der()),
            key_hash: sha1(key),
            serial: leaf.serial(),
        })
    }

    fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = Walk(der);
        let mut algorithm = Walk(fields.expect(tag::SEQUENCE)?.value);
        Some(Self {
            algorithm: algorithm.expect(tag::OBJECT_IDENTIFIER)?.value.into(),
            name_hash: fields.expect(tag::OCTET_STRING)?.value.into(),
            key_hash: fields.expect(tag::OCTET_STRING)?.value.into(),
            serial: fields.expect(tag::INTEGER)?.value,
        })
    }

    /// Why it does not name what the other does.
    fn differs(&self, owed: &Self) -> Option<&'static str> {
        let why = if self.algorithm != owed.algorithm {
            "it names the certificate by another hash than SHA-1; ask for it with SHA-1"
        } else if self.serial != owed.serial {
            "it is about a certificate with another serial number"
        } else if self != owed {
            "it is about a certificate of another issuer, or of one with another key"
        } else {
            return None;
        };
        Some(why)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    Revoked,
}

/// A response that HAProxy takes.
pub(super) struct Response {
    pub(super) status: Status,
    /// Whether bytes follow it.
    pub(super) has_more_behind: bool,
    /// In seconds since 1970.
    next_update: u64,
}

/// Why HAProxy ignores a response.
pub(super) struct Useless {
    /// What HAProxy says.
    pub(super) words: Cow<'static, str>,
    pub(super) why: &'static str,
}

impl Useless {
    fn new(words: &'static str, why: &'static str) -> Self {
        Self {
            words: words.into(),
            why,
        }
    }
}

impl Response {
    pub(super) fn read(file: &[u8], owed: &CertId<'_>, now: u64) -> Result<Self, Useless> {
        let outer = Outer::read(start(file)).ok_or_else(|| {
            let why = match file {
                _ if file.len() > BUFFER => "HAProxy reads no more than 16384 bytes of it",
                [] => "it is empty",
                _ if file.is_ascii() => "it is text, and must be DER",
                _ => "it is damaged, or no OCSP response in DER",
            };
            Useless::new("Unable to parse OCSP response", why)
        })?;
        if outer.status != SUCCESSFUL {
            let words = "OCSP response status not successful";
            let why = "it is the responder's error, such as that it has no time";
            return Err(Useless::new(words, why));
        }
        let responses = outer.basic.and_then(responses).ok_or_else(|| {
            let words = "Failed to get basic response from OCSP Response";
            Useless::new(words, "what it holds is damaged, or of another kind")
        })?;
        let single = match responses.as_slice() {
            [single] => single,
            [] => {
                let words = "Failed to get OCSP single response";
                return Err(Useless::new(words, "it is about no certificate"));
            }
            many => {
                let count = many.len();
                let words = format!(
                    "OCSP response ignored because contains multiple single responses ({count})"
                );
                return Err(Useless {
                    words: words.into(),
                    why: "it is about more than one certificate; ask for this one alone",
                });
            }
        };
        single.judge(owed, now, outer.has_more_behind)
    }

    /// Whether HAProxy sends it then to a client who asks for it.
    pub(super) fn is_sent_at(&self, now: u64) -> bool {
        now.saturating_add(SKEW) <= self.next_update
    }
}

/// OCSPResponse, of which what it holds is not looked at yet.
struct Outer<'a> {
    status: &'a [u8],
    /// `None` when there is nothing, or something of another kind.
    basic: Option<&'a [u8]>,
    has_more_behind: bool,
}

impl<'a> Outer<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut all = Walk(der);
        let mut fields = Walk(all.expect(tag::SEQUENCE)?.value);
        let status = fields.expect(ENUMERATED)?.value;
        let mut basic = None;
        if !fields.is_empty() {
            let explicit = fields.expect(tag::constructed(0))?;
            let mut held = Walk(Walk(explicit.value).expect(tag::SEQUENCE)?.value);
            let kind = held.expect(tag::OBJECT_IDENTIFIER)?.value;
            let content = held.expect(tag::OCTET_STRING)?.value;
            basic = (kind == BASIC).then_some(content);
        }
        fields.is_empty().then_some(Self {
            status,
            basic,
            has_more_behind: !all.is_empty(),
        })
    }
}

/// SingleResponse.
struct Single<'a> {
    id: CertId<'a>,
    /// `None` when the responder does not know the certificate.
    status: Option<Status>,
    this_update: Tlv<'a>,
    next_update: Option<Tlv<'a>>,
}

/// Those of a BasicOCSPResponse.
fn responses(der: &[u8]) -> Option<Vec<Single<'_>>> {
    let mut basic = Walk(Walk(der).expect(tag::SEQUENCE)?.value);
    let mut data = Walk(basic.expect(tag::SEQUENCE)?.value);
    basic.expect(tag::SEQUENCE)?;
    basic.expect(tag::BIT_STRING)?;
    data.optional(tag::constructed(0));
    let responder = data.next()?.tag;
    let is_responder = [tag::constructed(1), tag::constructed(2)].contains(&responder);
    is_responder.then_some(())?;
    data.expect(tag::GENERALIZED_TIME)?;
    let mut list = Walk(data.expect(tag::SEQUENCE)?.value);
    let mut responses = Vec::new();
    while !list.is_empty() {
        responses.push(Single::read(list.expect(tag::SEQUENCE)?.value)?);
    }
    Some(responses)
}

impl<'a> Single<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = Walk(der);
        let id = CertId::read(fields.expect(tag::SEQUENCE)?.value)?;
        let status = fields.next()?.tag;
        let status = if status == tag::primitive(0) {
            Some(Status::Good)
        } else if status == tag::constructed(1) {
            Some(Status::Revoked)
        } else {
            (status == tag::primitive(2)).then_some(())?;
            None
        };
        let this_update = fields.expect(tag::GENERALIZED_TIME)?;
        let next_update = match fields.optional(tag::constructed(0)) {
            Some(explicit) => Some(Walk(explicit.value).expect(tag::GENERALIZED_TIME)?),
            None => None,
        };
        Some(Self {
            id,
            status,
            this_update,
            next_update,
        })
    }

    fn judge(
        &self,
        owed: &CertId<'_>,
        now: u64,
        has_more_behind: bool,
    ) -> Result<Response, Useless> {
        let status = self.status.ok_or_else(|| {
            let words = "OCSP single response: certificate status is unknown";
            Useless::new(words, "the responder does not know the certificate")
        })?;
        let next_update = self.next_update.ok_or_else(|| {
            let words = "OCSP single response: missing nextupdate";
            Useless::new(words, "it does not say until when it holds")
        })?;
        let next_update = self.validity(next_update, now).map_err(|why| {
            let words = "OCSP single response: no longer valid";
            Useless::new(words, why)
        })?;
        if let Some(why) = self.id.differs(owed) {
            let words =
                "OCSP single response: Certificate ID does not match certificate and issuer";
            return Err(Useless::new(words, why));
        }
        Ok(Response {
            status,
            has_more_behind,
            next_update,
        })
    }

    /// As OCSP_check_validity() looks at it: until when it holds.
    fn validity(&self, next_update: Tlv<'_>, now: u64) -> Result<u64, &'static str> {
        let damaged = "its times are damaged";
        let this_update = seconds(self.this_update).ok_or(damaged)?;
        let next_update = seconds(next_update).ok_or(damaged)?;
        if this_update > now.saturating_add(SKEW) {
            Err("it holds only from a later time")
        } else if next_update.saturating_add(SKEW) <= now {
            Err("it has expired")
        } else if next_update < this_update {
            Err("it ends before it begins")
        } else {
            Ok(next_update)
        }
    }
}

fn seconds(time: Tlv<'_>) -> Option<u64> {
    let time = GeneralizedTime::from_der(time.whole).ok()?;
    Some(time.to_unix_duration().as_secs())
}
