//! No part of a key may be in anything that is printed.

use std::collections::HashSet;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fullchain::PrivateKey;

use crate::pile;

/// So many base64 characters in a row of a key are 96 of its bits: no coincidence.
const WINDOW: usize = 16;

type Windows = HashSet<[u8; WINDOW]>;

/// The keys of the test data, which must not show even when they were too damaged to be read.
static TEST_KEYS: LazyLock<Windows> = LazyLock::new(|| {
    let keys = pile::BLOCKS.iter().filter(|block| block.is_key());
    keys.flat_map(|block| windows(&block.der)).collect()
});

fn windows(der: &[u8]) -> Vec<[u8; WINDOW]> {
    let text = BASE64_STANDARD.encode(der);
    text.as_bytes()
        .array_windows()
        .filter(|window| !is_uniform(*window))
        .copied()
        .collect()
}

/// `AAAAAAAAAAAAAAAA`: zeros in a forged key, and nobody's secret.
fn is_uniform(window: &[u8]) -> bool {
    window.iter().all(|byte| Some(byte) == window.first())
}

/// Checks a printed text against the keys that were read, and against those of the test data.
pub fn check(printed: &str, keys: &[PrivateKey]) {
    let read: Windows = keys
        .iter()
        .flat_map(|key| windows(key.secret_der().secret_der()))
        .collect();
    // Broken into lines, or into lines that `Debug` or JSON escaped, a key is still a key.
    let printed = printed.replace("\\n", "").replace(['\n', '\r'], "");
    for window in printed.as_bytes().array_windows::<WINDOW>() {
        assert!(
            !TEST_KEYS.contains(window) && !read.contains(window),
            "a part of a key shows: {}",
            String::from_utf8_lossy(window)
        );
    }
}
