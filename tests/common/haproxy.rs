//! A real HAProxy, the last judge of a bundle, asked by the `openssl` program: no Rust TLS has a
//! say in what it serves.

use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::openssl::openssl_output;

/// How long HAProxy may take to start; it is this long only on a machine that does much else.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The file, in HAProxy's folder, of what it prints.
const LOG: &str = "log";

/// The file, in HAProxy's folder, of its configuration.
const CONFIG: &str = "haproxy.cfg";
/// The socket, in HAProxy's folder, of a master.
const MASTER: &str = "master.sock";

/// Lines of the section `global` that make HAProxy log to what it prints; frontends then log why
/// handshakes fail.
const LOGGING: &str = "    log stdout format raw local0\n";
const ERROR_LOG_FORMAT: &str = "    log global
    error-log-format \"%ci:%cp %f/%b %[ssl_fc_err,hex] %[ssl_fc_err_str] %[fc_err_str]\"
";

/// A HAProxy that serves one bundle until it is dropped.
pub struct Haproxy {
    process: Child,
    dir: TempDir,
}

impl Haproxy {
    /// Starts HAProxy with `crt` set to that path.
    ///
    /// # Errors
    ///
    /// What HAProxy printed, if it refused.
    pub fn serve(pem_path: &Path) -> Result<Haproxy, String> {
        Haproxy::bind(&crt(pem_path))
    }

    /// Starts HAProxy with these certificates and options on its bind line.
    ///
    /// # Errors
    ///
    /// What HAProxy printed, if it refused.
    pub fn bind(options: &str) -> Result<Haproxy, String> {
        Haproxy::bind_each(&[options.to_owned()])
    }

    /// Starts HAProxy with a bind line for each of these paths, which are `crt` there: see
    /// [`Haproxy::nth_socket`].
    ///
    /// # Errors
    ///
    /// What HAProxy printed, if it refused.
    pub fn serve_each(pem_paths: &[PathBuf]) -> Result<Haproxy, String> {
        let options: Vec<_> = pem_paths.iter().map(|path| crt(path)).collect();
        Haproxy::bind_each(&options)
    }

    /// As [`Haproxy::bind`], as a worker of a master, which listens on [`Haproxy::master_socket`].
    ///
    /// # Errors
    ///
    /// What HAProxy printed, if it refused.
    pub fn bind_with_master(options: &str) -> Result<Haproxy, String> {
        let haproxy = Haproxy::start(&[options.to_owned()], "", true)?;
        // A signal that comes before the master knows its worker is lost.
        let deadline = Instant::now() + START_TIMEOUT;
        let is_ready = |said: std::io::Result<String>| said.is_ok_and(|it| it.contains("worker"));
        while !is_ready(answer(&haproxy.master_socket(), "show proc")) {
            assert!(Instant::now() < deadline, "the master has no worker");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(haproxy)
    }

    /// As [`Haproxy::bind`], with more lines in the configuration's section `global`.
    ///
    /// # Errors
    ///
    /// What HAProxy printed, if it refused.
    pub fn bind_with_global(options: &str, global: &str) -> Result<Haproxy, String> {
        Haproxy::start(&[options.to_owned()], global, false)
    }

    /// As [`Haproxy::bind`], and why handshakes fail is logged: [`Haproxy::printed`] has it.
    ///
    /// # Errors
    ///
    /// What HAProxy printed, if it refused.
    pub fn bind_logging(options: &str) -> Result<Haproxy, String> {
        Haproxy::start(&[options.to_owned()], LOGGING, false)
    }

    fn bind_each(options: &[String]) -> Result<Haproxy, String> {
        Haproxy::start(options, "", false)
    }

    fn start(options: &[String], global: &str, with_master: bool) -> Result<Haproxy, String> {
        let dir = short_dir();
        let log_path = dir.path().join(LOG);
        let log = File::create(&log_path).expect("the directory is writable");
        let mut command = haproxy_command();
        match with_master {
            true => command.arg("-W").arg("-S").arg(dir.path().join(MASTER)),
            false => command.arg("-db"),
        };
        let process = command
            .arg("-f")
            .arg(write_config(dir.path(), options, global))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log can be shared"))
            .stderr(log)
            .spawn()
            .expect("setsid, of util-linux, starts");
        let mut haproxy = Haproxy { process, dir };
        let deadline = Instant::now() + START_TIMEOUT;
        let last = haproxy.nth_socket(options.len() - 1);
        while UnixStream::connect(&last).is_err() {
            if haproxy.has_ended() {
                let printed = std::fs::read(&log_path).expect("the log is there");
                return Err(String::from_utf8_lossy(&printed).into_owned());
            }
            assert!(Instant::now() < deadline, "haproxy does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(haproxy)
    }

    /// The certificates a client is sent, as DER, in the order they are sent.
    pub fn served_chain(&self, sni: Option<&str>) -> Vec<Vec<u8>> {
        let (_, printed) = self.s_client(sni, &["-showcerts"]);
        pem::parse_many(&printed)
            .expect("s_client prints PEM")
            .into_iter()
            .filter(|block| block.tag() == "CERTIFICATE")
            .map(pem::Pem::into_contents)
            .collect()
    }

    /// Whether a client that trusts only these roots accepts the served chain for that name, today.
    ///
    /// # Errors
    ///
    /// What the client said.
    pub fn verify_with(&self, ca_pem_path: &Path, sni: &str) -> Result<(), String> {
        self.verify(ca_pem_path, sni, &[])
    }

    /// As [`Haproxy::verify_with`], at that time in seconds since 1970.
    ///
    /// # Errors
    ///
    /// What the client said.
    pub fn verify_at(&self, ca_pem_path: &Path, sni: &str, time: u64) -> Result<(), String> {
        self.verify(ca_pem_path, sni, &["-attime", &time.to_string()])
    }

    fn verify(&self, ca_pem_path: &Path, sni: &str, more: &[&str]) -> Result<(), String> {
        let ca_file = ca_pem_path.to_str().expect("the path is UTF-8");
        let args = [
            &["-CAfile", ca_file, "-no-CApath", "-no-CAstore"],
            &["-verify_return_error", "-verify_hostname", sni][..],
            more,
        ];
        let (accepted, printed) = self.s_client(Some(sni), &args.concat());
        if accepted && printed.contains("Verify return code: 0 (ok)") {
            Ok(())
        } else {
            Err(printed)
        }
    }

    /// Connects with these further arguments of `openssl s_client`; whether that worked, and what
    /// it printed.
    pub fn s_client(&self, sni: Option<&str>, more: &[&str]) -> (bool, String) {
        let socket = self.tls_socket();
        let connect = ["-unix", socket.to_str().expect("the path is UTF-8")];
        let name = match &sni {
            Some(name) => &["-servername", *name][..],
            None => &["-noservername"],
        };
        let output = openssl_output(&[&["s_client"], &connect[..], name, more].concat(), b"");
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        (output.status.success(), printed)
    }

    /// What HAProxy has printed so far: its warnings.
    pub fn printed(&self) -> String {
        let printed = std::fs::read(self.dir.path().join(LOG)).expect("the log is there");
        String::from_utf8_lossy(&printed).into_owned()
    }

    /// What HAProxy answers to a command on its admin socket.
    pub fn runtime(&self, command: &str) -> String {
        answer(&self.admin_socket(), command).expect("haproxy answers")
    }

    /// Replaces the certificate that HAProxy loaded from `name`, which is the path given to
    /// [`Haproxy::serve`], without a restart.
    ///
    /// # Errors
    ///
    /// What HAProxy answered, if it refused. An empty line ends the payload: HAProxy sees `pem` only
    /// up to its first, and takes what follows for commands.
    pub fn set_certificate(&self, name: &Path, pem: &str) -> Result<(), String> {
        let name = name.display();
        let pem = pem.trim_end_matches('\n');
        let set = self.runtime(&format!("set ssl cert {name} <<\n{pem}\n"));
        if !set.contains("Transaction created") && !set.contains("Transaction updated") {
            return Err(set);
        }
        let commit = self.runtime(&format!("commit ssl cert {name}"));
        if commit.contains("Success!") {
            Ok(())
        } else {
            self.runtime(&format!("abort ssl cert {name}"));
            Err(set + &commit)
        }
    }

    /// The process that was started: the master, if there is one.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Where it listens for administrators.
    pub fn admin_socket(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    /// Where its master listens, if it has one.
    pub fn master_socket(&self) -> PathBuf {
        self.dir.path().join(MASTER)
    }

    /// The configuration's file.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join(CONFIG)
    }

    /// Where it listens for TLS.
    pub fn tls_socket(&self) -> PathBuf {
        self.nth_socket(0)
    }

    /// Where the bind line listens that has so many before it.
    pub fn nth_socket(&self, n: usize) -> PathBuf {
        socket(self.dir.path(), n)
    }

    fn has_ended(&mut self) -> bool {
        let status = self.process.try_wait().expect("the process is ours");
        status.is_some()
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // If it has ended by itself, both fail, and there is nothing left to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether HAProxy would start with `crt` set to that path (`haproxy -c`).
///
/// # Errors
///
/// What HAProxy printed.
pub fn check_config(pem_path: &Path) -> Result<(), String> {
    let dir = short_dir();
    let output = haproxy_command()
        .arg("-c")
        .arg("-f")
        .arg(write_config(dir.path(), &[crt(pem_path)], ""))
        .output()
        .expect("setsid, of util-linux, starts");
    if output.status.success() {
        Ok(())
    } else {
        let printed = [output.stdout, output.stderr].concat();
        Err(String::from_utf8_lossy(&printed).into_owned())
    }
}

/// After so many errors HAProxy gives up.
pub const MOST_REFUSALS: usize = 50;

/// What HAProxy says against each of these files, of which it loads all before it gives its
/// verdict; `None` where it says nothing.
pub fn refusals(pem_paths: &[PathBuf]) -> Vec<Option<String>> {
    let dir = short_dir();
    let options: Vec<_> = pem_paths.iter().map(|path| crt(path)).collect();
    let output = haproxy_command()
        .arg("-c")
        .arg("-f")
        .arg(write_config(dir.path(), &options, ""))
        .output()
        .expect("setsid, of util-linux, starts");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    // What is said of a `.key` begins on the next line.
    let alerts = printed.split("\n[").filter(|it| it.starts_with("ALERT"));
    let alerts: Vec<&str> = alerts.collect();
    let refusals: Vec<_> = (0..pem_paths.len())
        .map(|n| {
            let bind = format!("'bind unix@{}'", socket(dir.path(), n).display());
            let alert = alerts.iter().find(|alert| alert.contains(&bind));
            alert.map(|alert| (*alert).to_owned())
        })
        .collect();
    let are_all_said = refusals.iter().all(Option::is_none) == output.status.success();
    assert!(are_all_said && !printed.contains("too many"), "{printed}");
    refusals
}

/// What is answered to a command on a stats or master's socket.
///
/// # Errors
///
/// If nobody listens there.
pub fn answer(socket: &Path, command: &str) -> std::io::Result<String> {
    let mut socket = UnixStream::connect(socket)?;
    let mut answer = String::new();
    socket.write_all(format!("{command}\n").as_bytes())?;
    socket.shutdown(Shutdown::Write)?;
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

fn socket(dir: &Path, n: usize) -> PathBuf {
    dir.join(format!("tls{n}.sock"))
}

/// A directory of the test's own: unlike ports, the sockets in it cannot be taken by others. It is
/// right below `/tmp`, as a socket's path has no more than 108 bytes.
pub fn short_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("fullchain-")
        .tempdir_in("/tmp")
        .expect("/tmp is writable")
}

/// HAProxy without a terminal, on which it would ask for an encrypted key's password, and wait.
pub fn haproxy_command() -> Command {
    let mut command = Command::new("setsid");
    command.arg(haproxy_program());
    command
}

/// # Panics
///
/// If there is none: a test without it would prove nothing.
fn haproxy_program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // Where Debian has it, and no one but root looks.
        .chain([PathBuf::from("/usr/sbin")])
        .map(|dir| dir.join("haproxy"))
        .find(|program| program.is_file())
        .expect("the tests need HAProxy: apt-get install -y haproxy")
}

/// The option for a file or a folder.
fn crt(path: &Path) -> String {
    // An absolute path, so that it does not matter where HAProxy runs.
    let path = std::path::absolute(path).expect("the path is not empty");
    format!("crt '{}'", path.display())
}

fn write_config(dir: &Path, options: &[String], global: &str) -> PathBuf {
    let bind = |(n, options): (usize, &String)| {
        format!("    bind unix@{} ssl {options}\n", socket(dir, n).display())
    };
    let binds: String = options.iter().enumerate().map(bind).collect();
    let dir_name = dir.display();
    let log = match global {
        LOGGING => ERROR_LOG_FORMAT,
        _ => "",
    };
    let config = format!(
        "global
    tune.ssl.default-dh-param 2048
    stats socket {dir_name}/admin.sock level admin
    stats timeout 30s
{global}defaults
    mode http
    timeout client 30s
    timeout connect 30s
    timeout server 30s
frontend tls
{log}{binds}    http-request return status 200 content-type text/plain string ok
"
    );
    let path = dir.join(CONFIG);
    std::fs::write(&path, config).expect("the directory is writable");
    path
}
