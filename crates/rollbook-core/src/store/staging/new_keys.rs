//! The new keys of a reading, to notice duplicates.
//!
//! Most lists are sorted by key. While each new key is greater than the previous one, only the last is kept; after that
//! all are loaded from the staged rows.

use std::ops::ControlFlow;

use super::key_order::KeyOrder;
use super::key_set::KeySet;
use super::stage::entries_of;
use super::{Mark, Staging};
use crate::model::row::Cells;

/// The new keys of one reading.
#[derive(Default)]
pub(super) struct NewKeys {
    order: KeyOrder,
    /// All of them, once they were not in order.
    all: Option<KeySet>,
}

impl Staging {
    /// Whether a key that the table does not hold is received for the first time. A removed row is not recorded.
    pub(super) fn is_first(&mut self, row: Cells<'_>, removed: bool) -> rusqlite::Result<bool> {
        let key = &self.table.key;
        if self.new_keys.all.is_none() {
            if self.new_keys.order.is_behind_all(row, key) {
                if !removed {
                    self.new_keys.order.note(row, key);
                }
                return Ok(true);
            }
            self.new_keys.all = Some(self.staged_keys()?);
        }
        let number = row.fingerprint_of(key);
        let all = self.new_keys.all.get_or_insert_default();
        match removed {
            true => all.contains(number).map(|known| !known),
            false => all.insert(number),
        }
    }

    /// The keys of all staged new rows, including those of the current page.
    fn staged_keys(&self) -> rusqlite::Result<KeySet> {
        let mut keys = KeySet::default();
        let mut note = |mark: Mark, row: Cells<'_>| {
            if mark == Mark::New {
                keys.insert(row.fingerprint_of(&self.table.key))?;
            }
            Ok(ControlFlow::Continue(()))
        };
        self.stage.each(&mut note)?;
        for (mark, row) in entries_of(&self.entries) {
            _ = note(mark, row)?;
        }
        Ok(keys)
    }
}
