//! A TOML file read into a type, with everything that is wrong with it at once.
//!
//! The one source of truth is the type: serde reads it, schemars describes it, and the description finds what
//! serde would stop at. The tree is kept, so that a later check can point at the value it speaks of.

use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::file_text::{FileText, Place};
use super::node::Node;
use super::problem::{Problem, Problems};
pub use super::schema_walk::Extent;
use super::schema_walk::walk;
use super::spelled::Check;

/// The largest file read, in bytes. Ours have a few kilobytes.
pub const LARGEST: usize = 1024 * 1024;

/// A value and the tree it was read from.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// What the file says.
    pub value: T,
    /// Where it says it.
    pub tree: Node,
}

impl<T: DeserializeOwned + JsonSchema> Document<T> {
    /// Reads a text. `checks` holds every [`super::spelled::Spelled`] type that `T` uses.
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
    /// The bytes of the value below these keys, in the file it comes from; a number picks from a list.
    pub fn span_of(&self, path: &[&str]) -> Option<Range<usize>> {
        self.tree.at(path).map(Node::span)
    }

    /// Where the value below these keys stands, or the nearest key above it that is there.
    pub fn place(&self, path: &[&str]) -> Place {
        self.tree.nearest_place(path)
    }
}

/// Reads a text, and gives its tree also when it makes no value, for checks that can go on without.
pub fn read_with_tree<T: DeserializeOwned + JsonSchema>(
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
    T::deserialize(tree).map_err(|refusal| {
        let place = refusal.place.unwrap_or_else(|| Place::whole(tree.file()));
        Problem::error(place, refusal.message).into()
    })
}

/// The tree of a text and everything that is wrong with it, without making a value.
///
/// A line that is not TOML is complained about once; what it was meant to say is then not called missing.
pub fn checked_tree<T: JsonSchema>(
    file: &Arc<FileText>,
    checks: &[Check],
    extent: impl FnOnce(&Node) -> Extent,
) -> (Node, Problems) {
    let (tree, mut problems) = Node::parse(file);
    let broken: Vec<usize> = problems.iter().filter_map(Problem::line).collect();
    let extent = if problems.is_empty() {
        extent(&tree)
    } else {
        Extent::Part
    };
    let found = walk(&tree, &schema::<T>(), checks, extent);
    problems.extend(
        found
            .into_iter()
            .filter(|problem| problem.line().is_none_or(|line| !broken.contains(&line))),
    );
    (tree, problems)
}

/// The JSON Schema of a file that is read into `T`.
pub fn schema<T: JsonSchema>() -> serde_json::Value {
    schemars::schema_for!(T).to_value()
}

/// The text of a file as it was read from disk, or why it cannot be one of ours.
pub fn text_of(name: &str, bytes: Vec<u8>) -> Result<Arc<FileText>, Problem> {
    let whole = || Place::whole(&FileText::new(name, ""));
    if bytes.len() > LARGEST {
        return Err(Problem::error(whole(), "the file is larger than 1 MiB")
            .help("it is not a file of ours; move it away"));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let (start, valid) = (
                error.utf8_error().valid_up_to(),
                String::from_utf8_lossy(error.as_bytes()).into_owned(),
            );
            let place = Place::within(
                &FileText::new(name, valid),
                start..start + char::REPLACEMENT_CHARACTER.len_utf8(),
            );
            return Err(Problem::error(place, "this is not UTF-8").help("save the file as UTF-8"));
        }
    };
    match text.find('\0') {
        Some(at) => {
            let place = Place::within(&FileText::new(name, text), at..at + 1);
            Err(Problem::error(place, "there is a NUL byte")
                .help("the file is damaged or not a text; restore it"))
        }
        None => Ok(FileText::new(name, text)),
    }
}

#[cfg(test)]
mod tests;
