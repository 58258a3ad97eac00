//! No certificate for a name, or another one than expected.

use crate::client::Client;
use crate::common::pki::LeafOptions;
use crate::site::{PKI, Site, ecdsa, pile, rsa, whole};
use crate::{Cure, Fault, bind, frontend};

/// A certificate of another name, in `other.pem`.
fn other(site: &Site) {
    site.write("other.pem", &whole(ecdsa(&["other.example.com"])));
}

fn wildcard(site: &Site) {
    site.write(
        "wildcard.pem",
        &whole(ecdsa(&["*.example.com", "example.com"])),
    );
}

/// A certificate of two names in a crt-list, behind that of another, with these options and filters.
fn listed(site: &Site, behind: &str) {
    other(site);
    let both = ecdsa(&["www.example.com", "shop.example.com"]);
    site.write("both.pem", &whole(both));
    site.write(
        "list.txt",
        &format!("{{dir}}/other.pem\n{{dir}}/both.pem {behind}\n"),
    );
}

/// A certificate for shop.example.com, for which the rules have a route.
fn add_shop(site: &Site) {
    site.write("shop.pem", &whole(ecdsa(&["shop.example.com"])));
}

const SHOP: &str = "
backend shop
    http-request return status 200 content-type text/plain string shop

backend nobody
    http-request return status 404
";

/// A frontend with these rules behind its bind line, and `backend shop`.
fn routed(options: &str, rules: &str) -> String {
    format!("{}{rules}    default_backend nobody\n{SHOP}", bind(options))
}

fn shop() -> Client {
    Client::curl(&[]).host("shop.example.com")
}

pub fn faults() -> Vec<Fault> {
    let with_shop = |site: &Site| {
        add_shop(site);
        site.reconfigure("crt {dir}/www.pem", "crt {dir}/www.pem crt {dir}/shop.pem");
    };
    vec![
        Fault {
            what: "a host is routed by hdr(host), and its certificate not named",
            arrange: add_shop,
            config: routed(
                "crt {dir}/www.pem",
                "    acl shop hdr(host) -i shop.example.com\n    use_backend shop if shop\n",
            ),
            client: shop(),
            code: "host-without-certificate",
            place: ("haproxy.cfg", "acl shop"),
            change: "crt {dir}/shop.pem",
            ..Fault::default()
        },
        Fault {
            what: "a host is routed by ssl_fc_sni, and its certificate not named",
            arrange: add_shop,
            config: routed(
                "crt {dir}/www.pem",
                "    use_backend shop if { ssl_fc_sni shop.example.com }\n",
            ),
            client: Client::openssl(&[]).host("shop.example.com"),
            code: "host-without-certificate",
            place: ("haproxy.cfg", "use_backend shop"),
            ..Fault::default()
        },
        Fault {
            what: "a map routes a host, and no certificate has it",
            arrange: |site| site.write("hosts.map", "# host backend\nshop.example.com shop\n"),
            config: routed(
                "crt {dir}/www.pem",
                "    use_backend %[req.hdr(host),lower,map({dir}/hosts.map,nobody)]\n",
            ),
            client: shop(),
            code: "host-without-certificate",
            place: ("haproxy.cfg", "use_backend"),
            cure: Cure::People(
                "Have it in a certificate, and name that one on the bind line",
                with_shop,
            ),
            ..Fault::default()
        },
        Fault {
            what: "the rules route a name in tcp mode, and the next hop has no certificate for it",
            config: "frontend by-name
    mode tcp
    option tcplog
    bind unix@{dir}/tls.sock
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend local if { req.ssl_sni -i shop.example.com }

backend local
    mode tcp
    server web unix@{dir}/web.sock

frontend web
    bind unix@{dir}/web.sock ssl crt {dir}/www.pem
    use_backend shop if { hdr(host) -i shop.example.com }

backend shop
    http-request return status 200 content-type text/plain string shop
"
            .to_owned(),
            client: shop(),
            code: "host-without-certificate",
            place: ("haproxy.cfg", "hdr(host)"),
            cure: Cure::People(
                "Have it in a certificate, and name that one on the bind line",
                with_shop,
            ),
            ..Fault::default()
        },
        Fault {
            what: "the default certificate is the one whose file sorts first",
            arrange: |site| {
                site.write("certs/www.pem", &whole(ecdsa(&["www.example.com"])));
                site.write("certs/api.pem", &whole(ecdsa(&["api.example.com"])));
            },
            config: frontend("crt {dir}/certs"),
            client: Client::rustls().without_name(),
            code: "default-certificate",
            place: ("haproxy.cfg", "bind"),
            cure: Cure::People("as it is loaded first", |site| {
                site.reconfigure("crt {dir}/certs", "crt {dir}/certs/www.pem crt {dir}/certs");
            }),
            ..Fault::default()
        },
        Fault {
            what: "strict-sni, and a client that sends no name",
            config: frontend("crt {dir}/www.pem strict-sni"),
            client: Client::openssl(&[]).without_name(),
            code: "strict-sni-alerts",
            place: ("haproxy.cfg", "strict-sni"),
            cure: Cure::Edit,
            ..Fault::default()
        },
        Fault {
            what: "strict-sni, and the certificate of a routed host is not named",
            arrange: add_shop,
            config: routed(
                "crt {dir}/www.pem strict-sni",
                "    use_backend shop if { req.hdr(host) -i shop.example.com }\n",
            ),
            client: shop(),
            code: "host-without-certificate",
            place: ("haproxy.cfg", "use_backend shop"),
            ..Fault::default()
        },
        Fault {
            what: "two files have the name, and the old one is loaded first",
            arrange: |site| {
                let old = LeafOptions {
                    not_after: (2024, 5, 1),
                    ..ecdsa(&["www.example.com"])
                };
                site.write("certs/2023.pem", &whole(old));
                site.write("certs/2026.pem", &whole(ecdsa(&["www.example.com"])));
            },
            config: frontend("crt {dir}/certs"),
            code: "name-claimed-twice",
            place: ("haproxy.cfg", "bind"),
            cure: Cure::People("Remove the file that is out of date", |site| {
                std::fs::remove_file(site.path("certs/2023.pem")).expect("it is there");
            }),
            ..Fault::default()
        },
        Fault {
            what: "a wildcard with an ECDSA key hides the very name with an RSA key",
            arrange: |site| {
                let internal = PKI.stranger.leaf(ecdsa(&["*.example.com"]));
                site.write("internal.pem", &pile(&internal, &[]));
                // Some clients have this one, too.
                site.write("internal-root.pem", &PKI.stranger.cert_pem);
            },
            config: frontend("crt {dir}/www-rsa.pem crt {dir}/internal.pem"),
            options: &["--roots", "{dir}/internal-root.pem"],
            code: "wildcard-wins",
            place: ("haproxy.cfg", "bind"),
            cure: Cure::People(
                "exclude it from the wildcard (`!NAME` in a crt-list)",
                |site| {
                    // By a crt-list, in which a filter can keep the name from the wildcard.
                    site.write(
                        "list.txt",
                        "{dir}/www-rsa.pem\n{dir}/internal.pem *.example.com !www.example.com\n",
                    );
                    site.reconfigure(
                        "crt {dir}/www-rsa.pem crt {dir}/internal.pem",
                        "crt-list {dir}/list.txt",
                    );
                },
            ),
            ..Fault::default()
        },
        Fault {
            what: "a filter of the crt-list takes the name out of the wildcard",
            arrange: |site| {
                other(site);
                wildcard(site);
                site.write(
                    "list.txt",
                    "{dir}/other.pem\n{dir}/wildcard.pem *.example.com !shop.example.com\n",
                );
            },
            config: routed(
                "crt-list {dir}/list.txt",
                "    use_backend shop if { hdr(host) shop.example.com }\n",
            ),
            client: shop(),
            code: "host-without-certificate",
            place: ("haproxy.cfg", "use_backend shop"),
            change: "`+{dir}/wildcard.pem *.example.com`",
            ..Fault::default()
        },
        Fault {
            what: "the filters of the crt-list lack a name that the rules route",
            arrange: |site| listed(site, "[alpn http/1.1] www.example.com"),
            config: routed(
                "crt-list {dir}/list.txt",
                "    use_backend shop if { hdr(host) -i shop.example.com }\n",
            ),
            client: shop(),
            code: "host-without-certificate",
            place: ("haproxy.cfg", "use_backend shop"),
            change: "`+{dir}/both.pem [alpn http/1.1] www.example.com shop.example.com`",
            ..Fault::default()
        },
        Fault {
            what: "the crt-list lacks the certificate of a routed host, which lies beside the others",
            arrange: |site| {
                add_shop(site);
                site.write("list.txt", "# sites\n{dir}/www.pem\n\n# more\n");
            },
            config: routed(
                "crt-list {dir}/list.txt",
                "    use_backend shop if { hdr(host) -i shop.example.com }\n",
            ),
            client: shop(),
            code: "host-without-certificate",
            place: ("haproxy.cfg", "use_backend shop"),
            change: "`+{dir}/shop.pem`",
            ..Fault::default()
        },
        Fault {
            what: "the certificate itself is named as a crt-list",
            config: frontend("crt-list {dir}/www.pem"),
            code: "crt-list-syntax",
            place: ("www.pem", "-----BEGIN "),
            change: "bind unix@{dir}/tls.sock ssl crt {dir}/www.pem",
            ..Fault::default()
        },
        Fault {
            what: "filters of the crt-list hide a name that the certificate has",
            arrange: |site| listed(site, "www.example.com"),
            config: routed(
                "crt-list {dir}/list.txt",
                "    use_backend shop if { hdr(host) -i www.example.com shop.example.com }\n",
            ),
            client: shop(),
            code: "filter-hides-names",
            place: ("haproxy.cfg", "bind"),
            cure: Cure::People(
                "Add the names to the filters, or remove the filters",
                |site| site.edit("list.txt", "both.pem www.example.com", "both.pem"),
            ),
            ..Fault::default()
        },
        Fault {
            what: "a wildcard does not cover two labels",
            arrange: wildcard,
            config: routed(
                "crt {dir}/wildcard.pem",
                "    use_backend shop if { hdr(host) -i eu.shop.example.com }\n",
            ),
            client: Client::rustls().host("eu.shop.example.com"),
            code: "host-without-certificate",
            place: ("haproxy.cfg", "use_backend shop"),
            cure: Cure::People(
                "Have it in a certificate, and name that one on the bind line",
                |site| {
                    site.write("eu.pem", &whole(ecdsa(&["*.shop.example.com"])));
                    site.reconfigure("wildcard.pem", "wildcard.pem crt {dir}/eu.pem");
                },
            ),
            ..Fault::default()
        },
        Fault {
            what: "the crt-list names a file that is not there",
            arrange: |site| site.write("list.txt", "{dir}/www.example.com.pem\n"),
            config: frontend("crt-list {dir}/list.txt"),
            code: "not-loaded",
            place: ("list.txt", "www.example.com.pem"),
            cure: Cure::People("No such file", |site| {
                site.edit("list.txt", "www.example.com.pem", "www.pem");
            }),
            ..Fault::default()
        },
        Fault {
            what: "an option of the crt-list that it does not have",
            arrange: |site| site.write("list.txt", "{dir}/www.pem [strict-sni] www.example.com\n"),
            config: frontend("crt-list {dir}/list.txt"),
            code: "crt-list-syntax",
            place: ("list.txt", "strict-sni"),
            cure: Cure::People("Take it out", |site| {
                site.edit("list.txt", " [strict-sni]", "");
            }),
            ..Fault::default()
        },
        Fault {
            what: "default-crt, which came with HAProxy 3.0",
            arrange: other,
            config: frontend("default-crt {dir}/www.pem crt {dir}/other.pem"),
            client: Client::openssl(&[]).without_name(),
            code: "newer-option",
            place: ("haproxy.cfg", "default-crt"),
            ..Fault::default()
        },
        Fault {
            what: "a README lies among the certificates",
            arrange: |site| {
                site.write("certs/www.pem", &whole(ecdsa(&["www.example.com"])));
                site.write("certs/README", "Certificates of www. Ask the web team.\n");
            },
            config: frontend("crt {dir}/certs"),
            code: "not-loaded",
            place: ("haproxy.cfg", "bind"),
            cure: Cure::People("take it out of the folder", |site| {
                std::fs::remove_file(site.path("certs/README")).expect("it is there");
            }),
            ..Fault::default()
        },
        Fault {
            what: "the name has an ECDSA certificate only, and the client wants RSA",
            arrange: |site| {
                site.write("shop.pem", &whole(ecdsa(&["shop.example.com"])));
            },
            config: frontend("crt {dir}/www.pem crt {dir}/www-rsa.pem crt {dir}/shop.pem"),
            client: Client::openssl(&["-sigalgs", "RSA+SHA256:RSA-PSS+SHA256"])
                .host("shop.example.com"),
            code: "twin-missing",
            place: ("haproxy.cfg", "bind"),
            cure: Cure::People("Add the RSA certificate", |site| {
                site.write("shop-rsa.pem", &whole(rsa(&["shop.example.com"])));
                site.reconfigure("shop.pem", "shop.pem crt {dir}/shop-rsa.pem");
            }),
            ..Fault::default()
        },
        Fault {
            what: "a rule asks for req.ssl_sni behind a bind line with ssl",
            arrange: add_shop,
            config: routed(
                "crt {dir}/www.pem crt {dir}/shop.pem",
                "    use_backend shop if { req.ssl_sni -i shop.example.com }\n",
            ),
            client: shop(),
            code: "name-never-seen",
            place: ("haproxy.cfg", "req.ssl_sni"),
            change: "{ ssl_fc_sni -i shop.example.com }",
            ..Fault::default()
        },
    ]
}
