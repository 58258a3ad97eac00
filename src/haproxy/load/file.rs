//! One file and those beside it, in the order in which HAProxy looks at them.

use super::certificates::Certificates;
use super::key::Key;
use super::side::Beside;
use super::{Loaded, Loader, Refused, SideFiles, Words};
use crate::dh::DhParameters;
use crate::finding::Report;
use crate::haproxy::openssl::Blocks;
use crate::origin::Origin;

const MISMATCH: Words = Words::of("inconsistencies between private key and certificate loaded ");

pub(super) fn load(
    loader: &Loader,
    file: &str,
    pem: &[u8],
    files: &SideFiles<'_>,
) -> Result<Loaded, Refused> {
    let blocks = Blocks::read(pem);
    let certificates = Certificates::read(loader, file, &blocks)?;
    let key = Key::find(loader.named(file), &blocks, files)?;
    if !certificates.leaf_has(&key.public) {
        let finding = certificates.mismatch(&key.public).at(&key.origin);
        return Err(Refused::new(file, MISMATCH, finding));
    }
    let leaf = certificates.sent.first().and_then(|it| it.certificate());
    let beside = Beside::read(loader.named(file), files, leaf)?;
    if let Some(refused) = certificates.too_weak {
        return Err(refused);
    }
    let mut findings: Report = certificates.not_sent.into_iter().collect();
    findings.extend(dh_parameters(&blocks, file).and_then(|parameters| parameters.weakness()));
    findings.extend(beside.stapled(loader, &certificates.sent)?);
    findings.extend(key.fault(leaf));
    Ok(Loaded {
        file: file.to_owned(),
        sent: certificates.sent,
        key: key.origin,
        findings,
    })
}

/// The parameters that HAProxy uses: the first that make sense.
fn dh_parameters(blocks: &Blocks<'_>, file: &str) -> Option<DhParameters> {
    let source = Origin::new(file);
    let mut dh = blocks
        .sound()
        .filter(|block| block.label == b"DH PARAMETERS" && block.header == 0);
    dh.find_map(|block| DhParameters::new(&block.content, block.origin(&source)))
}
