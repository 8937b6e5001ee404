//! Rows as of a run, and changes between runs, against a plain model of what each run did.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use super::*;
use crate::model::row::Kind;
use crate::store::lookups::Lookups;
use crate::store::moment::Moment;
use crate::store::tables::fit;
use crate::store::{Store, StoreError};

/// A row by its key: the texts of a published table.
type RowSet = BTreeSet<Vec<Option<String>>>;

const RUNS: i64 = 12;

fn table(history: bool) -> Table {
    let columns = [
        ("id", Kind::Integer),
        ("part", Kind::Text),
        ("name", Kind::Text),
    ];
    Table {
        key: vec![0, 1],
        history,
        ..Table::plain("users", &columns)
    }
}

fn at(run: i64) -> String {
    format!("2026-03-{run:02}T00:00:00.000Z")
}

/// What one run does to one key: a new name, or nothing any more.
fn write(
    connection: &Connection,
    run: i64,
    key: (i64, &str),
    name: Option<&str>,
) -> rusqlite::Result<()> {
    let known: Option<String> = connection
        .query_row(
            "SELECT name FROM north_users WHERE id = ?1 AND part = ?2",
            params![key.0, key.1],
            |row| row.get(0),
        )
        .ok();
    if known.as_deref() == name {
        return Ok(());
    }
    let ended = if name.is_some() { "changed" } else { "removed" };
    connection.execute(
        "INSERT INTO north_users_history (id, part, name, _since, _run, _until, _ended, _ended_run) \
         SELECT id, part, name, _since, _run, ?3, ?4, ?5 FROM north_users WHERE id = ?1 AND part = ?2",
        params![key.0, key.1, at(run), ended, run],
    )?;
    connection.execute(
        "DELETE FROM north_users WHERE id = ?1 AND part = ?2",
        params![key.0, key.1],
    )?;
    if let Some(name) = name {
        connection.execute(
            "INSERT INTO north_users (id, part, name, _since, _run, _fingerprint) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            params![key.0, key.1, name, at(run), run],
        )?;
    }
    Ok(())
}

fn rows_of(chunk: &RowChunk) -> Vec<Vec<Option<String>>> {
    let row = |number: usize| {
        chunk
            .columns
            .iter()
            .map(|column| column[number].clone())
            .collect()
    };
    (0..chunk.len()).map(row).collect()
}

fn as_of(moment: &Moment, table: &Table, part: PublishedPart, run: i64) -> RowSet {
    let tables = PublishedTable::all(table);
    let published = tables.iter().find(|one| one.part == part).expect("kept");
    let mut rows = Vec::new();
    chunks_as_of(moment, table, published, run, None, &mut |chunk| {
        rows.extend(rows_of(&chunk));
        ControlFlow::Continue(())
    })
    .expect("read");
    // From behind each key on, it is the rest.
    let middle = rows.len() / 2;
    if let Some(row) = rows.get(middle) {
        let key: Vec<String> = published
            .key
            .iter()
            .map(|key| row[*key].clone().expect("a key"))
            .collect();
        let mut rest = Vec::new();
        chunks_as_of(moment, table, published, run, Some(&key), &mut |chunk| {
            rest.extend(rows_of(&chunk));
            ControlFlow::Continue(())
        })
        .expect("read");
        assert_eq!(rest, rows[middle + 1..], "{part:?} behind {key:?}");
    }
    let set: RowSet = rows.iter().cloned().collect();
    assert_eq!(set.len(), rows.len(), "each once");
    set
}

/// The random runs of a seed, on a mirror of their own.
async fn mirror(seed: u64) -> (tempfile::TempDir, Moment) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mirror.db");
    let store = Store::open(&path).expect("a mirror");
    let act = move |connection: &mut Connection| {
        let table = table(true);
        fit(
            connection,
            std::slice::from_ref(&table),
            &Lookups::default(),
        )?;
        let mut random = fastrand::Rng::with_seed(seed);
        for run in 1..=RUNS {
            for _ in 0..random.usize(..6) {
                let key = (
                    random.i64(..4),
                    *random.choice(&["a", "é", "Z"]).unwrap_or(&"a"),
                );
                let name = ["one", "two", "three"].get(random.usize(..4)).copied();
                write(connection, run, key, name).map_err(StoreError::sql("prepare a test"))?;
            }
        }
        Ok(())
    };
    store.write(act).await.expect("written");
    drop(store);
    let moment = Moment::now(&path).expect("a moment");
    (folder, moment)
}

/// Changes between two runs, applied to the rows after the first, give the rows after the second.
#[tokio::test]
async fn changes_lead_from_one_run_to_another() {
    let first = std::env::var("ROLLBOOK_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    for seed in first.map_or(0..8, |seed: u64| seed..seed + 1) {
        println!("ROLLBOOK_SEED={seed}");
        let (_folder, moment) = mirror(seed).await;
        let table = table(true);
        for after in 0..=RUNS {
            for through in after..=RUNS {
                let key = |row: &[Option<String>]| row[..2].to_vec();
                let live = as_of(&moment, &table, PublishedPart::Live, after);
                let mut live: BTreeMap<_, _> =
                    live.into_iter().map(|row| (key(&row), row)).collect();
                let mut history = as_of(&moment, &table, PublishedPart::History, after);
                changed_chunks(
                    &moment,
                    &table,
                    (after, through),
                    true,
                    &mut |(change, chunk)| {
                        for row in rows_of(&chunk) {
                            match change {
                                PublishedChange::Removed => drop(live.remove(&row)),
                                PublishedChange::Written => drop(live.insert(key(&row), row)),
                                PublishedChange::Ended => assert!(history.insert(row), "each once"),
                            }
                        }
                        ControlFlow::Continue(())
                    },
                )
                .expect("read");
                let live: RowSet = live.into_values().collect();
                let place = format!("seed {seed}, runs {after} to {through}");
                assert_eq!(
                    live,
                    as_of(&moment, &table, PublishedPart::Live, through),
                    "{place}"
                );
                assert_eq!(
                    history,
                    as_of(&moment, &table, PublishedPart::History, through),
                    "{place}"
                );
            }
        }
    }
}

/// Where no old versions are kept, the rows of now are taken, and what later runs wrote is read again.
#[tokio::test]
async fn without_history_the_rows_of_now_count() {
    let (_folder, moment) = mirror(1).await;
    let (with, without) = (table(true), table(false));
    let now = as_of(&moment, &with, PublishedPart::Live, RUNS);
    assert_eq!(as_of(&moment, &without, PublishedPart::Live, 1), now);
    let mut written = RowSet::new();
    changed_chunks(&moment, &without, (0, 1), true, &mut |(change, chunk)| {
        assert_eq!(change, PublishedChange::Written);
        written.extend(rows_of(&chunk));
        ControlFlow::Continue(())
    })
    .expect("read");
    assert_eq!(written, now);
}

/// A reader that breaks gets no more.
#[tokio::test]
async fn a_reader_may_stop() {
    let (_folder, moment) = mirror(2).await;
    let mut chunks = 0;
    changed_chunks(&moment, &table(true), (0, RUNS), true, &mut |_| {
        chunks += 1;
        ControlFlow::Break(())
    })
    .expect("read");
    assert_eq!(chunks, 1);
}

/// Points are looked for between the times that runs wrote; found are the same as by reading all.
#[tokio::test]
async fn points_are_found_where_they_lie() {
    let columns = [
        ("data_id", Kind::Integer),
        ("t", Kind::Timestamp),
        ("v", Kind::Real),
    ];
    let table = Table {
        key: vec![0, 1],
        partition: vec![0],
        history: false,
        series: true,
        ..Table::plain("points", &columns)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mirror.db");
    let store = Store::open(&path).expect("a mirror");
    let made = table.clone();
    let act = move |connection: &mut Connection| {
        fit(connection, std::slice::from_ref(&made), &Lookups::default())?;
        let mut random = fastrand::Rng::with_seed(7);
        for run in 1..=RUNS {
            let mut times = BTreeSet::new();
            for _ in 0..random.usize(..9) {
                // Mostly behind what there is, now and then a correction.
                let hour = random.i64(..20) + if random.usize(..4) == 0 { 0 } else { run * 10 };
                let time = format!("2026-03-{:02}T{:02}:00:00.000Z", hour / 24 + 1, hour % 24);
                let point = params![random.i64(..5), time, random.f64(), run];
                connection
                    .execute(
                        "INSERT OR REPLACE INTO north_points VALUES (?1, ?2, ?3, ?4)",
                        point,
                    )
                    .map_err(StoreError::sql("prepare a test"))?;
                times.insert(time);
            }
            if let (Some(oldest), Some(newest)) = (times.first(), times.last()) {
                let values = params![run, at(run), oldest, newest];
                connection
                    .execute(
                        "INSERT INTO rollbook_series_runs VALUES ('north', 'points', ?1, ?2, ?3, ?4)",
                        values,
                    )
                    .map_err(StoreError::sql("prepare a test"))?;
            }
        }
        Ok(())
    };
    store.write(act).await.expect("written");
    let written = |moment: &Moment, after| {
        let mut rows = RowSet::new();
        changed_chunks(moment, &table, (after, RUNS), true, &mut |(
            change,
            chunk,
        )| {
            assert_eq!(change, PublishedChange::Written);
            for row in rows_of(&chunk) {
                assert!(rows.insert(row), "each once");
            }
            ControlFlow::Continue(())
        })
        .expect("read");
        rows
    };
    let moment = Moment::now(&path).expect("a moment");
    let found: Vec<RowSet> = (0..RUNS).map(|after| written(&moment, after)).collect();
    assert_eq!(found[0], as_of(&moment, &table, PublishedPart::Live, RUNS));
    assert!(points(&moment, &table, "*", 1).expect("read").is_some());
    // A mirror of before knows no times of its runs.
    let forget = "UPDATE rollbook_series_runs SET oldest = NULL WHERE run = (SELECT max(run) FROM rollbook_series_runs)";
    let forget = |connection: &mut Connection| {
        let forgotten = connection.execute(forget, []);
        forgotten.map_err(StoreError::sql("prepare a test"))
    };
    assert_eq!(store.write(forget).await.expect("written"), 1);
    let moment = Moment::now(&path).expect("a moment");
    assert!(points(&moment, &table, "*", 1).expect("read").is_none());
    for (after, found) in (0..RUNS).zip(&found) {
        assert_eq!(*found, written(&moment, after), "behind run {after}");
    }
}
