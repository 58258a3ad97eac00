//! Whether HAProxy serves what the files have.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::handshake;
use crate::cert::Certificate;
use crate::doctor::front::Front;
use crate::doctor::{Diagnosis, Room};
use crate::explain::Cause;
use crate::finding::Code;
use crate::haproxy::Address;
use crate::haproxy::config::TlsVersion;
use crate::haproxy::fleet::Checked;
use crate::origin::Origin;
use crate::probe::{Keys, Probe, Shown};

/// The most names of a bind line that are asked for.
const MAX_NAMES: usize = 50;

impl Room<'_> {
    /// Asks the bind line's own address: does HAProxy serve what the files have?
    pub(in crate::doctor) fn served(
        &mut self,
        front: &Front<'_>,
        checked: &HashMap<Arc<Path>, Checked>,
    ) {
        let Some(timeout) = self.doctor.live else {
            return;
        };
        let bind = &front.bind.value;
        let address = bind.addresses.first().and_then(|it| reachable(it));
        let Some(address) = address.filter(|_| !bind.is_quic) else {
            return;
        };
        let origin = &front.bind.origin;
        let range = bind.versions(self.doctor.version).and_then(|it| it.range);
        // A crt-list's line may speak something older than the bind line.
        let range = (
            TlsVersion::Tls12,
            range.map_or(TlsVersion::Tls12, |(_, max)| max),
        );
        let table = front.line.table();
        for row in table.rows().into_iter().take(MAX_NAMES) {
            let name = row.name.replacen("*.", "any.", 1);
            for (file, keys) in [(row.ecdsa, Keys::Ecdsa), (row.rsa, Keys::Rsa)] {
                let file = file.and_then(|file| checked.get(Path::new(file)));
                let Some(Ok(loaded)) = file.map(|it| &it.loaded) else {
                    continue;
                };
                let probe = Probe::new(address.clone())
                    .timeout(timeout)
                    .proxied(bind.accept_proxy)
                    .name(&name);
                let who = format!("{address}, asked for {name},");
                let diagnosis = match handshake(&probe, range, keys) {
                    Shown::Chain { certificates, .. } => {
                        let sent = loaded.sent.iter().map(|sent| sent.der());
                        // One that stands alone may have got its chain from that folder.
                        let completes = self.config.global.issuers_chain_path.is_some();
                        let shown = match completes && sent.len() == 1 {
                            true => certificates.get(..1).unwrap_or_default(),
                            false => &certificates,
                        };
                        if sent.eq(shown) {
                            continue;
                        }
                        let leaf = certificates.into_iter().next();
                        let leaf = leaf.and_then(|der| {
                            Certificate::new(der, Origin::new(address.to_string())).ok()
                        });
                        let what = leaf.map_or_else(
                            || "something else".to_owned(),
                            |leaf| match loaded.leaf() == Some(&leaf) {
                                true => "the same certificate with another chain".to_owned(),
                                false => format!(
                                    "{}, serial {}",
                                    leaf.subject_text(),
                                    hex(leaf.serial())
                                ),
                            },
                        );
                        let message = format!("{who} does not serve {}: {what}", loaded.file);
                        let cause = Cause::Chain;
                        Diagnosis::new(Code::ServedDiffers, cause, Some(origin), message)
                    }
                    Shown::Alert(alert) => {
                        let message = format!("{who} refuses: alert {alert}");
                        Diagnosis::new(Code::NotServed, Cause::Setup, Some(origin), message)
                    }
                    Shown::Failed(error) => {
                        let message = format!("{address} cannot be asked: {error}");
                        let cause = Cause::Setup;
                        self.push(Diagnosis::new(
                            Code::NotServed,
                            cause,
                            Some(origin),
                            message,
                        ));
                        return;
                    }
                };
                self.push(diagnosis.affects(format!("clients of {name}")));
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a bind line can be reached from the machine itself.
fn reachable(address: &str) -> Option<Address> {
    let bare = address.rsplit_once('@').map_or(address, |(_, bare)| bare);
    let local = match bare.rsplit_once(':') {
        Some(("" | "*" | "0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("::" | "[::]", port)) => format!("[::1]:{port}"),
        _ => address.to_owned(),
    };
    local.parse().ok()
}
