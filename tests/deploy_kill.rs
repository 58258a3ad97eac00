//! `fullchain deploy` killed with SIGKILL at any moment: each file is whole and what is served is,
//! and the same command once more deploys, and leaves nothing behind.
//!
//! `FULLCHAIN_KILLS` says how often; `-- --nocapture | grep '^|'` prints where it was hit.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::deploying::text;
use common::faulty::{Fault, Faulty};
use common::scene::{Kind, Next, Scene, Side};

/// How often it is killed, unless the environment says otherwise.
const KILLS: u32 = 48;

/// How HAProxy gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Socket,
    Reload,
}

const VARIANTS: [(Kind, By); 6] = [
    (Kind::Known, By::Socket),
    (Kind::Twins, By::Socket),
    (Kind::Split, By::Socket),
    (Kind::New, By::Socket),
    (Kind::Listed, By::Socket),
    (Kind::Known, By::Reload),
];

/// When it is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// As soon as the folder has got so far, and so much later.
    Folder(Sign, Duration),
    /// While it waits for an answer: before HAProxy has the command, or when it has done it.
    Command { nth: usize, is_done: bool },
    /// Before the `nth` of these system calls, from 1.
    Call { names: &'static str, nth: u32 },
    /// Within its reload command, before it reloads or after.
    Reload { is_done: bool },
}

/// The system calls by which a deployment changes a file, or is heard by others. Which of several is
/// used differs between processors.
const CALLS: [&str; 6] = [
    "?chmod,?fchmod",
    "fsync",
    "?link,linkat",
    "?rename,?renameat,renameat2",
    "sendto",
    "?unlink,unlinkat",
];

/// What is seen in the folder of a deployment under way.
#[derive(Clone, Copy, Debug)]
enum Sign {
    /// A new file that is not in its place yet, or the folder of `haproxy -c`.
    Temporary,
    /// The old file under another name.
    Kept,
    /// The journal.
    Journal,
    /// The file is another.
    Replaced,
    /// The journal is gone again: it counts.
    Finished,
}

const SIGNS: [Sign; 5] = [
    Sign::Temporary,
    Sign::Kept,
    Sign::Journal,
    Sign::Replaced,
    Sign::Finished,
];

/// Any number below that one.
fn below(limit: usize) -> usize {
    let random = RandomState::new().build_hasher().finish();
    usize::try_from(random % u64::try_from(limit).expect("small")).expect("small")
}

fn within(longest: Duration) -> Duration {
    let microseconds = usize::try_from(longest.as_micros()).expect("seconds");
    Duration::from_micros(u64::try_from(below(microseconds + 1)).expect("small"))
}

/// What a deployment takes that nobody kills.
struct Typical {
    time: Duration,
    commands: usize,
}

/// What was seen after the kills.
#[derive(Default)]
struct Seen(BTreeMap<&'static str, BTreeMap<String, u32>>);

impl Seen {
    fn count(&mut self, what: &'static str, value: impl ToString) {
        *self
            .0
            .entry(what)
            .or_default()
            .entry(value.to_string())
            .or_default() += 1;
    }

    fn of(&self, what: &str, value: &str) -> u32 {
        let counts = self.0.get(what);
        counts.and_then(|it| it.get(value)).copied().unwrap_or(0)
    }

    fn add(&mut self, other: &Seen) {
        for (what, values) in &other.0 {
            for (value, count) in values {
                *self
                    .0
                    .entry(what)
                    .or_default()
                    .entry(value.clone())
                    .or_default() += count;
            }
        }
    }

    fn print(&self, of: &str) {
        let mut table = String::new();
        for (what, values) in &self.0 {
            let values: Vec<_> = values
                .iter()
                .map(|(it, count)| format!("{it} {count}"))
                .collect();
            table += &format!("| {of} | {what} | {} |\n", values.join(", "));
        }
        print!("{table}");
    }
}

/// A scene in which deployments are killed.
struct Killing {
    scene: Scene,
    by: By,
    faulty: Faulty,
}

impl Killing {
    fn new(kind: Kind, by: By) -> Killing {
        let scene = match by {
            By::Socket => Scene::new(kind),
            By::Reload => Scene::with_master(kind),
        };
        let faulty = Faulty::new(&scene.haproxy.admin_socket());
        Killing { scene, by, faulty }
    }

    /// The command, with its reports in a file.
    fn command(&self, next: &Next, is_checked: bool, reload: &str) -> Command {
        let (socket, tls) = (text(&self.faulty.socket()), self.scene.tls());
        let config = text(&self.scene.haproxy.config());
        let mut options = vec!["--verify", &tls];
        if is_checked {
            options.extend(["--config", &config]);
        }
        options.extend(match self.by {
            By::Socket => ["--socket", &socket],
            By::Reload => ["--reload", reload],
        });
        let mut command = self.scene.command(next, &options);
        let said = fs::File::create(self.said()).expect("/tmp is writable");
        command.stdout(Stdio::null()).stderr(said);
        command
    }

    fn said(&self) -> std::path::PathBuf {
        self.scene.site.path("said")
    }

    fn all_said(&self) -> String {
        fs::read_to_string(self.said()).expect("it is there")
    }

    /// The last step that it told of.
    fn last_step(&self) -> String {
        let said = self.all_said();
        let steps = said.lines().filter_map(|line| line.split_once(": "));
        let known = [
            "lock", "build", "recover", "foretell", "check", "write", "update", "verify",
            "deployed",
        ];
        let last = steps
            .map(|(step, _)| step)
            .rfind(|step| known.contains(step));
        last.unwrap_or("nothing").to_owned()
    }

    fn typical(&self, is_checked: bool) -> Typical {
        let mut times = Vec::new();
        let mut commands = 0;
        for _ in 0..3 {
            let next = self.scene.next();
            let heard = self.faulty.heard().len();
            let began = Instant::now();
            let status = self
                .command(&next, is_checked, &self.scene.reload())
                .status();
            times.push(began.elapsed());
            let said = self.all_said();
            assert!(status.is_ok_and(|it| it.success()), "{said}");
            commands = self.faulty.heard().len() - heard;
            self.scene.forget(&next);
        }
        times.sort();
        Typical {
            time: times[1],
            commands,
        }
    }

    fn moment(&self, number: u32, typical: &Typical) -> Moment {
        let spin = within(Duration::from_micros(300));
        match (number % 3, self.by) {
            (0, _) => Moment::After(within(typical.time)),
            (1, _) => Moment::Folder(SIGNS[below(SIGNS.len())], spin),
            (_, By::Socket) => Moment::Command {
                nth: below(typical.commands),
                is_done: below(2) == 0,
            },
            (_, By::Reload) => Moment::Reload {
                is_done: below(2) == 0,
            },
        }
    }

    /// A deployment that is killed, perhaps more than once, and the same once more. Says whether
    /// the last kill came in time.
    fn kill(&self, moments: &[Moment], is_checked: bool, seen: &mut Seen) -> bool {
        let next = self.scene.next();
        let mut is_killed = false;
        for moment in moments {
            is_killed = self.kill_one(&next, *moment, is_checked, seen);
        }
        let again = self
            .command(&next, is_checked, &self.scene.reload())
            .status();
        let said = self.all_said();
        let scene = &self.scene;
        let why = || format!("{:?} by {:?}, {moments:?}: {said}", scene.kind, self.by);
        assert!(again.is_ok_and(|it| it.success()), "{}", why());
        if self.by == By::Reload {
            assert!(scene.settles(&next, Side::New), "{}", why());
        }
        let is_there = (scene.files(&next), scene.process(&next));
        assert_eq!(is_there, (Side::New, Side::New), "{}", why());
        assert_eq!(scene.leftovers(), [""; 0], "{}", why());
        assert_eq!(scene.transaction(), None, "{}", why());
        scene.forget(&next);
        is_killed
    }

    /// One that is killed: each file is whole, and what is served.
    fn kill_one(&self, next: &Next, moment: Moment, is_checked: bool, seen: &mut Seen) -> bool {
        let reload = reload_of(moment, &self.scene.reload());
        let target = self.scene.site.path(next.first_file());
        let was = inode(&target);
        let mut command = self.command(next, is_checked, &reload);
        let (tell, told) = channel();
        if let Moment::Command { nth, is_done } = moment {
            self.faulty.arm("", nth, killing(told, is_done));
        }
        if let Moment::Call { names, nth } = moment {
            command = traced(&command, names, nth, &self.said());
        }
        let child = command.spawn();
        let mut child = child.unwrap_or_else(|error| match moment {
            Moment::Call { .. } => {
                panic!("the tests need strace: apt-get install -y strace: {error}")
            }
            _ => panic!("it does not start: {error}"),
        });
        kill_at(moment, &mut child, &tell, &target, was);
        let status = child.wait().expect("it is ours");
        let step = self.last_step();
        let scene = &self.scene;
        let why = || {
            format!(
                "{:?} by {:?}, {moment:?}, after {step}",
                scene.kind, self.by
            )
        };
        self.faulty.disarm();

        let (files, leftovers) = (scene.files(next), scene.leftovers());
        let process = scene.process(next);
        seen.count("runs", "all");
        let is_killed = status.code().is_none();
        match status.code() {
            Some(0) => {
                seen.count("killed", "too late");
                assert_eq!((files, process), (Side::New, Side::New), "{}", why());
            }
            Some(code) => panic!("{}: it ended with {code}\n{}", why(), self.all_said()),
            None => {
                seen.count("killed", kind_of(moment));
                seen.count("last step told", &step);
                seen.count("files", files);
                seen.count("process", process);
                let journals = leftovers.iter().filter(|it| it.contains("journal"));
                seen.count(
                    "left in the folder",
                    match (leftovers.len(), journals.count()) {
                        (0, _) => "nothing",
                        (_, 0) => "no journal",
                        _ => "a journal",
                    },
                );
                let open = scene.transaction().map_or("none", |_| "open");
                seen.count("transaction", open);
            }
        }
        is_killed
    }
}

/// The same command, by a tracer that kills it before the `nth` of these system calls.
fn traced(command: &Command, names: &str, nth: u32, said: &Path) -> Command {
    let mut strace = Command::new("strace");
    let kill = format!("inject={names}:signal=SIGKILL:when={nth}");
    strace.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={names}"),
        "-e",
        &kill,
    ]);
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace.current_dir(command.get_current_dir().expect("the site's folder"));
    let said = fs::File::create(said).expect("/tmp is writable");
    strace
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said);
    strace
}

fn kind_of(moment: Moment) -> &'static str {
    match moment {
        Moment::After(_) => "at a random time",
        Moment::Folder(..) => "at a sign in the folder",
        Moment::Command { .. } => "at a command",
        Moment::Call { .. } => "at a system call",
        Moment::Reload { .. } => "in the reload command",
    }
}

/// The reload command, in which it may be killed.
fn reload_of(moment: Moment, reload: &str) -> String {
    match moment {
        Moment::Reload { is_done: false } => format!("kill -KILL $PPID; {reload}"),
        Moment::Reload { is_done: true } => format!("{reload}; kill -KILL $PPID"),
        _ => reload.to_owned(),
    }
}

/// Kills the process of which it is told.
fn killing(told: Receiver<u32>, is_done: bool) -> Fault {
    let call = move || {
        let process = told.recv().expect("it was started").to_string();
        let killed = Command::new("kill").args(["-KILL", &process]).status();
        assert!(killed.is_ok_and(|status| status.success()));
    };
    match is_done {
        true => Fault::After(Box::new(call)),
        false => Fault::Before(Box::new(call)),
    }
}

fn kill_at(moment: Moment, child: &mut Child, tell: &Sender<u32>, target: &Path, was: Option<u64>) {
    match moment {
        Moment::After(delay) => thread::sleep(delay),
        Moment::Folder(sign, spin) => {
            // Without a pause, as what is looked for is there for microseconds.
            let mut has_journal = false;
            while child.try_wait().expect("it is ours").is_none() {
                let is_there = is_seen(sign, target, was, &mut has_journal);
                if is_there {
                    let until = Instant::now() + spin;
                    while Instant::now() < until {}
                    break;
                }
            }
        }
        Moment::Command { .. } => {
            // It may have ended before the command.
            let _ = tell.send(child.id());
            return;
        }
        Moment::Call { .. } | Moment::Reload { .. } => return,
    }
    // It may have ended by itself.
    let _ = child.kill();
}

fn is_seen(sign: Sign, target: &Path, was: Option<u64>, has_journal: &mut bool) -> bool {
    let folder = target.parent().expect("it is in a folder");
    let has = |start: &str| {
        let entries = fs::read_dir(folder).expect("it is there");
        let mut names = entries
            .filter_map(Result::ok)
            .map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().starts_with(start))
    };
    match sign {
        Sign::Temporary => has(".fullchain-deploy-tmp-"),
        Sign::Kept => has(".fullchain-deploy-old-"),
        Sign::Journal => has(".fullchain-deploy-journal-"),
        Sign::Replaced => inode(target) != was,
        Sign::Finished => {
            let is_there = has(".fullchain-deploy-journal-");
            *has_journal |= is_there;
            *has_journal && !is_there
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|it| it.ino())
}

#[test]
fn a_deployment_that_was_killed_is_no_obstacle_and_breaks_nothing() {
    let kills = std::env::var("FULLCHAIN_KILLS").ok();
    let kills = kills.map_or(KILLS, |it| it.parse().expect("FULLCHAIN_KILLS is a number"));
    let each = kills.div_ceil(u32::try_from(VARIANTS.len()).expect("few"));
    let all = thread::scope(|scope| {
        // Two at a time, as there are tests on machines with two cores.
        let halves = VARIANTS.chunks(VARIANTS.len() / 2).map(|variants| {
            scope.spawn(move || {
                let mut all = Seen::default();
                for (kind, by) in variants {
                    let killing = Killing::new(*kind, *by);
                    let mut seen = Seen::default();
                    let typical = [false, true].map(|is_checked| killing.typical(is_checked));
                    for number in 0..each {
                        let is_checked = number % 2 == 1;
                        let typical = &typical[usize::from(is_checked)];
                        let moment = killing.moment(number, typical);
                        killing.kill(&[moment], is_checked, &mut seen);
                    }
                    seen.print(&format!("{kind:?} by {by:?}"));
                    all.add(&seen);
                }
                all
            })
        });
        let halves: Vec<_> = halves.collect();
        let mut all = Seen::default();
        for half in halves {
            all.add(&half.join().expect("no kill breaks anything"));
        }
        all
    });
    all.print("all");
    // Kills that come too late prove nothing.
    let (runs, late) = (all.of("runs", "all"), all.of("killed", "too late"));
    assert!(late * 2 < runs, "{late} of {runs} kills came too late");
    assert!(all.of("left in the folder", "a journal") > 0);
}

#[test]
fn each_system_call_that_changes_something_may_be_the_last() {
    let kinds = [
        Kind::Known,
        Kind::Twins,
        Kind::Split,
        Kind::New,
        Kind::Listed,
    ];
    let all = thread::scope(|scope| {
        let threads = kinds.map(|kind| {
            scope.spawn(move || {
                let killing = Killing::new(kind, By::Socket);
                let mut seen = Seen::default();
                for names in CALLS {
                    let mut nth = 1;
                    while killing.kill(&[Moment::Call { names, nth }], false, &mut seen) {
                        nth += 1;
                    }
                }
                seen.print(&format!("{kind:?}, each system call"));
                seen
            })
        });
        let mut all = Seen::default();
        for seen in threads.map(|it| it.join().expect("no kill breaks anything")) {
            all.add(&seen);
        }
        all
    });
    all.print("each system call");
    // Each way of changing files was met.
    for left in ["a journal", "no journal"] {
        assert!(all.of("left in the folder", left) > 10, "{left}");
    }
    assert!(all.of("transaction", "open") > 0 && all.of("files", "mixed") > 0);
}

#[test]
fn putting_back_what_was_broken_off_may_be_broken_off_too() {
    let renaming = |nth| Moment::Call {
        names: "?rename,?renameat,renameat2",
        nth,
    };
    let removing = Moment::Call {
        names: "?unlink,unlinkat",
        nth: 1,
    };
    // Before the last file is in its place, and before the journal is removed.
    let firsts = [
        (Kind::Known, removing),
        (Kind::Twins, renaming(3)),
        (Kind::Split, renaming(3)),
        (Kind::New, removing),
        (Kind::Listed, removing),
    ];
    let all = thread::scope(|scope| {
        let threads = firsts.map(|(kind, first)| {
            scope.spawn(move || {
                let killing = Killing::new(kind, By::Socket);
                let mut seen = Seen::default();
                // What it says to HAProxy is the same as the first time.
                for names in CALLS.into_iter().filter(|names| *names != "sendto") {
                    let mut nth = 1;
                    while killing.kill(&[first, Moment::Call { names, nth }], false, &mut seen) {
                        nth += 1;
                    }
                }
                seen
            })
        });
        let mut all = Seen::default();
        for seen in threads.map(|it| it.join().expect("no kill breaks anything")) {
            all.add(&seen);
        }
        all
    });
    all.print("twice, each system call");
    assert!(all.of("left in the folder", "a journal") > 100);
}
