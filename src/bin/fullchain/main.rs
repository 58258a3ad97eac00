//! The command line: arguments in, report out, no logic of its own.

mod arguments;
mod output;

use std::process::ExitCode;

use clap::Parser;
use fullchain::{Bundle, Bundler, Material, Reader, Report, TrustStore, haproxy};
use rustls_pki_types::UnixTime;

use arguments::{Arguments, BundleArguments, Command, Input, Roots};
use output::Outcome;

fn main() -> ExitCode {
    let Command::Bundle(arguments) = Arguments::parse().command;
    let outcome = match prepare(&arguments) {
        Ok((material, bundler, mut report)) => match bundler.build(material) {
            Ok(bundle) => finish(&arguments, bundle, report),
            Err(refusal) => {
                report.merge(refusal.report().clone());
                Outcome::Refused(report)
            }
        },
        Err(error) => Outcome::Failed {
            error,
            report: Report::default(),
        },
    };
    output::print(&outcome, arguments.json)
}

/// Reads the inputs and the trust stores.
fn prepare(arguments: &BundleArguments) -> Result<(Material, Bundler, Report), fullchain::Error> {
    let mut reader = Reader::new();
    let mut report = Report::default();
    let mut stores = Vec::new();
    for roots in &arguments.roots {
        let (store, findings) = match roots {
            Roots::Mozilla => (TrustStore::mozilla(), Report::default()),
            Roots::System => TrustStore::system()?,
            Roots::File(path) => {
                TrustStore::from_material(path.to_string_lossy(), reader.read_path(path)?)?
            }
        };
        report.merge(findings);
        stores.push(store);
    }
    let time = arguments.at.unwrap_or_else(UnixTime::now);
    let mut stores = stores.into_iter();
    let first = stores.next().unwrap_or_else(TrustStore::mozilla);
    let mut bundler = Bundler::new(first, time).include_root(arguments.include_root);
    for store in stores {
        bundler = bundler.trust(store);
    }
    for name in &arguments.names {
        bundler = bundler.name(name.clone());
    }
    let mut material = Material::default();
    for input in &arguments.inputs {
        material.merge(match input {
            Input::Stdin => reader.read_from("(standard input)", std::io::stdin().lock())?,
            Input::Path(path) => reader.read_path(path)?,
        });
    }
    Ok((material, bundler, report))
}

fn finish(arguments: &BundleArguments, bundle: Bundle, mut report: Report) -> Outcome {
    let written = match &arguments.out {
        Some(path) if !arguments.check => match haproxy::write(&bundle, path) {
            Ok(written) => Some((path.clone(), written)),
            Err(error) => {
                report.merge(bundle.report().clone());
                return Outcome::Failed { error, report };
            }
        },
        _ => None,
    };
    Outcome::Built {
        bundle: Box::new(bundle),
        written,
        report,
    }
}
