//! What every check between files works with: the files, the connectors and the problems so far.
//!
//! Each check is in the file of its subject: `sources.rs`, `jobs.rs`, `cluster.rs`, `crosswalks.rs`, `hooks.rs`, `people.rs`, `store_copy.rs`, `webhooks.rs`.

use super::files::Files;
use rollbook_core::connector::load::Connectors;
use rollbook_core::document::{Problem, Problems};

/// The checks between files; each adds to the problems.
pub(super) struct Checks<'a> {
    pub files: &'a Files,
    pub connectors: &'a Connectors,
    pub problems: Problems,
}

impl Checks<'_> {
    pub fn source_problem(
        &mut self,
        source: &str,
        path: &[&str],
        message: String,
        help: Option<String>,
    ) {
        let location = self.files.source_location(source, path);
        self.problems
            .push(Problem::error(location, message).maybe_help(help));
    }
}
