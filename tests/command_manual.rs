//! Completions and manual pages, taken by the programs that they are for.
#![cfg(feature = "cli")]

mod common;

use std::fs;

use common::command::{Ended, Run};

#[test]
fn bash_completes_commands_and_options() {
    let run = Run::new();
    let script = Ended::of(run.fullchain(&["completions", "bash"]));
    assert_eq!(script.code, Some(0), "{script:?}");
    fs::write(run.path("fullchain.bash"), &script.stdout).unwrap();
    for (words, owed) in [
        ("fullchain doc", "doctor"),
        ("fullchain doctor --haproxy-v", "--haproxy-version"),
        ("fullchain bundle --format pkc", "pkcs12"),
    ] {
        let mut bash = run.program("bash");
        let count = words.split(' ').count() - 1;
        bash.args(["--norc", "-euc"]).arg(format!(
            "set +e; source ./fullchain.bash; COMP_WORDS=({words}); COMP_CWORD={count}; \
             ${{1:-_fullchain}} fullchain \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        ));
        let ended = Ended::of(bash);
        assert!(
            ended.stdout.lines().any(|line| line == owed),
            "{words}: {ended:?}"
        );
    }
}

#[test]
fn other_shells_have_their_completions() {
    let run = Run::new();
    for (shell, owed) in [
        ("zsh", "#compdef fullchain"),
        ("fish", "complete -c fullchain"),
    ] {
        let script = Ended::of(run.fullchain(&["completions", shell]));
        assert!(
            script.stdout.contains(owed) && script.stdout.contains("doctor"),
            "{shell}"
        );
    }
    assert_eq!(
        Ended::of(run.fullchain(&["completions", "cmd.exe"])).code,
        Some(2)
    );
}

#[test]
fn every_manual_page_is_set_without_a_warning() {
    let run = Run::new();
    let help = Ended::of(run.fullchain(&["--help"])).stdout;
    let commands = help.lines().filter_map(|line| line.strip_prefix("  "));
    let commands = commands.filter_map(|line| line.split("  ").next());
    let mut pages: Vec<Vec<&str>> = vec![vec!["man"]];
    let is_command = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    pages.extend(
        commands
            .filter(is_command)
            .map(|command| vec!["man", command]),
    );
    assert!(pages.len() > 9, "{pages:?}");
    for arguments in pages.iter().filter(|it| it.last() != Some(&"help")) {
        let page = Ended::of(run.fullchain(arguments));
        assert_eq!(page.code, Some(0), "{arguments:?} {page:?}");
        fs::write(run.path("page.1"), &page.stdout).unwrap();
        let mut groff = run.program("groff");
        groff
            .args(["-man", "-Tutf8", "-ww", "page.1"])
            .env("GROFF_NO_SGR", "1");
        let output = groff
            .output()
            .expect("groff is needed: apt-get install groff-base");
        let set = Ended::from(output);
        assert!(
            set.code == Some(0) && set.stderr.is_empty(),
            "{arguments:?}: {}",
            set.stderr
        );
        assert!(set.stdout.contains("fullchain"), "{arguments:?}");
    }
    let doctor = Ended::of(run.fullchain(&["man", "doctor"])).stdout;
    assert!(doctor.contains(".TH fullchain-doctor 1"), "{doctor}");
    assert!(doctor.contains("haproxy\\-version"), "{doctor}");
    assert_eq!(Ended::of(run.fullchain(&["man", "nobody"])).code, Some(2));
}
