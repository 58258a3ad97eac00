//! The conditions of `.if` and `.elif` (configuration manual, section 2.4), with a third answer:
//! not known.

use super::environment::{Environment, Variable};
use super::words::is_space;
use crate::haproxy::Version;

/// How deep HAProxy's parser goes (`MAX_CFG_RECURSION`).
const MAX_DEPTH: usize = 1_024;

/// Yes, no, or not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

impl Truth {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unknown,
        }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    pub(super) fn all(truths: impl IntoIterator<Item = Self>) -> Self {
        truths.into_iter().fold(Self::Yes, Self::and)
    }
}

impl From<bool> for Truth {
    fn from(is_so: bool) -> Self {
        match is_so {
            true => Self::Yes,
            false => Self::No,
        }
    }
}

/// What conditions ask for.
pub(super) struct Asked<'a> {
    pub(super) environment: &'a Environment,
    pub(super) version: Option<Version>,
    /// The features that HAProxy was built with, if they are known.
    pub(super) features: Option<&'a [String]>,
}

/// Whether the condition holds.
///
/// # Errors
///
/// What is wrong with it, where HAProxy does not start.
pub(super) fn evaluate(text: &str, asked: &Asked) -> Result<Truth, String> {
    if text.is_empty() {
        return Ok(Truth::No);
    }
    let mut parser = Parser {
        text: text.as_bytes(),
        place: 0,
        asked,
    };
    let truth = parser.any(MAX_DEPTH)?;
    parser.blanks();
    match parser.peek() {
        None => Ok(truth),
        Some(_) => Err(format!("\"{}\" stands behind its end", parser.rest())),
    }
}

struct Parser<'a> {
    text: &'a [u8],
    place: usize,
    asked: &'a Asked<'a>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.place).copied()
    }

    fn rest(&self) -> String {
        let rest = self.text.get(self.place..).unwrap_or_default();
        String::from_utf8_lossy(rest).into_owned()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.place += 1;
        }
    }

    fn skips(&mut self, operator: &[u8]) -> bool {
        self.blanks();
        let rest = self.text.get(self.place..).unwrap_or_default();
        let found = rest.starts_with(operator);
        if found {
            self.place += operator.len();
            self.blanks();
        }
        found
    }

    /// One level deeper.
    fn deeper(&self, depth: usize) -> Result<usize, String> {
        depth
            .checked_sub(1)
            .ok_or_else(|| "it is nested too deep".to_owned())
    }

    /// Conditions that `||` joins. The left one decides where it can, as in HAProxy.
    fn any(&mut self, depth: usize) -> Result<Truth, String> {
        let depth = self.deeper(depth)?;
        let left = self.all(depth)?;
        match self.skips(b"||") {
            true => Ok(left.not().and(self.any(depth)?.not()).not()),
            false => Ok(left),
        }
    }

    /// Conditions that `&&` joins.
    fn all(&mut self, depth: usize) -> Result<Truth, String> {
        let depth = self.deeper(depth)?;
        let left = self.term(depth)?;
        match self.skips(b"&&") {
            true => Ok(left.and(self.all(depth)?)),
            false => Ok(left),
        }
    }

    fn term(&mut self, depth: usize) -> Result<Truth, String> {
        let depth = self.deeper(depth)?;
        self.blanks();
        if self.peek().is_none() {
            return Err("something is missing at its end".to_owned());
        }
        let mut is_negated = false;
        while self.skips(b"!") {
            is_negated = !is_negated;
        }
        let truth = match self.number() {
            Some(is_set) => is_set.into(),
            None if self.skips(b"(") => {
                let truth = self.any(depth)?;
                if !self.skips(b")") {
                    return Err("a parenthesis is not closed".to_owned());
                }
                truth
            }
            None => self.predicate()?,
        };
        Ok(if is_negated { truth.not() } else { truth })
    }

    /// A number as strtol() reads it; whether it is another than 0.
    fn number(&mut self) -> Option<bool> {
        let rest = self.text.get(self.place..).unwrap_or_default();
        let blanks = rest.iter().take_while(|&&byte| is_space(byte)).count();
        let signed = rest.get(blanks..).unwrap_or_default();
        let sign = usize::from(matches!(signed.first(), Some(b'+' | b'-')));
        let unsigned = signed.get(sign..).unwrap_or_default();
        let is_hexadecimal =
            matches!(unsigned, [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit());
        let is_digit = |byte: &u8| match (is_hexadecimal, unsigned.first()) {
            (true, _) => byte.is_ascii_hexdigit(),
            (false, Some(b'0')) => matches!(byte, b'0'..=b'7'),
            _ => byte.is_ascii_digit(),
        };
        let prefix = if is_hexadecimal { 2 } else { 0 };
        let digits = unsigned.get(prefix..).unwrap_or_default();
        let count = digits.iter().take_while(|byte| is_digit(byte)).count();
        let digits = digits.get(..count).filter(|digits| !digits.is_empty())?;
        self.place += blanks + sign + prefix + count;
        Some(digits.iter().any(|&digit| digit != b'0'))
    }

    fn predicate(&mut self) -> Result<Truth, String> {
        let rest = self.text.get(self.place..).unwrap_or_default();
        let end = rest.iter().position(|byte| b" (".contains(byte));
        let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let count = match &*name {
            "defined"
            | "feature"
            | "version_atleast"
            | "version_before"
            | "openssl_version_atleast"
            | "openssl_version_before"
            | "ssllib_name_startswith"
            | "awslc_api_atleast"
            | "awslc_api_before"
            | "enabled" => 1,
            "streq" | "strneq" | "strstr" => 2,
            _ => 0,
        };
        // Those that came after 2.6.
        let is_young = matches!(&*name, "strstr" | "enabled") || name.starts_with("awslc_");
        let is_old = |version: Version| version < Version::V2_7;
        if count == 0 || is_young && self.asked.version.is_some_and(is_old) {
            return Err(format!("\"{name}\" is no condition that HAProxy knows"));
        }
        self.place += name.len();
        let arguments = self.arguments()?;
        if arguments.len() != count {
            return Err(format!("{name} takes {count} in parentheses"));
        }
        let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
        Ok(match &*name {
            "defined" => match self.asked.environment.look(argument(0)) {
                Variable::Set(_) => Truth::Yes,
                Variable::Unset => Truth::No,
                Variable::Unknown => Truth::Unknown,
            },
            "streq" => (argument(0) == argument(1)).into(),
            "strneq" => (argument(0) != argument(1)).into(),
            "strstr" => argument(0).contains(argument(1)).into(),
            "version_atleast" => self.is_at_least(argument(0)),
            "version_before" => self.is_at_least(argument(0)).not(),
            "feature" => self.asked.features.map_or(Truth::Unknown, |features| {
                features.iter().any(|it| it == argument(0)).into()
            }),
            _ => Truth::Unknown,
        })
    }

    fn is_at_least(&self, wanted: &str) -> Truth {
        let Some(version) = self.asked.version else {
            return Truth::Unknown;
        };
        let (number, is_development) = match wanted.split_once("-dev") {
            Some((number, _)) => (number, true),
            None => (wanted, false),
        };
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        let parts: Vec<&str> = number.split('.').collect();
        let branch = match parts.as_slice() {
            [major, minor, ..] => format!("{major}.{minor}"),
            [major] => format!("{major}.0"),
            [] => String::new(),
        };
        let branch = branch.parse::<Version>().ok();
        let Some(branch) = branch.filter(|_| parts.iter().all(|it| is_number(it))) else {
            return Truth::Unknown;
        };
        let patch = parts.get(2).copied().unwrap_or("0");
        // A branch is known here, and not its patches.
        match version == branch {
            true if patch.bytes().all(|it| it == b'0') || is_development => Truth::Yes,
            true => Truth::Unknown,
            false => (version > branch).into(),
        }
    }

    /// Words in parentheses, which commas separate; quotes and escapes are looked at once more.
    fn arguments(&mut self) -> Result<Vec<String>, String> {
        if self.peek() != Some(b'(') {
            return Ok(Vec::new());
        }
        self.place += 1;
        let mut arguments = vec![Vec::new()];
        let mut quote = None;
        loop {
            let byte = self
                .peek()
                .ok_or("a parenthesis or a quote is not closed")?;
            self.place += 1;
            let last = arguments.last_mut().ok_or("there are no words")?;
            match byte {
                b'"' | b'\'' if quote.is_none_or(|open| open == byte) => {
                    quote = quote.is_none().then_some(byte);
                }
                b'\\' if quote != Some(b'\'') => {
                    let escaped = match self.peek() {
                        Some(byte @ (b' ' | b'\\' | b'"' | b'\'')) => Some(byte),
                        Some(b'n') => Some(b'\n'),
                        Some(b'r') => Some(b'\r'),
                        Some(b't') => Some(b'\t'),
                        _ => None,
                    };
                    self.place += usize::from(escaped.is_some());
                    last.push(escaped.unwrap_or(byte));
                }
                b',' if quote.is_none() => arguments.push(Vec::new()),
                b')' if quote.is_none() => break,
                byte => last.push(byte),
            }
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(arguments.into_iter().map(text).collect())
    }
}
