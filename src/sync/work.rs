//! The streams of one run: read, guarded, applied, in the job's order.
//!
//! Each by itself, or all together in one transaction. Whatever goes wrong becomes a stream's
//! outcome and a sentence; only a refused sign-in or a broken mirror ends the run early.

mod reports;

use self::reports::{
    as_planned, base_report, failed_feed, held, held_unread, not_applied, not_served,
    nothing_written, removals_unknown, report_of, say_dangling, timeline_message, timeline_outcome,
    unreadable_cells, write_counts,
};

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::account;
use super::error::Failure;
use super::holds::Holds;
use super::job::{ApplyMode, Job, StreamJob};
use super::read::{self, Context, Reading};
use super::report::{Progress, RunReport, StreamReport, Watch};
use super::run::Order;
use super::timeline::{self, Writing};
use super::walk::WalkFacts;
use crate::clock::Clock;
use crate::http::RunBudget;
use crate::model::account::Whose;
use crate::model::decision::{self, Decision};
use crate::model::{Class, Outcome, scalar};
use crate::store::apply::{Applied, Removals, Stamp, apply};
use crate::store::runs::{self, StreamRecord};
use crate::store::{Store, StoreError, accounts, checkpoints, lookups, purge, references};

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
    /// What it holds of its tables.
    pub holds: &'a Holds<'a>,
}

/// What holds for all streams of a run.
struct Terms {
    /// Whose account it is.
    whose: Whose,
    /// What an admin has approved of this job's held runs.
    approved: Vec<String>,
}

impl Terms {
    /// Whether a stream is read in full whatever its checkpoint says: another account's says nothing, and an
    /// approval is of a full reading.
    fn reads_in_full(&self, stream: &StreamJob) -> bool {
        let is_meant = |approval: &String| decision::approved_stream(approval) == stream.spec.name;
        self.whose.hold.is_some() || self.approved.iter().any(is_meant)
    }
}

/// What is done about rows that point to rows which are not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dangling {
    /// Nothing is written, and the set is read once more.
    ReadAgain,
    /// They are written, and counted.
    Taken,
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

impl Ready {
    fn of_set(&self) -> references::Part<'_> {
        references::Part {
            stream: &self.job.spec.name,
            staged: &self.reading.staged,
            references: &self.job.references,
        }
    }
}

impl Work<'_> {
    /// Reads and applies all streams.
    pub async fn all_streams(&self) -> RunReport {
        let watch = Arc::clone(self.watch);
        let ear = Arc::new(move |length| watch(Progress::Quiet(length)));
        let budget = RunBudget::told(self.clock, self.job.timeout, ear);
        let (source, store, clock, watch) = (&*self.job.source, self.store, self.clock, self.watch);
        let terms = match self.terms(&budget).await {
            Ok(terms) => terms,
            Err(error) => return self.not_begun(&error),
        };
        let context = Context {
            source,
            store,
            clock,
            budget: &budget,
            watch,
            account: &terms.whose.account,
        };
        match self.job.apply {
            ApplyMode::Each => self.each(&context, &terms).await,
            ApplyMode::Together => self.together(&context, &terms).await,
        }
    }

    /// What holds for all streams of this run: whose account it is, and what an admin has approved.
    async fn terms(&self, budget: &RunBudget) -> Result<Terms, Failure> {
        let whose = account::whose(&self.job.source, self.store, self.clock, budget).await?;
        let since = scalar::moved(self.clock.now(), -APPROVAL);
        let approved = runs::approvals(&self.store.reader()?, &self.job.name, since)?;
        let approved = approved
            .iter()
            .flat_map(|holds| holds.split(','))
            .map(str::to_owned)
            .collect();
        Ok(Terms { whose, approved })
    }

    /// A run that could not find out whose account it is before its first stream.
    fn not_begun(&self, error: &Failure) -> RunReport {
        if let Failure::Store(error) = error {
            self.store.judge(error);
        }
        RunReport {
            outcome: error.outcome(),
            park: error.park_reason(),
            deferred_until: error
                .http()
                .and_then(crate::http::HttpError::deferred_until),
            sentence: Some(format!(
                "{error}; without it nothing says whose account this is"
            )),
            ..RunReport::begun(self.job, self.run)
        }
    }

    async fn each(&self, context: &Context<'_>, terms: &Terms) -> RunReport {
        let mut report = RunReport::begun(self.job, self.run);
        for stream in &self.job.streams {
            let started = self.clock.running();
            let feed = failed_feed(stream, &report.streams);
            let part = self.one(context, terms, stream, feed).await;
            let (part, is_last) = self.settle(stream, part, started, &mut report);
            self.tell_end(&part);
            report.streams.push(part);
            if is_last {
                break;
            }
        }
        report.conclude()
    }

    /// Reads and applies one stream by itself.
    async fn one(
        &self,
        context: &Context<'_>,
        terms: &Terms,
        stream: &Arc<StreamJob>,
        failed_feed: Option<(String, Outcome)>,
    ) -> Result<StreamReport, Failure> {
        let _lock = self.holds.lock(context.budget, stream).await?;
        match self.read(context, terms, stream).await? {
            Part::Ready(mut ready) => {
                if let Some((feed, outcome)) = failed_feed.filter(|_| !ready.reading.full) {
                    removals_unknown(&mut ready.report, &feed, outcome);
                }
                let parts = self.apply(terms, vec![*ready], Dangling::Taken).await?;
                let part = parts.and_then(|mut parts| parts.pop());
                part.ok_or_else(|| Failure::Broken {
                    stream: stream.spec.name.clone(),
                })
            }
            Part::Done(part) => Ok(*part),
        }
    }

    /// Reads all streams first; then all become visible at once, or none.
    async fn together(&self, context: &Context<'_>, terms: &Terms) -> RunReport {
        let mut report = RunReport::begun(self.job, self.run);
        let started = self.clock.running();
        let _locks = match self.holds.lock_all(context.budget, &self.job.streams).await {
            Ok(locks) => locks,
            Err((stream, error)) => {
                let (part, _) = self.settle(&stream, Err(error), started, &mut report);
                self.tell_end(&part);
                report.streams.push(part);
                return report.conclude();
            }
        };
        // Lists of one moment each: a row may point to one that joined after its own list was read. Once more shows it.
        for dangling in [Dangling::ReadAgain, Dangling::Taken] {
            report = RunReport::begun(self.job, self.run);
            let ready = self.read_all(context, terms, &mut report).await;
            if self.apply_all(terms, ready, dangling, &mut report).await {
                break;
            }
            tracing::warn!(
                job = self.job.name,
                "rows point to rows that were not received; reading again"
            );
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

    /// Reads the streams in order, up to the first that fails.
    async fn read_all(
        &self,
        context: &Context<'_>,
        terms: &Terms,
        report: &mut RunReport,
    ) -> Vec<Ready> {
        let mut ready = Vec::new();
        for stream in &self.job.streams {
            let started = self.clock.running();
            match self.read(context, terms, stream).await {
                Ok(Part::Ready(part)) => ready.push(*part),
                Ok(Part::Done(part)) => report.streams.push(*part),
                Err(error) => {
                    let (part, _) = self.settle(stream, Err(error), started, report);
                    report.streams.push(part);
                    break;
                }
            }
        }
        ready
    }

    /// Applies all streams, or none where one is in the way; says whether that is the end of it.
    async fn apply_all(
        &self,
        terms: &Terms,
        ready: Vec<Ready>,
        dangling: Dangling,
        report: &mut RunReport,
    ) -> bool {
        let in_the_way = report
            .streams
            .iter()
            .find(|part| !part.record.outcome.is_good());
        if let Some(part) = in_the_way {
            let (name, outcome) = (part.record.stream.clone(), part.record.outcome);
            let others = ready.into_iter();
            let others = others.map(|part| not_applied(part.report, &name, outcome));
            report.streams.extend(others);
            return true;
        }
        match self.apply(terms, ready, dangling).await {
            Ok(Some(parts)) => report.streams.extend(parts),
            Ok(None) => return false,
            Err(error) => {
                let (first, now) = (&self.job.streams[0], self.clock.running());
                let (part, _) = self.settle(first, Err(error), now, report);
                report.streams.push(part);
            }
        }
        true
    }

    /// Reads one stream, and decides what is done with its difference.
    async fn read(
        &self,
        context: &Context<'_>,
        terms: &Terms,
        stream: &Arc<StreamJob>,
    ) -> Result<Part, Failure> {
        (self.watch)(Progress::Start {
            source: self.job.source.name.clone(),
            stream: stream.spec.name.clone(),
        });
        let started = self.clock.running();
        if stream.spec.window.is_some() {
            return self.read_timeline(context, terms, stream, started).await;
        }
        let full = self.order.full || terms.reads_in_full(stream);
        let reading = read::read(context, stream, full).await;
        let duration = self.clock.running() - started;
        match reading {
            Ok(reading) => Ok(self.decide(terms, stream, reading, duration)),
            Err(error) if self.is_not_served(stream, &error)? => {
                let report = not_served(stream, &error, duration);
                Ok(Part::Done(Box::new(report)))
            }
            Err(error) => Err(error),
        }
    }

    /// The connector says that a vendor may not serve this stream, and it never did: what had rows and is
    /// refused now is a failure.
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

    /// Applies the decision of `model/decision.rs` to a reading.
    fn decide(
        &self,
        terms: &Terms,
        stream: &Arc<StreamJob>,
        reading: Reading,
        duration: Duration,
    ) -> Part {
        let plan = &reading.staged.plan;
        let mut report = report_of(stream, &reading, duration);
        let account = terms.whose.hold.as_ref();
        let name = &stream.spec.name;
        match decision::decide(name, plan, &self.job.guard, account, &terms.approved) {
            Decision::Apply(removals) => Part::Ready(Box::new(Ready {
                job: Arc::clone(stream),
                reading,
                removals,
                report,
            })),
            Decision::Hold { why, approval } => {
                report.record.outcome = Outcome::Held;
                report.record.sentence = Some(held(&why, &reading));
                report.hold = Some(approval);
                Part::Done(Box::new(nothing_written(report)))
            }
        }
    }

    async fn read_timeline(
        &self,
        context: &Context<'_>,
        terms: &Terms,
        stream: &Arc<StreamJob>,
        started: Duration,
    ) -> Result<Part, Failure> {
        if let Some(why) = &terms.whose.hold {
            let approval = decision::account_approval(&stream.spec.name, why);
            if !terms.approved.contains(&approval) {
                return Ok(Part::Done(Box::new(held_unread(stream, why, approval))));
            }
        }
        let writing = self.run.map_or(Writing::Dry, Writing::Run);
        let (guard, full) = (&self.job.guard, self.order.full);
        let done = timeline::read(context, stream, guard, &terms.approved, &writing, full).await?;
        let duration = self.clock.running() - started;
        if let Some(error) = &done.failure
            && done.applied == Applied::default()
            && self.is_not_served(stream, error)?
        {
            return Ok(Part::Done(Box::new(not_served(stream, error, duration))));
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
        report.record.sentence = timeline_message(stream, &done);
        Ok(Part::Done(Box::new(report)))
    }

    /// Applies streams in one transaction, with their checkpoints and records; nothing where rows point to rows that are not
    /// there, and that shall be read again.
    async fn apply(
        &self,
        terms: &Terms,
        ready: Vec<Ready>,
        dangling: Dangling,
    ) -> Result<Option<Vec<StreamReport>>, Failure> {
        let now = self.clock.now();
        let Some(run) = self.run else {
            let parts = ready.into_iter().map(as_planned).collect();
            return Ok(Some(parts));
        };
        let (source, stamp) = (
            self.job.source.name.clone(),
            Stamp {
                run,
                now: scalar::written(now),
            },
        );
        let lookups = Arc::clone(&self.job.lookups);
        let account = terms.whose.account.clone();
        let together = self.job.apply == ApplyMode::Together;
        let written = self.store.write(move |connection| {
            let what = StoreError::sql("apply a run");
            let transaction = connection.transaction().map_err(&what)?;
            // Before anything is purged by our own clock.
            if let Some(stated) = ready.iter().filter_map(|part| part.report.stated).max() {
                purge::note_vendor_time(&transaction, stated)?;
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
            if dangling == Dangling::ReadAgain && dangle.iter().any(|counts| !counts.is_empty()) {
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
                say_dangling(&mut report.record, &dangle, together);
                if applied != Applied::default() {
                    changed.push(job.spec.name.clone());
                }
                if removals == Removals::All {
                    report.record.waiting = 0; // an admin has approved them
                }
                report.written = true;
                checkpoints::save(&transaction, &job.table, "", &reading.checkpoint)?;
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

    /// A stream's report, also when it failed; and whether the run can go on after it.
    fn settle(
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
            self.store.judge(error);
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
        failed.record.sentence = Some(error.to_string());
        let deferred = error
            .http()
            .and_then(crate::http::HttpError::deferred_until);
        report.deferred_until = report.deferred_until.or(deferred);
        // A mirror that is full or locked is that for every stream.
        let is_stores =
            matches!(&error, Failure::Store(error) if error.class() == Class::Transient);
        let is_last = matches!(
            failed.record.outcome,
            Outcome::Parked | Outcome::Failed(Class::Fatal)
        ) || deferred.is_some()
            || is_stores;
        (failed, is_last)
    }

    fn tell_end(&self, part: &StreamReport) {
        let (source, stream) = (self.job.source.name.clone(), part.record.stream.clone());
        (self.watch)(Progress::End {
            source,
            stream,
            outcome: part.record.outcome,
        });
    }
}
