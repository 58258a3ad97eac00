//! `fullchain completions` and `fullchain man`: both from the definitions of the arguments.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::bind;

pub fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "fullchain", &mut script);
    bind::code(true, io::stdout().write_all(&script))
}

/// The page of `fullchain`, or of one of its commands.
pub fn page(name: Option<&str>) -> ExitCode {
    let mut command = Arguments::command();
    command.build();
    let Some(name) = name else {
        return bind::code(true, print(command));
    };
    match command.find_subcommand(name) {
        Some(found) => bind::code(true, print(found.clone())),
        None => {
            let kind = clap::error::ErrorKind::InvalidValue;
            let message = format!("there is no command {name}");
            Arguments::command().error(kind, message).exit()
        }
    }
}

fn print(command: clap::Command) -> io::Result<()> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    io::stdout().write_all(&page)
}
