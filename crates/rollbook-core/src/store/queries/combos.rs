//! The combo lists of a source: how many entries each has, and when it last changed.

use rusqlite::params;
use serde::Serialize;

use super::Reader;
use crate::model::SourceName;
use crate::store::error::StoreError;
use crate::store::lookups::ComboTable;
use crate::store::table::quote;

/// One combo list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListLine {
    /// The source.
    pub source: SourceName,
    /// Its name.
    pub list: String,
    /// Entries in use.
    pub active: i64,
    /// Entries that the vendor still has and calls retired.
    pub retired: i64,
    /// Entries that the vendor no longer has; the history knows them.
    pub removed: i64,
    /// When an entry was last added, changed or removed.
    pub changed: String,
}

/// All lists of a source by name, including those without entries.
pub fn combo_lists(reader: &Reader, combos: &ComboTable) -> Result<Vec<ListLine>, StoreError> {
    let what = StoreError::sql("list the combo lists");
    let live = quote(&combos.name());
    let sql = format!(
        "SELECT list, sum(active), sum(retired), sum(removed), max(changed) FROM ( \
           SELECT {list} AS list, coalesce({active}, 1) AS active, NOT coalesce({active}, 1) AS retired, \
             0 AS removed, _since AS changed FROM {live} \
           UNION ALL SELECT {list}, 0, 0, 0, _until FROM {past} \
           UNION ALL SELECT past.{list}, 0, 0, count(DISTINCT past.{id}), '' FROM {past} AS past \
             WHERE _ended = 'removed' AND NOT EXISTS \
               (SELECT 1 FROM {live} AS now WHERE now.{list} = past.{list} AND now.{id} = past.{id}) \
             GROUP BY past.{list}) \
         GROUP BY list ORDER BY list",
        list = quote(&combos.list),
        id = quote(&combos.id),
        active = combos.active.as_deref().map_or("1".to_owned(), quote),
        past = quote(&format!("{}_history", combos.name())),
    );
    let mut statement = reader.prepare(&sql).map_err(&what)?;
    statement
        .query_map(params![], |row| {
            Ok(ListLine {
                source: combos.source.clone(),
                list: row.get(0)?,
                active: row.get(1)?,
                retired: row.get(2)?,
                removed: row.get(3)?,
                changed: row.get(4)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}
