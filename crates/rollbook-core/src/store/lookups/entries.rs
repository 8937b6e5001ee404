//! The entries of one combo list, now and before.

use rusqlite::{Connection, OptionalExtension as _};

use super::{ComboTable, Crosswalk};
use crate::document::suggest::quoted;
use crate::model::By;
use crate::model::similarity::Candidate;
use crate::store::error::StoreError;
use crate::store::table::quote;

/// An entry of a combo list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComboEntry {
    /// Its id, as text.
    pub id: String,
    /// Its code.
    pub code: Option<String>,
    /// What it means.
    pub label: Option<String>,
    /// Whether it is in use.
    pub active: bool,
}

impl ComboEntry {
    /// For suggestions.
    pub fn candidate(&self) -> Candidate<'_> {
        Candidate {
            code: self.code.as_deref(),
            label: self.label.as_deref(),
        }
    }

    /// What a crosswalk that names entries so writes for this one; nothing where it has none.
    pub fn name(&self, by: By) -> Option<String> {
        match by {
            By::Id => Some(self.id.clone()),
            By::Code => self.code.clone(),
            By::Description => self.label.clone(),
        }
    }

    /// What to write, and what it means: `` `F` (Female) ``.
    pub fn shown(&self, by: By) -> String {
        let name = quoted(&self.name(by).unwrap_or_default());
        match (&self.label, by) {
            (Some(label), By::Id | By::Code) => format!("{name} ({label})"),
            _ => name,
        }
    }
}

/// The entries of a list, those in use first, by code.
pub fn entries_of(
    connection: &Connection,
    combos: &ComboTable,
    list: &str,
) -> Result<Vec<ComboEntry>, StoreError> {
    let what = StoreError::sql("read a combo list");
    let sql = format!(
        "SELECT CAST({id} AS TEXT), {code}, {label}, coalesce({active}, 1) FROM {table} WHERE {list} = ?1 ORDER BY 4 DESC, 2, {id}",
        id = quote(&combos.id),
        code = quote(&combos.code),
        label = quote(&combos.label),
        active = combos.active.as_deref().map_or("1".to_owned(), quote),
        table = quote(&combos.name()),
        list = quote(&combos.list),
    );
    let mut statement = connection.prepare(&sql).map_err(&what)?;
    statement
        .query_map([list], |row| {
            Ok(ComboEntry {
                id: row.get(0)?,
                code: row.get(1)?,
                label: row.get(2)?,
                active: row.get(3)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The names of all lists that have an entry.
pub fn lists_of(connection: &Connection, combos: &ComboTable) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("list the combo lists");
    let sql = format!(
        "SELECT DISTINCT {list} FROM {table} ORDER BY 1",
        list = quote(&combos.list),
        table = quote(&combos.name()),
    );
    let mut statement = connection.prepare(&sql).map_err(&what)?;
    statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The label of a target before it was removed from its list, and when that was; `None` if it was never in the list.
pub fn left_at(
    connection: &Connection,
    combos: &ComboTable,
    crosswalk: &Crosswalk,
    target: &str,
) -> Result<Option<(Option<String>, String)>, StoreError> {
    let sql = format!(
        "SELECT {label}, _until FROM {table} WHERE {list} = ?1 AND {by} = ?2 ORDER BY _until DESC LIMIT 1",
        label = quote(&combos.label),
        table = quote(&format!("{}_history", combos.name())),
        list = quote(&combos.list),
        by = quote(combos.column(crosswalk.by)),
    );
    connection
        .query_row(&sql, [crosswalk.list.as_str(), target], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .map_err(StoreError::sql("look up what a combo list held"))
}
