//! Which of the clients that people meet can connect, and with what.

use std::io;

use super::{Answer, Hello, Probe};
use crate::tls::Client;

/// A client, and what the server answers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Visit {
    /// The client.
    pub client: &'static Client,
    /// With a ServerHello it can connect, as far as the handshake is in plain text.
    pub answer: Answer,
}

impl Probe {
    /// Asks as each of the clients would that are known here ([`Client::ALL`]).
    ///
    /// # Errors
    ///
    /// As of [`ask`](Self::ask).
    pub fn visits(&self) -> io::Result<Vec<Visit>> {
        let visits = Client::ALL.iter().map(|client| {
            let answer = self.ask(&Hello::of_client(client))?;
            Ok(Visit { client, answer })
        });
        visits.collect()
    }
}
