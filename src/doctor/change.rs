//! What is done to a line of a configuration or of a crt-list: options are set and taken out where
//! they stand, and all else on the line stays as it was.

use std::ops::Range;

use crate::haproxy::config::{Variable, Word, words};
use crate::haproxy::{CrtEntry, CrtList, Unwritable};

/// How a line is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Words, quotes and escapes.
    Config,
    /// A file, options in brackets, and filters; nothing can be quoted.
    CrtList,
}

/// What is done to a line. Values are written as they are, so that they may hold quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The option gets this value, where it stands or at the end.
    Set(&'static str, String),
    /// Words of the option's value, which colons separate, go; and others come, at its end. Without
    /// the option it is set, to OpenSSL's own list and what comes.
    List {
        option: &'static str,
        out: Vec<String>,
        more: Vec<String>,
    },
    /// The option without a value is put at the end, unless it is there.
    Add(String),
    /// The option goes, with so many values.
    Unset(&'static str, usize),
    /// The first word that reads so is written so.
    Word(String, String),
    /// Filters of a crt-list's line go, and others come.
    Filters { out: Vec<String>, more: Vec<String> },
    /// These lines follow.
    Behind(Vec<String>),
}

impl Change {
    pub(super) fn apply(&self, line: &str, syntax: Syntax) -> Option<Vec<String>> {
        match (self, syntax) {
            (Self::Behind(new), _) => {
                let mut lines = vec![line.to_owned()];
                lines.extend(new.iter().cloned());
                Some(lines)
            }
            (_, Syntax::Config) => self.apply_to_line(line),
            (_, Syntax::CrtList) => self.apply_to_entry(line),
        }
    }

    fn apply_to_line(&self, line: &str) -> Option<Vec<String>> {
        let words = words(line.as_bytes(), |_| Variable::Unknown).ok()?;
        let end = words.last()?.range.end;
        let place = |name: &str| {
            let is_named = |word: &Word| word.as_bytes() == name.as_bytes();
            words.iter().position(is_named)
        };
        let place_of_value = |option: &str| {
            let default = words.iter().position(|word| is_default(word, option));
            default.or_else(|| place(option))
        };
        let with = |range: Range<usize>, by: &str| {
            let (before, behind) = (line.get(..range.start)?, line.get(range.end..)?);
            Some(vec![format!("{before}{by}{behind}")])
        };
        let at_end = |text: &str| with(end..end, &format!(" {text}"));
        match self {
            Self::Set(option, value) => {
                let at = place_of_value(option);
                let first = words.first()?;
                let sibling = first.text().rsplit_once('-').map(|(it, _)| it.to_owned());
                let sibling = sibling.filter(|it| it.starts_with("ssl-default-"));
                match at {
                    // Each of these has a line of its own.
                    None if !first.as_bytes().ends_with(b"-options") && sibling.is_some() => {
                        let indent = line.get(..first.range.start)?;
                        let sibling = sibling?;
                        Some(vec![
                            line.to_owned(),
                            format!("{indent}{sibling}-{option} {value}"),
                        ])
                    }
                    Some(at) => match words.get(at + 1) {
                        Some(word) => with(word.range.clone(), value),
                        None => at_end(value),
                    },
                    None => at_end(&format!("{option} {value}")),
                }
            }
            Self::List { option, out, more } => {
                let old = place_of_value(option).and_then(|at| words.get(at + 1));
                let new = list(old.map(Word::text).as_deref(), out, more);
                match old {
                    Some(word) => with(word.range.clone(), &new),
                    None => at_end(&format!("{option} {new}")),
                }
            }
            Self::Add(option) => match place(option) {
                Some(_) => None,
                None => at_end(option),
            },
            Self::Unset(option, values) => {
                if is_default(words.first()?, option) {
                    return Some(Vec::new());
                }
                let at = place(option)?;
                let last = words.get(at + values).or(words.last())?;
                let before = at.checked_sub(1).and_then(|it| words.get(it))?;
                with(before.range.end..last.range.end, "")
            }
            Self::Word(from, to) => {
                let word = words.get(place(from)?)?;
                with(word.range.clone(), to)
            }
            Self::Filters { .. } | Self::Behind(_) => None,
        }
    }

    fn apply_to_entry(&self, line: &str) -> Option<Vec<String>> {
        let (parsed, _) = CrtList::parse("", format!("{line}\n").as_bytes());
        let (_, entry) = parsed.entries().next()?;
        let mut options = entry.options().to_vec();
        let mut filters = entry.filters().to_vec();
        let place = |name: &str| options.iter().position(|word| word == name);
        match self {
            Self::Set(option, value) => match place(option) {
                Some(at) => *options.get_mut(at + 1)? = value.clone(),
                None => options.extend([(*option).to_owned(), value.clone()]),
            },
            Self::List { option, out, more } => {
                let at = place(option)?;
                let value = options.get_mut(at + 1)?;
                *value = list(Some(value), out, more);
            }
            Self::Add(option) => match place(option) {
                Some(_) => return None,
                None => options.push(option.clone()),
            },
            Self::Unset(option, values) => {
                let at = place(option)?;
                let end = (at + 1 + values).min(options.len());
                options.drain(at..end);
            }
            Self::Filters { out, more } => {
                filters.retain(|filter| !out.contains(filter));
                let new = more.iter().filter(|it| !filters.contains(it));
                let new: Vec<String> = new.cloned().collect();
                filters.extend(new);
            }
            Self::Word(..) | Self::Behind(_) => return None,
        }
        let new = || -> Result<CrtEntry, Unwritable> {
            let new = CrtEntry::new(entry.file())?;
            let new = options.iter().try_fold(new, CrtEntry::option)?;
            filters.iter().try_fold(new, CrtEntry::filter)
        };
        Some(vec![new().ok()?.to_string()])
    }
}

/// Whether it is the line in `global` that has an option's default.
fn is_default(word: &Word, option: &str) -> bool {
    let text = word.text();
    let of = ["ssl-default-bind-", "ssl-default-server-"];
    of.iter().any(|it| text.strip_prefix(it) == Some(option))
}

/// A list whose words colons separate, OpenSSL's own if there is none, without some words and with
/// others.
fn list(old: Option<&str>, out: &[String], more: &[String]) -> String {
    let Some(old) = old else {
        // A command such as `@SECLEVEL=0` needs no colon there, and reads better without.
        return format!("DEFAULT:{}", more.join(":")).replace(":@", "@");
    };
    // A word that OpenSSL does not know takes a command behind it along, if no colon is between.
    let kept = old.split(':');
    let kept = kept.filter(|word| !out.iter().any(|it| it == word));
    let new: Vec<&str> = kept.chain(more.iter().map(String::as_str)).collect();
    new.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(line: &str, change: Change) -> Option<String> {
        change
            .apply(line, Syntax::Config)
            .map(|lines| lines.join("\n"))
    }

    #[test]
    fn options_change_where_they_stand_and_the_rest_stays() {
        let line = "  bind :443  ssl crt \"a b.pem\" ciphers OLD # ours";
        let set = |option, value: &str| change(line, Change::Set(option, value.to_owned()));
        assert_eq!(
            set("ciphers", "NEW").as_deref(),
            Some("  bind :443  ssl crt \"a b.pem\" ciphers NEW # ours")
        );
        assert_eq!(
            set("alpn", "h2").as_deref(),
            Some("  bind :443  ssl crt \"a b.pem\" ciphers OLD alpn h2 # ours")
        );
        let default = "ssl-default-bind-ciphers OLD";
        assert_eq!(
            change(default, Change::Set("ciphers", "NEW".to_owned())).as_deref(),
            Some("ssl-default-bind-ciphers NEW")
        );
        assert_eq!(
            change(line, Change::Unset("ciphers", 1)).as_deref(),
            Some("  bind :443  ssl crt \"a b.pem\" # ours")
        );
        assert_eq!(change(line, Change::Add("ssl".to_owned())), None);
        assert_eq!(change(line, Change::Unset("npn", 1)), None);
    }

    #[test]
    fn lists_are_changed_word_by_word() {
        let list = |line: &str, out: &[&str], more: &[&str]| {
            let own = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
            let (option, out, more) = ("ciphers", own(out), own(more));
            change(line, Change::List { option, out, more })
        };
        assert_eq!(
            list("bind :1 ciphers A:B:C ssl", &["B"], &["D"]).as_deref(),
            Some("bind :1 ciphers A:C:D ssl")
        );
        assert_eq!(
            list("bind :1 ciphers A:B:!C:@STRENGTH", &["A"], &["@SECLEVEL=0"]).as_deref(),
            Some("bind :1 ciphers B:!C:@STRENGTH:@SECLEVEL=0")
        );
        assert_eq!(
            list("bind :1 ssl", &[], &["@SECLEVEL=0"]).as_deref(),
            Some("bind :1 ssl ciphers DEFAULT@SECLEVEL=0")
        );
        assert_eq!(
            list("ssl-default-bind-ciphers A", &[], &["B"]).as_deref(),
            Some("ssl-default-bind-ciphers A:B")
        );
    }

    #[test]
    fn lines_of_crt_lists_change_inside_and_behind_their_brackets() {
        let change = |line: &str, change: Change| {
            let lines = change.apply(line, Syntax::CrtList);
            lines.map(|lines| lines.join("\n"))
        };
        let own = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        let line = "a.pem [ciphers A:B alpn h2] *.example !b.example";
        let more = Change::List {
            option: "ciphers",
            out: own(&["A"]),
            more: own(&["C"]),
        };
        assert_eq!(
            change(line, more).as_deref(),
            Some("a.pem [ciphers B:C alpn h2] *.example !b.example")
        );
        assert_eq!(
            change(line, Change::Unset("alpn", 1)).as_deref(),
            Some("a.pem [ciphers A:B] *.example !b.example")
        );
        assert_eq!(
            change("a.pem [alpn h2]", Change::Unset("alpn", 1)).as_deref(),
            Some("a.pem")
        );
        let filters = Change::Filters {
            out: own(&["!b.example"]),
            more: own(&["*.example", "c.example"]),
        };
        assert_eq!(
            change(line, filters).as_deref(),
            Some("a.pem [ciphers A:B alpn h2] *.example c.example")
        );
        let set = |value: &str| Change::Set("ssl-min-ver", value.to_owned());
        assert_eq!(
            change("a.pem a.example", set("TLSv1.2")).as_deref(),
            Some("a.pem [ssl-min-ver TLSv1.2] a.example")
        );
        // There are no quotes for it.
        assert_eq!(change(line, set("a b")), None);
        assert_eq!(change("# a.pem", set("TLSv1.2")), None);
    }
}
