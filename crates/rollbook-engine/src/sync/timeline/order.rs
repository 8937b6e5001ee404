//! In which order the rows of several items are: which of them a response that was cut silently would lack.
//! Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// What is known of the order of rows.
#[derive(Debug, Default)]
pub(super) struct RowOrder {
    items: BTreeSet<String>,
    last: Option<(String, Option<Timestamp>)>,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// Rows of an item are on both sides of another one's.
    mixes_items: bool,
    /// A row is older than the one before.
    falls: bool,
    /// A row is newer than the one before.
    rises: bool,
    /// A row is older than the one before of the same item.
    falls_in_item: bool,
    /// A row has no time.
    has_untimed: bool,
}

impl RowOrder {
    pub(super) fn add(&mut self, item: String, time: Option<Timestamp>) {
        self.has_untimed |= time.is_none();
        let is_next = match &self.last {
            Some((last, before)) => {
                self.rises |= time > *before;
                self.falls |= time < *before;
                self.falls_in_item |= *last == item && time < *before;
                *last != item
            }
            None => true,
        };
        if is_next {
            self.mixes_items |= !self.items.insert(item.clone());
        }
        self.oldest = self.oldest.into_iter().chain(time).min();
        self.newest = self.newest.max(time);
        self.last = Some((item, time));
    }

    /// A row has no time: nothing says what a cut would have taken.
    pub(super) fn lacks_times(&self) -> bool {
        self.has_untimed
    }

    /// The rows are in no order, which says as little.
    pub(super) fn is_mixed(&self) -> bool {
        self.mixes_items && self.rises && self.falls
    }

    /// The item of which a cut may have left a part, where the rows are item by item.
    pub(super) fn last_of_items(&self) -> Option<&str> {
        let (last, _) = self.last.as_ref().filter(|_| !self.mixes_items)?;
        Some(last)
    }

    /// Whether what a cut takes of an item is its newest rows.
    pub(super) fn rises_in_items(&self) -> bool {
        !self.falls_in_item
    }

    /// The newest time, where a cut takes what is newer: of several items the newest rows are last.
    pub(super) fn newest_if_last(&self) -> Option<Timestamp> {
        self.newest.filter(|_| !self.falls && self.items.len() > 1)
    }

    /// The oldest time, where a cut takes what is older.
    pub(super) fn oldest_if_last(&self) -> Option<Timestamp> {
        self.oldest.filter(|_| !self.rises && self.items.len() > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cut_would_have_taken() {
        let second = |text: u8| Timestamp::from_second(i64::from(text - b'0')).ok();
        for (name, rows, last, newest, oldest, is_unknown) in [
            ("none", "", None, None, None, false),
            ("one item", "a1 a2", Some("a"), None, None, false),
            ("item by item", "a1 a3 b2 b4", Some("b"), None, None, false),
            ("newest first", "b4 b2 a3 a1", Some("a"), None, None, false),
            ("in time", "a1 b1 a2 b3", None, Some("3"), None, false),
            ("back in time", "b3 a2 b1 a1", None, None, Some("1"), false),
            ("one each", "a1 b1", Some("b"), Some("1"), Some("1"), false),
            ("both", "a1 a2 b3", Some("b"), Some("3"), None, false),
            ("in no order", "a2 b1 a3", None, None, None, true),
            ("no time", "a? b1", Some("b"), None, None, true),
        ] {
            let mut order = RowOrder::default();
            for row in rows.split_whitespace() {
                let (item, time) = row.split_at(1);
                let time = time.bytes().find(u8::is_ascii_digit).and_then(second);
                order.add(item.to_owned(), time);
            }
            let time = |text: Option<&str>| text.and_then(|text| second(text.as_bytes()[0]));
            assert_eq!(order.last_of_items(), last, "{name}");
            let is_unknown_here = order.lacks_times() || order.is_mixed();
            assert_eq!(is_unknown_here, is_unknown, "{name}");
            if !is_unknown {
                assert_eq!(order.newest_if_last(), time(newest), "{name}");
                assert_eq!(order.oldest_if_last(), time(oldest), "{name}");
            }
        }
    }
}
