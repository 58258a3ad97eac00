//! Clients that people meet, by what their ClientHello offers.

use super::{Group, SignatureScheme, Version};

/// A client, as its hello shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// What it is called here: `java-8`.
    pub name: &'static str,
    /// What it is: `Java 8u161`.
    pub title: &'static str,
    /// Whether it is of today: nobody wants to shut such a client out.
    pub is_current: bool,
    /// The versions of TLS that it speaks.
    pub versions: &'static [Version],
    /// The numbers of its cipher suites, the best first.
    pub suites: &'static [u16],
    /// Its groups, the best first.
    pub groups: &'static [Group],
    /// Its signature schemes; empty for one that sends none.
    pub schemes: &'static [SignatureScheme],
    /// Where that is known from.
    pub source: &'static str,
}

impl Client {
    /// All that are known, the oldest first.
    pub const ALL: &'static [Self] = CLIENTS;

    /// The one with that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|client| client.name == name)
    }
}

use SignatureScheme as Scheme;
use Version::{Tls10, Tls11, Tls12, Tls13};

const UP_TO_10: &[Version] = &[Tls10];
const UP_TO_12: &[Version] = &[Tls10, Tls11, Tls12];
const UP_TO_13: &[Version] = &[Tls10, Tls11, Tls12, Tls13];
const FROM_12: &[Version] = &[Tls12, Tls13];
const ONLY_13: &[Version] = &[Tls13];

/// Those of OpenSSL up to 1.0.2, and of what is made with it.
#[rustfmt::skip]
const WITH_DSA: &[Scheme] = &[
    Scheme(0x0601), Scheme(0x0602), Scheme(0x0603), Scheme(0x0501), Scheme(0x0502),
    Scheme(0x0503), Scheme(0x0401), Scheme(0x0402), Scheme(0x0403), Scheme(0x0301),
    Scheme(0x0302), Scheme(0x0303), Scheme(0x0201), Scheme(0x0202), Scheme(0x0203),
];

/// Those of OpenSSL since 1.1.1.
#[rustfmt::skip]
const OF_OPENSSL: &[Scheme] = &[
    Scheme(0x0403), Scheme(0x0503), Scheme(0x0603), Scheme(0x0807), Scheme(0x0808),
    Scheme(0x0809), Scheme(0x080a), Scheme(0x080b), Scheme(0x0804), Scheme(0x0805),
    Scheme(0x0806), Scheme(0x0401), Scheme(0x0501), Scheme(0x0601), Scheme(0x0303),
    Scheme(0x0203), Scheme(0x0301), Scheme(0x0201), Scheme(0x0302), Scheme(0x0202),
    Scheme(0x0402), Scheme(0x0502), Scheme(0x0602),
];

/// Those of Firefox.
#[rustfmt::skip]
const OF_FIREFOX: &[Scheme] = &[
    Scheme(0x0403), Scheme(0x0503), Scheme(0x0603), Scheme(0x0804), Scheme(0x0805),
    Scheme(0x0806), Scheme(0x0401), Scheme(0x0501), Scheme(0x0601), Scheme(0x0203),
    Scheme(0x0201),
];

/// Suites and curves that nobody offers any more are left out: a server that has nothing else is of
/// no use to anybody.
#[rustfmt::skip]
const CLIENTS: &[Client] = &[
    Client {
        name: "java-7",
        title: "Java 7u25",
        is_current: false,
        versions: UP_TO_10,
        suites: &[
            0xc009, 0xc013, 0x002f, 0x0033, 0x0032, 0xc007, 0xc011, 0x0005, 0xc008, 0xc012,
            0x000a, 0x0016, 0x0013, 0x0004,
        ],
        groups: &[
            Group(0x0017), Group(0x0013), Group(0x0015), Group(0x0018), Group(0x0019),
            Group(0x0016),
        ],
        schemes: &[],
        source: "SSL Labs' user agents",
    },
    Client {
        name: "android-4.4",
        title: "Android 4.4.2",
        is_current: false,
        versions: UP_TO_12,
        suites: &[
            0xc030, 0xc02c, 0xc014, 0xc00a, 0x00a3, 0x009f, 0x006b, 0x006a, 0x0039, 0x0038,
            0x009d, 0x003d, 0x0035, 0xc012, 0xc008, 0x0016, 0x0013, 0x000a, 0xc02f, 0xc02b,
            0xc027, 0xc023, 0xc013, 0xc009, 0x00a2, 0x009e, 0x0067, 0x0040, 0x0033, 0x0032,
            0x009c, 0x003c, 0x002f, 0xc011, 0xc007, 0x0005, 0x0004,
        ],
        groups: &[
            Group(0x0019), Group(0x0018), Group(0x0017),
        ],
        schemes: WITH_DSA,
        source: "SSL Labs' user agents",
    },
    Client {
        name: "ie-11",
        title: "Internet Explorer 11 on Windows 7",
        is_current: false,
        versions: UP_TO_12,
        suites: &[
            0xc030, 0xc028, 0xc027, 0xc014, 0xc013, 0x009f, 0x009e, 0x009d, 0x009c, 0x003d,
            0x003c, 0x0035, 0x002f, 0xc02c, 0xc02b, 0xc024, 0xc023, 0xc00a, 0xc009, 0x006a,
            0x0040, 0x0038, 0x0032, 0x000a, 0x0013,
        ],
        groups: &[
            Group(0x0017), Group(0x0018),
        ],
        schemes: &[
            Scheme(0x0601), Scheme(0x0603), Scheme(0x0401), Scheme(0x0501), Scheme(0x0201),
            Scheme(0x0403), Scheme(0x0503), Scheme(0x0203), Scheme(0x0202),
        ],
        source: "SSL Labs' user agents",
    },
    Client {
        name: "openssl-1.0.2",
        title: "OpenSSL 1.0.2e",
        is_current: false,
        versions: UP_TO_12,
        suites: &[
            0xc030, 0xc02c, 0xc028, 0xc024, 0xc014, 0xc00a, 0x00a3, 0x009f, 0x006b, 0x006a,
            0x0039, 0x0038, 0x0088, 0x0087, 0x009d, 0x003d, 0x0035, 0x0084, 0xc02f, 0xc02b,
            0xc027, 0xc023, 0xc013, 0xc009, 0x00a2, 0x009e, 0x0067, 0x0040, 0x0033, 0x0032,
            0x009a, 0x0045, 0x0044, 0x009c, 0x003c, 0x002f, 0x0096, 0x0041, 0x0007, 0xc011,
            0xc007, 0x0005, 0x0004, 0xc012, 0xc008, 0x0016, 0x0013, 0x000a, 0x0015, 0x0009,
        ],
        groups: &[
            Group(0x0017), Group(0x0019), Group(0x001c), Group(0x001b), Group(0x0018),
            Group(0x001a), Group(0x0016),
        ],
        schemes: WITH_DSA,
        source: "SSL Labs' user agents",
    },
    Client {
        name: "java-8",
        title: "Java 8u161",
        is_current: false,
        versions: UP_TO_12,
        suites: &[
            0xc024, 0xc028, 0x003d, 0x006b, 0x006a, 0xc00a, 0xc014, 0x0035, 0x0039, 0x0038,
            0xc023, 0xc027, 0x003c, 0x0067, 0x0040, 0xc009, 0xc013, 0x002f, 0x0033, 0x0032,
            0xc02c, 0xc02b, 0xc030, 0x009d, 0x009f, 0x00a3, 0xc02f, 0x009c, 0x009e, 0x00a2,
            0xc008, 0xc012, 0x000a, 0x0016, 0x0013,
        ],
        groups: &[
            Group(0x0017), Group(0x0018), Group(0x0019), Group(0x0016),
        ],
        schemes: &[
            Scheme(0x0603), Scheme(0x0601), Scheme(0x0503), Scheme(0x0501), Scheme(0x0403),
            Scheme(0x0401), Scheme(0x0402), Scheme(0x0203), Scheme(0x0201), Scheme(0x0202),
        ],
        source: "SSL Labs' user agents",
    },
    Client {
        name: "openssl-1.1.0",
        title: "OpenSSL 1.1.0j",
        is_current: false,
        versions: UP_TO_12,
        suites: &[
            0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f, 0x009e, 0xc024,
            0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014, 0x0039, 0xc009, 0xc013,
            0x0033, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f,
        ],
        groups: &[
            Group(0x001d), Group(0x0017), Group(0x0019), Group(0x0018),
        ],
        schemes: WITH_DSA,
        source: "SSL Labs' user agents",
    },
    Client {
        name: "openssl-1.1.1",
        title: "OpenSSL 1.1.1",
        is_current: true,
        versions: UP_TO_13,
        suites: &[
            0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b,
            0xc02f, 0x009e, 0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014,
            0x0039, 0xc009, 0xc013, 0x0033, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f,
        ],
        groups: &[
            Group(0x001d), Group(0x0017), Group(0x001e), Group(0x0019), Group(0x0018),
        ],
        schemes: OF_OPENSSL,
        source: "SSL Labs' user agents",
    },
    Client {
        name: "java-11",
        title: "Java 11.0.2",
        is_current: true,
        versions: UP_TO_13,
        suites: &[
            0x1301, 0x1302, 0xc02c, 0xc02b, 0xc030, 0x009d, 0x009f, 0x00a3, 0xc02f, 0x009c,
            0x009e, 0x00a2, 0xc024, 0xc028, 0x003d, 0x006b, 0x006a, 0xc00a, 0xc014, 0x0035,
            0x0039, 0x0038, 0xc023, 0xc027, 0x003c, 0x0067, 0x0040, 0xc009, 0xc013, 0x002f,
            0x0033, 0x0032,
        ],
        groups: &[
            Group(0x0017), Group(0x0018), Group(0x0019), Group(0x0016), Group(0x0100),
            Group(0x0101), Group(0x0102), Group(0x0103), Group(0x0104),
        ],
        schemes: &[
            Scheme(0x0403), Scheme(0x0503), Scheme(0x0603), Scheme(0x0804), Scheme(0x0805),
            Scheme(0x0806), Scheme(0x0809), Scheme(0x080a), Scheme(0x080b), Scheme(0x0401),
            Scheme(0x0501), Scheme(0x0601), Scheme(0x0402), Scheme(0x0303), Scheme(0x0301),
            Scheme(0x0302), Scheme(0x0203), Scheme(0x0201), Scheme(0x0202),
        ],
        source: "SSL Labs' user agents",
    },
    Client {
        name: "safari-18",
        title: "Safari 18",
        is_current: true,
        versions: FROM_12,
        suites: &[
            0x1302, 0x1303, 0x1301, 0xc02c, 0xc02b, 0xcca9, 0xc030, 0xc02f, 0xcca8, 0xc00a,
            0xc009, 0xc014, 0xc013, 0x009d, 0x009c, 0x0035, 0x002f, 0xc008, 0xc012, 0x000a,
        ],
        groups: &[
            Group(0x11ec), Group(0x001d), Group(0x0017), Group(0x0018), Group(0x0019),
        ],
        schemes: &[
            Scheme(0x0403), Scheme(0x0804), Scheme(0x0401), Scheme(0x0503), Scheme(0x0805),
            Scheme(0x0501), Scheme(0x0806), Scheme(0x0601), Scheme(0x0201),
        ],
        source: "uTLS, which imitates it",
    },
    Client {
        name: "firefox-120",
        title: "Firefox 120",
        is_current: true,
        versions: FROM_12,
        suites: &[
            0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030, 0xc00a,
            0xc009, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
        ],
        groups: &[
            Group(0x001d), Group(0x0017), Group(0x0018), Group(0x0019), Group(0x0100),
            Group(0x0101),
        ],
        schemes: OF_FIREFOX,
        source: "uTLS, which imitates it",
    },
    Client {
        name: "chrome-131",
        title: "Chrome 131",
        is_current: true,
        versions: FROM_12,
        suites: &[
            0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
            0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
        ],
        groups: &[
            Group(0x11ec), Group(0x001d), Group(0x0017), Group(0x0018),
        ],
        schemes: &[
            Scheme(0x0403), Scheme(0x0804), Scheme(0x0401), Scheme(0x0503), Scheme(0x0805),
            Scheme(0x0501), Scheme(0x0806), Scheme(0x0601),
        ],
        source: "uTLS, which imitates it",
    },
    Client {
        name: "mozilla-old",
        title: "clients of Mozilla's old level",
        is_current: false,
        versions: UP_TO_13,
        suites: &[
            0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009e,
            0x009f, 0xccaa, 0xc023, 0xc027, 0xc009, 0xc013, 0xc024, 0xc028, 0xc00a, 0xc014,
            0x0067, 0x006b, 0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035, 0x000a,
        ],
        groups: &[
            Group(0x001d), Group(0x0017), Group(0x0018),
        ],
        schemes: OF_OPENSSL,
        source: "Mozilla's Server Side TLS, 5.7",
    },
    Client {
        name: "mozilla-intermediate",
        title: "clients of Mozilla's intermediate level",
        is_current: false,
        versions: FROM_12,
        suites: &[
            0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009e,
            0x009f, 0xccaa,
        ],
        groups: &[
            Group(0x001d), Group(0x0017), Group(0x0018),
        ],
        schemes: OF_FIREFOX,
        source: "Mozilla's Server Side TLS, 5.7",
    },
    Client {
        name: "mozilla-modern",
        title: "clients of Mozilla's modern level",
        is_current: false,
        versions: ONLY_13,
        suites: &[
            0x1301, 0x1302, 0x1303,
        ],
        groups: &[
            Group(0x001d), Group(0x0017), Group(0x0018),
        ],
        schemes: OF_FIREFOX,
        source: "Mozilla's Server Side TLS, 5.7",
    },
];
