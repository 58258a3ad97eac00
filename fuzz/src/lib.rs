//! What the fuzz targets share: how bytes become a pile, and what must hold whatever they are.
//!
//! | target | input | the way it goes |
//! |---|---|---|
//! | `read` | one source, as it is | `Reader` |
//! | `encrypted` | a passphrase, 0xfe, and one source | `Reader`, with that passphrase |
//! | `bundle` | a pile of sources, see [`pile`] | `Reader`, `Bundler`, `haproxy::pem`, and back |
//! | `answer` | what a server sends for an issuer | `Reader`, `Draft::add`, and the chain of a leaf |
//! | `load` | a certificate file and those beside it, with 0xfe between | `haproxy::load` |
//! | `kubernetes` | a mode, and a manifest or the entries of one, with 0xfe between | `Reader` |
//! | `crt_list` | which entry to edit, and a crt-list | `haproxy::CrtList`, edited, and read again |
//! | `pkcs12` | what the rest is, and a container or what it is to hold | `Reader` that knows a passphrase |
//! | `search` | which certificates of a [`pool`] are there | `Search`, beside trying everything |
//!
//! Run one from the repository's root, seeded with the test data, with nightly Rust or with
//! `RUSTC_BOOTSTRAP=1` in the environment:
//!
//! ```sh
//! mkdir -p fuzz/corpus/bundle
//! cargo fuzz run bundle fuzz/corpus/bundle testdata -- \
//!     -dict=fuzz/pem.dict -timeout=10
//! ```
#![forbid(unsafe_code)]

pub mod pile;
pub mod pool;
pub mod secrets;
pub mod strict;

use fullchain::{Finding, Material, Origin};

/// A source: its name, which is the harness' own, and its content.
pub type Source = (String, Vec<u8>);

/// Checks that everything read points into the sources, at lines that are there.
pub fn check_origins(material: &Material, sources: &[Source]) {
    origins(material).for_each(|origin| check_origin(origin, sources));
}

/// The same for findings, which may be about no place.
pub fn check_findings(findings: &[Finding], sources: &[Source]) {
    let origins = findings.iter().filter_map(|f| f.origin.as_ref());
    origins.for_each(|origin| check_origin(origin, sources));
}

/// Where everything that was read came from, and what there is to say about it.
pub fn origins(material: &Material) -> impl Iterator<Item = &Origin> {
    let certificates = material.certificates.iter().map(|item| item.origin());
    let keys = material.keys.iter().map(|item| item.origin());
    let parameters = material.dh_parameters.iter().map(|item| item.origin());
    let unreadable = material.unreadable.iter().map(|item| &item.finding);
    let findings = material.findings.iter().chain(unreadable);
    certificates
        .chain(keys)
        .chain(parameters)
        .chain(findings.filter_map(|finding| finding.origin.as_ref()))
}

/// The same for one place.
pub fn check_origin(origin: &Origin, sources: &[Source]) {
    let source = sources.iter().find(|(name, _)| name == origin.source());
    let (_, content) = source.unwrap_or_else(|| panic!("{origin} is no source"));
    let (Some(first), Some(last)) = (origin.first_line(), origin.last_line()) else {
        return;
    };
    let lines = line_count(content);
    assert!(
        1 <= first && first <= last && last <= lines,
        "{origin} in a source of {lines} lines"
    );
}

/// The lines as an editor counts them: what follows the last line end is one if it is not empty.
/// What begins like UTF-16 may be it in parts only, so that the more lines count.
fn line_count(source: &[u8]) -> usize {
    let bytes: Vec<u16> = source.iter().copied().map(u16::from).collect();
    let units = match source {
        [0xff, 0xfe, utf16 @ ..] => pairs(utf16, u16::from_le_bytes),
        [0xfe, 0xff, utf16 @ ..] => pairs(utf16, u16::from_be_bytes),
        _ => Vec::new(),
    };
    lines_of(&bytes).max(lines_of(&units))
}

fn lines_of(units: &[u16]) -> usize {
    let end = match units.contains(&u16::from(b'\n')) {
        true => u16::from(b'\n'),
        false => u16::from(b'\r'),
    };
    let ends = units.iter().filter(|&&unit| unit == end).count();
    let open = units.last().is_some_and(|&unit| unit != end);
    (ends + usize::from(open)).max(1)
}

fn pairs(bytes: &[u8], to_unit: fn([u8; 2]) -> u16) -> Vec<u16> {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.iter().map(|&pair| to_unit(pair)).collect()
}
