//! The private key that HAProxy takes: the first that OpenSSL decodes, of the file or of the one
//! beside it.

use super::certificates::unreadable;
use super::{Named, Refused, SideFiles, Words};
use crate::cert::Certificate;
use crate::finding::{Code, Finding, Severity};
use crate::haproxy::openssl::{Blocks, Fault, Public, first_key};
use crate::key::{KeyError, PrivateKey, Proof};
use crate::origin::Origin;

const NO_KEY: Words = Words {
    before: "No Private Key found in ",
    suffix: ".key",
    after: "",
};
const BAD_KEY: Words = Words {
    before: "unable to load private key from file ",
    suffix: ".key",
    after: "",
};

pub(super) struct Key {
    pub(super) origin: Origin,
    pub(super) public: Public,
    /// Why few clients can use it, where that is so.
    read: Result<PrivateKey, KeyError>,
}

impl Key {
    pub(super) fn find(
        name: Named<'_>,
        blocks: &Blocks<'_>,
        files: &SideFiles<'_>,
    ) -> Result<Self, Refused> {
        let Named { file, stem } = name;
        let source = Origin::new(file);
        let beside = Origin::new(format!("{stem}.key"));
        let own = first_key(blocks).map(|found| (found, &source));
        let blocks_beside = match own {
            Some(_) => None,
            None => files.key.map(Blocks::read),
        };
        let found = own.or_else(|| Some((first_key(blocks_beside.as_ref()?)?, &beside)));
        if let Some(((public, block), source)) = found {
            let origin = block.origin(source);
            return Ok(Self {
                read: PrivateKey::new(&block.content, origin.clone()),
                origin,
                public,
            });
        }
        let reason = not_decoded(blocks, &source);
        let reason = reason.or_else(|| not_decoded(blocks_beside.as_ref()?, &beside));
        let finding = reason.unwrap_or_else(|| {
            let message = match files.key {
                Some(_) => format!("there is no private key in it, and none in {stem}.key"),
                None => format!("there is no private key in it, and no file {stem}.key"),
            };
            Finding::new(Code::NoKey, message).at(&source)
        });
        let words = match files.key {
            Some(_) => BAD_KEY,
            None => NO_KEY,
        };
        Err(Refused::new(name, words, finding))
    }

    /// What clients will have against it.
    pub(super) fn fault(&self, leaf: Option<&Certificate>) -> Option<Finding> {
        match (&self.read, leaf) {
            (Ok(key), Some(leaf)) if key.prove(leaf) == Proof::Inconsistent => {
                Some(key.inconsistent_with(leaf))
            }
            (Err(error), _) => {
                let message = format!("HAProxy loads it, but few clients can use it: {error}");
                Some(Finding::new(Code::UnsupportedKey, message).at(&self.origin))
            }
            _ => None,
        }
    }
}

/// What is the matter with the first key that OpenSSL does not decode.
fn not_decoded(blocks: &Blocks<'_>, source: &Origin) -> Option<Finding> {
    let block = blocks.iter().find_map(|block| match block {
        Ok(block) if !block.label.ends_with(b"PRIVATE KEY") => None,
        Err(malformed) if malformed.fault == Fault::NoStartLine => None,
        other => Some(other),
    });
    let block = match block? {
        Ok(block) => block,
        Err(malformed) => return Some(unreadable(malformed, source)),
    };
    let origin = block.origin(source);
    let read = PrivateKey::new(&block.content, origin.clone());
    if block.is_encrypted || matches!(read, Err(KeyError::Encrypted)) {
        let message =
            "the private key is encrypted, and HAProxy has nobody to ask for the passphrase";
        let finding = Finding::new(Code::EncryptedKey, message).at(&origin);
        return Some(finding.with_severity(Severity::Error));
    }
    let message = match read {
        _ if block.header > 0 => Fault::Header.why().to_owned(),
        Ok(key) => match key.needs_rewriting() {
            Some(why) => format!("OpenSSL does not read the private key: {why}"),
            None => "the private key does not stand under its own label".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    Some(Finding::new(Code::NoKey, message).at(&origin))
}
