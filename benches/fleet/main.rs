//! A folder of certificates, checked before a reload: `fullchain check` beside what else there
//! is, as whole processes. `cargo bench --bench fleet --features cli`; `FLEET=100000` for another
//! size than 10,000. The fleet is made once, which takes minutes, and kept below Cargo's target
//! folder.

#[path = "../../tests/common/mod.rs"]
mod common;
mod make;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fullchain::{Certificate, PrivateKey, Reader};
use make::Fleet;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

const ROUNDS: usize = 5;
/// Of so many files the shell loop's time is scaled.
const LOOPED: usize = 200;

const BY_HAND: &str = r#"
for file in "$@"; do
    openssl verify -CAfile ROOT -untrusted "$file" "$file" &&
    test "$(openssl x509 -in "$file" -noout -pubkey)" = "$(openssl pkey -in "$file" -pubout)" || exit 1
done
"#;

/// Wall and CPU seconds.
#[derive(Clone, Copy)]
struct Spent {
    wall: f64,
    cpu: f64,
}

fn main() {
    let count = std::env::var("FLEET").map_or(10_000, |count| count.parse().expect("a number"));
    let fleet = Fleet::new(count);
    let files = fleet.files();
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fullchain"));
        command
            .arg("check")
            .arg("--roots")
            .args([&fleet.root, &fleet.certs]);
        command
    };
    let haproxy = fleet.haproxy();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    spent(check());
    for _ in 0..ROUNDS {
        ours.push(spent(check()));
    }
    // It takes long, and varies little.
    for _ in 0..2 {
        theirs.push(spent(haproxy()));
    }
    let ours = median(ours);
    let theirs = median(theirs);
    let looped = spent(by_hand(&fleet, &files));
    let scale = count as f64 / files.len().min(LOOPED) as f64;
    let looped = Spent {
        wall: looped.wall * scale,
        cpu: looped.cpu * scale,
    };
    let plain = in_process(|| plain_loop(&fleet.root, &files));
    let least = unavoidable(&files);

    println!(
        "{count} files, {} cores",
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    let row = |name: &str, spent: Spent| {
        println!(
            "  {name:<52} {:>9.3} s wall {:>9.3} s CPU {:>8.1}x",
            spent.wall,
            spent.cpu,
            spent.wall / ours.wall
        );
    };
    row("fullchain check", ours);
    row("haproxy -c (verifies nothing)", theirs);
    row("openssl verify and pkey in a loop, of 200, scaled", looped);
    row("a loop over rustls-webpki, one thread, no keys", plain);
    row(
        "one leaf signature and one key with ring, one thread",
        least,
    );
    println!("  CPU: {:.2} times the last", ours.cpu / least.cpu);
    println!("  peak memory: {:.1} MiB", peak(check()));
}

fn spent(command: Command) -> Spent {
    let mut timed = Command::new("bash");
    timed
        .args([
            "-c",
            r#"TIMEFORMAT="%R %U %S"; time "$@" > /dev/null 2>&1"#,
            "bash",
        ])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    let output = timed.output().expect("bash starts");
    assert!(output.status.success(), "{command:?} fails");
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let seconds: Vec<f64> = printed
        .split_whitespace()
        .map(|seconds| seconds.parse().expect("seconds"))
        .collect();
    Spent {
        wall: seconds[0],
        cpu: seconds[1] + seconds[2],
    }
}

fn median(mut all: Vec<Spent>) -> Spent {
    all.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    all[all.len() / 2]
}

fn in_process(run: impl FnOnce()) -> Spent {
    let began = Instant::now();
    run();
    let wall = began.elapsed().as_secs_f64();
    Spent { wall, cpu: wall }
}

fn by_hand(fleet: &Fleet, files: &[PathBuf]) -> Command {
    let mut command = Command::new("bash");
    let root = fleet.root.to_str().expect("UTF-8");
    command.args(["-c", &BY_HAND.replace("ROOT", root), "bash"]);
    command.args(files.iter().take(LOOPED));
    command
}

/// Reads, and verifies the chain as it stands there.
fn plain_loop(root: &Path, files: &[PathBuf]) {
    let root = CertificateDer::from_pem_file(root).expect("PEM");
    let anchor = webpki::anchor_from_trusted_cert(&root).expect("an anchor");
    for file in files {
        let pem = fs::read(file).expect("the fleet is there");
        let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(&pem)
            .map(|certificate| certificate.expect("PEM"))
            .collect();
        let leaf = EndEntityCert::try_from(&chain[0]).expect("a certificate");
        let path = leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            std::slice::from_ref(&anchor),
            &chain[1..],
            UnixTime::now(),
            KeyUsage::server_auth(),
            None,
            None,
        );
        black_box(path.expect("it verifies"));
    }
}

/// What cannot be avoided of each file: its leaf's signature, and its key.
fn unavoidable(files: &[PathBuf]) -> Spent {
    let mut reader = Reader::new().max_blocks(usize::MAX).max_bytes(usize::MAX);
    let mut spent = Duration::ZERO;
    for file in files {
        let material = reader.read_path(file).expect("the fleet is there");
        let [leaf, issuer, ..] = material.certificates.as_slice() else {
            panic!("a leaf and its issuer");
        };
        spent += signature(leaf, issuer);
        spent += key(&material.keys[0], leaf);
    }
    let seconds = spent.as_secs_f64();
    Spent {
        wall: seconds,
        cpu: seconds,
    }
}

fn signature(leaf: &Certificate, issuer: &Certificate) -> Duration {
    use ring::signature::{ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use x509_cert::der::{Decode, Encode};
    let leaf = x509_cert::Certificate::from_der(leaf.der()).expect("a certificate");
    let issuer = x509_cert::Certificate::from_der(issuer.der()).expect("a certificate");
    let message = leaf.tbs_certificate().to_der().expect("it was read");
    let signature = leaf.signature().raw_bytes();
    let key = issuer.tbs_certificate().subject_public_key_info();
    let key = key.subject_public_key.raw_bytes();
    // A P-256 key has 65 bytes.
    let began = Instant::now();
    let verified = match key.len() {
        65 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(&message, signature),
        _ => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(&message, signature),
    };
    let spent = began.elapsed();
    verified.expect("the issuer signed it");
    spent
}

fn key(key: &PrivateKey, leaf: &Certificate) -> Duration {
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
    let secret = key.secret_der();
    let der = secret.secret_der();
    let random = ring::rand::SystemRandom::new();
    let spki = leaf.subject_public_key_info();
    let began = Instant::now();
    let public = match EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random) {
        Ok(pair) => pair.public_key().as_ref().to_vec(),
        Err(_) => {
            let pair = RsaKeyPair::from_pkcs8(der).expect("an RSA key");
            pair.public_key().as_ref().to_vec()
        }
    };
    let spent = began.elapsed();
    assert!(spki.ends_with(&public), "the key is the leaf's");
    spent
}

/// MiB, asked for until it ends.
fn peak(mut command: Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    while child.try_wait().expect("it is ours").is_none() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<f64> =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}
