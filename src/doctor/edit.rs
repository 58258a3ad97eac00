//! Changes to lines of the files that make up a configuration, which add up.

use std::collections::HashMap;

use super::change::{Change, Syntax};
use super::lines::NamedList;
use crate::base::text::Printable;
use crate::haproxy::config::File;
use crate::origin::Origin;

/// A change to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Edit {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// How it is now.
    pub before: String,
    /// What takes its place; several edits of one line are put together when they are applied.
    pub after: Vec<String>,
    #[cfg_attr(feature = "serde", serde(skip))]
    change: Change,
    #[cfg_attr(feature = "serde", serde(skip))]
    syntax: Syntax,
}

/// The lines of all files.
pub(super) struct Texts<'a> {
    files: HashMap<&'a str, (Syntax, Vec<&'a [u8]>)>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(config: &'a [File], crt_lists: &'a [NamedList]) -> Self {
        let config = config.iter().map(|file| (Syntax::Config, file));
        let lists = crt_lists.iter().map(|it| (Syntax::CrtList, &it.file));
        let files = lists.chain(config).map(|(syntax, file)| {
            let lines = file.bytes.split(|byte| *byte == b'\n').collect();
            (file.name.as_str(), (syntax, lines))
        });
        Self {
            files: files.collect(),
        }
    }

    fn line(&self, origin: &Origin) -> Option<(Syntax, usize, String)> {
        let number = origin.first_line()?;
        let (syntax, lines) = self.files.get(origin.source())?;
        let line = lines.get(number.checked_sub(1)?)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Some((*syntax, number, String::from_utf8(line.to_vec()).ok()?))
    }

    /// The place with its line, for people.
    pub(super) fn quote(&self, origin: &Origin) -> Origin {
        match self.line(origin) {
            Some((_, _, line)) => origin
                .clone()
                .with_excerpt(Printable(line.trim()).to_string()),
            None => origin.clone(),
        }
    }

    /// A change to the line at that place; `None` if there is nothing to be changed.
    pub(super) fn edit(&self, origin: &Origin, change: Change) -> Option<Edit> {
        let (syntax, line, before) = self.line(origin)?;
        let after = change.apply(&before, syntax)?;
        (after != [before.as_str()]).then(|| Edit {
            file: origin.source().to_owned(),
            line,
            before,
            after,
            change,
            syntax,
        })
    }
}

impl Edit {
    /// Applies several edits of one line to it, one after the other.
    pub(super) fn all<'e>(line: &str, edits: impl IntoIterator<Item = &'e Self>) -> Vec<String> {
        let mut lines = vec![line.to_owned()];
        for edit in edits {
            let Some(first) = lines.first() else { break };
            if let Some(mut after) = edit.change.apply(first, edit.syntax) {
                after.extend(lines.drain(1..));
                lines = after;
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_of_one_line_add_up() {
        let file = File::new("a.cfg", "frontend f\n bind :443 ssl\n");
        let files = [file];
        let texts = Texts::new(&files, &[]);
        let origin = Origin::new("a.cfg").with_lines(2, 2);
        let edits = [
            texts.edit(&origin, Change::Set("ciphers", "X".to_owned())),
            texts.edit(&origin, Change::Behind(vec![" log global".to_owned()])),
            texts.edit(&origin, Change::Set("ssl-min-ver", "TLSv1.2".to_owned())),
        ];
        let edits = edits.map(|edit| edit.expect("it can be made"));
        assert_eq!(
            Edit::all(" bind :443 ssl", &edits),
            [
                " bind :443 ssl ciphers X ssl-min-ver TLSv1.2",
                " log global"
            ]
        );
    }
}
