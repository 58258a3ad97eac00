//! A cold `fullchain bundle` that needs one fetch from loopback, beside the same by hand with
//! openssl and curl, as whole processes. `cargo bench --bench fetching --features cli`

#[path = "../tests/common/mod.rs"]
mod common;
mod measure;

use std::fs;
use std::process::{Command, Stdio};

use common::http::Server;
use common::pki::{Ca, LeafOptions};
use measure::{Contestant, measure};

/// What an SRE would write: find the URL, fetch, convert, verify, prove the key, join.
const BY_HAND: &str = r#"
set -e
url=$(openssl x509 -in leaf.pem -noout -ext authorityInfoAccess | sed -n 's/.*CA Issuers - URI://p')
curl --silent --fail --max-time 10 --output issuer.der "$url"
openssl x509 -inform DER -in issuer.der -out issuer.pem
openssl verify -CAfile root.pem -untrusted issuer.pem leaf.pem
test "$(openssl x509 -in leaf.pem -noout -pubkey)" = "$(openssl pkey -in key.pem -pubout)"
cat leaf.pem issuer.pem key.pem > by-hand.tmp
mv by-hand.tmp by-hand.pem
"#;

fn main() {
    for peer in ["openssl", "curl"] {
        let found = Command::new(peer).arg("version").output();
        assert!(
            found.is_ok(),
            "{peer} is missing: apt-get install -y openssl curl"
        );
    }
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let server = Server::of_files(vec![("/issuer", issuer.cert_der.clone())]);
    let leaf = issuer.leaf(LeafOptions {
        ca_issuers: vec![server.url("/issuer")],
        ..LeafOptions::named("www.example.com")
    });
    let folder = tempfile::tempdir().expect("/tmp is writable");
    for (name, pem) in [
        ("root.pem", &root.cert_pem),
        ("issuer-at-hand.pem", &issuer.cert_pem),
        ("leaf.pem", &leaf.cert_pem),
        ("key.pem", &leaf.key_pem),
    ] {
        fs::write(folder.path().join(name), pem).expect("the folder is writable");
    }
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.stderr(Stdio::null()).status();
        assert!(status.expect("the program starts").success(), "{program}");
    };
    let fullchain = |args: &[&str]| {
        // The file is new each time: what is there already would not be written.
        let _ = fs::remove_file(folder.path().join("o.pem"));
        let common = ["bundle", "--roots", "root.pem", "--out", "o.pem"];
        run(env!("CARGO_BIN_EXE_fullchain"), &[&common, args].concat());
    };
    let mut contestants = [
        Contestant::new("fullchain bundle, one fetch", || {
            fullchain(&["leaf.pem", "key.pem"]);
        }),
        Contestant::new("the same, with the issuer at hand", || {
            fullchain(&["leaf.pem", "key.pem", "issuer-at-hand.pem"]);
        }),
        Contestant::new("openssl and curl, by hand", || run("sh", &["-c", BY_HAND])),
    ];
    println!("a bundle whose intermediate was forgotten, as whole processes");
    let figures = measure(&mut contestants);
    for (contestant, figure) in contestants.iter().zip(figures) {
        println!(
            "  {:<36} {:>7.2} ms   {:.2}x",
            contestant.name,
            figure.time.as_secs_f64() * 1e3,
            figure.ratio
        );
    }
}
