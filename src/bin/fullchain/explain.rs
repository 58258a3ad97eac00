//! `fullchain explain`: what words and numbers mean, and what a log tells.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use fullchain::explain::{Cause, Explanation, LogSummary};
use serde::Serialize;

use crate::arguments::{ExplainArguments, Input};
use crate::bind;

/// The longest line of a log that is looked at, in bytes.
const LONGEST: u64 = 64 * 1024;
/// So many clients are told of each failure.
const MOST_CLIENTS: usize = 5;

/// The JSON of `explain --log --json`. Stable: members may be added, none is renamed or removed.
#[derive(Serialize)]
struct Summary<'a> {
    lines: u64,
    failures: Vec<Failure<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    cause: Cause,
    title: &'a str,
    count: u64,
    /// How many clients, and how often each, the most frequent first.
    clients: usize,
    most: Vec<(IpAddr, u64)>,
    explanation: Option<&'a Explanation>,
}

pub fn explain(arguments: &ExplainArguments) -> ExitCode {
    match &arguments.log {
        Some(log) => match summary(log) {
            Ok(summary) => bind::code(true, print_summary(&summary, arguments.json)),
            Err(error) => {
                // There is nobody left to tell when standard error is closed.
                let _ = writeln!(io::stderr(), "fullchain: cannot read the log: {error}");
                ExitCode::FAILURE
            }
        },
        None => one(arguments),
    }
}

fn one(arguments: &ExplainArguments) -> ExitCode {
    let text = arguments.words.join(" ");
    let Some(explanation) = fullchain::explain::explain(&text) else {
        // There is nobody left to tell when standard error is closed.
        let _ = writeln!(
            io::stderr(),
            "fullchain: not known: give a finding's code, an error number of OpenSSL's, a TLS alert, or words of HAProxy's"
        );
        return ExitCode::FAILURE;
    };
    let mut stdout = io::stdout().lock();
    let shown = match arguments.json {
        true => bind::print_json(&mut stdout, &explanation),
        false => write!(stdout, "{explanation}"),
    };
    bind::code(true, shown)
}

fn summary(log: &Input) -> io::Result<LogSummary> {
    let mut reader: Box<dyn BufRead> = match log {
        Input::Stdin => Box::new(io::stdin().lock()),
        Input::Path(path) => Box::new(BufReader::new(File::open(path)?)),
    };
    let mut summary = LogSummary::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(summary);
        }
        summary.record(&String::from_utf8_lossy(&line));
    }
}

fn print_summary(summary: &LogSummary, json: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let causes = summary.causes();
    if json {
        let failures = causes
            .iter()
            .map(|&(cause, title, count, clients)| Failure {
                cause,
                title,
                count,
                clients,
                most: summary
                    .clients(title)
                    .into_iter()
                    .take(MOST_CLIENTS)
                    .collect(),
                explanation: summary.explanation(title),
            });
        let told = Summary {
            lines: summary.lines(),
            failures: failures.collect(),
        };
        return bind::print_json(&mut stdout, &told);
    }
    for (cause, title, count, clients) in &causes {
        writeln!(stdout, "{count:>8}  {cause}: {title}, {clients} clients")?;
        for (client, times) in summary.clients(title).into_iter().take(MOST_CLIENTS) {
            writeln!(stdout, "          {times:>6} {client}")?;
        }
        if let Some(explanation) = summary.explanation(title) {
            writeln!(stdout, "          {}", explanation.meaning)?;
            if let Some(cure) = &explanation.cure {
                writeln!(stdout, "          = help: {cure}")?;
            }
        }
    }
    let failures: u64 = causes.iter().map(|(.., count, _)| count).sum();
    writeln!(stdout, "{failures} failures in {} lines", summary.lines())
}
