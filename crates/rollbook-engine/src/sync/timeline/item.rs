//! One series: its walk through time, step by step.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::span::{Begin, Span, kept_from};
use super::step::{ItemRules, Read};
use super::{TimelineReport, TimelineRules, key_of};
use crate::sync::error::Failure;
use crate::sync::items::Item;
use crate::sync::walk::WalkFacts;
use rollbook_core::connector::paging::ListEnd;
use rollbook_core::connector::windows::{WindowWalk, first_time};
use rollbook_core::model::row::{Reject, Repair, Rows};
use rollbook_core::model::{decision, guard, scalar};
use rollbook_core::store::checkpoints::Checkpoint;
use rollbook_core::store::series::SeriesStep;
use rollbook_core::store::{Staged, ValueCounts};
use rollbook_http::http::{Effort, HttpError, Shrinks};

/// One item of a time series, and how far it was read.
pub(super) struct ItemWalk<'a> {
    rules: ItemRules<'a>,
    pub item: &'a Item,
    /// Its index among the items.
    pub index: usize,
    span: Span,
    checkpoint: Checkpoint,
    pub walk: WindowWalk,
    before: Option<ValueCounts>,
    /// Attempts at the span where the walk is, in all lengths together.
    attempts: u32,
    report: TimelineReport,
}

/// What follows from a step.
pub(super) enum ItemProgress {
    /// There is another one.
    More,
    /// The item was read to its end, or as far as this run reads it.
    Ended,
    /// The walk ends.
    Failed(Failure),
    /// It ends for the same reason as another one.
    FailedLike(String),
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

impl<'a> ItemWalk<'a> {
    /// The walk of an item; nothing for one that the vendor did not change.
    pub(super) fn begin(
        rules: ItemRules<'a>,
        item: &'a Item,
        index: usize,
        before: Option<Checkpoint>,
        begin: Begin,
    ) -> Option<Self> {
        let same = item.same.as_ref();
        // Without a value nothing says that it did not move.
        let same = same.filter(|same| !same.trim().is_empty());
        let is_same = |before: &Checkpoint| same.is_some() && before.same.as_ref() == same;
        let nothing_new = before.as_ref().is_some_and(is_same);
        let span = span_of(rules, item, before.as_ref(), begin)?;
        if item.is_empty || (nothing_new && !span.reads_unchanged()) {
            return None;
        }
        let mut checkpoint = span.begin(before.unwrap_or_default());
        checkpoint.account = rules.context.account.generation;
        let window = rules.window;
        let walk = WindowWalk::new(span.start, span.end, window.step, window.smallest)
            .with_step(checkpoint.step)
            .with_first_to(span.empty_to);
        Some(Self {
            rules,
            item,
            index,
            span,
            checkpoint,
            walk,
            before: None,
            attempts: 0,
            report: TimelineReport::default(),
        })
    }

    /// What was done, and how far the item is known.
    pub(super) fn end(self) -> (TimelineReport, Checkpoint) {
        (self.report, self.checkpoint)
    }

    /// Whether its rows are counted: a request for several series may be what left some out.
    pub(super) fn is_recounted(&self) -> bool {
        self.checkpoint.is_recounted()
    }

    /// Whether rows of it are of responses for several.
    pub(super) fn has_shared_rows(&self) -> bool {
        self.checkpoint.shared
    }

    /// Whether it reached its end, and its rows were taken.
    pub(super) fn is_read(&self) -> bool {
        let has_stopped = self.report.held.is_some() || !self.report.incomplete.is_empty();
        self.walk.span().is_none() && !has_stopped
    }

    /// How many steps were taken.
    pub(super) fn steps(&self) -> u64 {
        self.report.steps
    }

    /// The next step; none at the item's end, or when the run has to leave time to other streams.
    pub(super) fn next(&mut self) -> Option<(Timestamp, Timestamp)> {
        let (from, to) = self.walk.span()?;
        if self.rules.context.budget.left() <= self.rules.rules.reserve {
            self.report.unfinished.push((self.item.name.clone(), from));
            return None;
        }
        Some((from, to))
    }

    /// Those of the rows that are of this step: a request for several items may name a longer time.
    pub(super) fn own(&self, rows: Option<&Rows>) -> Rows {
        let (Some(rows), Some((from, to))) = (rows, self.walk.span()) else {
            return Rows::default();
        };
        let column = self.rules.window.column;
        let (from, to) = (scalar::to_canonical(from), scalar::to_canonical(to));
        let is_in = |time: &str| from.as_str() <= time && time <= to.as_str();
        rows.filtered(|row| row.at(column).text().is_some_and(is_in))
    }

    /// Whether these rows may be the whole step: it has a row, and the last one that the item's own row states.
    pub(super) fn is_whole(&self, own: &Rows) -> bool {
        let Some((_, to)) = self.walk.span() else {
            return true;
        };
        let last = self.span.declared_end.filter(|end| *end <= to);
        let newest = self.newest(own);
        newest.is_some_and(|newest| last.is_none_or(|last| newest >= last))
    }

    /// Whether these rows have the last one that the item's own row states, which is one of this step.
    pub(super) fn has_declared_last(&self, own: &Rows) -> bool {
        let to = self.walk.span().map(|(_, to)| to);
        self.span.declared_end.is_some_and(|end| Some(end) <= to) && self.is_whole(own)
    }

    fn newest(&self, rows: &Rows) -> Option<Timestamp> {
        let column = self.rules.window.column;
        let texts = rows.iter().filter_map(|row| row.at(column).text());
        texts.max().and_then(scalar::parse)
    }

    /// Takes the rows of this step, which may be of a response for several items.
    pub(super) async fn take_rows(
        &mut self,
        rows: Rows,
        is_shared: bool,
        server_time: Option<Timestamp>,
        end: &ListEnd,
    ) -> ItemProgress {
        let facts = WalkFacts {
            received: rows.received() as u64,
            newest: self.newest(&rows),
            server_time,
            values: rows
                .values
                .iter()
                .map(|values| u64::from(*values))
                .collect(),
            ..WalkFacts::default()
        };
        let compared = self.rules.compare(rows, facts, end, self.before.as_ref());
        match compared.await {
            Ok(Some(read)) => {
                self.checkpoint.shared |= is_shared;
                self.accept(read).await
            }
            Ok(None) => self.step_alone().await,
            Err(error) => self.failed(error),
        }
    }

    /// Reads one step with a request of its own.
    pub(super) async fn step_alone(&mut self) -> ItemProgress {
        let Some(span) = self.next() else {
            return ItemProgress::Ended;
        };
        let read = match self.rules.batch.settle(&key_of(self.item)).await {
            Ok(()) => {
                let (rules, effort) = (self.rules, self.effort());
                rules
                    .read(self.item, span, effort, self.before.as_ref())
                    .await
            }
            Err(error) => Err(error),
        };
        match read {
            Ok(read) => self.accept(read).await,
            Err(error) => self.failed(error),
        }
    }

    /// The step where the walk is was read.
    async fn accept(&mut self, read: Read) -> ItemProgress {
        match self.take(read).await {
            Ok(progress) => progress,
            Err(error) => ItemProgress::Failed(error),
        }
    }

    async fn take(&mut self, read: Read) -> Result<ItemProgress, Failure> {
        let Some((from, to)) = self.walk.span() else {
            return Ok(ItemProgress::Ended);
        };
        self.attempts = 0;
        self.walk.done(read.facts.received);
        self.checkpoint.step = self.walk.short_step();
        // What was received is kept, and nothing counts as known before the step is whole.
        if read.contradiction.is_none() {
            let (newest, server_time) = (read.facts.newest, read.facts.server_time);
            self.span.advance(&mut self.checkpoint, newest, server_time);
            if read.facts.received == 0 {
                self.span.pass(&mut self.checkpoint, to, server_time);
            }
            if to >= self.span.end {
                let same = self.item.same.clone();
                self.span
                    .finish(&mut self.checkpoint, newest, server_time, same);
            }
        }
        if self.rules.job.table.series && read.staged.received.is_telling() {
            self.before = Some(read.staged.received.clone());
        }
        let done = self.write(read.staged).await?;
        self.report.facts.add(read.facts);
        if let Some(why) = read.contradiction {
            let location = format!("{} {}", self.item.name, scalar::to_canonical(from));
            let location = location.trim().to_owned();
            self.report.incomplete.push((location, why.to_string()));
            return Ok(ItemProgress::Ended);
        }
        // Going on would move the checkpoint past rows that were not applied.
        if done == Step::Held {
            return Ok(ItemProgress::Ended);
        }
        self.report.steps += 1;
        Ok(match self.walk.span() {
            Some(_) => ItemProgress::More,
            None => ItemProgress::Ended,
        })
    }

    /// The step where the walk is could not be read.
    fn failed(&mut self, error: Failure) -> ItemProgress {
        self.attempts += error.http().map_or(1, HttpError::attempts);
        match self.after_failure(error) {
            AfterFailure::Continue => ItemProgress::More,
            AfterFailure::Unfinished(error) => self.out_of_time(Some(error)),
            AfterFailure::Fail(error) => ItemProgress::Failed(error),
        }
    }

    /// The run is over; the next one continues here.
    pub(super) fn out_of_time(&mut self, error: Option<Failure>) -> ItemProgress {
        let from = self.walk.span().map(|(from, _)| from);
        let location = from.map(|from| (self.item.name.clone(), from));
        self.report.unfinished.extend(location);
        self.report.out_of_time = self.report.out_of_time.take().or(error);
        ItemProgress::Ended
    }

    /// What was found in a response besides this item's rows. What was repaired is reported by column, and not by item.
    pub(super) fn note(&mut self, facts: WalkFacts, repairs: &BTreeMap<(u32, Repair), u64>) {
        self.report.facts.add(WalkFacts {
            received: 0,
            newest: None,
            values: Vec::new(),
            ..facts
        });
        let columns = &self.rules.job.table.columns;
        let named = repairs.iter().filter_map(|((column, repair), values)| {
            let column = columns.get(*column as usize)?;
            Some(((column.name.clone(), *repair), *values))
        });
        self.report.add_cells(&BTreeMap::new(), &named.collect());
    }

    /// What is left of the attempts at a span; a shorter one is requested where that may help.
    fn effort(&self) -> Effort {
        Effort {
            shrinks: match self.walk.can_shrink() {
                true => Shrinks::OnServerErrors,
                false => Shrinks::Never,
            },
            ..self.rules.context.effort.after(self.attempts)
        }
    }

    fn after_failure(&mut self, error: Failure) -> AfterFailure {
        let tries_left = Effort::USUAL.attempts.saturating_sub(self.attempts);
        let bad_value = is_bad_value(&error);
        if (bad_value || is_too_much(&error)) && self.walk.shrink(tries_left) {
            return AfterFailure::Continue;
        }
        let span = self.walk.span();
        if let (true, Some((from, to))) = (bad_value && self.walk.pass_over(), span) {
            self.attempts = 0;
            let (from, to) = (scalar::to_canonical(from), scalar::to_canonical(to));
            let reject = Reject {
                path: format!("{} {from} to {to}", self.item.name),
                reason: error.to_string(),
            };
            self.report.facts.rejects.insert(reject, 1);
            return AfterFailure::Continue;
        }
        match error.http().is_some_and(HttpError::is_out_of_time) {
            true => AfterFailure::Unfinished(error),
            false => AfterFailure::Fail(error),
        }
    }

    /// Hands one step with its checkpoint to the batch, unless the guard holds it.
    async fn write(&mut self, staged: Staged) -> Result<Step, Failure> {
        let TimelineRules {
            guard, approved, ..
        } = self.rules.rules;
        let report = &mut self.report;
        report.unchanged += staged.plan.unchanged;
        if let Some(hold) = guard::check(&staged.plan, guard, false) {
            let approval = decision::series_approval(&self.rules.job.spec.name, &hold);
            if !approved.contains(&approval) {
                report.held = Some((hold, approval));
                return Ok(Step::Held);
            }
        }
        report.duplicates += staged.plan.duplicates.rows;
        report.expired += staged.plan.expired;
        report.add_cells(&staged.plan.unreadable, &staged.plan.repaired);
        let step = SeriesStep {
            item: key_of(self.item),
            index: self.index,
            staged,
            checkpoint: self.checkpoint.clone(),
        };
        self.rules.batch.push(step).await?;
        Ok(Step::Taken)
    }
}

/// From where to where an item is walked.
fn span_of(
    rules: ItemRules<'_>,
    item: &Item,
    before: Option<&Checkpoint>,
    begin: Begin,
) -> Option<Span> {
    let now = rules.context.clock.now();
    let time = |texts: &[String]| {
        let fill = |text: &String| rules.job.spec.fill(text, &item.variables);
        first_time(&texts.iter().map(fill).collect::<Vec<_>>(), now)
    };
    let (first, end) = (time(&rules.window.start)?, time(&rules.window.end));
    let ends = (kept_from(first, end, rules.rules.oldest)?, end);
    Some(Span::of(rules.window, ends, before, begin, now))
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
pub(super) fn is_too_much(error: &Failure) -> bool {
    error
        .http()
        .is_some_and(|http| http.is_too_many() || http.status() == Some(500))
}

/// One value makes the response unreadable. A web page, or an empty, cut or refused response is none, and says nothing of
/// the span.
pub(super) fn is_bad_value(error: &Failure) -> bool {
    error.http().is_some_and(HttpError::is_bad_value)
}
