//! Servers behind HAProxy whose certificates say more than a name: none of it comes into a
//! configuration, or onto a terminal as it is.

use std::process::Command;

use serde_json::Value;

use crate::backend::{serve, server};
use crate::common::command::Ended;
use crate::common::pki::LeafOptions;
use crate::doctor::{self, Said};
use crate::site::{CONFIG, PKI, Site, ecdsa, pile, whole};

/// What the doctor says of a server with this name in its certificate, while another is wanted.
fn asked(site: &Site, options: &str) -> (Value, Said) {
    site.configure(&server(options));
    let said = doctor::ask(site, &["--live"]);
    let place = (CONFIG, "server app1");
    let finding = said.finding(site, "backend-name", place);
    let finding = finding.unwrap_or_else(|| panic!("{:?}", said.all()));
    (finding.clone(), said)
}

#[test]
fn names_that_are_none_come_into_no_edit_and_onto_no_terminal() {
    let hostile = [
        "app.internal verify none",
        "app.internal\n    server evil 127.0.0.1:1",
        "a.b),field(1,.",
        "\"a.b",
        "a.b#",
        "\ra.b",
        "*.internal.example",
    ];
    let options = "ssl verify required ca-file {dir}/root.pem";
    for name in hostile {
        let site = Site::new();
        let leaf = PKI.issuing.leaf(LeafOptions {
            name: format!("{name}\u{9b}2J\u{202e}"),
            ..ecdsa(&[name])
        });
        serve(&site, &pile(&leaf, &[&PKI.issuing]), &[]);
        for wanted in ["verifyhost www.internal", "sni str(www.internal)"] {
            let (finding, said) = asked(&site, &format!("{options} {wanted}"));
            assert_eq!(finding["cure"], Value::Null, "{name:?}, {wanted}");
            assert_eq!(said.changes(), "", "{name:?}, {wanted}");
        }
        // Not trusted, it is shown with all its names.
        site.write("ca.pem", &PKI.stranger.cert_pem);
        site.configure(&server(
            "ssl verify required ca-file {dir}/ca.pem verifyhost www.internal",
        ));
        for word in ["doctor", "probe"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_fullchain"));
            command.arg(word).arg("--roots").arg(site.path("root.pem"));
            match word {
                "doctor" => command.args(["--live", "--offline"]).args(site.configs()),
                _ => command.arg(site.path("back.sock")),
            };
            let ended = Ended::of(command);
            let printed = ended.stdout + &ended.stderr;
            let is_raw = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(
                printed.contains("internal") || printed.contains("a.b"),
                "{printed}"
            );
            assert!(!printed.contains(is_raw), "{word}, {name:?}: {printed:?}");
        }
    }
}

/// A file that somebody else put there, its name and those in it.
#[test]
fn files_are_named_without_what_moves_cursors() {
    let site = Site::new();
    let leaf = PKI.issuing.leaf(ecdsa(&["\ra.b"]));
    site.write("own/\r.pem", &pile(&leaf, &[]));
    // With what the other lacks.
    site.write("own/whole.pem", &whole(ecdsa(&["www.example.com"])));
    site.configure(&crate::frontend("crt {dir}/own ciphers DEFAULT@SECLEVEL=5"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_fullchain"));
    command.args(["doctor", "--offline", "--roots"]);
    command.arg(site.path("root.pem")).arg("--fix");
    command.arg(site.path("fixed")).args(site.configs());
    let ended = Ended::of(command);
    for owed in [
        "missing-issuer",
        "key-below-level",
        "affects: clients of",
        "cure: write ",
    ] {
        assert!(ended.stdout.contains(owed), "{owed}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\r'), "{:?}", ended.stdout);
    let diff = site.read("fixed/changes.diff");
    assert!(
        diff.contains("written anew") && !diff.contains('\r'),
        "{diff:?}"
    );
}

/// Who copies the command into a shell runs no other.
#[test]
fn commands_are_quoted_for_shells() {
    let site = Site::new();
    let leaf = PKI.issuing.leaf(LeafOptions {
        ca_issuers: vec!["http://127.0.0.1:9/issuing.der".to_owned()],
        ..ecdsa(&["www.example.com"])
    });
    let name = "own/$(touch ran) `touch ran`;touch ran'.pem";
    site.write(name, &pile(&leaf, &[]));
    site.configure(&crate::frontend("crt {dir}/own"));
    let said = doctor::ask(&site, &[]);
    let finding = said.finding(&site, "missing-issuer", (name, ""));
    let finding = finding.unwrap_or_else(|| panic!("{:?}", said.all()));
    let command = finding["cure"]["command"].as_str().expect("it is one");
    let words = command.strip_prefix("fullchain ").expect("it is ours");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("printf '%s\\n' {words}")]);
    let ended = Ended::of(shell);
    let path = site.path(name).display().to_string();
    assert_eq!(ended.stdout, format!("bundle\n--out\n{path}\n{path}\n"));
}

/// Whoever answers in a server's place has a certificate for a name of his own.
#[test]
fn a_strangers_name_is_no_cure() {
    let site = Site::new();
    serve(&site, &whole(ecdsa(&["stranger.example"])), &[]);
    site.write("ca.pem", &PKI.stranger.cert_pem);
    let wanted = "ssl verify required verifyhost app.internal ca-file";
    let (finding, said) = asked(&site, &format!("{wanted} {{dir}}/ca.pem"));
    assert_eq!(finding["cure"], Value::Null);
    assert!(
        said.errors()
            .iter()
            .any(|it| it.contains("backend-untrusted"))
    );
    // Of one's own CA it is one.
    let (finding, _) = asked(&site, &format!("{wanted} {{dir}}/root.pem"));
    assert_ne!(finding["cure"], Value::Null);
}
