//! What stands around the lines of a block: prefixes before them, and what languages, shells and
//! tables put on either side.

use super::base64::is_base64;

/// What stands before the marker on its line, and so perhaps before every line: a quotation
/// mark of a mail, a line number, a file name, the time of a log.
pub(super) struct Prefix<'a>(&'a [u8]);

impl<'a> Prefix<'a> {
    /// The longest prefix that is looked for.
    const MOST: usize = 100;

    /// Takes as much of what precedes BEGIN as the lines bear out.
    pub(super) fn find(before: &'a [u8], body: &[u8]) -> Self {
        if before.trim_ascii().is_empty() || before.len() > Self::MOST {
            return Self(b"");
        }
        // Hyphens at its end may be the marker's, one too many.
        let hyphens = before.iter().rev().take_while(|&&byte| byte == b'-');
        let without = before.get(..before.len() - hyphens.count());
        // The content of a block begins with a letter, so that one line tells enough.
        let mut lines = body.split(|&byte| byte == b'\n').skip(1);
        let first = lines.find(|line| !line.trim_ascii().is_empty());
        let mut candidates = [before, without.unwrap_or_default()]
            .into_iter()
            .flat_map(|text| (0..text.len()).filter_map(|start| Self::suffix(text, start)));
        candidates
            .find(|prefix| first.is_some_and(|line| prefix.after(line).is_some()))
            .unwrap_or(Self(b""))
    }

    /// The end of a text from a place on, if it could be a prefix.
    fn suffix(text: &'a [u8], start: usize) -> Option<Self> {
        let (before, suffix) = text.split_at_checked(start)?;
        let mark = suffix.trim_ascii();
        let cut_word = suffix.first()?.is_ascii_alphanumeric()
            && before.last().is_some_and(u8::is_ascii_alphanumeric);
        // Quotation marks stand on either side of a line, and are taken off there.
        let quoted = mark.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        // Letters alone could be the content's.
        let letters = mark.iter().any(u8::is_ascii_alphabetic)
            && mark.iter().all(|&byte| is_base64(byte) || is_blank(byte));
        (!mark.is_empty() && !cut_word && !quoted && !letters).then_some(Self(suffix))
    }

    /// The line without the prefix, or as it is.
    pub(super) fn strip<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        self.after(line).unwrap_or(line)
    }

    /// The text before a marker without the prefix.
    pub(super) fn strip_before<'l>(&self, before: &'l [u8]) -> &'l [u8] {
        before
            .strip_suffix(self.0)
            .unwrap_or_else(|| self.strip(before))
    }

    /// The line after the prefix. Numbers in it may be others, and spaces more or fewer.
    fn after<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        let (mut prefix, mut line) = (self.0, line);
        let skip = |text: &mut &[u8], class: fn(&u8) -> bool| {
            let length = text.iter().take_while(|byte| class(byte)).count();
            *text = text.get(length..).unwrap_or_default();
            length
        };
        while let Some((&expected, rest)) = prefix.split_first() {
            if expected.is_ascii_digit() {
                skip(&mut prefix, u8::is_ascii_digit);
                if skip(&mut line, u8::is_ascii_digit) == 0 {
                    return None;
                }
            } else if is_blank(expected) {
                let indentation = prefix.len() == self.0.len();
                skip(&mut prefix, |&byte| is_blank(byte));
                let blanks = skip(&mut line, |&byte| is_blank(byte));
                if blanks == 0 && !indentation && !line.is_empty() {
                    return None;
                }
            } else {
                line = line.strip_prefix(&[expected])?;
                prefix = rest;
            }
        }
        Some(line)
    }
}

/// Takes off what program sources, shells, tables and `cat -A` put around a line.
pub(super) fn unwrap(line: &[u8]) -> &[u8] {
    let mut line = without_operators(line.trim_ascii());
    loop {
        let before = line.len();
        if let [
            b'"' | b'\'' | b'`' | b',' | b';' | b'|' | b'>' | b'*' | b'(' | b'[' | b'{',
            rest @ ..,
        ] = line
        {
            line = rest;
        }
        if let [
            rest @ ..,
            b'"' | b'\'' | b'`' | b',' | b';' | b'|' | b'\\' | b'$' | b')' | b']' | b'}',
        ] = line
        {
            line = rest;
        }
        line = line.trim_ascii();
        if line.len() == before {
            return line;
        }
    }
}

/// Takes off the operators by which languages join strings. They stand outside of quotation
/// marks; a plus sign anywhere else is content.
fn without_operators(line: &[u8]) -> &[u8] {
    let is_quote = |byte: Option<&u8>| matches!(byte, Some(b'"' | b'\'' | b'`'));
    let line = match line {
        [b'+' | b'.' | b'&', rest @ ..] if is_quote(rest.trim_ascii_start().first()) => rest,
        _ => line,
    };
    let continued = line.strip_suffix(b"_").or_else(|| line.strip_suffix(b"\\"));
    match continued.unwrap_or(line).trim_ascii_end() {
        [rest @ .., b'+' | b'.' | b'&'] if is_quote(rest.trim_ascii_end().last()) => rest,
        _ => line,
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::unwrap;

    #[test]
    fn quotes_and_operators_are_taken_off_and_content_stays() {
        for (line, owed) in [
            ("\"MIIB\" +", "MIIB"),
            ("+ \"MIIB\"", "MIIB"),
            (". 'MIIB' .", "MIIB"),
            ("\"MIIB\" & _", "MIIB"),
            ("[\"MIIB\",", "MIIB"),
            ("| MIIB |", "MIIB"),
            ("\" +", ""),
            ("\",", ""),
            ("\"+\",", "+"),
            ("\"+\" +", "+"),
            ("| + |", "+"),
            ("+ |", "+"),
            ("\"MIIB\" + \\", "MIIB"),
            ("' .", ""),
            (". '", ""),
            ("+ab/", "+ab/"),
            ("+", "+"),
        ] {
            assert_eq!(unwrap(line.as_bytes()), owed.as_bytes(), "{line}");
        }
    }
}
