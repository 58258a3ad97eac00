//! What cannot be repaired is said with its line and what was expected there, and does no harm
//! to the blocks around it.

mod common;

use common::pile::{Pile, contents, read};
use common::pki::{Key, KeyKind, pem_block};
use fullchain::read::{Expected, Unreadable};
use fullchain::{Code, Material};

/// The pile with one line made into others.
fn with_line(pile: &Pile, number: usize, change: impl Fn(&str) -> String) -> String {
    let lines = pile.text.lines().enumerate();
    lines
        .map(|(index, line)| match index + 1 == number {
            true => change(line),
            false => line.to_owned() + "\n",
        })
        .collect()
}

fn only(material: &Material) -> &Unreadable {
    let [unreadable] = &material.unreadable[..] else {
        panic!("{material:?}")
    };
    unreadable
}

fn lines(unreadable: &Unreadable) -> (usize, usize) {
    let origin = unreadable.finding.origin.as_ref().expect("a place");
    let lines = origin.first_line().zip(origin.last_line());
    lines.expect("PEM has lines")
}

/// One thing is unreadable, and the certificate after it is whole.
fn check(name: &str, pile: &Pile, damaged: &str, owed: (Code, Expected, (usize, usize))) -> String {
    let mut message = String::new();
    for (ends, source) in [
        ("LF", damaged.to_owned()),
        ("CR LF", damaged.replace('\n', "\r\n")),
        ("CR", damaged.replace('\n', "\r")),
    ] {
        let material = read(source.as_bytes());
        let found = only(&material);
        assert_eq!(
            (found.finding.code, found.expected, lines(found)),
            owed,
            "{name}, {ends}: {}",
            found.finding
        );
        let whole = contents(&material)[0].contains(&pile.blocks[1].der);
        assert!(whole, "{name}, {ends}: {material:?}");
        message.clone_from(&found.finding.message);
    }
    message
}

#[test]
fn a_cut_or_thinned_block_is_truncated() {
    let pile = Pile::of_a_site();
    let block = &pile.blocks[0];
    let (first, last) = (block.first, block.last);
    for line in [first + 2, first + 4, last - 2] {
        let message = check(
            "a line is missing",
            &pile,
            &with_line(&pile, line, |_| String::new()),
            (Code::Truncated, Expected::Certificate, (first, last - 1)),
        );
        let stated = block.der.len();
        assert!(
            message.contains(&format!("states {stated} bytes")),
            "{message}"
        );
        assert!(
            message.contains(&format!("{} are there", stated - 48)),
            "{message}"
        );
        assert!(
            message.contains(&format!("up to line {}", last - 1)),
            "{message}"
        );
    }
    let message = check(
        "four characters are missing",
        &pile,
        &with_line(&pile, 5, |line| format!("{}\n", &line[4..])),
        (Code::Truncated, Expected::Certificate, (first, last)),
    );
    assert!(
        message.contains("line 5 has 60 characters, where its neighbours have 64"),
        "{message}"
    );

    // Cut in the middle, and another file joined after it.
    let cut: String = pile
        .text
        .lines()
        .take(5)
        .map(|line| format!("{line}\n"))
        .collect();
    let rest = pile.text.lines().skip(last).map(|line| format!("{line}\n"));
    let rest: String = rest.collect();
    check(
        "cut, another block follows",
        &pile,
        &(cut.clone() + &rest),
        (Code::Truncated, Expected::Certificate, (1, 5)),
    );
    check(
        "cut, text follows",
        &pile,
        &(cut + "subject: CN = x\nissuer: CN = y\n" + &rest),
        (Code::Truncated, Expected::Certificate, (1, 6)),
    );

    let key = &pile.blocks[2];
    check(
        "a line of the key is missing",
        &pile,
        &with_line(&pile, key.first + 2, |_| String::new()),
        (Code::Truncated, Expected::Key, (key.first, key.last - 1)),
    );
    let whole = &pile.blocks[3];
    check(
        "the file is cut in its last block",
        &pile,
        &pile
            .text
            .lines()
            .take(whole.last - 3)
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
        (
            Code::Truncated,
            Expected::Other,
            (whole.first, whole.last - 3),
        ),
    );
}

#[test]
fn corrupt_base64_is_said_with_line_and_column() {
    let pile = Pile::of_a_site();
    let block = &pile.blocks[0];
    for (line, column, character) in [(2, 1, '!'), (5, 33, '~'), (block.last - 2, 64, '@')] {
        let corrupt = |text: &str| {
            let mut text = text.as_bytes().to_vec();
            text[column - 1] = u8::try_from(character).expect("ASCII");
            String::from_utf8(text).expect("ASCII") + "\n"
        };
        let message = check(
            "corrupt",
            &pile,
            &with_line(&pile, line, corrupt),
            (Code::CorruptBase64, Expected::Certificate, (line, line)),
        );
        let owed = format!("'{character}' at line {line}, column {column}");
        assert!(message.contains(&owed), "{message}");
        assert!(message.contains("expected"), "{message}");

        // In indented text the column is the source's.
        let indented = with_line(&pile, line, corrupt).replace('\n', "\n    ");
        let material = read(format!("    {}", indented.trim_end()).as_bytes());
        let message = &only(&material).finding.message;
        let owed = format!("line {line}, column {}", column + 4);
        assert!(message.contains(&owed), "{message}");

        // In a JSON string all is on the first line, and the column would be a riddle.
        let json = serde_json::to_vec(&with_line(&pile, line, corrupt)).expect("a string");
        let material = read(&json);
        let found = only(&material);
        assert_eq!(lines(found), (1, 1));
        assert!(
            found.finding.message.contains("line 1, where"),
            "{}",
            found.finding
        );
    }
}

#[test]
fn what_decodes_to_something_else_is_said_to_be_so() {
    let pile = Pile::of_a_site();
    let block = &pile.blocks[0];
    let (first, last) = (block.first, block.last);
    check(
        "a line twice",
        &pile,
        &with_line(&pile, 4, |line| format!("{line}\n{line}\n")),
        (
            Code::NotACertificate,
            Expected::Certificate,
            (first, last + 1),
        ),
    );
    check(
        "the first line is missing",
        &pile,
        &with_line(&pile, 2, |_| String::new()),
        (
            Code::NotACertificate,
            Expected::Certificate,
            (first, last - 1),
        ),
    );
    let der = [&[0x30, 0x10], &[0; 16][..]].concat();
    for (label, expected) in [
        ("CERTIFICATE", Expected::Certificate),
        ("PRIVATE KEY", Expected::Key),
        ("DH PARAMETERS", Expected::Other),
    ] {
        for content in [
            &der[..],
            b"plain text, as somebody put it there",
            &[0xff; 30],
        ] {
            let source = pem_block(label, content) + &pile.text;
            let material = read(source.as_bytes());
            let found = only(&material);
            assert_eq!(found.finding.code, Code::NotACertificate, "{label}");
            assert_eq!(found.expected, expected, "{label}");
            assert!(found.finding.message.contains(label));
            assert_eq!(contents(&material), pile.contents());
        }
    }
}

#[test]
fn markers_with_nothing_between_are_orphans() {
    let pile = Pile::of_a_site();
    let line = pile.text.lines().count() + 1;
    for (name, tail, expected, owed) in [
        (
            "BEGIN at the end",
            "-----BEGIN CERTIFICATE-----\n",
            Expected::Certificate,
            (line, line),
        ),
        (
            "END alone",
            "-----END PRIVATE KEY-----\n",
            Expected::Key,
            (line, line),
        ),
        (
            "nothing between",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            Expected::Certificate,
            (line, line + 1),
        ),
        (
            "blank lines between",
            "-----BEGIN PRIVATE KEY-----\n\n\n-----END PRIVATE KEY-----\n",
            Expected::Key,
            (line, line + 3),
        ),
    ] {
        let material = read((pile.text.clone() + tail).as_bytes());
        let found = only(&material);
        assert_eq!(found.finding.code, Code::OrphanMarker, "{name}");
        assert_eq!((found.expected, lines(found)), (expected, owed), "{name}");
        assert!(found.finding.message.contains("expected"), "{name}");
        assert_eq!(contents(&material), pile.contents(), "{name}");
    }
    // BEGIN lost and the content cut: the END line says what it was.
    let damaged = with_line(&pile, 1, |_| String::new()).replacen("MII", "", 1);
    let material = read(damaged.as_bytes());
    let found = only(&material);
    assert_eq!(
        (found.finding.code, found.expected),
        (Code::OrphanMarker, Expected::Certificate)
    );
    assert_eq!(
        lines(found),
        (pile.blocks[0].last - 1, pile.blocks[0].last - 1)
    );
}

#[test]
fn a_cut_block_without_begin_is_truncated() {
    let key = Key::nth(KeyKind::Rsa(2048), 0).pem();
    let lines_of_key: Vec<&str> = key.lines().collect();
    let damaged = [&lines_of_key[1..6], &lines_of_key[9..]]
        .concat()
        .join("\n");
    let material = read(damaged.as_bytes());
    let found = only(&material);
    assert_eq!(
        (found.finding.code, found.expected),
        (Code::Truncated, Expected::Key)
    );
    assert_eq!(lines(found).0, 1);
}
