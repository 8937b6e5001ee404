//! What is wrong with a response for several items, compared with the same rows of other responses. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::shared::{RowsByItem, Split};
use rollbook_core::model::row::{Cells, Rows};
use rollbook_core::model::scalar;

/// Which rows are compared.
pub(super) struct Compared {
    /// The column of their time.
    pub column: usize,
    /// They are of this time.
    pub span: (Timestamp, Timestamp),
    /// The time from the request for several items to the last response: rows of it may be in one response only.
    pub between: (Timestamp, Timestamp),
}

/// Rows by item and time.
type RowsByTime<'a> = BTreeMap<(&'a str, &'a str), Cells<'a>>;

/// Rows as `Compared::difference` takes them.
pub(super) fn by_item(parts: &RowsByItem) -> impl Iterator<Item = (&str, &Rows)> {
    parts.iter().map(|(item, rows)| (item.as_str(), rows))
}

impl Compared {
    /// What is wrong with a response, if other ones have these rows.
    pub(super) fn difference<'a>(
        &self,
        response: impl IntoIterator<Item = (&'a str, &'a Rows)>,
        others: impl IntoIterator<Item = (&'a str, &'a Rows)>,
    ) -> Option<Split> {
        difference_of(&self.by_time(response), &self.by_time(others))
    }

    /// What is wrong with it also when it is requested again, after the others: rows may have arrived late, and values may
    /// have been corrected. A row that is in neither of the earlier ones is new since then, and one that both have is right.
    pub(super) fn lasting_difference<'a>(
        &self,
        response: impl IntoIterator<Item = (&'a str, &'a Rows)>,
        others: impl IntoIterator<Item = (&'a str, &'a Rows)>,
        again: impl IntoIterator<Item = (&'a str, &'a Rows)>,
    ) -> Option<Split> {
        let (first, theirs) = (self.by_time(response), self.by_time(others));
        let mut again = self.by_time(again);
        let bytes = |cells: Option<&Cells<'a>>| cells.map(|cells| cells.bytes());
        again.retain(|row, cells| {
            let (first, theirs) = (first.get(row), theirs.get(row));
            if bytes(first) == bytes(theirs) {
                *cells = *theirs.unwrap_or(cells);
                return theirs.is_some();
            }
            true
        });
        difference_of(&again, &theirs)
    }

    fn by_time<'a>(&self, parts: impl IntoIterator<Item = (&'a str, &'a Rows)>) -> RowsByTime<'a> {
        let mut all = RowsByTime::new();
        parts.into_iter().for_each(|part| self.add(&mut all, part));
        all
    }

    fn add<'a>(&self, all: &mut RowsByTime<'a>, (item, rows): (&'a str, &'a Rows)) {
        let [from, to] = [self.span.0, self.span.1].map(scalar::to_canonical);
        let [begun, ended] = [self.between.0, self.between.1].map(scalar::to_canonical);
        let is_compared = |time: &str| {
            let is_between = begun.as_str() <= time && time <= ended.as_str();
            from.as_str() <= time && time <= to.as_str() && !is_between
        };
        let timed = rows
            .iter()
            .filter_map(|row| Some((row.at(self.column).text()?, row)));
        let compared = timed.filter(|(time, _)| is_compared(time));
        all.extend(compared.map(|(time, row)| ((item, time), row)));
    }
}

fn difference_of(mine: &RowsByTime<'_>, theirs: &RowsByTime<'_>) -> Option<Split> {
    let my_items: BTreeSet<&str> = mine.keys().map(|(item, _)| *item).collect();
    let their_items: BTreeSet<&str> = theirs.keys().map(|(item, _)| *item).collect();
    if !their_items.is_subset(&my_items) {
        return Some(Split::Fewer);
    }
    if theirs.len() > mine.len() {
        return Some(Split::TooMany);
    }
    let newest: BTreeMap<&str, &str> = mine.keys().copied().collect();
    let mut has_changed = false;
    for (row @ (item, time), cells) in mine {
        let is_same = theirs.get(row).map(|other| other.bytes() == cells.bytes());
        match is_same {
            Some(true) => {}
            // It may still change, or be of another item.
            Some(false) if newest.get(item) == Some(time) => has_changed = true,
            Some(false) | None => return Some(Split::Fewer),
        }
    }
    has_changed.then_some(Split::Unproven)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::row::Cell;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    /// `a1=x` is a row of the item `a` at 1 with the value x.
    fn rows(text: &str) -> RowsByItem {
        let mut parts = RowsByItem::new();
        for word in text.split_whitespace() {
            let (row, value) = word.split_once('=').unwrap_or((word, ""));
            let (item, second) = row.split_at(1);
            let at = scalar::to_canonical(time(second.parse().expect("a second")));
            let part = parts.entry(item.to_owned()).or_default();
            part.push(|bytes| {
                Cell::Text(&at).write(bytes);
                Cell::Text(value).write(bytes);
            });
        }
        parts
    }

    #[test]
    fn what_other_responses_show() {
        let (fewer, too_many) = (Some(Split::Fewer), Some(Split::TooMany));
        for (name, response, others, expected) in [
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
            ("no row", "", "a1", fewer),
            ("other rows", "a1 a2 b1", "a1 a3 b1", fewer),
            ("another's value", "a1=x a2=x", "a1=y a2=x", fewer),
            (
                "a newest value that moves",
                "a1=x a2=x b1=x",
                "a1=x a2=y b1=y",
                Some(Split::Unproven),
            ),
            ("rows outside of the time", "a1 a20", "a0 a1 a21 b30", None),
            (
                "a row that was new in between",
                "a1 a9",
                "a1 a7 a8 b8 a9",
                None,
            ),
            ("one of a later time", "a1", "a1 a9", too_many),
        ] {
            let compared = Compared {
                column: 0,
                span: (time(1), time(19)),
                between: (time(7), time(8)),
            };
            let (response, others) = (rows(response), rows(others));
            let found = compared.difference(by_item(&response), by_item(&others));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn what_lasts_when_a_response_is_requested_again() {
        let (fewer, too_many) = (Some(Split::Fewer), Some(Split::TooMany));
        for (name, response, others, again, expected) in [
            ("a late row", "a1 b1", "a1 b1 b2", "a1 b1 b2", None),
            ("the first of its item", "a1", "a1 b1", "a1 b1 b2", None),
            ("a late one in between", "a1", "a1 a3", "a1 a2 a3", None),
            ("newer than all", "a1", "a1 a3", "a1 a3 a4 c1", None),
            ("none", "a1 a2", "a1 a2 a3", "a1 a2", too_many),
            ("another one", "a1", "a1 a3", "a1 a2", too_many),
            ("others drop rows", "a1 a2 a3", "a1 a3", "a1 a2 a3", fewer),
            ("one that was removed", "a1 a2 a3", "a1 a3", "a1 a3", None),
            ("dropped now", "a1 a2", "a1 a2 a3", "a1 a3", too_many),
            ("another item", "a1 a2", "a1 b2", "a1 a2", fewer),
            ("corrected", "a1=x a2", "a1=y a2", "a1=y a2", None),
            (
                "corrected later",
                "a1=x a2",
                "a1=x a2 a3",
                "a1=y a2 a3",
                None,
            ),
            ("another's value", "a1=x a2", "a1=y a2", "a1=x a2", fewer),
        ] {
            let compared = Compared {
                column: 0,
                span: (time(1), time(19)),
                between: (time(20), time(21)),
            };
            let [response, others, again] = [response, others, again].map(rows);
            let [response, others, again] = [&response, &others, &again].map(by_item);
            let found = compared.lasting_difference(response, others, again);
            assert_eq!(found, expected, "{name}");
        }
    }
}
