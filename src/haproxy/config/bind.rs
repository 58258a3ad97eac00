//! Bind lines.

use super::global::{FileName, Global};
use super::lines::Line;
use super::setting::{Setting, Weight};
use super::tls::{BadOption, Side, TlsSettings, Versions};
use super::words::Word;
use crate::haproxy::Version;
use crate::origin::Origin;

/// The options that have a value, in any version of HAProxy.
pub(crate) const WITH_VALUE: [&str; 54] = [
    "accept-netscaler-cip",
    "alpn",
    "backlog",
    "ca-file",
    "ca-ignore-err",
    "ca-sign-file",
    "ca-sign-pass",
    "ca-verify-file",
    "cc",
    "ciphers",
    "ciphersuites",
    "client-sigalgs",
    "crl-file",
    "crt",
    "crt-ignore-err",
    "crt-list",
    "curves",
    "default-crt",
    "ecdhe",
    "ech",
    "expose-fd",
    "gid",
    "group",
    "guid-prefix",
    "id",
    "idle-ping",
    "interface",
    "ktls",
    "label",
    "level",
    "maxconn",
    "mode",
    "mss",
    "name",
    "namespace",
    "nice",
    "npn",
    "ocsp-update",
    "process",
    "proto",
    "quic-cc-algo",
    "quic-socket",
    "severity-output",
    "shards",
    "sigalgs",
    "ssl-max-ver",
    "ssl-min-ver",
    "tcp-md5sig",
    "tcp-ut",
    "thread",
    "tls-ticket-keys",
    "uid",
    "user",
    "verify",
];

/// Those of them that lines of crt-lists may have, too, and that say how handshakes go.
const IN_LISTS: [&str; 14] = [
    "alpn",
    "ca-file",
    "ca-verify-file",
    "ciphers",
    "ciphersuites",
    "client-sigalgs",
    "crl-file",
    "curves",
    "ecdhe",
    "ocsp-update",
    "sigalgs",
    "ssl-max-ver",
    "ssl-min-ver",
    "verify",
];

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientVerify {
    /// `none`: none is asked for.
    None,
    /// `optional`: one is asked for.
    Optional,
    /// `required`: there is no connection without one.
    Required,
}

/// What names certificates on a bind line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateSource {
    /// `crt`: a file, a folder, a base name, or `@store/name`.
    Crt(FileName),
    /// `default-crt`: the same, for the default.
    DefaultCrt(FileName),
    /// `crt-list`
    CrtList(FileName),
}

/// A bind line, with what it takes from `global`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bind {
    /// The addresses as they are written: one, or several that commas separate.
    pub addresses: Vec<String>,
    /// `ssl`. QUIC, which is always encrypted, wants it, too.
    pub is_tls: bool,
    /// `crt`, `default-crt` and `crt-list`, in order.
    pub certificates: Vec<Setting<CertificateSource>>,
    /// `strict-sni`
    pub strict_sni: Option<Setting<bool>>,
    /// Versions, ciphers and the like.
    pub tls: TlsSettings,
    /// `verify`: without it, none.
    pub verify: Option<Setting<ClientVerify>>,
    /// `ca-file`
    pub ca_file: Option<Setting<FileName>>,
    /// `ca-verify-file`
    pub ca_verify_file: Option<Setting<FileName>>,
    /// `crl-file`
    pub crl_file: Option<Setting<FileName>>,
    /// `ca-ignore-err`
    pub ca_ignore_err: Option<Setting<String>>,
    /// `crt-ignore-err`
    pub crt_ignore_err: Option<Setting<String>>,
    /// `generate-certificates`
    pub generate_certificates: Option<Setting<bool>>,
    /// `ca-sign-file`
    pub ca_sign_file: Option<Setting<FileName>>,
    /// `tls-ticket-keys`
    pub tls_ticket_keys: Option<Setting<FileName>>,
    /// `ocsp-update`
    pub ocsp_update: Option<Setting<bool>>,
    /// Whether an address is one of QUIC.
    pub is_quic: bool,
    /// `accept-proxy`: connections begin with a header of the PROXY protocol.
    pub accept_proxy: bool,
}

impl Bind {
    /// The versions of TLS that it speaks; for a line without `ssl` none.
    pub fn versions(&self, version: Version) -> Option<Versions> {
        self.is_tls.then(|| self.tls.versions(Side::Bind, version))
    }

    /// The crt-lists that it names, each with its line.
    pub(crate) fn crt_lists(&self) -> impl Iterator<Item = (&FileName, &Origin)> {
        let sources = self.certificates.iter();
        sources.filter_map(|source| match &source.value {
            CertificateSource::CrtList(file) => Some((file, &source.origin)),
            _ => None,
        })
    }

    pub(super) fn parse(line: &Line, global: &Global) -> (Self, Vec<BadOption>) {
        let mut bind = Self::default();
        let mut bad = Vec::new();
        let mut words = line.arguments().map(Word::text);
        let addresses = words.next().unwrap_or_default();
        bind.addresses = addresses.split(',').map(str::to_owned).collect();
        let is_quic = |it: &String| it.starts_with("quic4@") || it.starts_with("quic6@");
        bind.is_quic = bind.addresses.iter().any(is_quic);
        while let Some(option) = words.next() {
            let value = match WITH_VALUE.contains(&&*option) {
                true => words.next().unwrap_or_default(),
                false => "".into(),
            };
            let set = bind.option(&option, &value, line, global);
            bad.extend(set.err());
        }
        (bind, bad)
    }

    /// What it is for a line of a crt-list, whose own options, such as `verify required`, take the
    /// place of these; and why HAProxy refuses some of them. Words that no crt-list's line has are
    /// left alone.
    pub(crate) fn overlaid(
        &self,
        options: &[String],
        at: &Origin,
        global: &Global,
    ) -> (Self, Vec<String>) {
        let line = Line::of_list(at, options);
        let mut own = self.clone();
        let mut refused = Vec::new();
        let mut words = options.iter();
        while let Some(option) = words.next() {
            let value = match WITH_VALUE.contains(&option.as_str()) {
                true => words.next().map(String::as_str).unwrap_or_default(),
                false => "",
            };
            if IN_LISTS.contains(&option.as_str())
                && let Err(BadOption(why)) = own.option(option, value, &line, global)
            {
                refused.push(why);
            }
        }
        (own, refused)
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
        let certificate = || global.certificate(value, line);
        let authority = || Some(Setting::new(global.authority(value, line), line));
        let text = || Some(Setting::new(value.to_owned(), line));
        let mut push = |source| self.certificates.push(Setting::new(source, line));
        match option {
            "ssl" => {
                self.is_tls = true;
                self.tls.inherit(&global.bind_defaults);
                if self.strict_sni.is_none() {
                    self.strict_sni.clone_from(&global.strict_sni);
                }
            }
            "crt" => push(CertificateSource::Crt(certificate())),
            "default-crt" => push(CertificateSource::DefaultCrt(certificate())),
            "crt-list" => push(CertificateSource::CrtList(global.plain(value, line))),
            "accept-proxy" => self.accept_proxy = true,
            "strict-sni" | "no-strict-sni" => {
                self.strict_sni = Some(Setting::new(option == "strict-sni", line));
            }
            "verify" => {
                let verify = match value {
                    "none" => ClientVerify::None,
                    "optional" => ClientVerify::Optional,
                    "required" => ClientVerify::Required,
                    _ => return Err(BadOption(format!("verify cannot be \"{value}\""))),
                };
                self.verify = Some(Setting::new(verify, line));
            }
            "ca-file" => self.ca_file = authority(),
            "ca-verify-file" => self.ca_verify_file = authority(),
            "crl-file" => self.crl_file = authority(),
            "ca-sign-file" => self.ca_sign_file = authority(),
            "tls-ticket-keys" => {
                self.tls_ticket_keys = Some(Setting::new(global.plain(value, line), line));
            }
            "ca-ignore-err" => self.ca_ignore_err = text(),
            "crt-ignore-err" => self.crt_ignore_err = text(),
            "generate-certificates" => {
                self.generate_certificates = Some(Setting::new(true, line));
            }
            "ocsp-update" => self.ocsp_update = Some(Setting::new(value == "on", line)),
            _ => return self.tls.option(option, value, line).map(drop),
        }
        Ok(())
    }
}

impl Weight for CertificateSource {
    fn weight(&self) -> usize {
        match self {
            Self::Crt(file) | Self::DefaultCrt(file) | Self::CrtList(file) => file.weight(),
        }
    }
}

impl Weight for Bind {
    fn weight(&self) -> usize {
        let files = [
            &self.ca_file,
            &self.ca_verify_file,
            &self.crl_file,
            &self.ca_sign_file,
            &self.tls_ticket_keys,
        ];
        let files: usize = files.into_iter().map(Weight::weight).sum();
        files + self.certificates.weight() + self.tls.weight()
    }
}
