//! The keys of a page beside those of the table: their order is the one that SQLite gives values.

use std::cmp::Ordering;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::model::row::{Cell, Cells, Rows};
use crate::store::sql_cells::cell_of;

/// The keys of a page's rows, one behind the other.
pub(super) struct PageKeys<'a> {
    cells: Vec<Cell<'a>>,
    /// Cells of one key.
    width: usize,
}

impl<'a> PageKeys<'a> {
    pub(super) fn of(rows: &'a Rows, key: &[usize]) -> Self {
        let mut cells = Vec::with_capacity(rows.len() * key.len());
        for row in rows.iter() {
            cells.extend(key.iter().map(|index| row.at(*index)));
        }
        Self {
            cells,
            width: key.len(),
        }
    }

    pub(super) fn at(&self, row: usize) -> &[Cell<'a>] {
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

fn compare(left: &[Cell<'_>], right: &[Cell<'_>]) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| compare_cells(*left, *right))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// The order that SQLite gives values: null, numbers, text by bytes.
pub(super) fn compare_cells(left: Cell<'_>, right: Cell<'_>) -> Ordering {
    let class = |cell: Cell<'_>| match cell {
        Cell::Null | Cell::Keep => 0,
        Cell::Integer(_) | Cell::Real(_) => 1,
        Cell::Text(_) => 2,
    };
    match (left, right) {
        (Cell::Integer(left), Cell::Integer(right)) => left.cmp(&right),
        (Cell::Real(left), Cell::Real(right)) => left.total_cmp(&right),
        (Cell::Text(left), Cell::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        _ => class(left).cmp(&class(right)),
    }
}

pub(super) fn compare_row(key: &[Cell<'_>], row: &Row<'_>) -> rusqlite::Result<Ordering> {
    for (number, cell) in key.iter().enumerate() {
        let order = match (*cell, row.get_ref(number + 2)?) {
            (Cell::Text(left), ValueRef::Text(right)) => left.as_bytes().cmp(right),
            (Cell::Integer(left), ValueRef::Integer(right)) => left.cmp(&right),
            (left, right) => compare_cells(left, cell_of(right)),
        };
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(Ordering::Equal)
}

/// Writes the cells of a row's key into `bytes`.
pub(super) fn key_bytes_of(row: Cells<'_>, key: &[usize], bytes: &mut Vec<u8>) {
    bytes.clear();
    key.iter().for_each(|index| row.at(*index).write(bytes));
}
