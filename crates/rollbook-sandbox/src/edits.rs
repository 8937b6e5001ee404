//! Rows inserted, deleted or changed between two pages of a list.
//!
//! A test schedules them: "after page 2 of users, delete the first row". An edit is permanent; the
//! next reading sees it too.

use std::sync::Mutex;

/// An edit of a collection; positions are in serving order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new row appears at this position.
    Insert(usize),
    /// The row at this position is deleted.
    Delete(usize),
    /// The row at this position is changed.
    Touch(usize),
}

#[derive(Debug)]
struct PendingEdit {
    collection: String,
    pages_left: u64,
    change: Change,
}

/// Scheduled and applied edits.
#[derive(Debug, Default)]
pub struct Edits {
    pending: Mutex<Vec<PendingEdit>>,
    applied: Mutex<Vec<(String, Change)>>,
}

impl Edits {
    /// Schedules a change after this many more pages of a collection; zero applies it at once.
    pub fn after_page(&self, collection: &str, page: u64, change: Change) {
        if page == 0 {
            if let Ok(mut applied) = self.applied.lock() {
                applied.push((collection.to_owned(), change));
            }
        } else if let Ok(mut pending) = self.pending.lock() {
            pending.push(PendingEdit {
                collection: collection.to_owned(),
                pages_left: page,
                change,
            });
        }
    }

    /// Counts a served page of a collection.
    pub(crate) fn page_served(&self, collection: &str) {
        let (Ok(mut pending), Ok(mut applied)) = (self.pending.lock(), self.applied.lock()) else {
            return;
        };
        for edit in pending
            .iter_mut()
            .filter(|edit| edit.collection == collection)
        {
            edit.pages_left -= 1;
            if edit.pages_left == 0 {
                applied.push((edit.collection.clone(), edit.change));
            }
        }
        pending.retain(|edit| edit.pages_left > 0);
    }

    /// Applies the edits to the rows of a collection, in serving order.
    ///
    /// `renew` gives an inserted row an id of its own (from its number), and `touch` changes a row.
    pub(crate) fn apply<T: Clone>(
        &self,
        collection: &str,
        rows: &mut Vec<T>,
        renew: impl Fn(&mut T, usize),
        touch: impl Fn(&mut T, usize),
    ) {
        let Ok(applied) = self.applied.lock() else {
            return;
        };
        for (number, (_, change)) in applied
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| name == collection)
        {
            match *change {
                Change::Insert(at) if !rows.is_empty() => {
                    let mut row = rows[0].clone();
                    renew(&mut row, number);
                    rows.insert(at.min(rows.len()), row);
                }
                Change::Delete(at) if at < rows.len() => {
                    rows.remove(at);
                }
                Change::Touch(at) if at < rows.len() => touch(&mut rows[at], number),
                Change::Insert(_) | Change::Delete(_) | Change::Touch(_) => {}
            }
        }
    }
}
