//! Corrected copies of what was examined, and what is different about them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use super::{Cure, Diagnosis, Edit, Examination};
use crate::base::text::Printable;
use crate::bundle::Bundle;
use crate::finding::Severity;
use crate::haproxy::config::File;

/// The lines around a change in a diff.
const CONTEXT: usize = 3;

/// Corrected copies: of configuration files, and of certificate files as bundles.
#[derive(Clone, Default)]
pub struct Fix {
    files: BTreeMap<PathBuf, Zeroizing<Vec<u8>>>,
    diff: String,
}

impl std::fmt::Debug for Fix {
    /// There are keys in certificate files.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fix")
            .field("files", &self.files.keys())
            .field("diff", &self.diff)
            .finish()
    }
}

impl Examination {
    /// The configuration files, and the crt-lists that they name, as they are when all cures of
    /// errors and warnings are applied to them. Those that are certificate files are for
    /// [`Fix::bundle`].
    pub fn fix(&self, files: &[File]) -> Fix {
        let mut by_file: HashMap<&str, Vec<&Edit>> = HashMap::new();
        for edit in self.cures().flat_map(edits_of) {
            by_file.entry(&edit.file).or_default().push(edit);
        }
        let mut fix = Fix::default();
        for file in files.iter().chain(&self.crt_lists) {
            if let Some(edits) = by_file.get(file.name.as_str()) {
                fix.lines(file, edits);
            }
        }
        fix
    }

    /// The certificate files that are to be written anew.
    pub fn bundles(&self) -> Vec<&Path> {
        let mut bundles: Vec<&Path> = self
            .cures()
            .filter_map(|it| match &it.cure {
                Some(Cure::Bundle(path)) => Some(path.as_path()),
                _ => None,
            })
            .collect();
        bundles.sort();
        bundles.dedup();
        bundles
    }

    fn cures(&self) -> impl Iterator<Item = &Diagnosis> {
        let diagnoses = self.diagnoses.iter();
        diagnoses.filter(|it| it.finding.severity >= Severity::Warning)
    }
}

fn edits_of(diagnosis: &Diagnosis) -> &[Edit] {
    match &diagnosis.cure {
        Some(Cure::Edit(edits)) => edits,
        _ => &[],
    }
}

impl Fix {
    /// Whether there is nothing to correct.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// A corrected file; `None` for one that is as it was. Mind where it goes: certificate files have
    /// keys in them.
    pub fn file(&self, path: &Path) -> Option<&[u8]> {
        self.files.get(path).map(|bytes| bytes.as_slice())
    }

    /// What is different, in the form of `diff -u`. Of certificate files it says that they are: what
    /// is in them is nobody's business.
    pub fn diff(&self) -> &str {
        &self.diff
    }

    /// A certificate file, written anew.
    pub fn bundle(&mut self, path: &Path, bundle: &Bundle) {
        let pem = crate::haproxy::pem(bundle);
        self.files.insert(
            path.to_owned(),
            Zeroizing::new(pem.expose().as_bytes().to_vec()),
        );
        // A name with a line end in it would be a change of its own.
        let path = path.display().to_string();
        let _ = writeln!(
            self.diff,
            "# {}: written anew by its key, leaf and intermediates",
            Printable(&path)
        );
    }

    fn lines(&mut self, file: &File, edits: &[&Edit]) {
        let mut by_line: BTreeMap<usize, Vec<&Edit>> = BTreeMap::new();
        for edit in edits {
            let of_line = by_line.entry(edit.line).or_default();
            if !of_line.contains(edit) {
                of_line.push(edit);
            }
        }
        let lines: Vec<&[u8]> = file.bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let mut changes = Vec::new();
        let mut new = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let (bare, end) = ended(line);
            let edits = by_line.get(&(index + 1));
            // What is no text no edit is of.
            let text = edits.zip(str::from_utf8(bare).ok());
            match text.map(|(edits, bare)| (bare, Edit::all(bare, edits.iter().copied()))) {
                Some((bare, after)) if after != [bare] => {
                    for line in &after {
                        new.extend_from_slice(line.as_bytes());
                        new.extend_from_slice(end);
                    }
                    changes.push((index, after));
                }
                _ => new.extend_from_slice(line),
            }
        }
        if changes.is_empty() {
            return;
        }
        self.diff += &diff(&file.name, &lines, &changes);
        self.files
            .insert(file.name.clone().into(), Zeroizing::new(new));
    }

    /// Writes all copies below a folder, which is made and must not be there: `files/` with the
    /// whole path of each, readable by their owner alone, and `changes.diff`.
    ///
    /// # Errors
    ///
    /// When the folder is there, or something cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)?;
        for (path, bytes) in &self.files {
            let whole = std::path::absolute(path)?;
            let parts = whole
                .components()
                .filter(|it| matches!(it, Component::Normal(_)));
            let copy: PathBuf = [folder, Path::new("files")]
                .into_iter()
                .map(Path::to_owned)
                .chain(parts.map(|part| PathBuf::from(part.as_os_str())))
                .collect();
            if let Some(parent) = copy.parent() {
                fs::create_dir_all(parent)?;
            }
            private(&copy)?.write_all(bytes)?;
        }
        private(&folder.join("changes.diff"))?.write_all(self.diff.as_bytes())
    }
}

fn private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// A line and its end, which the last one of a file gets if it has none.
fn ended(line: &[u8]) -> (&[u8], &[u8]) {
    let bare = line.strip_suffix(b"\n").unwrap_or(line);
    match bare.strip_suffix(b"\r") {
        Some(bare) => (bare, b"\r\n"),
        None => (bare, b"\n"),
    }
}

/// A unified diff: each changed line with those around it.
fn diff(name: &str, lines: &[&[u8]], changes: &[(usize, Vec<String>)]) -> String {
    let mut diff = format!("--- {name}\n+++ {name}\n");
    let mut grown = 0;
    let mut rest = changes;
    while let Some((first, _)) = rest.first() {
        // Changes whose surroundings touch are of one hunk.
        let mut count = 1;
        while let (Some((last, _)), Some((next, _))) = (rest.get(count - 1), rest.get(count)) {
            if next - last > 2 * CONTEXT {
                break;
            }
            count += 1;
        }
        let (hunk, behind) = rest.split_at(count);
        rest = behind;
        let last = hunk.last().map_or(*first, |(last, _)| *last);
        let start = first.saturating_sub(CONTEXT);
        let end = (last + CONTEXT + 1).min(lines.len());
        let new: usize = hunk.iter().map(|(_, after)| after.len()).sum();
        let old_length = end - start;
        let new_length = old_length + new - hunk.len();
        let new_start = start + 1 + grown;
        let _ = writeln!(
            diff,
            "@@ -{},{old_length} +{new_start},{new_length} @@",
            start + 1
        );
        for index in start..end {
            let line = lines.get(index).map_or(&[][..], |line| ended(line).0);
            let line = String::from_utf8_lossy(line);
            match hunk.iter().find(|(changed, _)| *changed == index) {
                Some((_, after)) => {
                    // What only follows it leaves it as it is.
                    let stays = after.first().is_some_and(|first| *first == line);
                    let _ = writeln!(diff, "{}{line}", if stays { ' ' } else { '-' });
                    for line in after.iter().skip(stays.into()) {
                        let _ = writeln!(diff, "+{line}");
                    }
                }
                None => {
                    let _ = writeln!(diff, " {line}");
                }
            }
        }
        grown = (grown + new).saturating_sub(hunk.len());
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::change::Change;
    use crate::doctor::edit::Texts;
    use crate::origin::Origin;

    #[test]
    fn what_is_not_changed_stays_byte_for_byte() {
        let files = [File::new(
            "a.cfg",
            b"# caf\xe9\r\nfrontend a\r\n bind :1\n bind :2 # \xe9\n bind :3",
        )];
        let edits = [2, 3, 4, 5].map(|line| {
            let at = Origin::new("a.cfg").with_lines(line, line);
            Texts::new(&files, &[]).edit(&at, Change::Add("x".to_owned()))
        });
        assert!(edits[2].is_none(), "it is no text");
        let mut fix = Fix::default();
        fix.lines(&files[0], &edits.iter().flatten().collect::<Vec<_>>());
        assert_eq!(
            fix.file(Path::new("a.cfg")),
            Some(&b"# caf\xe9\r\nfrontend a x\r\n bind :1 x\n bind :2 # \xe9\n bind :3 x\n"[..])
        );
    }

    #[test]
    fn hunks_say_where_they_are_before_and_behind() {
        let numbers: Vec<String> = (1..=20).map(|number| format!("{number}\n")).collect();
        let lines: Vec<&[u8]> = numbers.iter().map(String::as_bytes).collect();
        let new = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        let changes = [
            (1, new(&["2", "two", "zwei"])),
            (4, Vec::new()),
            (18, new(&["nineteen"])),
        ];
        assert_eq!(
            diff("a.cfg", &lines, &changes),
            "--- a.cfg\n+++ a.cfg\n@@ -1,8 +1,9 @@\n 1\n 2\n+two\n+zwei\n 3\n 4\n-5\n 6\n 7\n 8\n@@ -16,5 +17,5 @@\n 16\n 17\n 18\n-19\n+nineteen\n 20\n"
        );
    }
}
