//! BEGIN and END lines that are misspelt, joined, doubled or lost are restored.

mod common;

use common::pile::{Case, Pile, at_every_block, check, contents, findings, kept, lines, one, read};
use fullchain::Code;

/// The same finding for every block, at its last line.
fn at_every_end(pile: &Pile, code: Code) -> Vec<(Code, usize)> {
    pile.blocks.iter().map(|block| (code, block.last)).collect()
}

fn on_one_line(pile: &Pile, codes: &[Code]) -> Vec<(Code, usize)> {
    let codes = codes
        .iter()
        .flat_map(|&code| pile.blocks.iter().map(move |_| (code, 1)));
    codes.collect()
}

/// The pile without the lines for which this holds.
fn without(pile: &Pile, is_lost: impl Fn(usize) -> bool) -> String {
    let lines = pile.text.lines().enumerate();
    lines
        .filter(|(index, _)| !is_lost(index + 1))
        .map(|(_, line)| line.to_owned() + "\n")
        .collect()
}

#[test]
fn misspelt_markers_are_taken() {
    let pile = Pile::of_a_site();
    let misspelt: fn(&Pile) -> _ = |pile| at_every_block(pile, Code::MarkerSpelling);
    check(
        &pile,
        &[
            Case {
                name: "a hyphen lost on either side",
                damage: |text| text.replace("-----", "----").into(),
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "hyphens lost at the left",
                damage: |text| {
                    text.replace("-----BEGIN", "BEGIN")
                        .replace("-----END", "END")
                        .into()
                },
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "hyphens lost at the right",
                damage: |text| text.replace("-----\n", "\n").into(),
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "all hyphens lost",
                damage: |text| text.replace('-', "").into(),
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "a hyphen added on either side",
                damage: |text| text.replace("-----", "------").into(),
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "a hyphen added at the left",
                damage: |text| text.replace("-----BEGIN", "------BEGIN").into(),
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "em and en dashes of a word processor",
                damage: |text| text.replace("-----", "\u{2014}\u{2013}-").into(),
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "five en dashes",
                damage: |text| text.replace('-', "\u{2013}").into(),
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "an en dash of Windows-1252 in the END lines",
                damage: |text| {
                    let text = text.replace("-----END", "~--END").into_bytes();
                    text.into_iter()
                        .map(|byte| if byte == b'~' { 0x96 } else { byte })
                        .collect()
                },
                line: kept,
                findings: |pile| at_every_end(pile, Code::MarkerSpelling),
            },
            Case {
                name: "fullwidth hyphens",
                damage: |text| text.replace('-', "\u{ff0d}").into(),
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "lower case",
                damage: |text| {
                    text.lines()
                        .map(|line| match line.starts_with('-') {
                            true => line.to_lowercase() + "\n",
                            false => line.to_owned() + "\n",
                        })
                        .collect::<String>()
                        .into()
                },
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "spaces inside the hyphens",
                damage: |text| {
                    text.replace("-----BEGIN", "----- BEGIN")
                        .replace("-----\n", " -----\n")
                        .into()
                },
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "two spaces between the words",
                damage: |text| text.replace("BEGIN ", "BEGIN  ").into(),
                line: kept,
                findings: misspelt,
            },
            Case {
                name: "spaces after the markers",
                damage: |text| text.replace("-----\n", "-----  \t\n").into(),
                line: kept,
                findings: |_| vec![(Code::Whitespace, 1)],
            },
        ],
    );
}

#[test]
fn markers_broken_over_lines_are_taken() {
    let pile = Pile::of_a_site();
    for (name, text, begins) in [
        (
            "before the label",
            pile.text.replace("BEGIN ", "BEGIN\n"),
            1,
        ),
        (
            "in the label",
            pile.text.replace("IFICATE-", "IFI\nCATE-"),
            2,
        ),
        (
            "before the hyphens",
            pile.text.replace("-----\n", "\n-----\n"),
            2,
        ),
        (
            "in the hyphens",
            pile.text
                .replace("-----B", "---\n--B")
                .replace("E-----", "E--\n---"),
            2,
        ),
    ] {
        let material = read(text.as_bytes());
        assert_eq!(contents(&material), pile.contents(), "{name}");
        let second = lines(&material)[1].0;
        let clean = pile.blocks[1].first;
        assert!(
            second > clean && second <= clean + 2 * begins,
            "{name}: {second}"
        );
        for (code, _) in findings(&material) {
            assert_eq!(code, Code::MarkerSpelling, "{name}");
        }
    }
    for columns in [1, 2, 3, 7, 10, 20, 26] {
        let folded: String = pile
            .text
            .lines()
            .flat_map(|line| line.as_bytes().chunks(columns))
            .map(|piece| String::from_utf8_lossy(piece).into_owned() + "\n")
            .collect();
        let material = read(folded.as_bytes());
        assert_eq!(contents(&material), pile.contents(), "{columns} columns");
        assert_eq!(material.unreadable, [], "{columns} columns");
    }
}

#[test]
fn joined_markers_are_parted() {
    let pile = Pile::of_a_site();
    for (name, between) in [("hyphens", ""), ("a space", " "), ("lost hyphens", "<")] {
        let joined = match between {
            "<" => pile.text.replace("-----\n-----", "-------"),
            _ => pile
                .text
                .replace("-----\n-----", &format!("-----{between}-----")),
        };
        let material = read(joined.as_bytes());
        assert_eq!(contents(&material), pile.contents(), "{name}");
        // Every line that held two markers is said once.
        let owed: Vec<_> = (1..pile.blocks.len())
            .map(|block| (Code::JoinedMarkers, pile.blocks[block].first - block))
            .collect();
        let found: Vec<_> = findings(&material)
            .into_iter()
            .filter(|(code, _)| *code == Code::JoinedMarkers)
            .collect();
        assert_eq!(found, owed, "{name}");
        let spelling = findings(&material).len() - owed.len();
        assert_eq!(
            spelling > 0,
            between == "<",
            "{name}: {:?}",
            findings(&material)
        );
        for ((first, last), (index, block)) in lines(&material)
            .into_iter()
            .zip(pile.blocks.iter().enumerate())
        {
            assert_eq!(
                (first, last),
                (block.first - index, block.last - index),
                "{name}"
            );
        }
    }
}

#[test]
fn text_around_markers_and_lost_newlines_are_taken() {
    let pile = Pile::of_a_site();
    check(
        &pile,
        &[
            Case {
                name: "no final newline",
                damage: |text| text.trim_end().into(),
                line: kept,
                findings: |pile| {
                    let last = pile.blocks.last().expect("four blocks").last;
                    vec![(Code::NoFinalNewline, last)]
                },
            },
            Case {
                name: "no final newline, CR LF",
                damage: |text| text.trim_end().replace('\n', "\r\n").into(),
                line: kept,
                findings: |pile| {
                    let last = pile.blocks.last().expect("four blocks").last;
                    vec![(Code::NoFinalNewline, last), (Code::LineEndings, 1)]
                },
            },
            Case {
                name: "text before BEGIN",
                damage: |text| text.replace("-----BEGIN", "the file: -----BEGIN").into(),
                line: kept,
                findings: |pile| {
                    let mut owed = at_every_block(pile, Code::JoinedMarkers);
                    owed.push((Code::TextIgnored, 1));
                    owed
                },
            },
            Case {
                name: "text after END",
                damage: |text| {
                    text.replace("CATE-----\n-", "CATE-----CERT\n-")
                        .replace("KEY-----\n-", "KEY-----KEY\n-")
                        .into()
                },
                line: kept,
                findings: |pile| {
                    let blocks = pile.blocks.iter().take(3);
                    let joined = blocks.map(|block| (Code::JoinedMarkers, block.last));
                    joined
                        .chain([(Code::TextIgnored, pile.blocks[0].last)])
                        .collect()
                },
            },
            Case {
                name: "newlines lost",
                damage: |text| text.replace('\n', "").into(),
                line: one,
                findings: |pile| {
                    let mut owed = on_one_line(pile, &[Code::JoinedMarkers]);
                    owed.extend([(Code::LineLength, 1), (Code::NoFinalNewline, 1)]);
                    owed
                },
            },
            Case {
                name: "newlines made spaces",
                damage: |text| text.replace('\n', " ").into(),
                line: one,
                findings: |pile| {
                    let mut owed = on_one_line(pile, &[Code::JoinedMarkers]);
                    owed.extend([(Code::LineLength, 1), (Code::Whitespace, 1)]);
                    owed
                },
            },
            Case {
                name: "all white space lost",
                damage: |text| text.replace(['\n', ' '], "").into(),
                line: one,
                findings: |pile| {
                    let mut owed = on_one_line(pile, &[Code::JoinedMarkers, Code::MarkerSpelling]);
                    owed.extend([(Code::LineLength, 1), (Code::NoFinalNewline, 1)]);
                    owed
                },
            },
        ],
    );
}

#[test]
fn lost_begin_and_end_lines_are_restored() {
    let pile = Pile::of_a_site();
    // DH parameters cannot be told from an RSA public key without their label.
    let ends = pile.blocks[2].last;
    let text = without(&pile, |line| line > ends);
    let lines_of_text: Vec<&str> = text.split_inclusive("-----\n").collect();
    let blocks: Vec<String> = lines_of_text.chunks(2).map(<[&str]>::concat).collect();
    let site = Pile::new(&blocks.iter().map(String::as_str).collect::<Vec<_>>());
    for (index, block) in site.blocks.iter().enumerate() {
        // BEGIN lost.
        let material = read(without(&site, |line| line == block.first).as_bytes());
        assert_eq!(contents(&material), site.contents(), "BEGIN {index}");
        assert_eq!(findings(&material), [(Code::MissingBegin, block.first)]);
        let owed = (block.first, block.last - 2);
        assert!(
            lines(&material).contains(&owed),
            "{:?}, {owed:?}",
            lines(&material)
        );

        // END lost.
        let material = read(without(&site, |line| line == block.last).as_bytes());
        assert_eq!(contents(&material), site.contents(), "END {index}");
        assert_eq!(findings(&material), [(Code::MissingEnd, block.first)]);
        let owed = (block.first, block.last - 1);
        assert!(
            lines(&material).contains(&owed),
            "{:?}, {owed:?}",
            lines(&material)
        );
    }
    // END lost, and what follows is text rather than a block.
    let block = &site.blocks[1];
    let text: String = site
        .text
        .lines()
        .enumerate()
        .map(|(index, line)| match index + 1 == block.last {
            true => "\nCertificate:\n  Validity\n subject=CN = x, O = y\n\n".to_owned(),
            false => line.to_owned() + "\n",
        })
        .collect();
    let material = read(text.as_bytes());
    assert_eq!(contents(&material), site.contents());
    assert_eq!(
        findings(&material),
        [
            (Code::MissingEnd, block.first),
            (Code::TextIgnored, block.last + 1)
        ]
    );

    // END and BEGIN lost, so that two contents stand in one block.
    let second = &site.blocks[1];
    let material = read(
        without(&site, |line| {
            line == second.first || line + 1 == second.first
        })
        .as_bytes(),
    );
    assert_eq!(contents(&material), site.contents());
    assert_eq!(
        findings(&material),
        [
            (Code::MissingBegin, second.first - 1),
            (Code::MissingEnd, 1)
        ]
    );

    // All markers lost.
    let bare = without(&site, |line| {
        site.blocks
            .iter()
            .any(|block| line == block.first || line == block.last)
    });
    let material = read(bare.as_bytes());
    assert_eq!(contents(&material), site.contents());
    let owed: Vec<_> = site
        .blocks
        .iter()
        .enumerate()
        .map(|(index, block)| (Code::BareBase64, block.first - 2 * index))
        .collect();
    assert_eq!(findings(&material), owed);
}

#[test]
fn a_lost_begin_line_is_restored_within_prefixed_text() {
    let pile = Pile::of_a_site();
    let quoted: String = pile
        .text
        .lines()
        .skip(1)
        .map(|line| format!("> {line}\n"))
        .collect();
    let material = read(quoted.as_bytes());
    assert_eq!(contents(&material), pile.contents());
    assert_eq!(
        findings(&material),
        [(Code::MissingBegin, 1), (Code::LinePrefix, 2)]
    );
}

#[test]
fn doubled_markers_are_dropped() {
    let pile = Pile::of_a_site();
    let doubled = pile.text.replacen(
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n",
        1,
    );
    let material = read(doubled.as_bytes());
    assert_eq!(contents(&material), pile.contents());
    assert_eq!(findings(&material), [(Code::RepeatedMarker, 1)]);
    assert_eq!(lines(&material)[0], (2, pile.blocks[0].last + 1));

    let mismatch = pile.text.replacen("END CERTIFICATE", "END PRIVATE KEY", 1);
    let material = read(mismatch.as_bytes());
    assert_eq!(contents(&material), pile.contents());
    assert_eq!(
        findings(&material),
        [(Code::LabelMismatch, pile.blocks[0].last)]
    );
}
