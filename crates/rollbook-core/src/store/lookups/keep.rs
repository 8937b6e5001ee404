//! Updates views, labels, crosswalks and counts: at a start, and in the transaction that changes rows.
//!
//! Cost follows change: a run in which nothing changed does not call this, and one that changed a stream updates that
//! stream only. Unchanged results are not written.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::count::{self, Count};
use super::{Crosswalk, Lookups, References, crosswalk, labels, views};
use crate::model::{By, CrosswalkName, SourceName, StreamName, Table};
use crate::store::error::StoreError;
use crate::store::table::quote;

/// After a start or a reload: views, indexes, crosswalks and counts as the configuration wants them.
///
/// `fitted` are the names of the tables whose definition changed; they are counted again.
pub fn fit(
    transaction: &Transaction<'_>,
    tables: &[Table],
    lookups: &Lookups,
    fitted: &[String],
) -> Result<(), StoreError> {
    let what = StoreError::sql("prepare the views of labels");
    index_lists(transaction, lookups).map_err(&what)?;
    let numbers = labels::fit(transaction, tables, lookups).map_err(&what)?;
    views::fit(transaction, tables, lookups, &numbers).map_err(&what)?;
    forget_others(transaction, lookups).map_err(&what)?;
    for crosswalk in &lookups.crosswalks {
        let rewritten = crosswalk::write(transaction, lookups, crosswalk)?;
        for column in &crosswalk.columns {
            let is_counted = is_counted(transaction, crosswalk, column).map_err(&what)?;
            if rewritten || !is_counted || fitted.contains(&column.table()) {
                count_unmapped(transaction, crosswalk, column)?;
            }
        }
    }
    let is_fitted =
        |source: &SourceName, stream: &StreamName| fitted.contains(&format!("{source}_{stream}"));
    for references in &lookups.references {
        let combos = lookups.combos_of(&references.source);
        let combos_fitted = combos.is_some_and(|one| is_fitted(&one.source, &one.stream));
        if combos_fitted || is_fitted(&references.source, &references.stream) {
            count_unlabelled(transaction, lookups, references).map_err(&what)?;
        }
    }
    Ok(())
}

/// After rows of some streams of a source changed, in the same transaction.
///
/// A run keeps the configuration that it started with, so a column of another job's stream may have been erased since.
pub fn after_rows(
    transaction: &Transaction<'_>,
    lookups: &Lookups,
    source: &SourceName,
    streams: &[StreamName],
) -> Result<(), StoreError> {
    let what = StoreError::sql("count values without a label");
    let lists = lookups.combos_of(source);
    let changed_lists = lists.filter(|combos| streams.contains(&combos.stream));
    let lists_changed = changed_lists.is_some();
    if let Some(combos) = changed_lists {
        labels::write(transaction, combos).map_err(StoreError::sql("update the labels"))?;
    }
    for crosswalk in &lookups.crosswalks {
        if lists_changed && crosswalk.source == *source {
            crosswalk::write(transaction, lookups, crosswalk)?;
        }
        let columns = crosswalk.columns.iter();
        for column in columns.filter(|one| one.source == *source && streams.contains(&one.stream)) {
            let has = columns_of(transaction, &column.table()).map_err(&what)?;
            if has.contains(&column.column) {
                count_unmapped(transaction, crosswalk, column)?;
            }
        }
    }
    for references in lookups
        .references
        .iter()
        .filter(|one| one.source == *source)
    {
        if lists_changed || streams.contains(&references.stream) {
            let table = format!("{}_{}", references.source, references.stream);
            let has = columns_of(transaction, &table).map_err(&what)?;
            let references = references.within(|column| has.iter().any(|one| one == column));
            count_unlabelled(transaction, lookups, &references).map_err(&what)?;
        }
    }
    Ok(())
}

/// A reference by code needs an index.
fn index_lists(transaction: &Transaction<'_>, lookups: &Lookups) -> rusqlite::Result<()> {
    for combos in &lookups.combos {
        let mut references = lookups.references.iter();
        let is_by_code = references.any(|one| {
            let mut columns = one.columns.iter();
            one.source == combos.source && columns.any(|(_, reference)| reference.by == By::Code)
        });
        if is_by_code {
            transaction.execute_batch(&format!(
                "CREATE INDEX IF NOT EXISTS {} ON {} ({}, {})",
                quote(&combos.codes_index()),
                quote(&combos.name()),
                quote(&combos.list),
                quote(&combos.code)
            ))?;
        }
    }
    Ok(())
}

/// Lines and counts of what the configuration no longer has.
fn forget_others(transaction: &Transaction<'_>, lookups: &Lookups) -> rusqlite::Result<()> {
    let known: Vec<&CrosswalkName> = lookups.crosswalks.iter().map(|one| &one.name).collect();
    for name in stored_crosswalks(transaction)? {
        if !known.contains(&&name) {
            crosswalk::forget(transaction, &name)?;
        }
    }
    let mut counted = transaction
        .prepare("SELECT rowid, crosswalk, source, stream, \"column\" FROM rollbook_unmapped")?;
    let mut rows = counted.query([])?;
    while let Some(row) = rows.next()? {
        let (crosswalk, source): (CrosswalkName, SourceName) = (row.get(1)?, row.get(2)?);
        let (stream, column): (StreamName, String) = (row.get(3)?, row.get(4)?);
        let stays = lookups.crosswalks.iter().any(|one| {
            let mut columns = one.columns.iter();
            one.name == crosswalk
                && columns
                    .any(|one| one.source == source && one.stream == stream && one.column == column)
        });
        if !stays {
            transaction
                .prepare_cached("DELETE FROM rollbook_unmapped WHERE rowid = ?1")?
                .execute([row.get::<_, i64>(0)?])?;
        }
    }
    let mut counted =
        transaction.prepare("SELECT rowid, source, stream FROM rollbook_unlabelled")?;
    let mut rows = counted.query([])?;
    while let Some(row) = rows.next()? {
        let (source, stream): (SourceName, StreamName) = (row.get(1)?, row.get(2)?);
        let mut tables = lookups.references.iter();
        if !tables.any(|one| one.source == source && one.stream == stream) {
            transaction
                .prepare_cached("DELETE FROM rollbook_unlabelled WHERE rowid = ?1")?
                .execute([row.get::<_, i64>(0)?])?;
        }
    }
    Ok(())
}

/// The columns that a table has now; none when it was never made.
fn columns_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

fn stored_crosswalks(connection: &Connection) -> rusqlite::Result<Vec<CrosswalkName>> {
    let mut statement = connection.prepare("SELECT DISTINCT crosswalk FROM rollbook_crosswalk")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn is_counted(
    connection: &Connection,
    crosswalk: &Crosswalk,
    column: &super::MappedColumn,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM rollbook_unmapped WHERE crosswalk = ?1 AND source = ?2 AND stream = ?3 AND \"column\" = ?4",
    )?;
    statement.exists(params![
        crosswalk.name,
        column.source,
        column.stream,
        column.column
    ])
}

fn count_unmapped(
    transaction: &Transaction<'_>,
    crosswalk: &Crosswalk,
    column: &super::MappedColumn,
) -> Result<(), StoreError> {
    let found = count::unmapped(transaction, crosswalk, column)?;
    transaction
        .prepare_cached(
            "INSERT INTO rollbook_unmapped VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (crosswalk, source, stream, \"column\") DO UPDATE SET codes = excluded.codes, rows = excluded.rows \
             WHERE codes <> excluded.codes OR rows <> excluded.rows",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                crosswalk.name,
                column.source,
                column.stream,
                column.column,
                found.codes,
                found.rows
            ])
        })
        .map_err(StoreError::sql("count unmapped values"))?;
    Ok(())
}

/// Writes the counts of one table that differ from the stored ones; a column without unknown values has no row.
fn count_unlabelled(
    transaction: &Transaction<'_>,
    lookups: &Lookups,
    references: &References,
) -> rusqlite::Result<()> {
    let Some(combos) = lookups.combos_of(&references.source) else {
        return Ok(());
    };
    let counts = count::unlabelled(transaction, references, combos)?;
    for ((column, reference), found) in references.columns.iter().zip(counts) {
        let at = params![references.source, references.stream, column];
        let known: Option<(String, u64, u64)> = transaction
            .prepare_cached(
                "SELECT list, codes, rows FROM rollbook_unlabelled WHERE source = ?1 AND stream = ?2 AND \"column\" = ?3",
            )?
            .query_row(at, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let wanted =
            (found != Count::default()).then(|| (reference.list.clone(), found.codes, found.rows));
        if known == wanted {
            continue;
        }
        transaction
            .prepare_cached(
                "DELETE FROM rollbook_unlabelled WHERE source = ?1 AND stream = ?2 AND \"column\" = ?3",
            )?
            .execute(at)?;
        if let Some((list, codes, rows)) = wanted {
            transaction
                .prepare_cached("INSERT INTO rollbook_unlabelled VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    references.source,
                    references.stream,
                    column,
                    list,
                    codes,
                    rows
                ])?;
        }
    }
    forget_columns(transaction, references)
}

/// Counts of columns that refer to nothing any more.
fn forget_columns(transaction: &Transaction<'_>, references: &References) -> rusqlite::Result<()> {
    let known: Vec<&str> = references
        .columns
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let known = serde_json::to_string(&known).unwrap_or_default(); // texts always make JSON
    transaction
        .prepare_cached(
            "DELETE FROM rollbook_unlabelled WHERE source = ?1 AND stream = ?2 \
             AND \"column\" NOT IN (SELECT value FROM json_each(?3))",
        )?
        .execute(params![references.source, references.stream, known])?;
    Ok(())
}
