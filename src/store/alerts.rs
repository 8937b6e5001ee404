//! What was told about each job, and what still waits to be sent. In the mirror, so that a restart repeats nothing.
//!
//! What is told and what is to be sent are written in one transaction. Sentences here name jobs and runs, never a person.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::StoreError;
use crate::model::scalar;

/// An alert that waits to be sent one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its number.
    pub id: i64,
    /// The way it goes.
    pub way: String,
    /// What it is about.
    pub kind: String,
    /// Which job.
    pub job: String,
    /// What it says.
    pub sentence: String,
    /// When it was written.
    pub written: String,
    /// How often it was tried.
    pub tries: u32,
}

/// What was told of a job and has not ended: the word, and when it was told.
pub fn told(connection: &Connection, job: &str) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let what = StoreError::sql("read what was told");
    let mut statement = connection
        .prepare_cached("SELECT kind, told FROM rollbook_alerts WHERE job = ?1")
        .map_err(&what)?;
    let rows: Vec<(String, String)> = statement
        .query_map([job], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(&what)?;
    Ok(rows
        .into_iter()
        .filter_map(|(kind, told)| Some((kind, scalar::parse(&told)?)))
        .collect())
}

/// Replaces what was told of a job, and puts what is to be sent into the outbox, for each way.
pub fn note(
    connection: &mut Connection,
    job: &str,
    told: &[(&str, Timestamp)],
    send: &[(&str, String)],
    ways: &[&str],
    now: Timestamp,
) -> Result<(), StoreError> {
    let what = StoreError::sql("note what is told");
    let transaction = connection.transaction().map_err(&what)?;
    let now = scalar::written(now);
    let write = || -> rusqlite::Result<()> {
        transaction.execute("DELETE FROM rollbook_alerts WHERE job = ?1", [job])?;
        for (kind, at) in told {
            transaction.execute(
                "INSERT INTO rollbook_alerts (job, kind, told) VALUES (?1, ?2, ?3)",
                params![job, kind, scalar::written(*at)],
            )?;
        }
        for way in ways {
            for (kind, sentence) in send {
                transaction.execute(
                    "INSERT INTO rollbook_outbox (way, kind, job, sentence, written, tries, due) \
                     VALUES (?1, ?2, ?3, ?4, ?5, 0, ?5)",
                    params![way, kind, job, sentence, now],
                )?;
            }
        }
        Ok(())
    };
    write().map_err(&what)?;
    transaction.commit().map_err(what)
}

/// What is to be sent now, in the order it was written.
pub fn due(connection: &Connection, now: Timestamp) -> Result<Vec<Letter>, StoreError> {
    let what = StoreError::sql("look for alerts to send");
    let mut statement = connection
        .prepare_cached(
            "SELECT id, way, kind, job, sentence, written, tries FROM rollbook_outbox WHERE due <= ?1 ORDER BY id",
        )
        .map_err(&what)?;
    statement
        .query_map([scalar::written(now)], |row| {
            Ok(Letter {
                id: row.get(0)?,
                way: row.get(1)?,
                kind: row.get(2)?,
                job: row.get(3)?,
                sentence: row.get(4)?,
                written: row.get(5)?,
                tries: row.get(6)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// When the next one is to be sent.
pub fn next(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<String> = connection
        .query_row("SELECT min(due) FROM rollbook_outbox", [], |row| row.get(0))
        .map_err(StoreError::sql("look for the next alert"))?;
    Ok(due.as_deref().and_then(scalar::parse))
}

/// It was sent, or is given up.
pub fn remove(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection
        .execute("DELETE FROM rollbook_outbox WHERE id = ?1", [id])
        .map(drop)
        .map_err(StoreError::sql("note a sent alert"))
}

/// It could not be sent and is tried again then.
pub fn later(connection: &Connection, id: i64, due: Timestamp) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE rollbook_outbox SET tries = tries + 1, due = ?2 WHERE id = ?1",
            params![id, scalar::written(due)],
        )
        .map(drop)
        .map_err(StoreError::sql("note an alert that was not sent"))
}

/// When the last good run of a job ended, and when its first run of all started.
pub fn ends(
    connection: &Connection,
    job: &str,
) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
    let ends: (Option<String>, Option<String>) = connection
        .query_row(
            "SELECT max(ended) FILTER (WHERE outcome IN ('ok', 'ok_with_rejects')), min(started) \
             FROM rollbook_runs WHERE job = ?1",
            [job],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(StoreError::sql("look for the last good run"))?;
    let time = |text: Option<String>| text.as_deref().and_then(scalar::parse);
    Ok((time(ends.0), time(ends.1)))
}
