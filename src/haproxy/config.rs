//! The words of HAProxy's configuration, with their places.
//!
//! Blanks separate words, `#` begins a comment; a backslash takes the next character as it is,
//! single quotes everything, and double quotes everything but environment variables and
//! backslashes (HAProxy's configuration manual, section 2.2).

use std::ops::Range;

/// A word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its bytes in the line, quotes included.
    pub(crate) range: Range<usize>,
    /// What HAProxy makes of it.
    pub(crate) text: String,
}

/// The words of a line; the environment gives variables their values.
pub(crate) fn words(line: &str, environment: impl Fn(&str) -> Option<String>) -> Vec<Word> {
    #[derive(PartialEq)]
    enum Quote {
        None,
        Single,
        Double,
    }
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = Quote::None;
    let mut rest = line.char_indices();
    while let Some((place, c)) = rest.next() {
        if quote == Quote::None && (c.is_ascii_whitespace() || c == '#') {
            words.extend(word.take());
            if c == '#' {
                break;
            }
            continue;
        }
        let current = word.get_or_insert_with(|| Word {
            range: place..place,
            text: String::new(),
        });
        match (c, &quote) {
            ('\'', Quote::None) => quote = Quote::Single,
            ('\'', Quote::Single) | ('"', Quote::Double) => quote = Quote::None,
            ('"', Quote::None) => quote = Quote::Double,
            ('\\', Quote::None | Quote::Double) => {
                current.text.extend(rest.next().map(|(_, c)| match c {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    c => c,
                }));
            }
            ('$', Quote::Double) => {
                let (name, length) = variable(rest.as_str());
                current.text += &environment(name).unwrap_or_default();
                for _ in 0..length {
                    rest.next();
                }
            }
            (c, _) => current.text.push(c),
        }
        current.range.end = rest.offset();
    }
    words.extend(word);
    words
}

/// The name of a variable behind its `$`, and how many characters belong to it.
fn variable(text: &str) -> (&str, usize) {
    let braced = text.strip_prefix('{').and_then(|it| it.split_once('}'));
    if let Some((inner, _)) = braced {
        // `${NAME-default}` and `${NAME[*]}`; both are rare, and looked at by name only.
        let name = inner.split(['-', '[']).next().unwrap_or(inner);
        return (name, inner.chars().count() + 2);
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let name = text.get(..end).unwrap_or_default();
    (name, name.len())
}

#[cfg(test)]
mod tests {
    use super::words;

    fn texts(line: &str) -> Vec<String> {
        let environment = |name: &str| (name == "CERTS").then(|| "/etc/c d".to_owned());
        let words = words(line, environment);
        for word in &words {
            assert!(
                line.get(word.range.clone())
                    .is_some_and(|it| !it.is_empty())
            );
        }
        words.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_what_haproxy_makes_of_them() {
        let line = "  bind :443 ssl crt /a\\ b.pem crt '/c $x#.pem' # crt d";
        assert_eq!(
            texts(line),
            [
                "bind",
                ":443",
                "ssl",
                "crt",
                "/a b.pem",
                "crt",
                "/c $x#.pem"
            ]
        );
        let line = r#"bind "$CERTS/x" "${CERTS}/\"y" '${CERTS}' $CERTS "${NO-NE}z" """#;
        let owed = [
            "bind",
            "/etc/c d/x",
            "/etc/c d/\"y",
            "${CERTS}",
            "$CERTS",
            "z",
            "",
        ];
        assert_eq!(texts(line), owed);
        assert_eq!(texts("#bind"), Vec::<String>::new());
        assert_eq!(texts("a'b c'd"), ["ab cd"]);
        assert_eq!(texts("é 'ü"), ["é", "ü"]);
    }
}
