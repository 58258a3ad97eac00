//! What is surprising about the names of a bind line is said, and nothing else is.

mod common;

use common::pki::{Ca, Key, KeyKind, LeafOptions};
use fullchain::haproxy::Version;
use fullchain::haproxy::sni::{Answer, Because, Client, NoAnswer, SniTable};
use fullchain::{Certificate, Code, Origin, Severity};
use rustls_pki_types::CertificateDer;

const OLD: &str = "2.6";
const NEW: &str = "3.2";

fn certificate(kind: KeyKind, names: &[&str]) -> Certificate {
    let leaf = Ca::root("Root").leaf(LeafOptions {
        name: names[0].to_owned(),
        dns: names.iter().map(|&name| name.to_owned()).collect(),
        shared_key: Some(Key::nth(kind, 0)),
        ..LeafOptions::default()
    });
    Certificate::new(CertificateDer::from(leaf.cert_der), Origin::new("leaf")).expect("it is one")
}

fn ecdsa(names: &[&str]) -> Certificate {
    certificate(KeyKind::P256, names)
}

fn rsa(names: &[&str]) -> Certificate {
    certificate(KeyKind::Rsa(2048), names)
}

fn table(version: &str) -> SniTable {
    SniTable::new(version.parse::<Version>().expect("a version"))
}

/// A table of files, each with its filters.
fn of(version: &str, files: &[(&str, &Certificate, &[&str])]) -> SniTable {
    let mut table = table(version);
    for (file, certificate, filters) in files {
        table.add(*file, certificate, filters);
    }
    table
}

/// The findings but for the default certificate's, as code, file and message.
fn said(table: &SniTable) -> Vec<(Code, String, String)> {
    let findings = table.findings().into_iter();
    let others = findings.filter(|finding| finding.code != Code::DefaultCertificate);
    others
        .map(|finding| {
            let file = finding.origin.expect("a file").source().to_owned();
            (finding.code, file, finding.message)
        })
        .collect()
}

#[track_caller]
fn says(table: &SniTable, owed: &[(Code, &str, &str)]) {
    let said = said(table);
    assert_eq!(said.len(), owed.len(), "{said:#?}");
    for ((code, file, message), (owed_code, owed_file, words)) in said.iter().zip(owed) {
        assert_eq!((code, file.as_str()), (owed_code, *owed_file));
        assert!(message.contains(words), "{message}");
    }
}

const RSA_ONLY: Client = Client {
    ecdsa: false,
    rsa: true,
};

#[test]
fn a_table_without_surprises_says_its_default_only() {
    let (one, other) = (ecdsa(&["a.example"]), ecdsa(&["b.example", "*.b.example"]));
    let table = of(OLD, &[("a.pem", &one, &[]), ("b.pem", &other, &[])]);
    says(&table, &[]);
    let findings = table.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].severity, Severity::Note);
    assert!(
        findings[0]
            .message
            .starts_with("a.pem is the default certificate, as it is loaded first")
    );
}

#[test]
fn a_name_in_two_files_is_answered_by_the_first() {
    let (one, other) = (ecdsa(&["a.example"]), ecdsa(&["a.example", "b.example"]));
    let table = of(OLD, &[("1.pem", &one, &[]), ("2.pem", &other, &[])]);
    says(
        &table,
        &[(
            Code::NameClaimedTwice,
            "2.pem",
            "never answers for a.example: 1.pem has the same key type, ECDSA",
        )],
    );
    let table = of(OLD, &[("1.pem", &other, &[]), ("2.pem", &one, &[])]);
    says(
        &table,
        &[
            (Code::NameClaimedTwice, "2.pem", "a.example"),
            (
                Code::NeverAnswers,
                "2.pem",
                "others answer for all its names",
            ),
        ],
    );
}

#[test]
fn a_default_that_changes_is_said() {
    let (one, other) = (ecdsa(&["a.example"]), ecdsa(&["b.example"]));
    let before = of(OLD, &[("b.pem", &other, &[])]);
    let after = of(OLD, &[("a.pem", &one, &[]), ("b.pem", &other, &[])]);
    let changed = after.changed_default(&before).expect("a.pem sorts first");
    assert_eq!(changed.code, Code::DefaultChanged);
    assert!(changed.message.contains("it was b.pem"), "{changed}");
    assert_eq!(after.changed_default(&after), None);
}

#[test]
fn strict_sni_has_no_default() {
    let one = ecdsa(&["a.example"]);
    let table = of(OLD, &[("a.pem", &one, &[])]).strict_sni(true);
    assert_eq!(
        table.answer(None, Client::MODERN),
        Answer::Alert(NoAnswer::StrictNone)
    );
    let unknown = table.answer(Some("b.example"), Client::MODERN);
    assert_eq!(unknown, Answer::Alert(NoAnswer::StrictName));
    assert_eq!(table.findings(), []);
}

#[test]
fn an_ecdsa_wildcard_beats_an_rsa_name() {
    let (wildcard, exact) = (ecdsa(&["*.example"]), rsa(&["a.example"]));
    let table = of(
        OLD,
        &[("rsa.pem", &exact, &[]), ("wild.pem", &wildcard, &[])],
    );
    says(
        &table,
        &[(
            Code::WildcardWins,
            "rsa.pem",
            "wild.pem has a wildcard and an ECDSA key",
        )],
    );
    let served = |client| table.answer(Some("A.Example"), client);
    let by = |file, because| Answer::Served { file, because };
    assert_eq!(served(Client::MODERN), by("wild.pem", Because::Wildcard));
    assert_eq!(served(RSA_ONLY), by("rsa.pem", Because::Exact));
}

#[test]
fn filters_that_hide_names_or_do_nothing_are_said() {
    let (one, other) = (ecdsa(&["a.example", "b.example"]), ecdsa(&["*.example"]));
    let table = of(
        OLD,
        &[(
            "list/a.pem",
            &one,
            &["a.example", "!*.example", "!c.example", "*", "*x"],
        )],
    );
    says(
        &table,
        &[
            (
                Code::FilterHidesNames,
                "list/a.pem",
                "its own b.example; no other certificate does",
            ),
            (Code::VoidFilter, "list/a.pem", "!*.example"),
            (
                Code::VoidFilter,
                "list/a.pem",
                "!c.example of list/a.pem does nothing: no wildcard on its line",
            ),
            (Code::VoidFilter, "list/a.pem", "since HAProxy 3.0 only"),
            (Code::VoidFilter, "list/a.pem", "a dot must follow"),
        ],
    );
    let table = of(
        NEW,
        &[
            ("a.pem", &one, &["a.example"]),
            ("wild.pem", &other, &["*.example", "!c.example", "*"]),
        ],
    );
    says(
        &table,
        &[(
            Code::FilterHidesNames,
            "a.pem",
            "its own b.example; others do",
        )],
    );
    // Another line of the same certificate answers for them.
    let table = of(
        OLD,
        &[
            ("a.pem", &one, &["a.example"]),
            ("a.pem", &one, &["b.example"]),
        ],
    );
    says(&table, &[]);
}

#[test]
fn a_line_of_excluded_names_only_answers_nobody() {
    let (one, other) = (ecdsa(&["a.example"]), ecdsa(&["b.example"]));
    let table = of(
        OLD,
        &[("a.pem", &one, &[]), ("b.pem", &other, &["!c.example"])],
    );
    let codes: Vec<_> = said(&table).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(
        codes,
        [Code::NeverAnswers, Code::FilterHidesNames, Code::VoidFilter]
    );
}

#[test]
fn an_excluded_host_is_left_to_the_next_wildcard() {
    let wildcard = ecdsa(&["*.example"]);
    let table = of(
        OLD,
        &[
            ("1.pem", &wildcard, &["*.example", "!a.example"]),
            ("2.pem", &wildcard, &["*.example"]),
        ],
    );
    let served = |name| table.answer(Some(name), Client::MODERN);
    let by = |file| Answer::Served {
        file,
        because: Because::Wildcard,
    };
    assert_eq!(served("a.example"), by("2.pem"));
    assert_eq!(served("b.example"), by("1.pem"));
    says(&table, &[(Code::NameClaimedTwice, "2.pem", "*.example")]);
}

#[test]
fn twins_that_differ_or_are_missing_are_said() {
    let (one, twin) = (ecdsa(&["a.example"]), rsa(&["a.example"]));
    let wider = rsa(&["a.example", "www.a.example"]);
    let alone = ecdsa(&["b.example"]);
    let table = of(
        OLD,
        &[
            ("a.ecdsa", &one, &[]),
            ("a.rsa", &twin, &[]),
            ("b.pem", &alone, &[]),
        ],
    );
    says(
        &table,
        &[(
            Code::TwinMissing,
            "b.pem",
            "no twin with an RSA key for b.example",
        )],
    );
    let table = of(OLD, &[("a.ecdsa", &one, &[]), ("a.rsa", &wider, &[])]);
    says(
        &table,
        &[(
            Code::TwinsDiffer,
            "a.rsa",
            "only one of them has www.a.example",
        )],
    );
}

#[test]
fn a_common_name_that_is_no_host_name_is_said() {
    let odd = ecdsa(&["Example Server 1", "a.example"]);
    // A subject alternative name of that form is no fault of the common name.
    let table = of(OLD, &[("a.pem", &odd, &[])]);
    says(
        &table,
        &[(
            Code::OddCommonName,
            "a.pem",
            "the common name example server 1 of a.pem",
        )],
    );
}

#[test]
fn the_default_is_a_list_since_3_0() {
    let (one, twin, other) = (
        ecdsa(&["a.example"]),
        rsa(&["a.example"]),
        rsa(&["b.example"]),
    );
    let twins = |version: &str| {
        let mut table = table(version);
        table.add("a.pem.ecdsa", &one, &[]);
        table.add_twin("a.pem.rsa", &twin, &[]);
        table
    };
    let default = |table: &SniTable, client| match table.answer(None, client) {
        Answer::Served { file, .. } => Some(file.to_owned()),
        _ => None,
    };
    assert_eq!(
        default(&twins(OLD), Client::MODERN).as_deref(),
        Some("a.pem.ecdsa")
    );
    assert_eq!(default(&twins(OLD), RSA_ONLY), None);
    assert_eq!(default(&twins(NEW), RSA_ONLY).as_deref(), Some("a.pem.rsa"));
    // In a folder they are files like others.
    let folder = of(
        NEW,
        &[("a.pem.ecdsa", &one, &[]), ("a.pem.rsa", &twin, &[])],
    );
    assert_eq!(default(&folder, RSA_ONLY), None);
    let starred = of(
        NEW,
        &[("a.pem", &one, &[]), ("b.pem", &other, &["b.example", "*"])],
    );
    assert_eq!(default(&starred, RSA_ONLY).as_deref(), Some("b.pem"));
}

#[test]
fn a_file_that_is_named_again_with_its_folder_is_nothing_odd() {
    let (a, b) = (ecdsa(&["a.example"]), ecdsa(&["b.example"]));
    let table = of(
        OLD,
        &[("b.pem", &b, &[]), ("a.pem", &a, &[]), ("b.pem", &b, &[])],
    );
    says(&table, &[]);
    assert_eq!(table.default_file(), Some("b.pem"));
}
