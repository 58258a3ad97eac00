//! Base64 of DER without BEGIN and END lines, as `kubectl get -o jsonpath` and the consoles of
//! clouds give it, is taken for what it holds; so are the strings of their JSON.

mod common;

use std::fs;

use base64ct::{Base64, Base64Url, Base64UrlUnpadded, Encoding};
use common::bundling::{bundler, ders};
use common::openssl::{KeyShape, PASSWORD, key_shape, openssl};
use common::pile::contents;
use common::pki::{Ca, Key, KeyKind, Leaf, pem_block};
use fullchain::{Code, Material, Reader};
use serde_json::json;

struct Site {
    root: Ca,
    ca: Ca,
    leaf: Leaf,
}

impl Site {
    fn new() -> Self {
        let root = Ca::root("Root");
        let ca = root.intermediate("Issuer");
        let leaf = ca.leaf_named("www.example.com");
        Self { root, ca, leaf }
    }

    fn pfx(&self) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("/tmp is writable");
        let put = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).expect("/tmp is writable");
            path.to_str().expect("UTF-8").to_owned()
        };
        let (leaf, key) = (
            put("leaf.pem", &self.leaf.cert_pem),
            put("key.pem", &self.leaf.key_pem),
        );
        let chain = put("chain.pem", &self.ca.cert_pem);
        let passout = format!("pass:{PASSWORD}");
        let files = ["-in", &leaf, "-inkey", &key, "-certfile", &chain];
        let export = ["pkcs12", "-export", "-passout", &passout];
        openssl(&[&export[..], &files].concat(), b"")
    }

    fn p7b(&self) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("/tmp is writable");
        let path = folder.path().join("chain.pem");
        let chain = [self.leaf.cert_pem.as_str(), &self.ca.cert_pem].concat();
        fs::write(&path, chain).expect("/tmp is writable");
        let path = path.to_str().expect("UTF-8");
        openssl(
            &["crl2pkcs7", "-nocrl", "-outform", "DER", "-certfile", path],
            b"",
        )
    }
}

fn read(source: impl AsRef<[u8]>) -> Material {
    let mut reader = Reader::new().passphrases(|_| Some(PASSWORD.to_owned().into()));
    let read = reader.read("value.txt", source.as_ref());
    read.expect("the limits are not met")
}

fn decoded(pem: &[u8]) -> Vec<u8> {
    pem::parse(pem).expect("PEM").into_contents()
}

fn wrapped(text: &str, columns: usize, line_end: &str) -> String {
    let lines = text.as_bytes().chunks(columns);
    lines
        .map(|line| format!("{}{line_end}", String::from_utf8_lossy(line)))
        .collect()
}

/// The base64 in every form that is met with.
fn forms(der: &[u8]) -> Vec<(String, String)> {
    let plain = Base64::encode_string(der);
    let form = |name: &str, text: String| (name.to_owned(), text);
    vec![
        form("one line", plain.clone()),
        form("a newline", format!("{plain}\n")),
        form("CR LF", format!("{plain}\r\n")),
        form("64", wrapped(&plain, 64, "\n")),
        form("64 and CR LF", wrapped(&plain, 64, "\r\n")),
        form("76", wrapped(&plain, 76, "\n")),
        form("no padding", plain.trim_end_matches('=').to_owned()),
        form("quotes", format!("\"{plain}\"")),
        form("jsonpath with quotes", format!("'{plain}'\n")),
        form("base64url", Base64Url::encode_string(der)),
        form(
            "base64url without padding",
            Base64UrlUnpadded::encode_string(der) + "\n",
        ),
        form("a byte-order mark", format!("\u{feff}{plain}\n")),
        form("base64 twice", Base64::encode_string(plain.as_bytes())),
        form("spaces for newlines", wrapped(&plain, 64, " ")),
    ]
}

#[test]
fn every_shape_is_read_in_every_form() {
    let site = Site::new();
    let certificate = vec![site.leaf.cert_der.clone()];
    let both = vec![site.leaf.cert_der.clone(), site.ca.cert_der.clone()];
    let key = |kind| Key::nth(kind, 0);
    let kinds = [
        ("RSA", KeyKind::Rsa(2048)),
        ("P-256", KeyKind::P256),
        ("P-384", KeyKind::P384),
        ("P-521", KeyKind::P521),
        ("Ed25519", KeyKind::Ed25519),
    ];
    let mut shapes = vec![
        (
            "certificate".to_owned(),
            site.leaf.cert_der.clone(),
            certificate.clone(),
            0,
        ),
        ("PKCS#7".to_owned(), site.p7b(), both.clone(), 0),
        ("PKCS#12".to_owned(), site.pfx(), both, 1),
    ];
    for (name, kind) in kinds {
        let key = key(kind);
        let pem = key.pem();
        let shape = |shape| key_shape(&pem, shape);
        shapes.push((format!("{name} PKCS#8"), key.der().to_vec(), vec![], 1));
        let encrypted = decoded(&shape(KeyShape::EncryptedPkcs8));
        shapes.push((format!("{name} encrypted"), encrypted, vec![], 1));
        if kind == KeyKind::Ed25519 {
            continue;
        }
        let traditional = shape(KeyShape::TraditionalDer);
        shapes.push((format!("{name} traditional"), traditional, vec![], 1));
        if !matches!(kind, KeyKind::Rsa(_)) {
            let short = decoded(&shape(KeyShape::Sec1WithoutPublicKey));
            shapes.push((format!("{name} without its public key"), short, vec![], 1));
        }
    }
    let mut cases = 0;
    let mut failures = Vec::new();
    for (shape, der, certificates, keys) in &shapes {
        for (form, text) in forms(der) {
            cases += 1;
            let material = read(&text);
            let [found, ..] = contents(&material);
            let mut sorted = found.clone();
            sorted.sort();
            let mut owed = certificates.clone();
            owed.sort();
            if sorted != owed || material.keys.len() != *keys || !material.unreadable.is_empty() {
                failures.push(format!(
                    "{shape}, {form}: {material:?}\n{}",
                    &text[..60.min(text.len())]
                ));
            } else if !material
                .findings
                .iter()
                .any(|it| it.code == Code::BareBase64)
            {
                failures.push(format!("{shape}, {form}: {:?}", material.findings));
            }
        }
    }
    println!("{cases} cases");
    assert!(
        failures.is_empty(),
        "{} of {cases}:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn what_was_cut_is_said_to_be() {
    let site = Site::new();
    for (name, der) in [
        ("certificate", site.leaf.cert_der.clone()),
        ("PKCS#7", site.p7b()),
        ("PKCS#12", site.pfx()),
        ("RSA", Key::nth(KeyKind::Rsa(2048), 0).der().to_vec()),
    ] {
        for cut in [100, der.len() / 2, der.len() - 1] {
            let material = read(Base64::encode_string(&der[..cut]));
            assert!(material.certificates.is_empty() && material.keys.is_empty());
            let codes: Vec<_> = material
                .unreadable
                .iter()
                .map(|it| it.finding.code)
                .collect();
            assert_eq!(codes, [Code::Truncated], "{name}, {cut}");
        }
    }
}

#[test]
fn the_json_of_clouds_is_read() {
    let site = Site::new();
    let (leaf, ca, root) = (&site.leaf.cert_pem, &site.ca.cert_pem, &site.root.cert_pem);
    let key = &site.leaf.key_pem;
    let trimmed = |pem: &str| pem.trim_end().to_owned();
    let bare = |der: &[u8]| Base64::encode_string(der);
    let encrypted = String::from_utf8(key_shape(key, KeyShape::EncryptedPkcs8)).expect("PEM");
    let traditional = String::from_utf8(key_shape(key, KeyShape::Traditional)).expect("PEM");
    for (name, value) in [
        (
            "AWS export",
            json!({"Certificate": leaf, "CertificateChain": format!("{ca}{root}"), "PrivateKey": encrypted}),
        ),
        (
            "AWS without final newlines",
            json!({"Certificate": trimmed(leaf), "CertificateChain": trimmed(ca), "PrivateKey": trimmed(key)}),
        ),
        (
            "Vault",
            json!({
                "request_id": "0d3f5a1e-6f0c-4e0e-9d0c-3a5b7c9d1e2f", "lease_duration": 0,
                "data": {"ca_chain": [trimmed(ca), trimmed(root)], "certificate": trimmed(leaf), "expiration": 1_793_000_000,
                    "issuing_ca": trimmed(ca), "private_key": trimmed(&traditional), "private_key_type": "ec",
                    "serial_number": "39:dd:2e:90:b7:23:1f:8d:d3:7d:31:c5:1b:da:84:d0:5b:65:31:58"}
            }),
        ),
        (
            "Vault, pem_bundle",
            json!({"data": {"certificate": format!("{traditional}{leaf}{ca}")}}),
        ),
        (
            "Vault, der",
            json!({"data": {"certificate": bare(&site.leaf.cert_der), "issuing_ca": bare(&site.ca.cert_der), "ca_chain": [bare(&site.ca.cert_der)], "private_key": bare(&site.leaf.key_der)}}),
        ),
        (
            "GCP",
            json!({"pemCertificate": leaf, "pemCertificateChain": [ca, root], "selfManaged": {"privateKey": key}}),
        ),
        (
            "Azure PKCS#12",
            json!({"id": "https://vault.example.net/secrets/www/0d3f5a1e6f0c4e0e9d0c3a5b7c9d1e2f", "contentType": "application/x-pkcs12", "value": bare(&site.pfx())}),
        ),
        (
            "Azure PEM",
            json!({"contentType": "application/x-pem-file", "value": format!("{key}{leaf}{ca}")}),
        ),
        (
            "Azure cer",
            json!({"cer": bare(&site.leaf.cert_der), "x5t": "5Zg9lrzT2h3Hq5mUJd5d7eQYtQk", "chain": bare(&site.ca.cert_der), "key": bare(&site.leaf.key_der)}),
        ),
        (
            "a JWK",
            json!({"x5c": [bare(&site.leaf.cert_der), bare(&site.ca.cert_der)], "key": bare(&site.leaf.key_der)}),
        ),
    ] {
        let compact = value.to_string();
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        let slashes = compact.replace('/', "\\/").replace('+', "\\u002b");
        let quoted = serde_json::to_string(&compact).expect("JSON");
        for (form, text) in [
            ("compact", compact),
            ("pretty", pretty),
            ("escaped", slashes),
            ("a string", quoted),
        ] {
            let material = read(&text);
            assert_eq!(material.unreadable, [], "{name}, {form}");
            let built = bundler(&[root]).build(material);
            let built = built.unwrap_or_else(|refusal| panic!("{name}, {form}: {refusal}"));
            let owed = [site.leaf.cert_der.clone(), site.ca.cert_der.clone()];
            assert_eq!(ders(&built), owed, "{name}, {form}");
        }
    }
}

#[test]
fn what_is_no_der_is_left_alone() {
    for text in [
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        &Base64::encode_string(&[0x55; 200]),
        "https://www.example.com/a/very/long/path/that/has/only/characters/of/base64/in/it",
    ] {
        let material = read(text);
        let codes: Vec<_> = material
            .unreadable
            .iter()
            .map(|it| it.finding.code)
            .collect();
        assert_eq!(codes, [Code::NotPem], "{text}");
    }
    // A file of two words, of which one is a certificate.
    let site = Site::new();
    let text = format!("cer {}\n", Base64::encode_string(&site.leaf.cert_der));
    let [certificates, ..] = contents(&read(text));
    assert_eq!(certificates, std::slice::from_ref(&site.leaf.cert_der));
    let pem = pem_block("CERTIFICATE", &site.leaf.cert_der);
    assert_eq!(read(pem).findings, []);
}
