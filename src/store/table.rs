//! The SQL texts of a stream's table.
//!
//! Pure. `connector/api.rs` checks the names of columns; they are quoted all the same.

use crate::model::row::Kind;
use crate::model::{Masking, Table};

impl Table {
    /// The quoted name.
    pub fn quoted(&self) -> String {
        quote(&self.name())
    }

    /// The quoted name of the history.
    pub fn history_quoted(&self) -> String {
        quote(&format!("{}_history", self.name()))
    }

    /// The quoted names of some columns, with commas.
    pub fn names_of(&self, indexes: &[usize]) -> String {
        joined(
            indexes
                .iter()
                .map(|index| quote(&self.columns[*index].name)),
        )
    }

    /// The quoted names of all columns, with commas.
    pub fn all_names(&self) -> String {
        joined(self.columns.iter().map(|column| quote(&column.name)))
    }

    /// `k1 = ?1 AND k2 = ?2`, parameters from `first` on.
    pub fn key_is(&self, first: usize) -> String {
        let parts: Vec<String> = self
            .key
            .iter()
            .enumerate()
            .map(|(number, index)| {
                format!(
                    "{} = ?{}",
                    quote(&self.columns[*index].name),
                    first + number
                )
            })
            .collect();
        parts.join(" AND ")
    }

    /// The index that a reading uses for the comparison.
    pub fn walk_index(&self) -> String {
        quote(&format!("{}_walk", self.name()))
    }

    /// `_since` and `_run` with the columns of the connector before them.
    pub fn insert_sql(&self) -> String {
        let parameters = joined((1..=self.columns.len() + 3).map(|number| format!("?{number}")));
        format!(
            "INSERT INTO {} ({}, _since, _run, _fingerprint) VALUES ({parameters})",
            self.quoted(),
            self.all_names()
        )
    }

    /// Sets every column, `_since`, `_run` and `_fingerprint` of the row with the key that follows them.
    pub fn update_sql(&self) -> String {
        let count = self.columns.len();
        let sets = joined(
            self.columns
                .iter()
                .enumerate()
                .map(|(number, column)| format!("{} = ?{}", quote(&column.name), number + 1)),
        );
        format!(
            "UPDATE {} SET {sets}, _since = ?{}, _run = ?{}, _fingerprint = ?{} WHERE {}",
            self.quoted(),
            count + 1,
            count + 2,
            count + 3,
            self.key_is(count + 4)
        )
    }

    /// Copies a row to the history: ?1 until, ?2 ended, ?3 run, then the key.
    pub fn retire_sql(&self) -> String {
        format!(
            "INSERT INTO {} ({names}, _since, _run, _until, _ended, _ended_run) \
             SELECT {names}, _since, _run, ?1, ?2, ?3 FROM {} WHERE {}",
            self.history_quoted(),
            self.quoted(),
            self.key_is(4),
            names = self.all_names()
        )
    }

    /// Removes the row with a key.
    pub fn delete_sql(&self) -> String {
        format!("DELETE FROM {} WHERE {}", self.quoted(), self.key_is(1))
    }

    /// Row number, fingerprint and key of all rows from a key on, in key order: [`Table::walk_index`] covers it, so the
    /// rows themselves are not read.
    pub fn walk_sql(&self) -> String {
        let key = self.names_of(&self.key);
        let parameters = joined((1..=self.key.len()).map(|number| format!("?{number}")));
        format!(
            "SELECT rowid, _fingerprint, {key} FROM {} WHERE ({key}) >= ({parameters}) ORDER BY {key}",
            self.quoted()
        )
    }

    /// All columns of the row with a row number.
    pub fn row_sql(&self) -> String {
        format!(
            "SELECT {} FROM {} WHERE rowid = ?1",
            self.all_names(),
            self.quoted()
        )
    }

    /// A text that changes when the table's definition does.
    pub fn definition(&self) -> String {
        let mut definition: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                let masking = column.masking.map_or("", Masking::as_str);
                format!(
                    "{} {} {masking} {:?} {:?} {} {}",
                    column.name,
                    column.kind.as_str(),
                    column.combo,
                    column.refers_to,
                    column.from,
                    column.help
                )
            })
            .collect();
        definition.push(format!("key {}", self.names_of(&self.key)));
        definition.push(format!("history {}", self.history));
        definition.push(format!("index {}", self.walk_index()));
        definition.extend(
            self.person
                .to_json()
                .map(|person| format!("person {person}")),
        );
        definition.join("\n")
    }
}

/// A name as SQL writes it.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The storage class of a kind in a STRICT table.
pub fn storage(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer | Kind::Boolean => "INTEGER",
        Kind::Real => "REAL",
        Kind::Text | Kind::Date | Kind::Timestamp | Kind::Json => "TEXT",
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
