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

use fullchain::Reader;
use make::Fleet;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::der::{Decode, Encode};

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

impl Spent {
    fn times(self, scale: f64) -> Self {
        Self {
            wall: self.wall * scale,
            cpu: self.cpu * scale,
        }
    }
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
    let scale = count as f64 / files.len().min(LOOPED) as f64;
    let looped = spent(by_hand(&fleet, &files)).times(scale);
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
    println!("  CPU: {:.2} times that of the last", ours.cpu / least.cpu);
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
    let (began, before) = (Instant::now(), cpu());
    run();
    Spent {
        wall: began.elapsed().as_secs_f64(),
        cpu: cpu() - before,
    }
}

/// The CPU seconds that this process has had (proc(5)).
fn cpu() -> f64 {
    let status = fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let fields = status
        .rsplit(") ")
        .next()
        .expect("the command is in parentheses");
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: f64 = ticks
        .map(|ticks| ticks.parse::<f64>().expect("a number"))
        .sum();
    // Of a hundredth of a second, on every Linux.
    ticks / 100.0
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

/// What cannot be avoided of a file: its leaf's signature, and its key.
struct Unavoidable {
    /// What is signed, and the signature.
    signed: (Vec<u8>, Vec<u8>),
    issuer_key: Vec<u8>,
    /// PKCS#8.
    key: Vec<u8>,
    /// The leaf's SubjectPublicKeyInfo.
    spki: Vec<u8>,
}

impl Unavoidable {
    fn of(file: &Path) -> Self {
        let material = Reader::new().read_path(file).expect("the fleet is there");
        let [leaf, issuer, ..] = material.certificates.as_slice() else {
            panic!("a leaf and its issuer");
        };
        let signed = x509_cert::Certificate::from_der(leaf.der()).expect("a certificate");
        let issuer = x509_cert::Certificate::from_der(issuer.der()).expect("a certificate");
        let issuer_key = issuer.tbs_certificate().subject_public_key_info();
        Self {
            signed: (
                signed.tbs_certificate().to_der().expect("it was read"),
                signed.signature().raw_bytes().to_vec(),
            ),
            issuer_key: issuer_key.subject_public_key.raw_bytes().to_vec(),
            key: material.keys[0].secret_der().secret_der().to_vec(),
            spki: leaf.subject_public_key_info().to_vec(),
        }
    }

    fn check_signature(&self) {
        let (message, signature) = &self.signed;
        // A P-256 key has 65 bytes.
        let verified = match self.issuer_key.len() {
            65 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.issuer_key)
                .verify(message, signature),
            _ => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.issuer_key)
                .verify(message, signature),
        };
        verified.expect("the issuer signed it");
    }

    fn check_key(&self) {
        let random = ring::rand::SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.key, &random);
        let is_its = match pair {
            Ok(pair) => self.spki.ends_with(pair.public_key().as_ref()),
            Err(_) => {
                let pair = RsaKeyPair::from_pkcs8(&self.key).expect("an RSA key");
                self.spki.ends_with(pair.public_key().as_ref())
            }
        };
        assert!(is_its, "the key is the leaf's");
    }
}

/// Of so many files at the most, scaled: they are read before.
const PREPARED: usize = 10_000;

fn unavoidable(files: &[PathBuf]) -> Spent {
    let prepared = files.iter().take(PREPARED);
    let prepared: Vec<_> = prepared.map(|file| Unavoidable::of(file)).collect();
    let spent = in_process(|| {
        for file in &prepared {
            file.check_signature();
            file.check_key();
        }
    });
    spent.times(files.len() as f64 / prepared.len() as f64)
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
