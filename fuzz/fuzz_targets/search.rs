//! Made-up issuer graphs through the search: which certificates are candidates, which are
//! trusted, and which are brought when issuers are missing.
#![no_main]

use std::collections::HashMap;
use std::time::Duration;

use fullchain::chain::{Search, Step};
use fullchain::{Bundler, Certificate, Material, TrustStore};
use fullchain_fuzz::pool::certificate;
use fullchain_fuzz::strict::is_signed_by;
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::UnixTime;

/// Far more than the limits let a search say.
const MAX_STEPS: usize = 1_000;
/// The limit of the search, which it states.
const MAX_INTERMEDIATES: usize = 6;
/// How many certificates an input says: trying everything takes its time.
const MAX_CERTIFICATES: usize = 24;
/// How many partial paths are tried before the search is left unjudged.
const MAX_TRIES: usize = 5_000;

type Certificates = Vec<Certificate>;

struct Input {
    leaf: Certificate,
    pool: Certificates,
    brought: Certificates,
    roots: Certificates,
}

/// What a search said.
struct Said {
    text: String,
    paths: Vec<Certificates>,
    is_limited: bool,
    /// What was in the pool or brought by then.
    known: Certificates,
}

impl Input {
    /// Certificates of four bytes each: where it goes, which it is, and what is flipped in it.
    fn new(bytes: &[u8]) -> Option<Self> {
        let (places, _) = bytes.as_chunks::<4>();
        let mut input = Self {
            leaf: certificate(0, 0, 0)?,
            pool: Vec::new(),
            brought: Vec::new(),
            roots: Vec::new(),
        };
        for &[place, number, at, mask] in places.iter().take(MAX_CERTIFICATES) {
            let mask = if place & 0xf0 == 0 { mask } else { 0 };
            let Some(certificate) = certificate(number, at, mask) else {
                continue;
            };
            match place % 8 {
                0..4 => input.pool.push(certificate),
                4 | 5 => input.brought.push(certificate),
                6 if webpki::anchor_from_trusted_cert(certificate.der()).is_ok() => {
                    input.roots.push(certificate);
                }
                6 => {}
                _ => input.leaf = certificate,
            }
        }
        Some(input)
    }

    fn store(&self) -> Option<TrustStore> {
        let mut roots = Material::default();
        roots.certificates.clone_from(&self.roots);
        Some(TrustStore::from_material("roots", roots).ok()?.0)
    }

    fn search(&self, store: &TrustStore, signatures: &mut Signatures) -> Said {
        let stores = vec![store.clone()];
        let mut search = Search::new(self.leaf.clone(), self.pool.clone(), stores, now());
        let mut brought = self.brought.chunks(2);
        let mut said = Said {
            text: String::new(),
            paths: Vec::new(),
            is_limited: false,
            known: self.pool.clone(),
        };
        for _ in 0..MAX_STEPS {
            let step = search.next_step();
            said.text += &format!("{step:?}\n");
            match step {
                Step::Path(path) => {
                    let head = path.intermediates().last().unwrap_or(&self.leaf);
                    assert!(path.anchors().next().is_some(), "no anchor: {path:?}");
                    for anchor in path.anchors() {
                        assert_eq!(head.issuer(), anchor.subject.as_ref());
                    }
                    let path = path.intermediates().to_vec();
                    assert!(!said.paths.contains(&path), "a path said twice: {path:?}");
                    said.paths.push(path);
                }
                Step::Missing(missing) => {
                    assert!(!missing.is_empty(), "nothing is missing");
                    for missing in &missing {
                        let child = missing.certificate();
                        let mut all = said.known.iter().chain(&self.roots);
                        let issuer = all.find(|it| *it != child && signatures.made(child, it));
                        assert_eq!(issuer, None, "the issuer of {child:?} is there");
                    }
                    if let Some(more) = brought.next() {
                        said.known.extend_from_slice(more);
                        search.add(more.to_vec());
                    }
                }
                Step::Limit(_) => said.is_limited = true,
                Step::Done => return said,
                _ => panic!("an unknown step"),
            }
        }
        panic!("no end after {MAX_STEPS} steps");
    }

    /// All paths there are among these candidates, by trying everything; `None` when that takes
    /// too long.
    fn all_paths(
        &self,
        candidates: &[Certificate],
        signatures: &mut Signatures,
    ) -> Option<Vec<Certificates>> {
        let mut tries = 0;
        let mut paths: Vec<Certificates> = Vec::new();
        let mut waiting: Vec<Certificates> = vec![Vec::new()];
        while let Some(path) = waiting.pop() {
            tries += 1;
            if tries > MAX_TRIES {
                return None;
            }
            let head = path.last().unwrap_or(&self.leaf);
            let signed = |signatures: &mut Signatures, pool: &[Certificate]| -> Certificates {
                let issuers = pool.iter().filter(|issuer| signatures.made(head, issuer));
                issuers.cloned().collect()
            };
            let anchors = signed(signatures, &self.roots);
            for issuer in signed(signatures, candidates) {
                // A root's own certificate leads no further than the root.
                let is_anchor = anchors.iter().any(|anchor| same_entity(anchor, &issuer))
                    && signatures.made(&issuer, &issuer);
                let mut above = path.iter().chain([&self.leaf]);
                if is_anchor
                    || path.len() == MAX_INTERMEDIATES
                    || above.any(|known| same_entity(known, &issuer))
                {
                    continue;
                }
                let longer = [&path[..], &[issuer]].concat();
                if !waiting.contains(&longer) {
                    waiting.push(longer);
                }
            }
            if !anchors.is_empty() && !paths.contains(&path) {
                paths.push(path);
            }
        }
        Some(paths)
    }
}

/// The same name and key (RFC 4158 section 5.2).
fn same_entity(one: &Certificate, other: &Certificate) -> bool {
    one.subject() == other.subject()
        && one.subject_public_key_info() == other.subject_public_key_info()
}

/// Which signatures verify, without the search's own memory and ways.
#[derive(Default)]
struct Signatures(HashMap<(Certificate, Certificate), bool>);

impl Signatures {
    /// Whether one certificate was issued by another, by name and signature.
    fn made(&mut self, child: &Certificate, issuer: &Certificate) -> bool {
        child.issuer() == issuer.subject()
            && *self
                .0
                .entry((child.clone(), issuer.clone()))
                .or_insert_with(|| is_signed_by(child.der(), issuer.subject_public_key_info()))
    }
}

fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_780_000_000))
}

fuzz_target!(|bytes: &[u8]| {
    let Some(input) = Input::new(bytes) else {
        return;
    };
    let Some(store) = input.store() else {
        return;
    };
    let mut signatures = Signatures::default();
    let said = input.search(&store, &mut signatures);
    let again = input.search(&store, &mut signatures);
    assert_eq!(again.text, said.text, "not the same twice");

    let all = input.all_paths(&said.known, &mut signatures);
    if let Some(all) = &all {
        for path in &said.paths {
            assert!(all.contains(path), "no path: {path:?}");
        }
        for path in all {
            let found = said.is_limited || said.paths.contains(path);
            assert!(found, "not found: {path:?}");
        }
    }
    if let Ok((chain, _)) = Bundler::new(store, now()).chain(&input.leaf, said.known) {
        let taken = chain.intermediates();
        assert!(all.is_none_or(|all| all.iter().any(|path| path == taken)));
    }
});
