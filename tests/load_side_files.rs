//! `.ocsp`, `.issuer` and `.sctl`: HAProxy does with them what is foretold.

mod common;

use std::path::Path;

use common::extension::{TLS_FEATURE, add};
use common::haproxy::Haproxy;
use common::openssl::openssl;
use common::pki::{Ca, Key, KeyKind, Leaf, LeafOptions, pem_block};
use fullchain::Code;
use fullchain::haproxy::load::{Loaded, Loader, Refused, SideFiles};
use rustls_pki_types::UnixTime;
use tempfile::TempDir;

/// A certificate, its issuer, and a folder for the responder's files.
struct Site {
    folder: TempDir,
    issuer: Ca,
    leaf: Leaf,
    other: Leaf,
}

/// The certificate is in its responder's index as this.
#[derive(Clone, Copy)]
enum Known {
    Good,
    Revoked,
    Not,
}

impl Site {
    fn new() -> Site {
        let issuer = Ca::root("Issuer");
        Site {
            folder: TempDir::new().expect("/tmp is writable"),
            leaf: issuer.leaf_named("www.example.com"),
            other: issuer.leaf_named("other.example.com"),
            issuer,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("/tmp is writable");
        path
    }

    fn serial(leaf: &Leaf) -> String {
        let printed = openssl(&["x509", "-noout", "-serial"], leaf.cert_pem.as_bytes());
        let printed = String::from_utf8(printed).expect("ASCII");
        printed.trim().replace("serial=", "")
    }

    /// The CA's response about certificates, by the `openssl` program.
    fn response(&self, known: Known, leaves: &[&Leaf], digest: &str, more: &[&str]) -> Vec<u8> {
        let (ca, key) = (
            self.put("ca.pem", &self.issuer.cert_pem),
            self.put("ca.key", self.issuer.key.pem()),
        );
        let (request, response) = (self.path("request"), self.path("response"));
        let mut index = String::new();
        let mut args = vec![
            "ocsp",
            digest,
            "-issuer",
            &ca,
            "-no_nonce",
            "-reqout",
            &request,
        ];
        let files: Vec<String> = (0..leaves.len())
            .map(|n| self.path(&format!("{n}.pem")))
            .collect();
        for (number, (leaf, file)) in leaves.iter().zip(&files).enumerate() {
            std::fs::write(file, &leaf.cert_pem).expect("/tmp is writable");
            args.extend(["-cert", file]);
            let serial = Site::serial(leaf);
            index += &match known {
                Known::Good => format!("V\t491231235959Z\t\t{serial}\tunknown\t/CN={number}\n"),
                Known::Revoked => {
                    format!("R\t491231235959Z\t250101000000Z\t{serial}\tunknown\t/CN={number}\n")
                }
                Known::Not => "V\t491231235959Z\t\t7777\tunknown\t/CN=nobody\n".to_owned(),
            };
        }
        openssl(&args, b"");
        let index = self.put("index", index);
        let args = [
            &[
                "ocsp", "-index", &index, "-CA", &ca, "-rsigner", &ca, "-rkey", &key,
            ][..],
            &["-reqin", &request, "-respout", &response],
            more,
        ];
        openssl(&args.concat(), b"");
        std::fs::read(response).expect("openssl wrote it")
    }

    fn good(&self) -> Vec<u8> {
        self.response(Known::Good, &[&self.leaf], "-sha1", &["-ndays", "7"])
    }

    /// The certificate file with its chain, or without.
    fn pem(&self, with_chain: bool) -> String {
        let chain = if with_chain {
            &*self.issuer.cert_pem
        } else {
            ""
        };
        [&self.leaf.cert_pem, chain, &self.leaf.key_pem].concat()
    }
}

/// The response with all its times in that year; HAProxy does not look at its signature.
fn in_year(response: &[u8], year: [u8; 4]) -> Vec<u8> {
    let mut response = response.to_vec();
    let times = response.windows(4).enumerate();
    let times = times.filter(|(_, window)| window.starts_with(b"\x18\x0f20"));
    for index in times.map(|(index, _)| index + 2).collect::<Vec<_>>() {
        response[index..index + 4].copy_from_slice(&year);
    }
    response
}

fn outcome(pem: &str, side: &SideFiles<'_>, name: &str) -> Result<Loaded, Refused> {
    let version = "2.6".parse().expect("a version");
    let loader = Loader::new(UnixTime::now()).version(version);
    loader.load(name, pem.as_bytes(), side)
}

/// What HAProxy makes of the files, and what was foretold: both must agree. The code of the
/// finding, and its message.
#[track_caller]
fn agreed(pem: &str, side: &SideFiles<'_>) -> Option<(Code, String)> {
    let folder = TempDir::new().expect("/tmp is writable");
    let path = folder.path().join("site.pem");
    std::fs::write(&path, pem).expect("/tmp is writable");
    for (suffix, content) in [
        ("ocsp", side.ocsp),
        ("issuer", side.issuer),
        ("sctl", side.sctl),
    ] {
        if let Some(content) = content {
            let path = folder.path().join(format!("site.pem.{suffix}"));
            std::fs::write(path, content).expect("/tmp is writable");
        }
    }
    judge(&path, outcome(pem, side, path.to_str().expect("UTF-8")))
}

#[track_caller]
fn judge(path: &Path, foretold: Result<Loaded, Refused>) -> Option<(Code, String)> {
    // Not `haproxy -c`: that of 2.6 crashes after it loaded timestamps.
    let finding = match (Haproxy::serve(path), foretold) {
        (Ok(haproxy), Ok(loaded)) => {
            let (_, printed) = haproxy.s_client(None, &["-status"]);
            let staples = printed.contains("OCSP Response Status: successful");
            let findings = loaded.findings.findings();
            let ignored = findings.iter().any(|it| it.message.contains("ignores"));
            assert!(!(staples && ignored), "it staples it: {findings:?}");
            findings.first().cloned()
        }
        (Err(said), Err(refused)) => {
            assert!(said.contains(&refused.words), "{refused}\n{said}");
            Some(*refused.finding)
        }
        (Ok(_), Err(refused)) => panic!("it loads: {refused}"),
        (Err(said), Ok(_)) => panic!("refused: {said}"),
    };
    finding.map(|finding| (finding.code, finding.message))
}

/// Whether HAProxy staples what is there.
fn staples(pem: &str, ocsp: &[u8]) -> bool {
    let folder = TempDir::new().expect("/tmp is writable");
    let path = folder.path().join("site.pem");
    std::fs::write(&path, pem).expect("/tmp is writable");
    std::fs::write(folder.path().join("site.pem.ocsp"), ocsp).expect("/tmp is writable");
    let haproxy = Haproxy::serve(&path).expect("it loads");
    let (_, printed) = haproxy.s_client(None, &["-status"]);
    printed.contains("OCSP Response Status: successful")
}

#[test]
fn a_response_that_haproxy_staples_has_no_finding_unless_it_says_revoked() {
    let site = Site::new();
    let pem = site.pem(true);
    let good = site.good();
    let longer = [&good[..], b"more"].concat();
    let revoked = site.response(Known::Revoked, &[&site.leaf], "-sha1", &["-ndays", "7"]);
    for (ocsp, owed) in [
        (&good, None),
        (&longer, None),
        (&revoked, Some("is revoked")),
    ] {
        let side = SideFiles {
            ocsp: Some(ocsp),
            ..SideFiles::default()
        };
        assert!(staples(&pem, ocsp));
        let message = agreed(&pem, &side).map(|(_, message)| message);
        assert_eq!(message.is_some(), owed.is_some(), "{message:?}");
        assert!(owed.is_none_or(|owed| message.expect("one").contains(owed)));
    }
}

#[test]
fn a_response_that_haproxy_ignores_is_said_with_its_words() {
    let site = Site::new();
    let pem = site.pem(true);
    let week = &["-ndays", "7"][..];
    let good = site.good();
    let cases = [
        (
            site.response(Known::Not, &[&site.leaf], "-sha1", week),
            "status is unknown",
        ),
        (
            site.response(Known::Good, &[&site.leaf], "-sha1", &[]),
            "missing nextupdate",
        ),
        (in_year(&good, *b"2020"), "no longer valid"),
        (in_year(&good, *b"2090"), "no longer valid"),
        (
            site.response(Known::Good, &[&site.other], "-sha1", week),
            "does not match",
        ),
        (
            site.response(Known::Good, &[&site.leaf], "-sha256", week),
            "does not match",
        ),
        (
            site.response(Known::Good, &[&site.leaf, &site.other], "-sha1", week),
            "multiple single responses",
        ),
        (b"0\x03\n\x01\x03".to_vec(), "status not successful"),
        (b"hello".to_vec(), "Unable to parse"),
        (Vec::new(), "Unable to parse"),
        (good[..100].to_vec(), "Unable to parse"),
    ];
    for (ocsp, owed) in cases {
        let side = SideFiles {
            ocsp: Some(&ocsp),
            ..SideFiles::default()
        };
        let (code, message) = agreed(&pem, &side).expect(owed);
        assert_eq!(code, Code::Stapling);
        assert!(message.contains(owed), "{owed}: {message}");
        assert!(!staples(&pem, &ocsp), "{owed}");
    }
}

#[test]
fn a_response_needs_the_issuer_from_the_chain_or_a_file_of_its_own() {
    let site = Site::new();
    let (alone, whole) = (site.pem(false), site.pem(true));
    let good = site.good();
    let issuer = site.issuer.cert_pem.as_bytes();
    // An issuer of the name and another key is told by its key identifier.
    let namesake = Ca::root("Issuer").cert_pem;
    let other = site.other.cert_pem.as_bytes();
    for (pem, issuer, owed) in [
        (&alone, None, Some("neither in the chain")),
        (&alone, Some(issuer), None),
        (&alone, Some(namesake.as_bytes()), Some("is not the issuer")),
        (&whole, None, None),
        (&whole, Some(issuer), None),
        (&whole, Some(other), Some("is not the issuer")),
        (&whole, Some(b"x"), Some("cannot be read or parsed")),
        (&whole, Some(b""), Some("cannot be read or parsed")),
    ] {
        let side = SideFiles {
            ocsp: Some(&good),
            issuer,
            ..SideFiles::default()
        };
        let finding = agreed(pem, &side);
        assert_eq!(finding.is_some(), owed.is_some(), "{finding:?}");
        if let (Some((code, message)), Some(owed)) = (finding, owed) {
            assert_eq!(code, Code::SideFile);
            assert!(message.contains(owed), "{owed}: {message}");
        }
    }
    // Nobody looks at it without a response.
    let side = SideFiles {
        issuer: Some(b"x"),
        ..SideFiles::default()
    };
    assert_eq!(agreed(&whole, &side), None);
}

#[test]
fn timestamps_must_be_a_list_of_them() {
    let site = Site::new();
    let pem = site.pem(true);
    let filled = |length: u16| {
        let inner = length - 2;
        [
            &length.to_be_bytes()[..],
            &inner.to_be_bytes(),
            &vec![b'x'; inner.into()],
        ]
        .concat()
    };
    for (sctl, fits) in [
        (b"\0\0".to_vec(), true),
        (b"\0\x03\0\x01x".to_vec(), true),
        (filled(16_382), true),
        (filled(16_383), false),
        (Vec::new(), false),
        (b"\0".to_vec(), false),
        (b"\0\x04\0\x01x".to_vec(), false),
        (b"\0\x03\0\x02x".to_vec(), false),
        (b"\0\x01\0".to_vec(), false),
    ] {
        let side = SideFiles {
            sctl: Some(&sctl),
            ..SideFiles::default()
        };
        let code = agreed(&pem, &side).map(|(code, _)| code);
        assert_eq!(
            code,
            (!fits).then_some(Code::SideFile),
            "{} bytes",
            sctl.len()
        );
    }
}

#[test]
fn names_of_issuers_are_compared_as_openssl_does() {
    // The leaf says "Issuer  x", the certificate beside it "ISSUER x".
    let key = Key::new(KeyKind::P256);
    let ca = |name: &str| {
        Ca::root_with(common::pki::CaOptions {
            shared_key: Some(key.clone()),
            ..common::pki::CaOptions::named(name)
        })
    };
    let mut site = Site::new();
    site.issuer = ca("Issuer  x");
    site.leaf = site.issuer.leaf(LeafOptions::default());
    let good = site.good();
    let beside = ca("ISSUER x");
    let side = SideFiles {
        ocsp: Some(&good),
        issuer: Some(beside.cert_pem.as_bytes()),
        ..SideFiles::default()
    };
    assert_eq!(agreed(&site.pem(false), &side), None);
}

#[test]
fn a_certificate_that_demands_a_response_is_said_to_have_none() {
    // Also clients that look for it beside others: status_request_v2 is 17.
    for (features, demands) in [
        (&[0x30, 3, 2, 1, 5][..], true),
        (&[0x30, 3, 2, 1, 17], false),
    ] {
        let mut site = Site::new();
        let der = site.issuer.reissue(&site.leaf.cert_der, |fields| {
            add(fields, TLS_FEATURE, false, features);
        });
        site.leaf.cert_pem = pem_block("CERTIFICATE", &der);
        let pem = site.pem(true);
        let code = agreed(&pem, &SideFiles::default()).map(|(code, _)| code);
        assert_eq!(code, demands.then_some(Code::Stapling));
        let good = site.good();
        let side = SideFiles {
            ocsp: Some(&good),
            ..SideFiles::default()
        };
        assert_eq!(agreed(&pem, &side), None);
    }
}
