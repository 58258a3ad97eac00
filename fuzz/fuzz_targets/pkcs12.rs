//! Arbitrary bytes as the parts of a PKCS#12 container, which no MAC and no cipher keeps from being
//! reached.
#![no_main]

use der::asn1::{Any, ObjectIdentifier, OctetString};
use der::{Encode, Tag, TagNumber};
use fullchain::{Code, Material, Origin, Passphrase, Reader};
use fullchain_fuzz::{check_origins, origins, secrets};
use libfuzzer_sys::fuzz_target;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const BAGS: &str = "1.2.840.113549.1.12.10.1";
const X509_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
/// Enough for some tries of what is usual, and nothing that takes long.
const MOST_ITERATIONS: u64 = 10_000;

// The first byte says what the others are.
fuzz_target!(|input: &[u8]| {
    let (which, rest) = input.split_first().unwrap_or((&0, &[]));
    let source = match which % 4 {
        0 => rest.to_vec(),
        1 => pfx(rest),
        2 => pfx(&authenticated_safe(rest)),
        _ => pfx(&authenticated_safe(&sequence(&[&bags(rest)]))),
    };
    let material = read(&source);
    check_origins(&material, &[("input".to_owned(), source.clone())]);
    let excerpts: Vec<_> = origins(&material).filter_map(Origin::excerpt).collect();
    let printed = format!("{material:?} {excerpts:?}");
    secrets::check(&printed, &material.keys);
    let again = format!("{:?}", read(&source));
    assert!(printed.starts_with(&again), "not the same twice");
    // What is well-formed outside is taken for what it is, and nothing in it is lost in silence.
    if which % 4 != 0 {
        let found = material.certificates.len() + material.keys.len();
        assert!(found + material.unreadable.len() > 0, "{material:?}");
        let no_mac = material.findings.iter();
        assert_eq!(no_mac.filter(|it| it.code == Code::NoMac).count(), 1);
    }
});

fn read(source: &[u8]) -> Material {
    let passphrase = Passphrase::from("correct horse".to_owned());
    let mut reader = Reader::new()
        .max_iterations(MOST_ITERATIONS)
        .passphrases(move |_| Some(passphrase.clone()));
    reader.read("input", source).expect("within limits")
}

/// A bag of each part; where they end, a byte of 0xfe stands, and their first says which kind it is.
fn bags(parts: &[u8]) -> Vec<u8> {
    let parts = parts.split(|&byte| byte == 0xfe);
    let parts = parts.filter_map(<[u8]>::split_first);
    parts
        .flat_map(|(kind, value)| bag(kind % 8, value))
        .collect()
}

/// Of a certificate's bag the inside; of others the whole value.
fn bag(kind: u8, value: &[u8]) -> Vec<u8> {
    let oid: ObjectIdentifier = format!("{BAGS}.{kind}").parse().expect("a number");
    let value = match kind {
        3 => {
            let octets = OctetString::new(value).expect("it is small");
            sequence(&[&encode(&X509_CERTIFICATE), &explicit(&encode(&octets))])
        }
        _ => value.to_vec(),
    };
    sequence(&[&encode(&oid), &explicit(&value)])
}

fn authenticated_safe(contents: &[u8]) -> Vec<u8> {
    sequence(&[&content_info(contents)])
}

fn pfx(safe: &[u8]) -> Vec<u8> {
    sequence(&[&[2, 1, 3], &content_info(safe)])
}

fn content_info(content: &[u8]) -> Vec<u8> {
    let octets = OctetString::new(content).expect("it is small");
    sequence(&[&encode(&DATA), &explicit(&encode(&octets))])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    encode(&Any::new(Tag::Sequence, parts.concat()).expect("it is small"))
}

/// `[0]` around what may be no DER at all.
fn explicit(inside: &[u8]) -> Vec<u8> {
    let tag = TagNumber(0).context_specific(true);
    encode(&Any::new(tag, inside).expect("it is small"))
}

fn encode(value: &impl Encode) -> Vec<u8> {
    value.to_der().expect("it is small")
}
