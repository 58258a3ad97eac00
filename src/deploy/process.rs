//! The running HAProxy: what it has, what it is to have, and the way back.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustls_pki_types::CertificateDer;

use super::foretell::Old;
use crate::bundle::Bundle;
use crate::files::{folder_of, follow_links};
use crate::haproxy::runtime::{ListedEntry, Runtime, RuntimeError, Shown, Transaction};
use crate::haproxy::{CrtEntry, Version};
use crate::pem::SecretPem;

/// How long somebody else's transaction is waited for at most: another deployment takes
/// milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// A certificate that HAProxy is to have.
#[derive(Debug)]
pub(super) struct Wanted {
    /// What HAProxy calls it: the path as its configuration has it.
    pub(super) name: String,
    /// What HAProxy has under that name now.
    pub(super) known: Option<Shown>,
    /// The crt-list or folder that a new one joins.
    pub(super) joins: Option<(String, CrtEntry)>,
    pub(super) pem: SecretPem,
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// The OCSP response beside the file, if HAProxy would take it at its start.
    pub(super) ocsp: Option<Vec<u8>>,
    /// What the file is now, to go back to.
    pub(super) old: Option<Old>,
}

impl Wanted {
    /// Whether HAProxy has it, and uses it.
    pub(super) fn is_there(&self) -> bool {
        self.known
            .as_ref()
            .is_some_and(|known| self.is(known) && known.status == "Used")
    }

    /// Whether HAProxy has what the file is now.
    fn had_file(&self) -> bool {
        let known = self.known.as_ref().zip(self.old.as_ref());
        known.is_some_and(|(known, old)| known.is(&old.leaf))
    }

    fn is(&self, shown: &Shown) -> bool {
        shown.is_chain(&self.chain)
    }
}

/// What was done to HAProxy, and how it is undone.
#[derive(Debug)]
enum Undo {
    Delete {
        name: String,
    },
    Remove {
        list: String,
        name: String,
    },
    Restore {
        name: String,
        /// What the file was.
        old: Option<(SecretPem, Option<Vec<u8>>)>,
        /// Whether HAProxy had the same.
        was_same: bool,
        /// Whether it had an OCSP response.
        was_stapled: bool,
    },
}

/// Ends the transaction that a deployment left open which was broken off.
pub(super) fn abort(runtime: &Runtime, certificates: &[String]) -> Result<(), RuntimeError> {
    match runtime.certificates()?.transaction {
        Some(open) if certificates.contains(&open) => runtime.abort(&open),
        _ => Ok(()),
    }
}

/// A HAProxy in the middle of a deployment.
#[derive(Debug)]
pub(super) struct Process<'r> {
    runtime: &'r Runtime,
    patience: Duration,
    done: Vec<Undo>,
    /// The certificate that a transaction of ours may still be about: it failed, and nobody heard
    /// that it was ended.
    open: Option<String>,
}

impl<'r> Process<'r> {
    /// With so much time for whatever has to be waited for.
    pub(super) fn new(runtime: &'r Runtime, timeout: Duration) -> Self {
        Self {
            runtime,
            patience: timeout.min(PATIENCE),
            done: Vec::new(),
            open: None,
        }
    }

    /// Brings one certificate to HAProxy.
    pub(super) fn bring(&mut self, wanted: &Wanted) -> Result<(), RuntimeError> {
        let name = &wanted.name;
        if wanted.known.is_none() {
            self.done.push(Undo::Delete { name: name.clone() });
            if let Err(error) = self.runtime.create(name) {
                // Somebody else's is not ours to delete, and one that HAProxy never heard of is not
                // there.
                if matches!(
                    error,
                    RuntimeError::Refused { .. } | RuntimeError::Unreachable { .. }
                ) {
                    self.done.pop();
                }
                return Err(error);
            }
        }
        let transaction = self.begin(name)?;
        let committed = self.replace(transaction, name, &wanted.pem, wanted.ocsp.as_deref());
        let shown = self.runtime.certificate(name);
        let is_as_before =
            committed.is_err() && shown.as_ref().is_ok_and(|shown| *shown == wanted.known);
        let has_old = wanted
            .known
            .as_ref()
            .is_some_and(|it| it.fingerprint.is_some());
        // When nobody knows, it counts as done.
        if has_old && !is_as_before {
            self.done.push(Undo::Restore {
                name: name.clone(),
                old: wanted
                    .old
                    .as_ref()
                    .map(|old| (old.pem.clone(), old.ocsp.clone())),
                was_same: wanted.had_file(),
                was_stapled: wanted.known.as_ref().is_some_and(|it| it.ocsp.is_some()),
            });
        }
        committed?;
        let shown = shown?;
        if let Some((list, entry)) = wanted
            .joins
            .as_ref()
            .filter(|_| shown.as_ref().is_none_or(|shown| shown.status != "Used"))
        {
            let added = self.runtime.add(list, entry);
            // When nobody knows, it counts as done.
            if !matches!(added, Err(RuntimeError::Refused { .. })) {
                self.done.push(Undo::Remove {
                    list: list.clone(),
                    name: name.clone(),
                });
            }
            added?;
        }
        let leaf = wanted.chain.first();
        match (shown, leaf) {
            (Some(shown), Some(leaf)) if shown.is(leaf) => Ok(()),
            (shown, _) => Err(RuntimeError::NotUnderstood {
                command: format!("show ssl cert {name}"),
                words: format!(
                    "another certificate than was committed, of serial {}",
                    shown.and_then(|it| it.serial).unwrap_or_default()
                ),
            }),
        }
    }

    /// The whole of a transaction.
    fn replace(
        &mut self,
        mut transaction: Transaction<'_>,
        name: &str,
        pem: &SecretPem,
        ocsp: Option<&[u8]>,
    ) -> Result<(), RuntimeError> {
        let set = transaction.set(pem.expose());
        let set = set.and_then(|()| ocsp.map_or(Ok(()), |ocsp| transaction.set_ocsp(ocsp)));
        let outcome = match set {
            Ok(()) => transaction.commit(),
            Err(error) => {
                drop(transaction);
                Err(error)
            }
        };
        if outcome.is_err() {
            let listed = self.runtime.certificates();
            let is_ended = listed.is_ok_and(|it| it.transaction.as_deref() != Some(name));
            self.open = (!is_ended).then(|| name.to_owned());
        }
        outcome
    }

    /// Ends what may be open.
    fn end(&mut self) -> Result<(), RuntimeError> {
        match self.open.take() {
            Some(name) => self
                .runtime
                .abort(&name)
                .inspect_err(|_| self.open = Some(name)),
            None => Ok(()),
        }
    }

    /// Waits until nobody else has a transaction.
    fn begin(&self, name: &str) -> Result<Transaction<'r>, RuntimeError> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.runtime.begin(name) {
                Err(RuntimeError::Busy { .. }) if Instant::now() < deadline => {
                    thread::sleep(PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    pub(super) fn version(&self) -> Version {
        self.runtime.version()
    }

    /// Whether HAProxy has been changed.
    pub(super) fn is_changed(&self) -> bool {
        !self.done.is_empty()
    }

    /// Puts HAProxy back as it was: what was undone, and what could not be.
    pub(super) fn undo(mut self) -> (Vec<String>, Vec<String>) {
        let (mut undone, mut left) = (Vec::new(), Vec::new());
        // Nothing else can be changed as long as it is open; whether it is ended is asked below.
        let _ = self.end();
        while let Some(step) = self.done.pop() {
            let (told, outcome) = self.undo_one(step);
            match outcome {
                Ok(()) => undone.push(told),
                Err(error) => left.push(format!("{told}: {error}")),
            }
        }
        let open = self.open.clone().unwrap_or_default();
        if let Err(error) = self.end() {
            left.push(format!(
                "HAProxy: the transaction about {open} ended: {error}"
            ));
        }
        (undone, left)
    }

    fn undo_one(&mut self, step: Undo) -> (String, Result<(), String>) {
        let told = |error: RuntimeError| error.to_string();
        match step {
            Undo::Remove { list, name } => {
                let outcome = self.runtime.remove(&list, &name, None);
                let is_in = |entries: Vec<ListedEntry>| {
                    entries.iter().any(|listed| listed.entry.file() == name)
                };
                // It may not have been in it at all.
                let is_out = || self.runtime.crt_list(&list).is_ok_and(|it| !is_in(it));
                let outcome = outcome.or_else(|error| is_out().then_some(()).ok_or(error));
                (
                    format!("HAProxy: {name} out of {list}"),
                    outcome.map_err(told),
                )
            }
            Undo::Delete { name } => {
                let outcome = self.runtime.delete(&name);
                // It may not have been there at all.
                let is_gone = || matches!(self.runtime.certificate(&name), Ok(None));
                let outcome = outcome.or_else(|error| is_gone().then_some(()).ok_or(error));
                (format!("HAProxy: {name} deleted"), outcome.map_err(told))
            }
            Undo::Restore {
                name,
                old,
                was_same,
                was_stapled,
            } => {
                let outcome = match old {
                    None => Err("the old file cannot be sent to HAProxy, which has the new certificate in memory until it is reloaded".to_owned()),
                    Some((pem, ocsp)) => {
                        let restored = self.restore(&name, &pem, ocsp.as_deref());
                        restored.map_err(told).and_then(|()| {
                            let is_stapled = || {
                                let shown = self.runtime.certificate(&name);
                                matches!(shown, Ok(Some(shown)) if shown.ocsp.is_some())
                            };
                            match (was_same, was_stapled) {
                                (false, _) => Err("it had another certificate than the file, and has the file's now".to_owned()),
                                (_, true) if !is_stapled() => Err("it had an OCSP response for it, which is in no file, and staples none now".to_owned()),
                                _ => Ok(()),
                            }
                        })
                    }
                };
                (
                    format!("HAProxy: the old certificate back as {name}"),
                    outcome,
                )
            }
        }
    }

    fn restore(
        &mut self,
        name: &str,
        pem: &SecretPem,
        ocsp: Option<&[u8]>,
    ) -> Result<(), RuntimeError> {
        let transaction = self.begin(name)?;
        self.replace(transaction, name, pem, ocsp)
    }
}

/// What HAProxy calls a file: its path as the configuration has it, which may be another one that
/// leads to the same file, or a relative one.
pub(super) fn name_of(path: &Path, names: &[String]) -> Option<String> {
    let exact = names.iter().find(|name| Path::new(name) == path);
    let target = absolute(path);
    let same = || {
        let target = target.canonicalize().ok()?;
        names.iter().find(|name| {
            let name = Path::new(name);
            // What is another file's name need not be looked at.
            name.is_absolute() && name.canonicalize().is_ok_and(|it| it == target)
        })
    };
    // HAProxy's folder is not known; a name that two files could have says nothing.
    let relative = || {
        let mut ends = names.iter().filter(|name| {
            let name = Path::new(name);
            name.is_relative() && target.ends_with(name)
        });
        ends.next().filter(|_| ends.next().is_none())
    };
    exact.or_else(same).or_else(relative).cloned()
}

/// The folder of HAProxy's that a file is in, as HAProxy calls it.
pub(super) fn list_of(path: &Path, lists: &[String]) -> Option<String> {
    name_of(folder_of(&absolute(path)), lists)
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Where a path leads in the end, whether it is there or not.
pub(super) fn real(path: &Path) -> PathBuf {
    let path = absolute(path);
    let path = follow_links(&path).unwrap_or(path);
    let folder = folder_of(&path).canonicalize();
    match (path.canonicalize(), folder, path.file_name()) {
        (Ok(path), ..) => path,
        (_, Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// What a bundle is to HAProxy.
pub(super) fn chain_of(bundle: &Bundle) -> Vec<CertificateDer<'static>> {
    bundle
        .chain()
        .certificates()
        .map(|it| it.der().clone())
        .collect()
}
