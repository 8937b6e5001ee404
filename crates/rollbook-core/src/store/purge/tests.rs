//! Old versions go when their time is over, and never by a clock that looks wrong (fault-catalogue.md 146, 147).

use std::time::Duration;

use super::*;
use crate::model::row::Kind;
use crate::store::Store;
use crate::store::lookups::Lookups;
use crate::store::tables::fit;

fn users() -> Table {
    Table::plain("users", &[("id", Kind::Text)])
}

/// Versions that are left of two, one that ended on 1 January and one on 1 June, when thirty days are kept.
async fn left(purged: Option<&str>, stated: Option<&str>, now: &str) -> u32 {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
    let (purged, now) = (purged.map(str::to_owned), now.parse().expect("a time"));
    let stated = stated.map(|stated| stated.parse().expect("a time"));
    let keep = History::Keep(Duration::from_secs(30 * 86_400));
    let counted = store.write(move |connection| {
        let table = users();
        fit(connection, std::slice::from_ref(&table), &Lookups::default())?;
        let what = StoreError::sql("prepare a test");
        for (id, until) in [("a", "2026-01-01"), ("b", "2026-06-01")] {
            let sql = format!(
                "INSERT INTO {} (id, _since, _run, _until, _ended, _ended_run) VALUES (?1, '', 1, ?2, 'removed', 2)",
                table.history_quoted()
            );
            let until = format!("{until}T00:00:00.000Z");
            connection.execute(&sql, [id, &until]).map_err(&what)?;
        }
        connection
            .execute("UPDATE rollbook_tables SET purged = ?1", [purged])
            .map_err(&what)?;
        if let Some(stated) = stated {
            note_vendor_time(connection, stated)?;
        }
        history(connection, &table, keep, now)?;
        let sql = format!("SELECT count(*) FROM {}", table.history_quoted());
        connection.query_row(&sql, [], |row| row.get(0)).map_err(&what)
    });
    counted.await.expect("counted")
}

const YESTERDAY: Option<&str> = Some("2026-06-09T00:00:00.000Z");
const NOW: &str = "2026-06-10T00:00:00Z";
const A_YEAR_AHEAD: &str = "2027-06-10T00:00:00Z";

#[tokio::test]
async fn an_implausible_clock_purges_nothing() {
    for (name, purged, now, expected) in [
        ("never before", None, NOW, 2),
        ("yesterday", YESTERDAY, NOW, 1),
        ("today already", Some("2026-06-09T12:00:00.000Z"), NOW, 2),
        ("in 1970", YESTERDAY, "1970-01-01T00:02:00Z", 2),
        ("a year ahead", YESTERDAY, A_YEAR_AHEAD, 2),
        ("a year ahead, at the first time", None, A_YEAR_AHEAD, 2),
    ] {
        assert_eq!(left(purged, None, now).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_vendor_that_states_another_time_keeps_everything() {
    let ahead = Some("2027-06-09T00:00:00.000Z");
    for (name, purged, stated, now, expected) in [
        ("agreed, never before", None, NOW, NOW, 1),
        ("agreed, yesterday", YESTERDAY, NOW, NOW, 1),
        (
            "agreed within a day",
            YESTERDAY,
            "2026-06-09T01:00:00Z",
            NOW,
            1,
        ),
        (
            "agreed, today already",
            Some("2026-06-09T12:00:00.000Z"),
            NOW,
            NOW,
            2,
        ),
        (
            "agreed, after months",
            Some("2026-01-09T00:00:00.000Z"),
            NOW,
            NOW,
            1,
        ),
        ("agreed, purged by a clock ahead", ahead, NOW, NOW, 1),
        ("a year ahead, the first time", None, NOW, A_YEAR_AHEAD, 2),
        ("a year ahead for a day", ahead, NOW, A_YEAR_AHEAD, 2),
        ("two days ahead", YESTERDAY, NOW, "2026-06-12T00:01:00Z", 2),
        ("in 1970", YESTERDAY, NOW, "1970-01-01T00:02:00Z", 2),
    ] {
        assert_eq!(left(purged, Some(stated), now).await, expected, "{name}");
    }
}

/// A machine whose clock was set years ahead or back neither removes points nor passes over those of the present.
#[tokio::test]
async fn points_end_by_a_clock_that_can_be_believed() {
    let time = |text: &str| text.parse::<Timestamp>().expect("a time");
    for (name, stated, now, is_due, believed) in [
        ("agreed", Some(NOW), NOW, true, NOW),
        ("no vendor states a time", None, NOW, true, NOW),
        (
            "after the holidays",
            Some("2026-05-01T00:00:00Z"),
            NOW,
            false,
            "2026-05-02T00:00:00Z",
        ),
        (
            "weeks ahead",
            Some(NOW),
            "2026-07-20T00:00:00Z",
            false,
            "2026-06-11T00:00:00Z",
        ),
        (
            "a year ahead",
            Some(NOW),
            A_YEAR_AHEAD,
            false,
            "2026-06-11T00:00:00Z",
        ),
        (
            "in 1970",
            Some(NOW),
            "1970-01-01T00:02:00Z",
            false,
            "2026-06-09T00:00:00Z",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let found = store.write(move |connection| {
            let table = users();
            fit(
                connection,
                std::slice::from_ref(&table),
                &Lookups::default(),
            )?;
            connection
                .execute("UPDATE rollbook_tables SET purged = ?1", [YESTERDAY])
                .map_err(StoreError::sql("prepare a test"))?;
            if let Some(stated) = stated {
                note_vendor_time(connection, time(stated))?;
            }
            let now = time(now);
            Ok((
                points_due(connection, &table, now)?,
                believed_time(connection, now)?,
            ))
        });
        let found = found.await.expect("found");
        assert_eq!(found, (is_due, time(believed)), "{name}");
    }
}

#[tokio::test]
async fn where_no_history_is_kept_all_versions_go_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
    let left: u32 = store
        .write(|connection| {
            let table = users();
            fit(
                connection,
                std::slice::from_ref(&table),
                &Lookups::default(),
            )?;
            let what = StoreError::sql("prepare a test");
            let name = table.history_quoted();
            connection
                .execute_batch(&format!(
                    "INSERT INTO {name} (id, _since, _run, _until, _ended, _ended_run) \
                     VALUES ('a', '', 1, '2026-06-01T00:00:00.000Z', 'removed', 2); \
                     UPDATE rollbook_tables SET purged = '2026-06-01T00:00:00.000Z';"
                ))
                .map_err(&what)?;
            // Purged on the same day, by a clock that no vendor confirms.
            let now = "2026-06-01T00:00:01Z".parse().expect("a time");
            history(connection, &table, History::Off, now)?;
            let sql = format!("SELECT count(*) FROM {name}");
            connection
                .query_row(&sql, [], |row| row.get(0))
                .map_err(&what)
        })
        .await
        .expect("written");
    assert_eq!(left, 0);
}
