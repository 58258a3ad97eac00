//! Bytes to a pile of sources and options.
//!
//! An input that begins with a byte of 0x10 or more is text, cut into sources at each byte 0x1d;
//! so a file of test data is a seed as it stands. Any other input is a recipe, so that the fuzzer
//! gets past base64, signatures and keys: its first byte holds options, its second the time and
//! the name, its third how many pieces follow. A piece is three bytes: a block of the test data,
//! what happened to it, and where. The rest is appended as raw text.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fullchain::{Bundler, Material, Reader, TrustStore};
use pem_rfc7468::LineEnding;
use rustls_pki_types::{ServerName, UnixTime};

use crate::Source;
use crate::strict;

/// 2026, when all but one of the leaves are valid.
const USUAL_TIME: u64 = 1_780_000_000;
/// 2020, when only the expired one was; 2200, when none is.
const OTHER_TIMES: [u64; 2] = [1_590_000_000, 7_258_000_000];
/// What the leaves are good for, and what they are not.
const NAMES: [&str; 4] = [
    "www.example.com",
    "SHOP.example.com.",
    "example.org",
    "192.0.2.1",
];

/// The only anchor of the test data, and Mozilla's.
static STORES: LazyLock<[TrustStore; 2]> = LazyLock::new(|| {
    let root = include_bytes!("../../testdata/root.pem");
    let root = Reader::new().read("root", root).expect("within limits");
    let (root, _) = TrustStore::from_material("root", root).expect("a root");
    [root, TrustStore::mozilla()]
});

const FILES: [&str; 7] = [
    include_str!("../../testdata/damaged/clean.pem"),
    include_str!("../../testdata/damaged/shuffled-with-root.pem"),
    include_str!("../../testdata/damaged/stranger.pem"),
    include_str!("../../testdata/damaged/two-leaves.pem"),
    include_str!("../../testdata/damaged/wrong-key.pem"),
    include_str!("../../testdata/damaged/expired.pem"),
    include_str!("../../testdata/damaged/encrypted-key.pem"),
];

/// DHParameter with the prime 23 and the generator 2.
const DH: [u8; 8] = [0x30, 6, 2, 1, 23, 2, 1, 2];

/// A block of the test data.
pub struct Block {
    pub label: String,
    pub der: Vec<u8>,
}

impl Block {
    fn new(label: &str, der: impl Into<Vec<u8>>) -> Self {
        Self {
            label: label.to_owned(),
            der: der.into(),
        }
    }

    pub fn is_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }

    fn pem(&self) -> String {
        pem_rfc7468::encode_string(&self.label, LineEnding::LF, &self.der).expect("a known label")
    }
}

/// The distinct blocks of the test data, and some that it has not.
pub static BLOCKS: LazyLock<Vec<Block>> = LazyLock::new(|| {
    let mut blocks: Vec<Block> = Vec::new();
    for (label, der) in FILES.into_iter().flat_map(strict::blocks) {
        if !blocks.iter().any(|block| block.der == der) {
            blocks.push(Block { label, der });
        }
    }
    let key = blocks.iter().find(|block| block.label == "PRIVATE KEY");
    let key = key.expect("a key in the test data");
    // ECPrivateKey, which in PKCS#8 does not name its curve, is what PrivateKeyInfo ends with.
    let sec1 = Block::new("EC PRIVATE KEY", &key.der[29..]);
    blocks.extend([sec1, Block::new("DH PARAMETERS", DH)]);
    blocks
});

/// Sources, and how to read them and make a bundle of them.
pub struct Pile {
    pub sources: Vec<Source>,
    options: u8,
    time: u8,
    name: u8,
}

impl Pile {
    pub fn new(input: &[u8]) -> Self {
        let (&[options, time_and_name, pieces], rest) = match input.split_first_chunk() {
            Some((head, rest)) if head[0] < 0x10 => (head, rest),
            _ => {
                let sources = input.split(|&byte| byte == 0x1d).map(<[u8]>::to_vec);
                return Self::of(sources.collect(), [0, 0]);
            }
        };
        let (steps, _) = rest.as_chunks::<3>();
        let steps = &steps[..steps.len().min(usize::from(pieces % 16))];
        let mut sources = vec![Vec::new()];
        for &[block, damage, place] in steps {
            let block = &BLOCKS[usize::from(block) % BLOCKS.len()];
            let (damage, new_source) = (damage & 0x7f, damage & 0x80 != 0);
            if new_source {
                sources.push(Vec::new());
            }
            let text = damaged(block, damage, usize::from(place));
            sources.last_mut().expect("one or more").extend(text);
        }
        let raw = &rest[steps.len() * 3..];
        sources.last_mut().expect("one or more").extend(raw);
        Self::of(sources, [options, time_and_name])
    }

    fn of(sources: Vec<Vec<u8>>, [options, time_and_name]: [u8; 2]) -> Self {
        let named = |(number, content)| (format!("source {number}"), content);
        Self {
            sources: sources.into_iter().enumerate().map(named).collect(),
            options,
            time: time_and_name & 0xf,
            name: time_and_name >> 4,
        }
    }

    /// A reader for all the sources; one option sets limits that a small pile meets.
    pub fn reader(&self) -> Reader {
        match self.options & 1 {
            0 => Reader::new(),
            _ => Reader::new().max_blocks(4).max_bytes(4096),
        }
    }

    /// A bundler by the options: the root included, the pile's own certificates trusted, too,
    /// or Mozilla's roots.
    pub fn bundler(&self, material: &Material) -> Bundler {
        let [root, mozilla] = STORES.clone();
        let time = match usize::from(self.time).checked_sub(1) {
            Some(other) => OTHER_TIMES[other % OTHER_TIMES.len()],
            None => USUAL_TIME,
        };
        let time = UnixTime::since_unix_epoch(Duration::from_secs(time));
        let mut bundler = Bundler::new(root, time).include_root(self.options & 2 != 0);
        if self.options & 4 != 0
            && let Ok((own, _)) = TrustStore::from_material("pile", material.clone())
        {
            bundler = bundler.trust(own);
        }
        if self.options & 8 != 0 {
            bundler = bundler.trust(mozilla);
        }
        match usize::from(self.name).checked_sub(1) {
            Some(name) => {
                let name = ServerName::try_from(NAMES[name % NAMES.len()]).expect("a name");
                bundler.name(name)
            }
            None => bundler,
        }
    }
}

/// A block as one of the ways in which text goes wrong leaves it, at the place given.
fn damaged(block: &Block, damage: u8, place: usize) -> Vec<u8> {
    let pem = block.pem();
    let lines: Vec<&str> = pem.lines().collect();
    let line = place % lines.len();
    let byte = place * pem.len() / 256;
    let join = |lines: &[&str], end: &str| lines.join(end) + end;
    let ends = [
        "\r\n", "\r", "", " ", "\\n", "\n\n", "<br>", "%0A", "\n> ", "\n  ", "|\n|",
    ];
    let text = match damage % 12 {
        0 => pem,
        1 => pem.trim_end().to_owned(),
        2 => join(&lines, ends[place % ends.len()]),
        3 => join(&[&lines[..line], &lines[line + 1..]].concat(), "\n"),
        4 => join(&[&lines[..=line], &lines[line..]].concat(), "\n"),
        5 => join(
            &[&lines[..line], &["", "a page, 1 of 2"], &lines[line..]].concat(),
            "\n",
        ),
        6 => pem[..byte].to_owned(),
        7 => pem[..byte].to_owned() + "!" + &pem[byte + 1..],
        8 => pem[..byte].to_owned() + "A" + &pem[byte + 1..],
        9 => pem.replace("-----", &"-".repeat(place % 8)),
        10 => BASE64_STANDARD.encode(pem),
        _ => return block.der.clone(),
    };
    text.into_bytes()
}
