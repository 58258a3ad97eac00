//! Missing issuers are fetched from where the certificates say that they are, whatever form they
//! come in, by both drivers alike; and only when they are missing.
#![cfg(feature = "aia")]

mod common;

use common::aia::{Driver, codes, complete, fetched};
use common::bundling::{bundler, named_roots, read, the};
use common::http::{Server, ok};
use common::openssl::openssl;
use common::pki::{Ca, CaOptions, Leaf, LeafOptions, pem_block};
use fullchain::aia::{Fetcher, Policy};
use fullchain::{Bundler, Code, Pool};

fn issued(issuer: &Ca, name: &str, urls: &[String]) -> Ca {
    issuer.intermediate_with(CaOptions {
        ca_issuers: urls.to_vec(),
        ..CaOptions::named(name)
    })
}

fn leaf(issuer: &Ca, urls: &[String]) -> Leaf {
    issuer.leaf(LeafOptions {
        ca_issuers: urls.to_vec(),
        ..LeafOptions::named("www.example.com")
    })
}

/// A PKCS#7 of these certificates, as openssl makes it.
fn pkcs7(form: &str, pems: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let file = folder.path().join("certificates.pem");
    std::fs::write(&file, pems.concat()).expect("the folder is writable");
    let file = file.to_str().expect("ASCII");
    let args = ["crl2pkcs7", "-nocrl", "-certfile", file, "-outform", form];
    openssl(&args, b"")
}

#[test]
fn the_issuer_is_taken_in_every_form_told_by_content() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let other = root.intermediate("Other");
    let pems = [&*other.cert_pem, &issuer.cert_pem];
    let crlf = issuer.cert_pem.replace('\n', "\r\n");
    let server = Server::of_files(vec![
        ("/der.html", issuer.cert_der.clone()),
        ("/pem", issuer.cert_pem.clone().into()),
        ("/crlf", crlf.into()),
        ("/der.p7c", pkcs7("DER", &pems)),
        ("/pem.p7c", pkcs7("PEM", &pems)),
    ]);
    for path in ["/der.html", "/pem", "/crlf", "/der.p7c", "/pem.p7c"] {
        let leaf = leaf(&issuer, &[server.url(path)]);
        for driver in Driver::ALL {
            let (chain, report) = complete(&bundler(&[&root.cert_pem]), &leaf, driver)
                .unwrap_or_else(|refusal| panic!("{path}, {driver:?}: {}", refusal.report()));
            assert_eq!(chain.intermediates()[0].der().as_ref(), issuer.cert_der);
            assert_eq!(chain.intermediates().len(), 1);
            assert_eq!(codes(&report), [Code::Fetched, Code::IntermediateAdded]);
            let added = the(&report, Code::IntermediateAdded).origin.clone();
            assert_eq!(added.expect("a place").source(), server.url(path));
        }
    }
}

#[test]
fn a_chain_of_three_is_completed_from_the_leaf_alone() {
    let root = Ca::root("Root");
    let top = root.intermediate("Top");
    let files = Server::of_files(vec![("/top", top.cert_der.clone())]);
    let middle = issued(&top, "Middle", &[files.url("/top")]);
    let more = Server::of_files(vec![("/middle", middle.cert_der.clone())]);
    let lower = issued(&middle, "Lower", &[more.url("/middle")]);
    let last = Server::of_files(vec![("/lower", lower.cert_der.clone())]);
    let leaf = leaf(&lower, &[last.url("/lower")]);
    for driver in Driver::ALL {
        let (chain, report) = complete(&bundler(&[&root.cert_pem]), &leaf, driver)
            .unwrap_or_else(|refusal| panic!("{}", refusal.report()));
        let names: Vec<_> = chain
            .intermediates()
            .iter()
            .map(|it| it.subject_text())
            .collect();
        assert_eq!(names, ["CN=Lower", "CN=Middle", "CN=Top"]);
        assert_eq!(fetched(&report), 3);
    }
}

#[test]
fn of_a_cross_signed_pair_behind_one_url_the_one_that_leads_to_a_root_is_used() {
    let (old, new) = (Ca::root("Old"), Ca::root("New"));
    let issuer = new.intermediate("Issuer");
    let cross = old.intermediate_with(CaOptions {
        shared_key: Some(issuer.key.clone()),
        ..CaOptions::named("Issuer")
    });
    let pair = pkcs7("DER", &[&issuer.cert_pem, &cross.cert_pem]);
    let server = Server::of_files(vec![("/pair", pair)]);
    let leaf = leaf(&issuer, &[server.url("/pair")]);
    for (root, owed) in [(&old, &cross), (&new, &issuer)] {
        for driver in Driver::ALL {
            let (chain, report) = complete(&bundler(&[&root.cert_pem]), &leaf, driver)
                .unwrap_or_else(|refusal| panic!("{}", refusal.report()));
            assert_eq!(chain.intermediates()[0].der().as_ref(), owed.cert_der);
            assert_eq!(fetched(&report), 1);
        }
    }
}

#[test]
fn urls_are_tried_in_order_until_one_helps() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let server = Server::of_files(vec![
        ("/good", issuer.cert_der.clone()),
        ("/better", issuer.cert_der.clone()),
    ]);
    let urls = [
        "ldap:///CN=Issuer,DC=example?cACertificate".to_owned(),
        server.url("/missing"),
        server.url("/good"),
        server.url("/better"),
    ];
    let leaf = leaf(&issuer, &urls);
    for driver in Driver::ALL {
        let before = server.paths().len();
        let (_, report) = complete(&bundler(&[&root.cert_pem]), &leaf, driver).expect("complete");
        assert_eq!(server.paths()[before..], ["/missing", "/good"]);
        let owed = [
            Code::UrlSkipped,
            Code::FetchFailed,
            Code::Fetched,
            Code::IntermediateAdded,
        ];
        assert_eq!(codes(&report), owed);
    }
}

#[test]
fn a_renewed_issuer_is_fetched_where_the_one_at_hand_has_expired() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let expired = root.intermediate_with(CaOptions {
        shared_key: Some(issuer.key.clone()),
        not_before: (2015, 1, 1),
        not_after: (2020, 1, 1),
        ..CaOptions::named("Issuer")
    });
    let server = Server::of_files(vec![("/issuer", issuer.cert_der.clone())]);
    let leaf = leaf(&issuer, &[server.url("/issuer")]);
    let bundler = bundler(&[&root.cert_pem]);
    let mut draft =
        bundler.draft_chain(read("pile.pem", leaf.cert_pem.clone() + &expired.cert_pem));
    Fetcher::new(Policy::default()).complete(&mut draft);
    let (chain, report) = draft.chain().expect("the renewal is found");
    assert_eq!(chain.intermediates()[0].der().as_ref(), issuer.cert_der);
    assert_eq!(
        the(&report, Code::ExpiredLeftOut)
            .origin
            .as_ref()
            .unwrap()
            .source(),
        "pile.pem"
    );
}

#[test]
fn nothing_is_asked_when_nothing_is_missing() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let server = Server::of_files(vec![("/issuer", issuer.cert_der.clone())]);
    let leaf = leaf(&issuer, &[server.url("/issuer")]);
    let with_pool = |pems: &str| {
        let (pool, _) = Pool::from_material(read("intermediates", pems));
        bundler(&[&root.cert_pem]).pool(pool)
    };
    for driver in Driver::ALL {
        let (chain, report) =
            complete(&with_pool(&issuer.cert_pem), &leaf, driver).expect("the pool has the issuer");
        assert_eq!(chain.intermediates().len(), 1);
        assert_eq!(codes(&report), [Code::IntermediateAdded]);
        let whole = read("pile.pem", leaf.cert_pem.clone() + &issuer.cert_pem);
        let mut draft = bundler(&[&root.cert_pem]).draft_chain(whole);
        driver.run(&Fetcher::new(Policy::default()), &mut draft);
        assert!(draft.chain().expect("whole").1.is_empty());
    }
    assert_eq!(server.requests(), Vec::<String>::new());
    // Without a fetcher there is no network, whatever is missing.
    let alone = read("leaf.pem", &leaf.cert_pem);
    bundler(&[&root.cert_pem])
        .verify(alone)
        .expect_err("the issuer is missing");
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[test]
fn a_request_names_the_crate_and_tells_nothing_else() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let server = Server::of_files(vec![("/issuer", issuer.cert_der.clone())]);
    let leaf = leaf(&issuer, &[server.url("/issuer?serial=1")]);
    complete(&bundler(&[&root.cert_pem]), &leaf, Driver::Blocking).expect_err("no such file");
    let requests = server.requests();
    let mut lines: Vec<_> = requests[0].lines().map(str::to_lowercase).collect();
    lines.sort();
    let agent = format!("user-agent: fullchain/{}", env!("CARGO_PKG_VERSION"));
    let host = format!("host: 127.0.0.1:{}", server.port());
    let request = "get /issuer?serial=1 http/1.1";
    assert_eq!(lines, ["accept: */*", request, &host, &agent]);
}

#[test]
fn what_was_fetched_is_trusted_no_more_than_the_rest() {
    let (root, stranger) = (Ca::root("Root"), Ca::root("Stranger"));
    let issuer = stranger.intermediate("Issuer");
    let both = pkcs7("DER", &[&issuer.cert_pem, &stranger.cert_pem]);
    let server = Server::of_files(vec![("/both", both)]);
    let leaf = leaf(&issuer, &[server.url("/both")]);
    for driver in Driver::ALL {
        let refusal = complete(&bundler(&[&root.cert_pem]), &leaf, driver)
            .expect_err("its root is no anchor");
        let errors: Vec<_> = refusal.report().errors().collect();
        assert_eq!(errors.len(), 1, "{}", refusal.report());
        assert!(
            errors[0]
                .message
                .contains("CN=Stranger, which is not among the roots")
        );
    }
}

#[test]
fn an_https_url_is_verified_against_the_stores() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    for (web_root, is_trusted) in [(&root, true), (&Ca::root("Web Root"), false)] {
        let port = common::https::serve(web_root, issuer.cert_der.clone());
        let leaf = leaf(&issuer, &[format!("https://localhost:{port}/issuer")]);
        for driver in Driver::ALL {
            // Web servers are judged by the clock, not by the bundler's time.
            let store = named_roots("roots", &[&root.cert_pem]);
            let bundler = Bundler::new(store, rustls_pki_types::UnixTime::now());
            let outcome = complete(&bundler, &leaf, driver);
            let report = match &outcome {
                Ok((_, report)) => report,
                Err(refusal) => refusal.report(),
            };
            assert_eq!(outcome.is_ok(), is_trusted, "{report}");
            if !is_trusted {
                let failed = the(report, Code::FetchFailed);
                assert!(failed.message.contains("UnknownIssuer"), "{failed}");
            }
        }
    }
}

#[test]
fn the_blocking_driver_works_within_a_runtime() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let der = issuer.cert_der.clone();
    let server = Server::start(move |_, stream| ok(stream, &der));
    let leaf = leaf(&issuer, &[server.url("/")]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        complete(&bundler(&[&root.cert_pem]), &leaf, Driver::Blocking).expect("complete");
    });
}

#[test]
fn an_empty_key_pem_is_no_certificate() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let key = pem_block("PRIVATE KEY", issuer.key.der());
    let server = Server::of_files(vec![("/key", key.into())]);
    let leaf = leaf(&issuer, &[server.url("/key")]);
    let refusal = complete(&bundler(&[&root.cert_pem]), &leaf, Driver::Blocking)
        .expect_err("a key is no issuer");
    let failed = the(refusal.report(), Code::FetchFailed);
    assert!(
        failed.message.contains("no certificate is in the answer"),
        "{failed}"
    );
}
