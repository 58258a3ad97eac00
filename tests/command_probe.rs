//! `fullchain probe`, as people run it, of a real HAProxy.
#![cfg(feature = "cli")]

mod common;

use std::fs;

use common::command::{Ended, Run};
use common::haproxy::Haproxy;
use common::pki::{Ca, Key, KeyKind, LeafOptions};
use serde_json::Value;

/// A HAProxy with an ECDSA certificate for www.example.com and these options, and the root beside.
fn served(run: &Run, options: &str) -> Haproxy {
    let root = Ca::root("Root");
    let issuing = root.intermediate("Issuing");
    let leaf = issuing.leaf(LeafOptions {
        shared_key: Some(Key::nth(KeyKind::P256, 0)),
        ..LeafOptions::named("www.example.com")
    });
    let pem = leaf.cert_pem + &issuing.cert_pem + &leaf.key_pem;
    fs::write(run.path("site.pem"), pem).unwrap();
    fs::write(run.path("root.pem"), root.cert_pem).unwrap();
    let options = format!("crt {} {options}", run.path("site.pem").display());
    Haproxy::bind(&options).expect("HAProxy starts")
}

fn probe(run: &Run, haproxy: &Haproxy, more: &[&str]) -> Ended {
    let socket = haproxy.tls_socket();
    let address = socket.to_str().expect("the path is text");
    Ended::of(run.fullchain(&[&["probe", address, "--roots", "root.pem"], more].concat()))
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

#[test]
fn what_a_server_does_is_told_in_text_and_json() {
    let run = Run::new();
    let haproxy = served(&run, "");
    let sni = ["--sni", "www.example.com"];
    let text = probe(&run, &haproxy, &sni);
    assert_eq!(text.code, Some(0), "{text:?}");
    assert!(
        text.stdout.contains(
            "TLS 1.3, client for ECDSA: 2 certificates, CN=www.example.com, trusted by root.pem"
        ),
        "{text:?}"
    );
    let told = json(&probe(&run, &haproxy, &[&sni[..], &["--json"]].concat()));
    assert_eq!(told["sni"], "www.example.com");
    assert_eq!(told["error"], Value::Null);
    let chains = told["handshakes"].as_array().expect("it is a list");
    let shown = chains.iter().filter(|it| !it["chain"].is_null()).count();
    assert_eq!((chains.len(), shown), (4, 2), "there is no RSA certificate");
    let clients = told["clients"].as_array().expect("it is a list");
    let client = |name: &str| clients.iter().find(|it| it["name"] == name).expect(name);
    assert_eq!(client("java-7")["version"], Value::Null);
    assert_eq!(client("java-11")["version"], "1.3");
}

#[test]
fn what_is_not_trusted_or_not_there_is_a_failure() {
    let run = Run::new();
    let haproxy = served(&run, "");
    let other = probe(&run, &haproxy, &["--sni", "shop.example.com"]);
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.stdout.contains("name-mismatch"), "{other:?}");
    let nameless = probe(&run, &haproxy, &["--no-sni"]);
    assert_eq!(nameless.code, Some(0), "{nameless:?}");
    let socket = haproxy.tls_socket();
    drop(haproxy);
    let address = socket.to_str().expect("the path is text");
    let args = ["probe", address, "--roots", "root.pem", "--json"];
    let gone = Ended::of(run.fullchain(&args));
    assert_eq!(gone.code, Some(1));
    assert!(json(&gone)["error"].is_string(), "{gone:?}");
}

#[test]
fn a_header_of_the_proxy_protocol_is_sent_on_demand() {
    let run = Run::new();
    let haproxy = served(&run, "accept-proxy");
    let sni = ["--sni", "www.example.com"];
    assert_eq!(probe(&run, &haproxy, &sni).code, Some(1));
    let proxied = probe(&run, &haproxy, &[&sni[..], &["--send-proxy"]].concat());
    assert_eq!(proxied.code, Some(0), "{proxied:?}");
}
