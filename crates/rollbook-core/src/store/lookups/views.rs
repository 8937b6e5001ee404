//! The views with labels: `<source>_<stream>_labelled` and `<source>_<stream>_mapped`.
//!
//! A label is looked up by id in `rollbook_labels`: by a join where that is possible, else by a subquery, which takes longer:
//! SQLite joins at most 64 tables, and a row may have more references than that. A label by code is looked up in the list.

use rusqlite::{Connection, Transaction};

use super::labels::ListNumbers;
use super::{ComboTable, Crosswalk, Lookups, References};
use crate::model::{By, Reference, Table};
use crate::store::table::{literal, quote};

/// Marks our views, so that they are found after a change of the configuration.
const MARK: &str = "/* lookup */";

/// The labels of one view that are joins. Three views can be joined with each other: 3 * 21 tables.
const MAX_JOINS: usize = 20;

/// Drops all views of labels and their indexes, so that the tables below them can be altered.
pub fn drop_views(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for (name, _) in made(transaction)? {
        transaction.execute_batch(&format!("DROP VIEW {}", quote(&name)))?;
    }
    // An older version also made indexes by id.
    let mut statement = transaction.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND name IN (tbl_name || '_codes', tbl_name || '_ids')",
    )?;
    let indexes: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for name in indexes {
        transaction.execute_batch(&format!("DROP INDEX {}", quote(&name)))?;
    }
    Ok(())
}

/// Creates missing views, and drops those that are outdated or no longer wanted.
pub fn fit(
    transaction: &Transaction<'_>,
    tables: &[Table],
    lookups: &Lookups,
    numbers: &ListNumbers,
) -> rusqlite::Result<()> {
    let wanted = wanted(tables, lookups, numbers);
    let made = made(transaction)?;
    for (name, _) in made.iter().filter(|view| !wanted.contains(view)) {
        transaction.execute_batch(&format!("DROP VIEW {}", quote(name)))?;
    }
    for (_, sql) in wanted.iter().filter(|view| !made.contains(view)) {
        transaction.execute_batch(sql)?;
    }
    Ok(())
}

fn made(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'view' AND instr(sql, ?1) ORDER BY name",
    )?;
    statement
        .query_map([MARK], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Name and SQL of every view, for tables whose columns refer to something.
fn wanted(tables: &[Table], lookups: &Lookups, numbers: &ListNumbers) -> Vec<(String, String)> {
    let mut views = Vec::new();
    for table in tables {
        let references = lookups
            .references
            .iter()
            .find(|one| one.source == table.source && one.stream == table.stream);
        if let (Some(references), Some(combos)) = (references, lookups.combos_of(&table.source)) {
            views.push(labelled(
                table,
                references,
                combos,
                numbers,
                lookups.has_codes,
            ));
        }
        views.extend(mapped(table, &lookups.crosswalks));
    }
    views
}

fn labelled(
    table: &Table,
    references: &References,
    combos: &ComboTable,
    numbers: &ListNumbers,
    has_codes: bool,
) -> (String, String) {
    let number = |reference: &Reference| match reference.by {
        By::Id => numbers.get(&(table.source.clone(), reference.list.clone())),
        By::Code | By::Description => None,
    };
    let numbered = |(column, reference): &(String, Reference)| {
        let number = number(reference)?;
        Some((column.clone(), *number))
    };
    let joined: Vec<(String, i64)> = (references.columns.iter())
        .filter_map(numbered)
        .take(MAX_JOINS)
        .collect();
    let beside = |column: &str| {
        let found = references.columns.iter().find(|(name, _)| name == column);
        let Some((_, reference)) = found else {
            return Vec::new();
        };
        let is_joined = joined.iter().any(|(name, _)| name == column);
        let code = has_codes.then_some(("code", &combos.code));
        let parts = code.into_iter().chain([("label", &combos.label)]);
        let question = |(part, answer): (&str, &String)| {
            let question = match number(reference) {
                Some(_) if is_joined => format!("{}.{part}", alias(column)),
                Some(number) => label(*number, part, column),
                None => entry(combos, reference, answer, column),
            };
            (format!("{column}_{part}"), question)
        };
        parts.map(question).collect()
    };
    let joins: String = joined.iter().map(join).collect();
    view(table, "labelled", &joins, beside)
}

/// The label that a column's id names.
fn join((column, number): &(String, i64)) -> String {
    format!(
        "\nLEFT JOIN rollbook_labels AS {entry} ON {entry}.list = {number} AND {entry}.id = row.{column}",
        entry = alias(column),
        column = quote(column),
    )
}

fn alias(column: &str) -> String {
    quote(&format!("{column}_entry"))
}

/// One part of the label that a column's id names.
fn label(number: i64, part: &str, column: &str) -> String {
    let question = format!(
        "SELECT entry.{part} FROM rollbook_labels AS entry WHERE entry.list = {number} AND entry.id = row.{}",
        quote(column)
    );
    if_there(column, &question)
}

/// SQLite opens the table for each subquery in each row; not where nothing is looked up.
fn if_there(column: &str, question: &str) -> String {
    let column = quote(column);
    format!("CASE WHEN row.{column} IS NOT NULL THEN ({question}) END")
}

/// One column of the entry that a row's column names.
fn entry(combos: &ComboTable, reference: &Reference, answer: &str, column: &str) -> String {
    let (table, list) = (quote(&combos.name()), quote(&combos.list));
    let cell = format!("row.{}", quote(column));
    // A code is compared as text: `01` is not `1`. An id is compared as what the list has.
    let value = match reference.by {
        By::Id => cell,
        By::Code | By::Description => format!("CAST({cell} AS TEXT)"),
    };
    // An id is unique; of two entries with one code the one in use counts.
    let order = match (reference.by, &combos.active) {
        (By::Id, _) => String::new(),
        (_, Some(active)) => format!(
            " ORDER BY coalesce(entry.{}, 1) DESC, entry.{} LIMIT 1",
            quote(active),
            quote(&combos.id)
        ),
        (_, None) => format!(" ORDER BY entry.{} LIMIT 1", quote(&combos.id)),
    };
    let question = format!(
        "SELECT entry.{answer} FROM {table} AS entry WHERE entry.{list} = {name} AND entry.{by} = {value}{order}",
        answer = quote(answer),
        name = literal(&reference.list),
        by = quote(combos.column(reference.by)),
    );
    if_there(column, &question)
}

fn mapped(table: &Table, crosswalks: &[Crosswalk]) -> Option<(String, String)> {
    let maps = |crosswalk: &Crosswalk, column: &str| {
        crosswalk.columns.iter().any(|one| {
            one.source == table.source && one.stream == table.stream && one.column == column
        })
    };
    let any = table
        .columns
        .iter()
        .any(|column| crosswalks.iter().any(|one| maps(one, &column.name)));
    if !any {
        return None;
    }
    let beside = |column: &str| {
        let mut parts = Vec::new();
        for crosswalk in crosswalks.iter().filter(|one| maps(one, column)) {
            for part in ["code", "label"] {
                let question = line(crosswalk, part, column);
                parts.push((format!("{column}_{}_{part}", crosswalk.name), question));
            }
        }
        parts
    };
    Some(view(table, "mapped", "", beside))
}

/// The crosswalk's line for a row's value, or its `otherwise`; null for null.
fn line(crosswalk: &Crosswalk, part: &str, column: &str) -> String {
    let value = format!("row.{}", quote(column));
    format!(
        "(SELECT line.{part} FROM rollbook_crosswalk AS line WHERE line.crosswalk = {name} AND {value} IS NOT NULL \
         AND (line.value = CAST({value} AS TEXT) OR line.value IS NULL) ORDER BY line.value IS NULL LIMIT 1)",
        name = literal(crosswalk.name.as_str()),
    )
}

/// Every column of a table, some followed by derived ones.
fn view(
    table: &Table,
    ending: &str,
    joins: &str,
    beside: impl Fn(&str) -> Vec<(String, String)>,
) -> (String, String) {
    let mut columns = Vec::new();
    for column in &table.columns {
        columns.push(format!("row.{}", quote(&column.name)));
        for (name, question) in beside(&column.name) {
            columns.push(format!("{question} AS {}", quote(&name)));
        }
    }
    columns.extend(["row._since".to_owned(), "row._run".to_owned()]);
    let name = format!("{}_{ending}", table.name());
    let sql = format!(
        "CREATE VIEW {} AS {MARK}\nSELECT {}\nFROM {} AS row{joins}",
        quote(&name),
        columns.join(",\n  "),
        table.with_since()
    );
    (name, sql)
}
