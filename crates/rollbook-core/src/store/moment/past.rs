//! Temporary views with the names of the mirror's tables, which hold what those held at an earlier time.
//!
//! SQLite looks for a name in the temporary schema first, and views that are made there do so too. The mirror is not written.

use jiff::Timestamp;
use rusqlite::Connection;

use crate::model::scalar::to_canonical;
use crate::store::lookups::ComboTable;
use crate::store::table::quote;

/// Makes them for each stream, then the labels of then, then all views again that are made from tables.
pub(super) fn make_views(
    connection: &Connection,
    then: Timestamp,
    combos: &[ComboTable],
) -> rusqlite::Result<()> {
    // A text with a quotation mark it has not.
    let then = to_canonical(then);
    for live in tables(connection)? {
        let (view, versions) = (quote(&live), quote(&format!("{live}_versions")));
        connection.execute_batch(&format!(
            "CREATE TEMP VIEW {view} AS SELECT * FROM main.{versions} \
             WHERE _since <= '{then}' AND (_until IS NULL OR _until > '{then}')"
        ))?;
    }
    labels(connection, combos)?;
    for (name, sql) in views(connection)? {
        if let Some(body) = sql.strip_prefix("CREATE VIEW")
            && !name.ends_with("_versions")
        {
            connection.execute_batch(&format!("CREATE TEMP VIEW{body}"))?;
        }
    }
    Ok(())
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT source || '_' || stream FROM rollbook_tables \
         WHERE source || '_' || stream IN (SELECT name FROM sqlite_schema WHERE type = 'table')",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn views(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement =
        connection.prepare("SELECT name, sql FROM main.sqlite_schema WHERE type = 'view'")?;
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// `rollbook_labels` as the lists of then had them: a table, because a view looks up dozens of labels in each row.
fn labels(connection: &Connection, combos: &[ComboTable]) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE rollbook_labels (list INTEGER, id INTEGER, code TEXT, label TEXT, PRIMARY KEY (list, id)) WITHOUT ROWID",
    )?;
    let made = tables(connection)?;
    for combos in combos.iter().filter(|combos| made.contains(&combos.name())) {
        let [list, id, code, label] =
            [&combos.list, &combos.id, &combos.code, &combos.label].map(|name| quote(name));
        connection.execute(
            &format!(
                "INSERT OR REPLACE INTO temp.rollbook_labels \
                 SELECT lists.number, entry.{id}, entry.{code}, entry.{label} FROM rollbook_lists AS lists \
                 JOIN {table} AS entry ON entry.{list} = lists.list WHERE lists.source = ?1",
                table = quote(&combos.name()),
            ),
            [&combos.source],
        )?;
    }
    Ok(())
}
