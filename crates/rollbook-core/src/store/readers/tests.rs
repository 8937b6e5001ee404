use tempfile::TempDir;

use super::super::Store;
use super::MAX_IDLE;

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a store");
    (folder, store)
}

fn idle(store: &Store) -> usize {
    store.readers().kept().idle.len()
}

#[test]
fn readers_stay_open_while_a_run_is_under_way() {
    let (_folder, store) = store();
    drop(store.reader().expect("a reader"));
    assert_eq!(idle(&store), 0, "no run");
    let run = store.keep_readers();
    let other_run = store.keep_readers();
    let readers: Vec<_> = (0..MAX_IDLE + 1)
        .map(|_| store.reader().expect("a reader"))
        .collect();
    assert_eq!(idle(&store), 0, "all are in use");
    drop(readers);
    assert_eq!(idle(&store), MAX_IDLE);
    let reader = store.reader().expect("a reader");
    assert_eq!(idle(&store), MAX_IDLE - 1, "one of them is used again");
    drop(run);
    assert_eq!(idle(&store), MAX_IDLE - 1, "the other run continues");
    drop(other_run);
    assert_eq!(idle(&store), 0);
    drop(reader);
    assert_eq!(idle(&store), 0, "the runs are over");
}

#[test]
fn a_reader_with_an_open_transaction_is_not_used_again() {
    let (_folder, store) = store();
    let _run = store.keep_readers();
    let reader = store.reader().expect("a reader");
    reader.execute_batch("BEGIN").expect("begun");
    drop(reader);
    assert_eq!(idle(&store), 0);
}

#[tokio::test]
async fn a_reader_that_is_used_again_sees_new_rows_and_new_tables() {
    let (_folder, store) = store();
    let _run = store.keep_readers();
    drop(store.reader().expect("a reader"));
    let write = |sql: &'static str| {
        store.write(move |connection| {
            connection.execute_batch(sql).expect("written");
            Ok(())
        })
    };
    let count = || {
        let reader = store.reader().expect("a reader");
        reader.query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0))
    };
    write("CREATE TABLE users (id)").await.expect("written");
    assert_eq!(count().expect("counted"), 0);
    write("INSERT INTO users VALUES (1)")
        .await
        .expect("written");
    assert_eq!(count().expect("counted"), 1);
    assert_eq!(idle(&store), 1);
}
