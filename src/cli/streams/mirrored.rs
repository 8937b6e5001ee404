//! The tables that jobs mirror, as the configuration describes them: for a diagram, and for other programs.

use super::columns::{ColumnLine, columns};
use rollbook_core::model::SourceName;
use rollbook_engine::setup::Setup;

/// A table with the columns that its job mirrors.
pub struct MirroredTable {
    /// Its name in the mirror.
    pub name: String,
    /// The connector's title, and what a row is.
    pub title: String,
    /// The columns in order.
    pub columns: Vec<ColumnLine>,
}

/// The tables of all streams that a job reads, of the sources that `is_wanted` accepts.
pub fn tables(setup: &Setup, is_wanted: impl Fn(&SourceName) -> bool) -> Vec<MirroredTable> {
    let mut tables = Vec::new();
    for (name, source) in setup.sources.iter().filter(|(name, _)| is_wanted(name)) {
        for (stream, spec) in &source.streams {
            if setup.kept(name, stream.as_str()).is_none() {
                continue;
            }
            let mut columns = columns(setup, name, source, stream);
            columns.retain(|column| column.mirrored);
            tables.push(MirroredTable {
                name: format!("{name}_{stream}"),
                title: format!("{}: {}", source.connector.title, spec.title),
                columns,
            });
        }
    }
    tables
}
