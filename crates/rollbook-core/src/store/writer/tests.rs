//! The writer outlives what breaks in it, and lets go of the file before the lock.

use std::sync::mpsc;

use crate::model::Class;
use crate::store::{Store, StoreError};

#[tokio::test]
async fn what_breaks_in_the_writer_ends_alone_and_is_undone() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
    for begin in ["SAVEPOINT s", "BEGIN"] {
        let broken: Result<(), _> = store
            .write(move |connection| {
                let sql = format!("{begin}; CREATE TABLE half (a)");
                connection.execute_batch(&sql).expect("begun");
                panic!("a fault of ours, played")
            })
            .await;
        let error = broken.expect_err("broken");
        assert_eq!(error.class(), Class::Permanent, "{error}");
        let left: i64 = store
            .write(|connection| {
                let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'half'";
                connection
                    .query_row(sql, [], |row| row.get(0))
                    .map_err(StoreError::sql("look"))
            })
            .await
            .expect("the writer continues");
        assert_eq!(left, 0, "{begin}");
    }
    assert_eq!(store.fatal_error(), None);
}

#[tokio::test]
async fn a_failure_that_nothing_can_be_trusted_after_is_kept_in_mind() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
    for (code, lost) in [
        (rusqlite::ffi::SQLITE_FULL, None),
        (rusqlite::ffi::SQLITE_IOERR_FSYNC, Some("journalctl -k")),
        (rusqlite::ffi::SQLITE_CORRUPT, Some("journalctl -k")),
    ] {
        let failed: Result<(), _> = store
            .write(move |_| {
                let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
                Err(StoreError::sql("apply a run")(error))
            })
            .await;
        failed.expect_err("played");
        match lost {
            None => assert_eq!(store.fatal_error(), None),
            Some(words) => assert!(
                store.fatal_error().is_some_and(|why| why.contains(words)),
                "{code}"
            ),
        }
    }
}

#[tokio::test]
async fn the_next_holder_of_the_lock_finds_the_file_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mirror.db");
    for round in 0..50 {
        let store = Store::open(&path).expect("the lock is free at once");
        let made = store.write(move |connection| {
            let sql = format!("CREATE TABLE t{round} (a)");
            connection
                .execute_batch(&sql)
                .map_err(StoreError::sql("make"))
        });
        made.await.expect("made");
        drop(store);
        assert!(!folder.path().join("mirror.db-shm").exists(), "still open");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_transaction_and_the_lock_stays_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mirror.db");
    let store = Store::open(&path).expect("a mirror");
    let ((begun, has_begun), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel::<()>());
    let long = store.write(move |_| {
        begun.send(()).expect("heard");
        let _ = may_go_on.recv();
        Ok(())
    });
    let stopped = tokio::select! {
        biased;
        _ = long => false,
        () = async { has_begun.recv().expect("it begins") } => true,
    };
    assert!(stopped);
    drop(store);
    let busy = Store::open(&path).expect_err("the transaction is active");
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
    drop(go_on);
}
