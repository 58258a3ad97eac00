//! PKCS#12 as `openssl` and `certtool` write it is opened by its passphrase; what stays closed, or
//! holds nothing, is said to.

mod common;

use std::fs;

use common::bundling::{bundler, ders, errors};
use common::certtool::certtool;
use common::der::{der, values};
use common::haproxy::Haproxy;
use common::openssl::openssl;
use common::pki::{Ca, Key, KeyKind, Leaf, LeafOptions, pem_block};
use fullchain::read::Expected;
use fullchain::{Code, Material, Passphrase, Reader, haproxy};
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse";

const OPENSSL: &[&str] = &[
    "",
    "-legacy",
    "-macalg sha1",
    "-macalg sha224",
    "-macalg sha384",
    "-macalg sha512",
    "-iter 10000",
    "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES",
    "-keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-RC2-40 -legacy",
    "-keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-128 -legacy",
    "-keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-RC4-40 -legacy",
    "-keypbe AES-128-CBC -certpbe NONE",
    "-keypbe NONE -certpbe AES-256-CBC",
    "-keypbe NONE -certpbe NONE",
    "-noiter -nomaciter",
];
const CERTTOOL: &[&str] = &[
    "aes-128",
    "aes-256",
    "3des",
    "3des-pkcs12",
    "rc2-40",
    "arcfour",
];

/// A certificate with its chain, as files for others to export.
struct Site {
    root: Ca,
    issuer: Ca,
    leaf: Leaf,
    folder: TempDir,
}

impl Site {
    fn new(kind: KeyKind) -> Self {
        let root = Ca::root("Root");
        let issuer = root.intermediate("Issuer");
        let leaf = issuer.leaf(LeafOptions {
            shared_key: Some(Key::nth(kind, 0)),
            ..LeafOptions::named("www.example.com")
        });
        let site = Self {
            root,
            issuer,
            leaf,
            folder: tempfile::tempdir().expect("/tmp is writable"),
        };
        site.put("leaf.pem", &site.leaf.cert_pem);
        site.put("key.pem", &site.leaf.key_pem);
        site.put("chain.pem", &site.issuer.cert_pem);
        site
    }

    fn put(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("/tmp is writable");
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    }

    fn openssl(&self, options: &str, passphrase: &str) -> Vec<u8> {
        let (leaf, key, chain) = (
            self.path("leaf.pem"),
            self.path("key.pem"),
            self.path("chain.pem"),
        );
        let passout = format!("pass:{passphrase}");
        let export = ["pkcs12", "-export", "-passout", &passout, "-name", "site"];
        let files = ["-in", &leaf, "-inkey", &key, "-certfile", &chain];
        let options = options.split(' ').filter(|it| !it.is_empty());
        let args: Vec<&str> = export.into_iter().chain(files).chain(options).collect();
        openssl(&args, b"")
    }

    fn certtool(&self, cipher: &str) -> Vec<u8> {
        let (leaf, key, chain) = (
            self.path("leaf.pem"),
            self.path("key.pem"),
            self.path("chain.pem"),
        );
        let cipher = format!("--pkcs-cipher={cipher}");
        let export = ["--to-p12", "--outder", "--p12-name", "site", &cipher];
        let files = ["--load-certificate", &leaf, "--load-privkey", &key];
        let more = ["--load-ca-certificate", &chain, "--password", PASSPHRASE];
        certtool(&[&export[..], &files, &more].concat(), b"")
    }

    /// Both certificates and the key are there, and make the bundle that is owed.
    fn check(&self, name: &str, pfx: &[u8], passphrase: &str) {
        let material = read(knowing(passphrase), pfx);
        assert_eq!(material.unreadable, [], "{name}");
        let parts = material.certificates.iter().map(|it| it.origin().part());
        assert!(
            parts.flatten().all(|part| part.starts_with("bag ")),
            "{name}"
        );
        assert_eq!(material.keys.len(), 1, "{name}");
        let bundle = bundler(&[&self.root.cert_pem]).build(material);
        let bundle = bundle.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let owed = [&self.leaf.cert_der, &self.issuer.cert_der].map(Clone::clone);
        assert_eq!(ders(&bundle), owed, "{name}");
    }
}

fn knowing(passphrase: &str) -> Reader {
    let passphrase = Passphrase::from(passphrase.to_owned());
    Reader::new().passphrases(move |_| Some(passphrase.clone()))
}

fn read(mut reader: Reader, source: &[u8]) -> Material {
    reader.read("site.pfx", source).expect("it is small")
}

/// Why nothing was found.
fn closed(material: &Material) -> (Code, Expected, &str) {
    assert!(material.keys.is_empty() && material.certificates.is_empty());
    let [only] = &material.unreadable[..] else {
        panic!("{material:?}")
    };
    (only.finding.code, only.expected, &only.finding.message)
}

#[test]
fn what_openssl_exports_is_opened() {
    for kind in [KeyKind::P256, KeyKind::Rsa(2048)] {
        let site = Site::new(kind);
        for options in OPENSSL {
            let pfx = site.openssl(options, PASSPHRASE);
            site.check(options, &pfx, PASSPHRASE);
            let wrong = read(knowing("battery staple"), &pfx);
            assert_eq!(closed(&wrong).0, Code::WrongPassphrase, "{options}");
            let without = read(Reader::new(), &pfx);
            assert_eq!(closed(&without).0, Code::EncryptedKey, "{options}");
        }
    }
}

#[test]
fn what_certtool_exports_is_opened() {
    let site = Site::new(KeyKind::P256);
    for cipher in CERTTOOL {
        let pfx = site.certtool(cipher);
        site.check(cipher, &pfx, PASSPHRASE);
    }
}

#[test]
fn passphrases_of_any_script_and_none_open() {
    let site = Site::new(KeyKind::P256);
    for passphrase in ["Grüße, 世界", "🐎"] {
        let pfx = site.openssl("", passphrase);
        site.check(passphrase, &pfx, passphrase);
    }
    let pfx = site.openssl("", "");
    site.check("empty", &pfx, "");
    // Whoever knows of none need not be asked.
    let material = read(Reader::new(), &pfx);
    assert_eq!(material.keys.len(), 1, "{material:?}");
}

#[test]
fn base64_and_pem_of_it_are_opened_too() {
    let site = Site::new(KeyKind::P256);
    let pfx = site.openssl("", PASSPHRASE);
    let block = pem_block("PKCS12", &pfx);
    let lines: Vec<&str> = block.lines().collect();
    let bare = lines[1..lines.len() - 1].join("\n");
    for text in [&block, &bare, &bare.replace('\n', "")] {
        let material = read(knowing(PASSPHRASE), text.as_bytes());
        assert_eq!(material.keys.len(), 1, "{material:?}");
        assert_eq!(material.certificates.len(), 2);
    }
}

/// In indefinite lengths, and strings in parts of three bytes, as Windows and Java write it.
fn to_ber(element: &[u8]) -> Vec<u8> {
    let tag = element[0];
    let open =
        |tag: u8, parts: Vec<Vec<u8>>| [vec![tag, 0x80], parts.concat(), vec![0, 0]].concat();
    match tag {
        0x04 => {
            let parts = common::der::contents(element).chunks(1000);
            open(0x24, parts.map(|part| der(0x04, &[part])).collect())
        }
        0x30 | 0xa0 => {
            let inside = values(common::der::contents(element));
            open(tag, inside.iter().map(|it| to_ber(it)).collect())
        }
        _ => element.to_vec(),
    }
}

#[test]
fn ber_as_windows_and_java_write_it_is_opened() {
    let site = Site::new(KeyKind::P256);
    for options in ["", "-legacy"] {
        let pfx = site.openssl(options, PASSPHRASE);
        let [version, content, mac] = &values(common::der::contents(&pfx))[..] else {
            panic!("three fields")
        };
        let ber = [&[0x30, 0x80], &version[..], &to_ber(content), mac, &[0, 0]].concat();
        site.check(options, &ber, PASSPHRASE);
        let cut = &ber[..ber.len() - 4];
        assert_eq!(closed(&read(knowing(PASSPHRASE), cut)).0, Code::Truncated);
    }
}

#[test]
fn without_a_mac_there_is_a_warning() {
    let site = Site::new(KeyKind::P256);
    let pfx = site.openssl("-nomac", PASSPHRASE);
    site.check("no MAC", &pfx, PASSPHRASE);
    let material = read(knowing(PASSPHRASE), &pfx);
    assert!(material.findings.iter().any(|it| it.code == Code::NoMac));
    let wrong = read(knowing("battery staple"), &pfx);
    let codes: Vec<Code> = wrong.unreadable.iter().map(|it| it.finding.code).collect();
    assert!(codes.contains(&Code::WrongPassphrase), "{codes:?}");
}

/// As OpenSSL from 3.4 on writes PBMAC1 (RFC 9579).
#[test]
fn a_mac_of_an_unknown_kind_is_said_not_to_be_checked() {
    const SHA256: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
    const PBMAC1: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e";
    let site = Site::new(KeyKind::P256);
    let mut pfx = site.openssl("", PASSPHRASE);
    let windows = pfx.windows(SHA256.len());
    let place = windows.enumerate().rfind(|(_, it)| *it == SHA256);
    let (place, _) = place.expect("it is the MAC's");
    pfx[place..place + PBMAC1.len()].copy_from_slice(PBMAC1);
    site.check("PBMAC1", &pfx, PASSPHRASE);
    let material = read(knowing(PASSPHRASE), &pfx);
    let no_mac = material.findings.iter().find(|it| it.code == Code::NoMac);
    let message = &no_mac.expect("nothing was checked").message;
    assert!(message.contains("unknown kind"), "{message}");
}

/// Made of zeros and text as `keytool` has them, which is no UTF-16.
#[test]
fn java_key_stores_are_told_how_to_be_converted() {
    for magic in [b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"] {
        let store = [&magic[..], b"\0\0\0\x02\0\0\0\x01\0s\0i\0t\0e\0\0"].concat();
        let material = read(knowing(PASSPHRASE), &store);
        assert_eq!(closed(&material).0, Code::NotPem);
        assert_eq!(material.findings, []);
        let help = material.unreadable[0].finding.help.as_deref();
        assert!(help.is_some_and(|help| help.contains("keytool -importkeystore")));
    }
}

#[test]
fn a_container_without_anything_is_said_to_be_empty() {
    const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
    const SIGNED: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    let pfx = |kind: &[u8], content: &[u8]| {
        let info = der(0x30, &[kind, &der(0xa0, &[content])]);
        der(0x30, &[&[2, 1, 3], &info])
    };
    let empty = pfx(DATA, &der(0x04, &[&der(0x30, &[])]));
    let (code, expected, message) = (
        Code::UnsupportedFormat,
        Expected::Any,
        "the PKCS#12 container holds neither a certificate nor a key",
    );
    assert_eq!(
        closed(&read(knowing("x"), &empty)),
        (code, expected, message)
    );
    let signed = read(knowing("x"), &pfx(SIGNED, &der(0x30, &[])));
    assert!(closed(&signed).2.ends_with("not with a passphrase"));
}

#[test]
fn two_keys_in_one_are_both_named_in_the_refusal() {
    let site = Site::new(KeyKind::P256);
    let other = site.issuer.leaf_named("www.example.com");
    let bags = |leaf: &Leaf| {
        let pem = leaf.cert_pem.clone() + &leaf.key_pem;
        site.put("both.pem", &pem);
        let path = site.path("both.pem");
        let passout = format!("pass:{PASSPHRASE}");
        let args = ["pkcs12", "-export", "-in", &path, "-passout", &passout];
        let plain = ["-keypbe", "NONE", "-certpbe", "NONE", "-nomac"];
        let pfx = openssl(&[&args[..], &plain].concat(), b"");
        // PFX, ContentInfo, [0], OCTET STRING, AuthenticatedSafe.
        let info = values(common::der::contents(&pfx))[1].clone();
        let octets = common::der::contents(&values(common::der::contents(&info))[1]).to_vec();
        let safe = common::der::contents(&octets).to_vec();
        values(common::der::contents(&safe)).concat()
    };
    const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
    let safe = der(0x30, &[&bags(&site.leaf), &bags(&other)]);
    let info = der(0x30, &[DATA, &der(0xa0, &[&der(0x04, &[&safe])])]);
    let mut material = read(knowing(PASSPHRASE), &der(0x30, &[&[2, 1, 3], &info]));
    assert_eq!(material.keys.len(), 2, "{material:?}");
    material.merge(read(Reader::new(), site.issuer.cert_pem.as_bytes()));
    let refusal = bundler(&[&site.root.cert_pem]).build(material);
    let refusal = refusal.expect_err("there are two pairs");
    // One finding for each pair.
    assert_eq!(errors(&refusal), [Code::AmbiguousPair; 2]);
    let said = refusal.report().to_string();
    assert!(said.contains("bag 1") && said.contains("bag 3"), "{said}");
}

#[test]
fn damage_is_said_and_never_a_panic() {
    let site = Site::new(KeyKind::P256);
    let pfx = site.openssl("-macalg sha1 -noiter -nomaciter", PASSPHRASE);
    for length in (1..pfx.len()).step_by(3) {
        let material = read(knowing(PASSPHRASE), &pfx[..length]);
        assert!(material.keys.is_empty());
        assert!(!material.unreadable.is_empty(), "cut at {length}");
    }
    for place in 0..pfx.len() {
        let mut flipped = pfx.clone();
        flipped[place] ^= 1 << (place % 8);
        let material = read(knowing(PASSPHRASE), &flipped);
        let is_said = !material.unreadable.is_empty() || !material.findings.is_empty();
        assert!(is_said, "flipped at {place}");
    }
}

#[test]
fn a_container_cannot_cost_minutes() {
    let site = Site::new(KeyKind::P256);
    let pfx = site.openssl("-iter 30000", PASSPHRASE);
    let (code, _, message) = {
        let material = read(knowing(PASSPHRASE).max_iterations(20_000), &pfx);
        let (code, expected, message) = closed(&material);
        (code, expected, message.to_owned())
    };
    assert_eq!(code, Code::LimitExceeded);
    assert!(message.contains("20000"), "{message}");
}

#[test]
fn haproxy_serves_what_was_in_it() {
    for kind in [KeyKind::P256, KeyKind::Rsa(2048)] {
        let site = Site::new(kind);
        for options in ["", "-legacy"] {
            let material = read(knowing(PASSPHRASE), &site.openssl(options, PASSPHRASE));
            let bundle = bundler(&[&site.root.cert_pem])
                .build(material)
                .expect("whole");
            let path = site.folder.path().join("site.pem");
            haproxy::write(&bundle, &path).expect("the folder is writable");
            let running = Haproxy::serve(&path).expect("HAProxy loads it");
            let served = running.served_chain(Some("www.example.com"));
            assert_eq!(served, ders(&bundle));
        }
    }
}
