//! Cipher strings, and OpenSSL as their judge.

use std::collections::BTreeSet;
use std::process::Command;

use fullchain::tls::{CipherSuite, Ciphers, ciphersuites, groups, signature_schemes};

/// What `openssl ciphers` makes of it: the suites up to TLS 1.2 that need no shared secret.
fn judged(text: &str) -> Option<Vec<String>> {
    let output = Command::new("openssl")
        .args(["ciphers", "-ciphersuites", "", text])
        .output()
        .expect("openssl is needed: apt-get install openssl");
    let listed = String::from_utf8(output.stdout).expect("names are ASCII");
    let names = listed.trim().split(':').map(str::to_owned);
    let has_secret = |it: &String| it.contains("PSK") || it.contains("SRP");
    let names: Vec<_> = names
        .filter(|it| !it.is_empty() && !has_secret(it))
        .collect();
    (output.status.success() && !names.is_empty()).then_some(names)
}

fn ours(text: &str) -> Option<Vec<String>> {
    let ciphers = Ciphers::parse(text).ok()?;
    Some(
        ciphers
            .suites
            .iter()
            .map(|suite| suite.openssl.to_owned())
            .collect(),
    )
}

/// All words of the language, and some that are not in it.
const WORDS: &[&str] = &[
    "ALL",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "RSA",
    "kRSA",
    "aRSA",
    "DH",
    "DHE",
    "EDH",
    "kDHE",
    "kEDH",
    "ECDH",
    "ECDHE",
    "EECDH",
    "kECDHE",
    "kEECDH",
    "ECDSA",
    "aECDSA",
    "DSS",
    "aDSS",
    "aNULL",
    "ADH",
    "AECDH",
    "eNULL",
    "NULL",
    "AES",
    "AES128",
    "AES256",
    "AESGCM",
    "AESCCM",
    "AESCCM8",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "CHACHA20",
    "CBC",
    "MD5",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA384",
    "SSLv3",
    "TLSv1",
    "TLSv1.0",
    "TLSv1.1",
    "TLSv1.2",
    "HIGH",
    "MEDIUM",
    "LOW",
    "FIPS",
    "3DES",
    "RC4",
    "RC4-SHA",
    "DES-CBC3-SHA",
    "EXPORT",
    "SEED",
    "IDEA",
    "FOO",
    "DEFAULT",
    "high",
    "TLS_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "PROFILE=SYSTEM",
    "AES128-SHA",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "SUITEB128",
    "SUITEB192",
    "SUITEB128ONLY",
];

#[test]
fn every_word_means_what_openssl_makes_of_it() {
    let mut known = 0;
    let suites = CipherSuite::ALL.iter().map(|suite| suite.openssl);
    for word in WORDS.iter().copied().chain(suites) {
        let alone = judged(word);
        known += usize::from(alone.is_some());
        assert_eq!(ours(word), alone, "{word}");
        let beside = format!("AES256-SHA:{word}");
        assert_eq!(ours(&beside), judged(&beside), "{beside}");
    }
    assert!(known > 120, "{known}");
}

#[test]
fn rules_and_their_order_come_to_what_openssl_makes_of_them() {
    let texts = [
        "DEFAULT",
        "DEFAULT:!aRSA",
        "DEFAULT@SECLEVEL=0",
        "DEFAULTAES128-SHA",
        "!aNULL:DEFAULT",
        "HIGH:!aNULL:!MD5",
        "HIGH:-AES256-SHA:AES256-SHA",
        "HIGH:-kRSA:+AESGCM:kRSA",
        "ALL:@STRENGTH",
        "AES128:AES256:@STRENGTH:+ECDHE",
        "ALL:-AES:@STRENGTH:AES",
        "EECDH+AESGCM:EDH+AESGCM",
        "ECDHE+AES128+SHA1:FOO+AES",
        "ECDHE+FOO",
        "AES128-SHA:FOO+",
        "AES128-SHA:+",
        "AES128-SHA:%x:AES256-SHA",
        "AES128-SHA:@FOO",
        "AES128-SHA:@SECLEVEL=9",
        "AES128-SHA:@SECLEVEL=5",
        "AES128-SHA AES256-SHA;CAMELLIA128-SHA,NULL-SHA",
        "AES128-GCM-SHA256:!kRSA:AES128-SHA",
        "SUITEB128:AES128-SHA",
        "kEECDH+aECDSA:-AES128:!CHACHA20:+AESGCM:AES128",
        "!",
        "@STRENGTH",
        ":",
        "",
        "TLS_AES_128_GCM_SHA256:AES128-SHA",
    ];
    for text in texts {
        assert_eq!(ours(text), judged(text), "{text}");
    }
}

#[test]
fn random_strings_come_to_what_openssl_makes_of_them() {
    // A walk through the language that is the same every time.
    let mut state = 0x2545_f491_u32;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        usize::try_from(state).expect("it fits") % below
    };
    let mut seen = BTreeSet::new();
    for _ in 0..150 {
        let mut text = String::new();
        for place in 0..=next(6) {
            let sign = ["", "", "", "!", "-", "+"][if place == 0 { 0 } else { next(6) }];
            text += &format!("{sign}{}", WORDS[next(WORDS.len())]);
            if next(3) == 0 {
                text += &format!("+{}", WORDS[next(WORDS.len())]);
            }
            text += ":";
        }
        if next(5) == 0 {
            text += "@STRENGTH";
        }
        let judged = judged(&text);
        seen.insert(judged.as_ref().map(Vec::len));
        assert_eq!(ours(&text), judged, "{text}");
    }
    assert!(seen.len() > 30, "{seen:?}");
}

/// Whether OpenSSL takes a list: only then does it go on to connect.
fn takes(option: &str, list: &str) -> bool {
    let output = Command::new("openssl")
        .args(["s_client", option, list, "-unix", "/nowhere"])
        .output()
        .expect("openssl is needed: apt-get install openssl");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    said.contains("BIO_connect") || said.contains("connect:errno")
}

#[test]
fn lists_of_suites_groups_and_schemes_are_taken_where_openssl_takes_them() {
    let suites = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
        "TLS_AES_128_GCM_SHA256:FOO",
        "TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384",
        " TLS_AES_128_GCM_SHA256 : TLS_AES_256_GCM_SHA384",
        "AES256-SHA",
        "tls_aes_128_gcm_sha256",
        "DEFAULT",
    ];
    for list in suites {
        assert_eq!(
            ciphersuites(list).is_ok(),
            takes("-ciphersuites", list),
            "{list}"
        );
    }
    let curves = [
        "P-256",
        "p-256",
        "prime256v1",
        "secp256r1",
        "X25519",
        "x25519",
        "X25519:FOO",
        "X25519 P-256",
        "x448",
        "X448",
        "ffdhe2048",
        "FFDHE2048",
        "brainpoolP256r1",
        "secp256k1",
        "P-521:",
        "",
        "auto",
        "secp224r1",
        "P-224",
        "secp192r1",
        "P-192",
        "K-163",
        "sect571r1",
        "secp160r1",
        "?FOO:P-256",
        "secp384r1:secp521r1",
    ];
    for list in curves {
        assert_eq!(groups(list).is_ok(), takes("-curves", list), "{list}");
    }
    let schemes = [
        "ECDSA+SHA256",
        "RSA+SHA256",
        "RSA-PSS+SHA256",
        "PSS+SHA384",
        "PSS+SHA1",
        "rsa_pss_rsae_sha256",
        "rsa_pss_pss_sha512",
        "ed25519",
        "ED25519",
        "rsa_pkcs1_sha256",
        "ecdsa_secp256r1_sha256",
        "RSA+SHA256:FOO",
        "DSA+SHA1",
        "ECDSA+SHA1",
        "RSA+MD5",
        "RSA+SHA256:",
        "",
        "RSA+SHA224",
        "rsa+sha256",
        "RSA+sha256",
        "RSA+SHA3-256",
        "ECDSA+SHA512:ed448",
        "dsa_sha256",
        "dsa_sha1",
        "ecdsa_sha1",
        "ecdsa_sha224",
        "rsa_pkcs1_sha1",
        "rsa_pkcs1_sha224",
        "RSA+RSA",
        "Ed25519",
        "ecdsa_secp521r1_sha512",
    ];
    for list in schemes {
        assert_eq!(
            signature_schemes(list).is_ok(),
            takes("-sigalgs", list),
            "{list}"
        );
    }
}
