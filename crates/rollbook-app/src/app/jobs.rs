//! Turns the checked configuration of a job into what a run needs.

use std::sync::Arc;

use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::columns::Column;
use rollbook_core::connector::mask::PseudonymKey;
use rollbook_core::model::row::Kind;
use rollbook_core::model::{History, JobName};
use rollbook_core::store::fitting::{self, Layout};
use rollbook_core::store::references::StreamReference;
use rollbook_core::store::staging::Feed;
use rollbook_core::store::table_locks::ColumnsFree;
use rollbook_core::store::{Store, StoreError};
use rollbook_engine::setup::tables;
use rollbook_engine::setup::tables::history;
use rollbook_engine::setup::{JobSetup, Setup, lookups};
use rollbook_engine::sync::{Job, Source, StreamJob};

/// Creates or changes the tables of all jobs that no run uses; for the others, the next run does that before it reads.
/// A changed table is read in full next.
pub async fn fit(store: &Arc<Store>, layout: &Arc<Layout>) -> Result<(), StoreError> {
    let free: Vec<(String, ColumnsFree)> = layout
        .names()
        .filter_map(|table| Some((table.to_owned(), store.locks().try_free_columns(table)?)))
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

/// A job, ready for a run. Without the key of the pseudonyms, pseudonymised columns have no values.
pub fn job(
    setup: &Setup,
    layout: &Arc<Layout>,
    name: &JobName,
    job: &JobSetup,
    source: Arc<Source>,
    pseudonyms: Option<&PseudonymKey>,
) -> Job {
    let config = &job.config;
    let streams = job
        .streams
        .iter()
        .map(|spec| match pseudonyms {
            Some(key) if spec.has_pseudonyms() => Arc::new(spec.with_pseudonyms(key)),
            _ => Arc::clone(spec),
        })
        .map(|spec| Arc::new(stream(setup, job, &spec)))
        .collect();
    Job {
        name: name.clone(),
        source,
        streams,
        apply: config.apply,
        guard: config.guard.clone(),
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
    let options = job.config.stream.get(&spec.name);
    let history = history(setup, job, spec);
    let each = spec.for_each.as_ref();
    let count = each.and_then(|each| each.count.as_ref());
    let parents = each.and_then(|each| each.stream.as_deref());
    let parents = parents
        .into_iter()
        .chain(count.map(|count| count.stream.as_str()));
    let parents = parents.filter_map(|parent| {
        let kept = setup.kept(&job.source, parent)?;
        Some((
            kept.name.clone(),
            Arc::new(kept.table(&job.source, History::Off)),
        ))
    });
    let feed = spec.removed.feed.as_ref().and_then(|feed| {
        let stream = setup.kept(&job.source, &feed.stream)?.name.clone();
        Some(Feed {
            table: format!("{}_{stream}", job.source),
            stream,
            key: feed.key.clone(),
            rows: feed.rows.clone(),
        })
    });
    StreamJob {
        table: Arc::new(spec.table(&job.source, history)),
        retain: tables::retain(job, spec),
        parents: parents.collect(),
        mode: options.and_then(|options| options.mode),
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

/// Columns with one key of another stream that the source's jobs mirror. A list of keys is not checked.
fn references(setup: &Setup, job: &JobSetup, spec: &StreamSpec) -> Vec<StreamReference> {
    let columns = spec.columns.iter().enumerate();
    let reference = |(column, rules): (usize, &Column)| {
        let refers_to = rules.refers_to.as_ref()?;
        let target = setup.kept(&job.source, &refers_to.stream)?;
        let [key] = target.key[..] else { return None };
        let key = target.columns[key].name.clone();
        if rules.kind == Kind::Json || key != refers_to.column {
            return None;
        }
        let stream = target.name.clone();
        Some(StreamReference {
            column,
            table: format!("{}_{stream}", job.source),
            stream,
            key,
        })
    };
    columns.filter_map(reference).collect()
}
