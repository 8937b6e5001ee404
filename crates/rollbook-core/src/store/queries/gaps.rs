//! What codes still lack: a label, a line in a crosswalk, a target that is there. Numbers only.

use std::fmt;

use serde::Serialize;

use super::Reader;
use crate::model::{CrosswalkName, SourceName, StreamName};
use crate::store::error::StoreError;

/// Something that codes lack, as of the last change of their rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "gap")]
pub enum Gap {
    /// Values of a column that no line of a crosswalk maps.
    Unmapped {
        /// The crosswalk.
        crosswalk: CrosswalkName,
        /// The source of the column.
        source: SourceName,
        /// Its stream.
        stream: StreamName,
        /// The column.
        column: String,
        /// Different values.
        values: u64,
        /// Rows with one of them.
        rows: u64,
    },
    /// Values of a stream's columns that their combo lists do not hold.
    Unlabelled {
        /// The source.
        source: SourceName,
        /// The stream.
        stream: StreamName,
        /// How many columns have such values.
        columns: u64,
        /// Different values, all columns together.
        values: u64,
    },
    /// Targets of a crosswalk that are not entries in use.
    Targets {
        /// The crosswalk.
        crosswalk: CrosswalkName,
        /// The source of the list.
        source: SourceName,
        /// The list.
        list: String,
        /// `retired`, `ambiguous` or `missing`.
        state: String,
        /// How many lines name them.
        lines: u64,
    },
}

impl Gap {
    /// The source whose rows it is about.
    pub fn source(&self) -> &SourceName {
        match self {
            Self::Unmapped { source, .. }
            | Self::Unlabelled { source, .. }
            | Self::Targets { source, .. } => source,
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |number: &u64, one: &'static str, more: &'static str| {
            format!("{number} {}", if *number == 1 { one } else { more })
        };
        match self {
            Self::Unmapped {
                crosswalk,
                source,
                stream,
                column,
                values,
                rows,
            } => {
                let (values, rows) = (
                    many(values, "unmapped value", "unmapped values"),
                    many(rows, "row", "rows"),
                );
                write!(
                    f,
                    "{values} in {source}_{stream}.{column} (crosswalk {crosswalk}, {rows}): rollbook crosswalk check"
                )
            }
            Self::Unlabelled {
                source,
                stream,
                columns,
                values,
            } => {
                let (values, columns) = (
                    many(values, "value", "values"),
                    many(columns, "column", "columns"),
                );
                write!(
                    f,
                    "{source}_{stream}: {values} in {columns} without a label, because the combo lists do not hold them (table rollbook_unlabelled)"
                )
            }
            Self::Targets {
                crosswalk,
                source,
                list,
                state,
                lines,
            } => {
                let lines = many(lines, "target", "targets");
                let problem = match state.as_str() {
                    "retired" => "retired in",
                    "ambiguous" => "ambiguous in",
                    _ => "missing from",
                };
                write!(
                    f,
                    "crosswalk {crosswalk}: {lines} {problem} the list {list} of {source}: rollbook crosswalk check"
                )
            }
        }
    }
}

/// All gaps; none where the mirror has not been brought to this program's version yet.
pub fn gaps(reader: &Reader) -> Result<Vec<Gap>, StoreError> {
    let what = StoreError::sql("find codes without a meaning");
    let known: bool = reader
        .prepare("SELECT 1 FROM sqlite_schema WHERE name = 'rollbook_unmapped'")
        .and_then(|mut statement| statement.exists([]))
        .map_err(&what)?;
    if !known {
        return Ok(Vec::new());
    }
    let mut gaps = unmapped(reader).map_err(&what)?;
    gaps.extend(targets(reader).map_err(&what)?);
    gaps.extend(unlabelled(reader).map_err(&what)?);
    Ok(gaps)
}

fn unmapped(reader: &Reader) -> rusqlite::Result<Vec<Gap>> {
    let mut statement = reader.prepare(
        "SELECT crosswalk, source, stream, \"column\", codes, rows FROM rollbook_unmapped WHERE codes > 0 ORDER BY 1, 2, 3, 4",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Gap::Unmapped {
            crosswalk: row.get(0)?,
            source: row.get(1)?,
            stream: row.get(2)?,
            column: row.get(3)?,
            values: row.get(4)?,
            rows: row.get(5)?,
        })
    })?;
    rows.collect()
}

fn targets(reader: &Reader) -> rusqlite::Result<Vec<Gap>> {
    let mut statement = reader.prepare(
        "SELECT crosswalk, source, list, state, count(*) FROM rollbook_crosswalk \
         WHERE state NOT IN ('ok', 'unread') GROUP BY 1, 2, 3, 4 ORDER BY 1, 4",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Gap::Targets {
            crosswalk: row.get(0)?,
            source: row.get(1)?,
            list: row.get(2)?,
            state: row.get(3)?,
            lines: row.get(4)?,
        })
    })?;
    rows.collect()
}

fn unlabelled(reader: &Reader) -> rusqlite::Result<Vec<Gap>> {
    let mut statement = reader.prepare(
        "SELECT source, stream, count(*), sum(codes) FROM rollbook_unlabelled GROUP BY 1, 2 ORDER BY 1, 2",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Gap::Unlabelled {
            source: row.get(0)?,
            stream: row.get(1)?,
            columns: row.get(2)?,
            values: row.get(3)?,
        })
    })?;
    rows.collect()
}
