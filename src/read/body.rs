//! The tolerant way, third step: the base64 between two markers, whatever stands around it.

use zeroize::Zeroizing;

use super::base64::{self, Secrecy, is_base64};
use super::text::Text;
use crate::finding::Code;

/// A line of a body, once prefix and wrapping are taken off.
struct Line {
    /// Its place in the text.
    from: usize,
    to: usize,
    /// Whether it has spaces inside.
    spaced: bool,
}

/// The first character in a body that cannot be base64.
#[derive(Clone, Copy)]
pub(super) struct Stray {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) character: char,
}

/// What the lines between two markers amount to.
pub(super) struct Body<'a> {
    text: &'a Text,
    lines: Vec<Line>,
    /// Repairs by code and line.
    pub(super) repairs: Vec<(Code, usize)>,
    /// Lines that are no base64, the first of them.
    pub(super) stray: Option<Stray>,
    /// Headers as of RFC 1421 say that the content is encrypted.
    pub(super) encrypted: bool,
}

/// How to take the lines. The first way whose result makes sense is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Spaces inside lines are dropped.
    Plain,
    /// Spaces inside lines were plus signs.
    SpacesArePlus,
    /// Lines with spaces inside are text.
    SpacedLinesAreText,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::SpacesArePlus, Self::SpacedLinesAreText];
}

/// What stands before the marker on its line, and so perhaps before every line.
enum Prefix<'a> {
    None,
    Literal(&'a [u8]),
    Number,
}

impl<'a> Body<'a> {
    /// Takes the text from `from` to `to` apart; `before` is what precedes BEGIN on its line.
    pub(super) fn new(text: &'a Text, from: usize, to: usize, before: &[u8]) -> Self {
        let mut body = Self {
            text,
            lines: Vec::new(),
            repairs: Vec::new(),
            stray: None,
            encrypted: false,
        };
        let bytes = text.bytes().get(from..to).unwrap_or_default();
        let prefix = prefix_of(before, bytes);
        let mut at = from;
        let last = bytes.split(|&byte| byte == b'\n').count().saturating_sub(1);
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            // What follows BEGIN on its own line has no prefix.
            let stripped = match number {
                0 => line,
                _ => prefix.strip(line),
            };
            let offset = at + (line.len() - stripped.len());
            if number == 0 || number == last {
                body.edge(stripped, offset);
            } else {
                if stripped.len() < line.len() {
                    body.note(Code::LinePrefix, at);
                }
                body.line(stripped, offset);
            }
            at += line.len() + 1;
        }
        body.note_length();
        body
    }

    /// The first and the last line are those of the markers, and mostly empty.
    fn edge(&mut self, line: &[u8], at: usize) {
        if !unwrap(line.trim_ascii()).is_empty() {
            self.line(line, at);
        }
    }

    fn note(&mut self, code: Code, at: usize) {
        if !self.repairs.iter().any(|(known, _)| *known == code) {
            self.repairs.push((code, self.text.line_at(at)));
        }
    }

    fn note_length(&mut self) {
        let odd = match self.lines.split_last() {
            Some((last, lines)) => lines
                .iter()
                .map(|line| line.to - line.from == 64)
                .chain([last.to - last.from <= 64])
                .any(|proper| !proper),
            None => false,
        };
        if odd {
            let at = self.lines.first().map_or(0, |line| line.from);
            self.note(Code::LineLength, at);
        }
    }

    fn line(&mut self, line: &[u8], at: usize) {
        let trimmed = line.trim_ascii();
        let unwrapped = unwrap(trimmed);
        let from = at + offset_in(line, unwrapped);
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
            self.note(Code::PemHeaders, at);
            self.encrypted |= says_encrypted(unwrapped);
            return;
        }
        let stray = unwrapped
            .iter()
            .position(|&byte| !is_base64(byte) && !is_blank(byte) && !matches!(byte, b'-' | b'_'));
        if let Some(stray) = stray {
            let character = char::from(unwrapped.get(stray).copied().unwrap_or(b'?'));
            let place = from + stray;
            self.stray.get_or_insert(Stray {
                line: self.text.line_at(place),
                column: place - at + 1,
                character,
            });
            return;
        }
        let spaced = unwrapped.iter().any(|&byte| is_blank(byte));
        self.lines.push(Line {
            from,
            to: from + unwrapped.len(),
            spaced,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether a way differs from the plain one for this body.
    pub(super) fn offers(&self, way: Way) -> bool {
        way == Way::Plain || self.lines.iter().any(|line| line.spaced)
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
        for line in &self.lines {
            let number = self.text.line_at(line.from);
            if line.spaced {
                match way {
                    Way::Plain => characters.note(Code::Whitespace, number),
                    Way::SpacesArePlus => characters.note(Code::SpacesForPlus, number),
                    Way::SpacedLinesAreText => {
                        characters.note(Code::TextInBlock, number);
                        continue;
                    }
                }
            }
            let bytes = self.text.bytes().get(line.from..line.to);
            for &byte in bytes.unwrap_or_default() {
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

impl Prefix<'_> {
    fn strip<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        match self {
            Self::None => line,
            Self::Literal(prefix) => line
                .strip_prefix(*prefix)
                .or_else(|| line.strip_prefix(prefix.trim_ascii_end()))
                .unwrap_or(line),
            Self::Number => without_number(line).unwrap_or(line),
        }
    }
}

/// Finds the prefix by what precedes BEGIN, and by whether the lines bear it out.
fn prefix_of<'a>(before: &'a [u8], body: &[u8]) -> Prefix<'a> {
    let mark = before.trim_ascii();
    if mark.is_empty() || mark.len() > 16 {
        return Prefix::None;
    }
    let lines = || {
        body.split(|&byte| byte == b'\n')
            .skip(1)
            .filter(|line| !line.trim_ascii().is_empty())
    };
    if without_number(before).is_some_and(|rest| rest.trim_ascii().is_empty()) {
        return match lines().all(|line| without_number(line).is_some()) {
            true => Prefix::Number,
            false => Prefix::None,
        };
    }
    let is_mark = mark
        .iter()
        .all(|byte| byte.is_ascii_punctuation() || *byte == b' ');
    let borne_out = mark.iter().all(|&byte| !is_base64(byte))
        || lines().all(|line| line.starts_with(before.trim_ascii_end()));
    match is_mark && borne_out {
        true => Prefix::Literal(before),
        false => Prefix::None,
    }
}

/// The line after a line number and what separates it: `  12  text`, `12:text`, `12| text`.
fn without_number(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii_start();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = line.get(digits..)?;
    let separators = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b':' | b'|' | b')' | b'.'))
        .count();
    (digits > 0 && digits < 8 && (separators > 0 || rest.is_empty()))
        .then(|| rest.get(separators..))?
}

/// Takes off what program sources, shells, tables and `cat -A` put around a line.
fn unwrap(line: &[u8]) -> &[u8] {
    let mut line = line;
    loop {
        let before = line.len();
        line = match line {
            [
                b'"' | b'\'' | b'`' | b',' | b';' | b'|' | b'>' | b'*' | b'(' | b'[' | b'{',
                rest @ ..,
            ] => rest,
            [b'+', b' ' | b'\t' | b'"' | b'\'', ..] => line.get(1..).unwrap_or_default(),
            _ => line,
        };
        line = match line {
            [
                rest @ ..,
                b'"' | b'\'' | b'`' | b',' | b';' | b'|' | b'\\' | b'$' | b')' | b']' | b'}',
            ] => rest,
            [.., b' ' | b'\t' | b'"' | b'\'', b'+' | b'.' | b'&'] => {
                line.get(..line.len() - 1).unwrap_or_default()
            }
            _ => line,
        };
        line = line.trim_ascii();
        if line.len() == before {
            return line;
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `Name: value`, as RFC 1421 section 4.6 has it.
fn is_header(line: &[u8]) -> bool {
    let name = line
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-')
        .count();
    name > 0 && line.get(name) == Some(&b':')
}

fn says_encrypted(header: &[u8]) -> bool {
    header.starts_with(b"DEK-Info:")
        || (header.starts_with(b"Proc-Type:") && header.ends_with(b"ENCRYPTED"))
}

/// Where `part`, a subslice of `whole`, begins in it.
fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}
