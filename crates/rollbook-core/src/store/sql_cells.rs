//! Cells of rows, and the values that SQLite has for them.

use rusqlite::Row;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use crate::model::row::{Cell, RawCell};

/// A value of SQLite as a cell; a mirror holds no blobs.
pub(super) fn cell_of(value: ValueRef<'_>) -> Cell<'_> {
    raw_cell_of(value).cell().unwrap_or(Cell::Null)
}

/// The same, unlooked at.
pub(super) fn raw_cell_of(value: ValueRef<'_>) -> RawCell<'_> {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => RawCell::Null,
        ValueRef::Integer(number) => RawCell::Integer(number),
        ValueRef::Real(number) => RawCell::Real(number),
        ValueRef::Text(text) => RawCell::Text(text),
    }
}

/// Appends `count` columns of a row, from `first` on, as cells.
pub(super) fn read_cells(
    row: &Row<'_>,
    first: usize,
    count: usize,
    bytes: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    for index in first..first + count {
        cell_of(row.get_ref(index)?).write(bytes);
    }
    Ok(())
}

/// A cell that SQLite can bind, unlooked at.
pub(super) struct SqlRawCell<'a>(pub RawCell<'a>);

impl ToSql for SqlRawCell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        value_of(self.0)
    }
}

fn value_of(cell: RawCell<'_>) -> rusqlite::Result<ToSqlOutput<'_>> {
    Ok(ToSqlOutput::Borrowed(match cell {
        RawCell::Null | RawCell::Keep => ValueRef::Null,
        RawCell::Integer(number) => ValueRef::Integer(number),
        RawCell::Real(number) => ValueRef::Real(number),
        RawCell::Text(text) => ValueRef::Text(text),
    }))
}

/// A cell that SQLite can bind.
pub(super) struct SqlCell<'a>(pub Cell<'a>);

impl ToSql for SqlCell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        value_of(self.0.into())
    }
}
