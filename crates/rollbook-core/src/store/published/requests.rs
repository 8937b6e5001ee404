//! What a person requests of a published source, and how far that is. Only these statements write it: a request that is made while
//! the source is published is not lost.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{UNKNOWN_REVISION, streams};
use crate::model::{PublishName, SourceName, scalar};
use crate::store::StoreError;

/// Notes that a person wants everything of a source compared, now.
///
/// # Errors
/// When the mirror cannot be written; the same holds for all below.
pub fn request_rebuild(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO rollbook_published (publish, source, claim, revision, run, seen, rebuild, removal, attempts) \
               VALUES (?1, ?2, '', 0, 0, 0, 1, 0, 0) ON CONFLICT DO UPDATE SET rebuild = 1, due = NULL";
    let requested = connection.execute(sql, params![publish, source]);
    requested
        .map(drop)
        .map_err(StoreError::sql("note what is to be compared"))
}

/// Notes that this mirror publishes it now, and that it is compared.
pub fn note_taken(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
) -> Result<(), StoreError> {
    let sql = "UPDATE rollbook_published SET rebuild = 0 WHERE publish = ?1 AND source = ?2";
    let noted = connection.execute(sql, params![publish, source]);
    noted
        .map(drop)
        .map_err(StoreError::sql("note what is compared"))
}

/// The configuration publishes a source again that was to be removed, or was, or was in part: everything is compared.
pub fn withdraw_removal(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
) -> Result<(), StoreError> {
    let sql = "UPDATE rollbook_published SET removal = 0, removed = NULL, revision = ?3, next_revision = NULL, next_run = NULL \
               WHERE publish = ?1 AND source = ?2";
    let noted = connection.execute(sql, params![publish, source, UNKNOWN_REVISION]);
    noted
        .map(drop)
        .map_err(StoreError::sql("note what is published again"))
}

/// Notes that everything of a source is to be removed from a database. Returns whether anything is known of it there.
pub fn request_removal(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
) -> Result<bool, StoreError> {
    let sql = "UPDATE rollbook_published SET removal = 1, removed = NULL, due = NULL WHERE publish = ?1 AND source = ?2";
    let requested = connection.execute(sql, params![publish, source]);
    requested
        .map(|rows| rows > 0)
        .map_err(StoreError::sql("note what is to be removed"))
}

/// Notes that nothing of a source is in a database any more, if so many erasures are followed. Returns whether none came after
/// them. No revision is known any more: what a restored database has is compared as a whole.
pub fn note_removed(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
    (erasures, now): (i64, Timestamp),
) -> Result<bool, StoreError> {
    if self::erasures(connection, publish, source)? != erasures {
        return Ok(false);
    }
    let what = StoreError::sql("note what was removed");
    let sql = "UPDATE rollbook_published SET removed = ?3, run = 0, seen = 0, published = NULL, place = '', revision = ?4, \
               next_revision = NULL, next_run = NULL WHERE publish = ?1 AND source = ?2 AND removal";
    let now = scalar::to_canonical(now);
    let noted = connection.execute(sql, params![publish, source, now, UNKNOWN_REVISION]);
    noted.map_err(&what)?;
    forget_streams(connection, publish, source)?;
    Ok(true)
}

/// How many erasures the streams of a source have to follow, or have followed.
pub fn erasures(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
) -> Result<i64, StoreError> {
    let known = streams(connection, publish, source)?;
    Ok(known.values().map(|stream| stream.erasures).sum())
}

/// Forgets that a source was ever published to a database. Returns whether anything was known.
pub fn forget(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
) -> Result<bool, StoreError> {
    let known = streams(connection, publish, source)?;
    forget_streams(connection, publish, source)?;
    let sql = "DELETE FROM rollbook_published WHERE publish = ?1 AND source = ?2";
    let gone = connection.execute(sql, params![publish, source]);
    gone.map(|rows| rows > 0 || !known.is_empty())
        .map_err(StoreError::sql("forget what is published"))
}

fn forget_streams(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM rollbook_published_streams WHERE publish = ?1 AND source = ?2";
    let gone = connection.execute(sql, params![publish, source]);
    gone.map(drop)
        .map_err(StoreError::sql("forget what is published no longer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;
    use crate::store::Store;
    use crate::store::published::{PublishedSource, save_source, source};

    /// What is recorded of an attempt is of before it, and a request may have been made since.
    #[tokio::test]
    async fn an_attempt_takes_no_request_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let noted = |connection: &mut Connection| {
            let (publish, own) = (named("district"), named("own"));
            let before = PublishedSource::default();
            let state = |connection: &Connection| {
                let known = source(connection, &publish, &own)?.unwrap_or_default();
                Ok::<_, StoreError>((known.rebuild, known.removal, known.removed.is_some()))
            };
            save_source(connection, &publish, &own, &before)?;
            request_rebuild(connection, &publish, &own)?;
            assert!(request_removal(connection, &publish, &own)?);
            save_source(connection, &publish, &own, &before)?;
            assert_eq!(state(connection)?, (true, true, false));
            // A removal was requested while it was taken.
            note_taken(connection, &publish, &own)?;
            assert_eq!(state(connection)?, (false, true, false));
            let removed = |erasures| {
                note_removed(
                    connection,
                    &publish,
                    &own,
                    (erasures, Timestamp::UNIX_EPOCH),
                )
            };
            assert!(!removed(3)?, "another erasure");
            assert!(removed(0)?);
            save_source(connection, &publish, &own, &before)?;
            assert_eq!(state(connection)?, (false, true, true));
            // Published again, by the configuration.
            withdraw_removal(connection, &publish, &own)?;
            assert_eq!(state(connection)?, (false, false, false));
            note_removed(connection, &publish, &own, (0, Timestamp::UNIX_EPOCH))?;
            assert_eq!(state(connection)?, (false, false, false));
            assert!(forget(connection, &publish, &own)?);
            assert!(!forget(connection, &publish, &own)?);
            assert!(!request_removal(connection, &publish, &own)?);
            Ok(())
        };
        store.write(noted).await.expect("noted");
    }
}
