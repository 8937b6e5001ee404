//! Turns the checked configuration of a job into what a run needs.

use std::sync::Arc;

use crate::connector::api::StreamSpec;
use crate::connector::columns::Column;
use crate::model::guard::GuardRules;
use crate::model::{History, StreamName};
use crate::setup::files::{Apply, Mode};
use crate::setup::tables::{history, table};
use crate::setup::{JobSetup, Setup, lookups};
use crate::store::fitting::{self, Layout};
use crate::store::references::Reference;
use crate::store::staging::Feed;
use crate::store::table_locks::ColumnsFree;
use crate::store::{Store, StoreError};
use crate::sync::{ApplyMode, Job, Source, StreamJob};

/// Creates or changes the tables of all jobs that no run uses; for the others, the next run does that before it reads.
/// A changed table is read in full next.
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
            "a run uses the table; its columns are changed before the next run"
        );
    }
    Ok(())
}

/// A job, ready for a run.
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

/// Changes when the job, its source or the connector changes.
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
        .removed
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

/// Columns with keys of other streams that the source's jobs mirror.
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
