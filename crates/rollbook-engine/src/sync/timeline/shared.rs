//! One request for several items, and the rows of its response by item.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::item::{ItemWalk, is_bad_value, is_too_much};
use super::order::RowOrder;
use super::span::MAX_BEHIND;
use super::step::ItemRules;
use crate::sync::error::Failure;
use crate::sync::items::Item;
use crate::sync::read::{is_of_the_item, page_reporter};
use crate::sync::walk::{Page, WalkFacts, walk};
use rollbook_core::connector::api::SeveralRules;
use rollbook_core::connector::decode::Decoder;
use rollbook_core::connector::paging::ListEnd;
use rollbook_core::model::row::{Repair, Rows};
use rollbook_core::model::scalar;
use rollbook_core::store::{PageRows, StoreError};
use rollbook_http::http::{Effort, HttpError, Shrinks};

/// A larger response is requested for fewer items: it waits in memory.
const MAX_ROWS: u64 = 200_000;

/// Why several items are not read by one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// There may be too much of them.
    TooMany,
    /// One of them has a row that could not be read.
    Unreadable,
    /// The server refuses them, perhaps because of one.
    Refused,
    /// The server returned rows of fewer items than were named, or left rows out.
    Fewer,
    /// No row names its item.
    Unnamed,
    /// The rows are in no order, which would not show what a cut took.
    Unordered,
    /// A row has no time, which would not show it either.
    Untimed,
    /// Nothing shows whether the response is whole: it has too few rows, or a newest value differs, which may have changed.
    Unproven,
}

impl Split {
    /// A comparison showed that rows are missing, or are other ones.
    pub(super) fn lacks_rows(self) -> bool {
        matches!(self, Self::Fewer | Self::TooMany)
    }
}

/// The response to a request for several items.
pub(super) enum SharedResponse {
    Rows(Box<SharedRows>),
    Split(Split),
    Failed(Failure),
}

/// The rows that name an item, by its id.
pub(super) type RowsByItem = BTreeMap<String, Rows>;

/// Repaired values, by column.
pub(super) type Repairs = BTreeMap<(u32, Repair), u64>;

/// The rows of several items.
pub(super) struct SharedRows {
    pub parts: RowsByItem,
    pub order: RowOrder,
    pub repairs: Repairs,
    /// Other requests received the same rows.
    pub is_compared: bool,
    pub facts: WalkFacts,
    pub end: ListEnd,
    /// The time that was requested.
    pub span: (Timestamp, Timestamp),
    /// When it was requested and received, by our clock or the server's, whichever makes it longer.
    pub during: (Timestamp, Timestamp),
}

impl SharedRows {
    /// The rows of all items.
    pub(super) fn rows(&self) -> Rows {
        let mut all = Rows::default();
        self.parts.values().for_each(|rows| all.append(rows));
        all
    }
}

/// Requests a time of these walks, all together.
pub(super) async fn respond<'w>(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: impl Iterator<Item = &'w ItemWalk<'w>>,
    span: (Timestamp, Timestamp),
) -> SharedResponse {
    let item = named(several, walks);
    let decoder = rules.job.spec.decoder_of_several(several);
    request(rules, &item, decoder, span).await
}

/// Requests a time of one item, to compare its rows with those of a response for several.
pub(super) async fn respond_alone(
    rules: ItemRules<'_>,
    item: &Item,
    span: (Timestamp, Timestamp),
) -> SharedResponse {
    let decoder = rules.job.spec.decoder(&item.variables);
    request(rules, item, decoder, span).await
}

async fn request(
    rules: ItemRules<'_>,
    item: &Item,
    decoder: Arc<Decoder>,
    span: (Timestamp, Timestamp),
) -> SharedResponse {
    let effort = Effort {
        shrinks: Shrinks::OnServerErrors,
        silences: Effort::FIRST.silences,
        ..rules.context.effort
    };
    let request = match rules.request(item, decoder, span, effort) {
        Ok(request) => request,
        Err(error) => return SharedResponse::Failed(error),
    };
    let begun = rules.context.clock.now();
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
    let during = during((begun, rules.context.clock.now()), facts.server_time);
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
            is_compared: false,
            facts,
            end,
            span,
            during,
        })),
        Ok(Ok(None)) if facts.unidentified == facts.received => {
            SharedResponse::Split(Split::Unnamed)
        }
        Ok(Ok(None)) => SharedResponse::Split(Split::Unreadable),
        Ok(Err(error)) => SharedResponse::Failed(error.into()),
        Err(_) => SharedResponse::Failed(Failure::Panicked {
            stream: rules.job.spec.name.clone(),
        }),
    }
}

fn during(
    (begun, ended): (Timestamp, Timestamp),
    server_time: Option<Timestamp>,
) -> (Timestamp, Timestamp) {
    let is_wrong = |time: &Timestamp| time.duration_since(begun).abs() > MAX_BEHIND;
    let server_time = server_time.filter(|time| !is_wrong(time)).unwrap_or(begun);
    (begun.min(server_time), ended.max(server_time))
}

/// An item for all of them.
fn named<'w>(several: &SeveralRules, walks: impl Iterator<Item = &'w ItemWalk<'w>>) -> Item {
    let ids = walks.filter_map(|walk| walk.item.variables.get(&several.variable));
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

/// The rows of each item, their order, and what was repaired in them; nothing if they cannot be told apart.
fn parts(
    pages: Vec<PageRows>,
    column: usize,
    time: usize,
) -> Result<Option<(RowsByItem, RowOrder, Repairs)>, StoreError> {
    let (mut order, mut repairs) = (RowOrder::default(), Repairs::new());
    let mut all: Option<RowsByItem> = Some(BTreeMap::new());
    for page in pages {
        page.rows.each(|rows| {
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
