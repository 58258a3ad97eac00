//! The proof: a leaf, its chain and its key, which belong together and are trusted.
//!
//! [`Bundler`] holds the options; [`Bundler::build`] turns [`Material`] into a [`Bundle`], or
//! says in a [`Refusal`] why that cannot be.

mod leftover;
mod pair;

use std::fmt;

use rustls_pki_types::{ServerName, UnixTime};

use crate::cert::Certificate;
use crate::chain::explain;
use crate::chain::limits::MAX_COMPLETE_PATHS;
use crate::chain::search::{Path, Search};
use crate::chain::verify::{verify, verify_name};
use crate::chain::{Pool, Signatures};
use crate::dh::DhParameters;
use crate::finding::{Code, Finding, Report, Severity};
use crate::key::{KeyAlgorithm, PrivateKey, RSA_MIN_BITS, public_key_algorithm};
use crate::read::{Expected, Material, Unreadable};
use crate::trust::TrustStore;

/// Builds bundles: the options, and the trust stores that the chain must lead to.
///
/// ```
/// use fullchain::{Bundler, Reader, TrustStore};
/// use rustls_pki_types::UnixTime;
///
/// let mut reader = Reader::new();
/// # let root = include_bytes!("../../testdata/root.pem");
/// # let pile = include_bytes!("../../testdata/damaged/reversed.pem");
/// let (roots, _) = TrustStore::from_material("corp", reader.read("root.pem", root)?)?;
/// let material = reader.read("pile.pem", pile)?;
/// let bundle = Bundler::new(roots, UnixTime::now()).build(material)?;
/// assert_eq!(bundle.intermediates().len(), 1);
/// println!("{}", bundle.report());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bundler {
    stores: Vec<TrustStore>,
    time: UnixTime,
    names: Vec<ServerName<'static>>,
    include_root: bool,
}

impl Bundler {
    /// A bundler for clients that trust this store, verifying for this moment.
    pub fn new(store: TrustStore, time: UnixTime) -> Self {
        Self {
            stores: vec![store],
            time,
            names: Vec::new(),
            include_root: false,
        }
    }

    /// Another store. The chain that most of the stores trust is taken; one must.
    #[must_use]
    pub fn trust(mut self, store: TrustStore) -> Self {
        self.stores.push(store);
        self
    }

    /// A DNS name or IP address for which the leaf must be valid. Without any, none is checked.
    #[must_use]
    pub fn name(mut self, name: ServerName<'static>) -> Self {
        self.names.push(name);
        self
    }

    /// Whether the root is written, too. It is not, unless this is set: clients have it.
    #[must_use]
    pub fn include_root(mut self, include: bool) -> Self {
        self.include_root = include;
        self
    }

    /// Orders, proves and verifies.
    ///
    /// # Errors
    ///
    /// [`Refusal`], with all findings; those of severity `error` are the reasons.
    pub fn build(&self, material: Material) -> Result<Bundle, Refusal> {
        let mut work = Work {
            bundler: self,
            report: Report::default(),
            unreadable: material.unreadable,
        };
        work.report.extend(material.findings);
        match work.build(material.certificates, material.keys, material.dh_parameters) {
            Some(mut bundle) => {
                bundle.report = work.report;
                Ok(bundle)
            }
            None => Err(Refusal {
                report: work.report,
            }),
        }
    }
}

/// What belongs together and is trusted: whoever holds one holds the proof.
///
/// Only [`Bundler::build`] makes bundles. The private part of the key was shown to produce the
/// leaf's public key, each certificate's signature to verify with the next one's key, and
/// webpki accepted the path for TLS servers at [`verified_at`](Self::verified_at) for each of
/// the stores [`trusted_by`](Self::trusted_by) and each of the [`names`](Self::names).
#[derive(Clone, Debug)]
pub struct Bundle {
    leaf: Certificate,
    intermediates: Vec<Certificate>,
    root: Option<Certificate>,
    key: PrivateKey,
    dh_parameters: Option<DhParameters>,
    trusted_by: Vec<String>,
    names: Vec<ServerName<'static>>,
    verified_at: UnixTime,
    report: Report,
}

impl Bundle {
    /// The server's certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The intermediates in issuing order: the leaf's issuer first.
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// The root's certificate, when it was asked for.
    pub fn root(&self) -> Option<&Certificate> {
        self.root.as_ref()
    }

    /// The certificates in the order in which a server sends them.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        [&self.leaf]
            .into_iter()
            .chain(&self.intermediates)
            .chain(&self.root)
    }

    /// The key, in a form that OpenSSL loads.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The DH parameters, if there were any.
    pub fn dh_parameters(&self) -> Option<&DhParameters> {
        self.dh_parameters.as_ref()
    }

    /// The names of the stores whose clients accept the bundle; one at least.
    pub fn trusted_by(&self) -> &[String] {
        &self.trusted_by
    }

    /// The names for which the leaf was checked.
    pub fn names(&self) -> &[ServerName<'static>] {
        &self.names
    }

    /// The moment for which the path was verified.
    pub fn verified_at(&self) -> UnixTime {
        self.verified_at
    }

    /// The last moment at which all its certificates are valid.
    pub fn valid_until(&self) -> UnixTime {
        self.certificates()
            .map(Certificate::not_after)
            .min()
            .unwrap_or(self.leaf.not_after())
    }

    /// What was repaired, left out or noticed on the way.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Bundle {
    /// `leaf`, `intermediates`, `root`, `key_algorithm`, `dh_parameters` (whether there are
    /// any), `trusted_by`, `names`, `verified_at` and `valid_until` (seconds since
    /// 1970-01-01T00:00:00Z), `findings`. The key itself is never in it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let names: Vec<_> = self.names.iter().map(|name| name.to_str()).collect();
        let mut object = serializer.serialize_struct("Bundle", 10)?;
        object.serialize_field("leaf", &self.leaf)?;
        object.serialize_field("intermediates", &self.intermediates)?;
        object.serialize_field("root", &self.root)?;
        object.serialize_field("key_algorithm", &self.key.algorithm().to_string())?;
        object.serialize_field("dh_parameters", &self.dh_parameters.is_some())?;
        object.serialize_field("trusted_by", &self.trusted_by)?;
        object.serialize_field("names", &names)?;
        object.serialize_field("verified_at", &self.verified_at.as_secs())?;
        object.serialize_field("valid_until", &self.valid_until().as_secs())?;
        object.serialize_field("findings", &self.report)?;
        object.end()
    }
}

/// There is no bundle; the report says why.
#[derive(Clone, Debug)]
pub struct Refusal {
    report: Report,
}

impl Refusal {
    /// All findings, the reasons among them as errors.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no bundle can be made")?;
        for (number, error) in self.report.errors().enumerate() {
            f.write_str(if number == 0 { ": " } else { "; " })?;
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// One call of [`Bundler::build`]. Every step that returns `None` has put an error into the
/// report.
struct Work<'b> {
    bundler: &'b Bundler,
    report: Report,
    /// What could not be read: a warning unless it is what is missing.
    unreadable: Vec<Unreadable>,
}

fn names_of(stores: &[&TrustStore]) -> Vec<String> {
    stores.iter().map(|store| store.name().to_owned()).collect()
}

/// A path, and the stores whose clients accept it.
struct Accepted<'a> {
    path: Path<'a>,
    trusted_by: Vec<&'a TrustStore>,
}

impl Work<'_> {
    fn build(
        &mut self,
        certificates: Vec<Certificate>,
        keys: Vec<PrivateKey>,
        dh_parameters: Vec<DhParameters>,
    ) -> Option<Bundle> {
        let (pool, duplicates) = Pool::new(certificates);
        for (duplicate, first) in duplicates {
            self.report.push(leftover::duplicate(&duplicate, &first));
        }
        let Some((leaf, key)) = self.pair(&pool, keys) else {
            self.report_unreadable(Severity::Error, |expected| expected != Expected::Other);
            return None;
        };
        let signatures = Signatures::default();
        let Some(accepted) = self.path(&leaf, &pool, &signatures) else {
            self.report_unreadable(Severity::Error, |expected| {
                matches!(expected, Expected::Certificate | Expected::Any)
            });
            return None;
        };
        let named = self.check_names(&leaf);
        let strong = self.check_strength(&leaf);
        let root = self.root(&leaf, &accepted.path, &pool);
        let (true, true, Ok(root)) = (named, strong, root) else {
            self.report_unreadable(Severity::Warning, |_| true);
            return None;
        };
        self.report_unreadable(Severity::Warning, |_| true);
        let intermediates: Vec<Certificate> = accepted
            .path
            .intermediates
            .iter()
            .map(|&c| c.clone())
            .collect();
        let bundle = Bundle {
            key,
            dh_parameters: self.dh_parameters(dh_parameters),
            root,
            trusted_by: names_of(&accepted.trusted_by),
            names: self.bundler.names.clone(),
            verified_at: self.bundler.time,
            report: Report::default(),
            intermediates,
            leaf: leaf.clone(),
        };
        let left = leftover::left_out(&bundle, &pool, &accepted.path, self.bundler.time);
        self.report.extend(left);
        self.report.extend(leftover::reordered(&bundle));
        Some(bundle)
    }

    /// Takes the shortest of the paths that most stores accept.
    fn path<'a>(
        &mut self,
        leaf: &'a Certificate,
        pool: &'a Pool,
        signatures: &'a Signatures,
    ) -> Option<Accepted<'a>>
    where
        Self: 'a,
    {
        let Bundler { stores, time, .. } = self.bundler;
        let mut search = Search::new(leaf, pool, stores, signatures, *time);
        let mut best: Option<Accepted<'_>> = None;
        let mut refused = None;
        for path in search.by_ref().take(MAX_COMPLETE_PATHS) {
            let mut trusted_by = Vec::new();
            for store in stores {
                match verify(leaf, &path.intermediates, store, *time, signatures) {
                    Ok(()) => trusted_by.push(store),
                    // A store that lacks the anchor says nothing about the path.
                    Err(webpki::Error::UnknownIssuer) => {}
                    Err(error) => {
                        refused.get_or_insert_with(|| {
                            explain::refusal(&error, leaf, &path.intermediates, *time)
                        });
                    }
                }
            }
            let better = trusted_by.len() > best.as_ref().map_or(0, |best| best.trusted_by.len());
            if better {
                let all = trusted_by.len() == stores.len();
                best = Some(Accepted { path, trusted_by });
                if all {
                    break;
                }
            }
        }
        if let Some(best) = &best {
            self.report_distrust(&best.trusted_by, leaf);
        } else {
            let reason = match (refused, &search.nearest, search.limit) {
                (Some(refused), ..) => refused,
                (None, _, Some(limit)) => explain::limit(limit, leaf),
                (None, Some(nearest), None) => explain::dead_end(leaf, nearest, stores),
                (None, None, None) => Finding::new(
                    Code::MissingIssuer,
                    format!("no path leads from {} to a root", leaf.subject_text()),
                )
                .at(leaf.origin()),
            };
            let date = explain::out_of_date(leaf, *time).filter(|date| date.code != reason.code);
            self.report.extend(date);
            self.report.push(reason);
        }
        best
    }

    fn report_distrust(&mut self, trusted_by: &[&TrustStore], leaf: &Certificate) {
        for store in &self.bundler.stores {
            // Two stores may have one name.
            if !trusted_by
                .iter()
                .any(|&trusting| std::ptr::eq(trusting, store))
            {
                let message = format!(
                    "clients that trust only the roots of {} do not accept this bundle",
                    store.name()
                );
                let finding = Finding::new(Code::StoreDoesNotTrust, message);
                self.report.push(finding.at(leaf.origin()));
            }
        }
    }

    fn check_names(&mut self, leaf: &Certificate) -> bool {
        let mut valid = true;
        for name in &self.bundler.names {
            if verify_name(leaf, name).is_err() {
                valid = false;
                let addresses = leaf.ip_addresses().into_iter().map(|ip| ip.to_string());
                let valid: Vec<_> = leaf.dns_names().into_iter().chain(addresses).collect();
                let valid = match valid.is_empty() {
                    true => "it has no subject alternative names".to_owned(),
                    false => format!("it is for {}", valid.join(", ")),
                };
                let message = format!(
                    "{} is not valid for {}: {valid}",
                    leaf.subject_text(),
                    name.to_str()
                );
                let finding = Finding::new(Code::NameMismatch, message).at(leaf.origin());
                self.report.push(finding);
            }
        }
        valid
    }

    fn check_strength(&mut self, leaf: &Certificate) -> bool {
        match public_key_algorithm(leaf) {
            Some(KeyAlgorithm::Rsa(bits)) if bits < RSA_MIN_BITS => {
                let message = format!(
                    "the key of {} is RSA of {bits} bits; clients want {RSA_MIN_BITS} or more",
                    leaf.subject_text()
                );
                let finding = Finding::new(Code::WeakKey, message).at(leaf.origin());
                self.report.push(finding);
                false
            }
            _ => true,
        }
    }

    /// The root's certificate, if it is to be written: from the store, or from the material.
    fn root(
        &mut self,
        leaf: &Certificate,
        path: &Path<'_>,
        pool: &Pool,
    ) -> Result<Option<Certificate>, ()> {
        if !self.bundler.include_root {
            return Ok(None);
        }
        let found = path.anchor.certificate.clone().or_else(|| {
            pool.named(&path.anchor.anchor.subject)
                .find(|candidate| leftover::is_anchor(candidate, path.anchor))
                .cloned()
        });
        match found {
            // A leaf that is its own anchor is sent once.
            Some(root) if root == *leaf => Ok(None),
            Some(root) => Ok(Some(root)),
            None => {
                let head = path.intermediates.last().copied().unwrap_or(leaf);
                let message = format!(
                    "the root {} was asked for, and its certificate is neither in the material nor in {}, which knows its key only",
                    head.issuer_text(),
                    explain::store_names(&self.bundler.stores)
                );
                let finding = Finding::new(Code::RootUnavailable, message).at(head.origin());
                self.report.push(finding);
                Err(())
            }
        }
    }

    fn dh_parameters(&mut self, parameters: Vec<DhParameters>) -> Option<DhParameters> {
        let mut parameters = parameters.into_iter();
        let first = parameters.next()?;
        if first.prime_bits() < 2048 {
            let message = format!("the DH parameters have {} bits", first.prime_bits());
            let finding = Finding::new(Code::WeakDhParameters, message).at(first.origin());
            self.report.push(finding);
        }
        for other in parameters {
            let finding = Finding::new(
                Code::DuplicateDhParameters,
                format!(
                    "these DH parameters were left out; those of {} are used",
                    first.origin()
                ),
            );
            self.report.push(finding.at(other.origin()));
        }
        Some(first)
    }

    /// Says what could not be read. What may be the missing piece is said as an error.
    fn report_unreadable(&mut self, severity: Severity, missing: impl Fn(Expected) -> bool) {
        for unreadable in std::mem::take(&mut self.unreadable) {
            let severity = match missing(unreadable.expected) {
                true => severity,
                false => Severity::Warning,
            };
            self.report.push(unreadable.finding.with_severity(severity));
        }
    }
}
