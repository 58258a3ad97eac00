//! Arbitrary bytes as a certificate file, and as the files beside it, through what HAProxy does
//! with them.
#![no_main]

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use fullchain::haproxy::Version;
use fullchain::haproxy::load::{Loaded, Loader, Refused, SideFiles};
use fullchain::{Origin, Reader, Severity};
use fullchain_fuzz::{check_findings, check_origin, secrets};
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::UnixTime;

fuzz_target!(|input: &[u8]| {
    let mut files = input.split(|&byte| byte == 0xfe);
    let pem = files.next().unwrap_or_default();
    let side = SideFiles {
        key: files.next(),
        ocsp: files.next(),
        issuer: files.next(),
        sctl: files.next(),
    };
    let outcome = load(pem, &side, Version::NEWEST);
    let sources = [
        ("site.pem", Some(pem)),
        ("site.pem.key", side.key),
        ("site.pem.ocsp", side.ocsp),
        ("site.pem.issuer", side.issuer),
        ("site.pem.sctl", side.sctl),
    ]
    .map(|(name, content)| (name.to_owned(), content.unwrap_or_default().to_vec()));
    match &outcome {
        Ok(loaded) => {
            check_findings(loaded.findings.findings(), &sources);
            assert!(!loaded.sent.is_empty(), "nothing to send");
            let origins = loaded.sent.iter().map(|sent| sent.origin());
            let origins = origins.chain([&loaded.key]);
            origins.for_each(|origin| check_origin(origin, &sources));
            check_sent(loaded, pem);
        }
        Err(refused) => {
            check_findings(std::slice::from_ref(&*refused.finding), &sources);
            assert_eq!(refused.finding.severity, Severity::Error);
        }
    }
    let read = |content| Reader::new().read("input", content).expect("within limits");
    let mut keys = read(pem).keys;
    keys.extend(read(side.key.unwrap_or_default()).keys);
    let printed = print(&outcome);
    secrets::check(&printed, &keys);
    secrets::check(&format!("{side:?}"), &keys);
    assert_eq!(print(&load(pem, &side, Version::NEWEST)), printed);

    // Older versions refuse nothing that newer ones load.
    let Ok(loaded) = outcome else { return };
    let older = load(pem, &side, "2.6".parse().expect("a version"));
    assert_eq!(sent(&older.expect("laxer")), sent(&loaded));
    // Text behind the last block changes nothing.
    let longer = [pem, b"\nthe end\n"].concat();
    let longer = load(&longer, &side, Version::NEWEST);
    assert_eq!(sent(&longer.expect("text")), sent(&loaded));
});

fn load(pem: &[u8], side: &SideFiles<'_>, version: Version) -> Result<Loaded, Refused> {
    let time = UnixTime::since_unix_epoch(Duration::from_secs(1_780_000_000));
    let loader = Loader::new(time).version(version);
    loader.load("site.pem", pem, side)
}

fn sent(loaded: &Loaded) -> Vec<&[u8]> {
    loaded.sent.iter().map(|sent| sent.der().as_ref()).collect()
}

fn print(outcome: &Result<Loaded, Refused>) -> String {
    let json = match outcome {
        Ok(loaded) => serde_json::to_string(loaded),
        Err(refused) => serde_json::to_string(refused),
    };
    format!("{outcome:?} {}", json.expect("serialisable"))
}

/// What is sent stands in the file, on the lines said.
fn check_sent(loaded: &Loaded, pem: &[u8]) {
    if pem.contains(&0) {
        // OpenSSL does not see what stands behind a NUL on its line.
        return;
    }
    let lines: Vec<_> = pem.split(|&byte| byte == b'\n').collect();
    for sent in &loaded.sent {
        let block = lines_of(sent.origin()).and_then(|(first, last)| lines.get(first - 1..last));
        let text: Vec<u8> = block.expect("lines of the file").concat();
        let text: Vec<u8> = text.into_iter().filter(|&byte| is_base64(byte)).collect();
        // Whole groups: what follows is padding, what stands behind the certificate, or bits that
        // its signature does not use.
        let der = sent.der().as_ref();
        let groups = BASE64_STANDARD_NO_PAD.encode(&der[..(der.len() - 1) / 3 * 3]);
        let mut windows = text.windows(groups.len());
        assert!(
            windows.any(|window| window == groups.as_bytes()),
            "not in the file: {sent:?}"
        );
    }
}

fn lines_of(origin: &Origin) -> Option<(usize, usize)> {
    Some((origin.first_line()?, origin.last_line()?))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}
