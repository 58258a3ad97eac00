//! What a server sends in place of a missing issuer, into the draft of a chain: it may help or
//! not, and can neither harm nor forge.
#![no_main]

use std::time::Duration;

use fullchain::{Bundler, Certificate, Chain, Material, Reader, Report, TrustStore};
use fullchain_fuzz::pool::{MADE_DERS, certificate};
use fullchain_fuzz::strict::is_signed_by;
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::UnixTime;

/// The most certificates that are taken from one answer.
const MAX_CERTIFICATES: usize = 100;

/// The leaf of the pool, whose issuers are 2 and above, and their root.
const LEAF: u8 = 0;
const ROOT: u8 = 9;

fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_780_000_000))
}

fn bundler() -> Option<Bundler> {
    let mut roots = Material::default();
    roots.certificates.push(certificate(ROOT, 0, 0)?);
    let (store, _) = TrustStore::from_material("roots", roots).ok()?;
    Some(Bundler::new(store, now()))
}

/// The chain that comes of some answers, and what is said, if there is one.
fn chain(answers: &[Vec<Certificate>]) -> (Option<Chain>, String) {
    let bundler = bundler().expect("the root is an anchor");
    let mut material = Material::default();
    material.certificates.extend(certificate(LEAF, 0, 0));
    let mut draft = bundler.draft_chain(material);
    for answer in answers {
        for missing in draft.missing() {
            assert_ne!(
                missing.certificate().issuer(),
                [],
                "nobody's issuer is missing"
            );
        }
        draft.add(answer.clone());
    }
    let text = |report: &Report| report.to_string();
    match draft.chain() {
        Ok((chain, report)) => (Some(chain), text(&report)),
        Err(refusal) => (None, text(refusal.report())),
    }
}

/// Raw bytes, in which `0xff 0xNN` stands for a certificate of the pool: a mutator would never
/// come by a signature.
fn unfold(bytes: &[u8]) -> Vec<u8> {
    let mut unfolded = Vec::new();
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after.split_first()) {
            (0xff, Some((&number, after))) if unfolded.len() < 64 * 1024 => {
                let made = MADE_DERS.get(usize::from(number) % MADE_DERS.len());
                unfolded.extend_from_slice(made.expect("within the pool"));
                rest = after;
            }
            _ => {
                unfolded.push(byte);
                rest = after;
            }
        }
    }
    unfolded
}

fuzz_target!(|bytes: &[u8]| {
    let answers: Vec<Vec<Certificate>> = bytes
        .split(|&byte| byte == 0xfe)
        .take(4)
        .filter_map(|answer| {
            let mut reader = Reader::new().max_blocks(MAX_CERTIFICATES);
            let material = reader.read("http://ca.example/issuer", &unfold(answer));
            let certificates = material.ok()?.certificates;
            assert!(certificates.len() <= MAX_CERTIFICATES);
            Some(certificates)
        })
        .collect();
    let (chain_of_all, said) = chain(&answers);
    assert_eq!(chain(&answers).1, said, "not the same twice");
    let leaf = certificate(LEAF, 0, 0).expect("the leaf");
    let bundler = bundler().expect("the root is an anchor");
    // The order in which they come may change which of several chains it is, not whether.
    let at_once = bundler.chain(&leaf, answers.concat());
    assert_eq!(at_once.is_ok(), chain_of_all.is_some(), "all at once");
    let Some(found) = chain_of_all else {
        let fewer = answers.split_last().and_then(|(_, fewer)| chain(fewer).0);
        assert!(fewer.is_none(), "the last answer did harm: {said}");
        return;
    };
    // What is not in the chain was of no use.
    let (chain_of_used, _) = chain(&[found.intermediates().to_vec()]);
    let again = chain_of_used.expect("it is whole");
    assert_eq!(again.intermediates(), found.intermediates());
    let certificates: Vec<_> = found.certificates().collect();
    for pair in certificates.windows(2) {
        let [below, issuer] = pair else { continue };
        let key = issuer.subject_public_key_info();
        assert!(is_signed_by(below.der(), key), "forged: {below:?}");
        let brought = answers.iter().flatten().any(|it| it == *issuer);
        assert!(brought, "from nowhere: {issuer:?}");
    }
    let root = certificate(ROOT, 0, 0).expect("the root");
    let last = certificates.last().expect("the leaf");
    assert!(is_signed_by(last.der(), root.subject_public_key_info()));
});
