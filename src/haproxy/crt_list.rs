//! A crt-list: one certificate a line, with options and SNI filters.
//!
//! HAProxy splits a line at blanks and brackets and knows no quotes and no escapes, so that a
//! file name cannot have a blank in it. Lines that begin with `#` are comments; a `#` further on
//! is a character like others.

use std::fmt;

use super::Version;
use crate::base::text::Printable;
use crate::finding::{Code, Finding, Severity};
use crate::origin::Origin;

/// The options of a line with how many values, as 2.6 has them.
const OPTIONS: [(&str, usize); 14] = [
    ("allow-0rtt", 0),
    ("alpn", 1),
    ("ca-file", 1),
    ("ca-verify-file", 1),
    ("ciphers", 1),
    ("ciphersuites", 1),
    ("crl-file", 1),
    ("curves", 1),
    ("ecdhe", 1),
    ("no-ca-names", 0),
    ("npn", 1),
    ("ssl-max-ver", 1),
    ("ssl-min-ver", 1),
    ("verify", 1),
];
/// Those that say what is spoken.
const PROTOCOL_OPTIONS: [&str; 8] = [
    "ciphers",
    "ciphersuites",
    "client-sigalgs",
    "curves",
    "ecdhe",
    "sigalgs",
    "ssl-max-ver",
    "ssl-min-ver",
];
/// Those that came with 2.8.
const OPTIONS_2_8: [(&str, usize); 3] = [("client-sigalgs", 1), ("ocsp-update", 1), ("sigalgs", 1)];

/// The longest line, in bytes, without its line end (HAProxy's `CRT_LINESIZE`, less two).
pub const MAX_LINE: usize = 65_534;
/// The most words of a line (HAProxy's `MAX_CRT_ARGS`).
pub const MAX_WORDS: usize = 2_048;

/// A crt-list as it stands in its file: edited, the rest stays as it was, byte for byte.
///
/// ```
/// use fullchain::haproxy::{CrtEntry, CrtList};
///
/// let text = b"# sites\na.pem [alpn h2] a.example !b.example\n";
/// let (mut list, findings) = CrtList::parse("sites.list", text);
/// assert!(findings.is_empty());
/// let (line, entry) = list.entries().next().expect("there is one");
/// assert_eq!((line, entry.file()), (2, "a.pem"));
/// assert_eq!(entry.filters(), ["a.example", "!b.example"]);
///
/// list.push(&CrtEntry::new("b.pem")?.filter("b.example")?);
/// assert_eq!(list.to_bytes(), b"# sites\na.pem [alpn h2] a.example !b.example\nb.pem b.example\n");
/// # Ok::<(), fullchain::haproxy::Unwritable>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrtList {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// With its line end, if it has one.
    bytes: Vec<u8>,
    /// `None` for comments, blank lines and what HAProxy would refuse.
    entry: Option<CrtEntry>,
}

/// A line of a crt-list that has a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrtEntry {
    file: String,
    options: Option<Vec<String>>,
    filters: Vec<String>,
}

impl CrtList {
    /// Reads a crt-list. The findings of severity `error` are those for which HAProxy does not
    /// start.
    pub fn parse(name: &str, bytes: &[u8]) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let lines = bytes.split_inclusive(|&byte| byte == b'\n').enumerate();
        let lines = lines.map(|(index, line)| {
            let number = index + 1;
            let origin = Origin::new(name).with_lines(number, number);
            let entry = match entry(line) {
                Ok(entry) => {
                    let is_comment = matches!(line.first(), Some(b'#' | b'\r'));
                    let odd = oddity(line).filter(|_| !is_comment);
                    findings.extend(odd.map(|message| {
                        let finding = Finding::new(Code::CrtListSyntax, message).at(&origin);
                        finding.with_severity(Severity::Warning)
                    }));
                    entry
                }
                Err(fault) => {
                    let message = format!("HAProxy refuses this line: {fault}");
                    let finding = Finding::new(Code::CrtListSyntax, message);
                    findings.push(finding.help(fault.cure()).at(&origin));
                    None
                }
            };
            Line {
                bytes: line.to_vec(),
                entry,
            }
        });
        let lines = lines.collect();
        (Self { lines }, findings)
    }

    /// A list without any line.
    pub fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// The certificates, each with its line, counted from 1.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &CrtEntry)> {
        let lines = self.lines.iter().enumerate();
        lines.filter_map(|(index, line)| Some((index + 1, line.entry.as_ref()?)))
    }

    /// The first line that begins a certificate or a key: then it is no list, and what stands there is
    /// not for everybody's eyes.
    pub(crate) fn pem_line(&self) -> Option<usize> {
        let mut entries = self.entries();
        let begins = |(_, entry): &(usize, &CrtEntry)| entry.file().ends_with("-----BEGIN");
        entries.find(begins).map(|(line, _)| line)
    }

    /// Adds a line at the end.
    pub fn push(&mut self, entry: &CrtEntry) {
        if let Some(last) = self.lines.last_mut()
            && !last.bytes.ends_with(b"\n")
        {
            last.bytes.push(b'\n');
            // Which makes it a line that HAProxy reads.
            last.entry = self::entry(&last.bytes).unwrap_or_default();
        }
        self.lines.push(Line {
            bytes: format!("{entry}\n").into_bytes(),
            entry: Some(entry.clone()),
        });
    }

    /// Puts another entry in the place of a line's; whether there is such an entry.
    pub fn replace(&mut self, line: usize, entry: &CrtEntry) -> bool {
        let place = line
            .checked_sub(1)
            .and_then(|index| self.lines.get_mut(index));
        let Some(place) = place.filter(|place| place.entry.is_some()) else {
            return false;
        };
        let end = match place.bytes.as_slice() {
            [.., b'\r', b'\n'] => "\r\n",
            [.., b'\n'] => "\n",
            _ => "",
        };
        place.bytes = format!("{entry}{end}").into_bytes();
        place.entry = Some(entry.clone());
        true
    }

    /// Takes a line out; whether it had an entry. Other lines are left alone.
    pub fn remove(&mut self, line: usize) -> bool {
        let index = line.wrapping_sub(1);
        let found = self
            .lines
            .get(index)
            .is_some_and(|line| line.entry.is_some());
        if found {
            self.lines.remove(index);
        }
        found
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines = self.lines.iter().map(|line| line.bytes.as_slice());
        lines.collect::<Vec<_>>().concat()
    }
}

impl Default for CrtList {
    fn default() -> Self {
        Self::new()
    }
}

impl CrtEntry {
    /// A line with a file alone.
    ///
    /// # Errors
    ///
    /// [`Unwritable`] for a name that a crt-list cannot hold.
    pub fn new(file: impl Into<String>) -> Result<Self, Unwritable> {
        let file = word(file.into())?;
        if file.starts_with('#') {
            return Err(Unwritable(file));
        }
        Ok(Self {
            file,
            options: None,
            filters: Vec::new(),
        })
    }

    /// What HAProxy shows of an entry, which may be what no crt-list could hold: a folder's files
    /// have any name.
    #[cfg(feature = "deploy")]
    pub(in crate::haproxy) fn shown(
        file: &str,
        options: Option<Vec<String>>,
        filters: Vec<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            options,
            filters,
        }
    }

    /// Adds an option, such as `alpn`, or its value.
    ///
    /// # Errors
    ///
    /// [`Unwritable`], as for [`new`](Self::new).
    pub fn option(mut self, option: impl Into<String>) -> Result<Self, Unwritable> {
        let option = word(option.into())?;
        self.options.get_or_insert_default().push(option);
        Ok(self)
    }

    /// Adds an SNI filter.
    ///
    /// # Errors
    ///
    /// [`Unwritable`], as for [`new`](Self::new).
    pub fn filter(mut self, filter: impl Into<String>) -> Result<Self, Unwritable> {
        self.filters.push(word(filter.into())?);
        Ok(self)
    }

    /// The file, as it stands there: relative names are below `crt-base`.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The words in brackets.
    pub fn options(&self) -> &[String] {
        self.options.as_deref().unwrap_or_default()
    }

    /// Whether it has settings of its own for versions, suites, groups or signatures, in the place of
    /// the bind line's.
    pub(in crate::haproxy) fn has_own_protocol(&self) -> bool {
        let mut options = self.options().iter();
        options.any(|option| PROTOCOL_OPTIONS.contains(&option.as_str()))
    }

    /// The first word in brackets that this version of HAProxy refuses as it knows no such option
    /// there: those of bind lines are not all for crt-lists. Of 3.0 and later not all are known here.
    pub fn unknown_option(&self, version: Version) -> Option<&str> {
        let has_more = version >= Version::of(2, 8);
        let more = OPTIONS_2_8.iter().filter(|_| has_more);
        let known: Vec<_> = OPTIONS.iter().chain(more).collect();
        let mut words = self.options().iter();
        while let Some(word) = words.next() {
            match known.iter().find(|(option, _)| option == word) {
                Some((_, 0)) => {}
                Some(_) => drop(words.next()),
                None if version.has_default_list() => return None,
                None => return Some(word),
            }
        }
        None
    }

    /// The SNI filters, as they stand there.
    pub fn filters(&self) -> &[String] {
        &self.filters
    }
}

impl fmt::Display for CrtEntry {
    /// The line as HAProxy reads it, without a line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(options) = &self.options {
            write!(f, " [{}]", options.join(" "))?;
        }
        for filter in &self.filters {
            write!(f, " {filter}")?;
        }
        Ok(())
    }
}

/// A word that a crt-list cannot hold: it is empty, has a blank or a bracket in it, or would
/// begin a comment. HAProxy has no way to quote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritable(pub String);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a crt-list cannot hold the word \"{}\": it has no quotes for blanks and brackets",
            Printable(&self.0)
        )
    }
}

impl std::error::Error for Unwritable {}

fn word(word: String) -> Result<String, Unwritable> {
    let is_odd = |byte: u8| is_space(byte) || matches!(byte, b'[' | b']' | 0);
    match word.is_empty() || word.len() > MAX_LINE || word.bytes().any(is_odd) {
        true => Err(Unwritable(word)),
        false => Ok(word),
    }
}

/// isspace() of C.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Why HAProxy refuses a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    TooLong,
    TooManyWords,
    Nul,
    NoNewline,
    NoFile,
    Opening,
    Closing,
    Unopened,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "it is longer than 65534 bytes",
            Self::TooManyWords => "it has more than 2048 words",
            Self::Nul => "it has a NUL character",
            Self::NoNewline => "the last line has no newline, so that the file may have been cut",
            Self::NoFile => "it begins with a bracket, and not with a file",
            Self::Opening => "it has more than one [",
            Self::Closing => "it has more than one ]",
            Self::Unopened => "it has a ] without a [",
        })
    }
}

impl Fault {
    fn cure(self) -> &'static str {
        match self {
            Self::TooLong | Self::TooManyWords => {
                "Give the certificate several lines, each with some of the filters"
            }
            Self::Nul => "Save the file as plain text",
            Self::NoNewline => "End the file with a newline, once it is sure to be whole",
            _ => "Write it as FILE [OPTION VALUE ...] FILTER ...",
        }
    }
}

/// What HAProxy does with a line that it should better refuse.
fn oddity(line: &[u8]) -> Option<&'static str> {
    let text = line.trim_ascii_end();
    if text.is_empty()
        && line
            .first()
            .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
    {
        return Some(
            "a line of blanks alone may make HAProxy load the certificate above it once more",
        );
    }
    let opened = line.iter().position(|&byte| byte == b'[')?;
    let before = line.get(..opened)?.split(|&byte| is_space(byte));
    if !line.contains(&b']') {
        Some("there is a [ without a ]: HAProxy takes what follows for SNI filters")
    } else if before.filter(|word| !word.is_empty()).count() > 1 {
        Some("HAProxy passes over the words between the file and the options")
    } else {
        None
    }
}

/// What a line says: nothing, an entry, or what HAProxy refuses.
fn entry(line: &[u8]) -> Result<Option<CrtEntry>, Fault> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    if text.len() > MAX_LINE {
        return Err(Fault::TooLong);
    }
    if matches!(text.first(), None | Some(b'#' | b'\r')) {
        return Ok(None);
    }
    if text.contains(&0) {
        return Err(Fault::Nul);
    }
    if text.len() == line.len() {
        return Err(Fault::NoNewline);
    }
    let mut words: Vec<Vec<u8>> = Vec::new();
    let (mut opened, mut closed, mut in_word) = (None, None, false);
    for &byte in text {
        match byte {
            byte if is_space(byte) => in_word = false,
            b'[' if opened.is_some() => return Err(Fault::Opening),
            b'[' if words.is_empty() => return Err(Fault::NoFile),
            b'[' => (opened, in_word) = (Some(words.len()), false),
            b']' if closed.is_some() => return Err(Fault::Closing),
            b']' if opened.is_none() => return Err(Fault::Unopened),
            b']' => (closed, in_word) = (Some(words.len()), false),
            byte => {
                if !in_word {
                    if words.len() == MAX_WORDS {
                        return Err(Fault::TooManyWords);
                    }
                    words.push(Vec::new());
                    in_word = true;
                }
                if let Some(word) = words.last_mut() {
                    word.push(byte);
                }
            }
        }
    }
    let words: Vec<String> = words
        .into_iter()
        .map(|word| String::from_utf8_lossy(&word).into_owned())
        .collect();
    let Some((file, rest)) = words.split_first() else {
        return Ok(None);
    };
    // Counted from the word after the file. Words before the options go unread, and without a ]
    // what follows are filters.
    let opened = opened.map(|opened| opened - 1);
    let rest = rest.get(opened.unwrap_or(0)..).unwrap_or_default();
    let length = opened
        .zip(closed)
        .map_or(0, |(opened, closed)| closed - 1 - opened);
    let (option_words, filters) = rest.split_at_checked(length).unwrap_or_default();
    Ok(Some(CrtEntry {
        file: file.clone(),
        options: opened.map(|_| option_words.to_vec()),
        filters: filters.to_vec(),
    }))
}
