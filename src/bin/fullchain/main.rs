//! The command line: arguments in, report out, no logic of its own.

mod arguments;
mod bind;
mod check;
mod deploy;
mod doctor;
mod explain;
mod manual;
mod output;
mod passphrase;
mod probe;
mod sni;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use fullchain::aia::{Cache, Fetcher, Policy};
use fullchain::haproxy::Written;
use fullchain::{
    Bundle, Bundler, Draft, Error, Files, Material, Pool, Profile, Reader, Report, TrustStore,
};
use rustls_pki_types::UnixTime;

use arguments::{
    Arguments, BundleArguments, Command, CommonArguments, Format, Input, Roots, VerifyArguments,
};
use output::{Outcome, Printed};

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Bundle(arguments) => {
            if let Some(conflict) = arguments.conflict() {
                let kind = clap::error::ErrorKind::ArgumentConflict;
                Arguments::command().error(kind, conflict).exit();
            }
            output::print(&bundle(&arguments))
        }
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { command } => manual::page(command.as_deref()),
        Command::Deploy(mut arguments) => deploy::deploy(&mut arguments).unwrap_or_else(|error| {
            let kind = clap::error::ErrorKind::MissingRequiredArgument;
            Arguments::command().error(kind, error).exit()
        }),
        Command::Verify(arguments) => output::print(&verify(&arguments)),
        Command::Check(arguments) => check::check(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Probe(arguments) => probe::probe(&arguments),
        Command::Sni(arguments) => sni::sni(&arguments),
    }
}

fn bundle(arguments: &BundleArguments) -> Printed {
    let job = match Job::new(&arguments.common, &arguments.inputs) {
        Ok(job) => job,
        Err(error) => return Printed::failed(error, &arguments.common),
    };
    let bundler = job.bundler.include_root(arguments.include_root);
    let drafts = drafts(&bundler, job.material, arguments.twins);
    let mut tree = String::new();
    let mut bundles = Vec::new();
    let mut refused: Option<Report> = None;
    for mut draft in drafts {
        fetch(&mut draft, &arguments.common);
        tree += &self::tree(&mut draft, &arguments.common).unwrap_or_default();
        match draft.bundle() {
            Ok(bundle) => bundles.push(bundle),
            Err(refusal) => {
                let report = refused.get_or_insert_default();
                report.merge(refusal.report().clone());
            }
        }
    }
    let outcome = match refused {
        Some(report) => Outcome::Refused(report),
        None => finish(arguments, bundles),
    };
    Printed {
        outcome,
        stores: job.report,
        tree: arguments.common.tree.then_some(tree),
        json: arguments.common.json,
    }
}

/// One bundle's, or those of twins.
fn drafts(bundler: &Bundler, material: Material, twins: bool) -> Vec<Draft> {
    match twins {
        true => bundler.draft_twins(material).into(),
        false => vec![bundler.draft(material)],
    }
}

fn finish(arguments: &BundleArguments, bundles: Vec<Bundle>) -> Outcome {
    match write(arguments, &bundles) {
        Ok(written) => Outcome::Built { bundles, written },
        Err(error) => Outcome::Failed {
            error,
            report: bundles
                .iter()
                .map(Bundle::report)
                .cloned()
                .flatten()
                .collect(),
        },
    }
}

fn write(
    arguments: &BundleArguments,
    bundles: &[Bundle],
) -> Result<Vec<(PathBuf, Written)>, Error> {
    let mut files = Files::new();
    if let Some(out) = arguments.out.as_ref().filter(|_| !arguments.check) {
        match bundles {
            [ecdsa, rsa] => {
                add_files(&mut files, arguments, ecdsa, &with_suffix(out, "ecdsa"))?;
                add_files(&mut files, arguments, rsa, &with_suffix(out, "rsa"))?;
            }
            bundles => {
                for bundle in bundles {
                    add_files(&mut files, arguments, bundle, out)?;
                }
            }
        }
    }
    files.write()
}

/// Keys go before their certificates, as [`Files`] has it.
fn add_files(
    files: &mut Files,
    arguments: &BundleArguments,
    bundle: &Bundle,
    out: &Path,
) -> Result<(), Error> {
    match arguments.format {
        Format::Haproxy if arguments.split_key => {
            files.key(bundle, with_suffix(out, "key"));
            files.certificates(bundle, out);
        }
        Format::Haproxy => files.haproxy(bundle, out),
        Format::Fullchain => {
            if let Some(key) = &arguments.key_out {
                files.key(bundle, key);
            }
            files.certificates(bundle, out);
        }
        Format::Key => files.key(bundle, out),
        Format::Pkcs12 => {
            // Without one the arguments were refused.
            let passphrase = arguments.out_passphrase().cloned().unwrap_or_default();
            files.pkcs12(bundle, &passphrase, out)?;
        }
    }
    if arguments.issuer {
        files.issuer(bundle, with_suffix(out, "issuer"));
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
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
