//! The SQL that leaves out what refers to nothing.

use crate::model::bundle::BundleReference;
use crate::store::table::{literal, quote};

fn found(reference: &BundleReference) -> String {
    let target = quote(&reference.target);
    format!(
        "(SELECT CAST({target} AS TEXT) FROM temp.{} WHERE {target} IS NOT NULL)",
        quote(&reference.file)
    )
}

/// Empties values that are not found.
pub(super) fn drop_value(table: &str, reference: &BundleReference) -> String {
    let (column, found) = (quote(&reference.column), found(reference));
    format!(
        "UPDATE {table} SET {column} = NULL WHERE {column} IS NOT NULL AND CAST({column} AS TEXT) NOT IN {found}"
    )
}

/// A list keeps the values that are found; one without any becomes null.
pub(super) fn drop_items(table: &str, reference: &BundleReference) -> String {
    let (column, found) = (quote(&reference.column), found(reference));
    let separator = literal(reference.separator.as_deref().unwrap_or_default());
    let items = format!(
        "json_each('[' || replace(json_quote(CAST({column} AS TEXT)), {separator}, '\",\"') || ']') AS item"
    );
    format!(
        "UPDATE {table} SET {column} = (SELECT group_concat(item.value, {separator}) FROM {items} WHERE item.value IN {found}) \
         WHERE {column} <> '' AND EXISTS (SELECT 1 FROM {items} WHERE item.value NOT IN {found})"
    )
}

/// A list of which nothing was found is null by now.
pub(super) fn delete_without(table: &str, reference: &BundleReference) -> String {
    let (column, found) = (quote(&reference.column), found(reference));
    match reference.separator {
        Some(_) => format!("DELETE FROM {table} WHERE {column} IS NULL OR {column} = ''"),
        None => format!(
            "DELETE FROM {table} WHERE {column} IS NULL OR CAST({column} AS TEXT) NOT IN {found}"
        ),
    }
}
