//! The row of a source that fences what is published of it: who publishes it, and how far it is.
//!
//! The last statement before each commit compares and sets it, so that of two publishers, or of a publisher and a commit of its
//! own that is late, one wins (decision 0065). The row is never deleted while the source is published.

use tokio_postgres::types::Type;

use super::error::DatabaseError;
use super::session::DatabaseSession;
use super::{literal, quote};

/// The table with a row for each source.
pub const SOURCES: &str = "rollbook_sources";

/// The version of our own tables, as this program knows them.
const VERSION: i32 = 1;

/// What a database knows of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The mirror that publishes it.
    pub claim: String,
    /// A random number that every transaction that changes its tables changes.
    pub revision: i64,
    /// Its tables hold what the mirror held after this run.
    pub run: i64,
    /// The machine of that mirror.
    pub host: String,
    /// When that published last, UTC.
    pub published: String,
    /// The connector that the source had then.
    pub connector: String,
}

/// Makes the schema and the tables of our own that are missing.
///
/// # Errors
/// When the database refuses it; the same holds for all below.
pub async fn prepare(session: &DatabaseSession, schema: &str) -> Result<(), DatabaseError> {
    create_schema(session, schema).await?;
    if !is_prepared(session, schema).await? {
        unless_made_meanwhile(session.batch(&tables_sql(schema)).await)?;
    }
    Ok(())
}

/// Makes the schema if it is missing.
pub(super) async fn create_schema(
    session: &DatabaseSession,
    schema: &str,
) -> Result<(), DatabaseError> {
    let named = &[(&schema as _, Type::TEXT)];
    // `IF NOT EXISTS` needs the right to create one even where it is there.
    let there = session
        .query(
            "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1",
            named,
        )
        .await?;
    if there.is_empty() {
        let create = format!("CREATE SCHEMA IF NOT EXISTS {}", quote(schema));
        unless_made_meanwhile(session.batch(&create).await)?;
    }
    Ok(())
}

/// Whether the tables of our own are there, and not those of a newer version.
pub async fn is_prepared(session: &DatabaseSession, schema: &str) -> Result<bool, DatabaseError> {
    let sql = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = $1 \
               AND tablename IN ('rollbook_layout', 'rollbook_sources', 'rollbook_columns')";
    let tables = session.query(sql, &[(&schema, Type::TEXT)]).await?;
    if tables.first().map(|row| row.get::<_, i64>(0)) != Some(3) {
        return Ok(false);
    }
    let sql = format!("SELECT max(version) FROM {}.rollbook_layout", quote(schema));
    let version = session.query(&sql, &[]).await?;
    match version.first().and_then(|row| row.get::<_, Option<i32>>(0)) {
        Some(found) if found > VERSION => Err(DatabaseError::Newer(found)),
        found => Ok(found.is_some()),
    }
}

/// Two publishers may create the same at once.
pub(super) fn unless_made_meanwhile(
    created: Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    match created {
        Err(error) if !error.is_conflict() => Err(error),
        _ => Ok(()),
    }
}

fn tables_sql(schema: &str) -> String {
    let schema = quote(schema);
    format!(
        "CREATE TABLE IF NOT EXISTS {schema}.rollbook_layout (version integer PRIMARY KEY);
INSERT INTO {schema}.rollbook_layout VALUES ({VERSION}) ON CONFLICT DO NOTHING;
COMMENT ON TABLE {schema}.rollbook_layout IS {layout};
CREATE TABLE IF NOT EXISTS {schema}.{SOURCES} (
  source text PRIMARY KEY,
  connector text NOT NULL,
  claim text NOT NULL,
  revision bigint NOT NULL,
  run bigint NOT NULL,
  host text NOT NULL,
  complete boolean NOT NULL,
  published timestamptz NOT NULL
);
COMMENT ON TABLE {schema}.{SOURCES} IS {sources};
COMMENT ON COLUMN {schema}.{SOURCES}.run IS {run};
COMMENT ON COLUMN {schema}.{SOURCES}.complete IS {complete};
CREATE TABLE IF NOT EXISTS {schema}.rollbook_columns (
  source text NOT NULL,
  \"table\" text NOT NULL,
  \"column\" text NOT NULL,
  position integer NOT NULL,
  type text NOT NULL,
  meaning text NOT NULL,
  combo text,
  combo_by text,
  key integer,
  PRIMARY KEY (source, \"table\", \"column\")
);
COMMENT ON TABLE {schema}.rollbook_columns IS {columns};",
        layout = literal("Rollbook: the version of its own tables"),
        sources = literal("Rollbook: who publishes a source, and how far it is"),
        run = literal("the tables hold what the mirror held after this run"),
        complete =
            literal("false while the source's tables are filled or compared for the first time"),
        columns = literal("Rollbook: the columns that each source fills"),
    )
}

/// What the database knows of a source.
pub async fn find(
    session: &DatabaseSession,
    schema: &str,
    source: &str,
) -> Result<Option<Fence>, DatabaseError> {
    let sql = format!(
        "SELECT claim, revision, run, host, to_char(published AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), connector \
         FROM {}.{SOURCES} WHERE source = $1",
        quote(schema)
    );
    let rows = session.query(&sql, &[(&source, Type::TEXT)]).await?;
    let row = rows.first();
    Ok(row.map(|row| Fence {
        claim: row.get(0),
        revision: row.get(1),
        run: row.get(2),
        host: row.get(3),
        published: row.get(4),
        connector: row.get(5),
    }))
}

/// Who takes a source, and where it begins.
#[derive(Clone, Copy, Debug)]
pub struct NewClaim<'a> {
    /// The source.
    pub source: &'a str,
    /// Its connector.
    pub connector: &'a str,
    /// The claim.
    pub claim: &'a str,
    /// The run after which the mirror's rows are compared.
    pub run: i64,
    /// This machine.
    pub host: &'a str,
}

/// The revision that a claim begins with.
pub const FIRST_REVISION: i64 = 1;

/// Takes a source that has no row yet, or exactly the row that was found. Returns whether no other publisher was faster.
pub async fn take(
    session: &DatabaseSession,
    schema: &str,
    new: NewClaim<'_>,
    found: Option<&Fence>,
) -> Result<bool, DatabaseError> {
    let (table, text, number) = (
        format!("{}.{SOURCES}", quote(schema)),
        Type::TEXT,
        Type::INT8,
    );
    let mut values: Vec<(&(dyn tokio_postgres::types::ToSql + Sync), Type)> = vec![
        (&new.source, text.clone()),
        (&new.connector, text.clone()),
        (&new.claim, text.clone()),
        (&new.run, number.clone()),
        (&new.host, text.clone()),
        (&FIRST_REVISION, number.clone()),
    ];
    let sql = match found {
        None => format!(
            "INSERT INTO {table} (source, connector, claim, run, host, revision, complete, published) \
             VALUES ($1, $2, $3, $4, $5, $6, false, clock_timestamp()) ON CONFLICT DO NOTHING"
        ),
        Some(found) => {
            values.extend([(&found.claim as _, text), (&found.revision as _, number)]);
            format!(
                "UPDATE {table} SET connector = $2, claim = $3, run = $4, host = $5, revision = $6, complete = false, \
                 published = clock_timestamp() WHERE source = $1 AND claim = $7 AND revision = $8"
            )
        }
    };
    Ok(session.execute(&sql, &values).await? == 1)
}

/// Where a publisher believes a source to be.
#[derive(Clone, Copy, Debug)]
pub struct HeldFence<'a> {
    /// The source.
    pub source: &'a str,
    /// The claim.
    pub claim: &'a str,
    /// The revision.
    pub revision: i64,
}

/// What a transaction makes of a source.
#[derive(Clone, Copy, Debug)]
pub struct NextRevision {
    /// The revision.
    pub revision: i64,
    /// The run after which the mirror held what the tables hold then.
    pub run: i64,
    /// Whether all tables are filled; `None` leaves what was said before.
    pub is_complete: Option<bool>,
}

/// Sets the next revision, if the row is as it was left.
pub async fn advance(
    session: &DatabaseSession,
    schema: &str,
    held: HeldFence<'_>,
    next: NextRevision,
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "UPDATE {}.{SOURCES} SET revision = $4, run = $5, complete = coalesce($6, complete), published = clock_timestamp() \
         WHERE source = $1 AND claim = $2 AND revision = $3",
        quote(schema)
    );
    let values = [
        (&held.source as _, Type::TEXT),
        (&held.claim as _, Type::TEXT),
        (&held.revision as _, Type::INT8),
        (&next.revision as _, Type::INT8),
        (&next.run as _, Type::INT8),
        (&next.is_complete as _, Type::BOOL),
    ];
    Ok(session.execute(&sql, &values).await? == 1)
}

/// Locks the row for the rest of the transaction, if it is as it was left.
pub async fn hold(
    session: &DatabaseSession,
    schema: &str,
    held: HeldFence<'_>,
) -> Result<bool, DatabaseError> {
    let act = format!(
        "UPDATE {}.{SOURCES} SET published = clock_timestamp()",
        quote(schema)
    );
    if_held(session, &act, held).await
}

/// Forgets a source whose rows were removed.
pub async fn forget(
    session: &DatabaseSession,
    schema: &str,
    held: HeldFence<'_>,
) -> Result<bool, DatabaseError> {
    let act = format!("DELETE FROM {}.{SOURCES}", quote(schema));
    if_held(session, &act, held).await
}

async fn if_held(
    session: &DatabaseSession,
    act: &str,
    held: HeldFence<'_>,
) -> Result<bool, DatabaseError> {
    let sql = format!("{act} WHERE source = $1 AND claim = $2 AND revision = $3");
    let values = [
        (&held.source as _, Type::TEXT),
        (&held.claim as _, Type::TEXT),
        (&held.revision as _, Type::INT8),
    ];
    Ok(session.execute(&sql, &values).await? == 1)
}
