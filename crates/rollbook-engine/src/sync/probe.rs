//! Requests one page with one row of a stream as a run would, to check whether the vendor answers.
//!
//! The same request, decoding and errors as in a run, and one attempt. Nothing is compared or written.

use std::sync::Arc;

use jiff::SignedDuration;

use super::error::Failure;
use super::items::{Item, listed, rows_of_another};
use super::job::{Source, StreamJob};
use super::walk::{ListRequest, fetch};
use rollbook_core::clock::Clock;
use rollbook_core::connector::api::{StreamSpec, wire_time};
use rollbook_core::connector::paging::{At, Pager};
use rollbook_core::model::row::Rows;
use rollbook_core::model::scalar;
use rollbook_core::store::queries::{self, Reader};
use rollbook_core::store::{StagingSpace, WaitingRows};
use rollbook_http::http::{Effort, RunBudget};

/// An item that a stream is read for, such as one row of another stream; nothing when the mirror has none yet.
///
/// # Errors
/// When the mirror cannot be read.
pub fn one_item(
    job: &StreamJob,
    source: &Source,
    mirror: impl FnOnce() -> Option<Reader>,
) -> Result<Option<Item>, Failure> {
    if let Some(items) = listed(&job.spec, source) {
        return Ok(items.into_iter().next());
    }
    let parent = job
        .spec
        .for_each
        .as_ref()
        .and_then(|each| job.parents.get(each.stream.as_deref()?));
    let (Some(parent), Some(mirror)) = (parent, mirror()) else {
        return Ok(None);
    };
    if queries::table(&mirror, &source.name, &parent.stream)?.is_none() {
        return Ok(None);
    }
    let all = rows_of_another(job, &mirror)?;
    Ok(all.into_iter().find(|item| !item.is_empty))
}

/// Requests the first page of a stream with one row, if the vendor supports a limit; returns its first rows.
///
/// # Errors
/// What a run would fail with.
pub async fn probe(
    source: &Source,
    spec: &Arc<StreamSpec>,
    item: &Item,
    clock: &Clock,
    budget: &RunBudget,
) -> Result<Rows, Failure> {
    // Nothing is put aside of one row, so the folder does not matter.
    let space = Arc::new(StagingSpace::new(std::env::temp_dir()));
    // One attempt: the admin waits for the result.
    let page = ask(
        source,
        spec,
        item,
        (Some(1), Effort::ONCE),
        &space,
        (clock, budget),
    )
    .await?;
    Ok(page.rows.first_part()?)
}

/// Asks for the first page of a stream as a run does, so often.
///
/// # Errors
/// What a run would fail with.
pub async fn first_page(
    source: &Source,
    spec: &Arc<StreamSpec>,
    item: &Item,
    effort: Effort,
    space: &Arc<StagingSpace>,
    clocks: (&Clock, &RunBudget),
) -> Result<WaitingRows, Failure> {
    let page = ask(source, spec, item, (None, effort), space, clocks).await?;
    Ok(page.rows)
}

/// A page that a person looks at.
pub struct SamplePage {
    /// Its rows, in parts.
    pub rows: Vec<Rows>,
    /// Members that no column lists.
    pub unlisted: Vec<String>,
    /// The declared size of the whole list.
    pub total: Option<u64>,
    /// Where a run would request the next page.
    pub next: Option<At>,
}

/// Asks for the first page of a stream as a run does, once, and for what a run would do next.
///
/// # Errors
/// What a run would fail with.
pub async fn sample_page(
    source: &Source,
    spec: &Arc<StreamSpec>,
    item: &Item,
    space: &Arc<StagingSpace>,
    clocks: (&Clock, &RunBudget),
) -> Result<SamplePage, Failure> {
    let page = ask(source, spec, item, (None, Effort::ONCE), space, clocks).await?;
    let mut rows = Vec::new();
    page.rows.each(|part| {
        rows.push(part);
        Ok(())
    })?;
    Ok(SamplePage {
        rows,
        unlisted: page.unlisted,
        total: page.total,
        next: page.next,
    })
}

/// A first page, and where a run would request the next one.
struct FirstPage {
    rows: WaitingRows,
    unlisted: Vec<String>,
    total: Option<u64>,
    next: Option<At>,
}

async fn ask(
    source: &Source,
    spec: &Arc<StreamSpec>,
    item: &Item,
    (want, effort): (Option<u64>, Effort),
    space: &Arc<StagingSpace>,
    (clock, budget): (&Clock, &RunBudget),
) -> Result<FirstPage, Failure> {
    let mut pager = Pager::start(spec.page.clone(), None);
    let Some(mut page) = pager.ask() else {
        return Ok(FirstPage {
            rows: WaitingRows::new(space),
            unlisted: Vec::new(),
            total: None,
            next: None,
        });
    };
    page.want = want.unwrap_or(page.want);
    let request = ListRequest {
        source,
        spec,
        item,
        decoder: spec.decoder(&item.variables),
        filter: None,
        pages: None,
        space,
        extra: last_step(spec, clock),
        since: None,
        effort,
        budget,
    };
    let known = source.memory.get(&spec.name);
    let (page, batch) = fetch(&request, Arc::new(known), page, effort).await;
    let mut batch = batch?;
    if let Some(asked) = batch.asked.take() {
        pager.begin_at(asked);
    }
    pager.answer(&page, &batch.facts);
    let next = pager.ask().map(|next| next.at);
    Ok(FirstPage {
        rows: batch.rows?.rows,
        unlisted: batch.unlisted.list(),
        total: batch.facts.total,
        next,
    })
}

/// The newest step of a walk through time.
fn last_step(spec: &StreamSpec, clock: &Clock) -> Vec<(String, String)> {
    let Some(window) = &spec.window else {
        return Vec::new();
    };
    let now = clock.now();
    let step = SignedDuration::try_from(window.step).unwrap_or_default();
    let wire = |timestamp| wire_time(timestamp, &window.format);
    vec![
        (
            window.from.clone(),
            wire(scalar::saturating_add(now, -step)),
        ),
        (window.to.clone(), wire(now)),
    ]
}
