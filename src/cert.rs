//! A certificate: its DER, and the facts taken from it once.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use der::Decode;
use der::asn1::ObjectIdentifier;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::time::Time;

use crate::base::text::Printable;
use crate::origin::Origin;
use crate::tlv::{Tlv, Walk, tag};

const SUBJECT_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const AUTHORITY_INFO_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

/// A certificate (RFC 5280 section 4.1), where it was read, and the facts that ordering needs.
///
/// Cloning is cheap: clones share one allocation. Two are equal when their DER is.
///
/// The facts are taken once, when it is made. Only the outer structure must be sound then; an
/// extension that does not parse is treated as absent here and judged by path validation.
#[derive(Clone)]
pub struct Certificate {
    content: Arc<Content>,
    origin: Origin,
}

struct Content {
    der: CertificateDer<'static>,
    facts: Facts,
}

/// Places in the DER, and values read from it.
struct Facts {
    tbs: Range<usize>,
    signature_algorithm: Range<usize>,
    signature: Range<usize>,
    serial: Range<usize>,
    issuer: Place,
    subject: Place,
    spki: Place,
    extensions: Option<Range<usize>>,
    subject_key_id: Option<Range<usize>>,
    authority_key_id: Option<Range<usize>>,
    is_ca: bool,
    not_before: UnixTime,
    not_after: UnixTime,
}

/// A field's place: with its header, for decoding, and without, as trust anchors have it.
struct Place {
    tlv: Range<usize>,
    value: Range<usize>,
}

impl Certificate {
    /// Takes the facts from a certificate.
    ///
    /// # Errors
    ///
    /// [`NotACertificate`] when the DER is not one X.509 certificate.
    ///
    /// ```
    /// use fullchain::{Certificate, Origin};
    /// use rustls_pki_types::CertificateDer;
    ///
    /// let der = CertificateDer::from(vec![0x30, 0x00]);
    /// assert!(Certificate::new(der, Origin::new("memory")).is_err());
    /// ```
    pub fn new(der: CertificateDer<'static>, origin: Origin) -> Result<Self, NotACertificate> {
        Self::or_der(der, origin).map_err(|_| NotACertificate)
    }

    /// The same, giving the DER back when it is something else.
    pub(crate) fn or_der(
        der: CertificateDer<'static>,
        origin: Origin,
    ) -> Result<Self, CertificateDer<'static>> {
        match Facts::read(&der) {
            Some(facts) => Ok(Self {
                content: Arc::new(Content { der, facts }),
                origin,
            }),
            None => Err(der),
        }
    }

    /// The same certificate, read elsewhere.
    pub(crate) fn at(&self, origin: Origin) -> Self {
        Self {
            content: Arc::clone(&self.content),
            origin,
        }
    }

    /// The certificate itself.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.content.der
    }

    /// Where it was read.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The subject, as the DER of its RDNSequence without the outer tag and length, which is how
    /// [`TrustAnchor`](rustls_pki_types::TrustAnchor) holds it.
    pub fn subject(&self) -> &[u8] {
        self.slice(&self.content.facts.subject.value)
    }

    /// The issuer, in the form of [`subject`](Self::subject).
    pub fn issuer(&self) -> &[u8] {
        self.slice(&self.content.facts.issuer.value)
    }

    /// The SubjectPublicKeyInfo, as DER with its tag and length.
    pub fn subject_public_key_info(&self) -> &[u8] {
        self.slice(&self.content.facts.spki.tlv)
    }

    /// The content of the SubjectPublicKeyInfo, as trust anchors hold it.
    pub(crate) fn spki_value(&self) -> &[u8] {
        self.slice(&self.content.facts.spki.value)
    }

    /// The serial number's content bytes, big-endian.
    pub fn serial(&self) -> &[u8] {
        self.slice(&self.content.facts.serial)
    }

    /// The subject key identifier, if there is one (RFC 5280 section 4.2.1.2).
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.optional(self.content.facts.subject_key_id.as_ref())
    }

    /// The authority key identifier's keyIdentifier, if there is one (RFC 5280 section 4.2.1.1).
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.optional(self.content.facts.authority_key_id.as_ref())
    }

    /// The first moment of its validity.
    pub fn not_before(&self) -> UnixTime {
        self.content.facts.not_before
    }

    /// The last moment of its validity.
    pub fn not_after(&self) -> UnixTime {
        self.content.facts.not_after
    }

    /// Whether `time` lies in its validity.
    pub fn is_valid_at(&self, time: UnixTime) -> bool {
        self.not_before() <= time && time <= self.not_after()
    }

    /// Whether basic constraints say that it is a CA (RFC 5280 section 4.2.1.9).
    pub fn is_ca(&self) -> bool {
        self.content.facts.is_ca
    }

    /// The version, counted from 1 as RFC 5280 names it; 0 when it is none of those.
    pub(crate) fn version(&self) -> u8 {
        let mut fields = Walk(self.tbs_content());
        match fields.optional(tag::constructed(0)) {
            None => 1,
            Some(version) => match Walk(version.value).expect(tag::INTEGER) {
                Some(Tlv {
                    value: [version @ 0..=2],
                    ..
                }) => version + 1,
                _ => 0,
            },
        }
    }

    /// Whether the signature's algorithm is the same inside and outside of what is signed.
    pub(crate) fn signature_algorithms_agree(&self) -> bool {
        let mut fields = Walk(self.tbs_content());
        fields.optional(tag::constructed(0));
        fields.next();
        let inner = fields.next().map(|algorithm| algorithm.value);
        inner == Some(self.slice(&self.content.facts.signature_algorithm))
    }

    /// Whether the validity is a UTCTime through 2049 and a GeneralizedTime after that.
    pub(crate) fn times_are_encoded_properly(&self) -> bool {
        /// 2050-01-01T00:00:00Z
        const FIRST_GENERALIZED: u64 = 2_524_608_000;
        let mut fields = Walk(self.tbs_content());
        fields.optional(tag::constructed(0));
        // The serial number, the signature's algorithm and the issuer come before it.
        let Some(validity) = fields.nth(3) else {
            return false;
        };
        let times = [self.not_before(), self.not_after()];
        Walk(validity.value).zip(times).all(|(encoded, time)| {
            (encoded.tag == tag::GENERALIZED_TIME) == (time.as_secs() >= FIRST_GENERALIZED)
        })
    }

    /// Whether it has an issuerUniqueID or a subjectUniqueID.
    pub(crate) fn has_unique_identifiers(&self) -> bool {
        Walk(self.tbs_content())
            .any(|field| field.tag == tag::primitive(1) || field.tag == tag::primitive(2))
    }

    /// All extensions, in order, undecoded.
    pub(crate) fn extensions(&self) -> Vec<Extension<'_>> {
        let mut extensions = Vec::new();
        if let Some(list) = self.optional(self.content.facts.extensions.as_ref()) {
            read_extensions(list, |extension| extensions.push(extension));
        }
        extensions
    }

    /// The subject, as the DER of its Name.
    pub(crate) fn subject_der(&self) -> &[u8] {
        self.slice(&self.content.facts.subject.tlv)
    }

    /// The issuer, as the DER of its Name.
    pub(crate) fn issuer_der(&self) -> &[u8] {
        self.slice(&self.content.facts.issuer.tlv)
    }

    fn tbs_content(&self) -> &[u8] {
        let tbs = self.slice(&self.content.facts.tbs);
        Walk(tbs).next().map_or(&[], |tbs| tbs.value)
    }

    /// Whether issuer and subject are the same name. A self-issued certificate need not be
    /// self-signed.
    pub fn is_self_issued(&self) -> bool {
        self.issuer() == self.subject()
    }

    /// The subject as RFC 4514 text, with the first DNS name when the subject is empty. For
    /// messages; it is the issuer's free choice of text.
    pub fn subject_text(&self) -> String {
        let text = self.name_text(&self.content.facts.subject);
        if !text.is_empty() {
            return text;
        }
        self.dns_names()
            .into_iter()
            .next()
            .unwrap_or_else(|| "(no name)".to_owned())
    }

    /// The issuer as RFC 4514 text.
    pub fn issuer_text(&self) -> String {
        self.name_text(&self.content.facts.issuer)
    }

    /// The DNS names of its subject alternative name extension (RFC 5280 section 4.2.1.6), as
    /// they stand there.
    pub fn dns_names(&self) -> Vec<String> {
        let Some(names) = self.extension::<SubjectAltName>(SUBJECT_ALT_NAME) else {
            return Vec::new();
        };
        let dns = names.0.into_iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.to_string()),
            _ => None,
        });
        dns.collect()
    }

    /// The IP addresses of its subject alternative name extension.
    pub fn ip_addresses(&self) -> Vec<IpAddr> {
        let Some(names) = self.extension::<SubjectAltName>(SUBJECT_ALT_NAME) else {
            return Vec::new();
        };
        let addresses = names.0.into_iter().filter_map(|name| match name {
            GeneralName::IpAddress(bytes) => ip_address(bytes.as_bytes()),
            _ => None,
        });
        addresses.collect()
    }

    /// The URLs from which its issuer's certificate may be fetched: the `caIssuers` entries of
    /// authority information access (RFC 5280 section 4.2.2.1).
    pub fn ca_issuer_urls(&self) -> Vec<String> {
        let Some(access) = self.extension::<AuthorityInfoAccessSyntax>(AUTHORITY_INFO_ACCESS)
        else {
            return Vec::new();
        };
        let urls = access.0.into_iter().filter_map(|description| {
            match (description.access_method, description.access_location) {
                (CA_ISSUERS, GeneralName::UniformResourceIdentifier(url)) => Some(url.to_string()),
                _ => None,
            }
        });
        urls.collect()
    }

    /// The signed part, the content of the signature's AlgorithmIdentifier, and the signature.
    pub(crate) fn signed_data(&self) -> (&[u8], &[u8], &[u8]) {
        let facts = &self.content.facts;
        (
            self.slice(&facts.tbs),
            self.slice(&facts.signature_algorithm),
            self.slice(&facts.signature),
        )
    }

    fn name_text(&self, place: &Place) -> String {
        match Name::from_der(self.slice(&place.tlv)) {
            // RFC 4514's escapes leave some that terminals obey.
            Ok(name) => Printable(&name.to_string()).to_string(),
            Err(_) => "(a name that does not parse)".to_owned(),
        }
    }

    /// The first extension of this kind, decoded; `None` when it is absent or malformed.
    pub(crate) fn extension<'a, T: Decode<'a>>(&'a self, wanted: ObjectIdentifier) -> Option<T> {
        let list = self.optional(self.content.facts.extensions.as_ref())?;
        let mut found = None;
        read_extensions(list, |extension| {
            if extension.oid == wanted.as_bytes() && found.is_none() {
                found = Some(extension.value);
            }
        })?;
        T::from_der(found?).ok()
    }

    fn slice(&self, place: &Range<usize>) -> &[u8] {
        // The places were measured on this very DER, so the default is never taken.
        self.content.der.get(place.clone()).unwrap_or_default()
    }

    fn optional(&self, place: Option<&Range<usize>>) -> Option<&[u8]> {
        place.map(|place| self.slice(place))
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.content, &other.content) || self.content.der == other.content.der
    }
}

impl Eq for Certificate {}

impl Hash for Certificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.content.der.as_ref().hash(state);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject_text())
            .field("issuer", &self.issuer_text())
            .field("origin", self.origin())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Certificate {
    /// `subject`, `issuer`, `serial` (hex), `not_before` and `not_after` (seconds since
    /// 1970-01-01T00:00:00Z), `dns_names`, `origin`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut object = serializer.serialize_struct("Certificate", 7)?;
        object.serialize_field("subject", &self.subject_text())?;
        object.serialize_field("issuer", &self.issuer_text())?;
        object.serialize_field("serial", &hex(self.serial()))?;
        object.serialize_field("not_before", &self.not_before().as_secs())?;
        object.serialize_field("not_after", &self.not_after().as_secs())?;
        object.serialize_field("dns_names", &self.dns_names())?;
        object.serialize_field("origin", self.origin())?;
        object.end()
    }
}

/// The DER is not an X.509 certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACertificate;

impl fmt::Display for NotACertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the DER is not an X.509 certificate")
    }
}

impl std::error::Error for NotACertificate {}

/// Bytes as lower-case hexadecimal digits in pairs, with colons between.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

impl Facts {
    /// Reads Certificate (RFC 5280 section 4.1). Only what ordering needs is looked into.
    fn read(der: &[u8]) -> Option<Self> {
        let place = |part: &[u8]| place_in(der, part);
        let field = |tlv: Tlv<'_>| Place {
            tlv: place(tlv.whole),
            value: place(tlv.value),
        };
        let mut outer = Walk(der);
        let mut parts = Walk(outer.expect(tag::SEQUENCE)?.value);
        let tbs = parts.expect(tag::SEQUENCE)?;
        let signature_algorithm = parts.expect(tag::SEQUENCE)?;
        // The first byte of a BIT STRING counts unused bits, of which a signature has none.
        let signature = parts.expect(tag::BIT_STRING)?.value.strip_prefix(&[0])?;
        if !outer.is_empty() || !parts.is_empty() {
            return None;
        }

        let mut fields = Walk(tbs.value);
        fields.optional(tag::constructed(0));
        let serial = fields.expect(tag::INTEGER)?;
        fields.expect(tag::SEQUENCE)?;
        let issuer = fields.expect(tag::SEQUENCE)?;
        let mut validity = Walk(fields.expect(tag::SEQUENCE)?.value);
        let not_before = read_time(validity.next()?)?;
        let not_after = read_time(validity.next()?)?;
        let subject = fields.expect(tag::SEQUENCE)?;
        let spki = fields.expect(tag::SEQUENCE)?;
        let mut facts = Self {
            tbs: place(tbs.whole),
            signature_algorithm: place(signature_algorithm.value),
            signature: place(signature),
            serial: place(serial.value),
            issuer: field(issuer),
            subject: field(subject),
            spki: field(spki),
            extensions: None,
            subject_key_id: None,
            authority_key_id: None,
            is_ca: false,
            not_before,
            not_after,
        };
        while !fields.is_empty() {
            let field = fields.next()?;
            if field.tag == tag::constructed(3) {
                facts.read_extensions(der, field.value)?;
            }
        }
        Some(facts)
    }

    fn read_extensions(&mut self, der: &[u8], list: &[u8]) -> Option<()> {
        self.extensions = Some(place_in(der, list));
        read_extensions(list, |Extension { oid, value, .. }| {
            let mut walk = Walk(value);
            if oid == SUBJECT_KEY_ID.as_bytes() {
                let id = walk.expect(tag::OCTET_STRING);
                self.subject_key_id = id.map(|id| place_in(der, id.value));
            } else if oid == AUTHORITY_KEY_ID.as_bytes() {
                let id = walk
                    .expect(tag::SEQUENCE)
                    .and_then(|fields| Walk(fields.value).expect(tag::primitive(0)));
                self.authority_key_id = id.map(|id| place_in(der, id.value));
            } else if oid == BASIC_CONSTRAINTS.as_bytes() {
                let ca = walk
                    .expect(tag::SEQUENCE)
                    .and_then(|fields| Walk(fields.value).expect(tag::BOOLEAN));
                // The cA flag is absent when false.
                self.is_ca = ca.is_some_and(|ca| ca.value == [0xff]);
            }
        })
    }
}

/// The address in an iPAddress of a subject alternative name: 4 bytes or 16.
pub(crate) fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// Where `part`, a subslice of `whole`, begins and ends in it.
pub(crate) fn place_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// An extension (RFC 5280 section 4.1.2.9), undecoded.
#[derive(Clone, Copy)]
pub(crate) struct Extension<'a> {
    /// The object identifier's content bytes.
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    /// The content of extnValue.
    pub(crate) value: &'a [u8],
}

impl Extension<'_> {
    /// The object identifier in dotted form.
    pub(crate) fn name(&self) -> String {
        match ObjectIdentifier::from_bytes(self.oid) {
            Ok(oid) => oid.to_string(),
            Err(_) => "(malformed)".to_owned(),
        }
    }
}

fn read_extensions<'a>(list: &'a [u8], mut each: impl FnMut(Extension<'a>)) -> Option<()> {
    let mut entries = Walk(Walk(list).expect(tag::SEQUENCE)?.value);
    while !entries.is_empty() {
        let mut entry = Walk(entries.expect(tag::SEQUENCE)?.value);
        let oid = entry.expect(tag::OBJECT_IDENTIFIER)?;
        let critical = entry.optional(tag::BOOLEAN);
        each(Extension {
            oid: oid.value,
            critical: critical.is_some_and(|critical| critical.value != [0]),
            value: entry.expect(tag::OCTET_STRING)?.value,
        });
    }
    Some(())
}

fn read_time(time: Tlv<'_>) -> Option<UnixTime> {
    Some(unix_time(Time::from_der(time.whole).ok()?))
}

/// To the second.
pub(crate) fn unix_time(time: Time) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(time.to_unix_duration().as_secs()))
}
