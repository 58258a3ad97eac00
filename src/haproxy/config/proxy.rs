//! The sections that make proxies, with what they inherit.

use std::collections::BTreeMap;

use super::Config;
use super::bind::Bind;
use super::global::Global;
use super::lines::{Line, Section, SectionKind};
use super::logging::Logging;
use super::routing::Routing;
use super::server::Server;
use super::setting::{Setting, Weight};
use super::store::CrtStore;
use super::tls::{BadOption, Side};
use crate::error::Error;
use crate::finding::{Code, Finding, Severity};
use crate::haproxy::Version;
use crate::origin::Origin;

/// A section `frontend`, `backend`, `listen` or `defaults`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proxy {
    /// Which of them.
    pub kind: SectionKind,
    /// Its name; empty for a `defaults` without one.
    pub name: String,
    /// The line that begins it.
    pub origin: Origin,
    /// The line of the `defaults` section that it inherits from.
    pub defaults: Option<Origin>,
    /// `mode`: `http` or `tcp`; without it, `tcp`.
    pub mode: Option<Setting<String>>,
    /// `bind` lines.
    pub binds: Vec<Setting<Bind>>,
    /// `server` and `server-template` lines.
    pub servers: Vec<Setting<Server>>,
    /// ACLs and rules about host names.
    pub routing: Routing,
    /// What is logged.
    pub logging: Logging,
    /// What the `default-server` lines said.
    default_server: Server,
}

impl Proxy {
    fn new(section: &Section, defaults: Option<&Self>) -> Self {
        let (logging, default_server) = match defaults {
            Some(defaults) => (defaults.logging.clone(), defaults.default_server.clone()),
            None => (Logging::default(), Server::default()),
        };
        let routing = Routing {
            default_backend: defaults.and_then(|it| it.routing.default_backend.clone()),
            ..Routing::default()
        };
        Self {
            kind: section.kind,
            name: section.name().unwrap_or_default(),
            origin: section.header.origin(),
            defaults: defaults.map(|defaults| defaults.origin.clone()),
            mode: defaults.and_then(|defaults| defaults.mode.clone()),
            binds: Vec::new(),
            servers: Vec::new(),
            routing,
            logging,
            default_server,
        }
    }

    /// Takes a line; what is wrong with it, and what it weighs.
    fn line(&mut self, line: &Line, global: &Global) -> (Vec<BadOption>, usize) {
        let keyword = line.keyword();
        match keyword.as_str() {
            "bind" => {
                let (bind, bad) = Bind::parse(line, global);
                let weight = bind.weight();
                self.binds.push(Setting::new(bind, line));
                return (bad, weight);
            }
            "server" | "server-template" => {
                let (server, bad) = Server::parse(&self.default_server, line, global);
                let weight = server.weight();
                self.servers.push(Setting::new(server, line));
                return (bad, weight);
            }
            "default-server" => return (self.default_server.options(line, 0, global), 0),
            "mode" => self.mode = Some(Setting::new(line.text(1), line)),
            _ => {
                self.logging.line(line);
                return (Vec::new(), self.routing.line(line, global));
            }
        }
        (Vec::new(), 0)
    }
}

/// What the sections mean, one after the other.
pub(super) fn resolve(
    sections: Vec<Section>,
    mut findings: Vec<Finding>,
    version: Version,
    max_bytes: usize,
) -> Result<Config, Error> {
    let mut left = max_bytes;
    let mut weigh = |weight: usize, line: &Line| {
        let rest = left.checked_sub(weight);
        left = rest.ok_or_else(|| Error::TooManyBytes {
            source_name: line.file().to_owned(),
            limit: max_bytes,
        })?;
        Ok(())
    };
    let mut defaults = Defaults::default();
    let mut global = Global::default();
    let mut proxies: Vec<Proxy> = Vec::new();
    let mut crt_stores = Vec::new();
    for section in &sections {
        match section.kind {
            SectionKind::Global => {
                for line in &section.lines {
                    let bad = global.line(line).err();
                    findings.extend(bad.map(|bad| refused(line, &bad)));
                }
            }
            SectionKind::CrtStore => {
                let mut store = CrtStore::named(section.name());
                for line in &section.lines {
                    weigh(store.line(line, &global), line)?;
                }
                crt_stores.push(store);
            }
            SectionKind::Other => {}
            _ => {
                let heir_of = match defaults.of(section) {
                    Ok(index) => index.and_then(|index| proxies.get(index)),
                    Err(bad) => {
                        findings.push(refused(&section.header, &bad));
                        None
                    }
                };
                let mut proxy = Proxy::new(section, heir_of);
                let inherited = proxy.logging.weight() + proxy.default_server.weight();
                weigh(inherited, &section.header)?;
                if section.kind == SectionKind::Defaults {
                    defaults.add(&proxy.name, proxies.len());
                }
                for line in &section.lines {
                    findings.extend(empty_word(line));
                    findings.extend(void_options(line));
                    let (bad, weight) = proxy.line(line, &global);
                    weigh(weight, line)?;
                    findings.extend(bad.iter().map(|bad| refused(line, bad)));
                }
                proxies.push(proxy);
            }
        }
    }
    let listeners = proxies.iter().flat_map(|proxy| &proxy.binds);
    for bind in listeners.filter(|bind| bind.value.is_tls) {
        let tls = &bind.value.tls;
        findings.extend(tls.findings(Side::Bind, version, &bind.origin));
    }
    let servers = proxies.iter().flat_map(|proxy| &proxy.servers);
    for server in servers.filter(|server| server.value.prepares_tls()) {
        let tls = &server.value.tls;
        findings.extend(tls.findings(Side::Server, version, &server.origin));
    }
    Ok(Config {
        sections,
        global,
        proxies,
        crt_stores,
        report: findings.into_iter().collect(),
    })
}

/// The sections `defaults` that were read.
#[derive(Default)]
struct Defaults {
    by_name: BTreeMap<String, usize>,
    last: Option<usize>,
}

impl Defaults {
    fn add(&mut self, name: &str, index: usize) {
        self.by_name.insert(name.to_owned(), index);
        self.last = Some(index);
    }

    /// The one that a section inherits from.
    fn of(&self, section: &Section) -> Result<Option<usize>, BadOption> {
        match section.from() {
            Some(name) => match self.by_name.get(&name) {
                Some(&index) => Ok(Some(index)),
                None => Err(BadOption(format!("there is no defaults {name} before it"))),
            },
            // A `defaults` begins anew.
            None if section.kind == SectionKind::Defaults => Ok(None),
            None => Ok(self.last),
        }
    }
}

fn refused(line: &Line, bad: &BadOption) -> Finding {
    let message = format!("HAProxy refuses this line: {}", bad.0);
    let finding = Finding::new(Code::ConfigSyntax, message).at(&line.origin());
    match line.is_certain && line.words.iter().all(|word| word.is_certain) {
        true => finding,
        false => finding.with_severity(Severity::Warning),
    }
}

/// Bind and server lines end at an empty word, and nobody sees it.
fn empty_word(line: &Line) -> Option<Finding> {
    let keyword = line.keyword();
    let keywords = ["bind", "server", "server-template", "default-server"];
    let index = line.words.iter().position(|word| word.is_empty())?;
    if !keywords.contains(&keyword.as_str()) || index + 1 >= line.words.len() {
        return None;
    }
    let message = format!("word {} is empty: HAProxy does not read on", index + 1);
    Some(Finding::new(Code::EmptyWord, message).at(&line.origin()))
}

/// In `default-server` HAProxy passes over the options that switch versions off.
fn void_options(line: &Line) -> Option<Finding> {
    let mut texts = line.arguments().map(|word| word.text());
    let is_void = |text: &str| text.starts_with("no-tlsv") || text == "no-sslv3";
    let option = texts.find(|text| is_void(text))?;
    if line.keyword() != "default-server" {
        return None;
    }
    let message = format!("{option} has no effect in default-server");
    Some(Finding::new(Code::TlsVersions, message).at(&line.origin()))
}
