//! What is meant by the words and numbers that people find in HAProxy's log, in its messages when
//! it starts, in OpenSSL's errors, in TLS alerts, and in this crate's own findings.
//!
//! ```
//! use fullchain::explain::{Cause, explain};
//!
//! let said = "error:0A000418:SSL routines::tlsv1 alert unknown ca";
//! let explanation = explain(said).expect("it is known");
//! assert_eq!(explanation.cause, Cause::Chain);
//! assert_eq!(explain("167773208").map(|it| it.title), Some(explanation.title));
//! ```

mod alert;
mod log;
mod message;
mod openssl;
mod reasons;

use std::fmt;

use crate::finding::Code;

pub use log::{Failures, Line, LogSummary, MAX_CLIENTS};

/// What lies behind a failure of a TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Cause {
    /// No version, cipher suite, group or protocol in common.
    Protocol,
    /// The certificates that are sent: incomplete, in the wrong order, expired, not trusted.
    Chain,
    /// The certificate's key: of the wrong type, too weak, or another certificate's.
    Key,
    /// Which certificate is chosen for which name.
    Sni,
    /// How HAProxy verifies the server behind it.
    Backend,
    /// The client's certificate.
    Client,
    /// What came is no TLS.
    NotTls,
    /// The network, or somebody who hung up.
    Network,
    /// The configuration or a file, when HAProxy starts.
    Setup,
    /// A fault of software on either side, or in between.
    Software,
    /// It cannot be told from this.
    Unknown,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Protocol => "protocol or cipher mismatch",
            Self::Chain => "incomplete or untrusted chain",
            Self::Key => "key of the certificate",
            Self::Sni => "name and certificate (SNI)",
            Self::Backend => "backend verification",
            Self::Client => "client's certificate",
            Self::NotTls => "no TLS",
            Self::Network => "network, or hung up",
            Self::Setup => "configuration or file",
            Self::Software => "fault of software",
            Self::Unknown => "not told",
        })
    }
}

/// What a word means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explanation {
    /// The word in one of its forms: a code, an error's number, an alert's name, words of
    /// HAProxy's.
    pub word: String,
    /// What it is.
    pub title: String,
    /// What it points to.
    pub cause: Cause,
    /// What it means.
    pub meaning: String,
    /// What to do; `None` when nothing need be done.
    pub cure: Option<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "  cause: {}", self.cause)?;
        writeln!(f, "  {}", self.meaning)?;
        match &self.cure {
            Some(cure) => writeln!(f, "  = help: {cure}"),
            None => Ok(()),
        }
    }
}

/// Explains a finding's code (`missing-issuer`), an error number of OpenSSL's in decimal or
/// hexadecimal, a TLS alert (`unknown_ca`, `alert 48`), or a text of OpenSSL's or HAProxy's with
/// such words in it. `None` for what is not known.
pub fn explain(word: &str) -> Option<Explanation> {
    code(word)
        .or_else(|| alert::explain(word))
        .or_else(|| (word.trim() == NO_ERROR).then(hung_up))
        .or_else(|| openssl::number(word).and_then(openssl::explain))
        .or_else(|| in_text(word))
}

/// No error of OpenSSL's, as `ssl_fc_err,hex` has it.
const NO_ERROR: &str = "0000000000000000";

/// A handshake that failed without an error of OpenSSL's.
fn hung_up() -> Explanation {
    Explanation {
        word: NO_ERROR.to_owned(),
        title: "no error of OpenSSL's: the other side hung up".to_owned(),
        cause: Cause::Network,
        meaning: "The other side closed the connection before the handshake was over, and sent no alert: mostly a health check that only connects or that ends with its own part of the handshake, or a scanner.".to_owned(),
        cure: Some("Nothing, if it comes from a load balancer at regular times; a check that asks for a page in TLS (`check-ssl`, `option httpchk`) leaves no such lines.".to_owned()),
    }
}

/// What is said in a longer text, such as a line of a log.
fn in_text(text: &str) -> Option<Explanation> {
    let quoted = text
        .split_once("error:")
        .map(|(_, rest)| format!("error:{rest}"));
    let error = quoted
        .and_then(|it| openssl::number(&it))
        .and_then(openssl::explain);
    let message = message::explain(text);
    match (error, message) {
        (Some(error), _) => Some(error),
        (None, Some(vague)) if vague.word == message::VAGUE && text.contains(NO_ERROR) => {
            Some(hung_up())
        }
        (None, Some(message)) if message.cause != Cause::Unknown => Some(message),
        (None, message) => openssl::by_words(text).or(message),
    }
}

fn code(word: &str) -> Option<Explanation> {
    let code = Code::ALL.iter().find(|code| code.as_str() == word.trim())?;
    Some(Explanation {
        word: code.to_string(),
        title: format!(
            "the finding {code}, usually of severity {}",
            code.severity()
        ),
        cause: cause_of(*code),
        meaning: code.cause().to_owned(),
        cure: code.cure().map(str::to_owned),
    })
}

/// The cause of failure that a finding warns of.
pub(crate) fn cause_of(code: Code) -> Cause {
    use Code::*;
    match code {
        NoKey | KeyMismatch | AmbiguousPair | EncryptedKey | WrongPassphrase | UnsupportedKey
        | InconsistentKey | KeyRewritten | KeyLeftOut | KeyDecrypted | DuplicateKey | WeakKey
        | UnfitKey | SharedKey | TwinMissing | TwinsDiffer => Cause::Key,
        DefaultCertificate | DefaultChanged | NameClaimedTwice | WildcardWins | NeverAnswers
        | FilterHidesNames | VoidFilter | OddCommonName | NameMismatch | NameLost
        | CrtListSyntax => Cause::Sni,
        HostWithoutCertificate | StrictSniAlerts | NameNeverSeen => Cause::Sni,
        NotLoaded | SideFile | NotNamed | ConfigSyntax | ConfigMessage | ConditionUnknown
        | UnknownVariable | UnexpandedVariable | EmptyWord | MisspeltOption | NewerOption
        | ErrorsNotLogged | UnknownFetch => Cause::Setup,
        WeakDhParameters
        | DuplicateDhParameters
        | TlsVersions
        | CipherString
        | UnknownCipher
        | KeyBelowLevel
        | SslMissing
        | Tls13InCiphers
        | TlsList
        | VersionBlocked
        | NoUsableCipher
        | LegacyVersion
        | WeakCipher
        | Guideline
        | ClientShutOut => Cause::Protocol,
        VerifyWithoutCa
        | BackendUnverified
        | BackendAnyName
        | BackendWithoutSni
        | BackendUntrusted
        | SniExpression
        | BackendName
        | BackendRefuses
        | BackendPlain
        | BackendSpeaksTls
        | TlsInTls
        | BackendWantsCertificate
        | BackendUnreachable
        | CheckWithoutTls
        | CheckWithoutSni => Cause::Backend,
        CaFile | CaFileWithoutRoot => Cause::Backend,
        CrlFile | CrlMissing | CrlStale => Cause::Client,
        ClientsUnverified => Cause::Client,
        NotServed => Cause::Setup,
        _ => Cause::Chain,
    }
}
