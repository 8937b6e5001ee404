//! Commands that a command suggests: where it was carried out for a person on another host of a cluster, they name the source.

use std::sync::OnceLock;

use rollbook_core::model::SourceName;
use rollbook_core::model::admin_command::admin_command;

static SOURCE: OnceLock<SourceName> = OnceLock::new();

/// From now on commands are suggested to a person on another host, about this source.
#[cfg(feature = "postgres")]
pub fn suggest_in(source: SourceName) {
    let _ = SOURCE.set(source); // a process is asked for one
}

/// `rollbook` with these words.
pub fn suggested(words: &str) -> String {
    admin_command(words, SOURCE.get())
}
