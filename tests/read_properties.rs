//! Whatever mix of repairable damage came over a pile, the same is read; whatever bytes come,
//! the reader stays within them.

mod common;

use std::sync::LazyLock;

use common::pile::{Pile, contents, lines, read};
use fullchain::{Code, Material, Origin};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

static PILE: LazyLock<Pile> = LazyLock::new(Pile::of_a_site);

/// How each line is changed.
type Line = fn(usize, &str) -> String;

const MARKERS: &[fn(&str) -> String] = &[
    |line| line.to_owned(),
    |line| line.replace("-----", "----"),
    |line| line.replace("-----", "------"),
    |line| line.replace("-----", "\u{2014}\u{2013}"),
    |line| line.replace("-----B", "B").replace("-----E", "E"),
    |line| line.to_lowercase(),
    |line| line.replace("-----", "--\u{200b}-"),
    |line| line.replace(' ', "  "),
];

const PREFIXES: &[Line] = &[
    |_, line| line.to_owned(),
    |_, line| format!("    {line}"),
    |_, line| format!("> {line}"),
    |_, line| format!(">{line}"),
    |_, line| format!("# {line}"),
    |number, line| format!("{number:6}\t{line}"),
    |number, line| format!("site.pem:{number}:{line}"),
    |_, line| format!("web_1  | {line}"),
    |_, line| format!("\"{line}\","),
    |_, line| format!("| {line} |"),
    |_, line| format!("{line}  "),
    |_, line| format!("{line}$"),
    |_, line| format!("\u{1b}[32m{line}\u{1b}[m"),
    |_, line| format!("{line}\n"),
];

const ENCODINGS: &[fn(&str) -> String] = &[
    str::to_owned,
    |text| text.replace('\n', "\r\n"),
    |text| text.replace('\n', "\r"),
    |text| serde_json::to_string(text).expect("a string"),
    |text| {
        let once = serde_json::to_string(text).expect("a string");
        serde_json::to_string(&once).expect("a string")
    },
    |text| {
        text.replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D")
            .replace('\n', "%0A")
    },
    |text| text.replace('+', "&#43;").replace('\n', "<br>"),
    |text| text.replace('\n', "<br/>\r\n"),
    |text| text.replace('=', "=3D").replace('\n', "\r\n"),
];

const TRANSPORTS: &[fn(&str) -> Vec<u8>] = &[
    |text| text.into(),
    |text| format!("\u{feff}{text}").into(),
    |text| utf16(&format!("\u{feff}{text}")),
    utf16,
    |text| text.replace('M', "M\u{200b}").into(),
    |text| text.trim_end().into(),
    |text| {
        let pem = common::pki::pem_block("X", text.as_bytes());
        let body = pem.lines().filter(|line| !line.starts_with('-'));
        let body = body.map(|line| format!("    {line}\n"));
        format!(
            "data:\n  tls.pem: |\n{}kind: Secret\n",
            body.collect::<String>()
        )
        .into()
    },
];

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// One mix of damage, from the block outwards.
#[derive(Debug, Clone)]
struct Mix {
    columns: usize,
    padding_lost: bool,
    base64url: bool,
    doubled_begin: bool,
    header: bool,
    lost_end: Option<Index>,
    marker: Index,
    text_between: bool,
    joined: bool,
    prefix: Index,
    encoding: Index,
    transport: Index,
}

impl Mix {
    fn apply(&self, pile: &Pile) -> Vec<u8> {
        let mut text = String::new();
        let mut body = String::new();
        let lost = self.lost_end.map(|index| index.index(pile.blocks.len()));
        let mut block = 0;
        let marker = MARKERS[self.marker.index(MARKERS.len())];
        for line in pile.text.lines() {
            if line.starts_with("-----BEGIN") {
                if self.text_between {
                    text += "subject=CN = x, O = y\n\n";
                }
                text += &(marker(line) + "\n").repeat(1 + usize::from(self.doubled_begin));
                if self.header {
                    text += "Comment: mine\n\n";
                }
            } else if line.starts_with("-----END") {
                text += &self.body(&body);
                body.clear();
                if lost != Some(block) {
                    text += &marker(line);
                    text.push('\n');
                }
                block += 1;
            } else {
                body += line;
            }
        }
        if self.joined {
            text = text.replace("-----\n-----", "----------");
        }
        let prefix = PREFIXES[self.prefix.index(PREFIXES.len())];
        let lines = text.lines().enumerate();
        let text: String = lines
            .map(|(index, line)| prefix(index, line) + "\n")
            .collect();
        let text = ENCODINGS[self.encoding.index(ENCODINGS.len())](&text);
        TRANSPORTS[self.transport.index(TRANSPORTS.len())](&text)
    }

    fn body(&self, body: &str) -> String {
        let mut body = body.to_owned();
        if self.padding_lost {
            body = body.replace('=', "");
        }
        if self.base64url {
            body = body.replace('+', "-").replace('/', "_");
        }
        let lines = body.as_bytes().chunks(self.columns);
        lines
            .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
            .collect()
    }
}

fn mixes() -> impl Strategy<Value = Mix> {
    let flag = || proptest::bool::weighted(0.2);
    let columns = prop_oneof![Just(64), 1..200usize, Just(10_000)];
    let block = (columns, flag(), flag(), flag(), flag());
    let lost_end = proptest::option::weighted(0.2, any::<Index>());
    let rest = (
        lost_end,
        any::<Index>(),
        flag(),
        flag(),
        any::<[Index; 3]>(),
    );
    (block, rest).prop_map(|(block, rest)| {
        let (columns, padding_lost, base64url, doubled_begin, header) = block;
        let (lost_end, marker, text_between, joined, [prefix, encoding, transport]) = rest;
        Mix {
            columns,
            padding_lost,
            base64url,
            doubled_begin,
            header,
            lost_end,
            marker,
            text_between,
            joined,
            prefix,
            encoding,
            transport,
        }
    })
}

/// Pieces of which the reader makes something, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        &b"-----BEGIN CERTIFICATE-----"[..],
        b"-----END CERTIFICATE-----",
        b"-----BEGIN PRIVATE KEY-----\n",
        b"\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN",
        b"-----END ",
        b"BEGIN CERTIFICATE",
        b"Proc-Type: 4,ENCRYPTED\n",
        b"MIIB",
        b"MII",
        b"LS0tLS1CRUdJTi",
        b"-",
        b"-----",
        b"\n",
        b"\r",
        b"\r\n",
        b"\\n",
        b"\\",
        b"\\u00",
        b"%0A",
        b"%25",
        b"=3D",
        b"=\n",
        b"=0D=0A",
        b"&#10;",
        b"&amp;",
        b"<br>",
        b"<",
        b"^M",
        b"\x1b[",
        b"\x1b]",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xe2\x80\x93",
        b"\x30\x82\x01\x00",
        b"> ",
        b"  1\t",
        b"+",
        b" ",
        b"=",
    ])
    .prop_map(<[u8]>::to_vec);
    let slice = any::<(Index, Index)>().prop_map(|(from, length)| {
        let text = PILE.text.as_bytes();
        let from = from.index(text.len());
        let length = length.index(text.len() - from);
        text[from..from + length].to_vec()
    });
    let piece = prop_oneof![8 => known, 1 => slice, 2 => vec(any::<u8>(), 0..40)];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn origins(material: &Material) -> Vec<&Origin> {
    let unreadable = material
        .unreadable
        .iter()
        .map(|unreadable| &unreadable.finding);
    let findings = material.findings.iter().chain(unreadable);
    findings
        .filter_map(|finding| finding.origin.as_ref())
        .chain(material.certificates.iter().map(|item| item.origin()))
        .chain(material.keys.iter().map(|item| item.origin()))
        .chain(material.dh_parameters.iter().map(|item| item.origin()))
        .collect()
}

/// Reads, and holds the lines against those of the source.
fn check_lines(source: &[u8]) {
    let material = read(source);
    let count = |end: u8| source.iter().filter(|&&byte| byte == end).count() + 1;
    let most = count(b'\n').max(count(b'\r'));
    for origin in origins(&material) {
        let (first, last) = (origin.first_line(), origin.last_line());
        assert_eq!(first.is_some(), last.is_some(), "{origin}");
        if let (Some(first), Some(last)) = (first, last) {
            assert!(
                1 <= first && first <= last && last <= most,
                "{origin} of {most} lines"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mix_of_repairable_damage_gives_the_same(mix in mixes()) {
        let damaged = mix.apply(&PILE);
        let material = read(&damaged);
        prop_assert_eq!(
            contents(&material),
            PILE.contents(),
            "{}\n{:?}",
            String::from_utf8_lossy(&damaged),
            material
        );
        prop_assert!(material.unreadable.is_empty(), "{:?}", material.unreadable);
        check_lines(&damaged);
    }

    #[test]
    fn any_bytes_are_read_without_panic_and_within_their_lines(source in vec(any::<u8>(), 0..2_000)) {
        check_lines(&source);
    }

    #[test]
    fn any_pieces_are_read_without_panic_and_within_their_lines(source in pieces()) {
        check_lines(&source);
    }

    #[test]
    fn the_fast_and_the_tolerant_way_agree(order in Just((0..4).collect::<Vec<usize>>()).prop_shuffle(), text in "[a-z =:.]{0,30}") {
        let blocks: Vec<String> = order
            .iter()
            .map(|&index| {
                let block = &PILE.blocks[index];
                let lines = PILE.text.lines().skip(block.first - 1);
                let lines = lines.take(block.last + 1 - block.first);
                lines.map(|line| format!("{line}\n")).collect()
            })
            .collect();
        let clean = blocks.join(&format!("{text}\n"));
        // Two hyphens could be what is left of a marker.
        let fast = read(clean.as_bytes());
        let tolerant = read(format!("{clean}--\n").as_bytes());
        prop_assert_eq!(contents(&fast), contents(&tolerant));
        prop_assert_eq!(lines(&fast), lines(&tolerant));
        let said = |material: &Material| -> Vec<(Code, String)> {
            let findings = material.findings.iter();
            findings.map(|finding| (finding.code, finding.to_string())).collect()
        };
        prop_assert_eq!(said(&fast), said(&tolerant));
        prop_assert_eq!(fast.certificates.len() + fast.keys.len() + fast.dh_parameters.len(), 4);
    }
}
