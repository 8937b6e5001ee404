//! What a held run would have done: the keys of its rows, until an admin decides or a week has passed.
//!
//! Only keys and no values: rows that it would change or remove are still in their table, and new ones are not kept.

use std::fmt;
use std::ops::ControlFlow;

use rusqlite::{Connection, Transaction, params};
use serde_json::Value;

use super::apply::key_of;
use super::error::StoreError;
use super::staging::{Mark, Staged};
use crate::model::row::{Cell, Cells};
use crate::model::{HoldRule, JobName, SourceName, StreamName};

/// At most so many keys are kept of one stream; the numbers are whole.
const MAX_KEYS: usize = 20_000;

/// What would be done with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeldKind {
    /// It would be added.
    New,
    /// It would get other values.
    Changed,
    /// It would be removed.
    Removed,
}

impl HeldKind {
    /// Removals first: they are what is decided about.
    pub const ALL: [Self; 3] = [Self::Removed, Self::New, Self::Changed];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

impl fmt::Display for HeldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stream's difference that was not applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldRows {
    /// The rule of the guard; nothing if another stream of the run is held.
    pub rule: Option<HoldRule>,
    /// Rows of the table.
    pub live: u64,
    /// How many rows would be added.
    pub new: u64,
    /// How many would be changed.
    pub changed: u64,
    /// How many would be removed, also those that one reading missed: an approval removes them.
    pub removed: u64,
    /// The rows' keys, each as a JSON array of its values.
    pub keys: Vec<(HeldKind, String)>,
}

impl HeldRows {
    /// The difference of a reading.
    ///
    /// # Errors
    /// When what was staged cannot be read.
    pub fn of(staged: &Staged, rule: Option<HoldRule>) -> Result<Self, StoreError> {
        let plan = &staged.plan;
        let mut held = Self {
            rule,
            live: plan.live,
            new: plan.new,
            changed: plan.changed,
            removed: plan.by_status + plan.removed + plan.unconfirmed,
            keys: Vec::new(),
        };
        held.collect(staged)
            .map_err(StoreError::sql("list the rows of a held run"))?;
        Ok(held)
    }

    fn collect(&mut self, staged: &Staged) -> rusqlite::Result<()> {
        if let Some(stage) = staged.stage.missing() {
            let mut missing = stage
                .prepare("SELECT key FROM missing WHERE here OR removed ORDER BY key LIMIT ?1")?;
            let mut rows = missing.query([MAX_KEYS])?;
            while let Some(row) = rows.next()? {
                let key: Vec<u8> = row.get(0)?;
                self.keys
                    .push((HeldKind::Removed, json(Cells::of(&key).collect())));
            }
        }
        staged.stage.each(|mark, row| {
            if self.keys.len() >= MAX_KEYS {
                return Ok(ControlFlow::Break(()));
            }
            let kind = match mark {
                Mark::New => Some(HeldKind::New),
                Mark::Changed => Some(HeldKind::Changed),
                Mark::Removed => Some(HeldKind::Removed),
                // Its first version is listed.
                Mark::Duplicate => None,
            };
            self.keys
                .extend(kind.map(|kind| (kind, json(key_of(row, &staged.table)))));
            Ok(ControlFlow::Continue(()))
        })
    }
}

fn json(key: Vec<Cell<'_>>) -> String {
    let values = key.into_iter().map(|cell| match cell {
        Cell::Null | Cell::Keep => Value::Null,
        Cell::Integer(number) => number.into(),
        Cell::Real(number) => number.into(),
        Cell::Text(text) => text.into(),
    });
    Value::Array(values.collect()).to_string()
}

/// Writes down a stream's difference.
///
/// # Errors
/// When the mirror cannot be written.
pub fn save(
    transaction: &Transaction<'_>,
    run: i64,
    (source, stream): (&SourceName, &StreamName),
    held: &HeldRows,
) -> Result<(), StoreError> {
    let what = StoreError::sql("keep the rows of a held run");
    transaction
        .execute(
            "INSERT OR REPLACE INTO rollbook_held VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                run,
                source,
                stream,
                held.new,
                held.changed,
                held.removed,
                held.rule.map(HoldRule::as_str),
                held.live
            ],
        )
        .map_err(&what)?;
    let mut insert = transaction
        .prepare_cached("INSERT OR IGNORE INTO rollbook_held_rows VALUES (?1, ?2, ?3, ?4)")
        .map_err(&what)?;
    for (kind, key) in &held.keys {
        insert
            .execute(params![run, stream, kind.as_str(), key])
            .map_err(&what)?;
    }
    Ok(())
}

/// Deletes what was kept of a job: it was applied, or another run replaces it.
///
/// # Errors
/// When the mirror cannot be written.
pub fn forget(connection: &Connection, job: &JobName) -> Result<(), StoreError> {
    delete(connection, "runs.job = ?1", job.as_str())
}

/// Deletes what was kept of runs that started before a time.
///
/// # Errors
/// When the mirror cannot be written.
pub fn purge(connection: &Connection, before: &str) -> Result<(), StoreError> {
    delete(
        connection,
        "runs.started < ?1 OR runs.started IS NULL",
        before,
    )
}

/// The left join begins with the few held runs: a job may have thousands of others.
fn delete(connection: &Connection, condition: &str, value: &str) -> Result<(), StoreError> {
    let what = StoreError::sql("delete the rows of a held run");
    let held = format!(
        "SELECT DISTINCT held.run FROM rollbook_held AS held \
         LEFT JOIN rollbook_runs AS runs ON runs.run = held.run WHERE {condition}"
    );
    let mut statement = connection.prepare_cached(&held).map_err(&what)?;
    let runs: Vec<i64> = statement
        .query_map([value], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)?;
    for run in runs {
        for table in ["rollbook_held_rows", "rollbook_held"] {
            connection
                .execute(&format!("DELETE FROM {table} WHERE run = ?1"), [run])
                .map_err(&what)?;
        }
    }
    Ok(())
}
