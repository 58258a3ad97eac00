//! A line's words, as HAProxy cuts and expands them (configuration manual, sections 2.2 and 2.3).
//!
//! Where the manual and HAProxy differ, HAProxy is right: a backslash before a tab does not keep
//! the tab, `\$` outside double quotes keeps its backslash, and a carriage return ends the line.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::environment::Variable;

/// The most words of a line (HAProxy's `MAX_LINE_ARGS`).
pub const MAX_WORDS: usize = 64;

/// The most bytes of a line's words, variables expanded.
pub const MAX_EXPANDED: usize = 1 << 20;

/// A word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Word {
    /// Its bytes in the line, quotes included. The words of one `"${NAME[*]}"` share a range.
    pub range: Range<usize>,
    /// Whether no variable is in it whose value is not known. Unknown ones count as unset.
    pub is_certain: bool,
    bytes: Vec<u8>,
}

impl Word {
    /// One that stands for itself.
    pub(super) fn known(text: &str) -> Self {
        Self {
            range: 0..text.len(),
            is_certain: true,
            bytes: text.as_bytes().to_vec(),
        }
    }

    /// What HAProxy makes of it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same as text.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// Whether nothing is left of it. Most lists of arguments end at the first such word.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Why HAProxy refuses a line before it looks at its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A quote is not closed.
    Quote,
    /// The brace of `${NAME}` is not closed.
    Brace,
    /// Behind a `$` in double quotes is no variable's name.
    VariableName,
    /// `\x` is not followed by two hexadecimal digits.
    Hexadecimal,
    /// `[` in a variable's braces is not followed by `*]`.
    Expansion,
    /// There are more than [`MAX_WORDS`] words.
    TooManyWords,
    /// Its words have more than [`MAX_EXPANDED`] bytes; HAProxy itself has no such limit.
    TooLong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quote => "a quote is not closed",
            Self::Brace => "the brace of a variable is not closed",
            Self::VariableName => {
                "behind a $ in double quotes is no variable's name; \\$ is a plain one"
            }
            Self::Hexadecimal => "\\x is not followed by two hexadecimal digits",
            Self::Expansion => "[ behind a variable's name is not followed by *]",
            Self::TooManyWords => "it has more than 64 words",
            Self::TooLong => "its words have more than 1 MiB, which is not read here",
        })
    }
}

/// A line that HAProxy refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Why.
    pub fault: Fault,
    /// The byte of the line at which the fault is.
    pub at: usize,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for Refused {}

/// Cuts a line, without its line feed, into words. Variables are asked for by their names;
/// `.FILE`, `.LINE` and `.SECTION` are HAProxy's own.
///
/// ```
/// use fullchain::haproxy::config::{Variable, words};
///
/// let line = br#"bind "${ADDR-:443}" ssl crt /etc/my\ site.pem # ours"#;
/// let words = words(line, |_| Variable::Unset)?;
/// let texts: Vec<_> = words.iter().map(|word| word.text()).collect();
/// assert_eq!(texts, ["bind", ":443", "ssl", "crt", "/etc/my site.pem"]);
/// assert_eq!(&line[words[1].range.clone()], br#""${ADDR-:443}""#);
/// # Ok::<(), fullchain::haproxy::config::Refused>(())
/// ```
///
/// # Errors
///
/// [`Refused`], where HAProxy does not start.
pub fn words(line: &[u8], lookup: impl FnMut(&str) -> Variable) -> Result<Vec<Word>, Refused> {
    cut(line, lookup).words
}

/// What became of a line.
pub(super) struct Cut {
    pub(super) words: Result<Vec<Word>, Refused>,
    /// The bytes of the words, each with the NUL that ends it in C.
    pub(super) length: usize,
    /// The brace of the first variable with a default value.
    pub(super) default: Option<usize>,
}

/// [`words()`], with what else HAProxy's buffers depend on.
pub(super) fn cut(line: &[u8], lookup: impl FnMut(&str) -> Variable) -> Cut {
    if line.len() > MAX_EXPANDED {
        let fault = Fault::TooLong;
        return Cut {
            words: Err(Refused { fault, at: 0 }),
            length: 0,
            default: None,
        };
    }
    // Blanks before the first word; among them a carriage return ends nothing.
    let place = line.iter().position(|&byte| !is_space(byte));
    let mut lexer = Lexer {
        line,
        place: place.unwrap_or(line.len()),
        words: Vec::new(),
        word: Word {
            range: 0..0,
            is_certain: true,
            bytes: Vec::new(),
        },
        too_many: None,
        expanded: 0,
        length: 0,
        default: None,
        lookup,
    };
    lexer.word.range = lexer.place..lexer.place;
    let run = lexer.run();
    Cut {
        words: run.map(|()| lexer.words),
        // The last NUL.
        length: lexer.length + 1,
        default: lexer.default,
    }
}

/// The word as HAProxy reads it back, whatever is in it, but for NUL, which no word can have.
pub fn quoted(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.,:/@%*+=!".contains(byte);
    if !word.is_empty() && word.iter().all(is_plain) {
        return String::from_utf8_lossy(word).into_owned();
    }
    let mut quoted = String::from("\"");
    for chunk in word.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' | '$' => quoted.extend(['\\', c]),
                c if c.is_ascii_control() => quoted += &format!("\\x{:02x}", u32::from(c)),
                c => quoted.push(c),
            }
        }
        for byte in chunk.invalid() {
            quoted += &format!("\\x{byte:02x}");
        }
    }
    quoted + "\""
}

/// isspace() of C.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

struct Lexer<'a, F> {
    line: &'a [u8],
    place: usize,
    words: Vec<Word>,
    /// The word that is being read.
    word: Word,
    too_many: Option<usize>,
    /// The bytes that variables were expanded to.
    expanded: usize,
    length: usize,
    default: Option<usize>,
    lookup: F,
}

impl<F: FnMut(&str) -> Variable> Lexer<'_, F> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.line.get(self.place + ahead).copied()
    }

    fn run(&mut self) -> Result<(), Refused> {
        // The open quote, and where it is.
        let mut quote: Option<(u8, usize)> = None;
        while let Some(byte) = self.peek(0) {
            let open = quote.map(|(byte, _)| byte);
            match byte {
                0 | b'\n' | b'\r' => break,
                b'#' if open.is_none() => break,
                b'"' | b'\'' if open.is_none_or(|open| open == byte) => {
                    quote = open.is_none().then_some((byte, self.place));
                    self.place += 1;
                }
                b'\\' if open != Some(b'\'') => self.backslash(open)?,
                byte if is_space(byte) && open.is_none() => self.blanks(),
                b'$' if open == Some(b'"') => self.variable()?,
                byte => {
                    self.push(byte);
                    self.place += 1;
                }
            }
        }
        // An empty last word is none.
        if !matches!(self.word.bytes.first(), None | Some(0)) {
            self.end_word(self.place);
            self.length -= 1;
        }
        self.end_range(self.place);
        if let Some((_, at)) = quote {
            let fault = Fault::Quote;
            return Err(Refused { fault, at });
        }
        // Nor is any before it that is empty, too: all that is behind the last word is.
        while self.words.last().is_some_and(Word::is_empty) {
            self.words.pop();
        }
        let fault = Fault::TooManyWords;
        let too_many = self.too_many.map(|at| Refused { fault, at });
        too_many.map_or(Ok(()), Err)
    }

    fn push(&mut self, byte: u8) {
        self.word.bytes.push(byte);
        self.length += 1;
    }

    fn blanks(&mut self) {
        let end = self.place;
        while self.peek(0).is_some_and(is_space) {
            self.place += 1;
        }
        self.end_word(end);
        self.end_range(end);
        self.word.range = self.place..self.place;
        // HAProxy counts the word that a blank begins, even if nothing follows it.
        if self.words.len() >= MAX_WORDS {
            self.too_many.get_or_insert(end);
        }
    }

    /// Puts the word that ends there with the others, and begins one at the same place.
    fn end_word(&mut self, end: usize) {
        self.length += 1;
        let start = self.word.range.start;
        let next = Word {
            range: start..end,
            is_certain: true,
            bytes: Vec::new(),
        };
        let mut word = std::mem::replace(&mut self.word, next);
        word.range.end = end;
        // To HAProxy, written in C, a NUL ends it.
        if let Some(nul) = word.bytes.iter().position(|&byte| byte == 0) {
            word.bytes.truncate(nul);
        }
        // More would be refused anyway, and variables could make very many.
        match self.words.len() < MAX_WORDS {
            true => self.words.push(word),
            false => drop(self.too_many.get_or_insert(start)),
        }
    }

    /// All words that began at the same place end here.
    fn end_range(&mut self, end: usize) {
        let start = self.word.range.start;
        let words = self.words.iter_mut().rev();
        for word in words.take_while(|word| word.range.start == start) {
            word.range.end = end;
        }
    }

    fn backslash(&mut self, quote: Option<u8>) -> Result<(), Refused> {
        let (byte, length) = match self.peek(1) {
            Some(byte @ (b' ' | b'\\' | b'#' | b'\'' | b'"')) => (byte, 2),
            Some(b't') => (b'\t', 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b'$') if quote == Some(b'"') => (b'$', 2),
            Some(b'x') => {
                let digit = |byte: Option<u8>| char::from(byte.unwrap_or(0)).to_digit(16);
                let byte = digit(self.peek(2)).zip(digit(self.peek(3)));
                let byte = byte.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                let refused = Refused {
                    fault: Fault::Hexadecimal,
                    at: self.place,
                };
                (byte.ok_or(refused)?, 4)
            }
            // No escape: it stands for itself.
            _ => (b'\\', 1),
        };
        self.push(byte);
        self.place += length;
        Ok(())
    }

    /// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}`, `${NAME[*]-default}`.
    fn variable(&mut self) -> Result<(), Refused> {
        let line = self.line;
        self.place += 1;
        let brace = self.place;
        let is_braced = self.peek(0) == Some(b'{');
        self.place += usize::from(is_braced);
        let start = self.place;
        let first = self.peek(0).unwrap_or(0);
        let refused = |fault, at| Err(Refused { fault, at });
        if !first.is_ascii_alphabetic() && !b"_.".contains(&first) {
            return refused(Fault::VariableName, start);
        }
        self.place += usize::from(first == b'.');
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        while self.peek(0).is_some_and(is_part) {
            self.place += 1;
        }
        let name = line.get(start..self.place).unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        if first == b'.' && ![".FILE", ".LINE", ".SECTION"].contains(&&*name) {
            return refused(Fault::VariableName, start);
        }
        let value = (self.lookup)(&name);
        let is_split = is_braced && self.peek(0) == Some(b'[');
        if is_split {
            if self.peek(1) != Some(b'*') || self.peek(2) != Some(b']') {
                return refused(Fault::Expansion, self.place);
            }
            self.place += 3;
        }
        let mut default = None;
        if is_braced {
            if self.peek(0) == Some(b'-') {
                let start = self.place + 1;
                let rest = line.get(start..).unwrap_or_default();
                let Some(end) = rest.iter().position(|byte| b"}\0".contains(byte)) else {
                    return refused(Fault::Brace, brace);
                };
                default = rest.get(..end);
                self.default.get_or_insert(brace);
                self.place = start + end;
            }
            if self.peek(0) != Some(b'}') {
                return refused(Fault::Brace, brace);
            }
            self.place += 1;
        }
        self.word.is_certain &= value != Variable::Unknown;
        let value = match &value {
            Variable::Set(value) => value.as_bytes(),
            Variable::Unset | Variable::Unknown => default.unwrap_or_default(),
        };
        self.expanded = self.expanded.saturating_add(value.len());
        if self.expanded.saturating_add(line.len()) > MAX_EXPANDED {
            return refused(Fault::TooLong, start);
        }
        self.expand(value, is_split);
        Ok(())
    }

    fn expand(&mut self, value: &[u8], is_split: bool) {
        let is_certain = self.word.is_certain;
        let mut rest = value;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if is_split && is_space(byte) {
                while let Some((&byte, after)) = rest.split_first()
                    && is_space(byte)
                {
                    rest = after;
                }
                self.end_word(self.place);
                self.word.is_certain = is_certain;
                if self.words.len() >= MAX_WORDS {
                    self.too_many.get_or_insert(self.place);
                }
            } else {
                self.push(byte);
            }
        }
    }
}
