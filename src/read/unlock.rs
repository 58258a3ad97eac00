//! What is encrypted: who knows the passphrases, and what opening may cost.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Expected;
use super::classify::stated_length;
use super::sink::Sink;
use crate::finding::{Code, Finding, Severity};
use crate::key::{KeyError, PrivateKey};
use crate::origin::Origin;
use crate::passphrase::Passphrase;
use crate::pbe::{self, Closed, Secret};
use crate::tlv::{Walk, tag};

const KEY: &str = "the private key";

type Ask = dyn Fn(&Origin) -> Option<Passphrase> + Send + Sync;

/// What a reader has for opening what is encrypted.
#[derive(Clone, Default)]
pub(super) struct Unlock {
    ask: Option<Arc<Ask>>,
    /// Iterations of key derivation, all sources together.
    spent: u64,
}

impl Unlock {
    pub(super) fn new(ask: impl Fn(&Origin) -> Option<Passphrase> + Send + Sync + 'static) -> Self {
        Self {
            ask: Some(Arc::new(ask)),
            spent: 0,
        }
    }

    /// The passphrase of what was read there, if anybody knows it.
    pub(super) fn passphrase(&self, origin: &Origin) -> Option<Passphrase> {
        self.ask.as_ref()?(origin)
    }

    /// Counts iterations before they are made; says whether they may be.
    pub(super) fn spend(&mut self, iterations: u64, limit: u64) -> bool {
        let spent = self.spent.saturating_add(iterations);
        let within = spent <= limit;
        if within {
            self.spent = spent;
        }
        within
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlock")
            .field("asks", &self.ask.is_some())
            .field("spent", &self.spent)
            .finish()
    }
}

/// A private key that is encrypted.
pub(super) enum Encrypted {
    /// EncryptedPrivateKeyInfo (RFC 5958 section 3).
    Pkcs8(Zeroizing<Vec<u8>>),
    /// What stands in a PEM block whose headers say so, and what `DEK-Info` says.
    Pem(String, Zeroizing<Vec<u8>>),
}

impl Encrypted {
    fn open(
        &self,
        secret: &Secret,
        spend: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Zeroizing<Vec<u8>>, Closed> {
        match self {
            Self::Pkcs8(der) => {
                let (algorithm, content) = parts(der).ok_or(Closed::Wrong)?;
                pbe::open(algorithm, secret, content, spend)
            }
            Self::Pem(info, content) => pbe::open_pem(info, secret, content),
        }
    }
}

/// The AlgorithmIdentifier, and what is encrypted.
pub(super) fn parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = Walk(Walk(der).expect(tag::SEQUENCE)?.value);
    let algorithm = fields.expect(tag::SEQUENCE)?.whole;
    let content = fields.expect(tag::OCTET_STRING)?.value;
    Some((algorithm, content))
}

impl Sink<'_> {
    /// Takes an encrypted key, if its passphrase is known.
    pub(super) fn encrypted_key(&mut self, key: &Encrypted, origin: &Origin) {
        let Some(passphrase) = self.unlock.passphrase(origin) else {
            return self.unreadable(Expected::Key, not_opened(KEY).at(origin));
        };
        let secret = Secret::new(&passphrase);
        let opened = self.open(&secret, |secret, spend| key.open(secret, spend));
        self.opened_key(opened, origin);
    }

    /// Takes what came of opening a key.
    pub(super) fn opened_key(
        &mut self,
        opened: Result<Zeroizing<Vec<u8>>, Closed>,
        origin: &Origin,
    ) {
        match opened.and_then(|der| private_key(&der, origin)) {
            Ok(Ok(key)) => {
                let message = "the private key was decrypted; it is in plain in what is written";
                self.say(Finding::new(Code::KeyDecrypted, message).at(origin));
                self.material.keys.push(key);
            }
            Ok(Err(what)) => self.unsupported_key(&what, origin),
            Err(closed) => {
                let finding = why_closed(KEY, &closed, self.limits.max_iterations);
                self.unreadable(Expected::Key, finding.at(origin));
            }
        }
    }

    /// Opens something, at the expense of what all sources may cost together.
    pub(super) fn open<T>(
        &mut self,
        secret: &Secret,
        open: impl FnOnce(&Secret, &mut dyn FnMut(u64) -> bool) -> Result<T, Closed>,
    ) -> Result<T, Closed> {
        let limit = self.limits.max_iterations;
        open(secret, &mut |iterations| {
            self.unlock.spend(iterations, limit)
        })
    }
}

/// The key that was in it, or of what kind it is, if that is not supported.
fn private_key(der: &[u8], origin: &Origin) -> Result<Result<PrivateKey, String>, Closed> {
    match PrivateKey::new(der, origin.clone()) {
        Ok(key) => Ok(Ok(key)),
        Err(KeyError::Unsupported(what)) => Ok(Err(what)),
        // DSA has a structure of its own. A wrong passphrase makes no whole one.
        Err(_) if stated_length(der) == Some(der.len()) => Ok(Err("of an unknown kind".to_owned())),
        // One wrong passphrase of 256 seems to fit, and what comes out makes no sense.
        Err(_) => Err(Closed::Wrong),
    }
}

/// Nobody knows the passphrase.
pub(super) fn not_opened(what: &str) -> Finding {
    let message = format!("{what} is encrypted, and no passphrase was given");
    Finding::new(Code::EncryptedKey, message)
}

pub(super) fn why_closed(what: &str, closed: &Closed, limit: u64) -> Finding {
    match closed {
        Closed::Wrong => {
            let message = format!("the passphrase does not open {what}");
            Finding::new(Code::WrongPassphrase, message)
        }
        Closed::TooCostly => {
            let message = format!(
                "{what} was not opened: deriving its key, and those before it, takes more than {limit} iterations"
            );
            too_costly(&message)
        }
        Closed::TooLarge(bytes) => {
            let message = format!(
                "{what} was not opened: deriving its key takes more than {} MiB of memory",
                bytes / (1024 * 1024)
            );
            too_costly(&message)
        }
        Closed::Unsupported(scheme) => {
            let message = format!("{what} is encrypted in a way that is not supported: {scheme}");
            Finding::new(Code::EncryptedKey, message)
                .help("Decrypt it: openssl pkey -in KEY -out PLAIN (mind the file's mode).")
        }
    }
}

fn too_costly(message: &str) -> Finding {
    Finding::new(Code::LimitExceeded, message)
        .with_severity(Severity::Warning)
        .help("Encrypt it anew at a lower cost: openssl pkcs8 -topk8 -in FILE -out NEW; in the library, raise Reader::max_iterations.")
}
