//! What HAProxy's configuration says about TLS, with inheritance and origins: every rule.

use std::path::{Path, PathBuf};

use fullchain::haproxy::Version;
use fullchain::haproxy::config::{
    Bind, CertificateSource, ClientVerify, Config, DefaultPath, Environment, File, HostSource,
    Limits, MAX_EXPANDED, MAX_NESTING, Matching, Modifier, Reader, SectionKind, Server, Setting,
    Side, TlsVersion, Variable, files_of, quoted, read_files, words,
};
use fullchain::{Code, Error, Severity};

const NAME: &str = "haproxy.cfg";

fn read(text: &str) -> Config {
    read_with(&Reader::new(), text)
}

fn read_with(reader: &Reader, text: &str) -> Config {
    reader.read(&[File::new(NAME, text)]).expect("it is small")
}

fn nothing_set() -> Reader {
    Reader::new().environment(Environment::empty())
}

fn old() -> Version {
    "2.6".parse().expect("it is a version")
}

fn bind(config: &Config, n: usize) -> &Bind {
    &config.binds().nth(n).expect("there are so many").1.value
}

fn server(config: &Config, n: usize) -> &Server {
    &config.servers().nth(n).expect("there are so many").1.value
}

/// A setting's value and the line that it comes from.
fn told<T: Clone>(setting: Option<&Setting<T>>) -> Option<(T, usize)> {
    let setting = setting?;
    let line = setting.origin.first_line().expect("it has a line");
    Some((setting.value.clone(), line))
}

fn told_text(setting: Option<&Setting<String>>) -> Option<(&str, usize)> {
    let setting = setting?;
    let line = setting.origin.first_line().expect("it has a line");
    Some((&setting.value, line))
}

fn codes(config: &Config) -> Vec<(Code, Severity, usize)> {
    let findings = config.report.findings().iter();
    let line = |it: &fullchain::Finding| it.origin.as_ref().and_then(|it| it.first_line());
    findings
        .map(|it| (it.code, it.severity, line(it).expect("it has a line")))
        .collect()
}

#[test]
fn words_have_their_places_and_what_is_made_of_them() {
    let line = "  bind :443 ssl crt /a\\ b.pem crt '/c $x#.pem' # crt d";
    let environment = |name: &str| match name {
        "CERTS" => Variable::Set("/etc/c d".to_owned()),
        "TWO" => Variable::Set("x  y".to_owned()),
        "DARK" => Variable::Unknown,
        _ => Variable::Unset,
    };
    let read = |line: &str| words(line.as_bytes(), environment).expect("it is whole");
    let texts = |line: &str| -> Vec<String> {
        read(line).iter().map(|it| it.text().into_owned()).collect()
    };
    let owed = [
        "bind",
        ":443",
        "ssl",
        "crt",
        "/a b.pem",
        "crt",
        "/c $x#.pem",
    ];
    assert_eq!(texts(line), owed);
    let places: Vec<_> = read(line)
        .iter()
        .map(|it| &line[it.range.clone()])
        .collect();
    let owed = [
        "bind",
        ":443",
        "ssl",
        "crt",
        "/a\\ b.pem",
        "crt",
        "'/c $x#.pem'",
    ];
    assert_eq!(places, owed);
    let line = r#"a "$CERTS/x" "${CERTS}/\"y" '${CERTS}' $CERTS "${NO-NE}z" "${TWO[*]}" b"#;
    let owed = [
        "a",
        "/etc/c d/x",
        "/etc/c d/\"y",
        "${CERTS}",
        "$CERTS",
        "NEz",
        "x",
        "y",
        "b",
    ];
    assert_eq!(texts(line), owed);
    let of_two: Vec<_> = read(line)[6..8].iter().map(|it| it.range.clone()).collect();
    assert_eq!(of_two[0], of_two[1]);
    assert_eq!(&line[of_two[0].clone()], "\"${TWO[*]}\"");
    let certain: Vec<_> = read("a\"$DARK\" \"${DARK-b}\" c")
        .iter()
        .map(|it| it.is_certain)
        .collect();
    assert_eq!(certain, [false, false, true]);
    assert_eq!(texts("a'b c'd #"), ["ab cd"]);
    assert_eq!(texts("é 'ü'"), ["é", "ü"]);
    assert_eq!(texts("a#b c"), ["a"]);
    assert_eq!(texts("\\x41\\x20B \\t"), ["A B", "\t"]);
    // Not as the manual has it, but as HAProxy does it.
    assert_eq!(texts("a\\\tb \\$x c\r d"), ["a\\", "b", "\\$x", "c"]);
    assert_eq!(texts("\"\" a \"\""), ["", "a"]);
    assert_eq!(
        words(b"\\xe9", environment).map(|it| it[0].as_bytes().to_vec()),
        Ok(vec![0xe9])
    );
}

#[test]
fn any_word_can_be_quoted() {
    for word in [
        &b"a"[..],
        b"",
        b"a b",
        b"$x \"y\" 'z' \\ # {}",
        b"\t\n\r\x01\x7f",
        b"\xff\xc3",
        "é".as_bytes(),
    ] {
        let text = quoted(word);
        let read = words(format!("a {text} b").as_bytes(), |_| Variable::Unset);
        let read = read.expect("it is whole");
        assert_eq!(read[1].as_bytes(), word, "{text}");
        assert_eq!(read.len(), 3);
    }
    assert_eq!(quoted(b"/etc/a-b_c.pem"), "/etc/a-b_c.pem");
}

#[test]
fn lines_that_haproxy_refuses_are_told_with_their_columns() {
    for (line, message) in [
        ("log \"a", "a quote is not closed (column 5)"),
        ("log 'a", "a quote is not closed (column 5)"),
        (
            "log \"${A\"",
            "the brace of a variable is not closed (column 7)",
        ),
        (
            "log \"${A-b\"",
            "the brace of a variable is not closed (column 7)",
        ),
        (
            "log \"$1\"",
            "behind a $ in double quotes is no variable's name; \\$ is a plain one (column 7)",
        ),
        (
            "log \"${.NO}\"",
            "behind a $ in double quotes is no variable's name; \\$ is a plain one (column 8)",
        ),
        (
            "log \\xg1",
            "\\x is not followed by two hexadecimal digits (column 5)",
        ),
        (
            "log \"${A[x]}\"",
            "[ behind a variable's name is not followed by *] (column 9)",
        ),
    ] {
        let config = read_with(&nothing_set(), &format!("global\n{line}\nmaxconn 3\n"));
        assert_eq!(codes(&config), [(Code::ConfigSyntax, Severity::Error, 2)]);
        let said = &config.report.findings()[0].message;
        assert_eq!(
            said.strip_prefix("HAProxy refuses this line: "),
            Some(message)
        );
        // The others are read.
        assert_eq!(config.sections[0].lines.len(), 1);
    }
    let many = |count: usize| format!("global\n{}\n", vec!["a"; count].join(" "));
    assert!(read(&many(64)).report.is_empty());
    assert_eq!(
        codes(&read(&many(65))),
        [(Code::ConfigSyntax, Severity::Error, 2)]
    );
    for text in ["global", "global\nmaxconn 3\0\n"] {
        let line = text.lines().count();
        assert_eq!(
            codes(&read(text)),
            [(Code::ConfigSyntax, Severity::Error, line)]
        );
    }
    assert_eq!(
        codes(&read("\nmaxconn 3\n")),
        [(Code::ConfigSyntax, Severity::Error, 2)]
    );
    assert!(read("").report.is_empty());
}

#[test]
fn what_haproxy_2_6_forgets_of_a_default_value_is_told() {
    let text = |length: usize| format!("global\nlog \"${{A-{}}}\" local0\n", "x".repeat(length));
    let old = nothing_set().version(old());
    assert!(read_with(&old, &text(9)).report.is_empty());
    assert_eq!(
        codes(&read_with(&old, &text(1_100))),
        [(Code::ConfigSyntax, Severity::Error, 2)]
    );
    let unknown = read_with(&nothing_set(), &text(1_100));
    assert_eq!(
        codes(&unknown),
        [(Code::ConfigSyntax, Severity::Warning, 2)]
    );
    // Each file has a buffer of its own, which its first line makes.
    let first = read_with(&old, "\"${A-global}\"\n");
    assert_eq!(codes(&first), [(Code::ConfigSyntax, Severity::Error, 1)]);
    let first = read_with(&old, "# a comment\n\"${A-global}\"\n");
    assert_eq!((first.report.is_empty(), first.sections.len()), (true, 1));
}

#[test]
fn a_variable_has_what_the_lines_before_gave_it() {
    let text = "global
    setenv A one
    presetenv A two
    presetenv B two
    description \"$A $B ${C-three} $.LINE ${.SECTION} $.FILE\"
    unsetenv A
    description \"${A-gone}\"
    resetenv B
    description \"${B-gone}\"
";
    let config = read_with(
        &nothing_set().environment(Environment::empty().with("C", "c")),
        text,
    );
    assert!(config.report.is_empty(), "{}", config.report);
    let lines = config.sections[0].lines.iter();
    let told: Vec<_> = lines
        .filter(|it| it.keyword() == "description")
        .map(|it| it.text(1))
        .collect();
    assert_eq!(told, ["one two c 5 global haproxy.cfg", "gone", "two"]);
    // Whoever knows nothing of the environment is told so.
    let config = read("frontend f\n    bind \"$ADDR\" ssl crt a.pem\n");
    assert_eq!(
        codes(&config),
        [
            (Code::UnknownVariable, Severity::Note, 2),
            (Code::EmptyWord, Severity::Warning, 2)
        ]
    );
    assert!(!config.binds().next().expect("there is one").1.is_certain);
    let empty = Environment::unknown().without("ADDR");
    let config = read_with(&Reader::new().environment(empty), "global\nlog \"$ADDR\"\n");
    assert!(config.report.is_empty());
    let files = [
        File::new("a.cfg", ""),
        File::new("b.cfg", "global\nlog \"$HAPROXY_CFGFILES\"\n"),
    ];
    let config = Reader::new().read(&files).expect("it is small");
    assert_eq!(config.sections[0].lines[0].text(1), "a.cfg;b.cfg");
}

#[test]
fn blocks_apply_where_their_conditions_hold() {
    let reader = nothing_set().version(old()).features(["OPENSSL", "LUA"]);
    for (condition, holds) in [
        ("1", true),
        ("0", false),
        ("", false),
        ("defined(A)", true),
        ("defined(B)", false),
        ("streq(\"$A\",\"a b\")", true),
        ("strneq(\"$A\",a)", true),
        ("feature(OPENSSL)", true),
        ("!feature(QUIC)", true),
        ("version_atleast(2.6)", true),
        ("version_atleast(2.6.0)", true),
        ("version_before(3.0.1)", true),
        ("version_before(2.5)", false),
        ("0 && 1 || 1", true),
        ("!(0 || 1 && 0)", true),
    ] {
        let environment = Environment::empty().with("A", "a b");
        let text = format!("global\n.if {condition}\nmaxconn 1\n.else\nnbthread 1\n.endif\n");
        let config = read_with(&reader.clone().environment(environment), &text);
        assert!(config.report.is_empty(), "{condition}: {}", config.report);
        let keywords: Vec<_> = config.sections[0]
            .lines
            .iter()
            .map(|it| it.keyword())
            .collect();
        assert_eq!(
            keywords,
            [if holds { "maxconn" } else { "nbthread" }],
            "{condition}"
        );
    }
}

#[test]
fn what_is_not_known_is_read_both_ways_and_said() {
    let text = "global
.if defined(A)
    maxconn 1
.elif 1
    maxconn 2
.else
    maxconn 3
.endif
    nbthread 4
";
    let lines = |config: &Config| -> Vec<_> {
        let lines = config.sections[0].lines.iter();
        lines.map(|it| (it.text(1), it.is_certain)).collect()
    };
    let two = |one: &str, other: &str, is_certain| {
        [(one.to_owned(), is_certain), (other.to_owned(), true)]
    };
    let config = read(text);
    assert_eq!(
        codes(&config),
        [(Code::ConditionUnknown, Severity::Note, 2)]
    );
    let [one, four] = two("1", "4", false);
    assert_eq!(lines(&config), [one, ("2".to_owned(), false), four]);
    // And one way where it is known.
    let set = Reader::new().environment(Environment::unknown().with("A", ""));
    assert_eq!(lines(&read_with(&set, text)), two("1", "4", true));
    assert_eq!(lines(&read_with(&nothing_set(), text)), two("2", "4", true));
    // Where one side decides, the other need not be known.
    for (condition, holds) in [("0 && defined(A)", "2"), ("defined(A) || 1", "1")] {
        let config = read(&text.replace("defined(A)", condition));
        assert_eq!(lines(&config), two(holds, "4", true), "{condition}");
    }
    for condition in [
        "feature(QUIC)",
        "version_atleast(2.6)",
        "openssl_version_atleast(3.0.0)",
        "openssl_version_before(3.0.0)",
        "ssllib_name_startswith(OpenSSL)",
        "enabled(POLL)",
        "streq(\"$B\",x)",
        "!defined(A)",
    ] {
        let config = read(&text.replace("defined(A)", condition));
        assert!(config.report.has(Code::ConditionUnknown), "{condition}");
    }
    // A patch is not known even where the branch is.
    let config = read_with(
        &Reader::new().version(old()),
        &text.replace("defined(A)", "version_atleast(2.6.4)"),
    );
    assert!(config.report.has(Code::ConditionUnknown));
    // What such a line does wrong is no error for sure.
    let config = read(
        "global\n.if defined(A)\n.alert no\n.if x\n.endif\nssl-default-bind-options no\n.endif\n",
    );
    assert_eq!(config.report.errors().count(), 0);
    assert_eq!(config.report.with_code(Code::ConfigSyntax).count(), 1);
}

#[test]
fn messages_are_findings_and_an_alert_is_the_end() {
    let config = read(
        "global\n.notice \"a b\"\n.diag c\n.warning d\n.if 0\n.alert x\n.endif\n.alert e\n.notice f\n",
    );
    let owed = [
        (Code::ConfigMessage, Severity::Note, 2),
        (Code::ConfigMessage, Severity::Note, 3),
        (Code::ConfigMessage, Severity::Warning, 4),
        (Code::ConfigMessage, Severity::Error, 8),
    ];
    assert_eq!(codes(&config), owed);
    assert_eq!(
        config.report.findings()[0].message,
        "the configuration says \"a b\""
    );
}

#[test]
fn sections_have_names_lines_and_places() {
    let text = "global
    no log
defaults
defaults base
defaults low from base
defaults from base
frontend f from low
    bind :80
backend b
    default option httplog
listen l
crt-store web
resolvers r
    nameserver a 127.0.0.1:53
";
    let config = read_with(&nothing_set(), text);
    assert!(config.report.is_empty(), "{}", config.report);
    let sections = config.sections.iter();
    let told: Vec<_> = sections
        .map(|it| (it.kind, it.name(), it.from(), it.header.number()))
        .collect();
    let some = |text: &str| Some(text.to_owned());
    let owed = [
        (SectionKind::Global, None, None, 1),
        (SectionKind::Defaults, None, None, 3),
        (SectionKind::Defaults, some("base"), None, 4),
        (SectionKind::Defaults, some("low"), some("base"), 5),
        (SectionKind::Defaults, None, some("base"), 6),
        (SectionKind::Frontend, some("f"), some("low"), 7),
        (SectionKind::Backend, some("b"), None, 9),
        (SectionKind::Listen, some("l"), None, 11),
        (SectionKind::CrtStore, some("web"), None, 12),
        (SectionKind::Other, some("r"), None, 13),
    ];
    assert_eq!(told, owed);
    assert_eq!(config.sections[0].lines[0].modifier, Some(Modifier::No));
    assert_eq!(
        config.sections[6].lines[0].modifier,
        Some(Modifier::Default)
    );
    assert_eq!(
        config.sections[6].lines[0].origin().to_string(),
        "haproxy.cfg:10"
    );
    let defaults = config
        .proxy(SectionKind::Frontend, "f")
        .and_then(|it| it.defaults.clone());
    assert_eq!(
        defaults.map(|it| it.to_string()).as_deref(),
        Some("haproxy.cfg:5")
    );
    // The last one before it, with a name or without.
    let backend = config
        .proxy(SectionKind::Backend, "b")
        .and_then(|it| it.defaults.clone());
    assert_eq!(
        backend.map(|it| it.to_string()).as_deref(),
        Some("haproxy.cfg:6")
    );
    assert!(config.proxy(SectionKind::Backend, "l").is_some());
    assert!(config.proxy(SectionKind::Backend, "f").is_none());
    let config = read("frontend f from none\n");
    assert_eq!(codes(&config), [(Code::ConfigSyntax, Severity::Error, 1)]);
}

#[test]
fn global_settings_are_typed() {
    let text = "global
    crt-base /certs
    ca-base /ca
    key-base /keys
    issuers-chain-path /chains
    ssl-load-extra-files key issuer
    ssl-load-extra-del-ext
    ssl-dh-param-file /dh.pem
    tune.ssl.default-dh-param 2048
    tune.bufsize 32768
    default-path origin /srv
    ssl-server-verify none
    stats socket /run/a.sock mode 660 level admin
    stats socket ipv4@127.0.0.1:9999
    log /dev/log local0
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
    ssl-default-bind-curves X25519:P-256
    ssl-default-bind-sigalgs RSA+SHA256
    ssl-default-bind-options no-tlsv13 no-tls-tickets prefer-client-ciphers strict-sni
    ssl-default-server-ciphers HIGH
    ssl-default-server-options ssl-max-ver TLSv1.2
";
    let config = read(text);
    assert!(config.report.is_empty(), "{}", config.report);
    let global = &config.global;
    assert_eq!(told_text(global.crt_base.as_ref()), Some(("/certs", 2)));
    assert_eq!(told_text(global.ca_base.as_ref()), Some(("/ca", 3)));
    assert_eq!(told_text(global.key_base.as_ref()), Some(("/keys", 4)));
    assert_eq!(
        told_text(global.issuers_chain_path.as_ref()),
        Some(("/chains", 5))
    );
    let files = vec!["key".to_owned(), "issuer".to_owned()];
    assert_eq!(told(global.load_extra_files.as_ref()), Some((files, 6)));
    assert_eq!(told(global.load_extra_del_ext.as_ref()), Some((true, 7)));
    assert_eq!(
        told_text(global.dh_param_file.as_ref()),
        Some(("/dh.pem", 8))
    );
    assert_eq!(told(global.default_dh_param.as_ref()), Some((2048, 9)));
    assert_eq!(told(global.bufsize.as_ref()), Some((32_768, 10)));
    let path = DefaultPath::Origin("/srv".into());
    assert_eq!(told(global.default_path.as_ref()), Some((path, 11)));
    assert_eq!(told(global.server_verify.as_ref()), Some((false, 12)));
    let sockets = global.stats_sockets.iter().map(|it| &it.value);
    let sockets: Vec<_> = sockets
        .map(|it| (it.address.as_str(), it.level.as_deref()))
        .collect();
    assert_eq!(
        sockets,
        [
            ("/run/a.sock", Some("admin")),
            ("ipv4@127.0.0.1:9999", None)
        ]
    );
    assert_eq!(
        told_text(global.logging.targets.first()),
        Some(("/dev/log local0", 15))
    );
    let bind = &global.bind_defaults;
    assert_eq!(
        told_text(bind.ciphersuites.as_ref()),
        Some(("TLS_AES_128_GCM_SHA256", 16))
    );
    assert_eq!(told_text(bind.curves.as_ref()), Some(("X25519:P-256", 17)));
    assert_eq!(told_text(bind.sigalgs.as_ref()), Some(("RSA+SHA256", 18)));
    assert_eq!(told(bind.disabled.first()), Some((TlsVersion::Tls13, 19)));
    assert_eq!(told(bind.no_tickets.as_ref()), Some((true, 19)));
    assert_eq!(told(bind.prefer_client_ciphers.as_ref()), Some((true, 19)));
    assert_eq!(told(global.strict_sni.as_ref()), Some((true, 19)));
    let server = &global.server_defaults;
    assert_eq!(told_text(server.ciphers.as_ref()), Some(("HIGH", 20)));
    assert_eq!(told(server.max.as_ref()), Some((TlsVersion::Tls12, 21)));
}

#[test]
fn a_bind_line_has_its_own_settings_and_those_of_global_before_it() {
    let text = "global
    crt-base /certs
    ca-base /ca
    ssl-default-bind-ciphers HIGH
    ssl-default-bind-options ssl-min-ver TLSv1.1
frontend f
    bind :443,[::]:443 name ssl ssl crt a.pem crt /b.pem crt-list c.list default-crt d.pem strict-sni alpn h2,http/1.1 ciphersuites X curves P-256 ecdhe P-384 sigalgs S client-sigalgs T verify optional ca-file e.pem ca-verify-file f.pem crl-file g.pem ca-ignore-err 10 crt-ignore-err all generate-certificates ca-sign-file h.pem ocsp-update on
    bind quic4@:443 ssl crt @web/site ca-file @system-ca unheard-of ssl-max-ver TLSv1.2
    bind :80 name crt
global
    ssl-default-bind-options ssl-min-ver TLSv1.3
frontend late
    bind :444 ssl crt a.pem ssl-min-ver TLSv1.2
    bind :445 ssl-min-ver TLSv1.2 ssl crt a.pem
    bind :446 ssl crt a.pem
";
    let config = read(text);
    assert!(config.report.is_empty(), "{}", config.report);
    let first = bind(&config, 0);
    assert_eq!(first.addresses, [":443", "[::]:443"]);
    assert!(first.is_tls && !first.is_quic);
    let named = |source: &Setting<CertificateSource>| match &source.value {
        CertificateSource::Crt(file) => format!("crt {} {}", file.name, file.path.display()),
        CertificateSource::DefaultCrt(file) => format!("default {}", file.name),
        CertificateSource::CrtList(file) => format!("list {}", file.name),
        other => panic!("{other:?}"),
    };
    let owed = [
        "crt /certs/a.pem /certs/a.pem",
        "crt /b.pem /b.pem",
        "list c.list",
        "default /certs/d.pem",
    ];
    assert_eq!(
        first.certificates.iter().map(named).collect::<Vec<_>>(),
        owed
    );
    assert_eq!(told(first.strict_sni.as_ref()), Some((true, 7)));
    assert_eq!(
        told(first.verify.as_ref()),
        Some((ClientVerify::Optional, 7))
    );
    assert_eq!(told(first.tls.min.as_ref()), Some((TlsVersion::Tls11, 5)));
    for (setting, owed) in [
        (&first.tls.ciphers, ("HIGH", 4)),
        (&first.tls.ciphersuites, ("X", 7)),
        (&first.tls.curves, ("P-256", 7)),
        (&first.tls.ecdhe, ("P-384", 7)),
        (&first.tls.sigalgs, ("S", 7)),
        (&first.tls.client_sigalgs, ("T", 7)),
        (&first.tls.alpn, ("h2,http/1.1", 7)),
        (&first.ca_ignore_err, ("10", 7)),
        (&first.crt_ignore_err, ("all", 7)),
    ] {
        assert_eq!(told_text(setting.as_ref()), Some(owed));
    }
    for (file, owed) in [
        (&first.ca_file, "/ca/e.pem"),
        (&first.ca_verify_file, "/ca/f.pem"),
        (&first.crl_file, "/ca/g.pem"),
        (&first.ca_sign_file, "/ca/h.pem"),
    ] {
        assert_eq!(file.as_ref().map(|it| it.value.name.as_str()), Some(owed));
    }
    assert_eq!(told(first.generate_certificates.as_ref()), Some((true, 7)));
    assert_eq!(told(first.ocsp_update.as_ref()), Some((true, 7)));
    let quic = bind(&config, 1);
    assert!(quic.is_quic);
    assert_eq!(named(&quic.certificates[0]), "crt @web/site @web/site");
    assert_eq!(
        quic.ca_file.as_ref().map(|it| it.value.name.as_str()),
        Some("@system-ca")
    );
    assert_eq!(told(quic.tls.max.as_ref()), Some((TlsVersion::Tls12, 8)));
    let plain = bind(&config, 2);
    assert!(!plain.is_tls && plain.certificates.is_empty() && plain.tls.min.is_none());
    assert!(plain.versions(Version::NEWEST).is_none());
    // What stands later in the file came too late for the lines before it.
    let min = |n: usize| told(bind(&config, n).tls.min.as_ref());
    assert_eq!(min(3), Some((TlsVersion::Tls12, 13)));
    assert_eq!(min(4), Some((TlsVersion::Tls12, 14)));
    assert_eq!(min(5), Some((TlsVersion::Tls13, 11)));
}

#[test]
fn an_empty_word_ends_a_line_and_is_told() {
    let config = read_with(
        &nothing_set(),
        "frontend f\n    bind :443 \"$OPT\" ssl crt a.pem\n",
    );
    assert_eq!(codes(&config), [(Code::EmptyWord, Severity::Warning, 2)]);
    assert!(!bind(&config, 0).is_tls);
    let config = read_with(&nothing_set(), "frontend f\n    bind :443 ssl \"$OPT\"\n");
    assert!(config.report.is_empty());
}

#[test]
fn versions_are_reckoned_as_haproxy_does_it() {
    use TlsVersion::{Tls10, Tls11, Tls12, Tls13};
    let versions = |options: &str, side: Side, version: Version| {
        let text = match side {
            Side::Bind => format!("frontend f\n    bind :1 ssl crt a {options}\n"),
            Side::Server => format!("backend b\n    server s :1 ssl {options}\n"),
        };
        let config = read(&text);
        let versions = match side {
            Side::Bind => bind(&config, 0).versions(version),
            Side::Server => server(&config, 0).versions(version),
        };
        let codes = config.report.with_code(Code::TlsVersions);
        (
            versions.expect("it is TLS"),
            codes.map(|it| it.severity).collect::<Vec<_>>(),
        )
    };
    let warned = [Severity::Warning].as_slice();
    for (options, side, range, severities) in [
        ("", Side::Bind, Some((Tls12, Tls13)), &[][..]),
        ("", Side::Server, Some((Tls10, Tls13)), &[]),
        ("ssl-min-ver SSLv3", Side::Bind, Some((Tls10, Tls13)), &[]),
        (
            "ssl-max-ver TLSv1.1",
            Side::Bind,
            Some((Tls11, Tls11)),
            warned,
        ),
        (
            "ssl-max-ver TLSv1.1",
            Side::Server,
            Some((Tls10, Tls11)),
            &[],
        ),
        ("no-tlsv13", Side::Bind, Some((Tls12, Tls12)), &[]),
        ("no-tlsv11", Side::Server, Some((Tls10, Tls13)), warned),
        (
            "no-tlsv11 no-tlsv12",
            Side::Server,
            Some((Tls10, Tls13)),
            warned,
        ),
        (
            "no-tlsv13 ssl-min-ver TLSv1.1",
            Side::Bind,
            Some((Tls11, Tls13)),
            warned,
        ),
        ("force-tlsv12", Side::Bind, Some((Tls12, Tls12)), &[]),
        (
            "force-tlsv11 ssl-max-ver TLSv1.2",
            Side::Bind,
            Some((Tls11, Tls12)),
            &[],
        ),
        ("force-sslv3", Side::Bind, None, &[Severity::Error]),
        ("no-tlsv12 no-tlsv13", Side::Bind, None, &[Severity::Error]),
        (
            "ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2",
            Side::Server,
            None,
            &[Severity::Error],
        ),
    ] {
        let (versions, said) = versions(options, side, Version::NEWEST);
        assert_eq!(versions.range, range, "{options} {side:?}");
        assert_eq!(said, severities, "{options} {side:?}");
        let is_within = |version| range.is_some_and(|(min, max)| min <= version && version <= max);
        for version in TlsVersion::ALL {
            assert_eq!(versions.has(version), is_within(version));
        }
    }
    // Before 2.2 bind lines spoke all.
    let ancient = "2.0".parse().expect("it is a version");
    assert_eq!(
        versions("", Side::Bind, ancient).0.range,
        Some((Tls10, Tls13))
    );
    // Two that contradict each other across sections.
    let config = read(
        "global\n    ssl-default-bind-options no-tlsv13\nfrontend f\n    bind :1 ssl crt a ssl-min-ver TLSv1.2\n",
    );
    assert_eq!(codes(&config), [(Code::TlsVersions, Severity::Warning, 4)]);
    let ignored = bind(&config, 0)
        .versions(Version::NEWEST)
        .expect("it is TLS")
        .ignored;
    assert_eq!(told(ignored.first()), Some((Tls13, 2)));
}

#[test]
fn a_server_line_has_what_default_server_said_before_it() {
    let text = "global
    ca-base /ca
    crt-base /certs
    ssl-default-server-ciphers HIGH
defaults
    default-server inter 1s ca-file root.pem
backend b
    server a 10.0.0.1:443 ssl
    default-server ssl verify required check sni str(x.example) no-tlsv10
    server b 10.0.0.2:443 verifyhost x.example crt client.pem crl-file crl.pem alpn h2 cookie ssl
    server c 10.0.0.3:80 no-ssl no-check
    server-template d 1-3 _https._tcp.example:443 verify none check-sni y.example check-alpn h2
    server e 10.0.0.4:443 port 8080
    server f 10.0.0.5:443 addr 10.0.0.6 check-ssl
    server g 10.0.0.5:443 no-check-ssl
    server h 10.0.0.7:80 no-ssl check-ssl source 10.0.0.8 usesrc client
";
    let config = read(text);
    assert_eq!(codes(&config), [(Code::TlsVersions, Severity::Warning, 9)]);
    let ca = |n: usize| {
        let setting = server(&config, n).ca_file.as_ref()?;
        Some((setting.value.name.as_str(), setting.origin.first_line()?))
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(|n| server(&config, n));
    assert_eq!(
        (ca(0), a.is_tls(), a.is_checked()),
        (Some(("/ca/root.pem", 6)), true, false)
    );
    assert!(a.verify.is_none());
    assert_eq!(told_text(a.tls.ciphers.as_ref()), Some(("HIGH", 4)));
    assert_eq!((b.name.as_str(), b.address.as_str()), ("b", "10.0.0.2:443"));
    assert_eq!(told(b.ssl.as_ref()), Some((true, 9)));
    assert_eq!(told(b.verify.as_ref()), Some((true, 9)));
    assert_eq!(told_text(b.sni.as_ref()), Some(("str(x.example)", 9)));
    assert_eq!(told_text(b.verifyhost.as_ref()), Some(("x.example", 10)));
    assert_eq!(told_text(b.tls.alpn.as_ref()), Some(("h2", 10)));
    let file = |it: &Option<Setting<fullchain::haproxy::config::FileName>>| {
        it.as_ref().map(|it| it.value.name.clone())
    };
    assert_eq!(file(&b.crt).as_deref(), Some("/certs/client.pem"));
    assert_eq!(file(&b.crl_file).as_deref(), Some("/ca/crl.pem"));
    assert!(b.is_checked() && b.checks_with_tls());
    assert!(!c.is_tls() && !c.is_checked() && !c.checks_with_tls());
    assert!(c.versions(Version::NEWEST).is_none());
    assert_eq!((d.name.as_str(), d.template.as_deref()), ("d", Some("1-3")));
    assert_eq!(d.address, "_https._tcp.example:443");
    assert_eq!(told(d.verify.as_ref()), Some((false, 12)));
    assert_eq!(told_text(d.check_sni.as_ref()), Some(("y.example", 12)));
    assert_eq!(told_text(d.check_alpn.as_ref()), Some(("h2", 12)));
    // Checks elsewhere are in the clear unless they are told to be otherwise.
    let with_tls = [4, 5, 6, 7].map(|n| server(&config, n).checks_with_tls());
    assert_eq!(with_tls, [false, true, false, true]);
    // `no-ssl` alone takes away the ciphers, and `check-ssl` behind it brings them back.
    assert!(server(&config, 7).tls.ciphers.is_some());
}

#[test]
fn what_is_wrong_on_bind_and_server_lines_is_told() {
    for line in [
        "bind :1 ssl crt",
        "bind :1 ssl verify maybe",
        "bind :1 ssl ssl-min-ver 1.2",
        "bind :1 ssl ciphers",
        "server s :1 verify optional",
        "server s :1 ssl-max-ver TLSv1.4",
        "server s :1 sni",
        "default-server ca-file",
    ] {
        let config = read(&format!("listen l\n    {line}\n"));
        assert_eq!(
            codes(&config),
            [(Code::ConfigSyntax, Severity::Error, 2)],
            "{line}"
        );
        // Not for sure, where the line does not apply for sure.
        let config = read(&format!("listen l\n.if defined(A)\n    {line}\n.endif\n"));
        assert_eq!(config.report.errors().count(), 0, "{line}");
    }
}

#[test]
fn relative_names_are_resolved_from_where_default_path_says() {
    for (lines, config, owed) in [
        ("", "etc/a.cfg", "certs/a.pem"),
        ("default-path current", "etc/a.cfg", "certs/a.pem"),
        ("default-path config", "etc/a.cfg", "etc/certs/a.pem"),
        ("default-path config", "/a.cfg", "/certs/a.pem"),
        ("default-path config", "a.cfg", "certs/a.pem"),
        ("default-path parent", "etc/a.cfg", "etc/../certs/a.pem"),
        ("default-path origin /srv", "etc/a.cfg", "/srv/certs/a.pem"),
    ] {
        let text = format!(
            "global\ncrt-base certs\n{lines}\nfrontend f\nbind :1 ssl crt a.pem crt-list /x/l\n"
        );
        let read = Reader::new()
            .read(&[File::new(config, text)])
            .expect("it is small");
        assert!(read.report.is_empty());
        let paths = bind(&read, 0)
            .certificates
            .iter()
            .map(|it| match &it.value {
                CertificateSource::Crt(file) => (file.name.clone(), file.path.clone()),
                CertificateSource::CrtList(file) => (file.name.clone(), file.path.clone()),
                other => panic!("{other:?}"),
            });
        // HAProxy's name for it stays what it is.
        let owed = [
            ("certs/a.pem".to_owned(), PathBuf::from(owed)),
            ("/x/l".to_owned(), "/x/l".into()),
        ];
        assert_eq!(paths.collect::<Vec<_>>(), owed, "{lines}");
    }
}

#[test]
fn a_crt_store_has_its_loads() {
    let text = "global
    crt-base /certs
crt-store
    load crt a.pem key a.key
crt-store web
    crt-base /web
    key-base /keys
    load crt b.pem alias site key b.key ocsp b.ocsp issuer b.issuer sctl b.sctl ocsp-update on
";
    let config = read(text);
    assert!(config.report.is_empty());
    let [one, web] = config.crt_stores.as_slice() else {
        panic!("{:?}", config.crt_stores);
    };
    assert_eq!(one.name_of(&one.loads[0].value), "@//certs/a.pem");
    assert_eq!(web.name_of(&web.loads[0].value), "@web/site");
    let load = &web.loads[0].value;
    let names = [&load.crt, &load.key, &load.ocsp, &load.issuer, &load.sctl];
    let names = names.map(|it| it.as_ref().map_or("", |it| &it.name));
    assert_eq!(
        names,
        [
            "/web/b.pem",
            "/keys/b.key",
            "/web/b.ocsp",
            "/web/b.issuer",
            "/web/b.sctl"
        ]
    );
    assert_eq!(load.ocsp_update, Some(true));
}

#[test]
fn the_hosts_that_rules_know_are_found() {
    let text = "frontend f
    acl shop req.ssl_sni -i shop.example www.shop.example
    acl mail ssl_fc_sni,lower -m end .mail.example
    acl api hdr(host) -i -f hosts.txt api.example
    acl sub hdr_dom(Host) -- -i
    acl other req.hdr(host,-1),field(1,:) old.example
    acl cookie hdr(cookie) x
    acl path path /a
    use_backend shop if shop !mail
    use_backend any unless { req.ssl_sni any.example } || { ssl_fc_sni_reg ^a }
    use_backend %[req.ssl_sni,map(hosts.map,none)]
    use-server s1 if { hdr_beg(host) s1. }
    http-request deny if { req.fhdr(host) bad.example }
    default_backend rest
";
    let config = read(text);
    let routing = &config.proxies[0].routing;
    let tests: Vec<_> = routing
        .tests
        .iter()
        .map(|it| {
            let test = &it.value;
            (
                test.acl.as_deref(),
                test.source,
                test.matching,
                test.ignores_case,
                test.values.join(" "),
            )
        })
        .collect();
    use HostSource::{FrontendSni, HostHeader, RequestSni};
    let text = |it: &str| it.to_owned();
    let owed = [
        (
            Some("shop"),
            RequestSni,
            Matching::Exact,
            true,
            text("shop.example www.shop.example"),
        ),
        (
            Some("mail"),
            FrontendSni,
            Matching::End,
            true,
            text(".mail.example"),
        ),
        (
            Some("api"),
            HostHeader,
            Matching::Exact,
            true,
            text("api.example"),
        ),
        (Some("sub"), HostHeader, Matching::Domain, false, text("-i")),
        (
            Some("other"),
            HostHeader,
            Matching::Exact,
            false,
            text("old.example"),
        ),
        (
            None,
            RequestSni,
            Matching::Exact,
            false,
            text("any.example"),
        ),
        (None, FrontendSni, Matching::Regex, false, text("^a")),
        (None, HostHeader, Matching::Begin, false, text("s1.")),
        (
            None,
            HostHeader,
            Matching::Exact,
            false,
            text("bad.example"),
        ),
    ];
    assert_eq!(tests, owed);
    assert_eq!(routing.tests[2].value.files[0].name, "hosts.txt");
    let routes: Vec<_> = routing
        .routes
        .iter()
        .map(|it| {
            let route = &it.value;
            let tests = routing.tests_of(it).count();
            (
                route.target.as_str(),
                route.is_server,
                route.is_unless,
                route.is_dynamic(),
                tests,
            )
        })
        .collect();
    let owed = [
        ("shop", false, false, false, 2),
        ("any", false, true, false, 2),
        ("%[req.ssl_sni,map(hosts.map,none)]", false, false, true, 0),
        ("s1", true, false, false, 1),
    ];
    assert_eq!(routes, owed);
    assert_eq!(
        told_text(routing.default_backend.as_ref()),
        Some(("rest", 14))
    );
}

#[test]
fn what_is_logged_is_inherited_and_taken_back() {
    let text = "defaults
    log global
    option httplog
    option dontlognull
    error-log-format %ci
frontend a
    no option dontlognull
    option httpslog
frontend b
    default option dontlognull
    log-format \"%ci %[ssl_fc_err]\"
    no log
    mode http
";
    let config = read(text);
    let [_, a, b] = config.proxies.as_slice() else {
        panic!("{:?}", config.proxies);
    };
    assert_eq!(told(a.logging.options.get("dontlognull")), Some((false, 7)));
    assert!(a.logging.has("httpslog") && !a.logging.has("httplog"));
    assert_eq!(told_text(a.logging.targets.first()), Some(("global", 2)));
    assert_eq!(
        told_text(a.logging.error_log_format.as_ref()),
        Some(("%ci", 5))
    );
    assert!(!b.logging.options.contains_key("dontlognull"));
    assert_eq!(
        told_text(b.logging.log_format.as_ref()),
        Some(("%ci %[ssl_fc_err]", 11))
    );
    assert!(b.logging.targets.is_empty());
    assert_eq!(
        (told_text(a.mode.as_ref()), told_text(b.mode.as_ref())),
        (None, Some(("http", 13)))
    );
}

#[test]
fn several_files_are_one_configuration() {
    let files = [
        File::new(
            "1.cfg",
            "global\n    crt-base /certs\ndefaults\n    mode http\n",
        ),
        File::new("2.cfg", "frontend f\n    bind :1 ssl crt a.pem\n"),
        File::new("3.cfg", "    bind :2\n"),
    ];
    let config = Reader::new().read(&files).expect("it is small");
    let mode = config.proxies[1].mode.as_ref().expect("it is inherited");
    assert_eq!(mode.origin.to_string(), "1.cfg:4");
    // A section ends with its file.
    let error = config
        .report
        .errors()
        .next()
        .and_then(|it| it.origin.clone());
    assert_eq!(error.map(|it| it.to_string()).as_deref(), Some("3.cfg:1"));
    assert_eq!(config.binds().count(), 1);
}

#[test]
fn a_folder_stands_for_its_cfg_files_in_order() {
    let folder = tempfile::tempdir().expect("/tmp is writable");
    for name in ["b.cfg", "a.cfg", "B.cfg", ".c.cfg", "d.conf", "e.cfg~"] {
        std::fs::write(folder.path().join(name), "global\n").expect("the folder is writable");
    }
    let paths = [folder.path().to_owned(), folder.path().join("d.conf")];
    let files = files_of(&paths).expect("it can be listed");
    let names: Vec<_> = files
        .iter()
        .filter_map(|it| it.file_name()?.to_str())
        .collect();
    assert_eq!(names, ["B.cfg", "a.cfg", "b.cfg", "d.conf"]);
    let read = read_files(&paths, &Limits::default()).expect("they can be read");
    assert_eq!(read.len(), 4);
    assert!(read.iter().all(|it| it.bytes == b"global\n"));
    let mut limits = Limits::default();
    limits.max_bytes = 27;
    let error = read_files(&paths, &limits).expect_err("they have 28 bytes");
    assert!(
        matches!(error, Error::TooManyBytes { limit: 27, .. }),
        "{error}"
    );
    let missing = read_files(&[folder.path().join("none.cfg")], &limits);
    assert!(matches!(missing, Err(Error::Io { .. })));
}

#[test]
fn a_configuration_costs_no_more_than_its_limits() {
    let mut limits = Limits::default();
    limits.max_bytes = 100;
    limits.max_lines = 10;
    let reader = nothing_set().limits(limits);
    let read = |text: String| reader.read(&[File::new(NAME, text)]);
    assert!(read("#".repeat(99) + "\n").is_ok());
    assert!(matches!(
        read("#".repeat(100) + "\n"),
        Err(Error::TooManyBytes { limit: 100, .. })
    ));
    assert!(read("\n".repeat(10)).is_ok());
    assert!(matches!(
        read("\n".repeat(11)),
        Err(Error::TooManyLines { limit: 10, .. })
    ));
    // Variables that double with each line.
    let doubling = "setenv A \"$A$A\"\n".repeat(40);
    let text = format!("global\nsetenv A aaaaaaaaaaaaaaaa\n{doubling}");
    let error = read_with_default(&text)
        .report
        .errors()
        .next()
        .map(|it| it.message.clone());
    assert!(error.is_some_and(|it| it.contains("1 MiB")));
    let twice = "global\nsetenv A aaaaaaaaaaaaaaaa\nlog \"$A$A$A\"\nlog \"$A$A$A\"\n";
    assert!(matches!(
        read(twice.to_owned()),
        Err(Error::TooManyBytes { .. })
    ));
    // What sections and servers inherit from few long lines.
    let long = "x".repeat(500_000);
    let heirs = [
        format!("defaults\nlog {long}\n{}", "backend b\n".repeat(200)),
        format!(
            "defaults\ndefault-server sni {long}\n{}",
            "backend b\n".repeat(200)
        ),
        format!(
            "backend b\ndefault-server ciphers {long}\n{}",
            "server s :1\n".repeat(200)
        ),
        format!(
            "global\ncrt-base {long}\nfrontend f\n{}",
            "bind :1 crt a\n".repeat(200)
        ),
        format!(
            "global\ncrt-base {long}\ncrt-store\n{}",
            "load crt a\n".repeat(200)
        ),
        format!(
            "global\ndefault-path origin {long}\nfrontend f\n{}",
            "acl a ssl_fc_sni -f a\n".repeat(200)
        ),
    ];
    for text in heirs {
        let read = nothing_set().read(&[File::new(NAME, text)]);
        assert!(matches!(read, Err(Error::TooManyBytes { .. })));
    }
    let long = format!("global\n# {}\n", "x".repeat(MAX_EXPANDED));
    assert_eq!(read_with_default(&long).report.errors().count(), 1);
    let deep = |depth: usize| {
        format!(
            "global\n{}{}",
            ".if 1\n".repeat(depth),
            ".endif\n".repeat(depth)
        )
    };
    assert!(read_with_default(&deep(MAX_NESTING)).report.is_empty());
    assert_eq!(
        read_with_default(&deep(MAX_NESTING + 1))
            .report
            .errors()
            .count(),
        1
    );
}

fn read_with_default(text: &str) -> Config {
    read_with(&nothing_set(), text)
}

#[test]
fn real_configurations_are_read_without_an_error() {
    let mut paths = vec![PathBuf::from("/etc/haproxy/haproxy.cfg")];
    if let Ok(entries) = std::fs::read_dir("/usr/share/doc/haproxy/examples") {
        let entries = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.extend(entries.filter(|path| path.extension().is_some_and(|it| it == "cfg")));
    }
    // Whatever of them Debian's package brought.
    let present = paths.into_iter().filter(|path| Path::is_file(path));
    for path in present {
        let files = read_files(std::slice::from_ref(&path), &Limits::default());
        let config = nothing_set()
            .read(&files.expect("it can be read"))
            .expect("it is small");
        let errors: Vec<_> = config.report.errors().collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        assert!(!config.sections.is_empty(), "{}", path.display());
    }
}
