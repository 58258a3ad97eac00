//! Files to lines: conditional blocks, messages, variables that are set on the way, sections.

use std::sync::Arc;

use super::condition::{Asked, Truth, evaluate};
use super::environment::{Environment, Variable};
use super::words::{Cut, Fault, Refused, Word, cut};
use super::{File, Reader};
use crate::error::Error;
use crate::finding::{Code, Finding, Severity};
use crate::haproxy::Version;
use crate::origin::Origin;

/// How deep `.if` blocks may be nested (HAProxy's `MAXNESTEDCONDS`, less one).
pub const MAX_NESTING: usize = 99;

/// A word before a line's keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Modifier {
    /// `no option ...`
    No,
    /// `default option ...`
    Default,
}

/// A line that says something: not blank, no comment, in no block that certainly does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// `no` or `default`.
    pub modifier: Option<Modifier>,
    /// The keyword and its arguments, without the modifier.
    pub words: Vec<Word>,
    /// Whether it stands in no conditional block of which it is not known whether it applies.
    pub is_certain: bool,
    file: Arc<str>,
    number: usize,
}

impl Line {
    /// A line of a crt-list.
    pub(super) fn of_list(at: &Origin, words: &[String]) -> Self {
        Self {
            modifier: None,
            words: words.iter().map(|word| Word::known(word)).collect(),
            is_certain: true,
            file: at.source().into(),
            number: at.first_line().unwrap_or_default(),
        }
    }

    /// Its file and its number.
    pub fn origin(&self) -> Origin {
        Origin::new(Arc::clone(&self.file)).with_lines(self.number, self.number)
    }

    /// The name of its file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its number in the file, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The first word.
    pub fn keyword(&self) -> String {
        self.text(0)
    }

    /// The word at that place, counted from 0; empty where there is none.
    pub fn text(&self, index: usize) -> String {
        let word = self.words.get(index);
        word.map_or_else(String::new, |word| word.text().into_owned())
    }

    /// The words behind the keyword, up to the first empty one, where HAProxy stops reading most
    /// lists.
    pub fn arguments(&self) -> impl Iterator<Item = &Word> {
        self.words.iter().skip(1).take_while(|it| !it.is_empty())
    }
}

/// What kind of section it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SectionKind {
    /// `global`
    Global,
    /// `defaults`
    Defaults,
    /// `frontend`
    Frontend,
    /// `backend`
    Backend,
    /// `listen`
    Listen,
    /// `crt-store`
    CrtStore,
    /// Any other, such as `resolvers`.
    Other,
}

impl SectionKind {
    /// Whether a line with this keyword begins a section.
    fn of(keyword: &[u8]) -> Option<Self> {
        Some(match keyword {
            b"global" => Self::Global,
            b"defaults" => Self::Defaults,
            b"frontend" => Self::Frontend,
            b"backend" => Self::Backend,
            b"listen" => Self::Listen,
            b"crt-store" => Self::CrtStore,
            b"acme" | b"cache" | b"dynamic-update" | b"fcgi-app" | b"http-errors"
            | b"log-forward" | b"log-profile" | b"mailers" | b"peers" | b"program"
            | b"resolvers" | b"ring" | b"traces" | b"userlist" => Self::Other,
            _ => return None,
        })
    }
}

/// A section and its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// Its kind.
    pub kind: SectionKind,
    /// The line that begins it.
    pub header: Line,
    /// The others.
    pub lines: Vec<Line>,
}

impl Section {
    /// Its name; `defaults` may have none.
    pub fn name(&self) -> Option<String> {
        let is_named = self.header.words.get(1).is_some_and(|it| !it.is_empty());
        let is_from = self.kind == SectionKind::Defaults && self.header.text(1) == "from";
        (is_named && !is_from).then(|| self.header.text(1))
    }

    /// The `defaults` section that it names to inherit from.
    pub fn from(&self) -> Option<String> {
        let texts = [1, 2, 3].map(|index| self.header.text(index));
        match (self.kind, &texts) {
            (SectionKind::Defaults, [from, name, _]) if from == "from" => Some(name.clone()),
            (_, [_, from, name]) if from == "from" && !name.is_empty() => Some(name.clone()),
            _ => None,
        }
    }
}

/// What the lines are read into.
pub(super) struct Read<'a> {
    reader: &'a Reader,
    environment: Environment,
    pub(super) sections: Vec<Section>,
    pub(super) findings: Vec<Finding>,
    lines: usize,
    /// HAProxy gives up.
    is_over: bool,
    /// The bytes of all words.
    expanded: usize,
    /// The size of the buffer that HAProxy has for the words of a line, which grows with them and
    /// is a new one for each file.
    buffer: usize,
}

/// A `.if` block.
struct Block {
    /// Whether the branch that is being read applies.
    is_taken: Truth,
    /// Whether a later one may.
    is_open: Truth,
    has_else: bool,
}

impl<'a> Read<'a> {
    pub(super) fn new(reader: &'a Reader, files: &[File]) -> Self {
        let mut environment = reader.environment.clone();
        if environment.get("HAPROXY_CFGFILES") == Variable::Unknown {
            let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
            let names = Variable::Set(names.join(";"));
            environment.put("HAPROXY_CFGFILES".to_owned(), names);
        }
        Self {
            reader,
            environment,
            sections: Vec::new(),
            findings: Vec::new(),
            lines: 0,
            is_over: false,
            expanded: 0,
            buffer: 0,
        }
    }

    pub(super) fn file(&mut self, file: &File) -> Result<(), Error> {
        if self.is_over {
            return Ok(());
        }
        self.buffer = 0;
        let name: Arc<str> = file.name.as_str().into();
        let mut blocks: Vec<Block> = Vec::new();
        // A section ends with its file.
        let mut section_name: Option<String> = None;
        let mut number = 0;
        for line in file.bytes.split_inclusive(|&byte| byte == b'\n') {
            number += 1;
            self.lines += 1;
            if self.lines > self.reader.limits.max_lines {
                return Err(Error::TooManyLines {
                    source_name: file.name.clone(),
                    limit: self.reader.limits.max_lines,
                });
            }
            let origin = Origin::new(Arc::clone(&name)).with_lines(number, number);
            let text = line.strip_suffix(b"\n");
            let nul = line.iter().position(|&byte| byte == 0);
            let read = match nul {
                Some(nul) => line.get(..nul).unwrap_or_default(),
                None => text.unwrap_or(line),
            };
            // What follows is not for everybody's eyes.
            if read.trim_ascii_start().starts_with(b"-----BEGIN ") {
                let applies = Truth::all(blocks.iter().map(|block| block.is_taken));
                let message = "it begins a certificate or a key, and the file is no configuration";
                self.refuse(&origin, message, applies);
                return Ok(());
            }
            self.line(read, &name, number, &mut blocks, &mut section_name)?;
            if self.is_over {
                return Ok(());
            }
            if nul.is_some() {
                self.refuse(&origin, "it has a NUL character", Truth::Yes);
                return Ok(());
            }
            if text.is_none() {
                let message = "the last line has no line feed: the file may have been cut";
                self.refuse(&origin, message, Truth::Yes);
            }
        }
        if !blocks.is_empty() {
            let origin = Origin::new(name).with_lines(number, number);
            self.refuse(&origin, "a .if block has no .endif", Truth::Yes);
            self.is_over = true;
        }
        Ok(())
    }

    /// HAProxy does not start because of it; or perhaps, where the line may not apply.
    fn refuse(&mut self, origin: &Origin, message: &str, applies: Truth) {
        let finding = Finding::new(
            Code::ConfigSyntax,
            format!("HAProxy refuses this line: {message}"),
        );
        let finding = finding.at(origin);
        self.findings.push(match applies {
            Truth::Yes => finding,
            _ => finding.with_severity(Severity::Warning),
        });
    }

    /// HAProxy reads a line anew with a larger buffer when its words do not fit, and has by then
    /// overwritten the brace behind a default value; the place of the brace before it.
    fn outgrows(&mut self, cut: &Cut) -> Option<usize> {
        let is_whole = match &cut.words {
            Ok(_) => true,
            Err(refused) => refused.fault == Fault::TooManyWords,
        };
        if !is_whole || cut.length <= self.buffer {
            return None;
        }
        self.buffer = cut.length.next_multiple_of(1_024);
        cut.default
    }

    fn line(
        &mut self,
        text: &[u8],
        file: &Arc<str>,
        number: usize,
        blocks: &mut Vec<Block>,
        section_name: &mut Option<String>,
    ) -> Result<(), Error> {
        let origin = Origin::new(Arc::clone(file)).with_lines(number, number);
        // A scope, for keywords that are reserved.
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Ok(());
        }
        let environment = &self.environment;
        let section = section_name.as_deref().unwrap_or_default();
        let mut unknown = Vec::new();
        let lookup = |name: &str| match name {
            ".FILE" => Variable::Set(file.to_string()),
            ".LINE" => Variable::Set(number.to_string()),
            ".SECTION" => Variable::Set(section.to_owned()),
            name => {
                let variable = environment.get(name);
                if variable == Variable::Unknown {
                    unknown.push(name.to_owned());
                }
                variable
            }
        };
        let applies = Truth::all(blocks.iter().map(|block| block.is_taken));
        let cut = cut(text, lookup);
        self.expanded = self.expanded.saturating_add(cut.length);
        if self.expanded > self.reader.limits.max_bytes {
            return Err(Error::TooManyBytes {
                source_name: file.to_string(),
                limit: self.reader.limits.max_bytes,
            });
        }
        let is_buggy = self.outgrows(&cut);
        let words = match cut.words {
            Ok(words) => words,
            Err(refused) => {
                // These are looked for even in blocks that do not apply.
                let message = format!("{} (column {})", refused, refused.at + 1);
                self.refuse(&origin, &message, Truth::Yes);
                if refused.fault == Fault::TooLong {
                    self.is_over = true;
                }
                return Ok(());
            }
        };
        if let Some(at) = is_buggy {
            let fault = Fault::Brace;
            let message = format!(
                "{} (column {}), as HAProxy 2.6 forgets it when the words of a line with a \
                 default value are longer than those before",
                Refused { fault, at },
                at + 1
            );
            let is_old = self.reader.version.is_some_and(|it| it < Version::V2_7);
            let severity = if is_old { Truth::Yes } else { Truth::Unknown };
            self.refuse(&origin, &message, severity);
            if is_old {
                return Ok(());
            }
        }
        let Some(first) = words.first().filter(|word| !word.is_empty()) else {
            return Ok(());
        };
        if self.directive(first.as_bytes(), &words, &origin, blocks) || applies == Truth::No {
            return Ok(());
        }
        if first.as_bytes().starts_with(b".") {
            self.message(&words, &origin, applies);
            return Ok(());
        }
        if let Some(name) = unknown.first() {
            let message = format!("the value of {name} is not known");
            let finding = Finding::new(Code::UnknownVariable, message);
            self.findings.push(finding.at(&origin));
        }
        let modifier = match first.as_bytes() {
            b"no" => Some(Modifier::No),
            b"default" => Some(Modifier::Default),
            _ => None,
        };
        let mut words = words;
        if modifier.is_some() {
            words.remove(0);
        }
        let line = Line {
            modifier,
            words,
            is_certain: applies == Truth::Yes,
            file: Arc::clone(file),
            number,
        };
        self.place(line, section_name);
        Ok(())
    }

    /// `.if` and what belongs to it; whether it is one of those.
    fn directive(
        &mut self,
        keyword: &[u8],
        words: &[Word],
        origin: &Origin,
        blocks: &mut Vec<Block>,
    ) -> bool {
        let around = blocks.iter().rev().skip(1).map(|block| block.is_taken);
        let around = Truth::all(around);
        let fault = match keyword {
            b".if" => {
                if blocks.len() >= MAX_NESTING {
                    Some("there are more than 99 .if blocks in one another")
                } else {
                    let applies = Truth::all(blocks.iter().map(|block| block.is_taken));
                    let is_taken = self.condition(words, origin, applies);
                    blocks.push(Block {
                        is_taken,
                        is_open: is_taken.not(),
                        has_else: false,
                    });
                    None
                }
            }
            b".elif" => match blocks.last_mut() {
                None => Some("there is no .if before it"),
                Some(block) if block.has_else => Some(".elif stands behind .else"),
                Some(block) => {
                    let open = block.is_open;
                    let holds = self.condition(words, origin, Truth::all([around, open]));
                    block.is_taken = Truth::all([open, holds]);
                    block.is_open = Truth::all([open, holds.not()]);
                    None
                }
            },
            b".else" => match blocks.last_mut() {
                None => Some("there is no .if before it"),
                Some(block) if block.has_else => Some(".else stands behind .else"),
                Some(block) => {
                    block.has_else = true;
                    block.is_taken = block.is_open;
                    block.is_open = Truth::No;
                    None
                }
            },
            b".endif" => match blocks.pop() {
                None => Some("there is no .if before it"),
                Some(_) => None,
            },
            _ => return false,
        };
        if let Some(fault) = fault {
            self.refuse(origin, fault, Truth::Yes);
            self.is_over = true;
        }
        true
    }

    /// Whether the condition behind `.if` or `.elif` holds, which is asked where it matters.
    fn condition(&mut self, words: &[Word], origin: &Origin, applies: Truth) -> Truth {
        if applies == Truth::No {
            return Truth::No;
        }
        let words = words.get(1..).unwrap_or_default();
        let texts: Vec<_> = words.iter().map(Word::text).collect();
        let asked = Asked {
            environment: &self.environment,
            version: self.reader.version,
            features: self.reader.features.as_deref(),
        };
        let truth = match words.iter().all(|word| word.is_certain) {
            true => evaluate(&texts.join(" "), &asked),
            false => Ok(Truth::Unknown),
        };
        match truth {
            Ok(truth) => {
                if truth == Truth::Unknown {
                    let message = format!("whether \"{}\" holds is not known", texts.join(" "));
                    let finding = Finding::new(Code::ConditionUnknown, message);
                    self.findings.push(finding.at(origin));
                }
                truth
            }
            Err(fault) => {
                let message = format!("its condition cannot be read: {fault}");
                self.refuse(origin, &message, applies);
                self.is_over |= applies == Truth::Yes;
                Truth::Unknown
            }
        }
    }

    /// `.notice` and the like.
    fn message(&mut self, words: &[Word], origin: &Origin, applies: Truth) {
        let texts: Vec<_> = words.iter().map(Word::text).collect();
        let keyword = texts.first().map_or("", |it| it);
        let severity = match keyword {
            // That is told in diagnostic mode only.
            ".diag" | ".notice" => Severity::Note,
            ".warning" => Severity::Warning,
            ".alert" if applies == Truth::Yes => Severity::Error,
            ".alert" => Severity::Warning,
            other => {
                let message = format!("\"{other}\" is no directive that HAProxy knows");
                self.refuse(origin, &message, applies);
                return;
            }
        };
        let message = texts.get(1).map_or("", |it| it);
        let message = format!("the configuration says \"{message}\"");
        let finding = Finding::new(Code::ConfigMessage, message).at(origin);
        self.findings.push(finding.with_severity(severity));
        self.is_over |= severity == Severity::Error;
    }

    /// Puts a line into its section, which it may begin.
    fn place(&mut self, line: Line, section_name: &mut Option<String>) {
        let keyword = line.words.first().map_or(&b""[..], Word::as_bytes);
        if let Some(kind) = SectionKind::of(keyword) {
            let section = Section {
                kind,
                header: line,
                lines: Vec::new(),
            };
            let texts = [section.header.text(1), section.header.text(0)];
            *section_name = texts.into_iter().find(|text| !text.is_empty());
            self.sections.push(section);
            return;
        }
        let origin = line.origin();
        let Some(section) = self.sections.last_mut().filter(|_| section_name.is_some()) else {
            let message = "it stands before the first section";
            let applies = Truth::from(line.is_certain);
            self.refuse(&origin, message, applies);
            return;
        };
        if section.kind == SectionKind::Global {
            Self::set_variables(&mut self.environment, &line);
        }
        section.lines.push(line);
    }

    fn set_variables(environment: &mut Environment, line: &Line) {
        let names: Vec<String> = line.arguments().map(|it| it.text().into_owned()).collect();
        let value = match line.words.get(2) {
            Some(word) if word.is_certain => Variable::Set(line.text(2)),
            Some(_) => Variable::Unknown,
            None => Variable::Set(String::new()),
        };
        let known = |variable| match line.is_certain {
            true => variable,
            false => Variable::Unknown,
        };
        match (line.keyword().as_str(), names.as_slice()) {
            ("setenv", [name, ..]) => environment.put(name.clone(), known(value)),
            ("presetenv", [name, ..]) => match environment.look(name) {
                Variable::Set(_) => {}
                Variable::Unset => environment.put(name.clone(), known(value)),
                Variable::Unknown => environment.put(name.clone(), Variable::Unknown),
            },
            ("unsetenv", names) => {
                for name in names {
                    environment.put(name.clone(), known(Variable::Unset));
                }
            }
            ("resetenv", names) if line.is_certain => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                environment.keep(&names);
            }
            ("resetenv", _) => *environment = Environment::unknown(),
            _ => {}
        }
    }
}
