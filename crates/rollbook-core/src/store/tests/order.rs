//! Rows that come in any order: what is written for them, and in which order.

use proptest::prelude::*;
use rusqlite::Connection;

use super::{Mirror, Vendor, page_of, row, runtime, users};
use crate::model::row::Cell;
use crate::store::apply::{Removals, Stamp, apply};
use crate::store::staging::{Absence, Ending};

/// Many rows in any order are written in the order of their keys, be they new or changed; few ones, and those that come in that
/// order, as they come.
#[tokio::test]
async fn many_rows_are_written_in_the_order_of_their_keys() {
    let jumbled = |number: usize| format!("{:03}", number * 7 % 600);
    let in_order = |number: usize| format!("{number:03}");
    let long = "x".repeat(1500);
    for (name, id, count, is_sorted) in [
        ("many", &jumbled as &dyn Fn(usize) -> String, 600, true),
        ("in order", &in_order, 600, false),
        ("few", &jumbled, 60, false),
    ] {
        let mut mirror = Mirror::new(users()).await;
        for (status, age) in [(long.clone(), None), (long.clone() + "y", Some(1))] {
            let rows: Vec<_> = (0..count)
                .map(|number| (id(number), status.clone(), age))
                .collect();
            let pages: Vec<_> = rows.chunks(50).map(<[_]>::to_vec).collect();
            let mut staging = mirror.begin();
            for page in &pages {
                staging.add(&page_of(page)).expect("compared");
            }
            let staged = staging
                .finish(&Ending::of(Absence::All, 1))
                .expect("finished");
            assert_eq!(staged.must_be_sorted, is_sorted, "{name}");
            let (_, applied) = mirror.apply(staged).await;
            assert_eq!(applied.new + applied.changed, count as u64, "{name}");
            let expected: Vendor = rows
                .into_iter()
                .map(|(id, status, age)| (id, (status, age)))
                .collect();
            assert!(mirror.rows() == expected, "{name}");
        }
        let first = |table: &str| mirror.texts(&format!("SELECT id FROM {table} ORDER BY rowid"));
        let expected: Vec<String> = match is_sorted {
            true => (0..count).map(in_order).collect(),
            false => (0..count).map(id).collect(),
        };
        assert_eq!(first("north_users"), expected, "{name}");
        assert_eq!(first("north_users_history"), expected, "{name}");
    }
}

/// Some readings, each of rows that come in any order and may come again: `(id, is removed, age)`.
fn jumbled_readings() -> impl Strategy<Value = Vec<Vec<(String, bool, Option<i64>)>>> {
    let row = (
        "[a-d]{1,2}",
        prop::bool::weighted(0.2),
        prop::option::of(0i64..5),
    );
    prop::collection::vec(prop::collection::vec(row, 0..16), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Rows that are sorted before they are written, because they are large, leave the same as small ones.
    #[test]
    fn large_rows_in_any_order_leave_what_small_ones_leave(readings in jumbled_readings(), size in 1usize..6) {
        let left = ["", &"x".repeat(100_000)].map(|padding| {
            runtime().block_on(async {
                let mut mirror = Mirror::new(users()).await;
                for reading in &readings {
                    let rows: Vec<_> = reading
                        .iter()
                        .map(|(id, is_removed, age)| match is_removed {
                            true => (id.clone(), "tobedeleted".to_owned(), *age),
                            false => (id.clone(), format!("x{padding}"), *age),
                        })
                        .collect();
                    let pages: Vec<_> = rows.chunks(size).map(<[_]>::to_vec).collect();
                    mirror.read(&pages, Absence::All, 1).await;
                }
                [
                    "SELECT id, age, _run FROM north_users ORDER BY id",
                    "SELECT id, age, _run, _ended, _ended_run FROM north_users_history ORDER BY id, _run",
                ]
                .map(|sql| mirror.texts(sql))
            })
        });
        prop_assert_eq!(&left[0], &left[1]);
    }
}

/// A row that comes, and is removed by its status on a later page of the same reading, is gone, whatever the order of the others.
#[tokio::test]
async fn sorted_rows_of_one_key_stay_in_the_order_in_which_they_came() {
    let mut mirror = Mirror::new(users()).await;
    let long = "x".repeat(1500);
    let mut rows: Vec<_> = (0..600)
        .rev()
        .map(|number| (format!("{number:03}"), long.clone(), None))
        .collect();
    rows.push(("300".into(), "tobedeleted".into(), None));
    let pages: Vec<_> = rows.chunks(100).map(<[_]>::to_vec).collect();
    mirror.read(&pages, Absence::All, 1).await;
    assert_eq!(mirror.rows().len(), 599);
    assert!(!mirror.rows().contains_key("300"));
}

/// Statements that write rows take nothing back by themselves: all of a run is taken back when one fails.
#[tokio::test]
async fn a_statement_that_fails_leaves_nothing_of_its_run() {
    let mut mirror = Mirror::new(users()).await;
    mirror
        .read(&[vec![row("a", "x", 1)]], Absence::All, 1)
        .await;
    let mut page = page_of(&[row("b", "x", 2), row("c", "x", 3)]);
    page.push(|bytes| {
        Cell::Null.write(bytes); // no decoder lets a row without its key pass
        Cell::Text("x").write(bytes);
        Cell::Integer(4).write(bytes);
    });
    let mut staging = mirror.begin();
    staging.add(&page).expect("compared");
    let staged = staging
        .finish(&Ending::of(Absence::All, 1))
        .expect("finished");
    let stamp = Stamp {
        run: 2,
        now: "2026-01-02T00:00:00.000Z".to_owned(),
    };
    let write = move |connection: &mut Connection| {
        let transaction = connection.transaction().expect("a transaction");
        apply(&transaction, &staged, &stamp, Removals::All).map(|_| ())
    };
    let failed = mirror.store.write(write).await.expect_err("no key");
    assert!(failed.to_string().contains("NOT NULL"), "{failed}");
    assert_eq!(mirror.texts("SELECT id FROM north_users"), ["a"]);
    assert!(
        mirror
            .texts("SELECT id FROM north_users_history")
            .is_empty()
    );
}
