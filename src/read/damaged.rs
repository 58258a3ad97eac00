//! The tolerant way, whole: from damaged text to items, each repair with its line.

use super::base64::{Secrecy, is_base64};
use super::body::{Body, Way};
use super::classify::{Classified, Item, Misfit, classify};
use super::label::Kind;
use super::markers::{self, Edge, Marker};
use super::sink::Sink;
use super::text::Text;
use super::{Expected, source};
use crate::error::Error;
use crate::finding::{Code, Finding};
use crate::origin::Origin;

/// A PEM file in base64 once more begins like this: `-----BEGIN `.
const WRAPPED_BEGIN: &[u8] = b"LS0tLS1CRUdJTi";
/// Fewer characters in a row than this are not taken for base64 without markers.
const BARE_MINIMUM: usize = 40;
/// An excerpt is cut after this many characters.
const EXCERPT: usize = 72;

pub(super) fn read(sink: &mut Sink<'_>, bytes: &[u8]) -> Result<(), Error> {
    let text = Text::new(bytes);
    let markers = markers::find(text.bytes());
    let mut reader = DamagedReader {
        text: &text,
        markers: &markers,
        sink,
        first_text: None,
    };
    reader.read()?;
    if let Some(line) = reader.first_text {
        let origin = sink.origin(line, line);
        sink.say(Finding::new(Code::TextIgnored, "text around the blocks was ignored").at(&origin));
    }
    Ok(())
}

struct DamagedReader<'t, 's, 'l> {
    text: &'t Text,
    markers: &'t [Marker],
    sink: &'s mut Sink<'l>,
    first_text: Option<usize>,
}

impl<'t> DamagedReader<'t, '_, '_> {
    /// Pairs the markers, and looks at the text between the pairs.
    fn read(&mut self) -> Result<(), Error> {
        let mut done = 0;
        let mut markers = self.markers.iter().peekable();
        while let Some(marker) = markers.next() {
            let found = self.gap(done, marker.start, marker.edge == Edge::End)?;
            done = marker.end;
            match marker.edge {
                Edge::Begin => {
                    let end = markers.next_if(|next| next.edge == Edge::End);
                    let limit = match (end, markers.peek()) {
                        (Some(end), _) => end.start,
                        (None, Some(next)) => next.start,
                        (None, None) => self.text.bytes().len(),
                    };
                    self.sink.count_block()?;
                    self.block(marker, end, limit);
                    done = end.map_or(limit, |end| end.end);
                }
                Edge::End if !found => {
                    let origin = self.origin(marker.start, marker.end);
                    let kind = Kind::of_label(&marker.label);
                    let finding = Finding::new(
                        Code::OrphanMarker,
                        format!(
                            "END {} has no BEGIN, and nothing before it can be read; a BEGIN line was expected above",
                            marker.label
                        ),
                    );
                    self.sink
                        .unreadable(Expected::of(kind), finding.at(&origin));
                }
                Edge::End => {}
            }
        }
        self.gap(done, self.text.bytes().len(), false)?;
        Ok(())
    }

    fn block(&mut self, begin: &Marker, end: Option<&Marker>, limit: usize) {
        let label = begin.label.as_str();
        let kind = Kind::of_label(label);
        let before = self.before(begin.start);
        let body = Body::new(self.text, begin.end, limit, before);
        let last = end.map_or(limit.saturating_sub(1), |end| end.end);
        let origin = self.origin(begin.start, last);
        if body.is_empty() && kind != Kind::Unused {
            return self.empty(label, kind, end, &origin);
        }
        let mut repairs = self.marker_repairs(begin, end, &body);
        repairs.extend(body.repairs.iter().copied());
        let outcome = match body.encrypted {
            true => Ok((plain(Item::EncryptedKey), Vec::new())),
            false => decode(&body, kind, label, &origin),
        };
        match outcome {
            Ok((mut classified, found)) => {
                repairs.extend(found);
                if let Some(stray) = body.stray {
                    repairs.push((Code::TextInBlock, stray.line));
                }
                if end.is_none() {
                    // What follows without an END line is text, not part of the content.
                    classified
                        .repairs
                        .retain(|&code| code != Code::TrailingData);
                }
                self.repairs(&repairs, begin.start, last, label);
                self.sink.item(classified, label, &origin);
            }
            Err(misfit) => self.unreadable(misfit, &body, kind, label, &origin),
        }
    }

    fn empty(&mut self, label: &str, kind: Kind, end: Option<&Marker>, origin: &Origin) {
        match end {
            None => {
                self.sink
                    .repaired(Code::RepeatedMarker, origin.first(), label);
            }
            Some(_) => self.sink.unreadable(
                Expected::of(kind),
                Finding::new(
                    Code::OrphanMarker,
                    format!("{label} is empty; base64 was expected between BEGIN and END"),
                )
                .at(origin),
            ),
        }
    }

    fn unreadable(
        &mut self,
        misfit: Misfit,
        body: &Body<'_>,
        kind: Kind,
        label: &str,
        origin: &Origin,
    ) {
        let Some(stray) = body.stray else {
            return self.sink.misfit(misfit, kind, label, origin);
        };
        let place = self.sink.origin(stray.line, stray.line);
        let finding = Finding::new(
            Code::CorruptBase64,
            format!(
                "{label} is corrupt: '{}' at line {}, column {}, where a base64 character was expected",
                stray.character, stray.line, stray.column
            ),
        );
        self.sink.unreadable(Expected::of(kind), finding.at(&place));
    }

    fn marker_repairs(
        &self,
        begin: &Marker,
        end: Option<&Marker>,
        body: &Body<'_>,
    ) -> Vec<(Code, usize)> {
        let line = |place| self.text.line_at(place);
        let mut repairs = Vec::new();
        let before = self.before(begin.start).trim_ascii();
        let prefixed = body
            .repairs
            .iter()
            .any(|(code, _)| *code == Code::LinePrefix);
        if (!before.is_empty() && !prefixed) || !self.after(begin.end).trim_ascii().is_empty() {
            repairs.push((Code::JoinedMarkers, line(begin.start)));
        }
        if !begin.exact {
            repairs.push((Code::MarkerSpelling, line(begin.start)));
        }
        match end {
            Some(end) => {
                let glued = self.before(end.start).iter().any(|&byte| is_base64(byte));
                if glued
                    && !prefixed
                    && !repairs.iter().any(|(code, _)| *code == Code::JoinedMarkers)
                {
                    repairs.push((Code::JoinedMarkers, line(end.start)));
                }
                if !end.exact && begin.exact {
                    repairs.push((Code::MarkerSpelling, line(end.start)));
                }
                if end.label != begin.label {
                    repairs.push((Code::LabelMismatch, line(end.start)));
                }
            }
            None => repairs.push((Code::MissingEnd, line(begin.start))),
        }
        repairs
    }

    /// Says the repairs of one block: its own, and what was undone in its text.
    fn repairs(&mut self, own: &[(Code, usize)], from: usize, to: usize, label: &str) {
        for (code, place, _) in self.text.repairs_within(from, to) {
            // Typographic hyphens are said by their marker.
            if code != Code::MarkerSpelling {
                self.sink.repaired(code, self.origin(place, place), label);
            }
        }
        for &(code, line) in own {
            let origin = self.line(line);
            self.sink.repaired(code, origin, label);
        }
    }

    /// Looks for base64 without markers in the text between blocks; says whether there was any.
    fn gap(&mut self, from: usize, to: usize, before_end: bool) -> Result<bool, Error> {
        let mut found = false;
        let mut at = from;
        while at < to {
            let gap = self.text.bytes().get(at..to).unwrap_or_default();
            let Some(start) = bare_start(gap, at > from) else {
                break;
            };
            self.note_text(gap.get(..start).unwrap_or_default(), at);
            let end = at + start + bare_length(gap.get(start..).unwrap_or_default());
            if self.bare(at + start, end, before_end)? {
                found = true;
            } else {
                self.first_text.get_or_insert(self.text.line_at(at + start));
            }
            at = end;
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

    /// Tries a run of base64 without a BEGIN line.
    fn bare(&mut self, from: usize, to: usize, before_end: bool) -> Result<bool, Error> {
        let body = Body::new(self.text, from, to, b"");
        let origin = self.origin(from, to.saturating_sub(1));
        let run = self.text.bytes().get(from..to).unwrap_or_default();
        if run.starts_with(WRAPPED_BEGIN) {
            return self.wrapped(&body, &origin);
        }
        let Ok((mut classified, mut repairs)) = decode(&body, Kind::Unknown, "base64", &origin)
        else {
            return Ok(false);
        };
        let (label, useful) = match &classified.item {
            Item::Certificate(_) => ("CERTIFICATE", true),
            Item::Key(key) => (key.label(), true),
            Item::EncryptedKey => ("ENCRYPTED PRIVATE KEY", true),
            Item::UnsupportedKey(_) => ("PRIVATE KEY", true),
            _ => ("", false),
        };
        if !useful {
            return Ok(false);
        }
        self.sink.count_block()?;
        classified.repairs.clear();
        repairs.extend(body.repairs.iter().copied());
        let code = match before_end {
            true => Code::MissingBegin,
            false => Code::BareBase64,
        };
        repairs.push((code, self.text.line_at(from)));
        self.repairs(&repairs, from, to, label);
        self.sink.item(classified, label, &origin);
        Ok(true)
    }

    /// Reads a PEM file that was encoded in base64, once.
    fn wrapped(&mut self, body: &Body<'_>, origin: &Origin) -> Result<bool, Error> {
        if self.sink.wrapped.is_some() {
            return Ok(false);
        }
        let inner = body.characters(Way::Plain).decode(Secrecy::Secret).der;
        if inner.is_empty() {
            return Ok(false);
        }
        let line = origin.first_line().unwrap_or(1);
        self.sink
            .repaired(Code::Base64Wrapped, origin.first(), "base64 of PEM");
        self.sink.wrapped = Some((line, origin.last_line().unwrap_or(line)));
        let outcome = source(self.sink, &inner);
        self.sink.wrapped = None;
        outcome.map(|()| true)
    }

    /// The text before a place, on the same line.
    fn before(&self, place: usize) -> &'t [u8] {
        let text = self.text.bytes().get(..place).unwrap_or_default();
        let start = memchr::memrchr(b'\n', text).map_or(0, |newline| newline + 1);
        text.get(start..).unwrap_or_default()
    }

    /// The text after a place, on the same line.
    fn after(&self, place: usize) -> &'t [u8] {
        let text = self.text.bytes().get(place..).unwrap_or_default();
        let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
        text.get(..end).unwrap_or_default()
    }

    /// The lines between two places, with the first one's text, masked.
    fn origin(&self, from: usize, to: usize) -> Origin {
        let origin = self
            .sink
            .origin(self.text.line_at(from), self.text.line_at(to));
        match self.sink.wrapped {
            Some(_) => origin,
            None => origin.with_excerpt(self.excerpt(from)),
        }
    }

    /// One line of the source, with its text, masked.
    fn line(&self, line: usize) -> Origin {
        let place = self.text.line_start(line);
        self.origin(place, place)
    }

    /// The line of a place, of which only markers and punctuation are shown: what is no marker
    /// may be part of a key.
    fn excerpt(&self, place: usize) -> String {
        let start = place - self.before(place).len();
        let end = place + self.after(place).len();
        let first = self.markers.partition_point(|marker| marker.end <= start);
        let mut markers = self.markers.iter().skip(first).peekable();
        let mut excerpt = String::new();
        for (offset, &byte) in self
            .text
            .bytes()
            .get(start..end)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            if offset == EXCERPT {
                excerpt.push('…');
                break;
            }
            let at = start + offset;
            while markers.next_if(|marker| marker.end <= at).is_some() {}
            let shown = markers.peek().is_some_and(|marker| marker.start <= at);
            excerpt.push(match shown || !is_base64(byte) {
                true => char::from(byte),
                false => '·',
            });
        }
        excerpt
    }
}

/// Decodes a body the first way that makes sense, and says what was repaired on the way.
fn decode(
    body: &Body<'_>,
    kind: Kind,
    label: &str,
    origin: &Origin,
) -> Result<(Classified, Vec<(Code, usize)>), Misfit> {
    let mut first_misfit = None;
    for way in Way::ALL {
        if !body.offers(way) {
            continue;
        }
        let decoded = body.characters(way).decode(kind.secrecy());
        match classify(kind, label, decoded.der, origin) {
            Ok(classified) => return Ok((classified, decoded.repairs)),
            Err(misfit) => {
                first_misfit.get_or_insert(misfit);
            }
        }
    }
    Err(first_misfit.unwrap_or(Misfit::Different))
}

fn plain(item: Item) -> Classified {
    Classified {
        item,
        repairs: Vec::new(),
    }
}

/// Where base64 of DER or of PEM may begin: at a word of enough base64 characters.
fn bare_start(text: &[u8], inside: bool) -> Option<usize> {
    let mut previous_ends_word = !inside;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let word = text.get(at..)?;
        if previous_ends_word && matches!(byte, b'M' | b'L') {
            let length = word.iter().take_while(|&&byte| is_base64(byte)).count();
            if length >= BARE_MINIMUM {
                return Some(at);
            }
            at += length;
            previous_ends_word = false;
            continue;
        }
        previous_ends_word = !is_base64(byte) || byte == b'=';
        at += 1;
    }
    None
}

/// How far base64 goes on: to the end of its word, and over all lines that hold nothing else.
fn bare_length(text: &[u8]) -> usize {
    let mut length = 0;
    for (number, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let word = match number {
            0 => line,
            _ => line.trim_ascii(),
        };
        let characters = word.iter().take_while(|&&byte| is_base64(byte)).count();
        let pure = word.trim_ascii_end().len() == characters;
        if number > 0 && (!pure || characters == 0) {
            break;
        }
        if !pure {
            return length + characters;
        }
        length += line.len();
    }
    length
}
