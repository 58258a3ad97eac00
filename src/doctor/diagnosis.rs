//! What is found: the cause, where it shows, who notices, and the cure.

use std::fmt;
use std::path::PathBuf;

use super::edit::Edit;
use crate::base::text::Printable;
use crate::explain::Cause;
use crate::finding::{Code, Finding, Report, Severity};
use crate::origin::Origin;

/// A finding, with what it leads to and what cures it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Diagnosis {
    /// What was found, and the line that causes it.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub finding: Finding,
    /// Which of the causes of failing handshakes it is.
    pub cause: Cause,
    /// Whether HAProxy does not start because of it.
    pub stops: bool,
    /// What else shows it: other lines, what a server said.
    pub evidence: Vec<Evidence>,
    /// Who notices it; `None` where that is plain.
    pub affected: Option<String>,
    /// What to change; `None` where only people can decide or bring what is missing: then the
    /// finding's help says what.
    pub cure: Option<Cure>,
}

/// What else shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Evidence {
    /// The place, if it is about one.
    pub origin: Option<Origin>,
    /// What is there.
    pub text: String,
}

/// A cure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Cure {
    /// Lines of the configuration, or of a crt-list, to be changed.
    Edit(Vec<Edit>),
    /// A certificate file to be written anew as a bundle, from what is in it and beside it.
    Bundle(PathBuf),
    /// A command to be run, quoted for a POSIX shell.
    Command(String),
}

/// For people; with `{:#}` in ANSI colours.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report: Report = [self.finding.clone()].into_iter().collect();
        match f.alternate() {
            true => write!(f, "{}", report.styled())?,
            false => write!(f, "{report}")?,
        }
        // As the lines above are indented.
        let line = self.finding.origin.as_ref().and_then(Origin::first_line);
        let indent = line.map_or(1, |line| line.to_string().len() + 1);
        let indent = " ".repeat(indent);
        let (bold, reset) = match f.alternate() {
            true => ("\x1b[1m", "\x1b[0m"),
            false => ("", ""),
        };
        writeln!(f, "{indent}= {bold}cause{reset}: {}", self.cause)?;
        for evidence in &self.evidence {
            let text = &evidence.text;
            match &evidence.origin {
                Some(origin) => writeln!(f, "{indent}= {bold}seen{reset}: {origin}: {text}")?,
                None => writeln!(f, "{indent}= {bold}seen{reset}: {text}")?,
            }
        }
        if let Some(affected) = &self.affected {
            writeln!(f, "{indent}= {bold}affects{reset}: {affected}")?;
        }
        match &self.cure {
            None => Ok(()),
            Some(Cure::Bundle(path)) => {
                let path = path.display().to_string();
                let path = Printable(&path);
                writeln!(f, "{indent}= {bold}cure{reset}: write {path} anew (--fix)")
            }
            Some(Cure::Command(command)) => {
                writeln!(f, "{indent}= {bold}cure{reset}: `{}`", Printable(command))
            }
            Some(Cure::Edit(edits)) => edits.iter().try_for_each(|edit| {
                writeln!(
                    f,
                    "{indent}= {bold}cure{reset}: {}:{}",
                    edit.file, edit.line
                )?;
                if edit.after.first() != Some(&edit.before) {
                    writeln!(f, "{indent}  - {}", Printable(edit.before.trim()))?;
                }
                let new = edit.after.iter().filter(|line| **line != edit.before);
                new.map(|line| Printable(line.trim()))
                    .try_for_each(|line| writeln!(f, "{indent}  + {line}"))
            }),
        }
    }
}

impl Diagnosis {
    pub(super) fn new(
        code: Code,
        cause: Cause,
        origin: Option<&Origin>,
        message: impl AsRef<str>,
    ) -> Self {
        let finding = Finding::new(code, message);
        let finding = match origin {
            Some(origin) => finding.at(origin),
            None => finding,
        };
        Self::of(finding, cause)
    }

    pub(super) fn severity(mut self, severity: Severity) -> Self {
        self.finding.severity = severity;
        self
    }

    /// HAProxy does not start because of it, unless it is only a warning: then it may be so.
    pub(super) fn stops(mut self) -> Self {
        self.stops = self.finding.severity == Severity::Error;
        if self.stops {
            self.affected = Some("everybody: HAProxy does not start".to_owned());
        }
        self
    }

    /// A finding that was made elsewhere.
    pub(super) fn of(finding: Finding, cause: Cause) -> Self {
        Self {
            finding,
            cause,
            stops: false,
            evidence: Vec::new(),
            affected: None,
            cure: None,
        }
    }

    pub(super) fn help(mut self, help: impl AsRef<str>) -> Self {
        self.finding = self.finding.help(help);
        self
    }

    pub(super) fn affects(mut self, who: impl AsRef<str>) -> Self {
        self.affected = Some(Printable(who.as_ref()).to_string());
        self
    }

    pub(super) fn evidence(mut self, origin: Option<&Origin>, text: impl AsRef<str>) -> Self {
        self.evidence.push(Evidence {
            origin: origin.cloned(),
            text: Printable(text.as_ref()).to_string(),
        });
        self
    }

    /// Edits that could not be made are none.
    pub(super) fn edit(mut self, edits: impl IntoIterator<Item = Edit>) -> Self {
        let edits: Vec<Edit> = edits.into_iter().collect();
        if !edits.is_empty() {
            self.cure = Some(Cure::Edit(edits));
        }
        self
    }
}
