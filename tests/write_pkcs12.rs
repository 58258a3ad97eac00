//! A bundle written as PKCS#12 is what OpenSSL, GnuTLS and our own reader open with its passphrase,
//! and with no other.

mod common;

use std::fs;

use common::bundling::{build, bundler, ders};
use common::certtool::certtool;
use common::haproxy::Haproxy;
use common::openssl::{KeyShape, key_shape, openssl, openssl_output};
use common::pki::{Ca, Key, KeyKind, Leaf, LeafOptions};
use fullchain::{Bundle, Code, Passphrase, Reader, to_pkcs12};
use tempfile::NamedTempFile;

const PASSPHRASE: &str = "correct horse";
/// RFC 7292 appendix B.1 and RFC 8018 section 3 encode them in different ways.
const PASSPHRASES: &[&str] = &[
    "",
    "p\u{e4}ssw\u{f6}rter \u{df}",
    "\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}",
    "\u{1f511}",
];

struct Site {
    root: Ca,
    issuer: Ca,
    leaf: Leaf,
    bundle: Bundle,
}

impl Site {
    fn new(kind: KeyKind) -> Self {
        Self::named("www.example.com", kind)
    }

    fn named(name: &str, kind: KeyKind) -> Self {
        let root = Ca::root("Root");
        let issuer = root.intermediate("Issuer");
        let leaf = issuer.leaf(LeafOptions {
            shared_key: Some(Key::nth(kind, 0)),
            ..LeafOptions::named(name)
        });
        let pems = [&leaf.cert_pem, &leaf.key_pem, &issuer.cert_pem].map(String::as_str);
        let bundle = build(&bundler(&[&root.cert_pem]), &pems).expect("the pile is whole");
        Self {
            root,
            issuer,
            leaf,
            bundle,
        }
    }

    fn pfx(&self, passphrase: &str) -> Vec<u8> {
        let pfx = to_pkcs12(&self.bundle, &Passphrase::from(passphrase.to_owned()));
        pfx.expect("there are random bytes").to_vec()
    }

    /// The bundle that is made of these bytes.
    fn rebuild(&self, source: &[u8], passphrase: &str) -> Bundle {
        let passphrase = Passphrase::from(passphrase.to_owned());
        let mut reader = Reader::new().passphrases(move |_| Some(passphrase.clone()));
        let material = reader.read("site.pfx", source).expect("it is small");
        assert_eq!(
            (&material.unreadable[..], material.keys.len()),
            (&[][..], 1)
        );
        let bundle = bundler(&[&self.root.cert_pem]).build(material);
        bundle.expect("nothing was lost")
    }

    /// Certificates in their order, and the same key.
    fn assert_is(&self, other: &Bundle, what: &str) {
        assert_eq!(ders(other), ders(&self.bundle), "{what}");
        let plain = |bundle: &Bundle| {
            let pem = fullchain::haproxy::pem(bundle);
            key_shape(pem.expose(), KeyShape::Pkcs8)
        };
        assert!(plain(other) == plain(&self.bundle), "{what}: another key");
    }
}

fn openssl_opens(pfx: &[u8], passphrase: &str) -> String {
    let passin = format!("pass:{passphrase}");
    let pem = openssl(&["pkcs12", "-nodes", "-passin", &passin], pfx);
    String::from_utf8(pem).expect("openssl prints UTF-8")
}

#[test]
fn openssl_finds_the_same_key_and_certificates() {
    for kind in [
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::Ed25519,
        KeyKind::Rsa(2048),
    ] {
        let site = Site::new(kind);
        let pem = openssl_opens(&site.pfx(PASSPHRASE), PASSPHRASE);
        site.assert_is(&site.rebuild(pem.as_bytes(), ""), &format!("{kind:?}"));
        // The leaf is the first, and linked with the key by the same identifier and name.
        let subjects = pem.lines().filter(|line| line.starts_with("subject="));
        let subjects: Vec<&str> = subjects.collect();
        assert_eq!(subjects.len(), 2);
        assert!(subjects[0].contains("www.example.com"), "{subjects:?}");
        for attribute in ["localKeyID: ", "friendlyName: www.example.com"] {
            let lines: Vec<&str> = pem
                .lines()
                .filter(|line| line.contains(attribute))
                .collect();
            assert_eq!(lines.len(), 2, "{attribute} in {pem}");
            assert_eq!(lines[0], lines[1]);
        }
    }
}

#[test]
fn passphrases_of_every_script_open_it() {
    let site = Site::new(KeyKind::P256);
    for passphrase in PASSPHRASES {
        let pfx = site.pfx(passphrase);
        let pem = openssl_opens(&pfx, passphrase);
        site.assert_is(&site.rebuild(pem.as_bytes(), ""), passphrase);
    }
}

#[test]
fn our_own_reader_opens_it() {
    let site = Site::new(KeyKind::P256);
    // The last has characters that are two units of UTF-16.
    let passphrase = PASSPHRASES.last().expect("there are some");
    let pfx = site.pfx(passphrase);
    site.assert_is(&site.rebuild(&pfx, passphrase), passphrase);
}

#[test]
fn another_passphrase_opens_nothing() {
    let site = Site::new(KeyKind::P256);
    let pfx = site.pfx(PASSPHRASE);
    let output = openssl_output(
        &["pkcs12", "-nodes", "-passin", "pass:battery staple"],
        &pfx,
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("Mac verify error: invalid password"),
        "{said}"
    );
    let wrong = Passphrase::from("battery staple".to_owned());
    let mut reader = Reader::new().passphrases(move |_| Some(wrong.clone()));
    let material = reader.read("site.pfx", &pfx).expect("it is small");
    assert!(material.certificates.is_empty() && material.keys.is_empty());
    assert_eq!(material.unreadable[0].finding.code, Code::WrongPassphrase);
}

#[test]
fn openssl_names_the_schemes_that_are_promised() {
    let site = Site::new(KeyKind::P256);
    let passin = format!("pass:{PASSPHRASE}");
    let args = ["pkcs12", "-info", "-noout", "-passin", &passin];
    let output = openssl_output(&args, &site.pfx(PASSPHRASE));
    let said = String::from_utf8_lossy(&output.stderr);
    let scheme = "PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256";
    assert_eq!(said.matches(scheme).count(), 2, "{said}");
    assert!(said.contains("MAC: sha256, Iteration 600000"), "{said}");
    assert!(said.contains("MAC length: 32, salt length: 16"), "{said}");
}

#[test]
fn certtool_finds_the_same_key_and_certificates() {
    let file = NamedTempFile::new().expect("/tmp is writable");
    let path = file.path().to_str().expect("UTF-8");
    let site = Site::new(KeyKind::P256);
    fs::write(path, site.pfx(PASSPHRASE)).expect("/tmp is writable");
    let info = ["--p12-info", "--infile", path, "--inder"];
    let password = format!("--password={PASSPHRASE}");
    let said = certtool(&[&info[..], &[&password]].concat(), b"");
    let said = String::from_utf8(said).expect("certtool prints UTF-8");
    // It prints PEM, of which the key is still encrypted, and attributes between.
    assert!(said.contains("Friendly name: www.example.com"), "{said}");
    let again = site.rebuild(said.as_bytes(), PASSPHRASE);
    site.assert_is(&again, "certtool");
}

/// SETs of DER are in order, which depends on how long the name is.
#[test]
fn names_of_every_length_are_friendly() {
    let long = format!("{0}.{0}.{0}.{0}.example", "a".repeat(60));
    for name in ["a.example", &long] {
        let site = Site::named(name, KeyKind::P256);
        let pem = openssl_opens(&site.pfx(PASSPHRASE), PASSPHRASE);
        assert!(pem.contains(&format!("friendlyName: {name}")), "{pem}");
    }
}

#[test]
fn keys_of_other_structures_become_pkcs8() {
    for (kind, shape) in [
        (KeyKind::P256, KeyShape::Sec1WithoutPublicKey),
        (KeyKind::P521, KeyShape::Traditional),
        (KeyKind::Rsa(2048), KeyShape::Traditional),
    ] {
        let site = Site::new(kind);
        let key = key_shape(&site.leaf.key_pem, shape);
        let key = String::from_utf8(key).expect("openssl prints UTF-8");
        let pems = [&site.leaf.cert_pem, &key, &site.issuer.cert_pem].map(String::as_str);
        let bundle = build(&bundler(&[&site.root.cert_pem]), &pems).expect("the pile is whole");
        let pfx = to_pkcs12(&bundle, &Passphrase::from(PASSPHRASE.to_owned()));
        let pem = openssl_opens(&pfx.expect("there are random bytes"), PASSPHRASE);
        // With the public key, though it may not have been there.
        site.assert_is(&site.rebuild(pem.as_bytes(), ""), &format!("{kind:?}"));
    }
}

#[test]
fn no_two_containers_share_salts_or_vectors() {
    let site = Site::new(KeyKind::P256);
    let [one, other] = [0, 1].map(|_| site.pfx(PASSPHRASE));
    let random = |pfx: &[u8]| -> Vec<String> {
        let text = openssl(&["asn1parse", "-inform", "DER", "-strparse", "26"], pfx);
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().filter(|line| line.contains("[HEX DUMP]:"));
        let values = lines.map(|line| line.rsplit(':').next().unwrap_or("").to_owned());
        values.filter(|value| value.len() == 32).collect()
    };
    let (one, other) = (random(&one), random(&other));
    // Of the certificates: salt and vector. Those of the key lie in a string of their own.
    assert_eq!((one.len(), other.len()), (2, 2), "{one:?}");
    assert!(one.iter().all(|value| !other.contains(value)));
    assert_ne!(one[0], one[1]);
}

#[test]
fn haproxy_serves_what_openssl_takes_out_of_it() {
    let site = Site::new(KeyKind::Rsa(2048));
    let pem = openssl_opens(&site.pfx(PASSPHRASE), PASSPHRASE);
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let path = folder.path().join("site.pem");
    fs::write(&path, pem).expect("/tmp is writable");
    let running = Haproxy::serve(&path).expect("HAProxy loads it");
    assert_eq!(
        running.served_chain(Some("www.example.com")),
        ders(&site.bundle)
    );
}
