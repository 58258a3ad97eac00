//! The handshake failures of a log, by cause and by client or server.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::{Explanation, in_text};

/// Of so many clients, and servers, the failures are counted one by one; of more, in sum.
pub const MAX_CLIENTS: usize = 10_000;

/// A line of a log that tells of a failed handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The client, if the line has its address.
    pub client: Option<IpAddr>,
    /// The server whose health check it is about: `BACKEND/NAME`.
    pub server: Option<String>,
    /// What it tells.
    pub explanation: Explanation,
}

impl Line {
    /// `None` for lines about something else.
    pub fn parse(line: &str) -> Option<Self> {
        let explanation = in_text(line)?;
        Some(Self {
            client: line.split_whitespace().find_map(client),
            server: server(line),
            explanation,
        })
    }
}

/// `127.0.0.1:51056`, as `%ci:%cp` has it; of IPv6 without brackets, too.
fn client(word: &str) -> Option<IpAddr> {
    if let Ok(address) = word.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let (host, port) = word.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    host.parse().ok()
}

/// `Health check for server BACKEND/NAME failed`, `Server BACKEND/NAME is DOWN`.
fn server(line: &str) -> Option<String> {
    let behind = |words| Some(line.split_once(words)?.1);
    let name = behind("Health check for server ").or_else(|| behind("Server "))?;
    let name = name.split_whitespace().next()?;
    // The characters that HAProxy allows.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    (name.contains('/') && name.bytes().all(is_name)).then(|| name.to_owned())
}

/// Failures of one kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failures {
    /// What failed, and what it points to.
    pub explanation: Explanation,
    /// How often.
    pub count: u64,
    clients: BTreeMap<IpAddr, u64>,
    servers: BTreeMap<String, u64>,
}

impl Failures {
    /// The clients to which it happened and how often to each, the most frequent first; those
    /// beyond [`MAX_CLIENTS`] are not among them.
    pub fn clients(&self) -> Vec<(IpAddr, u64)> {
        let mut clients: Vec<_> = self.clients.iter().map(|(it, n)| (*it, *n)).collect();
        clients.sort_by_key(|&(client, count)| (Reverse(count), client));
        clients
    }

    /// The servers whose health checks failed so, as [`clients`](Self::clients).
    pub fn servers(&self) -> Vec<(&str, u64)> {
        let mut servers: Vec<_> = self.servers.iter().map(|(it, n)| (&**it, *n)).collect();
        servers.sort_by_key(|&(server, count)| (Reverse(count), server));
        servers
    }
}

/// Failures, summed up as the lines come.
///
/// ```
/// use fullchain::explain::LogSummary;
///
/// let mut summary = LogSummary::new();
/// summary.record("10.0.0.1:4711 [..] tls/1: error:0A000102:SSL routines::unsupported protocol");
/// let failures = summary.failures();
/// assert_eq!(failures[0].explanation.title, "unsupported protocol");
/// assert_eq!((failures[0].count, failures[0].clients().len()), (1, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct LogSummary {
    lines: u64,
    /// By title, of which there are no more than this crate knows.
    failures: BTreeMap<String, Failures>,
    /// Clients and servers that are counted one by one, over all failures.
    parties: usize,
}

impl LogSummary {
    /// Without any line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a line, whatever it is about.
    pub fn record(&mut self, line: &str) {
        self.lines += 1;
        let Some(line) = Line::parse(line) else {
            return;
        };
        let title = line.explanation.title.clone();
        let failures = self.failures.entry(title).or_insert_with(|| Failures {
            explanation: line.explanation,
            count: 0,
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
        });
        failures.count += 1;
        count(&mut failures.clients, line.client, &mut self.parties);
        count(&mut failures.servers, line.server, &mut self.parties);
    }

    /// How many lines there were, those about something else among them.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// What failed, the most frequent first.
    pub fn failures(&self) -> Vec<&Failures> {
        let mut all: Vec<_> = self.failures.values().collect();
        // The sort is stable, and they are in order of their titles.
        all.sort_by_key(|it| Reverse(it.count));
        all
    }
}

/// Counts one more of a party, if there are not too many already.
fn count<P: Ord>(counts: &mut BTreeMap<P, u64>, party: Option<P>, parties: &mut usize) {
    let Some(party) = party else { return };
    if let Some(count) = counts.get_mut(&party) {
        *count += 1;
    } else if *parties < MAX_CLIENTS {
        counts.insert(party, 1);
        *parties += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cause;
    use super::{Line, LogSummary, MAX_CLIENTS};

    #[test]
    fn lines_are_told_from_others_and_clients_are_found() {
        let default = "Nov 23 08:00:00 lb haproxy[7]: 192.0.2.7:51056 [23/Nov/2026:08:00:00.123] tls/1: SSL handshake failure";
        let line = Line::parse(default).expect("it tells of a failure");
        assert_eq!(line.client, "192.0.2.7".parse().ok());
        assert_eq!(line.explanation.cause, Cause::Unknown);
        let both = "2001:db8::1:4711 tls/tls 167772394 error:0A0000EA:SSL routines::callback failed | 34 SSL handshake failure";
        let line = Line::parse(both).expect("it tells of a failure");
        assert_eq!(line.client, "2001:db8::1".parse().ok());
        assert_eq!(line.explanation.cause, Cause::Sni);
        let words = "[::1]:9 no shared cipher";
        let line = Line::parse(words).expect("it tells of a failure");
        assert_eq!(
            (line.client, line.explanation.cause),
            ("::1".parse().ok(), Cause::Protocol)
        );
        assert_eq!(Line::parse("10.0.0.1:80 GET / HTTP/1.1 200"), None);
    }

    #[test]
    fn health_checks_are_the_servers() {
        let mut summary = LogSummary::new();
        let info = "reason: Layer6 invalid response, info: \"SSL handshake failure\", check duration: 20ms";
        for line in [
            format!("lb haproxy[7]: Server api/a is DOWN, {info}. 0 active"),
            format!(
                "lb haproxy[7]: Health check for server api/a failed, {info}, status: 0/2 DOWN."
            ),
            format!(
                "lb haproxy[7]: Health check for server api/b failed, {info}, status: 0/2 DOWN."
            ),
            "10.0.0.1:1 [T] tls/1: SSL handshake failure".to_owned(),
            "10.0.0.1:1 [T] tls SSL handshake failure ssl:0000000000000000/-".to_owned(),
        ] {
            summary.record(&line);
        }
        let [checks, vague, hung_up] = summary.failures()[..] else {
            panic!("{summary:?}");
        };
        assert_eq!(
            (checks.explanation.cause, checks.count),
            (Cause::Backend, 3)
        );
        assert_eq!(checks.servers(), [("api/a", 2), ("api/b", 1)]);
        assert_eq!(vague.explanation.cause, Cause::Unknown);
        assert_eq!(hung_up.explanation.cause, Cause::Network);
    }

    #[test]
    fn failures_are_counted_by_cause_and_client() {
        let mut summary = LogSummary::new();
        for n in 0..5 {
            summary.record(&format!("10.0.0.{}:1 no shared cipher", n % 2));
        }
        summary.record("10.0.0.9:1 tlsv1 alert unknown ca error:0A000418:");
        summary.record("all is well");
        assert_eq!(summary.lines(), 7);
        let [first, second] = summary.failures()[..] else {
            panic!("{summary:?}");
        };
        assert_eq!(first.explanation.title, "no shared cipher");
        assert_eq!(first.explanation.cause, Cause::Protocol);
        assert_eq!(first.count, 5);
        let counts: Vec<u64> = first.clients().into_iter().map(|(_, n)| n).collect();
        assert_eq!(counts, [3, 2]);
        assert_eq!(second.explanation.cause, Cause::Chain);
        assert_eq!((second.count, second.clients().len()), (1, 1));
    }

    #[test]
    fn what_others_write_into_a_log_makes_no_kinds_without_end() {
        let mut summary = LogSummary::new();
        for number in 0..20_000 {
            let client = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
            summary.record(&format!("{client}:1 error:{:08X}:", 0x0200_0000 + number));
        }
        let failures = summary.failures();
        assert!(failures.len() < 100, "{}", failures.len());
        let clients: usize = failures.iter().map(|it| it.clients().len()).sum();
        assert_eq!(clients, MAX_CLIENTS);
    }
}
