//! PKCS#12 (RFC 7292): what Windows, Java and cloud consoles hand out as `.pfx` and `.p12`.
//!
//! As with PKCS#7 only the outlines are walked, since real files are BER. The MAC decides which
//! passphrase it is; what is inside has to prove itself like everything else.

use hmac::{Hmac, KeyInit, Mac as _};
use rustls_pki_types::CertificateDer;
use sha1::Digest;
use sha1::digest::block_api::{BlockSizeUser, EagerHash};
use zeroize::Zeroizing;

use super::Expected;
use super::ber::{Ber, octets};
use super::classify::Item;
use super::sink::Sink;
use super::unlock::{not_opened, parts, why_closed};
use crate::cert::Certificate;
use crate::error::Error;
use crate::finding::{Code, Finding};
use crate::key::{KeyError, PrivateKey};
use crate::origin::Origin;
use crate::passphrase::Passphrase;
use crate::pbe::{self, Closed, Purpose, Secret, salt_and_iterations};
use crate::tlv::{Tlv, tag};

const WHAT: &str = "the PKCS#12 container";
/// How deep SafeContents may hold SafeContents.
const MOST_LEVELS: usize = 8;

/// Below 1.2.840.113549.1.7: data, signed data, enveloped data, encrypted data.
const CONTENT: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07";
/// Below 1.2.840.113549.1.12.10.1: the kinds of bags.
const BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01";
/// 1.2.840.113549.1.9.22.1
const X509_CERTIFICATE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";

/// Whether this begins as a PFX does, in DER or BER: version 3, and a ContentInfo.
pub(super) fn is_pfx(ber: &[u8]) -> bool {
    let header = match ber {
        [tag::SEQUENCE, 0x80, ..] => Some(2),
        [tag::SEQUENCE, ..] => crate::tlv::header(ber).map(|(header, _)| header),
        _ => None,
    };
    let fields = header.and_then(|header| ber.get(header..));
    fields.is_some_and(|fields| fields.starts_with(b"\x02\x01\x03\x30"))
}

/// The outer structure.
struct Pfx<'a> {
    /// The last byte of the content type: 1 is data, 2 is signed data.
    content_type: u8,
    /// AuthenticatedSafe, over which the MAC is made.
    content: Zeroizing<Vec<u8>>,
    mac: Option<MacData<'a>>,
}

/// Tells for a container's MAC, its content and a passphrase whether they fit.
type Verifier = fn(&MacData<'_>, &[u8], &Secret) -> bool;

/// MacData (RFC 7292 section 4).
struct MacData<'a> {
    /// The OID's content.
    algorithm: &'a [u8],
    digest: &'a [u8],
    salt: &'a [u8],
    iterations: u64,
}

impl<'a> Pfx<'a> {
    fn read(ber: &'a [u8]) -> Option<Self> {
        let mut fields = Ber(Ber(ber).expect(tag::SEQUENCE)?.value);
        fields.expect(tag::INTEGER)?;
        let (content_type, content) = content_info(fields.expect(tag::SEQUENCE)?)?;
        let content = match content_type {
            1 => octets(Ber(content).next()?)?,
            _ => Zeroizing::default(),
        };
        let mac = match fields.next() {
            Some(mac) if mac.tag == tag::SEQUENCE => Some(MacData::read(mac)?),
            _ => None,
        };
        Some(Self {
            content_type,
            content,
            mac,
        })
    }
}

impl<'a> MacData<'a> {
    fn read(mac: Tlv<'a>) -> Option<Self> {
        let mut fields = Ber(mac.value);
        let mut info = Ber(fields.expect(tag::SEQUENCE)?.value);
        let mut algorithm = Ber(info.expect(tag::SEQUENCE)?.value);
        let salt = fields.clone();
        // Without iterations it is one.
        let (salt, iterations) = match salt_and_iterations(salt.0) {
            Some(both) => both,
            None => (fields.expect(tag::OCTET_STRING)?.value, 1),
        };
        Some(Self {
            algorithm: algorithm.expect(tag::OBJECT_IDENTIFIER)?.value,
            digest: info.expect(tag::OCTET_STRING)?.value,
            salt,
            iterations,
        })
    }

    /// HMAC with the hash that is named; `None` for PBMAC1 (RFC 9579), or something new.
    fn verifier(&self) -> Option<Verifier> {
        Some(match self.algorithm {
            b"\x2b\x0e\x03\x02\x1a" => verify::<sha1::Sha1>,
            b"\x60\x86\x48\x01\x65\x03\x04\x02\x04" => verify::<sha2::Sha224>,
            b"\x60\x86\x48\x01\x65\x03\x04\x02\x01" => verify::<sha2::Sha256>,
            b"\x60\x86\x48\x01\x65\x03\x04\x02\x02" => verify::<sha2::Sha384>,
            b"\x60\x86\x48\x01\x65\x03\x04\x02\x03" => verify::<sha2::Sha512>,
            _ => return None,
        })
    }

    /// Whether the MAC is that of the content, for this passphrase; also when it cannot be told.
    fn fits(
        &self,
        content: &[u8],
        secret: &Secret,
        spend: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), Closed> {
        let Some(verify) = self.verifier() else {
            return Ok(());
        };
        if !spend(self.iterations) {
            return Err(Closed::TooCostly);
        }
        verify(self, content, secret)
            .then_some(())
            .ok_or(Closed::Wrong)
    }
}

fn verify<D: Digest + BlockSizeUser + EagerHash>(
    mac: &MacData<'_>,
    content: &[u8],
    secret: &Secret,
) -> bool {
    let length = <D as Digest>::output_size();
    let key = pbe::derive::<D>(&secret.wide, mac.salt, Purpose::Mac, mac.iterations, length);
    let computed = Hmac::<D>::new_from_slice(&key).map(|hmac| hmac.chain_update(content));
    computed.is_ok_and(|computed| computed.verify_slice(mac.digest).is_ok())
}

/// The last byte of the content type, and what is in `[0]`.
fn content_info(info: Tlv<'_>) -> Option<(u8, &[u8])> {
    let mut fields = Ber(info.value);
    let oid = fields.expect(tag::OBJECT_IDENTIFIER)?.value;
    let (&number, family) = oid.split_last()?;
    if family != CONTENT {
        return None;
    }
    Some((number, fields.expect(tag::constructed(0))?.value))
}

impl Sink<'_> {
    /// Takes certificates and keys out of a container, each of which counts as a block.
    pub(super) fn pkcs12(&mut self, ber: &[u8], origin: &Origin) -> Result<(), Error> {
        let Some(pfx) = Pfx::read(ber) else {
            self.damaged(origin);
            return Ok(());
        };
        if pfx.content_type != 1 {
            let message = format!("{WHAT} is protected with keys, not with a passphrase");
            let finding = Finding::new(Code::UnsupportedFormat, message)
                .help("Export it anew with a passphrase.");
            self.unreadable(Expected::Any, finding.at(origin));
            return Ok(());
        }
        let what = match &pfx.mac {
            None => Some("has no MAC"),
            Some(mac) if mac.verifier().is_none() => Some("has a MAC of an unknown kind"),
            Some(_) => None,
        };
        if let Some(what) = what {
            let message = format!("{WHAT} {what}, so that nobody can tell whether it is whole");
            self.say(Finding::new(Code::NoMac, message).at(origin));
        }
        let secret = match self.secret_of(&pfx, origin) {
            Ok(secret) => secret,
            Err(finding) => {
                self.unreadable(Expected::Any, finding.at(origin));
                return Ok(());
            }
        };
        let before = self.material.certificates.len() + self.material.keys.len();
        let unreadable = self.material.unreadable.len();
        let mut container = Container {
            sink: self,
            origin,
            secret,
            bags: 0,
        };
        container.authenticated_safe(&pfx.content)?;
        let found = self.material.certificates.len() + self.material.keys.len() > before;
        if !found && self.material.unreadable.len() == unreadable {
            let message = format!("{WHAT} holds neither a certificate nor a key");
            let finding = Finding::new(Code::UnsupportedFormat, message);
            let finding = finding.help("Export it anew, with certificate and key.");
            self.unreadable(Expected::Any, finding.at(origin));
        }
        Ok(())
    }

    /// The passphrase that the MAC fits. Of containers without one there are two kinds.
    fn secret_of(&mut self, pfx: &Pfx<'_>, origin: &Origin) -> Result<Secret, Finding> {
        let given = self.unlock.passphrase(origin);
        let is_given = given.is_some();
        let given = given.as_ref().map(Secret::new);
        let Some(mac) = &pfx.mac else {
            return Ok(given.unwrap_or_else(Secret::nothing));
        };
        let empty = Secret::new(&Passphrase::default());
        let limit = self.limits.max_iterations;
        for secret in given.into_iter().chain([Secret::nothing(), empty]) {
            let fits = self.open(&secret, |secret, spend| {
                mac.fits(&pfx.content, secret, spend)
            });
            match fits {
                Ok(()) => return Ok(secret),
                Err(Closed::Wrong) => {}
                Err(closed) => return Err(why_closed(WHAT, &closed, limit)),
            }
        }
        Err(match is_given {
            true => why_closed(WHAT, &Closed::Wrong, limit),
            false => not_opened(WHAT),
        })
    }

    fn damaged(&mut self, origin: &Origin) {
        let message = format!("{WHAT} is damaged inside");
        let finding = Finding::new(Code::NotACertificate, message).help("Fetch or export it anew.");
        self.unreadable(Expected::Any, finding.at(origin));
    }
}

/// A container that is being taken apart.
struct Container<'s, 'l, 'o> {
    sink: &'s mut Sink<'l>,
    origin: &'o Origin,
    secret: Secret,
    /// So many there were so far.
    bags: usize,
}

impl Container<'_, '_, '_> {
    /// Goes through AuthenticatedSafe (RFC 7292 section 4.1).
    fn authenticated_safe(&mut self, ber: &[u8]) -> Result<(), Error> {
        let Some(safe) = Ber(ber).expect(tag::SEQUENCE) else {
            self.sink.damaged(self.origin);
            return Ok(());
        };
        let mut infos = Ber(safe.value);
        while !infos.0.is_empty() {
            let opened = match infos.next().and_then(content_info) {
                Some((1, data)) => Ber(data).next().and_then(octets).map(Ok),
                Some((6, encrypted)) => self.encrypted_data(encrypted),
                Some((_, _)) => Some(Err(Closed::Unsupported("with a certificate".to_owned()))),
                None => None,
            };
            match opened {
                Some(Ok(contents)) => self.safe_contents(&contents, MOST_LEVELS)?,
                Some(Err(closed)) => {
                    let limit = self.sink.limits.max_iterations;
                    let finding = why_closed(WHAT, &closed, limit).at(self.origin);
                    self.sink.unreadable(Expected::Any, finding);
                }
                None => {
                    self.sink.damaged(self.origin);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// EncryptedData (RFC 5652 section 8).
    fn encrypted_data(&mut self, ber: &[u8]) -> Option<Result<Zeroizing<Vec<u8>>, Closed>> {
        let mut data = Ber(Ber(ber).expect(tag::SEQUENCE)?.value);
        data.expect(tag::INTEGER)?;
        let mut info = Ber(data.expect(tag::SEQUENCE)?.value);
        info.expect(tag::OBJECT_IDENTIFIER)?;
        let algorithm = info.expect(tag::SEQUENCE)?.whole;
        let content = octets(info.next()?)?;
        let open = |secret: &Secret, spend: &mut dyn FnMut(u64) -> bool| {
            pbe::open(algorithm, secret, &content, spend)
        };
        Some(self.sink.open(&self.secret, open))
    }

    /// Goes through SafeContents (RFC 7292 section 4.2).
    fn safe_contents(&mut self, ber: &[u8], levels: usize) -> Result<(), Error> {
        let Some(contents) = Ber(ber).expect(tag::SEQUENCE) else {
            self.sink.damaged(self.origin);
            return Ok(());
        };
        let mut bags = Ber(contents.value);
        while !bags.0.is_empty() {
            self.sink.count_block()?;
            self.bags += 1;
            let bag = bags.next();
            let parts = bag.and_then(|bag| {
                let mut fields = Ber(bag.value);
                let (&kind, family) = fields.expect(tag::OBJECT_IDENTIFIER)?.value.split_last()?;
                let value = fields.expect(tag::constructed(0))?.value;
                Some((kind, family == BAG, value))
            });
            let origin = self.origin.clone().with_part(format!("bag {}", self.bags));
            match parts {
                Some((1, true, der)) => self.key(der, &origin)?,
                Some((2, true, der)) => self.shrouded_key(der, &origin),
                Some((3, true, ber)) => self.certificate(ber, &origin),
                Some((6, true, ber)) => match levels.checked_sub(1) {
                    Some(levels) => self.safe_contents(ber, levels)?,
                    None => self.sink.damaged(&origin),
                },
                Some(_) => {
                    let message = "a CRL, a secret or something unknown was left out";
                    let finding = Finding::new(Code::BlockLeftOut, message);
                    self.sink.say(finding.at(&origin));
                }
                None => {
                    self.sink.damaged(&origin);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn certificate(&mut self, ber: &[u8], origin: &Origin) {
        let der = Ber(ber).expect(tag::SEQUENCE).and_then(|bag| {
            let mut fields = Ber(bag.value);
            let kind = fields.expect(tag::OBJECT_IDENTIFIER)?.value;
            let content = octets(Ber(fields.expect(tag::constructed(0))?.value).next()?)?;
            (kind == X509_CERTIFICATE).then_some(content)
        });
        let der = der.map(|der| CertificateDer::from(der.to_vec()));
        match der.and_then(|der| Certificate::new(der, origin.clone()).ok()) {
            Some(certificate) => self.sink.material.certificates.push(certificate),
            None => {
                let message = "the certificate in this bag cannot be read";
                let finding = Finding::new(Code::NotACertificate, message);
                let finding = finding.help("Fetch it anew, or give this certificate by itself.");
                self.sink
                    .unreadable(Expected::Certificate, finding.at(origin));
            }
        }
    }

    fn key(&mut self, der: &[u8], origin: &Origin) -> Result<(), Error> {
        let item = match PrivateKey::new(der, origin.clone()) {
            Ok(key) => Item::Key(key),
            Err(KeyError::Unsupported(what)) => Item::UnsupportedKey(what),
            Err(_) => {
                self.sink.damaged(origin);
                return Ok(());
            }
        };
        self.sink.item(item.into(), "the bag", origin)
    }

    fn shrouded_key(&mut self, der: &[u8], origin: &Origin) {
        let open = |secret: &Secret, spend: &mut dyn FnMut(u64) -> bool| {
            let (algorithm, content) = parts(der).ok_or(Closed::Wrong)?;
            pbe::open(algorithm, secret, content, spend)
        };
        let opened = self.sink.open(&self.secret, open);
        self.sink.opened_key(opened, origin);
    }
}
