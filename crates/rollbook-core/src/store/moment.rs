//! The mirror at one moment, for what leaves it: all that is read through one value belongs together.
//!
//! One read transaction, which does not hinder the writer. For a moment in the past, temporary views take the names of the
//! tables and hold the versions of then; the views with labels are made again above them.

mod past;

use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, InterruptHandle};

use super::database::reader;
use super::error::StoreError;
use super::lookups::ComboTable;
use super::queries::{self, CompleteRuns};
use super::sql_cells::cell_of;
use super::table::quote;
use crate::model::Table;
use crate::model::row::{Cell, Kind};

/// The mirror as it is, or was.
#[derive(Debug)]
pub struct Moment {
    connection: Connection,
}

/// What a stream is read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryForm {
    /// With the labels of combo lists, and their codes where the mirror has them.
    pub is_labelled: bool,
    /// With the results of crosswalks.
    pub is_mapped: bool,
}

/// A column that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// What it means; empty for what is derived from another column.
    pub help: String,
}

/// A question whose answer has rows: a stream in some form.
#[derive(Clone, Debug)]
pub struct RowQuery {
    /// The stream's table.
    pub name: String,
    /// What each row has.
    pub columns: Vec<OutputColumn>,
    sql: String,
}

impl Moment {
    /// The mirror as it is now.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn now(mirror: &Path) -> Result<Self, StoreError> {
        let connection = reader(mirror)?;
        begin(&connection)?;
        Ok(Self { connection })
    }

    /// The mirror as it was then; `combos` are its tables of combo lists.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn past(mirror: &Path, then: Timestamp, combos: &[ComboTable]) -> Result<Self, StoreError> {
        let connection = reader(mirror)?;
        begin(&connection)?;
        past::make_views(&connection, then, combos).map_err(StoreError::sql(
            "set up the mirror as it was at an earlier time",
        ))?;
        Ok(Self { connection })
    }

    /// Which runs it has.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn runs(&self) -> Result<CompleteRuns, StoreError> {
        queries::complete_runs(&self.connection)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What stops a question from another thread.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.connection.get_interrupt_handle()
    }

    /// A stream's rows in the order of its key. Where nothing is labelled or mapped, they are the table's.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn query(&self, table: &Table, form: QueryForm) -> Result<RowQuery, StoreError> {
        let what = StoreError::sql("look for the columns");
        let name = table.name();
        let view = |is_wanted: bool, ending: &str| {
            let view = format!("{name}_{ending}");
            let columns = match is_wanted {
                true => self.columns(&view)?,
                false => Vec::new(),
            };
            Ok((!columns.is_empty()).then_some((view, columns)))
        };
        let labelled = view(form.is_labelled, "labelled").map_err(&what)?;
        let mapped = view(form.is_mapped, "mapped").map_err(&what)?;
        let (base, names, more) = match (labelled, mapped) {
            (Some((view, names)), mapped) => (view, names, mapped),
            (None, Some((view, names))) => (view, names, None),
            (None, None) => {
                let names = table.columns.iter().map(|column| column.name.clone());
                (name.clone(), names.collect(), None)
            }
        };
        let mut columns: Vec<(&str, String)> =
            names.into_iter().map(|name| ("row", name)).collect();
        let mut from = format!("{} AS row", quote(&base));
        if let Some((view, names)) = more {
            let is_new = |name: &String| !columns.iter().any(|(_, known)| known == name);
            let new: Vec<String> = names.into_iter().filter(is_new).collect();
            columns.extend(new.into_iter().map(|name| ("other", name)));
            let key = table
                .key
                .iter()
                .map(|index| quote(&table.columns[*index].name));
            let key: Vec<String> = key.map(|key| format!("other.{key} = row.{key}")).collect();
            from += &format!(" JOIN {} AS other ON {}", quote(&view), key.join(" AND "));
        }
        let list: Vec<String> = columns
            .iter()
            .map(|(of, name)| format!("{of}.{}", quote(name)))
            .collect();
        let key = table
            .key
            .iter()
            .map(|index| quote(&table.columns[*index].name));
        let key: Vec<String> = key.map(|key| format!("row.{key}")).collect();
        let sql = format!(
            "SELECT {} FROM {from} ORDER BY {}",
            list.join(", "),
            key.join(", ")
        );
        let columns = columns.into_iter().map(|(_, name)| column(table, name));
        Ok(RowQuery {
            name,
            columns: columns.collect(),
            sql,
        })
    }

    /// Passes each row to `each` until it breaks; `None` if it did not.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn rows<B>(
        &self,
        query: &RowQuery,
        mut each: impl FnMut(&[Cell<'_>]) -> ControlFlow<B>,
    ) -> Result<Option<B>, StoreError> {
        let what = StoreError::sql("read the rows");
        let mut statement = self.connection.prepare(&query.sql).map_err(&what)?;
        let mut rows = statement.query([]).map_err(&what)?;
        let mut cells = Vec::with_capacity(query.columns.len());
        while let Some(row) = rows.next().map_err(&what)? {
            for index in 0..query.columns.len() {
                cells.push(cell_of(row.get_ref(index).map_err(&what)?));
            }
            let end = each(&cells);
            // The cells borrow from the row.
            cells = cleared(cells);
            if let ControlFlow::Break(end) = end {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// How many rows a stream has.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn count(&self, table: &Table) -> Result<u64, StoreError> {
        self.connection
            .query_row(
                &format!("SELECT count(*) FROM {}", table.quoted()),
                [],
                |row| row.get(0),
            )
            .map_err(StoreError::sql("count the rows"))
    }

    /// The columns of a view that are not Rollbook's own; none if there is no such view.
    fn columns(&self, view: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare(
            "SELECT name FROM pragma_table_info(?1) WHERE name NOT IN ('_since', '_run')",
        )?;
        statement.query_map([view], |row| row.get(0))?.collect()
    }
}

/// Reads something, because SQLite begins a read transaction with the first question.
fn begin(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")
        .map_err(StoreError::sql("begin to read"))
}

fn column(table: &Table, name: String) -> OutputColumn {
    let known = table.columns.iter().find(|column| column.name == name);
    match known {
        Some(column) => OutputColumn {
            kind: column.kind,
            help: column.help.clone(),
            name,
        },
        None => OutputColumn {
            name,
            kind: Kind::Text,
            help: String::new(),
        },
    }
}

/// The room of these cells for those of the next row.
fn cleared<'n>(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'n>> {
    cells.clear();
    cells.into_iter().map(|_| Cell::Null).collect()
}

#[cfg(test)]
mod tests;
