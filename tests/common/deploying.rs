//! A site whose certificate is renewed, and `fullchain deploy` for it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::command::{Ended, Run};
use super::haproxy::Haproxy;
use super::pki::{Ca, Key, KeyKind, LeafOptions, pem_block};

/// A CA with an intermediate, and a folder in which what it issues and what HAProxy reads are
/// files.
pub struct Site {
    pub run: Run,
    pub root: Ca,
    pub issuing: Ca,
}

/// What the CA handed over, as files in the site's folder.
pub struct Renewed {
    pub cert_pem: String,
    pub key_pem: String,
    pub inputs: Vec<String>,
    /// The chain as it is to be served.
    pub chain: Vec<Vec<u8>>,
    /// The file as HAProxy is to read it.
    pub pem: String,
}

impl Site {
    pub fn new() -> Site {
        let (run, root) = (Run::new(), Ca::root("Root"));
        let issuing = root.intermediate("Issuing");
        fs::create_dir(run.path("certs")).expect("/tmp is writable");
        fs::write(run.path("root.pem"), &root.cert_pem).expect("/tmp is writable");
        Site { run, root, issuing }
    }

    /// A new certificate for that name.
    pub fn renewed(&self, name: &str) -> Renewed {
        self.issued(LeafOptions::named(name))
    }

    /// A new certificate for that name with an RSA key, which tests share.
    pub fn renewed_rsa(&self, name: &str) -> Renewed {
        self.issued(LeafOptions {
            shared_key: Some(Key::nth(KeyKind::Rsa(2048), 0)),
            ..LeafOptions::named(name)
        })
    }

    pub fn issued(&self, options: LeafOptions) -> Renewed {
        let leaf = self.issuing.leaf(options);
        self.handed_over(&leaf.cert_der, &leaf.key.pem())
    }

    /// A certificate of this CA and its key.
    pub fn handed_over(&self, cert_der: &[u8], key_pem: &str) -> Renewed {
        let cert_pem = pem_block("CERTIFICATE", cert_der);
        let certificates = [cert_pem.as_str(), &self.issuing.cert_pem].concat();
        let folder = tempfile::Builder::new()
            .prefix("issued-")
            .tempdir_in(self.run.folder());
        let folder = folder.expect("/tmp is writable").keep();
        let write = |name: &str, content: &str| {
            let path = folder.join(name);
            fs::write(&path, content).expect("/tmp is writable");
            path.to_str().expect("the path is UTF-8").to_owned()
        };
        Renewed {
            inputs: vec![
                write("fullchain.pem", &certificates),
                write("key.pem", key_pem),
            ],
            chain: vec![cert_der.to_vec(), self.issuing.cert_der.clone()],
            pem: certificates + key_pem,
            cert_pem,
            key_pem: key_pem.to_owned(),
        }
    }

    /// A path in the site's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.run.path(name)
    }

    pub fn text(&self, name: &str) -> String {
        text(&self.path(name))
    }

    /// Writes a file as HAProxy reads it, without `fullchain`.
    pub fn place(&self, name: &str, renewed: &Renewed) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, &renewed.pem).expect("/tmp is writable");
        path
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("it is there")
    }

    /// The arguments of `fullchain deploy --json` for these inputs to that file, with those.
    pub fn arguments(&self, to: &str, options: &[&str], renewed: &[&Renewed]) -> Vec<String> {
        let first = [
            "deploy",
            "--json",
            "--offline",
            "--roots",
            "root.pem",
            "--to",
            to,
        ];
        let inputs = renewed
            .iter()
            .flat_map(|it| it.inputs.iter().map(String::as_str));
        let arguments = first
            .into_iter()
            .chain(options.iter().copied())
            .chain(inputs);
        arguments.map(str::to_owned).collect()
    }

    /// Runs it to its end.
    pub fn deploy(&self, to: &str, options: &[&str], renewed: &[&Renewed]) -> Deployed {
        let arguments = self.arguments(to, options, renewed);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Deployed::of(Ended::of(self.run.fullchain(&arguments)))
    }

    /// What is in a folder, sorted, with all that is hidden.
    pub fn listing(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).expect("the folder is there");
        let names = entries.map(|entry| entry.expect("it has a name").file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// How a deployment ended.
pub struct Deployed {
    pub code: Option<i32>,
    pub json: Value,
    pub said: String,
}

impl Deployed {
    pub fn of(ended: Ended) -> Deployed {
        let json = serde_json::from_str(&ended.stdout);
        Deployed {
            code: ended.code,
            json: json.unwrap_or_else(|error| panic!("{error}: {}{}", ended.stdout, ended.stderr)),
            said: ended.stderr,
        }
    }

    /// Its exit code and its outcome.
    pub fn ended(&self) -> (Option<i32>, &str) {
        (self.code, self.json["outcome"].as_str().expect("a word"))
    }

    /// The step that failed, and why.
    pub fn failed(&self) -> (&str, &str) {
        let steps = self.json["steps"].as_array().expect("a list");
        let failed = steps
            .iter()
            .find(|step| step["done"] == false)
            .expect("one failed");
        (
            failed["name"].as_str().unwrap(),
            failed["message"].as_str().unwrap(),
        )
    }

    /// The codes of its findings.
    pub fn codes(&self) -> Vec<&str> {
        let findings = self.json["findings"].as_array().expect("a list");
        findings
            .iter()
            .map(|it| it["code"].as_str().expect("a word"))
            .collect()
    }

    /// # Panics
    ///
    /// If it did not end so.
    #[track_caller]
    pub fn is(&self, outcome: &str) {
        let code = match outcome {
            "not-deployed" => 1,
            "not-undone" => 3,
            _ => 0,
        };
        assert_eq!(
            self.ended(),
            (Some(code), outcome),
            "{}\n{}",
            self.said,
            self.json
        );
    }
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("the path is UTF-8").to_owned()
}

/// The options that deploy over a HAProxy's socket and verify what it serves.
pub fn over(haproxy: &Haproxy) -> [String; 4] {
    let [socket, tls] = [haproxy.admin_socket(), haproxy.tls_socket()].map(|path| text(&path));
    ["--socket".to_owned(), socket, "--verify".to_owned(), tls]
}

/// The process that HAProxy's sockets are answered by.
pub fn pid(haproxy: &Haproxy) -> String {
    let info = haproxy.runtime("show info");
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid: "));
    pid.expect("HAProxy tells it").to_owned()
}

/// Whether no transaction is open.
pub fn is_idle(haproxy: &Haproxy) -> bool {
    !haproxy.runtime("show ssl cert").contains("# transaction")
}
