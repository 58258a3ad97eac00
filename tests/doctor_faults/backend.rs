//! A server behind HAProxy that it does not accept, or that does not accept HAProxy.

use crate::common::pki::{Eku, LeafOptions, self_signed_leaf};
use crate::site::{PKI, Site, current_lists, ecdsa, pile, whole};
use crate::{Cure, Fault};

const APP: &[&str] = &["app.internal"];

/// A server with the usual certificate.
fn usual(site: &Site) {
    serve(site, &whole(ecdsa(APP)), &[]);
}

/// `openssl s_server` with this content of a file.
pub fn serve(site: &Site, pem: &str, options: &[&str]) {
    site.end_servers();
    site.write("back.pem", pem);
    let fixed = ["-cert", "{dir}/back.pem", "-cert_chain", "{dir}/back.pem"];
    site.s_server(&[&fixed[..], options].concat());
}

/// A HAProxy with a certificate for this name and another as its default.
fn serve_by_name(site: &Site, options: &str) {
    site.write("back/a.pem", &whole(ecdsa(&["other.internal"])));
    site.write("back/b.pem", &whole(ecdsa(APP)));
    site.haproxy_server(&format!("ssl crt {{dir}}/back {options}"));
}

/// A frontend, and a backend with one server and these words on its line.
pub fn server(options: &str) -> String {
    format!(
        "{}    default_backend app

backend app
    server app1 unix@{{dir}}/back.sock {options}
",
        crate::bind("crt {dir}/www.pem")
    )
}

pub fn faults() -> Vec<Fault> {
    let line = ("haproxy.cfg", "server app1");
    vec![
        Fault {
            what: "ssl, and nothing said of verifying",
            arrange: usual,
            config: server("ssl"),
            options: &["--live"],
            code: "verify-without-ca",
            place: line,
            cure: Cure::People("the certificate of the CA CN=Example Root", |site| {
                site.reconfigure("ssl\n", "ssl ca-file {dir}/root.pem verifyhost app.internal\n");
            }),
            ..Fault::default()
        },
        Fault {
            what: "the ca-file does not hold the issuer",
            arrange: |site| {
                usual(site);
                site.write("ca.pem", &PKI.stranger.cert_pem);
            },
            config: server("ssl verify required ca-file {dir}/ca.pem sni str(app.internal)"),
            options: &["--live"],
            code: "backend-untrusted",
            place: line,
            cure: Cure::People("Put the CA's certificate into the ca-file", |site| site.write("ca.pem", &PKI.root.cert_pem)),
            ..Fault::default()
        },
        Fault {
            what: "verifyhost with a name that the certificate does not have",
            arrange: usual,
            config: server("ssl verify required ca-file {dir}/root.pem verifyhost app1.internal"),
            options: &["--live"],
            code: "backend-name",
            place: line,
            change: "verifyhost app.internal",
            ..Fault::default()
        },
        Fault {
            what: "verifyhost with an expression",
            arrange: usual,
            config: server("ssl verify required ca-file {dir}/root.pem verifyhost str(app.internal)"),
            code: "sni-expression",
            place: line,
            change: "verifyhost app.internal",
            ..Fault::default()
        },
        Fault {
            what: "clients' own TLS is passed on, and encrypted once more",
            arrange: |site| {
                site.haproxy_server("ssl crt {dir}/www.pem");
            },
            config: "frontend web
    mode tcp
    bind unix@{dir}/tls.sock
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend app if { req.ssl_sni -i www.example.com }

backend app
    mode tcp
    server app1 unix@{dir}/back.sock ssl verify none
"
            .to_owned(),
            code: "tls-in-tls",
            place: line,
            change: "-    server app1 unix@{dir}/back.sock ssl verify none` `+    server app1 unix@{dir}/back.sock`",
            ..Fault::default()
        },
        Fault {
            what: "sni with a name, and no expression",
            arrange: usual,
            config: server("ssl verify required ca-file {dir}/root.pem sni app.internal"),
            code: "sni-expression",
            place: line,
            change: "sni str(app.internal)",
            ..Fault::default()
        },
        Fault {
            what: "sni with a name that the certificate does not have",
            arrange: usual,
            config: server("ssl verify required ca-file {dir}/root.pem sni str(www.example.com)"),
            options: &["--live"],
            code: "backend-name",
            place: line,
            ..Fault::default()
        },
        Fault {
            what: "no sni, and the server has strict-sni",
            arrange: |site| serve_by_name(site, "strict-sni"),
            config: server("ssl verify required ca-file {dir}/root.pem"),
            options: &["--live"],
            code: "backend-refuses",
            place: line,
            cure: Cure::People("`sni str(NAME)`", |site| site.reconfigure("root.pem\n", "root.pem sni str(app.internal)\n")),
            ..Fault::default()
        },
        Fault {
            what: "no sni, and the server shows its default certificate",
            arrange: |site| serve_by_name(site, ""),
            config: server("ssl verify required ca-file {dir}/root.pem verifyhost app.internal"),
            options: &["--live"],
            code: "backend-name",
            place: line,
            change: "sni str(app.internal)",
            ..Fault::default()
        },
        Fault {
            what: "the server's certificate is self-signed",
            arrange: |site| serve(site, &pile(&self_signed_leaf("app.internal", false), &[]), &[]),
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal)"),
            options: &["--live"],
            code: "backend-untrusted",
            place: line,
            cure: Cure::People("signed itself", usual),
            ..Fault::default()
        },
        Fault {
            what: "the server's certificate has expired",
            arrange: |site| {
                let old = LeafOptions { not_after: (2024, 5, 1), ..ecdsa(APP) };
                serve(site, &whole(old), &[]);
            },
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal)"),
            options: &["--live"],
            code: "backend-untrusted",
            place: line,
            cure: Cure::People("expired on 2024-05-01", usual),
            ..Fault::default()
        },
        Fault {
            what: "the server does not send its intermediate",
            arrange: |site| serve(site, &pile(&PKI.issuing.leaf(ecdsa(APP)), &[]), &[]),
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal)"),
            options: &["--live"],
            code: "backend-untrusted",
            place: line,
            cure: Cure::People("have the server send its intermediates", usual),
            ..Fault::default()
        },
        Fault {
            what: "checks send an expression for a name, and the server has strict-sni",
            arrange: |site| serve_by_name(site, "strict-sni"),
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal) check check-sni str(app.internal)"),
            code: "sni-expression",
            place: line,
            change: "check-sni app.internal",
            ..Fault::default()
        },
        Fault {
            what: "checks send no name, and the server has strict-sni",
            arrange: |site| serve_by_name(site, "strict-sni"),
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal) check"),
            options: &["--live"],
            code: "check-without-sni",
            place: line,
            ..Fault::default()
        },
        Fault {
            what: "checks go to another address, and then without TLS",
            arrange: usual,
            config: server(
                "ssl verify required ca-file {dir}/root.pem sni str(app.internal) check addr unix@{dir}/back.sock",
            )
            .replace("    server", "    option httpchk GET /\n    server"),
            options: &["--live"],
            code: "check-without-tls",
            place: line,
            ..Fault::default()
        },
        Fault {
            what: "ssl-min-ver TLSv1.3, and the server speaks TLS 1.2",
            arrange: |site| serve(site, &whole(ecdsa(APP)), &["-tls1_2"]),
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal) ssl-min-ver TLSv1.3"),
            options: &["--live"],
            code: "backend-refuses",
            place: line,
            ..Fault::default()
        },
        Fault {
            what: "ciphers for RSA keys, and the server has an ECDSA key and TLS 1.2",
            arrange: |site| serve(site, &whole(ecdsa(APP)), &["-tls1_2"]),
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal) ciphers ECDHE+aRSA"),
            options: &["--live"],
            code: "backend-refuses",
            place: line,
            change: "ECDHE-ECDSA-AES128-GCM-SHA256",
            ..Fault::default()
        },
        Fault {
            what: "the server wants a certificate of its clients",
            arrange: |site| {
                let options = LeafOptions { ekus: vec![Eku::ClientAuth], ..ecdsa(&["haproxy"]) };
                site.write("client.pem", &whole(options));
                serve(
                    site,
                    &whole(ecdsa(APP)),
                    &["-CAfile", "{dir}/root.pem", "-Verify", "3", "-verify_return_error"],
                );
            },
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal)"),
            options: &["--live"],
            code: "backend-wants-certificate",
            place: line,
            cure: Cure::People("with a certificate that the server's CA for clients issued", |site| site.reconfigure("root.pem ", "root.pem crt {dir}/client.pem ")),
            ..Fault::default()
        },
        Fault {
            what: "ssl, and the server speaks plain HTTP",
            arrange: |site| site.haproxy_server(""),
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal)"),
            options: &["--live"],
            code: "backend-plain",
            place: line,
            ..Fault::default()
        },
        Fault {
            what: "no ssl, and the server speaks TLS",
            arrange: |site| serve_by_name(site, ""),
            config: server(""),
            options: &["--live"],
            code: "backend-speaks-tls",
            place: line,
            cure: Cure::People("the certificate of the CA CN=Example Root", |site| {
                site.reconfigure(
                    "back.sock ",
                    "back.sock ssl verify required ca-file {dir}/root.pem sni str(app.internal)",
                );
            }),
            ..Fault::default()
        },
        Fault {
            what: "the ca-file of the server is not there",
            arrange: usual,
            config: server("ssl verify required ca-file {dir}/ca.pem sni str(app.internal)"),
            options: &["--live"],
            code: "ca-file",
            place: line,
            cure: Cure::People("Correct the name, or give the CA's certificates", |site| site.write("ca.pem", &PKI.root.cert_pem)),
            ..Fault::default()
        },
        Fault {
            what: "no sni, and the server is addressed by one of its names",
            arrange: |site| {
                site.write("other.pem", &whole(ecdsa(&["other.internal"])));
                site.write("back.pem", &whole(ecdsa(APP)));
                // It sends no chain with its second certificate.
                let both = PKI.issuing.cert_pem.clone() + &PKI.root.cert_pem;
                site.write("ca.pem", &both);
                site.s_server_on_port(&[
                    "-cert",
                    "{dir}/other.pem",
                    "-cert_chain",
                    "{dir}/other.pem",
                    "-servername",
                    "app.internal",
                    "-cert2",
                    "{dir}/back.pem",
                ]);
            },
            config: server("ssl verify required ca-file {dir}/ca.pem verifyhost app.internal init-addr 127.0.0.1")
                .replace("unix@{dir}/back.sock", "app.internal:{port}"),
            code: "backend-without-sni",
            place: line,
            change: "sni str(app.internal)",
            ..Fault::default()
        },
        Fault {
            what: "the ca-file holds the intermediate only",
            arrange: |site| {
                usual(site);
                site.write("ca.pem", &PKI.issuing.cert_pem);
            },
            config: server("ssl verify required ca-file {dir}/ca.pem sni str(app.internal)"),
            options: &["--live"],
            code: "ca-file-without-root",
            place: line,
            cure: Cure::People("Put the root above it into the file, too", |site| {
                let both = PKI.issuing.cert_pem.clone() + &PKI.root.cert_pem;
                site.write("ca.pem", &both);
            }),
            ..Fault::default()
        },
        Fault {
            what: "the next list of revoked certificates was due years ago",
            arrange: |site| {
                usual(site);
                let old = PKI.root.crl_pem_until((2024, 1, 1));
                site.write("crl.pem", &(old + &PKI.issuing.crl_pem()));
            },
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal) crl-file {dir}/crl.pem"),
            code: "crl-stale",
            place: line,
            cure: Cure::People("Fetch the CA's current CRL", current_lists),
            ..Fault::default()
        },
        Fault {
            what: "the crl-file has no list of the CA whose certificate the server sends along",
            arrange: |site| {
                usual(site);
                site.write("crl.pem", &PKI.root.crl_pem());
            },
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal) crl-file {dir}/crl.pem"),
            options: &["--live"],
            code: "crl-missing",
            place: line,
            cure: Cure::People("the current CRL of each CA", current_lists),
            ..Fault::default()
        },
        Fault {
            what: "verify, ca-file and sni, and the word ssl forgotten",
            arrange: usual,
            config: server("verify required ca-file {dir}/root.pem sni str(app.internal)"),
            code: "ssl-missing",
            place: line,
            change: " ssl`",
            ..Fault::default()
        },
        Fault {
            what: "ssl-max-ver TLSv1.1, which OpenSSL's security level forbids",
            arrange: usual,
            config: server("ssl verify required ca-file {dir}/root.pem sni str(app.internal) ssl-max-ver TLSv1.1"),
            options: &["--live"],
            code: "version-blocked",
            place: line,
            ..Fault::default()
        },
    ]
}
