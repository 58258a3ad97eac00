//! Which leaf, and which key: the pair that belongs together.

use std::collections::HashMap;

use super::Draft;
use crate::cert::Certificate;
use crate::chain::limits::MAX_KEY_PROOFS;
use crate::chain::moment;
use crate::finding::{Code, Finding};
use crate::key::{KeyAlgorithm, PrivateKey, Proof, public_key};
use crate::read::{Expected, Unreadable};

/// A key and a certificate that was proven to be its own.
struct Pair<'a> {
    certificate: &'a Certificate,
    key: usize,
    proof: Proof,
}

impl Draft {
    /// Finds the one pair; `None` with the reason in the report when there is none, or two.
    pub(super) fn pair(
        &mut self,
        pool: &[Certificate],
        keys: Vec<PrivateKey>,
    ) -> Option<(Certificate, PrivateKey)> {
        let mut keys = self.distinct_keys(keys);
        if pool.is_empty() {
            self.report.push(Finding::new(
                Code::NoCertificate,
                "there is no certificate in the material",
            ));
        }
        if keys.is_empty() {
            self.no_key(pool);
        }
        if pool.is_empty() || keys.is_empty() {
            return None;
        }
        let pairs = self.pairs(pool, &keys)?;
        let Some(chosen) = self.choose(&pairs, &keys) else {
            self.not_one(&pairs, pool, &keys);
            return None;
        };
        for (index, key) in keys.iter().enumerate() {
            if index != chosen.key {
                let pair = pairs.iter().find(|pair| pair.key == index);
                let used = keys.get(chosen.key);
                self.report.push(key_left_out(key, pair, chosen, used));
            }
        }
        let leaf = chosen.certificate.clone();
        let proof = chosen.proof;
        let key = keys.swap_remove(chosen.key);
        Some((leaf, self.loadable(key, proof)?))
    }

    fn distinct_keys(&mut self, keys: Vec<PrivateKey>) -> Vec<PrivateKey> {
        let mut distinct: Vec<PrivateKey> = Vec::new();
        for key in keys {
            // Of one secret, the form that needs no rewriting is kept, whatever the order.
            let known = distinct.iter_mut().find(|known| known.same_secret(&key));
            let Some(known) = known else {
                distinct.push(key);
                continue;
            };
            let duplicate = match known.precedence() > key.precedence() {
                true => std::mem::replace(known, key),
                false => key,
            };
            self.report.push(duplicate_key(&duplicate, known));
        }
        distinct
    }

    /// Puts keys to the proof: each first with the public key that it claims, and only when that
    /// is not here, or is not its own, with the others of its algorithm.
    fn pairs<'p>(&mut self, pool: &'p [Certificate], keys: &[PrivateKey]) -> Option<Vec<Pair<'p>>> {
        let public_keys = PublicKeys::of(pool);
        let mut pairs = Vec::new();
        let mut proofs = 0;
        for (index, key) in keys.iter().enumerate() {
            let claimed = public_keys.claimed_by(key);
            let others = public_keys
                .of_algorithm(key.algorithm())
                .filter(|&other| Some(other) != claimed);
            for group in claimed.into_iter().chain(others) {
                let certificates = public_keys.certificates(group);
                let Some(first) = certificates.first() else {
                    continue;
                };
                proofs += 1;
                if proofs > MAX_KEY_PROOFS {
                    let message = format!(
                        "there are more than {MAX_KEY_PROOFS} pairs of a private and a public key to try"
                    );
                    self.report.push(
                        Finding::new(Code::LimitExceeded, message)
                            .help("Remove keys that have nothing to do with this certificate"),
                    );
                    return None;
                }
                let proof = key.prove(first);
                if proof == Proof::Foreign {
                    continue;
                }
                pairs.extend(certificates.iter().map(|&certificate| Pair {
                    certificate,
                    key: index,
                    proof,
                }));
                if proof != Proof::Inconsistent {
                    // A private key has one public key.
                    break;
                }
            }
        }
        Some(pairs)
    }

    /// The one pair to serve: rather a server's certificate than a CA's, and one that is in date
    /// than one that is not. Of several forms of its key the usual one is taken.
    fn choose<'a, 'p>(&self, pairs: &'a [Pair<'p>], keys: &[PrivateKey]) -> Option<&'a Pair<'p>> {
        let proven = || {
            pairs
                .iter()
                .filter(|pair| pair.proof != Proof::Inconsistent)
        };
        let rank = |pair: &Pair<'_>| {
            let certificate = pair.certificate;
            (
                certificate.is_ca(),
                !certificate.is_valid_at(self.requirements.time),
            )
        };
        let best = proven().map(rank).min()?;
        let candidates = || proven().filter(|pair| rank(pair) == best);
        let chosen =
            candidates().min_by_key(|pair| keys.get(pair.key).map(PrivateKey::precedence))?;
        candidates()
            .all(|pair| pair.certificate == chosen.certificate)
            .then_some(chosen)
    }

    /// Explains why there is not exactly one pair: who is who.
    fn not_one(&mut self, pairs: &[Pair<'_>], pool: &[Certificate], keys: &[PrivateKey]) {
        let proven: Vec<_> = pairs
            .iter()
            .filter(|pair| pair.proof != Proof::Inconsistent)
            .collect();
        for pair in &proven {
            let Some(key) = keys.get(pair.key) else {
                continue;
            };
            let certificate = pair.certificate;
            let message = format!(
                "{} (valid from {} to {}) has its key at {}, and is not the only such certificate",
                certificate.subject_text(),
                moment(certificate.not_before()),
                moment(certificate.not_after()),
                key.origin()
            );
            let finding = Finding::new(Code::AmbiguousPair, message).at(certificate.origin());
            self.report.push(finding);
        }
        if !proven.is_empty() {
            return;
        }
        for pair in pairs {
            let Some(key) = keys.get(pair.key) else {
                continue;
            };
            let finding = key.inconsistent_with(pair.certificate);
            self.report
                .push(finding.with_severity(crate::Severity::Error));
        }
        if pairs.is_empty() {
            self.key_mismatch(pool, keys);
        }
    }

    fn key_mismatch(&mut self, pool: &[Certificate], keys: &[PrivateKey]) {
        let leaves = leaves(pool);
        for key in keys {
            let message = match leaves.as_slice() {
                [only] => format!(
                    "this {} key does not belong to {} ({}{}), nor to any other certificate here",
                    key.algorithm(),
                    only.subject_text(),
                    only.origin(),
                    match public_key(only) {
                        Some((algorithm, _)) => format!(", {algorithm}"),
                        None => String::new(),
                    }
                ),
                _ => format!(
                    "this {} key belongs to no certificate here",
                    key.algorithm()
                ),
            };
            let finding = Finding::new(Code::KeyMismatch, message).at(key.origin());
            self.report.push(finding);
        }
        if let [_, _, ..] = leaves.as_slice() {
            for leaf in leaves {
                let message = format!("{} has no key here", leaf.subject_text());
                self.report
                    .push(Finding::new(Code::KeyMismatch, message).at(leaf.origin()));
            }
        }
    }

    fn no_key(&mut self, pool: &[Certificate]) {
        let wanted = match leaves(pool).as_slice() {
            [only] => format!("; {} needs one", only.subject_text()),
            _ => String::new(),
        };
        let unusable = self
            .unreadable
            .iter()
            .any(|unreadable| unreadable.expected == Expected::Key);
        let message = match unusable {
            true => format!("no private key in the material can be used{wanted}"),
            false => format!("there is no private key in the material{wanted}"),
        };
        let mut finding = Finding::new(Code::NoKey, message);
        if let [only] = leaves(pool).as_slice() {
            finding = finding.at(only.origin());
        }
        let encrypted = |unreadable: &Unreadable| {
            let code = unreadable.finding.code;
            matches!(code, Code::EncryptedKey | Code::WrongPassphrase)
        };
        if self.unreadable.iter().any(encrypted) {
            finding =
                finding.help("Give the passphrase of the key that is there, or add the right key");
        }
        self.report.push(finding);
    }

    /// The key in a form that OpenSSL loads; rewritten, with a finding, when it is in another.
    fn loadable(&mut self, key: PrivateKey, proof: Proof) -> Option<PrivateKey> {
        let reason = match proof {
            Proof::BelongsButClaimsAnother => Some("it names another public key than its own"),
            _ => key.needs_rewriting(),
        };
        let Some(reason) = reason else {
            return Some(key);
        };
        let message = format!("the key was rewritten as PKCS#8 version 1: {reason}");
        self.report
            .push(Finding::new(Code::KeyRewritten, message).at(key.origin()));
        let rewritten = key.rewritten();
        if rewritten.is_none() {
            let finding = Finding::new(Code::UnsupportedKey, "the key cannot be rewritten");
            self.report.push(
                finding
                    .at(key.origin())
                    .with_severity(crate::Severity::Error),
            );
        }
        rewritten
    }
}

/// Says why a key is not the one that is written; `pair` is what it was proven to belong to, if
/// anything.
fn key_left_out(
    key: &PrivateKey,
    pair: Option<&Pair<'_>>,
    chosen: &Pair<'_>,
    used: Option<&PrivateKey>,
) -> Finding {
    let whose = match (pair, used) {
        (Some(pair), _) if pair.proof == Proof::Inconsistent => {
            return key.inconsistent_with(pair.certificate);
        }
        (Some(pair), Some(used)) if pair.certificate == chosen.certificate => {
            return duplicate_key(key, used);
        }
        (Some(pair), _) => format!(
            "belongs to {} ({}), which is not the one to serve",
            pair.certificate.subject_text(),
            pair.certificate.origin()
        ),
        (None, _) => "belongs to no certificate here".to_owned(),
    };
    let message = format!("this {} key {whose}; it was left out", key.algorithm());
    Finding::new(Code::KeyLeftOut, message).at(key.origin())
}

fn duplicate_key(duplicate: &PrivateKey, used: &PrivateKey) -> Finding {
    let message = format!("this key stands at {}, too", used.origin());
    Finding::new(Code::DuplicateKey, message).at(duplicate.origin())
}

/// The certificates that are not CAs'; all of them when every one is a CA's.
fn leaves(pool: &[Certificate]) -> Vec<&Certificate> {
    let all = pool;
    let leaves: Vec<_> = all
        .iter()
        .filter(|certificate| !certificate.is_ca())
        .collect();
    match leaves.is_empty() {
        true => all.iter().collect(),
        false => leaves,
    }
}

/// The certificates of a pool, those of one public key together.
struct PublicKeys<'p> {
    groups: Vec<(KeyAlgorithm, Vec<&'p Certificate>)>,
    by_bits: HashMap<&'p [u8], usize>,
}

impl<'p> PublicKeys<'p> {
    fn of(pool: &'p [Certificate]) -> Self {
        let mut keys = Self {
            groups: Vec::new(),
            by_bits: HashMap::new(),
        };
        for certificate in pool {
            let Some((algorithm, bits)) = public_key(certificate) else {
                continue;
            };
            let group = *keys.by_bits.entry(bits).or_insert_with(|| {
                keys.groups.push((algorithm, Vec::new()));
                keys.groups.len() - 1
            });
            if let Some((_, certificates)) = keys.groups.get_mut(group) {
                certificates.push(certificate);
            }
        }
        keys
    }

    fn claimed_by(&self, key: &PrivateKey) -> Option<usize> {
        self.by_bits
            .get(key.claimed_public_key()?.as_slice())
            .copied()
    }

    /// RSA keys of other lengths count, too: a damaged modulus changes the length.
    fn of_algorithm(&self, wanted: KeyAlgorithm) -> impl Iterator<Item = usize> {
        let fits = move |algorithm: KeyAlgorithm| match wanted {
            KeyAlgorithm::Rsa(_) => matches!(algorithm, KeyAlgorithm::Rsa(_)),
            _ => algorithm == wanted,
        };
        let groups = self.groups.iter().enumerate();
        groups.filter_map(move |(index, &(algorithm, _))| fits(algorithm).then_some(index))
    }

    fn certificates(&self, group: usize) -> &[&'p Certificate] {
        self.groups
            .get(group)
            .map_or(&[], |(_, certificates)| certificates)
    }
}
