//! Whether a response for several items is whole: what a server that leaves rows out silently would lack.
//!
//! A response for more items, or with more rows in all or of one item, than those that turned out to be whole, is compared
//! with those of two requests that share its time, and of one for the item with most rows alone. A server that drops rows of
//! each response drops them twice then, one that cuts a response cuts neither half at the same row, and one that limits the
//! rows of each item shows more of them in two halves, or alone. A smaller response may still be cut at its end, because a
//! limit need not count rows: what such a cut would have taken is requested once more, see `RowOrder`.
//!
//! A difference counts if the response still has it when it is requested again: rows arrive hours late, and perhaps between
//! two requests.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::difference::{Compared, by_item};
use super::item::ItemWalk;
use super::shared::{RowsByItem, SharedResponse, SharedRows, Split, respond, respond_alone};
use super::step::ItemRules;
use crate::sync::stream_memory::SharedSize;
use rollbook_core::connector::api::SeveralRules;
use rollbook_core::model::row::Rows;
use rollbook_core::model::scalar;

/// Requests may name whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Two requests meet in a time without rows that is at least so long.
const GAP: SignedDuration = SignedDuration::from_secs(4);

/// Finds out whether a response is whole; returns it, or the same one of a later time.
pub(super) async fn check(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    mut shared: Box<SharedRows>,
) -> Result<Box<SharedRows>, SharedResponse> {
    check_order(&shared)?;
    let (memory, name) = (&rules.context.source.memory, &rules.job.spec.name);
    let lengths = || shared.parts.values().map(|rows| rows.len() as u64);
    let size = SharedSize {
        items: walks.len() as u64,
        rows: lengths().sum(),
        of_item: lengths().max().unwrap_or_default(),
    };
    if memory.is_known_whole(name, size) {
        ends(rules, several, walks, &shared).await?;
        return Ok(shared);
    }
    shared = halves(rules, several, walks, shared).await?;
    shared = largest(rules, several, walks, shared).await?;
    memory.found_whole(name, size, rules.context.clock.now());
    shared.is_compared = true;
    Ok(shared)
}

fn check_order(shared: &SharedRows) -> Result<(), SharedResponse> {
    if shared.order.lacks_times() {
        return Err(SharedResponse::Split(Split::Untimed));
    }
    if shared.order.is_mixed() {
        return Err(SharedResponse::Split(Split::Unordered));
    }
    Ok(())
}

/// Requests the same rows once more, as they are now.
pub(super) async fn again(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    shared: &SharedRows,
) -> Result<Box<SharedRows>, SharedResponse> {
    let again = rows_of(respond(rules, several, walks.iter(), shared.span).await)?;
    check_order(&again)?;
    Ok(again)
}

/// A response that has the rows of other ones, at the latest when it is requested again.
async fn like_others(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    shared: Box<SharedRows>,
    (compared, others): (Compared, RowsByItem),
) -> Result<Box<SharedRows>, SharedResponse> {
    match compared.difference(by_item(&shared.parts), by_item(&others)) {
        None => return Ok(shared),
        Some(why) if why.lacks_rows() => {}
        Some(why) => return Err(SharedResponse::Split(why)),
    }
    let again = again(rules, several, walks, &shared).await?;
    let [first, others, last] = [&shared.parts, &others, &again.parts].map(by_item);
    match compared.lasting_difference(first, others, last) {
        None => Ok(again),
        Some(why) => Err(SharedResponse::Split(why)),
    }
}

/// Requests the same rows by two requests that share the time. They name the items in another order, with another first and
/// last one, in case the server names or drops rows by the position of their item.
async fn halves(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    shared: Box<SharedRows>,
) -> Result<Box<SharedRows>, SharedResponse> {
    let (from, to) = shared.span;
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
    like_others(rules, several, walks, shared, (compared, apart.parts)).await
}

/// Requests the item with most rows alone.
async fn largest(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    shared: Box<SharedRows>,
) -> Result<Box<SharedRows>, SharedResponse> {
    let own = |walk: &ItemWalk<'_>| {
        let id = walk.item.variables.get(&several.variable)?;
        Some((id.clone(), walk.own(shared.parts.get(id))))
    };
    let all = walks.iter().filter_map(|walk| Some((walk, own(walk)?)));
    let largest = all.max_by_key(|(_, (_, own))| own.len());
    let Some((walk, (id, own))) = largest.filter(|(_, (_, own))| !own.is_empty()) else {
        return Ok(shared);
    };
    let (alone, compared) = alone(rules, walk, &shared).await?;
    let rows = alone.rows();
    if compared.difference([("", &own)], [("", &rows)]).is_none() {
        return Ok(shared);
    }
    let mut others = shared.parts.clone();
    others.insert(id, rows);
    like_others(rules, several, walks, shared, (compared, others)).await
}

/// Requests the step of one walk alone, to be compared with its rows of a response for several.
pub(super) async fn alone(
    rules: ItemRules<'_>,
    walk: &ItemWalk<'_>,
    shared: &SharedRows,
) -> Result<(Box<SharedRows>, Compared), SharedResponse> {
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
        between: (shared.during.0, alone.during.1),
    };
    Ok((alone, compared))
}

/// Requests the end that a cut would have taken, where the rows are in the order of their times.
async fn ends(
    rules: ItemRules<'_>,
    several: &SeveralRules,
    walks: &[ItemWalk<'_>],
    shared: &SharedRows,
) -> Result<(), SharedResponse> {
    let (from, to) = shared.span;
    let has_last = |walk: &ItemWalk<'_>| {
        let id = walk.item.variables.get(&several.variable);
        walk.has_declared_last(&walk.own(id.and_then(|id| shared.parts.get(id))))
    };
    let newest = shared.order.newest_if_last();
    let newest = newest.filter(|_| !walks.iter().all(has_last));
    let oldest = shared.order.oldest_if_last();
    // The times of rows that a cut would have taken. Both requests have one bound; the other one is not theirs.
    let newer = newest.map(|newest| {
        let begun = scalar::saturating_add(newest, -SECOND).max(from);
        ((begun, to), (newest, to))
    });
    let older = oldest.map(|oldest| {
        let ended = scalar::saturating_add(oldest, SECOND).min(to);
        ((from, ended), (from, oldest))
    });
    for (span, taken) in [newer, older].into_iter().flatten() {
        let again = rows_of(respond(rules, several, walks.iter(), span).await)?;
        let compared = Compared {
            column: rules.window.column,
            span: taken,
            between: (shared.during.0, again.during.1),
        };
        let difference = compared.difference(by_item(&shared.parts), by_item(&again.parts));
        if difference.is_some_and(Split::lacks_rows) {
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
