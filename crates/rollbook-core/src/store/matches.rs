//! Matches of people in two tables: computed from their current rows, and written only where they differ.
//!
//! The table holds keys and the name of the rule, nothing else of a person. A match that no longer holds is removed
//! without history. `model/people.rs` defines the rules.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params, params_from_iter};
use serde::Serialize;

use super::error::StoreError;
use super::table::quote;
use crate::model::MatchName;
use crate::model::people::{Ambiguous, MatchSet, Matching, Person, Side, all_of, matching};

/// When matches are written, and by which run.
#[derive(Clone, Debug)]
pub struct Since {
    /// The time, as the mirror writes it.
    pub now: String,
    /// The run that changed a table; nothing when it was not a run.
    pub run: Option<i64>,
}

/// How the table differs from the current result of the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Matches that the table lacks.
    pub new: usize,
    /// Matches that hold no longer.
    pub removed: usize,
}

/// One row of `rollbook_matches`: left key, right key and the rule's name.
type MatchRow = (String, String, String);

/// The current result of a set's rules. A missing table is empty.
fn compute(connection: &Connection, set: &MatchSet) -> Result<Matching, StoreError> {
    let what = StoreError::sql("compute the matches");
    let left = people(connection, set, Which::Left).map_err(&what)?;
    let right = people(connection, set, Which::Right).map_err(&what)?;
    let rules: Vec<Ambiguous> = set.rules.iter().map(|rule| rule.ambiguous).collect();
    Ok(matching(&rules, &left, &right))
}

/// Updates the table to the current result of these sets' rules, in one transaction.
///
/// Unchanged matches keep their `since`. Returns how many matches were added and removed.
pub fn refresh(
    connection: &mut Connection,
    sets: &[MatchSet],
    since: &Since,
) -> Result<Difference, StoreError> {
    let what = StoreError::sql("write the matches");
    let transaction = connection.transaction().map_err(&what)?;
    let mut done = Difference::default();
    for set in sets {
        let found = compute(&transaction, set)?;
        let (new, removed) = compare(&transaction, set, &found).map_err(&what)?;
        write(&transaction, set, (&new, &removed), since).map_err(&what)?;
        count(&transaction, set, &found).map_err(&what)?;
        done.new += new.len();
        done.removed += removed.len();
    }
    transaction.commit().map_err(&what)?;
    Ok(done)
}

/// Removes what is kept of sets that are none of these.
pub fn forget_others(connection: &mut Connection, sets: &[MatchSet]) -> Result<(), StoreError> {
    let what = StoreError::sql("delete old matches");
    let transaction = connection.transaction().map_err(&what)?;
    for name in names(&transaction).map_err(&what)? {
        if sets.iter().all(|set| set.name != name) {
            for table in ["rollbook_matches", "rollbook_match_sets"] {
                transaction
                    .execute(
                        &format!("DELETE FROM {table} WHERE match_set = ?1"),
                        [&name],
                    )
                    .map_err(&what)?;
            }
        }
    }
    transaction.commit().map_err(&what)
}

/// The result of a set's rules for a snapshot of the mirror, and how the table differs from it; writes nothing.
pub fn preview(reader: &Connection, set: &MatchSet) -> Result<(Matching, Difference), StoreError> {
    let what = StoreError::sql("compute the matches");
    let snapshot = reader.unchecked_transaction().map_err(&what)?;
    let found = compute(&snapshot, set)?;
    let (new, removed) = compare(&snapshot, set, &found).map_err(&what)?;
    let difference = Difference {
        new: new.len(),
        removed: removed.len(),
    };
    Ok((found, difference))
}

#[derive(Clone, Copy)]
enum Which {
    Left,
    Right,
}

/// The people of one side with what each rule compares, in the order of their keys.
fn people(connection: &Connection, set: &MatchSet, which: Which) -> rusqlite::Result<Vec<Person>> {
    let side = match which {
        Which::Left => &set.left,
        Which::Right => &set.right,
    };
    if !exists(connection, &side.table)? {
        return Ok(Vec::new());
    }
    // Each column is read once, however many rules preview at it.
    let mut columns: Vec<&str> = Vec::new();
    let mut rules = Vec::new();
    for rule in &set.rules {
        let mut keys = Vec::new();
        for pair in &rule.keys {
            let names = match which {
                Which::Left => &pair.left,
                Which::Right => &pair.right,
            };
            let indexes: Vec<usize> = names
                .iter()
                .map(|name| column_index(&mut columns, name))
                .collect();
            keys.push((pair.form, indexes));
        }
        rules.push(keys);
    }
    let (sql, values) = query(side, &columns);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut people = Vec::new();
    while let Some(row) = rows.next()? {
        let mut by = Vec::with_capacity(rules.len());
        for keys in &rules {
            let values = keys
                .iter()
                .map(|(form, indexes)| Ok(form.of(&texts(row, indexes)?)))
                .collect::<rusqlite::Result<Vec<_>>>()?;
            by.push(all_of(values));
        }
        people.push(Person {
            key: row.get(0)?,
            by,
        });
    }
    Ok(people)
}

/// The index of a column among those that are read; added if missing.
fn column_index<'a>(columns: &mut Vec<&'a str>, name: &'a str) -> usize {
    let known = columns.iter().position(|column| *column == name);
    known.unwrap_or_else(|| {
        columns.push(name);
        columns.len() - 1
    })
}

fn texts<'a>(row: &'a Row<'_>, indexes: &[usize]) -> rusqlite::Result<Vec<Option<&'a str>>> {
    indexes
        .iter()
        .map(|column_index| Ok(row.get_ref(column_index + 1)?.as_str_or_null()?))
        .collect()
}

/// The key as one text, then the columns as texts, of the rows that the conditions choose.
fn query<'a>(side: &'a Side, columns: &[&str]) -> (String, Vec<&'a str>) {
    let key: Vec<String> = side.key.iter().map(|name| quote(name)).collect();
    let mut select = match &key[..] {
        [one] => format!("CAST({one} AS TEXT)"),
        many => format!("json_array({})", many.join(", ")),
    };
    for column in columns {
        select.push_str(&format!(", CAST({} AS TEXT)", quote(column)));
    }
    let mut wanted = Vec::new();
    let conditions: Vec<String> = side
        .conditions
        .iter()
        .map(|(column, values)| {
            wanted.extend(values.iter().map(String::as_str));
            let marks = vec!["?"; values.len()].join(", ");
            format!("CAST({} AS TEXT) IN ({marks})", quote(column))
        })
        .collect();
    let whether = match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    };
    let sql = format!(
        "SELECT {select} FROM {}{whether} ORDER BY {}",
        quote(&side.table),
        key.join(", ")
    );
    (sql, wanted)
}

fn exists(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            [table],
            |_| Ok(()),
        )
        .optional()
        .map(|found| found.is_some())
}

/// What the table lacks, and what it has too much.
fn compare(
    connection: &Connection,
    set: &MatchSet,
    found: &Matching,
) -> rusqlite::Result<(Vec<MatchRow>, Vec<MatchRow>)> {
    let mut have: BTreeSet<MatchRow> = connection
        .prepare_cached(
            "SELECT left_key, right_key, rule FROM rollbook_matches WHERE match_set = ?1",
        )?
        .query_map([&set.name], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let rows = found.pairs.iter().map(|pair| {
        let rule = set.rules[pair.rule].name.clone();
        (pair.left.clone(), pair.right.clone(), rule)
    });
    let new: Vec<MatchRow> = rows.filter(|row| !have.remove(row)).collect();
    Ok((new, have.into_iter().collect()))
}

/// Removals first: a key may be in one match only.
fn write(
    transaction: &Transaction<'_>,
    set: &MatchSet,
    (new, removed): (&[MatchRow], &[MatchRow]),
    since: &Since,
) -> rusqlite::Result<()> {
    let mut delete = transaction
        .prepare_cached("DELETE FROM rollbook_matches WHERE match_set = ?1 AND left_key = ?2")?;
    for (left, _, _) in removed {
        delete.execute(params![set.name, left])?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO rollbook_matches (match_set, left_key, right_key, rule, since, since_run) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (left, right, rule) in new {
        insert.execute(params![set.name, left, right, rule, since.now, since.run])?;
    }
    Ok(())
}

/// Notes how many are matched, in conflict and left over, where that is not what is noted.
fn count(transaction: &Transaction<'_>, set: &MatchSet, found: &Matching) -> rusqlite::Result<()> {
    let number = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO rollbook_match_sets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (match_set) DO UPDATE SET left_table = ?2, right_table = ?3, matched = ?4, conflicts = ?5, \
             left_only = ?6, right_only = ?7 \
             WHERE (left_table, right_table, matched, conflicts, left_only, right_only) IS NOT (?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            set.name,
            set.left.table,
            set.right.table,
            number(found.pairs.len()),
            number(found.conflicts.len()),
            number(found.left_only.len()),
            number(found.right_only.len())
        ])
        .map(drop)
}

fn names(connection: &Connection) -> rusqlite::Result<Vec<MatchName>> {
    connection
        .prepare(
            "SELECT match_set FROM rollbook_match_sets UNION SELECT match_set FROM rollbook_matches",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

#[cfg(test)]
mod tests;
