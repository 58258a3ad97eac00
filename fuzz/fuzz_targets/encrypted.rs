//! Arbitrary bytes through a reader that knows a passphrase: encrypted keys and PKCS#12.
#![no_main]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fullchain::{Code, Material, Origin, Passphrase, Reader};
use fullchain_fuzz::{check_origins, origins, secrets};
use libfuzzer_sys::fuzz_target;

/// Enough for what the input can have been seeded with, and nothing that takes long.
const MOST_ITERATIONS: u64 = 10_000;
/// What a passphrase begins with here, so that it is told from other text.
const MARK: &str = "\u{1f434}horse";

fuzz_target!(|input: &[u8]| {
    let separator = input.iter().position(|&byte| byte == 0xfe);
    let (passphrase, source) = input.split_at(separator.unwrap_or(0));
    let source = source.strip_prefix(&[0xfe]).unwrap_or(source);
    let passphrase = String::from_utf8_lossy(passphrase).into_owned();

    for passphrase in [passphrase.clone(), format!("{MARK}{passphrase}")] {
        let (material, asked) = read(&passphrase, source);
        check_origins(&material, &[("input".to_owned(), source.to_vec())]);
        let excerpts: Vec<_> = origins(&material).filter_map(Origin::excerpt).collect();
        let printed = format!("{material:?} {excerpts:?}");
        secrets::check(&printed, &material.keys);
        let shows = printed.contains(MARK) && !contains(source, MARK.as_bytes());
        assert!(!shows, "the passphrase shows");
        let again = format!("{:?}", read(&passphrase, source).0);
        assert!(printed.starts_with(&again), "not the same twice");

        let decrypted = material.findings.iter();
        let decrypted = decrypted.filter(|finding| finding.code == Code::KeyDecrypted);
        let decrypted = decrypted.count();
        assert!(decrypted <= material.keys.len(), "a key was lost");
        assert!(decrypted == 0 || asked > 0, "opened without a passphrase");
    }
});

/// What is read, and how often the passphrase was asked for.
fn read(passphrase: &str, source: &[u8]) -> (Material, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let passphrase = Passphrase::from(passphrase.to_owned());
    let mut reader = Reader::new()
        .max_iterations(MOST_ITERATIONS)
        .passphrases(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Some(passphrase.clone())
        });
    let material = reader.read("input", source).expect("within limits");
    (material, asked.load(Ordering::Relaxed))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
