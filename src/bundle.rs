//! The proof: a leaf, its chain and its key, which belong together and are trusted.
//!
//! [`Bundler`] holds the options; [`Bundler::build`] turns [`Material`] into a [`Bundle`], or
//! says in a [`Refusal`] why that cannot be.

mod pair;

use std::fmt;

use rustls_pki_types::{ServerName, UnixTime};

use crate::cert::Certificate;
use crate::chain::{
    Chain, IssuerTree, Limits, Preference, Requirements, SignatureMemory, distinct, draw, resolve,
};
use crate::dh::DhParameters;
use crate::finding::{Code, Finding, Report, Severity};
use crate::key::PrivateKey;
use crate::profile::Profile;
use crate::read::{Expected, Material, Unreadable};
use crate::trust::TrustStore;

/// Builds bundles: the options, and the trust stores that the chain must lead to.
///
/// ```
/// use fullchain::{Bundler, Reader, TrustStore};
/// use rustls_pki_types::UnixTime;
///
/// let mut reader = Reader::new();
/// # let root = include_bytes!("../testdata/root.pem");
/// # let pile = include_bytes!("../testdata/damaged/reversed.pem");
/// let (roots, _) = TrustStore::from_material("corp", reader.read("root.pem", root)?)?;
/// let material = reader.read("pile.pem", pile)?;
/// let bundle = Bundler::new(roots, UnixTime::now()).build(material)?;
/// assert_eq!(bundle.chain().intermediates().len(), 1);
/// println!("{}", bundle.report());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bundler {
    requirements: Requirements,
}

impl Bundler {
    /// A bundler for clients that trust this store, verifying for this moment.
    pub fn new(store: TrustStore, time: UnixTime) -> Self {
        Self {
            requirements: Requirements {
                stores: vec![store],
                time,
                names: Vec::new(),
                include_root: false,
                preference: Preference::default(),
                profile: Profile::default(),
                limits: Limits::default(),
                memory: SignatureMemory::new(),
            },
        }
    }

    /// Another store. The chain that most of the stores trust is taken; one must.
    #[must_use]
    pub fn trust(mut self, store: TrustStore) -> Self {
        self.requirements.stores.push(store);
        self
    }

    /// A DNS name or IP address for which the leaf must be valid. Without any, none is checked.
    #[must_use]
    pub fn name(mut self, name: ServerName<'static>) -> Self {
        self.requirements.names.push(name);
        self
    }

    /// Whether the root is written, too. It is not, unless this is set: clients have it.
    #[must_use]
    pub fn include_root(mut self, include: bool) -> Self {
        self.requirements.include_root = include;
        self
    }

    /// Which of several good paths is taken.
    #[must_use]
    pub fn prefer(mut self, preference: Preference) -> Self {
        self.requirements.preference = preference;
        self
    }

    /// How much is demanded of the certificates' form.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.requirements.profile = profile;
        self
    }

    /// Other limits of the search than the usual ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.requirements.limits = limits;
        self
    }

    /// A memory of signatures to share with other bundlers.
    #[must_use]
    pub fn memory(mut self, memory: SignatureMemory) -> Self {
        self.requirements.memory = memory;
        self
    }

    /// Orders, proves and verifies.
    ///
    /// # Errors
    ///
    /// [`Refusal`], with all findings; those of severity `error` are the reasons.
    pub fn build(&self, material: Material) -> Result<Bundle, Refusal> {
        let mut work = Work::new(&self.requirements, material.findings, material.unreadable);
        match work.build(material.certificates, material.keys, material.dh_parameters) {
            Some(mut bundle) => {
                bundle.report = work.report;
                Ok(bundle)
            }
            None => Err(work.refusal()),
        }
    }

    /// Orders and verifies without a key: the first certificate is the end entity, the others
    /// are what its chain may be taken from.
    ///
    /// # Errors
    ///
    /// [`Refusal`], as for [`build`](Self::build).
    pub fn verify(&self, material: Material) -> Result<(Chain, Report), Refusal> {
        let mut work = Work::new(&self.requirements, material.findings, material.unreadable);
        let (certificates, duplicates) = distinct(material.certificates);
        work.report.extend(duplicates);
        let chain = match certificates.first() {
            Some(leaf) => work.chain(leaf, &certificates),
            None => {
                let message = "there is no certificate in the material";
                work.report.push(Finding::new(Code::NoCertificate, message));
                work.report_unreadable(|expected| expected != Expected::Other);
                None
            }
        };
        match chain {
            Some(chain) => Ok((chain, work.report)),
            None => Err(work.refusal()),
        }
    }

    /// Orders and verifies without a key: the chain of this leaf, taken from these candidates.
    ///
    /// # Errors
    ///
    /// [`Refusal`], as for [`build`](Self::build).
    pub fn chain(
        &self,
        leaf: &Certificate,
        candidates: Vec<Certificate>,
    ) -> Result<(Chain, Report), Refusal> {
        let mut report = Report::default();
        let (candidates, duplicates) = distinct(candidates);
        report.extend(duplicates);
        match resolve(&self.requirements, leaf, &candidates, &mut report) {
            Some(chain) => Ok((chain, report)),
            None => Err(Refusal {
                report,
                leaf: Some(leaf.clone()),
            }),
        }
    }

    /// Draws the issuers above a leaf, as far as they are among these candidates.
    pub fn tree(&self, leaf: &Certificate, candidates: Vec<Certificate>) -> IssuerTree {
        let (candidates, _) = distinct(candidates);
        draw(&self.requirements, leaf, &candidates)
    }
}

/// What belongs together and is trusted: whoever holds one holds the proof.
///
/// Only [`Bundler::build`] makes bundles. The private part of the key was shown to produce the
/// leaf's public key; what was shown of the certificates, [`Chain`] says.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Bundle {
    #[cfg_attr(feature = "serde", serde(flatten))]
    chain: Chain,
    #[cfg_attr(
        feature = "serde",
        serde(rename = "key_algorithm", serialize_with = "serialize_algorithm")
    )]
    key: PrivateKey,
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_presence"))]
    dh_parameters: Option<DhParameters>,
    #[cfg_attr(feature = "serde", serde(rename = "findings"))]
    report: Report,
}

impl Bundle {
    /// The certificates, in order and verified.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The key, in a form that OpenSSL loads.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The DH parameters, if there were any.
    pub fn dh_parameters(&self) -> Option<&DhParameters> {
        self.dh_parameters.as_ref()
    }

    /// What was repaired, left out or noticed on the way.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

#[cfg(feature = "serde")]
fn serialize_algorithm<S: serde::Serializer>(
    key: &PrivateKey,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&key.algorithm())
}

#[cfg(feature = "serde")]
fn serialize_presence<S: serde::Serializer>(
    parameters: &Option<DhParameters>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(parameters.is_some())
}

/// There is no bundle; the report says why.
#[derive(Clone, Debug)]
pub struct Refusal {
    report: Report,
    leaf: Option<Certificate>,
}

impl Refusal {
    /// All findings, the reasons among them as errors.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The server's certificate, if it was clear which one that is.
    pub fn leaf(&self) -> Option<&Certificate> {
        self.leaf.as_ref()
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
    requirements: &'b Requirements,
    report: Report,
    /// What could not be read: a warning unless it is what is missing.
    unreadable: Vec<Unreadable>,
    /// Set as soon as it is clear which certificate is the server's.
    leaf: Option<Certificate>,
}

impl<'b> Work<'b> {
    fn new(
        requirements: &'b Requirements,
        findings: Vec<Finding>,
        unreadable: Vec<Unreadable>,
    ) -> Self {
        let mut report = Report::default();
        report.extend(findings);
        Self {
            requirements,
            report,
            unreadable,
            leaf: None,
        }
    }

    fn refusal(self) -> Refusal {
        Refusal {
            report: self.report,
            leaf: self.leaf,
        }
    }

    fn build(
        &mut self,
        certificates: Vec<Certificate>,
        keys: Vec<PrivateKey>,
        dh_parameters: Vec<DhParameters>,
    ) -> Option<Bundle> {
        let (pool, duplicates) = distinct(certificates);
        self.report.extend(duplicates);
        let Some((leaf, key)) = self.pair(&pool, keys) else {
            self.report_unreadable(|expected| expected != Expected::Other);
            return None;
        };
        let chain = self.chain(&leaf, &pool)?;
        let bundle = Bundle {
            dh_parameters: self.dh_parameters(dh_parameters),
            chain,
            key,
            report: Report::default(),
        };
        self.report.extend(reordered(&bundle));
        Some(bundle)
    }

    /// Resolves the chain; an unreadable certificate is an error when an issuer is missing.
    fn chain(&mut self, leaf: &Certificate, candidates: &[Certificate]) -> Option<Chain> {
        self.leaf = Some(leaf.clone());
        let chain = resolve(self.requirements, leaf, candidates, &mut self.report);
        let incomplete = chain.is_none()
            && self
                .report
                .errors()
                .any(|error| matches!(error.code, Code::MissingIssuer | Code::BadSignature));
        self.report_unreadable(|expected| {
            incomplete && matches!(expected, Expected::Certificate | Expected::Any)
        });
        chain
    }

    fn dh_parameters(&mut self, parameters: Vec<DhParameters>) -> Option<DhParameters> {
        let mut parameters = parameters.into_iter();
        let first = parameters.next()?;
        if first.prime_bits() < 2048 {
            let message = format!("the DH parameters have {} bits", first.prime_bits());
            self.report
                .push(Finding::new(Code::WeakDhParameters, message).at(first.origin()));
        }
        for other in parameters {
            let message = format!(
                "these DH parameters were left out; those of {} are used",
                first.origin()
            );
            self.report
                .push(Finding::new(Code::DuplicateDhParameters, message).at(other.origin()));
        }
        Some(first)
    }

    /// Says what could not be read. What may be the missing piece is said as an error.
    fn report_unreadable(&mut self, missing: impl Fn(Expected) -> bool) {
        for unreadable in std::mem::take(&mut self.unreadable) {
            let severity = match missing(unreadable.expected) {
                true => Severity::Error,
                false => Severity::Warning,
            };
            self.report.push(unreadable.finding.with_severity(severity));
        }
    }
}

/// Says that the blocks of one source stood in another order than they are written in.
fn reordered(bundle: &Bundle) -> Option<Finding> {
    let chain = bundle.chain();
    let source = chain.leaf().origin().source();
    let lines: Vec<usize> = chain
        .certificates()
        .map(Certificate::origin)
        .chain([bundle.key().origin()])
        .filter(|origin| origin.source() == source)
        .filter_map(crate::Origin::first_line)
        .collect();
    (!lines.is_sorted()).then(|| {
        Finding::new(
            Code::Reordered,
            "the blocks were put in order: leaf, intermediates as issued, key",
        )
        .at(chain.leaf().origin())
    })
}
