//! One request for a step of several series: their rows are told apart by the item that each names.
//!
//! A saving, and no other reading: each series is compared, checked and written by itself, and has its own step and
//! checkpoint. Whatever such a response does not show beyond doubt is requested for the series alone: a refused request,
//! an unreadable row, and a series of which no row was received, because a server may answer for fewer than were named.
//! It may also cut a response without a word: what the cut would have taken is requested once more, see `RowOrder`. A
//! whole response costs one further request then, or two where its rows are in both orders.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::item::{ItemProgress, ItemRules, ItemWalk, is_bad_value, is_too_much};
use super::key_of;
use super::order::RowOrder;
use crate::connector::api::SeveralRules;
use crate::connector::paging::ListEnd;
use crate::http::{Effort, HttpError, Shrinks};
use crate::model::row::{Repair, Rows};
use crate::model::scalar;
use crate::store::{StoreError, WaitingRows};
use crate::sync::error::Failure;
use crate::sync::items::Item;
use crate::sync::read::{is_of_the_item, page_reporter};
use crate::sync::walk::{Page, WalkFacts, walk};

/// After so many requests that worked, more items are asked for again.
const GOOD_REQUESTS: u32 = 10;

/// A larger response is requested for fewer items: it waits in memory.
const MAX_ROWS: u64 = 200_000;

/// Bounds may be exclusive, and requests may name whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// How many items a request of this stream may name, as far as is known.
pub(super) fn most(rules: ItemRules<'_>) -> usize {
    let Some(several) = &rules.job.spec.several else {
        return 1;
    };
    let known = rules.context.source.memory.get(&rules.job.spec.name).items;
    let known = known.and_then(|items| usize::try_from(items).ok());
    known.map_or(several.most, |known| known.min(several.most))
}

/// The server does not serve more items at once: no request names more for a while. Returns a note for the report.
pub(super) fn remember(rules: ItemRules<'_>, most: usize) -> String {
    let name = &rules.job.spec.name;
    rules.context.source.memory.update(name, |memory| {
        memory.items = u64::try_from(most).ok();
        memory.found = Some(rules.context.clock.now());
    });
    match most {
        1 => "the server does not answer for several items of one request; for a week each is requested by itself"
            .to_owned(),
        most => format!(
            "the server refuses requests for more items; for a week at most {most} are requested at once"
        ),
    }
}

/// Walks between two steps, the one that is furthest behind first.
pub(super) struct WaitingWalks<'a> {
    walks: BTreeMap<(Timestamp, usize), ItemWalk<'a>>,
    /// How many a request may name.
    most: usize,
    /// How many it names now.
    limit: usize,
    good: u32,
}

/// What requests for several items showed.
#[derive(Debug, Default)]
pub(super) struct SharedFindings {
    /// The fewest items that were too many: there may be fewer rows of them another time.
    too_many: Option<usize>,
    /// The most items that a request was served for.
    served: usize,
    /// No request may name more items: they were refused or missing together, and served apart.
    at_most: Option<usize>,
}

/// Walks after a step.
pub(super) struct Advanced<'a> {
    pub walks: Vec<(ItemWalk<'a>, ItemProgress)>,
    pub found: SharedFindings,
}

impl<'a> WaitingWalks<'a> {
    pub(super) fn new(walks: Vec<ItemWalk<'a>>, most: usize) -> Self {
        let mut waiting = Self {
            walks: BTreeMap::new(),
            most,
            limit: most,
            good: 0,
        };
        walks.into_iter().for_each(|walk| waiting.put_back(walk));
        waiting
    }

    /// Whether each walk goes to its end before another one begins.
    pub(super) fn to_end(&self) -> bool {
        self.most <= 1
    }

    pub(super) fn put_back(&mut self, walk: ItemWalk<'a>) {
        let from = walk.walk.span().map(|(from, _)| from);
        // Points in the order of the table are written quickest.
        let from = from.filter(|_| !self.to_end()).unwrap_or(Timestamp::MIN);
        self.walks.insert((from, walk.place), walk);
    }

    /// The walks that did not come to their end.
    pub(super) fn into_walks(self) -> impl Iterator<Item = ItemWalk<'a>> {
        self.walks.into_values()
    }

    /// The walks of the next request: the one that is furthest behind, and those beside it with steps of the same length.
    pub(super) fn next(&mut self) -> Option<Vec<ItemWalk<'a>>> {
        let (_, first) = self.walks.pop_first()?;
        let span = first.walk.span();
        let (Some((from, _)), true) = (span, self.limit > 1) else {
            return Some(vec![first]);
        };
        let step = first.walk.step();
        let end = scalar::saturating_add(from, step.try_into().unwrap_or_default());
        let beside = self.walks.range(..(end, 0));
        let beside = beside.filter(|(_, walk)| walk.walk.step() == step);
        let beside: Vec<_> = beside.map(|(key, _)| *key).take(self.limit - 1).collect();
        let mut walks = vec![first];
        walks.extend(beside.iter().filter_map(|key| self.walks.remove(key)));
        for walk in &mut walks {
            walk.walk.meet_at(end);
        }
        Some(walks)
    }

    /// Adjusts how many items a request names; returns a lower limit that the server turned out to have.
    pub(super) fn learn(&mut self, found: &SharedFindings) -> Option<usize> {
        let lower = found.at_most.filter(|most| *most < self.most);
        if let Some(most) = lower {
            self.most = most;
            self.limit = self.limit.min(most);
        }
        match found.too_many {
            Some(too_many) => {
                self.limit = self.limit.min(too_many / 2).max(1);
                self.good = 0;
            }
            None => self.good += 1,
        }
        if self.good >= GOOD_REQUESTS {
            self.limit = (self.limit * 2).min(self.most);
            self.good = 0;
        }
        lower
    }
}

impl<'a> Advanced<'a> {
    fn and(mut self, other: Self) -> Self {
        self.walks.extend(other.walks);
        let least = |one: Option<usize>, two: Option<usize>| one.into_iter().chain(two).min();
        let (found, other) = (&mut self.found, other.found);
        found.too_many = least(found.too_many, other.too_many);
        found.at_most = least(found.at_most, other.at_most);
        found.served = found.served.max(other.served);
        self
    }

    fn of(walks: impl Iterator<Item = (ItemWalk<'a>, ItemProgress)>, served: usize) -> Self {
        Self {
            walks: walks.collect(),
            found: SharedFindings {
                served,
                ..SharedFindings::default()
            },
        }
    }

    /// How many steps these walks have taken.
    fn steps(&self) -> u64 {
        self.walks.iter().map(|(walk, _)| walk.steps()).sum()
    }
}

/// Why several items are not read by one request.
#[derive(Clone, Copy)]
enum Split {
    /// There may be too much of them.
    TooMany,
    /// One of them has a row that could not be read.
    Unreadable,
    /// The server refuses them, perhaps because of one.
    Refused,
    /// The server answered for fewer than were named, or in an order that would not show it.
    Fewer,
}

/// The response to a request for several items.
enum SharedResponse {
    Rows(Box<SharedRows>),
    Split(Split),
    Failed(Failure),
}

/// The rows that tell an item, by its id.
type RowsByItem = BTreeMap<String, Rows>;

/// Repaired values, by column.
type Repairs = BTreeMap<(u32, Repair), u64>;

/// The rows of several items.
struct SharedRows {
    parts: RowsByItem,
    order: RowOrder,
    repairs: Repairs,
    facts: WalkFacts,
    end: ListEnd,
}

/// Reads a step of each of these walks; with `to_end` all steps of the only one.
pub(super) fn advance<'a>(
    rules: ItemRules<'a>,
    walks: Vec<ItemWalk<'a>>,
    to_end: bool,
) -> BoxFuture<'a, Advanced<'a>> {
    async move {
        let mut left = Vec::with_capacity(walks.len());
        let mut advanced = Advanced {
            walks: Vec::new(),
            found: SharedFindings::default(),
        };
        for mut walk in walks {
            match walk.next() {
                Some(_) => left.push(walk),
                None => advanced.walks.push((walk, ItemProgress::Ended)),
            }
        }
        let several = rules.job.spec.several.as_ref();
        match several.filter(|_| left.len() > 1) {
            Some(several) => advanced.and(together(rules, several, left).await),
            None => {
                for walk in left {
                    advanced = advanced.and(alone(walk, to_end).await);
                }
                advanced
            }
        }
    }
    .boxed()
}

async fn alone(mut walk: ItemWalk<'_>, to_end: bool) -> Advanced<'_> {
    loop {
        let progress = walk.step_alone().await;
        if !(to_end && matches!(progress, ItemProgress::More)) {
            return Advanced::of([(walk, progress)].into_iter(), 1);
        }
    }
}

async fn together<'a>(
    rules: ItemRules<'a>,
    several: &SeveralRules,
    mut walks: Vec<ItemWalk<'a>>,
) -> Advanced<'a> {
    let why = match respond_whole(rules, several, &walks).await {
        SharedResponse::Rows(shared) => match take(several, &mut walks, *shared).await {
            Ok(progress) => {
                let served = walks.len();
                return Advanced::of(walks.into_iter().zip(progress), served);
            }
            Err(why) => why,
        },
        SharedResponse::Failed(error) => return fail(walks, error),
        SharedResponse::Split(why) => why,
    };
    let asked = walks.len();
    let steps: u64 = walks.iter().map(ItemWalk::steps).sum();
    let mut advanced = match why {
        // Nothing of what such a server returns is whole.
        Split::Fewer => {
            let mut advanced = Advanced {
                walks: Vec::new(),
                found: SharedFindings::default(),
            };
            for walk in walks {
                advanced = advanced.and(alone(walk, false).await);
            }
            advanced
        }
        _ => {
            let rest = walks.split_off(asked / 2);
            let first = advance(rules, walks, false).await;
            first.and(advance(rules, rest, false).await)
        }
    };
    let is_served = advanced.steps() == steps + asked as u64;
    let found = &mut advanced.found;
    match why {
        Split::TooMany => found.too_many = found.too_many.into_iter().chain([asked]).min(),
        Split::Fewer => found.at_most = Some(1),
        // Not one of them is refused: the list was too long.
        Split::Refused if is_served => {
            found.at_most = found.at_most.into_iter().chain([found.served]).min();
        }
        Split::Refused | Split::Unreadable => {}
    }
    advanced
}

/// All walks end for the same reason.
fn fail(walks: Vec<ItemWalk<'_>>, error: Failure) -> Advanced<'_> {
    let is_out_of_time = error.http().is_some_and(HttpError::is_out_of_time);
    let reason = error.to_string();
    let mut first = Some(error);
    let mut failed = Vec::with_capacity(walks.len());
    for mut walk in walks {
        let progress = match (is_out_of_time, first.take()) {
            (true, error) => walk.out_of_time(error),
            (false, Some(error)) => ItemProgress::Failed(error),
            (false, None) => ItemProgress::FailedLike(reason.clone()),
        };
        failed.push((walk, progress));
    }
    Advanced::of(failed.into_iter(), 0)
}

/// Requests the time that these walks need, all together, and where the rows are in the order of their times once more the
/// end that a silent cut would have taken. A cut of rows item by item is found by `take`.
async fn respond_whole(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
) -> SharedResponse {
    let spans = || walks.iter().filter_map(|walk| walk.walk.span());
    let (from, to) = (
        spans().map(|span| span.0).min().unwrap_or_default(),
        spans().map(|span| span.1).max().unwrap_or_default(),
    );
    let shared = match respond(rules, several, walks, (from, to)).await {
        SharedResponse::Rows(shared) => shared,
        other => return other,
    };
    if shared.order.is_unknown() {
        return SharedResponse::Split(Split::Fewer);
    }
    let has_last = |walk: &ItemWalk<'_>| {
        let id = walk.item.variables.get(&several.variable);
        walk.has_declared_last(&walk.own(id.and_then(|id| shared.parts.get(id))))
    };
    let newest = shared.order.newest_if_last();
    let newest = newest.filter(|_| !walks.iter().all(has_last));
    let ends = [
        newest.map(|newest| (scalar::saturating_add(newest, -SECOND).max(from), to)),
        shared
            .order
            .oldest_if_last()
            .map(|oldest| (from, scalar::saturating_add(oldest, SECOND).min(to))),
    ];
    for span in ends.into_iter().flatten() {
        match respond(rules, several, walks, span).await {
            SharedResponse::Rows(again) if is_in(&again.parts, &shared.parts, rules) => {}
            SharedResponse::Rows(_) => return SharedResponse::Split(Split::TooMany),
            other => return other,
        }
    }
    SharedResponse::Rows(shared)
}

/// Whether all of these rows are among the others.
fn is_in(some: &RowsByItem, all: &RowsByItem, rules: ItemRules<'_>) -> bool {
    let column = rules.window.column;
    some.iter().all(|(item, rows)| {
        let mut times: BTreeSet<_> = rows.iter().map(|row| row.at(column).text()).collect();
        for row in all.get(item).into_iter().flat_map(Rows::iter) {
            times.remove(&row.at(column).text());
        }
        times.is_empty()
    })
}

/// Requests a time of these walks, all together.
async fn respond(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    span: (Timestamp, Timestamp),
) -> SharedResponse {
    for walk in walks {
        if let Err(error) = rules.batch.settle(&key_of(walk.item)).await {
            return SharedResponse::Failed(error);
        }
    }
    let item = named(several, walks);
    let effort = Effort {
        shrinks: Shrinks::OnServerErrors,
        silences: Effort::FIRST.silences,
        ..rules.context.effort
    };
    let decoder = rules.job.spec.decoder_of_several(several);
    let request = match rules.request(&item, decoder, span, effort) {
        Ok(request) => request,
        Err(error) => return SharedResponse::Failed(error),
    };
    let (rows, mut inbox) = mpsc::channel(1);
    let report_page = page_reporter(rules.context, rules.job);
    let walking = async {
        let result = walk(&request, &rows, &report_page).await;
        drop(rows);
        result
    };
    let pages = async {
        let mut pages = Vec::new();
        while let Some(Page::Listed(page) | Page::Recheck(page, _)) = inbox.recv().await {
            pages.push(page);
        }
        pages
    };
    let (walked, pages) = tokio::join!(walking, pages);
    let (facts, end) = match walked {
        Ok(walked) => walked,
        Err(error) => return refusal(error),
    };
    if facts.received > MAX_ROWS {
        return SharedResponse::Split(Split::TooMany);
    }
    let column = rules
        .job
        .spec
        .partition
        .first()
        .copied()
        .unwrap_or_default();
    let time = rules.window.column;
    let parts = tokio::task::spawn_blocking(move || parts(pages, column, time)).await;
    match parts {
        Ok(Ok(Some((parts, order, repairs)))) => SharedResponse::Rows(Box::new(SharedRows {
            parts,
            order,
            repairs,
            facts,
            end,
        })),
        // No row tells its item: the server does not know what it was asked for.
        Ok(Ok(None)) if facts.unidentified == facts.received => SharedResponse::Split(Split::Fewer),
        Ok(Ok(None)) => SharedResponse::Split(Split::Unreadable),
        Ok(Err(error)) => SharedResponse::Failed(error.into()),
        Err(_) => SharedResponse::Failed(Failure::Panicked {
            stream: rules.job.spec.name.clone(),
        }),
    }
}

/// An item for all of them.
fn named(several: &SeveralRules, walks: &[ItemWalk<'_>]) -> Item {
    let ids = walks
        .iter()
        .filter_map(|walk| walk.item.variables.get(&several.variable));
    let ids: Vec<&str> = ids.map(String::as_str).collect();
    let name = ids.first().copied().unwrap_or_default();
    Item {
        name: format!("{name} and {} others", ids.len().saturating_sub(1)),
        variables: [(several.variable.clone(), ids.join(&several.separator))].into(),
        ..Item::default()
    }
}

fn refusal(error: Failure) -> SharedResponse {
    if is_bad_value(&error) {
        return SharedResponse::Split(Split::Unreadable);
    }
    let is_silence = error.http().is_some_and(HttpError::is_silence);
    if !is_of_the_item(&error) {
        return SharedResponse::Failed(error);
    }
    match is_too_much(&error) || is_silence {
        true => SharedResponse::Split(Split::TooMany),
        false => SharedResponse::Split(Split::Refused),
    }
}

/// The rows of each item, the order in which they came, and what was repaired in them; nothing if they cannot be told apart.
fn parts(
    pages: Vec<WaitingRows>,
    column: usize,
    time: usize,
) -> Result<Option<(RowsByItem, RowOrder, Repairs)>, StoreError> {
    let (mut order, mut repairs) = (RowOrder::default(), Repairs::new());
    let mut all: Option<RowsByItem> = Some(BTreeMap::new());
    for page in pages {
        page.each(|rows| {
            let (Some(so_far), Some(parts)) = (&mut all, rows.by_cell(column)) else {
                all = None;
                return Ok(());
            };
            for row in rows.iter() {
                let item = row.at(column).plain().unwrap_or_default();
                order.add(item, row.at(time).text().and_then(scalar::parse));
            }
            for (cell, values) in &rows.repaired {
                *repairs.entry(*cell).or_default() += values;
            }
            for (item, rows) in parts {
                so_far.entry(item).or_default().append(&rows);
            }
            Ok(())
        })?;
    }
    Ok(all.map(|all| (all, order, repairs)))
}

/// Gives each walk its rows. A walk that received none of its step, or not the last one that it should have, asks alone.
async fn take(
    several: &SeveralRules,
    walks: &mut [ItemWalk<'_>],
    SharedRows {
        parts,
        order,
        repairs,
        facts,
        end,
    }: SharedRows,
) -> Result<Vec<ItemProgress>, Split> {
    let id = |walk: &ItemWalk<'_>| walk.item.variables.get(&several.variable).cloned();
    let known = |item: &String| walks.iter().any(|walk| id(walk).as_ref() == Some(item));
    if !parts.keys().all(known) {
        return Err(Split::Fewer);
    }
    let own: Vec<Rows> = walks
        .iter()
        .map(|walk| walk.own(id(walk).and_then(|id| parts.get(&id))))
        .collect();
    drop(parts);
    let mut doubtful = Vec::new();
    let mut progress: Vec<Option<ItemProgress>> = Vec::with_capacity(walks.len());
    progress.resize_with(walks.len(), || None);
    let is_cut_last = |walk: &ItemWalk<'_>, own: &Rows| {
        order.last_of_items() == id(walk).as_deref()
            && !(order.rises_in_items() && walk.has_declared_last(own))
    };
    // Before any row is taken: a server that answers for fewer is not believed in anything. Of a response that was cut the
    // item of its last row may be a part, which is asked for after those that lack more.
    for why in [Split::Fewer, Split::TooMany] {
        for (place, (walk, own)) in walks.iter_mut().zip(&own).enumerate() {
            let is_asked = match why {
                Split::TooMany => walk.is_whole(own) && is_cut_last(walk, own),
                _ => !walk.is_whole(own),
            };
            let Some(span) = walk.walk.span().filter(|_| is_asked) else {
                continue;
            };
            match walk.request(span).await {
                Ok(read) if walk.is_news(&read, own) => return Err(why),
                Ok(read) => doubtful.push((place, read)),
                Err(error) => progress[place] = Some(walk.failed(error)),
            }
        }
    }
    for (place, read) in doubtful {
        progress[place] = Some(walks[place].accept(read).await);
    }
    let mut shared = Some(WalkFacts {
        received: 0,
        newest: None,
        values: Vec::new(),
        ..facts
    });
    if let Some(first) = walks.first_mut() {
        first.note_repairs(&repairs);
    }
    let server_time = shared.as_ref().and_then(|facts| facts.server_time);
    let mut done = Vec::with_capacity(walks.len());
    for ((walk, own), progress) in walks.iter_mut().zip(own).zip(progress) {
        walk.note(shared.take().unwrap_or_default());
        done.push(match progress {
            Some(progress) => progress,
            None => walk.take_part(own, server_time, &end).await,
        });
    }
    Ok(done)
}
