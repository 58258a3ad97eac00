//! webpki's verdict on a path.

use rustls_pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
};
use webpki::{EndEntityCert, KeyUsage};

use super::signature::Signatures;
use crate::cert::Certificate;
use crate::trust::TrustStore;

/// Whether clients that trust this store accept the leaf when they are sent these intermediates.
pub(crate) fn verify(
    leaf: &Certificate,
    intermediates: &[&Certificate],
    store: &TrustStore,
    time: UnixTime,
    signatures: &Signatures,
) -> Result<(), webpki::Error> {
    let end_entity = EndEntityCert::try_from(leaf.der())?;
    let ders: Vec<CertificateDer<'_>> = intermediates
        .iter()
        .map(|certificate| CertificateDer::from(certificate.der().as_ref()))
        .collect();
    // Of the store only what could end this path: it may hold hundreds.
    let anchors: Vec<TrustAnchor<'_>> = intermediates
        .iter()
        .copied()
        .chain([leaf])
        .flat_map(|certificate| store.anchors_named(certificate.issuer()))
        .map(|anchor| anchor.anchor.clone())
        .collect();
    let lent = signatures.lend();
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> = lent
        .iter()
        .map(|algorithm| -> &dyn SignatureVerificationAlgorithm { algorithm })
        .collect();
    end_entity
        .verify_for_usage(
            &algorithms,
            &anchors,
            &ders,
            time,
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map(|_| ())
}

/// Whether the leaf is valid for a host name or address.
pub(crate) fn verify_name(leaf: &Certificate, name: &ServerName<'_>) -> Result<(), webpki::Error> {
    EndEntityCert::try_from(leaf.der())?.verify_is_valid_for_subject_name(name)
}
