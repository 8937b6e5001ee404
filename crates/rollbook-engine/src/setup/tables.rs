//! The tables of the streams that jobs read, as the store knows them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::checked::{JobSetup, Setup};
use super::lookups;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::model::{History, Retain, SourceName, StreamName, Table};
use rollbook_core::store::fitting::Layout;
use rollbook_core::store::unconfigured::Configured;

/// How long old versions of a stream are kept that no job reads any more.
const ORPHAN: History = History::Keep(Duration::from_secs(400 * 24 * 60 * 60));

/// The tables of a configuration, and the lookups of their codes.
pub fn layout(setup: &Setup) -> Layout {
    Layout::new(all(setup), lookups::of(setup, None))
}

impl Setup {
    /// The tables of all streams that jobs read.
    pub fn tables(&self) -> Vec<Table> {
        all(self)
    }
}

/// The tables of all streams that jobs read, each once.
pub fn all(setup: &Setup) -> Vec<Table> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for job in setup.jobs.values() {
        for spec in &job.streams {
            let table = spec.table(&job.source, history(setup, job, spec));
            tables.entry(table.name()).or_insert(table);
        }
    }
    tables.into_values().collect()
}

/// How long old versions of a stream are kept by a job that reads it.
pub fn history(setup: &Setup, job: &JobSetup, spec: &StreamSpec) -> History {
    let options = job.config.stream.get(&spec.name);
    let history = options
        .and_then(|options| options.history)
        .unwrap_or(spec.history);
    limited(setup, history)
}

/// How long old versions of a stream are kept, also of one that no job reads any more.
pub fn kept_history(setup: &Setup, source: &SourceName, stream: &StreamName) -> History {
    let mut jobs = setup.jobs.values().filter(|job| job.source == *source);
    let kept = jobs.find_map(|job| {
        let spec = job.streams.iter().find(|spec| spec.name == *stream)?;
        Some(history(setup, job, spec))
    });
    kept.unwrap_or_else(|| limited(setup, ORPHAN))
}

/// No longer than `[store] history_max`.
pub fn limited(setup: &Setup, history: History) -> History {
    match (history, setup.config.store.history_max) {
        (History::Keep(length), Some(most)) => History::Keep(length.min(most.0)),
        (history, _) => history,
    }
}

/// The streams that jobs read.
pub fn configured(setup: &Setup) -> Configured {
    let streams = |job: &JobSetup| {
        let source = job.source.clone();
        let names = job.streams.iter().map(|spec| spec.name.clone());
        names.map(|name| (source.clone(), name)).collect::<Vec<_>>()
    };
    setup.jobs.values().flat_map(streams).collect()
}

/// How long a job keeps the rows of a stream after a date of their own.
pub fn retain(job: &JobSetup, spec: &StreamSpec) -> Option<Retain> {
    let rule = job.config.stream.get(&spec.name)?.retain.as_ref()?;
    Some(Retain {
        column: spec.column(rule.column.as_ref())?,
        length: rule.length.0,
    })
}

/// The tables of time series whose points are kept for a time.
pub fn series(setup: &Setup) -> Vec<(Table, Retain)> {
    let mut series: BTreeMap<String, (Table, Option<Retain>)> = BTreeMap::new();
    for job in setup.jobs.values() {
        for spec in job.streams.iter().filter(|spec| spec.window.is_some()) {
            let retain = retain(job, spec);
            let table = spec.table(&job.source, history(setup, job, spec));
            let known = series.entry(table.name()).or_insert((table, retain));
            // Of two jobs, the one that keeps points for longer counts, or that keeps all.
            known.1 = known.1.zip(retain).map(|(one, other)| Retain {
                length: one.length.max(other.length),
                ..one
            });
        }
    }
    let kept = series.into_values();
    kept.filter_map(|(table, retain)| Some((table, retain?)))
        .collect()
}
