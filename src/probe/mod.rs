//! What a TLS server does, asked from outside.
//!
//! A [`Probe`] sends ClientHellos of its own making, up to the server's answer: any version of TLS
//! from 1.0 on, any cipher suite, group and signature scheme, so that [`Probe::matrix`] says all
//! that a server accepts, whatever libraries of today would refuse to speak. Nothing is negotiated
//! to the end by them. Whatever bytes a server sends, and however slowly, an answer comes by the
//! deadline: [`MAX_ANSWER`] bytes are read at most.
//!
//! ```no_run
//! use fullchain::probe::{Answer, Hello, Probe};
//! use fullchain::tls::Version;
//!
//! let probe = Probe::new("127.0.0.1:443".parse()?).name("www.example.com");
//! let Answer::Hello(chosen) = probe.ask(&Hello::of(Version::Tls10))? else {
//!     return Ok(()); // TLS 1.0 is refused.
//! };
//! println!("{} with {:?}", chosen.version, chosen.cipher_suite());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod handshake;
mod hello;
mod matrix;
mod visit;

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};

use crate::haproxy::{Address, Connection};

pub use answer::{Answer, MAX_ANSWER, MAX_CERTIFICATES, ServerHello};
pub use handshake::{Keys, Shown};
pub use hello::Hello;
pub use matrix::{Matrix, Row};
pub use visit::Visit;

/// How long one question may take, unless set.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks one server.
#[derive(Clone, Debug)]
pub struct Probe {
    address: Address,
    name: Option<String>,
    timeout: Duration,
    is_proxied: bool,
}

impl Probe {
    /// Of the server at that address. It sends no name, and has 5 seconds for each question.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            name: None,
            timeout: TIMEOUT,
            is_proxied: false,
        }
    }

    /// The name that is sent (SNI).
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How long one question may take, connecting included.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether each connection begins with a header of the PROXY protocol (version 1, `PROXY
    /// UNKNOWN`), as a server with `accept-proxy` wants it.
    #[must_use]
    pub fn proxied(mut self, proxied: bool) -> Self {
        self.is_proxied = proxied;
        self
    }

    fn connect(&self, deadline: Instant) -> io::Result<Connection> {
        let mut connection = self.address.connect(deadline)?;
        if self.is_proxied {
            connection.write_all(b"PROXY UNKNOWN\r\n")?;
        }
        Ok(connection)
    }

    /// Sends a ClientHello, with this probe's name unless it has one, and reads the answer.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or does not answer in time.
    pub fn ask(&self, hello: &Hello) -> io::Result<Answer> {
        let deadline = Instant::now() + self.timeout;
        let mut random = [0; 32];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|_| io::Error::other("the system has no random bytes"))?;
        let named = Hello {
            name: hello.name.clone().or_else(|| self.name.clone()),
            ..hello.clone()
        };
        let mut connection = self.connect(deadline)?;
        connection.write_all(&named.to_bytes(random))?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let count = match connection.read(&mut buffer) {
                Ok(count) => count,
                // What it said before it hung up counts.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(error),
            };
            if count == 0 {
                return Ok(Answer::at_end(&bytes));
            }
            bytes.extend(buffer.iter().take(count));
            if let Some(answer) = Answer::parse(&bytes) {
                return Ok(answer);
            }
        }
    }
}
