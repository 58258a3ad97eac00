//! A web server for `localhost` with a certificate of a test's own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::pki::Ca;

/// Serves this content to whoever asks for anything, for as long as the test runs: at the port.
pub fn serve(root: &Ca, content: Vec<u8>) -> u16 {
    let leaf = root.leaf_named("localhost");
    let key = PrivatePkcs8KeyDer::from(leaf.key_der.clone());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(leaf.cert_der)], key.into())
        .expect("the key is the certificate's");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a sound config");
            let mut stream = StreamOwned::new(connection, stream);
            // A client that does not trust it goes away.
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok() {
                let length = content.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"
                );
                let _ = stream.write_all(&content);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}
