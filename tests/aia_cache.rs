//! What was fetched and used is kept for the day when the CA's server is down, and is trusted no
//! more than what comes from there.
#![cfg(all(unix, feature = "aia"))]

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::aia::{Driver, codes};
use common::bundling::{bundler, read, the};
use common::http::Server;
use common::pki::{Ca, CaOptions, Leaf, LeafOptions};
use fullchain::aia::{Cache, Fetcher, Policy};
use fullchain::{Chain, Code, Refusal, Report};
use ring::digest::{SHA256, digest};
use tempfile::TempDir;

struct Site {
    folder: TempDir,
    root: Ca,
    issuer: Ca,
    server: Server,
    leaf: Leaf,
}

impl Site {
    fn new() -> Site {
        let root = Ca::root("Root");
        let issuer = root.intermediate("Issuer");
        Site::serving(root, issuer.cert_der.clone(), issuer)
    }

    fn serving(root: Ca, answer: Vec<u8>, issuer: Ca) -> Site {
        let server = Server::of_files(vec![("/issuer", answer)]);
        Site {
            folder: tempfile::tempdir().expect("/tmp is writable"),
            leaf: issuer.leaf(LeafOptions {
                ca_issuers: vec![server.url("/issuer")],
                ..LeafOptions::named("www.example.com")
            }),
            root,
            issuer,
            server,
        }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("below/cache")
    }

    fn kept(&self) -> PathBuf {
        self.cache().join(name(&self.issuer.cert_der))
    }

    /// Puts into the cache what nobody fetched.
    fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        fs::create_dir_all(self.cache()).expect("the folder is writable");
        let path = self.cache().join(name);
        fs::write(&path, content).expect("the folder is writable");
        path
    }

    /// The chain with this cache, and what was said of the cache itself.
    fn complete(&self, driver: Driver) -> (Result<(Chain, Report), Refusal>, Report) {
        let cache = Cache::new(self.cache());
        let (pool, said) = cache.pool().expect("the folder can be read");
        let bundler = bundler(&[&self.root.cert_pem]).pool(pool);
        let mut draft = bundler.draft_chain(read("leaf.pem", &self.leaf.cert_pem));
        driver.run(&Fetcher::new(Policy::default()).cache(cache), &mut draft);
        (draft.chain(), said)
    }

    /// The same, where all must go well.
    fn completed(&self, driver: Driver) -> Report {
        let (outcome, said) = self.complete(driver);
        assert!(said.is_empty(), "{said}");
        let (chain, report) = outcome.unwrap_or_else(|refusal| panic!("{}", refusal.report()));
        assert_eq!(
            chain.intermediates()[0].der().as_ref(),
            self.issuer.cert_der
        );
        report
    }
}

fn name(der: &[u8]) -> String {
    let hash = digest(&SHA256, der);
    let hex = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    hex.collect::<String>() + ".der"
}

fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn what_was_fetched_serves_when_the_server_is_gone() {
    for driver in Driver::ALL {
        let site = Site::new();
        let report = site.completed(driver);
        assert_eq!(codes(&report), [Code::Fetched, Code::IntermediateAdded]);
        assert_eq!(listing(&site.cache()), [name(&site.issuer.cert_der)]);
        assert_eq!(fs::read(site.kept()).unwrap(), site.issuer.cert_der);

        let asked = site.server.requests().len();
        let report = site.completed(driver);
        assert_eq!(codes(&report), [Code::IntermediateAdded]);
        let place = the(&report, Code::IntermediateAdded).origin.clone();
        assert_eq!(Path::new(place.unwrap().source()), site.kept());
        assert_eq!(site.server.requests().len(), asked);
    }
}

#[test]
fn what_did_not_help_is_not_kept() {
    let (root, other) = (Ca::root("Root"), Ca::root("Root"));
    let namesake = other.intermediate("Issuer").cert_der;
    let issuer = root.intermediate("Issuer");
    let site = Site::serving(root, namesake, issuer);
    site.complete(Driver::Blocking)
        .0
        .expect_err("its key did not sign");
    assert!(!site.cache().exists());
}

#[test]
fn what_came_beside_the_issuer_is_not_kept() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let beside = root.intermediate("Beside");
    let both = beside.cert_pem + &issuer.cert_pem;
    let site = Site::serving(root, both.into(), issuer);
    site.completed(Driver::Blocking);
    assert_eq!(listing(&site.cache()), [name(&site.issuer.cert_der)]);
}

#[test]
fn a_bad_file_is_passed_over_and_named() {
    let site = Site::new();
    let whole = site.issuer.cert_der.clone();
    let other = Ca::root("Other").cert_der;
    let huge = vec![0; 300 * 1024];
    let longer = [&whole[..], b"\n"].concat();
    let upper = name(&whole).to_uppercase().replace(".DER", ".der");
    let bad = [
        (site.put(&name(b"junk"), b"junk"), "not an X.509"),
        (site.put(&name(b""), b""), "not an X.509"),
        (site.put(&name(&longer), &longer), "not an X.509"),
        (site.put(&name(&huge), &huge), "at most 262144 bytes"),
        (site.put(&name(&whole), &whole[..100]), "its name says"),
        (site.put(&name(&other), &whole), "its name says"),
        (site.put("issuer.der", &whole), "its name says"),
        (site.put(&upper, &whole), "its name says"),
        (site.cache().join("folder.der"), "no file"),
        (site.cache().join("dangling.der"), "No such file"),
    ];
    fs::create_dir(&bad[8].0).unwrap();
    std::os::unix::fs::symlink("nowhere", &bad[9].0).unwrap();
    // What is none of the cache's files is none of its business.
    site.put("README.txt", b"whatever");
    site.put(".fullchain-left", b"of a run that was killed");

    let (outcome, said) = site.complete(Driver::Blocking);
    outcome.expect("the server has the issuer");
    assert_eq!(said.with_code(Code::Cache).count(), bad.len(), "{said}");
    for (path, reason) in &bad {
        let path = path.to_str().unwrap();
        let findings = said.findings().iter();
        let named: Vec<_> = findings.filter(|it| it.message.contains(path)).collect();
        assert_eq!(named.len(), 1, "{path}: {said}");
        assert!(named[0].message.contains(reason), "{path}: {}", named[0]);
    }
    assert_eq!(fs::read(site.kept()).unwrap(), whole, "it was mended");
}

#[test]
fn a_folder_of_too_many_files_is_read_in_part_and_that_is_said() {
    let site = Site::new();
    // Links cost less than files.
    let file = site.put("0.der", b"");
    for number in 1..10_001 {
        fs::hard_link(&file, site.cache().join(format!("{number}.der"))).unwrap();
    }
    let (pool, report) = Cache::new(site.cache()).pool().expect("a folder");
    assert!(pool.is_empty());
    let limit = report.findings().iter();
    let limit = limit.filter(|it| it.message.contains("more than 10000 files"));
    assert_eq!(limit.count(), 1);
    assert_eq!(report.with_code(Code::Cache).count(), 10_001);
}

#[test]
fn what_is_kept_never_has_half_a_content() {
    let site = Site::new();
    let path = site.put(&name(&site.issuer.cert_der), b"damaged");
    // Whoever has the old file open goes on with the old content.
    let mut old = fs::File::open(&path).unwrap();
    let (outcome, _) = site.complete(Driver::Blocking);
    outcome.expect("the server has the issuer");
    let mut content = String::new();
    old.read_to_string(&mut content).unwrap();
    assert_eq!(content, "damaged");
    assert_eq!(fs::read(&path).unwrap(), site.issuer.cert_der);
    assert_eq!(listing(&site.cache()).len(), 1);
}

#[test]
fn what_is_there_already_is_not_written_again() {
    let site = Site::new();
    site.completed(Driver::Blocking);
    let inode = || fs::metadata(site.kept()).unwrap().ino();
    let before = inode();
    // This build does not ask the cache, so it fetches again.
    let bundler = bundler(&[&site.root.cert_pem]);
    let mut draft = bundler.draft_chain(read("leaf.pem", &site.leaf.cert_pem));
    let fetcher = Fetcher::new(Policy::default()).cache(Cache::new(site.cache()));
    fetcher.complete(&mut draft);
    draft.chain().expect("complete");
    assert_eq!(site.server.paths().len(), 2);
    assert_eq!(inode(), before);
}

#[test]
fn an_expired_one_does_not_keep_its_renewal_away() {
    let site = Site::new();
    let expired = site.root.intermediate_with(CaOptions {
        shared_key: Some(site.issuer.key.clone()),
        not_before: (2015, 1, 1),
        not_after: (2020, 1, 1),
        ..CaOptions::named("Issuer")
    });
    site.put(&name(&expired.cert_der), &expired.cert_der);
    let report = site.completed(Driver::Blocking);
    assert!(codes(&report).contains(&Code::Fetched), "{report}");
    assert_eq!(listing(&site.cache()).len(), 2);
}

#[test]
fn what_is_in_the_cache_is_verified() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let stranger = Ca::root("Stranger");
    let of_another_root = stranger.intermediate_with(CaOptions {
        shared_key: Some(issuer.key.clone()),
        ..CaOptions::named("Issuer")
    });
    let of_another_key = root.intermediate("Issuer");
    let site = Site::serving(root, Vec::new(), issuer);
    for wrong in [&of_another_key, &of_another_root, &stranger] {
        site.put(&name(&wrong.cert_der), &wrong.cert_der);
        let (outcome, said) = site.complete(Driver::Blocking);
        outcome.expect_err("no root vouches for it");
        assert!(said.is_empty(), "as certificates they are sound: {said}");
    }
    site.put(&name(&site.issuer.cert_der), &site.issuer.cert_der);
    let asked = site.server.requests().len();
    site.completed(Driver::Blocking);
    assert_eq!(site.server.requests().len(), asked);
}

#[test]
fn a_cache_that_cannot_be_written_is_a_warning() {
    let site = Site::new();
    // A file stands where the folder above it should be.
    fs::write(site.folder.path().join("below"), "").unwrap();
    let cache = Cache::new(site.cache());
    let bundler = bundler(&[&site.root.cert_pem]);
    for driver in Driver::ALL {
        let mut draft = bundler.draft_chain(read("leaf.pem", &site.leaf.cert_pem));
        driver.run(
            &Fetcher::new(Policy::default()).cache(cache.clone()),
            &mut draft,
        );
        let (_, report) = draft.chain().expect("the bundle is whole all the same");
        let said = the(&report, Code::Cache);
        assert!(said.message.contains("below/cache"), "{said}");
    }
    assert!(cache.pool().is_err());
}

#[test]
fn several_at_once_leave_whole_files() {
    let site = Site::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| site.completed(Driver::Blocking));
        }
    });
    assert_eq!(listing(&site.cache()), [name(&site.issuer.cert_der)]);
    assert_eq!(fs::read(site.kept()).unwrap(), site.issuer.cert_der);
}
