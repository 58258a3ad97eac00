//! A bundle is trusted or refused as clients would have it: at the given time, for the given names,
//! against the given stores. Where `openssl verify` judges the same thing, it must agree.

mod common;

use std::io::Write;

use common::bundling::{
    TODAY, at, build, bundler, errors, lines, named_roots, place, read, roots, the,
};
use common::openssl::{openssl, openssl_output};
use common::pki::{BEGIN, Ca, CaOptions, Day, Eku, Key, KeyKind, Leaf, LeafOptions, pem_block};
use fullchain::{Bundle, Bundler, Code, Error, Refusal, Severity, TrustStore};
use rustls_pki_types::ServerName;
use tempfile::NamedTempFile;

/// A root, what it issued down to the leaf, and the moment and the name to judge by.
struct Case<'a> {
    root: &'a Ca,
    cas: &'a [&'a Ca],
    leaf: &'a Leaf,
    day: Day,
    name: Option<&'a str>,
}

impl<'a> Case<'a> {
    fn new(root: &'a Ca, cas: &'a [&'a Ca], leaf: &'a Leaf) -> Self {
        Self {
            root,
            cas,
            leaf,
            day: TODAY,
            name: None,
        }
    }

    /// The leaf, the CAs, the key.
    fn pems(&self) -> Vec<&str> {
        let cas = self.cas.iter().map(|ca| ca.cert_pem.as_str());
        let leaf = [self.leaf.cert_pem.as_str()].into_iter();
        leaf.chain(cas).chain([&*self.leaf.key_pem]).collect()
    }

    fn build(&self) -> Result<Bundle, Refusal> {
        let mut bundler = Bundler::new(roots(&[&self.root.cert_pem]), at(self.day));
        if let Some(name) = self.name {
            bundler = bundler.name(server_name(name));
        }
        build(&bundler, &self.pems())
    }

    /// Whether `openssl verify` accepts it for a TLS server, at the security level of Debian.
    fn openssl_accepts(&self) -> bool {
        let cas: String = self.cas.iter().map(|ca| ca.cert_pem.as_str()).collect();
        let files = [&*self.root.cert_pem, &cas, &self.leaf.cert_pem].map(temporary);
        let [root, cas, leaf] = files.each_ref().map(path);
        let time = at(self.day).as_secs().to_string();
        let mut args = vec![
            "verify",
            "-no-CApath",
            "-no-CAstore",
            "-CAfile",
            root,
            "-purpose",
            "sslserver",
            "-auth_level",
            "2",
            "-attime",
            &time,
        ];
        if !self.cas.is_empty() {
            args.extend(["-untrusted", cas]);
        }
        if let Some(name) = self.name {
            let kind = match name.parse::<std::net::IpAddr>() {
                Ok(_) => "-verify_ip",
                Err(_) => "-verify_hostname",
            };
            args.extend([kind, name]);
        }
        args.push(leaf);
        openssl_output(&args, b"").status.success()
    }

    fn is_accepted(&self) {
        if let Err(refusal) = self.build() {
            panic!("{}", refusal.report());
        }
        assert!(self.openssl_accepts());
    }

    /// Refused for this reason alone, which points at that block of [`Case::pems`].
    fn is_refused(&self, code: Code, block: usize) {
        let refusal = self.build().unwrap_err();
        assert_eq!(errors(&refusal), [code], "{}", refusal.report());
        let finding = the(refusal.report(), code);
        assert_eq!(place(finding), lines(&self.pems()[..=block]), "{finding}");
        assert!(!self.openssl_accepts());
    }
}

fn temporary(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("/tmp is writable");
    file.write_all(text.as_bytes()).expect("/tmp is writable");
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("the path is UTF-8")
}

fn server_name(name: &str) -> ServerName<'static> {
    let name = ServerName::try_from(name).expect("a host name or an address");
    name.to_owned()
}

#[test]
fn a_leaf_is_accepted_within_its_dates_only() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let leaf = issuer.leaf(LeafOptions {
        not_before: (2026, 1, 1),
        not_after: (2026, 4, 1),
        ..LeafOptions::default()
    });
    let cas = [&issuer];
    let on = |day| Case {
        day,
        ..Case::new(&root, &cas, &leaf)
    };
    on((2025, 12, 31)).is_refused(Code::NotYetValid, 0);
    on((2026, 1, 1)).is_accepted();
    on((2026, 3, 31)).is_accepted();
    on((2026, 4, 2)).is_refused(Code::Expired, 0);

    let refusal = on((2026, 4, 2)).build().unwrap_err();
    let said = &the(refusal.report(), Code::Expired).message;
    assert!(said.contains("2026-04-01T00:00:00Z"), "{said}");
    assert!(said.contains("2026-04-02T00:00:00Z"), "{said}");
    // RFC 5280 counts the last moment in, which OpenSSL does not.
    let bundle = on((2026, 4, 1)).build().unwrap();
    assert_eq!(bundle.chain().verified_at(), at((2026, 4, 1)));
    assert_eq!(bundle.chain().valid_until(), at((2026, 4, 1)));
}

#[test]
fn an_intermediate_out_of_date_is_the_one_that_is_named() {
    let root = Ca::root("Root");
    let issuer = root.intermediate_with(CaOptions {
        not_before: (2024, 1, 1),
        not_after: (2026, 1, 1),
        ..CaOptions::named("Issuer")
    });
    let leaf = issuer.leaf_named("www.example.com");
    let cas = [&issuer];
    let on = |day| Case {
        day,
        ..Case::new(&root, &cas, &leaf)
    };
    on((2023, 12, 31)).is_refused(Code::NotYetValid, 1);
    on((2025, 1, 1)).is_accepted();
    on((2026, 1, 2)).is_refused(Code::Expired, 1);
    let bundle = on((2025, 1, 1)).build().unwrap();
    assert_eq!(bundle.chain().valid_until(), at((2026, 1, 1)));
}

#[test]
fn an_expired_leaf_without_its_issuer_is_refused_for_both() {
    let root = Ca::root("Root");
    let leaf = root.intermediate("Issuer").leaf(LeafOptions {
        not_after: (2024, 1, 1),
        ..LeafOptions::default()
    });
    let refusal = Case::new(&root, &[], &leaf).build().unwrap_err();
    assert_eq!(errors(&refusal), [Code::Expired, Code::MissingIssuer]);
}

#[test]
fn a_certificate_that_is_not_for_servers_is_refused() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let with = |ekus| {
        issuer.leaf(LeafOptions {
            ekus,
            ..LeafOptions::default()
        })
    };
    let cas = [&issuer];
    let client = with(vec![Eku::ClientAuth]);
    Case::new(&root, &cas, &client).is_refused(Code::NotForServers, 0);
    let both = with(vec![Eku::ClientAuth, Eku::ServerAuth]);
    Case::new(&root, &cas, &both).is_accepted();
    let any_purpose = with(Vec::new());
    Case::new(&root, &cas, &any_purpose).is_accepted();

    let mail_ca = root.intermediate_with(CaOptions {
        ekus: vec![Eku::EmailProtection],
        ..CaOptions::named("Mail CA")
    });
    let leaf = mail_ca.leaf_named("www.example.com");
    // The CA that is limited is named, not what it issued.
    Case::new(&root, &[&mail_ca], &leaf).is_refused(Code::NotForServers, 1);
}

#[test]
fn names_match_as_clients_match_them() {
    let root = Ca::root("Root");
    let leaf = root.leaf(LeafOptions {
        dns: ["www.example.com", "*.example.org"]
            .map(str::to_owned)
            .into(),
        ips: ["192.0.2.1", "2001:db8::1"]
            .map(|ip| ip.parse().unwrap())
            .into(),
        ..LeafOptions::default()
    });
    for name in [
        "www.example.com",
        "WWW.Example.Com",
        "a.example.org",
        "192.0.2.1",
        "2001:db8::1",
        "2001:db8:0:0::1",
    ] {
        let case = Case {
            name: Some(name),
            ..Case::new(&root, &[], &leaf)
        };
        case.is_accepted();
        assert_eq!(case.build().unwrap().chain().names(), [server_name(name)]);
    }
    for name in [
        "example.com",
        "a.www.example.com",
        "example.org",
        "a.b.example.org",
        "192.0.2.2",
        "2001:db8::2",
    ] {
        let case = Case {
            name: Some(name),
            ..Case::new(&root, &[], &leaf)
        };
        case.is_refused(Code::NameMismatch, 0);
        let refusal = case.build().unwrap_err();
        let said = &the(refusal.report(), Code::NameMismatch).message;
        for owed in [
            name,
            "www.example.com",
            "*.example.org",
            "192.0.2.1",
            "2001:db8::1",
        ] {
            assert!(said.contains(owed), "{said}");
        }
    }
}

#[test]
fn every_name_that_does_not_match_is_said() {
    let root = Ca::root("Root");
    let leaf = root.leaf_named("www.example.com");
    let mut bundler = bundler(&[&root.cert_pem]);
    for name in ["www.example.com", "one.example.com", "192.0.2.1"] {
        bundler = bundler.name(server_name(name));
    }
    let refusal = build(&bundler, &[&leaf.cert_pem, &leaf.key_pem]).unwrap_err();
    assert_eq!(errors(&refusal), [Code::NameMismatch; 2]);
}

#[test]
fn a_common_name_is_no_host_name() {
    let root = Ca::root("Root");
    let leaf = root.leaf(LeafOptions {
        dns: Vec::new(),
        ..LeafOptions::named("www.example.com")
    });
    let bundler = bundler(&[&root.cert_pem]).name(server_name("www.example.com"));
    let refusal = build(&bundler, &[&leaf.cert_pem, &leaf.key_pem]).unwrap_err();
    let said = &the(refusal.report(), Code::NameMismatch).message;
    assert!(said.contains("no subject alternative names"), "{said}");
}

#[test]
fn name_constraints_are_kept() {
    let root = Ca::root("Root");
    let permitted = root.intermediate_with(CaOptions {
        permitted_dns: vec!["example.com".to_owned()],
        ..CaOptions::named("Example only")
    });
    let excluded = root.intermediate_with(CaOptions {
        excluded_dns: vec!["example.net".to_owned()],
        ..CaOptions::named("No Example Net")
    });
    let inside = permitted.leaf_named("www.example.com");
    Case::new(&root, &[&permitted], &inside).is_accepted();
    let outside = permitted.leaf_named("www.example.net");
    Case::new(&root, &[&permitted], &outside).is_refused(Code::NameConstraint, 0);
    let inside = excluded.leaf_named("www.example.com");
    Case::new(&root, &[&excluded], &inside).is_accepted();
    let outside = excluded.leaf_named("www.example.net");
    Case::new(&root, &[&excluded], &outside).is_refused(Code::NameConstraint, 0);
}

#[test]
fn path_lengths_are_kept() {
    let root = Ca::root("Root");
    let last = root.intermediate_with(CaOptions {
        path_len: Some(0),
        ..CaOptions::named("Last")
    });
    let leaf = last.leaf_named("www.example.com");
    Case::new(&root, &[&last], &leaf).is_accepted();
    let below = last.intermediate("Below");
    let leaf = below.leaf_named("www.example.com");
    Case::new(&root, &[&below, &last], &leaf).is_refused(Code::PathLength, 2);
}

#[test]
fn rsa_keys_under_2048_bits_are_refused() {
    let root = Ca::root("Root");
    let leaf = |bits| {
        root.leaf(LeafOptions {
            shared_key: Some(Key::nth(KeyKind::Rsa(bits), 0)),
            ..LeafOptions::default()
        })
    };
    let weak = leaf(1024);
    let case = Case::new(&root, &[], &weak);
    case.is_refused(Code::WeakKey, 0);
    let refusal = case.build().unwrap_err();
    let said = &the(refusal.report(), Code::WeakKey).message;
    assert!(said.contains("1024") && said.contains("2048"), "{said}");
    Case::new(&root, &[], &leaf(2048)).is_accepted();
}

#[test]
fn sha_1_signatures_and_version_1_are_refused() {
    let issuer = Ca::root_with(CaOptions {
        shared_key: Some(Key::nth(KeyKind::Rsa(2048), 0)),
        ..CaOptions::named("Root")
    });
    let key = Key::new(KeyKind::P256);
    let request = common::openssl::csr(&key.pem(), "www.example.com");
    let version_3 = "subjectAltName = DNS:www.example.com\n";
    let files = [&issuer.cert_pem, &issuer.key.pem(), version_3, ""].map(temporary);
    let [ca, ca_key, version_3, version_1] = files.each_ref().map(path);
    let sign = |digest: &str, extensions: &str| {
        let args = ["x509", "-req", digest, "-CA", ca, "-CAkey", ca_key];
        let more = ["-set_serial", "7", "-days", "36500", "-outform", "DER"];
        let args = [&args[..], &more, &["-extfile", extensions]].concat();
        let cert_der = openssl(&args, request.as_bytes());
        Leaf {
            cert_pem: pem_block("CERTIFICATE", &cert_der),
            cert_der,
            key_pem: key.pem(),
            key_der: key.der().to_vec(),
            key: key.clone(),
        }
    };
    // These are valid from now on.
    let later = (2090, 1, 1);
    let modern = sign("-sha256", version_3);
    Case {
        day: later,
        ..Case::new(&issuer, &[], &modern)
    }
    .is_accepted();
    let old = sign("-sha1", version_3);
    Case {
        day: later,
        ..Case::new(&issuer, &[], &old)
    }
    .is_refused(Code::UnsupportedAlgorithm, 0);
    // OpenSSL takes these, and webpki, as browsers, does not.
    let old = sign("-sha256", version_1);
    let case = Case {
        day: later,
        ..Case::new(&issuer, &[], &old)
    };
    let refusal = case.build().unwrap_err();
    let said = &the(refusal.report(), Code::CertificateForm).message;
    assert!(said.contains("version 1"), "{said}");
}

#[test]
fn of_several_stores_one_must_trust_and_those_that_do_not_are_a_warning() {
    let (ours, theirs) = (Ca::root("Ours"), Ca::root("Theirs"));
    let leaf = ours.leaf_named("www.example.com");
    let (a, b) = (
        named_roots("a", &[&ours.cert_pem]),
        named_roots("b", &[&theirs.cert_pem]),
    );
    let pems = [leaf.cert_pem.as_str(), &leaf.key_pem];
    for bundler in [
        Bundler::new(a.clone(), at(TODAY)).trust(b.clone()),
        Bundler::new(b.clone(), at(TODAY)).trust(a.clone()),
    ] {
        let bundle = build(&bundler, &pems).unwrap();
        assert_eq!(bundle.chain().trusted_by(), ["a"]);
        let warning = the(bundle.report(), Code::StoreDoesNotTrust);
        assert!(warning.message.contains("roots of b "), "{warning}");
        assert_eq!(place(warning), lines(&pems[..1]));
    }
    let bundle = build(&Bundler::new(a.clone(), at(TODAY)).trust(a), &pems).unwrap();
    assert_eq!(bundle.chain().trusted_by(), ["a", "a"]);
    let refusal = build(&Bundler::new(b.clone(), at(TODAY)).trust(b), &pems).unwrap_err();
    assert_eq!(errors(&refusal), [Code::MissingIssuer]);
}

#[test]
fn two_stores_of_one_name_are_told_apart() {
    let (ours, theirs) = (Ca::root("Ours"), Ca::root("Theirs"));
    let leaf = ours.leaf_named("www.example.com");
    let bundler = bundler(&[&ours.cert_pem]).trust(roots(&[&theirs.cert_pem]));
    let bundle = build(&bundler, &[&leaf.cert_pem, &leaf.key_pem]).unwrap();
    assert_eq!(bundle.chain().trusted_by(), ["roots"]);
    the(bundle.report(), Code::StoreDoesNotTrust);
}

#[test]
fn a_store_is_read_from_pem_and_from_der() {
    let root = Ca::root("Root");
    let leaf = root.leaf_named("www.example.com");
    let damaged_on_its_way = root.cert_pem.replace('\n', "\r\n  ");
    for bytes in [
        root.cert_pem.as_bytes(),
        &root.cert_der,
        damaged_on_its_way.as_bytes(),
    ] {
        let (store, _) = TrustStore::from_material("corp", read("roots", bytes)).unwrap();
        assert_eq!((store.name(), store.len()), ("corp", 1));
        let bundler = Bundler::new(store, at(TODAY));
        let bundle = build(&bundler, &[&leaf.cert_pem, &leaf.key_pem]).unwrap();
        assert_eq!(bundle.chain().trusted_by(), ["corp"]);
    }
}

#[test]
fn junk_in_a_store_is_passed_over_and_named() {
    let root = Ca::root("Root");
    let cut: String = root
        .cert_pem
        .lines()
        .take(4)
        .map(|line| line.to_owned() + "\n")
        .collect();
    let pems = [root.cert_pem.as_str(), &cut, "-----END CERTIFICATE-----\n"].concat();
    let (store, report) = TrustStore::from_material("corp", read("roots.pem", pems)).unwrap();
    assert_eq!(store.len(), 1);
    let finding = the(&report, Code::Truncated);
    assert!(place(finding).starts_with("roots.pem:"), "{finding}");
}

#[test]
fn a_store_without_a_root_is_an_error_that_says_why() {
    let root = Ca::root("Root");
    let cut: String = root.cert_pem.lines().take(4).collect();
    for (bytes, said) in [
        (String::new(), "empty"),
        (root.key.pem(), "no certificate"),
        (cut, "roots.pem:1"),
    ] {
        let error = TrustStore::from_material("corp", read("roots.pem", &bytes)).unwrap_err();
        assert!(matches!(error, Error::NoAnchors { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains("corp") && error.contains(said), "{error}");
        assert!(!error.contains('['), "{error}");
    }
}

#[test]
fn the_time_is_the_given_one_and_no_other() {
    let root = Ca::root_with(CaOptions {
        not_before: (1999, 1, 1),
        not_after: (2001, 1, 1),
        ..CaOptions::named("Root")
    });
    let leaf = root.leaf(LeafOptions {
        not_before: (1999, 6, 1),
        not_after: (2000, 6, 1),
        ..LeafOptions::default()
    });
    let on = |day| Case {
        day,
        ..Case::new(&root, &[], &leaf)
    };
    on((2000, 1, 1)).is_accepted();
    on(BEGIN).is_refused(Code::Expired, 0);
}

#[test]
fn what_only_openssl_holds_against_a_root_is_a_warning() {
    let long_ago = |name: &str| CaOptions {
        not_before: (2001, 1, 1),
        not_after: (2021, 1, 1),
        ..CaOptions::named(name)
    };
    let short = |name: &str| CaOptions {
        path_len: Some(0),
        ..CaOptions::named(name)
    };
    for (options, owed) in [
        (long_ago("Root"), "expired"),
        (short("Root"), "allows 0 CAs"),
    ] {
        let root = Ca::root_with(options);
        let ca = root.intermediate("Issuer");
        let leaf = ca.leaf_named("www.example.com");
        let pile = read("pile.pem", leaf.cert_pem.clone() + &ca.cert_pem);
        let (_, report) = bundler(&[&root.cert_pem])
            .verify(pile)
            .expect("webpki looks at neither");
        let warning = the(&report, Code::UnfitAnchor);
        assert_eq!(warning.severity, Severity::Warning);
        assert!(warning.message.contains(owed), "{warning}");

        let [root, ca, leaf] =
            [&root.cert_pem, &ca.cert_pem, &leaf.cert_pem].map(|it| temporary(it));
        let said = openssl_output(
            &[
                "verify",
                "-attime",
                &at(TODAY).as_secs().to_string(),
                "-trusted",
                path(&root),
                "-untrusted",
                path(&ca),
                path(&leaf),
            ],
            b"",
        );
        assert!(!said.status.success(), "OpenSSL takes it: {said:?}");
    }
}
