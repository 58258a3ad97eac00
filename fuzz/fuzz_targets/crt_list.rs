//! Arbitrary bytes as a crt-list, which is then edited.
#![no_main]

use fullchain::haproxy::{CrtEntry, CrtList};
use libfuzzer_sys::fuzz_target;

const NAME: &str = "sites.list";

fuzz_target!(|input: &[u8]| {
    // The first byte says which entry is edited.
    let (which, text) = input.split_first().unwrap_or((&0, &[]));
    let (list, findings) = CrtList::parse(NAME, text);
    assert_eq!(list.to_bytes(), text);
    let count = text.split_inclusive(|&byte| byte == b'\n').count();
    for finding in &findings {
        let line = finding.origin.as_ref().and_then(|it| it.first_line());
        assert!(line.is_some_and(|line| (1..=count).contains(&line)));
    }
    let entries: Vec<_> = list.entries().collect();
    assert!(entries.is_sorted_by(|one, next| one.0 < next.0));

    let new = CrtEntry::new("new.pem")
        .and_then(|entry| entry.option("alpn"))
        .and_then(|entry| entry.option("h2"))
        .and_then(|entry| entry.filter("!new.example"))
        .expect("plain words");
    check_push(&list, text, &new);
    // Where there is no entry nothing changes.
    for line in [0, usize::MAX] {
        let mut edited = list.clone();
        assert!(!edited.replace(line, &new) && !edited.remove(line));
        assert_eq!(edited, list);
    }
    if !entries.is_empty() {
        let (line, _) = entries[usize::from(*which) % entries.len()];
        check_replace(&list, line, &new);
        check_remove(&list, line);
    }
    // An entry is written as it was read.
    if let Some((_, entry)) = entries.get(usize::from(*which)) {
        let (again, _) = CrtList::parse(NAME, format!("{entry}\n").as_bytes());
        let again: Vec<_> = again.entries().map(|(_, entry)| entry).collect();
        // But for a name that is a comment when no blank stands before it, and what is not UTF-8.
        if !entry.file().starts_with('#') && !entry.to_string().contains('\u{fffd}') {
            assert_eq!(again, [*entry]);
        }
    }
});

fn check_push(list: &CrtList, text: &[u8], new: &CrtEntry) {
    let mut edited = list.clone();
    edited.push(new);
    let end = match text {
        [] | [.., b'\n'] => "",
        _ => "\n",
    };
    let owed = [text, end.as_bytes(), format!("{new}\n").as_bytes()].concat();
    assert_eq!(edited.to_bytes(), owed);
    assert_eq!(edited.entries().last().map(|(_, entry)| entry), Some(new));
    check_same_again(&edited);
}

fn check_replace(list: &CrtList, line: usize, new: &CrtEntry) {
    let mut edited = list.clone();
    assert!(edited.replace(line, new));
    let (before, after) = (lines(list), lines(&edited));
    assert_eq!(before.len(), after.len());
    for (n, (before, after)) in before.iter().zip(&after).enumerate() {
        let is_edited = n + 1 == line;
        assert!(is_edited || before == after, "line {} changed", n + 1);
    }
    assert!(edited.entries().any(|entry| entry == (line, new)));
    check_same_again(&edited);
}

fn check_remove(list: &CrtList, line: usize) {
    let mut edited = list.clone();
    assert!(edited.remove(line));
    let mut owed = lines(list);
    owed.remove(line - 1);
    assert_eq!(edited.to_bytes(), owed.concat());
    check_same_again(&edited);
}

fn lines(list: &CrtList) -> Vec<Vec<u8>> {
    let text = list.to_bytes();
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

fn check_same_again(list: &CrtList) {
    let (again, _) = CrtList::parse(NAME, &list.to_bytes());
    assert!(
        again.entries().eq(list.entries()),
        "{list:?} is read as {again:?}"
    );
}
