//! One run of a job, from its number to its report.
//!
//! For each stream in the job's order: read, guard, apply; together or each by itself. Rows, history,
//! checkpoint and record go into one transaction. A stop leaves nothing half.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::error::Failure;
use super::job::{ApplyMode, Job, StreamJob};
use super::read::{self, Context, Reading};
use super::report::{Outcome, Progress, RunReport, StreamReport, Watch};
use super::timeline::{self, TimelineReport, Writing};
use crate::clock::Clock;
use crate::http::RunBudget;
use crate::model::{Class, guard, scalar};
use crate::store::apply::{Applied, Removals, Stamp, apply};
use crate::store::checkpoints;
use crate::store::runs::{self, RunEnd, StreamRecord};
use crate::store::{Store, StoreError};

/// An approval is good for a day.
const APPROVAL: SignedDuration = SignedDuration::from_hours(24);

/// At most so many left-out items are named.
const NAMED_ITEMS: usize = 5;

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

/// A stream that is ready to be applied.
struct Ready {
    job: Arc<StreamJob>,
    reading: Reading,
    removals: Removals,
    outcome: Outcome,
    sentence: Option<String>,
    duration: Duration,
}

impl Runner {
    /// Runs a job once. Never fails by itself: whatever happens stands in the report and in the mirror's records.
    pub async fn run(&self, job: &Arc<Job>, order: Order, stop: &CancellationToken, watch: &Watch) -> RunReport {
        let run = match self.begin(job, order).await {
            Ok(run) => run,
            Err(error) => return failed_report(job, None, Failure::Store(error)),
        };
        tracing::info!(job = job.name, run, cause = order.cause, "run starts");
        let work = Work { runner: self, job, order, run, watch };
        let mut report = tokio::select! {
            biased;
            () = stop.cancelled() => stopped_report(job, run),
            report = work.all_streams() => report,
        };
        if let Err(error) = self.end(job, &mut report).await {
            report = failed_report(job, run, Failure::Store(error));
        }
        let rows: u64 = report.streams.iter().map(|stream| stream.record.rows_read).sum();
        let (outcome, sentence) = (report.outcome.word(), report.sentence.as_deref().unwrap_or_default());
        match report.outcome {
            Outcome::Ok | Outcome::OkWithRejects | Outcome::LeftOut => tracing::info!(job = job.name, run, outcome, rows, "run ends"),
            Outcome::Interrupted => tracing::warn!(job = job.name, run, outcome, rows, "run was stopped"),
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
            .write(move |connection| runs::begin(connection, &job.name, &job.source.name, order.cause, &now))
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
        let holds: Vec<String> = report.streams.iter().filter_map(|stream| stream.hold.clone()).collect();
        let end = RunEnd {
            outcome: report.outcome.word().to_owned(),
            class,
            sentence: report.sentence.clone(),
            hold: (!holds.is_empty()).then(|| holds.join(",")),
        };
        let (job, outcome) = (Arc::clone(job), report.outcome.clone());
        let deferred = report.deferred_until.map(scalar::written);
        self.store
            .write(move |connection| {
                let what = StoreError::sql("end a run");
                let transaction = connection.transaction().map_err(&what)?;
                runs::end(&transaction, run, &now, &end)?;
                let mut state = runs::job_state(&transaction, &job.name)?;
                state.deferred_until = deferred;
                state.failures = if outcome.is_good() { 0 } else { state.failures + u32::from(outcome != Outcome::Interrupted) };
                let parked = outcome == Outcome::Parked;
                state.parked = parked.then(|| end.sentence.clone().unwrap_or_default());
                state.parked_shape = parked.then(|| job.shape.clone());
                runs::save_job_state(&transaction, &job.name, &state)?;
                if outcome.is_good() {
                    runs::use_up_approvals(&transaction, &job.name)?;
                }
                transaction.commit().map_err(&what)
            })
            .await
    }
}

/// One run while it goes on.
struct Work<'a> {
    runner: &'a Runner,
    job: &'a Arc<Job>,
    order: Order,
    run: Option<i64>,
    watch: &'a Watch,
}

impl Work<'_> {
    async fn all_streams(&self) -> RunReport {
        let budget = RunBudget::new(&self.runner.clock, self.job.timeout);
        let context = Context {
            source: &self.job.source,
            store: &self.runner.store,
            clock: &self.runner.clock,
            budget: &budget,
            watch: self.watch,
        };
        match self.job.apply {
            ApplyMode::Each => self.each(&context).await,
            ApplyMode::Together => self.together(&context).await,
        }
    }

    async fn each(&self, context: &Context<'_>) -> RunReport {
        let mut report = empty_report(self.job, self.run);
        for stream in &self.job.streams {
            let _turn = self.turn(stream).await;
            self.tell_start(stream);
            let part = match self.read(context, stream).await {
                Ok(Part::Ready(ready)) => self.apply_one(*ready).await,
                Ok(Part::Done(part)) => Ok(*part),
                Err(error) => Err(error),
            };
            let part = part.unwrap_or_else(|error| failed_stream(stream, &error, &mut report));
            let part = self.recorded(stream, part).await;
            self.tell_end(stream, &part);
            let hopeless = part.ends_run;
            report.streams.push(part);
            if hopeless {
                break;
            }
        }
        conclude(report)
    }

    /// Reads all streams first; then all become visible at once, or none.
    async fn together(&self, context: &Context<'_>) -> RunReport {
        let mut report = empty_report(self.job, self.run);
        let mut turns = Vec::new();
        let mut ready = Vec::new();
        for stream in &self.job.streams {
            turns.push(self.turn(stream).await);
            self.tell_start(stream);
            match self.read(context, stream).await {
                Ok(Part::Ready(part)) => ready.push(*part),
                Ok(Part::Done(part)) => report.streams.push(*part),
                Err(error) => {
                    let part = failed_stream(stream, &error, &mut report);
                    report.streams.push(part);
                    break;
                }
            }
        }
        let in_the_way = report.streams.iter().find(|part| !part.outcome.is_good());
        match in_the_way.map(|part| (part.record.stream.clone(), part.outcome.clone())) {
            None => match self.apply_all(ready).await {
                Ok(parts) => report.streams.extend(parts),
                Err(error) => {
                    if let Some(first) = self.job.streams.first() {
                        let part = failed_stream(first, &Failure::Store(error), &mut report);
                        report.streams.push(part);
                    }
                }
            },
            Some((name, outcome)) => {
                let sentence = format!("not applied, because {name} was not");
                report.streams.extend(ready.iter().map(|part| not_applied(part, outcome.clone(), &sentence)));
            }
        }
        self.in_order(&mut report);
        for part in &mut report.streams {
            if !part.recorded {
                let done = self.recorded(self.stream(&part.record.stream), part.clone()).await;
                *part = done;
            }
            if let Some(stream) = self.stream(&part.record.stream) {
                self.tell_end(stream, part);
            }
        }
        conclude(report)
    }
}
