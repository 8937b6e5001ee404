//! Old versions go when their time is over, and never by a clock that looks wrong (fault catalogue 146, 147).

use std::time::Duration;

use super::*;
use crate::model::row::Kind;
use crate::store::lookups::Lookups;
use crate::store::tables::fit;
use crate::store::{Store, TableColumn};

fn users() -> Table {
    Table {
        source: "north".into(),
        stream: "users".into(),
        columns: vec![TableColumn {
            name: "id".into(),
            kind: Kind::Text,
            from: "id : text".into(),
            help: String::new(),
            combo: None,
        }],
        key: vec![0],
        partition: Vec::new(),
        newest: None,
        gone_status: None,
        keep: false,
        history: true,
    }
}

/// Versions that are left of two, one that ended on 1 January and one on 1 June, when thirty days are kept.
async fn left(purged: Option<&str>, now: &str) -> u32 {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
    let (purged, now) = (purged.map(str::to_owned), now.parse().expect("a time"));
    let keep = History::Keep(Duration::from_secs(30 * 86_400));
    let counted = store.write(move |connection| {
        let table = users();
        fit(connection, std::slice::from_ref(&table), &Lookups::default())?;
        let what = StoreError::sql("prepare a test");
        for (id, until) in [("a", "2026-01-01"), ("b", "2026-06-01")] {
            let sql = format!(
                "INSERT INTO {} (id, _since, _run, _until, _ended, _ended_run) VALUES (?1, '', 1, ?2, 'gone', 2)",
                table.history_quoted()
            );
            let until = format!("{until}T00:00:00.000Z");
            connection.execute(&sql, [id, &until]).map_err(&what)?;
        }
        connection
            .execute("UPDATE rollbook_tables SET purged = ?1", [purged])
            .map_err(&what)?;
        history(connection, &table, keep, now)?;
        let sql = format!("SELECT count(*) FROM {}", table.history_quoted());
        connection.query_row(&sql, [], |row| row.get(0)).map_err(&what)
    });
    counted.await.expect("counted")
}

#[tokio::test]
async fn a_clock_that_looks_wrong_purges_nothing() {
    for (name, purged, now, expected) in [
        ("never before", None, "2026-06-10T00:00:00Z", 1),
        (
            "yesterday",
            Some("2026-06-09T00:00:00.000Z"),
            "2026-06-10T00:00:00Z",
            1,
        ),
        (
            "today already",
            Some("2026-06-09T12:00:00.000Z"),
            "2026-06-10T00:00:00Z",
            2,
        ),
        (
            "in 1970",
            Some("2026-06-09T00:00:00.000Z"),
            "1970-01-01T00:02:00Z",
            2,
        ),
        (
            "a year ahead",
            Some("2026-06-09T00:00:00.000Z"),
            "2027-06-10T00:00:00Z",
            2,
        ),
        (
            "a year ahead, at the first time",
            None,
            "2027-06-10T00:00:00Z",
            0,
        ),
    ] {
        assert_eq!(left(purged, now).await, expected, "{name}");
    }
}
