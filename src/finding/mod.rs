//! What there is to say about the user's material: findings, and the report of them.
//!
//! A [`Finding`] speaks about the input and points at a file and a line. It is not an error: a
//! repair is a finding, and so is a certificate that was left out. An error type, such as
//! [`Error`](crate::Error), says that the work could not be done.
//!
//! # JSON
//!
//! With the feature `serde`, a [`Report`] serialises as an array of findings. This schema is
//! stable: members may be added, none is renamed or removed within a major version.
//!
//! ```json
//! {
//!   "code": "joined-markers",
//!   "severity": "repaired",
//!   "origin": { "source": "site.pem", "part": null, "first_line": 22, "last_line": 22 },
//!   "message": "END and BEGIN stand on one line",
//!   "help": "end every file with a newline before joining files"
//! }
//! ```
//!
//! `code` is one of [`Code::ALL`]; `severity` is `note`, `repaired`, `warning` or `error`;
//! `origin` is `null` when the finding is about no single place, its `part` is `null` unless the source
//! is a container (`"bag 2"`, `"tls.crt"`), and its lines are `null` for binary sources; `help` is `null` when there is nothing to do.

mod code;
mod render;

pub use code::{Code, Severity};
pub use render::Styled;

use std::fmt;

use crate::base::text::Printable;
use crate::origin::Origin;

/// The first of these names, and how many more there are.
pub(crate) fn some_of(names: &[impl AsRef<str>], most: usize) -> String {
    let first: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(most) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// One thing there is to say about the material.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// What kind of thing it is. Stable; programs decide by this.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The place in the user's input, if it is about one.
    pub origin: Option<Origin>,
    /// One sentence: what was found, or what was done. For people; its wording may change.
    pub message: String,
    /// How to mend it at its source, when there is something to do.
    pub help: Option<String>,
}

impl Finding {
    /// A finding with the severity and the cure that are usual for its code. Characters that
    /// could disturb a terminal are escaped in the message.
    pub(crate) fn new(code: Code, message: impl AsRef<str>) -> Self {
        Self {
            code,
            severity: code.severity(),
            origin: None,
            message: Printable(message.as_ref()).to_string(),
            help: code.cure().map(str::to_owned),
        }
    }

    pub(crate) fn at(mut self, origin: &Origin) -> Self {
        self.origin = Some(origin.clone());
        self
    }

    pub(crate) fn help(mut self, help: impl AsRef<str>) -> Self {
        self.help = Some(Printable(help.as_ref()).to_string());
        self
    }

    /// The same finding, of another severity than its code usually has.
    pub(crate) fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.code, self.message)?;
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        Ok(())
    }
}

/// The findings of one piece of work, in the order in which they came up.
///
/// `Display` prints it for people, in plain text; [`Report::styled`] adds colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// All findings, in order.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether a finding with this code is among them.
    pub fn has(&self, code: Code) -> bool {
        self.with_code(code).next().is_some()
    }

    /// The findings with this code.
    pub fn with_code(&self, code: Code) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |f| f.code == code)
    }

    /// The findings that are errors: the reasons of a refusal.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
    }

    /// The report with ANSI colours, for a terminal.
    pub fn styled(&self) -> Styled<'_> {
        Styled(self)
    }

    /// Adds all findings of another report.
    pub fn merge(&mut self, other: Self) {
        self.findings.extend(other.findings);
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(crate) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }
}

impl FromIterator<Finding> for Report {
    fn from_iter<T: IntoIterator<Item = Finding>>(findings: T) -> Self {
        Self {
            findings: findings.into_iter().collect(),
        }
    }
}

impl IntoIterator for Report {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.findings.into_iter()
    }
}
