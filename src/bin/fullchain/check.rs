//! `fullchain check`: what HAProxy does with certificate files, and clients with what it sends.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use fullchain::haproxy::BindLine;
use fullchain::haproxy::fleet::{Checked, Summary};
use fullchain::haproxy::load::{Judged, Loaded};
use fullchain::{Cancel, Certificate, Error, Reader, Report, Severity};
use rustls_pki_types::UnixTime;
use serde::Serialize;

use crate::arguments::CheckArguments;
use crate::output::{counted, day, until};
use crate::{bind, bundler};

/// The last line of `check --json`, behind one for each file. Stable: members may be added, none
/// is renamed or removed.
#[derive(Serialize)]
struct Last<'a> {
    summary: Told<'a>,
}

#[derive(Serialize, Default)]
struct Told<'a> {
    /// Whether HAProxy starts, as far as its certificates are concerned.
    starts: bool,
    files: usize,
    /// How many of them HAProxy does not load.
    refused: usize,
    codes: Vec<Counted>,
    /// The Mondays (UTC), and how many files expire in the weeks that begin on them.
    weeks: Vec<(String, usize)>,
    /// What there is to say of the trust stores, and of all files together.
    findings: Option<&'a Report>,
    /// Whether it was stopped before all files were checked.
    stopped: bool,
    /// Why the work could not be done; `null` otherwise.
    error: Option<String>,
}

#[derive(Serialize)]
struct Counted {
    severity: Severity,
    code: String,
    count: usize,
}

pub fn check(arguments: &CheckArguments) -> ExitCode {
    let json = arguments.bind.json;
    let time = bind::time(&arguments.bind);
    let mut of_all = Report::default();
    let bundler = match bundler(&arguments.roots, time, &mut Reader::new(), &mut of_all) {
        Ok(bundler) => bundler,
        Err(error) => return failed(&error, json),
    };
    let mut line = bind::line(&arguments.bind, &arguments.bind.paths);
    let cancel = Cancel::new();
    let mut fleet = bind::fleet(&arguments.bind, &cancel)
        .judge(bundler)
        .in_order(true);
    if let Some(days) = arguments.warn_days {
        fleet = fleet.warn_days(days);
    }
    let mut stdout = BufWriter::new(anstream::stdout().lock());
    let mut shown = Ok(());
    let mut summary = Summary::new();
    let bar = bind::progress(line.files().len());
    for checked in fleet.check(line.files().to_vec()) {
        line.record(&checked);
        summary.record(&checked);
        shown = shown.and_then(|()| match json {
            true => bind::print_json(&mut stdout, &checked),
            false => bar.suspend(|| print_file(&mut stdout, &checked, line.files().len())),
        });
        bar.inc(1);
        if shown.is_err() {
            cancel.cancel();
        }
    }
    bar.finish_and_clear();
    let stopped = cancel.is_cancelled();
    if !stopped {
        of_all.merge(bind::of_line(&line, &arguments.bind));
    }
    of_all.merge(summary.shared_keys(line.files()));
    summary.count(&of_all);
    let starts = line.starts();
    shown = shown.and_then(|()| match json {
        true => bind::print_json(
            &mut stdout,
            &Last {
                summary: told(&summary, &of_all, starts, stopped),
            },
        ),
        false => print_summary(&mut stdout, &summary, &of_all, starts, stopped),
    });
    shown = shown.and_then(|()| stdout.flush());
    if let Some(path) = &arguments.metrics
        && let Err(error) = write_metrics(path, &summary, &line, time)
    {
        let _ = writeln!(
            io::stderr(),
            "fullchain: cannot write {}: {error}",
            path.display()
        );
        return ExitCode::FAILURE;
    }
    bind::code(!summary.has_errors() && !stopped, shown)
}

fn failed(error: &Error, json: bool) -> ExitCode {
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "fullchain: {error}");
    if json {
        let summary = Told {
            error: Some(error.to_string()),
            ..Told::default()
        };
        let _ = bind::print_json(&mut io::stdout().lock(), &Last { summary });
    }
    ExitCode::FAILURE
}

/// Whole at every moment, and readable by the program that collects it.
fn write_metrics(
    path: &Path,
    summary: &Summary,
    line: &BindLine,
    time: UnixTime,
) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".fullchain-")
        .tempfile_in(folder)?;
    write!(file, "{}", summary.metrics(line.files(), time))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}

/// So many files are told of one by one; of more, those with something to say.
const FEW: usize = 20;

fn print_file(out: &mut impl Write, checked: &Checked, files: usize) -> io::Result<()> {
    let findings = checked.findings();
    if files > FEW && findings.is_empty() {
        return Ok(());
    }
    let file = checked.file.display();
    match (&checked.loaded, &checked.clients) {
        (Ok(loaded), Some(judged)) => writeln!(out, "{file}: {}", served(loaded, judged))?,
        (Ok(_), None) => writeln!(out, "{file}: loaded")?,
        (Err(_), _) => writeln!(out, "{file}: not loaded")?,
    }
    write!(out, "{}", findings.styled())
}

/// Who the server is, what is sent, and who trusts it.
fn served(loaded: &Loaded, judged: &Judged) -> String {
    let name = loaded.leaf().map(Certificate::subject_text);
    let name = name.unwrap_or_else(|| "a certificate that clients cannot decode".to_owned());
    let count = counted(loaded.sent.len(), "certificate");
    let trust = match &judged.chain {
        Some(chain) => format!(
            "trusted by {} {}",
            chain.trusted_by().join(", "),
            until(chain.valid_until())
        ),
        None => "not trusted".to_owned(),
    };
    format!("{name}, {count} sent, {trust}")
}

fn told<'a>(summary: &Summary, findings: &'a Report, starts: bool, stopped: bool) -> Told<'a> {
    let codes = summary.codes().map(|(severity, code, count)| Counted {
        severity,
        code: code.to_string(),
        count,
    });
    let weeks = summary.weeks().into_iter();
    Told {
        starts,
        files: summary.files(),
        refused: summary.refused(),
        codes: codes.collect(),
        weeks: weeks.map(|(monday, count)| (day(monday), count)).collect(),
        findings: Some(findings),
        stopped,
        error: None,
    }
}

fn print_summary(
    out: &mut impl Write,
    summary: &Summary,
    of_all: &Report,
    starts: bool,
    stopped: bool,
) -> io::Result<()> {
    write!(out, "{}", of_all.styled())?;
    let count = |wanted: Severity| -> usize {
        let codes = summary.codes().filter(|(severity, ..)| *severity == wanted);
        codes.map(|(.., count)| count).sum()
    };
    if summary.files() > FEW {
        writeln!(out, "findings, the worst first:")?;
        for (severity, code, count) in summary.codes() {
            writeln!(out, "{count:>8} {severity}[{code}]")?;
        }
        writeln!(out, "expiries, by the Monday of their week:")?;
        for (monday, count) in summary.weeks() {
            writeln!(out, "{count:>8} {}", day(monday))?;
        }
    }
    if stopped {
        writeln!(out, "stopped before all files were checked")?;
    }
    writeln!(
        out,
        "{}, {}, {}: HAProxy {}",
        counted(summary.files(), "file"),
        counted(count(Severity::Error), "error"),
        counted(count(Severity::Warning), "warning"),
        match starts {
            true => "starts",
            false => "does not start",
        }
    )
}
