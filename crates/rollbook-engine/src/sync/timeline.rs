//! Time series: each item is walked through time, and each step is committed once it is complete, with small ones of others.
//!
//! Like any stream (walk, compare, guard, apply), but step by step, so that a stop keeps complete steps and a first run
//! of years can be resumed. Absence means nothing here. Rules: wapi.md 7.

mod batch;
mod difference;
mod item;
mod order;
mod probe;
mod recount;
mod several;
mod shared;
mod span;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;

use self::batch::StepBatch;
use self::item::{ItemProgress, ItemWalk};
use self::several::WaitingWalks;
use self::span::Begin;
use self::step::ItemRules;
use super::error::Failure;
use super::items::{Item, items};
use super::job::StreamJob;
use super::read::{Context, is_refused_item};
use super::walk::WalkFacts;
use rollbook_core::connector::api::WindowRules;
use rollbook_core::model::guard::{GuardRules, Hold};
use rollbook_core::model::plan::CellLoss;
use rollbook_core::model::row::Repair;
use rollbook_core::store::apply::Applied;
use rollbook_core::store::checkpoints::{self, Checkpoint};
use rollbook_core::store::queries;

/// What reading a time series did.
#[derive(Default)]
pub struct TimelineReport {
    /// What was found besides rows.
    pub facts: WalkFacts,
    /// What was written, or would be.
    pub applied: Applied,
    /// Rows that were received unchanged.
    pub unchanged: u64,
    /// Rows of a step that were received again in it.
    pub duplicates: u64,
    /// Points that were received and are kept no longer.
    pub expired: u64,
    /// Items that the vendor refuses.
    pub refused: Vec<(String, String)>,
    /// Items that failed, with the reason; the others were read all the same.
    pub failed: Vec<(String, String)>,
    /// The first of these failures.
    pub failure: Option<Failure>,
    /// Items whose walk did not reach its end in this run's time, and how far each is.
    pub unfinished: Vec<(String, Timestamp)>,
    /// Why the first of these stopped, if a request was under way.
    pub out_of_time: Option<Failure>,
    /// Items whose walk did not reach its end, for any reason.
    pub unread: BTreeSet<String>,
    /// Responses for several items lacked rows.
    pub lacks_shared: bool,
    /// How many items a request may name, if that turned out to be fewer than before.
    pub most_shared: Option<usize>,
    /// How many steps were applied.
    pub steps: u64,
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

impl Writing {
    fn run(self) -> Option<i64> {
        match self {
            Self::Run(run) => Some(run),
            Self::Dry => None,
        }
    }
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
    /// Points before this time are not kept.
    pub oldest: Option<Timestamp>,
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
    let read = walks.read(&all, (begin, usize::MAX), &mut known, &mut report);
    let read = read.await;
    // Also where a step could not be written: what responses for several items lacked must not be forgotten.
    let remembered = walks.remember_shared(&mut known, &report).await;
    let refusal = read?;
    remembered?;
    // Nothing but refusals is no reading at all.
    if report.refused.len() == items.len() && report.failure.is_none() {
        report.failure = refusal;
    }
    // ItemProgress is no failure; none at all is one.
    if report.steps == 0 && report.failure.is_none() {
        report.failure = report.out_of_time.take();
    }
    walks
        .replace_shared(&items, &mut known, &mut report)
        .await?;
    walks.recount(&items, &mut known, &mut report).await?;
    Ok(report)
}

/// The walks of a stream's items.
struct Walks<'a> {
    context: &'a Context<'a>,
    job: &'a StreamJob,
    window: &'a WindowRules,
    rules: &'a TimelineRules<'a>,
}

impl Walks<'_> {
    /// Walks items, at most so many by one request; returns the first refusal of one that the vendor does not serve.
    async fn read(
        &self,
        items: &[&Item],
        (begin, most): (Begin, usize),
        known: &mut BTreeMap<String, Checkpoint>,
        report: &mut TimelineReport,
    ) -> Result<Option<Failure>, Failure> {
        let batch = StepBatch::new(self.context, self.job, self.rules.writing.run());
        let rules = ItemRules {
            context: self.context,
            job: self.job,
            window: self.window,
            rules: self.rules,
            batch: &batch,
        };
        let begun = items
            .iter()
            .copied()
            .enumerate()
            .filter_map(|(index, item)| {
                let before = known.get(&key_of(item)).cloned();
                ItemWalk::begin(rules, item, index, before, begin)
            });
        let most = most.min(several::most(self.context, self.job));
        let mut waiting = WaitingWalks::new(begun.collect(), most);
        let in_flight = self.context.source.in_flight.max(1);
        let mut under_way = FuturesUnordered::new();
        let mut refusal = None;
        let mut is_deferred = false;
        loop {
            while under_way.len() < in_flight
                && !is_deferred
                && let Some(walks) = waiting.next()
            {
                under_way.push(several::advance(rules, walks, waiting.to_end()));
            }
            let Some(advanced) = under_way.next().await else {
                break;
            };
            if let Some((most, why)) = waiting.learn(&advanced.found) {
                report.facts.notes.push(several::note(most, why));
                report.most_shared = Some(most);
            }
            report.lacks_shared |= advanced.found.lacks_rows && self.rules.writing != Writing::Dry;
            for (walk, progress) in advanced.walks {
                let item = walk.item;
                let progress = match progress {
                    ItemProgress::More => {
                        waiting.put_back(walk);
                        continue;
                    }
                    progress => progress,
                };
                report.end(walk, known);
                let error = match progress {
                    ItemProgress::More | ItemProgress::Ended => continue,
                    ItemProgress::FailedLike(reason) => {
                        report.failed.push((item.name.clone(), reason));
                        continue;
                    }
                    ItemProgress::Failed(error @ Failure::Store(_)) => return Err(error),
                    ItemProgress::Failed(error) => error,
                };
                let reason = (item.name.clone(), error.to_string());
                if error
                    .http()
                    .is_some_and(|http| http.deferred_until().is_some())
                {
                    report.failed.push(reason);
                    report.failure.get_or_insert(error);
                    // What is under way ends by itself: its next request is refused without being sent.
                    is_deferred = true;
                    continue;
                }
                if is_refused_item(self.job, &error) && !self.has_rows(item)? {
                    report.refused.push(reason);
                    refusal.get_or_insert(error);
                } else {
                    report.failed.push(reason);
                    report.failure.get_or_insert(error);
                }
            }
            // They are read from their start.
            if report.lacks_shared {
                for walk in waiting.take_shared() {
                    report.end(walk, known);
                }
            }
        }
        drop(under_way);
        for mut walk in waiting.into_walks() {
            walk.out_of_time(None);
            report.end(walk, known);
        }
        let written = batch.finish().await?;
        report.applied.new += written.applied.new;
        report.applied.changed += written.applied.changed;
        report.unchanged += written.unchanged;
        for (item, rows) in written.rows {
            known
                .entry(item)
                .and_modify(|checkpoint| checkpoint.rows = rows);
        }
        Ok(refusal)
    }

    /// A series that had points and is refused or missing now is stale: absence means nothing here.
    fn has_rows(&self, item: &Item) -> Result<bool, Failure> {
        let reader = self.context.store.reader()?;
        Ok(queries::has_rows_of(
            &reader,
            &self.job.table,
            &item.partition,
        )?)
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

    /// Adds what the walk of an item did.
    fn end(&mut self, walk: ItemWalk<'_>, known: &mut BTreeMap<String, Checkpoint>) {
        let item = key_of(walk.item);
        match walk.is_read() {
            true => self.unread.remove(&item),
            false => self.unread.insert(item.clone()),
        };
        let (part, checkpoint) = walk.end();
        self.add(part);
        known.insert(item, checkpoint);
    }

    fn add(&mut self, part: Self) {
        self.facts.add(part.facts);
        self.unchanged += part.unchanged;
        self.duplicates += part.duplicates;
        self.expired += part.expired;
        self.held = self.held.take().or(part.held);
        self.incomplete.extend(part.incomplete);
        self.unfinished.extend(part.unfinished);
        self.out_of_time = self.out_of_time.take().or(part.out_of_time);
        self.steps += part.steps;
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
