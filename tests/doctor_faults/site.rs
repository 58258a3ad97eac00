//! A folder with a configuration of HAProxy and its files, the HAProxy that runs on it, and the
//! servers behind it.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::haproxy::{answer, haproxy_command, short_dir};
use crate::common::pki::{Ca, Eku, Key, KeyKind, Leaf, LeafOptions};

/// It is this long only on a machine that does much else.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The configuration's file.
pub const CONFIG: &str = "haproxy.cfg";
/// A folder with more of it, if it is there.
const MORE: &str = "conf.d";

/// What every configuration begins with. Servers are not asked twice, and checks come often.
const PRELUDE: &str = "global
    log stdout format raw local0
    stats socket {dir}/admin.sock level admin
    tune.ssl.default-dh-param 2048

defaults usual
    mode http
    log global
    log-format \"%ci:%cp %f %b/%s %ST because: %[bc_err_str]: %[ssl_bc_err_str]\"
    error-log-format \"%ci:%cp %f %[ssl_fc_err_str]\"
    retries 0
    timeout client 20s
    timeout connect 20s
    timeout server 20s
    default-server inter 100ms fall 1 rise 1

";

/// The CAs that all sites share, as making them takes long.
pub struct Pki {
    pub root: Ca,
    pub issuing: Ca,
    /// One that nobody trusts.
    pub stranger: Ca,
}

pub static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let root = Ca::root("Example Root");
    Pki {
        issuing: root.intermediate("Example Issuing"),
        stranger: Ca::root("Stranger"),
        root,
    }
});

/// A certificate for these names, with an ECDSA key.
pub fn ecdsa(names: &[&str]) -> LeafOptions {
    LeafOptions {
        name: names[0].to_owned(),
        dns: names.iter().map(|&name| name.to_owned()).collect(),
        shared_key: Some(Key::nth(KeyKind::P256, 0)),
        ..LeafOptions::default()
    }
}

/// A certificate for these names, with an RSA key.
pub fn rsa(names: &[&str]) -> LeafOptions {
    LeafOptions {
        shared_key: Some(Key::nth(KeyKind::Rsa(2048), 0)),
        ..ecdsa(names)
    }
}

/// The whole content of a file for HAProxy: leaf, intermediate, key.
pub fn whole(options: LeafOptions) -> String {
    let leaf = PKI.issuing.leaf(options);
    pile(&leaf, &[&PKI.issuing])
}

/// The content of a file for HAProxy: leaf, these CAs, key.
pub fn pile(leaf: &Leaf, cas: &[&Ca]) -> String {
    let cas: String = cas.iter().map(|ca| ca.cert_pem.as_str()).collect();
    leaf.cert_pem.clone() + &cas + &leaf.key_pem
}

/// With the current lists of revoked certificates of all CAs.
pub fn current_lists(site: &Site) {
    site.write("crl.pem", &(PKI.root.crl_pem() + &PKI.issuing.crl_pem()));
}

/// With a certificate for a client.
pub fn client_certificate(site: &Site) {
    let options = LeafOptions {
        ekus: vec![Eku::ClientAuth],
        ..ecdsa(&["client"])
    };
    site.write("client.pem", &whole(options));
}

/// A process that ends with its owner.
struct Process(Child);

impl Process {
    fn has_ended(&mut self) -> bool {
        let status = self.0.try_wait().expect("the process is ours");
        status.is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If it has ended by itself, both fail, and there is nothing left to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Site {
    folder: TempDir,
    servers: RefCell<Vec<Process>>,
    /// Where the last server with a port listens.
    port: Cell<u16>,
}

impl Site {
    /// With `root.pem`, and `www.pem` and `www-rsa.pem` for www.example.com.
    pub fn new() -> Site {
        let site = Site {
            folder: short_dir(),
            servers: RefCell::default(),
            port: Cell::default(),
        };
        site.write("root.pem", &PKI.root.cert_pem);
        site.write("www.pem", &whole(ecdsa(&["www.example.com"])));
        site.write("www-rsa.pem", &whole(rsa(&["www.example.com"])));
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// With the folder's path in place of `{dir}`, and the server's port in place of `{port}`.
    pub fn filled(&self, text: &str) -> String {
        let text = text.replace("{dir}", &self.folder.path().display().to_string());
        text.replace("{port}", &self.port.get().to_string())
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// Writes a file; `{dir}` in it is the folder's path.
    pub fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        let folder = path.parent().expect("it is in the folder");
        fs::create_dir_all(folder).expect("the folder is writable");
        fs::write(path, self.filled(content)).expect("the folder is writable");
    }

    /// Writes the configuration: these sections behind what all begin with.
    pub fn configure(&self, sections: &str) {
        self.write(CONFIG, &format!("{PRELUDE}{sections}"));
    }

    /// Changes what occurs once in a file.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        let (from, to) = (self.filled(from), self.filled(to));
        assert_eq!(text.matches(&from).count(), 1, "{from} in {text}");
        self.write(name, &text.replace(&from, &to));
    }

    /// As [`Site::edit`], in the configuration.
    pub fn reconfigure(&self, from: &str, to: &str) {
        self.edit(CONFIG, from, to);
    }

    /// What HAProxy, or another, is to read: the configuration's file, and the folder of more.
    pub fn configs(&self) -> Vec<PathBuf> {
        let all = [CONFIG, MORE].map(|name| self.path(name));
        all.into_iter().filter(|path| path.exists()).collect()
    }

    /// Starts HAProxy on the configuration.
    ///
    /// # Errors
    ///
    /// What HAProxy printed, if it refused.
    pub fn start(&self) -> Result<Running, String> {
        let process = self.haproxy(&self.configs(), "admin.sock")?;
        let running = Running {
            _process: process,
            admin: self.path("admin.sock"),
            log: self.path("admin.sock.log"),
        };
        running.wait_for_checks();
        Ok(running)
    }

    /// A server behind HAProxy: `openssl s_server` on `back.sock`, which answers each request with a
    /// page.
    pub fn s_server(&self, options: &[&str]) {
        let socket = self.path("back.sock");
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-unlink", "-unix"]);
        command.arg(&socket);
        command.args(options.iter().map(|it| self.filled(it)));
        let process = self.spawn(command, "back.log", &socket);
        let process = process.unwrap_or_else(|said| panic!("{options:?}: {said}"));
        self.servers.borrow_mut().push(process);
    }

    /// As [`Site::s_server`], on a port that is free.
    pub fn s_server_on_port(&self, options: &[&str]) {
        let log = self.path("port.log");
        let output = File::create(&log).expect("the folder is writable");
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-www", "-accept", "0"])
            .args(options.iter().map(|it| self.filled(it)))
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the log can be shared"))
            .stderr(output);
        let process = Process(command.spawn().expect("openssl starts"));
        self.servers.borrow_mut().push(process);
        let deadline = Instant::now() + START_TIMEOUT;
        let port = loop {
            // It says `ACCEPT [::]:40123` when it listens.
            let said = fs::read_to_string(&log).expect("the log is there");
            let mut lines = said
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            let accepting = lines.find_map(|line| line.strip_prefix("ACCEPT "));
            if let Some((_, port)) = accepting.and_then(|it| it.trim().rsplit_once(':')) {
                break port.parse().expect("it is a port");
            }
            assert!(
                Instant::now() < deadline,
                "{command:?} does not listen: {said}"
            );
            thread::sleep(Duration::from_millis(5));
        };
        self.port.set(port);
    }

    /// A server behind HAProxy: another HAProxy, on `back.sock`, with these words behind that.
    pub fn haproxy_server(&self, options: &str) {
        let sections = PRELUDE.replace("admin.sock", "back-admin.sock")
            + &format!("frontend back\n    bind unix@{{dir}}/back.sock {options}\n")
            + "    http-request return status 200 content-type text/plain string ok\n";
        self.write("back.cfg", &sections);
        let process = self.haproxy(&[self.path("back.cfg")], "back.sock");
        self.servers
            .borrow_mut()
            .push(process.expect("it is a sound configuration"));
    }

    /// Ends the servers behind HAProxy, for others to take their place.
    pub fn end_servers(&self) {
        self.servers.borrow_mut().clear();
    }

    fn haproxy(&self, configs: &[PathBuf], socket: &str) -> Result<Process, String> {
        let mut command = haproxy_command();
        command.arg("-db");
        for config in configs {
            command.arg("-f").arg(config);
        }
        // For configurations that use it.
        command.env("SITE", self.folder.path());
        self.spawn(command, &format!("{socket}.log"), &self.path(socket))
    }

    /// Starts a program, and waits until it listens on the socket.
    fn spawn(&self, mut command: Command, log: &str, socket: &Path) -> Result<Process, String> {
        // Nobody takes the one of a process before for this one's.
        let _ = fs::remove_file(socket);
        let log = self.path(log);
        let output = File::create(&log).expect("the folder is writable");
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the log can be shared"))
            .stderr(output);
        let mut process = Process(command.spawn().expect("the program starts"));
        let deadline = Instant::now() + START_TIMEOUT;
        while UnixStream::connect(socket).is_err() {
            if process.has_ended() {
                let printed = fs::read(&log).expect("the log is there");
                return Err(String::from_utf8_lossy(&printed).into_owned());
            }
            assert!(Instant::now() < deadline, "{command:?} does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(process)
    }
}

/// A HAProxy that runs on a site's configuration.
pub struct Running {
    _process: Process,
    admin: PathBuf,
    log: PathBuf,
}

impl Running {
    /// Why HAProxy has a server for down, or has answered a request in its place.
    pub fn reason(&self) -> String {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let log = fs::read_to_string(&self.log).expect("the log is there");
            let said = |before: &str| {
                let mut lines = log.lines().filter_map(|line| line.split_once(before));
                let said = lines.next().map(|(_, said)| said);
                // Figures follow, which differ each time.
                said.map(|said| {
                    said.split(", check duration")
                        .next()
                        .unwrap_or(said)
                        .to_owned()
                })
            };
            if let Some(said) = said(" is DOWN, reason: ").or_else(|| said(" because: ")) {
                return said;
            }
            assert!(Instant::now() < deadline, "nothing is logged: {log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether servers are up is known when each has been checked.
    fn wait_for_checks(&self) {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let csv = answer(&self.admin, "show stat").expect("haproxy answers");
            if !csv.contains(",INI,") && !csv.contains(",* ") {
                return;
            }
            assert!(Instant::now() < deadline, "servers are not checked: {csv}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}
