//! Which certificate of a bind line answers whom.
//!
//! HAProxy looks up the name that the client sends (SNI, RFC 6066 section 3), first as it is and
//! then as a wildcard, and keeps one certificate of each key type. Then the key type decides, so
//! that an ECDSA certificate with a wildcard beats an RSA one that has the very name. Nothing
//! found, or no name sent, is the default certificate's turn, unless `strict-sni` is set.
//!
//! ```
//! use fullchain::haproxy::Version;
//! use fullchain::haproxy::sni::{Answer, Client, SniTable};
//! # use fullchain::Reader;
//!
//! # let site = include_bytes!("../../../testdata/damaged/clean.pem");
//! # let certificate = &Reader::new().read("site.pem", site)?.certificates[0];
//! let mut table = SniTable::new(Version::NEWEST);
//! table.add("certs/site.pem", certificate, &[]);
//! let Answer::Served { file, .. } = table.answer(Some("www.example.com"), Client::MODERN) else {
//!     panic!("an alert");
//! };
//! assert_eq!(file, "certs/site.pem");
//! # Ok::<(), fullchain::Error>(())
//! ```

mod answer;
mod findings;

use std::collections::HashMap;
use std::sync::Arc;

use super::Version;
use crate::cert::Certificate;
use crate::common_name::common_names;

pub use answer::{Answer, Because, Client, KeyType, NoAnswer, Row};

/// What HAProxy knows a certificate by: its key's type and its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    key_type: KeyType,
    /// All of them, lower-cased.
    own: Box<[Box<str>]>,
    /// A common name that is no host name.
    odd: Option<Box<str>>,
}

impl Names {
    /// Those of a certificate: its DNS names (RFC 5280 section 4.2.1.6) and its common names.
    pub fn of(certificate: &Certificate) -> Self {
        let common_names = lower(common_names(certificate));
        let odd = common_names.iter().find(|name| !is_host(name)).cloned();
        let mut own = lower(certificate.dns_names());
        own.extend(common_names);
        own.sort();
        own.dedup();
        Self {
            key_type: KeyType::of(certificate),
            own: own.into(),
            odd,
        }
    }
}

impl Names {
    pub(in crate::haproxy) fn key_type(&self) -> KeyType {
        self.key_type
    }
}

/// Whether it has the form of a host name, or of a wildcard.
fn is_host(name: &str) -> bool {
    let host = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty()
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.split('.').all(is_label)
}

/// A certificate that a bind line was given, and what it answers for.
#[derive(Clone, Debug)]
struct Entry {
    file: String,
    /// What the certificate has.
    names: Arc<Names>,
    /// The filters of its crt-list line; empty when it has none.
    filters: Vec<Box<str>>,
    /// The hosts that its line takes out of its wildcards.
    excluded: Vec<String>,
    /// Whether it belongs to the same base name as the one before.
    is_twin: bool,
}

impl Entry {
    /// What it answers for: its own names are not used where there are filters.
    fn names(&self) -> &[Box<str>] {
        match self.filters.is_empty() {
            true => &self.names.own,
            false => &self.filters,
        }
    }

    fn key_type(&self) -> KeyType {
        self.names.key_type
    }
}

/// What a name in a certificate, or a filter, stands for.
enum Pattern<'n> {
    Exact(&'n str),
    /// What follows the star; HAProxy looks for it from the first dot on.
    Wildcard(&'n str),
    /// A host that the line's wildcards do not answer for.
    Excluded(&'n str),
    /// A lone star.
    Default,
    /// A wildcard that is excluded, which does nothing.
    Nothing,
}

impl<'n> Pattern<'n> {
    fn of(name: &'n str) -> Self {
        match (name.strip_prefix('!'), name.strip_prefix('*')) {
            (Some(host), _) if host.starts_with('*') => Self::Nothing,
            (Some(host), _) => Self::Excluded(host),
            (_, Some("")) => Self::Default,
            (_, Some(suffix)) => Self::Wildcard(suffix),
            _ => Self::Exact(name),
        }
    }
}

fn lower<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Vec<Box<str>> {
    let names = names.into_iter();
    names
        .map(|name| name.as_ref().to_ascii_lowercase().into())
        .collect()
}

/// The names of a bind line: its certificates in the order in which HAProxy loads them.
#[derive(Clone, Debug)]
pub struct SniTable {
    version: Version,
    strict: bool,
    entries: Vec<Entry>,
    /// The first of each key type, by name. There are many, which is why places are short.
    exact: HashMap<Box<str>, [Option<u32>; 3]>,
    /// All of each key type, by what follows the star: the first may have excluded a host.
    wildcards: HashMap<Box<str>, [Vec<usize>; 3]>,
    /// Those that were declared to be defaults.
    declared: Vec<usize>,
}

impl SniTable {
    /// The names of no certificate.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            strict: false,
            entries: Vec::new(),
            exact: HashMap::new(),
            wildcards: HashMap::new(),
            declared: Vec::new(),
        }
    }

    /// Whether `strict-sni` is set: no default certificate answers.
    #[must_use]
    pub fn strict_sni(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Adds the next certificate of the line: a file of `crt`, of a directory, or of a crt-list
    /// with its SNI filters, as they stand there.
    pub fn add(&mut self, file: impl Into<String>, certificate: &Certificate, filters: &[&str]) {
        self.add_names(file, Names::of(certificate), filters);
    }

    /// The same, where nothing but the certificate's names is at hand.
    pub fn add_names(
        &mut self,
        file: impl Into<String>,
        names: impl Into<Arc<Names>>,
        filters: &[&str],
    ) {
        let mut entry = Entry {
            file: file.into(),
            names: names.into(),
            filters: lower(filters),
            excluded: Vec::new(),
            is_twin: false,
        };
        let index = self.entries.len();
        let place = entry.key_type().place();
        let mut excluded = Vec::new();
        for name in entry.names() {
            match Pattern::of(name) {
                Pattern::Nothing => {}
                Pattern::Excluded(host) => excluded.push(host.to_owned()),
                Pattern::Default if self.version.has_default_list() => self.declared.push(index),
                Pattern::Default => {}
                Pattern::Wildcard(suffix) => {
                    let known = self.wildcards.entry(suffix.into()).or_default();
                    if let Some(known) = known.get_mut(place) {
                        known.push(index);
                    }
                }
                Pattern::Exact(name) => {
                    let known = self.exact.entry(name.into()).or_default();
                    if let Some(known @ None) = known.get_mut(place) {
                        *known = u32::try_from(index).ok();
                    }
                }
            }
        }
        entry.excluded = excluded;
        self.entries.push(entry);
    }

    /// Adds a further certificate of the same base name as the one before: `site.pem.rsa` beside
    /// `site.pem.ecdsa`, where the configuration has `crt site.pem`.
    pub fn add_twin(
        &mut self,
        file: impl Into<String>,
        certificate: &Certificate,
        filters: &[&str],
    ) {
        self.add(file, certificate, filters);
        self.declare_twin();
    }

    /// Says that the certificate that was added last is of the same base name as the one before.
    pub fn declare_twin(&mut self) {
        if let Some(last) = self.entries.last_mut() {
            last.is_twin = true;
        }
    }

    /// Makes the certificate that was added last a default one, as `default-crt` does.
    pub fn declare_default(&mut self) {
        if let Some(last) = self.entries.len().checked_sub(1) {
            self.declared.push(last);
        }
    }

    /// How many certificates there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All names and wildcards, in the order of their bytes. For each key type it is the first
    /// certificate, unless a host was excluded from its wildcard.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let file = |index: Option<usize>| Some(self.entries.get(index?)?.file.as_str());
        let row = |name: String, [ecdsa, rsa, other]: [Option<usize>; 3]| Row {
            name,
            ecdsa: file(ecdsa),
            rsa: file(rsa),
            other: file(other),
        };
        let exact = self.exact.iter().map(|(name, it)| {
            let first = it.map(|first| usize::try_from(first?).ok());
            row(name.to_string(), first)
        });
        let wildcards = self.wildcards.iter().map(|(suffix, it)| {
            let first = it.each_ref().map(|all| all.first().copied());
            row(format!("*{suffix}"), first)
        });
        let mut rows: Vec<_> = exact.chain(wildcards).collect();
        rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        rows
    }

    /// What a client gets that sends this name, or none.
    pub fn answer(&self, name: Option<&str>, client: Client) -> Answer<'_> {
        let Some(name) = name else {
            return match self.strict {
                true => Answer::Alert(NoAnswer::StrictNone),
                false => self.default(client, Because::DefaultForNone),
            };
        };
        let name = name.to_ascii_lowercase();
        let found = self.candidates(&name);
        let chosen = Self::choose(found.map(|found| found.map(|(index, _)| index)), client);
        let Some(chosen) = chosen else {
            return match self.strict {
                true => Answer::Alert(NoAnswer::StrictName),
                false => self.default(client, Because::DefaultForName),
            };
        };
        let because = found.iter().flatten().find(|(index, _)| *index == chosen);
        self.serve(
            chosen,
            client,
            because.map_or(Because::Exact, |(_, because)| *because),
        )
    }

    /// For each key type the first certificate for a name: exact ones before wildcards.
    fn candidates(&self, name: &str) -> [Option<(usize, Because)>; 3] {
        let suffix = name.find('.').and_then(|dot| name.get(dot..));
        let wildcards = suffix.and_then(|suffix| self.wildcards.get(suffix));
        [0, 1, 2].map(|place| {
            let exact = self.exact(name, place);
            let mut wildcards = wildcards.and_then(|it| it.get(place)).into_iter().flatten();
            let mut wildcard = || wildcards.find(|&&index| !self.excludes(index, name));
            exact
                .map(|index| (index, Because::Exact))
                .or_else(|| wildcard().map(|&index| (index, Because::Wildcard)))
        })
    }

    /// The first certificate of a key type that has this very name.
    fn exact(&self, name: &str, place: usize) -> Option<usize> {
        let first = self.exact.get(name)?.get(place)?;
        usize::try_from((*first)?).ok()
    }

    fn excludes(&self, index: usize, name: &str) -> bool {
        let entry = self.entries.get(index);
        entry.is_some_and(|entry| entry.excluded.iter().any(|it| it == name))
    }

    /// The key type that is preferred, among what there is.
    fn choose(found: [Option<usize>; 3], client: Client) -> Option<usize> {
        let [ecdsa, rsa, other] = found;
        ecdsa
            .filter(|_| client.ecdsa)
            .or(rsa.filter(|_| client.rsa))
            .or(other)
            .or(ecdsa)
            .or(rsa)
    }

    fn default(&self, client: Client, because: Because) -> Answer<'_> {
        let mut found = [None; 3];
        for index in self.defaults() {
            let place = self
                .entries
                .get(index)
                .map(|entry| entry.key_type().place());
            if let Some(known) = place.and_then(|place| found.get_mut(place)) {
                known.get_or_insert(index);
            }
        }
        match Self::choose(found, client) {
            Some(chosen) => self.serve(chosen, client, because),
            None => Answer::Alert(NoAnswer::Empty),
        }
    }

    /// The default certificates, the first of a key type counting.
    fn defaults(&self) -> Vec<usize> {
        if !self.version.has_default_list() {
            return (0..self.entries.len()).take(1).collect();
        }
        let others = self.entries.iter().skip(1);
        let twins = others.take_while(|entry| entry.is_twin).count();
        let mut defaults: Vec<usize> = (0..self.entries.len()).take(1 + twins).collect();
        defaults.extend(&self.declared);
        defaults
    }

    fn serve(&self, chosen: usize, client: Client, because: Because) -> Answer<'_> {
        match self.entries.get(chosen) {
            Some(entry) if client.takes(entry.key_type()) => Answer::Served {
                file: &entry.file,
                because,
            },
            Some(entry) => Answer::Alert(NoAnswer::KeyType(entry.key_type())),
            None => Answer::Alert(NoAnswer::Empty),
        }
    }
}
