//! `fullchain deploy`: a bundle to the HAProxy that serves it, or back to where it was.

use std::io::{self, Write};
use std::process::ExitCode;

use fullchain::Cancel;
use fullchain::deploy::{Deployed, Deployment, NotBuilt, NotTold, Outcome, Renewed, Step};
use fullchain::{Bundle, Report};
use serde::Serialize;

use crate::arguments::{DeployArguments, Input, server_name};
use crate::{Job, bind, drafts, fetch};

/// The JSON of `--json`. Stable: members may be added, none is renamed or removed.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    deployed: &'a Deployed,
    /// What there is to say of the trust stores, pools and cache.
    stores: &'a Report,
}

pub fn deploy(arguments: &mut DeployArguments) -> Result<ExitCode, NotTold> {
    let mut inputs: Vec<Input> = Vec::new();
    match arguments.from {
        None => inputs.extend(arguments.inputs.iter().cloned().map(Input::from)),
        Some(client) => {
            let told = Renewed::told(client, |name| std::env::var_os(name), &arguments.inputs)?;
            let Some(renewed) = told else {
                return Ok(ExitCode::SUCCESS);
            };
            if arguments.to.is_dir() {
                arguments.to = renewed.file_in(&arguments.to);
            }
            // A wildcard is no server's name.
            let names = renewed
                .domains
                .iter()
                .filter_map(|name| server_name(name).ok());
            arguments.common.names.extend(names);
            inputs.extend(renewed.files.into_iter().map(Input::Path));
        }
    }
    Ok(run(arguments, &inputs))
}

fn run(arguments: &DeployArguments, inputs: &[Input]) -> ExitCode {
    let mut stores = Report::default();
    let deployed = deployment(arguments).run(|| build(arguments, inputs, &mut stores));
    // There is nobody left to tell when standard error is closed.
    let _ = print(arguments, &deployed, &stores);
    let shown = match arguments.common.json {
        true => bind::print_json(
            &mut io::stdout().lock(),
            &Json {
                deployed: &deployed,
                stores: &stores,
            },
        ),
        false => Ok(()),
    };
    match deployed.outcome {
        Outcome::NotUndone => ExitCode::from(3),
        outcome => bind::code(outcome.is_fine(), shown),
    }
}

fn deployment(arguments: &DeployArguments) -> Deployment {
    let cancel = Cancel::new();
    let handler = cancel.clone();
    // It fails where a handler is set already, and then a signal ends the process.
    let _ = ctrlc::set_handler(move || handler.cancel());
    let mut deployment = Deployment::new(&arguments.to)
        .haproxy(&arguments.haproxy)
        .split_key(arguments.split_key)
        .issuer(arguments.issuer)
        .rehearse(arguments.dry_run)
        .timeout(arguments.timeout)
        .cancel(&cancel)
        .on_step(print_step);
    if let Some(address) = &arguments.socket {
        deployment = deployment.socket(address.clone());
    }
    if let Some(command) = &arguments.reload {
        deployment = deployment.reload(command);
    }
    if let Some(list) = &arguments.crt_list {
        deployment = deployment.crt_list(list);
    }
    if let Some(version) = arguments.haproxy_version {
        deployment = deployment.version(version);
    }
    for config in &arguments.config {
        deployment = deployment.config(config);
    }
    for address in &arguments.verify {
        deployment = deployment.verify(address.clone());
    }
    deployment
}

fn build(
    arguments: &DeployArguments,
    inputs: &[Input],
    stores: &mut Report,
) -> Result<Vec<Bundle>, NotBuilt> {
    let job = Job::new(&arguments.common, inputs)?;
    stores.merge(job.report);
    let bundler = job.bundler.include_root(arguments.include_root);
    let drafts = drafts(&bundler, job.material, arguments.twins);
    let bundles = drafts.into_iter().map(|mut draft| {
        fetch(&mut draft, &arguments.common);
        draft.bundle()
    });
    Ok(bundles.collect::<Result<_, _>>()?)
}

/// As it goes, for logs: one line a step.
fn print_step(step: &Step) {
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(anstream::stderr(), "{step}");
}

fn print(arguments: &DeployArguments, deployed: &Deployed, stores: &Report) -> io::Result<()> {
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "{}{}", stores.styled(), deployed.findings.styled())?;
    let to = arguments.to.display();
    match deployed.outcome {
        Outcome::Deployed => writeln!(stderr, "deployed: {to}"),
        Outcome::Unchanged => writeln!(stderr, "unchanged: {to} is there already"),
        Outcome::Rehearsed => writeln!(stderr, "rehearsed: nothing was written to {to}"),
        Outcome::NotUndone => writeln!(stderr, "not deployed, and not all is as it was: {to}"),
        _ => writeln!(stderr, "not deployed: all is as it was at {to}"),
    }
}
