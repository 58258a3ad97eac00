//! The main job in one screen: a pile of files becomes the PEM that HAProxy's `crt` reads.
//!
//! `cargo run --example bundle -- OUT ROOTS|mozilla INPUT...`

use std::path::Path;
use std::process::ExitCode;

use fullchain::aia::{Fetcher, Policy};
use fullchain::{Bundler, Material, Reader, TrustStore, haproxy};
use rustls_pki_types::UnixTime;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, roots, inputs @ ..] = arguments.as_slice() else {
        eprintln!("usage: bundle OUT ROOTS|mozilla INPUT...");
        return ExitCode::from(2);
    };
    match bundle(Path::new(out), roots, inputs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn bundle(out: &Path, roots: &str, inputs: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let mut reader = Reader::new();
    let store = match roots {
        "mozilla" => TrustStore::mozilla(),
        file => TrustStore::from_material(file, reader.read_path(Path::new(file))?)?.0,
    };
    let mut material = Material::default();
    for input in inputs {
        material.merge(reader.read_path(Path::new(input))?);
    }
    let mut draft = Bundler::new(store, UnixTime::now()).draft(material);
    // Nothing is fetched unless an intermediate is missing.
    Fetcher::new(Policy::default()).complete(&mut draft);
    let bundle = draft
        .bundle()
        .map_err(|refusal| refusal.report().to_string())?;
    let written = haproxy::write(&bundle, out)?;
    eprint!("{}", bundle.report());
    println!("{}: {written:?}", out.display());
    for certificate in bundle.chain().certificates() {
        println!("  {}", certificate.subject_text());
    }
    Ok(())
}
