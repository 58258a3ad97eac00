//! A socket before HAProxy's own, on which one command goes wrong.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

/// What goes wrong with a command.
pub enum Fault {
    /// It is answered as it should be, and nobody listens from then on: the next one is refused.
    Last,
    /// The connection is closed before it is passed on.
    Dropped,
    /// It is passed on, and the connection closed before the answer.
    Unanswered,
    /// It is passed on, and neither it nor any other is answered.
    Gone,
    /// The second half of the answer is missing.
    Cut,
    /// It is answered with this, and HAProxy never hears of it.
    Answered(String),
    /// It is neither passed on nor answered.
    Silent,
    /// Nothing, but this is done before it is passed on.
    Before(Box<dyn FnOnce() + Send>),
    /// Nothing, but this is done when it is passed on, before its answer is.
    After(Box<dyn FnOnce() + Send>),
}

/// The command that something is wrong with: the `nth`, from 0, of those that begin with `words`.
struct Armed {
    words: String,
    nth: usize,
    fault: Fault,
}

#[derive(Default)]
struct Shared {
    armed: Mutex<Option<Armed>>,
    heard: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

/// Passes on all commands but one, for as long as it lives.
pub struct Faulty {
    folder: TempDir,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Faulty {
    /// In front of that socket.
    pub fn new(haproxy: &Path) -> Faulty {
        // Right below /tmp, as a socket's path has no more than 108 bytes.
        let folder = tempfile::Builder::new()
            .prefix("fullchain-")
            .tempdir_in("/tmp")
            .expect("/tmp is writable");
        let listener = UnixListener::bind(socket_in(&folder)).expect("the folder is new");
        let shared = Arc::new(Shared::default());
        let (haproxy, its) = (haproxy.to_owned(), Arc::clone(&shared));
        let thread = thread::spawn(move || pass(listener, &haproxy, &its));
        Faulty {
            folder,
            shared,
            thread: Some(thread),
        }
    }

    /// In front of that socket, with something wrong with one command.
    pub fn with(haproxy: &Path, words: &str, nth: usize, fault: Fault) -> Faulty {
        let faulty = Faulty::new(haproxy);
        faulty.arm(words, nth, fault);
        faulty
    }

    /// Something is wrong with the `nth` command from now, counted from 0, of those that begin with
    /// these words.
    pub fn arm(&self, words: &str, nth: usize, fault: Fault) {
        let armed = Armed {
            words: words.to_owned(),
            nth,
            fault,
        };
        *self.shared.armed.lock().expect("nobody panics with it") = Some(armed);
    }

    /// Nothing is wrong any more.
    pub fn disarm(&self) {
        *self.shared.armed.lock().expect("nobody panics with it") = None;
    }

    /// Whether the command has come that something was wrong with.
    pub fn has_struck(&self) -> bool {
        let armed = self.shared.armed.lock().expect("nobody panics with it");
        armed.is_none()
    }

    /// The commands so far, without their payloads.
    pub fn heard(&self) -> Vec<String> {
        let heard = self.shared.heard.lock().expect("nobody panics with it");
        heard.clone()
    }

    pub fn socket(&self) -> PathBuf {
        socket_in(&self.folder)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // It waits for a connection; when it is gone already, this fails.
        let _ = UnixStream::connect(self.socket());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn socket_in(folder: &TempDir) -> PathBuf {
    folder.path().join("faulty.sock")
}

/// One connection after the other, as a client has one at a time.
fn pass(listener: UnixListener, haproxy: &Path, shared: &Shared) {
    let mut listener = Some(listener);
    let mut silent = Vec::new();
    while let Some(Ok((client, _))) = listener.as_ref().map(UnixListener::accept) {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        // A client that was killed may have said anything, and hears nothing any more.
        let _ = serve(client, haproxy, shared, &mut listener, &mut silent);
    }
}

fn serve(
    mut client: UnixStream,
    haproxy: &Path,
    shared: &Shared,
    listener: &mut Option<UnixListener>,
    silent: &mut Vec<UnixStream>,
) -> io::Result<()> {
    let mut command = Vec::new();
    client.read_to_end(&mut command)?;
    let line = command.split(|&byte| byte == b'\n').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
    let fault = struck(shared, &line);
    let words = line.trim_end_matches("<<").trim_end().to_owned();
    let mut heard = shared.heard.lock().expect("nobody panics with it");
    heard.push(words);
    drop(heard);
    let whole = |answer: &[u8]| answer.len();
    match fault {
        None => pass_on(client, haproxy, &command, whole),
        Some(Fault::Last) => {
            let answer = ask(haproxy, &command)?;
            drop(listener.take());
            client.write_all(&answer)
        }
        Some(Fault::Dropped) => Ok(()),
        Some(Fault::Unanswered) => ask(haproxy, &command).map(drop),
        Some(Fault::Gone) => {
            drop(listener.take());
            ask(haproxy, &command).map(drop)
        }
        Some(Fault::Cut) => pass_on(client, haproxy, &command, |answer| answer.len() / 2),
        Some(Fault::Answered(text)) => client.write_all(text.as_bytes()),
        Some(Fault::Silent) => {
            silent.push(client);
            Ok(())
        }
        Some(Fault::Before(call)) => {
            call();
            pass_on(client, haproxy, &command, whole)
        }
        Some(Fault::After(call)) => {
            let answer = ask(haproxy, &command)?;
            call();
            client.write_all(&answer)
        }
    }
}

/// What is wrong with this command.
fn struck(shared: &Shared, line: &str) -> Option<Fault> {
    let mut armed = shared.armed.lock().expect("nobody panics with it");
    let meant = armed.as_mut().filter(|it| line.starts_with(&it.words))?;
    if meant.nth > 0 {
        meant.nth -= 1;
        return None;
    }
    armed.take().map(|it| it.fault)
}

fn pass_on(
    mut client: UnixStream,
    haproxy: &Path,
    command: &[u8],
    length: impl Fn(&[u8]) -> usize,
) -> io::Result<()> {
    let answer = ask(haproxy, command)?;
    client.write_all(&answer[..length(&answer)])
}

fn ask(haproxy: &Path, command: &[u8]) -> io::Result<Vec<u8>> {
    let mut socket = UnixStream::connect(haproxy)?;
    socket.write_all(command)?;
    // HAProxy may have hung up on what is too long.
    let _ = socket.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(answer)
}
