//! Servers and certificates that mean harm, or do it: each is survived within the deadline and
//! with little memory, and is named with its URL and the reason. By both drivers alike.
//!
//! One test alone in its process, whose memory is measured.
#![cfg(feature = "aia")]

mod common;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use common::aia::{Driver, complete_within};
use common::bundling::bundler;
use common::hostile::{hostile, leaf, policy};
use common::http::Server;
use common::pki::Ca;
use fullchain::Code;

/// What is allowed beyond the deadline, and beyond the memory of a process that does nothing.
const MOST_OVER: Duration = Duration::from_secs(1);
const MOST_MEMORY: u64 = 32 * 1024 * 1024;

/// The most memory that the process had since it was last asked, in bytes (proc(5)).
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    let kilobytes: u64 = words.and_then(|word| word.parse().ok()).expect("a number");
    std::fs::write("/proc/self/clear_refs", "5").expect("one's own peak may be reset");
    kilobytes * 1024
}

/// One way to be unhelpful.
struct Case {
    name: &'static str,
    url: String,
    /// The finding that is owed, and words of its message.
    code: Code,
    owed: &'static str,
}

fn case(name: &'static str, url: String, owed: &'static str) -> Case {
    Case {
        name,
        url,
        code: Code::FetchFailed,
        owed,
    }
}

fn cases(server: &Server) -> Vec<Case> {
    let url = |path: &str| server.url(path);
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}/", listener.local_addr().expect("it is bound"))
    };
    let skipped = |name, url: &str, owed| Case {
        code: Code::UrlSkipped,
        ..case(name, url.to_owned(), owed)
    };
    vec![
        case("404", url("/none"), "no such file (404)"),
        case("503", url("/error"), "status 503"),
        case("HTML", url("/html"), "an HTML page"),
        case(
            "somebody else's certificate",
            url("/other"),
            "is CN=Other, not CN=Issuer",
        ),
        case(
            "a namesake's certificate",
            url("/namesake"),
            "its key did not sign",
        ),
        case("nothing", url("/empty"), "the source is empty"),
        case(
            "a truncated certificate",
            url("/truncated"),
            "ends too early",
        ),
        case(
            "a lone marker",
            url("/key"),
            "no certificate is in the answer",
        ),
        case("an endless body", url("/endless"), "more than 262144 bytes"),
        case("10 GB, stated", url("/stated"), "more than 262144 bytes"),
        case("4,000 blocks", url("/blocks"), "more than 100 PEM blocks"),
        case("a dribbled body", url("/dribble"), "no whole answer in 1"),
        case(
            "a dribbled head",
            url("/dribbled-head"),
            "no whole answer in 1",
        ),
        case("an endless head", url("/endless-head"), "too large"),
        case("silence", url("/silent"), "no whole answer in 1"),
        case(
            "a circle of redirects",
            url("/round"),
            "more than 3 redirects",
        ),
        case(
            "a redirect to a file",
            url("/to-file"),
            "redirects to file:///etc/passwd",
        ),
        case(
            "a redirect to the metadata service",
            url("/to-metadata"),
            "169.254.169.254 is a link-local address",
        ),
        case(
            "a redirect to nowhere",
            url("/to-nowhere"),
            "redirects to nowhere",
        ),
        case("a gzip bomb", url("/gzip-bomb"), "compressed, unasked"),
        case("gzip, unsaid", url("/gzip"), "compressed with gzip"),
        case("half a body", url("/half"), "end of file before"),
        case("another protocol", url("/ssh"), "invalid HTTP"),
        case(
            "a connection closed at once",
            url("/closed"),
            "connection closed",
        ),
        case("a dead host", dead, "onnection refused"),
        case(
            "a host without address",
            "http://no-such-host.invalid/".to_owned(),
            "",
        ),
        case(
            "TLS with a server that has none",
            url("/none").replace("http:", "https:"),
            "corrupt message",
        ),
        skipped(
            "ldap",
            "ldap://127.0.0.1/CN=Issuer?cACertificate",
            "only http and https are",
        ),
        skipped(
            "a file",
            "file:///etc/ssl/issuer.der",
            "only http and https are",
        ),
        skipped(
            "ftp",
            "ftp://127.0.0.1/issuer.der",
            "only http and https are",
        ),
        skipped("no URL", "www.example.com/issuer.der", "it is no URL"),
        skipped(
            "a password",
            "http://user:secret@127.0.0.1/",
            "a user name or password",
        ),
        skipped(
            "the metadata service",
            "http://169.254.169.254/latest/",
            "a link-local address",
        ),
        skipped(
            "the same as a number",
            "http://2852039166/latest/",
            "a link-local address",
        ),
        skipped(
            "the same in IPv6",
            "http://[::ffff:a9fe:a9fe]/",
            "a link-local address",
        ),
        skipped(
            "link-local IPv6",
            "http://[fe80::1]/",
            "a link-local address",
        ),
        skipped("multicast", "http://239.1.1.1/", "a multicast address"),
        skipped("unspecified", "http://0.0.0.0/", "an unspecified address"),
    ]
}

#[test]
fn hostile_answers_are_survived_in_time_and_memory_and_named() {
    let root = Ca::root("Root");
    let issuer = root.intermediate("Issuer");
    let server = hostile(
        &issuer,
        &root.intermediate("Other"),
        &root.intermediate("Issuer"),
    );
    let deadline = policy().deadline;
    let mut table = String::new();
    for case in cases(&server) {
        let leaf = leaf(&issuer, std::slice::from_ref(&case.url));
        for driver in Driver::ALL {
            peak_memory();
            let idle = peak_memory();
            let began = Instant::now();
            let outcome = complete_within(policy(), &bundler(&[&root.cert_pem]), &leaf, driver);
            let took = began.elapsed();
            let memory = peak_memory().saturating_sub(idle);
            let refusal = outcome.expect_err(case.name);
            let report = refusal.report();
            let said = report
                .findings()
                .iter()
                .find(|finding| finding.code == case.code);
            let said = said.unwrap_or_else(|| panic!("{}: {report}", case.name));
            assert!(said.message.contains(case.owed), "{}: {said}", case.name);
            assert!(said.message.contains(&case.url), "{}: {said}", case.name);
            assert!(
                report
                    .errors()
                    .any(|error| error.code == Code::MissingIssuer
                        || error.code == Code::BadSignature)
            );
            assert!(took < deadline + MOST_OVER, "{}: {took:?}", case.name);
            assert!(memory < MOST_MEMORY, "{}: {memory} bytes", case.name);
            let reason = said
                .message
                .rsplit_once(": ")
                .map_or("", |(_, reason)| reason);
            let _ = writeln!(
                table,
                "{:<36} {driver:<8?} {:>5} ms {:>6} KiB  {reason}",
                case.name,
                took.as_millis(),
                memory / 1024
            );
        }
    }
    println!("{table}");
}
