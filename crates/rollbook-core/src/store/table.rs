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

    /// The rows with their `_since`: a table, or what may stand for one behind `FROM`. Points have that of the run that
    /// stored them.
    pub fn with_since(&self) -> String {
        self.with_since_in(&self.quoted())
    }

    /// The same while the table has another name, quoted.
    pub(super) fn with_since_in(&self, name: &str) -> String {
        if !self.series {
            return name.to_owned();
        }
        format!(
            "(SELECT point.*, (SELECT since FROM rollbook_series_runs WHERE source = {} AND stream = {} AND run = point._run) AS _since \
             FROM {} AS point)",
            literal(self.source.as_str()),
            literal(self.stream.as_str()),
            name
        )
    }

    /// The columns that Rollbook adds and that all rows of one run have in common.
    pub(super) fn run_columns(&self) -> &'static [&'static str] {
        match self.series {
            true => &["_run"],
            false => &["_run", "_since"],
        }
    }

    /// Whether rows carry a fingerprint; points do not.
    pub(super) fn has_fingerprints(&self) -> bool {
        !self.series
    }

    /// So many rows of one run. Parameters: those of `run_columns`; then for each row the columns of the connector
    /// and the fingerprint, if it has one. A row that is there stays (`apply.rs`).
    ///
    /// `OR FAIL`: a statement that fails ends its transaction, so SQLite need not write a copy of each page beside it to take
    /// back the statement alone. Those copies were two thirds of all writes of a first load.
    pub fn insert_sql(&self, rows: usize) -> String {
        let of_run = self.run_columns();
        let shared: String = (1..=of_run.len())
            .map(|number| format!(", ?{number}"))
            .collect();
        let width = self.columns.len() + usize::from(self.has_fingerprints());
        let row = |number: usize| {
            let first = of_run.len() + 1 + number * width;
            let own = joined((first..first + width).map(|number| format!("?{number}")));
            format!("({own}{shared})")
        };
        format!(
            "INSERT OR FAIL INTO {} ({}{}, {}) VALUES {} ON CONFLICT DO NOTHING",
            self.quoted(),
            self.all_names(),
            if self.has_fingerprints() {
                ", _fingerprint"
            } else {
                ""
            },
            of_run.join(", "),
            joined((0..rows).map(row))
        )
    }

    /// Changes the row with a key: parameters are the columns of the connector, of
    /// the run, and the fingerprint. Columns of the key are not set, because SQLite would
    /// rewrite their index.
    pub fn update_sql(&self) -> String {
        let count = self.columns.len();
        let is_key = |index: &usize| self.key.contains(index);
        let sets = (0..count)
            .filter(|index| !is_key(index))
            .map(|index| format!("{} = ?{}", quote(&self.columns[index].name), index + 1));
        let fingerprint = self.has_fingerprints().then_some(&"_fingerprint");
        let own = self.run_columns().iter().chain(fingerprint);
        let own = (count + 1..).zip(own);
        let sets = joined(sets.chain(own.map(|(number, name)| format!("{name} = ?{number}"))));
        let key = self.key.iter();
        let key =
            key.map(|index| format!("{} = ?{}", quote(&self.columns[*index].name), index + 1));
        let key: Vec<String> = key.collect();
        format!(
            "UPDATE {} SET {sets} WHERE {}",
            self.quoted(),
            key.join(" AND ")
        )
    }

    /// Copies a row to the history: ?1 until, ?2 ended, ?3 run, then the key.
    pub fn retire_sql(&self) -> String {
        format!(
            "INSERT OR FAIL INTO {} ({names}, _since, _run, _until, _ended, _ended_run) \
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

    /// Key, row number and fingerprint of all rows from a key on, in key order: [`Table::walk_index`] covers it, so the
    /// rows themselves are not read. Of points key and all columns.
    pub fn walk_sql(&self) -> String {
        let key = self.names_of(&self.key);
        let parameters = joined((1..=self.key.len()).map(|number| format!("?{number}")));
        let rest = match self.series {
            true => self.all_names(),
            false => "rowid, _fingerprint".to_owned(),
        };
        format!(
            "SELECT {key}, {rest} FROM {} WHERE ({key}) >= ({parameters}) ORDER BY {key}",
            self.quoted()
        )
    }

    /// The number of the row with a key.
    pub fn row_number_sql(&self) -> String {
        format!(
            "SELECT rowid FROM {} WHERE {}",
            self.quoted(),
            self.key_is(1)
        )
    }

    /// The key of the row with a number.
    pub fn key_at_sql(&self) -> String {
        let key = self.names_of(&self.key);
        format!("SELECT {key} FROM {} WHERE rowid = ?1", self.quoted())
    }

    /// All columns of the row with a number.
    pub fn row_at_sql(&self) -> String {
        let names = self.all_names();
        format!("SELECT {names} FROM {} WHERE rowid = ?1", self.quoted())
    }

    /// All columns of the row with a key.
    pub fn row_sql(&self) -> String {
        format!(
            "SELECT {} FROM {} WHERE {}",
            self.all_names(),
            self.quoted(),
            self.key_is(1)
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
        definition.push(history_line(self.history));
        definition.push(match self.series {
            true => "series".to_owned(),
            false => format!("index {}", self.walk_index()),
        });
        definition.extend(
            self.person
                .to_json()
                .map(|person| format!("person {person}")),
        );
        definition.join("\n")
    }
}

/// Whether a table of this definition keeps old versions.
pub fn keeps_history(definition: &str) -> bool {
    let is_off = history_line(false);
    !definition.lines().any(|line| line == is_off)
}

fn history_line(is_kept: bool) -> String {
    format!("history {is_kept}")
}

/// A name as SQL writes it.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The storage class of a kind in a STRICT table.
pub fn storage(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer | Kind::Boolean => "INTEGER",
        Kind::Real => "REAL",
        Kind::Text | Kind::Date | Kind::Timestamp | Kind::Json => "TEXT",
    }
}

pub(super) fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_finds_a_row_by_its_key_and_does_not_set_it() {
        let columns = [
            ("name", Kind::Text),
            ("school", Kind::Integer),
            ("id", Kind::Integer),
        ];
        let table = |key: &[usize]| Table {
            key: key.to_vec(),
            ..Table::plain("users", &columns)
        };
        for (key, expected) in [
            (
                &[2, 1][..],
                r#"SET "name" = ?1, _run = ?4, _since = ?5, _fingerprint = ?6 WHERE "id" = ?3 AND "school" = ?2"#,
            ),
            (
                &[0],
                r#"SET "school" = ?2, "id" = ?3, _run = ?4, _since = ?5, _fingerprint = ?6 WHERE "name" = ?1"#,
            ),
            (
                &[0, 1, 2],
                r#"SET _run = ?4, _since = ?5, _fingerprint = ?6 WHERE "name" = ?1 AND "school" = ?2 AND "id" = ?3"#,
            ),
        ] {
            let sql = table(key).update_sql();
            assert_eq!(sql, format!(r#"UPDATE "north_users" {expected}"#));
        }
    }
}
