//! Queries on a mirror with a connection of the tests.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags};

/// A read-only connection.
pub fn open(mirror: &Path) -> Connection {
    let connection =
        Connection::open_with_flags(mirror, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a mirror");
    connection
        .busy_timeout(Duration::from_secs(10))
        .expect("set");
    connection
}

/// Changes the mirror, as an older version or a wrong clock has left it.
pub fn change(mirror: &Path, sql: &str) {
    let connection = Connection::open(mirror).expect("a mirror");
    let changed = connection.execute(sql, []);
    assert_eq!(changed.unwrap_or_else(|error| panic!("{sql}: {error}")), 1);
}

/// The only value of a query.
pub fn one<T: FromSql>(mirror: &Path, sql: &str) -> T {
    open(mirror)
        .query_row(sql, [], |row| row.get(0))
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The only number of a query; nothing while the table is missing or the database is busy.
pub fn maybe(mirror: &Path, sql: &str) -> Option<u64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(mirror, flags).ok()?;
    connection.query_row(sql, [], |row| row.get(0)).ok()
}

/// The first column of all rows.
pub fn list<T: FromSql>(mirror: &Path, sql: &str) -> Vec<T> {
    let connection = open(mirror);
    let mut statement = connection.prepare(sql).expect("a query");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("values")
}

/// How many rows a table has.
pub fn count(mirror: &Path, table: &str) -> u64 {
    one(mirror, &format!("SELECT count(*) FROM \"{table}\""))
}

/// Row count and a hash of the content, for each table that `which` selects.
pub fn content(mirror: &Path, which: impl Fn(&str) -> bool) -> BTreeMap<String, (u64, u64)> {
    let tables: Vec<String> = list(
        mirror,
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
    );
    let connection = open(mirror);
    let of_table = |table: &String| {
        let text = format!("SELECT * FROM \"{table}\"");
        let columns = connection.prepare(&text).expect("a query").column_count();
        let order = ["1", "2", "3"][..columns.min(3)].join(", ");
        let mut statement = connection
            .prepare(&format!("{text} ORDER BY {order}"))
            .expect("a query");
        let mut hasher = DefaultHasher::new();
        let mut rows = statement.query([]).expect("rows");
        let mut count = 0;
        while let Some(row) = rows.next().expect("a row") {
            count += 1;
            for column in 0..columns {
                format!("{:?}", row.get_ref(column).expect("a value")).hash(&mut hasher);
            }
        }
        (count, hasher.finish())
    };
    tables
        .iter()
        .filter(|table| which(table))
        .map(|table| (table.clone(), of_table(table)))
        .collect()
}

/// The vendors' data, current and history: every table that is not Rollbook's own.
pub fn data(mirror: &Path) -> BTreeMap<String, (u64, u64)> {
    content(mirror, |table| {
        !table.starts_with("rollbook_") && !table.starts_with("sqlite_")
    })
}
