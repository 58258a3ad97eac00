//! The command fetches what is missing, says so, and does not when told not to.
#![cfg(feature = "cli")]

mod common;

use std::fs;
use std::path::PathBuf;

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
        let inputs = ["leaf.pem", "key.pem"];
        let common = ["bundle", "--roots", "root.pem", "--out", "o.pem"];
        let args = [&common, options, &inputs].concat();
        let mut command = self.run.fullchain(&args);
        command.envs(variables.iter().copied());
        Ended::of(command)
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
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let der = issuer.cert_der.clone();
    let proxy = Server::start(move |_, stream| ok(stream, &der));
    let url = "http://ca.example/issuer";
    let leaf = issuer.leaf(LeafOptions {
        ca_issuers: vec![url.to_owned()],
        ..LeafOptions::named("www.example.com")
    });
    let site = Site::new();
    for (name, pem) in [
        ("root.pem", &root.cert_pem),
        ("leaf.pem", &leaf.cert_pem),
        ("key.pem", &leaf.key_pem),
    ] {
        fs::write(site.run.path(name), pem).expect("the folder is writable");
    }
    let at = proxy.url("");
    let ended = site.bundle_with(&[], &[("http_proxy", &at)]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(proxy.paths(), [url]);
    for (options, variables) in [
        (
            &[][..],
            vec![("http_proxy", &*at), ("no_proxy", "ca.example")],
        ),
        // A proxy would resolve names by itself.
        (&["--public-only"], vec![("http_proxy", &*at)]),
    ] {
        let ended = site.bundle_with(options, &variables);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert_eq!(proxy.paths(), [url]);
    }
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
}
