//! The commands about a bind line: `check` and `sni`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use fullchain::haproxy::load::{BindLine, Judged, Loaded, Loader, Refused};
use fullchain::haproxy::sni::{Answer, Client, Row, SniTable};
use fullchain::{Certificate, Error, Reader, Report, Severity};
use rustls_pki_types::UnixTime;
use serde::Serialize;

use crate::arguments::{BindArguments, CheckArguments, Signature, SniArguments};
use crate::bundler;
use crate::output::until;

fn line(arguments: &BindArguments, paths: &[PathBuf]) -> BindLine {
    let time = arguments.at.unwrap_or_else(UnixTime::now);
    let loader = Loader::new(time).version(arguments.haproxy_version);
    let mut line = BindLine::new(loader).strict_sni(arguments.strict_sni);
    if let Some(folder) = &arguments.crt_base {
        line = line.crt_base(folder);
    }
    for path in paths {
        line.add(path);
    }
    for path in &arguments.default_crt {
        line.default_crt(path);
    }
    line
}

/// The line, its table, and what there is to say of both.
fn examined(arguments: &BindArguments) -> (BindLine, SniTable, Report) {
    let line = line(arguments, &arguments.paths);
    let table = line.table();
    let mut findings = line.findings();
    if !arguments.before.is_empty() {
        let before = self::line(arguments, &arguments.before).table();
        findings.merge(table.changed_default(&before).into_iter().collect());
    }
    (line, table, findings)
}

fn code(is_fine: bool, shown: io::Result<()>) -> ExitCode {
    match (is_fine, shown) {
        (true, Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn print_json(json: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, json)?;
    writeln!(stdout)
}

/// The JSON of `check --json`. Stable: members may be added, none is renamed or removed.
#[derive(Serialize)]
struct Checked<'a> {
    /// Whether HAProxy starts, as far as its certificates are concerned.
    starts: bool,
    files: Vec<CheckedFile<'a>>,
    /// What there is to say of the trust stores, and of all files together.
    findings: &'a Report,
    /// Why the work could not be done; `null` otherwise.
    error: Option<String>,
}

#[derive(Serialize)]
struct CheckedFile<'a> {
    /// What HAProxy has of it; `null` when it refuses it.
    loaded: Option<&'a Loaded>,
    /// What HAProxy says, and why; `null` when it loads it.
    refused: Option<&'a Refused>,
    /// What clients make of it; `null` when HAProxy refuses it.
    clients: Option<&'a Judged>,
}

pub fn check(arguments: &CheckArguments) -> ExitCode {
    let time = arguments.bind.at.unwrap_or_else(UnixTime::now);
    let mut report = Report::default();
    let bundler = match bundler(&arguments.roots, time, &mut Reader::new(), &mut report) {
        Ok(bundler) => bundler,
        Err(error) => return failed(&error, &report, arguments.bind.json),
    };
    let (line, _, of_line) = examined(&arguments.bind);
    let judged: Vec<_> = line
        .files()
        .iter()
        .map(|file| file.as_ref().ok().map(|loaded| loaded.judge(&bundler)))
        .collect();
    report.merge(of_line);
    let mut all = report.clone();
    for (file, judged) in line.files().iter().zip(&judged) {
        all.merge(of_file(file, judged.as_ref()));
    }
    let shown = match arguments.bind.json {
        true => {
            let files = line.files().iter().zip(&judged);
            let files = files.map(|(file, judged)| CheckedFile {
                loaded: file.as_ref().ok(),
                refused: file.as_ref().err(),
                clients: judged.as_ref(),
            });
            print_json(&Checked {
                starts: line.starts(),
                files: files.collect(),
                findings: &report,
                error: None,
            })
        }
        false => print_checked(&line, &judged, &report, &all),
    };
    code(all.errors().next().is_none(), shown)
}

/// All findings about a file.
fn of_file(file: &Result<Loaded, Refused>, judged: Option<&Judged>) -> Report {
    match file {
        Ok(loaded) => {
            let mut report = loaded.findings.clone();
            report.merge(
                judged
                    .map(|judged| judged.findings.clone())
                    .unwrap_or_default(),
            );
            report
        }
        Err(refused) => [(*refused.finding).clone()].into_iter().collect(),
    }
}

fn failed(error: &Error, findings: &Report, json: bool) -> ExitCode {
    // There is nobody left to tell when standard error is closed.
    let _ = write!(anstream::stderr(), "{}", findings.styled());
    let _ = writeln!(io::stderr(), "fullchain: {error}");
    if json {
        let _ = print_json(&Checked {
            starts: false,
            files: Vec::new(),
            findings,
            error: Some(error.to_string()),
        });
    }
    ExitCode::FAILURE
}

fn print_checked(
    line: &BindLine,
    judged: &[Option<Judged>],
    of_line: &Report,
    all: &Report,
) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    for (file, judged) in line.files().iter().zip(judged) {
        match (file, judged) {
            (Ok(loaded), Some(judged)) => {
                writeln!(stdout, "{}: {}", loaded.file, summary(loaded, judged))?;
            }
            (Err(refused), _) => writeln!(stdout, "{}: not loaded", refused.file)?,
            (Ok(_), None) => {}
        }
        write!(stdout, "{}", of_file(file, judged.as_ref()).styled())?;
    }
    write!(stdout, "{}", of_line.styled())?;
    let count = |severity| {
        let findings = all.findings().iter();
        findings.filter(|it| it.severity == severity).count()
    };
    writeln!(
        stdout,
        "{}, {}, {}: HAProxy {}",
        counted(line.files().len(), "file"),
        counted(count(Severity::Error), "error"),
        counted(count(Severity::Warning), "warning"),
        match line.starts() {
            true => "starts",
            false => "does not start",
        }
    )
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// Who the server is, what is sent, and who trusts it.
fn summary(loaded: &Loaded, judged: &Judged) -> String {
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

/// The JSON of `sni --json`. Stable: members may be added, none is renamed or removed.
#[derive(Serialize)]
struct Told<'a> {
    /// What was asked, in order.
    answers: Vec<Asked<'a>>,
    /// The whole table, when nothing was asked; otherwise `null`.
    table: Option<Vec<Row<'a>>>,
    /// The default certificate of clients that take both key types.
    default: Option<&'a str>,
    findings: Report,
}

#[derive(Serialize)]
struct Asked<'a> {
    /// `null` for a client that sends none.
    name: Option<&'a str>,
    #[serde(flatten)]
    answer: Answer<'a>,
}

pub fn sni(arguments: &SniArguments) -> ExitCode {
    let (line, table, of_line) = examined(&arguments.bind);
    let refused = line.files().iter().filter_map(|file| file.as_ref().err());
    let mut findings: Report = refused.map(|refused| (*refused.finding).clone()).collect();
    findings.merge(of_line);
    let client = Client {
        ecdsa: arguments.client.contains(&Signature::Ecdsa),
        rsa: arguments.client.contains(&Signature::Rsa),
    };
    let names = arguments.names.iter().map(|name| Some(name.as_str()));
    let names = names.chain(arguments.no_sni.then_some(None));
    let answers: Vec<_> = names
        .map(|name| Asked {
            name,
            answer: table.answer(name, client),
        })
        .collect();
    let is_fine = findings.errors().next().is_none()
        && answers
            .iter()
            .all(|asked| matches!(asked.answer, Answer::Served { .. }));
    let shown = match arguments.bind.json {
        true => print_json(&Told {
            table: answers.is_empty().then(|| table.rows()),
            answers,
            default: table.default_file(),
            findings,
        }),
        false => print_told(&table, &answers, &findings),
    };
    code(is_fine, shown)
}

fn print_told(table: &SniTable, answers: &[Asked<'_>], findings: &Report) -> io::Result<()> {
    write!(anstream::stderr(), "{}", findings.styled())?;
    let mut stdout = io::stdout().lock();
    for asked in answers {
        let name = asked.name.unwrap_or("no name");
        match asked.answer {
            Answer::Served { file, because } => writeln!(stdout, "{name}: {file}, as {because}")?,
            Answer::Alert(why) => writeln!(stdout, "{name}: an alert, as {why}")?,
            _ => writeln!(stdout, "{name}: an answer that is not known here")?,
        }
    }
    if !answers.is_empty() {
        return Ok(());
    }
    for row in table.rows() {
        let files = [("ECDSA", row.ecdsa), ("RSA", row.rsa), ("other", row.other)];
        let files = files
            .iter()
            .filter_map(|(key, file)| Some(format!("{} ({key})", (*file)?)));
        let files: Vec<String> = files.collect();
        writeln!(stdout, "{}: {}", row.name, files.join(", "))?;
    }
    match table.default_file() {
        Some(file) => writeln!(stdout, "any other name, or none: {file}"),
        None => writeln!(stdout, "any other name, or none: an alert"),
    }
}
