//! An independent validator of LDIF files, written from the contract page `docs/contracts/ldif.md` and the RFCs that it
//! names. It shares no code with the writer: it has its own unfolding, base64 and parser of names.
//!
//! It is stricter than a directory server, because it also checks what the contract marks as a choice.

use std::collections::BTreeSet;
use std::fmt::Display;

#[path = "ldif/entries.rs"]
mod entries;
#[cfg(test)]
#[path = "ldif/mutations.rs"]
mod mutations;
#[path = "ldif/names.rs"]
mod names;

use entries::{SINGLE_VALUED, check_entry, check_value};
use names::{is_type, parse_dn};

/// Bytes of a line without its end (ldif.md 1 rule 3).
const WIDTH: usize = 76;

/// One record, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The line of `dn`, from 1.
    pub line: usize,
    pub dn: String,
    /// `None` for a content record.
    pub changetype: Option<String>,
    /// Every further line in the order of the file; the end of a block is `("-", "")`.
    pub lines: Vec<(String, String)>,
}

impl Record {
    /// The values of an attribute, in the order of the file; the name is compared without case.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.lines.iter();
        let of_name = lines.filter(|(other, _)| other.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_str()).collect()
    }
}

/// Every rule of the contract that the file breaks, one message a problem.
pub fn problems(file: &[u8]) -> Vec<String> {
    let mut report = Report::default();
    check_bytes(file, &mut report);
    let records = read(file, &mut report);
    check_kinds(&records, &mut report);
    check_repeated(&records, &mut report);
    for record in &records {
        check_record(record, &mut report);
    }
    report.0
}

/// The decoded records; what cannot be read is left out and is among the `problems`.
pub fn records(file: &[u8]) -> Vec<Record> {
    read(file, &mut Report::default())
        .into_iter()
        .map(|parsed| Record {
            line: parsed.line,
            dn: parsed.dn,
            changetype: parsed.changetype,
            lines: (parsed.lines.into_iter())
                .map(|line| (line.name, line.value))
                .collect(),
        })
        .collect()
}

#[derive(Default)]
struct Report(Vec<String>);

impl Report {
    fn add(&mut self, line: usize, column: usize, text: impl Display, rule: &str) {
        let message = format!("line {line}, column {column}: {text} [ldif.md {rule}]");
        self.0.push(message);
    }
}

/// The lines of the file without their ends, from number 1.
fn physical(file: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    lines
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn check_bytes(file: &[u8], report: &mut Report) {
    let lines = physical(file);
    if !file.ends_with(b"\n") {
        let text = "no line end after the last line";
        report.add(lines.len().max(1), 1, text, "1 rule 1");
    }
    let has_cr = lines.first().is_some_and(|line| line.ends_with(b"\r"));
    let mut before: &[u8] = b"";
    for (index, line) in lines.iter().enumerate() {
        if line.ends_with(b"\r") != has_cr {
            report.add(index + 1, line.len(), "mixed line ends", "1 rule 1");
        }
        check_physical(index + 1, without_cr(line), before, report);
        before = without_cr(line);
    }
}

fn check_physical(number: usize, line: &[u8], before: &[u8], report: &mut Report) {
    if line.len() > WIDTH {
        let text = format!("{} bytes, the maximum is {WIDTH}", line.len());
        report.add(number, WIDTH + 1, text, "1 rule 3");
    }
    if line.starts_with(b" ") && before.is_empty() {
        let text = "a continuation without a line before it";
        report.add(number, 1, text, "1 rule 3");
    }
    if line == b" " {
        report.add(number, 1, "an empty continuation", "1 rule 3");
    }
    let unsafe_at = |byte: &u8| matches!(byte, 0 | b'\r' | 128..);
    if let Some(at) = line.iter().position(unsafe_at) {
        let text = match line[at] {
            0 => "a NUL",
            b'\r' => "a carriage return inside a line",
            _ => "a byte that is not ASCII",
        };
        report.add(number, at + 1, text, "1 rule 4");
    }
}

/// A line after unfolding.
struct Logical {
    line: usize,
    text: Vec<u8>,
}

fn unfold(file: &[u8]) -> Vec<Logical> {
    let mut unfolded: Vec<Logical> = Vec::new();
    for (index, line) in physical(file).into_iter().map(without_cr).enumerate() {
        match (line.strip_prefix(b" "), unfolded.last_mut()) {
            (Some(rest), Some(last)) if !last.text.is_empty() => last.text.extend(rest),
            _ => unfolded.push(Logical {
                line: index + 1,
                text: line.to_vec(),
            }),
        }
    }
    unfolded.retain(|line| !line.text.starts_with(b"#"));
    unfolded
}

/// `name: value` with the value decoded, or `-`.
struct Line {
    number: usize,
    name: String,
    value: String,
}

impl Line {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The name in lower case, without options.
    fn base(&self) -> String {
        let name = self.name.split(';').next().unwrap_or_default();
        name.to_ascii_lowercase()
    }
}

struct Parsed {
    line: usize,
    dn: String,
    changetype: Option<String>,
    lines: Vec<Line>,
}

fn read(file: &[u8], report: &mut Report) -> Vec<Parsed> {
    let lines = unfold(file);
    let has_version = lines
        .first()
        .is_some_and(|first| first.text == b"version: 1");
    if !has_version {
        report.add(1, 1, "the first line is not `version: 1`", "1 rule 2");
    }
    let mut records: Vec<Parsed> = Vec::new();
    for group in groups(&lines[usize::from(has_version)..], report) {
        records.extend(read_record(group, report));
    }
    if records.is_empty() {
        report.add(1, 1, "no record", "3 rule 1");
    }
    records
}

/// The lines of each record.
fn groups(lines: &[Logical], report: &mut Report) -> Vec<Vec<Line>> {
    let mut groups: Vec<Vec<Line>> = vec![Vec::new()];
    let mut before_is_blank = false;
    for (index, line) in lines.iter().enumerate() {
        let is_blank = line.text.is_empty();
        let is_last = index + 1 == lines.len();
        if is_blank && (before_is_blank || is_last) {
            let text = "a blank line that separates no records";
            report.add(line.line, 1, text, "3 rule 1");
        }
        before_is_blank = is_blank;
        if is_blank {
            groups.push(Vec::new());
        } else if let Some(group) = groups.last_mut() {
            group.extend(read_line(line, report));
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn read_line(line: &Logical, report: &mut Report) -> Option<Line> {
    let text = String::from_utf8_lossy(&line.text);
    if text == "-" {
        return Some(Line {
            number: line.line,
            name: "-".to_owned(),
            value: String::new(),
        });
    }
    let Some((name, rest)) = text.split_once(':') else {
        report.add(line.line, 1, "no colon in the line", "2 rule 1");
        return None;
    };
    if !is_description(name) {
        let text = format!("`{name}` is not a name of an attribute");
        report.add(line.line, 1, text, "2 rule 5");
    }
    let value = match read_value(rest) {
        Ok(value) => value,
        Err((text, rule)) => {
            report.add(line.line, name.len() + 2, format!("{name}: {text}"), rule);
            return None;
        }
    };
    Some(Line {
        number: line.line,
        name: name.to_owned(),
        value,
    })
}

/// The value after the first colon.
fn read_value(rest: &str) -> Result<String, (String, &'static str)> {
    if rest.starts_with('<') {
        return Err(("a URL instead of a value".to_owned(), "2 rule 4"));
    }
    let (is_base64, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if rest.is_empty() || rest == " " {
        return Err(("an empty value".to_owned(), "2 rule 4"));
    }
    let Some(value) = rest.strip_prefix(' ') else {
        return Err(("no space after the colon".to_owned(), "2 rule 1"));
    };
    if is_base64 {
        let bytes = decode(value).map_err(|text| (text.to_owned(), "2 rule 3"))?;
        let text = String::from_utf8(bytes);
        return text.map_err(|_| ("base64 of text that is not UTF-8".to_owned(), "2 rule 3"));
    }
    if value.starts_with([' ', ':', '<']) || value.ends_with(' ') {
        let text = "a value with this first or last character must be base64";
        return Err((text.to_owned(), "2 rule 2"));
    }
    Ok(value.to_owned())
}

fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let digits = text.strip_suffix("==").or(text.strip_suffix('='));
    let digits = digits.unwrap_or(text);
    if !text.len().is_multiple_of(4) || digits.ends_with('=') {
        return Err("base64 without its padding");
    }
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for sign in digits.bytes() {
        let digit = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err("a character that is not base64"),
        };
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(((bits >> count) & 0xff) as u8);
        }
        bits &= (1 << count) - 1;
    }
    if bits == 0 {
        Ok(bytes)
    } else {
        Err("base64 with unused bits that are not 0")
    }
}

/// A name of an attribute, with options.
fn is_description(name: &str) -> bool {
    let is_option = |option: &str| {
        !option.is_empty() && (option.bytes()).all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let mut parts = name.split(';');
    parts.next().is_some_and(is_type) && parts.all(is_option)
}

fn read_record(lines: Vec<Line>, report: &mut Report) -> Option<Parsed> {
    let mut lines = lines.into_iter().peekable();
    let first = lines.next()?;
    if first.name != "dn" {
        report.add(first.number, 1, "a record starts with `dn`", "3 rule 1");
        return None;
    }
    let change = lines.next_if(|line| line.name == "changetype");
    let lines: Vec<Line> = lines.collect();
    for line in &lines {
        let text = match line.base().as_str() {
            "dn" => "a second dn, so a blank line is missing before it",
            "changetype" => "changetype is not the second line",
            "control" => "controls are not written",
            _ => continue,
        };
        report.add(line.number, 1, text, "3 rule 2");
    }
    Some(Parsed {
        line: first.number,
        dn: first.value,
        changetype: change.map(|line| line.value),
        lines,
    })
}

fn check_kinds(records: &[Parsed], report: &mut Report) {
    let Some(first) = records.first() else { return };
    let is_change = first.changetype.is_some();
    let other = (records.iter()).find(|record| record.changetype.is_some() != is_change);
    if let Some(other) = other {
        let text = "content records and change records in one file";
        report.add(other.line, 1, text, "3 rule 2");
    }
}

fn check_repeated(records: &[Parsed], report: &mut Report) {
    let mut seen = BTreeSet::new();
    for record in records {
        let key = (record.dn.to_lowercase(), record.changetype.clone());
        if !seen.insert(key) {
            report.add(record.line, 1, "this dn is listed twice", "3 rule 4");
        }
    }
}

fn check_record(record: &Parsed, report: &mut Report) {
    let names = match parse_dn(&record.dn) {
        Ok(names) => names,
        Err(text) => {
            report.add(record.line, 5, format!("dn: {text}"), "4");
            Vec::new()
        }
    };
    match record.changetype.as_deref() {
        None | Some("add") => check_entry(record, &names, report),
        Some("delete") => {
            if let Some(line) = record.lines.first() {
                let text = "a delete has no further lines";
                report.add(line.number, 1, text, "3 rule 3");
            }
        }
        Some("modify") => check_modify(record, report),
        Some("modrdn" | "moddn") => check_rename(record, report),
        Some(other) => {
            let text = format!("changetype: `{other}` is not a change");
            report.add(record.line + 1, 1, text, "3 rule 3");
        }
    }
}

fn check_rename(record: &Parsed, report: &mut Report) {
    let names: Vec<&str> = record.lines.iter().map(|line| line.name.as_str()).collect();
    if !matches!(
        names[..],
        ["newrdn", "deleteoldrdn"] | ["newrdn", "deleteoldrdn", "newsuperior"]
    ) {
        let text = "a rename has newrdn, deleteoldrdn and at most newsuperior";
        report.add(record.line, 1, text, "3 rule 3");
    }
    for line in &record.lines {
        let problem = match (line.name.as_str(), parse_dn(&line.value)) {
            ("deleteoldrdn", _) if !matches!(line.value.as_str(), "0" | "1") => "not 0 or 1".into(),
            ("newrdn", Ok(names)) if names.len() != 1 => "more than one component".into(),
            ("newrdn" | "newsuperior", Err(text)) => text,
            _ => continue,
        };
        let text = format!("{}: {problem}", line.name);
        report.add(line.number, 1, text, "3 rule 3");
    }
}

/// The operation, the attribute and its number of values so far.
struct Block<'a> {
    line: &'a Line,
    values: usize,
}

fn check_modify(record: &Parsed, report: &mut Report) {
    let mut block: Option<Block> = None;
    for line in &record.lines {
        match &mut block {
            None => block = open_block(line, report),
            Some(open) if line.is("-") => {
                close_block(open, report);
                block = None;
            }
            Some(open) if line.is(&open.line.value) => {
                open.values += 1;
                check_value(line, report);
            }
            Some(open) => {
                let text = format!("{} in the block of {}", line.name, open.line.value);
                report.add(line.number, 1, text, "3 rule 3");
            }
        }
    }
    if let Some(open) = block {
        let text = "no `-` after the last block";
        report.add(open.line.number, 1, text, "3 rule 3");
    }
    if record.lines.is_empty() {
        report.add(record.line, 1, "a modify without a block", "3 rule 3");
    }
}

fn open_block<'a>(line: &'a Line, report: &mut Report) -> Option<Block<'a>> {
    let is_known = ["add", "delete", "replace"].contains(&line.name.as_str());
    if is_known && is_description(&line.value) {
        return Some(Block { line, values: 0 });
    }
    let text = format!("`{}` does not open a block", line.name);
    report.add(line.number, 1, text, "3 rule 3");
    None
}

fn close_block(block: &Block, report: &mut Report) {
    let attribute = block.line.value.to_ascii_lowercase();
    if block.line.is("add") && block.values == 0 {
        let text = format!("add of {attribute} without a value");
        report.add(block.line.number, 1, text, "3 rule 3");
    }
    if block.values > 1 && SINGLE_VALUED.contains(&attribute.as_str()) {
        let text = format!("{attribute} has one value");
        report.add(block.line.number, 1, text, "5 rule 4");
    }
}
