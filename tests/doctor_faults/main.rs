//! Faults of the four causes, each in a configuration on which a real HAProxy runs, or refuses to
//! start: a real client fails; `fullchain doctor` names the cause and the line; its cure, applied,
//! makes the same client succeed.
//!
//! `cargo test --all-features --test doctor_faults -- --nocapture | grep '^|'` prints the table of
//! them.
#![cfg(all(unix, feature = "cli"))]

#[path = "../common/mod.rs"]
mod common;

mod backend;
mod chain;
mod client;
mod doctor;
mod healthy;
mod hostile;
mod protocol;
mod site;
mod sni;

use client::Client;
use doctor::Said;
use site::{CONFIG, Site};

/// A fault, who suffers from it, and what is said about it.
struct Fault {
    /// What is wrong, in a few words.
    what: &'static str,
    /// Brings the files and servers that it takes.
    arrange: fn(&Site),
    /// The sections of the configuration.
    config: String,
    client: Client,
    /// What the doctor is told more.
    options: &'static [&'static str],
    /// The code of the finding that names it.
    code: &'static str,
    /// The file and a part of the line that the finding points at.
    place: (&'static str, &'static str),
    cure: Cure,
    /// What is among the changes.
    change: &'static str,
}

/// What makes the client succeed.
enum Cure {
    /// The corrected copies that the doctor writes.
    Copies,
    /// The change that comes with the finding, which is a note: those are not in the copies.
    Edit,
    /// What only people can decide or bring, which the finding says in these words.
    People(&'static str, fn(&Site)),
}

impl Default for Fault {
    /// Nothing more to bring or to tell, curl comes, and the corrected copies are the cure.
    fn default() -> Fault {
        Fault {
            what: "",
            arrange: |_| {},
            config: String::new(),
            client: Client::curl(&[]),
            options: &[],
            code: "",
            place: (CONFIG, ""),
            cure: Cure::Copies,
            change: "",
        }
    }
}

/// A frontend with these words on its bind line, which answers for itself.
fn frontend(options: &str) -> String {
    format!(
        "{}    http-request return status 200 content-type text/plain string ok\n",
        bind(options)
    )
}

/// A frontend with these words on its bind line, for rules to follow.
fn bind(options: &str) -> String {
    format!("frontend web\n    bind unix@{{dir}}/tls.sock ssl {options}\n")
}

/// What a client gets while HAProxy runs on the site's configuration, and what the doctor says
/// meanwhile.
fn visit(site: &Site, fault: &Fault) -> (Result<(), String>, Said) {
    let running = site.start();
    let page = match &running {
        Ok(running) => fault
            .client
            .visit(site)
            .map_err(|said| match said.starts_with("HTTP/") {
                true => format!("{said}: {}", running.reason()),
                false => said,
            }),
        Err(said) => Err(format!("HAProxy does not start: {}", refusal(said))),
    };
    (page, doctor::ask(site, fault.options))
}

/// What HAProxy says first against a configuration, without the place.
fn refusal(said: &str) -> String {
    let alert = said
        .lines()
        .find(|line| line.contains("ALERT"))
        .unwrap_or(said);
    let mut places = [") : config : ", "] : "].iter();
    let reason = places.find_map(|place| alert.split_once(place));
    let reason = reason.map_or(alert, |(_, reason)| reason);
    reason.trim().to_owned()
}

/// Tries each fault, of which the doctor says that it has one of these causes, and prints a row for
/// each.
fn try_all(causes: &[&str], faults: &[Fault]) {
    assert!(faults.len() >= 10, "there are ten or more of each cause");
    let mut table = "| cause | fault | the client, before | finding | cure | the client, after |\n|---|---|---|---|---|---|\n".to_owned();
    let mut unlike: Vec<String> = Vec::new();
    for fault in faults {
        let (row, failures) = try_one(fault, causes);
        table += &format!("| {} | {} | {row} |\n", causes[0], fault.what);
        unlike.extend(
            failures
                .into_iter()
                .map(|it| format!("{}: {it}", fault.what)),
        );
    }
    print!("{table}");
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}

fn try_one(fault: &Fault, causes: &[&str]) -> (String, Vec<String>) {
    let mut failures = Vec::new();
    let site = Site::new();
    let without_folder = |text: &str| text.replace(&site.filled("{dir}/"), "");
    (fault.arrange)(&site);
    site.configure(&fault.config);
    let (before, said) = visit(&site, fault);
    let Err(before) = before else {
        return (String::new(), vec!["nothing fails".to_owned()]);
    };
    let Some(finding) = said.finding(&site, fault.code, fault.place) else {
        let all = said.all().join("\n    ");
        let place = format!("{} at {:?}", fault.code, fault.place);
        return (String::new(), vec![format!("no {place} but\n    {all}")]);
    };
    if !causes.iter().any(|cause| finding["cause"] == *cause) {
        failures.push(format!("{} is the cause", finding["cause"]));
    }
    let cure = match fault.cure {
        Cure::Copies => {
            if finding["cure"].is_null() || said.apply(&site) == 0 {
                failures.push("nothing is corrected".to_owned());
            }
            said.changes()
        }
        Cure::Edit => doctor::edit(finding),
        Cure::People(words, cure) => {
            let text = doctor::words(finding);
            if !text.contains(&site.filled(words)) {
                failures.push(format!("{words:?} is not said: {text}"));
            }
            cure(&site);
            finding["help"].as_str().map_or(text, str::to_owned)
        }
    };
    if !cure.contains(&site.filled(fault.change)) {
        failures.push(format!("{} is not in {cure}", fault.change));
    }
    let (after, again) = visit(&site, fault);
    if let Err(said) = &after {
        failures.push(format!("fails once it is cured by {cure}: {said}"));
    }
    let is_left = again.finding(&site, fault.code, fault.place);
    if is_left.is_some_and(|it| it["message"] == finding["message"]) {
        failures.push(format!("{} is still said", fault.code));
    }
    let errors = again.errors();
    if !errors.is_empty() {
        failures.push(format!("errors are left: {}", errors.join("; ")));
    }
    let cells = [
        without_folder(&before),
        without_folder(&doctor::brief(finding)),
        without_folder(&cure),
        after.map_or_else(|said| said, |()| "a page".to_owned()),
    ];
    (
        cells.map(|cell| cell.replace('|', "\\|")).join(" | "),
        failures,
    )
}

#[test]
fn faults_of_protocol_are_cured() {
    // Of the setup, where a word is misspelt.
    try_all(&["protocol", "setup"], &protocol::faults());
}

#[test]
fn faults_of_chains_are_cured() {
    // Of the key, the file or the clients' store, where it is one of those.
    try_all(&["chain", "key", "setup", "client"], &chain::faults());
}

#[test]
fn faults_of_names_are_cured() {
    // Of the setup, where a file is not there, and of the protocol, where an option is too new.
    try_all(&["sni", "setup", "protocol"], &sni::faults());
}

#[test]
fn faults_of_backends_are_cured() {
    try_all(&["backend", "protocol"], &backend::faults());
}
