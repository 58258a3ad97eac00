//! Whether a client and a server have enough in common, without any handshake.

use super::{Authentication, CipherSuite, Client, Group, KeyExchange, SignatureScheme, Version};

/// What a server accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The versions that it speaks.
    pub versions: Vec<Version>,
    /// The suites of all versions, the best first.
    pub suites: Vec<&'static CipherSuite>,
    /// The groups, the best first.
    pub groups: Vec<Group>,
    /// The signatures that it makes; `None` for all that its keys can make.
    pub schemes: Option<Vec<SignatureScheme>>,
    /// What its certificates' keys are: ECDSA, RSA, or both.
    pub keys: Vec<Authentication>,
    /// OpenSSL's security level.
    pub level: u8,
}

/// What a client and a server agree upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Met {
    /// The version of TLS.
    pub version: Version,
    /// The cipher suite: the first of the server's.
    pub suite: &'static CipherSuite,
}

/// What they do not have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// No version of TLS.
    Version,
    /// No cipher suite of this version, which is the highest that both speak.
    Suite(Version),
    /// Cipher suites of this version, but none for a key that the server has.
    Key(Version),
    /// No group for the key exchange.
    Group(Version),
    /// No signature.
    Scheme(Version),
}

impl std::fmt::Display for Missed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version => f.write_str("no version of TLS in common"),
            Self::Suite(version) => write!(f, "no cipher suite of {version} in common"),
            Self::Key(version) => write!(f, "no cipher suite of {version} in common for the key"),
            Self::Group(version) => write!(f, "no group in common, in {version}"),
            Self::Scheme(version) => write!(f, "no signature in common, in {version}"),
        }
    }
}

impl Offer {
    /// What becomes of this client's hello. The version is settled first, and the others have to go
    /// with it (RFC 8446 section 4.1.3): nothing older is tried.
    ///
    /// # Errors
    ///
    /// What is not in common.
    pub fn meet(&self, client: &Client) -> Result<Met, Missed> {
        let speaks = |version: &Version| {
            // OpenSSL 3.0 and later.
            self.versions.contains(version) && (*version >= Version::Tls12 || self.level == 0)
        };
        let common = client.versions.iter().copied().filter(speaks).max();
        let version = common.ok_or(Missed::Version)?;
        let suites = self.suites.iter().copied().filter(|suite| {
            suite.is_of(version) && client.suites.contains(&suite.id) && self.allows(suite)
        });
        let suites: Vec<_> = suites.collect();
        if suites.is_empty() {
            return Err(Missed::Suite(version));
        }
        let fits = |suite: &CipherSuite| match suite.authentication {
            Authentication::Any => !self.keys.is_empty(),
            Authentication::Anonymous => true,
            wanted => self.keys.contains(&wanted),
        };
        let suites: Vec<_> = suites.into_iter().filter(|suite| fits(suite)).collect();
        if suites.is_empty() {
            return Err(Missed::Key(version));
        }
        let has_group = self
            .groups
            .iter()
            .any(|group| client.groups.contains(group));
        let agrees = |suite: &CipherSuite| match suite.key_exchange {
            KeyExchange::Ecdhe | KeyExchange::Any => has_group,
            _ => true,
        };
        let suites: Vec<_> = suites.into_iter().filter(|suite| agrees(suite)).collect();
        if suites.is_empty() {
            return Err(Missed::Group(version));
        }
        let signs = |suite: &CipherSuite| self.signs(suite, version, client);
        let suite = suites.into_iter().find(|suite| signs(suite));
        let suite = suite.ok_or(Missed::Scheme(version))?;
        Ok(Met { version, suite })
    }

    /// Whether the security level lets a suite through (SSL_CTX_set_security_level(3)).
    pub fn allows(&self, suite: &CipherSuite) -> bool {
        let is_ephemeral = matches!(
            suite.key_exchange,
            KeyExchange::Any | KeyExchange::Dhe | KeyExchange::Ecdhe
        );
        let has = |word: &str| suite.name.contains(word);
        match self.level {
            0 => true,
            _ if suite.authentication == Authentication::Anonymous => false,
            _ if has("_NULL_") || has("_MD5") || has("_DES_CBC") => false,
            1 => true,
            _ if has("_RC4_") => false,
            2 => true,
            _ => is_ephemeral && !has("_3DES_"),
        }
    }

    /// Whether the server can sign its key exchange so that the client can verify it.
    fn signs(&self, suite: &CipherSuite, version: Version, client: &Client) -> bool {
        let is_signed = suite.key_exchange != KeyExchange::Rsa
            && suite.authentication != Authentication::Anonymous;
        if !is_signed || version < Version::Tls12 {
            return true;
        }
        let is_wanted = |scheme: SignatureScheme| {
            let key = match scheme.0 {
                0x0804..=0x0806 => Authentication::Rsa,
                // The hashes of TLS 1.2, of which 1.3 has none of RSA's and no SHA-1.
                number if number & 0xff == 1 && version < Version::Tls13 => Authentication::Rsa,
                number if number & 0xff == 3 && (version < Version::Tls13 || number >> 8 > 3) => {
                    Authentication::Ecdsa
                }
                _ => return false,
            };
            let is_key = match suite.authentication {
                Authentication::Any => self.keys.contains(&key),
                wanted => wanted == key,
            };
            is_key
                && self
                    .schemes
                    .as_ref()
                    .is_none_or(|all| all.contains(&scheme))
        };
        // What a client of TLS 1.2 without such a list verifies (RFC 5246 section 7.4.1.4.1).
        let unsaid = [SignatureScheme(0x0201), SignatureScheme(0x0203)];
        let schemes = match client.schemes.is_empty() {
            true => &unsaid[..],
            false => client.schemes,
        };
        schemes.iter().any(|scheme| is_wanted(*scheme))
    }
}
