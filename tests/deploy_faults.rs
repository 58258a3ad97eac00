//! `fullchain deploy` when something goes wrong: afterwards all is new or all is as it was, the exit
//! code and the report say which, and the next deployment finds nothing in its way.
//!
//! `cargo test --all-features --test deploy_faults -- --nocapture | grep '^|'` prints the table of
//! faults.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::command::Ended;
use common::deploying::{Deployed, Renewed, text};
use common::faulty::{Fault, Faulty};
use common::haproxy::Haproxy;
use common::ocsp::Responder;
use common::scene::{Kind, Next, Scene, Side};

/// A user without rights, whom `setpriv` of util-linux lets root be.
const NOBODY: u32 = 65_534;

/// The rows of one test, printed at its end in one piece.
struct Table {
    /// What the fault is about, what it is, and the other cells.
    rows: Vec<(String, Vec<String>, [String; 5])>,
}

impl Table {
    fn new() -> Table {
        Table { rows: Vec::new() }
    }

    /// Faults about one thing of which the same comes are one row.
    fn row(&mut self, fault: &str, cells: [String; 5]) {
        let (about, fault) = fault.split_once(": ").unwrap_or(("", fault));
        match self.rows.last_mut() {
            Some((same, faults, row)) if same == about && *row == cells => {
                faults.push(fault.to_owned());
            }
            _ => self
                .rows
                .push((about.to_owned(), vec![fault.to_owned()], cells)),
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let mut table =
            "| about | fault | failed step | exit code | file | process | left behind |\n|---|---|---|---|---|---|---|\n".to_owned();
        for (about, faults, cells) in &self.rows {
            table += &format!(
                "| {about} | {} | {} |\n",
                faults.join("; "),
                cells.join(" | ")
            );
        }
        print!("{table}");
    }
}

/// What is owed after a fault.
#[derive(Clone, Copy, Default)]
struct Owed<'o> {
    /// One of these exit codes, where that is certain.
    codes: &'o [i32],
    /// The step that fails, where that is certain.
    step: Option<&'o str>,
    /// Somebody else's transaction, which is not ours to end.
    theirs: Option<&'o str>,
}

impl<'o> Owed<'o> {
    /// A deployment that fails at that step, and is undone.
    fn undone(step: &'o str) -> Owed<'o> {
        Owed {
            codes: &[1],
            step: Some(step),
            theirs: None,
        }
    }
}

/// Holds the exit code and the report to what is there.
#[track_caller]
fn judge(
    table: &mut Table,
    scene: &Scene,
    next: &Next,
    fault: &str,
    deployed: &Deployed,
    owed: Owed<'_>,
) {
    if scene.with_master {
        let side = match deployed.code {
            Some(0) => Side::New,
            _ => Side::Old,
        };
        assert!(scene.settles(next, side), "{fault}: HAProxy is not {side}");
    }
    let (files, process) = (scene.files(next), scene.process(next));
    let (leftovers, transaction) = (scene.leftovers(), scene.transaction());
    let (code, outcome) = deployed.ended();
    let code = code.expect("it ended by itself");
    let list = |name: &str| {
        let items = deployed.json[name].as_array().expect("a list").iter();
        items
            .map(|it| it.as_str().expect("words").to_owned())
            .collect::<Vec<_>>()
    };
    let (undone, left) = (list("undone"), list("left"));
    let failed = (code != 0).then(|| deployed.failed());
    let step = failed.map_or("none", |(step, _)| step);
    let mut behind = leftovers.clone();
    behind.extend(transaction.iter().map(|it| format!("transaction of {it}")));
    behind.extend(left.iter().cloned());
    let behind = match behind.is_empty() {
        true => "nothing".to_owned(),
        false => without_paths(scene, &behind.join("; ")),
    };
    let cells = [
        step,
        &code.to_string()[..],
        &files.to_string(),
        &process.to_string(),
        &behind,
    ];
    table.row(fault, cells.map(|it| it.to_owned()));

    let why = || format!("{fault}: {}{}", deployed.said, deployed.json);
    assert!(
        owed.codes.is_empty() || owed.codes.contains(&code),
        "{}",
        why()
    );
    if let Some(owed) = owed.step.filter(|_| code != 0) {
        assert_eq!(step, owed, "{}", why());
    }
    let is_theirs = |open: &String| owed.theirs == Some(open.as_str());
    match code {
        0 => {
            assert!(matches!(outcome, "deployed" | "unchanged"), "{}", why());
            assert_eq!((files, process), (Side::New, Side::New), "{}", why());
            assert!(undone.is_empty() && left.is_empty(), "{}", why());
        }
        1 => {
            assert_eq!(outcome, "not-deployed");
            assert_eq!((files, process), (Side::Old, Side::Old), "{}", why());
            assert!(scene.has_the_same_names(next), "{}", why());
            assert!(left.is_empty(), "{}", why());
            // What was not done is not said to be undone, and what was done is.
            let is_late = matches!(step, "update" | "verify" | "finish");
            assert_eq!(!undone.is_empty(), is_late, "{}", why());
        }
        3 => {
            assert_eq!(outcome, "not-undone");
            assert!(!left.is_empty(), "{}", why());
        }
        _ => panic!("{}", why()),
    }
    if code != 3 {
        let is_idle = transaction.as_ref().is_none_or(is_theirs);
        assert!(is_idle, "{transaction:?} is open; {}", why());
        assert!(leftovers.is_empty(), "{leftovers:?}; {}", why());
        let is_last_said = deployed.said.contains(match code {
            0 => "deployed: ",
            _ => "not deployed: all is as it was",
        });
        assert!(is_last_said || outcome == "unchanged", "{}", why());
    }
}

/// A text with short names for the folders that each run makes new, and for numbers.
fn without_paths(scene: &Scene, text: &str) -> String {
    let text = text.replace(&*scene.site.run.folder().to_string_lossy(), "");
    let mut parts = text.split("/tmp/fullchain-");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('/').map_or(part, |(_, rest)| rest)
    })
}

/// The next deployment, of the same, gets through and leaves nothing behind.
#[track_caller]
fn next_gets_through(scene: &Scene, next: &Next, fault: &str) {
    let (socket, tls) = (scene.socket(), scene.tls());
    let reload = scene.reload();
    let how = match scene.with_master {
        // Between two workers, one would get half of it.
        true => ["--reload", &reload],
        false => ["--socket", &socket],
    };
    let deployed = scene.deploy(next, &[&how[..], &["--verify", &tls]].concat());
    let why = || format!("after {fault}: {}{}", deployed.said, deployed.json);
    assert_eq!(deployed.code, Some(0), "{}", why());
    assert!(
        !scene.with_master || scene.settles(next, Side::New),
        "{}",
        why()
    );
    let is_there = (scene.files(next), scene.process(next));
    assert_eq!(is_there, (Side::New, Side::New), "{}", why());
    assert_eq!(scene.leftovers(), [""; 0], "{}", why());
    assert_eq!(scene.transaction(), None, "{}", why());
}

/// What HAProxy says when it refuses that command.
fn refusal(command: &str) -> &'static str {
    let words = [
        ("new ssl cert", "Certificate already exists!\n"),
        (
            "set ssl cert",
            "unable to load certificate from file 'site.pem'.\nCan't load the payload\n\n",
        ),
        (
            "commit ssl cert",
            "Can't commit site.pem!\nCan't create a new ckch instance.\n\n",
        ),
        (
            "add ssl crt-list",
            "Can't edit the crt-list: the bind line is gone\n\n",
        ),
        (
            "show ssl cert /",
            "Can't display the certificate: Not found or the specified file is not a certificate\n\n",
        ),
    ];
    let found = words.iter().find(|(start, _)| command.starts_with(start));
    found.map_or("Permission denied\n", |(_, words)| *words)
}

/// A command without the names in it.
fn keywords(command: &str) -> &str {
    command.split(" /").next().unwrap_or(command)
}

/// Each command of a deployment goes wrong in each of these ways, once.
fn each_command_goes_wrong(kind: Kind, faults: &[&str]) {
    every_command_goes_wrong(kind, faults, |_| true);
}

fn every_command_goes_wrong(kind: Kind, faults: &[&str], is_meant: impl Fn(usize) -> bool) {
    let scene = Scene::new(kind);
    let tls = scene.tls();
    let admin = scene.haproxy.admin_socket();
    let mut table = Table::new();
    let next = scene.next();
    let honest = Faulty::new(&admin);
    let socket = text(&honest.socket());
    let good = scene.deploy(&next, &["--socket", &socket, "--verify", &tls]);
    judge(
        &mut table,
        &scene,
        &next,
        &format!("{kind:?}: none"),
        &good,
        Owed::default(),
    );
    assert_eq!(good.code, Some(0), "{}", good.said);
    scene.forget(&next);
    let commands = honest.heard();
    let commands = commands.iter().enumerate();
    for (nth, command) in commands.filter(|(nth, _)| is_meant(*nth)) {
        for kind_of_fault in faults {
            let fault = match *kind_of_fault {
                "is the last to be answered" => Fault::Last,
                "is not passed on" => Fault::Dropped,
                "is passed on and not answered" => Fault::Unanswered,
                "is passed on, and HAProxy is not reached any more" => Fault::Gone,
                "is answered by half" => Fault::Cut,
                "is refused" => Fault::Answered(refusal(command).to_owned()),
                _ => Fault::Silent,
            };
            let is_hiccup = !matches!(fault, Fault::Last | Fault::Gone);
            let next = scene.next();
            let faulty = Faulty::with(&admin, "", nth, fault);
            let socket = text(&faulty.socket());
            let options = ["--socket", &socket, "--verify", &tls, "--timeout", "1"];
            let deployed = scene.deploy(&next, &options);
            assert!(faulty.has_struck(), "{}", deployed.said);
            let name = format!(
                "{kind:?}, `{}` ({}): it {kind_of_fault}",
                keywords(command),
                nth + 1
            );
            let owed = Owed {
                // When the socket works again, everything can be undone.
                codes: if is_hiccup { &[0, 1] } else { &[] },
                ..Owed::default()
            };
            judge(&mut table, &scene, &next, &name, &deployed, owed);
            next_gets_through(&scene, &next, &name);
            scene.forget(&next);
        }
    }
}

const HICCUPS: &[&str] = &[
    "is not passed on",
    "is passed on and not answered",
    "is answered by half",
    "is refused",
];

#[test]
fn any_command_about_a_known_certificate_may_go_wrong() {
    each_command_goes_wrong(Kind::Known, HICCUPS);
}

#[test]
fn any_command_about_a_new_certificate_may_go_wrong() {
    each_command_goes_wrong(Kind::New, HICCUPS);
}

#[test]
fn any_command_about_a_crt_list_may_go_wrong() {
    each_command_goes_wrong(Kind::Listed, HICCUPS);
}

#[test]
fn any_command_about_twins_may_go_wrong() {
    each_command_goes_wrong(
        Kind::Twins,
        &["is passed on and not answered", "is refused"],
    );
}

#[test]
fn any_command_about_a_certificate_with_its_key_apart_may_be_refused() {
    each_command_goes_wrong(Kind::Split, &["is refused"]);
}

/// Where HAProxy is not reached any more.
const ENDS: &[&str] = &[
    "is the last to be answered",
    "is passed on, and HAProxy is not reached any more",
];

#[test]
fn haproxy_may_be_gone_in_the_middle_of_a_known_certificate() {
    each_command_goes_wrong(Kind::Known, ENDS);
}

#[test]
fn haproxy_may_be_gone_in_the_middle_of_a_new_certificate() {
    each_command_goes_wrong(Kind::New, ENDS);
}

#[test]
fn any_command_may_stay_without_an_answer() {
    // Most of the time is waited.
    thread::scope(|scope| {
        for part in 0..4 {
            let is_meant = move |nth| nth % 4 == part;
            let faults = &["is never answered"];
            scope.spawn(move || every_command_goes_wrong(Kind::Listed, faults, is_meant));
        }
    });
}

/// One deployment with something wrong, and the next one.
#[track_caller]
fn one(
    table: &mut Table,
    scene: &Scene,
    next: &Next,
    fault: &str,
    options: &[&str],
    owed: Owed<'_>,
) -> Deployed {
    let deployed = scene.deploy(next, options);
    judge(table, scene, next, fault, &deployed, owed);
    next_gets_through(scene, next, fault);
    deployed
}

#[test]
fn a_socket_that_nobody_answers_is_found_out_before_anything_is_written() {
    let scene = Scene::new(Kind::Known);
    let mut table = Table::new();
    let (missing, refusing) = (scene.site.text("no.sock"), scene.site.text("refusing.sock"));
    drop(UnixListener::bind(&refusing).unwrap());
    for (fault, socket) in [("missing", missing), ("refusing", refusing)] {
        let fault = format!("--socket: {fault}");
        let options = ["--socket", &socket, "--verify", &scene.tls()];
        let owed = Owed::undone("foretell");
        one(&mut table, &scene, &scene.next(), &fault, &options, owed);
    }
}

#[test]
fn a_full_disk_leaves_all_as_it_was() {
    let mut table = Table::new();
    for kind in [Kind::Known, Kind::Split, Kind::Twins, Kind::New] {
        let scene = Scene::on_disk_of(kind, 128 * 1024, 80);
        let (socket, tls) = (scene.socket(), scene.tls());
        let config = text(&scene.haproxy.config());
        let over = ["--socket", &socket, "--verify", &tls];
        let checked = [&over[..], &["--config", &config]].concat();
        let mut codes = Vec::new();
        for (options, with) in [(&over[..], ""), (&checked, " with --config")] {
            for is_pages in [true, false] {
                for room in 0..6 {
                    let next = scene.next();
                    let what = match is_pages {
                        true => {
                            scene.mount().fill_but(room);
                            "pages"
                        }
                        false => {
                            scene.mount().fill_names_but(room);
                            "inodes"
                        }
                    };
                    let fault = format!("a full disk, {kind:?}{with}: {room} {what} left");
                    let deployed = scene.deploy(&next, options);
                    judge(
                        &mut table,
                        &scene,
                        &next,
                        &fault,
                        &deployed,
                        Owed {
                            codes: &[0, 1],
                            ..Owed::default()
                        },
                    );
                    if deployed.code == Some(1) {
                        let (step, why) = deployed.failed();
                        assert!(matches!(step, "write" | "check"), "{step}: {why}");
                        assert!(why.contains("No space left on device"), "{why}");
                    }
                    codes.push(deployed.code);
                    scene.mount().empty();
                    next_gets_through(&scene, &next, &fault);
                    scene.forget(&next);
                }
            }
        }
        // The levels are such that some suffice.
        let refused = codes.iter().filter(|code| **code == Some(1)).count();
        assert!(refused >= 8 && refused < codes.len(), "{codes:?}");
    }
}

/// The command by a user without rights, who may read what it is given and reach HAProxy.
fn as_nobody(scene: &Scene, next: &Next, options: &[&str]) -> Deployed {
    let folder = scene.site.run.folder();
    let haproxys = scene.haproxy.admin_socket();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    for open in [
        folder,
        haproxys.parent().unwrap(),
        &haproxys,
        &scene.haproxy.tls_socket(),
    ] {
        mode(open, 0o777);
    }
    for input in next.renewed.iter().flat_map(|it| &it.inputs) {
        mode(Path::new(input).parent().unwrap(), 0o755);
        mode(Path::new(input), 0o644);
    }
    let command = scene.command(next, options);
    let program = text(&folder.join("fullchain"));
    // `install` makes a copy where everybody may run it: one that this process has open for
    // writing while another test starts a process could not be run.
    let installed = Command::new("install")
        .args(["-m", "755"])
        .arg(command.get_program())
        .arg(&program)
        .status();
    assert!(installed.is_ok_and(|status| status.success()));
    let mut other = scene.site.run.program("setpriv");
    let user = NOBODY.to_string();
    other.args([
        "--reuid",
        &user,
        "--regid",
        &user,
        "--clear-groups",
        &program,
    ]);
    other.args(command.get_args()).env("LC_ALL", "C");
    Deployed::of(Ended::of(other))
}

#[test]
fn a_folder_or_file_that_may_not_be_changed_leaves_all_as_it_was() {
    let scene = Scene::new(Kind::Known);
    let (socket, tls) = (scene.socket(), scene.tls());
    let over = ["--socket", &socket, "--verify", &tls];
    let mut table = Table::new();
    let (certs, file) = (scene.site.path("certs"), scene.site.path("certs/site.pem"));
    let is_root = fs::metadata(&certs).unwrap().uid() == 0;
    assert!(
        is_root,
        "the tests of missing rights are root's: another user has none to give away"
    );
    for (fault, folder_mode, owner, step) in [
        ("may not be written", 0o500, NOBODY, "write"),
        ("may not be listed", 0o300, NOBODY, "lock"),
        ("may not be entered", 0o600, NOBODY, "write"),
        (
            "is somebody else's file, whose owner cannot be kept",
            0o700,
            0,
            "write",
        ),
    ] {
        chown(&certs, Some(NOBODY), Some(NOBODY)).unwrap();
        chown(&file, Some(owner), Some(owner)).unwrap();
        fs::set_permissions(&certs, fs::Permissions::from_mode(folder_mode)).unwrap();
        let next = scene.next();
        let deployed = as_nobody(&scene, &next, &over);
        let fault = format!("--to: {fault}");
        judge(
            &mut table,
            &scene,
            &next,
            &fault,
            &deployed,
            Owed {
                codes: &[1],
                ..Owed::undone(step)
            },
        );
        fs::set_permissions(&certs, fs::Permissions::from_mode(0o755)).unwrap();
        next_gets_through(&scene, &next, &fault);
    }
    // With all rights it works.
    chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
    let next = scene.next();
    let deployed = as_nobody(&scene, &next, &over);
    deployed.is("deployed");
}

/// A commit that HAProxy refuses: the files are in their places then, and have to come back.
fn refused_commit(scene: &Scene) -> Faulty {
    let words = refusal("commit ssl cert").to_owned();
    let admin = scene.haproxy.admin_socket();
    Faulty::with(&admin, "commit ssl cert", 0, Fault::Answered(words))
}

#[test]
fn owner_mode_and_links_of_the_file_stay_on_the_way_back_too() {
    let scene = Scene::new(Kind::Known);
    let tls = scene.tls();
    let mut table = Table::new();
    let file = scene.site.path("certs/site.pem");
    chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let other = scene.site.path("certs/other-name");
    fs::hard_link(&file, &other).unwrap();
    let seen = |path: &Path| {
        let it = fs::metadata(path).unwrap();
        (it.uid(), it.gid(), it.mode() & 0o7777, it.ino(), it.nlink())
    };
    let before = seen(&file);
    let faulty = refused_commit(&scene);
    let socket = text(&faulty.socket());
    let next = scene.next();
    let deployed = scene.deploy(&next, &["--socket", &socket, "--verify", &tls]);
    let fault = "foreign owner, mode 0640, a hard link: a commit is refused";
    judge(
        &mut table,
        &scene,
        &next,
        fault,
        &deployed,
        Owed::undone("update"),
    );
    assert_eq!(seen(&file), before);
    assert_eq!(seen(&other), before);
    let old = fs::read(&other).unwrap();
    next_gets_through(&scene, &next, fault);
    let (uid, gid, mode, ..) = seen(&file);
    assert_eq!((uid, gid, mode), (NOBODY, NOBODY, 0o640));
    assert_eq!(fs::read(&other).unwrap(), old);
}

#[test]
fn a_symbolic_link_stays_one_and_what_it_leads_to_comes_back() {
    let scene = Scene::new(Kind::Known);
    let (admin, tls) = (scene.socket(), scene.tls());
    let mut table = Table::new();
    let site = &scene.site;
    let (file, real) = (site.path("certs/site.pem"), site.path("elsewhere/real.pem"));
    fs::create_dir(site.path("elsewhere")).unwrap();
    fs::rename(&file, &real).unwrap();
    symlink("../elsewhere/real.pem", &file).unwrap();
    let faulty = refused_commit(&scene);
    let socket = text(&faulty.socket());
    let options = ["--socket", &socket, "--verify", &tls];
    let fault = "--to is a link to another folder: a commit is refused";
    one(
        &mut table,
        &scene,
        &scene.next(),
        fault,
        &options,
        Owed::undone("update"),
    );
    assert_eq!(
        fs::read_link(&file).unwrap(),
        Path::new("../elsewhere/real.pem")
    );
    assert!(fs::symlink_metadata(&real).unwrap().is_file());

    let over = ["--socket", &admin, "--verify", &tls];
    let was = fs::read(&real).unwrap();
    for (fault, target, step) in [
        ("--to is a link: to itself", "site.pem", "lock"),
        (
            "--to is a link: into a folder that is not there",
            "../nowhere/real.pem",
            "lock",
        ),
    ] {
        fs::remove_file(&file).unwrap();
        symlink(target, &file).unwrap();
        let next = scene.next();
        let deployed = scene.deploy(&next, &over);
        judge(
            &mut table,
            &scene,
            &next,
            fault,
            &deployed,
            Owed::undone(step),
        );
        fs::remove_file(&file).unwrap();
        fs::write(&file, &was).unwrap();
        next_gets_through(&scene, &next, fault);
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let next = scene.next();
    let deployed = scene.deploy(&next, &over);
    judge(
        &mut table,
        &scene,
        &next,
        "--to: is a folder",
        &deployed,
        Owed {
            step: None,
            ..Owed::undone("")
        },
    );
    fs::remove_dir(&file).unwrap();
    next_gets_through(&scene, &next, "--to is a folder");
}

#[test]
fn a_dangling_link_gets_its_file_and_loses_it_again() {
    let scene = Scene::new(Kind::New);
    let tls = scene.tls();
    let mut table = Table::new();
    fs::create_dir(scene.site.path("elsewhere")).unwrap();
    let next = scene.next();
    symlink("../elsewhere/new.pem", scene.site.path(&next.to)).unwrap();
    let words = refusal("add ssl crt-list").to_owned();
    let admin = scene.haproxy.admin_socket();
    let faulty = Faulty::with(&admin, "add ssl crt-list", 0, Fault::Answered(words));
    let socket = text(&faulty.socket());
    let fault =
        "--to is a link: to a file that is not there yet, and joining the folder is refused";
    let options = ["--socket", &socket, "--verify", &tls];
    one(
        &mut table,
        &scene,
        &next,
        fault,
        &options,
        Owed::undone("update"),
    );
    assert!(scene.site.path("elsewhere/new.pem").is_file());
}

#[test]
fn a_crt_list_comes_back_byte_for_byte() {
    let scene = Scene::new(Kind::Listed);
    let tls = scene.tls();
    let mut table = Table::new();
    let list = scene.site.path("sites.list");
    // Without an end of its last line.
    let text_of = fs::read_to_string(&list).unwrap();
    fs::write(&list, text_of.trim_end()).unwrap();
    let before = fs::read(&list).unwrap();
    let admin = scene.haproxy.admin_socket();
    for (fault, words) in [
        ("it is not passed on", None),
        (
            "it is refused",
            Some(refusal("add ssl crt-list").to_owned()),
        ),
    ] {
        let fault_of = words.map_or(Fault::Dropped, Fault::Answered);
        let faulty = Faulty::with(&admin, "add ssl crt-list", 0, fault_of);
        let socket = text(&faulty.socket());
        let next = scene.next();
        let deployed = scene.deploy(&next, &["--socket", &socket, "--verify", &tls]);
        let fault = format!("a crt-list without a last line end, `add ssl crt-list`: {fault}");
        let (step, why) = deployed.failed();
        assert_eq!(step, "update", "{why}");
        assert_eq!(fs::read(&list).unwrap(), before, "{fault}");
        assert!(!scene.site.path(&next.to).exists());
        assert_eq!(deployed.ended(), (Some(1), "not-deployed"));
        table.row(
            &fault,
            [step, "1", "old", "old", "nothing"].map(str::to_owned),
        );
        assert!(scene.has_the_same_names(&next));
    }
}

#[test]
fn somebody_elses_transaction_is_waited_for_and_left_alone() {
    let mut table = Table::new();
    for kind in [Kind::Known, Kind::New] {
        let scene = Scene::new(kind);
        let tls = scene.tls();
        let socket = scene.socket();
        let theirs = scene.site.renewed("a.example");
        let (theirs_is, name) = match kind {
            Kind::Known => ("the same certificate", scene.site.text("certs/site.pem")),
            _ => ("another certificate", scene.site.text("certs/a.pem")),
        };
        let set = format!("set ssl cert {name} <<\n{}\n", theirs.pem);
        let opened = scene.haproxy.runtime(&set);
        assert!(opened.contains("Transaction created"), "{opened}");
        let next = scene.next();
        let options = ["--socket", &socket, "--verify", &tls, "--timeout", "1"];
        let deployed = scene.deploy(&next, &options);
        let fault = format!("somebody else's transaction about {theirs_is}: it stays open");
        let owed = Owed {
            theirs: Some(&name),
            ..Owed::undone("update")
        };
        judge(&mut table, &scene, &next, &fault, &deployed, owed);
        let (_, why) = deployed.failed();
        assert!(why.contains(&format!("abort ssl cert {name}")), "{why}");
        // It is as they left it.
        let committed = scene.haproxy.runtime(&format!("commit ssl cert {name}"));
        assert!(committed.contains("Success!"), "{committed}");
        let served = scene.haproxy.served_chain(Some("a.example"));
        assert_eq!(served, theirs.chain);

        // This one ends when it has been met three times.
        let opened = scene.haproxy.runtime(&set);
        assert!(opened.contains("Transaction created"), "{opened}");
        let admin = scene.haproxy.admin_socket();
        let abort = format!("abort ssl cert {name}\n");
        let end = move || {
            let mut socket = UnixStream::connect(&admin).expect("HAProxy listens");
            socket.write_all(abort.as_bytes()).expect("HAProxy reads");
            let answered = std::io::read_to_string(socket).expect("HAProxy answers");
            assert!(answered.contains("aborted"), "{answered}");
        };
        let before = match kind {
            // One is asked about by its name, too.
            Kind::Known => 2,
            _ => 1,
        };
        let admin = scene.haproxy.admin_socket();
        let met = Fault::Before(Box::new(end));
        let faulty = Faulty::with(&admin, "show ssl cert", before + 3, met);
        let socket = text(&faulty.socket());
        let next = scene.next();
        let deployed = scene.deploy(&next, &["--socket", &socket, "--verify", &tls]);
        let fault = format!("somebody else's transaction about {theirs_is}: it ends soon");
        judge(
            &mut table,
            &scene,
            &next,
            &fault,
            &deployed,
            Owed {
                codes: &[0],
                ..Owed::default()
            },
        );
        next_gets_through(&scene, &next, &fault);
    }
}

/// What `--verify` may meet instead of the new chain: its address, and what must not end before.
fn met(fault: &str, scene: &Scene, next: &Next) -> (String, Box<dyn std::any::Any>) {
    let socket = scene.site.text("other.sock");
    match fault {
        "serves another certificate" => {
            let stranger = scene.site.renewed("a.example");
            let stranger = scene.site.place("stranger.pem", &stranger);
            let haproxy = Haproxy::serve(&stranger).unwrap();
            (text(&haproxy.tls_socket()), Box::new(haproxy))
        }
        "serves another certificate, and once never answers" => {
            let stranger = scene.site.renewed("a.example");
            let stranger = scene.site.place("stranger.pem", &stranger);
            let haproxy = Haproxy::serve(&stranger).unwrap();
            let behind = haproxy.tls_socket();
            let listener = UnixListener::bind(&socket).unwrap();
            thread::spawn(move || {
                let mut held = Vec::new();
                for (nth, client) in listener.incoming().enumerate() {
                    match nth {
                        // Two handshakes were before, and two are each time it is looked.
                        6 => held.push(client),
                        _ => pass(client.unwrap(), &behind),
                    }
                }
            });
            (socket, Box::new(haproxy))
        }
        "serves the new certificate without its chain" => {
            let new = &next.renewed[0];
            let bare = scene.site.path("bare.pem");
            fs::write(&bare, [&new.cert_pem[..], &new.key_pem].concat()).unwrap();
            let haproxy = Haproxy::serve(&bare).unwrap();
            (text(&haproxy.tls_socket()), Box::new(haproxy))
        }
        "nobody listens" => {
            drop(UnixListener::bind(&socket).unwrap());
            (socket, Box::new(()))
        }
        "never answers" => {
            let listener = UnixListener::bind(&socket).unwrap();
            (socket, Box::new(listener))
        }
        "hangs up" => {
            let listener = UnixListener::bind(&socket).unwrap();
            thread::spawn(move || listener.incoming().for_each(drop));
            (socket, Box::new(()))
        }
        _ => (socket, Box::new(())),
    }
}

/// What is said here is said there, and the other way round.
fn pass(client: UnixStream, to: &Path) {
    let server = UnixStream::connect(to).unwrap();
    let ends = [
        (client.try_clone().unwrap(), server.try_clone().unwrap()),
        (server, client),
    ];
    for (mut from, mut to) in ends {
        thread::spawn(move || {
            // Whoever hangs up ends it for both.
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

#[test]
fn what_verify_does_not_confirm_is_undone() {
    let faults = [
        ("serves another certificate", "serves another certificate"),
        (
            "serves another certificate, and once never answers",
            "serves another certificate",
        ),
        (
            "serves the new certificate without its chain",
            "with another chain behind it",
        ),
        ("nobody listens", "Connection refused"),
        ("is not there", "No such file"),
        ("never answers", "timed out"),
        ("hangs up", "cannot be asked"),
    ];
    // Most of the time is waited.
    thread::scope(|scope| {
        for (fault, words) in faults {
            scope.spawn(move || {
                let scene = Scene::new(Kind::Known);
                let mut table = Table::new();
                let next = scene.next();
                let (address, _alive) = met(fault, &scene, &next);
                let socket = scene.socket();
                let options = ["--socket", &socket, "--verify", &address, "--timeout", "3"];
                let fault = format!("--verify: {fault}");
                let owed = Owed::undone("verify");
                let deployed = one(&mut table, &scene, &next, &fault, &options, owed);
                let (_, why) = deployed.failed();
                assert!(why.contains(words), "{why}");
            });
        }
    });
}

#[test]
fn what_haproxy_would_not_start_with_is_not_written() {
    let scene = Scene::new(Kind::Known);
    let (socket, tls) = (scene.socket(), scene.tls());
    let over = ["--socket", &socket, "--verify", &tls, "--timeout", "1"];
    let mut table = Table::new();
    let good = fs::read_to_string(scene.haproxy.config()).unwrap();
    let config = scene.site.text("haproxy.cfg");
    let hanging = scene.site.text("hanging");
    fs::write(&hanging, "#!/bin/sh\nsleep 60\n").unwrap();
    fs::set_permissions(&hanging, fs::Permissions::from_mode(0o755)).unwrap();
    let faulty = good.replace("mode http", "mode http\n    nonsense");
    let none = scene.site.text("no.cfg");
    for (fault, text, config, program) in [
        (
            "the configuration has another error",
            &faulty,
            &config,
            "haproxy",
        ),
        ("the configuration is not there", &good, &none, "haproxy"),
        ("the program is not there", &good, &config, "/no/haproxy"),
        ("the program hangs", &good, &config, &hanging),
    ] {
        fs::write(config, text).unwrap();
        if *config == none {
            fs::remove_file(config).unwrap();
        }
        let fault = format!("--config: {fault}");
        let options = [&over[..], &["--config", config, "--haproxy", program]].concat();
        let next = scene.next();
        one(
            &mut table,
            &scene,
            &next,
            &fault,
            &options,
            Owed::undone("check"),
        );
    }
}

#[test]
fn a_reload_that_does_not_bring_it_is_undone() {
    let once = "test -e FLAG || { touch FLAG; exit 1; }; RELOAD";
    // Most of the time is waited.
    thread::scope(|scope| {
        for (fault, command, is_verified, step, code) in [
            ("fails, then succeeds", once, true, "update", 1),
            (
                "reloads, and fails",
                "RELOAD; echo no luck; exit 4",
                true,
                "update",
                1,
            ),
            (
                "reloads, and fails soon",
                "RELOAD; sleep 0.03; exit 4",
                true,
                "update",
                1,
            ),
            (
                "reloads, and fails later",
                "RELOAD; sleep 1; exit 4",
                true,
                "update",
                1,
            ),
            ("fails", "exit 1", true, "update", 1),
            ("fails, without --verify", "exit 1", false, "update", 3),
            ("hangs", "sleep 60", true, "update", 1),
            ("hangs, without --verify", "sleep 60", false, "update", 3),
            ("does nothing", "true", true, "verify", 1),
        ] {
            scope.spawn(move || {
                let scene = Scene::with_master(Kind::Known);
                let mut table = Table::new();
                let flag = scene.site.text("flag");
                let command = command
                    .replace("FLAG", &flag)
                    .replace("RELOAD", &scene.reload());
                let fault = format!("--reload: {fault}");
                let tls = scene.tls();
                let mut options = vec!["--reload", &command, "--timeout", "2"];
                if is_verified {
                    options.extend(["--verify", &tls]);
                }
                let owed = Owed {
                    codes: &[code],
                    ..Owed::undone(step)
                };
                let next = scene.next();
                let deployed = one(&mut table, &scene, &next, &fault, &options, owed);
                if code == 3 {
                    let left = deployed.json["left"][0].as_str().unwrap();
                    assert!(left.contains("not known what it has in memory"), "{left}");
                }
            });
        }
    });
}

#[test]
fn a_reload_that_haproxy_refuses_is_undone() {
    let scene = Scene::with_master(Kind::Known);
    let (tls, reload) = (scene.tls(), scene.reload());
    let mut table = Table::new();
    let config = scene.haproxy.config();
    let good = fs::read_to_string(&config).unwrap();
    let bad = good.replace("mode http", "mode http\n    nonsense");
    fs::write(&config, bad).unwrap();
    let next = scene.next();
    let options = ["--reload", &reload, "--timeout", "2", "--verify", &tls];
    let deployed = scene.deploy(&next, &options);
    let fault = "--reload: HAProxy refuses its configuration";
    judge(
        &mut table,
        &scene,
        &next,
        fault,
        &deployed,
        Owed::undone("verify"),
    );
    fs::write(&config, good).unwrap();
    next_gets_through(&scene, &next, fault);
}

#[test]
fn a_reload_that_haproxy_loses_is_asked_for_again() {
    let scene = Scene::with_master(Kind::Known);
    let mut table = Table::new();
    let (flag, tls) = (scene.site.text("flag"), scene.tls());
    let second = format!(
        "test -e {flag} || {{ touch {flag}; exit 0; }}; {}",
        scene.reload()
    );
    let next = scene.next();
    let deployed = scene.deploy(&next, &["--reload", &second, "--verify", &tls]);
    let fault = "--reload: the first one is lost";
    judge(
        &mut table,
        &scene,
        &next,
        fault,
        &deployed,
        Owed {
            codes: &[0],
            ..Owed::default()
        },
    );
}

#[test]
fn a_bundle_that_is_too_long_for_the_socket_is_refused_whole() {
    let scene = Scene::new(Kind::Known);
    let mut table = Table::new();
    let names = (0..600).map(|n| format!("a-name-that-is-rather-long-{n}.example"));
    let next = scene.next_with(names.collect());
    assert!(next.renewed[0].pem.len() > 16 * 1024);
    let deployed = scene.deploy(&next, &["--socket", &scene.socket()]);
    let fault = "the bundle is longer than 16 KiB: HAProxy hangs up";
    judge(
        &mut table,
        &scene,
        &next,
        fault,
        &deployed,
        Owed::undone("update"),
    );
    let (_, why) = deployed.failed();
    assert!(why.contains("tune.bufsize"), "{why}");
    next_gets_through(&scene, &scene.next(), fault);
}

/// Starts it, and tells its number to whoever waits for it.
fn start(scene: &Scene, next: &Next, options: &[&str]) -> Child {
    let mut command = scene.command(next, options);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn send(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
}

/// Waits until the process handles SIGTERM, and would not just end.
fn handles_signals(process: u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = u64::from_str_radix(mask.expect("Linux tells it").trim(), 16).expect("hex");
        if mask & (1 << 14) != 0 {
            return;
        }
        assert!(Instant::now() < deadline, "no handler for SIGTERM");
        thread::sleep(Duration::from_millis(2));
    }
}

fn end_of(child: Child) -> Deployed {
    Deployed::of(Ended::from(child.wait_with_output().expect("it ends")))
}

#[test]
fn a_signal_stops_it_and_all_is_undone() {
    let scene = Scene::new(Kind::Known);
    let admin = scene.haproxy.admin_socket();
    let tls = scene.tls();
    let mut table = Table::new();
    for signal in ["-TERM", "-INT", "-HUP"] {
        for command in ["set ssl cert", "commit ssl cert"] {
            let (tell, told) = std::sync::mpsc::channel::<u32>();
            let call = move || {
                send(signal, told.recv().expect("it was started"));
                // The handler is a thread, which is not waited for by anybody.
                thread::sleep(Duration::from_millis(300));
            };
            let faulty = Faulty::with(&admin, command, 0, Fault::Before(Box::new(call)));
            let socket = text(&faulty.socket());
            let next = scene.next();
            let child = start(&scene, &next, &["--socket", &socket, "--verify", &tls]);
            tell.send(child.id()).unwrap();
            let deployed = end_of(child);
            let fault = format!("SIG{}: before `{command}`", &signal[1..]);
            judge(
                &mut table,
                &scene,
                &next,
                &fault,
                &deployed,
                Owed::undone("verify"),
            );
            next_gets_through(&scene, &next, &fault);
        }
    }

    // While somebody else deploys.
    let folder = fs::File::open(scene.site.path("certs")).unwrap();
    folder.lock().unwrap();
    let next = scene.next();
    let socket = scene.socket();
    let child = start(&scene, &next, &["--socket", &socket, "--verify", &tls]);
    handles_signals(child.id());
    send("-TERM", child.id());
    let deployed = end_of(child);
    let fault = "SIGTERM: while another deployment is waited for";
    judge(
        &mut table,
        &scene,
        &next,
        fault,
        &deployed,
        Owed::undone("lock"),
    );
    // Without a signal it waits for so long.
    let deployed = scene.deploy(&next, &["--socket", &socket, "--timeout", "1"]);
    let fault = "another deployment into the folder: does not end";
    judge(
        &mut table,
        &scene,
        &next,
        fault,
        &deployed,
        Owed::undone("lock"),
    );
    drop(folder);
    next_gets_through(&scene, &next, fault);

    // While another chain is served than is waited for.
    let stranger = scene
        .site
        .place("stranger.pem", &scene.site.renewed("a.example"));
    let stranger = Haproxy::serve(&stranger).unwrap();
    let strange = text(&stranger.tls_socket());
    let next = scene.next();
    let mut child = start(&scene, &next, &["--socket", &socket, "--verify", &strange]);
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("\nupdate: ") {
        let read = std::io::BufRead::read_line(&mut lines, &mut said).unwrap();
        assert!(read > 0, "{said}");
    }
    send("-TERM", child.id());
    said += &std::io::read_to_string(lines).unwrap();
    let began = Instant::now();
    let mut deployed = end_of(child);
    deployed.said = said;
    assert!(began.elapsed() < Duration::from_secs(5));
    let fault = "SIGTERM: while --verify serves another certificate";
    judge(
        &mut table,
        &scene,
        &next,
        fault,
        &deployed,
        Owed::undone("verify"),
    );
    next_gets_through(&scene, &next, fault);
}

#[test]
fn a_signal_ends_the_reload_command_too() {
    let scene = Scene::with_master(Kind::Known);
    let mut table = Table::new();
    let flag = scene.site.text("flag");
    let reload = scene.reload();
    let command =
        format!("test -e {flag} || {{ touch {flag}; kill -TERM $PPID; sleep 60; }}; {reload}");
    let next = scene.next();
    let options = ["--reload", &command, "--verify", &scene.tls()];
    let began = Instant::now();
    let deployed = scene.deploy(&next, &options);
    assert!(began.elapsed() < Duration::from_secs(50));
    let fault = "SIGTERM: while the reload command hangs";
    judge(
        &mut table,
        &scene,
        &next,
        fault,
        &deployed,
        Owed::undone("update"),
    );
    next_gets_through(&scene, &next, fault);
}

#[test]
fn what_cannot_be_put_back_is_told() {
    let mut table = Table::new();
    let scene = Scene::new(Kind::Known);
    let (socket, tls) = (scene.socket(), scene.tls());
    let strange = scene.site.text("no.sock");
    let options = ["--socket", &socket, "--verify", &strange, "--timeout", "1"];
    let over = ["--socket", &socket, "--verify", &tls];
    let file = scene.site.path("certs/site.pem");
    let old = scene.site.read("certs/site.pem");
    let old_chain = scene.haproxy.served_chain(Some("a.example"));
    let row = |table: &mut Table, fault: &str, process: &str, deployed: &Deployed| {
        assert_eq!(
            deployed.ended(),
            (Some(3), "not-undone"),
            "{fault}: {}",
            deployed.said
        );
        let left = deployed.json["left"][0].as_str().unwrap().to_owned();
        let (step, _) = deployed.failed();
        let cells = [step, "3", "old", process, &without_paths(&scene, &left)];
        table.row(fault, cells.map(str::to_owned));
        left
    };

    // HAProxy has another certificate than the file, which nobody has any more.
    let other = scene.site.renewed("a.example");
    scene.haproxy.set_certificate(&file, &other.pem).unwrap();
    let deployed = scene.deploy(&scene.next(), &options);
    let fault = "HAProxy had another certificate than the file, nobody listens at --verify";
    let left = row(&mut table, fault, "the file's", &deployed);
    assert!(
        left.contains("it had another certificate than the file"),
        "{left}"
    );
    assert_eq!(scene.site.read("certs/site.pem"), old);
    assert_eq!(scene.haproxy.served_chain(Some("a.example")), old_chain);

    // The file is none that HAProxy could be given again.
    fs::write(&file, "garbage").unwrap();
    let next = scene.next();
    let deployed = scene.deploy(&next, &options);
    let fault = "the file was broken already, nobody listens at --verify";
    let left = row(&mut table, fault, "new", &deployed);
    assert!(left.contains("until it is reloaded"), "{left}");
    assert_eq!(scene.site.read("certs/site.pem"), "garbage");
    assert_eq!(scene.process(&next), Side::New);
    let deployed = scene.deploy(&next, &over);
    deployed.is("deployed");
    assert_eq!(scene.leftovers(), [""; 0]);
}

#[test]
fn the_old_response_is_stapled_again_when_it_is_undone() {
    let scene = Scene::new(Kind::Known);
    let site = &scene.site;
    let (tls, strange) = (scene.tls(), site.text("no.sock"));
    let responder = Responder::new(&site.issuing);
    let [old, new] = ["a.example"; 2].map(|name| site.renewed(name));
    let ocsp = site.path("certs/site.pem.ocsp");
    let respond = |renewed: &Renewed| {
        let response = responder.answer(&["-ndays", "7"], &[&renewed.cert_pem]);
        fs::write(&ocsp, response).unwrap();
    };
    for renewed in [&old, &new] {
        responder.knows(&renewed.cert_pem, false);
    }
    let is_stapled = || {
        let (_, said) = scene.haproxy.s_client(Some("a.example"), &["-status"]);
        said.contains("OCSP Response Status: successful")
    };
    let socket = scene.socket();
    respond(&old);
    let over = ["--socket", &socket, "--verify", &tls];
    site.deploy("certs/site.pem", &over, &[&old]).is("deployed");
    assert!(is_stapled());

    // The response is still the old certificate's: it is in the file.
    let options = ["--socket", &socket, "--verify", &strange, "--timeout", "1"];
    let deployed = site.deploy("certs/site.pem", &options, &[&new]);
    deployed.is("not-deployed");
    assert_eq!(scene.haproxy.served_chain(Some("a.example")), old.chain);
    assert!(is_stapled());

    // It is the new one's already, and the old one is nowhere any more.
    respond(&new);
    let deployed = site.deploy("certs/site.pem", &options, &[&new]);
    deployed.is("not-undone");
    let left = deployed.json["left"][0].as_str().unwrap();
    assert!(left.contains("had an OCSP response"), "{left}");
    assert_eq!(scene.haproxy.served_chain(Some("a.example")), old.chain);
    assert!(!is_stapled());
    site.deploy("certs/site.pem", &over, &[&new]).is("deployed");
    assert!(is_stapled());
    assert_eq!(scene.leftovers(), [""; 0]);
}
