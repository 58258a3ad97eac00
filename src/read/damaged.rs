//! The tolerant way, whole: from damaged text to items, each repair with its line.

use super::Expected;
use super::around::unwrap;
use super::bare::bare_start;
use super::base64::{Secrecy, is_base64};
use super::body::{Body, Extent, Way};
use super::classify::{Classified, Item, Misfit, classify};
use super::label::Kind;
use super::markers::{self, Edge, Marker};
use super::sink::Sink;
use super::text::Text;
use super::unlock::Encrypted;
use crate::error::Error;
use crate::finding::{Code, Finding};
use crate::origin::Origin;

/// An excerpt is cut after this many characters.
const EXCERPT: usize = 72;
/// How far around a marker its line is looked at: a line may be the whole source.
const VICINITY: usize = 160;

pub(super) fn read(sink: &mut Sink<'_>, bytes: &[u8]) -> Result<(), Error> {
    let text = Text::new(bytes);
    let mut markers = markers::find(text.bytes());
    return_hyphens(&text, &mut markers);
    let mut reader = DamagedReader {
        text: &text,
        markers: &markers,
        sink,
        first_text: None,
    };
    reader.read()?;
    let first_text = reader.first_text;
    sink.text_ignored(first_text);
    let last = markers.last().filter(|last| last.edge == Edge::End);
    if last.is_some_and(|last| last.end == text.bytes().len()) && !bytes.ends_with(b"\n") {
        sink.no_final_newline(text.line_at(text.bytes().len()));
    }
    Ok(())
}

/// Gives hyphens that were taken for a marker's back to the content, if that is in base64url and
/// lacks them.
fn return_hyphens(text: &Text, markers: &mut [Marker]) {
    for at in 1..markers.len() {
        let Some([begin, next]) = markers.get_mut(at - 1..=at) else {
            return;
        };
        let Some(later) = next.start_after_break(text.bytes()) else {
            continue;
        };
        let is_whole = |to| {
            let body = Body::new(text, (begin.end, to), b"", Extent::Open);
            body.content_end.is_some()
        };
        if begin.edge == Edge::Begin && !is_whole(next.start) && is_whole(later) {
            next.start = later;
        }
    }
}

pub(super) struct DamagedReader<'t, 's, 'l> {
    pub(super) text: &'t Text,
    markers: &'t [Marker],
    pub(super) sink: &'s mut Sink<'l>,
    pub(super) first_text: Option<usize>,
}

impl<'t> DamagedReader<'t, '_, '_> {
    /// Pairs the markers, and looks at the text between the pairs.
    fn read(&mut self) -> Result<(), Error> {
        let mut done = 0;
        let mut index = 0;
        while let Some(marker) = self.markers.get(index) {
            let end = (marker.edge == Edge::End).then_some(marker);
            let found = self.gap(done, marker.start, end)?;
            done = marker.end;
            index += 1;
            match marker.edge {
                Edge::Begin => {
                    self.sink.count_block()?;
                    let next = self.markers.get(index);
                    done = self.block(marker, next)?;
                    index += usize::from(next.is_some_and(|next| next.end == done));
                }
                Edge::End if !found => {
                    self.sink.count_block()?;
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
        self.gap(done, self.text.bytes().len(), None)?;
        Ok(())
    }

    /// Reads the block that a marker begins, and says how far it goes: to the end of the next
    /// marker, when that is its END line.
    fn block(&mut self, begin: &Marker, next: Option<&Marker>) -> Result<usize, Error> {
        let label = begin.label.as_str();
        let kind = Kind::of_label(label);
        let limit = next.map_or(self.text.bytes().len(), |next| next.start);
        let mut end = next.filter(|next| next.edge == Edge::End);
        let mut body = self.body(begin, limit, end);
        if let (Some(_), Some(content_end)) = (end, body.content_end)
            && self.is_start_of_content(content_end, limit)
        {
            // The END line belongs to that, and this block has none.
            end = None;
            body = self.body(begin, limit, end);
        }
        let to = match (end, body.content_end) {
            (Some(end), _) => end.end,
            (None, Some(content_end)) => content_end,
            (None, None) => limit,
        };
        let origin = self.origin(begin.start, to.saturating_sub(1).max(begin.start));
        if body.is_empty() && kind != Kind::Unused {
            self.empty(begin, next, &origin);
            return Ok(to);
        }
        if body.encryption.is_none() && self.wrapped(&body, &origin)? {
            return Ok(to);
        }
        let decoded = match &body.encryption {
            Some(info) => Ok(encrypted(&body, info)),
            None => decode(&body, kind, label, &origin),
        };
        match decoded {
            Ok((classified, found)) => {
                let mut repairs = self.marker_repairs(begin, end, &body);
                repairs.extend(body.repairs.iter().copied());
                repairs.extend(found);
                if let Some(stray) = body.stray {
                    repairs.push((Code::TextInBlock, self.text.line_at(stray.place)));
                }
                self.repairs(&repairs, begin.start, to, label);
                self.sink.item(classified, label, &origin)?;
            }
            Err(misfit) => self.unreadable(misfit, &body, begin, end, &origin),
        }
        Ok(to)
    }

    fn body(&self, begin: &Marker, limit: usize, end: Option<&Marker>) -> Body<'t> {
        let extent = match end {
            Some(_) => Extent::Closed,
            None => Extent::Open,
        };
        let before = self.line_begin(begin.start);
        Body::new(self.text, (begin.end, limit), before, extent)
    }

    /// Whether a structure that is whole begins on a line of its own after another one.
    fn is_start_of_content(&self, from: usize, to: usize) -> bool {
        let rest = self.text.bytes().get(from..to).unwrap_or_default();
        let Some(start) = bare_start(rest, true) else {
            return false;
        };
        let body = Body::new(self.text, (from + start, to), b"", Extent::Open);
        body.content_end.is_some()
    }

    fn empty(&mut self, begin: &Marker, next: Option<&Marker>, origin: &Origin) {
        let label = begin.label.as_str();
        if next.is_some_and(|next| next.edge == Edge::Begin && next.label == label) {
            return self
                .sink
                .repaired(Code::RepeatedMarker, origin.first(), label);
        }
        let finding = Finding::new(
            Code::OrphanMarker,
            format!("{label} is empty; base64 was expected after the BEGIN line"),
        );
        let expected = Expected::of(Kind::of_label(label));
        self.sink.unreadable(expected, finding.at(origin));
    }

    fn unreadable(
        &mut self,
        misfit: Misfit,
        body: &Body<'_>,
        begin: &Marker,
        end: Option<&Marker>,
        origin: &Origin,
    ) {
        let label = begin.label.as_str();
        let kind = Kind::of_label(label);
        match (body.stray, end) {
            (None, _) => {
                let hint = match body.uneven_line() {
                    Some((line, length, usual)) => format!(
                        "; {} has {length} characters, where its neighbours have {usual}",
                        self.sink.line(line)
                    ),
                    None => String::new(),
                };
                self.sink.misfit(misfit, kind, label, origin, &hint);
            }
            // With no END line, the content ends where other text begins.
            (Some(stray), None) => {
                let line = self.text.line_at(stray.place);
                let limit = self.text.line_start(line).max(begin.end);
                let before = self.line_begin(begin.start);
                let body = Body::new(self.text, (begin.end, limit), before, Extent::Open);
                let origin = self.origin(begin.start, limit);
                let misfit = match decode(&body, kind, label, &origin) {
                    Err(misfit) => misfit,
                    Ok(_) => misfit,
                };
                self.sink.misfit(misfit, kind, label, &origin, "");
            }
            (Some(stray), Some(_)) => {
                let line = self.text.line_at(stray.place);
                let start = self.text.line_start(line);
                // Where something was undone, the place in the source is another.
                let column = match self.text.repairs_within(start, stray.place).is_empty() {
                    true => format!(", column {}", stray.place - start + 1),
                    false => String::new(),
                };
                let finding = Finding::new(
                    Code::CorruptBase64,
                    format!(
                        "{label} is corrupt: '{}' at {}{column}, where a base64 character was expected",
                        stray.character,
                        self.sink.line(line)
                    ),
                );
                let place = self.sink.origin(line, line);
                self.sink.unreadable(Expected::of(kind), finding.at(&place));
            }
        }
    }

    fn marker_repairs(
        &self,
        begin: &Marker,
        end: Option<&Marker>,
        body: &Body<'_>,
    ) -> Vec<(Code, usize)> {
        let mut repairs = Vec::new();
        let mut note = |code, place| {
            if !repairs.iter().any(|(known, _)| *known == code) {
                repairs.push((code, self.text.line_at(place)));
            }
        };
        for marker in [Some(begin), end].into_iter().flatten() {
            let before = body.without_prefix(self.before(marker.start));
            let after = self.after(marker.end);
            let surplus_hyphens = !before.is_empty() && before.iter().all(|&byte| byte == b'-');
            if !marker.exact || surplus_hyphens {
                note(Code::MarkerSpelling, marker.start);
            }
            let before = match surplus_hyphens {
                true => b"",
                false => before,
            };
            let blank = after.trim_ascii().is_empty();
            if !unwrap(before).is_empty() || !unwrap(after.trim_ascii()).is_empty() {
                note(Code::JoinedMarkers, marker.start);
            } else if !before.is_empty() || !blank {
                note(Code::StrayCharacters, marker.start);
            } else if !after.is_empty() && self.is_line_end(marker.end + after.len()) {
                note(Code::Whitespace, marker.start);
            }
        }
        match end {
            Some(end) if end.label != begin.label => note(Code::LabelMismatch, end.start),
            Some(_) => {}
            None => note(Code::MissingEnd, begin.start),
        }
        repairs
    }

    /// Says the repairs of one block: what was undone in its text, and its own.
    pub(super) fn repairs(&mut self, own: &[(Code, usize)], from: usize, to: usize, label: &str) {
        let undone = self.text.repairs_within(from, to);
        let undone = undone
            .into_iter()
            .map(|(code, place)| (code, self.text.line_at(place)));
        let mut said = Vec::new();
        for (code, line) in undone.chain(own.iter().copied()) {
            if !said.contains(&code) {
                said.push(code);
                let origin = self.line(line, from);
                self.sink.repaired(code, origin, label);
            }
        }
    }

    /// The text before a place, on the same line and near by.
    fn before(&self, place: usize) -> &'t [u8] {
        let near = place.saturating_sub(VICINITY);
        let text = self.text.bytes().get(near..place).unwrap_or_default();
        let start = memchr::memrchr(b'\n', text).map_or(0, |newline| newline + 1);
        text.get(start..).unwrap_or_default()
    }

    /// The text before a place, on the same line and near by, up to the first marker.
    pub(super) fn line_begin(&self, place: usize) -> &'t [u8] {
        let before = self.before(place);
        let start = place - before.len();
        let first = self.markers.partition_point(|marker| marker.end <= start);
        let end = self.markers.get(first).map_or(place, |first| first.start);
        before.get(..end.saturating_sub(start)).unwrap_or(before)
    }

    /// The text after a place, on the same line and near by, up to the next marker.
    fn after(&self, place: usize) -> &'t [u8] {
        let next = self.markers.partition_point(|marker| marker.start < place);
        let near = self.markers.get(next).map_or(usize::MAX, |next| next.start);
        let near = near.min(place + VICINITY).min(self.text.bytes().len());
        let text = self.text.bytes().get(place..near).unwrap_or_default();
        let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
        text.get(..end).unwrap_or_default()
    }

    fn is_line_end(&self, place: usize) -> bool {
        matches!(self.text.bytes().get(place), None | Some(b'\n'))
    }

    /// The lines between two places, with the first one's text, masked.
    pub(super) fn origin(&self, from: usize, to: usize) -> Origin {
        let origin = self
            .sink
            .origin(self.text.line_at(from), self.text.line_at(to));
        match self.sink.has_lines() {
            true => origin.with_excerpt(self.excerpt(from)),
            false => origin,
        }
    }

    /// One line of a block that begins at a place, with its text, masked.
    fn line(&self, line: usize, begin: usize) -> Origin {
        let place = self.text.line_start(line);
        let place = match self.text.line_at(begin) == line {
            true => begin,
            false => place,
        };
        self.origin(place, place)
    }

    /// The line of a place, of which only markers and punctuation are shown: what is no marker
    /// may be part of a key.
    fn excerpt(&self, place: usize) -> String {
        let start = place - self.before(place).len();
        let rest = self.text.bytes().get(place..).unwrap_or_default();
        let rest = rest.get(..VICINITY.min(rest.len())).unwrap_or_default();
        let end = place + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
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

/// What headers say is an encrypted key. Only its passphrase will show whether it was decoded well.
fn encrypted(body: &Body<'_>, info: &str) -> (Classified, Vec<(Code, usize)>) {
    let decoded = body.characters(Way::Plain).decode(Secrecy::Secret);
    let key = Item::EncryptedKey(Encrypted::Pem(info.to_owned(), decoded.der));
    (key.into(), decoded.repairs)
}

/// Decodes a body the first way that makes sense, and says what was repaired on the way.
pub(super) fn decode(
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
