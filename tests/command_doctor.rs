//! `fullchain doctor`, as people run it.
#![cfg(feature = "cli")]

mod common;

use std::fs;
use std::os::unix::net::UnixStream;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use common::command::{Ended, Run};
use common::haproxy::Haproxy;
use common::pki::{Ca, Key, KeyKind, LeafOptions};
use serde_json::Value;

/// Two sites, of one of which the intermediate is in the other's file only, and a configuration with
/// a fault of each cause.
const FAULTS: &str = "global
    log stderr format raw local0
    ssl-default-bind-options ssl-min-ver TLSv1.2

frontend www
    mode http
    log global
    bind unix@www.sock ssl crt site/ ciphers ECDHE-ECDSA-AES128-GCM-SHA256:FOO
    use_backend api if { req.hdr(host) -i api.example }
    use_backend shop if { req.hdr(host) -i shop.example }
    default_backend api

backend api
    mode http
    server a backend.example:443 ssl

backend shop
    mode http
    server b 127.0.0.1:8443 ssl verify required ca-file root.pem
";

fn scene() -> Run {
    let run = Run::new();
    let root = Ca::root("Root");
    let intermediate = root.intermediate("Intermediate");
    fs::write(run.path("root.pem"), &root.cert_pem).unwrap();
    fs::create_dir(run.path("site")).unwrap();
    let site = |name: &str, file: &str, has_chain: bool| {
        let leaf = intermediate.leaf(LeafOptions {
            shared_key: Some(Key::nth(KeyKind::Rsa(2048), 0)),
            ..LeafOptions::named(name)
        });
        let chain = match has_chain {
            true => intermediate.cert_pem.as_str(),
            false => "",
        };
        fs::write(run.path(file), leaf.cert_pem + chain + &leaf.key_pem).unwrap();
    };
    site("www.example", "site/www.pem", true);
    site("api.example", "site/api.pem", false);
    fs::write(run.path("haproxy.cfg"), FAULTS).unwrap();
    run
}

fn doctor(run: &Run, args: &[&str]) -> Ended {
    let first = ["doctor", "--roots", "root.pem", "--haproxy-version", "2.6"];
    Ended::of(run.fullchain(&[&first, args].concat()))
}

fn findings(run: &Run, args: &[&str]) -> Vec<Value> {
    let ended = doctor(run, &[&["--json"], args].concat());
    let json: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    json.as_array().expect("it is an array").clone()
}

/// The code and the place of each that is so severe.
fn places(findings: &[Value], severity: &str) -> Vec<String> {
    let wanted = findings.iter().filter(|it| it["severity"] == severity);
    wanted
        .map(|it| {
            format!(
                "{} {}:{} {}",
                it["code"].as_str().unwrap(),
                it["origin"]["source"].as_str().unwrap(),
                it["origin"]["first_line"],
                it["cause"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_four_causes_are_found_with_their_lines() {
    let run = scene();
    let found = findings(&run, &["haproxy.cfg"]);
    assert_eq!(
        places(&found, "error"),
        [
            "missing-issuer site/api.pem:1 chain",
            "no-usable-cipher haproxy.cfg:8 protocol",
            "host-without-certificate haproxy.cfg:10 sni",
            "verify-without-ca haproxy.cfg:15 backend",
        ]
    );
    let ended = doctor(&run, &["haproxy.cfg"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stdout
            .contains("\n  --> haproxy.cfg:15\n15 | server a backend.example:443 ssl\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.ends_with("others: HAProxy does not start\n"),
        "{}",
        ended.stdout
    );
}

#[test]
fn copies_are_corrected_and_the_diff_says_how_and_nothing_changes_in_place() {
    let run = scene();
    let before = fs::read(run.path("site/api.pem")).unwrap();
    let ended = doctor(&run, &["--fix", "fixed", "--offline", "haproxy.cfg"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(fs::read_to_string(run.path("haproxy.cfg")).unwrap(), FAULTS);
    assert_eq!(fs::read(run.path("site/api.pem")).unwrap(), before);

    let below = format!(
        "fixed/files{}",
        run.folder().canonicalize().unwrap().display()
    );
    let copy = |name: &str| fs::read_to_string(run.path(&format!("{below}/{name}"))).unwrap();
    let config = copy("haproxy.cfg");
    for owed in [
        "crt site/ ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384\n",
        "server a backend.example:443 ssl ca-file @system-ca verifyhost backend.example sni str(backend.example)\n",
    ] {
        assert!(config.contains(owed), "{config}");
    }
    // The intermediate was found in the other file.
    assert_eq!(copy("site/api.pem").matches("BEGIN CERTIFICATE").count(), 2);
    for (name, mode) in [("haproxy.cfg", 0o600), ("site/api.pem", 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        let attributes = fs::metadata(run.path(&format!("{below}/{name}"))).unwrap();
        assert_eq!(attributes.permissions().mode() & 0o777, mode, "{name}");
    }

    // What `patch` makes of the diff is the copy.
    let diff = fs::read_to_string(run.path("fixed/changes.diff")).unwrap();
    assert!(
        !diff.contains("PRIVATE KEY") && diff.contains("site/api.pem: written anew"),
        "{diff}"
    );
    let mut patch = run.program("patch");
    patch.args(["-p0", "--input=fixed/changes.diff"]);
    let patched = patch
        .output()
        .expect("patch is needed: apt-get install patch");
    assert!(patched.status.success(), "{patched:?}");
    assert_eq!(fs::read_to_string(run.path("haproxy.cfg")).unwrap(), config);

    // A folder that is there is somebody's.
    let again = doctor(&run, &["--fix", "fixed", "haproxy.cfg"]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("--fix"), "{again:?}");
    fs::create_dir(run.path("mine")).unwrap();
    let into = doctor(&run, &["--fix", "mine", "haproxy.cfg"]);
    assert_eq!(into.code, Some(1));
    assert_eq!(fs::read_dir(run.path("mine")).unwrap().count(), 0);
}

#[test]
fn what_was_corrected_has_no_errors_but_those_that_only_people_can_mend() {
    let run = scene();
    doctor(&run, &["--fix", "fixed", "--offline", "haproxy.cfg"]);
    let below = run.path(&format!(
        "fixed/files{}",
        run.folder().canonicalize().unwrap().display()
    ));
    for name in ["haproxy.cfg", "site/api.pem"] {
        fs::copy(below.join(name), run.path(name)).unwrap();
    }
    let found = findings(&run, &["haproxy.cfg"]);
    assert_eq!(
        places(&found, "error"),
        ["host-without-certificate haproxy.cfg:10 sni"]
    );
}

#[test]
fn a_client_that_must_be_served_makes_an_error_with_its_cure() {
    let run = scene();
    let config = "frontend www
    bind unix@www.sock ssl crt site/www.pem ssl-min-ver TLSv1.3
";
    fs::write(run.path("new.cfg"), config).unwrap();
    assert_eq!(
        places(&findings(&run, &["new.cfg"]), "error"),
        Vec::<String>::new()
    );
    let found = findings(&run, &["--serve", "java-8", "new.cfg"]);
    assert_eq!(
        places(&found, "error"),
        ["client-shut-out new.cfg:2 protocol"]
    );
    let error = found.iter().find(|it| it["severity"] == "error").unwrap();
    assert_eq!(
        error["cure"]["edit"][0]["after"][0],
        "    bind unix@www.sock ssl crt site/www.pem ssl-min-ver TLSv1.2"
    );
    assert_eq!(
        doctor(&run, &["--serve", "nobody", "new.cfg"]).code,
        Some(2)
    );
}

#[test]
fn what_may_not_apply_is_no_error() {
    let run = scene();
    let config = "frontend www
    bind unix@www.sock ssl crt site/www.pem
.if defined(OLD)
    bind unix@old.sock ssl crt site/www.pem ciphers FOO
.endif
";
    fs::write(run.path("if.cfg"), config).unwrap();
    let found = findings(&run, &["if.cfg"]);
    assert_eq!(places(&found, "error"), Vec::<String>::new());
    let string = found
        .iter()
        .find(|it| it["code"] == "cipher-string")
        .unwrap();
    assert_eq!(
        (&string["severity"], &string["stops"]),
        (&"warning".into(), &false.into())
    );
    // It does where that is known.
    let known = findings(&run, &["--env", "OLD=1", "if.cfg"]);
    assert_eq!(places(&known, "error"), ["cipher-string if.cfg:4 protocol"]);
}

#[test]
fn a_crt_list_line_that_has_no_suite_for_its_key_is_found() {
    let run = scene();
    let list = "site/www.pem [ssl-max-ver TLSv1.2 ciphers ECDHE+aECDSA+AESGCM] www.example\n";
    fs::write(run.path("sites.list"), list).unwrap();
    let config = "frontend www\n    bind unix@www.sock ssl crt-list sites.list\n";
    fs::write(run.path("list.cfg"), config).unwrap();
    let found = findings(&run, &["list.cfg"]);
    assert_eq!(
        places(&found, "error"),
        ["no-usable-cipher sites.list:1 protocol"]
    );
    fs::write(run.path("sites.list"), list.replace("aECDSA", "aRSA")).unwrap();
    let found = findings(&run, &["list.cfg"]);
    assert_eq!(places(&found, "error"), Vec::<String>::new());
}

/// Whether `openssl s_client` comes to a handshake with a HAProxy of this configuration, which
/// listens on www.sock.
fn is_shaken(run: &Run, config: &str) -> bool {
    let socket = run.path("www.sock");
    let mut haproxy = run.program("haproxy");
    let haproxy = haproxy.args(["-db", "-q", "-f", config]).spawn();
    let mut haproxy = haproxy.expect("haproxy is needed: apt-get install haproxy");
    let deadline = Instant::now() + Duration::from_secs(30);
    while UnixStream::connect(&socket).is_err() {
        assert!(Instant::now() < deadline, "haproxy does not listen");
        thread::sleep(Duration::from_millis(5));
    }
    let mut client = run.program("openssl");
    client.args([
        "s_client",
        "-unix",
        "www.sock",
        "-servername",
        "www.example",
    ]);
    let output = client
        .output()
        .expect("openssl is needed: apt-get install openssl");
    haproxy.kill().expect("it runs");
    haproxy.wait().expect("it ends");
    fs::remove_file(socket).expect("it was there");
    output.status.success()
}

#[test]
fn suites_with_dhe_want_parameters() {
    let run = scene();
    let bind = "frontend www\n    bind unix@www.sock ssl crt site/www.pem ssl-max-ver TLSv1.2 ciphers DHE+AESGCM\n";
    for (global, owed) in [
        ("", vec!["no-usable-cipher dhe.cfg:2 protocol"]),
        (
            "global\n    tune.ssl.default-dh-param 2048\n",
            vec!["client-shut-out dhe.cfg:4 protocol"],
        ),
    ] {
        fs::write(run.path("dhe.cfg"), format!("{global}{bind}")).unwrap();
        let found = places(&findings(&run, &["dhe.cfg"]), "error");
        assert_eq!(found, owed, "{global}");
        assert_eq!(is_shaken(&run, "dhe.cfg"), !global.is_empty(), "{global}");
    }
}

#[test]
fn a_certificate_that_was_renewed_and_not_loaded_is_seen_live() {
    let run = scene();
    let haproxy = Haproxy::serve(&run.path("site/www.pem")).expect("HAProxy starts");
    let config = format!(
        "frontend www\n    bind {} ssl crt site/www.pem\n    error-log-format x\n    log stderr local0\n",
        haproxy.tls_socket().display()
    );
    fs::write(run.path("live.cfg"), config).unwrap();
    let codes = |args: &[&str]| -> Vec<String> {
        let found = findings(&run, args);
        found
            .iter()
            .map(|it| it["code"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = codes(&["--live", "live.cfg"]);
    assert!(!before.contains(&"served-differs".to_owned()), "{before:?}");

    let other = fs::read(scene().path("site/www.pem")).unwrap();
    fs::write(run.path("site/www.pem"), other).unwrap();
    let after = codes(&["--live", "live.cfg"]);
    assert!(after.contains(&"served-differs".to_owned()), "{after:?}");
    assert!(!codes(&["live.cfg"]).contains(&"served-differs".to_owned()));
    drop(haproxy);
    let gone = codes(&["--live", "live.cfg"]);
    assert!(gone.contains(&"not-served".to_owned()), "{gone:?}");
}

/// Whether HAProxy takes this log format.
fn takes(run: &Run, config: &str) -> bool {
    fs::write(run.path("format.cfg"), config).unwrap();
    let mut haproxy = run.program("haproxy");
    let output = haproxy.args(["-c", "-f", "format.cfg"]).output();
    output
        .expect("haproxy is needed: apt-get install haproxy")
        .status
        .success()
}

#[test]
fn the_fetches_of_log_formats_are_those_that_haproxy_has() {
    let run = scene();
    let keywords = Command::new("haproxy")
        .args(["-dKsmp", "-c", "-f", "/dev/null"])
        .output();
    let keywords = keywords.expect("haproxy is needed: apt-get install haproxy");
    let listed = String::from_utf8_lossy(&keywords.stdout).into_owned();
    let mut names: Vec<String> = listed
        .lines()
        .filter_map(|line| {
            line.split_once("] ")?
                .1
                .split([':', '('])
                .next()
                .map(str::to_owned)
        })
        .filter(|name| {
            let ours = [
                "ssl_fc", "ssl_bc", "ssl_c_", "ssl_f_", "ssl_s_", "fc_err", "bc_err",
            ];
            ours.iter().any(|it| name.starts_with(it))
        })
        .collect();
    assert!(names.len() > 80, "{}", names.len());
    names.extend(
        [
            "ssl_fc_error",
            "ssl_fc_handshake_err",
            "ssl_fc_hsk_err",
            "ssl_fc_hsk_err_str",
            "ssl_fc_err_name",
            "ssl_bc_error",
            "ssl_c_err_str",
            "ssl_fc_curve",
            "ssl_fc_sigalgs_bin",
            "ssl_c_san",
            "fc_err_name",
            "fc_error",
            "bc_error_str",
        ]
        .map(str::to_owned),
    );
    let (mut taken, mut refused) = (0, 0);
    for name in &names {
        let config = format!(
            "frontend www\n    mode http\n    timeout client 1s\n    bind unix@www.sock\n    log-format \"%ci %[{name}]\"\n"
        );
        // Fetches about servers have no place in a frontend's log of errors.
        let is_taken = takes(&run, &config);
        match is_taken {
            true => taken += 1,
            false => refused += 1,
        }
        let found = findings(&run, &["format.cfg"]);
        let says = found.iter().any(|it| it["code"] == "unknown-fetch");
        assert_eq!(says, !is_taken, "{name}");
        if says {
            // The cure is one that HAProxy takes.
            let cured = found
                .iter()
                .find(|it| it["code"] == "unknown-fetch")
                .unwrap();
            let line = cured["cure"]["edit"][0]["after"][0].as_str().unwrap();
            let cured = config.replace(&format!("    log-format \"%ci %[{name}]\""), line);
            assert!(takes(&run, &cured), "{cured}");
        }
    }
    assert!(taken > 80 && refused > 8, "{taken} {refused}");
}

#[test]
fn a_sound_configuration_is_no_error() {
    let run = scene();
    let config = "global
    log stderr format raw local0
frontend www
    mode http
    timeout client 1s
    log global
    error-log-format \"%ci %[ssl_fc_err,hex] %[ssl_fc_err_str]\"
    bind unix@www.sock ssl crt site/www.pem
";
    fs::write(run.path("sound.cfg"), config).unwrap();
    let ended = doctor(&run, &["sound.cfg"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(takes(&run, config));
    let nowhere = doctor(&run, &["nowhere.cfg"]);
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stderr.contains("nowhere.cfg"), "{nowhere:?}");
}
