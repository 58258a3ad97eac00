//! What stands around and between the lines of base64 is taken off, and the lines are put
//! together again.

mod common;

use common::pile::{Case, Pile, at_every_block, check, contents, findings, kept, lines, one, read};
use common::pki::self_signed_leaf;
use fullchain::Code;

/// What a line becomes, given its number and itself.
type EachLine = fn(usize, &str) -> String;

/// Each line, made into another.
fn each_line(text: &str, change: impl Fn(usize, &str) -> String) -> Vec<u8> {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| change(index + 1, line) + "\n")
        .collect::<String>()
        .into()
}

/// The bodies of the blocks, each as one string, made into other text.
fn each_body(text: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut changed = String::new();
    let mut body = String::new();
    for line in text.lines() {
        if line.starts_with("-----END") {
            changed += &change(&body);
            body.clear();
        }
        if line.starts_with('-') {
            changed += line;
            changed.push('\n');
        } else {
            body += line;
        }
    }
    changed.into()
}

fn wrapped(body: &str, columns: usize) -> String {
    let lines = body.as_bytes().chunks(columns);
    lines
        .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
        .collect()
}

#[test]
fn what_stands_before_the_lines_is_taken_off() {
    let pile = Pile::of_a_site();
    let cases: &[(&str, EachLine)] = &[
        ("indented, as in YAML", |_, line| format!("    {line}")),
        ("tabs", |_, line| format!("\t{line}")),
        ("quoted in a mail", |_, line| format!("> {line}")),
        ("quoted twice", |_, line| format!("> > {line}")),
        ("quoted without a space", |_, line| format!(">{line}")),
        ("commented out", |_, line| format!("# {line}")),
        ("commented out in C", |_, line| format!("// {line}")),
        ("added in a diff", |_, line| format!("+{line}")),
        ("removed in a diff", |_, line| format!("-{line}")),
        ("cat -n", |number, line| format!("{number:6}\t{line}")),
        ("grep -n", |number, line| format!("{number}:{line}")),
        ("grep -H", |_, line| format!("certs/site.pem:{line}")),
        ("grep -Hn", |number, line| {
            format!("certs/site.pem:{number}:{line}")
        }),
        ("an editor's numbers", |number, line| {
            format!("{number:4} | {line}")
        }),
        ("docker-compose logs", |_, line| format!("web_1  | {line}")),
        ("kubectl logs --prefix", |_, line| {
            format!("[pod/web-5d8f/app] {line}")
        }),
        ("syslog", |number, line| {
            format!(
                "Jan {:2} 12:0{}:07 host app[{number}]: {line}",
                number % 31,
                number % 9
            )
        }),
        ("a CI's log", |number, line| {
            format!("2026-01-01T00:00:{number:02}.1234567Z {line}")
        }),
    ];
    for &(name, change) in cases {
        let damaged = each_line(&pile.text, change);
        let material = read(&damaged);
        assert_eq!(contents(&material), pile.contents(), "{name}");
        assert_eq!(material.unreadable, [], "{name}");
        let found: Vec<_> = findings(&material)
            .into_iter()
            .filter(|(code, _)| *code != Code::TextIgnored)
            .collect();
        assert_eq!(found, [(Code::LinePrefix, 2)], "{name}");
        let owed: Vec<_> = pile
            .blocks
            .iter()
            .map(|block| (block.first, block.last))
            .collect();
        assert_eq!(lines(&material), owed, "{name}");
    }
    check(
        &pile,
        &[Case {
            name: "a quoted mail in CR LF whose blank lines lost the space",
            damage: |text| {
                let quoted = each_line(text, |_, line| format!("> {line}\n>"));
                String::from_utf8_lossy(&quoted)
                    .replace('\n', "\r\n")
                    .into()
            },
            line: |line| 2 * line - 1,
            findings: |_| {
                vec![
                    (Code::LineEndings, 1),
                    (Code::LinePrefix, 2),
                    (Code::BlankLines, 2),
                ]
            },
        }],
    );
}

#[test]
fn a_diff_gives_what_it_adds() {
    let old = Pile::of_a_site();
    let new = Pile::of_a_site();
    let mut diff = String::new();
    let bodies = |pile: &Pile| -> Vec<String> {
        let blocks = pile.text.split_inclusive("-----\n");
        blocks.map(str::to_owned).collect()
    };
    let change = |text: &str, sign: char| -> String {
        text.lines()
            .map(|line| match line.starts_with('-') {
                true if sign == '-' => String::new(),
                true => format!(" {line}\n"),
                false => format!("{sign}{line}\n"),
            })
            .collect()
    };
    for (old, new) in bodies(&old).iter().zip(&bodies(&new)) {
        diff += &change(old, '-');
        diff += &change(new, '+');
    }
    let material = read(diff.as_bytes());
    assert_eq!(contents(&material), new.contents(), "{diff}");
    let codes: Vec<_> = findings(&material)
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    for code in [Code::LinePrefix, Code::TextInBlock] {
        assert!(codes.contains(&code), "{codes:?}");
    }
}

#[test]
fn what_source_code_and_tables_put_around_lines_is_taken_off() {
    let pile = Pile::of_a_site();
    let cases: &[(&str, EachLine, &[Code])] = &[
        (
            "a C string",
            |_, line| format!("    \"{line}\\n\""),
            &[Code::EscapedCharacters, Code::StrayCharacters],
        ),
        (
            "Java",
            |_, line| format!("    + \"{line}\\n\""),
            &[Code::EscapedCharacters, Code::StrayCharacters],
        ),
        (
            "JavaScript",
            |_, line| format!("'{line}\\n' +"),
            &[Code::EscapedCharacters, Code::StrayCharacters],
        ),
        (
            "PHP",
            |_, line| format!(". '{line}' ."),
            &[Code::StrayCharacters],
        ),
        (
            "Visual Basic",
            |_, line| format!("\"{line}\" & _"),
            &[Code::StrayCharacters],
        ),
        (
            "a JSON list of lines",
            |_, line| format!("  \"{line}\","),
            &[Code::StrayCharacters],
        ),
        (
            "a shell's continued lines",
            |_, line| format!("{line}\\"),
            &[Code::StrayCharacters],
        ),
        (
            "cat -e",
            |_, line| format!("{line}$"),
            &[Code::StrayCharacters],
        ),
        (
            "cat -A of CR LF",
            |_, line| format!("{line}^M$"),
            &[Code::LineEndings, Code::StrayCharacters],
        ),
        (
            "a table",
            |_, line| format!("| {line} |"),
            &[Code::StrayCharacters],
        ),
        (
            "a box",
            |_, line| format!("\u{2502} {line} \u{2502}"),
            &[Code::InvisibleCharacters, Code::StrayCharacters],
        ),
        (
            "typographic quotes",
            |_, line| format!("\u{201c}{line}\u{201d}"),
            &[Code::InvisibleCharacters, Code::StrayCharacters],
        ),
    ];
    for &(name, change, codes) in cases {
        let material = read(&each_line(&pile.text, change));
        assert_eq!(contents(&material), pile.contents(), "{name}");
        assert_eq!(material.unreadable, [], "{name}");
        for (code, line) in findings(&material) {
            let owed = codes.contains(&code) || code == Code::LinePrefix;
            assert!(owed && line <= 2, "{name}: {code} in line {line}");
        }
        for &code in codes {
            let found = findings(&material);
            let said = found.iter().any(|(found, _)| *found == code);
            assert!(said, "{name}: {code}, {found:?}");
        }
        let owed: Vec<_> = pile
            .blocks
            .iter()
            .map(|block| (block.first, block.last))
            .collect();
        assert_eq!(lines(&material), owed, "{name}");
    }
}

#[test]
fn lines_of_any_length_are_taken() {
    let pile = Pile::of_a_site();
    for columns in [1, 2, 5, 60, 63, 65, 72, 76, 80, 10_000] {
        let damaged = each_body(&pile.text, |body| wrapped(body, columns));
        let material = read(&damaged);
        assert_eq!(contents(&material), pile.contents(), "{columns} columns");
        assert_eq!(
            findings(&material),
            [(Code::LineLength, 2)],
            "{columns} columns"
        );
    }
    // An indented file that a terminal wrapped at 68 columns.
    let damaged = each_line(&pile.text, |_, line| {
        wrapped(&format!("      {line}"), 68).trim_end().to_owned()
    });
    let material = read(&damaged);
    assert_eq!(contents(&material), pile.contents());
    assert_eq!(
        findings(&material),
        [(Code::LinePrefix, 2), (Code::LineLength, 2)]
    );
}

#[test]
fn blank_lines_and_spaces_in_blocks_are_dropped() {
    let pile = Pile::of_a_site();
    check(
        &pile,
        &[
            Case {
                name: "double spacing",
                damage: |text| text.replace('\n', "\n\n").into(),
                line: |line| 2 * line - 1,
                findings: |_| vec![(Code::BlankLines, 2)],
            },
            Case {
                name: "blank lines with spaces",
                damage: |text| text.replace('\n', "\n  \t\n").into(),
                line: |line| 2 * line - 1,
                findings: |_| vec![(Code::BlankLines, 2)],
            },
            Case {
                name: "spaces after the lines",
                damage: |text| each_line(text, |_, line| format!("{line} ")),
                line: kept,
                findings: |_| vec![(Code::Whitespace, 1)],
            },
            Case {
                name: "groups of four",
                damage: |text| {
                    each_line(text, |_, line| match line.starts_with('-') {
                        true => line.to_owned(),
                        false => wrapped(line, 4).trim_end().replace('\n', " "),
                    })
                },
                line: kept,
                findings: |_| vec![(Code::Whitespace, 2), (Code::LineLength, 2)],
            },
        ],
    );
    let apart = pile.text.replace("-----\n-----", "-----\n\n\n-----");
    let material = read(apart.as_bytes());
    assert_eq!(contents(&material), pile.contents());
    assert_eq!(findings(&material), []);
}

#[test]
fn variants_of_base64_are_taken() {
    let pile = Pile::of_a_site();
    let padded: fn(&Pile) -> Vec<(Code, usize)> = |pile| {
        let lines: Vec<&str> = pile.text.lines().collect();
        let ends = pile.blocks.iter().map(|block| block.last - 1);
        ends.filter(|&line| lines[line - 1].ends_with('='))
            .map(|line| (Code::Base64Padding, line))
            .collect()
    };
    assert!(!padded(&pile).is_empty());
    check(
        &pile,
        &[
            Case {
                name: "padding lost",
                damage: |text| text.replace('=', "").into(),
                line: kept,
                findings: padded,
            },
            Case {
                name: "padding doubled",
                damage: |text| text.replace('=', "==").into(),
                line: kept,
                findings: padded,
            },
            Case {
                name: "padding where there is none",
                damage: |text| {
                    text.replace('=', "")
                        .replace("\n-----END", "=====\n-----END")
                        .into()
                },
                line: kept,
                findings: |pile| {
                    let blocks = pile.blocks.iter();
                    blocks
                        .map(|block| (Code::Base64Padding, block.last - 1))
                        .collect()
                },
            },
            Case {
                name: "base64url",
                damage: |text| {
                    each_line(text, |_, line| match line.starts_with('-') {
                        true => line.to_owned(),
                        false => line.replace('+', "-").replace('/', "_"),
                    })
                },
                line: kept,
                findings: |pile| {
                    let line = pile.text.lines().position(|line| line.contains(['+', '/']));
                    vec![(Code::Base64Url, line.expect("one of thousands") + 1)]
                },
            },
        ],
    );
    // A plus sign at either end of a line cannot be told from a space that means nothing.
    let pile = (0..1_000)
        .map(|_| self_signed_leaf("www.example.com", false))
        .map(|leaf| Pile::new(&[&leaf.cert_pem, &leaf.key_pem]))
        .find(|pile| {
            let mut certificate = pile.text.lines().take(pile.blocks[0].last);
            let at_an_end = pile.text.contains("+\n") || pile.text.contains("\n+");
            !at_an_end && certificate.any(|line| line.contains('+'))
        })
        .expect("one in a thousand");
    let material = read(pile.text.replace('+', " ").as_bytes());
    assert_eq!(contents(&material), pile.contents());
    let codes: Vec<_> = findings(&material)
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    assert!(codes.contains(&Code::SpacesForPlus), "{codes:?}");
}

#[test]
fn the_last_hyphen_of_base64url_is_not_taken_for_the_markers() {
    let pile = (0..2_000)
        .map(|_| self_signed_leaf("www.example.com", false))
        .map(|leaf| Pile::new(&[&leaf.key_pem, &leaf.cert_pem]))
        .find(|pile| pile.text.contains("+\n-----END PRIVATE KEY-----\n"))
        .expect("one in a hundred");
    let url = |line: &str| line.replace('+', "-").replace('/', "_");
    for hyphens in ["----", "--", ""] {
        let damaged = each_line(&pile.text, |_, line| match line.strip_prefix("-----") {
            Some(marker) => format!("{hyphens}{marker}"),
            None => url(line),
        });
        let material = read(&damaged);
        assert_eq!(contents(&material), pile.contents(), "{hyphens}");
        let damaged = String::from_utf8(damaged).expect("ASCII");
        let lost = damaged.replace(&format!("{hyphens}END PRIVATE KEY-----\n"), "");
        let material = read(lost.as_bytes());
        assert_eq!(contents(&material), pile.contents(), "END lost, {hyphens}");
    }
}

#[test]
fn text_inside_blocks_is_dropped() {
    let pile = Pile::of_a_site();
    for (name, text) in [
        ("a pager's line", "--More--"),
        ("a pager's line with a percentage", "--More--(45%)"),
        ("another pager's", "lines 1-23/45 (END)"),
        ("a ruler", "----------"),
        ("a page header", "Page 2 of 3"),
        ("a comment", "# the intermediate, added on Monday"),
        ("a word", "Confidential"),
        ("an editor's line", "-- INSERT --"),
    ] {
        let damaged = each_line(&pile.text, |number, line| match number {
            4 => format!("{line}\n{text}"),
            _ => line.to_owned(),
        });
        let material = read(&damaged);
        assert_eq!(contents(&material), pile.contents(), "{name}");
        let found = findings(&material);
        assert!(found.contains(&(Code::TextInBlock, 5)), "{name}: {found:?}");
        assert_eq!(lines(&material)[0], (1, pile.blocks[0].last + 1), "{name}");
    }
}

#[test]
fn headers_of_rfc_1421_are_dropped() {
    let pile = Pile::of_a_site();
    check(
        &pile,
        &[Case {
            name: "headers",
            damage: |text| {
                text.replacen("-----\nMII", "-----\nComment: mine\nX-By: me\n\nMII", 1)
                    .into()
            },
            line: |line| if line == 1 { 1 } else { line + 3 },
            findings: |_| vec![(Code::PemHeaders, 2), (Code::BlankLines, 4)],
        }],
    );
}

#[test]
fn several_kinds_of_damage_at_once_are_undone() {
    let pile = Pile::of_a_site();
    check(
        &pile,
        &[
            Case {
                name: "YAML in JSON",
                damage: |text| {
                    let yaml = each_line(text, |_, line| format!("  {line}"));
                    serde_json::to_vec(&String::from_utf8_lossy(&yaml)).expect("a string")
                },
                line: one,
                findings: |_| {
                    vec![
                        (Code::EscapedCharacters, 1),
                        (Code::LinePrefix, 1),
                        (Code::StrayCharacters, 1),
                    ]
                },
            },
            Case {
                name: "UTF-16 in CR LF, quoted, numbered, in lower case",
                damage: |text| {
                    let text = each_line(text, |number, line| match line.starts_with('-') {
                        true => format!("> {number}: {}\r", line.to_lowercase()),
                        false => format!("> {number}: {line}\r"),
                    });
                    let text = String::from_utf8_lossy(&text).into_owned();
                    let marked = format!("\u{feff}{text}");
                    marked.encode_utf16().flat_map(u16::to_le_bytes).collect()
                },
                line: kept,
                findings: |pile| {
                    let mut owed = at_every_block(pile, Code::MarkerSpelling);
                    owed.extend([
                        (Code::Utf16, 1),
                        (Code::LineEndings, 1),
                        (Code::LinePrefix, 2),
                        (Code::TextIgnored, 1),
                    ]);
                    owed
                },
            },
        ],
    );
}
