//! Intermediates to fall back on.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::cert::Certificate;
use crate::finding::Report;
use crate::read::Material;

/// Certificates that are asked for missing issuers before anybody fetches them: a folder of
/// intermediates, a cache, what other bundles brought.
///
/// They are not trusted, and none is written unless a path needs it. Clones share the content.
///
/// ```no_run
/// use fullchain::{Bundler, Pool, Reader, TrustStore};
/// use rustls_pki_types::UnixTime;
///
/// let folder = Reader::new().read_path("intermediates".as_ref())?;
/// let (pool, report) = Pool::from_material(folder);
/// println!("{} intermediates at hand\n{report}", pool.len());
/// let bundler = Bundler::new(TrustStore::mozilla(), UnixTime::now()).pool(pool);
/// # Ok::<(), fullchain::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Pool {
    by_subject: Arc<HashMap<Vec<u8>, Vec<Certificate>>>,
}

impl Pool {
    /// The certificates of some material. Anything else in it is passed over; the report has
    /// what was said about it.
    pub fn from_material(material: Material) -> (Self, Report) {
        let mut report = Report::default();
        report.extend(material.unreadable.into_iter().map(|block| block.finding));
        report.extend(material.findings);
        let mut by_subject: HashMap<Vec<u8>, Vec<Certificate>> = HashMap::new();
        for certificate in material.certificates {
            let named = by_subject.entry(certificate.subject().to_vec());
            named.or_default().push(certificate);
        }
        let by_subject = Arc::new(by_subject);
        (Self { by_subject }, report)
    }

    /// How many certificates it holds, duplicates included.
    pub fn len(&self) -> usize {
        self.by_subject.values().map(Vec::len).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }

    /// The certificates with this subject, in the form that [`Certificate::issuer`] has.
    pub(crate) fn named(&self, subject: &[u8]) -> &[Certificate] {
        let named = self.by_subject.get(subject);
        named.map(Vec::as_slice).unwrap_or_default()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
