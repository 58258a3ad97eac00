//! Random crt-lists: HAProxy refuses those that are foretold, and has read the others as foretold.

mod common;

use std::cell::Cell;
use std::path::Path;
use std::sync::LazyLock;

use common::haproxy::Haproxy;
use common::pki::{Ca, Leaf};
use common::random::try_all;
use fullchain::Severity;
use fullchain::haproxy::CrtList;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tempfile::TempDir;

const CASES: u32 = 120;

/// What lines are made of; the words `A` and `B` stand for the files.
const PIECES: [&str; 24] = [
    "A",
    "B",
    "A",
    "B",
    " ",
    " ",
    " ",
    "\t",
    "\n",
    "\n",
    "\r\n",
    "[alpn h2]",
    "[]",
    "[",
    "]",
    "alpn",
    "h2",
    "a.example",
    "*.example",
    "!b.example",
    "#",
    "\"",
    "\\ ",
    "é.example",
];

static LEAF: LazyLock<Leaf> = LazyLock::new(|| Ca::root("Root").leaf_named("www.example.com"));

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = tempfile::Builder::new().prefix("crt-").tempdir_in("/tmp");
        let folder = folder.expect("/tmp is writable");
        for name in ["A", "B"] {
            let pem = LEAF.cert_pem.clone() + &LEAF.key_pem;
            std::fs::write(folder.path().join(name), pem).expect("the folder is writable");
        }
        Folder(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Whether HAProxy takes these words in brackets.
fn is_known(options: &[String]) -> bool {
    let pairs = options.chunks(2);
    pairs.into_iter().all(|pair| pair == ["alpn", "h2"])
}

fn check(text: &str, counts: &[Cell<usize>; 2]) -> TestCaseResult {
    let folder = Folder::new();
    // Files by their whole path, as there is no crt-base.
    let base = format!("{}/", folder.path().display());
    let text: String = text
        .replace('A', &format!("{base}A"))
        .replace('B', &format!("{base}B"));
    let file = folder.path().join("list");
    std::fs::write(&file, &text).expect("the folder is writable");
    let (list, findings) = CrtList::parse("list", text.as_bytes());
    prop_assert_eq!(list.to_bytes(), text.as_bytes());
    let entries: Vec<_> = list.entries().collect();
    let usable = |name: &str| [format!("{base}A"), format!("{base}B")].contains(&name.to_owned());
    let is_error = |it: &fullchain::Finding| it.severity == Severity::Error;
    if entries.iter().any(|(_, it)| !is_known(it.options())) {
        // Those are for the bind line's keywords to judge; some make HAProxy 2.6 hang.
        return Ok(());
    }
    let foretold = !findings.iter().any(is_error)
        && !entries.is_empty()
        && entries.iter().all(|(_, it)| usable(it.file()));
    let options = format!("crt-list {}", file.display());
    let haproxy = Haproxy::bind(&options);
    prop_assert_eq!(
        haproxy.is_ok(),
        foretold,
        "{:?}\n{:?}\n{:?}",
        text,
        findings,
        haproxy.err()
    );
    counts[usize::from(foretold)].set(counts[usize::from(foretold)].get() + 1);
    let Ok(haproxy) = haproxy else {
        return Ok(());
    };
    let said = haproxy.runtime(&format!("show ssl crt-list -n {}", file.display()));
    let mut said: Vec<String> = said
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        // 2.6 ends the protocols of alpn with a NUL.
        .map(|line| line.replace('\0', "").trim_end().to_owned())
        .collect();
    said.sort();
    let line = |(number, entry): &(usize, &fullchain::haproxy::CrtEntry)| {
        let rest = entry.to_string().split_off(entry.file().len());
        format!("{}:{number}{rest}", entry.file())
    };
    let mut owed: Vec<String> = entries.iter().map(line).collect();
    owed.sort();
    prop_assert_eq!(said, owed, "{:?}", text);
    Ok(())
}

#[test]
fn haproxy_reads_crt_lists_as_foretold() {
    let counts = [Cell::new(0), Cell::new(0)];
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..14);
    // Each ends with a newline: without it HAProxy 2.6 may hang before it says so.
    // Half of them are more like lists that people write.
    let line = (
        prop::sample::select(&["A", "B", "A ", "B\t"][..]),
        prop::sample::select(&["", " [alpn h2]", "[]", " [ alpn h2 ] "][..]),
        prop::collection::vec(prop::sample::select(&PIECES[17..20]), 0..3),
    );
    let line = line
        .prop_map(|(file, options, filters)| format!("{file}{options} {}\n", filters.join(" ")));
    let lines = prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat());
    let texts = prop_oneof![
        lines,
        pieces.prop_map(|pieces| format!("A {}\n", pieces.concat())),
    ];
    try_all(CASES, &texts, |text| check(&text, &counts));
    println!("{} refused, {} read", counts[0].get(), counts[1].get());
    assert!(
        counts.iter().all(|count| count.get() > 10),
        "too few of either"
    );
}
