//! OpenSSL's error numbers, as HAProxy logs them (`ssl_fc_err`, `ssl_bc_err`, and their `_str`).

use super::reasons::{GROUPS, REASONS, Reason};
use super::{Cause, Explanation};
use Cause::{Key, Network, Setup, Software, Unknown};

/// The numbers of OpenSSL's libraries; that of the one that does TLS first.
const SSL: u32 = 20;
const SYSTEM: u32 = 2;
const EVP: u32 = 6;
const PEM: u32 = 9;
const X509: u32 = 11;

/// A flag of reasons that all libraries have in common, and the bits of the reason itself.
const COMMON: u32 = 0x8_0000;
const COMMON_REASON: u32 = 0x3_ffff;

/// Reason codes from here on are alerts that the peer sent.
const ALERTS: u32 = 1000;

/// The libraries of OpenSSL whose errors come up.
const LIBRARIES: [(u32, &str); 19] = [
    (SYSTEM, "the operating system"),
    (3, "large numbers (BN)"),
    (4, "RSA"),
    (5, "Diffie-Hellman"),
    (EVP, "keys and digests (EVP)"),
    (PEM, "PEM"),
    (X509, "certificates (X509)"),
    (13, "ASN.1"),
    (14, "openssl.cnf"),
    (15, "memory and threads (CRYPTO)"),
    (16, "elliptic curves"),
    (32, "reading and writing (BIO)"),
    (34, "extensions of certificates (X509V3)"),
    (35, "PKCS#12"),
    (36, "random numbers"),
    (39, "OCSP"),
    (44, "files and stores (OSSL_STORE)"),
    (57, "its providers"),
    (60, "decoding keys and certificates"),
];

/// What matters of other libraries.
#[rustfmt::skip]
const ELSEWHERE: &[(u32, Reason)] = &[
    (SYSTEM, (32, "broken pipe", Network, "The other side had closed the connection before this side was done.", "If it is one client again and again, see what it says.")),
    (SYSTEM, (104, "connection reset by peer", Network, "The other side broke the connection off.", "If it is one client again and again, see what it says; look for a firewall in between.")),
    (EVP, (100, "bad decrypt", Key, "A key could not be decrypted: mostly by a wrong passphrase.", "Decrypt it with the right one: `fullchain bundle --passphrase-file`.")),
    (EVP, (268, "unsupported", Setup, "OpenSSL 3 has the algorithm in its legacy provider only, or not at all.", "Encrypt the key anew with an algorithm of today: `openssl pkcs8 -topk8`.")),
    (PEM, (108, "no start line", Setup, "The file has no BEGIN line of the kind that is wanted.", "See what is in it: `fullchain check FILE`.")),
    (PEM, (104, "bad password read", Key, "The key is encrypted, and there is nobody to ask for the passphrase.", "Decrypt it: `fullchain bundle --passphrase-file`.")),
    (X509, (116, "key values mismatch", Key, "Key and certificate do not belong together.", "See which do: `fullchain pair FILES`; build the file anew: `fullchain bundle FILES`.")),
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
    // HAProxy's `hex` has 16 digits, and OpenSSL's own text 8; all of a TLS error's begin so, and
    // those of the operating system with an 8.
    let is_wide = matches!(word.len(), 8 | 16);
    let is_plain = |number: u32| split(number).0 != SSL && !word.starts_with(['0', '8']);
    let as_hex = hex(word).filter(|number| is_wide && !is_plain(*number));
    as_hex
        .or_else(|| word.parse().ok())
        .or_else(|| hex(word).filter(|_| is_wide))
}

/// Library and reason, as OpenSSL 3 packs them, or 1.1 and older.
fn split(number: u32) -> (u32, u32) {
    if number & 0x8000_0000 != 0 {
        return (SYSTEM, number & 0x7fff_ffff);
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
    let new = |title: &str, cause: Cause, meaning: &str, cure: &str| {
        Some(Explanation {
            word: format!("{number:08X}"),
            title: title.to_owned(),
            cause,
            meaning: meaning.to_owned(),
            cure: Some(cure.to_owned()),
        })
    };
    let told = |(_, words, cause, meaning, cure): &Reason| new(words, *cause, meaning, cure);
    let words = format!("Its words: `openssl errstr {number:08X}`");
    if library != SSL {
        let mut known = ELSEWHERE.iter().filter(|(it, _)| *it == library);
        if let Some((_, known)) = known.find(|(_, (code, ..))| *code == reason) {
            return told(known);
        }
        let (_, name) = LIBRARIES.iter().find(|(known, _)| *known == library)?;
        let title = format!("an error of OpenSSL's part for {name}");
        let cause = match library {
            SYSTEM => Network,
            _ => Setup,
        };
        return new(&title, cause, "It is none of TLS itself.", &words);
    }
    if reason & COMMON != 0 {
        return match reason & COMMON_REASON {
            256 => new(
                "out of memory",
                Software,
                "There was no memory left.",
                "See how much HAProxy may have and needs: `ulimit`, `maxconn`, keys and sessions.",
            ),
            259 => new(
                "internal error",
                Software,
                "OpenSSL came upon something that must not be, by no fault of the other side's.",
                "See what else is logged; bring OpenSSL and HAProxy up to date.",
            ),
            _ => new(
                "an error in OpenSSL itself",
                Software,
                "Another part of OpenSSL failed, or was called in a way that it should not be.",
                &words,
            ),
        };
    }
    if let Some(alert) = reason.checked_sub(ALERTS) {
        let alert = u8::try_from(alert).ok();
        let alert = alert.and_then(|it| super::alert::received(number, it));
        return alert.or_else(|| {
            new(
                "the other side sent an alert that is not known",
                Unknown,
                "It is none of TLS 1.3 and older.",
                "Ask the other side's log.",
            )
        });
    }
    if let Some(known) = REASONS.iter().find(|(known, ..)| *known == reason) {
        return told(known);
    }
    for group in GROUPS {
        if let Some((_, words)) = group.reasons.iter().find(|(known, _)| *known == reason) {
            return new(words, group.cause, group.meaning, group.cure);
        }
    }
    new(
        "a rare error of OpenSSL's in TLS",
        Unknown,
        "It is none with which handshakes usually end: mostly OpenSSL was called in a way that it should not be.",
        &words,
    )
}

/// By the words alone, which logs may have without the number.
pub(super) fn by_words(text: &str) -> Option<Explanation> {
    let known = REASONS.iter().filter(|(_, words, ..)| text.contains(words));
    let (reason, ..) = known.max_by_key(|(_, words, ..)| words.len())?;
    explain(SSL << 23 | reason)
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, REASONS, explain, number};

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
        for (text, expected) in [
            ("05800074", 0x0580_0074),
            ("80000068", 0x8000_0068),
            ("error:80000068:system library::", 0x8000_0068),
            ("2147483752", 0x8000_0068),
            ("92274804", 0x0580_0074),
        ] {
            assert_eq!(number(text), Some(expected), "{text}");
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
        for group in GROUPS {
            assert!(group.reasons.is_sorted_by(|a, b| a.0 < b.0));
        }
        let grouped = GROUPS.iter().flat_map(|group| group.reasons);
        let all = REASONS.iter().map(|it| it.0).chain(grouped.map(|it| it.0));
        let mut all: Vec<u32> = all.collect();
        all.sort_unstable();
        assert!(all.is_sorted_by(|a, b| a < b), "each has one meaning");
    }
}
