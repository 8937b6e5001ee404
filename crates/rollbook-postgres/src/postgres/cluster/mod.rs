//! The tables by which the workers of a cluster share the sources (docs/contracts/cluster-protocol.md).
//!
//! Apart from workers and the configuration in force, every row belongs to one source, and no statement names two.

pub mod leases;
pub mod pages;
pub mod requests;
pub mod survey;
pub mod tokens;
pub mod transfer;
pub mod workers;

use std::time::Duration;

use tokio_postgres::types::Type;

use super::error::DatabaseError;
use super::session::DatabaseSession;
use super::{literal, quote};

/// The version of these tables.
const VERSION: i32 = 1;

/// What a transaction of a cluster lets a statement take, wait for a lock, and stand idle: less than half a lease, so that a worker
/// that was stopped holds no lock for longer (cluster-protocol.md 2 rule 10).
pub const SHORT: Duration = Duration::from_secs(12);

/// Makes the schema and the tables that are missing.
///
/// # Errors
/// When the database refuses it, or has those of a newer version.
pub async fn prepare(session: &DatabaseSession, schema: &str) -> Result<(), DatabaseError> {
    if !is_prepared(session, schema).await? {
        super::fence::create_schema(session, schema).await?;
        super::fence::unless_made_meanwhile(session.batch(&tables_sql(schema)).await)?;
    }
    Ok(())
}

/// Whether the tables are there, and not those of a newer version.
///
/// # Errors
/// When the database refuses the question, or has those of a newer version.
pub async fn is_prepared(session: &DatabaseSession, schema: &str) -> Result<bool, DatabaseError> {
    let sql = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = $1 \
               AND tablename IN ('cluster', 'workers', 'leases', 'pages', 'tokens', 'days', 'requests')";
    let tables = session.query(sql, &[(&schema, Type::TEXT)]).await?;
    if tables.first().map(|row| row.get::<_, i64>(0)) != Some(7) {
        return Ok(false);
    }
    let sql = format!("SELECT max(version) FROM {}.cluster", quote(schema));
    let version = session.query(&sql, &[]).await?;
    match version.first().and_then(|row| row.get::<_, Option<i32>>(0)) {
        Some(found) if found > VERSION => Err(DatabaseError::Newer(found)),
        found => Ok(found.is_some()),
    }
}

fn tables_sql(schema: &str) -> String {
    let schema = quote(schema);
    let what = |text: &str| literal(text);
    format!(
        "CREATE TABLE IF NOT EXISTS {schema}.cluster (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  version integer NOT NULL,
  configuration text NOT NULL,
  configured_by text NOT NULL,
  configured timestamptz NOT NULL
);
INSERT INTO {schema}.cluster VALUES (true, {VERSION}, '', '', clock_timestamp()) ON CONFLICT DO NOTHING;
COMMENT ON TABLE {schema}.cluster IS {cluster};
CREATE TABLE IF NOT EXISTS {schema}.workers (
  start text PRIMARY KEY,
  host text NOT NULL,
  version text NOT NULL,
  configuration text NOT NULL,
  began timestamptz NOT NULL,
  until timestamptz NOT NULL,
  load bigint NOT NULL,
  leaving bigint NOT NULL,
  room bigint NOT NULL,
  waits text
);
COMMENT ON TABLE {schema}.workers IS {workers};
CREATE TABLE IF NOT EXISTS {schema}.leases (
  source text PRIMARY KEY,
  epoch bigint NOT NULL,
  claim text NOT NULL,
  start text,
  moved timestamptz NOT NULL,
  position_epoch bigint NOT NULL,
  position_run bigint NOT NULL,
  position_revision bigint NOT NULL,
  shipped timestamptz,
  content text,
  weight bigint NOT NULL,
  summary text
);
CREATE INDEX IF NOT EXISTS leases_start ON {schema}.leases (start);
COMMENT ON TABLE {schema}.leases IS {leases};
CREATE TABLE IF NOT EXISTS {schema}.pages (
  source text NOT NULL,
  file text NOT NULL,
  page integer NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (source, file, page)
);
COMMENT ON TABLE {schema}.pages IS {pages};
CREATE TABLE IF NOT EXISTS {schema}.tokens (
  source text PRIMARY KEY,
  generation bigint NOT NULL,
  intents bigint NOT NULL,
  intent_claim text,
  intent_token bytea,
  intent_at timestamptz,
  resumed boolean NOT NULL,
  key_id text,
  sealed bytea,
  previous bytea,
  obtained timestamptz,
  life_ms bigint,
  scope text
);
COMMENT ON TABLE {schema}.tokens IS {tokens};
CREATE TABLE IF NOT EXISTS {schema}.days (
  source text NOT NULL,
  day date NOT NULL,
  requests bigint NOT NULL,
  PRIMARY KEY (source, day)
);
COMMENT ON TABLE {schema}.days IS {days};
CREATE TABLE IF NOT EXISTS {schema}.requests (
  source text NOT NULL,
  id text NOT NULL,
  arguments text NOT NULL,
  asked timestamptz NOT NULL,
  taken timestamptz,
  answered timestamptz,
  status integer,
  output bytea,
  errors bytea,
  PRIMARY KEY (source, id)
);
COMMENT ON TABLE {schema}.requests IS {requests};",
        cluster = what("Rollbook: the version of these tables, and which configuration the workers have"),
        workers = what("Rollbook: the workers; one lives until its time has come"),
        leases = what("Rollbook: which worker has a source, and what the database holds of it"),
        pages = what("Rollbook: the pages of each source's mirror and vault, as SQLite has them"),
        tokens = what("Rollbook: the tokens of sign-ins, sealed"),
        days = what("Rollbook: how many requests were sent to a source's vendor on a day, or may have been"),
        requests = what("Rollbook: commands for the worker that has a source, and what they printed"),
    )
}
