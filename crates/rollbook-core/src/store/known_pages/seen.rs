//! Rows of a page that the table has: they are received without being decoded.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};
use xxhash_rust::xxh3::xxh3_64;

use super::KnownPages;
use crate::model::Table;
use crate::model::row::{Cells, Rows};
use crate::store::error::StoreError;
use crate::store::sql_cells::{SqlRawCell, read_cells};

/// Some rows of a page, in their order.
pub enum PagePart {
    /// As they were decoded.
    Decoded(Box<Rows>),
    /// As the table has them.
    Seen(SeenRows),
}

/// A row of the table that a page has too.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct SeenRow {
    pub number: i64,
    pub fingerprint: i64,
    /// The number of its key, as [`Cells::fingerprint_of`] makes it.
    pub key: u64,
}

/// Whether rows are those of a digest.
pub(super) fn are(rows: &[SeenRow], digest: i64) -> bool {
    digest_of(rows.iter().map(|row| row.fingerprint)) == digest
}

/// Rows of a page that the table has, one behind the other.
pub struct SeenRows {
    pages: Arc<KnownPages>,
    rows: Vec<SeenRow>,
    bytes: usize,
    values: Vec<u32>,
}

impl SeenRows {
    /// `bytes`: of the rows as cells; `values`: how many other than null each column has.
    pub(super) fn new(
        pages: &Arc<KnownPages>,
        rows: Vec<SeenRow>,
        (bytes, values): (usize, Vec<u32>),
    ) -> Self {
        Self {
            pages: Arc::clone(pages),
            rows,
            bytes,
            values,
        }
    }

    /// How many values other than null each column has.
    pub fn values(&self) -> &[u32] {
        &self.values
    }

    /// The fingerprint of each row.
    pub fn fingerprints(&self) -> impl ExactSizeIterator<Item = i64> {
        self.rows.iter().map(|row| row.fingerprint)
    }

    /// The numbers of the keys of the first row and the last one, as [`Cells::fingerprint_of`] makes them.
    pub fn ends(&self) -> Option<(u64, u64)> {
        Some((self.rows.first()?.key, self.rows.last()?.key))
    }

    pub(in crate::store) fn rows(&self) -> &[SeenRow] {
        &self.rows
    }

    /// The bytes of the rows as cells.
    pub(in crate::store) fn byte_count(&self) -> usize {
        self.bytes
    }

    /// The rows themselves.
    pub(in crate::store) fn read(&self) -> Result<Rows, StoreError> {
        let what = StoreError::sql("read a known page");
        let reader = self.pages.store.reader()?;
        let mut rows = Rows::with_room(self.bytes);
        for row in &self.rows {
            let cells = cells_at(&reader, &self.pages.table, row.number).map_err(&what)?;
            // It was there just now.
            let cells = cells
                .ok_or(rusqlite::Error::QueryReturnedNoRows)
                .map_err(&what)?;
            rows.push(|bytes| bytes.extend_from_slice(&cells));
        }
        rows.values.clone_from(&self.values);
        Ok(rows)
    }
}

/// The rows of the table from the one with a number on, in the order of their keys, and no more than `count`.
pub(super) fn rows_from(
    mirror: &Connection,
    table: &Table,
    first: i64,
    count: usize,
) -> rusqlite::Result<Vec<SeenRow>> {
    let Some(first) = read_at(mirror, &table.key_at_sql(), table.key.len(), first)? else {
        return Ok(Vec::new());
    };
    let width = table.key.len();
    let of_key: Vec<usize> = (0..width).collect();
    let mut walk = mirror.prepare_cached(&table.walk_sql())?;
    for (number, cell) in (1..).zip(Cells::of(&first).raw()) {
        walk.raw_bind_parameter(number, SqlRawCell(cell))?;
    }
    let mut found = Vec::with_capacity(count);
    let mut key = Vec::new();
    let mut stored = walk.raw_query();
    while found.len() < count {
        let Some(row) = stored.next()? else { break };
        key.clear();
        read_cells(row, 0, width, &mut key)?;
        found.push(SeenRow {
            number: row.get(width)?,
            fingerprint: row.get(width + 1)?,
            key: Cells::of(&key).fingerprint_of(&of_key),
        });
    }
    Ok(found)
}

/// All cells of the row with a number.
pub(in crate::store) fn cells_at(
    mirror: &Connection,
    table: &Table,
    number: i64,
) -> rusqlite::Result<Option<Vec<u8>>> {
    read_at(mirror, &table.row_at_sql(), table.columns.len(), number)
}

fn read_at(
    mirror: &Connection,
    sql: &str,
    count: usize,
    number: i64,
) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut cells = Vec::new();
    mirror
        .prepare_cached(sql)?
        .query_row([number], |row| read_cells(row, 0, count, &mut cells))
        .optional()
        .map(|found| found.map(|()| cells))
}

/// A hash of rows' fingerprints.
pub(super) fn digest_of(fingerprints: impl ExactSizeIterator<Item = i64>) -> i64 {
    let mut bytes = Vec::with_capacity(8 * fingerprints.len());
    fingerprints.for_each(|print| bytes.extend_from_slice(&print.to_le_bytes()));
    xxh3_64(&bytes) as i64
}
