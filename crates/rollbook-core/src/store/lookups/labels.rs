//! The labels that views look up by id: `rollbook_labels`, kept equal to the combo lists that columns refer to.
//!
//! A view looks up dozens of labels in each row, so the table holds nothing else, in the order in which it is searched, and has
//! a number for each list (`rollbook_lists`), which is compared faster than its name.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Transaction, params};

use super::{ComboTable, Lookups};
use crate::model::row::Kind;
use crate::model::{By, SourceName, Table};
use crate::store::table::quote;

/// The number of each list, by source and name.
pub type ListNumbers = BTreeMap<(SourceName, String), i64>;

/// Numbers the lists that columns refer to by id, forgets all others, and copies what their entries mean.
pub fn fit(
    transaction: &Transaction<'_>,
    tables: &[Table],
    lookups: &Lookups,
) -> rusqlite::Result<ListNumbers> {
    let wanted = wanted(tables, lookups);
    for (list, number) in numbers(transaction)? {
        if !wanted.contains(&list) {
            let delete = "DELETE FROM rollbook_lists WHERE number = ?1";
            transaction.prepare_cached(delete)?.execute([number])?;
        }
    }
    // Before a number is given to another list.
    transaction.execute(
        "DELETE FROM rollbook_labels WHERE list NOT IN (SELECT number FROM rollbook_lists)",
        [],
    )?;
    for (source, list) in &wanted {
        transaction
            .prepare_cached(
                "INSERT INTO rollbook_lists (source, list) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![source, list])?;
    }
    for combos in &lookups.combos {
        write(transaction, combos)?;
    }
    numbers(transaction)
}

/// Makes the labels of a source those of its lists; what is equal is not written.
pub fn write(transaction: &Transaction<'_>, combos: &ComboTable) -> rusqlite::Result<()> {
    let (table, list, id) = (
        quote(&combos.name()),
        quote(&combos.list),
        quote(&combos.id),
    );
    transaction
        .prepare_cached(&format!(
            "DELETE FROM rollbook_labels AS kept WHERE list IN (SELECT number FROM rollbook_lists WHERE source = ?1) \
             AND NOT EXISTS (SELECT 1 FROM rollbook_lists AS lists JOIN {table} AS entry ON entry.{list} = lists.list \
             WHERE lists.number = kept.list AND entry.{id} = kept.id)"
        ))?
        .execute([&combos.source])?;
    transaction
        .prepare_cached(&format!(
            "INSERT INTO rollbook_labels (list, id, code, label) \
             SELECT lists.number, entry.{id}, entry.{code}, entry.{label} \
             FROM rollbook_lists AS lists JOIN {table} AS entry ON entry.{list} = lists.list WHERE lists.source = ?1 \
             ON CONFLICT (list, id) DO UPDATE SET code = excluded.code, label = excluded.label \
             WHERE rollbook_labels.code IS NOT excluded.code OR rollbook_labels.label IS NOT excluded.label",
            code = quote(&combos.code),
            label = quote(&combos.label),
        ))?
        .execute([&combos.source])?;
    Ok(())
}

fn wanted(tables: &[Table], lookups: &Lookups) -> BTreeSet<(SourceName, String)> {
    let mut wanted = BTreeSet::new();
    for references in &lookups.references {
        let combos = lookups.combos_of(&references.source);
        if !combos.is_some_and(|combos| are_numbers(combos, tables)) {
            continue;
        }
        let columns = references.columns.iter();
        let by_id = columns.filter(|(_, reference)| reference.by == By::Id);
        wanted.extend(by_id.map(|(_, one)| (references.source.clone(), one.list.clone())));
    }
    wanted
}

/// Whether the lists' ids are numbers, each once in a list. Others are looked up in the lists themselves.
fn are_numbers(combos: &ComboTable, tables: &[Table]) -> bool {
    let mut tables = tables.iter();
    let table = tables.find(|one| one.source == combos.source && one.stream == combos.stream);
    table.is_some_and(|table| {
        let mut key = table.key.iter().map(|index| &table.columns[*index].name);
        let mut columns = table.columns.iter();
        key.all(|name| *name == combos.list || *name == combos.id)
            && columns.any(|one| one.name == combos.id && one.kind == Kind::Integer)
    })
}

fn numbers(transaction: &Transaction<'_>) -> rusqlite::Result<ListNumbers> {
    transaction
        .prepare_cached("SELECT source, list, number FROM rollbook_lists")?
        .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?
        .collect()
}
