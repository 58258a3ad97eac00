//! How PKCS#12 makes keys of passphrases (RFC 7292 appendix B.2).

use sha1::Digest;
use sha1::digest::block_api::BlockSizeUser;
use zeroize::Zeroizing;

/// What a key is for, which is part of how it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Key = 1,
    InitialVector = 2,
    Mac = 3,
}

/// How many times SHA-1 has to be iterated for a key of this length.
pub(super) fn blocks(length: usize) -> u64 {
    u64::try_from(length.div_ceil(20)).unwrap_or(u64::MAX)
}

/// A key of this length. The passphrase is big-endian UTF-16 with a zero behind it.
pub(crate) fn derive<D: Digest + BlockSizeUser>(
    passphrase: &[u8],
    salt: &[u8],
    purpose: Purpose,
    iterations: u64,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = D::block_size();
    let fill = |part: &[u8]| -> Zeroizing<Vec<u8>> {
        let length = part.len().div_ceil(block) * block;
        Zeroizing::new(part.iter().copied().cycle().take(length).collect())
    };
    let diversifier = vec![
        match purpose {
            Purpose::Key => 1_u8,
            Purpose::InitialVector => 2,
            Purpose::Mac => 3,
        };
        block
    ];
    let (salt, passphrase) = (fill(salt), fill(passphrase));
    let mut input = Zeroizing::new(Vec::with_capacity(salt.len() + passphrase.len()));
    input.extend_from_slice(&salt);
    input.extend_from_slice(&passphrase);
    let mut key = Zeroizing::new(Vec::with_capacity(length));
    loop {
        let mut digest = D::new()
            .chain_update(&diversifier)
            .chain_update(&*input)
            .finalize();
        for _ in 1..iterations {
            digest = D::digest(&digest);
        }
        let wanted = length - key.len();
        key.extend(digest.iter().take(wanted));
        if key.len() == length {
            return key;
        }
        for chunk in input.chunks_exact_mut(block) {
            add_one_more(chunk, &digest);
        }
    }
}

/// Adds the digest, repeated to this length, and one.
fn add_one_more(number: &mut [u8], digest: &[u8]) {
    let mut carry = 1_u16;
    let repeated: Zeroizing<Vec<u8>> =
        Zeroizing::new(digest.iter().copied().cycle().take(number.len()).collect());
    for (byte, added) in number.iter_mut().rev().zip(repeated.iter().rev()) {
        let [high, low] = (u16::from(*byte) + u16::from(*added) + carry).to_be_bytes();
        *byte = low;
        carry = high.into();
    }
}
