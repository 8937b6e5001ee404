//! What an admin does with the rows of a source that no worker has: emptying them, filling them from files, sealing them with another key.

use tokio_postgres::types::Type;

use crate::cluster::lease::{LeaseRow, RunFence};
use crate::postgres::error::DatabaseError;
use crate::postgres::quote;
use crate::postgres::session::DatabaseSession;

/// Pages that are deleted in one transaction.
const PAGES: i64 = 2000;

/// What identifies the pages of a source; `None` where there are none.
///
/// # Errors
/// When the database refuses it or does not answer; the same holds for all below.
pub async fn content(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
) -> Result<Option<String>, DatabaseError> {
    let sql = format!(
        "SELECT content FROM {}.leases WHERE source = $1",
        quote(schema)
    );
    let rows = session.query(&sql, &[(&source, Type::TEXT)]).await?;
    Ok(rows.first().and_then(|row| row.get(0)))
}

/// Takes the row of a source away from the worker that had it. The row stays, with a claim that no worker has (cluster-protocol.md 1 rule 1).
/// Returns false if it is not as it was found, or a worker has the source.
pub async fn take(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
    found: &LeaseRow,
    claim: &str,
) -> Result<bool, DatabaseError> {
    take_and(session, schema, source, found, (claim, "")).await
}

/// The same, and says that the database holds nothing of the source.
pub async fn vacate(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
    found: &LeaseRow,
    claim: &str,
) -> Result<bool, DatabaseError> {
    take_and(session, schema, source, found, (claim, NOTHING)).await
}

/// What a row says of a source without a state.
const NOTHING: &str = ", position_epoch = 0, position_run = 0, position_revision = 0, shipped = NULL, content = NULL, weight = 1, summary = NULL";

async fn take_and(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
    found: &LeaseRow,
    (claim, more): (&str, &str),
) -> Result<bool, DatabaseError> {
    let schema = quote(schema);
    let sql = format!(
        "UPDATE {schema}.leases l SET epoch = l.epoch + 1, claim = $4, start = NULL, moved = clock_timestamp(){more} \
         WHERE l.source = $1 AND l.claim = $2 AND l.epoch = $3 AND NOT EXISTS \
         (SELECT 1 FROM {schema}.workers w WHERE w.start = l.start AND w.until > clock_timestamp())"
    );
    let values = [
        (&source as _, Type::TEXT),
        (&found.claim as _, Type::TEXT),
        (&found.epoch as _, Type::INT8),
        (&claim as _, Type::TEXT),
    ];
    Ok(session.execute(&sql, &values).await? == 1)
}

/// Every source that there is a row of.
pub async fn sources(
    session: &DatabaseSession,
    schema: &str,
) -> Result<Vec<String>, DatabaseError> {
    let sql = format!(
        "SELECT source FROM {schema}.leases UNION SELECT source FROM {schema}.tokens ORDER BY source",
        schema = quote(schema)
    );
    let rows = session.query(&sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The same state in other pages: compares claim and position, and sets the new one, as [`leases::advance`](super::leases::advance) does.
pub async fn set_content(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
    fence: &RunFence,
    content: &str,
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "UPDATE {}.leases SET position_epoch = $4, position_run = $5, position_revision = $6, content = $7 \
         WHERE source = $1 AND claim = $2 AND position_revision = $3",
        quote(schema)
    );
    let values = [
        (&source as _, Type::TEXT),
        (&fence.claim as _, Type::TEXT),
        (&fence.from.revision as _, Type::INT8),
        (&fence.to.epoch as _, Type::INT8),
        (&fence.to.run as _, Type::INT8),
        (&fence.to.revision as _, Type::INT8),
        (&content as _, Type::TEXT),
    ];
    Ok(session.execute(&sql, &values).await? == 1)
}

/// Deletes some pages of a source; returns how many there were.
pub async fn delete_pages(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
) -> Result<u64, DatabaseError> {
    let schema = quote(schema);
    let sql = format!(
        "DELETE FROM {schema}.pages WHERE source = $1 AND (file, page) IN \
         (SELECT file, page FROM {schema}.pages WHERE source = $1 LIMIT $2)"
    );
    let values = [(&source as _, Type::TEXT), (&PAGES as _, Type::INT8)];
    session.execute(&sql, &values).await
}

/// Deletes the days of a source's requests, and commands that wait.
pub async fn delete_rest(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
) -> Result<(), DatabaseError> {
    for table in ["days", "requests"] {
        let sql = format!("DELETE FROM {}.{table} WHERE source = $1", quote(schema));
        session.execute(&sql, &[(&source as _, Type::TEXT)]).await?;
    }
    Ok(())
}

/// Makes the database forget the bytes of what was deleted, as [`pages::vacuum`](super::pages::vacuum) does.
pub async fn vacuum(session: &DatabaseSession, schema: &str) -> Result<(), DatabaseError> {
    for table in ["pages", "tokens"] {
        let sql = format!("VACUUM {}.{table}", quote(schema));
        session.long(&sql).await?;
    }
    Ok(())
}
