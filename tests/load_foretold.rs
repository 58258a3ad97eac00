//! Random certificate files: HAProxy refuses those that are foretold, with the words foretold, and
//! sends the chains foretold of the others.
#![cfg(feature = "aia")]

mod common;

use std::cell::Cell;
use std::path::PathBuf;

use common::cert_file::Recipe;
use common::client::{BOTH, shown_chain};
use common::haproxy::{Haproxy, MOST_REFUSALS, refusals};
use common::pki::Ca;
use common::random::try_all;
use fullchain::haproxy::load::{Loaded, Loader, Refused, SideFiles};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use rustls_pki_types::UnixTime;
use tempfile::TempDir;

/// How many files a HAProxy has at once, at the most.
const BATCH: usize = MOST_REFUSALS - 10;
/// How many HAProxys there are, for about 3,000 files.
const BATCHES: u32 = 150;

struct Case {
    path: PathBuf,
    pem: Vec<u8>,
    key: Option<Vec<u8>>,
    foretold: Result<Loaded, Refused>,
}

impl Case {
    fn new(folder: &TempDir, n: usize, recipe: &Recipe) -> Case {
        let path = folder.path().join(format!("{n}.pem"));
        let name = path.to_str().expect("UTF-8");
        let (pem, key) = recipe.make();
        std::fs::write(name, &pem).expect("the folder is writable");
        if let Some(key) = &key {
            std::fs::write(format!("{name}.key"), key).expect("the folder is writable");
        }
        let side = SideFiles {
            key: key.as_deref(),
            ..SideFiles::default()
        };
        let loader = Loader::new(UnixTime::now()).version("2.6".parse().expect("a version"));
        let foretold = loader.load(name, &pem, &side);
        Case {
            path,
            pem,
            key,
            foretold,
        }
    }

    fn show(&self) -> String {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\n", "\n");
        let key = self.key.as_deref().map(text);
        format!("{}\n.key: {}", text(&self.pem), key.unwrap_or_default())
    }
}

#[derive(Default)]
struct Counts {
    refused: Cell<usize>,
    loaded: Cell<usize>,
    /// Of those loaded: no client gets as far as the chain.
    alerts: Cell<usize>,
}

fn check(recipes: &[Recipe], counts: &Counts) -> TestCaseResult {
    let folder = tempfile::Builder::new().prefix("load-").tempdir_in("/tmp");
    let folder = folder.expect("/tmp is writable");
    let clean = folder.path().join("clean.pem");
    let leaf = Ca::root("Root").leaf_named("clean.example");
    std::fs::write(&clean, leaf.cert_pem + &leaf.key_pem).expect("the folder is writable");
    let cases: Vec<_> = recipes
        .iter()
        .enumerate()
        .map(|(n, recipe)| Case::new(&folder, n, recipe))
        .collect();

    // The errors of a file stay in OpenSSL's queue, now and then even if it is loaded, and have a
    // say in how the key of the next one is read where something damaged stands before that. A
    // clean file empties it, so that each is read as if it were the first.
    let behind_clean = |path: &PathBuf| [clean.clone(), path.clone()];
    let paths = cases.iter().flat_map(|case| behind_clean(&case.path));
    let said = refusals(&paths.collect::<Vec<_>>());
    for (case, said) in cases.iter().zip(said.iter().skip(1).step_by(2)) {
        let words = case.foretold.as_ref().err().map(|refused| &refused.words);
        let agree = match (said, words) {
            (None, None) => true,
            (Some(said), Some(words)) => said.contains(words),
            _ => false,
        };
        prop_assert!(
            agree,
            "HAProxy: {:?}\nwe: {:?}\n{}",
            said,
            case.foretold,
            case.show()
        );
    }
    let loaded: Vec<_> = cases
        .iter()
        .filter_map(|case| Some((case, case.foretold.as_ref().ok()?)))
        .collect();
    counts
        .refused
        .set(counts.refused.get() + cases.len() - loaded.len());
    counts.loaded.set(counts.loaded.get() + loaded.len());
    if loaded.is_empty() {
        return Ok(());
    }
    let paths = loaded.iter().flat_map(|(case, _)| behind_clean(&case.path));
    let paths: Vec<_> = paths.collect();
    let haproxy = Haproxy::serve_each(&paths).map_err(TestCaseError::fail)?;
    for (n, (case, foretold)) in loaded.iter().enumerate() {
        let socket = haproxy.nth_socket(2 * n + 1);
        let chain = [&rustls::version::TLS13, &rustls::version::TLS12]
            .into_iter()
            .find_map(|version| shown_chain(&socket, None, BOTH, version));
        let Some(chain) = chain else {
            counts.alerts.set(counts.alerts.get() + 1);
            continue;
        };
        let sent: Vec<_> = foretold
            .sent
            .iter()
            .map(|sent| sent.der().to_vec())
            .collect();
        prop_assert!(
            chain == sent,
            "{:?}\nbut\n{:?}\n{}",
            chain,
            sent,
            case.show()
        );
    }
    Ok(())
}

#[test]
fn haproxy_loads_certificate_files_as_foretold() {
    let counts = Counts::default();
    let batches = prop::collection::vec(Recipe::any(), 1..=BATCH);
    try_all(BATCHES, &batches, |recipes| check(&recipes, &counts));
    let (refused, loaded) = (counts.refused.get(), counts.loaded.get());
    let alerts = counts.alerts.get();
    println!("{refused} refused, {loaded} loaded, of these {alerts} for no client");
    let most = refused + loaded;
    assert!(
        refused > most / 5 && loaded > most / 5 && alerts < loaded / 5,
        "too few of one kind"
    );
}
