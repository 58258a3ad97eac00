//! Whether HAProxy starts with a configuration is what the doctor foretells; and with the cures, it
//! does. `PROPTEST_CASES` makes the campaign longer.

mod common;

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::pki::{Ca, Key, KeyKind, LeafOptions};
use common::random::try_all;
use fullchain::doctor::{Doctor, Examination};
use fullchain::explain::explain;
use fullchain::haproxy::Version;
use fullchain::haproxy::config::{Environment, File, Reader};
use proptest::prelude::*;
use rustls_pki_types::UnixTime;
use tempfile::TempDir;

/// Files of every kind, sound and unsound.
fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("doc-").tempdir_in("/tmp");
    let folder = folder.expect("/tmp is writable");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("the folder is writable");
    };
    let root = Ca::root("Root");
    let intermediate = root.intermediate("Intermediate");
    let rsa = intermediate.leaf(LeafOptions {
        shared_key: Some(Key::nth(KeyKind::Rsa(2048), 0)),
        ..LeafOptions::named("a.example")
    });
    let ecdsa = intermediate.leaf_named("b.example");
    write(
        "a.pem",
        &(rsa.cert_pem.clone() + &intermediate.cert_pem + &rsa.key_pem),
    );
    write("b.pem", &(ecdsa.cert_pem.clone() + &ecdsa.key_pem));
    write("mixed.pem", &(rsa.cert_pem.clone() + &ecdsa.key_pem));
    write("keyless.pem", &rsa.cert_pem);
    write("root.pem", &root.cert_pem);
    write("int.pem", &intermediate.cert_pem);
    write(
        "both.pem",
        &(root.cert_pem.clone() + &intermediate.cert_pem),
    );
    write("crl.pem", &root.crl_pem());
    let broken = ecdsa.cert_pem.replacen("MII", "M!I", 1);
    write("damaged.pem", &(root.cert_pem.clone() + &broken));
    write("keyed.pem", &(ecdsa.key_pem.clone() + &root.cert_pem));
    let key = |bytes: usize| "AAAA".repeat(bytes / 3) + "\n";
    write("tickets", &(key(48).repeat(3)));
    write(
        "tickets-80",
        &format!("{0}={0}={0}=", "AAAA".repeat(26) + "AAA").replace('=', "=\n"),
    );
    write("tickets-two", &key(48).repeat(2));
    write(
        "tickets-mixed",
        &(key(48).repeat(3) + &"AAAA".repeat(26) + "AAA=\n"),
    );
    write("tickets-short", &key(45).repeat(3));
    write("tickets-blank", &(key(48).repeat(3) + "\n"));
    write("empty.pem", "");
    write("text.pem", "nothing here\n");
    let here = folder.path().display();
    write(
        "good.list",
        &format!("{here}/a.pem [ssl-min-ver TLSv1.2 alpn h2] a.example\n"),
    );
    write(
        "bad.list",
        &format!("{here}/a.pem [ciphers NOTHING] a.example\n"),
    );
    for (name, options) in [
        ("verified.list", "verify required"),
        (
            "trusting.list",
            "ca-file root.pem verify optional crl-file crl.pem",
        ),
        ("ca-gone.list", "ca-file nowhere.pem"),
        ("valueless.list", "alpn h2 ciphers"),
    ] {
        let line = format!("{here}/a.pem [{options}] a.example\n");
        write(name, &line);
    }
    write("gone.list", &format!("{here}/nowhere.pem\n"));
    fs::create_dir(folder.path().join("dir")).unwrap();
    fs::copy(folder.path().join("a.pem"), folder.path().join("dir/a.pem")).unwrap();
    fs::create_dir(folder.path().join("void")).unwrap();
    folder
}

const CIPHERS: &[&str] = &[
    "HIGH",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE+AESGCM:!aNULL",
    "FOO:AES128-SHA",
    "FOO",
    "TLS_AES_128_GCM_SHA256",
    "RC4:3DES",
    "AES128-SHA:@FOO",
    "AES128-SHA@SECLEVEL=0",
    "!aNULL:DEFAULT",
    "DEFAULT",
];
const SUITES: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_128_GCM_SHA256:FOO",
    "FOO",
    "AES128-SHA",
];
const CURVES: &[&str] = &["P-256", "X25519:P-384", "p-256", "FOO", "secp256r1:FOO"];
const CRTS: &[&str] = &[
    "crt a.pem",
    "crt b.pem",
    "crt a.pem crt b.pem",
    "crt mixed.pem",
    "crt keyless.pem",
    "crt nowhere.pem",
    "crt empty.pem",
    "crt dir",
    "crt void",
    "crt-list good.list",
    "crt-list bad.list",
    "crt-list gone.list",
    "crt-list verified.list",
    "crt-list trusting.list",
    "crt-list ca-gone.list",
    "crt-list valueless.list",
    "crt-list nowhere.list",
    "default-crt a.pem",
    "",
];
const STORES: &[&str] = &[
    "root.pem",
    "int.pem",
    "both.pem",
    "crl.pem",
    "damaged.pem",
    "keyed.pem",
    "empty.pem",
    "text.pem",
    "nowhere.pem",
    "dir",
    "void",
    "@system-ca",
];
const TICKETS: &[&str] = &[
    "HERE/tickets",
    "HERE/tickets-80",
    "HERE/tickets-two",
    "HERE/tickets-mixed",
    "HERE/tickets-short",
    "HERE/tickets-blank",
    "HERE/text.pem",
    "HERE/nowhere.pem",
];
/// No folders: HAProxy 2.6 reads these for ever.
const SIGNERS: &[&str] = &[
    "a.pem",
    "keyless.pem",
    "mixed.pem",
    "text.pem",
    "nowhere.pem",
];
const LISTS: &[&str] = &[
    "crl.pem",
    "root.pem",
    "damaged.pem",
    "text.pem",
    "nowhere.pem",
];
const VERSIONS: &[&str] = &["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

fn option(name: &'static str, values: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![
        9 => Just(String::new()),
        1 => prop::sample::select(values).prop_map(move |value| format!(" {name} {value}")),
    ]
    .boxed()
}

fn word(word: &'static str) -> BoxedStrategy<String> {
    prop_oneof![9 => Just(String::new()), 1 => Just(format!(" {word}"))].boxed()
}

fn bind() -> impl Strategy<Value = String> {
    let crts = prop_oneof![3 => Just("crt a.pem crt b.pem"), 2 => prop::sample::select(CRTS)];
    let options = vec![
        option("ciphers", CIPHERS),
        option("ciphersuites", SUITES),
        option("curves", CURVES),
        option("ecdhe", &["secp384r1", "prime256v1", "foo"]),
        option("sigalgs", &["RSA+SHA256"]),
        option("ssl-min-ver", VERSIONS),
        option("ssl-max-ver", VERSIONS),
        option("verify", &["none", "optional", "required"]),
        option("ca-file", STORES),
        option("ca-verify-file", STORES),
        option("crl-file", LISTS),
        option("tls-ticket-keys", TICKETS),
        option("generate-certificates ca-sign-file", SIGNERS),
        word("generate-certificates"),
        word("strict-sni"),
        word("no-tlsv12"),
        word("force-tlsv13"),
    ];
    (crts, options, prop::bool::weighted(0.95)).prop_map(|(crts, options, is_tls)| {
        let ssl = if is_tls { " ssl" } else { "" };
        format!(
            "    bind unix@HERE/tls.sock{ssl} {crts}{}\n",
            options.concat()
        )
    })
}

fn server() -> impl Strategy<Value = String> {
    let options = vec![
        prop_oneof![4 => Just(" verify none".to_owned()), 1 => option("verify", &["required"])]
            .boxed(),
        option("ca-file", STORES),
        option("crl-file", LISTS),
        option("crt", &["a.pem", "mixed.pem", "keyless.pem", "nowhere.pem"]),
        option("ciphers", CIPHERS),
        option("ciphersuites", SUITES),
        option("ssl-min-ver", VERSIONS),
        option("ssl-max-ver", VERSIONS),
        option("verifyhost", &["a.example"]),
        option(
            "sni",
            &["str(a.example)", "req.hdr(host)", "www.example.com"],
        ),
        word("check"),
        word("check-ssl"),
    ];
    (options, prop::bool::weighted(0.8)).prop_map(|(options, is_tls)| {
        let ssl = if is_tls { " ssl" } else { "" };
        format!("    server s 127.0.0.1:8443{ssl}{}\n", options.concat())
    })
}

fn global() -> impl Strategy<Value = String> {
    let lines = vec![
        option("    ssl-default-bind-ciphers", CIPHERS),
        option("    ssl-default-server-ciphers", CIPHERS),
        option("    ssl-default-bind-options ssl-min-ver", VERSIONS),
        option("    ssl-server-verify", &["none", "required"]),
        option("    ssl-load-extra-files", &["none", "all"]),
    ];
    lines.prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
}

fn configuration() -> impl Strategy<Value = String> {
    let servers = prop::collection::vec(server(), 0..=1);
    (global(), bind(), servers).prop_map(|(global, bind, servers)| {
        format!(
            "global\n    crt-base HERE\n    ca-base HERE\n{global}defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\nfrontend f\n{bind}    default_backend b\nbackend b\n{}",
            servers.concat()
        )
    })
}

fn examine(text: &str) -> Examination {
    let version: Version = "2.6".parse().expect("it is a version");
    let files = [File::new("haproxy.cfg", text)];
    let reader = Reader::new()
        .version(version)
        .environment(Environment::empty());
    let config = reader.read(&files).expect("it is small");
    let doctor = Doctor::new(UnixTime::now()).version(version);
    doctor.examine(&config, &files)
}

#[test]
fn what_random_configurations_seldom_have_is_foretold_too() {
    let folder = folder();
    let binds = [
        ("unix@HERE/tls.sock ca-file nowhere.pem", false),
        ("unix@HERE/tls.sock crt mixed.pem", false),
        ("unix@HERE/tls.sock crt void", true),
        ("unix@HERE/tls.sock ssl crt void strict-sni", true),
        (
            "unix@HERE/tls.sock ssl crt a.pem ca-file void verify required",
            true,
        ),
        (
            "unix@HERE/tls.sock ssl crt a.pem ca-file int.pem verify required",
            true,
        ),
        ("unix@HERE/tls.sock ssl crt a.pem verify optional", false),
        (
            "unix@HERE/tls.sock ssl crt-list HERE/good.list ssl-max-ver TLSv1.1",
            false,
        ),
        ("unix@HERE/tls.sock default-crt a.pem", false),
        ("unix@HERE/tls.sock crl-file nowhere.pem", false),
        ("unix@HERE/tls.sock crt-list HERE/ca-gone.list", false),
        ("unix@HERE/tls.sock ca-file crl.pem", true),
        ("unix@HERE/tls.sock ca-file keyed.pem", true),
        (
            "unix@HERE/tls.sock\nbackend b\n    server s 127.0.0.1:1 crl-file nowhere.pem",
            false,
        ),
        (
            "unix@HERE/tls.sock\nbackend b\n    server s 127.0.0.1:1 crl-file crl.pem",
            true,
        ),
    ];
    let here = folder.path().display().to_string();
    for (bind, starts) in binds {
        let text = format!(
            "global\n    crt-base HERE\n    ca-base HERE\ndefaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\nfrontend f\n    bind {bind}\n"
        );
        let agreed = agreed(folder.path(), &text.replace("HERE", &here));
        let examination = agreed.unwrap_or_else(|error| panic!("{bind}: {error}"));
        assert_eq!(examination.starts(), starts, "{bind}");
    }
}

/// The doctor's word, which is HAProxy's, too.
fn agreed(folder: &Path, text: &str) -> Result<Examination, TestCaseError> {
    let examination = examine(text);
    let (is_started, said) = starts(folder, text);
    prop_assert_eq!(
        examination.starts(),
        is_started,
        "{}\n{}\n{:#?}",
        text,
        said,
        examination.errors().collect::<Vec<_>>()
    );
    Ok(examination)
}

fn starts(folder: &Path, text: &str) -> (bool, String) {
    let config = folder.join("haproxy.cfg");
    fs::write(&config, text).expect("the folder is writable");
    let output = Command::new("timeout")
        .args(["60", "haproxy", "-c"])
        .arg("-f")
        .arg(&config)
        .output();
    let output = output.expect("haproxy is needed: apt-get install haproxy");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let starts = output.status.success();
    // What it says can be looked up.
    let mut alerts = said.lines().filter(|line| line.starts_with("[ALERT]"));
    assert!(starts || alerts.any(|it| explain(it).is_some()), "{said}");
    (starts, said)
}

#[test]
fn haproxy_starts_where_the_doctor_foretells_it() {
    let folder = folder();
    let (started, refused, cured) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let cases = try_all(200, &configuration(), |text| {
        // Names of crt-lists have no base.
        let here = folder.path().display().to_string();
        let text = text
            .replace("HERE", &here)
            .replace("crt-list ", &format!("crt-list {here}/"));
        let examination = agreed(folder.path(), &text)?;
        if examination.starts() {
            started.set(started.get() + 1);
            return Ok(());
        }
        refused.set(refused.get() + 1);
        // The cure of a word may bring to light what the word hid.
        let mut mended = mended(&text, &examination);
        for _ in 0..2 {
            let examination = agreed(folder.path(), &mended)?;
            if examination.starts() {
                cured.set(cured.get() + 1);
                break;
            }
            mended = self::mended(&mended, &examination);
        }
        Ok(())
    });
    println!(
        "{cases} configurations: {} start, {} do not, {} of these do when cured",
        started.get(),
        refused.get(),
        cured.get()
    );
    assert!(
        started.get() > cases / 20 && cured.get() > cases / 50,
        "{cases}"
    );
}

/// The text with all cures of lines.
fn mended(text: &str, examination: &Examination) -> String {
    let files = [File::new("haproxy.cfg", text)];
    let fix = examination.fix(&files);
    let corrected = fix.file(Path::new("haproxy.cfg"));
    corrected.map_or_else(
        || text.to_owned(),
        |bytes| String::from_utf8(bytes.to_vec()).expect("it is text"),
    )
}
