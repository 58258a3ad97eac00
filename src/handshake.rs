//! A TLS handshake with a server, to see what it shows.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::haproxy::Address;

/// What a server did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It showed these certificates, and had the key of the first.
    Chain(Vec<CertificateDer<'static>>),
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

/// One handshake in one version of TLS, by a client that verifies these signatures only. Without a
/// name it sends none.
pub(crate) fn handshake(
    address: &Address,
    name: Option<&ServerName<'static>>,
    version: &'static SupportedProtocolVersion,
    schemes: &[SignatureScheme],
    deadline: Instant,
) -> Seen {
    let provider: Arc<CryptoProvider> = rustls::crypto::ring::default_provider().into();
    let witness = Arc::new(Witness {
        schemes: schemes.to_vec(),
        algorithms: provider.signature_verification_algorithms,
        shown: Mutex::new(None),
    });
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
    let mut config = match config {
        Ok(config) => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Witness>::clone(&witness))
            .with_no_client_auth(),
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
    let mut stream = match address.connect(deadline) {
        Ok(stream) => stream,
        Err(error) => return Seen::Failed(error.to_string()),
    };
    let mut outcome = Ok(());
    while outcome.is_ok() && client.is_handshaking() {
        outcome = client.complete_io(&mut stream).map(drop);
    }
    if outcome.is_ok() {
        client.send_close_notify();
        // The handshake is over, and the server may have hung up.
        let _ = client.complete_io(&mut stream);
    }
    let shown = witness.shown.lock().ok().and_then(|mut shown| shown.take());
    match outcome {
        Ok(()) => shown.map_or_else(|| Seen::Failed("no certificate".to_owned()), Seen::Chain),
        Err(error) => {
            let inner = error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<Error>());
            match (inner, shown) {
                // A server that wants a certificate of its clients refuses when all is said.
                (Some(Error::AlertReceived(_)), Some(shown)) => Seen::Chain(shown),
                (Some(Error::AlertReceived(alert)), None) => Seen::Alert(*alert),
                _ => Seen::Failed(error.to_string()),
            }
        }
    }
}
