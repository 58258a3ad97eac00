//! What HAProxy will make of the new files, and what changes for clients.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};

use crate::cert::Certificate;
use crate::finding::{Code, Finding, Report, Severity};
use crate::haproxy::fleet::{Checked, Fleet};
use crate::haproxy::load::{Loaded, Loader, Refused, SideFiles, beside};
use crate::haproxy::{BindLine, Version};
use crate::key::Proof;
use crate::origin::Origin;
use crate::pem::{SecretPem, encode};
use crate::read::Reader;

/// The most that is read of a file beside the certificate's, in bytes.
const MOST_SIDE: u64 = 16 * 1024 * 1024;

/// The new content of a file, and of those beside it as far as they change.
pub(super) struct Content<'c> {
    pub(super) path: &'c Path,
    pub(super) pem: &'c [u8],
    pub(super) key: Option<&'c [u8]>,
    pub(super) issuer: Option<&'c [u8]>,
}

/// A file as HAProxy will load it.
pub(super) struct Foretold {
    pub(super) loaded: Loaded,
    /// The OCSP response beside it, if HAProxy will use it.
    pub(super) ocsp: Option<Vec<u8>>,
    /// Whether there are signed certificate timestamps beside it.
    pub(super) has_sctl: bool,
}

/// What HAProxy will make of a file, with those beside it that are there or will be.
pub(super) fn load(
    content: &Content<'_>,
    version: Version,
    time: UnixTime,
) -> Result<Foretold, Refused> {
    let (ocsp, sctl, issuer) = (
        side(content.path, "ocsp"),
        side(content.path, "sctl"),
        side(content.path, "issuer"),
    );
    let side = SideFiles {
        key: content.key,
        ocsp: ocsp.as_deref(),
        issuer: content.issuer.or(issuer.as_deref()),
        sctl: sctl.as_deref(),
    };
    let loader = Loader::new(time).version(version);
    let loaded = loader.load(&content.path.to_string_lossy(), content.pem, &side)?;
    let is_used = !loaded.findings.has(Code::OcspResponse);
    Ok(Foretold {
        ocsp: ocsp.filter(|_| is_used),
        has_sctl: sctl.is_some(),
        loaded,
    })
}

/// What stands in a file beside another, if there is one.
fn side(path: &Path, suffix: &str) -> Option<Vec<u8>> {
    let path = beside(path, suffix);
    let is_small = fs::metadata(&path).is_ok_and(|it| it.len() <= MOST_SIDE);
    is_small.then(|| fs::read(&path).ok()).flatten()
}

/// A file as it is, for HAProxy's memory.
#[derive(Debug)]
pub(super) struct Old {
    /// What HAProxy has loaded of it, in strict PEM.
    pub(super) pem: SecretPem,
    /// The OCSP response beside it, if HAProxy would use it.
    pub(super) ocsp: Option<Vec<u8>>,
    pub(super) leaf: CertificateDer<'static>,
}

/// A file as it is. `None` when there is none, or HAProxy would not load it.
pub(super) fn old(path: &Path, version: Version, time: UnixTime) -> Option<(Old, Loaded)> {
    let loaded = Loader::new(time).version(version).load_path(path).ok()?;
    let mut reader = Reader::new();
    let mut material = reader.read_path(path).ok()?;
    if let Ok(key) = reader.read_path(&beside(path, "key")) {
        material.merge(key);
    }
    let leaf = loaded.leaf()?;
    let mut keys = material.keys.iter();
    let key = keys.find(|key| key.prove(leaf) == Proof::Belongs)?;
    let secret = key.secret_der();
    let sent = loaded.sent.iter();
    let blocks = sent.map(|sent| ("CERTIFICATE", sent.der().as_ref()));
    let pem = encode(blocks.chain([(key.label(), secret.secret_der())]));
    let is_used = !loaded.findings.has(Code::OcspResponse);
    let old = Old {
        pem,
        ocsp: is_used.then(|| side(path, "ocsp")).flatten(),
        leaf: leaf.der().clone(),
    };
    Some((old, loaded))
}

/// The names that the old certificate has and the new one lacks.
pub(super) fn names_lost(old: &Certificate, new: &Certificate) -> Option<Finding> {
    let kept: Vec<String> = lower(new);
    let lost: Vec<String> = lower(old)
        .into_iter()
        .filter(|name| !kept.contains(name))
        .collect();
    let message = format!(
        "the certificate before it has names that the new one lacks: {}",
        lost.join(", ")
    );
    (!lost.is_empty()).then(|| Finding::new(Code::NameLost, message).at(new.origin()))
}

fn lower(certificate: &Certificate) -> Vec<String> {
    let names = certificate.dns_names().into_iter();
    names.map(|name| name.to_ascii_lowercase()).collect()
}

/// What is new to say of the folder or crt-list that the files are in: whether another certificate
/// is the default now, and whose names collide.
pub(super) fn of_line(
    place: &Path,
    files: &[(&Path, &Loaded)],
    version: Version,
    time: UnixTime,
) -> Report {
    let mut before = BindLine::new().version(version);
    before.add(place);
    let mut after = BindLine::new().version(version);
    for (path, _) in files {
        after = after.expect(*path).expect(as_named(place, path));
    }
    after.add(place);
    let fleet = Fleet::new(Loader::new(time).version(version));
    for checked in fleet.check(before.files().to_vec()) {
        before.record(&checked);
        if let Some(index) = after.place_of(&checked.file) {
            after.record(&Checked { index, ..checked });
        }
    }
    for (path, loaded) in files {
        let named = as_named(place, path);
        if let Some(index) = after.place_of(&named).or_else(|| after.place_of(path)) {
            after.record(&Checked {
                index,
                file: Arc::from(*path),
                loaded: Ok((*loaded).clone()),
                clients: None,
            });
        }
    }
    let (was, is) = (before.table(), after.table());
    let known = was.findings();
    let findings = is
        .findings()
        .into_iter()
        .filter(|finding| finding.code != Code::DefaultCertificate && !known.contains(finding));
    let mut report: Report = findings.collect();
    report.extend(is.changed_default(&was));
    report
}

/// What a folder's file is called by whoever lists the folder.
fn as_named(place: &Path, path: &Path) -> PathBuf {
    match path.file_name().filter(|_| place.is_dir()) {
        Some(name) => place.join(name),
        None => path.to_owned(),
    }
}

/// That HAProxy would not load it.
pub(super) fn refused(refused: Refused) -> (Finding, String) {
    let told = refused.to_string();
    (*refused.finding, told)
}

/// That timestamps do not go over the socket: HAProxy 2.6 refuses sound ones there.
pub(super) fn timestamps_stay(path: &Path) -> Finding {
    let path = beside(path, "sctl");
    let path = path.to_string_lossy();
    let message =
        format!("HAProxy takes {path} at its start only: until then it keeps those that it has");
    let finding = Finding::new(Code::SideFile, message).with_severity(Severity::Warning);
    finding
        .help("Reload HAProxy when the file has changed.")
        .at(&Origin::new(&*path))
}

/// That no configuration names the files.
pub(super) fn not_named(path: &Path) -> Finding {
    let path = path.to_string_lossy();
    let message = format!("the configuration names {path} neither as it is nor by its folder");
    Finding::new(Code::NotNamed, message).at(&Origin::new(&*path))
}
