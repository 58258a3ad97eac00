//! Programs that are run on the way: `haproxy -c`, and whatever reloads HAProxy.

use std::io::{self, Read, Seek, SeekFrom};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::cancel::Cancel;

const PAUSE: Duration = Duration::from_millis(5);
/// What is kept of a program's output, in bytes: its end says why it failed.
const MOST_OUTPUT: u64 = 64 * 1024;

/// How a program ended.
pub(super) struct Ended {
    /// `None` when it was killed, because its time was up or all was stopped.
    pub(super) status: Option<ExitStatus>,
    /// What it printed, or the end of it.
    pub(super) printed: String,
}

impl Ended {
    pub(super) fn is_fine(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// What became of it, with what it printed last.
    pub(super) fn told(&self, lines: usize) -> String {
        let how = match self.status {
            None => "was killed before it ended".to_owned(),
            Some(status) => match status.code() {
                Some(code) => format!("ended with exit code {code}"),
                None => status.to_string(),
            },
        };
        let printed: Vec<&str> = self
            .printed
            .lines()
            .filter(|it| !it.trim().is_empty())
            .collect();
        let last = printed.len().saturating_sub(lines);
        match printed.get(last..) {
            Some([]) | None => how,
            Some(printed) => format!("{how}: {}", printed.join("; ")),
        }
    }
}

/// Runs it to its end, or kills it and its children when its time is up or all is stopped.
pub(super) fn run(command: &mut Command, timeout: Duration, cancel: &Cancel) -> io::Result<Ended> {
    // A pipe would be held open by whatever the program leaves running.
    let mut output = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command.spawn()?;
    let deadline = Instant::now() + timeout;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= deadline || cancel.is_cancelled() {
            kill(&mut child);
            child.wait()?;
            break None;
        }
        thread::sleep(PAUSE);
    };
    let length = output.seek(SeekFrom::End(0))?;
    output.seek(SeekFrom::Start(length.saturating_sub(MOST_OUTPUT)))?;
    let mut printed = Vec::new();
    output.take(MOST_OUTPUT).read_to_end(&mut printed)?;
    Ok(Ended {
        status,
        printed: String::from_utf8_lossy(&printed).into_owned(),
    })
}

#[cfg(unix)]
fn kill(child: &mut Child) {
    let group = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself just now.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    let _ = child.kill();
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::run;
    use crate::base::cancel::Cancel;

    fn shell(script: &str, timeout: Duration) -> super::Ended {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        run(&mut command, timeout, &Cancel::new()).expect("sh is there")
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let began = Instant::now();
        let ended = shell("echo begun; sleep 60 & wait", Duration::from_millis(200));
        assert!(began.elapsed() < Duration::from_secs(30));
        assert!(!ended.is_fine());
        assert_eq!(ended.told(1), "was killed before it ended: begun");
    }

    #[test]
    fn what_a_program_leaves_running_is_not_waited_for() {
        let began = Instant::now();
        let ended = shell("sleep 60 & echo done; exit 3", Duration::from_secs(50));
        assert!(began.elapsed() < Duration::from_secs(30));
        assert_eq!(ended.told(5), "ended with exit code 3: done");
    }
}
