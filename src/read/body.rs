//! The tolerant way, third step: the base64 between two markers, whatever stands around it.

use zeroize::Zeroizing;

use super::around::{Prefix, is_blank, unwrap};
use super::base64::{self, Secrecy, is_base64};
use super::classify::stated_length;
use super::text::Text;
use crate::finding::Code;

/// A line of a body, once prefix and wrapping are taken off.
struct Line {
    /// Its place in the text.
    from: usize,
    to: usize,
    /// Whether it has spaces inside.
    spaced: bool,
    /// Whether it has characters that only base64url has.
    url: bool,
}

/// The first character in a body that cannot be base64.
#[derive(Clone, Copy)]
pub(super) struct Stray {
    pub(super) place: usize,
    pub(super) character: char,
}

/// How far a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// To where it was said, which is an END line.
    Closed,
    /// As far as the length goes that the content states: there is no END line.
    Open,
}

/// What the lines between two markers amount to.
pub(super) struct Body<'a> {
    text: &'a Text,
    lines: Vec<Line>,
    /// Repairs by code and line.
    pub(super) repairs: Vec<(Code, usize)>,
    /// Lines that are no base64, the first of them.
    pub(super) stray: Option<Stray>,
    /// What `DEK-Info` says, if headers as of RFC 1421 say that the content is encrypted.
    pub(super) encryption: Option<String>,
    /// Where in the text the content ends by the length that it states.
    pub(super) content_end: Option<usize>,
    measure: Measure,
    prefix: Prefix<'a>,
}

/// How to take the lines. The first way whose result makes sense is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Spaces inside lines are dropped.
    Plain,
    /// Spaces inside lines were plus signs.
    SpacesArePlus,
    /// Lines that differ from the others are text.
    OddLinesAreText,
    /// Lines with a hyphen before them were removed, those with a plus sign added.
    Diff,
}

impl Way {
    pub(super) const ALL: [Self; 4] = [
        Self::Plain,
        Self::SpacesArePlus,
        Self::OddLinesAreText,
        Self::Diff,
    ];
}

impl<'a> Body<'a> {
    /// Takes the text from `from` to `to` apart; `before` is what precedes BEGIN on its line.
    pub(super) fn new(
        text: &'a Text,
        (from, to): (usize, usize),
        before: &'a [u8],
        extent: Extent,
    ) -> Self {
        let bytes = text.bytes().get(from..to).unwrap_or_default();
        let mut body = Self {
            text,
            lines: Vec::new(),
            repairs: Vec::new(),
            stray: None,
            encryption: None,
            content_end: None,
            measure: Measure::default(),
            prefix: Prefix::find(before, bytes),
        };
        let mut at = from;
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if extent == Extent::Open && body.content_end.is_some() {
                break;
            }
            // What follows BEGIN on its own line has no prefix.
            let stripped = match number {
                0 => line,
                _ => body.prefix.strip(line),
            };
            let offset = at + (line.len() - stripped.len());
            if number == 0 || at + line.len() == to {
                body.edge(stripped, offset);
            } else {
                if stripped.len() < line.len() {
                    body.note(Code::LinePrefix, at);
                }
                body.line(stripped, offset);
            }
            at += line.len() + 1;
        }
        if let (Extent::Open, Some(end), Some(last)) =
            (extent, body.content_end, body.lines.last_mut())
        {
            last.to = end;
        }
        body.note_length();
        body
    }

    /// The first and the last line are those of the markers, and mostly empty.
    fn edge(&mut self, line: &[u8], at: usize) {
        let content = line.trim_ascii();
        // Hyphens alone are a marker's that somebody added.
        if unwrap(content).iter().any(|&byte| byte != b'-') {
            self.line(content, at + offset_in(line, content));
        }
    }

    fn note(&mut self, code: Code, at: usize) {
        if !self.repairs.iter().any(|(known, _)| *known == code) {
            self.repairs.push((code, self.text.line_at(at)));
        }
    }

    fn note_length(&mut self) {
        let Some((last, inner)) = self.lines.split_last() else {
            return;
        };
        let content = self.bytes(last).trim_ascii_end();
        let padding = content.iter().rev().take_while(|&&byte| byte == b'=');
        let proper = inner.iter().all(|line| line.to - line.from == 64)
            && content.len() - padding.count() <= 64;
        if !proper {
            let at = self.lines.first().map_or(0, |line| line.from);
            self.note(Code::LineLength, at);
        }
    }

    fn line(&mut self, line: &[u8], at: usize) {
        let trimmed = line.trim_ascii();
        let unwrapped = unwrap(trimmed);
        let from = at + offset_in(line, unwrapped);
        // RFC 1421 section 4.4 wants a blank line after the headers.
        if trimmed.is_empty() && self.lines.is_empty() && self.encryption.is_some() {
            return;
        }
        if unwrapped.is_empty() {
            let code = match trimmed.is_empty() {
                true => Code::BlankLines,
                false => Code::StrayCharacters,
            };
            return self.note(code, at);
        }
        if unwrapped.len() < trimmed.len() {
            self.note(Code::StrayCharacters, at);
        } else if trimmed.len() < line.len() {
            let indented = line.first().is_some_and(u8::is_ascii_whitespace);
            self.note(
                if indented {
                    Code::LinePrefix
                } else {
                    Code::Whitespace
                },
                at,
            );
        }
        if self.lines.is_empty() && is_header(unwrapped) {
            let Some(rest) = self.encryption_header(unwrapped) else {
                return self.note(Code::PemHeaders, at);
            };
            if !rest.is_empty() {
                self.line(rest, from + offset_in(unwrapped, rest));
            }
            return;
        }
        let stray = unwrapped
            .iter()
            .position(|&byte| !is_base64(byte) && !is_blank(byte) && !matches!(byte, b'-' | b'_'));
        if let Some(stray) = stray {
            self.stray.get_or_insert(Stray {
                place: from + stray,
                character: char::from(unwrapped.get(stray).copied().unwrap_or(b'?')),
            });
            return;
        }
        self.lines.push(Line {
            from,
            to: from + unwrapped.len(),
            spaced: unwrapped.iter().any(|&byte| is_blank(byte)),
            url: unwrapped.iter().any(|&byte| matches!(byte, b'-' | b'_')),
        });
        // What is encrypted begins as it happens, and states no length.
        if self.content_end.is_none() && self.encryption.is_none() {
            self.content_end = self.measure.line(unwrapped).map(|length| from + length);
        }
    }

    /// Takes a header that is about encryption, and gives what follows it on its line: spaces may
    /// have come in place of line ends.
    fn encryption_header<'l>(&mut self, line: &'l [u8]) -> Option<&'l [u8]> {
        let rest = if let Some(value) = header_value(line, b"Proc-Type:") {
            let value = value.strip_prefix(b"4,")?.trim_ascii_start();
            let rest = value.strip_prefix(b"ENCRYPTED")?;
            self.encryption.get_or_insert_default();
            rest
        } else {
            let value = header_value(line, b"DEK-Info:")?;
            let end = value.iter().position(u8::is_ascii_whitespace);
            let (info, rest) = value.split_at_checked(end.unwrap_or(value.len()))?;
            self.encryption = Some(String::from_utf8_lossy(info).into_owned());
            rest
        };
        Some(rest.trim_ascii_start())
    }

    /// The text before a marker without the prefix, if the lines had it.
    pub(super) fn without_prefix<'l>(&self, before: &'l [u8]) -> &'l [u8] {
        let prefixed = self
            .repairs
            .iter()
            .any(|(code, _)| *code == Code::LinePrefix);
        match prefixed {
            true => self.prefix.strip_before(before).trim_ascii(),
            false => before.trim_ascii(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether a way differs from the plain one for this body.
    pub(super) fn offers(&self, way: Way) -> bool {
        let starts_with = |sign: u8| {
            let mut firsts = self.lines.iter().map(|line| self.bytes(line).first());
            firsts.any(|first| first == Some(&sign))
        };
        match way {
            Way::Plain => true,
            Way::SpacesArePlus => self.lines.iter().any(|line| line.spaced),
            Way::OddLinesAreText => (0..self.lines.len()).any(|index| self.is_odd(index)),
            Way::Diff => starts_with(b'-') && starts_with(b'+'),
        }
    }

    /// Whether a line is not like the others: it has characters that no base64 line has, or it
    /// stands among them and is not as long as the first.
    fn is_odd(&self, index: usize) -> bool {
        let length = |line: &Line| line.to - line.from;
        let Some(line) = self.lines.get(index) else {
            return false;
        };
        let inner = index + 1 < self.lines.len();
        let other_length = self.lines.first().map(length) != Some(length(line));
        line.spaced || line.url || (inner && other_length)
    }

    /// The line, counted in the source, that is longer or shorter than all others but the last,
    /// with its length and theirs. Something is missing there, or too much.
    pub(super) fn uneven_line(&self) -> Option<(usize, usize, usize)> {
        let (_, inner) = self.lines.split_last()?;
        let [first, second, third, ..] = inner else {
            return None;
        };
        let length = |line: &Line| line.to - line.from;
        let usual = match length(first) == length(second) {
            true => length(first),
            false => length(third),
        };
        let mut uneven = inner.iter().filter(|line| length(line) != usual);
        match (uneven.next(), uneven.next()) {
            (Some(line), None) => Some((self.text.line_at(line.from), length(line), usual)),
            _ => None,
        }
    }

    fn bytes(&self, line: &Line) -> &[u8] {
        self.text
            .bytes()
            .get(line.from..line.to)
            .unwrap_or_default()
    }

    /// The base64 characters, taken one way, and the line of the last one.
    pub(super) fn characters(&self, way: Way) -> Characters {
        let length = self
            .lines
            .iter()
            .map(|line| line.to - line.from)
            .sum::<usize>();
        let mut characters = Characters {
            bytes: Zeroizing::new(Vec::with_capacity(length + 3)),
            repairs: Vec::new(),
            last_line: 0,
        };
        for (index, line) in self.lines.iter().enumerate() {
            let number = self.text.line_at(line.from);
            let mut bytes = self.bytes(line);
            match (way, bytes) {
                (Way::Diff, [b'-', ..]) => {
                    characters.note(Code::TextInBlock, number);
                    continue;
                }
                (Way::Diff, [b'+', added @ ..]) => {
                    characters.note(Code::LinePrefix, number);
                    bytes = added;
                }
                (Way::OddLinesAreText, _) if self.is_odd(index) => {
                    characters.note(Code::TextInBlock, number);
                    continue;
                }
                (Way::SpacesArePlus, _) if line.spaced => {
                    characters.note(Code::SpacesForPlus, number);
                }
                _ if line.spaced => characters.note(Code::Whitespace, number),
                _ => {}
            }
            for &byte in bytes {
                match byte {
                    b'-' => characters.push(b'+', Some((Code::Base64Url, number))),
                    b'_' => characters.push(b'/', Some((Code::Base64Url, number))),
                    byte if !is_blank(byte) => characters.push(byte, None),
                    _ if way == Way::SpacesArePlus => characters.push(b'+', None),
                    _ => {}
                }
            }
            characters.last_line = number;
        }
        characters
    }
}

/// Base64 characters, gathered from the lines of a body.
pub(super) struct Characters {
    bytes: Zeroizing<Vec<u8>>,
    repairs: Vec<(Code, usize)>,
    last_line: usize,
}

impl Characters {
    /// Whether they begin like DER in base64.
    pub(super) fn are_der(&self) -> bool {
        self.bytes.first() == Some(&b'M')
    }

    fn note(&mut self, code: Code, line: usize) {
        if !self.repairs.iter().any(|(known, _)| *known == code) {
            self.repairs.push((code, line));
        }
    }

    fn push(&mut self, byte: u8, repair: Option<(Code, usize)>) {
        if let Some((code, line)) = repair {
            self.note(code, line);
        }
        self.bytes.push(byte);
    }

    /// Decodes, taking no notice of padding within or of how much there is at the end.
    pub(super) fn decode(mut self, secrecy: Secrecy) -> Decoded {
        let content = self.bytes.iter().filter(|&&byte| byte != b'=').count();
        let padding = self.bytes.len() - content;
        let proper = self
            .bytes
            .iter()
            .rev()
            .take(padding)
            .all(|&byte| byte == b'=');
        if padding != (4 - content % 4) % 4 || !proper {
            self.note(Code::Base64Padding, self.last_line);
        }
        self.bytes.retain(|&byte| byte != b'=');
        let whole = content % 4 != 1;
        if !whole {
            self.bytes.pop();
        }
        let der = base64::decode(self.bytes, secrecy).unwrap_or_default();
        Decoded {
            der,
            repairs: self.repairs,
        }
    }
}

/// The bytes that a body stands for.
pub(super) struct Decoded {
    pub(super) der: Zeroizing<Vec<u8>>,
    pub(super) repairs: Vec<(Code, usize)>,
}

/// Counts base64 characters up to the length that the first of them state.
#[derive(Default)]
struct Measure {
    head: Vec<u8>,
    count: usize,
    needed: Option<usize>,
}

impl Measure {
    /// The characters that hold the header of a DER structure.
    const HEAD: usize = 8;

    /// The length of the part of this line that belongs to the content, if it ends here.
    fn line(&mut self, line: &[u8]) -> Option<usize> {
        for (offset, &byte) in line.iter().enumerate() {
            if is_blank(byte) || byte == b'=' {
                continue;
            }
            self.count += 1;
            if self.count <= Self::HEAD {
                self.head.push(match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    _ => byte,
                });
            }
            if self.count == Self::HEAD {
                let head = Zeroizing::new(std::mem::take(&mut self.head));
                let der = base64::decode(head, Secrecy::Secret)?;
                self.needed = stated_length(&der).map(|bytes| (bytes * 4).div_ceil(3));
            }
            if self.needed == Some(self.count) {
                let after = line.get(offset + 1..).unwrap_or_default();
                let padding = after.iter().take_while(|&&byte| byte == b'=').count();
                return Some(offset + 1 + padding);
            }
        }
        None
    }
}

/// `Name: value`, as RFC 1421 section 4.6 has it.
fn is_header(line: &[u8]) -> bool {
    let name = line
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-')
        .count();
    name > 0 && line.get(name) == Some(&b':')
}

/// What stands behind this name and its colon.
fn header_value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start
        .eq_ignore_ascii_case(name)
        .then(|| value.trim_ascii_start())
}

/// Where `part`, a subslice of `whole`, begins in it.
fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}
