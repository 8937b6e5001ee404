//! Removing a source from all tables: by what the database itself knows of it, because the configuration may have forgotten it.

use tokio_postgres::types::Type;

use super::super::error::DatabaseError;
use super::super::rows::SomeRows;
use super::super::session::DatabaseSession;
use super::{PublishTarget, actual, quote, remove_source};

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
pub async fn count(
    session: &DatabaseSession,
    schema: &str,
    (table, source): (&str, &str),
) -> Result<u64, DatabaseError> {
    if actual(session, schema, table).await?.is_none() {
        return Ok(0);
    }
    let sql = format!(
        "SELECT count(*) FROM {}.{} WHERE source = $1",
        quote(schema),
        quote(table)
    );
    let rows = session.query(&sql, &[(&source, Type::TEXT)]).await?;
    let count: Option<i64> = rows.first().map(|row| row.get(0));
    Ok(count.map_or(0, i64::unsigned_abs))
}

/// Removes some rows of a source from a table; 0 when none is left.
pub async fn remove_some(
    session: &DatabaseSession,
    schema: &str,
    (table, source): (&str, &str),
) -> Result<u64, DatabaseError> {
    let Some(found) = actual(session, schema, table).await? else {
        return Ok(0);
    };
    let key: Vec<String> = found.key.iter().map(|column| quote(column)).collect();
    let place = format!("{}.{}", quote(schema), quote(table));
    match key.is_empty() {
        true => Ok(0), // the key was dropped by other means: `leave` removes all at once
        false => {
            let some = SomeRows {
                place: &place,
                key: &key.join(", "),
                condition: "",
            };
            some.remove(session, source).await
        }
    }
}

/// Removes a source from a table, and the table if no other source has it. Returns whether it is still there. Works in the
/// caller's transaction.
pub async fn leave(
    session: &DatabaseSession,
    target: &PublishTarget,
    (table, source): (&str, &str),
) -> Result<bool, DatabaseError> {
    super::lock(session, &target.schema).await?;
    let is_there = actual(session, &target.schema, table).await?.is_some();
    remove_source(session, target, (source, table), is_there).await?;
    Ok(actual(session, &target.schema, table).await?.is_some())
}

/// Frees the room of rows that were removed from a table.
pub async fn vacuum(
    session: &DatabaseSession,
    schema: &str,
    table: &str,
) -> Result<(), DatabaseError> {
    let place = format!("{}.{}", quote(schema), quote(table));
    session.long(&format!("VACUUM {place}")).await
}
