//! What is logged: a failed handshake is in the log only if somebody asked for it.

use std::collections::BTreeMap;

use super::lines::{Line, Modifier};
use super::setting::{Setting, Weight};

/// The options that decide what of a connection is logged.
const OPTIONS: [&str; 8] = [
    "dontlog-normal",
    "dontlognull",
    "httplog",
    "httpslog",
    "log-health-checks",
    "log-separate-errors",
    "logasap",
    "tcplog",
];

/// The log settings of a section, with those of its `defaults`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logging {
    /// The targets of `log` lines, with their options; `global` stands for those of the section
    /// `global`.
    pub targets: Vec<Setting<String>>,
    /// `log-format`
    pub log_format: Option<Setting<String>>,
    /// `error-log-format`
    pub error_log_format: Option<Setting<String>>,
    /// `option dontlognull` and the like: `false` for `no option dontlognull`.
    pub options: BTreeMap<String, Setting<bool>>,
}

impl Logging {
    /// Whether this option is set.
    pub fn has(&self, option: &str) -> bool {
        self.options.get(option).is_some_and(|it| it.value)
    }

    /// Takes a line, if it is about logs.
    pub(super) fn line(&mut self, line: &Line) {
        match line.keyword().as_str() {
            "log" if line.modifier == Some(Modifier::No) => self.targets.clear(),
            "log" => {
                let words: Vec<_> = line.arguments().map(|it| it.text()).collect();
                self.targets.push(Setting::new(words.join(" "), line));
            }
            "log-format" => self.log_format = Some(Setting::new(line.text(1), line)),
            "error-log-format" => {
                self.error_log_format = Some(Setting::new(line.text(1), line));
            }
            "option" if OPTIONS.contains(&line.text(1).as_str()) => {
                let name = line.text(1);
                // These three are formats, of which the last one counts.
                if ["httplog", "httpslog", "tcplog"].contains(&name.as_str()) {
                    self.log_format = None;
                    for other in ["httplog", "httpslog", "tcplog"] {
                        self.options.remove(other);
                    }
                }
                let setting = match line.modifier {
                    None => Setting::new(true, line),
                    Some(Modifier::No) => Setting::new(false, line),
                    Some(Modifier::Default) => {
                        self.options.remove(&name);
                        return;
                    }
                };
                self.options.insert(name, setting);
            }
            _ => {}
        }
    }
}

impl Weight for Logging {
    fn weight(&self) -> usize {
        self.targets.weight() + self.log_format.weight() + self.error_log_format.weight()
    }
}
