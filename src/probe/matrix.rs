//! All that a server accepts, version by version.

use std::io;

use super::{Answer, Hello, Probe, ServerHello};
use crate::tls::{Authentication, CipherSuite, Group, Version};

/// What a server accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Matrix {
    /// Each version, the oldest first.
    pub rows: Vec<Row>,
}

/// What a server accepts in one version of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Row {
    /// The version.
    pub version: Version,
    /// What it chose each time, of all suites that it had not chosen before: the suites that it
    /// accepts. Those for ECDSA certificates come first, then those for RSA; of each kind in the
    /// order in which it prefers them, or in that of [`CipherSuite::ALL`] where it leaves the choice
    /// to clients.
    pub accepted: Vec<ServerHello>,
    /// The groups that it accepts, in such an order.
    pub groups: Vec<Group>,
    /// What it answered when nothing was left that it accepts.
    pub last: Answer,
}

impl Probe {
    /// Asks about all versions, suites and groups: a question for each that is accepted, and some
    /// more.
    ///
    /// # Errors
    ///
    /// As of [`ask`](Self::ask).
    pub fn matrix(&self) -> io::Result<Matrix> {
        let rows = Version::ALL.into_iter().map(|version| self.row(version));
        Ok(Matrix {
            rows: rows.collect::<Result<_, _>>()?,
        })
    }

    /// Asks about one version.
    ///
    /// # Errors
    ///
    /// As of [`ask`](Self::ask).
    pub fn row(&self, version: Version) -> io::Result<Row> {
        let mut row = Row {
            version,
            accepted: Vec::new(),
            groups: Vec::new(),
            last: Answer::Closed,
        };
        for mut hello in hellos(version) {
            let accepted = row.accepted.len();
            row.last = loop {
                match self.ask(&hello)? {
                    Answer::Hello(chosen)
                        if chosen.version == version && has(&hello.suites, chosen.suite) =>
                    {
                        hello.suites.retain(|suite| suite.id != chosen.suite);
                        row.accepted.push(chosen);
                    }
                    other => break other,
                }
                if hello.suites.is_empty() {
                    break Answer::Closed;
                }
            };
            let accepted = row.accepted.get(accepted..).unwrap_or_default();
            for group in self.groups(&hello, accepted)? {
                if !row.groups.contains(&group) {
                    row.groups.push(group);
                }
            }
        }
        Ok(row)
    }

    /// The groups that go with suites that were accepted.
    fn groups(&self, hello: &Hello, accepted: &[ServerHello]) -> io::Result<Vec<Group>> {
        let with_group = accepted.iter().filter(|chosen| chosen.group.is_some());
        let suites = with_group.filter_map(ServerHello::cipher_suite).copied();
        let mut hello = Hello {
            suites: suites.collect(),
            ..hello.clone()
        };
        let mut groups = Vec::new();
        while !hello.suites.is_empty() && !hello.groups.is_empty() {
            let Answer::Hello(chosen) = self.ask(&hello)? else {
                break;
            };
            let Some(group) = chosen.group.filter(|group| hello.groups.contains(group)) else {
                break;
            };
            hello.groups.retain(|other| *other != group);
            groups.push(group);
        }
        Ok(groups)
    }
}

/// One for each way in which the server may prove itself: which certificate HAProxy takes depends on
/// all that a client offers, and not only on what the server has in common with it.
fn hellos(version: Version) -> Vec<Hello> {
    let whole = Hello::of(version);
    if version == Version::Tls13 {
        return vec![whole];
    }
    let ways = [
        (Authentication::Ecdsa, &["ecdsa", "ed"][..]),
        (Authentication::Rsa, &["rsa"]),
        (Authentication::Dss, &["dsa"]),
        (Authentication::Anonymous, &[""]),
    ];
    let hellos = ways.into_iter().map(|(authentication, starts)| {
        let mut hello = whole.clone();
        hello
            .suites
            .retain(|suite| suite.authentication == authentication);
        hello.schemes.retain(|scheme| {
            let name = scheme.name().unwrap_or_default();
            starts.iter().any(|start| name.starts_with(start))
        });
        hello
    });
    hellos.collect()
}

fn has(suites: &[CipherSuite], id: u16) -> bool {
    suites.iter().any(|suite| suite.id == id)
}
