//! `fullchain deploy` on good days: a real HAProxy gets a new certificate, and serves it.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;

use common::client::{ECDSA, RSA, shown_chain};
use common::deploying::{Site, is_idle, over, pid, text};
use common::extension::{self, TLS_FEATURE};
use common::haproxy::Haproxy;
use common::ocsp::Responder;
use common::pki::LeafOptions;
use rustls::version::{TLS12, TLS13};

fn strs(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

#[test]
fn a_known_certificate_is_replaced_in_the_file_and_in_the_process() {
    let site = Site::new();
    let file = site.place("certs/site.pem", &site.renewed("a.example"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let haproxy = Haproxy::bind_with_master(&format!("crt {}", text(&file))).unwrap();
    let before = pid(&haproxy);
    let sockets = [haproxy.admin_socket(), haproxy.master_socket()].map(|it| text(&it));
    let tls = text(&haproxy.tls_socket());
    for socket in &sockets {
        let new = site.renewed("a.example");
        let options = ["--socket", socket, "--verify", &tls];
        let deployed = site.deploy("certs/site.pem", &options, &[&new]);
        deployed.is("deployed");
        assert_eq!(site.read("certs/site.pem"), new.pem);
        assert_eq!(haproxy.served_chain(Some("a.example")), new.chain);
        assert_eq!(deployed.json["files"][0]["written"], "replaced");
        assert!(
            deployed
                .said
                .contains("serves the new chain for a.example, over TLS 1.2 and 1.3")
        );

        // Once more: nothing is touched.
        let was = fs::metadata(&file).unwrap();
        let again = site.deploy("certs/site.pem", &options, &[&new]);
        again.is("unchanged");
        let is = fs::metadata(&file).unwrap();
        assert_eq!((was.ino(), was.mtime_nsec()), (is.ino(), is.mtime_nsec()));
        assert_eq!(is.mode() & 0o777, 0o640);
    }
    assert_eq!(pid(&haproxy), before);
    assert_eq!(site.listing("certs"), ["site.pem"]);
}

#[test]
fn a_process_that_has_another_certificate_than_the_file_gets_the_files() {
    let site = Site::new();
    let file = site.place("certs/site.pem", &site.renewed("a.example"));
    let haproxy = Haproxy::serve(&file).unwrap();
    let new = site.renewed("a.example");
    site.place("certs/site.pem", &new);
    // No handshake would show it.
    let socket = text(&haproxy.admin_socket());
    let deployed = site.deploy("certs/site.pem", &["--socket", &socket], &[&new]);
    deployed.is("deployed");
    assert_eq!(deployed.json["files"][0]["written"], "unchanged");
    assert_eq!(haproxy.served_chain(Some("a.example")), new.chain);
    assert!(is_idle(&haproxy));
}

#[test]
fn a_new_certificate_joins_the_folder_or_the_crt_list() {
    let site = Site::new();
    site.place("certs/a.pem", &site.renewed("a.example"));
    let list = site.path("sites.list");
    let lines = format!("# sites\n{} [alpn h2] \n\n", site.text("certs/a.pem"));
    fs::write(&list, &lines).unwrap();
    let binds = format!("crt {} crt-list {}", site.text("certs"), text(&list));
    let haproxy = Haproxy::bind(&binds).unwrap();
    let before = pid(&haproxy);
    let over = over(&haproxy);

    let new = site.renewed_rsa("b.example");
    site.deploy("certs/b.pem", &strs(&over), &[&new])
        .is("deployed");
    assert_eq!(haproxy.served_chain(Some("b.example")), new.chain);
    let mode = fs::metadata(site.path("certs/b.pem")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);

    let elsewhere = site.renewed("c.example");
    let refused = site.deploy("c.pem", &strs(&over), &[&elsewhere]);
    refused.is("not-deployed");
    let (step, why) = refused.failed();
    assert_eq!(step, "foretell");
    assert!(
        why.contains("--reload") && why.contains("crt-list"),
        "{why}"
    );
    assert!(!site.path("c.pem").exists());

    let options = [strs(&over), vec!["--crt-list", "sites.list"]].concat();
    site.deploy("c.pem", &options, &[&elsewhere]).is("deployed");
    assert_eq!(haproxy.served_chain(Some("c.example")), elsewhere.chain);
    assert_eq!(
        site.read("sites.list"),
        format!("{lines}{}\n", site.text("c.pem"))
    );
    // Now it is known, and the list has it.
    let next = site.renewed("c.example");
    site.deploy("c.pem", &options, &[&next]).is("deployed");
    assert_eq!(haproxy.served_chain(Some("c.example")), next.chain);
    assert_eq!(site.read("sites.list").lines().count(), 4);

    assert_eq!(pid(&haproxy), before);
    // What is on disk is what a restart would bring.
    drop(haproxy);
    let restarted = Haproxy::bind(&binds).unwrap();
    for (name, chain) in [("b.example", &new.chain), ("c.example", &next.chain)] {
        assert_eq!(restarted.served_chain(Some(name)), *chain);
    }
}

#[test]
fn a_reload_brings_it_too() {
    let site = Site::new();
    site.place("certs/a.pem", &site.renewed("a.example"));
    let haproxy = Haproxy::bind_with_master(&format!("crt {}", site.text("certs"))).unwrap();
    let before = pid(&haproxy);
    let reload = format!("kill -USR2 {}", haproxy.process_id());
    let tls = text(&haproxy.tls_socket());
    let new = site.renewed("b.example");
    let options = ["--reload", &reload, "--verify", &tls];
    site.deploy("certs/b.pem", &options, &[&new]).is("deployed");
    assert_eq!(haproxy.served_chain(Some("b.example")), new.chain);
    assert_ne!(pid(&haproxy), before);
    site.deploy("certs/b.pem", &options, &[&new])
        .is("unchanged");
}

#[test]
fn twins_are_deployed_together() {
    let site = Site::new();
    let old = [site.renewed("a.example"), site.renewed_rsa("a.example")];
    site.place("certs/site.pem.ecdsa", &old[0]);
    site.place("certs/site.pem.rsa", &old[1]);
    let haproxy = Haproxy::bind(&format!("crt {}", site.text("certs/site.pem"))).unwrap();
    let new = [site.renewed("a.example"), site.renewed_rsa("a.example")];
    let options = over(&haproxy);
    let options = [strs(&options), vec!["--twins"]].concat();
    let deployed = site.deploy("certs/site.pem", &options, &[&new[1], &new[0]]);
    deployed.is("deployed");
    for (schemes, new) in [(ECDSA, &new[0]), (RSA, &new[1])] {
        for version in [&TLS12, &TLS13] {
            let socket = haproxy.tls_socket();
            let chain = shown_chain(&socket, Some("a.example"), schemes, version);
            assert_eq!(chain.as_ref(), Some(&new.chain));
        }
    }
    assert_eq!(site.listing("certs"), ["site.pem.ecdsa", "site.pem.rsa"]);
    assert_eq!(site.read("certs/site.pem.rsa"), new[1].pem);

    let one = site.deploy("certs/site.pem", &options, &[&new[0]]);
    one.is("not-deployed");
    assert_eq!(one.failed().0, "build");
}

#[test]
fn the_key_and_the_issuer_are_files_of_their_own_when_that_is_wanted() {
    let site = Site::new();
    let file = site.place("certs/site.pem", &site.renewed("a.example"));
    let haproxy = Haproxy::serve(&file).unwrap();
    let new = site.renewed("a.example");
    let options = over(&haproxy);
    let options = [strs(&options), vec!["--split-key", "--issuer"]].concat();
    site.deploy("certs/site.pem", &options, &[&new])
        .is("deployed");
    assert_eq!(site.read("certs/site.pem.key"), new.key_pem);
    assert_eq!(site.read("certs/site.pem.issuer"), site.issuing.cert_pem);
    assert!(!site.read("certs/site.pem").contains("PRIVATE"));
    assert_eq!(haproxy.served_chain(Some("a.example")), new.chain);
    let restarted = Haproxy::serve(&file).unwrap();
    assert_eq!(restarted.served_chain(Some("a.example")), new.chain);
}

#[test]
fn an_ocsp_response_beside_the_file_is_stapled_when_it_is_the_new_certificates() {
    let site = Site::new();
    let old = site.renewed("a.example");
    let file = site.place("certs/site.pem", &old);
    let responder = Responder::new(&site.issuing);
    let new = site.renewed("a.example");
    for renewed in [&old, &new] {
        responder.knows(&renewed.cert_pem, false);
    }
    let ocsp = site.path("certs/site.pem.ocsp");
    let answer = |renewed: &common::deploying::Renewed| {
        responder.answer(&["-ndays", "7"], &[&renewed.cert_pem])
    };
    fs::write(&ocsp, answer(&old)).unwrap();
    let haproxy = Haproxy::serve(&file).unwrap();
    let stapled = |haproxy: &Haproxy| {
        let (_, said) = haproxy.s_client(Some("a.example"), &["-status"]);
        said.contains("OCSP Response Status: successful")
    };
    assert!(stapled(&haproxy));

    // The response is still the old certificate's.
    let options = over(&haproxy);
    let deployed = site.deploy("certs/site.pem", &strs(&options), &[&new]);
    deployed.is("deployed");
    assert!(
        deployed.codes().contains(&"ocsp-response"),
        "{}",
        deployed.said
    );
    assert_eq!(haproxy.served_chain(Some("a.example")), new.chain);
    assert!(
        !stapled(&haproxy),
        "the old certificate's response is stapled"
    );

    let next = site.renewed("a.example");
    responder.knows(&next.cert_pem, false);
    fs::write(&ocsp, answer(&next)).unwrap();
    let deployed = site.deploy("certs/site.pem", &strs(&options), &[&next]);
    deployed.is("deployed");
    assert!(
        !deployed.codes().contains(&"ocsp-response"),
        "{}",
        deployed.said
    );
    assert!(stapled(&haproxy));
}

#[test]
fn what_a_socket_does_not_take_and_a_demand_without_a_response_are_told() {
    let site = Site::new();
    let file = site.place("certs/site.pem", &site.renewed("a.example"));
    let haproxy = Haproxy::serve(&file).unwrap();
    // One timestamp, whatever is in it.
    fs::write(site.path("certs/site.pem.sctl"), b"\0\x06\0\x04abcd").unwrap();
    let deployed = site.deploy(
        "certs/site.pem",
        &strs(&over(&haproxy)),
        &[&site.renewed("a.example")],
    );
    deployed.is("deployed");
    assert_eq!(deployed.codes(), ["side-file"]);
    assert_eq!(deployed.json["findings"][0]["severity"], "warning");
    fs::remove_file(site.path("certs/site.pem.sctl")).unwrap();

    let demanding = site.issuing.leaf_named("a.example");
    let reissued = site.issuing.reissue(&demanding.cert_der, |fields| {
        extension::add(fields, TLS_FEATURE, false, &[0x30, 3, 2, 1, 5]);
    });
    let stapling = site.handed_over(&reissued, &demanding.key.pem());
    let deployed = site.deploy("certs/site.pem", &strs(&over(&haproxy)), &[&stapling]);
    deployed.is("deployed");
    assert_eq!(deployed.codes(), ["must-staple"]);
}

#[test]
fn a_rehearsal_writes_nothing() {
    let site = Site::new();
    let old = site.renewed("a.example");
    let file = site.place("certs/site.pem", &old);
    let haproxy = Haproxy::serve(&file).unwrap();
    let config = text(&haproxy.config());
    let options = over(&haproxy);
    let options = [strs(&options), vec!["--dry-run", "--config", &config]].concat();
    let rehearsed = site.deploy("certs/site.pem", &options, &[&site.renewed("a.example")]);
    rehearsed.is("rehearsed");
    assert!(
        rehearsed.said.contains("haproxy -c accepts the new state"),
        "{}",
        rehearsed.said
    );
    assert_eq!(site.read("certs/site.pem"), old.pem);
    assert_eq!(site.listing("certs"), ["site.pem"]);
    assert_eq!(haproxy.served_chain(Some("a.example")), old.chain);
    assert!(is_idle(&haproxy));
}

#[test]
fn what_changes_for_clients_is_foretold() {
    let site = Site::new();
    site.place(
        "certs/m.pem",
        &site.issued(LeafOptions {
            dns: vec!["m.example".to_owned(), "also.example".to_owned()],
            ..LeafOptions::named("m.example")
        }),
    );
    let haproxy = Haproxy::bind(&format!("crt {}", site.text("certs"))).unwrap();
    let over = over(&haproxy);
    let lost = site.deploy("certs/m.pem", &strs(&over), &[&site.renewed("m.example")]);
    lost.is("deployed");
    assert_eq!(lost.codes(), ["name-lost"]);
    assert!(lost.said.contains("also.example"), "{}", lost.said);
    // It sorts first, and so is the default after the next restart.
    let first = site.deploy("certs/a.pem", &strs(&over), &[&site.renewed("a.example")]);
    first.is("deployed");
    assert_eq!(first.codes(), ["default-changed"]);
    // A second file for a name never answers for it, and the handshake shows it.
    let twice = site.deploy("certs/z.pem", &strs(&over), &[&site.renewed("m.example")]);
    twice.is("not-deployed");
    assert!(
        twice.codes().contains(&"name-claimed-twice"),
        "{}",
        twice.said
    );
    assert_eq!(twice.failed().0, "verify");
    assert_eq!(site.listing("certs"), ["a.pem", "m.pem"]);
    let listed = haproxy.runtime("show ssl cert");
    assert!(!listed.contains("z.pem"), "{listed}");
}

/// What `haproxy -c` is asked about has the new file in it: with the old one it would fail.
#[test]
fn haproxy_checks_the_new_state_however_the_configuration_names_the_file() {
    let site = Site::new();
    let tls = site.text("tls.sock");
    let config = |name: &str, global: &str, options: &str| {
        let text = format!(
            "global\n{global}\ndefaults\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind unix@{tls} ssl {options}\n"
        );
        fs::write(site.path(name), text).unwrap();
    };
    let certs = site.text("certs");
    fs::write(
        site.path("sites.list"),
        format!("{certs}/site.pem [alpn h2] a.example\n"),
    )
    .unwrap();
    fs::create_dir(site.path("twins")).unwrap();
    let new = site.renewed("a.example");
    for (global, options) in [
        ("", format!("crt {certs}/site.pem")),
        ("", format!("crt '{certs}/site.pem' # crt {certs}")),
        ("", format!("crt \"{certs}\"/site.pem alpn h2")),
        ("", format!("crt {certs}")),
        ("", format!("crt {certs}/")),
        ("", "crt certs/site.pem".to_owned()),
        ("", "crt ./certs/../certs/site.pem".to_owned()),
        (
            &format!("    crt-base {certs}")[..],
            "crt site.pem".to_owned(),
        ),
        ("    default-path config", "crt certs/site.pem".to_owned()),
        (
            &format!("    setenv CERTS {certs}"),
            "crt \"$CERTS/site.pem\"".to_owned(),
        ),
        // Several words in one place.
        (
            &format!("    setenv OPTIONS 'alpn h2 crt {certs}/site.pem crt {certs}'"),
            "\"${OPTIONS[*]}\" strict-sni".to_owned(),
        ),
        ("", format!("crt \"${{NO_SUCH_NAME-{certs}}}/site.pem\"")),
        ("", "crt-list sites.list".to_owned()),
        ("", format!("crt-list {}", site.text("sites.list"))),
    ] {
        fs::write(site.path("certs/site.pem"), "broken").unwrap();
        config("haproxy.cfg", global, &options);
        let check = ["--dry-run", "--config", "haproxy.cfg"];
        let accepted = site.deploy("certs/site.pem", &check, &[&new]);
        accepted.is("rehearsed");
        assert_eq!(accepted.codes(), [""; 0], "{options}");
        assert_eq!(site.listing("certs"), ["site.pem"], "{options}");
    }
    // By the folder that it names, collisions are known.
    site.place("certs/z.pem", &new);
    config("haproxy.cfg", "", &format!("crt {certs}"));
    let check = ["--dry-run", "--config", "haproxy.cfg"];
    let twice = site.deploy("certs/site.pem", &check, &[&new]);
    twice.is("rehearsed");
    assert!(
        twice.codes().contains(&"name-claimed-twice"),
        "{}",
        twice.said
    );
    fs::remove_file(site.path("certs/z.pem")).unwrap();

    config("haproxy.cfg", "", &format!("crt {certs}/site.pem nonsense"));
    let refused = site.deploy("certs/site.pem", &["--config", "haproxy.cfg"], &[&new]);
    refused.is("not-deployed");
    let (step, why) = refused.failed();
    assert_eq!(step, "check");
    assert!(
        why.contains("[haproxy.cfg:") && why.contains("nonsense"),
        "{why}"
    );
    assert_eq!(site.read("certs/site.pem"), "broken");

    // The file is not named, which is told.
    let other = site.place("other.pem", &site.renewed("b.example"));
    config("haproxy.cfg", "", &format!("crt {}", text(&other)));
    let unnamed = site.deploy("certs/site.pem", &["--config", "haproxy.cfg"], &[&new]);
    unnamed.is("deployed");
    assert_eq!(unnamed.codes(), ["not-named"]);
}

#[test]
fn haproxys_name_for_the_file_may_be_another_one() {
    let site = Site::new();
    site.place("certs/a b.pem", &site.renewed("a.example"));
    symlink(site.path("certs"), site.path("link")).unwrap();
    let haproxy = Haproxy::bind(&format!("crt '{}/a b.pem'", site.text("link"))).unwrap();
    let new = site.renewed("a.example");
    site.deploy("certs/a b.pem", &strs(&over(&haproxy)), &[&new])
        .is("deployed");
    assert_eq!(haproxy.served_chain(Some("a.example")), new.chain);
    assert_eq!(site.listing("certs"), ["a b.pem"]);
}

#[test]
fn wildcards_and_many_names_are_verified() {
    let site = Site::new();
    let file = site.place("certs/site.pem", &site.renewed("a.example"));
    let haproxy = Haproxy::serve(&file).unwrap();
    let new = site.issued(LeafOptions {
        dns: vec!["a.example".to_owned(), "*.b.example".to_owned()],
        ..LeafOptions::named("a.example")
    });
    let deployed = site.deploy("certs/site.pem", &strs(&over(&haproxy)), &[&new]);
    deployed.is("deployed");
    assert!(deployed.said.contains("for 2 names"), "{}", deployed.said);
    assert_eq!(haproxy.served_chain(Some("x.b.example")), new.chain);
}

#[test]
fn deployments_at_once_take_turns() {
    let site = Site::new();
    let file = site.place("certs/site.pem", &site.renewed("a.example"));
    let other = site.place("certs/other.pem", &site.renewed("b.example"));
    let haproxy = Haproxy::bind(&format!("crt {} crt {}", text(&file), text(&other))).unwrap();
    let over = over(&haproxy);
    let (sites, others): (Vec<_>, Vec<_>) = (0..4)
        .map(|_| (site.renewed("a.example"), site.renewed("b.example")))
        .unzip();
    let jobs = sites.iter().map(|it| ("certs/site.pem", it));
    let jobs = jobs.chain(others.iter().map(|it| ("certs/other.pem", it)));
    let running: Vec<_> = jobs
        .map(|(to, renewed)| {
            let arguments = site.arguments(to, &strs(&over), &[renewed]);
            let mut command = site.run.fullchain(&strs(&arguments));
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for process in running {
        let ended = process.wait_with_output().unwrap();
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    for (name, file, renewed) in [("a.example", file, sites), ("b.example", other, others)] {
        let last = fs::read_to_string(file).unwrap();
        let last = renewed
            .iter()
            .find(|it| it.pem == last)
            .expect("one of them, whole");
        assert_eq!(haproxy.served_chain(Some(name)), last.chain);
    }
    assert_eq!(site.listing("certs"), ["other.pem", "site.pem"]);
}
