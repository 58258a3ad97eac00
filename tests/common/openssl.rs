//! The `openssl` program, which makes the shapes of keys and the text around blocks that people
//! really have.

use std::io::{ErrorKind, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

/// What every encrypted key here is encrypted with.
pub const PASSWORD: &str = "correct horse";
const PASSOUT: &str = "pass:correct horse";

/// What `openssl` prints for these arguments and that input.
///
/// # Panics
///
/// If it fails, with what it said, and if the program is missing: a test without it would prove
/// nothing.
pub fn openssl(args: &[&str], stdin: &[u8]) -> Vec<u8> {
    let output = openssl_output(args, stdin);
    assert!(
        output.status.success(),
        "openssl {} failed: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// As [`openssl`], for a caller that judges the exit status itself.
pub fn openssl_output(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => {
                panic!("the tests need the openssl program: apt-get install -y openssl")
            }
            _ => panic!("openssl does not start: {error}"),
        });
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    thread::scope(|scope| {
        // Beside the reading, so that a large input cannot block on a large output. A program that
        // ends before it has read everything is judged by its exit status.
        scope.spawn(move || pipe.write_all(stdin));
        child.wait_with_output().expect("openssl runs to its end")
    })
}

fn openssl_text(args: &[&str], stdin: &str) -> String {
    String::from_utf8(openssl(args, stdin.as_bytes())).expect("openssl prints UTF-8")
}

/// The shapes a private key comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyShape {
    Pkcs8,
    Pkcs8Der,
    /// PKCS#1 for an RSA key, SEC1 for an EC key; other keys have no such shape.
    Traditional,
    TraditionalDer,
    /// For EC keys only.
    Sec1WithoutPublicKey,
    EncryptedPkcs8,
    /// With `Proc-Type: 4,ENCRYPTED`.
    EncryptedTraditional,
}

/// The key, given as any PEM that OpenSSL reads, in that shape.
pub fn key_shape(key_pem: &str, shape: KeyShape) -> Vec<u8> {
    let args: &[&str] = match shape {
        KeyShape::Pkcs8 => &["pkcs8", "-topk8", "-nocrypt"],
        KeyShape::Traditional => &["pkey", "-traditional"],
        KeyShape::Sec1WithoutPublicKey => &["ec", "-no_public"],
        KeyShape::EncryptedPkcs8 => &["pkcs8", "-topk8", "-passout", PASSOUT],
        KeyShape::EncryptedTraditional => &["pkey", "-traditional", "-aes128", "-passout", PASSOUT],
        KeyShape::Pkcs8Der => return decode(&key_shape(key_pem, KeyShape::Pkcs8)),
        KeyShape::TraditionalDer => return decode(&key_shape(key_pem, KeyShape::Traditional)),
    };
    openssl(args, key_pem.as_bytes())
}

fn decode(pem: &[u8]) -> Vec<u8> {
    pem::parse(pem).expect("openssl writes PEM").into_contents()
}

/// The certificate as `openssl x509 -text` prints it: a description, then the block.
pub fn x509_text(cert_pem: &str) -> String {
    openssl_text(&["x509", "-text"], cert_pem)
}

/// The key and its certificates as they come out of a PKCS#12 file: with `Bag Attributes`, the
/// subject and the issuer before each block, and the key last.
pub fn bag_attributes(key_pem: &str, certs_pem: &[&str]) -> String {
    // openssl reads this input twice, for the key and for the certificates, so not from a pipe.
    let mut file = tempfile::NamedTempFile::new().expect("/tmp is writable");
    file.write_all([&[key_pem], certs_pem].concat().concat().as_bytes())
        .expect("/tmp is writable");
    let path = file.path().to_str().expect("the path is UTF-8");
    let name = ["-name", "www.example.com", "-passout", PASSOUT];
    let archive = openssl(
        &[&["pkcs12", "-export", "-in", path][..], &name].concat(),
        b"",
    );
    let bags = openssl(&["pkcs12", "-noenc", "-passin", PASSOUT], &archive);
    String::from_utf8(bags).expect("openssl prints UTF-8")
}

/// `DH PARAMETERS` of a well-known group of 2048 bits: making some takes minutes.
pub fn dhparams() -> String {
    dhparams_of("ffdhe2048")
}

/// `DH PARAMETERS` of that well-known group.
pub fn dhparams_of(group: &str) -> String {
    let args = format!("genpkey -quiet -genparam -algorithm DH -pkeyopt group:{group}");
    openssl_text(&args.split(' ').collect::<Vec<_>>(), "")
}

/// A `CERTIFICATE REQUEST` for that key.
pub fn csr(key_pem: &str, name: &str) -> String {
    let subject = format!("/CN={name}");
    let args = ["req", "-new", "-key", "/dev/stdin", "-subj", &subject];
    openssl_text(&args, key_pem)
}

/// The `EC PARAMETERS` that `openssl ecparam -genkey` writes before a P-256 key.
pub fn ec_parameters() -> String {
    openssl_text(&["ecparam", "-name", "prime256v1"], "")
}
