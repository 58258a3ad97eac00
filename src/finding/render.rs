//! A report as people read it: code, place, the line itself, the cure.

use std::fmt;

use super::{Finding, Report, Severity};

/// A [`Report`] that prints with ANSI colours. Whether the output is a terminal, and whether
/// `NO_COLOR` is set, is for the caller to ask.
#[derive(Debug)]
pub struct Styled<'a>(pub(super) &'a Report);

impl fmt::Display for Styled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render(self.0, &COLOURS, f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render(self, &PLAIN, f)
    }
}

struct Palette {
    error: &'static str,
    warning: &'static str,
    repaired: &'static str,
    note: &'static str,
    frame: &'static str,
    bold: &'static str,
    reset: &'static str,
}

const PLAIN: Palette = Palette {
    error: "",
    warning: "",
    repaired: "",
    note: "",
    frame: "",
    bold: "",
    reset: "",
};

const COLOURS: Palette = Palette {
    error: "\x1b[1;31m",
    warning: "\x1b[1;33m",
    repaired: "\x1b[1;32m",
    note: "\x1b[1;36m",
    frame: "\x1b[1;34m",
    bold: "\x1b[1m",
    reset: "\x1b[0m",
};

fn render(report: &Report, palette: &Palette, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for finding in report.findings() {
        render_one(finding, palette, f)?;
    }
    Ok(())
}

fn render_one(finding: &Finding, palette: &Palette, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Palette {
        frame, bold, reset, ..
    } = palette;
    let colour = match finding.severity {
        Severity::Error => palette.error,
        Severity::Warning => palette.warning,
        Severity::Repaired => palette.repaired,
        Severity::Note => palette.note,
    };
    let (severity, code, message) = (finding.severity, finding.code, &finding.message);
    writeln!(
        f,
        "{colour}{severity}[{code}]{reset}{bold}: {message}{reset}"
    )?;
    let Some(origin) = &finding.origin else {
        return match &finding.help {
            Some(help) => writeln!(f, " {frame}={reset} {bold}help{reset}: {help}"),
            None => Ok(()),
        };
    };
    let line = origin.first_line().map(|line| line.to_string());
    let width = line.as_ref().map_or(1, String::len);
    writeln!(f, "{:width$}{frame}-->{reset} {origin}", "")?;
    if let (Some(line), Some(text)) = (&line, origin.excerpt()) {
        writeln!(f, "{frame}{line} |{reset} {text}")?;
    }
    if let Some(help) = &finding.help {
        writeln!(f, "{:width$} {frame}={reset} {bold}help{reset}: {help}", "")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;
    use crate::origin::Origin;

    #[test]
    fn a_finding_is_printed_with_its_place_its_line_and_its_cure() {
        let mut report = Report::default();
        let origin = Origin::new("site.pem")
            .with_lines(22, 44)
            .with_excerpt("-----BEGIN PRIVATE KEY-----");
        report.push(
            Finding::new(Code::KeyMismatch, "this key belongs to nothing here")
                .at(&origin)
                .help("bring the key of this certificate"),
        );
        assert_eq!(
            report.to_string(),
            "error[key-mismatch]: this key belongs to nothing here\n\
             \x20 --> site.pem:22-44\n\
             22 | -----BEGIN PRIVATE KEY-----\n\
             \x20  = help: bring the key of this certificate\n"
        );
        assert!(report.styled().to_string().contains("\x1b[1;31merror"));
    }
}
