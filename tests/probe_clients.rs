//! Whether a client that people meet can connect, and with what, is what `openssl s_client` finds
//! when it is held to the same versions, suites, groups and signatures; and what is foretold of the
//! settings alone.
#![cfg(feature = "probe")]

mod common;

use std::fs;

use common::haproxy::Haproxy;
use common::pki::{Ca, Key, KeyKind, LeafOptions};
use fullchain::haproxy::Address;
use fullchain::probe::{Answer, Hello, Probe};
use fullchain::tls::{
    Authentication, CipherSuite, Ciphers, Client, Group, Met, Offer, SignatureScheme, Version,
    ciphersuites, groups,
};
use tempfile::TempDir;

/// Settings of a bind line.
struct Settings {
    name: &'static str,
    keys: &'static [KeyKind],
    versions: &'static [Version],
    ciphers: &'static str,
    curves: &'static str,
}

const RSA: KeyKind = KeyKind::Rsa(2048);
const INTERMEDIATE: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";
const OLD: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA@SECLEVEL=0";
const ALL: &[Version] = &Version::ALL;
const NEW: &[Version] = &[Version::Tls12, Version::Tls13];

const SETTINGS: [Settings; 8] = [
    Settings {
        name: "modern",
        keys: &[KeyKind::P256, RSA],
        versions: &[Version::Tls13],
        ciphers: "DEFAULT",
        curves: "X25519:P-256:P-384",
    },
    Settings {
        name: "intermediate",
        keys: &[KeyKind::P256, RSA],
        versions: NEW,
        ciphers: INTERMEDIATE,
        curves: "X25519:P-256:P-384",
    },
    Settings {
        name: "old",
        keys: &[KeyKind::P256, RSA],
        versions: ALL,
        ciphers: OLD,
        curves: "X25519:P-256:P-384",
    },
    Settings {
        name: "old without its level",
        keys: &[KeyKind::P256, RSA],
        versions: ALL,
        ciphers: "DEFAULT",
        curves: "X25519:P-256:P-384",
    },
    Settings {
        name: "ECDSA alone",
        keys: &[KeyKind::P256],
        versions: NEW,
        ciphers: INTERMEDIATE,
        curves: "X25519:P-256:P-384",
    },
    Settings {
        name: "RSA key exchange",
        keys: &[RSA],
        versions: &[Version::Tls12],
        ciphers: "kRSA+AES",
        curves: "P-256",
    },
    Settings {
        name: "ECDSA suites for an RSA key",
        keys: &[RSA],
        versions: NEW,
        ciphers: "ECDHE+aECDSA+AESGCM",
        curves: "P-256",
    },
    Settings {
        name: "x448 alone",
        keys: &[RSA],
        versions: NEW,
        ciphers: "ECDHE+AESGCM",
        curves: "X448",
    },
];

fn word(version: Version) -> String {
    format!("TLSv{}", version.to_string().trim_start_matches("TLS "))
}

fn served(settings: &Settings) -> (TempDir, Haproxy) {
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let ca = Ca::root("Root");
    let mut options = String::new();
    for (index, kind) in settings.keys.iter().enumerate() {
        let leaf = ca.leaf(LeafOptions {
            shared_key: Some(Key::nth(*kind, 0)),
            ..LeafOptions::named("www.example.com")
        });
        let path = folder.path().join(format!("{index}.pem"));
        fs::write(&path, leaf.cert_pem + &leaf.key_pem).expect("/tmp is writable");
        options += &format!("crt {} ", path.display());
    }
    let (oldest, newest) = (
        settings.versions[0],
        settings.versions[settings.versions.len() - 1],
    );
    options += &format!(
        "ssl-min-ver {} ssl-max-ver {} ciphers {} curves {} no-tls-tickets",
        word(oldest),
        word(newest),
        settings.ciphers,
        settings.curves
    );
    (folder, Haproxy::bind(&options).expect("HAProxy starts"))
}

/// What OpenSSL's client comes to, held to what this one speaks; `None` if it cannot be held to
/// that.
fn judged(haproxy: &Haproxy, client: &Client) -> Option<Option<(Version, String)>> {
    let hello = Hello::of_client(client);
    let of = |is_13: bool| -> Vec<&str> {
        let suites = hello
            .suites
            .iter()
            .filter(|it| (it.since == Version::Tls13) == is_13);
        suites
            .map(|suite| suite.openssl)
            .filter(|name| is_13 || Ciphers::parse(name).is_ok())
            .collect()
    };
    let known = |group: &&Group| group.0 != 0x11ec && group.0 < 0x0100;
    let names: Vec<_> = hello
        .groups
        .iter()
        .filter(known)
        .filter_map(|it| it.name())
        .collect();
    let schemes: Vec<String> = hello.schemes.iter().filter_map(|it| scheme(*it)).collect();
    let ciphers = format!("{}@SECLEVEL=0", of(false).join(":"));
    let (suites, curves, schemes) = (of(true).join(":"), names.join(":"), schemes.join(":"));
    let (oldest, newest) = (hello.versions.iter().min()?, hello.versions.iter().max()?);
    // OpenSSL has TLSv1 where HAProxy has TLSv1.0.
    let [oldest, newest] = [oldest, newest].map(|it| word(*it).replace("TLSv1.0", "TLSv1"));
    let mut options = vec![
        "-min_protocol",
        &oldest,
        "-max_protocol",
        &newest,
        "-curves",
        &curves,
    ];
    match ciphers.strip_prefix('@') {
        Some(_) => options.extend(["-cipher", "ALL@SECLEVEL=0"]),
        None => options.extend(["-cipher", &ciphers]),
    }
    options.extend(["-ciphersuites", &suites]);
    if !schemes.is_empty() {
        options.extend(["-sigalgs", &schemes]);
    }
    let (_, printed) = haproxy.s_client(Some("www.example.com"), &options);
    assert!(
        !printed.contains("SSL_CONF_cmd") && !printed.contains("Error with command"),
        "{printed}"
    );
    let line = printed.lines().find(|line| line.contains(", Cipher is "))?;
    let (version, suite) = line
        .trim_start_matches("New, ")
        .split_once(", Cipher is ")?;
    if suite == "(NONE)" {
        return Some(None);
    }
    // The line has the version of the suite; that of the session is the one that is spoken.
    let spoken = printed
        .lines()
        .find_map(|line| line.trim().strip_prefix("Protocol  : "));
    let version = spoken.unwrap_or(version);
    let version = match version {
        "TLSv1" => Version::Tls10,
        "TLSv1.1" => Version::Tls11,
        "TLSv1.2" => Version::Tls12,
        _ => Version::Tls13,
    };
    Some(Some((version, suite.to_owned())))
}

/// As OpenSSL writes it.
fn scheme(scheme: SignatureScheme) -> Option<String> {
    let hash = match scheme.0 >> 8 {
        2 => "SHA1",
        3 => "SHA224",
        4 => "SHA256",
        5 => "SHA384",
        6 => "SHA512",
        _ => return scheme.name().map(str::to_owned),
    };
    match scheme.0 & 0xff {
        1 => Some(format!("RSA+{hash}")),
        2 => Some(format!("DSA+{hash}")),
        3 => Some(format!("ECDSA+{hash}")),
        _ => None,
    }
}

fn foretold(settings: &Settings, client: &Client) -> Option<(Version, String)> {
    let ciphers = Ciphers::parse(settings.ciphers).expect("it is a list");
    let new =
        ciphersuites("TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256");
    let suites: Vec<&CipherSuite> = [new.expect("it is one").suites, ciphers.suites].concat();
    let keys = settings.keys.iter().map(|kind| match kind {
        KeyKind::Rsa(_) => Authentication::Rsa,
        _ => Authentication::Ecdsa,
    });
    let offer = Offer {
        versions: settings.versions.to_vec(),
        suites,
        groups: groups(settings.curves).expect("it is a list"),
        schemes: None,
        keys: keys.collect(),
        level: ciphers.level.unwrap_or(2),
    };
    let Met { version, suite, .. } = offer.meet(client).ok()?;
    Some((version, suite.openssl.to_owned()))
}

#[test]
fn clients_that_people_meet_connect_where_openssl_does_and_where_it_is_foretold() {
    let (mut connected, mut refused) = (0, 0);
    for settings in &SETTINGS {
        let (_folder, haproxy) = served(settings);
        let probe = Probe::new(Address::Unix(haproxy.tls_socket())).name("www.example.com");
        for visit in probe.visits().expect("HAProxy answers") {
            let who = format!("{} at {}", visit.client.title, settings.name);
            let ours = match &visit.answer {
                Answer::Hello(hello) => {
                    let suite = hello.cipher_suite().expect("it was offered");
                    Some((hello.version, suite.openssl.to_owned()))
                }
                Answer::Alert(_) => None,
                other => panic!("{who}: {other:?}"),
            };
            match ours {
                Some(_) => connected += 1,
                None => refused += 1,
            }
            let judged = judged(&haproxy, visit.client);
            let judged = judged.unwrap_or_else(|| panic!("openssl says nothing of {who}"));
            assert_eq!(ours, judged, "{who}, by openssl");
            // Which of several suites is taken depends on the order, which is HAProxy's own.
            let foretold = foretold(settings, visit.client);
            assert_eq!(
                ours.map(|(version, _)| version),
                foretold.map(|(version, _)| version),
                "{who}, foretold"
            );
        }
    }
    println!("{connected} can connect, {refused} cannot");
    assert!(connected > 30 && refused > 20, "{connected} {refused}");
}
