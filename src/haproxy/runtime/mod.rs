//! HAProxy's Runtime API: what a running process has, and changing it without a reload.
//!
//! A [`Runtime`] is a client for a stats socket or for a master's socket, where commands go to the
//! newest worker with the prefix `@1`. Each command has a connection of its own and ends within a
//! timeout. What HAProxy says is kept in [`RuntimeError`]; payloads never are, as they hold keys.
//!
//! A certificate is changed in a transaction, of which a process has one at a time:
//! [`Runtime::begin`] takes it, [`Transaction::commit`] ends it, and dropping it aborts it.
//! Somebody else's is told, and left alone. None of this writes a file: after a reload HAProxy
//! has what is on disk.
//!
//! | what differs | until | since |
//! |---|---|---|
//! | the longest payload ([`Version::payload_limit`]) | 3.3: `tune.bufsize`, 16,384 bytes unless set | 3.4: `tune.cli.max-payload-size`, 131,072 unless set |
//! | a payload that is too long | 2.6: the connection is closed without a word | 3.0: the answer says "too big"; from a master it is the list of commands |
//! | the end of a payload | 2.6: an empty line | 3.0: or a word of one's own behind `<<`; the empty line still does |
//! | `set` of another certificate than the open transaction's | 2.6: goes into that one | 3.0: refused |
//!
//! The first column is from running 2.6, the last from the manuals and reports. Where a `set` went
//! into somebody else's transaction, which takes a race, that one is aborted before it can be
//! committed.
//!
//! ```no_run
//! use fullchain::haproxy::runtime::Runtime;
//! # fn f(bundle: &fullchain::Bundle) -> Result<(), fullchain::haproxy::runtime::RuntimeError> {
//!
//! let haproxy = Runtime::new("/run/haproxy/admin.sock".parse().expect("a path"))?;
//! let name = "/etc/haproxy/certs/www.example.com.pem";
//! let mut transaction = haproxy.begin(name)?;
//! transaction.set(fullchain::haproxy::pem(bundle).expose())?;
//! transaction.commit()?;
//! # Ok(())
//! # }
//! ```

mod error;
mod reply;
mod subject;
mod transport;

use std::time::Duration;

use super::{Address, CrtEntry, Version};
use transport::{Command, exchange};

pub use error::RuntimeError;
pub use reply::{Certificates, Info, ListedEntry, Shown};
pub use transport::MAX_REPLY;

/// How long a command may take, unless set: a commit of a certificate that thousands of lines use
/// takes HAProxy seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What begins the answer to a command that is not known, or not here.
const UNKNOWN: [&str; 3] = [
    "Unknown command",
    "The following commands are valid",
    "Missing ",
];

/// A client for HAProxy's Runtime API.
#[derive(Clone, Debug)]
pub struct Runtime {
    address: Address,
    timeout: Duration,
    /// `@1 ` where a master listens.
    prefix: &'static str,
    info: Info,
}

impl Runtime {
    /// For that socket, with 30 seconds for each command. It asks who is there, and finds out
    /// whether it is a master.
    ///
    /// # Errors
    ///
    /// As of [`info`](Self::info).
    pub fn new(address: Address) -> Result<Self, RuntimeError> {
        Self::with_timeout(address, TIMEOUT)
    }

    /// As [`new`](Self::new), with so much time for each command, connecting included.
    ///
    /// # Errors
    ///
    /// As of [`info`](Self::info).
    pub fn with_timeout(address: Address, timeout: Duration) -> Result<Self, RuntimeError> {
        let ask = |prefix| info(&address, prefix, timeout);
        let (prefix, info) = match ask("") {
            // A master knows few commands by itself.
            Err(RuntimeError::NotUnderstood { .. }) => ("@1 ", ask("@1 ")?),
            outcome => ("", outcome?),
        };
        Ok(Self {
            address,
            timeout,
            prefix,
            info,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether a master listens there, which passes commands to its newest worker.
    pub fn is_master(&self) -> bool {
        !self.prefix.is_empty()
    }

    /// The version of the process, as it was when this client was made.
    pub fn version(&self) -> Version {
        self.info.branch()
    }

    /// `show info`: what the process is.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]
    pub fn info(&self) -> Result<Info, RuntimeError> {
        info(&self.address, self.prefix, self.timeout)
    }

    /// `show ssl cert`: the certificates' names, and whether a transaction is open.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]
    pub fn certificates(&self) -> Result<Certificates, RuntimeError> {
        self.ask(&Command::new("show ssl cert"), Certificates::parse)
    }

    /// `show ssl cert NAME`: one certificate; `None` when HAProxy has none of that name.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]
    pub fn certificate(&self, name: &str) -> Result<Option<Shown>, RuntimeError> {
        let command = Command::new("show ssl cert").argument(name);
        self.ask(&command, |reply| {
            match reply.contains("Can't display the certificate: Not found") {
                true => Some(None),
                false => Shown::parse(reply).map(Some),
            }
        })
    }

    /// `new ssl cert NAME`: a certificate without content, which the next transaction brings.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]; [`RuntimeError::Refused`] when there is one of that name.
    pub fn create(&self, name: &str) -> Result<(), RuntimeError> {
        let command = Command::new("new ssl cert").argument(name);
        self.order(&command, "New empty certificate store")
    }

    /// `del ssl cert NAME`: a certificate that is no longer used.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]; [`RuntimeError::Refused`] when it is in use.
    pub fn delete(&self, name: &str) -> Result<(), RuntimeError> {
        let command = Command::new("del ssl cert").argument(name);
        self.order(&command, "' deleted!")
    }

    /// Takes the process's transaction for that certificate.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Busy`] when a transaction is open, about this certificate or another;
    /// [`RuntimeError`] else.
    pub fn begin(&self, name: &str) -> Result<Transaction<'_>, RuntimeError> {
        match self.certificates()?.transaction {
            Some(certificate) => Err(RuntimeError::Busy { certificate }),
            None => Ok(Transaction {
                runtime: self,
                name: name.to_owned(),
                is_open: false,
            }),
        }
    }

    /// `abort ssl cert NAME`: ends whoever's transaction about that certificate; none is no error.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]
    pub fn abort(&self, name: &str) -> Result<(), RuntimeError> {
        let command = Command::new("abort ssl cert").argument(name);
        let reply = self.send(&command)?;
        match reply.contains("Transaction aborted") || reply.contains("No ongoing transaction") {
            true => Ok(()),
            false => Err(refused(&command, reply)),
        }
    }

    /// `show ssl crt-list`: the names of crt-lists and of folders of certificates, as the
    /// configuration has them; a folder's without slashes at its end.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]
    pub fn crt_lists(&self) -> Result<Vec<String>, RuntimeError> {
        // Without any, nothing is listed.
        let reply = self.send(&Command::new("show ssl crt-list"))?;
        Ok(reply::crt_lists(&reply))
    }

    /// `show ssl crt-list -n NAME`: the entries of a crt-list or folder, in order.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]
    pub fn crt_list(&self, name: &str) -> Result<Vec<ListedEntry>, RuntimeError> {
        self.ask(
            &Command::new("show ssl crt-list -n").argument(name),
            reply::entries,
        )
    }

    /// `add ssl crt-list LIST`: a certificate that HAProxy has joins a crt-list or folder, and is
    /// served from then on.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]
    pub fn add(&self, list: &str, entry: &CrtEntry) -> Result<(), RuntimeError> {
        let command = Command::new("add ssl crt-list").argument(list);
        // A folder takes names only, and a payload is for the others.
        let line = entry.to_string();
        let command = match line == entry.file() {
            true => command.argument(&line),
            false => command.payload(&line),
        };
        self.order(&command, "Success!")
    }

    /// `del ssl crt-list LIST NAME[:LINE]`: a certificate leaves a crt-list or folder.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]; [`RuntimeError::Refused`] for a default certificate.
    pub fn remove(&self, list: &str, file: &str, line: Option<usize>) -> Result<(), RuntimeError> {
        let file = match line {
            Some(line) => format!("{file}:{line}"),
            None => file.to_owned(),
        };
        let command = Command::new("del ssl crt-list").argument(list);
        self.order(&command.argument(&file), "deleted in crtlist")
    }

    fn send(&self, command: &Command<'_>) -> Result<String, RuntimeError> {
        let reply = exchange(&self.address, self.prefix, command, self.timeout)?;
        judged(command, reply)
    }

    fn ask<T>(
        &self,
        command: &Command<'_>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, RuntimeError> {
        let reply = self.send(command)?;
        parse(&reply).ok_or_else(|| not_understood(command, reply))
    }

    /// A command that is done when HAProxy says so.
    fn order(&self, command: &Command<'_>, done: &str) -> Result<(), RuntimeError> {
        let reply = self.send(command)?;
        match reply.contains(done) {
            true => Ok(()),
            false => Err(refused(command, reply)),
        }
    }
}

/// The one transaction of a process, for as long as this lives: dropped without a commit, it is
/// aborted.
#[derive(Debug)]
pub struct Transaction<'r> {
    runtime: &'r Runtime,
    name: String,
    is_open: bool,
}

impl Transaction<'_> {
    /// `set ssl cert NAME`: the certificates and the key, as [`pem`](super::pem()) has them.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]; [`RuntimeError::Closed`] may mean that it is longer than
    /// [`Version::payload_limit`].
    pub fn set(&mut self, pem: &str) -> Result<(), RuntimeError> {
        self.set_part("", pem)
    }

    /// `set ssl cert NAME.ocsp`: the OCSP response (RFC 6960), in DER.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]
    pub fn set_ocsp(&mut self, der: &[u8]) -> Result<(), RuntimeError> {
        use base64ct::{Base64, Encoding};
        self.set_part(".ocsp", &Base64::encode_string(der))
    }

    fn set_part(&mut self, suffix: &str, payload: &str) -> Result<(), RuntimeError> {
        let name = [&self.name, suffix].concat();
        let command = Command::new("set ssl cert")
            .argument(&name)
            .payload(payload);
        // From here on nobody knows, unless HAProxy says that there is none.
        let was_open = std::mem::replace(&mut self.is_open, true);
        let reply = self.runtime.send(&command)?;
        match about(&reply) {
            Some(certificate) if certificate == self.name => return Ok(()),
            Some(certificate) => {
                self.is_open = was_open;
                // Their next commit would make HAProxy serve this in the place of theirs.
                let _ = self.runtime.abort(certificate);
                return Err(RuntimeError::Busy {
                    certificate: certificate.to_owned(),
                });
            }
            None => {}
        }
        self.is_open = was_open;
        match ongoing(&reply) {
            Some(certificate) => Err(RuntimeError::Busy { certificate }),
            None => Err(refused(&command, reply)),
        }
    }

    /// `commit ssl cert NAME`: from now on new connections get it, all at once.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]; the transaction is then aborted.
    pub fn commit(mut self) -> Result<(), RuntimeError> {
        let command = Command::new("commit ssl cert").argument(&self.name);
        self.runtime.order(&command, "Success!")?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // There is nobody to tell; whoever comes next finds it open, and says so.
            let _ = self.runtime.abort(&self.name);
        }
    }
}

fn info(address: &Address, prefix: &str, timeout: Duration) -> Result<Info, RuntimeError> {
    let command = Command::new("show info");
    let reply = judged(&command, exchange(address, prefix, &command, timeout)?)?;
    Info::parse(&reply).ok_or_else(|| not_understood(&command, reply))
}

/// What every command may be answered with.
fn judged(command: &Command<'_>, reply: String) -> Result<String, RuntimeError> {
    let text = reply.trim();
    if text.starts_with("Permission denied") {
        return Err(RuntimeError::NotPermitted {
            command: command.words(),
        });
    }
    match UNKNOWN.iter().any(|unknown| text.starts_with(unknown)) {
        true => Err(not_understood(command, reply)),
        false => Ok(reply),
    }
}

/// The certificate of the transaction that a `set` went into. HAProxy 2.6 takes a `set` of
/// another certificate, too, and puts its content there.
fn about(reply: &str) -> Option<&str> {
    let starts = [
        "Transaction created for certificate ",
        "Transaction updated for certificate ",
    ];
    let found = starts.iter().find_map(|start| reply.split_once(start));
    let (name, _) = found?.1.split_once("!\n")?;
    Some(name)
}

/// The certificate of somebody else's transaction, which a `set` ran into.
fn ongoing(reply: &str) -> Option<String> {
    let (_, rest) = reply.split_once("The ongoing transaction is about '")?;
    let (name, _) = rest.split_once('\'')?;
    Some(name.to_owned())
}

fn refused(command: &Command<'_>, words: String) -> RuntimeError {
    RuntimeError::Refused {
        command: command.words(),
        words,
    }
}

fn not_understood(command: &Command<'_>, words: String) -> RuntimeError {
    RuntimeError::NotUnderstood {
        command: command.words(),
        words,
    }
}
