//! Time series: each item is walked through time, and each step is committed when it is complete.
//!
//! Like any stream (walk, compare, guard, apply), but step by step, so that a stop keeps complete steps and a first run
//! of years can be resumed. Absence means nothing here. Rules: wapi.md 7.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::error::Failure;
use super::items::{Item, items};
use super::job::StreamJob;
use super::read::{Context, MAX_READINGS, compare, is_refused_item, is_stale, page_reporter};
use super::walk::{ListRequest, WalkFacts, asked_too_much, walk};
use crate::connector::api::{WindowRules, wire_time};
use crate::connector::paging::ListEnd;
use crate::connector::windows::{WindowWalk, first_time};
use crate::model::absence::{self, Memory};
use crate::model::decision;
use crate::model::guard::{self, GuardRules, Hold};
use crate::model::plan::CellLoss;
use crate::model::row::Repair;
use crate::model::{Class, Completeness, Inconsistency, scalar};
use crate::store::apply::{Applied, Removals, Stamp, apply};
use crate::store::checkpoints::{self, Checkpoint};
use crate::store::{Absence, Ending, Size, Staged, Staging, StoreError, accounts};

/// A point at most this far in the future still moves the checkpoint (wapi.md 7 rule 6).
const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(24);

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
    /// The first item that failed; the others were read all the same.
    pub failure: Option<Failure>,
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
#[derive(Clone)]
pub enum Writing {
    /// By this run.
    Run(i64),
    /// Not at all.
    Dry,
}

/// Reads all items of a time series, several at once.
pub async fn read(
    context: &Context<'_>,
    job: &StreamJob,
    guard: &GuardRules,
    approved: &[String],
    writing: &Writing,
    full: bool,
) -> Result<TimelineReport, Failure> {
    let Some(window) = &job.spec.window else {
        return Ok(TimelineReport::default());
    };
    let known = checkpoints::load(
        &*context.store.reader()?,
        &job.table,
        context.account.generation,
    )?;
    let items = items(job, context.source, || context.store.reader())?;
    let one = |item| {
        let before = if full {
            None
        } else {
            known.get(&key_of(item)).cloned()
        };
        let walk = ItemWalk {
            context,
            job,
            window,
            guard,
            approved,
            writing,
            item,
        };
        async move { (item, walk.read(before).await) }
    };
    let walks: Vec<_> = items.iter().map(one).collect();
    let mut walks = stream::iter(walks).buffer_unordered(context.source.in_flight.max(1));
    let mut report = TimelineReport::default();
    let mut refusal = None;
    while let Some((item, (part, result))) = walks.next().await {
        report.add(part);
        match result {
            Ok(()) => {}
            Err(error)
                if is_refused_item(job, &error) && !is_stale(context, job, item, &error)? =>
            {
                report.refused.push((item.name.clone(), error.to_string()));
                refusal.get_or_insert(error);
            }
            Err(error @ Failure::Store(_)) => return Err(error),
            Err(error) => {
                report.failure.get_or_insert(error);
            }
        }
    }
    // Nothing but refusals is no reading at all.
    if report.refused.len() == items.len() && report.failure.is_none() {
        report.failure = refusal;
    }
    Ok(report)
}

impl TimelineReport {
    fn add(&mut self, part: Self) {
        self.facts.add(part.facts);
        self.applied.new += part.applied.new;
        self.applied.changed += part.applied.changed;
        self.unchanged += part.unchanged;
        self.held = self.held.take().or(part.held);
        self.incomplete.extend(part.incomplete);
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
    guard: &'a GuardRules,
    approved: &'a [String],
    writing: &'a Writing,
    item: &'a Item,
}

impl ItemWalk<'_> {
    /// Walks one item from its checkpoint; reports what was done even if it fails.
    async fn read(&self, before: Option<Checkpoint>) -> (TimelineReport, Result<(), Failure>) {
        let mut report = TimelineReport::default();
        let now = self.context.clock.now();
        let reread_due = self.reread_due(before.as_ref(), now);
        let nothing_new = before
            .as_ref()
            .is_some_and(|before| before.same.is_some() && before.same == self.item.same);
        if self.item.is_empty || (nothing_new && !reread_due) {
            return (report, Ok(()));
        }
        let Some((start, end)) = self.span(before.as_ref(), reread_due, now) else {
            return (report, Ok(()));
        };
        let mut checkpoint = before.unwrap_or_default();
        checkpoint.account = self.context.account.generation;
        checkpoint.walked_from = checkpoint.walked_from.min(Some(start)).or(Some(start));
        let mut walk = WindowWalk::new(start, end, self.window.step, self.window.smallest);
        while let Some((from, to)) = walk.span() {
            let last_step = to >= end;
            match self.step(from, to).await {
                Ok(Read {
                    staged,
                    facts,
                    contradiction,
                }) => {
                    // What was received is kept, and nothing counts as known before the step is whole.
                    if contradiction.is_none() {
                        self.advance(&mut checkpoint, &facts, end, now, last_step, reread_due);
                    }
                    let done = self.write(staged, &checkpoint, &mut report).await;
                    report.facts.add(facts);
                    if let Some(why) = contradiction {
                        let location = format!("{} {}", self.item.name, scalar::to_canonical(from));
                        let location = location.trim().to_owned();
                        report.incomplete.push((location, why.to_string()));
                        return (report, done.map(|_| ()));
                    }
                    match done {
                        Ok(Step::Applied) => walk.done(),
                        // Going on would move the checkpoint past rows that were not taken.
                        Ok(Step::Held) => return (report, Ok(())),
                        Err(error) => return (report, Err(error)),
                    }
                }
                Err(error) if can_shrink(&error) && walk.shrink() => {}
                // wapi.md 3.3: the smallest unreadable span is skipped and reported.
                Err(error) if error.class() == Class::Contract && error.http().is_some() => {
                    let path = format!(
                        "{} {} to {}",
                        self.item.name,
                        scalar::to_canonical(from),
                        scalar::to_canonical(to)
                    );
                    report.facts.rejects.insert((path, error.to_string()), 1);
                    walk.done();
                }
                Err(error) => return (report, Err(error)),
            }
        }
        (report, Ok(()))
    }

    /// From where to where: the overlap before the last point, or all of it when an older start shows up.
    fn span(
        &self,
        before: Option<&Checkpoint>,
        reread_due: bool,
        now: Timestamp,
    ) -> Option<(Timestamp, Timestamp)> {
        let filled = |texts: &[String]| -> Vec<String> {
            texts
                .iter()
                .map(|text| self.job.spec.fill(text, &self.item.variables))
                .collect()
        };
        let first = first_time(&filled(&self.window.start), now)?;
        let hour = SignedDuration::from_hours(1);
        let end = first_time(&filled(&self.window.end), now)
            .unwrap_or_else(|| scalar::saturating_add(now, hour));
        let known = before.and_then(|before| {
            let (cursor, walked_from) = (before.cursor?, before.walked_from?);
            (walked_from <= first).then_some(cursor)
        });
        let back = match (&self.window.reread, reread_due) {
            (Some((_, span)), true) => (*span).max(self.window.overlap),
            _ => self.window.overlap,
        };
        let back = SignedDuration::try_from(back).ok()?;
        Some((
            known.map_or(first, |cursor| {
                scalar::saturating_add(cursor, -back).max(first)
            }),
            end,
        ))
    }

    fn reread_due(&self, before: Option<&Checkpoint>, now: Timestamp) -> bool {
        let (Some((every, _)), Some(before)) = (&self.window.reread, before) else {
            return false;
        };
        let last = before.reread_at;
        let every = SignedDuration::try_from(*every).unwrap_or(SignedDuration::MAX);
        last.is_none_or(|last| scalar::saturating_add(last, every) <= now)
    }

    /// Moves the checkpoint to the newest point, not past the walk's end nor into the future.
    fn advance(
        &self,
        checkpoint: &mut Checkpoint,
        facts: &WalkFacts,
        end: Timestamp,
        now: Timestamp,
        last_step: bool,
        reread: bool,
    ) {
        let limit = end.min(scalar::saturating_add(now, MAX_AHEAD));
        let newest = facts.newest.map(|newest| newest.min(limit));
        checkpoint.cursor = checkpoint.cursor.max(newest);
        if last_step {
            checkpoint.same.clone_from(&self.item.same);
            if reread || checkpoint.reread_at.is_none() {
                checkpoint.reread_at = Some(now);
            }
        }
    }

    /// Reads one step and compares it; an inconsistent one is repeated up to twice.
    async fn step(&self, from: Timestamp, to: Timestamp) -> Result<Read, Failure> {
        let (mut memory, mut readings) = (Memory::default(), 1);
        loop {
            let (staging, facts, end) = self.try_step(from, to).await?;
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
            adaptation: None,
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
        checkpoint: &Checkpoint,
        report: &mut TimelineReport,
    ) -> Result<Step, Failure> {
        report.unchanged += staged.plan.unchanged;
        if let Some(hold) = guard::check(&staged.plan, self.guard, false) {
            let approval = decision::series_approval(&self.job.spec.name, &hold);
            if !self.approved.contains(&approval) {
                report.held = Some((hold, approval));
                return Ok(Step::Held);
            }
        }
        report.add_cells(&staged.plan.unreadable, &staged.plan.repaired);
        let applied = match self.writing {
            Writing::Dry => Applied {
                new: staged.plan.new,
                changed: staged.plan.changed,
                removed: 0,
            },
            Writing::Run(run) => {
                let stamp = Stamp {
                    run: *run,
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

/// What the guard made of a step.
enum Step {
    /// Its rows are in the mirror, and the checkpoint with them.
    Applied,
    /// Nothing of it was taken.
    Held,
}

/// wapi.md 7 rule 2: the vendor reports it, or a server error may mean it (also one that hides its code), or one row of
/// the span makes the response unreadable.
fn can_shrink(error: &Failure) -> bool {
    error.http().is_some_and(|http| {
        asked_too_much(http) || http.status() == Some(500) || error.class() == Class::Contract
    })
}
