//! Encrypted keys as `openssl` and `certtool` write them: opened by their passphrase, and by no
//! other, whatever became of the text; what is not supported is named.

mod common;

use std::sync::{Arc, Mutex};

use common::bundling::{bundler, codes, errors, place, the};
use common::certtool::certtool;
use common::haproxy::Haproxy;
use common::openssl::openssl;
use common::pki::{Ca, Key, KeyKind, Leaf, LeafOptions, pem_block};
use fullchain::key::Proof;
use fullchain::read::Expected;
use fullchain::{Code, Material, Passphrase, Reader, haproxy};

const PASSPHRASES: [&str; 2] = ["correct horse", "Grüße, 世界 🐴"];

const PKCS8: &[&str] = &[
    "-v2 aes-128-cbc",
    "-v2 aes-192-cbc",
    "-v2 aes-256-cbc",
    "-v2 des3",
    "-v2 des-cbc",
    "-v2 rc2-cbc",
    "-v2 rc2-64-cbc",
    "-v2 rc2-40-cbc",
    "-v2 aes-256-cbc -v2prf hmacWithMD5",
    "-v2 aes-256-cbc -v2prf hmacWithSHA1",
    "-v2 aes-256-cbc -v2prf hmacWithSHA224",
    "-v2 aes-256-cbc -v2prf hmacWithSHA384",
    "-v2 aes-256-cbc -v2prf hmacWithSHA512",
    "-v2 aes-256-cbc -v2prf hmacWithSHA512-224",
    "-v2 aes-256-cbc -v2prf hmacWithSHA512-256",
    "-v2 aes-256-cbc -iter 1",
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
    "-v1 PBE-SHA1-RC4-128",
    "-v1 PBE-SHA1-RC4-40",
];
/// With `Proc-Type: 4,ENCRYPTED`.
const PEM: &[&str] = &[
    "-aes128",
    "-aes192",
    "-aes256",
    "-des3",
    "-des-ede-cbc",
    "-des",
    "-rc2-cbc",
    "-rc2-64-cbc",
    "-rc2-40-cbc",
];
const CERTTOOL: &[&str] = &[
    "aes-128",
    "aes-192",
    "aes-256",
    "3des",
    "3des-pkcs12",
    "rc2-40",
    "arcfour",
];
/// What is not needed by default, OpenSSL has in a provider of its own.
const PROVIDERS: [&str; 4] = ["-provider", "default", "-provider", "legacy"];

fn leaf(kind: KeyKind) -> Leaf {
    Ca::root("Root").leaf(LeafOptions {
        shared_key: Some(Key::nth(kind, 0)),
        ..LeafOptions::named("www.example.com")
    })
}

/// What an `openssl` command makes of a key, with a passphrase.
fn encrypt(key_pem: &[u8], command: &str, passphrase: &str) -> String {
    let passout = format!("pass:{passphrase}");
    let mut args: Vec<&str> = command.split(' ').collect();
    args.extend(["-passout", &passout]);
    args.extend(PROVIDERS);
    String::from_utf8(openssl(&args, key_pem)).expect("PEM")
}

fn pkcs8(leaf: &Leaf, options: &str, passphrase: &str) -> String {
    let command = format!("pkcs8 -topk8 {options}");
    encrypt(leaf.key_pem.as_bytes(), &command, passphrase)
}

fn traditional(leaf: &Leaf, cipher: &str, passphrase: &str) -> String {
    let command = format!("pkey -traditional {cipher}");
    encrypt(leaf.key_pem.as_bytes(), &command, passphrase)
}

fn knowing(passphrase: &str) -> Reader {
    let passphrase = Passphrase::from(passphrase.to_owned());
    Reader::new().passphrases(move |_| Some(passphrase.clone()))
}

fn read(mut reader: Reader, source: impl AsRef<[u8]>) -> Material {
    let source = source.as_ref();
    reader.read("key.pem", source).expect("it is small")
}

/// Why there is no key.
fn closed(material: &Material) -> (Code, &str) {
    assert!(material.keys.is_empty(), "{material:?}");
    let [only] = &material.unreadable[..] else {
        panic!("{material:?}")
    };
    assert_eq!(only.expected, Expected::Key);
    let origin = only.finding.origin.as_ref().expect("a place");
    assert_eq!(origin.source(), "key.pem");
    (only.finding.code, &only.finding.message)
}

/// It is the leaf's key, and said to have been decrypted. The other findings are returned.
fn check_opens(name: &str, leaf: &Leaf, source: &[u8], passphrase: &str) -> Vec<Code> {
    let certificates = read(Reader::new(), &leaf.cert_pem).certificates;
    let opened = read(knowing(passphrase), source);
    let [key] = &opened.keys[..] else {
        panic!("{name}: {opened:?}")
    };
    assert_eq!(key.origin().source(), "key.pem", "{name}");
    assert_eq!(key.prove(&certificates[0]), Proof::Belongs, "{name}");
    assert_eq!(opened.unreadable, [], "{name}");
    let mut codes: Vec<_> = opened.findings.iter().map(|finding| finding.code).collect();
    let decrypted = codes.iter().position(|code| *code == Code::KeyDecrypted);
    codes.remove(decrypted.unwrap_or_else(|| panic!("{name}: {opened:?}")));
    codes
}

/// It opens with its passphrase, and stays closed with another and without any.
fn check(name: &str, leaf: &Leaf, source: &[u8], passphrase: &str) -> Vec<Code> {
    let codes = check_opens(name, leaf, source, passphrase);
    let wrong = read(knowing("battery staple"), source);
    assert_eq!(closed(&wrong).0, Code::WrongPassphrase, "{name}");
    let without = read(Reader::new(), source);
    assert_eq!(closed(&without).0, Code::EncryptedKey, "{name}");
    codes
}

fn check_openssl_pkcs8(kind: KeyKind) {
    let leaf = leaf(kind);
    for options in PKCS8 {
        for passphrase in PASSPHRASES {
            let encrypted = pkcs8(&leaf, options, passphrase);
            assert_eq!(check(options, &leaf, encrypted.as_bytes(), passphrase), []);
            let der = pem::parse(&encrypted).expect("PEM").into_contents();
            let codes = check(options, &leaf, &der, passphrase);
            assert_eq!(codes, [Code::DerInput], "{options}");
        }
    }
}

#[test]
fn openssl_pkcs8_opens_with_its_passphrase() {
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519] {
        check_openssl_pkcs8(kind);
    }
}

#[test]
fn openssl_pkcs8_of_rsa_opens_with_its_passphrase() {
    check_openssl_pkcs8(KeyKind::Rsa(2048));
}

#[test]
fn openssl_pem_headers_open_with_their_passphrase() {
    for kind in [KeyKind::Rsa(2048), KeyKind::P256, KeyKind::P384] {
        let leaf = leaf(kind);
        for cipher in PEM {
            for passphrase in PASSPHRASES {
                let encrypted = traditional(&leaf, cipher, passphrase);
                assert!(encrypted.contains("DEK-Info: "));
                assert_eq!(check(cipher, &leaf, encrypted.as_bytes(), passphrase), []);
            }
        }
    }
}

fn certtool_pkcs8(leaf: &Leaf, cipher: &str, passphrase: &str) -> String {
    let cipher = format!("--pkcs-cipher={cipher}");
    let args = ["--to-p8", "--load-privkey", "/dev/stdin", "--outder"];
    let given = ["--password", passphrase, &cipher];
    let der = certtool(&[&args[..], &given].concat(), leaf.key_pem.as_bytes());
    pem_block("ENCRYPTED PRIVATE KEY", &der)
}

#[test]
fn certtool_pkcs8_opens_with_its_passphrase() {
    let leaf = leaf(KeyKind::P256);
    for cipher in CERTTOOL {
        let encrypted = certtool_pkcs8(&leaf, cipher, "correct horse");
        check(cipher, &leaf, encrypted.as_bytes(), "correct horse");
    }
}

#[test]
fn certtool_pkcs8_of_other_kinds_opens_with_its_passphrase() {
    for kind in [KeyKind::Rsa(2048), KeyKind::P384, KeyKind::Ed25519] {
        let leaf = leaf(kind);
        for cipher in CERTTOOL {
            let encrypted = certtool_pkcs8(&leaf, cipher, "correct horse");
            check_opens(cipher, &leaf, encrypted.as_bytes(), "correct horse");
        }
    }
}

#[test]
fn the_empty_passphrase_is_one() {
    let leaf = leaf(KeyKind::P256);
    for options in ["-v2 aes-256-cbc", "-v1 PBE-MD5-DES", "-v1 PBE-SHA1-3DES"] {
        let encrypted = pkcs8(&leaf, options, "");
        check(options, &leaf, encrypted.as_bytes(), "");
    }
}

#[test]
fn damaged_pkcs8_opens_all_the_same() {
    let leaf = leaf(KeyKind::P256);
    let whole = pkcs8(&leaf, "-v2 aes-256-cbc", "horse");
    let inner: String = whole.lines().filter(|line| !line.contains('-')).collect();
    let (begin, _) = whole.split_once("\n-----END").expect("an END line");
    for (code, damaged) in [
        (Code::LineEndings, whole.replace('\n', "\r\n")),
        (Code::LinePrefix, whole.replace('\n', "\n    ")),
        (
            Code::LinePrefix,
            format!("> {}", whole.replace('\n', "\n> ")),
        ),
        (Code::EscapedCharacters, whole.replace('\n', "\\n")),
        (Code::JoinedMarkers, whole.replace('\n', " ")),
        (Code::WrongLabel, whole.replace("ENCRYPTED ", "")),
        (Code::WrongLabel, whole.replace("ENCRYPTED ", "RSA ")),
        (
            Code::WrongLabel,
            whole.replace("ENCRYPTED PRIVATE KEY", "CERTIFICATE"),
        ),
        (Code::MissingEnd, begin.to_owned() + "\n"),
        (Code::BareBase64, inner.clone()),
        (
            Code::MissingBegin,
            inner + "\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ),
        (Code::Base64Padding, whole.replace('=', "")),
    ] {
        assert_ne!(damaged, whole, "{code}");
        let codes = check(code.as_str(), &leaf, damaged.as_bytes(), "horse");
        assert!(codes.contains(&code), "{code}: {codes:?}\n{damaged}");
    }
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let codes = check("UTF-16", &leaf, &utf16, "horse");
    assert_eq!(codes, [Code::Utf16]);
    let wrapped = openssl(&["base64"], whole.as_bytes());
    let codes = check("base64 once more", &leaf, &wrapped, "horse");
    assert_eq!(codes, [Code::Base64Wrapped]);
}

#[test]
fn damaged_pem_with_headers_opens_all_the_same() {
    let leaf = leaf(KeyKind::P256);
    let whole = traditional(&leaf, "-aes128", "horse");
    let (headers, body) = whole.split_once("\n\n").expect("a blank line");
    let (content, end) = body.split_once("\n-----END").expect("an END line");
    let folded = content.replace('\n', "");
    let comment = content.replacen('\n', "\n# a comment\n", 1);
    for (name, damaged, owed) in [
        (
            "CR LF",
            whole.replace('\n', "\r\n"),
            vec![Code::LineEndings],
        ),
        ("no blank line", whole.replace("\n\n", "\n"), vec![]),
        ("blank lines", whole.replace("\n\n", "\n\n\n"), vec![]),
        (
            "indented",
            whole.replace('\n', "\n    "),
            vec![Code::LinePrefix],
        ),
        (
            "of another label",
            whole.replace("EC PRIVATE", "RSA PRIVATE"),
            vec![],
        ),
        (
            "no Proc-Type",
            whole.replace("Proc-Type: 4,ENCRYPTED\n", ""),
            vec![],
        ),
        (
            "headers of other case",
            whole
                .replace("Proc-Type: 4,", "proc-type:4, ")
                .replace("DEK-Info: ", "dek-info:"),
            vec![],
        ),
        (
            "other headers",
            whole.replacen("Proc-Type", "Comment: mine\nProc-Type", 1),
            vec![Code::PemHeaders],
        ),
        (
            "escaped",
            whole.replace('\n', "\\n"),
            vec![Code::EscapedCharacters],
        ),
        (
            "one line",
            whole.replace('\n', " "),
            vec![Code::JoinedMarkers, Code::Whitespace, Code::LineLength],
        ),
        (
            "folded",
            format!("{headers}\n\n{folded}\n-----END{end}"),
            vec![Code::LineLength],
        ),
        (
            "a comment",
            format!("{headers}\n\n{comment}\n-----END{end}"),
            vec![Code::TextInBlock],
        ),
        (
            "no END line",
            format!("{headers}\n\n{content}\n"),
            vec![Code::MissingEnd],
        ),
    ] {
        let codes = check(name, &leaf, damaged.as_bytes(), "horse");
        for code in owed {
            assert!(codes.contains(&code), "{name}: {codes:?}");
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let leaf = leaf(KeyKind::P256);
    for (options, name) in [
        ("-v2 camellia-256-cbc", "Camellia"),
        ("-v2 camellia-128-cbc", "Camellia"),
        ("-v2 aria-128-cbc", "ARIA"),
        ("-v2 aria-192-cbc", "ARIA"),
        ("-v2 aria-256-cbc", "ARIA"),
        ("-v2 bf-cbc", "Blowfish"),
        ("-v2 cast5-cbc", "CAST5"),
        ("-v2 seed-cbc", "SEED"),
        ("-v2 sm4-cbc", "SM4"),
        ("-v2 aes-256-cfb", "2.16.840.1.101.3.4.1.44"),
    ] {
        let material = read(knowing("horse"), pkcs8(&leaf, options, "horse"));
        let (code, message) = closed(&material);
        assert_eq!(code, Code::EncryptedKey, "{options}");
        assert!(message.ends_with(&format!(": {name}")), "{message}");
        let help = material.unreadable[0].finding.help.as_deref();
        assert!(help.is_some_and(|help| help.contains("openssl pkey")));
    }
    let whole = traditional(&leaf, "-camellia128", "horse");
    let without = whole.lines().filter(|line| !line.starts_with("DEK-Info"));
    let without: String = without.flat_map(|line| [line, "\n"]).collect();
    let hostile = whole.replace("CAMELLIA-128-CBC", &"\x1b[31mA".repeat(99));
    for (source, owed) in [
        (whole.clone(), "CAMELLIA-128-CBC"),
        (traditional(&leaf, "-aria192", "horse"), "ARIA-192-CBC"),
        (traditional(&leaf, "-seed", "horse"), "SEED-CBC"),
        (without, "DEK-Info, which names the cipher, is missing"),
        (hostile, "what DEK-Info names is no cipher"),
        (
            traditional(&leaf, "-aes128", "horse").replace("CBC,", "CBC,0"),
            "AES-128-CBC without its vector",
        ),
    ] {
        let material = read(knowing("horse"), source);
        let (code, message) = closed(&material);
        assert_eq!(code, Code::EncryptedKey);
        assert!(message.ends_with(owed), "{message}");
    }
    let gost = certtool_pkcs8(&leaf, "gost28147-tc26z", "horse");
    let material = read(knowing("horse"), gost);
    assert!(closed(&material).1.contains("GOST"), "{material:?}");
}

#[test]
fn keys_that_are_not_supported_are_told_from_wrong_passphrases() {
    let genpkey = |args: &str| {
        let args = format!("genpkey -quiet {args}");
        openssl(&args.split(' ').collect::<Vec<_>>(), b"")
    };
    let parameters = openssl(&["dsaparam", "-noout", "-genkey", "1024"], b"");
    let secp256k1 = genpkey("-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1");
    for (key, command) in [
        (&genpkey("-algorithm ED448"), "pkcs8 -topk8"),
        (&secp256k1, "pkcs8 -topk8"),
        (&secp256k1, "pkey -traditional -aes128"),
        (&parameters, "pkcs8 -topk8"),
        (&parameters, "dsa -aes128"),
    ] {
        let encrypted = encrypt(key, command, "horse");
        let material = read(knowing("horse"), &encrypted);
        assert_eq!(closed(&material).0, Code::UnsupportedKey, "{command}");
        let material = read(knowing("cart"), &encrypted);
        assert_eq!(closed(&material).0, Code::WrongPassphrase, "{command}");
    }
}

#[test]
fn each_key_is_asked_for_by_its_place() {
    let [first, second] = [KeyKind::P256, KeyKind::P384].map(leaf);
    let encrypted = [
        pkcs8(&first, "-v2 aes-256-cbc", "one"),
        traditional(&second, "-aes256", "two"),
    ];
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let mut reader = Reader::new().passphrases(move |origin| {
        log.lock().expect("no panic").push(origin.to_string());
        let passphrase = match origin.first_line() {
            Some(1) => "one",
            _ => "two",
        };
        Some(passphrase.to_owned().into())
    });
    let material = reader.read("both.pem", encrypted.concat().as_bytes());
    assert_eq!(material.expect("it is small").keys.len(), 2);
    let [one, two] = encrypted.map(|pem| pem.lines().count());
    let asked = asked.lock().expect("no panic");
    let owed = [
        format!("both.pem:1-{one}"),
        format!("both.pem:{}-{}", one + 1, one + two),
    ];
    assert_eq!(*asked, owed);
}

#[test]
fn an_encrypted_key_becomes_a_bundle_that_haproxy_serves() {
    let root = Ca::root("Root");
    let leaf = root.leaf_named("www.example.com");
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let path = folder.path().join("site.pem");
    let roots = folder.path().join("root.pem");
    std::fs::write(&roots, &root.cert_pem).expect("the folder is writable");
    for encrypted in [
        pkcs8(&leaf, "-v2 aes-256-cbc", "horse"),
        pkcs8(&leaf, "-scrypt -scrypt_N 1024", "horse"),
        pkcs8(&leaf, "-v1 PBE-MD5-DES", "horse"),
        pkcs8(&leaf, "-v1 PBE-SHA1-3DES", "horse"),
        certtool_pkcs8(&leaf, "3des-pkcs12", "horse"),
        traditional(&leaf, "-aes256", "horse"),
    ] {
        let material = read(knowing("horse"), leaf.cert_pem.clone() + &encrypted);
        let bundle = bundler(&[&root.cert_pem])
            .build(material)
            .expect("it is whole");
        assert!(codes(bundle.report()).contains(&Code::KeyDecrypted));
        haproxy::write(&bundle, &path).expect("the folder is writable");
        let haproxy = Haproxy::serve(&path).expect("HAProxy loads it");
        haproxy
            .verify_with(&roots, "www.example.com")
            .expect("clients accept it");
    }
}

#[test]
fn a_bundle_without_its_passphrase_is_refused_with_the_place() {
    let root = Ca::root("Root");
    let leaf = root.leaf_named("www.example.com");
    let encrypted = pkcs8(&leaf, "-v2 aes-256-cbc", "horse");
    let source = leaf.cert_pem.clone() + &encrypted;
    let first = leaf.cert_pem.lines().count() + 1;
    for (reader, code) in [
        (Reader::new(), Code::EncryptedKey),
        (knowing("cart"), Code::WrongPassphrase),
        (knowing("horse").max_iterations(100), Code::LimitExceeded),
    ] {
        let refusal = bundler(&[&root.cert_pem])
            .build(read(reader, &source))
            .expect_err("the key is closed");
        assert_eq!(errors(&refusal), [Code::NoKey, code]);
        let finding = the(refusal.report(), code);
        assert!(place(finding).starts_with(&format!("key.pem:{first}-")));
        assert!(finding.help.is_some());
    }
}

#[test]
fn no_passphrase_is_shown() {
    let leaf = leaf(KeyKind::P256);
    let encrypted = pkcs8(&leaf, "-v2 aes-256-cbc", "correct horse");
    for passphrase in ["correct horse", "a wrong horse"] {
        let reader = knowing(passphrase);
        assert!(!format!("{reader:?}").contains("horse"));
        let material = read(reader, &encrypted);
        let findings = material.findings.iter();
        let findings = findings.chain(material.unreadable.iter().map(|it| &it.finding));
        let said: String = findings.map(|it| format!("{it} {:?}", it.help)).collect();
        assert!(!said.contains("horse"), "{said}");
        assert!(!format!("{material:?}").contains("horse"));
    }
}
