//! What there is to say about all names of a bind line together.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Answer, Because, Client, Entry, KeyType, Pattern, SniTable};
use crate::finding::{Code, Finding, some_of};
use crate::origin::Origin;

/// How many names one finding tells.
const MOST_NAMES: usize = 5;

impl SniTable {
    /// What is surprising about the table: names that two files claim, files that never answer,
    /// filters without effect, and the default certificate.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.default_certificate());
        findings.extend(self.claimed_twice());
        findings.extend(self.wildcards_that_win());
        for (index, entry) in self.entries.iter().enumerate() {
            findings.extend(self.never_answers(index, entry));
            findings.extend(self.hidden(entry));
            findings.extend(self.without_effect(entry));
            findings.extend(odd_common_name(entry));
        }
        findings.extend(self.twins());
        findings
    }

    /// The file of the default certificate that modern clients get, if there is one.
    pub fn default_file(&self) -> Option<&str> {
        match self.answer(None, Client::MODERN) {
            Answer::Served { file, .. } => Some(file),
            Answer::Alert(_) => None,
        }
    }

    /// Says that another certificate is the default than in an earlier state of the bind line.
    pub fn changed_default(&self, earlier: &Self) -> Option<Finding> {
        let (was, is) = (earlier.default_file()?, self.default_file()?);
        let message = format!(
            "{is} is the default certificate now, for clients that send no name or an unknown one; it was {was}"
        );
        (was != is).then(|| Finding::new(Code::DefaultChanged, message).at(&Origin::new(is)))
    }

    fn default_certificate(&self) -> Option<Finding> {
        let file = self.default_file()?;
        let declared = self
            .declared
            .iter()
            .filter_map(|&index| self.entries.get(index));
        let is_declared = declared.into_iter().any(|entry| entry.file == file);
        let why = match is_declared {
            true => "it is declared so",
            false => "it is loaded first",
        };
        let message = format!(
            "{file} is the default certificate, as {why}: clients get it that send no name or an unknown one"
        );
        Some(Finding::new(Code::DefaultCertificate, message).at(&Origin::new(file)))
    }

    /// For each pattern and key type, the files that claim it, in order.
    fn claims(&self) -> BTreeMap<(&str, KeyType), Vec<usize>> {
        let mut claims: BTreeMap<(&str, KeyType), Vec<usize>> = BTreeMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let mut seen = HashSet::new();
            for name in entry.names() {
                let answers = matches!(Pattern::of(name), Pattern::Exact(_) | Pattern::Wildcard(_));
                if answers && seen.insert(name) {
                    claims
                        .entry((name, entry.key_type()))
                        .or_default()
                        .push(index);
                }
            }
        }
        claims
    }

    fn claimed_twice(&self) -> Vec<Finding> {
        // One finding for each file that comes too late, and each that it comes after.
        let mut late: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
        for ((name, _), files) in self.claims() {
            if let [first, others @ ..] = files.as_slice() {
                for &other in others {
                    late.entry((other, *first)).or_default().push(name);
                }
            }
        }
        let findings = late.into_iter().filter_map(|((other, first), names)| {
            let (other, first) = (self.entries.get(other)?, self.entries.get(first)?);
            // A file that is named first, to be the default, and then once more with its folder.
            if other.file == first.file {
                return None;
            }
            let message = format!(
                "{} never answers for {}: {} has the same key type, {}, and is loaded before it",
                other.file,
                some_of(&names, MOST_NAMES),
                first.file,
                first.key_type()
            );
            Some(Finding::new(Code::NameClaimedTwice, message).at(&Origin::new(&*other.file)))
        });
        findings.collect()
    }

    /// RSA certificates with a name that an ECDSA wildcard answers for.
    fn wildcards_that_win(&self) -> Vec<Finding> {
        let mut beaten: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.key_type() != KeyType::Rsa {
                continue;
            }
            for name in entry.names() {
                let Pattern::Exact(name) = Pattern::of(name) else {
                    continue;
                };
                let [ecdsa, rsa, _] = self.candidates(name);
                if let (Some((winner, Because::Wildcard)), Some((own, Because::Exact))) =
                    (ecdsa, rsa)
                    && own == index
                {
                    beaten.entry((index, winner)).or_default().push(name);
                }
            }
        }
        let findings = beaten.into_iter().filter_map(|((own, winner), names)| {
            let (own, winner) = (self.entries.get(own)?, self.entries.get(winner)?);
            let message = format!(
                "{} has a wildcard and an ECDSA key, and so answers modern clients for {}, which {} has letter for letter with an RSA key",
                winner.file,
                some_of(&names, MOST_NAMES),
                own.file
            );
            Some(Finding::new(Code::WildcardWins, message).at(&Origin::new(&*own.file)))
        });
        findings.collect()
    }

    fn never_answers(&self, index: usize, entry: &Entry) -> Option<Finding> {
        let place = entry.key_type().place();
        let answers = |name: &str| match Pattern::of(name) {
            Pattern::Exact(name) => self.exact(name, place) == Some(index),
            Pattern::Wildcard(suffix) => {
                let all = self.wildcards.get(suffix).and_then(|it| it.get(place));
                let mut before = all.into_iter().flatten().take_while(|&&it| it != index);
                // Those before it leave it the hosts that they exclude.
                suffix.starts_with('.')
                    && before.all(|&it| {
                        let before = self.entries.get(it);
                        before.is_some_and(|before| !before.excluded.is_empty())
                    })
            }
            _ => false,
        };
        let mut before = self.entries.iter().take(index);
        if before.any(|it| it.file == entry.file && it.filters == entry.filters) {
            return None;
        }
        let is_default = !self.strict && self.defaults().contains(&index);
        if is_default || entry.names().iter().any(|name| answers(name)) {
            return None;
        }
        let why = match entry.names() {
            [] => "it has no names",
            names if names.iter().all(|name| name.starts_with('!')) => {
                "its line has nothing but excluded names"
            }
            _ => "others answer for all its names",
        };
        let message = format!("{} never answers anybody: {why}", entry.file);
        Some(Finding::new(Code::NeverAnswers, message).at(&Origin::new(&*entry.file)))
    }

    /// Names of a certificate for which its line's filters keep it from answering.
    fn hidden(&self, entry: &Entry) -> Option<Finding> {
        if entry.filters.is_empty() {
            return None;
        }
        let covered: HashSet<&str> = entry.filters.iter().map(|it| &**it).collect();
        let hidden: Vec<&str> = entry
            .names
            .own
            .iter()
            .map(|name| &**name)
            .filter(|name| !covered.contains(name) && !name.starts_with('*'))
            .filter(|name| {
                let found = self.candidates(name);
                !found.iter().flatten().any(|(it, _)| {
                    self.entries
                        .get(*it)
                        .is_some_and(|it| it.file == entry.file)
                })
            })
            .collect();
        if hidden.is_empty() {
            return None;
        }
        let answered = |name: &&str| self.candidates(name).iter().any(Option::is_some);
        let others = match hidden.iter().filter(|name| answered(name)).count() {
            0 => "no other certificate does",
            count if count == hidden.len() => "others do",
            _ => "others do for some of them only",
        };
        let message = format!(
            "the filters of {}'s line keep it from answering for its own {}; {others}",
            entry.file,
            some_of(&hidden, MOST_NAMES)
        );
        Some(Finding::new(Code::FilterHidesNames, message).at(&Origin::new(&*entry.file)))
    }

    /// Filters that do nothing.
    fn without_effect(&self, entry: &Entry) -> Vec<Finding> {
        let wildcards: BTreeSet<&str> = entry
            .filters
            .iter()
            .filter_map(|filter| match Pattern::of(filter) {
                Pattern::Wildcard(suffix) => Some(suffix),
                _ => None,
            })
            .collect();
        let why = |filter: &str| match Pattern::of(filter) {
            Pattern::Nothing => Some("HAProxy ignores excluded wildcards"),
            Pattern::Excluded(host) => {
                let suffix = host.find('.').and_then(|dot| host.get(dot..));
                let has_wildcard = suffix.is_some_and(|suffix| wildcards.contains(suffix));
                (!has_wildcard).then_some("no wildcard on its line has that host")
            }
            Pattern::Default if !self.version.has_default_list() => {
                Some("a lone star means something since HAProxy 3.0 only")
            }
            Pattern::Wildcard(suffix) if !suffix.starts_with('.') => {
                Some("a star stands for the whole first label, and a dot must follow")
            }
            _ => None,
        };
        let filters = entry.filters.iter();
        let void = filters.filter_map(|filter| Some((filter, why(filter)?)));
        void.map(|(filter, why)| {
            let message = format!("the filter {filter} of {} does nothing: {why}", entry.file);
            Finding::new(Code::VoidFilter, message).at(&Origin::new(&*entry.file))
        })
        .collect()
    }

    /// Certificates of two key types for one name that do not have the same names.
    fn twins(&self) -> Vec<Finding> {
        let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut alone: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        let claims = self.claims();
        for (&(name, key_type), files) in &claims {
            let (KeyType::Ecdsa, Some(&ecdsa)) = (key_type, files.first()) else {
                continue;
            };
            match claims.get(&(name, KeyType::Rsa)).and_then(|it| it.first()) {
                Some(&rsa) => {
                    pairs.insert((ecdsa, rsa));
                }
                None => alone.entry(ecdsa).or_default().push(name),
            }
        }
        // Where nobody has twins, nobody means to have any.
        let has_twins = !pairs.is_empty();
        let mut findings = Vec::new();
        let mut differ = HashSet::new();
        for (ecdsa, rsa) in pairs {
            let pair = self.entries.get(ecdsa).zip(self.entries.get(rsa));
            let Some((ecdsa_entry, rsa_entry)) = pair else {
                continue;
            };
            let (left, right): (BTreeSet<_>, BTreeSet<_>) = (
                ecdsa_entry.names().iter().map(|it| &**it).collect(),
                rsa_entry.names().iter().map(|it| &**it).collect(),
            );
            let names: Vec<&str> = left.symmetric_difference(&right).copied().collect();
            if names.is_empty() {
                continue;
            }
            differ.insert(ecdsa);
            let message = format!(
                "{} and {} are twins with an ECDSA and an RSA key, and only one of them has {}",
                ecdsa_entry.file,
                rsa_entry.file,
                some_of(&names, MOST_NAMES)
            );
            findings
                .push(Finding::new(Code::TwinsDiffer, message).at(&Origin::new(&*rsa_entry.file)));
        }
        for (index, names) in alone.into_iter().filter(|_| has_twins) {
            let Some(entry) = self.entries.get(index).filter(|_| !differ.contains(&index)) else {
                continue;
            };
            let message = format!(
                "{} has an ECDSA key, and there is no twin with an RSA key for {}, while other names have one",
                entry.file,
                some_of(&names, MOST_NAMES)
            );
            findings.push(Finding::new(Code::TwinMissing, message).at(&Origin::new(&*entry.file)));
        }
        findings
    }
}

/// A common name that no client would send.
fn odd_common_name(entry: &Entry) -> Option<Finding> {
    let odd = entry.names.odd.as_ref()?;
    let message = format!(
        "the common name {odd} of {} is no host name; HAProxy takes it for one, and no client sends it",
        entry.file
    );
    Some(Finding::new(Code::OddCommonName, message).at(&Origin::new(&*entry.file)))
}
