//! Which certificates were met before.

use std::collections::HashSet;

use crate::cert::Certificate;

/// So many are compared one by one, which costs less than hashing them all.
const FEW: usize = 8;

/// A set of certificates.
#[derive(Default)]
pub(crate) struct Seen<'c> {
    few: Vec<&'c Certificate>,
    more: HashSet<&'c Certificate>,
}

impl<'c> Seen<'c> {
    /// Takes note of a certificate; gives the one that was there before and equals it, if any.
    pub(crate) fn note(&mut self, certificate: &'c Certificate) -> Option<&'c Certificate> {
        let before = self.few.iter().find(|it| **it == certificate);
        if let Some(before) = before.or_else(|| self.more.get(certificate)) {
            return Some(before);
        }
        if self.few.len() < FEW {
            self.few.push(certificate);
        } else {
            self.more.insert(certificate);
        }
        None
    }
}
