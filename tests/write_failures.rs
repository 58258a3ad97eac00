//! Whatever the system refuses, the old file stays whole and no temporary file is left. The
//! refusals are real ones, met by the command as a process of its own.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Stdio;

use common::command::{Ended, Run, testdata};

/// A user without rights, whom `setpriv` of util-linux lets root be.
const NOBODY: u32 = 65_534;

fn is_root(run: &Run) -> bool {
    fs::metadata(run.folder()).unwrap().uid() == 0
}

/// The arguments that write testdata's bundle to that path.
fn args(out: &str) -> Vec<String> {
    let (root, clean) = (testdata("root.pem"), testdata("damaged/clean.pem"));
    let args = ["bundle", "--roots", &root, "--out", out, &clean];
    args.map(str::to_owned).into()
}

/// The command in a shell that has done this first.
fn after(run: &Run, first: &str, out: &str) -> Ended {
    let mut shell = run.program("sh");
    shell.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]);
    shell.arg(env!("CARGO_BIN_EXE_fullchain")).args(args(out));
    Ended::of(shell)
}

/// The command as a user without rights.
fn as_nobody(run: &Run, out: &str) -> Ended {
    let mut command = match is_root(run) {
        true => {
            // The program and testdata may lie where only root looks; copies do not.
            // `install` makes them, as a program that this process has open for writing while
            // another test starts a process could not be run.
            for (mode, from) in [
                ("755", env!("CARGO_BIN_EXE_fullchain")),
                ("644", &testdata("root.pem")),
                ("644", &testdata("damaged/clean.pem")),
            ] {
                let mut install = run.program("install");
                install.args(["-m", mode, from, "."]);
                assert_eq!(Ended::of(install).code, Some(0));
            }
            let mut command = run.program("setpriv");
            let user = NOBODY.to_string();
            command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
            command.args(["./fullchain", "bundle", "--roots", "root.pem"]);
            command.args(["--out", out, "clean.pem"]);
            command
        }
        false => {
            let mut command = run.program(env!("CARGO_BIN_EXE_fullchain"));
            command.args(args(out));
            command
        }
    };
    command.env("LC_ALL", "C");
    Ended::of(command)
}

/// A folder of the run, with an old file in it, both the unprivileged user's own.
fn folder_of_nobody(run: &Run, folder_mode: u32) -> String {
    let folder = run.path("certs");
    let old = folder.join("site.pem");
    fs::create_dir(&folder).unwrap();
    fs::write(&old, "old").unwrap();
    if is_root(run) {
        fs::set_permissions(run.folder(), Permissions::from_mode(0o755)).unwrap();
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        chown(&old, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::set_permissions(&folder, Permissions::from_mode(folder_mode)).unwrap();
    "certs/site.pem".to_owned()
}

/// The old file is there, whole and alone.
fn old_file_is_whole(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["site.pem"]);
    assert_eq!(fs::read_to_string(folder.join("site.pem")).unwrap(), "old");
}

fn is_refused(ended: &Ended, said: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

#[test]
fn a_user_without_rights_writes_into_a_folder_of_its_own() {
    let run = Run::new();
    let out = folder_of_nobody(&run, 0o700);
    let ended = as_nobody(&run, &out);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let clean = fs::read(testdata("damaged/clean.pem")).unwrap();
    assert_eq!(fs::read(run.path(&out)).unwrap(), clean);
}

#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    let run = Run::new();
    let out = folder_of_nobody(&run, 0o500);
    is_refused(
        &as_nobody(&run, &out),
        "cannot create a temporary file in certs",
    );
    old_file_is_whole(&run.path("certs"));
}

#[test]
fn a_folder_that_cannot_be_synced_is_refused_before_the_rename() {
    let run = Run::new();
    let out = folder_of_nobody(&run, 0o300);
    is_refused(&as_nobody(&run, &out), "cannot open the folder certs");
    old_file_is_whole(&run.path("certs"));
}

#[test]
fn a_folder_that_may_not_be_entered_is_refused() {
    let run = Run::new();
    let out = folder_of_nobody(&run, 0o600);
    is_refused(&as_nobody(&run, &out), "certs/site.pem: Permission denied");
    old_file_is_whole(&run.path("certs"));
}

#[test]
fn a_file_that_may_not_be_read_is_replaced_all_the_same() {
    let run = Run::new();
    let out = folder_of_nobody(&run, 0o700);
    let clean = fs::read(testdata("damaged/clean.pem")).unwrap();
    // As long as the new content, so that only reading could tell them apart.
    fs::write(run.path(&out), vec![b'x'; clean.len()]).unwrap();
    fs::set_permissions(run.path(&out), Permissions::from_mode(0o200)).unwrap();
    let ended = as_nobody(&run, &out);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(fs::metadata(run.path(&out)).unwrap().mode() & 0o777, 0o200);
    fs::set_permissions(run.path(&out), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fs::read(run.path(&out)).unwrap(), clean);
}

#[test]
fn an_owner_who_cannot_be_kept_is_a_refusal() {
    let run = Run::new();
    // Only root can make a file that is another's; others have those of the system.
    if is_root(&run) {
        let out = folder_of_nobody(&run, 0o700);
        chown(run.path(&out), Some(0), Some(0)).unwrap();
        is_refused(&as_nobody(&run, &out), "cannot keep the owner and mode of");
        old_file_is_whole(&run.path("certs"));
    } else {
        symlink("/proc/version", run.path("link")).unwrap();
        is_refused(&as_nobody(&run, "link"), "/proc");
    }
}

#[test]
fn a_disk_that_takes_no_more_leaves_the_old_file() {
    let run = Run::new();
    fs::create_dir(run.path("certs")).unwrap();
    for (blocks, written) in [(0, false), (1, false), (100, true)] {
        fs::write(run.path("certs/site.pem"), "old").unwrap();
        // Writing beyond the limit is then an error (EFBIG) instead of the process's end.
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}");
        let ended = after(&run, &limit, "certs/site.pem");
        if written {
            assert_eq!(ended.code, Some(0), "{ended:?}");
        } else {
            is_refused(&ended, "cannot write");
            old_file_is_whole(&run.path("certs"));
        }
    }
}

#[test]
fn a_new_file_is_for_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let run = Run::new();
        let ended = after(&run, &format!("umask {umask}"), "site.pem");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let mode = fs::metadata(run.path("site.pem")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600, "umask {umask}");
    }
}

#[test]
fn the_mode_of_a_replaced_file_is_kept_whatever_the_umask() {
    let run = Run::new();
    for mode in [0o640, 0o664] {
        fs::write(run.path("site.pem"), "old").unwrap();
        fs::set_permissions(run.path("site.pem"), Permissions::from_mode(mode)).unwrap();
        let ended = after(&run, "umask 077", "site.pem");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let new = fs::metadata(run.path("site.pem")).unwrap().mode();
        assert_eq!(new & 0o7777, mode);
    }
}

#[test]
fn a_name_alone_is_written_into_the_working_folder() {
    let run = Run::new();
    for (out, said) in [
        ("site.pem", "written: site.pem"),
        ("./site.pem", "unchanged: ./site.pem"),
    ] {
        let ended = after(&run, "true", out);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
        assert_eq!(run.listing(), ["site.pem"]);
    }
    symlink("site.pem", run.path("link.pem")).unwrap();
    fs::remove_file(run.path("site.pem")).unwrap();
    let ended = after(&run, "true", "link.pem");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(run.listing(), ["link.pem", "site.pem"]);
}

#[test]
fn a_reader_sees_the_old_file_or_the_new_one_and_nothing_between() {
    let run = Run::new();
    let clean = fs::read_to_string(testdata("damaged/clean.pem")).unwrap();
    let path = run.path("site.pem");
    fs::write(&path, "old").unwrap();
    let mut command = run.program(env!("CARGO_BIN_EXE_fullchain"));
    command.args(args("site.pem")).stderr(Stdio::null());
    let mut writer = command.spawn().unwrap();
    while writer.try_wait().unwrap().is_none() {
        let seen = fs::read_to_string(&path).unwrap();
        assert!(seen == "old" || seen == clean);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), clean);
}
