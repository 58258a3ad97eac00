//! A certificate file on disk, and those beside it.

use std::path::{Path, PathBuf};

use memchr::memmem;

use super::certificates::LEAF;
use super::{Loaded, Loader, Refused, SideFiles};
use crate::error::Error;
use crate::finding::{Code, Finding};
use crate::origin::Origin;
use crate::read::Limits;
use crate::read::files::content;

impl Loader {
    /// What HAProxy does with `crt FILE`, and the files beside it. Files of more than 64 MiB are
    /// taken for something else.
    ///
    /// # Errors
    ///
    /// [`Refused`], as for [`load`](Self::load); also when the file cannot be read.
    pub fn load_path(&self, path: &Path) -> Result<Loaded, Refused> {
        let name = path.to_string_lossy();
        let limit = Limits::default().max_bytes;
        let pem = content(path, limit)
            .map_err(|error| Refused::new(&*name, LEAF, not_read(&error, &name)))?;
        // One that is there and cannot be read is to HAProxy as one that makes no sense.
        let read = |suffix, is_wanted: bool| {
            let path = self.beside(path, suffix);
            (is_wanted && path.exists()).then(|| content(&path, limit).unwrap_or_default())
        };
        let extra = self.extra_files;
        let ocsp = read("ocsp", extra.ocsp);
        // Nobody looks at it without a response.
        let issuer = ocsp.as_ref().and_then(|_| read("issuer", extra.issuer));
        let sctl = read("sctl", extra.sctl);
        let load = |key: Option<&[u8]>| {
            let side = SideFiles {
                key,
                ocsp: ocsp.as_ref().map(|content| content.as_slice()),
                issuer: issuer.as_ref().map(|content| content.as_slice()),
                sctl: sctl.as_ref().map(|content| content.as_slice()),
            };
            self.load(&name, &pem, &side)
        };
        // Most files have a key of their own, and then nobody looks for another.
        if memmem::find(&pem, b"PRIVATE KEY-----").is_some() {
            match load(None) {
                Err(refused) if refused.is_about_key() => {}
                outcome => return outcome,
            }
        }
        let key = read("key", extra.key);
        load(key.as_ref().map(|content| content.as_slice()))
    }

    /// The file of that suffix beside a certificate file.
    fn beside(&self, path: &Path, suffix: &str) -> PathBuf {
        let is_crt = self.strips_crt && path.extension().is_some_and(|it| it == "crt");
        match is_crt {
            true => path.with_extension(suffix),
            false => beside(path, suffix),
        }
    }
}

/// A path with a suffix behind all of its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

pub(in crate::haproxy) fn not_read(error: &Error, name: &str) -> Finding {
    let finding = Finding::new(Code::NotLoaded, error.to_string());
    finding
        .at(&Origin::new(name))
        .help("See to it that the file can be read.")
}
