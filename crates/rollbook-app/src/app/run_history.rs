//! The history file of a daemon, and the same history for a command: computed from the run records, without a state of its own.
//!
//! The daemon keeps the days in memory and reads only the records of runs that ended since.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::maintenance::{BackupRequest, backup_of, entry};
use super::{App, DaemonEngine};
use rollbook_core::model::run_history::{
    HISTORY_DAYS, HISTORY_SCHEMA, HistoryFold, RunHistory, SourceHistory, StorageUse, TokenUse,
};
use rollbook_core::model::schedule::next_tick;
use rollbook_core::model::totals::{Totals, TotalsFold};
use rollbook_core::model::{JobName, ParkReason, SourceName, scalar};
use rollbook_core::store::queries::{Reader, add_ended_runs, job_runs, jobs, last_ended_run};
use rollbook_core::store::{StoreError, maintenance, purge, runs};
use rollbook_engine::daemon::{HistoryFile, absolute};
use rollbook_engine::setup::Setup;

/// What the run records of a mirror say; without a configuration of all jobs that are recorded.
pub fn run_history(
    reader: &Reader,
    mirror: &Path,
    setup: Option<&Setup>,
    now: Timestamp,
) -> Result<RunHistory, StoreError> {
    let mut fold = HistoryFold::default();
    update(&mut fold, None, reader, mirror, setup, now)?;
    Ok(fold.history)
}

fn update(
    fold: &mut HistoryFold,
    totals: Option<&mut TotalsFold>,
    reader: &Reader,
    mirror: &Path,
    setup: Option<&Setup>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let first = first_day(setup, now);
    fold.forget_before(first);
    add_ended_runs(reader, fold, totals, first)?;
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
    let backup = setup.and_then(entry);
    let next_backup =
        backup.and_then(|entry| next_tick(entry.schedule.cron(), entry.zone.zone(), now));
    history.storage = StorageUse {
        next_backup: next_backup.map(scalar::to_canonical),
        next_purge: purge::next_records(reader)?.map(scalar::to_canonical),
        ..maintenance::storage_use(mirror, backups.as_deref())
    };
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
        let totals = Arc::new(Mutex::new(self.app.totals_from_now()));
        loop {
            wake.notified().await;
            let (app, file, totals) = (Arc::clone(&self.app), file.clone(), Arc::clone(&totals));
            let work = tokio::task::spawn_blocking(move || app.write_history(&file, &totals, kept));
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
    /// Runs that ended before now are not counted; all of them if the mirror cannot be read.
    fn totals_from_now(&self) -> TotalsFold {
        let reader = self.store().reader();
        let last = reader.and_then(|reader| last_ended_run(&reader));
        let since = scalar::to_canonical(self.clock.now());
        TotalsFold::behind(last.unwrap_or(i64::MAX - 1), since)
    }

    fn write_history(
        &self,
        file: &HistoryFile,
        totals: &Mutex<TotalsFold>,
        kept: KeptHistory,
    ) -> Result<KeptHistory, String> {
        let setup = self.setup();
        // A reload may have renamed a source, or keeps records for another time.
        let kept = kept.filter(|(of, _)| Arc::ptr_eq(of, &setup));
        let mut fold = kept.map_or_else(HistoryFold::default, |(_, fold)| fold);
        let (store, now) = (self.store(), self.clock.now());
        let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
        // Of a failure nothing is kept, or a run would be counted twice.
        let mut new = totals.clone();
        let reader = store.reader().map_err(|error| error.to_string())?;
        update(
            &mut fold,
            Some(&mut new),
            &reader,
            store.path(),
            Some(&setup),
            now,
        )
        .and_then(|()| self.add_sources(&mut fold.history, &mut new.totals, &reader, &setup, now))
        .map_err(|error| error.to_string())?;
        fold.history.totals = Some(new.totals.clone());
        *totals = new;
        file.write(&fold.history)
            .map_err(|error| error.to_string())?;
        Ok(Some((setup, fold)))
    }

    /// What sessions measure of the sources. A source that is configured no longer keeps its totals.
    fn add_sources(
        &self,
        history: &mut RunHistory,
        totals: &mut Totals,
        reader: &Reader,
        setup: &Setup,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let measured = self.all_source_metrics();
        let counters = measured.iter();
        totals.sources = counters.map(|(name, it)| it.totals(name)).collect();
        for name in setup.sources.keys() {
            let metrics = measured.get(name);
            let expiry = metrics.and_then(|metrics| metrics.token_expiry());
            let sign_in_needed = needs_sign_in(reader, setup, name)?;
            let quota = metrics.and_then(|metrics| metrics.quota(now));
            let token = (expiry.is_some() || sign_in_needed).then(|| TokenUse {
                expires_at: expiry.map(scalar::to_canonical),
                sign_in_needed,
            });
            let sources = &mut history.sources;
            let index = sources.binary_search_by(|known| known.source.cmp(name));
            let index = index.unwrap_or_else(|index| {
                sources.insert(index, SourceHistory::new(name.clone()));
                index
            });
            sources[index].quota = quota;
            sources[index].token = token;
        }
        Ok(())
    }
}

/// Whether a job of the source is parked for that.
fn needs_sign_in(reader: &Reader, setup: &Setup, source: &SourceName) -> Result<bool, StoreError> {
    for (name, _) in setup.jobs.iter().filter(|(_, job)| job.source == *source) {
        let parked = runs::job_state(reader, &name.into())?.parked;
        if parked.is_some_and(|parked| parked.reason == ParkReason::SignInNeeded) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
