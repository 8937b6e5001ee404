//! No two types have the same name.
//!
//! Reads the text of all crates: a `struct`, `enum`, `union` or `trait` and a `type` outside of a trait or `impl` define a
//! name. Tests are exempt, and types that a macro defines are not found.

use std::collections::BTreeMap;

use crate::sources::{FOR_TESTS, Source, sources};

#[test]
fn no_two_types_have_the_same_name() {
    let found = duplicates(&sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn duplicates_are_found_in_every_form_of_definition() {
    for (what, files, expected) in [
        (
            "different names",
            &["pub struct Job;\nstruct Jobs;", "enum Plan {}"][..],
            None,
        ),
        (
            "two files",
            &["pub struct Job;", "", "/// One.\npub(super) enum Job {}"],
            Some("`Job` is defined in src/a.rs:1, src/c.rs:2"),
        ),
        (
            "generic, and one line",
            &["struct Rows<'a>(&'a str);", "pub trait Rows: Send {}"],
            Some("`Rows` is defined in src/a.rs:1, src/b.rs:1"),
        ),
        (
            "one file",
            &["type Line = String;\nmod x {\n    struct Line;\n}"],
            Some("`Line` is defined in src/a.rs:1, src/a.rs:3"),
        ),
        (
            "associated types",
            &[
                "impl Iterator for A {\n    type Item = u8;\n}",
                "struct Item;",
            ],
            None,
        ),
        (
            "tests",
            &[
                "#[cfg(test)]\n/// One.\n#[derive(Clone)]\nstruct Job;",
                "struct Job;",
            ],
            None,
        ),
        (
            "a test before",
            &["#[cfg(test)]\nuse b::B;\nstruct Job;", "struct Job;"],
            Some("`Job` is defined in src/a.rs:3, src/b.rs:1"),
        ),
        (
            "comments and variables",
            &["// struct Job;\nlet structure = Job;", "struct Job;"],
            None,
        ),
    ] {
        let names = ["a.rs", "b.rs", "c.rs"];
        let sources: Vec<Source> = names
            .iter()
            .zip(files)
            .map(|(name, code)| Source {
                folder: String::new(),
                name: (*name).to_owned(),
                lines: (1..).zip(code.lines().map(str::to_owned)).collect(),
            })
            .collect();
        let found = duplicates(&sources);
        assert_eq!(found.first().map(String::as_str), expected, "{what}");
    }
}

/// Each name that more than one type has, with the locations of their definitions.
fn duplicates(sources: &[Source]) -> Vec<String> {
    let mut locations: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in sources {
        for (number, name) in definitions(source) {
            let location = format!("{}:{number}", source.path());
            locations.entry(name).or_default().push(location);
        }
    }
    locations
        .into_iter()
        .filter(|(_, locations)| locations.len() > 1)
        .map(|(name, locations)| format!("`{name}` is defined in {}", locations.join(", ")))
        .collect()
}

/// The types that a file defines, except those for tests, with their lines.
fn definitions(source: &Source) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_test = false;
    for (number, line) in &source.lines {
        let text = line.trim_start();
        if FOR_TESTS.iter().any(|mark| text.starts_with(mark)) {
            is_test = true;
        } else if !text.starts_with("#[") && !text.starts_with("//") {
            let name = defined_type(line).filter(|_| !is_test);
            found.extend(name.map(|name| (*number, name)));
            is_test = false;
        }
    }
    found
}

/// The type that a line defines.
fn defined_type(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let is_indented = code.len() < line.len();
    let visible = code.strip_prefix("pub").map_or(code, |rest| {
        let rest = rest
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .map_or(rest, |(_, rest)| rest);
        rest.trim_start()
    });
    let (keyword, rest) = visible.split_once(' ')?;
    let defines = match keyword {
        "struct" | "enum" | "union" | "trait" => true,
        "type" => !is_indented,
        _ => false,
    };
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let name = rest.split(|letter| !is_name(letter)).next()?;
    (defines && name.starts_with(char::is_uppercase)).then_some(name)
}
