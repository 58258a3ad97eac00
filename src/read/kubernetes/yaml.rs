//! YAML, of which JSON is a part, as a tree that knows its lines.
//!
//! The parser bounds how deep things nest. Aliases are not followed, so that none can multiply
//! anything.

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span};
use zeroize::Zeroizing;

/// A source with more values than this is not taken for a manifest: each costs far more memory
/// than the two bytes that it may have.
const MOST_VALUES: usize = 1_000_000;

/// Something in a document, with its lines in the source.
pub(super) struct Value {
    pub(super) node: Node,
    pub(super) first_line: usize,
    pub(super) last_line: usize,
}

pub(super) enum Node {
    Text(Text),
    Mapping(Vec<Field>),
    Sequence(Vec<Value>),
    /// What stands elsewhere, under an anchor.
    Alias,
}

pub(super) struct Text {
    pub(super) content: Zeroizing<String>,
    /// Where its first line stands, if its lines are lines of the source (`|`).
    pub(super) text_line: Option<usize>,
}

pub(super) struct Field {
    pub(super) key: Zeroizing<String>,
    pub(super) line: usize,
    pub(super) value: Value,
}

impl Value {
    pub(super) fn fields(&self) -> &[Field] {
        match &self.node {
            Node::Mapping(fields) => fields,
            _ => &[],
        }
    }

    pub(super) fn field(&self, key: &str) -> Option<&Self> {
        let mut fields = self.fields().iter();
        Some(&fields.find(|field| *field.key == key)?.value)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text) => Some(&text.content),
            _ => None,
        }
    }
}

/// Why there is no tree, and on which line.
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) message: String,
}

/// All documents of a source.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Value>, Fault> {
    let mut tree = Tree {
        lines: Lines::of(bytes),
        documents: Vec::new(),
        open: Vec::new(),
        values: 0,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| Fault {
        line: tree.lines.at(error.valid_up_to()),
        message: "a byte is not UTF-8".to_owned(),
    })?;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Fault {
            line: tree.lines.of_marker(error.marker()),
            // Of the source it has one character at most.
            message: error.kind().to_string(),
        })?;
        tree.event(event, span)?;
    }
    Ok(tree.documents)
}

/// The lines as the rest of the reader counts them: to YAML, CR ends a line anywhere.
struct Lines {
    /// Where they end, in bytes.
    ends: Vec<usize>,
    length: usize,
}

impl Lines {
    fn of(bytes: &[u8]) -> Self {
        let end = match bytes.contains(&b'\n') {
            true => b'\n',
            false => b'\r',
        };
        Self {
            ends: memchr::memchr_iter(end, bytes).collect(),
            length: bytes.len(),
        }
    }

    /// The line, counted from 1, of a place; of the end, that of the last byte.
    fn at(&self, place: usize) -> usize {
        let place = place.min(self.length.saturating_sub(1));
        self.ends.partition_point(|&end| end < place) + 1
    }

    fn of_marker(&self, marker: &Marker) -> usize {
        self.at(marker.byte_offset().unwrap_or(0))
    }

    fn of_span(&self, span: Span) -> (usize, usize) {
        let range = span.byte_range().unwrap_or_default();
        let last = range.end.saturating_sub(1).max(range.start);
        (self.at(range.start), self.at(last))
    }
}

/// What is being built.
struct Tree {
    lines: Lines,
    documents: Vec<Value>,
    open: Vec<Open>,
    values: usize,
}

/// A mapping or a sequence whose end has not come yet.
struct Open {
    value: Value,
    /// In a mapping, a key whose value has not come yet, and its line.
    key: Option<(Zeroizing<String>, usize)>,
}

impl Tree {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let node = match event {
            Event::Scalar(content, style, ..) => Node::Text(Text {
                text_line: self.text_line(&content, style, span),
                content: match style {
                    ScalarStyle::Plain if matches!(&*content, "~" | "null") => Zeroizing::default(),
                    _ => Zeroizing::new(content.into_owned()),
                },
            }),
            Event::Alias(_) => Node::Alias,
            Event::MappingStart(..) => return self.begin(Node::Mapping(Vec::new()), span),
            Event::SequenceStart(..) => return self.begin(Node::Sequence(Vec::new()), span),
            Event::MappingEnd | Event::SequenceEnd => {
                self.end(span);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let (first_line, last_line) = self.lines.of_span(span);
        self.count(first_line)?;
        self.put(Value {
            node,
            first_line,
            last_line,
        });
        Ok(())
    }

    /// Where the text of a literal block begins, blank lines included.
    fn text_line(&self, content: &str, style: ScalarStyle, span: Span) -> Option<usize> {
        let blank = content.bytes().take_while(|&byte| byte == b'\n').count();
        let (first, _) = self.lines.of_span(span);
        (style == ScalarStyle::Literal).then_some(first.saturating_sub(blank).max(1))
    }

    fn count(&mut self, line: usize) -> Result<(), Fault> {
        self.values += 1;
        match self.values > MOST_VALUES {
            true => Err(Fault {
                line,
                message: format!("there are more than {MOST_VALUES} values"),
            }),
            false => Ok(()),
        }
    }

    fn begin(&mut self, node: Node, span: Span) -> Result<(), Fault> {
        let (first_line, _) = self.lines.of_span(span);
        self.count(first_line)?;
        let value = Value {
            node,
            first_line,
            last_line: first_line,
        };
        self.open.push(Open { value, key: None });
        Ok(())
    }

    fn end(&mut self, span: Span) {
        let Some(Open { mut value, .. }) = self.open.pop() else {
            return;
        };
        let last = match &value.node {
            Node::Mapping(fields) => fields.last().map(|field| &field.value),
            Node::Sequence(values) => values.last(),
            Node::Text(_) | Node::Alias => None,
        };
        value.last_line = last.map_or(value.last_line, |last| last.last_line);
        // A bracket has a place; the end of an indentation has none.
        if span.start != span.end {
            value.last_line = value.last_line.max(self.lines.of_marker(&span.start));
        }
        self.put(value);
    }

    fn put(&mut self, value: Value) {
        let Some(open) = self.open.last_mut() else {
            return self.documents.push(value);
        };
        match (&mut open.value.node, open.key.take()) {
            (Node::Sequence(values), _) => values.push(value),
            (Node::Mapping(fields), Some((key, line))) => fields.push(Field { key, line, value }),
            (_, _) => {
                let key = match value.node {
                    Node::Text(text) => text.content,
                    _ => Zeroizing::default(),
                };
                open.key = Some((key, value.first_line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{Event, Parser, Value, parse};

    fn parsed(text: &str) -> Vec<Value> {
        parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{}: {}", fault.line, fault.message))
    }

    #[test]
    fn lines_are_those_of_the_source() {
        let text = "a: |\n\n  x\n  y\n\n# c\nb:\n  - c\n  - {d: e,\n     f: g\n    }\nh: >-\n  i\n  j\nk: 'l\n\n  m'\n";
        let documents = parsed(text);
        let document = &documents[0];
        let lines = |key| {
            let value = document.field(key).expect("the key");
            (value.first_line, value.last_line)
        };
        assert_eq!((document.first_line, document.last_line), (1, 17));
        assert_eq!(lines("b"), (8, 11));
        assert_eq!(lines("h"), (13, 14));
        assert_eq!(lines("k"), (15, 17));
        let super::Node::Text(block) = &document.field("a").expect("the key").node else {
            panic!("a text");
        };
        assert_eq!(block.text_line, Some(2));
        assert_eq!(&*block.content, "\nx\ny\n");
    }

    #[test]
    fn lines_are_counted_as_everywhere_else() {
        for (text, owed) in [
            ("a: b\nc: d", 2),
            ("a: b\r\nc: d\r\n", 2),
            ("a: b\rc: d", 2),
            ("a: b\rc: |\r  d\r\n", 1),
        ] {
            let documents = parsed(text);
            let value = documents[0].field("c").expect("the key");
            assert_eq!(
                (value.first_line, value.last_line),
                (owed, owed),
                "{text:?}"
            );
        }
        for text in ["a: [\n", "a: 'b\n\n", "a: b\n\u{1}\n"] {
            let Err(fault) = parse(text.as_bytes()) else {
                panic!("{text:?} is a mistake");
            };
            assert!((1..=text.lines().count()).contains(&fault.line), "{text:?}");
        }
    }

    #[test]
    fn base64_in_one_line_is_not_copied_by_the_parser() {
        for text in ["LS0t", "'LS0t'", "\"LS0t\""] {
            let mut scalars = Parser::new_from_str(text).filter_map(|event| match event {
                Ok((Event::Scalar(content, ..), _)) => Some(content),
                _ => None,
            });
            let content = scalars.next().expect("a scalar");
            assert!(matches!(content, Cow::Borrowed("LS0t")), "{text}");
        }
    }

    #[test]
    fn values_are_bounded_and_aliases_are_not_followed() {
        assert!(parse(format!("[{}]", "a,".repeat(1_000_001)).as_bytes()).is_err());
        let laughs: String = (1..40)
            .map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1))
            .collect();
        let documents = parsed(&format!("a0: &a0 x\n{laughs}"));
        assert_eq!(documents[0].fields().len(), 40);
        assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
        assert!(parse("- ".repeat(1_000_000).as_bytes()).is_err());
    }
}
