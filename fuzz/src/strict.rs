//! Judges that are independent of the code under test: a strict reader of PEM (RFC 7468), and a
//! check of one signature.

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Reader, SliceReader};
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
            let (label, der) = decode_vec(&pem.as_bytes()[start..end])
                .unwrap_or_else(|error| panic!("a block that is not strict PEM: {error}"));
            (label.to_owned(), der)
        })
        .collect()
}

/// Whether a certificate's signature is by this SubjectPublicKeyInfo's key: RFC 5280 section
/// 4.1.1.3 by webpki's algorithms alone.
pub fn is_signed_by(certificate: &[u8], spki: &[u8]) -> bool {
    signed_by(certificate, spki).unwrap_or(false)
}

fn signed_by(certificate: &[u8], spki: &[u8]) -> der::Result<bool> {
    let outer = AnyRef::from_der(certificate)?;
    let mut parts = SliceReader::new(outer.value())?;
    let message = parts.tlv_bytes()?;
    let signature_algorithm = AnyRef::decode(&mut parts)?;
    let signature = BitStringRef::decode(&mut parts)?;
    let mut key_parts = SliceReader::new(AnyRef::from_der(spki)?.value())?;
    let key_algorithm = AnyRef::decode(&mut key_parts)?;
    let key = BitStringRef::decode(&mut key_parts)?;
    Ok(webpki::ALL_VERIFICATION_ALGS.iter().any(|algorithm| {
        algorithm.signature_alg_id().as_ref() == signature_algorithm.value()
            && algorithm.public_key_alg_id().as_ref() == key_algorithm.value()
            && algorithm
                .verify_signature(key.raw_bytes(), message, signature.raw_bytes())
                .is_ok()
    }))
}
