//! The keys of a page beside those of the table: their order is the one that SQLite gives values.

use std::cmp::Ordering;

use rusqlite::Row;

use crate::model::row::{Cells, RawCell, Rows};
use crate::store::sql_cells::raw_cell_of;

/// The keys of a page's rows, one behind the other.
pub(super) struct PageKeys<'a> {
    cells: Vec<RawCell<'a>>,
    /// Cells of one key.
    width: usize,
}

impl<'a> PageKeys<'a> {
    pub(super) fn of(rows: &'a Rows, key: &[usize]) -> Self {
        let mut cells = Vec::with_capacity(rows.len() * key.len());
        for row in rows.iter() {
            cells.extend(key.iter().map(|index| row.raw_at(*index)));
        }
        Self {
            cells,
            width: key.len(),
        }
    }

    pub(super) fn at(&self, row: usize) -> &[RawCell<'a>] {
        &self.cells[row * self.width..][..self.width]
    }

    /// The rows' numbers in key order; most lists have it already.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.cells.len() / self.width).collect();
        let is_sorted = self
            .cells
            .chunks_exact(self.width)
            .is_sorted_by(|left, right| compare(left, right) != Ordering::Greater);
        if !is_sorted {
            order.sort_by(|left, right| compare(self.at(*left), self.at(*right)));
        }
        order
    }
}

pub(super) fn key_bytes(cells: Cells<'_>, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    cells.take(length).for_each(|cell| cell.write(&mut bytes));
    bytes
}

fn compare(left: &[RawCell<'_>], right: &[RawCell<'_>]) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| compare_cells(*left, *right))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// The order that SQLite gives values: null, numbers, text by bytes.
pub(super) fn compare_cells(left: RawCell<'_>, right: RawCell<'_>) -> Ordering {
    let class = |cell: RawCell<'_>| match cell {
        RawCell::Null | RawCell::Keep => 0,
        RawCell::Integer(_) | RawCell::Real(_) => 1,
        RawCell::Text(_) => 2,
    };
    match (left, right) {
        (RawCell::Integer(left), RawCell::Integer(right)) => left.cmp(&right),
        (RawCell::Real(left), RawCell::Real(right)) => left.total_cmp(&right),
        (RawCell::Text(left), RawCell::Text(right)) => left.cmp(right),
        _ => class(left).cmp(&class(right)),
    }
}

pub(super) fn compare_row(key: &[RawCell<'_>], row: &Row<'_>) -> rusqlite::Result<Ordering> {
    for (number, cell) in key.iter().enumerate() {
        let order = compare_cells(*cell, raw_cell_of(row.get_ref(number)?));
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(Ordering::Equal)
}

/// Writes the cells of a row's key into `bytes`.
pub(super) fn key_bytes_of(row: Cells<'_>, key: &[usize], bytes: &mut Vec<u8>) {
    bytes.clear();
    key.iter()
        .for_each(|index| bytes.extend_from_slice(row.bytes_at(*index)));
}
