//! Text from certificates and file names, made safe to print on a terminal.

use std::fmt::{self, Write};

/// Shows a string with control and direction-changing characters escaped.
///
/// A subject name or a file name is the choice of whoever made it; printed raw, it could move
/// the cursor, recolour the screen or forge a line of a report.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let changes_direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || changes_direction {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Printable;

    #[test]
    fn terminal_codes_and_direction_marks_are_escaped() {
        assert_eq!(
            Printable("a\u{1b}[2J\u{202e}b\n").to_string(),
            "a\\u{1b}[2J\\u{202e}b\\u{a}"
        );
    }
}
