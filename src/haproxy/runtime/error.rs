//! Why a command was not done.

use std::fmt;
use std::io;

use crate::base::text::Printable;
use crate::haproxy::Address;

/// A command was not done, as far as is known. No text in it comes from a payload.
#[derive(Debug)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The socket cannot be reached, or broke while the command was sent.
    Unreachable {
        /// The socket.
        address: Address,
        /// The command, without its payload.
        command: String,
        /// What the system said.
        error: io::Error,
    },
    /// HAProxy did not answer in time. The command may have been done.
    TimedOut {
        /// The socket.
        address: Address,
        /// The command, without its payload.
        command: String,
    },
    /// HAProxy closed the connection without an answer, or in the middle of it. The command may
    /// have been done; a payload that is too long ends like this, too.
    Closed {
        /// The command, without its payload.
        command: String,
    },
    /// The socket is not for administrators: its `stats socket` line has no `level admin`.
    NotPermitted {
        /// The command, without its payload.
        command: String,
    },
    /// Somebody else's transaction is open, and HAProxy has one at a time.
    Busy {
        /// The certificate that it is about.
        certificate: String,
    },
    /// HAProxy refused the command.
    Refused {
        /// The command, without its payload.
        command: String,
        /// What HAProxy said.
        words: String,
    },
    /// The answer is not what this command is answered with.
    NotUnderstood {
        /// The command, without its payload.
        command: String,
        /// What HAProxy said.
        words: String,
    },
    /// The command cannot be written: a name has a line end or a NUL in it, or a payload has an
    /// empty line, which would end it.
    Unwritable {
        /// The command, without its payload.
        command: String,
    },
}

impl RuntimeError {
    /// What HAProxy said, where it said something.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Refused { words, .. } | Self::NotUnderstood { words, .. } => Some(words),
            _ => None,
        }
    }
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |command: &str| Printable(command).to_string();
        match self {
            Self::Unreachable {
                address,
                command,
                error,
            } => write!(f, "cannot send \"{}\" to {address}: {error}", said(command)),
            Self::TimedOut { address, command } => write!(
                f,
                "no answer in time from {address} to \"{}\"",
                said(command)
            ),
            Self::Closed { command } => write!(
                f,
                "HAProxy closed the connection before it had answered \"{}\"",
                said(command)
            ),
            Self::NotPermitted { command } => write!(
                f,
                "HAProxy does not permit \"{}\" on this socket: its line needs \"level admin\"",
                said(command)
            ),
            Self::Busy { certificate } => write!(
                f,
                "another transaction is open in HAProxy, about {0}; if nobody is at it, end it with \"abort ssl cert {0}\"",
                Printable(certificate)
            ),
            Self::Refused { command, words } => write!(
                f,
                "HAProxy refused \"{}\": {}",
                said(command),
                Printable(&one_line(words))
            ),
            Self::NotUnderstood { command, words } => write!(
                f,
                "HAProxy answered \"{}\" with something else: {}",
                said(command),
                Printable(&one_line(words))
            ),
            Self::Unwritable { command } => write!(
                f,
                "\"{}\" cannot be sent: it has a line end where none may be",
                said(command)
            ),
        }
    }
}

impl std::error::Error for RuntimeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable { error, .. } => Some(error),
            _ => None,
        }
    }
}

fn one_line(words: &str) -> String {
    let lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}
