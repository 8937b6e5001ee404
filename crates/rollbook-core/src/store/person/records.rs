//! What Rollbook's own tables hold of suppressed rows: unconfirmed removals, problems of rows, rows of held differences.

use rusqlite::{Connection, Transaction, params};
use serde_json::Value;

use super::find::{FoundPeople, exists, key_of_cells};
use crate::model::{PersonRows, Table};
use crate::store::suppression::HashTarget;

/// The tables whose rows have a key as cells.
const BY_CELLS: [&str; 2] = ["rollbook_unconfirmed", "rollbook_row_problems"];

/// The table with the rows of held differences.
const HELD: &str = "rollbook_held_rows";

/// Records of suppressed rows.
#[derive(Debug, Default, PartialEq)]
pub struct PersonRecords {
    by_cells: Vec<(&'static str, Vec<i64>)>,
    held: Vec<(i64, String, String, String)>,
    /// How many of them have the key of a suppressed row.
    pub exact: usize,
}

impl PersonRecords {
    /// How many there are, by table.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let by_cells = self.by_cells.iter().map(|(name, rows)| (*name, rows.len()));
        by_cells.chain([(HELD, self.held.len())])
    }

    /// Finds them.
    pub(in crate::store) fn find(
        connection: &Connection,
        found: &FoundPeople,
        tables: &[Table],
    ) -> rusqlite::Result<Self> {
        let mut search = RecordSearch {
            connection,
            found,
            tables,
            exact: 0,
        };
        let mut records = Self::default();
        for name in BY_CELLS {
            if exists(connection, name)? {
                records.by_cells.push((name, search.by_cells(name)?));
            }
        }
        if exists(connection, HELD)? {
            records.held = search.held()?;
        }
        records.exact = search.exact;
        Ok(records)
    }

    /// Deletes them.
    pub(in crate::store) fn delete(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        for (name, rows) in &self.by_cells {
            let mut delete =
                transaction.prepare(&format!("DELETE FROM {name} WHERE rowid = ?1"))?;
            for row in rows {
                delete.execute([row])?;
            }
        }
        for (run, stream, kind, key) in &self.held {
            transaction
                .prepare_cached(
                    "DELETE FROM rollbook_held_rows WHERE run = ?1 AND stream = ?2 AND kind = ?3 AND key = ?4",
                )?
                .execute(params![run, stream, kind, key])?;
        }
        Ok(())
    }
}

struct RecordSearch<'a> {
    connection: &'a Connection,
    found: &'a FoundPeople,
    tables: &'a [Table],
    exact: usize,
}

impl<'a> RecordSearch<'a> {
    fn by_cells(&mut self, name: &str) -> rusqlite::Result<Vec<i64>> {
        // Whose row it was is unknown where a row about a person was rejected: only its key is known.
        let is_rejected = match name {
            "rollbook_row_problems" => "rejected",
            _ => "0",
        };
        let sql = format!("SELECT rowid, source, stream, key, {is_rejected} FROM {name}");
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut meant = Vec::new();
        while let Some(row) = rows.next()? {
            let (source, stream): (String, String) = (row.get(1)?, row.get(2)?);
            let Some(table) = self.table(&source, &stream) else {
                continue;
            };
            let key: Vec<u8> = row.get(3)?;
            let is_unknown = row.get::<_, bool>(4)? && self.is_about(table);
            let is_exact = self.is_erased(table, &key_of_cells(&key));
            self.exact += usize::from(is_exact);
            if is_unknown || is_exact {
                meant.push(row.get(0)?);
            }
        }
        Ok(meant)
    }

    /// Of a new row about a person only the key is known, so whose it is cannot be told: all such keys are meant. The
    /// numbers of the difference stay.
    fn held(&mut self) -> rusqlite::Result<Vec<(i64, String, String, String)>> {
        let mut statement = self.connection.prepare(
            "SELECT rows.run, rows.stream, rows.kind, rows.key, held.source FROM rollbook_held_rows AS rows \
             LEFT JOIN rollbook_held AS held ON held.run = rows.run AND held.stream = rows.stream",
        )?;
        let mut rows = statement.query([])?;
        let mut meant = Vec::new();
        while let Some(row) = rows.next()? {
            let stream: String = row.get(1)?;
            let source: Option<String> = row.get(4)?;
            let table = source.and_then(|source| self.table(&source, &stream));
            let (kind, key): (String, String) = (row.get(2)?, row.get(3)?);
            let values: Vec<Value> = serde_json::from_str(&key).unwrap_or_default();
            let values: Vec<String> = values.into_iter().map(plain).collect();
            let is_exact = table.is_some_and(|table| self.is_erased(table, &values));
            self.exact += usize::from(is_exact);
            let is_unknown = table.is_none_or(|table| kind == "new" && self.is_about(table));
            if is_exact || is_unknown {
                meant.push((row.get(0)?, stream, kind, key));
            }
        }
        Ok(meant)
    }

    fn table(&self, source: &str, stream: &str) -> Option<&'a Table> {
        let mut tables = self.tables.iter();
        tables.find(|table| table.source == *source && table.stream == *stream)
    }

    fn is_erased(&self, table: &Table, key: &[String]) -> bool {
        self.found
            .list
            .kind(&HashTarget::key_of(table), key)
            .is_some()
    }

    /// Whether rows of a table may be about one of the people.
    fn is_about(&self, table: &Table) -> bool {
        let PersonRows::About(columns) = &table.person else {
            return false;
        };
        let mut targets = columns
            .iter()
            .filter_map(|about| HashTarget::parse(&table.source, &about.refers_to));
        targets.any(|target| self.found.list.concerns(&target))
    }
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
