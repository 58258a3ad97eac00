//! What is printed: the report for people on standard error, JSON on standard output.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use fullchain::haproxy::Written;
use fullchain::{Bundle, Report};
use serde::Serialize;

/// How a run ended.
pub enum Outcome {
    Built {
        bundle: Box<Bundle>,
        written: Option<(PathBuf, Written)>,
        report: Report,
    },
    Refused(Report),
    Failed(fullchain::Error),
}

/// The JSON of `--json`. Stable: members may be added, none is renamed or removed.
#[derive(Serialize)]
struct Json<'a> {
    /// `built`, `refused` or `failed`.
    outcome: &'static str,
    /// The file, and `created`, `replaced` or `unchanged`; `null` when nothing was written.
    file: Option<String>,
    written: Option<Written>,
    /// What was built; `null` otherwise.
    bundle: Option<&'a Bundle>,
    /// What there is to say about trust stores, and in a refusal about everything.
    findings: Option<&'a Report>,
    /// Why the work could not be done; `null` otherwise.
    error: Option<String>,
}

pub fn print(outcome: &Outcome, json: bool) -> ExitCode {
    let mut stderr = anstream::stderr();
    // There is nobody left to tell when standard error is closed.
    let _ = match outcome {
        Outcome::Built {
            bundle,
            written,
            report,
        } => write!(stderr, "{}{}", report.styled(), bundle.report().styled())
            .and_then(|()| summary(&mut stderr, bundle, written.as_ref())),
        Outcome::Refused(report) => write!(stderr, "{}", report.styled())
            .and_then(|()| writeln!(stderr, "refused: nothing was written")),
        Outcome::Failed(error) => writeln!(stderr, "fullchain: {error}"),
    };
    if json && print_json(outcome).is_err() {
        return ExitCode::FAILURE;
    }
    match outcome {
        Outcome::Built { .. } => ExitCode::SUCCESS,
        Outcome::Refused(_) | Outcome::Failed(_) => ExitCode::FAILURE,
    }
}

fn summary(
    stderr: &mut impl Write,
    bundle: &Bundle,
    written: Option<&(PathBuf, Written)>,
) -> std::io::Result<()> {
    match written {
        Some((path, Written::Unchanged)) => {
            writeln!(stderr, "unchanged: {}", path.display())?;
        }
        Some((path, _)) => writeln!(stderr, "written: {}", path.display())?,
        None => writeln!(stderr, "checked: nothing was written")?,
    }
    for certificate in bundle.chain().certificates() {
        writeln!(stderr, "  {}", certificate.subject_text())?;
    }
    writeln!(stderr, "  {} key", bundle.key().algorithm())
}

fn print_json(outcome: &Outcome) -> std::io::Result<()> {
    let empty = Json {
        outcome: "built",
        file: None,
        written: None,
        bundle: None,
        findings: None,
        error: None,
    };
    let json = match outcome {
        Outcome::Built {
            bundle,
            written,
            report,
        } => Json {
            bundle: Some(bundle),
            file: written
                .as_ref()
                .map(|(path, _)| path.to_string_lossy().into_owned()),
            written: written.as_ref().map(|(_, written)| *written),
            findings: Some(report),
            ..empty
        },
        Outcome::Refused(report) => Json {
            outcome: "refused",
            findings: Some(report),
            ..empty
        },
        Outcome::Failed(error) => Json {
            outcome: "failed",
            error: Some(error.to_string()),
            ..empty
        },
    };
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, &json)?;
    writeln!(stdout)
}
