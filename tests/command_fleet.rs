//! `fullchain check` of many files: how far it is, on a terminal, and what is known when it is
//! stopped.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use common::command::Run;
use common::pki::Ca;
use serde_json::Value;

const FILES: usize = 6_000;

/// A folder of one certificate under many names.
fn fleet() -> Run {
    let run = Run::new();
    let root = Ca::root("Root");
    let leaf = root.leaf_named("www.example.com");
    fs::create_dir(run.path("certs")).expect("/tmp is writable");
    fs::write(run.path("root.pem"), &root.cert_pem).expect("/tmp is writable");
    fs::write(run.path("site.pem"), leaf.cert_pem + &leaf.key_pem).expect("/tmp is writable");
    for number in 0..FILES {
        let link = run.path(&format!("certs/{number:05}.pem"));
        fs::hard_link(run.path("site.pem"), link).expect("/tmp is writable");
    }
    run
}

#[test]
fn an_interrupt_stops_it_with_what_is_known_so_far() {
    let run = fleet();
    let mut child = Command::new(env!("CARGO_BIN_EXE_fullchain"))
        .args(["check", "--json", "--roots", "root.pem", "certs"])
        .current_dir(run.folder())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    // It waits, as nobody reads the others: a pipe holds fewer.
    assert!(lines.next().expect("a line").is_ok());
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill is there").success());
    let lines: Vec<String> = lines.map(|line| line.expect("UTF-8")).collect();
    let last: Value = serde_json::from_str(lines.last().expect("a summary")).expect("JSON");
    assert_eq!(last["summary"]["stopped"], true);
    let files = last["summary"]["files"].as_u64().expect("a number");
    assert_eq!(files, lines.len() as u64);
    assert!(files < FILES as u64, "{files}");
    assert_eq!(child.wait().expect("it is ours").code(), Some(1));
}

#[test]
fn a_terminal_shows_how_far_it_is() {
    let run = fleet();
    let program = env!("CARGO_BIN_EXE_fullchain");
    let check = format!("{program} check --roots root.pem certs");
    // It has the command believe that it writes to a terminal.
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &check, "/dev/null"])
        .current_dir(run.folder())
        .stdin(Stdio::null())
        .output()
        .expect("apt-get install -y bsdutils");
    assert!(output.status.success());
    let shown = String::from_utf8_lossy(&output.stdout);
    for part in ["of 6,000 files, ", "/s, ", " left"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}
