//! The written file is loaded by a running HAProxy, and what it serves is exactly what is owed:
//! leaf, intermediates, root if asked for. A client that trusts the root accepts it.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::bundling::{TODAY, at, build, bundler, ders, errors};
use common::haproxy::{Haproxy, check_config};
use common::openssl::{KeyShape, dhparams_of, key_shape, openssl};
use common::pki::{Ca, Key, KeyKind, LeafOptions};
use fullchain::{Bundle, Bundler, Code, Material, Reader, TrustStore, haproxy};
use tempfile::TempDir;

/// A folder with the roots that the client trusts, and the file that HAProxy reads.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new(root_pem: &str) -> Files {
        let folder = tempfile::tempdir().expect("/tmp is writable");
        fs::write(folder.path().join("root.pem"), root_pem).expect("/tmp is writable");
        Files { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    fn crt(&self) -> PathBuf {
        self.folder.path().join("site.pem")
    }

    /// Starts HAProxy with the written bundle, and holds what it serves against the bundle.
    fn serve(&self, bundle: &Bundle, case: &str) -> Haproxy {
        haproxy::write(bundle, &self.crt()).unwrap();
        let running = Haproxy::serve(&self.crt())
            .unwrap_or_else(|said| panic!("{case}: HAProxy refuses the file: {said}"));
        let served = running.served_chain(Some("www.example.com"));
        assert_eq!(served, ders(bundle), "{case}");
        running
            .verify_with(&self.root(), "www.example.com")
            .unwrap_or_else(|said| panic!("{case}: the client refuses the chain: {said}"));
        running
    }
}

fn shapes(key: &Key, kind: KeyKind) -> Vec<Vec<u8>> {
    let mut shapes = vec![KeyShape::Pkcs8, KeyShape::Pkcs8Der];
    if kind != KeyKind::Ed25519 {
        shapes.extend([KeyShape::Traditional, KeyShape::TraditionalDer]);
    }
    if matches!(kind, KeyKind::P256 | KeyKind::P384 | KeyKind::P521) {
        shapes.push(KeyShape::Sec1WithoutPublicKey);
    }
    let shapes = shapes.into_iter().map(|shape| key_shape(&key.pem(), shape));
    let v2 = key.pkcs8_v2_pem().into_bytes();
    shapes.chain([v2]).collect()
}

fn every_shape_is_served(kind: KeyKind) {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf(LeafOptions {
        shared_key: Some(Key::nth(kind, 0)),
        ..LeafOptions::default()
    });
    let files = Files::new(&root.cert_pem);
    for (number, key) in shapes(&leaf.key, kind).into_iter().enumerate() {
        let mut reader = Reader::new();
        let mut material = reader.read("key", &key).unwrap();
        for pem in [&root.cert_pem, &issuer.cert_pem, &leaf.cert_pem] {
            material.merge(reader.read("pem", pem.as_bytes()).unwrap());
        }
        let bundle = bundler(&[&root.cert_pem]).build(material).unwrap();
        let owed = [leaf.cert_der.clone(), issuer.cert_der.clone()];
        assert_eq!(ders(&bundle), owed);
        files.serve(&bundle, &format!("{kind:?}, shape {number}"));
    }
}

#[test]
fn rsa_keys_in_every_shape_are_served() {
    for bits in [2048, 3072, 4096] {
        every_shape_is_served(KeyKind::Rsa(bits));
    }
}

#[test]
fn rsa_keys_of_8192_bits_are_served() {
    every_shape_is_served(KeyKind::Rsa(8192));
}

#[test]
fn elliptic_curve_keys_in_every_shape_are_served() {
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::P521] {
        every_shape_is_served(kind);
    }
}

#[test]
fn ed25519_keys_in_every_shape_are_served() {
    every_shape_is_served(KeyKind::Ed25519);
}

#[test]
fn the_root_is_served_when_it_was_asked_for() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let pems = [&leaf.key_pem, &issuer.cert_pem, &leaf.cert_pem].map(String::as_str);
    let bundle = build(&bundler(&[&root.cert_pem]).include_root(true), &pems).unwrap();
    assert_eq!(ders(&bundle)[2], root.cert_der);
    Files::new(&root.cert_pem).serve(&bundle, "with the root");
}

#[test]
fn six_intermediates_are_served() {
    let root = Ca::root("Root");
    let mut cas = Vec::new();
    for number in 1..=6 {
        let above = cas.last().unwrap_or(&root);
        cas.push(above.intermediate(&format!("CA {number}")));
    }
    let leaf = cas[5].leaf_named("www.example.com");
    let mut pems: Vec<_> = cas.iter().map(|ca| ca.cert_pem.as_str()).collect();
    pems.extend([leaf.cert_pem.as_str(), &leaf.key_pem]);
    let bundle = build(&bundler(&[&root.cert_pem]), &pems).unwrap();
    assert_eq!(ders(&bundle).len(), 7);
    Files::new(&root.cert_pem).serve(&bundle, "six intermediates");
}

#[test]
fn dh_parameters_are_kept_and_used() {
    let root = Ca::root("Root");
    let leaf = root.leaf(LeafOptions {
        shared_key: Some(Key::nth(KeyKind::Rsa(2048), 0)),
        ..LeafOptions::default()
    });
    // HAProxy is configured to use 2048 bits where the file has no parameters.
    for (parameters, bits) in [("ffdhe3072", 3072), ("ffdhe4096", 4096)] {
        let parameters = dhparams_of(parameters);
        let pems = [&parameters, &leaf.key_pem, &leaf.cert_pem].map(String::as_str);
        let bundle = build(&bundler(&[&root.cert_pem]), &pems).unwrap();
        assert_eq!(bundle.dh_parameters().unwrap().prime_bits(), bits);
        let text = haproxy::pem(&bundle);
        assert!(text.expose().contains(&parameters));

        let running = Files::new(&root.cert_pem).serve(&bundle, "DH parameters");
        let dhe = ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"];
        let (connected, printed) = running.s_client(Some("www.example.com"), &dhe);
        assert!(connected, "{printed}");
        let size = format!("Server Temp Key: DH, {bits} bits");
        assert!(printed.contains(&size), "{printed}");
    }
}

#[test]
fn the_same_text_is_taken_over_the_stats_socket() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let parameters = dhparams_of("ffdhe3072");
    let new_bundle = |kind, include_root| {
        let leaf = issuer.leaf(LeafOptions {
            shared_key: Some(Key::nth(kind, 0)),
            ..LeafOptions::default()
        });
        let pems = [&parameters, &leaf.cert_pem, &issuer.cert_pem, &leaf.key_pem];
        let bundler = bundler(&[&root.cert_pem]).include_root(include_root);
        build(&bundler, &pems.map(String::as_str)).unwrap()
    };
    let files = Files::new(&root.cert_pem);
    let running = files.serve(&new_bundle(KeyKind::P256, false), "the first");
    for (kind, include_root) in [
        (KeyKind::Rsa(2048), false),
        (KeyKind::P384, true),
        (KeyKind::Ed25519, false),
    ] {
        let bundle = new_bundle(kind, include_root);
        let text = haproxy::pem(&bundle);
        running
            .set_certificate(&files.crt(), text.expose())
            .unwrap_or_else(|said| panic!("{kind:?}: HAProxy refuses the text: {said}"));
        let served = running.served_chain(Some("www.example.com"));
        assert_eq!(served, ders(&bundle), "{kind:?}");
        running
            .verify_with(&files.root(), "www.example.com")
            .unwrap();
    }
}

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");

/// What becomes of each file of testdata/damaged: a bundle, or these errors.
const DAMAGED: [(&str, &[Code]); 16] = [
    ("bom.pem", &[]),
    ("clean.pem", &[]),
    ("crlf.pem", &[]),
    ("doubled.pem", &[]),
    ("encrypted-key.pem", &[Code::NoKey, Code::EncryptedKey]),
    ("expired.pem", &[Code::Expired]),
    ("joined.pem", &[]),
    ("key-first.pem", &[]),
    ("missing-intermediate.pem", &[Code::MissingIssuer]),
    ("no-key.pem", &[Code::NoKey]),
    ("reversed.pem", &[]),
    ("shuffled-with-root.pem", &[]),
    ("stranger.pem", &[]),
    ("text.pem", &[]),
    ("two-leaves.pem", &[]),
    ("wrong-key.pem", &[Code::KeyMismatch]),
];

fn testdata(path: &str) -> PathBuf {
    Path::new(TESTDATA).join(path)
}

fn read(path: &Path) -> Material {
    Reader::new().read_path(path).unwrap()
}

fn testdata_bundler() -> Bundler {
    let roots = read(&testdata("root.pem"));
    let (store, _) = TrustStore::from_material("root.pem", roots).unwrap();
    Bundler::new(store, at(TODAY))
}

/// The leaf and the intermediate of testdata, read by another crate.
fn testdata_chain() -> Vec<Vec<u8>> {
    let clean = fs::read(testdata("damaged/clean.pem")).unwrap();
    let blocks = pem::parse_many(clean).unwrap().into_iter();
    let certificates = blocks.filter(|block| block.tag() == "CERTIFICATE");
    certificates.map(pem::Pem::into_contents).collect()
}

#[test]
fn every_damaged_file_is_served_rightly_or_refused_with_its_reason() {
    let names: BTreeSet<String> = fs::read_dir(testdata("damaged"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let known: BTreeSet<String> = DAMAGED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, known);

    let files = Files::new(&fs::read_to_string(testdata("root.pem")).unwrap());
    for (name, reasons) in DAMAGED {
        let built = testdata_bundler().build(read(&testdata("damaged").join(name)));
        match built {
            Ok(bundle) => {
                assert!(reasons.is_empty(), "{name} is built");
                assert_eq!(ders(&bundle), testdata_chain(), "{name}");
                files.serve(&bundle, name);
            }
            Err(refusal) => assert_eq!(errors(&refusal), reasons, "{name}"),
        }
    }
}

#[test]
fn the_folder_of_a_site_is_served() {
    let bundle = testdata_bundler().build(read(&testdata("site"))).unwrap();
    assert_eq!(ders(&bundle), testdata_chain());
    let files = Files::new(&fs::read_to_string(testdata("root.pem")).unwrap());
    files.serve(&bundle, "site");
}

/// What HAProxy makes of these files of testdata as they are, one after the other: the number of
/// certificates that it serves, or what it says.
fn cat(paths: &[&str]) -> Result<usize, String> {
    let parts: Vec<_> = paths
        .iter()
        .map(|path| fs::read(testdata(path)).unwrap())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let crt = folder.path().join("site.pem");
    fs::write(&crt, parts.concat()).unwrap();
    check_config(&crt)?;
    let running = Haproxy::serve(&crt)?;
    Ok(running.served_chain(Some("www.example.com")).len())
}

#[test]
fn the_raw_files_are_refused_by_haproxy_or_served_wrongly() {
    for (file, said) in [
        ("joined", "unable to load certificate"),
        ("reversed", "inconsistencies between private key"),
        ("shuffled-with-root", "inconsistencies between private key"),
        ("two-leaves", "inconsistencies between private key"),
        ("wrong-key", "inconsistencies between private key"),
        ("no-key", "No Private Key found"),
        ("encrypted-key", "No Private Key found"),
    ] {
        let refused = cat(&[&format!("damaged/{file}.pem")]).unwrap_err();
        assert!(refused.contains(said), "{file}: {refused}");
    }
    for (file, served) in [("doubled", 4), ("stranger", 3), ("missing-intermediate", 1)] {
        let path = format!("damaged/{file}.pem");
        assert_eq!(cat(&[&path]).unwrap(), served, "{file}");
    }
    let site = [
        "www.example.com.crt",
        "ca-bundle.crt",
        "www.example.com.key",
    ];
    let site = site.map(|file| format!("site/{file}"));
    // The markers that `cat` joined hide the intermediate, without a word.
    assert_eq!(cat(&site.each_ref().map(String::as_str)).unwrap(), 1);
}

#[test]
fn an_expired_intermediate_that_haproxy_would_serve_is_not_in_the_file() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let expired = root.intermediate_with(common::pki::CaOptions {
        shared_key: Some(issuer.key.clone()),
        not_after: (2021, 1, 1),
        ..common::pki::CaOptions::named("Issuer")
    });
    let leaf = issuer.leaf_named("www.example.com");
    let pems = [
        &leaf.cert_pem,
        &expired.cert_pem,
        &issuer.cert_pem,
        &leaf.key_pem,
    ];
    let files = Files::new(&root.cert_pem);
    fs::write(files.crt(), pems.map(String::as_str).concat()).unwrap();
    let raw = Haproxy::serve(&files.crt()).unwrap();
    assert_eq!(raw.served_chain(None).len(), 3);
    drop(raw);
    let bundle = build(&bundler(&[&root.cert_pem]), &pems.map(String::as_str)).unwrap();
    assert_eq!(ders(&bundle), [leaf.cert_der, issuer.cert_der]);
    let running = files.serve(&bundle, "expired twin");
    // HAProxy's own answer to what it has loaded.
    let shown = running.runtime(&format!("show ssl cert {}", files.crt().display()));
    let subject = openssl(
        &["x509", "-noout", "-subject", "-nameopt", "compat"],
        issuer.cert_pem.as_bytes(),
    );
    let subject = String::from_utf8(subject).unwrap();
    let subject = subject.trim().trim_start_matches("subject=").trim();
    assert_eq!(
        shown.matches(&format!("Chain Subject: {subject}")).count(),
        1
    );
}
