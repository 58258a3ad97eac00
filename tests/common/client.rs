//! A TLS client that takes any certificate, and says which one it was given.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// The signature schemes of each kind that rustls knows.
pub const ECDSA: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
];
pub const RSA: &[SignatureScheme] = &[
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PSS_SHA256,
];
pub const BOTH: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PSS_SHA256,
];

/// Keeps what it is shown.
#[derive(Debug)]
struct Witness {
    schemes: &'static [SignatureScheme],
    /// With them it asks for a proof that the server has the certificate's key.
    algorithms: Option<WebPkiSupportedAlgorithms>,
    shown: Mutex<Option<Vec<Vec<u8>>>>,
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
        let chain = [end_entity].into_iter().chain(intermediates);
        let chain = chain.map(|certificate| certificate.to_vec()).collect();
        *self.shown.lock().expect("nothing panics with it") = Some(chain);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.algorithms {
            Some(all) => verify_tls12_signature(message, certificate, signature, all),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.algorithms {
            Some(all) => verify_tls13_signature(message, certificate, signature, all),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.to_vec()
    }
}

/// The DER of the certificate that the server shows; `None` when it sends an alert.
pub fn shown(
    socket: &Path,
    name: Option<&str>,
    schemes: &'static [SignatureScheme],
    version: &'static SupportedProtocolVersion,
) -> Option<Vec<u8>> {
    shown_chain(socket, name, schemes, version).map(|mut chain| chain.swap_remove(0))
}

/// As [`shown`], with what is sent behind that certificate, in order.
pub fn shown_chain(
    socket: &Path,
    name: Option<&str>,
    schemes: &'static [SignatureScheme],
    version: &'static SupportedProtocolVersion,
) -> Option<Vec<Vec<u8>>> {
    match handshake(socket, name, schemes, version, false) {
        Ok(chain) => Some(chain),
        Err(error) => {
            assert!(
                error.to_string().contains("received fatal alert"),
                "{error}"
            );
            None
        }
    }
}

/// As [`shown_chain`], of a server that proves that it has the key of the first.
///
/// # Errors
///
/// Whatever kept the handshake from its end: an alert, a missing proof, or something else.
pub fn proven_chain(
    socket: &Path,
    name: Option<&str>,
    schemes: &'static [SignatureScheme],
    version: &'static SupportedProtocolVersion,
) -> io::Result<Vec<Vec<u8>>> {
    handshake(socket, name, schemes, version, true)
}

fn handshake(
    socket: &Path,
    name: Option<&str>,
    schemes: &'static [SignatureScheme],
    version: &'static SupportedProtocolVersion,
    proves: bool,
) -> io::Result<Vec<Vec<u8>>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let witness = Arc::new(Witness {
        schemes,
        algorithms: proves.then_some(provider.signature_verification_algorithms),
        shown: Mutex::new(None),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("ring has it")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    config.enable_sni = name.is_some();
    let server = name.unwrap_or("nobody.example").to_owned();
    let server = ServerName::try_from(server).expect("a host name");
    let mut connection = ClientConnection::new(Arc::new(config), server).expect("a sound config");
    let mut stream = UnixStream::connect(socket)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    let shown = witness.shown.lock().expect("nothing panics with it").take();
    Ok(shown.expect("a handshake has a certificate"))
}
