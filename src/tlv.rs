//! The outlines of DER: tags and lengths, and nothing else.
//!
//! Certificates are looked through by the thousand, and what is in their parts is judged by
//! webpki, `der` and `x509-cert`. To find the parts this is several times faster than decoding.

/// Tags of X.690 section 8.1.2, as the one byte that all of ours have.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;

    /// `[number]`, with other structures in it.
    pub(crate) const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }

    /// `[number] IMPLICIT` of a primitive type.
    pub(crate) const fn primitive(number: u8) -> u8 {
        0x80 | number
    }
}

/// One structure: tag, content, and the two with their length, as they stand there.
#[derive(Clone, Copy)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Goes through structures that follow one another.
#[derive(Clone)]
pub(crate) struct Walk<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Walk<'a> {
    type Item = Tlv<'a>;

    /// The next structure; `None` at the end, or when its length exceeds what is there.
    fn next(&mut self) -> Option<Tlv<'a>> {
        let (header, length) = header(self.0)?;
        let (whole, rest) = self.0.split_at_checked(header.checked_add(length)?)?;
        self.0 = rest;
        Some(Tlv {
            tag: *whole.first()?,
            value: whole.get(header..)?,
            whole,
        })
    }
}

impl<'a> Walk<'a> {
    /// The next structure, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Tlv<'a>> {
        self.next().filter(|tlv| tlv.tag == tag)
    }

    /// The next structure if it has this tag; otherwise it stays where it is.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Tlv<'a>> {
        (self.0.first() == Some(&tag)).then(|| self.next())?
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The lengths of a structure's header and content, whether the content is there or not. Tags of
/// more than one byte and lengths of more than four are not known.
pub(crate) fn header(der: &[u8]) -> Option<(usize, usize)> {
    let (tag, rest) = der.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let digits = match first {
        0..=0x7f => return Some((2, usize::from(first))),
        0x81..=0x84 => usize::from(first & 0x7f),
        _ => return None,
    };
    let mut length = 0;
    for &digit in rest.get(..digits)? {
        length = length << 8 | usize::from(digit);
    }
    Some((2 + digits, length))
}

#[cfg(test)]
mod tests {
    use super::{Walk, header};

    #[test]
    fn a_length_beyond_the_end_is_no_structure() {
        for der in [
            &[0x30][..],
            &[0x30, 1],
            &[0x30, 0x82, 1],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x1f, 0],
        ] {
            assert!(Walk(der).next().is_none(), "{der:?}");
        }
        assert_eq!(header(&[0x30, 0x82, 1, 2]), Some((4, 0x102)));
        let mut walk = Walk(&[2, 1, 5, 4, 0]);
        assert_eq!(walk.next().map(|tlv| tlv.value), Some(&[5][..]));
        assert!(walk.expect(0x04).is_some() && walk.is_empty());
    }
}
