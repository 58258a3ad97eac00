//! Random certificate files: nearly right ones, some of them damaged.
//!
//! Kept away from, as it would take much to foretell and no one has it: curves that are given by
//! their parameters and not by a name, RSA keys of more than two primes, lengths that are not DER
//! outside of what is signed, and damage to keys of curves whose arithmetic is not at hand.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;

use super::damage::{DESTRUCTIVE, Damage, REPAIRABLE};
use super::der::{contents, sequence, values};
use super::mangle::Edit;
use super::openssl::{KeyShape, csr, dhparams, dhparams_of, ec_parameters, key_shape, openssl};
use super::pki::{Ca, CaOptions, Key, KeyKind, LeafOptions, pem_block, self_signed_leaf};

/// A certificate, and its key in all shapes.
struct Family {
    /// Whether its text and DER may be damaged.
    may_be_damaged: bool,
    leaf: String,
    loaded: Vec<String>,
    odd: Vec<String>,
}

impl Family {
    fn new(leaf: String, key: &Key) -> Family {
        let pkcs8 = key.pem();
        let shaped = |shape| String::from_utf8(key_shape(&pkcs8, shape)).expect("PEM");
        let mut loaded = vec![pkcs8.clone()];
        let mut odd = vec![
            key.pkcs8_v2_pem(),
            shaped(KeyShape::EncryptedPkcs8),
            relabelled(&pkcs8, "FOO"),
            relabelled(&pkcs8, "ANY PRIVATE KEY"),
            relabelled(&pkcs8, "RSA PRIVATE KEY"),
            relabelled(&pkcs8, "EC PRIVATE KEY"),
            relabelled(&pkcs8, "DSA PRIVATE KEY"),
            relabelled(&pkcs8, "X PRIVATE KEY"),
            relabelled(&pkcs8, "ENCRYPTED PRIVATE KEY"),
            relabelled(&pkcs8, "ec PRIVATE KEY"),
            relabelled(&pkcs8, "EC PARAMETERS"),
            relabelled(&pkcs8, "RSA PUBLIC KEY"),
        ];
        // Ed25519 has no other.
        let traditional = match key.spki().len() {
            44 => String::new(),
            _ => shaped(KeyShape::Traditional),
        };
        if !traditional.is_empty() {
            odd.push(shaped(KeyShape::EncryptedTraditional));
            for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "FOO"] {
                odd.push(relabelled(&traditional, label));
            }
            loaded.push(traditional.clone());
        }
        if traditional.starts_with("-----BEGIN EC") {
            loaded.push(ec_parameters() + &traditional);
            loaded.push(shaped(KeyShape::Sec1WithoutPublicKey));
            let der = pem::parse(&traditional).expect("PEM").into_contents();
            let mut fields = values(contents(&der));
            fields.retain(|field| field[0] != 0xa0);
            odd.push(pem_block("EC PRIVATE KEY", &sequence(&fields)));
            // A curve of another key, which says nothing of this one.
            odd.push(ec_parameters() + odd.last().expect("just added"));
            fields.truncate(2);
            odd.push(pem_block("EC PRIVATE KEY", &sequence(&fields)));
        }
        // P-224, whose arithmetic is not at hand: whether a point is on the curve, or a number's,
        // is believed there.
        let may_be_damaged = key.spki().len() != 80;
        if !may_be_damaged {
            loaded.retain(|key| !key.contains("BEGIN EC PRIVATE KEY"));
        }
        Family {
            may_be_damaged,
            leaf,
            loaded,
            odd,
        }
    }
}

struct Stock {
    families: Vec<(u32, Family)>,
    /// What belongs behind a leaf.
    chain: Vec<String>,
    others: Vec<String>,
}

static STOCK: LazyLock<Stock> = LazyLock::new(|| {
    let root = Ca::root("Root");
    let issuing = root.intermediate_with(CaOptions {
        key: KeyKind::Rsa(2048),
        ..CaOptions::named("Issuing")
    });
    let family = |ca: &Ca, kind| {
        let leaf = ca.leaf(LeafOptions {
            key: kind,
            ..LeafOptions::default()
        });
        Family::new(leaf.cert_pem, &leaf.key)
    };
    let weak = |algorithm: &str, option: &str, digest: &str| {
        let key = openssl(
            &[
                "genpkey",
                "-quiet",
                "-algorithm",
                algorithm,
                "-pkeyopt",
                option,
            ],
            b"",
        );
        let key = Key::from_pkcs8_pem(&key);
        Family::new(self_signed(&key, digest), &key)
    };
    let sha1_root = self_signed_leaf("Old root", true);
    let sha1 = issued(&sha1_root.cert_pem, &sha1_root.key_pem, &["-sha1"]);
    let by_rsa = |options: &[&str]| issued(&issuing.cert_pem, &issuing.key.pem(), options);
    let sha1_of_rsa = by_rsa(&["-sha1"]);
    let pss = ["-sigopt", "rsa_padding_mode:pss"];
    let ed25519 = Key::new(KeyKind::Ed25519);
    let stranger = Ca::root("Stranger");
    let other = stranger.leaf_named("other.example");
    let chain = vec![issuing.cert_pem.clone(), root.cert_pem.clone()];
    let key = |key: &Key| key.pem();
    let mut others = vec![
        other.key_pem.clone(),
        other.cert_pem,
        stranger.cert_pem.clone(),
        key(&Key::new(KeyKind::Rsa(2048))),
        key(&ed25519),
        dhparams(),
        dhparams_of("ffdhe3072"),
        csr(&other.key_pem, "other.example"),
        stranger.crl_pem(),
        ec_parameters(),
        String::from_utf8(openssl(&["pkey", "-pubout"], other.key_pem.as_bytes())).expect("PEM"),
        relabelled(&stranger.cert_pem, "FOO"),
        relabelled(&stranger.cert_pem, "X509 CERTIFICATE"),
        relabelled(&stranger.cert_pem, "TRUSTED CERTIFICATE"),
        trusted(&stranger.cert_pem),
        sha1.clone(),
        sha1_of_rsa.clone(),
        by_rsa(&[&["-sha1"], &pss[..]].concat()),
        by_rsa(&[&["-sha256"], &pss[..]].concat()),
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
        "some text\n".to_owned(),
        "\n".to_owned(),
        "subject=CN = www.example.com\nissuer: a\n".to_owned(),
    ];
    others.extend(chain.iter().cloned());
    Stock {
        families: vec![
            (9, family(&issuing, KeyKind::P256)),
            (9, family(&issuing, KeyKind::Rsa(2048))),
            (3, family(&root, KeyKind::P384)),
            (3, family(&root, KeyKind::Ed25519)),
            (1, family(&root, KeyKind::P521)),
            (1, weak("EC", "ec_paramgen_curve:P-224", "-sha256")),
            (1, weak("RSA", "rsa_keygen_bits:1024", "-sha256")),
            (1, weak("EC", "ec_paramgen_curve:P-256", "-sha1")),
            (
                1,
                Family::new(sha1, &Key::from_pkcs8_pem(sha1_root.key_pem.as_bytes())),
            ),
            (1, Family::new(sha1_of_rsa, &issuing.key)),
        ],
        chain,
        others,
    }
});

fn relabelled(text: &str, label: &str) -> String {
    pem_block(label, pem::parse(text).expect("PEM").contents())
}

/// With OpenSSL's trust settings.
fn trusted(cert_pem: &str) -> String {
    let args = [
        "x509",
        "-trustout",
        "-addtrust",
        "serverAuth",
        "-addreject",
        "codeSigning",
    ];
    let args = [&args[..], &["-setalias", "x"]].concat();
    String::from_utf8(openssl(&args, cert_pem.as_bytes())).expect("PEM")
}

fn self_signed(key: &Key, digest: &str) -> String {
    let args = [
        "req",
        "-x509",
        "-key",
        "/dev/stdin",
        "-subj",
        "/CN=weak",
        "-days",
        "3000",
    ];
    let args = [&args[..], &[digest]].concat();
    String::from_utf8(openssl(&args, key.pem().as_bytes())).expect("PEM")
}

/// For the issuer's own key, under another name.
fn issued(ca_pem: &str, key_pem: &str, options: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("/tmp is writable");
        path.into_os_string().into_string().expect("UTF-8")
    };
    let (ca, key) = (path("ca", ca_pem), path("key", key_pem));
    let request = csr(key_pem, "old.example");
    let args = ["x509", "-req", "-days", "3000", "-CA", &ca, "-CAkey", &key];
    let args = [&args[..], options].concat();
    String::from_utf8(openssl(&args, request.as_bytes())).expect("PEM")
}

/// How a file is made.
#[derive(Clone, Debug)]
pub struct Recipe {
    family: usize,
    leaf_label: &'static str,
    key: (Option<()>, Index),
    /// Whether the key is in `FILE.key`, and whether it is in the file.
    places: (bool, bool),
    chain: usize,
    others: Vec<(Index, Index)>,
    swap: Option<(Index, Index)>,
    block_damage: Option<(Index, Index)>,
    file_damage: Option<Index>,
    edits: Vec<Edit>,
    key_edits: Vec<Edit>,
}

impl Recipe {
    pub fn any() -> impl Strategy<Value = Recipe> {
        let families = STOCK.families.iter().enumerate();
        let family = Union::new_weighted(
            families
                .map(|(n, (weight, _))| (*weight, Just(n)))
                .collect(),
        );
        let label = prop_oneof![
            12 => Just("CERTIFICATE"),
            1 => Just("X509 CERTIFICATE"),
            1 => Just("TRUSTED CERTIFICATE"),
        ];
        let is_odd = prop::option::weighted(0.12, Just(()));
        let places = prop_oneof![
            6 => Just((false, true)),
            2 => Just((true, false)),
            1 => select(&[(true, true), (false, false)][..]),
        ];
        let others = prop::collection::vec(any::<(Index, Index)>(), 0..3);
        let edits = || {
            prop_oneof![
                3 => Just(Vec::new()),
                3 => prop::collection::vec(Edit::any(), 1..2),
                1 => prop::collection::vec(Edit::any(), 2..4),
            ]
        };
        let made = (
            family,
            label,
            (is_odd, any::<Index>()),
            places,
            0_usize..3,
            others,
        );
        let damaged = (
            prop::option::weighted(0.2, any::<(Index, Index)>()),
            prop::option::weighted(0.08, any::<(Index, Index)>()),
            prop::option::weighted(0.04, any::<Index>()),
            edits(),
            edits(),
        );
        (made, damaged).prop_map(|(made, damaged)| {
            let (family, leaf_label, key, places, chain, others) = made;
            let (swap, block_damage, file_damage, edits, key_edits) = damaged;
            Recipe {
                family,
                leaf_label,
                key,
                places,
                chain,
                others,
                swap,
                block_damage,
                file_damage,
                edits,
                key_edits,
            }
        })
    }

    /// The file, and the one with the key beside it.
    pub fn make(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let (_, family) = &STOCK.families[self.family];
        let (is_odd, key) = &self.key;
        let keys = match is_odd {
            Some(()) => &family.odd,
            None => &family.loaded,
        };
        let key = key.get(keys);
        let mut blocks = vec![relabelled(&family.leaf, self.leaf_label)];
        blocks.extend_from_slice(&STOCK.chain[..self.chain]);
        if !family.may_be_damaged {
            blocks.extend(self.places.1.then(|| key.clone()));
            let file = blocks.concat().into_bytes();
            return (file, self.places.0.then(|| key.clone().into_bytes()));
        }
        if self.places.1 {
            blocks.push(key.clone());
        }
        for (which, at) in &self.others {
            blocks.insert(at.index(blocks.len() + 1), which.get(&STOCK.others).clone());
        }
        if let Some((one, other)) = &self.swap {
            let (one, other) = (one.index(blocks.len()), other.index(blocks.len()));
            blocks.swap(one, other);
        }
        let damaged_block = self
            .block_damage
            .as_ref()
            .map(|(at, by)| (at.index(blocks.len()), by));
        let damaged = |(n, block): (usize, &String)| match damaged_block {
            Some((at, by)) if n == at && block.contains("-----BEGIN ") => damage(by).1(block),
            _ => block.clone().into_bytes(),
        };
        let mut file: Vec<u8> = blocks.iter().enumerate().flat_map(damaged).collect();
        if let (Some(by), Ok(text)) = (&self.file_damage, str::from_utf8(&file))
            && pem::parse(text).is_ok()
        {
            file = damage(by).1(text);
        }
        self.edits.iter().for_each(|edit| edit.apply(&mut file));
        let beside = self.places.0.then(|| {
            let mut beside = key.clone().into_bytes();
            self.key_edits
                .iter()
                .for_each(|edit| edit.apply(&mut beside));
            beside
        });
        (file, beside)
    }
}

fn damage(by: &Index) -> &'static Damage {
    let at = by.index(REPAIRABLE.len() + DESTRUCTIVE.len());
    REPAIRABLE
        .get(at)
        .unwrap_or_else(|| &DESTRUCTIVE[at - REPAIRABLE.len()])
}
