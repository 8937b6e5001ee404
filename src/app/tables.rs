//! Tables and jobs as the store and the runs know them, made from checked configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::lookups;
use super::setup::{JobSetup, Setup};
use crate::config::{Apply, Mode};
use crate::model::guard::GuardRules;
use crate::model::{History, JobName, SourceName, StreamName};
use crate::store::staging::Feed;
use crate::store::tables::{Fitted, fit as fit_tables};
use crate::store::{Store, StoreError, Table, TableColumn, checkpoints};
use crate::sync::{ApplyMode, Job, Source, StreamJob};
use crate::vendor::api::StreamSpec;

/// Makes the tables of all jobs; a table that changed is read in full next.
pub async fn fit(store: &Arc<Store>, setup: &Setup) -> Result<(), StoreError> {
    let (tables, lookups) = (all(setup), lookups::of(setup, None));
    store
        .write(move |connection| {
            let fitted = fit_tables(connection, &tables, &lookups)?;
            for (table, _) in tables
                .iter()
                .zip(fitted)
                .filter(|(_, fitted)| *fitted == Fitted::Changed)
            {
                checkpoints::forget(connection, table)?;
            }
            Ok(())
        })
        .await
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
pub fn job(setup: &Setup, name: &str, job: &JobSetup, source: Arc<Source>) -> Job {
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
        shape: shape(setup, job),
    }
}

/// A text that changes when the configuration of a job or of its source does.
pub fn shape(setup: &Setup, job: &JobSetup) -> String {
    let source = setup.sources.get(&job.source).map(|source| &source.config);
    format!(
        "{:016x}",
        xxh3_64(format!("{:?} {source:?}", job.config).as_bytes())
    )
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
        spec: Arc::clone(spec),
    }
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
        keep: spec.keep,
        history: history != History::Off,
    }
}
