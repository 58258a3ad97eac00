//! The hosts that rules route, and rules that ask for a name where there is none.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::change::Change;
use super::front::title;
use super::{Diagnosis, Room};
use crate::explain::Cause;
use crate::finding::Code;
use crate::haproxy::config::{HostSource, HostTest, Matching, Proxy, SectionKind};
use crate::origin::Origin;

/// The most values of ACLs that are looked at, files included.
const MAX_HOSTS: usize = 100_000;
/// The most bytes of a file of values or a map.
const MAX_BYTES: u64 = 16 << 20;

/// A host that the rules know, and where.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) origin: Origin,
}

impl Room<'_> {
    /// The hosts that a section routes or tests, where it decrypts.
    pub(super) fn hosts(&self, proxy: &Proxy) -> Vec<Host> {
        let mut hosts: Vec<Host> = Vec::new();
        for test in &proxy.routing.tests {
            if test.value.source == HostSource::RequestSni {
                continue;
            }
            let files = test
                .value
                .files
                .iter()
                .flat_map(|file| self.lines_of(file.as_ref()));
            let values = test.value.values.iter().cloned().chain(files);
            for value in values.take(MAX_HOSTS.saturating_sub(hosts.len())) {
                hosts.extend(host(&test.value, &value).map(|name| Host {
                    name,
                    origin: test.origin.clone(),
                }));
            }
        }
        for route in &proxy.routing.routes {
            let Some(path) = map_of(&route.value.target) else {
                continue;
            };
            for line in self.lines_of(path.as_ref()) {
                let key = line.split_whitespace().next().unwrap_or_default();
                if hosts.len() < MAX_HOSTS && is_host(key) {
                    hosts.push(Host {
                        name: key.to_ascii_lowercase(),
                        origin: route.origin.clone(),
                    });
                }
            }
        }
        let mut seen = HashSet::new();
        hosts.retain(|host| seen.insert(host.name.clone()));
        hosts
    }

    /// The values in a file; none where it cannot be read, which HAProxy itself says.
    fn lines_of(&self, path: &Path) -> Vec<String> {
        use std::io::Read;
        let mut text = Vec::new();
        let file = fs::File::open(path);
        let read = file.and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text));
        if read.is_err() {
            return Vec::new();
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    }

    /// Rules that ask for a name where it is not known.
    pub(super) fn sni_rules(&mut self) {
        for proxy in &self.config.proxies {
            if !matches!(proxy.kind, SectionKind::Frontend | SectionKind::Listen) {
                continue;
            }
            let has_tls = proxy.binds.iter().any(|bind| bind.value.is_tls);
            let has_plain = proxy.binds.iter().any(|bind| !bind.value.is_tls);
            let mut passed_on = None;
            for test in &proxy.routing.tests {
                let (message, from, to) = match test.value.source {
                    HostSource::RequestSni if has_tls && !has_plain => (
                        "req.ssl_sni sees no name behind a bind line with ssl, as the handshake is over there: the rule never matches",
                        "req.ssl_sni",
                        "ssl_fc_sni",
                    ),
                    HostSource::FrontendSni if !has_tls => (
                        "ssl_fc_sni has no name on bind lines without ssl: the rule never matches",
                        "ssl_fc_sni",
                        "req.ssl_sni",
                    ),
                    HostSource::RequestSni => {
                        passed_on.get_or_insert(test);
                        continue;
                    }
                    _ => continue,
                };
                let words = [from.to_owned(), test.value.expression.clone()];
                let edit = words.iter().find_map(|word| {
                    let new = test.value.expression.replacen(from, to, 1);
                    self.texts
                        .edit(&test.origin, Change::Word(word.clone(), new))
                });
                let diagnosis =
                    Diagnosis::new(Code::NameNeverSeen, Cause::Sni, Some(&test.origin), message);
                self.push(diagnosis.affects("all who ask for these names").edit(edit));
            }
            if let Some(test) = passed_on
                && !self.waits(proxy)
            {
                self.does_not_wait(proxy, &test.origin);
            }
            let is_http = proxy.mode.as_ref().is_some_and(|mode| mode.value == "http");
            let mut addresses = proxy.binds.iter().flat_map(|bind| &bind.value.addresses);
            let speaks_tls = passed_on.is_some() || addresses.any(|it| it.ends_with(":443"));
            if !has_tls && !is_http && speaks_tls {
                self.tls_in_tls(proxy);
            }
        }
    }

    /// Servers to which HAProxy speaks TLS, and that get what clients sent in TLS already.
    fn tls_in_tls(&mut self, front: &Proxy) {
        let config = self.config;
        let has_servers =
            |it: &&Proxy| matches!(it.kind, SectionKind::Backend | SectionKind::Listen);
        let backends = config.proxies.iter().filter(has_servers);
        for proxy in backends.filter(|it| leads_to(front, it)) {
            for server in proxy.servers.iter().filter(|it| it.value.is_tls()) {
                let message = format!(
                    "clients of {} speak TLS already, and server {} of {} gets it within TLS of HAProxy's own",
                    title(front),
                    server.value.name,
                    title(proxy)
                );
                let options = [
                    ("ssl", 0),
                    ("verify", 1),
                    ("ca-file", 1),
                    ("sni", 1),
                    ("verifyhost", 1),
                ];
                let edits = options.map(|(option, values)| {
                    self.texts
                        .edit(&server.origin, Change::Unset(option, values))
                });
                let (code, cause) = (Code::TlsInTls, Cause::Backend);
                let diagnosis = Diagnosis::new(code, cause, Some(&server.origin), message);
                let affected = format!("all who connect to {}", title(front));
                self.push(
                    diagnosis
                        .affects(affected)
                        .edit(edits.into_iter().flatten()),
                );
            }
        }
    }

    /// Whether the section, or the `defaults` that it inherits from, waits for the first bytes of a
    /// connection.
    fn waits(&self, proxy: &Proxy) -> bool {
        let headers = [Some(&proxy.origin), proxy.defaults.as_ref()];
        let sections = self.config.sections.iter();
        let own = sections.filter(|it| headers.contains(&Some(&it.header.origin())));
        let mut lines = own.flat_map(|section| &section.lines);
        lines.any(|line| line.keyword() == "tcp-request" && line.text(1) == "inspect-delay")
    }

    fn does_not_wait(&mut self, proxy: &Proxy, test: &Origin) {
        let message = format!(
            "{} chooses by req.ssl_sni and does not wait for the client's hello, so that no name is there yet",
            title(proxy)
        );
        let edit = self.texts.edit(
            &proxy.origin,
            Change::Behind(vec![
                "    tcp-request inspect-delay 5s".to_owned(),
                "    tcp-request content accept if { req.ssl_hello_type 1 }".to_owned(),
            ]),
        );
        let diagnosis = Diagnosis::new(Code::NameNeverSeen, Cause::Sni, Some(test), message);
        self.push(
            diagnosis
                .help("`tcp-request inspect-delay 5s` and `tcp-request content accept if { req.ssl_hello_type 1 }`")
                .affects("all who ask for these names")
                .edit(edit),
        );
    }
}

/// Whether a section's rules name a backend, or it is one itself.
pub(super) fn leads_to(front: &Proxy, backend: &Proxy) -> bool {
    let routing = &front.routing;
    let mut routes = routing.routes.iter();
    let default = routing.default_backend.as_ref();
    front.origin == backend.origin
        || routes.any(|route| route.value.target == backend.name)
        || default.is_some_and(|it| it.value == backend.name)
}

/// The host that a value of a test stands for.
fn host(test: &HostTest, value: &str) -> Option<String> {
    let value = value.to_ascii_lowercase();
    let name = match test.matching {
        Matching::Exact => {
            let has_port = test.source == HostSource::HostHeader;
            match value.rsplit_once(':').filter(|_| has_port) {
                Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name.to_owned(),
                _ => value,
            }
        }
        // Any host below it.
        Matching::End if value.starts_with('.') => format!("any{value}"),
        _ => return None,
    };
    is_host(&name).then_some(name)
}

/// Whether it is a host's name with a dot in it, and no address.
pub(super) fn is_host(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.contains('.')
        && name.bytes().all(is_part)
        && name.parse::<std::net::IpAddr>().is_err()
        && !name.starts_with('.')
}

/// The file of a map that chooses a backend by the host: `%[req.hdr(host),lower,map(FILE)]`.
fn map_of(target: &str) -> Option<String> {
    let inner = target.strip_prefix("%[")?;
    let is_by_host = ["hdr(host)", "ssl_fc_sni"]
        .iter()
        .any(|it| inner.contains(it));
    let rest = inner
        .split_once(",map(")
        .or_else(|| inner.split_once(",map_str("))?
        .1;
    let file = rest.split([',', ')']).next()?;
    is_by_host.then(|| file.to_owned())
}
