//! Arbitrary bytes as a Kubernetes manifest, and as the entries of one.
//!
//! An input is a mode and text. As YAML, it stands below the head of a Secret. As entries, with
//! 0xfe between them, each is written under `data`: it must be read as it is by itself.
#![no_main]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fullchain::{Material, Origin, Reader};
use fullchain_fuzz::{check_origins, origins, secrets};
use libfuzzer_sys::fuzz_target;

const HEAD: &[u8] = b"apiVersion: v1\nkind: Secret\nmetadata: {name: fuzz}\n";

fuzz_target!(|input: &[u8]| {
    let Some((mode, input)) = input.split_first() else {
        return;
    };
    match mode % 3 {
        0 => drop(manifest(input)),
        1 => drop(manifest(&[HEAD, input].concat())),
        _ => entries(input),
    }
});

fn manifest(source: &[u8]) -> Material {
    let material = read(source);
    check_origins(&material, &[("input".to_owned(), source.to_vec())]);
    let excerpts: Vec<_> = origins(&material).filter_map(Origin::excerpt).collect();
    let findings = material.findings.iter();
    let unreadable = material.unreadable.iter().map(|it| &it.finding);
    let said: Vec<_> = findings
        .chain(unreadable)
        .map(ToString::to_string)
        .collect();
    secrets::check(
        &format!("{material:?} {excerpts:?} {said:?}"),
        &material.keys,
    );
    material
}

fn read(source: &[u8]) -> Material {
    let mut reader = Reader::new().max_iterations(10_000);
    reader.read("input", source).expect("within limits")
}

/// The same is found in the entries of a Secret as in sources.
fn entries(input: &[u8]) {
    let entries: Vec<_> = input.split(|&byte| byte == 0xfe).collect();
    let mut source = HEAD.to_vec();
    source.extend(b"data:\n");
    for (number, entry) in entries.iter().enumerate() {
        let value = BASE64_STANDARD.encode(entry);
        source.extend(format!("  entry.{number}: {value}\n").bytes());
    }
    let found = manifest(&source);
    let mut owed = Material::default();
    for entry in entries {
        // A manifest within a manifest is read as text.
        let is_manifest = |word: &[u8]| entry.windows(word.len()).any(|it| it == word);
        if is_manifest(b"kind")
            || is_manifest(b"apiVersion")
            || entry.starts_with(b"\xff\xfe")
            || entry.starts_with(b"\xfe\xff")
        {
            return;
        }
        owed.merge(read(entry));
    }
    assert_eq!(found.certificates, owed.certificates);
    let secret = |material: &Material| -> Vec<Vec<u8>> {
        let keys = material.keys.iter();
        keys.map(|key| key.secret_der().secret_der().to_vec())
            .collect()
    };
    // Not `assert_eq!`, which would print them.
    assert!(secret(&found) == secret(&owed), "other keys");
    assert_eq!(found.dh_parameters.len(), owed.dh_parameters.len());
}
