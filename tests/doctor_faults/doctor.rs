//! `fullchain doctor`, asked about a site, and what it says taken at its word.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::command::Ended;
use crate::site::Site;

/// What the doctor says of a site.
pub struct Said {
    findings: Vec<Value>,
    /// Where it wrote corrected copies.
    corrected: PathBuf,
}

/// Asks it with these further options.
///
/// # Panics
///
/// If it does not answer in JSON.
pub fn ask(site: &Site, options: &[&str]) -> Said {
    let corrected = site.path("corrected");
    let _ = fs::remove_dir_all(&corrected);
    let mut command = Command::new(env!("CARGO_BIN_EXE_fullchain"));
    command
        .args(["doctor", "--json", "--offline", "--haproxy-version", "2.6"])
        .arg("--roots")
        .arg(site.path("root.pem"))
        .arg("--fix")
        .arg(&corrected)
        .arg("--env")
        .arg(site.filled("SITE={dir}"))
        .args(options.iter().map(|it| site.filled(it)))
        .args(site.configs());
    let ended = Ended::of(command);
    let findings: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", ended.stdout, ended.stderr));
    let findings = findings.as_array().expect("it is a list").clone();
    let said = Said {
        findings,
        corrected,
    };
    let owed = i32::from(!said.errors().is_empty());
    assert_eq!(ended.code, Some(owed), "{}", ended.stderr);
    said
}

/// Runs another command of the program's, as the doctor says.
pub fn fullchain(site: &Site, command: &str) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_fullchain"));
    program.args(command.split(' ').map(|it| site.filled(it)));
    let ended = Ended::of(program);
    assert_eq!(ended.code, Some(0), "{command}: {}", ended.stderr);
}

impl Said {
    /// The finding of that code that points at that place, itself or by what else it shows.
    pub fn finding(&self, site: &Site, code: &str, (file, part): (&str, &str)) -> Option<&Value> {
        let path = site.path(file);
        let is_at = |origin: &Value| {
            let is_in_file = origin["source"].as_str().map(Path::new) == Some(path.as_path());
            let line = |key: &str| {
                let line = origin[key].as_u64();
                line.and_then(|line| usize::try_from(line).ok())
            };
            let Some((first, last)) = line("first_line").zip(line("last_line")) else {
                return is_in_file && part.is_empty();
            };
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
            let mut lines = text.lines().skip(first - 1).take(last + 1 - first);
            is_in_file && lines.any(|line| line.contains(&site.filled(part)))
        };
        let is_there = |finding: &&Value| {
            let evidence = finding["evidence"].as_array().into_iter().flatten();
            let mut origins = [&finding["origin"]]
                .into_iter()
                .chain(evidence.map(|it| &it["origin"]));
            origins.any(is_at)
        };
        let mut findings = self.findings.iter().filter(|it| it["code"] == code);
        findings.find(is_there)
    }

    /// The errors, in short.
    pub fn errors(&self) -> Vec<String> {
        let errors = self.findings.iter().filter(|it| it["severity"] == "error");
        errors.map(brief).collect()
    }

    /// The errors, and the warnings with other codes than these, in short.
    pub fn errors_and_warnings_but(&self, codes: &[&str]) -> Vec<String> {
        let findings = self.findings.iter().filter(|it| {
            let is_among = codes.iter().any(|code| it["code"] == *code);
            it["severity"] == "error" || it["severity"] == "warning" && !is_among
        });
        findings.map(brief).collect()
    }

    /// The codes of what was said, with the severity, each once.
    pub fn summary(&self) -> String {
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("?").to_owned();
        let mut codes: Vec<String> = Vec::new();
        for finding in &self.findings {
            let code = format!("{} {}", text(finding, "severity"), text(finding, "code"));
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        codes.join(", ")
    }

    /// All that was said, in short.
    pub fn all(&self) -> Vec<String> {
        self.findings.iter().map(brief).collect()
    }

    /// The diff of the corrected copies, its changed lines alone, each between backticks.
    pub fn changes(&self) -> String {
        let diff = fs::read_to_string(self.corrected.join("changes.diff")).unwrap_or_default();
        let is_change = |line: &&str| {
            line.starts_with(['+', '-', '#'])
                && !line.starts_with("+++")
                && !line.starts_with("---")
        };
        let lines = diff.lines().filter(is_change);
        let lines: Vec<String> = lines.map(|line| format!("`{line}`")).collect();
        lines.join(" ")
    }

    /// Copies what was corrected over the originals; how many files there are.
    pub fn apply(&self, site: &Site) -> usize {
        let files = self.corrected.join("files");
        let mut folders = vec![files.clone()];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries {
                let path = entry.expect("the folder is readable").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let inner = path.strip_prefix(&files).expect("it is in there");
                assert!(
                    inner
                        .components()
                        .all(|it| matches!(it, Component::Normal(_)))
                );
                let original = Path::new("/").join(inner);
                assert!(original.starts_with(site.path("")), "{original:?}");
                fs::copy(&path, original).expect("the folder is writable");
                count += 1;
            }
        }
        count
    }
}

/// What a finding says in words.
pub fn words(finding: &Value) -> String {
    let parts = ["message", "help"].map(|key| finding[key].as_str().unwrap_or_default());
    parts.join(" ")
}

/// Makes the changes that come with a finding; what they are.
pub fn edit(finding: &Value) -> String {
    let edits = finding["cure"]["edit"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut made = String::new();
    for edit in edits {
        let text = |value: &Value| value.as_str().expect("it is text").to_owned();
        let (file, before) = (text(&edit["file"]), text(&edit["before"]));
        let after = edit["after"].as_array().expect("it is a list");
        let after: Vec<String> = after.iter().map(text).collect();
        let number = edit["line"].as_u64().expect("it is a number");
        let number = usize::try_from(number).expect("it is a small one");
        let content = fs::read_to_string(&file).expect("the file is there");
        let mut lines: Vec<&str> = content.lines().collect();
        assert_eq!(lines[number - 1], before);
        made += &format!("`-{before}` `+{}` ", after.join("` `+"));
        lines.splice(number - 1..number, after.iter().map(String::as_str));
        fs::write(&file, lines.join("\n") + "\n").expect("the folder is writable");
    }
    made
}

/// A finding in one line.
pub fn brief(finding: &Value) -> String {
    let origin = &finding["origin"];
    let source = origin["source"].as_str().unwrap_or("");
    format!(
        "{} {} {}:{}: {}",
        finding["severity"].as_str().unwrap_or("?"),
        finding["code"].as_str().unwrap_or("?"),
        Path::new(source).file_name().unwrap_or_default().display(),
        origin["first_line"],
        finding["message"].as_str().unwrap_or("?"),
    )
}
