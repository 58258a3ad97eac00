//! An arbitrary pile all the way: read, order, prove, verify, write, and read again.
#![no_main]

use fullchain::haproxy::load::{Loader, SideFiles};
use fullchain::{Bundle, Bundler, Error, Material, Reader, Refusal, haproxy};
use fullchain_fuzz::pile::Pile;
use fullchain_fuzz::{check_findings, check_origins, secrets, strict};
use libfuzzer_sys::fuzz_target;
use p256::SecretKey;
use p256::pkcs8::{DecodePrivateKey, EncodePublicKey};

fuzz_target!(|input: &[u8]| {
    let pile = Pile::new(input);
    let material = match read(&pile) {
        Ok(material) => material,
        Err(error) => return secrets::check(&format!("{error} {error:?}"), &[]),
    };
    check_origins(&material, &pile.sources);
    secrets::check(&format!("{material:?}"), &material.keys);
    let bundler = pile.bundler(&material);
    let outcome = bundler.build(material.clone());
    let printed = print(&outcome);
    secrets::check(&printed, &material.keys);
    let again = bundler.build(read(&pile).expect("read before"));
    assert_eq!(print(&again), printed, "not the same twice");
    let pem = |outcome: &Result<_, _>| outcome.as_ref().ok().map(haproxy::pem);
    assert!(pem(&again) == pem(&outcome), "not the same twice");
    match outcome {
        Ok(bundle) => {
            check_findings(bundle.report().findings(), &pile.sources);
            assert_eq!(bundle.report().errors().next(), None);
            check_bundle(&bundle, &bundler);
        }
        Err(refusal) => {
            check_findings(refusal.report().findings(), &pile.sources);
            assert!(refusal.report().errors().next().is_some(), "no reason");
        }
    }
});

fn read(pile: &Pile) -> Result<Material, Error> {
    let mut reader = pile.reader();
    let mut material = Material::default();
    for (name, content) in &pile.sources {
        material.merge(reader.read(name, content)?);
    }
    Ok(material)
}

/// All that can be printed of an outcome.
fn print(outcome: &Result<Bundle, Refusal>) -> String {
    match outcome {
        Ok(bundle) => {
            let json = serde_json::to_string(bundle).expect("serialisable");
            let pem = haproxy::pem(bundle);
            format!("{bundle:?} {} {json} {pem:?}", bundle.report())
        }
        Err(refusal) => {
            let json = serde_json::to_string(refusal.report()).expect("serialisable");
            let report = refusal.report();
            format!("{refusal} {refusal:?} {report} {} {json}", report.styled())
        }
    }
}

/// The output is strict, in order, its key the leaf's, and it is its own output.
fn check_bundle(bundle: &Bundle, bundler: &Bundler) {
    let written = haproxy::pem(bundle);
    let mut blocks = strict::blocks(written.expose());
    let (_, key) = blocks.pop().expect("blocks");
    let dh = blocks.pop_if(|(label, _)| label == "DH PARAMETERS");
    assert_eq!(dh.is_some(), bundle.dh_parameters().is_some());
    let (labels, certificates): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
    assert!(
        labels.iter().all(|label| label == "CERTIFICATE"),
        "{labels:?}"
    );
    let owed: Vec<_> = bundle.chain().certificates().collect();
    assert_eq!(owed.len(), certificates.len());
    assert_eq!(owed[0], bundle.chain().leaf());
    for (owed, written) in owed.iter().zip(&certificates) {
        assert_eq!(owed.der().as_ref(), written);
    }

    // All leaves of the test data have P-256 keys, and nobody else's key or CA is at hand.
    let key = SecretKey::from_pkcs8_der(&key).or_else(|_| SecretKey::from_sec1_der(&key));
    let key = key.expect("a P-256 key that fits the public key beside it");
    let public = key.public_key().to_public_key_der().expect("a public key");
    let leaf = bundle.chain().leaf();
    assert_eq!(leaf.subject_public_key_info(), public.as_bytes());

    let loader = Loader::new(bundle.chain().verified_at());
    let pem = written.expose().as_bytes();
    let loaded = loader.load("output", pem, &SideFiles::default());
    let loaded = loaded.expect("HAProxy loads what was written");
    let sent: Vec<_> = loaded.sent.iter().map(|sent| sent.der()).collect();
    assert_eq!(sent, owed.iter().map(|owed| owed.der()).collect::<Vec<_>>());

    let read = Reader::new().read("output", written.expose().as_bytes());
    let material = read.expect("within limits");
    assert_eq!(material.certificates.iter().collect::<Vec<_>>(), owed);
    assert!(
        matches!(material.keys.as_slice(), [only]
        if only.secret_der() == bundle.key().secret_der()),
        "another key"
    );
    assert_eq!(material.findings, []);
    assert_eq!(material.unreadable, []);
    let again = bundler.build(material).expect("a bundle of a bundle");
    assert!(haproxy::pem(&again) == written, "another bundle");
}
