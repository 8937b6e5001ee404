//! The rows of a bundle that `rollbook serve` serves: with the time at which each changed, and for a while those that left.
//!
//! A row that left stays in its place, so that a list never gets shorter in front of a program that reads it page by page.
//! After an erasure nothing but the key is kept of such rows.

use std::ops::ControlFlow;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::kept::{KeptRow, ServedUpdate};
use crate::model::{BundleName, scalar};
use crate::store::error::StoreError;

/// A row that is served.
#[derive(Debug, PartialEq, Eq)]
pub struct ServedRow<'a> {
    /// The file that it is of.
    pub file: &'a str,
    /// When it changed or left, UTC.
    pub changed: &'a str,
    /// Whether it left.
    pub is_removed: bool,
    /// The values of its key by column, as JSON.
    pub id: &'a str,
    /// The other ones; `None` if they were erased.
    pub row: Option<&'a str>,
}

/// Passes each row of a bundle to `each`, in the order of the files' names, until it breaks.
///
/// # Errors
/// When the mirror cannot be read.
pub fn served_rows<B>(
    connection: &Connection,
    bundle: &BundleName,
    mut each: impl FnMut(ServedRow<'_>) -> ControlFlow<B>,
) -> Result<Option<B>, StoreError> {
    let what = StoreError::sql("read the rows that are served");
    let sql = "SELECT file, changed, removed, id, row FROM rollbook_served_rows WHERE bundle = ?1 ORDER BY file";
    let mut statement = connection.prepare(sql).map_err(&what)?;
    let mut rows = statement.query([bundle]).map_err(&what)?;
    while let Some(row) = rows.next().map_err(&what)? {
        let served = |index: usize| row.get_ref(index).and_then(|value| Ok(value.as_str()?));
        let end = each(ServedRow {
            file: served(0).map_err(&what)?,
            changed: served(1).map_err(&what)?,
            is_removed: row.get(2).map_err(&what)?,
            id: served(3).map_err(&what)?,
            row: row
                .get_ref(4)
                .and_then(|value| Ok(value.as_str_or_null()?))
                .map_err(&what)?,
        });
        if let ControlFlow::Break(end) = end {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// When the first of the rows of a bundle left that are still served as removed ones.
///
/// # Errors
/// When the mirror cannot be read.
pub fn first_removed(
    connection: &Connection,
    bundle: &BundleName,
) -> Result<Option<Timestamp>, StoreError> {
    connection
        .prepare_cached(
            "SELECT min(changed) FROM rollbook_served_rows WHERE bundle = ?1 AND removed",
        )
        .and_then(|mut statement| {
            statement.query_row([bundle], |row| row.get::<_, Option<String>>(0))
        })
        .map(|first| first.as_deref().and_then(scalar::parse))
        .map_err(StoreError::sql("look for rows that left"))
}

/// Keeps new and changed rows, and marks those that left.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    bundle: &BundleName,
    rows: &[KeptRow],
    update: ServedUpdate,
) -> rusqlite::Result<()> {
    let at = scalar::to_canonical(update.at);
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO rollbook_served_rows (bundle, file, key, changed, removed, id, row) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)",
    )?;
    let mut remove = transaction.prepare_cached(
        "UPDATE rollbook_served_rows SET removed = 1, changed = ?4, row = iif(?5, NULL, row) WHERE bundle = ?1 AND file = ?2 AND key = ?3",
    )?;
    for kept in rows {
        let (file, key) = (&kept.file, kept.key);
        match &kept.row {
            Some(row) => insert.execute(params![bundle, file, key, at, row.id, row.values])?,
            None => remove.execute(params![bundle, file, key, at, update.is_erased])?,
        };
    }
    transaction
        .execute(
            "DELETE FROM rollbook_served_rows WHERE bundle = ?1 AND removed AND changed < ?2",
            params![bundle, scalar::to_canonical(update.removed_since)],
        )
        .map(drop)
}

/// Forgets the rows of a bundle that is not served any more.
pub(super) fn forget(transaction: &Transaction<'_>, bundle: &BundleName) -> rusqlite::Result<()> {
    let sql = "DELETE FROM rollbook_served_rows WHERE bundle = ?1";
    transaction.execute(sql, [bundle]).map(drop)
}

/// Forgets the values of rows that left.
pub(super) fn cut_removed(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "UPDATE rollbook_served_rows SET row = NULL WHERE removed";
    connection.execute(sql, []).map(drop)
}
