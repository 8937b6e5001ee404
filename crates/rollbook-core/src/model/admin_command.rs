//! A command that a message names, as an admin may type it.

use super::SourceName;

/// `rollbook` with these words; `in_source` is the source that is meant, in a cluster: each has a mirror of its own there.
pub fn admin_command(words: &str, in_source: Option<&SourceName>) -> String {
    match in_source {
        None => format!("rollbook {words}"),
        Some(source) => format!("rollbook {words} --in {source}"),
    }
}
