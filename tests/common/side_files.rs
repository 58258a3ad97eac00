//! A certificate file and those beside it: what is foretold of them, held against HAProxy.

use fullchain::Code;
use fullchain::haproxy::load::{Loaded, Loader, Refused, SideFiles};
use rustls_pki_types::UnixTime;

use super::haproxy::Haproxy;
use super::ocsp::Responder;
use super::pki::{Ca, Leaf};

/// How long a good response holds.
pub const FIVE_DAYS: &[&str] = &["-ndays", "5"];

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Refused,
    /// Clients get no OCSP response.
    Bare,
    Stapled,
}

pub struct Outcome {
    pub foretold: Result<Loaded, Refused>,
    pub fate: Fate,
}

impl Outcome {
    pub fn has(&self, code: Code) -> bool {
        match &self.foretold {
            Ok(loaded) => loaded.findings.has(code),
            Err(refused) => refused.finding.code == code,
        }
    }
}

/// Has HAProxy load it, which must do what is foretold, with these words.
pub fn judged(case: &str, pem: &str, side: SideFiles<'_>) -> Outcome {
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let path = folder.path().join("site.pem");
    let name = path.to_str().expect("the path is UTF-8");
    std::fs::write(&path, pem).expect("the folder is writable");
    let beside = [
        ("ocsp", side.ocsp),
        ("issuer", side.issuer),
        ("sctl", side.sctl),
    ];
    for (suffix, content) in beside {
        if let Some(content) = content {
            std::fs::write(format!("{name}.{suffix}"), content).expect("the folder is writable");
        }
    }
    let version = "2.6".parse().expect("it is a version");
    let loader = Loader::new(UnixTime::now()).version(version);
    let foretold = loader.load(name, pem.as_bytes(), &side);
    let fate = match Haproxy::serve(&path) {
        Err(printed) => {
            let refused = foretold.as_ref().err();
            let words = refused.map(|refused| refused.words.as_str());
            assert!(
                words.is_some_and(|words| printed.contains(words)),
                "{case}: {foretold:?}\n{printed}"
            );
            Fate::Refused
        }
        Ok(haproxy) => {
            let (_, seen) = haproxy.s_client(None, &["-status"]);
            let printed = haproxy.printed();
            let loaded = foretold.as_ref().unwrap_or_else(|refused| {
                panic!("{case}: HAProxy loads it; foretold: {refused}");
            });
            let warned = printed.contains("Content will be ignored");
            let quoted = loaded.findings.with_code(Code::OcspResponse);
            let quoted = quoted.filter_map(|it| it.message.split('"').nth(1));
            let quoted: Vec<&str> = quoted.collect();
            assert_eq!(
                warned,
                !quoted.is_empty(),
                "{case}: {foretold:?}\n{printed}"
            );
            for words in quoted {
                assert!(printed.contains(words), "{case}: {words}\n{printed}");
            }
            match seen.contains("OCSP Response Data") {
                true => Fate::Stapled,
                false => {
                    assert!(seen.contains("OCSP response: no response sent"), "{seen}");
                    Fate::Bare
                }
            }
        }
    };
    Outcome { foretold, fate }
}

pub struct Site {
    pub ca: Ca,
    pub leaf: Leaf,
    pub responder: Responder,
}

impl Site {
    pub fn new() -> Site {
        let ca = Ca::root("Test CA");
        let leaf = ca.leaf_named("www.example.com");
        let responder = Responder::new(&ca);
        responder.knows(&leaf.cert_pem, false);
        Site {
            ca,
            leaf,
            responder,
        }
    }

    /// With no issuer behind the server's certificate.
    pub fn alone(&self) -> String {
        self.leaf.cert_pem.clone() + &self.leaf.key_pem
    }

    pub fn whole(&self) -> String {
        self.alone() + &self.ca.cert_pem
    }

    pub fn good(&self) -> Vec<u8> {
        self.responder.answer(FIVE_DAYS, &[&self.leaf.cert_pem])
    }
}

/// With the first occurrence of these bytes replaced.
pub fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut windows = bytes.windows(from.len());
    let at = windows.position(|window| window == from);
    let at = at.expect("the bytes occur");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}
