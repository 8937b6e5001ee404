//! Where in a bundle's file a mistake of a question is: inside the SQL, where SQLite says so.

use rollbook_core::document::{Document, Location, Node, Problem};
use rollbook_core::store::bundle::{BundleError, BundleSql};
use rollbook_engine::setup::files::bundle::BundleConfig;

/// The mistake with its place in the file.
pub(super) fn problem(document: &Document<BundleConfig>, error: &BundleError) -> Problem {
    let (path, offset) = match error {
        BundleError::Sql { at, offset, .. } => match at {
            BundleSql::Question(file) => (vec![file.to_string(), "sql".to_owned()], *offset),
            BundleSql::Rule(file, rule) => {
                let (reason, _) = &document.value.file[*file].rules.0[*rule];
                let path = vec![file.to_string(), "rules".to_owned(), reason.clone()];
                (path, *offset)
            }
        },
        BundleError::Columns { file, .. } => (vec![file.to_string(), "sql".to_owned()], None),
        BundleError::Store(_) => (Vec::new(), None),
    };
    let path: Vec<&str> = std::iter::once("file")
        .chain(path.iter().map(String::as_str))
        .collect();
    let location = match (document.tree.at(&path), offset) {
        (Some(node), Some(offset)) => within(node, offset),
        _ => document.tree.nearest_location(&path),
    };
    Problem::error(location, error.to_string())
}

/// The word at an offset of a text, unless the file writes the text with escapes.
fn within(node: &Node, offset: usize) -> Location {
    let text = node.text().unwrap_or_default();
    let span = node.span();
    let written = node.file().text().get(span.clone()).unwrap_or_default();
    let Some(begin) = written.find(text).filter(|_| !text.is_empty()) else {
        return node.location();
    };
    let rest = text.get(offset..).unwrap_or_default();
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
    let start = span.start + begin + offset;
    Location::within(node.file(), start..start + word.max(1).min(rest.len()))
}

#[cfg(test)]
mod tests;
