//! The names of a bind line with many certificates: building the table, asking it, and finding
//! what is surprising about it. `cargo bench --bench serving`

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::Instant;

use common::pki::{Ca, Key, KeyKind, LeafOptions};
use fullchain::haproxy::Version;
use fullchain::haproxy::sni::{Client, SniTable};
use fullchain::{Certificate, Origin};
use rustls_pki_types::CertificateDer;

const LOOKUPS: usize = 1_000_000;

fn main() {
    let root = Ca::root("Root");
    for count in [1_000, 10_000, 100_000] {
        let certificates: Vec<Certificate> = (0..count)
            .map(|number| {
                let name = format!("www.site{number}.example");
                let leaf = root.leaf(LeafOptions {
                    dns: vec![name.clone(), format!("*.site{number}.example")],
                    shared_key: Some(Key::nth(KeyKind::P256, 0)),
                    ..LeafOptions::named(&name)
                });
                let der = CertificateDer::from(leaf.cert_der);
                Certificate::new(der, Origin::new(name)).expect("it is one")
            })
            .collect();
        let names: Vec<String> = (0..1_000)
            .map(|number| {
                let site = number * 7_919 % count;
                match number % 3 {
                    0 => format!("www.site{site}.example"),
                    1 => format!("other.site{site}.example"),
                    _ => format!("unknown{site}.example"),
                }
            })
            .collect();

        let began = Instant::now();
        let mut table = SniTable::new(Version::NEWEST);
        for certificate in &certificates {
            table.add(certificate.origin().source(), certificate, &[]);
        }
        let built = began.elapsed();
        let began = Instant::now();
        for name in names.iter().cycle().take(LOOKUPS) {
            black_box(table.answer(Some(name), Client::MODERN));
        }
        let asked = began.elapsed();
        let began = Instant::now();
        let findings = table.findings().len();
        let judged = began.elapsed();
        println!(
            "{count:>7} certificates: table {:>7.1} ms ({:.2} us each), {LOOKUPS} lookups {:>6.1} ms ({:.0} ns each), {findings} finding in {:>6.1} ms",
            built.as_secs_f64() * 1e3,
            built.as_secs_f64() * 1e6 / f64::from(count),
            asked.as_secs_f64() * 1e3,
            asked.as_secs_f64() * 1e3,
            judged.as_secs_f64() * 1e3
        );
    }
}
