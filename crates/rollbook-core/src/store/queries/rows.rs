//! One row and its versions, for `rollbook why`; and the rows that another stream is read for.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, params, params_from_iter};
use serde::Serialize;

use super::Reader;
use crate::model::Table;
use crate::model::row::{Cell, Kind};
use crate::model::scalar::{self, ParsedTime};
use crate::store::error::StoreError;
use crate::store::table::quote;

/// One version of a row: when it began and ended, and by which runs. Never its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// When it arrived.
    pub since: String,
    /// The run that brought it.
    pub run: i64,
    /// When it ended; nothing for the row of now.
    pub until: Option<String>,
    /// `changed` or `removed`.
    pub ended: Option<String>,
    /// The run that ended it.
    pub ended_run: Option<i64>,
    /// Which columns differ from the version before: their names only.
    pub differs_in: Vec<String>,
}

/// All versions of the row with this key, oldest first; none also where a value cannot be the key's.
///
/// `key` holds one text for each key column, in the key's order.
pub fn why(reader: &Reader, table: &Table, key: &[String]) -> Result<Vec<Version>, StoreError> {
    let what = StoreError::sql("find a row's versions");
    let Some(key) = key_values(table, key) else {
        return Ok(Vec::new());
    };
    let sql = format!(
        "SELECT _since, _run, _until, _ended, _ended_run, {} FROM {} WHERE {} ORDER BY _since, _until IS NULL, _until",
        table.all_names(),
        quote(&format!("{}_versions", table.name())),
        table.key_is(1)
    );
    let mut statement = reader.prepare(&sql).map_err(&what)?;
    let mut rows = statement.query(params_from_iter(key)).map_err(&what)?;
    let mut versions: Vec<Version> = Vec::new();
    let mut before: Option<Vec<Value>> = None;
    while let Some(row) = rows.next().map_err(&what)? {
        let values: Vec<Value> = (0..table.columns.len())
            .map(|index| row.get(5 + index))
            .collect::<rusqlite::Result<_>>()
            .map_err(&what)?;
        let differs_in = before.map_or_else(Vec::new, |old| differences(table, &old, &values));
        let version = || -> rusqlite::Result<Version> {
            Ok(Version {
                since: row.get(0)?,
                run: row.get(1)?,
                until: row.get(2)?,
                ended: row.get(3)?,
                ended_run: row.get(4)?,
                differs_in,
            })
        };
        versions.push(version().map_err(&what)?);
        before = Some(values);
    }
    Ok(versions)
}

/// The keys of all rows that have, or had, these values, as texts in the key's order. Upper and lower case of ASCII are
/// equal, and a number is compared as text.
pub fn keys_where(
    reader: &Reader,
    table: &Table,
    columns: &[(&str, &str)],
) -> Result<Vec<Vec<String>>, StoreError> {
    let what = StoreError::sql("find rows by their columns");
    let as_text = |name: &str| format!("CAST({} AS TEXT)", quote(name));
    let key = table
        .key
        .iter()
        .map(|index| as_text(&table.columns[*index].name));
    let key: Vec<String> = key.collect();
    let conditions = columns
        .iter()
        .enumerate()
        .map(|(index, (name, _))| format!("{} = ?{} COLLATE NOCASE", as_text(name), index + 1));
    let sql = format!(
        "SELECT DISTINCT {} FROM {} WHERE {} ORDER BY 1",
        key.join(", "),
        quote(&format!("{}_versions", table.name())),
        conditions.collect::<Vec<_>>().join(" AND ")
    );
    let mut statement = reader.prepare(&sql).map_err(&what)?;
    let values = columns.iter().map(|(_, value)| *value);
    statement
        .query_map(params_from_iter(values), |row| {
            (0..table.key.len()).map(|index| row.get(index)).collect()
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

fn differences(table: &Table, old: &[Value], new: &[Value]) -> Vec<String> {
    table
        .columns
        .iter()
        .zip(old.iter().zip(new))
        .filter(|(_, (old, new))| old != new)
        .map(|(column, _)| column.name.clone())
        .collect()
}

/// The key as the table holds it; nothing when a text does not fit its column.
fn key_values(table: &Table, key: &[String]) -> Option<Vec<Value>> {
    table
        .key
        .iter()
        .zip(key)
        .map(|(index, text)| key_value(table.columns[*index].kind, text))
        .collect()
}

fn key_value(kind: Kind, text: &str) -> Option<Value> {
    let time = |time: ParsedTime<'_>| match time {
        ParsedTime::Text(text) => Some(Value::Text(text.into_owned())),
        ParsedTime::Unset | ParsedTime::Invalid => None,
    };
    match kind {
        Kind::Integer => text.trim().parse().ok().map(Value::Integer),
        Kind::Boolean => match text.trim() {
            "0" | "false" => Some(Value::Integer(0)),
            "1" | "true" => Some(Value::Integer(1)),
            _ => None,
        },
        Kind::Real => text.trim().parse().ok().map(Value::Real),
        Kind::Timestamp => time(scalar::timestamp(text)),
        Kind::Date => time(scalar::date(text, None).value),
        Kind::Text | Kind::Json => Some(Value::Text(text.to_owned())),
    }
}

/// The key in the form in which a reading puts keys aside; nothing when a text does not fit its column.
fn key_bytes(table: &Table, key: &[String]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for value in &key_values(table, key)? {
        let cell = match value {
            Value::Integer(number) => Cell::Integer(*number),
            Value::Real(number) => Cell::Real(*number),
            Value::Text(text) => Cell::Text(text),
            Value::Null | Value::Blob(_) => Cell::Null,
        };
        cell.write(&mut bytes);
    }
    Some(bytes)
}

/// What the last reading of a row could not read of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowProblem {
    /// The column.
    pub column: String,
    /// What was wrong; never the value.
    pub reason: String,
    /// Whether the whole row was rejected for it; else its other columns were taken, and this one keeps its last value.
    pub rejected: bool,
    /// The run that found it first.
    pub run: i64,
}

/// What could not be read of the row with this key; those that reject it first.
pub fn row_problems(
    reader: &Reader,
    table: &Table,
    key: &[String],
) -> Result<Vec<RowProblem>, StoreError> {
    let what = StoreError::sql("find what could not be read of a row");
    let Some(bytes) = key_bytes(table, key) else {
        return Ok(Vec::new());
    };
    let mut statement = reader
        .prepare(
            "SELECT \"column\", reason, rejected, run FROM rollbook_row_problems \
             WHERE source = ?1 AND stream = ?2 AND key = ?3 ORDER BY rejected DESC, \"column\"",
        )
        .map_err(&what)?;
    statement
        .query_map(params![table.source, table.stream, bytes], |row| {
            Ok(RowProblem {
                column: row.get(0)?,
                reason: row.get(1)?,
                rejected: row.get(2)?,
                run: row.get(3)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// How many complete readings in a row missed this row, and since which run; nothing when it was there.
pub fn missed_readings(
    reader: &Reader,
    table: &Table,
    key: &[String],
) -> Result<Option<(u32, i64)>, StoreError> {
    let Some(bytes) = key_bytes(table, key) else {
        return Ok(None);
    };
    reader
        .query_row(
            "SELECT missed, first_run FROM rollbook_unconfirmed WHERE source = ?1 AND stream = ?2 AND key = ?3 AND version IS NULL",
            params![table.source, table.stream, bytes],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(StoreError::sql("find an unconfirmed row"))
}

/// Some columns of all rows of a table as text, in the order of its key.
pub fn columns_of_rows(
    reader: &Reader,
    table: &Table,
    columns: &[&str],
) -> Result<Vec<Vec<Option<String>>>, StoreError> {
    let what = StoreError::sql("read the rows that a stream is read for");
    let names: Vec<String> = columns
        .iter()
        .map(|column| format!("CAST({} AS TEXT)", quote(column)))
        .collect();
    let sql = format!(
        "SELECT {} FROM {} ORDER BY {}",
        names.join(", "),
        table.quoted(),
        table.names_of(&table.key)
    );
    let mut statement = reader.prepare(&sql).map_err(&what)?;
    statement
        .query_map([], |row| {
            (0..columns.len()).map(|index| row.get(index)).collect()
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// Whether a table has a row of one item, by the partition columns. Without partition columns any row may be the
/// item's.
pub fn has_rows_of(reader: &Reader, table: &Table, item: &[String]) -> Result<bool, StoreError> {
    let columns = table.partition.iter().zip(1..);
    let conditions: Vec<String> = columns
        .map(|(index, number)| format!("CAST({} AS TEXT) = ?{number}", table.names_of(&[*index])))
        .collect();
    let condition = match conditions.is_empty() {
        true => "true".to_owned(),
        false => conditions.join(" AND "),
    };
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM {} WHERE {condition})",
        table.quoted()
    );
    let values = item.iter().take(table.partition.len());
    reader
        .query_row(&sql, rusqlite::params_from_iter(values), |row| row.get(0))
        .map_err(StoreError::sql("check whether an item has rows"))
}
