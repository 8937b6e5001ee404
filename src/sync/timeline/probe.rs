//! Whether a response for several items is whole: what a server that leaves rows out silently would lack.
//!
//! A response for more items, or with more rows in all or of one item, than those that turned out to be whole, is compared
//! with those of two requests that share its time, and of one for the item with most rows alone. A server that drops rows of
//! each response drops them twice then, one that cuts a response cuts neither half at the same row, and one that limits the
//! rows of each item shows more of them in two halves, or alone. A smaller response may still be cut at its end, because a
//! limit need not count rows: what such a cut would have taken is requested once more, see `RowOrder`.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::difference::{Compared, by_item};
use super::item::ItemWalk;
use super::shared::{SharedResponse, SharedRows, Split, respond, respond_alone};
use super::step::ItemRules;
use crate::connector::api::SeveralRules;
use crate::model::row::Rows;
use crate::model::scalar;
use crate::sync::stream_memory::SharedSize;

/// Requests may name whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Two requests meet in a time without rows that is at least so long.
const GAP: SignedDuration = SignedDuration::from_secs(4);

/// Finds out whether a response is whole; returns whether all of its rows were compared.
pub(super) async fn check(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    shared: &SharedRows,
    span: (Timestamp, Timestamp),
) -> Result<bool, SharedResponse> {
    if shared.order.lacks_times() {
        return Err(SharedResponse::Split(Split::Untimed));
    }
    if shared.order.is_mixed() {
        return Err(SharedResponse::Split(Split::Unordered));
    }
    let (memory, name) = (&rules.context.source.memory, &rules.job.spec.name);
    let lengths = || shared.parts.values().map(|rows| rows.len() as u64);
    let size = SharedSize {
        items: walks.len() as u64,
        rows: lengths().sum(),
        of_item: lengths().max().unwrap_or_default(),
    };
    if memory.is_known_whole(name, size) {
        ends(rules, several, walks, shared, span).await?;
        return Ok(false);
    }
    halves(rules, several, walks, shared, span).await?;
    largest(rules, several, walks, shared).await?;
    memory.found_whole(name, size, rules.context.clock.now());
    Ok(true)
}

/// Requests the same rows by two requests that share the time. They name the items in another order, with another first and
/// last one, in case the server names or drops rows by the position of their item.
async fn halves(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    shared: &SharedRows,
    (from, to): (Timestamp, Timestamp),
) -> Result<(), SharedResponse> {
    let column = rules.window.column;
    let rows = shared.parts.values().flat_map(Rows::iter);
    let times = rows.filter_map(|row| row.at(column).text().and_then(scalar::parse));
    let Some(middle) = middle(&times.collect()) else {
        return Err(SharedResponse::Split(Split::Unproven));
    };
    let other_order = || walks.iter().cycle().skip(1).take(walks.len());
    let first = respond(rules, several, other_order(), (from, middle)).await;
    let mut apart = rows_of(first)?;
    let second = respond(rules, several, other_order(), (middle, to)).await;
    let second = rows_of(second)?;
    for (item, rows) in &second.parts {
        apart.parts.entry(item.clone()).or_default().append(rows);
    }
    let compared = Compared {
        column,
        span: (from, to),
        between: (shared.during.0, second.during.1),
    };
    match compared.difference(by_item(&shared.parts), by_item(&apart.parts)) {
        Some(why) => Err(SharedResponse::Split(why)),
        None => Ok(()),
    }
}

/// Requests the item with most rows alone.
async fn largest(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    shared: &SharedRows,
) -> Result<(), SharedResponse> {
    let own = |walk: &ItemWalk<'_>| {
        let id = walk.item.variables.get(&several.variable)?;
        Some(walk.own(shared.parts.get(id)))
    };
    let all = walks.iter().filter_map(|walk| Some((walk, own(walk)?)));
    let largest = all.max_by_key(|(_, own)| own.len());
    let Some((walk, own)) = largest.filter(|(_, own)| !own.is_empty()) else {
        return Ok(());
    };
    match alone(rules, walk, &own, shared.during).await? {
        (_, Some(why)) => Err(SharedResponse::Split(why)),
        (_, None) => Ok(()),
    }
}

/// Requests the step of one walk alone, and compares its rows with those of a response for several; returns them, and what
/// is wrong with that response.
pub(super) async fn alone(
    rules: ItemRules<'_>,
    walk: &ItemWalk<'_>,
    own: &Rows,
    during: (Timestamp, Timestamp),
) -> Result<(Box<SharedRows>, Option<Split>), SharedResponse> {
    let Some(span) = walk.walk.span() else {
        return Err(SharedResponse::Split(Split::Unproven));
    };
    let alone = rows_of(respond_alone(rules, walk.item, span).await)?;
    if alone.order.lacks_times() {
        return Err(SharedResponse::Split(Split::Untimed));
    }
    let compared = Compared {
        column: rules.window.column,
        span: inside(span),
        between: (during.0, alone.during.1),
    };
    let why = compared.difference([("", own)], alone.parts.values().map(|rows| ("", rows)));
    Ok((alone, why))
}

/// Requests the end that a cut would have taken, where the rows are in the order of their times.
async fn ends(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    shared: &SharedRows,
    (from, to): (Timestamp, Timestamp),
) -> Result<(), SharedResponse> {
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
        let again = rows_of(respond(rules, several, walks.iter(), span).await)?;
        let compared = Compared {
            column: rules.window.column,
            span: inside(span),
            between: (shared.during.0, again.during.1),
        };
        let difference = compared.difference(by_item(&shared.parts), by_item(&again.parts));
        if matches!(difference, Some(Split::Fewer | Split::TooMany)) {
            return Err(SharedResponse::Split(Split::TooMany));
        }
    }
    Ok(())
}

/// Bounds may be exclusive, and requests may name whole seconds.
fn inside((from, to): (Timestamp, Timestamp)) -> (Timestamp, Timestamp) {
    (
        scalar::saturating_add(from, SECOND),
        scalar::saturating_add(to, -SECOND),
    )
}

fn rows_of(response: SharedResponse) -> Result<Box<SharedRows>, SharedResponse> {
    match response {
        SharedResponse::Rows(rows) => Ok(rows),
        other => Err(other),
    }
}

/// A time in the middle of these without one beside it; nothing where there is none.
fn middle(times: &BTreeSet<Timestamp>) -> Option<Timestamp> {
    let pairs = times.iter().zip(times.iter().skip(1)).enumerate();
    let gaps = pairs.filter(|(_, (one, next))| next.duration_since(**one) >= GAP);
    let (_, (one, _)) = gaps.min_by_key(|(index, _)| index.abs_diff(times.len() / 2))?;
    Timestamp::from_second(one.as_second() + GAP.as_secs() / 2).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_two_halves_meet() {
        for (name, times, expected) in [
            ("none", &[][..], None),
            ("one time", &[7][..], None),
            ("two times", &[7, 100][..], Some(9)),
            ("the gap in the middle", &[0, 100, 200, 300, 400], Some(202)),
            ("only an earlier one", &[0, 100, 101, 102, 103], Some(2)),
            ("too dense", &[1, 2, 3, 4, 5], None),
        ] {
            let times = times
                .iter()
                .map(|at| Timestamp::from_second(*at).expect("a time"));
            let found = middle(&times.collect()).map(Timestamp::as_second);
            assert_eq!(found, expected, "{name}");
        }
    }
}
