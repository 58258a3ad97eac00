//! A web server that means harm, or does it, and a policy that has little patience with it.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use fullchain::aia::Policy;

use super::http::{Server, ok};
use super::pki::{Ca, Leaf, LeafOptions};

/// A deadline of two seconds in all, and one for each URL.
pub fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.deadline = Duration::from_secs(2);
    policy.fetch_deadline = Duration::from_secs(1);
    policy
}

pub fn leaf(issuer: &Ca, urls: &[String]) -> Leaf {
    issuer.leaf(LeafOptions {
        ca_issuers: urls.to_vec(),
        ..LeafOptions::named("www.example.com")
    })
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .arg("-9c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("every Debian has gzip");
    let mut stdin = gzip.stdin.take().expect("a pipe");
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(content).expect("gzip reads"));
        gzip.wait_with_output().expect("gzip ends").stdout
    })
}

pub fn head(stream: &mut TcpStream, lines: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {lines}\r\n\r\n")
}

/// Answers each path in its own bad way.
pub fn hostile(issuer: &Ca, other: &Ca, namesake: &Ca) -> Server {
    let bomb = gzip(&vec![b'A'; 200 * 1024 * 1024]);
    let swollen = gzip(&issuer.cert_der);
    let (issuer, other) = (issuer.cert_der.clone(), other.cert_der.clone());
    let namesake = namesake.cert_der.clone();
    Server::start(move |path, stream| match path {
        "/html" => ok(
            stream,
            b"\n<!DOCTYPE html><title>Sign in to the Wi-Fi</title>",
        ),
        "/other" => ok(stream, &other),
        "/namesake" => ok(stream, &namesake),
        "/empty" => ok(stream, b""),
        "/truncated" => ok(stream, issuer.get(..200).unwrap_or_default()),
        "/key" => ok(stream, b"-----BEGIN PRIVATE KEY-----\n"),
        "/endless" => {
            head(stream, "200 OK")?;
            loop {
                stream.write_all(&[b'A'; 64 * 1024])?;
            }
        }
        "/stated" => {
            head(stream, "200 OK\r\ncontent-length: 10000000000")?;
            loop {
                stream.write_all(&[0x30; 64 * 1024])?;
            }
        }
        "/blocks" => {
            let block = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
            ok(stream, block.repeat(4_000).as_bytes())
        }
        "/dribble" => {
            head(stream, "200 OK\r\ncontent-length: 100000")?;
            loop {
                stream.write_all(b"-")?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        "/dribbled-head" => loop {
            stream.write_all(b"H")?;
            thread::sleep(Duration::from_millis(20));
        },
        "/endless-head" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(b"x-more: of the same and nothing else to say\r\n")?;
            }
        }
        "/silent" => {
            thread::sleep(Duration::from_secs(5));
            Ok(())
        }
        "/round" => head(stream, "302 Found\r\nlocation: /round\r\ncontent-length: 0"),
        "/to-file" => head(
            stream,
            "301 Moved\r\nlocation: file:///etc/passwd\r\ncontent-length: 0",
        ),
        "/to-metadata" => head(
            stream,
            "307 Temporary Redirect\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0",
        ),
        "/to-nowhere" => head(stream, "303 See Other\r\ncontent-length: 0"),
        "/gzip-bomb" => {
            let length = bomb.len();
            head(
                stream,
                &format!("200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}"),
            )?;
            stream.write_all(&bomb)
        }
        "/gzip" => ok(stream, &swollen),
        "/half" => {
            head(
                stream,
                &format!("200 OK\r\ncontent-length: {}", issuer.len()),
            )?;
            stream.write_all(issuer.get(..issuer.len() / 2).unwrap_or_default())
        }
        "/ssh" => stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n"),
        "/closed" => Ok(()),
        "/error" => head(stream, "503 Service Unavailable\r\ncontent-length: 0"),
        _ => head(stream, "404 Not Found\r\ncontent-length: 0"),
    })
}
