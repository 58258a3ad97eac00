//! How PKCS#12 makes keys of passphrases (RFC 7292 appendix B.2).

use sha1::Digest;
use sha1::digest::Output;
use sha1::digest::block_api::BlockSizeUser;
use zeroize::Zeroizing;

use super::iterate;

/// What a key is for, which is part of how it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Key,
    InitialVector,
    Mac,
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
    let mut digest = Zeroizing::new(Output::<D>::default());
    while key.len() < length {
        if !key.is_empty() {
            for chunk in input.chunks_exact_mut(block) {
                add_one_more(chunk, &digest);
            }
        }
        D::new()
            .chain_update(&diversifier)
            .chain_update(&*input)
            .finalize_into(&mut digest);
        iterate::<D>(&mut digest, iterations);
        let wanted = length - key.len();
        key.extend(digest.iter().take(wanted));
    }
    key
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

#[cfg(test)]
mod tests {
    use sha1::Sha1;

    use super::{Purpose, derive};
    use crate::passphrase::Passphrase;
    use crate::pbe::Secret;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 7292 has no examples; these are those of "Test Vectors for PKCS #12", by Peter Gutmann, which
    /// other programs test with, too.
    #[test]
    fn keys_are_those_of_other_programs() {
        use Purpose::{InitialVector, Key, Mac};
        for (passphrase, salt, purpose, iterations, owed) in [
            (
                "smeg",
                0x0a58_cf64_530d_823f,
                Key,
                1,
                "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3",
            ),
            (
                "smeg",
                0x0a58_cf64_530d_823f,
                InitialVector,
                1,
                "79993dfe048d3b76",
            ),
            (
                "smeg",
                0x642b_99ab_44fb_4b1f,
                Key,
                1,
                "f3a95fec48d7711e985cfe67908c5ab79fa3d7c5caa5d966",
            ),
            (
                "smeg",
                0x642b_99ab_44fb_4b1f,
                InitialVector,
                1,
                "c0a38d64a79bea1d",
            ),
            (
                "smeg",
                0x3d83_c0e4_546a_c140,
                Mac,
                1,
                "8d967d88f6caa9d714800ab3d48051d63f73a312",
            ),
            (
                "queeg",
                0x05de_c959_acff_72f7,
                Key,
                1000,
                "ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4",
            ),
            (
                "queeg",
                0x05de_c959_acff_72f7,
                InitialVector,
                1000,
                "11dedad7758d4860",
            ),
            (
                "queeg",
                0x1682_c0fc_5b3f_7ec5,
                Key,
                1000,
                "483dd6e919d7de2e8e648ba8f862f3fbfbdc2bcb2c02957f",
            ),
            (
                "queeg",
                0x1682_c0fc_5b3f_7ec5,
                InitialVector,
                1000,
                "9d461d1b00355c50",
            ),
            (
                "queeg",
                0x2632_16fc_c2fa_b31c,
                Mac,
                1000,
                "5ec4c7a80df652294c3925b6489a7ab857c83476",
            ),
        ] {
            let secret = Secret::new(&Passphrase::from(passphrase.to_owned()));
            let salt = u64::to_be_bytes(salt);
            let length = owed.len() / 2;
            let key = derive::<Sha1>(&secret.wide, &salt, purpose, iterations, length);
            assert_eq!(hex(&key), owed);
        }
    }
}
