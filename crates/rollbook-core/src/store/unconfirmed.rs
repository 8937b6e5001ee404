//! Removals that one reading saw and that need another one to agree, and older versions of rows that do.

use rusqlite::{Connection, params};

use super::error::StoreError;
use crate::model::Table;

/// Whether a stream has any, so that its next reading must be a full one.
pub fn is_any(connection: &Connection, table: &Table) -> Result<bool, StoreError> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM rollbook_unconfirmed WHERE source = ?1 AND stream = ?2)",
        )
        .and_then(|mut statement| {
            statement.query_row(params![table.source, table.stream], |row| row.get(0))
        })
        .map_err(StoreError::sql("find unconfirmed removals"))
}
