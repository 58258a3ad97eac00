//! What HAProxy logs of handshakes that fail, and what it says when it does not start, is explained
//! by what was really wrong.

mod common;

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use common::haproxy::Haproxy;
use common::openssl::openssl_output;
use common::pki::{Ca, Key, KeyKind, LeafOptions};
use fullchain::explain::{Cause, LogSummary, explain};
use tempfile::TempDir;

struct Site {
    folder: TempDir,
}

impl Site {
    fn new(kind: KeyKind) -> Site {
        let folder = tempfile::tempdir().expect("/tmp is writable");
        let root = Ca::root("Root");
        let issuing = root.intermediate("Issuing");
        let leaf = issuing.leaf(LeafOptions {
            shared_key: Some(Key::nth(kind, 0)),
            ..LeafOptions::named("www.example.com")
        });
        let whole = [&leaf.cert_pem, &issuing.cert_pem, &leaf.key_pem].map(String::as_str);
        let reversed = [&issuing.cert_pem, &leaf.cert_pem, &leaf.key_pem].map(String::as_str);
        for (name, content) in [
            ("root.pem", root.cert_pem.clone()),
            ("site.pem", whole.concat()),
            ("reversed.pem", reversed.concat()),
            (
                "joined.pem",
                whole.concat().replace("-----\n-----", "----------"),
            ),
            ("no-key.pem", leaf.cert_pem.clone()),
            ("key.pem", leaf.key_pem.clone()),
        ] {
            fs::write(folder.path().join(name), content).expect("/tmp is writable");
        }
        Site { folder }
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().expect("the path is UTF-8").to_owned()
    }
}

/// What is logged when a client with these options of `openssl s_client` has come.
fn logged(haproxy: &Haproxy, options: &[&str]) -> String {
    let before = haproxy.printed().len();
    let socket = haproxy.tls_socket();
    let connect = ["s_client", "-unix", socket.to_str().unwrap()];
    openssl_output(&[&connect[..], options].concat(), b"");
    logged_behind(haproxy, before)
}

/// The line of a failure that comes behind so many bytes of the log. There are others, of those who
/// only looked whether HAProxy listens.
fn logged_behind(haproxy: &Haproxy, before: usize) -> String {
    line_behind(haproxy, before, "error:")
}

fn line_behind(haproxy: &Haproxy, before: usize, words: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let printed = haproxy.printed();
        let lines = printed.get(before..).unwrap_or_default();
        if let Some(line) = lines.lines().find(|line| line.contains(words)) {
            return line.to_owned();
        }
        assert!(Instant::now() < deadline, "nothing is logged: {printed}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_logged_names_the_cause() {
    let site = Site::new(KeyKind::P256);
    let bind = |options: &str| {
        let options = format!("crt {} {options}", site.path("site.pem"));
        Haproxy::bind_logging(&options).expect("HAProxy starts")
    };
    let usual = bind("");
    let strict = bind("strict-sni");
    let demanding = bind(&format!(
        "verify required ca-file {}",
        site.path("root.pem")
    ));
    let modern = bind("ssl-min-ver TLSv1.3");
    let name = ["-servername", "www.example.com"];
    let mut summary = LogSummary::new();
    for (haproxy, options, cause) in [
        (
            &usual,
            &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..],
            Cause::Protocol,
        ),
        (
            &usual,
            &["-tls1_2", "-cipher", "AES128-SHA"],
            Cause::Protocol,
        ),
        (&usual, &["-sigalgs", "RSA+SHA256"], Cause::Key),
        (&usual, &["-tls1_3", "-verify_return_error"], Cause::Chain),
        (&usual, &["-tls1_2", "-verify_return_error"], Cause::Chain),
        (&strict, &["-servername", "nobody.example"], Cause::Sni),
        (&strict, &["-noservername"], Cause::Sni),
        (&demanding, &["-tls1_2"], Cause::Client),
        (&modern, &["-tls1_2"], Cause::Protocol),
    ] {
        let name = match options.iter().any(|it| it.contains("servername")) {
            true => &[][..],
            false => &name,
        };
        let line = logged(haproxy, &[options, name].concat());
        let explained = explain(&line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(explained.cause, cause, "{options:?}: {line}");
        // By the number alone, too.
        let number = line
            .split_whitespace()
            .find(|it| it.len() == 16)
            .expect("it is logged");
        assert_eq!(explain(number), Some(explained));
        summary.record(&line);
    }
    assert_eq!(summary.lines(), 9);
    let counts: u64 = summary.failures().iter().map(|it| it.count).sum();
    assert_eq!(counts, 9);
}

#[test]
fn plain_http_is_told_from_tls() {
    use std::io::Write;
    let site = Site::new(KeyKind::P256);
    let haproxy = Haproxy::bind_logging(&format!("crt {}", site.path("site.pem"))).unwrap();
    for (sent, cause) in [
        (&b"GET / HTTP/1.0\r\n\r\n"[..], Cause::NotTls),
        (b"\x05\x01\x00 and more than a header", Cause::NotTls),
    ] {
        let before = haproxy.printed().len();
        let mut stream = UnixStream::connect(haproxy.tls_socket()).unwrap();
        stream.write_all(sent).unwrap();
        let line = logged_behind(&haproxy, before);
        let explained = explain(&line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(explained.cause, cause, "{line}");
    }
}

#[test]
fn who_only_connects_is_said_to_have_hung_up() {
    let site = Site::new(KeyKind::P256);
    let haproxy = Haproxy::bind_logging(&format!("crt {}", site.path("site.pem"))).unwrap();
    let before = haproxy.printed().len();
    drop(UnixStream::connect(haproxy.tls_socket()).unwrap());
    let line = line_behind(&haproxy, before, "0000000000000000");
    let explained = explain(&line).unwrap_or_else(|| panic!("{line}"));
    assert_eq!(explained.cause, Cause::Network, "{line}");
}

#[test]
fn failed_health_checks_are_the_servers() {
    let site = Site::new(KeyKind::P256);
    let served = Haproxy::bind(&format!("crt {}", site.path("site.pem"))).unwrap();
    let other = Ca::root("Other root");
    fs::write(site.path("other.pem"), other.cert_pem).unwrap();
    let options = format!(
        "crt {}\n\nbackend api\n    server a unix@{} check inter 50 ssl verify required ca-file {}",
        site.path("site.pem"),
        served.tls_socket().display(),
        site.path("other.pem")
    );
    let haproxy = Haproxy::bind_logging(&options).unwrap();
    let line = line_behind(&haproxy, 0, "Layer6");
    let mut summary = LogSummary::new();
    summary.record(&line);
    let [checks] = summary.failures()[..] else {
        panic!("{line}");
    };
    assert_eq!(checks.explanation.cause, Cause::Backend, "{line}");
    assert_eq!(checks.servers(), [("api/a", 1)], "{line}");
}

#[test]
fn reasons_have_the_words_that_openssl_has_for_them() {
    let numbers: Vec<String> = (100..450)
        .map(|it| format!("{:08X}", 0x0a00_0000 + it))
        .collect();
    let mut arguments = vec!["errstr"];
    arguments.extend(numbers.iter().map(String::as_str));
    let output = openssl_output(&arguments, b"");
    let lines = String::from_utf8(output.stdout).expect("it is text");
    let mut rare = 0;
    for (number, line) in numbers.iter().zip(lines.lines()) {
        let words = line.rsplit(':').next().unwrap_or_default();
        let explained = explain(number).unwrap_or_else(|| panic!("{line}"));
        match words.starts_with("reason(") || explained.cause == Cause::Unknown {
            true => rare += 1,
            false => assert_eq!(explained.title, words, "{line}"),
        }
    }
    assert_eq!(lines.lines().count(), numbers.len());
    assert!(rare < 150, "{rare} are told in general");
}

#[test]
fn what_haproxy_says_when_it_does_not_start_names_the_cause() {
    let site = Site::new(KeyKind::P256);
    let crt = |name: &str| format!("crt {}", site.path(name));
    let whole = crt("site.pem");
    for (options, cause) in [
        (crt("reversed.pem"), Cause::Key),
        (crt("joined.pem"), Cause::Setup),
        (crt("no-key.pem"), Cause::Key),
        (crt("key.pem"), Cause::Setup),
        (crt("nobody.pem"), Cause::Setup),
        (String::new(), Cause::Setup),
        (format!("{whole} ciphers NOTHING"), Cause::Protocol),
        (format!("{whole} ciphersuites NOTHING"), Cause::Protocol),
        (format!("{whole} curves nothing"), Cause::Protocol),
        (format!("{whole} verify required"), Cause::Client),
        (
            format!("{whole} verify required ca-file {}", site.path("key.pem")),
            Cause::Setup,
        ),
    ] {
        let said = Haproxy::bind(&options)
            .err()
            .unwrap_or_else(|| panic!("{options}: it starts"));
        let explained = explain(&said).unwrap_or_else(|| panic!("{options}: {said}"));
        assert_eq!(explained.cause, cause, "{options}: {said}");
    }
}

/// Lines of a configuration that HAProxy refuses, or warns of.
const BIND_OPTIONS: &[&str] = &[
    "crt",
    "crt void",
    "crt text.pem",
    "crt site.pem verify required",
    "crt site.pem verify maybe",
    "crt site.pem verify required ca-file text.pem",
    "crt site.pem ca-file nowhere",
    "crt site.pem verify optional ca-file void",
    "crt site.pem verify required ca-file root.pem crl-file nowhere",
    "crt site.pem verify required ca-file root.pem ca-verify-file nowhere",
    "crt site.pem ca-file root.pem crt-ignore-err nothing",
    "crt site.pem ciphers",
    "crt site.pem ciphers NOTHING",
    "crt site.pem ciphersuites NOTHING",
    "crt site.pem curves nothing",
    "crt site.pem ecdhe nothing",
    "crt site.pem alpn",
    "crt site.pem ssl-min-ver TLSv9",
    "crt site.pem ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2",
    "crt site.pem ssl-max-ver TLSv1.1",
    "crt site.pem no-tlsv12 ssl-min-ver TLSv1.0",
    "crt site.pem tls-ticket-keys nowhere",
    "crt site.pem tls-ticket-keys text.pem",
    "crt site.pem tls-ticket-keys two-keys",
    "crt site.pem generate-certificates",
    "crt site.pem generate-certificates ca-sign-file nowhere",
    "crt site.pem nothing",
    "crt ocsp.pem",
    "crt sctl.pem",
    "crt-list nowhere",
    "crt-list shut.list",
    "crt-list valueless.list",
    "crt-list odd.list",
    "crt-list torn.list",
];
const SERVER_OPTIONS: &[&str] = &[
    "",
    "ca-file nowhere",
    "ca-file root.pem crl-file nowhere",
    "verify maybe",
    "verify none crt nowhere",
    "verify none crt no-key.pem",
    "verify none crt reversed.pem",
    "verify none ciphers NOTHING",
    "verify none ciphersuites NOTHING",
    "verify none ssl-min-ver TLSv9",
    "verify none ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2",
    "verify none sni",
    "verify none sni nothing",
    "verify none check-sni",
    "verify none verifyhost",
];
const GLOBAL: &[&str] = &[
    "ca-base",
    "ssl-default-bind-ciphers",
    "ssl-default-bind-ciphers NOTHING",
    "ssl-default-bind-options nothing",
    "ssl-default-bind-options ssl-min-ver",
    "ssl-default-server-options nothing",
    "ssl-dh-param-file nowhere",
    "ssl-load-extra-files nothing",
    "ssl-server-verify maybe",
    "tune.ssl.default-dh-param 100",
    "issuers-chain-path nowhere",
    "issuers-chain-path twice",
];

#[test]
fn everything_that_haproxy_says_of_tls_when_it_reads_a_configuration_is_explained() {
    let site = Site::new(KeyKind::P256);
    let whole = fs::read_to_string(site.path("site.pem")).unwrap();
    for folder in ["void", "twice"] {
        fs::create_dir(site.path(folder)).unwrap();
    }
    let keys = format!("{}\n", "AAAA".repeat(16)).repeat(2);
    for (name, content) in [
        ("text.pem", "nothing here\n"),
        ("ocsp.pem", &whole),
        ("ocsp.pem.ocsp", "nothing here\n"),
        ("sctl.pem", &whole),
        ("sctl.pem.sctl", "nothing here\n"),
        ("twice/a.pem", &whole),
        ("twice/b.pem", &whole),
        ("two-keys", &keys),
        ("shut.list", "site.pem ]\n"),
        ("valueless.list", "site.pem [ciphers]\n"),
        ("odd.list", "site.pem [nothing]\n"),
        ("torn.list", "site.pem [alpn h2] a.example"),
    ] {
        fs::write(site.path(name), content).unwrap();
    }
    let binds = BIND_OPTIONS.iter().map(|it| (*it, "", "verify none"));
    let servers = SERVER_OPTIONS.iter().map(|it| ("crt site.pem", "", *it));
    let lines = GLOBAL.iter().map(|it| ("crt site.pem", *it, "verify none"));
    for (bind, global, server) in binds.chain(servers).chain(lines) {
        let config = format!(
            "global\n {global}\ndefaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend f\n bind unix@{{dir}}/s ssl {bind}\nbackend b\n server s 127.0.0.1:1 ssl {server}\n"
        );
        let dir = site.folder.path();
        let config = config.replace("{dir}", &dir.display().to_string());
        fs::write(site.path("haproxy.cfg"), &config).unwrap();
        let output = Command::new("timeout")
            .args(["60", "haproxy", "-c", "-f", "haproxy.cfg"])
            .current_dir(dir)
            .output()
            .expect("haproxy is needed: apt-get install haproxy");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_told = |line: &&str| {
            let is_said = line.starts_with("[ALERT]") || line.starts_with("[WARNING]");
            // What says nothing by itself.
            let is_empty = line.contains("rror(s) found") || line.contains("Fatal errors found");
            is_said && !is_empty && !line.trim_end().ends_with("'frontend' :")
        };
        let mut lines = said.lines().filter(is_told).peekable();
        assert!(lines.peek().is_some(), "{bind} {global} {server}: {said}");
        for line in lines {
            assert!(explain(line).is_some(), "{line}");
        }
    }
}
