//! What HAProxy logs of handshakes that fail, and what it says when it does not start, is explained
//! by what was really wrong.

mod common;

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
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
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let printed = haproxy.printed();
        let lines = printed.get(before..).unwrap_or_default();
        if let Some(line) = lines.lines().find(|line| line.contains("error:")) {
            return line.to_owned();
        }
        assert!(
            Instant::now() < deadline,
            "{options:?}: nothing is logged: {printed}"
        );
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
    let counts: u64 = summary.causes().iter().map(|(_, _, count, _)| count).sum();
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
        let deadline = Instant::now() + Duration::from_secs(20);
        while haproxy.printed().len() == before {
            assert!(Instant::now() < deadline, "nothing is logged");
            thread::sleep(Duration::from_millis(10));
        }
        let printed = haproxy.printed();
        let explained = explain(&printed[before..]).unwrap_or_else(|| panic!("{printed}"));
        assert_eq!(explained.cause, cause, "{printed}");
    }
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
