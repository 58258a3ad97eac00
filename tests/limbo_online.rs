//! The chains of real sites in x509-limbo's corpus are read, ordered and verified at their time.
//!
//! The corpus is not part of this repository. It is looked for beside it, at
//! `../shared/corpus/limbo.json`.

mod common;

use std::path::Path;
use std::time::Duration;

use common::pile::{contents, read};
use fullchain::{Bundler, Certificate, TrustStore};
use rustls_pki_types::{ServerName, UnixTime};
use serde_json::Value;

fn strings(value: &Value) -> Vec<&str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

/// `2026-02-02T08:36:39+00:00`, which is UTC in all cases.
fn time(text: &str) -> UnixTime {
    let number = |from: usize, to: usize| -> i64 { text[from..to].parse().expect("a number") };
    assert!(text.ends_with("+00:00"), "{text}");
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Days from civil, counted from March: leap days come last in a year.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days - 719_468;
    let seconds = ((days * 24 + number(11, 13)) * 60 + number(14, 16)) * 60 + number(17, 19);
    UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().expect("after 1970")))
}

/// The issuing order by names, from the leaf: what a look at the certificates tells.
fn names_match(chain: &[&Certificate]) -> bool {
    let mut links = chain.windows(2);
    links.all(|link| link[0].issuer() == link[1].subject())
}

#[test]
fn chains_of_real_sites_are_read_ordered_and_verified() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/limbo.json");
    if !corpus.exists() {
        println!("nothing was checked: there is no {}", corpus.display());
        return;
    }
    let text = std::fs::read(&corpus).expect("the corpus can be read");
    let corpus: Value = serde_json::from_slice(&text).expect("the corpus is JSON");
    let cases = corpus["testcases"].as_array().expect("a list");
    let online = cases.iter().filter(|case| {
        let id = case["id"].as_str();
        id.is_some_and(|id| id.starts_with("online::"))
    });
    let mut count = 0;
    for case in online {
        check(case);
        count += 1;
    }
    assert!(count >= 10, "the corpus has {count} chains of real sites");
}

fn check(case: &Value) {
    let id = case["id"].as_str().expect("an id");
    assert_eq!(case["expected_result"], "SUCCESS", "{id}");
    let leaf_pem = case["peer_certificate"].as_str().expect("a leaf");
    let intermediates = strings(&case["untrusted_intermediates"]);
    let roots = strings(&case["trusted_certs"]);
    let name = case["expected_peer_name"]["value"]
        .as_str()
        .expect("a name");
    let name = ServerName::try_from(name).expect("a host name").to_owned();
    let at = time(case["validation_time"].as_str().expect("a time"));

    // Root first, leaf last but one, every END joined to the next BEGIN, CR LF.
    let mut pile = roots.clone();
    pile.extend(intermediates.iter().rev());
    pile.insert(pile.len() - 1, leaf_pem);
    pile.push(intermediates[0]);
    let joined: String = pile.iter().map(|block| block.trim_end()).collect();
    let material = read(joined.replace('\n', "\r\n").as_bytes());
    let clean: Vec<Vec<u8>> = pile
        .iter()
        .map(|block| {
            pem::parse(block)
                .expect("the corpus is clean")
                .into_contents()
        })
        .collect();
    assert_eq!(contents(&material)[0], clean, "{id}");
    assert_eq!(material.unreadable, [], "{id}");

    let leaf_der = pem::parse(leaf_pem).expect("PEM").into_contents();
    let (leaves, candidates): (Vec<_>, Vec<_>) = material
        .certificates
        .into_iter()
        .partition(|certificate| certificate.der().as_ref() == leaf_der);
    let [leaf] = &leaves[..] else {
        panic!("{id}: {} leaves", leaves.len())
    };
    let (store, _) = TrustStore::from_material("limbo", read(roots.concat().as_bytes()))
        .unwrap_or_else(|error| panic!("{id}: {error}"));
    let (chain, _) = Bundler::new(store.clone(), at)
        .name(name)
        .chain(leaf, candidates.clone())
        .unwrap_or_else(|refusal| panic!("{id}: {}", refusal.report()));
    assert_eq!(chain.leaf().der(), leaf.der(), "{id}");
    assert_eq!(chain.trusted_by(), ["limbo"], "{id}");
    let served: Vec<&Certificate> = chain.certificates().collect();
    assert!(names_match(&served), "{id}");
    let last = served.last().expect("a leaf at least");
    let anchors = read(roots.concat().as_bytes()).certificates;
    assert!(
        anchors.iter().any(|root| root.subject() == last.issuer()),
        "{id}"
    );
    for certificate in &served {
        assert!(
            anchors.iter().all(|root| root.der() != certificate.der()),
            "{id}: the root"
        );
    }

    let other = ServerName::try_from("fullchain.invalid").expect("a host name");
    let refused = Bundler::new(store, at).name(other).chain(leaf, candidates);
    assert!(refused.is_err(), "{id} is good for any name");
}
