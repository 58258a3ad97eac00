//! One `fullchain bundle` of three certificates, beside one `openssl verify` of the same chain, as
//! whole processes. `cargo bench --bench cold --features cli`

#[path = "../tests/common/mod.rs"]
mod common;
mod measure;

use std::fs;
use std::process::{Command, Stdio};

use common::pki::Ca;
use measure::{Contestant, measure};

fn main() {
    let root = Ca::root("Root");
    let upper = root.intermediate("Upper");
    let issuer = upper.intermediate("Issuer");
    let leaf = issuer.leaf_named("www.example.com");
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let chain = [&*leaf.cert_pem, &issuer.cert_pem, &upper.cert_pem].concat();
    for (name, pem) in [
        ("root.pem", &root.cert_pem),
        ("leaf.pem", &leaf.cert_pem),
        ("chain.pem", &chain),
        ("site.pem", &(chain.clone() + &leaf.key_pem)),
    ] {
        fs::write(folder.path().join(name), pem).expect("the folder is writable");
    }
    let run = |program: &str, args: &str| {
        let mut command = Command::new(program);
        command
            .args(args.split(' '))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = command.status().expect("apt-get install -y openssl");
        assert!(status.success(), "{program} {args}");
    };
    let mut contestants = [
        Contestant::new("openssl verify", || {
            run(
                "openssl",
                "verify -CAfile root.pem -untrusted chain.pem leaf.pem",
            );
        }),
        Contestant::new("fullchain bundle", || {
            // The file is new each time: what is there already would not be written.
            let _ = fs::remove_file(folder.path().join("out.pem"));
            run(
                env!("CARGO_BIN_EXE_fullchain"),
                "bundle --roots root.pem --out out.pem site.pem",
            );
        }),
        // What is left when nothing has to reach the disk: openssl writes nothing either.
        Contestant::new("the same, --check", || {
            run(
                env!("CARGO_BIN_EXE_fullchain"),
                "bundle --roots root.pem --check site.pem",
            );
        }),
    ];
    println!("a chain of three certificates, as whole processes");
    let figures = measure(&mut contestants);
    for (contestant, figure) in contestants.iter().zip(figures) {
        println!(
            "  {:<20} {:>6.2} ms   {:.2}x",
            contestant.name,
            figure.time.as_secs_f64() * 1e3,
            figure.ratio
        );
    }
}
