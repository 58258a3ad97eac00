//! What was fetched and used is kept for the day when the CA's server is down, and is trusted no
//! more than what comes from there.
#![cfg(feature = "aia")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
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
        let mode = fs::metadata(site.kept()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);

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
fn a_bad_file_is_passed_over_and_named() {
    let site = Site::new();
    let other = Ca::root("Other").cert_der;
    fs::create_dir_all(site.cache()).unwrap();
    let put = |name: &str, content: &[u8]| fs::write(site.cache().join(name), content).unwrap();
    let whole = &site.issuer.cert_der;
    let junk = b"junk";
    put(&name(junk), junk);
    put(&name(whole), &whole[..100]);
    put(&name(&[1]), &other);
    put("huge.der", &vec![0; 300 * 1024]);
    fs::create_dir(site.cache().join("folder.der")).unwrap();
    put("README.txt", b"not looked at");
    for driver in Driver::ALL {
        // Nothing of it is mended behind anybody's back before the first run is over.
        let (outcome, said) = site.complete(driver);
        outcome.expect("the server has the issuer");
        let files = match driver {
            Driver::Blocking => vec![name(junk), name(whole), name(&[1])],
            // The truncated one was replaced by what was fetched.
            Driver::Async => vec![name(junk), name(&[1])],
        };
        let files = files.iter().map(String::as_str);
        let all: Vec<_> = files.chain(["huge.der", "folder.der"]).collect();
        assert_eq!(said.findings().len(), all.len(), "{said}");
        for file in all {
            let named =
                |it: &&fullchain::Finding| it.code == Code::Cache && it.message.contains(file);
            assert_eq!(
                said.findings().iter().filter(named).count(),
                1,
                "{file}: {said}"
            );
        }
    }
    assert_eq!(&fs::read(site.kept()).unwrap(), whole);
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
    fs::create_dir_all(site.cache()).unwrap();
    let path = site.cache().join(name(&expired.cert_der));
    fs::write(path, &expired.cert_der).unwrap();
    let report = site.completed(Driver::Blocking);
    assert!(codes(&report).contains(&Code::Fetched), "{report}");
    assert_eq!(listing(&site.cache()).len(), 2);
}

#[test]
fn what_is_in_the_cache_is_verified() {
    let site = Site::new();
    let namesake = Ca::root("Root").intermediate("Issuer");
    fs::create_dir_all(site.cache()).unwrap();
    let path = site.cache().join(name(&namesake.cert_der));
    fs::write(path, &namesake.cert_der).unwrap();
    let report = site.completed(Driver::Blocking);
    assert!(codes(&report).contains(&Code::Fetched), "{report}");
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
