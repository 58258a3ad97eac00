//! Which certificates OpenSSL decodes, and which it lets a server show.
//!
//! Decoding looks at the outer structure and the names. Extensions, dates and signatures are not
//! looked into, so that much loads that no client takes.

use std::borrow::Cow;

use super::asn1::{Class, Elements, tag};
use super::key::Public;
use super::name::{self, same_name};

/// The bits of security that the usual security level, 2, asks for.
const SECURITY_BITS: u32 = 112;

const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";

/// A certificate that OpenSSL decodes.
#[derive(Clone, Copy)]
pub(in crate::haproxy) struct Decoded<'a> {
    /// Without what follows it.
    der: &'a [u8],
    /// The bits of the signature's last byte that count.
    last_bits: u8,
    spki: &'a [u8],
    signature_algorithm: Elements<'a>,
    /// As far as the names and key identifiers go.
    is_self_signed: bool,
    /// The signature's algorithm, once more.
    inner_algorithm: Elements<'a>,
}

impl<'a> Decoded<'a> {
    /// As d2i_X509() does, which leaves alone what follows the certificate.
    pub(in crate::haproxy) fn new(der: &'a [u8]) -> Option<Self> {
        let mut outer = Elements(der);
        let mut parts = outer.sequence()?;
        let mut tbs = parts.sequence()?;
        let signature_algorithm = parts.algorithm()?;
        let signature = parts.primitive(tag::BIT_STRING)?;

        if let Some(mut version) = tbs.explicit(0)? {
            version.primitive(tag::INTEGER)?;
        }
        tbs.primitive(tag::INTEGER)?;
        let inner_algorithm = tbs.algorithm()?;
        let issuer = name::read(&mut tbs)?;
        let mut validity = tbs.sequence()?;
        time(&mut validity)?;
        time(&mut validity)?;
        let subject = name::read(&mut tbs)?;
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
        let extensions = match tbs.explicit(3)? {
            Some(mut extensions) => extensions.list(tag::SEQUENCE)?,
            None => Elements(&[]),
        };
        extensions
            .all(|list| extension(list).is_some())
            .then_some(())?;
        let is_whole = parts.is_empty() && tbs.is_empty() && validity.is_empty() && spki.is_empty();
        is_whole.then_some(Self {
            der: der.get(..der.len() - outer.0.len())?,
            last_bits: signature.first().map_or(0xff, |unused| 0xff << unused),
            spki: spki_der,
            signature_algorithm,
            is_self_signed: same_name(issuer, subject) && is_own_issuer(extensions),
            inner_algorithm,
        })
    }

    /// As it is sent: the outer structure, signature included, is encoded anew. Of what that
    /// changes this has the bits that the signature says it does not use, not the encoding of
    /// lengths that are not DER.
    pub(in crate::haproxy) fn sent(&self) -> Cow<'a, [u8]> {
        match self.der.split_last() {
            Some((last, rest)) if last & !self.last_bits != 0 => {
                [rest, &[last & self.last_bits]].concat().into()
            }
            _ => self.der.into(),
        }
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
        let public = self.public();
        let strength = public.as_ref().map_or(0, Public::security_bits);
        if strength < SECURITY_BITS {
            return Some("its key is too small, or is not known");
        }
        // A root's own signature says nothing, so that nobody looks at it.
        let is_self_signed = self.is_self_signed
            && public.is_some_and(|key| key.may_have_signed(self.inner_algorithm));
        let is_weak = !is_self_signed && !is_strong(self.signature_algorithm);
        is_weak.then_some(
            "it is signed with too weak a digest, such as SHA-1, or one that is not known",
        )
    }
}

fn time(validity: &mut Elements<'_>) -> Option<()> {
    let time = validity.next()?;
    let is_time = matches!(time.number, tag::UTC_TIME | tag::GENERALIZED_TIME);
    (time.class == Class::Universal && is_time && time.is_sound_as(time.number)).then_some(())
}

/// The extension's type and value.
fn extension<'a>(list: &mut Elements<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let mut extension = list.sequence()?;
    let oid = extension.primitive(tag::OBJECT)?;
    let mut ahead = extension;
    if ahead.primitive(tag::BOOLEAN).is_some() {
        extension = ahead;
    }
    let value = extension.primitive(tag::OCTET_STRING)?;
    extension.is_empty().then_some((oid, value))
}

/// Whether the authority's key identifier, if there is one, is the subject's.
fn is_own_issuer(mut extensions: Elements<'_>) -> bool {
    const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 14];
    const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
    let (mut subject, mut authority) = (None, None);
    while let Some((oid, value)) = extension(&mut extensions) {
        let mut value = Elements(value);
        match oid {
            SUBJECT_KEY_ID => subject = value.primitive(tag::OCTET_STRING),
            AUTHORITY_KEY_ID => {
                let id = value.sequence().and_then(|mut fields| fields.context(0));
                authority = id.map(|id| id.content);
            }
            _ => {}
        }
    }
    match (subject, authority) {
        (Some(subject), Some(authority)) => subject == authority,
        _ => true,
    }
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

/// Of RSASSA-PSS-params (RFC 8017 appendix A.2.3), which must make sense; SHA-1 is the default.
fn has_strong_digest(mut parameters: Elements<'_>) -> Option<bool> {
    const MGF1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08";
    let digest = |mut algorithm: Elements<'_>| {
        let oid = algorithm.algorithm()?.primitive(tag::OBJECT)?;
        let is_strong = matches!(
            oid,
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1..=10]
        );
        (is_strong || oid == b"\x2b\x0e\x03\x02\x1a").then_some(is_strong)
    };
    let mut fields = parameters.sequence()?;
    let is_strong = digest(fields.explicit(0)??)?;
    if let Some(mut mask) = fields.explicit(1)? {
        let mut mask = mask.algorithm()?;
        (mask.primitive(tag::OBJECT)? == MGF1).then_some(())?;
        digest(mask)?;
    }
    if let Some(mut salt) = fields.explicit(2)? {
        let salt = salt.primitive(tag::INTEGER)?;
        (salt.len() <= 4 && salt.first()? & 0x80 == 0).then_some(())?;
    }
    if let Some(mut trailer) = fields.explicit(3)? {
        (trailer.primitive(tag::INTEGER)? == [1]).then_some(())?;
    }
    fields.is_empty().then_some(is_strong)
}
