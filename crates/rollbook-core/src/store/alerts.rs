//! Alerts that are active, and alerts that are queued for sending; in the mirror, so that a restart repeats none.
//!
//! Both are written in one transaction. Messages name jobs and runs, never a person.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use super::error::StoreError;
use crate::model::scalar;
use crate::model::{AlertSubject, JobName};

/// An alert that is queued for one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedAlert {
    /// Its number.
    pub id: i64,
    /// The channel.
    pub channel: String,
    /// What it is about.
    pub kind: String,
    /// Which job or source.
    pub subject: AlertSubject,
    /// The text.
    pub message: String,
    /// When it was created.
    pub created: String,
    /// Failed attempts to send it.
    pub attempts: u32,
}

/// The active alerts of a job or source: kind, and when each was reported.
pub fn active(
    connection: &Connection,
    subject: &AlertSubject,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let what = StoreError::sql("read active alerts");
    let mut statement = connection
        .prepare_cached("SELECT kind, reported FROM rollbook_alerts WHERE job = ?1")
        .map_err(&what)?;
    let rows: Vec<(String, String)> = statement
        .query_map([subject], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(&what)?;
    Ok(rows
        .into_iter()
        .filter_map(|(kind, reported)| Some((kind, scalar::parse(&reported)?)))
        .collect())
}

/// Replaces the active alerts of a job or source and queues messages for each channel.
pub fn note(
    connection: &mut Connection,
    subject: &AlertSubject,
    reported: &[(&str, Timestamp)],
    send: &[(&str, String)],
    channels: &[&str],
    now: Timestamp,
) -> Result<(), StoreError> {
    let what = StoreError::sql("record alerts");
    let transaction = connection.transaction().map_err(&what)?;
    let now = scalar::to_canonical(now);
    let write = || -> rusqlite::Result<()> {
        transaction.execute("DELETE FROM rollbook_alerts WHERE job = ?1", [subject])?;
        for (kind, at) in reported {
            transaction.execute(
                "INSERT INTO rollbook_alerts (job, kind, reported) VALUES (?1, ?2, ?3)",
                params![subject, kind, scalar::to_canonical(*at)],
            )?;
        }
        for channel in channels {
            for (kind, message) in send {
                transaction.execute(
                    "INSERT INTO rollbook_outbox (channel, kind, job, message, created, attempts, due) \
                     VALUES (?1, ?2, ?3, ?4, ?5, 0, ?5)",
                    params![channel, kind, subject, message, now],
                )?;
            }
        }
        Ok(())
    };
    write().map_err(&what)?;
    transaction.commit().map_err(what)
}

/// No pause between two attempts is longer; a later time was written by a clock that was ahead.
const MAX_PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// The messages to send now, oldest first.
pub fn due(connection: &Connection, now: Timestamp) -> Result<Vec<QueuedAlert>, StoreError> {
    let what = StoreError::sql("find alerts to send");
    let mut statement = connection
        .prepare_cached(
            "SELECT id, channel, kind, job, message, created, attempts FROM rollbook_outbox \
             WHERE due <= ?1 OR due > ?2 ORDER BY id",
        )
        .map_err(&what)?;
    let latest = scalar::saturating_add(now, MAX_PAUSE);
    statement
        .query_map([now, latest].map(scalar::to_canonical), |row| {
            Ok(QueuedAlert {
                id: row.get(0)?,
                channel: row.get(1)?,
                kind: row.get(2)?,
                subject: row.get(3)?,
                message: row.get(4)?,
                created: row.get(5)?,
                attempts: row.get(6)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// When the next one is to be sent.
pub fn next(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<String> = connection
        .query_row("SELECT min(due) FROM rollbook_outbox", [], |row| row.get(0))
        .map_err(StoreError::sql("find the next alert"))?;
    Ok(due.as_deref().and_then(scalar::parse))
}

/// It was sent, or is given up.
pub fn remove(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection
        .execute("DELETE FROM rollbook_outbox WHERE id = ?1", [id])
        .map(drop)
        .map_err(StoreError::sql("record a sent alert"))
}

/// It could not be sent and is tried again then.
pub fn postpone(connection: &Connection, id: i64, due: Timestamp) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE rollbook_outbox SET attempts = attempts + 1, due = ?2 WHERE id = ?1",
            params![id, scalar::to_canonical(due)],
        )
        .map(drop)
        .map_err(StoreError::sql("record an alert that was not sent"))
}

/// When the last good run of a job ended, and when its first run of all started; runs of one stream do not count. Runs that a clock recorded which was
/// ahead do not count: nothing would be overdue until then.
pub fn ends(
    connection: &Connection,
    job: &JobName,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
    let ends: (Option<String>, Option<String>) = connection
        .query_row(
            "SELECT (SELECT ended FROM rollbook_runs WHERE job = ?1 AND stream IS NULL \
             AND outcome IN ('ok', 'ok_with_rejects') AND ended <= ?2 ORDER BY run DESC LIMIT 1), \
             (SELECT started FROM rollbook_runs WHERE job = ?1 AND stream IS NULL ORDER BY run LIMIT 1)",
            params![job, scalar::to_canonical(now)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(StoreError::sql("find the last good run"))?;
    let time = |text: Option<String>| text.as_deref().and_then(scalar::parse);
    Ok((time(ends.0), time(ends.1)))
}
