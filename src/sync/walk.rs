//! One walk through one list: asks for pages as the pager says and hands their rows on.
//!
//! Several requests may be under way where the pager allows it; their answers are taken in the
//! order of asking. Not the retry (that is the session), not the meaning of a page (`vendor/`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::error::Failure;
use super::items::Item;
use super::job::Source;
use crate::http::{Ask, BadAnswer, Decode, Effort, HttpError, Reply, RunBudget};
use crate::model::row::{Reject, Rows};
use crate::model::scalar;
use crate::vendor::answer;
use crate::vendor::api::StreamSpec;
use crate::vendor::decode::Decoder;
use crate::vendor::link;
use crate::vendor::paging::{At, End, PageAsk, PageFacts, Pager, Use};

/// What is walked.
pub struct Road<'a> {
    /// The source.
    pub source: &'a Source,
    /// The stream.
    pub spec: &'a Arc<StreamSpec>,
    /// The item.
    pub item: &'a Item,
    /// The item's decoder.
    pub decoder: Arc<Decoder>,
    /// Query parameters of this walk: `since`, or a window's ends.
    pub extra: Vec<(String, String)>,
    /// Where a watermark walk starts.
    pub since: Option<String>,
    /// The run's deadline and counts.
    pub budget: &'a RunBudget,
}

/// What a walk found, besides the rows.
#[derive(Debug, Default)]
pub struct WalkFacts {
    /// Pages asked for.
    pub pages: u64,
    /// Rows that came.
    pub received: u64,
    /// The greatest value of the stream's change column, or of its window's.
    pub newest: Option<String>,
    /// The server's time when it was asked first.
    pub server_time: Option<Timestamp>,
    /// Members that no column lists.
    pub unlisted: BTreeSet<String>,
    /// Rows that could not be taken, by reason.
    pub rejects: BTreeMap<(String, String), u64>,
    /// The list's stated size.
    pub total: Option<u64>,
}

impl WalkFacts {
    /// Adds another walk's facts.
    pub fn add(&mut self, other: Self) {
        self.pages += other.pages;
        self.received += other.received;
        self.newest = self.newest.take().max(other.newest);
        self.server_time = match (self.server_time, other.server_time) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self.unlisted.extend(other.unlisted);
        for (reason, rows) in other.rejects {
            *self.rejects.entry(reason).or_default() += rows;
        }
        self.total = match (self.total, other.total) {
            (Some(one), Some(two)) => Some(one + two),
            (one, two) => one.or(two),
        };
    }

    /// The rejects as the store records them.
    pub fn rejects(&self) -> Vec<(Reject, u64)> {
        self.rejects
            .iter()
            .map(|((path, reason), rows)| {
                (
                    Reject {
                        path: path.clone(),
                        reason: reason.clone(),
                    },
                    *rows,
                )
            })
            .collect()
    }
}

/// One page, decoded.
pub(super) struct Batch {
    pub rows: Rows,
    unlisted: BTreeSet<String>,
    facts: PageFacts,
    newest: Option<String>,
    server_time: Option<Timestamp>,
}

/// Walks the list and sends each page's rows on; says how it ended.
pub async fn walk(
    road: &Road<'_>,
    rows: &mpsc::Sender<Rows>,
    tell: &(dyn Fn(u64, Option<u64>) + Sync),
) -> Result<(WalkFacts, End), Failure> {
    let mut pager = Pager::start(road.spec.page.clone(), road.since.clone());
    let mut facts = WalkFacts::default();
    let mut under_way = FuturesOrdered::new();
    let fail = |problem: String| Failure::List {
        stream: road.spec.name.clone(),
        problem,
    };
    loop {
        while under_way.is_empty()
            || (pager.may_overlap() && under_way.len() < road.source.in_flight)
        {
            match pager.ask().map_err(fail)? {
                Some(ask) => under_way.push_back(fetch(road, ask)),
                None => break,
            }
        }
        let Some((ask, answer)) = under_way.next().await else {
            break;
        };
        let batch = match answer {
            Ok(batch) => batch,
            Err(error) if error.http().is_some_and(asked_too_much) && pager.too_many(&ask) => {
                continue;
            }
            Err(error) if ask.closing && error.http().is_some() && pager.refused_past_the_end() => {
                break;
            }
            Err(error) => return Err(error),
        };
        let used = pager.answer(&ask, &batch.facts).map_err(fail)?;
        facts.unlisted.extend(batch.unlisted);
        facts.newest = facts.newest.take().max(batch.newest);
        facts.server_time = facts.server_time.or(batch.server_time);
        facts.total = batch.facts.total.or(facts.total);
        if used == Use::Leave {
            continue;
        }
        facts.received += batch.facts.received;
        for reject in &batch.rows.rejects {
            *facts
                .rejects
                .entry((reject.path.clone(), reject.reason.clone()))
                .or_default() += 1;
        }
        tell(batch.facts.received, facts.total);
        if batch.rows.received() > 0 && rows.send(batch.rows).await.is_err() {
            break; // the other side has failed and says why
        }
    }
    facts.pages = u64::from(pager.pages());
    Ok((facts, pager.end()))
}

/// The vendor says so, or its gateway gave up waiting for the answer (wisenet.md 3.7).
pub(super) fn asked_too_much(error: &HttpError) -> bool {
    error.is_too_many() || error.status() == Some(504)
}

/// Asks for one page; a stream with several paths moves on to the next one while none is known to work.
pub(super) async fn fetch(road: &Road<'_>, page: PageAsk) -> (PageAsk, Result<Batch, Failure>) {
    let paths = road.spec.paths(&road.item.variables);
    let mut route = road.source.route(&road.spec.name).min(paths.len() - 1);
    let first = route;
    loop {
        let result = fetch_at(road, &page, &paths[route]).await;
        let wrong_path = page.number == 1
            && paths.len() > 1
            && result.as_ref().is_err_and(|error| {
                error
                    .http()
                    .is_some_and(|error| matches!(error.status(), Some(404 | 405)))
            });
        if result.is_ok() && route != first {
            road.source.set_route(&road.spec.name, route);
        }
        let next = (route + 1) % paths.len();
        if !wrong_path || next == first {
            return (page, result);
        }
        route = next;
    }
}

async fn fetch_at(road: &Road<'_>, page: &PageAsk, path: &str) -> Result<Batch, Failure> {
    let spec = road.spec;
    let what = what(spec, &road.item.name, page.number);
    let ask = match &page.at {
        At::Link(link) => road.source.session.follow(link, what)?,
        at => Ask {
            path: path.to_owned(),
            query: query(road, at, page.want),
            what,
            effort: if page.closing {
                Effort::Once
            } else {
                Effort::Usual
            },
        },
    };
    let (spec, decoder) = (Arc::clone(spec), Arc::clone(&road.decoder));
    let decode: Decode<Batch> = Arc::new(move |reply| read_page(&spec, &decoder, reply));
    Ok(road.source.session.get(&ask, road.budget, decode).await?)
}

/// Words for messages: which page of what, for which item.
fn what(spec: &StreamSpec, item: &str, page: u32) -> String {
    match item {
        "" => format!("page {page} of {}", spec.name),
        item => format!("page {page} of {} ({item})", spec.name),
    }
}

fn query(road: &Road<'_>, at: &At, want: u64) -> Vec<(String, String)> {
    let page = &road.spec.page;
    let mut query = road.spec.query(&road.item.variables);
    query.extend(road.extra.iter().cloned());
    let mut add = |name: &Option<String>, value: String| {
        if let Some(name) = name {
            query.push((name.clone(), value));
        }
    };
    match at {
        At::Start => {}
        At::Offset(offset) => add(&page.offset, offset.to_string()),
        At::Number(number) => add(&page.number, number.to_string()),
        At::Cursor(cursor) => add(&page.cursor, cursor.clone()),
        At::Since { skip, .. } => add(&page.offset, skip.to_string()),
        At::Link(_) => {}
    }
    add(&page.limit, want.to_string());
    if let (At::Since { from, .. }, Some(since)) = (at, &road.spec.since)
        && let Some(moment) = scalar::parse(from)
    {
        query.extend(since.query_from(moment));
    }
    query
}

fn read_page(spec: &StreamSpec, decoder: &Decoder, reply: &Reply) -> Result<Batch, BadAnswer> {
    let total = spec
        .shape
        .total_header
        .as_deref()
        .and_then(|name| reply.headers.get(name));
    let page = if reply.status == 204 {
        answer::Page::default() // reliability.md 2.1: an empty list, and the guard decides
    } else {
        answer::read(&spec.shape, decoder, &reply.body, total).map_err(BadAnswer::new)?
    };
    let rows = page.decoded.rows;
    let change = spec
        .since
        .as_ref()
        .map(|since| since.column)
        .or(spec.window.as_ref().map(|window| window.column));
    let text_at = |column: usize, row: usize| rows.row(row).at(column).text().map(str::to_owned);
    let span = spec
        .watermark
        .filter(|_| !rows.is_empty())
        .and_then(|column| {
            let last = text_at(column, rows.len() - 1)?;
            Some((text_at(column, 0).unwrap_or_default(), last))
        });
    let facts = PageFacts {
        received: rows.received() as u64,
        total: page.total,
        cursor: page.cursor,
        link: reply
            .headers
            .get("link")
            .and_then(link::next)
            .map(str::to_owned),
        fingerprint: rows.fingerprint(),
        span,
    };
    let newest = change.and_then(|column| {
        rows.iter()
            .filter_map(|row| row.at(column).text())
            .max()
            .map(str::to_owned)
    });
    Ok(Batch {
        facts,
        newest,
        unlisted: page.decoded.unlisted,
        server_time: reply.date,
        rows,
    })
}
