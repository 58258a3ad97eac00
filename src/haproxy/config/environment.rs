//! The environment in which HAProxy reads its configuration, as far as it is known.

use std::collections::BTreeMap;

/// What is known of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// It has this value.
    Set(String),
    /// There is none.
    Unset,
    /// Nothing is known of it.
    Unknown,
}

/// What is known of HAProxy's environment: a service's is not that of the shell in which its
/// configuration is looked at.
///
/// ```
/// use fullchain::haproxy::config::{Environment, Variable};
///
/// let environment = Environment::unknown().with("CERTS", "/etc/haproxy/certs");
/// assert_eq!(environment.get("CERTS"), Variable::Set("/etc/haproxy/certs".to_owned()));
/// assert_eq!(environment.get("ADDR"), Variable::Unknown);
/// assert_eq!(Environment::empty().get("ADDR"), Variable::Unset);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    known: BTreeMap<String, Variable>,
    /// All the others.
    others: Variable,
}

impl Environment {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Self {
            known: BTreeMap::new(),
            others: Variable::Unknown,
        }
    }

    /// No variable is set, but for those that HAProxy sets, which are not known.
    pub fn empty() -> Self {
        Self {
            known: BTreeMap::new(),
            others: Variable::Unset,
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.put(name.into(), Variable::Set(value.into()));
        self
    }

    /// Unsets a variable.
    #[must_use]
    pub fn without(mut self, name: impl Into<String>) -> Self {
        self.put(name.into(), Variable::Unset);
        self
    }

    /// What is known of a variable.
    pub fn get(&self, name: &str) -> Variable {
        self.look(name).clone()
    }

    /// The same without a copy.
    pub(super) fn look(&self, name: &str) -> &Variable {
        // HAProxy sets some of its own as it starts.
        let others = match name.starts_with("HAPROXY_") {
            true => &Variable::Unknown,
            false => &self.others,
        };
        self.known.get(name).unwrap_or(others)
    }

    pub(super) fn put(&mut self, name: String, variable: Variable) {
        self.known.insert(name, variable);
    }

    /// `resetenv`: all are unset, but for these.
    pub(super) fn keep(&mut self, names: &[&str]) {
        let kept = names.iter().map(|&name| (name.to_owned(), self.get(name)));
        self.known = kept.collect();
        self.others = Variable::Unset;
    }
}

impl Default for Environment {
    /// [`unknown`](Self::unknown).
    fn default() -> Self {
        Self::unknown()
    }
}
