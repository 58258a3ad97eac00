//! Names, as OpenSSL reads and compares them: by words, whatever the case of their letters and the
//! types of their strings.

use super::asn1::{Class, Element, Elements, tag};

/// Whether OpenSSL takes two names for the same.
pub(in crate::haproxy) fn same_name(a: &[u8], b: &[u8]) -> bool {
    a == b || canonical(a).is_some_and(|a| canonical(b) == Some(a))
}

/// Attribute types and values, the sets in order.
type Canonical = Vec<Vec<(Vec<u8>, Text)>>;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Text {
    Folded(String),
    /// With its tag.
    Other(u32, Vec<u8>),
}

fn canonical(name: &[u8]) -> Option<Canonical> {
    let mut sets = Elements(name);
    let mut canonical = Vec::new();
    while !sets.is_empty() {
        let mut attributes = sets.list(tag::SET)?;
        let mut set = Vec::new();
        while !attributes.is_empty() {
            let (kind, value) = attribute(&mut attributes)?;
            set.push((kind.to_vec(), text(value)?));
        }
        set.sort();
        canonical.push(set);
    }
    Some(canonical)
}

/// The type and the value of an attribute.
fn attribute<'a>(attributes: &mut Elements<'a>) -> Option<(&'a [u8], Element<'a>)> {
    let mut fields = attributes.sequence()?;
    let kind = fields.primitive(tag::OBJECT)?;
    let value = fields.next()?;
    fields.is_empty().then_some((kind, value))
}

/// The content of the Name that must come next, of which OpenSSL makes the form that it compares.
pub(super) fn read<'a>(elements: &mut Elements<'a>) -> Option<&'a [u8]> {
    let name = elements.list(tag::SEQUENCE)?;
    let is_sound = name.all(|sets| {
        let set = sets.list(tag::SET);
        set.is_some_and(|set| {
            set.all(|set| attribute(set).is_some_and(|(_, value)| is_value(value)))
        })
    });
    is_sound.then_some(name.0)
}

fn is_value(value: Element<'_>) -> bool {
    // Those of ASN1_PRINTABLE and of tags that are not known.
    let is_known = matches!(value.number, 3 | 7..=9 | 11..=16 | 18..=20 | 22 | 28..=30);
    value.class == Class::Universal
        && is_known
        && value.is_sound_as(value.number)
        && text(value).is_some()
}

/// `None` when it is not what its type says.
fn text(value: Element<'_>) -> Option<Text> {
    let content = value.content;
    let text: String = match value.number {
        tag::UTF8_STRING => std::str::from_utf8(content).ok()?.to_owned(),
        // PrintableString, TeletexString, which is taken for Latin 1, IA5String, VisibleString.
        19 | 20 | 22 | 26 => content.iter().copied().map(char::from).collect(),
        tag::UNIVERSAL_STRING => {
            let (quads, _) = content.as_chunks::<4>();
            let code = |quad: &[u8; 4]| char::from_u32(u32::from_be_bytes(*quad));
            quads.iter().map(code).collect::<Option<_>>()?
        }
        tag::BMP_STRING => {
            let (pairs, _) = content.as_chunks::<2>();
            let code = |pair: &[u8; 2]| char::from_u32(u32::from(u16::from_be_bytes(*pair)));
            pairs.iter().map(code).collect::<Option<_>>()?
        }
        other => return Some(Text::Other(other, content.to_vec())),
    };
    // The spaces of C, to which the vertical tab belongs.
    let is_space = |it: char| matches!(it, ' ' | '\t'..='\r');
    let words: Vec<_> = text.split(is_space).filter(|it| !it.is_empty()).collect();
    Some(Text::Folded(words.join(" ").to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::same_name;

    /// A common name of that string type.
    fn name(tag: u8, text: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, content: Vec<u8>| {
            let length = u8::try_from(content.len()).expect("names are short here");
            [vec![tag, length], content].concat()
        };
        let kind = wrap(0x06, vec![0x55, 4, 3]);
        let attribute = [kind, wrap(tag, text.to_vec())].concat();
        wrap(0x31, wrap(0x30, attribute))
    }

    #[test]
    fn names_are_compared_by_words_whatever_their_case_and_string_type() {
        let plain = name(12, b"test ca");
        for (tag, text) in [
            (19, &b"Test CA"[..]),
            (12, b" \ttest \x0b  ca\r"),
            (22, b"TEST CA"),
            (30, b"\0t\0e\0s\0t\0 \0C\0A"),
        ] {
            assert!(same_name(&name(tag, text), &plain), "{tag} {text:?}");
        }
        for (tag, text) in [(12, &b"testca"[..]), (18, b"test ca"), (12, b"test ca2")] {
            assert!(!same_name(&name(tag, text), &plain), "{tag} {text:?}");
        }
        assert!(same_name(&name(20, b"\xc9"), &name(12, "É".as_bytes())));
        assert!(!same_name(
            &name(12, "é".as_bytes()),
            &name(12, "É".as_bytes())
        ));
        assert!(same_name(b"", b"") && !same_name(b"", &plain));
    }
}
