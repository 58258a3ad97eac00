//! The tolerant way, second step: the BEGIN and END lines, however they are spelt.

use super::label::Kind;

/// A run of hyphens is looked at together with this many bytes after it, at most.
const REACH: usize = 96;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Begin,
    End,
}

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

/// All markers of a text, in order. Each byte is looked at a bounded number of times.
pub(super) fn find(text: &[u8]) -> Vec<Marker> {
    let mut markers = Vec::new();
    let mut at = 0;
    while let Some(offset) = memchr::memchr(b'-', text.get(at..).unwrap_or_default()) {
        let start = at + offset;
        let marker = Scanner { text, at: start }.marker();
        at = match marker {
            Some(marker) => {
                let end = marker.end;
                markers.push(marker);
                end
            }
            None => start + dashes_at(text, start),
        };
    }
    markers
}

fn dashes_at(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take_while(|&&byte| byte == b'-').count()
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn marker(mut self) -> Option<Marker> {
        let opening = dashes_at(self.text, self.at);
        // Surplus hyphens at the left do not belong to it: `=----------BEGIN`.
        let start = self.at;
        self.at += opening;
        let spaces = self.skip_spaces();
        let keyword_at = self.at;
        let (edge, upper) = self.keyword()?;
        let separators = self.skip_spaces();
        let single_space = separators == 1 && self.text.get(self.at - 1) == Some(&b' ');
        let label_at = self.at;
        let (label, closing_at) = self.label()?;
        let spelt = self.text.get(label_at..closing_at)?;
        let closing = dashes_at(self.text, closing_at);
        let taken = self.own_dashes(closing_at, closing);
        let exact = opening == 5
            && taken == 5
            && spaces == 0
            && upper
            && single_space
            && spelt == label.as_bytes();
        let known = Kind::of_label(&label) != Kind::Unknown;
        // Text such as "--- begin of part two ---" is a marker only when the label is one.
        let enough = opening + taken >= 2 && (closing > 0 || opening >= 4);
        let tolerable = known && enough && keyword_at - start <= opening + 8;
        if !exact && !tolerable {
            return None;
        }
        Some(Marker {
            edge,
            label,
            start,
            end: closing_at + taken,
            exact,
        })
    }

    fn keyword(&mut self) -> Option<(Edge, bool)> {
        let rest = self.text.get(self.at..)?;
        for (word, edge) in [("BEGIN", Edge::Begin), ("END", Edge::End)] {
            let Some(found) = rest.get(..word.len()) else {
                continue;
            };
            let followed = rest.get(word.len());
            if found.eq_ignore_ascii_case(word.as_bytes())
                && followed.is_some_and(|byte| is_space(*byte) || *byte == b'-')
            {
                self.at += word.len();
                return Some((edge, found == word.as_bytes()));
            }
        }
        None
    }

    /// Spaces, and one line break among them: some programs wrap the line.
    fn skip_spaces(&mut self) -> usize {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut breaks = 0;
        let length = rest
            .iter()
            .take(8)
            .take_while(|&&byte| {
                breaks += usize::from(byte == b'\n');
                is_space(byte) && breaks <= 1
            })
            .count();
        self.at += length;
        length
    }

    /// The label in its proper spelling, and where the hyphens after it begin, or the line ends.
    fn label(&self) -> Option<(String, usize)> {
        let rest = self.text.get(self.at..)?;
        let rest = rest.get(..REACH.min(rest.len()))?;
        let mut label = String::new();
        let mut gap = false;
        let mut broken = false;
        for (offset, &byte) in rest.iter().enumerate() {
            match byte {
                b'-' => return Some((label, self.at + offset)),
                b'\n'
                    if Kind::of_label(&label) != Kind::Unknown && !dashes_follow(rest, offset) =>
                {
                    // The closing hyphens are lost.
                    return Some((label, self.at + offset));
                }
                b'\n' if broken => return None,
                _ if is_space(byte) => {
                    broken |= byte == b'\n';
                    gap = !label.is_empty();
                }
                _ if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'#') => {
                    if std::mem::take(&mut gap) {
                        label.push(' ');
                    }
                    label.push(char::from(byte.to_ascii_uppercase()));
                }
                _ => return None,
            }
        }
        (Kind::of_label(&label) != Kind::Unknown).then_some((label, self.at + rest.len()))
    }

    /// How many of the closing hyphens are this marker's own, when another marker is joined.
    fn own_dashes(&self, at: usize, run: usize) -> usize {
        let joined = Scanner {
            text: self.text,
            at: at + run,
        }
        .keyword()
        .is_some();
        match (joined, run) {
            (true, 10..) => 5,
            (true, _) => run / 2,
            (false, _) => run.min(5 + 3),
        }
    }
}

fn dashes_follow(rest: &[u8], offset: usize) -> bool {
    rest.get(offset + 1..)
        .unwrap_or_default()
        .iter()
        .find(|&&byte| !is_space(byte))
        .is_some_and(|&byte| byte == b'-')
        && !next_word_is_keyword(rest, offset + 1)
}

/// Whether what follows is the next marker rather than the rest of this one.
fn next_word_is_keyword(rest: &[u8], from: usize) -> bool {
    let word: Vec<u8> = rest
        .get(from..)
        .unwrap_or_default()
        .iter()
        .copied()
        .skip_while(|&byte| is_space(byte) || byte == b'-')
        .take(5)
        .collect();
    word.eq_ignore_ascii_case(b"BEGIN")
        || word
            .get(..3)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"END"))
}

/// What may stand between the words of a marker: forms make a plus of a space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'+' | b'_')
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
