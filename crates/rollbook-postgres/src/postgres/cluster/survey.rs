//! Questions about the whole cluster, for `rollbook cluster status`. They change nothing.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::postgres::error::DatabaseError;
use crate::postgres::quote;
use crate::postgres::session::DatabaseSession;

/// Times in the mirror's format.
const TIME: &str = "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'";

/// A worker that lives, and how many sources it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedWorker {
    /// Its start.
    pub start: String,
    /// Its machine.
    pub host: String,
    /// The program's version.
    pub version: String,
    /// Identifies its configuration.
    pub configuration: String,
    /// When it started.
    pub began: String,
    /// How many sources it has.
    pub sources: u64,
    /// What they weigh.
    pub load: u64,
    /// What those weigh that it is giving back.
    pub leaving: u64,
    /// What it takes at most.
    pub room: u64,
    /// Why it takes nothing.
    pub waits: Option<String>,
}

/// A source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedSource {
    /// Its name.
    pub source: String,
    /// How often it was claimed.
    pub epoch: i64,
    /// The start of the living worker that has it.
    pub worker: Option<String>,
    /// Since when it has it, or since when no one does.
    pub seconds: u64,
    /// When its pages were sent last, and how many seconds ago.
    pub shipped: Option<(String, u64)>,
    /// What the database says of its jobs, as JSON.
    pub summary: Option<String>,
}

fn number(row: &Row, at: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(at)).unwrap_or_default()
}

/// What time it is, and the configuration in force: its hash, who brought it, and when.
///
/// # Errors
/// When the database refuses it or does not answer; the same holds for all below.
pub async fn in_force(
    session: &DatabaseSession,
    schema: &str,
) -> Result<(String, [String; 3]), DatabaseError> {
    let sql = format!(
        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', {TIME}), configuration, configured_by, \
         CASE configuration WHEN '' THEN '' ELSE to_char(configured AT TIME ZONE 'UTC', {TIME}) END FROM {}.cluster",
        quote(schema)
    );
    let rows = session.query(&sql, &[]).await?;
    let row = rows
        .first()
        .ok_or_else(|| DatabaseError::Answer("the table cluster is empty".to_owned()))?;
    Ok((row.get(0), [row.get(1), row.get(2), row.get(3)]))
}

/// The workers that live, by host.
pub async fn workers(
    session: &DatabaseSession,
    schema: &str,
) -> Result<Vec<SurveyedWorker>, DatabaseError> {
    let schema = quote(schema);
    let sql = format!(
        "SELECT w.start, w.host, w.version, w.configuration, to_char(w.began AT TIME ZONE 'UTC', {TIME}), \
         (SELECT count(*) FROM {schema}.leases l WHERE l.start = w.start), w.load, w.leaving, w.room, w.waits \
         FROM {schema}.workers w WHERE w.until > clock_timestamp() ORDER BY w.host, w.start"
    );
    let rows = session.query(&sql, &[]).await?;
    let worker = |row: &Row| SurveyedWorker {
        start: row.get(0),
        host: row.get(1),
        version: row.get(2),
        configuration: row.get(3),
        began: row.get(4),
        sources: number(row, 5),
        load: number(row, 6),
        leaving: number(row, 7),
        room: number(row, 8),
        waits: row.get(9),
    };
    Ok(rows.iter().map(worker).collect())
}

/// The sources, by name; only one if it is named.
pub async fn sources(
    session: &DatabaseSession,
    schema: &str,
    only: Option<&str>,
) -> Result<Vec<SurveyedSource>, DatabaseError> {
    let schema = quote(schema);
    let sql = format!(
        "SELECT l.source, l.epoch, CASE WHEN w.until > clock_timestamp() THEN w.start END, \
         greatest(0, extract(epoch FROM clock_timestamp() - \
         CASE WHEN w.until > clock_timestamp() THEN l.moved ELSE greatest(l.moved, w.until) END))::int8, \
         to_char(l.shipped AT TIME ZONE 'UTC', {TIME}), \
         greatest(0, extract(epoch FROM clock_timestamp() - l.shipped))::int8, l.summary \
         FROM {schema}.leases l LEFT JOIN {schema}.workers w ON w.start = l.start \
         WHERE $1::text IS NULL OR l.source = $1 ORDER BY l.source"
    );
    let rows = session.query(&sql, &[(&only as _, Type::TEXT)]).await?;
    let source = |row: &Row| SurveyedSource {
        source: row.get(0),
        epoch: row.get(1),
        worker: row.get(2),
        seconds: number(row, 3),
        shipped: row
            .get::<_, Option<String>>(4)
            .map(|at| (at, number(row, 5))),
        summary: row.get(6),
    };
    Ok(rows.iter().map(source).collect())
}
