//! One run of a job, from its number to its report.
//!
//! For each stream in the job's order: read, guard, apply; together or each by itself. Rows, history, checkpoint and
//! record are committed in one transaction. A stop discards what is not committed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::job::{Job, RunOptions};
use super::report::{ProgressSink, RunReport};
use super::run_locks::RunLocks;
use super::run_log::{log_end, run_name};
use super::stream_run::StreamRun;
use rollbook_core::clock::Clock;
use rollbook_core::model::park::{PARKS_AT, refused_retry};
use rollbook_core::model::{EntryName, Outcome, ParkReason};
use rollbook_core::store::queries::{self, Gap};
use rollbook_core::store::runs::{self, JobState, Parked, RunEnd};
use rollbook_core::store::{Store, StoreError, database, held, purge};

/// Runs jobs.
#[derive(Clone)]
pub struct Runner {
    /// The mirror.
    pub store: Arc<Store>,
    /// Time.
    pub clock: Clock,
}

impl Runner {
    /// Runs a job once. Never returns an error: every failure is part of the report and of the mirror's records.
    pub async fn run(
        &self,
        job: &Arc<Job>,
        options: RunOptions,
        stop: &CancellationToken,
        progress: &ProgressSink,
    ) -> RunReport {
        let refusals = self.store.refusals();
        let run = match self.begin(job, &options).await {
            Ok(run) => run,
            Err(error) => return RunReport::of_store_error(job, None, &error),
        };
        tracing::info!(
            job = job.name.as_str(),
            run,
            cause = options.cause.as_str(),
            "{} starts",
            run_name(run)
        );
        let readers = self.store.keep_readers();
        let mut report = tokio::select! {
            biased;
            () = stop.cancelled() => RunReport::stopped(job, run),
            report = AssertUnwindSafe(self.read(job, options.clone(), run, progress)).catch_unwind() => {
                report.unwrap_or_else(|_| RunReport::panicked(job, run))
            }
        };
        drop(readers);
        match self.end(job, options.only.is_some(), &mut report).await {
            Ok(()) => self.store.note_room(refusals),
            Err(error) => report = RunReport::of_store_error(job, run, &error),
        }
        for gap in &report.gaps {
            tracing::warn!(job = job.name.as_str(), run, "{gap}");
        }
        log_end(&report);
        report
    }

    async fn read(
        &self,
        job: &Arc<Job>,
        options: RunOptions,
        run: Option<i64>,
        progress: &ProgressSink,
    ) -> RunReport {
        let locks = match RunLocks::begin(&self.store, &self.clock, job, progress).await {
            Ok(locks) => locks,
            Err(error) => return RunReport::of_store_error(job, run, &error),
        };
        let work = StreamRun {
            store: &self.store,
            clock: &self.clock,
            job,
            options,
            run,
            progress,
            locks: &locks,
        };
        work.all_streams().await
    }

    async fn begin(&self, job: &Arc<Job>, options: &RunOptions) -> Result<Option<i64>, StoreError> {
        if options.dry {
            return Ok(None);
        }
        let (job, options, now) = (Arc::clone(job), options.clone(), self.clock.now());
        self.store
            .write(move |connection| {
                runs::begin(
                    connection,
                    (&job.name, &job.source.name),
                    options.cause,
                    options.only.as_ref(),
                    now,
                )
            })
            .await
            .map(Some)
    }

    /// Notes how the run ended, and what follows for the job's next ticks.
    async fn end(
        &self,
        job: &Arc<Job>,
        is_partial: bool,
        report: &mut RunReport,
    ) -> Result<(), StoreError> {
        let Some(run) = report.run else { return Ok(()) };
        let now = self.clock.now();
        let before = runs::job_state(&*self.store.reader()?, &EntryName::from(&job.name))?;
        let is_refused = report.park == Some(ParkReason::CredentialRefused);
        let refused_runs = before.refused_runs.saturating_add(1);
        if is_refused && before.has_worked && refused_runs < PARKS_AT {
            let again = self.clock.wall_clock_after(refused_retry(refused_runs));
            report.retry_credential(again);
        }
        let locks: Vec<String> = report
            .streams
            .iter()
            .filter_map(|stream| stream.hold.clone())
            .collect();
        let end = RunEnd {
            outcome: report.outcome,
            message: report.message.clone(),
            hold: (!locks.is_empty()).then(|| locks.join(",")),
        };
        let vendor_time = report
            .streams
            .iter()
            .filter_map(|stream| stream.vendor_time)
            .max();
        let (job, ended) = (
            Arc::clone(job),
            EndedRun::of(job, report, is_refused, is_partial),
        );
        let unwritten: Vec<_> = report
            .streams
            .iter()
            .filter(|stream| !stream.written)
            .cloned()
            .collect();
        let (gaps, is_emptied) = self
            .store
            .write(move |connection| {
                let what = StoreError::sql("end a run");
                let transaction = connection.transaction().map_err(&what)?;
                // What a run of one stream held or did says nothing about the other streams.
                if !is_partial && (end.outcome.is_good() || end.hold.is_some()) {
                    held::forget(&transaction, &job.name)?;
                }
                for stream in &unwritten {
                    if let (Some(_), Some(rows)) = (&end.hold, &stream.held_rows) {
                        let name = (&job.source.name, &stream.record.stream);
                        held::save(&transaction, run, name, rows)?;
                    }
                    runs::record_stream(
                        &transaction,
                        run,
                        &job.source.name,
                        &stream.record,
                        &stream.rejects,
                    )?;
                }
                runs::end(&transaction, run, now, &end)?;
                if let Some(vendor_time) = vendor_time {
                    purge::note_vendor_time(&transaction, vendor_time)?;
                }
                let entry = EntryName::from(&job.name);
                let before = runs::job_state(&transaction, &entry)?;
                let is_good = end.outcome.is_good();
                runs::save_job_state(&transaction, &entry, &ended.state_after(before))?;
                if is_good && !is_partial {
                    runs::use_up_approvals(&transaction, &job.name)?;
                }
                transaction.commit().map_err(&what)?;
                let gaps = queries::gaps(connection)?;
                let is_emptied = database::tidy(connection)?;
                let gaps = gaps.into_iter().filter(|gap| concerns(gap, &job));
                Ok((gaps.collect(), is_emptied))
            })
            .await?;
        report.gaps = gaps;
        self.store.note_log(is_emptied, now);
        Ok(())
    }
}

/// What of a run counts for the job's next ticks.
struct EndedRun {
    outcome: Outcome,
    deferred_until: Option<Timestamp>,
    parked: Option<Parked>,
    /// The vendor refused the credential.
    is_refused: bool,
    /// The vendor accepted the credential and returned something.
    has_received: bool,
    /// Only one stream was read.
    is_partial: bool,
}

impl EndedRun {
    fn of(job: &Job, report: &RunReport, is_refused: bool, is_partial: bool) -> Self {
        let is_parked = report.outcome == Outcome::Parked;
        let has_pages = report.streams.iter().any(|stream| stream.record.pages > 0);
        Self {
            is_refused,
            is_partial,
            has_received: has_pages || report.outcome.is_good(),
            outcome: report.outcome,
            deferred_until: report.deferred_until,
            parked: is_parked.then(|| Parked {
                reason: report.park.unwrap_or(ParkReason::CredentialRefused),
                message: report.message.clone().unwrap_or_default(),
                config_fingerprint: Some(job.config_fingerprint.clone()),
            }),
        }
    }

    /// What is known of the job after the run. One that was stopped counts for nothing; one that ended incomplete is no
    /// failure, because it may have received a lot. One of a single stream counts for the credential only.
    fn state_after(self, before: JobState) -> JobState {
        let (failures, incomplete_runs) = match self.outcome {
            Outcome::Interrupted => return before,
            _ if self.is_partial => (before.failures, before.incomplete_runs),
            Outcome::Ok | Outcome::OkWithRejects | Outcome::NotServed => (0, 0),
            Outcome::Incomplete => (0, before.incomplete_runs + 1),
            Outcome::Held | Outcome::Failed(_) | Outcome::Parked => (before.failures + 1, 0),
        };
        let refused_runs = match (self.is_refused, self.has_received) {
            (true, true) => 1,
            (true, false) => before.refused_runs.saturating_add(1),
            (false, true) => 0,
            (false, false) => before.refused_runs,
        };
        JobState {
            last_due: before.last_due,
            deferred_until: self.deferred_until,
            parked: self.parked,
            failures,
            incomplete_runs,
            refused_runs,
            has_worked: before.has_worked || self.has_received,
            pauses: before.pauses,
        }
    }
}

/// Whether a gap is about what a job reads: a stream of it, or the lists that crosswalks lead to.
fn concerns(gap: &Gap, job: &Job) -> bool {
    let lists = job.lookups.combos_of(&job.source.name);
    let stream = match gap {
        Gap::Unmapped { stream, .. } | Gap::Unlabelled { stream, .. } => Some(stream),
        Gap::Targets { .. } => lists.map(|combos| &combos.stream),
    };
    let mut read = job.streams.iter().map(|one| &one.spec.name);
    *gap.source() == job.source.name && stream.is_some_and(|stream| read.any(|one| one == stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::Class;

    #[test]
    fn what_a_run_leaves_for_the_next_tick() {
        let parked = Parked {
            reason: ParkReason::SignInNeeded,
            message: "sign in".to_owned(),
            config_fingerprint: None,
        };
        let before = JobState {
            failures: 2,
            incomplete_runs: 3,
            parked: Some(parked.clone()),
            ..JobState::default()
        };
        for (outcome, failures, incomplete_runs, stays_parked) in [
            (Outcome::Ok, 0, 0, false),
            (Outcome::OkWithRejects, 0, 0, false),
            (Outcome::Incomplete, 0, 4, false),
            (Outcome::Interrupted, 2, 3, true),
            (Outcome::Held, 3, 0, false),
            (Outcome::Failed(Class::Transient), 3, 0, false),
            (Outcome::Parked, 3, 0, true),
        ] {
            let ended = EndedRun {
                outcome,
                deferred_until: None,
                parked: (outcome == Outcome::Parked).then(|| parked.clone()),
                is_refused: false,
                has_received: false,
                is_partial: false,
            };
            let after = ended.state_after(before.clone());
            let counts = (after.failures, after.incomplete_runs);
            assert_eq!(counts, (failures, incomplete_runs), "{outcome}");
            assert_eq!(after.parked.is_some(), stays_parked, "{outcome}");
        }
    }

    #[test]
    fn a_run_of_one_stream_counts_for_the_credential_only() {
        let before = JobState {
            failures: 2,
            incomplete_runs: 3,
            refused_runs: 4,
            ..JobState::default()
        };
        for (outcome, has_received, refused_runs) in [
            (Outcome::Ok, true, 0),
            (Outcome::Held, true, 0),
            (Outcome::Failed(Class::Transient), false, 4),
        ] {
            let ended = EndedRun {
                outcome,
                deferred_until: None,
                parked: None,
                is_refused: false,
                has_received,
                is_partial: true,
            };
            let after = ended.state_after(before.clone());
            let counts = (after.failures, after.incomplete_runs, after.refused_runs);
            assert_eq!(counts, (2, 3, refused_runs), "{outcome}");
        }
    }

    #[test]
    fn refused_runs_count_until_something_is_received() {
        for (is_refused, has_received, refused_runs, has_worked) in [
            (true, false, 3, false),
            (true, true, 1, true),
            (false, false, 2, false),
            (false, true, 0, true),
        ] {
            let ended = EndedRun {
                outcome: Outcome::Failed(Class::Auth),
                deferred_until: None,
                parked: None,
                is_refused,
                has_received,
                is_partial: false,
            };
            let before = JobState {
                refused_runs: 2,
                ..JobState::default()
            };
            let after = ended.state_after(before);
            assert_eq!(after.refused_runs, refused_runs);
            assert_eq!(after.has_worked, has_worked);
        }
    }
}
