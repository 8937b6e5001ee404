//! One run of a job, from its number to its report.
//!
//! For each stream in the job's order: read, guard, apply; together or each by itself. Rows, history,
//! checkpoint and record go into one transaction. A stop leaves nothing half.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::report::{Outcome, RunReport, Watch};
use super::work::Work;
use crate::clock::Clock;
use crate::model::{Class, scalar};
use crate::store::look::{self, Gap};
use crate::store::runs::{self, RunEnd};
use crate::store::{Store, StoreError, database, purge};

/// What is asked of a run.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Who asks: `schedule`, `catch_up`, `command`, `approval`.
    pub cause: &'static str,
    /// Read everything, whatever the checkpoints say.
    pub full: bool,
    /// Work out the plan and write nothing.
    pub dry: bool,
}

/// Runs jobs.
#[derive(Clone)]
pub struct Runner {
    /// The mirror.
    pub store: Arc<Store>,
    /// Time.
    pub clock: Clock,
}

impl Runner {
    /// Runs a job once. Never fails by itself: whatever happens stands in the report and in the mirror's records.
    pub async fn run(
        &self,
        job: &Arc<Job>,
        order: Order,
        stop: &CancellationToken,
        watch: &Watch,
    ) -> RunReport {
        let run = match self.begin(job, order).await {
            Ok(run) => run,
            Err(error) => return RunReport::of_store_error(job, None, &error),
        };
        tracing::info!(job = job.name, run, cause = order.cause, "run starts");
        let work = Work {
            store: &self.store,
            clock: &self.clock,
            job,
            order,
            run,
            watch,
        };
        let mut report = tokio::select! {
            biased;
            () = stop.cancelled() => RunReport::stopped(job, run),
            report = AssertUnwindSafe(work.all_streams()).catch_unwind() => {
                report.unwrap_or_else(|_| RunReport::broken(job, run))
            }
        };
        if let Err(error) = self.end(job, &mut report).await {
            report = RunReport::of_store_error(job, run, &error);
        }
        let rows: u64 = report
            .streams
            .iter()
            .map(|stream| stream.record.rows_read)
            .sum();
        let (outcome, sentence) = (
            report.outcome.word(),
            report.sentence.as_deref().unwrap_or_default(),
        );
        for gap in &report.gaps {
            tracing::warn!(job = job.name, run, "{gap}");
        }
        match report.outcome {
            Outcome::Ok | Outcome::OkWithRejects | Outcome::LeftOut => {
                tracing::info!(job = job.name, run, outcome, rows, "run ends")
            }
            Outcome::Interrupted => {
                tracing::warn!(job = job.name, run, outcome, rows, "run was stopped")
            }
            Outcome::Held | Outcome::Failed(_) | Outcome::Parked => {
                tracing::error!(job = job.name, run, outcome, rows, sentence, "run ends");
            }
        }
        report
    }

    async fn begin(&self, job: &Arc<Job>, order: Order) -> Result<Option<i64>, StoreError> {
        if order.dry {
            return Ok(None);
        }
        let (job, now) = (Arc::clone(job), scalar::written(self.clock.now()));
        self.store
            .write(move |connection| {
                runs::begin(connection, &job.name, &job.source.name, order.cause, &now)
            })
            .await
            .map(Some)
    }

    /// Notes how the run ended, and what follows for the job's next ticks.
    async fn end(&self, job: &Arc<Job>, report: &mut RunReport) -> Result<(), StoreError> {
        let Some(run) = report.run else { return Ok(()) };
        let now = scalar::written(self.clock.now());
        let class = match report.outcome {
            Outcome::Failed(class) => Some(class.to_string()),
            Outcome::Parked => Some(Class::Auth.to_string()),
            Outcome::Held => Some(Class::Refused.to_string()),
            Outcome::Ok | Outcome::OkWithRejects | Outcome::LeftOut | Outcome::Interrupted => None,
        };
        let holds: Vec<String> = report
            .streams
            .iter()
            .filter_map(|stream| stream.hold.clone())
            .collect();
        let end = RunEnd {
            outcome: report.outcome.word().to_owned(),
            class,
            sentence: report.sentence.clone(),
            hold: (!holds.is_empty()).then(|| holds.join(",")),
        };
        let stated = report
            .streams
            .iter()
            .filter_map(|stream| stream.stated)
            .max();
        let (job, outcome) = (Arc::clone(job), report.outcome.clone());
        let deferred = report.deferred_until.map(scalar::written);
        let unwritten: Vec<_> = report
            .streams
            .iter()
            .filter(|stream| !stream.written)
            .cloned()
            .collect();
        report.gaps = self
            .store
            .write(move |connection| {
                let what = StoreError::sql("end a run");
                let transaction = connection.transaction().map_err(&what)?;
                for stream in &unwritten {
                    runs::record_stream(
                        &transaction,
                        run,
                        &job.source.name,
                        &stream.record,
                        &stream.rejects,
                    )?;
                }
                runs::end(&transaction, run, &now, &end)?;
                if let Some(stated) = stated {
                    purge::note_vendor_time(&transaction, stated)?;
                }
                let mut state = runs::job_state(&transaction, &job.name)?;
                state.deferred_until = deferred;
                state.failures = if outcome.is_good() {
                    0
                } else {
                    state.failures + u32::from(outcome != Outcome::Interrupted)
                };
                let parked = outcome == Outcome::Parked;
                state.parked = parked.then(|| end.sentence.clone().unwrap_or_default());
                state.parked_shape = parked.then(|| job.shape.clone());
                runs::save_job_state(&transaction, &job.name, &state)?;
                if outcome.is_good() {
                    runs::use_up_approvals(&transaction, &job.name)?;
                }
                transaction.commit().map_err(&what)?;
                let gaps = look::gaps(connection)?;
                database::tidy(connection)?;
                Ok(gaps.into_iter().filter(|gap| concerns(gap, &job)).collect())
            })
            .await?;
        Ok(())
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
    gap.source() == job.source.name && stream.is_some_and(|stream| read.any(|one| one == stream))
}
