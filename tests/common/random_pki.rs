//! Random small PKIs: cross-signs, siblings, renewals, loops, and CAs with one thing wrong.

use proptest::prelude::*;

use super::pki::{
    BEGIN, Ca, CaOptions, Day, END, Eku, Key, KeyId, KeyKind, Leaf, LeafOptions, pem_block,
};

const HOST: &str = "www.example.com";

/// What a CA's certificate says beyond whose it is.
#[derive(Clone, Debug)]
struct Terms {
    validity: (Day, Day),
    is_ca: bool,
    path_len: Option<u8>,
    permitted_dns: Option<&'static str>,
    excluded_dns: Option<&'static str>,
    ekus: Vec<Eku>,
    /// Whether its key identifier is one that nobody points at.
    misidentified: bool,
}

/// A CA, as a name and a key; its certificates are elsewhere.
#[derive(Clone, Debug)]
struct Authority {
    name: String,
    /// Whether its certificates, and those it issues, have key identifiers.
    identified: bool,
}

/// A certificate of one authority, issued by the same or another.
#[derive(Clone, Debug)]
struct Issued {
    subject: usize,
    issuer: usize,
    terms: Terms,
    damaged: bool,
}

#[derive(Clone, Debug)]
struct Site {
    issuer: usize,
    name: &'static str,
    validity: (Day, Day),
    ekus: Vec<Eku>,
    is_ca: bool,
    damaged: bool,
}

/// What a PKI is made from.
#[derive(Clone, Debug)]
pub struct Plan {
    authorities: Vec<Authority>,
    /// Whose self-signed certificates are trusted.
    anchors: Vec<(usize, Terms)>,
    pool: Vec<Issued>,
    leaf: Site,
    /// What the leaf is wanted for.
    pub host: &'static str,
}

/// The certificates of a [`Plan`].
pub struct Pki {
    pub leaf: String,
    leaf_issuer: usize,
    pub anchors: Vec<Made>,
    /// The candidates for the chain, in the order of the pile.
    pub pool: Vec<Made>,
}

pub struct Made {
    /// The authority that it is of.
    pub subject: usize,
    issuer: usize,
    pub pem: String,
}

/// The certificates of one path above a leaf.
pub struct IssuingPath<'p> {
    pub intermediates: Vec<&'p str>,
    pub anchor: &'p str,
}

impl Pki {
    pub fn new(plan: &Plan) -> Self {
        let leaf = plan.make_leaf();
        Self {
            leaf: signed(&leaf.cert_der, plan.leaf.damaged),
            leaf_issuer: plan.leaf.issuer,
            anchors: plan.make_anchors(),
            pool: plan.make_pool(),
        }
    }

    /// The whole pool as a file holds it.
    pub fn pile(&self) -> String {
        self.pool.iter().map(|made| made.pem.as_str()).collect()
    }

    /// Every path from the leaf to an anchor, as issued, without a CA that comes twice. Damage is
    /// not looked at.
    pub fn paths(&self) -> Vec<IssuingPath<'_>> {
        let mut paths = Vec::new();
        self.extend(self.leaf_issuer, &[], &mut paths);
        paths
    }

    fn extend<'p>(&'p self, issuer: usize, below: &[&'p Made], paths: &mut Vec<IssuingPath<'p>>) {
        let anchors = self
            .anchors
            .iter()
            .filter(|anchor| anchor.subject == issuer);
        paths.extend(anchors.map(|anchor| IssuingPath {
            intermediates: below.iter().map(|made| made.pem.as_str()).collect(),
            anchor: &anchor.pem,
        }));
        if below.iter().any(|made| made.subject == issuer) {
            return;
        }
        for next in self.pool.iter().filter(|made| made.subject == issuer) {
            self.extend(next.issuer, &[below, &[next]].concat(), paths);
        }
    }
}

impl Plan {
    /// Whether every certificate has the key identifiers that RFC 5280 demands.
    pub fn is_identified(&self) -> bool {
        let mut authorities = self.authorities.iter();
        authorities.all(|authority| authority.identified)
    }

    /// The options of a certificate of an authority, which is the same key in all of them.
    fn options(&self, authority: usize, terms: &Terms) -> CaOptions {
        let of = &self.authorities[authority];
        let names = |name: Option<&str>| name.into_iter().map(str::to_owned).collect();
        CaOptions {
            not_before: terms.validity.0,
            not_after: terms.validity.1,
            is_ca: terms.is_ca,
            path_len: terms.path_len,
            permitted_dns: names(terms.permitted_dns),
            excluded_dns: names(terms.excluded_dns),
            ekus: terms.ekus.clone(),
            key_id: match terms.misidentified {
                true => KeyId::Given(b"of no key".to_vec()),
                false => self.key_id(authority),
            },
            shared_key: Some(Key::nth(KeyKind::P256, authority)),
            ..CaOptions::named(&of.name)
        }
    }

    fn key_id(&self, authority: usize) -> KeyId {
        match self.authorities[authority].identified {
            true => KeyId::Derived,
            false => KeyId::Absent,
        }
    }

    /// An authority as what issues: it has the name and the key of all its certificates.
    fn issuer(&self, authority: usize) -> Ca {
        Ca::root_with(CaOptions {
            shared_key: Some(Key::nth(KeyKind::P256, authority)),
            key_id: self.key_id(authority),
            ..CaOptions::named(&self.authorities[authority].name)
        })
    }

    fn make_anchors(&self) -> Vec<Made> {
        let anchors = self.anchors.iter().map(|(authority, terms)| Made {
            subject: *authority,
            issuer: *authority,
            pem: Ca::root_with(self.options(*authority, terms)).cert_pem,
        });
        anchors.collect()
    }

    fn make_pool(&self) -> Vec<Made> {
        let pool = self.pool.iter().map(|issued| {
            let options = self.options(issued.subject, &issued.terms);
            let ca = match issued.subject == issued.issuer {
                true => Ca::root_with(options),
                false => self.issuer(issued.issuer).intermediate_with(options),
            };
            Made {
                subject: issued.subject,
                issuer: issued.issuer,
                pem: signed(&ca.cert_der, issued.damaged),
            }
        });
        pool.collect()
    }

    fn make_leaf(&self) -> Leaf {
        let leaf = &self.leaf;
        self.issuer(leaf.issuer).leaf(LeafOptions {
            not_before: leaf.validity.0,
            not_after: leaf.validity.1,
            ekus: leaf.ekus.clone(),
            is_ca: Some(leaf.is_ca),
            shared_key: Some(Key::nth(KeyKind::P256, self.authorities.len())),
            ..LeafOptions::named(leaf.name)
        })
    }
}

/// As PEM, with one bit of the signature flipped if it is damaged.
fn signed(der: &[u8], damaged: bool) -> String {
    let mut der = der.to_vec();
    if let Some(last) = der.last_mut() {
        *last ^= u8::from(damaged);
    }
    pem_block("CERTIFICATE", &der)
}

pub fn plan() -> impl Strategy<Value = Plan> {
    authorities().prop_flat_map(|authorities| {
        let count = authorities.len();
        let root = terms().prop_map(|terms| Terms {
            is_ca: true,
            ekus: Vec::new(),
            misidentified: false,
            ..terms
        });
        let anchors = prop::collection::vec((0..count.min(3), root), 1..4);
        let host = prop_oneof![15 => Just(HOST), 1 => Just("mail.example.com")];
        let pool = pool(count);
        (Just(authorities), anchors, pool, site(count), host).prop_map(
            |(authorities, anchors, pool, leaf, host)| Plan {
                authorities,
                anchors,
                pool,
                leaf,
                host,
            },
        )
    })
}

fn authorities() -> impl Strategy<Value = Vec<Authority>> {
    let all_identified = prop::bool::weighted(0.7);
    // Few names, so that siblings share them.
    let authority = (0..4u8, any::<bool>());
    (all_identified, prop::collection::vec(authority, 2..6)).prop_map(|(all, authorities)| {
        let authority = |(name, identified)| Authority {
            name: format!("CA {name}"),
            identified: all || identified,
        };
        authorities.into_iter().map(authority).collect()
    })
}

/// Each authority is mostly certified by the one before it; the rest is at random.
fn pool(count: usize) -> impl Strategy<Value = Vec<Issued>> {
    let spine: Vec<_> = (1..count)
        .map(|subject| prop::option::weighted(0.9, issued(Just(subject), Just(subject - 1))))
        .collect();
    let crossed = prop::collection::vec(issued(0..count, 0..count), 0..6);
    let pool = (spine, crossed).prop_map(|(spine, crossed)| {
        let spine = spine.into_iter().flatten();
        spine.chain(crossed).collect::<Vec<_>>()
    });
    pool.prop_shuffle()
}

fn issued(
    subject: impl Strategy<Value = usize>,
    issuer: impl Strategy<Value = usize>,
) -> impl Strategy<Value = Issued> {
    let damaged = prop::bool::weighted(0.04);
    (subject, issuer, terms(), damaged).prop_map(|(subject, issuer, terms, damaged)| Issued {
        subject,
        issuer,
        terms,
        damaged,
    })
}

fn site(count: usize) -> impl Strategy<Value = Site> {
    let name = prop_oneof![6 => Just(HOST), 1 => Just("*.example.com")];
    let ekus = prop_oneof![
        15 => Just(vec![Eku::ServerAuth]),
        3 => Just(vec![]),
        1 => Just(vec![Eku::ClientAuth]),
    ];
    let (is_ca, damaged) = (prop::bool::weighted(0.03), prop::bool::weighted(0.02));
    (0..count, name, validity(), ekus, is_ca, damaged).prop_map(
        |(issuer, name, validity, ekus, is_ca, damaged)| Site {
            issuer,
            name,
            validity,
            ekus,
            is_ca,
            damaged,
        },
    )
}

fn terms() -> impl Strategy<Value = Terms> {
    let path_len = prop_oneof![9 => Just(None), 3 => (0..3u8).prop_map(Some)];
    let permitted = prop_oneof![
        20 => Just(None),
        2 => Just(Some("example.com")),
        1 => Just(Some("example.org")),
    ];
    let excluded = prop_oneof![
        20 => Just(None),
        1 => Just(Some("example.com")),
        2 => Just(Some("mail.example.com")),
    ];
    let ekus = prop_oneof![
        15 => Just(vec![]),
        1 => Just(vec![Eku::ServerAuth]),
        1 => Just(vec![Eku::ClientAuth]),
    ];
    let (is_ca, misidentified) = (prop::bool::weighted(0.95), prop::bool::weighted(0.04));
    let rest = (ekus, misidentified);
    (validity(), is_ca, path_len, permitted, excluded, rest).prop_map(
        |(validity, is_ca, path_len, permitted_dns, excluded_dns, (ekus, misidentified))| Terms {
            validity,
            is_ca,
            // Only a CA may have one.
            path_len: path_len.filter(|_| is_ca),
            permitted_dns,
            excluded_dns,
            ekus,
            misidentified,
        },
    )
}

fn validity() -> impl Strategy<Value = (Day, Day)> {
    prop_oneof![
        20 => Just((BEGIN, END)),
        1 => Just((BEGIN, (2024, 1, 1))),
        1 => Just(((2030, 1, 1), END)),
    ]
}
