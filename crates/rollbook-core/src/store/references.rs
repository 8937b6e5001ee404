//! Rows that point to rows which are not there, among streams that are applied together.
//!
//! Checked after the rows are written and before they are committed. Only rows that a run added or changed, and those
//! that point to what it removed, can dangle newly; a reference that dangled before is the vendor's habit
//! (webuntis-oneroster.md 4.1 Q18).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use rusqlite::{Transaction, params};

use super::error::StoreError;
use super::staging::{Mark, Staged};
use super::table::quote;
use crate::model::row::Cells;
use crate::model::{StreamName, Table};

/// A column that holds keys of another stream's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamReference {
    /// The column's number.
    pub column: usize,
    /// The stream that it points to.
    pub stream: StreamName,
    /// Its table.
    pub table: String,
    /// The key of that table, one column.
    pub key: String,
}

/// One stream of a set that was applied together.
pub struct Part<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// What was applied of it.
    pub staged: &'a Staged,
    /// Its columns that point to other streams.
    pub references: &'a [StreamReference],
}

/// For each of the streams, by the stream that is pointed to, how many rows point to rows that are not there, and did not
/// before this run.
pub fn newly_dangling(
    transaction: &Transaction<'_>,
    set: &[Part<'_>],
    run: i64,
) -> Result<Vec<BTreeMap<StreamName, u64>>, StoreError> {
    let mut removed = BTreeMap::new();
    for part in set {
        removed.insert(part.stream, removed_keys(part.staged)?);
    }
    let mut all = Vec::with_capacity(set.len());
    for part in set {
        let mut counts = BTreeMap::new();
        for reference in part.references {
            // Only the streams of one set were read together.
            let Some(removed) = removed.get(&reference.stream) else {
                continue;
            };
            let rows = of_column(transaction, part.staged, reference, removed, run)?;
            if rows > 0 {
                *counts.entry(reference.stream.clone()).or_default() += rows;
            }
        }
        all.push(counts);
    }
    Ok(all)
}

/// How many values of a column point to rows that are not there, and did not before this run.
fn of_column(
    transaction: &Transaction<'_>,
    staged: &Staged,
    reference: &StreamReference,
    removed: &HashSet<String>,
    run: i64,
) -> Result<u64, StoreError> {
    let what = StoreError::sql("find rows that point to missing ones");
    let mut suspects = received(staged, reference.column).map_err(&what)?;
    suspects.extend(removed.iter().cloned());
    if suspects.is_empty() {
        return Ok(0);
    }
    let missing = missing(transaction, reference, suspects).map_err(&what)?;
    if missing.is_empty() {
        return Ok(0);
    }
    pointing(
        transaction,
        &staged.table,
        reference,
        &missing,
        removed,
        run,
    )
    .map_err(&what)
}

/// The keys of the rows that a reading removes.
fn removed_keys(staged: &Staged) -> Result<HashSet<String>, StoreError> {
    let what = StoreError::sql("find what a run removes");
    let mut keys = HashSet::new();
    if staged.plan.removed + staged.plan.by_status == 0 {
        return Ok(keys);
    }
    if let Some(stage) = staged.stage.missing() {
        let mut missing = stage
            .prepare("SELECT key FROM missing WHERE removed")
            .map_err(&what)?;
        let mut rows = missing.query([]).map_err(&what)?;
        while let Some(row) = rows.next().map_err(&what)? {
            let bytes: Vec<u8> = row.get(0).map_err(&what)?;
            keys.extend(Cells::of(&bytes).at(0).plain());
        }
    }
    let first = staged.table.key.first().copied().unwrap_or_default();
    staged
        .stage
        .each(|mark, row| {
            if mark == Mark::Removed {
                keys.extend(row.at(first).plain());
            }
            Ok(ControlFlow::Continue(()))
        })
        .map_err(&what)?;
    Ok(keys)
}

/// The values of a column in the rows that a reading adds or changes.
fn received(staged: &Staged, column: usize) -> rusqlite::Result<HashSet<String>> {
    let mut values = HashSet::new();
    staged.stage.each(|mark, row| {
        if mark != Mark::Removed {
            values.extend(row.at(column).plain());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(values)
}

/// Those of some keys that the table does not have.
fn missing(
    transaction: &Transaction<'_>,
    reference: &StreamReference,
    keys: HashSet<String>,
) -> rusqlite::Result<HashSet<String>> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM {} WHERE {} = ?1)",
        quote(&reference.table),
        quote(&reference.key)
    );
    let mut has = transaction.prepare_cached(&sql)?;
    let mut missing = HashSet::new();
    for key in keys {
        let found: bool = has.query_row([&key], |row| row.get(0))?;
        if !found {
            missing.insert(key);
        }
    }
    Ok(missing)
}

/// Rows that point to one of these keys, without those keys that an older row points to as well: unless this run removed them,
/// they were missing before.
fn pointing(
    transaction: &Transaction<'_>,
    table: &Table,
    reference: &StreamReference,
    missing: &HashSet<String>,
    removed: &HashSet<String>,
    run: i64,
) -> rusqlite::Result<u64> {
    let column = table.names_of(&[reference.column]);
    let sql = format!(
        "SELECT CAST({column} AS TEXT), _run = ?1 FROM {} WHERE {column} IS NOT NULL",
        table.quoted()
    );
    let mut rows = transaction.prepare(&sql)?;
    let mut rows = rows.query(params![run])?;
    let mut counts: HashMap<String, (u64, bool)> = HashMap::new();
    while let Some(row) = rows.next()? {
        let value = row.get_ref(0)?.as_str()?;
        if missing.contains(value) {
            let is_new: bool = row.get(1)?;
            let (count, old) = counts.entry(value.to_owned()).or_default();
            *count += 1;
            *old |= !is_new;
        }
    }
    let dangle_newly = |(key, (_, old)): &(&String, &(u64, bool))| !*old || removed.contains(*key);
    Ok(counts
        .iter()
        .filter(dangle_newly)
        .map(|(_, (count, _))| count)
        .sum())
}
