//! Versions, groups, signature schemes and alerts, by number and by name.

use std::fmt;

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Version {
    /// TLS 1.0 (RFC 2246), deprecated by RFC 8996.
    #[cfg_attr(feature = "serde", serde(rename = "1.0"))]
    Tls10,
    /// TLS 1.1 (RFC 4346), deprecated by RFC 8996.
    #[cfg_attr(feature = "serde", serde(rename = "1.1"))]
    Tls11,
    /// TLS 1.2 (RFC 5246).
    #[cfg_attr(feature = "serde", serde(rename = "1.2"))]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[cfg_attr(feature = "serde", serde(rename = "1.3"))]
    Tls13,
}

impl Version {
    /// All of them, the oldest first. SSL is not asked about: no OpenSSL of today speaks it.
    pub const ALL: [Self; 4] = [Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// The number that is sent.
    pub fn number(self) -> u16 {
        match self {
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    #[cfg(feature = "probe")]
    pub(crate) fn of(number: u16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.number() == number)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// Whether a server wants a certificate of its clients (RFC 8446 section 4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ClientCertificate {
    /// It asks for none.
    NotAsked,
    /// It asks, and goes on without.
    Optional,
    /// It asks, and refuses clients that have none.
    Required,
}

macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident($number:ty) $all:literal: $($value:literal $word:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(
            /// The number, as it is sent.
            pub $number,
        );

        impl $name {
            #[doc = $all]
            pub const ALL: &'static [Self] = &[$(Self($value)),*];

            /// The name in IANA's registry; `None` for a number that is not known here.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($word),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, "{:#06x}", self.0),
                }
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

numbers! {
    /// A group for key exchange (RFC 8446 section 4.2.7, RFC 8422 section 5.1.1).
    Group(u16) "Those that are offered, the most usual first.":
    0x001d "x25519",
    0x0017 "secp256r1",
    0x0018 "secp384r1",
    0x0019 "secp521r1",
    0x001e "x448",
    0x11ec "X25519MLKEM768",
    0x0100 "ffdhe2048",
    0x0101 "ffdhe3072",
    0x0102 "ffdhe4096",
    0x0103 "ffdhe6144",
    0x0104 "ffdhe8192",
    0x001a "brainpoolP256r1",
    0x001b "brainpoolP384r1",
    0x001c "brainpoolP512r1",
    0x001f "brainpoolP256r1tls13",
    0x0020 "brainpoolP384r1tls13",
    0x0021 "brainpoolP512r1tls13",
    0x0015 "secp224r1",
    0x0013 "secp192r1",
    0x0016 "secp256k1",
}

numbers! {
    /// A signature scheme (RFC 8446 section 4.2.3).
    SignatureScheme(u16) "Those that are offered, the most usual first.":
    0x0403 "ecdsa_secp256r1_sha256",
    0x0804 "rsa_pss_rsae_sha256",
    0x0401 "rsa_pkcs1_sha256",
    0x0503 "ecdsa_secp384r1_sha384",
    0x0805 "rsa_pss_rsae_sha384",
    0x0501 "rsa_pkcs1_sha384",
    0x0603 "ecdsa_secp521r1_sha512",
    0x0806 "rsa_pss_rsae_sha512",
    0x0601 "rsa_pkcs1_sha512",
    0x0807 "ed25519",
    0x0808 "ed448",
    0x0809 "rsa_pss_pss_sha256",
    0x080a "rsa_pss_pss_sha384",
    0x080b "rsa_pss_pss_sha512",
    0x0303 "ecdsa_sha224",
    0x0301 "rsa_pkcs1_sha224",
    0x0203 "ecdsa_sha1",
    0x0201 "rsa_pkcs1_sha1",
    0x0402 "dsa_sha256",
    0x0202 "dsa_sha1",
}

numbers! {
    /// An alert (RFC 8446 section 6, RFC 5246 section 7.2).
    Alert(u8) "Those that are known.":
    0 "close_notify",
    10 "unexpected_message",
    20 "bad_record_mac",
    21 "decryption_failed",
    22 "record_overflow",
    30 "decompression_failure",
    40 "handshake_failure",
    41 "no_certificate",
    42 "bad_certificate",
    43 "unsupported_certificate",
    44 "certificate_revoked",
    45 "certificate_expired",
    46 "certificate_unknown",
    47 "illegal_parameter",
    48 "unknown_ca",
    49 "access_denied",
    50 "decode_error",
    51 "decrypt_error",
    60 "export_restriction",
    70 "protocol_version",
    71 "insufficient_security",
    80 "internal_error",
    86 "inappropriate_fallback",
    90 "user_canceled",
    100 "no_renegotiation",
    109 "missing_extension",
    110 "unsupported_extension",
    111 "certificate_unobtainable",
    112 "unrecognized_name",
    113 "bad_certificate_status_response",
    114 "bad_certificate_hash_value",
    115 "unknown_psk_identity",
    116 "certificate_required",
    120 "no_application_protocol",
}
