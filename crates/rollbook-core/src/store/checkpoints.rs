//! What was written down of a stream, or of one item of it: how far it was read, and when.
//!
//! Saved in the transaction that applies the rows, so it is never ahead of them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::StoreError;
use crate::model::absence::{Memory, TotalOff};
use crate::model::scalar;
use crate::model::{SourceName, Table};

/// How far a stream, or one item of `for_each`, was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The change time, or the last point's time, up to which all is known.
    pub cursor: Option<Timestamp>,
    /// Where the first walk through time started.
    pub walked_from: Option<Timestamp>,
    /// Up to which time the last complete walk through time found nothing behind the cursor.
    pub walked_to: Option<Timestamp>,
    /// The length of a step through time that worked, where it is shorter than the connector's.
    pub step: Option<Duration>,
    /// How many rows of a series were ever new.
    pub rows: i64,
    /// By how much the vendor's own number of rows is greater than the received one, where no reading changes that.
    pub count_gap: Option<i64>,
    /// When a series was last read from its start because of that number.
    pub recounted_at: Option<Timestamp>,
    /// Rows of a series were taken from responses for several since it was last begun from its start.
    pub shared: bool,
    /// When it was last read in full.
    pub full_at: Option<Timestamp>,
    /// When an older span was last read again.
    pub reread_at: Option<Timestamp>,
    /// The values that, as long as they stay, mean nothing new.
    pub same: Option<String>,
    /// What is remembered of the stream's full readings.
    pub memory: Memory,
    /// What the stream was read for in full: another number means other items.
    pub items: i64,
    /// The generation of the source's account that it belongs to ([`super::accounts`]).
    pub account: i64,
}

impl Checkpoint {
    /// Whether a series is being read from its start because of the vendor's number, in this run or an earlier one.
    pub fn is_recounted(&self) -> bool {
        self.recounted_at.is_some() && self.count_gap.is_none()
    }
}

/// Whether a stream was ever read, by any account.
pub fn was_read(
    connection: &Connection,
    source: &SourceName,
    stream: &str,
) -> Result<bool, StoreError> {
    connection
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM rollbook_checkpoints WHERE source = ?1 AND stream = ?2)",
            params![source, stream],
            |row| row.get(0),
        )
        .map_err(StoreError::sql("find whether a stream was read"))
}

/// All checkpoints of a stream by item; the stream's own has the empty name. Those of another account are not valid and
/// left out.
pub fn load(
    connection: &Connection,
    table: &Table,
    account: i64,
) -> Result<BTreeMap<String, Checkpoint>, StoreError> {
    let what = StoreError::sql("read the checkpoints");
    let mut statement = connection
        .prepare_cached(
            "SELECT item, cursor, walked_from, full_at, reread_at, same, duplicates, largest_page, total_off, total_off_since, account, items, \
             walked_to, step_seconds, rows, count_gap, recounted_at, shared \
             FROM rollbook_checkpoints WHERE source = ?1 AND stream = ?2 AND account = ?3",
        )
        .map_err(&what)?;
    statement
        .query_map(params![table.source, table.stream, account], |row| {
            let checkpoint = Checkpoint {
                cursor: time(row, 1)?,
                walked_from: time(row, 2)?,
                full_at: time(row, 3)?,
                reread_at: time(row, 4)?,
                same: row.get(5)?,
                memory: memory_of(row)?,
                account: row.get(10)?,
                items: row.get(11)?,
                walked_to: time(row, 12)?,
                step: row.get::<_, Option<u64>>(13)?.map(Duration::from_secs),
                rows: row.get(14)?,
                count_gap: row.get(15)?,
                recounted_at: time(row, 16)?,
                shared: row.get(17)?,
            };
            Ok((row.get(0)?, checkpoint))
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// A time as the mirror writes it; one that cannot be read is none.
fn time(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.as_deref().and_then(scalar::parse))
}

fn memory_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Memory> {
    let difference: Option<i64> = row.get(8)?;
    let since = time(row, 9)?;
    Ok(Memory {
        duplicates: row.get::<_, i64>(6)? as u64,
        largest_page: row.get::<_, i64>(7)? as u64,
        total_off: difference
            .zip(since)
            .map(|(difference, since)| TotalOff { difference, since }),
    })
}

/// Writes one checkpoint.
pub fn save(
    connection: &Connection,
    table: &Table,
    item: &str,
    checkpoint: &Checkpoint,
) -> Result<(), StoreError> {
    let memory = &checkpoint.memory;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO rollbook_checkpoints \
             (source, stream, item, cursor, walked_from, full_at, reread_at, same, duplicates, largest_page, total_off, total_off_since, account, items, \
             walked_to, step_seconds, rows, count_gap, recounted_at, shared) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                table.source,
                table.stream,
                item,
                checkpoint.cursor.map(scalar::to_canonical),
                checkpoint.walked_from.map(scalar::to_canonical),
                checkpoint.full_at.map(scalar::to_canonical),
                checkpoint.reread_at.map(scalar::to_canonical),
                checkpoint.same,
                memory.duplicates as i64,
                memory.largest_page as i64,
                memory.total_off.map(|off| off.difference),
                memory.total_off.map(|off| scalar::to_canonical(off.since)),
                checkpoint.account,
                checkpoint.items,
                checkpoint.walked_to.map(scalar::to_canonical),
                checkpoint.step.map(|step| step.as_secs()),
                checkpoint.rows,
                checkpoint.count_gap,
                checkpoint.recounted_at.map(scalar::to_canonical),
                checkpoint.shared
            ])
        })
        .map(drop)
        .map_err(StoreError::sql("write a checkpoint"))
}

/// Series with rows of responses for several are read from their start by the next walk, and no difference to the vendor's
/// number of rows is known.
pub fn restart_shared(connection: &Connection, table: &Table) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE rollbook_checkpoints SET walked_from = NULL, count_gap = NULL WHERE source = ?1 AND stream = ?2 AND shared",
            params![table.source, table.stream],
        )
        .map(drop)
        .map_err(StoreError::sql("write the checkpoints of a time series"))
}

/// Deletes all checkpoints of a stream and forgets its pages, so that it is read in full and decoded.
pub fn forget(connection: &Connection, table: &Table) -> Result<(), StoreError> {
    for own in ["rollbook_checkpoints", "rollbook_known_pages"] {
        connection
            .execute(
                &format!("DELETE FROM {own} WHERE source = ?1 AND stream = ?2"),
                params![table.source, table.stream],
            )
            .map_err(StoreError::sql("delete the checkpoints"))?;
    }
    Ok(())
}
