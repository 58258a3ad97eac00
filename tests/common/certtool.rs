//! GnuTLS' `certtool`, which writes keys and containers in its own way.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

/// What it prints for these arguments and that input.
///
/// # Panics
///
/// If it fails, with what it said, and if the program is missing.
pub fn certtool(args: &[&str], stdin: &[u8]) -> Vec<u8> {
    let child = Command::new("certtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => {
            panic!("the tests need the certtool program: apt-get install -y gnutls-bin")
        }
        _ => panic!("certtool does not start: {error}"),
    });
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    pipe.write_all(stdin).expect("it reads its input");
    drop(pipe);
    let output = child.wait_with_output().expect("certtool runs to its end");
    assert!(
        output.status.success(),
        "certtool {} failed: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
