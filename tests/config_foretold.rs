//! HAProxy's configuration is read as a real HAProxy reads it: words, what is refused, conditions,
//! and the versions and certificates that come of the settings. `PROPTEST_CASES` makes the
//! campaigns longer.

mod common;

use std::cell::Cell;
use std::path::Path;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use common::haproxy::Haproxy;
use common::openssl::openssl_output;
use common::pki::{Ca, Leaf};
use common::random::try_all;
use fullchain::haproxy::Version;
use fullchain::haproxy::config::{
    Config, Environment, File, Reader, SectionKind, TlsVersion, Versions, quoted, words,
};
use fullchain::{Code, Finding, Severity};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tempfile::TempDir;

static LEAVES: LazyLock<[Leaf; 2]> = LazyLock::new(|| {
    let ca = Ca::root("Test Root");
    ["a.example", "b.example"].map(|name| ca.leaf_named(name))
});

/// A folder right below `/tmp` with `a.pem` and `b.pem`.
fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("cfg-").tempdir_in("/tmp");
    let folder = folder.expect("/tmp is writable");
    for (leaf, name) in LEAVES.iter().zip(["a.pem", "b.pem"]) {
        let pem = leaf.cert_pem.clone() + &leaf.key_pem;
        std::fs::write(folder.path().join(name), pem).expect("the folder is writable");
    }
    folder
}

/// The HAProxy that the tests run with.
fn reader() -> Reader {
    let reader = Reader::new().version(version()).features(["OPENSSL"]);
    reader.environment(Environment::empty())
}

fn version() -> Version {
    "2.6".parse().expect("it is a version")
}

fn read(name: &str, text: &str) -> Config {
    let config = reader().read(&[File::new(name, text)]);
    config.expect("it is small")
}

/// A HAProxy with these lines before its own section `defaults`.
fn start(folder: &Path, lines: &str) -> Result<Haproxy, String> {
    let crt = folder.join("a.pem");
    // Its own bind line is a good one, whatever the defaults are.
    let own = "ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3";
    Haproxy::bind_with_global(&format!("crt {} {own}", crt.display()), lines)
}

const SETTINGS: &str = "    setenv V value
    setenv L \" one two  three\"

";

const PIECES: [&str; 62] = [
    "a",
    "b1",
    "Z",
    "c=d",
    "/e",
    "é",
    "-",
    "--",
    "{",
    "}",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\r",
    "\x0b",
    "\"",
    "\"",
    "'",
    "'",
    "\"q q\"",
    "'s s'",
    "\"\"",
    "''",
    "\\",
    "\\ ",
    "\\\\",
    "\\\"",
    "\\'",
    "\\#",
    "#",
    "\\n",
    "\\t",
    "\\x41",
    "\\x20",
    "\\x22",
    "\\x4",
    "\\xg1",
    "\\x00",
    "\\\t",
    "\\z",
    "$",
    "\\$",
    "$V",
    "${V}",
    "\"$V\"",
    "\"${V}\"",
    "\"${V",
    "\"${V-d}\"",
    "\"${NO_V-d e}\"",
    "\"$NO_V\"",
    "\"${L[*]}\"",
    "\"${L[*]-x}\"",
    "\"${L[x]}\"",
    "\"${NO_V[*]}\"",
    "\"${NO_V}\"",
    "\"$.LINE\"",
    "\"${.SECTION}\"",
    "\"$.NO\"",
    "\"$1\"",
    "\"${NO_V[*]-f  g }\"",
];

fn line() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12);
    prop_oneof![
        12 => pieces.prop_map(|pieces| pieces.concat()),
        1 => (55_usize..62, "[ \t]{0,2}").prop_map(|(count, end)| "w ".repeat(count) + &end),
        1 => (200_usize..3_000).prop_map(|count| format!("\"${{NO_V-{}}}\"", "x".repeat(count))),
    ]
}

/// What stands before a random line: HAProxy shows the words behind it one by one.
const ACL: &str = "    acl words path -m sub -- first ";

/// What HAProxy says where it refuses a line.
const REFUSALS: [(&str, &str); 6] = [
    ("a quote is not closed", "unmatched quote"),
    ("the brace of a variable", "unmatched brace"),
    ("behind a $", "forbidden first char"),
    ("\\x is not followed", "truncated or invalid hexadecimal"),
    (
        "[ behind a variable's",
        "truncated or invalid word expansion",
    ),
    ("it has more than 64 words", "too many words"),
];

/// The findings of refused lines, each as HAProxy says it.
fn owed_refusal(finding: &Finding, file: &str) -> String {
    let message = &finding.message;
    let (_, said) = REFUSALS
        .iter()
        .find(|(ours, _)| message.contains(ours))
        .unwrap_or_else(|| panic!("{message}"));
    let line = finding.origin.as_ref().and_then(|it| it.first_line());
    let line = line.expect("it has a line");
    let column = message.rsplit_once("(column ").expect("there is one").1;
    let place = match *said {
        // Of these HAProxy tells the place in the words it has read.
        "too many words" => String::new(),
        _ => format!(
            " at position {}:",
            column.split(')').next().unwrap_or_default()
        ),
    };
    format!("parsing [{file}:{line}]: {said}\n{place}")
}

fn check_lines(lines: &[String], counts: &[Cell<usize>; 2]) -> TestCaseResult {
    let folder = folder();
    // What is written with quoted() has no variables.
    let lookup = |name: &str| {
        use fullchain::haproxy::config::Variable::{Set, Unset};
        match name {
            "V" | ".LINE" | ".FILE" | ".SECTION" => Set("value".to_owned()),
            "L" => Set(" one two  three".to_owned()),
            _ => Unset,
        }
    };
    let backend = |lines: &[&String]| {
        let lines: String = lines.iter().map(|line| format!("{ACL}{line}\n")).collect();
        format!("{SETTINGS}backend words\n{lines}")
    };
    // As write_config() of the tests has it.
    let whole = |lines: &[&String]| format!("global\n\n\n\n{}", backend(lines));
    let mut fine: Vec<&String> = lines.iter().collect();
    loop {
        let config = read("haproxy.cfg", &whole(&fine));
        let errors: Vec<_> = config.report.errors().collect();
        if errors.is_empty() {
            break;
        }
        // All that are refused, each with HAProxy's words. After 50 it would give up.
        let printed = start(folder.path(), &backend(&fine)).err();
        let printed =
            printed.unwrap_or_else(|| panic!("HAProxy takes all of {fine:?}: {errors:?}"));
        let file = printed.split_once("parsing [").expect("it says where").1;
        let file = file.split_once(':').expect("and in which line").0;
        let mut refused = Vec::new();
        for error in &errors {
            let owed = owed_refusal(error, file);
            let (start, place) = owed.split_once('\n').expect("it was made so");
            let said = printed.lines().find(|line| line.contains(start));
            prop_assert!(
                said.is_some_and(|said| said.contains(place)),
                "{} in\n{}",
                owed,
                printed
            );
            let line = error.origin.as_ref().and_then(|it| it.first_line());
            refused.push(line.expect("it has a line"));
        }
        let said = printed.matches(&format!("parsing [{file}:")).count();
        prop_assert_eq!(said, errors.len(), "{:?}\n{}", errors, printed);
        let count = fine.len();
        let first = whole(&[]).lines().count() + 1;
        let mut number = first..;
        fine.retain(|_| !number.next().is_some_and(|it| refused.contains(&it)));
        prop_assert_eq!(fine.len() + errors.len(), count);
        counts[1].set(counts[1].get() + errors.len());
    }
    if fine.is_empty() {
        return Ok(());
    }
    let haproxy = start(folder.path(), &backend(&fine));
    let haproxy = haproxy.unwrap_or_else(|said| panic!("{fine:?}: {said}"));
    let path = haproxy.config();
    let text = std::fs::read_to_string(&path).expect("it was just written");
    let config = read(&path.to_string_lossy(), &text);
    prop_assert_eq!(config.report.errors().count(), 0, "{:?}", config.report);
    let sections = config.sections.iter();
    let mut sections = sections.filter(|it| it.kind == SectionKind::Backend);
    let section = sections.next().expect("there is a backend");
    prop_assert_eq!(section.lines.len(), fine.len());
    let lists = haproxy.runtime("show acl");
    for line in &section.lines {
        let place = format!("' line {}.", line.number());
        let list = lists.lines().find(|it| it.contains(&place));
        let list = list.and_then(|it| it.split(' ').next());
        let list = list.unwrap_or_else(|| panic!("{place}: {lists}"));
        let said = haproxy.runtime(&format!("show acl #{list}"));
        let owed: String = line
            .arguments()
            .skip(5)
            .map(|word| format!("{}\n", word.text()))
            .collect();
        prop_assert_eq!(without_addresses(&said), owed, "{:?}", line);
        // What is read can be written, and is read the same.
        let texts: Vec<String> = line.words.iter().map(|it| quoted(it.as_bytes())).collect();
        let again = words(texts.join(" ").as_bytes(), lookup).expect("it was read before");
        let bytes = |words: &[fullchain::haproxy::config::Word]| {
            let words = words.iter().map(|word| word.as_bytes().to_vec());
            words.collect::<Vec<_>>()
        };
        prop_assert_eq!(bytes(&again), bytes(&line.words));
    }
    counts[0].set(counts[0].get() + fine.len());
    Ok(())
}

/// `show acl` writes an address before each pattern, and an empty line at the end.
fn without_addresses(said: &str) -> String {
    let said = said.strip_suffix('\n').unwrap_or(said);
    let starts_entry = |line: &str| line.starts_with("0x") && line.contains(' ');
    said.split_inclusive('\n')
        .map(|line| match starts_entry(line) {
            true => line.split_once(' ').map_or(line, |(_, text)| text),
            false => line,
        })
        .collect()
}

#[test]
fn haproxy_cuts_lines_into_the_same_words_and_refuses_the_same_ones() {
    let counts = [const { Cell::new(0) }; 2];
    let lines = prop::collection::vec(line(), 40);
    try_all(12, &lines, |lines| check_lines(&lines, &counts));
    let [fine, refused] = counts.map(Cell::into_inner);
    println!("{fine} lines read, {refused} refused");
    assert!(fine > 50 && refused > 50);
}

/// A random condition that HAProxy can read, mostly.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(
        &[
            "0",
            "1",
            "7",
            "0x0",
            "0x1f",
            "010",
            "-1",
            "defined(V)",
            "defined(NO_V)",
            "defined()",
            "feature(OPENSSL)",
            "feature(NO_SUCH)",
            "streq(a,a)",
            "streq(a, a)",
            "streq(,)",
            "strneq(a,b)",
            "strneq(\"$V\",value)",
            "streq(\"$L\",\"$L\")",
            "streq('\"a,b\"',a)",
            "streq('\"a,b\"','\"a,b\"')",
            "streq(a b,a  b)",
            "streq(\\\\\"x\\\\\",x)",
            "version_atleast(2.4)",
            "version_atleast(2.6)",
            "version_atleast(2.7)",
            "version_atleast(3)",
            "version_before(2.6)",
            "version_before(2.6-dev3)",
            "version_before(2.10.1)",
        ][..],
    );
    leaf.prop_map(str::to_owned)
        .prop_recursive(4, 12, 3, |inner| {
            prop_oneof![
                (inner.clone(), " {0,2}", inner.clone())
                    .prop_map(|(one, blank, other)| format!("{one}{blank}&&{blank}{other}")),
                (inner.clone(), " {0,2}", inner.clone())
                    .prop_map(|(one, blank, other)| format!("{one}{blank}||{blank}{other}")),
                inner.clone().prop_map(|inner| format!("!{inner}")),
                inner.prop_map(|inner| format!("( {inner})")),
            ]
        })
}

/// The message of each branch that HAProxy, or this library, reads.
fn conditions_text(conditions: &[String]) -> String {
    let blocks = conditions.chunks(2).enumerate().map(|(n, pair)| match pair {
        [first, second] => format!(
            ".if {first}\n.notice {n}-if\n.elif {second}\n.notice {n}-elif\n.else\n.notice {n}-else\n.endif\n"
        ),
        _ => String::new(),
    });
    SETTINGS.to_owned() + &blocks.collect::<String>()
}

fn notices(config: &Config) -> Vec<String> {
    let notices = config.report.with_code(Code::ConfigMessage);
    let quoted = |it: &Finding| it.message.split('"').nth(1).map(str::to_owned);
    notices.filter_map(quoted).collect()
}

#[test]
fn haproxy_takes_the_same_branches() {
    let folder = folder();
    let count = Cell::new(0);
    let conditions = prop::collection::vec(condition(), 40);
    try_all(8, &conditions, |conditions| {
        let text = conditions_text(&conditions);
        let haproxy = start(folder.path(), &text);
        let haproxy = haproxy.unwrap_or_else(|said| panic!("{text}: {said}"));
        let printed = haproxy.printed();
        let said = printed.lines().filter(|line| line.contains("NOTICE"));
        let said = said.filter(|line| line.contains("parsing ["));
        let said: Vec<_> = said.filter_map(|line| line.split('\'').nth(1)).collect();
        let config = read("haproxy.cfg", &format!("global\n{text}"));
        prop_assert_eq!(notices(&config), said, "{}", text);
        prop_assert_eq!(config.report.errors().count(), 0);
        prop_assert!(!config.report.has(Code::ConditionUnknown));
        count.set(count.get() + conditions.len());
        Ok(())
    });
    println!("{} conditions", count.get());
}

#[test]
fn haproxy_refuses_the_same_conditions_and_blocks() {
    let folder = folder();
    let blocks = [
        ".if (1\n.endif",
        ".if 1)\n.endif",
        ".if 1 1\n.endif",
        ".if 1 ||\n.endif",
        ".if && 1\n.endif",
        ".if ()\n.endif",
        ".if no_such(1)\n.endif",
        ".if streq(a)\n.endif",
        ".if streq(a,b,c)\n.endif",
        ".if defined (V)\n.endif",
        ".if defined(V\n.endif",
        ".if streq(\\\"a,a)\n.endif",
        ".if enabled(POLL)\n.endif",
        ".if strstr(a,a)\n.endif",
        ".if 0\n.elif x\n.endif",
        ".endif",
        ".else",
        ".elif 1",
        ".if 1\n.else\n.else\n.endif",
        ".if 1\n.else\n.elif 1\n.endif",
        ".no-such-directive",
        ".alert stop",
        "bind",
        // In a branch that is not taken nobody looks.
        ".if 0\n.alert stop\n.no-such\n.endif",
        ".if 1\n.elif x\n.endif",
        ".if 0\n.if x\n.else\n.else\n.endif\n.endif",
        ".if 0\n.if x\n.elif y\n.endif\n.endif",
        ".if\n.alert stop\n.endif",
        ".if \"\" 1\n.notice blank\n.endif",
        ".if 0\nlog \"not closed\n.endif",
        ".if 0\n\"${V\"\n.endif",
        "\"\" no-such-keyword",
    ];
    let deep = |depth: usize| ".if 1\n".repeat(depth) + &".endif\n".repeat(depth);
    let nested = |depth: usize| {
        let (open, close) = ("(".repeat(depth), ")".repeat(depth));
        format!(".if {open}1{close}\n.endif\n")
    };
    let more = [
        deep(99),
        deep(100),
        nested(20),
        nested(340),
        nested(341),
        nested(600),
    ];
    let mut counts = [0, 0];
    for block in blocks.iter().map(|&it| it.to_owned()).chain(more) {
        // In a section of its own that knows nothing else, as nothing is set in global here.
        let text = format!("{SETTINGS}{block}\n");
        let said = start(folder.path(), &text).err();
        let is_before_section = block == "bind";
        let text = match is_before_section {
            true => format!("{block}\nglobal\n{SETTINGS}"),
            false => format!("global\n{text}"),
        };
        let config = read("haproxy.cfg", &text);
        let errors: Vec<_> = config.report.errors().collect();
        assert_eq!(
            said.is_some(),
            !errors.is_empty(),
            "{block}: {said:?} {errors:?}"
        );
        counts[usize::from(said.is_some())] += 1;
    }
    assert!(counts.iter().all(|&count| count > 5), "{counts:?}");
}

const VERSIONS: [(TlsVersion, &str); 4] = [
    (TlsVersion::Tls10, "-tls1"),
    (TlsVersion::Tls11, "-tls1_1"),
    (TlsVersion::Tls12, "-tls1_2"),
    (TlsVersion::Tls13, "-tls1_3"),
];
const ANY_CIPHER: &str = "ALL:@SECLEVEL=0";

/// Options about versions, as people write them.
fn version_options(most: usize) -> impl Strategy<Value = Vec<String>> {
    let version = prop::sample::select(&["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"][..]);
    let suffix = prop::sample::select(&["sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13"][..]);
    let bound = prop::sample::select(&["ssl-min-ver", "ssl-max-ver"][..]);
    let option = prop_oneof![
        4 => (bound, version).prop_map(|(bound, version)| format!("{bound} {version}")),
        4 => suffix.clone().prop_map(|suffix| format!("no-{suffix}")),
        1 => suffix.prop_map(|suffix| format!("force-{suffix}")),
        1 => Just("no-tls-tickets".to_owned()),
    ];
    prop::collection::vec(option, 0..=most)
}

/// A bind line's options: those before `ssl`, and those behind it.
type BindOptions = (Vec<String>, Vec<String>, bool);

fn check_binds(
    global: &[String],
    binds: &[BindOptions],
    counts: &[Cell<usize>; 2],
) -> TestCaseResult {
    let folder = folder();
    let place = folder.path().display();
    let mut lines = format!("    crt-base {place}\n    ssl-default-bind-ciphers {ANY_CIPHER}\n");
    if !global.is_empty() {
        lines += &format!("    ssl-default-bind-options {}\n", global.join(" "));
    }
    let bind = |n: usize, (before, after, is_second): &BindOptions| {
        let crt = if *is_second { "b.pem" } else { "./a.pem" };
        let (before, after) = (before.join(" "), after.join(" "));
        format!("    bind unix@{place}/{n} {before} ssl crt {crt} {after}\n")
    };
    let frontend = |binds: &[(usize, &BindOptions)]| {
        let binds: String = binds.iter().map(|(n, options)| bind(*n, options)).collect();
        let rest = "    mode http\n    timeout client 30s\n";
        format!("{lines}frontend random\n{rest}{binds}")
    };
    let spoken = |text: &str| -> Vec<Versions> {
        let config = read("haproxy.cfg", &format!("global\n{text}"));
        let binds = config.binds();
        let versions = binds.map(|(_, bind)| bind.value.versions(version()));
        versions.map(|it| it.expect("it speaks TLS")).collect()
    };
    let all: Vec<_> = binds.iter().enumerate().collect();
    let foretold = spoken(&frontend(&all));
    let (fine, refused): (Vec<_>, Vec<_>) = all
        .iter()
        .zip(&foretold)
        .partition(|(_, it)| it.range.is_some());
    // Each that is refused makes one alert.
    if !refused.is_empty() {
        let text = frontend(&refused.iter().map(|(bind, _)| **bind).collect::<Vec<_>>());
        let printed = start(folder.path(), &text).err().unwrap_or_default();
        let alerts = printed
            .matches("'random': all SSL/TLS versions are disabled")
            .count();
        prop_assert_eq!(alerts, refused.len(), "{}: {}", text, printed);
    }
    let text = frontend(&fine.iter().map(|(bind, _)| **bind).collect::<Vec<_>>());
    let haproxy = start(folder.path(), &text);
    let haproxy = haproxy.unwrap_or_else(|said| panic!("{text}: {said}"));
    let printed = haproxy.printed();
    for ((n, options), versions) in fine {
        let socket = format!("{place}/{n}");
        let name = format!("'bind unix@{socket}'");
        let said = |what: &str| {
            let name = name.trim_matches('\'').trim_start_matches("bind ");
            let mut lines = printed.lines();
            lines.any(|line| line.contains(what) && line.contains(&format!("'{name}'")))
        };
        prop_assert_eq!(
            said("are ignored for bind"),
            !versions.ignored.is_empty(),
            "{:?}",
            options
        );
        prop_assert_eq!(said("Ambiguous"), versions.is_ambiguous, "{:?}", options);
        prop_assert_eq!(
            said("not contiguous"),
            versions.hole.is_some(),
            "{:?}",
            options
        );
        for (version, argument) in VERSIONS {
            let connect = [
                "s_client", "-unix", &socket, "-cipher", ANY_CIPHER, argument,
            ];
            let output = openssl_output(&connect, b"");
            prop_assert_eq!(
                output.status.success(),
                versions.has(version),
                "{} with {:?} and {:?} in global: {:?}",
                version,
                options,
                global,
                versions
            );
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            let name = if options.2 { "b.example" } else { "a.example" };
            prop_assert!(!output.status.success() || printed.contains(name));
            let index = usize::from(output.status.success());
            counts[index].set(counts[index].get() + 1);
        }
    }
    Ok(())
}

#[test]
fn bind_lines_speak_the_versions_and_show_the_certificates_that_are_foretold() {
    let counts = [const { Cell::new(0) }; 2];
    let bind = (version_options(1), version_options(3), any::<bool>());
    let cases = (version_options(2), prop::collection::vec(bind, 6));
    try_all(10, &cases, |(global, binds)| {
        check_binds(&global, &binds, &counts)
    });
    let [refused, spoken] = counts.map(Cell::into_inner);
    println!("{refused} handshakes refused, {spoken} made");
    assert!(refused > 20 && spoken > 20);
}

/// The options of `global`, `defaults`, the `default-server` before the servers, and each server.
type ServerOptions = (Vec<String>, Vec<String>, Vec<String>, Vec<Vec<String>>);

fn check_servers(options: &ServerOptions, counts: &[Cell<usize>; 2]) -> TestCaseResult {
    let (global, defaults, default_server, servers) = options;
    let folder = folder();
    let place = folder.path().display();
    let mut text = format!("    ssl-default-server-ciphers {ANY_CIPHER}\n");
    if !global.is_empty() {
        text += &format!("    ssl-default-server-options {}\n", global.join(" "));
    }
    let timeouts = "    timeout connect 30s\n    timeout server 30s\n    timeout client 30s\n";
    text += &format!(
        "defaults random\n{timeouts}    default-server {}\n",
        defaults.join(" ")
    );
    text += &format!("defaults each\n{timeouts}frontend each from each\n");
    for (version, _) in VERSIONS {
        text += &format!(
            "    bind unix@{place}/{version} ssl crt {place}/a.pem ciphers {ANY_CIPHER} ssl-min-ver {version} ssl-max-ver {version}\n"
        );
    }
    text +=
        "defaults\nbackend random from random\n    default-server check inter 500ms verify none\n";
    text += &format!("    default-server {}\n", default_server.join(" "));
    let lines = servers.iter().enumerate().flat_map(|(n, options)| {
        VERSIONS.map(|(version, _)| {
            let options = options.join(" ");
            format!("    server {n}-{version} unix@{place}/{version} {options}\n")
        })
    });
    text += &lines.collect::<String>();
    let config = read("haproxy.cfg", &format!("global\n{text}"));
    prop_assert_eq!(config.servers().count(), servers.len() * VERSIONS.len());
    let is_void = config.report.errors().next().is_some();
    let haproxy = start(folder.path(), &text);
    prop_assert_eq!(haproxy.is_err(), is_void, "{}: {:?}", text, haproxy.err());
    let Ok(haproxy) = haproxy else {
        return Ok(());
    };
    let checked = checks(&haproxy);
    for (_, server) in config.servers() {
        let name = &server.value.name;
        let (_, wanted) = name.split_once('-').expect("it was made so");
        let (wanted, _) = VERSIONS
            .into_iter()
            .find(|(it, _)| it.to_string() == wanted)
            .expect("it is one of these");
        let said = checked.iter().find(|(it, _)| it == name);
        let (_, said) = said.unwrap_or_else(|| panic!("{name}: {checked:?}"));
        // Without TLS the check ends with the connection.
        let owed = match server.value.versions(version()) {
            None => "L4OK",
            // Without the ciphers, which no-ssl takes away, OpenSSL's security level counts.
            Some(versions)
                if versions.has(wanted)
                    && (server.value.tls.ciphers.is_some() || wanted >= TlsVersion::Tls12) =>
            {
                "L6OK"
            }
            Some(_) => "L6RSP",
        };
        prop_assert_eq!(said, owed, "{} in {}", name, text);
        let index = usize::from(owed == "L6OK");
        counts[index].set(counts[index].get() + 1);
    }
    Ok(())
}

/// The servers' names, and what came of their first checks.
fn checks(haproxy: &Haproxy) -> Vec<(String, String)> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let table = haproxy.runtime("show stat random 4 -1");
        let mut lines = table
            .lines()
            .map(|line| line.split(',').collect::<Vec<_>>());
        let head = lines.next().expect("it has a head");
        let column = |name: &str| head.iter().position(|it| *it == name).expect("it is one");
        let (name, status) = (column("svname"), column("check_status"));
        let rows = lines.filter(|it| it.len() > status);
        // A star tells that the next check runs.
        let checks: Vec<_> = rows
            .map(|row| {
                (
                    row[name].to_owned(),
                    row[status].trim_start_matches("* ").to_owned(),
                )
            })
            .collect();
        let is_done = |status: &str| !["", "INI"].contains(&status);
        if !checks.is_empty() && checks.iter().all(|(_, status)| is_done(status)) {
            return checks;
        }
        assert!(Instant::now() < deadline, "{checks:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn server_lines_speak_the_versions_that_are_foretold() {
    let counts = [const { Cell::new(0) }; 2];
    let with_ssl = |most: usize| {
        let word = prop::sample::select(&["", "", "ssl", "check-ssl", "no-ssl"][..]);
        (version_options(most), word, any::<bool>()).prop_map(|(mut options, word, is_first)| {
            let place = if is_first { 0 } else { options.len() };
            options.insert(place, word.to_owned());
            options
        })
    };
    let servers = prop::collection::vec(with_ssl(2), 5);
    let cases = (version_options(1), with_ssl(1), with_ssl(1), servers);
    try_all(16, &cases, |options| check_servers(&options, &counts));
    let [refused, spoken] = counts.map(Cell::into_inner);
    println!("{refused} handshakes refused or without TLS, {spoken} made");
    assert!(refused > 20 && spoken > 20);
}

#[test]
fn what_haproxy_takes_for_an_error_is_one_here() {
    let folder = folder();
    let place = folder.path().display();
    // Each with the fault, and without.
    for (wrong, right) in [
        ("    crt-base /a\n    crt-base /b\n", "    crt-base /a\n"),
        (
            "    ssl-default-bind-options ssl-min-ver TLS1.2\n",
            "    ssl-default-bind-options ssl-min-ver TLSv1.2\n",
        ),
        ("    ssl-default-bind-options\n", ""),
        ("    default-path here\n", "    default-path config\n"),
        ("    ssl-default-bind-ciphers\n", ""),
        (
            "frontend f from nobody\n",
            "defaults nobody\nfrontend f from nobody\n",
        ),
        (
            &format!("frontend f\n    bind unix@{place}/x ssl crt {place}/a.pem verify yes\n"),
            &format!("frontend f\n    bind unix@{place}/x ssl crt {place}/a.pem verify none\n"),
        ),
        (
            &format!("frontend f\n    bind unix@{place}/x ssl crt\n"),
            &format!("frontend f\n    bind unix@{place}/x ssl crt {place}/a.pem\n"),
        ),
        (
            "backend b\n    server s 127.0.0.1:1 ssl verify optional\n",
            "backend b\n    server s 127.0.0.1:1 ssl verify none\n",
        ),
        (
            "backend b\n    server s 127.0.0.1:1 ssl verify none force-tlsv12 ssl-max-ver TLSv1.1\n",
            "backend b\n    server s 127.0.0.1:1 ssl verify none force-tlsv12\n",
        ),
    ] {
        for (text, is_fine) in [(wrong, false), (right, true)] {
            let said = start(folder.path(), text).err();
            let config = read("haproxy.cfg", &format!("global\n{text}"));
            let errors: Vec<_> = config.report.errors().collect();
            assert_eq!(said.is_none(), is_fine, "{text}: {said:?}");
            assert_eq!(errors.is_empty(), is_fine, "{text}: {errors:?}");
            let is_error = |it: &&Finding| it.severity == Severity::Error;
            assert!(errors.iter().all(is_error));
        }
    }
}
