//! What could not be read of a page's rows.
//!
//! A page may hold millions of such rows, so they are counted by what is wrong, and only the first are named.

use std::collections::BTreeMap;

/// At most so many rows and cells of a page are named.
const MAX_NAMED: usize = 1000;

/// Why a row could not be taken, without its content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject {
    /// Where in the row, as the connector writes it.
    pub path: String,
    /// What was found instead, by type; never the value.
    pub reason: String,
}

/// A row or a cell that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedProblem {
    /// The row of the page: its own, or the one that represents a reject whose key could be read (the row exists, and
    /// nothing else is known of it).
    pub row: Option<u32>,
    /// What of it.
    pub at: ProblemAt,
    /// What was found instead, by type; never the value.
    pub reason: String,
}

/// What of a row could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemAt {
    /// A path without which the row is a reject.
    Row(String),
    /// The cell of a column, by number: the row is taken, and the column keeps its last value.
    Cell(u32),
}

/// Rows and cells that could not be read.
#[derive(Clone, Debug, Default)]
pub struct RowProblems {
    rejects: BTreeMap<Reject, u64>,
    unidentified: u64,
    unreadable: BTreeMap<(u32, String), u64>,
    first: Vec<NamedProblem>,
}

impl RowProblems {
    /// A row could not be taken; `row` represents it if its key could be read.
    pub fn reject(&mut self, reject: Reject, row: Option<u32>) {
        self.unidentified += u64::from(row.is_none());
        self.name(row, ProblemAt::Row(reject.path.clone()), &reject.reason);
        *self.rejects.entry(reject).or_default() += 1;
    }

    /// A cell of a row that was taken could not be read.
    pub fn unreadable(&mut self, row: u32, column: u32, reason: String) {
        self.name(Some(row), ProblemAt::Cell(column), &reason);
        *self.unreadable.entry((column, reason)).or_default() += 1;
    }

    fn name(&mut self, row: Option<u32>, at: ProblemAt, reason: &str) {
        if self.first.len() < MAX_NAMED {
            let reason = reason.to_owned();
            self.first.push(NamedProblem { row, at, reason });
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rejects.is_empty() && self.unreadable.is_empty()
    }

    /// Rejected rows, by what is wrong with them.
    pub fn rejects(&self) -> &BTreeMap<Reject, u64> {
        &self.rejects
    }

    /// All rejected rows.
    pub fn rejected(&self) -> u64 {
        self.rejects.values().sum()
    }

    /// Rejects whose key could not be read.
    pub fn unidentified(&self) -> u64 {
        self.unidentified
    }

    /// Cells that could not be read, by column and reason.
    pub fn cells(&self) -> &BTreeMap<(u32, String), u64> {
        &self.unreadable
    }

    /// The first rows and cells in their order.
    pub fn first(&self) -> &[NamedProblem] {
        &self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_named() {
        let mut problems = RowProblems::default();
        for row in 0..3000 {
            let reject = Reject {
                path: "id".to_owned(),
                reason: "missing".to_owned(),
            };
            problems.reject(reject, (row % 3 == 0).then_some(row));
            problems.unreadable(row, 1, "expected integer".to_owned());
        }
        assert_eq!((problems.rejected(), problems.unidentified()), (3000, 2000));
        assert_eq!(problems.rejects().len(), 1);
        assert_eq!(problems.cells().values().sum::<u64>(), 3000);
        assert_eq!(problems.first().len(), MAX_NAMED);
        assert_eq!(problems.first()[1].at, ProblemAt::Cell(1));
    }
}
