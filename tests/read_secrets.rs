//! Nothing of a private key reaches a message, an excerpt, a Debug output or JSON, whatever was
//! done to it.

mod common;

use std::collections::HashSet;

use common::damage::{DESTRUCTIVE, REPAIRABLE};
use common::openssl::{KeyShape, key_shape};
use common::pki::{BEGIN, Ca, Key, KeyKind};
use fullchain::{Bundler, Material, Reader, TrustStore};
use rustls_pki_types::UnixTime;

/// A part of a secret that is as long as this is a leak.
const WINDOW: usize = 12;

/// Every part of a key of that length, in the forms in which it could be printed.
struct Secret(HashSet<Vec<u8>>);

impl Secret {
    fn new(pem: &str) -> Self {
        let der = pem::parse(pem).expect("PEM").into_contents();
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let joined = |separator: &str, format: fn(&u8) -> String| {
            der.iter().map(format).collect::<Vec<_>>().join(separator)
        };
        let mut windows = HashSet::new();
        for text in [
            base64.replace('+', "-").replace('/', "_"),
            base64.to_uppercase(),
            base64.to_lowercase(),
            base64,
            joined("", |byte| format!("{byte:02x}")),
            joined("", |byte| format!("{byte:02X}")),
            joined(", ", u8::to_string),
            joined(" ", u8::to_string),
        ] {
            windows.extend(text.as_bytes().windows(WINDOW).map(<[u8]>::to_vec));
        }
        Self(windows)
    }

    fn is_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut windows = text.as_bytes().windows(WINDOW).enumerate();
        windows
            .find(|(_, window)| self.0.contains(*window))
            .and_then(|(at, _)| text.get(at..at + WINDOW))
    }
}

/// Everything that a caller could print of what was read, and of what a bundler says about it.
fn printed(material: &Material, roots: &str) -> Vec<String> {
    let mut printed = vec![format!("{material:?}"), format!("{material:#?}")];
    let findings = material.findings.iter();
    let unreadable = material
        .unreadable
        .iter()
        .map(|unreadable| &unreadable.finding);
    for finding in findings.chain(unreadable) {
        printed.push(finding.to_string());
        printed.push(finding.message.clone());
        printed.extend(finding.help.clone());
        let origin = finding.origin.as_ref();
        printed.extend(
            origin
                .and_then(|origin| origin.excerpt())
                .map(str::to_owned),
        );
        #[cfg(feature = "serde")]
        printed.push(serde_json::to_string(finding).expect("findings have JSON"));
    }
    for key in &material.keys {
        printed.push(format!("{key:?}"));
        printed.extend(key.origin().excerpt().map(str::to_owned));
    }
    let roots = Reader::new()
        .read("roots", roots.as_bytes())
        .expect("small");
    let (store, _) = TrustStore::from_material("roots", roots).expect("a root");
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_900_000_000));
    match Bundler::new(store, time).build(material.clone()) {
        Ok(bundle) => {
            printed.extend([bundle.report().to_string(), format!("{bundle:?}")]);
            #[cfg(feature = "serde")]
            printed.push(serde_json::to_string(bundle.report()).expect("JSON"));
        }
        Err(refusal) => {
            printed.extend([
                refusal.report().to_string(),
                refusal.to_string(),
                format!("{refusal:?}"),
            ]);
            #[cfg(feature = "serde")]
            printed.push(serde_json::to_string(refusal.report()).expect("JSON"));
        }
    }
    printed
}

#[test]
fn no_part_of_a_key_is_printed_whatever_was_done_to_it() {
    assert_eq!(
        BEGIN.0, 2020,
        "the certificates are good at the time of the check"
    );
    let root = Ca::root("Root");
    let leaf = root.leaf_named("www.example.com");
    let rsa = Key::nth(KeyKind::Rsa(2048), 0).pem();
    let text = |der: Vec<u8>| String::from_utf8(der).expect("PEM");
    let keys = [
        ("P-256, PKCS#8", leaf.key_pem.clone()),
        (
            "P-256, SEC1",
            text(key_shape(&leaf.key_pem, KeyShape::Traditional)),
        ),
        ("RSA, PKCS#8", rsa.clone()),
        ("RSA, PKCS#1", text(key_shape(&rsa, KeyShape::Traditional))),
        ("Ed25519", Key::new(KeyKind::Ed25519).pem()),
    ];
    let damages = REPAIRABLE.iter().chain(DESTRUCTIVE);
    for ((kind, key), (damage, apply)) in keys
        .iter()
        .flat_map(|key| damages.clone().map(move |damage| (key, damage)))
    {
        let secret = Secret::new(key);
        // Two kinds of damage on top of one another, for lines that hold marker and key.
        let once = apply(key);
        let lossy = String::from_utf8_lossy(&once).into_owned();
        for source in [
            once,
            lossy.replace('\n', "").into(),
            lossy.replace('\n', "-----\n").into(),
            format!("{}{lossy}{}", leaf.cert_pem.trim_end(), leaf.cert_pem).into(),
            format!("key=\"{}\"", lossy.replace('\n', "\\n")).into(),
        ] {
            let material = Reader::new().read("key.pem", &source).expect("small");
            for text in printed(&material, &root.cert_pem) {
                if let Some(leak) = secret.is_in(&text) {
                    panic!("{kind}, {damage}: {leak} of the key is printed in\n{text}");
                }
            }
        }
    }
}

#[test]
fn the_search_for_secrets_finds_them() {
    let key = Key::new(KeyKind::P256).pem();
    let secret = Secret::new(&key);
    let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let der = pem::parse(&key).expect("PEM").into_contents();
    assert!(secret.is_in(&format!("x{}x", &body[30..42])).is_some());
    assert!(secret.is_in(&format!("{:?}", &der[20..30])).is_some());
    assert!(secret.is_in(&body[30..41]).is_none());
}
