//! Rules for the sources: floors import downwards only, and every task has one implementation.
//!
//! Reads the text of all crates, so it is coarse: it searches for names and does not resolve them. Tests are exempt.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use rollbook_core::connector::load::Connectors;
use rollbook_engine::setup::{Folders, Overlay, resolve};

use crate::sources::{Source, is_comment, sources};

/// The parts that every part of [`FLOORS`] may name, with what they may name themselves.
const FOUNDATION: &[(&str, &[&str])] = &[
    ("document", &[]),
    ("model", &["document"]),
    ("clock", &[]),
    ("blocking", &["clock"]),
    ("permissions", &[]),
    ("program", &[]),
    ("replacement", &[]),
    ("folder", &["document", "model", "permissions"]),
];

/// Part, the part it inherits permissions from, and what else it may name; all may name the foundation and
/// themselves. `lib.rs` and `main.rs` may name everything.
const FLOORS: &[(&str, &str, &[&str])] = &[
    ("connector", "", &[]),
    ("http", "", &[]),
    ("auth", "", &["http"]),
    ("store", "", &[]),
    ("spreadsheets", "", &[]),
    ("postgres", "", &["cluster", "http"]),
    ("cluster", "model", &["model"]),
    ("setup", "auth", &["auth", "connector", "store"]),
    ("sync", "", &["connector", "http", "store"]),
    ("daemon", "sync", &["sync", "setup"]),
    ("output", "", &["http", "store", "setup"]),
    (
        "app",
        "daemon",
        &["cluster", "daemon", "auth", "output", "postgres"],
    ),
    ("http_server", "", &[]),
    ("web", "", &["daemon", "http_server"]),
    ("oneroster", "", &["http_server", "store"]),
    (
        "cli",
        "app",
        &[
            "app",
            "output",
            "spreadsheets",
            "http_server",
            "oneroster",
            "web",
        ],
    ),
];

/// The other parts that a part may name; nothing for an unknown part.
fn below(part: &str) -> Option<Vec<&'static str>> {
    if let Some((_, below)) = FOUNDATION.iter().find(|(name, _)| *name == part) {
        return Some(below.to_vec());
    }
    let (_, like, more) = FLOORS.iter().find(|(name, ..)| *name == part)?;
    let mut parts =
        below(like).unwrap_or_else(|| FOUNDATION.iter().map(|(name, _)| *name).collect());
    parts.extend_from_slice(more);
    Some(parts)
}

/// The list of built-in connectors, which alone may name a vendor.
const VENDORS_NAMED_IN: &[&str] = &["connector/builtin.rs"];

/// Every line of code (comments too if `comments`) with a complaint by `is_wrong`.
fn complaints(comments: bool, is_wrong: impl Fn(&Source, &str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources() {
        for (number, line) in source
            .lines
            .iter()
            .filter(|(_, line)| comments || !is_comment(line))
        {
            if let Some(complaint) = is_wrong(&source, line) {
                found.push(format!(
                    "{}:{number}: {complaint}: {}",
                    source.path(),
                    line.trim()
                ));
            }
        }
    }
    found
}

fn none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The parts of the program that a line names by `crate::part` or `rollbook_x::part`, also in braces.
fn named_parts(line: &str) -> Vec<&str> {
    line.match_indices("::")
        .filter(|(at, _)| {
            let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
            let name = line[..*at].rsplit(|letter| !is_name(letter)).next();
            name.is_some_and(|name| name == "crate" || name.starts_with("rollbook_"))
        })
        .flat_map(|(at, word)| {
            let rest = &line[at + word.len()..];
            let names = rest
                .strip_prefix('{')
                .map_or(rest, |names| names.split('}').next().unwrap_or_default());
            let several = rest.starts_with('{');
            names
                .split(',')
                .take(if several { usize::MAX } else { 1 })
                .map(|name| {
                    name.trim()
                        .split(|c: char| !c.is_ascii_lowercase() && c != '_')
                        .next()
                        .unwrap_or_default()
                })
        })
        .filter(|name| below(name).is_some())
        .collect()
}

#[test]
fn floors_import_downwards_only() {
    none(complaints(false, |source, line| {
        let below = below(source.part())?;
        let named = named_parts(line);
        let wrong = named
            .iter()
            .find(|name| **name != source.part() && !below.contains(name))?;
        Some(format!("{} must not know {wrong}", source.part()))
    }));
    let parts: BTreeSet<String> = sources()
        .iter()
        .map(|source| source.part().to_owned())
        .collect();
    let unknown: Vec<&String> = parts
        .iter()
        .filter(|part| !["lib", "main"].contains(&part.as_str()) && below(part).is_none())
        .collect();
    assert!(unknown.is_empty(), "add these to FLOORS: {unknown:?}");
}

#[test]
fn permissions_are_inherited() {
    for (part, other, may) in [
        ("folder", "model", true),
        ("folder", "clock", false),
        ("auth", "http", true),
        ("sync", "auth", false),
        ("daemon", "store", true),
        ("daemon", "auth", false),
        ("app", "auth", true),
        ("app", "spreadsheets", false),
        ("http_server", "daemon", false),
        ("http_server", "store", false),
        ("http_server", "web", false),
        ("web", "store", false),
        ("cli", "connector", true),
    ] {
        let below = below(part).expect("a known part");
        assert_eq!(below.contains(&other), may, "{part} names {other}");
    }
}

#[test]
fn names_in_a_line_are_found() {
    for (line, names) in [
        ("use crate::store::Store;", vec!["store"]),
        ("use crate::{app, cli::Exit};", vec!["app", "cli"]),
        (
            "let x = crate::http::error() + rollbook_engine::sync::work();",
            vec!["http", "sync"],
        ),
        ("use rollbook_core::{model, store};", vec!["model", "store"]),
        ("use crate::model::{store, sync};", vec!["model"]),
        ("use super::store;", vec![]),
    ] {
        assert_eq!(named_parts(line), names, "{line}");
    }
}

#[test]
fn only_the_clock_reads_the_time() {
    let words = [
        "Timestamp::now",
        "Zoned::now",
        "Instant::now",
        "SystemTime::now",
        "time::sleep",
        "thread::sleep",
        ".elapsed()",
    ];
    none(complaints(false, |source, line| {
        let may = source.is_below(&["clock.rs", "http/deadline.rs"]);
        let word = words.iter().find(|word| line.contains(**word))?;
        (!may).then(|| format!("`{word}` belongs in clock.rs"))
    }));
}

#[test]
fn sql_is_in_the_store_only() {
    let words = [
        "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "PRAGMA", "VACUUM",
        "ATTACH",
    ];
    none(complaints(false, |source, line| {
        let word = words.iter().find(|word| {
            line.contains(&format!("\"{word} "))
                || line.trim_start().starts_with(&format!("{word} "))
        })?;
        let may = ["store", "postgres"].contains(&source.part());
        (!may).then(|| format!("`{word}` belongs in store/ or postgres/"))
    }));
    none(complaints(false, |source, line| {
        (source.part() != "store" && line.contains("rusqlite"))
            .then(|| "only the store uses SQLite".to_owned())
    }));
}

#[test]
fn only_the_command_line_uses_the_terminal() {
    let words = [
        "println!(",
        "print!(",
        "eprintln!(",
        "eprint!(",
        "stdout()",
        "stderr()",
    ];
    none(complaints(false, |source, line| {
        let word = words.iter().find(|word| line.contains(**word))?;
        (source.part() != "cli").then(|| format!("`{word}` belongs in cli/"))
    }));
}

#[test]
fn no_code_names_a_vendor() {
    none(complaints(true, |source, line| {
        let low = line.to_ascii_lowercase();
        let name = ["wisenet", "wapi", "webuntis"]
            .into_iter()
            .find(|name| low.contains(name))?;
        let cites = low
            .split_once("//")
            .is_some_and(|(code, comment)| !code.contains(name) && comment.contains(".md"));
        (!cites && !source.is_below(VENDORS_NAMED_IN))
            .then(|| format!("the engine must not name a vendor, such as {name}"))
    }));
}

#[test]
fn only_token_requests_and_alerts_are_not_get() {
    none(complaints(false, |source, line| {
        let writes = [
            ".post(",
            ".put(",
            ".patch(",
            ".delete(",
            "Method::POST",
            "Method::PUT",
            "Method::PATCH",
            "Method::DELETE",
        ];
        let word = writes.iter().find(|word| line.contains(**word))?;
        let may =
            source.part() != "http" || source.is_below(&["http/token_request.rs", "http/post.rs"]);
        (!may).then(|| {
            format!("`{word}`: only token requests and alerts may use a method other than GET")
        })
    }));
    none(complaints(false, |source, line| {
        let client = line.contains("Client::builder")
            || line.contains("ClientBuilder")
            || line.contains("reqwest::get");
        (client && !source.is_below(&["http/client.rs"]))
            .then(|| "clients are created in http/client.rs".to_owned())
    }));
}

#[test]
fn every_file_has_a_description() {
    for source in sources() {
        let first = source
            .lines
            .first()
            .map(|(_, line)| line.as_str())
            .unwrap_or_default();
        assert!(
            first.starts_with("//! "),
            "{} has no description",
            source.path()
        );
    }
}

#[test]
fn all_shipped_files_load() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders = Folders {
        config: root.join("config"),
        jobs: root.join("jobs"),
        state: root.join("no-such-folder"),
        source: None,
    };
    let (setup, problems) = resolve(&folders, &Overlay::default());
    let setup = setup.unwrap_or_else(|| panic!("{problems}"));
    let shipped = |folder: &str| fs::read_dir(root.join(folder)).expect("a folder").count();
    assert_eq!(setup.jobs.len(), shipped("jobs"));
    // One vendor offers little else than a password, and the example warns about it.
    let is_expected = |note: &str| note.starts_with("the grant `password` is legacy");
    let is_crosswalk = |name: &OsStr| name != "people.toml"; // who is who has a loader of its own
    let crosswalks = fs::read_dir(root.join("config/crosswalks")).expect("a folder");
    let crosswalks = crosswalks.map(|entry| entry.expect("an entry").file_name());
    assert_eq!(
        setup.crosswalks.len(),
        crosswalks.filter(|name| is_crosswalk(name)).count()
    );
    assert!(
        problems.iter().all(|note| is_expected(&note.message)),
        "{problems}"
    );
    let connectors = Connectors::built_in().expect("the connectors that are built in");
    assert_eq!(
        connectors.names().count(),
        shipped("config/connectors"),
        "a file in config/connectors/ is not built in"
    );
}
