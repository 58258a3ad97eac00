//! What encryption lets others do: no parameters of a file cost more than is allowed, and no damage
//! makes a panic or goes unsaid.

mod common;

use std::time::{Duration, Instant};

use common::der::{der, sequence};
use common::openssl::openssl;
use common::pki::{Key, KeyKind, pem_block};
use fullchain::{Code, Material, Passphrase, Reader};

const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const SCRYPT: &[u8] = b"\x2b\x06\x01\x04\x01\xda\x47\x04\x0b";
const AES_256_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const HMAC_SHA1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x07";
const HMAC_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x09";
const PBE_MD5_DES: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x03";
const PBE_SHA1_3DES: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03";
/// Tests run on slow machines, too; what is not refused takes minutes.
const AT_ONCE: Duration = Duration::from_secs(5);

fn reader() -> Reader {
    Reader::new().passphrases(|_| Some(Passphrase::from("horse".to_owned())))
}

fn read(mut reader: Reader, source: &[u8]) -> Material {
    reader.read("key.pem", source).expect("it is small")
}

/// An INTEGER of this number.
fn number(number: u128) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let bytes = &bytes[zeros.min(15)..];
    match bytes[0] & 0x80 {
        0 => der(0x02, &[bytes]),
        _ => der(0x02, &[&[0], bytes]),
    }
}

fn algorithm(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
    sequence(&[der(0x06, &[oid]), parameters.to_vec()])
}

fn salt() -> Vec<u8> {
    der(0x04, &[b"saltsalt"])
}

/// EncryptedPrivateKeyInfo.
fn encrypted(algorithm: Vec<u8>) -> Vec<u8> {
    sequence(&[algorithm, der(0x04, &[&[9; 64]])])
}

/// The same with PBES2 and this derivation.
fn pbes2(derivation: Vec<u8>) -> Vec<u8> {
    let cipher = algorithm(AES_256_CBC, &der(0x04, &[&[7; 16]]));
    encrypted(algorithm(PBES2, &sequence(&[derivation, cipher])))
}

fn pbkdf2_with(hmac: &[u8], iterations: u128) -> Vec<u8> {
    let hmac = algorithm(hmac, b"\x05\x00");
    let parameters = sequence(&[salt(), number(iterations), hmac]);
    pbes2(algorithm(PBKDF2, &parameters))
}

fn pbkdf2(iterations: u128) -> Vec<u8> {
    pbkdf2_with(HMAC_SHA256, iterations)
}

fn scrypt(n: u128, r: u128, p: u128) -> Vec<u8> {
    let parameters = sequence(&[salt(), number(n), number(r), number(p)]);
    pbes2(algorithm(SCRYPT, &parameters))
}

/// PBES1, or a scheme of PKCS#12.
fn pbe(scheme: &[u8], iterations: u128) -> Vec<u8> {
    let parameters = sequence(&[salt(), number(iterations)]);
    encrypted(algorithm(scheme, &parameters))
}

/// Why it stays closed.
fn why(material: &Material) -> (Code, &str) {
    assert!(material.keys.is_empty());
    let [only] = &material.unreadable[..] else {
        panic!("{material:?}")
    };
    (only.finding.code, &only.finding.message)
}

#[test]
fn a_file_cannot_cost_minutes() {
    for (name, bomb, said) in [
        (
            "PBKDF2, 10,000,001",
            pbkdf2(10_000_001),
            "10000000 iterations",
        ),
        (
            "PBKDF2, 2^31 - 1",
            pbkdf2((1 << 31) - 1),
            "10000000 iterations",
        ),
        ("PBKDF2, 2^32", pbkdf2(1 << 32), "10000000 iterations"),
        (
            "PBKDF2, 2^64 - 1",
            pbkdf2((1 << 64) - 1),
            "10000000 iterations",
        ),
        (
            "two blocks of SHA-1",
            pbkdf2_with(HMAC_SHA1, 5_000_001),
            "10000000 iterations",
        ),
        ("scrypt, N of 2^18", scrypt(1 << 18, 8, 1), "256 MiB"),
        ("scrypt, N of 2^63", scrypt(1 << 63, 8, 1), "256 MiB"),
        (
            "scrypt, r of 2^32 - 1",
            scrypt(2, (1 << 32) - 1, 1),
            "256 MiB",
        ),
        ("scrypt, p of 2^22", scrypt(2, 1, 1 << 22), "256 MiB"),
        ("scrypt, all", scrypt(1 << 63, 1 << 31, 1 << 31), "256 MiB"),
        (
            "scrypt, p of 10",
            scrypt(1 << 16, 8, 10),
            "10000000 iterations",
        ),
        (
            "PBES1",
            pbe(PBE_MD5_DES, (1 << 31) - 1),
            "10000000 iterations",
        ),
        (
            "PKCS#12",
            pbe(PBE_SHA1_3DES, 4_000_000),
            "10000000 iterations",
        ),
        (
            "PKCS#12, 2^64 - 1",
            pbe(PBE_SHA1_3DES, (1 << 64) - 1),
            "10000000 iterations",
        ),
    ] {
        let start = Instant::now();
        let material = read(reader(), &bomb);
        assert!(start.elapsed() < AT_ONCE, "{name}");
        let (code, message) = why(&material);
        assert_eq!(code, Code::LimitExceeded, "{name}");
        assert!(message.contains(said), "{name}: {message}");
    }
}

#[test]
fn many_that_are_cheap_cost_as_much_as_one_that_is_not() {
    let cheap = pem_block("ENCRYPTED PRIVATE KEY", &pbkdf2(10_000));
    let mut reader = reader().max_iterations(25_000);
    let mut codes = Vec::new();
    // In one source, and in several.
    for source in [cheap.repeat(3), cheap] {
        let material = reader.read("keys.pem", source.as_bytes());
        let unreadable = material.expect("it is small").unreadable;
        codes.extend(unreadable.iter().map(|it| it.finding.code));
    }
    let (wrong, limit) = (Code::WrongPassphrase, Code::LimitExceeded);
    assert_eq!(codes, [wrong, wrong, limit, limit]);
}

#[test]
fn what_is_no_parameter_is_refused() {
    for (name, odd) in [
        ("scrypt, N of 0", scrypt(0, 8, 1)),
        ("scrypt, N of 1", scrypt(1, 8, 1)),
        ("scrypt, N of 1000", scrypt(1000, 8, 1)),
        ("scrypt, r of 0", scrypt(2, 0, 1)),
        ("scrypt, p of 0", scrypt(2, 8, 0)),
        ("scrypt, N of 2^64", scrypt(1 << 64, 8, 1)),
        ("PBKDF2, 2^64", pbkdf2(1 << 64)),
        ("PBES1, 2^64", pbe(PBE_MD5_DES, 1 << 64)),
        ("PBES2 without", encrypted(sequence(&[der(0x06, &[PBES2])]))),
        (
            "PBES1 without",
            encrypted(sequence(&[der(0x06, &[PBE_MD5_DES])])),
        ),
        (
            "PBES2 of nothing",
            encrypted(algorithm(PBES2, &sequence(&[]))),
        ),
    ] {
        let material = read(reader(), &odd);
        let (code, message) = why(&material);
        assert_eq!(code, Code::EncryptedKey, "{name}");
        assert!(message.contains("cannot be read"), "{name}: {message}");
    }
    for none in [pbkdf2(0), pbe(PBE_MD5_DES, 0), pbe(PBE_SHA1_3DES, 0)] {
        assert_eq!(why(&read(reader(), &none)).0, Code::WrongPassphrase);
    }
}

/// Encrypted keys of all families, whose derivation is cheap.
fn families() -> Vec<Vec<u8>> {
    let key = Key::nth(KeyKind::P256, 0).pem();
    let commands = [
        "pkcs8 -topk8 -v2 aes-128-cbc -iter 1",
        "pkcs8 -topk8 -v2 rc2-cbc -iter 1",
        "pkcs8 -topk8 -scrypt -scrypt_N 2 -scrypt_r 1 -scrypt_p 1",
        "pkcs8 -topk8 -v1 PBE-MD5-DES -iter 1",
        "pkcs8 -topk8 -v1 PBE-SHA1-RC4-40 -iter 1",
        "pkey -traditional -aes128",
        "pkey -traditional -des3",
    ];
    let encrypt = |command: &str| {
        let command = format!("{command} -passout pass:horse -provider default -provider legacy");
        openssl(&command.split(' ').collect::<Vec<_>>(), key.as_bytes())
    };
    commands.into_iter().map(encrypt).collect()
}

/// Something is there: a key, or what is the matter.
fn check_said(source: &[u8]) {
    let material = read(reader().max_iterations(10_000), source);
    let said = !material.keys.is_empty() || !material.unreadable.is_empty();
    assert!(said || !material.findings.is_empty(), "{source:x?}");
}

#[test]
fn flipped_bits_and_lost_ends_are_said() {
    for pem in families() {
        check_said(&pem);
        let mut sources = vec![pem.clone()];
        if pem.starts_with(b"-----BEGIN ENCRYPTED") {
            sources.push(pem::parse(&pem).expect("PEM").into_contents());
        }
        for source in sources {
            for at in 0..source.len() {
                check_said(&source[..at]);
                for bit in 0..8 {
                    let mut flipped = source.clone();
                    flipped[at] ^= 1 << bit;
                    check_said(&flipped);
                }
            }
        }
    }
}
