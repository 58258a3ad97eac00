//! The certificates at hand, each once, found by subject.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::cert::Certificate;

/// Distinct certificates in the order of reading.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    certificates: Vec<Certificate>,
    by_subject: HashMap<Vec<u8>, Vec<usize>>,
}

impl Pool {
    /// Takes the certificates over; says which of them stood there twice, and where first.
    pub(crate) fn new(certificates: Vec<Certificate>) -> (Self, Vec<(Certificate, Certificate)>) {
        let mut seen: HashMap<Vec<u8>, usize> = HashMap::with_capacity(certificates.len());
        let mut pool = Self::default();
        let mut duplicates = Vec::new();
        for certificate in certificates {
            match seen.entry(certificate.der().to_vec()) {
                Entry::Occupied(first) => {
                    if let Some(first) = pool.certificates.get(*first.get()) {
                        duplicates.push((certificate, first.clone()));
                    }
                }
                Entry::Vacant(entry) => {
                    let index = pool.certificates.len();
                    entry.insert(index);
                    let subject = certificate.subject().to_vec();
                    pool.by_subject.entry(subject).or_default().push(index);
                    pool.certificates.push(certificate);
                }
            }
        }
        (pool, duplicates)
    }

    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The certificates with this subject.
    pub(crate) fn named(&self, subject: &[u8]) -> impl Iterator<Item = &Certificate> {
        let indices = self.by_subject.get(subject);
        indices
            .into_iter()
            .flatten()
            .filter_map(|&index| self.certificates.get(index))
    }
}
