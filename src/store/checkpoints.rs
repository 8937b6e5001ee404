//! What was written down of a stream, or of one item of it: how far it was read, and when.
//!
//! Saved in the transaction that applies the rows, so it is never ahead of them.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::table::Table;

/// How far a stream, or one item of `for_each`, was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The change time, or the last point's time, up to which all is known; as the mirror writes it.
    pub cursor: Option<String>,
    /// Where the first walk through time started.
    pub walked_from: Option<String>,
    /// When it was last read in full.
    pub full_at: Option<String>,
    /// When an older span was last read again.
    pub again_at: Option<String>,
    /// The values that, as long as they stay, mean nothing new.
    pub same: Option<String>,
}

/// All checkpoints of a stream by item; the stream's own has the empty name.
pub fn load(
    connection: &Connection,
    table: &Table,
) -> Result<BTreeMap<String, Checkpoint>, StoreError> {
    let what = StoreError::sql("read the checkpoints");
    let mut statement = connection
        .prepare_cached(
            "SELECT item, cursor, walked_from, full_at, again_at, same FROM rollbook_checkpoints WHERE source = ?1 AND stream = ?2",
        )
        .map_err(&what)?;
    statement
        .query_map(params![table.source, table.stream], |row| {
            let checkpoint = Checkpoint {
                cursor: row.get(1)?,
                walked_from: row.get(2)?,
                full_at: row.get(3)?,
                again_at: row.get(4)?,
                same: row.get(5)?,
            };
            Ok((row.get(0)?, checkpoint))
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// Writes one checkpoint.
pub fn save(
    connection: &Connection,
    table: &Table,
    item: &str,
    checkpoint: &Checkpoint,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO rollbook_checkpoints VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                table.source,
                table.stream,
                item,
                checkpoint.cursor,
                checkpoint.walked_from,
                checkpoint.full_at,
                checkpoint.again_at,
                checkpoint.same
            ])
        })
        .map(drop)
        .map_err(StoreError::sql("write a checkpoint"))
}

/// Forgets all checkpoints of a stream, so that it is read anew.
pub fn forget(connection: &Connection, table: &Table) -> Result<(), StoreError> {
    connection
        .execute(
            "DELETE FROM rollbook_checkpoints WHERE source = ?1 AND stream = ?2",
            params![table.source, table.stream],
        )
        .map(drop)
        .map_err(StoreError::sql("forget the checkpoints"))
}
