//! Fetching ends at its limits, whatever certificates and servers want.
#![cfg(feature = "aia")]

mod common;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::aia::{Driver, complete_within};
use common::bundling::bundler;
use common::hostile::{head, hostile, leaf, policy};
use common::http::{Server, ok};
use common::pki::{Ca, CaOptions};
use fullchain::aia::Policy;
use fullchain::{Code, Report};

#[test]
fn one_bad_url_does_not_keep_the_next_from_being_tried() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let server = hostile(&issuer, &root, &root);
    let der = issuer.cert_der.clone();
    let good = Server::start(move |_, stream| ok(stream, &der));
    for path in [
        "/silent",
        "/dribble",
        "/round",
        "/namesake",
        "/endless",
        "/ssh",
    ] {
        let leaf = leaf(&issuer, &[server.url(path), good.url("/")]);
        for driver in Driver::ALL {
            let (chain, _) = complete_within(policy(), &bundler(&[&root.cert_pem]), &leaf, driver)
                .unwrap_or_else(|refusal| panic!("{path}: {}", refusal.report()));
            assert_eq!(chain.intermediates().len(), 1);
        }
    }
}

/// The message of the only `fetch-limit`.
fn limit(report: &Report) -> &str {
    let limits = report
        .findings()
        .iter()
        .filter(|it| it.code == Code::FetchLimit);
    let limits: Vec<_> = limits.collect();
    assert_eq!(limits.len(), 1, "{report}");
    &limits[0].message
}

#[test]
fn the_whole_search_has_a_deadline_a_count_and_a_sum_of_bytes() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let silent = hostile(&issuer, &root, &root);
    let junk = Server::start(|_, stream| ok(stream, &[b'A'; 200 * 1024]));
    let many = |server: &Server, path: &str| -> Vec<String> {
        (0..8).map(|n| server.url(&format!("{path}?{n}"))).collect()
    };
    for driver in Driver::ALL {
        let refused = |policy: Policy, urls: &[String]| {
            let leaf = leaf(&issuer, urls);
            complete_within(policy, &bundler(&[&root.cert_pem]), &leaf, driver)
                .expect_err("nothing helps")
        };
        let began = Instant::now();
        let slow = Server::start(|_, stream| {
            thread::sleep(Duration::from_millis(700));
            head(stream, "404 Not Found")
        });
        let refusal = refused(policy(), &many(&slow, "/slow"));
        assert!(limit(refusal.report()).contains("limit of 2.0 s in all"));
        assert!(began.elapsed() < policy().deadline + Duration::from_secs(1));
        // A third one is begun, unless the machine is slow itself.
        assert!(slow.requests().len() <= 3);

        let mut few = policy();
        few.max_fetches = 2;
        let before = silent.requests().len();
        let refusal = refused(few, &many(&silent, "/none"));
        assert!(limit(refusal.report()).contains("limit of 2 fetches"));
        assert_eq!(silent.requests().len(), before + 2);

        let mut small = policy();
        small.max_bytes = 500 * 1024;
        let before = junk.requests().len();
        let refusal = refused(small, &many(&junk, "/junk"));
        assert!(limit(refusal.report()).contains("limit of 512000 bytes"));
        assert_eq!(junk.requests().len(), before + 3);
    }
}

#[test]
fn redirects_are_followed_3_times_and_no_more() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let der = issuer.cert_der.clone();
    let server = Server::start(move |path, stream| {
        let left: usize = path.trim_matches('/').parse().expect("a number");
        match left.checked_sub(1) {
            Some(left) => head(
                stream,
                &format!("302 Found\r\nlocation: {left}\r\ncontent-length: 0"),
            ),
            None => ok(stream, &der),
        }
    });
    for driver in Driver::ALL {
        for (redirects, owed) in [(3, true), (4, false)] {
            let before = server.requests().len();
            let leaf = leaf(&issuer, &[server.url(&format!("/{redirects}"))]);
            let bundler = bundler(&[&root.cert_pem]);
            let outcome = complete_within(policy(), &bundler, &leaf, driver);
            assert_eq!(outcome.is_ok(), owed);
            assert_eq!(server.requests().len(), before + 4);
        }
    }
}

#[test]
fn no_more_than_8_urls_of_one_certificate_are_looked_at() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let server = Server::of_files(Vec::new());
    let urls: Vec<String> = (0..1_000).map(|n| server.url(&format!("/{n}"))).collect();
    let mut policy = policy();
    policy.max_fetches = 100;
    let leaf = leaf(&issuer, &urls);
    let refusal = complete_within(policy, &bundler(&[&root.cert_pem]), &leaf, Driver::Blocking)
        .expect_err("nothing helps");
    assert_eq!(server.requests().len(), 8);
    let owed = "CN=www.example.com names 1000 URLs for its issuer; the first 8 are looked at";
    assert_eq!(limit(refusal.report()), owed);
}

#[test]
fn the_readme_states_the_limits() {
    let Policy {
        deadline,
        fetch_deadline,
        max_fetches,
        max_redirects,
        max_answer_bytes,
        max_bytes,
        ..
    } = Policy::default();
    let readme = include_str!("../README.md");
    for (what, limits) in [
        (
            "time in all; for one URL, from its name's resolution to the last byte",
            format!("{} s; {} s", deadline.as_secs(), fetch_deadline.as_secs()),
        ),
        (
            "URLs asked; of one certificate; redirects from one",
            format!("{max_fetches}; 8; {max_redirects}"),
        ),
        (
            "bytes of one answer; of all",
            format!("{} KiB; {} MiB", max_answer_bytes >> 10, max_bytes >> 20),
        ),
    ] {
        let row = format!("| {what} | {limits} |\n");
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn certificates_that_name_one_another_are_asked_once_each() {
    // The answers are known only after the server has its address.
    let answers = Arc::new(Mutex::new(Vec::<(String, Vec<u8>)>::new()));
    let shared = Arc::clone(&answers);
    let server = Server::start(move |path, stream| {
        let answers = shared.lock().expect("no test panics with it").clone();
        let answer = answers.iter().find(|(name, _)| name == path);
        ok(
            stream,
            answer.map(|(_, der)| der.as_slice()).unwrap_or_default(),
        )
    });
    let (one, other) = (Ca::root("One"), Ca::root("Other"));
    let crossed = |issuer: &Ca, subject: &Ca, name: &str, path: &str| {
        issuer.intermediate_with(CaOptions {
            shared_key: Some(subject.key.clone()),
            ca_issuers: vec![server.url(path)],
            ..CaOptions::named(name)
        })
    };
    let one_by_other = crossed(&other, &one, "One", "/other");
    let other_by_one = crossed(&one, &other, "Other", "/one");
    *answers.lock().expect("no test panics with it") = vec![
        ("/one".to_owned(), one_by_other.cert_der.clone()),
        ("/other".to_owned(), other_by_one.cert_der.clone()),
    ];
    let root = Ca::root("Root");
    let leaf = leaf(&one, &[server.url("/one")]);
    for driver in Driver::ALL {
        let before = server.paths().len();
        complete_within(policy(), &bundler(&[&root.cert_pem]), &leaf, driver)
            .expect_err("they lead to no root");
        assert_eq!(server.paths()[before..], ["/one", "/other"]);
    }
}

#[test]
fn a_policy_for_strangers_certificates_reaches_public_addresses_only() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let server = Server::of_files(vec![("/issuer", issuer.cert_der.clone())]);
    let by_name = format!("http://localhost:{}/issuer", server.port());
    for (url, code, owed) in [
        (
            server.url("/issuer"),
            Code::UrlSkipped,
            "127.0.0.1 is a loopback address",
        ),
        (by_name, Code::FetchFailed, "its name resolves to"),
        (
            "http://10.1.2.3/".to_owned(),
            Code::UrlSkipped,
            "a private address",
        ),
        (
            "http://[fd00::1]/".to_owned(),
            Code::UrlSkipped,
            "a private address",
        ),
    ] {
        let leaf = leaf(&issuer, std::slice::from_ref(&url));
        for driver in Driver::ALL {
            let bundler = bundler(&[&root.cert_pem]);
            let refusal = complete_within(Policy::public_only(), &bundler, &leaf, driver)
                .expect_err("it is not public");
            let said = common::bundling::the(refusal.report(), code);
            assert!(said.message.contains(owed), "{said}");
        }
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}
