//! Makes a fleet: a folder of certificate files as a hosting company has them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::common::pki::{Ca, CaOptions, Key, KeyKind, LeafOptions};

/// So many RSA keys are made, and no more: they take a tenth of a second each.
const RSA_KEYS: usize = 3_000;

/// A fleet on disk.
pub struct Fleet {
    pub root: PathBuf,
    pub certs: PathBuf,
}

impl Fleet {
    /// Of so many files, below Cargo's target folder, where it stays.
    pub fn new(count: usize) -> Fleet {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fleet-{count}"));
        let fleet = Fleet {
            root: folder.join("root.pem"),
            certs: folder.join("certs"),
        };
        if !fleet.root.is_file() {
            println!("making {count} certificates in {}", folder.display());
            fleet.make(count);
        }
        fleet
    }

    /// All files, in order.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.certs).expect("the fleet is there");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a name").path()).collect();
        files.sort();
        files
    }

    /// `haproxy -c` on the folder, as often as wanted.
    pub fn haproxy(&self) -> impl Fn() -> Command + use<> {
        let config = self.root.with_file_name("haproxy.cfg");
        let text = format!(
            "defaults\n    mode http\n    timeout client 30s\n    timeout connect 30s\n    \
             timeout server 30s\nfrontend tls\n    bind unix@/tmp/fleet.sock ssl crt {}\n",
            self.certs.display()
        );
        fs::write(&config, text).expect("the target folder is writable");
        move || {
            let mut command = Command::new("haproxy");
            command.args(["-c", "-f"]).arg(&config);
            command
        }
    }

    /// Three of ten leaves have RSA keys, the others P-256; of their issuers every other one does;
    /// the root has P-384.
    fn make(&self, count: usize) {
        let _ = fs::remove_dir_all(&self.certs);
        fs::create_dir_all(&self.certs).expect("the target folder is writable");
        let root = Ca::root_with(CaOptions {
            key: KeyKind::P384,
            ..CaOptions::named("Root")
        });
        let kinds = [KeyKind::Rsa(2048), KeyKind::P256];
        let issuers: Vec<Ca> = (0..6)
            .map(|number| {
                root.intermediate_with(CaOptions {
                    key: kinds[number % 2],
                    ..CaOptions::named(&format!("Issuer {number}"))
                })
            })
            .collect();
        let keys: Vec<OnceLock<Arc<Key>>> = (0..RSA_KEYS).map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        self.file(number, &issuers[number % issuers.len()], &keys);
                    }
                });
            }
        });
        // Last: a fleet that has it is whole.
        fs::write(&self.root, &root.cert_pem).expect("the target folder is writable");
    }

    fn file(&self, number: usize, issuer: &Ca, keys: &[OnceLock<Arc<Key>>]) {
        let name = format!("www.site{number}.example");
        let key = match number % 10 {
            nth @ 0..3 => {
                let key = &keys[(number / 10 * 3 + nth) % RSA_KEYS];
                Arc::clone(key.get_or_init(|| Key::new(KeyKind::Rsa(2048))))
            }
            _ => Key::new(KeyKind::P256),
        };
        let leaf = issuer.leaf(LeafOptions {
            dns: vec![name.clone(), format!("site{number}.example")],
            shared_key: Some(key),
            ..LeafOptions::named(&name)
        });
        let pem = [&*leaf.cert_pem, &issuer.cert_pem, &leaf.key_pem].concat();
        let path = self.certs.join(format!("site{number:06}.pem"));
        fs::write(path, pem).expect("the target folder is writable");
    }
}
