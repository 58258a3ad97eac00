//! `fullchain explain`: what words and numbers mean, and what a log tells.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use fullchain::explain::{Cause, Explanation, LogSummary};
use serde::Serialize;

use crate::arguments::{ExplainArguments, Input};
use crate::bind;
use crate::output::counted;

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
    /// The servers whose health checks failed, as the clients.
    servers: Vec<(&'a str, u64)>,
    explanation: &'a Explanation,
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
    let failures = summary.failures();
    if json {
        let told = failures.into_iter().map(|it| Failure {
            cause: it.explanation.cause,
            title: &it.explanation.title,
            count: it.count,
            clients: it.clients().len(),
            most: it.clients().into_iter().take(MOST_CLIENTS).collect(),
            servers: it.servers().into_iter().take(MOST_CLIENTS).collect(),
            explanation: &it.explanation,
        });
        let told = Summary {
            lines: summary.lines(),
            failures: told.collect(),
        };
        return bind::print_json(&mut stdout, &told);
    }
    for it in &failures {
        let clients = it.clients();
        let told = &it.explanation;
        write!(stdout, "{:>8}  {}: {}", it.count, told.cause, told.title)?;
        let servers = it.servers();
        for (many, what) in [(clients.len(), "client"), (servers.len(), "server")] {
            if many > 0 {
                write!(stdout, ", {}", counted(many, what))?;
            }
        }
        writeln!(stdout)?;
        for (client, times) in clients.into_iter().take(MOST_CLIENTS) {
            writeln!(stdout, "          {times:>6} {client}")?;
        }
        for (server, times) in servers.into_iter().take(MOST_CLIENTS) {
            writeln!(stdout, "          {times:>6} {server}")?;
        }
        writeln!(stdout, "          {}", told.meaning)?;
        if let Some(cure) = &told.cure {
            writeln!(stdout, "          = help: {cure}")?;
        }
    }
    let all: u64 = failures.iter().map(|it| it.count).sum();
    let (all, lines) = (counted(all, "failure"), counted(summary.lines(), "line"));
    writeln!(stdout, "{all} in {lines}")
}
