//! One command, one connection, one answer.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::RuntimeError;
use crate::haproxy::Address;

/// The longest answer that is read, in bytes: a hundred thousand certificates have 6 MB of names.
pub const MAX_REPLY: u64 = 64 * 1024 * 1024;

/// A command: words, and perhaps a payload, which may be secret.
pub(super) struct Command<'c> {
    words: String,
    payload: Option<&'c str>,
}

impl<'c> Command<'c> {
    /// The keywords, as they are.
    pub(super) fn new(keywords: &str) -> Self {
        Self {
            words: keywords.to_owned(),
            payload: None,
        }
    }

    /// One more argument, escaped: HAProxy splits at blanks, and a semicolon ends the command.
    pub(super) fn argument(mut self, argument: &str) -> Self {
        self.words.push(' ');
        for c in argument.chars() {
            if matches!(c, ' ' | '\\' | ';' | '"' | '\'' | '#' | '\t') {
                self.words.push('\\');
            }
            self.words.push(c);
        }
        self
    }

    pub(super) fn payload(mut self, payload: &'c str) -> Self {
        self.payload = Some(payload);
        self
    }

    /// The command without its payload.
    pub(super) fn words(&self) -> String {
        self.words.clone()
    }

    /// What is sent; `None` when that would be something else than what is meant.
    fn bytes(&self, prefix: &str) -> Option<Zeroizing<String>> {
        if self.words.contains(['\n', '\r', '\0']) {
            return None;
        }
        let Some(payload) = self.payload else {
            return Some(Zeroizing::new([prefix, &self.words, "\n"].concat()));
        };
        let payload = payload.trim_end_matches(['\n', '\r']);
        if payload.contains('\0') || payload.lines().any(|line| line.trim().is_empty()) {
            return None;
        }
        let parts = [prefix, &self.words, " <<\n", payload, "\n\n"];
        Some(Zeroizing::new(parts.concat()))
    }
}

/// Sends a command, and reads the answer to its end.
pub(super) fn exchange(
    address: &Address,
    prefix: &str,
    command: &Command<'_>,
    timeout: Duration,
) -> Result<String, RuntimeError> {
    let words = || [prefix, &command.words].concat();
    let bytes = command
        .bytes(prefix)
        .ok_or_else(|| RuntimeError::Unwritable { command: words() })?;
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::TimedOut => RuntimeError::TimedOut {
            address: address.clone(),
            command: words(),
        },
        _ => RuntimeError::Unreachable {
            address: address.clone(),
            command: words(),
            error,
        },
    };
    let deadline = Instant::now() + timeout;
    let mut connection = address.connect(deadline).map_err(failed)?;
    let sent = connection.write_all(bytes.as_bytes());
    // A command that is too long is answered before all of it was taken.
    if let Err(error) = sent.as_ref()
        && !matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        )
    {
        sent.map_err(failed)?;
    }
    // A master waits for more commands behind one that it does not know. When this fails the
    // answer says why.
    let _ = connection.finish();
    let mut reply = Vec::new();
    match connection.take(MAX_REPLY).read_to_end(&mut reply) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => return Err(failed(error)),
        _ => {}
    }
    match is_whole(&reply) {
        true => Ok(String::from_utf8_lossy(&reply).into_owned()),
        false => Err(RuntimeError::Closed { command: words() }),
    }
}

/// Every answer ends with an empty line, as HAProxy's management guide says (section 9.3), and as
/// one does that is nothing else.
fn is_whole(reply: &[u8]) -> bool {
    reply.ends_with(b"\n\n") || reply == b"\n"
}

#[cfg(test)]
mod tests {
    use super::{Command, is_whole};

    #[test]
    fn an_answer_that_was_cut_is_none() {
        let whole = b"Transaction created for certificate /a!\n\n";
        assert!(is_whole(whole) && is_whole(b"\n"));
        for length in 0..whole.len() {
            assert!(!is_whole(&whole[..length]), "{length}");
        }
    }

    fn sent(command: Command<'_>) -> Option<String> {
        command.bytes("@1 ").map(|it| it.to_string())
    }

    #[test]
    fn arguments_stay_one_word_and_one_command() {
        let command = Command::new("show ssl cert").argument("/a b;show\\info.pem");
        let owed = "@1 show ssl cert /a\\ b\\;show\\\\info.pem\n";
        assert_eq!(sent(command).as_deref(), Some(owed));
        for name in ["a\nshow info", "a\r", "a\0"] {
            assert_eq!(sent(Command::new("show").argument(name)), None);
        }
    }

    #[test]
    fn a_payload_ends_with_its_only_empty_line() {
        let set = || Command::new("set ssl cert").argument("a");
        let owed = "@1 set ssl cert a <<\none\ntwo\n\n";
        assert_eq!(sent(set().payload("one\ntwo\n\n")).as_deref(), Some(owed));
        for payload in ["one\n\ntwo", "one\n \t\ntwo", "\none", "a\0b"] {
            assert_eq!(sent(set().payload(payload)), None, "{payload:?}");
        }
    }
}
