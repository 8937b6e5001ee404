//! Reading one stream and comparing it with the mirror: everything up to the plan.
//!
//! Pages are fetched while the previous one is compared. An inconsistent reading is repeated up to twice; if it stays
//! inconsistent, its rows are applied, nothing is removed and the checkpoint stays. `model/absence.rs` decides what a
//! reading proves. `timeline.rs` reads time series.

mod cursor;

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use self::cursor::{cursor_after, incremental_from};
use super::error::Failure;
use super::items::{Item, items};
use super::job::{Source, StreamJob};
use super::moved::{moved, remembered};
use super::report::{Progress, ProgressSink};
use super::walk::{ListPages, ListRequest, Page, WalkFacts, walk};
use rollbook_core::clock::Clock;
use rollbook_core::connector::file::PageBy;
use rollbook_core::connector::paging::ListEnd;
use rollbook_core::model::absence::{self, Examined, Memory, Missing};
use rollbook_core::model::account::Account;
use rollbook_core::model::{
    Class, Completeness, Inconsistency, StreamName, debug_fingerprint, scalar,
};
use rollbook_core::store::checkpoints::{self, Checkpoint};
use rollbook_core::store::suppression::RowFilter;
use rollbook_core::store::{
    Absence, Ending, KnownPages, Size, Staged, Staging, Store, StoreError, purge, queries,
    unconfirmed,
};
use rollbook_http::http::{Effort, HttpError, RunBudget};

/// Pages that may wait to be compared.
const QUEUED_PAGES: usize = 1;

/// When so many items were refused by 403 and none was read, the others are not requested: the credential has no right.
const MAX_FORBIDDEN: usize = 10;

/// An inconsistent reading is repeated at most twice.
pub(super) const MAX_READINGS: u32 = 3;

/// Everything a reading needs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The source.
    pub source: &'a Source,
    /// The mirror.
    pub store: &'a Arc<Store>,
    /// Time.
    pub clock: &'a Clock,
    /// The run's deadline and counts.
    pub budget: &'a RunBudget,
    /// Receives the progress.
    pub progress: &'a ProgressSink,
    /// The account that is read; checkpoints of another one are not used.
    pub account: &'a Account,
    /// How often each page is tried.
    pub effort: Effort,
}

/// A stream that was read.
pub struct Reading {
    /// What differs.
    pub staged: Staged,
    /// What was found besides rows.
    pub facts: WalkFacts,
    /// Items that the vendor refuses, with its reason.
    pub refused: Vec<(String, String)>,
    /// Items that could not be read, with the reason.
    pub failed: Vec<(String, String)>,
    /// Whether all rows were requested, or changes only.
    pub full: bool,
    /// Whether all rows were received, according to the reading.
    pub completeness: Completeness,
    /// A declared total that is wrong by habit and does not count: received, declared.
    pub ignored_total: Option<(u64, u64)>,
    /// What to write down together with the rows.
    pub checkpoint: Checkpoint,
    /// The same for single items.
    pub items: Vec<(String, Checkpoint)>,
}

/// One attempt to read a stream.
struct ReadAttempt {
    staging: Staging,
    walked: Walked,
}

/// Reads a stream: all of it when `full`, else what changed where that is known and no full reading is due.
pub async fn read(context: &Context<'_>, job: &StreamJob, full: bool) -> Result<Reading, Failure> {
    let reader = context.store.reader()?;
    let mut known = checkpoints::load(&reader, &job.table, context.account.generation)?;
    let before = known.remove("").unwrap_or_default();
    let started = context.clock.now();
    let is_forced = full;
    // A removal that is not confirmed yet needs a reading that can confirm it.
    let full = full || unconfirmed::is_any(&reader, &job.table)?;
    let since = match full {
        true => None,
        false => incremental_from(job, &before, started),
    };
    drop(reader);
    let items = items(job, context.source, || context.store.reader())?;
    // A part of the rows includes neither the earlier rows of a new item nor the removal of an old one.
    let full = full || before.items != items_fingerprint(&items);
    if let Some(since) = since.filter(|_| !full) {
        return read_changes(context, job, &items, &before, since, started).await;
    }
    let every = SignedDuration::try_from(job.spec.items_every).unwrap_or(SignedDuration::MAX);
    let asked = match full {
        true => None,
        false => moved(&items, &known, before.full_at, every, started),
    };
    let asked = asked.as_deref();
    let pages = match (job.retain, is_forced) {
        // Time alone removes rows then, which each page is looked through for.
        (Some(_), _) => None,
        (None, true) => Some(Arc::new(KnownPages::none(context.store, &job.table))),
        (None, false) => Some(KnownPages::load(context.store, &job.table, started)?),
    };
    let lists = (&items[..], asked, pages.as_ref());
    read_lists(context, job, lists, &before, started).await
}

async fn read_lists(
    context: &Context<'_>,
    job: &StreamJob,
    (items, asked, pages): (&[Item], Option<&[Item]>, Option<&Arc<KnownPages>>),
    before: &Checkpoint,
    started: Timestamp,
) -> Result<Reading, Failure> {
    // What is remembered is about all items.
    let mut memory = match asked {
        None => before.memory,
        Some(_) => Memory::default(),
    };
    let (mut last_rows, mut most_rows) = (None, 0);
    let mut readings = 1;
    loop {
        let asked_for = (asked.unwrap_or(items), pages);
        let mut attempt = try_once(context, job, asked_for, None).await?;
        attempt.walked.lists = items.len();
        let rows = attempt.staging.identity();
        let mut facts = facts_of(&attempt, job);
        most_rows = most_rows.max(rows.0);
        facts.other_rows = last_rows.is_some_and(|last| last != rows) || rows.0 < most_rows;
        let examined = absence::examine(&facts, &memory, started);
        let is_last = readings >= MAX_READINGS;
        if !is_last && examined.read_again {
            log_reread(job, &examined.completeness);
            // Duplicates may be a habit that this run sees for the first time; a total is one only after days.
            memory.duplicates = examined.memory.duplicates;
            last_rows = Some(rows);
            readings += 1;
            continue;
        }
        let absence = absence_of(job, &attempt.walked, &examined);
        // A row that the reading passed over is missing then, which makes the next reading a full one.
        let is_accounted_for = !matches!(absence, Absence::Nothing);
        let cursor_moves =
            is_accounted_for || before.cursor.is_none() || !may_have_moved(job, &attempt.walked);
        let ending = Ending {
            absence,
            full: asked.is_none(),
            confirm: job
                .confirm
                .or(job.spec.removed.confirm)
                .unwrap_or(examined.confirm),
            group: job.group,
            feed: job.feed.as_ref(),
        };
        let staged = attempt.staging.finish(&ending)?;
        if !is_last && staged.plan.rebuilt {
            readings += 1;
            continue;
        }
        let completeness = examined.completeness.and(file_of(&staged));
        let mut checkpoint = Checkpoint {
            account: context.account.generation,
            ..before.clone()
        };
        if asked.is_none() {
            checkpoint.memory = examined.memory;
        }
        if attempt.walked.failed.is_empty() {
            checkpoint.items = items_fingerprint(items);
        }
        let of_items = match completeness.is_contradicted() {
            true => Vec::new(),
            false => remembered(items, &attempt.walked.read, checkpoint.account, started),
        };
        if asked.is_none() && !completeness.is_contradicted() && attempt.walked.failed.is_empty() {
            if cursor_moves {
                checkpoint.cursor = cursor_after(before, &attempt.walked.facts, started);
            }
            checkpoint.full_at = Some(context.clock.now());
        }
        return Ok(Reading {
            items: of_items,
            ..reading(
                attempt.walked,
                staged,
                asked.is_none(),
                completeness,
                examined.ignored_total,
                checkpoint,
            )
        });
    }
}

/// Changes that span several pages can lose one at a page border unnoticed, if another change leaves the set meanwhile.
/// They are read until two readings agree.
async fn read_changes(
    context: &Context<'_>,
    job: &StreamJob,
    items: &[Item],
    before: &Checkpoint,
    since: Timestamp,
    started: Timestamp,
) -> Result<Reading, Failure> {
    let mut memory = Memory::default();
    let (mut last_reading, mut most_rows) = (None, 0);
    let mut readings = 1;
    loop {
        let attempt = try_once(context, job, (items, None), Some(since)).await?;
        let examined = absence::examine(&facts_of(&attempt, job), &memory, started);
        let identity = attempt.staging.identity();
        most_rows = most_rows.max(identity.0);
        // With fewer rows than an earlier reading, the rows of that reading would be lost.
        let agrees = last_reading == Some(identity) && identity.0 == most_rows;
        let agrees = agrees || !may_have_moved(job, &attempt.walked);
        let is_last = readings >= MAX_READINGS;
        if !is_last && (examined.read_again || !agrees) {
            if examined.read_again {
                log_reread(job, &examined.completeness);
            }
            memory.duplicates = examined.memory.duplicates;
            last_reading = Some(identity);
            readings += 1;
            continue;
        }
        let staged = attempt.staging.finish(&Ending {
            absence: Absence::Nothing,
            full: false,
            confirm: 1,
            group: job.group,
            feed: job.feed.as_ref(),
        })?;
        let stability = match agrees {
            true => Completeness::Proven,
            false => Completeness::Contradicted(Inconsistency::Unsteady),
        };
        let completeness = examined.completeness.and(file_of(&staged)).and(stability);
        let mut checkpoint = before.clone();
        let is_whole = attempt.walked.failed.is_empty() && attempt.walked.refused.is_empty();
        if !completeness.is_contradicted() && is_whole {
            checkpoint.cursor = cursor_after(before, &attempt.walked.facts, started);
        }
        return Ok(reading(
            attempt.walked,
            staged,
            false,
            completeness,
            None,
            checkpoint,
        ));
    }
}

fn reading(
    walked: Walked,
    staged: Staged,
    full: bool,
    completeness: Completeness,
    ignored_total: Option<(u64, u64)>,
    checkpoint: Checkpoint,
) -> Reading {
    Reading {
        staged,
        facts: walked.facts,
        refused: walked.refused,
        failed: walked.failed,
        full,
        completeness,
        ignored_total,
        checkpoint,
        items: Vec::new(),
    }
}

/// A number that is the same while a stream is read for the same items.
fn items_fingerprint(items: &[Item]) -> i64 {
    let one = |item: &Item| xxhash_rust::xxh3::xxh3_64(item.name.as_bytes());
    items
        .iter()
        .fold(0_u64, |sum, item| sum.wrapping_add(one(item))) as i64
}

fn log_reread(job: &StreamJob, completeness: &Completeness) {
    if let Completeness::Contradicted(why) = completeness {
        tracing::warn!(stream = job.spec.name.as_str(), %why, "the reading is inconsistent; reading again");
    }
}

/// Received rows are identified by row number, which a rebuild of the mirror's file changes.
fn file_of(staged: &Staged) -> Completeness {
    match staged.plan.rebuilt {
        true => Completeness::Contradicted(Inconsistency::MirrorRebuilt),
        false => Completeness::Proven,
    }
}

/// The meaning of absence in a full reading: rows of items that failed are unchanged.
fn absence_of(job: &StreamJob, walked: &Walked, examined: &Examined) -> Absence {
    let believed = examined.missing == Missing::NotReceived && job.spec.removed.absence;
    match believed {
        false => Absence::Nothing,
        true if walked.read.len() == walked.lists => Absence::All,
        true if !job.spec.partition.is_empty() => Absence::Of(walked.read.clone()),
        true => Absence::Nothing,
    }
}

/// The facts of a reading, as `model/absence.rs` needs them.
fn facts_of(attempt: &ReadAttempt, job: &StreamJob) -> absence::FullReading {
    let walked = &attempt.walked;
    // A watermark walk reads the rows of one time more than once, by design.
    let duplicates = match job.spec.page.by {
        PageBy::Watermark => absence::Duplicates::default(),
        _ => attempt.staging.duplicates(),
    };
    absence::FullReading {
        completeness: walked.completeness.clone(),
        duplicates,
        one_answer: walked.one_answer,
        pages_with_rows: walked.pages_with_rows,
        largest_page: walked.largest_page,
        page_size: job.spec.page.size,
        lists: walked.lists,
        unidentified: walked.facts.unidentified,
        other_rows: false,
        shifted: attempt.staging.shifted(),
    }
}

/// Whether rows may have moved from a page that was not read yet to one that was.
fn may_have_moved(job: &StreamJob, walked: &Walked) -> bool {
    job.spec.page.by != PageBy::None && walked.several_answers
}

async fn try_once(
    context: &Context<'_>,
    job: &StreamJob,
    items: (&[Item], Option<&Arc<KnownPages>>),
    since: Option<Timestamp>,
) -> Result<ReadAttempt, Failure> {
    let mut staging = Staging::open(context.store, Arc::clone(&job.table), Size::Counted)?;
    let now = context.clock.now();
    if let Some(retain) = job.retain
        && purge::agrees_with_vendors(&*context.store.reader()?, now)?
    {
        staging.expire(retain.at(now));
    }
    let (rows, inbox) = mpsc::channel(QUEUED_PAGES);
    let (walked, staging) = tokio::join!(
        walk_all(context, job, items, since, rows),
        compare(inbox, staging, &job.spec.name)
    );
    let (staging, walked) = (staging?, walked?);
    Ok(ReadAttempt { staging, walked })
}

/// Compares pages as they arrive, on blocking threads.
pub(super) async fn compare(
    mut inbox: mpsc::Receiver<Page>,
    mut staging: Staging,
    stream: &StreamName,
) -> Result<Staging, Failure> {
    while let Some(page) = inbox.recv().await {
        let work = move || {
            match page {
                Page::Listed(page) => staging.receive(page),
                Page::Recheck(page, known) => staging.receive_again(page, known),
            }?;
            Ok::<_, StoreError>(staging)
        };
        staging = tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Failure::Panicked {
                stream: stream.clone(),
            })??;
    }
    Ok(staging)
}

/// What the walks of a stream's lists found.
struct Walked {
    facts: WalkFacts,
    refused: Vec<(String, String)>,
    failed: Vec<(String, String)>,
    /// Items whose list was read, by partition values.
    read: Vec<Vec<String>>,
    /// How many items there are.
    lists: usize,
    completeness: Completeness,
    one_answer: bool,
    several_answers: bool,
    pages_with_rows: u64,
    largest_page: u64,
}

impl Walked {
    fn of_items(lists: usize) -> Self {
        Self {
            facts: WalkFacts::default(),
            refused: Vec::new(),
            failed: Vec::new(),
            read: Vec::new(),
            lists,
            completeness: Completeness::Proven,
            one_answer: true,
            several_answers: false,
            pages_with_rows: 0,
            largest_page: 0,
        }
    }

    fn add(&mut self, item: &Item, facts: WalkFacts, end: ListEnd) {
        self.facts.add(facts);
        self.one_answer &= end.one_answer;
        self.several_answers |= end.several_answers;
        self.pages_with_rows += end.pages_with_rows;
        self.largest_page = self.largest_page.max(end.largest_page);
        self.read.push(item.partition.clone());
        let so_far = std::mem::replace(&mut self.completeness, Completeness::Proven);
        self.completeness = so_far.and(end.completeness);
    }
}

/// Walks the list of each item, several at once.
async fn walk_all(
    context: &Context<'_>,
    job: &StreamJob,
    (items, pages): (&[Item], Option<&Arc<KnownPages>>),
    since: Option<Timestamp>,
    rows: mpsc::Sender<Page>,
) -> Result<Walked, Failure> {
    let watermark = job.spec.page.by == PageBy::Watermark;
    let extra = match (&job.spec.since, since) {
        (Some(rules), Some(from)) if !watermark => rules.query_from(from),
        _ => Vec::new(),
    };
    let report_page = page_reporter(context, job);
    let since = since.filter(|_| watermark).map(scalar::to_canonical);
    let filter = RowFilter::new(&context.store.suppression()?, &job.table);
    let filter = Arc::new(filter);
    let read_by = debug_fingerprint(&(job.spec.context(), filter.fingerprint()));
    let one = |item| {
        let (rows, report_page, extra, since) = (&rows, &report_page, extra.clone(), since.clone());
        let filter = Some(Arc::clone(&filter));
        async move {
            let request = ListRequest {
                source: context.source,
                spec: &job.spec,
                item,
                decoder: job.spec.decoder(&item.variables),
                filter,
                pages: pages.map(|pages| ListPages::of(pages, read_by, item)),
                space: context.store.staging_space(),
                extra,
                since,
                effort: context.effort,
                budget: context.budget,
            };
            (item, walk(&request, rows, report_page).await)
        }
    };
    let walks: Vec<_> = items.iter().map(one).collect();
    let mut walks = stream::iter(walks).buffer_unordered(context.source.in_flight.max(1));
    let mut walked = Walked::of_items(items.len());
    let mut first_failure = None;
    let mut forbidden = 0;
    while let Some((item, result)) = walks.next().await {
        if rows.is_closed() {
            break; // the receiver has failed and reports why
        }
        forbidden += usize::from(result.as_ref().is_err_and(is_forbidden));
        match result {
            Err(error) if forbidden >= MAX_FORBIDDEN && walked.read.is_empty() => {
                return Err(error.in_step(format!(
                    "read {} (of {} items the first {forbidden} are refused, so no other was requested)",
                    job.spec.name,
                    items.len()
                )));
            }
            Ok((facts, end)) => walked.add(item, facts, end),
            Err(error) if is_refused_item(job, &error) => {
                let reason = (item.name.clone(), error.to_string());
                match is_stale(context, job, item, &error)? {
                    true => walked.failed.push(reason),
                    false => walked.refused.push(reason),
                }
                first_failure.get_or_insert(error);
            }
            Err(error) if items.len() > 1 && is_of_the_item(&error) => {
                walked.failed.push((item.name.clone(), error.to_string()));
                first_failure.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    // Nothing but failures is no reading at all.
    match first_failure {
        Some(error) if walked.refused.len() + walked.failed.len() == items.len() => Err(error),
        _ => Ok(walked),
    }
}

fn is_forbidden(error: &Failure) -> bool {
    error.http().is_some_and(HttpError::is_forbidden)
}

/// What had rows and may not be read any more is stale; what is not there any more is about to be removed.
pub(super) fn is_stale(
    context: &Context<'_>,
    job: &StreamJob,
    item: &Item,
    error: &Failure,
) -> Result<bool, Failure> {
    if !is_forbidden(error) {
        return Ok(false);
    }
    let reader = context.store.reader()?;
    Ok(queries::has_rows_of(&reader, &job.table, &item.partition)?)
}

/// One item of many that the vendor forbids or does not have; or a whole stream that the connector declares optional.
pub(super) fn is_refused_item(job: &StreamJob, error: &Failure) -> bool {
    let refused = |error: &HttpError| error.is_forbidden() || error.is_missing();
    (job.spec.optional
        || job
            .spec
            .for_each
            .as_ref()
            .is_some_and(|each| each.stream.is_some()))
        && error.http().is_some_and(refused)
}

/// A failure that concerns one item only: the others are read.
pub(super) fn is_of_the_item(error: &Failure) -> bool {
    error.http().is_some_and(|http| {
        let is_run_over = http.deferred_until().is_some() || http.is_out_of_time();
        !http.is_of_the_source()
            && http.status() != Some(429)
            && !is_run_over
            && (error.class() != Class::Auth || http.is_forbidden())
    })
}

/// Reports each page to the progress sink.
pub(super) fn page_reporter(
    context: &Context<'_>,
    job: &StreamJob,
) -> impl Fn(u64, Option<u64>) + Send + Sync + use<> {
    let (progress, source, stream) = (
        Arc::clone(context.progress),
        context.source.name.clone(),
        job.spec.name.clone(),
    );
    move |rows, total| {
        progress(Progress::Page {
            source: source.clone(),
            stream: stream.clone(),
            rows,
            total,
        })
    }
}
