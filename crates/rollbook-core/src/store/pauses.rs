//! Pauses of jobs and sources: at most one of each, the newest; an ended one stays, see `model/pause.rs`.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::StoreError;
use super::sql_values::damaged;
use crate::model::pause::{Pause, PauseTarget};
use crate::model::{JobName, SourceName, scalar};

/// The columns of a pause, for [`pause_of`].
const COLUMNS: &str = "since, until, time_zone";

fn pause_of(row: &Row<'_>) -> rusqlite::Result<Pause> {
    let time = |index: usize, text: &str| {
        scalar::parse(text).ok_or_else(|| damaged(index, "time of a pause", text))
    };
    let (since, until): (String, Option<String>) = (row.get(0)?, row.get(1)?);
    let zone: String = row.get(2)?;
    // A zone that this version does not know changes only how the end is shown.
    let zone = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
    Ok(Pause {
        since: time(0, &since)?,
        until: match until {
            Some(until) => Some(time(1, &until)?.to_zoned(zone)),
            None => None,
        },
    })
}

/// The pauses that apply to a job: its own and its source's, also ended ones.
pub fn of_job(
    connection: &Connection,
    job: &JobName,
    source: &SourceName,
) -> Result<Vec<Pause>, StoreError> {
    let what = StoreError::sql("read the pauses of a job");
    let sql = format!(
        "SELECT {COLUMNS} FROM rollbook_pauses WHERE (kind = 'job' AND name = ?1) OR (kind = 'source' AND name = ?2)"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(&what)?;
    statement
        .query_map(params![job, source], pause_of)
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The pause of exactly this job or source, also an ended one.
pub fn of(connection: &Connection, target: &PauseTarget) -> Result<Option<Pause>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM rollbook_pauses WHERE kind = ?1 AND name = ?2");
    connection
        .query_row(&sql, [target.kind(), target.name()], pause_of)
        .optional()
        .map_err(StoreError::sql("read a pause"))
}

/// Records a pause instead of the one before.
pub fn save(
    connection: &Connection,
    target: &PauseTarget,
    pause: &Pause,
) -> Result<(), StoreError> {
    let until = pause.until.as_ref();
    let zone = until.and_then(|until| until.time_zone().iana_name());
    connection
        .execute(
            "INSERT OR REPLACE INTO rollbook_pauses (kind, name, since, until, time_zone) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                target.kind(),
                target.name(),
                scalar::to_canonical(pause.since),
                until.map(Zoned::timestamp).map(scalar::to_canonical),
                zone.unwrap_or("UTC"),
            ],
        )
        .map(drop)
        .map_err(StoreError::sql("record a pause"))
}

/// Ends a pause now; the pause as it was, if it was active.
pub fn end(
    connection: &Connection,
    target: &PauseTarget,
    now: Timestamp,
) -> Result<Option<Pause>, StoreError> {
    let Some(pause) = of(connection, target)?.filter(|pause| pause.is_active(now)) else {
        return Ok(None);
    };
    let ended = Pause {
        since: pause.since,
        until: Some(now.to_zoned(TimeZone::UTC)),
    };
    save(connection, target, &ended)?;
    Ok(Some(pause))
}
