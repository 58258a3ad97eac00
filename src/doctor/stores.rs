//! By which CAs the certificates of clients and servers are verified, and by which lists of revoked
//! ones.

use super::change::Change;
use super::names::MAX_SHOWN;
use super::{Diagnosis, Room};
use crate::cert::Certificate;
use crate::explain::Cause;
use crate::finding::{Code, Severity, some_of};
use crate::haproxy::Version;
use crate::haproxy::authorities::{Authorities, RevocationList};
use crate::haproxy::config::{Bind, ClientVerify, FileName, Setting};
use crate::origin::Origin;
use crate::read::Material;
use crate::trust::TrustStore;

/// The system's roots in a file, as Debian has it.
const SYSTEM_STORE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What verifies a chain.
pub(super) enum Store {
    /// `@system-ca`
    System,
    /// Files, or folders.
    File {
        /// Those that signed themselves: OpenSSL wants a chain to end at one.
        #[cfg_attr(
            not(feature = "probe"),
            expect(dead_code, reason = "only servers are asked")
        )]
        roots: TrustStore,
        /// These, and what stands beside them.
        certificates: Vec<Certificate>,
    },
}

impl Store {
    /// What is known of it.
    pub(super) fn certificates(&self) -> &[Certificate] {
        match self {
            Self::System => &[],
            Self::File { certificates, .. } => certificates,
        }
    }
}

/// What a file of CAs stands for.
enum Named {
    System,
    Held(Authorities),
}

impl Room<'_> {
    /// How the certificates of clients are verified.
    pub(super) fn clients(&mut self, bind: &Bind, line: &Origin, who: &str) {
        let asked = bind.verify.as_ref();
        let asked = asked.filter(|it| it.value != ClientVerify::None);
        let files = [
            ("ca-file", bind.ca_file.as_ref()),
            ("ca-verify-file", bind.ca_verify_file.as_ref()),
        ];
        let named = files.into_iter().filter_map(|(it, file)| Some((it, file?)));
        let named: Vec<_> = named.collect();
        let store = match named.is_empty() {
            true => None,
            false => self.store(&named, Cause::Client, asked.is_some()),
        };
        match (asked, &bind.ca_file) {
            (Some(verify), _) if named.is_empty() => {
                let message = format!(
                    "{who} asks for certificates of clients, and there is no ca-file to verify them by"
                );
                // What a crt-list's line inherits is its own.
                let origin = match verify.origin.source() == line.source() {
                    true => &verify.origin,
                    false => line,
                };
                let diagnosis = Diagnosis::new(Code::CaFile, Cause::Client, Some(origin), message);
                self.push(diagnosis.stops());
            }
            (None, Some(file)) if store.is_some() => {
                let message = format!("{who} asks clients for no certificate");
                let origin = Some(&file.origin);
                let code = Code::ClientsUnverified;
                self.push(Diagnosis::new(code, Cause::Client, origin, message));
            }
            _ => {}
        }
        if let Some(file) = &bind.crl_file {
            let is_lenient = bind.ca_ignore_err.is_some() || bind.crt_ignore_err.is_some();
            let store = store.as_ref().filter(|_| asked.is_some());
            let authorities = store.map(Store::certificates);
            let affected = format!("clients of {who} that show a certificate of theirs");
            self.lists(file, Cause::Client, authorities, is_lenient, &affected);
        }
    }

    /// Those of a line that does not speak TLS are read all the same.
    pub(super) fn unused_stores(&mut self, bind: &Bind) {
        for file in [&bind.ca_file, &bind.ca_verify_file].into_iter().flatten() {
            self.store(&[("ca-file", file)], Cause::Client, false);
        }
        if let Some(file) = &bind.crl_file {
            self.lists(file, Cause::Client, None, false, "");
        }
    }

    /// The lists of revoked certificates, without which OpenSSL takes none of a CA: it asks for one
    /// of each certificate's issuer up to the root, which is its own. Without authorities nobody is
    /// verified by them.
    pub(super) fn lists(
        &mut self,
        file: &Setting<FileName>,
        cause: Cause,
        authorities: Option<&[Certificate]>,
        is_lenient: bool,
        affected: &str,
    ) {
        let path = file.value.path.display();
        let lists = match Authorities::read(&file.value.path) {
            Ok(authorities) => authorities.lists,
            Err(why) => {
                let message = format!("crl-file {path}: {why}");
                let diagnosis = Diagnosis::new(Code::CrlFile, cause, Some(&file.origin), message);
                self.push(diagnosis.stops());
                return;
            }
        };
        let Some(authorities) = authorities else {
            return;
        };
        let time = self.doctor.time;
        let is_missing = |authority: &&Certificate| !lists.iter().any(|it| it.is_by(authority));
        let missing = authorities.iter().filter(is_missing);
        let missing: Vec<_> = missing.map(Certificate::subject_text).collect();
        let (current, old): (Vec<_>, Vec<_>) = lists.iter().partition(|it| it.is_current(time));
        let has_newer = |old: &RevocationList| current.iter().any(|it| it.has_issuer_of(old));
        let stale: Vec<_> = old.into_iter().filter(|it| !has_newer(it)).collect();
        let new = |code, is_error: bool, message: String| {
            let severity = match is_error && !is_lenient {
                true => Severity::Error,
                false => Severity::Warning,
            };
            let diagnosis = Diagnosis::new(code, cause, Some(&file.origin), message);
            diagnosis.severity(severity).affects(affected)
        };
        if !missing.is_empty() {
            // Of many CAs some may be there for nobody.
            let lack_all = |is_root: bool| {
                let alike = authorities.iter();
                let mut alike = alike.filter(|it| it.is_self_issued() == is_root).peekable();
                alike.peek().is_some() && alike.all(|it| is_missing(&it))
            };
            let is_error = lack_all(true) || lack_all(false);
            let names = some_of(&missing, MAX_SHOWN);
            let message = format!("crl-file {path} has no list of {names}");
            self.push(new(Code::CrlMissing, is_error, message));
        }
        if !stale.is_empty() {
            let names: Vec<_> = stale.iter().map(|it| &it.issuer_text).collect();
            let names = some_of(&names, MAX_SHOWN);
            let message = format!("the list of {names} in crl-file {path} is out of date");
            let mut diagnosis = new(Code::CrlStale, true, message);
            for list in stale.into_iter().take(MAX_SHOWN) {
                let text = format!("the list of {}, {}", list.issuer_text, list.term());
                diagnosis = diagnosis.evidence(Some(&list.origin), text);
            }
            self.push(diagnosis);
        }
    }

    /// CAs none of which signed itself: as HAProxy asks OpenSSL to verify, nothing is trusted for
    /// being there unless it did.
    fn rootless(&mut self, file: &Setting<FileName>, certificates: &[Certificate], cause: Cause) {
        let names: Vec<_> = certificates.iter().map(Certificate::subject_text).collect();
        let path = file.value.path.display();
        let message = format!(
            "ca-file {path} has no root, only {}: no chain is verified by it",
            some_of(&names, MAX_SHOWN)
        );
        let origin = Some(&file.origin);
        let diagnosis = Diagnosis::new(Code::CaFileWithoutRoot, cause, origin, message);
        let above = certificates.first().map(Certificate::issuer_text);
        self.push(diagnosis.help(format!(
            "Put the root above it into the file, too: {}.",
            above.unwrap_or_default()
        )));
    }

    /// Whether `@system-ca` is what it says: up to 2.6, a `ca-base` is put before it.
    fn knows_system_ca(&self) -> bool {
        let version = self.doctor.version;
        version >= Version::of(2, 7)
            || version >= Version::of(2, 6) && self.config.global.ca_base.is_none()
    }

    /// How the system's roots are named in a `ca-file`.
    pub(super) fn system_ca(&self) -> &'static str {
        match self.knows_system_ca() {
            true => "@system-ca",
            false => SYSTEM_STORE,
        }
    }

    /// What these files hold together; `None`, and a finding, where one cannot be read, or they verify
    /// nothing and are used for that.
    pub(super) fn store(
        &mut self,
        files: &[(&str, &Setting<FileName>)],
        cause: Cause,
        is_used: bool,
    ) -> Option<Store> {
        let mut certificates = Vec::new();
        let mut is_system = false;
        let mut is_whole = true;
        for (option, file) in files {
            match self.authorities(option, file, cause) {
                Some(Named::System) => is_system = true,
                Some(Named::Held(authorities)) => certificates.extend(authorities.certificates),
                None => is_whole = false,
            }
        }
        let (_, file) = files.first().filter(|_| is_whole)?;
        if is_system {
            return Some(Store::System);
        }
        let is_root = |it: &&Certificate| it.is_self_issued();
        let roots: Vec<_> = certificates.iter().filter(is_root).cloned().collect();
        if roots.is_empty() {
            if is_used {
                self.rootless(file, &certificates, cause);
            }
            return None;
        }
        let material = Material {
            certificates: roots,
            ..Material::default()
        };
        let (roots, _) = TrustStore::from_material(file.value.name.clone(), material).ok()?;
        Some(Store::File {
            roots,
            certificates,
        })
    }

    fn authorities(
        &mut self,
        option: &str,
        file: &Setting<FileName>,
        cause: Cause,
    ) -> Option<Named> {
        if file.value.name.starts_with('@') {
            if self.knows_system_ca() {
                return Some(Named::System);
            }
            let message = format!(
                "HAProxy {} takes {} for a file in ca-base",
                self.doctor.version, file.value.name
            );
            let change = match option {
                "ca-verify-file" => Change::Set("ca-verify-file", SYSTEM_STORE.to_owned()),
                _ => Change::Set("ca-file", SYSTEM_STORE.to_owned()),
            };
            let edit = self.texts.edit(&file.origin, change);
            let diagnosis = Diagnosis::new(Code::CaFile, cause, Some(&file.origin), message);
            self.push(diagnosis.stops().edit(edit));
            return None;
        }
        let path = &file.value.path;
        let read = Authorities::read(path);
        let is_read = read.is_ok();
        let why = match read {
            Ok(authorities) if authorities.certificates.is_empty() => {
                "there is no certificate in it".to_owned()
            }
            Ok(authorities) => return Some(Named::Held(authorities)),
            Err(why) => why,
        };
        let message = format!("{option} {}: {why}", path.display());
        let diagnosis = Diagnosis::new(Code::CaFile, cause, Some(&file.origin), message);
        self.push(match is_read {
            true => diagnosis,
            false => diagnosis.stops(),
        });
        None
    }
}
