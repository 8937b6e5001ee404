//! What a walk found besides the rows.

use std::collections::BTreeMap;

use jiff::Timestamp;

use rollbook_core::model::row::{Reject, Rows};
use rollbook_core::model::{Adaptation, Unlisted};
use rollbook_core::store::PageRows;

/// What a walk found, besides the rows.
#[derive(Debug, Default)]
pub struct WalkFacts {
    /// Answers that held rows.
    pub pages: u64,
    /// Rows received, equal duplicates and rejected ones too.
    pub received: u64,
    /// Those of them that are of erased people.
    pub suppressed: u64,
    /// The greatest value of the stream's change column, or of its window's.
    pub newest: Option<Timestamp>,
    /// The server's time at the first request.
    pub server_time: Option<Timestamp>,
    /// Members that no column lists.
    pub unlisted: Unlisted,
    /// Rejected rows, by what is wrong with them.
    pub rejects: BTreeMap<Reject, u64>,
    /// Rejects whose key could not be read.
    pub unidentified: u64,
    /// Cells that could not be read, by column and reason.
    pub unreadable: BTreeMap<(u32, String), u64>,
    /// How many values other than null each column has.
    pub values: Vec<u64>,
    /// The list's declared size.
    pub total: Option<u64>,
    /// What this walk found out of the stream's parameters.
    pub adaptation: Option<Adaptation>,
    /// What an admin should know of the list.
    pub notes: Vec<String>,
}

impl WalkFacts {
    /// Adds another walk's facts.
    pub fn add(&mut self, other: Self) {
        self.pages += other.pages;
        self.received += other.received;
        self.suppressed += other.suppressed;
        self.unidentified += other.unidentified;
        self.newest = self.newest.max(other.newest);
        self.server_time = match (self.server_time, other.server_time) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self.unlisted.add(other.unlisted);
        for (reason, rows) in other.rejects {
            *self.rejects.entry(reason).or_default() += rows;
        }
        self.total = match (self.total, other.total) {
            (Some(one), Some(two)) => Some(one + two),
            (one, two) => one.or(two),
        };
        for (cell, times) in other.unreadable {
            *self.unreadable.entry(cell).or_default() += times;
        }
        self.add_values(other.values);
        self.adaptation = other.adaptation.or(self.adaptation.take());
        for note in other.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// Counts what there is to report of a page.
    pub(super) fn count_page(&mut self, page: &PageRows) {
        page.rows.outlines().for_each(|rows| self.count(rows));
        for rows in page.rows.seen() {
            self.add_values(rows.values().iter().copied().map(u64::from));
        }
    }

    /// Counts a page's rejects, unreadable cells and values.
    fn count(&mut self, rows: &Rows) {
        self.unidentified += rows.problems.unidentified();
        self.suppressed += rows.suppressed() as u64;
        for (reject, rows) in rows.problems.rejects() {
            *self.rejects.entry(reject.clone()).or_default() += rows;
        }
        for (cell, times) in rows.problems.cells() {
            *self.unreadable.entry(cell.clone()).or_default() += times;
        }
        self.add_values(rows.values.iter().map(|values| u64::from(*values)));
    }

    fn add_values(&mut self, values: impl IntoIterator<Item = u64>) {
        for (column, values) in values.into_iter().enumerate() {
            match self.values.get_mut(column) {
                Some(so_far) => *so_far += values,
                None => self.values.push(values),
            }
        }
    }

    /// The rejects as the store records them.
    pub fn rejects(&self) -> Vec<(Reject, u64)> {
        let rejects = self.rejects.iter();
        rejects
            .map(|(reject, rows)| (reject.clone(), *rows))
            .collect()
    }
}
