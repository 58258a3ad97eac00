//! A private key proves from its private part that it belongs to a certificate, in every shape
//! that keys come in, and whatever its file claims.

mod common;

use std::sync::Arc;

use common::bundling::{TODAY, at, bundler, codes, errors, only_key, read, the};
use common::der::{contents, der, integer, sequence, values};
use common::openssl::{KeyShape, key_shape, openssl, openssl_output};
use common::pki::{Ca, Key, KeyKind, LeafOptions, pem_block};
use fullchain::key::{KeyAlgorithm, Proof};
use fullchain::{Bundler, Certificate, Code, Origin, PrivateKey, haproxy};
use proptest::prelude::*;
use rustls_pki_types::CertificateDer;

fn certificate(der: &[u8]) -> Certificate {
    let der = CertificateDer::from(der.to_vec());
    Certificate::new(der, Origin::new("certificate")).expect("it is a certificate")
}

/// A certificate for that key, by a CA of no interest.
fn certified(key: &Arc<Key>) -> Certificate {
    let options = LeafOptions {
        shared_key: Some(Arc::clone(key)),
        ..LeafOptions::default()
    };
    certificate(&Ca::root("Root").leaf(options).cert_der)
}

fn traditional(key: &Key) -> Vec<u8> {
    key_shape(&key.pem(), KeyShape::TraditionalDer)
}

/// ECPrivateKey without the curve, which is then to be known from elsewhere.
fn sec1_without_curve(key: &Key) -> Vec<u8> {
    let mut fields = values(contents(&traditional(key)));
    fields.retain(|field| field[0] != 0xa0);
    sequence(&fields)
}

/// PKCS#8 version 2 as ring wrote it before 0.17: the public key is tagged explicitly.
fn pkcs8_v2_of_old_ring(key: &Key) -> Vec<u8> {
    let mut fields = values(contents(&key.pkcs8_v2_der()));
    let public = fields.pop().expect("the public key is last");
    fields.push(der(0xa1, &[&der(0x03, &[contents(&public)])]));
    sequence(&fields)
}

/// Every shape of a key, by name.
fn shapes(key: &Key, kind: KeyKind) -> Vec<(&'static str, Vec<u8>)> {
    let pem = |shape| key_shape(&key.pem(), shape);
    let mut shapes = vec![
        ("PKCS#8", pem(KeyShape::Pkcs8)),
        ("PKCS#8, DER", pem(KeyShape::Pkcs8Der)),
        ("PKCS#8 version 2", key.pkcs8_v2_pem().into_bytes()),
        ("PKCS#8 version 2, DER", key.pkcs8_v2_der()),
    ];
    if matches!(kind, KeyKind::Ed25519) {
        let old = pkcs8_v2_of_old_ring(key);
        shapes.push(("PKCS#8 version 2, explicit tag", old));
        return shapes;
    }
    shapes.push(("traditional", pem(KeyShape::Traditional)));
    shapes.push(("traditional, DER", pem(KeyShape::TraditionalDer)));
    if !matches!(kind, KeyKind::Rsa(_)) {
        let bare = sec1_without_curve(key);
        shapes.extend([
            ("SEC1, no public key", pem(KeyShape::Sec1WithoutPublicKey)),
            (
                "SEC1, no curve",
                pem_block("EC PRIVATE KEY", &bare).into_bytes(),
            ),
            ("SEC1, no curve, DER", bare),
        ]);
    }
    shapes
}

/// Every shape proves true for the key's certificate, and false for the other one.
fn every_shape_proves(kind: KeyKind, algorithm: KeyAlgorithm, key: &Key, other: &Certificate) {
    let own = certified(&Key::from_pkcs8_pem(key.pem().as_bytes()));
    for (shape, bytes) in shapes(key, kind) {
        let key = only_key(bytes);
        assert_eq!(key.algorithm(), algorithm, "{kind:?} {shape}");
        assert_eq!(key.prove(&own), Proof::Belongs, "{kind:?} {shape}");
        assert_eq!(key.prove(other), Proof::Foreign, "{kind:?} {shape}");
    }
}

#[test]
fn a_key_of_every_algorithm_and_shape_proves_its_certificate_and_no_other() {
    for (kind, algorithm) in [
        (KeyKind::Rsa(2048), KeyAlgorithm::Rsa(2048)),
        (KeyKind::Rsa(3072), KeyAlgorithm::Rsa(3072)),
        (KeyKind::Rsa(4096), KeyAlgorithm::Rsa(4096)),
        (KeyKind::P256, KeyAlgorithm::P256),
        (KeyKind::P384, KeyAlgorithm::P384),
        (KeyKind::P521, KeyAlgorithm::P521),
        (KeyKind::Ed25519, KeyAlgorithm::Ed25519),
    ] {
        let other = certified(&Key::nth(kind, 1));
        every_shape_proves(kind, algorithm, &Key::nth(kind, 0), &other);
    }
}

#[test]
fn an_rsa_key_of_8192_bits_proves_its_certificate_and_no_other() {
    let kind = KeyKind::Rsa(8192);
    let key = Key::nth(kind, 0);
    let own = certified(&key);
    // Another modulus of this length, without the minutes that a second key takes to make.
    let modulus = values(contents(&traditional(&key))).swap_remove(1);
    let mut other = own.der().to_vec();
    let at = other
        .windows(modulus.len())
        .position(|window| window == modulus)
        .expect("the certificate holds the modulus");
    other[at + modulus.len() / 2] ^= 1;
    every_shape_proves(kind, KeyAlgorithm::Rsa(8192), &key, &certificate(&other));
}

#[test]
fn a_key_does_not_prove_a_certificate_of_another_algorithm() {
    let kinds = [
        KeyKind::Rsa(2048),
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::P521,
        KeyKind::Ed25519,
    ];
    for one in kinds {
        let certificate = certified(&Key::nth(one, 0));
        for another in kinds.into_iter().filter(|&kind| kind != one) {
            let key = only_key(Key::nth(another, 0).der());
            assert_eq!(
                key.prove(&certificate),
                Proof::Foreign,
                "{another:?} {one:?}"
            );
        }
    }
}

/// A PKCS#8 key with the private part of one key and the public part of another.
fn chimera(kind: KeyKind, private: &Key, public: &Key) -> Vec<u8> {
    if kind == KeyKind::Ed25519 {
        let mut fields = values(contents(&private.pkcs8_v2_der()));
        let theirs = values(contents(&public.pkcs8_v2_der()));
        fields[3].clone_from(&theirs[3]);
        return sequence(&fields);
    }
    let mut fields = values(contents(&traditional(private)));
    let theirs = values(contents(&traditional(public)));
    fields[3].clone_from(&theirs[3]);
    sequence(&fields)
}

#[test]
fn a_key_that_claims_anothers_public_key_belongs_and_is_written_without_the_claim() {
    for kind in [
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::P521,
        KeyKind::Ed25519,
    ] {
        let (ours, theirs) = (Key::nth(kind, 0), Key::nth(kind, 1));
        let bytes = chimera(kind, &ours, &theirs);
        assert_eq!(
            only_key(&bytes).prove(&certified(&ours)),
            Proof::BelongsButClaimsAnother,
            "{kind:?}"
        );

        let root = Ca::root("Root");
        let leaf = root.leaf(LeafOptions {
            shared_key: Some(Arc::clone(&ours)),
            ..LeafOptions::default()
        });
        let mut material = read("leaf.pem", &leaf.cert_pem);
        material.merge(read("key.der", &bytes));
        let bundle = bundler(&[&root.cert_pem]).build(material).unwrap();
        the(bundle.report(), Code::KeyRewritten);
        assert_eq!(bundle.key().prove(bundle.chain().leaf()), Proof::Belongs);
        let written = haproxy::pem(&bundle);
        let public = openssl(
            &["pkey", "-pubout", "-outform", "DER"],
            written.expose().as_bytes(),
        );
        assert_eq!(
            public,
            ours.spki(),
            "{kind:?}: OpenSSL derives another public key"
        );
    }
}

#[test]
fn a_foreign_key_that_claims_the_certificates_public_key_is_refused() {
    for kind in [
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::P521,
        KeyKind::Ed25519,
    ] {
        let (ours, theirs) = (Key::nth(kind, 0), Key::nth(kind, 1));
        let bytes = chimera(kind, &theirs, &ours);
        let certificate = certified(&ours);
        assert_eq!(
            only_key(&bytes).prove(&certificate),
            Proof::Inconsistent,
            "{kind:?}"
        );
        let mut material = read("key.der", &bytes);
        material.certificates.push(certificate);
        let bundler = bundler(&[&Ca::root("Root").cert_pem]);
        let refusal = bundler.build(material).unwrap_err();
        assert_eq!(errors(&refusal), [Code::InconsistentKey], "{kind:?}");
    }
}

/// The numbers of an RSAPrivateKey: version, n, e, d, p, q, dP, dQ, qInv.
fn rsa_numbers() -> (Arc<Key>, Vec<Vec<u8>>) {
    let key = Key::nth(KeyKind::Rsa(2048), 0);
    let numbers = values(contents(&traditional(&key)));
    assert_eq!(numbers.len(), 9);
    (key, numbers)
}

/// OpenSSL's opinion on a key's numbers.
fn openssl_finds_consistent(der: &[u8]) -> bool {
    let output = openssl_output(
        &["pkey", "-inform", "DER", "-in", "/dev/stdin", "-check"],
        der,
    );
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success() && printed.contains("Key is valid")
}

#[test]
fn an_rsa_key_with_any_number_altered_contradicts_itself() {
    let (key, numbers) = rsa_numbers();
    let certificate = certified(&key);
    let whole = sequence(&numbers);
    assert_eq!(only_key(&whole).prove(&certificate), Proof::Belongs);
    assert!(openssl_finds_consistent(&whole));
    for (index, name) in ["n", "e", "d", "p", "q", "dP", "dQ", "qInv"]
        .iter()
        .enumerate()
    {
        let mut altered = numbers.clone();
        let last = altered[index + 1].last_mut().expect("a number has bytes");
        // An odd number stays odd, so that it is not refused for that alone.
        *last ^= 4;
        let altered = sequence(&altered);
        let proof = only_key(&altered).prove(&certificate);
        assert_eq!(proof, Proof::Inconsistent, "{name}");
        assert!(!openssl_finds_consistent(&altered), "{name}");
    }
}

#[test]
fn an_rsa_key_with_trivial_factors_proves_nothing() {
    let (key, numbers) = rsa_numbers();
    let certificate = certified(&key);
    let modulus = &numbers[1];
    let one = integer(&[1]);
    let zero = integer(&[0]);
    for (p, q) in [
        (&one, modulus),
        (modulus, &one),
        (&zero, modulus),
        (&zero, &zero),
        (&one, &one),
    ] {
        let mut crafted = numbers.clone();
        crafted[4].clone_from(p);
        crafted[5].clone_from(q);
        let proof = only_key(sequence(&crafted)).prove(&certificate);
        assert_eq!(proof, Proof::Inconsistent);
    }
    for exponents in [&one, &zero] {
        let mut crafted = numbers.clone();
        crafted[6].clone_from(exponents);
        crafted[7].clone_from(exponents);
        let proof = only_key(sequence(&crafted)).prove(&certificate);
        assert_eq!(proof, Proof::Inconsistent);
    }
}

#[test]
fn numbers_far_longer_than_the_modulus_cost_no_arithmetic() {
    let (key, numbers) = rsa_numbers();
    let certificate = certified(&key);
    // A product of such numbers would take hours.
    let huge = integer(&vec![0x7f; 16 << 20]);
    for pair in [[4, 5], [3, 3], [6, 7], [8, 8], [2, 2]] {
        let mut crafted = numbers.clone();
        for index in pair {
            crafted[index].clone_from(&huge);
        }
        let key = PrivateKey::new(&sequence(&crafted), Origin::new("key")).unwrap();
        assert_eq!(key.prove(&certificate), Proof::Inconsistent);
    }
}

#[test]
fn an_rsa_key_with_another_modulus_but_the_certificates_factors_contradicts_itself() {
    let (key, mut numbers) = rsa_numbers();
    let other = values(contents(&traditional(&Key::nth(KeyKind::Rsa(2048), 1))));
    numbers[1].clone_from(&other[1]);
    let crafted = only_key(sequence(&numbers));
    assert_eq!(crafted.prove(&certified(&key)), Proof::Inconsistent);
}

#[test]
fn scalars_with_leading_zeros_dropped_or_added_are_the_same_key() {
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::P521] {
        let key = key_with_leading_zero(kind);
        let certificate = certified(&key);
        let fields = values(contents(&traditional(&key)));
        let scalar = contents(&fields[1]);
        let short: Vec<u8> = scalar.iter().copied().skip_while(|&b| b == 0).collect();
        let long = [&[0, 0], scalar].concat();
        assert!(short.len() < scalar.len());
        for scalar in [short, long] {
            let mut crafted = fields.clone();
            crafted[1] = der(0x04, &[&scalar]);
            let key = only_key(sequence(&crafted));
            assert_eq!(key.prove(&certificate), Proof::Belongs, "{kind:?}");
        }
    }
}

/// A key whose scalar begins with a zero byte. It is written by hand: of 256 keys one is so.
fn key_with_leading_zero(kind: KeyKind) -> Arc<Key> {
    let any = Key::nth(kind, 0);
    let mut fields = values(contents(&traditional(&any)));
    // P-521's scalars begin with a byte of 0 or 1.
    let at = fields[1].len() - contents(&fields[1]).len();
    fields[1][at..at + 2].fill(0);
    fields.pop();
    let pem = pem_block("EC PRIVATE KEY", &sequence(&fields));
    Key::from_pkcs8_pem(&openssl(&["pkcs8", "-topk8", "-nocrypt"], pem.as_bytes()))
}

#[test]
fn scalars_of_zero_and_of_the_order_belong_to_nothing() {
    let key = Key::nth(KeyKind::P256, 0);
    let certificate = certified(&key);
    for byte in [0, 0xff] {
        let mut fields = values(contents(&traditional(&key)));
        fields[1] = der(0x04, &[&[byte; 32]]);
        let claiming = only_key(sequence(&fields));
        assert_eq!(claiming.prove(&certificate), Proof::Inconsistent);
        fields.pop();
        let silent = only_key(sequence(&fields));
        assert_eq!(silent.prove(&certificate), Proof::Foreign);
    }
}

#[test]
fn a_compressed_point_in_certificate_or_key_is_the_same_public_key() {
    for curve in ["P-256", "P-384", "P-521"] {
        let option = format!("ec_paramgen_curve:{curve}");
        let plain = openssl(
            &["genpkey", "-quiet", "-algorithm", "EC", "-pkeyopt", &option],
            b"",
        );
        let compressed = openssl(&["ec", "-conv_form", "compressed"], &plain);
        let compressed = openssl(&["pkcs8", "-topk8", "-nocrypt"], &compressed);
        let (plain, compressed) = (
            Key::from_pkcs8_pem(&plain),
            Key::from_pkcs8_pem(&compressed),
        );
        assert!(compressed.spki().len() < plain.spki().len());
        for key in [&plain, &compressed] {
            let parsed = only_key(key.der());
            for certificate in [certified(&plain), certified(&compressed)] {
                assert_eq!(parsed.prove(&certificate), Proof::Belongs, "{curve}");
            }
        }
    }
}

#[test]
fn version_2_without_a_public_key_is_read_as_openssl_reads_it() {
    for kind in [KeyKind::Ed25519, KeyKind::P256, KeyKind::Rsa(2048)] {
        let key = Key::nth(kind, 0);
        let mut fields = values(contents(key.der()));
        fields[0] = integer(&[1]);
        let pem = pem_block("PRIVATE KEY", &sequence(&fields));
        let public = openssl(&["pkey", "-pubout", "-outform", "DER"], pem.as_bytes());
        assert_eq!(public, key.spki());
        assert_eq!(only_key(&pem).prove(&certified(&key)), Proof::Belongs);
    }
}

#[test]
fn attributes_in_pkcs8_are_no_obstacle() {
    let key = Key::nth(KeyKind::P256, 0);
    let mut fields = values(contents(key.der()));
    fields.push(der(0xa0, &[]));
    assert_eq!(
        only_key(sequence(&fields)).prove(&certified(&key)),
        Proof::Belongs
    );
}

#[test]
fn forms_that_openssl_does_not_load_are_rewritten_and_others_kept() {
    let root = Ca::root("Root");
    for kind in [
        KeyKind::Rsa(2048),
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::P521,
        KeyKind::Ed25519,
    ] {
        let leaf = root.leaf(LeafOptions {
            shared_key: Some(Key::nth(kind, 0)),
            ..LeafOptions::default()
        });
        for (shape, bytes) in shapes(&leaf.key, kind) {
            let mut material = read("leaf.pem", &leaf.cert_pem);
            material.merge(read("key", &bytes));
            let bundler = Bundler::new(common::bundling::roots(&[&root.cert_pem]), at(TODAY));
            let bundle = bundler.build(material).unwrap();
            let rewritten = shape.contains("version 2") || shape.contains("no curve");
            let said = codes(bundle.report()).contains(&Code::KeyRewritten);
            assert_eq!(said, rewritten, "{kind:?} {shape}");
            let public = openssl(
                &["pkey", "-pubout", "-outform", "DER"],
                haproxy::pem(&bundle).expose().as_bytes(),
            );
            assert_eq!(public, leaf.key.spki(), "{kind:?} {shape}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_keys_neither_panic_nor_prove_another_certificate(
        kind in prop::sample::select(vec![KeyKind::P256, KeyKind::P384, KeyKind::Ed25519, KeyKind::Rsa(2048)]),
        v2 in any::<bool>(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let key = Key::nth(kind, 0);
        let mut bytes = if v2 { key.pkcs8_v2_der() } else { key.der().to_vec() };
        let at = place.index(bytes.len());
        bytes[at] = byte;
        if let Ok(damaged) = PrivateKey::new(&bytes, Origin::new("key")) {
            prop_assert_eq!(damaged.prove(&certified(&Key::nth(kind, 1))), Proof::Foreign);
            damaged.prove(&certified(&key));
        }
    }
}
