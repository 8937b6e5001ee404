//! Tables of streams that no job reads any more: since when, and their end.
//!
//! A job's file may be moved away for an hour, so nothing is removed at once: the tables are kept for
//! `[store] unconfigured`, which `check` and `status` show.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use super::published::{self, PUBLISHED_STREAMS};
use super::queries::mirrored;
use super::schema::own_tables;
use super::suppression::SUPPRESSED;
use super::table::quote;
use super::tables;
use crate::model::{SourceName, StreamName, scalar};

/// The streams of a configuration.
pub type Configured = BTreeSet<(SourceName, StreamName)>;

/// A mirrored stream that no job reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnconfiguredStream {
    /// Its source.
    pub source: SourceName,
    /// Its name.
    pub stream: StreamName,
    /// When that was noticed; nothing if no program with this configuration has written the mirror yet.
    pub since: Option<Timestamp>,
}

/// The mirrored streams that are not configured.
pub fn list(
    connection: &Connection,
    configured: &Configured,
) -> Result<Vec<UnconfiguredStream>, StoreError> {
    let mut list = Vec::new();
    for (source, stream) in mirrored(connection)? {
        if configured.contains(&(source.clone(), stream.clone())) {
            continue;
        }
        let since = noted(connection, &source, &stream)?;
        list.push(UnconfiguredStream {
            source,
            stream,
            since,
        });
    }
    Ok(list)
}

fn noted(
    connection: &Connection,
    source: &SourceName,
    stream: &StreamName,
) -> Result<Option<Timestamp>, StoreError> {
    let since: Option<String> = connection
        .prepare_cached(
            "SELECT unconfigured_since FROM rollbook_tables WHERE source = ?1 AND stream = ?2",
        )
        .and_then(|mut select| {
            select
                .query_row(params![source, stream], |row| row.get(0))
                .optional()
        })
        .map_err(StoreError::sql("read since when a table is unconfigured"))?
        .flatten();
    Ok(since.as_deref().and_then(scalar::parse))
}

/// Notes which streams are configured now. Writes only what changed.
pub fn note(
    connection: &mut Connection,
    configured: &Configured,
    now: Timestamp,
) -> Result<(), StoreError> {
    let what = StoreError::sql("note which tables are configured");
    let transaction = connection.transaction().map_err(&what)?;
    for (source, stream) in mirrored(&transaction)? {
        let is_configured = configured.contains(&(source.clone(), stream.clone()));
        let since = noted(&transaction, &source, &stream)?;
        let new = match (is_configured, since) {
            (true, Some(_)) => None,
            (false, None) => Some(scalar::to_canonical(now)),
            _ => continue,
        };
        transaction
            .execute(
                "UPDATE rollbook_tables SET unconfigured_since = ?3 WHERE source = ?1 AND stream = ?2",
                params![source, stream, new],
            )
            .map_err(&what)?;
    }
    transaction.commit().map_err(what)
}

/// Removes the tables that are unconfigured since before `before`, and everything that is kept of them; gives their names.
pub(super) fn remove(connection: &Connection, before: &str) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("remove the tables of a stream that is not configured");
    let mut statement = connection
        .prepare("SELECT source, stream FROM rollbook_tables WHERE unconfigured_since < ?1")
        .map_err(&what)?;
    let streams: Vec<(SourceName, StreamName)> = statement
        .query_map([before], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(&what)?;
    let mut names = Vec::new();
    for (source, stream) in streams {
        tables::drop_stream(connection, &source, &stream).map_err(&what)?;
        published::note_dropped(connection, &source, &stream)?;
        for own in tables_by_stream(connection)? {
            connection
                .execute(
                    &format!(
                        "DELETE FROM {} WHERE source = ?1 AND stream = ?2",
                        quote(&own)
                    ),
                    params![source, stream],
                )
                .map_err(&what)?;
        }
        names.push(format!("{source}_{stream}"));
    }
    Ok(names)
}

/// Rollbook's own tables that keep something by source and stream, except whom no reading may return, and what databases have.
fn tables_by_stream(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("inspect Rollbook's own tables");
    let tables = own_tables()?.into_iter();
    let mut columns = connection
        .prepare_cached(
            "SELECT count(*) = 2 FROM pragma_table_info(?1) WHERE name IN ('source', 'stream')",
        )
        .map_err(&what)?;
    let mut by_stream = Vec::new();
    for table in tables.filter(|table| ![SUPPRESSED, PUBLISHED_STREAMS].contains(&table.as_str())) {
        if columns
            .query_row([&table], |row| row.get(0))
            .map_err(&what)?
        {
            by_stream.push(table);
        }
    }
    Ok(by_stream)
}

#[cfg(test)]
mod tests;
