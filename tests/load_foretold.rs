//! Random certificate files: HAProxy loads those that are foretold, sends what is foretold, and
//! refuses the others with the words that are foretold.
#![cfg(feature = "aia")]

mod common;

use std::cell::Cell;

use common::client::{BOTH, shown_chain};
use common::crt_file::{Plan, plans};
use common::haproxy::Haproxy;
use common::random::try_all;
use fullchain::haproxy::load::{Loader, SideFiles};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use rustls_pki_types::UnixTime;

const CASES: u32 = 600;

fn check(plan: &Plan, counts: &[Cell<usize>; 2]) -> TestCaseResult {
    let file = plan.make();
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let path = folder.path().join("site.pem");
    std::fs::write(&path, &file.pem).expect("/tmp is writable");
    if let Some(key) = &file.key {
        std::fs::write(folder.path().join("site.pem.key"), key).expect("/tmp is writable");
    }
    let side = SideFiles {
        key: file.key.as_deref(),
        ..SideFiles::default()
    };
    let version = "2.6".parse().expect("a version");
    let loader = Loader::new(UnixTime::now()).version(version);
    let name = path.to_str().expect("UTF-8");
    let foretold = loader.load(name, &file.pem, &side);
    let text = String::from_utf8_lossy(&file.pem);
    let shown = format!("{} {:?}\n{text}", plan.site().kind, file.parts);
    let haproxy = match (Haproxy::serve(&path), &foretold) {
        (Ok(haproxy), Ok(_)) => haproxy,
        (Err(said), Err(refused)) => {
            // 2.6 tells the two apart less well.
            prop_assert!(
                said.contains(&refused.words),
                "{}\n{}\n{}",
                refused,
                said,
                shown
            );
            counts[0].set(counts[0].get() + 1);
            return Ok(());
        }
        (Ok(_), Err(refused)) => {
            return Err(TestCaseError::fail(format!("it loads: {refused}\n{shown}")));
        }
        (Err(said), Ok(_)) => {
            return Err(TestCaseError::fail(format!("refused: {said}\n{shown}")));
        }
    };
    counts[1].set(counts[1].get() + 1);
    let sent = shown_chain(&haproxy.tls_socket(), None, BOTH, &rustls::version::TLS13);
    if let (Some(sent), Ok(loaded)) = (sent, foretold) {
        let foretold: Vec<&[u8]> = loaded.sent.iter().map(|it| it.der().as_ref()).collect();
        prop_assert!(
            sent == foretold,
            "{} sent, {} foretold\n{}",
            sent.len(),
            foretold.len(),
            shown
        );
    }
    Ok(())
}

#[test]
fn haproxy_loads_and_sends_what_was_foretold() {
    let counts = [Cell::new(0), Cell::new(0)];
    let cases = try_all(CASES, &plans(), |plan| check(&plan, &counts));
    println!("{} refused, {} loaded", counts[0].get(), counts[1].get());
    let is_many = |count: &Cell<usize>| count.get() * 10 > cases as usize;
    assert!(counts.iter().all(is_many), "too few of either");
}
