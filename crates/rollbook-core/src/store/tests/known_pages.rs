//! Pages that were received before: when they count, and that a reading with them leaves what one without them leaves.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Mirror, page_of, row, runtime, time_of, users};
use crate::model::plan::Plan;
use crate::model::row::{Cell, Reject, Rows};
use crate::model::scalar;
use crate::store::checkpoints::forget;
use crate::store::known_pages::{Blocks, KnownPages, NewPage, PageHash, SeenRows};
use crate::store::staging::{
    Absence, Ending, PageNote, PageRows, Staged, ValueCounts, WaitingRows,
};

type Row = (String, String, Option<i64>);

impl Mirror {
    /// The known pages at the time of a run.
    fn known(&self, run: i64) -> Arc<KnownPages> {
        let now = scalar::parse(&time_of(run)).expect("a time");
        KnownPages::load(&self.store, &self.table, now).expect("loaded")
    }

    /// A page that is decoded.
    fn decoded(&self, hash: PageHash, rows: Rows) -> PageRows {
        let mut waiting = WaitingRows::new(self.store.staging_space());
        waiting.push(rows).expect("room");
        let page = NewPage {
            hash,
            metadata: "metadata".to_owned(),
            blocks: Blocks::default(),
            decoded: None,
        };
        PageRows {
            rows: waiting,
            note: PageNote::New(page),
        }
    }

    /// A page that is known.
    fn seen(&self, hash: PageHash, rows: SeenRows) -> PageRows {
        let mut waiting = WaitingRows::new(self.store.staging_space());
        waiting.push_seen(rows);
        PageRows {
            rows: waiting,
            note: PageNote::Known(hash),
        }
    }

    /// Reads pages, of which those that are known at the time of the last run are not decoded. Returns how many those were.
    async fn read_known(&mut self, pages: &[Vec<Row>]) -> ((Plan, ValueCounts), usize) {
        let known = self.known(self.run.max(1));
        let mut staging = self.begin();
        let mut seen = 0;
        for page in pages {
            let hash = hash_of(page);
            let page = match known.find(hash).expect("compared") {
                Some(page) => {
                    seen += 1;
                    self.seen(hash, page.rows)
                }
                None => self.decoded(hash, counted(page)),
            };
            staging.receive(page).expect("received");
        }
        let ending = Ending::of(Absence::All, 1);
        let staged = staging.finish(&ending).expect("finished");
        let received = staged.received.clone();
        ((self.apply(staged).await.0, received), seen)
    }

    fn known_count(&self) -> usize {
        self.texts("SELECT hash FROM rollbook_known_pages").len()
    }
}

fn hash_of(page: &[Row]) -> PageHash {
    PageHash::of(0, format!("{page:?}").as_bytes())
}

/// A page with the number of values of each column, as a decoder counts them.
fn counted(page: &[Row]) -> Rows {
    let mut rows = page_of(page);
    let ages = page.iter().filter(|(_, _, age)| age.is_some()).count();
    rows.values = vec![page.len() as u32, page.len() as u32, ages as u32];
    rows
}

fn three() -> Vec<Row> {
    vec![row("b", "x", 1), row("d", "x", 2), row("f", "x", 3)]
}

/// A page that was stored is known from then on, while the table has its rows one behind the other, for a day.
#[tokio::test]
async fn a_page_is_known_while_the_table_has_its_rows() {
    for (sql, run, is_known) in [
        ("SELECT 1", 1, true),
        ("SELECT 1", 2, true),
        ("SELECT 1", 3, false),
        // The clock was put back.
        ("SELECT 1", 0, false),
        (
            "UPDATE north_users SET _fingerprint = 7 WHERE id = 'd'",
            1,
            false,
        ),
        ("DELETE FROM north_users WHERE id = 'b'", 1, false),
        ("DELETE FROM north_users WHERE id = 'f'", 1, false),
        (
            "INSERT INTO north_users (id, _since, _run, _fingerprint) VALUES ('e', '', 1, 7)",
            1,
            false,
        ),
        // Beside it, not in it.
        (
            "INSERT INTO north_users (id, _since, _run, _fingerprint) VALUES ('a', '', 1, 7)",
            1,
            true,
        ),
        (
            "INSERT INTO north_users (id, _since, _run, _fingerprint) VALUES ('g', '', 1, 7)",
            1,
            true,
        ),
        // Other row numbers, as after VACUUM.
        ("UPDATE north_users SET rowid = rowid + 10", 1, false),
    ] {
        let mut mirror = Mirror::new(users()).await;
        assert_eq!(mirror.read_known(&[three()]).await.1, 0);
        let change = move |connection: &mut rusqlite::Connection| {
            connection.execute_batch(sql).expect("changed");
            Ok(())
        };
        mirror.store.write(change).await.expect("written");
        let known = match run {
            0 => {
                let before = scalar::parse("2025-12-31T23:59:59Z").expect("a time");
                KnownPages::load(&mirror.store, &mirror.table, before).expect("loaded")
            }
            run => mirror.known(run),
        };
        let found = known.find(hash_of(&three())).expect("compared");
        assert_eq!(found.is_some(), is_known, "{sql}, {run}");
        let other = vec![row("b", "x", 1)];
        assert!(known.find(hash_of(&other)).expect("compared").is_none());
        if let Some(found) = found {
            assert_eq!(
                (found.metadata, found.rows.values()),
                ("metadata", &[3, 3, 3][..])
            );
            let mut cells = Vec::new();
            let page = mirror.seen(hash_of(&three()), found.rows);
            let read = page.rows.each(|rows| {
                cells.extend_from_slice(rows.bytes());
                Ok(())
            });
            read.expect("read");
            assert_eq!(cells, page_of(&three()).bytes());
        }
    }
}

/// Nothing is kept of a page whose rows are not in the order of their keys, or about which there is something to report.
#[tokio::test]
async fn only_a_plain_page_is_kept() {
    let partial = |rows: &mut Rows| {
        rows.push_partial(|bytes| {
            Cell::Text("z").write(bytes);
            Cell::Keep.write(bytes);
            Cell::Null.write(bytes);
        });
    };
    let reject = |rows: &mut Rows| {
        let (path, reason) = ("id".to_owned(), "nothing".to_owned());
        rows.problems.reject(Reject { path, reason }, None);
    };
    let unreadable = |rows: &mut Rows| rows.problems.unreadable(0, 2, "a text".to_owned());
    let nothing = |_: &mut Rows| {};
    let twice = vec![row("b", "x", 1), row("b", "x", 1)];
    let jumbled = vec![row("d", "x", 1), row("b", "x", 1)];
    let removed = vec![row("b", "tobedeleted", 1), row("d", "x", 1)];
    for (name, page, change, is_kept) in [
        ("plain", three(), &nothing as &dyn Fn(&mut Rows), true),
        ("empty", vec![], &nothing, false),
        ("twice", twice, &nothing, false),
        ("jumbled", jumbled, &nothing, false),
        ("its first row is removed", removed, &nothing, false),
        ("partial", three(), &partial, false),
        ("reject", three(), &reject, false),
        ("unreadable", three(), &unreadable, false),
    ] {
        let mut mirror = Mirror::new(users()).await;
        let mut rows = page_of(&page);
        change(&mut rows);
        let mut staging = mirror.begin();
        let page = mirror.decoded(hash_of(&page), rows);
        staging.receive(page).expect("received");
        let staged = staging.finish(&Ending::of(Absence::All, 1));
        mirror.apply(staged.expect("finished")).await;
        assert_eq!(mirror.known_count() == 1, is_kept, "{name}");
    }
}

/// After a whole reading only its pages are known; a part of it forgets none. The same pages again write nothing.
#[tokio::test]
async fn what_is_known_is_the_last_reading() {
    let mut mirror = Mirror::new(users()).await;
    let page = |from: &str| vec![row(from, "x", 1), row(&format!("{from}b"), "x", 2)];
    mirror.read_known(&[page("a"), page("c"), page("e")]).await;
    assert_eq!(mirror.known_count(), 3);
    let ((plan, _), seen) = mirror.read_known(&[page("a"), page("c"), page("e")]).await;
    assert_eq!((plan.unchanged, seen), (6, 3));
    let decoded = "SELECT DISTINCT decoded FROM rollbook_known_pages";
    assert_eq!(mirror.texts(decoded), [time_of(1)]);
    let ((plan, _), seen) = mirror.read_known(&[page("a"), page("d"), page("e")]).await;
    assert_eq!((plan.new, plan.unchanged, seen), (2, 4, 2));
    assert_eq!(mirror.known_count(), 3);
    let part = |mirror: &Mirror, absence: Absence| -> Staged {
        let mut staging = mirror.begin();
        let rows = counted(&page("f"));
        let page = mirror.decoded(hash_of(&page("f")), rows);
        staging.receive(page).expect("received");
        staging.finish(&Ending::of(absence, 1)).expect("finished")
    };
    let staged = part(&mirror, Absence::Nothing);
    mirror.apply(staged).await;
    assert_eq!(mirror.known_count(), 4);
    let staged = part(&mirror, Absence::All);
    mirror.apply(staged).await;
    assert_eq!(mirror.known_count(), 1);
    let table = Arc::clone(&mirror.table);
    let forget = move |connection: &mut rusqlite::Connection| forget(connection, &table);
    mirror.store.write(forget).await.expect("forgotten");
    assert_eq!(mirror.known_count(), 0);
}

/// Some readings of a list that changes little: its rows are numbers and ages.
pub(super) fn readings() -> impl Strategy<Value = Vec<Vec<(u8, Option<i64>)>>> {
    let age = || prop::option::of(0i64..3);
    let first = prop::collection::btree_map(0u8..40, age(), 0..24);
    let edits = prop::collection::vec((0u8..40, 0u8..5, age()), 0..4);
    (first, prop::collection::vec(edits, 1..6)).prop_map(|(first, edits)| {
        let mut list: Vec<(u8, Option<i64>)> = first.into_iter().collect();
        let mut readings = vec![list.clone()];
        for edits in edits {
            let mut reading = list.clone();
            for (id, kind, age) in edits {
                let at = reading.partition_point(|(other, _)| *other < id);
                match kind {
                    0 => reading.retain(|(other, _)| *other != id),
                    1 => reading.push((id, age)), // a row at the end of the list too
                    2 => reading.insert(0, (id, age)),
                    _ if reading.get(at).is_some_and(|row| row.0 == id) => reading[at].1 = age,
                    _ => reading.insert(at, (id, age)),
                }
            }
            readings.push(reading.clone());
            reading.sort_by_key(|row| row.0);
            reading.dedup_by_key(|row| row.0);
            list = reading;
        }
        readings
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A reading in which pages are known plans, writes and forgets what one does that decodes them all; also when a row was
    /// received on another page before, in this version or another, and when a row is removed by its status.
    #[test]
    fn known_pages_leave_what_decoded_ones_leave(readings in readings(), size in 1usize..5) {
        let row = |(id, age): &(u8, Option<i64>)| {
            let status = if *age == Some(2) && id % 5 == 0 { "tobedeleted" } else { "x" };
            (format!("{id:02}"), status.to_owned(), *age)
        };
        runtime().block_on(async {
            let (mut with, mut without) = (Mirror::new(users()).await, Mirror::new(users()).await);
            for reading in &readings {
                let rows: Vec<Row> = reading.iter().map(row).collect();
                let pages: Vec<Vec<Row>> = rows.chunks(size).map(<[_]>::to_vec).collect();
                let (planned, _) = with.read_known(&pages).await;
                let mut staging = without.begin();
                for page in &pages {
                    staging.add(&counted(page)).expect("compared");
                }
                let staged = staging.finish(&Ending::of(Absence::All, 1)).expect("finished");
                let received = staged.received.clone();
                let expected = (without.apply(staged).await.0, received);
                assert_eq!(format!("{planned:?}"), format!("{expected:?}"));
                for sql in [
                    "SELECT * FROM north_users ORDER BY id",
                    "SELECT * FROM north_users_history ORDER BY id, _run",
                ] {
                    assert_eq!(with.texts(sql), without.texts(sql));
                }
            }
        });
    }
}
