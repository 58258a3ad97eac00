//! A bundle in the making, to which missing issuers can be brought.

use std::sync::Arc;

use super::{Bundle, Refusal};
use crate::cert::Certificate;
use crate::chain::{Chain, IssuerTree, Missing, Requirements, Resolution, distinct, draw};
use crate::dh::DhParameters;
use crate::finding::{Code, Finding, Report, Severity};
use crate::key::PrivateKey;
use crate::read::{Expected, Material, Unreadable};
#[cfg(feature = "aia")]
use crate::trust::TrustStore;

/// A bundle or a chain in the making: it says whose issuers are missing, takes what is brought,
/// and becomes the bundle or the refusal.
///
/// It does no I/O. `aia::Fetcher` brings what is missing; programs that have an HTTP client do it
/// as in this example.
///
/// ```
/// use fullchain::{Bundler, Reader, TrustStore};
/// use rustls_pki_types::UnixTime;
///
/// let mut reader = Reader::new();
/// # let root = include_bytes!("../../testdata/root.pem");
/// # let site = include_bytes!("../../testdata/damaged/missing-intermediate.pem");
/// # let intermediate = include_bytes!("../../testdata/damaged/clean.pem");
/// let (roots, _) = TrustStore::from_material("corp", reader.read("root.pem", root)?)?;
/// let bundler = Bundler::new(roots, UnixTime::now());
///
/// let mut draft = bundler.draft(reader.read("site.pem", site)?);
/// for missing in draft.missing() {
///     println!("{:?} should have it", missing.urls());
///     draft.add(reader.read("the answer", intermediate)?.certificates);
/// }
/// assert_eq!(draft.bundle()?.chain().intermediates().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Draft {
    pub(super) requirements: Arc<Requirements>,
    pub(super) report: Report,
    /// What could not be read: a warning unless it is what is missing.
    pub(super) unreadable: Vec<Unreadable>,
    /// Set as soon as it is clear which certificate is the server's.
    leaf: Option<Certificate>,
    key: Option<PrivateKey>,
    dh_parameters: Vec<DhParameters>,
    /// Where it is `None`, the report has the reason as an error.
    resolution: Option<Resolution>,
}

impl Draft {
    pub(super) fn of_pair(requirements: &Arc<Requirements>, material: Material) -> Self {
        let mut draft = Self::new(requirements, material.findings, material.unreadable);
        draft.dh_parameters = material.dh_parameters;
        let pool = draft.distinct(material.certificates);
        match draft.pair(&pool, material.keys) {
            Some((leaf, key)) => {
                draft.key = Some(key);
                draft.resolve(leaf, pool);
            }
            None => draft.report_unreadable(|expected| expected != Expected::Other),
        }
        draft
    }

    pub(super) fn of_first(requirements: &Arc<Requirements>, material: Material) -> Self {
        let mut draft = Self::new(requirements, material.findings, material.unreadable);
        let pool = draft.distinct(material.certificates);
        match pool.first().cloned() {
            Some(leaf) => draft.resolve(leaf, pool),
            None => {
                let message = "there is no certificate in the material";
                let finding = Finding::new(Code::NoCertificate, message);
                draft.report.push(finding);
                draft.report_unreadable(|expected| expected != Expected::Other);
            }
        }
        draft
    }

    pub(super) fn of_leaf(
        requirements: &Arc<Requirements>,
        leaf: Certificate,
        candidates: Vec<Certificate>,
    ) -> Self {
        let mut draft = Self::new(requirements, Vec::new(), Vec::new());
        let pool = draft.distinct(candidates);
        draft.resolve(leaf, pool);
        draft
    }

    fn new(
        requirements: &Arc<Requirements>,
        findings: Vec<Finding>,
        unreadable: Vec<Unreadable>,
    ) -> Self {
        let mut report = Report::default();
        report.extend(findings);
        Self {
            requirements: Arc::clone(requirements),
            report,
            unreadable,
            leaf: None,
            key: None,
            dh_parameters: Vec::new(),
            resolution: None,
        }
    }

    fn distinct(&mut self, certificates: Vec<Certificate>) -> Vec<Certificate> {
        let (distinct, duplicates) = distinct(certificates);
        self.report.extend(duplicates);
        distinct
    }

    fn resolve(&mut self, leaf: Certificate, pool: Vec<Certificate>) {
        self.leaf = Some(leaf.clone());
        let requirements = Arc::clone(&self.requirements);
        self.resolution = Some(Resolution::new(requirements, leaf, pool));
    }

    /// The server's certificate, if it is clear which one that is.
    pub fn leaf(&self) -> Option<&Certificate> {
        self.leaf.as_ref()
    }

    /// The certificates whose issuers would help, those without any first. None when there is a
    /// good chain to one of the stores already, when a limit was met, or when no issuer would help.
    ///
    /// What [`add`](Self::add) brings may make others missing; ask again until nothing new comes.
    pub fn missing(&mut self) -> Vec<Missing> {
        let resolution = self.resolution.as_mut();
        resolution.map(Resolution::missing).unwrap_or_default()
    }

    /// Adds certificates, which are used if they help, and trusted no more than others.
    pub fn add(&mut self, certificates: Vec<Certificate>) {
        if let Some(resolution) = &mut self.resolution {
            resolution.add(certificates);
        }
    }

    /// Whether a certificate was signed with another one's key.
    #[cfg(feature = "aia")]
    pub(crate) fn is_signed_by(&self, child: &Certificate, issuer: &Certificate) -> bool {
        let resolution = self.resolution.as_ref();
        resolution.is_some_and(|resolution| resolution.is_signed_by(child, issuer))
    }

    /// The intermediates of the path that would be taken now.
    #[cfg(feature = "aia")]
    pub(crate) fn intermediates(&self) -> &[Certificate] {
        let taken = self.resolution.as_ref().and_then(Resolution::intermediates);
        taken.unwrap_or_default()
    }

    #[cfg(feature = "aia")]
    pub(crate) fn stores(&self) -> &[TrustStore] {
        &self.requirements.stores
    }

    /// Adds to the report, such as what was done to come by an issuer.
    pub fn note(&mut self, finding: Finding) {
        self.report.push(finding);
    }

    /// Draws the issuers above the leaf, as far as they are known; `None` when it is not clear
    /// which certificate is the leaf.
    pub fn tree(&mut self) -> Option<IssuerTree> {
        self.resolution.as_mut().map(draw)
    }

    /// The chain, and all findings.
    ///
    /// # Errors
    ///
    /// [`Refusal`], with all findings; those of severity `error` are the reasons.
    pub fn chain(mut self) -> Result<(Chain, Report), Refusal> {
        match self.finish() {
            Some(chain) => Ok((chain, self.report)),
            None => Err(self.refusal()),
        }
    }

    /// The bundle.
    ///
    /// # Errors
    ///
    /// [`Refusal`], as for [`chain`](Self::chain); also when the draft is of a chain alone.
    pub fn bundle(mut self) -> Result<Bundle, Refusal> {
        let Some(chain) = self.finish() else {
            return Err(self.refusal());
        };
        let Some(key) = self.key.take() else {
            let message = "the draft was begun without a private key";
            self.report.push(Finding::new(Code::NoKey, message));
            return Err(self.refusal());
        };
        let mut bundle = Bundle {
            dh_parameters: self.take_dh_parameters(),
            chain,
            key,
            report: Report::default(),
        };
        self.report.extend(reordered(&bundle));
        bundle.report = self.report;
        Ok(bundle)
    }

    fn refusal(self) -> Refusal {
        Refusal {
            report: self.report,
            leaf: self.leaf,
        }
    }

    /// Resolves the chain; an unreadable certificate is an error when an issuer is missing.
    fn finish(&mut self) -> Option<Chain> {
        let chain = self.resolution.take()?.finish(&mut self.report);
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

    fn take_dh_parameters(&mut self) -> Option<DhParameters> {
        let mut parameters = std::mem::take(&mut self.dh_parameters).into_iter();
        let first = parameters.next()?;
        self.report.extend(first.weakness());
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

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft")
            .field("leaf", &self.leaf)
            .finish_non_exhaustive()
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
