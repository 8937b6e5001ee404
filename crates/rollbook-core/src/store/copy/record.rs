//! What is recorded of the copy: when it was made and of which run, or why not. In the mirror, so a restart knows it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::model::scalar;
use crate::store::bundle;
use crate::store::error::StoreError;

/// The state of a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyState {
    /// When it was made.
    pub made: Option<Timestamp>,
    /// The last run that changed what is in it.
    pub run: Option<i64>,
    /// What it was made by.
    pub definition: Option<String>,
    /// Attempts in a row that failed.
    pub failures: u32,
    /// When the first of them failed.
    pub failed: Option<Timestamp>,
    /// Why the last one failed.
    pub message: Option<String>,
}

/// The state of the copy at a path.
pub fn state(connection: &Connection, path: &str) -> Result<CopyState, StoreError> {
    let time = |text: Option<String>| text.as_deref().and_then(scalar::parse);
    connection
        .prepare_cached(
            "SELECT made, run, definition, failures, failed, message FROM rollbook_copy WHERE path = ?1",
        )
        .and_then(|mut statement| {
            statement
                .query_row([path], |row| {
                    Ok(CopyState {
                        made: time(row.get(0)?),
                        run: row.get(1)?,
                        definition: row.get(2)?,
                        failures: row.get(3)?,
                        failed: time(row.get(4)?),
                        message: row.get(5)?,
                    })
                })
                .optional()
        })
        .map(Option::unwrap_or_default)
        .map_err(StoreError::sql("read when the copy was made"))
}

/// Records how an attempt ended.
pub fn save(connection: &Connection, path: &str, state: &CopyState) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT OR REPLACE INTO rollbook_copy (path, made, run, definition, failures, failed, message) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                path,
                state.made.map(scalar::to_canonical),
                state.run,
                state.definition,
                state.failures,
                state.failed.map(scalar::to_canonical),
                state.message
            ],
        )
        .map(drop)
        .map_err(StoreError::sql("record the copy"))
}

/// Makes every copy due: what it holds may not be there any more.
pub fn expire(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute("UPDATE rollbook_copy SET definition = NULL", [])
        .map(drop)
        .map_err(StoreError::sql("make the copy due"))
}

/// The paths of copies that were made at any time.
pub fn paths(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("list the copies");
    let mut statement = connection
        .prepare("SELECT path FROM rollbook_copy WHERE made IS NOT NULL ORDER BY path")
        .map_err(&what)?;
    statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The last run that ended and changed something; 0 if there was none.
pub fn last_change(connection: &Connection) -> Result<i64, StoreError> {
    bundle::state::last_change(connection, None)
}

/// Changes when a table gains or loses a column, or a crosswalk changes.
pub fn layout(connection: &Connection) -> Result<String, StoreError> {
    connection
        .query_row(
            "SELECT (SELECT group_concat(definition, char(10)) FROM \
               (SELECT definition FROM rollbook_tables ORDER BY source, stream)) \
             || coalesce((SELECT group_concat(quote(value) || quote(code) || quote(label), ' ') FROM \
               (SELECT value, code, label FROM rollbook_crosswalk ORDER BY crosswalk, value)), '')",
            [],
            |row| row.get::<_, Option<String>>(0),
        )
        .map(Option::unwrap_or_default)
        .map_err(StoreError::sql("read the tables' definitions"))
}
