//! Where everything that is read ends up, with what there is to say about it.

use std::sync::Arc;

use super::classify::{Classified, Item, Misfit};
use super::label::Kind;
use super::unlock::Unlock;
use super::{Expected, Limits, Material, Unreadable};
use crate::error::Error;
use crate::finding::{Code, Finding};
use crate::origin::Origin;

/// Gathers one source's items and findings.
pub(super) struct Sink<'a> {
    source: Arc<str>,
    pub(super) limits: &'a Limits,
    blocks: &'a mut usize,
    pub(super) unlock: &'a mut Unlock,
    pub(super) material: Material,
    /// Repairs that concern the text as a whole: said once a source, with how often they occur.
    general: Vec<(Code, Origin, usize)>,
    /// Set while a base64-wrapped file is read: its lines have no place in the source.
    pub(super) wrapped: Option<(usize, usize)>,
    entry: Option<Entry>,
}

/// An entry of a manifest, which is read as a source of its own.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) part: Arc<str>,
    /// The lines of the source on which it stands.
    pub(super) first_line: usize,
    pub(super) last_line: usize,
    /// Where its own first line stands, if its lines are lines of the source.
    pub(super) text_line: Option<usize>,
}

impl Entry {
    /// Which line of the source one of its own is, if it is any.
    fn line(&self, line: usize) -> Option<usize> {
        let line = self.text_line?.saturating_add(line.saturating_sub(1));
        // What YAML takes for a line end may be none elsewhere.
        Some(line.min(self.last_line))
    }
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        source: &str,
        limits: &'a Limits,
        blocks: &'a mut usize,
        unlock: &'a mut Unlock,
    ) -> Self {
        Self {
            source: source.into(),
            limits,
            blocks,
            unlock,
            material: Material::default(),
            general: Vec::new(),
            wrapped: None,
            entry: None,
        }
    }

    /// A sink for an entry of this source, whose material is to be added to this one's.
    pub(super) fn of_entry(&mut self, entry: Entry) -> Sink<'_> {
        Sink {
            source: Arc::clone(&self.source),
            limits: self.limits,
            blocks: &mut *self.blocks,
            unlock: &mut *self.unlock,
            material: Material::default(),
            general: Vec::new(),
            wrapped: None,
            entry: Some(entry),
        }
    }

    /// The same for an entry whose lines, from this one on, are lines of the source.
    pub(super) fn with_text_line(mut self, line: Option<usize>) -> Self {
        if let Some(entry) = &mut self.entry {
            entry.text_line = line;
        }
        self
    }

    /// Whether the source itself is read, and nothing that is in it.
    pub(super) fn is_outermost(&self) -> bool {
        self.wrapped.is_none() && self.entry.is_none()
    }

    /// Whether the lines that are read are lines of the source.
    pub(super) fn has_lines(&self) -> bool {
        let decoded = |entry: &Entry| entry.text_line.is_none();
        self.wrapped.is_none() && !self.entry.as_ref().is_some_and(decoded)
    }

    /// How many blocks may still come.
    pub(super) fn room(&self) -> usize {
        self.limits.max_blocks.saturating_sub(*self.blocks)
    }

    /// Counts a block against the limit.
    pub(super) fn count_block(&mut self) -> Result<(), Error> {
        if self.room() == 0 {
            return Err(Error::TooManyBlocks {
                source_name: self.source.to_string(),
                limit: self.limits.max_blocks,
            });
        }
        *self.blocks += 1;
        Ok(())
    }

    pub(super) fn whole(&self) -> Origin {
        let source = Origin::new(Arc::clone(&self.source));
        match &self.entry {
            Some(entry) => source
                .with_part(Arc::clone(&entry.part))
                .with_lines(entry.first_line, entry.last_line),
            None => source,
        }
    }

    pub(super) fn origin(&self, first: usize, last: usize) -> Origin {
        if let Some((first, last)) = self.wrapped {
            return self.whole().with_lines(first, last);
        }
        match &self.entry {
            Some(entry) => match (entry.line(first), entry.line(last)) {
                (Some(first), Some(last)) => self.whole().with_lines(first, last),
                _ => self.whole(),
            },
            None => self.whole().with_lines(first, last),
        }
    }

    /// A line of the text that is read, in words, for people to find it.
    pub(super) fn line(&self, line: usize) -> String {
        let line_of_source = match &self.entry {
            _ if self.wrapped.is_some() => None,
            Some(entry) => entry.line(line),
            None => Some(line),
        };
        match line_of_source {
            Some(line) => format!("line {line}"),
            None => format!("line {line} of what it decodes to"),
        }
    }

    /// Whether nothing was found but text, if that.
    pub(super) fn is_idle(&self) -> bool {
        let said = &self.material.findings;
        self.material.is_empty()
            && said
                .iter()
                .all(|finding| finding.code != Code::BlockLeftOut)
    }

    pub(super) fn text_ignored(&mut self, first_line: Option<usize>) {
        if let (Some(line), false) = (first_line, self.is_idle()) {
            let origin = self.origin(line, line);
            let message = "text around the blocks was ignored";
            self.say(Finding::new(Code::TextIgnored, message).at(&origin));
        }
    }

    pub(super) fn no_final_newline(&mut self, last_line: usize) {
        if self.is_outermost() {
            let origin = self.origin(last_line, last_line);
            let message = "the last line has no newline";
            self.say(Finding::new(Code::NoFinalNewline, message).at(&origin));
        }
    }

    pub(super) fn say(&mut self, finding: Finding) {
        self.material.findings.push(finding);
    }

    /// A repair: said at once, or with others of its code at the end of the source.
    pub(super) fn repaired(&mut self, code: Code, origin: Origin, label: &str) {
        if is_general(code) {
            match self.general.iter_mut().find(|(known, ..)| *known == code) {
                Some((.., count)) => *count += 1,
                None => self.general.push((code, origin, 1)),
            }
        } else {
            let message = format!("{} ({label})", describe(code));
            self.say(Finding::new(code, message).at(&origin));
        }
    }

    /// # Errors
    ///
    /// When there are too many in it.
    pub(super) fn item(
        &mut self,
        classified: Classified,
        label: &str,
        origin: &Origin,
    ) -> Result<(), Error> {
        for code in classified.repairs {
            self.repaired(code, origin.first(), label);
        }
        match classified.item {
            Item::Certificate(certificate) => self.material.certificates.push(certificate),
            Item::Key(key) => self.material.keys.push(key),
            Item::DhParameters(parameters) => self.material.dh_parameters.push(parameters),
            Item::ContentInfo(ber) => self.content_info(&ber, label, origin)?,
            Item::Pkcs12(ber) => self.pkcs12(&ber, origin)?,
            Item::EncryptedKey(key) => self.encrypted_key(&key, origin),
            Item::UnsupportedKey(what) => self.unsupported_key(&what, origin),
            Item::Unsupported(help) => self.unreadable(
                Expected::Any,
                Finding::new(
                    Code::UnsupportedFormat,
                    format!("{label} is in a format that is recognised, but not read"),
                )
                .at(origin)
                .help(help),
            ),
            Item::Unused => self
                .say(Finding::new(Code::BlockLeftOut, format!("{label} was left out")).at(origin)),
        }
        Ok(())
    }

    pub(super) fn unsupported_key(&mut self, what: &str, origin: &Origin) {
        let message = format!("the private key is {what}, which is not supported");
        let finding = Finding::new(Code::UnsupportedKey, message);
        self.unreadable(Expected::Key, finding.at(origin));
    }

    /// What cannot be read; the hint says more about the place of the damage, if it is known.
    pub(super) fn misfit(
        &mut self,
        misfit: Misfit,
        kind: Kind,
        label: &str,
        origin: &Origin,
        hint: &str,
    ) {
        let finding = match misfit {
            Misfit::Truncated { bytes, stated } => Finding::new(
                Code::Truncated,
                format!(
                    "{label} ends too early: it states {stated} bytes, of which {bytes} are there; more was expected {}{hint}",
                    match origin.last_line() {
                        Some(line) => format!("up to line {line}"),
                        None => "at the end".to_owned(),
                    }
                ),
            ),
            Misfit::Endless => Finding::new(
                Code::Truncated,
                format!(
                    "{label} ends too early: it states no length (BER), and its end is missing{hint}"
                ),
            ),
            Misfit::Different => Finding::new(
                Code::NotACertificate,
                format!("the content is not what {label} promises, nor a certificate or key{hint}"),
            ),
        };
        self.unreadable(Expected::of(kind), finding.at(origin));
    }

    pub(super) fn unreadable(&mut self, expected: Expected, finding: Finding) {
        self.material
            .unreadable
            .push(Unreadable { expected, finding });
    }

    pub(super) fn finish(mut self) -> Material {
        for (code, origin, count) in std::mem::take(&mut self.general) {
            let message = match count {
                1 => describe(code).to_owned(),
                _ => format!("{} (in {count} blocks, the first here)", describe(code)),
            };
            self.say(Finding::new(code, message).at(&origin));
        }
        self.material
    }
}

/// Whether a repair is about how the text was handled, and so likely to be everywhere in it.
fn is_general(code: Code) -> bool {
    matches!(
        code,
        Code::LineEndings
            | Code::InvisibleCharacters
            | Code::TerminalCodes
            | Code::EscapedCharacters
            | Code::PercentEncoding
            | Code::HtmlMarkup
            | Code::QuotedPrintable
            | Code::LinePrefix
            | Code::BlankLines
            | Code::Whitespace
            | Code::StrayCharacters
            | Code::LineLength
            | Code::Base64Url
            | Code::Base64Wrapped
    )
}

/// What was done, in a few words.
fn describe(code: Code) -> &'static str {
    match code {
        Code::ByteOrderMark => "a byte-order mark was removed",
        Code::Utf16 => "the text was UTF-16",
        Code::LineEndings => "line ends were CR LF or CR",
        Code::InvisibleCharacters => "invisible characters were removed",
        Code::TerminalCodes => "terminal codes were removed",
        Code::EscapedCharacters => "escaped characters were decoded",
        Code::PercentEncoding => "percent-encoding was decoded",
        Code::HtmlMarkup => "HTML or XML markup was removed",
        Code::QuotedPrintable => "quoted-printable encoding was decoded",
        Code::Base64Wrapped => "a whole file was encoded in base64 once more",
        Code::JoinedMarkers => "a marker stood on one line with other text",
        Code::MarkerSpelling => "a BEGIN or END line was misspelt",
        Code::LabelMismatch => "BEGIN and END named different things",
        Code::WrongLabel => {
            "the content is something else than the label says; the content decided"
        }
        Code::MissingBegin => "the BEGIN line was missing",
        Code::MissingEnd => "the END line was missing",
        Code::RepeatedMarker => "a BEGIN line with nothing after it was removed",
        Code::BareBase64 => "base64 without BEGIN and END lines was taken for what it holds",
        Code::LinePrefix => "indentation or a prefix was taken off the lines",
        Code::BlankLines => "blank lines inside a block were removed",
        Code::Whitespace => "spaces inside a block were removed",
        Code::StrayCharacters => "quotes or other characters around lines were removed",
        Code::TextInBlock => "a line of text inside a block was removed",
        Code::PemHeaders => "header lines inside a block were removed",
        Code::LineLength => "the lines were not of 64 characters",
        Code::Base64Padding => "the padding of the base64 was wrong",
        Code::Base64Url => "base64url was taken for base64",
        Code::SpacesForPlus => "spaces in the base64 were plus signs",
        Code::TrailingData => "bytes after the content were removed",
        _ => code.cause(),
    }
}
