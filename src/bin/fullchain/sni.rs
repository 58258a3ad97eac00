//! `fullchain sni`: which certificate answers whom.

use std::io::{self, Write};
use std::process::ExitCode;

use fullchain::Cancel;
use fullchain::Report;
use fullchain::haproxy::sni::{Answer, Client, Row, SniTable};
use serde::Serialize;

use crate::arguments::{Signature, SniArguments};
use crate::bind;

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
    let mut line = bind::line(&arguments.bind, &arguments.bind.paths);
    let cancel = Cancel::new();
    let fleet = bind::fleet(&arguments.bind, &cancel).in_order(true);
    let bar = bind::progress(line.files().len());
    let mut findings = Report::default();
    for checked in fleet.check(line.files().to_vec()) {
        line.record(&checked);
        if let Err(refused) = &checked.loaded {
            findings.merge([(*refused.finding).clone()].into_iter().collect());
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if cancel.is_cancelled() {
        return ExitCode::FAILURE;
    }
    findings.merge(bind::of_line(&line, &arguments.bind));
    let table = line.table();
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
        true => bind::print_json(
            &mut io::stdout().lock(),
            &Told {
                table: answers.is_empty().then(|| table.rows()),
                answers,
                default: table.default_file(),
                findings,
            },
        ),
        false => print(&table, &answers, &findings),
    };
    bind::code(is_fine, shown)
}

fn print(table: &SniTable, answers: &[Asked<'_>], findings: &Report) -> io::Result<()> {
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
