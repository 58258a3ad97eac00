//! Cipher suites: their numbers, and their names with IANA and with OpenSSL.
//!
//! Those that need a secret shared beforehand (PSK, SRP) are left out: HAProxy has none.

use super::Version;
use Authentication as Au;
use KeyExchange as Kx;

/// How keys are agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum KeyExchange {
    /// Whatever the handshake's extensions say: TLS 1.3.
    Any,
    /// Ephemeral Diffie-Hellman on elliptic curves.
    Ecdhe,
    /// Ephemeral Diffie-Hellman.
    Dhe,
    /// The client encrypts with the certificate's RSA key: no forward secrecy.
    Rsa,
}

/// What the server proves itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Authentication {
    /// Whatever the handshake's extensions say: TLS 1.3.
    Any,
    /// An ECDSA certificate, or an EdDSA one.
    Ecdsa,
    /// An RSA certificate.
    Rsa,
    /// A DSA certificate.
    Dss,
    /// Nothing: anybody may be in between.
    Anonymous,
}

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CipherSuite {
    /// Its number, as it is sent.
    pub id: u16,
    /// Its name in IANA's registry (RFC 8446 section 11).
    pub name: &'static str,
    /// Its name in OpenSSL, and so in HAProxy's `ciphers` and `ciphersuites`.
    pub openssl: &'static str,
    /// The first version of TLS that has it.
    pub since: Version,
    /// How keys are agreed upon.
    pub key_exchange: KeyExchange,
    /// What the server proves itself with.
    pub authentication: Authentication,
}

impl CipherSuite {
    /// All that are known, by their numbers.
    pub const ALL: &'static [Self] = SUITES;

    /// The one with that number.
    pub fn of(id: u16) -> Option<&'static Self> {
        let place = SUITES.binary_search_by_key(&id, |suite| suite.id).ok()?;
        SUITES.get(place)
    }

    /// Whether a version of TLS has it: those of TLS 1.3 are of no other.
    pub fn is_of(&self, version: Version) -> bool {
        match self.since {
            Version::Tls13 => version == Version::Tls13,
            since => since <= version && version < Version::Tls13,
        }
    }
}

#[rustfmt::skip]
const SUITES: &[CipherSuite] = &[
    suite(0x0001, "TLS_RSA_WITH_NULL_MD5", "NULL-MD5", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0002, "TLS_RSA_WITH_NULL_SHA", "NULL-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0004, "TLS_RSA_WITH_RC4_128_MD5", "RC4-MD5", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0005, "TLS_RSA_WITH_RC4_128_SHA", "RC4-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA", "IDEA-CBC-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0009, "TLS_RSA_WITH_DES_CBC_SHA", "DES-CBC-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA", "DHE-DSS-DES-CBC3-SHA", Version::Tls10, Kx::Dhe, Au::Dss),
    suite(0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA", "DHE-RSA-DES-CBC-SHA", Version::Tls10, Kx::Dhe, Au::Rsa),
    suite(0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", "DHE-RSA-DES-CBC3-SHA", Version::Tls10, Kx::Dhe, Au::Rsa),
    suite(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", "DHE-DSS-AES128-SHA", Version::Tls10, Kx::Dhe, Au::Dss),
    suite(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "DHE-RSA-AES128-SHA", Version::Tls10, Kx::Dhe, Au::Rsa),
    suite(0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA", "ADH-AES128-SHA", Version::Tls10, Kx::Dhe, Au::Anonymous),
    suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", "DHE-DSS-AES256-SHA", Version::Tls10, Kx::Dhe, Au::Dss),
    suite(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "DHE-RSA-AES256-SHA", Version::Tls10, Kx::Dhe, Au::Rsa),
    suite(0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA", "ADH-AES256-SHA", Version::Tls10, Kx::Dhe, Au::Anonymous),
    suite(0x003b, "TLS_RSA_WITH_NULL_SHA256", "NULL-SHA256", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", "AES256-SHA256", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256", "DHE-DSS-AES128-SHA256", Version::Tls12, Kx::Dhe, Au::Dss),
    suite(0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA", "CAMELLIA128-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0044, "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA", "DHE-DSS-CAMELLIA128-SHA", Version::Tls10, Kx::Dhe, Au::Dss),
    suite(0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA", "DHE-RSA-CAMELLIA128-SHA", Version::Tls10, Kx::Dhe, Au::Rsa),
    suite(0x0046, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA", "ADH-CAMELLIA128-SHA", Version::Tls10, Kx::Dhe, Au::Anonymous),
    suite(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", "DHE-RSA-AES128-SHA256", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0x006a, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", "DHE-DSS-AES256-SHA256", Version::Tls12, Kx::Dhe, Au::Dss),
    suite(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "DHE-RSA-AES256-SHA256", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256", "ADH-AES128-SHA256", Version::Tls12, Kx::Dhe, Au::Anonymous),
    suite(0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256", "ADH-AES256-SHA256", Version::Tls12, Kx::Dhe, Au::Anonymous),
    suite(0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA", "CAMELLIA256-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x0087, "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA", "DHE-DSS-CAMELLIA256-SHA", Version::Tls10, Kx::Dhe, Au::Dss),
    suite(0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA", "DHE-RSA-CAMELLIA256-SHA", Version::Tls10, Kx::Dhe, Au::Rsa),
    suite(0x0089, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA", "ADH-CAMELLIA256-SHA", Version::Tls10, Kx::Dhe, Au::Anonymous),
    suite(0x0096, "TLS_RSA_WITH_SEED_CBC_SHA", "SEED-SHA", Version::Tls10, Kx::Rsa, Au::Rsa),
    suite(0x009a, "TLS_DHE_RSA_WITH_SEED_CBC_SHA", "DHE-RSA-SEED-SHA", Version::Tls10, Kx::Dhe, Au::Rsa),
    suite(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE-RSA-AES128-GCM-SHA256", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0x00a2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256", "DHE-DSS-AES128-GCM-SHA256", Version::Tls12, Kx::Dhe, Au::Dss),
    suite(0x00a3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384", "DHE-DSS-AES256-GCM-SHA384", Version::Tls12, Kx::Dhe, Au::Dss),
    suite(0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256", "ADH-AES128-GCM-SHA256", Version::Tls12, Kx::Dhe, Au::Anonymous),
    suite(0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384", "ADH-AES256-GCM-SHA384", Version::Tls12, Kx::Dhe, Au::Anonymous),
    suite(0x00ba, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256", "CAMELLIA128-SHA256", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0x00bd, "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA256", "DHE-DSS-CAMELLIA128-SHA256", Version::Tls12, Kx::Dhe, Au::Dss),
    suite(0x00be, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", "DHE-RSA-CAMELLIA128-SHA256", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0x00bf, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256", "ADH-CAMELLIA128-SHA256", Version::Tls12, Kx::Dhe, Au::Anonymous),
    suite(0x00c0, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256", "CAMELLIA256-SHA256", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0x00c3, "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA256", "DHE-DSS-CAMELLIA256-SHA256", Version::Tls12, Kx::Dhe, Au::Dss),
    suite(0x00c4, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256", "DHE-RSA-CAMELLIA256-SHA256", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0x00c5, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA256", "ADH-CAMELLIA256-SHA256", Version::Tls12, Kx::Dhe, Au::Anonymous),
    suite(0x1301, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", Version::Tls13, Kx::Any, Au::Any),
    suite(0x1302, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", Version::Tls13, Kx::Any, Au::Any),
    suite(0x1303, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", Version::Tls13, Kx::Any, Au::Any),
    suite(0x1304, "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_SHA256", Version::Tls13, Kx::Any, Au::Any),
    suite(0x1305, "TLS_AES_128_CCM_8_SHA256", "TLS_AES_128_CCM_8_SHA256", Version::Tls13, Kx::Any, Au::Any),
    suite(0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA", "ECDHE-ECDSA-NULL-SHA", Version::Tls10, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "ECDHE-ECDSA-RC4-SHA", Version::Tls10, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-ECDSA-DES-CBC3-SHA", Version::Tls10, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA", Version::Tls10, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA", Version::Tls10, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA", "ECDHE-RSA-NULL-SHA", Version::Tls10, Kx::Ecdhe, Au::Rsa),
    suite(0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA", "ECDHE-RSA-RC4-SHA", Version::Tls10, Kx::Ecdhe, Au::Rsa),
    suite(0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-RSA-DES-CBC3-SHA", Version::Tls10, Kx::Ecdhe, Au::Rsa),
    suite(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA", Version::Tls10, Kx::Ecdhe, Au::Rsa),
    suite(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA", Version::Tls10, Kx::Ecdhe, Au::Rsa),
    suite(0xc015, "TLS_ECDH_anon_WITH_NULL_SHA", "AECDH-NULL-SHA", Version::Tls10, Kx::Ecdhe, Au::Anonymous),
    suite(0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "AECDH-AES128-SHA", Version::Tls10, Kx::Ecdhe, Au::Anonymous),
    suite(0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA", "AECDH-AES256-SHA", Version::Tls10, Kx::Ecdhe, Au::Anonymous),
    suite(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "ECDHE-ECDSA-AES256-SHA384", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256", Version::Tls12, Kx::Ecdhe, Au::Rsa),
    suite(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384", Version::Tls12, Kx::Ecdhe, Au::Rsa),
    suite(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", Version::Tls12, Kx::Ecdhe, Au::Rsa),
    suite(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", Version::Tls12, Kx::Ecdhe, Au::Rsa),
    suite(0xc050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256", "ARIA128-GCM-SHA256", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0xc051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384", "ARIA256-GCM-SHA384", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0xc052, "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256", "DHE-RSA-ARIA128-GCM-SHA256", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0xc053, "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384", "DHE-RSA-ARIA256-GCM-SHA384", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0xc056, "TLS_DHE_DSS_WITH_ARIA_128_GCM_SHA256", "DHE-DSS-ARIA128-GCM-SHA256", Version::Tls12, Kx::Dhe, Au::Dss),
    suite(0xc057, "TLS_DHE_DSS_WITH_ARIA_256_GCM_SHA384", "DHE-DSS-ARIA256-GCM-SHA384", Version::Tls12, Kx::Dhe, Au::Dss),
    suite(0xc05c, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256", "ECDHE-ECDSA-ARIA128-GCM-SHA256", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc05d, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384", "ECDHE-ECDSA-ARIA256-GCM-SHA384", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256", "ECDHE-ARIA128-GCM-SHA256", Version::Tls12, Kx::Ecdhe, Au::Rsa),
    suite(0xc061, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384", "ECDHE-ARIA256-GCM-SHA384", Version::Tls12, Kx::Ecdhe, Au::Rsa),
    suite(0xc072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256", "ECDHE-ECDSA-CAMELLIA128-SHA256", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc073, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384", "ECDHE-ECDSA-CAMELLIA256-SHA384", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", "ECDHE-RSA-CAMELLIA128-SHA256", Version::Tls12, Kx::Ecdhe, Au::Rsa),
    suite(0xc077, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384", "ECDHE-RSA-CAMELLIA256-SHA384", Version::Tls12, Kx::Ecdhe, Au::Rsa),
    suite(0xc09c, "TLS_RSA_WITH_AES_128_CCM", "AES128-CCM", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0xc09d, "TLS_RSA_WITH_AES_256_CCM", "AES256-CCM", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM", "DHE-RSA-AES128-CCM", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM", "DHE-RSA-AES256-CCM", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8", "AES128-CCM8", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8", "AES256-CCM8", Version::Tls12, Kx::Rsa, Au::Rsa),
    suite(0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8", "DHE-RSA-AES128-CCM8", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0xc0a3, "TLS_DHE_RSA_WITH_AES_256_CCM_8", "DHE-RSA-AES256-CCM8", Version::Tls12, Kx::Dhe, Au::Rsa),
    suite(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", "ECDHE-ECDSA-AES128-CCM", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", "ECDHE-ECDSA-AES256-CCM", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "ECDHE-ECDSA-AES128-CCM8", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", "ECDHE-ECDSA-AES256-CCM8", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305", Version::Tls12, Kx::Ecdhe, Au::Rsa),
    suite(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", Version::Tls12, Kx::Ecdhe, Au::Ecdsa),
    suite(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "DHE-RSA-CHACHA20-POLY1305", Version::Tls12, Kx::Dhe, Au::Rsa),
];

const fn suite(
    id: u16,
    name: &'static str,
    openssl: &'static str,
    since: Version,
    key_exchange: Kx,
    authentication: Au,
) -> CipherSuite {
    CipherSuite {
        id,
        name,
        openssl,
        since,
        key_exchange,
        authentication,
    }
}

#[cfg(test)]
mod tests {
    use super::{CipherSuite, Version};

    #[test]
    fn suites_are_found_by_number_and_belong_to_versions() {
        let ids = CipherSuite::ALL.iter().map(|suite| suite.id);
        assert!(ids.is_sorted_by(|a, b| a < b));
        let gcm = CipherSuite::of(0xc02b).expect("it is known");
        assert_eq!(gcm.openssl, "ECDHE-ECDSA-AES128-GCM-SHA256");
        assert!(
            gcm.is_of(Version::Tls12) && !gcm.is_of(Version::Tls11) && !gcm.is_of(Version::Tls13)
        );
        let sha = CipherSuite::of(0x002f).expect("it is known");
        assert!(
            sha.is_of(Version::Tls10) && sha.is_of(Version::Tls12) && !sha.is_of(Version::Tls13)
        );
        assert_eq!(CipherSuite::of(0x00ff), None);
    }
}
