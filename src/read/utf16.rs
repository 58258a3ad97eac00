//! UTF-16 made UTF-8, also where only parts of a source are UTF-16: PowerShell's `>>` appends
//! it to whatever there is, and `cat` joins what Notepad and others wrote.

use zeroize::Zeroizing;

type ToUnit = fn([u8; 2]) -> u16;

/// The source as UTF-8; `None` when nothing in it is UTF-16.
pub(super) fn decode(source: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let first = memchr::memchr3(0, 0xfe, 0xff, source)?.saturating_sub(1);
    let mut found = false;
    // Two bytes of UTF-16 become three of UTF-8 at most; the text is never moved.
    let mut text = Zeroizing::new(Vec::with_capacity(source.len() / 2 * 3 + 3));
    let (before, mut rest) = source.split_at(first);
    text.extend_from_slice(before);
    while let Some((&byte, after)) = rest.split_first() {
        match byte_order(rest) {
            Some((to_unit, mark)) => {
                found = true;
                rest = run(rest.get(mark..).unwrap_or_default(), to_unit, &mut text);
            }
            None => {
                text.push(byte);
                rest = after;
            }
        }
    }
    found.then_some(text)
}

/// Whether UTF-16 begins here: at a byte-order mark, or at two ASCII characters with a NUL each.
/// With it, the length of the mark.
fn byte_order(text: &[u8]) -> Option<(ToUnit, usize)> {
    match *text {
        [0xff, 0xfe, ..] => Some((u16::from_le_bytes, 2)),
        [0xfe, 0xff, ..] => Some((u16::from_be_bytes, 2)),
        [1..0x80, 0, 1..0x80, 0, ..] => Some((u16::from_le_bytes, 0)),
        [0, 1..0x80, 0, 1..0x80, ..] => Some((u16::from_be_bytes, 0)),
        _ => None,
    }
}

/// Decodes as far as UTF-16 goes, and gives what follows it.
fn run<'a>(mut rest: &'a [u8], to_unit: ToUnit, text: &mut Vec<u8>) -> &'a [u8] {
    let mut high = None;
    while let Some((&pair, after)) = rest.split_first_chunk::<2>() {
        // Four ASCII characters in a row are more likely that than two characters of Chinese.
        let other = rest.starts_with(b"\xef\xbb\xbf");
        let ascii = rest
            .iter()
            .take(4)
            .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        if ascii || other {
            break;
        }
        let unit = to_unit(pair);
        let units = high.take().into_iter().chain([unit]);
        if (0xd800..0xdc00).contains(&unit) {
            high = Some(unit);
        } else {
            for character in char::decode_utf16(units) {
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::decode;

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn utf_16_is_decoded_with_and_without_a_mark() {
        let text = "\u{feff}a\u{2013}\u{200b}\u{1f600}b\r\n";
        for text in [text, "-----BEGIN \u{e9}\n"] {
            for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
                let decoded = decode(&utf16(text, to_bytes)).expect("UTF-16");
                let owed = text.trim_start_matches('\u{feff}');
                assert_eq!(String::from_utf8_lossy(&decoded), owed);
            }
        }
    }

    #[test]
    fn parts_in_utf_16_are_decoded_and_the_rest_is_kept() {
        let part = |text| utf16(text, u16::to_le_bytes);
        let source = [b"one\n".to_vec(), part("two\n"), b"three\n".to_vec()].concat();
        let decoded = decode(&source).expect("UTF-16");
        assert_eq!(decoded.as_slice(), b"one\ntwo\nthree\n");
        let source = [part("\u{feff}one\n"), b"\xef\xbb\xbftwo\n".to_vec()].concat();
        let decoded = decode(&source).expect("UTF-16");
        assert_eq!(decoded.as_slice(), "one\n\u{feff}two\n".as_bytes());
    }

    #[test]
    fn what_is_no_utf_16_is_left_alone() {
        for source in [
            &b"plain\n"[..],
            b"",
            b"\0\0\0",
            b"x\n\0\0\0\0",
            b"a\0bc",
            b"\xfe\xfa\xff",
        ] {
            assert!(decode(source).is_none(), "{source:?}");
        }
    }
}
