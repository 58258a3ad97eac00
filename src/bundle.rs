//! The proof: a leaf, its chain and its key, which belong together and are trusted.
//!
//! [`Bundler`] holds the options; [`Bundler::build`] turns [`Material`] into a [`Bundle`], or
//! says in a [`Refusal`] why that cannot be.

mod draft;
mod pair;
mod twins;

use std::fmt;
use std::sync::Arc;

use rustls_pki_types::{ServerName, UnixTime};

use crate::cert::Certificate;
use crate::chain::{Chain, Limits, Preference, Requirements, SignatureMemory};
use crate::dh::DhParameters;
use crate::finding::Report;
use crate::key::PrivateKey;
use crate::pem::{SecretPem, encode};
use crate::pool::Pool;
use crate::profile::Profile;
use crate::read::Material;
use crate::trust::TrustStore;

pub use draft::Draft;

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
    requirements: Arc<Requirements>,
}

impl Bundler {
    /// A bundler for clients that trust this store, verifying for this moment.
    pub fn new(store: TrustStore, time: UnixTime) -> Self {
        Self {
            requirements: Arc::new(Requirements {
                stores: vec![store],
                time,
                names: Vec::new(),
                include_root: false,
                preference: Preference::default(),
                profile: Profile::default(),
                limits: Limits::default(),
                memory: SignatureMemory::new(),
                pools: Vec::new(),
            }),
        }
    }

    /// Another store. The chain that most of the stores trust is taken; one must.
    #[must_use]
    pub fn trust(mut self, store: TrustStore) -> Self {
        self.with().stores.push(store);
        self
    }

    /// A DNS name or IP address for which the leaf must be valid. Without any, none is checked.
    #[must_use]
    pub fn name(mut self, name: ServerName<'static>) -> Self {
        self.with().names.push(name);
        self
    }

    /// Whether the root is written, too. It is not, unless this is set: clients have it.
    #[must_use]
    pub fn include_root(mut self, include: bool) -> Self {
        self.with().include_root = include;
        self
    }

    /// Which of several good paths is taken.
    #[must_use]
    pub fn prefer(mut self, preference: Preference) -> Self {
        self.with().preference = preference;
        self
    }

    /// How much is demanded of the certificates' form.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.with().profile = profile;
        self
    }

    /// Other limits of the search than the usual ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.with().limits = limits;
        self
    }

    /// Intermediates that are asked for missing issuers. They need not be trusted.
    #[must_use]
    pub fn pool(mut self, pool: Pool) -> Self {
        self.with().pools.push(pool);
        self
    }

    /// A memory of signatures to share with other bundlers.
    #[must_use]
    pub fn memory(mut self, memory: SignatureMemory) -> Self {
        self.with().memory = memory;
        self
    }

    fn with(&mut self) -> &mut Requirements {
        Arc::make_mut(&mut self.requirements)
    }

    /// Orders, proves and verifies.
    ///
    /// This is [`draft`](Self::draft) and [`Draft::bundle`]; in between, what is missing may be
    /// brought.
    ///
    /// # Errors
    ///
    /// [`Refusal`], with all findings; those of severity `error` are the reasons.
    pub fn build(&self, material: Material) -> Result<Bundle, Refusal> {
        self.draft(material).bundle()
    }

    /// Orders and verifies without a key: the first certificate is the end entity, the others
    /// are what its chain may be taken from.
    ///
    /// This is [`draft_chain`](Self::draft_chain) and [`Draft::chain`].
    ///
    /// # Errors
    ///
    /// [`Refusal`], as for [`build`](Self::build).
    pub fn verify(&self, material: Material) -> Result<(Chain, Report), Refusal> {
        self.draft_chain(material).chain()
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
        Draft::of_leaf(&self.requirements, leaf.clone(), candidates).chain()
    }

    /// Begins a bundle: finds the leaf and its key.
    pub fn draft(&self, material: Material) -> Draft {
        Draft::of_pair(&self.requirements, material)
    }

    /// Begins a chain without a key, as [`verify`](Self::verify) has it.
    pub fn draft_chain(&self, material: Material) -> Draft {
        Draft::of_first(&self.requirements, material)
    }
}

/// What belongs together and is trusted: whoever holds one holds the proof.
///
/// Only [`Bundler::build`] and [`Draft::bundle`] make bundles. The private part of the key was shown to produce the
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

    /// The certificates as PEM: leaf, intermediates, root if wanted, and the DH parameters, if there
    /// are any. It is what nginx, Apache and Kubernetes call the full chain.
    pub fn certificates_pem(&self) -> String {
        encode(self.public_blocks()).expose().to_owned()
    }

    /// The private key as PEM.
    pub fn key_pem(&self) -> SecretPem {
        encode([(self.key.label(), self.key.secret_der().secret_der())])
    }

    /// Everything, as HAProxy wants it in one file.
    pub(crate) fn pem(&self) -> SecretPem {
        let secret = self.key.secret_der();
        let key = (self.key.label(), secret.secret_der());
        encode(self.public_blocks().chain([key]))
    }

    /// All but the key, with labels.
    fn public_blocks(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let certificates = self.chain.certificates();
        let certificates = certificates.map(|it| ("CERTIFICATE", it.der().as_ref()));
        let parameters = self.dh_parameters.iter();
        certificates.chain(parameters.map(|it| ("DH PARAMETERS", it.der())))
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
