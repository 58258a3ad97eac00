//! PEM as OpenSSL reads it: by no means RFC 7468, and not what most people think.
//!
//! Lines come in pieces of 254 bytes. A block begins with a piece that is a BEGIN marker and
//! nothing else, blanks behind it aside, and ends with the END marker of the same label. What
//! stands before the first blank line is a header, if there is one. Whoever looks for one kind of
//! block passes over those of other kinds, but a malformed one of any kind ends the search.

use memchr::{memchr, memmem};
use zeroize::Zeroizing;

use crate::origin::Origin;
use crate::read::base64::{Secrecy, decode};
use crate::read::{clean, secrecy};

/// The label of a certificate with what it is trusted for behind it.
pub(in crate::haproxy) const TRUSTED: &[u8] = b"TRUSTED CERTIFICATE";

/// Whether it is a label of a certificate that others may follow.
pub(in crate::haproxy) fn is_certificate(label: &[u8]) -> bool {
    matches!(label, b"CERTIFICATE" | b"X509 CERTIFICATE")
}

/// Whether it is a label under which OpenSSL looks for a certificate.
pub(in crate::haproxy) fn is_any_certificate(label: &[u8]) -> bool {
    is_certificate(label) || label == TRUSTED
}

/// The longest piece of a line that is read at once.
const PIECE: usize = 254;
/// The longest line behind a header.
const LINE_BEHIND_HEADER: usize = 64;

/// A block: what stands between two markers.
pub(in crate::haproxy) struct Block<'a> {
    pub(in crate::haproxy) label: &'a [u8],
    /// The bytes of what stands before a blank line.
    pub(in crate::haproxy) header: usize,
    /// Whether the header says so.
    pub(in crate::haproxy) is_encrypted: bool,
    /// Never empty.
    pub(in crate::haproxy) content: Zeroizing<Vec<u8>>,
    /// The first line and the last, counted from 1.
    pub(in crate::haproxy) lines: (usize, usize),
}

impl Block<'_> {
    pub(in crate::haproxy) fn origin(&self, source: &Origin) -> Origin {
        source.clone().with_lines(self.lines.0, self.lines.1)
    }
}

/// Why there is no further block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::haproxy) struct Malformed {
    pub(in crate::haproxy) fault: Fault,
    /// The first line of the block and the last that was read, counted from 1.
    pub(in crate::haproxy) lines: (usize, usize),
}

impl Malformed {
    pub(in crate::haproxy) fn origin(&self, source: &Origin) -> Origin {
        source.clone().with_lines(self.lines.0, self.lines.1)
    }
}

/// What is the matter with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::haproxy) enum Fault {
    /// There is no BEGIN line any more.
    NoStartLine,
    /// The END line is missing, or names another label, or does not follow a short line.
    BadEndLine,
    /// There is a second blank line.
    BlankLine,
    /// A line behind a header has more than 64 characters. OpenSSL reports no error then.
    LongLine,
    BadBase64,
    /// There is nothing in it.
    Empty,
    /// The header is not one of an encrypted block.
    Header,
    /// There is nobody to ask for the passphrase.
    Encrypted,
}

impl Fault {
    /// For people.
    pub(in crate::haproxy) fn why(self) -> &'static str {
        match self {
            Self::NoStartLine => "no BEGIN line stands alone on its line",
            Self::BadEndLine => {
                "the END line is missing, does not stand alone on its line, or has another label than the BEGIN line"
            }
            Self::BlankLine => "a blank line stands in the block",
            Self::LongLine => "a line behind the block's header has more than 64 characters",
            Self::BadBase64 => "the base64 is damaged",
            Self::Empty => "the block is empty",
            Self::Header => "the block has a header",
            Self::Encrypted => "the block is encrypted",
        }
    }
}

/// All blocks of a file, damaged ones too: reading goes on behind the line at which it failed.
pub(in crate::haproxy) struct Blocks<'a>(Vec<Result<Block<'a>, Malformed>>);

impl<'a> Blocks<'a> {
    pub(in crate::haproxy) fn read(file: &'a [u8]) -> Self {
        // What is strictly PEM has nothing that OpenSSL would read in another way.
        if let Some(clean) = clean::read(file, usize::MAX) {
            let blocks = clean.blocks.into_iter().map(|block| {
                Ok(Block {
                    label: block.label.as_bytes(),
                    header: 0,
                    is_encrypted: false,
                    content: block.der,
                    lines: (block.first_line, block.last_line),
                })
            });
            return Self(blocks.collect());
        }
        let mut reader = Reader {
            rest: file,
            line: 1,
            at_end: false,
        };
        let mut blocks = Vec::new();
        loop {
            let left = reader.rest.len();
            let block = reader.next();
            let has_ended = block.is_err() && (reader.at_end || reader.rest.len() == left);
            blocks.push(block);
            if has_ended {
                return Self(blocks);
            }
        }
    }

    pub(in crate::haproxy) fn iter(&self) -> impl Iterator<Item = &Result<Block<'a>, Malformed>> {
        self.0.iter()
    }

    /// Those that are sound.
    pub(in crate::haproxy) fn sound(&self) -> impl Iterator<Item = &Block<'a>> {
        self.0.iter().flatten()
    }

    /// As PEM_bytes_read_bio() goes through them, from the beginning.
    pub(in crate::haproxy) fn strictly(&self) -> Strictly<'_, 'a> {
        Strictly(self.0.iter())
    }
}

/// Goes through the blocks of a file as far as the first damaged one.
pub(in crate::haproxy) struct Strictly<'b, 'a>(std::slice::Iter<'b, Result<Block<'a>, Malformed>>);

impl<'b, 'a> Strictly<'b, 'a> {
    /// The next block of one of these labels, which must have no header.
    pub(in crate::haproxy) fn next_of(
        &mut self,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<&'b Block<'a>, Malformed> {
        loop {
            let block = match self.0.next() {
                Some(Ok(block)) => block,
                Some(Err(malformed)) => return Err(*malformed),
                None => {
                    return Err(Malformed {
                        fault: Fault::NoStartLine,
                        lines: (1, 1),
                    });
                }
            };
            if wanted(block.label) {
                let fault = match block.header {
                    0 => return Ok(block),
                    _ if block.is_encrypted => Fault::Encrypted,
                    _ => Fault::Header,
                };
                return Err(Malformed {
                    fault,
                    lines: block.lines,
                });
            }
        }
    }
}

/// Reads one block after the other.
struct Reader<'a> {
    rest: &'a [u8],
    /// The number of the line that comes next, counted from 1.
    line: usize,
    /// Whether reading has met the end of the file.
    at_end: bool,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Block<'a>, Malformed> {
        let mut is_first = true;
        let (label, first) = loop {
            let first = self.line;
            let Some(piece) = self.piece() else {
                return Err(Malformed {
                    fault: Fault::NoStartLine,
                    lines: (first, first),
                });
            };
            let piece = match piece.strip_prefix(b"\xef\xbb\xbf") {
                Some(marked) if is_first && !marked.is_empty() => marked,
                _ => piece,
            };
            is_first = false;
            let label = stripped(piece).strip_prefix(b"-----BEGIN ");
            if let Some(label) = label.and_then(|it| it.strip_suffix(b"-----")) {
                break (label, first);
            }
        };
        let body = self.body(label);
        let lines = (first, self.line.saturating_sub(1).max(first));
        let content = body.and_then(|(header, text)| {
            let content = base64(text, secrecy(label)).ok_or(Fault::BadBase64)?;
            match content.is_empty() {
                true => Err(Fault::Empty),
                false => Ok((header, content)),
            }
        });
        match content {
            Ok((header, content)) => Ok(Block {
                label,
                header: header.length,
                is_encrypted: header.is_encrypted,
                content,
                lines,
            }),
            Err(fault) => Err(Malformed { fault, lines }),
        }
    }

    /// The header, and the base64.
    fn body(&mut self, label: &[u8]) -> Result<(Header, Zeroizing<Vec<u8>>), Fault> {
        #[derive(PartialEq)]
        enum Part {
            MaybeHeader,
            Header,
            Base64,
        }
        // As much as there can be, lest it be moved and copies of a secret left behind.
        let room = memmem::find(self.rest, b"-----END ").unwrap_or(self.rest.len());
        let mut text = Zeroizing::new(Vec::with_capacity(room + room / PIECE + 4));
        let mut header = Header::default();
        let mut state = Part::MaybeHeader;
        let mut must_end = false;
        let mut is_cut = false;
        loop {
            let piece = self.piece().ok_or(Fault::BadEndLine)?;
            let is_rest =
                std::mem::replace(&mut is_cut, piece.len() == PIECE && !piece.ends_with(b"\n"));
            if state == Part::MaybeHeader && piece.contains(&b':') {
                state = Part::Header;
            }
            let line = stripped(piece);
            if line.is_empty() && is_rest {
                // The end of a long line is no blank line.
                continue;
            }
            if line.is_empty() {
                if state == Part::Base64 {
                    return Err(Fault::BlankLine);
                }
                // What came before it is the header, whatever it is.
                header = Header::new(&text);
                text.clear();
                state = Part::Base64;
                continue;
            }
            if let Some(end) = line.strip_prefix(b"-----END ") {
                return match end.strip_suffix(b"-----") {
                    Some(end) if end == label && state == Part::Header => {
                        Ok((Header::new(&text), Zeroizing::default()))
                    }
                    Some(end) if end == label => Ok((header, text)),
                    _ => Err(Fault::BadEndLine),
                };
            }
            if must_end {
                return Err(Fault::BadEndLine);
            }
            text.extend_from_slice(line);
            text.push(b'\n');
            if state == Part::Base64 {
                if line.len() > LINE_BEHIND_HEADER {
                    return Err(Fault::LongLine);
                }
                must_end = line.len() < LINE_BEHIND_HEADER;
            }
        }
    }

    /// What fgets() of C gives a caller who takes it for a string: as far as the newline or the
    /// buffer goes, and the first NUL. `None` at the end of the file, or when a NUL comes first.
    fn piece(&mut self) -> Option<&'a [u8]> {
        let window = self.rest.get(..PIECE).unwrap_or(self.rest);
        let length = match memchr(b'\n', window) {
            Some(newline) => {
                self.line += 1;
                newline + 1
            }
            None => {
                // A piece that the buffer cut off leaves the end to the next one.
                self.at_end |= window.len() < PIECE;
                window.len()
            }
        };
        let (piece, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let piece = match memchr(0, piece) {
            Some(nul) => piece.get(..nul)?,
            None => piece,
        };
        (!piece.is_empty()).then_some(piece)
    }
}

#[derive(Default)]
struct Header {
    length: usize,
    is_encrypted: bool,
}

impl Header {
    fn new(text: &[u8]) -> Self {
        Self {
            length: text.len(),
            is_encrypted: is_encryption(text).is_some(),
        }
    }
}

/// Whether a header is that of an encrypted block (RFC 1421). The cipher is believed to be known,
/// and its initialization vector to be one.
fn is_encryption(header: &[u8]) -> Option<()> {
    let rest = header.strip_prefix(b"Proc-Type:")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"4,")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"ENCRYPTED\n")?;
    rest.strip_prefix(b"DEK-Info:")?
        .contains(&b',')
        .then_some(())
}

/// Without what OpenSSL takes for blanks at the end: all bytes up to the blank, and, `char` being
/// signed on most machines, all that are not ASCII.
fn stripped(piece: &[u8]) -> &[u8] {
    let kept = piece.iter().rposition(|byte| matches!(byte, 0x21..=0x7f));
    kept.and_then(|last| piece.get(..=last)).unwrap_or_default()
}

/// Decodes as EVP_DecodeUpdate() does: blanks count nothing, a hyphen ends it, padding stands at
/// the end only.
fn base64(mut text: Zeroizing<Vec<u8>>, secrecy: Secrecy) -> Option<Zeroizing<Vec<u8>>> {
    if let Some(hyphen) = memchr(b'-', &text) {
        text.truncate(hyphen);
    }
    text.retain(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    decode(text, secrecy)
}

#[cfg(test)]
mod tests {
    use super::{Blocks, Fault, Reader};

    fn read(text: &str) -> Result<(String, usize, usize), Fault> {
        let mut reader = Reader {
            rest: text.as_bytes(),
            line: 1,
            at_end: false,
        };
        let block = reader.next().map_err(|malformed| malformed.fault)?;
        let label = String::from_utf8_lossy(block.label).into_owned();
        Ok((label, block.header, block.content.len()))
    }

    #[test]
    fn a_header_is_no_part_of_a_wanted_block() {
        let fault = |header: &str| {
            let text = format!("-----BEGIN X-----\n{header}\n\nAAAA\n-----END X-----\n");
            let blocks = Blocks::read(text.as_bytes());
            let block = blocks.strictly().next_of(|_| true);
            block.err().map(|malformed| malformed.fault)
        };
        assert_eq!(fault(""), Some(Fault::BlankLine));
        assert_eq!(fault("a: b"), Some(Fault::Header));
        assert_eq!(fault("Proc-Type: 4,CLEAR"), Some(Fault::Header));
        let encrypted = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00";
        assert_eq!(fault(encrypted), Some(Fault::Encrypted));
    }

    #[test]
    fn blocks_are_read_as_openssl_has_them() {
        let long = "A".repeat(252);
        for (text, owed) in [
            ("-----BEGIN X-----\nAAAA\n-----END X-----", Ok(("X", 0, 3))),
            (
                "\u{feff}-----BEGIN X----- \u{a0}\n\n AA AA\t\r\n-----END X-----\r\n",
                Ok(("X", 0, 3)),
            ),
            (
                "-----BEGIN X-----\na: b\n\nAAAA\n-----END X-----",
                Ok(("X", 5, 3)),
            ),
            (
                &*format!("{long}xx-----BEGIN X-----\nAA==\n-----END X-----"),
                Ok(("X", 0, 1)),
            ),
            ("", Err(Fault::NoStartLine)),
            (
                " -----BEGIN X-----\nAAAA\n-----END X-----",
                Err(Fault::NoStartLine),
            ),
            ("-----BEGIN X-----\nAAAA\n", Err(Fault::BadEndLine)),
            (
                "-----BEGIN X-----\nAAAA\n-----END Y-----",
                Err(Fault::BadEndLine),
            ),
            (
                "-----BEGIN X-----\n\nAAAA\nAAAA\n-----END X-----",
                Err(Fault::BadEndLine),
            ),
            (
                "-----BEGIN X-----\n\nAAAA\n\n-----END X-----",
                Err(Fault::BlankLine),
            ),
            (
                &*format!("-----BEGIN X-----\n\n{long}\n-----END X-----"),
                Err(Fault::LongLine),
            ),
            (
                "-----BEGIN X-----\nAAA\n-----END X-----",
                Err(Fault::BadBase64),
            ),
            (
                "-----BEGIN X-----\nA=AA\n-----END X-----",
                Err(Fault::BadBase64),
            ),
            (
                "-----BEGIN X-----\nA===\n-----END X-----",
                Err(Fault::BadBase64),
            ),
            ("-----BEGIN X-----\n-----END X-----", Err(Fault::Empty)),
        ] {
            let owed = owed.map(|(label, header, content)| (label.to_owned(), header, content));
            assert_eq!(read(text), owed, "{text:?}");
        }
    }
}
