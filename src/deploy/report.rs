//! What became of a deployment, step by step.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::finding::Report;
use crate::haproxy::Written;

/// A step of a deployment, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum StepName {
    /// Waiting until nobody else deploys into the folder.
    Lock,
    /// Building the bundle.
    Build,
    /// Putting back what an earlier deployment left that was broken off.
    Recover,
    /// Foretelling what HAProxy will make of the files, and asking the process what it has.
    Foretell,
    /// `haproxy -c` on the configuration as it will be.
    Check,
    /// Replacing the files.
    Write,
    /// Bringing it to the process: over its socket, or by the reload command.
    Update,
    /// Handshakes, to see that the new chain is served.
    Verify,
    /// Making it count: from then on nothing is put back.
    Finish,
    /// Putting files and process back as they were.
    Undo,
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lock => "lock",
            Self::Build => "build",
            Self::Recover => "recover",
            Self::Foretell => "foretell",
            Self::Check => "check",
            Self::Write => "write",
            Self::Update => "update",
            Self::Verify => "verify",
            Self::Finish => "finish",
            Self::Undo => "undo",
        })
    }
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Step {
    /// Which one.
    pub name: StepName,
    /// Whether it was done.
    pub done: bool,
    /// What was done, or why it could not be.
    pub message: String,
    /// How long it took; milliseconds in JSON.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "milliseconds", serialize_with = "milliseconds")
    )]
    pub time: Duration,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = match self.done {
            true => "",
            false => "failed: ",
        };
        write!(f, "{}: {failed}{}", self.name, self.message)
    }
}

#[cfg(feature = "serde")]
fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Outcome {
    /// The new files are in their places, and as far as was asked, the process has them and serves
    /// them.
    Deployed,
    /// All was there already; nothing was touched.
    Unchanged,
    /// All but the writing was done, as was asked.
    Rehearsed,
    /// A step failed; files and process are as they were.
    NotDeployed,
    /// A step failed, and not all could be put back: [`Deployed::left`] says what is where.
    NotUndone,
}

impl Outcome {
    /// Whether all is as it was meant to be.
    pub fn is_fine(self) -> bool {
        matches!(self, Self::Deployed | Self::Unchanged | Self::Rehearsed)
    }
}

/// What became of a deployment.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Deployed {
    /// How it ended.
    pub outcome: Outcome,
    /// The steps that were taken; the one that failed is among them.
    pub steps: Vec<Step>,
    /// What there is to say of the material, of the files, and of what HAProxy makes of them.
    pub findings: Report,
    /// The files, and what became of each; none when nothing was written, or all was undone.
    #[cfg_attr(feature = "serde", serde(serialize_with = "files"))]
    pub files: Vec<(PathBuf, Written)>,
    /// What was undone.
    pub undone: Vec<String>,
    /// What could not be undone, and so is not as it was.
    pub left: Vec<String>,
}

impl Deployed {
    pub(super) fn new() -> Self {
        Self {
            outcome: Outcome::NotDeployed,
            steps: Vec::new(),
            findings: Report::default(),
            files: Vec::new(),
            undone: Vec::new(),
            left: Vec::new(),
        }
    }

    /// The step that failed.
    pub fn failed(&self) -> Option<&Step> {
        self.steps.iter().find(|step| !step.done)
    }
}

#[cfg(feature = "serde")]
fn files<S: serde::Serializer>(
    files: &[(PathBuf, Written)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(serde::Serialize)]
    struct File {
        file: String,
        written: Written,
    }
    serializer.collect_seq(files.iter().map(|(path, written)| File {
        file: path.to_string_lossy().into_owned(),
        written: *written,
    }))
}
