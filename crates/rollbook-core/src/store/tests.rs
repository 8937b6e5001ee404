//! The mirror against a vendor that changes at random: after each complete reading they are equal,
//! nothing is written where nothing changed, and every old version is in the history.

mod known_blocks;
mod known_pages;
mod order;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::Connection;

use super::apply::{Applied, Removals, Stamp, apply};
use super::lookups::Lookups;
use super::sql_cells::read_cells;
use super::staging::Feed;
use super::tables::{Fitted, fit};
use super::*;
use crate::model::named;
use crate::model::plan::Plan;
use crate::model::row::{Cell, Cells, Kind, Reject, Rows};
use crate::model::{Table, TableColumn};

type Vendor = BTreeMap<String, (String, Option<i64>)>;

struct Mirror {
    _folder: tempfile::TempDir,
    store: Arc<Store>,
    table: Arc<Table>,
    run: i64,
}

fn users() -> Table {
    let columns = [
        ("id", Kind::Text),
        ("status", Kind::Text),
        ("age", Kind::Integer),
    ];
    Table {
        removed_status: Some((1, vec!["tobedeleted".into()])),
        ..Table::plain("users", &columns)
    }
}

impl Mirror {
    async fn new(table: Table) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a new mirror");
        let tables = vec![table.clone()];
        let fitted = store
            .write(move |connection| fit(connection, &tables, &Lookups::default()))
            .await
            .expect("tables");
        assert_eq!(fitted, [Fitted::Changed]);
        Self {
            _folder: folder,
            store: Arc::new(store),
            table: Arc::new(table),
            run: 0,
        }
    }

    fn begin(&self) -> Staging {
        Staging::open(&self.store, Arc::clone(&self.table), Size::Counted).expect("a reading")
    }

    /// Reads pages of the vendor, all of them believed complete, and applies what differs.
    async fn read(
        &mut self,
        pages: &[Vec<(String, String, Option<i64>)>],
        absence: Absence,
        confirm: u32,
    ) -> (Plan, Applied) {
        let mut staging = self.begin();
        for page in pages {
            staging.add(&page_of(page)).expect("compared");
        }
        self.apply(
            staging
                .finish(&Ending::of(absence, confirm))
                .expect("finished"),
        )
        .await
    }

    async fn apply(&mut self, staged: Staged) -> (Plan, Applied) {
        self.run += 1;
        let stamp = Stamp {
            run: self.run,
            now: time_of(self.run),
        };
        let plan = staged.plan.clone();
        let write = move |connection: &mut Connection| {
            let transaction = connection.transaction().expect("a transaction");
            let applied = apply(&transaction, &staged, &stamp, Removals::Confirmed)?;
            transaction.commit().expect("committed");
            Ok(applied)
        };
        (plan, self.store.write(write).await.expect("applied"))
    }

    fn rows(&self) -> Vendor {
        let reader = self.store.reader().expect("a reader");
        let mut statement = reader
            .prepare("SELECT id, status, age FROM north_users")
            .expect("the table");
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))
            .expect("rows");
        rows.collect::<rusqlite::Result<_>>().expect("rows")
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let reader = self.store.reader().expect("a reader");
        let mut statement = reader.prepare(sql).expect("sql");
        let count = statement.column_count();
        let mut rows = statement.query([]).expect("rows");
        let mut texts = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            let mut bytes = Vec::new();
            read_cells(row, 0, count, &mut bytes).expect("cells");
            let cells: Vec<String> = Cells::of(&bytes)
                .map(|cell| cell.plain().unwrap_or("-".into()))
                .collect();
            texts.push(cells.join(" "));
        }
        texts
    }
}

/// When a run writes: one a day.
fn time_of(run: i64) -> String {
    format!("2026-01-{run:02}T00:00:00.000Z")
}

/// A page of whole rows.
fn page_of(page: &[(String, String, Option<i64>)]) -> Rows {
    let mut rows = Rows::default();
    for (id, status, age) in page {
        rows.push(|bytes| {
            Cell::Text(id).write(bytes);
            Cell::Text(status).write(bytes);
            age.map_or(Cell::Null, Cell::Integer).write(bytes);
        });
    }
    rows
}

fn pages(vendor: &Vendor, size: usize) -> Vec<Vec<(String, String, Option<i64>)>> {
    let rows: Vec<_> = vendor
        .iter()
        .map(|(id, (status, age))| (id.clone(), status.clone(), *age))
        .collect();
    rows.chunks(size.max(1)).map(<[_]>::to_vec).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

fn vendors() -> impl Strategy<Value = Vec<Vendor>> {
    let row = (
        prop::sample::select(vec!["active", "x"]),
        prop::option::of(0i64..5),
    );
    let vendor = prop::collection::btree_map("[a-dä]{1,2}", row, 0..12);
    let vendor = vendor.prop_map(|rows| {
        rows.into_iter()
            .map(|(id, (status, age))| (id, (status.to_owned(), age)))
            .collect()
    });
    prop::collection::vec(vendor, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn after_a_complete_reading_the_mirror_equals_the_vendor(states in vendors(), size in 1usize..5) {
        runtime().block_on(async {
            let mut mirror = Mirror::new(users()).await;
            let mut before = Vendor::new();
            let mut versions = 0;
            for vendor in states {
                let (plan, applied) = mirror.read(&pages(&vendor, size), Absence::All, 1).await;
                assert_eq!(mirror.rows(), vendor);
                let removed = before.keys().filter(|id| !vendor.contains_key(*id)).count() as u64;
                let changed = before.iter().filter(|(id, row)| vendor.get(*id).is_some_and(|now| now != *row)).count() as u64;
                assert_eq!((applied.removed, applied.changed), (removed, changed));
                assert_eq!((plan.new, plan.changed, plan.removed), (applied.new, applied.changed, applied.removed));
                versions += removed + changed;
                assert_eq!(mirror.texts("SELECT count(*) FROM north_users_history"), [versions.to_string()]);
                // The same once more writes nothing.
                let (_, applied) = mirror.read(&pages(&vendor, size + 1), Absence::All, 1).await;
                assert_eq!(applied, Applied::default());
                before = vendor;
            }
        });
    }
}

fn row(id: &str, status: &str, age: i64) -> (String, String, Option<i64>) {
    (id.into(), status.into(), Some(age))
}

#[tokio::test]
async fn a_duplicate_new_key_is_noticed_in_any_order() {
    // A page is a text; a row is a letter, a capital one if its status marks it as removed.
    for (pages, new, duplicates) in [
        (vec!["abc", "def"], "abcdef", 0),
        (vec!["ab", "bc"], "abc", 1),
        (vec!["aa"], "a", 1),
        (vec!["bc", "a", "c", "d"], "abcd", 1),
        (vec!["cba"], "abc", 0),
        (vec!["Aa", "b"], "ab", 1),
        (vec!["AA", "b"], "b", 1),
        (vec!["b", "Aa", "a"], "ab", 2),
        (vec!["ab", "B"], "a", 1),
    ] {
        let mut mirror = Mirror::new(users()).await;
        let read: Vec<Vec<_>> = pages
            .iter()
            .map(|page| {
                page.chars()
                    .map(|letter| {
                        let removed = letter.is_uppercase();
                        let status = if removed { "tobedeleted" } else { "x" };
                        row(&letter.to_ascii_lowercase().to_string(), status, 1)
                    })
                    .collect()
            })
            .collect();
        let (plan, _) = mirror.read(&read, Absence::Nothing, 1).await;
        assert_eq!(plan.duplicates.rows, duplicates, "{pages:?}");
        let ids: String = mirror.rows().into_keys().collect();
        assert_eq!(ids, new, "{pages:?}");
    }
}

#[tokio::test]
async fn a_row_must_be_missed_as_often_as_asked() {
    let mut mirror = Mirror::new(users()).await;
    mirror
        .read(&[vec![row("a", "x", 1), row("b", "x", 2)]], Absence::All, 2)
        .await;
    let (plan, applied) = mirror
        .read(&[vec![row("a", "x", 1)]], Absence::All, 2)
        .await;
    assert_eq!((plan.unconfirmed, plan.removed, applied.removed), (1, 0, 0));
    // It is received again: the removal is no longer pending.
    mirror
        .read(&[vec![row("a", "x", 1), row("b", "x", 2)]], Absence::All, 2)
        .await;
    let (plan, _) = mirror
        .read(&[vec![row("a", "x", 1)]], Absence::All, 2)
        .await;
    assert_eq!((plan.unconfirmed, plan.removed), (1, 0));
    let (plan, applied) = mirror
        .read(&[vec![row("a", "x", 1)]], Absence::All, 2)
        .await;
    assert_eq!((plan.unconfirmed, plan.removed, applied.removed), (0, 1, 1));
    assert_eq!(
        mirror.texts("SELECT id, _since, _until, _ended, _ended_run FROM north_users_history"),
        ["b 2026-01-01T00:00:00.000Z 2026-01-05T00:00:00.000Z removed 5"]
    );
    assert_eq!(
        mirror.texts("SELECT count(*) FROM rollbook_unconfirmed"),
        ["0"]
    );
}

#[tokio::test]
async fn a_status_removes_a_row_and_never_brings_one() {
    let mut mirror = Mirror::new(users()).await;
    mirror
        .read(
            &[vec![row("a", "x", 1), row("b", "x", 2)]],
            Absence::Nothing,
            1,
        )
        .await;
    let (plan, applied) = mirror
        .read(
            &[vec![row("a", "ToBeDeleted", 1), row("c", "tobedeleted", 3)]],
            Absence::Nothing,
            1,
        )
        .await;
    assert_eq!(
        (plan.by_status, plan.new, applied.removed, applied.new),
        (1, 0, 1, 0)
    );
    assert_eq!(mirror.texts("SELECT id FROM north_users"), ["b"]);
}

#[tokio::test]
async fn of_two_versions_in_one_reading_the_newer_or_the_later_stays() {
    let mut by_age = users();
    by_age.columns[2] = TableColumn::plain("age", Kind::Timestamp);
    by_age.newest = Some(2);
    let mut mirror = Mirror::new(users()).await;
    mirror
        .read(&[vec![row("a", "old", 1)]], Absence::All, 1)
        .await;
    let (plan, applied) = mirror
        .read(
            &[
                vec![row("a", "new", 2)],
                vec![row("a", "newer", 3), row("b", "x", 1), row("b", "y", 2)],
            ],
            Absence::Nothing,
            1,
        )
        .await;
    assert_eq!(plan.duplicates.rows, 2);
    // One version of each: an earlier duplicate of the same reading is not recorded.
    assert_eq!((applied.changed, applied.new), (1, 1));
    assert_eq!(
        mirror.texts("SELECT id, status FROM north_users ORDER BY id"),
        ["a newer", "b y"]
    );
}

#[tokio::test]
async fn a_feed_removes_rows_that_did_not_come() {
    let mut mirror = Mirror::new(users()).await;
    mirror
        .read(
            &[vec![row("1", "x", 1), row("2", "x", 2), row("3", "x", 3)]],
            Absence::All,
            1,
        )
        .await;
    let fill = |connection: &mut Connection| {
        connection
            .execute_batch("CREATE TABLE north_log (record TEXT, entity TEXT); INSERT INTO north_log VALUES ('1', 'User'), ('2', 'Other'), ('3', 'User')")
            .map_err(StoreError::sql("fill"))
    };
    mirror.store.write(fill).await.expect("a feed");
    let feed = Feed {
        stream: named("audit"),
        table: "north_log".into(),
        key: "record".into(),
        rows: [("entity".into(), "User".into())].into(),
    };
    let mut staging =
        Staging::open(&mirror.store, Arc::clone(&mirror.table), Size::Counted).expect("a reading");
    let mut rows = Rows::default();
    // The third is listed as deleted and received all the same: it stays.
    rows.push(|bytes| {
        [Cell::Text("3"), Cell::Text("x"), Cell::Integer(3)]
            .iter()
            .for_each(|cell| cell.write(bytes))
    });
    staging.add(&rows).expect("compared");
    let staged = staging
        .finish(&Ending {
            feed: Some(&feed),
            ..Ending::of(Absence::Nothing, 1)
        })
        .expect("finished");
    let (plan, applied) = mirror.apply(staged).await;
    assert_eq!((plan.removed, applied.removed), (1, 1));
    assert_eq!(
        mirror.texts("SELECT id FROM north_users ORDER BY id"),
        ["2", "3"]
    );
}

#[tokio::test]
async fn a_vacuum_during_a_reading_makes_absence_unbelievable() {
    let mut mirror = Mirror::new(users()).await;
    mirror
        .read(&[vec![row("a", "x", 1), row("b", "x", 2)]], Absence::All, 1)
        .await;
    let staging =
        Staging::open(&mirror.store, Arc::clone(&mirror.table), Size::Counted).expect("a reading");
    mirror
        .store
        .write(|connection| {
            connection
                .execute_batch("VACUUM")
                .map_err(StoreError::sql("vacuum"))
        })
        .await
        .expect("vacuumed");
    let staged = staging
        .finish(&Ending::of(Absence::All, 1))
        .expect("finished");
    assert_eq!(staged.plan.removed, 0);
    assert!(staged.plan.rebuilt);
}

#[tokio::test]
async fn a_column_more_or_less_changes_no_row() {
    let mut mirror = Mirror::new(users()).await;
    mirror
        .read(&[vec![row("a", "x", 1), row("b", "y", 2)]], Absence::All, 1)
        .await;
    let mut wider = users();
    wider
        .columns
        .insert(1, TableColumn::plain("email", Kind::Text));
    wider.removed_status = None;
    let tables = vec![wider.clone()];
    let fitted = mirror
        .store
        .write(move |connection| fit(connection, &tables, &Lookups::default()))
        .await
        .expect("tables");
    assert_eq!(fitted, [Fitted::Changed]);
    let mut staging =
        Staging::open(&mirror.store, Arc::new(wider), Size::Counted).expect("a reading");
    let mut rows = Rows::default();
    for (id, status, age) in [("a", "x", 1), ("b", "y", 2)] {
        let cells = [
            Cell::Text(id),
            Cell::Null,
            Cell::Text(status),
            Cell::Integer(age),
        ];
        rows.push(|bytes| cells.iter().for_each(|cell| cell.write(bytes)));
    }
    staging.add(&rows).expect("compared");
    assert_eq!(
        staging
            .finish(&Ending::of(Absence::All, 1))
            .expect("finished")
            .plan
            .unchanged,
        2
    );
    let back = vec![users()];
    mirror
        .store
        .write(move |connection| fit(connection, &back, &Lookups::default()))
        .await
        .expect("tables");
    assert_eq!(
        mirror.texts(
            "SELECT name FROM pragma_table_info('north_users_history') WHERE name = 'email'"
        ),
        Vec::<String>::new()
    );
    let (plan, _) = mirror
        .read(&[vec![row("a", "x", 1), row("b", "y", 2)]], Absence::All, 1)
        .await;
    assert_eq!(plan.unchanged, 2);
}

#[tokio::test]
async fn another_key_is_refused_and_another_program_is_kept_out() {
    let mirror = Mirror::new(users()).await;
    let mut other = users();
    other.key = vec![1];
    let tables = vec![other];
    let error = mirror
        .store
        .write(move |connection| fit(connection, &tables, &Lookups::default()))
        .await
        .expect_err("a key change");
    assert_eq!(
        error.to_string(),
        "the key of table north_users would change from (id) to (status); rename the source, or drop the table to create it again"
    );
    let second = Store::open(mirror.store.path()).expect_err("a second opener");
    assert!(
        matches!(second, StoreError::Busy { pid, .. } if pid == std::process::id().to_string())
    );
}

#[test]
fn foreign_and_newer_files_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |name: &str, make: &dyn Fn(&std::path::Path), expected: &str| {
        let path = folder.path().join(name).join("mirror.db");
        std::fs::create_dir(path.parent().expect("a folder")).expect("made");
        make(&path);
        let before = std::fs::read(&path).expect("bytes");
        let error = Store::open(&path).expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
        assert!(
            std::fs::read(&path).expect("bytes") == before,
            "{name} was changed"
        );
    };
    check(
        "text",
        &|path| {
            std::fs::write(
                path,
                "no database, but long enough to look like a page of one",
            )
            .expect("written")
        },
        "this is not a SQLite database",
    );
    check(
        "foreign",
        &|path| {
            Connection::open(path)
                .expect("opened")
                .execute_batch("CREATE TABLE t (x)")
                .expect("made")
        },
        "belongs to another program",
    );
    check(
        "newer",
        &|path| {
            // By the writer itself, which closes the file shortly after the store is removed.
            let store = Store::open(path).expect("opened");
            let age = |connection: &mut Connection| {
                connection
                    .execute_batch("PRAGMA user_version = 999; PRAGMA journal_mode = delete")
                    .map_err(StoreError::sql("make it newer"))
            };
            runtime().block_on(store.write(age)).expect("set");
        },
        "written by a newer rollbook",
    );
}

/// A page of rows `(id, status, age)`, of which `None` is a cell that keeps what it had.
fn partial(rows: &[(&str, Option<&str>, Option<i64>)]) -> Rows {
    let mut page = Rows::default();
    for (id, status, age) in rows {
        let write = |bytes: &mut Vec<u8>| {
            Cell::Text(id).write(bytes);
            status.map_or(Cell::Keep, Cell::Text).write(bytes);
            age.map_or(Cell::Keep, Cell::Integer).write(bytes);
        };
        match status.is_none() || age.is_none() {
            true => page.push_partial(write),
            false => page.push(write),
        }
    }
    page
}

impl Mirror {
    async fn read_page(&mut self, page: Rows, ending: Ending<'_>) -> (Plan, Applied) {
        let mut staging =
            Staging::open(&self.store, Arc::clone(&self.table), Size::Counted).expect("a reading");
        staging.add(&page).expect("compared");
        let staged = staging.finish(&ending).expect("finished");
        self.apply(staged).await
    }
}

#[tokio::test]
async fn an_unreadable_cell_keeps_its_value() {
    let mut mirror = Mirror::new(users()).await;
    for (name, age, changed, stored) in [
        ("new", None, 0, None),
        ("read", Some(3), 1, Some(3)),
        ("unreadable", None, 0, Some(3)),
        ("another one", Some(4), 1, Some(4)),
        ("unreadable again", None, 0, Some(4)),
    ] {
        let page = partial(&[("a", Some("x"), age)]);
        let (plan, applied) = mirror.read_page(page, Ending::of(Absence::All, 1)).await;
        assert_eq!(
            (plan.changed, applied.changed),
            (changed, changed),
            "{name}"
        );
        assert_eq!(mirror.rows()["a"].1, stored, "{name}");
    }
}

#[tokio::test]
async fn a_rejected_row_with_a_known_key_is_present_and_a_new_one_is_not_created() {
    let mut mirror = Mirror::new(users()).await;
    mirror
        .read(&[vec![row("a", "x", 1), row("b", "x", 2)]], Absence::All, 1)
        .await;
    let mut page = partial(&[("a", Some("x"), Some(1))]);
    for id in ["b", "c"] {
        let number = page.push_present(|bytes| {
            Cell::Text(id).write(bytes);
            Cell::Keep.write(bytes);
            Cell::Keep.write(bytes);
        });
        let reject = Reject {
            path: "name".to_owned(),
            reason: "missing".to_owned(),
        };
        page.problems.reject(reject, Some(number));
    }
    let (plan, applied) = mirror.read_page(page, Ending::of(Absence::All, 1)).await;
    assert_eq!((plan.rejected, plan.unchanged, plan.removed), (2, 1, 0));
    assert_eq!(applied, Applied::default());
    assert_eq!(
        mirror.texts("SELECT id FROM north_users ORDER BY id"),
        ["a", "b"]
    );
    assert_eq!(
        mirror.texts("SELECT reason FROM rollbook_row_problems"),
        ["missing", "missing"]
    );
    mirror
        .read(&[vec![row("a", "x", 1), row("b", "x", 2)]], Absence::All, 1)
        .await;
    assert!(
        mirror
            .texts("SELECT reason FROM rollbook_row_problems")
            .is_empty()
    );
}

/// A row that any reading received in between was not missing in readings in a row.
#[tokio::test]
async fn an_unconfirmed_removal_starts_again_when_the_row_is_received() {
    let mut mirror = Mirror::new(users()).await;
    let both = || vec![row("a", "x", 1), row("b", "x", 2)];
    let one = || vec![row("a", "x", 1)];
    mirror.read(&[both()], Absence::All, 2).await;
    for (name, page, absence, unconfirmed, removed) in [
        ("missed", one(), Absence::All, 1, 0),
        (
            "received by a reading that proves nothing",
            both(),
            Absence::Nothing,
            0,
            0,
        ),
        ("missed", one(), Absence::All, 1, 0),
        (
            "a reading that proves nothing missed it",
            one(),
            Absence::Nothing,
            1,
            0,
        ),
        ("missed again", one(), Absence::All, 0, 1),
    ] {
        let (plan, _) = mirror.read(&[page], absence, 2).await;
        let noted = mirror
            .texts("SELECT stream FROM rollbook_unconfirmed")
            .len();
        assert_eq!((noted, plan.removed), (unconfirmed, removed), "{name}");
    }
}

/// A stale response reverts nothing; two readings that agree do.
#[tokio::test]
async fn an_older_version_is_applied_when_two_readings_agree() {
    let newest = Table {
        newest: Some(1),
        ..users()
    };
    let mut mirror = Mirror::new(newest).await;
    for (name, version, age, older, stored) in [
        ("new", "2026-03-01", 1, 0, 1),
        ("stale", "2026-02-01", 9, 1, 1),
        ("as it was", "2026-03-01", 1, 0, 1),
        ("stale", "2026-02-01", 9, 1, 1),
        ("stale in another way", "2026-02-02", 8, 1, 1),
        ("the same again", "2026-02-02", 8, 0, 8),
        ("newer", "2026-04-01", 2, 0, 2),
    ] {
        let (plan, _) = mirror
            .read(&[vec![row("a", version, age)]], Absence::All, 1)
            .await;
        assert_eq!(plan.older, older, "{name}");
        assert_eq!(mirror.rows()["a"].1, Some(stored), "{name}");
        assert_eq!(
            plan.unchanged + plan.changed + plan.new + plan.older,
            1,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_column_that_loses_all_its_values_is_named() {
    let ids: Vec<String> = (10..60).map(|number| number.to_string()).collect();
    let page = |with: usize, unreadable: bool| {
        let mut page = Rows::default();
        for (number, id) in ids.iter().enumerate() {
            page.push(|bytes| {
                Cell::Text(id).write(bytes);
                Cell::Text("x").write(bytes);
                let age = if number < with {
                    Cell::Integer(7)
                } else {
                    Cell::Null
                };
                age.write(bytes);
            });
        }
        page.values = vec![50, 50, with as u32];
        if unreadable {
            let reason = "expected integer".to_owned();
            page.problems.unreadable(0, 2, reason);
        }
        page
    };
    for (name, had, has, unreadable, emptied) in [
        ("all of all", 50, 0, false, true),
        ("all but one", 50, 1, false, true),
        ("all but two", 50, 2, false, false),
        ("most had one", 26, 0, false, true),
        ("half had none", 20, 0, false, false),
        ("unreadable is not emptied", 50, 0, true, false),
        ("nothing changed", 50, 50, false, false),
    ] {
        let mut mirror = Mirror::new(users()).await;
        mirror
            .read_page(page(had, false), Ending::of(Absence::All, 1))
            .await;
        let (plan, _) = mirror
            .read_page(page(has, unreadable), Ending::of(Absence::All, 1))
            .await;
        assert_eq!(
            plan.emptied == ["age"],
            emptied,
            "{name}: {:?}",
            plan.emptied
        );
    }
}

/// A series of states beside one of measurements: what the one never had did not go from the other.
#[tokio::test]
async fn a_column_of_a_time_series_is_compared_within_its_item() {
    let page = |item: &str, days: std::ops::Range<u32>, age: Cell<'_>| {
        let mut page = Rows::default();
        for day in days {
            page.push(|bytes| {
                Cell::Text(&format!("{item}{day}")).write(bytes);
                Cell::Text(item).write(bytes);
                age.write(bytes);
            });
        }
        let rows = page.len() as u32;
        page.values = vec![rows, rows, if age == Cell::Null { 0 } else { rows }];
        page
    };
    for (name, item, emptied) in [("another item", "b", false), ("the same", "a", true)] {
        let mut mirror = Mirror::new(Table {
            partition: vec![1],
            ..users()
        })
        .await;
        let known = page("a", 10..60, Cell::Integer(7));
        mirror
            .read_page(known, Ending::of(Absence::Nothing, 1))
            .await;
        let mut staging =
            Staging::open(&mirror.store, Arc::clone(&mirror.table), Size::Unknown).expect("begun");
        staging
            .add(&page(item, 60..90, Cell::Null))
            .expect("compared");
        let staged = staging.finish(&Ending::of(Absence::Nothing, 1));
        let plan = staged.expect("finished").plan;
        assert_eq!(plan.emptied == ["age"], emptied, "{name}");
    }
}

#[test]
fn a_reading_compares_keys_and_fingerprints_only() {
    let mut pair = users();
    pair.stream = named("pairs");
    pair.key = vec![0, 2];
    for table in [users(), pair] {
        let mut mirror = Connection::open_in_memory().expect("memory");
        schema::upgrade(&mut mirror).expect("a new mirror");
        fit(
            &mut mirror,
            std::slice::from_ref(&table),
            &Lookups::default(),
        )
        .expect("tables");
        // A mirror of an earlier release has no such index, and gets it.
        mirror
            .execute_batch(&format!(
                "DROP INDEX {}; UPDATE rollbook_tables SET definition = ''",
                table.walk_index()
            ))
            .expect("as it was");
        let fitted = fit(
            &mut mirror,
            std::slice::from_ref(&table),
            &Lookups::default(),
        )
        .expect("tables");
        assert_eq!(
            fitted,
            [Fitted::Same],
            "an index alone asks for no full reading"
        );
        let plan: String = mirror
            .query_row(
                &format!("EXPLAIN QUERY PLAN {}", table.walk_sql()),
                rusqlite::params_from_iter(table.key.iter().map(|_| "a")),
                |row| row.get("detail"),
            )
            .expect("a plan");
        assert!(plan.contains("COVERING INDEX"), "{plan}");
    }
}
