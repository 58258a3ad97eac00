//! The whole way from PEM to a proven bundle, beside webpki's verification of the same chain
//! alone. `cargo bench --bench bundling`

#[path = "../tests/common/mod.rs"]
mod common;
mod measure;

use common::pki::{Ca, CaOptions, Key, KeyKind, LeafOptions};
use fullchain::{Bundler, Origin, PrivateKey, Reader, SignatureMemory, TrustStore, haproxy};
use measure::{Contestant, measure};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

fn main() {
    println!("a bundle of leaf, intermediate and key, beside the verification of its chain alone");
    for (name, root, intermediate, leaf) in [
        (
            "P-256 throughout",
            KeyKind::P256,
            KeyKind::P256,
            KeyKind::P256,
        ),
        (
            "P-384 throughout",
            KeyKind::P384,
            KeyKind::P384,
            KeyKind::P384,
        ),
        (
            "P-256 leaf, RSA 2048 and 4096 CAs",
            KeyKind::Rsa(4096),
            KeyKind::Rsa(2048),
            KeyKind::P256,
        ),
        (
            "RSA 2048 leaf, RSA 2048 and 4096 CAs",
            KeyKind::Rsa(4096),
            KeyKind::Rsa(2048),
            KeyKind::Rsa(2048),
        ),
        (
            "P-256 leaf, P-384 CAs",
            KeyKind::P384,
            KeyKind::P384,
            KeyKind::P256,
        ),
    ] {
        compare(name, root, intermediate, leaf);
    }
}

fn compare(name: &str, root: KeyKind, intermediate: KeyKind, leaf: KeyKind) {
    let options = |name: &str, kind, index| CaOptions {
        key: kind,
        shared_key: Some(Key::nth(kind, index)),
        ..CaOptions::named(name)
    };
    let root = Ca::root_with(options("Bench Root", root, 0));
    let ca = root.intermediate_with(options("Bench CA", intermediate, 1));
    let leaf = ca.leaf(LeafOptions {
        key: leaf,
        shared_key: Some(Key::nth(leaf, 2)),
        ..LeafOptions::named("www.example.com")
    });
    let pile = format!("{}{}{}", leaf.key_pem, ca.cert_pem, leaf.cert_pem);
    let mut reader = Reader::new();
    let roots = reader
        .read("root", root.cert_pem.as_bytes())
        .expect("clean");
    let (store, _) = TrustStore::from_material("root", roots).expect("a root");
    let now = UnixTime::now();
    let bundler = Bundler::new(store, now);

    let root_der = CertificateDer::from(root.cert_der.clone());
    let anchors = [anchor_from_trusted_cert(&root_der).expect("a root")];
    let intermediates = [CertificateDer::from(ca.cert_der.clone())];
    let leaf_der = CertificateDer::from(leaf.cert_der.clone());
    let certificate =
        fullchain::Certificate::new(leaf_der.clone(), Origin::new("leaf")).expect("clean");
    let key = PrivateKey::new(&leaf.key_der, Origin::new("key")).expect("clean");

    let verification = || {
        EndEntityCert::try_from(&leaf_der)
            .expect("clean")
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &anchors,
                &intermediates,
                now,
                KeyUsage::server_auth(),
                None,
                None,
            )
            .expect("valid")
            .anchor()
            .subject
            .len()
    };
    let mut contestants = [
        Contestant::new("webpki verification alone", verification),
        Contestant::new("  and the key's proof", || {
            (verification(), key.prove(&certificate))
        }),
        Contestant::new("Bundler::build", || {
            let material = Reader::new().read("pile", pile.as_bytes()).expect("clean");
            // A memory of its own each time, lest signatures be checked in the first round only.
            let bundler = bundler.clone().memory(SignatureMemory::new());
            bundler.build(material).expect("a bundle")
        }),
        Contestant::new("  with its signatures known", || {
            let material = Reader::new().read("pile", pile.as_bytes()).expect("clean");
            haproxy::pem(&bundler.build(material).expect("a bundle"))
        }),
    ];
    println!("{name}");
    let figures = measure(&mut contestants);
    for (contestant, figure) in contestants.iter().zip(figures) {
        println!(
            "  {:<28} {:>8.1} us   {:.2}x",
            contestant.name,
            figure.time.as_secs_f64() * 1e6,
            figure.ratio
        );
    }
}
