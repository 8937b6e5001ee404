//! Reading one stream and comparing it with the mirror: everything up to the plan.
//!
//! Pages are fetched while the one before is compared. A reading that does not hold together is
//! made once more; if it still does not, its rows are taken and nothing is removed. Time series are read by
//! `timeline.rs`.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::error::Failure;
use super::items::{Item, items};
use super::job::{Source, StreamJob};
use super::report::{Progress, Watch};
use super::walk::{Road, WalkFacts, walk};
use crate::clock::Clock;
use crate::http::{HttpError, RunBudget};
use crate::model::row::Rows;
use crate::model::scalar;
use crate::store::checkpoints::{self, Checkpoint};
use crate::store::{Absence, Size, Staged, Staging, Store};
use crate::vendor::description::PageBy;

/// Pages that may wait to be compared.
const WAITING_PAGES: usize = 1;

/// Everything a reading needs.
pub struct Context<'a> {
    /// The source.
    pub source: &'a Source,
    /// The mirror.
    pub store: &'a Arc<Store>,
    /// Time.
    pub clock: &'a Clock,
    /// The run's deadline and counts.
    pub budget: &'a RunBudget,
    /// Who is told how it goes.
    pub watch: &'a Watch,
}

/// A stream that was read.
pub struct Reading {
    /// What differs.
    pub staged: Staged,
    /// What was found besides rows.
    pub facts: WalkFacts,
    /// Items that the vendor refuses, with its reason.
    pub left_out: Vec<(String, String)>,
    /// Whether all rows were asked for, or changes only.
    pub full: bool,
    /// Why nothing is removed, if something speaks against it.
    pub doubt: Option<String>,
    /// What to write down together with the rows.
    pub checkpoint: Checkpoint,
}

/// One go at a stream.
struct Attempt {
    staging: Staging,
    facts: WalkFacts,
    left_out: Vec<(String, String)>,
    read: Vec<Vec<String>>,
    proof: Proof,
    doubt: Option<String>,
}

/// What a stated total says of a reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// It agrees, or one answer held all.
    Agrees,
    /// Nothing is stated.
    Unstated,
    /// It never agreed, but two readings saw the same rows.
    Outweighed,
}

/// Reads a stream: all of it when `full`, else what changed where that is known and due.
pub async fn read(context: &Context<'_>, job: &StreamJob, full: bool) -> Result<Reading, Failure> {
    let before = checkpoints::load(&context.store.reader()?, &job.table)?
        .remove("")
        .unwrap_or_default();
    let since = if full {
        None
    } else {
        incremental_from(job, &before, context.clock.now())
    };
    let items = items(job, context.source, || context.store.reader())?;
    let mut attempt = try_once(context, job, &items, since).await?;
    let is_full = since.is_none();
    if is_full && let Some(first_doubt) = attempt.doubt.clone() {
        tracing::warn!(
            stream = job.spec.name,
            doubt = first_doubt,
            "the reading does not hold together; reading again"
        );
        let identity = attempt.staging.identity();
        let doubles = attempt.staging.doubles();
        drop(attempt);
        attempt = try_once(context, job, &items, since).await?;
        // webuntis-oneroster.md 4.2 rule 11: the same rows twice, each once, outweigh a wrong total.
        if doubles == 0 && attempt.staging.doubles() == 0 && attempt.staging.identity() == identity
        {
            attempt.doubt = None;
            attempt.proof = Proof::Outweighed;
        }
    }
    finish(context, job, attempt, &before, is_full)
}

/// Works out what is missing, and how far the stream is known now.
fn finish(
    context: &Context<'_>,
    job: &StreamJob,
    attempt: Attempt,
    before: &Checkpoint,
    full: bool,
) -> Result<Reading, Failure> {
    let absence = match (&attempt.doubt, full && job.spec.gone.absence) {
        (None, true) if attempt.left_out.is_empty() => Absence::All,
        (None, true) if !job.spec.partition.is_empty() => Absence::Of(attempt.read),
        _ => Absence::Nothing,
    };
    let by_place = matches!(job.spec.page.by, PageBy::Offset | PageBy::Number);
    let usual = match attempt.proof {
        Proof::Agrees => 1,
        Proof::Unstated if !by_place => 1,
        Proof::Unstated | Proof::Outweighed => 2,
    };
    let confirm = job.confirm.or(job.spec.gone.confirm).unwrap_or(usual);
    let staged = attempt
        .staging
        .finish(&absence, confirm, job.group, job.feed.as_ref())?;
    let doubt = attempt.doubt.or_else(|| staged.plan.doubt.clone());
    let now = scalar::written(context.clock.now());
    let mut checkpoint = before.clone();
    if doubt.is_none() {
        checkpoint.cursor = cursor_after(before, &attempt.facts);
        if full {
            checkpoint.full_at = Some(now);
        }
    }
    Ok(Reading {
        staged,
        facts: attempt.facts,
        left_out: attempt.left_out,
        full,
        doubt,
        checkpoint,
    })
}

/// Never past the server's own time when the reading began: a row that was changed meanwhile may have
/// been passed already (dlt-hub/dlt#2269), and a stamp may lie in the future.
fn cursor_after(before: &Checkpoint, facts: &WalkFacts) -> Option<String> {
    let server_time = facts.server_time.map(scalar::written);
    let newest = match (&facts.newest, server_time) {
        (Some(newest), Some(server)) => Some(newest.clone().min(server)),
        (newest, _) => newest.clone(),
    };
    newest.max(before.cursor.clone())
}

/// The time to ask for changes from; nothing when a full reading is due.
fn incremental_from(job: &StreamJob, before: &Checkpoint, now: Timestamp) -> Option<Timestamp> {
    let since = job.spec.since.as_ref()?;
    if !job.incremental.unwrap_or(since.default) {
        return None;
    }
    let full_at = before.full_at.as_deref().and_then(scalar::parse)?;
    let due = scalar::moved(full_at, SignedDuration::try_from(since.full_every).ok()?);
    let cursor = before.cursor.as_deref().and_then(scalar::parse)?;
    (now < due && full_at <= now).then(|| {
        scalar::moved(
            cursor,
            -SignedDuration::try_from(since.overlap).unwrap_or_default(),
        )
    })
}

async fn try_once(
    context: &Context<'_>,
    job: &StreamJob,
    items: &[Item],
    since: Option<Timestamp>,
) -> Result<Attempt, Failure> {
    let staging = Staging::open(context.store, Arc::clone(&job.table), Size::Counted)?;
    let (rows, inbox) = mpsc::channel(WAITING_PAGES);
    let (walked, staging) = tokio::join!(
        walk_all(context, job, items, since, rows),
        compare(inbox, staging, &job.spec.name)
    );
    let (staging, walked) = (staging?, walked?);
    // A watermark walk reads the rows of one moment more than once, by design.
    let doubles = staging.doubles();
    let doubled = doubles > 0 && job.spec.page.by != PageBy::Watermark;
    let doubt = walked
        .doubt
        .or_else(|| doubled.then(|| format!("{doubles} rows came twice")));
    Ok(Attempt {
        staging,
        facts: walked.facts,
        left_out: walked.left_out,
        read: walked.read,
        proof: if walked.proved {
            Proof::Agrees
        } else {
            Proof::Unstated
        },
        doubt,
    })
}

/// Compares pages as they come, on threads that may block.
pub(super) async fn compare(
    mut inbox: mpsc::Receiver<Rows>,
    mut staging: Staging,
    stream: &str,
) -> Result<Staging, Failure> {
    while let Some(rows) = inbox.recv().await {
        let work = move || staging.add(&rows).map(|()| staging);
        staging = tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Failure::Broken {
                stream: stream.to_owned(),
            })??;
    }
    Ok(staging)
}

#[derive(Default)]
struct Walked {
    facts: WalkFacts,
    left_out: Vec<(String, String)>,
    read: Vec<Vec<String>>,
    proved: bool,
    doubt: Option<String>,
}

/// Walks the list of each item, several at once.
async fn walk_all(
    context: &Context<'_>,
    job: &StreamJob,
    items: &[Item],
    since: Option<Timestamp>,
    rows: mpsc::Sender<Rows>,
) -> Result<Walked, Failure> {
    let watermark = job.spec.page.by == PageBy::Watermark;
    let extra = match (&job.spec.since, since) {
        (Some(rules), Some(from)) if !watermark => rules.query_from(from),
        _ => Vec::new(),
    };
    let tell = teller(context, job);
    let since = since.filter(|_| watermark).map(scalar::written);
    let one = |item| {
        let (rows, tell, extra, since) = (&rows, &tell, extra.clone(), since.clone());
        async move {
            let road = Road {
                source: context.source,
                spec: &job.spec,
                item,
                decoder: job.spec.decoder(&item.variables),
                extra,
                since,
                budget: context.budget,
            };
            (item, walk(&road, rows, tell).await)
        }
    };
    let walks: Vec<_> = items.iter().map(one).collect();
    let mut walks = stream::iter(walks).buffer_unordered(context.source.in_flight.max(1));
    let mut walked = Walked {
        proved: true,
        ..Walked::default()
    };
    let mut refusal = None;
    while let Some((item, result)) = walks.next().await {
        match result {
            Ok((facts, end)) => {
                walked.facts.add(facts);
                walked.proved &= end.proved;
                walked.doubt = walked.doubt.or(end.doubt);
                walked.read.push(item.partition.clone());
            }
            Err(error) if is_refused_item(job, &error) => {
                walked.left_out.push((item.name.clone(), error.to_string()));
                refusal.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    // Nothing but refusals is no reading at all.
    match refusal {
        Some(error) if walked.read.is_empty() => Err(error),
        _ => Ok(walked),
    }
}

/// One item of many that the licence forbids or that is gone at the vendor; and a whole stream where the
/// description says that it may be refused.
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

/// Tells the watcher of pages.
pub(super) fn teller(
    context: &Context<'_>,
    job: &StreamJob,
) -> impl Fn(u64, Option<u64>) + Send + Sync + use<> {
    let (watch, source, stream) = (
        Arc::clone(context.watch),
        context.source.name.clone(),
        job.spec.name.clone(),
    );
    move |rows, total| {
        watch(Progress::Page {
            source: source.clone(),
            stream: stream.clone(),
            rows,
            total,
        })
    }
}
