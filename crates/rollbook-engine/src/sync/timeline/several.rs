//! One request for a step of several series: their rows are told apart by the item that each names.
//!
//! A saving, and no other reading: each series is compared, checked and written by itself, and has its own step and
//! checkpoint. Whatever such a response does not clearly show is requested for the series alone: a refused request,
//! an unreadable row, and a series of which no row was received, because a server may answer for fewer than were named.
//! It may also leave rows out silently: see `probe.rs`.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::item::{ItemProgress, ItemWalk};
use super::key_of;
use super::probe;
use super::shared::{SharedResponse, SharedRows, Split, respond};
use super::step::ItemRules;
use crate::sync::error::Failure;
use crate::sync::job::StreamJob;
use crate::sync::read::Context;
use rollbook_core::connector::api::SeveralRules;
use rollbook_core::model::row::Rows;
use rollbook_core::model::scalar;
use rollbook_http::http::HttpError;

/// After so many requests that worked, more items are asked for again.
const GOOD_REQUESTS: u32 = 10;

/// How many items a request of this stream may name, as far as is known.
pub(super) fn most(context: &Context<'_>, job: &StreamJob) -> usize {
    let Some(several) = &job.spec.several else {
        return 1;
    };
    let known = context.source.memory.get(&job.spec.name).items;
    let known = known.and_then(|items| usize::try_from(items).ok());
    known.map_or(several.most, |known| known.min(several.most))
}

/// The server does not serve more items at once: no request names more for a while.
pub(super) fn remember(context: &Context<'_>, job: &StreamJob, most: usize) {
    context.source.memory.update(&job.spec.name, |memory| {
        memory.items = u64::try_from(most).ok();
        memory.found = Some(context.clock.now());
    });
}

/// What the report says of it.
pub(super) fn note(most: usize, why: Split) -> String {
    let cause = match why {
        Split::Fewer => "leaves rows out of responses for several items",
        Split::Unnamed => "does not return of which item each row is",
        Split::Unordered => "returns the rows of several items in no order",
        Split::Untimed => "returns rows of several items without a time",
        Split::Refused | Split::TooMany | Split::Unreadable | Split::Unproven => {
            "refuses requests for more items"
        }
    };
    match most {
        1 => format!("the server {cause}; for a week each item is requested by itself"),
        most => format!("the server {cause}; for a week at most {most} are requested at once"),
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
    /// No request may name more items, and why: they were refused or missing together, and served apart.
    at_most: Option<(usize, Split)>,
    /// A response lacked rows, so that earlier ones may have lacked some as well.
    pub lacks_rows: bool,
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
        self.walks.insert((from, walk.index), walk);
    }

    /// The walks that did not reach their end.
    pub(super) fn into_walks(self) -> impl Iterator<Item = ItemWalk<'a>> {
        self.walks.into_values()
    }

    /// The walks of the next request: the one that is furthest behind, and those beside it with steps of the same length.
    pub(super) fn next(&mut self) -> Option<Vec<ItemWalk<'a>>> {
        let (_, first) = self.walks.pop_first()?;
        let span = first.walk.span();
        let may_share = self.limit > 1 && !first.is_recounted();
        let (Some((from, _)), true) = (span, may_share) else {
            return Some(vec![first]);
        };
        let step = first.walk.step();
        let end = scalar::saturating_add(from, step.try_into().unwrap_or_default());
        let beside = self.walks.range(..(end, 0));
        let beside = beside.filter(|(_, walk)| walk.walk.step() == step && !walk.is_recounted());
        let beside: Vec<_> = beside.map(|(key, _)| *key).take(self.limit - 1).collect();
        let mut walks = vec![first];
        walks.extend(beside.iter().filter_map(|key| self.walks.remove(key)));
        for walk in &mut walks {
            walk.walk.meet_at(end);
        }
        Some(walks)
    }

    /// Takes the walks that have rows of responses for several.
    pub(super) fn take_shared(&mut self) -> impl Iterator<Item = ItemWalk<'a>> {
        let all = std::mem::take(&mut self.walks).into_iter();
        let (shared, others) = all.partition(|(_, walk)| walk.has_shared_rows());
        self.walks = others;
        let shared: BTreeMap<_, _> = shared;
        shared.into_values()
    }

    /// Adjusts how many items a request names; returns a lower limit that the server turned out to have, and why.
    pub(super) fn learn(&mut self, found: &SharedFindings) -> Option<(usize, Split)> {
        let lower = found.at_most.filter(|(most, _)| *most < self.most);
        if let Some((most, _)) = lower {
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
        let limits = found.at_most.into_iter().chain(other.at_most);
        found.at_most = limits.min_by_key(|(most, _)| *most);
        found.lacks_rows |= other.lacks_rows;
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
        SharedResponse::Rows(shared) => match take(rules, several, &mut walks, *shared).await {
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
        // Nothing of what such a server returns is whole, or known to be.
        Split::Fewer | Split::Unnamed | Split::Unordered | Split::Untimed | Split::Unproven => {
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
        Split::Fewer | Split::Unnamed | Split::Unordered | Split::Untimed => {
            found.at_most = Some((1, why));
            found.lacks_rows |= why == Split::Fewer;
        }
        // Not one of them is refused: the list was too long.
        Split::Refused if is_served => {
            let limits = found.at_most.into_iter().chain([(found.served, why)]);
            found.at_most = limits.min_by_key(|(most, _)| *most);
        }
        Split::Refused | Split::Unreadable | Split::Unproven => {}
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

/// Requests the time that these walks need, all together, and finds out whether the response is whole. An item that is
/// left out, and a cut of rows item by item, are found by `take`.
async fn respond_whole(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
) -> SharedResponse {
    for walk in walks {
        if let Err(error) = rules.batch.settle(&key_of(walk.item)).await {
            return SharedResponse::Failed(error);
        }
    }
    let spans = || walks.iter().filter_map(|walk| walk.walk.span());
    let span = (
        spans().map(|span| span.0).min().unwrap_or_default(),
        spans().map(|span| span.1).max().unwrap_or_default(),
    );
    let shared = match respond(rules, several, walks.iter(), span).await {
        SharedResponse::Rows(shared) => shared,
        other => return other,
    };
    match probe::check(rules, several, walks, shared).await {
        Ok(shared) => SharedResponse::Rows(shared),
        Err(other) => other,
    }
}

/// What a request for one walk alone returned, of those that a response for several leaves unclear.
enum Alone {
    NotAsked,
    Rows(Box<SharedRows>),
    /// Its step is requested once more, and a failure is treated as that of any walk.
    NoRows,
}

/// Gives each walk its rows. A walk that received none of its step, or not the last one that it should have, asks alone.
async fn take(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &mut [ItemWalk<'_>],
    shared: SharedRows,
) -> Result<Vec<ItemProgress>, Split> {
    let id = |walk: &ItemWalk<'_>| walk.item.variables.get(&several.variable).cloned();
    let known = |item: &String| walks.iter().any(|walk| id(walk).as_ref() == Some(item));
    if !shared.parts.keys().all(known) {
        return Err(Split::Fewer);
    }
    let own = |walk: &ItemWalk<'_>| walk.own(id(walk).and_then(|id| shared.parts.get(&id)));
    let own: Vec<Rows> = walks.iter().map(own).collect();
    let is_cut_last = |walk: &ItemWalk<'_>, own: &Rows| {
        !shared.is_compared
            && shared.order.last_of_items() == id(walk).as_deref()
            && !(shared.order.rises_in_items() && walk.has_declared_last(own))
    };
    let mut alone: Vec<Alone> = walks.iter().map(|_| Alone::NotAsked).collect();
    let mut again: Option<Box<SharedRows>> = None;
    // Before any row is taken: a server that answers for fewer is not believed in anything. Of a response that was cut the
    // item of its last row may be a part, which is asked for after those that lack more.
    for why in [Split::Fewer, Split::TooMany] {
        for ((walk, own), alone) in walks.iter().zip(&own).zip(&mut alone) {
            let is_asked = match why {
                Split::TooMany => walk.is_whole(own) && is_cut_last(walk, own),
                _ => !walk.is_whole(own),
            };
            if !is_asked {
                continue;
            }
            let Ok((rows, compared)) = probe::alone(rules, walk, &shared).await else {
                *alone = Alone::NoRows;
                continue;
            };
            let theirs = rows.rows();
            let difference = compared.difference([("", own)], [("", &theirs)]);
            let lasts = |again: &SharedRows| {
                let again = walk.own(id(walk).and_then(|id| again.parts.get(&id)));
                let lasting =
                    compared.lasting_difference([("", own)], [("", &theirs)], [("", &again)]);
                lasting.is_some_and(Split::lacks_rows)
            };
            // They may have arrived late: only what the response lacks once more is missing in it.
            if difference.is_some_and(Split::lacks_rows) && again.as_deref().is_none_or(lasts) {
                let fresh = probe::again(rules, several, walks, &shared).await;
                let fresh = fresh.map_err(|_| Split::Unproven)?;
                if lasts(&fresh) {
                    return Err(why);
                }
                again = Some(fresh);
            }
            *alone = Alone::Rows(rows);
        }
    }
    let mut done = Vec::with_capacity(walks.len());
    let server_time = shared.facts.server_time;
    if let Some(first) = walks.first_mut() {
        first.note(shared.facts, &shared.repairs);
    }
    for ((walk, own), alone) in walks.iter_mut().zip(own).zip(alone) {
        done.push(match alone {
            Alone::NotAsked => walk.take_rows(own, true, server_time, &shared.end).await,
            Alone::NoRows => walk.step_alone().await,
            Alone::Rows(alone) => {
                let own = walk.own(Some(&alone.rows()));
                let server_time = alone.facts.server_time;
                walk.note(alone.facts, &alone.repairs);
                walk.take_rows(own, false, server_time, &alone.end).await
            }
        });
    }
    Ok(done)
}
