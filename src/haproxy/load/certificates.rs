//! The certificates of a file: the first, and those that are sent behind it.

use std::cell::Cell;

use super::{Loader, Refused, Sent, Words};
use crate::finding::{Code, Finding};
use crate::haproxy::openssl::{
    Block, Blocks, Decoded, Fault, Malformed, Public, Strictly, TRUSTED, is_any_certificate,
    is_certificate,
};
use crate::origin::Origin;

pub(super) const LEAF: Words = Words::of("unable to load certificate from file ");
const CHAIN: Words = Words::of("unable to load certificate chain from file ");
const WEAK_LEAF: Words = Words::of("unable to load SSL certificate into SSL Context ");
const WEAK_CHAIN: Words = Words::of("unable to load chain certificate into SSL Context ");

/// What is read of the certificates of a file.
pub(super) struct Certificates {
    /// The first certificate, and the chain.
    pub(super) sent: Vec<Sent>,
    /// The public key of the first; `None` when it cannot be decoded.
    public: Option<Public>,
    /// The first that OpenSSL does not let a server show.
    pub(super) too_weak: Option<Refused>,
    /// Those of the file that are not sent.
    pub(super) not_sent: Vec<Finding>,
}

impl Certificates {
    pub(super) fn read(
        loader: &Loader,
        file: &str,
        file_blocks: &Blocks<'_>,
    ) -> Result<Self, Refused> {
        let source = Origin::new(file);
        let mut blocks = file_blocks.strictly();
        let known = |leaf: &Decoded<'_>| (leaf.public(), leaf.too_weak());
        let (leaf, (public, weak)) = first(&mut blocks, &source, known)
            .map_err(|finding| Refused::new(file, LEAF, finding))?;
        let mut certificates = Self {
            too_weak: weak.map(|why| Refused::new(file, WEAK_LEAF, too_weak(why, leaf.origin()))),
            sent: vec![leaf],
            public,
            not_sent: Vec::new(),
        };
        let end = loop {
            let block = match blocks.next_of(is_certificate) {
                Ok(block) => block,
                Err(end) => break end,
            };
            let known = &loader.known;
            let Some(chained) = known.certificate(&block.content, block.origin(&source)) else {
                return Err(Refused::new(file, CHAIN, not_decoded(block, &source)));
            };
            if let (None, Some(why)) = (&certificates.too_weak, chained.weak) {
                let weak = too_weak(why, chained.sent.origin());
                certificates.too_weak = Some(Refused::new(file, WEAK_CHAIN, weak));
            }
            certificates.sent.push(chained.sent);
        };
        let is_refused = match end.fault {
            Fault::NoStartLine | Fault::LongLine => false,
            Fault::Encrypted => true,
            _ => loader.version.refuses_broken_chains(),
        };
        if is_refused {
            return Err(Refused::new(file, CHAIN, unreadable(&end, &source)));
        }
        certificates.not_sent = certificates.not_sent(file_blocks, &end, &source);
        Ok(certificates)
    }

    pub(super) fn leaf_has(&self, public: &Public) -> bool {
        let leaf = self.public.as_ref();
        leaf.is_some_and(|certified| public.is_of(certified))
    }

    /// Where a key belongs that is not the first certificate's.
    pub(super) fn mismatch(&self, public: &Public) -> Finding {
        let owner = self.sent.iter().find(|sent| {
            let certified = Decoded::new(sent.der()).and_then(|decoded| decoded.public());
            certified.is_some_and(|certified| public.is_of(&certified))
        });
        match owner {
            Some(owner) => {
                let message = format!(
                    "the private key is that of the certificate at {}, which is not the first",
                    owner.origin()
                );
                let help = "Let `fullchain bundle` write the file anew: leaf, then each certificate's issuer.";
                Finding::new(Code::KeyMismatch, message).help(help)
            }
            None => {
                let message = "the first private key is that of no certificate in the file";
                Finding::new(Code::KeyMismatch, message)
            }
        }
    }

    fn not_sent(&self, file: &Blocks<'_>, end: &Malformed, source: &Origin) -> Vec<Finding> {
        let mut findings = Vec::new();
        if end.fault != Fault::NoStartLine {
            let message = format!(
                "HAProxy sends no certificate from here on, and does not say so: {}",
                end.fault.why()
            );
            findings.push(Finding::new(Code::NotSent, message).at(&end.origin(source)));
        }
        let trusted = file.sound().filter(|block| block.label == TRUSTED);
        for origin in trusted.map(|block| block.origin(source)) {
            // Only the first certificate of a file may be one.
            if self
                .sent
                .first()
                .is_none_or(|leaf| *leaf.origin() != origin)
            {
                let message =
                    "HAProxy does not send this certificate, as its label is TRUSTED CERTIFICATE";
                findings.push(Finding::new(Code::NotSent, message).at(&origin));
            }
        }
        findings
    }
}

/// The first certificate, which may have another label than the others, and what there is to know
/// of it.
pub(super) fn first<T>(
    blocks: &mut Strictly<'_, '_>,
    source: &Origin,
    known: impl FnOnce(&Decoded<'_>) -> T,
) -> Result<(Sent, T), Finding> {
    let has_key = Cell::new(false);
    let block = blocks.next_of(|label| {
        has_key.set(has_key.get() || label.ends_with(b"PRIVATE KEY"));
        is_any_certificate(label)
    });
    let block = block.map_err(|malformed| match malformed.fault {
        Fault::NoStartLine if has_key.get() => key_alone(source),
        _ => unreadable(&malformed, source),
    })?;
    match Decoded::with_trust(&block.content) {
        Some(decoded) => Ok((
            Sent::new(&decoded.sent(), block.origin(source)),
            known(&decoded),
        )),
        None => Err(not_decoded(block, source)),
    }
}

fn key_alone(source: &Origin) -> Finding {
    let message = "there is a private key in it, and no certificate";
    let finding = Finding::new(Code::NotLoaded, message).at(source);
    finding.help("Of a folder HAProxy loads every file but those that end in .key: let `fullchain bundle` put certificate and key into one, or name this one as the certificate's file, with .key behind it.")
}

/// What is the matter with a file in which OpenSSL finds no further block.
pub(super) fn unreadable(malformed: &Malformed, source: &Origin) -> Finding {
    let why = malformed.fault.why();
    match malformed.fault {
        Fault::NoStartLine => {
            let message = format!("OpenSSL finds nothing in it that it can read: {why}");
            let finding = Finding::new(Code::NotLoaded, message).at(source);
            finding.help("Let `fullchain bundle` write it anew; if it is meant for people, take it out of the folder, of which HAProxy loads every file.")
        }
        _ => Finding::new(Code::NotLoaded, why).at(&malformed.origin(source)),
    }
}

fn not_decoded(block: &Block<'_>, source: &Origin) -> Finding {
    let message = "what the block holds is no certificate, or more than one";
    Finding::new(Code::NotLoaded, message).at(&block.origin(source))
}

fn too_weak(why: &str, origin: &Origin) -> Finding {
    let message = format!("{why}, for OpenSSL's usual security level");
    Finding::new(Code::WeakKey, message).at(origin)
}
