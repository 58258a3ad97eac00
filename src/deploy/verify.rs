//! Whether a server serves what was deployed, seen from outside.

use std::fmt::Write;
use std::thread;
use std::time::{Duration, Instant};

use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName};

use crate::base::cancel::Cancel;
use crate::bundle::Bundle;
use crate::cert::Certificate;
use crate::handshake::{Seen, handshake};
use crate::haproxy::Address;
use crate::key::KeyAlgorithm;
use crate::origin::Origin;

/// How long one handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
/// The most names of one certificate that are tried: each costs two handshakes in each round.
pub(super) const MOST_NAMES: usize = 100;

const VERSIONS: [(&str, &SupportedProtocolVersion); 2] = [("1.2", &TLS12), ("1.3", &TLS13)];

/// What is owed: a chain, for these names, to clients of its key type.
struct Owed {
    names: Vec<Option<ServerName<'static>>>,
    schemes: &'static [SignatureScheme],
    chain: Vec<CertificateDer<'static>>,
}

/// What is asked of whom.
pub(super) struct Verification<'a> {
    addresses: &'a [Address],
    owed: Vec<Owed>,
    cancel: &'a Cancel,
}

/// Both handshakes, TLS 1.2 and 1.3, with one address and one name.
pub(super) type Round = Vec<[Seen; 2]>;

impl<'a> Verification<'a> {
    pub(super) fn new(addresses: &'a [Address], bundles: &[Bundle], cancel: &'a Cancel) -> Self {
        let owed = bundles.iter().map(|bundle| Owed {
            names: names(bundle.chain().leaf()),
            schemes: schemes(bundle.key().algorithm()),
            chain: bundle
                .chain()
                .certificates()
                .map(|it| it.der().clone())
                .collect(),
        });
        Self {
            addresses,
            owed: owed.collect(),
            cancel,
        }
    }

    fn questions(&self) -> impl Iterator<Item = (&Address, &Owed, &Option<ServerName<'static>>)> {
        self.addresses.iter().flat_map(|address| {
            let owed = self.owed.iter();
            owed.flat_map(move |owed| owed.names.iter().map(move |name| (address, owed, name)))
        })
    }

    /// What is served now.
    pub(super) fn round(&self, deadline: Instant) -> Round {
        let questions = self.questions();
        let seen = questions.map(|(address, owed, name)| {
            VERSIONS.map(|(_, version)| {
                let deadline = deadline.min(Instant::now() + HANDSHAKE);
                handshake(
                    address.connect(deadline),
                    name.as_ref(),
                    version,
                    owed.schemes,
                )
            })
        });
        seen.collect()
    }

    /// Looks until all is served as it is owed, and says what that was.
    ///
    /// # Errors
    ///
    /// What is served instead, when the time is up.
    pub(super) fn wait(&self, before: &Round, deadline: Instant) -> Result<String, String> {
        let mut last = None;
        loop {
            let now = self.round(deadline);
            let Some(fault) = self.fault(before, &now) else {
                return Ok(self.told(&now));
            };
            // A round that the deadline cut short says no more than that: the one before it does.
            let fault = match last {
                Some(last) if Instant::now() >= deadline => last,
                _ => fault,
            };
            if Instant::now() + PAUSE >= deadline {
                return Err(fault);
            }
            if self.cancel.is_cancelled() {
                return Err(format!("it was stopped while {fault}"));
            }
            last = Some(fault);
            thread::sleep(PAUSE);
        }
    }

    /// Looks until the same is served as before, and has been for so long.
    pub(super) fn wait_for(
        &self,
        before: &Round,
        held: Duration,
        deadline: Instant,
    ) -> Result<(), String> {
        let is_same = |now: &Round| {
            let pairs = before.iter().flatten().zip(now.iter().flatten());
            pairs.into_iter().all(|(before, now)| match (before, now) {
                // Why it failed is not always told in the same words.
                (Seen::Failed(_), Seen::Failed(_)) => true,
                (before, now) => before == now,
            })
        };
        let mut since: Option<Instant> = None;
        loop {
            let is_same = is_same(&self.round(deadline));
            let now = Instant::now();
            // A round that the deadline cut short says nothing against the one before it.
            if now < deadline || since.is_none() {
                since = is_same.then(|| since.unwrap_or(now));
            }
            let is_over = now + PAUSE >= deadline;
            match since {
                Some(since) if is_over || since.elapsed() >= held => return Ok(()),
                None if is_over => {
                    return Err("what is served is not what was served before".to_owned());
                }
                _ => thread::sleep(PAUSE),
            }
        }
    }

    /// Whether all is served already.
    pub(super) fn is_served(&self, now: &Round) -> bool {
        self.fault(now, now).is_none()
    }

    fn fault(&self, before: &Round, now: &Round) -> Option<String> {
        let rounds = before.iter().zip(now);
        let mut questions = self.questions().zip(rounds);
        questions.find_map(|((address, owed, name), (before, now))| {
            let is_right =
                |seen: &Seen| matches!(seen, Seen::Chain(chain, _) if *chain == owed.chain);
            let is_served = now.iter().any(is_right);
            let seen = before.iter().zip(now).zip(VERSIONS);
            let mut wrong = seen.filter(|((before, now), _)| match now {
                now if is_right(now) => false,
                // A server need not speak both, nor what it did not speak before.
                Seen::Alert(AlertDescription::ProtocolVersion) => !is_served,
                Seen::Alert(_) => !is_served || before != now,
                _ => true,
            });
            let ((_, now), (version, _)) = wrong.next()?;
            let mut fault = format!("{address} ");
            // Writing to a String does not fail.
            let _ = match now {
                Seen::Chain(chain, _) => write!(fault, "serves {}", differs(chain, &owed.chain)),
                Seen::Alert(alert) => write!(fault, "answers with the alert {alert:?}"),
                Seen::Failed(error) => write!(fault, "cannot be asked: {error}"),
            };
            let _ = write!(fault, " to a client of TLS {version} that sends ");
            match name {
                Some(name) => fault += &name.to_str(),
                None => fault += "no name",
            }
            Some(fault)
        })
    }

    fn told(&self, now: &Round) -> String {
        let count = self.owed.iter().map(|owed| owed.names.len()).sum::<usize>();
        let names = match (count, self.owed.first().and_then(|owed| owed.names.first())) {
            (1, Some(Some(name))) => name.to_str().into_owned(),
            (1, _) => "clients that send no name".to_owned(),
            _ => format!("{count} names"),
        };
        let spoken = VERSIONS.iter().enumerate().filter(|(index, _)| {
            let mut seen = now.iter().filter_map(|pair| pair.get(*index));
            seen.any(|seen| matches!(seen, Seen::Chain(..)))
        });
        let spoken: Vec<&str> = spoken.map(|(_, (version, _))| *version).collect();
        let addresses: Vec<String> = self.addresses.iter().map(Address::to_string).collect();
        format!(
            "{} serves the new chain for {names}, over TLS {}",
            addresses.join(" and "),
            spoken.join(" and ")
        )
    }
}

/// How a chain differs from the one that is owed.
fn differs(chain: &[CertificateDer<'static>], owed: &[CertificateDer<'static>]) -> String {
    if chain.first() == owed.first() {
        return "the new certificate with another chain behind it".to_owned();
    }
    let leaf = chain
        .first()
        .map(|der| Certificate::new(der.clone(), Origin::new("")));
    match leaf {
        Some(Ok(leaf)) => {
            let serial = leaf.serial().iter().map(|byte| format!("{byte:02x}"));
            let serial: String = serial.collect();
            format!(
                "another certificate ({}, serial {serial})",
                leaf.subject_text()
            )
        }
        _ => "another certificate".to_owned(),
    }
}

/// The names that a client may send to get it. Without any, it sends none.
fn names(leaf: &Certificate) -> Vec<Option<ServerName<'static>>> {
    let names = leaf.dns_names().into_iter().filter_map(|name| {
        // A wildcard stands for any label, and this one nobody has a certificate of its own for.
        let name = match name.strip_prefix("*.") {
            Some(rest) => format!("fullchain-verifies.{rest}"),
            None => name,
        };
        ServerName::try_from(name).ok()
    });
    let names: Vec<_> = names.take(MOST_NAMES).map(Some).collect();
    match names.is_empty() {
        true => vec![None],
        false => names,
    }
}

fn schemes(algorithm: KeyAlgorithm) -> &'static [SignatureScheme] {
    match algorithm {
        KeyAlgorithm::Rsa(_) => &[
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
        ],
        KeyAlgorithm::Ed25519 => &[SignatureScheme::ED25519],
        _ => &[
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
        ],
    }
}
