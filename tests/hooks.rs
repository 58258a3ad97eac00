//! The hooks of examples/hooks, run by the real clients, with a real ACME server: what they get,
//! HAProxy serves, without a reload.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::acme::{Pebble, free_port};
use common::command::Ended;
use common::deploying::{Site, is_idle, pid, text};
use common::haproxy::Haproxy;

const HOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hooks");

/// An ACME server, a client's folder, and a HAProxy that loads a folder of certificates.
struct Stage {
    pebble: Pebble,
    site: Site,
    haproxy: Haproxy,
    pid: String,
}

impl Stage {
    fn new() -> Stage {
        let site = Site::new();
        site.place("certs/0.pem", &site.renewed("other.example"));
        let haproxy = Haproxy::bind(&format!("crt {}", site.text("certs"))).unwrap();
        Stage {
            pebble: Pebble::start(),
            pid: pid(&haproxy),
            site,
            haproxy,
        }
    }

    /// A program in whose environment hooks find this `fullchain`, and the HAProxy.
    fn program(&self, program: &str) -> Command {
        let mut command = self.site.run.program(program);
        let fullchain = Path::new(env!("CARGO_BIN_EXE_fullchain"));
        let path = std::env::var("PATH").expect("there is one");
        let folder = fullchain.parent().expect("it is in a folder");
        let root = text(&self.pebble.root_file());
        command
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("HOME", self.site.run.folder())
            .env("HAPROXY_CERTS", self.site.path("certs"))
            .env("HAPROXY_SOCKET", self.haproxy.admin_socket())
            .env("HAPROXY_TLS", self.haproxy.tls_socket())
            .env("FULLCHAIN_OPTIONS", format!("--offline --roots {root}"))
            .env("REQUESTS_CA_BUNDLE", self.pebble.ca_file())
            .env("LEGO_CA_CERTIFICATES", self.pebble.ca_file());
        command
    }

    #[track_caller]
    fn run(&self, command: Command) -> Ended {
        let ended = Ended::of(command);
        assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
        ended
    }

    /// HAProxy serves what the client has in its file, to a client that trusts the ACME server's
    /// root, and has not been restarted.
    #[track_caller]
    fn serves(&self, name: &str, fullchain: &Path) -> Vec<Vec<u8>> {
        let owed = pem::parse_many(fs::read(fullchain).expect("the client wrote it")).unwrap();
        let owed: Vec<_> = owed.into_iter().map(pem::Pem::into_contents).collect();
        assert!(owed.len() > 2, "a chain of several CAs");
        let served = self.haproxy.served_chain(Some(name));
        assert!(served == owed, "{name} is served by something else");
        self.haproxy
            .verify_with(&self.pebble.root_file(), name)
            .unwrap();
        assert_eq!(pid(&self.haproxy), self.pid);
        assert!(is_idle(&self.haproxy));
        served
    }

    fn certbot(&self, words: &[&str]) -> Command {
        let mut command = self.program("certbot");
        let hook = format!("{HOOKS}/certbot");
        command
            .args(words)
            .args(["--non-interactive", "--deploy-hook", &hook]);
        for (option, folder) in [
            ("--config-dir", "c"),
            ("--work-dir", "w"),
            ("--logs-dir", "l"),
        ] {
            command.arg(option).arg(self.site.path(folder));
        }
        command
    }

    fn lego(&self, name: &str, words: &[&str]) -> Command {
        let mut command = self.program("lego");
        let directory = self.pebble.directory();
        let port = format!("127.0.0.1:{}", free_port());
        command.args([
            "--server",
            &directory,
            "--email",
            "a@example.com",
            "--accept-tos",
        ]);
        command.args([
            "--path",
            "lego",
            "--domains",
            name,
            "--http",
            "--http.port",
            &port,
        ]);
        command.args(words);
        command
    }
}

#[test]
fn certbot_issues_and_renews() {
    let stage = Stage::new();
    let port = free_port().to_string();
    let directory = stage.pebble.directory();
    let issue = [
        "certonly",
        "--standalone",
        "--http-01-port",
        &port,
        "--server",
        &directory,
    ];
    let account = [
        "--agree-tos",
        "--register-unsafely-without-email",
        "--no-random-sleep-on-renew",
    ];
    let [ecdsa, rsa] = ["ecdsa.example.com", "rsa.example.com"];
    for (name, kind) in [(ecdsa, "ecdsa"), (rsa, "rsa")] {
        let words = [&issue[..], &account[..2], &["--key-type", kind, "-d", name]].concat();
        stage.run(stage.certbot(&words));
    }
    let lineage = |name: &str| stage.site.path(&format!("c/live/{name}/fullchain.pem"));
    let first = [ecdsa, rsa].map(|name| stage.serves(name, &lineage(name)));
    // Both at once: the hooks of two lineages.
    let renew = [&["renew", "--force-renewal"][..], &account[2..]].concat();
    stage.run(stage.certbot(&renew));
    let second = [ecdsa, rsa].map(|name| stage.serves(name, &lineage(name)));
    assert!(first[0] != second[0] && first[1] != second[1]);
    let owed = ["0.pem", "ecdsa.example.com.pem", "rsa.example.com.pem"];
    assert_eq!(stage.site.listing("certs"), owed);

    // A hook that fails says so, and leaves the old file.
    let before = stage.site.read("certs/rsa.example.com.pem");
    let mut broken = stage.certbot(&[&renew[..], &["--cert-name", rsa]].concat());
    broken.env("HAPROXY_SOCKET", stage.site.path("nobody.sock"));
    let ended = Ended::of(broken);
    assert!(
        ended.stderr.contains("foretell: failed: cannot send"),
        "{}",
        ended.stderr
    );
    assert_eq!(stage.site.read("certs/rsa.example.com.pem"), before);
    assert_eq!(stage.site.listing("certs"), owed);
    assert!(stage.haproxy.served_chain(Some(rsa)) == second[1]);
}

#[test]
fn lego_issues_and_renews() {
    let stage = Stage::new();
    let hook = format!("{HOOKS}/lego");
    let name = "www.example.com";
    stage.run(stage.lego(name, &["run", "--run-hook", &hook]));
    let chain = stage.site.path("lego/certificates/www.example.com.crt");
    let first = stage.serves(name, &chain);
    stage.run(stage.lego(
        name,
        &[
            "renew",
            "--days",
            "9999",
            "--no-random-sleep",
            "--renew-hook",
            &hook,
        ],
    ));
    assert!(stage.serves(name, &chain) != first);

    // Without the issuers in its file, which are then beside it.
    let name = "bare.example.com";
    stage.run(stage.lego(name, &["run", "--no-bundle", "--run-hook", &hook]));
    let served = stage.haproxy.served_chain(Some(name));
    assert!(served.len() > 2);
    stage
        .haproxy
        .verify_with(&stage.pebble.root_file(), name)
        .unwrap();
}

#[test]
fn dehydrated_issues_and_renews() {
    let stage = Stage::new();
    let folder = stage.site.run.folder().display();
    let config = format!(
        "CA=\"{}\"\nBASEDIR=\"{folder}/d\"\nWELLKNOWN=\"{folder}/w\"\nHOOK=\"{HOOKS}/dehydrated\"\nCURL_OPTS=\"--cacert {}\"\nCONTACT_EMAIL=a@example.com\n",
        stage.pebble.directory(),
        stage.pebble.ca_file().display()
    );
    fs::write(stage.site.path("config"), config).unwrap();
    for folder in ["d", "w"] {
        fs::create_dir(stage.site.path(folder)).unwrap();
    }
    let dehydrated = |words: &[&str]| {
        let mut command = stage.program("dehydrated");
        command.args(["--config", "config"]).args(words);
        stage.run(command)
    };
    dehydrated(&["--register", "--accept-terms"]);
    let name = "www.example.com";
    dehydrated(&["--cron", "--domain", name]);
    let chain = stage.site.path("d/certs/www.example.com/fullchain.pem");
    let first = stage.serves(name, &chain);
    dehydrated(&["--cron", "--force", "--domain", name]);
    assert!(stage.serves(name, &chain) != first);
}

/// acme.sh is no package of Debian's: its part is a shell that calls the function.
#[test]
fn acme_shs_deploy_script_is_called_as_it_documents() {
    let stage = Stage::new();
    let renewed = stage.site.renewed("www.example.com");
    let files: Vec<PathBuf> = renewed.inputs.iter().map(PathBuf::from).collect();
    let [fullchain, key] = files.as_slice() else {
        panic!("certificates and key");
    };
    let script = format!(
        ". {HOOKS}/fullchain.sh && fullchain_deploy www.example.com '{}' /c /ca '{}'",
        key.display(),
        fullchain.display()
    );
    let mut shell = stage.program("sh");
    let root = stage.site.text("root.pem");
    shell
        .args(["-euc", &script])
        .env("FULLCHAIN_OPTIONS", format!("--offline --roots {root}"));
    stage.run(shell);
    assert!(stage.haproxy.served_chain(Some("www.example.com")) == renewed.chain);
}

#[test]
fn systemd_takes_the_units_and_what_they_start_deploys() {
    let stage = Stage::new();
    let units = ["fullchain-deploy@.path", "fullchain-deploy@.service"];
    let service = fs::read_to_string(format!("{HOOKS}/{}", units[1])).unwrap();
    // The program need not be where it will be installed, for systemd to read the rest.
    let fullchain = env!("CARGO_BIN_EXE_fullchain");
    for unit in units {
        let text = fs::read_to_string(format!("{HOOKS}/{unit}")).unwrap();
        let text = text.replace("/usr/local/bin/fullchain", fullchain);
        let name = unit.replace('@', "@www.example.com");
        fs::write(stage.site.path(&name), text).unwrap();
    }
    let mut verify = stage.program("systemd-analyze");
    verify.args([
        "verify",
        "--man=no",
        "fullchain-deploy@www.example.com.path",
    ]);
    let verified = stage.run(verify);
    assert!(
        !verified.stderr.contains("fullchain-deploy@"),
        "{}",
        verified.stderr
    );

    // What the service starts, with the folders of this test.
    let renewed = stage.site.renewed("www.example.com");
    let live = stage.site.path("live/www.example.com");
    fs::create_dir_all(&live).unwrap();
    for (input, name) in renewed.inputs.iter().zip(["fullchain.pem", "privkey.pem"]) {
        fs::copy(input, live.join(name)).unwrap();
    }
    let service = service.replace("\\\n", " ");
    let start = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .unwrap();
    let tls = text(&stage.haproxy.tls_socket());
    let start = start
        .replace("%i", "www.example.com")
        .replace("/usr/local/bin/fullchain", fullchain)
        .replace("/etc/haproxy/certs", &stage.site.text("certs"))
        .replace(
            "/run/haproxy/admin.sock",
            &text(&stage.haproxy.admin_socket()),
        )
        .replace("127.0.0.1:443", &tls)
        .replace("/etc/letsencrypt/live", &stage.site.text("live"));
    let mut words = start.split_whitespace();
    let mut command = stage.program(words.next().unwrap());
    command
        .args(words)
        .args(["--offline", "--roots", "root.pem"]);
    stage.run(command);
    assert!(stage.haproxy.served_chain(Some("www.example.com")) == renewed.chain);
}
