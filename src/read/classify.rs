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
    // The header alone is read: the content may be missing.
    let head = der.get(..der.len().min(6))?;
    match *head {
        [0x30, length @ 0..=0x7f, ..] => Some(2 + usize::from(length)),
        [0x30, 0x81, length, ..] => Some(3 + usize::from(length)),
        [0x30, 0x82, a, b, ..] => Some(4 + usize::from(u16::from_be_bytes([a, b]))),
        [0x30, 0x83, a, b, c, ..] => {
            Some(5 + usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?)
        }
        _ => None,
    }
}

pub(super) fn classify(
    kind: Kind,
    label: &str,
    mut der: Zeroizing<Vec<u8>>,
    origin: &Origin,
) -> Result<Classified, Misfit> {
    let plain = |item| {
        Ok(Classified {
            item,
            repairs: Vec::new(),
        })
    };
    match kind {
        Kind::Unused => return plain(Item::Unused),
        Kind::EncryptedKey => return plain(Item::EncryptedKey),
        Kind::Unsupported(help) => return plain(Item::Unsupported(help)),
        Kind::Certificate | Kind::Key | Kind::DhParameters | Kind::Unknown => {}
    }
    let Some(stated) = stated_length(&der) else {
        return match kind {
            Kind::Unknown => plain(Item::Unused),
            _ => Err(Misfit::Different),
        };
    };
    if der.len() < stated {
        let bytes = der.len();
        return Err(Misfit::Truncated { bytes, stated });
    }
    let mut repairs = Vec::new();
    if der.len() > stated {
        repairs.push(Code::TrailingData);
        der.truncate(stated);
    }
    let (item, found) = recognise(kind, der, origin)?;
    let proper = match (&item, found) {
        (Item::Key(key), _) => key.label() == label,
        (_, found) => found == kind,
    };
    if !proper {
        repairs.push(Code::WrongLabel);
    }
    Ok(Classified { item, repairs })
}

/// Tries what the label says, then the rest.
fn recognise(
    kind: Kind,
    mut der: Zeroizing<Vec<u8>>,
    origin: &Origin,
) -> Result<(Item, Kind), Misfit> {
    if kind == Kind::DhParameters
        && let Some(parameters) = DhParameters::new(&der, origin.clone())
    {
        return Ok((Item::DhParameters(parameters), Kind::DhParameters));
    }
    if kind != Kind::Certificate {
        match PrivateKey::new(&der, origin.clone()) {
            Ok(key) => return Ok((Item::Key(key), Kind::Key)),
            Err(KeyError::Encrypted) => return Ok((Item::EncryptedKey, Kind::EncryptedKey)),
            Err(KeyError::Unsupported(what)) => return Ok((Item::UnsupportedKey(what), Kind::Key)),
            Err(KeyError::NotAKey) => {}
        }
    }
    // The bytes are handed over rather than copied; they come back when it is no certificate.
    let owned = CertificateDer::from(std::mem::take(&mut *der));
    match Certificate::or_der(owned, origin.clone()) {
        Ok(certificate) => return Ok((Item::Certificate(certificate), Kind::Certificate)),
        Err(owned) => *der = owned.to_vec(),
    }
    match kind {
        Kind::Certificate => match PrivateKey::new(&der, origin.clone()) {
            Ok(key) => Ok((Item::Key(key), Kind::Key)),
            Err(KeyError::Encrypted) => Ok((Item::EncryptedKey, Kind::EncryptedKey)),
            Err(KeyError::Unsupported(what)) => Ok((Item::UnsupportedKey(what), Kind::Key)),
            Err(KeyError::NotAKey) => unused(&der),
        },
        Kind::Unknown => Ok((Item::Unused, Kind::Unknown)),
        _ => unused(&der),
    }
}

/// Recognises what is no use to a bundle, but no damage either, under a wrong label.
fn unused(der: &[u8]) -> Result<(Item, Kind), Misfit> {
    if let Some(help) = container(der) {
        return Ok((Item::Unsupported(help), Kind::Unsupported(help)));
    }
    let request = x509_cert::request::CertReq::from_der(der).is_ok();
    let list = x509_cert::crl::CertificateList::<x509_cert::certificate::Rfc5280>::from_der(der);
    match request || list.is_ok() {
        true => Ok((Item::Unused, Kind::Unused)),
        false => Err(Misfit::Different),
    }
}

/// How to convert DER that is PKCS#7 (RFC 2315) or PKCS#12 (RFC 7292).
pub(super) fn container(der: &[u8]) -> Option<&'static str> {
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
