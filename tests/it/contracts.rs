//! Every citation of a contract names a section, rule, quirk or fault that exists.
//!
//! The form is that of `docs/contracts/README.md`. In source code only comments are read; in documents everything is,
//! and there a contract may be named without a section.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files and folders that may cite a contract.
const CITING: &[&str] = &[
    "src",
    "crates",
    "config",
    "jobs",
    "tests",
    "benches",
    "docs",
    "systemd",
    "README.md",
];

/// The contract with rows that are cited by their number alone.
const FAULTS: &str = "fault-catalogue.md";

/// One file of `docs/contracts/`.
struct Contract {
    /// The text of each section including its subsections, by number or letter.
    sections: BTreeMap<String, String>,
}

impl Contract {
    fn read(text: &str) -> Self {
        let mut sections: BTreeMap<String, String> = BTreeMap::new();
        let mut open: Vec<(usize, String)> = Vec::new();
        let mut in_code = false;
        for line in text.lines() {
            in_code ^= line.trim_start().starts_with("```");
            let level = line.chars().take_while(|sign| *sign == '#').count();
            if level > 0 && !in_code {
                open.retain(|(above, _)| *above < level);
                let title = line[level..].split_whitespace().next().unwrap_or_default();
                let number = title.trim_end_matches('.').to_owned();
                sections.insert(number.clone(), String::new());
                open.push((level, number));
            }
            for (_, number) in &open {
                let section = sections.get_mut(number).expect("an open section");
                section.push_str(line);
                section.push('\n');
            }
        }
        Self { sections }
    }

    /// The section of a citation; a fault of the catalogue is its own section.
    fn section(&self, file: &str, number: &str) -> Option<&str> {
        let is_fault = file == FAULTS && number.starts_with(|sign: char| sign.is_ascii_digit());
        if is_fault && !number.contains('.') {
            let row = format!("| {number} | ");
            let faults = self.sections.get("3")?;
            return faults.lines().find(|line| line.starts_with(&row));
        }
        self.sections.get(number).map(String::as_str)
    }
}

/// Whether a section has this item of a numbered list.
fn has_rule(section: &str, rule: &str) -> bool {
    let start = format!("{rule}. ");
    section.lines().any(|line| line.starts_with(&start))
}

/// Whether a section names this quirk, assumption or target.
fn has_id(section: &str, id: &str) -> bool {
    section
        .split(|sign: char| !sign.is_ascii_alphanumeric())
        .any(|word| word == id)
}

/// `3`, `3.7`, or the letter of a group.
fn is_section(word: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    word.split('.').all(is_number) || (word.len() == 1 && word.as_bytes()[0].is_ascii_uppercase())
}

/// `Q9`, `R11`, `A31b`.
fn is_id(word: &str) -> bool {
    let mut signs = word.chars();
    let rest = word.get(1..).unwrap_or_default();
    let digits = rest.trim_end_matches(|sign: char| sign.is_ascii_lowercase());
    signs.next().is_some_and(|sign| sign.is_ascii_uppercase())
        && rest.len() <= digits.len() + 1
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The word at the start of a text, without a trailing full stop, and the rest.
fn word(text: &str) -> (&str, &str) {
    let end = text
        .find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '.')
        .unwrap_or(text.len());
    let word = text[..end].trim_end_matches('.');
    (word, &text[word.len()..])
}

/// The next word of a list such as `Q9, Q11`, `3.2 to 3.4` or `4.1 and 4.2`, when it `belongs` to the list.
fn next_of_list(text: &str, belongs: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    [", ", " and ", " to "]
        .iter()
        .filter_map(|between| text.strip_prefix(between))
        .map(word)
        .find(|(word, _)| belongs(word))
}

/// Finds invalid citations in a text, which is a line of source code or a document.
struct Scanner<'a> {
    contracts: &'a BTreeMap<String, Contract>,
    /// Whether a contract may be named without a section.
    is_document: bool,
}

impl Scanner<'_> {
    /// Position in the text, and the complaint.
    fn complaints(&self, text: &str) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (at, _) in text.match_indices(".md") {
            let start = text[..at]
                .rfind(|sign: char| !sign.is_ascii_alphanumeric() && !"-_./".contains(sign))
                .map_or(0, |before| before + 1);
            let rest = &text[at + ".md".len()..];
            if let Some(complaint) = self.complaint(&text[start..at + ".md".len()], rest) {
                found.push((at, complaint));
            }
        }
        for (at, catalogue) in text.match_indices("catalogue ") {
            let (number, _) = word(&text[at + catalogue.len()..]);
            if is_section(number) {
                found.push((at, format!("cite it as `{FAULTS} {number}`")));
            }
        }
        found
    }

    fn complaint(&self, file: &str, rest: &str) -> Option<String> {
        let blank = |sign: char| sign == ' ' || (self.is_document && sign == '\n');
        let cited = rest.strip_prefix(blank).map(word);
        let cited = cited.filter(|(word, _)| is_section(word));
        let Some(contract) = self.contracts.get(file) else {
            return cited.map(|_| format!("there is no docs/contracts/{file}"));
        };
        let Some((number, rest)) = cited else {
            return (!self.is_document).then(|| format!("{file} without a section"));
        };
        self.missing(file, contract, number, rest)
    }

    /// The part of a citation that does not exist.
    fn missing(&self, file: &str, contract: &Contract, number: &str, rest: &str) -> Option<String> {
        let none = |what: &str| Some(format!("{file} has no {what}"));
        let Some(section) = contract.section(file, number) else {
            return none(number);
        };
        let mut rest = rest;
        if let Some((rule, after)) = rest.strip_prefix(" rule ").map(word) {
            if !has_rule(section, rule) {
                return none(&format!("{number} rule {rule}"));
            }
            rest = after;
        }
        let mut next = rest.strip_prefix(' ').map(word).filter(|(id, _)| is_id(id));
        while let Some((id, after)) = next {
            if !has_id(section, id) {
                return none(&format!("{number} {id}"));
            }
            rest = after;
            next = next_of_list(rest, is_id);
        }
        // A plain number after a comma is a section only where faults are cited.
        let is_further = |word: &str| {
            is_section(word) && (word.contains('.') || (file == FAULTS && !word.is_empty()))
        };
        let (further, after) = next_of_list(rest, is_further)?;
        self.missing(file, contract, further, after)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn contracts() -> BTreeMap<String, Contract> {
    fs::read_dir(root().join("docs/contracts"))
        .expect("docs/contracts")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().expect("a name").display().to_string();
            let text = fs::read_to_string(path).expect("read");
            (name, Contract::read(&text))
        })
        .filter(|(name, _)| name != "README.md")
        .collect()
}

fn collect(path: &Path, paths: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            collect(&entry.expect("an entry").path(), paths);
        }
    } else if path.is_file() {
        paths.push(path.to_owned());
    }
}

/// The part of a line that may cite: all of it, but of Rust only the comment.
fn citing_part(line: &str, is_rust: bool) -> &str {
    let start = if is_rust { line.find("//") } else { Some(0) };
    start.map_or("", |start| &line[start..])
}

#[test]
fn sections_named_inside_a_contract_exist() {
    let mut found = Vec::new();
    for (name, contract) in contracts() {
        for text in contract.sections.values() {
            for (at, _) in text.match_indices("section") {
                let rest = text[at + "section".len()..].trim_start_matches('s');
                let mut next = rest.strip_prefix([' ', '\n']).map(word);
                while let Some((number, after)) = next.filter(|(number, _)| is_section(number)) {
                    if !contract.sections.contains_key(number) {
                        found.push(format!("{name}: section {number}"));
                    }
                    next = next_of_list(after, is_section);
                }
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn citations_of_contracts_resolve() {
    let contracts = contracts();
    let mut paths = Vec::new();
    for name in CITING {
        collect(&root().join(name), &mut paths);
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else {
            continue; // not a text file
        };
        let name = path.strip_prefix(root()).expect("below the root").display();
        let has_ending = |ending| path.extension().is_some_and(|of| of == ending);
        let scanner = Scanner {
            contracts: &contracts,
            is_document: has_ending("md"),
        };
        if scanner.is_document {
            for (at, complaint) in scanner.complaints(&text) {
                let number = text[..at].lines().count().max(1);
                found.push(format!("{name}:{number}: {complaint}"));
            }
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for (_, complaint) in scanner.complaints(citing_part(line, has_ending("rs"))) {
                found.push(format!("{name}:{}: {complaint}", number + 1));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn invalid_citations_are_found() {
    let vendor =
        "## 3. Lists\n### 3.7 Limits\n1. one\n12. twelve\n| Q9 | x |\n## 4 Next\n### 4.1 A31b\n";
    let faults = "## 3. Faults\n### A. Transport\n| 1 | x | y |\n| 135 | x | y |\n";
    let contracts: BTreeMap<String, Contract> = [("vendor.md", vendor), (FAULTS, faults)]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), Contract::read(text)))
        .collect();
    for (text, expected) in [
        ("vendor.md 3.7.", ""),
        ("(vendor.md 3)", ""),
        ("vendor.md 3.7 rule 12: so", ""),
        ("vendor.md 3.7 Q9, vendor.md 4.1 A31b", ""),
        ("vendor.md 3.7 to 4.1, and 35 days", ""),
        ("docs/contracts/vendor.md says so", ""),
        ("other.md is no contract", ""),
        ("fault-catalogue.md A, fault-catalogue.md 1, 135", ""),
        ("vendor.md 3.8", "vendor.md has no 3.8"),
        ("vendor.md 3.7 rule 2", "vendor.md has no 3.7 rule 2"),
        ("vendor.md 3.7 Q9, Q10", "vendor.md has no 3.7 Q10"),
        ("vendor.md 3.7 and 3.9", "vendor.md has no 3.9"),
        ("`vendor.md` 3.7", "vendor.md without a section"),
        ("see vendor.md", "vendor.md without a section"),
        ("vendor.md Q9", "vendor.md without a section"),
        ("other.md 3", "there is no docs/contracts/other.md"),
        ("fault-catalogue.md 136", "fault-catalogue.md has no 136"),
        ("fault-catalogue.md 1, 2", "fault-catalogue.md has no 2"),
        ("fault-catalogue.md B", "fault-catalogue.md has no B"),
        ("fault catalogue 135", "cite it as `fault-catalogue.md 135`"),
    ] {
        let scanner = Scanner {
            contracts: &contracts,
            is_document: false,
        };
        let complaints = scanner.complaints(text);
        let complaint = complaints.first().map_or("", |(_, found)| found.as_str());
        assert_eq!(complaint, expected, "{text}");
    }
    for (line, comment) in [
        ("read(name);", ""),
        ("read(name); // as sent", "// as sent"),
    ] {
        assert_eq!(citing_part(line, true), comment);
    }
}
