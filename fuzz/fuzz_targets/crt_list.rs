//! Arbitrary bytes as a crt-list: kept byte for byte, and edited in one line only.
#![no_main]

use fullchain::Severity;
use fullchain::haproxy::{CrtEntry, CrtList};
use fullchain_fuzz::check_findings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (list, findings) = CrtList::parse("list", input);
    check_findings(&findings, &[("list".to_owned(), input.to_vec())]);
    assert_eq!(list.to_bytes(), input);
    let entry = CrtEntry::new("site.pem")
        .and_then(|entry| {
            entry
                .option("alpn")?
                .option("h2")?
                .filter("www.example.com")
        })
        .expect("sound words");
    let lines: Vec<usize> = list.entries().map(|(line, _)| line).collect();
    for &line in lines.iter().take(4) {
        let mut edited = list.clone();
        assert!(edited.replace(line, &entry));
        check_edited(input, &edited.to_bytes(), line, Some(&entry));
        let mut edited = list.clone();
        assert!(edited.remove(line));
        check_edited(input, &edited.to_bytes(), line, None);
    }
    let mut longer = list.clone();
    longer.push(&entry);
    let bytes = longer.to_bytes();
    assert!(bytes.starts_with(input));
    let (again, _) = CrtList::parse("list", &bytes);
    assert_eq!(again.entries().last().map(|(_, last)| last), Some(&entry));

    // Without a final newline the last line is none, and with one behind it it is.
    let is_whole = findings.iter().all(|it| it.severity != Severity::Error);
    let entries = |list: &CrtList| -> Vec<CrtEntry> {
        list.entries().map(|(_, entry)| entry.clone()).collect()
    };
    if is_whole {
        let mut written = CrtList::new();
        list.entries().for_each(|(_, entry)| written.push(entry));
        let (again, _) = CrtList::parse("list", &written.to_bytes());
        assert_eq!(entries(&again), entries(&list));
    }
});

/// Only that line is another, or gone.
fn check_edited(before: &[u8], after: &[u8], line: usize, entry: Option<&CrtEntry>) {
    let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        lines.map(<[u8]>::to_vec).collect()
    };
    let mut owed = lines(before);
    match entry {
        Some(entry) => {
            let end = match owed[line - 1].ends_with(b"\r\n") {
                true => "\r\n",
                false => "\n",
            };
            owed[line - 1] = format!("{entry}{end}").into_bytes();
        }
        None => drop(owed.remove(line - 1)),
    }
    assert_eq!(lines(after), owed);
}
