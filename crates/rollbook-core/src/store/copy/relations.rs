//! What a copy holds: tables and views of streams, without the columns that are left out.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::model::{SourceName, StreamName};
use crate::store::error::StoreError;
use crate::store::queries::mirrored;
use crate::store::relayout::is_series;
use crate::store::table::quote;

/// A stream's tables and views that can be copied, by what follows the table's name.
pub const ENDINGS: [&str; 4] = ["", "_history", "_labelled", "_mapped"];

/// A hash of all columns: with the others it would betray those that are left out.
const FINGERPRINT: &str = "_fingerprint";

/// One table of the copy.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub source: SourceName,
    pub stream: StreamName,
    pub name: String,
    pub columns: Vec<CopiedColumn>,
    /// The names of the key's columns in order; none if one of them is left out.
    key: Vec<String>,
    /// Points, which the copy stores as the mirror does.
    is_series: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CopiedColumn {
    pub name: String,
    /// As the mirror declares it. A view's computed column has none and is a text.
    kind: String,
    /// Its position in the key from 1; 0 if it is not part of it.
    key: i64,
}

/// The tables of a copy, and the names of wanted ones that the mirror does not have.
pub(super) fn relations(
    connection: &Connection,
    wanted: Option<&[String]>,
    leave_out: &[(String, String)],
) -> Result<(Vec<Relation>, Vec<String>), StoreError> {
    let what = StoreError::sql("inspect the mirror's tables");
    let mut found = Vec::new();
    for (source, stream) in mirrored(connection)? {
        let table = format!("{source}_{stream}");
        let all = columns_of(connection, &table).map_err(&what)?;
        let left_out: BTreeSet<&str> = (leave_out.iter())
            .filter(|(left_table, _)| *left_table == table)
            .map(|(_, column)| column.as_str())
            .collect();
        for ending in ENDINGS {
            let name = format!("{table}{ending}");
            let is_wanted = match wanted {
                None => ending.is_empty(),
                Some(names) => names.contains(&name),
            };
            if !is_wanted {
                continue;
            }
            let mut columns = columns_of(connection, &name).map_err(&what)?;
            columns.retain(|column| is_kept(&column.name, &all, &left_out));
            if !columns.is_empty() {
                let is_series =
                    ending.is_empty() && is_series(connection, "mirror", &name).map_err(&what)?;
                found.push(Relation {
                    source: source.clone(),
                    stream: stream.clone(),
                    name,
                    key: key_of(&columns, &all),
                    is_series,
                    columns,
                });
            }
        }
    }
    let is_missing = |name: &&String| found.iter().all(|one| one.name != **name);
    let names = wanted.iter().copied().flatten();
    let missing = names.filter(is_missing).cloned().collect();
    Ok((found, missing))
}

/// Whether a column is in the copy: it is not left out, and it is not derived from one that is.
fn is_kept(name: &str, table: &[CopiedColumn], left_out: &BTreeSet<&str>) -> bool {
    let is_own = |name: &str| table.iter().any(|column| column.name == name);
    if name == FINGERPRINT || left_out.contains(name) {
        return false;
    }
    if is_own(name) {
        return true;
    }
    // `gender_id_label` is made from `gender_id`, and not from `gender`.
    let origin = (table.iter())
        .map(|column| column.name.as_str())
        .filter(|origin| {
            let rest = name.strip_prefix(origin);
            rest.is_some_and(|rest| rest.starts_with('_'))
        })
        .max_by_key(|origin| origin.len());
    origin.is_none_or(|origin| !left_out.contains(origin))
}

fn key_of(columns: &[CopiedColumn], table: &[CopiedColumn]) -> Vec<String> {
    let of = |columns: &[CopiedColumn]| {
        let mut key: Vec<(i64, String)> = (columns.iter())
            .filter(|column| column.key > 0)
            .map(|column| (column.key, column.name.clone()))
            .collect();
        key.sort();
        key
    };
    let key = of(columns);
    match key == of(table) {
        true => key.into_iter().map(|(_, name)| name).collect(),
        false => Vec::new(),
    }
}

fn columns_of(connection: &Connection, name: &str) -> rusqlite::Result<Vec<CopiedColumn>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, type, pk FROM pragma_table_info(?1, 'mirror') ORDER BY cid",
    )?;
    statement
        .query_map([name], |row| {
            let kind: String = row.get(1)?;
            Ok(CopiedColumn {
                name: row.get(0)?,
                kind: if kind.is_empty() {
                    "TEXT".to_owned()
                } else {
                    kind
                },
                key: row.get(2)?,
            })
        })?
        .collect()
}

impl Relation {
    /// Makes the table in the copy and fills it; returns its rows.
    pub fn copy(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let list = |parts: Vec<String>| parts.join(", ");
        let name = quote(&self.name);
        let names = list(self.columns.iter().map(|one| quote(&one.name)).collect());
        let mut parts: Vec<String> = (self.columns.iter())
            .map(|one| format!("{} {}", quote(&one.name), one.kind))
            .collect();
        if !self.key.is_empty() {
            let key = list(self.key.iter().map(|name| quote(name)).collect());
            parts.push(format!("PRIMARY KEY ({key})"));
        }
        let layout = match self.is_series && !self.key.is_empty() {
            true => " WITHOUT ROWID",
            false => "",
        };
        connection.execute_batch(&format!(
            "CREATE TABLE main.{name} ({}){layout}",
            list(parts)
        ))?;
        let copied = connection.execute(
            &format!("INSERT INTO main.{name} ({names}) SELECT {names} FROM mirror.{name}"),
            [],
        )?;
        Ok(copied as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_is_left_out_takes_along_what_is_made_from_it() {
        let column = |name: &&str| CopiedColumn {
            name: (*name).to_owned(),
            kind: "TEXT".to_owned(),
            key: 0,
        };
        let table: Vec<CopiedColumn> = ["id", "gender", "gender_id", "email", "email_verified"]
            .iter()
            .map(column)
            .collect();
        for (left_out, name, expected) in [
            ("email", "email", false),
            ("email", "email_verified", true),
            ("email", "id", true),
            ("gender_id", "gender_id", false),
            ("gender_id", "gender_id_label", false),
            ("gender_id", "gender_id_sex_code", false),
            ("gender_id", "gender_label", true),
            ("gender", "gender_id_label", true),
            ("gender", "gender_label", false),
            ("id", "_since", true),
            ("_since", "_since", false),
            ("none", "_fingerprint", false),
        ] {
            let left_out_set = BTreeSet::from([left_out]);
            assert_eq!(
                is_kept(name, &table, &left_out_set),
                expected,
                "{name} without {left_out}"
            );
        }
    }
}
