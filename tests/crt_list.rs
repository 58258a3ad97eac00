//! A crt-list is read as HAProxy reads it, and edited so that the rest stays as it was.

use fullchain::haproxy::{CrtEntry, CrtList, Unwritable};
use fullchain::{Code, Severity};

/// The entries as lines, with their numbers.
fn read(text: &str) -> Vec<(usize, String)> {
    let (list, _) = CrtList::parse("sites.list", text.as_bytes());
    let entries = list.entries();
    entries
        .map(|(line, entry)| (line, entry.to_string()))
        .collect()
}

#[test]
fn words_end_at_blanks_and_brackets_and_nothing_else() {
    for (text, owed) in [
        ("a.pem\n", "a.pem"),
        ("  a.pem\tb.example \r\n", "a.pem b.example"),
        ("a.pem[alpn h2]b.example\n", "a.pem [alpn h2] b.example"),
        ("a.pem [ verify none ]\n", "a.pem [verify none]"),
        ("a.pem []\n", "a.pem []"),
        ("\"a.pem\" \\ 'b'\n", "\"a.pem\" \\ 'b'"),
        ("a.pem x # y\n", "a.pem x # y"),
        (" # x\n", "# x"),
        ("a.pem [alpn h2\n", "a.pem [] alpn h2"),
        ("a.pem x [alpn h2] y\n", "a.pem [alpn h2] y"),
    ] {
        assert_eq!(read(text), [(1, owed.to_owned())], "{text:?}");
    }
    for text in ["", "\n", "# a.pem\n", "\ra.pem\n", "#\0 without newline"] {
        assert_eq!(read(text), [], "{text:?}");
    }
}

#[test]
fn what_haproxy_refuses_is_an_error_with_its_line() {
    for (line, words) in [
        ("a.pem [x] [y]\n", "more than one ["),
        ("a.pem [x] ]\n", "more than one ]"),
        ("a.pem ]\n", "a ] without a ["),
        ("[x] a.pem\n", "begins with a bracket"),
        ("a.pem \0\n", "a NUL character"),
        ("b.pem", "the last line has no newline"),
        (" ", "the last line has no newline"),
        (
            &("a.pem ".to_owned() + &"x".repeat(65_529) + "\n"),
            "longer than 65534 bytes",
        ),
        (
            &("a.pem".to_owned() + &" x".repeat(2_048) + "\n"),
            "more than 2048 words",
        ),
    ] {
        let (list, findings) = CrtList::parse("sites.list", format!("# one\n{line}").as_bytes());
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].code, Code::CrtListSyntax);
        assert_eq!(findings[0].severity, Severity::Error);
        assert!(findings[0].message.contains(words), "{}", findings[0]);
        let origin = findings[0].origin.as_ref().expect("a place");
        assert_eq!(
            (origin.source(), origin.first_line()),
            ("sites.list", Some(2))
        );
        assert_eq!(list.entries().count(), 0);
    }
    let most = (
        "a.pem".to_owned() + &" x".repeat(2_047) + "\n",
        "a.pem ".to_owned() + &"x".repeat(65_528) + "\n",
    );
    for text in [most.0, most.1] {
        assert!(CrtList::parse("sites.list", text.as_bytes()).1.is_empty());
    }
}

#[test]
fn what_haproxy_takes_in_another_way_than_meant_is_a_warning() {
    for (line, words) in [
        ("a.pem [alpn h2\n", "a [ without a ]"),
        ("a.pem x [alpn h2]\n", "passes over the words between"),
        (" \t\n", "load the certificate above it once more"),
    ] {
        let (_, findings) = CrtList::parse("sites.list", line.as_bytes());
        assert_eq!(findings.len(), 1, "{line:?}: {findings:?}");
        assert_eq!(findings[0].severity, Severity::Warning);
        assert!(findings[0].message.contains(words), "{}", findings[0]);
    }
}

#[test]
fn an_edit_leaves_the_rest_byte_for_byte() {
    let text = b"# \xff sites\r\n\n  a.pem   a.example\r\nb.pem\t[alpn h2]\nc.pem\n\n# end";
    let (mut list, _) = CrtList::parse("sites.list", text);
    assert_eq!(list.to_bytes(), text);
    let entry = CrtEntry::new("new.pem")
        .and_then(|it| it.option("alpn")?.option("h2")?.filter("*.example"));
    let entry = entry.expect("plain words");
    assert!(list.replace(3, &entry) && list.remove(5));
    for line in [0, 1, 2, 6, 99] {
        assert!(!list.replace(line, &entry) && !list.remove(line), "{line}");
    }
    list.push(&CrtEntry::new("d.pem").expect("a plain word"));
    let owed =
        b"# \xff sites\r\n\nnew.pem [alpn h2] *.example\r\nb.pem\t[alpn h2]\n\n# end\nd.pem\n";
    assert_eq!(list.to_bytes(), owed);
    let (again, findings) = CrtList::parse("sites.list", &list.to_bytes());
    assert_eq!((again, findings.len()), (list, 0));
}

#[test]
fn words_that_a_list_cannot_hold_are_refused() {
    for word in ["", "a b.pem", "a\n.pem", "a[1].pem", "a\0", "\t"] {
        assert_eq!(CrtEntry::new(word), Err(Unwritable(word.to_owned())));
        let entry = CrtEntry::new("a.pem").expect("a plain word");
        assert!(entry.clone().filter(word).is_err() && entry.option(word).is_err());
    }
    assert!(CrtEntry::new("#a.pem").is_err());
    assert!(CrtEntry::new("a.pem").and_then(|it| it.filter("#")).is_ok());
}

#[test]
fn options_are_those_that_the_version_has_for_crt_lists() {
    for (options, version, owed) in [
        (
            "alpn h2 verify none no-ca-names ciphers strict-sni",
            "2.6",
            None,
        ),
        ("alpn h2 strict-sni", "2.6", Some("strict-sni")),
        ("no-ca-names x", "2.6", Some("x")),
        ("ocsp-update on", "2.6", Some("ocsp-update")),
        ("ocsp-update on", "2.8", None),
        (
            "prefer-client-ciphers",
            "2.8",
            Some("prefer-client-ciphers"),
        ),
        // Of these not all are known.
        ("key a.key", "3.0", None),
    ] {
        let text = format!("a.pem [{options}] a.example\n");
        let (list, _) = CrtList::parse("sites.list", text.as_bytes());
        let (_, entry) = list.entries().next().expect("there is one");
        let version = version.parse().expect("a version");
        assert_eq!(entry.unknown_option(version), owed, "{options}");
    }
}
