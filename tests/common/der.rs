//! DER, taken apart and put together by hand: tests write what no library would.

fn byte(number: usize) -> u8 {
    number.try_into().expect("a number of one byte")
}

/// The DER of one value.
pub fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let len = contents.len();
    let mut value = vec![tag];
    if len < 0x80 {
        value.push(byte(len));
    } else {
        let bytes = len.to_be_bytes();
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let significant = &bytes[zeros..];
        value.push(0x80 | byte(significant.len()));
        value.extend_from_slice(significant);
    }
    value.extend(contents);
    value
}

/// Splits well-formed DER values after the first.
pub fn split(values: &[u8]) -> (&[u8], &[u8]) {
    let (header, len) = header(values);
    values.split_at(header + len)
}

pub fn second(values: &[u8]) -> &[u8] {
    split(split(values).1).0
}

/// What the first of these well-formed DER values holds.
pub fn contents(values: &[u8]) -> &[u8] {
    let (header, len) = header(values);
    &values[header..header + len]
}

/// The lengths of the first value's header and contents.
fn header(values: &[u8]) -> (usize, usize) {
    match values[1] {
        len @ ..0x80 => (2, len.into()),
        len => {
            let end = 2 + usize::from(len & 0x7f);
            let number = |bytes: &[u8]| bytes.iter().fold(0, |n, &b| n << 8 | usize::from(b));
            (end, number(&values[2..end]))
        }
    }
}

/// Well-formed DER values, one after the other.
pub fn values(mut ders: &[u8]) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    while !ders.is_empty() {
        let (first, rest) = split(ders);
        values.push(first.to_vec());
        ders = rest;
    }
    values
}

/// A SEQUENCE of these values.
pub fn sequence(values: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, &[&values.concat()])
}

/// An INTEGER with these bytes, proper or not.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    der(0x02, &[bytes])
}
