//! What is purged when, on a real mirror.

use rusqlite::Connection;

use super::*;
use crate::store::Store;

const KEEP: Records = Records {
    runs: Duration::from_secs(400 * 86_400),
    rejects: Duration::from_secs(90 * 86_400),
    unconfigured: Duration::from_secs(400 * 86_400),
};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A mirror with runs of two jobs, all of which rejected something; the second job has only failed lately.
const RUNS: &str = "
INSERT INTO rollbook_runs (run, job, source, cause, started, outcome) VALUES
  (1, 'a', 's', 'schedule', '2024-01-01T00:00:00.000Z', 'ok'),
  (2, 'b', 's', 'schedule', '2024-02-01T00:00:00.000Z', 'ok'),
  (3, 'b', 's', 'schedule', '2024-03-01T00:00:00.000Z', 'failed'),
  (4, 'b', 's', 'schedule', '2024-04-01T00:00:00.000Z', 'failed'),
  (5, 'a', 's', 'schedule', '2025-09-01T00:00:00.000Z', 'ok'),
  (6, 'a', 's', 'schedule', '2026-02-20T00:00:00.000Z', 'ok');
INSERT INTO rollbook_rejects SELECT run, source, 't', 'p', 'r', 1 FROM rollbook_runs;
INSERT INTO rollbook_run_streams SELECT run, 't', 'full', 'ok', NULL, 1, 1, 0, 0, 0, 0, 1, 1, NULL, 1, NULL, 0, NULL, 0 FROM rollbook_runs;
";

async fn mirror() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
    store
        .write(|connection| {
            connection.execute_batch(RUNS).expect("written");
            Ok(())
        })
        .await
        .expect("written");
    (folder, store)
}

fn numbers(connection: &Connection, table: &str) -> Vec<i64> {
    let mut statement = connection
        .prepare(&format!("SELECT run FROM {table} ORDER BY run"))
        .expect("prepared");
    statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .expect("read")
}

async fn purge_at(store: &Store, now: &str) -> [Vec<i64>; 3] {
    let now = time(now);
    store
        .write(move |connection| {
            records(connection, KEEP, now)?;
            Ok(
                ["rollbook_runs", "rollbook_run_streams", "rollbook_rejects"]
                    .map(|table| numbers(connection, table)),
            )
        })
        .await
        .expect("purged")
}

#[tokio::test]
async fn old_records_go_but_for_the_last_of_each_job() {
    let (_folder, store) = mirror().await;
    let now = "2026-03-02T00:00:00Z";
    let stated = time(now);
    let noted = store.write(move |connection| note_vendor_time(connection, stated));
    noted.await.expect("noted");
    assert!(records_due(&store.reader().expect("a reader"), time(now)).expect("asked"));
    let [runs, streams, rejects] = purge_at(&store, now).await;
    assert_eq!(
        runs,
        [2, 4, 5, 6],
        "the last good one and the last one of b stay"
    );
    assert_eq!(streams, runs);
    assert_eq!(rejects, [6]);
    assert!(!records_due(&store.reader().expect("a reader"), time(now)).expect("asked"));
}

#[tokio::test]
async fn a_wrong_clock_deletes_nothing() {
    let (_folder, store) = mirror().await;
    let [runs, ..] = purge_at(&store, "2024-04-02T00:00:00Z").await;
    assert_eq!(runs.len(), 6);
    for (name, now) in [
        ("a year ahead", "2026-03-02T00:00:00Z"),
        ("and back again", "2024-04-03T00:00:00Z"),
    ] {
        let [runs, ..] = purge_at(&store, now).await;
        assert_eq!(runs.len(), 6, "{name}");
    }
    let [runs, ..] = purge_at(&store, "2026-03-03T00:00:00Z").await;
    assert_eq!(
        runs.len(),
        4,
        "a day after the jump the clock is trusted where no vendor contradicts it"
    );
}

#[tokio::test]
async fn the_rows_of_a_held_run_go_after_a_week() {
    let (_folder, store) = mirror().await;
    let stated = time("2026-02-26T00:00:00Z");
    let held = "INSERT INTO rollbook_held (run, source, stream, new, changed, removed) SELECT run, source, 't', 0, 0, 1 FROM rollbook_runs;
         INSERT INTO rollbook_held_rows SELECT run, 't', 'removed', '[1]' FROM rollbook_runs;";
    let prepared = store.write(move |connection| {
        connection.execute_batch(held).expect("written");
        note_vendor_time(connection, stated)
    });
    prepared.await.expect("prepared");
    purge_at(&store, "2026-02-26T00:00:00Z").await;
    let reader = store.reader().expect("a reader");
    for table in ["rollbook_held", "rollbook_held_rows"] {
        assert_eq!(numbers(&reader, table), [6], "{table}");
    }
}
