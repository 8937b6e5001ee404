//! Whether a database has what a mirror has: read by `psql` and by SQLite, compared as texts, each row as often as it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::types::ValueRef;
use serde_json::Value;

use crate::database::Database;
use crate::queries;

/// The rows of a table, in order: each column's value, with its name.
type Rows = Vec<Vec<String>>;

/// Names and types of a table's columns.
type Columns = Vec<(String, String)>;

/// Columns that only the mirror has, and that only the database has.
const MIRRORED_ONLY: &[&str] = &["_fingerprint"];
const PUBLISHED_ONLY: &[&str] = &["source", "_n"];

/// What is not published of a source: tables such as `users_history`, columns such as `users.email`.
pub type LeftOut<'a> = &'a [&'a str];

/// The tables of the schema.
fn columns(database: &Database) -> BTreeMap<String, Columns> {
    let rows = database.query(
        "SELECT table_name, column_name, data_type FROM information_schema.columns JOIN information_schema.tables \
         USING (table_schema, table_name) WHERE table_schema = 'rollbook' AND table_type = 'BASE TABLE' ORDER BY 1, ordinal_position",
    );
    let mut tables: BTreeMap<String, Columns> = BTreeMap::new();
    for row in rows {
        let [table, column, kind] = <[String; 3]>::try_from(row).expect("three columns");
        tables.entry(table).or_default().push((column, kind));
    }
    tables
}

/// A value of the database as text.
fn shown(column: &str, kind: &str) -> String {
    let name = format!("\"{column}\"");
    match kind {
        "boolean" => format!("{name}::int::text"),
        "timestamp with time zone" => {
            format!("to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
        }
        _ => format!("{name}::text"),
    }
}

/// The same of the mirror's value.
fn spelled(value: ValueRef<'_>, kind: &str) -> Option<String> {
    let text = match value {
        ValueRef::Null => return None,
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(_) => panic!("a blob"),
    };
    Some(match kind {
        "timestamp with time zone" => {
            let text = text.trim_end_matches('Z');
            let fraction = if text.contains('.') { "" } else { ".000" };
            format!("{text}{fraction}000Z")
        }
        _ => normalized(text, kind),
    })
}

/// Spellings that mean the same are one.
fn normalized(text: String, kind: &str) -> String {
    match kind {
        "double precision" => {
            let number: f64 = text.parse().unwrap_or_else(|_| panic!("{text}"));
            format!("{:016x}", number.to_bits())
        }
        "jsonb" => canonical(&serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))),
        _ => text,
    }
}

fn canonical(json: &Value) -> String {
    match json {
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(canonical).collect();
            format!("[{}]", values.join(","))
        }
        Value::Object(members) => {
            let members: BTreeMap<String, String> = members
                .iter()
                .map(|(name, value)| (without_nul(name), canonical(value)))
                .collect();
            format!("{members:?}")
        }
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.to_string(),
            (None, Some(real)) if real.fract() == 0.0 && real.abs() < 1e15 => {
                (real as i64).to_string()
            }
            _ => format!("{:?}", number.as_f64()),
        },
        Value::String(text) => format!("{:?}", without_nul(text)),
        Value::Null | Value::Bool(_) => json.to_string(),
    }
}

/// `jsonb` has no U+0000.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// What differs between a source's tables in the mirror and those of its connector; nothing where all is the same.
pub fn differences(
    mirror: &Path,
    database: &Database,
    (source, connector): (&str, &str),
    left_out: LeftOut<'_>,
) -> Vec<String> {
    let published = columns(database);
    let mut problems = Vec::new();
    let mut wanted = BTreeMap::new();
    for stream in streams(mirror, source, left_out) {
        let table = format!("{connector}_{stream}");
        match published.get(&table) {
            Some(columns) => {
                wanted.insert(table, (stream, columns));
            }
            None => problems.push(format!("{table} is not there")),
        }
    }
    let found = published_rows(database, source, &wanted);
    for (table, (stream, columns)) in &wanted {
        let expected = match mirrored_rows(mirror, source, stream, columns, left_out) {
            Ok(rows) => rows,
            Err(problem) => {
                problems.push(format!("{table}: {problem}"));
                continue;
            }
        };
        let found = found.get(table).cloned().unwrap_or_default();
        problems.extend(difference(table, &expected, &found));
    }
    problems
}

/// The tables of a source in the mirror, without its name in front.
fn streams(mirror: &Path, source: &str, left_out: LeftOut<'_>) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let tables: Vec<String> = queries::list(mirror, sql);
    let prefix = format!("{source}_");
    let streams = tables
        .iter()
        .filter_map(|table| table.strip_prefix(&prefix));
    streams
        .filter(|stream| !left_out.contains(stream))
        .map(str::to_owned)
        .collect()
}

/// One statement for all tables: each row is the name of its table and an array of texts.
fn published_rows(
    database: &Database,
    source: &str,
    tables: &BTreeMap<String, (String, &Columns)>,
) -> BTreeMap<String, Rows> {
    let mut rows: BTreeMap<String, Rows> = BTreeMap::new();
    let selects = tables.iter().map(|(table, (_, columns))| {
        let values = columns
            .iter()
            .filter(|(column, _)| !PUBLISHED_ONLY.contains(&column.as_str()))
            .map(|(column, kind)| shown(column, kind));
        let values: Vec<String> = values.collect();
        format!(
            "SELECT '{table}', to_json(ARRAY[{}]::text[])::text FROM rollbook.\"{table}\" WHERE source = '{source}'",
            values.join(", ")
        )
    });
    let selects: Vec<String> = selects.collect();
    if selects.is_empty() {
        return rows;
    }
    for row in database.query(&selects.join(" UNION ALL ")) {
        let values: Vec<Option<String>> = serde_json::from_str(&row[1]).expect("texts");
        let columns = tables[&row[0]].1.iter();
        let columns = columns.filter(|(column, _)| !PUBLISHED_ONLY.contains(&column.as_str()));
        let values = columns.zip(values).map(|((column, kind), value)| {
            format!("{column}={:?}", value.map(|text| normalized(text, kind)))
        });
        rows.entry(row[0].clone())
            .or_default()
            .push(values.collect());
    }
    rows
}

fn mirrored_rows(
    mirror: &Path,
    source: &str,
    stream: &str,
    columns: &[(String, String)],
    left_out: LeftOut<'_>,
) -> Result<Rows, String> {
    let connection = queries::open(mirror);
    let table = format!("{source}_{stream}");
    let all: BTreeSet<String> = {
        let mut statement = connection
            .prepare("SELECT name FROM pragma_table_xinfo(?1)")
            .expect("a query");
        let names = statement
            .query_map([&table], |row| row.get(0))
            .expect("rows");
        names.collect::<Result<_, _>>().expect("names")
    };
    let live = stream.trim_end_matches("_history");
    let columns: Vec<&(String, String)> = columns
        .iter()
        .filter(|(column, _)| !PUBLISHED_ONLY.contains(&column.as_str()))
        .collect();
    // A name that PostgreSQL or we have already is behind an underscore.
    let mirrored = |column: &str| match column.strip_prefix('_') {
        Some(name) if !all.contains(column) => name.to_owned(),
        _ => column.to_owned(),
    };
    let there: BTreeSet<String> = columns.iter().map(|(name, _)| mirrored(name)).collect();
    let missing = all.difference(&there).filter(|column| {
        !MIRRORED_ONLY.contains(&column.as_str())
            && !left_out.contains(&format!("{live}.{column}").as_str())
    });
    let missing: Vec<&String> = missing.collect();
    if !missing.is_empty() {
        return Err(format!("columns {missing:?} are not there"));
    }
    // A column of another source's version of the connector is empty for this one.
    let names = columns.iter().map(|(name, _)| {
        let name = mirrored(name);
        match all.contains(&name) {
            true => format!("\"{name}\""),
            false => "NULL".to_owned(),
        }
    });
    let sql = format!(
        "SELECT {} FROM \"{table}\"",
        names.collect::<Vec<_>>().join(", ")
    );
    let mut statement = connection.prepare(&sql).expect("a query");
    let mut rows = statement.query([]).expect("rows");
    let mut found = Vec::new();
    while let Some(row) = rows.next().expect("a row") {
        let value = |(number, (column, kind)): (usize, &&(String, String))| {
            let value = row.get_ref(number).expect("a value");
            format!("{column}={:?}", spelled(value, kind))
        };
        found.push(columns.iter().enumerate().map(value).collect());
    }
    Ok(found)
}

/// What two tables do not have in common, shortened.
fn difference(table: &str, expected: &Rows, found: &Rows) -> Option<String> {
    let counted = |rows: &Rows| {
        let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for row in rows {
            *counts.entry(row.clone()).or_default() += 1;
        }
        counts
    };
    let (expected, found) = (counted(expected), counted(found));
    if expected == found {
        return None;
    }
    let only = |one: &BTreeMap<Vec<String>, usize>, other: &BTreeMap<Vec<String>, usize>| {
        let rows = one
            .iter()
            .filter(|(row, count)| other.get(*row) != Some(count));
        let rows: Vec<String> = rows
            .map(|(row, count)| format!("{count} x {row:?}"))
            .collect();
        let mut text = rows
            .iter()
            .take(3)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n    ");
        text.truncate(text.floor_char_boundary(2_000));
        format!("{} rows: {text}", rows.len())
    };
    Some(format!(
        "{table}:\n  only the mirror has {}\n  only the database has {}",
        only(&expected, &found),
        only(&found, &expected)
    ))
}
