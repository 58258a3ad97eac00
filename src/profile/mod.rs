//! What RFC 5280 and the CA/Browser Forum's Baseline Requirements demand of certificates beyond
//! what path validation looks at.
//!
//! Each demand is a `Rule`: whom it concerns, where it stands, and what breaks it. The rules are
//! looked through for the certificates of a path that webpki has accepted, so they can make a
//! verdict stricter and never milder; and to say what is wrong in one that it could not read.

mod authority;
mod examined;
mod lifetime;
mod names;
mod subscriber;

use crate::cert::Certificate;
use crate::finding::{Code, Finding, Severity};
use examined::Examined;

pub(crate) use lifetime::lifetime;

/// How much is demanded of the certificates of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// What path validation demands: webpki's verdict, keys of a sound size, names.
    #[default]
    PathValidation,
    /// Also what RFC 5280 (section 4) and the Baseline Requirements for TLS server certificates
    /// (sections 6.1.5 and 7.1) demand of the form of each certificate, the root included where
    /// the store has it.
    Strict,
}

/// A certificate's place in its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Leaf,
    Intermediate,
    Root,
}

/// One demand.
struct Rule {
    code: Code,
    /// Where the demand stands.
    source: &'static str,
    concerns: &'static [Role],
    /// Whether the strict profile refuses what breaks it, or only says so.
    severity: Severity,
    /// What breaks it, if something does: the rest of a sentence that begins with the name.
    breach: fn(&Examined<'_>) -> Option<String>,
}

const ALL: &[Role] = &[Role::Leaf, Role::Intermediate, Role::Root];
const AUTHORITIES: &[Role] = &[Role::Intermediate, Role::Root];

/// Says which demands of [`Profile::Strict`] a certificate breaks. `self_signed`: its signature
/// verifies with its own key.
pub(crate) fn examine(certificate: &Certificate, role: Role, self_signed: bool) -> Vec<Finding> {
    let examined = Examined::new(certificate, role, self_signed);
    [
        examined::RULES,
        authority::RULES,
        names::RULES,
        subscriber::RULES,
    ]
    .into_iter()
    .flatten()
    .filter(|rule| rule.concerns.contains(&role))
    .filter_map(|rule| {
        let breach = (rule.breach)(&examined)?;
        let message = format!("{} {breach} ({})", certificate.subject_text(), rule.source);
        let finding = Finding::new(rule.code, message).at(certificate.origin());
        Some(finding.with_severity(rule.severity))
    })
    .collect()
}

/// A breach that is always put the same way.
fn when(broken: bool, breach: &str) -> Option<String> {
    broken.then(|| breach.to_owned())
}
