//! OpenSSL's cipher strings: the language of HAProxy's `ciphers`.

use super::{Authentication, CipherSuite, KeyExchange, Version};

/// The suites up to TLS 1.2 that OpenSSL 3 has as distributions build it, in its own order. Those
/// that need a secret shared beforehand are left out.
#[rustfmt::skip]
const ORDER: [u16; 89] = [
    0xc02c, 0xc030, 0x00a3, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc0af, 0xc0ad, 0xc0a3, 0xc09f, 0xc05d,
    0xc061, 0xc057, 0xc053, 0x00a7, 0xc02b, 0xc02f, 0x00a2, 0x009e, 0xc0ae, 0xc0ac, 0xc0a2, 0xc09e,
    0xc05c, 0xc060, 0xc056, 0xc052, 0x00a6, 0xc024, 0xc028, 0x006b, 0x006a, 0xc073, 0xc077, 0x00c4,
    0x00c3, 0x006d, 0x00c5, 0xc023, 0xc027, 0x0067, 0x0040, 0xc072, 0xc076, 0x00be, 0x00bd, 0x006c,
    0x00bf, 0xc00a, 0xc014, 0x0039, 0x0038, 0x0088, 0x0087, 0xc019, 0x003a, 0x0089, 0xc009, 0xc013,
    0x0033, 0x0032, 0x0045, 0x0044, 0xc018, 0x0034, 0x0046, 0xc006, 0xc010, 0xc015, 0x009d, 0xc0a1,
    0xc09d, 0xc051, 0x009c, 0xc0a0, 0xc09c, 0xc050, 0x003d, 0x00c0, 0x003c, 0x00ba, 0x003b, 0x0035,
    0x0084, 0x002f, 0x0041, 0x0002, 0x0001,
];

/// What a cipher string comes to (openssl-ciphers(1)), in OpenSSL 3 as distributions build it:
/// without RC4, 3DES, IDEA and SEED.
///
/// ```
/// use fullchain::tls::Ciphers;
///
/// let ciphers = Ciphers::parse("ECDHE+AESGCM:!aRSA:FOO@SECLEVEL=1")?;
/// let names: Vec<_> = ciphers.suites.iter().map(|suite| suite.openssl).collect();
/// assert_eq!(names[0], "ECDHE-ECDSA-AES256-GCM-SHA384");
/// assert_eq!(ciphers.unknown, ["FOO"]);
/// assert_eq!(ciphers.level, Some(1));
/// # Ok::<(), fullchain::tls::CipherFault>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ciphers {
    /// The suites up to TLS 1.2, in the order of preference.
    pub suites: Vec<&'static CipherSuite>,
    /// The words that OpenSSL passes over in silence, as it does not know them. Those that only take
    /// something out are not among them.
    pub unknown: Vec<String>,
    /// `@SECLEVEL`, if it is set.
    pub level: Option<u8>,
}

/// Why OpenSSL refuses a cipher string.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CipherFault {
    /// No suite is left: "no cipher match". These are the words that it does not know.
    Nothing(Vec<String>),
    /// A character, or a word behind `@`, that the language does not have: "invalid command".
    Command(String),
}

impl std::fmt::Display for CipherFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing(unknown) if unknown.is_empty() => {
                f.write_str("it leaves no cipher suite")
            }
            Self::Nothing(unknown) => write!(
                f,
                "it leaves no cipher suite, and OpenSSL does not know {}",
                unknown.join(", ")
            ),
            Self::Command(word) => write!(f, "OpenSSL does not understand \"{word}\""),
        }
    }
}

impl std::error::Error for CipherFault {}

impl Ciphers {
    /// Reads a cipher string.
    ///
    /// # Errors
    ///
    /// Where OpenSSL refuses it, and HAProxy does not start.
    pub fn parse(text: &str) -> Result<Self, CipherFault> {
        let mut list = List {
            suites: all().map(|suite| (suite, false)).collect(),
            unknown: Vec::new(),
            level: None,
        };
        let mut rest = text;
        if let Some(ids) = suite_b(text) {
            rest = "";
            for id in ids {
                list.add(&|suite| suite.id == *id);
            }
        } else if let Some(behind) = text.strip_prefix("DEFAULT") {
            list.add(&is_default);
            // The others are gone for good.
            list.kill(&|suite| !is_default(suite));
            rest = behind;
        }
        list.rules(rest)?;
        let suites = list.suites.iter().filter(|(_, is_active)| *is_active);
        let suites: Vec<_> = suites.map(|(suite, _)| *suite).collect();
        match suites.is_empty() {
            true => Err(CipherFault::Nothing(list.unknown)),
            false => Ok(Self {
                suites,
                unknown: list.unknown,
                level: list.level,
            }),
        }
    }

    /// OpenSSL's own list, which holds where none is set.
    pub fn default_list() -> Self {
        Self {
            suites: all().filter(|suite| is_default(suite)).collect(),
            unknown: Vec::new(),
            level: None,
        }
    }
}

fn all() -> impl Iterator<Item = &'static CipherSuite> {
    ORDER.into_iter().filter_map(CipherSuite::of)
}

/// Words that take the place of the whole string (RFC 6460).
fn suite_b(text: &str) -> Option<&'static [u16]> {
    let modes: [(&str, &[u16]); 4] = [
        ("SUITEB128ONLY", &[0xc02b]),
        ("SUITEB128C2", &[0xc02c]),
        ("SUITEB128", &[0xc02b, 0xc02c]),
        ("SUITEB192", &[0xc02c]),
    ];
    let mode = modes.into_iter().find(|(word, _)| text.starts_with(word));
    mode.map(|(_, ids)| ids)
}

/// The list as OpenSSL works on it: all suites, and whether they are in the result.
struct List {
    suites: Vec<(&'static CipherSuite, bool)>,
    unknown: Vec<String>,
    level: Option<u8>,
}

/// What a rule does with the suites that are meant.
type Change = fn(&mut List, &dyn Fn(&CipherSuite) -> bool);

impl List {
    fn rules(&mut self, text: &str) -> Result<(), CipherFault> {
        let is_word = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '.' | '=' | '_');
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if matches!(first, ':' | ' ' | ',' | ';') {
                rest = rest.split_at(1).1;
                continue;
            }
            let has_sign = matches!(first, '!' | '-' | '+' | '@');
            let words = if has_sign { rest.split_at(1).1 } else { rest };
            // `+` joins words; what follows the last one that is none ends the rule.
            let mut length = 0;
            loop {
                let behind = words.get(length..).unwrap_or_default();
                let word = behind.find(|it| !is_word(it)).unwrap_or(behind.len());
                if word == 0 && length == 0 {
                    return Err(CipherFault::Command(rest.chars().take(32).collect()));
                }
                length += word;
                match behind.get(word..).is_some_and(|it| it.starts_with('+')) && first != '@' {
                    true => length += 1,
                    false => break,
                }
            }
            let (rule, behind) = words.split_at_checked(length).unwrap_or((words, ""));
            rest = behind;
            let known = self.unknown.len();
            match first {
                '@' => self.command(rule)?,
                '!' => self.rule(rule, Self::kill),
                '-' => self.rule(rule, Self::remove),
                '+' => self.rule(rule, Self::send_back),
                _ => self.rule(rule, Self::add),
            }
            if matches!(first, '!' | '-') {
                // What is not known is not there, as is wished.
                self.unknown.truncate(known);
            }
        }
        Ok(())
    }

    fn command(&mut self, word: &str) -> Result<(), CipherFault> {
        let level = word
            .strip_prefix("SECLEVEL=")
            .and_then(|it| match it.as_bytes() {
                [digit @ b'0'..=b'5'] => Some(digit - b'0'),
                _ => None,
            });
        match (level, word) {
            (Some(level), _) => self.level = Some(level),
            (None, "STRENGTH") => self.suites.sort_by_key(|(suite, is_active)| {
                // Those that are out stay in front.
                (*is_active, if *is_active { 256 - bits(suite) } else { 0 })
            }),
            _ => return Err(CipherFault::Command(format!("@{word}"))),
        }
        Ok(())
    }

    fn rule(&mut self, rule: &str, change: Change) {
        let words: Vec<&str> = rule.split('+').collect();
        let mut is_known = true;
        for word in words.iter().filter(|word| !is_known_word(word)) {
            // A `+` at the end is as a word that nobody knows.
            is_known = false;
            if !word.is_empty() {
                self.unknown.push((*word).to_owned());
            }
        }
        if is_known {
            change(self, &|suite| words.iter().all(|word| matches(word, suite)));
        }
    }

    fn add(&mut self, is_meant: &dyn Fn(&CipherSuite) -> bool) {
        self.activate(&|suite, is_active| !is_active && is_meant(suite));
    }

    fn send_back(&mut self, is_meant: &dyn Fn(&CipherSuite) -> bool) {
        self.activate(&|suite, is_active| is_active && is_meant(suite));
    }

    fn remove(&mut self, is_meant: &dyn Fn(&CipherSuite) -> bool) {
        let taken = |entry: &(&CipherSuite, bool)| entry.1 && is_meant(entry.0);
        let (removed, kept): (Vec<_>, Vec<_>) = self.suites.iter().partition(|it| taken(it));
        let removed = removed.into_iter().map(|(suite, _)| (suite, false));
        self.suites = removed.chain(kept).collect();
    }

    fn kill(&mut self, is_meant: &dyn Fn(&CipherSuite) -> bool) {
        self.suites.retain(|(suite, _)| !is_meant(suite));
    }

    fn activate(&mut self, is_meant: &dyn Fn(&CipherSuite, bool) -> bool) {
        let meant = |entry: &(&CipherSuite, bool)| is_meant(entry.0, entry.1);
        let (moved, kept): (Vec<_>, Vec<_>) = self.suites.iter().partition(|it| meant(it));
        let moved = moved.into_iter().map(|(suite, _)| (suite, true));
        self.suites = kept.into_iter().chain(moved).collect();
    }
}

/// What a suite encrypts with, and what it guards against changes with: the end of its name.
fn parts(suite: &CipherSuite) -> &'static str {
    suite
        .name
        .split_once("_WITH_")
        .map_or("", |(_, parts)| parts)
}

fn bits(suite: &CipherSuite) -> u16 {
    let parts = parts(suite);
    match () {
        () if parts.starts_with("NULL") => 0,
        () if parts.contains("128") && !parts.contains("CHACHA") => 128,
        () => 256,
    }
}

fn is_default(suite: &CipherSuite) -> bool {
    let parts = parts(suite);
    matches!(
        suite.authentication,
        Authentication::Ecdsa | Authentication::Rsa
    ) && bits(suite) > 0
        && !parts.contains("_CCM")
        && !parts.starts_with("ARIA")
        && !parts.starts_with("CAMELLIA")
}

/// The words for algorithms that no suite of [`ORDER`] has.
const VOID: [&str; 34] = [
    "3DES",
    "EXP",
    "EXPORT",
    "EXPORT40",
    "EXPORT56",
    "GOST",
    "GOST12",
    "GOST2012",
    "GOST89",
    "GOST89MAC",
    "GOST94",
    "IDEA",
    "LOW",
    "MEDIUM",
    "PSK",
    "RC2",
    "RC4",
    "SEED",
    "SRP",
    "aDH",
    "aGOST",
    "aGOST01",
    "aPSK",
    "aSRP",
    "kDH",
    "kDHEPSK",
    "kECDHEPSK",
    "kEDHPSK",
    "kGOST",
    "kPSK",
    "kRSAPSK",
    "kSRP",
    "kECDH",
    "DES",
];

/// The words for suites by what they are made of.
const ALIASES: [&str; 51] = [
    "ALL",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "RSA",
    "kRSA",
    "aRSA",
    "DH",
    "DHE",
    "EDH",
    "kDHE",
    "kEDH",
    "ECDH",
    "ECDHE",
    "EECDH",
    "kECDHE",
    "kEECDH",
    "ECDSA",
    "aECDSA",
    "DSS",
    "aDSS",
    "aNULL",
    "ADH",
    "AECDH",
    "eNULL",
    "NULL",
    "AES",
    "AES128",
    "AES256",
    "AESGCM",
    "AESCCM",
    "AESCCM8",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "CHACHA20",
    "CBC",
    "MD5",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA384",
    "SSLv3",
    "TLSv1",
    "TLSv1.0",
    "TLSv1.2",
    "HIGH",
    "FIPS",
];

fn is_known_word(word: &str) -> bool {
    ALIASES.contains(&word) || VOID.contains(&word) || all().any(|suite| suite.openssl == word)
}

/// Whether a suite is one of those that a word stands for.
fn matches(word: &str, suite: &CipherSuite) -> bool {
    use Authentication::{Anonymous, Dss, Ecdsa, Rsa};
    let parts = parts(suite);
    let has = |exchange: KeyExchange| suite.key_exchange == exchange;
    let is_anonymous = suite.authentication == Anonymous;
    let is_ephemeral = |exchange| has(exchange) && !is_anonymous;
    let is_aead = ["_GCM_", "_CCM", "POLY1305"]
        .iter()
        .any(|it| parts.contains(it));
    let mac = |end: &str| parts.ends_with(end) && !is_aead;
    let is_null = bits(suite) == 0;
    // In SSL 3.0 were those without elliptic curves.
    let is_early = suite.since < Version::Tls12;
    match word {
        "ALL" => !is_null,
        "COMPLEMENTOFALL" | "eNULL" | "NULL" => is_null,
        "COMPLEMENTOFDEFAULT" => !is_default(suite) && !is_null,
        "RSA" => has(KeyExchange::Rsa) && suite.authentication == Rsa,
        "kRSA" => has(KeyExchange::Rsa),
        "aRSA" => suite.authentication == Rsa,
        "DH" | "kDHE" | "kEDH" => has(KeyExchange::Dhe),
        "DHE" | "EDH" => is_ephemeral(KeyExchange::Dhe),
        "ECDH" | "kECDHE" | "kEECDH" => has(KeyExchange::Ecdhe),
        "ECDHE" | "EECDH" => is_ephemeral(KeyExchange::Ecdhe),
        "ECDSA" | "aECDSA" => suite.authentication == Ecdsa,
        "DSS" | "aDSS" => suite.authentication == Dss,
        "aNULL" => is_anonymous,
        "ADH" => is_anonymous && has(KeyExchange::Dhe),
        "AECDH" => is_anonymous && has(KeyExchange::Ecdhe),
        "AES" => parts.starts_with("AES"),
        "AES128" => parts.starts_with("AES_128"),
        "AES256" => parts.starts_with("AES_256"),
        "AESGCM" => parts.starts_with("AES") && parts.contains("_GCM_"),
        "AESCCM" => parts.contains("_CCM"),
        "AESCCM8" => parts.ends_with("_CCM_8"),
        "ARIA" | "ARIAGCM" => parts.starts_with("ARIA"),
        "ARIA128" => parts.starts_with("ARIA_128"),
        "ARIA256" => parts.starts_with("ARIA_256"),
        "CAMELLIA" => parts.starts_with("CAMELLIA"),
        "CAMELLIA128" => parts.starts_with("CAMELLIA_128"),
        "CAMELLIA256" => parts.starts_with("CAMELLIA_256"),
        "CHACHA20" => parts.starts_with("CHACHA20"),
        "CBC" => parts.contains("_CBC_"),
        "MD5" => mac("_MD5"),
        "SHA" | "SHA1" => mac("_SHA"),
        "SHA256" => mac("_SHA256"),
        "SHA384" => mac("_SHA384"),
        "SSLv3" => is_early && !has(KeyExchange::Ecdhe),
        "TLSv1" | "TLSv1.0" => is_early && has(KeyExchange::Ecdhe),
        "TLSv1.2" => !is_early,
        "HIGH" => !is_null,
        "FIPS" => parts.starts_with("AES") && !parts.contains("_CCM"),
        _ => suite.openssl == word,
    }
}
