//! What there is to say of a fleet as a whole.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use ring::digest::{SHA256, digest};
use rustls_pki_types::UnixTime;

use super::Checked;
use crate::finding::{Code, Finding, Report, Severity};
use crate::origin::Origin;

const WEEK: u64 = 7 * 24 * 60 * 60;
/// 1970-01-05 was a Monday.
const FIRST_MONDAY: u64 = 4 * 24 * 60 * 60;

/// Counts what came of the files of a fleet, and keeps when each expires and which key it has.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    files: usize,
    refused: usize,
    codes: BTreeMap<(Reverse<Severity>, Code), usize>,
    expiries: Vec<(usize, UnixTime)>,
    /// By the SHA-256 of the public key: the first file that has it, and the others.
    keys: HashMap<[u8; 32], (usize, Vec<usize>)>,
}

impl Summary {
    /// Of no file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts what came of a file.
    pub fn record(&mut self, checked: &Checked) {
        self.files += 1;
        self.count(&checked.findings());
        let Ok(loaded) = &checked.loaded else {
            self.refused += 1;
            return;
        };
        let Some(leaf) = loaded.leaf() else {
            return;
        };
        let chain = checked.clients.as_ref().and_then(|it| it.chain.as_ref());
        let until = chain.map_or(leaf.not_after(), |chain| chain.valid_until());
        self.expiries.push((checked.index, until));
        let hash = digest(&SHA256, leaf.subject_public_key_info());
        if let Ok(hash) = <[u8; 32]>::try_from(hash.as_ref()) {
            match self.keys.get_mut(&hash) {
                Some((_, others)) => others.push(checked.index),
                None => {
                    self.keys.insert(hash, (checked.index, Vec::new()));
                }
            }
        }
    }

    /// Counts findings that are about more than a file.
    pub fn count(&mut self, report: &Report) {
        for finding in report.findings() {
            let key = (Reverse(finding.severity), finding.code);
            *self.codes.entry(key).or_default() += 1;
        }
    }

    /// How many files there were.
    pub fn files(&self) -> usize {
        self.files
    }

    /// How many of them HAProxy does not load.
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// How many findings there were of each severity and code, the worst first.
    pub fn codes(&self) -> impl Iterator<Item = (Severity, Code, usize)> {
        let codes = self.codes.iter();
        codes.map(|((severity, code), count)| (severity.0, *code, *count))
    }

    /// Whether there was an error.
    pub fn has_errors(&self) -> bool {
        self.codes()
            .any(|(severity, ..)| severity == Severity::Error)
    }

    /// How many files expire in each week, by the Monday on which it begins (UTC). It is the
    /// certificate itself that expires, or one above it, if that comes first.
    pub fn weeks(&self) -> BTreeMap<UnixTime, usize> {
        let mut weeks = BTreeMap::new();
        for (_, until) in &self.expiries {
            let since = until.as_secs().saturating_sub(FIRST_MONDAY);
            let monday = FIRST_MONDAY + since / WEEK * WEEK;
            let monday = UnixTime::since_unix_epoch(std::time::Duration::from_secs(monday));
            *weeks.entry(monday).or_default() += 1;
        }
        weeks
    }

    /// A finding for each key that several files have. The files are those that were checked.
    pub fn shared_keys(&self, files: &[impl AsRef<Path>]) -> Report {
        let name = |index: usize| files.get(index).map(|file| file.as_ref().to_string_lossy());
        let mut shared: Vec<_> = self
            .keys
            .values()
            .filter(|(_, others)| !others.is_empty())
            .collect();
        // Results come in any order.
        shared.sort_unstable();
        let findings = shared.into_iter().filter_map(|(first, others)| {
            let mut all: Vec<usize> = others.clone();
            all.push(*first);
            all.sort_unstable();
            let first = name(*all.first()?)?;
            let second = name(*all.get(1)?)?;
            let message = match all.len() - 2 {
                0 => format!("{first} and {second} have one key"),
                more => format!("{first}, {second} and {more} more have one key"),
            };
            Some(Finding::new(Code::SharedKey, message).at(&Origin::new(&*first)))
        });
        findings.collect()
    }

    /// The counts, and when each file expires, as Prometheus' text format has them (version
    /// 0.0.4), for a file that node_exporter's textfile collector reads.
    pub fn metrics<'s, P>(&'s self, files: &'s [P], time: UnixTime) -> Metrics<'s, P> {
        Metrics {
            summary: self,
            files,
            time,
        }
    }
}

/// See [`Summary::metrics`].
#[derive(Debug)]
pub struct Metrics<'s, P> {
    summary: &'s Summary,
    files: &'s [P],
    time: UnixTime,
}

impl<P: AsRef<Path>> fmt::Display for Metrics<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        head(
            f,
            "fullchain_check_timestamp_seconds",
            "The moment for which the files were checked.",
        )?;
        writeln!(
            f,
            "fullchain_check_timestamp_seconds {}",
            self.time.as_secs()
        )?;
        head(
            f,
            "fullchain_files",
            "Certificate files, by whether HAProxy loads them.",
        )?;
        let Summary { files, refused, .. } = self.summary;
        writeln!(f, "fullchain_files{{state=\"loaded\"}} {}", files - refused)?;
        writeln!(f, "fullchain_files{{state=\"refused\"}} {refused}")?;
        head(f, "fullchain_findings", "Findings, by code and severity.")?;
        for (severity, code, count) in self.summary.codes() {
            writeln!(
                f,
                "fullchain_findings{{code=\"{code}\",severity=\"{severity}\"}} {count}"
            )?;
        }
        let name = "fullchain_certificate_expiry_timestamp_seconds";
        head(f, name, "When the certificate, or one above it, expires.")?;
        let mut expiries: Vec<_> = self.summary.expiries.iter().collect();
        expiries.sort_unstable_by_key(|(index, _)| *index);
        for (index, until) in expiries {
            let Some(file) = self.files.get(*index) else {
                continue;
            };
            writeln!(
                f,
                "{name}{{file=\"{}\"}} {}",
                Escaped(file.as_ref()),
                until.as_secs()
            )?;
        }
        Ok(())
    }
}

fn head(f: &mut fmt::Formatter<'_>, name: &str, help: &str) -> fmt::Result {
    writeln!(f, "# HELP {name} {help}\n# TYPE {name} gauge")
}

/// A label's value.
struct Escaped<'p>(&'p Path);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.to_string_lossy();
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        f.write_str(&escaped.replace('\n', "\\n"))
    }
}
