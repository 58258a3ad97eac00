//! `fullchain bundle` in its other formats: read by HAProxy and openssl; several files are written
//! all or none.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::client::{ECDSA, RSA, shown_chain};
use common::command::{Ended, Run};
use common::haproxy::Haproxy;
use common::openssl::openssl;
use common::pki::{Ca, Key, KeyKind, Leaf, LeafOptions};
use rustls::version::TLS13;
use serde_json::Value;

struct Site {
    run: Run,
    issuer: Ca,
}

impl Site {
    fn new() -> Site {
        let (run, root) = (Run::new(), Ca::root("Root"));
        let issuer = root.intermediate("Issuer");
        let site = Site { run, issuer };
        site.put("root.pem", &root.cert_pem);
        site.put("issuer.pem", &site.issuer.cert_pem);
        site
    }

    fn put(&self, name: &str, content: &str) {
        fs::write(self.run.path(name), content).expect("/tmp is writable");
    }

    fn leaf(&self, kind: KeyKind, names: &[&str]) -> Leaf {
        self.issuer.leaf(LeafOptions {
            shared_key: Some(Key::nth(kind, 0)),
            dns: names.iter().map(|&name| name.to_owned()).collect(),
            ..LeafOptions::named(names[0])
        })
    }

    /// Leaf and key as two files.
    fn put_leaf(&self, name: &str, kind: KeyKind, names: &[&str]) -> Leaf {
        let leaf = self.leaf(kind, names);
        self.put(name, &(leaf.cert_pem.clone() + &leaf.key_pem));
        leaf
    }

    fn bundle(&self, args: &str) -> Ended {
        let first = ["bundle", "--offline", "--roots", "root.pem"];
        let args: Vec<&str> = first.into_iter().chain(args.split(' ')).collect();
        Ended::of(self.run.fullchain(&args))
    }

    fn chain(&self, leaf: &Leaf) -> Vec<Vec<u8>> {
        vec![leaf.cert_der.clone(), self.issuer.cert_der.clone()]
    }

    fn mode(&self, name: &str) -> u32 {
        let attributes = fs::metadata(self.run.path(name)).expect("it is there");
        attributes.permissions().mode() & 0o777
    }
}

#[test]
fn a_key_apart_is_found_by_haproxy() {
    let site = Site::new();
    let leaf = site.put_leaf("leaf.pem", KeyKind::P256, &["www.example.com"]);
    let ended = site.bundle("--split-key --issuer --out site.pem leaf.pem issuer.pem");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let listing = site.run.listing();
    assert!(listing.contains(&"site.pem.key".to_owned()), "{listing:?}");
    let certificates = fs::read_to_string(site.run.path("site.pem")).expect("it is there");
    assert!(!certificates.contains("PRIVATE"));
    let issuer = fs::read_to_string(site.run.path("site.pem.issuer")).expect("it is there");
    assert_eq!(issuer, site.issuer.cert_pem);
    assert_eq!(site.mode("site.pem.key"), 0o600);
    assert_eq!(site.mode("site.pem"), 0o644);
    let running = Haproxy::serve(&site.run.path("site.pem")).expect("HAProxy loads it");
    assert_eq!(running.served_chain(None), site.chain(&leaf));
}

#[test]
fn twins_answer_those_who_can_verify_them() {
    let site = Site::new();
    let names = ["www.example.com", "example.com"];
    let ecdsa = site.put_leaf("a.pem", KeyKind::P256, &names);
    let rsa = site.put_leaf("b.pem", KeyKind::Rsa(2048), &names);
    // Without being asked for, two pairs are one too many.
    let ended = site.bundle("--out site.pem a.pem b.pem issuer.pem");
    assert!(
        ended.stderr.contains("error[ambiguous-pair]"),
        "{}",
        ended.stderr
    );
    let ended = site.bundle("--twins --json --out site.pem a.pem b.pem issuer.pem");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let json: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(json["files"][0]["file"], "site.pem.ecdsa");
    assert_eq!(json["files"][1]["file"], "site.pem.rsa");
    assert_eq!(json["bundle"]["key_algorithm"], "P-256");
    assert_eq!(json["twin"]["key_algorithm"], "RSA 2048");
    let running = Haproxy::serve(&site.run.path("site.pem")).expect("HAProxy loads both");
    for (leaf, schemes) in [(&ecdsa, ECDSA), (&rsa, RSA)] {
        let shown = shown_chain(&running.tls_socket(), Some("example.com"), schemes, &TLS13);
        assert_eq!(shown, Some(site.chain(leaf)));
    }
}

#[test]
fn twins_that_are_none_are_said_to_be() {
    let site = Site::new();
    site.put_leaf(
        "a.pem",
        KeyKind::P256,
        &["www.example.com", "a.example.com"],
    );
    site.put_leaf("b.pem", KeyKind::Rsa(2048), &["www.example.com"]);
    let ended = site.bundle("--twins --out site.pem a.pem b.pem issuer.pem");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("warning[twins-differ]"));
    assert!(ended.stderr.contains("a.example.com"), "{}", ended.stderr);
    let before = site.run.listing();
    let ended = site.bundle("--twins --out other.pem a.pem issuer.pem");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("error[no-key]"), "{}", ended.stderr);
    assert_eq!(site.run.listing(), before);
}

#[test]
fn certificates_and_key_for_others_are_read_by_openssl() {
    let site = Site::new();
    for kind in [KeyKind::P256, KeyKind::Rsa(2048)] {
        let leaf = site.put_leaf("leaf.pem", kind, &["www.example.com"]);
        let ended = site.bundle(
            "--format fullchain --out fullchain.pem --key-out privkey.pem leaf.pem issuer.pem",
        );
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let path = |name: &str| site.run.path(name).to_str().expect("UTF-8").to_owned();
        let (chain, root) = (path("fullchain.pem"), path("root.pem"));
        let verify = ["verify", "-CAfile", &root, "-untrusted", &chain, &chain];
        openssl(&verify, b"");
        let of_key = openssl(&["pkey", "-in", &path("privkey.pem"), "-pubout"], b"");
        let of_leaf = openssl(&["x509", "-noout", "-pubkey"], leaf.cert_pem.as_bytes());
        assert_eq!(of_key, of_leaf);
        let ended = site.bundle("--format key --out key.pem leaf.pem issuer.pem");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let key = fs::read(site.run.path("key.pem")).expect("it is there");
        assert_eq!(
            key,
            fs::read(site.run.path("privkey.pem")).expect("it is there")
        );
    }
}

#[test]
fn a_container_for_others_is_read_by_openssl_and_by_us() {
    let site = Site::new();
    site.put_leaf("leaf.pem", KeyKind::P256, &["www.example.com"]);
    site.put("pass", "correct horse\n");
    let ended = site
        .bundle("--format pkcs12 --out-passphrase-file pass --out site.pfx leaf.pem issuer.pem");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(site.mode("site.pfx"), 0o600);
    let pfx = site
        .run
        .path("site.pfx")
        .to_str()
        .expect("UTF-8")
        .to_owned();
    let passin = [
        "pkcs12",
        "-in",
        &pfx,
        "-passin",
        "pass:correct horse",
        "-noenc",
    ];
    let printed = String::from_utf8(openssl(&passin, b"")).expect("UTF-8");
    assert_eq!(printed.matches("-----BEGIN CERTIFICATE-----").count(), 2);
    let ended = site.bundle("--passphrase-file pass --out again.pem site.pfx");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    Haproxy::serve(&site.run.path("again.pem")).expect("HAProxy loads it");
}

#[test]
fn several_files_are_written_all_or_none() {
    let site = Site::new();
    site.put_leaf("leaf.pem", KeyKind::P256, &["www.example.com"]);
    site.put("site.pem.key", "old key");
    fs::create_dir(site.run.path("site.pem")).expect("/tmp is writable");
    let before = site.run.listing();
    let ended = site.bundle("--split-key --out site.pem leaf.pem issuer.pem");
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(site.run.listing(), before);
    let key = fs::read_to_string(site.run.path("site.pem.key")).expect("it is there");
    assert_eq!(key, "old key");
    // What comes to light at the last moment only.
    fs::remove_dir(site.run.path("site.pem")).expect("it is empty");
    site.put("site.pem", "old certificates");
    let mut files = fullchain::Files::new();
    let bundle = built(&site);
    files.key(&bundle, site.run.path("site.pem.key"));
    files.certificates(&bundle, site.run.path("missing/site.pem"));
    let _ = files.write().expect_err("the folder is missing");
    let key = fs::read_to_string(site.run.path("site.pem.key")).expect("it is there");
    assert_eq!(key, "old key");
}

fn built(site: &Site) -> fullchain::Bundle {
    let leaf = site.leaf(KeyKind::P256, &["www.example.com"]);
    let pem = leaf.cert_pem + &site.issuer.cert_pem + &leaf.key_pem;
    let root = fs::read_to_string(site.run.path("root.pem")).expect("it is there");
    common::bundling::build(&common::bundling::bundler(&[&root]), &[&pem]).expect("it is whole")
}

#[test]
fn what_does_not_go_together_is_wrong_use() {
    let site = Site::new();
    site.put_leaf("leaf.pem", KeyKind::P256, &["www.example.com"]);
    for args in [
        "--format fullchain --split-key --out a leaf.pem",
        "--key-out b --out a leaf.pem",
        "--format fullchain --twins --key-out b --out a leaf.pem",
        "--format fullchain --key-out b leaf.pem",
        "--format zip --out a leaf.pem",
        "--format pkcs12 --out a leaf.pem",
        "--out-passphrase-file leaf.pem --out a leaf.pem",
    ] {
        let ended = site.bundle(args);
        assert_eq!(ended.code, Some(2), "{args}: {}", ended.stderr);
    }
}
