//! The lookups of codes (combo lists, crosswalks) for the store, made from the checked configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::checked::Setup;
use super::files::CrosswalkConfig;
use super::files::crosswalk::ColumnPath;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::model::{CrosswalkName, SourceName, StreamName};
use rollbook_core::store::lookups::{ComboTable, Crosswalk, Lookups, MappedColumn, References};

/// The lookups of all sources, or those that concern the runs of one.
///
/// Only streams that a job reads have tables, so what refers to others is left out.
pub fn of(setup: &Setup, only: Option<&SourceName>) -> Lookups {
    let mut lookups = Lookups {
        has_codes: setup.config.store.label_codes,
        ..Lookups::default()
    };
    let sources = setup.sources.keys();
    for source in sources.filter(|name| only.is_none_or(|only| only == *name)) {
        let streams = kept_streams(setup, source);
        let Some(combos) = streams.values().find_map(|spec| combo_table(source, spec)) else {
            continue;
        };
        lookups.combos.push(combos);
        lookups.references.extend(
            streams
                .values()
                .map(|spec| references(source, spec))
                .filter(|references| !references.columns.is_empty()),
        );
    }
    for (name, document) in &setup.crosswalks {
        let crosswalk = crosswalk(setup, name, &document.value);
        let concerns = only.is_none_or(|only| {
            let mut columns = crosswalk.columns.iter();
            crosswalk.source == *only || columns.any(|one| one.source == *only)
        });
        if concerns {
            lookups.crosswalks.push(crosswalk);
        }
    }
    lookups
}

/// Where the combo lists of a source are mirrored, where a job reads them.
pub fn combos(setup: &Setup, source: &SourceName) -> Option<ComboTable> {
    let mut specs = kept_streams(setup, source).into_values();
    specs.find_map(|spec| combo_table(source, &spec))
}

/// A crosswalk as the store knows it; a column that no job keeps is left out.
pub fn crosswalk(setup: &Setup, name: &CrosswalkName, config: &CrosswalkConfig) -> Crosswalk {
    let is_kept = |path: &&ColumnPath| {
        let spec = setup.kept(&path.source, path.stream.as_str());
        spec.is_some_and(|spec| spec.column(path.column.as_str()).is_some())
    };
    let column = |path: &ColumnPath| MappedColumn {
        source: path.source.clone(),
        stream: path.stream.clone(),
        column: path.column.to_string(),
    };
    let lines = config
        .map
        .iter()
        .map(|(value, entry)| (Some(value.clone()), entry.text()));
    let otherwise = config.otherwise.iter().map(|entry| (None, entry.text()));
    Crosswalk {
        name: name.clone(),
        columns: config
            .from
            .paths()
            .iter()
            .filter(is_kept)
            .map(column)
            .collect(),
        source: config.to.source.clone(),
        list: config.to.list.clone(),
        by: config.to.by,
        lines: lines.chain(otherwise).collect(),
    }
}

/// The streams of a source as its jobs keep them, each once.
fn kept_streams(setup: &Setup, source: &SourceName) -> BTreeMap<StreamName, Arc<StreamSpec>> {
    let mut streams = BTreeMap::new();
    for job in setup.jobs.values().filter(|job| job.source == *source) {
        for spec in &job.streams {
            let name = spec.name.clone();
            streams.entry(name).or_insert_with(|| Arc::clone(spec));
        }
    }
    streams
}

fn combo_table(source: &SourceName, spec: &StreamSpec) -> Option<ComboTable> {
    let columns = spec.combos?;
    let name = |column: usize| spec.columns[column].name.clone();
    Some(ComboTable {
        source: source.clone(),
        stream: spec.name.clone(),
        list: name(columns.list),
        id: name(columns.id),
        code: name(columns.code),
        label: name(columns.label),
        active: columns.active.map(name),
    })
}

fn references(source: &SourceName, spec: &Arc<StreamSpec>) -> References {
    let columns = spec.columns.iter();
    References {
        source: source.clone(),
        stream: spec.name.clone(),
        columns: columns
            .filter_map(|column| Some((column.name.clone(), spec.reference(column)?)))
            .collect(),
    }
}

#[cfg(test)]
mod tests;
