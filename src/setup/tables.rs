//! The tables of the streams that jobs read, as the store knows them.

use std::collections::BTreeMap;

use super::{JobSetup, Setup, lookups};
use crate::connector::api::StreamSpec;
use crate::model::{History, SourceName, StreamName};
use crate::store::fitting::Layout;
use crate::store::{Table, TableColumn};

/// The tables of a configuration, and the lookups of their codes.
pub fn layout(setup: &Setup) -> Layout {
    Layout::new(all(setup), lookups::of(setup, None))
}

/// The tables of all streams that jobs read, each once.
pub fn all(setup: &Setup) -> Vec<Table> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for job in setup.jobs.values() {
        for spec in &job.streams {
            let table = table(&job.source, spec, history(job, spec));
            tables.entry(table.name()).or_insert(table);
        }
    }
    tables.into_values().collect()
}

/// How long old versions of a stream are kept by a job that reads it.
pub fn history(job: &JobSetup, spec: &StreamSpec) -> History {
    let options = spec
        .name
        .parse::<StreamName>()
        .ok()
        .and_then(|name| job.config.stream.get(&name));
    options
        .and_then(|options| options.history)
        .unwrap_or(spec.history)
}

/// The table of a stream of a source.
pub fn table(source: &SourceName, spec: &StreamSpec, history: History) -> Table {
    Table {
        source: source.to_string(),
        stream: spec.name.clone(),
        columns: spec
            .columns
            .iter()
            .map(|column| TableColumn {
                name: column.name.clone(),
                kind: column.kind,
                from: column.from.clone(),
                help: column.help.clone(),
                combo: spec.reference(column),
            })
            .collect(),
        key: spec.key.clone(),
        partition: spec.partition.clone(),
        newest: spec.newest,
        removed_status: spec.removed_status.clone(),
        history: history != History::Off,
    }
}
