//! Ways to damage PEM, for tests that apply them all.

/// A name, and the text damaged.
pub type Damage = (&'static str, fn(&str) -> Vec<u8>);

fn each_line(text: &str, change: impl Fn(usize, &str) -> String) -> Vec<u8> {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| change(index, line) + "\n")
        .collect::<String>()
        .into()
}

fn without_lines(text: &str, lost: impl Fn(usize, &str) -> bool) -> Vec<u8> {
    let lines = text.lines().enumerate();
    lines
        .filter(|(index, line)| !lost(*index, line))
        .map(|(_, line)| line.to_owned() + "\n")
        .collect::<String>()
        .into()
}

fn percent_encoded(text: &str) -> String {
    text.replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
        .replace('\n', "%0A")
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn base64(bytes: &[u8]) -> String {
    let pem = super::pki::pem_block("X", bytes);
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

fn folded(text: &str, columns: usize) -> Vec<u8> {
    text.lines()
        .flat_map(|line| line.as_bytes().chunks(columns))
        .flat_map(|line| [line, b"\n"].concat())
        .collect()
}

/// What can be undone.
pub const REPAIRABLE: &[Damage] = &[
    ("none", |text| text.into()),
    ("CR LF", |text| text.replace('\n', "\r\n").into()),
    ("CR", |text| text.replace('\n', "\r").into()),
    ("byte-order mark", |text| format!("\u{feff}{text}").into()),
    ("UTF-16", |text| utf16(&format!("\u{feff}{text}"))),
    ("UTF-16 without a mark", utf16),
    ("zero-width spaces", |text| {
        text.replace('M', "\u{200b}M").into()
    }),
    ("colours", |text| {
        each_line(text, |_, line| format!("\u{1b}[31m{line}\u{1b}[0m"))
    }),
    ("JSON", |text| serde_json::to_vec(text).expect("a string")),
    ("JSON of PHP", |text| {
        text.replace('/', "\\/").replace('\n', "\\n").into()
    }),
    ("percent-encoding", |text| percent_encoded(text).into()),
    ("a form", |text| {
        percent_encoded(text).replace(' ', "+").into()
    }),
    ("HTML", |text| {
        text.replace('\n', "<br>\n").replace('+', "&#43;").into()
    }),
    ("quoted-printable", |text| text.replace('=', "=3D").into()),
    ("base64 once more", |text| base64(text.as_bytes()).into()),
    ("indentation", |text| {
        each_line(text, |_, line| format!("    {line}"))
    }),
    ("quotation", |text| {
        each_line(text, |_, line| format!("> {line}"))
    }),
    ("line numbers", |text| {
        each_line(text, |index, line| format!("{:6}\t{line}", index + 1))
    }),
    ("file names", |text| {
        each_line(text, |index, line| format!("a/b.pem:{index}:{line}"))
    }),
    ("string literals", |text| {
        each_line(text, |_, line| format!("  \"{line}\\n\" +"))
    }),
    ("a table", |text| {
        each_line(text, |_, line| format!("| {line} |"))
    }),
    ("cat -A", |text| {
        each_line(text, |_, line| format!("{line}^M$"))
    }),
    ("double spacing", |text| text.replace('\n', "\n\n").into()),
    ("newlines made spaces", |text| {
        text.replace('\n', " ").into()
    }),
    ("newlines lost", |text| text.replace('\n', "").into()),
    ("all spaces lost", |text| {
        text.replace(['\n', ' '], "").into()
    }),
    ("one column", |text| folded(text, 1)),
    ("twenty columns", |text| folded(text, 20)),
    ("joined markers", |text| {
        text.replace("-----\n-----", "----------").into()
    }),
    ("hyphens lost", |text| text.replace("-----", "---").into()),
    ("dashes", |text| {
        text.replace("-----", "\u{2014}\u{2013}").into()
    }),
    ("lower case", |text| {
        each_line(text, |_, line| match line.starts_with('-') {
            true => line.to_lowercase(),
            false => line.to_owned(),
        })
    }),
    ("padding lost", |text| text.replace('=', "").into()),
    ("base64url", |text| {
        each_line(text, |_, line| match line.starts_with('-') {
            true => line.to_owned(),
            false => line.replace('+', "-").replace('/', "_"),
        })
    }),
    ("spaces for plus", |text| text.replace('+', " ").into()),
    ("BEGIN lost", |text| {
        without_lines(text, |index, _| index == 0)
    }),
    ("END lost", |text| {
        let last = text.lines().count() - 1;
        without_lines(text, |index, _| index == last)
    }),
    ("all markers lost", |text| {
        without_lines(text, |_, line| line.starts_with('-'))
    }),
    ("BEGIN doubled", |text| {
        let begin = text.lines().next().unwrap_or_default();
        format!("{begin}\n{text}").into()
    }),
    ("another END", |text| {
        text.replace("END ", "END X509 ").into()
    }),
    ("text inside", |text| {
        each_line(text, |index, line| match index {
            2 => format!("{line}\n--More--"),
            _ => line.to_owned(),
        })
    }),
    ("headers", |text| {
        text.replacen("-----\n", "-----\nComment: x\n\n", 1).into()
    }),
    ("a certificate's label", |text| {
        relabelled(text, "CERTIFICATE")
    }),
    ("a request's label", |text| {
        relabelled(text, "CERTIFICATE REQUEST")
    }),
    ("an unknown label", |text| {
        relabelled(text, "SOMETHING ELSE")
    }),
    ("the label of an encrypted key", |text| {
        relabelled(text, "ENCRYPTED PRIVATE KEY")
    }),
];

/// What cannot be undone, or not always.
pub const DESTRUCTIVE: &[Damage] = &[
    ("cut in half", |text| {
        text.as_bytes()[..text.len() / 2].into()
    }),
    ("the second half", |text| {
        text.as_bytes()[text.len() / 2..].into()
    }),
    ("cut in half, one line", |text| {
        let line = text.replace('\n', "");
        line.as_bytes()[..line.len() / 2].into()
    }),
    ("the third line lost", |text| {
        without_lines(text, |index, _| index == 2)
    }),
    ("the third line twice", |text| {
        each_line(text, |index, line| match index {
            2 => format!("{line}\n{line}"),
            _ => line.to_owned(),
        })
    }),
    ("corrupt characters", |text| {
        each_line(text, |index, line| match index {
            0 => line.to_owned(),
            _ if line.starts_with('-') => line.to_owned(),
            _ => match line.split_at_checked(10) {
                Some((head, tail)) => format!("{head}!{}", tail.get(1..).unwrap_or_default()),
                None => format!("{line}!"),
            },
        })
    }),
    ("corrupt without BEGIN", |text| {
        text.lines()
            .skip(1)
            .collect::<String>()
            .replace('a', "~")
            .into()
    }),
    ("two letters exchanged", |text| {
        text.replace('A', "#")
            .replace('B', "A")
            .replace('#', "B")
            .into()
    }),
    ("lower case all over", |text| text.to_lowercase().into()),
    ("upper case all over", |text| text.to_uppercase().into()),
    ("cut, without BEGIN", |text| {
        let lines: Vec<&str> = text.lines().skip(1).collect();
        lines[..lines.len() / 2].join("\n").into()
    }),
    ("content for a label", |text| {
        text.replace("KEY-----\n", "KEY ").into()
    }),
    ("content before hyphens", |text| {
        text.replace('\n', "-----").into()
    }),
    ("content as a header", |text| {
        text.replacen("-----\n", "-----\nX: ", 1).into()
    }),
    ("content in a marker", |text| {
        each_line(text, |_, line| match line.starts_with('-') {
            true => line.to_owned(),
            false => format!("-----BEGIN {line}-----"),
        })
    }),
    ("content in a marker's label", |text| {
        each_line(text, |_, line| match line.starts_with('-') {
            true => line.to_owned(),
            false => format!("-----END {line}-----").to_uppercase(),
        })
    }),
    ("content in tags", |text| {
        each_line(text, |_, line| format!("<{line}>"))
    }),
    ("content in entities", |text| {
        each_line(text, |_, line| format!("&{line};"))
    }),
    ("content in escapes", |text| {
        text.replace('\n', "\u{1b}[").into()
    }),
    ("NUL for every fifth character", |text| {
        let bytes = text.bytes().enumerate();
        bytes
            .map(|(index, byte)| if index % 5 == 4 { 0 } else { byte })
            .collect()
    }),
    ("as DER", |text| {
        pem::parse(text).expect("PEM").into_contents()
    }),
    ("as DER, cut", |text| {
        let der = pem::parse(text).expect("PEM").into_contents();
        der[..der.len() / 2].into()
    }),
    ("as hexadecimal", |text| {
        let der = pem::parse(text).expect("PEM").into_contents();
        der.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into()
    }),
    ("content under a certificate's label, cut", |text| {
        let damaged = relabelled(text, "CERTIFICATE");
        damaged[..damaged.len() / 2].into()
    }),
    ("rubbish after the content", |text| {
        let der = pem::parse(text).expect("PEM").into_contents();
        super::pki::pem_block("CERTIFICATE", &[&der[..], &der].concat()).into()
    }),
    ("PKCS#8 in PKCS#8", |text| {
        let der = pem::parse(text).expect("PEM").into_contents();
        super::pki::pem_block("PRIVATE KEY", &super::der::der(0x30, &[&der])).into()
    }),
];

fn relabelled(text: &str, label: &str) -> Vec<u8> {
    let block = pem::parse(text).expect("PEM");
    super::pki::pem_block(label, block.contents()).into()
}
