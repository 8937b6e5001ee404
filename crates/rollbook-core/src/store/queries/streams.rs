//! What the mirror knows of its streams: their tables, how large they are, when they were read.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;

use super::Reader;
use crate::model::row::Kind;
use crate::model::{
    By, JobName, Masking, Outcome, PersonRows, Reference, SourceName, StreamName, Table,
    TableColumn,
};
use crate::store::error::StoreError;
use crate::store::relayout::is_series;
use crate::store::sql_values::ended;
use crate::store::table::{keeps_history, quote};

/// Source and stream of every table that was made for one, also of those that no job reads any more.
pub fn mirrored(reader: &Reader) -> Result<Vec<(SourceName, StreamName)>, StoreError> {
    let what = StoreError::sql("list the tables");
    let mut statement = reader
        .prepare("SELECT source, stream FROM rollbook_tables ORDER BY source, stream")
        .map_err(&what)?;
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// A stream's table as it is in the mirror, also if the configuration has changed; `None` if it was never created.
///
/// What only a reading needs (partition, newest, status) is left out.
pub fn table(
    reader: &Reader,
    source: &SourceName,
    stream: &StreamName,
) -> Result<Option<Table>, StoreError> {
    let what = StoreError::sql("inspect a table");
    let mut statement = reader
        .prepare(
            "SELECT * FROM rollbook_columns \
             WHERE source = ?1 AND stream = ?2 ORDER BY position",
        )
        .map_err(&what)?;
    let columns: Vec<TableColumn> = statement
        .query_map(params![source, stream], |row| {
            Ok(TableColumn {
                name: row.get("column")?,
                kind: kind(&row.get::<_, String>("type")?),
                masking: row
                    .get::<_, Option<String>>("masking")
                    .unwrap_or_default()
                    .and_then(|word| Masking::parse(&word)),
                from: row.get("path")?,
                help: row.get("meaning")?,
                combo: reference(row)?,
                // A mirror that was not upgraded yet does not have the column.
                refers_to: row.get("refers_to").unwrap_or_default(),
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)?;
    let name = format!("{source}_{stream}");
    let mut statement = reader
        .prepare("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")
        .map_err(&what)?;
    let key: Vec<String> = statement
        .query_map([&name], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)?;
    let key: Vec<usize> = key
        .iter()
        .filter_map(|name| columns.iter().position(|column| column.name == *name))
        .collect();
    if key.is_empty() {
        return Ok(None);
    }
    let (person, history) = declared(reader, source, stream).map_err(&what)?;
    Ok(Some(Table {
        source: source.clone(),
        stream: stream.clone(),
        columns,
        key,
        partition: Vec::new(),
        newest: None,
        removed_status: None,
        history,
        series: is_series(reader, "main", &name).map_err(&what)?,
        person,
    }))
}

/// Whose data the rows are, which a mirror that was not upgraded yet does not know; and whether old versions are kept.
fn declared(
    reader: &Reader,
    source: &SourceName,
    stream: &StreamName,
) -> rusqlite::Result<(PersonRows, bool)> {
    let declared = reader
        .prepare("SELECT * FROM rollbook_tables WHERE source = ?1 AND stream = ?2")?
        .query_row(params![source, stream], |row| {
            let person: Option<String> = row.get("person").unwrap_or_default();
            Ok((person, keeps_history(&row.get::<_, String>("definition")?)))
        })
        .optional()?;
    let (person, history) = declared.unwrap_or((None, true));
    Ok((PersonRows::from_json(person.as_deref()), history))
}

fn reference(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Reference>> {
    let list: Option<String> = row.get("combo")?;
    // The same.
    let by: Option<String> = row.get("combo_by").unwrap_or_default();
    let by = by.and_then(|by| By::parse(&by)).unwrap_or_default();
    Ok(list.map(|list| Reference { list, by }))
}

fn kind(word: &str) -> Kind {
    [
        Kind::Integer,
        Kind::Real,
        Kind::Boolean,
        Kind::Date,
        Kind::Timestamp,
        Kind::Json,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == word)
    .unwrap_or(Kind::Text)
}

/// The rows of a table, and of its history; nothing when it was never made.
pub fn sizes(
    reader: &Reader,
    source: &SourceName,
    stream: &StreamName,
) -> Result<Option<(u64, u64)>, StoreError> {
    let what = StoreError::sql("count a table");
    let name = format!("{source}_{stream}");
    let exists: Option<i64> = reader
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            [&name],
            |row| row.get(0),
        )
        .optional()
        .map_err(&what)?;
    if exists.is_none() {
        return Ok(None);
    }
    let count = |table: &str| {
        reader
            .query_row(
                &format!("SELECT count(*) FROM {}", quote(table)),
                [],
                |row| row.get::<_, i64>(0),
            )
            .map(|rows| rows as u64)
            .map_err(&what)
    };
    Ok(Some((count(&name)?, count(&format!("{name}_history"))?)))
}

/// When a stream was read last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRead {
    /// The run that read it.
    pub run: i64,
    /// Its job.
    pub job: JobName,
    /// When the run started.
    pub started: String,
    /// `full`, `incremental` or `by time`.
    pub reading: String,
    /// How the stream's part of it ended.
    pub outcome: Outcome,
    /// Rows that could not be taken.
    pub rejected: i64,
}

/// The newest run that recorded a stream; nothing when it was never read.
pub fn last_read(
    reader: &Reader,
    source: &SourceName,
    stream: &StreamName,
) -> Result<Option<LastRead>, StoreError> {
    reader
        .query_row(
            "SELECT r.run, r.job, r.started, s.reading, s.outcome, s.rejected, s.class \
             FROM rollbook_run_streams AS s JOIN rollbook_runs AS r USING (run) \
             WHERE r.source = ?1 AND s.stream = ?2 ORDER BY run DESC LIMIT 1",
            params![source, stream],
            |row| {
                Ok(LastRead {
                    run: row.get(0)?,
                    job: row.get(1)?,
                    started: row.get(2)?,
                    reading: row.get(3)?,
                    outcome: ended(row, 4, 6)?,
                    rejected: row.get(5)?,
                })
            },
        )
        .optional()
        .map_err(StoreError::sql("find a stream's last reading"))
}
