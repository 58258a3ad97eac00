//! ASN.1 as OpenSSL's templates read it: BER, and in some places less strict than that.

/// Universal tag numbers (X.680 section 8.4).
pub(super) mod tag {
    pub(in super::super) const BOOLEAN: u32 = 1;
    pub(in super::super) const INTEGER: u32 = 2;
    pub(in super::super) const BIT_STRING: u32 = 3;
    pub(in super::super) const OCTET_STRING: u32 = 4;
    pub(in super::super) const NULL: u32 = 5;
    pub(in super::super) const OBJECT: u32 = 6;
    pub(in super::super) const ENUMERATED: u32 = 10;
    pub(in super::super) const UTF8_STRING: u32 = 12;
    pub(in super::super) const SEQUENCE: u32 = 16;
    pub(in super::super) const SET: u32 = 17;
    pub(in super::super) const UTC_TIME: u32 = 23;
    pub(in super::super) const GENERALIZED_TIME: u32 = 24;
    pub(in super::super) const UNIVERSAL_STRING: u32 = 28;
    pub(in super::super) const BMP_STRING: u32 = 30;
}

/// How deep constructed strings may be nested.
const MOST_NESTED: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Universal,
    Context,
    Other,
}

/// One structure.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) class: Class,
    pub(super) number: u32,
    is_constructed: bool,
    /// Without the end-of-contents octets of an indefinite length.
    pub(super) content: &'a [u8],
}

/// Structures that follow one another.
#[derive(Clone, Copy)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// The next structure; `None` at the end, or when it is none.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        if self.0.starts_with(&[0, 0]) {
            // End-of-contents octets where nothing ends.
            return None;
        }
        let (header, rest) = Header::read(self.0)?;
        let (content, rest) = match header.length {
            Some(length) => rest.split_at_checked(length)?,
            None => {
                let length = indefinite(rest)?;
                let (content, rest) = rest.split_at_checked(length)?;
                (content, rest.get(2..)?)
            }
        };
        self.0 = rest;
        Some(Element {
            class: header.class,
            number: header.number,
            is_constructed: header.is_constructed,
            content,
        })
    }

    /// The next structure, which must have this universal tag.
    pub(super) fn universal(&mut self, number: u32) -> Option<Element<'a>> {
        let element = self.next()?;
        (element.class == Class::Universal && element.number == number).then_some(element)
    }

    /// The parts of the SEQUENCE that must come next.
    pub(super) fn sequence(&mut self) -> Option<Elements<'a>> {
        let sequence = self.universal(tag::SEQUENCE)?;
        sequence.parts()
    }

    /// The members of the SEQUENCE OF or SET OF that must come next. Nobody asks whether its tag
    /// says that it has members.
    pub(super) fn list(&mut self, number: u32) -> Option<Elements<'a>> {
        let list = self.universal(number)?;
        Some(Elements(list.content))
    }

    /// The parts of the AlgorithmIdentifier that must come next.
    pub(super) fn algorithm(&mut self) -> Option<Elements<'a>> {
        let algorithm = self.sequence()?;
        let mut parts = algorithm;
        parts.primitive(tag::OBJECT)?;
        if !parts.is_empty() {
            parts.next()?.is_sound().then_some(())?;
        }
        parts.is_empty().then_some(algorithm)
    }

    /// The next structure if it has this context tag; otherwise it stays where it is.
    pub(super) fn context(&mut self, number: u32) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.next()?;
        (element.class == Class::Context && element.number == number).then(|| {
            *self = ahead;
            element
        })
    }

    /// What is in the next structure if it has this context tag, which is explicit: one structure.
    /// `None` when there is another number of them.
    pub(super) fn explicit(&mut self, number: u32) -> Option<Option<Elements<'a>>> {
        let Some(element) = self.context(number) else {
            return Some(None);
        };
        let inside = element.parts()?;
        let mut rest = inside;
        rest.next()?;
        rest.is_empty().then_some(Some(inside))
    }

    /// The content of an INTEGER that OpenSSL keeps in 32 bits; no bytes at all are a zero, too.
    pub(super) fn int32(&mut self) -> Option<&'a [u8]> {
        let element = self.universal(tag::INTEGER)?;
        let content = element.content;
        let is_sound = content.is_empty() || element.is_sound_as(tag::INTEGER);
        (is_sound && !element.is_constructed && content.len() <= 4).then_some(content)
    }

    /// The content of an INTEGER of which OpenSSL makes a number without a sign.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        let element = self.universal(tag::INTEGER)?;
        (!element.is_constructed).then_some(element.content)
    }

    /// The content of a primitive of this type.
    pub(super) fn primitive(&mut self, number: u32) -> Option<&'a [u8]> {
        let element = self.universal(number)?;
        element.is_sound_as(number).then_some(element.content)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether each structure to the end is sound.
    pub(super) fn all(mut self, mut is_sound: impl FnMut(&mut Self) -> bool) -> bool {
        while !self.is_empty() {
            if !is_sound(&mut self) {
                return false;
            }
        }
        true
    }
}

impl<'a> Element<'a> {
    /// What is in a SEQUENCE, a SET or an explicit tag.
    pub(super) fn parts(self) -> Option<Elements<'a>> {
        self.is_constructed.then_some(Elements(self.content))
    }

    /// Whether it can be read as this universal type, whatever its tag.
    pub(super) fn is_sound_as(self, number: u32) -> bool {
        let content = self.content;
        let primitive_only = matches!(
            number,
            tag::BOOLEAN | tag::INTEGER | tag::NULL | tag::OBJECT | tag::ENUMERATED
        );
        match number {
            tag::SEQUENCE | tag::SET => return self.is_constructed,
            _ if !self.is_constructed => {}
            _ if primitive_only => return false,
            // A string in pieces, which are put together whatever their tags.
            _ => return collects(content, MOST_NESTED),
        }
        match number {
            tag::BOOLEAN => content.len() == 1,
            tag::NULL => content.is_empty(),
            tag::INTEGER | tag::ENUMERATED => is_integer(content),
            tag::OBJECT => is_object(content),
            tag::BIT_STRING => content.first().is_some_and(|&unused| unused <= 7),
            tag::BMP_STRING => content.len().is_multiple_of(2),
            tag::UNIVERSAL_STRING => content.len().is_multiple_of(4),
            _ => true,
        }
    }

    /// Whether it can be read as ANY.
    pub(super) fn is_sound(self) -> bool {
        self.class != Class::Universal || self.is_sound_as(self.number)
    }
}

struct Header {
    class: Class,
    number: u32,
    is_constructed: bool,
    /// `None` when it is indefinite.
    length: Option<usize>,
}

impl Header {
    fn read(der: &[u8]) -> Option<(Self, &[u8])> {
        let (&first, mut rest) = der.split_first()?;
        let is_constructed = first & 0x20 != 0;
        let mut number = u32::from(first & 0x1f);
        if number == 0x1f {
            number = 0;
            loop {
                let (&digit, more) = rest.split_first()?;
                rest = more;
                number = number.checked_mul(128)? | u32::from(digit & 0x7f);
                if digit & 0x80 == 0 {
                    break;
                }
            }
        }
        let (&form, mut rest) = rest.split_first()?;
        let length = match form {
            0x80 if is_constructed => None,
            0x80 => return None,
            0x81.. => {
                let (digits, more) = rest.split_at_checked(usize::from(form & 0x7f))?;
                rest = more;
                let mut length: usize = 0;
                for &digit in digits {
                    length = length.checked_mul(256)? | usize::from(digit);
                }
                Some(length)
            }
            short => Some(usize::from(short)),
        };
        let class = match first >> 6 {
            0 => Class::Universal,
            2 => Class::Context,
            _ => Class::Other,
        };
        let header = Self {
            class,
            number,
            is_constructed,
            length,
        };
        Some((header, rest))
    }
}

/// The length of content that ends with end-of-contents octets.
fn indefinite(content: &[u8]) -> Option<usize> {
    let mut rest = content;
    let mut open = 1;
    loop {
        if let Some(behind) = rest.strip_prefix(&[0, 0]) {
            open -= 1;
            if open == 0 {
                return Some(content.len() - rest.len());
            }
            rest = behind;
            continue;
        }
        let (header, behind) = Header::read(rest)?;
        rest = match header.length {
            Some(length) => behind.get(length..)?,
            None => {
                open += 1;
                behind
            }
        };
    }
}

fn collects(content: &[u8], depth: usize) -> bool {
    Elements(content).all(|pieces| {
        pieces
            .next()
            .is_some_and(|piece| match piece.is_constructed {
                true => depth > 0 && collects(piece.content, depth - 1),
                false => true,
            })
    })
}

/// In as few bytes as it takes: the first nine bits are not all the same.
fn is_integer(content: &[u8]) -> bool {
    match content {
        [] => false,
        [0x00, second, ..] => second & 0x80 != 0,
        [0xff, second, ..] => second & 0x80 == 0,
        _ => true,
    }
}

fn is_object(content: &[u8]) -> bool {
    // No number begins with a padding byte.
    let padded = content
        .windows(2)
        .any(|pair| matches!(pair, [..=0x7f, 0x80]));
    !padded && content.first() != Some(&0x80) && content.last().is_some_and(|last| last & 0x80 == 0)
}

#[cfg(test)]
mod tests {
    use super::{Elements, tag};

    #[test]
    fn primitives_are_as_strict_as_openssl_has_them() {
        for (number, der, owed) in [
            (tag::INTEGER, &[2, 1, 0][..], true),
            (tag::INTEGER, &[2, 0], false),
            (tag::INTEGER, &[2, 2, 0, 0x80], true),
            (tag::INTEGER, &[2, 2, 0, 0x7f], false),
            (tag::INTEGER, &[2, 2, 0xff, 0x80], false),
            (tag::INTEGER, &[0x22, 3, 2, 1, 0], false),
            (tag::OBJECT, &[6, 2, 0x2a, 3], true),
            (tag::OBJECT, &[6, 2, 0x2a, 0x83], false),
            (tag::OBJECT, &[6, 3, 0x2a, 0x80, 3], false),
            (tag::OBJECT, &[6, 0], false),
            (tag::BOOLEAN, &[1, 2, 0, 0], false),
            (tag::NULL, &[5, 1, 0], false),
            (tag::BIT_STRING, &[3, 2, 8, 0], false),
            (tag::BIT_STRING, &[3, 0], false),
            (tag::BMP_STRING, &[30, 1, 0], false),
            // Lengths in more bytes than needed, strings in pieces, and without a length.
            (tag::OCTET_STRING, &[4, 0x82, 0, 1, 9], true),
            (tag::OCTET_STRING, &[0x24, 3, 4, 1, 9], true),
            (tag::OCTET_STRING, &[0x24, 2, 4, 1], false),
            (tag::OCTET_STRING, &[0x24, 0x80, 4, 1, 9, 0, 0], true),
            (tag::OCTET_STRING, &[0x24, 0x80, 4, 1, 9, 0], false),
            (tag::OCTET_STRING, &[4, 0x80, 0, 0], false),
        ] {
            assert_eq!(Elements(der).primitive(number).is_some(), owed, "{der:?}");
        }
    }
}
