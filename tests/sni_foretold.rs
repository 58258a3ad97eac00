//! Which certificate a running HAProxy shows to whom is what was foretold: random bind lines of
//! files, folders and crt-lists, and many clients.
#![cfg(feature = "aia")]

mod common;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use common::client::{BOTH, ECDSA, RSA, shown};
use common::haproxy::Haproxy;
use common::pki::{Ca, Key, KeyKind, Leaf, LeafOptions};
use fullchain::haproxy::Version;
use fullchain::haproxy::sni::{Answer, Client, SniTable};
use fullchain::{Certificate, Origin};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

const CASES: u32 = 40;

const NAMES: [&str; 7] = [
    "a.example",
    "b.example",
    "*.example",
    "x.b.example",
    "*.b.example",
    "B.Example",
    "example",
];
const FILTERS: [&str; 9] = [
    "a.example",
    "b.example",
    "*.example",
    "*.b.example",
    "!a.example",
    "!x.b.example",
    "!*.example",
    "*",
    "y.example",
];
const ASKED: [Option<&str>; 8] = [
    None,
    Some("a.example"),
    Some("b.example"),
    Some("A.example"),
    Some("x.b.example"),
    Some("y.example"),
    Some("y.x.b.example"),
    Some("example"),
];

const KINDS: [KeyKind; 3] = [KeyKind::P256, KeyKind::Rsa(2048), KeyKind::Ed25519];

static CA: LazyLock<Ca> = LazyLock::new(|| Ca::root("Root"));

/// A certificate: its key's kind, its names and its common name.
type Made = (usize, Vec<usize>, usize);

#[derive(Clone, Debug)]
enum Part {
    File(Made),
    Folder(Vec<Made>),
    CrtList(Vec<(Made, Vec<usize>)>),
    /// A base name with a certificate for each key type of `.ecdsa` and `.rsa`.
    Base(Made, Made),
}

#[derive(Clone, Debug)]
struct Plan {
    parts: Vec<Part>,
    strict: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let kind = prop_oneof![4 => Just(0_usize), 4 => Just(1), 1 => Just(2)];
    (
        kind,
        prop::collection::vec(0..NAMES.len(), 0..3),
        0..NAMES.len(),
    )
}

fn plans() -> impl Strategy<Value = Plan> {
    let filters = || prop::collection::vec(0..FILTERS.len(), 0..4);
    let part = prop_oneof![
        3 => made().prop_map(Part::File),
        2 => prop::collection::vec(made(), 1..4).prop_map(Part::Folder),
        3 => prop::collection::vec((made(), filters()), 1..4).prop_map(Part::CrtList),
        1 => (made(), made()).prop_map(|(one, other)| {
            Part::Base((0, one.1, one.2), (1, other.1, other.2))
        }),
    ];
    let parts = prop::collection::vec(part, 1..4);
    (parts, prop::bool::weighted(0.3)).prop_map(|(parts, strict)| Plan { parts, strict })
}

fn leaf((kind, names, common_name): &Made) -> Leaf {
    CA.leaf(LeafOptions {
        name: NAMES[*common_name].to_owned(),
        dns: names.iter().map(|&name| NAMES[name].to_owned()).collect(),
        shared_key: Some(Key::nth(KINDS[*kind], 0)),
        ..LeafOptions::default()
    })
}

/// A plan's files, the bind line's options, and the table that is foretold of them.
struct Site {
    folder: TempDir,
    options: String,
    table: SniTable,
    /// The DER of each certificate, by file.
    files: Vec<(String, Vec<u8>)>,
}

impl Site {
    fn new(plan: &Plan) -> Site {
        let version = "2.6".parse::<Version>().expect("a version");
        let folder = tempfile::Builder::new().prefix("sni-").tempdir();
        let mut site = Site {
            folder: folder.expect("/tmp is writable"),
            options: String::new(),
            table: SniTable::new(version).strict_sni(plan.strict),
            files: Vec::new(),
        };
        for (number, part) in plan.parts.iter().enumerate() {
            site.part(number, part);
        }
        if plan.strict {
            site.options += "strict-sni";
        }
        site
    }

    fn part(&mut self, number: usize, part: &Part) {
        let path = self.folder.path().join(format!("{number}"));
        let text = path.display().to_string();
        match part {
            Part::File(made) => {
                let file = PathBuf::from(format!("{text}.pem"));
                self.file(file.clone(), made, &[], false);
                let _ = write!(self.options, "crt {} ", file.display());
            }
            Part::Folder(all) => {
                std::fs::create_dir(&path).expect("the folder is writable");
                for (index, made) in all.iter().enumerate() {
                    self.file(path.join(format!("{index}.pem")), made, &[], false);
                }
                let _ = write!(self.options, "crt {text} ");
            }
            Part::CrtList(lines) => {
                let mut list = String::new();
                for (index, (made, filters)) in lines.iter().enumerate() {
                    let file = PathBuf::from(format!("{text}-{index}.pem"));
                    let filters: Vec<_> = filters.iter().map(|&it| FILTERS[it]).collect();
                    let _ = writeln!(list, "{} {}", file.display(), filters.join(" "));
                    self.file(file, made, &filters, false);
                }
                let file = format!("{text}.list");
                std::fs::write(&file, list).expect("the folder is writable");
                let _ = write!(self.options, "crt-list {file} ");
            }
            Part::Base(ecdsa, rsa) => {
                let base = format!("{text}.pem");
                self.file(format!("{base}.ecdsa").into(), ecdsa, &[], false);
                self.file(format!("{base}.rsa").into(), rsa, &[], true);
                let _ = write!(self.options, "crt {base} ");
            }
        }
    }

    fn file(&mut self, path: PathBuf, made: &Made, filters: &[&str], is_twin: bool) {
        let leaf = leaf(made);
        let pem = leaf.cert_pem.clone() + &leaf.key_pem;
        std::fs::write(&path, pem).expect("the folder is writable");
        let name = path.display().to_string();
        let der = CertificateDer::from(leaf.cert_der.clone());
        let certificate = Certificate::new(der, Origin::new(name.clone())).expect("it is one");
        match is_twin {
            true => self.table.add_twin(&name, &certificate, filters),
            false => self.table.add(&name, &certificate, filters),
        }
        self.files.push((name, leaf.cert_der));
    }
}

fn check(plan: &Plan, handshakes: &std::cell::Cell<usize>) -> TestCaseResult {
    let site = Site::new(plan);
    let haproxy = Haproxy::bind(&site.options).map_err(TestCaseError::fail)?;
    let socket = haproxy.tls_socket();
    for name in ASKED {
        for (schemes, ecdsa, rsa) in [(BOTH, true, true), (ECDSA, true, false), (RSA, false, true)]
        {
            let client = Client { ecdsa, rsa };
            let answer = site.table.answer(name, client);
            let foretold = match answer {
                Answer::Served { file, .. } => {
                    let file = site.files.iter().find(|(known, _)| known == file);
                    Some(&file.expect("it was added").1)
                }
                _ => None,
            };
            for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
                let shown = shown(&socket, name, schemes, version);
                let file = site
                    .files
                    .iter()
                    .find(|(_, der)| Some(der) == shown.as_ref());
                prop_assert_eq!(
                    shown.as_ref(),
                    foretold,
                    "{:?}, {:?}: foretold {:?}, shown {:?}\n{}",
                    name,
                    client,
                    answer,
                    file.map(|(name, _)| name),
                    site.options
                );
                handshakes.set(handshakes.get() + 1);
            }
        }
    }
    Ok(())
}

#[test]
fn a_running_haproxy_shows_what_was_foretold() {
    let handshakes = std::cell::Cell::new(0);
    let mut config = ProptestConfig::with_cases(CASES);
    if let Ok(cases) = std::env::var("PROPTEST_CASES") {
        config.cases = cases.parse().expect("a number");
    }
    config.failure_persistence = None;
    config.max_shrink_iters = 100;
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&plans(), |plan| check(&plan, &handshakes));
    println!("{} handshakes", handshakes.get());
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
