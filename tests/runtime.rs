//! HAProxy's Runtime API, asked by `haproxy::runtime`: what a running HAProxy answers, does and
//! refuses.
#![cfg(feature = "deploy")]

mod common;

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::bundling::{build, bundler, ders};
use common::haproxy::Haproxy;
use common::pki::{Ca, KeyKind, LeafOptions};
use fullchain::Bundle;
use fullchain::haproxy::runtime::{Runtime, RuntimeError};
use fullchain::haproxy::{Address, CrtEntry, pem};
use tempfile::TempDir;

/// A CA, and a folder with certificates of it.
struct Site {
    root: Ca,
    issuing: Ca,
    folder: TempDir,
}

impl Site {
    fn new() -> Site {
        let root = Ca::root("Root");
        let issuing = root.intermediate("Issuing");
        let folder = tempfile::tempdir().expect("/tmp is writable");
        fs::create_dir(folder.path().join("certs")).expect("/tmp is writable");
        Site {
            root,
            issuing,
            folder,
        }
    }

    fn bundle(&self, name: &str) -> Bundle {
        let leaf = self.issuing.leaf(LeafOptions {
            key: KeyKind::P256,
            ..LeafOptions::named(name)
        });
        let pems = [&leaf.cert_pem, &self.issuing.cert_pem, &leaf.key.pem()];
        build(&bundler(&[&self.root.cert_pem]), &pems.map(String::as_str)).expect("all is there")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file with a bundle of that name in it.
    fn file(&self, file: &str, name: &str) -> PathBuf {
        let path = self.path(file);
        fullchain::haproxy::write(&self.bundle(name), &path).expect("/tmp is writable");
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

fn runtime(haproxy: &Haproxy) -> Runtime {
    Runtime::new(Address::Unix(haproxy.admin_socket())).expect("HAProxy answers")
}

fn commit(runtime: &Runtime, name: &str, bundle: &Bundle) -> Result<(), RuntimeError> {
    let mut transaction = runtime.begin(name)?;
    transaction.set(pem(bundle).expose())?;
    transaction.commit()
}

#[test]
fn a_certificate_is_replaced_over_a_stats_socket_and_a_masters() {
    let site = Site::new();
    let file = site.file("site.pem", "a.example");
    let with_master = Haproxy::bind_with_master(&format!("crt {}", text(&file))).unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let global = format!("    stats socket ipv4@127.0.0.1:{port} level admin\n");
    let on_port = Haproxy::bind_with_global(&format!("crt {}", text(&file)), &global).unwrap();
    let cases = [
        (
            &with_master,
            Address::Unix(with_master.admin_socket()),
            false,
        ),
        (
            &with_master,
            Address::Unix(with_master.master_socket()),
            true,
        ),
        (
            &on_port,
            format!("127.0.0.1:{port}").parse().unwrap(),
            false,
        ),
    ];
    for (haproxy, address, is_master) in cases {
        let runtime = Runtime::new(address.clone()).unwrap();
        assert_eq!(runtime.is_master(), is_master, "{address}");
        let before = runtime.info().unwrap();
        assert!(before.version.starts_with(&runtime.version().to_string()));
        let listed = runtime.certificates().unwrap();
        assert_eq!(listed.names, [text(&file)]);
        assert_eq!(listed.transaction, None);

        let bundle = site.bundle("a.example");
        commit(&runtime, text(&file), &bundle).unwrap();
        assert_eq!(
            haproxy.served_chain(Some("a.example")),
            ders(&bundle),
            "{address}"
        );
        let shown = runtime
            .certificate(text(&file))
            .unwrap()
            .expect("HAProxy has it");
        assert_eq!(shown.status, "Used");
        assert!(shown.is(bundle.chain().leaf().der()));
        assert!(!shown.is(&site.issuing.cert_der));
        assert_eq!(shown.chain, ["/CN=Issuing"]);
        assert_eq!(runtime.info().unwrap().pid, before.pid);
        assert_eq!(runtime.certificate("/nobody").unwrap(), None);
    }
}

#[test]
fn a_new_certificate_joins_a_folder_and_a_crt_list_and_leaves_them() {
    let site = Site::new();
    site.file("certs/a.pem", "a.example");
    let list = site.path("sites.list");
    fs::write(&list, format!("{}\n", text(&site.path("certs/a.pem")))).unwrap();
    let folder = site.path("certs");
    let binds = format!("crt {} crt-list {}", text(&folder), text(&list));
    let haproxy = Haproxy::bind(&binds).unwrap();
    let runtime = runtime(&haproxy);
    let mut lists = runtime.crt_lists().unwrap();
    lists.sort();
    assert_eq!(lists, [text(&folder), text(&list)]);

    let bundle = site.bundle("b.example");
    let new = site.path("certs/b; c.pem");
    runtime.create(text(&new)).unwrap();
    let empty = runtime
        .certificate(text(&new))
        .unwrap()
        .expect("it was made");
    assert_eq!((empty.status.as_str(), empty.fingerprint), ("Empty", None));
    let again = runtime.create(text(&new)).unwrap_err();
    assert!(
        again
            .words()
            .is_some_and(|it| it.contains("already exists")),
        "{again}"
    );
    commit(&runtime, text(&new), &bundle).unwrap();
    assert_ne!(haproxy.served_chain(Some("b.example")), ders(&bundle));

    let entries = runtime.crt_list(text(&folder)).unwrap();
    assert_eq!(entries.len(), 1);
    let entry = CrtEntry::new(site.path("certs/c.pem").to_str().unwrap()).unwrap();
    let missing = runtime.add(text(&folder), &entry).unwrap_err();
    assert!(
        missing
            .words()
            .is_some_and(|it| it.contains("does not exist")),
        "{missing}"
    );

    let entry = entries[0].entry.clone();
    let in_list = site.path("c.pem");
    runtime.create(text(&in_list)).unwrap();
    commit(&runtime, text(&in_list), &bundle).unwrap();
    let filtered = CrtEntry::new(text(&in_list)).unwrap();
    let filtered = filtered.option("alpn").unwrap().option("h2").unwrap();
    let filtered = filtered.filter("c.example").unwrap();
    runtime.add(text(&list), &filtered).unwrap();
    assert_eq!(haproxy.served_chain(Some("c.example")), ders(&bundle));
    let listed = runtime.crt_list(text(&list)).unwrap();
    assert_eq!((listed[0].line, &listed[0].entry), (1, &entry));
    assert_eq!((listed[1].line, &listed[1].entry), (2, &filtered));

    let used = runtime.delete(text(&in_list)).unwrap_err();
    assert!(
        used.words().is_some_and(|it| it.contains("in use")),
        "{used}"
    );
    runtime
        .remove(text(&list), text(&in_list), Some(2))
        .unwrap();
    runtime.delete(text(&in_list)).unwrap();
    runtime.delete(text(&new)).unwrap();
    assert_eq!(
        runtime.certificates().unwrap().names,
        [text(&site.path("certs/a.pem"))]
    );
    // It is the default.
    let refused = runtime.remove(text(&folder), text(&site.path("certs/a.pem")), None);
    assert!(
        matches!(refused, Err(RuntimeError::Refused { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_transaction_that_is_not_committed_is_aborted_and_anothers_is_left_alone() {
    let site = Site::new();
    let (a, b) = (
        site.file("certs/a.pem", "a.example"),
        site.file("certs/b.pem", "b.example"),
    );
    let haproxy = Haproxy::bind(&format!("crt {}", text(&site.path("certs")))).unwrap();
    let runtime = runtime(&haproxy);
    let bundle = site.bundle("a.example");
    let served = haproxy.served_chain(Some("a.example"));
    let served_b = haproxy.served_chain(Some("b.example"));

    let mut dropped = runtime.begin(text(&a)).unwrap();
    dropped.set(pem(&bundle).expose()).unwrap();
    assert_eq!(
        runtime.certificates().unwrap().transaction.as_deref(),
        Some(text(&a))
    );
    drop(dropped);
    assert_eq!(runtime.certificates().unwrap().transaction, None);

    // The key is another certificate's, which HAProxy finds out at the commit.
    let mut refused = runtime.begin(text(&a)).unwrap();
    let mixed = [
        bundle.certificates_pem(),
        site.bundle("a.example").key_pem().expose().to_owned(),
    ];
    refused.set(&mixed.concat()).unwrap();
    let error = refused.commit().unwrap_err();
    assert!(
        error
            .words()
            .is_some_and(|it| it.contains("inconsistencies")),
        "{error}"
    );
    assert_eq!(runtime.certificates().unwrap().transaction, None);

    let mut theirs = runtime.begin(text(&b)).unwrap();
    theirs.set(pem(&bundle).expose()).unwrap();
    for name in [&a, &b] {
        match runtime.begin(text(name)) {
            Err(RuntimeError::Busy { certificate }) => assert_eq!(certificate, text(&b)),
            other => panic!("{other:?}"),
        }
    }
    // It was free when it was looked at, and is not any more.
    drop(theirs);
    let mut late = runtime.begin(text(&a)).unwrap();
    let mut theirs = runtime.begin(text(&b)).unwrap();
    theirs.set(pem(&bundle).expose()).unwrap();
    let error = late.set(pem(&bundle).expose()).unwrap_err();
    assert!(matches!(error, RuntimeError::Busy { .. }), "{error}");
    drop(late);
    // HAProxy 2.6 has put the late one's content into it, so that it must not be committed.
    assert_eq!(runtime.certificates().unwrap().transaction, None);
    theirs.commit().unwrap_err();
    assert_eq!(haproxy.served_chain(Some("b.example")), served_b);
    assert_eq!(haproxy.served_chain(Some("a.example")), served);
}

#[test]
fn what_cannot_be_sent_or_is_too_long_leaves_no_transaction() {
    let site = Site::new();
    let file = site.file("site.pem", "a.example");
    let haproxy = Haproxy::serve(&file).unwrap();
    let runtime = runtime(&haproxy);
    let bundle = site.bundle("a.example");
    let pem = pem(&bundle);
    let chain = site.issuing.cert_pem.repeat(40);
    let long = [pem.expose(), chain.trim_end()].concat();
    assert!(long.len() > runtime.version().payload_limit());
    let error = runtime.begin(text(&file)).unwrap().set(&long).unwrap_err();
    assert!(matches!(error, RuntimeError::Closed { .. }), "{error}");
    assert_eq!(runtime.certificates().unwrap().transaction, None);

    let gap = pem.expose().replacen("\n-----BEGIN", "\n\n-----BEGIN", 1);
    let error = runtime.begin(text(&file)).unwrap().set(&gap).unwrap_err();
    assert!(matches!(error, RuntimeError::Unwritable { .. }), "{error}");
    let error = runtime
        .begin(text(&file))
        .unwrap()
        .set("nonsense")
        .unwrap_err();
    assert!(
        error
            .words()
            .is_some_and(|it| it.contains("unable to load certificate")),
        "{error}"
    );
    // Nothing of a payload is told.
    let key = pem
        .expose()
        .lines()
        .rev()
        .nth(1)
        .expect("the key has lines");
    for secret in [&format!("{error}"), &format!("{error:?}")] {
        assert!(!secret.contains(key), "{secret}");
    }
    let error = runtime.certificate("a\nshow info").unwrap_err();
    assert!(matches!(error, RuntimeError::Unwritable { .. }), "{error}");
}

#[test]
fn silence_refusal_and_missing_rights_are_told_apart() {
    let site = Site::new();
    let file = site.file("site.pem", "a.example");
    let user = site.path("user.sock");
    let global = format!("    stats socket {} level user\n", text(&user));
    let _haproxy = Haproxy::bind_with_global(&format!("crt {}", text(&file)), &global).unwrap();
    let runtime = Runtime::new(Address::Unix(user)).unwrap();
    let error = runtime.create("/x.pem").unwrap_err();
    assert!(
        matches!(error, RuntimeError::NotPermitted { .. }),
        "{error}"
    );

    let nobody = Runtime::new(Address::Unix(site.path("nobody.sock"))).unwrap_err();
    assert!(
        matches!(nobody, RuntimeError::Unreachable { .. }),
        "{nobody}"
    );

    let silent = site.path("silent.sock");
    let _listener = UnixListener::bind(&silent).unwrap();
    let began = Instant::now();
    let timeout = Duration::from_millis(200);
    let error = Runtime::with_timeout(Address::Unix(silent), timeout).unwrap_err();
    assert!(matches!(error, RuntimeError::TimedOut { .. }), "{error}");
    assert!(began.elapsed() >= timeout);
}
