//! `--json`: standard output is one JSON object with the documented members, whatever happened.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;
use std::path::Path;

use common::command::{BUILDABLE, Ended, Run, damaged, testdata};
use fullchain::Code;
use serde_json::Value;

/// The members of an object, sorted.
fn members(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn check_findings(findings: &Value) {
    for finding in findings.as_array().expect("an array") {
        assert_eq!(
            members(finding),
            ["code", "help", "message", "origin", "severity"]
        );
        let code = finding["code"].as_str().unwrap();
        assert!(Code::ALL.iter().any(|known| known.as_str() == code));
        let severity = finding["severity"].as_str().unwrap();
        assert!(["note", "repaired", "warning", "error"].contains(&severity));
        assert!(!finding["message"].as_str().unwrap().is_empty());
        assert!(finding["help"].is_null() || finding["help"].is_string());
        if !finding["origin"].is_null() {
            let origin = &finding["origin"];
            let owed = ["first_line", "last_line", "part", "source"];
            assert_eq!(members(origin), owed);
            assert!(Path::new(origin["source"].as_str().unwrap()).is_file());
            assert!(origin["first_line"].as_u64() <= origin["last_line"].as_u64());
        }
    }
}

fn check_certificate(certificate: &Value) {
    assert_eq!(
        members(certificate),
        [
            "dns_names",
            "issuer",
            "not_after",
            "not_before",
            "origin",
            "serial",
            "subject"
        ]
    );
}

/// The outcome as JSON, once it was seen to be as documented.
fn json(run: &Run, args: &[&str]) -> Value {
    let ended = run.bundle(&[&["--json"], args].concat());
    let json: Value = serde_json::from_str(&ended.stdout).expect("standard output is JSON");
    assert_eq!(
        members(&json),
        [
            "bundle", "chain", "error", "file", "files", "findings", "outcome", "tree", "twin",
            "written"
        ]
    );
    assert!(!ended.stderr.is_empty(), "the report is there as ever");
    assert_eq!(ended.code == Some(0), json["outcome"] == "built");
    if !json["findings"].is_null() {
        check_findings(&json["findings"]);
    }
    json
}

#[test]
fn json_of_a_bundle_has_the_documented_members() {
    let run = Run::new();
    for (number, name) in BUILDABLE.into_iter().enumerate() {
        let json = json(&run, &["--out", "site.pem", &damaged(name)]);
        assert_eq!(json["outcome"], "built");
        assert_eq!(json["file"], "site.pem");
        let owed = if number == 0 { "created" } else { "unchanged" };
        assert_eq!(json["written"], owed, "{name}");
        assert!(json["error"].is_null());
        let bundle = &json["bundle"];
        assert_eq!(
            members(bundle),
            [
                "dh_parameters",
                "findings",
                "intermediates",
                "key_algorithm",
                "leaf",
                "names",
                "root",
                "trust",
                "trusted_by",
                "valid_until",
                "verified_at"
            ]
        );
        check_findings(&bundle["findings"]);
        check_certificate(&bundle["leaf"]);
        assert_eq!(bundle["leaf"]["subject"], "CN=www.example.com");
        assert_eq!(bundle["intermediates"].as_array().unwrap().len(), 1);
        check_certificate(&bundle["intermediates"][0]);
        assert_eq!(bundle["key_algorithm"], "P-256");
        assert_eq!(bundle["dh_parameters"], false);
        assert!(bundle["root"].is_null());
        assert_eq!(
            members(&bundle["trust"][0]),
            ["path", "reason", "store", "trusted", "valid_until"]
        );
        assert!(json["chain"].is_null() && json["tree"].is_null());
    }
    fs::write(run.path("site.pem"), "old").unwrap();
    let replaced = json(&run, &["--out", "site.pem", &damaged("clean")]);
    assert_eq!(replaced["written"], "replaced");
    let named = json(
        &run,
        &["--name", "example.com", "--include-root", &damaged("clean")],
    );
    assert_eq!(named["bundle"]["names"], serde_json::json!(["example.com"]));
    check_certificate(&named["bundle"]["root"]);
    assert!(named["file"].is_null() && named["written"].is_null());
}

#[test]
fn json_of_a_refusal_and_of_a_failure_say_why() {
    let run = Run::new();
    for name in [
        "encrypted-key",
        "expired",
        "missing-intermediate",
        "no-key",
        "wrong-key",
    ] {
        let json = json(&run, &["--out", "site.pem", &damaged(name)]);
        assert_eq!(json["outcome"], "refused", "{name}");
        let findings = json["findings"].as_array().unwrap();
        assert!(
            findings
                .iter()
                .any(|finding| finding["severity"] == "error")
        );
        assert!(json["bundle"].is_null() && json["error"].is_null() && json["file"].is_null());
    }
    let failed = json(&run, &["missing.pem"]);
    assert_eq!(failed["outcome"], "failed");
    assert!(failed["error"].as_str().unwrap().contains("missing.pem"));
    assert!(failed["bundle"].is_null());
    assert_eq!(failed["findings"], serde_json::json!([]));
}

#[test]
fn json_is_never_coloured() {
    let run = Run::new();
    let (root, joined) = (testdata("root.pem"), damaged("joined"));
    let mut command = run.fullchain(&["bundle", "--json", "--roots", &root, &joined]);
    command.env("CLICOLOR_FORCE", "1");
    let ended = Ended::of(command);
    assert!(ended.stderr.contains('\x1b'));
    assert!(!ended.stdout.contains('\x1b'));
}
