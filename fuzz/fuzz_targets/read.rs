//! Arbitrary bytes through the reader.
#![no_main]

use fullchain::{Material, Origin, Reader};
use fullchain_fuzz::{check_origins, origins, secrets};
use libfuzzer_sys::fuzz_target;
use pem_rfc7468::LineEnding;
use rustls_pki_types::PrivateKeyDer;

fuzz_target!(|input: &[u8]| {
    let material = read(input);
    check_origins(&material, &[("input".to_owned(), input.to_vec())]);
    // Reports show the excerpts, of which `Debug` says nothing.
    let excerpts: Vec<_> = origins(&material).filter_map(Origin::excerpt).collect();
    let printed = format!("{material:?} {excerpts:?}");
    secrets::check(&printed, &material.keys);
    let again = format!("{:?}", read(input));
    assert!(printed.starts_with(&again), "not the same twice");
    check_written_and_read(&material);
});

fn read(input: &[u8]) -> Material {
    Reader::new().read("input", input).expect("within limits")
}

/// Written as strict PEM, the material is read as the same, with nothing to say about it.
fn check_written_and_read(material: &Material) {
    let certificates = material.certificates.iter();
    let keys = material.keys.iter().map(|key| key.secret_der());
    let parameters = material.dh_parameters.iter();
    let pem: String = certificates
        .map(|certificate| encode("CERTIFICATE", certificate.der()))
        .chain(keys.map(|key| encode(label(&key), key.secret_der())))
        .chain(parameters.map(|parameters| encode("DH PARAMETERS", parameters.der())))
        .collect();
    if pem.is_empty() {
        return;
    }
    let again = read(pem.as_bytes());
    assert_eq!(again.certificates, material.certificates);
    let keys = |material: &Material| -> Vec<Vec<u8>> {
        let keys = material.keys.iter();
        keys.map(|key| key.secret_der().secret_der().to_vec())
            .collect()
    };
    // Not `assert_eq!`, which would print them.
    assert!(keys(&again) == keys(material), "other keys");
    let parameters = |material: &Material| -> Vec<Vec<u8>> {
        let parameters = material.dh_parameters.iter();
        parameters
            .map(|parameters| parameters.der().to_vec())
            .collect()
    };
    assert_eq!(parameters(&again), parameters(material));
    assert_eq!((again.findings, again.unreadable), (Vec::new(), Vec::new()));
}

fn encode(label: &str, der: &[u8]) -> String {
    pem_rfc7468::encode_string(label, LineEnding::LF, der).expect("a known label")
}

fn label(key: &PrivateKeyDer<'_>) -> &'static str {
    match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    }
}
