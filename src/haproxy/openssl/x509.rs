//! Which certificates OpenSSL decodes, and which it lets a server show.
//!
//! Decoding looks at the outer structure and the names. Extensions, dates and signatures are not
//! looked into, so that much loads that no client takes.

use super::asn1::{Class, Element, Elements, tag};
use super::key::Public;

/// The bits of security that the usual security level, 2, asks for.
const SECURITY_BITS: u32 = 112;

const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";

/// A certificate that OpenSSL decodes.
#[derive(Clone, Copy)]
pub(in crate::haproxy) struct Decoded<'a> {
    /// Without what follows it.
    pub(in crate::haproxy) der: &'a [u8],
    spki: &'a [u8],
    signature_algorithm: Elements<'a>,
    is_self_issued: bool,
}

impl<'a> Decoded<'a> {
    /// As d2i_X509() does, which leaves alone what follows the certificate.
    pub(in crate::haproxy) fn new(der: &'a [u8]) -> Option<Self> {
        let mut outer = Elements(der);
        let mut parts = outer.sequence()?;
        let mut tbs = parts.sequence()?;
        let signature_algorithm = parts.algorithm()?;
        parts.primitive(tag::BIT_STRING)?;

        if let Some(version) = tbs.context(0) {
            let mut version = version.parts()?;
            version.primitive(tag::INTEGER)?;
            version.is_empty().then_some(())?;
        }
        tbs.primitive(tag::INTEGER)?;
        tbs.algorithm()?;
        let issuer = name(&mut tbs)?;
        let mut validity = tbs.sequence()?;
        time(&mut validity)?;
        time(&mut validity)?;
        let subject = name(&mut tbs)?;
        let before = tbs.0;
        let mut spki = tbs.sequence()?;
        let spki_der = before.get(..before.len() - tbs.0.len())?;
        spki.algorithm()?;
        spki.primitive(tag::BIT_STRING)?;
        for unique_id in [1, 2] {
            if let Some(id) = tbs.context(unique_id) {
                id.is_sound_as(tag::BIT_STRING).then_some(())?;
            }
        }
        if let Some(extensions) = tbs.context(3) {
            let mut extensions = extensions.parts()?;
            let list = extensions.list(tag::SEQUENCE)?;
            (extensions.is_empty() && list.all(|list| extension(list).is_some())).then_some(())?;
        }
        let is_whole = parts.is_empty() && tbs.is_empty() && validity.is_empty() && spki.is_empty();
        is_whole.then_some(Self {
            der: der.get(..der.len() - outer.0.len())?,
            spki: spki_der,
            signature_algorithm,
            is_self_issued: same_name(issuer, subject),
        })
    }

    /// As d2i_X509_AUX() does: behind the certificate may be OpenSSL's trust settings.
    pub(in crate::haproxy) fn with_trust(der: &'a [u8]) -> Option<Self> {
        let decoded = Self::new(der)?;
        let behind = der.get(decoded.der.len()..)?;
        (behind.is_empty() || trust_settings(behind).is_some()).then_some(decoded)
    }

    /// Its public key; `None` when OpenSSL does not decode it.
    pub(in crate::haproxy) fn public(&self) -> Option<Public> {
        Public::of_spki(self.spki)
    }

    /// Why the usual security level does not let a server show it.
    pub(in crate::haproxy) fn too_weak(&self) -> Option<&'static str> {
        let strength = self.public().map_or(0, |key| key.security_bits());
        if strength < SECURITY_BITS {
            return Some("its key is too small, or is not known");
        }
        // A root's own signature says nothing, so that nobody looks at it.
        let is_weak = !self.is_self_issued && !is_strong(self.signature_algorithm);
        is_weak.then_some(
            "it is signed with too weak a digest, such as SHA-1, or one that is not known",
        )
    }
}

/// The content of a Name, of which OpenSSL makes the form that it compares.
fn name<'a>(elements: &mut Elements<'a>) -> Option<&'a [u8]> {
    let name = elements.list(tag::SEQUENCE)?;
    let attribute = |set: &mut Elements<'a>| {
        let mut attribute = set.sequence()?;
        attribute.primitive(tag::OBJECT)?;
        let is_text = attribute.next().is_some_and(is_attribute_value);
        (is_text && attribute.is_empty()).then_some(())
    };
    let is_sound = name.all(|sets| {
        let set = sets.list(tag::SET);
        set.is_some_and(|set| set.all(|set| attribute(set).is_some()))
    });
    is_sound.then_some(name.0)
}

/// Whether two names, without their outer tags, are one to OpenSSL: whatever the case of their
/// ASCII letters, the number of their blanks and the types of their strings.
pub(in crate::haproxy) fn same_name(one: &[u8], other: &[u8]) -> bool {
    one == other || canonical(one).is_some_and(|one| canonical(other) == Some(one))
}

/// For each attribute its type and its text, and the sets apart.
fn canonical(name: &[u8]) -> Option<Vec<(&[u8], String)>> {
    let mut attributes = Vec::new();
    let mut sets = Elements(name);
    while !sets.is_empty() {
        let mut set = sets.list(tag::SET)?;
        while !set.is_empty() {
            let mut attribute = set.sequence()?;
            let kind = attribute.primitive(tag::OBJECT)?;
            let value = attribute.next()?;
            let text = text(value.number, value.content)?.to_ascii_lowercase();
            let words: Vec<&str> = text.split_ascii_whitespace().collect();
            attributes.push((kind, words.join(" ")));
        }
        attributes.push((&[], String::new()));
    }
    Some(attributes)
}

fn is_attribute_value(value: Element<'_>) -> bool {
    // Those of ASN1_PRINTABLE and of tags that are not known.
    let is_known = matches!(value.number, 3 | 7..=9 | 11..=16 | 18..=20 | 22 | 28..=30);
    value.class == Class::Universal
        && is_known
        && value.is_sound_as(value.number)
        && text(value.number, value.content).is_some()
}

/// The text of a string; `None` when it is none.
fn text(number: u32, content: &[u8]) -> Option<String> {
    match number {
        tag::UTF8_STRING => std::str::from_utf8(content).ok().map(str::to_owned),
        tag::BMP_STRING => {
            let (pairs, _) = content.as_chunks::<2>();
            let code = |pair: &[u8; 2]| char::from_u32(u32::from(u16::from_be_bytes(*pair)));
            pairs.iter().map(code).collect()
        }
        tag::UNIVERSAL_STRING => {
            let (quads, _) = content.as_chunks::<4>();
            let code = |quad: &[u8; 4]| char::from_u32(u32::from_be_bytes(*quad));
            quads.iter().map(code).collect()
        }
        _ => Some(content.iter().copied().map(char::from).collect()),
    }
}

fn time(validity: &mut Elements<'_>) -> Option<()> {
    let time = validity.next()?;
    let is_time = matches!(time.number, tag::UTC_TIME | tag::GENERALIZED_TIME);
    (time.class == Class::Universal && is_time && time.is_sound_as(time.number)).then_some(())
}

fn extension(list: &mut Elements<'_>) -> Option<()> {
    let mut extension = list.sequence()?;
    extension.primitive(tag::OBJECT)?;
    let mut ahead = extension;
    if ahead.primitive(tag::BOOLEAN).is_some() {
        extension = ahead;
    }
    extension.primitive(tag::OCTET_STRING)?;
    extension.is_empty().then_some(())
}

/// X509_CERT_AUX: SEQUENCE of trusted uses, `[0]` rejected uses, an alias, a key identifier, and
/// `[1]` others, all of them optional.
fn trust_settings(der: &[u8]) -> Option<()> {
    let mut settings = Elements(der).sequence()?;
    let uses = |uses: Elements<'_>| uses.all(|uses| uses.primitive(tag::OBJECT).is_some());
    let mut ahead = settings;
    if let Some(trusted) = ahead.list(tag::SEQUENCE) {
        uses(trusted).then_some(())?;
        settings = ahead;
    }
    if let Some(rejected) = settings.context(0) {
        uses(Elements(rejected.content)).then_some(())?;
    }
    for text in [tag::UTF8_STRING, tag::OCTET_STRING] {
        let mut ahead = settings;
        if ahead.primitive(text).is_some() {
            settings = ahead;
        }
    }
    if let Some(others) = settings.context(1) {
        Elements(others.content)
            .all(|list| list.algorithm().is_some())
            .then_some(())?;
    }
    settings.is_empty().then_some(())
}

/// Whether the signature's digest has 224 bits or more.
fn is_strong(mut algorithm: Elements<'_>) -> bool {
    let Some(oid) = algorithm.primitive(tag::OBJECT) else {
        return false;
    };
    match oid {
        // sha256, sha384, sha512, sha224, sha512-224 and sha512-256 with RSA.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 11..=16] => true,
        // ECDSA with SHA-224 to SHA-512.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 1..=4] => true,
        // ECDSA and RSA with SHA-3, and DSA with SHA-2 and SHA-3.
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 1..=16] => true,
        // Ed25519 and Ed448.
        [0x2b, 0x65, 0x70 | 0x71] => true,
        RSA_PSS => has_strong_digest(algorithm).unwrap_or(false),
        _ => false,
    }
}

/// Of RSASSA-PSS-params (RFC 8017 appendix A.2.3); SHA-1 is the default.
fn has_strong_digest(mut parameters: Elements<'_>) -> Option<bool> {
    let mut fields = parameters.sequence()?;
    let mut digest = fields.context(0)?.parts()?.sequence()?;
    let oid = digest.primitive(tag::OBJECT)?;
    Some(matches!(
        oid,
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1..=10]
    ))
}
