//! Fits tables to a configuration while runs are active: only tables that no run uses are changed.
//!
//! What is left as it was is fitted at the start of the next run that uses it. Until then its views and counts are
//! made of the columns that it has.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};

use super::checkpoints;
use super::error::StoreError;
use super::lookups::{self, Lookups};
use super::queries;
use super::tables::{Fitted, fit_one, stored_definition};
use crate::model::Table;

/// Bytes for which a file is rewritten.
const WORTH_IT: i64 = 16 << 20;

/// The tables of all jobs of a configuration, and what is added to their codes.
#[derive(Debug, Default)]
pub struct Layout {
    tables: BTreeMap<String, (Table, String)>,
    lookups: Lookups,
}

impl Layout {
    /// The tables, each once.
    pub fn new(tables: Vec<Table>, lookups: Lookups) -> Self {
        let named = |table: Table| (table.name(), (table.clone(), table.definition()));
        Self {
            tables: tables.into_iter().map(named).collect(),
            lookups,
        }
    }

    /// The names of all its tables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }
}

/// Those of some tables of a layout that have another definition than the layout wants, or none yet.
pub fn stale(
    connection: &Connection,
    layout: &Layout,
    tables: &[String],
) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("inspect the tables");
    let mut stale = Vec::new();
    for name in tables {
        let Some((table, definition)) = layout.tables.get(name) else {
            continue;
        };
        if stored_definition(connection, table)
            .map_err(&what)?
            .as_ref()
            != Some(definition)
        {
            stale.push(name.clone());
        }
    }
    Ok(stale)
}

/// Creates or alters the tables and views of a layout that are named in `free`, because no run uses them; a stream
/// whose table changed is read in full next. All in one transaction.
///
/// Gives the names of the tables that would have had to be changed and are in use.
pub fn fit(
    connection: &mut Connection,
    layout: &Layout,
    free: &[&str],
) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("prepare the tables");
    let transaction = connection.transaction().map_err(&what)?;
    let all: Vec<String> = layout.tables.keys().cloned().collect();
    let stale = stale(&transaction, layout, &all)?;
    let (now, later): (Vec<String>, Vec<String>) = stale
        .into_iter()
        .partition(|name| free.contains(&name.as_str()));
    if !now.is_empty() {
        lookups::drop_views(&transaction).map_err(&what)?; // they read several tables
    }
    for name in &now {
        let (table, _) = &layout.tables[name];
        if fit_one(&transaction, table)? == Fitted::Changed {
            checkpoints::forget(&transaction, table)?;
        }
    }
    let tables = as_they_are(&transaction, layout, &later)?;
    let lookups = layout.lookups.of_tables(&tables);
    lookups::fit(&transaction, &tables, &lookups, &now)?;
    transaction.commit().map_err(&what)?;
    if !now.is_empty() {
        give_back(connection).map_err(&what)?;
    }
    Ok(later)
}

/// Returns freed pages to the disk where they are most of a file that is not small: a table was stored in another layout.
fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let number = |name: &str| {
        let sql = format!("PRAGMA {name}");
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
    };
    let (free, all) = (number("freelist_count")?, number("page_count")?);
    if free * number("page_size")? < WORTH_IT || free < all / 3 {
        return Ok(());
    }
    if let Err(error) = connection.execute_batch("VACUUM") {
        tracing::warn!(
            "the mirror keeps pages that it no longer needs and will use again: {error}"
        );
    }
    Ok(())
}

/// The tables of a layout; those that are changed later, with the columns that they have.
fn as_they_are(
    transaction: &Transaction<'_>,
    layout: &Layout,
    later: &[String],
) -> Result<Vec<Table>, StoreError> {
    let mut tables = Vec::with_capacity(layout.tables.len());
    for (name, (table, _)) in &layout.tables {
        match later.contains(name) {
            false => tables.push(table.clone()),
            true => tables.extend(queries::table(transaction, &table.source, &table.stream)?),
        }
    }
    Ok(tables)
}
