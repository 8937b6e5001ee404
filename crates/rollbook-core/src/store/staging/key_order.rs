//! Whether rows come in the order of their keys, as most lists are sorted.

use std::cmp::Ordering;

use super::keys::{compare_cells, key_bytes_of};
use crate::model::row::{Cells, Rows};

/// The greatest key so far.
#[derive(Default)]
pub(super) struct KeyOrder {
    /// Its cells one behind the other.
    last: Vec<u8>,
}

impl KeyOrder {
    /// Whether the row's key is greater than all before it, as far as the last one shows.
    pub(super) fn is_behind_all(&self, row: Cells<'_>, key: &[usize]) -> bool {
        self.last.is_empty()
            || key
                .iter()
                .zip(Cells::of(&self.last).raw())
                .map(|(index, last)| compare_cells(row.raw_at(*index), last))
                .find(|order| order.is_ne())
                == Some(Ordering::Greater)
    }

    /// Takes the row's key for the last one.
    pub(super) fn note(&mut self, row: Cells<'_>, key: &[usize]) {
        key_bytes_of(row, key, &mut self.last);
    }
}

/// Whether each row of a page has a greater key than the one before it.
pub(super) fn is_ascending(rows: &Rows, key: &[usize]) -> bool {
    let mut order = KeyOrder::default();
    rows.iter().all(|row| {
        let is_behind = order.is_behind_all(row, key);
        order.note(row, key);
        is_behind
    })
}
