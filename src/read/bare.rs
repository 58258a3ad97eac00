//! The tolerant way, between the blocks: base64 that has lost its BEGIN line, or has none by
//! nature, and PEM or base64 in base64 once more.

use std::ops::RangeInclusive;

use super::around::is_blank;
use super::base64::{Secrecy, is_base64};
use super::body::{Body, Extent, Way};
use super::classify::{Item, Misfit};
use super::damaged::{DamagedReader, decode};
use super::label::Kind;
use super::markers::{self, Marker};
use super::source;
use super::text::Text;
use crate::error::Error;
use crate::finding::Code;
use crate::origin::Origin;

/// Fewer characters in a row than this are not taken for base64 without markers.
const BARE_MINIMUM: usize = 40;
/// Words of one length in this range may have been lines.
const LINE_LENGTHS: RangeInclusive<usize> = 60..=80;

impl DamagedReader<'_, '_, '_> {
    /// Looks for base64 without a BEGIN line in the text between blocks, which an END line may
    /// follow; says whether there was any.
    pub(super) fn gap(
        &mut self,
        from: usize,
        to: usize,
        end: Option<&Marker>,
    ) -> Result<bool, Error> {
        let mut found = false;
        // The first is tried up to the END line, over whatever stands between its lines.
        let mut as_block = end.is_some();
        let mut at = from;
        let mut run = from;
        while at < to {
            let gap = self.text.bytes().get(at..to).unwrap_or_default();
            let Some(start) = bare_start(gap, at > from) else {
                break;
            };
            self.note_text(gap.get(..start).unwrap_or_default(), at);
            // Several contents may be in one run, which is measured once.
            if at + start >= run {
                run = at + start + bare_length(gap.get(start..).unwrap_or_default());
            }
            let start = at + start;
            let mut next = None;
            if std::mem::take(&mut as_block) {
                next = self.bare(start, to, end)?;
            }
            if next.is_none() {
                next = self.bare(start, run, end)?;
            }
            found |= next.is_some();
            if next.is_none() {
                self.first_text.get_or_insert(self.text.line_at(start));
            }
            at = next.unwrap_or(run);
        }
        self.note_text(self.text.bytes().get(at..to).unwrap_or_default(), at);
        Ok(found)
    }

    fn note_text(&mut self, gap: &[u8], at: usize) {
        if let (None, Some(said)) = (
            self.first_text,
            gap.iter().position(u8::is_ascii_alphanumeric),
        ) {
            self.first_text = Some(self.text.line_at(at + said));
        }
    }

    /// Tries base64 without a BEGIN line; says how far it goes, if it is something.
    fn bare(
        &mut self,
        from: usize,
        to: usize,
        end: Option<&Marker>,
    ) -> Result<Option<usize>, Error> {
        let before = end.map_or(&b""[..], |end| self.line_begin(end.start));
        let body = Body::new(self.text, (from, to), before, Extent::Open);
        let to = body.content_end.unwrap_or(to);
        let origin = self.origin(from, to.saturating_sub(1));
        if self.wrapped(&body, &origin)? {
            return Ok(Some(to));
        }
        let (label, kind) = match end {
            Some(end) => (end.label.as_str(), Kind::of_label(&end.label)),
            None => ("base64", Kind::Unknown),
        };
        let (classified, mut repairs) = match decode(&body, Kind::Unknown, label, &origin) {
            Ok(decoded) => decoded,
            Err(misfit) => {
                let certain = self.text.bytes().get(from..from + 3) == Some(b"MII")
                    || misfit == Misfit::Endless;
                if !certain || misfit == Misfit::Different {
                    return Ok(None);
                }
                self.sink.count_block()?;
                self.sink.misfit(misfit, kind, label, &origin, "");
                return Ok(Some(to));
            }
        };
        let label = match &classified.item {
            Item::Certificate(_) => "CERTIFICATE",
            Item::Key(key) => key.label(),
            Item::EncryptedKey(_) => "ENCRYPTED PRIVATE KEY",
            Item::UnsupportedKey(_) => "PRIVATE KEY",
            Item::ContentInfo(_) => "PKCS7",
            Item::Pkcs12(_) => "PKCS12",
            Item::Unsupported(_) => "base64",
            Item::DhParameters(_) | Item::Unused => return Ok(None),
        };
        self.sink.count_block()?;
        repairs.extend(body.repairs.iter().copied());
        let code = match end {
            Some(_) => Code::MissingBegin,
            None => Code::BareBase64,
        };
        repairs.push((code, self.text.line_at(from)));
        self.repairs(&repairs, from, to, label);
        self.sink.item(classified.item.into(), label, &origin)?;
        Ok(Some(to))
    }

    /// Reads a file of PEM, or of base64, that was encoded in base64, once; says whether it is one.
    pub(super) fn wrapped(&mut self, body: &Body<'_>, origin: &Origin) -> Result<bool, Error> {
        if self.sink.wrapped.is_some() {
            return Ok(false);
        }
        let characters = body.characters(Way::Plain);
        if characters.are_der() {
            return Ok(false);
        }
        let inner = characters.decode(Secrecy::Secret).der;
        if markers::find(Text::new(&inner).bytes()).is_empty() && !is_base64_of_der(&inner) {
            return Ok(false);
        }
        let line = origin.first_line().unwrap_or(1);
        self.sink
            .repaired(Code::Base64Wrapped, origin.first(), "base64 of text");
        self.sink.wrapped = Some((line, origin.last_line().unwrap_or(line)));
        let outcome = source(self.sink, &inner);
        self.sink.wrapped = None;
        outcome.map(|()| true)
    }
}

/// Whether a text begins as the SEQUENCE of DER does in base64.
fn begins_as_der(text: &[u8]) -> bool {
    matches!(text, [b'M', b'A'..=b'I', ..])
}

/// How many characters of base64 a text begins with; what is DER may be in base64url.
fn word_length(text: &[u8], is_der: bool) -> usize {
    let is_url = |byte| is_der && matches!(byte, b'-' | b'_');
    let word = text.iter().take_while(|&&it| is_base64(it) || is_url(it));
    word.count()
}

/// Whether this is one DER structure in base64, in lines or not, and nothing else.
fn is_base64_of_der(text: &[u8]) -> bool {
    if !begins_as_der(text) {
        return false;
    }
    let text = Text::new(text);
    let body = Body::new(&text, (0, text.bytes().len()), b"", Extent::Open);
    let rest = body
        .content_end
        .and_then(|content_end| text.bytes().get(content_end..));
    rest.is_some_and(|rest| rest.trim_ascii().is_empty())
}

/// Where base64 of DER or of PEM may begin: at a word of enough base64 characters.
pub(super) fn bare_start(text: &[u8], inside: bool) -> Option<usize> {
    let mut at = 0;
    if inside {
        at = text.iter().take_while(|&&byte| is_base64(byte)).count();
    }
    while at < text.len() {
        let word = text.get(at..)?;
        let length = word_length(word, begins_as_der(word));
        // An assignment ends in an equals sign, but no word begins with one.
        let name = word
            .iter()
            .take(BARE_MINIMUM)
            .position(|&byte| byte == b'=')
            .map_or(0, |equals| equals + 1);
        if length >= BARE_MINIMUM + name {
            return Some(at + name);
        }
        at += length.max(1);
    }
    None
}

/// How far base64 goes on: to the end of its word, and over all lines that hold nothing else, also
/// where spaces came in place of their ends.
fn bare_length(text: &[u8]) -> usize {
    let is_der = begins_as_der(text);
    let rest = |at: usize| text.get(at..).unwrap_or_default();
    let word = |at| word_length(rest(at), is_der);
    let after_blanks = |at| at + rest(at).iter().take_while(|&&byte| is_blank(byte)).count();
    let first = word(0);
    let may_be_line = is_der && LINE_LENGTHS.contains(&first);
    let mut length = first;
    loop {
        let next = after_blanks(length);
        if next > length && may_be_line && (1..=first).contains(&word(next)) {
            length = next + word(next);
            if length - next < first {
                return length;
            }
            continue;
        }
        if text.get(next) != Some(&b'\n') {
            return length;
        }
        let start = after_blanks(next + 1);
        let end = start + word(start);
        if end == start || !matches!(text.get(after_blanks(end)), None | Some(b'\n')) {
            return length;
        }
        length = end;
    }
}
