//! What a `ca-file` or a `crl-file` holds, as HAProxy has OpenSSL read it.

use std::fs;
use std::path::{Path, PathBuf};

use der::{Decode, Encode};
use rustls_pki_types::UnixTime;
use x509_cert::crl::CertificateList;

use super::openssl::{Blocks, Decoded, Fault, TRUSTED, is_any_certificate, same_name};
use crate::base::text::Printable;
use crate::cert::{Certificate, unix_time};
use crate::chain::moment;
use crate::origin::Origin;
use crate::read::Limits;
use crate::read::files::content;
use crate::tlv;

/// The endings of files that HAProxy takes from a folder.
const ENDINGS: [&str; 4] = ["cer", "crl", "crt", "pem"];
/// The most files of a folder that are read.
const MAX_FILES: usize = 10_000;

/// Certificates, and lists of revoked ones.
#[derive(Debug, Default)]
pub(crate) struct Authorities {
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) lists: Vec<RevocationList>,
}

/// A certificate revocation list (RFC 5280 section 5), without its entries.
#[derive(Debug)]
pub(crate) struct RevocationList {
    /// In the form of [`Certificate::subject`].
    issuer: Vec<u8>,
    /// In words.
    pub(crate) issuer_text: String,
    this_update: UnixTime,
    next_update: Option<UnixTime>,
    pub(crate) origin: Origin,
}

impl RevocationList {
    fn from_der(der: &[u8], origin: Origin) -> Option<Self> {
        let list: CertificateList = CertificateList::from_der(der).ok()?;
        let issuer = list.tbs_cert_list.issuer.to_der().ok()?;
        let (header, _) = tlv::header(&issuer)?;
        Some(Self {
            issuer: issuer.get(header..)?.to_vec(),
            issuer_text: Printable(&list.tbs_cert_list.issuer.to_string()).to_string(),
            this_update: unix_time(list.tbs_cert_list.this_update),
            next_update: list.tbs_cert_list.next_update.map(unix_time),
            origin,
        })
    }

    /// Whether it is by that CA, as OpenSSL compares their names.
    pub(crate) fn is_by(&self, authority: &Certificate) -> bool {
        same_name(&self.issuer, authority.subject())
    }

    /// Whether it is by the same CA.
    pub(crate) fn has_issuer_of(&self, other: &Self) -> bool {
        same_name(&self.issuer, &other.issuer)
    }

    /// From when until when it is good.
    pub(crate) fn term(&self) -> String {
        let until = self.next_update.map_or_else(String::new, |it| {
            format!(", with the next one due {}", moment(it))
        });
        format!("of {}{until}", moment(self.this_update))
    }

    /// Whether OpenSSL goes by it at that time.
    pub(crate) fn is_current(&self, time: UnixTime) -> bool {
        self.this_update <= time && self.next_update.is_none_or(|it| time < it)
    }
}

impl Authorities {
    /// Reads a file, or a folder, of whose files HAProxy takes the first certificate each.
    ///
    /// # Errors
    ///
    /// Why HAProxy does not start.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        match path.is_dir() {
            true => Ok(Self::of_folder(path)),
            false => Self::of_file(path),
        }
    }

    /// As X509_load_cert_crl_file() does.
    fn of_file(path: &Path) -> Result<Self, String> {
        let content =
            content(path, Limits::default().max_bytes).map_err(|error| error.to_string())?;
        let source = Origin::new(path.to_string_lossy());
        let mut all = Self::default();
        for block in Blocks::read(&content).iter() {
            let block = match block {
                Ok(block) => block,
                Err(malformed) if malformed.fault == Fault::NoStartLine => break,
                Err(malformed) => {
                    let (first, _) = malformed.lines;
                    return Err(format!("line {first}: {}", malformed.fault.why()));
                }
            };
            let origin = block.origin(&source);
            let broken = |what: &str| format!("line {}: a {what} does not parse", block.lines.0);
            if is_any_certificate(block.label) {
                let decoded = match block.label {
                    TRUSTED => Decoded::with_trust(&block.content),
                    _ => Decoded::new(&block.content),
                };
                let der = decoded.ok_or_else(|| broken("certificate"))?.sent();
                all.push(&der, origin);
            } else if block.label == b"X509 CRL" {
                let list = RevocationList::from_der(&block.content, origin);
                all.lists.push(list.ok_or_else(|| broken("CRL"))?);
            }
        }
        match all.certificates.is_empty() && all.lists.is_empty() {
            true => Err("there is neither a certificate nor a CRL in it".to_owned()),
            false => Ok(all),
        }
    }

    fn of_folder(path: &Path) -> Self {
        let entries = fs::read_dir(path).ok().into_iter().flatten();
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let is_taken = |path: &PathBuf| {
            let ending = path.extension();
            ending.is_some_and(|it| ENDINGS.iter().any(|ending| it == *ending))
        };
        let mut paths: Vec<_> = paths.filter(is_taken).take(MAX_FILES).collect();
        paths.sort();
        let mut all = Self::default();
        for path in paths {
            let Ok(content) = content(&path, Limits::default().max_bytes) else {
                continue;
            };
            let blocks = Blocks::read(&content);
            let first = blocks.strictly().next_of(is_any_certificate);
            // HAProxy warns of what has none, and goes on.
            let Ok(block) = first else { continue };
            if let Some(decoded) = Decoded::with_trust(&block.content) {
                let origin = block.origin(&Origin::new(path.to_string_lossy()));
                all.push(&decoded.sent(), origin);
            }
        }
        all
    }

    /// What OpenSSL takes for a certificate and we do not, nobody is verified by.
    fn push(&mut self, der: &[u8], origin: Origin) {
        let certificate = Certificate::new(der.to_vec().into(), origin);
        self.certificates.extend(certificate.ok());
    }
}
