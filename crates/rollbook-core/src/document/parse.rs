//! A TOML file read into a type, with everything that is wrong with it at once.
//!
//! The one source of truth is the type: serde reads it, schemars describes it, and the description finds what
//! serde would stop at. The tree is kept, so that a later check can point at the value it speaks of.

use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::file_kind::FileKind;
use super::file_text::{FileText, Location};
use super::lookalike::in_text;
use super::node::{Node, NodeKind};
use super::problem::{Problem, Problems};
pub use super::schema_walk::Extent;
use super::schema_walk::walk;
use super::text_value::Check;

/// The largest file read, in bytes. Ours have a few kilobytes.
pub const LARGEST: usize = 1024 * 1024;

/// A value and the tree it was read from.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// The deserialized file.
    pub value: T,
    /// Its tree, for the locations of later problems.
    pub tree: Node,
}

impl<T: FileKind> Document<T> {
    /// Reads a text. `checks` holds every [`super::text_value::TextValue`] type that `T` uses.
    pub fn read(file: &Arc<FileText>, checks: &[Check]) -> Result<Self, Problems> {
        let (tree, value) = read_with_tree(file, checks);
        Ok(Self {
            value: value?,
            tree,
        })
    }

    /// Makes the value of a tree that was put together of several files.
    pub fn of_merged(tree: Node, checks: &[Check]) -> Result<Self, Problems> {
        let problems = walk(&tree, &schema::<T>(), checks, Extent::Whole);
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(Self {
            value: value_of(&tree)?,
            tree,
        })
    }
}

impl<T> Document<T> {
    /// The range of the value below these keys, in its file; a number selects from a list.
    pub fn span_of(&self, path: &[&str]) -> Option<Range<usize>> {
        self.tree.at(path).map(Node::span)
    }

    /// The location of the value below these keys, or of the nearest existing key above it.
    pub fn location(&self, path: &[&str]) -> Location {
        self.tree.nearest_location(path)
    }
}

/// Reads a text, and returns its tree even if it cannot be deserialized, for checks that do not need the value.
pub fn read_with_tree<T: FileKind>(
    file: &Arc<FileText>,
    checks: &[Check],
) -> (Node, Result<T, Problems>) {
    let (tree, problems) = checked_tree::<T>(file, checks, |_| Extent::Whole);
    let value = if problems.has_errors() {
        Err(problems)
    } else {
        value_of(&tree)
    };
    (tree, value)
}

fn value_of<T: DeserializeOwned>(tree: &Node) -> Result<T, Problems> {
    T::deserialize(tree).map_err(|error| {
        let location = error
            .location
            .unwrap_or_else(|| Location::whole(tree.file()));
        Problem::error(location, error.message).into()
    })
}

/// The tree of a text and everything that is wrong with it, without making a value.
///
/// A line that is not TOML, or has an invisible character, is reported once; the keys that it may have held are not reported as missing.
pub fn checked_tree<T: FileKind>(
    file: &Arc<FileText>,
    checks: &[Check],
    extent: impl FnOnce(&Node) -> Extent,
) -> (Node, Problems) {
    let (tree, mut problems) = Node::parse(file);
    let extent = if problems.is_empty() {
        extent(&tree)
    } else {
        Extent::Part
    };
    let found = walk(&tree, &schema::<T>(), checks, extent);
    for found in [invisible(&tree), found] {
        let broken: Vec<usize> = problems.iter().filter_map(Problem::line).collect();
        let is_new = |problem: &Problem| problem.line().is_none_or(|line| !broken.contains(&line));
        problems.extend(found.into_iter().filter(is_new));
    }
    (tree, problems)
}

/// The invisible characters of all keys and texts.
fn invisible(node: &Node) -> Problems {
    let mut problems = Problems::new();
    if let NodeKind::Text(_) = node.kind() {
        problems.extend(in_text(node.file(), node.span()));
    }
    for entry in node.entries() {
        problems.extend(in_text(entry.value.file(), entry.key.clone()));
        problems.append(invisible(&entry.value));
    }
    for item in node.items() {
        problems.append(invisible(item));
    }
    problems
}

/// The JSON Schema of a file that is read into `T`.
pub fn schema<T: FileKind>() -> serde_json::Value {
    T::schema()
}

/// The text of a file, or why it cannot be a configuration file.
pub fn text_of(name: &str, bytes: Vec<u8>) -> Result<Arc<FileText>, Problem> {
    let whole = || Location::whole(&FileText::new(name, ""));
    if bytes.len() > LARGEST {
        return Err(Problem::error(whole(), "the file is larger than 1 MiB")
            .help("a configuration file is smaller; move this one away"));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let (start, valid) = (
                error.utf8_error().valid_up_to(),
                String::from_utf8_lossy(error.as_bytes()).into_owned(),
            );
            let location = Location::within(
                &FileText::new(name, valid),
                start..start + char::REPLACEMENT_CHARACTER.len_utf8(),
            );
            return Err(
                Problem::error(location, "this is not UTF-8").help("save the file as UTF-8")
            );
        }
    };
    match text.find('\0') {
        Some(at) => {
            let location = Location::within(&FileText::new(name, text), at..at + 1);
            Err(Problem::error(location, "there is a NUL byte")
                .help("the file is damaged or not a text; restore it"))
        }
        None => Ok(FileText::new(name, text)),
    }
}

#[cfg(test)]
mod tests;
