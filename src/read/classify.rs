//! What DER is, by its label first and by its content where that differs.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, SliceReader, Tag, Tagged};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::label::{Kind, PKCS7_HELP, PKCS12_HELP};
use crate::cert::Certificate;
use crate::dh::DhParameters;
use crate::finding::Code;
use crate::key::{KeyError, PrivateKey};
use crate::origin::Origin;
use crate::tlv;

/// What a block turned out to hold.
pub(super) enum Item {
    Certificate(Certificate),
    Key(PrivateKey),
    DhParameters(DhParameters),
    /// A private key that cannot be used: encrypted, or of the kind that is named.
    EncryptedKey,
    UnsupportedKey(String),
    /// A container, and how to convert it.
    Unsupported(&'static str),
    /// Recognised or unknown, and of no use to a bundle.
    Unused,
}

/// An item, and what was wrong with its block.
pub(super) struct Classified {
    pub(super) item: Item,
    pub(super) repairs: Vec<Code>,
}

impl From<Item> for Classified {
    fn from(item: Item) -> Self {
        Self {
            item,
            repairs: Vec::new(),
        }
    }
}

/// Why DER is not what its label says, nor anything else that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// The outermost structure states a greater length than there is.
    Truncated { bytes: usize, stated: usize },
    /// It is no such thing.
    Different,
}

/// The length of the first DER structure, header included; `None` when there is no header of a
/// SEQUENCE.
pub(super) fn stated_length(der: &[u8]) -> Option<usize> {
    let (header, length) = tlv::header(der)?;
    match der.first() {
        Some(&tlv::tag::SEQUENCE) => header.checked_add(length),
        _ => None,
    }
}

/// Decides what a block holds. What is neither known by its content nor needed is let pass.
pub(super) fn classify(
    kind: Kind,
    label: &str,
    der: Zeroizing<Vec<u8>>,
    origin: &Origin,
) -> Result<Classified, Misfit> {
    let misfit = match by_content(kind, label, der, origin) {
        Ok(classified) => return Ok(classified),
        Err(misfit) => misfit,
    };
    let item = match (kind, misfit) {
        (Kind::Unused, _) | (Kind::Unknown, Misfit::Different) => Item::Unused,
        (Kind::EncryptedKey, _) => Item::EncryptedKey,
        (Kind::Unsupported(help), _) => Item::Unsupported(help),
        _ => return Err(misfit),
    };
    Ok(item.into())
}

fn by_content(
    kind: Kind,
    label: &str,
    mut der: Zeroizing<Vec<u8>>,
    origin: &Origin,
) -> Result<Classified, Misfit> {
    let stated = stated_length(&der).ok_or(Misfit::Different)?;
    if der.len() < stated {
        let bytes = der.len();
        return Err(Misfit::Truncated { bytes, stated });
    }
    let mut repairs = Vec::new();
    if der.len() > stated {
        repairs.push(Code::TrailingData);
        der.truncate(stated);
    }
    let (item, found) = recognise(kind, der, origin).ok_or(Misfit::Different)?;
    let proper = match (&item, found) {
        (Item::Key(key), _) => key.label() == label,
        (_, found) => found == kind,
    };
    if !proper {
        repairs.push(Code::WrongLabel);
    }
    Ok(Classified { item, repairs })
}

/// Looks at one DER structure, without regard to its label but for parameters, of which other
/// things have the form.
pub(super) fn recognise(
    kind: Kind,
    mut der: Zeroizing<Vec<u8>>,
    origin: &Origin,
) -> Option<(Item, Kind)> {
    if kind == Kind::DhParameters
        && let Some(parameters) = DhParameters::new(&der, origin.clone())
    {
        return Some((Item::DhParameters(parameters), Kind::DhParameters));
    }
    // A certificate begins with a SEQUENCE, a private key in plain with an INTEGER: no key is
    // handed to what does not clear its memory.
    let content = tlv::header(&der).and_then(|(header, _)| der.get(header));
    if content == Some(&tlv::tag::SEQUENCE) {
        let owned = CertificateDer::from(std::mem::take(&mut *der));
        match Certificate::or_der(owned, origin.clone()) {
            Ok(certificate) => return Some((Item::Certificate(certificate), Kind::Certificate)),
            Err(owned) => *der = owned.to_vec(),
        }
    }
    match PrivateKey::new(&der, origin.clone()) {
        Ok(key) => return Some((Item::Key(key), Kind::Key)),
        Err(KeyError::Encrypted) => return Some((Item::EncryptedKey, Kind::EncryptedKey)),
        Err(KeyError::Unsupported(what)) => return Some((Item::UnsupportedKey(what), Kind::Key)),
        Err(KeyError::NotAKey) => {}
    }
    if let Some(help) = container(&der) {
        return Some((Item::Unsupported(help), Kind::Unsupported(help)));
    }
    let request = x509_cert::request::CertReq::from_der(&der).is_ok();
    let list = x509_cert::crl::CertificateList::<x509_cert::certificate::Rfc5280>::from_der(&der);
    (request || list.is_ok()).then_some((Item::Unused, Kind::Unused))
}

/// How to convert a container of indefinite length (BER), as Windows and Java write them:
/// ContentInfo of PKCS#7, PFX of PKCS#12.
pub(super) fn indefinite_container(ber: &[u8]) -> Option<&'static str> {
    const PKCS7: &[u8] = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07";
    const PKCS12: &[u8] = b"\x30\x80\x02\x01\x03\x30";
    if ber.starts_with(PKCS7) {
        return Some(PKCS7_HELP);
    }
    ber.starts_with(PKCS12).then_some(PKCS12_HELP)
}

/// How to convert DER that is PKCS#7 (RFC 2315) or PKCS#12 (RFC 7292).
fn container(der: &[u8]) -> Option<&'static str> {
    let mut outer = SliceReader::new(der).ok()?;
    let any = AnyRef::decode(&mut outer).ok()?;
    any.tag().assert_eq(Tag::Sequence).ok()?;
    let mut fields = SliceReader::new(any.value()).ok()?;
    match Tag::peek(&fields).ok()? {
        Tag::ObjectIdentifier => {
            let oid = ObjectIdentifier::decode(&mut fields).ok()?;
            let pkcs7 = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7");
            (oid.parent() == Some(pkcs7)).then_some(PKCS7_HELP)
        }
        Tag::Integer => {
            let version = u8::decode(&mut fields).ok()?;
            (version == 3 && Tag::peek(&fields).ok()? == Tag::Sequence).then_some(PKCS12_HELP)
        }
        _ => None,
    }
}
