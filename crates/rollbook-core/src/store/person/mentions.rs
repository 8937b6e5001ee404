//! Where the names of people occur in rows of others: free text, which an erasure cannot reach.

use std::collections::BTreeSet;

use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};

use super::find::{FoundPeople, FoundRows, exists};
use crate::model::Table;
use crate::model::row::{Cells, Kind};
use crate::store::error::StoreError;
use crate::store::sql_cells::read_cells;
use crate::store::suppression::SuppressedKind;
use crate::store::table::quote;

/// Shorter texts occur by chance.
const MIN_TEXT: usize = 6;

/// Rows of others that contain a name, an address or an id of a person in some text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentions {
    /// The table, or its history.
    pub table: String,
    /// How many rows.
    pub rows: u64,
}

/// Counts rows of others by table. `display` gives the columns by which people know a row of a table.
pub fn mentions(
    connection: &Connection,
    found: &FoundPeople,
    tables: &[Table],
    display: impl Fn(&Table) -> Vec<String>,
) -> Result<Vec<Mentions>, StoreError> {
    let what = StoreError::sql("look for the name of a person");
    let texts = texts(connection, found, display).map_err(&what)?;
    let mut all = Vec::new();
    if texts.is_empty() {
        return Ok(all);
    }
    for table in tables {
        let of_table = found
            .tables
            .iter()
            .find(|one| one.table.name() == table.name());
        let name = table.name();
        for (name, own) in [
            (name.clone(), of_table.map(|one| &one.live)),
            (format!("{name}_history"), of_table.map(|one| &one.history)),
        ] {
            if !exists(connection, &name).map_err(&what)? {
                continue;
            }
            let rows = count(connection, table, &name, own, &texts).map_err(&what)?;
            if rows > 0 {
                all.push(Mentions { table: name, rows });
            }
        }
    }
    Ok(all)
}

/// Whole names, and texts of the people's rows with a sign or digit in them: ids and addresses, no plain words.
fn texts(
    connection: &Connection,
    found: &FoundPeople,
    display: impl Fn(&Table) -> Vec<String>,
) -> rusqlite::Result<BTreeSet<String>> {
    let mut texts = BTreeSet::new();
    for one in &found.tables {
        let table = &one.table;
        let shown = display(table);
        let name = table.name();
        for (name, rows) in [
            (name.clone(), &one.live),
            (format!("{name}_history"), &one.history),
        ] {
            let people = rows.erased.iter();
            for (row, _) in people.filter(|(_, kind)| *kind == SuppressedKind::Row) {
                let sql = format!(
                    "SELECT {} FROM {} WHERE rowid = ?1",
                    table.all_names(),
                    quote(&name)
                );
                let mut bytes = Vec::new();
                connection.prepare_cached(&sql)?.query_row([row], |row| {
                    read_cells(row, 0, table.columns.len(), &mut bytes)
                })?;
                let cells = Cells::of(&bytes);
                let value = |name: &String| {
                    let column = table.columns.iter().position(|one| one.name == *name)?;
                    cells.at(column).plain()
                };
                let parts: Vec<String> = shown.iter().filter_map(value).collect();
                if parts.len() > 1 {
                    texts.insert(parts.join(" "));
                    texts.insert(parts.iter().rev().cloned().collect::<Vec<_>>().join(" "));
                    texts.insert(parts.join(", "));
                }
                for (index, cell) in cells.enumerate() {
                    let text = cell
                        .text()
                        .filter(|_| matches!(table.columns[index].kind, Kind::Text));
                    texts.extend(text.filter(|text| text.contains('@')).map(str::to_owned));
                }
            }
        }
    }
    texts.retain(|text| text.len() >= MIN_TEXT);
    Ok(texts)
}

fn count(
    connection: &Connection,
    table: &Table,
    name: &str,
    own: Option<&FoundRows>,
    texts: &BTreeSet<String>,
) -> rusqlite::Result<u64> {
    let columns: Vec<String> = (table.columns.iter())
        .filter(|column| matches!(column.kind, Kind::Text | Kind::Json))
        .map(|column| quote(&column.name))
        .collect();
    if columns.is_empty() {
        return Ok(0);
    }
    let whole = format!("lower(concat_ws(char(10), {}))", columns.join(", "));
    let tests: Vec<String> = (1..=texts.len())
        .map(|number| format!("instr({whole}, lower(?{number})) > 0"))
        .collect();
    let erased: Vec<String> = own
        .into_iter()
        .flat_map(|own| own.erased.iter().map(|(row, _)| row.to_string()))
        .collect();
    let sql = format!(
        "SELECT count(*) FROM {} WHERE ({}){}",
        quote(name),
        tests.join(" OR "),
        // Points have no row numbers, and none of them is about a person.
        match erased.is_empty() {
            true => String::new(),
            false => format!(" AND rowid NOT IN ({})", erased.join(", ")),
        }
    );
    connection.query_row(&sql, params_from_iter(texts), |row| {
        row.get::<_, i64>(0).map(|rows| rows as u64)
    })
}
