//! What the sources themselves must keep to: floors import downwards only, and there is one way to each thing.
//!
//! Reads the text of `src/`, so it is coarse: names are looked for, not resolved. Tests inside `src/`
//! may do what the code beside them may not.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use rollbook::connector::load::Connectors;
use rollbook::setup::{Folders, Overlay, resolve};

use crate::sources::{Source, is_comment, sources};

/// Whom each part of the program may name; a part always knows itself. `lib.rs` and `main.rs` know all.
const FLOORS: &[(&str, &[&str])] = &[
    ("document", &[]),
    ("model", &["document"]),
    ("clock", &[]),
    ("folder", &["document", "model"]),
    ("connector", &["document", "model", "clock", "folder"]),
    ("http", &["document", "model", "clock", "folder"]),
    ("auth", &["document", "model", "clock", "folder", "http"]),
    ("store", &["document", "model", "clock", "folder"]),
    ("spreadsheets", &["document", "model", "clock", "folder"]),
    (
        "setup",
        &[
            "document",
            "model",
            "clock",
            "folder",
            "connector",
            "http",
            "auth",
            "store",
        ],
    ),
    (
        "sync",
        &[
            "document",
            "model",
            "clock",
            "folder",
            "connector",
            "http",
            "store",
        ],
    ),
    (
        "daemon",
        &[
            "document",
            "model",
            "clock",
            "folder",
            "connector",
            "http",
            "store",
            "setup",
            "sync",
        ],
    ),
    (
        "app",
        &[
            "document",
            "model",
            "clock",
            "folder",
            "connector",
            "http",
            "auth",
            "store",
            "setup",
            "sync",
            "daemon",
        ],
    ),
    (
        "cli",
        &[
            "document",
            "model",
            "clock",
            "folder",
            "connector",
            "http",
            "auth",
            "store",
            "setup",
            "sync",
            "daemon",
            "app",
            "spreadsheets",
        ],
    ),
];

/// Files and folders below `src/` that may name a vendor: the list of what is built in.
const VENDORS_NAMED_IN: &[&str] = &["connector/builtin.rs", "sandbox/"];

/// Every line of code (comments too, where wanted) that `is_wrong` says something about.
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
                    "src/{}:{number}: {complaint}: {}",
                    source.name,
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

/// The parts of the program that a line names by `crate::part`, also in braces.
fn named_parts(line: &str) -> Vec<&str> {
    line.match_indices("crate::")
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
        .filter(|name| FLOORS.iter().any(|(part, _)| part == name))
        .collect()
}

#[test]
fn floors_look_down_only() {
    none(complaints(false, |source, line| {
        let (_, below) = FLOORS.iter().find(|(part, _)| *part == source.part())?;
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
        .filter(|part| {
            !["lib", "main"].contains(&part.as_str())
                && FLOORS.iter().all(|(known, _)| known != part)
        })
        .collect();
    assert!(
        unknown.is_empty(),
        "say on which floor these stand: {unknown:?}"
    );
}

#[test]
fn the_names_in_a_line_are_found() {
    for (line, names) in [
        ("use crate::store::Store;", vec!["store"]),
        ("use crate::{app, cli::Exit};", vec!["app", "cli"]),
        (
            "let x = crate::http::error() + crate::sync::work();",
            vec!["http", "sync"],
        ),
        ("use crate::model::{store, sync};", vec!["model"]),
        ("use super::store;", vec![]),
    ] {
        assert_eq!(named_parts(line), names, "{line}");
    }
}

#[test]
fn there_is_one_door_to_time() {
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
        (!may).then(|| format!("`{word}` belongs into clock.rs"))
    }));
}

#[test]
fn sql_stands_in_the_store_only() {
    let words = [
        "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "PRAGMA", "VACUUM",
        "ATTACH",
    ];
    none(complaints(false, |source, line| {
        let word = words.iter().find(|word| {
            line.contains(&format!("\"{word} "))
                || line.trim_start().starts_with(&format!("{word} "))
        })?;
        (source.part() != "store").then(|| format!("`{word}` belongs into store/"))
    }));
    none(complaints(false, |source, line| {
        (source.part() != "store" && line.contains("rusqlite"))
            .then(|| "only the store knows SQLite".to_owned())
    }));
}

#[test]
fn the_terminal_belongs_to_the_command_line() {
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
        (source.part() != "cli").then(|| format!("`{word}` belongs into cli/"))
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
            .then(|| format!("the engine knows no vendor, not even {name}"))
    }));
}

#[test]
fn nothing_but_the_session_the_keeper_and_an_alert_sends() {
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
        let may = source.part() != "http"
            || source.is_below(&["http/token_request.rs", "http/alert_post.rs"]);
        (!may).then(|| {
            format!("`{word}`: nothing but a token request and an alert is anything but a GET")
        })
    }));
    none(complaints(false, |source, line| {
        let client = line.contains("Client::builder")
            || line.contains("ClientBuilder")
            || line.contains("reqwest::get");
        (client && !source.is_below(&["http/client.rs"]))
            .then(|| "clients are made in http/client.rs".to_owned())
    }));
}

#[test]
fn every_file_says_what_it_is() {
    for source in sources() {
        let first = source
            .lines
            .first()
            .map(|(_, line)| line.as_str())
            .unwrap_or_default();
        assert!(
            first.starts_with("//! "),
            "src/{} does not say what it is",
            source.name
        );
    }
}

#[test]
fn all_shipped_files_load() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let places = Folders {
        config: root.join("config"),
        jobs: root.join("jobs"),
        state: root.join("no-such-folder"),
    };
    let (setup, problems) = resolve(&places, &Overlay::default());
    let setup = setup.unwrap_or_else(|| panic!("{problems}"));
    let shipped = |folder: &str| fs::read_dir(root.join(folder)).expect("a folder").count();
    assert_eq!(setup.jobs.len(), shipped("jobs"));
    // One vendor offers little else than a password, and the example says so.
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
