//! The section `global`, as far as it concerns TLS.

use std::path::{Path, PathBuf};

use super::lines::Line;
use super::logging::Logging;
use super::setting::{Setting, Weight};
use super::tls::{BadOption, TlsSettings};

/// From which folder relative names are resolved (`default-path`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultPath {
    /// That in which HAProxy is started.
    Current,
    /// That of the configuration file.
    Config,
    /// The one above that.
    Parent,
    /// This one.
    Origin(PathBuf),
}

impl DefaultPath {
    /// The file's path, for a line of that configuration file.
    pub(super) fn resolve(&self, config: &str, name: &str) -> PathBuf {
        let folder = || match config.rsplit_once('/') {
            Some(("", _)) => PathBuf::from("/"),
            Some((folder, _)) => PathBuf::from(folder),
            None => PathBuf::new(),
        };
        match self {
            Self::Current => PathBuf::from(name),
            Self::Config => folder().join(name),
            Self::Parent => folder().join("..").join(name),
            Self::Origin(folder) => folder.join(name),
        }
    }
}

/// A socket for commands (`stats socket`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsSocket {
    /// The address as it is written.
    pub address: String,
    /// `level`: `user`, `operator` or `admin`. HAProxy's own is `operator`.
    pub level: Option<String>,
}

/// What `global` says, as it is at the end of the configuration. What a bind or server line takes
/// from here is as it was at that line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Global {
    /// `crt-base`
    pub crt_base: Option<Setting<String>>,
    /// `key-base`
    pub key_base: Option<Setting<String>>,
    /// `ca-base`
    pub ca_base: Option<Setting<String>>,
    /// `issuers-chain-path`
    pub issuers_chain_path: Option<Setting<String>>,
    /// `ssl-load-extra-files`: `bundle`, `sctl`, `ocsp`, `issuer`, `key`, `all`, `none`. Without it,
    /// all.
    pub load_extra_files: Option<Setting<Vec<String>>>,
    /// `ssl-load-extra-del-ext`
    pub load_extra_del_ext: Option<Setting<bool>>,
    /// `ssl-dh-param-file`
    pub dh_param_file: Option<Setting<String>>,
    /// `tune.ssl.default-dh-param`, in bits
    pub default_dh_param: Option<Setting<u32>>,
    /// `tune.bufsize`, in bytes
    pub bufsize: Option<Setting<u32>>,
    /// `default-path`
    pub default_path: Option<Setting<DefaultPath>>,
    /// `ssl-server-verify`: whether servers are verified that say nothing about it; without it,
    /// they are.
    pub server_verify: Option<Setting<bool>>,
    /// `strict-sni` among `ssl-default-bind-options`
    pub strict_sni: Option<Setting<bool>>,
    /// `stats socket`
    pub stats_sockets: Vec<Setting<StatsSocket>>,
    /// `ssl-default-bind-...`
    pub bind_defaults: TlsSettings,
    /// `ssl-default-server-...`
    pub server_defaults: TlsSettings,
    /// `log`
    pub logging: Logging,
}

impl Global {
    /// Takes a line; what HAProxy refuses about it.
    pub(super) fn line(&mut self, line: &Line) -> Result<(), BadOption> {
        let keyword = line.keyword();
        let value = line.text(1);
        let text = || Setting::new(value.clone(), line);
        let number = || Some(Setting::new(value.parse().ok()?, line));
        match keyword.as_str() {
            "crt-base" | "ca-base" | "key-base" => {
                let slot = match keyword.as_str() {
                    "crt-base" => &mut self.crt_base,
                    "ca-base" => &mut self.ca_base,
                    _ => &mut self.key_base,
                };
                if slot.as_ref().is_some_and(|it| it.is_certain) && line.is_certain {
                    return Err(BadOption(format!("{keyword} is set already")));
                }
                *slot = Some(text());
            }
            "issuers-chain-path" => self.issuers_chain_path = Some(text()),
            "ssl-load-extra-files" => {
                let values = line.arguments().map(|it| it.text().into_owned());
                self.load_extra_files = Some(Setting::new(values.collect(), line));
            }
            "ssl-load-extra-del-ext" => self.load_extra_del_ext = Some(Setting::new(true, line)),
            "ssl-dh-param-file" => self.dh_param_file = Some(text()),
            "tune.ssl.default-dh-param" => self.default_dh_param = number(),
            "tune.bufsize" => self.bufsize = number(),
            "ssl-server-verify" => {
                self.server_verify = Some(Setting::new(value != "none", line));
            }
            "default-path" => {
                let path = match value.as_str() {
                    "current" => DefaultPath::Current,
                    "config" => DefaultPath::Config,
                    "parent" => DefaultPath::Parent,
                    "origin" => DefaultPath::Origin(line.text(2).into()),
                    _ => return Err(BadOption(format!("{keyword} cannot be \"{value}\""))),
                };
                self.default_path = Some(Setting::new(path, line));
            }
            "stats" if value == "socket" => {
                let texts: Vec<_> = line.arguments().map(|it| it.text()).collect();
                let level = texts.iter().position(|it| it == "level");
                let level = level.and_then(|index| texts.get(index + 1));
                let socket = StatsSocket {
                    address: line.text(2),
                    level: level.map(|level| level.to_string()),
                };
                self.stats_sockets.push(Setting::new(socket, line));
            }
            "setenv" | "presetenv" if line.text(2).is_empty() => {
                return Err(BadOption(format!("{keyword} takes a name and a value")));
            }
            "log" => self.logging.line(line),
            _ => self.tls_default(&keyword, line)?,
        }
        Ok(())
    }

    /// `ssl-default-bind-ciphers` and the like.
    fn tls_default(&mut self, keyword: &str, line: &Line) -> Result<(), BadOption> {
        let bind = keyword.strip_prefix("ssl-default-bind-");
        let server = keyword.strip_prefix("ssl-default-server-");
        let (settings, rest) = match (bind, server) {
            (Some(rest), _) => (&mut self.bind_defaults, rest),
            (_, Some(rest)) => (&mut self.server_defaults, rest),
            _ => return Ok(()),
        };
        if rest != "options" {
            return settings.option(rest, &line.text(1), line).map(drop);
        }
        let texts: Vec<String> = line.arguments().map(|it| it.text().into_owned()).collect();
        if texts.is_empty() {
            return Err(BadOption(format!("{keyword} has no option")));
        }
        let mut texts = texts.iter();
        while let Some(option) = texts.next() {
            let value = match option.as_str() {
                "ssl-min-ver" | "ssl-max-ver" => texts.next().map_or("", String::as_str),
                _ => "",
            };
            if !settings.option(option, value, line)? && option == "strict-sni" {
                self.strict_sni = Some(Setting::new(true, line));
            }
        }
        Ok(())
    }

    /// The file that a `crt` means, and how HAProxy names it.
    pub(super) fn certificate(&self, name: &str, line: &Line) -> FileName {
        self.file(self.crt_base.as_ref(), name, line)
    }

    /// The file that a `ca-file` or a `crl-file` means.
    pub(super) fn authority(&self, name: &str, line: &Line) -> FileName {
        self.file(self.ca_base.as_ref(), name, line)
    }

    /// A file that knows no base, such as a `crt-list`.
    pub(super) fn plain(&self, name: &str, line: &Line) -> FileName {
        self.file(None, name, line)
    }

    pub(super) fn file(&self, base: Option<&Setting<String>>, name: &str, line: &Line) -> FileName {
        // `@system-ca`, and certificates of a crt-store.
        let is_whole = name.starts_with(['/', '@']);
        let named = match base.filter(|_| !is_whole) {
            Some(base) => format!("{}/{name}", base.value),
            None => name.to_owned(),
        };
        let path = match &self.default_path {
            Some(origin) if !named.starts_with('@') => origin.value.resolve(line.file(), &named),
            _ => PathBuf::from(&named),
        };
        FileName { name: named, path }
    }
}

/// A file that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileName {
    /// Its name for HAProxy, as in `show ssl cert`: with `crt-base` or `ca-base`.
    pub name: String,
    /// Where it is: with `default-path`, too.
    pub path: PathBuf,
}

impl AsRef<Path> for FileName {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Weight for FileName {
    fn weight(&self) -> usize {
        self.name.len() + self.path.as_os_str().len()
    }
}
