//! What programs do to the characters of PEM is undone, and said once with the first line.

mod common;

use common::pile::{Case, Pile, at_every_block, check, findings, kept, one, read};
use fullchain::Code;

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

/// The text after its first block.
fn second_block(text: &str) -> usize {
    text.find("-----BEGIN CERTIFICATE-----\n")
        .and_then(|first| {
            text[first + 1..]
                .find("-----BEGIN ")
                .map(|at| first + 1 + at)
        })
        .expect("the pile has two blocks")
}

fn base64(bytes: &[u8]) -> String {
    let block = pem::encode_config(
        &pem::Pem::new("X", bytes),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    );
    block
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect()
}

fn percent_encoded(text: &str) -> String {
    text.replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
        .replace('\n', "%0A")
}

/// RFC 2045 section 6.7: lines of 76 characters.
fn quoted_printable(text: &str) -> String {
    let mut encoded = String::new();
    for line in text.lines() {
        let mut length = 0;
        for character in line.chars() {
            let piece = match character {
                '=' => "=3D".to_owned(),
                other => other.to_string(),
            };
            if length + piece.len() > 75 {
                encoded += "=\r\n";
                length = 0;
            }
            length += piece.len();
            encoded += &piece;
        }
        encoded += "\r\n";
    }
    encoded
}

#[test]
fn line_ends_of_other_systems_are_taken() {
    let pile = Pile::of_a_site();
    let line_endings: fn(&Pile) -> _ = |_| vec![(Code::LineEndings, 1)];
    check(
        &pile,
        &[
            Case {
                name: "CR LF",
                damage: |text| text.replace('\n', "\r\n").into(),
                line: kept,
                findings: line_endings,
            },
            Case {
                name: "CR",
                damage: |text| text.replace('\n', "\r").into(),
                line: kept,
                findings: line_endings,
            },
            Case {
                name: "CR CR LF, of a transfer in text mode of what was CR LF",
                damage: |text| text.replace('\n', "\r\r\n").into(),
                line: kept,
                findings: line_endings,
            },
            Case {
                name: "CR LF in the second block alone",
                damage: |text| {
                    let (first, rest) = text.split_at(second_block(text));
                    (first.to_owned() + &rest.replace('\n', "\r\n")).into()
                },
                line: kept,
                findings: |pile| vec![(Code::LineEndings, pile.blocks[1].first)],
            },
            Case {
                name: "as cat -v shows CR LF",
                damage: |text| text.replace('\n', "^M\n").into(),
                line: kept,
                findings: line_endings,
            },
            Case {
                name: "as an editor shows CR",
                damage: |text| text.replace('\n', "^M").into(),
                line: one,
                findings: line_endings,
            },
        ],
    );
}

#[test]
fn byte_order_marks_and_utf_16_are_taken() {
    let pile = Pile::of_a_site();
    let utf_16: fn(&Pile) -> _ = |_| vec![(Code::Utf16, 1)];
    check(
        &pile,
        &[
            Case {
                name: "a byte-order mark",
                damage: |text| format!("\u{feff}{text}").into(),
                line: kept,
                findings: |_| vec![(Code::ByteOrderMark, 1)],
            },
            Case {
                name: "a byte-order mark before each file that cat joined",
                damage: |text| text.replace("-----BEGIN", "\u{feff}-----BEGIN").into(),
                line: kept,
                findings: |pile| at_every_block(pile, Code::ByteOrderMark),
            },
            Case {
                name: "UTF-16 with a mark, little-endian",
                damage: |text| utf16(&format!("\u{feff}{text}"), u16::to_le_bytes),
                line: kept,
                findings: utf_16,
            },
            Case {
                name: "UTF-16 with a mark, big-endian, CR LF",
                damage: |text| {
                    let text = text.replace('\n', "\r\n");
                    utf16(&format!("\u{feff}{text}"), u16::to_be_bytes)
                },
                line: kept,
                findings: |_| vec![(Code::Utf16, 1), (Code::LineEndings, 1)],
            },
            Case {
                name: "UTF-16 without a mark, little-endian",
                damage: |text| utf16(text, u16::to_le_bytes),
                line: kept,
                findings: utf_16,
            },
            Case {
                name: "UTF-16 without a mark, big-endian",
                damage: |text| utf16(text, u16::to_be_bytes),
                line: kept,
                findings: utf_16,
            },
            Case {
                name: "UTF-16 appended by PowerShell",
                damage: |text| {
                    let (first, rest) = text.split_at(second_block(text));
                    [first.into(), utf16(rest, u16::to_le_bytes)].concat()
                },
                line: kept,
                findings: utf_16,
            },
            Case {
                name: "ASCII appended to UTF-16",
                damage: |text| {
                    let (first, rest) = text.split_at(second_block(text));
                    let first = utf16(&format!("\u{feff}{first}"), u16::to_le_bytes);
                    [first, rest.into()].concat()
                },
                line: kept,
                findings: utf_16,
            },
            Case {
                name: "UTF-16 with hyphens that a word processor made",
                damage: |text| utf16(&text.replace("-----", "\u{2014}\u{2013}"), u16::to_le_bytes),
                line: kept,
                findings: |pile| {
                    let mut owed = at_every_block(pile, Code::MarkerSpelling);
                    owed.push((Code::Utf16, 1));
                    owed
                },
            },
        ],
    );
}

#[test]
fn invisible_characters_are_dropped() {
    let pile = Pile::of_a_site();
    let invisible: fn(&Pile) -> _ = |_| vec![(Code::InvisibleCharacters, 1)];
    check(
        &pile,
        &[
            Case {
                name: "NUL after each line",
                damage: |text| text.replace('\n', "\0\n").into(),
                line: kept,
                findings: invisible,
            },
            Case {
                name: "zero-width spaces in the words",
                damage: |text| text.replace('M', "M\u{200b}\u{2060}\u{ad}").into(),
                line: kept,
                findings: |_| vec![(Code::InvisibleCharacters, 2)],
            },
            Case {
                name: "no-break spaces before each line",
                damage: |text| {
                    text.lines()
                        .map(|line| format!("\u{a0}\u{202f}{line}\n"))
                        .collect::<String>()
                        .into()
                },
                line: kept,
                findings: |_| vec![(Code::InvisibleCharacters, 2), (Code::LinePrefix, 2)],
            },
            Case {
                name: "no-break spaces of Latin-1 after each line",
                damage: |text| {
                    text.bytes()
                        .flat_map(|byte| match byte {
                            b'\n' => vec![0xa0, b'\n'],
                            _ => vec![byte],
                        })
                        .collect()
                },
                line: kept,
                findings: |_| vec![(Code::InvisibleCharacters, 1), (Code::Whitespace, 1)],
            },
            Case {
                name: "Ctrl-Z and padding at the end",
                damage: |text| format!("{text}\u{1a}\0\0\0").into(),
                line: kept,
                findings: |_| Vec::new(),
            },
            Case {
                name: "colours of a terminal",
                damage: |text| {
                    text.lines()
                        .map(|line| format!("\u{1b}[1;32m{line}\u{1b}[0m\u{1b}[K\n"))
                        .collect::<String>()
                        .into()
                },
                line: kept,
                findings: |_| vec![(Code::TerminalCodes, 1)],
            },
            Case {
                name: "a terminal's title and character set",
                damage: |text| {
                    format!("\u{1b}]0;cat x\u{7}\u{1b}(B{text}")
                        .replace('\n', "\u{1b}[m\n")
                        .into()
                },
                line: kept,
                findings: |_| vec![(Code::TerminalCodes, 1)],
            },
        ],
    );
}

#[test]
fn escapes_of_programs_are_decoded() {
    let pile = Pile::of_a_site();
    let escaped: fn(&Pile) -> _ = |_| vec![(Code::EscapedCharacters, 1)];
    let quoted: fn(&Pile) -> _ = |_| vec![(Code::EscapedCharacters, 1), (Code::StrayCharacters, 1)];
    check(
        &pile,
        &[
            Case {
                name: "a JSON string",
                damage: |text| serde_json::to_vec(text).expect("a string"),
                line: one,
                findings: quoted,
            },
            Case {
                name: "JSON of PHP, which escapes slashes",
                damage: |text| {
                    format!("\"{}\"", text.replace('/', "\\/").replace('\n', "\\n")).into()
                },
                line: one,
                findings: quoted,
            },
            Case {
                name: "JSON in JSON in JSON",
                damage: |text| {
                    let once = serde_json::to_string(text).expect("a string");
                    let twice = serde_json::to_string(&once).expect("a string");
                    serde_json::to_vec(&twice).expect("a string")
                },
                line: one,
                findings: quoted,
            },
            Case {
                name: "JSON whose encoder escapes the equals sign, and CR LF",
                damage: |text| {
                    format!(
                        "\"{}\"",
                        text.replace('=', "\\u003d").replace('\n', "\\r\\n")
                    )
                    .into()
                },
                line: one,
                findings: quoted,
            },
            Case {
                name: "a member of a JSON object",
                damage: |text| {
                    let value = serde_json::json!({ "tls.pem": text });
                    serde_json::to_vec_pretty(&value).expect("an object")
                },
                line: |_| 2,
                findings: |_| {
                    vec![
                        (Code::JoinedMarkers, 2),
                        (Code::EscapedCharacters, 2),
                        (Code::TextIgnored, 2),
                    ]
                },
            },
            Case {
                name: "a variable in an environment file",
                damage: |text| format!("TLS_PEM=\"{}\"\n", text.replace('\n', "\\n")).into(),
                line: one,
                findings: |_| {
                    vec![
                        (Code::JoinedMarkers, 1),
                        (Code::EscapedCharacters, 1),
                        (Code::TextIgnored, 1),
                    ]
                },
            },
            Case {
                name: "hexadecimal escapes",
                damage: |text| text.replace('\n', "\\x0a").replace('+', "\\x2b").into(),
                line: one,
                findings: escaped,
            },
            Case {
                name: "a Java properties file",
                damage: |text| text.replace('\n', "\\n\\\n").into(),
                line: kept,
                findings: escaped,
            },
            Case {
                name: "Markdown's escapes",
                damage: |text| {
                    text.replace('-', "\\-")
                        .replace('+', "\\+")
                        .replace('=', "\\=")
                        .into()
                },
                line: kept,
                findings: escaped,
            },
            Case {
                name: "bash's printf %q",
                damage: |text| text.replace(' ', "\\ ").replace('=', "\\=").into(),
                line: kept,
                findings: escaped,
            },
            Case {
                name: "rich text",
                damage: |text| text.replace('\n', "\\par\r\n").into(),
                line: kept,
                findings: |_| vec![(Code::LineEndings, 1), (Code::EscapedCharacters, 1)],
            },
        ],
    );
}

#[test]
fn encodings_of_mail_and_web_are_decoded() {
    let pile = Pile::of_a_site();
    let percent: fn(&Pile) -> _ = |_| vec![(Code::PercentEncoding, 1)];
    let html: fn(&Pile) -> _ = |_| vec![(Code::HtmlMarkup, 1)];
    check(
        &pile,
        &[
            Case {
                name: "nginx's $ssl_client_escaped_cert",
                damage: |text| percent_encoded(text).replace(' ', "%20").into(),
                line: one,
                findings: percent,
            },
            Case {
                name: "percent-encoded twice",
                damage: |text| percent_encoded(text).replace('%', "%25").into(),
                line: one,
                findings: percent,
            },
            Case {
                name: "percent-encoded in lower case, CR LF",
                damage: |text| {
                    let text = percent_encoded(text).replace("%0A", "%0d%0a");
                    text.replace("%2B", "%2b").replace("%2F", "%2f").into()
                },
                line: one,
                findings: percent,
            },
            Case {
                name: "a form's value",
                damage: |text| percent_encoded(text).replace(' ', "+").into(),
                line: one,
                findings: |pile| {
                    let spelling = pile.blocks.iter().map(|_| (Code::MarkerSpelling, 1));
                    spelling.chain([(Code::PercentEncoding, 1)]).collect()
                },
            },
            Case {
                name: "quoted-printable",
                damage: |text| quoted_printable(text).into(),
                line: kept,
                findings: |pile| {
                    let padded = pile.text.lines().position(|line| line.ends_with('='));
                    let block = pile
                        .blocks
                        .iter()
                        .find(|block| padded.is_some_and(|line| block.last > line));
                    let line = padded.expect("some block is padded") + 1;
                    assert!(block.is_some());
                    vec![(Code::LineEndings, 1), (Code::QuotedPrintable, line)]
                },
            },
            Case {
                name: "lines of a page",
                damage: |text| format!("<pre>{}</pre>\n", text.replace('\n', "<br />\n")).into(),
                line: kept,
                findings: html,
            },
            Case {
                name: "lines of a page on one line",
                damage: |text| text.replace('\n', "<br>").into(),
                line: one,
                findings: html,
            },
            Case {
                name: "paragraphs of a page",
                damage: |text| {
                    text.lines()
                        .map(|line| format!("<p class=\"x\">{line}</p>\n"))
                        .collect::<String>()
                        .into()
                },
                line: kept,
                findings: html,
            },
            Case {
                name: "character references",
                damage: |text| {
                    text.replace('+', "&#43;")
                        .replace('/', "&#x2F;")
                        .replace('=', "&equals;")
                        .replace(' ', "&nbsp;")
                        .into()
                },
                line: kept,
                findings: html,
            },
            Case {
                name: "character references escaped again",
                damage: |text| text.replace('-', "&amp;#45;").into(),
                line: kept,
                findings: html,
            },
        ],
    );
}

#[test]
fn soft_line_breaks_of_quoted_printable_are_undone() {
    let pile = Pile::of_a_site();
    let long: String = pile
        .text
        .replace("-----\n", "-----;")
        .replace("\n-----", ";-----")
        .replace('\n', "")
        .replace(';', "\n");
    let material = read(quoted_printable(&long).as_bytes());
    assert_eq!(common::pile::contents(&material), pile.contents());
    assert_eq!(
        findings(&material),
        [
            (Code::LineEndings, 1),
            (Code::QuotedPrintable, 2),
            (Code::LineLength, 2)
        ]
    );
}

#[test]
fn pem_in_base64_once_more_is_read() {
    let pile = Pile::of_a_site();
    let wrapped = |source: String, lines: (usize, usize)| {
        let material = read(source.as_bytes());
        assert_eq!(
            common::pile::contents(&material),
            pile.contents(),
            "{source}"
        );
        assert_eq!(common::pile::lines(&material), [lines; 4], "{source}");
        findings(&material)
    };
    let values = format!("site:\n  tls:\n    pem: {}\n", base64(pile.text.as_bytes()));
    let text = (Code::TextIgnored, 1);
    assert_eq!(wrapped(values, (3, 3)), [(Code::Base64Wrapped, 3), text]);

    let folded: Vec<String> = base64(pile.text.as_bytes())
        .as_bytes()
        .chunks(76)
        .map(|line| format!("    {}\n", String::from_utf8_lossy(line)))
        .collect();
    let last = folded.len() + 1;
    let folded = format!("data:\n{}", folded.concat());
    assert_eq!(wrapped(folded, (2, last)), [(Code::Base64Wrapped, 2), text]);

    for lead in ["# a comment\n", "# a comment.\n", "# a comment..\n"] {
        let inner = lead.to_owned() + &pile.text;
        let found = wrapped(base64(inner.as_bytes()), (1, 1));
        assert_eq!(found, [(Code::Base64Wrapped, 1), text]);
    }

    // `certutil -encode` of a file that is PEM already.
    let again = common::pki::pem_block("CERTIFICATE", pile.text.replace('\n', "\r\n").as_bytes());
    let last = again.lines().count();
    assert_eq!(
        wrapped(again, (1, last)),
        [(Code::LineEndings, 1), (Code::Base64Wrapped, 1)]
    );
}
