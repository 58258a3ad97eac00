//! Configurations as sound people write them, on which nothing of severity error is said, nor a
//! warning that they do not deserve.

use std::fs;

use crate::client::Client;
use crate::common::pki::{Key, KeyKind, LeafOptions};
use crate::site::{PKI, Site, client_certificate, current_lists, ecdsa, pile, rsa, whole};
use crate::{bind, doctor, frontend};

/// A sound configuration, and clients that it serves.
struct Healthy {
    what: &'static str,
    /// Brings the files and servers that it takes.
    arrange: fn(&Site),
    /// The sections of the configuration.
    config: String,
    clients: Vec<Client>,
}

/// Mozilla's intermediate list.
const INTERMEDIATE: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";
/// What its old list has more.
const OLD: &str = "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:DHE-RSA-AES128-SHA256:DHE-RSA-AES256-SHA256:AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:DES-CBC3-SHA";
const SUITES: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/// The warnings that are deserved: of Mozilla's old level, of a server that is not verified, and of
/// a CA without a list of revoked certificates.
const DESERVED: [&str; 4] = [
    "legacy-version",
    "unknown-cipher",
    "backend-unverified",
    "crl-missing",
];

/// Sites in a folder of their own.
fn folder(site: &Site) {
    for name in ["api.example.com", "shop.example.com", "www.example.com"] {
        site.write(&format!("certs/{name}.pem"), &whole(ecdsa(&[name])));
    }
}

/// A server behind HAProxy with this name, and `openssl s_server` as that.
fn app(site: &Site) {
    site.write("app.pem", &whole(rsa(&["app.internal", "www.example.com"])));
    site.s_server(&["-cert", "{dir}/app.pem", "-cert_chain", "{dir}/app.pem"]);
}

/// A client's certificate and key.
fn global(lines: &str) -> String {
    format!("global\n{lines}\n")
}

/// A frontend before one server with these words on its line.
fn server(options: &str) -> String {
    format!(
        "{}    default_backend app\n\nbackend app\n    server app1 unix@{{dir}}/back.sock {options}\n",
        bind("crt {dir}/www.pem alpn h2,http/1.1")
    )
}

fn shop() -> Client {
    Client::curl(&[]).host("shop.example.com")
}

fn healthy() -> Vec<Healthy> {
    let curl = || Client::curl(&[]);
    let www = || "crt {dir}/www.pem crt {dir}/www-rsa.pem".to_owned();
    vec![
        Healthy {
            what: "Mozilla's modern level",
            arrange: |_| {},
            config: global(&format!(
                "    ssl-default-bind-ciphersuites {SUITES}
    ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets
    ssl-default-server-ciphersuites {SUITES}
    ssl-default-server-options ssl-min-ver TLSv1.3 no-tls-tickets"
            )) + &frontend(&(www() + " alpn h2,http/1.1")),
            clients: vec![curl(), Client::rustls(), Client::openssl(&["-tls1_3"])],
        },
        Healthy {
            what: "Mozilla's intermediate level",
            arrange: |_| {},
            config: global(&format!(
                "    ssl-default-bind-curves X25519:prime256v1:secp384r1
    ssl-default-bind-ciphers {INTERMEDIATE}
    ssl-default-bind-ciphersuites {SUITES}
    ssl-default-bind-options prefer-client-ciphers ssl-min-ver TLSv1.2 no-tls-tickets"
            )) + &frontend(&(www() + " alpn h2,http/1.1")),
            clients: vec![curl(), Client::rustls(), Client::openssl(&["-tls1_2"])],
        },
        Healthy {
            what: "Mozilla's old level, with @SECLEVEL=0 as OpenSSL 3 wants it",
            arrange: |_| {},
            config: global(&format!(
                "    ssl-default-bind-ciphers {INTERMEDIATE}:{OLD}:@SECLEVEL=0
    ssl-default-bind-ciphersuites {SUITES}
    ssl-default-bind-options ssl-min-ver TLSv1.0 no-tls-tickets"
            )) + &frontend(&www()),
            clients: vec![
                curl(),
                Client::openssl(&["-tls1", "-cipher", "ALL:@SECLEVEL=0"]),
                Client::openssl(&["-tls1_2", "-cipher", "AES128-SHA"]),
            ],
        },
        Healthy {
            what: "twins: www.both.rsa and www.both.ecdsa",
            arrange: |site| {
                site.write("www.both.rsa", &whole(rsa(&["www.example.com"])));
                site.write("www.both.ecdsa", &whole(ecdsa(&["www.example.com"])));
            },
            config: frontend("crt {dir}/www.both"),
            clients: vec![
                curl(),
                Client::openssl(&["-sigalgs", "RSA+SHA256:RSA-PSS+SHA256"]),
            ],
        },
        Healthy {
            what: "a crt-list with filters and options",
            arrange: |site| {
                site.write("wild.pem", &whole(ecdsa(&["*.example.com", "example.com"])));
                site.write("api.pem", &whole(ecdsa(&["api.example.com"])));
                site.write(
                    "list.txt",
                    "# the default comes first
{dir}/www.pem
{dir}/wild.pem [alpn h2,http/1.1] *.example.com example.com !api.example.com
{dir}/api.pem [ssl-min-ver TLSv1.3] api.example.com
",
                );
            },
            config: frontend("crt-list {dir}/list.txt"),
            clients: vec![curl(), shop(), curl().host("api.example.com"), curl().host("example.com")],
        },
        Healthy {
            what: "a crt-list whose line has the ciphers that its key wants",
            arrange: |site| {
                let ciphers = "[ciphers ECDHE+aECDSA+AESGCM ssl-max-ver TLSv1.2]";
                site.write("list.txt", &format!("{{dir}}/www.pem {ciphers}\n"));
            },
            config: frontend("crt-list {dir}/list.txt ciphers ECDHE+aRSA+AESGCM"),
            clients: vec![curl(), Client::rustls(), Client::openssl(&["-tls1_2"])],
        },
        Healthy {
            what: "a folder of certificates, and routes by hdr(host)",
            arrange: folder,
            config: format!(
                "{}    use_backend shop if {{ hdr(host) -i shop.example.com }}
    use_backend api if {{ req.hdr(host) -i api.example.com }}
    default_backend www

backend shop
    http-request return status 200
backend api
    http-request return status 200
backend www
    http-request return status 200
",
                bind("crt {dir}/certs/www.example.com.pem crt {dir}/certs alpn h2,http/1.1")
            ),
            clients: vec![curl(), shop(), curl().host("api.example.com"), Client::rustls().without_name()],
        },
        Healthy {
            what: "routes by SNI in tcp mode, TLS ends behind it",
            arrange: |site| {
                folder(site);
                site.haproxy_server("ssl crt {dir}/certs");
            },
            config: "frontend by-name
    mode tcp
    bind unix@{dir}/tls.sock
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend shop if { req.ssl_sni -i shop.example.com }
    default_backend others

backend shop
    mode tcp
    server shop unix@{dir}/back.sock check

backend others
    mode tcp
    server others unix@{dir}/back.sock check
"
            .to_owned(),
            clients: vec![curl(), shop()],
        },
        Healthy {
            what: "waits for the name in a defaults section, and routes by it in tcp mode",
            arrange: |site| {
                folder(site);
                site.haproxy_server("ssl crt {dir}/certs");
            },
            config: "defaults waiting from usual
    mode tcp
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }

frontend by-name from waiting
    bind unix@{dir}/tls.sock
    use_backend shop if { req.ssl_sni -i shop.example.com }
    default_backend others

backend shop from usual
    mode tcp
    server shop unix@{dir}/back.sock check

backend others from usual
    mode tcp
    server others unix@{dir}/back.sock check
"
            .to_owned(),
            clients: vec![curl(), shop()],
        },
        Healthy {
            what: "strict-sni, and a certificate for every host that is routed",
            arrange: folder,
            config: format!(
                "{}    acl shop hdr(host) -i shop.example.com
    http-request deny if !shop !{{ hdr(host) -i www.example.com }}
    http-request return status 200
",
                bind("crt {dir}/certs strict-sni")
            ),
            clients: vec![curl(), shop()],
        },
        Healthy {
            what: "client certificates, required",
            arrange: client_certificate,
            config: frontend("crt {dir}/www.pem verify required ca-file {dir}/root.pem"),
            clients: vec![Client::curl(&["--cert", "{dir}/client.pem"])],
        },
        Healthy {
            what: "client certificates, optional, with a list of revoked ones",
            arrange: |site| {
                client_certificate(site);
                current_lists(site);
            },
            config: frontend("crt {dir}/www.pem verify optional ca-file {dir}/root.pem crl-file {dir}/crl.pem"),
            clients: vec![curl(), Client::curl(&["--cert", "{dir}/client.pem"])],
        },
        Healthy {
            what: "client certificates, of one of two CAs, of which the other has no list of revoked ones",
            arrange: |site| {
                client_certificate(site);
                let both = PKI.root.cert_pem.clone() + &PKI.stranger.cert_pem;
                site.write("clients-ca.pem", &both);
                current_lists(site);
            },
            config: frontend(
                "crt {dir}/www.pem verify required ca-file {dir}/clients-ca.pem crl-file {dir}/crl.pem",
            ),
            clients: vec![Client::curl(&["--cert", "{dir}/client.pem"])],
        },
        Healthy {
            what: "client certificates, of a CA whose root is in ca-verify-file",
            arrange: |site| {
                client_certificate(site);
                site.write("issuing.pem", &PKI.issuing.cert_pem);
            },
            config: frontend(
                "crt {dir}/www.pem verify required ca-file {dir}/issuing.pem ca-verify-file {dir}/root.pem",
            ),
            clients: vec![Client::curl(&["--cert", "{dir}/client.pem"])],
        },
        Healthy {
            what: "a server verified with verifyhost",
            arrange: app,
            config: server("ssl verify required ca-file {dir}/root.pem verifyhost app.internal check"),
            clients: vec![curl(), Client::rustls()],
        },
        Healthy {
            what: "a server verified by the name that the client asked for",
            arrange: app,
            config: server(
                "ssl verify required ca-file {dir}/root.pem sni req.hdr(host) check check-sni app.internal",
            ),
            clients: vec![curl()],
        },
        Healthy {
            what: "h2 on both sides",
            arrange: |site| site.haproxy_server("ssl crt {dir}/www.pem alpn h2"),
            config: server("ssl verify required ca-file {dir}/root.pem sni str(www.example.com) alpn h2 check check-sni www.example.com check-alpn h2"),
            clients: vec![curl(), Client::curl(&["--http2"])],
        },
        Healthy {
            what: "a server that wants a certificate of HAProxy",
            arrange: |site| {
                client_certificate(site);
                site.haproxy_server("ssl crt {dir}/www.pem verify required ca-file {dir}/root.pem");
            },
            config: server("ssl verify required ca-file {dir}/root.pem sni str(www.example.com) crt {dir}/client.pem"),
            clients: vec![curl()],
        },
        Healthy {
            what: "the PROXY protocol on both sides",
            arrange: |site| {
                site.haproxy_server("ssl crt {dir}/www.pem accept-proxy");
            },
            config: server("ssl verify required ca-file {dir}/root.pem sni str(www.example.com) send-proxy-v2")
                .replace(" ssl crt", " accept-proxy ssl crt"),
            clients: vec![Client::curl(&["--haproxy-protocol"])],
        },
        Healthy {
            what: "named defaults, and default-server with all that is common",
            arrange: app,
            config: format!(
                "defaults inner
    mode http
    log global
    option httpslog
    retries 0
    timeout client 20s
    timeout connect 20s
    timeout server 20s
    default-server ssl verify required ca-file {{dir}}/root.pem sni str(app.internal) check-sni app.internal inter 100ms fall 1 rise 1

{}    default_backend app

backend app from inner
    server app1 unix@{{dir}}/back.sock check
    server app2 unix@{{dir}}/back.sock check backup
",
                bind("crt {dir}/www.pem").replace("frontend web", "frontend web from inner")
            ),
            clients: vec![curl()],
        },
        Healthy {
            what: "several files",
            arrange: |site| {
                site.write(
                    "conf.d/20-app.cfg",
                    "backend app\n    http-request return status 200\n",
                );
                site.write(
                    "conf.d/10-web.cfg",
                    &(bind("crt {dir}/www.pem") + "    default_backend app\n"),
                );
                // It is not read.
                site.write("conf.d/30-old.cfg.bak", "frontend old\n    bind :443 ssl crt nowhere\n");
            },
            config: String::new(),
            clients: vec![curl()],
        },
        Healthy {
            what: "variables of the environment, quotes and comments",
            arrange: |site| {
                site.write("my certs/www.pem", &whole(ecdsa(&["www.example.com"])));
            },
            config: "frontend web # of www
    bind \"unix@${SITE}/tls.sock\" ssl crt \"${SITE}/my certs/www.pem\" alpn ${ALPN-http/1.1} # crt nowhere
    http-request return status 200 content-type text/plain string a\\ #\\ b
"
            .replace("alpn ${ALPN-http/1.1}", "alpn \"${ALPN-http/1.1}\""),
            clients: vec![curl()],
        },
        Healthy {
            what: "issuers-chain-path that completes the chain",
            arrange: |site| {
                site.write("alone.pem", &pile(&PKI.issuing.leaf(ecdsa(&["www.example.com"])), &[]));
                site.write("chains/issuing.pem", &PKI.issuing.cert_pem);
            },
            config: global("    issuers-chain-path {dir}/chains") + &frontend("crt {dir}/alone.pem"),
            clients: vec![curl(), Client::rustls()],
        },
        Healthy {
            what: "crt-base and ca-base",
            arrange: |site| {
                client_certificate(site);
                site.write("certs/www.pem", &whole(rsa(&["www.example.com"])));
                site.write("ca/clients.pem", &PKI.root.cert_pem);
            },
            config: global("    crt-base {dir}/certs\n    ca-base {dir}/ca")
                + &frontend("crt www.pem verify optional ca-file clients.pem"),
            clients: vec![curl(), Client::curl(&["--cert", "{dir}/client.pem"])],
        },
        Healthy {
            what: "the key in a file of its own, by ssl-load-extra-del-ext",
            arrange: |site| {
                let leaf = PKI.issuing.leaf(ecdsa(&["www.example.com"]));
                site.write("site.crt", &(leaf.cert_pem + &PKI.issuing.cert_pem));
                site.write("site.key", &leaf.key_pem);
            },
            config: global("    ssl-load-extra-del-ext\n    ssl-load-extra-files key ocsp")
                + &frontend("crt {dir}/site.crt"),
            clients: vec![curl()],
        },
        Healthy {
            what: "a map of hosts below a wildcard",
            arrange: |site| {
                site.write("wild.pem", &whole(rsa(&["*.example.com", "example.com"])));
                site.write("hosts.map", "shop.example.com shop\nwww.example.com www\n");
            },
            config: format!(
                "{}    use_backend %[req.hdr(host),lower,map({{dir}}/hosts.map,www)]

backend shop
    http-request return status 200
backend www
    http-request return status 200
",
                bind("crt {dir}/wild.pem")
            ),
            clients: vec![curl(), shop()],
        },
        Healthy {
            what: "plain HTTP that is sent to TLS, and conditional blocks",
            arrange: |_| {},
            config: format!(
                ".if version_atleast(2.4)\nfrontend plain
    bind unix@{{dir}}/plain.sock
    http-request redirect scheme https unless {{ ssl_fc }}
.endif\n.if version_atleast(9.0)\nfrontend web\n    no-such-word\n.else\n{}.endif\n",
                frontend("crt {dir}/www.pem").replace("ok\n", "ok\n    http-response set-header Strict-Transport-Security max-age=63072000\n")
            ),
            clients: vec![curl()],
        },
        Healthy {
            what: "a server in the same machine, not verified, and said so",
            arrange: app,
            config: server("ssl verify none check"),
            clients: vec![curl()],
        },
        Healthy {
            what: "an RSA key of 3072 bits, and an ECDSA one on P-384",
            arrange: |site| {
                for (name, kind) in [("a.pem", KeyKind::P384), ("b.pem", KeyKind::Rsa(3072))] {
                    let options = LeafOptions {
                        shared_key: Some(Key::nth(kind, 0)),
                        ..ecdsa(&["www.example.com"])
                    };
                    site.write(name, &whole(options));
                }
            },
            config: frontend("crt {dir}/a.pem crt {dir}/b.pem"),
            clients: vec![curl(), Client::openssl(&["-sigalgs", "RSA+SHA256:RSA-PSS+SHA256"])],
        },
        Healthy {
            what: "what Debian ships, with a frontend added",
            arrange: |_| {},
            config: debian(),
            clients: vec![curl()],
        },
    ]
}

/// The configuration that Debian's package brings, without what only root may do.
fn debian() -> String {
    let path = "/etc/haproxy/haproxy.cfg";
    let shipped = fs::read_to_string(path).expect("the tests need it: apt-get install haproxy");
    let needs_root = [
        "chroot",
        "user",
        "group",
        "daemon",
        "stats",
        "log\t/dev",
        "log /dev",
    ];
    let lines = shipped.lines().filter(|line| {
        let line = line.trim_start();
        !needs_root.iter().any(|word| line.starts_with(word))
    });
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    lines + &frontend("crt {dir}/www.pem")
}

#[test]
fn healthy_configurations_serve_their_clients() {
    let all = healthy();
    assert!(all.len() >= 20);
    let head = "| | configuration | clients | findings |\n|---|---|---|---|\n";
    let (mut table, mut unlike) = (head.to_owned(), Vec::new());
    for case in &all {
        let site = Site::new();
        (case.arrange)(&site);
        site.configure(&case.config);
        match site.start() {
            Ok(_running) => {
                for options in [&[][..], &["--live"]] {
                    let said = doctor::ask(&site, options);
                    if !options.is_empty() {
                        let (clients, said) = (case.clients.len(), said.summary());
                        table += &format!("| healthy | {} | {clients} | {said} |\n", case.what);
                    }
                    let undeserved = said.errors_and_warnings_but(&DESERVED);
                    if !undeserved.is_empty() {
                        let undeserved = undeserved.join("; ");
                        unlike.push(format!("{}, {options:?}: {undeserved}", case.what));
                    }
                }
                for client in &case.clients {
                    if let Err(said) = client.visit(&site) {
                        unlike.push(format!("{}: {}: {said}", case.what, client.host));
                    }
                }
            }
            Err(said) => unlike.push(format!("{}: {said}", case.what)),
        }
    }
    print!("{table}");
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}
