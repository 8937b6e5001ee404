//! A renamed source is what it was, and nothing of the old name remains.

use rusqlite::Connection;

use super::*;
use crate::model::named;
use crate::model::row::Kind;
use crate::store::Store;
use crate::store::lookups::Lookups;

fn users(source: &str, key: usize) -> Table {
    let columns = [
        ("id", Kind::Text),
        ("org", Kind::Text),
        ("roles", Kind::Json),
    ];
    let mut table = Table {
        source: named(source),
        key: vec![key],
        ..Table::plain("users", &columns)
    };
    table.columns[1].refers_to = Some(format!("{source}_orgs.id"));
    table
}

/// A source with rows, history and a record of each kind, and another one whose name begins alike.
async fn mirror(folder: &std::path::Path) -> Store {
    let store = Store::open(&folder.join("mirror.db")).expect("a mirror");
    let tables = vec![users("north", 0), users("north_2", 0), users("new", 0)];
    store
        .write(move |connection| {
            tables::fit(connection, &tables, &Lookups::default())?;
            let fill = "
INSERT INTO north_users VALUES ('1', 'o', '[\"pupil\"]', 'now', 1, 7);
INSERT INTO north_users_history VALUES ('1', 'p', '[]', 'past', 1, 'now', 'changed', 1);
INSERT INTO north_2_users VALUES ('2', 'o', '[]', 'now', 1, 7);
INSERT INTO rollbook_runs (run, job, source, cause, started) VALUES (1, 'rosters', 'north', 'command', 'now'), (2, 'new', 'new', 'command', 'now');
INSERT INTO rollbook_checkpoints (source, stream, item, cursor) VALUES ('north', 'users', '', 'then'), ('new', 'users', '', 'never'), ('north_2', 'users', '', 'x');
INSERT INTO rollbook_accounts VALUES ('north', 1, 'address', NULL, '');
INSERT INTO rollbook_pauses VALUES ('source', 'north', 'now', NULL, 'UTC'), ('job', 'north', 'now', NULL, 'UTC');
INSERT INTO rollbook_alerts VALUES ('source north', 'parked', 'now'), ('north', 'stale', 'now');
INSERT INTO rollbook_outbox (channel, kind, job, message, created, attempts, due) VALUES ('email', 'parked', 'source north', '', '', 0, '');
INSERT INTO rollbook_published (publish, source, claim, revision, run, seen, rebuild, removal, attempts) VALUES ('d', 'north', 'c', 3, 1, 1, 0, 0, 0), ('d', 'new', 'e', 3, 2, 2, 0, 0, 0);
INSERT INTO rollbook_published_streams (publish, source, stream, definition, erased) VALUES ('d', 'north', 'users', 'x', 0), ('d', 'new', 'users', 'y', 0);
INSERT INTO rollbook_unconfirmed VALUES ('north', 'users', x'00', 1, 1, NULL);";
            connection
                .execute_batch(fill)
                .map_err(StoreError::sql("fill"))
        })
        .await
        .expect("a filled mirror");
    store
}

fn list(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect("a query");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

async fn rename(store: &Store, wanted: Vec<Table>) -> Result<(), StoreError> {
    store
        .write(move |connection| rename_source(connection, &named("north"), &named("new"), &wanted))
        .await
}

#[tokio::test]
async fn everything_of_a_source_gets_the_new_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = mirror(folder.path()).await;
    rename(&store, vec![users("new", 0)])
        .await
        .expect("renamed");
    let reader = store.reader().expect("a reader");
    let all = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'rollbook_%' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let endings = [
        "",
        "_history",
        "_history_key",
        "_roles",
        "_versions",
        "_walk",
    ];
    let of = |source: &str| {
        endings
            .map(|ending| format!("{source}_users{ending}"))
            .to_vec()
    };
    assert_eq!(list(&reader, all), [of("new"), of("north_2")].concat());
    let versions = "SELECT id || org || coalesce(_ended, '') FROM new_users_versions ORDER BY 1";
    assert_eq!(list(&reader, versions), ["1o", "1pchanged"]);
    assert_eq!(
        list(&reader, "SELECT value FROM new_users_roles"),
        ["pupil"]
    );
    for (sql, expected) in [
        (
            "SELECT source || run FROM rollbook_runs ORDER BY run",
            &["new1", "new2"][..],
        ),
        (
            "SELECT source || cursor FROM rollbook_checkpoints ORDER BY 1",
            &["newthen", "north_2x"],
        ),
        ("SELECT source FROM rollbook_accounts", &["new"]),
        (
            "SELECT kind || ' ' || name FROM rollbook_pauses ORDER BY 1",
            &["job north", "source new"],
        ),
        (
            "SELECT job FROM rollbook_alerts ORDER BY 1",
            &["north", "source new"],
        ),
        ("SELECT job FROM rollbook_outbox", &["source new"]),
        ("SELECT source FROM rollbook_unconfirmed", &["new"]),
        // What a database has under the old name is removed, and that of the new one is compared.
        (
            "SELECT source || removal || seen || claim FROM rollbook_published ORDER BY 1",
            &["new00e", "north11c"],
        ),
        (
            "SELECT source || ifnull(compare || 'all', '') FROM rollbook_published_streams ORDER BY 1",
            &["newall", "north"],
        ),
        (
            "SELECT refers_to FROM rollbook_columns WHERE refers_to IS NOT NULL ORDER BY 1",
            &["new_orgs.id", "north_2_orgs.id"],
        ),
    ] {
        assert_eq!(list(&reader, sql), expected, "{sql}");
    }
    // No own table holds the old name where a source's is.
    for table in own_tables().expect("tables") {
        if PUBLISHED.contains(&table.as_str()) {
            continue;
        }
        let has = format!("SELECT name FROM pragma_table_info('{table}') WHERE name = 'source'");
        if !list(&reader, &has).is_empty() {
            let left = format!("SELECT source FROM {table} WHERE source = 'north'");
            assert!(list(&reader, &left).is_empty(), "{table}");
        }
    }
    let data = data_of(&reader, &named("new")).expect("counted");
    assert_eq!((data.tables, data.rows, data.history_rows), (1, 1, 1));
    // The next start has nothing to do but to note the definition.
    let tables = vec![users("new", 0), users("north_2", 0)];
    let fitted = store
        .write(move |connection| tables::fit(connection, &tables, &Lookups::default()))
        .await;
    let same = tables::Fitted::Same;
    assert_eq!(fitted.expect("fitted"), [same, same]);
}

#[tokio::test]
async fn another_key_renames_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = mirror(folder.path()).await;
    let dump = |store: &Store| {
        let reader = store.reader().expect("a reader");
        let tables = "SELECT name || coalesce(sql, '') FROM sqlite_schema ORDER BY name";
        let sources = "SELECT source || cursor FROM rollbook_checkpoints ORDER BY 1";
        [list(&reader, tables), list(&reader, sources)].concat()
    };
    let before = dump(&store);
    let refused = rename(&store, vec![users("new", 1)]).await;
    assert!(
        matches!(refused, Err(StoreError::KeyChanged { .. })),
        "{refused:?}"
    );
    assert_eq!(dump(&store), before);
}
