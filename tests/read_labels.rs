//! Content decides over labels, and blocks that a bundle has no use for are left out.

mod common;

use common::openssl::{
    KeyShape, bag_attributes, csr, dhparams, ec_parameters, key_shape, openssl, x509_text,
};
use common::pile::{Pile, contents, findings, lines, read};
use common::pki::{Ca, Key, KeyKind, pem_block};
use fullchain::Code;
use fullchain::read::Expected;

fn relabelled(pem: &str, label: &str) -> String {
    pem_block(label, pem::parse(pem).expect("PEM").contents())
}

#[test]
fn a_wrong_label_gives_way_to_the_content() {
    let leaf = Ca::root("Root").leaf_named("www.example.com");
    let rsa = Key::nth(KeyKind::Rsa(2048), 0).pem();
    let text = |der: Vec<u8>| String::from_utf8(der).expect("PEM");
    let pkcs1 = text(key_shape(&rsa, KeyShape::Traditional));
    let sec1 = text(key_shape(&leaf.key_pem, KeyShape::Traditional));
    let keys = [&leaf.key_pem, &rsa, &pkcs1, &sec1];
    let labels = [
        "CERTIFICATE",
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "ANY PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "PUBLIC KEY",
        "CERTIFICATE REQUEST",
        "TRUSTED CERTIFICATE",
        "PKCS7",
        "SOMETHING",
    ];
    for label in labels {
        for key in keys {
            let block = pem::parse(key).expect("PEM");
            let material = read(relabelled(key, label).as_bytes());
            let [certificates, found, _] = contents(&material);
            assert!(certificates.is_empty(), "{label}");
            assert_eq!(found, [block.contents()], "{label} over {}", block.tag());
            let owed: &[_] = match block.tag() == label {
                true => &[],
                false => &[(Code::WrongLabel, 1)],
            };
            assert_eq!(findings(&material), owed, "{label} over {}", block.tag());
        }
        let material = read(relabelled(&leaf.cert_pem, label).as_bytes());
        assert_eq!(
            contents(&material)[0],
            std::slice::from_ref(&leaf.cert_der),
            "{label}"
        );
        let owed: &[_] = match label {
            "CERTIFICATE" | "TRUSTED CERTIFICATE" => &[],
            _ => &[(Code::WrongLabel, 1)],
        };
        assert_eq!(findings(&material), owed, "{label} over a certificate");
    }
}

#[test]
fn what_a_bundle_does_not_use_is_left_out_and_said() {
    let ca = Ca::root("Root");
    let leaf = ca.leaf_named("www.example.com");
    let public = openssl(&["pkey", "-pubout"], leaf.key_pem.as_bytes());
    let unused = [
        csr(&leaf.key_pem, "www.example.com"),
        ca.crl_pem(),
        ec_parameters(),
        String::from_utf8(public).expect("PEM"),
        pem_block("SOMETHING NEW", b"not even DER"),
        relabelled(
            &csr(&leaf.key_pem, "www.example.com"),
            "NEW CERTIFICATE REQUEST",
        ),
    ];
    let mut text = leaf.cert_pem.clone();
    let mut owed = Vec::new();
    for block in &unused {
        owed.push((Code::BlockLeftOut, text.lines().count() + 1));
        text += block;
    }
    text += &leaf.key_pem;
    for (name, source) in [("clean", text.clone()), ("tolerant", format!("{text}--\n"))] {
        let material = read(source.as_bytes());
        assert_eq!(
            contents(&material)[0],
            std::slice::from_ref(&leaf.cert_der),
            "{name}"
        );
        assert_eq!(
            contents(&material)[1],
            std::slice::from_ref(&leaf.key_der),
            "{name}"
        );
        assert_eq!(findings(&material), owed, "{name}");
        assert_eq!(material.unreadable, [], "{name}");
    }
    // A request under a certificate's label is no damaged certificate.
    let material = read(relabelled(&unused[0], "CERTIFICATE").as_bytes());
    assert_eq!(material.unreadable, []);
    assert_eq!(
        findings(&material),
        [(Code::WrongLabel, 1), (Code::BlockLeftOut, 1)]
    );
}

#[test]
fn text_of_openssl_around_blocks_is_passed_over() {
    let ca = Ca::root("Root").intermediate("CA");
    let leaf = ca.leaf_named("www.example.com");
    let printed = x509_text(&leaf.cert_pem) + &x509_text(&ca.cert_pem);
    let material = read(printed.as_bytes());
    let certificates = [leaf.cert_der.clone(), ca.cert_der.clone()];
    assert_eq!(contents(&material)[0], certificates);
    assert_eq!(findings(&material), [(Code::TextIgnored, 1)]);

    let bags = bag_attributes(&leaf.key_pem, &[&leaf.cert_pem, &ca.cert_pem]);
    let material = read(bags.as_bytes());
    assert_eq!(contents(&material)[0], certificates);
    assert_eq!(contents(&material)[1], std::slice::from_ref(&leaf.key_der));
    assert_eq!(findings(&material), [(Code::TextIgnored, 1)]);
    // Where the blocks stand, by the text itself.
    let begins: Vec<usize> = bags
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("-----BEGIN"))
        .map(|(index, _)| index + 1)
        .collect();
    let found: Vec<usize> = lines(&material).iter().map(|(first, _)| *first).collect();
    assert_eq!(found, begins);
    // The same in CR LF, read by the tolerant reader.
    let material = read(bags.replace('\n', "\r\n").as_bytes());
    let found: Vec<usize> = lines(&material).iter().map(|(first, _)| *first).collect();
    assert_eq!(found, begins);
    assert_eq!(contents(&material)[0], certificates);
}

#[test]
fn data_after_the_content_is_dropped() {
    let leaf = Ca::root("Root").leaf_named("www.example.com");
    let args = [
        "x509",
        "-trustout",
        "-addtrust",
        "serverAuth",
        "-setalias",
        "a rather long name, so that it fills a line of base64",
    ];
    let trusted = openssl(&args, leaf.cert_pem.as_bytes());
    assert!(trusted.starts_with(b"-----BEGIN TRUSTED CERTIFICATE-----"));
    let crlf = String::from_utf8_lossy(&trusted).replace('\n', "\r\n");
    for (source, more) in [
        (&trusted[..], None),
        (crlf.as_bytes(), Some(Code::LineEndings)),
    ] {
        let material = read(source);
        assert_eq!(contents(&material)[0], std::slice::from_ref(&leaf.cert_der));
        let owed = more
            .into_iter()
            .chain([Code::TrailingData])
            .map(|code| (code, 1));
        let mut owed: Vec<_> = owed.collect();
        owed.sort_unstable();
        assert_eq!(findings(&material), owed);
    }
    for tail in [&b"\n"[..], b"\0\0\0\0", &[0xff; 200]] {
        let long = pem_block("PRIVATE KEY", &[&leaf.key_der, tail].concat());
        let material = read(long.as_bytes());
        assert_eq!(contents(&material)[1], std::slice::from_ref(&leaf.key_der));
        assert_eq!(findings(&material), [(Code::TrailingData, 1)]);
    }
}

#[test]
fn encrypted_and_foreign_keys_are_recognised() {
    let key = Key::nth(KeyKind::Rsa(2048), 0).pem();
    let leaf = Ca::root("Root").leaf_named("www.example.com");
    for (shape, code) in [
        (KeyShape::EncryptedPkcs8, Code::EncryptedKey),
        (KeyShape::EncryptedTraditional, Code::EncryptedKey),
    ] {
        let pem = String::from_utf8(key_shape(&key, shape)).expect("PEM");
        let last = pem.lines().count();
        let relabelled = pem.replace("ENCRYPTED PRIVATE", "PRIVATE");
        for source in [
            pem.clone(),
            pem.replace('\n', "\r\n"),
            relabelled,
            pem.replace('\n', " "),
        ] {
            let material = read(source.as_bytes());
            assert!(material.keys.is_empty());
            let [unreadable] = &material.unreadable[..] else {
                panic!("{shape:?}: {material:?}")
            };
            assert_eq!(unreadable.expected, Expected::Key);
            assert_eq!(unreadable.finding.code, code);
            let origin = unreadable.finding.origin.as_ref().expect("a place");
            let owed = if source.contains('\n') { last } else { 1 };
            assert_eq!(
                (origin.first_line(), origin.last_line()),
                (Some(1), Some(owed))
            );
        }
    }
    let genpkey = |args: &str| {
        let args: Vec<&str> = ["genpkey", "-quiet"]
            .into_iter()
            .chain(args.split(' '))
            .collect();
        String::from_utf8(openssl(&args, b"")).expect("PEM")
    };
    for source in [
        genpkey("-algorithm ED448"),
        genpkey("-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1"),
    ] {
        let material = read((leaf.cert_pem.clone() + &source).as_bytes());
        assert_eq!(material.certificates.len(), 1);
        assert_eq!(material.unreadable[0].finding.code, Code::UnsupportedKey);
        assert_eq!(material.unreadable[0].expected, Expected::Key);
    }
    let openssh = pem_block("OPENSSH PRIVATE KEY", b"openssh-key-v1\0and more");
    let material = read(openssh.as_bytes());
    assert_eq!(material.unreadable[0].finding.code, Code::UnsupportedFormat);
    assert_eq!(material.unreadable[0].expected, Expected::Any);
    let help = material.unreadable[0].finding.help.as_deref();
    assert!(help.is_some_and(|help| help.contains("ssh-keygen -p -m PKCS8")));
}

#[test]
fn parameters_are_kept_and_told_from_keys_by_their_label() {
    let pile = Pile::new(&[&dhparams()]);
    let material = read(pile.text.replace('\n', "\r\n").as_bytes());
    assert_eq!(contents(&material), pile.contents());
    assert_eq!(material.dh_parameters[0].prime_bits(), 2048);
    // The same two numbers could be an RSA public key.
    let material = read(
        pile.text
            .replace("DH PARAMETERS", "RSA PUBLIC KEY")
            .as_bytes(),
    );
    assert!(material.is_empty());
    assert_eq!(findings(&material), [(Code::BlockLeftOut, 1)]);
}
