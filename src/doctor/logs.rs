//! Whether failed handshakes are in the log, and say why.

use super::change::Change;
use super::front::title;
use super::{Diagnosis, Room};
use crate::explain::Cause;
use crate::finding::{Code, Severity};
use crate::haproxy::Version;
use crate::haproxy::config::{Proxy, SectionKind, Setting};

/// The sample fetches about TLS and its errors, and the version that brought them, by the manuals
/// of 2.0 to 3.2; those of 2.6 by `haproxy -dKsmp`.
#[rustfmt::skip]
const FETCHES: &[(&str, Version)] = &[
    ("bc_err", Version::of(2, 5)), ("bc_err_str", Version::of(2, 5)),
    ("fc_err", Version::of(2, 5)), ("fc_err_str", Version::of(2, 5)), ("fc_err_name", Version::of(3, 2)),
    ("ssl_bc", OLD), ("ssl_bc_alg_keysize", OLD), ("ssl_bc_alpn", OLD), ("ssl_bc_cipher", OLD),
    ("ssl_bc_client_random", OLD), ("ssl_bc_curve", Version::of(3, 0)), ("ssl_bc_err", Version::of(2, 5)),
    ("ssl_bc_err_str", Version::of(2, 5)), ("ssl_bc_is_resumed", OLD), ("ssl_bc_npn", OLD),
    ("ssl_bc_protocol", OLD), ("ssl_bc_server_random", OLD), ("ssl_bc_session_id", OLD),
    ("ssl_bc_session_key", OLD), ("ssl_bc_unique_id", OLD), ("ssl_bc_use_keysize", OLD),
    ("ssl_c_ca_err", OLD), ("ssl_c_ca_err_depth", OLD), ("ssl_c_chain_der", Version::of(2, 2)),
    ("ssl_c_der", OLD), ("ssl_c_err", OLD), ("ssl_c_i_dn", OLD), ("ssl_c_key_alg", OLD),
    ("ssl_c_notafter", OLD), ("ssl_c_notbefore", OLD), ("ssl_c_r_dn", Version::of(2, 9)), ("ssl_c_s_dn", OLD),
    ("ssl_c_san", Version::of(3, 2)), ("ssl_c_serial", OLD), ("ssl_c_sha1", OLD), ("ssl_c_sig_alg", OLD),
    ("ssl_c_used", OLD), ("ssl_c_verify", OLD), ("ssl_c_version", OLD),
    ("ssl_f_der", OLD), ("ssl_f_i_dn", OLD), ("ssl_f_key_alg", OLD), ("ssl_f_notafter", OLD),
    ("ssl_f_notbefore", OLD), ("ssl_f_s_dn", OLD), ("ssl_f_serial", OLD), ("ssl_f_sha1", OLD),
    ("ssl_f_sig_alg", OLD), ("ssl_f_version", OLD),
    ("ssl_fc", OLD), ("ssl_fc_alg_keysize", OLD), ("ssl_fc_alpn", OLD), ("ssl_fc_cipher", OLD),
    ("ssl_fc_cipherlist_bin", OLD), ("ssl_fc_cipherlist_hex", OLD), ("ssl_fc_cipherlist_str", OLD),
    ("ssl_fc_cipherlist_xxh", OLD), ("ssl_fc_client_early_traffic_secret", Version::of(2, 2)),
    ("ssl_fc_client_handshake_traffic_secret", Version::of(2, 2)), ("ssl_fc_client_random", OLD),
    ("ssl_fc_client_traffic_secret_0", Version::of(2, 2)), ("ssl_fc_curve", Version::of(3, 0)),
    ("ssl_fc_early_exporter_secret", Version::of(2, 2)), ("ssl_fc_early_rcvd", Version::of(2, 7)),
    ("ssl_fc_ecformats_bin", Version::of(2, 5)), ("ssl_fc_eclist_bin", Version::of(2, 5)),
    ("ssl_fc_err", Version::of(2, 5)), ("ssl_fc_err_str", Version::of(2, 5)),
    ("ssl_fc_exporter_secret", Version::of(2, 2)), ("ssl_fc_extlist_bin", Version::of(2, 5)),
    ("ssl_fc_has_crt", OLD), ("ssl_fc_has_early", OLD), ("ssl_fc_has_sni", OLD), ("ssl_fc_is_resumed", OLD),
    ("ssl_fc_npn", OLD), ("ssl_fc_protocol", OLD), ("ssl_fc_protocol_hello_id", Version::of(2, 5)),
    ("ssl_fc_server_handshake_traffic_secret", Version::of(2, 2)), ("ssl_fc_server_random", OLD),
    ("ssl_fc_server_traffic_secret_0", Version::of(2, 2)), ("ssl_fc_session_id", OLD),
    ("ssl_fc_session_key", OLD), ("ssl_fc_sigalgs_bin", Version::of(3, 0)), ("ssl_fc_sni", OLD),
    ("ssl_fc_supported_versions_bin", Version::of(3, 0)), ("ssl_fc_unique_id", OLD), ("ssl_fc_use_keysize", OLD),
    ("ssl_s_chain_der", Version::of(2, 2)), ("ssl_s_der", Version::of(2, 2)), ("ssl_s_i_dn", Version::of(2, 2)),
    ("ssl_s_key_alg", Version::of(2, 2)), ("ssl_s_notafter", Version::of(2, 2)),
    ("ssl_s_notbefore", Version::of(2, 2)), ("ssl_s_s_dn", Version::of(2, 2)),
    ("ssl_s_serial", Version::of(2, 2)), ("ssl_s_sha1", Version::of(2, 2)),
    ("ssl_s_sig_alg", Version::of(2, 2)), ("ssl_s_version", Version::of(2, 2)),
];

/// Older than all that anybody runs.
const OLD: Version = Version::of(1, 8);

/// Since when failed handshakes can have a format of their own.
const ERROR_FORMAT: Version = Version::of(2, 5);

/// A format that says why.
const FORMAT: &str = r#"    error-log-format "%ci:%cp [%tr] %ft %[fc_err_str] ssl:%[ssl_fc_err,hex]/%[ssl_fc_err_str] ca:%[ssl_c_err]/%[ssl_c_ca_err] sni:%[ssl_fc_sni] %sslv/%sslc""#;

impl Room<'_> {
    pub(super) fn logs(&mut self) {
        for proxy in &self.config.proxies {
            let formats = [
                ("log-format", &proxy.logging.log_format),
                ("error-log-format", &proxy.logging.error_log_format),
            ];
            for (option, format) in formats {
                if let Some(format) = format {
                    self.fetches(option, format);
                }
            }
            let decrypts = proxy.binds.iter().any(|bind| bind.value.is_tls);
            if decrypts && matches!(proxy.kind, SectionKind::Frontend | SectionKind::Listen) {
                self.logged(proxy);
            }
        }
    }

    fn logged(&mut self, proxy: &Proxy) {
        let logging = &proxy.logging;
        let global = &self.config.global.logging;
        let mut targets = logging.targets.iter();
        let has_target = targets.any(|it| it.value != "global" || !global.targets.is_empty());
        let name = title(proxy);
        if !has_target {
            let message = match logging.targets.is_empty() {
                true => format!("{name} logs nothing, failed handshakes neither"),
                false => format!("{name} logs to `global`, which has no log line"),
            };
            let line = match global.targets.is_empty() {
                true => "    log stderr format raw local0",
                false => "    log global",
            };
            let change = Change::Behind(vec![line.to_owned()]);
            let edit = self.texts.edit(&proxy.origin, change);
            let diagnosis = Diagnosis::new(
                Code::ErrorsNotLogged,
                Cause::Setup,
                Some(&proxy.origin),
                message,
            );
            self.push(
                diagnosis
                    .help("`log global` here, and a `log` line in global.")
                    .edit(edit),
            );
        } else if logging.error_log_format.is_none() && self.doctor.version >= ERROR_FORMAT {
            let message = format!(
                "{name} logs failed handshakes as \"SSL handshake failure\", without the reason"
            );
            let change = Change::Behind(vec![FORMAT.to_owned()]);
            let edit = self.texts.edit(&proxy.origin, change);
            let diagnosis = Diagnosis::new(
                Code::ErrorsNotLogged,
                Cause::Setup,
                Some(&proxy.origin),
                message,
            );
            let diagnosis = diagnosis.severity(Severity::Note).edit(edit);
            self.push(diagnosis.help("`error-log-format` with `%[ssl_fc_err,hex]` and `%[ssl_fc_err_str]`; `fullchain explain --log FILE` sums them up."));
        }
    }

    /// The fetches of a format that this version does not have.
    fn fetches(&mut self, option: &str, format: &Setting<String>) {
        for fetch in fetches(&format.value) {
            let about_tls = [
                "ssl_fc", "ssl_bc", "ssl_c_", "ssl_f_", "ssl_s_", "fc_err", "bc_err",
            ];
            if !about_tls.iter().any(|it| fetch.starts_with(it)) {
                continue;
            }
            let known = FETCHES.iter().find(|(name, _)| *name == fetch);
            let message = match known {
                Some((_, since)) if *since > self.doctor.version => format!(
                    "{option}: {fetch} came with HAProxy {since}, and this is {}",
                    self.doctor.version
                ),
                Some(_) => continue,
                None => format!("{option}: no HAProxy has a sample fetch {fetch}"),
            };
            let (from, to) = (fetch.to_owned(), nearest(&fetch, self.doctor.version));
            let new = format.value.replace(&from, to);
            let change = Change::Set(
                if option == "log-format" {
                    "log-format"
                } else {
                    "error-log-format"
                },
                format!("\"{}\"", new.replace('\\', "\\\\").replace('"', "\\\"")),
            );
            let edit = self.texts.edit(&format.origin, change);
            let origin = Some(&format.origin);
            let diagnosis = Diagnosis::new(Code::UnknownFetch, Cause::Setup, origin, message);
            let diagnosis = diagnosis.stops();
            let names = "fc_err, fc_err_str, ssl_fc_err, ssl_fc_err_str, ssl_bc_err, ssl_bc_err_str, ssl_c_err, ssl_c_ca_err";
            let help = match self.doctor.version >= ERROR_FORMAT {
                true => format!("For errors there are {names}."),
                false => "Before HAProxy 2.5 there are ssl_c_err and ssl_c_ca_err only.".to_owned(),
            };
            self.push(diagnosis.help(help).edit(edit));
        }
    }
}

/// The names of the fetches in `%[...]`.
fn fetches(format: &str) -> Vec<String> {
    let parts = format.split("%[").skip(1);
    parts
        .filter_map(|part| {
            let end = part.find(|it: char| !it.is_ascii_alphanumeric() && !"._".contains(it))?;
            Some(part.get(..end)?.to_owned())
        })
        .collect()
}

/// What was meant by a fetch that there is not.
fn nearest(fetch: &str, version: Version) -> &'static str {
    match fetch {
        _ if version < ERROR_FORMAT => "ssl_c_err",
        it if it.starts_with("ssl_bc") && it.ends_with("str") => "ssl_bc_err_str",
        it if it.starts_with("ssl_bc") => "ssl_bc_err",
        it if it.starts_with("ssl_c") => "ssl_c_err",
        it if it.starts_with("fc_") => "fc_err",
        it if it.starts_with("bc_") => "bc_err",
        it if it.ends_with("str") => "ssl_fc_err_str",
        _ => "ssl_fc_err",
    }
}
