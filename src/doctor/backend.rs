//! The servers behind HAProxy: whether they are verified as meant, and what is sent to them.

use super::change::Change;
use super::front::{stored, title};
use super::spoken::Spoken;
use super::stores::Store;
use super::{Diagnosis, Room};
use crate::cert::Certificate;
use crate::explain::{Cause, cause_of};
use crate::finding::{Code, Severity};
use crate::haproxy::Version;
use crate::haproxy::config::{Proxy, SectionKind, Server, Setting};

/// Since when HAProxy sends the name of the request by itself (`no-sni-auto` switches it off).
const SNI_AUTO: Version = Version::of(3, 3);

/// A server line, with what it comes to.
pub(super) struct Behind<'a> {
    pub(super) proxy: &'a Proxy,
    pub(super) server: &'a Setting<Server>,
    /// Whether its certificate is verified.
    pub(super) is_verified: bool,
    /// The `ca-file`, where it is verified and could be read.
    pub(super) store: Option<Store>,
    /// The name that is sent, where it is the same for all.
    pub(super) sni: Option<String>,
    /// What the settings of its line come to.
    pub(super) spoken: Option<Spoken>,
}

impl Behind<'_> {
    pub(super) fn title(&self) -> String {
        format!("server {} of {}", self.server.value.name, title(self.proxy))
    }
}

impl Room<'_> {
    pub(super) fn servers(&mut self) {
        let config = self.config;
        let servers = config.servers();
        let servers = servers.filter(|(proxy, _)| proxy.kind != SectionKind::Defaults);
        #[cfg(feature = "probe")]
        if let Some(timeout) = self.doctor.live {
            return self.live_servers(&servers.collect::<Vec<_>>(), timeout);
        }
        for (proxy, server) in servers {
            self.server(proxy, server);
        }
    }

    /// What there is to say of a server without asking it.
    pub(super) fn server<'a>(
        &mut self,
        proxy: &'a Proxy,
        server: &'a Setting<Server>,
    ) -> Behind<'a> {
        let line = &server.value;
        let mut behind = Behind {
            proxy,
            server,
            is_verified: false,
            store: None,
            sni: line.sni.as_ref().and_then(|sni| constant(&sni.value)),
            spoken: None,
        };
        let checks_tls = line.is_checked() && line.checks_with_tls();
        if !line.is_tls() && !checks_tls && !line.prepares_tls() {
            self.without_ssl(&behind);
            return behind;
        }
        behind.spoken = self.server_protocol(proxy, server);
        let global = self.config.global.server_verify.as_ref();
        let verify = line.verify.as_ref().or(global);
        behind.is_verified = verify.is_none_or(|it| it.value);
        let sends_itself = self.doctor.version >= SNI_AUTO;
        self.verification(&mut behind, verify, checks_tls, sends_itself);
        let store = behind.store.as_ref();
        self.revoked(&behind, store.map(Store::certificates));
        self.checks(&behind, sends_itself);
        self.own_certificate(&behind);
        behind
    }

    /// Options for TLS on a line that does not speak it.
    fn without_ssl(&mut self, behind: &Behind<'_>) {
        let (server, line) = (behind.server, &behind.server.value);
        let named = [
            ("verify", line.verify.as_ref().map(|it| &it.origin)),
            ("ca-file", line.ca_file.as_ref().map(|it| &it.origin)),
            ("verifyhost", line.verifyhost.as_ref().map(|it| &it.origin)),
            ("sni", line.sni.as_ref().map(|it| &it.origin)),
        ];
        if let Some(file) = &line.ca_file {
            self.store(&[("ca-file", file)], Cause::Backend, false);
        }
        self.revoked(behind, None);
        // What comes from a default-server is there for others.
        let mut own = named
            .iter()
            .filter(|(_, at)| at.is_some_and(|it| *it == server.origin));
        if let (Some((option, _)), None) = (own.next(), &line.ssl) {
            let message = format!(
                "{} has {option} and no ssl: it is spoken to in plain",
                behind.title()
            );
            let mut edits = Vec::from_iter(
                self.texts
                    .edit(&server.origin, Change::Add("ssl".to_owned())),
            );
            let verify = line
                .verify
                .as_ref()
                .or(self.config.global.server_verify.as_ref());
            if line.ca_file.is_none() && verify.is_none_or(|it| it.value) {
                let change = Change::Set("ca-file", self.system_ca().to_owned());
                edits.extend(self.texts.edit(&server.origin, change));
            }
            let origin = Some(&server.origin);
            let diagnosis = Diagnosis::new(Code::SslMissing, Cause::Backend, origin, message);
            self.push(diagnosis.severity(Severity::Warning).edit(edits));
        }
    }

    /// Whether it is verified as meant, and told the name that is meant.
    fn verification(
        &mut self,
        behind: &mut Behind<'_>,
        verify: Option<&Setting<bool>>,
        checks_tls: bool,
        sends_itself: bool,
    ) {
        let server = behind.server;
        let who = behind.title();
        let new = |code, message: String| {
            Diagnosis::new(code, Cause::Backend, Some(&server.origin), message)
                .affects(format!("all requests that go to {who}"))
        };
        let line = &server.value;
        let host = host(&line.address);
        if let Some(file) = line.ca_file.as_ref().filter(|_| !behind.is_verified) {
            // It is read all the same.
            self.store(&[("ca-file", file)], Cause::Backend, false);
        }
        match (behind.is_verified, &line.ca_file) {
            (false, _) if !line.is_tls() && !checks_tls => {}
            (false, _) => {
                let origin = verify.map_or(&server.origin, |it| &it.origin);
                let message = format!("{who} is encrypted, and anybody may answer in its place");
                let diagnosis = Diagnosis::new(
                    Code::BackendUnverified,
                    Cause::Backend,
                    Some(origin),
                    message,
                );
                self.push(diagnosis.evidence(Some(&server.origin), "verify none"));
            }
            (true, None) => {
                let message =
                    format!("{who} must be verified, and there is no ca-file to verify it by");
                let change = Change::Set("ca-file", self.system_ca().to_owned());
                let edit = self.texts.edit(&server.origin, change);
                let diagnosis = new(Code::VerifyWithoutCa, message).edit(edit);
                self.push(diagnosis.stops());
                behind.store = Some(Store::System);
            }
            (true, Some(file)) => {
                behind.store = self.store(&[("ca-file", file)], Cause::Backend, true);
            }
        }
        if behind.is_verified && line.sni.is_none() && line.verifyhost.is_none() {
            let message = format!("{who} may show any certificate of the CA: no name is asked for");
            let edit = host.as_ref().and_then(|host| {
                let change = Change::Set("verifyhost", host.clone());
                self.texts.edit(&server.origin, change)
            });
            self.push(new(Code::BackendAnyName, message).edit(edit));
        }
        if let Some(host) = host
            .as_ref()
            .filter(|_| line.is_tls() && line.sni.is_none())
            && !sends_itself
        {
            let message = format!("no name is sent to {who}, which is addressed by one, {host}");
            let change = Change::Set("sni", format!("str({host})"));
            let edit = self.texts.edit(&server.origin, change);
            self.push(new(Code::BackendWithoutSni, message).edit(edit));
        }
    }

    /// The lists of revoked certificates, where it is verified of those of these CAs.
    pub(super) fn revoked(&mut self, behind: &Behind<'_>, authorities: Option<&[Certificate]>) {
        if let Some(file) = &behind.server.value.crl_file {
            let affected = format!("all requests that go to {}", behind.title());
            self.lists(file, Cause::Backend, authorities, false, &affected);
        }
    }

    /// Health checks.
    fn checks(&mut self, behind: &Behind<'_>, sends_itself: bool) {
        let (server, line) = (behind.server, &behind.server.value);
        if !line.is_checked() {
            return;
        }
        let who = behind.title();
        let affected = format!("{who}, which counts as down when they fail");
        if line.is_tls() && !line.checks_with_tls() && line.check_ssl.is_none() {
            let message = format!(
                "health checks of {who} go to another port or address, and do not speak TLS there"
            );
            let edit = self
                .texts
                .edit(&server.origin, Change::Add("check-ssl".to_owned()));
            let origin = Some(&server.origin);
            let diagnosis = Diagnosis::new(Code::CheckWithoutTls, Cause::Backend, origin, message);
            self.push(diagnosis.affects(affected).edit(edit));
        } else if line.checks_with_tls() && line.sni.is_some() && line.check_sni.is_none() {
            if sends_itself {
                return;
            }
            let message = format!("health checks of {who} send no name, while requests do");
            let verifyhost = line.verifyhost.as_ref().map(|it| it.value.clone());
            let name = behind
                .sni
                .clone()
                .or(verifyhost)
                .or_else(|| host(&line.address));
            let edit = name.and_then(|name| {
                self.texts
                    .edit(&server.origin, Change::Set("check-sni", name))
            });
            let origin = Some(&server.origin);
            let diagnosis = Diagnosis::new(Code::CheckWithoutSni, Cause::Backend, origin, message);
            self.push(diagnosis.affects(affected).edit(edit));
        }
    }

    /// The certificate that HAProxy shows to a server.
    fn own_certificate(&mut self, behind: &Behind<'_>) {
        let Some(file) = &behind.server.value.crt else {
            return;
        };
        let path = stored(self.config, &file.value);
        let loader = self.doctor.loader(self.config);
        if let Err(refused) = loader.load_path(&path) {
            let finding = (*refused.finding).clone();
            let cause = cause_of(finding.code);
            let diagnosis = Diagnosis::of(finding, cause);
            let diagnosis = diagnosis.evidence(Some(&file.origin), behind.title());
            self.push(diagnosis.stops());
        }
    }
}

/// The host of an address, if it is a name.
fn host(address: &str) -> Option<String> {
    let is_socket = address.starts_with(['/', '@']) || address.contains("unix@");
    if is_socket || address.contains(['$', '"']) {
        return None;
    }
    let address = address.rsplit_once('@').map_or(address, |(_, rest)| rest);
    let name = match address.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit() || it == b'+') => name,
        _ => address,
    };
    let is_name = name.bytes().any(|it| it.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'));
    (is_name && name != "localhost").then(|| name.to_owned())
}

/// What an expression gives to everybody: `str(backend.example)`.
fn constant(expression: &str) -> Option<String> {
    let inner = expression.strip_prefix("str(")?.strip_suffix(')')?;
    let inner = inner.trim_matches(['"', '\'']);
    (!inner.contains(['(', ',', ')'])).then(|| inner.to_owned())
}
