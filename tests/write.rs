//! The written file: strict PEM in the order that HAProxy reads, replaced as a whole or not touched
//! at all, with mode, owner and links kept.
#![cfg(unix)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use common::bundling::{build, bundler, read};
use common::openssl::{dhparams, openssl};
use common::pki::{Ca, Key, KeyKind, LeafOptions, pem_block};
use fullchain::haproxy::{self, Written};
use fullchain::{Bundle, Error};
use tempfile::TempDir;

/// Two bundles of one site: they differ in leaf and key.
struct Site {
    root: Ca,
    issuer: Ca,
}

impl Site {
    fn new() -> Site {
        let root = Ca::root("Root");
        let issuer = root.intermediate("Issuer");
        Site { root, issuer }
    }

    fn bundle(&self) -> Bundle {
        let leaf = self.issuer.leaf_named("www.example.com");
        let pems = [&self.issuer.cert_pem, &leaf.cert_pem, &leaf.key_pem];
        build(&bundler(&[&self.root.cert_pem]), &pems.map(String::as_str)).unwrap()
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("/tmp is writable")
}

/// The names in a folder, sorted.
fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn holds(path: &Path, bundle: &Bundle) -> bool {
    fs::read_to_string(path).unwrap() == haproxy::pem(bundle).expose()
}

#[test]
fn the_blocks_are_leaf_intermediates_root_dh_parameters_and_key() {
    let root = Ca::root("Root");
    let upper = root.intermediate("Upper");
    let lower = upper.intermediate("Lower");
    let parameters = dhparams();
    for kind in [KeyKind::P256, KeyKind::Rsa(2048), KeyKind::Ed25519] {
        let leaf = lower.leaf(LeafOptions {
            shared_key: Some(Key::nth(kind, 0)),
            ..LeafOptions::default()
        });
        let pems = [
            &leaf.key_pem,
            &root.cert_pem,
            &parameters,
            &upper.cert_pem,
            &leaf.cert_pem,
            &lower.cert_pem,
        ];
        let bundler = bundler(&[&root.cert_pem]).include_root(true);
        let bundle = build(&bundler, &pems.map(String::as_str)).unwrap();
        let owed = [
            pem_block("CERTIFICATE", &leaf.cert_der),
            pem_block("CERTIFICATE", &lower.cert_der),
            pem_block("CERTIFICATE", &upper.cert_der),
            pem_block("CERTIFICATE", &root.cert_der),
            parameters.clone(),
            pem_block("PRIVATE KEY", &leaf.key_der),
        ];
        assert_eq!(haproxy::pem(&bundle).expose(), owed.concat());
    }
}

#[test]
fn the_text_is_strict_pem_without_a_blank_line() {
    let bundle = Site::new().bundle();
    let text = haproxy::pem(&bundle);
    let text = text.expose();
    assert!(text.ends_with("-----\n") && !text.contains('\r'));
    let mut rest = text;
    while !rest.is_empty() {
        let (begin, after) = rest.split_once('\n').unwrap();
        let label = begin.strip_prefix("-----BEGIN ").unwrap();
        let label = label.strip_suffix("-----").unwrap();
        let end = format!("-----END {label}-----\n");
        let (body, after) = after.split_once(&end).unwrap();
        let lines: Vec<_> = body.lines().collect();
        let (last, full) = lines.split_last().unwrap();
        assert!(full.iter().all(|line| line.len() == 64));
        assert!((1..=64).contains(&last.len()));
        let block = &rest[..rest.len() - after.len()];
        pem_rfc7468::decode_vec(block.as_bytes()).unwrap();
        rest = after;
    }
    for (program, of_leaf) in [("x509", true), ("pkey", false)] {
        let read = String::from_utf8(openssl(&[program], text.as_bytes())).unwrap();
        assert!(text.contains(&read), "{program}");
        assert_eq!(text.starts_with(&read), of_leaf, "{program}");
    }
}

#[test]
fn what_is_written_reads_back_as_the_same_material_without_a_finding() {
    let bundle = Site::new().bundle();
    let text = haproxy::pem(&bundle);
    let material = read("site.pem", text.expose());
    assert!(material.findings.is_empty() && material.unreadable.is_empty());
    let certificates: Vec<_> = bundle.chain().certificates().cloned().collect();
    assert_eq!(material.certificates, certificates);
    assert_eq!(material.keys.len(), 1);
    assert_eq!(material.keys[0].secret_der(), bundle.key().secret_der());
}

#[test]
fn a_new_file_is_for_its_owner_alone() {
    let (site, folder) = (Site::new(), folder());
    let path = folder.path().join("site.pem");
    let bundle = site.bundle();
    assert_eq!(haproxy::write(&bundle, &path).unwrap(), Written::Created);
    assert!(holds(&path, &bundle));
    assert_eq!(mode(&path), 0o600);
    assert_eq!(listing(folder.path()), ["site.pem"]);
}

/// Another user and group, as far as the one who runs the tests may give files away.
fn other_owner(own_file: &Path) -> (u32, u32) {
    let own = fs::metadata(own_file).unwrap();
    match own.uid() {
        0 => (12_345, 23_456),
        uid => (uid, own.gid()),
    }
}

#[test]
fn mode_and_owner_of_a_replaced_file_are_kept() {
    let (site, folder) = (Site::new(), folder());
    let path = folder.path().join("site.pem");
    for bits in [0o600, 0o640, 0o444, 0o660] {
        fs::write(&path, "old").unwrap();
        let (user, group) = other_owner(&path);
        chown(&path, Some(user), Some(group)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(bits)).unwrap();
        let bundle = site.bundle();
        assert_eq!(haproxy::write(&bundle, &path).unwrap(), Written::Replaced);
        assert!(holds(&path, &bundle));
        let new = fs::metadata(&path).unwrap();
        assert_eq!((new.uid(), new.gid()), (user, group));
        assert_eq!(mode(&path), bits);
        assert_eq!(listing(folder.path()), ["site.pem"]);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn who_has_the_old_file_open_or_linked_keeps_it_whole() {
    let (site, folder) = (Site::new(), folder());
    let [path, link] = ["site.pem", "link.pem"].map(|name| folder.path().join(name));
    let old = site.bundle();
    haproxy::write(&old, &path).unwrap();
    fs::hard_link(&path, &link).unwrap();
    let new = site.bundle();
    assert_eq!(haproxy::write(&new, &path).unwrap(), Written::Replaced);
    assert!(holds(&path, &new));
    assert!(holds(&link, &old));
}

#[test]
fn the_same_content_is_not_touched() {
    let (site, folder) = (Site::new(), folder());
    let path = folder.path().join("site.pem");
    let bundle = site.bundle();
    haproxy::write(&bundle, &path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    // Whoever has written to it or set anything about it has changed the last of these.
    let stamp = |path: &Path| {
        let is = fs::metadata(path).unwrap();
        let times = [is.mtime(), is.mtime_nsec(), is.ctime(), is.ctime_nsec()];
        (is.ino(), is.mode(), times)
    };
    let (file, parent) = (stamp(&path), stamp(folder.path()));
    assert_eq!(haproxy::write(&bundle, &path).unwrap(), Written::Unchanged);
    assert_eq!(stamp(&path), file);
    assert_eq!(
        stamp(folder.path()),
        parent,
        "nothing came or went beside it"
    );

    // One byte less, and one byte other, are other contents.
    let text = fs::read(&path).unwrap();
    let mut other = text.clone();
    other[100] ^= 1;
    for content in [&text[..text.len() - 1], &other] {
        fs::write(&path, content).unwrap();
        assert_eq!(haproxy::write(&bundle, &path).unwrap(), Written::Replaced);
        assert!(holds(&path, &bundle));
    }
}

#[test]
fn links_stay_links_and_what_they_lead_to_is_replaced() {
    let (site, folder) = (Site::new(), folder());
    let real = folder.path().join("real");
    fs::create_dir(&real).unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink("real/site.pem", at("relative")).unwrap();
    symlink(real.join("site.pem"), at("absolute")).unwrap();
    symlink("absolute", at("chain")).unwrap();
    symlink("../chain", real.join("back")).unwrap();
    symlink("real", at("folder")).unwrap();
    // At first each but the last dangles, as there is no such file.
    for (number, link) in [
        "relative",
        "absolute",
        "chain",
        "real/back",
        "folder/site.pem",
    ]
    .iter()
    .enumerate()
    {
        let bundle = site.bundle();
        let owed = match number {
            0 => Written::Created,
            _ => Written::Replaced,
        };
        assert_eq!(haproxy::write(&bundle, &at(link)).unwrap(), owed, "{link}");
        assert!(holds(&real.join("site.pem"), &bundle), "{link}");
        let again = haproxy::write(&bundle, &at(link)).unwrap();
        assert_eq!(again, Written::Unchanged, "{link}");
    }
    assert_eq!(listing(&real), ["back", "site.pem"]);
    assert_eq!(
        listing(folder.path()),
        ["absolute", "chain", "folder", "real", "relative"]
    );
    for (link, target) in [("relative", "real/site.pem"), ("chain", "absolute")] {
        assert_eq!(fs::read_link(at(link)).unwrap(), Path::new(target));
    }
}

#[test]
fn loops_of_links_are_refused() {
    let (site, folder) = (Site::new(), folder());
    let at = |name: &str| folder.path().join(name);
    symlink("b", at("a")).unwrap();
    symlink("a", at("b")).unwrap();
    symlink("itself", at("itself")).unwrap();
    for link in ["a", "itself"] {
        let error = haproxy::write(&site.bundle(), &at(link)).unwrap_err();
        assert!(matches!(error, Error::LinkLoop { .. }), "{error:?}");
        assert!(error.to_string().contains("symbolic links"), "{error}");
    }
    assert_eq!(listing(folder.path()), ["a", "b", "itself"]);
}

/// Writing to that path fails, what it says contains this, and nothing comes or goes.
fn fails(path: &Path, said: &str) {
    let parent = path.parent().unwrap();
    let before = parent.is_dir().then(|| listing(parent));
    let error = haproxy::write(&Site::new().bundle(), path).unwrap_err();
    let error = error.to_string();
    assert!(error.contains(said), "{error}");
    assert_eq!(parent.is_dir().then(|| listing(parent)), before);
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fails(&at("folder"), "folder is not a regular file");
    let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    assert!(made.success());
    fails(&at("pipe"), "pipe is not a regular file");
    fails(Path::new("/dev/full"), "/dev/full is not a regular file");
    symlink("/dev/null", at("link")).unwrap();
    fails(&at("link"), "/dev/null is not a regular file");
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fails(&at("missing/site.pem"), "missing");
    fs::write(at("file"), "").unwrap();
    fails(&at("file/site.pem"), "file/site.pem");
    let long = at(&"x".repeat(300));
    fails(&long, "xxx");
    symlink("missing/site.pem", at("dangling")).unwrap();
    fails(&at("dangling"), "missing");
    // The longest name that there may be is no obstacle to the temporary file beside it.
    let longest = at(&"x".repeat(255));
    haproxy::write(&Site::new().bundle(), &longest).unwrap();
    assert!(longest.is_file());
}
