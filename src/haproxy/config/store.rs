//! The sections `crt-store`, since HAProxy 3.0: certificates with their files, by name.

use super::global::{FileName, Global};
use super::lines::Line;
use super::setting::{Setting, Weight};
use super::words::Word;

/// A section `crt-store`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrtStore {
    /// Its name; one of them may have none.
    pub name: Option<String>,
    /// The lines `load`, in order.
    pub loads: Vec<Setting<Load>>,
    crt_base: Option<Setting<String>>,
    key_base: Option<Setting<String>>,
}

/// A line `load`: a certificate that bind lines and crt-lists can name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// `crt`
    pub crt: Option<FileName>,
    /// `key`
    pub key: Option<FileName>,
    /// `ocsp`
    pub ocsp: Option<FileName>,
    /// `issuer`
    pub issuer: Option<FileName>,
    /// `sctl`
    pub sctl: Option<FileName>,
    /// `alias`
    pub alias: Option<String>,
    /// `ocsp-update`
    pub ocsp_update: Option<bool>,
}

impl CrtStore {
    /// The name of one of its certificates on a bind line: `@store/alias`.
    pub fn name_of(&self, load: &Load) -> String {
        let file = load.crt.as_ref().map(|file| file.name.as_str());
        let name = load.alias.as_deref().or(file).unwrap_or_default();
        match &self.name {
            Some(store) => format!("@{store}/{name}"),
            None => format!("@/{name}"),
        }
    }

    pub(super) fn named(name: Option<String>) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Takes a line; what it weighs.
    pub(super) fn line(&mut self, line: &Line, global: &Global) -> usize {
        match line.keyword().as_str() {
            "crt-base" => self.crt_base = Some(Setting::new(line.text(1), line)),
            "key-base" => self.key_base = Some(Setting::new(line.text(1), line)),
            "load" => {
                let load = self.load(line, global);
                let files = [&load.crt, &load.key, &load.ocsp, &load.issuer, &load.sctl];
                let weight = files.into_iter().map(Weight::weight).sum();
                self.loads.push(Setting::new(load, line));
                return weight;
            }
            _ => {}
        }
        0
    }

    fn load(&self, line: &Line, global: &Global) -> Load {
        let mut load = Load::default();
        let crt_base = self.crt_base.as_ref().or(global.crt_base.as_ref());
        let key_base = self.key_base.as_ref().or(global.key_base.as_ref());
        let mut words = line.arguments().map(Word::text);
        while let Some(option) = words.next() {
            let Some(value) = words.next() else {
                break;
            };
            let file = |base| Some(global.file(base, &value, line));
            match &*option {
                "crt" => load.crt = file(crt_base),
                "key" => load.key = file(key_base),
                "ocsp" => load.ocsp = file(crt_base),
                "issuer" => load.issuer = file(crt_base),
                "sctl" => load.sctl = file(crt_base),
                "alias" => load.alias = Some(value.into_owned()),
                "ocsp-update" => load.ocsp_update = Some(value == "on"),
                _ => {}
            }
        }
        load
    }
}
