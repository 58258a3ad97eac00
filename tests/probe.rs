//! What a server accepts, found by ClientHellos of our own making, is what `openssl s_client` finds
//! case by case.
#![cfg(feature = "probe")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::haproxy::Haproxy;
use common::openssl::openssl_output;
use common::pki::{Ca, Key, KeyKind, LeafOptions};
use fullchain::haproxy::Address;
use fullchain::probe::{Answer, Hello, Probe, Row};
use fullchain::tls::{CipherSuite, Group, Version};
use tempfile::TempDir;

/// Twins, and a HAProxy that serves them.
fn served(options: &str, kinds: &[KeyKind]) -> (TempDir, Haproxy) {
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let ca = Ca::root("Root");
    let mut crts = String::new();
    for (index, kind) in kinds.iter().enumerate() {
        let leaf = ca.leaf(LeafOptions {
            shared_key: Some(Key::nth(*kind, 0)),
            ..LeafOptions::named("www.example.com")
        });
        let path = folder.path().join(format!("{index}.pem"));
        fs::write(&path, leaf.cert_pem + &leaf.key_pem + &ca.cert_pem).expect("/tmp is writable");
        crts += &format!("crt {} ", path.display());
    }
    let haproxy = Haproxy::bind(&format!("{crts} {options}")).expect("HAProxy starts");
    (folder, haproxy)
}

fn probe(haproxy: &Haproxy) -> Probe {
    probe_of(&haproxy.tls_socket())
}

fn probe_of(socket: &Path) -> Probe {
    Probe::new(Address::Unix(socket.to_owned())).name("www.example.com")
}

/// `openssl s_server` until it is dropped, with twins, each with its key in its file.
struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    fn new(options: &[&str], kinds: &[KeyKind]) -> Server {
        let folder = tempfile::Builder::new().prefix("srv-").tempdir_in("/tmp");
        let folder = folder.expect("/tmp is writable");
        let ca = Ca::root("Root");
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-unlink", "-unix", "server.sock"]);
        for (kind, [cert, key]) in kinds.iter().zip([["-cert", "-key"], ["-dcert", "-dkey"]]) {
            let leaf = ca.leaf(LeafOptions {
                shared_key: Some(Key::nth(*kind, 0)),
                ..LeafOptions::named("www.example.com")
            });
            let name = cert.trim_start_matches('-');
            let pem = leaf.cert_pem + &leaf.key_pem;
            fs::write(folder.path().join(name), pem).expect("/tmp is writable");
            command.args([cert, name, key, name]);
        }
        let process = command
            .args(options)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is needed: apt-get install openssl");
        let server = Server { process, folder };
        let deadline = Instant::now() + Duration::from_secs(30);
        while UnixStream::connect(server.socket()).is_err() {
            assert!(
                Instant::now() < deadline,
                "openssl does not listen: {options:?}"
            );
            thread::sleep(Duration::from_millis(5));
        }
        server
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("server.sock")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn option(version: Version) -> &'static str {
    match version {
        Version::Tls10 => "-tls1",
        Version::Tls11 => "-tls1_1",
        Version::Tls12 => "-tls1_2",
        _ => "-tls1_3",
    }
}

/// Whether `openssl s_client` comes to an understanding with these options, without security level.
fn understands(socket: &Path, version: Version, options: &[&str]) -> bool {
    let first = [
        "s_client",
        option(version),
        "-unix",
        socket.to_str().unwrap(),
    ];
    let name = ["-servername", "www.example.com"];
    let output = openssl_output(&[&first[..], &name, options].concat(), b"");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.contains("Cipher is ") && !said.contains("Cipher is (NONE)")
}

fn accepts_suite(socket: &Path, version: Version, suite: &CipherSuite) -> bool {
    let any = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
    let one = format!("{}:@SECLEVEL=0", suite.openssl);
    let options = match version {
        Version::Tls13 => ["-cipher", any, "-ciphersuites", suite.openssl],
        _ => ["-cipher", &one, "-ciphersuites", ""],
    };
    understands(socket, version, &options)
}

fn accepted(row: &Row) -> BTreeSet<&'static str> {
    let suites = row
        .accepted
        .iter()
        .filter_map(|chosen| chosen.cipher_suite());
    suites.map(|suite| suite.openssl).collect()
}

#[test]
fn the_matrix_is_what_openssl_finds_case_by_case() {
    let both = &[KeyKind::P256, KeyKind::Rsa(2048)][..];
    for (options, kinds) in [
        ("", both),
        (
            "ssl-min-ver TLSv1.0 ciphers ALL:COMPLEMENTOFALL:@SECLEVEL=0 ciphersuites TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256",
            both,
        ),
        (
            "ssl-min-ver TLSv1.1 ssl-max-ver TLSv1.2 ciphers kRSA:ECDHE+AES:@SECLEVEL=0",
            &both[1..],
        ),
        (
            "ssl-min-ver TLSv1.3 ciphersuites TLS_CHACHA20_POLY1305_SHA256",
            &both[..1],
        ),
    ] {
        let (_folder, haproxy) = served(options, kinds);
        is_as_openssl_finds(&haproxy.tls_socket(), options, &[70]);
    }
}

#[test]
fn the_matrix_of_openssls_own_server_is_what_its_client_finds() {
    let both = &[KeyKind::P256, KeyKind::Rsa(2048)][..];
    for (options, kinds) in [
        ("", both),
        (
            "-min_protocol TLSv1 -cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0",
            both,
        ),
        ("-tls1_2 -cipher DHE:@SECLEVEL=0 -serverpref", &both[1..]),
        (
            "-min_protocol TLSv1.1 -cipher aECDSA:AECDH:@SECLEVEL=0 -ciphersuites TLS_AES_128_CCM_8_SHA256",
            &both[..1],
        ),
        ("-tls1_3 -num_tickets 0", &[KeyKind::Ed25519]),
    ] {
        let server = Server::new(&options.split_whitespace().collect::<Vec<_>>(), kinds);
        // Versions may be switched off, or forbidden by the security level.
        is_as_openssl_finds(&server.socket(), options, &[70, 40]);
    }
}

/// Every version and suite, one by one; and the alerts for versions that are refused.
fn is_as_openssl_finds(socket: &Path, options: &str, alerts: &[u8]) {
    let matrix = probe_of(socket).matrix().expect("the server answers");
    for row in &matrix.rows {
        let suites = CipherSuite::ALL
            .iter()
            .filter(|suite| suite.is_of(row.version));
        let owed = suites.filter(|suite| accepts_suite(socket, row.version, suite));
        let owed: BTreeSet<_> = owed.map(|suite| suite.openssl).collect();
        assert_eq!(accepted(row), owed, "{options}: {}", row.version);
        let is_refused = matches!(&row.last, Answer::Alert(alert) if alerts.contains(&alert.0));
        assert!(!row.accepted.is_empty() || is_refused, "{options}: {row:?}");
    }
}

#[test]
fn groups_are_what_openssl_finds_case_by_case() {
    for curves in ["X25519:P-256", "P-384", "P-521:P-256:X448"] {
        let options = format!("ssl-min-ver TLSv1.2 curves {curves}");
        let (_folder, haproxy) = served(&options, &[KeyKind::P256, KeyKind::Rsa(2048)]);
        for version in [Version::Tls12, Version::Tls13] {
            let row = probe(&haproxy).row(version).expect("HAProxy answers");
            let names: BTreeMap<_, _> = [
                (Group(29), "X25519"),
                (Group(23), "P-256"),
                (Group(24), "P-384"),
                (Group(25), "P-521"),
                (Group(30), "X448"),
            ]
            .into();
            let owed = names.iter().filter(|(_, name)| {
                // A certificate's own curve must be among the groups, too.
                [
                    ("aECDSA", "ECDSA+SHA256"),
                    ("aRSA", "RSA+SHA256:rsa_pss_rsae_sha256"),
                ]
                .iter()
                .any(|(authentication, schemes)| {
                    let suites = format!("ECDHE+{authentication}:@SECLEVEL=0");
                    let offer = ["-groups", name, "-cipher", &suites, "-sigalgs", schemes];
                    understands(&haproxy.tls_socket(), version, &offer)
                })
            });
            let owed: BTreeSet<Group> = owed.map(|(group, _)| *group).collect();
            let found: BTreeSet<Group> = row.groups.iter().copied().collect();
            assert_eq!(found, owed, "{curves}: {version}");
        }
    }
}

#[test]
fn what_a_server_says_before_encryption_is_read() {
    let kinds = [KeyKind::P256, KeyKind::Rsa(2048)];
    let (_folder, haproxy) = served(
        "ssl-min-ver TLSv1.0 ciphers ALL:@SECLEVEL=0 alpn h2",
        &kinds,
    );
    let probe = probe(&haproxy);
    let with = |version, openssl: &str| {
        let suites = CipherSuite::ALL
            .iter()
            .filter(|suite| suite.openssl == openssl);
        let hello = Hello {
            suites: suites.copied().collect(),
            alpn: vec!["h2".to_owned()],
            ..Hello::of(version)
        };
        match probe.ask(&hello).expect("HAProxy answers") {
            Answer::Hello(chosen) => chosen,
            other => panic!("{other:?}"),
        }
    };
    let chosen = with(Version::Tls12, "ECDHE-ECDSA-AES128-GCM-SHA256");
    assert_eq!(chosen.chain.len(), 2);
    assert_eq!(chosen.alpn.as_deref(), Some("h2"));
    assert_eq!(
        chosen.scheme.and_then(|it| it.name()),
        Some("ecdsa_secp256r1_sha256")
    );
    assert!(chosen.group.is_some() && !chosen.asks_certificate);
    let served = haproxy.served_chain(Some("www.example.com"));
    assert_eq!(chosen.chain[0].as_ref(), served[0]);
    let dhe = with(Version::Tls10, "DHE-RSA-AES128-SHA");
    assert_eq!((dhe.prime_bits, dhe.scheme), (Some(2048), None));
    let rsa = with(Version::Tls11, "AES128-SHA");
    assert_eq!((rsa.group, rsa.chain.len()), (None, 2));
    let new = with(Version::Tls13, "TLS_AES_128_GCM_SHA256");
    assert_eq!(new.group.and_then(|it| it.name()), Some("x25519"));
}

/// A server that sends these bytes, and then hangs up or not.
fn answered(bytes: &[u8], hangs_up: bool) -> std::io::Result<Answer> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let bytes = bytes.to_vec();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 16_384];
        let _ = stream.read(&mut hello);
        let _ = stream.write_all(&bytes);
        (!hangs_up).then_some(stream)
    });
    let probe = Probe::new(Address::Unix(path)).timeout(Duration::from_secs(2));
    let answer = probe.ask(&Hello::of(Version::Tls12));
    drop(server.join());
    answer
}

#[test]
fn strange_servers_get_an_answer_by_the_deadline() {
    assert_eq!(answered(b"", true).unwrap(), Answer::Closed);
    assert_eq!(
        answered(b"HTTP/1.0 400 Bad Request\r\n", true).unwrap(),
        Answer::NotTls
    );
    assert_eq!(answered(b"SSH-2.0-x\r\n", false).unwrap(), Answer::NotTls);
    let alert = answered(&[21, 3, 3, 0, 2, 2, 40], false).unwrap();
    assert!(matches!(alert, Answer::Alert(alert) if alert.name() == Some("handshake_failure")));
    // Half an alert, and then nothing.
    assert_eq!(
        answered(&[21, 3, 3, 0, 2, 2], true).unwrap(),
        Answer::NotTls
    );
    let began = Instant::now();
    let silent = answered(&[22, 3, 3, 0x40, 0], false).unwrap_err();
    assert_eq!(silent.kind(), std::io::ErrorKind::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(10));
    // Records without end.
    let endless = [22, 3, 3, 0, 1, 0].repeat(100_000);
    assert_eq!(answered(&endless, true).unwrap(), Answer::NotTls);
}
