//! The files beside a certificate file: `.sctl`, `.ocsp` and `.issuer`.

use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, KeyUsage, KeyUsages};

use super::certificates::first;
use super::{Loader, Refused, Sent, SideFiles, Words};
use crate::cert::Certificate;
use crate::finding::{Code, Finding, Severity};
use crate::haproxy::openssl::{Blocks, CertId, Stapled, same_name, staple};
use crate::origin::Origin;

/// As much as HAProxy reads of such a file (`tune.bufsize`), in bytes.
const MOST: usize = 16_384;

const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
/// RFC 7633 section 4.
const TLS_FEATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24");
/// INTEGER 5: the extension status_request.
const STATUS_REQUEST: &[u8] = &[2, 1, 5];

const BAD_SCTL: Words = Words {
    before: "",
    suffix: ".sctl.sctl",
    after: " is present but cannot be read or parsed",
};
const BAD_ISSUER: Words = Words {
    before: "",
    suffix: ".issuer",
    after: " cannot be read or parsed",
};
const NO_ISSUER: Words = Words {
    before: "",
    suffix: ".issuer",
    after: " is not an issuer",
};
const NO_CERT_ID: Words = Words {
    before: "",
    suffix: ".ocsp",
    after: " is present and activates OCSP but it is impossible to compute the OCSP certificate ID",
};

/// What is known of the side files once the certificates are loaded.
pub(super) struct Side<'a> {
    file: &'a str,
    ocsp: Option<&'a [u8]>,
    issuer: Option<Sent>,
}

impl<'a> Side<'a> {
    /// What HAProxy looks at before it prepares the certificates for use.
    pub(super) fn read(
        file: &'a str,
        sent: &[Sent],
        files: &SideFiles<'a>,
    ) -> Result<Self, Refused> {
        let refused = |words, suffix: &str, message: &str, help: &str| {
            let finding = Finding::new(Code::SideFile, message).help(help);
            Refused::new(
                file,
                words,
                finding.at(&Origin::new(format!("{file}{suffix}"))),
            )
        };
        if let Some(sctl) = files.sctl
            && !is_sctl(sctl)
        {
            let message = "it is no list of signed certificate timestamps (RFC 6962 section 3.3), or is longer than 16,384 bytes";
            let help = "Remove the file: certificates of today carry their timestamps in them.";
            return Err(refused(BAD_SCTL, ".sctl", message, help));
        }
        let mut side = Self {
            file,
            ocsp: files.ocsp.map(|ocsp| ocsp.get(..MOST).unwrap_or(ocsp)),
            issuer: None,
        };
        // Without a response nobody looks at the issuer.
        if let (Some(issuer), Some(_)) = (files.issuer, side.ocsp) {
            let help = "Put the issuer's certificate there, in PEM.";
            let source = Origin::new(format!("{file}.issuer"));
            let (issuer, ()) = first(&mut Blocks::new(issuer), &source, |_| ())
                .map_err(|why| refused(BAD_ISSUER, ".issuer", &why.message, help))?;
            if !sent.first().is_some_and(|leaf| has_issued(&issuer, leaf)) {
                let message = "its certificate is not the issuer of the first certificate";
                return Err(refused(NO_ISSUER, ".issuer", message, help));
            }
            side.issuer = Some(issuer);
        }
        Ok(side)
    }

    /// What HAProxy makes of the OCSP response: it starts with a bad one, and does without it.
    pub(super) fn staple(&self, loader: &Loader, sent: &[Sent]) -> Result<Vec<Finding>, Refused> {
        let origin = Origin::new(format!("{}.ocsp", self.file));
        let Some((leaf, chain)) = sent.split_first() else {
            return Ok(Vec::new());
        };
        let Some(response) = self.ocsp else {
            return Ok(must_staple(leaf).into_iter().collect());
        };
        // One of the chain goes before the one of the file.
        let issuer = chain.iter().find(|issuer| has_issued(issuer, leaf));
        let Some(issuer) = issuer.or(self.issuer.as_ref()) else {
            let message = "the issuer of the first certificate is neither in the chain nor in a file that ends in .issuer";
            let finding = Finding::new(Code::SideFile, message).at(&origin);
            let help = "Add the issuer to the certificate file: clients need it, too.";
            return Err(Refused::new(self.file, NO_CERT_ID, finding.help(help)));
        };
        let stapled = match issuer.certificate().zip(leaf.certificate()) {
            Some((issuer, leaf)) => staple_one(response, issuer, leaf, loader),
            None => return Ok(Vec::new()),
        };
        Ok(match stapled {
            Ok(Stapled::Good) => Vec::new(),
            Ok(Stapled::Revoked) => {
                let message = "the OCSP response says that the certificate is revoked, and HAProxy sends it to every client that asks";
                let finding = Finding::new(Code::Stapling, message).at(&origin);
                let finding = finding.help("Have the certificate issued anew, with a new key.");
                vec![finding.with_severity(Severity::Error)]
            }
            Err(words) => {
                let message = format!("HAProxy ignores the OCSP response: {words}");
                let mut findings = vec![Finding::new(Code::Stapling, message).at(&origin)];
                findings.extend(must_staple(leaf));
                findings
            }
        })
    }
}

/// Whether it is a SignedCertificateTimestampList: lengths of two bytes that fit.
fn is_sctl(list: &[u8]) -> bool {
    let Some((length, mut rest)) = length(list.get(..MOST).unwrap_or(list)) else {
        return false;
    };
    if length != rest.len() {
        return false;
    }
    while !rest.is_empty() {
        let Some((length, behind)) = self::length(rest) else {
            return false;
        };
        let Some(behind) = behind.get(length..) else {
            return false;
        };
        rest = behind;
    }
    true
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    Some((usize::from(u16::from_be_bytes(*length)), rest))
}

/// As X509_check_issued() sees it: by names, key identifiers and usage, and not by the signature.
fn has_issued(issuer: &Sent, leaf: &Sent) -> bool {
    let Some((issuer, leaf)) = issuer.certificate().zip(leaf.certificate()) else {
        return false;
    };
    let usage: Option<KeyUsage> = issuer.extension(KEY_USAGE);
    same_name(issuer.subject(), leaf.issuer())
        && fits_identifier(issuer, leaf)
        && usage.is_none_or(|usage| usage.0.contains(KeyUsages::KeyCertSign))
}

/// Whether nothing in the leaf's authority key identifier contradicts it.
fn fits_identifier(issuer: &Certificate, leaf: &Certificate) -> bool {
    let Some(wanted) = leaf.extension::<AuthorityKeyIdentifier>(AUTHORITY_KEY_ID) else {
        return true;
    };
    let key_id = wanted.key_identifier.as_ref().map(|id| id.as_bytes());
    let serial = wanted.authority_cert_serial_number.as_ref();
    let names = wanted.authority_cert_issuer.into_iter().flatten();
    let mut names = names.filter_map(|name| match name {
        GeneralName::DirectoryName(name) => Some(name),
        _ => None,
    });
    let fits_key = key_id.zip(issuer.subject_key_id());
    fits_key.is_none_or(|(wanted, id)| wanted == id)
        && serial.is_none_or(|serial| serial.as_bytes() == issuer.serial())
        && names
            .next()
            .is_none_or(|name| name_is(&name, issuer.issuer()))
}

fn name_is(name: &x509_cert::name::Name, other: &[u8]) -> bool {
    let encoded = name.to_der().unwrap_or_default();
    let content = crate::tlv::Walk(&encoded).next().map(|name| name.value);
    content.is_some_and(|content| same_name(content, other))
}

fn staple_one(
    response: &[u8],
    issuer: &Certificate,
    leaf: &Certificate,
    loader: &Loader,
) -> Result<Stapled, &'static str> {
    let hash = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let key = SubjectPublicKeyInfoRef::from_der(issuer.subject_public_key_info());
    let key = key.map(|key| key.subject_public_key.raw_bytes());
    let (name_hash, key_hash) = (hash(leaf.issuer_der()), hash(key.unwrap_or_default()));
    let certificate = CertId {
        name_hash: name_hash.as_ref(),
        key_hash: key_hash.as_ref(),
        serial: leaf.serial(),
    };
    staple(response, certificate, loader.time)
}

fn must_staple(leaf: &Sent) -> Option<Finding> {
    let extensions = leaf.certificate()?.extensions();
    let feature = extensions
        .iter()
        .find(|it| it.oid == TLS_FEATURE.as_bytes())?;
    let mut features = crate::tlv::Walk(crate::tlv::Walk(feature.value).next()?.value);
    let message = "the certificate demands a stapled OCSP response (RFC 7633), and there is none; clients that know of this refuse it";
    let finding = Finding::new(Code::Stapling, message).at(leaf.origin());
    let finding = finding.help("Keep a current response in the file that ends in .ocsp, or let HAProxy fetch it (ocsp-update).");
    features
        .any(|it| it.whole == STATUS_REQUEST)
        .then_some(finding)
}
