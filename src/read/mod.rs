//! Bytes to [`Material`]: the tolerant reader.
//!
//! A [`Reader`] takes what a CA, a colleague or a program handed over and finds the certificates,
//! keys and DH parameters in it. Strict PEM (RFC 7468) and DER are read as they are; PEM that
//! was damaged on its way is mended where that can be done without guessing, since DER states
//! its own length. Each repair is a [`Finding`] with its line; what cannot be repaired is kept
//! as [`Unreadable`], and is an error only once a bundle needs it.
//!
//! ```
//! use fullchain::{Code, Reader};
//!
//! let pem = include_str!("../../testdata/damaged/joined.pem");
//! let material = Reader::new().read("joined.pem", pem.as_bytes())?;
//! assert_eq!(material.certificates.len(), 2);
//! assert_eq!(material.keys.len(), 1);
//! assert!(material.findings.iter().any(|f| f.code == Code::JoinedMarkers));
//! # Ok::<(), fullchain::Error>(())
//! ```
//!
//! | what happened to the text | what the reader does |
//! |---|---|
//! | END and BEGIN on one line, no final newline, markers within other text | splits them |
//! | CR LF, CR, `^M`, byte-order mark, UTF-16 (also in parts), NUL and zero-width characters | undoes them |
//! | indentation, quotes of mails, diffs, line numbers, file names, log times before the lines | takes them off |
//! | `\n`, `\/`, `\u003d`, `%0A`, `&#43;`, `<br>`, `=3D`, `\par`, colour codes, however often escaped | decodes or drops them |
//! | quotes, commas, backslashes, bars around the lines | takes them off |
//! | dashes lost, added, typographic; other case; markers broken in several, doubled or missing | restores them |
//! | two contents in one block, a block without END before other text | parts them by their stated length |
//! | blank lines, spaces, text, headers inside blocks; lines of any length | drops or rewraps them |
//! | padding wrong, base64url, spaces for plus signs, data after the content | restores or drops it |
//! | a wrong label, DER as plain base64, PEM or base64 in base64 once more | decides by content |
//! | DER, one structure or several, PEM after it | reads it |
//! | PKCS#7 or CMS with certificates (`.p7b`, `.p7c`), DER, BER or PEM | takes them out |
//! | PKCS#12 (`.pfx`, `.p12`), encrypted keys | opens them, if a passphrase is given |
//! | Kubernetes Secrets and ConfigMaps, YAML or JSON, several in a file | reads each entry as a source of its own |
//!
//! How it goes: `kubernetes` takes manifests apart, whose entries then go the way of sources.
//! `clean` reads what is strictly PEM, fast. For the rest, `text` undoes what was done to the
//! characters and remembers where, `markers` finds the BEGIN and END lines, `body` puts the lines
//! between them together, and `classify` says what came out, from which `damaged` makes blocks and
//! `bare` looks through what is left. Each of them takes linear time.

mod around;
mod bare;
pub(crate) mod base64;
mod ber;
mod body;
mod classify;
pub(crate) mod clean;
mod damaged;
pub(crate) mod files;
mod kubernetes;
mod label;
mod markers;
mod pkcs12;
mod pkcs7;
mod sink;
mod text;
mod unlock;
mod utf16;

use zeroize::Zeroizing;

use crate::cert::Certificate;
use crate::dh::DhParameters;
use crate::error::Error;
use crate::finding::{Code, Finding};
use crate::key::PrivateKey;
use crate::origin::Origin;
use crate::passphrase::Passphrase;
use classify::{extent, recognise};
use label::Kind;
use sink::Sink;
use unlock::Unlock;

/// What a reader takes at most, all its sources together. It guards memory: what is kept is
/// proportional to what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of input; 64 MiB unless set.
    pub max_bytes: usize,
    /// PEM blocks and DER structures, and the certificates inside of PKCS#7; 100,000 unless set.
    pub max_blocks: usize,
    /// Iterations of key derivation for what is encrypted, so that a file cannot cost minutes: those
    /// of PBKDF2 and PKCS#12 for each digest that the key takes, or twice N times r times p of
    /// scrypt; 10,000,000 unless set, some seconds' work.
    pub max_iterations: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            max_blocks: 100_000,
            max_iterations: 10_000_000,
        }
    }
}

/// Everything that was found in one or more sources, in the order of reading.
///
/// This is plain data: fill it by hand when the DER is at hand already, and let
/// [`Bundler`](crate::Bundler) prove what it amounts to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Material {
    /// The certificates, duplicates included.
    pub certificates: Vec<Certificate>,
    /// The unencrypted private keys.
    pub keys: Vec<PrivateKey>,
    /// The DH parameters.
    pub dh_parameters: Vec<DhParameters>,
    /// What is there but cannot be used.
    pub unreadable: Vec<Unreadable>,
    /// What was repaired or passed over.
    pub findings: Vec<Finding>,
}

impl Material {
    /// Adds all of another material.
    pub fn merge(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.keys.extend(other.keys);
        self.dh_parameters.extend(other.dh_parameters);
        self.unreadable.extend(other.unreadable);
        self.findings.extend(other.findings);
    }

    /// Whether nothing was found, not even something damaged.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
            && self.keys.is_empty()
            && self.dh_parameters.is_empty()
            && self.unreadable.is_empty()
    }
}

/// Something that is there but cannot be used: damaged, encrypted, or in an unsupported format.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// What it would have been.
    pub expected: Expected,
    /// What is the matter with it, and where.
    pub finding: Finding,
}

/// What an unreadable block would have been, by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// A certificate.
    Certificate,
    /// A private key.
    Key,
    /// A container of both, or there is no telling.
    Any,
    /// Something that a bundle can do without.
    Other,
}

impl Expected {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Certificate | Kind::ContentInfo => Self::Certificate,
            Kind::Key | Kind::EncryptedKey => Self::Key,
            Kind::DhParameters | Kind::Unused => Self::Other,
            Kind::Pkcs12 | Kind::Unsupported(_) | Kind::Unknown => Self::Any,
        }
    }
}

/// Whether what stands under a label may be decoded in a time that depends on it.
pub(crate) fn secrecy(label: &[u8]) -> base64::Secrecy {
    let label = std::str::from_utf8(label);
    label.map_or(Kind::Unknown, Kind::of_label).secrecy()
}

/// Reads sources, within limits that hold for all of them together.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    limits: Limits,
    bytes: usize,
    blocks: usize,
    unlock: Unlock,
}

impl Reader {
    /// A reader with the usual [`Limits`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes this many bytes at most, all sources together.
    #[must_use]
    pub fn max_bytes(mut self, limit: usize) -> Self {
        self.limits.max_bytes = limit;
        self
    }

    /// Takes this many blocks at most, all sources together.
    #[must_use]
    pub fn max_blocks(mut self, limit: usize) -> Self {
        self.limits.max_blocks = limit;
        self
    }

    /// Takes this many iterations of key derivation at most, all sources together.
    #[must_use]
    pub fn max_iterations(mut self, limit: u64) -> Self {
        self.limits.max_iterations = limit;
        self
    }

    /// Asks for the passphrase of each thing that is encrypted, by where it was read; `None` leaves
    /// it unopened, which is a finding.
    ///
    /// It may be asked for several things of one source, and is not asked again when the passphrase
    /// was wrong.
    #[must_use]
    pub fn passphrases(
        mut self,
        ask: impl Fn(&Origin) -> Option<Passphrase> + Send + Sync + 'static,
    ) -> Self {
        self.unlock = Unlock::new(ask);
        self
    }

    /// Reads one source. The name is for reports; it is usually a path.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyBytes`] or [`Error::TooManyBlocks`]. Damage is no error.
    pub fn read(&mut self, name: &str, bytes: &[u8]) -> Result<Material, Error> {
        if bytes.len() > self.limits.max_bytes.saturating_sub(self.bytes) {
            return Err(self.too_many_bytes(name));
        }
        self.bytes += bytes.len();
        let mut sink = Sink::new(name, &self.limits, &mut self.blocks, &mut self.unlock);
        // What is encrypted there may look like anything.
        if !is_java_key_store(bytes) {
            source(&mut sink, bytes)?;
        }
        if sink.is_idle() {
            let finding = not_pem(bytes).at(&sink.whole());
            sink.unreadable(Expected::Any, finding);
        }
        Ok(sink.finish())
    }

    fn too_many_bytes(&self, name: &str) -> Error {
        Error::TooManyBytes {
            source_name: name.to_owned(),
            limit: self.limits.max_bytes,
        }
    }
}

/// Reads one source, or the inside of one.
fn source(sink: &mut Sink<'_>, bytes: &[u8]) -> Result<(), Error> {
    if extent(bytes).is_some() && der(sink, bytes)? {
        return Ok(());
    }
    match utf16::decode(bytes) {
        Some(text) => {
            let origin = sink.origin(1, 1);
            sink.say(Finding::new(Code::Utf16, "the text was UTF-16").at(&origin));
            text_source(sink, &text)
        }
        None => text_source(sink, bytes),
    }
}

fn text_source(sink: &mut Sink<'_>, bytes: &[u8]) -> Result<(), Error> {
    if sink.is_outermost() && kubernetes::read(sink, bytes)? {
        return Ok(());
    }
    let Some(clean) = clean::read(bytes, sink.room()) else {
        return damaged::read(sink, bytes);
    };
    for block in clean.blocks {
        sink.count_block()?;
        let origin = sink.origin(block.first_line, block.last_line);
        let origin = match excerpt(block.label) {
            Some(excerpt) if sink.has_lines() => origin.with_excerpt(excerpt),
            _ => origin,
        };
        let kind = Kind::of_label(block.label);
        match classify::classify(kind, block.label, block.der, &origin) {
            Ok(classified) => sink.item(classified, block.label, &origin)?,
            Err(misfit) => sink.misfit(misfit, kind, block.label, &origin, ""),
        }
    }
    sink.text_ignored(clean.text);
    if let Some(line) = clean.unterminated {
        sink.no_final_newline(line);
    }
    Ok(())
}

/// The first line of a clean block, without an allocation for the labels that matter.
fn excerpt(label: &str) -> Option<&'static str> {
    Some(match label {
        "CERTIFICATE" => "-----BEGIN CERTIFICATE-----",
        "PRIVATE KEY" => "-----BEGIN PRIVATE KEY-----",
        "RSA PRIVATE KEY" => "-----BEGIN RSA PRIVATE KEY-----",
        "EC PRIVATE KEY" => "-----BEGIN EC PRIVATE KEY-----",
        "ENCRYPTED PRIVATE KEY" => "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "DH PARAMETERS" => "-----BEGIN DH PARAMETERS-----",
        "TRUSTED CERTIFICATE" => "-----BEGIN TRUSTED CERTIFICATE-----",
        "CERTIFICATE REQUEST" => "-----BEGIN CERTIFICATE REQUEST-----",
        "PKCS7" => "-----BEGIN PKCS7-----",
        "PKCS #7 SIGNED DATA" => "-----BEGIN PKCS #7 SIGNED DATA-----",
        "CMS" => "-----BEGIN CMS-----",
        _ => return None,
    })
}

/// Reads one or more DER structures, and what follows them; says whether there were any.
fn der(sink: &mut Sink<'_>, bytes: &[u8]) -> Result<bool, Error> {
    let mut rest = bytes;
    let mut found = false;
    let origin = sink.whole();
    while let Some(extent) = extent(rest) {
        let length = match extent {
            Ok(length) => length,
            Err(misfit) => {
                let known = pkcs7::is_content_info(rest);
                let is_pfx = pkcs12::is_pfx(rest);
                // Other text may begin with a zero.
                if known || is_pfx || rest.starts_with(&[0x30, 0x82]) {
                    let kind = match (known, is_pfx) {
                        (true, _) => Kind::ContentInfo,
                        (_, true) => Kind::Pkcs12,
                        _ => Kind::Unknown,
                    };
                    sink.count_block()?;
                    sink.misfit(misfit, kind, "DER", &origin, "");
                    (found, rest) = (true, &[]);
                }
                break;
            }
        };
        let (structure, after) = rest.split_at(length);
        let structure = Zeroizing::new(structure.to_vec());
        let Some((item, _)) = recognise(Kind::Unknown, structure, &origin) else {
            break;
        };
        sink.count_block()?;
        found = true;
        sink.item(item.into(), "DER", &origin)?;
        rest = after;
    }
    if !found {
        return Ok(false);
    }
    sink.say(Finding::new(Code::DerInput, "the source is binary DER").at(&origin));
    if memchr::memmem::find(rest, b"-----BEGIN ").is_some() {
        damaged::read(sink, bytes)?;
    } else if rest.iter().any(|byte| !byte.is_ascii_whitespace()) {
        let finding = Finding::new(
            Code::TrailingData,
            format!("{} bytes after the DER were ignored", rest.len()),
        );
        sink.say(finding.at(&origin));
    }
    Ok(found)
}

/// Whether this begins as JKS and JCEKS do.
fn is_java_key_store(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..]
    )
}

/// Says of a source without anything in it what it seems to be.
fn not_pem(bytes: &[u8]) -> Finding {
    let (message, help) = foreign(bytes).unwrap_or(match bytes {
        [] => (
            "the source is empty",
            "Give the file with the certificate or key",
        ),
        _ => (
            "nothing in the source is a certificate or a key; a BEGIN line was expected",
            "Give the PEM or DER file",
        ),
    });
    Finding::new(Code::NotPem, message).help(help)
}

/// The formats that are recognised by their first bytes and not read, and what to do about them.
fn foreign(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let archive = "Unpack it first, and give the files";
    Some(match bytes {
        [b'P', b'K', 3, 4, ..] => ("the source is a ZIP archive", archive),
        [0x1f, 0x8b, ..] => ("the source is compressed with gzip", archive),
        _ if is_java_key_store(bytes) => (
            "the source is a Java key store",
            "Convert it: keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype pkcs12",
        ),
        _ => return None,
    })
}
