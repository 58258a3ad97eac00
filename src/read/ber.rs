//! The outlines of BER: lengths that are left indefinite, strings in parts, as Windows and Java write
//! them.

use zeroize::Zeroizing;

use crate::tlv::{self, Tlv, Walk};

/// The length octet that says that end-of-contents octets will come (X.690 section 8.1.3.6).
pub(super) const INDEFINITE: u8 = 0x80;
const CONSTRUCTED: u8 = 0x20;
const END_OF_CONTENTS: [u8; 2] = [0, 0];

/// Goes through structures as [`Walk`] does, of indefinite length too.
#[derive(Clone)]
pub(super) struct Ber<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Ber<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let &[tag, INDEFINITE, ..] = self.0 else {
            let mut walk = Walk(self.0);
            let tlv = walk.next();
            self.0 = walk.0;
            return tlv;
        };
        let (whole, rest) = self.0.split_at_checked(length(self.0)?)?;
        self.0 = rest;
        let value = whole.get(2..)?.strip_suffix(&END_OF_CONTENTS)?;
        Some(Tlv { tag, value, whole })
    }
}

impl<'a> Ber<'a> {
    /// The next structure, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<Tlv<'a>> {
        self.next().filter(|tlv| tlv.tag == tag)
    }
}

/// How deep an OCTET STRING may consist of others: those in use have one level.
const MOST_LEVELS: usize = 4;

/// The content of an OCTET STRING, which may consist of several (X.690 section 8.7.3). Its tag is
/// not looked at, as it may be implicit.
pub(super) fn octets(string: Tlv<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(string.whole.len()));
    gather(string, MOST_LEVELS, &mut content)?;
    Some(content)
}

fn gather(string: Tlv<'_>, levels: usize, content: &mut Vec<u8>) -> Option<()> {
    if string.tag & CONSTRUCTED == 0 {
        content.extend_from_slice(string.value);
        return Some(());
    }
    let levels = levels.checked_sub(1)?;
    let mut parts = Ber(string.value);
    while !parts.0.is_empty() {
        gather(parts.next()?, levels, content)?;
    }
    Some(())
}

/// The length of the first structure; `None` when its end is not there. How deep structures are
/// open is only counted, so there is no depth that could exhaust anything.
pub(super) fn length(ber: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut open = 0_usize;
    loop {
        let rest = ber.get(at..)?;
        let (header, length) = match *rest {
            [0, 0, ..] if open > 0 => {
                open -= 1;
                (2, 0)
            }
            [tag, INDEFINITE, ..] if tag & CONSTRUCTED != 0 => {
                open += 1;
                (2, 0)
            }
            _ => tlv::header(rest)?,
        };
        at = at.checked_add(header)?.checked_add(length)?;
        if open == 0 {
            return (at <= ber.len()).then_some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ber, length};

    #[test]
    fn an_indefinite_length_goes_to_the_end_of_contents_of_its_own_depth() {
        let ber = [0x30, 0x80, 0x24, 0x80, 4, 2, 0, 0, 0, 0, 2, 1, 0, 0, 0, 7];
        assert_eq!(length(&ber), Some(15));
        let value = Ber(&ber).next().map(|tlv| tlv.value);
        assert_eq!(value, ber.get(2..13));
        for cut in 0..15 {
            assert_eq!(length(&ber[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn only_what_is_constructed_has_an_indefinite_length() {
        assert_eq!(length(&[0x04, 0x80, 0, 0]), None);
        assert!(Ber(&[0x04, 0x80, 0, 0]).next().is_none());
    }

    #[test]
    fn any_depth_is_measured() {
        let deep = [[0x30, 0x80].repeat(1 << 20), vec![0; 2 << 20]].concat();
        assert_eq!(length(&deep), Some(deep.len()));
    }
}
