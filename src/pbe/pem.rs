//! OpenSSL's encrypted PEM blocks: `Proc-Type: 4,ENCRYPTED` and `DEK-Info` (RFC 1421 section 4.6),
//! with a key derivation of its own.

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::{Cipher, Closed, Secret};

/// The ciphers that are known, as `DEK-Info` names them.
const CIPHERS: &[(&str, Cipher)] = &[
    ("AES-256-CBC", Cipher::Aes256),
    ("AES-128-CBC", Cipher::Aes128),
    ("AES-192-CBC", Cipher::Aes192),
    ("DES-EDE3-CBC", Cipher::TripleDes),
    ("DES-EDE-CBC", Cipher::TwoKeyTripleDes),
    ("DES-CBC", Cipher::Des),
    ("RC2-CBC", Cipher::Rc2(128)),
    ("RC2-64-CBC", Cipher::Rc2(64)),
    ("RC2-40-CBC", Cipher::Rc2(40)),
];
/// The salt is the beginning of the initialisation vector.
const SALT: usize = 8;

/// Decrypts a block, given what `DEK-Info` says: the cipher's name, and the initialisation vector
/// in hexadecimal.
pub(crate) fn open_pem(
    info: &str,
    secret: &Secret,
    content: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Closed> {
    let (name, iv) = info.split_once(',').unwrap_or((info, ""));
    let name = name.trim().to_ascii_uppercase();
    let known = CIPHERS.iter().find(|(cipher, _)| *cipher == name);
    let (_, cipher) = known.ok_or_else(|| Closed::Unsupported(name.clone()))?;
    let iv = from_hex(iv.trim()).filter(|iv| iv.len() == cipher.block());
    let iv = iv.ok_or_else(|| Closed::Unsupported(format!("{name} without its vector")))?;
    let key = derive(
        secret.text.as_bytes(),
        iv.get(..SALT).unwrap_or_default(),
        cipher.key_length(),
    );
    cipher.decrypt(&key, &iv, content)
}

/// What EVP_BytesToKey() does with MD5 and one iteration.
fn derive(passphrase: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length));
    let mut digest: Zeroizing<Vec<u8>> = Zeroizing::default();
    while key.len() < length {
        let next = Md5::new()
            .chain_update(&*digest)
            .chain_update(passphrase)
            .chain_update(salt)
            .finalize();
        digest = Zeroizing::new(next.to_vec());
        let wanted = length - key.len();
        key.extend(digest.iter().take(wanted));
    }
    key
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let bytes = digits.map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|it| it.len() == 2);
        u8::from_str_radix(pair?, 16).ok()
    });
    bytes.collect()
}
