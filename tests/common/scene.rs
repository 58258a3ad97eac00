//! A HAProxy that serves a site, deployments to come, and what of each is done at a moment: all, or
//! nothing.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustls::SignatureScheme;
use rustls::version::TLS13;

use super::client::{ECDSA, RSA, proven_chain};
use super::command::Ended;
use super::deploying::{Deployed, Renewed, Site, text};
use super::haproxy::Haproxy;
use super::pki::LeafOptions;

/// How long a HAProxy that is being reloaded may take until it answers.
const RELOAD: Duration = Duration::from_secs(10);

/// For how long it must have served the same until it is believed.
const SETTLED: Duration = Duration::from_millis(250);

/// What kind of deployments there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a certificate that HAProxy has already.
    Known,
    /// Of one with its key in a file of its own.
    Split,
    /// Of an ECDSA and an RSA one.
    Twins,
    /// Of one that is new, in a folder.
    New,
    /// Of one that is new, in a crt-list.
    Listed,
}

/// A crt-list that only its author can have written so.
const LIST: &str = "#  sites\n\nCERTS/a.pem [alpn h2]  a.example \n# none\n";

/// A site and its HAProxy.
pub struct Scene {
    /// Unmounted before the site's folder is removed.
    mount: Option<Mount>,
    pub haproxy: Haproxy,
    pub site: Site,
    pub kind: Kind,
    pub with_master: bool,
    count: Cell<usize>,
}

/// A deployment to come: what it starts from, and what is to come of it.
pub struct Next {
    pub to: String,
    pub options: Vec<String>,
    pub renewed: Vec<Renewed>,
    files: Vec<Part<String, Option<Vec<u8>>>>,
    served: Vec<Part<Question, Chain>>,
    /// The certificates that HAProxy has before it.
    names: BTreeSet<String>,
}

type Chain = Option<Vec<Vec<u8>>>;
type Question = (String, &'static [SignatureScheme]);

/// Something that a deployment changes.
struct Part<K, V> {
    of: K,
    old: V,
    new: V,
}

/// How far a deployment got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Old,
    New,
    /// Some parts are old and some new; each is whole.
    Mixed,
}

impl Next {
    /// The file that is replaced first.
    pub fn first_file(&self) -> &str {
        &self.files.first().expect("there is one").of
    }
}

impl Side {
    fn of(sides: impl IntoIterator<Item = Side>) -> Side {
        let mut sides = sides.into_iter();
        let first = sides.next().expect("a deployment changes something");
        match sides.all(|side| side == first) {
            true => first,
            false => Side::Mixed,
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Side::Old => "old",
            Side::New => "new",
            Side::Mixed => "mixed",
        })
    }
}

impl Scene {
    pub fn new(kind: Kind) -> Scene {
        Scene::on(Site::new(), kind, None, false)
    }

    /// With a master, which reloads its worker.
    pub fn with_master(kind: Kind) -> Scene {
        Scene::on(Site::new(), kind, None, true)
    }

    /// With the certificates on a file system of their own, of that many bytes and inodes.
    pub fn on_disk_of(kind: Kind, size: usize, inodes: usize) -> Scene {
        let site = Site::new();
        let mount = Mount::tmpfs(&site.path("certs"), size, inodes);
        Scene::on(site, kind, Some(mount), false)
    }

    fn on(site: Site, kind: Kind, mount: Option<Mount>, with_master: bool) -> Scene {
        let certs = site.text("certs");
        let (ecdsa, rsa) = (site.renewed("a.example"), site.renewed_rsa("a.example"));
        let options = match kind {
            Kind::Known => {
                site.place("certs/site.pem", &ecdsa);
                format!("crt {certs}/site.pem")
            }
            Kind::Split => {
                fs::write(site.path("certs/site.pem"), certificates(&ecdsa)).unwrap();
                fs::write(site.path("certs/site.pem.key"), &ecdsa.key_pem).unwrap();
                format!("crt {certs}/site.pem")
            }
            Kind::Twins => {
                site.place("certs/site.pem.ecdsa", &ecdsa);
                site.place("certs/site.pem.rsa", &rsa);
                format!("crt {certs}/site.pem")
            }
            Kind::New => {
                site.place("certs/a.pem", &ecdsa);
                format!("crt {certs}")
            }
            Kind::Listed => {
                site.place("certs/a.pem", &ecdsa);
                fs::write(site.path("sites.list"), LIST.replace("CERTS", &certs)).unwrap();
                format!("crt-list {}", site.text("sites.list"))
            }
        };
        let haproxy = match with_master {
            true => Haproxy::bind_with_master(&options),
            false => Haproxy::bind(&options),
        };
        Scene {
            mount,
            haproxy: haproxy.expect("HAProxy takes the certificates"),
            site,
            kind,
            with_master,
            count: Cell::new(0),
        }
    }

    /// A renewal, or a certificate of another name.
    pub fn next(&self) -> Next {
        self.next_with(Vec::new())
    }

    /// As [`Scene::next`], of a certificate that has these names, too.
    pub fn next_with(&self, more: Vec<String>) -> Next {
        let number = self.count.replace(self.count.get() + 1);
        let fresh = format!("b{number}");
        let (name, to) = match self.kind {
            Kind::New | Kind::Listed => (format!("{fresh}.example"), format!("certs/{fresh}.pem")),
            _ => ("a.example".to_owned(), "certs/site.pem".to_owned()),
        };
        let renewed = self.site.issued(LeafOptions {
            dns: [name.clone()].into_iter().chain(more).collect(),
            ..LeafOptions::named(&name)
        });
        let file = |of: &str, new: String| {
            let (of, old) = (of.to_owned(), fs::read(self.site.path(of)).ok());
            let new = Some(new.into_bytes());
            Part { of, old, new }
        };
        let question = |schemes, renewed: &Renewed| {
            let of = (name.clone(), schemes);
            let old = self.served(&of);
            let new = Some(renewed.chain.clone());
            Part { of, old, new }
        };
        let mut files = Vec::new();
        let mut served = vec![question(ECDSA, &renewed)];
        let mut options = Vec::new();
        let mut twin = None;
        match self.kind {
            Kind::Known | Kind::New => files.push(file(&to, renewed.pem.clone())),
            Kind::Split => {
                files.push(file(&format!("{to}.key"), renewed.key_pem.clone()));
                files.push(file(&to, certificates(&renewed)));
                options.push("--split-key".to_owned());
            }
            Kind::Twins => {
                let rsa = self.site.renewed_rsa(&name);
                files.push(file(&format!("{to}.ecdsa"), renewed.pem.clone()));
                files.push(file(&format!("{to}.rsa"), rsa.pem.clone()));
                served.push(question(RSA, &rsa));
                options.push("--twins".to_owned());
                twin = Some(rsa);
            }
            Kind::Listed => {
                files.push(file(&to, renewed.pem.clone()));
                let list = self.site.read("sites.list");
                let line = format!("{}\n", self.site.text(&to));
                files.push(file("sites.list", list + &line));
                options.extend(["--crt-list".to_owned(), self.site.text("sites.list")]);
            }
        }
        Next {
            to,
            options,
            renewed: [renewed].into_iter().chain(twin).collect(),
            files,
            served,
            names: self.names(),
        }
    }

    /// Runs the deployment with these further options.
    pub fn deploy(&self, next: &Next, options: &[&str]) -> Deployed {
        Deployed::of(Ended::of(self.command(next, options)))
    }

    /// The command that does it.
    pub fn command(&self, next: &Next, options: &[&str]) -> Command {
        let own = next.options.iter().map(String::as_str);
        let options: Vec<&str> = own.chain(options.iter().copied()).collect();
        let renewed: Vec<&Renewed> = next.renewed.iter().collect();
        let arguments = self.site.arguments(&next.to, &options, &renewed);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.site.run.fullchain(&arguments)
    }

    pub fn socket(&self) -> String {
        text(&self.haproxy.admin_socket())
    }

    /// The command that reloads it, when it has a master.
    pub fn reload(&self) -> String {
        format!("kill -USR2 {}", self.haproxy.process_id())
    }

    pub fn tls(&self) -> String {
        text(&self.haproxy.tls_socket())
    }

    /// How far the files are.
    ///
    /// # Panics
    ///
    /// If one is neither the old nor the new one.
    pub fn files(&self, next: &Next) -> Side {
        Side::of(next.files.iter().map(|part| {
            let now = fs::read(self.site.path(&part.of)).ok();
            part.side(&now)
                .unwrap_or_else(|| panic!("{} is neither old nor new", part.of))
        }))
    }

    /// How far HAProxy is, as clients see it.
    ///
    /// # Panics
    ///
    /// If it serves neither the old nor the new chain whole.
    pub fn process(&self, next: &Next) -> Side {
        let side = self.served_side(next);
        side.unwrap_or_else(|| panic!("{} has neither the old nor the new chain", next.to))
    }

    /// Whether HAProxy gets there, and stays: `kill -USR2` does not wait for its reload.
    pub fn settles(&self, next: &Next, side: Side) -> bool {
        let deadline = Instant::now() + RELOAD;
        let mut since = None;
        while Instant::now() < deadline {
            if self.served_side(next) != Some(side) {
                since = None;
            } else if since.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(500)
            {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn served_side(&self, next: &Next) -> Option<Side> {
        let sides = next.served.iter();
        let sides = sides.map(|part| part.side(&self.served(&part.of)));
        Some(Side::of(sides.collect::<Option<Vec<_>>>()?))
    }

    fn served(&self, (name, schemes): &Question) -> Chain {
        let socket = self.haproxy.tls_socket();
        let deadline = Instant::now() + RELOAD;
        loop {
            match proven_chain(&socket, Some(name), schemes, &TLS13) {
                Ok(chain) => return Some(chain),
                Err(error) if is_alert(&error) => return None,
                // While its worker is replaced, a connection may be reset.
                Err(_) if self.with_master && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => panic!("HAProxy does not answer: {error}"),
            }
        }
    }

    /// What is in the site's folders that does not belong there.
    pub fn leftovers(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.site.run.folder().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("it is there") {
                let entry = entry.expect("it has a name");
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.file_type().expect("it is there").is_dir() {
                    folders.push(entry.path());
                }
                if name.starts_with(".fullchain") {
                    found.push(name);
                }
            }
        }
        found
    }

    /// The certificate that the open transaction is about, if one is open.
    pub fn transaction(&self) -> Option<String> {
        let listed = self.listed("show ssl cert");
        let (_, open) = listed.split_once("# transaction\n*")?;
        open.lines().next().map(str::to_owned)
    }

    /// The certificates that HAProxy has, and the entries of its crt-lists and folders.
    fn names(&self) -> BTreeSet<String> {
        let listed = self.listed("show ssl cert");
        let mut names: BTreeSet<String> = paths(&listed).collect();
        for list in paths(&self.listed("show ssl crt-list")) {
            let entries = self.listed(&format!("show ssl crt-list {list}"));
            names.extend(paths(&entries).map(|entry| format!("{entry} in {list}")));
        }
        names
    }

    fn listed(&self, command: &str) -> String {
        let deadline = Instant::now() + RELOAD;
        loop {
            match ask(&self.haproxy.admin_socket(), command) {
                Ok(listed) if listed.ends_with('\n') => return listed,
                // While its worker is replaced, it may hang up.
                _ if self.with_master && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(10));
                }
                other => panic!("HAProxy does not answer: {other:?}"),
            }
        }
    }

    /// Whether HAProxy has the same certificates as before the deployment, no more and no fewer.
    pub fn has_the_same_names(&self, next: &Next) -> bool {
        self.names() == next.names
    }

    /// Takes a new certificate away again, so that there are not more and more.
    pub fn forget(&self, next: &Next) {
        let (list, keep) = match self.kind {
            Kind::New => ("certs", None),
            Kind::Listed => (
                "sites.list",
                next.files.last().and_then(|it| it.old.clone()),
            ),
            _ => return,
        };
        let (list, file) = (self.site.text(list), self.site.text(&next.to));
        self.haproxy
            .runtime(&format!("del ssl crt-list {list} {file}"));
        self.haproxy.runtime(&format!("del ssl cert {file}"));
        fs::remove_file(&file).expect("it is there");
        if let Some(keep) = keep {
            fs::write(&list, keep).expect("the folder is writable");
        }
    }

    /// The file system of [`Scene::on_disk_of`].
    pub fn mount(&self) -> &Mount {
        self.mount.as_ref().expect("there is one")
    }
}

impl<K, V: PartialEq> Part<K, V> {
    fn side(&self, now: &V) -> Option<Side> {
        match now {
            now if *now == self.new => Some(Side::New),
            now if *now == self.old => Some(Side::Old),
            _ => None,
        }
    }
}

/// The lines of a list that are not about a transaction, nor a comment.
fn paths(listed: &str) -> impl Iterator<Item = String> {
    let lines = listed.lines().filter(|line| line.starts_with('/'));
    lines.map(str::to_owned)
}

fn ask(socket: &Path, command: &str) -> io::Result<String> {
    let mut socket = UnixStream::connect(socket)?;
    socket.write_all(format!("{command}\n").as_bytes())?;
    socket.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

fn certificates(renewed: &Renewed) -> String {
    let (certificates, _) = renewed
        .pem
        .split_at(renewed.pem.find("-----BEGIN PRIV").unwrap());
    certificates.to_owned()
}

fn is_alert(error: &io::Error) -> bool {
    error.to_string().contains("received fatal alert")
}

/// A small file system in memory, until it is dropped.
pub struct Mount {
    folder: String,
}

impl Mount {
    /// # Panics
    ///
    /// If it cannot be mounted: without it nothing is proven of a full disk.
    fn tmpfs(folder: &Path, size: usize, inodes: usize) -> Mount {
        let folder = text(folder);
        let options = format!("size={size},nr_inodes={inodes},mode=755");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "fullchain-test", &folder])
            .output()
            .expect("mount, of util-linux, starts");
        assert!(
            mounted.status.success(),
            "the tests of a full disk mount a small tmpfs, for which they must be run as root: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Mount { folder }
    }

    /// Fills it, but for so many pages of memory, of which a file takes whole ones.
    pub fn fill_but(&self, pages: usize) {
        const PAGE: usize = 4096;
        let filler = Path::new(&self.folder).join(".filler");
        let mut length = 0;
        // It is full when no more can be written.
        while append(&filler).is_ok() {
            length += PAGE;
        }
        let file = fs::File::options()
            .write(true)
            .open(&filler)
            .expect("it is there");
        file.set_len(u64::try_from(length - pages * PAGE).expect("few bytes"))
            .expect("it is there");
    }

    /// Fills it with empty files, until there is room for so many.
    pub fn fill_names_but(&self, names: usize) {
        let filler = |n: usize| Path::new(&self.folder).join(format!(".filler{n}"));
        let count = (0..)
            .take_while(|&n| fs::File::create(filler(n)).is_ok())
            .count();
        for n in count - names..count {
            fs::remove_file(filler(n)).expect("it is there");
        }
    }

    /// Makes room again.
    pub fn empty(&self) {
        for entry in fs::read_dir(&self.folder).expect("it is mounted") {
            let path = entry.expect("it has a name").path();
            if text(&path).contains("/.filler") {
                fs::remove_file(path).expect("it is there");
            }
        }
    }
}

fn append(path: &Path) -> io::Result<()> {
    let mut file = fs::File::options().create(true).append(true).open(path)?;
    file.write_all(&[0; 4096])
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, as a process of the test may still have a file open there.
        let _ = Command::new("umount").args(["-l", &self.folder]).status();
    }
}
