//! Commands that one host asks for and the worker that has the source carries out. What they print may hold pupils, so a row is deleted
//! as soon as it is fetched.

use tokio_postgres::types::Type;

use crate::postgres::error::DatabaseError;
use crate::postgres::quote;
use crate::postgres::session::DatabaseSession;

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestProgress {
    /// The source.
    pub source: String,
    /// Whether a worker has begun with it.
    pub is_taken: bool,
    /// Whether it has ended.
    pub is_answered: bool,
    /// The worker that has the source: its start and its machine.
    pub worker: Option<(String, String)>,
}

/// What a command ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestAnswer {
    /// Its exit code.
    pub status: i32,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error.
    pub errors: Vec<u8>,
}

/// Asks the worker that has a source for a command.
///
/// # Errors
/// When the database refuses it or does not answer; the same holds for all below.
pub async fn ask(
    session: &DatabaseSession,
    schema: &str,
    (source, id): (&str, &str),
    arguments: &str,
) -> Result<(), DatabaseError> {
    let sql = format!(
        "INSERT INTO {}.requests (source, id, arguments, asked) VALUES ($1, $2, $3, clock_timestamp())",
        quote(schema)
    );
    let values = [
        (&source as _, Type::TEXT),
        (&id as _, Type::TEXT),
        (&arguments as _, Type::TEXT),
    ];
    session.execute(&sql, &values).await.map(drop)
}

/// How far the requests of this name are; one a source.
pub async fn progress(
    session: &DatabaseSession,
    schema: &str,
    id: &str,
) -> Result<Vec<RequestProgress>, DatabaseError> {
    let sql = format!(
        "SELECT r.source, r.taken IS NOT NULL, r.answered IS NOT NULL, w.start, w.host FROM {schema}.requests r \
         LEFT JOIN {schema}.leases l ON l.source = r.source \
         LEFT JOIN {schema}.workers w ON w.start = l.start AND w.until > clock_timestamp() WHERE r.id = $1",
        schema = quote(schema)
    );
    let rows = session.query(&sql, &[(&id, Type::TEXT)]).await?;
    let rows = rows.iter().map(|row| RequestProgress {
        source: row.get(0),
        is_taken: row.get(1),
        is_answered: row.get(2),
        worker: row.get::<_, Option<String>>(3).zip(row.get(4)),
    });
    Ok(rows.collect())
}

/// An answer, which is deleted; `None` while there is none.
pub async fn fetch(
    session: &DatabaseSession,
    schema: &str,
    (source, id): (&str, &str),
) -> Result<Option<RequestAnswer>, DatabaseError> {
    let sql = format!(
        "DELETE FROM {}.requests WHERE source = $1 AND id = $2 AND answered IS NOT NULL RETURNING status, output, errors",
        quote(schema)
    );
    let values = [(&source as _, Type::TEXT), (&id as _, Type::TEXT)];
    let rows = session.query(&sql, &values).await?;
    Ok(rows.first().map(|row| RequestAnswer {
        status: row.get::<_, Option<i32>>(0).unwrap_or(1),
        output: row.get::<_, Option<_>>(1).unwrap_or_default(),
        errors: row.get::<_, Option<_>>(2).unwrap_or_default(),
    }))
}

/// Withdraws a request. Returns whether a worker has begun with it already; its answer is discarded then.
pub async fn withdraw(
    session: &DatabaseSession,
    schema: &str,
    (source, id): (&str, &str),
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "DELETE FROM {}.requests WHERE source = $1 AND id = $2 RETURNING taken IS NOT NULL",
        quote(schema)
    );
    let values = [(&source as _, Type::TEXT), (&id as _, Type::TEXT)];
    let rows = session.query(&sql, &values).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// The requests that no worker has begun with, the oldest first: source and name.
pub async fn waiting(
    session: &DatabaseSession,
    schema: &str,
) -> Result<Vec<(String, String)>, DatabaseError> {
    let sql = format!(
        "SELECT source, id FROM {}.requests WHERE taken IS NULL ORDER BY asked, source, id",
        quote(schema)
    );
    let rows = session.query(&sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Takes a request; returns what it asks for, or `None` if it was withdrawn or another has taken it.
pub async fn take(
    session: &DatabaseSession,
    schema: &str,
    (source, id): (&str, &str),
) -> Result<Option<String>, DatabaseError> {
    let sql = format!(
        "UPDATE {}.requests SET taken = clock_timestamp() WHERE source = $1 AND id = $2 AND taken IS NULL RETURNING arguments",
        quote(schema)
    );
    let values = [(&source as _, Type::TEXT), (&id as _, Type::TEXT)];
    let rows = session.query(&sql, &values).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Answers a request, unless it was withdrawn.
pub async fn answer(
    session: &DatabaseSession,
    schema: &str,
    (source, id): (&str, &str),
    answer: &RequestAnswer,
) -> Result<(), DatabaseError> {
    let sql = format!(
        "UPDATE {}.requests SET answered = clock_timestamp(), status = $3, output = $4, errors = $5 \
         WHERE source = $1 AND id = $2 AND answered IS NULL",
        quote(schema)
    );
    let values = [
        (&source as _, Type::TEXT),
        (&id as _, Type::TEXT),
        (&answer.status as _, Type::INT4),
        (&answer.output as _, Type::BYTEA),
        (&answer.errors as _, Type::BYTEA),
    ];
    session.execute(&sql, &values).await.map(drop)
}

/// Forgets answers that were not fetched for ten minutes, requests that no worker took for an hour, and those of workers that stopped.
pub async fn forget_old(session: &DatabaseSession, schema: &str) -> Result<(), DatabaseError> {
    let sql = format!(
        "DELETE FROM {}.requests WHERE answered < clock_timestamp() - interval '10 minutes' \
         OR taken IS NULL AND asked < clock_timestamp() - interval '1 hour' \
         OR taken < clock_timestamp() - interval '2 hours'",
        quote(schema)
    );
    session.execute(&sql, &[]).await.map(drop)
}
