//! What DER is, by its label first and by its content where that differs.

use der::Decode;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::ber::{INDEFINITE, length};
use super::label::Kind;
use super::unlock::Encrypted;
use super::{pkcs7, pkcs12};
use crate::cert::Certificate;
use crate::dh::DhParameters;
use crate::finding::Code;
use crate::key::{KeyError, PrivateKey};
use crate::origin::Origin;
use crate::tlv::{self, tag};

/// What a block turned out to hold.
pub(super) enum Item {
    Certificate(Certificate),
    Key(PrivateKey),
    DhParameters(DhParameters),
    EncryptedKey(Encrypted),
    /// A private key that cannot be used, and of what kind it is.
    UnsupportedKey(String),
    /// A ContentInfo of PKCS#7 or CMS, which may hold certificates.
    ContentInfo(Zeroizing<Vec<u8>>),
    /// A PFX of PKCS#12.
    Pkcs12(Zeroizing<Vec<u8>>),
    /// A container that is not read, and how to convert it.
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
    /// It states no length (BER), and its end is not there.
    Endless,
    /// It is no such thing.
    Different,
}

/// The length of the first DER structure, header included; `None` when there is no header of a
/// SEQUENCE.
pub(super) fn stated_length(der: &[u8]) -> Option<usize> {
    let (header, length) = tlv::header(der)?;
    match der.first() {
        Some(&tag::SEQUENCE) => header.checked_add(length),
        _ => None,
    }
}

/// How much of this the first structure is, whether or not it states its length; `None` when there
/// is none.
pub(super) fn extent(ber: &[u8]) -> Option<Result<usize, Misfit>> {
    if ber.starts_with(&[tag::SEQUENCE, INDEFINITE])
        && (pkcs7::is_content_info(ber) || pkcs12::is_pfx(ber))
    {
        return Some(length(ber).ok_or(Misfit::Endless));
    }
    let stated = stated_length(ber)?;
    let bytes = ber.len();
    Some(match bytes < stated {
        true => Err(Misfit::Truncated { bytes, stated }),
        false => Ok(stated),
    })
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
    let length = extent(&der).unwrap_or(Err(Misfit::Different))?;
    let mut repairs = Vec::new();
    if der.len() > length {
        repairs.push(Code::TrailingData);
        der.truncate(length);
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
    if pkcs7::is_content_info(&der) {
        return Some((Item::ContentInfo(der), Kind::ContentInfo));
    }
    // A certificate begins with a SEQUENCE, a private key in plain with an INTEGER: no key is
    // handed to what does not clear its memory.
    let content = tlv::header(&der).and_then(|(header, _)| der.get(header));
    if content == Some(&tag::SEQUENCE) {
        let owned = CertificateDer::from(std::mem::take(&mut *der));
        match Certificate::or_der(owned, origin.clone()) {
            Ok(certificate) => return Some((Item::Certificate(certificate), Kind::Certificate)),
            Err(owned) => *der = owned.to_vec(),
        }
    }
    match PrivateKey::new(&der, origin.clone()) {
        Ok(key) => return Some((Item::Key(key), Kind::Key)),
        Err(KeyError::Encrypted) => {
            let key = Item::EncryptedKey(Encrypted::Pkcs8(der));
            return Some((key, Kind::EncryptedKey));
        }
        Err(KeyError::Unsupported(what)) => return Some((Item::UnsupportedKey(what), Kind::Key)),
        Err(KeyError::NotAKey) => {}
    }
    if pkcs12::is_pfx(&der) {
        return Some((Item::Pkcs12(der), Kind::Pkcs12));
    }
    let request = x509_cert::request::CertReq::from_der(&der).is_ok();
    let list = x509_cert::crl::CertificateList::<x509_cert::certificate::Rfc5280>::from_der(&der);
    (request || list.is_ok()).then_some((Item::Unused, Kind::Unused))
}
