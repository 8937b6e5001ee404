//! Tests of `unconfigured.rs`.

use super::*;
use crate::model::row::Kind;
use crate::model::{Table, named};
use crate::store::lookups::Lookups;
use crate::store::schema::upgrade;
use crate::store::tables::fit;

fn table(stream: &str) -> Table {
    Table::plain(stream, &[("id", Kind::Text)])
}

fn mirror() -> Connection {
    let mut connection = Connection::open_in_memory().expect("opened");
    upgrade(&mut connection).expect("made");
    let tables = [table("users"), table("classes")];
    fit(&mut connection, &tables, &Lookups::default()).expect("fitted");
    connection
        .execute_batch(
            "INSERT INTO rollbook_suppressed VALUES ('1', 'north', 'classes', 'id', 'row', x'00')",
        )
        .expect("written");
    for table in &tables {
        connection
            .execute_batch(&format!(
                "INSERT INTO {} (id, _since, _run, _fingerprint) VALUES ('a', '', 1, 0); \
                 INSERT INTO rollbook_unconfirmed (source, stream, key, missed, first_run) \
                 VALUES ('north', '{}', x'00', 1, 1);",
                table.quoted(),
                table.stream
            ))
            .expect("written");
    }
    connection
}

fn configured(streams: &[&str]) -> Configured {
    let named = |stream: &&str| (named("north"), named(stream));
    streams.iter().map(named).collect()
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn names(connection: &Connection) -> Vec<String> {
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'north%' AND type IN ('table', 'view') ORDER BY name")
        .expect("prepared");
    let names = statement.query_map([], |row| row.get(0)).expect("queried");
    names.collect::<Result<_, _>>().expect("read")
}

#[test]
fn a_table_leaves_after_its_time_and_only_if_no_job_reads_it_again() {
    let mut mirror = mirror();
    note(
        &mut mirror,
        &configured(&["users", "classes"]),
        time("2026-01-01T00:00:00Z"),
    )
    .expect("noted");
    assert_eq!(
        list(&mirror, &configured(&["users", "classes"])).expect("listed"),
        []
    );

    let users = configured(&["users"]);
    let expected = |since: Option<&str>| UnconfiguredStream {
        source: named("north"),
        stream: named("classes"),
        since: since.map(time),
    };
    assert_eq!(list(&mirror, &users).expect("listed"), [expected(None)]);
    note(&mut mirror, &users, time("2026-02-01T00:00:00Z")).expect("noted");
    note(&mut mirror, &users, time("2026-03-01T00:00:00Z")).expect("noted");
    let noticed = expected(Some("2026-02-01T00:00:00Z"));
    assert_eq!(
        list(&mirror, &users).expect("listed"),
        [noticed],
        "the first time counts"
    );

    let remove_before = |mirror: &Connection, time: &str| remove(mirror, time).expect("removed");
    assert!(remove_before(&mirror, "2026-02-01T00:00:00.000000Z").is_empty());

    // A job reads it again, and later none does.
    note(
        &mut mirror,
        &configured(&["users", "classes"]),
        time("2026-03-02T00:00:00Z"),
    )
    .expect("noted");
    note(&mut mirror, &users, time("2026-03-03T00:00:00Z")).expect("noted");
    assert!(remove_before(&mirror, "2026-03-01T00:00:00.000000Z").is_empty());
    assert_eq!(
        remove_before(&mirror, "2026-04-01T00:00:00.000000Z"),
        ["north_classes"]
    );
    assert_eq!(
        names(&mirror),
        ["north_users", "north_users_history", "north_users_versions"]
    );
    let unconfirmed: Vec<String> = mirror
        .prepare("SELECT stream FROM rollbook_unconfirmed")
        .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect())
        .expect("read");
    assert_eq!(unconfirmed, ["users"]);
    let suppressed: i64 = mirror
        .query_row("SELECT count(*) FROM rollbook_suppressed", [], |row| {
            row.get(0)
        })
        .expect("counted");
    assert_eq!(
        suppressed, 1,
        "an erased person does not return with the stream"
    );
}
