//! Arbitrary bytes as HAProxy's configuration, in two files.
#![no_main]

use fullchain::haproxy::Version;
use fullchain::haproxy::config::{
    Config, Environment, File, Line, MAX_WORDS, Reader, Side, TlsVersion, Variable, Word, quoted,
    words,
};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 2] = ["a.cfg", "etc/b.cfg"];

fuzz_target!(|input: &[u8]| {
    // The first byte says what is known, and where the first file ends.
    let (&choice, text) = input.split_first().unwrap_or((&0, &[]));
    let middle = text.len() * usize::from(choice >> 2) / 64;
    let (first, second) = text.split_at(middle);
    let files = [File::new(NAMES[0], first), File::new(NAMES[1], second)];
    let environment = match choice & 1 {
        0 => Environment::unknown().with("A", "a b").without("B"),
        _ => Environment::empty().with("A", " \"'\\ "),
    };
    let mut reader = Reader::new().environment(environment);
    if choice & 2 == 0 {
        let version = "2.6".parse().expect("it is a version");
        reader = reader.version(version).features(["OPENSSL"]);
    }
    for line in text.split(|&byte| byte == b'\n') {
        check_words(line);
    }
    let config = reader.read(&files).expect("it is small");
    assert_eq!(reader.read(&files).ok().as_ref(), Some(&config));
    check_places(&config, &files);
    check_versions(&config);
});

fn check_words(line: &[u8]) {
    let lookup = |name: &str| match name {
        "A" => Variable::Set(" a  b\t".to_owned()),
        "B" => Variable::Unknown,
        _ => Variable::Unset,
    };
    let read = match words(line, lookup) {
        Ok(read) => read,
        Err(refused) => return assert!(refused.at <= line.len()),
    };
    assert!(read.len() <= MAX_WORDS);
    for word in &read {
        assert!(!line[word.range.clone()].is_empty());
        assert!(!word.as_bytes().contains(&0));
    }
    assert!(read.is_sorted_by(|one, next| {
        one.range == next.range || one.range.end <= next.range.start
    }));
    check_again(&read);
}

/// An expanded line is read as the same words.
fn check_again(read: &[Word]) {
    let texts: Vec<String> = read.iter().map(|word| quoted(word.as_bytes())).collect();
    let again = words(texts.join(" ").as_bytes(), |_| Variable::Unset).expect("it is quoted");
    assert!(
        again
            .iter()
            .map(Word::as_bytes)
            .eq(read.iter().map(Word::as_bytes)),
        "{read:?} became {again:?}"
    );
}

fn check_places(config: &Config, files: &[File]) {
    let count = |name: &str| {
        let file = files
            .iter()
            .find(|file| file.name == name)
            .expect("it is one of them");
        file.bytes.split(|&byte| byte == b'\n').count()
    };
    let sections = config.sections.iter();
    let lines = sections.flat_map(|section| [&section.header].into_iter().chain(&section.lines));
    for line in lines {
        check_line(line, files);
    }
    for finding in config.report.findings() {
        let origin = finding.origin.as_ref().expect("each has a place");
        // Of an empty file nothing is said.
        let line = origin.first_line().expect("each has a line");
        assert!((1..=count(origin.source())).contains(&line));
    }
}

fn check_line(line: &Line, files: &[File]) {
    let file = files
        .iter()
        .find(|file| file.name == line.file())
        .expect("it is one of them");
    let text = file
        .bytes
        .split(|&byte| byte == b'\n')
        .nth(line.number() - 1);
    let text = text.expect("there are so many lines");
    for word in &line.words {
        assert!(text.get(word.range.clone()).is_some());
    }
}

fn check_versions(config: &Config) {
    let tls = config
        .binds()
        .map(|(_, bind)| (&bind.value.tls, Side::Bind));
    let servers = config
        .servers()
        .map(|(_, server)| (&server.value.tls, Side::Server));
    for (tls, side) in tls.chain(servers) {
        let versions = tls.versions(side, Version::NEWEST);
        let spoken = TlsVersion::ALL
            .into_iter()
            .filter(|&it| versions.has(it))
            .count();
        assert_eq!(spoken == 0, versions.range.is_none());
        assert!(versions.range.is_none_or(|(min, max)| min <= max));
        // What is a hole is spoken all the same.
        assert!(versions.hole.is_none_or(|hole| versions.has(hole)));
    }
}
