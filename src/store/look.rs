//! Questions that people and scripts ask the mirror: only reading, each one short.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use super::error::StoreError;
use super::runs::StreamRecord;
use super::table::{Table, quote};

/// A run as `rollbook runs` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    /// Its number.
    pub run: i64,
    /// Its job.
    pub job: String,
    /// Its source.
    pub source: String,
    /// What started it.
    pub cause: String,
    /// When it started.
    pub started: String,
    /// When it ended; nothing while it runs.
    pub ended: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// What there is to say.
    pub sentence: Option<String>,
    /// Rows inserted, replaced and removed.
    pub new: i64,
    /// Rows replaced.
    pub changed: i64,
    /// Rows removed.
    pub gone: i64,
}

/// The newest runs first; of one job, if named.
pub fn runs(
    connection: &Connection,
    job: Option<&str>,
    most: u32,
) -> Result<Vec<RunLine>, StoreError> {
    let what = StoreError::sql("list the runs");
    let mut statement = connection
        .prepare(
            "SELECT r.run, r.job, r.source, r.cause, r.started, r.ended, r.outcome, r.sentence, \
             coalesce(sum(s.new), 0), coalesce(sum(s.changed), 0), coalesce(sum(s.gone), 0) \
             FROM rollbook_runs AS r LEFT JOIN rollbook_run_streams AS s USING (run) \
             WHERE ?1 IS NULL OR r.job = ?1 GROUP BY r.run ORDER BY r.run DESC LIMIT ?2",
        )
        .map_err(&what)?;
    statement
        .query_map(params![job, most], |row| {
            Ok(RunLine {
                run: row.get(0)?,
                job: row.get(1)?,
                source: row.get(2)?,
                cause: row.get(3)?,
                started: row.get(4)?,
                ended: row.get(5)?,
                outcome: row.get(6)?,
                sentence: row.get(7)?,
                new: row.get(8)?,
                changed: row.get(9)?,
                gone: row.get(10)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// A run's streams, in the order they were read.
pub fn run_streams(connection: &Connection, run: i64) -> Result<Vec<StreamRecord>, StoreError> {
    let what = StoreError::sql("list a run's streams");
    let mut statement = connection
        .prepare(
            "SELECT stream, reading, outcome, sentence, pages, rows_read, new, changed, gone, waiting, unchanged, \
             rejected, unlisted, duration_ms FROM rollbook_run_streams WHERE run = ?1 ORDER BY rowid",
        )
        .map_err(&what)?;
    let count =
        |row: &rusqlite::Row<'_>, place| row.get::<_, i64>(place).map(|number| number as u64);
    statement
        .query_map([run], |row| {
            Ok(StreamRecord {
                stream: row.get(0)?,
                reading: row.get(1)?,
                outcome: row.get(2)?,
                sentence: row.get(3)?,
                pages: count(row, 4)?,
                rows_read: count(row, 5)?,
                new: count(row, 6)?,
                changed: count(row, 7)?,
                gone: count(row, 8)?,
                waiting: count(row, 9)?,
                unchanged: count(row, 10)?,
                rejected: count(row, 11)?,
                unlisted: row
                    .get::<_, Option<String>>(12)?
                    .map(|names| names.split(", ").map(str::to_owned).collect())
                    .unwrap_or_default(),
                duration_ms: count(row, 13)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The rows of a table, and of its history; nothing when it was never read.
pub fn sizes(
    connection: &Connection,
    source: &str,
    stream: &str,
) -> Result<Option<(u64, u64)>, StoreError> {
    let what = StoreError::sql("count a table");
    let name = format!("{source}_{stream}");
    let exists: Option<i64> = connection
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
        connection
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

/// One version of a row, for `rollbook why`.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    /// When it arrived.
    pub since: String,
    /// The run that brought it.
    pub run: i64,
    /// When it ended; nothing for the row of now.
    pub until: Option<String>,
    /// `changed` or `gone`.
    pub ended: Option<String>,
    /// The run that ended it.
    pub ended_run: Option<i64>,
    /// Which columns differ from the version before: their names only.
    pub differs_in: Vec<String>,
}

/// All versions of the row with this key, oldest first. `key` holds one text for each key column.
pub fn why(
    connection: &Connection,
    table: &Table,
    key: &[String],
) -> Result<Vec<Version>, StoreError> {
    let what = StoreError::sql("look for a row's versions");
    let conditions: Vec<String> = table
        .key
        .iter()
        .enumerate()
        .map(|(number, place)| {
            format!(
                "CAST({} AS TEXT) = ?{}",
                quote(&table.columns[*place].name),
                number + 1
            )
        })
        .collect();
    let sql = format!(
        "SELECT _since, _run, _until, _ended, _ended_run, {} FROM {} WHERE {} ORDER BY _since, _until IS NULL, _until",
        table.all_names(),
        quote(&format!("{}_versions", table.name())),
        conditions.join(" AND ")
    );
    let mut statement = connection.prepare(&sql).map_err(&what)?;
    let mut rows = statement
        .query(rusqlite::params_from_iter(key))
        .map_err(&what)?;
    let mut versions: Vec<Version> = Vec::new();
    let mut before: Option<Vec<rusqlite::types::Value>> = None;
    while let Some(row) = rows.next().map_err(&what)? {
        let values: Vec<rusqlite::types::Value> = (0..table.columns.len())
            .map(|place| row.get(5 + place))
            .collect::<rusqlite::Result<_>>()
            .map_err(&what)?;
        let differs_in = before.as_ref().map_or_else(Vec::new, |old| {
            table
                .columns
                .iter()
                .zip(old.iter().zip(&values))
                .filter(|(_, (old, new))| old != new)
                .map(|(column, _)| column.name.clone())
                .collect()
        });
        let version = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Version> {
            Ok(Version {
                since: row.get(0)?,
                run: row.get(1)?,
                until: row.get(2)?,
                ended: row.get(3)?,
                ended_run: row.get(4)?,
                differs_in,
            })
        };
        versions.push(version(row).map_err(&what)?);
        before = Some(values);
    }
    Ok(versions)
}

/// Some columns of all rows of a table as text, in the order of its key; nothing while it was never made.
pub fn columns_of_rows(
    connection: &Connection,
    table: &Table,
    columns: &[&str],
) -> Result<Vec<Vec<Option<String>>>, StoreError> {
    let what = StoreError::sql("read the rows that a stream is read for");
    let names: Vec<String> = columns
        .iter()
        .map(|column| format!("CAST({} AS TEXT)", quote(column)))
        .collect();
    let sql = format!(
        "SELECT {} FROM {} ORDER BY {}",
        names.join(", "),
        table.quoted(),
        table.names_of(&table.key)
    );
    let mut statement = connection.prepare(&sql).map_err(&what)?;
    statement
        .query_map([], |row| {
            (0..columns.len()).map(|place| row.get(place)).collect()
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// How many complete readings in a row missed this row, and since which run; nothing when it was there.
pub fn waits(
    connection: &Connection,
    table: &Table,
    key: &[u8],
) -> Result<Option<(u32, i64)>, StoreError> {
    connection
        .query_row(
            "SELECT missed, first_run FROM rollbook_waiting WHERE source = ?1 AND stream = ?2 AND key = ?3",
            params![table.source, table.stream, key],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(StoreError::sql("look for a waiting row"))
}
