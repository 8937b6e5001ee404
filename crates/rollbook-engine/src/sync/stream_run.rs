//! The streams of one run: read, guarded, applied, in the job's order.
//!
//! Each by itself, or all together in one transaction. Every failure becomes a stream's outcome and message; only a
//! refused sign-in or an unusable mirror ends the run early.

mod each;
mod findings;
mod reports;
mod together;

use self::reports::{
    add_dangling, add_unrequested, as_planned, base_report, held, held_rows, held_unread,
    not_served, nothing_written, report_of, timeline_message, timeline_outcome, unreadable_cells,
    write_counts,
};

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::account;
use super::error::Failure;
use super::job::{Job, RunOptions, StreamJob};
use super::read::{self, Context, Reading};
use super::report::{Progress, ProgressSink, RunReport, StreamReport};
use super::run_locks::RunLocks;
use super::timeline::{self, TimelineRules, Writing};
use super::walk::WalkFacts;
use rollbook_core::clock::Clock;
use rollbook_core::model::account::AccountCheck;
use rollbook_core::model::adaptation::NotServed;
use rollbook_core::model::decision::{self, Decision};
use rollbook_core::model::{ApplyMode, Cause, Class, Outcome, StreamName, scalar};
use rollbook_core::store::apply::{Applied, Removals, Stamp, apply};
use rollbook_core::store::runs;
use rollbook_core::store::{
    Store, StoreError, accounts, adaptations, checkpoints, lookups, purge, references,
};
use rollbook_http::http::{Effort, HttpError, RunBudget};

/// One run.
pub struct StreamRun<'a> {
    /// The mirror.
    pub store: &'a Arc<Store>,
    /// Time.
    pub clock: &'a Clock,
    /// The job.
    pub job: &'a Arc<Job>,
    /// Full or incremental, dry or not.
    pub options: RunOptions,
    /// The run's number; none when nothing is written.
    pub run: Option<i64>,
    /// Receives the progress.
    pub progress: &'a ProgressSink,
    /// Its table locks.
    pub locks: &'a RunLocks<'a>,
}

/// What applies to all streams of a run.
struct Preconditions {
    /// The account that is read.
    account: AccountCheck,
    /// What an admin has approved of this job's held runs.
    approved: Vec<String>,
    /// A stream whose first page failed before, and how often.
    failed_attempts: Option<(StreamName, u32)>,
}

impl Preconditions {
    /// What is left of the attempts at the pages of a stream.
    fn effort(&self, stream: &StreamJob, effort: Effort) -> Effort {
        match &self.failed_attempts {
            Some((name, attempts)) if *name == stream.spec.name => effort.after(*attempts),
            _ => effort,
        }
    }

    /// Whether a stream is read in full regardless of its checkpoint: a checkpoint of another account is not valid, and
    /// an approval is of a full reading.
    fn reads_in_full(&self, stream: &StreamJob) -> bool {
        let is_meant = |approval: &String| stream.spec.name == *decision::approved_stream(approval);
        self.account.hold.is_some() || self.approved.iter().any(is_meant)
    }
}

/// How to handle rows that point to missing rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DanglingRows {
    /// Write nothing and read the set again.
    Reread,
    /// Write and count them.
    Accept,
}

/// The result of reading a stream.
enum StreamStep {
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

impl Ready {
    fn of_set(&self) -> references::Part<'_> {
        references::Part {
            stream: &self.job.spec.name,
            staged: &self.reading.staged,
            references: &self.job.references,
        }
    }
}

impl StreamRun<'_> {
    /// Reads and applies all streams.
    pub async fn all_streams(&self) -> RunReport {
        let progress = Arc::clone(self.progress);
        let on_activity = Arc::new(move |length| progress(Progress::ExpectSilence(length)));
        let budget = RunBudget::with_observer(self.clock, self.job.timeout, on_activity);
        let (source, store, clock, progress) =
            (&*self.job.source, self.store, self.clock, self.progress);
        if matches!(self.options.cause, Cause::Command | Cause::Approval) {
            source.client.wake();
        }
        let preconditions = match self.preconditions(&budget).await {
            Ok(preconditions) => preconditions,
            Err(error) => return self.not_begun(&error),
        };
        let context = Context {
            source,
            store,
            clock,
            budget: &budget,
            progress,
            account: &preconditions.account.account,
            effort: Effort::USUAL,
        };
        let report = match self.job.apply {
            ApplyMode::Each => self.each(&context, &preconditions).await,
            ApplyMode::Together => self.together(&context, &preconditions).await,
        };
        self.remember_requests(&preconditions).await;
        report
    }

    /// Writes down how streams have to be requested, also of a run that failed.
    async fn remember_requests(&self, preconditions: &Preconditions) {
        let new = self.job.source.memory.take_new();
        if new.is_empty() || self.run.is_none() {
            return;
        }
        let (source, account) = (
            self.job.source.name.clone(),
            preconditions.account.account.key(),
        );
        let written = self
            .store
            .write(move |connection| adaptations::save(connection, &source, &account, &new))
            .await;
        if let Err(error) = written {
            tracing::warn!(job = self.job.name.as_str(), %error, "the next process has to find out again how streams are requested");
        }
    }

    /// Determines what applies to all streams of this run: the account and the admin's approvals.
    async fn preconditions(&self, budget: &RunBudget) -> Result<Preconditions, Failure> {
        let identified =
            account::identify(&self.job.source, self.store, self.clock, budget).await?;
        let account = identified.check;
        let (reader, source) = (self.store.reader()?, &self.job.source);
        let key = account.account.key();
        let load = || adaptations::load(&reader, &source.name, &key);
        source.memory.begin(&key, self.clock.now(), load)?;
        let since = scalar::saturating_add(self.clock.now(), -decision::APPROVAL_TTL);
        // An approval is of a whole run and is used up by one.
        let approved = match self.options.only {
            None => runs::approvals(&reader, &self.job.name, since)?,
            Some(_) => Vec::new(),
        };
        let approved = approved
            .iter()
            .flat_map(|hold| hold.split(','))
            .map(str::to_owned)
            .collect();
        Ok(Preconditions {
            account,
            approved,
            failed_attempts: identified.failed_attempts,
        })
    }

    /// A run whose account could not be identified.
    fn not_begun(&self, error: &Failure) -> RunReport {
        if let Failure::Store(error) = error {
            self.store.note_failure(error);
        }
        RunReport {
            outcome: error.outcome(),
            park: error.park_reason(),
            deferred_until: error.http().and_then(HttpError::deferred_until),
            message: Some(format!(
                "{error}; the account of the source could not be identified"
            )),
            ..RunReport::begun(self.job, self.run)
        }
    }

    /// Puts the streams' parts into the job's order.
    fn in_order(&self, report: &mut RunReport) {
        let streams = &self.job.streams;
        let position = |part: &StreamReport| {
            let is_its = |stream: &Arc<StreamJob>| stream.spec.name == part.record.stream;
            streams.iter().position(is_its)
        };
        report.streams.sort_by_key(position);
    }

    /// A dry run reports what it did not request.
    fn note_unrequested(&self, report: &mut RunReport) {
        if self.run.is_none() {
            add_unrequested(&mut report.streams, self.job);
        }
    }

    /// Reads one stream, and decides what is done with its difference.
    async fn read(
        &self,
        context: &Context<'_>,
        preconditions: &Preconditions,
        stream: &Arc<StreamJob>,
    ) -> Result<StreamStep, Failure> {
        (self.progress)(Progress::Start {
            source: self.job.source.name.clone(),
            stream: stream.spec.name.clone(),
        });
        let started = self.clock.running();
        if let Some(report) = self.not_requested(stream) {
            return Ok(StreamStep::Done(Box::new(report)));
        }
        let context = &Context {
            effort: preconditions.effort(stream, context.effort),
            ..*context
        };
        if stream.spec.window.is_some() {
            return self
                .read_timeline(context, preconditions, stream, started)
                .await;
        }
        let full = self.options.full || preconditions.reads_in_full(stream);
        let reading = read::read(context, stream, full).await;
        let duration = self.clock.running() - started;
        match reading {
            Ok(reading) => {
                self.served(stream);
                Ok(self.decide(preconditions, stream, reading, duration))
            }
            Err(error) if self.is_not_served(stream, &error)? => {
                let report = self.not_served(stream, &error, duration);
                Ok(StreamStep::Done(Box::new(report)))
            }
            Err(error) => Err(error),
        }
    }

    /// The connector declares that a vendor may not serve this stream, and it never had rows: a stream that had rows
    /// and is refused now is a failure.
    fn is_not_served(&self, stream: &StreamJob, error: &Failure) -> Result<bool, Failure> {
        let refused = error
            .http()
            .is_some_and(|error| error.is_forbidden() || error.is_missing());
        if !stream.spec.optional || !refused {
            return Ok(false);
        }
        let reader = self.store.reader()?;
        Ok(!accounts::ever_had_rows(&reader, &stream.table.name())?)
    }

    /// Reports a stream that the vendor does not serve, and remembers it.
    fn not_served(&self, stream: &StreamJob, error: &Failure, duration: Duration) -> StreamReport {
        let (at, reason) = (self.clock.now(), error.to_string());
        let report = not_served(stream, reason.clone(), duration);
        let refusal = Some(NotServed { at, reason });
        let memory = &self.job.source.memory;
        memory.update(&stream.spec.name, |memory| memory.refusal = refusal);
        report
    }

    fn served(&self, stream: &StreamJob) {
        let memory = &self.job.source.memory;
        memory.update(&stream.spec.name, |memory| memory.refusal = None);
    }

    /// A stream that the vendor did not serve today is requested by a person's command only; one that lacks a setting never.
    fn not_requested(&self, stream: &StreamJob) -> Option<StreamReport> {
        if let Some(message) = stream.spec.unset() {
            return Some(not_served(stream, message, Duration::ZERO));
        }
        let is_scheduled = !matches!(self.options.cause, Cause::Command | Cause::Approval);
        let refusal = self.job.source.memory.get(&stream.spec.name).refusal?;
        let wait = refusal.lasts(self.clock.now())?;
        if !is_scheduled || self.options.full || !stream.spec.optional {
            return None;
        }
        let next = scalar::saturating_add(self.clock.now(), SignedDuration::try_from(wait).ok()?);
        let message = format!(
            "{}; asked once a day, next after {}",
            refusal.reason,
            next.strftime("%Y-%m-%d %H:%M UTC")
        );
        Some(not_served(stream, message, Duration::ZERO))
    }

    /// Applies the decision of `model/decision.rs` to a reading.
    fn decide(
        &self,
        preconditions: &Preconditions,
        stream: &Arc<StreamJob>,
        reading: Reading,
        duration: Duration,
    ) -> StreamStep {
        let plan = &reading.staged.plan;
        let mut report = report_of(stream, &reading, duration);
        let account = preconditions.account.hold.as_ref();
        let name = &stream.spec.name;
        match decision::decide(
            name,
            plan,
            &self.job.guard,
            account,
            &preconditions.approved,
        ) {
            Decision::Apply(removals) => StreamStep::Ready(Box::new(Ready {
                job: Arc::clone(stream),
                reading,
                removals,
                report,
            })),
            Decision::Hold { why, approval } => {
                report.record.outcome = Outcome::Held;
                report.record.message = Some(held(&why, &reading));
                report.hold = Some(approval);
                report.held_rows = held_rows(&reading, Some(why.rule()));
                StreamStep::Done(Box::new(nothing_written(report)))
            }
        }
    }

    async fn read_timeline(
        &self,
        context: &Context<'_>,
        preconditions: &Preconditions,
        stream: &Arc<StreamJob>,
        started: Duration,
    ) -> Result<StreamStep, Failure> {
        if let Some(why) = &preconditions.account.hold {
            let approval = decision::account_approval(&stream.spec.name, why);
            if !preconditions.approved.contains(&approval) {
                return Ok(StreamStep::Done(Box::new(held_unread(
                    stream, why, approval,
                ))));
            }
        }
        let is_last = self
            .job
            .streams
            .last()
            .is_some_and(|last| Arc::ptr_eq(last, stream));
        let oldest = match stream.retain {
            Some(retain) => {
                let now = purge::believed_time(&*self.store.reader()?, self.clock.now())?;
                Some(retain.oldest(now))
            }
            None => None,
        };
        let rules = TimelineRules {
            oldest,
            guard: &self.job.guard,
            approved: &preconditions.approved,
            writing: self.run.map_or(Writing::Dry, Writing::Run),
            full: self.options.full,
            // A first walk of days would leave nothing to the streams behind it.
            reserve: match is_last {
                true => Duration::ZERO,
                false => context.budget.left() / 2,
            },
        };
        let done = timeline::read(context, stream, &rules).await?;
        let duration = self.clock.running() - started;
        if let Some(error) = &done.failure
            && done.applied == Applied::default()
            && self.is_not_served(stream, error)?
        {
            let report = self.not_served(stream, error, duration);
            return Ok(StreamStep::Done(Box::new(report)));
        }
        if done.failure.is_none() {
            self.served(stream);
        }
        let mut report = base_report(stream, &done.facts, "by time", duration);
        report.record.rejected = done.facts.rejects.values().sum();
        report.rejects.extend(unreadable_cells(stream, &done.facts));
        write_counts(&mut report.record, done.applied);
        report.record.unchanged = done.unchanged;
        report.park = done.failure.as_ref().and_then(Failure::park_reason);
        report.record.attempts = done.failure.as_ref().map_or(0, Failure::attempts);
        report.hold = done.held.as_ref().map(|(_, approval)| approval.clone());
        report.record.outcome = timeline_outcome(&done);
        report.record.message = timeline_message(stream, &done);
        Ok(StreamStep::Done(Box::new(report)))
    }

    /// Applies streams in one transaction, with their checkpoints and records; nothing where rows point to rows that are not
    /// there, and that shall be read again.
    async fn apply(
        &self,
        preconditions: &Preconditions,
        mut ready: Vec<Ready>,
        dangling: DanglingRows,
    ) -> Result<Option<Vec<StreamReport>>, Failure> {
        let now = self.clock.now();
        let Some(run) = self.run else {
            let parts = ready.into_iter().map(as_planned).collect();
            return Ok(Some(parts));
        };
        for part in &mut ready {
            part.reading.staged.request_room()?;
        }
        let (source, stamp) = (
            self.job.source.name.clone(),
            Stamp {
                run,
                now: scalar::to_canonical(now),
            },
        );
        let lookups = Arc::clone(&self.job.lookups);
        let account = preconditions.account.account.clone();
        let together = self.job.apply == ApplyMode::Together;
        let written = self.store.write(move |connection| {
            let what = StoreError::sql("apply a run");
            let transaction = connection.transaction().map_err(&what)?;
            // Before anything is purged by our own clock.
            if let Some(vendor_time) = ready
                .iter()
                .filter_map(|part| part.report.vendor_time)
                .max()
            {
                purge::note_vendor_time(&transaction, vendor_time)?;
            }
            let mut applied = Vec::with_capacity(ready.len());
            for part in &ready {
                applied.push(apply(
                    &transaction,
                    &part.reading.staged,
                    &stamp,
                    part.removals,
                )?);
            }
            let set: Vec<references::Part<'_>> = ready.iter().map(Ready::of_set).collect();
            let dangle = references::newly_dangling(&transaction, &set, run)?;
            drop(set);
            if dangling == DanglingRows::Reread && dangle.iter().any(|counts| !counts.is_empty()) {
                return Ok(None); // nothing is committed
            }
            let mut reports = Vec::with_capacity(ready.len());
            let mut changed = Vec::new();
            for ((part, applied), dangle) in ready.into_iter().zip(applied).zip(dangle) {
                let Ready {
                    job,
                    reading,
                    removals,
                    mut report,
                } = part;
                write_counts(&mut report.record, applied);
                add_dangling(&mut report.record, &dangle, together);
                if applied != Applied::default() {
                    changed.push(job.spec.name.clone());
                }
                if removals == Removals::All {
                    report.record.unconfirmed = 0; // an admin has approved them
                }
                report.written = true;
                checkpoints::save(&transaction, &job.table, "", &reading.checkpoint)?;
                for (item, checkpoint) in &reading.items {
                    checkpoints::save(&transaction, &job.table, item, checkpoint)?;
                }
                purge::history(&transaction, &job.table, job.history, now)?;
                runs::record_stream(&transaction, run, &source, &report.record, &report.rejects)?;
                reports.push(report);
            }
            accounts::save(&transaction, &source, &account)?;
            if !changed.is_empty() {
                lookups::after_rows(&transaction, &lookups, &source, &changed)?;
            }
            transaction.commit().map_err(&what)?;
            Ok(Some(reports))
        });
        Ok(written.await?)
    }

    /// The report of a stream, also if it failed; and whether the run ends with it.
    fn record_failure(
        &self,
        stream: &Arc<StreamJob>,
        part: Result<StreamReport, Failure>,
        started: Duration,
        report: &mut RunReport,
    ) -> (StreamReport, bool) {
        let error = match part {
            Ok(part) => return (part, false),
            Err(error) => error,
        };
        if let Failure::Store(error) = &error {
            self.store.note_failure(error);
        }
        let mut failed = base_report(
            stream,
            &WalkFacts::default(),
            "",
            self.clock.running() - started,
        );
        failed.record.outcome = error.outcome();
        failed.record.attempts = error.attempts();
        failed.park = error.park_reason();
        failed.record.message = Some(error.to_string());
        let deferred = error.http().and_then(HttpError::deferred_until);
        report.deferred_until = report.deferred_until.or(deferred);
        // A mirror that is full or locked is that for every stream.
        let is_stores = matches!(&error, Failure::Store(error)
            if error.class() == Class::Transient && !error.is_of_one_reading());
        let is_last = matches!(
            failed.record.outcome,
            Outcome::Parked | Outcome::Failed(Class::Fatal)
        ) || deferred.is_some()
            || is_stores
            || error.is_of_the_source();
        (failed, is_last)
    }

    fn report_end(&self, part: &StreamReport) {
        let (source, stream) = (self.job.source.name.clone(), part.record.stream.clone());
        (self.progress)(Progress::End {
            source,
            stream,
            outcome: part.record.outcome,
        });
    }
}

#[cfg(test)]
mod tests;
