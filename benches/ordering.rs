//! Finding the chain of one leaf in piles that grow tenfold. `cargo bench --bench ordering`

#[path = "../tests/common/mod.rs"]
mod common;
mod measure;

use common::pki::Ca;
use fullchain::{Bundler, Certificate, Origin, Reader, SignatureMemory, TrustStore};
use measure::{Contestant, measure};
use rustls_pki_types::{CertificateDer, UnixTime};

fn main() {
    let root = Ca::root("Bench Root");
    let ca = root.intermediate("Bench CA");
    let leaf = ca.leaf_named("www.example.com");
    let roots = Reader::new()
        .read("root", root.cert_pem.as_bytes())
        .expect("clean");
    let (store, _) = TrustStore::from_material("root", roots).expect("a root");
    let bundler = Bundler::new(store, UnixTime::now());
    let certificate = |der: &[u8]| {
        Certificate::new(CertificateDer::from(der.to_vec()), Origin::new("bench")).expect("clean")
    };
    let leaf = certificate(&leaf.cert_der);

    // Strangers, and the one intermediate in the middle of them.
    let strangers: Vec<Certificate> = (0..10_000)
        .map(|number| certificate(&root.intermediate(&format!("Stranger {number}")).cert_der))
        .collect();
    let piles: Vec<Vec<Certificate>> = [10, 100, 1_000, 10_000]
        .iter()
        .map(|&size: &usize| {
            let mut pile = strangers[..size - 1].to_vec();
            pile.insert(size / 2, certificate(&ca.cert_der));
            pile
        })
        .collect();
    let names: Vec<String> = piles.iter().map(|pile| pile.len().to_string()).collect();
    let mut contestants: Vec<Contestant<'_>> = piles
        .iter()
        .zip(&names)
        .map(|(pile, name)| {
            Contestant::new(name, || {
                let bundler = bundler.clone().memory(SignatureMemory::new());
                bundler.chain(&leaf, pile.clone())
            })
        })
        .collect();
    println!("ordering: the chain of one leaf, from a pile of so many certificates");
    let figures = measure(&mut contestants);
    for ((contestant, pile), figure) in contestants.iter().zip(&piles).zip(figures) {
        let size = f64::from(u32::try_from(pile.len()).expect("small"));
        println!(
            "  {:>6} certificates {:>9.1} us   {:>7.3} us each   {:>7.1}x the time of 10",
            contestant.name,
            figure.time.as_secs_f64() * 1e6,
            figure.time.as_secs_f64() * 1e6 / size,
            figure.ratio
        );
    }
}
