//! OpenSSL's other lists: of TLS 1.3's cipher suites (HAProxy's `ciphersuites`), of groups
//! (`curves`) and of signature schemes (`sigalgs`). In the latter two a word that is not known spoils
//! the whole list.

use super::{CipherFault, CipherSuite, Ciphers, Group, SignatureScheme, Version};

/// A word in a list that OpenSSL does not know, so that it refuses the whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord(
    /// The word.
    pub String,
);

impl std::fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenSSL does not know \"{}\"", self.0)
    }
}

impl std::error::Error for UnknownWord {}

/// Reads a list of TLS 1.3's suites. An empty one switches TLS 1.3 off.
///
/// ```
/// use fullchain::tls::ciphersuites;
///
/// let ciphers = ciphersuites("TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384")?;
/// assert_eq!(ciphers.suites[0].id, 0x1301);
/// assert!(ciphersuites("ECDHE-RSA-AES128-GCM-SHA256").is_err());
/// # Ok::<(), fullchain::tls::CipherFault>(())
/// ```
///
/// # Errors
///
/// When there are words, and OpenSSL 3.0 knows none of them.
pub fn ciphersuites(text: &str) -> Result<Ciphers, CipherFault> {
    let (mut suites, mut unknown) = (Vec::new(), Vec::new());
    for word in text
        .split(':')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        let mut all = CipherSuite::ALL
            .iter()
            .filter(|it| it.since == Version::Tls13);
        match all.find(|suite| suite.openssl == word) {
            Some(suite) => suites.push(suite),
            None => unknown.push(word.to_owned()),
        }
    }
    match suites.is_empty() && !text.is_empty() {
        true => Err(CipherFault::Nothing(unknown)),
        false => Ok(Ciphers {
            suites,
            unknown,
            level: None,
        }),
    }
}

/// What OpenSSL 3.0 also calls the groups.
const GROUP_NAMES: [(&str, u16); 9] = [
    ("P-256", 0x0017),
    ("prime256v1", 0x0017),
    ("P-384", 0x0018),
    ("P-521", 0x0019),
    ("P-224", 0x0015),
    ("P-192", 0x0013),
    ("prime192v1", 0x0013),
    ("X25519", 0x001d),
    ("X448", 0x001e),
];

/// Reads a list of groups, those among them that came with later versions of OpenSSL 3. Curves that nobody has used for key exchange for long, such as
/// `sect163k1`, are passed over.
///
/// ```
/// use fullchain::tls::{Group, groups};
///
/// assert_eq!(groups("X25519:P-256")?, [Group(0x001d), Group(0x0017)]);
/// assert!(groups("X25519:p-256").is_err());
/// # Ok::<(), fullchain::tls::UnknownWord>(())
/// ```
///
/// # Errors
///
/// When there is a word that OpenSSL 3 does not know.
pub fn groups(text: &str) -> Result<Vec<Group>, UnknownWord> {
    let mut groups = Vec::new();
    for word in text.split(':') {
        let other = GROUP_NAMES.iter().find(|(name, _)| *name == word);
        let named = Group::ALL.iter().find(|group| group.name() == Some(word));
        match (other, named) {
            (Some((_, number)), _) => groups.push(Group(*number)),
            (None, Some(group)) => groups.push(*group),
            _ if is_forgotten(word) => {}
            _ => return Err(UnknownWord(word.to_owned())),
        }
    }
    Ok(groups)
}

fn is_forgotten(curve: &str) -> bool {
    let starts = ["sect", "K-", "B-", "secp160", "secp192k1", "secp224k1"];
    starts.iter().any(|start| curve.starts_with(start))
}

/// Reads a list of signature schemes, in either of OpenSSL's ways to write them.
///
/// ```
/// use fullchain::tls::{SignatureScheme, signature_schemes};
///
/// let schemes = signature_schemes("ECDSA+SHA256:rsa_pss_rsae_sha256")?;
/// assert_eq!(schemes, [SignatureScheme(0x0403), SignatureScheme(0x0804)]);
/// # Ok::<(), fullchain::tls::UnknownWord>(())
/// ```
///
/// # Errors
///
/// When there is a word that OpenSSL 3.0 does not know.
pub fn signature_schemes(text: &str) -> Result<Vec<SignatureScheme>, UnknownWord> {
    let words = text.split(':');
    words
        .map(|word| scheme(word).ok_or_else(|| UnknownWord(word.to_owned())))
        .collect()
}

fn scheme(word: &str) -> Option<SignatureScheme> {
    let mut all = SignatureScheme::ALL.iter().copied();
    let Some((key, hash)) = word.split_once('+') else {
        // Those of DSA, and those with SHA-1 or SHA-224 and ECDSA, have no name of their own there.
        let is_named = !word.starts_with("dsa_") && !word.starts_with("ecdsa_sha");
        return all
            .find(|scheme| scheme.name() == Some(word))
            .filter(|_| is_named);
    };
    let hash = match hash.to_ascii_uppercase().as_str() {
        "SHA1" => 2,
        "SHA224" => 3,
        "SHA256" => 4,
        "SHA384" => 5,
        "SHA512" => 6,
        _ => return None,
    };
    let number = match key {
        "RSA" => hash << 8 | 1,
        "DSA" => hash << 8 | 2,
        "ECDSA" => hash << 8 | 3,
        "PSS" | "RSA-PSS" if hash >= 4 => 0x0800 + hash,
        _ => return None,
    };
    Some(SignatureScheme(number))
}
