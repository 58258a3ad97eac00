//! Kubernetes manifests: Secrets and ConfigMaps, in YAML or JSON, as `kubectl get -o yaml` prints
//! them, as people write them, and as Helm renders them.
//!
//! Each entry is decoded and read as a source of its own. Metadata is passed over: an annotation of
//! `kubectl apply` holds a copy of the whole Secret. Of other objects, any text that has PEM in it
//! is read, such as the `caBundle` of a webhook.
//!
//! The parser of YAML copies text that spans lines and does not clear all of its copies. What it
//! hands out is cleared, and so is everything that is decoded from it.

mod entry;
mod yaml;

use std::collections::HashSet;
use std::fmt::Write;

use memchr::memmem;

use super::Expected;
use super::sink::Sink;
use crate::error::Error;
use crate::finding::{Code, Finding, some_of};
use entry::{Encoding, Named, looks_like_pem};
use yaml::{Fault, Node, Value};

/// What may stand after `kind` in a manifest that people give for its certificates.
const KINDS: [&str; 6] = [
    "Secret",
    "ConfigMap",
    "SealedSecret",
    "ExternalSecret",
    "List",
    "Template",
];
/// The longest name that Kubernetes allows.
const LONGEST_NAME: usize = 253;
/// Letters and digits in any mixture: where there are more in a row, they may be of a key.
const LONGEST_MIXTURE: usize = 11;
/// The same of letters that are spelt as words are.
const LONGEST_WORD: usize = 40;
/// So many objects are named in one finding.
const MOST_NAMED: usize = 10;

const GET: &str = "Give the Secret itself: kubectl get secret NAME -o yaml";
const SEALED: &str = "Only its controller can open it. Give the Secret that it made of it: kubectl get secret NAME -o yaml";
const SOPS: &str = "Decrypt it first: sops -d FILE";

/// Reads a manifest; says whether the source is one.
pub(super) fn read(sink: &mut Sink<'_>, bytes: &[u8]) -> Result<bool, Error> {
    let claims = names_a_kind(bytes);
    if !claims && memmem::find(bytes, b"apiVersion").is_none() {
        return Ok(false);
    }
    let documents = match yaml::parse(bytes) {
        Ok(documents) => documents,
        Err(fault) => {
            if claims {
                misread(sink, &fault);
            }
            return Ok(false);
        }
    };
    let mut objects = Vec::new();
    for document in &documents {
        collect(document, &mut objects);
    }
    if objects.iter().all(|object| object.kind.is_empty()) {
        return Ok(false);
    }
    let several = objects.len() > 1;
    let mut manifest = Manifest {
        sink,
        several,
        pairs: Vec::new(),
        empty: Vec::new(),
    };
    for object in &objects {
        manifest.object(object)?;
    }
    manifest.finish();
    Ok(true)
}

/// Whether it says, with or without quotes, that it is of a kind that is read.
fn names_a_kind(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"kind").any(|at| {
        let rest = bytes.get(at + 4..).unwrap_or_default();
        let value = without_quotes(rest).strip_prefix(b":");
        value.is_some_and(|value| {
            let value = without_quotes(value);
            KINDS.iter().any(|kind| value.starts_with(kind.as_bytes()))
        })
    })
}

fn without_quotes(text: &[u8]) -> &[u8] {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b' ' | b'\t');
    let quotes = text.iter().take_while(|byte| is_quote(byte)).count();
    text.get(quotes..).unwrap_or_default()
}

/// Says that it was meant to be a manifest. What is in it is found the tolerant way.
fn misread(sink: &mut Sink<'_>, fault: &Fault) {
    let message = format!(
        "the manifest cannot be read as YAML or JSON, at line {}: {}",
        fault.line, fault.message
    );
    let origin = sink.origin(fault.line, fault.line);
    let finding = Finding::new(Code::ManifestSyntax, message).at(&origin);
    sink.unreadable(Expected::Any, finding);
}

/// An object of Kubernetes, or a document that is none and has no kind.
struct Object<'v> {
    kind: &'v str,
    /// Kind and name, as people know it: `Secret prod/www`.
    name: String,
    value: &'v Value,
    /// The keys under `stringData`, which Kubernetes takes before those under `data`.
    plain: HashSet<&'v str>,
    /// Whether its values are encrypted with SOPS.
    is_sops: bool,
}

/// Finds the objects of a document, and of the lists in it.
fn collect<'v>(value: &'v Value, objects: &mut Vec<Object<'v>>) {
    let text = |key| value.field(key).and_then(Value::text).unwrap_or_default();
    let kind = match (text("apiVersion"), text("kind")) {
        ("", kind) if !KINDS.contains(&kind) => "",
        (_, kind) => kind,
    };
    let items = match kind {
        "Template" => "objects",
        _ if kind.ends_with("List") => "items",
        _ => "",
    };
    match value.field(items).map(|items| &items.node) {
        Some(Node::Sequence(items)) => items.iter().for_each(|item| collect(item, objects)),
        _ if value.text() == Some("") => {}
        _ => objects.push(Object::new(kind, value)),
    }
}

impl<'v> Object<'v> {
    fn new(kind: &'v str, value: &'v Value) -> Self {
        let plain = value.field("stringData").filter(|_| kind == "Secret");
        let plain = plain.map(Value::fields).unwrap_or_default();
        Self {
            kind,
            name: name(kind, value),
            value,
            plain: plain.iter().map(|field| field.key.as_str()).collect(),
            is_sops: value.field("sops").is_some(),
        }
    }

    /// What it is called, with its lines.
    fn described(&self) -> String {
        let (first, last) = (self.value.first_line, self.value.last_line);
        format!("{} (lines {first}-{last})", self.name)
    }

    /// Why there is nothing in it that can be read, and what to do.
    fn why_closed(&self) -> Option<(&'static str, &'static str)> {
        match self.kind {
            "SealedSecret" => Some(("is encrypted", SEALED)),
            _ if self.is_sops => Some(("is encrypted with SOPS", SOPS)),
            "ExternalSecret"
            | "ClusterExternalSecret"
            | "SecretProviderClass"
            | "VaultStaticSecret"
            | "VaultPKISecret"
            | "PushSecret"
            | "Certificate" => Some(("says where a Secret comes from, and does not hold it", GET)),
            _ => None,
        }
    }
}

fn name(kind: &str, value: &Value) -> String {
    let kind = match shown(kind) {
        true => kind,
        false => "object",
    };
    let metadata = |key| {
        let text = value.field("metadata")?.field(key)?.text()?;
        shown(text).then_some(text)
    };
    match (metadata("namespace"), metadata("name")) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (_, None) => kind.to_owned(),
    }
}

/// Whether a name may be shown: it has the form of one, and can be no part of a key.
fn shown(name: &str) -> bool {
    let is_mark = |byte: &u8| matches!(byte, b'-' | b'_' | b'.' | b'/');
    let mut words = name.as_bytes().split(is_mark);
    (1..=LONGEST_NAME).contains(&name.len()) && words.all(is_word)
}

fn is_word(word: &[u8]) -> bool {
    let is_mixture = word.len() <= LONGEST_MIXTURE;
    let in_capitals = |pair: &[u8]| pair.iter().all(u8::is_ascii_uppercase);
    let is_spelt = word.len() <= LONGEST_WORD
        && word.iter().all(u8::is_ascii_alphabetic)
        && !word.windows(2).any(in_capitals);
    word.iter().all(u8::is_ascii_alphanumeric) && (is_mixture || is_spelt)
}

/// A manifest that is being read.
struct Manifest<'s, 'l> {
    sink: &'s mut Sink<'l>,
    /// Whether entries have to be told apart by the objects that they are in.
    several: bool,
    /// The Secrets that have a certificate and a key.
    pairs: Vec<String>,
    /// The objects in which nothing was found.
    empty: Vec<String>,
}

impl Manifest<'_, '_> {
    fn object(&mut self, object: &Object<'_>) -> Result<(), Error> {
        let material = &self.sink.material;
        let before = (material.certificates.len(), material.keys.len());
        let unreadable = material.unreadable.len();
        let said = self.closed(object);
        if object.value.fields().is_empty() {
            self.search(object, object.value, &mut String::new())?;
        }
        for field in object.value.fields() {
            match (object.kind, field.key.as_str()) {
                (_, "metadata" | "apiVersion" | "kind" | "type" | "sops") => {}
                ("Secret", "data") | ("ConfigMap", "binaryData") => {
                    self.entries(object, &field.value, Encoding::Base64)?;
                }
                ("Secret", "stringData") | ("ConfigMap", "data") => {
                    self.entries(object, &field.value, Encoding::Plain)?;
                }
                (_, key) => self.search(object, &field.value, &mut segment(key))?,
            }
        }
        let material = &self.sink.material;
        let certificates = material.certificates.len() > before.0;
        let keys = material.keys.len() > before.1;
        if certificates && keys && object.kind == "Secret" {
            self.pairs.push(object.described());
        }
        if !certificates && !keys && !said && material.unreadable.len() == unreadable {
            self.empty.push(object.described());
        }
        Ok(())
    }

    /// Says of an object that it has to be opened elsewhere, if that is so.
    fn closed(&mut self, object: &Object<'_>) -> bool {
        let Some((what, help)) = object.why_closed() else {
            return false;
        };
        let origin = self
            .sink
            .origin(object.value.first_line, object.value.last_line);
        let message = format!("{} {what}", object.name);
        let finding = Finding::new(Code::UnsupportedFormat, message);
        self.sink
            .unreadable(Expected::Any, finding.help(help).at(&origin));
        true
    }

    /// Reads the entries of a Secret or a ConfigMap.
    fn entries(
        &mut self,
        object: &Object<'_>,
        entries: &Value,
        encoding: Encoding,
    ) -> Result<(), Error> {
        let is_overruled = |key| encoding == Encoding::Base64 && object.plain.contains(key);
        for (number, field) in entries.fields().iter().enumerate() {
            let name = match shown(&field.key) {
                true => field.key.to_string(),
                false => format!("entry {}", number + 1),
            };
            let named = Named {
                part: self.part(object, &name),
                name,
                line: field.line,
            };
            match &field.value.node {
                Node::Text(text) if object.is_sops && text.content.starts_with("ENC[") => {}
                _ if is_overruled(field.key.as_str()) => named.overruled(self.sink),
                Node::Text(text) => {
                    named.text(self.sink, text, field.value.last_line, encoding)?;
                }
                Node::Alias => named.not_text(self.sink, "is an alias of YAML"),
                Node::Mapping(_) | Node::Sequence(_) => {
                    named.not_text(self.sink, "is no text");
                    let mut path = named.name.clone();
                    self.search(object, &field.value, &mut path)?;
                }
            }
        }
        Ok(())
    }

    /// Reads all text below a value that has PEM in it. The path is the keys that lead to it.
    fn search(
        &mut self,
        object: &Object<'_>,
        value: &Value,
        path: &mut String,
    ) -> Result<(), Error> {
        let length = path.len();
        match &value.node {
            Node::Text(text) if looks_like_pem(&text.content) => {
                let named = Named {
                    part: self.part(object, path),
                    name: String::new(),
                    line: value.first_line,
                };
                named.text(self.sink, text, value.last_line, Encoding::Either)?;
            }
            Node::Text(_) | Node::Alias => {}
            Node::Mapping(fields) => {
                for field in fields {
                    extend(path, &field.key);
                    self.search(object, &field.value, path)?;
                    path.truncate(length);
                }
            }
            Node::Sequence(values) => {
                for (number, value) in values.iter().enumerate() {
                    if length < LONGEST_NAME {
                        // Writing to a string does not fail.
                        let _ = write!(path, "[{number}]");
                    }
                    self.search(object, value, path)?;
                    path.truncate(length);
                }
            }
        }
        Ok(())
    }

    fn part(&self, object: &Object<'_>, name: &str) -> String {
        match (self.several, name) {
            (true, "") => object.name.clone(),
            (true, _) => format!("{}, {name}", object.name),
            (false, "") => "text".to_owned(),
            (false, _) => name.to_owned(),
        }
    }

    fn finish(self) {
        let origin = self.sink.whole();
        if self.pairs.len() > 1 {
            let message = format!(
                "{} Secrets have a certificate and a key: {}",
                self.pairs.len(),
                some_of(&self.pairs, MOST_NAMED)
            );
            let finding = Finding::new(Code::SeveralSecrets, message);
            self.sink.say(finding.at(&origin));
        }
        if self.empty.is_empty() {
            return;
        }
        let message = format!(
            "neither a certificate nor a key is in {}",
            some_of(&self.empty, MOST_NAMED)
        );
        match self.sink.material.is_empty() {
            true => {
                let finding = Finding::new(Code::NotPem, message).help(GET);
                self.sink.unreadable(Expected::Any, finding.at(&origin));
            }
            false => {
                let finding = Finding::new(Code::BlockLeftOut, message);
                self.sink.say(finding.at(&origin));
            }
        }
    }
}

/// Goes one key further. A path that is long is long enough.
fn extend(path: &mut String, key: &str) {
    if path.len() > LONGEST_NAME {
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(&segment(key));
}

/// A key as part of a path.
fn segment(key: &str) -> String {
    match shown(key) {
        true => key.to_owned(),
        false => "*".to_owned(),
    }
}
