//! Questions to the table of names, and its answers.

use std::fmt;

use crate::cert::Certificate;
use crate::tlv::Walk;

/// What HAProxy tells certificates apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// Elliptic curves, whichever.
    Ecdsa,
    /// RSA.
    Rsa,
    /// All others, such as Ed25519.
    Other,
}

impl KeyType {
    pub(super) fn of(certificate: &Certificate) -> Self {
        let mut spki = Walk(certificate.spki_value());
        let algorithm = spki
            .next()
            .and_then(|algorithm| Walk(algorithm.value).next());
        match algorithm.map(|oid| oid.value) {
            Some(b"\x2a\x86\x48\xce\x3d\x02\x01") => Self::Ecdsa,
            Some(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") => Self::Rsa,
            _ => Self::Other,
        }
    }

    pub(super) fn place(self) -> usize {
        match self {
            Self::Ecdsa => 0,
            Self::Rsa => 1,
            Self::Other => 2,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ecdsa => "ECDSA",
            Self::Rsa => "RSA",
            Self::Other => "other",
        })
    }
}

/// The signatures that a client can verify, by what its hello offers: signature schemes, and in
/// TLS 1.2 cipher suites to go with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// ECDSA.
    pub ecdsa: bool,
    /// RSA.
    pub rsa: bool,
}

impl Client {
    /// Takes both, as all clients of today do.
    pub const MODERN: Self = Self {
        ecdsa: true,
        rsa: true,
    };

    pub(super) fn takes(self, key_type: KeyType) -> bool {
        match key_type {
            KeyType::Ecdsa => self.ecdsa,
            KeyType::Rsa => self.rsa,
            // Clients that know them are rare, and know the others, too.
            KeyType::Other => self.ecdsa && self.rsa,
        }
    }
}

/// What a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer<'t> {
    /// The certificate of this file.
    Served {
        /// The file, as it was added.
        file: &'t str,
        /// Why this one.
        because: Because,
    },
    /// A fatal alert in place of a handshake.
    Alert(NoAnswer),
}

/// Why a certificate answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Because {
    /// It has the very name.
    Exact,
    /// It has a wildcard for the name.
    Wildcard,
    /// It is the default certificate, and no other has the name.
    DefaultForName,
    /// It is the default certificate, and no name was sent.
    DefaultForNone,
}

/// Why nothing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoAnswer {
    /// No certificate has the name, and `strict-sni` is set.
    StrictName,
    /// No name was sent, and `strict-sni` is set.
    StrictNone,
    /// The client cannot verify the signature of the certificate that was chosen.
    KeyType(KeyType),
    /// There is no certificate at all.
    Empty,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "it has the very name",
            Self::Wildcard => "it has a wildcard for the name",
            Self::DefaultForName => "it is the default certificate, and none has the name",
            Self::DefaultForNone => "it is the default certificate, and no name was sent",
        })
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StrictName => f.write_str("no certificate has the name, and strict-sni is set"),
            Self::StrictNone => f.write_str("no name was sent, and strict-sni is set"),
            Self::KeyType(KeyType::Other) => f.write_str(
                "the certificate's key is neither ECDSA nor RSA, and the client takes no other",
            ),
            Self::KeyType(key_type) => {
                write!(
                    f,
                    "the client does not take {key_type}, and no other certificate may answer"
                )
            }
            Self::Empty => f.write_str("there is no certificate"),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Answer<'_> {
    /// `file` and `because` (`exact`, `wildcard`, `default-for-name`, `default-for-none`) of what
    /// is served, else `null`; `alert` (`strict-name`, `strict-none`, `key-type`, `empty`), else
    /// `null`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let (file, because, alert) = match self {
            Self::Served { file, because } => (Some(file), Some(because), None),
            Self::Alert(NoAnswer::StrictName) => (None, None, Some("strict-name")),
            Self::Alert(NoAnswer::StrictNone) => (None, None, Some("strict-none")),
            Self::Alert(NoAnswer::KeyType(_)) => (None, None, Some("key-type")),
            Self::Alert(NoAnswer::Empty) => (None, None, Some("empty")),
        };
        let mut object = serializer.serialize_struct("Answer", 3)?;
        object.serialize_field("file", &file)?;
        object.serialize_field("because", &because)?;
        object.serialize_field("alert", &alert)?;
        object.end()
    }
}

/// A name, or a wildcard, and the files that answer for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Row<'t> {
    /// As clients send it, or `*.` and what follows.
    pub name: String,
    /// The file with an ECDSA key.
    pub ecdsa: Option<&'t str>,
    /// The file with an RSA key.
    pub rsa: Option<&'t str>,
    /// The file with another key.
    pub other: Option<&'t str>,
}
