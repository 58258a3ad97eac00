//! OpenSSL's error numbers, as HAProxy logs them (`ssl_fc_err`, `ssl_bc_err`, and their `_str`).

use super::{Cause, Explanation};
use Cause::{Chain, Client, Key, Network, NotTls, Protocol, Sni, Software};

/// The number of the library that does TLS.
const SSL: u32 = 20;

/// Why a handshake failed: OpenSSL's reason code, its words, the cause, what it means, and what to
/// do.
type Reason = (u32, &'static str, Cause, &'static str, &'static str);

/// Reason codes from here on are alerts that the peer sent.
const ALERTS: u32 = 1000;

#[rustfmt::skip]
const REASONS: &[Reason] = &[
    (101, "no suitable key share", Protocol, "The client offered no key share for a group that this side takes.", "Compare `curves` with what the client offers."),
    (102, "bad dh value", Protocol, "The peer's Diffie-Hellman value is not acceptable.", "Prefer ECDHE suites over DHE."),
    (110, "bad extension", Software, "The peer sent an extension that cannot be read, or where it may not stand.", "Look for a proxy or scanner in between."),
    (112, "missing sigalgs extension", Protocol, "The client speaks TLS 1.3 and does not say which signatures it verifies.", "Bring the client up to date."),
    (118, "no suitable signature algorithm", Key, "No certificate here has a key whose signatures the client verifies: mostly an ECDSA certificate alone, and a client for RSA, or the other way round.", "Add a certificate of the other key type: `fullchain deploy --twins`."),
    (123, "bad signature", Key, "The signature over the handshake is wrong: key and certificate do not belong together, or something in between changes bytes.", "Check the pair: `fullchain check FILE`."),
    (134, "certificate verify failed", Chain, "This side verified the peer's certificate and refused it. On a server line (`ssl_bc_err`) that is the backend's: not issued by a CA of `ca-file`, expired, or for another name; on a bind line (`ssl_fc_err`) the client's.", "For a backend see which chain it sends (`openssl s_client -showcerts`), and put its CA into `ca-file`."),
    (141, "compression failure", Software, "Compression of TLS failed.", "Turn compression off on the peer."),
    (147, "decryption failed", Software, "A record could not be decrypted.", "Look for something in between that changes bytes."),
    (155, "https proxy request", NotTls, "A client sent CONNECT, as to an HTTP proxy, to the TLS port.", "The client's proxy setting names this address."),
    (156, "http request", NotTls, "A client spoke plain HTTP to the TLS port.", "Use https:// there, or let the client come to the plain port."),
    (158, "at least (D)TLS 1.2 needed in Suite B mode", Protocol, "Suite B allows TLS 1.2 and newer only.", "Raise the peer's version."),
    (166, "version too high", Protocol, "The peer chose a newer version than this side allows.", "Compare `ssl-max-ver` with the peer's versions."),
    (168, "missing rsa certificate", Key, "The suite needs an RSA certificate, and there is none.", "Add an RSA certificate, or drop RSA suites."),
    (171, "missing tmp dh key", Protocol, "A DHE suite was chosen, and there are no DH parameters.", "Set `tune.ssl.default-dh-param 2048`."),
    (176, "no certificates returned", Client, "The client sent no certificate.", "Give it one, or set `verify optional`."),
    (177, "no certificate assigned", Key, "A certificate was needed here and none was set.", "Check the `crt` of the line."),
    (179, "no certificate set", Key, "A certificate was needed here and none was set.", "Check the `crt` of the line."),
    (181, "no ciphers available", Protocol, "After versions and security level nothing is left to offer.", "Check `ciphers`, `ciphersuites`, `ssl-min-ver` and `ssl-max-ver` of the line."),
    (185, "no cipher match", Protocol, "The cipher string names nothing that OpenSSL has.", "Check its spelling: `openssl ciphers -v STRING`."),
    (191, "no protocols available", Protocol, "No version of TLS is left: the lowest is above the highest, or the security level forbids the rest.", "Check `ssl-min-ver`, `ssl-max-ver` and `no-tlsv1x`."),
    (193, "no shared cipher", Protocol, "Client and server have no cipher suite in common; or only suites that need a certificate of another key type than there is.", "See what the server takes: `fullchain probe HOST:PORT`; compare key type and `ciphers`."),
    (198, "packet length too long", NotTls, "What came is too long for TLS: mostly another protocol.", "Make sure that both ends speak TLS on this port; look at `send-proxy` and `accept-proxy`."),
    (199, "peer did not return a certificate", Client, "The bind line demands a certificate of its clients (`verify required`), and this one sent none.", "Give the client a certificate, or set `verify optional`."),
    (209, "missing supported groups extension", Protocol, "The client names no groups for key exchange.", "Bring the client up to date."),
    (218, "ciphersuite digest has changed", Software, "The peer changed its mind in the middle of a TLS 1.3 handshake.", "Bring the peer up to date."),
    (229, "ssl handshake failure", Software, "The handshake failed for a reason that OpenSSL does not tell.", "Ask the peer's log."),
    (230, "ssl library has no ciphers", Protocol, "No cipher suite is left to offer.", "Check `ciphers` of the line."),
    (234, "callback failed", Sni, "HAProxy itself ended the handshake: with `strict-sni`, as no certificate has the name that the client sent, or it sent none.", "See which names are served: `fullchain sni --strict-sni --name NAME CERTS`."),
    (235, "no application protocol", Protocol, "Client and server have no protocol in common behind TLS (ALPN), such as h2 and http/1.1.", "Add the client's protocol to `alpn`."),
    (239, "unable to find public key parameters", Key, "The certificate's key cannot be used.", "Check the certificate: `fullchain check FILE`."),
    (241, "insufficient security", Protocol, "What is in common is below the security level.", "Raise the peer's ciphers or key sizes."),
    (244, "unexpected message", Software, "A message came where none may be.", "Look for a proxy or scanner in between."),
    (246, "unknown alert type", Software, "The peer sent an alert that nobody knows.", "Ask the peer's log."),
    (247, "unknown certificate type", Key, "The peer's certificate has a key of a kind that is not supported.", "Use RSA, ECDSA or Ed25519."),
    (248, "unknown cipher returned", Protocol, "The server chose a suite that this side does not know.", "Bring this side up to date."),
    (252, "unknown protocol", NotTls, "What came first is no TLS.", "Make sure that both ends speak TLS on this port."),
    (258, "unsupported protocol", Protocol, "The other side's versions of TLS are all outside of what is allowed here: mostly a client of TLS 1.0 or 1.1.", "Bring it up to date; or lower `ssl-min-ver` (and `@SECLEVEL=0` in `ciphers` for 1.0 and 1.1), knowing what that costs."),
    (259, "unsupported ssl version", Protocol, "The version is not supported.", "Bring the peer up to date."),
    (261, "wrong cipher returned", Protocol, "The server chose a suite that was not offered.", "Bring the server up to date."),
    (266, "wrong ssl version", Protocol, "The peer chose a version that was not offered.", "Compare both sides' versions."),
    (267, "wrong version number", NotTls, "What came is no TLS, or of no version that is known: mostly plain text, a PROXY protocol header that was not expected, or a backend without TLS behind `ssl`.", "Make sure that both ends speak TLS on this port; look at `send-proxy`, `accept-proxy` and `ssl` of the line."),
    (271, "bad length", Software, "A length in a message is wrong.", "Look for something in between that changes bytes."),
    (281, "decryption failed or bad record mac", Software, "A record arrived changed.", "Look for something in between that changes bytes, or for failing hardware."),
    (288, "private key mismatch", Key, "Key and certificate do not belong together.", "Build the bundle anew: `fullchain bundle`."),
    (294, "unexpected eof while reading", Network, "The other side hung up in the middle of the handshake: a client that gave up or does not trust the certificate, a health check, a scanner, or a timeout.", "If it is one client again and again, see what it says; health checks of TCP need a plain port."),
    (295, "no suitable groups", Protocol, "No group for key exchange goes with the versions that are left.", "Check `curves`."),
    (297, "no suitable digest algorithm", Protocol, "No hash function that both allow.", "Compare `sigalgs` and the security levels."),
    (304, "bad ecc cert", Key, "The elliptic-curve certificate cannot be used.", "Use P-256 or P-384."),
    (315, "unsupported elliptic curve", Key, "The certificate's curve is not supported by the other side.", "Use P-256 or P-384."),
    (331, "no client cert method", Client, "A client certificate was asked for and there is none to send.", "Give the server line a `crt`."),
    (333, "legacy sigalg disallowed or unsupported", Key, "A signature with SHA-1 or MD5, which the security level forbids.", "Have the certificate issued anew, or bring the peer up to date."),
    (338, "unsafe legacy renegotiation disabled", Protocol, "The peer does not know secure renegotiation (RFC 5746), and OpenSSL 3 does without such peers.", "Bring the peer up to date."),
    (339, "no renegotiation", Protocol, "The peer wanted to renegotiate, which is not done here.", "Turn renegotiation off on the peer."),
    (373, "inappropriate fallback", Protocol, "A client tried again with a lower version than both sides speak (RFC 7507): its first try failed for another reason.", "Look for what broke the first handshake: a middlebox, a timeout."),
    (376, "no shared signature algorithms", Key, "No signature scheme in common.", "Compare `sigalgs` with the key type of the certificate; add a certificate of the other type."),
    (377, "cert cb error", Sni, "Choosing a certificate failed.", "See which certificates the line has: `fullchain sni CERTS`."),
    (378, "wrong curve", Protocol, "The peer took a group that was not offered.", "Compare `curves`."),
    (381, "missing ecdsa signing cert", Key, "The suite needs an ECDSA certificate, and there is none.", "Add an ECDSA certificate, or drop ECDSA suites."),
    (383, "wrong certificate type", Key, "The certificate's key type does not go with the suite.", "Compare key type and `ciphers`."),
    (394, "dh key too small", Protocol, "The server's DH parameters are shorter than the security level allows.", "On the server: `tune.ssl.default-dh-param 2048`, or ECDHE suites only."),
    (396, "version too low", Protocol, "The other side speaks only versions below the lowest that is allowed.", "Bring it up to date, or lower `ssl-min-ver`."),
    (397, "ca key too small", Chain, "A CA's key in the chain is shorter than the security level allows.", "Have the certificate issued by a CA of today."),
    (398, "ca md too weak", Chain, "A CA's certificate is signed with a hash that the security level forbids, such as SHA-1.", "Have the certificate issued by a CA of today."),
    (399, "ee key too small", Key, "The certificate's key is shorter than the security level allows.", "Make a new key: RSA of 2048 bits or P-256."),
    (410, "no shared groups", Protocol, "No group for key exchange in common.", "Compare `curves` with what the client offers."),
    (443, "bad record type", NotTls, "What came is no record of TLS.", "Make sure that both ends speak TLS on this port."),
];

/// The libraries of OpenSSL whose errors come up.
const LIBRARIES: [(u32, &str); 8] = [
    (2, "the operating system"),
    (4, "RSA"),
    (6, "keys and digests (EVP)"),
    (9, "PEM"),
    (11, "certificates (X509)"),
    (13, "ASN.1"),
    (16, "elliptic curves"),
    (SSL, "TLS"),
];

/// The number in a word: hexadecimal or decimal, or in the text that OpenSSL makes of it.
pub(super) fn number(word: &str) -> Option<u32> {
    let word = word.trim();
    let quoted = word
        .strip_prefix("error:")
        .and_then(|it| it.split(':').next());
    // Zeros in front may be more than fit.
    let hex = |digits: &str| u32::from_str_radix(digits.trim_start_matches('0'), 16).ok();
    if let Some(digits) = quoted.or_else(|| word.strip_prefix("0x")) {
        return hex(digits);
    }
    if !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    // HAProxy's `hex` has 16 digits, and OpenSSL's own text 8; all of a TLS error's begin so.
    let is_wide = matches!(word.len(), 8 | 16);
    let as_hex = hex(word).filter(|number| is_wide && split(*number).0 == SSL);
    as_hex
        .or_else(|| word.parse().ok())
        .or_else(|| hex(word).filter(|_| is_wide))
}

/// Library and reason, as OpenSSL 3 packs them, or 1.1 and older.
fn split(number: u32) -> (u32, u32) {
    if number & 0x8000_0000 != 0 {
        return (2, number & 0x7fff_ffff);
    }
    let new = (number >> 23 & 0xff, number & 0x7f_ffff);
    let old = (number >> 24 & 0xff, number & 0xfff);
    match (new.0, old.0) {
        (SSL, _) => new,
        (_, SSL) => old,
        _ => new,
    }
}

pub(super) fn explain(number: u32) -> Option<Explanation> {
    let (library, reason) = split(number);
    if library != SSL {
        let (_, name) = LIBRARIES.iter().find(|(known, _)| *known == library)?;
        return Some(Explanation {
            word: format!("{number:08X}"),
            title: format!("an error of OpenSSL's part for {name}, reason {reason}"),
            cause: match library {
                2 => Network,
                _ => Cause::Setup,
            },
            meaning: "It is none of TLS itself.".to_owned(),
            cure: Some(format!("Its words: openssl errstr {number:08X}")),
        });
    }
    if let Some(alert) = reason
        .checked_sub(ALERTS)
        .and_then(|it| u8::try_from(it).ok())
    {
        return super::alert::received(number, alert);
    }
    let (_, words, cause, meaning, cure) = REASONS.iter().find(|(known, ..)| *known == reason)?;
    Some(Explanation {
        word: format!("{number:08X}"),
        title: (*words).to_owned(),
        cause: *cause,
        meaning: (*meaning).to_owned(),
        cure: Some((*cure).to_owned()),
    })
}

/// By the words alone, which logs may have without the number.
pub(super) fn by_words(text: &str) -> Option<Explanation> {
    let known = REASONS.iter().filter(|(_, words, ..)| text.contains(words));
    let (reason, ..) = known.max_by_key(|(_, words, ..)| words.len())?;
    explain(SSL << 23 | reason)
}

#[cfg(test)]
mod tests {
    use super::{REASONS, explain, number};

    #[test]
    fn numbers_are_read_as_haproxy_and_openssl_write_them() {
        for text in [
            "167772353",
            "0A0000C1",
            "0a0000c1",
            "000000000A0000C1",
            "0x0A0000C1",
            "0xa0000c1",
            "error:0A0000C1:SSL routines::no shared cipher",
        ] {
            assert_eq!(number(text), Some(0x0a00_00c1), "{text}");
        }
        // OpenSSL 1.1.1 has the function in it, too.
        let old = number("error:14094418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca");
        let old = old.and_then(explain).expect("it is known");
        assert!(old.title.contains("unknown_ca"), "{old:?}");
        assert_eq!(number("14094418"), Some(0x1409_4418));
        for text in ["", "no", "0xg", "error:", "123456789012"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn reasons_are_in_order_and_end_as_sentences() {
        assert!(REASONS.is_sorted_by(|a, b| a.0 < b.0));
        for (_, words, _, meaning, cure) in REASONS {
            assert!(meaning.ends_with('.') && !cure.is_empty(), "{words}");
        }
    }
}
