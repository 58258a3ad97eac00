//! The tolerant way, second step: the BEGIN and END lines, however they are spelt.

use super::label::{self, is_label_byte};

/// A marker is no longer than this, line breaks within it included.
const REACH: usize = 96;
/// The hyphens on either side of a marker (RFC 7468 section 2).
const HYPHENS: usize = 5;
/// Hyphens that somebody added at the right are taken for the marker's up to this many.
const MOST_HYPHENS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Begin,
    End,
}

const KEYWORDS: [(&[u8], Edge); 2] = [(b"BEGIN", Edge::Begin), (b"END", Edge::End)];

/// A BEGIN or END line, found anywhere in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) edge: Edge,
    pub(super) label: String,
    /// Where it begins and ends in the text.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it is spelt as RFC 7468 has it.
    pub(super) exact: bool,
}

impl Marker {
    /// Where it begins if the hyphens before a line break in it are not its own: content in
    /// base64url may end in them.
    pub(super) fn start_after_break(&self, text: &[u8]) -> Option<usize> {
        let end = self.start + hyphens_at(text, self.start);
        let next = end + spaces_at(text, end);
        text.get(end..next)?.contains(&b'\n').then_some(next)
    }
}

/// All markers of a text, in order. Each byte is looked at a bounded number of times.
pub(super) fn find(text: &[u8]) -> Vec<Marker> {
    let mut markers = Vec::new();
    let mut at = 0;
    while let Some(candidate) = next_candidate(text, at) {
        at = match exact(text, candidate).or_else(|| misspelt(text, candidate)) {
            Some(marker) => {
                let end = marker.end;
                markers.push(marker);
                end
            }
            None => candidate + hyphens_at(text, candidate).max(1),
        };
    }
    markers
}

/// Where a marker may begin: at hyphens, or, those being lost, at its keyword.
fn next_candidate(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr3(b'-', b'B', b'E', text.get(at..)?)?;
        let rest = text.get(at..)?;
        let begins_word = !ends_in_word(text.get(..at)?);
        if rest.first() == Some(&b'-') || (begins_word && keyword(rest).is_some()) {
            return Some(at);
        }
        at += 1;
    }
}

fn ends_in_word(text: &[u8]) -> bool {
    text.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether there is nothing before this place on its line.
fn begins_line(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(REACH)..at).unwrap_or_default();
    let blanks = before.iter().rev().take_while(|byte| is_blank(**byte));
    let before = before.get(..before.len() - blanks.count());
    matches!(before, Some([] | [.., b'\n']))
}

/// A marker as RFC 7468 has it, of any label. Hyphens at its left beyond five do not belong to
/// it: a diff has put one there.
fn exact(text: &[u8], candidate: usize) -> Option<Marker> {
    let start = candidate + hyphens_at(text, candidate).checked_sub(HYPHENS)?;
    let at = start + HYPHENS;
    let (word, edge) = keyword(text.get(at..)?)?;
    let label_at = at + word.len() + 1;
    let rest = text.get(label_at - 1..)?.strip_prefix(b" ")?;
    let length = rest
        .iter()
        .take(REACH)
        .position(|&byte| !is_label_byte(byte) && byte != b' ')?;
    let label = label::proper(rest.get(..length)?)?;
    let closing = own_hyphens(text, label_at + length);
    let proper = text.get(at..)?.starts_with(word) && closing == HYPHENS;
    proper.then(|| Marker {
        edge,
        label: label.to_owned(),
        start,
        end: label_at + length + closing,
        exact: true,
    })
}

/// A marker of a known label, with the hyphens, the case or the spaces wrong, or with line
/// breaks in it.
fn misspelt(text: &[u8], candidate: usize) -> Option<Marker> {
    let run = hyphens_at(text, candidate);
    let start = candidate + run.saturating_sub(HYPHENS);
    let (opening, after) = broken_hyphens(text, start, run - (start - candidate), false);
    let word_at = after + spaces_at(text, after);
    let spelling = spelling(text, word_at)?;
    let own = own_hyphens(text, spelling.end);
    let (closing, end) = broken_hyphens(text, spelling.end, own, true);
    let plausible = match opening {
        0 => spelling.capitals && (closing > 0 || begins_line(text, start)),
        // Ordinary text has single hyphens.
        _ => opening + closing >= 2 && (closing > 0 || opening >= HYPHENS - 1),
    };
    plausible.then(|| Marker {
        edge: spelling.edge,
        label: spelling.label.to_owned(),
        start,
        end,
        exact: false,
    })
}

struct Spelling {
    edge: Edge,
    label: &'static str,
    /// Where the hyphens after it begin, or, those being lost, where the line ends.
    end: usize,
    capitals: bool,
}

/// Keyword and label, without regard to case, spaces and line breaks.
fn spelling(text: &[u8], at: usize) -> Option<Spelling> {
    let reach = text.get(at..text.len().min(at + REACH))?;
    if !matches!(reach.first()?.to_ascii_uppercase(), b'B' | b'E') {
        return None;
    }
    let mut letters = Vec::new();
    let mut capitals = true;
    let known = |letters: &[u8], end, capitals| {
        let (word, edge) = keyword(letters)?;
        let label = label::without_spaces(letters.get(word.len()..)?)?;
        Some(Spelling {
            edge,
            label,
            end,
            capitals,
        })
    };
    let mut at_line_end = None;
    for (offset, &byte) in reach.iter().enumerate() {
        let end = at + offset;
        match byte {
            b'-' if at_line_end.is_some() && keyword_after_hyphens(text, end) => {
                return at_line_end;
            }
            b'-' => return known(&letters, end, capitals).or(at_line_end),
            b'\n' => at_line_end = at_line_end.or_else(|| known(&letters, end, capitals)),
            _ if is_space(byte) => {}
            _ if byte.is_ascii_alphanumeric() || is_label_byte(byte) => {
                capitals &= !byte.is_ascii_lowercase();
                letters.push(byte.to_ascii_uppercase());
            }
            _ => return at_line_end,
        }
    }
    match at + reach.len() == text.len() {
        true => at_line_end.or_else(|| known(&letters, text.len(), capitals)),
        false => at_line_end,
    }
}

/// BEGIN or END at the start of a text, in any case.
fn keyword(text: &[u8]) -> Option<(&'static [u8], Edge)> {
    KEYWORDS.into_iter().find(|(word, _)| {
        text.get(..word.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
    })
}

fn keyword_after_hyphens(text: &[u8], at: usize) -> bool {
    let at = at + hyphens_at(text, at);
    let at = at + spaces_at(text, at);
    text.get(at..).is_some_and(|text| keyword(text).is_some())
}

fn hyphens_at(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take_while(|&&byte| byte == b'-').count()
}

/// A marker's hyphens at a place, `count` of them in a row, and those that a line break has
/// parted from them: how many, and their end.
fn broken_hyphens(text: &[u8], at: usize, mut count: usize, closing: bool) -> (usize, usize) {
    let mut end = at + count;
    while (1..HYPHENS).contains(&count) {
        let next = end + spaces_at(text, end);
        let more = hyphens_at(text, next);
        let parted = text
            .get(end..next)
            .is_some_and(|spaces| spaces.contains(&b'\n'));
        let others = closing && keyword_after_hyphens(text, next);
        if more == 0 || !parted || others || count + more > HYPHENS {
            break;
        }
        count += more;
        end = next + more;
    }
    (count, end)
}

/// How many of the hyphens after a label are this marker's own, when another marker may be
/// joined to it.
fn own_hyphens(text: &[u8], at: usize) -> usize {
    let run = hyphens_at(text, at);
    let rest = text.get(at + run..).unwrap_or_default();
    let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
    let joined = rest
        .get(blanks..)
        .is_some_and(|rest| keyword(rest).is_some());
    match joined {
        true if run >= 2 * HYPHENS => HYPHENS,
        true => run / 2,
        false => run.min(MOST_HYPHENS),
    }
}

/// How many spaces there are, with one line break among them at most.
fn spaces_at(text: &[u8], at: usize) -> usize {
    let mut breaks = 0;
    text.get(at..)
        .unwrap_or_default()
        .iter()
        .take(8)
        .take_while(|&&byte| {
            breaks += usize::from(byte == b'\n');
            is_space(byte) && breaks <= 1
        })
        .count()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What may stand between the words of a marker: forms make a plus of a space.
fn is_space(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'\n' | b'+' | b'_')
}
#[cfg(test)]
mod tests {
    use super::{Edge, find};

    #[test]
    fn markers_are_recognised_however_they_are_spelt() {
        for text in [
            "-----BEGIN CERTIFICATE-----",
            "----BEGIN CERTIFICATE-----",
            "---BEGIN CERTIFICATE---",
            "------BEGIN CERTIFICATE------",
            "-----begin certificate-----",
            "-----Begin Certificate-----",
            "----- BEGIN CERTIFICATE -----",
            "-----BEGIN  CERTIFICATE-----",
            "-----BEGIN_CERTIFICATE-----",
            "-----BEGIN+CERTIFICATE-----",
            "-----BEGIN\nCERTIFICATE-----",
            "-----BEGIN CERTIFICATE\n-----",
            "-----BEGIN CERTIFICATE\nMIIB",
            "subject: x -----BEGIN CERTIFICATE----- MIIB",
        ] {
            let markers = find(text.as_bytes());
            assert_eq!(markers.len(), 1, "{text:?}");
            assert_eq!(markers[0].edge, Edge::Begin, "{text:?}");
            assert_eq!(markers[0].label, "CERTIFICATE", "{text:?}");
        }
    }

    #[test]
    fn line_breaks_and_spaces_in_markers_mean_nothing() {
        for text in [
            "-----BEGIN CERTIFI\nCATE-----",
            "---\n--BEG\nIN CERTIFICATE---\n--",
            "-----BEGINCERTIFICATE-----",
            "-----BEGIN\nCERTIFICATE\n-----",
            "BEGIN CERTIFICATE-----",
            "  BEGIN CERTIFICATE\nMIIB",
        ] {
            let markers = find(text.as_bytes());
            assert_eq!(markers.len(), 1, "{text:?}");
            assert_eq!(markers[0].label, "CERTIFICATE", "{text:?}");
            assert!(!markers[0].exact, "{text:?}");
        }
        let request = find(b"-----BEGIN CERTIFICATE\nREQUEST-----");
        assert_eq!(request[0].label, "CERTIFICATE REQUEST");
    }

    #[test]
    fn hyphens_of_the_next_marker_are_left_to_it() {
        for text in [
            "-----END CERTIFICATE\n-----BEGIN CERTIFICATE-----",
            "-----END CERTIFICATE---\n-----BEGIN CERTIFICATE-----",
            "-----END CERTIFICATE-----\nBEGIN CERTIFICATE-----",
        ] {
            let markers = find(text.as_bytes());
            assert_eq!(markers.len(), 2, "{text:?}");
            assert_eq!(markers[1].end, text.len(), "{text:?}");
            assert_eq!(markers[1].exact, text.contains("-----BEGIN"), "{text:?}");
        }
    }

    #[test]
    fn joined_markers_are_two() {
        for dashes in ["----------", "-------", "----- -----", "----", "----------"] {
            let text = format!("-----END CERTIFICATE{dashes}BEGIN EC PRIVATE KEY-----\n");
            let markers = find(text.as_bytes());
            let labels: Vec<_> = markers.iter().map(|m| (m.edge, m.label.as_str())).collect();
            assert_eq!(
                labels,
                [(Edge::End, "CERTIFICATE"), (Edge::Begin, "EC PRIVATE KEY")],
                "{text:?}"
            );
        }
    }

    #[test]
    fn ordinary_text_has_no_markers() {
        for text in [
            "--- begin of part two ---",
            "a-b end-to-end --begin",
            "-- \nThe end - of it",
            "----",
            "-----BEGIN",
            "-----BEGIN ",
        ] {
            assert!(find(text.as_bytes()).is_empty(), "{text:?}");
        }
    }
}
