//! The fast way: PEM that is strictly RFC 7468, in lines of 64 characters that end in LF.
//!
//! Nothing is mended here. Whatever is not exactly so makes it give up, and the whole source is
//! read again the tolerant way, which explains and repairs.

use memchr::{memchr, memchr_iter, memmem};
use zeroize::Zeroizing;

use super::base64::{self, Secrecy, is_base64};
use super::label::{self, Kind};
use crate::tlv;

/// The number of base64 characters in a line (RFC 7468 section 2).
const COLUMNS: usize = 64;
const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// A block that needed no mending.
pub(crate) struct CleanBlock<'a> {
    pub(crate) label: &'a str,
    pub(crate) first_line: usize,
    pub(crate) last_line: usize,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// All blocks of a source, and what else there is to say about it.
pub(crate) struct CleanSource<'a> {
    pub(crate) blocks: Vec<CleanBlock<'a>>,
    /// The first line of text around the blocks.
    pub(super) text: Option<usize>,
    /// The last line, if it is an END line without a newline.
    pub(super) unterminated: Option<usize>,
}

/// `None` as soon as anything is not strictly clean, or there are more blocks than `most`: the
/// tolerant reader says what is the matter.
pub(crate) fn read(source: &[u8], most: usize) -> Option<CleanSource<'_>> {
    let mut blocks = Vec::new();
    let mut first_text = None;
    let mut rest = source;
    let mut line = 1;
    loop {
        let begin = match rest.starts_with(BEGIN) {
            true => 0,
            false => match memmem::find(rest, BEGIN) {
                Some(begin) => begin,
                None => break,
            },
        };
        let (text, block) = rest.split_at(begin);
        if !text.is_empty() {
            note_text(text, line, &mut first_text)?;
            if text.last() != Some(&b'\n') {
                return None;
            }
            line += memchr_iter(b'\n', text).count();
        }
        let (label, block) = marker(block, BEGIN)?;
        let (body, end) = block.split_at(memchr(b'-', block)?);
        let kind = Kind::of_label(label);
        let der = decode(body, kind.secrecy())?;
        let (end_label, after) = marker(end, END)?;
        let is_der = der.first() == Some(&tlv::tag::SEQUENCE) || !kind.is_needed();
        if end_label != label || blocks.len() == most || !is_der {
            return None;
        }
        let first_line = line;
        let last_line = line + 1 + body.len().div_ceil(COLUMNS + 1);
        blocks.push(CleanBlock {
            label,
            first_line,
            last_line,
            der,
        });
        line = last_line + 1;
        rest = after;
    }
    note_text(rest, line, &mut first_text)?;
    let open_end = source.last() != Some(&b'\n') && rest.is_empty();
    (!blocks.is_empty()).then_some(CleanSource {
        unterminated: open_end.then_some(line - 1),
        blocks,
        text: first_text,
    })
}

/// Remembers where text stands between blocks. `None` when it could hide a damaged block.
fn note_text(text: &[u8], line: usize, first: &mut Option<usize>) -> Option<()> {
    let suspicious = !text.is_ascii()
        || memmem::find(text, b"--").is_some()
        || memmem::find(text, b"MI").is_some()
        || memmem::find(text, b"LS0t").is_some()
        || text
            .split(|byte| byte.is_ascii_whitespace())
            .any(|word| word.len() >= 40 && word.iter().all(|&byte| is_base64(byte)))
        || text
            .iter()
            .any(|&byte| byte.is_ascii_control() && byte != b'\n' && byte != b'\t');
    if suspicious {
        return None;
    }
    let said = text.iter().position(u8::is_ascii_alphanumeric);
    if let (None, Some(at)) = (&first, said) {
        *first = Some(line + memchr_iter(b'\n', text.get(..at)?).count());
    }
    Some(())
}

/// Takes a marker line apart: the label, and what follows the line.
fn marker<'a>(text: &'a [u8], keyword: &[u8]) -> Option<(&'a str, &'a [u8])> {
    let text = text.strip_prefix(keyword)?;
    let length = memchr(b'-', text.get(..COLUMNS.min(text.len()))?)?;
    let (label, rest) = text.split_at(length);
    let rest = rest.strip_prefix(DASHES)?;
    let rest = match rest.split_first() {
        Some((b'\n', rest)) => rest,
        None if keyword == END => rest,
        _ => return None,
    };
    let label = label::proper(label)?;
    Some((label, rest))
}

fn decode(body: &[u8], secrecy: Secrecy) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(body.len() + 3));
    let (lines, last) = body.as_chunks::<{ COLUMNS + 1 }>();
    for line in lines {
        let (characters, newline) = line.split_first_chunk::<COLUMNS>()?;
        if newline != b"\n" {
            return None;
        }
        text.extend_from_slice(characters);
    }
    if !last.is_empty() {
        text.extend_from_slice(last.strip_suffix(b"\n")?);
    }
    // Padding is checked here, as the decoder takes any.
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    if text.is_empty() || last == b"\n" || text.len() % 4 != 0 || padding > 2 {
        return None;
    }
    base64::decode(text, secrecy)
}
