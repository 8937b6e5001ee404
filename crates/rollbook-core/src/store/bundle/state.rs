//! What is kept of a bundle: when it was written and of which run, or why not; and what each of its rows was.
//!
//! Of a row of a complete bundle only fingerprints are kept, which tell nothing. A bundle of changes must name who left, so its
//! rows are kept as they were written, until they leave it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::kept::{KeptContent, KeptRow};
use super::served;
use crate::model::bundle::BundleMode;
use crate::model::{BundleName, JobName, scalar};
use crate::store::error::StoreError;

/// The state of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundleState {
    /// When it was written.
    pub made: Option<Timestamp>,
    /// The last run that changed what is in it.
    pub run: Option<i64>,
    /// The last run that an attempt knew; another one than `run` if the guard held that.
    pub tried: Option<i64>,
    /// What it was written by.
    pub definition: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Rows that were left out.
    pub left_out: u64,
    /// Attempts in a row that failed.
    pub failures: u32,
    /// When the first of them failed, or was held.
    pub failed: Option<Timestamp>,
    /// Whether the last one was held by the guard.
    pub is_held: bool,
    /// Why the last one failed, was held, or waits.
    pub message: Option<String>,
    /// When the questions were asked last.
    pub asked: Option<Timestamp>,
    /// When it held all rows last.
    pub repeated: Option<Timestamp>,
}

impl BundleState {
    /// Whether it was written, and something that may be in it was erased since.
    pub fn is_expired(&self) -> bool {
        self.made.is_some() && self.definition.is_none()
    }
}

const COLUMNS: &str = "made, run, tried, definition, rows, left_out, failures, failed, is_held, message, asked, repeated";

fn state_of(row: &Row<'_>) -> rusqlite::Result<BundleState> {
    let time = |text: Option<String>| text.as_deref().and_then(scalar::parse);
    Ok(BundleState {
        made: time(row.get(0)?),
        run: row.get(1)?,
        tried: row.get(2)?,
        definition: row.get(3)?,
        rows: row.get(4)?,
        left_out: row.get(5)?,
        failures: row.get(6)?,
        failed: time(row.get(7)?),
        is_held: row.get(8)?,
        message: row.get(9)?,
        asked: time(row.get(10)?),
        repeated: time(row.get(11)?),
    })
}

/// The state of a bundle; that of one which was never written if there is none.
///
/// # Errors
/// When the mirror cannot be read.
pub fn state(connection: &Connection, name: &BundleName) -> Result<BundleState, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM rollbook_bundles WHERE name = ?1"
        ))
        .and_then(|mut statement| statement.query_row([name], state_of).optional())
        .map(Option::unwrap_or_default)
        .map_err(StoreError::sql("read the state of a bundle"))
}

/// Records how an attempt ended, and what is in the bundle now.
///
/// # Errors
/// When the mirror cannot be written.
pub fn save(
    connection: &mut Connection,
    name: &BundleName,
    state: &BundleState,
    rows: &[KeptRow],
    content: KeptContent,
) -> Result<(), StoreError> {
    let what = StoreError::sql("record a bundle");
    let transaction = connection.transaction().map_err(&what)?;
    transaction
        .execute(
            &format!("INSERT OR REPLACE INTO rollbook_bundles (name, {COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"),
            params![
                name,
                state.made.map(scalar::to_canonical),
                state.run,
                state.tried,
                state.definition,
                state.rows,
                state.left_out,
                state.failures,
                state.failed.map(scalar::to_canonical),
                state.is_held,
                state.message,
                state.asked.map(scalar::to_canonical),
                state.repeated.map(scalar::to_canonical),
            ],
        )
        .map_err(&what)?;
    {
        let delete =
            "DELETE FROM rollbook_bundle_rows WHERE bundle = ?1 AND file = ?2 AND key = ?3";
        let insert = "INSERT OR REPLACE INTO rollbook_bundle_rows (bundle, file, key, hash, row) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut delete = transaction.prepare_cached(delete).map_err(&what)?;
        let mut insert = transaction.prepare_cached(insert).map_err(&what)?;
        for kept in rows {
            match &kept.row {
                None => delete.execute(params![name, kept.file, kept.key]),
                Some(row) => {
                    let values = row.values.as_ref().filter(|_| row.id.is_none());
                    insert.execute(params![name, kept.file, kept.key, row.hash, values])
                }
            }
            .map_err(&what)?;
        }
    }
    match content {
        KeptContent::Served(update) => served::keep(&transaction, name, rows, update),
        KeptContent::Fingerprints | KeptContent::Values => served::forget(&transaction, name),
    }
    .map_err(&what)?;
    transaction.commit().map_err(&what)
}

/// The last run of these jobs, or of any, that ended and changed something; 0 if there was none.
///
/// # Errors
/// When the mirror cannot be read.
pub fn last_change(connection: &Connection, jobs: Option<&[JobName]>) -> Result<i64, StoreError> {
    let jobs: Option<Vec<&str>> = jobs.map(|jobs| jobs.iter().map(JobName::as_str).collect());
    let jobs = jobs.and_then(|jobs| serde_json::to_string(&jobs).ok());
    connection
        .prepare_cached(
            "SELECT s.run FROM rollbook_run_streams AS s JOIN rollbook_runs AS r USING (run) \
             WHERE s.new + s.changed + s.removed > 0 AND r.ended IS NOT NULL \
             AND (?1 IS NULL OR r.job IN (SELECT value FROM json_each(?1))) ORDER BY s.run DESC LIMIT 1",
        )
        .and_then(|mut statement| statement.query_row([jobs], |row| row.get(0)).optional())
        .map(Option::unwrap_or_default)
        .map_err(StoreError::sql("find the last run that changed something"))
}

/// Makes every bundle due: what it holds may not be there any more.
///
/// # Errors
/// When the mirror cannot be written.
pub fn expire(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute("UPDATE rollbook_bundles SET definition = NULL", [])
        .and_then(|_| served::cut_removed(connection))
        .map_err(StoreError::sql("make the bundles due"))
}

/// Forgets all values of rows of bundles in a copy of the mirror in which someone was erased; the bundles are due when it is
/// restored. Fingerprints stay, for the guard.
///
/// # Errors
/// When the copy cannot be written.
pub fn forget_values(connection: &Connection) -> Result<(), StoreError> {
    let what = StoreError::sql("forget the rows of bundles");
    for (table, sql) in [
        ("rollbook_served_rows", "DELETE FROM rollbook_served_rows"),
        (
            "rollbook_bundle_rows",
            "UPDATE rollbook_bundle_rows SET row = NULL",
        ),
        (
            "rollbook_bundles",
            "UPDATE rollbook_bundles SET definition = NULL",
        ),
    ] {
        // A copy of an older version has no bundles.
        let is_there: bool = connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)",
                [table],
                |row| row.get(0),
            )
            .map_err(&what)?;
        if is_there {
            connection.execute(sql, []).map_err(&what)?;
        }
    }
    Ok(())
}

/// Whether anything is kept of other bundles than these.
///
/// # Errors
/// When the mirror cannot be read.
pub fn has_others(connection: &Connection, names: &[BundleName]) -> Result<bool, StoreError> {
    connection
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM rollbook_bundles WHERE name NOT IN (SELECT value FROM json_each(?1)))",
            [json_list(names)],
            |row| row.get(0),
        )
        .map_err(StoreError::sql("look for other bundles"))
}

/// Forgets other bundles than these.
///
/// # Errors
/// When the mirror cannot be written.
pub fn forget_others(connection: &mut Connection, names: &[BundleName]) -> Result<(), StoreError> {
    let what = StoreError::sql("forget a bundle");
    let transaction = connection.transaction().map_err(&what)?;
    for (table, column) in [
        ("rollbook_bundle_rows", "bundle"),
        ("rollbook_served_rows", "bundle"),
        ("rollbook_bundles", "name"),
    ] {
        let sql =
            format!("DELETE FROM {table} WHERE {column} NOT IN (SELECT value FROM json_each(?1))");
        transaction
            .execute(&sql, [json_list(names)])
            .map_err(&what)?;
    }
    transaction.commit().map_err(&what)
}

fn json_list(names: &[BundleName]) -> String {
    let names: Vec<&str> = names.iter().map(BundleName::as_str).collect();
    serde_json::to_string(&names).unwrap_or_default()
}

/// Whether less is kept of some rows than is needed now: the bundle was of another mode.
///
/// # Errors
/// When the mirror cannot be read.
pub fn lacks_values(
    connection: &Connection,
    name: &BundleName,
    mode: BundleMode,
) -> Result<bool, StoreError> {
    let lacks = match mode {
        BundleMode::Bulk => return Ok(false),
        BundleMode::Delta => "kept.row IS NULL",
        BundleMode::Served => {
            "NOT EXISTS (SELECT 1 FROM rollbook_served_rows AS served \
             WHERE served.bundle = kept.bundle AND served.file = kept.file AND served.key = kept.key AND NOT removed)"
        }
    };
    connection
        .query_row(
            &format!(
                "SELECT EXISTS (SELECT 1 FROM rollbook_bundle_rows AS kept WHERE kept.bundle = ?1 AND {lacks})"
            ),
            [name],
            |row| row.get(0),
        )
        .map_err(StoreError::sql("look for rows of a bundle without values"))
}
