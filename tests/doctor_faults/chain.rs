//! A chain that clients do not accept, or a file that HAProxy does not.

use crate::client::Client;
use crate::common::openssl::{KeyShape, PASSWORD, key_shape};
use crate::common::pki::{CaOptions, Eku, Key, KeyKind, LeafOptions, self_signed_leaf};
use crate::site::{PKI, Site, client_certificate, current_lists, ecdsa, pile, rsa, whole};
use crate::{Cure, Fault, doctor, frontend};

const WWW: &[&str] = &["www.example.com"];

fn leaf_alone() -> String {
    pile(&PKI.issuing.leaf(ecdsa(WWW)), &[])
}

/// What a renewal puts in its place.
fn renew(site: &Site) {
    site.write("site.pem", &whole(ecdsa(WWW)));
}

pub fn faults() -> Vec<Fault> {
    let site = || frontend("crt {dir}/site.pem");
    let client_ca =
        |options: &str| frontend(&format!("crt {{dir}}/www.pem verify required {options}"));
    vec![
        Fault {
            what: "the intermediate is missing",
            arrange: |site| site.write("site.pem", &leaf_alone()),
            config: site(),
            code: "missing-issuer",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            ..Fault::default()
        },
        Fault {
            what: "the intermediate is another one of the CA's",
            arrange: |site| {
                let other = PKI.root.intermediate("Example Issuing 2");
                site.write("site.pem", &pile(&PKI.issuing.leaf(ecdsa(WWW)), &[&other]));
            },
            config: site(),
            client: Client::rustls(),
            code: "missing-issuer",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            ..Fault::default()
        },
        Fault {
            what: "the intermediate has the issuer's name and another key",
            arrange: |site| {
                let old = PKI.root.intermediate("Example Issuing");
                site.write("site.pem", &pile(&PKI.issuing.leaf(ecdsa(WWW)), &[&old]));
            },
            config: site(),
            client: Client::openssl(&[]),
            code: "bad-signature",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            ..Fault::default()
        },
        Fault {
            what: "the intermediate stands before the leaf",
            arrange: |site| {
                let leaf = PKI.issuing.leaf(ecdsa(WWW));
                site.write(
                    "site.pem",
                    &(PKI.issuing.cert_pem.clone() + &pile(&leaf, &[])),
                );
            },
            config: site(),
            code: "key-mismatch",
            place: ("site.pem", "BEGIN PRIVATE KEY"),
            ..Fault::default()
        },
        Fault {
            what: "the certificate has expired",
            arrange: |site| {
                site.write(
                    "site.pem",
                    &whole(LeafOptions {
                        not_after: (2024, 5, 1),
                        ..ecdsa(WWW)
                    }),
                );
            },
            config: site(),
            code: "expired",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            cure: Cure::People("Renew it", renew),
            ..Fault::default()
        },
        Fault {
            what: "the certificate is not valid yet",
            arrange: |site| {
                site.write(
                    "site.pem",
                    &whole(LeafOptions {
                        not_before: (2099, 5, 1),
                        ..ecdsa(WWW)
                    }),
                );
            },
            config: site(),
            client: Client::rustls(),
            code: "not-yet-valid",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            // Nobody can wait so long here: one that is valid now is as good.
            cure: Cure::People("Wait", renew),
            ..Fault::default()
        },
        Fault {
            what: "the intermediate has expired, and there is a newer one",
            arrange: |site| {
                let old = PKI.root.intermediate_with(CaOptions {
                    not_after: (2024, 5, 1),
                    shared_key: Some(PKI.issuing.key.clone()),
                    ..CaOptions::named("Example Issuing")
                });
                site.write("site.pem", &pile(&PKI.issuing.leaf(ecdsa(WWW)), &[&old]));
            },
            config: site(),
            client: Client::openssl(&[]),
            code: "expired",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            ..Fault::default()
        },
        Fault {
            what: "the key is the one of the certificate before",
            arrange: |site| {
                let leaf = PKI.issuing.leaf(ecdsa(WWW));
                let key = Key::nth(KeyKind::P256, 1).pem();
                site.write("site.pem", &(leaf.cert_pem + &PKI.issuing.cert_pem + &key));
            },
            config: site(),
            code: "key-mismatch",
            place: ("site.pem", "BEGIN"),
            cure: Cure::People("have the certificate issued anew", renew),
            ..Fault::default()
        },
        Fault {
            what: "no key, neither in the file nor beside it",
            arrange: |site| {
                let leaf = PKI.issuing.leaf(rsa(WWW));
                site.write("site.pem", &(leaf.cert_pem + &PKI.issuing.cert_pem));
            },
            config: site(),
            code: "no-key",
            place: ("haproxy.cfg", "bind"),
            cure: Cure::People("no file {dir}/site.pem.key", |site| {
                site.write("site.pem.key", &Key::nth(KeyKind::Rsa(2048), 0).pem());
            }),
            ..Fault::default()
        },
        Fault {
            what: "the chain is in one file, and its key in another beside it",
            arrange: |site| {
                let leaf = PKI.issuing.leaf(ecdsa(WWW));
                let chain = leaf.cert_pem + &PKI.issuing.cert_pem;
                site.write("live/fullchain.pem", &chain);
                site.write("live/privkey.pem", &leaf.key_pem);
            },
            config: frontend("crt {dir}/live/fullchain.pem"),
            code: "no-key",
            place: ("live/fullchain.pem", ""),
            change: "fullchain.pem: written anew by its key",
            ..Fault::default()
        },
        Fault {
            what: "the file has the key of before, and the new one is beside it",
            arrange: |site| {
                let leaf = PKI.issuing.leaf(ecdsa(WWW));
                let chain = leaf.cert_pem + &PKI.issuing.cert_pem;
                let before = Key::nth(KeyKind::Rsa(2048), 0).pem();
                site.write("live/site.pem", &(chain + &before));
                site.write("live/new.key", &leaf.key_pem);
            },
            config: frontend("crt {dir}/live/site.pem"),
            code: "key-mismatch",
            place: ("live/site.pem", ""),
            change: "site.pem: written anew by its key",
            ..Fault::default()
        },
        Fault {
            what: "the key is encrypted",
            arrange: |site| {
                let leaf = PKI.issuing.leaf(ecdsa(WWW));
                let key = key_shape(&leaf.key_pem, KeyShape::EncryptedPkcs8);
                let key = String::from_utf8(key).expect("it is PEM");
                site.write("site.pem", &(leaf.cert_pem + &PKI.issuing.cert_pem + &key));
            },
            config: site(),
            code: "encrypted-key",
            place: ("site.pem", "ENCRYPTED"),
            cure: Cure::People("`--passphrase-file`", |site| {
                site.write("passphrase", PASSWORD);
                doctor::fullchain(
                    site,
                    "bundle --roots {dir}/root.pem --passphrase-file {dir}/passphrase --out {dir}/site.pem {dir}/site.pem",
                );
            }),
            ..Fault::default()
        },
        Fault {
            what: "a self-signed certificate, and a CA's was meant",
            arrange: |site| {
                site.write(
                    "site.pem",
                    &pile(&self_signed_leaf("www.example.com", false), &[]),
                );
            },
            config: site(),
            code: "self-signed",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            cure: Cure::People("Have it signed by a CA", renew),
            ..Fault::default()
        },
        Fault {
            what: "the certificate is a CA's",
            arrange: |site| {
                site.write(
                    "site.pem",
                    &whole(LeafOptions {
                        is_ca: Some(true),
                        ..ecdsa(WWW)
                    }),
                );
            },
            config: site(),
            client: Client::rustls(),
            code: "ca-as-leaf",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            cure: Cure::People("Issue a certificate with CA:FALSE", renew),
            ..Fault::default()
        },
        Fault {
            what: "the certificate is for clients",
            arrange: |site| {
                site.write(
                    "site.pem",
                    &whole(LeafOptions {
                        ekus: vec![Eku::ClientAuth],
                        ..ecdsa(WWW)
                    }),
                );
            },
            config: site(),
            client: Client::openssl(&[]),
            code: "not-for-servers",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            cure: Cure::People("Have it issued for server authentication", renew),
            ..Fault::default()
        },
        Fault {
            what: "issuers-chain-path has chains of others only",
            arrange: |site| {
                site.write("site.pem", &leaf_alone());
                site.write("chains/other.pem", &PKI.stranger.cert_pem);
            },
            config: format!("global\n    issuers-chain-path {{dir}}/chains\n{}", site()),
            code: "issuers-chain-path",
            place: ("haproxy.cfg", "issuers-chain-path"),
            cure: Cure::People("Put the issuer's certificates there", |site| {
                site.write("chains/issuing.pem", &PKI.issuing.cert_pem);
            }),
            ..Fault::default()
        },
        Fault {
            what: "END and BEGIN are on one line",
            arrange: |site| {
                let joined = whole(ecdsa(WWW)).replace("-----\n-----", "----------");
                site.write("site.pem", &joined);
            },
            config: site(),
            code: "not-loaded",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            ..Fault::default()
        },
        Fault {
            what: "a blank line in the intermediate",
            arrange: |site| {
                let mut lines: Vec<&str> = PKI.issuing.cert_pem.lines().collect();
                lines.insert(4, "");
                let leaf = PKI.issuing.leaf(ecdsa(WWW));
                site.write(
                    "site.pem",
                    &(leaf.cert_pem + &lines.join("\n") + "\n" + &leaf.key_pem),
                );
            },
            config: site(),
            client: Client::openssl(&[]),
            code: "not-sent",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            ..Fault::default()
        },
        Fault {
            what: "the ca-file for clients holds a key, and no certificate",
            arrange: |site| {
                client_certificate(site);
                site.write("clients-ca.pem", &Key::nth(KeyKind::P256, 0).pem());
            },
            config: client_ca("ca-file {dir}/clients-ca.pem"),
            client: Client::curl(&["--cert", "{dir}/client.pem"]),
            code: "ca-file",
            place: ("haproxy.cfg", "ca-file"),
            cure: Cure::People("give the CA's certificates", |site| {
                site.write("clients-ca.pem", &PKI.root.cert_pem);
            }),
            ..Fault::default()
        },
        Fault {
            what: "verify required on the bind line, and no ca-file",
            arrange: client_certificate,
            config: client_ca(""),
            client: Client::curl(&["--cert", "{dir}/client.pem"]),
            code: "ca-file",
            place: ("haproxy.cfg", "verify required"),
            cure: Cure::People("ca-file", |site| {
                site.reconfigure("verify required", "verify required ca-file {dir}/root.pem");
            }),
            ..Fault::default()
        },
        Fault {
            what: "a variable stands for the certificate, without quotes",
            config: "global\n    setenv CERTIFICATE {dir}/www.pem\n".to_owned()
                + &frontend("crt ${CERTIFICATE} alpn http/1.1"),
            code: "unexpanded-variable",
            place: ("haproxy.cfg", "bind"),
            change: "crt \"${CERTIFICATE}\" alpn",
            ..Fault::default()
        },
        Fault {
            what: "the crl-file for clients is not there",
            arrange: client_certificate,
            config: client_ca("ca-file {dir}/root.pem crl-file {dir}/crl.pem"),
            client: Client::curl(&["--cert", "{dir}/client.pem"]),
            code: "crl-file",
            place: ("haproxy.cfg", "crl-file"),
            cure: Cure::People("Correct the name", current_lists),
            ..Fault::default()
        },
        Fault {
            what: "the next list of revoked certificates was due years ago",
            arrange: |site| {
                client_certificate(site);
                let old = PKI.issuing.crl_pem_until((2024, 1, 1));
                site.write("crl.pem", &(PKI.root.crl_pem() + &old));
            },
            config: client_ca("ca-file {dir}/root.pem crl-file {dir}/crl.pem"),
            client: Client::curl(&["--cert", "{dir}/client.pem"]),
            code: "crl-stale",
            place: ("haproxy.cfg", "crl-file"),
            cure: Cure::People("Fetch the CA's current CRL", current_lists),
            ..Fault::default()
        },
        Fault {
            what: "the crl-file has the list of the issuing CA, and none of the root",
            arrange: |site| {
                client_certificate(site);
                site.write("crl.pem", &PKI.issuing.crl_pem());
            },
            config: client_ca("ca-file {dir}/root.pem crl-file {dir}/crl.pem"),
            client: Client::curl(&["--cert", "{dir}/client.pem"]),
            code: "crl-missing",
            place: ("haproxy.cfg", "crl-file"),
            cure: Cure::People("the root's own, too", current_lists),
            ..Fault::default()
        },
        Fault {
            what: "a line of the crt-list demands certificates of clients, and nothing has a ca-file",
            arrange: |site| {
                client_certificate(site);
                site.write("list.txt", "{dir}/www.pem [verify required]\n");
            },
            config: frontend("crt-list {dir}/list.txt"),
            client: Client::curl(&["--cert", "{dir}/client.pem"]),
            code: "ca-file",
            place: ("list.txt", "verify required"),
            cure: Cure::People("ca-file", |site| {
                site.edit("list.txt", "required", "required ca-file {dir}/root.pem");
            }),
            ..Fault::default()
        },
        Fault {
            what: "the CA's name constraints exclude the name",
            arrange: |site| {
                let narrow = PKI.root.intermediate_with(CaOptions {
                    permitted_dns: vec!["example.net".to_owned()],
                    ..CaOptions::named("Narrow")
                });
                site.write("site.pem", &pile(&narrow.leaf(ecdsa(WWW)), &[&narrow]));
            },
            config: site(),
            code: "name-constraint",
            place: ("site.pem", "BEGIN CERTIFICATE"),
            cure: Cure::People("Have it issued by a CA that may", renew),
            ..Fault::default()
        },
        Fault {
            what: "the ca-file for clients holds the intermediate only",
            arrange: |site| {
                client_certificate(site);
                site.write("clients-ca.pem", &PKI.issuing.cert_pem);
            },
            config: client_ca("ca-file {dir}/clients-ca.pem"),
            client: Client::curl(&["--cert", "{dir}/client.pem"]),
            code: "ca-file-without-root",
            place: ("haproxy.cfg", "ca-file"),
            cure: Cure::People("Put the root above it into the file, too", |site| {
                let both = PKI.issuing.cert_pem.clone() + &PKI.root.cert_pem;
                site.write("clients-ca.pem", &both);
            }),
            ..Fault::default()
        },
    ]
}
