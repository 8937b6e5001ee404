//! Really removing what is kept no longer: old versions of rows, records of runs, old points of time series (`points.rs`).
//! Once a day each.
//!
//! A wrong clock must not delete (fault-catalogue.md 146, 147): nothing is purged while our clock and the time that a
//! vendor last sent differ by more than a day. If no vendor sends one, the last purge is the only reference: then
//! nothing is purged the first time, nor if the clock is before the last purge or months after it.

mod points;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use super::queries::{mirrored, table};
use super::runs;
use super::{audit, held, published, unconfigured};
use crate::model::{History, SourceName, StreamName, Table, scalar};

pub use self::points::{PointsPosition, points, points_due};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A longer pause than this since the last purge is rather a clock that was set.
const PAUSE: SignedDuration = SignedDuration::from_hours(60 * 24);

/// How long the rows of a held run are kept.
const HELD_ROWS: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long it is known who did what.
const ACTIONS: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);

/// The name of the records' purge in `rollbook_maintenance`.
const RECORDS: &str = "records purged";

/// The name of the time that a vendor sent last in `rollbook_maintenance`.
const VENDOR_TIME: &str = "vendor's time";

/// How long records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records {
    /// Runs and their streams.
    pub runs: Duration,
    /// What runs could not take.
    pub rejects: Duration,
    /// The tables of streams that no job reads.
    pub unconfigured: Duration,
}

/// The result of comparing the clock with the last purge.
enum Due {
    No,
    /// It is time, and the clock can be believed.
    Delete,
    /// The clock was set: count from now on.
    Restart,
}

/// Takes note of the time that a vendor states, which is what our own clock is held against.
pub fn note_vendor_time(connection: &Connection, vendor_time: Timestamp) -> Result<(), StoreError> {
    runs::note_done(connection, VENDOR_TIME, vendor_time)
}

/// Whether our clock is not so far from the time that a vendor stated last that it was rather set. Between two runs there may
/// be holidays.
pub fn agrees_with_vendors(connection: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    let vendor_time = runs::done(connection, VENDOR_TIME)?;
    Ok(vendor_time.is_none_or(|stated| now.duration_since(stated).abs() <= PAUSE))
}

/// The time by which a reading decides what is too old: ours, at most a day from the one that a vendor stated last. So a wrong
/// clock makes no reading pass over points of the present; after holidays, a reading takes some more, which are removed later.
pub fn believed_time(connection: &Connection, now: Timestamp) -> Result<Timestamp, StoreError> {
    Ok(match runs::done(connection, VENDOR_TIME)? {
        Some(stated) => now.clamp(
            scalar::saturating_add(stated, -DAY),
            scalar::saturating_add(stated, DAY),
        ),
        None => now,
    })
}

fn due(last: Option<Timestamp>, now: Timestamp, vendor_time: Option<Timestamp>) -> Due {
    let is_today = |last| now < scalar::saturating_add(last, DAY);
    match (vendor_time, last) {
        (Some(vendor_time), _) if now.duration_since(vendor_time).abs() > DAY => Due::No,
        // A last purge in the future was recorded by a wrong clock.
        (Some(_), Some(last)) if last <= now && is_today(last) => Due::No,
        (Some(_), _) => Due::Delete,
        (None, Some(last)) if is_today(last) => Due::No,
        (None, Some(last)) if now <= scalar::saturating_add(last, PAUSE) => Due::Delete,
        (None, _) => Due::Restart,
    }
}

fn before(now: Timestamp, length: Duration) -> Option<String> {
    let length = SignedDuration::try_from(length).ok()?;
    Some(scalar::to_canonical(scalar::saturating_add(now, -length)))
}

/// Purges the versions of a stream that ended longer ago than they are kept; all of them where none are kept, whatever the
/// clock says.
pub fn history(
    connection: &Connection,
    table: &Table,
    keep: History,
    now: Timestamp,
) -> Result<(), StoreError> {
    let what = StoreError::sql("purge old versions");
    if keep == History::Off {
        forget_versions(connection, table)?;
    }
    let due = table_due(connection, table, now)?;
    if matches!(due, Due::No) {
        return Ok(());
    }
    if let (History::Keep(length), Due::Delete) = (keep, due)
        && let Some(oldest) = before(now, length)
    {
        published::note_purge(connection, table, &oldest)?;
        let sql = format!("DELETE FROM {} WHERE _until < ?1", table.history_quoted());
        connection
            .prepare_cached(&sql)
            .and_then(|mut delete| delete.execute([oldest]))
            .map_err(&what)?;
    }
    connection
        .prepare_cached("UPDATE rollbook_tables SET purged = ?3 WHERE source = ?1 AND stream = ?2")
        .and_then(|mut update| {
            update.execute(params![
                table.source,
                table.stream,
                scalar::to_canonical(now)
            ])
        })
        .map(drop)
        .map_err(&what)
}

fn table_due(connection: &Connection, table: &Table, now: Timestamp) -> Result<Due, StoreError> {
    let last: Option<String> = connection
        .prepare_cached("SELECT purged FROM rollbook_tables WHERE source = ?1 AND stream = ?2")
        .and_then(|mut statement| {
            statement
                .query_row(params![table.source, table.stream], |row| row.get(0))
                .optional()
        })
        .map_err(StoreError::sql("purge old versions"))?
        .flatten();
    let vendor_time = runs::done(connection, VENDOR_TIME)?;
    Ok(due(
        last.as_deref().and_then(scalar::parse),
        now,
        vendor_time,
    ))
}

fn forget_versions(connection: &Connection, table: &Table) -> Result<(), StoreError> {
    let what = StoreError::sql("purge old versions");
    let history = table.history_quoted();
    let has_versions: bool = connection
        .prepare_cached(&format!("SELECT EXISTS (SELECT 1 FROM {history})"))
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map_err(&what)?;
    if has_versions {
        connection
            .execute_batch(&format!("DELETE FROM {history}"))
            .map_err(what)?;
    }
    Ok(())
}

/// Purges old versions of every table, including those that no job reads any more or whose runs fail; `keep` is the
/// lifetime by source and stream.
pub fn all_history(
    connection: &Connection,
    keep: impl Fn(&SourceName, &StreamName) -> History,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (source, stream) in mirrored(connection)? {
        if let Some(table) = table(connection, &source, &stream)? {
            history(connection, &table, keep(&source, &stream), now)?;
        }
    }
    Ok(())
}

/// Whether records were not purged within the last day; only reads.
pub fn records_due(connection: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    Ok(!matches!(records_now(connection, now)?, Due::No))
}

/// From when on records are due to be purged again; `None` before the first time. Only reads.
pub fn next_records(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let last = runs::done(connection, RECORDS)?;
    Ok(last.map(|last| scalar::saturating_add(last, DAY)))
}

fn records_now(connection: &Connection, now: Timestamp) -> Result<Due, StoreError> {
    let vendor_time = runs::done(connection, VENDOR_TIME)?;
    Ok(due(runs::done(connection, RECORDS)?, now, vendor_time))
}

/// Purges records of runs, and tables of streams that no job reads; gives the names of those, or nothing if it
/// was not time to purge. The last run of a job stays, and its last one that was held or good.
pub fn records(
    connection: &Connection,
    keep: Records,
    now: Timestamp,
) -> Result<Option<Vec<String>>, StoreError> {
    let what = StoreError::sql("purge old records");
    let due = records_now(connection, now)?;
    if matches!(due, Due::No) {
        return Ok(None);
    }
    let mut removed = None;
    if let (&Due::Delete, Some(runs), Some(rejects)) =
        (&due, before(now, keep.runs), before(now, keep.rejects))
    {
        published::note_purged_runs(connection, &runs)?;
        connection
            .execute(
                "DELETE FROM rollbook_runs WHERE started < ?1 \
                 AND run NOT IN (SELECT max(run) FROM rollbook_runs GROUP BY job) \
                 AND run NOT IN (SELECT max(run) FROM rollbook_runs \
                   WHERE hold IS NOT NULL OR (outcome IN ('ok', 'ok_with_rejects') AND stream IS NULL) GROUP BY job)",
                [runs],
            )
            .and_then(|_| {
                connection.execute(
                    "DELETE FROM rollbook_rejects WHERE run NOT IN (SELECT run FROM rollbook_runs WHERE started >= ?1)",
                    [rejects],
                )
            })
            .and_then(|_| {
                connection.execute(
                    "DELETE FROM rollbook_run_streams WHERE run NOT IN (SELECT run FROM rollbook_runs)",
                    [],
                )
            })
            .map_err(&what)?;
    }
    if let (Due::Delete, Some(held), Some(actions), Some(unconfigured)) = (
        due,
        before(now, HELD_ROWS),
        before(now, ACTIONS),
        before(now, keep.unconfigured),
    ) {
        held::purge(connection, &held)?;
        audit::purge(connection, &actions)?;
        removed = Some(unconfigured::remove(connection, &unconfigured)?);
    }
    runs::note_done(connection, RECORDS, now)?;
    Ok(removed)
}

#[cfg(test)]
mod records_tests;
#[cfg(test)]
mod tests;
