//! One file and those beside it, in the order in which HAProxy looks at them.

use super::certificates::Certificates;
use super::key::Key;
use super::side::Side;
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
    let certificates = Certificates::read(loader, file, pem)?;
    let key = Key::find(file, pem, files)?;
    if !certificates.leaf_has(&key.public) {
        let finding = certificates.mismatch(&key.public).at(&key.origin);
        return Err(Refused::new(file, MISMATCH, finding));
    }
    let side = Side::read(file, &certificates.sent, files)?;
    if let Some(refused) = certificates.too_weak {
        return Err(refused);
    }
    let mut findings: Report = certificates.not_sent.into_iter().collect();
    findings.extend(dh_parameters(pem, file).and_then(|parameters| parameters.weakness()));
    findings.extend(side.staple(loader, &certificates.sent)?);
    let leaf = certificates.sent.first().and_then(|it| it.certificate());
    findings.extend(key.fault(leaf));
    Ok(Loaded {
        file: file.to_owned(),
        sent: certificates.sent,
        key: key.origin,
        findings,
    })
}

/// The parameters that HAProxy uses: the first that make sense.
fn dh_parameters(pem: &[u8], file: &str) -> Option<DhParameters> {
    let source = Origin::new(file);
    let mut blocks = Blocks::new(pem).all().flatten();
    blocks.find_map(|block| {
        let is_dh = block.label == b"DH PARAMETERS" && block.header == 0;
        let parameters = DhParameters::new(&block.content, block.origin(&source));
        parameters.filter(|_| is_dh)
    })
}
