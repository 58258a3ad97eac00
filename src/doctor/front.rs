//! A bind line, and the certificates that it has.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Doctor;
use crate::haproxy::BindLine;
use crate::haproxy::config::{
    Bind, CertificateSource, Config, FileName, Proxy, SectionKind, Setting,
};
use crate::haproxy::fleet::Checked;

/// A bind line with certificates, or that speaks TLS.
pub(super) struct Front<'a> {
    pub(super) proxy: &'a Proxy,
    pub(super) bind: &'a Setting<Bind>,
    pub(super) line: BindLine,
    /// Whether there are Diffie-Hellman parameters, once that was looked for.
    pub(super) has_dh: OnceCell<bool>,
}

impl<'a> Front<'a> {
    pub(super) fn all(doctor: &Doctor, config: &'a Config) -> Vec<Self> {
        let has_certificates = |bind: &Bind| bind.is_tls || !bind.certificates.is_empty();
        let binds = config
            .binds()
            .filter(|(_, bind)| has_certificates(&bind.value));
        binds
            .map(|(proxy, bind)| {
                let strict = bind.value.strict_sni.as_ref().is_some_and(|it| it.value);
                let mut line = BindLine::new().version(doctor.version).strict_sni(strict);
                if let Some(base) = &config.global.crt_base {
                    line = line.crt_base(&base.value);
                }
                for source in &bind.value.certificates {
                    match &source.value {
                        CertificateSource::Crt(file) => line.crt(stored(config, file)),
                        CertificateSource::DefaultCrt(file) => {
                            // What is too new for this version is said at its line.
                            match doctor.version.has_default_list() {
                                true => line.default_crt(stored(config, file)),
                                false => line.crt(stored(config, file)),
                            }
                        }
                        CertificateSource::CrtList(file) => line.crt_list(&file.path),
                    }
                }
                Self {
                    proxy,
                    bind,
                    line,
                    has_dh: OnceCell::new(),
                }
            })
            .collect()
    }

    pub(super) fn with(mut self, checked: &HashMap<Arc<Path>, Checked>) -> Self {
        for (index, file) in self.line.files().to_vec().into_iter().enumerate() {
            if let Some(checked) = checked.get(&file) {
                self.line.record(&Checked {
                    index,
                    ..checked.clone()
                });
            }
        }
        self
    }

    /// What it is called: `frontend www`.
    pub(super) fn title(&self) -> String {
        title(self.proxy)
    }
}

/// What a section is called.
pub(super) fn title(proxy: &Proxy) -> String {
    let kind = match proxy.kind {
        SectionKind::Frontend => "frontend",
        SectionKind::Backend => "backend",
        SectionKind::Listen => "listen",
        _ => "section",
    };
    format!("{kind} {}", proxy.name)
}

/// The file of a name on a bind line, which may be one of a crt-store.
pub(super) fn stored(config: &Config, file: &FileName) -> PathBuf {
    if !file.name.starts_with('@') {
        return file.path.clone();
    }
    let loads = config.crt_stores.iter().flat_map(|store| {
        let loads = store.loads.iter();
        loads.map(move |load| (store.name_of(&load.value), &load.value))
    });
    let mut loads = loads.filter(|(name, _)| *name == file.name);
    let load = loads.next().and_then(|(_, load)| load.crt.as_ref());
    load.map_or_else(|| file.path.clone(), |file| file.path.clone())
}
