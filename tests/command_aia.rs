//! The command fetches what is missing, says so, and does not when told not to.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Barrier;

use common::command::{Ended, Run};
use common::haproxy::Haproxy;
use common::http::{Server, ok};
use common::pki::{Ca, Leaf, LeafOptions};

/// Files of a site whose intermediate was forgotten, and the server that has it.
struct Site {
    run: Run,
    issuer: Ca,
    leaf: Leaf,
    server: Server,
}

impl Site {
    fn new() -> Site {
        Site::answering(|issuer| issuer.cert_der.clone())
    }

    fn answering(answer: impl Fn(&Ca) -> Vec<u8>) -> Site {
        let root = Ca::root("Root");
        let issuer = root.intermediate("Issuer");
        let server = Server::of_files(vec![("/issuer", answer(&issuer))]);
        let leaf = issuer.leaf(LeafOptions {
            ca_issuers: vec![server.url("/issuer")],
            ..LeafOptions::named("www.example.com")
        });
        let run = Run::new();
        for (name, pem) in [
            ("root.pem", &root.cert_pem),
            ("leaf.pem", &leaf.cert_pem),
            ("key.pem", &leaf.key_pem),
        ] {
            fs::write(run.path(name), pem).expect("the folder is writable");
        }
        Site {
            run,
            issuer,
            leaf,
            server,
        }
    }

    fn bundle(&self, options: &[&str]) -> Ended {
        self.bundle_with(options, &[])
    }

    fn bundle_with(&self, options: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = self.command(&[&["--out", "o.pem"], options].concat());
        command.envs(variables.iter().copied());
        Ended::of(command)
    }

    fn command(&self, options: &[&str]) -> Command {
        let common = ["bundle", "--roots", "root.pem", "leaf.pem", "key.pem"];
        self.run.fullchain(&[&common, options].concat())
    }

    /// A shell in which the bundle's command is `"$@"`.
    fn bundle_in_shell(&self, script: &str, options: &[&str]) -> Command {
        let command = self.command(&[&["--out", "o.pem"], options].concat());
        let mut shell = self.run.program("sh");
        shell.args(["-c", script, "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        shell
    }

    /// From now on the leaf says that its issuer is there.
    fn say(&mut self, url: &str) {
        self.leaf = self.issuer.leaf(LeafOptions {
            ca_issuers: vec![url.to_owned()],
            ..LeafOptions::named("www.example.com")
        });
        for (name, pem) in [
            ("leaf.pem", &self.leaf.cert_pem),
            ("key.pem", &self.leaf.key_pem),
        ] {
            fs::write(self.run.path(name), pem).expect("the folder is writable");
        }
    }

    fn written(&self) -> PathBuf {
        self.run.path("o.pem")
    }
}

#[test]
fn bundle_and_verify_fetch_unless_they_are_offline() {
    let site = Site::new();
    let ended = site.bundle(&["--offline"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains(&format!("it is at {}", site.server.url("/issuer")))
    );
    assert_eq!(site.server.requests(), Vec::<String>::new());

    let ended = site.bundle(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("note[fetched]"), "{}", ended.stderr);
    assert!(ended.stderr.contains("repaired[intermediate-added]"));
    // Nobody watches a pipe.
    assert!(!ended.stderr.contains("fetching "), "{}", ended.stderr);
    let written = fs::read_to_string(site.written()).expect("the bundle");
    let whole = [
        &*site.leaf.cert_pem,
        &site.issuer.cert_pem,
        &site.leaf.key_pem,
    ]
    .concat();
    assert_eq!(written, whole);

    let verify = ["verify", "--roots", "root.pem", "--tree", "leaf.pem"];
    let ended = Ended::of(site.run.fullchain(&verify));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended
            .stdout
            .contains(&format!("* CN=Issuer ({}", site.server.url("/issuer")))
    );
    let offline = ["verify", "--roots", "root.pem", "--offline", "leaf.pem"];
    assert_eq!(Ended::of(site.run.fullchain(&offline)).code, Some(1));
    assert_eq!(site.server.paths(), ["/issuer", "/issuer"]);
}

#[test]
fn haproxy_serves_what_was_fetched_in_any_form() {
    let forms: [fn(&Ca) -> Vec<u8>; 3] = [
        |issuer| issuer.cert_der.clone(),
        |issuer| issuer.cert_pem.clone().into(),
        |issuer| {
            let folder = tempfile::tempdir().expect("/tmp is writable");
            let file = folder.path().join("issuer.pem");
            fs::write(&file, &issuer.cert_pem).expect("the folder is writable");
            let file = file.to_str().expect("ASCII");
            let args = ["crl2pkcs7", "-nocrl", "-certfile", file, "-outform", "DER"];
            common::openssl::openssl(&args, b"")
        },
    ];
    for form in forms {
        let site = Site::answering(form);
        let ended = site.bundle(&[]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let haproxy = Haproxy::serve(&site.written()).expect("HAProxy loads it");
        let served = haproxy.served_chain(Some("www.example.com"));
        assert_eq!(served, [&*site.leaf.cert_der, &site.issuer.cert_der]);
        haproxy
            .verify_with(&site.run.path("root.pem"), "www.example.com")
            .expect("openssl trusts it");
    }
}

#[test]
fn a_warm_cache_serves_when_the_server_is_down() {
    let mut site = Site::new();
    let ended = site.bundle(&["--cache", "cache"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    site.server = Server::of_files(Vec::new());
    let ended = site.bundle(&[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("warning[fetch-failed]"),
        "{}",
        ended.stderr
    );
    let ended = site.bundle(&["--cache", "cache", "--offline"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("cache/"), "{}", ended.stderr);
}

#[test]
fn intermediates_at_hand_are_asked_before_the_network() {
    let site = Site::new();
    fs::create_dir(site.run.path("at-hand")).expect("the folder is writable");
    fs::write(site.run.path("at-hand/issuer.pem"), &site.issuer.cert_pem).expect("writable");
    let ended = site.bundle(&["--intermediates", "at-hand"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("at-hand/issuer.pem:1"),
        "{}",
        ended.stderr
    );
    assert_eq!(site.server.requests(), Vec::<String>::new());
}

#[test]
fn public_only_refuses_loopback() {
    let site = Site::new();
    let ended = site.bundle(&["--public-only"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("127.0.0.1 is a loopback address"),
        "{}",
        ended.stderr
    );
    assert!(!site.written().exists());
    assert_eq!(site.server.requests(), Vec::<String>::new());
}

#[test]
fn proxies_of_the_environment_are_used() {
    let mut site = Site::new();
    let der = site.issuer.cert_der.clone();
    let proxy = Server::start(move |_, stream| ok(stream, &der));
    let server = Server::of_files(Vec::new());
    let url = format!("http://localhost:{}/issuer", server.port());
    site.say(&url);
    let at = proxy.url("");
    let mut owed = Vec::new();
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        let ended = site.bundle_with(&[], &[(variable, &at)]);
        assert_eq!(ended.code, Some(0), "{variable}: {}", ended.stderr);
        owed.push(url.clone());
        assert_eq!(proxy.paths(), owed, "{variable}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());

    let not_for_it = [("http_proxy", &*at), ("no_proxy", "localhost")];
    let ended = site.bundle_with(&[], &not_for_it);
    assert!(ended.stderr.contains("(404)"), "{}", ended.stderr);
    assert_eq!(server.paths(), ["/issuer"]);
    // A proxy would resolve names by itself.
    let ended = site.bundle_with(&["--public-only"], &[("http_proxy", &at)]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let reason = "which is a loopback address";
    assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    assert_eq!(server.paths(), ["/issuer"]);
    assert_eq!(proxy.paths(), owed);
}

#[test]
fn a_terminal_shows_what_is_under_way() {
    let site = Site::new();
    let program = env!("CARGO_BIN_EXE_fullchain");
    let line = format!("{program} verify --roots root.pem leaf.pem");
    let mut script = site.run.program("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let ended = Ended::of(script);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let owed = format!("fetching {} for CN=Issuer", site.server.url("/issuer"));
    assert!(ended.stdout.contains(&owed), "{}", ended.stdout);
}

#[test]
fn nothing_is_under_way_offline() {
    let site = Site::new();
    let program = env!("CARGO_BIN_EXE_fullchain");
    let line = format!("{program} verify --offline --roots root.pem leaf.pem");
    let mut script = site.run.program("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let ended = Ended::of(script);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(!ended.stdout.contains("fetching"), "{}", ended.stdout);
}

#[test]
fn nobody_at_standard_error_breaks_nothing() {
    let site = Site::new();
    for script in [
        "exec \"$@\" 2>&-",
        "exec \"$@\" 2>/dev/full",
        // The pipe is written to when its reader has gone.
        "mkfifo pipe go; { read -r line <go; \"$@\" 2>&3; echo $? >code; } 3>pipe & \
         : <pipe; echo >go; wait; exit \"$(cat code)\"",
    ] {
        let ended = Ended::of(site.bundle_in_shell(script, &[]));
        assert_eq!(ended.code, Some(0), "{script}");
        fs::remove_file(site.written()).expect("it was written");
    }
    assert_eq!(site.server.paths().len(), 3);
}

#[test]
fn others_may_read_the_cache_as_far_as_the_umask_allows() {
    for (umask, owed) in [("022", 0o644), ("027", 0o640), ("077", 0o600)] {
        let site = Site::new();
        let script = format!("umask {umask}; exec \"$@\"");
        let ended = Ended::of(site.bundle_in_shell(&script, &["--cache", "cache"]));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let entries = fs::read_dir(site.run.path("cache")).expect("the cache");
        let modes = entries.map(|entry| entry.unwrap().metadata().unwrap().permissions().mode());
        let modes: Vec<_> = modes.map(|mode| mode & 0o7777).collect();
        assert_eq!(modes, [owed], "umask {umask}");
    }
}

#[test]
fn two_processes_at_once_leave_one_whole_file() {
    let both = Barrier::new(2);
    let mut site = Site::new();
    let der = site.issuer.cert_der.clone();
    let server = Server::start(move |_, stream| {
        both.wait();
        ok(stream, &der)
    });
    site.say(&server.url("/issuer"));
    let spawn = |out: &str| {
        let mut command = site.command(&["--cache", "cache", "--out", out]);
        command.stderr(Stdio::piped()).spawn().expect("it starts")
    };
    for child in ["one.pem", "two.pem"].map(spawn) {
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("[cache]"), "{said}");
    }
    let mut entries = fs::read_dir(site.run.path("cache")).expect("the cache");
    let kept = entries.next().expect("an entry").unwrap().path();
    assert_eq!(fs::read(kept).unwrap(), site.issuer.cert_der);
    assert!(entries.next().is_none());
}

#[test]
fn what_cannot_be_used_of_cache_and_intermediates_is_told() {
    let site = Site::new();
    fs::create_dir(site.run.path("cache")).expect("the folder is writable");
    fs::write(site.run.path("cache/bad.der"), "bad").expect("writable");
    let ended = site.bundle(&["--cache", "cache"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("warning[cache]: cache/bad.der"));
    for (option, place) in [("--cache", "leaf.pem"), ("--intermediates", "none")] {
        let ended = site.bundle(&[option, place]);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        let said = format!("{place}: N");
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    }
}

#[test]
fn json_has_the_findings_of_the_fetch() {
    let site = Site::new();
    let ended = site.bundle(&["--json"]);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let findings = json["bundle"]["findings"].as_array().expect("findings");
    let codes: Vec<_> = findings
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["fetched", "intermediate-added"]);
    let url = site.server.url("/issuer");
    assert_eq!(findings[0]["origin"]["source"], "leaf.pem");
    assert_eq!(findings[1]["origin"]["source"], url);

    let ended = site.bundle(&["--json", "--public-only"]);
    assert_eq!(ended.code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(json["outcome"], "refused");
    assert_eq!(json["findings"][0]["code"], "url-skipped");
}
