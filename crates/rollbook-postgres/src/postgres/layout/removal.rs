//! Removing a source from all tables: by what the database itself knows of it, because the configuration may have forgotten it.

use tokio_postgres::types::Type;

use super::super::error::DatabaseError;
use super::super::named_rows::NamedRows;
use super::super::session::DatabaseSession;
use super::{LayoutLock, PublishTarget, actual, quote, remove_source};

/// The tables that have rows of a source, or may have.
///
/// # Errors
/// When the database refuses it or does not answer; the same holds for all below.
pub async fn tables(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
) -> Result<Vec<String>, DatabaseError> {
    let sql = format!(
        "SELECT DISTINCT \"table\" FROM {}.rollbook_columns WHERE source = $1 ORDER BY 1",
        quote(schema)
    );
    let rows = session.query(&sql, &[(&source, Type::TEXT)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How many rows a table has of a source; 0 where the table was dropped by other means.
pub async fn count(rows: NamedRows<'_>) -> Result<u64, DatabaseError> {
    match actual(rows.session, rows.schema, rows.table).await? {
        Some(_) => rows.count().await,
        None => Ok(0),
    }
}

/// Removes some rows of a source from a table; 0 when none is left.
pub async fn remove_some(rows: NamedRows<'_>) -> Result<u64, DatabaseError> {
    let found = actual(rows.session, rows.schema, rows.table).await?;
    let key = found.map(|found| found.key).unwrap_or_default();
    let key: Vec<String> = key.iter().map(|column| quote(column)).collect();
    match key.is_empty() {
        true => Ok(0), // dropped by other means, or its key was: `leave` removes all at once
        false => rows.remove_some(&key.join(", "), "").await,
    }
}

/// Frees the room of rows that were removed from a table, if it is still there.
pub async fn vacuum(rows: NamedRows<'_>) -> Result<(), DatabaseError> {
    match actual(rows.session, rows.schema, rows.table).await? {
        Some(_) => rows.vacuum().await,
        None => Ok(()),
    }
}

/// Removes a source from a table, and the table if no other source has it. Works in the caller's transaction.
pub async fn leave(rows: NamedRows<'_>, target: &PublishTarget) -> Result<(), DatabaseError> {
    LayoutLock::Alone.take(rows.session, &target.schema).await?;
    let is_there = actual(rows.session, &target.schema, rows.table)
        .await?
        .is_some();
    remove_source(rows.session, target, (rows.source, rows.table), is_there).await
}
