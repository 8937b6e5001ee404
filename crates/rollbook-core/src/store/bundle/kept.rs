//! What is kept of the rows of a bundle, until the next one.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::{BundleChange, BundleRows};
use crate::model::row::Cell;
use crate::store::error::StoreError;

/// A row that is to be kept, or no longer.
#[derive(Clone, Debug)]
pub struct KeptRow {
    pub(super) file: String,
    pub(super) key: i64,
    /// `None` if it left.
    pub(super) row: Option<KeptValues>,
}

/// What is kept of a row.
#[derive(Clone, Debug)]
pub(super) struct KeptValues {
    pub(super) hash: i64,
    /// Values of the key by column, as JSON, where they are apart.
    pub(super) id: Option<String>,
    /// The other values, or all; none where the fingerprint is enough.
    pub(super) values: Option<String>,
}

/// What is kept of a bundle's rows besides their fingerprints.
#[derive(Clone, Copy, Debug)]
pub enum KeptContent {
    /// Nothing.
    Fingerprints,
    /// Their values, where who left is named later.
    Values,
    /// Their values for `rollbook serve`.
    Served(ServedUpdate),
}

/// When and how the rows of a bundle that is served are written.
#[derive(Clone, Copy, Debug)]
pub struct ServedUpdate {
    /// When new, changed and removed rows changed.
    pub at: Timestamp,
    /// Rows that left before are forgotten.
    pub removed_since: Timestamp,
    /// Whether something was erased, so that rows that leave now may not be kept.
    pub is_erased: bool,
}

/// What is to be kept of the rows that changed, or of `all`.
///
/// # Errors
/// When the mirror cannot be read.
pub fn kept_rows(
    rows: &BundleRows<'_>,
    content: KeptContent,
    all: bool,
) -> Result<Vec<KeptRow>, StoreError> {
    let mut kept = of_other_files(rows)?;
    for (number, file) in rows.files.iter().enumerate() {
        if file.key.is_empty() {
            continue;
        }
        let key: Vec<usize> = (file.key.iter())
            .filter_map(|name| file.columns.iter().position(|column| column == name))
            .collect();
        rows.each_change(number, all, |key_of_removed, change| {
            let row = match change {
                BundleChange::Removed(_) => None,
                BundleChange::Present(cells, _) => {
                    let of = |is_in: &dyn Fn(usize) -> bool| values(&file.columns, cells, is_in);
                    let (id, values) = match content {
                        KeptContent::Fingerprints => (None, None),
                        KeptContent::Values => (None, Some(of(&|_| true))),
                        KeptContent::Served(_) => (
                            Some(of(&|index| key.contains(&index))),
                            Some(of(&|index| !key.contains(&index))),
                        ),
                    };
                    let hash = super::fingerprint(cells);
                    Some(KeptValues { hash, id, values })
                }
            };
            let key = match change {
                BundleChange::Removed(_) => key_of_removed,
                BundleChange::Present(cells, _) => super::key_fingerprint(cells, &key),
            };
            kept.push(KeptRow {
                file: file.name.clone(),
                key,
                row,
            });
            ControlFlow::<()>::Continue(())
        })?;
    }
    Ok(kept)
}

/// The rows of files that the bundle had and has no more: they left too.
fn of_other_files(rows: &BundleRows<'_>) -> Result<Vec<KeptRow>, StoreError> {
    let files: Vec<&str> = rows.files.iter().map(|file| file.name.as_str()).collect();
    let files = serde_json::to_string(&files).unwrap_or_default();
    let sql = "SELECT file, key FROM main.rollbook_bundle_rows WHERE bundle = ?1 AND file NOT IN (SELECT value FROM json_each(?2))";
    let left = |row: &rusqlite::Row<'_>| {
        Ok(KeptRow {
            file: row.get(0)?,
            key: row.get(1)?,
            row: None,
        })
    };
    rows.connection
        .prepare(sql)
        .and_then(|mut statement| {
            let rows = statement.query_map([rows.name, &files], left)?;
            rows.collect()
        })
        .map_err(StoreError::sql("look for files that a bundle has no more"))
}

/// Some values of a row by column, as JSON.
fn values(columns: &[String], cells: &[Cell<'_>], is_in: &dyn Fn(usize) -> bool) -> String {
    let all = columns.iter().zip(cells).enumerate();
    let members = all.filter(|(index, _)| is_in(*index));
    let members = members.map(|(_, (name, cell))| {
        let value = cell.plain().map_or(serde_json::Value::Null, Into::into);
        (name.clone(), value)
    });
    serde_json::Value::Object(members.collect()).to_string()
}
