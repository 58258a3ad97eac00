//! Whether HAProxy starts, and which certificate it then shows to whom, is what was foretold:
//! random bind lines of files, folders, base names and crt-lists, and many clients.
#![cfg(feature = "aia")]

mod common;

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use common::client::{BOTH, ECDSA, RSA, shown};
use common::haproxy::Haproxy;
use common::pki::{Ca, Key, KeyKind, Leaf, LeafOptions};
use common::random::try_all;
use fullchain::haproxy::BindLine;
use fullchain::haproxy::fleet::Fleet;
use fullchain::haproxy::load::Loader;
use fullchain::haproxy::sni::{Answer, Client};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use rustls_pki_types::UnixTime;
use tempfile::TempDir;

const CASES: u32 = 100;

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

/// What may stand in a folder, in no order that means anything.
const FILES: [&str; 6] = ["b.pem", "B.pem", "_", "a.pem", "é.crt", "10.pem"];
/// What may, and is passed over.
const IGNORED: [&str; 6] = [
    ".a.pem",
    "x.key",
    "x.issuer",
    "x.sctl",
    "x.ocsp",
    "folder/a.pem",
];

const KINDS: [KeyKind; 3] = [KeyKind::P256, KeyKind::Rsa(2048), KeyKind::Ed25519];

static CA: LazyLock<Ca> = LazyLock::new(|| Ca::root("Root"));

/// A certificate: its key's kind, its names and its common name.
type Made = (usize, Vec<usize>, usize);

#[derive(Clone, Debug)]
enum Part {
    /// With its key in a file of its own, or not.
    File(Made, bool),
    /// Files by the place of their names, some that are passed over, and perhaps one that is no
    /// certificate or a link that leads nowhere.
    Folder(Vec<(usize, Made)>, Vec<usize>, Fault),
    /// Each line by itself, or the file of the line before once more.
    CrtList(Vec<(Option<Made>, Vec<usize>)>),
    /// A base name with a certificate for each key type of `.ecdsa` and `.rsa`, in a crt-list
    /// with these filters or not.
    Base(Made, Made, Option<Vec<usize>>),
    /// A name of nothing.
    Missing,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    Readme,
    Link,
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
    let files = prop::collection::vec((0..FILES.len(), made()), 0..4);
    let ignored = prop::collection::vec(0..IGNORED.len(), 0..3);
    let fault =
        prop_oneof![30 => Just(Fault::None), 1 => Just(Fault::Readme), 1 => Just(Fault::Link)];
    let line = || (prop::option::weighted(0.8, made()), filters());
    let part = prop_oneof![
        30 => (made(), prop::bool::ANY).prop_map(|(made, apart)| Part::File(made, apart)),
        20 => (files, ignored, fault).prop_map(|(files, ignored, fault)| {
            Part::Folder(files, ignored, fault)
        }),
        30 => prop::collection::vec(line(), 1..4).prop_map(Part::CrtList),
        10 => (made(), made(), prop::option::of(filters())).prop_map(|(one, other, filters)| {
            Part::Base((0, one.1, one.2), (1, other.1, other.2), filters)
        }),
        1 => Just(Part::Missing),
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

/// A plan's files, the bind line's options, and what is foretold of them.
struct Site {
    folder: TempDir,
    options: String,
    line: BindLine,
    /// The DER of each certificate, by file.
    files: Vec<(String, Vec<u8>)>,
}

impl Site {
    fn new(plan: &Plan) -> Site {
        let folder = tempfile::Builder::new().prefix("sni-").tempdir();
        let version = "2.6".parse().expect("a version");
        let mut site = Site {
            folder: folder.expect("/tmp is writable"),
            options: String::new(),
            line: BindLine::new().version(version).strict_sni(plan.strict),
            files: Vec::new(),
        };
        for (number, part) in plan.parts.iter().enumerate() {
            let path = site.folder.path().join(format!("{number}"));
            site.part(&path.display().to_string(), part);
        }
        if plan.strict {
            site.options += "strict-sni";
        }
        let fleet = Fleet::new(Loader::new(UnixTime::now()).version(version)).threads(2);
        for checked in fleet.check(site.line.files().to_vec()) {
            site.line.record(&checked);
        }
        site
    }

    fn part(&mut self, path: &str, part: &Part) {
        match part {
            Part::File(made, apart) => {
                let file = format!("{path}.pem");
                self.file(&file, made, *apart);
                self.crt(&file);
            }
            Part::Folder(files, ignored, fault) => {
                std::fs::create_dir_all(format!("{path}/folder")).expect("the folder is writable");
                for (name, made) in files {
                    let file = format!("{path}/{}", FILES[*name]);
                    self.files.retain(|(known, _)| *known != file);
                    self.file(&file, made, false);
                }
                for name in ignored {
                    write(&format!("{path}/{}", IGNORED[*name]), "no certificate");
                }
                match fault {
                    Fault::None => {}
                    Fault::Readme => write(&format!("{path}/README"), "no certificate"),
                    Fault::Link => {
                        let link = std::os::unix::fs::symlink("nowhere", format!("{path}/link"));
                        link.expect("the folder is writable");
                    }
                }
                self.crt(path);
            }
            Part::CrtList(lines) => {
                let mut list = String::new();
                let mut file = format!("{path}-.pem");
                for (index, (made, filters)) in lines.iter().enumerate() {
                    if let Some(made) = made {
                        file = format!("{path}-{index}.pem");
                        self.file(&file, made, false);
                    }
                    let _ = writeln!(list, "{file} {}", told(filters));
                }
                self.crt_list(path, &list);
            }
            Part::Base(ecdsa, rsa, filters) => {
                let base = format!("{path}.pem");
                self.file(&format!("{base}.ecdsa"), ecdsa, false);
                self.file(&format!("{base}.rsa"), rsa, false);
                match filters {
                    Some(filters) => self.crt_list(path, &format!("{base} {}\n", told(filters))),
                    None => self.crt(&base),
                }
            }
            Part::Missing => self.crt(&format!("{path}.pem")),
        }
    }

    fn crt(&mut self, path: &str) {
        self.line.crt(path);
        let _ = write!(self.options, "crt {path} ");
    }

    fn crt_list(&mut self, path: &str, list: &str) {
        let file = format!("{path}.list");
        write(&file, list);
        self.line.crt_list(&file);
        let _ = write!(self.options, "crt-list {file} ");
    }

    fn file(&mut self, path: &str, made: &Made, apart: bool) {
        let leaf = leaf(made);
        match apart {
            true => {
                write(path, &leaf.cert_pem);
                write(&format!("{path}.key"), &leaf.key_pem);
            }
            false => write(path, &(leaf.cert_pem.clone() + &leaf.key_pem)),
        }
        self.files.push((path.to_owned(), leaf.cert_der));
    }

    /// The file that has this certificate.
    fn file_of(&self, der: &[u8]) -> &str {
        let mut files = self.files.iter();
        let file = files.find(|(_, known)| known == der);
        &file.expect("HAProxy shows what it was given").0
    }
}

fn told(filters: &[usize]) -> String {
    let filters: Vec<_> = filters.iter().map(|&it| FILTERS[it]).collect();
    filters.join(" ")
}

fn write(path: &str, content: &str) {
    std::fs::write(Path::new(path), content).expect("the folder is writable");
}

#[derive(Default)]
struct Counts {
    handshakes: Cell<usize>,
    started: Cell<usize>,
    refused: Cell<usize>,
}

fn more(count: &Cell<usize>) {
    count.set(count.get() + 1);
}

fn check(plan: &Plan, counts: &Counts) -> TestCaseResult {
    let site = Site::new(plan);
    let haproxy = match (Haproxy::bind(&site.options), site.line.starts()) {
        (Ok(haproxy), true) => haproxy,
        (Err(_), false) => {
            more(&counts.refused);
            return Ok(());
        }
        (haproxy, foretold) => {
            let said = haproxy.err();
            let message = format!("foretold: {foretold}; HAProxy: {said:?}\n{}", site.options);
            return Err(TestCaseError::fail(message));
        }
    };
    more(&counts.started);
    let table = site.line.table();
    let socket = haproxy.tls_socket();
    for name in ASKED {
        for (schemes, ecdsa, rsa) in [(BOTH, true, true), (ECDSA, true, false), (RSA, false, true)]
        {
            let client = Client { ecdsa, rsa };
            let answer = table.answer(name, client);
            let foretold = match answer {
                Answer::Served { file, .. } => Some(file),
                _ => None,
            };
            for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
                let shown = shown(&socket, name, schemes, version);
                prop_assert_eq!(
                    shown.as_ref().map(|der| site.file_of(der)),
                    foretold,
                    "{:?}, {:?}: foretold {:?}\n{}",
                    name,
                    client,
                    answer,
                    site.options
                );
                more(&counts.handshakes);
            }
        }
    }
    Ok(())
}

#[test]
fn a_running_haproxy_shows_what_was_foretold() {
    let counts = Counts::default();
    try_all(CASES, &plans(), |plan| check(&plan, &counts));
    println!(
        "{} bind lines started, {} refused, {} handshakes",
        counts.started.get(),
        counts.refused.get(),
        counts.handshakes.get()
    );
}
