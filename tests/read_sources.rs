//! Sources that are no PEM: DER and containers of it, archives, XML, and files with nothing in
//! them.

mod common;

use common::openssl::{KeyShape, dhparams, key_shape, openssl};
use common::pile::{Pile, contents, findings, lines, read};
use common::pki::{Ca, Leaf};
use fullchain::read::Expected;
use fullchain::{Code, Material};

fn site() -> (Ca, Leaf) {
    let ca = Ca::root("Root").intermediate("CA");
    let leaf = ca.leaf_named("www.example.com");
    (ca, leaf)
}

/// The one thing that could not be read.
fn unreadable(material: &Material) -> (Code, Expected) {
    let [unreadable] = &material.unreadable[..] else {
        panic!("{material:?}")
    };
    (unreadable.finding.code, unreadable.expected)
}

fn base64_of(der: &[u8]) -> String {
    let pem = common::pki::pem_block("X", der);
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

#[test]
fn der_is_read_one_or_several() {
    let (ca, leaf) = site();
    let sec1 = key_shape(&leaf.key_pem, KeyShape::TraditionalDer);
    for (name, source, certificates, keys) in [
        ("a certificate", leaf.cert_der.clone(), 1, 0),
        ("PKCS#8", leaf.key_der.clone(), 0, 1),
        ("SEC1", sec1.clone(), 0, 1),
        (
            "three together",
            [&*leaf.cert_der, &*ca.cert_der, &*sec1].concat(),
            2,
            1,
        ),
        ("a newline after", [&*leaf.cert_der, b"\r\n"].concat(), 1, 0),
    ] {
        let material = read(&source);
        assert_eq!(material.certificates.len(), certificates, "{name}");
        assert_eq!(material.keys.len(), keys, "{name}");
        assert_eq!(findings(&material), [(Code::DerInput, 0)], "{name}");
        for certificate in &material.certificates {
            assert_eq!(certificate.origin().first_line(), None, "{name}");
        }
    }
    let material = read(&[&*leaf.cert_der, b"\0\0 rubbish"].concat());
    assert_eq!(contents(&material)[0], std::slice::from_ref(&leaf.cert_der));
    assert_eq!(
        findings(&material),
        [(Code::TrailingData, 0), (Code::DerInput, 0)]
    );
}

#[test]
fn pem_joined_to_der_is_read() {
    let (_, leaf) = site();
    let material = read(&[&*leaf.cert_der, b"\n", leaf.key_pem.as_bytes()].concat());
    assert_eq!(contents(&material)[0], std::slice::from_ref(&leaf.cert_der));
    assert_eq!(contents(&material)[1], std::slice::from_ref(&leaf.key_der));
}

#[test]
fn cut_der_is_truncated() {
    let (_, leaf) = site();
    for length in [leaf.cert_der.len() - 1, leaf.cert_der.len() / 2, 5] {
        let material = read(&leaf.cert_der[..length]);
        assert_eq!(
            unreadable(&material),
            (Code::Truncated, Expected::Any),
            "{length}"
        );
    }
}

#[test]
fn containers_are_recognised_and_the_help_says_how_to_open_them() {
    let (ca, leaf) = site();
    let pile = leaf.key_pem.clone() + &leaf.cert_pem + &ca.cert_pem;
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::io::Write::write_all(&mut file, pile.as_bytes()).expect("the file is written");
    let path = file.path().to_str().expect("UTF-8");
    let pkcs12 = openssl(
        &["pkcs12", "-export", "-in", path, "-passout", "pass:x"],
        b"",
    );
    for (name, source) in [
        ("PKCS#12", pkcs12.clone()),
        ("PKCS#12 in base64", base64_of(&pkcs12).into()),
        (
            "PKCS#12 of indefinite length, as Java writes it",
            [b"\x30\x80", &pkcs12[4..], b"\0\0"].concat(),
        ),
    ] {
        let material = read(&source);
        assert_eq!(
            unreadable(&material),
            (Code::EncryptedKey, Expected::Any),
            "{name}"
        );
        let found = material.unreadable[0].finding.help.as_deref();
        assert!(
            found.is_some_and(|found| found.contains("--passphrase-file")),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn sources_with_nothing_in_them_are_said_to_be_so() {
    let text = b"Dear customer,\nplease find your certificate attached.\n--\nThe CA\n";
    let utf16: Vec<u8> = "\u{feff}hello world\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (source, message) in [
        (&b""[..], "empty"),
        (b"PK\x03\x04\x14\0\0\0\x08\0certificate.crt", "ZIP"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03abcdef", "gzip"),
        (b"\xfe\xed\xfe\xed\0\0\0\x02abcdef", "Java key store"),
        (text, "BEGIN line was expected"),
        (b"0 files found", "BEGIN line was expected"),
        (
            b"<html><body>404 Not Found</body></html>\n",
            "BEGIN line was expected",
        ),
        (b"\n\n\n", "BEGIN line was expected"),
        (&utf16, "BEGIN line was expected"),
    ] {
        let material = read(source);
        assert_eq!(
            unreadable(&material),
            (Code::NotPem, Expected::Any),
            "{message}"
        );
        let found = &material.unreadable[0].finding;
        assert!(
            found.message.contains(message),
            "{message}: {}",
            found.message
        );
        assert!(found.help.is_some());
    }
}

#[test]
fn certificates_as_bare_base64_are_read() {
    let (ca, leaf) = site();
    let [leaf64, ca64] = [base64_of(&leaf.cert_der), base64_of(&ca.cert_der)];
    let both = [leaf.cert_der.clone(), ca.cert_der.clone()];
    let saml = format!(
        "<?xml version=\"1.0\"?>\n<md:KeyDescriptor use=\"signing\">\n  <ds:X509Data>\n    \
         <ds:X509Certificate>{leaf64}</ds:X509Certificate>\n    <ds:X509Certificate>\n{}\n    \
         </ds:X509Certificate>\n  </ds:X509Data>\n",
        ca64.as_bytes()
            .chunks(76)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect::<Vec<_>>()
            .join("\n")
    );
    let material = read(saml.as_bytes());
    assert_eq!(contents(&material)[0], both);
    assert_eq!(lines(&material)[0], (4, 4));
    assert_eq!(lines(&material)[1].0, 6);
    let codes: Vec<_> = findings(&material);
    assert!(codes.contains(&(Code::BareBase64, 4)) && codes.contains(&(Code::BareBase64, 6)));

    let jwk = serde_json::json!({ "kty": "EC", "x5c": [leaf64, ca64] });
    for source in [
        jwk.to_string(),
        jwk.to_string().replace('/', "\\/"),
        serde_json::to_string_pretty(&jwk).expect("JSON"),
        format!("CERT={leaf64}\nCA={ca64}\n"),
        format!("{leaf64}\n{ca64}"),
    ] {
        let material = read(source.as_bytes());
        assert_eq!(contents(&material)[0], both, "{source}");
        let bare = findings(&material);
        let bare = bare.iter().filter(|(code, _)| *code == Code::BareBase64);
        assert_eq!(bare.count(), 2, "{source}");
        assert_eq!(material.unreadable, [], "{source}");
    }
    let cut = read(&leaf64.as_bytes()[..leaf64.len() / 2]);
    assert_eq!(unreadable(&cut), (Code::Truncated, Expected::Any));
}

#[test]
fn several_sources_keep_their_names_and_lines() {
    let (ca, leaf) = site();
    let mut reader = fullchain::Reader::new();
    let mut material = Material::default();
    for (name, source) in [
        ("leaf.pem", leaf.cert_pem.clone()),
        ("ca.pem", format!("the CA\n{}", ca.cert_pem)),
        ("dh.pem", dhparams()),
    ] {
        material.merge(
            reader
                .read(name, source.as_bytes())
                .expect("within the limits"),
        );
    }
    let origins: Vec<String> = material
        .certificates
        .iter()
        .map(|certificate| certificate.origin().to_string())
        .collect();
    let (leaf_lines, ca_lines) = (leaf.cert_pem.lines().count(), ca.cert_pem.lines().count());
    assert_eq!(
        origins,
        [
            format!("leaf.pem:1-{leaf_lines}"),
            format!("ca.pem:2-{}", ca_lines + 1)
        ]
    );
    let pile = Pile::new(&[&leaf.cert_pem, &ca.cert_pem, &dhparams()]);
    assert_eq!(contents(&material), pile.contents());
}
