//! Text from outside, made safe to show.

use std::ffi::OsStr;
use std::fmt;

/// Shows a name or a text that a stranger may have chosen: a file's name, a subject, what a server
/// said.
///
/// Printed raw, it could move the cursor, recolour the screen, reorder the line or forge a line of a
/// report. Control characters, line and paragraph separators, and characters that change the
/// direction of the text or are invisible come out as `\u{1b}`; bytes that are not UTF-8, which
/// file names may hold, as `\xff`. All other characters stay as they are.
///
/// ```
/// use std::path::Path;
/// use fullchain::Printable;
///
/// assert_eq!(Printable("a.pem\nwritten: ok").to_string(), "a.pem\\u{a}written: ok");
/// assert_eq!(Printable(Path::new("bücher.pem")).to_string(), "bücher.pem");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<T>(pub T);

impl<T: AsRef<OsStr>> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_ref().as_encoded_bytes().utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some(at) = rest.find(is_hidden) {
                let (plain, behind) = rest.split_at(at);
                f.write_str(plain)?;
                let mut behind = behind.chars();
                if let Some(hidden) = behind.next() {
                    write!(f, "{}", hidden.escape_unicode())?;
                }
                rest = behind.as_str();
            }
            f.write_str(rest)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Whether a character acts on what is around it, or cannot be seen: the control characters, the
/// separators of lines and paragraphs, Bidi_Control and Default_Ignorable_Code_Point (Unicode 16).
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::Printable;

    #[test]
    fn what_acts_on_a_terminal_or_hides_is_escaped() {
        for (raw, shown) in [
            ("a\u{1b}[2J\u{202e}b\n", "a\\u{1b}[2J\\u{202e}b\\u{a}"),
            ("\u{7}\u{7f}\u{85}\u{9b}", "\\u{7}\\u{7f}\\u{85}\\u{9b}"),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("\u{200b}\u{feff}\u{e0041}", "\\u{200b}\\u{feff}\\u{e0041}"),
            ("\u{61c}\u{2066}", "\\u{61c}\\u{2066}"),
            ("bücher, 例え, 👍", "bücher, 例え, 👍"),
            ("", ""),
        ] {
            assert_eq!(Printable(raw).to_string(), shown);
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_utf_8_are_told_apart() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let show = |bytes: &[u8]| Printable(OsStr::from_bytes(bytes)).to_string();
        assert_eq!(show(b"a\xffb\xc3"), "a\\xffb\\xc3");
        assert_ne!(show(b"\xff"), show(b"\xfe"));
    }
}
