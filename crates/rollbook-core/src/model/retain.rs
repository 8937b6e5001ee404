//! How long rows are kept after a date of their own.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::row::Cells;
use super::scalar;

/// A stream's rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retain {
    /// The column with dates or times.
    pub column: usize,
    /// How long after them a row is kept.
    pub length: Duration,
}

impl Retain {
    /// The rows that are kept no longer at this time.
    pub fn at(self, now: Timestamp) -> Expiry {
        Expiry {
            column: self.column,
            before: scalar::to_canonical(self.oldest(now)),
        }
    }

    /// The oldest time that is kept.
    pub fn oldest(self, now: Timestamp) -> Timestamp {
        let length = SignedDuration::try_from(self.length).unwrap_or(SignedDuration::MAX);
        scalar::saturating_add(now, -length)
    }
}

/// Rows whose date or time in `column` is before `before` are kept no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The column.
    pub column: usize,
    /// A time in the mirror's format. A date is less than each of its times as a text, and it is its first moment.
    pub before: String,
}

impl Expiry {
    /// Whether a row is kept no longer.
    pub fn is_over(&self, row: Cells<'_>) -> bool {
        let date = row.at(self.column).text();
        date.is_some_and(|date| date < self.before.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::Cell;

    #[test]
    fn rows_end_after_their_date() {
        let rule = Retain {
            column: 1,
            length: Duration::from_secs(2 * 365 * 24 * 60 * 60),
        };
        let expiry = rule.at("2026-03-02T07:00:00Z".parse().expect("a time"));
        for (date, is_over) in [
            (Cell::Text("2024-03-01"), true),
            (Cell::Text("2024-03-02"), true),
            (Cell::Text("2024-03-03"), false),
            (Cell::Text("2024-03-02T06:59:59.999Z"), true),
            (Cell::Text("2024-03-02T07:00:00.000Z"), false),
            (Cell::Text("9999-12-31"), false),
            (Cell::Null, false),
        ] {
            let mut row = Vec::new();
            Cell::Integer(7).write(&mut row);
            date.write(&mut row);
            assert_eq!(expiry.is_over(Cells::of(&row)), is_over, "{date:?}");
        }
    }
}
