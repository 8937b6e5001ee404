//! The program's own sources, file by file, without the tests inside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that are not the product.
const OTHERS: &[&str] = &["rollbook-man", "rollbook-sandbox"];

/// What marks code that only tests use.
pub const FOR_TESTS: &[&str] = &["#[cfg(test)]", "#[cfg(any(test, feature = \"testing\"))]"];

/// One file of the product, without its tests.
pub struct Source {
    /// The folder of its crate in the repository: empty, or `crates/NAME/`.
    pub folder: String,
    /// Its path below the `src/` of its crate.
    pub name: String,
    /// Its lines with their numbers, up to the tests at its end.
    pub lines: Vec<(usize, String)>,
}

impl Source {
    /// The part of the program it belongs to.
    pub fn part(&self) -> &str {
        let part = self.name.split('/').next().unwrap_or_default();
        part.strip_suffix(".rs").unwrap_or(part)
    }

    /// Its path in the repository.
    pub fn path(&self) -> String {
        format!("{}src/{}", self.folder, self.name)
    }

    /// Whether it is one of these files, or in one of these folders, which end in `/`.
    pub fn is_below(&self, paths: &[&str]) -> bool {
        paths
            .iter()
            .any(|path| self.name == *path || (path.ends_with('/') && self.name.starts_with(path)))
    }
}

/// Whether a line is nothing but a comment.
pub fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Every file of the product that is not a test.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).expect("a folder");
    let names = crates.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    let folders = names
        .filter(|name| !OTHERS.contains(&name.as_str()))
        .map(|name| format!("crates/{name}/"));
    std::iter::once(String::new())
        .chain(folders)
        .flat_map(|folder| of_crate(root, &folder))
        .collect()
}

fn of_crate(root: &Path, folder: &str) -> Vec<Source> {
    let src = root.join(folder).join("src");
    let mut paths = Vec::new();
    collect(&src, &mut paths);
    let texts: BTreeMap<String, String> = paths
        .iter()
        .map(|path| {
            let name = path
                .strip_prefix(&src)
                .expect("below src")
                .display()
                .to_string();
            (name, fs::read_to_string(path).expect("read"))
        })
        .collect();
    let tests: BTreeSet<String> = texts
        .iter()
        .flat_map(|(name, text)| test_files(name, text))
        .collect();
    let is_test = |name: &str| {
        tests
            .iter()
            .any(|test| name == format!("{test}.rs") || name.starts_with(&format!("{test}/")))
    };
    texts
        .iter()
        .filter(|(name, _)| !is_test(name))
        .map(|(name, text)| Source {
            folder: folder.to_owned(),
            name: name.clone(),
            lines: code(text),
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            paths.push(path);
        }
    }
}

/// The modules that a file declares for tests, as paths without an ending.
fn test_files(name: &str, text: &str) -> Vec<String> {
    let folder = match name.strip_suffix("mod.rs") {
        Some(folder) => folder.trim_end_matches('/'),
        None => name.trim_end_matches(".rs"),
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (number, _) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| FOR_TESTS.iter().any(|mark| line.starts_with(mark)))
    {
        let next = lines.get(number + 1).copied().unwrap_or_default();
        let module = next
            .strip_suffix(';')
            .and_then(|line| line.split("mod ").nth(1));
        if let Some(file) = module {
            found.push(if folder.is_empty() {
                file.to_owned()
            } else {
                format!("{folder}/{file}")
            });
        }
    }
    found
}

/// The numbered lines before the tests at a file's end.
fn code(text: &str) -> Vec<(usize, String)> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end]
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.to_owned()))
        .collect()
}
