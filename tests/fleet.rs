//! A fleet: every file has its result, in order when asked; what is wrong with one is no matter
//! of the others; it stops when told.

mod common;

use std::collections::HashSet;
use std::path::PathBuf;

use common::pki::{Ca, Key, KeyKind, LeafOptions};
use fullchain::Cancel;
use fullchain::haproxy::fleet::{Fleet, Summary};
use fullchain::haproxy::load::Loader;
use fullchain::{Bundler, Code, Reader, TrustStore};
use rustls_pki_types::UnixTime;
use tempfile::TempDir;

/// 2026-06-01T00:00:00Z
const NOW: u64 = 1_780_272_000;

struct Folder {
    dir: TempDir,
    root: Ca,
    issuer: Ca,
    files: Vec<PathBuf>,
}

impl Folder {
    fn new() -> Folder {
        let root = Ca::root("Root");
        Folder {
            dir: TempDir::new().expect("/tmp is writable"),
            issuer: root.intermediate("Issuer"),
            root,
            files: Vec::new(),
        }
    }

    /// Of so many certificates with one key.
    fn of(count: usize) -> Folder {
        let mut folder = Folder::new();
        for number in 0..count {
            folder.add(&format!("{number:04}.pem"), LeafOptions::default());
        }
        folder
    }

    fn add(&mut self, name: &str, options: LeafOptions) {
        let leaf = self.issuer.leaf(LeafOptions {
            shared_key: options.shared_key.or(Some(Key::nth(KeyKind::P256, 0))),
            ..options
        });
        let pem = leaf.cert_pem + &self.issuer.cert_pem + &leaf.key_pem;
        self.put(name, &pem);
    }

    fn put(&mut self, name: &str, content: &str) {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).expect("/tmp is writable");
        self.files.push(path);
    }

    fn fleet(&self) -> Fleet {
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW));
        let material = Reader::new().read("root", self.root.cert_pem.as_bytes());
        let (store, _) = TrustStore::from_material("root", material.expect("small")).expect("one");
        Fleet::new(Loader::new(now))
            .judge(Bundler::new(store, now))
            .threads(3)
    }
}

#[test]
fn each_file_has_its_result_and_they_come_in_order_when_asked() {
    let folder = Folder::of(300);
    let checks = folder.fleet().check(folder.files.clone());
    let indices: HashSet<usize> = checks.map(|checked| checked.index).collect();
    assert_eq!(indices.len(), 300);
    let checks = folder.fleet().in_order(true).check(folder.files.clone());
    for (owed, checked) in checks.enumerate() {
        assert_eq!(
            (checked.index, &*checked.file),
            (owed, &*folder.files[owed])
        );
        let chain = checked.clients.and_then(|clients| clients.chain);
        assert_eq!(chain.expect("it is trusted").trusted_by(), ["root"]);
    }
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let mut folder = Folder::of(20);
    folder.put("garbage.pem", "no certificate");
    folder.files.push(folder.dir.path().join("missing.pem"));
    folder.files.push(folder.dir.path().to_owned());
    folder.add("last.pem", LeafOptions::default());
    let checks = folder.fleet().in_order(true).check(folder.files.clone());
    let loaded: Vec<bool> = checks.map(|checked| checked.loaded.is_ok()).collect();
    assert_eq!(loaded[..20], [true; 20]);
    assert_eq!(loaded[20..], [false, false, false, true]);
}

#[test]
fn it_stops_when_it_is_cancelled_or_dropped() {
    let folder = Folder::of(50);
    for in_order in [false, true] {
        // Without an end, unless it is told.
        let endless = folder.files.clone().into_iter().cycle();
        let cancel = Cancel::new();
        let fleet = folder.fleet().in_order(in_order).cancel(&cancel);
        let mut seen = 0;
        for checked in fleet.check(endless.clone()) {
            assert!(!in_order || checked.index == seen);
            seen += 1;
            if seen == 2_000 {
                cancel.cancel();
            }
        }
        assert!((2_000..10_000).contains(&seen), "{seen}");
        let mut checks = folder.fleet().in_order(in_order).check(endless);
        assert!(checks.next().is_some());
        drop(checks);
    }
}

#[test]
fn the_summary_counts_codes_weeks_and_shared_keys() {
    let mut folder = Folder::new();
    let with = |kind, n| LeafOptions {
        shared_key: Some(Key::nth(kind, n)),
        ..LeafOptions::default()
    };
    folder.add("a.pem", with(KeyKind::P256, 1));
    folder.add("b.pem", with(KeyKind::P256, 1));
    folder.add("c.pem", with(KeyKind::P256, 2));
    folder.add(
        "d.pem",
        LeafOptions {
            not_after: (2026, 6, 4),
            ..with(KeyKind::P256, 3)
        },
    );
    folder.add(
        "e.pem",
        LeafOptions {
            not_after: (2020, 6, 4),
            ..with(KeyKind::P256, 4)
        },
    );
    folder.put("f \"quoted\".pem", "nothing");
    let mut summary = Summary::new();
    for checked in folder.fleet().warn_days(10).check(folder.files.clone()) {
        summary.record(&checked);
    }
    assert_eq!((summary.files(), summary.refused()), (6, 1));
    let codes: Vec<(Code, usize)> = summary.codes().map(|(_, code, n)| (code, n)).collect();
    assert_eq!(
        codes,
        [
            (Code::Expired, 1),
            (Code::NotLoaded, 1),
            (Code::ExpiresSoon, 1),
            (Code::Link, 1)
        ]
    );
    // Monday 2026-06-01 begins the week of the fourth.
    let weeks: Vec<(u64, usize)> = summary
        .weeks()
        .iter()
        .map(|(at, n)| (at.as_secs(), *n))
        .collect();
    assert_eq!(weeks[1], (NOW, 1));
    assert_eq!(weeks.iter().map(|(_, count)| count).sum::<usize>(), 5);
    let shared = summary.shared_keys(&folder.files);
    let [shared] = shared.findings() else {
        panic!("one key is shared: {shared}");
    };
    assert_eq!(shared.code, Code::SharedKey);
    assert!(shared.message.contains("a.pem and ") && shared.message.contains("b.pem have one key"));
}

#[test]
fn the_metrics_are_as_prometheus_reads_them() {
    let mut folder = Folder::of(1);
    folder.add(
        "a\\b\"c\".pem",
        LeafOptions {
            not_after: (2026, 6, 4),
            ..LeafOptions::default()
        },
    );
    folder.put("f.pem", "nothing");
    let mut summary = Summary::new();
    for checked in folder.fleet().check(folder.files.clone()) {
        summary.record(&checked);
    }
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW));
    let files: Vec<PathBuf> = folder
        .files
        .iter()
        .map(|file| file.file_name().expect("one").into())
        .collect();
    assert_eq!(
        summary.metrics(&files, now).to_string(),
        "# HELP fullchain_check_timestamp_seconds The moment for which the files were checked.\n\
         # TYPE fullchain_check_timestamp_seconds gauge\n\
         fullchain_check_timestamp_seconds 1780272000\n\
         # HELP fullchain_files Certificate files, by whether HAProxy loads them.\n\
         # TYPE fullchain_files gauge\n\
         fullchain_files{state=\"loaded\"} 2\n\
         fullchain_files{state=\"refused\"} 1\n\
         # HELP fullchain_findings Findings, by code and severity.\n\
         # TYPE fullchain_findings gauge\n\
         fullchain_findings{code=\"not-loaded\",severity=\"error\"} 1\n\
         # HELP fullchain_certificate_expiry_timestamp_seconds When the certificate, or one above it, expires.\n\
         # TYPE fullchain_certificate_expiry_timestamp_seconds gauge\n\
         fullchain_certificate_expiry_timestamp_seconds{file=\"0000.pem\"} 4733510400\n\
         fullchain_certificate_expiry_timestamp_seconds{file=\"a\\\\b\\\"c\\\".pem\"} 1780531200\n"
    );
}
