//! A web server on loopback that answers as a test wants, however a server should not.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a connection is answered with, given the path that was asked for.
type Answer = dyn Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Answers until it is dropped. Errors are the client's going away.
    pub fn start(
        answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let server = Server {
            address: listener.local_addr().expect("it is bound"),
            requests: Arc::default(),
            stopped: Arc::default(),
        };
        let answer: Arc<Answer> = Arc::new(answer);
        let (requests, stopped) = (Arc::clone(&server.requests), Arc::clone(&server.stopped));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
                thread::spawn(move || {
                    // An endless answer ends with its client.
                    let _ = stream.set_write_timeout(Some(Duration::from_secs(10)));
                    let head = head(&stream);
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    requests.lock().expect("no test panics with it").push(head);
                    let _ = answer(&path, &mut stream);
                });
            }
        });
        server
    }

    /// Answers each path with a file.
    pub fn of_files(files: Vec<(&'static str, Vec<u8>)>) -> Server {
        Server::start(move |path, stream| {
            let file = files.iter().find(|(name, _)| *name == path);
            match file {
                Some((_, content)) => ok(stream, content),
                None => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
            }
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .expect("no test panics with it")
            .clone()
    }

    /// The paths that were asked for, in order.
    pub fn paths(&self) -> Vec<String> {
        let requests = self.requests();
        let paths = requests.iter().filter_map(|head| head.split(' ').nth(1));
        paths.map(str::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // It waits for a connection to look.
        let _ = TcpStream::connect(self.address);
    }
}

fn head(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines();
    let lines = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// A proper answer, of the most improper content type.
pub fn ok(stream: &mut TcpStream, content: &[u8]) -> std::io::Result<()> {
    let length = content.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n"
    )?;
    stream.write_all(content)
}
