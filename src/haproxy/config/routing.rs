//! Which hosts the rules know: the names in ACLs, and where requests for them go.

use super::global::{FileName, Global};
use super::lines::Line;
use super::setting::{Setting, Weight};
use super::words::Word;

/// Where the host's name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostSource {
    /// `req.ssl_sni`: the name in a ClientHello that is passed on.
    RequestSni,
    /// `ssl_fc_sni`: the name that the client sent, where HAProxy decrypts.
    FrontendSni,
    /// `hdr(host)` and `req.hdr(host)`.
    HostHeader,
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Matching {
    /// The whole name.
    Exact,
    /// Its beginning.
    Begin,
    /// Its end.
    End,
    /// A part between slashes.
    Directory,
    /// A part between dots.
    Domain,
    /// Any part of it.
    Substring,
    /// A regular expression.
    Regex,
    /// Whether there is one at all, or anything else.
    Other,
}

impl Matching {
    fn named(name: &str) -> Self {
        match name {
            "" | "str" => Self::Exact,
            "beg" => Self::Begin,
            "end" => Self::End,
            "dir" => Self::Directory,
            "dom" => Self::Domain,
            "sub" => Self::Substring,
            "reg" => Self::Regex,
            _ => Self::Other,
        }
    }
}

/// A test of the host's name, in an ACL or in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostTest {
    /// The ACL's name; `None` in braces.
    pub acl: Option<String>,
    /// Where the name comes from.
    pub source: HostSource,
    /// The expression as it is written, with converters.
    pub expression: String,
    /// How it is compared.
    pub matching: Matching,
    /// Whether case is ignored: `-i`, or the converter `lower`.
    pub ignores_case: bool,
    /// The values, as they are written.
    pub values: Vec<String>,
    /// The files of further values (`-f`).
    pub files: Vec<FileName>,
}

/// A rule that chooses a backend or a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The name of the backend or server, which may be an expression.
    pub target: String,
    /// `use-server`, and not `use_backend`.
    pub is_server: bool,
    /// `unless` in place of `if`.
    pub is_unless: bool,
    /// The words of its condition; empty for `default_backend` and where there is none.
    pub condition: Vec<String>,
}

impl Route {
    /// Whether the backend is known only when a request comes.
    pub fn is_dynamic(&self) -> bool {
        self.target.contains("%[")
    }
}

/// The tests and routes of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Routing {
    /// The tests of a host's name, wherever they are.
    pub tests: Vec<Setting<HostTest>>,
    /// The rules `use_backend` and `use-server`, in order.
    pub routes: Vec<Setting<Route>>,
    /// `default_backend`
    pub default_backend: Option<Setting<String>>,
}

impl Routing {
    /// The tests of a rule: those of the ACLs that it names, and those in its braces.
    pub fn tests_of<'a>(&'a self, route: &'a Setting<Route>) -> impl Iterator<Item = &'a HostTest> {
        let tests = self.tests.iter().filter(|test| match &test.value.acl {
            Some(acl) => {
                let names = route.value.condition.iter();
                names
                    .map(|it| it.trim_start_matches('!'))
                    .any(|it| it == acl)
            }
            None => test.origin == route.origin,
        });
        tests.map(|test| &test.value)
    }

    /// Takes a line, if it is about hosts; what its files weigh.
    pub(super) fn line(&mut self, line: &Line, global: &Global) -> usize {
        let before = self.tests.len();
        self.take(line, global);
        let new = self.tests.iter().skip(before);
        new.map(|test| test.value.files.weight()).sum()
    }

    fn take(&mut self, line: &Line, global: &Global) {
        let keyword = line.keyword();
        match keyword.as_str() {
            "acl" => {
                let words = line.words.get(2..).unwrap_or_default();
                if let Some(mut test) = test(words, line, global) {
                    test.acl = Some(line.text(1));
                    self.tests.push(Setting::new(test, line));
                }
                return;
            }
            "use_backend" | "use-server" => {
                let condition = line.words.iter().skip(2).map(|it| it.text().into_owned());
                let mut condition: Vec<_> = condition.collect();
                let is_unless = condition.first().is_some_and(|it| it == "unless");
                if condition
                    .first()
                    .is_some_and(|it| it == "if" || it == "unless")
                {
                    condition.remove(0);
                }
                let route = Route {
                    target: line.text(1),
                    is_server: keyword == "use-server",
                    is_unless,
                    condition,
                };
                self.routes.push(Setting::new(route, line));
            }
            "default_backend" => self.default_backend = Some(Setting::new(line.text(1), line)),
            _ => {}
        }
        // Tests in braces may be in any rule.
        let mut rest = line.words.as_slice();
        while let Some(start) = rest.iter().position(|word| word.as_bytes() == b"{") {
            rest = rest.get(start + 1..).unwrap_or_default();
            let end = rest.iter().position(|word| word.as_bytes() == b"}");
            let inner = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if let Some(test) = test(inner, line, global) {
                self.tests.push(Setting::new(test, line));
            }
        }
    }
}

/// A test of the host's name, if it is one.
fn test(words: &[Word], line: &Line, global: &Global) -> Option<HostTest> {
    let (expression, rest) = words.split_first()?;
    let expression = expression.text().into_owned();
    let end = expression.find(['(', ',']).unwrap_or(expression.len());
    let (fetch, after) = expression.split_at_checked(end)?;
    let (source, suffix) = source(fetch, after)?;
    let converters = after
        .split_once(')')
        .map_or(after, |(_, converters)| converters);
    let mut test = HostTest {
        acl: None,
        source,
        matching: Matching::named(suffix),
        ignores_case: converters.split(',').any(|it| it == "lower"),
        values: Vec::new(),
        files: Vec::new(),
        expression: expression.clone(),
    };
    let mut rest = rest.iter().map(Word::text);
    let mut are_values = false;
    while let Some(word) = rest.next() {
        if are_values || !word.starts_with('-') {
            are_values = true;
            test.values.push(word.into_owned());
            continue;
        }
        match &*word {
            "--" => are_values = true,
            "-i" => test.ignores_case = true,
            "-f" => test
                .files
                .extend(rest.next().map(|it| global.plain(&it, line))),
            "-m" => test.matching = Matching::named(&rest.next()?),
            "-u" => drop(rest.next()),
            _ => {}
        }
    }
    Some(test)
}

/// The source that a sample fetch names, and its suffix for the comparison.
fn source<'a>(fetch: &'a str, after: &str) -> Option<(HostSource, &'a str)> {
    let suffixed = |name: &str| {
        let rest = fetch.strip_prefix(name)?;
        match rest.is_empty() {
            true => Some(rest),
            false => rest.strip_prefix('_'),
        }
    };
    let sni = |names: [&str; 2]| names.into_iter().find_map(suffixed);
    if let Some(suffix) = sni(["req.ssl_sni", "req_ssl_sni"]) {
        return Some((HostSource::RequestSni, suffix));
    }
    if let Some(suffix) = suffixed("ssl_fc_sni") {
        return Some((HostSource::FrontendSni, suffix));
    }
    let header = after.strip_prefix('(')?;
    let end = header.find([')', ',']).unwrap_or(header.len());
    let is_host = header.get(..end)?.eq_ignore_ascii_case("host");
    let names = ["hdr", "req.hdr", "req.fhdr"];
    let suffix = names.into_iter().find_map(suffixed).filter(|_| is_host)?;
    Some((HostSource::HostHeader, suffix))
}
