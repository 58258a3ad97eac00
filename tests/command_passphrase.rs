//! Where the command takes passphrases from: a file, the environment, a terminal; and that it shows
//! them nowhere.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use common::command::{Ended, Run, damaged, testdata};

/// That of testdata/damaged/encrypted-key.pem.
const PASSPHRASE: &str = "secret";

fn bundle(run: &Run, args: &[&str], passphrase: Option<&OsStr>) -> Ended {
    let (root, pile) = (testdata("root.pem"), damaged("encrypted-key"));
    let fixed = ["bundle", "--roots", &root, "--out", "site.pem", &pile];
    let mut command = run.fullchain(&[&fixed[..], args].concat());
    command.env_remove("KEY_PASSPHRASE");
    if let Some(passphrase) = passphrase {
        command.env("KEY_PASSPHRASE", passphrase);
    }
    Ended::of(command)
}

fn check_written(run: &Run, ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("key-decrypted"), "{said}");
    assert!(!said.contains(PASSPHRASE), "{said}");
    let written = fs::read_to_string(run.path("site.pem")).unwrap();
    let clean = fs::read_to_string(damaged("clean")).unwrap();
    assert_eq!(written, clean);
}

#[test]
fn the_first_line_of_a_file_opens_the_key() {
    for content in ["secret", "secret\n", "secret\r\n", "secret\nanother\n"] {
        let run = Run::new();
        fs::write(run.path("passphrase"), content).unwrap();
        let ended = bundle(&run, &["--passphrase-file", "passphrase"], None);
        check_written(&run, &ended);
        let json = ["--json", "--passphrase-file", "passphrase"];
        check_written(&run, &bundle(&run, &json, None));
    }
}

#[test]
fn the_value_of_a_variable_opens_the_key() {
    let run = Run::new();
    let given = Some(OsStr::new(PASSPHRASE));
    let ended = bundle(&run, &["--passphrase-env", "KEY_PASSPHRASE"], given);
    check_written(&run, &ended);
}

#[test]
fn without_the_right_one_nothing_is_written() {
    for (content, code) in [
        (Some("secret \n"), "wrong-passphrase"),
        (Some("\nsecret\n"), "wrong-passphrase"),
        (Some(""), "wrong-passphrase"),
        (None, "encrypted-key"),
    ] {
        let run = Run::new();
        fs::write(run.path("passphrase"), content.unwrap_or_default()).unwrap();
        let args = ["--passphrase-file", "passphrase"];
        let args = if content.is_some() { &args[..] } else { &[] };
        let ended = bundle(&run, args, None);
        assert_eq!(ended.code, Some(1), "{content:?}");
        let said = format!("error[{code}]");
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
        assert!(ended.stderr.contains("encrypted-key.pem:39-45"));
        assert_eq!(run.listing(), ["passphrase"]);
    }
}

#[test]
fn what_is_not_there_is_wrong_use() {
    let run = Run::new();
    fs::write(run.path("passphrase"), "secret").unwrap();
    let variable = "KEY_PASSPHRASE";
    let odd = OsStr::from_bytes(b"secret\xff");
    for (args, value, said) in [
        (&["--passphrase-file", "none"][..], None, "No such file"),
        (&["--passphrase-file", "."], None, "directory"),
        (
            &["--passphrase-env", variable],
            None,
            "no such environment variable",
        ),
        (&["--passphrase-env", variable], Some(odd), "not UTF-8"),
        (
            &[
                "--passphrase-file",
                "passphrase",
                "--passphrase-env",
                variable,
            ],
            Some(OsStr::new(PASSPHRASE)),
            "cannot be used with",
        ),
    ] {
        let ended = bundle(&run, args, value);
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains(PASSPHRASE), "{}", ended.stderr);
    }
    assert_eq!(run.listing(), ["passphrase"]);
}

/// `script` of util-linux gives the program a terminal, and types what it is given.
#[test]
fn at_a_terminal_it_is_asked_for_without_an_echo() {
    let run = Run::new();
    let (root, pile) = (testdata("root.pem"), damaged("encrypted-key"));
    let program = env!("CARGO_BIN_EXE_fullchain");
    let line = format!("'{program}' bundle --roots '{root}' --out site.pem '{pile}'");
    let mut script = run
        .program("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need the script program: apt-get install -y bsdutils");
    let mut shown = String::new();
    let mut terminal = script.stdout.take().expect("a pipe");
    let mut byte = [0];
    while !shown.ends_with("encrypted-key.pem:39-45: ") {
        let read = terminal.read(&mut byte).expect("a pipe");
        assert_eq!(read, 1, "it ended without asking: {shown}");
        shown.push(char::from(byte[0]));
    }
    assert!(shown.contains("Passphrase for "), "{shown}");
    // The echo is turned off once the question is printed.
    thread::sleep(Duration::from_millis(500));
    let mut keyboard = script.stdin.take().expect("a pipe");
    keyboard.write_all(b"secret\n").expect("somebody reads");
    let mut rest = Vec::new();
    terminal.read_to_end(&mut rest).expect("a pipe");
    let rest = String::from_utf8_lossy(&rest);
    assert!(!rest.contains(PASSPHRASE), "{rest}");
    assert!(script.wait().expect("it ends").success(), "{rest}");
    let written = fs::read_to_string(run.path("site.pem")).unwrap();
    assert!(written.contains("-----BEGIN PRIVATE KEY-----"));
}
