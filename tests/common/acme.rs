//! A real ACME server, Debian's `pebble`, which takes every challenge for answered.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::pki::{Ca, LeafOptions};

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// An ACME server that runs until it is dropped.
pub struct Pebble {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Pebble {
    pub fn start() -> Pebble {
        let folder = tempfile::tempdir().expect("/tmp is writable");
        let path = |name: &str| folder.path().join(name);
        let ca = Ca::root("ACME server's own");
        let own = ca.leaf(LeafOptions::named("localhost"));
        let [port, management] = [free_port(), free_port()];
        let config = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": path("own.pem"),
            "privateKey": path("own.key"),
            "httpPort": 5002,
            "tlsPort": 5001,
        }});
        for (name, content) in [
            ("ca.pem", ca.cert_pem.clone()),
            ("own.pem", own.cert_pem.clone()),
            ("own.key", own.key.pem()),
            ("pebble.json", config.to_string()),
        ] {
            fs::write(path(name), content).expect("/tmp is writable");
        }
        let log = fs::File::create(path("log")).expect("/tmp is writable");
        let process = Command::new("pebble")
            .arg("-config")
            .arg(path("pebble.json"))
            .env("PEBBLE_VA_ALWAYS_VALID", "1")
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .env("PEBBLE_CHAIN_LENGTH", "3")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log can be shared"))
            .stderr(log)
            .spawn()
            .expect("this test needs pebble: apt-get install -y pebble");
        let mut pebble = Pebble {
            process,
            folder,
            port,
        };
        let deadline = Instant::now() + START_TIMEOUT;
        let root = loop {
            let url = format!("https://localhost:{management}/roots/0");
            let curl = Command::new("curl")
                .args(["--silent", "--fail", "--cacert"])
                .arg(pebble.ca_file())
                .arg(url)
                .output()
                .expect("this test needs curl: apt-get install -y curl");
            if curl.status.success() {
                break curl.stdout;
            }
            let ended = pebble.process.try_wait().expect("the process is ours");
            let log = fs::read_to_string(pebble.folder.path().join("log"));
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "pebble: {log:?}"
            );
            thread::sleep(Duration::from_millis(50));
        };
        fs::write(pebble.root_file(), root).expect("/tmp is writable");
        pebble
    }

    /// Where clients begin (RFC 8555 section 7.1.1).
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// The CA of the server's own certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The root of the certificates that it issues.
    pub fn root_file(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        // If it has ended by itself, both fail, and there is nothing left to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    listener.local_addr().expect("it is bound").port()
}
