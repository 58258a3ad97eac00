//! `fullchain doctor`: why handshakes fail, and what is to be changed.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use fullchain::aia::{Fetcher, Policy};
use fullchain::doctor::{Doctor, Examination};
use fullchain::haproxy::config::{self, Environment, File, Limits};
use fullchain::{Error, Reader, Report, Severity};
use rustls_pki_types::UnixTime;

use crate::arguments::DoctorArguments;
use crate::output::{self, counted};
use crate::{bind, bundler};

pub fn doctor(arguments: &DoctorArguments) -> ExitCode {
    let (doctor, files, examination) = match examine(arguments) {
        Ok(examined) => examined,
        Err(error) => {
            // There is nobody left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "fullchain: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = fix(arguments, &doctor, &files, &examination) {
        let _ = writeln!(io::stderr(), "fullchain: --fix: {error}");
        return ExitCode::FAILURE;
    }
    let shown = match arguments.json {
        true => bind::print_json(&mut io::stdout().lock(), &examination),
        false => print(&examination),
    };
    bind::code(examination.errors().next().is_none(), shown)
}

fn examine(arguments: &DoctorArguments) -> Result<(Doctor, Vec<File>, Examination), Error> {
    let files = config::read_files(&arguments.paths, &Limits::default())?;
    let environment = arguments.env.iter();
    let environment = environment.fold(Environment::unknown(), |all, (name, value)| {
        all.with(name, value)
    });
    let reader = config::Reader::new()
        .environment(environment)
        .version(arguments.haproxy_version);
    let config = reader.read(&files)?;
    let time = arguments.at.unwrap_or_else(UnixTime::now);
    let mut report = Report::default();
    let bundler = bundler(&arguments.roots, time, &mut Reader::new(), &mut report)?;
    let mut doctor = Doctor::new(time)
        .version(arguments.haproxy_version)
        .security_level(arguments.security_level)
        .judge(bundler);
    for client in &arguments.serve {
        doctor = doctor.serve(*client);
    }
    if arguments.live {
        doctor = doctor.live(arguments.timeout);
    }
    let examination = doctor.examine(&config, &files);
    Ok((doctor, files, examination))
}

fn fix(
    arguments: &DoctorArguments,
    doctor: &Doctor,
    files: &[File],
    examination: &Examination,
) -> io::Result<()> {
    let Some(folder) = &arguments.fix else {
        return Ok(());
    };
    let mut fix = examination.fix(files);
    for path in examination.bundles() {
        let rebuilt = doctor.rebuild(examination, path, |draft| {
            if !arguments.offline {
                let fetcher = Fetcher::new(Policy::default()).on_request(output::progress);
                fetcher.complete(draft);
            }
        });
        if let Some(Ok(bundle)) = rebuilt {
            fix.bundle(path, &bundle);
        }
    }
    fix.write(folder)
}

fn print(examination: &Examination) -> io::Result<()> {
    let is_coloured = io::stdout().is_terminal();
    let mut out = anstream::stdout().lock();
    for diagnosis in &examination.diagnoses {
        match is_coloured {
            true => writeln!(out, "{diagnosis:#}")?,
            false => writeln!(out, "{diagnosis}")?,
        }
    }
    let count = |severity| {
        let all = examination.diagnoses.iter();
        all.filter(|it| it.finding.severity == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    writeln!(
        out,
        "{}, {}, {} others: HAProxy {}",
        counted(errors, "error"),
        counted(warnings, "warning"),
        examination.diagnoses.len() - errors - warnings,
        match examination.starts() {
            true => "starts, as far as TLS is concerned",
            false => "does not start",
        }
    )
}
