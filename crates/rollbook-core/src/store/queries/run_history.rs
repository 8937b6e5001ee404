//! Run records as the history of `model/run_history.rs` needs them: those that are new since the last time, in one query.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};

use super::Reader;
use crate::model::run_history::{
    HistoryFold, JobRuns, PastRun, RejectResult, STRIP_RUNS, StreamResult,
};
use crate::model::totals::TotalsFold;
use crate::model::{EntryName, JobName, SourceName, scalar};
use crate::store::error::StoreError;
use crate::store::sql_values::ended;

/// Adds the records of runs that ended, started on this day or later, and are not yet in the history; to the totals also, which
/// know later runs only. Costs as much as there are.
pub fn add_ended_runs(
    reader: &Reader,
    history: &mut HistoryFold,
    mut totals: Option<&mut TotalsFold>,
    first: Date,
) -> Result<(), StoreError> {
    let what = StoreError::sql("read the run records");
    // Before the records, so that a run which ends meanwhile counts as open.
    let first_open = first_open_behind(reader, history.through())?;
    let first_uncounted = match &totals {
        Some(totals) => first_open_behind(reader, totals.through())?,
        None => None,
    };
    let mut statement = reader
        .prepare_cached(
            "SELECT r.run, r.source, s.stream, r.started, s.outcome, s.class, s.reading = 'full' AND s.completeness <> 'contradicted', \
             s.new, s.changed, s.removed, s.unchanged, s.unconfirmed, s.rejected, s.duration_ms, s.pages, s.rows_read \
             FROM rollbook_runs AS r JOIN rollbook_run_streams AS s USING (run) \
             WHERE r.run > ?1 AND r.started >= ?2 AND r.ended IS NOT NULL ORDER BY r.run",
        )
        .map_err(&what)?;
    let mut records = statement
        .query(params![history.through(), first.to_string()])
        .map_err(&what)?;
    while let Some(row) = records.next().map_err(&what)? {
        add(history, totals.as_deref_mut(), row).map_err(&what)?;
    }
    add_rejects(reader, history, first)?;
    if let Some(totals) = totals {
        add_runs(reader, totals)?;
        totals.end(first_uncounted);
    }
    history.end(first_open);
    Ok(())
}

fn first_open_behind(reader: &Reader, run: i64) -> Result<Option<i64>, StoreError> {
    reader
        .prepare_cached("SELECT min(run) FROM rollbook_runs WHERE run > ?1 AND ended IS NULL")
        .and_then(|mut statement| statement.query_row([run], |row| row.get(0)))
        .map_err(StoreError::sql("read the run records"))
}

/// The run that ended last, by its number; zero without one.
///
/// # Errors
/// When the mirror cannot be read.
pub fn last_ended_run(reader: &Reader) -> Result<i64, StoreError> {
    reader
        .query_row(
            "SELECT coalesce(max(run), 0) FROM rollbook_runs WHERE ended IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .map_err(StoreError::sql("read the run records"))
}

/// All that ended, also those without a stream.
fn add_runs(reader: &Reader, totals: &mut TotalsFold) -> Result<(), StoreError> {
    let what = StoreError::sql("read the run records");
    let mut statement = reader
        .prepare_cached(
            "SELECT run, started, ended, outcome, class, job FROM rollbook_runs WHERE run > ?1 AND ended IS NOT NULL",
        )
        .map_err(&what)?;
    let mut runs = statement.query([totals.through()]).map_err(&what)?;
    while let Some(row) = runs.next().map_err(&what)? {
        let read = || {
            let (started, end): (String, String) = (row.get(1)?, row.get(2)?);
            let length = duration(&started, &end).unwrap_or_default();
            let job: JobName = row.get(5)?;
            Ok((row.get(0)?, job, ended(row, 3, 4)?, length))
        };
        let (run, job, outcome, length) = read().map_err(&what)?;
        totals.add_run(run, &EntryName::from(&job), outcome, length);
    }
    Ok(())
}

fn add_rejects(reader: &Reader, history: &mut HistoryFold, first: Date) -> Result<(), StoreError> {
    let what = StoreError::sql("read what runs rejected");
    let mut statement = reader
        .prepare_cached(
            "SELECT r.run, r.started, r.source, j.stream, j.path, j.reason, j.rows \
             FROM rollbook_rejects AS j JOIN rollbook_runs AS r USING (run) \
             WHERE j.run > ?1 AND r.started >= ?2 AND r.ended IS NOT NULL",
        )
        .map_err(&what)?;
    let mut rejects = statement
        .query(params![history.through(), first.to_string()])
        .map_err(&what)?;
    while let Some(row) = rejects.next().map_err(&what)? {
        let add = |history: &mut HistoryFold| {
            let text = |index| Ok::<_, rusqlite::Error>(row.get_ref(index)?.as_str()?);
            if let Some(day) = text(1)?.get(..10).and_then(|day| day.parse().ok()) {
                history.add_reject(&RejectResult {
                    run: row.get(0)?,
                    source: text(2)?,
                    stream: text(3)?,
                    day,
                    path: text(4)?,
                    reason: text(5)?,
                    rows: row.get::<_, i64>(6)? as u64,
                });
            }
            Ok(())
        };
        add(history).map_err(&what)?;
    }
    Ok(())
}

fn add(
    history: &mut HistoryFold,
    totals: Option<&mut TotalsFold>,
    row: &Row<'_>,
) -> rusqlite::Result<()> {
    let text = |index| Ok::<_, rusqlite::Error>(row.get_ref(index)?.as_str()?);
    let count = |index| row.get::<_, i64>(index).map(|number| number as u64);
    // A time that cannot be read is none of the last days.
    let Some(day) = text(3)?.get(..10).and_then(|day| day.parse().ok()) else {
        return Ok(());
    };
    let result = StreamResult {
        run: row.get(0)?,
        source: text(1)?,
        stream: text(2)?,
        day,
        outcome: ended(row, 4, 5)?,
        is_complete: row.get::<_, Option<bool>>(6)?.unwrap_or(false),
        new: count(7)?,
        changed: count(8)?,
        removed: count(9)?,
        unchanged: count(10)?,
        missing: count(11)?,
        rejected: count(12)?,
        duration_ms: count(13)?,
        pages: count(14)?,
        received: count(15)?,
    };
    history.add(&result);
    if let Some(totals) = totals {
        totals.add_stream(&result);
    }
    Ok(())
}

/// The last runs of a job that ended, and its last good one.
pub fn job_runs(
    reader: &Reader,
    job: &JobName,
    source: &SourceName,
) -> Result<JobRuns, StoreError> {
    let what = StoreError::sql("read the last runs of a job");
    let mut statement = reader
        .prepare_cached(
            "SELECT run, started, ended, outcome, class, stream FROM rollbook_runs \
             WHERE job = ?1 AND ended IS NOT NULL ORDER BY run DESC LIMIT ?2",
        )
        .map_err(&what)?;
    let mut runs: Vec<PastRun> = statement
        .query_map(params![job, STRIP_RUNS as i64], past_run)
        .and_then(Iterator::collect)
        .map_err(&what)?;
    runs.reverse();
    let last_good = reader
        .prepare_cached(
            "SELECT ended FROM rollbook_runs WHERE job = ?1 AND stream IS NULL \
             AND outcome IN ('ok', 'ok_with_rejects', 'not_served') ORDER BY run DESC LIMIT 1",
        )
        .and_then(|mut statement| statement.query_row([job], |row| row.get(0)).optional())
        .map_err(&what)?
        .flatten();
    let first = runs.first().map(|run| run.run);
    let streams = reader
        .prepare_cached(
            "SELECT DISTINCT s.stream FROM rollbook_runs AS r JOIN rollbook_run_streams AS s USING (run) \
             WHERE r.job = ?1 AND r.run >= ?2 ORDER BY s.stream",
        )
        .and_then(|mut statement| {
            let streams = statement.query_map(params![job, first], |row| row.get(0))?;
            streams.collect()
        })
        .map_err(&what)?;
    Ok(JobRuns {
        job: job.clone(),
        source: source.clone(),
        last_good,
        runs,
        streams,
    })
}

fn past_run(row: &Row<'_>) -> rusqlite::Result<PastRun> {
    let (started, end): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(PastRun {
        run: row.get(0)?,
        outcome: ended(row, 3, 4)?,
        duration_ms: duration(&started, &end).unwrap_or_default(),
        started,
        only: row.get(5)?,
    })
}

fn duration(started: &str, ended: &str) -> Option<u64> {
    let (started, ended): (Timestamp, Timestamp) = (scalar::parse(started)?, scalar::parse(ended)?);
    let length: SignedDuration = ended.duration_since(started);
    u64::try_from(length.as_millis()).ok()
}
