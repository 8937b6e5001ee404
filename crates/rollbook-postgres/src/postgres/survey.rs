//! What a user may do in a database, for `rollbook check --online`. It changes nothing.

use tokio_postgres::types::Type;

use super::error::DatabaseError;
use super::session::DatabaseSession;

/// The oldest version that is supported, as `server_version_num` has it.
const OLDEST: i32 = 140_000;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSurvey {
    /// The server's version, such as `15.4`.
    pub version: String,
    /// What keeps the tables from being made there, and what to do.
    pub obstacles: Vec<String>,
}

/// Asks what the user of a connection may do in a schema, and whether a reader's role is there.
///
/// # Errors
/// When the database refuses it or does not answer.
pub async fn survey(
    session: &DatabaseSession,
    schema: &str,
    reader: Option<&str>,
) -> Result<DatabaseSurvey, DatabaseError> {
    session.begin_reading().await?;
    let found = surveyed(session, schema, reader).await;
    session.roll_back().await;
    found
}

async fn surveyed(
    session: &DatabaseSession,
    schema: &str,
    reader: Option<&str>,
) -> Result<DatabaseSurvey, DatabaseError> {
    // Of a schema that is not there the rights are null. Own tables are altered, which only their owner may.
    let sql = "SELECT split_part(current_setting('server_version'), ' ', 1), \
               current_setting('server_version_num')::int4, pg_is_in_recovery(), n.oid IS NOT NULL, \
               coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE'), \
                        has_database_privilege(current_database(), 'CREATE')), \
               (SELECT count(*) FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v') \
                AND obj_description(c.oid, 'pg_class') LIKE 'Rollbook: %' AND NOT pg_has_role(c.relowner, 'USAGE')), \
               $2::text IS NULL OR EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $2) \
               FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = $1";
    let values = [(&schema as _, Type::TEXT), (&reader as _, Type::TEXT)];
    let rows = session.query(sql, &values).await?;
    let Some(row) = rows.first() else {
        return Err(DatabaseError::Answer("no row".to_owned()));
    };
    let (is_replica, has_schema, may, foreign, has_reader): (bool, bool, bool, i64, bool) =
        (row.get(2), row.get(3), row.get(4), row.get(5), row.get(6));
    let version: String = row.get(0);
    let mut obstacles = Vec::new();
    if row.get::<_, i32>(1) < OLDEST {
        obstacles.push(format!(
            "PostgreSQL {version} is too old: 14 or newer is needed"
        ));
    }
    if is_replica {
        obstacles.push("the server is a replica: name the primary in `url`".to_owned());
    }
    if !may {
        obstacles.push(match has_schema {
            true => format!(
                "the user may not create tables in the schema {schema}: `GRANT USAGE, CREATE ON SCHEMA` it, or make the user \
                 its owner"
            ),
            false => format!(
                "the user may not create the schema {schema}: `GRANT CREATE ON DATABASE` to it, or create the schema for it"
            ),
        });
    }
    if foreign > 0 {
        obstacles.push(format!(
            "{foreign} tables and views of Rollbook in the schema {schema} belong to another role: publish as a member of it"
        ));
    }
    if let (Some(reader), false) = (reader, has_reader) {
        obstacles.push(format!(
            "there is no role {reader}: `CREATE ROLE` it, or correct `reader`"
        ));
    }
    Ok(DatabaseSurvey { version, obstacles })
}
