//! Files do not import each other in a circle.
//!
//! Reads the text of all crates: a `use`, or a path from a crate, `super` or `self`, is an edge from one file to another; a
//! re-export leads on to the file that it names. A module and its own parts (`x.rs` and `x/…`) may import each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::sources::{is_comment, sources};

/// The names from a crate to a module or to an item in it.
type ItemPath = Vec<String>;

/// The files that each file imports from.
type Imports = BTreeMap<ItemPath, BTreeSet<ItemPath>>;

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let imports = imports_of(&program());
    let found = circles(&imports);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_circle_is_found_in_every_form_of_import() {
    for (what, files, expected) in [
        (
            "one after the other",
            &[
                ("a", "use super::b::{self, B};"),
                ("b", "use crate::c::C;"),
                ("c", ""),
            ][..],
            None,
        ),
        (
            "two files",
            &[
                ("a", "use super::b::B;"),
                ("b", "use crate::{c, a::A};"),
                ("c", ""),
            ],
            Some("a -> b -> a"),
        ),
        (
            "a path in code",
            &[
                ("a", "use crate::b::B;"),
                ("b", "fn b() { crate::a::go() }"),
            ],
            Some("a -> b -> a"),
        ),
        (
            "a re-export",
            &[
                ("x", "pub use self::a::A; pub use b::B;"),
                ("x/a", "use super::B;"),
                ("x/b", "use crate::x::{A, other};"),
            ],
            Some("x/a -> x/b -> x/a"),
        ),
        (
            "a module and its parts",
            &[
                ("x", "use self::a::A;"),
                ("x/a", "use super::{X, a::b::B};"),
                ("x/a/b", "use crate::x::Y;"),
            ],
            None,
        ),
        (
            "a part of another module",
            &[
                ("x", "use crate::y::Y;"),
                ("y", ""),
                ("y/a", "use crate::x::X;"),
            ],
            None,
        ),
    ] {
        let program = files
            .iter()
            .map(|(name, code)| (file_path(name), (*code).to_owned()))
            .collect();
        let found = circles(&imports_of(&program));
        assert_eq!(found.first().map(String::as_str), expected, "{what}");
    }
}

fn file_path(name: &str) -> ItemPath {
    let name = name.strip_suffix(".rs").unwrap_or(name);
    let name = name.strip_suffix("/mod").unwrap_or(name);
    let names = name.split('/').map(str::to_owned);
    names
        .filter(|name| name != "lib" && name != "main")
        .collect()
}

/// Every file's code without comments and tests.
fn program() -> BTreeMap<ItemPath, String> {
    let mut program = BTreeMap::new();
    for source in sources() {
        let lines = source.lines.iter().map(|(_, line)| line.as_str());
        let code: Vec<&str> = lines.filter(|line| !is_comment(line)).collect();
        program.insert(file_path(&source.name), code.join("\n"));
    }
    program
}

fn imports_of(program: &BTreeMap<ItemPath, String>) -> Imports {
    let mut exports: BTreeMap<&ItemPath, BTreeMap<String, ItemPath>> = BTreeMap::new();
    for (file, code) in program {
        let used = uses(code).into_iter().filter(|(is_public, _)| *is_public);
        for path in used.filter_map(|(_, path)| absolute(program, file, &path)) {
            let name = path.last().cloned().unwrap_or_default();
            exports.entry(file).or_default().insert(name, path);
        }
    }
    let file_of = |path: &[String]| {
        let mut path = path.to_vec();
        for _ in 0..5 {
            let length = (0..=path.len())
                .rev()
                .find(|length| program.contains_key(&path[..*length]))?;
            let file = path[..length].to_vec();
            let export = path
                .get(length)
                .and_then(|name| exports.get(&file)?.get(name));
            match export {
                Some(export) if *export != path => path = [export, &path[length + 1..]].concat(),
                _ => return Some(file),
            }
        }
        None
    };
    let mut imports = Imports::new();
    for (file, code) in program {
        let used = uses(code).into_iter().map(|(_, path)| path);
        let named = used.chain(qualified_paths(code));
        let files = named
            .filter_map(|path| file_of(&absolute(program, file, &path)?))
            .filter(|other| !other.starts_with(file) && !file.starts_with(other));
        imports.insert(file.clone(), files.collect());
    }
    imports
}

/// Every path that a `use` names, and whether it is a re-export.
fn uses(code: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    for (at, word) in code.match_indices("use ") {
        let before = code[..at].trim_end_matches(' ');
        let starts = code[..at].ends_with(['\n', ' ', ';']) || at == 0;
        let Some((tree, _)) = code[at + word.len()..].split_once(';') else {
            continue;
        };
        let is_public = before.ends_with("pub") || before.ends_with(')');
        if starts {
            let paths = expand(tree).into_iter();
            found.extend(paths.map(|path| (is_public, path)));
        }
    }
    found
}

/// The single paths of a `use` tree.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.trim().to_owned()];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let mut depth = 0;
    let items = inner.split(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    let items = items.filter(|item| !item.trim().is_empty());
    items
        .flat_map(expand)
        .map(|path| format!("{}{path}", prefix.trim()))
        .collect()
}

/// Every path in code that starts at a crate, `super` or `self`.
fn qualified_paths(code: &str) -> Vec<String> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let words = code.split(|letter| !is_name(letter));
    let starts = ["crate::", "rollbook_", "super::", "self::"];
    words
        .filter(|word| starts.iter().any(|start| word.starts_with(start)))
        .map(str::to_owned)
        .collect()
}

/// A path of a file as one from its crate; nothing for a path to a foreign crate.
fn absolute(program: &BTreeMap<ItemPath, String>, file: &ItemPath, path: &str) -> Option<ItemPath> {
    let mut names: VecDeque<&str> = path.split("::").filter(|name| !name.is_empty()).collect();
    let mut start = file.clone();
    match *names.front()? {
        name if name == "crate" || name.starts_with("rollbook_") => {
            start.clear();
            names.pop_front();
        }
        "self" => {}
        "super" => {
            while names.front() == Some(&"super") {
                names.pop_front();
                start.pop()?;
            }
        }
        name => {
            start.push(name.to_owned());
            program.get(&start)?;
            names.pop_front();
        }
    }
    let names = names
        .into_iter()
        .filter(|name| !["self", "*"].contains(name));
    start.extend(names.map(str::to_owned));
    Some(start)
}

/// One circle for each import that closes one, each circle once.
fn circles(imports: &Imports) -> Vec<String> {
    let mut found: BTreeMap<BTreeSet<ItemPath>, String> = BTreeMap::new();
    for (file, others) in imports {
        for other in others {
            if let Some(path) = path_between(imports, other, file) {
                let names = std::iter::once(file)
                    .chain(&path)
                    .map(|file| file.join("/"));
                let circle = names.collect::<Vec<_>>().join(" -> ");
                found
                    .entry(path.iter().cloned().collect())
                    .or_insert(circle);
            }
        }
    }
    found.into_values().collect()
}

/// The shortest path of imports from one file to another.
fn path_between(imports: &Imports, from: &ItemPath, to: &ItemPath) -> Option<Vec<ItemPath>> {
    let mut paths = VecDeque::from([vec![from.clone()]]);
    let mut seen = BTreeSet::from([from.clone()]);
    while let Some(path) = paths.pop_front() {
        let last = path.last()?;
        if last == to {
            return Some(path);
        }
        for next in imports.get(last).into_iter().flatten() {
            if seen.insert(next.clone()) {
                paths.push_back([path.as_slice(), std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}
