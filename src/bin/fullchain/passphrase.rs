//! Where passphrases come from: a file, the environment, or whoever sits at the terminal; never an
//! argument, which others can see.

use std::env::VarError;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};

use fullchain::{Origin, Passphrase, Reader};
use zeroize::Zeroizing;

/// A longer line is no passphrase, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The first line of a file.
pub fn of_file(path: &str) -> Result<Passphrase, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    // What grows in place leaves copies behind.
    let mut line = Zeroizing::new(String::with_capacity(64 * 1024));
    let mut reader = BufReader::with_capacity(1, file.take(LONGEST));
    reader
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line.into())
}

/// The value of an environment variable.
pub fn of_variable(name: &str) -> Result<Passphrase, String> {
    std::env::var(name)
        .map(Passphrase::from)
        // The error's own text shows the value.
        .map_err(|error| match error {
            VarError::NotPresent => "there is no such environment variable".to_owned(),
            VarError::NotUnicode(_) => "its value is not UTF-8".to_owned(),
        })
}

/// A reader that knows the passphrase, or asks for it where somebody can answer.
pub fn reader(given: Option<&Passphrase>) -> Reader {
    let given = given.cloned();
    Reader::new().passphrases(move |origin| given.clone().or_else(|| ask(origin)))
}

fn ask(origin: &Origin) -> Option<Passphrase> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let typed = rpassword::prompt_password(format!("Passphrase for {origin}: "));
    typed.ok().map(Passphrase::from)
}
