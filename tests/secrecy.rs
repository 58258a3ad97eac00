//! Key material reaches neither the report nor the JSON, whatever is wrong with the key.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;
use std::path::Path;

use common::command::{Run, damaged, testdata};

/// Every stretch of a key's base64 that is long enough not to be there by chance.
fn windows_of(base64: &str) -> impl Iterator<Item = &str> {
    const LENGTH: usize = 12;
    (0..=base64.len().saturating_sub(LENGTH)).map(|at| &base64[at..at + LENGTH])
}

#[test]
fn no_key_material_is_ever_printed() {
    let run = Run::new();
    let mut inputs: Vec<String> = vec![testdata("site")];
    let files = fs::read_dir(testdata("damaged")).unwrap();
    inputs.extend(files.map(|entry| entry.unwrap().path().to_str().unwrap().to_owned()));
    let mut secrets = Vec::new();
    for input in &inputs {
        let path = match Path::new(input).is_dir() {
            true => format!("{input}/www.example.com.key"),
            false => input.clone(),
        };
        let text = fs::read_to_string(path).unwrap();
        let unjoined = text.replace("-----BEGIN", "\n-----BEGIN");
        for block in unjoined.split("-----BEGIN ").skip(1) {
            let (label, rest) = block.split_once("-----").unwrap();
            if label.contains("PRIVATE KEY") {
                let body = rest.split("-----END").next().unwrap();
                secrets.push(body.split_whitespace().collect::<String>());
            }
        }
    }
    assert!(secrets.len() >= 16, "each file but no-key.pem has a key");
    // Damage that draws attention to the lines of the key itself.
    let key = fs::read_to_string(testdata("site/www.example.com.key")).unwrap();
    let chain = fs::read_to_string(damaged("no-key")).unwrap();
    let lines: Vec<&str> = key.lines().collect();
    let broken = [
        key.replace("PRIVATE KEY-----\nM", "PRIVATE KEY-----\n*M"),
        lines[..2].join("\n"),
        lines[1..].join("\n"),
        lines[1..lines.len() - 1].join("\n"),
        key.replace("PRIVATE KEY", "CERTIFICATE"),
        key.replace('\n', " "),
        key.replace('\n', "\\n"),
        lines.join("\n| "),
        key.replacen("MIG", "M G", 1),
    ];
    for (number, broken) in broken.iter().enumerate() {
        let name = format!("broken {number}.pem");
        fs::write(run.path(&name), format!("{chain}{broken}\n")).unwrap();
        inputs.push(name);
    }
    for input in &inputs {
        let ended = run.bundle(&["--json", "--out", "site.pem", input]);
        let printed = ended.stdout + &ended.stderr;
        assert!(printed.contains("\"outcome\""), "{input}: {printed}");
        for secret in &secrets {
            for window in windows_of(secret) {
                // What all P-256 keys begin with says nothing.
                let public = secret.find(window) < Some(48);
                assert!(public || !printed.contains(window), "{input}: {printed}");
            }
        }
    }
}
