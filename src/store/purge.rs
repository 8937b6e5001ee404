//! Really removing old versions, once a day and a stream.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use super::table::Table;
use crate::model::{History, scalar};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Purges the versions of a stream that ended longer ago than they are kept.
///
/// Not when the clock stands more than a day before the last purge or lies months behind it: then
/// it was set, and a wrong clock must not delete (fault catalogue 146, 147).
pub fn history(
    connection: &Connection,
    table: &Table,
    keep: History,
    now: Timestamp,
) -> Result<(), StoreError> {
    let what = StoreError::sql("purge old versions");
    let last: Option<String> = connection
        .prepare_cached("SELECT purged FROM rollbook_tables WHERE source = ?1 AND stream = ?2")
        .and_then(|mut statement| {
            statement
                .query_row(params![table.source, table.stream], |row| row.get(0))
                .optional()
        })
        .map_err(&what)?
        .flatten();
    let last = last.as_deref().and_then(scalar::parse);
    if last.is_some_and(|last| now < scalar::moved(last, DAY)) {
        return Ok(());
    }
    let jumped = last.is_some_and(|last| now > scalar::moved(last, DAY * 60));
    if let (History::Keep(length), false) = (keep, jumped)
        && let Ok(length) = SignedDuration::try_from(length)
    {
        let oldest = scalar::written(scalar::moved(now, -length));
        let sql = format!("DELETE FROM {} WHERE _until < ?1", table.history_quoted());
        connection
            .prepare_cached(&sql)
            .and_then(|mut delete| delete.execute([oldest]))
            .map_err(&what)?;
    }
    connection
        .prepare_cached("UPDATE rollbook_tables SET purged = ?3 WHERE source = ?1 AND stream = ?2")
        .and_then(|mut update| {
            update.execute(params![table.source, table.stream, scalar::written(now)])
        })
        .map(drop)
        .map_err(&what)
}

#[cfg(test)]
#[path = "purge_tests.rs"]
mod tests;
