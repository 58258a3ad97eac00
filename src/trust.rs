//! Whom clients trust: named sets of trust anchors.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls_pki_types::TrustAnchor;

use crate::cert::Certificate;
use crate::error::Error;
use crate::finding::{Code, Finding, Report};
use crate::read::Material;

/// A named set of trust anchors (RFC 5280 section 6.1.1): Mozilla's, the system's, or a file's.
///
/// Cloning is cheap: clones share one set.
#[derive(Clone)]
pub struct TrustStore {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    anchors: Vec<Arc<Anchor>>,
    /// Where in `anchors` those of a subject are.
    by_subject: HashMap<Vec<u8>, Vec<usize>>,
}

/// An anchor, and its certificate where the store has one. Mozilla's embedded set holds names
/// and keys only.
pub(crate) struct Anchor {
    pub(crate) anchor: TrustAnchor<'static>,
    pub(crate) certificate: Option<Certificate>,
}

impl TrustStore {
    /// Mozilla's roots for TLS servers, as embedded by the crate `webpki-roots`.
    ///
    /// ```
    /// let mozilla = fullchain::TrustStore::mozilla();
    /// assert!(mozilla.len() > 50);
    /// assert_eq!(mozilla.name(), "mozilla");
    /// ```
    #[cfg(feature = "mozilla")]
    pub fn mozilla() -> Self {
        Self::from_anchors("mozilla", webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
    }

    /// A store of anchors that are at hand as such, perhaps without their certificates; the
    /// root can then be written only if the material has it. May be empty, and then trusts
    /// nothing.
    pub fn from_anchors(
        name: impl Into<String>,
        anchors: impl IntoIterator<Item = TrustAnchor<'static>>,
    ) -> Self {
        let anchors = anchors.into_iter().map(|anchor| Anchor {
            anchor,
            certificate: None,
        });
        Self::of(name.into(), anchors.collect())
    }

    /// The roots of the operating system, read now. `SSL_CERT_FILE` and `SSL_CERT_DIR` are
    /// honoured. Entries that cannot be used are passed over, as there are some on most systems;
    /// the report names them.
    ///
    /// # Errors
    ///
    /// [`Error::NoAnchors`] when the system has none.
    #[cfg(feature = "system")]
    pub fn system() -> Result<(Self, Report), Error> {
        let loaded = rustls_native_certs::load_native_certs();
        let mut report = Report::default();
        for error in &loaded.errors {
            report.push(Finding::new(
                Code::TrustStore,
                format!("the system's trust store: {error}"),
            ));
        }
        let origin = crate::origin::Origin::new("system");
        let certificates = loaded
            .certs
            .into_iter()
            .filter_map(|der| Certificate::new(der, origin.clone()).ok());
        let store = Self::build("system", certificates, &mut report)?;
        Ok((store, report))
    }

    /// The certificates of some material, each an anchor, whatever it is: give only what you
    /// trust. Anything else in the material is passed over; the report names what cannot be used.
    ///
    /// # Errors
    ///
    /// [`Error::NoAnchors`] when no certificate in it can be an anchor.
    ///
    /// ```no_run
    /// use fullchain::{Reader, TrustStore};
    ///
    /// let pem = std::fs::read("corporate-root.pem")?;
    /// let material = Reader::new().read("corporate-root.pem", &pem)?;
    /// let (store, report) = TrustStore::from_material("corporate", material)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_material(
        name: impl Into<String>,
        material: Material,
    ) -> Result<(Self, Report), Error> {
        let mut report = Report::default();
        report.extend(material.unreadable.into_iter().map(|block| block.finding));
        report.extend(material.findings);
        let store = Self::build(name, material.certificates, &mut report)?;
        Ok((store, report))
    }

    fn build(
        name: impl Into<String>,
        certificates: impl IntoIterator<Item = Certificate>,
        report: &mut Report,
    ) -> Result<Self, Error> {
        let name = name.into();
        let mut anchors = Vec::new();
        for certificate in certificates {
            match webpki::anchor_from_trusted_cert(certificate.der()) {
                Ok(anchor) => anchors.push(Anchor {
                    anchor: anchor.to_owned(),
                    certificate: Some(certificate),
                }),
                Err(error) => report.push(
                    Finding::new(
                        Code::TrustStore,
                        format!(
                            "{} cannot be a trust anchor: {error}",
                            certificate.subject_text()
                        ),
                    )
                    .at(certificate.origin()),
                ),
            }
        }
        if anchors.is_empty() {
            return Err(Error::NoAnchors {
                store: name,
                reason: match report.findings().first() {
                    Some(Finding {
                        message,
                        origin: Some(origin),
                        ..
                    }) => {
                        format!("{message} ({origin})")
                    }
                    Some(finding) => finding.message.clone(),
                    None => "no certificate was found".to_owned(),
                },
            });
        }
        Ok(Self::of(name, anchors))
    }

    fn of(name: String, anchors: Vec<Anchor>) -> Self {
        let mut by_subject: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (index, anchor) in anchors.iter().enumerate() {
            let subject = anchor.anchor.subject.to_vec();
            by_subject.entry(subject).or_default().push(index);
        }
        Self {
            inner: Arc::new(Inner {
                name,
                anchors: anchors.into_iter().map(Arc::new).collect(),
                by_subject,
            }),
        }
    }

    /// The store's name, for reports: `mozilla`, `system`, or what it was given.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// How many anchors it holds.
    pub fn len(&self) -> usize {
        self.inner.anchors.len()
    }

    /// Whether it holds none, which only [`from_anchors`](Self::from_anchors) lets happen.
    pub fn is_empty(&self) -> bool {
        self.inner.anchors.is_empty()
    }

    /// Whether an anchor is one that browsers trust by default, as far as is known here.
    #[cfg(feature = "mozilla")]
    pub(crate) fn is_public(anchor: &Anchor) -> bool {
        webpki_roots::TLS_SERVER_ROOTS.iter().any(|public| {
            public.subject == anchor.anchor.subject
                && public.subject_public_key_info == anchor.anchor.subject_public_key_info
        })
    }

    /// Without Mozilla's roots at hand there is no telling.
    #[cfg(not(feature = "mozilla"))]
    pub(crate) fn is_public(_: &Anchor) -> bool {
        false
    }

    /// All anchors.
    #[cfg(feature = "aia")]
    pub(crate) fn anchors(&self) -> impl Iterator<Item = &TrustAnchor<'static>> {
        self.inner.anchors.iter().map(|anchor| &anchor.anchor)
    }

    /// The anchors with this subject, in the form that [`Certificate::issuer`] has.
    pub(crate) fn anchors_named(&self, subject: &[u8]) -> impl Iterator<Item = &Arc<Anchor>> {
        let indices = self.inner.by_subject.get(subject);
        indices
            .into_iter()
            .flatten()
            .filter_map(|&index| self.inner.anchors.get(index))
    }
}

impl fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustStore")
            .field("name", &self.inner.name)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
