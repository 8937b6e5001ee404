//! Tables and jobs as the store and the runs know them, made from checked configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lookups;
use super::setup::{JobSetup, Setup};
use crate::config::{Apply, Mode};
use crate::model::guard::GuardRules;
use crate::model::{History, JobName, SourceName, StreamName};
use crate::store::fitting::{self, Layout};
use crate::store::references::Reference;
use crate::store::staging::Feed;
use crate::store::table_locks::ColumnsFree;
use crate::store::{Store, StoreError, Table, TableColumn};
use crate::sync::{ApplyMode, Job, Source, StreamJob};
use crate::vendor::api::StreamSpec;
use crate::vendor::columns::Column;

/// Makes the tables of all jobs that no run uses; a run that uses one later makes it fit before it reads. A table that
/// changed is read in full next.
pub async fn fit(store: &Arc<Store>, layout: &Arc<Layout>) -> Result<(), StoreError> {
    let free: Vec<(String, ColumnsFree)> = layout
        .names()
        .filter_map(|table| Some((table.to_owned(), store.try_free_columns(table)?)))
        .collect();
    let layout = Arc::clone(layout);
    let act = move |connection: &mut _| {
        let names: Vec<&str> = free.iter().map(|(table, _)| table.as_str()).collect();
        fitting::fit(connection, &layout, &names)
    };
    for table in store.write(act).await? {
        tracing::info!(
            table,
            "a run uses the table; its columns are changed when the next one begins"
        );
    }
    Ok(())
}

/// The tables of a configuration, and what is added to their codes.
pub fn layout(setup: &Setup) -> Layout {
    Layout::new(all(setup), lookups::of(setup, None))
}

/// The tables of all streams that jobs read, each once.
pub fn all(setup: &Setup) -> Vec<Table> {
    of_jobs(&setup.jobs)
}

/// The same of jobs that are no whole configuration yet.
pub fn of_jobs(jobs: &BTreeMap<JobName, JobSetup>) -> Vec<Table> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for job in jobs.values() {
        for spec in &job.streams {
            let table = table(&job.source, spec, history(job, spec));
            tables.entry(table.name()).or_insert(table);
        }
    }
    tables.into_values().collect()
}

/// A job as a run knows it.
pub fn job(
    setup: &Setup,
    layout: &Arc<Layout>,
    name: &str,
    job: &JobSetup,
    source: Arc<Source>,
) -> Job {
    let config = &job.config;
    let streams = job
        .streams
        .iter()
        .map(|spec| Arc::new(stream(setup, job, spec)))
        .collect();
    Job {
        name: name.to_owned(),
        source,
        streams,
        apply: match config.apply {
            Apply::Together => ApplyMode::Together,
            Apply::Each => ApplyMode::Each,
        },
        guard: GuardRules {
            removals: config.guard.removals,
            removals_max: u64::from(config.guard.removals_max),
            changed_keys: config.guard.changed_keys,
            rejects: config.guard.rejects,
            group_min: u64::from(config.guard.group_min.get()),
        },
        timeout: config.timeout.0,
        lookups: Arc::new(lookups::of(setup, Some(&job.source))),
        layout: Arc::clone(layout),
        config_fingerprint: config_fingerprint(setup, job),
    }
}

/// Another one when a job, its source or the vendor's description says something else.
pub fn config_fingerprint(setup: &Setup, job: &JobSetup) -> String {
    let source = setup.sources.get(&job.source);
    let source = source.map_or("", |source| source.fingerprint.as_str());
    format!("{}{source}", job.fingerprint)
}

fn stream(setup: &Setup, job: &JobSetup, spec: &Arc<StreamSpec>) -> StreamJob {
    let options = spec
        .name
        .parse::<StreamName>()
        .ok()
        .and_then(|name| job.config.stream.get(&name));
    let history = history(job, spec);
    let parent = spec.for_each.as_ref().and_then(|each| each.stream.clone());
    let parents = parent.and_then(|parent| {
        let kept = setup.kept(&job.source, &parent)?;
        Some((parent, Arc::new(table(&job.source, &kept, History::Off))))
    });
    let feed = spec
        .gone
        .feed
        .as_ref()
        .filter(|feed| setup.kept(&job.source, &feed.stream).is_some())
        .map(|feed| Feed {
            stream: feed.stream.clone(),
            table: format!("{}_{}", job.source, feed.stream),
            key: feed.key.clone(),
            rows: feed.rows.clone(),
        });
    StreamJob {
        table: Arc::new(table(&job.source, spec, history)),
        parents: parents.into_iter().collect(),
        incremental: options
            .and_then(|options| options.mode)
            .map(|mode| mode == Mode::Incremental),
        history,
        group: job
            .config
            .guard
            .per
            .as_ref()
            .and_then(|column| spec.column(column.as_ref())),
        confirm: job.config.guard.confirm.map(u32::from),
        feed,
        references: references(setup, job, spec),
        spec: Arc::clone(spec),
    }
}

/// The columns whose values are keys of other streams that the jobs of the source keep.
fn references(setup: &Setup, job: &JobSetup, spec: &StreamSpec) -> Vec<Reference> {
    let columns = spec.columns.iter().enumerate();
    let reference = |(column, rules): (usize, &Column)| {
        let stream = rules.references.clone()?;
        let target = setup.kept(&job.source, &stream)?;
        let key = target.columns[*target.key.first()?].name.clone();
        Some(Reference {
            column,
            table: format!("{}_{stream}", job.source),
            stream,
            key,
        })
    };
    columns.filter_map(reference).collect()
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

fn table(source: &SourceName, spec: &StreamSpec, history: History) -> Table {
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
        gone_status: spec.gone_status.clone(),
        history: history != History::Off,
    }
}
