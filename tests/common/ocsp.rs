//! OCSP responses, made by `openssl ocsp`.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::openssl::openssl;
use super::pki::Ca;

/// A CA that answers for its certificates.
pub struct Responder {
    dir: TempDir,
}

impl Responder {
    pub fn new(ca: &Ca) -> Responder {
        let dir = tempfile::tempdir().expect("/tmp is writable");
        let responder = Responder { dir };
        responder.write("ca.pem", &ca.cert_pem);
        responder.write("ca.key", &ca.key.pem());
        responder.write("index", "");
        responder
    }

    /// From now on that certificate is known: as good, or as revoked.
    pub fn knows(&self, cert_pem: &str, is_revoked: bool) {
        let printed = openssl(&["x509", "-noout", "-serial"], cert_pem.as_bytes());
        let printed = String::from_utf8(printed).expect("openssl prints UTF-8");
        let serial = printed.trim().trim_start_matches("serial=").to_owned();
        let (status, revoked) = match is_revoked {
            true => ("R", "210101000000Z"),
            false => ("V", ""),
        };
        let line = format!("{status}\t490101000000Z\t{revoked}\t{serial}\tunknown\t/CN={serial}\n");
        let path = self.path("index");
        let known = std::fs::read_to_string(&path).expect("the index is there");
        std::fs::write(path, known + &line).expect("the folder is writable");
    }

    /// The answer to a request for these certificates, with further options before them, such as
    /// the hash of the request, or until when it holds.
    pub fn answer(&self, options: &[&str], certs_pem: &[&str]) -> Vec<u8> {
        let paths = [
            ("-index", self.text("index")),
            ("-CA", self.text("ca.pem")),
            ("-rsigner", self.text("ca.pem")),
            ("-rkey", self.text("ca.key")),
            ("-issuer", self.text("ca.pem")),
            ("-respout", self.text("response")),
        ];
        let mut args = vec!["ocsp", "-no_nonce"];
        args.extend(paths.iter().flat_map(|(option, path)| [*option, path]));
        args.extend(options);
        let certs: Vec<String> = (0..certs_pem.len())
            .map(|n| self.text(&format!("{n}.pem")))
            .collect();
        for (path, pem) in certs.iter().zip(certs_pem) {
            std::fs::write(path, pem).expect("the folder is writable");
            args.extend(["-cert", path]);
        }
        openssl(&args, b"");
        std::fs::read(self.path("response")).expect("openssl wrote the response")
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("the folder is writable");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        let path: &Path = &self.path(name);
        path.to_str().expect("the path is UTF-8").to_owned()
    }
}

/// The `n`th time of a response about one certificate that is not revoked: `producedAt`,
/// `thisUpdate` and `nextUpdate`.
pub fn time(response: &[u8], n: usize) -> [u8; 15] {
    let at = place_of_time(response, n);
    let time = response[at..].first_chunk();
    *time.expect("the time is whole")
}

/// The response with another time in place of the `n`th. HAProxy does not look at the signature.
pub fn with_time(response: &[u8], n: usize, time: &[u8; 15]) -> Vec<u8> {
    let at = place_of_time(response, n);
    let mut response = response.to_vec();
    response[at..at + time.len()].copy_from_slice(time);
    response
}

fn place_of_time(response: &[u8], n: usize) -> usize {
    let mut places = (0..response.len()).filter(|&at| response[at..].starts_with(b"\x18\x0f"));
    places.nth(n).expect("the response has that time") + 2
}
