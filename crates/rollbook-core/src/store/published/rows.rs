//! The rows of published tables: all as they were after a run, and what later runs changed.
//!
//! Both are exact where old versions are kept: a later run may have replaced a row already. Where none are kept, the rows of
//! now are taken; what later runs change is read again, so that the tables arrive at the same.

use std::ops::ControlFlow;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{OptionalExtension as _, params, params_from_iter};

use crate::model::Table;
use crate::model::published::{PublishedPart, PublishedTable, RowChunk, VERSION_NUMBER};
use crate::model::row::Kind;
use crate::store::error::StoreError;
use crate::store::moment::Moment;
use crate::store::queries::Reader;
use crate::store::table::quote;

/// Rows of one chunk, unless they are large.
const CHUNK_ROWS: usize = 4_000;

/// Bytes of one chunk: those of its values.
const CHUNK_BYTES: usize = 2 << 20;

/// What a chunk of changes is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedChange {
    /// Keys of rows that were removed.
    Removed,
    /// Rows as they are now.
    Written,
    /// Old versions that ended.
    Ended,
}

/// Gets chunks until it breaks.
pub type ChunkReader<'f, T> = &'f mut dyn FnMut(T) -> ControlFlow<()>;

/// All rows of a table as they were after a run, in the order of their keys, in chunks; from behind a key on, if there is one.
///
/// # Errors
/// When the mirror cannot be read.
pub fn chunks_as_of(
    moment: &Moment,
    table: &Table,
    published: &PublishedTable,
    run: i64,
    after: Option<&[String]>,
    each: ChunkReader<'_, RowChunk>,
) -> Result<(), StoreError> {
    let order: Vec<String> = published
        .key
        .iter()
        .map(|key| (key + 1).to_string())
        .collect();
    let rows = match published.part {
        PublishedPart::Live => live_as_of(table, published, after.is_some()),
        PublishedPart::History => {
            let all = ended(table, published, "_ended_run <= ?1");
            format!(
                "SELECT * FROM ({all}) WHERE true{}",
                behind(published, after.is_some())
            )
        }
    };
    let sql = format!("{rows} ORDER BY {}", order.join(", "));
    let mut values = vec![Value::Integer(run)];
    for (key, text) in published.key.iter().zip(after.unwrap_or_default()) {
        values.push(value(published.columns[*key].kind, text));
    }
    chunks(moment, &sql, &values, published.columns.len(), each)
}

/// What runs behind `after` up to `through` changed, in the order in which it can be applied; ended versions only where they
/// are wanted.
///
/// # Errors
/// When the mirror cannot be read.
pub fn changed_chunks(
    moment: &Moment,
    table: &Table,
    (after, through): (i64, i64),
    with_ended: bool,
    each: ChunkReader<'_, (PublishedChange, RowChunk)>,
) -> Result<(), StoreError> {
    let range = [Value::Integer(after), Value::Integer(through)];
    let mut is_over = false;
    let mut read = |change, sql: &str, values: &[Value], width| {
        if is_over {
            return Ok(());
        }
        chunks(moment, sql, values, width, &mut |chunk| {
            let flow = each((change, chunk));
            is_over = flow.is_break();
            flow
        })
    };
    let live = PublishedTable::live(table);
    let names = names(&live, "");
    let Some(history) = PublishedTable::history(table) else {
        if let Some(points) = points(moment, table, &names, after)? {
            let (sql, values) = points;
            return read(PublishedChange::Written, &sql, &values, live.columns.len());
        }
        let sql = format!("SELECT {names} FROM {} WHERE _run > ?1", table.quoted());
        return read(
            PublishedChange::Written,
            &sql,
            &range[..1],
            live.columns.len(),
        );
    };
    let (now, past) = (table.quoted(), table.history_quoted());
    let gone = format!(
        "SELECT DISTINCT {} FROM {past} WHERE _ended = 'removed' AND _ended_run > ?1 AND _ended_run <= ?2",
        table.names_of(&table.key)
    );
    read(PublishedChange::Removed, &gone, &range, table.key.len())?;
    let written = format!(
        "SELECT {names} FROM {now} WHERE _run > ?1 AND _run <= ?2 UNION ALL \
         SELECT {names} FROM {past} WHERE _run > ?1 AND _run <= ?2 AND _ended_run > ?2"
    );
    read(
        PublishedChange::Written,
        &written,
        &range,
        live.columns.len(),
    )?;
    if !with_ended {
        return Ok(());
    }
    let ended = ended(table, &history, "_ended_run > ?1 AND _ended_run <= ?2");
    read(
        PublishedChange::Ended,
        &ended,
        &range,
        history.columns.len(),
    )
}

/// The points that runs behind one wrote, looked for where they lie: between two times in each series. `None` where that is
/// not known, or no gain.
fn points(
    moment: &Moment,
    table: &Table,
    names: &str,
    after: i64,
) -> Result<Option<(String, Vec<Value>)>, StoreError> {
    let (true, [series, time]) = (table.series, table.key.as_slice()) else {
        return Ok(None);
    };
    // Without a time of each run nothing is left out.
    let sql = "SELECT min(oldest), max(newest) FROM rollbook_series_runs WHERE source = ?1 AND stream = ?2 AND run > ?3 \
               HAVING count(*) = count(oldest)";
    let bounds = moment
        .connection()
        .prepare_cached(sql)
        .and_then(|mut statement| {
            let found = statement.query_row(params![table.source, table.stream, after], |row| {
                Ok(Some(row.get::<_, String>(0)?).zip(Some(row.get::<_, String>(1)?)))
            });
            found.optional()
        });
    let bounds = bounds.map_err(StoreError::sql("find what is to be published"))?;
    let Some((oldest, newest)) = bounds.flatten() else {
        return Ok(None);
    };
    let name = |column: &usize| quote(&table.columns[*column].name);
    let (series, time, points) = (name(series), name(time), table.quoted());
    let sql = format!(
        "WITH RECURSIVE series (one) AS (SELECT min({series}) FROM {points} UNION ALL \
         SELECT (SELECT min({series}) FROM {points} WHERE {series} > one) FROM series WHERE one IS NOT NULL) \
         SELECT {names} FROM series CROSS JOIN {points} \
         WHERE {series} = one AND {time} BETWEEN ?2 AND ?3 AND _run > ?1"
    );
    let values = vec![
        Value::Integer(after),
        Value::Text(oldest),
        Value::Text(newest),
    ];
    Ok(Some((sql, values)))
}

/// The smallest value of a column in one of a stream's tables in the mirror; `None` for an empty one.
///
/// # Errors
/// When the mirror cannot be read.
pub fn oldest(
    reader: &Reader,
    table: &Table,
    part: PublishedPart,
    column: &str,
) -> Result<Option<String>, StoreError> {
    let name = match part {
        PublishedPart::Live => table.quoted(),
        PublishedPart::History => table.history_quoted(),
    };
    let sql = format!("SELECT min({}) FROM {name}", quote(column));
    reader
        .query_row(&sql, [], |row| row.get(0))
        .map_err(StoreError::sql("find the oldest row"))
}

/// The columns in the mirror, in the order of the published table.
fn names(published: &PublishedTable, of: &str) -> String {
    let names = published.columns.iter().map(|column| match &*column.name {
        VERSION_NUMBER => VERSION_NUMBER.to_owned(),
        _ => format!("{of}{}", quote(column.mirrored_name())),
    });
    names.collect::<Vec<_>>().join(", ")
}

fn live_as_of(table: &Table, published: &PublishedTable, has_start: bool) -> String {
    let names = names(published, "");
    let now = table.quoted();
    let start = behind(published, has_start);
    if !table.history {
        // The parameter is used so that its number stays the same.
        return format!("SELECT {names} FROM {now} WHERE ?1 IS NOT NULL{start}");
    }
    let past = table.history_quoted();
    format!(
        "SELECT {names} FROM {now} WHERE _run <= ?1{start} UNION ALL \
         SELECT {names} FROM {past} WHERE _run <= ?1 AND _ended_run > ?1{start}"
    )
}

fn ended(table: &Table, published: &PublishedTable, condition: &str) -> String {
    let key = table.names_of(&table.key);
    let columns = &published.columns[..published.columns.len() - 1];
    let columns: Vec<String> = columns
        .iter()
        .map(|column| quote(column.mirrored_name()))
        .collect();
    format!(
        "SELECT {}, row_number() OVER (PARTITION BY {key}, _until ORDER BY rowid) AS {VERSION_NUMBER} \
         FROM {} WHERE {condition}",
        columns.join(", "),
        table.history_quoted()
    )
}

/// ` AND (key) > (?2, …)`.
fn behind(published: &PublishedTable, has_start: bool) -> String {
    if !has_start {
        return String::new();
    }
    let key = published.key.iter();
    let names: Vec<String> = key
        .clone()
        .map(|key| quote(published.columns[*key].mirrored_name()))
        .collect();
    let parameters: Vec<String> = (2..)
        .zip(key)
        .map(|(number, _)| format!("?{number}"))
        .collect();
    format!(" AND ({}) > ({})", names.join(", "), parameters.join(", "))
}

/// A value of a key, from the text of a chunk.
fn value(kind: Kind, text: &str) -> Value {
    let number = match kind {
        Kind::Integer | Kind::Boolean => text.parse().map(Value::Integer).ok(),
        Kind::Real => text.parse().map(Value::Real).ok(),
        Kind::Text | Kind::Date | Kind::Timestamp | Kind::Json => None,
    };
    number.unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn chunks(
    moment: &Moment,
    sql: &str,
    values: &[Value],
    width: usize,
    each: ChunkReader<'_, RowChunk>,
) -> Result<(), StoreError> {
    let what = StoreError::sql("read what is to be published");
    let mut statement = moment.connection().prepare(sql).map_err(&what)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(&what)?;
    let mut chunk = RowChunk::of_width(width);
    while let Some(row) = rows.next().map_err(&what)? {
        for (number, column) in chunk.columns.iter_mut().enumerate() {
            let text = text_of(row.get_ref(number).map_err(&what)?);
            chunk.bytes += text.as_ref().map_or(0, String::len);
            column.push(text);
        }
        if chunk.len() >= CHUNK_ROWS || chunk.bytes >= CHUNK_BYTES {
            let full = std::mem::replace(&mut chunk, RowChunk::of_width(width));
            if each(full).is_break() {
                return Ok(());
            }
        }
    }
    if !chunk.is_empty() {
        let _ = each(chunk);
    }
    Ok(())
}

fn text_of(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
    }
}

#[cfg(test)]
mod tests;
