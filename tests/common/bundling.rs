//! From PEM text to a bundle or a refusal, in as few words as a test can be read in.

use fullchain::{
    Bundle, Bundler, Code, Finding, Material, PrivateKey, Reader, Refusal, Report, TrustStore,
};
use rustls_pki_types::UnixTime;

use super::pki::Day;

/// A day on which everything is valid that a test did not give other days.
pub const TODAY: Day = (2026, 6, 1);

/// That day's midnight, UTC.
pub fn at(day: Day) -> UnixTime {
    let (year, month, day) = day;
    let year = year.try_into().expect("a year that certificates can have");
    let moment = der::DateTime::new(year, month, day, 0, 0, 0).expect("a day of the calendar");
    UnixTime::since_unix_epoch(moment.unix_duration())
}

/// What is read from one source.
pub fn read(name: &str, bytes: impl AsRef<[u8]>) -> Material {
    Reader::new()
        .read(name, bytes.as_ref())
        .expect("the input is within the limits")
}

/// The one key that the reader finds.
pub fn only_key(bytes: impl AsRef<[u8]>) -> PrivateKey {
    let mut material = read("key", bytes);
    assert_eq!(material.keys.len(), 1, "{material:?}");
    material.keys.remove(0)
}

/// A store of these roots, named `roots`.
pub fn roots(pems: &[&str]) -> TrustStore {
    named_roots("roots", pems)
}

pub fn named_roots(name: &str, pems: &[&str]) -> TrustStore {
    let (store, _) = TrustStore::from_material(name, read(name, pems.concat()))
        .expect("there are roots among the certificates");
    store
}

/// A bundler for clients that trust these roots, for [`TODAY`].
pub fn bundler(root_pems: &[&str]) -> Bundler {
    Bundler::new(roots(root_pems), at(TODAY))
}

/// The bundle of one source, `pile.pem`, that holds these blocks.
pub fn build(bundler: &Bundler, pems: &[&str]) -> Result<Bundle, Refusal> {
    bundler.build(read("pile.pem", pems.concat()))
}

/// The DER of a bundle's certificates in the order in which they are written.
pub fn ders(bundle: &Bundle) -> Vec<Vec<u8>> {
    let certificates = bundle.chain().certificates();
    certificates.map(|c| c.der().to_vec()).collect()
}

/// The codes of a report, sorted, for comparison with those owed.
pub fn codes(report: &Report) -> Vec<Code> {
    let mut codes: Vec<_> = report.findings().iter().map(|f| f.code).collect();
    codes.sort();
    codes
}

/// The reasons of a refusal.
pub fn errors(refusal: &Refusal) -> Vec<Code> {
    refusal.report().errors().map(|f| f.code).collect()
}

/// The only finding with this code.
pub fn the(report: &Report, code: Code) -> &Finding {
    let found: Vec<_> = report.with_code(code).collect();
    match found.as_slice() {
        [only] => only,
        _ => panic!("{} findings are {code}, not one:\n{report}", found.len()),
    }
}

/// Where a finding points, as `source:first-last`.
pub fn place(finding: &Finding) -> String {
    let origin = finding.origin.as_ref();
    origin.map_or("nowhere".to_owned(), ToString::to_string)
}

/// Where the last of these blocks stands in [`build`]'s source, as [`place`] has it.
pub fn lines(pems: &[&str]) -> String {
    let (last, before) = pems.split_last().expect("there is a block");
    let count = |pem: &str| pem.lines().count();
    let before: usize = before.iter().map(|pem| count(pem)).sum();
    format!("pile.pem:{}-{}", before + 1, before + count(last))
}
