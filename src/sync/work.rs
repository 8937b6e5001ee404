//! The streams of one run: read, guarded, applied, in the job's order.
//!
//! Each by itself, or all together in one transaction. Whatever goes wrong becomes a stream's
//! outcome and a sentence; only a refused sign-in or a broken mirror ends the run early.

mod reports;

use self::reports::{
    as_planned, base_report, is_left_out, left_out, named, not_applied, nothing_written,
    outcome_of, report_of, write_counts,
};

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::OwnedMutexGuard;

use super::error::Failure;
use super::job::{ApplyMode, Job, StreamJob};
use super::read::{self, Context, Reading};
use super::report::{Outcome, Progress, RunReport, StreamReport, Watch};
use super::run::Order;
use super::timeline::{self, Writing};
use super::walk::WalkFacts;
use crate::clock::Clock;
use crate::http::RunBudget;
use crate::model::{Class, guard, scalar};
use crate::store::apply::{Applied, Removals, Stamp, apply};
use crate::store::runs::{self, StreamRecord};
use crate::store::{Store, StoreError, checkpoints, lookups, purge};

/// An approval is good for a day (reliability.md 4.2).
const APPROVAL: SignedDuration = SignedDuration::from_hours(24);

/// At most so many left-out items are named.
const NAMED_ITEMS: usize = 5;

/// One run while it goes on.
pub struct Work<'a> {
    /// The mirror.
    pub store: &'a Arc<Store>,
    /// Time.
    pub clock: &'a Clock,
    /// The job.
    pub job: &'a Arc<Job>,
    /// What is asked.
    pub order: Order,
    /// The run's number; none when nothing is written.
    pub run: Option<i64>,
    /// Who is told how it goes.
    pub watch: &'a Watch,
}

/// What came of reading a stream.
enum Part {
    /// It may be applied.
    Ready(Box<Ready>),
    /// There is nothing to apply, or it is applied already.
    Done(Box<StreamReport>),
}

/// A stream that may be applied.
struct Ready {
    job: Arc<StreamJob>,
    reading: Reading,
    removals: Removals,
    report: StreamReport,
}

impl Work<'_> {
    /// Reads and applies all streams.
    pub async fn all_streams(&self) -> RunReport {
        let watch = Arc::clone(self.watch);
        let ear = Arc::new(move |length| watch(Progress::Quiet(length)));
        let budget = RunBudget::told(self.clock, self.job.timeout, ear);
        let (source, store, clock, watch) = (&*self.job.source, self.store, self.clock, self.watch);
        let context = Context {
            source,
            store,
            clock,
            budget: &budget,
            watch,
        };
        match self.job.apply {
            ApplyMode::Each => self.each(&context).await,
            ApplyMode::Together => self.together(&context).await,
        }
    }

    async fn each(&self, context: &Context<'_>) -> RunReport {
        let mut report = RunReport::begun(self.job, self.run);
        for stream in &self.job.streams {
            let _turn = self.turn(stream).await;
            let part = match self.read(context, stream).await {
                Ok(Part::Ready(ready)) => self
                    .apply(vec![*ready])
                    .await
                    .map(|mut parts| parts.remove(0)),
                Ok(Part::Done(part)) => Ok(*part),
                Err(error) => Err(error),
            };
            let (part, is_last) = self.settle(stream, part, &mut report);
            self.tell_end(&part);
            report.streams.push(part);
            if is_last {
                break;
            }
        }
        report.conclude()
    }

    /// Reads all streams first; then all become visible at once, or none.
    async fn together(&self, context: &Context<'_>) -> RunReport {
        let mut report = RunReport::begun(self.job, self.run);
        let (mut turns, mut ready) = (Vec::new(), Vec::new());
        for stream in &self.job.streams {
            turns.push(self.turn(stream).await);
            match self.read(context, stream).await {
                Ok(Part::Ready(part)) => ready.push(*part),
                Ok(Part::Done(part)) => report.streams.push(*part),
                Err(error) => {
                    let (part, _) = self.settle(stream, Err(error), &mut report);
                    report.streams.push(part);
                    break;
                }
            }
        }
        let in_the_way = report.streams.iter().find(|part| !part.outcome.is_good());
        match in_the_way.map(|part| (part.record.stream.clone(), part.outcome.clone())) {
            None => match self.apply(ready).await {
                Ok(parts) => report.streams.extend(parts),
                Err(error) => {
                    let (part, _) = self.settle(&self.job.streams[0], Err(error), &mut report);
                    report.streams.push(part);
                }
            },
            Some((name, outcome)) => {
                report.streams.extend(
                    ready
                        .into_iter()
                        .map(|part| not_applied(part.report, &name, &outcome)),
                );
            }
        }
        let place = |part: &StreamReport| {
            self.job
                .streams
                .iter()
                .position(|stream| stream.spec.name == part.record.stream)
        };
        report.streams.sort_by_key(place);
        report.streams.iter().for_each(|part| self.tell_end(part));
        report.conclude()
    }

    /// Reads one stream up to the guard's word.
    async fn read(&self, context: &Context<'_>, stream: &Arc<StreamJob>) -> Result<Part, Failure> {
        (self.watch)(Progress::Start {
            source: self.job.source.name.clone(),
            stream: stream.spec.name.clone(),
        });
        let started = self.clock.running();
        if stream.spec.window.is_some() {
            return self.read_timeline(context, stream, started).await;
        }
        let reading = read::read(context, stream, self.order.full).await;
        let duration = self.clock.running() - started;
        let reading = match reading {
            Ok(reading) => reading,
            Err(error) if is_left_out(stream, &error) => {
                return Ok(Part::Done(Box::new(left_out(stream, &error, duration))));
            }
            Err(error) => return Err(error),
        };
        self.judge(stream, reading, duration).await
    }

    /// Asks the guard, and whether an admin has approved what it refuses.
    async fn judge(
        &self,
        stream: &Arc<StreamJob>,
        reading: Reading,
        duration: Duration,
    ) -> Result<Part, Failure> {
        let plan = &reading.staged.plan;
        let mut report = report_of(stream, &reading, duration);
        let mut removals = if plan.full {
            Removals::Confirmed
        } else {
            Removals::None
        };
        if !plan.full && plan.gone > 0 {
            removals = Removals::Confirmed; // a feed said so
        }
        let Some(refusal) = guard::refusal(plan, &self.job.guard, reading.full) else {
            return Ok(Part::Ready(Box::new(Ready {
                job: Arc::clone(stream),
                reading,
                removals,
                report,
            })));
        };
        let hold = format!("{}:{:016x}", stream.spec.name, plan.loss_mark());
        if self.is_approved(&hold).await? {
            removals = Removals::All;
            return Ok(Part::Ready(Box::new(Ready {
                job: Arc::clone(stream),
                reading,
                removals,
                report,
            })));
        }
        report.outcome = Outcome::Held;
        report.record.outcome = Outcome::Held.word().to_owned();
        report.record.sentence = Some(format!(
            "held back: {refusal}; the mirror keeps what it had"
        ));
        report.hold = Some(hold);
        Ok(Part::Done(Box::new(nothing_written(report))))
    }

    async fn is_approved(&self, hold: &str) -> Result<bool, Failure> {
        let (job, hold) = (Arc::clone(self.job), hold.to_owned());
        let since = scalar::written(scalar::moved(self.clock.now(), -APPROVAL));
        let reader = self.store.reader()?;
        let approved = runs::approvals(&reader, &job.name, &since)?;
        Ok(approved
            .iter()
            .any(|holds| holds.split(',').any(|one| one == hold)))
    }

    async fn read_timeline(
        &self,
        context: &Context<'_>,
        stream: &Arc<StreamJob>,
        started: Duration,
    ) -> Result<Part, Failure> {
        let writing = self.run.map_or(Writing::Dry, Writing::Run);
        let done =
            timeline::read(context, stream, &self.job.guard, &writing, self.order.full).await?;
        let duration = self.clock.running() - started;
        if let Some(error) = done
            .failure
            .as_ref()
            .filter(|error| done.applied == Applied::default() && is_left_out(stream, error))
        {
            return Ok(Part::Done(Box::new(left_out(stream, error, duration))));
        }
        let mut report = base_report(stream, &done.facts, "by time", duration);
        report.record.rejected = done.facts.rejects.values().sum();
        write_counts(&mut report.record, done.applied);
        report.record.unchanged = done.unchanged;
        report.outcome = match (&done.failure, &done.refusal) {
            (Some(error), _) => outcome_of(error),
            (None, Some(_)) => Outcome::Held,
            (None, None) if report.record.rejected > 0 => Outcome::OkWithRejects,
            (None, None) => Outcome::Ok,
        };
        report.record.sentence = done
            .failure
            .map(|error| format!("{error}; what was complete is kept"))
            .or(done
                .refusal
                .map(|refusal| format!("held back a step: {refusal}")))
            .or_else(|| named(&done.left_out));
        report.record.outcome = report.outcome.word().to_owned();
        Ok(Part::Done(Box::new(report)))
    }

    /// Applies streams in one transaction, with their checkpoints and records.
    async fn apply(&self, ready: Vec<Ready>) -> Result<Vec<StreamReport>, Failure> {
        let now = self.clock.now();
        let Some(run) = self.run else {
            return Ok(ready.into_iter().map(as_planned).collect());
        };
        let (source, stamp) = (
            self.job.source.name.clone(),
            Stamp {
                run,
                now: scalar::written(now),
            },
        );
        let lookups = Arc::clone(&self.job.lookups);
        let parts = self.store.write(move |connection| {
            let what = StoreError::sql("apply a run");
            let transaction = connection.transaction().map_err(&what)?;
            // Before anything is purged by our own clock.
            if let Some(stated) = ready.iter().filter_map(|part| part.report.stated).max() {
                purge::note_vendor_time(&transaction, stated)?;
            }
            let mut reports = Vec::with_capacity(ready.len());
            let mut changed = Vec::new();
            for part in ready {
                let Ready {
                    job,
                    reading,
                    removals,
                    mut report,
                } = part;
                let applied = apply(&transaction, &reading.staged, &stamp, removals)?;
                write_counts(&mut report.record, applied);
                if applied != Applied::default() {
                    changed.push(job.spec.name.clone());
                }
                if removals == Removals::All {
                    report.record.waiting = 0; // an admin has let them go
                }
                report.written = true;
                checkpoints::save(&transaction, &job.table, "", &reading.checkpoint)?;
                purge::history(&transaction, &job.table, job.history, now)?;
                runs::record_stream(&transaction, run, &source, &report.record, &report.rejects)?;
                reports.push(report);
            }
            if !changed.is_empty() {
                lookups::after_rows(&transaction, &lookups, &source, &changed)?;
            }
            transaction.commit().map_err(&what)?;
            Ok(reports)
        });
        Ok(parts.await?)
    }

    /// A stream's report, also when it failed; and whether the run can go on after it.
    fn settle(
        &self,
        stream: &Arc<StreamJob>,
        part: Result<StreamReport, Failure>,
        report: &mut RunReport,
    ) -> (StreamReport, bool) {
        let error = match part {
            Ok(part) => return (part, false),
            Err(error) => error,
        };
        if let Failure::Store(error) = &error {
            self.store.judge(error);
        }
        let mut failed = base_report(stream, &WalkFacts::default(), "", Duration::ZERO);
        failed.outcome = outcome_of(&error);
        failed.record.outcome = failed.outcome.word().to_owned();
        failed.record.sentence = Some(error.to_string());
        let deferred = error
            .http()
            .and_then(crate::http::HttpError::deferred_until);
        report.deferred_until = report.deferred_until.or(deferred);
        // A mirror that is full or locked is that for every stream.
        let is_stores =
            matches!(&error, Failure::Store(error) if error.class() == Class::Transient);
        let is_last = matches!(
            failed.outcome,
            Outcome::Parked | Outcome::Failed(Class::Fatal)
        ) || deferred.is_some()
            || is_stores;
        (failed, is_last)
    }

    async fn turn(&self, stream: &StreamJob) -> OwnedMutexGuard<()> {
        let turn = self.job.source.turn(&stream.spec.name);
        if let Ok(turn) = Arc::clone(&turn).try_lock_owned() {
            return turn;
        }
        // Another run reads the same table. It is watched too, and its time ends it.
        (self.watch)(Progress::Quiet(self.job.timeout));
        turn.lock_owned().await
    }

    fn tell_end(&self, part: &StreamReport) {
        let (source, stream) = (self.job.source.name.clone(), part.record.stream.clone());
        (self.watch)(Progress::End {
            source,
            stream,
            outcome: part.outcome.clone(),
        });
    }
}
