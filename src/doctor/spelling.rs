//! Words on bind and server lines that HAProxy does not take for what they were meant to be.

use strsim::damerau_levenshtein;

use super::change::Change;
use super::rules::is_host;
use super::{Diagnosis, Room};
use crate::explain::Cause;
use crate::finding::{Code, Severity};
use crate::haproxy::config::{BIND_VALUES, Line, SERVER_VALUES, Side};

/// The options for TLS that bind and server lines have in common, up to HAProxy 3.3.
const BOTH: [&str; 27] = [
    "allow-0rtt",
    "alpn",
    "ca-file",
    "ciphers",
    "ciphersuites",
    "client-sigalgs",
    "crl-file",
    "curves",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "ktls",
    "no-sslv3",
    "no-tls-tickets",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "npn",
    "renegotiate",
    "sigalgs",
    "ssl-max-ver",
    "ssl-min-ver",
    "tls-tickets",
    "verify",
];
/// Those of bind lines alone.
const BIND: [&str; 14] = [
    "ca-ignore-err",
    "ca-sign-file",
    "ca-sign-pass",
    "ca-verify-file",
    "crt-ignore-err",
    "crt-list",
    "default-crt",
    "ecdhe",
    "generate-certificates",
    "no-ca-names",
    "ocsp-update",
    "prefer-client-ciphers",
    "strict-sni",
    "tls-ticket-keys",
];
/// Those of server lines alone.
const SERVER: [&str; 7] = [
    "check-alpn",
    "check-sni",
    "check-sni-auto",
    "check-ssl",
    "sni-auto",
    "ssl-reuse",
    "verifyhost",
];

/// The most bytes of a word that may be meant for one of them: comparing takes as many steps as
/// both have letters, multiplied.
const MAX_LENGTH: usize = 32;

impl Room<'_> {
    /// Options that are nearly some, and values whose variables are none.
    pub(super) fn spelling(&mut self) {
        let config = self.config;
        for line in config.sections.iter().flat_map(|section| &section.lines) {
            let keyword = line.keyword();
            let (side, skipped) = match keyword.as_str() {
                "bind" => (Side::Bind, 1),
                "server" => (Side::Server, 2),
                "server-template" => (Side::Server, 3),
                "default-server" => (Side::Server, 0),
                "ca-base" | "crt-base" | "issuers-chain-path" | "ssl-dh-param-file" => {
                    self.variable(line, &keyword, &line.text(1));
                    continue;
                }
                _ => continue,
            };
            self.options(line, side, skipped);
        }
    }

    fn options(&mut self, line: &Line, side: Side, skipped: usize) {
        let with_value: &[&str] = match side {
            Side::Bind => &BIND_VALUES,
            Side::Server => &SERVER_VALUES,
        };
        let mut words = line.arguments().skip(skipped);
        while let Some(word) = words.next() {
            let option = word.text();
            if with_value.contains(&&*option) {
                if let Some(value) = words.next() {
                    self.variable(line, &option, &value.text());
                    if side == Side::Server {
                        self.expression(line, &option, &value.text());
                    }
                }
            } else if let Some(meant) = meant(&option, side) {
                let message = format!("HAProxy knows no option {option}; {meant} is nearest");
                let (code, cause) = (Code::MisspeltOption, Cause::Setup);
                let origin = line.origin();
                let change = Change::Word(option.to_string(), meant.to_owned());
                let edit = self.texts.edit(&origin, change);
                let diagnosis = Diagnosis::new(code, cause, Some(&origin), message);
                self.push(diagnosis.edit(edit).stops());
            }
        }
    }

    /// What is left of a variable where it was not replaced by its value.
    fn variable(&mut self, line: &Line, option: &str, value: &str) {
        if !value.contains("${") {
            return;
        }
        let message = format!("the variable in {option} {value} is not replaced by its value");
        let (code, cause) = (Code::UnexpandedVariable, Cause::Setup);
        let origin = line.origin();
        let is_plain = !value.contains(['"', '\\']);
        let change = Change::Word(value.to_owned(), format!("\"{value}\""));
        let edit = is_plain.then(|| self.texts.edit(&origin, change)).flatten();
        self.push(Diagnosis::new(code, cause, Some(&origin), message).edit(edit));
    }

    /// A name where an expression belongs, or the other way round.
    fn expression(&mut self, line: &Line, option: &str, value: &str) {
        let inner = value
            .strip_prefix("str(")
            .and_then(|it| it.strip_suffix(')'));
        let (severity, message, change) = match (option, inner) {
            ("sni", _) if is_host(value) && !is_fetch(value) => (
                Severity::Error,
                format!("sni takes an expression, and {value} is a name"),
                Change::Set("sni", format!("str({value})")),
            ),
            ("check-sni", Some(inner)) => (
                Severity::Warning,
                format!("health checks send the name \"{value}\""),
                Change::Set("check-sni", inner.to_owned()),
            ),
            ("verifyhost", Some(inner)) => (
                Severity::Error,
                format!("a certificate for the name \"{value}\" is wanted"),
                Change::Set("verifyhost", inner.to_owned()),
            ),
            _ => return,
        };
        let (code, cause) = (Code::SniExpression, Cause::Backend);
        let origin = line.origin();
        let edit = self.texts.edit(&origin, change);
        let diagnosis = Diagnosis::new(code, cause, Some(&origin), message);
        let diagnosis = diagnosis.severity(severity).edit(edit);
        self.push(match option {
            "sni" => diagnosis.stops(),
            _ => diagnosis,
        });
    }
}

/// Whether what looks like a host is, or may be, a sample fetch of HAProxy's.
fn is_fetch(name: &str) -> bool {
    let families = ["req.", "res.", "capture.", "internal.", "lua.", "51d."];
    families.iter().any(|it| name.starts_with(it))
}

/// The option for TLS that a word was meant to be: written with other dashes, or with a letter or two
/// that are wrong.
fn meant(word: &str, side: Side) -> Option<&'static str> {
    let own: &[&str] = match side {
        Side::Bind => &BIND,
        Side::Server => &SERVER,
    };
    let known = || BOTH.iter().chain(own).copied();
    // Some of them are one with `no-` before them, too.
    let bare = word.strip_prefix("no-").unwrap_or(word);
    if word.len() > MAX_LENGTH || known().any(|it| it == word || it == bare) {
        return None;
    }
    let letters = |word: &str| word.to_ascii_lowercase().replace(['-', '_', '.'], "");
    let written = letters(word);
    let distances = known().filter_map(|it| {
        let letters = letters(it);
        let distance = damerau_levenshtein(&letters, &written);
        let most = match letters.len() {
            ..5 => 0,
            5..9 => 1,
            _ => 2,
        };
        (distance <= most).then_some((distance, it))
    });
    distances.min().map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_an_option_is_told_from_what_is_none() {
        for (side, word, expected) in [
            (Side::Bind, "ssl-minver", "ssl-min-ver"),
            (Side::Bind, "cipher", "ciphers"),
            (Side::Bind, "ciphersuits", "ciphersuites"),
            (Side::Bind, "strict_sni", "strict-sni"),
            (Side::Bind, "no-tlsv1.0", "no-tlsv10"),
            (Side::Bind, "crtlist", "crt-list"),
            (Side::Bind, "prefer-client-cipher", "prefer-client-ciphers"),
            (Side::Server, "verify-host", "verifyhost"),
            (Side::Server, "cafile", "ca-file"),
            (Side::Server, "check_ssl", "check-ssl"),
        ] {
            assert_eq!(meant(word, side), Some(expected), "{word}");
        }
        // Of both kinds of lines, up to HAProxy 3.3.
        let flags = "accept-proxy accept-netscaler-cip defer-accept tfo transparent v4v6 v6only ssl \
            no-strict-sni no-alpn agent-check backup check check-send-proxy check-via-socks4 cookie \
            disabled enabled no-agent-check no-backup no-check no-check-send-proxy no-check-ssl \
            no-send-proxy no-send-proxy-v2 no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn no-ssl \
            no-ssl-reuse no-tfo non-stick no-verifyhost no-renegotiate no-sni-auto \
            no-check-sni-auto send-proxy send-proxy-v2 send-proxy-v2-ssl send-proxy-v2-ssl-cn \
            set-proxy-v2-tlv-fmt stick strict-maxconn init-state quic-force-retry crt \
            sni usesrc redir track weight ws pool-conn-name hash-key log-bufsize";
        let (binds, servers) = (BIND_VALUES.iter(), SERVER_VALUES.iter());
        let words = binds
            .chain(servers)
            .copied()
            .chain(flags.split_whitespace());
        for word in words {
            assert_eq!(meant(word, Side::Bind), None, "{word}");
            assert_eq!(meant(word, Side::Server), None, "{word}");
        }
    }
}
