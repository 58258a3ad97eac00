//! What is no key that can be used is refused by name: unsupported, encrypted, or oddly encoded.

mod common;

use common::bundling::{bundler, errors, only_key, read};
use common::der::{contents, integer, sequence, values};
use common::openssl::{KeyShape, PASSWORD, key_shape, openssl};
use common::pki::{Ca, Key, KeyKind};
use fullchain::key::{KeyAlgorithm, KeyError};
use fullchain::{Code, Origin, PrivateKey};

/// The numbers of an RSAPrivateKey: version, n, e, d, p, q, dP, dQ, qInv.
fn rsa_numbers() -> Vec<Vec<u8>> {
    let key = Key::nth(KeyKind::Rsa(2048), 0);
    values(contents(&key_shape(&key.pem(), KeyShape::TraditionalDer)))
}

#[test]
fn odd_encodings_of_rsa_numbers_are_no_key() {
    let numbers = rsa_numbers();
    for index in 1..numbers.len() {
        let bytes = contents(&numbers[index]);
        let mut negative = bytes.to_vec();
        negative[0] = 0x80;
        for odd in [
            integer(&negative),
            integer(&[&[0, 0], bytes].concat()),
            integer(&[]),
        ] {
            let mut crafted = numbers.clone();
            crafted[index] = odd;
            let error = PrivateKey::new(&sequence(&crafted), Origin::new("key")).unwrap_err();
            assert_eq!(error, KeyError::NotAKey, "number {index}");
        }
    }
}

#[test]
fn unsupported_keys_are_named() {
    let generated = |args: &str| {
        let args: Vec<_> = args.split(' ').collect();
        openssl(&args, b"")
    };
    let dsa = openssl(
        &["genpkey", "-quiet", "-paramfile", "/dev/stdin"],
        &generated("genpkey -quiet -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024"),
    );
    let curve = |name: &str| {
        generated(&format!(
            "genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:{name}"
        ))
    };
    let explicit = generated(
        "genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
    );
    for (key, name) in [
        (curve("secp256k1"), "secp256k1"),
        (curve("secp224r1"), "P-224"),
        (curve("brainpoolP256r1"), "brainpoolP256r1"),
        (openssl(&["ec"], &curve("secp256k1")), "secp256k1"),
        (explicit, "explicit parameters"),
        (generated("genpkey -quiet -algorithm ED448"), "Ed448"),
        (generated("genpkey -quiet -algorithm X25519"), "X25519"),
        (generated("genpkey -quiet -algorithm RSA-PSS"), "RSA-PSS"),
        (dsa, "DSA"),
        (
            generated("genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_primes:3"),
            "more than two primes",
        ),
    ] {
        let material = read("key.pem", &key);
        assert!(material.keys.is_empty(), "{name}");
        let [unreadable] = material.unreadable.as_slice() else {
            panic!("{name}: {material:?}")
        };
        let finding = &unreadable.finding;
        assert_eq!(finding.code, Code::UnsupportedKey, "{name}");
        assert!(finding.message.contains(name), "{name}: {finding}");
        let refusal = bundler(&[&Ca::root("Root").cert_pem])
            .build(material)
            .unwrap_err();
        assert!(
            errors(&refusal).contains(&Code::UnsupportedKey),
            "{name}: {refusal}"
        );
    }
}

#[test]
fn rsa_keys_above_8192_bits_are_refused_by_their_length() {
    let mut numbers = rsa_numbers();
    numbers[1] = integer(&[&[0], [0xff; 1025].as_slice()].concat());
    let error = PrivateKey::new(&sequence(&numbers), Origin::new("key")).unwrap_err();
    assert_eq!(error, KeyError::Unsupported("RSA of 8200 bits".to_owned()));
}

#[test]
fn encrypted_keys_are_recognised_in_both_forms() {
    let key = Key::nth(KeyKind::P256, 0);
    for shape in [KeyShape::EncryptedPkcs8, KeyShape::EncryptedTraditional] {
        let pem = key_shape(&key.pem(), shape);
        let decrypted = openssl(&["pkey", "-passin", &format!("pass:{PASSWORD}")], &pem);
        assert_eq!(only_key(decrypted).algorithm(), KeyAlgorithm::P256);

        let material = read("key.pem", &pem);
        assert!(material.keys.is_empty());
        let codes: Vec<_> = material.unreadable.iter().map(|u| u.finding.code).collect();
        assert_eq!(codes, [Code::EncryptedKey], "{shape:?}");
    }
    let pkcs8 = key_shape(&key.pem(), KeyShape::EncryptedPkcs8);
    let der = pem::parse(pkcs8).unwrap().into_contents();
    assert_eq!(
        PrivateKey::new(&der, Origin::new("key")).unwrap_err(),
        KeyError::Encrypted
    );
}
