//! What a held run would do: its numbers by stream, and its rows with the columns that name them.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;

use super::Reader;
use crate::model::{HoldRule, JobName, SourceName, StreamName, Table};
use crate::store::error::StoreError;
use crate::store::held::HeldKind;
use crate::store::table::quote;

/// What would happen to one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldLine {
    /// The source.
    pub source: SourceName,
    /// The stream.
    pub stream: StreamName,
    /// The rule of the guard; nothing for a run that an older version held.
    #[serde(skip)]
    pub rule: Option<HoldRule>,
    /// Rows of the table at that time; nothing as for `rule`.
    #[serde(skip)]
    pub rows: Option<u64>,
    /// Rows that would be added.
    pub new: u64,
    /// Rows that would get other values.
    pub changed: u64,
    /// Rows that would be removed.
    pub removed: u64,
}

/// One row of a held difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldRow {
    /// `new`, `changed` or `removed`.
    pub kind: String,
    /// The values of the key.
    pub key: serde_json::Value,
    /// The values of the named columns as the mirror has them; nothing for a new row.
    pub values: Vec<Option<String>>,
}

/// What a held run would do to each stream; nothing for a run without a kept difference.
///
/// # Errors
/// When the mirror cannot be read.
pub fn held_streams(reader: &Reader, run: i64) -> Result<Vec<HeldLine>, StoreError> {
    let what = StoreError::sql("read what a held run would do");
    let mut statement = reader
        .prepare("SELECT source, stream, new, changed, removed, rule, live FROM rollbook_held WHERE run = ?1 ORDER BY removed = 0, stream")
        .map_err(&what)?;
    statement
        .query_map([run], |row| {
            Ok(HeldLine {
                source: row.get(0)?,
                stream: row.get(1)?,
                new: row.get(2)?,
                changed: row.get(3)?,
                removed: row.get(4)?,
                rule: row.get_ref(5)?.as_str_or_null()?.and_then(HoldRule::parse),
                rows: row.get(6)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The rows of one kind of a held stream, by key, with columns of the stream's table.
///
/// # Errors
/// When the mirror cannot be read.
pub fn held_rows(
    reader: &Reader,
    run: i64,
    table: &Table,
    kind: HeldKind,
    columns: &[String],
) -> Result<Vec<HeldRow>, StoreError> {
    let what = StoreError::sql("read the rows of a held run");
    let names: String = columns
        .iter()
        .map(|column| format!(", CAST(live.{} AS TEXT)", quote(column)))
        .collect();
    let same_key: Vec<String> = table
        .key
        .iter()
        .enumerate()
        .map(|(number, index)| {
            let column = table.names_of(&[*index]);
            format!("live.{column} IS json_extract(held.key, '$[{number}]')")
        })
        .collect();
    let sql = format!(
        "SELECT held.key{names} FROM rollbook_held_rows AS held LEFT JOIN {} AS live ON {} \
         WHERE held.run = ?1 AND held.stream = ?2 AND held.kind = ?3 ORDER BY held.key",
        table.quoted(),
        same_key.join(" AND "),
    );
    let mut statement = reader.prepare(&sql).map_err(&what)?;
    statement
        .query_map(params![run, table.stream, kind.as_str()], |row| {
            let key: String = row.get(0)?;
            let values = (1..=columns.len()).map(|index| row.get(index));
            Ok(HeldRow {
                kind: kind.as_str().to_owned(),
                key: serde_json::from_str(&key).unwrap_or_default(),
                values: values.collect::<Result<_, _>>()?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The run of a job after a given one that has ended, if any.
///
/// # Errors
/// When the mirror cannot be read.
pub fn ended_after(reader: &Reader, job: &JobName, run: i64) -> Result<Option<i64>, StoreError> {
    reader
        .query_row(
            "SELECT run FROM rollbook_runs WHERE job = ?1 AND run > ?2 AND ended IS NOT NULL ORDER BY run LIMIT 1",
            params![job, run],
            |row| row.get(0),
        )
        .optional()
        .map_err(StoreError::sql("find the next run"))
}
