//! OpenSSL's encrypted PEM blocks: `Proc-Type: 4,ENCRYPTED` and `DEK-Info` (RFC 1421 section 4.6),
//! with a key derivation of its own.

use md5::digest::Output;
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
/// No cipher has a longer name.
const LONGEST_NAME: usize = 32;

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
    let (_, cipher) = known.ok_or_else(|| Closed::Unsupported(unknown(&name)))?;
    let iv = from_hex(iv.trim()).filter(|iv| iv.len() == cipher.iv_length());
    let iv = iv.ok_or_else(|| Closed::Unsupported(format!("{name} without its vector")))?;
    let key = derive(
        secret.text.as_bytes(),
        iv.get(..SALT).unwrap_or_default(),
        cipher.key_length(),
    );
    cipher.decrypt(&key, &iv, content)
}

/// What is said of a cipher that is not known: its name, if it is one.
fn unknown(name: &str) -> String {
    match name.len() {
        0 => "DEK-Info, which names the cipher, is missing".to_owned(),
        1..=LONGEST_NAME => name.to_owned(),
        _ => "what DEK-Info names is no cipher".to_owned(),
    }
}

/// What EVP_BytesToKey() does with MD5 and one iteration.
fn derive(passphrase: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length));
    let mut digest = Zeroizing::new(Output::<Md5>::default());
    let mut first = true;
    while key.len() < length {
        let mut md5 = Md5::new();
        if !std::mem::take(&mut first) {
            md5.update(*digest);
        }
        md5.update(passphrase);
        md5.update(salt);
        md5.finalize_into(&mut digest);
        let wanted = length - key.len();
        key.extend(digest.iter().take(wanted));
    }
    key
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let bytes = text.as_bytes().chunks(2).map(|pair| match *pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::{derive, from_hex, open_pem};
    use crate::passphrase::Passphrase;
    use crate::pbe::{Closed, Secret};

    #[test]
    fn a_vector_is_pairs_of_digits() {
        assert_eq!(from_hex("00fFA9"), Some(vec![0, 0xff, 0xa9]));
        for odd in ["0", "00f", "0g", "+1", "é"] {
            assert_eq!(from_hex(odd), None, "{odd}");
        }
    }

    /// `openssl enc -des-ede3-cbc -md md5 -S 0001020304050607 -pass pass:horse -P`
    #[test]
    fn keys_are_those_of_openssl() {
        let key = derive(b"horse", &[0, 1, 2, 3, 4, 5, 6, 7], 24);
        let hex: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(hex, "0CBBBD3A3FCBD093D3D70D6C0E3D866EFB189724E3639B8C");
    }

    #[test]
    fn what_dek_info_does_not_say_is_named() {
        let secret = Secret::new(&Passphrase::default());
        for (info, owed) in [
            ("", "DEK-Info, which names the cipher, is missing"),
            ("AES-128-CBC", "AES-128-CBC without its vector"),
            ("AES-128-CBC,00", "AES-128-CBC without its vector"),
            ("IDEA-CBC,0011223344556677", "IDEA-CBC"),
        ] {
            let opened = open_pem(info, &secret, &[0; 16]).map(|_| ());
            assert_eq!(opened, Err(Closed::Unsupported(owed.to_owned())));
        }
    }
}
