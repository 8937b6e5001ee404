//! What happens in the mirror that published tables must follow: erasures, purges, a rename, a restore.

use std::path::Path;

use rusqlite::{Connection, params};

use super::UNKNOWN_REVISION;
use crate::model::{SourceName, StreamName, Table};
use crate::store::StoreError;

/// Notes that rows of streams were removed or changed without a run: their published tables are to be compared, and cleaned.
///
/// # Errors
/// When the mirror cannot be written; the same holds for all below.
pub fn note_changed_rows(
    connection: &Connection,
    streams: &[(SourceName, StreamName)],
) -> Result<(), StoreError> {
    let what = StoreError::sql("note what is to be erased elsewhere");
    let sql = "UPDATE rollbook_published_streams SET erasures = erasures + 1 WHERE source = ?1 AND stream = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(&what)?;
    for (source, stream) in streams {
        statement.execute(params![source, stream]).map_err(&what)?;
    }
    Ok(())
}

/// Notes that a person was erased who has rows in some streams. Others may have published the person still, without a row here
/// that tells: those under the name of before a rename, those whose tables the mirror has dropped, and those that do not know
/// yet what the mirror has removed or purged.
pub fn note_erasure(
    connection: &Connection,
    streams: &[(SourceName, StreamName)],
) -> Result<(), StoreError> {
    note_changed_rows(connection, streams)?;
    let sql = "UPDATE rollbook_published_streams AS one SET erasures = erasures + 1 WHERE erasures = erased AND (\
                 EXISTS (SELECT 1 FROM rollbook_published WHERE publish = one.publish AND source = one.source AND removal) \
                 OR NOT EXISTS (SELECT 1 FROM rollbook_tables AS made WHERE made.source = one.source AND made.stream = one.stream) \
                 OR EXISTS (SELECT 1 FROM rollbook_tables AS made WHERE made.source = one.source AND made.stream = one.stream \
                   AND made.purged IS NOT one.purged) \
                 OR EXISTS (SELECT 1 FROM rollbook_published AS known \
                   JOIN rollbook_runs AS run ON run.source = one.source AND run.run > known.run \
                   JOIN rollbook_run_streams AS part ON part.run = run.run AND part.stream = one.stream \
                   WHERE known.publish = one.publish AND known.source = one.source AND part.removed > 0))";
    let noted = connection.execute(sql, []);
    noted
        .map(drop)
        .map_err(StoreError::sql("note what is to be erased elsewhere"))
}

/// Notes that the tables of a stream are dropped: what databases have of it is not known any more.
pub fn note_dropped(
    connection: &Connection,
    source: &SourceName,
    stream: &StreamName,
) -> Result<(), StoreError> {
    let sql = "UPDATE rollbook_published_streams SET definition = '', compare = '' WHERE source = ?1 AND stream = ?2";
    let noted = connection.execute(sql, params![source, stream]);
    noted
        .map(drop)
        .map_err(StoreError::sql("note what is to be compared"))
}

/// Notes that the records of runs that started before are purged, from which a database would have learned what changed: the next
/// attempt finds another revision there than the one that is known, and compares everything.
pub fn note_purged_runs(connection: &Connection, before: &str) -> Result<(), StoreError> {
    let sql = "UPDATE rollbook_published AS one SET revision = ?2, next_revision = NULL, next_run = NULL WHERE EXISTS \
               (SELECT 1 FROM rollbook_runs AS run WHERE run.source = one.source AND run.run > max(one.run, one.seen) \
               AND run.started < ?1)";
    let noted = connection.execute(sql, params![before, UNKNOWN_REVISION]);
    noted
        .map(drop)
        .map_err(StoreError::sql("note what is to be compared"))
}

/// A source has another name: what is published under the old one is to be removed, and the tables of the new one, if there
/// are any, are to be compared.
///
/// # Errors
/// When the mirror cannot be written.
pub fn note_rename(
    connection: &Connection,
    old: &SourceName,
    new: &SourceName,
) -> Result<(), StoreError> {
    let what = StoreError::sql("note what is published under another name");
    for (sql, source) in [
        (
            "UPDATE rollbook_published SET removal = 1, removed = NULL, due = NULL WHERE source = ?1",
            old,
        ),
        // The runs of the old name are its own now.
        (
            "UPDATE rollbook_published SET seen = 0 WHERE source = ?1",
            new,
        ),
        (
            "UPDATE rollbook_published_streams SET compare = '' WHERE source = ?1",
            new,
        ),
    ] {
        connection.execute(sql, [source]).map_err(&what)?;
    }
    Ok(())
}

/// Notes that old versions are purged from which a database would have learned of removals: its tables are compared instead.
pub fn note_purge(connection: &Connection, table: &Table, before: &str) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE rollbook_published_streams AS stream SET erasures = erasures + 1 \
         WHERE source = ?1 AND stream = ?2 AND EXISTS (SELECT 1 FROM {} AS past WHERE past._until < ?3 AND past._ended_run > \
         (SELECT run FROM rollbook_published AS one WHERE one.publish = stream.publish AND one.source = stream.source))",
        table.history_quoted()
    );
    let noted = connection.execute(&sql, params![table.source, table.stream, before]);
    noted
        .map(drop)
        .map_err(StoreError::sql("note what is to be compared"))
}

/// Takes the claims of another mirror over, which this one, restored from a backup, takes the place of. Its revision is not that of
/// any transaction, so everything is compared.
pub fn keep_claims(connection: &Connection, from: &Path) -> Result<(), StoreError> {
    let what = StoreError::sql("keep what names this mirror in published databases");
    connection
        .execute("ATTACH ?1 AS previous", [from.to_string_lossy()])
        .map_err(&what)?;
    let copied = connection.execute(
        "INSERT OR REPLACE INTO rollbook_published \
         (publish, source, claim, next_claim, former, revision, run, seen, rebuild, removal, removed, attempts, place) \
         SELECT publish, source, claim, next_claim, former, ?1, 0, 0, rebuild, removal, removed, 0, place FROM previous.rollbook_published",
        [UNKNOWN_REVISION],
    );
    // An erasure that was not followed is not known by the backup's counts; it is noted for everything.
    let noted = connection.execute_batch(
        "INSERT OR REPLACE INTO rollbook_published_streams (publish, source, stream, definition, compare, erased, erasures) \
         SELECT publish, source, stream, '', '', 0, 1 FROM previous.rollbook_published_streams",
    );
    let detached = connection.execute_batch("DETACH previous");
    copied.map(drop).and(noted).and(detached).map_err(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;
    use crate::store::Store;
    use crate::store::published::{
        PublishedSource, PublishedStream, forget, not_erased, save_source, save_stream, source,
        streams,
    };

    /// The person's rows may still be under the old name, which the mirror does not have any more.
    #[tokio::test]
    async fn an_erasure_waits_for_what_is_to_be_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let noted = |connection: &mut Connection| {
            let (publish, stream) = (named("district"), named("users"));
            for source in ["old", "other", "new"] {
                let (source, state) = (named(source), PublishedStream::default());
                save_source(connection, &publish, &source, &PublishedSource::default())?;
                save_stream(connection, &publish, (&source, &stream), &state)?;
            }
            let tables = "INSERT INTO rollbook_tables (source, stream, definition) VALUES ('other', 'users', ''), ('new', 'users', '')";
            connection.execute_batch(tables).expect("written");
            note_rename(connection, &named("old"), &named("new"))?;
            note_changed_rows(connection, &[])?;
            assert_eq!(not_erased(connection)?, []);
            note_erasure(connection, &[(named("new"), stream)])?;
            let open = not_erased(connection)?.into_iter();
            let open: Vec<String> = open.map(|(_, source, _)| source.to_string()).collect();
            assert_eq!(open, ["new", "old"]);
            forget(connection, &publish, &named("old"))?;
            assert_eq!(not_erased(connection)?.len(), 1);
            Ok(())
        };
        store.write(noted).await.expect("noted");
    }

    /// Runs of which the database has the first two; the last one removed a row of a stream without old versions.
    async fn with_runs() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let written = |connection: &mut Connection| {
            let sql = "INSERT INTO rollbook_runs (run, job, source, cause, started, ended, outcome) VALUES
                         (1, 'a', 'own', 'schedule', '2024-01-01T00:00:00.000Z', '2024-01-01T00:01:00.000Z', 'ok'),
                         (2, 'a', 'own', 'schedule', '2024-02-01T00:00:00.000Z', '2024-02-01T00:01:00.000Z', 'ok'),
                         (3, 'a', 'own', 'schedule', '2024-03-01T00:00:00.000Z', '2024-03-01T00:01:00.000Z', 'ok');
                       INSERT INTO rollbook_run_streams (run, stream, reading, outcome, pages, rows_read, new, changed, removed,
                         unconfirmed, unchanged, rejected, duration_ms) VALUES (3, 'users', 'full', 'ok', 1, 1, 0, 0, 1, 0, 0, 0, 1);";
            connection.execute_batch(sql).expect("written");
            let (publish, own) = (named("district"), named("own"));
            let state = PublishedSource {
                claim: "mine".to_owned(),
                revision: 7,
                run: 2,
                seen: 2,
                next_revision: Some(8),
                ..PublishedSource::default()
            };
            save_source(connection, &publish, &own, &state)?;
            for stream in ["users", "orgs"] {
                let state = PublishedStream::default();
                save_stream(connection, &publish, (&own, &named(stream)), &state)?;
            }
            Ok(())
        };
        store.write(written).await.expect("written");
        (folder, store)
    }

    /// Without a version nothing in the mirror tells that the person was one of those who left.
    #[tokio::test]
    async fn an_erasure_waits_for_removals_that_are_not_published() {
        let (_folder, store) = with_runs().await;
        let noted = |connection: &mut Connection| {
            let open = |connection: &Connection| {
                let open = not_erased(connection)?.into_iter();
                Ok::<Vec<String>, StoreError>(open.map(|(.., stream)| stream.to_string()).collect())
            };
            let tables = "INSERT INTO rollbook_tables (source, stream, definition) VALUES ('own', 'users', ''), ('own', 'orgs', '')";
            connection.execute_batch(tables).expect("written");
            note_erasure(connection, &[])?;
            assert_eq!(open(connection)?, ["users"]);
            // Old versions that the mirror has purged may still be there.
            let purged = "UPDATE rollbook_tables SET purged = '2024-03-02' WHERE stream = 'orgs'";
            connection.execute_batch(purged).expect("written");
            note_erasure(connection, &[])?;
            assert_eq!(open(connection)?, ["orgs", "users"]);
            Ok(())
        };
        store.write(noted).await.expect("noted");
    }

    /// Its tables are dropped after a time, and what was published stays until it is removed.
    #[tokio::test]
    async fn a_stream_that_no_job_reads_may_have_the_person_still() {
        let (_folder, store) = with_runs().await;
        let noted = |connection: &mut Connection| {
            let (publish, own) = (named("district"), named("own"));
            note_dropped(connection, &own, &named("users"))?;
            note_erasure(connection, &[])?;
            let known = streams(connection, &publish, &own)?;
            assert_eq!(known["users"].compare.as_deref(), Some(""));
            assert_eq!(not_erased(connection)?.len(), 2, "neither has a table");
            Ok(())
        };
        store.write(noted).await.expect("noted");
    }

    #[tokio::test]
    async fn what_purged_runs_changed_is_compared() {
        for (before, revision) in [
            ("2024-02-15T00:00:00.000Z", 7),
            ("2024-03-15T00:00:00.000Z", UNKNOWN_REVISION),
        ] {
            let (_folder, store) = with_runs().await;
            let noted = move |connection: &mut Connection| {
                note_purged_runs(connection, before)?;
                let known = source(connection, &named("district"), &named("own"))?;
                let known = known.unwrap_or_default();
                assert_eq!(known.revision, revision, "{before}");
                assert_eq!(known.next_revision.is_some(), revision == 7, "{before}");
                Ok(())
            };
            store.write(noted).await.expect("noted");
        }
    }
}
