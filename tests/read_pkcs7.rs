//! The certificates in PKCS#7 and CMS, as `openssl` writes it, are taken out; what holds none is
//! said to be so.

mod common;

use std::fs;

use common::bundling::{bundler, ders};
use common::der::der;
use common::haproxy::Haproxy;
use common::openssl::openssl;
use common::pile::{contents, findings, lines, read};
use common::pki::{Ca, Leaf, pem_block};
use fullchain::read::Expected;
use fullchain::{Code, Error, Material, Reader, haproxy};
use tempfile::TempDir;

const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const LABELS: [&str; 3] = ["PKCS7", "PKCS #7 SIGNED DATA", "CMS"];

/// A site whose certificates are given in an order of no kind.
struct Site {
    root: Ca,
    ca: Ca,
    leaf: Leaf,
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let root = Ca::root("PKCS7 Root");
        let ca = root.intermediate("PKCS7 CA");
        let leaf = ca.leaf_named("www.example.com");
        let folder = tempfile::tempdir().expect("/tmp is writable");
        Self {
            root,
            ca,
            leaf,
            folder,
        }
    }

    fn ders(&self) -> Vec<Vec<u8>> {
        [&self.ca.cert_der, &self.root.cert_der, &self.leaf.cert_der]
            .map(Clone::clone)
            .into()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("/tmp is writable");
        path.to_str().expect("UTF-8").to_owned()
    }

    fn certificates(&self) -> String {
        let pems = [&self.ca.cert_pem, &self.root.cert_pem, &self.leaf.cert_pem];
        self.file("certificates.pem", pems.map(String::as_str).concat())
    }

    /// What `openssl crl2pkcs7` makes of the certificates.
    fn p7b(&self, args: &[&str], stdin: &str) -> Vec<u8> {
        let path = self.certificates();
        let common = ["crl2pkcs7", "-certfile", &path];
        openssl(&[&common[..], args].concat(), stdin.as_bytes())
    }

    fn der(&self) -> Vec<u8> {
        self.p7b(&["-nocrl", "-outform", "DER"], "")
    }

    fn pem(&self) -> String {
        String::from_utf8(self.p7b(&["-nocrl"], "")).expect("PEM")
    }

    /// Signed content, with the signer's certificate first.
    fn signed(&self, command: &str, args: &[&str]) -> Vec<u8> {
        let signer = self.file(
            "signer.pem",
            self.leaf.cert_pem.clone() + &self.leaf.key_pem,
        );
        let chain = self.file("chain.pem", self.ca.cert_pem.clone() + &self.root.cert_pem);
        let common = [command, "-sign", "-nodetach", "-signer", &signer];
        let args = [&common[..], &["-certfile", &chain], args].concat();
        openssl(&args, b"some content\n")
    }
}

fn sorted(mut ders: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    ders.sort();
    ders
}

/// Signed data that holds these, in definite lengths.
fn signed_data(version: u8, fields: &[&[u8]]) -> Vec<u8> {
    let before = [der(0x02, &[&[version]]), der(0x31, &[]), der(0x30, &[DATA])];
    let signed_data = der(0x30, &[&before.concat(), &fields.concat(), &der(0x31, &[])]);
    der(0x30, &[SIGNED_DATA, &der(0xa0, &[&signed_data])])
}

fn indefinite(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag, 0x80], &parts.concat()[..], &[0, 0]].concat()
}

/// The same in indefinite lengths throughout, as Java and Windows write it.
fn indefinite_signed_data(certificates: &[Vec<u8>]) -> Vec<u8> {
    let content = indefinite(0x24, &[&der(0x04, &[&[0, 0]]), &der(0x04, &[b"x"])]);
    let fields = [
        der(0x02, &[&[1]]),
        der(0x31, &[]),
        indefinite(0x30, &[DATA, &indefinite(0xa0, &[&content])]),
        indefinite(0xa0, &[&certificates.concat()]),
        der(0x31, &[]),
    ];
    let signed_data = indefinite(0x30, &[&fields.concat()]);
    indefinite(0x30, &[SIGNED_DATA, &indefinite(0xa0, &[&signed_data])])
}

/// Code, expectation, message and help of the one thing that could not be read.
fn unreadable(material: &Material) -> (Code, Expected, &str, &str) {
    let [only] = &material.unreadable[..] else {
        panic!("{material:?}")
    };
    let help = only.finding.help.as_deref().unwrap_or_default();
    (
        only.finding.code,
        only.expected,
        &only.finding.message,
        help,
    )
}

fn check(name: &str, source: &[u8], owed: &[Vec<u8>], owed_findings: &[(Code, usize)]) {
    let material = read(source);
    let [certificates, keys, parameters] = contents(&material);
    assert_eq!(certificates, owed, "{name}");
    assert!(keys.is_empty() && parameters.is_empty(), "{name}");
    assert_eq!(findings(&material), owed_findings, "{name}");
    assert_eq!(material.unreadable, [], "{name}");
}

#[test]
fn certificates_are_taken_in_the_order_in_which_they_stand() {
    let site = Site::new();
    let binary = [(Code::DerInput, 0)];
    check("DER", &site.der(), &site.ders(), &binary);
    check("PEM", site.pem().as_bytes(), &site.ders(), &[]);
    for label in LABELS {
        let pem = pem_block(label, &site.der());
        check(label, pem.as_bytes(), &site.ders(), &[]);
        let material = read(pem.as_bytes());
        assert_eq!(lines(&material), [(1, pem.lines().count()); 3], "{label}");
    }
    let crl = site.p7b(&["-outform", "DER"], &site.ca.crl_pem());
    assert!(crl.len() > site.der().len() + 100);
    check("with a CRL", &crl, &site.ders(), &binary);
    let twice = [site.der(), site.leaf.cert_der.clone(), site.der()].concat();
    let owed = [site.ders(), vec![site.leaf.cert_der.clone()], site.ders()].concat();
    check("DER among DER", &twice, &owed, &binary);
    let mixed = site.leaf.cert_pem.clone() + &site.pem();
    let owed = [vec![site.leaf.cert_der.clone()], site.ders()].concat();
    check("PEM among PEM", mixed.as_bytes(), &owed, &[]);
}

#[test]
fn signed_content_is_passed_over() {
    let site = Site::new();
    let sources = [
        (
            "CMS",
            site.signed("cms", &["-outform", "DER"]),
            Some(Code::DerInput),
        ),
        ("PEM", site.signed("cms", &["-outform", "PEM"]), None),
        ("PKCS#7", site.signed("smime", &["-outform", "PEM"]), None),
    ];
    for (name, source, code) in sources {
        let material = read(&source);
        // Which comes first, the signer's or the others, openssl decides.
        assert_eq!(
            sorted(contents(&material).concat()),
            sorted(site.ders()),
            "{name}"
        );
        let found: Vec<_> = material.findings.iter().map(|it| it.code).collect();
        assert_eq!(found, Vec::from_iter(code), "{name}");
        assert_eq!(material.unreadable, [], "{name}");
    }
    let mail = site.signed("smime", &[]);
    let pk7out = openssl(&["smime", "-pk7out"], &mail);
    assert!(pk7out.starts_with(b"-----BEGIN PKCS7-----"));
    assert_eq!(contents(&read(&pk7out))[0].len(), 3);
}

#[test]
fn indefinite_lengths_are_read() {
    let site = Site::new();
    let args = ["-stream", "-indef", "-binary", "-outform"];
    let streamed = site.signed("cms", &[&args[..], &["DER"]].concat());
    assert!(streamed.starts_with(&[0x30, 0x80]));
    let material = read(&streamed);
    assert_eq!(sorted(contents(&material).concat()), sorted(site.ders()));
    assert_eq!(findings(&material), [(Code::DerInput, 0)]);

    let ber = indefinite_signed_data(&site.ders());
    let read_by_openssl = openssl(&["pkcs7", "-inform", "DER", "-print_certs"], &ber);
    assert_eq!(pem::parse_many(read_by_openssl).expect("PEM").len(), 3);
    check("binary", &ber, &site.ders(), &[(Code::DerInput, 0)]);
    let pem = pem_block("PKCS7", &ber);
    check("PEM", pem.as_bytes(), &site.ders(), &[]);
    let crlf = pem.replace('\n', "\r\n");
    check(
        "CR LF",
        crlf.as_bytes(),
        &site.ders(),
        &[(Code::LineEndings, 1)],
    );
    let base64 = pem.lines().filter(|line| !line.starts_with('-'));
    let base64 = base64.collect::<Vec<_>>().join("\n") + "\n";
    check(
        "bare",
        base64.as_bytes(),
        &site.ders(),
        &[(Code::BareBase64, 1)],
    );
    let longer = [ber.clone(), b"\0\0\0\0".to_vec()].concat();
    let owed = [(Code::TrailingData, 0), (Code::DerInput, 0)];
    check("trailing", &longer, &site.ders(), &owed);

    for cut in [30, 100, ber.len() / 2, ber.len() - 1] {
        let pem = pem_block("PKCS7", &ber[..cut]);
        for source in [&ber[..cut], pem.as_bytes()] {
            let material = read(source);
            let (code, expected, ..) = unreadable(&material);
            assert_eq!(
                (code, expected),
                (Code::Truncated, Expected::Certificate),
                "{cut}"
            );
            assert!(material.certificates.is_empty(), "{cut}");
        }
    }
}

#[test]
fn pem_is_mended_as_that_of_certificates() {
    let site = Site::new();
    let (pem, certificate) = (site.pem(), &site.leaf.cert_pem);
    let base64 = pem.lines().filter(|line| !line.starts_with('-'));
    let base64 = base64.collect::<Vec<_>>().join("\n") + "\n";
    for (name, source, owed) in [
        (
            "CR LF",
            pem.replace('\n', "\r\n"),
            vec![(Code::LineEndings, 1)],
        ),
        (
            "the label of a certificate",
            pem.replace("PKCS7", "CERTIFICATE"),
            vec![(Code::WrongLabel, 1)],
        ),
        (
            "the label of a key, and CR LF",
            pem.replace("PKCS7", "PRIVATE KEY").replace('\n', "\r\n"),
            vec![(Code::LineEndings, 1), (Code::WrongLabel, 1)],
        ),
        (
            "a label of no kind",
            pem.replace("PKCS7", "P7B"),
            vec![(Code::WrongLabel, 1)],
        ),
        ("no lines around it", base64, vec![(Code::BareBase64, 1)]),
        (
            "no BEGIN line",
            pem.replace("-----BEGIN PKCS7-----\n", ""),
            vec![(Code::MissingBegin, 1)],
        ),
        (
            "no END line",
            pem.replace("-----END PKCS7-----\n", ""),
            vec![(Code::MissingEnd, 1)],
        ),
        (
            "data after it",
            pem_block("PKCS7", &[&site.der()[..], b"\0\0"].concat()),
            vec![(Code::TrailingData, 1)],
        ),
    ] {
        check(name, source.as_bytes(), &site.ders(), &owed);
    }
    for label in LABELS {
        let source = certificate.replace("CERTIFICATE", label);
        let owed = std::slice::from_ref(&site.leaf.cert_der);
        check(label, source.as_bytes(), owed, &[(Code::WrongLabel, 1)]);
    }
}

#[test]
fn what_is_cut_is_truncated() {
    let site = Site::new();
    let der = site.der();
    for cut in [30, der.len() / 2, der.len() - 1] {
        let pem = pem_block("PKCS7", &der[..cut]);
        for source in [&der[..cut], pem.as_bytes()] {
            let material = read(source);
            let (code, expected, message, _) = unreadable(&material);
            assert_eq!(
                (code, expected),
                (Code::Truncated, Expected::Certificate),
                "{cut}"
            );
            assert!(message.contains(&der.len().to_string()), "{message}");
            assert!(material.certificates.is_empty(), "{cut}");
        }
    }
}

#[test]
fn signed_data_without_certificates_is_said_to_hold_none() {
    let site = Site::new();
    let crl = openssl(
        &["crl2pkcs7", "-outform", "DER"],
        site.ca.crl_pem().as_bytes(),
    );
    for (name, source) in [
        ("a CRL only", crl),
        ("nothing", signed_data(1, &[])),
        ("an empty set", signed_data(1, &[&[0xa0, 0]])),
        (
            "an empty set of indefinite length",
            indefinite_signed_data(&[]),
        ),
        (
            "attribute certificates",
            signed_data(3, &[&der(0xa0, &[&der(0xa2, &[b"\x02\x01\x01"])])]),
        ),
    ] {
        let label = pem_block("PKCS7", &source);
        for source in [&source[..], label.as_bytes()] {
            let material = read(source);
            assert!(material.certificates.is_empty(), "{name}");
            let (code, expected, message, help) = unreadable(&material);
            assert_eq!(
                (code, expected),
                (Code::NotACertificate, Expected::Certificate),
                "{name}"
            );
            assert!(
                message.contains("holds no certificates"),
                "{name}: {message}"
            );
            assert!(help.contains("crl2pkcs7"), "{name}: {help}");
        }
    }
}

#[test]
fn other_content_types_are_named_with_what_to_do() {
    let site = Site::new();
    let recipient = site.file("recipient.pem", &site.leaf.cert_pem);
    let key = site.file("key.pem", &site.leaf.key_pem);
    let p7b = String::from_utf8(site.p7b(&["-nocrl"], "")).expect("PEM");
    let cms = |args: &[&str]| openssl(&[&["cms", "-binary"], args].concat(), p7b.as_bytes());
    let encrypted = cms(&["-encrypt", "-aes128", "-outform", "PEM", &recipient]);
    for (source, what, todo) in [
        (
            &encrypted,
            "enveloped data, which is encrypted",
            "openssl cms -decrypt",
        ),
        (
            &cms(&["-data_create", "-outform", "DER"]),
            "plain data",
            "crl2pkcs7",
        ),
        (
            &cms(&["-digest_create", "-outform", "DER"]),
            "digested data",
            "crl2pkcs7",
        ),
        (
            &cms(&[
                "-EncryptedData_encrypt",
                "-aes128",
                "-secretkey",
                &"00".repeat(16),
                "-outform",
                "DER",
            ]),
            "encrypted data",
            "openssl cms -decrypt",
        ),
    ] {
        let material = read(source);
        assert!(material.certificates.is_empty(), "{what}");
        let (code, expected, message, help) = unreadable(&material);
        assert_eq!(
            (code, expected),
            (Code::UnsupportedFormat, Expected::Any),
            "{what}"
        );
        assert!(message.contains(what), "{what}: {message}");
        assert!(help.contains(todo), "{what}: {help}");
    }
    // The help is a command that works.
    let decrypt = ["cms", "-decrypt", "-inform", "PEM", "-inkey", &key];
    let opened = openssl(&decrypt, &encrypted);
    assert_eq!(contents(&read(&opened))[0], site.ders());
}

#[test]
fn a_broken_certificate_leaves_the_others_whole() {
    let site = Site::new();
    let [ca, root, leaf] = site.ders().try_into().expect("three");
    let mut broken = root;
    // The outer structure is whole, and what is in it none.
    broken[4] = 0x04;
    let other = der(0xa3, &[b"\x06\x01\x2a"]);
    for certificates in [[&ca, &broken, &other, &leaf], [&other, &ca, &broken, &leaf]] {
        let set = der(0xa0, &[&certificates.map(|it| &it[..]).concat()]);
        let material = read(&signed_data(3, &[&set]));
        assert_eq!(contents(&material)[0], [ca.clone(), leaf.clone()]);
        let (code, expected, message, _) = unreadable(&material);
        assert_eq!(
            (code, expected),
            (Code::NotACertificate, Expected::Certificate)
        );
        assert!(message.contains("certificate 2 "), "{message}");
    }
    // Where a length is wrong, nothing after it can be told.
    let long = [&ca[..], b"\x30\x82\xff\xff", &leaf].concat();
    let material = read(&signed_data(1, &[&der(0xa0, &[&long])]));
    assert_eq!(contents(&material)[0], [ca]);
    assert!(unreadable(&material).2.contains("certificate 2 "));
    // And where the structure around them is none, there are none to be told apart.
    let content = der(0xa0, &[b"\x30\x82\xff\xff\x02"]);
    let material = read(&der(0x30, &[SIGNED_DATA, &content]));
    let (code, expected, message, _) = unreadable(&material);
    assert_eq!(
        (code, expected),
        (Code::NotACertificate, Expected::Certificate)
    );
    assert!(message.contains("damaged"), "{message}");
}

#[test]
fn certificates_inside_count_against_the_limit() {
    let site = Site::new();
    for source in [
        site.der(),
        site.pem().into(),
        site.pem().replace('\n', "\r\n").into(),
        site.pem().replace("-----BEGIN PKCS7-----\n", "").into(),
        indefinite_signed_data(&site.ders()),
    ] {
        let read = |limit| Reader::new().max_blocks(limit).read("pile", &source);
        let whole = read(4).expect("the container and its three certificates");
        assert_eq!(whole.certificates.len(), 3);
        for limit in 0..4 {
            let Err(Error::TooManyBlocks {
                source_name,
                limit: said,
            }) = read(limit)
            else {
                panic!("{limit} blocks were exceeded")
            };
            assert_eq!((source_name.as_str(), said), ("pile", limit));
        }
    }
}

#[test]
fn the_order_is_that_of_the_file_and_not_of_der() {
    let site = Site::new();
    let mut ders = site.ders();
    for _ in 0..2 {
        ders.reverse();
        let set = der(0xa0, &[&ders.concat()]);
        let owed = [(Code::DerInput, 0)];
        check("order", &signed_data(1, &[&set]), &ders, &owed);
    }
}

#[test]
fn a_bundle_of_a_key_and_pkcs7_is_served_by_haproxy() {
    let site = Site::new();
    let bundler = bundler(&[&site.root.cert_pem]);
    let owed = [site.leaf.cert_der.clone(), site.ca.cert_der.clone()];
    for source in [
        site.der(),
        site.pem().into(),
        indefinite_signed_data(&site.ders()),
    ] {
        let mut reader = Reader::new();
        let mut material = reader.read("site.p7b", &source).expect("within the limits");
        let key = reader.read("site.key", site.leaf.key_pem.as_bytes());
        material.merge(key.expect("within the limits"));
        let bundle = bundler
            .build(material)
            .unwrap_or_else(|refusal| panic!("{refusal}"));
        assert_eq!(ders(&bundle), owed);
        let path = site.folder.path().join("site.pem");
        haproxy::write(&bundle, &path).expect("/tmp is writable");
        let running = Haproxy::serve(&path).unwrap_or_else(|said| panic!("{said}"));
        assert_eq!(running.served_chain(Some("www.example.com")), owed);
        let roots = site.file("root.pem", &site.root.cert_pem);
        running
            .verify_with(roots.as_ref(), "www.example.com")
            .unwrap_or_else(|said| panic!("{said}"));
    }
}
