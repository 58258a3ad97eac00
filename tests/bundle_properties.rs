//! However a good pile is shuffled and damaged, as long as it can be mended, the same bytes come
//! out; and what came out goes in again unchanged.

mod common;

use std::sync::LazyLock;

use common::bundling::{build, bundler};
use common::openssl::{KeyShape, dhparams, ec_parameters, key_shape, x509_text};
use common::pki::{Ca, CaOptions, Leaf};
use fullchain::{Bundler, Material, Reader, haproxy};
use proptest::prelude::*;
use proptest::sample::subsequence;

/// A good pile, and what else may lie in it.
struct Pile {
    bundler: Bundler,
    /// Leaf, intermediates, key, DH parameters.
    needed: Vec<String>,
    /// What is to be left out.
    needless: Vec<String>,
    /// What is written.
    owed: String,
}

static PILE: LazyLock<Pile> = LazyLock::new(|| {
    let root = Ca::root("Root");
    let upper = root.intermediate("Upper");
    let lower = upper.intermediate("Lower");
    let leaf: Leaf = lower.leaf_named("www.example.com");
    let parameters = dhparams();
    let bundler = bundler(&[&root.cert_pem]);
    let needed = vec![
        leaf.cert_pem.clone(),
        lower.cert_pem.clone(),
        upper.cert_pem.clone(),
        parameters,
        leaf.key_pem.clone(),
    ];
    let expired = root.intermediate_with(CaOptions {
        shared_key: Some(upper.key.clone()),
        not_after: (2021, 1, 1),
        ..CaOptions::named("Upper")
    });
    let sec1 = key_shape(&leaf.key_pem, KeyShape::Traditional);
    let needless = vec![
        root.cert_pem.clone(),
        expired.cert_pem,
        upper.intermediate("Lower").cert_pem,
        Ca::root("Stranger").cert_pem,
        lower.leaf_named("shop.example.com").cert_pem,
        root.crl_pem(),
        ec_parameters(),
        String::from_utf8(sec1).expect("PEM is ASCII"),
        leaf.key.pkcs8_v2_pem(),
        leaf.cert_pem.clone(),
        lower.cert_pem.clone(),
        x509_text(&upper.cert_pem),
        "Sehr geehrte Damen und Herren,\n".to_owned(),
    ];
    let texts: Vec<&str> = needed.iter().map(String::as_str).collect();
    let bundle = build(&bundler, &texts).expect("the pile is good");
    let owed = haproxy::pem(&bundle).expose().to_owned();
    assert_eq!(owed, needed.concat());
    Pile {
        bundler,
        needed,
        needless,
        owed,
    }
});

/// What can happen to a block's text and be undone.
#[derive(Clone, Copy, Debug)]
enum Damage {
    None,
    CrLf,
    Indented,
    BlankLines,
    LongLines,
    TrailingBlanks,
    NoFinalNewline,
    Quoted,
    MissingEnd,
    ByteOrderMark,
}

impl Damage {
    const ALL: [Self; 10] = [
        Self::None,
        Self::CrLf,
        Self::Indented,
        Self::BlankLines,
        Self::LongLines,
        Self::TrailingBlanks,
        Self::NoFinalNewline,
        Self::Quoted,
        Self::MissingEnd,
        Self::ByteOrderMark,
    ];

    fn on(self, pem: &str) -> String {
        match self {
            Self::None => pem.to_owned(),
            Self::CrLf => pem.replace('\n', "\r\n"),
            Self::Indented => pem.lines().map(|line| format!("    {line}\n")).collect(),
            Self::BlankLines => pem.replace('\n', "\n\n"),
            Self::LongLines => {
                let lines: Vec<&str> = pem.lines().collect();
                match lines.as_slice() {
                    [begin, body @ .., end] if begin.starts_with("-----BEGIN") => {
                        format!("{begin}\n{}\n{end}\n", body.concat())
                    }
                    _ => pem.to_owned(),
                }
            }
            Self::TrailingBlanks => pem.replace('\n', " \t\n"),
            Self::NoFinalNewline => pem.trim_end().to_owned(),
            Self::Quoted => pem.lines().map(|line| format!("> {line}\n")).collect(),
            Self::MissingEnd => {
                let end = pem.rfind("-----END").unwrap_or(pem.len());
                pem[..end].to_owned()
            }
            Self::ByteOrderMark => format!("\u{feff}{pem}"),
        }
    }
}

/// The pile in any order, with any of what is needless, each block damaged in its own way, and all
/// of it in one source or in several.
fn piles() -> impl Strategy<Value = Vec<String>> {
    let needless = subsequence(PILE.needless.clone(), 0..=PILE.needless.len());
    let blocks = needless.prop_flat_map(|needless| {
        let mut blocks = PILE.needed.clone();
        blocks.extend(needless);
        Just(blocks).prop_shuffle()
    });
    let damaged = blocks.prop_flat_map(|blocks| {
        let count = blocks.len();
        let damage = prop::collection::vec(prop::sample::select(&Damage::ALL[..]), count);
        let cuts = prop::collection::vec(prop::bool::weighted(0.2), count);
        (Just(blocks), damage, cuts)
    });
    damaged.prop_map(|(blocks, damage, cuts)| {
        let mut sources = vec![String::new()];
        for ((block, damage), cut) in blocks.iter().zip(damage).zip(cuts) {
            if cut {
                sources.push(String::new());
            }
            let last = sources.last_mut().expect("there is one at least");
            last.push_str(&damage.on(block));
        }
        sources
    })
}

fn read_all(sources: &[String]) -> Material {
    let mut reader = Reader::new();
    let mut material = Material::default();
    for (number, source) in sources.iter().enumerate() {
        let name = format!("source {number}");
        let read = reader.read(&name, source.as_bytes());
        material.merge(read.expect("the input is within the limits"));
    }
    material
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_mix_of_order_and_repairable_damage_gives_the_same_bytes(sources in piles()) {
        let built = PILE.bundler.build(read_all(&sources));
        let bundle = built.map_err(|refusal| {
            TestCaseError::fail(format!("{}\n{}", refusal.report(), sources.join("\n~~~\n")))
        })?;
        let text = haproxy::pem(&bundle);
        prop_assert_eq!(text.expose(), &PILE.owed);
    }

    #[test]
    fn what_was_written_builds_the_same_bundle_without_a_finding(sources in piles()) {
        let built = PILE.bundler.build(read_all(&sources));
        let first = haproxy::pem(&built.expect("the property above holds"));
        let again = Reader::new().read("site.pem", first.expose().as_bytes()).unwrap();
        let bundle = PILE.bundler.build(again).unwrap();
        prop_assert!(bundle.report().is_empty(), "{}", bundle.report());
        let second = haproxy::pem(&bundle);
        prop_assert_eq!(second.expose(), first.expose());
    }
}
