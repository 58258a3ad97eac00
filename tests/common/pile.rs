//! A pile of PEM blocks that is whole, and what a reader owes for it once it was damaged.

use fullchain::{Code, Material, Reader};

use super::openssl::dhparams;
use super::pki::Ca;

/// A block of a pile, and where it stands in it.
pub struct Block {
    pub label: String,
    pub der: Vec<u8>,
    pub first: usize,
    pub last: usize,
}

/// Clean PEM, and what is in it.
pub struct Pile {
    pub text: String,
    pub blocks: Vec<Block>,
}

impl Pile {
    /// The blocks one after the other.
    pub fn new(blocks: &[&str]) -> Self {
        let mut pile = Self {
            text: String::new(),
            blocks: Vec::new(),
        };
        for text in blocks {
            let block = pem::parse(text).expect("the pile is clean");
            let first = pile.text.lines().count() + 1;
            pile.text += text;
            pile.blocks.push(Block {
                label: block.tag().to_owned(),
                der: block.into_contents(),
                first,
                last: pile.text.lines().count(),
            });
        }
        pile
    }

    /// Certificate, issuer, key and DH parameters.
    pub fn of_a_site() -> Self {
        let ca = Ca::root("Pile Root").intermediate("Pile CA");
        let leaf = ca.leaf_named("www.example.com");
        Self::new(&[&leaf.cert_pem, &ca.cert_pem, &leaf.key_pem, &dhparams()])
    }

    /// The DER of the certificates, the keys and the DH parameters.
    pub fn contents(&self) -> [Vec<Vec<u8>>; 3] {
        ["CERTIFICATE", "PRIVATE KEY", "DH PARAMETERS"].map(|label| {
            let blocks = self.blocks.iter().filter(|block| block.label == label);
            blocks.map(|block| block.der.clone()).collect()
        })
    }
}

/// The same of what was read.
pub fn contents(material: &Material) -> [Vec<Vec<u8>>; 3] {
    [
        material
            .certificates
            .iter()
            .map(|certificate| certificate.der().to_vec())
            .collect(),
        material
            .keys
            .iter()
            .map(|key| key.secret_der().secret_der().to_vec())
            .collect(),
        material
            .dh_parameters
            .iter()
            .map(|parameters| parameters.der().to_vec())
            .collect(),
    ]
}

/// First and last line of every item, in the order of the lines.
pub fn lines(material: &Material) -> Vec<(usize, usize)> {
    let certificates = material.certificates.iter().map(|item| item.origin());
    let keys = material.keys.iter().map(|item| item.origin());
    let parameters = material.dh_parameters.iter().map(|item| item.origin());
    let mut lines: Vec<_> = certificates
        .chain(keys)
        .chain(parameters)
        .map(|origin| (origin.first_line(), origin.last_line()))
        .map(|(first, last)| (first.expect("PEM has lines"), last.expect("PEM has lines")))
        .collect();
    lines.sort_unstable();
    lines
}

/// The findings by code and first line, sorted; 0 stands for no line.
pub fn findings(material: &Material) -> Vec<(Code, usize)> {
    let line = |finding: &fullchain::Finding| {
        let origin = finding.origin.as_ref();
        origin.and_then(|origin| origin.first_line()).unwrap_or(0)
    };
    let mut findings: Vec<_> = material
        .findings
        .iter()
        .map(|finding| (finding.code, line(finding)))
        .collect();
    findings.sort_unstable();
    findings
}

pub fn read(bytes: &[u8]) -> Material {
    Reader::new()
        .read("damaged.pem", bytes)
        .expect("the limits are not met")
}

/// A way in which a pile is damaged that can be repaired, and what is owed for it.
pub struct Case {
    pub name: &'static str,
    pub damage: fn(&str) -> Vec<u8>,
    /// Where a line of the clean pile has gone.
    pub line: fn(usize) -> usize,
    /// Code and line of every finding.
    pub findings: fn(&Pile) -> Vec<(Code, usize)>,
}

/// Lines stay where they are.
pub fn kept(line: usize) -> usize {
    line
}

/// All is on the first line.
pub fn one(_: usize) -> usize {
    1
}

/// Reads the pile, damaged in each way, and compares everything with what is owed.
///
/// # Panics
///
/// After all cases, naming those that are not as owed.
pub fn check(pile: &Pile, cases: &[Case]) {
    let mut failures = Vec::new();
    for case in cases {
        let material = read(&(case.damage)(&pile.text));
        let mut owed_findings = (case.findings)(pile);
        owed_findings.sort_unstable();
        let owed_lines: Vec<_> = pile
            .blocks
            .iter()
            .map(|block| ((case.line)(block.first), (case.line)(block.last)))
            .collect();
        let name = case.name;
        if contents(&material) != pile.contents() {
            failures.push(format!("{name}: other contents, {material:?}"));
        } else if lines(&material) != owed_lines {
            let found = lines(&material);
            failures.push(format!("{name}: lines {found:?}, owed {owed_lines:?}"));
        }
        if findings(&material) != owed_findings {
            let found = findings(&material);
            failures.push(format!(
                "{name}: findings {found:?}, owed {owed_findings:?}"
            ));
        }
        if !material.unreadable.is_empty() {
            failures.push(format!("{name}: unreadable {:?}", material.unreadable));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// The same finding for every block of the pile, at its first line.
pub fn at_every_block(pile: &Pile, code: Code) -> Vec<(Code, usize)> {
    pile.blocks
        .iter()
        .map(|block| (code, block.first))
        .collect()
}
