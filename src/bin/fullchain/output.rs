//! What is printed: the report for people on standard error, JSON on standard output.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use fullchain::aia::Request;
use fullchain::haproxy::Written;
use fullchain::{Bundle, Chain, Error, Report};
use rustls_pki_types::UnixTime;
use serde::Serialize;

use crate::arguments::CommonArguments;

/// How a run ended, and what else is to be shown.
pub struct Printed {
    pub outcome: Outcome,
    /// What there is to say about the trust stores, pools and cache.
    pub stores: Report,
    pub tree: Option<String>,
    pub json: bool,
}

impl Printed {
    pub fn failed(error: Error, arguments: &CommonArguments) -> Self {
        Self {
            outcome: Outcome::Failed {
                error,
                report: Report::default(),
            },
            stores: Report::default(),
            tree: None,
            json: arguments.json,
        }
    }
}

pub enum Outcome {
    /// One bundle, or twins.
    Built {
        bundles: Vec<Bundle>,
        written: Vec<(PathBuf, Written)>,
    },
    Verified {
        chain: Box<Chain>,
        report: Report,
    },
    /// No bundle was built.
    Refused(Report),
    /// No chain was verified.
    NotVerified(Report),
    /// What was found until then may explain the failure.
    Failed {
        error: Error,
        report: Report,
    },
}

/// The JSON of `--json`. Stable: members may be added, none is renamed or removed.
#[derive(Serialize)]
struct Json<'a> {
    /// `built`, `verified`, `refused` or `failed`.
    outcome: &'static str,
    /// The file, and `created`, `replaced` or `unchanged`; `null` when nothing was written.
    file: Option<String>,
    written: Option<Written>,
    /// All files, and what became of each: of several, `file` is the first.
    files: Vec<File>,
    /// What was built; `null` otherwise. Its findings are in it.
    bundle: Option<&'a Bundle>,
    /// The twin with an RSA key, with `--twins`; `null` otherwise.
    twin: Option<&'a Bundle>,
    /// What `verify` verified; `null` otherwise.
    chain: Option<&'a Chain>,
    /// What there is to say: about the trust stores, and unless a bundle says it about the rest.
    findings: Report,
    /// The drawing of `--tree`; `null` without it.
    tree: Option<&'a str>,
    /// Why the work could not be done; `null` otherwise.
    error: Option<String>,
}

#[derive(Serialize)]
struct File {
    file: String,
    written: Written,
}

/// Shows on a terminal that something is fetched.
pub fn progress(request: &Request) {
    if io::stderr().is_terminal() {
        let issuer = request.certificate().issuer_text();
        // There is nobody left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "fetching {} for {issuer}", request.url());
    }
}

pub fn print(printed: &Printed) -> ExitCode {
    // There is nobody left to tell when standard error is closed.
    let mut stderr = BufWriter::new(anstream::stderr());
    let _ = print_report(printed, &mut stderr).and_then(|()| stderr.flush());
    let shown = match (printed.json, &printed.tree) {
        (true, _) => print_json(printed),
        (false, Some(tree)) => write!(io::stdout(), "{tree}"),
        (false, None) => Ok(()),
    };
    match (&printed.outcome, shown) {
        (Outcome::Built { .. } | Outcome::Verified { .. }, Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn print_report(printed: &Printed, stderr: &mut impl Write) -> io::Result<()> {
    write!(stderr, "{}", printed.stores.styled())?;
    match &printed.outcome {
        Outcome::Built { bundles, written } => {
            for bundle in bundles {
                write!(stderr, "{}", bundle.report().styled())?;
            }
            write!(stderr, "{}", of_twins(bundles).styled())?;
            for (path, written) in written {
                let verb = match written {
                    Written::Unchanged => "unchanged",
                    _ => "written",
                };
                writeln!(stderr, "{verb}: {}", path.display())?;
            }
            if written.is_empty() {
                writeln!(stderr, "checked: nothing was written")?;
            }
            for bundle in bundles {
                print_chain(stderr, bundle.chain())?;
                writeln!(stderr, "  {} key", bundle.key().algorithm())?;
                print_trust(stderr, bundle.chain())?;
            }
            Ok(())
        }
        Outcome::Verified { chain, report } => {
            write!(stderr, "{}", report.styled())?;
            writeln!(
                stderr,
                "verified: trusted by {}",
                chain.trusted_by().join(", ")
            )?;
            print_chain(stderr, chain)?;
            print_trust(stderr, chain)
        }
        Outcome::Refused(report) => {
            write!(stderr, "{}", report.styled())?;
            writeln!(stderr, "refused: nothing was written")
        }
        Outcome::NotVerified(report) => {
            write!(stderr, "{}", report.styled())?;
            writeln!(stderr, "not verified")
        }
        Outcome::Failed { error, report } => {
            write!(stderr, "{}", report.styled())?;
            writeln!(stderr, "fullchain: {error}")
        }
    }
}

/// What there is to say of twins together.
fn of_twins(bundles: &[Bundle]) -> Report {
    match bundles {
        [ecdsa, rsa] => ecdsa.twin_differs(rsa).into_iter().collect(),
        _ => Report::default(),
    }
}

fn print_chain(stderr: &mut impl Write, chain: &Chain) -> io::Result<()> {
    for certificate in chain.certificates() {
        writeln!(stderr, "  {}", certificate.subject_text())?;
    }
    Ok(())
}

/// By which path each store's clients trust it, and until when. Of those that do not, the report
/// has said why.
fn print_trust(stderr: &mut impl Write, chain: &Chain) -> io::Result<()> {
    for trust in chain.trust() {
        let Some(end) = trust.valid_until else {
            continue;
        };
        let until = until(end);
        let path: Vec<String> = trust.path.iter().map(|it| it.subject_text()).collect();
        let path = match path.is_empty() {
            true => "straight from its root".to_owned(),
            false => format!("through {}", path.join(", ")),
        };
        writeln!(stderr, "  trusted by {} {until}, {path}", trust.store)?;
    }
    Ok(())
}

/// The day, as 2026-01-31.
pub fn day(moment: UnixTime) -> String {
    let seconds = i64::try_from(moment.as_secs()).ok();
    match seconds.map(jiff::Timestamp::from_second) {
        Some(Ok(moment)) => moment.strftime("%Y-%m-%d").to_string(),
        _ => "9999-12-31".to_owned(),
    }
}

pub fn until(end: UnixTime) -> String {
    let seconds = i64::try_from(end.as_secs()).ok();
    match seconds.map(jiff::Timestamp::from_second) {
        Some(Ok(moment)) => format!("until {moment}"),
        // The last day of the year 9999 stands for no end (RFC 5280 section 4.1.2.5).
        _ => "without end".to_owned(),
    }
}

fn print_json(printed: &Printed) -> io::Result<()> {
    let mut json = Json {
        outcome: "built",
        file: None,
        written: None,
        files: Vec::new(),
        bundle: None,
        twin: None,
        chain: None,
        findings: printed.stores.clone(),
        tree: printed.tree.as_deref(),
        error: None,
    };
    match &printed.outcome {
        Outcome::Built { bundles, written } => {
            json.bundle = bundles.first();
            json.twin = bundles.get(1);
            json.findings.merge(of_twins(bundles));
            let files = written.iter().map(|(path, written)| File {
                file: path.to_string_lossy().into_owned(),
                written: *written,
            });
            json.files = files.collect();
            json.file = json.files.first().map(|first| first.file.clone());
            json.written = json.files.first().map(|first| first.written);
        }
        Outcome::Verified { chain, report } => {
            json.outcome = "verified";
            json.chain = Some(chain);
            json.findings.merge(report.clone());
        }
        Outcome::Refused(report) | Outcome::NotVerified(report) => {
            json.outcome = "refused";
            json.findings.merge(report.clone());
        }
        Outcome::Failed { error, report } => {
            json.outcome = "failed";
            json.findings.merge(report.clone());
            json.error = Some(error.to_string());
        }
    }
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, &json)?;
    writeln!(stdout)
}

/// A number of things.
pub fn counted(count: impl Display, what: &str) -> String {
    match count.to_string().as_str() {
        "1" => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
