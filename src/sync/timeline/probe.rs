//! Whether a response for several items is whole: what a server that leaves rows out silently would lack.
//!
//! A response for more items, or with more rows in all or of one item, than those that turned out to be whole, is compared
//! with those of two requests that share its time, and of one for the item with most rows alone. A server that drops rows of
//! each response drops them twice then, one that cuts a response cuts neither half at the same row, and one that limits the
//! rows of each item shows more of them in two halves, or alone. A smaller response may still be cut at its end, because a
//! limit need not count rows: what such a cut would have taken is requested once more, see `RowOrder`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::item::{ItemRules, ItemWalk};
use super::shared::{RowsByItem, SharedResponse, SharedRows, Split, respond, respond_alone};
use crate::connector::api::{SeveralRules, wire_time};
use crate::model::row::{Cells, Rows};
use crate::model::scalar;
use crate::sync::stream_memory::SharedSize;

/// Bounds may be exclusive, and requests may name whole seconds.
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
/// last one, in case the server tells or drops rows by the place of their item.
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
    let Some(middle) = middle(&times.collect(), &rules.window.format) else {
        return Err(SharedResponse::Split(Split::Unproven));
    };
    let other_order = || walks.iter().cycle().skip(1).take(walks.len());
    let first = respond(rules, several, other_order(), (from, middle)).await;
    let mut apart = parts(first)?;
    let second = respond(rules, several, other_order(), (middle, to)).await;
    for (item, rows) in parts(second)? {
        apart.entry(item).or_default().append(&rows);
    }
    match difference(&shared.parts, &apart, column) {
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
    let Some((walk, own)) = all.max_by_key(|(_, own)| own.len()) else {
        return Ok(());
    };
    let Some(span) = walk.walk.span().filter(|_| !own.is_empty()) else {
        return Ok(());
    };
    let alone = parts(respond_alone(rules, walk.item, span).await)?;
    let mut some = Rows::default();
    alone.values().for_each(|rows| some.append(rows));
    match difference_of_one(&own, &some, span, rules.window.column) {
        Some(why) => Err(SharedResponse::Split(why)),
        None => Ok(()),
    }
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
        let again = parts(respond(rules, several, walks.iter(), span).await)?;
        let (all, some) = (
            flat(&shared.parts, rules.window.column),
            flat(&again, rules.window.column),
        );
        if !some.keys().all(|row| all.contains_key(row)) {
            return Err(SharedResponse::Split(Split::TooMany));
        }
    }
    Ok(())
}

fn parts(response: SharedResponse) -> Result<RowsByItem, SharedResponse> {
    match response {
        SharedResponse::Rows(rows) => Ok(rows.parts),
        other => Err(other),
    }
}

/// A time in the middle of these without one beside it; nothing where there is none, or requests cannot name it.
fn middle(times: &BTreeSet<Timestamp>, format: &str) -> Option<Timestamp> {
    let text = |at: Timestamp| wire_time(at, format);
    let pairs = times.iter().zip(times.iter().skip(1)).enumerate();
    let gaps = pairs.filter(|(_, (one, next))| next.duration_since(**one) >= GAP);
    let (_, (one, _)) = gaps.min_by_key(|(place, _)| place.abs_diff(times.len() / 2))?;
    let middle = Timestamp::from_second(one.as_second() + GAP.as_secs() / 2).ok()?;
    let before = scalar::saturating_add(middle, -SECOND);
    (text(middle) != text(before)).then_some(middle)
}

/// Rows by item and time.
type FlatRows<'a> = BTreeMap<(&'a str, Option<&'a str>), Cells<'a>>;

fn flat(parts: &RowsByItem, column: usize) -> FlatRows<'_> {
    let rows = parts.iter().flat_map(|(item, rows)| {
        let of_it = rows.iter();
        of_it.map(move |row| ((item.as_str(), row.at(column).text()), row))
    });
    rows.collect()
}

/// What is wrong with a response, compared with the same rows of two others.
fn difference(whole: &RowsByItem, apart: &RowsByItem, column: usize) -> Option<Split> {
    if apart.keys().any(|item| !whole.contains_key(item)) {
        return Some(Split::Fewer);
    }
    let (whole, apart) = (flat(whole, column), flat(apart, column));
    if apart.len() > whole.len() {
        return Some(Split::TooMany);
    }
    // The newest value of an item may still change.
    let mut newest: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    newest.extend(whole.keys().copied());
    let is_same = |(row, cells): (&(&str, Option<&str>), &Cells<'_>)| {
        let other = apart.get(row);
        other.is_some_and(|other| other.bytes() == cells.bytes() || newest[row.0] == row.1)
    };
    match apart.len() == whole.len() && whole.iter().all(is_same) {
        true => None,
        false => Some(Split::Fewer),
    }
}

/// The same for one item that was requested alone for this time. Its bounds may be exclusive.
fn difference_of_one(
    own: &Rows,
    alone: &Rows,
    (from, to): (Timestamp, Timestamp),
    column: usize,
) -> Option<Split> {
    let by_time = |rows| -> BTreeMap<Option<&str>, Cells<'_>> {
        let rows: &Rows = rows;
        rows.iter()
            .map(|row| (row.at(column).text(), row))
            .collect()
    };
    let bounds = [
        scalar::saturating_add(from, SECOND),
        scalar::saturating_add(to, -SECOND),
    ];
    let [first, last] = bounds.map(scalar::to_canonical);
    let (own, alone) = (by_time(own), by_time(alone));
    let is_inside =
        |time: &Option<&str>| *time > Some(first.as_str()) && *time < Some(last.as_str());
    if alone
        .keys()
        .any(|time| is_inside(time) && !own.contains_key(time))
    {
        return Some(Split::TooMany);
    }
    let newest = own.keys().last().copied();
    let is_same = |(time, cells): (&Option<&str>, &Cells<'_>)| {
        let other = alone.get(time);
        other.is_some_and(|other| other.bytes() == cells.bytes() || newest == Some(*time))
    };
    let mut inside = own.iter().filter(|(time, _)| is_inside(time));
    (!inside.all(is_same)).then_some(Split::Fewer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::Cell;

    /// `a1=x` is a row of the item `a` at 1 with the value x.
    fn rows(text: &str) -> RowsByItem {
        let mut parts = RowsByItem::new();
        for word in text.split_whitespace() {
            let (row, value) = word.split_once('=').unwrap_or((word, ""));
            let (item, time) = row.split_at(1);
            let part = parts.entry(item.to_owned()).or_default();
            part.push(|bytes| {
                Cell::Text(time).write(bytes);
                Cell::Text(value).write(bytes);
            });
        }
        parts
    }

    #[test]
    fn what_two_halves_show() {
        let (fewer, too_many) = (Some(Split::Fewer), Some(Split::TooMany));
        for (name, whole, apart, expected) in [
            ("the same", "a1 a2 b1 b2", "b1 a1 a2 b2", None),
            ("a row twice", "a1 a2", "a1 a2 a2", None),
            (
                "each lacks its last row",
                "a1 a2 a3 b1 b2",
                "a1 a3 b1",
                fewer,
            ),
            ("each lacks its first row", "a2 a3 b1 b2", "a2 b1 b2", fewer),
            ("it was cut", "a1 a2 b1", "a1 a2 b1 b2", too_many),
            ("and so were they", "a1 a2 a3", "a1 a2 a4 a5", too_many),
            ("another item", "a1 a2", "a1 b2", fewer),
            ("other rows", "a1 a2 b1", "a1 a3 b1", fewer),
            ("another's value", "a1=x a2=x", "a1=y a2=x", fewer),
            (
                "a newest value that moves",
                "a1=x a2=x b1=x",
                "a1=x a2=y b1=y",
                None,
            ),
        ] {
            assert_eq!(
                difference(&rows(whole), &rows(apart), 0),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn what_one_item_alone_shows() {
        let time = |second: i64| Timestamp::from_second(second).expect("a time");
        let rows = |seconds: &[(i64, &str)]| {
            let mut rows = Rows::default();
            for (second, value) in seconds {
                rows.push(|bytes| {
                    Cell::Text(&scalar::to_canonical(time(*second))).write(bytes);
                    Cell::Text(value).write(bytes);
                });
            }
            rows
        };
        let all = [(0, "x"), (10, "x"), (20, "x"), (30, "x")];
        for (name, own, alone, expected) in [
            ("the same", &all[..], &all[..], None),
            ("exclusive bounds", &all[..], &all[1..3], None),
            ("it was cut", &all[..2], &all[..], Some(Split::TooMany)),
            (
                "a row more",
                &all[..],
                &[all[0], all[2], all[3]],
                Some(Split::Fewer),
            ),
            (
                "another's value",
                &all[..],
                &[all[0], (10, "y"), all[2]],
                Some(Split::Fewer),
            ),
            (
                "a newest value that moves",
                &all[..3],
                &[all[0], all[1], (20, "y")],
                None,
            ),
        ] {
            let found = difference_of_one(&rows(own), &rows(alone), (time(0), time(30)), 0);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn where_two_halves_meet() {
        let seconds = "%Y-%m-%dT%H:%M:%SZ";
        for (name, times, format, expected) in [
            ("none", &[][..], seconds, None),
            ("one time", &[7][..], seconds, None),
            ("two times", &[7, 100][..], seconds, Some(9)),
            (
                "the gap in the middle",
                &[0, 100, 200, 300, 400],
                seconds,
                Some(202),
            ),
            (
                "only an earlier one",
                &[0, 100, 101, 102, 103],
                seconds,
                Some(2),
            ),
            ("too dense", &[1, 2, 3, 4, 5], seconds, None),
            ("days only", &[0, 100, 200], "%Y-%m-%d", None),
        ] {
            let times = times
                .iter()
                .map(|at| Timestamp::from_second(*at).expect("a time"));
            let found = middle(&times.collect(), format).map(Timestamp::as_second);
            assert_eq!(found, expected, "{name}");
        }
    }
}
