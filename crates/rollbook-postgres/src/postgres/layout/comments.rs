//! What tables and columns mean, as comments: set where they are other ones, because each is a row of the database's own tables.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;

use super::super::error::DatabaseError;
use super::super::session::DatabaseSession;
use super::super::{literal, quote};
use super::{PublishTarget, StreamLayout};
use rollbook_core::model::published::{PublishedPart, PublishedTable, SOURCE_COLUMN};

const SOURCE: &str = "the source: an account at the vendor, as rollbook.toml names it";

/// Sets those that differ.
pub(super) async fn set(
    session: &DatabaseSession,
    target: &PublishTarget,
    layout: StreamLayout<'_>,
    (name, table): (&str, &PublishedTable),
) -> Result<(), DatabaseError> {
    let found = found(session, &target.schema, name).await?;
    let place = format!("{}.{}", quote(&target.schema), quote(name));
    let about = about(layout, table.part);
    let mut sql = String::new();
    let is_same = |column: Option<&str>, text: &str| {
        let known = found.get(&column.map(str::to_owned));
        known.is_some_and(|known| known == text)
    };
    if !is_same(None, &about) {
        sql += &format!("COMMENT ON TABLE {place} IS {};", literal(&about));
    }
    let columns = table.columns.iter();
    let columns = columns.map(|column| (column.name.as_str(), column.help.as_str()));
    for (column, help) in [(SOURCE_COLUMN, SOURCE)].into_iter().chain(columns) {
        if help.is_empty() || is_same(Some(column), help) {
            continue;
        }
        let help = literal(help);
        sql += &format!("COMMENT ON COLUMN {place}.{} IS {help};", quote(column));
    }
    if sql.is_empty() {
        return Ok(());
    }
    layout.lock.may_change()?;
    session.batch(&sql).await
}

fn about(layout: StreamLayout<'_>, part: PublishedPart) -> String {
    let what = match part {
        PublishedPart::Live => "rows",
        PublishedPart::History => "old versions of rows",
    };
    format!(
        "Rollbook: {what} of {} of {}",
        layout.stream, layout.connector
    )
}

/// The comments of a table: of itself, and of its columns.
async fn found(
    session: &DatabaseSession,
    schema: &str,
    name: &str,
) -> Result<BTreeMap<Option<String>, String>, DatabaseError> {
    let sql = "SELECT a.attname::text, d.description FROM pg_catalog.pg_class AS c \
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               JOIN pg_catalog.pg_description AS d ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = c.oid \
               LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0 \
               WHERE n.nspname = $1 AND c.relname = $2";
    let values = [(&schema as _, Type::TEXT), (&name as _, Type::TEXT)];
    let rows = session.query(sql, &values).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
