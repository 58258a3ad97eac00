//! The chain that a server sends, verified as HAProxy would do it.

use super::{ANY, handshake, read, wanted_ca};
use crate::bundle::Bundler;
use crate::cert::Certificate;
use crate::doctor::backend::Behind;
use crate::doctor::change::Change;
use crate::doctor::names::{MAX_SHOWN, covers};
use crate::doctor::rules::is_host;
use crate::doctor::stores::Store;
use crate::doctor::{Diagnosis, Room};
use crate::explain::Cause;
use crate::finding::{Code, Finding, Severity, some_of};
use crate::haproxy::config::{FileName, Setting};
use crate::probe::{Keys, Probe, Shown};
#[cfg(feature = "system")]
use crate::trust::TrustStore;

impl Behind<'_> {
    /// The name that is looked for in the certificate, where it is the same for all
    /// (`ssl_sock_srv_verifycbk`: the name that is sent, else `verifyhost`).
    fn wanted(&self) -> Option<&str> {
        let verifyhost = self.server.value.verifyhost.as_ref();
        match &self.server.value.sni {
            Some(_) => self.sni.as_deref(),
            None => verifyhost.map(|it| it.value.as_str()),
        }
    }
}

impl Room<'_> {
    /// The intermediates by which a chain is verified as HAProxy would do it, as far as they are
    /// known, or why it is not; `None` where that cannot be told.
    pub(super) fn verified(
        &self,
        store: &Store,
        leaf: &Certificate,
        others: &[Certificate],
    ) -> Option<Result<Vec<Certificate>, Finding>> {
        let (roots, known) = match store {
            Store::File {
                roots,
                certificates,
            } => (roots.clone(), certificates.as_slice()),
            #[cfg(feature = "system")]
            Store::System => (TrustStore::system().ok()?.0, &[][..]),
            #[cfg(not(feature = "system"))]
            Store::System => return None,
        };
        let candidates = [others, known].concat();
        let verdict = Bundler::new(roots, self.doctor.time).chain(leaf, candidates);
        let refusal = match verdict {
            Ok((chain, _)) => return Some(Ok(chain.intermediates().to_vec())),
            Err(refusal) => refusal,
        };
        let mut errors = refusal.report().errors().filter(|it| {
            // OpenSSL minds neither a server's certificate that is a CA's, nor curves that webpki
            // does not know.
            !matches!(it.code, Code::CaAsLeaf | Code::UnsupportedAlgorithm)
        });
        Some(match errors.next() {
            Some(first) => Err(first.clone()),
            None => Ok(Vec::new()),
        })
    }

    /// The cure `@system-ca` is none for a server of a private CA.
    fn not_by_the_system(&mut self, behind: &Behind<'_>, certificates: &[Certificate]) {
        let said = self.diagnoses.iter_mut().find(|it| {
            it.finding.code == Code::VerifyWithoutCa
                && it.finding.origin.as_ref() == Some(&behind.server.origin)
        });
        if let Some((diagnosis, last)) = said.zip(certificates.last()) {
            diagnosis.cure = None;
            diagnosis.finding = diagnosis.finding.clone().help(wanted_ca(last));
        }
    }

    /// The chain that a server sends, and the name in it, as HAProxy verifies them.
    pub(super) fn sent(
        &mut self,
        behind: &Behind<'_>,
        probe: &Probe,
        certificates: &[Certificate],
    ) {
        let Some((leaf, others)) = certificates.split_first() else {
            return;
        };
        if !behind.is_verified {
            return;
        }
        let store = behind.store.as_ref();
        let verdict = store.and_then(|store| self.verified(store, leaf, others));
        // Of public CAs anybody gets a certificate for a name of his own.
        let is_ours = matches!(store, Some(Store::File { .. })) && matches!(verdict, Some(Ok(_)));
        match (verdict, &behind.server.value.ca_file) {
            (Some(Err(why)), Some(file)) => self.untrusted(behind, file, certificates, why),
            (Some(Err(_)), None) => {
                self.not_by_the_system(behind, certificates);
                return;
            }
            (Some(Ok(intermediates)), _) => self.revoked(behind, Some(&intermediates)),
            (None, _) => {}
        }
        if let Some(wanted) = behind.wanted() {
            self.named(behind, probe, leaf, wanted, is_ours);
        }
    }

    /// A chain that the `ca-file` does not verify.
    fn untrusted(
        &mut self,
        behind: &Behind<'_>,
        file: &Setting<FileName>,
        certificates: &[Certificate],
        why: Finding,
    ) {
        let subject = certificates.first().map(Certificate::subject_text);
        let message = format!(
            "{} sends {}, which {} does not verify: {}",
            behind.title(),
            subject.unwrap_or_default(),
            file.value.name,
            why.message
        );
        let mut diagnosis = self.new_live(behind, Code::BackendUntrusted, message);
        // What the server itself has to mend.
        if matches!(why.code, Code::Expired | Code::NotYetValid) {
            let help = why.help.unwrap_or_default();
            diagnosis = diagnosis.help(format!("On the server: {help}"));
        }
        diagnosis = diagnosis.evidence(Some(&file.origin), "its ca-file");
        for (place, certificate) in certificates.iter().enumerate().take(MAX_SHOWN) {
            let text = format!(
                "certificate {}: {}, issued by {}",
                place + 1,
                certificate.subject_text(),
                certificate.issuer_text()
            );
            diagnosis = diagnosis.evidence(None, text);
        }
        self.push(diagnosis);
    }

    /// Whether the certificate has the name that HAProxy looks for. Another name out of it is a cure
    /// only where the certificate `is_ours`, and only if it can be no more than a name.
    fn named(
        &mut self,
        behind: &Behind<'_>,
        probe: &Probe,
        leaf: &Certificate,
        wanted: &str,
        is_ours: bool,
    ) {
        let names = leaf.dns_names();
        if names.iter().any(|name| covers(name, wanted)) {
            return;
        }
        let shown = match names.is_empty() {
            true => leaf.subject_text(),
            false => some_of(&names, MAX_SHOWN),
        };
        let message = format!(
            "{} shows a certificate for {shown}, and {wanted} is asked for",
            behind.title()
        );
        let line = &behind.server.value;
        let setting = line.sni.as_ref().or(line.verifyhost.as_ref());
        let own = &behind.server.origin;
        let origin = setting.map_or(own, |it| &it.origin);
        let mut diagnosis =
            Diagnosis::new(Code::BackendName, Cause::Backend, Some(origin), message)
                .severity(Severity::Error)
                .affects(format!("all requests that go to {}", behind.title()));
        let mut other = names.iter().filter(|name| is_ours && is_host(name));
        let (at, change) = if line.sni.is_none() && shows(&probe.clone().name(wanted), wanted) {
            let text = format!("asked for {wanted} by SNI, it shows a certificate for it");
            diagnosis = diagnosis.evidence(None, text);
            (own, Change::Set("sni", format!("str({wanted})")))
        } else if let Some(name) = other.next() {
            let change = match line.sni {
                Some(_) => Change::Set("sni", format!("str({name})")),
                None => Change::Set("verifyhost", name.clone()),
            };
            (origin, change)
        } else {
            self.push(diagnosis);
            return;
        };
        let edit = self.texts.edit(at, change);
        self.push(diagnosis.edit(edit));
    }
}

/// Whether a server, asked like this, shows a certificate with that name.
fn shows(probe: &Probe, name: &str) -> bool {
    let Shown::Chain { certificates, .. } = handshake(probe, ANY, Keys::Both) else {
        return false;
    };
    let leaf = read(&certificates).into_iter().next();
    leaf.is_some_and(|leaf| leaf.dns_names().iter().any(|own| covers(own, name)))
}
