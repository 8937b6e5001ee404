//! What hooks were told of, and what they are to be told of next.
//!
//! A hook has a position a job or bundle instead of a queue: what it could not be told is part of what it is told next, so
//! nothing is lost and nothing piles up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use crate::model::{HookName, HookSubject, JobName, StreamName, scalar};

/// How far a hook is with a job or a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookState {
    /// The last run that it was told of; of a bundle when the last one was written that it was told of, in milliseconds since 1970.
    pub position: i64,
    /// When it was told last.
    pub told: Option<Timestamp>,
    /// Attempts in a row that failed.
    pub attempts: u32,
    /// When to try again.
    pub due: Option<Timestamp>,
    /// When the first of them failed.
    pub failed: Option<Timestamp>,
    /// Why the last one failed.
    pub message: Option<String>,
}

/// All that is known of hooks.
pub type HookStates = BTreeMap<(HookName, HookSubject), HookState>;

/// What runs of a job did after a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobNews {
    /// The last of the runs that changed something.
    pub run: i64,
    /// When it ended.
    pub at: String,
    /// The streams that it and earlier ones changed.
    pub streams: Vec<StreamNews>,
}

/// How many rows of a stream runs changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamNews {
    /// The stream.
    pub stream: StreamName,
    /// Rows that were not there before.
    pub new: u64,
    /// Rows that are different.
    pub changed: u64,
    /// Rows that were removed.
    pub removed: u64,
}

/// All states.
///
/// # Errors
/// When the mirror cannot be read.
pub fn states(connection: &Connection) -> Result<HookStates, StoreError> {
    let what = StoreError::sql("read what hooks were told");
    let time = |text: Option<String>| text.as_deref().and_then(scalar::parse);
    let mut statement = connection
        .prepare_cached(
            "SELECT hook, subject, position, told, attempts, due, failed, message FROM rollbook_hooks",
        )
        .map_err(&what)?;
    let states = statement.query_map([], |row| {
        let state = HookState {
            position: row.get(2)?,
            told: time(row.get(3)?),
            attempts: row.get(4)?,
            due: time(row.get(5)?),
            failed: time(row.get(6)?),
            message: row.get(7)?,
        };
        Ok(((row.get(0)?, row.get(1)?), state))
    });
    states.and_then(Iterator::collect).map_err(what)
}

/// Records states and forgets those of other hooks and subjects.
///
/// # Errors
/// When the mirror cannot be written.
pub fn replace_all(connection: &mut Connection, states: &HookStates) -> Result<(), StoreError> {
    let what = StoreError::sql("record what hooks were told");
    let transaction = connection.transaction().map_err(&what)?;
    transaction
        .execute("DELETE FROM rollbook_hooks", [])
        .map_err(&what)?;
    for ((hook, subject), state) in states {
        save(&transaction, hook, subject, state)?;
    }
    transaction.commit().map_err(what)
}

/// Records one state.
///
/// # Errors
/// When the mirror cannot be written.
pub fn save(
    connection: &Connection,
    hook: &HookName,
    subject: &HookSubject,
    state: &HookState,
) -> Result<(), StoreError> {
    let time = |time: Option<Timestamp>| time.map(scalar::to_canonical);
    connection
        .execute(
            "INSERT OR REPLACE INTO rollbook_hooks \
             (hook, subject, position, told, attempts, due, failed, message) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                hook,
                subject,
                state.position,
                time(state.told),
                state.attempts,
                time(state.due),
                time(state.failed),
                state.message,
            ],
        )
        .map(drop)
        .map_err(StoreError::sql("record what a hook was told"))
}

/// What runs of a job did after this one, as far as no run of `siblings`, the jobs of its source, is active before them: a
/// run may end after a later one.
///
/// # Errors
/// When the mirror cannot be read.
pub fn job_news(
    connection: &Connection,
    job: &JobName,
    siblings: &[JobName],
    after: i64,
) -> Result<Option<JobNews>, StoreError> {
    let what = StoreError::sql("find what runs changed");
    let siblings: Vec<&str> = siblings.iter().map(JobName::as_str).collect();
    let siblings = serde_json::to_string(&siblings).unwrap_or_default();
    let last: Option<(i64, String)> = connection
        .prepare_cached(
            "SELECT r.run, r.ended FROM rollbook_runs AS r WHERE r.job = ?1 AND r.run > ?2 AND r.ended IS NOT NULL \
             AND r.run < coalesce((SELECT min(run) FROM rollbook_runs WHERE ended IS NULL \
             AND job IN (SELECT value FROM json_each(?3))), 9223372036854775807) \
             AND EXISTS (SELECT 1 FROM rollbook_run_streams AS s WHERE s.run = r.run AND s.new + s.changed + s.removed > 0) \
             ORDER BY r.run DESC LIMIT 1",
        )
        .and_then(|mut statement| {
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            statement.query_row(params![job, after, siblings], read).optional()
        })
        .map_err(&what)?;
    let Some((run, at)) = last else {
        return Ok(None);
    };
    let mut statement = connection
        .prepare_cached(
            "SELECT s.stream, sum(s.new), sum(s.changed), sum(s.removed) FROM rollbook_run_streams AS s \
             JOIN rollbook_runs AS r USING (run) WHERE r.job = ?1 AND s.run > ?2 AND s.run <= ?3 \
             GROUP BY s.stream HAVING sum(s.new + s.changed + s.removed) > 0 ORDER BY s.stream",
        )
        .map_err(&what)?;
    let streams = statement.query_map(params![job, after, run], |row| {
        Ok(StreamNews {
            stream: row.get(0)?,
            new: row.get(1)?,
            changed: row.get(2)?,
            removed: row.get(3)?,
        })
    });
    let streams = streams.and_then(Iterator::collect).map_err(&what)?;
    Ok(Some(JobNews { run, at, streams }))
}

/// The newest run; 0 if there was none.
///
/// # Errors
/// When the mirror cannot be read.
pub fn newest_run(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .query_row(
            "SELECT coalesce(max(run), 0) FROM rollbook_runs",
            [],
            |row| row.get(0),
        )
        .map_err(StoreError::sql("find the newest run"))
}
