//! The history file of a daemon, and the same history for a command: computed from the run records, without a state of its own.
//!
//! The daemon keeps the days in memory and reads only the records of runs that ended since.

use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::maintenance::{BackupRequest, backup_of};
use super::{App, DaemonEngine};
use crate::daemon::{HistoryFile, absolute};
use crate::model::run_history::{HISTORY_DAYS, HISTORY_SCHEMA, HistoryFold, RunHistory};
use crate::model::{JobName, SourceName, scalar};
use crate::setup::Setup;
use crate::store::queries::{Reader, add_ended_runs, job_runs, jobs};
use crate::store::{StoreError, maintenance};

/// What the run records of a mirror say; without a configuration of all jobs that are recorded.
pub fn run_history(
    reader: &Reader,
    mirror: &Path,
    setup: Option<&Setup>,
    now: Timestamp,
) -> Result<RunHistory, StoreError> {
    let mut fold = HistoryFold::default();
    update(&mut fold, reader, mirror, setup, now)?;
    Ok(fold.history)
}

fn update(
    fold: &mut HistoryFold,
    reader: &Reader,
    mirror: &Path,
    setup: Option<&Setup>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let first = first_day(setup, now);
    fold.forget_before(first);
    add_ended_runs(reader, fold, first)?;
    let listed: Vec<(JobName, SourceName)> = match setup {
        Some(setup) => setup
            .jobs
            .iter()
            .map(|(name, job)| (name.clone(), job.source.clone()))
            .collect(),
        None => jobs(reader)?,
    };
    let listed = listed.iter();
    let listed = listed.map(|(job, source)| job_runs(reader, job, source));
    let backups = setup.map(|setup| backup_of(setup, mirror, BackupRequest::default(), now).folder);
    let history = &mut fold.history;
    history.jobs = listed.collect::<Result<_, _>>()?;
    history.storage = maintenance::storage_use(mirror, backups.as_deref());
    history.schema = HISTORY_SCHEMA;
    history.version = env!("CARGO_PKG_VERSION").to_owned();
    history.mirror = absolute(mirror).display().to_string();
    history.written = scalar::to_canonical(now);
    Ok(())
}

/// A record that is purged for its age must not be shown until the next start only.
fn first_day(setup: Option<&Setup>, now: Timestamp) -> Date {
    let kept = setup.and_then(|setup| SignedDuration::try_from(setup.config.store.runs.0).ok());
    let length = SignedDuration::from_hours(24 * (HISTORY_DAYS - 1));
    let length = kept.map_or(length, |kept| kept.min(length));
    let first = scalar::saturating_add(now, -length);
    first.to_zoned(TimeZone::UTC).date()
}

/// The days so far, with the configuration that they were computed for.
type KeptHistory = Option<(Arc<Setup>, HistoryFold)>;

impl DaemonEngine {
    /// Writes the history file whenever `wake` was notified: after a start, a reload and the end of a run.
    pub async fn keep_history(&self, wake: &Notify, file: &HistoryFile) {
        let (mut kept, mut is_logged) = (None, false);
        loop {
            wake.notified().await;
            let (app, file) = (Arc::clone(&self.app), file.clone());
            let work = tokio::task::spawn_blocking(move || app.write_history(&file, kept));
            kept = match work.await {
                Ok(Ok(new)) => {
                    is_logged = false;
                    new
                }
                Ok(Err(error)) => {
                    if !std::mem::replace(&mut is_logged, true) {
                        tracing::warn!("cannot write the history file: {error}");
                    }
                    None
                }
                Err(_) => None, // a panic, which was logged
            };
        }
    }
}

impl App {
    fn write_history(&self, file: &HistoryFile, kept: KeptHistory) -> Result<KeptHistory, String> {
        let setup = self.setup();
        // A reload may have renamed a source, or keeps records for another time.
        let kept = kept.filter(|(of, _)| Arc::ptr_eq(of, &setup));
        let mut fold = kept.map_or_else(HistoryFold::default, |(_, fold)| fold);
        let (store, now) = (self.store(), self.clock.now());
        store
            .reader()
            .and_then(|reader| update(&mut fold, &reader, store.path(), Some(&setup), now))
            .map_err(|error| error.to_string())?;
        file.write(&fold.history)
            .map_err(|error| error.to_string())?;
        Ok(Some((setup, fold)))
    }
}

#[cfg(test)]
mod tests;
