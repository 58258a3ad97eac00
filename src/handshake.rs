//! A TLS handshake with a server, to see what it shows.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::haproxy::Connection;
use crate::tls::ClientCertificate;

/// What a server did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It showed these certificates, and had the key of the first; and whether it wants one, too.
    Chain(Vec<CertificateDer<'static>>, ClientCertificate),
    /// It refused with this alert.
    Alert(AlertDescription),
    /// Something else went wrong.
    Failed(String),
}

/// Keeps what it is shown, and asks for the key's signature only.
#[derive(Debug)]
struct Witness {
    schemes: Vec<SignatureScheme>,
    algorithms: WebPkiSupportedAlgorithms,
    shown: Mutex<Option<Vec<CertificateDer<'static>>>>,
}

impl Witness {
    /// Of P-521 *ring* knows nothing, and the signature has to be believed.
    fn knows(&self, scheme: SignatureScheme) -> bool {
        self.algorithms.supported_schemes().contains(&scheme)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        if let Ok(mut shown) = self.shown.lock() {
            *shown = Some(chain);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.knows(signature.scheme) {
            true => verify_tls12_signature(message, certificate, signature, &self.algorithms),
            false => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.knows(signature.scheme) {
            true => verify_tls13_signature(message, certificate, signature, &self.algorithms),
            false => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// Has no certificate, and notes that it was asked for one.
#[derive(Debug, Default)]
struct Nameless {
    is_asked: AtomicBool,
}

impl ResolvesClientCert for Nameless {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.is_asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        // Otherwise it is not asked at all.
        true
    }
}

/// One handshake in one version of TLS, by a client that verifies these signatures only. Without a
/// name it sends none.
pub(crate) fn handshake(
    connection: io::Result<Connection>,
    name: Option<&ServerName<'static>>,
    version: &'static SupportedProtocolVersion,
    schemes: &[SignatureScheme],
) -> Seen {
    let provider: Arc<CryptoProvider> = rustls::crypto::ring::default_provider().into();
    let witness = Arc::new(Witness {
        schemes: schemes.to_vec(),
        algorithms: provider.signature_verification_algorithms,
        shown: Mutex::new(None),
    });
    let nameless = Arc::new(Nameless::default());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
    let mut config = match config {
        Ok(config) => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Witness>::clone(&witness))
            .with_client_cert_resolver(Arc::<Nameless>::clone(&nameless)),
        Err(error) => return Seen::Failed(error.to_string()),
    };
    config.enable_sni = name.is_some();
    let name = name.cloned();
    let name = name.or_else(|| ServerName::try_from("none.invalid").ok());
    let Some(name) = name else {
        return Seen::Failed("no name".to_owned());
    };
    let client = ClientConnection::new(Arc::new(config), name);
    let mut client = match client {
        Ok(client) => client,
        Err(error) => return Seen::Failed(error.to_string()),
    };
    let mut stream = match connection {
        Ok(stream) => stream,
        Err(error) => return Seen::Failed(error.to_string()),
    };
    let mut outcome = Ok(());
    while outcome.is_ok() && client.is_handshaking() {
        outcome = client.complete_io(&mut stream).map(drop);
    }
    let mut is_required = false;
    if outcome.is_ok() {
        client.send_close_notify();
        // The handshake is over, and the server may have hung up, or refuse who has no certificate:
        // in TLS 1.3 it does so now, when it has read what is sent first.
        let mut end = client.complete_io(&mut stream);
        let is_asked = nameless.is_asked.load(Ordering::Relaxed);
        while is_asked && matches!(end, Ok(moved) if moved != (0, 0)) {
            end = client.complete_io(&mut stream);
        }
        is_required = end.is_err_and(|error| alert_of(&error).is_some());
    }
    let wants = |is_required: bool| match (nameless.is_asked.load(Ordering::Relaxed), is_required) {
        (true, true) => ClientCertificate::Required,
        (true, false) => ClientCertificate::Optional,
        (false, _) => ClientCertificate::NotAsked,
    };
    let shown = witness.shown.lock().ok().and_then(|mut shown| shown.take());
    match outcome {
        Ok(()) => match shown {
            Some(shown) => Seen::Chain(shown, wants(is_required)),
            None => Seen::Failed("no certificate".to_owned()),
        },
        Err(error) => match (alert_of(&error), shown) {
            // A server that wants a certificate of its clients refuses when all is said.
            (Some(_), Some(shown)) => Seen::Chain(shown, wants(true)),
            (Some(alert), None) => Seen::Alert(alert),
            _ => Seen::Failed(error.to_string()),
        },
    }
}

/// The alert that an error is about.
fn alert_of(error: &io::Error) -> Option<AlertDescription> {
    let inner = error.get_ref()?.downcast_ref::<Error>()?;
    match inner {
        Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}
