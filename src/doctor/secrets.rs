//! What else a bind line takes secrets from: the keys of session tickets, and a CA of HAProxy's own.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::front::title;
use super::{Diagnosis, Room};
use crate::explain::Cause;
use crate::finding::Code;
use crate::haproxy::config::{Bind, Proxy, Setting};
use crate::read::Limits;
use crate::read::files::content;

/// The bytes of a key: for AES-128 and for AES-256, with what goes with it.
const KEY_SIZES: [usize; 2] = [48, 80];
/// Before, now and next.
const LEAST_KEYS: usize = 3;

impl Room<'_> {
    pub(super) fn secrets(&mut self) {
        let config = self.config;
        for (proxy, bind) in config.binds() {
            self.ticket_keys(bind);
            if bind.value.is_tls {
                self.generated(proxy, bind);
            }
        }
    }

    /// `tls-ticket-keys`
    fn ticket_keys(&mut self, bind: &Setting<Bind>) {
        let Some(file) = &bind.value.tls_ticket_keys else {
            return;
        };
        let path = &file.value.path;
        let read = content(path, Limits::default().max_bytes);
        let checked = read.map_err(|error| error.to_string());
        if let Err(why) = checked.and_then(|content| ticket_keys(&content)) {
            let message = format!("tls-ticket-keys {}: {why}", path.display());
            let (code, cause) = (Code::TicketKeys, Cause::Setup);
            let diagnosis = Diagnosis::new(code, cause, Some(&file.origin), message);
            self.push(diagnosis.stops());
        }
    }

    /// `generate-certificates`
    fn generated(&mut self, proxy: &Proxy, bind: &Setting<Bind>) {
        let Some(generate) = &bind.value.generate_certificates else {
            return;
        };
        let why = match &bind.value.ca_sign_file {
            None => "there is no ca-sign-file".to_owned(),
            Some(file) => match self.doctor.loader(self.config).load_path(&file.value.path) {
                Ok(_) => return,
                Err(refused) => format!("ca-sign-file: {}", refused.finding.message),
            },
        };
        let message = format!("{} is to generate certificates, and {why}", title(proxy));
        let (code, cause) = (Code::CaSignFile, Cause::Setup);
        let diagnosis = Diagnosis::new(code, cause, Some(&generate.origin), message);
        self.push(diagnosis.stops());
    }
}

/// Why HAProxy refuses a file of such keys.
fn ticket_keys(content: &[u8]) -> Result<(), String> {
    let mut size = None;
    let mut count = 0;
    for (index, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let end = line.iter().rposition(|byte| !b"\r\n".contains(byte));
        let line = line.get(..end.map_or(0, |end| end + 1)).unwrap_or_default();
        let number = index + 1;
        let mut key = Zeroizing::new([0; 96]);
        let Ok(key) = Base64::decode(line, key.as_mut()) else {
            return Err(format!("line {number} is no key in base64"));
        };
        if !KEY_SIZES.contains(&key.len()) || size.is_some_and(|size| size != key.len()) {
            let bytes = key.len();
            return Err(format!(
                "the key of line {number} has {bytes} bytes; 48 or 80 are wanted, the same for all"
            ));
        }
        size = Some(key.len());
        count += 1;
    }
    match count >= LEAST_KEYS {
        true => Ok(()),
        false => Err(format!("it has {count} keys, and three are wanted")),
    }
}
