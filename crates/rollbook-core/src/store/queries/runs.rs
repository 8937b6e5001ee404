//! What was recorded of runs.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};
use serde::Serialize;

use super::Reader;
use crate::model::scalar;
use crate::model::{Cause, JobName, Outcome, SourceName, StreamName, StreamSet};
use crate::store::error::StoreError;
use crate::store::mirror_lock::is_locked;
use crate::store::runs::StreamRecord;
use crate::store::sql_values::{ended, outcome_of};

/// A run as `rollbook runs` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    /// Its number.
    pub run: i64,
    /// Its job.
    pub job: JobName,
    /// Its source.
    pub source: SourceName,
    /// The only streams that it reads; nothing when it reads all of the job's.
    pub only: Option<StreamSet>,
    /// What started it.
    pub cause: Cause,
    /// When it started.
    pub started: String,
    /// When it ended; nothing while it runs.
    pub ended: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Whether it has not ended, and the process that runs it lives.
    pub running: bool,
    /// The message for the admin.
    pub message: Option<String>,
    /// Rows inserted.
    pub new: i64,
    /// Rows replaced.
    pub changed: i64,
    /// Rows removed.
    pub removed: i64,
}

impl RunLine {
    /// The outcome, also where there is none.
    pub fn state(&self) -> &'static str {
        match self.outcome {
            Some(outcome) => outcome.as_str(),
            None if self.running => "running",
            None => "no end recorded",
        }
    }

    /// The job, and the streams if not all are read.
    pub fn what(&self) -> String {
        match &self.only {
            Some(only) => format!("{} (only {only})", self.job),
            None => self.job.to_string(),
        }
    }

    /// A process that opens a mirror closes the runs that an earlier one left open, so an open one is its own.
    fn seen_by(mut self, reader: &Reader) -> Self {
        let mirror = reader.path().map(Path::new);
        self.running = self.ended.is_none() && mirror.is_some_and(is_locked);
        self
    }
}

const LINE: &str = "SELECT r.run, r.job, r.source, r.cause, r.started, r.ended, r.outcome, r.message, \
     coalesce(sum(s.new), 0), coalesce(sum(s.changed), 0), coalesce(sum(s.removed), 0), r.class, r.stream \
     FROM rollbook_runs AS r LEFT JOIN rollbook_run_streams AS s USING (run)";

fn line(row: &Row<'_>) -> rusqlite::Result<RunLine> {
    Ok(RunLine {
        run: row.get(0)?,
        job: row.get(1)?,
        source: row.get(2)?,
        only: row.get(12)?,
        cause: row.get(3)?,
        started: row.get(4)?,
        ended: row.get(5)?,
        outcome: outcome_of(row, 6, 11)?,
        running: false,
        message: row.get(7)?,
        new: row.get(8)?,
        changed: row.get(9)?,
        removed: row.get(10)?,
    })
}

/// The newest runs first; of one job, if named.
pub fn runs(reader: &Reader, job: Option<&JobName>, most: u32) -> Result<Vec<RunLine>, StoreError> {
    let what = StoreError::sql("list the runs");
    let sql = format!(
        "{LINE} WHERE ?1 IS NULL OR r.job = ?1 GROUP BY r.run ORDER BY r.run DESC LIMIT ?2"
    );
    let mut statement = reader.prepare(&sql).map_err(&what)?;
    statement
        .query_map(params![job, most], line)
        .and_then(|lines| lines.map(|run| Ok(run?.seen_by(reader))).collect())
        .map_err(&what)
}

/// The newest run of a job that reads all its streams.
pub fn newest_whole(reader: &Reader, job: &JobName) -> Result<Option<RunLine>, StoreError> {
    let sql = format!(
        "{LINE} WHERE r.job = ?1 AND r.stream IS NULL GROUP BY r.run ORDER BY r.run DESC LIMIT 1"
    );
    reader
        .query_row(&sql, [job], line)
        .optional()
        .map(|run| run.map(|run| run.seen_by(reader)))
        .map_err(StoreError::sql("find the newest run"))
}

/// One run; nothing when there was none, or when it is no longer recorded.
pub fn run(reader: &Reader, run: i64) -> Result<Option<RunLine>, StoreError> {
    reader
        .query_row(
            &format!("{LINE} WHERE r.run = ?1 GROUP BY r.run"),
            [run],
            line,
        )
        .optional()
        .map(|run| run.map(|run| run.seen_by(reader)))
        .map_err(StoreError::sql("find a run"))
}

/// The jobs that ever ran, with the source each read last, in the order of their names.
pub fn jobs(reader: &Reader) -> Result<Vec<(JobName, SourceName)>, StoreError> {
    let what = StoreError::sql("list the jobs that ran");
    // With one max() SQLite takes the other columns from that row.
    let mut statement = reader
        .prepare("SELECT job, source, max(run) FROM rollbook_runs GROUP BY job ORDER BY job")
        .map_err(&what)?;
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The run of a job that needs an approval: the last one that was held or good, if it was held.
///
/// A run that failed, was stopped or read one stream only changes nothing about it.
pub fn held(reader: &Reader, job: &JobName) -> Result<Option<RunLine>, StoreError> {
    let what = StoreError::sql("find a held run");
    let last: Option<(i64, bool)> = reader
        .query_row(
            "SELECT run, hold IS NOT NULL FROM rollbook_runs \
             WHERE job = ?1 AND (hold IS NOT NULL OR (outcome IN ('ok', 'ok_with_rejects') AND stream IS NULL)) \
             ORDER BY run DESC LIMIT 1",
            [job],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(&what)?;
    match last {
        Some((number, true)) => run(reader, number),
        Some((_, false)) | None => Ok(None),
    }
}

/// A run's streams, in the order they were read.
pub fn run_streams(reader: &Reader, run: i64) -> Result<Vec<StreamRecord>, StoreError> {
    let what = StoreError::sql("list a run's streams");
    let mut statement = reader
        .prepare(
            "SELECT stream, reading, outcome, message, pages, rows_read, new, changed, removed, unconfirmed, unchanged, \
             rejected, unlisted, duration_ms, class, attempts, completeness, suppressed FROM rollbook_run_streams WHERE run = ?1 ORDER BY rowid",
        )
        .map_err(&what)?;
    let count = |row: &Row<'_>, index| row.get::<_, i64>(index).map(|number| number as u64);
    statement
        .query_map([run], |row| {
            Ok(StreamRecord {
                stream: row.get(0)?,
                reading: row.get(1)?,
                outcome: ended(row, 2, 14)?,
                message: row.get(3)?,
                pages: count(row, 4)?,
                rows_read: count(row, 5)?,
                new: count(row, 6)?,
                changed: count(row, 7)?,
                removed: count(row, 8)?,
                unconfirmed: count(row, 9)?,
                unchanged: count(row, 10)?,
                rejected: count(row, 11)?,
                unlisted: row
                    .get::<_, Option<String>>(12)?
                    .map(|names| names.split(", ").map(str::to_owned).collect())
                    .unwrap_or_default(),
                duration_ms: count(row, 13)?,
                attempts: count(row, 15)?,
                completeness: row.get(16)?,
                suppressed: count(row, 17)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// Rows of a run that could not be taken, for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct RejectLine {
    /// The stream.
    pub stream: StreamName,
    /// Where in the row, as the connector writes it.
    pub path: String,
    /// What was wrong; never the value.
    pub reason: String,
    /// How many rows.
    pub rows: i64,
}

/// What a run could not take, by stream, path and reason; the most first in each stream.
pub fn rejects(reader: &Reader, run: i64) -> Result<Vec<RejectLine>, StoreError> {
    let what = StoreError::sql("list what a run rejected");
    let mut statement = reader
        .prepare(
            "SELECT stream, path, reason, rows FROM rollbook_rejects WHERE run = ?1 \
             ORDER BY stream, rows DESC, path, reason",
        )
        .map_err(&what)?;
    statement
        .query_map([run], |row| {
            Ok(RejectLine {
                stream: row.get(0)?,
                path: row.get(1)?,
                reason: row.get(2)?,
                rows: row.get(3)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The newest run, by its number; zero without one. In seconds, how long runs of the last day took, of the newest 500.
pub fn newest_and_busy(reader: &Reader, now: Timestamp) -> Result<(i64, f64), StoreError> {
    let since = scalar::saturating_add(now, SignedDuration::from_hours(-24));
    reader
        .query_row(
            "SELECT coalesce(max(run), 0), coalesce(sum(julianday(ended) - julianday(started)) \
             FILTER (WHERE started > ?1), 0) * 86400.0 FROM (SELECT run, started, ended FROM rollbook_runs ORDER BY run DESC LIMIT 500)",
            [scalar::to_canonical(since)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(StoreError::sql("read the run records"))
}

/// The outcome of a job's last run that has ended, as its word, and when that was.
pub fn last_outcome(
    reader: &Reader,
    job: &JobName,
) -> Result<Option<(String, String)>, StoreError> {
    reader
        .query_row(
            "SELECT outcome, ended FROM rollbook_runs WHERE job = ?1 AND ended IS NOT NULL ORDER BY run DESC LIMIT 1",
            [job],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(StoreError::sql("read the run records"))
}
