//! What the reader's role may read.

use tokio_postgres::types::Type;

use super::super::error::DatabaseError;
use super::super::fence::SOURCES;
use super::super::quote;
use super::super::session::DatabaseSession;
use super::{PublishTarget, StreamLayout, TargetTable, view};

/// Grants the rights that it lacks: the tables of a stream, their view, and what tells of them.
pub(super) async fn grant(
    session: &DatabaseSession,
    target: &PublishTarget,
    layout: StreamLayout<'_>,
    made: &[TargetTable],
) -> Result<(), DatabaseError> {
    let Some(reader) = &target.reader else {
        return Ok(());
    };
    let mut names: Vec<String> = made.iter().map(|table| table.name.clone()).collect();
    names.push(view::name(layout.connector, layout.stream)); // which may not be there
    names.extend(["rollbook_columns".to_owned(), SOURCES.to_owned()]);
    let sql = "SELECT c.relname::text, has_table_privilege($3, c.oid, 'SELECT'), \
               has_schema_privilege($3, n.oid, 'USAGE') \
               FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relname = ANY ($2)";
    let values = [
        (&target.schema as _, Type::TEXT),
        (&names as _, Type::TEXT_ARRAY),
        (reader as _, Type::TEXT),
    ];
    let rows = session.query(sql, &values).await?;
    let (schema, reader) = (quote(&target.schema), quote(reader));
    let lacking = rows.iter().filter(|row| !row.get::<_, bool>(1));
    let lacking = lacking.map(|row| format!("{schema}.{}", quote(row.get(0))));
    let lacking: Vec<String> = lacking.collect();
    let mut grants = String::new();
    if rows.iter().any(|row| !row.get::<_, bool>(2)) {
        grants += &format!("GRANT USAGE ON SCHEMA {schema} TO {reader};");
    }
    if !lacking.is_empty() {
        grants += &format!("GRANT SELECT ON {} TO {reader}", lacking.join(", "));
    }
    if grants.is_empty() {
        return Ok(());
    }
    layout.lock.may_change()?;
    session.batch(&grants).await
}
