//! What HAProxy answers, taken apart. Text in, values out: nothing here touches a socket.

use std::iter;

use rustls_pki_types::CertificateDer;

use super::subject;
use crate::cert::Certificate;
use crate::haproxy::{CrtEntry, Version};
use crate::origin::Origin;

/// What `show info` says of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Info {
    /// As HAProxy prints it, such as 2.6.12-1+deb12u4.
    pub version: String,
    /// The process: it is another after a restart, and, behind a master, after a reload.
    pub pid: u32,
    /// Since when it runs, in seconds.
    pub uptime: u64,
}

impl Info {
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let field = |name: &str| field(reply, name);
        Some(Self {
            version: field("Version")?.to_owned(),
            pid: field("Pid")?.parse().ok()?,
            uptime: field("Uptime_sec")?.parse().ok()?,
        })
    }

    /// The version's branch; the newest known where the text is none, as a build of one's own may
    /// have it.
    pub fn branch(&self) -> Version {
        self.version.parse().unwrap_or_default()
    }
}

/// What `show ssl cert` lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Certificates {
    /// The names: the paths as the configuration has them.
    pub names: Vec<String>,
    /// The certificate that the open transaction is about, if one is open. There is at most one in
    /// a process.
    pub transaction: Option<String>,
}

impl Certificates {
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let mut listed = Self::default();
        let mut in_transaction = None;
        for line in lines(reply) {
            match line {
                "# transaction" => in_transaction = Some(true),
                "# filename" => in_transaction = Some(false),
                name if in_transaction? => {
                    let name = name.strip_prefix('*').unwrap_or(name);
                    listed.transaction = Some(name.to_owned());
                }
                name => listed.names.push(name.to_owned()),
            }
        }
        in_transaction.map(|_| listed)
    }
}

/// What `show ssl cert NAME` says of one certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Shown {
    /// `Used`, `Unused` or `Empty`.
    pub status: String,
    /// The serial number, in hexadecimal; `None` when there is no certificate yet.
    pub serial: Option<String>,
    /// The SHA-1 of the certificate's DER, in hexadecimal.
    pub fingerprint: Option<String>,
    /// The subjects of the certificates that are sent behind it, as HAProxy writes names.
    pub chain: Vec<String>,
    /// The key of its OCSP response, in hexadecimal, when it has one.
    pub ocsp: Option<String>,
}

impl Shown {
    /// Whether it is this certificate, in DER, by its SHA-1, which is all that HAProxy tells.
    pub fn is(&self, der: &[u8]) -> bool {
        use sha1::{Digest, Sha1};
        let digest = Sha1::digest(der);
        let hex: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        self.fingerprint.as_deref() == Some(hex.as_str())
    }

    /// Whether it is this chain, the server's certificate first, as far as HAProxy tells: of the
    /// others it has the subjects only. It may say no of one with unusual names.
    pub fn is_chain(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some((leaf, others)) = chain.split_first() else {
            return false;
        };
        let subjects = others.iter().map(|der| {
            let certificate = Certificate::new(der.clone().into_owned(), Origin::new(""));
            subject::oneline(certificate.ok()?.subject_der())
        });
        self.is(leaf) && self.chain.iter().cloned().map(Some).eq(subjects)
    }

    pub(super) fn parse(reply: &str) -> Option<Self> {
        let field = |name: &str| field(reply, name).filter(|it| !it.is_empty());
        Some(Self {
            status: field("Status")?.to_owned(),
            serial: field("Serial").map(str::to_owned),
            fingerprint: field("SHA1 FingerPrint").map(str::to_owned),
            chain: fields(reply, "Chain Subject").map(str::to_owned).collect(),
            ocsp: field("OCSP Response Key").map(str::to_owned),
        })
    }
}

/// A line of a crt-list, or a certificate of a folder, as `show ssl crt-list -n` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedEntry {
    /// The line in the file; 0 in a folder.
    pub line: usize,
    /// The certificate's name, its options and filters.
    pub entry: CrtEntry,
}

pub(super) fn entries(reply: &str) -> Option<Vec<ListedEntry>> {
    let mut lines = lines(reply);
    lines.next()?.strip_prefix("# ")?;
    lines.map(listed_entry).collect()
}

/// `FILE:LINE [OPTION ...] FILTER ...`, where the file's name may have blanks and colons in it.
fn listed_entry(text: &str) -> Option<ListedEntry> {
    let colons = text.match_indices(':').map(|(place, _)| place);
    let mut ends = colons.filter_map(|colon| {
        let (file, rest) = text.split_at(colon);
        let rest = rest.get(1..)?;
        let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        Some((file, number.parse().ok()?, rest.trim()))
    });
    let (file, line, rest) = ends.next_back()?;
    let (options, filters) = match rest.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((options, filters)) => (Some(options), filters),
        None => (None, rest),
    };
    // HAProxy 2.6 shows some options with what stands behind them in its memory.
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    let words = |text: &str| {
        let words = text.split(is_odd).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let entry = CrtEntry::shown(file, options.map(words), words(filters));
    Some(ListedEntry { line, entry })
}

pub(super) fn crt_lists(reply: &str) -> Vec<String> {
    lines(reply).map(str::to_owned).collect()
}

fn lines(reply: &str) -> impl Iterator<Item = &str> {
    let lines = reply.lines().map(|line| line.trim_end_matches('\r'));
    lines.filter(|line| !line.is_empty())
}

fn field<'r>(reply: &'r str, name: &str) -> Option<&'r str> {
    fields(reply, name).next()
}

fn fields<'r>(reply: &'r str, name: &str) -> impl Iterator<Item = &'r str> {
    let mut all = lines(reply).filter_map(|line| line.split_once(':'));
    iter::from_fn(move || all.by_ref().find(|(key, _)| *key == name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::{Certificates, Info, Shown, crt_lists, entries};

    #[test]
    fn a_process_is_known_by_its_version_and_number() {
        let info = Info::parse("Name: HAProxy\nVersion: 3.4.1\nPid: 7\nUptime_sec: 12\n")
            .expect("all is there");
        assert_eq!(
            (info.version.as_str(), info.pid, info.uptime),
            ("3.4.1", 7, 12)
        );
        assert_eq!(info.branch().to_string(), "3.4");
        assert_eq!(Info::parse("Permission denied\n"), None);
    }

    #[test]
    fn the_open_transaction_is_told_from_the_certificates() {
        let listed = "# transaction\n*/a.pem\n# filename\n/a.pem\n/b c.pem\n\n";
        let listed = Certificates::parse(listed).expect("it is a list");
        assert_eq!(listed.transaction.as_deref(), Some("/a.pem"));
        assert_eq!(listed.names, ["/a.pem", "/b c.pem"]);
        assert_eq!(
            Certificates::parse("# filename\n\n"),
            Some(Certificates::default())
        );
        assert_eq!(Certificates::parse("Can't allocate memory!\n"), None);
    }

    #[test]
    fn a_certificate_without_content_has_a_status_alone() {
        let shown = Shown::parse("Filename: /a.pem\nStatus: Empty\nOCSP Response Key: \n\n");
        let shown = shown.expect("it has a status");
        assert_eq!(shown.status, "Empty");
        assert!(shown.fingerprint.is_none() && shown.chain.is_empty() && shown.ocsp.is_none());
    }

    #[test]
    fn entries_have_files_lines_options_and_filters() {
        let reply = "# /x:1/list\n/a b.pem:0\n/c:2.pem:13 [alpn h2 ] !x.example *.example\n";
        let entries = entries(reply).expect("it is a crt-list");
        let told: Vec<_> = entries
            .iter()
            .map(|it| {
                (
                    it.line,
                    it.entry.file(),
                    it.entry.options(),
                    it.entry.filters(),
                )
            })
            .collect();
        assert_eq!(told[0], (0, "/a b.pem", &[][..], &[][..]));
        assert_eq!(told[1].0, 13);
        assert_eq!(told[1].1, "/c:2.pem");
        assert_eq!(told[1].2, ["alpn", "h2"]);
        assert_eq!(told[1].3, ["!x.example", "*.example"]);
        assert_eq!(crt_lists("/a\n/b\n\n"), ["/a", "/b"]);
    }
}
