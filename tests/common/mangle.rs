//! Random edits of PEM: of its bytes, of its lines, and of the DER in it.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::der::der;
use super::pki::pem_block;

/// What is put in somewhere, or in the place of something.
const TEXTS: [&[u8]; 34] = [
    b" ",
    b"  ",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xa0",
    b"\xff",
    b"\x7f",
    b"\x0b",
    b"-",
    b"--",
    b"-----",
    b"=",
    b"==",
    b"===",
    b"====",
    b":",
    b"a: b\n",
    b"a:\n\n",
    b"a: b\n\n",
    b"12345678:\n\n",
    b"123456789:\n\n",
    b"Comment: x\n",
    b"Proc-Type: 4,CLEAR\n\n",
    b"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n",
    b"some text\n",
    b"AAAA",
    b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    b"-----BEGIN FOO-----\nAAA\n-----END FOO-----\n",
    b"-----END CERTIFICATE-----\n",
];

const LABELS: [&str; 12] = [
    "CERTIFICATE",
    "X509 CERTIFICATE",
    "TRUSTED CERTIFICATE",
    "PRIVATE KEY",
    "EC PRIVATE KEY",
    "RSA PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "DSA PRIVATE KEY",
    "FOO",
    "CERTIFICATE ",
    "",
    "Certificate",
];

/// One edit; what it names by an index is there, or nothing happens.
#[derive(Clone, Debug)]
pub enum Edit {
    Remove(Spot),
    Insert(Spot, Vec<u8>),
    Replace(Spot, Vec<u8>),
    RemoveLine(Index),
    DoubleLine(Index),
    JoinLine(Index),
    /// Filled to this length with that byte.
    LongLine(Index, usize, u8),
    /// The body of a block, in lines of that length.
    Fold(Index, usize),
    /// Behind a BEGIN line.
    Header(Index, Vec<u8>),
    Label(Index, &'static str),
    Truncate(Index),
    Base64(Index, Index, u8),
    Der(Index, DerEdit),
}

/// A place in the text.
#[derive(Clone, Debug)]
pub enum Spot {
    Anywhere(Index),
    LineStart(Index),
    LineEnd(Index),
}

#[derive(Clone, Debug)]
pub enum DerEdit {
    /// The bits of one byte; the first so many bytes only, if a number is given.
    Flip(Index, u8, Option<usize>),
    Append(Vec<u8>),
    Cut(Index),
    /// One structure of those that are in one another, with all lengths made right again.
    Node(Index, NodeEdit),
}

#[derive(Clone, Debug)]
pub enum NodeEdit {
    Tag(u8),
    Remove,
    Double,
    Shorten(usize),
    Lengthen(Vec<u8>),
    Prefix(Vec<u8>),
    First(u8),
    Last(u8),
}

impl Edit {
    pub fn any() -> impl Strategy<Value = Edit> {
        let text = || {
            prop_oneof![
                3 => select(&TEXTS[..]).prop_map(<[u8]>::to_vec),
                1 => any::<u8>().prop_map(|byte| vec![byte]),
            ]
        };
        let index = any::<Index>;
        prop_oneof![
            1 => Spot::any().prop_map(Edit::Remove),
            4 => (Spot::any(), text()).prop_map(|(at, text)| Edit::Insert(at, text)),
            2 => (Spot::any(), text()).prop_map(|(at, text)| Edit::Replace(at, text)),
            1 => index().prop_map(Edit::RemoveLine),
            1 => index().prop_map(Edit::DoubleLine),
            1 => index().prop_map(Edit::JoinLine),
            2 => (index(), line_length(), select(&b" A\t\xa0:="[..]))
                .prop_map(|(line, length, fill)| Edit::LongLine(line, length, fill)),
            2 => (index(), line_length()).prop_map(|(block, length)| Edit::Fold(block, length)),
            2 => (index(), text()).prop_map(|(block, text)| Edit::Header(block, text)),
            1 => (index(), select(&LABELS[..])).prop_map(|(at, label)| Edit::Label(at, label)),
            1 => index().prop_map(Edit::Truncate),
            2 => (index(), index(), any::<u8>()).prop_map(|(block, at, to)| Edit::Base64(block, at, to)),
            9 => (index(), DerEdit::any()).prop_map(|(block, edit)| Edit::Der(block, edit)),
        ]
    }

    pub fn apply(&self, text: &mut Vec<u8>) {
        match self {
            Edit::Remove(spot) => {
                let at = spot.find(text);
                text.drain(at..(at + 1).min(text.len()));
            }
            Edit::Insert(spot, new) => {
                let at = spot.find(text);
                text.splice(at..at, new.iter().copied());
            }
            Edit::Replace(spot, new) => {
                let at = spot.find(text);
                let end = (at + 1).min(text.len());
                text.splice(at..end, new.iter().copied());
            }
            Edit::Truncate(at) => text.truncate(at.index(text.len() + 1)),
            Edit::RemoveLine(at) => in_line(text, at, |_| Vec::new()),
            Edit::DoubleLine(at) => in_line(text, at, |line| line.repeat(2)),
            Edit::JoinLine(at) => in_line(text, at, |line| {
                line.strip_suffix(b"\n").unwrap_or(line).to_vec()
            }),
            Edit::LongLine(at, length, fill) => in_line(text, at, |line| {
                let mut line = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
                line.resize(line.len().max(*length), *fill);
                [&line[..], b"\n"].concat()
            }),
            Edit::Fold(block, length) => in_block(text, block, |block| {
                let (begin, rest) = block.split_at(line_end(block));
                let end = rest.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
                let end = rest[..end].iter().rposition(|&byte| byte == b'\n');
                let (body, end) = rest.split_at(end.map_or(0, |at| at + 1));
                let body: Vec<u8> = body.iter().copied().filter(|&it| it != b'\n').collect();
                let lines = body.chunks(*length).flat_map(|line| [line, b"\n"]);
                [&[begin], &lines.collect::<Vec<_>>()[..], &[end]]
                    .concat()
                    .concat()
            }),
            Edit::Header(block, header) => in_block(text, block, |block| {
                let (begin, rest) = block.split_at(line_end(block));
                [begin, header, rest].concat()
            }),
            Edit::Label(at, label) => {
                let marks: Vec<_> = [&b"-----BEGIN "[..], b"-----END "]
                    .into_iter()
                    .flat_map(|mark| finds(text, mark).into_iter().map(|at| at + mark.len()))
                    .collect();
                let Some(&begin) = pick(&marks, at) else {
                    return;
                };
                let end = finds(&text[begin..], b"-----").first().map(|at| begin + at);
                text.splice(begin..end.unwrap_or(begin), label.bytes());
            }
            Edit::Base64(block, at, to) => in_block(text, block, |block| {
                const ALPHABET: &[u8] =
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
                let mut block = block.to_vec();
                let begin = line_end(&block);
                let at = begin + at.index(block.len() - begin + 1);
                if block.get(at).is_some_and(u8::is_ascii_alphanumeric) {
                    block[at] = ALPHABET[usize::from(*to) % ALPHABET.len()];
                }
                block
            }),
            Edit::Der(block, edit) => in_block(text, block, |block| {
                let Ok(pem) = pem::parse(block) else {
                    return block.to_vec();
                };
                pem_block(pem.tag(), &edit.apply(pem.contents())).into()
            }),
        }
    }
}

impl Spot {
    fn any() -> impl Strategy<Value = Spot> {
        prop_oneof![
            any::<Index>().prop_map(Spot::Anywhere),
            any::<Index>().prop_map(Spot::LineStart),
            any::<Index>().prop_map(Spot::LineEnd),
        ]
    }

    fn find(&self, text: &[u8]) -> usize {
        match self {
            Spot::Anywhere(at) => at.index(text.len() + 1),
            Spot::LineStart(at) => pick(&lines(text), at).map_or(0, |line| line.0),
            Spot::LineEnd(at) => pick(&lines(text), at).map_or(0, |line| line.1 - 1),
        }
    }
}

impl DerEdit {
    fn any() -> impl Strategy<Value = DerEdit> {
        let bytes = || {
            prop_oneof![
                Just(vec![0]),
                Just(vec![5, 0]),
                Just(vec![0, 0]),
                prop::collection::vec(any::<u8>(), 1..4),
            ]
        };
        // Those with meanings, and any.
        let byte = || {
            prop_oneof![
                select(
                    &[
                        0, 1, 2, 3, 4, 5, 6, 0xc, 0x13, 0x17, 0x18, 0x30, 0x31, 0x80, 0xa0, 0xff
                    ][..]
                ),
                any::<u8>(),
            ]
        };
        let node = prop_oneof![
            byte().prop_map(NodeEdit::Tag),
            Just(NodeEdit::Remove),
            Just(NodeEdit::Double),
            (1_usize..16).prop_map(NodeEdit::Shorten),
            bytes().prop_map(NodeEdit::Lengthen),
            bytes().prop_map(NodeEdit::Prefix),
            byte().prop_map(NodeEdit::First),
            byte().prop_map(NodeEdit::Last),
        ];
        let span = select(&[Some(45), Some(120), None][..]);
        prop_oneof![
            3 => (any::<Index>(), 1_u8.., span).prop_map(|(at, bits, of)| DerEdit::Flip(at, bits, of)),
            1 => bytes().prop_map(DerEdit::Append),
            1 => any::<Index>().prop_map(DerEdit::Cut),
            6 => (any::<Index>(), node).prop_map(|(at, edit)| DerEdit::Node(at, edit)),
        ]
    }

    fn apply(&self, whole: &[u8]) -> Vec<u8> {
        let mut changed = whole.to_vec();
        match self {
            DerEdit::Flip(at, bits, span) => {
                let span = span.unwrap_or(usize::MAX).min(changed.len());
                if span > 0 {
                    changed[at.index(span)] ^= bits;
                }
            }
            DerEdit::Append(bytes) => changed.extend(bytes),
            DerEdit::Cut(at) => changed.truncate(at.index(changed.len() + 1)),
            DerEdit::Node(at, edit) => {
                let count = nodes(whole).unwrap_or(0);
                if count > 0 {
                    changed = edited(whole, &mut at.index(count), edit);
                }
            }
        }
        changed
    }
}

/// Tag, contents and what follows; DER and tags of one byte only.
fn value(values: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = values.split_first()?;
    let (&form, rest) = rest.split_first()?;
    let (length, rest) = match form {
        ..0x80 => (usize::from(form), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(form & 0x7f).min(4))?;
            let digits = digits.iter();
            (
                digits.fold(0, |length, &digit| length << 8 | usize::from(digit)),
                rest,
            )
        }
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// How many structures there are; `None` when these bytes are none.
fn nodes(mut values: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !values.is_empty() {
        let (tag, contents, rest) = value(values)?;
        count += 1 + nodes_within(tag, contents);
        values = rest;
    }
    Some(count)
}

fn nodes_within(tag: u8, contents: &[u8]) -> usize {
    match tag {
        // An OCTET STRING may hold a key.
        0x04 if contents.first() == Some(&0x30) => nodes(contents).unwrap_or(0),
        _ if tag & 0x20 != 0 => nodes(contents).unwrap_or(0),
        _ => 0,
    }
}

fn edited(mut values: &[u8], at: &mut usize, edit: &NodeEdit) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some((tag, contents, rest)) = value(values) {
        let node = &values[..values.len() - rest.len()];
        let within = nodes_within(tag, contents);
        match *at {
            0 => {
                all.extend(edit.apply(tag, contents));
                all.extend(rest);
                *at = usize::MAX;
                return all;
            }
            // It is in here.
            it if it <= within => {
                *at -= 1;
                all.extend(der(tag, &[&edited(contents, at, edit)]));
                all.extend(rest);
                return all;
            }
            _ => {
                all.extend(node);
                *at -= 1 + within;
            }
        }
        values = rest;
    }
    all
}

impl NodeEdit {
    fn apply(&self, tag: u8, contents: &[u8]) -> Vec<u8> {
        let mut changed = contents.to_vec();
        match self {
            NodeEdit::Tag(tag) => return der(*tag, &[contents]),
            NodeEdit::Remove => return Vec::new(),
            NodeEdit::Double => return der(tag, &[contents]).repeat(2),
            NodeEdit::Shorten(by) => changed.truncate(contents.len().saturating_sub(*by)),
            NodeEdit::Lengthen(bytes) => changed.extend(bytes),
            NodeEdit::Prefix(bytes) => changed = [bytes, contents].concat(),
            NodeEdit::First(byte) => {
                if let Some(first) = changed.first_mut() {
                    *first = *byte;
                }
            }
            NodeEdit::Last(byte) => {
                if let Some(last) = changed.last_mut() {
                    *last = *byte;
                }
            }
        }
        der(tag, &[&changed])
    }
}

fn line_length() -> impl Strategy<Value = usize> {
    prop_oneof![
        select(&[1, 3, 4, 63, 64, 65, 76, 80][..]),
        250_usize..260,
        500_usize..515,
        Just(1000),
    ]
}

fn pick<'a, T>(all: &'a [T], at: &Index) -> Option<&'a T> {
    (!all.is_empty()).then(|| at.get(all))
}

fn finds(text: &[u8], part: &[u8]) -> Vec<usize> {
    let windows = text.windows(part.len()).enumerate();
    windows
        .filter(|(_, it)| *it == part)
        .map(|(at, _)| at)
        .collect()
}

/// Where lines start and where they end, behind their newline.
fn lines(text: &[u8]) -> Vec<(usize, usize)> {
    let mut start = 0;
    text.split_inclusive(|&byte| byte == b'\n')
        .map(|line| {
            start += line.len();
            (start - line.len(), start)
        })
        .collect()
}

fn line_end(text: &[u8]) -> usize {
    lines(text).first().map_or(0, |line| line.1)
}

fn in_line(text: &mut Vec<u8>, at: &Index, change: impl Fn(&[u8]) -> Vec<u8>) {
    if let Some(&(start, end)) = pick(&lines(text), at) {
        let new = change(&text[start..end]);
        text.splice(start..end, new);
    }
}

/// From a BEGIN to the end of the line of the next END.
fn in_block(text: &mut Vec<u8>, at: &Index, change: impl Fn(&[u8]) -> Vec<u8>) {
    let begins = finds(text, b"-----BEGIN ");
    let Some(&begin) = pick(&begins, at) else {
        return;
    };
    let Some(&end) = finds(&text[begin..], b"-----END ").first() else {
        return;
    };
    let end = begin + end + line_end(&text[begin + end..]);
    let new = change(&text[begin..end]);
    text.splice(begin..end, new);
}
