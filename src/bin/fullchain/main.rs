//! The command line: arguments in, report out, no logic of its own.

mod arguments;
mod bind;
mod check;
mod output;
mod passphrase;
mod sni;

use std::process::ExitCode;

use clap::Parser;
use fullchain::aia::{Cache, Fetcher, Policy};
use fullchain::{
    Bundle, Bundler, Draft, Error, Material, Pool, Profile, Reader, Report, TrustStore, haproxy,
};
use rustls_pki_types::UnixTime;

use arguments::{
    Arguments, BundleArguments, Command, CommonArguments, Input, Roots, VerifyArguments,
};
use output::{Outcome, Printed};

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Bundle(arguments) => output::print(&bundle(&arguments)),
        Command::Verify(arguments) => output::print(&verify(&arguments)),
        Command::Check(arguments) => check::check(&arguments),
        Command::Sni(arguments) => sni::sni(&arguments),
    }
}

fn bundle(arguments: &BundleArguments) -> Printed {
    let job = match Job::new(&arguments.common, &arguments.inputs) {
        Ok(job) => job,
        Err(error) => return Printed::failed(error, &arguments.common),
    };
    let bundler = job.bundler.include_root(arguments.include_root);
    let mut draft = bundler.draft(job.material);
    fetch(&mut draft, &arguments.common);
    let tree = tree(&mut draft, &arguments.common);
    let outcome = match draft.bundle() {
        Ok(bundle) => finish(arguments, bundle),
        Err(refusal) => Outcome::Refused(refusal.report().clone()),
    };
    Printed {
        outcome,
        stores: job.report,
        tree,
        json: arguments.common.json,
    }
}

fn finish(arguments: &BundleArguments, bundle: Bundle) -> Outcome {
    let written = match &arguments.out {
        Some(path) if !arguments.check => match haproxy::write(&bundle, path) {
            Ok(written) => Some((path.clone(), written)),
            Err(error) => {
                return Outcome::Failed {
                    error,
                    report: bundle.report().clone(),
                };
            }
        },
        _ => None,
    };
    Outcome::Built {
        bundle: Box::new(bundle),
        written,
    }
}

fn verify(arguments: &VerifyArguments) -> Printed {
    let job = match Job::new(&arguments.common, &arguments.inputs) {
        Ok(job) => job,
        Err(error) => return Printed::failed(error, &arguments.common),
    };
    let mut draft = job.bundler.draft_chain(job.material);
    fetch(&mut draft, &arguments.common);
    let tree = tree(&mut draft, &arguments.common);
    let outcome = match draft.chain() {
        Ok((chain, report)) => Outcome::Verified {
            chain: Box::new(chain),
            report,
        },
        Err(refusal) => Outcome::NotVerified(refusal.report().clone()),
    };
    Printed {
        outcome,
        stores: job.report,
        tree,
        json: arguments.common.json,
    }
}

/// Brings what is missing.
fn fetch(draft: &mut Draft, arguments: &CommonArguments) {
    if arguments.offline {
        return;
    }
    let policy = match arguments.public_only {
        true => Policy::public_only(),
        false => Policy::default(),
    };
    let mut fetcher = Fetcher::new(policy).on_request(output::progress);
    if let Some(folder) = &arguments.cache {
        fetcher = fetcher.cache(Cache::new(folder));
    }
    fetcher.complete(draft);
}

fn tree(draft: &mut Draft, arguments: &CommonArguments) -> Option<String> {
    let tree = arguments.tree.then(|| draft.tree());
    Some(tree??.to_string())
}

/// A bundler for the clients of these stores, Mozilla's unless some are given.
fn bundler(
    roots: &[Roots],
    time: UnixTime,
    reader: &mut Reader,
    report: &mut Report,
) -> Result<Bundler, Error> {
    let mut stores = Vec::new();
    for roots in roots {
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
    let mut stores = stores.into_iter();
    let first = stores.next().unwrap_or_else(TrustStore::mozilla);
    Ok(stores.fold(Bundler::new(first, time), Bundler::trust))
}

/// What both commands begin with: the options, and all inputs read.
struct Job {
    bundler: Bundler,
    material: Material,
    /// What there is to say about the trust stores, pools and cache.
    report: Report,
}

impl Job {
    fn new(arguments: &CommonArguments, inputs: &[Input]) -> Result<Self, Error> {
        let given = arguments.passphrase_file.as_ref();
        let mut reader = passphrase::reader(given.or(arguments.passphrase_env.as_ref()));
        let mut report = Report::default();
        let time = arguments.at.unwrap_or_else(UnixTime::now);
        let mut bundler = bundler(&arguments.roots, time, &mut reader, &mut report)?
            .prefer(arguments.prefer.into());
        for name in &arguments.names {
            bundler = bundler.name(name.clone());
        }
        for path in &arguments.intermediates {
            let (pool, findings) = Pool::from_material(reader.read_path(path)?);
            report.merge(findings);
            bundler = bundler.pool(pool);
        }
        if let Some(folder) = &arguments.cache {
            let (pool, findings) = Cache::new(folder).pool()?;
            report.merge(findings);
            bundler = bundler.pool(pool);
        }
        if arguments.strict {
            bundler = bundler.profile(Profile::Strict);
        }
        let mut material = Material::default();
        for input in inputs {
            material.merge(match input {
                Input::Stdin => reader.read_from("(standard input)", std::io::stdin().lock())?,
                Input::Path(path) => reader.read_path(path)?,
            });
        }
        Ok(Self {
            bundler,
            material,
            report,
        })
    }
}
