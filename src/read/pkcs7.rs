//! The certificates in PKCS#7 (RFC 2315) and its successor CMS (RFC 5652 section 5.1): what CAs
//! hand out as `.p7b` and `.p7c`, and what `caIssuers` may lead to (RFC 5280 section 4.2.2.1).
//!
//! Only the outlines are walked. A decoder that holds to DER, such as the `cms` crate, refuses what
//! real files have: SETs in no order, certificates with an oddity in them, lengths left indefinite
//! by Windows and Java. CRLs, signatures and signed content are passed over. No signature is
//! verified: it would prove nothing of the certificates, which have to prove themselves.

use rustls_pki_types::CertificateDer;

use super::Expected;
use super::ber::{Ber, INDEFINITE};
use super::sink::Sink;
use crate::cert::Certificate;
use crate::error::Error;
use crate::finding::{Code, Finding};
use crate::origin::Origin;
use crate::tlv::{self, Walk, tag};

/// The content types that PKCS#7 began with, below 1.2.840.113549.1.7.
const PKCS7: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07";
/// Those that CMS added, below 1.2.840.113549.1.9.16.1.
const CMS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01";
const SIGNED_DATA: u8 = 2;

const ASK: &str = "Ask for the certificates as PEM, or as PKCS#7 that holds them: openssl crl2pkcs7 -nocrl -certfile CERTS";
const DECRYPT: &str = "Decrypt it with the recipient's key, and give what comes out: openssl cms -decrypt -in FILE -inform PEM -inkey KEY -out OUT (-inform DER if binary)";

/// Whether this is a ContentInfo, of indefinite length or not, by its content type.
pub(super) fn is_content_info(ber: &[u8]) -> bool {
    content_type(ber).is_some()
}

/// The family of content types, and the number of this one in it.
fn content_type(ber: &[u8]) -> Option<(&'static [u8], u8)> {
    let header = match ber {
        [tag::SEQUENCE, INDEFINITE, ..] => 2,
        [tag::SEQUENCE, ..] => tlv::header(ber)?.0,
        _ => return None,
    };
    let oid = Walk(ber.get(header..)?).expect(tag::OBJECT_IDENTIFIER)?;
    let (&number, family) = oid.value.split_last()?;
    let family = [PKCS7, CMS].into_iter().find(|known| *known == family)?;
    Some((family, number))
}

/// What a content type is called, and what to do about it, if it is not signed data.
fn other_content(ber: &[u8]) -> Option<(&'static str, &'static str)> {
    Some(match content_type(ber)? {
        (PKCS7, SIGNED_DATA) => return None,
        (PKCS7, 1) => ("plain data", ASK),
        (PKCS7, 3) => ("enveloped data, which is encrypted", DECRYPT),
        (PKCS7, 4) => ("signed and enveloped data, which is encrypted", DECRYPT),
        (PKCS7, 5) => ("digested data", ASK),
        (PKCS7, 6) => ("encrypted data", DECRYPT),
        (CMS, 2) => ("authenticated data", ASK),
        (CMS, 9) => ("compressed data", ASK),
        (CMS, 23) => ("authenticated enveloped data, which is encrypted", DECRYPT),
        _ => ("content of an unknown type", ASK),
    })
}

/// The choices of CertificateSet, if there is one. `None` when the structure breaks off before.
fn certificate_set(ber: &[u8]) -> Option<Ber<'_>> {
    let content_info = Ber(ber).next()?;
    let mut fields = Ber(content_info.value).skip(1);
    let content = fields.next().filter(|it| it.tag == tag::constructed(0))?;
    let signed_data = Ber(content.value).next()?;
    if signed_data.tag != tag::SEQUENCE {
        return None;
    }
    let mut fields = Ber(signed_data.value);
    match fields.find(|field| field.tag == tag::constructed(0)) {
        Some(certificates) => Some(Ber(certificates.value)),
        None => fields.0.is_empty().then_some(fields),
    }
}

impl Sink<'_> {
    /// Takes the certificates out of a ContentInfo, each of which counts as a block.
    pub(super) fn content_info(
        &mut self,
        ber: &[u8],
        label: &str,
        origin: &Origin,
    ) -> Result<(), Error> {
        if let Some((what, help)) = other_content(ber) {
            let message = format!("{label} is PKCS#7 or CMS with {what}, not with certificates");
            let finding = Finding::new(Code::UnsupportedFormat, message).at(origin);
            self.unreadable(Expected::Any, finding.help(help));
            return Ok(());
        }
        let damaged = |message: String, help: &str| {
            let finding = Finding::new(Code::NotACertificate, message).at(origin);
            finding.help(help)
        };
        let Some(mut set) = certificate_set(ber) else {
            let message = format!("{label} is PKCS#7 signed data, but damaged inside");
            self.unreadable(Expected::Certificate, damaged(message, "Fetch it anew"));
            return Ok(());
        };
        let mut number = 0;
        while !set.0.is_empty() {
            let rest = set.0;
            let choice = set.next();
            if choice.is_some_and(|choice| is_other_choice(choice.tag)) {
                continue;
            }
            self.count_block()?;
            number += 1;
            let der = CertificateDer::from(choice.map_or(rest, |choice| choice.whole).to_vec());
            match Certificate::new(der, origin.clone()) {
                Ok(certificate) => self.material.certificates.push(certificate),
                Err(_) => {
                    let message = format!("certificate {number} in {label} cannot be read");
                    let help = "Fetch it anew, or give this certificate by itself";
                    self.unreadable(Expected::Certificate, damaged(message, help));
                }
            }
            if choice.is_none() {
                break;
            }
        }
        if number == 0 {
            let message = format!("{label} is PKCS#7 signed data that holds no certificates");
            self.unreadable(Expected::Certificate, damaged(message, ASK));
        }
        Ok(())
    }
}

/// Whether it is another of CertificateChoices than a certificate: an extended or an attribute
/// certificate, or something of a format of its own.
fn is_other_choice(tag: u8) -> bool {
    (0..=3).any(|number| tag == tag::constructed(number))
}
