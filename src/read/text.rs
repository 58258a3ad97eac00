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
            // Quoted-printable text has no other equals sign than an encoded one.
            soft_line_breaks: memchr::memmem::find(source, b"=3D").is_some(),
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

    /// The repairs that fell between two places: of each code the first place.
    pub(super) fn repairs_within(&self, from: usize, to: usize) -> Vec<(Code, usize)> {
        let first = self.repairs.partition_point(|(place, _)| *place < from);
        let mut found: Vec<(Code, usize)> = Vec::new();
        for &(place, code) in self.repairs.iter().skip(first) {
            if place > to {
                break;
            }
            if !found.iter().any(|(known, _)| *known == code) {
                found.push((code, place));
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
    /// Whether an equals sign at the end of a line joins it to the next.
    soft_line_breaks: bool,
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
            b'%' => self.percent(),
            b'=' => self.equals_sign(),
            b'&' => self.entity(),
            b'<' => self.tag(),
            b'^' if self.peek(1) == Some(b'M') => self.caret_m(),
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

    /// Remembers a repair, once for each place: what is dropped a million times in a row takes
    /// no room.
    fn note(&mut self, code: Code) {
        let repair = (self.text.bytes.len(), code);
        if self.text.repairs.last() != Some(&repair) {
            self.text.repairs.push(repair);
        }
    }

    fn rest(&self, ahead: usize) -> &[u8] {
        self.source.get(self.at + ahead..).unwrap_or_default()
    }

    /// Ends the line, unless it ends here anyway.
    fn end_line(&mut self, read: usize) {
        let ends_anyway = matches!(self.peek(read), Some(b'\n' | b'\r'))
            || self.text.bytes.last() == Some(&b'\n');
        self.replace(read, if ends_anyway { "" } else { "\n" });
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

    /// CR LF, or several CR before LF, as after a transfer in text mode, is one line end.
    fn carriage_return(&mut self) {
        self.note(Code::LineEndings);
        let run = self.rest(0).iter().take_while(|&&b| b == b'\r').count();
        if self.peek(run) == Some(b'\n') {
            self.at += run;
            return;
        }
        for _ in 0..run {
            self.replace(1, "\n");
            if self.cr_ends_lines {
                self.text.line_starts.push(self.text.bytes.len());
            }
        }
    }

    /// CR as `cat -v` and editors show it.
    fn caret_m(&mut self) {
        self.note(Code::LineEndings);
        match self.peek(2) {
            Some(b'$') => self.replace(2, ""),
            _ => self.end_line(2),
        }
    }

    /// Escapes of JSON, shells and program sources, however often they were escaped again.
    fn backslash(&mut self) {
        let run = self.rest(0).iter().take_while(|&&b| b == b'\\').count();
        let (digits, length) = match self.peek(run) {
            Some(b'u') => (self.hex(run + 1, 4), run + 5),
            Some(b'x') => (self.hex(run + 1, 2), run + 3),
            _ => (None, run),
        };
        match (self.peek(run), digits.and_then(char::from_u32)) {
            (_, Some('\u{1b}')) => {
                self.at += length - 1;
                self.terminal_code();
            }
            (_, Some(character)) if is_escaped(character) => {
                self.note(Code::EscapedCharacters);
                self.character(character, length);
            }
            (Some(b'n'), _) => self.mend(run + 1, b'\n', Code::EscapedCharacters),
            (Some(b'r'), _) => self.mend(run + 1, b'\r', Code::EscapedCharacters),
            (Some(b't'), _) => self.mend(run + 1, b' ', Code::EscapedCharacters),
            // Rich text ends its lines so.
            (Some(b'p'), _) if self.rest(run).starts_with(b"par") => {
                self.note(Code::EscapedCharacters);
                self.end_line(run + 3);
            }
            (Some(byte), _) if byte == b' ' || byte.is_ascii_punctuation() => {
                self.mend(run + 1, byte, Code::EscapedCharacters);
            }
            (Some(b'\n'), _) if self.text.bytes.last() == Some(&b'\n') => {
                // `\n\` at the end of a line is one line break.
                self.replace(run + 1, "");
                self.text.line_starts.push(self.text.bytes.len());
            }
            (Some(b'\n' | b'\r') | None, _) => {
                self.note(Code::StrayCharacters);
                self.replace(run, "");
            }
            _ => {
                let kept = self.source.get(self.at..self.at + run);
                self.text.bytes.extend_from_slice(kept.unwrap_or_default());
                self.at += run;
            }
        }
    }

    /// URL-encoding, however often it was encoded again: `%0A`, `%250A`.
    fn percent(&mut self) {
        let again = self.rest(1).chunks(2).take_while(|&pair| pair == b"25");
        let digits = 1 + 2 * again.count();
        match self.hex_after(digits) {
            Some(byte) if is_expected(byte) => self.mend(digits + 2, byte, Code::PercentEncoding),
            _ => {
                let kept = self.source.get(self.at..self.at + digits);
                self.text.bytes.extend_from_slice(kept.unwrap_or_default());
                self.at += digits;
            }
        }
    }

    /// Quoted-printable (RFC 2045 section 6.7).
    fn equals_sign(&mut self) {
        let line_break = match (self.peek(1), self.peek(2)) {
            (Some(b'\n'), _) => 2,
            (Some(b'\r'), Some(b'\n')) => 3,
            _ => 0,
        };
        match self.hex_after(1) {
            Some(byte) if is_expected(byte) => self.mend(3, byte, Code::QuotedPrintable),
            _ if self.soft_line_breaks && line_break > 0 => {
                // It stood on the line that ends here.
                let place = self.text.bytes.len().saturating_sub(1);
                let earlier = self.text.repairs.last().map_or(0, |(place, _)| *place);
                self.text
                    .repairs
                    .push((place.max(earlier), Code::QuotedPrintable));
                self.replace(line_break, "");
                self.text.line_starts.push(self.text.bytes.len());
            }
            _ => self.keep(),
        }
    }

    fn hex_after(&self, ahead: usize) -> Option<u8> {
        u8::try_from(self.hex(ahead, 2)?).ok()
    }

    fn hex(&self, ahead: usize, length: usize) -> Option<u32> {
        let digits = std::str::from_utf8(self.rest(ahead).get(..length)?).ok()?;
        // `from_str_radix` would take a sign, too.
        let proper = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        proper.then(|| u32::from_str_radix(digits, 16).ok())?
    }

    /// An HTML or XML character reference, however often it was escaped again.
    fn entity(&mut self) {
        let again = self.rest(1).chunks(4).take_while(|&four| four == b"amp;");
        let escapes = 1 + 4 * again.count();
        let (character, length) = match referenced(self.rest(escapes)) {
            Some((character, length)) => (character, escapes + length),
            None if escapes == 1 => return self.keep(),
            None => ('&', escapes),
        };
        self.note(Code::HtmlMarkup);
        self.write(character);
        self.at += length;
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
                self.end_line(end + 2);
            }
            _ => self.keep(),
        }
    }

    /// ECMA-48 control sequences: `ESC [ … letter`, `ESC ] … BEL` or `… ESC \`, `ESC` and one
    /// character.
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
                .position(|&byte| matches!(byte, 0x07 | 0x1b))
                .map(|end| end + usize::from(rest.get(end) == Some(&0x07))),
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
        self.character(character, length);
    }

    /// A character, said if it is none of ASCII.
    fn character(&mut self, character: char, length: usize) {
        let code = match (character, plain(character)) {
            ('\u{feff}', _) => Some(Code::ByteOrderMark),
            ('\0'..='~', _) | (_, None) => None,
            (_, Some(Some(b'-'))) => Some(Code::MarkerSpelling),
            (_, Some(_)) => Some(Code::InvisibleCharacters),
        };
        if let Some(code) = code {
            self.note(code);
        }
        self.write(character);
        self.at += length;
    }

    fn write(&mut self, character: char) {
        let plain = plain(character).unwrap_or(Some(b'?'));
        self.text.bytes.extend(plain);
        if character == '\u{2014}' {
            // Word processors make one em dash of two hyphens.
            self.text.bytes.push(b'-');
        }
    }
}

/// What a character reference stands for, without its ampersand, and how long it is.
fn referenced(reference: &[u8]) -> Option<(char, usize)> {
    let length = reference.iter().take(10).position(|&byte| byte == b';')?;
    let name = std::str::from_utf8(reference.get(..length)?).ok()?;
    let character = match name {
        "nbsp" | "Tab" => ' ',
        "NewLine" => '\n',
        "quot" => '"',
        "apos" => '\'',
        "lt" => '<',
        "gt" => '>',
        "plus" => '+',
        "sol" => '/',
        "equals" => '=',
        "mdash" => '\u{2014}',
        "ndash" | "minus" | "hyphen" => '-',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code_point = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(code_point.ok()?)?
        }
    };
    Some((character, length + 1))
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

/// The same of characters; whatever is beyond ASCII may be escaped.
fn is_escaped(character: char) -> bool {
    u8::try_from(character).map_or(true, |byte| is_expected(byte) || !byte.is_ascii())
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
        | '\u{2060}'..='\u{206f}'
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
            ("a\r\r\nb", "a\nb"),
            ("a\\nb\\\\nc\\/d", "a\nb\nc/d"),
            ("a\\n\\\nb\\x0Ac\\u003dd\\-e", "a\nb\nc=d-e"),
            ("a\\par\nb\\quux", "a\nb\\quux"),
            (
                "\\ufeffa\\u2014b\\u001b[32mc\\x1b[0md\\u0041",
                "a--bcd\\u0041",
            ),
            ("a%0Ab%2Bc%41%250Ad%25", "a\nb+c%41\nd%25"),
            ("a=3D=3D", "a=="),
            ("a=3D=\nb=\n", "a=b"),
            ("a=\nb", "a=\nb"),
            ("a&#43;b&#x2F;c&nbsp;d&unknown;", "a+b/c d&unknown;"),
            ("a&amp;#43;b&amp;c&plus;", "a+b&c+"),
            ("a<br/>b<x509:Certificate>c<3", "a\nb\nc<3"),
            ("a<br>\nb", "a\nb"),
            ("\u{1b}[1;32ma\u{1b}[0mb", "ab"),
            ("\u{feff}\u{2013}\u{2014}\u{a0}\u{200b}x\u{e9}", "--- x?"),
            ("a\0b\u{1a}", "ab"),
            ("a^M\nb^Mc^M$", "a\nb\nc$"),
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
