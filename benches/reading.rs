//! Reading clean public PEM: our tolerant reader, facts of every certificate included, beside
//! crates that only decode. `cargo bench --bench reading`

#[path = "../tests/common/mod.rs"]
mod common;
mod measure;

use common::pki::{Ca, LeafOptions};
use fullchain::Reader;
use measure::{Contestant, measure};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

const CERTIFICATES: usize = 200;

fn main() {
    let text = certificates();
    println!(
        "reading {CERTIFICATES} certificates, {} kB of PEM",
        text.len() / 1000
    );
    let bytes = text.as_bytes();
    let mut contestants = [
        Contestant::new("fullchain Reader::read (with facts)", || {
            Reader::new()
                .read("bench.pem", bytes)
                .expect("within limits")
        }),
        Contestant::new("rustls-pki-types pem_slice_iter", || {
            CertificateDer::pem_slice_iter(bytes)
                .map(|certificate| certificate.expect("clean"))
                .collect::<Vec<_>>()
        }),
        Contestant::new("pem-rfc7468 decode_vec, block by block", || {
            blocks(&text)
                .map(|block| pem_rfc7468::decode_vec(block.as_bytes()).expect("clean"))
                .collect::<Vec<_>>()
        }),
        Contestant::new("pem parse_many", || pem::parse_many(bytes).expect("clean")),
    ];
    let figures = measure(&mut contestants);
    for (contestant, figure) in contestants.iter().zip(figures) {
        println!(
            "  {:<40} {:>7.0} MB/s   fullchain is {:.2}x as fast",
            contestant.name,
            megabytes_per_second(text.len(), figure.time.as_secs_f64()),
            figure.ratio
        );
    }
}

fn megabytes_per_second(bytes: usize, seconds: f64) -> f64 {
    f64::from(u32::try_from(bytes).expect("a few megabytes")) / seconds / 1e6
}

/// pem-rfc7468 reads one block at a time, so it is given them one by one.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive("-----END CERTIFICATE-----\n")
}

/// Certificates of the size that public CAs issue: about 1.3 kB of DER.
fn certificates() -> String {
    let ca = Ca::root("Bench CA");
    (0..CERTIFICATES)
        .map(|number| {
            let dns = (0..24).map(|name| format!("host-{name}.site-{number}.example.com"));
            ca.leaf(LeafOptions {
                dns: dns.collect(),
                ..LeafOptions::named(&format!("site-{number}.example.com"))
            })
            .cert_pem
        })
        .collect()
}
