//! How long a server's certificate may be valid (Baseline Requirements section 6.3.2).

use std::time::Duration;

use rustls_pki_types::UnixTime;

use crate::cert::Certificate;
use crate::finding::{Code, Finding};

const DAY: u64 = 24 * 60 * 60;

/// From this moment on (seconds since 1970) a new certificate may be valid for so many days.
const LIMITS: &[(u64, u64)] = &[
    (1_598_918_400, 398), // 2020-09-01
    (1_773_532_800, 200), // 2026-03-15
    (1_805_068_800, 100), // 2027-03-15
    (1_868_227_200, 47),  // 2029-03-15
];

/// Says that a certificate is valid for longer than the limit that was in force when it was
/// issued. Browsers enforce it for roots that are publicly trusted, and for those only.
pub(crate) fn lifetime(leaf: &Certificate) -> Option<Finding> {
    let begin = leaf.not_before();
    let days = days_allowed(begin)?;
    // The last second counts, too.
    let valid = leaf.not_after().as_secs().saturating_sub(begin.as_secs()) + 1;
    if valid <= days * DAY {
        return None;
    }
    let message = format!(
        "{} is valid for {} days, and browsers refuse more than {days} of a certificate issued then (Baseline Requirements section 6.3.2)",
        leaf.subject_text(),
        valid.div_ceil(DAY)
    );
    Some(Finding::new(Code::Lifetime, message).at(leaf.origin()))
}

fn days_allowed(begin: UnixTime) -> Option<u64> {
    LIMITS
        .iter()
        .rev()
        .find(|(from, _)| begin >= UnixTime::since_unix_epoch(Duration::from_secs(*from)))
        .map(|(_, days)| *days)
}

#[cfg(test)]
mod tests {
    use super::{DAY, UnixTime, days_allowed, lifetime};
    use crate::{Certificate, Code, Origin};
    use std::time::Duration;

    /// A certificate that is valid from midnight of 2026-03-15 for so many seconds.
    fn valid_for(seconds: u64) -> Certificate {
        let key = rcgen::KeyPair::generate().expect("ring makes the key");
        let mut params = rcgen::CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2026, 3, 15);
        // The last second counts, too.
        params.not_after = params.not_before + Duration::from_secs(seconds - 1);
        let certificate = params.self_signed(&key).expect("rcgen signs it");
        let der = certificate.der().clone();
        Certificate::new(der, Origin::new("memory")).expect("a certificate")
    }

    #[test]
    fn a_second_too_many_is_too_long() {
        assert_eq!(lifetime(&valid_for(200 * DAY)), None);
        let finding = lifetime(&valid_for(200 * DAY + 1)).expect("too long");
        assert_eq!(finding.code, Code::Lifetime);
        assert!(finding.message.contains("valid for 201 days"), "{finding}");
        assert!(finding.message.contains("more than 200 of"), "{finding}");
    }

    #[test]
    fn the_limit_is_the_one_in_force_at_the_beginning() {
        // Moments as `date -u -d … +%s` has them.
        for (moment, days) in [
            (1_598_918_399, None),
            (1_598_918_400, Some(398)),
            (1_773_532_799, Some(398)),
            (1_773_532_800, Some(200)),
            (1_805_068_800, Some(100)),
            (1_868_227_200, Some(47)),
        ] {
            let moment = UnixTime::since_unix_epoch(Duration::from_secs(moment));
            assert_eq!(days_allowed(moment), days);
        }
    }
}
