//! The handshake failures of a log, by cause and by client.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::{Cause, Explanation, in_text};

/// Of so many clients the failures are counted one by one; of more, in sum.
pub const MAX_CLIENTS: usize = 10_000;

/// A line of a log that tells of a failed handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The client, if the line has its address.
    pub client: Option<IpAddr>,
    /// What it tells.
    pub explanation: Explanation,
}

impl Line {
    /// `None` for lines about something else.
    pub fn parse(line: &str) -> Option<Self> {
        let explanation = in_text(line)?;
        Some(Self {
            client: line.split_whitespace().find_map(client),
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

/// Failures, summed up as the lines come.
///
/// ```
/// use fullchain::explain::LogSummary;
///
/// let mut summary = LogSummary::new();
/// for line in ["10.0.0.1:4711 [..] tls/1: error:0A000102:SSL routines::unsupported protocol"] {
///     summary.record(line);
/// }
/// let (cause, title, count, clients) = summary.causes().into_iter().next().expect("one failed");
/// assert_eq!((title, count, clients), ("unsupported protocol", 1, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct LogSummary {
    lines: u64,
    /// By cause and title.
    failures: BTreeMap<(Cause, String), Failure>,
    /// Distinct ones, over all failures.
    clients: usize,
}

#[derive(Clone, Debug)]
struct Failure {
    count: u64,
    clients: BTreeMap<IpAddr, u64>,
    explanation: Explanation,
}

impl LogSummary {
    /// Without any line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a line, whatever it is about.
    pub fn record(&mut self, line: &str) {
        self.lines += 1;
        let Some(Line {
            client,
            explanation,
        }) = Line::parse(line)
        else {
            return;
        };
        let key = (explanation.cause, explanation.title.clone());
        let failure = self.failures.entry(key).or_insert_with(|| Failure {
            count: 0,
            clients: BTreeMap::new(),
            explanation,
        });
        failure.count += 1;
        if let Some(client) = client {
            if let Some(count) = failure.clients.get_mut(&client) {
                *count += 1;
            } else if self.clients < MAX_CLIENTS {
                failure.clients.insert(client, 1);
                self.clients += 1;
            }
        }
    }

    /// How many lines there were, those about something else among them.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Cause, what happened, how often, and to how many clients; the most frequent first.
    pub fn causes(&self) -> Vec<(Cause, &str, u64, usize)> {
        let all = self.failures.iter();
        let mut all: Vec<_> = all
            .map(|((cause, title), it)| (*cause, title.as_str(), it.count, it.clients.len()))
            .collect();
        all.sort_by(|a, b| b.2.cmp(&a.2).then(a.1.cmp(b.1)));
        all
    }

    /// What a failure means, by its title.
    pub fn explanation(&self, title: &str) -> Option<&Explanation> {
        let mut all = self.failures.iter();
        let found = all.find(|((_, known), _)| known == title);
        found.map(|(_, failure)| &failure.explanation)
    }

    /// The clients to which it happened, the most frequent first.
    pub fn clients(&self, title: &str) -> Vec<(IpAddr, u64)> {
        let all = self
            .failures
            .iter()
            .filter(|((_, known), _)| known == title);
        let clients = all.flat_map(|(_, failure)| &failure.clients);
        let mut clients: Vec<_> = clients.map(|(client, count)| (*client, *count)).collect();
        clients.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        clients
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Line, LogSummary};

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
    fn failures_are_counted_by_cause_and_client() {
        let mut summary = LogSummary::new();
        for n in 0..5 {
            summary.record(&format!("10.0.0.{}:1 no shared cipher", n % 2));
        }
        summary.record("10.0.0.9:1 tlsv1 alert unknown ca error:0A000418:");
        summary.record("all is well");
        assert_eq!(summary.lines(), 7);
        let causes = summary.causes();
        assert_eq!(causes[0], (Cause::Protocol, "no shared cipher", 5, 2));
        assert_eq!((causes[1].0, causes[1].2), (Cause::Chain, 1));
        assert_eq!(summary.clients("no shared cipher")[0].1, 3);
        assert!(summary.explanation("no shared cipher").is_some());
    }
}
