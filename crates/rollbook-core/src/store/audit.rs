//! Who did what by command or control socket, and which files of the configuration changed.
//!
//! Kept for two years, also over a restore. No value of a row is ever in it: subjects are jobs, sources, streams, runs and
//! files.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::StoreError;
use crate::model::{AuditedAction, scalar};
use crate::permissions::Actor;

/// Records an action.
pub fn record(
    connection: &Connection,
    by: &Actor,
    action: AuditedAction,
    subject: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    insert(connection, by, (action, subject, None), now)
}

/// Records which files of the configuration are not those of the last call. `files` has each file's hash by its name.
pub fn record_configuration(
    connection: &mut Connection,
    by: &Actor,
    files: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let what = StoreError::sql("record the configuration's files");
    let known = known_files(connection)?;
    if known == *files {
        return Ok(());
    }
    let transaction = connection.transaction().map_err(&what)?;
    let changed = files
        .iter()
        .filter(|(file, hash)| known.get(*file) != Some(*hash))
        .map(|(file, hash)| (file, Some(hash.as_str())));
    let removed = known.keys().filter(|file| !files.contains_key(*file));
    for (file, hash) in changed.chain(removed.map(|file| (file, None))) {
        insert(
            &transaction,
            by,
            (AuditedAction::Configuration, file, hash),
            now,
        )?;
    }
    transaction.commit().map_err(what)
}

/// The hash of each file of the configuration as it was recorded last.
fn known_files(connection: &Connection) -> Result<BTreeMap<String, String>, StoreError> {
    let what = StoreError::sql("read the configuration's files");
    let mut statement = connection
        .prepare_cached(
            "SELECT subject, hash FROM rollbook_audit WHERE id IN \
             (SELECT max(id) FROM rollbook_audit WHERE action = ?1 GROUP BY subject) AND hash IS NOT NULL",
        )
        .map_err(&what)?;
    statement
        .query_map([AuditedAction::Configuration.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

fn insert(
    connection: &Connection,
    by: &Actor,
    (action, subject, hash): (AuditedAction, &str, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO rollbook_audit (at, uid, user, action, subject, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                scalar::to_canonical(now),
                by.uid,
                by.name,
                action.as_str(),
                subject,
                hash
            ])
        })
        .map(drop)
        .map_err(StoreError::sql("record an action"))
}

/// Deletes what is older than `before`, but not the last entry of a file of the configuration that exists.
pub(super) fn purge(connection: &Connection, before: &str) -> Result<(), StoreError> {
    connection
        .execute(
            "DELETE FROM rollbook_audit WHERE at < ?1 AND (hash IS NULL OR id NOT IN \
             (SELECT max(id) FROM rollbook_audit WHERE action = ?2 GROUP BY subject))",
            [before, AuditedAction::Configuration.as_str()],
        )
        .map(drop)
        .map_err(StoreError::sql("purge old actions"))
}

/// Copies what another mirror recorded and this one did not: what happened since a backup was made.
pub(super) fn copy_newer(connection: &Connection, from: &Path) -> Result<(), StoreError> {
    let what = StoreError::sql("keep the recorded actions");
    connection
        .execute("ATTACH ?1 AS previous", [from.to_string_lossy()])
        .map_err(&what)?;
    let copied = connection.execute_batch(
        "INSERT INTO rollbook_audit (at, uid, user, action, subject, hash) \
         SELECT at, uid, user, action, subject, hash FROM previous.rollbook_audit AS old \
         WHERE NOT EXISTS (SELECT 1 FROM main.rollbook_audit AS kept WHERE kept.id = old.id AND kept.at = old.at) \
         ORDER BY id",
    );
    let detached = connection.execute_batch("DETACH previous");
    copied.and(detached).map_err(what)
}

#[cfg(test)]
mod tests;
