//! webpki's verdict on a path.

use rustls_pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
};
use webpki::{EndEntityCert, KeyUsage};

use super::signature::Signatures;
use crate::cert::Certificate;
use crate::trust::TrustStore;

/// The path that clients of one store take through what they are sent.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    /// How many of the intermediates, from the leaf's issuer on, are in it.
    pub(super) intermediates: usize,
    /// The last moment at which all certificates of it are valid.
    pub(super) until: UnixTime,
}

/// Whether clients that trust this store accept the leaf when they are sent these intermediates.
pub(super) fn verify(
    leaf: &Certificate,
    intermediates: &[Certificate],
    store: &TrustStore,
    time: UnixTime,
    signatures: &Signatures,
) -> Result<Taken, webpki::Error> {
    let end_entity = EndEntityCert::try_from(leaf.der())?;
    let ders: Vec<CertificateDer<'_>> = intermediates
        .iter()
        .map(|certificate| CertificateDer::from(certificate.der().as_ref()))
        .collect();
    // Of the store only what could end this path: it may hold hundreds.
    let anchors: Vec<TrustAnchor<'_>> = intermediates
        .iter()
        .chain([leaf])
        .flat_map(|certificate| store.anchors_named(certificate.issuer()))
        .map(|anchor| anchor.anchor.clone())
        .collect();
    let lent = signatures.lend();
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> = lent
        .iter()
        .map(|algorithm| -> &dyn SignatureVerificationAlgorithm { algorithm })
        .collect();
    let path = end_entity.verify_for_usage(
        &algorithms,
        &anchors,
        &ders,
        time,
        KeyUsage::server_auth(),
        None,
        None,
    )?;
    let used: Vec<CertificateDer<'_>> = path
        .intermediate_certificates()
        .map(|certificate| certificate.der())
        .collect();
    let ends = intermediates
        .iter()
        .filter(|certificate| used.contains(certificate.der()))
        .map(Certificate::not_after);
    Ok(Taken {
        intermediates: used.len(),
        until: ends
            .chain([leaf.not_after()])
            .min()
            .unwrap_or(leaf.not_after()),
    })
}

/// Whether the leaf is valid for a host name or address.
pub(super) fn verify_name(leaf: &Certificate, name: &ServerName<'_>) -> Result<(), webpki::Error> {
    EndEntityCert::try_from(leaf.der())?.verify_is_valid_for_subject_name(name)
}
