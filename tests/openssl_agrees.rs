//! Random small PKIs, through the crate and through `openssl verify`: every path that OpenSSL
//! accepts is found, and what is accepted OpenSSL accepts.
//!
//! OpenSSL takes the first certificate that could be an issuer and never goes back, so it refuses
//! many whole piles for which there is a path. It is therefore asked about single paths: the one
//! that was chosen, or where all were refused, each that there is. [`STRICTER`] and [`LAXER`] hold
//! all the differences.

mod common;

use std::cell::Cell;
use std::path::Path;

use common::bundling::{TODAY, at, bundler, read};
use common::openssl::openssl_output;
use common::random::try_all;
use common::random_pki::{IssuingPath, Pki, Plan, plan};
use fullchain::{Certificate, Chain, Code, Refusal};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use rustls_pki_types::ServerName;
use tempfile::TempDir;

/// An error of ours about a path that OpenSSL accepts.
struct Stricter {
    reason: &'static str,
    code: Code,
    /// Words of the error's message.
    says: &'static str,
}

/// Every reason for which a path is refused that OpenSSL accepts.
const CASES: u32 = 256;

const STRICTER: [Stricter; 3] = [
    Stricter {
        reason: "a wildcard may stand for an excluded name; webpki refuses it, OpenSSL compares it as text",
        code: Code::NameConstraint,
        says: "*.example.com is in the excluded subtree mail.example.com",
    },
    Stricter {
        reason: "RFC 5280 lets a server have a CA certificate; webpki does not",
        code: Code::CaAsLeaf,
        says: "RFC 5280 would permit that",
    },
    Stricter {
        reason: "RFC 5280 does not count self-issued CAs against a path length; webpki does",
        code: Code::PathLength,
        says: "self-issued",
    },
];

/// An objection of OpenSSL's to a path that is accepted.
struct Laxer {
    reason: &'static str,
    /// What OpenSSL says of it.
    says: &'static str,
    /// Whether that is why OpenSSL says it of the certificate at this depth.
    explains: fn(&Built, usize) -> bool,
}

/// Every reason for which a path is accepted that OpenSSL refuses.
const LAXER: [Laxer; 6] = [
    Laxer {
        reason: "a trust anchor is a name and a key (RFC 5280 section 6.1.1): its dates do not count",
        says: "certificate has expired",
        explains: Built::is_root,
    },
    Laxer {
        reason: "the same, of an anchor that is not yet valid",
        says: "certificate is not yet valid",
        explains: Built::is_root,
    },
    Laxer {
        reason: "the same, of an anchor's path length",
        says: "path length constraint exceeded",
        explains: Built::is_root,
    },
    Laxer {
        reason: "key identifiers are hints (RFC 4158 section 3.5.12): a wrong one is overruled by the signature",
        says: "unable to get",
        explains: |built, depth| {
            let (child, issuer) = built.link(depth);
            let ids = child.authority_key_id().zip(issuer.subject_key_id());
            ids.is_some_and(|(wanted, found)| wanted != found)
        },
    },
    Laxer {
        reason: "without key identifiers OpenSSL takes a certificate with its issuer's name for self-signed",
        says: "self-signed certificate",
        explains: |built, depth| {
            let (child, issuer) = built.link(depth);
            let ids = child.authority_key_id().zip(child.subject_key_id());
            child != issuer && child.is_self_issued() && ids.is_none()
        },
    },
    Laxer {
        reason: "without key identifiers OpenSSL takes a root for the issuer of all that has its name as issuer",
        says: "signature failure",
        explains: |built, depth| built.leads_to_root(depth) && built.link(depth).1 != built.root(),
    },
];

/// A chain that was accepted, from the leaf to a root.
#[derive(Debug)]
struct Built(Vec<Certificate>);

impl Built {
    fn new(chain: &Chain, root: &str) -> Self {
        let sent = [chain.leaf()].into_iter().chain(chain.intermediates());
        let root = read("root.pem", root).certificates;
        Self(sent.cloned().chain(root).collect())
    }

    fn root(&self) -> &Certificate {
        self.0.last().expect("there is a root")
    }

    /// Whether the root stands at this depth in the path that OpenSSL takes.
    fn is_root(&self, depth: usize) -> bool {
        let below = depth.checked_sub(1);
        below.is_some_and(|below| self.leads_to_root(below))
    }

    /// Whether the root looks like the issuer of the certificate at this depth.
    fn leads_to_root(&self, depth: usize) -> bool {
        let (child, root) = (&self.0[depth], self.root());
        let ids = child.authority_key_id().zip(root.subject_key_id());
        child.issuer() == root.subject() && ids.is_none_or(|(wanted, found)| wanted == found)
    }

    /// The certificate at this depth, and its issuer.
    fn link(&self, depth: usize) -> (&Certificate, &Certificate) {
        let issuer = self.0.get(depth + 1).unwrap_or(self.root());
        (&self.0[depth], issuer)
    }
}

/// One objection of OpenSSL's: `error 10 at 1 depth lookup: certificate has expired`.
#[derive(Debug)]
struct Objection {
    depth: usize,
    says: String,
}

impl Objection {
    fn read(line: &str) -> Option<Self> {
        let (numbers, says) = line.split_once(" depth lookup: ")?;
        let (_, depth) = numbers.rsplit_once(" at ")?;
        Some(Self {
            depth: depth.parse().ok()?,
            says: says.to_owned(),
        })
    }
}

/// `Err` with all that OpenSSL objects to.
fn openssl_verify(
    plan: &Plan,
    anchors: &str,
    untrusted: &str,
    leaf: &str,
) -> Result<(), Vec<Objection>> {
    let folder = TempDir::new().expect("/tmp is writable");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("/tmp is writable");
        Path::to_str(&path).expect("the path is UTF-8").to_owned()
    };
    let anchors = file("anchors", anchors);
    // An empty file is an error to OpenSSL; the leaf in it issues nothing.
    let untrusted = file("untrusted", &[leaf, untrusted].concat());
    let leaf = file("leaf", leaf);
    let time = at(TODAY).as_secs().to_string();
    let mut args = vec!["verify", "-purpose", "sslserver", "-attime", &time];
    args.extend(["-verify_hostname", plan.host, "-no-CApath", "-no-CAstore"]);
    args.extend(["-CAfile", &anchors, "-untrusted", &untrusted]);
    // OpenSSL's strict checks demand key identifiers, which path validation does not need.
    if plan.is_identified() {
        args.push("-x509_strict");
    }
    args.push(&leaf);
    let output = openssl_output(&args, b"");
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let objections: Vec<_> = said.lines().filter_map(Objection::read).collect();
    assert!(!objections.is_empty(), "openssl verify failed: {said}");
    Err(objections)
}

/// How often what happened.
#[derive(Debug, Default)]
struct Tally {
    accepted: Cell<u32>,
    /// Of those, by OpenSSL from the whole pile.
    found_by_openssl: Cell<u32>,
    refused: Cell<u32>,
    stricter: [Cell<u32>; STRICTER.len()],
    laxer: [Cell<u32>; LAXER.len()],
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

fn verify(plan: &Plan, leaf: &str, pile: &str, roots: &[&str]) -> Result<Chain, Refusal> {
    let host = ServerName::try_from(plan.host).expect("a host name");
    let bundler = bundler(roots).name(host).include_root(true);
    let (chain, _) = bundler.verify(read("pile.pem", [leaf, pile].concat()))?;
    Ok(chain)
}

fn compare(plan: &Plan, tally: &Tally) -> TestCaseResult {
    let pki = Pki::new(plan);
    let roots: Vec<_> = pki.anchors.iter().map(|root| root.pem.as_str()).collect();
    let whole = openssl_verify(plan, &roots.concat(), &pki.pile(), &pki.leaf);
    match verify(plan, &pki.leaf, &pki.pile(), &roots) {
        Ok(chain) => {
            count(&tally.accepted);
            if whole.is_ok() {
                count(&tally.found_by_openssl);
            }
            judge_chain(plan, &pki, &chain, tally)
        }
        Err(refusal) => {
            count(&tally.refused);
            let report = refusal.report();
            prop_assert!(report.errors().next().is_some(), "no reason: {report}");
            let mut accepted = 0;
            for path in pki.paths() {
                let intermediates = path.intermediates.concat();
                if openssl_verify(plan, path.anchor, &intermediates, &pki.leaf).is_ok() {
                    accepted += 1;
                    judge_refusal(plan, &pki, &path, tally)?;
                }
            }
            let found = whole.is_err() || accepted > 0;
            prop_assert!(found, "OpenSSL finds a path: {report}");
            Ok(())
        }
    }
}

/// Judges the refusal of a pile with a path that OpenSSL accepts.
fn judge_refusal(plan: &Plan, pki: &Pki, path: &IssuingPath<'_>, tally: &Tally) -> TestCaseResult {
    // The whole pile's refusal may tell of another path.
    let alone = verify(
        plan,
        &pki.leaf,
        &path.intermediates.concat(),
        &[path.anchor],
    );
    let refusal = match alone {
        Err(refusal) => refusal,
        Ok(chain) => return Err(TestCaseError::fail(format!("not found: {chain:?}"))),
    };
    for error in refusal.report().errors() {
        let explains =
            |line: &Stricter| error.code == line.code && error.message.contains(line.says);
        match STRICTER.iter().position(explains) {
            Some(line) => count(&tally.stricter[line]),
            None => prop_assert!(false, "OpenSSL accepts it: {}", refusal.report()),
        }
    }
    Ok(())
}

/// The lines of [`LAXER`] that together explain all the objections.
fn explanation(built: &Built, objections: &[Objection]) -> Option<Vec<usize>> {
    let lines = objections.iter().map(|objection| {
        LAXER.iter().position(|line| {
            objection.says.contains(line.says) && (line.explains)(built, objection.depth)
        })
    });
    lines.collect()
}

fn judge_chain(plan: &Plan, pki: &Pki, chain: &Chain, tally: &Tally) -> TestCaseResult {
    let pem = |certificate: &Certificate| common::pki::pem_block("CERTIFICATE", certificate.der());
    let intermediates: String = chain.intermediates().iter().map(pem).collect();
    let root = pem(chain.root().expect("the root was asked for"));
    let mut anchors = pki.anchors.iter();
    let root = anchors.find(|anchor| anchor.pem == root);
    let authority = root.expect("the root is one of the anchors").subject;
    // A store may hold several certificates of one root; any of them may have let the path pass.
    let twins = pki.anchors.iter().filter(|twin| twin.subject == authority);
    let mut unexplained = Vec::new();
    for twin in twins {
        let Err(objections) = openssl_verify(plan, &twin.pem, &intermediates, &pki.leaf) else {
            return Ok(());
        };
        let built = Built::new(chain, &twin.pem);
        if let Some(lines) = explanation(&built, &objections) {
            lines.iter().for_each(|&line| count(&tally.laxer[line]));
            return Ok(());
        }
        unexplained.push((built, objections));
    }
    prop_assert!(false, "OpenSSL refuses it: {unexplained:#?}");
    Ok(())
}

#[test]
fn openssl_and_the_crate_agree_on_random_pkis_but_for_the_documented_differences() {
    let tally = Tally::default();
    let cases = try_all(CASES, &plan(), |plan| compare(&plan, &tally));
    let reasons = STRICTER.iter().map(|line| line.reason);
    let reasons = reasons.chain(LAXER.iter().map(|line| line.reason));
    let counts = tally.stricter.iter().chain(&tally.laxer);
    for (reason, count) in reasons.zip(counts) {
        println!("{:4} {reason}", count.get());
    }
    println!("{tally:?}");
    // Else the PKIs are too poor to show anything.
    assert!(tally.accepted.get() > cases / 5, "{tally:?}");
    assert!(tally.refused.get() > cases / 5, "{tally:?}");
    assert!(tally.found_by_openssl < tally.accepted, "{tally:?}");
}
