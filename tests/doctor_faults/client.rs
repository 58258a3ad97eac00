//! Real clients, each of which asks for a page.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::common::openssl::openssl_output;
use crate::site::Site;

/// A program that comes to HAProxy's `tls.sock`, verifies what it is shown by `root.pem` and by the
/// name, and asks for a page.
#[derive(Clone, Copy)]
pub enum Program {
    /// `openssl s_client`.
    Openssl,
    Curl,
    /// The library that the tests are linked with.
    Rustls,
}

/// Who comes, and what for.
#[derive(Clone)]
pub struct Client {
    pub program: Program,
    pub host: &'static str,
    /// Whether the host's name is sent.
    pub sends_name: bool,
    /// More options of the program's.
    pub options: &'static [&'static str],
}

impl Client {
    pub const fn openssl(options: &'static [&'static str]) -> Client {
        Client::new(Program::Openssl, options)
    }

    pub const fn curl(options: &'static [&'static str]) -> Client {
        Client::new(Program::Curl, options)
    }

    pub const fn rustls() -> Client {
        Client::new(Program::Rustls, &[])
    }

    const fn new(program: Program, options: &'static [&'static str]) -> Client {
        Client {
            program,
            host: "www.example.com",
            sends_name: true,
            options,
        }
    }

    pub const fn host(mut self, host: &'static str) -> Client {
        self.host = host;
        self
    }

    /// As health checks and old clients do.
    pub const fn without_name(mut self) -> Client {
        self.sends_name = false;
        self
    }

    /// Asks for a page.
    ///
    /// # Errors
    ///
    /// What the client said when there was none.
    pub fn visit(&self, site: &Site) -> Result<(), String> {
        match self.program {
            Program::Openssl => self.openssl_visit(site),
            Program::Curl => self.curl_visit(site),
            Program::Rustls => self.rustls_visit(site),
        }
    }

    fn request(&self) -> String {
        format!("GET / HTTP/1.0\r\nHost: {}\r\n\r\n", self.host)
    }

    fn openssl_visit(&self, site: &Site) -> Result<(), String> {
        let fixed = "s_client -quiet -unix {dir}/tls.sock -CAfile {dir}/root.pem -no-CApath -no-CAstore \
                     -verify_quiet -verify_return_error -verify_hostname";
        let name = match self.sends_name {
            true => &["-servername", self.host][..],
            false => &["-noservername"],
        };
        let words = fixed.split(' ').chain([self.host]);
        let words = words.chain(name.iter().chain(self.options).copied());
        let words: Vec<String> = words.map(|word| site.filled(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        judge(&openssl_output(&words, self.request().as_bytes()))
    }

    fn curl_visit(&self, site: &Site) -> Result<(), String> {
        let fixed =
            "-sSi --noproxy * --http1.1 --unix-socket {dir}/tls.sock --cacert {dir}/root.pem";
        let output = Command::new("curl")
            .args(
                fixed
                    .split(' ')
                    .chain(self.options.iter().copied())
                    .map(|it| site.filled(it)),
            )
            .arg(format!("https://{}/", self.host))
            .stdin(Stdio::null())
            .output();
        match output {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("the tests need curl: apt-get install -y curl")
            }
            output => judge(&output.expect("curl starts")),
        }
    }

    fn rustls_visit(&self, site: &Site) -> Result<(), String> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_file(site.path("root.pem"));
        roots
            .add(root.expect("it is a certificate"))
            .expect("it is a CA's");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.enable_sni = self.sends_name;
        let name = ServerName::try_from(self.host).expect("a host name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a sound config");
        let socket =
            UnixStream::connect(site.path("tls.sock")).map_err(|error| error.to_string())?;
        let mut stream = StreamOwned::new(connection, socket);
        let mut page = String::new();
        let asked = stream.write_all(self.request().as_bytes());
        match asked.and_then(|()| stream.read_to_string(&mut page)) {
            // Some servers just hang up.
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error.to_string()),
            _ => page_of(&page),
        }
    }
}

fn judge(output: &Output) -> Result<(), String> {
    let page = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    match page.starts_with("HTTP/") {
        true => page_of(&page),
        false => Err(brief(&said)),
    }
}

/// A page, and not one about an error.
fn page_of(page: &str) -> Result<(), String> {
    let status = page.lines().next().unwrap_or("no answer");
    match status.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(status.to_owned()),
    }
}

/// What tells most of what a program said.
fn brief(said: &str) -> String {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let telling = |line: &&str| {
        ["verify error", "alert", "error:", "curl:"]
            .iter()
            .any(|it| line.contains(it))
    };
    let line = lines().find(telling).or_else(|| lines().next());
    let line = line.unwrap_or("the connection was closed");
    // OpenSSL's messages have the number of the process in front, and the line of the source behind.
    match line.split(':').collect::<Vec<_>>()[..] {
        [_, "error", _, _, _, reason, ..] => reason.to_owned(),
        _ => line.to_owned(),
    }
}
