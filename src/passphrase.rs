//! A passphrase: secret, zeroized, never printed.

use std::fmt;

use zeroize::Zeroizing;

/// What opens an encrypted key or container.
///
/// It is zeroized when it is dropped, and `Debug` does not show it.
///
/// ```
/// use fullchain::Passphrase;
///
/// let passphrase = Passphrase::from(String::from("correct horse"));
/// assert_eq!(format!("{passphrase:?}"), "Passphrase(..)");
/// ```
#[derive(Clone, Default)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// The characters, for what opens the key.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl From<String> for Passphrase {
    fn from(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }
}

impl From<Zeroizing<String>> for Passphrase {
    fn from(secret: Zeroizing<String>) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}
