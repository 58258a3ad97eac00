//! Random certificate files: nearly right ones, of all the parts that such files have, with all
//! the damage that they meet.

use std::sync::LazyLock;

use proptest::prelude::*;
use tempfile::TempDir;

use super::damage::{DESTRUCTIVE, REPAIRABLE};
use super::der;
use super::openssl::{self, KeyShape, key_shape, openssl};
use super::pki::{Ca, Key, KeyKind, Leaf, LeafOptions, pem_block};

/// A certificate and its key, in all the shapes that they come in.
pub struct Site {
    pub kind: &'static str,
    /// The parts of a right file: leaf, issuer, key.
    right: [usize; 3],
    keys: Vec<usize>,
    parts: Vec<(&'static str, String)>,
}

const RSA_1024: [&str; 6] = [
    "genpkey",
    "-quiet",
    "-algorithm",
    "RSA",
    "-pkeyopt",
    "rsa_keygen_bits:1024",
];

pub static SITES: LazyLock<Vec<Site>> = LazyLock::new(|| {
    let curve = |name: &str| {
        let option = format!("ec_paramgen_curve:{name}");
        let args = ["genpkey", "-quiet", "-algorithm", "EC", "-pkeyopt", &option];
        Key::from_pkcs8_pem(&openssl(&args, b""))
    };
    [
        ("P-256", Key::new(KeyKind::P256)),
        ("RSA", Key::new(KeyKind::Rsa(2048))),
        ("P-256", Key::new(KeyKind::P256)),
        ("RSA", Key::nth(KeyKind::Rsa(2048), 0)),
        ("P-384", Key::new(KeyKind::P384)),
        ("P-521", Key::new(KeyKind::P521)),
        ("Ed25519", Key::new(KeyKind::Ed25519)),
        ("RSA 1024", Key::from_pkcs8_pem(&openssl(&RSA_1024, b""))),
        ("P-224", curve("P-224")),
        ("secp256k1", curve("secp256k1")),
    ]
    .map(|(kind, key)| Site::new(kind, key))
    .into()
});

impl Site {
    fn new(kind: &'static str, key: std::sync::Arc<Key>) -> Site {
        let root = Ca::root("Root");
        let issuer = root.intermediate("Issuer");
        let leaf = issuer.leaf(LeafOptions {
            shared_key: Some(key.clone()),
            ..LeafOptions::default()
        });
        let weak = root.leaf(LeafOptions {
            shared_key: Some(Key::from_pkcs8_pem(&openssl(&RSA_1024, b""))),
            ..LeafOptions::named("Weak")
        });
        let label = |label: &str, der: &[u8]| pem_block(label, der);
        let trusted = |der: &[u8]| label("TRUSTED CERTIFICATE", der);
        let mut parts = vec![
            ("leaf", leaf.cert_pem.clone()),
            ("issuer", issuer.cert_pem.clone()),
            ("key", leaf.key_pem.clone()),
        ];
        let mut keys = vec![2];
        for (name, pem) in key_parts(kind, &leaf) {
            keys.push(parts.len());
            parts.push((name, pem));
        }
        parts.extend([
            ("root", root.cert_pem.clone()),
            ("stranger", Ca::root("Stranger").cert_pem),
            ("other leaf", issuer.leaf_named("other.example").cert_pem),
            ("other key", Key::nth(KeyKind::P256, 7).pem()),
            ("CA's key", issuer.key.pem()),
            ("weak", weak.cert_pem),
            ("SHA-1", signed_with_sha1(&root, &leaf)),
            ("DH", openssl::dhparams()),
            ("DH 3072", openssl::dhparams_of("ffdhe3072")),
            (
                "request",
                openssl::csr(&Key::nth(KeyKind::P256, 7).pem(), "x.example"),
            ),
            ("CRL", root.crl_pem()),
            ("EC parameters", openssl::ec_parameters()),
            ("public key", label("PUBLIC KEY", leaf.key.spki())),
            ("trusted leaf", trusted(&leaf.cert_der)),
            (
                "trusted leaf, settings",
                trusted(&[&leaf.cert_der[..], &[0x30, 0]].concat()),
            ),
            ("trusted issuer", trusted(&issuer.cert_der)),
            ("X509 leaf", label("X509 CERTIFICATE", &leaf.cert_der)),
            ("X509 issuer", label("X509 CERTIFICATE", &issuer.cert_der)),
            ("leaf as text", openssl::x509_text(&leaf.cert_pem)),
            ("leaf under FOO", label("FOO", &leaf.cert_der)),
            ("text", "What follows is secret.\n".to_owned()),
            (
                "empty",
                "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
            ),
            (
                "two in one",
                label(
                    "CERTIFICATE",
                    &[&leaf.cert_der[..], &issuer.cert_der].concat(),
                ),
            ),
        ]);
        Site {
            kind,
            right: [0, 1, 2],
            keys,
            parts,
        }
    }
}

fn key_parts(kind: &str, leaf: &Leaf) -> Vec<(&'static str, String)> {
    let shape = |shape| String::from_utf8(key_shape(&leaf.key_pem, shape)).expect("PEM");
    let mut parts = vec![
        ("PKCS#8 v2", leaf.key.pkcs8_v2_pem()),
        ("encrypted", shape(KeyShape::EncryptedPkcs8)),
        ("under EC", pem_block("EC PRIVATE KEY", &leaf.key_der)),
        ("under RSA", pem_block("RSA PRIVATE KEY", &leaf.key_der)),
        ("under ANY", pem_block("ANY PRIVATE KEY", &leaf.key_der)),
        ("under FOO", pem_block("FOO", &leaf.key_der)),
        (
            "under ENCRYPTED",
            pem_block("ENCRYPTED PRIVATE KEY", &leaf.key_der),
        ),
    ];
    if kind != "Ed25519" {
        let traditional = shape(KeyShape::Traditional);
        let inner = pem::parse(&traditional).expect("PEM");
        parts.extend([
            ("under PKCS#8", pem_block("PRIVATE KEY", inner.contents())),
            ("under FOO, inner", pem_block("FOO", inner.contents())),
            ("traditional", traditional.clone()),
            (
                "traditional, encrypted",
                shape(KeyShape::EncryptedTraditional),
            ),
        ]);
        if kind.contains("RSA") {
            parts.push(("RSA as EC", pem_block("EC PRIVATE KEY", inner.contents())));
        } else {
            let fields = der::values(der::contents(inner.contents()));
            // Version and private key; the curve is the third field.
            let without_curve = [&fields[..2], &fields[3..]].concat();
            let without_both = fields[..2].to_vec();
            parts.extend([
                ("no public key", shape(KeyShape::Sec1WithoutPublicKey)),
                (
                    "no curve",
                    pem_block("EC PRIVATE KEY", &der::sequence(&without_curve)),
                ),
                (
                    "neither",
                    pem_block("EC PRIVATE KEY", &der::sequence(&without_both)),
                ),
                ("EC as RSA", pem_block("RSA PRIVATE KEY", inner.contents())),
            ]);
        }
    }
    parts
}

fn signed_with_sha1(ca: &Ca, leaf: &Leaf) -> String {
    let folder = TempDir::new().expect("/tmp is writable");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (ca_file, key_file) = (path("ca"), path("key"));
    std::fs::write(&ca_file, &ca.cert_pem).expect("/tmp is writable");
    std::fs::write(&key_file, ca.key.pem()).expect("/tmp is writable");
    let request = openssl::csr(&leaf.key_pem, "www.example.com");
    let args = [
        "x509", "-req", "-sha1", "-CA", &ca_file, "-CAkey", &key_file,
    ];
    String::from_utf8(openssl(&args, request.as_bytes())).expect("PEM")
}

/// A change of the text, at a place given as a part of 65536.
#[derive(Clone, Debug)]
pub enum Edit {
    Delete(u16),
    Insert(u16, u8),
    Replace(u16, u8),
    DeleteLine(u16),
    DoubleLine(u16),
    JoinLines(u16),
    InsertLine(u16, usize),
    AppendToLine(u16, usize),
    PrependToLine(u16, usize),
    Truncate(u16),
    /// Another base64 character near the beginning of a block: in the structure of its content.
    Structure(u16, u8, u8),
    /// The lines of all blocks at that many columns.
    Fold(usize),
}

const BYTES: &[u8] = b"\n\n\r\t \0-=:A+/!\xc3\xa9\xff\xef\x0b~";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let short = [
        "",
        "",
        " ",
        "\t",
        "\r",
        "a: b",
        "Comment: a long line",
        "Proc-Type: 4,ENCRYPTED",
        "-----BEGIN CERTIFICATE-----",
        "-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "-----BEGIN X-----",
        "-----END X-----",
        "text",
        "AAAA",
        "=",
        "-",
        "\u{feff}",
        "-----",
        "\0",
    ];
    let long = [252, 253, 254, 255, 256, 300, 510].map(|length| "x".repeat(length));
    let spaces = [253, 254, 255].map(|length| " ".repeat(length));
    short
        .map(str::to_owned)
        .into_iter()
        .chain(long)
        .chain(spaces)
        .collect()
});

impl Edit {
    fn apply(&self, text: &mut Vec<u8>) {
        let at = |place: u16, length: usize| usize::from(place) * length / 65536;
        let length = text.len();
        if length == 0 {
            return;
        }
        let mut lines: Vec<Vec<u8>> = text
            .split_inclusive(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        let count = lines.len();
        match *self {
            Edit::Delete(place) => {
                text.remove(at(place, length));
                return;
            }
            Edit::Insert(place, byte) => {
                text.insert(at(place, length), byte);
                return;
            }
            Edit::Replace(place, byte) => {
                text[at(place, length)] = byte;
                return;
            }
            Edit::Truncate(place) => {
                text.truncate(at(place, length));
                return;
            }
            Edit::Structure(block, place, byte) => {
                let begins: Vec<usize> = text
                    .windows(11)
                    .enumerate()
                    .filter(|(_, window)| window == b"-----BEGIN ")
                    .map(|(index, _)| index)
                    .collect();
                if begins.is_empty() {
                    return;
                }
                let begin = begins[at(block, begins.len())];
                let body = text[begin..].iter().position(|&byte| byte == b'\n');
                let target = begin + body.unwrap_or(0) + 1 + usize::from(place);
                if let Some(target) = text.get_mut(target)
                    && BASE64.contains(target)
                {
                    *target = BASE64[usize::from(byte) % 64];
                }
                return;
            }
            Edit::Fold(columns) => {
                *text = fold(text, columns);
                return;
            }
            Edit::DeleteLine(place) => drop(lines.remove(at(place, count))),
            Edit::DoubleLine(place) => {
                let line = lines[at(place, count)].clone();
                lines.insert(at(place, count), line);
            }
            Edit::JoinLines(place) => {
                let line = &mut lines[at(place, count)];
                line.retain(|&byte| byte != b'\n');
            }
            Edit::InsertLine(place, line) => {
                lines.insert(at(place, count), format!("{}\n", LINES[line]).into_bytes());
            }
            Edit::AppendToLine(place, line) => {
                let target = &mut lines[at(place, count)];
                let end = target
                    .iter()
                    .position(|&byte| byte == b'\n')
                    .unwrap_or(target.len());
                target.splice(end..end, LINES[line].bytes());
            }
            Edit::PrependToLine(place, line) => {
                lines[at(place, count)].splice(0..0, LINES[line].bytes());
            }
        }
        *text = lines.concat();
    }
}

fn fold(text: &[u8], columns: usize) -> Vec<u8> {
    let mut folded = Vec::new();
    let mut column = 0;
    for line in text.split(|&byte| byte == b'\n') {
        if line.starts_with(b"-----") || line.contains(&b' ') {
            if column > 0 {
                folded.push(b'\n');
            }
            column = 0;
            folded.extend_from_slice(line);
            folded.push(b'\n');
            continue;
        }
        for &byte in line {
            folded.push(byte);
            column += 1;
            if column == columns {
                folded.push(b'\n');
                column = 0;
            }
        }
    }
    folded
}

/// How a file is made.
#[derive(Clone, Debug)]
pub struct Plan {
    site: usize,
    /// The places of parts among those of the site; `None` for one of its own keys.
    parts: Vec<Part>,
    /// The parts that are damaged, each in which way.
    damages: Vec<(usize, usize)>,
    whole: Option<usize>,
    edits: Vec<Edit>,
    key_apart: bool,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Right(usize),
    Key(usize),
    Any(usize),
}

/// A file, and the one beside it that ends in `.key`.
pub struct CrtFile {
    pub parts: Vec<&'static str>,
    pub pem: Vec<u8>,
    pub key: Option<Vec<u8>>,
}

impl Plan {
    pub fn site(&self) -> &'static Site {
        &SITES[self.site]
    }

    pub fn make(&self) -> CrtFile {
        let site = self.site();
        let indices = self.parts.iter().map(|part| match *part {
            Part::Right(index) => site.right[index],
            Part::Key(index) => site.keys[index % site.keys.len()],
            Part::Any(index) => index % site.parts.len(),
        });
        let indices: Vec<usize> = indices.collect();
        let mut texts: Vec<Vec<u8>> = indices
            .iter()
            .map(|&it| site.parts[it].1.clone().into_bytes())
            .collect();
        let kinds: Vec<_> = REPAIRABLE.iter().chain(DESTRUCTIVE).collect();
        for &(part, damage) in &self.damages {
            if texts.is_empty() {
                break;
            }
            let count = texts.len();
            let text = &mut texts[part % count];
            // Some of these begin by parsing the block.
            if let Ok(sound) = std::str::from_utf8(text)
                && sound.starts_with("-----BEGIN ")
                && pem::parse(sound).is_ok()
            {
                *text = (kinds[damage % kinds.len()].1)(sound);
            }
        }
        let is_key = |index: &usize| site.keys.contains(index);
        let place = indices.iter().position(is_key).filter(|_| self.key_apart);
        let key = place.map(|place| texts.remove(place));
        let mut pem = texts.concat();
        if let Some(damage) = self.whole
            && let Ok(sound) = std::str::from_utf8(&pem)
            && pem::parse(sound).is_ok()
        {
            pem = (kinds[damage % kinds.len()].1)(sound);
        }
        // Of other curves the loader cannot compute points; it believes what a key says of them.
        if !matches!(site.kind, "P-224" | "secp256k1") {
            for edit in &self.edits {
                edit.apply(&mut pem);
            }
        }
        CrtFile {
            parts: indices.iter().map(|&index| site.parts[index].0).collect(),
            pem,
            key,
        }
    }
}

pub fn plans() -> impl Strategy<Value = Plan> {
    let site = prop_oneof![8 => 0..4_usize, 3 => 4..7_usize, 1 => 7..10_usize];
    let right = prop_oneof![
        6 => Just(vec![Part::Right(0), Part::Right(1), Part::Right(2)]),
        1 => Just(vec![Part::Right(2), Part::Right(0), Part::Right(1)]),
        1 => Just(vec![Part::Right(1), Part::Right(0), Part::Right(2)]),
        1 => Just(vec![Part::Right(0), Part::Right(2)]),
        3 => (0..64_usize).prop_map(|key| vec![Part::Right(0), Part::Right(1), Part::Key(key)]),
        1 => (0..64_usize).prop_map(|key| vec![Part::Right(0), Part::Key(key), Part::Right(2)]),
    ];
    let more = prop::collection::vec((0..256_usize, 0..4_usize), 0..3);
    let parts = (right, more).prop_map(|(mut parts, more)| {
        for (part, place) in more {
            parts.insert(place.min(parts.len()), Part::Any(part));
        }
        parts
    });
    let line = || 0..LINES.len();
    let byte = || prop::sample::select(BYTES);
    let place = || any::<u16>();
    let edit = prop_oneof![
        2 => place().prop_map(Edit::Delete),
        4 => (place(), byte()).prop_map(|(place, byte)| Edit::Insert(place, byte)),
        4 => (place(), byte()).prop_map(|(place, byte)| Edit::Replace(place, byte)),
        1 => place().prop_map(Edit::DeleteLine),
        1 => place().prop_map(Edit::DoubleLine),
        1 => place().prop_map(Edit::JoinLines),
        4 => (place(), line()).prop_map(|(place, line)| Edit::InsertLine(place, line)),
        3 => (place(), line()).prop_map(|(place, line)| Edit::AppendToLine(place, line)),
        2 => (place(), line()).prop_map(|(place, line)| Edit::PrependToLine(place, line)),
        1 => place().prop_map(Edit::Truncate),
        6 => (place(), 0..80_u8, 0..64_u8)
            .prop_map(|(block, place, byte)| Edit::Structure(block, place, byte)),
        1 => prop::sample::select(&[1_usize, 7, 63, 65, 76, 253, 254, 255, 1000][..])
            .prop_map(Edit::Fold),
    ];
    let edits = prop_oneof![
        1 => Just(Vec::new()),
        2 => prop::collection::vec(edit, 1..3),
    ];
    let damages = prop_oneof![
        9 => Just(Vec::new()),
        2 => prop::collection::vec((0..4_usize, 0..256_usize), 1..2),
    ];
    let whole = prop::option::weighted(0.06, 0..256_usize);
    let apart = prop::bool::weighted(0.15);
    (site, parts, damages, whole, edits, apart).prop_map(
        |(site, parts, damages, whole, edits, key_apart)| Plan {
            site,
            parts,
            damages,
            whole,
            edits,
            key_apart,
        },
    )
}
