//! Server lines.

use super::global::{FileName, Global};
use super::lines::Line;
use super::setting::{Setting, Weight};
use super::tls::{BadOption, Side, TlsSettings, Versions};
use super::words::Word;
use crate::haproxy::Version;

/// The options that have a value, in any version of HAProxy.
pub(crate) const WITH_VALUE: [&str; 75] = [
    "addr",
    "agent-addr",
    "agent-inter",
    "agent-port",
    "agent-send",
    "alpn",
    "ca-file",
    "cc",
    "check-alpn",
    "check-pool-conn-name",
    "check-proto",
    "check-sni",
    "ciphers",
    "ciphersuites",
    "client-sigalgs",
    "cookie",
    "crl-file",
    "crt",
    "curves",
    "downinter",
    "error-limit",
    "fall",
    "fastinter",
    "guid",
    "hash-key",
    "healthcheck",
    "id",
    "idle-ping",
    "init-addr",
    "init-state",
    "inter",
    "interface",
    "ktls",
    "log-bufsize",
    "log-proto",
    "max-reuse",
    "maxconn",
    "maxqueue",
    "minconn",
    "namespace",
    "npn",
    "observe",
    "on-error",
    "on-marked-down",
    "on-marked-up",
    "pool-conn-name",
    "pool-low-conn",
    "pool-max-conn",
    "pool-purge-delay",
    "port",
    "proto",
    "proxy-v2-options",
    "redir",
    "renegotiate-never",
    "resolve-net",
    "resolve-opts",
    "resolve-prefer",
    "resolvers",
    "rise",
    "set-proxy-v2-tlv-fmt",
    "shard",
    "sigalgs",
    "slowstart",
    "sni",
    "socks4",
    "source",
    "ssl-max-ver",
    "ssl-min-ver",
    "tcp-md5sig",
    "tcp-ut",
    "track",
    "usesrc",
    "verify",
    "verifyhost",
    "weight",
];

/// A server line, with what it takes from `default-server`, `defaults` and `global`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Its name, or the prefix of a `server-template`.
    pub name: String,
    /// The address as it is written.
    pub address: String,
    /// How many a `server-template` makes, as it is written: `3`, or `1-3`.
    pub template: Option<String>,
    /// `ssl`, or `false` for `no-ssl`
    pub ssl: Option<Setting<bool>>,
    /// `check`, or `false` for `no-check`
    pub check: Option<Setting<bool>>,
    /// `check-ssl`, or `false` for `no-check-ssl`
    pub check_ssl: Option<Setting<bool>>,
    /// `port`, for checks
    pub check_port: Option<Setting<String>>,
    /// `addr`, for checks
    pub check_addr: Option<Setting<String>>,
    /// `check-sni`
    pub check_sni: Option<Setting<String>>,
    /// `check-alpn`
    pub check_alpn: Option<Setting<String>>,
    /// `send-proxy` and those like it: connections begin with a header of the PROXY protocol.
    pub send_proxy: Option<Setting<bool>>,
    /// `sni`: an expression, such as `str(backend.example)`
    pub sni: Option<Setting<String>>,
    /// `verify`: `true` for `required`, `false` for `none`. Without it, what `ssl-server-verify` in
    /// `global` says, else `required`.
    pub verify: Option<Setting<bool>>,
    /// `verifyhost`
    pub verifyhost: Option<Setting<String>>,
    /// `ca-file`
    pub ca_file: Option<Setting<FileName>>,
    /// `crl-file`
    pub crl_file: Option<Setting<FileName>>,
    /// `crt`: the certificate that HAProxy shows
    pub crt: Option<Setting<FileName>>,
    /// Versions, ciphers and the like.
    pub tls: TlsSettings,
    /// `default-server` has `ssl`: HAProxy prepares for it, whatever the server's line says.
    is_prepared: bool,
}

impl Server {
    /// Whether HAProxy speaks TLS to it.
    pub fn is_tls(&self) -> bool {
        self.ssl.as_ref().is_some_and(|it| it.value)
    }

    /// Whether its health is checked.
    pub fn is_checked(&self) -> bool {
        self.check.as_ref().is_some_and(|it| it.value)
    }

    /// Whether checks speak TLS. Those of another port or address than the server's do so only for
    /// `check-ssl`.
    pub fn checks_with_tls(&self) -> bool {
        let is_elsewhere = self.check_port.is_some() || self.check_addr.is_some();
        match &self.check_ssl {
            Some(check) => check.value,
            None => self.is_tls() && !is_elsewhere,
        }
    }

    /// The versions of TLS that HAProxy speaks to it, or in checks; `None` without TLS.
    pub fn versions(&self, version: Version) -> Option<Versions> {
        let is_tls = self.is_tls() || self.is_checked() && self.checks_with_tls();
        is_tls.then(|| self.tls.versions(Side::Server, version))
    }

    /// Whether HAProxy prepares for TLS, used or not: then no version left, or no `ca-file`, keeps it
    /// from starting.
    pub(crate) fn prepares_tls(&self) -> bool {
        // Checks that are never made are prepared, too.
        let checks = self.check_ssl.as_ref().is_some_and(|it| it.value);
        self.is_tls() || checks || self.is_prepared
    }

    /// `server` or `server-template`, on top of what `default-server` said before it.
    pub(super) fn parse(default: &Self, line: &Line, global: &Global) -> (Self, Vec<BadOption>) {
        let mut server = default.clone();
        server.is_prepared = default.is_tls();
        server.name = line.text(1);
        let skipped = match line.keyword() == "server-template" {
            true => {
                server.template = Some(line.text(2));
                server.address = line.text(3);
                3
            }
            false => {
                server.address = line.text(2);
                2
            }
        };
        let bad = server.options(line, skipped, global);
        (server, bad)
    }

    /// The options behind so many arguments.
    pub(super) fn options(
        &mut self,
        line: &Line,
        skipped: usize,
        global: &Global,
    ) -> Vec<BadOption> {
        let mut bad = Vec::new();
        let mut words = line.arguments().skip(skipped).map(Word::text);
        while let Some(option) = words.next() {
            let value = match WITH_VALUE.contains(&&*option) {
                true => words.next().unwrap_or_default(),
                false => "".into(),
            };
            // HAProxy says so, starts all the same, and passes over it.
            let is_default = line.keyword() == "default-server";
            if is_default && (option.starts_with("no-tlsv") || option == "no-sslv3") {
                continue;
            }
            let set = self.option(&option, &value, line, global);
            bad.extend(set.err());
        }
        bad
    }

    fn option(
        &mut self,
        option: &str,
        value: &str,
        line: &Line,
        global: &Global,
    ) -> Result<(), BadOption> {
        if value.is_empty() && WITH_VALUE.contains(&option) {
            return Err(BadOption(format!("{option} has no value")));
        }
        let is = |is_so| Some(Setting::new(is_so, line));
        let text = || Some(Setting::new(value.to_owned(), line));
        let authority = || Some(Setting::new(global.authority(value, line), line));
        match option {
            "ssl" => {
                self.ssl = is(true);
                self.tls.inherit(&global.server_defaults);
            }
            "no-ssl" => {
                // Checks may speak TLS all the same, and HAProxy prepares for that.
                match self.is_tls() {
                    true => self.tls.inherit(&global.server_defaults),
                    false => self.tls.ciphers = None,
                }
                self.ssl = is(false);
            }
            "check" => self.check = is(true),
            "no-check" => self.check = is(false),
            "check-ssl" => {
                self.check_ssl = is(true);
                self.tls.inherit(&global.server_defaults);
            }
            "no-check-ssl" => {
                self.check_ssl = is(false);
                self.tls.ciphers = None;
            }
            "send-proxy" | "send-proxy-v2" | "send-proxy-v2-ssl" | "send-proxy-v2-ssl-cn" => {
                self.send_proxy = is(true);
            }
            "no-send-proxy"
            | "no-send-proxy-v2"
            | "no-send-proxy-v2-ssl"
            | "no-send-proxy-v2-ssl-cn" => self.send_proxy = None,
            "port" => self.check_port = text(),
            "addr" => self.check_addr = text(),
            "check-sni" => self.check_sni = text(),
            "check-alpn" => self.check_alpn = text(),
            "sni" => self.sni = text(),
            "verify" => {
                self.verify = match value {
                    "none" => is(false),
                    "required" => is(true),
                    _ => return Err(BadOption(format!("verify cannot be \"{value}\""))),
                }
            }
            "verifyhost" => self.verifyhost = text(),
            "no-verifyhost" => self.verifyhost = None,
            "ca-file" => self.ca_file = authority(),
            "crl-file" => self.crl_file = authority(),
            "crt" => self.crt = Some(Setting::new(global.certificate(value, line), line)),
            _ => return self.tls.option(option, value, line).map(drop),
        }
        Ok(())
    }
}

impl Weight for Server {
    fn weight(&self) -> usize {
        let texts = [
            &self.check_port,
            &self.check_addr,
            &self.check_sni,
            &self.check_alpn,
            &self.sni,
            &self.verifyhost,
        ];
        let files = [&self.ca_file, &self.crl_file, &self.crt];
        let texts: usize = texts.into_iter().map(Weight::weight).sum();
        let files: usize = files.into_iter().map(Weight::weight).sum();
        texts + files + self.tls.weight()
    }
}
