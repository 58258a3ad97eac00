//! Which of several good paths to send.

use std::fmt;

use rustls_pki_types::UnixTime;

/// The rule by which one of several accepted paths is chosen. What one rule leaves open is
/// decided by the order of the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preference {
    /// Trusted by all given stores (or by the most of them), then the fewest certificates, then
    /// the longest until the first certificate in it expires.
    #[default]
    AllStores,
    /// The fewest certificates sent, whichever store trusts them.
    FewestCertificates,
    /// The longest until the first certificate in it expires.
    LongestLived,
}

/// What a path is chosen by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merits {
    /// How many of the given stores trust it.
    pub(super) stores: usize,
    /// How many certificates are sent besides the leaf.
    pub(super) intermediates: usize,
    /// When the first of its certificates expires.
    pub(super) until: UnixTime,
}

impl Preference {
    /// The greater, the better.
    pub(super) fn rank(self, merits: Merits) -> impl Ord {
        let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let stores = number(merits.stores);
        let shortness = u64::MAX - number(merits.intermediates);
        let until = merits.until.as_secs();
        match self {
            Self::AllStores => [stores, shortness, until],
            Self::FewestCertificates => [shortness, stores, until],
            Self::LongestLived => [until, stores, shortness],
        }
    }
}

impl fmt::Display for Preference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AllStores => {
                "trusted by most stores, then fewest certificates, then longest-lived"
            }
            Self::FewestCertificates => "fewest certificates",
            Self::LongestLived => "longest-lived",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Merits, Preference};
    use rustls_pki_types::UnixTime;
    use std::time::Duration;

    #[test]
    fn each_rule_has_its_own_first_concern() {
        let merits = |stores, intermediates, until| Merits {
            stores,
            intermediates,
            until: UnixTime::since_unix_epoch(Duration::from_secs(until)),
        };
        let (trusted, short, lasting) = (merits(2, 3, 5), merits(1, 1, 5), merits(1, 3, 9));
        let best = |preference: Preference| {
            let all = [("trusted", trusted), ("short", short), ("lasting", lasting)];
            all.into_iter()
                .max_by_key(|(_, merits)| preference.rank(*merits))
                .map(|(name, _)| name)
        };
        assert_eq!(best(Preference::AllStores), Some("trusted"));
        assert_eq!(best(Preference::FewestCertificates), Some("short"));
        assert_eq!(best(Preference::LongestLived), Some("lasting"));
    }
}
