//! One series: its walk through time, step by step.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::batch::StepBatch;
use super::span::{Begin, Span, kept_from};
use super::{TimelineReport, TimelineRules, key_of};
use crate::connector::api::{WindowRules, wire_time};
use crate::connector::paging::ListEnd;
use crate::connector::windows::{WindowWalk, first_time};
use crate::http::{Effort, HttpError, Shrinks};
use crate::model::absence::{self, Memory};
use crate::model::row::Reject;
use crate::model::{Completeness, Expiry, Inconsistency, decision, guard, scalar};
use crate::store::checkpoints::Checkpoint;
use crate::store::series::SeriesStep;
use crate::store::suppression::RowFilter;
use crate::store::{Absence, Ending, Size, Staged, Staging, ValueCounts};
use crate::sync::error::Failure;
use crate::sync::items::Item;
use crate::sync::job::StreamJob;
use crate::sync::read::{Context, MAX_READINGS, compare, page_reporter};
use crate::sync::walk::{ListRequest, WalkFacts, walk};

/// One item of a time series.
pub(super) struct ItemWalk<'a> {
    pub context: &'a Context<'a>,
    pub job: &'a StreamJob,
    pub window: &'a WindowRules,
    pub rules: &'a TimelineRules<'a>,
    pub batch: &'a StepBatch<'a>,
    pub item: &'a Item,
    /// Its place among the items.
    pub place: usize,
}

/// What follows from a step that could not be read.
enum AfterFailure {
    /// Another span is requested.
    Continue,
    /// The run is over; the next one continues there.
    Unfinished(Failure),
    /// The walk ends.
    Fail(Failure),
}

impl ItemWalk<'_> {
    /// Walks one item; reports what was done even if it fails, and how far the item is known, where that has changed.
    pub(super) async fn read(
        &self,
        before: Option<Checkpoint>,
        begin: Begin,
    ) -> (TimelineReport, Option<Checkpoint>, Result<(), Failure>) {
        let mut report = TimelineReport::default();
        let same = self.item.same.as_ref();
        let is_same = |before: &Checkpoint| before.same.is_some() && before.same.as_ref() == same;
        let nothing_new = before.as_ref().is_some_and(is_same);
        let span = self.span(before.as_ref(), begin);
        let Some(span) =
            span.filter(|span| !self.item.is_empty && (!nothing_new || span.reads_unchanged()))
        else {
            return (report, None, Ok(()));
        };
        let mut checkpoint = span.begin(before.unwrap_or_default());
        checkpoint.account = self.context.account.generation;
        let result = self.walk(&span, &mut checkpoint, &mut report).await;
        (report, Some(checkpoint), result)
    }

    fn span(&self, before: Option<&Checkpoint>, begin: Begin) -> Option<Span> {
        let now = self.context.clock.now();
        let time = |texts: &[String]| {
            let fill = |text: &String| self.job.spec.fill(text, &self.item.variables);
            first_time(&texts.iter().map(fill).collect::<Vec<_>>(), now)
        };
        let (first, end) = (time(&self.window.start)?, time(&self.window.end));
        let ends = (kept_from(first, end, self.rules.oldest)?, end);
        Some(Span::of(self.window, ends, before, begin, now))
    }

    async fn walk(
        &self,
        span: &Span,
        checkpoint: &mut Checkpoint,
        report: &mut TimelineReport,
    ) -> Result<(), Failure> {
        let window = self.window;
        let mut walk = WindowWalk::new(span.start, span.end, window.step, window.smallest)
            .with_step(checkpoint.step)
            .with_first_to(span.empty_to);
        let mut before: Option<ValueCounts> = None;
        // Attempts at the span where the walk is, in all lengths together.
        let mut attempts = 0;
        while let Some((from, to)) = walk.span() {
            if self.context.budget.left() <= self.rules.reserve {
                report.unfinished.push((self.item.name.clone(), from));
                return Ok(());
            }
            self.batch.settle(&key_of(self.item)).await?;
            let effort = self.effort(&walk, attempts);
            let read = match self.step((from, to), effort, before.as_ref()).await {
                Ok(read) => read,
                Err(error) => {
                    attempts += error.http().map_or(1, HttpError::attempts);
                    match self.after_failure(error, &mut walk, &mut attempts, report) {
                        AfterFailure::Continue => continue,
                        AfterFailure::Unfinished(error) => {
                            report.unfinished.push((self.item.name.clone(), from));
                            report.out_of_time.get_or_insert(error);
                            return Ok(());
                        }
                        AfterFailure::Fail(error) => return Err(error),
                    }
                }
            };
            attempts = 0;
            walk.done(read.facts.received);
            checkpoint.step = walk.short_step();
            // What was received is kept, and nothing counts as known before the step is whole.
            if read.contradiction.is_none() {
                let (newest, server_time) = (read.facts.newest, read.facts.server_time);
                span.advance(checkpoint, newest, server_time);
                if to >= span.end {
                    let same = self.item.same.clone();
                    span.finish(checkpoint, newest, server_time, same);
                }
            }
            if self.job.table.series && read.staged.received.is_telling() {
                before = Some(read.staged.received.clone());
            }
            let done = self.write(read.staged, checkpoint, report).await?;
            report.facts.add(read.facts);
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
            report.steps += 1;
        }
        Ok(())
    }

    /// What is left of the attempts at a span; a shorter one is requested where that may help.
    fn effort(&self, walk: &WindowWalk, attempts: u32) -> Effort {
        Effort {
            shrinks: match walk.can_shrink() {
                true => Shrinks::OnServerErrors,
                false => Shrinks::Never,
            },
            ..self.context.effort.after(attempts)
        }
    }

    fn after_failure(
        &self,
        error: Failure,
        walk: &mut WindowWalk,
        attempts: &mut u32,
        report: &mut TimelineReport,
    ) -> AfterFailure {
        let tries_left = Effort::USUAL.attempts.saturating_sub(*attempts);
        let bad_value = is_bad_value(&error);
        if (bad_value || is_too_much(&error)) && walk.shrink(tries_left) {
            return AfterFailure::Continue;
        }
        let span = walk.span();
        if let (true, Some((from, to))) = (bad_value && walk.pass_over(), span) {
            *attempts = 0;
            let (from, to) = (scalar::to_canonical(from), scalar::to_canonical(to));
            let reject = Reject {
                path: format!("{} {from} to {to}", self.item.name),
                reason: error.to_string(),
            };
            report.facts.rejects.insert(reject, 1);
            return AfterFailure::Continue;
        }
        match error.http().is_some_and(HttpError::is_out_of_time) {
            true => AfterFailure::Unfinished(error),
            false => AfterFailure::Fail(error),
        }
    }

    /// Reads one step and compares it; an inconsistent one is repeated up to twice.
    async fn step(
        &self,
        (from, to): (Timestamp, Timestamp),
        effort: Effort,
        before: Option<&ValueCounts>,
    ) -> Result<Read, Failure> {
        let (mut memory, mut readings) = (Memory::default(), 1);
        loop {
            let (staging, facts, end) = self.try_step((from, to), effort, before).await?;
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
        (from, to): (Timestamp, Timestamp),
        effort: Effort,
        before: Option<&ValueCounts>,
    ) -> Result<(Staging, WalkFacts, ListEnd), Failure> {
        let extra = vec![
            (
                self.window.from.clone(),
                wire_time(from, &self.window.format),
            ),
            (self.window.to.clone(), wire_time(to, &self.window.format)),
        ];
        let list = self.context.store.suppression()?;
        let request = ListRequest {
            source: self.context.source,
            spec: &self.job.spec,
            item: self.item,
            decoder: self.job.spec.decoder(&self.item.variables),
            filter: Some(Arc::new(RowFilter::new(&list, &self.job.table))),
            space: self.context.store.staging_space(),
            extra,
            since: None,
            effort,
            budget: self.context.budget,
        };
        let mut staging = Staging::open(
            self.context.store,
            Arc::clone(&self.job.table),
            Size::Unknown,
        )?;
        staging.follow(before.cloned());
        if let Some(oldest) = self.rules.oldest {
            staging.leave_out(Expiry {
                column: self.window.column,
                before: scalar::to_canonical(oldest),
            });
        }
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

    /// Hands one step with its checkpoint to the batch, unless the guard holds it.
    async fn write(
        &self,
        staged: Staged,
        checkpoint: &Checkpoint,
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
        report.duplicates += staged.plan.duplicates.rows;
        report.expired += staged.plan.expired;
        report.add_cells(&staged.plan.unreadable, &staged.plan.repaired);
        let step = SeriesStep {
            item: key_of(self.item),
            place: self.place,
            staged,
            checkpoint: checkpoint.clone(),
        };
        self.batch.push(step).await?;
        Ok(Step::Taken)
    }
}

/// A step that was read.
struct Read {
    staged: Staged,
    facts: WalkFacts,
    contradiction: Option<Inconsistency>,
}

/// What the guard made of a step.
#[derive(PartialEq, Eq)]
enum Step {
    /// Its rows are written, and the checkpoint with them.
    Taken,
    /// None of its rows is written.
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
