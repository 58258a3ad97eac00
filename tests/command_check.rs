//! `fullchain check`: each fault of a folder is named, and HAProxy agrees about starting.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;

use common::command::{Ended, Run};
use common::haproxy::check_config;
use common::pki::{Ca, CaOptions, Key, KeyKind, Leaf, LeafOptions};
use serde_json::Value;

/// A root, the issuers below it, and a folder `certs` for HAProxy.
struct Site {
    run: Run,
    root: Ca,
    issuer: Ca,
}

impl Site {
    fn new() -> Site {
        let (run, root) = (Run::new(), Ca::root("Root"));
        let issuer = root.intermediate("Issuer");
        fs::create_dir(run.path("certs")).expect("/tmp is writable");
        fs::write(run.path("root.pem"), &root.cert_pem).expect("/tmp is writable");
        Site { run, root, issuer }
    }

    fn leaf(&self, name: &str) -> Leaf {
        self.issuer.leaf_named(name)
    }

    /// A file of the folder.
    fn put(&self, name: &str, parts: &[&str]) {
        let path = self.run.path(&format!("certs/{name}"));
        fs::write(path, parts.concat()).expect("/tmp is writable");
    }

    /// A certificate file as it should be.
    fn put_whole(&self, name: &str, leaf: &Leaf) {
        self.put(
            name,
            &[&leaf.cert_pem, &self.issuer.cert_pem, &leaf.key_pem],
        );
    }

    fn check(&self, args: &[&str]) -> Ended {
        let first = ["check", "--roots", "root.pem", "--haproxy-version", "2.6"];
        Ended::of(self.run.fullchain(&[&first, args].concat()))
    }

    /// What is said of one file: the codes. HAProxy must load it or not, as is said.
    fn codes(&self, parts: &[&str]) -> Vec<String> {
        self.put("site.pem", parts);
        let ended = self.check(&["--json", "certs/site.pem"]);
        let lines: Vec<Value> = ended
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let [file, last] = lines.as_slice() else {
            panic!("a line for the file and one for all: {}", ended.stdout);
        };
        let loads = check_config(&self.run.path("certs/site.pem")).is_ok();
        assert_eq!(last["summary"]["starts"], loads, "{}", ended.stdout);
        assert_eq!(file["refused"].is_null(), loads);
        let lists = [&file["loaded"]["findings"], &file["clients"]["findings"]];
        let findings = lists.iter().filter_map(|list| list.as_array()).flatten();
        let refused = file["refused"].get("finding").into_iter();
        let all: Vec<_> = findings.chain(refused).collect();
        let is_error = all.iter().any(|finding| finding["severity"] == "error");
        assert_eq!(ended.code, Some(i32::from(is_error)), "{}", ended.stdout);
        let mut codes: Vec<_> = all
            .iter()
            .map(|finding| finding["code"].as_str().expect("a word").to_owned())
            .collect();
        codes.sort();
        codes
    }
}

#[test]
fn a_sound_folder_has_nothing_but_a_default_certificate() {
    let site = Site::new();
    site.put_whole("a.pem", &site.leaf("a.example"));
    site.put_whole("b.pem", &site.leaf("b.example"));
    let ended = site.check(&["certs"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert_eq!(
        ended.stdout,
        "certs/a.pem: CN=a.example, 2 certificates sent, trusted by root.pem until 2120-01-01T00:00:00Z\n\
         certs/b.pem: CN=b.example, 2 certificates sent, trusted by root.pem until 2120-01-01T00:00:00Z\n\
         note[default-certificate]: certs/a.pem is the default certificate, as it is loaded first: \
         clients get it that send no name or an unknown one\n --> certs/a.pem\n\
         2 files, 0 errors, 0 warnings: HAProxy starts\n"
    );
    assert_eq!(ended.stderr, "");
}

#[test]
fn what_loads_and_does_not_work_for_clients_is_said() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let (cert, key) = (&*leaf.cert_pem, &*leaf.key_pem);
    let (issuer, root) = (&*site.issuer.cert_pem, &*site.root.cert_pem);
    let upper = site.root.intermediate("Upper");
    let lower = upper.intermediate("Lower");
    let deep = lower.leaf_named("deep.example.com");
    let stranger = Ca::root("Stranger").cert_pem;
    let old = site.root.intermediate_with(CaOptions {
        not_after: (2021, 1, 1),
        ..CaOptions::named("Old")
    });
    let expired = site.issuer.leaf(LeafOptions {
        not_after: (2021, 1, 1),
        ..LeafOptions::default()
    });
    let damaged = issuer.replacen("MII", "M!I", 1);
    let trusted = issuer.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
    let cases: [(&[&str], &[&str]); 14] = [
        (&[cert, issuer, key], &[]),
        (&[key, cert, issuer], &[]),
        (&[cert, key], &["missing-issuer"]),
        (&[cert, issuer, root, key], &["root-sent"]),
        (&[cert, &stranger, issuer, key], &["stranger-sent"]),
        (&[cert, issuer, cert, key], &["sent-twice"]),
        (&[cert, issuer, &old.cert_pem, key], &["expired-sent"]),
        (
            &[
                &deep.cert_pem,
                &upper.cert_pem,
                &lower.cert_pem,
                &deep.key_pem,
            ],
            &["sent-order"],
        ),
        (
            &[&expired.cert_pem, issuer, &expired.key_pem],
            &["expired", "link"],
        ),
        (&[cert, &damaged, key], &["missing-issuer", "not-sent"]),
        (&[cert, &trusted, key], &["missing-issuer", "not-sent"]),
        (&[issuer, cert, key], &["key-mismatch"]),
        (&[cert, issuer], &["no-key"]),
        (&["hello"], &["not-loaded"]),
    ];
    for (parts, owed) in cases {
        assert_eq!(site.codes(parts), owed, "{}", parts.concat());
    }
}

#[test]
fn what_is_surprising_about_all_files_together_is_said() {
    let site = Site::new();
    let rsa = |names: &[&str]| {
        site.issuer.leaf(LeafOptions {
            name: names[0].to_owned(),
            dns: names.iter().map(|&name| name.to_owned()).collect(),
            shared_key: Some(Key::nth(KeyKind::Rsa(2048), 0)),
            ..LeafOptions::default()
        })
    };
    // Two of one name, of which one sorts first; a wildcard that beats a name; twins that differ,
    // and one that is alone; a common name that is none.
    site.put_whole("a-new.pem", &site.leaf("shop.example"));
    site.put_whole("shop.pem", &site.leaf("shop.example"));
    site.put_whole("wild.pem", &site.leaf("*.example"));
    site.put_whole("www-rsa.pem", &rsa(&["www.example"]));
    site.put_whole("twin.pem.ecdsa", &site.leaf("twin.example"));
    site.put_whole("twin.pem.rsa", &rsa(&["twin.example", "other.example"]));
    site.put_whole("odd.pem", &site.leaf("odd name"));
    let hidden = site.leaf("hidden.test");
    let pem = hidden.cert_pem + &site.issuer.cert_pem + &hidden.key_pem;
    fs::write(site.run.path("hidden.pem"), pem).expect("/tmp is writable");
    let list = "hidden.pem visible.test !nobody.test\n";
    fs::write(site.run.path("sites.list"), list).expect("/tmp is writable");
    fs::create_dir(site.run.path("before")).expect("/tmp is writable");
    let (from, to) = (
        site.run.path("certs/shop.pem"),
        site.run.path("before/shop.pem"),
    );
    fs::copy(from, to).expect("/tmp is writable");

    let ended = site.check(&["--before", "before", "certs", "sites.list"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    for owed in [
        "note[default-certificate]: certs/a-new.pem is the default certificate, as it is loaded first",
        "warning[default-changed]: certs/a-new.pem is the default certificate now",
        "warning[name-claimed-twice]: certs/shop.pem never answers for shop.example",
        "warning[never-answers]: certs/shop.pem never answers anybody",
        "warning[wildcard-wins]: certs/wild.pem has a wildcard and an ECDSA key",
        "warning[twins-differ]: certs/twin.pem.ecdsa and certs/twin.pem.rsa are twins",
        "note[twin-missing]: certs/a-new.pem has an ECDSA key, and there is no twin",
        "note[odd-common-name]: the common name odd name",
        "warning[filter-hides-names]: the filters of hidden.pem's line",
        "warning[void-filter]: the filter !nobody.test of hidden.pem does nothing",
    ] {
        assert!(ended.stdout.contains(owed), "{owed}\n{}", ended.stdout);
    }
}

#[test]
fn a_folder_with_one_file_that_is_refused_does_not_start() {
    let site = Site::new();
    site.put_whole("a.pem", &site.leaf("a.example"));
    site.put("README", &["what these files are"]);
    site.put("b.pem.key", &["passed over"]);
    let ended = site.check(&["certs"]);
    assert_eq!(ended.code, Some(1));
    assert!(check_config(&site.run.path("certs")).is_err());
    assert!(
        ended.stdout.contains("certs/README: not loaded\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .ends_with("2 files, 1 error, 0 warnings: HAProxy does not start\n")
    );
}

#[test]
fn no_certificate_at_all_is_an_error_unless_strict_sni_is_set() {
    let site = Site::new();
    for (args, code, word) in [
        (&["certs"][..], 1, "error[not-loaded]"),
        (&["--strict-sni", "certs"], 0, "warning[not-loaded]"),
        (
            &["nothing.pem"],
            1,
            "error[not-loaded]: HAProxy finds no file nothing.pem",
        ),
    ] {
        let ended = site.check(args);
        assert_eq!(ended.code, Some(code), "{args:?}");
        assert!(ended.stdout.contains(word), "{}", ended.stdout);
    }
}

#[test]
fn wrong_use_is_2_and_roots_that_cannot_be_read_are_1() {
    let site = Site::new();
    assert_eq!(Ended::of(site.run.fullchain(&["check"])).code, Some(2));
    let ended = Ended::of(
        site.run
            .fullchain(&["check", "--haproxy-version", "x", "certs"]),
    );
    assert_eq!(ended.code, Some(2));
    let ended = Ended::of(
        site.run
            .fullchain(&["check", "--roots", "none", "--json", "certs"]),
    );
    assert_eq!(ended.code, Some(1));
    let json: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert!(
        json["summary"]["error"]
            .as_str()
            .expect("a reason")
            .contains("none")
    );
}

#[test]
fn a_damaged_chain_is_refused_since_2_7_and_cut_short_before() {
    let site = Site::new();
    let leaf = site.leaf("www.example.com");
    let damaged = site.issuer.cert_pem.replacen("MII", "M!I", 1);
    site.put("site.pem", &[&leaf.cert_pem, &leaf.key_pem, &damaged]);
    for (version, owed) in [
        ("2.6", "starts"),
        ("2.7", "does not start"),
        ("3.2", "does not start"),
    ] {
        let args = [
            "check",
            "--roots",
            "root.pem",
            "--haproxy-version",
            version,
            "certs",
        ];
        let ended = Ended::of(site.run.fullchain(&args));
        let end = format!("HAProxy {owed}\n");
        assert!(ended.stdout.ends_with(&end), "{version}: {}", ended.stdout);
    }
}

#[test]
fn ten_faults_among_many_files_are_found_and_counted() {
    let site = Site::new();
    for number in 0..40 {
        site.put_whole(
            &format!("{number:02}.pem"),
            &site.leaf(&format!("{number}.example")),
        );
    }
    let (one, other) = (site.leaf("one.example"), site.leaf("other.example"));
    let (issuer, root) = (&*site.issuer.cert_pem, &*site.root.cert_pem);
    let short = site.issuer.leaf(LeafOptions {
        not_after: (2026, 6, 4),
        ..LeafOptions::named("short.example")
    });
    let expired = site.issuer.leaf(LeafOptions {
        not_after: (2021, 1, 1),
        ..LeafOptions::named("expired.example")
    });
    let faults: [(&str, &[&str]); 10] = [
        ("key-mismatch", &[&one.cert_pem, issuer, &other.key_pem]),
        ("missing-issuer", &[&one.cert_pem, &one.key_pem]),
        ("no-key", &[&one.cert_pem, issuer]),
        ("not-loaded", &["a README"]),
        ("expired", &[&expired.cert_pem, issuer, &expired.key_pem]),
        ("expires-soon", &[&short.cert_pem, issuer, &short.key_pem]),
        (
            "root-sent",
            &[&other.cert_pem, issuer, root, &other.key_pem],
        ),
        (
            "sent-twice",
            &[&other.cert_pem, issuer, issuer, &other.key_pem],
        ),
        (
            "stranger-sent",
            &[&other.cert_pem, issuer, &one.cert_pem, &other.key_pem],
        ),
        (
            "not-sent",
            &[
                &other.cert_pem,
                issuer,
                &other.key_pem,
                &root.replace("MII", "M!I"),
            ],
        ),
    ];
    for (code, parts) in faults {
        site.put(&format!("{code}.pem"), parts);
    }
    let metrics = site.run.path("metrics.prom");
    let args = [
        "--warn-days",
        "30",
        "--at",
        "2026-06-01T00:00:00Z",
        "--metrics",
    ];
    let args = [&args[..], &[metrics.to_str().expect("UTF-8"), "certs"]].concat();
    let ended = site.check(&args);
    assert_eq!(ended.code, Some(1));
    for (code, _) in faults {
        let told = format!("[{code}]: ");
        let place = format!("--> certs/{code}.pem");
        assert!(ended.stdout.contains(&told), "{code}\n{}", ended.stdout);
        assert!(ended.stdout.contains(&place), "{code}\n{}", ended.stdout);
    }
    // Of sound files there is nothing to say.
    assert!(
        !ended.stdout.contains("certs/07.pem: CN"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("\nfindings, the worst first:\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("note[shared-key]"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("expiries, by the Monday of their week:\n")
    );
    assert!(
        ended.stdout.contains("       1 2026-06-01\n"),
        "{}",
        ended.stdout
    );
    let metrics = fs::read_to_string(metrics).expect("it was written");
    assert!(
        metrics.contains("fullchain_files{state=\"refused\"} 3\n"),
        "{metrics}"
    );
    assert!(metrics.contains("fullchain_findings{code=\"expired\",severity=\"error\"} 1\n"));
}

#[test]
fn the_json_is_a_line_for_each_file_and_one_for_all() {
    let site = Site::new();
    site.put_whole("a.pem", &site.leaf("a.example"));
    site.put("b.pem", &["nothing"]);
    let ended = site.check(&["--json", "certs"]);
    assert_eq!(ended.code, Some(1));
    let lines: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["file"], "certs/a.pem");
    assert_eq!(lines[0]["loaded"]["sent"][0]["subject"], "CN=a.example");
    assert_eq!(lines[0]["clients"]["chain"]["trusted_by"][0], "root.pem");
    assert_eq!(lines[1]["refused"]["finding"]["code"], "not-loaded");
    let summary = &lines[2]["summary"];
    assert_eq!(
        (&summary["files"], &summary["refused"]),
        (&2.into(), &1.into())
    );
    assert_eq!(summary["starts"], false);
    assert_eq!(summary["codes"][0]["code"], "not-loaded");
}
