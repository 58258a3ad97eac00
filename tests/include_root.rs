//! The root is left out unless it was asked for; then it comes from the store or the material.

mod common;

use common::bundling::{TODAY, at, build, bundler, ders, errors, lines, place, the};
use common::pki::Ca;
use fullchain::{Bundler, Code, TrustStore};
use rustls_pki_types::CertificateDer;

#[test]
fn a_leaf_issued_by_a_root_is_served_alone() {
    let root = Ca::root("Root");
    let leaf = root.leaf_named("www.example.com");
    let pems = [&root.cert_pem, &leaf.cert_pem, &leaf.key_pem].map(String::as_str);
    let bundle = build(&bundler(&[&root.cert_pem]), &pems).unwrap();
    assert_eq!(ders(&bundle), std::slice::from_ref(&leaf.cert_der));
    let finding = the(bundle.report(), Code::RootLeftOut);
    assert_eq!(place(finding), lines(&pems[..1]));
    let with_root = bundler(&[&root.cert_pem]).include_root(true);
    let bundle = build(&with_root, &pems[1..]).unwrap();
    assert_eq!(ders(&bundle), [leaf.cert_der, root.cert_der]);
}

/// A store that knows the root's name and key, not its certificate, as Mozilla's embedded one does.
fn anchors_only(root: &Ca) -> TrustStore {
    let der = CertificateDer::from(root.cert_der.as_slice());
    let anchor = webpki::anchor_from_trusted_cert(&der).unwrap().to_owned();
    TrustStore::from_anchors("anchors", [anchor])
}

#[test]
fn the_root_is_included_when_asked_for_wherever_it_is() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let owed = [&leaf.cert_der, &issuer.cert_der, &root.cert_der].map(Vec::clone);
    let pems = [
        &root.cert_pem,
        &issuer.cert_pem,
        &leaf.cert_pem,
        &leaf.key_pem,
    ]
    .map(String::as_str);

    let from_store = bundler(&[&root.cert_pem]).include_root(true);
    let bundle = build(&from_store, &pems[1..]).unwrap();
    assert_eq!(ders(&bundle), owed);
    assert_eq!(bundle.chain().root().unwrap().der().as_ref(), root.cert_der);
    assert!(!bundle.report().has(Code::RootLeftOut));

    let from_pile = Bundler::new(anchors_only(&root), at(TODAY)).include_root(true);
    let bundle = build(&from_pile, &pems).unwrap();
    assert_eq!(ders(&bundle), owed);
    assert!(!bundle.report().has(Code::RootLeftOut));

    let refusal = build(&from_pile, &pems[1..]).unwrap_err();
    assert_eq!(errors(&refusal), [Code::RootUnavailable]);
    let finding = the(refusal.report(), Code::RootUnavailable);
    assert!(finding.message.contains("CN=Root"), "{finding}");
    assert!(finding.message.contains("anchors"), "{finding}");
    assert_eq!(place(finding), lines(&pems[1..2]));
}
