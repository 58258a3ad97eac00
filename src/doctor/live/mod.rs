//! The servers behind HAProxy and HAProxy itself, asked: what they really send.

mod refused;
mod sent;
mod served;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls_pki_types::CertificateDer;

use super::backend::Behind;
use super::change::Change;
use super::rules::leads_to;
use super::spoken::any_hello;
use super::stores::Store;
use super::{Diagnosis, Room};
use crate::cert::Certificate;
use crate::explain::Cause;
use crate::finding::Code;
use crate::haproxy::Address;
use crate::haproxy::config::{Proxy, Server, Setting, Side, TlsVersion};
use crate::origin::Origin;
use crate::probe::{Answer, Hello, Keys, Probe, Shown};
use crate::tls::{ClientCertificate, Version};

/// The most servers that are asked.
const MAX_ASKED: usize = 1_000;

/// The versions of whole handshakes.
const ANY: (TlsVersion, TlsVersion) = (TlsVersion::Tls12, TlsVersion::Tls13);

/// The most that are asked at a time: each waits more than it works.
const AT_ONCE: usize = 32;

impl<'a> Room<'a> {
    /// Examines and asks servers, each in a room of its own, and says what came of it in their order.
    pub(super) fn live_servers(
        &mut self,
        servers: &[(&'a Proxy, &'a Setting<Server>)],
        timeout: Duration,
    ) {
        let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        let room: &Room<'a> = self;
        thread::scope(|scope| {
            for _ in 0..servers.len().min(AT_ONCE) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some((proxy, server)) = servers.get(index) else {
                            break;
                        };
                        let mut own = room.another();
                        let behind = own.server(proxy, server);
                        if index < MAX_ASKED {
                            own.live(&behind, timeout);
                        }
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.insert(index, own.diagnoses);
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        for diagnosis in done.into_values().flatten() {
            self.push(diagnosis);
        }
    }

    /// An empty one of the same house.
    fn another(&self) -> Self {
        Self {
            diagnoses: Vec::new(),
            said: HashSet::new(),
            ..*self
        }
    }

    /// Asks a server.
    fn live(&mut self, behind: &Behind<'_>, timeout: Duration) {
        let line = &behind.server.value;
        if line.template.is_some() {
            return;
        }
        // What has no port is spoken to on the frontend's.
        let Ok(address) = line.address.trim_end_matches(":0").parse::<Address>() else {
            return;
        };
        let mut probe = Probe::new(address)
            .timeout(timeout)
            .proxied(line.send_proxy.is_some());
        if let Some(name) = &behind.sni {
            probe = probe.name(name);
        }
        // One that is not there is not waited for again and again.
        if let Err(error) = probe.ask(&any_hello(Version::Tls12)) {
            if line.is_tls() {
                let message = format!("{} cannot be reached: {error}", behind.title());
                let diagnosis = self.new_live(behind, Code::BackendUnreachable, message);
                self.push(diagnosis);
            }
            return;
        }
        match line.is_tls() {
            true => self.tls_server(behind, &probe),
            false => self.plain_server(behind, &probe),
        }
    }

    fn new_live(&self, behind: &Behind<'_>, code: Code, message: String) -> Diagnosis {
        Diagnosis::new(code, Cause::Backend, Some(&behind.server.origin), message)
            .affects(format!("all requests that go to {}", behind.title()))
    }

    /// Whether what clients send to a server goes there as it is, TLS from end to end.
    fn is_passed_on(&self, behind: &Behind<'_>) -> bool {
        let proxy = behind.proxy;
        if proxy.mode.as_ref().is_some_and(|mode| mode.value == "http") {
            return false;
        }
        let leads_here = |front: &Proxy| {
            let mut routes = front.routing.routes.iter();
            leads_to(front, proxy) || routes.any(|route| route.value.is_dynamic())
        };
        let mut fronts = self.config.proxies.iter().filter(|it| leads_here(it));
        fronts.all(|front| front.binds.iter().all(|bind| !bind.value.is_tls))
    }

    fn plain_server(&mut self, behind: &Behind<'_>, probe: &Probe) {
        if self.is_passed_on(behind) {
            return;
        }
        let answer = probe.ask(&Hello::of(Version::Tls12));
        if !matches!(answer, Ok(Answer::Hello(_) | Answer::Alert(_))) {
            return;
        }
        let message = format!("{} speaks TLS, and is spoken to in plain", behind.title());
        let mut diagnosis = self.new_live(behind, Code::BackendSpeaksTls, message);
        let chain = match handshake(probe, ANY, Keys::Both) {
            Shown::Chain { certificates, .. } => read(&certificates),
            _ => Vec::new(),
        };
        let is_public = chain.split_first().is_some_and(|(leaf, others)| {
            matches!(self.verified(&Store::System, leaf, others), Some(Ok(_)))
        });
        let mut edit = None;
        if is_public {
            let change = Change::Add(format!("ssl verify required ca-file {}", self.system_ca()));
            edit = self.texts.edit(&behind.server.origin, change);
        } else if let Some(last) = chain.last() {
            diagnosis = diagnosis.help(wanted_ca(last));
        }
        self.push(
            diagnosis
                .evidence(None, "it answered a ClientHello")
                .edit(edit),
        );
    }

    fn tls_server(&mut self, behind: &Behind<'_>, probe: &Probe) {
        let tls = &behind.server.value.tls;
        let range = tls.versions(Side::Server, self.doctor.version).range;
        let range = range.unwrap_or(ANY);
        match handshake(probe, range, Keys::Both) {
            Shown::Chain {
                certificates,
                client_certificate,
            } => {
                if client_certificate == ClientCertificate::Required
                    && behind.server.value.crt.is_none()
                {
                    let message = format!("{} wants a certificate of HAProxy", behind.title());
                    let diagnosis = self.new_live(behind, Code::BackendWantsCertificate, message);
                    self.push(diagnosis);
                }
                self.own_lists(behind, probe);
                self.sent(behind, probe, &read(&certificates));
            }
            Shown::Alert(alert) => self.refused(behind, probe, &format!("alert {alert}")),
            Shown::Failed(error) => self.refused(behind, probe, &error),
        }
    }
}

/// A whole handshake in a version of that range; of those before TLS 1.2 in none.
fn handshake(probe: &Probe, (min, max): (TlsVersion, TlsVersion), keys: Keys) -> Shown {
    if max < TlsVersion::Tls13 {
        return probe.handshake(Version::Tls12, keys);
    }
    match probe.handshake(Version::Tls13, keys) {
        shown @ Shown::Chain { .. } => shown,
        _ if min < TlsVersion::Tls13 => probe.handshake(Version::Tls12, keys),
        shown => shown,
    }
}

/// Whose certificate a `ca-file` needs, by the last one of a chain.
fn wanted_ca(last: &Certificate) -> String {
    format!(
        "`ssl verify required ca-file FILE`, with the certificate of the CA {} in the file, got from whoever runs it.",
        last.issuer_text()
    )
}

fn read(certificates: &[CertificateDer<'static>]) -> Vec<Certificate> {
    let certificates = certificates.iter().enumerate();
    let certificates = certificates.filter_map(|(place, der)| {
        let origin = Origin::new(format!("certificate {} of its chain", place + 1));
        Certificate::new(der.clone(), origin).ok()
    });
    certificates.collect()
}
