//! The rows of a page beside those of the table: both are walked in the order of their keys.

use std::cmp::Ordering;

use rusqlite::Row;

use super::Staging;
use super::keys::{PageKeys, compare_row};
use crate::model::Table;
use crate::model::row::{Cells, Rows};
use crate::store::sql_cells::{SqlRawCell, read_cells};

/// The most rows of the table to scan between two rows of a page before a new search is cheaper.
const MAX_LINEAR_SCAN: u32 = 16;

/// A row of the table with the key of a received one.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredRow {
    /// Its row number; that of its key in a table without row numbers.
    pub number: i64,
    pub fingerprint: i64,
}

/// What [`Table::walk_sql`] found. A point carries no fingerprint, so `point` is filled with its cells.
fn known(row: &Row<'_>, table: &Table, point: &mut Vec<u8>) -> rusqlite::Result<StoredRow> {
    let first = table.key.len();
    if !table.series {
        return Ok(StoredRow {
            number: row.get(first)?,
            fingerprint: row.get(first + 1)?,
        });
    }
    point.clear();
    read_cells(row, first, table.columns.len(), point)?;
    let cells = Cells::of(point);
    Ok(StoredRow {
        number: cells.fingerprint_of(&table.key) as i64,
        fingerprint: cells.fingerprint(),
    })
}

/// Calls `found` with the rows of a page that have the key of a row of the table; returns whether there were any.
fn match_row(
    row: &Row<'_>,
    keys: &PageKeys<'_>,
    order: &[usize],
    next: &mut usize,
    mut found: impl FnMut(usize) -> rusqlite::Result<()>,
) -> rusqlite::Result<bool> {
    let mut hit = false;
    while let Some(index) = order.get(*next) {
        match compare_row(keys.at(*index), row)? {
            Ordering::Less => *next += 1,
            Ordering::Equal => {
                found(*index)?;
                hit = true;
                *next += 1;
            }
            Ordering::Greater => break,
        }
    }
    Ok(hit)
}

impl Staging {
    /// For each row of the page the table's row with the same key.
    pub(super) fn matches(&mut self, rows: &Rows) -> rusqlite::Result<Vec<Option<StoredRow>>> {
        let mut found = vec![None; rows.len()];
        if self.live == 0 || rows.is_empty() {
            return Ok(found);
        }
        let keys = PageKeys::of(rows, &self.table.key);
        let order = keys.order();
        let mut walk = self.mirror.prepare_cached(&self.table.walk_sql())?;
        let mut next = 0;
        while next < order.len() {
            for (number, cell) in keys.at(order[next]).iter().enumerate() {
                walk.raw_bind_parameter(number + 1, SqlRawCell(*cell))?;
            }
            let mut table_rows = walk.raw_query();
            let mut scanned = 0;
            loop {
                let Some(row) = table_rows.next()? else {
                    return Ok(found);
                };
                let hit = match_row(row, &keys, &order, &mut next, |index| {
                    found[index] = Some(known(row, &self.table, &mut self.point)?);
                    Ok(())
                })?;
                if next >= order.len() {
                    return Ok(found);
                }
                scanned = if hit { 0 } else { scanned + 1 };
                if scanned > MAX_LINEAR_SCAN {
                    break;
                }
            }
        }
        Ok(found)
    }
}
