//! Encrypted keys as `openssl` and `certtool` write them: opened by their passphrase, and by no
//! other; refused where that would cost too much.

mod common;

use common::bundling::bundler;
use common::certtool::certtool;
use common::der::der;
use common::haproxy::Haproxy;
use common::openssl::openssl;
use common::pki::{Ca, Key, KeyKind, Leaf, LeafOptions, pem_block};
use fullchain::key::Proof;
use fullchain::{Code, Material, Passphrase, Reader, haproxy};

const PASSPHRASES: [&str; 2] = ["correct horse", "Grüße, 世界"];

const PKCS8: &[&str] = &[
    "-v2 aes-128-cbc",
    "-v2 aes-192-cbc",
    "-v2 aes-256-cbc",
    "-v2 des3",
    "-v2 aes-256-cbc -v2prf hmacWithSHA1",
    "-v2 aes-256-cbc -v2prf hmacWithSHA224",
    "-v2 aes-256-cbc -v2prf hmacWithSHA384",
    "-v2 aes-256-cbc -v2prf hmacWithSHA512",
    "-v2 aes-256-cbc -iter 20000",
    "-scrypt -scrypt_N 1024",
    "-scrypt -scrypt_N 256 -scrypt_r 4 -scrypt_p 3",
    "-v1 PBE-MD5-DES",
    "-v1 PBE-SHA1-DES",
    "-v1 PBE-MD5-RC2-64",
    "-v1 PBE-SHA1-RC2-64",
    "-v1 PBE-SHA1-3DES",
    "-v1 PBE-SHA1-2DES",
    "-v1 PBE-SHA1-RC2-128",
    "-v1 PBE-SHA1-RC2-40",
];
/// With `Proc-Type: 4,ENCRYPTED`.
const PEM: &[&str] = &["-aes128", "-aes192", "-aes256", "-des3", "-des"];
const CERTTOOL: &[&str] = &[
    "aes-128",
    "aes-192",
    "aes-256",
    "3des",
    "3des-pkcs12",
    "rc2-40",
];
const KINDS: [KeyKind; 4] = [
    KeyKind::Rsa(2048),
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::Ed25519,
];
/// What is not needed by default, OpenSSL has in a provider of its own.
const PROVIDERS: [&str; 4] = ["-provider", "default", "-provider", "legacy"];

fn leaf(kind: KeyKind) -> Leaf {
    Ca::root("Root").leaf(LeafOptions {
        shared_key: Some(Key::nth(kind, 0)),
        ..LeafOptions::named("www.example.com")
    })
}

fn pkcs8(leaf: &Leaf, options: &str, passphrase: &str) -> Vec<u8> {
    let passout = format!("pass:{passphrase}");
    let mut args = vec!["pkcs8", "-topk8", "-passout", &passout];
    args.extend(options.split(' ').chain(PROVIDERS));
    openssl(&args, leaf.key_pem.as_bytes())
}

fn knowing(passphrase: &str) -> Reader {
    let passphrase = Passphrase::from(passphrase.to_owned());
    Reader::new().passphrases(move |_| Some(passphrase.clone()))
}

fn read(mut reader: Reader, source: &[u8]) -> Material {
    reader.read("key.pem", source).expect("it is small")
}

/// Why there is no key.
fn closed(material: &Material) -> (Code, &str) {
    assert!(material.keys.is_empty(), "{material:?}");
    let [only] = &material.unreadable[..] else {
        panic!("{material:?}")
    };
    (only.finding.code, &only.finding.message)
}

/// It opens with its passphrase, as PEM and as DER, and stays closed without it.
fn check(name: &str, leaf: &Leaf, encrypted: &[u8], passphrase: &str) {
    let certificates = read(Reader::new(), leaf.cert_pem.as_bytes()).certificates;
    let mut forms = vec![encrypted.to_vec()];
    if encrypted.starts_with(b"-----BEGIN ENCRYPTED") {
        forms.push(pem::parse(encrypted).expect("PEM").into_contents());
    }
    for form in forms {
        let opened = read(knowing(passphrase), &form);
        let [key] = &opened.keys[..] else {
            panic!("{name}: {opened:?}")
        };
        assert_eq!(key.prove(&certificates[0]), Proof::Belongs, "{name}");
        let mut codes = opened.findings.iter().map(|finding| finding.code);
        assert!(codes.any(|code| code == Code::KeyDecrypted), "{name}");
        let wrong = read(knowing("battery staple"), &form);
        assert_eq!(closed(&wrong).0, Code::WrongPassphrase, "{name}");
        let without = read(Reader::new(), &form);
        assert_eq!(closed(&without).0, Code::EncryptedKey, "{name}");
    }
}

#[test]
fn openssl_pkcs8_opens_with_its_passphrase() {
    for kind in KINDS {
        let leaf = leaf(kind);
        for options in PKCS8 {
            for passphrase in PASSPHRASES {
                // Of PKCS#12's schemes, OpenSSL's command leaves it open how it encodes others.
                if options.contains("PBE-SHA1-") && !passphrase.is_ascii() {
                    continue;
                }
                let encrypted = pkcs8(&leaf, options, passphrase);
                check(options, &leaf, &encrypted, passphrase);
            }
        }
    }
}

#[test]
fn openssl_pem_headers_open_with_their_passphrase() {
    for kind in [KeyKind::Rsa(2048), KeyKind::P256, KeyKind::P384] {
        let leaf = leaf(kind);
        for cipher in PEM {
            for passphrase in PASSPHRASES {
                let passout = format!("pass:{passphrase}");
                let args = ["pkey", "-traditional", cipher, "-passout", &passout];
                let args = [&args[..], &PROVIDERS].concat();
                let encrypted = openssl(&args, leaf.key_pem.as_bytes());
                assert!(encrypted.windows(9).any(|it| it == b"DEK-Info:"));
                check(cipher, &leaf, &encrypted, passphrase);
            }
        }
    }
}

#[test]
fn certtool_pkcs8_opens_with_its_passphrase() {
    for kind in [KeyKind::Rsa(2048), KeyKind::P256] {
        let leaf = leaf(kind);
        for cipher in CERTTOOL {
            let (cipher, password) = (format!("--pkcs-cipher={cipher}"), "correct horse");
            let args = ["--to-p8", "--load-privkey", "/dev/stdin", "--outder"];
            let given = ["--password", password, &cipher];
            let der = certtool(&[&args[..], &given].concat(), leaf.key_pem.as_bytes());
            let encrypted = pem_block("ENCRYPTED PRIVATE KEY", &der);
            check(&cipher, &leaf, encrypted.as_bytes(), password);
        }
    }
}

#[test]
fn damaged_pem_with_headers_opens_all_the_same() {
    let leaf = leaf(KeyKind::P256);
    let args = ["pkey", "-traditional", "-aes128", "-passout", "pass:horse"];
    let whole = openssl(&args, leaf.key_pem.as_bytes());
    let whole = String::from_utf8(whole).expect("PEM");
    for (name, damaged) in [
        ("CR LF", whole.replace('\n', "\r\n")),
        ("no blank line", whole.replace("\n\n", "\n")),
        ("indented", whole.replace('\n', "\n    ")),
        ("a wrong label", whole.replace("EC PRIVATE", "RSA PRIVATE")),
        (
            "no Proc-Type",
            whole.replace("Proc-Type: 4,ENCRYPTED\n", ""),
        ),
        ("escaped", whole.replace('\n', "\\n")),
        ("one line", whole.replace('\n', " ")),
    ] {
        check(name, &leaf, damaged.as_bytes(), "horse");
    }
    let cut = whole.replace("DEK-Info: AES-128-CBC,", "DEK-Info: CAMELLIA-128-CBC,");
    let material = read(knowing("horse"), cut.as_bytes());
    let (code, message) = closed(&material);
    assert_eq!(code, Code::EncryptedKey);
    assert!(message.ends_with("CAMELLIA-128-CBC"), "{message}");
}

#[test]
fn the_empty_passphrase_is_one() {
    let leaf = leaf(KeyKind::P256);
    let encrypted = pkcs8(&leaf, "-v2 aes-256-cbc", "");
    check("empty", &leaf, &encrypted, "");
}

#[test]
fn an_encrypted_key_becomes_a_bundle_that_haproxy_serves() {
    let root = Ca::root("Root");
    let leaf = root.leaf_named("www.example.com");
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let path = folder.path().join("site.pem");
    for options in [
        "-v2 aes-256-cbc",
        "-scrypt -scrypt_N 1024",
        "-v1 PBE-SHA1-3DES",
    ] {
        let encrypted = pkcs8(&leaf, options, "horse");
        let source = [leaf.cert_pem.as_bytes(), &encrypted].concat();
        let material = read(knowing("horse"), &source);
        let bundle = bundler(&[&root.cert_pem])
            .build(material)
            .expect("it is whole");
        haproxy::write(&bundle, &path).expect("the folder is writable");
        Haproxy::serve(&path).expect("HAProxy loads it");
    }
}

/// EncryptedPrivateKeyInfo with these parameters of PBES2's derivation.
fn pbes2(derivation: &[&[u8]]) -> Vec<u8> {
    const PBES2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
    const AES_256_CBC: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
    let cipher = der(0x30, &[AES_256_CBC, &der(0x04, &[&[7; 16]])]);
    let parameters = der(0x30, &[&der(0x30, derivation), &cipher]);
    let algorithm = der(0x30, &[PBES2, &parameters]);
    der(0x30, &[&algorithm, &der(0x04, &[&[9; 64]])])
}

#[test]
fn a_file_cannot_cost_minutes() {
    const PBKDF2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
    const SCRYPT: &[u8] = b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b";
    const HMAC_SHA256: &[u8] = b"\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x09\x05\x00";
    let salt = der(0x04, &[b"saltsalt"]);
    let pbkdf2 = |iterations: &[u8]| {
        let iterations = der(0x02, &[iterations]);
        pbes2(&[PBKDF2, &der(0x30, &[&salt, &iterations, HMAC_SHA256])])
    };
    let scrypt = |n: &[u8], r: u8, p: u8| {
        let cost = [der(0x02, &[n]), der(0x02, &[&[r]]), der(0x02, &[&[p]])];
        pbes2(&[SCRYPT, &der(0x30, &[&salt, &cost.concat()])])
    };
    for (name, bomb) in [
        ("PBKDF2, 2^31 - 1", pbkdf2(&[0x7f, 0xff, 0xff, 0xff])),
        ("PBKDF2, 90 million", pbkdf2(&[0x05, 0x5d, 0x4a, 0x80])),
        ("scrypt, N of 2^22", scrypt(&[0x40, 0, 0], 8, 1)),
        ("scrypt, p of 100", scrypt(&[0x01, 0, 0], 8, 100)),
    ] {
        let material = read(knowing("horse"), &bomb);
        assert_eq!(closed(&material).0, Code::LimitExceeded, "{name}");
    }
    // Many that are cheap cost as much as one that is not.
    let cheap = pem_block("ENCRYPTED PRIVATE KEY", &pbkdf2(&[0x27, 0x10]));
    let material = read(
        knowing("horse").max_iterations(50_000),
        cheap.repeat(4).as_bytes(),
    );
    let codes: Vec<Code> = material
        .unreadable
        .iter()
        .map(|it| it.finding.code)
        .collect();
    let (wrong, limit) = (Code::WrongPassphrase, Code::LimitExceeded);
    assert_eq!(codes, [wrong, wrong, limit, limit]);
}

#[test]
fn no_passphrase_is_shown() {
    let leaf = leaf(KeyKind::P256);
    let encrypted = pkcs8(&leaf, "-v2 aes-256-cbc", "correct horse");
    let reader = knowing("correct horse");
    assert!(!format!("{reader:?}").contains("horse"));
    let material = read(knowing("a wrong horse"), &encrypted);
    assert!(!format!("{material:?}").contains("horse"));
}
