//! The tolerant way, first step: text as PEM is meant to be written, with every line known.
//!
//! What mails, pages, editors, terminals and program sources do to text is undone here: escapes,
//! entities, typographic characters, foreign line ends. All of it is safe to undo without
//! knowing where the blocks are, because none of the characters involved occurs in base64.
//! What was undone is remembered with its place and is reported only where it fell in a block.

use zeroize::Zeroizing;

use crate::finding::Code;

/// A source after the first step. ASCII only; other characters have become `?`.
pub(super) struct Text {
    bytes: Zeroizing<Vec<u8>>,
    /// Where in `bytes` each line of the source begins, the first excepted.
    line_starts: Vec<usize>,
    /// Places in `bytes` at which something was undone, ascending.
    pub(super) repairs: Vec<(usize, Code)>,
}

impl Text {
    pub(super) fn new(source: &[u8]) -> Self {
        let mut normaliser = Normaliser {
            source,
            at: 0,
            cr_ends_lines: !source.contains(&b'\n'),
            text: Self {
                // Every step writes at most as many bytes as it reads, so this never moves.
                bytes: Zeroizing::new(Vec::with_capacity(source.len())),
                line_starts: Vec::new(),
                repairs: Vec::new(),
            },
        };
        while normaliser.at < source.len() {
            normaliser.step();
        }
        normaliser.text
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The line of the source, counted from 1, on which this place of the text stood.
    pub(super) fn line_at(&self, place: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= place) + 1
    }

    /// Where a line of the source, counted from 1, begins in the text.
    pub(super) fn line_start(&self, line: usize) -> usize {
        match line.checked_sub(2) {
            Some(index) => self.line_starts.get(index).copied().unwrap_or(0),
            None => 0,
        }
    }

    /// The repairs that fell between two places: of each code the first place, and how many.
    pub(super) fn repairs_within(&self, from: usize, to: usize) -> Vec<(Code, usize, usize)> {
        let first = self.repairs.partition_point(|(place, _)| *place < from);
        let mut found: Vec<(Code, usize, usize)> = Vec::new();
        for &(place, code) in self.repairs.iter().skip(first) {
            if place > to {
                break;
            }
            match found.iter_mut().find(|(known, ..)| *known == code) {
                Some((.., count)) => *count += 1,
                None => found.push((code, place, 1)),
            }
        }
        found
    }
}

struct Normaliser<'a> {
    source: &'a [u8],
    at: usize,
    /// In old Macs' files CR alone ends lines; elsewhere it is a leftover.
    cr_ends_lines: bool,
    text: Text,
}

impl Normaliser<'_> {
    fn step(&mut self) {
        let Some(&byte) = self.source.get(self.at) else {
            return;
        };
        match byte {
            b'\n' => {
                self.replace(1, "\n");
                self.text.line_starts.push(self.text.bytes.len());
            }
            b'\r' => self.carriage_return(),
            b'\\' => self.backslash(),
            b'%' => match self.hex_after(1) {
                Some(b'%') => self.keep(),
                Some(byte) if is_expected(byte) => self.mend(3, byte, Code::PercentEncoding),
                _ => self.keep(),
            },
            b'=' => match self.hex_after(1) {
                Some(byte) if is_expected(byte) => self.mend(3, byte, Code::QuotedPrintable),
                _ => self.keep(),
            },
            b'&' => self.entity(),
            b'<' => self.tag(),
            b'^' => match (self.peek(1), self.peek(2)) {
                (Some(b'M'), None | Some(b'\n' | b'$' | b'\r')) => {
                    self.note(Code::LineEndings);
                    self.replace(2, "");
                }
                _ => self.keep(),
            },
            0x1b => self.terminal_code(),
            b'\t' | b' '..=b'~' => self.keep(),
            0x0b | 0x0c => self.replace(1, "\n"),
            0..=0x1f | 0x7f => {
                self.note(Code::InvisibleCharacters);
                self.replace(1, "");
            }
            0x80.. => self.beyond_ascii(byte),
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        if let Some(byte) = self.peek(0) {
            self.text.bytes.push(byte);
        }
        self.at += 1;
    }

    fn note(&mut self, code: Code) {
        self.text.repairs.push((self.text.bytes.len(), code));
    }

    fn replace(&mut self, read: usize, write: &str) {
        self.text.bytes.extend_from_slice(write.as_bytes());
        self.at += read;
    }

    fn mend(&mut self, read: usize, byte: u8, code: Code) {
        self.note(code);
        if byte != b'\r' {
            self.text.bytes.push(byte);
        }
        self.at += read;
    }

    fn carriage_return(&mut self) {
        self.note(Code::LineEndings);
        if self.peek(1) == Some(b'\n') {
            self.at += 1;
        } else if self.cr_ends_lines {
            self.replace(1, "\n");
            self.text.line_starts.push(self.text.bytes.len());
        } else {
            self.replace(1, "\n");
        }
    }

    /// Escapes of JSON, shells and program sources, however often they were escaped again.
    fn backslash(&mut self) {
        let run = self
            .source
            .iter()
            .skip(self.at)
            .take_while(|&&byte| byte == b'\\')
            .count();
        match self.peek(run) {
            Some(b'n') => self.mend(run + 1, b'\n', Code::EscapedCharacters),
            Some(b'r') => self.mend(run + 1, b'\r', Code::EscapedCharacters),
            Some(b't') => self.mend(run + 1, b' ', Code::EscapedCharacters),
            Some(byte @ (b'/' | b'"' | b'\'')) => {
                self.mend(run + 1, byte, Code::EscapedCharacters);
            }
            Some(b'u') => match (self.hex_after(run + 1), self.hex_after(run + 3)) {
                (Some(0), Some(byte)) if is_expected(byte) => {
                    self.mend(run + 5, byte, Code::EscapedCharacters);
                }
                _ => self.keep(),
            },
            Some(b'\n' | b'\r') | None => {
                self.note(Code::StrayCharacters);
                self.replace(run, "");
            }
            _ => self.keep(),
        }
    }

    fn hex_after(&self, ahead: usize) -> Option<u8> {
        let from = self.at + ahead;
        let digits = std::str::from_utf8(self.source.get(from..from + 2)?).ok()?;
        // `from_str_radix` would take a sign, too.
        digits
            .bytes()
            .all(|digit| digit.is_ascii_hexdigit())
            .then_some(())?;
        u8::from_str_radix(digits, 16).ok()
    }

    /// An HTML or XML character reference.
    fn entity(&mut self) {
        let reference = self.source.get(self.at + 1..).unwrap_or_default();
        let length = reference.iter().take(10).position(|&byte| byte == b';');
        let name = length
            .and_then(|length| reference.get(..length))
            .and_then(|name| std::str::from_utf8(name).ok());
        let (Some(length), Some(name)) = (length, name) else {
            return self.keep();
        };
        let code_point = match name.strip_prefix('#') {
            Some(digits) => match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => digits.parse().ok(),
            },
            None => None,
        };
        let meant = match name {
            "nbsp" => Some(' '),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "ndash" | "mdash" | "minus" | "hyphen" => Some('-'),
            _ => code_point.and_then(char::from_u32),
        };
        match meant {
            Some(character) => {
                self.note(Code::HtmlMarkup);
                self.text.bytes.extend(plain(character).unwrap_or(None));
                self.at += length + 2;
            }
            None => self.keep(),
        }
    }

    /// A tag of HTML or XML ends a line. Longer than 200 characters it is something else.
    fn tag(&mut self) {
        let inner = self.source.get(self.at + 1..).unwrap_or_default();
        let starts = matches!(inner.first(), Some(first) if first.is_ascii_alphabetic() || matches!(first, b'/' | b'!' | b'?'));
        let end = inner
            .iter()
            .take(200)
            .position(|byte| matches!(byte, b'>' | b'<' | b'\n'));
        match end {
            Some(end) if starts && inner.get(end) == Some(&b'>') => {
                self.note(Code::HtmlMarkup);
                self.replace(end + 2, "\n");
            }
            _ => self.keep(),
        }
    }

    /// ECMA-48 control sequences: `ESC [ … letter`, `ESC ] … BEL`, `ESC` and one character.
    fn terminal_code(&mut self) {
        self.note(Code::TerminalCodes);
        let rest = self.source.get(self.at + 1..).unwrap_or_default();
        let length = match rest.first() {
            Some(b'[') => rest
                .iter()
                .take(64)
                .skip(1)
                .position(|byte| (0x40..=0x7e).contains(byte))
                .map(|end| end + 2),
            Some(b']') => rest
                .iter()
                .take(256)
                .position(|&byte| byte == 0x07)
                .map(|end| end + 1),
            Some(b'(' | b')') => Some(2),
            _ => Some(1),
        };
        let length = length.unwrap_or(0).min(rest.len());
        // The line count must not lose a newline that a broken sequence seems to contain.
        let length = rest
            .iter()
            .take(length)
            .position(|&byte| byte == b'\n')
            .unwrap_or(length);
        self.replace(length + 1, "");
    }

    fn beyond_ascii(&mut self, first: u8) {
        let length = match first {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        let character = self
            .source
            .get(self.at..self.at + length)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .and_then(|text| text.chars().next());
        let (character, length) = match (character, first) {
            (Some(character), _) => (character, length),
            // Not UTF-8: what Windows-1252 and Latin-1 have at these places.
            (None, 0x91 | 0x92) => ('\'', 1),
            (None, 0x93 | 0x94) => ('"', 1),
            (None, 0x96 | 0x97) => ('\u{2013}', 1),
            (None, 0xa0) => ('\u{a0}', 1),
            (None, _) => ('\u{fffd}', 1),
        };
        let code = match character {
            '\u{feff}' => Some(Code::ByteOrderMark),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => Some(Code::MarkerSpelling),
            _ => match plain(character) {
                Some(Some(b'?')) | None => None,
                _ => Some(Code::InvisibleCharacters),
            },
        };
        if let Some(code) = code {
            self.note(code);
        }
        self.text
            .bytes
            .extend(plain(character).unwrap_or(Some(b'?')));
        if character == '\u{2014}' {
            // Word processors make one em dash of two hyphens.
            self.text.bytes.push(b'-');
        }
        self.at += length;
    }
}

/// What escapes may stand for: the characters of PEM that some encoding does not let through.
fn is_expected(byte: u8) -> bool {
    matches!(
        byte,
        b'\n'
            | b'\r'
            | b'\t'
            | b' '
            | b'+'
            | b'/'
            | b'='
            | b'-'
            | b':'
            | b','
            | b'"'
            | b'\''
            | b'<'
            | b'>'
            | b'&'
    )
}

/// The ASCII for a character: `Some(None)` when it is invisible, `None` when there is none.
fn plain(character: char) -> Option<Option<u8>> {
    Some(match character {
        '\n' | '\t' | ' '..='~' => u8::try_from(character).ok(),
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some(b'\n'),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Some(b'-'),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(b' '),
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{feff}' => None,
        '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => Some(b'"'),
        '\u{2500}'..='\u{257f}' => Some(b'|'),
        '\r' => None,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::Text;

    fn normalised(source: &str) -> String {
        String::from_utf8(Text::new(source.as_bytes()).bytes().to_vec()).expect("ASCII")
    }

    #[test]
    fn what_was_done_to_text_is_undone() {
        for (source, owed) in [
            ("a\r\nb\rc", "a\nb\nc"),
            ("a\\nb\\\\nc\\/d", "a\nb\nc/d"),
            ("a%0Ab%2Bc%41", "a\nb+c%41"),
            ("a=3D=3D", "a=="),
            ("a&#43;b&#x2F;c&nbsp;d&unknown;", "a+b/c d&unknown;"),
            ("a<br/>b<x509:Certificate>c<3", "a\nb\nc<3"),
            ("\u{1b}[1;32ma\u{1b}[0mb", "ab"),
            ("\u{feff}\u{2013}\u{2014}\u{a0}\u{200b}x\u{e9}", "--- x?"),
            ("a\0b\u{1a}", "ab"),
            ("a^M\nb", "a\nb"),
        ] {
            assert_eq!(normalised(source), owed, "{source:?}");
        }
    }

    #[test]
    fn lines_are_those_of_the_source() {
        let text = Text::new(b"one\\ntwo\r\nthree\n");
        assert_eq!(text.line_at(0), 1);
        assert_eq!(text.line_at(5), 1);
        assert_eq!(text.line_at(8), 2);
        assert_eq!(Text::new(b"a\rb").line_at(2), 2);
    }
}
