//! OCSP responses (RFC 6960 section 4.2.1), as far as HAProxy looks at them before it staples one.

use der::DateTime;
use rustls_pki_types::UnixTime;

use super::asn1::{Class, Element, Elements, tag};

const BASIC_RESPONSE: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x01";
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";

/// How far clocks may differ, in seconds (HAProxy's OCSP_MAX_RESPONSE_TIME_SKEW).
const SKEW: u64 = 300;

/// Which certificate a response is about: hashes of its issuer's name and key, and its serial
/// number. HAProxy hashes with SHA-1, and takes no other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::haproxy) struct CertId<'a> {
    pub(in crate::haproxy) name_hash: &'a [u8],
    pub(in crate::haproxy) key_hash: &'a [u8],
    pub(in crate::haproxy) serial: &'a [u8],
}

/// A response that HAProxy staples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::haproxy) enum Stapled {
    Good,
    Revoked,
}

/// What a response says of a certificate at a time, or with which words HAProxy ignores it.
pub(in crate::haproxy) fn staple(
    response: &[u8],
    certificate: CertId<'_>,
    time: UnixTime,
) -> Result<Stapled, &'static str> {
    let response = Response::read(response).ok_or("Unable to parse OCSP response")?;
    if response.status != [0] {
        return Err("OCSP response status not successful");
    }
    let single = response.basic.and_then(|basic| single(basic));
    let (single, count) = single.ok_or("Failed to get basic response from OCSP Response")?;
    if count > 1 {
        return Err("OCSP response ignored because contains multiple single responses");
    }
    let single = single.ok_or("Failed to get OCSP single response")?;
    let stapled = match single.status {
        0 => Stapled::Good,
        1 => Stapled::Revoked,
        _ => return Err("OCSP single response: certificate status is unknown"),
    };
    let next = single.next_update;
    let next = next.ok_or("OCSP single response: missing nextupdate")?;
    let now = time.as_secs();
    let is_current = match (moment(single.this_update), moment(next)) {
        (Some(from), Some(until)) => from <= now + SKEW && until + SKEW >= now && from <= until,
        _ => false,
    };
    if !is_current {
        return Err("OCSP single response: no longer valid");
    }
    match single.id {
        Some(id) if id == certificate => Ok(stapled),
        _ => Err("OCSP single response: Certificate ID does not match certificate and issuer"),
    }
}

struct Response<'a> {
    status: &'a [u8],
    basic: Option<&'a [u8]>,
}

impl<'a> Response<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = Elements(der).sequence()?;
        let status = fields.primitive(tag::ENUMERATED)?;
        let basic = match fields.context(0) {
            Some(bytes) => {
                let mut bytes = bytes.parts()?.sequence()?;
                let kind = bytes.primitive(tag::OBJECT)?;
                let basic = bytes.primitive(tag::OCTET_STRING)?;
                bytes.is_empty().then_some(())?;
                (kind == BASIC_RESPONSE).then_some(basic)
            }
            None => None,
        };
        fields.is_empty().then_some(Self { status, basic })
    }
}

struct Single<'a> {
    /// `None` when its hashes are not SHA-1.
    id: Option<CertId<'a>>,
    /// 0: good, 1: revoked, 2: unknown.
    status: u32,
    this_update: &'a [u8],
    next_update: Option<&'a [u8]>,
}

/// The first single response of a BasicOCSPResponse, and how many there are.
fn single(der: &[u8]) -> Option<(Option<Single<'_>>, usize)> {
    let mut data = Elements(der).sequence()?.sequence()?;
    data.context(0);
    let responder = data.next()?;
    (responder.class == Class::Context && matches!(responder.number, 1 | 2)).then_some(())?;
    data.primitive(tag::GENERALIZED_TIME)?;
    let mut responses = data.list(tag::SEQUENCE)?;
    let mut first = None;
    let mut count = 0;
    while !responses.is_empty() {
        let single = Single::read(responses.sequence()?)?;
        first.get_or_insert(single);
        count += 1;
    }
    Some((first, count))
}

impl<'a> Single<'a> {
    fn read(mut fields: Elements<'a>) -> Option<Self> {
        let mut id = fields.sequence()?;
        let digest = id.sequence()?.primitive(tag::OBJECT)?;
        let cert_id = CertId {
            name_hash: id.primitive(tag::OCTET_STRING)?,
            key_hash: id.primitive(tag::OCTET_STRING)?,
            serial: id.primitive(tag::INTEGER)?,
        };
        let status = fields.next().filter(|it| it.class == Class::Context)?;
        let this_update = fields.primitive(tag::GENERALIZED_TIME)?;
        let next_update = match fields.context(0).map(Element::parts) {
            Some(next) => Some(next?.primitive(tag::GENERALIZED_TIME)?),
            None => None,
        };
        Some(Self {
            id: (digest == SHA1).then_some(cert_id),
            status: status.number,
            this_update,
            next_update,
        })
    }
}

/// Seconds since 1970, of YYYYMMDDHHMMSSZ.
fn moment(time: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let part = |from: usize, to: usize| digits.get(from..to)?.parse().ok();
    let year = digits.get(..4)?.parse().ok()?;
    let rest = [
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?,
    ];
    let [month, day, hour, minute, second] = rest;
    let time = DateTime::new(year, month, day, hour, minute, second).ok()?;
    Some(time.unix_duration().as_secs())
}
