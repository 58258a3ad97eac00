//! What ACME clients tell their hooks: which certificate is new, and where its files are.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// An ACME client (RFC 8555), by its hook interface.
///
/// | client | hook | what it tells |
/// |---|---|---|
/// | certbot | `--deploy-hook` | `RENEWED_LINEAGE`, `RENEWED_DOMAINS` |
/// | lego | `--run-hook`, `--renew-hook` | `LEGO_CERT_DOMAIN`, `LEGO_CERT_PATH`, `LEGO_CERT_KEY_PATH` |
/// | acme.sh | a deploy script's function | its arguments: domain, key, certificate, CA, full chain |
/// | dehydrated | `HOOK` | its arguments: `deploy_cert`, domain, key, certificate, full chain, chain, time |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcmeClient {
    /// The EFF's certbot.
    Certbot,
    /// lego, in Go.
    Lego,
    /// acme.sh, in shell.
    AcmeSh,
    /// dehydrated, in bash.
    Dehydrated,
}

impl AcmeClient {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Certbot, Self::Lego, Self::AcmeSh, Self::Dehydrated];
}

impl fmt::Display for AcmeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certbot => "certbot",
            Self::Lego => "lego",
            Self::AcmeSh => "acme.sh",
            Self::Dehydrated => "dehydrated",
        })
    }
}

/// A text that names no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAClient;

impl fmt::Display for NotAClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none of certbot, lego, acme.sh and dehydrated")
    }
}

impl std::error::Error for NotAClient {}

impl FromStr for AcmeClient {
    type Err = NotAClient;

    fn from_str(text: &str) -> Result<Self, NotAClient> {
        let mut all = Self::ALL.into_iter();
        all.find(|client| client.to_string() == text)
            .ok_or(NotAClient)
    }
}

/// A certificate that an ACME client has just got.
///
/// ```
/// use fullchain::deploy::{AcmeClient, Renewed};
///
/// let environment = |name: &str| match name {
///     "RENEWED_LINEAGE" => Some("/etc/letsencrypt/live/example.com".into()),
///     "RENEWED_DOMAINS" => Some("example.com *.example.com".into()),
///     _ => None,
/// };
/// let renewed = Renewed::told(AcmeClient::Certbot, environment, &[])?.expect("one is new");
/// assert_eq!(renewed.name, "example.com");
/// assert_eq!(renewed.domains, ["example.com", "*.example.com"]);
/// assert!(renewed.files[0].ends_with("fullchain.pem"));
/// # Ok::<(), fullchain::deploy::NotTold>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewed {
    /// What the client calls it.
    pub name: String,
    /// The names that it was asked for, as far as the client tells.
    pub domains: Vec<String>,
    /// The files of certificates and key.
    pub files: Vec<PathBuf>,
}

/// A hook was not told what it needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTold {
    client: AcmeClient,
    missing: String,
}

impl fmt::Display for NotTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, missing } = self;
        write!(f, "{missing}: this is for a hook that {client} runs")
    }
}

impl std::error::Error for NotTold {}

impl Renewed {
    /// What a client tells its hook, by environment variables and arguments. `None` when it is
    /// about something else than a new certificate, as dehydrated's hook is called at other times,
    /// too.
    ///
    /// # Errors
    ///
    /// [`NotTold`] when a variable or an argument is missing.
    pub fn told(
        client: AcmeClient,
        environment: impl Fn(&str) -> Option<OsString>,
        arguments: &[OsString],
    ) -> Result<Option<Self>, NotTold> {
        let missing = |what: String| NotTold {
            client,
            missing: what,
        };
        let variable = |name: &str| {
            let value = environment(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| missing(format!("the variable {name} is not set")))
        };
        let argument = |place: usize, what: &str| {
            let value = arguments.get(place).filter(|value| !value.is_empty());
            value.ok_or_else(|| missing(format!("there is no argument {} ({what})", place + 1)))
        };
        let path = |value: &OsString| PathBuf::from(value);
        let text = |value: &OsString| value.to_string_lossy().into_owned();
        let renewed = match client {
            AcmeClient::Certbot => {
                let lineage = PathBuf::from(variable("RENEWED_LINEAGE")?);
                let domains = text(&variable("RENEWED_DOMAINS")?);
                let name = lineage.file_name().unwrap_or_default();
                Self {
                    name: name.to_string_lossy().into_owned(),
                    domains: domains.split_whitespace().map(str::to_owned).collect(),
                    files: ["fullchain.pem", "privkey.pem"]
                        .map(|it| lineage.join(it))
                        .into(),
                }
            }
            AcmeClient::Lego => {
                let domain = text(&variable("LEGO_CERT_DOMAIN")?);
                let certificate = path(&variable("LEGO_CERT_PATH")?);
                let key = path(&variable("LEGO_CERT_KEY_PATH")?);
                let mut files = vec![certificate, key];
                // With --no-bundle the issuer's certificate stands in a file of its own.
                files.extend(issuer_of(&files).filter(|path| path.is_file()));
                Self {
                    name: domain.clone(),
                    domains: vec![domain],
                    files,
                }
            }
            AcmeClient::AcmeSh => {
                let domain = text(argument(0, "the domain")?);
                let key = path(argument(1, "the key's file")?);
                argument(2, "the certificate's file")?;
                argument(3, "the CA's file")?;
                let chain = path(argument(4, "the full chain's file")?);
                Self {
                    name: domain.clone(),
                    domains: vec![domain],
                    files: vec![chain, key],
                }
            }
            AcmeClient::Dehydrated => {
                if argument(0, "the operation")? != "deploy_cert" {
                    return Ok(None);
                }
                let domain = text(argument(1, "the domain")?);
                let key = path(argument(2, "the key's file")?);
                argument(3, "the certificate's file")?;
                let chain = path(argument(4, "the full chain's file")?);
                Self {
                    name: domain.clone(),
                    domains: vec![domain],
                    files: vec![chain, key],
                }
            }
        };
        Ok(Some(renewed))
    }

    /// The file for it in a folder: its name with `.pem`, a wildcard's star written as `_`.
    pub fn file_in(&self, folder: &Path) -> PathBuf {
        let name = self.name.replace(['*', '/'], "_");
        folder.join(format!("{name}.pem"))
    }
}

/// `a.example.crt` has `a.example.issuer.crt` beside it.
fn issuer_of(files: &[PathBuf]) -> Option<PathBuf> {
    let certificate = files.first()?;
    Some(certificate.with_extension("issuer.crt"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use super::{AcmeClient, Renewed};

    fn arguments(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn each_client_is_understood() {
        let lego = |name: &str| match name {
            "LEGO_CERT_DOMAIN" => Some("*.example.com".into()),
            "LEGO_CERT_PATH" => Some("/l/_.example.com.crt".into()),
            "LEGO_CERT_KEY_PATH" => Some("/l/_.example.com.key".into()),
            _ => None,
        };
        let renewed = Renewed::told(AcmeClient::Lego, lego, &[]).unwrap().unwrap();
        assert_eq!(
            renewed.files,
            ["/l/_.example.com.crt", "/l/_.example.com.key"].map(PathBuf::from)
        );
        let file = renewed.file_in("/certs".as_ref());
        assert_eq!(file.to_str(), Some("/certs/_.example.com.pem"));

        let none = |_: &str| None;
        let told = arguments(&["a.example", "/k", "/c", "/ca", "/f"]);
        let renewed = Renewed::told(AcmeClient::AcmeSh, none, &told)
            .unwrap()
            .unwrap();
        assert_eq!(renewed.files, ["/f", "/k"].map(PathBuf::from));
        let told = arguments(&["deploy_cert", "a.example", "/k", "/c", "/f", "/ca", "17"]);
        let same = Renewed::told(AcmeClient::Dehydrated, none, &told)
            .unwrap()
            .unwrap();
        assert_eq!(same, renewed);
        let told = arguments(&["startup_hook"]);
        assert_eq!(Renewed::told(AcmeClient::Dehydrated, none, &told), Ok(None));
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |client, told: &[&str]| {
            let told = Renewed::told(client, |_| None, &arguments(told));
            told.unwrap_err().to_string()
        };
        let certbot = said(AcmeClient::Certbot, &[]);
        assert!(
            certbot.contains("RENEWED_LINEAGE") && certbot.contains("certbot"),
            "{certbot}"
        );
        let acme_sh = said(AcmeClient::AcmeSh, &["a.example", "/k"]);
        assert!(
            acme_sh.contains("argument 3 (the certificate's file)"),
            "{acme_sh}"
        );
        assert!(said(AcmeClient::Lego, &[]).contains("LEGO_CERT_DOMAIN"));
        assert!(said(AcmeClient::Dehydrated, &["deploy_cert", "a"]).contains("argument 3"));
    }
}
