//! `fullchain sni`: which certificate answers whom, and why.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;

use common::command::{Ended, Run};
use common::pki::{Ca, Key, KeyKind, LeafOptions};
use serde_json::{Value, json};

/// A folder with an ECDSA wildcard and an RSA certificate for one of its names.
fn site() -> Run {
    let (run, ca) = (Run::new(), Ca::root("Root"));
    for (file, kind, name) in [
        ("1-wild.pem", KeyKind::P256, "*.example"),
        ("2-www.pem", KeyKind::Rsa(2048), "www.example"),
    ] {
        let leaf = ca.leaf(LeafOptions {
            shared_key: Some(Key::nth(kind, 0)),
            ..LeafOptions::named(name)
        });
        let pem = leaf.cert_pem + &leaf.key_pem;
        fs::create_dir_all(run.path("certs")).expect("/tmp is writable");
        fs::write(run.path(&format!("certs/{file}")), pem).expect("/tmp is writable");
    }
    run
}

fn sni(run: &Run, args: &[&str]) -> Ended {
    Ended::of(run.fullchain(&[&["sni"], args].concat()))
}

#[test]
fn the_whole_table_is_printed() {
    let ended = sni(&site(), &["certs"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        ended.stdout,
        "*.example: certs/1-wild.pem (ECDSA)\n\
         www.example: certs/2-www.pem (RSA)\n\
         any other name, or none: certs/1-wild.pem\n"
    );
    assert!(
        ended.stderr.contains("warning[wildcard-wins]"),
        "{}",
        ended.stderr
    );
}

#[test]
fn each_question_has_its_answer_and_a_reason() {
    let run = site();
    for (args, code, owed) in [
        (
            &["--name", "WWW.example"][..],
            0,
            "WWW.example: certs/1-wild.pem, as it has a wildcard for the name\n",
        ),
        (
            &["--name", "www.example", "--client", "rsa"],
            0,
            "www.example: certs/2-www.pem, as it has the very name\n",
        ),
        (
            &["--name", "a.test", "--no-sni"],
            0,
            "a.test: certs/1-wild.pem, as it is the default certificate, and none has the name\n\
             no name: certs/1-wild.pem, as it is the default certificate, and no name was sent\n",
        ),
        (
            &["--no-sni", "--client", "rsa"],
            1,
            "no name: an alert, as the client does not take ECDSA, and no other certificate may answer\n",
        ),
        (
            &["--no-sni", "--strict-sni"],
            1,
            "no name: an alert, as no name was sent, and strict-sni is set\n",
        ),
        (
            &["--name", "a.test", "--strict-sni"],
            1,
            "a.test: an alert, as no certificate has the name, and strict-sni is set\n",
        ),
    ] {
        let ended = sni(&run, &[args, &["certs"]].concat());
        assert_eq!((ended.code, &*ended.stdout), (Some(code), owed), "{args:?}");
    }
}

#[test]
fn the_json_has_answers_table_and_default() {
    let run = site();
    let ended = sni(
        &run,
        &[
            "--json",
            "--name",
            "x.example",
            "--no-sni",
            "--strict-sni",
            "certs",
        ],
    );
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(
        told["answers"],
        json!([
            {"name": "x.example", "file": "certs/1-wild.pem", "because": "wildcard", "alert": null},
            {"name": null, "file": null, "because": null, "alert": "strict-none"},
        ])
    );
    assert_eq!(told["table"], Value::Null);
    assert_eq!(told["default"], Value::Null);
    let ended = sni(&run, &["--json", "certs"]);
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(
        told["table"][0],
        json!({"name": "*.example", "ecdsa": "certs/1-wild.pem", "rsa": null, "other": null})
    );
    assert_eq!(told["default"], "certs/1-wild.pem");
}

#[test]
fn a_file_that_is_refused_is_said_and_the_others_still_answer() {
    let run = site();
    fs::write(run.path("certs/0.pem"), "no certificate").expect("/tmp is writable");
    let ended = sni(&run, &["--name", "www.example", "certs"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("error[not-loaded]: HAProxy does not load certs/0.pem")
    );
    assert!(ended.stdout.starts_with("www.example: certs/1-wild.pem"));
}

#[test]
fn a_crt_list_is_told_by_its_content() {
    let run = site();
    fs::write(run.path("list"), "# sites\ncerts/2-www.pem only.test\n").expect("/tmp is writable");
    let ended = sni(&run, &["list"]);
    assert!(
        ended
            .stdout
            .starts_with("only.test: certs/2-www.pem (RSA)\n"),
        "{}",
        ended.stdout
    );
    let base = run.folder().join("certs");
    fs::write(run.path("list"), "2-www.pem only.test\n").expect("/tmp is writable");
    let base = base.to_str().expect("UTF-8");
    let ended = sni(&run, &["--crt-base", base, "list"]);
    assert!(ended.stdout.starts_with("only.test: "), "{}", ended.stdout);
}

#[test]
fn default_crt_is_a_default_certificate_since_3_0() {
    let run = site();
    let args = [
        "--no-sni",
        "--client",
        "rsa",
        "--default-crt",
        "certs/2-www.pem",
        "certs",
    ];
    let ended = sni(&run, &args);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.starts_with("no name: certs/2-www.pem, as"),
        "{}",
        ended.stdout
    );
    let ended = sni(&run, &[&["--haproxy-version", "2.6"], &args[..]].concat());
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("HAProxy 2.6 does not know default-crt"),
        "{}",
        ended.stderr
    );
}
