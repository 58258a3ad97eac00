//! PEM labels (RFC 7468), and what stands behind each.

use super::base64::Secrecy;

/// What a block is said to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    Key,
    EncryptedKey,
    DhParameters,
    /// PKCS#7 or CMS.
    ContentInfo,
    Pkcs12,
    /// Something recognised that a bundle has no use for.
    Unused,
    /// A container or a key in a format that is not read, and how to convert it.
    Unsupported(&'static str),
    /// A label that is not known.
    Unknown,
}

const OPENSSH_HELP: &str =
    "Convert a copy of it: ssh-keygen -p -m PKCS8 -f COPY, with an empty passphrase";
const FOREIGN_KEY_HELP: &str = "Bring the key as PKCS#8 PEM";

/// The labels that are known, the frequent ones first.
const LABELS: &[(&str, Kind)] = &[
    ("CERTIFICATE", Kind::Certificate),
    ("PRIVATE KEY", Kind::Key),
    ("RSA PRIVATE KEY", Kind::Key),
    ("EC PRIVATE KEY", Kind::Key),
    ("ENCRYPTED PRIVATE KEY", Kind::EncryptedKey),
    ("DH PARAMETERS", Kind::DhParameters),
    ("EC PARAMETERS", Kind::Unused),
    ("TRUSTED CERTIFICATE", Kind::Certificate),
    ("X509 CERTIFICATE", Kind::Certificate),
    ("ANY PRIVATE KEY", Kind::Key),
    ("DSA PRIVATE KEY", Kind::Key),
    ("ED25519 PRIVATE KEY", Kind::Key),
    ("CERTIFICATE REQUEST", Kind::Unused),
    ("NEW CERTIFICATE REQUEST", Kind::Unused),
    ("X509 CRL", Kind::Unused),
    ("CRL", Kind::Unused),
    ("DSA PARAMETERS", Kind::Unused),
    ("X9.42 DH PARAMETERS", Kind::Unused),
    ("PARAMETERS", Kind::Unused),
    ("PUBLIC KEY", Kind::Unused),
    ("RSA PUBLIC KEY", Kind::Unused),
    ("EC PUBLIC KEY", Kind::Unused),
    ("DSA PUBLIC KEY", Kind::Unused),
    ("SSH2 PUBLIC KEY", Kind::Unused),
    ("ATTRIBUTE CERTIFICATE", Kind::Unused),
    ("SSL SESSION PARAMETERS", Kind::Unused),
    ("OCSP RESPONSE", Kind::Unused),
    ("PKCS7", Kind::ContentInfo),
    ("PKCS #7 SIGNED DATA", Kind::ContentInfo),
    ("CMS", Kind::ContentInfo),
    ("PKCS12", Kind::Pkcs12),
    ("OPENSSH PRIVATE KEY", Kind::Unsupported(OPENSSH_HELP)),
    (
        "SSH2 ENCRYPTED PRIVATE KEY",
        Kind::Unsupported(FOREIGN_KEY_HELP),
    ),
    ("PGP PRIVATE KEY BLOCK", Kind::Unsupported(FOREIGN_KEY_HELP)),
    ("TSS2 PRIVATE KEY", Kind::Unsupported(FOREIGN_KEY_HELP)),
];

impl Kind {
    pub(super) fn of_label(label: &str) -> Self {
        LABELS
            .iter()
            .find(|(known, _)| *known == label)
            .map_or(Self::Unknown, |(_, kind)| *kind)
    }

    /// Whether it is something that bundles are made of.
    pub(super) fn is_needed(self) -> bool {
        matches!(
            self,
            Self::Certificate
                | Self::Key
                | Self::EncryptedKey
                | Self::DhParameters
                | Self::ContentInfo
                | Self::Pkcs12
        )
    }

    /// What is not said to be public is taken for secret, since labels can be wrong.
    pub(super) fn secrecy(self) -> Secrecy {
        match self {
            Self::Certificate | Self::DhParameters => Secrecy::Public,
            _ => Secrecy::Secret,
        }
    }
}

/// The longest word of a label: that of CERTIFICATE. Labels are printed, and part of a key that
/// somehow came between hyphens must not be taken for one.
const LONGEST_WORD: usize = 11;

/// The characters of the labels in use; RFC 7468 would allow more.
pub(super) fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'#')
}

/// What stands between the hyphens, if it has the form of a label.
pub(super) fn proper(label: &[u8]) -> Option<&str> {
    let is_word = |word: &[u8]| {
        (1..=LONGEST_WORD).contains(&word.len()) && word.iter().all(|&byte| is_label_byte(byte))
    };
    let proper = label.split(|&byte| byte == b' ').all(is_word);
    proper.then(|| std::str::from_utf8(label).ok())?
}

/// The known label that consists of these letters once its spaces are left out.
pub(super) fn without_spaces(letters: &[u8]) -> Option<&'static str> {
    LABELS.iter().map(|(label, _)| *label).find(|label| {
        label
            .bytes()
            .filter(|&byte| byte != b' ')
            .eq(letters.iter().copied())
    })
}
