//! Any question, for showing what a mirror is good for. Not for the engine: its questions have names.

use rusqlite::types::ValueRef;

use super::Reader;
use crate::store::error::StoreError;

/// What SQL answers, as texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The names of the columns.
    pub heads: Vec<String>,
    /// The rows; null is an empty text.
    pub rows: Vec<Vec<String>>,
}

/// Runs one SQL query; the reader cannot write.
pub fn ask(reader: &Reader, sql: &str) -> Result<Answer, StoreError> {
    let what = StoreError::sql("query the mirror");
    let mut statement = reader.prepare(sql).map_err(&what)?;
    let heads: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement
        .query_map([], |row| {
            (0..heads.len())
                .map(|index| row.get_ref(index).map(text))
                .collect()
        })
        .and_then(Iterator::collect)
        .map_err(&what)?;
    Ok(Answer { heads, rows })
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}
