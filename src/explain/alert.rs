//! Alerts of TLS (RFC 8446 section 6), and what the side that sends one means.

use super::{Cause, Explanation};
use Cause::{Chain, Client, Key, Network, Protocol, Sni, Software};

type Meaning = (u8, &'static str, Cause, &'static str, &'static str);

#[rustfmt::skip]
const ALERTS: &[Meaning] = &[
    (0, "close_notify", Network, "The other side is done, and says so.", "Nothing is wrong with that."),
    (10, "unexpected_message", Software, "A message came where none may be.", "Look for a proxy or scanner in between."),
    (20, "bad_record_mac", Software, "A record arrived changed.", "Look for something in between that changes bytes."),
    (22, "record_overflow", Software, "A record is longer than it may be.", "Bring the peer up to date."),
    (40, "handshake_failure", Protocol, "The sender found nothing in common: cipher suites, groups or signatures; or has no certificate that the other could use. Older software says this for everything.", "See what the server takes: `fullchain probe HOST:PORT`."),
    (42, "bad_certificate", Chain, "The sender cannot use the certificate that it was shown: damaged, or signed in a way that it does not take.", "See what is sent: `fullchain check FILE`."),
    (43, "unsupported_certificate", Key, "The certificate is of a kind that the sender does not support, or not for this use.", "Check key type and extended key usage."),
    (44, "certificate_revoked", Chain, "The CA has revoked the certificate.", "Have a new one issued."),
    (45, "certificate_expired", Chain, "The certificate, or one above it that is sent, is not in date; or the sender's clock is wrong.", "Renew it; look for an expired cross-sign in what is sent: `fullchain check FILE`."),
    (46, "certificate_unknown", Chain, "The sender refused the certificate for a reason of its own: mostly a browser whose user sees a warning, for the chain or for the name.", "See what is sent, and for which names: `fullchain check FILE`."),
    (47, "illegal_parameter", Software, "A value in the handshake contradicts another.", "Bring both sides up to date."),
    (48, "unknown_ca", Chain, "The sender found no path from the certificate to a root that it trusts: an intermediate is not sent, or the CA is not public.", "Send the whole chain: `fullchain bundle`; or give the client the CA."),
    (49, "access_denied", Client, "The sender knows who it is, and does not want to.", "Ask the sender's rules."),
    (50, "decode_error", Software, "A message could not be read.", "Look for something in between that changes bytes."),
    (51, "decrypt_error", Key, "A signature or a key exchange did not come out: key and certificate may not belong together.", "Check the pair: `fullchain check FILE`."),
    (70, "protocol_version", Protocol, "No version of TLS in common.", "Compare `ssl-min-ver` and `ssl-max-ver` with what the other speaks."),
    (71, "insufficient_security", Protocol, "What the other offers is too weak for the sender.", "Raise ciphers and key sizes."),
    (80, "internal_error", Software, "Something went wrong in the sender that has nothing to do with the other side; or it is a HAProxy, and the certificate that it was shown has not the name of its `sni` or `verifyhost`.", "Read the sender's log."),
    (86, "inappropriate_fallback", Protocol, "A client tried again with a lower version than both sides speak (RFC 7507).", "Look for what broke the first handshake."),
    (90, "user_canceled", Network, "The handshake was given up by a person or a program.", "Nothing is wrong with TLS."),
    (100, "no_renegotiation", Protocol, "The sender does not renegotiate.", "Turn renegotiation off on the other side."),
    (109, "missing_extension", Protocol, "An extension that TLS 1.3 demands is missing.", "Bring the other side up to date."),
    (110, "unsupported_extension", Software, "The server answered with an extension that was not asked for.", "Bring the server up to date."),
    (112, "unrecognized_name", Sni, "The server has no certificate for the name that the client sent, or the client sent none: `strict-sni`, in HAProxy.", "See which names are served: `fullchain sni --strict-sni --name NAME CERTS`."),
    (113, "bad_certificate_status_response", Chain, "The OCSP response that was stapled is of no use to the client.", "Fetch a new one, or remove FILE.ocsp."),
    (115, "unknown_psk_identity", Protocol, "The server does not know the shared secret.", "Compare both sides."),
    (116, "certificate_required", Client, "The server demands a certificate of its clients (`verify required`), and got none.", "Give the client a certificate, or set `verify optional`."),
    (120, "no_application_protocol", Protocol, "No protocol in common behind TLS (ALPN), such as h2 and http/1.1.", "Add the client's protocol to `alpn`."),
];

/// By its name, with underscores or blanks, or its number behind the word "alert".
pub(super) fn explain(word: &str) -> Option<Explanation> {
    let name = word.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    let name = name.strip_prefix("alert_").unwrap_or(&name);
    let alert = ALERTS.iter().find(|(number, known, ..)| {
        *known == name || name.parse() == Ok(*number) && word.trim().contains("alert")
    });
    alert.map(|alert| told(alert, alert.1.to_owned()))
}

/// One that the peer sent, which OpenSSL reports as an error.
pub(super) fn received(error: u32, alert: u8) -> Option<Explanation> {
    let known = ALERTS.iter().find(|(number, ..)| *number == alert)?;
    let mut explanation = told(known, format!("{error:08X}"));
    explanation.title = format!("the other side sent the alert {}", known.1);
    Some(explanation)
}

fn told((number, name, cause, meaning, cure): &Meaning, word: String) -> Explanation {
    Explanation {
        word,
        title: format!("the alert {name} ({number})"),
        cause: *cause,
        meaning: (*meaning).to_owned(),
        cure: Some((*cure).to_owned()),
    }
}
