//! The views that make a mirror pleasant to read: all versions of a row, one line an array element.

use rusqlite::{Connection, Transaction};

use super::table::{literal, quote};
use crate::model::Table;
use crate::model::row::Kind;

/// Drops every view of a stream, so that its tables can be altered; `live` is the name of its table.
pub fn drop_of(transaction: &Connection, live: &str) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'view' AND (name = ?1 OR sql LIKE '%' || ?2 || '%')",
    )?;
    let views: Vec<String> = statement
        .query_map(
            [format!("{live}_versions"), format!("/* of {live} */")],
            |row| row.get(0),
        )?
        .collect::<rusqlite::Result<_>>()?;
    views
        .iter()
        .try_for_each(|view| transaction.execute_batch(&format!("DROP VIEW {}", quote(view))))
}

/// Makes the view of all versions, and one for each array column.
pub fn create_all(transaction: &Transaction<'_>, table: &Table) -> rusqlite::Result<()> {
    let (live, names) = (table.name(), table.all_names());
    transaction.execute_batch(&format!(
        "CREATE VIEW {view} AS /* of {live} */\n\
         SELECT {names}, _since, _run, NULL AS _until, NULL AS _ended, NULL AS _ended_run FROM {now}\n\
         UNION ALL SELECT {names}, _since, _run, _until, _ended, _ended_run FROM {past}",
        view = quote(&format!("{live}_versions")),
        now = table.with_since(),
        past = table.history_quoted(),
    ))?;
    for column in table
        .columns
        .iter()
        .filter(|column| column.kind == Kind::Json)
    {
        let members: String = kept_members(&column.from)
            .iter()
            .map(|member| {
                format!(
                    ", element.value ->> {} AS {}",
                    literal(&format!("$.\"{member}\"")),
                    quote(member)
                )
            })
            .collect();
        transaction.execute_batch(&format!(
            "CREATE VIEW {view} AS /* of {live} */\n\
             SELECT {key}, element.key AS position, element.value AS value{members}\n\
             FROM {table} AS row, json_each(row.{column}) AS element",
            view = quote(&format!("{live}_{}", column.name)),
            key = key_of_row(table),
            table = table.quoted(),
            column = quote(&column.name),
        ))?;
    }
    Ok(())
}

fn key_of_row(table: &Table) -> String {
    let names: Vec<String> = table
        .key
        .iter()
        .map(|index| format!("row.{}", quote(&table.columns[*index].name)))
        .collect();
    names.join(", ")
}

/// The members that `{a,b}` at a path's end keeps: they become the view's columns.
fn kept_members(from: &str) -> Vec<String> {
    let Some((_, rest)) = from.split_once('{') else {
        return Vec::new();
    };
    let Some((names, _)) = rest.split_once('}') else {
        return Vec::new();
    };
    names
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !["key", "position", "value"].contains(&name.as_str()))
        .collect()
}
