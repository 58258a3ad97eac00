//! The command `fullchain`, run as users run it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");

/// A file of testdata.
pub fn testdata(path: &str) -> String {
    format!("{TESTDATA}/{path}")
}

/// One of the piles of testdata/damaged.
pub fn damaged(name: &str) -> String {
    testdata(&format!("damaged/{name}.pem"))
}

/// The piles that become one and the same bundle.
pub const BUILDABLE: [&str; 11] = [
    "bom",
    "clean",
    "crlf",
    "doubled",
    "joined",
    "key-first",
    "reversed",
    "shuffled-with-root",
    "stranger",
    "text",
    "two-leaves",
];

/// A folder of the test's own, and the command run in it.
pub struct Run {
    folder: TempDir,
}

impl Run {
    pub fn new() -> Run {
        let folder = tempfile::tempdir().expect("/tmp is writable");
        Run { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The names in the folder, sorted.
    pub fn listing(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// That program, with the folder as its working folder, and without colours or proxies of the
    /// environment's.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(variable);
            command.env_remove(variable.to_lowercase());
        }
        command
            .current_dir(self.folder())
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("CLICOLOR")
            .env("TERM", "xterm")
            .stdin(Stdio::null());
        command
    }

    /// `fullchain` with these arguments.
    pub fn fullchain(&self, args: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_fullchain"));
        command.args(args);
        command
    }

    /// `fullchain bundle` with testdata's root and these arguments.
    pub fn bundle(&self, args: &[&str]) -> Ended {
        let root = testdata("root.pem");
        let args = [&["bundle", "--roots", &root], args].concat();
        Ended::of(self.fullchain(&args))
    }
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(mut command: Command) -> Ended {
        Ended::from(command.output().expect("the program starts"))
    }

    pub fn with_input(mut command: Command, input: &[u8]) -> Ended {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        // Inputs are smaller than a pipe's buffer, so nothing can block.
        stdin.write_all(input).expect("the program reads");
        drop(stdin);
        Ended::from(child.wait_with_output().expect("the program ends"))
    }

    pub fn from(output: Output) -> Ended {
        let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
        Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}
