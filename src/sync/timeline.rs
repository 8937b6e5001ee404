//! Time series: each item is walked through time, and each step is committed when it is complete.
//!
//! Like any stream (walk, compare, guard, apply), but step by step, so that a stop keeps complete steps and a first run
//! of years can be resumed. Absence means nothing here. Rules: wapi.md 7.

mod recount;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::error::Failure;
use super::items::{Item, items};
use super::job::StreamJob;
use super::read::{Context, MAX_READINGS, compare, is_refused_item, is_stale, page_reporter};
use super::walk::{ListRequest, WalkFacts, walk};
use crate::connector::api::{WindowRules, wire_time};
use crate::connector::paging::ListEnd;
use crate::connector::windows::{WindowWalk, first_time};
use crate::http::{Effort, HttpError, Shrinks};
use crate::model::absence::{self, Memory};
use crate::model::decision;
use crate::model::guard::{self, GuardRules, Hold};
use crate::model::plan::CellLoss;
use crate::model::row::Repair;
use crate::model::{Completeness, Inconsistency, scalar};
use crate::store::apply::{Applied, Removals, Stamp, apply};
use crate::store::checkpoints::{self, Checkpoint};
use crate::store::{Absence, Ending, Size, Staged, Staging, StoreError, accounts};

/// What reading a time series did.
#[derive(Default)]
pub struct TimelineReport {
    /// What was found besides rows.
    pub facts: WalkFacts,
    /// What was written, or would be.
    pub applied: Applied,
    /// Rows that were received unchanged.
    pub unchanged: u64,
    /// Items that the vendor refuses.
    pub refused: Vec<(String, String)>,
    /// Items that failed, with the reason; the others were read all the same.
    pub failed: Vec<(String, String)>,
    /// The first of these failures.
    pub failure: Option<Failure>,
    /// Items whose walk did not reach its end in this run's time, and how far each is.
    pub unfinished: Vec<(String, Timestamp)>,
    /// How many items there are.
    pub items: usize,
    /// Why a step was not applied, if the guard held one, and what an approval is bound to.
    pub held: Option<(Hold, String)>,
    /// Items with an inconsistent step, and the reason: the next run continues there.
    pub incomplete: Vec<(String, String)>,
    /// Cells that could not be read, by column.
    pub unreadable: BTreeMap<String, CellLoss>,
    /// Values that were repaired before they were accepted.
    pub repaired: BTreeMap<(String, Repair), u64>,
}

/// Whether steps are applied, and by which run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// By this run.
    Run(i64),
    /// Not at all.
    Dry,
}

/// How a time series is read.
pub struct TimelineRules<'a> {
    /// What the guard allows.
    pub guard: &'a GuardRules,
    /// What an admin has approved.
    pub approved: &'a [String],
    /// Whether steps are applied.
    pub writing: Writing,
    /// From the start, whatever is known.
    pub full: bool,
    /// No step begins when the run has no more time than this: other streams need it.
    pub reserve: Duration,
}

/// Reads all items of a time series, several at once.
pub async fn read(
    context: &Context<'_>,
    job: &StreamJob,
    rules: &TimelineRules<'_>,
) -> Result<TimelineReport, Failure> {
    let Some(window) = &job.spec.window else {
        return Ok(TimelineReport::default());
    };
    let reader = context.store.reader()?;
    let mut known = checkpoints::load(&reader, &job.table, context.account.generation)?;
    drop(reader);
    let items = items(job, context.source, || context.store.reader())?;
    let walks = Walks {
        context,
        job,
        window,
        rules,
    };
    let mut report = TimelineReport {
        items: items.len(),
        ..TimelineReport::default()
    };
    let begin = match rules.full {
        true => Begin::Start,
        false => Begin::Checkpoint,
    };
    let all: Vec<&Item> = items.iter().collect();
    let refusal = walks.read(&all, begin, &mut known, &mut report).await?;
    // Nothing but refusals is no reading at all.
    if report.refused.len() == items.len() && report.failure.is_none() {
        report.failure = refusal;
    }
    walks.recount(&items, &mut known, &mut report).await?;
    Ok(report)
}

/// Where a walk begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// The overlap before the last known point.
    Checkpoint,
    /// The span that is read again now and then.
    Reread,
    /// The series' start.
    Start,
}

/// The walks of a stream's items.
struct Walks<'a> {
    context: &'a Context<'a>,
    job: &'a StreamJob,
    window: &'a WindowRules,
    rules: &'a TimelineRules<'a>,
}

impl Walks<'_> {
    /// Walks items, several at once; returns the first refusal of one that the vendor does not serve.
    async fn read(
        &self,
        items: &[&Item],
        begin: Begin,
        known: &mut BTreeMap<String, Checkpoint>,
        report: &mut TimelineReport,
    ) -> Result<Option<Failure>, Failure> {
        let one = |item| {
            let before = known.get(&key_of(item)).cloned();
            let walk = ItemWalk {
                context: self.context,
                job: self.job,
                window: self.window,
                rules: self.rules,
                item,
            };
            async move { (item, walk.read(before, begin).await) }
        };
        let walks: Vec<_> = items.iter().copied().map(one).collect();
        let in_flight = self.context.source.in_flight.max(1);
        let mut walks = stream::iter(walks).buffer_unordered(in_flight);
        let mut refusal = None;
        while let Some((item, (part, checkpoint, result))) = walks.next().await {
            report.add(part);
            known.extend(checkpoint.map(|checkpoint| (key_of(item), checkpoint)));
            let error = match result {
                Ok(()) => continue,
                Err(error @ Failure::Store(_)) => return Err(error),
                Err(error) => error,
            };
            let reason = (item.name.clone(), error.to_string());
            if error
                .http()
                .is_some_and(|http| http.deferred_until().is_some())
            {
                report.failed.push(reason);
                report.failure.get_or_insert(error);
                break;
            }
            if is_refused_item(self.job, &error) && !is_stale(self.context, self.job, item, &error)?
            {
                report.refused.push(reason);
                refusal.get_or_insert(error);
            } else {
                report.failed.push(reason);
                report.failure.get_or_insert(error);
            }
        }
        Ok(refusal)
    }
}

impl TimelineReport {
    /// Each item was read to its end.
    fn is_whole(&self) -> bool {
        self.failure.is_none()
            && self.unfinished.is_empty()
            && self.held.is_none()
            && self.incomplete.is_empty()
    }

    fn add(&mut self, part: Self) {
        self.facts.add(part.facts);
        self.applied.new += part.applied.new;
        self.applied.changed += part.applied.changed;
        self.unchanged += part.unchanged;
        self.held = self.held.take().or(part.held);
        self.incomplete.extend(part.incomplete);
        self.unfinished.extend(part.unfinished);
        self.add_cells(&part.unreadable, &part.repaired);
    }
}

impl TimelineReport {
    fn add_cells(
        &mut self,
        unreadable: &BTreeMap<String, CellLoss>,
        repaired: &BTreeMap<(String, Repair), u64>,
    ) {
        for (cell, values) in repaired {
            *self.repaired.entry(cell.clone()).or_default() += values;
        }
        for (column, loss) in unreadable {
            let sum = self.unreadable.entry(column.clone()).or_default();
            sum.unreadable += loss.unreadable;
            sum.readable += loss.readable;
        }
    }
}

/// A stream that is read once still needs a name that is not the stream's own checkpoint.
fn key_of(item: &Item) -> String {
    if item.name.is_empty() {
        "*".to_owned()
    } else {
        item.name.clone()
    }
}

struct ItemWalk<'a> {
    context: &'a Context<'a>,
    job: &'a StreamJob,
    window: &'a WindowRules,
    rules: &'a TimelineRules<'a>,
    item: &'a Item,
}

impl ItemWalk<'_> {
    /// Walks one item; reports what was done even if it fails, and how far the item is known, where that has changed.
    async fn read(
        &self,
        before: Option<Checkpoint>,
        begin: Begin,
    ) -> (TimelineReport, Option<Checkpoint>, Result<(), Failure>) {
        let mut report = TimelineReport::default();
        let now = self.context.clock.now();
        let reread_due = begin != Begin::Checkpoint || self.reread_due(before.as_ref(), now);
        let nothing_new = before
            .as_ref()
            .is_some_and(|before| before.same.is_some() && before.same == self.item.same);
        if self.item.is_empty || (nothing_new && !reread_due) {
            return (report, None, Ok(()));
        }
        let Some(span) = self.span(before.as_ref(), begin, reread_due, now) else {
            return (report, None, Ok(()));
        };
        let mut checkpoint = before.unwrap_or_default();
        checkpoint.account = self.context.account.generation;
        checkpoint.walked_from = checkpoint
            .walked_from
            .min(Some(span.start))
            .or(Some(span.start));
        let result = self.walk(&span, &mut checkpoint, &mut report).await;
        (report, Some(checkpoint), result)
    }

    async fn walk(
        &self,
        span: &Span,
        checkpoint: &mut Checkpoint,
        report: &mut TimelineReport,
    ) -> Result<(), Failure> {
        let mut walk =
            WindowWalk::new(span.start, span.end, self.window.step, self.window.smallest)
                .with_step(checkpoint.step)
                .with_first_to(checkpoint.walked_to.filter(|_| !span.rereads));
        // Attempts at the span where the walk is, in all lengths together.
        let mut attempts = 0;
        let mut steps = 0;
        while let Some((from, to)) = walk.span() {
            if self.context.budget.left() <= self.rules.reserve {
                report.unfinished.push((self.item.name.clone(), from));
                return Ok(());
            }
            let effort = Effort {
                shrinks: match walk.can_shrink() {
                    true => Shrinks::OnServerErrors,
                    false => Shrinks::Never,
                },
                ..self.context.effort.after(attempts)
            };
            let read = match self.step(from, to, effort).await {
                Ok(read) => read,
                Err(error) => {
                    attempts += error.http().map_or(1, HttpError::attempts);
                    let tries_left = Effort::USUAL.attempts.saturating_sub(attempts);
                    let bad_value = is_bad_value(&error);
                    if (bad_value || is_too_much(&error)) && walk.shrink(tries_left) {
                        continue;
                    }
                    if bad_value && walk.pass_over() {
                        attempts = 0;
                        let path = format!(
                            "{} {} to {}",
                            self.item.name,
                            scalar::to_canonical(from),
                            scalar::to_canonical(to)
                        );
                        report.facts.rejects.insert((path, error.to_string()), 1);
                        continue;
                    }
                    let is_out_of_time = error.http().is_some_and(HttpError::is_out_of_time);
                    if is_out_of_time && steps > 0 {
                        report.unfinished.push((self.item.name.clone(), from));
                        return Ok(());
                    }
                    return Err(error);
                }
            };
            let (staged, facts) = (read.staged, read.facts);
            let received = facts.received;
            // What was received is kept, and nothing counts as known before the step is whole.
            if read.contradiction.is_none() {
                let is_last = to >= span.end;
                self.advance(checkpoint, &facts, span, is_last);
            }
            walk.done(received);
            checkpoint.step = walk.short_step();
            let done = self.write(staged, checkpoint, report).await?;
            report.facts.add(facts);
            if let Some(why) = read.contradiction {
                let location = format!("{} {}", self.item.name, scalar::to_canonical(from));
                let location = location.trim().to_owned();
                report.incomplete.push((location, why.to_string()));
                return Ok(());
            }
            // Going on would move the checkpoint past rows that were not applied.
            if done == Step::Held {
                return Ok(());
            }
            attempts = 0;
            steps += 1;
        }
        Ok(())
    }

    /// From where to where: the overlap before the last point, or all of it when an older start shows up.
    fn span(
        &self,
        before: Option<&Checkpoint>,
        begin: Begin,
        reread_due: bool,
        now: Timestamp,
    ) -> Option<Span> {
        let filled = |texts: &[String]| -> Vec<String> {
            texts
                .iter()
                .map(|text| self.job.spec.fill(text, &self.item.variables))
                .collect()
        };
        let first = first_time(&filled(&self.window.start), now)?;
        let hour = SignedDuration::from_hours(1);
        let declared_end = first_time(&filled(&self.window.end), now);
        let known = before.and_then(|before| {
            let (cursor, walked_from) = (before.cursor?, before.walked_from?);
            (walked_from <= first && begin != Begin::Start).then_some(cursor)
        });
        let back = match (&self.window.reread, reread_due) {
            (Some((_, span)), true) => (*span).max(self.window.overlap),
            _ => self.window.overlap,
        };
        let back = SignedDuration::try_from(back).ok()?;
        Some(Span {
            start: known.map_or(first, |cursor| {
                scalar::saturating_add(cursor, -back).max(first)
            }),
            end: declared_end.unwrap_or_else(|| scalar::saturating_add(now, hour)),
            declared_end,
            now,
            rereads: reread_due || known.is_none(),
        })
    }

    fn reread_due(&self, before: Option<&Checkpoint>, now: Timestamp) -> bool {
        let (Some((every, _)), Some(before)) = (&self.window.reread, before) else {
            return false;
        };
        let last = before.reread_at;
        let every = SignedDuration::try_from(*every).unwrap_or(SignedDuration::MAX);
        last.is_none_or(|last| scalar::saturating_add(last, every) <= now)
    }

    /// Moves the checkpoint to the newest point, not past the server's time nor ours: a point of the future would hide
    /// the normal ones that follow.
    fn advance(
        &self,
        checkpoint: &mut Checkpoint,
        facts: &WalkFacts,
        span: &Span,
        last_step: bool,
    ) {
        let server_time = facts.server_time.unwrap_or(span.now);
        let limit = span.end.min(span.now).min(server_time);
        checkpoint.cursor = checkpoint
            .cursor
            .max(facts.newest.map(|newest| newest.min(limit)));
        if !last_step {
            return;
        }
        // What states a time of the future does not change when the next normal point arrives.
        let latest_now = span.now.max(server_time);
        let is_ahead = |time: Option<Timestamp>| time.is_some_and(|time| time > latest_now);
        let is_ahead = is_ahead(span.declared_end) || is_ahead(facts.newest);
        checkpoint.same = match is_ahead {
            true => None,
            false => self.item.same.clone(),
        };
        checkpoint.walked_to = Some(limit);
        if span.rereads || checkpoint.reread_at.is_none() {
            checkpoint.reread_at = Some(span.now);
        }
    }

    /// Reads one step and compares it; an inconsistent one is repeated up to twice.
    async fn step(&self, from: Timestamp, to: Timestamp, effort: Effort) -> Result<Read, Failure> {
        let (mut memory, mut readings) = (Memory::default(), 1);
        loop {
            let (staging, facts, end) = self.try_step(from, to, effort).await?;
            let reading = absence::FullReading {
                completeness: end.completeness,
                duplicates: staging.duplicates(),
                one_answer: end.one_answer,
                pages_with_rows: end.pages_with_rows,
                largest_page: end.largest_page,
                page_size: self.job.spec.page.size,
                lists: 1,
                unidentified: facts.unidentified,
                other_rows: false,
                shifted: staging.shifted(),
            };
            let examined = absence::examine(&reading, &memory, self.context.clock.now());
            if examined.read_again && readings < MAX_READINGS {
                memory.duplicates = examined.memory.duplicates;
                readings += 1;
                continue;
            }
            let staged = staging.finish(&Ending {
                absence: Absence::Nothing,
                full: false,
                confirm: 1,
                group: None,
                feed: None,
            })?;
            let contradiction = match examined.completeness {
                Completeness::Contradicted(why) => Some(why),
                Completeness::Proven | Completeness::Unproven => None,
            };
            return Ok(Read {
                staged,
                facts,
                contradiction,
            });
        }
    }

    async fn try_step(
        &self,
        from: Timestamp,
        to: Timestamp,
        effort: Effort,
    ) -> Result<(Staging, WalkFacts, ListEnd), Failure> {
        let extra = vec![
            (
                self.window.from.clone(),
                wire_time(from, &self.window.format),
            ),
            (self.window.to.clone(), wire_time(to, &self.window.format)),
        ];
        let request = ListRequest {
            source: self.context.source,
            spec: &self.job.spec,
            item: self.item,
            decoder: self.job.spec.decoder(&self.item.variables),
            extra,
            since: None,
            effort,
            budget: self.context.budget,
        };
        let staging = Staging::open(
            self.context.store,
            Arc::clone(&self.job.table),
            Size::Guessed,
        )?;
        let (rows, inbox) = mpsc::channel(1);
        let report_page = page_reporter(self.context, self.job);
        let walking = async {
            let result = walk(&request, &rows, &report_page).await;
            drop(rows);
            result
        };
        let (walked, staging) = tokio::join!(walking, compare(inbox, staging, &self.job.spec.name));
        let (staging, (facts, end)) = (staging?, walked?);
        Ok((staging, facts, end))
    }

    /// Applies one step with its checkpoint.
    async fn write(
        &self,
        staged: Staged,
        checkpoint: &mut Checkpoint,
        report: &mut TimelineReport,
    ) -> Result<Step, Failure> {
        report.unchanged += staged.plan.unchanged;
        if let Some(hold) = guard::check(&staged.plan, self.rules.guard, false) {
            let approval = decision::series_approval(&self.job.spec.name, &hold);
            if !self.rules.approved.contains(&approval) {
                report.held = Some((hold, approval));
                return Ok(Step::Held);
            }
        }
        report.add_cells(&staged.plan.unreadable, &staged.plan.repaired);
        checkpoint.rows += i64::try_from(staged.plan.new).unwrap_or(i64::MAX);
        let applied = match self.rules.writing {
            Writing::Dry => Applied {
                new: staged.plan.new,
                changed: staged.plan.changed,
                removed: 0,
            },
            Writing::Run(run) => {
                let stamp = Stamp {
                    run,
                    now: scalar::to_canonical(self.context.clock.now()),
                };
                let (source, account) = (
                    self.context.source.name.clone(),
                    self.context.account.clone(),
                );
                let (table, item, checkpoint) = (
                    Arc::clone(&self.job.table),
                    key_of(self.item),
                    checkpoint.clone(),
                );
                self.context
                    .store
                    .write(move |connection| {
                        let what = StoreError::sql("apply a step of a time series");
                        let transaction = connection.transaction().map_err(&what)?;
                        let applied = apply(&transaction, &staged, &stamp, Removals::None)?;
                        checkpoints::save(&transaction, &table, &item, &checkpoint)?;
                        accounts::save(&transaction, &source, &account)?;
                        transaction.commit().map_err(&what)?;
                        Ok(applied)
                    })
                    .await?
            }
        };
        report.applied.new += applied.new;
        report.applied.changed += applied.changed;
        Ok(Step::Applied)
    }
}

/// A step that was read.
struct Read {
    staged: Staged,
    facts: WalkFacts,
    contradiction: Option<Inconsistency>,
}

/// From where to where a walk goes.
struct Span {
    start: Timestamp,
    end: Timestamp,
    /// The end that the item's row states.
    declared_end: Option<Timestamp>,
    /// Our time at its start.
    now: Timestamp,
    /// It includes a time that was walked before.
    rereads: bool,
}

/// What the guard made of a step.
#[derive(PartialEq, Eq)]
enum Step {
    /// Its rows are in the mirror, and the checkpoint with them.
    Applied,
    /// None of its rows was applied.
    Held,
}

/// wapi.md 7 rule 2: the vendor reports it, or a server error may mean it (also one that hides its code).
fn is_too_much(error: &Failure) -> bool {
    error
        .http()
        .is_some_and(|http| http.is_too_many() || http.status() == Some(500))
}

/// One value makes the response unreadable. A web page, or an empty, cut or refused response is none, and says nothing of
/// the span.
fn is_bad_value(error: &Failure) -> bool {
    error.http().is_some_and(HttpError::is_bad_value)
}
