//! The ciphers: in CBC mode, but for RC4.

use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit, KeyIvInit};
use rc2::Rc2;
use rc4::{Rc4, StreamCipher};
use zeroize::Zeroizing;

use super::Closed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Des,
    TripleDes,
    /// The third key is the first.
    TwoKeyTripleDes,
    /// With so many bits that count.
    Rc2(usize),
    /// With a key of so many bits.
    Rc4(usize),
    Aes128,
    Aes192,
    Aes256,
}

impl Cipher {
    pub(super) fn key_length(self) -> usize {
        match self {
            Self::Des => 8,
            Self::TripleDes | Self::Aes192 => 24,
            Self::TwoKeyTripleDes | Self::Aes128 => 16,
            Self::Rc2(bits) | Self::Rc4(bits) => bits / 8,
            Self::Aes256 => 32,
        }
    }

    /// The length of the initialisation vector.
    pub(super) fn iv_length(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            Self::Rc4(_) => 0,
            _ => 8,
        }
    }

    pub(super) fn decrypt(
        self,
        key: &[u8],
        iv: &[u8],
        content: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Closed> {
        match self {
            Self::Des => cbc::<des::Des>(key, iv, content),
            Self::TripleDes => cbc::<des::TdesEde3>(key, iv, content),
            Self::TwoKeyTripleDes => cbc::<des::TdesEde2>(key, iv, content),
            Self::Rc2(bits) => {
                let cipher = Rc2::new_with_eff_key_len(key, bits);
                let mode = Decryptor::inner_iv_slice_init(cipher, iv);
                unpadded(mode.map_err(|_| Closed::Wrong)?, content)
            }
            Self::Rc4(_) => rc4(key, content),
            Self::Aes128 => cbc::<aes::Aes128>(key, iv, content),
            Self::Aes192 => cbc::<aes::Aes192>(key, iv, content),
            Self::Aes256 => cbc::<aes::Aes256>(key, iv, content),
        }
    }
}

fn cbc<C: BlockCipherDecrypt + KeyInit>(
    key: &[u8],
    iv: &[u8],
    content: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Closed> {
    let mode = Decryptor::<C>::new_from_slices(key, iv);
    unpadded(mode.map_err(|_| Closed::Wrong)?, content)
}

fn rc4(key: &[u8], content: &[u8]) -> Result<Zeroizing<Vec<u8>>, Closed> {
    let mut cipher = Rc4::new_from_slice(key).map_err(|_| Closed::Wrong)?;
    let mut content = Zeroizing::new(content.to_vec());
    cipher.apply_keystream(&mut content);
    Ok(content)
}

fn unpadded(mode: impl BlockModeDecrypt, content: &[u8]) -> Result<Zeroizing<Vec<u8>>, Closed> {
    let mut content = Zeroizing::new(content.to_vec());
    let length = match mode.decrypt_padded::<Pkcs7>(&mut content) {
        Ok(plain) => plain.len(),
        Err(_) => return Err(Closed::Wrong),
    };
    content.truncate(length);
    Ok(content)
}
