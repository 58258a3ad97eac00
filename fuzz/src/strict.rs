//! A strict reader (RFC 7468), independent of the one under test.

use pem_rfc7468::decode_vec;

/// A block's label and content.
pub type StrictBlock = (String, Vec<u8>);

/// Takes PEM apart that has nothing in it but blocks as RFC 7468 section 2 has them: lines of at
/// most 64 characters, each ended by LF, none of them blank.
pub fn blocks(pem: &str) -> Vec<StrictBlock> {
    assert!(pem.ends_with('\n'), "no final newline");
    assert!(!pem.contains('\r'), "a CR");
    for line in pem.lines() {
        assert!((1..=64).contains(&line.len()), "a line of {}", line.len());
    }
    let starts: Vec<usize> = pem.match_indices("-----BEGIN ").map(|(at, _)| at).collect();
    assert_eq!(starts.first(), Some(&0), "text before the first block");
    let ends = starts.iter().skip(1).copied().chain([pem.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let (label, der) = decode_vec(pem[start..end].as_bytes())
                .unwrap_or_else(|error| panic!("a block that is not strict PEM: {error}"));
            (label.to_owned(), der)
        })
        .collect()
}
