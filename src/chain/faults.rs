//! What is wrong with a path that webpki refused: the faults of its certificates, one by one.
//!
//! webpki names one reason for all paths that it tried. Here the conditions that it checks are
//! looked at again for one path, so that each fault is said of the certificate that has it.
//! Nothing is decided by it.

use der::asn1::ObjectIdentifier;
use rustls_pki_types::UnixTime;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage};

use super::constraints::Constraints;
use super::explain::out_of_date;
use super::search::Path;
use crate::cert::Certificate;
use crate::finding::{Code, Finding, Severity};

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
/// The extensions that webpki processes, or passes over though they are critical.
const PROCESSED: &[ObjectIdentifier] = &[
    ObjectIdentifier::new_unwrap("2.5.29.15"),
    ObjectIdentifier::new_unwrap("2.5.29.17"),
    BASIC_CONSTRAINTS,
    ObjectIdentifier::new_unwrap("2.5.29.30"),
    ObjectIdentifier::new_unwrap("2.5.29.31"),
    EXTENDED_KEY_USAGE,
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2"),
];
/// The others that may be critical by RFC 5280: those about policies.
const PERMITTED: &[ObjectIdentifier] = &[
    ObjectIdentifier::new_unwrap("2.5.29.32"),
    ObjectIdentifier::new_unwrap("2.5.29.33"),
    ObjectIdentifier::new_unwrap("2.5.29.36"),
    ObjectIdentifier::new_unwrap("2.5.29.54"),
];

/// All faults of a path, from the leaf upwards.
pub(super) fn faults(leaf: &Certificate, path: &Path, time: UnixTime) -> Vec<Finding> {
    let mut faults: Vec<Finding> = Vec::new();
    faults.extend(out_of_date(leaf, time));
    if leaf.is_ca() {
        faults.push(of(
            Code::CaAsLeaf,
            leaf,
            "is a CA certificate in the place of a server's; RFC 5280 would permit that, and webpki and browsers do not",
        ));
    }
    faults.extend(wrong_usage(leaf));
    faults.extend(unprocessed(leaf));
    for (below, certificate) in path.intermediates().iter().enumerate() {
        faults.extend(out_of_date(certificate, time).map(|date| match date.code {
            Code::Expired => date.help("Replace it by the CA's current certificate of that name"),
            _ => date,
        }));
        if !certificate.is_ca() {
            faults.push(of(
                Code::NotACa,
                certificate,
                "signed a certificate without being a CA",
            ));
        }
        faults.extend(wrong_usage(certificate));
        faults.extend(unprocessed(certificate));
        faults.extend(too_long(certificate, path, below));
    }
    faults.extend(constrained(leaf, path));
    faults
}

fn of(code: Code, certificate: &Certificate, what: &str) -> Finding {
    Finding::new(code, format!("{} {what}", certificate.subject_text())).at(certificate.origin())
}

fn wrong_usage(certificate: &Certificate) -> Option<Finding> {
    let usages: ExtendedKeyUsage = certificate.extension(EXTENDED_KEY_USAGE)?;
    if usages.0.contains(&SERVER_AUTH) {
        return None;
    }
    let usages: Vec<String> = usages.0.iter().map(|usage| usage_name(*usage)).collect();
    let what = format!(
        "may be used for {} only, not for TLS servers",
        usages.join(", ")
    );
    Some(of(Code::NotForServers, certificate, &what))
}

/// A critical extension that webpki does not process.
fn unprocessed(certificate: &Certificate) -> Option<Finding> {
    let mut extensions = certificate.extensions().into_iter();
    let extension = extensions.find(|extension| {
        let processed = PROCESSED.iter().any(|oid| oid.as_bytes() == extension.oid);
        extension.critical && !processed
    })?;
    let permitted = PERMITTED.iter().any(|oid| oid.as_bytes() == extension.oid);
    let remark = match permitted {
        true => "; RFC 5280 permits that, and webpki does not process it",
        false => ", which webpki does not process",
    };
    let what = format!("has the critical extension {}{remark}", extension.name());
    let finding = of(Code::CriticalBit, certificate, &what)
        .with_severity(Severity::Error)
        .help("Have it issued without that extension, or take another chain");
    Some(finding)
}

fn usage_name(usage: ObjectIdentifier) -> String {
    let name = match usage.to_string().as_str() {
        "1.3.6.1.5.5.7.3.2" => "TLS clients",
        "1.3.6.1.5.5.7.3.3" => "code signing",
        "1.3.6.1.5.5.7.3.4" => "e-mail",
        "1.3.6.1.5.5.7.3.8" => "time stamps",
        "1.3.6.1.5.5.7.3.9" => "OCSP responses",
        other => return other.to_owned(),
    };
    name.to_owned()
}

fn too_long(certificate: &Certificate, path: &Path, below: usize) -> Option<Finding> {
    let constraints: BasicConstraints = certificate.extension(BASIC_CONSTRAINTS)?;
    let allowed = usize::from(constraints.path_len_constraint?);
    if below <= allowed {
        return None;
    }
    let self_issued = path
        .intermediates()
        .iter()
        .take(below)
        .any(Certificate::is_self_issued);
    let remark = match self_issued {
        true => "; self-issued ones are among them, which RFC 5280 would not count and webpki does",
        false => "",
    };
    let are = if below == 1 { "is" } else { "are" };
    let what = format!("allows {allowed} CAs below it, and there {are} {below}{remark}");
    Some(of(Code::PathLength, certificate, &what))
}

/// Says why clients may refuse a root that webpki takes, as it looks at an anchor's name and key
/// alone (RFC 5280 section 6.1.1): its dates and its path length, which OpenSSL counts.
pub(super) fn unfit_anchor(root: &Certificate, path: &Path, time: UnixTime) -> Vec<Finding> {
    let dates = out_of_date(root, time);
    let counted = path.intermediates().iter();
    let counted = counted.filter(|below| !below.is_self_issued()).count();
    let length = too_long(root, path, counted);
    let faults = dates.into_iter().chain(length);
    faults
        .map(|fault| {
            let message = format!("the root {}; OpenSSL refuses that", fault.message);
            let unfit = Finding::new(Code::UnfitAnchor, message).at(root.origin());
            unfit.with_severity(Severity::Error)
        })
        .collect()
}

/// Names that a CA above them forbids.
fn constrained(leaf: &Certificate, path: &Path) -> Vec<Finding> {
    let anchors = path.shared_anchors().iter().filter_map(|anchor| {
        let content = anchor.anchor.name_constraints.as_ref()?;
        let name = match &anchor.certificate {
            Some(certificate) => {
                format!("{} ({})", certificate.subject_text(), certificate.origin())
            }
            None => "the root".to_owned(),
        };
        Some((name, Constraints::read(content), path.intermediates().len()))
    });
    let authorities = path
        .intermediates()
        .iter()
        .enumerate()
        .filter_map(|(below, ca)| {
            let name = format!("{} ({})", ca.subject_text(), ca.origin());
            Some((name, Constraints::of(ca)?, below))
        });
    let mut found = Vec::new();
    for (authority, constraints, below) in authorities.chain(anchors) {
        let subjects = || {
            [leaf]
                .into_iter()
                .chain(path.intermediates().iter().take(below))
        };
        for certificate in subjects() {
            if let Some(violation) = constraints.violated_by(certificate) {
                let remark = match certificate.is_self_issued() && certificate != leaf {
                    true => "; RFC 5280 exempts self-issued CAs, and webpki does not",
                    false => "",
                };
                let what =
                    format!("breaks the name constraints of {authority}: {violation}{remark}");
                found.push(of(Code::NameConstraint, certificate, &what));
            }
        }
        if !found.is_empty() {
            continue;
        }
        for certificate in subjects() {
            if let Some(name) = constraints.unprocessed(certificate) {
                let what = format!(
                    "has {name}, and {authority} constrains such names; RFC 5280 permits that, and webpki refuses it"
                );
                found.push(of(Code::NameConstraint, certificate, &what));
            }
        }
        if found.is_empty() && constraints.has_directory_names() {
            let what = format!(
                "stands below {authority}, which constrains directory names; RFC 5280 permits that, and webpki refuses it"
            );
            found.push(of(Code::NameConstraint, leaf, &what));
        }
    }
    found
}
