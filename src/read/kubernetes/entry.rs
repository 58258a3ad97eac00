//! One entry of a manifest, decoded and read as a source of its own.

use zeroize::Zeroizing;

use super::yaml::Text;
use crate::error::Error;
use crate::finding::{Code, Finding};
use crate::origin::Origin;
use crate::read::base64::{self, Secrecy, is_base64};
use crate::read::sink::{self, Sink};
use crate::read::{Expected, foreign, not_pem, source};

/// How an entry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Base64,
    Plain,
    /// There is no telling but by its content.
    Either,
}

/// An entry, by its key.
pub(super) struct Named {
    /// What it is called in findings.
    pub(super) part: String,
    pub(super) name: String,
    /// The line of its key.
    pub(super) line: usize,
}

/// The names of entries that are there for their certificates and keys.
const ENDINGS: [(&str, Expected); 13] = [
    (".crt", Expected::Certificate),
    (".cer", Expected::Certificate),
    (".cert", Expected::Certificate),
    (".p7b", Expected::Certificate),
    (".p7c", Expected::Certificate),
    (".key", Expected::Key),
    (".pem", Expected::Any),
    (".der", Expected::Any),
    (".p12", Expected::Any),
    (".pfx", Expected::Any),
    (".jks", Expected::Any),
    (".jceks", Expected::Any),
    (".keystore", Expected::Any),
];

impl Named {
    /// What it ought to hold, if its name says so.
    fn expected(&self) -> Option<Expected> {
        let ending = ENDINGS
            .iter()
            .find(|(ending, _)| self.name.ends_with(ending));
        ending.map(|(_, expected)| *expected)
    }

    fn sink<'s>(&self, sink: &'s mut Sink<'_>, last_line: usize) -> Sink<'s> {
        sink.of_entry(sink::Entry {
            part: self.part.as_str().into(),
            first_line: self.line,
            last_line: last_line.max(self.line),
            text_line: None,
        })
    }

    fn origin(&self, sink: &mut Sink<'_>, last_line: usize) -> Origin {
        self.sink(sink, last_line).whole()
    }

    /// Says that it ought to be text, if it matters.
    pub(super) fn not_text(&self, sink: &mut Sink<'_>, what: &str) {
        let Some(expected) = self.expected() else {
            return;
        };
        let message = format!("{} {what}, and was not read", self.name);
        let finding = Finding::new(Code::NotPem, message).help(
            "Write the value itself there; a template is to be rendered first: helm template",
        );
        let origin = self.origin(sink, self.line);
        sink.unreadable(expected, finding.at(&origin));
    }

    pub(super) fn overruled(&self, sink: &mut Sink<'_>) {
        let message = format!(
            "{} under data was left out: that under stringData takes its place",
            self.name
        );
        let origin = self.origin(sink, self.line);
        sink.say(Finding::new(Code::BlockLeftOut, message).at(&origin));
    }

    /// Decodes and reads it.
    pub(super) fn text(
        &self,
        sink: &mut Sink<'_>,
        text: &Text,
        last_line: usize,
        encoding: Encoding,
    ) -> Result<(), Error> {
        let content = text.content.as_str();
        let has_markers = content.contains("-----BEGIN ");
        let is_plain = encoding == Encoding::Plain || has_markers;
        let mut inner = self.sink(sink, last_line);
        if is_plain {
            inner = inner.with_text_line(text.text_line);
            if encoding == Encoding::Base64 {
                let message = format!("{} is in plain, where base64 is owed", self.name);
                let finding = Finding::new(Code::PlainData, message);
                inner.say(finding.at(&inner.whole()));
            }
            self.bytes(&mut inner, content.as_bytes())?;
        } else {
            match decode(content) {
                Ok(decoded) => {
                    let origin = inner.whole();
                    for code in decoded.repairs {
                        inner.repaired(code, origin.clone(), &self.part);
                    }
                    self.bytes(&mut inner, &decoded.bytes)?;
                }
                Err(_) if encoding == Encoding::Either => {}
                Err(line) => {
                    let expected = self.expected().unwrap_or(Expected::Any);
                    let finding = not_base64(self, line);
                    let origin = inner.whole();
                    inner.unreadable(expected, finding.at(&origin));
                }
            }
        }
        let material = inner.finish();
        sink.material.merge(material);
        Ok(())
    }

    /// Reads what it decodes to. Passwords and the like are passed over without a word.
    fn bytes(&self, inner: &mut Sink<'_>, bytes: &[u8]) -> Result<(), Error> {
        let findings = inner.material.findings.len();
        if !bytes.trim_ascii().is_empty() {
            source(inner, bytes)?;
        }
        if !inner.is_idle() {
            return Ok(());
        }
        let expected = match (self.expected(), foreign(bytes)) {
            (Some(expected), _) => expected,
            (None, Some(_)) => Expected::Any,
            (None, None) => {
                // They are about text that is of no interest.
                inner.material.findings.truncate(findings);
                return Ok(());
            }
        };
        let finding = match (bytes.trim_ascii(), foreign(bytes)) {
            ([], _) => {
                let message = format!("{} is empty", self.name);
                Finding::new(Code::NotPem, message).help("Put the certificate or key there, in PEM")
            }
            (_, Some(_)) => not_pem(bytes),
            (_, None) => {
                let message = format!("{} holds neither a certificate nor a key", self.name);
                Finding::new(Code::NotPem, message)
            }
        };
        let origin = inner.whole();
        inner.unreadable(expected, finding.at(&origin));
        Ok(())
    }
}

fn not_base64(named: &Named, line: usize) -> Finding {
    let message = format!(
        "{} is not base64: there is another character in line {line} of its value",
        named.name
    );
    Finding::new(Code::CorruptBase64, message)
        .help("Write plain text under stringData, or encode it: base64 -w 0")
}

/// Whether text is worth a look wherever it stands: PEM, or base64 of PEM.
pub(super) fn looks_like_pem(text: &str) -> bool {
    text.contains("-----BEGIN ") || text.trim_start().starts_with("LS0t")
}

struct Decoded {
    bytes: Zeroizing<Vec<u8>>,
    repairs: Vec<Code>,
}

/// Decodes base64, in lines or not, whose padding may be wrong. An error is the line, counted from
/// 1, of the first character that does not belong there.
fn decode(text: &str) -> Result<Decoded, usize> {
    let mut repairs = Vec::new();
    let mut characters = Zeroizing::new(Vec::with_capacity(text.len() + 3));
    let mut line = 1;
    for byte in text.bytes() {
        let plain = match byte {
            b'-' => b'+',
            b'_' => b'/',
            _ => byte,
        };
        if plain != byte && repairs.is_empty() {
            repairs.push(Code::Base64Url);
        }
        match plain {
            b'\n' => line += 1,
            b' ' | b'\t' | b'\r' => {}
            _ if is_base64(plain) => characters.push(plain),
            _ => return Err(line),
        }
    }
    let padding = characters.iter().rev().take_while(|&&byte| byte == b'=');
    let padding = padding.count();
    let content = characters.len() - padding;
    if padding != (4 - content % 4) % 4 {
        repairs.push(Code::Base64Padding);
    }
    characters.truncate(content);
    if content % 4 == 1 {
        // Cut in the middle; what it decodes to will tell what is missing.
        characters.pop();
    }
    let bytes = base64::decode(characters, Secrecy::Secret).ok_or(line)?;
    Ok(Decoded { bytes, repairs })
}
