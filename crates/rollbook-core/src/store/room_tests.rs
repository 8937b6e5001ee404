//! A full disk, a failing one, and a log that a reader keeps from shrinking.
//!
//! No disk is filled: SQLite's own limit on pages gives the error that a full disk gives.

use std::path::Path;
use std::{fs, io};

use rusqlite::{Connection, ffi};

use super::database::tidy;
use super::{Store, StoreError};

/// Rows of a page each.
fn fill(connection: &Connection, rows: u32) -> rusqlite::Result<()> {
    connection.execute_batch("CREATE TABLE IF NOT EXISTS big (b BLOB); BEGIN;")?;
    let filled = (0..rows).try_for_each(|_| {
        connection
            .execute("INSERT INTO big VALUES (randomblob(4000))", [])
            .map(drop)
    });
    // As a transaction that is dropped does; SQLite may have rolled back by itself.
    let end = if filled.is_ok() { "COMMIT" } else { "ROLLBACK" };
    if !connection.is_autocommit() {
        connection.execute_batch(end)?;
    }
    filled
}

fn rows(store: &Store) -> i64 {
    let reader = store.reader().expect("a reader");
    reader
        .query_row("SELECT count(*) FROM big", [], |row| row.get(0))
        .expect("counted")
}

#[tokio::test]
async fn a_full_disk_is_said_and_over_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
    let write = |rows| {
        store
            .write(move |connection| fill(connection, rows).map_err(StoreError::sql("apply a run")))
    };
    write(10).await.expect("room");
    let limit = |pages: u32| {
        store.write(move |connection| {
            let pragma = format!("PRAGMA max_page_count = {pages}");
            connection
                .query_row(&pragma, [], |_| Ok(()))
                .map_err(StoreError::sql("limit"))
        })
    };
    limit(100).await.expect("limited");
    let full = write(500).await.expect_err("no room").to_string();
    assert!(
        full.starts_with("apply a run: the disk or a quota is full"),
        "{full}"
    );
    assert_eq!(rows(&store), 10, "readers see the state before");
    limit(10_000).await.expect("unlimited");
    assert!(store.is_full());
    let refusals = store.refusals();
    write(500).await.expect("room again, without a restart");
    assert!(store.is_full(), "until a whole run has written");
    store.note_room(refusals - 1);
    assert!(store.is_full(), "a run that began before it was refused");
    store.note_room(refusals);
    assert!(!store.is_full());
    assert_eq!(rows(&store), 510);
}

#[test]
fn sqlite_errors_are_reported_with_what_to_do() {
    for (code, expected) in [
        (ffi::SQLITE_FULL, "is full"),
        (ffi::SQLITE_READONLY, "read-only"),
        (ffi::SQLITE_IOERR_FSYNC, "journalctl -k"),
        (ffi::SQLITE_IOERR_SHMSIZE, "is the disk full"),
        (ffi::SQLITE_CORRUPT, "rollbook restore"),
        (ffi::SQLITE_NOTADB, "rollbook verify"),
        (ffi::SQLITE_BUSY, "locked"),
        (ffi::SQLITE_MISUSE, "could not be bound"),
    ] {
        let text = Some("could not be bound".to_owned());
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), text);
        let said = StoreError::sql("apply a run")(error).to_string();
        assert!(
            said.starts_with("apply a run: ") && said.contains(expected),
            "{said}"
        );
    }
}

#[test]
fn a_full_disk_is_tried_again_and_a_wrong_folder_is_not() {
    use io::ErrorKind::{
        NotADirectory, NotFound, Other, PermissionDenied, QuotaExceeded, StorageFull,
    };
    for (kind, needs_a_person) in [
        (StorageFull, false),
        (QuotaExceeded, false),
        (Other, false),
        (PermissionDenied, true),
        (NotFound, true),
        (NotADirectory, true),
    ] {
        let error = StoreError::disk(Path::new("mirror.db"), "open it")(kind.into());
        assert_eq!(error.needs_a_person(), needs_a_person, "{error}");
    }
}

#[tokio::test]
async fn a_reader_that_stays_lets_the_log_grow_and_the_next_run_empties_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mirror.db");
    let store = Store::open(&path).expect("a mirror");
    let log = || fs::metadata(folder.path().join("mirror.db-wal")).map_or(0, |log| log.len());
    let run = |rows| {
        store.write(move |connection| {
            fill(connection, rows).map_err(StoreError::sql("apply a run"))?;
            tidy(connection).map(drop)
        })
    };
    run(3000).await.expect("a run");
    assert_eq!(log(), 0, "twelve MiB went through it");

    let reader = store.reader().expect("a reader");
    let stays = reader.unchecked_transaction().expect("begun");
    let seen: i64 = stays
        .query_row("SELECT count(*) FROM big", [], |row| row.get(0))
        .expect("read");
    for _ in 0..3 {
        run(500).await.expect("the writer is not held up");
    }
    let grown = log();
    assert!(
        (6_000_000..9_000_000).contains(&grown),
        "what was written, once: {grown}"
    );
    let again: i64 = stays
        .query_row("SELECT count(*) FROM big", [], |row| row.get(0))
        .expect("read");
    assert_eq!((seen, again), (3000, 3000), "the reader's snapshot");
    drop(stays);
    run(1).await.expect("a run");
    assert_eq!(log(), 0);
    assert_eq!(rows(&store), 4501);
}

#[test]
fn an_inaccessible_mirror_is_not_reported_as_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = super::database::reader(&folder.path().join("mirror.db"));
    let said = missing.expect_err("none yet").to_string();
    assert!(said.contains("no mirror yet"), "{said}");
    // A file where the folder should be, as nothing is forbidden to root.
    fs::write(folder.path().join("state"), "").expect("written");
    let hidden = super::database::reader(&folder.path().join("state/mirror.db"));
    let said = hidden.expect_err("no folder").to_string();
    assert!(said.contains("could not look for the mirror"), "{said}");
}
