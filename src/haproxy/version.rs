//! HAProxy's versions, as far as they differ in what is foretold here.

use std::fmt;
use std::str::FromStr;

/// A version of HAProxy: its branch, such as 2.6.
///
/// ```
/// use fullchain::haproxy::Version;
///
/// let said = "HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/";
/// let version: Version = said.parse()?;
/// assert_eq!(version, "2.6".parse()?);
/// assert!(version < Version::NEWEST && !version.has_default_list());
/// # Ok::<(), fullchain::haproxy::NotAVersion>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// The newest one whose behaviour is known here.
    pub const NEWEST: Self = Self { major: 3, minor: 5 };

    pub(crate) const fn of(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// 2.2, since which bind lines speak TLS 1.2 and later unless told otherwise.
    pub(in crate::haproxy) const V2_2: Self = Self { major: 2, minor: 2 };
    /// 2.7.
    pub(in crate::haproxy) const V2_7: Self = Self { major: 2, minor: 7 };

    /// Whether a damaged block behind the first certificate is fatal. Before 2.7 the chain ended
    /// there, without a word.
    pub fn refuses_broken_chains(self) -> bool {
        self >= Self { major: 2, minor: 7 }
    }

    /// Whether there are several default certificates, chosen by key type, and a lone `*` in a
    /// crt-list declares one; since 3.0.
    pub fn has_default_list(self) -> bool {
        self >= Self { major: 3, minor: 0 }
    }

    /// The longest command with its payload that the Runtime API takes, in bytes, unless
    /// `tune.bufsize` says otherwise, or, since 3.4, `tune.cli.max-payload-size`.
    pub fn payload_limit(self) -> usize {
        match self >= (Self { major: 3, minor: 4 }) {
            true => 128 * 1024,
            false => 16 * 1024,
        }
    }
}

impl Default for Version {
    /// The newest.
    fn default() -> Self {
        Self::NEWEST
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A text that begins with no version of HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAVersion;

impl fmt::Display for NotAVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no version of HAProxy, such as 2.6 or the output of haproxy -v")
    }
}

impl std::error::Error for NotAVersion {}

impl FromStr for Version {
    type Err = NotAVersion;

    /// `2.6`, `2.6.12`, or what `haproxy -v` prints.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let text = text.trim_start();
        let prefixes = ["HAProxy version ", "HA-Proxy version "];
        let number = prefixes.iter().find_map(|it| text.strip_prefix(it));
        let mut parts = number.unwrap_or(text).split('.');
        let major = parts.next().ok_or(NotAVersion)?;
        let minor = parts.next().ok_or(NotAVersion)?;
        let digits = minor
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(minor.len());
        let minor = minor.get(..digits).unwrap_or_default();
        Ok(Self {
            major: major.parse().map_err(|_| NotAVersion)?,
            minor: minor.parse().map_err(|_| NotAVersion)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{NotAVersion, Version};

    #[test]
    fn versions_are_read_as_people_and_haproxy_write_them() {
        for (text, owed) in [
            ("2.6", "2.6"),
            ("3.0.11", "3.0"),
            ("3.5-dev2", "3.5"),
            (
                "HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/\n",
                "2.6",
            ),
            ("HA-Proxy version 1.8.30 2021/04/12", "1.8"),
        ] {
            assert_eq!(
                text.parse::<Version>().map(|it| it.to_string()),
                Ok(owed.to_owned())
            );
        }
        for text in ["", "3", "three", "3.x", "nginx/1.2", ".6", "-1.2"] {
            assert_eq!(text.parse::<Version>(), Err(NotAVersion), "{text}");
        }
    }
}
