//! Records of runs, of jobs between runs, and of what admins approved.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::StoreError;
use super::sql_values::damaged;
use crate::model::row::Reject;
use crate::model::{
    Cause, Class, EntryName, JobName, Outcome, ParkReason, Pause, SourceName, StreamName,
    StreamSet, pause, scalar,
};

/// One stream's part of a run, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRecord {
    /// The stream.
    pub stream: StreamName,
    /// `full` or `incremental`.
    pub reading: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The message, if any.
    pub message: Option<String>,
    /// [`Completeness::as_str`](crate::model::Completeness::as_str); `None` for a time series and for a stream that was
    /// not read.
    pub completeness: Option<String>,
    /// Requested pages.
    pub pages: u64,
    /// Rows read.
    pub rows_read: u64,
    /// Rows inserted.
    pub new: u64,
    /// Rows replaced.
    pub changed: u64,
    /// Rows removed.
    pub removed: u64,
    /// Missing rows, removed if another reading confirms it.
    pub unconfirmed: u64,
    /// Rows that were received unchanged.
    pub unchanged: u64,
    /// Rejected rows.
    pub rejected: u64,
    /// Received rows of erased people, which are not stored.
    pub suppressed: u64,
    /// Names of members that no column lists.
    pub unlisted: Vec<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// Where it failed: how often the request was tried that made it fail; 0 where no request did.
    pub attempts: u64,
}

impl StreamRecord {
    /// Of a stream that was not read.
    pub fn new(stream: StreamName) -> Self {
        Self {
            stream,
            reading: String::new(),
            outcome: Outcome::default(),
            message: None,
            completeness: None,
            pages: 0,
            rows_read: 0,
            new: 0,
            changed: 0,
            removed: 0,
            unconfirmed: 0,
            unchanged: 0,
            rejected: 0,
            suppressed: 0,
            unlisted: Vec::new(),
            duration_ms: 0,
            attempts: 0,
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunEnd {
    /// With the class of a failure.
    pub outcome: Outcome,
    /// One message for the admin.
    pub message: Option<String>,
    /// What an approval of a held run is bound to.
    pub hold: Option<String>,
}

/// What is known of a job between its runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobState {
    /// The last tick that was acted on.
    pub last_due: Option<Timestamp>,
    /// The vendor asked for no requests before this time.
    pub deferred_until: Option<Timestamp>,
    /// Why the job is parked, if it is.
    pub parked: Option<Parked>,
    /// Failed runs in a row.
    pub failures: u32,
    /// Runs in a row that ended incomplete.
    pub incomplete_runs: u32,
    /// Runs in a row that the vendor refused.
    pub refused_runs: u32,
    /// Whether a run has ever received something, so that a refused credential may be good.
    pub has_worked: bool,
    /// Of the job and its source, also ended ones. Kept by `pauses.rs`, added where the source is
    /// known, and not saved with the state.
    pub pauses: Vec<Pause>,
}

impl JobState {
    /// The pause in force.
    pub fn paused(&self, now: Timestamp) -> Option<&Pause> {
        pause::in_force(&self.pauses, now)
    }

    /// The state of a job that waits for nothing any more.
    pub fn resumed(self) -> Self {
        Self {
            last_due: self.last_due,
            has_worked: self.has_worked,
            pauses: self.pauses,
            ..Self::default()
        }
    }
}

/// A job waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The reason, for code.
    pub reason: ParkReason,
    /// The reason, for people.
    pub message: String,
    /// Of the job's configuration when it was parked: another one resumes it. `None` where the job could not be built.
    pub config_fingerprint: Option<String>,
}

/// Notes that a run of a job begins; its number orders all runs. `only`: the only streams that it reads.
pub fn begin(
    connection: &Connection,
    (job, source): (&JobName, &SourceName),
    cause: Cause,
    only: Option<&StreamSet>,
    now: Timestamp,
) -> Result<i64, StoreError> {
    connection
        .query_row(
            "INSERT INTO rollbook_runs (job, source, cause, started, stream) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING run",
            params![job, source, cause.as_str(), scalar::to_canonical(now), only],
            |row| row.get(0),
        )
        .map_err(StoreError::sql("record the start of a run"))
}

/// Records one stream's part, and what was rejected of it.
pub fn record_stream(
    connection: &Connection,
    run: i64,
    source: &SourceName,
    record: &StreamRecord,
    rejects: &[(Reject, u64)],
) -> Result<(), StoreError> {
    let what = StoreError::sql("record a stream");
    let unlisted = (!record.unlisted.is_empty()).then(|| record.unlisted.join(", "));
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO rollbook_run_streams (run, stream, reading, outcome, class, message, pages, rows_read, \
             new, changed, removed, unconfirmed, unchanged, rejected, unlisted, duration_ms, attempts, completeness, \
             suppressed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                run,
                record.stream,
                record.reading,
                record.outcome.as_str(),
                record.outcome.class().map(Class::as_str),
                record.message,
                record.pages as i64,
                record.rows_read as i64,
                record.new as i64,
                record.changed as i64,
                record.removed as i64,
                record.unconfirmed as i64,
                record.unchanged as i64,
                record.rejected as i64,
                unlisted,
                record.duration_ms as i64,
                record.attempts as i64,
                record.completeness,
                record.suppressed as i64
            ])
        })
        .map_err(&what)?;
    for (reject, rows) in rejects {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO rollbook_rejects VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    run,
                    source,
                    record.stream,
                    reject.path,
                    reject.reason,
                    *rows as i64
                ])
            })
            .map_err(&what)?;
    }
    Ok(())
}

/// The tables that a run changed, by what was recorded together with their rows.
pub fn changed_tables(connection: &Connection, run: i64) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("find what a run changed");
    connection
        .prepare_cached(
            "SELECT r.source || '_' || s.stream FROM rollbook_run_streams AS s JOIN rollbook_runs AS r USING (run) \
             WHERE run = ?1 AND s.new + s.changed + s.removed > 0",
        )
        .and_then(|mut statement| statement.query_map([run], |row| row.get(0))?.collect())
        .map_err(&what)
}

/// Notes how a run ended.
pub fn end(
    connection: &Connection,
    run: i64,
    now: Timestamp,
    end: &RunEnd,
) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE rollbook_runs SET ended = ?2, outcome = ?3, class = ?4, message = ?5, hold = ?6 WHERE run = ?1",
            params![run, scalar::to_canonical(now), end.outcome.as_str(), end.outcome.class().map(Class::as_str), end.message, end.hold],
        )
        .map(drop)
        .map_err(StoreError::sql("record the end of a run"))
}

/// Runs that a crash left open are noted as interrupted.
pub fn close_left_open(connection: &Connection, now: Timestamp) -> Result<usize, StoreError> {
    connection
        .execute(
            "UPDATE rollbook_runs SET ended = ?1, outcome = 'interrupted', message = 'the program ended before the run did' \
             WHERE ended IS NULL",
            [scalar::to_canonical(now)],
        )
        .map_err(StoreError::sql("close runs that were left open"))
}

/// The jobs with a tick that was acted on and whose run has not ended, because the program did before. One whose last three runs were
/// interrupted waits for its next tick: it may be what ends the program. Of a job that never ran the last tick may be one that was only
/// noted when it was new.
pub fn unfinished(connection: &Connection) -> Result<Vec<JobName>, StoreError> {
    let what = StoreError::sql("find runs that were left open");
    connection
        .prepare(
            "SELECT j.job FROM rollbook_jobs AS j WHERE (EXISTS (SELECT 1 FROM rollbook_runs AS r \
             WHERE r.job = j.job AND r.ended IS NULL) OR julianday(j.last_due) > (SELECT max(julianday(r.started)) \
             FROM rollbook_runs AS r WHERE r.job = j.job)) AND (SELECT count(*) FROM (SELECT r.ended, r.outcome \
             FROM rollbook_runs AS r WHERE r.job = j.job ORDER BY r.run DESC LIMIT 3) \
             WHERE ended IS NULL OR outcome = 'interrupted') < 3",
        )
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(&what)
}

/// What is known of a job, or of the scheduled backup; one without a record is new.
pub fn job_state(connection: &Connection, entry: &EntryName) -> Result<JobState, StoreError> {
    connection
        .query_row(
            "SELECT last_due, deferred_until, parked, park_reason, config_fingerprint, failures, incomplete_runs, \
             refused_runs, has_worked \
             FROM rollbook_jobs WHERE job = ?1",
            [entry],
            state_of,
        )
        .optional()
        .map(Option::unwrap_or_default)
        .map_err(StoreError::sql("read a job's state"))
}

fn state_of(row: &Row<'_>) -> rusqlite::Result<JobState> {
    // A time that cannot be read is as good as none: the job runs at its next tick.
    let time = |index| -> rusqlite::Result<Option<Timestamp>> {
        let text: Option<String> = row.get(index)?;
        Ok(text.as_deref().and_then(scalar::parse))
    };
    let (message, reason): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
    let parked = match (message, reason) {
        (Some(message), Some(word)) => Some(Parked {
            reason: ParkReason::parse(&word).ok_or_else(|| damaged(3, "park reason", &word))?,
            message,
            config_fingerprint: row.get(4)?,
        }),
        _ => None,
    };
    Ok(JobState {
        last_due: time(0)?,
        deferred_until: time(1)?,
        parked,
        failures: row.get(5)?,
        incomplete_runs: row.get(6)?,
        refused_runs: row.get(7)?,
        has_worked: row.get(8)?,
        pauses: Vec::new(),
    })
}

/// Writes a job's state down.
pub fn save_job_state(
    connection: &Connection,
    entry: &EntryName,
    state: &JobState,
) -> Result<(), StoreError> {
    let parked = state.parked.as_ref();
    connection
        .execute(
            "INSERT OR REPLACE INTO rollbook_jobs (job, last_due, deferred_until, parked, park_reason, \
             config_fingerprint, failures, incomplete_runs, refused_runs, has_worked) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                entry,
                state.last_due.map(scalar::to_canonical),
                state.deferred_until.map(scalar::to_canonical),
                parked.map(|parked| &parked.message),
                parked.map(|parked| parked.reason.as_str()),
                parked.and_then(|parked| parked.config_fingerprint.as_ref()),
                state.failures,
                state.incomplete_runs,
                state.refused_runs,
                state.has_worked
            ],
        )
        .map(drop)
        .map_err(StoreError::sql("write a job's state"))
}

/// When something that is done now and then was done last.
pub fn done(connection: &Connection, what: &str) -> Result<Option<Timestamp>, StoreError> {
    let done: Option<String> = connection
        .query_row(
            "SELECT done FROM rollbook_maintenance WHERE task = ?1",
            [what],
            |row| row.get(0),
        )
        .optional()
        .map_err(StoreError::sql("find when something was done last"))?;
    Ok(done.as_deref().and_then(scalar::parse))
}

/// Notes that something was done now.
pub fn note_done(connection: &Connection, what: &str, now: Timestamp) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT OR REPLACE INTO rollbook_maintenance (task, done) VALUES (?1, ?2)",
            params![what, scalar::to_canonical(now)],
        )
        .map(drop)
        .map_err(StoreError::sql("record that something was done"))
}

/// A held run: its job, and what an approval is bound to.
pub fn held(connection: &Connection, run: i64) -> Result<Option<(JobName, String)>, StoreError> {
    connection
        .query_row(
            "SELECT job, hold FROM rollbook_runs WHERE run = ?1 AND hold IS NOT NULL",
            [run],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(StoreError::sql("find a held run"))
}

/// Notes that an admin accepts a held run's difference.
pub fn approve(
    connection: &Connection,
    run: i64,
    job: &JobName,
    hold: &str,
    now: &str,
) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT OR REPLACE INTO rollbook_approvals VALUES (?1, ?2, ?3, ?4)",
            params![run, job, hold, now],
        )
        .map(drop)
        .map_err(StoreError::sql("record an approval"))
}

/// What was approved for a job since a time.
pub fn approvals(
    connection: &Connection,
    job: &JobName,
    since: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("find approvals");
    let mut statement = connection
        .prepare_cached("SELECT hold FROM rollbook_approvals WHERE job = ?1 AND approved >= ?2")
        .map_err(&what)?;
    statement
        .query_map(params![job, scalar::to_canonical(since)], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// An approval is good once.
pub fn use_up_approvals(connection: &Connection, job: &JobName) -> Result<(), StoreError> {
    connection
        .execute("DELETE FROM rollbook_approvals WHERE job = ?1", [job])
        .map(drop)
        .map_err(StoreError::sql("consume approvals"))
}
