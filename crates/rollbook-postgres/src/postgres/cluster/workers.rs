//! Workers: one row each, whose heartbeat is the renewal of all of its leases (cluster-protocol.md 2 rule 13); and the
//! configuration that they have.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::postgres::error::DatabaseError;
use crate::postgres::quote;
use crate::postgres::session::DatabaseSession;

/// A worker that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRow {
    /// Its start: no two have the same, also of one machine.
    pub start: String,
    /// Its machine.
    pub host: String,
    /// The program's version.
    pub version: String,
    /// Identifies its configuration.
    pub configuration: String,
    /// The weights of the sources that it keeps.
    pub load: u64,
    /// The weights of those that it is giving back.
    pub leaving: u64,
    /// The most that it takes; 0 while it takes none.
    pub room: u64,
    /// Why it takes none, for an admin.
    pub waits: Option<String>,
}

/// The configuration of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfiguration {
    /// Identifies it.
    pub hash: String,
    /// The machine that brought it.
    pub host: String,
    /// When, UTC.
    pub since: String,
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Adds a worker, and frees the sources of those whose rows were deleted by hand.
///
/// # Errors
/// When the database refuses it or does not answer; the same holds for all below.
pub async fn begin(
    session: &DatabaseSession,
    schema: &str,
    worker: &WorkerRow,
    lease: Duration,
) -> Result<(), DatabaseError> {
    let schema = quote(schema);
    let gone = format!(
        "SELECT DISTINCT l.start FROM {schema}.leases l LEFT JOIN {schema}.workers w ON w.start = l.start \
         WHERE l.start IS NOT NULL AND w.start IS NULL"
    );
    let gone = session.query(&gone, &[]).await?;
    free(session, &schema, &starts(&gone)).await?;
    let sql = format!(
        "INSERT INTO {schema}.workers (start, host, version, configuration, began, until, load, leaving, room, waits) \
         VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp() + $5 * interval '1 millisecond', $6, $7, $8, $9)"
    );
    write(session, &sql, worker, lease).await.map(drop)
}

/// Renews the leases of a worker. Returns false when they have ended: then it needs a new start
/// (cluster-protocol.md 5 rule 21).
pub async fn renew(
    session: &DatabaseSession,
    schema: &str,
    worker: &WorkerRow,
    lease: Duration,
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "UPDATE {}.workers SET host = $2, version = $3, configuration = $4, \
         until = clock_timestamp() + $5 * interval '1 millisecond', load = $6, leaving = $7, room = $8, waits = $9 \
         WHERE start = $1 AND until > clock_timestamp()",
        quote(schema)
    );
    Ok(write(session, &sql, worker, lease).await? == 1)
}

async fn write(
    session: &DatabaseSession,
    sql: &str,
    worker: &WorkerRow,
    lease: Duration,
) -> Result<u64, DatabaseError> {
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    let (load, leaving, room) = (
        number(worker.load),
        number(worker.leaving),
        number(worker.room),
    );
    let values = [
        (&worker.start as _, Type::TEXT),
        (&worker.host as _, Type::TEXT),
        (&worker.version as _, Type::TEXT),
        (&worker.configuration as _, Type::TEXT),
        (&lease as _, Type::INT8),
        (&load as _, Type::INT8),
        (&leaving as _, Type::INT8),
        (&room as _, Type::INT8),
        (&worker.waits as _, Type::TEXT),
    ];
    session.execute(sql, &values).await
}

/// Removes a worker that has given all back, and those that stopped more than a day ago. What they did not give back is free.
pub async fn end(
    session: &DatabaseSession,
    schema: &str,
    start: &str,
) -> Result<(), DatabaseError> {
    let schema = quote(schema);
    let ended = format!(
        "SELECT start FROM {schema}.workers WHERE start = $1 OR until < clock_timestamp() - interval '1 day'"
    );
    let ended = session.query(&ended, &[(&start, Type::TEXT)]).await?;
    let ended = starts(&ended);
    free(session, &schema, &ended).await?;
    let delete = format!("DELETE FROM {schema}.workers WHERE start = ANY ($1)");
    let values = [(&ended as _, Type::TEXT_ARRAY)];
    session.execute(&delete, &values).await.map(drop)
}

fn starts(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.get(0)).collect()
}

/// Frees the sources of workers that are gone. What `starts` was read by must be a statement of its own: a worker that joins and claims
/// meanwhile is not in what that one saw.
async fn free(
    session: &DatabaseSession,
    schema: &str,
    starts: &[String],
) -> Result<(), DatabaseError> {
    if starts.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE {schema}.leases SET start = NULL, moved = clock_timestamp() WHERE start = ANY ($1)"
    );
    let values = [(&starts as _, Type::TEXT_ARRAY)];
    session.execute(&sql, &values).await.map(drop)
}

/// The workers that live.
pub async fn live(
    session: &DatabaseSession,
    schema: &str,
) -> Result<Vec<WorkerRow>, DatabaseError> {
    let sql = format!(
        "SELECT start, host, version, configuration, load, leaving, room, waits FROM {}.workers \
         WHERE until > clock_timestamp() ORDER BY start",
        quote(schema)
    );
    let rows = session.query(&sql, &[]).await?;
    let number = |row: &Row, at: usize| u64::try_from(row.get::<_, i64>(at)).unwrap_or_default();
    let worker = |row: &Row| WorkerRow {
        start: row.get(0),
        host: row.get(1),
        version: row.get(2),
        configuration: row.get(3),
        load: number(row, 4),
        leaving: number(row, 5),
        room: number(row, 6),
        waits: row.get(7),
    };
    Ok(rows.iter().map(worker).collect())
}

/// The configuration in force.
pub async fn configuration(
    session: &DatabaseSession,
    schema: &str,
) -> Result<ClusterConfiguration, DatabaseError> {
    let sql = format!(
        "SELECT configuration, configured_by, \
         to_char(configured AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM {}.cluster",
        quote(schema)
    );
    let rows = session.query(&sql, &[]).await?;
    let row = rows.first();
    let configuration = row.map(|row| ClusterConfiguration {
        hash: row.get(0),
        host: row.get(1),
        since: row.get(2),
    });
    Ok(configuration.unwrap_or(ClusterConfiguration {
        hash: String::new(),
        host: String::new(),
        since: String::new(),
    }))
}

/// When a worker's configuration becomes that of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// Only if it is that already.
    Never,
    /// It was changed while the worker runs.
    Changed,
    /// Only if no other living worker has the one in force: a machine that was away must not bring an old one back.
    IfAlone,
}

/// Makes a worker's configuration the one of the cluster. Returns whether it is now.
pub async fn adopt(
    session: &DatabaseSession,
    schema: &str,
    worker: &WorkerRow,
    when: Adoption,
) -> Result<bool, DatabaseError> {
    if configuration(session, schema).await?.hash == worker.configuration {
        return Ok(true);
    }
    if when == Adoption::Never {
        return Ok(false);
    }
    let schema = quote(schema);
    let is_changed = when == Adoption::Changed;
    let sql = format!(
        "UPDATE {schema}.cluster c SET configuration = $1, configured_by = $2, configured = clock_timestamp() \
         WHERE c.configuration = $1 OR $3 OR NOT EXISTS (SELECT 1 FROM {schema}.workers w \
         WHERE w.start <> $4 AND w.until > clock_timestamp() AND w.configuration = c.configuration)"
    );
    let values = [
        (&worker.configuration as _, Type::TEXT),
        (&worker.host as _, Type::TEXT),
        (&is_changed as _, Type::BOOL),
        (&worker.start as _, Type::TEXT),
    ];
    Ok(session.execute(&sql, &values).await? == 1)
}
