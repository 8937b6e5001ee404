use rusqlite::OptionalExtension as _;

use super::*;
use crate::model::named;
use crate::model::row::{Cell, Kind, Rows};
use crate::store::apply::Stamp;
use crate::store::fitting::{self, Layout};
use crate::store::lookups::Lookups;
use crate::store::maintenance::{VerifyScope, verify};
use crate::store::{Absence, Ending, Size, Staging, Store, ValueCounts};

const DAY: &str = "2026-01-01T";

fn points(series: bool) -> Table {
    let columns = [
        ("data_id", Kind::Integer),
        ("t", Kind::Timestamp),
        ("v", Kind::Real),
    ];
    Table {
        key: vec![0, 1],
        partition: vec![0],
        history: false,
        series,
        ..Table::plain("points", &columns)
    }
}

struct Mirror {
    _folder: tempfile::TempDir,
    store: Store,
    table: Arc<Table>,
}

impl Mirror {
    async fn new(table: Table) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = Self {
            store: Store::open(&folder.path().join("mirror.db")).expect("a new mirror"),
            _folder: folder,
            table: Arc::new(table),
        };
        mirror.fit(&mirror.table).await;
        mirror
    }

    async fn fit(&self, table: &Table) {
        let layout = Layout::new(vec![table.clone()], Lookups::default());
        let name = table.name();
        self.store
            .write(move |connection| fitting::fit(connection, &layout, &[&name]))
            .await
            .expect("fitted");
    }

    /// A step of one series; each point is an hour and a value.
    fn step(&self, item: i64, rows: &[(u32, Option<f64>)], before: Option<&ValueCounts>) -> Staged {
        let mut page = Rows::default();
        for (hour, value) in rows {
            page.push(|bytes| {
                Cell::Integer(item).write(bytes);
                Cell::Text(&format!("{DAY}{hour:02}:00:00.000Z")).write(bytes);
                value.map_or(Cell::Null, Cell::Real).write(bytes);
            });
        }
        let count = rows.len() as u32;
        let values = rows.iter().filter(|(_, value)| value.is_some()).count();
        page.values = vec![count, count, values as u32];
        let mut staging =
            Staging::open(&self.store, Arc::clone(&self.table), Size::Unknown).expect("begun");
        staging.follow(before.cloned());
        staging.add(&page).expect("compared");
        staging
            .finish(&Ending::of(Absence::Nothing, 1))
            .expect("finished")
    }

    async fn write(&self, run: i64, steps: Vec<(i64, Staged)>) -> SeriesWritten {
        let step = |(item, staged): (i64, Staged)| SeriesStep {
            item: item.to_string(),
            index: item as usize,
            staged,
            checkpoint: Checkpoint::default(),
        };
        let commit = SeriesCommit {
            steps: steps.into_iter().map(step).collect(),
            written: SeriesWritten::default(),
            stamp: Stamp {
                run,
                now: format!("2026-02-{run:02}T00:00:00.000Z"),
            },
            table: Arc::clone(&self.table),
            source: named("north"),
            account: Account::default(),
        };
        let act = move |connection: &mut Connection| commit.write(connection);
        self.store.write(act).await.expect("written")
    }

    fn ask(&self, sql: &str) -> String {
        let reader = self.store.reader().expect("a reader");
        let found: Option<String> = reader
            .query_row(sql, [], |row| row.get(0))
            .optional()
            .expect("asked")
            .flatten();
        found.unwrap_or_default()
    }

    fn rows(&self) -> String {
        self.ask(
            "SELECT group_concat(data_id || ' ' || substr(t, 12, 2) || ' ' || coalesce(v, '-') || ' ' || _run, ', ') \
             FROM (SELECT * FROM north_points ORDER BY data_id, t)",
        )
    }
}

/// The last point of a step is the first of the next one, which was compared before the first was written.
#[tokio::test]
async fn steps_of_one_commit_may_share_a_point() {
    let mirror = Mirror::new(points(true)).await;
    let steps = vec![
        (2, mirror.step(2, &[(1, Some(1.0))], None)),
        (1, mirror.step(1, &[(1, Some(1.0)), (2, Some(2.0))], None)),
        (
            1,
            mirror.step(1, &[(2, Some(2.5)), (3, None), (4, Some(-0.0))], None),
        ),
    ];
    let written = mirror.write(1, steps).await;
    assert_eq!(
        mirror.rows(),
        "1 01 1.0 1, 1 02 2.5 1, 1 03 - 1, 1 04 0.0 1, 2 01 1.0 1"
    );
    assert_eq!(
        (
            written.applied.new,
            written.applied.changed,
            written.unchanged
        ),
        (5, 1, 1)
    );
    let rows = BTreeMap::from([("1".to_owned(), 4), ("2".to_owned(), 1)]);
    assert_eq!(
        written.rows, rows,
        "what a vendor counts is compared with this"
    );
    // Again, as it is and with one other value: nothing but that is written.
    let again = mirror.step(1, &[(2, Some(2.5)), (3, Some(3.0)), (4, Some(-0.0))], None);
    assert_eq!(
        (again.plan.unchanged, again.plan.changed, again.plan.new),
        (2, 1, 0)
    );
    mirror.write(2, vec![(1, again)]).await;
    assert_eq!(
        mirror.ask("SELECT group_concat(substr(_since, 6, 5) || ' ' || coalesce(v, '-'), ', ') FROM north_points_versions WHERE data_id = 1"),
        "02-01 1.0, 02-01 2.5, 02-02 3.0, 02-01 0.0"
    );
}

/// Points that wait are not in the mirror: a column that ends with them is found all the same.
#[tokio::test]
async fn a_column_that_loses_its_values_is_found_behind_a_step_that_waits() {
    let mirror = Mirror::new(points(true)).await;
    let hours = |value: Option<f64>| (0..24).map(|hour| (hour, value)).collect::<Vec<_>>();
    let first = mirror.step(1, &hours(Some(1.0)), None);
    let received = first.received.clone();
    assert!(received.is_telling());
    let empty = hours(None);
    let alone = mirror.step(1, &empty, None);
    assert_eq!(
        alone.plan.emptied, [""; 0],
        "there is nothing to compare with"
    );
    let behind = mirror.step(1, &empty, Some(&received));
    assert_eq!(behind.plan.emptied, ["v"]);
}

/// Both ways, with an admin's own view, and without a new reading of everything.
#[tokio::test]
async fn a_table_is_stored_in_another_layout_with_all_that_is_in_it() {
    let mut mirror = Mirror::new(points(false)).await;
    mirror
        .write(
            1,
            vec![(1, mirror.step(1, &[(1, Some(1.0)), (2, None)], None))],
        )
        .await;
    mirror
        .write(2, vec![(7, mirror.step(7, &[(1, Some(-3.5))], None))])
        .await;
    let make = |connection: &mut Connection| {
        connection
            .execute_batch(
                "CREATE VIEW mine AS SELECT count(*) || ' ' || sum(v) AS sums FROM north_points",
            )
            .map_err(StoreError::sql("make a view"))
    };
    mirror.store.write(make).await.expect("made");
    let versions = "SELECT group_concat(data_id || ' ' || t || ' ' || coalesce(v, '-') || ' ' || _since || ' ' || _run, ', ') \
         FROM (SELECT * FROM north_points_versions ORDER BY data_id, t)";
    let before = mirror.ask(versions);
    let layout = "SELECT group_concat(name || wr, ' ') FROM pragma_table_list WHERE name LIKE 'north_points%' AND type = 'table' ORDER BY name";
    for (series, expected) in [(true, 1), (false, 0), (true, 1)] {
        mirror.fit(&points(series)).await;
        mirror.table = Arc::new(points(series));
        let tables = mirror.ask(layout);
        assert!(
            tables.contains(&format!("north_points{expected}")),
            "{tables}"
        );
        assert!(!tables.contains("before"), "{tables}");
        assert_eq!(mirror.ask(versions), before);
        assert_eq!(mirror.ask("SELECT sums FROM mine"), "3 -2.5");
        assert_eq!(
            mirror.ask("SELECT count(*) || '' FROM rollbook_checkpoints WHERE item <> ''"),
            "2",
            "nothing is read again"
        );
        let found = verify(mirror.store.path(), VerifyScope::All).expect("verified");
        assert_eq!((found.rows, found.problems), (3, vec![]));
        let same = mirror.step(1, &[(1, Some(1.0)), (2, None)], None);
        assert_eq!((same.plan.unchanged, same.plan.writes()), (2, false));
    }
}

#[tokio::test]
async fn a_point_without_a_valid_time_is_found() {
    let mirror = Mirror::new(points(true)).await;
    mirror
        .write(
            1,
            vec![(1, mirror.step(1, &[(1, Some(1.0)), (2, None)], None))],
        )
        .await;
    let damage = |connection: &mut Connection| {
        connection
            .execute_batch("UPDATE north_points SET t = '2026-13-01' WHERE v IS NULL")
            .map_err(StoreError::sql("damage a point"))
    };
    mirror.store.write(damage).await.expect("damaged");
    let found = verify(mirror.store.path(), VerifyScope::All).expect("verified");
    assert_eq!(
        found.problems,
        ["north_points: 1 of 2 checked points have no valid time"]
    );
}
