//! What `check` and `sni` have in common: a bind line, and what came of its files.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use fullchain::haproxy::BindLine;
use fullchain::haproxy::fleet::Fleet;
use fullchain::haproxy::load::Loader;
use fullchain::{Cancel, Report};
use indicatif::{ProgressBar, ProgressStyle};
use rustls_pki_types::UnixTime;
use serde::Serialize;

use crate::arguments::BindArguments;

/// The line, of which nothing is loaded yet.
pub fn line(arguments: &BindArguments, paths: &[PathBuf]) -> BindLine {
    let mut line = BindLine::new()
        .version(arguments.haproxy_version)
        .strict_sni(arguments.strict_sni);
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

pub fn time(arguments: &BindArguments) -> UnixTime {
    arguments.at.unwrap_or_else(UnixTime::now)
}

/// A fleet that Ctrl-C stops.
pub fn fleet(arguments: &BindArguments, cancel: &Cancel) -> Fleet {
    let loader = Loader::new(time(arguments)).version(arguments.haproxy_version);
    let handler = cancel.clone();
    // It fails where a handler is set already, and then Ctrl-C ends the process.
    let _ = ctrlc::set_handler(move || handler.cancel());
    Fleet::new(loader).cancel(cancel)
}

/// How far it is, on a terminal.
pub fn progress(files: usize) -> ProgressBar {
    // What takes less than a blink needs none.
    if !io::stderr().is_terminal() || files < 1_000 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(files).unwrap_or(u64::MAX));
    let template = "{bar:40} {human_pos} of {human_len} files, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What there is to say of the line and its names.
pub fn of_line(line: &BindLine, arguments: &BindArguments) -> Report {
    let table = line.table();
    let mut findings = line.findings();
    findings.merge(table.findings().into_iter().collect());
    if !arguments.before.is_empty() {
        let mut before = self::line(arguments, &arguments.before);
        let fleet = fleet(arguments, &Cancel::new());
        for checked in fleet.check(before.files().to_vec()) {
            before.record(&checked);
        }
        findings.merge(table.changed_default(&before.table()).into_iter().collect());
    }
    findings
}

pub fn code(is_fine: bool, shown: io::Result<()>) -> ExitCode {
    match (is_fine, shown) {
        (true, Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// One JSON value on a line of its own.
pub fn print_json(out: &mut impl Write, json: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, json)?;
    writeln!(out)
}
