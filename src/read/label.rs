//! PEM labels (RFC 7468), and what stands behind each.

use super::base64::Secrecy;

/// What a block is said to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    Key,
    EncryptedKey,
    DhParameters,
    /// Something recognised that a bundle has no use for.
    Unused,
    /// A container or a key in a format that is not read, and how to convert it.
    Unsupported(&'static str),
    /// A label that is not known.
    Unknown,
}

impl Kind {
    pub(super) fn of_label(label: &str) -> Self {
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Self::Certificate,
            "PRIVATE KEY"
            | "RSA PRIVATE KEY"
            | "EC PRIVATE KEY"
            | "ANY PRIVATE KEY"
            | "DSA PRIVATE KEY"
            | "ED25519 PRIVATE KEY" => Self::Key,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "DH PARAMETERS" => Self::DhParameters,
            "CERTIFICATE REQUEST"
            | "NEW CERTIFICATE REQUEST"
            | "X509 CRL"
            | "CRL"
            | "EC PARAMETERS"
            | "DSA PARAMETERS"
            | "X9.42 DH PARAMETERS"
            | "PARAMETERS"
            | "PUBLIC KEY"
            | "RSA PUBLIC KEY"
            | "EC PUBLIC KEY"
            | "DSA PUBLIC KEY"
            | "SSH2 PUBLIC KEY"
            | "ATTRIBUTE CERTIFICATE"
            | "SSL SESSION PARAMETERS"
            | "OCSP RESPONSE" => Self::Unused,
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => Self::Unsupported(PKCS7_HELP),
            "OPENSSH PRIVATE KEY" => Self::Unsupported(
                "convert a copy of it: ssh-keygen -p -m PKCS8 -f COPY, with an empty passphrase",
            ),
            "SSH2 ENCRYPTED PRIVATE KEY" | "PGP PRIVATE KEY BLOCK" | "TSS2 PRIVATE KEY" => {
                Self::Unsupported("bring the key as PKCS#8 PEM")
            }
            _ => Self::Unknown,
        }
    }

    /// What is not known to be public is taken for secret.
    pub(super) fn secrecy(self) -> Secrecy {
        match self {
            Self::Certificate | Self::DhParameters | Self::Unused => Secrecy::Public,
            Self::Key | Self::EncryptedKey | Self::Unsupported(_) | Self::Unknown => {
                Secrecy::Secret
            }
        }
    }
}

pub(super) const PKCS7_HELP: &str =
    "convert it: openssl pkcs7 -print_certs -in FILE -out FILE.pem (with -inform DER if binary)";
pub(super) const PKCS12_HELP: &str = "convert it: openssl pkcs12 -in FILE -nodes -out FILE.pem";
