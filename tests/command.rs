//! The command: exit codes, inputs, what goes to which stream, and colours.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;

use common::bundling::read;
use common::command::{BUILDABLE, Ended, Run, damaged, testdata};
use common::openssl::openssl;
use serde_json::{Value, json};

const REFUSED: [(&str, &str); 5] = [
    ("encrypted-key", "encrypted-key.pem:39-45"),
    ("expired", "expired.pem:1-17"),
    ("missing-intermediate", "missing-intermediate.pem:1-17"),
    ("no-key", "no-key.pem:1-17"),
    ("wrong-key", "wrong-key.pem:39-43"),
];

fn clean() -> String {
    fs::read_to_string(damaged("clean")).unwrap()
}

#[test]
fn what_can_be_mended_is_written_and_the_exit_code_is_0() {
    for name in BUILDABLE {
        let run = Run::new();
        let ended = run.bundle(&["--out", "site.pem", &damaged(name)]);
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{name}");
        assert!(ended.stderr.contains("written: site.pem"), "{name}");
        let written = fs::read_to_string(run.path("site.pem")).unwrap();
        assert_eq!(written, clean(), "{name}");
        assert_eq!(run.listing(), ["site.pem"]);
    }
}

#[test]
fn what_cannot_be_mended_is_refused_with_its_line_and_the_old_file_is_left() {
    for (name, place) in REFUSED {
        let run = Run::new();
        let ended = run.bundle(&["--out", "new.pem", &damaged(name)]);
        assert_eq!(ended.code, Some(1), "{name}");
        assert_eq!(ended.stdout, "", "{name}");
        assert!(ended.stderr.contains("error["), "{name}");
        assert!(ended.stderr.contains(place), "{name}: {}", ended.stderr);
        assert!(ended.stderr.ends_with("refused: nothing was written\n"));
        assert_eq!(run.listing(), [""; 0]);

        fs::write(run.path("old.pem"), "old").unwrap();
        let ended = run.bundle(&["--out", "old.pem", &damaged(name)]);
        assert_eq!(ended.code, Some(1), "{name}");
        assert_eq!(fs::read_to_string(run.path("old.pem")).unwrap(), "old");
        assert_eq!(run.listing(), ["old.pem"]);
    }
}

#[test]
fn what_cannot_be_done_is_an_error_and_the_exit_code_is_1() {
    let run = Run::new();
    fs::create_dir(run.path("folder")).unwrap();
    let clean = damaged("clean");
    for (args, said) in [
        (&["missing.pem"][..], "missing.pem: No such file"),
        (&["--out", "folder", &clean], "folder is not a regular file"),
        (&["--out", "none/site.pem", &clean], "none"),
        (&["--roots", "none.pem", &clean], "none.pem: No such file"),
        (&["--roots", "/dev/null", &clean], "/dev/null has no root"),
    ] {
        let ended = run.bundle(args);
        assert_eq!(ended.code, Some(1), "{args:?}");
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
    }
    assert_eq!(run.listing(), ["folder"]);
}

#[test]
fn wrong_use_is_exit_code_2() {
    let run = Run::new();
    let clean = damaged("clean");
    for args in [
        &[][..],
        &["bundle"],
        &["unbundle"],
        &["bundle", "--no-such-option", &clean],
        &["bundle", "--at", "yesterday", &clean],
        &["bundle", "--at", "2026-01-01", &clean],
        &["bundle", "--name", "not a name", &clean],
        &["bundle", "--out"],
        &["bundle", "--out", "a.pem", "--out", "b.pem", &clean],
    ] {
        let ended = Ended::of(run.fullchain(args));
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert_eq!(ended.stdout, "", "{args:?}");
        assert!(ended.stderr.contains("Usage:") || ended.stderr.contains("--help"));
    }
    assert_eq!(run.listing(), [""; 0]);
}

#[test]
fn check_does_all_but_write() {
    let run = Run::new();
    fs::write(run.path("old.pem"), "old").unwrap();
    for (args, code) in [
        (&["--check", "--out", "old.pem", &damaged("clean")][..], 0),
        (&["--check", "--out", "new.pem", &damaged("clean")], 0),
        (&["--check", &damaged("clean")], 0),
        (&[&damaged("clean")], 0),
        (&["--check", "--out", "old.pem", &damaged("wrong-key")], 1),
    ] {
        let ended = run.bundle(args);
        assert_eq!(ended.code, Some(code), "{args:?}");
        assert!(ended.stderr.contains("nothing was written"), "{args:?}");
    }
    assert_eq!(run.listing(), ["old.pem"]);
    assert_eq!(fs::read_to_string(run.path("old.pem")).unwrap(), "old");
}

#[test]
fn the_same_content_is_said_to_be_unchanged() {
    let run = Run::new();
    run.bundle(&["--out", "site.pem", &damaged("clean")]);
    let ended = run.bundle(&["--out", "site.pem", &damaged("reversed")]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("unchanged: site.pem"), "{ended:?}");
}

#[test]
fn inputs_are_files_folders_and_standard_input() {
    let run = Run::new();
    let owed = clean();
    let blocks: Vec<String> = owed
        .split_inclusive("-----\n")
        .collect::<Vec<_>>()
        .chunks(2)
        .map(<[&str]>::concat)
        .collect();
    let [leaf, issuer, key] = blocks.as_slice() else {
        panic!("clean.pem has three blocks")
    };
    fs::create_dir(run.path("in")).unwrap();
    fs::create_dir(run.path("in/below")).unwrap();
    fs::write(run.path("in/key.pem"), key).unwrap();
    fs::write(run.path("in/.hidden"), "junk").unwrap();
    fs::write(run.path("in/below/more"), "junk").unwrap();
    fs::write(run.path("issuer.pem"), issuer).unwrap();

    let root = testdata("root.pem");
    let args = ["bundle", "--roots", &root, "--out", "out.pem"];
    let inputs = ["issuer.pem", "-", "in"];
    let command = run.fullchain(&[&args[..], &inputs].concat());
    let ended = Ended::with_input(command, leaf.as_bytes());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(run.path("out.pem")).unwrap(), owed);

    // What stands in standard input is named so.
    let command = run.fullchain(&["bundle", "--roots", &root, "-"]);
    let ended = Ended::with_input(command, leaf.as_bytes());
    assert!(ended.stderr.contains("(standard input):1-"), "{ended:?}");

    let ended = run.bundle(&["--out", "site.pem", &testdata("site")]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(run.path("site.pem")).unwrap(), owed);
}

#[test]
fn several_roots_are_several_stores() {
    let run = Run::new();
    let ended = run.bundle(&["--roots", "mozilla", "--json", &damaged("clean")]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("warning[store-does-not-trust]"));
    assert!(
        ended.stderr.contains("roots of mozilla"),
        "{}",
        ended.stderr
    );
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    let trusted_by = &json["bundle"]["trusted_by"];
    assert_eq!(trusted_by, &json!([testdata("root.pem")]));

    let ended = Ended::of(run.fullchain(&["bundle", "--roots", "mozilla", &damaged("clean")]));
    assert_eq!(ended.code, Some(1));
    let by_default = Ended::of(run.fullchain(&["bundle", &damaged("clean")]));
    assert_eq!(by_default.stderr, ended.stderr);
}

#[test]
fn the_systems_roots_are_those_that_it_names() {
    let run = Run::new();
    let mut command = run.fullchain(&["bundle", "--roots", "system", &damaged("clean")]);
    command.env("SSL_CERT_FILE", testdata("root.pem"));
    command.env_remove("SSL_CERT_DIR");
    let ended = Ended::of(command);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn names_times_and_the_root_are_as_asked_for() {
    let run = Run::new();
    let clean = damaged("clean");
    for (args, code, said) in [
        (
            &["--name", "www.example.com", "--name", "example.com"][..],
            0,
            "",
        ),
        (&["--name", "shop.example.com"], 1, "error[name-mismatch]"),
        (&["--name", "192.0.2.1"], 1, "error[name-mismatch]"),
        (&["--at", "2100-01-01T00:00:00Z"], 0, ""),
        (&["--at", "2126-01-01T00:00:00+01:00"], 1, "error[expired]"),
        (&["--at", "2024-12-31T23:59:59Z"], 1, "error[not-yet-valid]"),
        (&["--offline"], 0, ""),
    ] {
        let ended = run.bundle(&[args, &[&clean]].concat());
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
    }
    let ended = run.bundle(&["--include-root", "--out", "site.pem", &clean]);
    assert_eq!(ended.code, Some(0));
    let written = fs::read_to_string(run.path("site.pem")).unwrap();
    let root = fs::read_to_string(testdata("root.pem")).unwrap();
    assert_eq!(written.matches("BEGIN CERTIFICATE").count(), 3);
    assert!(written.contains(&root));
}

const ESCAPE: char = '\x1b';

#[test]
fn colour_is_for_terminals_and_for_those_who_force_it() {
    let run = Run::new();
    let (root, joined) = (testdata("root.pem"), damaged("joined"));
    let args = ["bundle", "--roots", &root, &joined];
    let piped = |name: &str, value: &str| {
        let mut command = run.fullchain(&args);
        command.env(name, value);
        Ended::of(command).stderr
    };
    assert!(!piped("UNUSED", "1").contains(ESCAPE));
    assert!(!piped("NO_COLOR", "1").contains(ESCAPE));
    assert!(piped("CLICOLOR_FORCE", "1").contains(ESCAPE));

    // `script`, of bsdutils, gives the command a terminal.
    let on_terminal = |name: &str, value: &str| {
        let line = [&[env!("CARGO_BIN_EXE_fullchain")], &args[..]].concat();
        let line: Vec<String> = line.iter().map(|word| format!("'{word}'")).collect();
        let mut script = run.program("script");
        script.env(name, value);
        script.args([
            "--quiet",
            "--return",
            "--command",
            &line.join(" "),
            "/dev/null",
        ]);
        let ended = Ended::of(script);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("joined-markers"), "{ended:?}");
        ended.stdout
    };
    assert!(on_terminal("UNUSED", "1").contains(ESCAPE));
    assert!(!on_terminal("NO_COLOR", "1").contains(ESCAPE));
}

#[test]
fn terminal_codes_in_names_are_escaped() {
    let run = Run::new();
    let key = common::pki::Key::new(common::pki::KeyKind::P256);
    let subject = "/CN=\u{1b}[31mred\u{7}\n";
    let args = [
        "req",
        "-x509",
        "-new",
        "-key",
        "/dev/stdin",
        "-subj",
        subject,
    ];
    let certificate = openssl(&[&args[..], &["-utf8"]].concat(), key.pem().as_bytes());
    fs::write(run.path("red.pem"), certificate).unwrap();
    let ended = run.bundle(&["red.pem"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("red"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(ESCAPE) && !ended.stderr.contains('\u{7}'));
}

#[test]
fn the_example_does_the_main_job() {
    let run = Run::new();
    let (out, root) = (run.path("site.pem"), testdata("root.pem"));
    let example = |args: &[&str]| {
        let mut cargo = run.program(env!("CARGO"));
        // What cargo tells this test about itself would have build scripts run anew.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().into_owned();
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
            {
                cargo.env_remove(&name);
            }
        }
        cargo
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            // The features of this test's own build, so that nothing is built twice.
            .args([
                "run",
                "--quiet",
                "--all-features",
                "--example",
                "bundle",
                "--",
            ])
            .args(args);
        Ended::of(cargo)
    };
    let out = out.to_str().unwrap();
    let ended = example(&[out, &root, &testdata("site")]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(out).unwrap(), clean());
    assert!(ended.stdout.contains("CN=www.example.com"), "{ended:?}");
    assert!(ended.stderr.contains("repaired[joined-markers]"));

    let ended = example(&[out, &root, &damaged("wrong-key")]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("error[key-mismatch]"), "{ended:?}");
    assert_eq!(fs::read_to_string(out).unwrap(), clean());
    assert_eq!(example(&[out]).code, Some(2));

    let material = read("site.pem", fs::read(out).unwrap());
    assert!(material.findings.is_empty());
}
