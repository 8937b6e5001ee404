//! The row of a source: which worker has it, and what the database holds of it. It is never deleted (cluster-protocol.md 1 rule 1).

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::cluster::lease::{LeaseRow, Position, RunFence};
use crate::postgres::error::DatabaseError;
use crate::postgres::quote;
use crate::postgres::session::DatabaseSession;

/// What the statements of a claim may wait for a lock: less than the look that claims.
const CLAIM: Duration = Duration::from_secs(3);

/// The columns of a [`LeaseRow`], of the table `l`.
fn columns(schema: &str) -> String {
    format!(
        "l.epoch, l.claim, l.start, l.position_epoch, l.position_run, l.position_revision, \
         EXISTS (SELECT 1 FROM {}.workers w WHERE w.start = l.start AND w.until > clock_timestamp())",
        quote(schema)
    )
}

fn lease_row(row: &Row, first: usize) -> LeaseRow {
    LeaseRow {
        epoch: row.get(first),
        claim: row.get(first + 1),
        start: row.get(first + 2),
        is_valid: row.get(first + 6),
        position: Position {
            epoch: row.get(first + 3),
            run: row.get(first + 4),
            revision: row.get(first + 5),
        },
    }
}

fn weight(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(1).max(1)
}

/// A source that may be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeRow {
    /// The source.
    pub source: String,
    /// What it adds to a load.
    pub weight: u64,
    /// How long no worker has had it.
    pub free_for: Duration,
    /// Its row.
    pub row: LeaseRow,
}

/// What a transaction says of a source's files beside its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// Identifies the pages: how many each file has, and their hash.
    pub content: String,
    /// What the source adds to a load.
    pub weight: i64,
    /// What `rollbook status` shows of it, as JSON; without a person.
    pub summary: String,
}

/// Makes the rows of sources that have none.
///
/// # Errors
/// When the database refuses it or does not answer; the same holds for all below.
pub async fn register(
    session: &DatabaseSession,
    schema: &str,
    sources: &[String],
) -> Result<(), DatabaseError> {
    let sql = format!(
        "INSERT INTO {}.leases (source, epoch, claim, moved, position_epoch, position_run, position_revision, weight) \
         SELECT source, 0, '', clock_timestamp(), 0, 0, 0, 1 FROM unnest($1) AS source ON CONFLICT DO NOTHING",
        quote(schema)
    );
    let values = [(&sources as _, Type::TEXT_ARRAY)];
    session.execute(&sql, &values).await.map(drop)
}

/// The row of a source.
pub async fn find(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
) -> Result<Option<LeaseRow>, DatabaseError> {
    find_with(session, schema, source, "").await
}

/// The row of a source, after the transaction that changes it has ended. In a transaction.
pub async fn find_settled(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
) -> Result<Option<LeaseRow>, DatabaseError> {
    find_with(session, schema, source, " FOR SHARE OF l").await
}

async fn find_with(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
    lock: &str,
) -> Result<Option<LeaseRow>, DatabaseError> {
    let sql = format!(
        "SELECT {} FROM {}.leases l WHERE l.source = $1{lock}",
        columns(schema),
        quote(schema)
    );
    let rows = session.query(&sql, &[(&source, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| lease_row(row, 0)))
}

/// The sources whose rows name this start, with what each adds to a load.
pub async fn held_by(
    session: &DatabaseSession,
    schema: &str,
    start: &str,
) -> Result<Vec<(String, LeaseRow, u64)>, DatabaseError> {
    let sql = format!(
        "SELECT l.source, {}, l.weight FROM {}.leases l WHERE l.start = $1",
        columns(schema),
        quote(schema)
    );
    let rows = session.query(&sql, &[(&start, Type::TEXT)]).await?;
    let row = |row: &Row| (row.get(0), lease_row(row, 1), weight(row.get(8)));
    Ok(rows.iter().map(row).collect())
}

/// All sources that no living worker has. Every worker asks every few seconds: those that are held are not gone through.
pub async fn free(session: &DatabaseSession, schema: &str) -> Result<Vec<FreeRow>, DatabaseError> {
    let columns = columns(schema);
    let schema = quote(schema);
    let of = |since: &str| {
        format!(
            "SELECT l.source, l.weight, extract(epoch FROM clock_timestamp() - {since})::float8, {columns}"
        )
    };
    // A row whose worker is not there any more names none: see `workers::begin` and `workers::end`.
    let sql = format!(
        "{given_back} FROM {schema}.leases l WHERE l.start IS NULL UNION ALL \
         {left_alone} FROM {schema}.workers w JOIN {schema}.leases l ON l.start = w.start WHERE w.until <= clock_timestamp()",
        given_back = of("l.moved"),
        left_alone = of("greatest(l.moved, w.until)"),
    );
    let rows = session.query(&sql, &[]).await?;
    let row = |row: &Row| FreeRow {
        source: row.get(0),
        weight: weight(row.get(1)),
        free_for: Duration::try_from_secs_f64(row.get(2)).unwrap_or_default(),
        row: lease_row(row, 3),
    };
    Ok(rows.iter().map(row).collect())
}

/// A claim of a source.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The source.
    pub source: &'a str,
    /// The number of the claim.
    pub epoch: i64,
    /// The claim itself.
    pub claim: &'a str,
    /// The start of this worker.
    pub start: &'a str,
}

/// What a claim finds: read by the statement that claims, because the worker before may have shipped something until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// What the database holds of the source.
    pub position: Position,
    /// What identifies its pages; `None` where there are none.
    pub content: Option<String>,
}

/// Claims a source whose row was found like this; `None` where another was faster, or the worker that had it lives.
pub async fn claim(
    session: &DatabaseSession,
    schema: &str,
    new: Claim<'_>,
    found: &LeaseRow,
) -> Result<Option<Claimed>, DatabaseError> {
    session.begin_within(CLAIM).await?;
    let claimed = claim_in_transaction(session, schema, new, found).await;
    match claimed {
        Ok(Some(claimed)) => session.commit().await.map(|()| Some(claimed)),
        other => {
            session.roll_back().await;
            other
        }
    }
}

async fn claim_in_transaction(
    session: &DatabaseSession,
    schema: &str,
    new: Claim<'_>,
    found: &LeaseRow,
) -> Result<Option<Claimed>, DatabaseError> {
    let schema = quote(schema);
    if let Some(holder) = found.start.as_deref().filter(|holder| *holder != new.start) {
        // Its heartbeat waits for this, and finds that its time has come (cluster-protocol.md 5 rule 21).
        let sql = format!(
            "SELECT until > clock_timestamp() FROM {schema}.workers WHERE start = $1 FOR SHARE"
        );
        let rows = session.query(&sql, &[(&holder, Type::TEXT)]).await?;
        if rows.first().is_some_and(|row| row.get::<_, bool>(0)) {
            return Ok(None);
        }
    }
    let sql = format!(
        "UPDATE {schema}.leases SET epoch = $2, claim = $3, start = $4, moved = clock_timestamp() \
         WHERE source = $1 AND claim = $5 AND epoch = $6 \
         AND EXISTS (SELECT 1 FROM {schema}.workers w WHERE w.start = $4 AND w.until > clock_timestamp()) \
         RETURNING position_epoch, position_run, position_revision, content"
    );
    let values = [
        (&new.source as _, Type::TEXT),
        (&new.epoch as _, Type::INT8),
        (&new.claim as _, Type::TEXT),
        (&new.start as _, Type::TEXT),
        (&found.claim as _, Type::TEXT),
        (&found.epoch as _, Type::INT8),
    ];
    let rows = session.query(&sql, &values).await?;
    Ok(rows.first().map(|row| Claimed {
        position: Position {
            epoch: row.get(0),
            run: row.get(1),
            revision: row.get(2),
        },
        content: row.get(3),
    }))
}

/// Gives a source back, if the claim is still the one of its row.
pub async fn release(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
    claim: &str,
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "UPDATE {}.leases SET start = NULL, moved = clock_timestamp() WHERE source = $1 AND claim = $2",
        quote(schema)
    );
    let values = [(&source as _, Type::TEXT), (&claim as _, Type::TEXT)];
    Ok(session.execute(&sql, &values).await? == 1)
}

/// The last statement of the transaction that ships a source's pages: compares claim and position, and sets the new one
/// (cluster-protocol.md 1 rule 2). Without it the transaction must not commit.
pub async fn advance(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
    fence: &RunFence,
    shipped: &Shipped,
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "UPDATE {}.leases SET position_epoch = $6, position_run = $7, position_revision = $8, \
         shipped = clock_timestamp(), content = $9, weight = $10, summary = $11 \
         WHERE source = $1 AND claim = $2 AND position_epoch = $3 AND position_run = $4 AND position_revision = $5",
        quote(schema)
    );
    let values = [
        (&source as _, Type::TEXT),
        (&fence.claim as _, Type::TEXT),
        (&fence.from.epoch as _, Type::INT8),
        (&fence.from.run as _, Type::INT8),
        (&fence.from.revision as _, Type::INT8),
        (&fence.to.epoch as _, Type::INT8),
        (&fence.to.run as _, Type::INT8),
        (&fence.to.revision as _, Type::INT8),
        (&shipped.content as _, Type::TEXT),
        (&shipped.weight as _, Type::INT8),
        (&shipped.summary as _, Type::TEXT),
    ];
    Ok(session.execute(&sql, &values).await? == 1)
}

/// Whether the source still has this claim; it keeps it until the end of the transaction. The last statement of a transaction that
/// writes the source's published tables.
pub async fn hold(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
    claim: &str,
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "SELECT 1 FROM {}.leases WHERE source = $1 AND claim = $2 FOR SHARE",
        quote(schema)
    );
    let values = [(&source as _, Type::TEXT), (&claim as _, Type::TEXT)];
    Ok(!session.query(&sql, &values).await?.is_empty())
}
