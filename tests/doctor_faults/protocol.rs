//! No common version, suite, group or signature.

use crate::client::Client;
use crate::{Cure, Fault, frontend};

pub fn faults() -> Vec<Fault> {
    let ecdsa = |options: &str| frontend(&format!("crt {{dir}}/www.pem {options}"));
    let rsa = |options: &str| frontend(&format!("crt {{dir}}/www-rsa.pem {options}"));
    vec![
        Fault {
            what: "the client speaks TLS 1.0, and ssl-min-ver is TLSv1.2",
            config: rsa("ssl-min-ver TLSv1.2"),
            client: Client::openssl(&[
                "-tls1",
                "-cipher",
                "ECDHE-RSA-AES128-SHA:AES128-SHA:@SECLEVEL=0",
            ]),
            options: &["--serve", "java-7"],
            code: "client-shut-out",
            place: ("haproxy.cfg", "ssl-min-ver"),
            change: "@SECLEVEL=0",
            ..Fault::default()
        },
        Fault {
            what: "the client has P-256 and P-384, and curves have X25519 only",
            config: rsa("ssl-max-ver TLSv1.2 ciphers ECDHE+AESGCM curves X25519"),
            client: Client::openssl(&["-tls1_2", "-groups", "P-256:P-384"]),
            options: &["--serve", "ie-11"],
            code: "client-shut-out",
            place: ("haproxy.cfg", "curves"),
            ..Fault::default()
        },
        Fault {
            what: "the client speaks TLS 1.2, and ssl-min-ver is TLSv1.3",
            config: ecdsa("ssl-min-ver TLSv1.3"),
            client: Client::curl(&["--tls-max", "1.2"]),
            options: &["--serve", "java-8"],
            code: "client-shut-out",
            place: ("haproxy.cfg", "bind"),
            ..Fault::default()
        },
        Fault {
            what: "ssl-max-ver TLSv1.1 without @SECLEVEL=0",
            config: rsa("ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.1"),
            code: "version-blocked",
            place: ("haproxy.cfg", "bind"),
            ..Fault::default()
        },
        Fault {
            what: "@SECLEVEL=3, and an RSA key of 2048 bits",
            config: rsa("ciphers ECDHE+AESGCM:@SECLEVEL=3"),
            code: "key-below-level",
            place: ("haproxy.cfg", "ciphers"),
            ..Fault::default()
        },
        Fault {
            what: "only ECDSA suites, and an RSA key",
            config: rsa(
                "ssl-max-ver TLSv1.2 ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
            ),
            code: "no-usable-cipher",
            place: ("haproxy.cfg", "ciphers"),
            ..Fault::default()
        },
        Fault {
            what: "only RSA suites, and an ECDSA key",
            config: format!(
                "global\n    ssl-default-bind-ciphers ECDHE+aRSA+AESGCM:DHE+aRSA\n{}",
                ecdsa("ssl-max-ver TLSv1.2")
            ),
            client: Client::rustls(),
            code: "no-usable-cipher",
            place: ("haproxy.cfg", "ssl-default-bind-ciphers"),
            ..Fault::default()
        },
        Fault {
            what: "TLS 1.3 suites in ciphers",
            config: ecdsa("ciphers TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"),
            code: "cipher-string",
            place: ("haproxy.cfg", "ciphers"),
            ..Fault::default()
        },
        Fault {
            what: "a misspelt suite is the only one in ciphers",
            config: rsa("ciphers ECDHE-RSA-AES128-GCM-SHA265"),
            client: Client::rustls(),
            code: "cipher-string",
            place: ("haproxy.cfg", "ciphers"),
            ..Fault::default()
        },
        Fault {
            what: "a misspelt suite is the only one for the key",
            config: ecdsa(
                "ssl-max-ver TLSv1.2 ciphers ECDHE-ECDSA-AES128-GMC-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
            ),
            client: Client::rustls(),
            code: "unknown-cipher",
            place: ("haproxy.cfg", "ciphers"),
            ..Fault::default()
        },
        Fault {
            what: "a cipher string that takes out again what it puts in",
            config: ecdsa("ciphers ECDHE+AES:!AESGCM:!CBC:!AESCCM"),
            code: "cipher-string",
            place: ("haproxy.cfg", "ciphers"),
            ..Fault::default()
        },
        Fault {
            what: "a cipher string with a character that it does not have",
            config: ecdsa("ciphers ECDHE+AESGCM|CHACHA20"),
            code: "cipher-string",
            place: ("haproxy.cfg", "ciphers"),
            ..Fault::default()
        },
        Fault {
            what: "a suite of TLS 1.3 is misspelt in ciphersuites",
            config: ecdsa("ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA265"),
            code: "cipher-string",
            place: ("haproxy.cfg", "ciphersuites"),
            ..Fault::default()
        },
        Fault {
            what: "curves that the client does not have",
            config: ecdsa("curves brainpoolP256r1"),
            client: Client::rustls(),
            code: "client-shut-out",
            place: ("haproxy.cfg", "curves"),
            ..Fault::default()
        },
        Fault {
            what: "a curve that nobody knows",
            config: ecdsa("curves X25519:P-255"),
            code: "tls-list",
            place: ("haproxy.cfg", "curves"),
            ..Fault::default()
        },
        Fault {
            what: "sigalgs, which came with HAProxy 2.8",
            config: ecdsa("sigalgs ECDSA+SHA256:RSA-PSS+SHA256"),
            code: "newer-option",
            place: ("haproxy.cfg", "sigalgs"),
            ..Fault::default()
        },
        Fault {
            what: "the client has AES only, and ciphers have ChaCha20",
            config: rsa("ciphers ECDHE+CHACHA20"),
            client: Client::openssl(&["-tls1_2", "-cipher", "ECDHE+AES:AES"]),
            options: &["--serve", "java-8"],
            code: "client-shut-out",
            place: ("haproxy.cfg", "ciphers"),
            ..Fault::default()
        },
        Fault {
            what: "ssl-min-ver above ssl-max-ver",
            config: format!(
                "global\n    ssl-default-bind-options ssl-min-ver TLSv1.3\n{}",
                ecdsa("ssl-max-ver TLSv1.2")
            ),
            code: "tls-versions",
            place: ("haproxy.cfg", "ssl-max-ver"),
            cure: Cure::People("Use `ssl-min-ver` and `ssl-max-ver` alone", |site| {
                site.reconfigure(" ssl-max-ver TLSv1.2", "");
            }),
            ..Fault::default()
        },
        Fault {
            what: "force-tlsv13 is left over from a test",
            config: ecdsa("force-tlsv13"),
            client: Client::openssl(&["-tls1_2"]),
            options: &["--serve", "java-8"],
            code: "client-shut-out",
            place: ("haproxy.cfg", "force-tlsv13"),
            ..Fault::default()
        },
        Fault {
            what: "no-tlsv12, which was meant for TLS 1.1",
            config: ecdsa("no-tlsv12"),
            client: Client::openssl(&["-tls1_2"]),
            options: &["--serve", "java-8"],
            code: "client-shut-out",
            place: ("haproxy.cfg", "no-tlsv12"),
            change: "`+    bind unix@{dir}/tls.sock ssl crt {dir}/www.pem`",
            ..Fault::default()
        },
        Fault {
            what: "an option is misspelt",
            config: ecdsa("ssl-minver TLSv1.2"),
            code: "misspelt-option",
            place: ("haproxy.cfg", "bind"),
            change: "ssl-min-ver TLSv1.2",
            ..Fault::default()
        },
        Fault {
            what: "a certificate on the bind line, and the word ssl forgotten",
            config: ecdsa("").replace(" ssl crt ", " crt "),
            code: "ssl-missing",
            place: ("haproxy.cfg", "bind"),
            ..Fault::default()
        },
        Fault {
            what: "the crt-list's line has an oldest version above the newest of the bind line",
            arrange: |site| site.write("list.txt", "{dir}/www.pem [ssl-min-ver TLSv1.3]\n"),
            config: frontend("crt-list {dir}/list.txt ssl-max-ver TLSv1.2"),
            code: "tls-versions",
            place: ("list.txt", "ssl-min-ver"),
            change: "-    bind",
            ..Fault::default()
        },
        Fault {
            what: "the ciphers of the crt-list's line do not go with its key",
            arrange: |site| {
                site.write(
                    "list.txt",
                    "{dir}/www.pem [ssl-max-ver TLSv1.2 ciphers ECDHE+aRSA+AESGCM]\n",
                );
            },
            config: frontend("crt-list {dir}/list.txt"),
            code: "no-usable-cipher",
            place: ("list.txt", "ciphers"),
            change: "ciphers ECDHE+aRSA+AESGCM:ECDHE-ECDSA-AES128-GCM-SHA256",
            ..Fault::default()
        },
    ]
}
