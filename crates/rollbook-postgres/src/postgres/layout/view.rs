//! `<connector>_<stream>_labelled`: the rows with what their codes mean.
//!
//! Made of what `rollbook_columns` says, so that every publisher makes the same view, whichever columns its own source has.

use tokio_postgres::types::Type;

use super::super::error::DatabaseError;
use super::super::session::DatabaseSession;
use super::super::{literal, quote};
use super::{PublishTarget, StreamLayout, name_within, table_name};
use rollbook_core::model::published::{PublishedPart, SOURCE_COLUMN};
use rollbook_core::model::{ConnectorName, StreamName};

/// What is behind the name of a stream.
const SUFFIX: &str = "_labelled";

/// Where a connector's combo lists are: a stream, and what its columns are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelColumns {
    /// The stream.
    pub stream: StreamName,
    /// The column with the list's name.
    pub list: String,
    /// The column with the entry's id.
    pub id: String,
    /// The column with the entry's code.
    pub code: String,
    /// The column with what the entry means.
    pub label: String,
    /// The boolean column that is false when the entry is retired.
    pub active: Option<String>,
}

/// A column of the view's table.
struct ViewColumn {
    name: String,
    /// The list, and by what of it the column names an entry.
    combo: Option<(String, String)>,
}

pub(super) fn name(connector: &ConnectorName, stream: &StreamName) -> String {
    name_within(&format!("{connector}_{stream}"), SUFFIX)
}

/// The views of Rollbook's that read a table: its own, and all with labels where it has the combo lists.
pub(super) async fn of_table(
    session: &DatabaseSession,
    schema: &str,
    table: &str,
) -> Result<Vec<String>, DatabaseError> {
    let sql = "SELECT DISTINCT v.relname::text FROM pg_catalog.pg_class AS t \
               JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace \
               JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::regclass \
                 AND d.refobjid = t.oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass \
               JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid \
               JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'v' \
                 AND v.relnamespace = t.relnamespace \
               WHERE n.nspname = $1 AND t.relname = $2 \
                 AND obj_description(v.oid, 'pg_class') LIKE 'Rollbook: %'";
    let values = [(&schema as _, Type::TEXT), (&table as _, Type::TEXT)];
    let rows = session.query(sql, &values).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes the view, if a column has labels and the lists are published.
pub(super) async fn make(
    session: &DatabaseSession,
    target: &PublishTarget,
    layout: StreamLayout<'_>,
) -> Result<(), DatabaseError> {
    let Some(combos) = layout.combos else {
        return Ok(());
    };
    let schema = quote(&target.schema);
    let table = table_name(layout.connector, layout.stream, PublishedPart::Live);
    let lists = table_name(layout.connector, &combos.stream, PublishedPart::Live);
    let is_made = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2";
    let values = [(&target.schema as _, Type::TEXT), (&lists as _, Type::TEXT)];
    let columns = columns(session, &schema, &table).await?;
    let has_labels = columns.iter().any(|column| column.combo.is_some());
    if !has_labels || session.query(is_made, &values).await?.is_empty() {
        return Ok(());
    }
    let view = name(layout.connector, layout.stream);
    let place = format!("{schema}.{}", quote(&view));
    let body = sql((&schema, &table, &lists), &columns, combos);
    let mark = format!(
        "Rollbook: {table} with labels ({:016x})",
        xxhash_rust::xxh3::xxh3_64(body.as_bytes())
    );
    let known = "SELECT obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class AS c \
                 JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'v'";
    let values = [(&target.schema as _, Type::TEXT), (&view as _, Type::TEXT)];
    let known = session.query(known, &values).await?;
    let is_same =
        |row: &tokio_postgres::Row| row.get::<_, Option<String>>(0).as_ref() == Some(&mark);
    if known.first().is_some_and(is_same) {
        return Ok(());
    }
    let is_ours = |row: &tokio_postgres::Row| {
        let comment = row.get::<_, Option<String>>(0);
        comment.is_some_and(|comment| comment.starts_with("Rollbook: "))
    };
    if known.first().is_some_and(|row| !is_ours(row)) {
        return Err(DatabaseError::ForeignTable(view));
    }
    layout.lock.may_change()?;
    let readers = readers(session, &target.schema, &table).await?;
    let make = format!(
        "DROP VIEW IF EXISTS {place}; CREATE VIEW {place} AS {body}; COMMENT ON VIEW {place} IS {}",
        literal(&mark)
    );
    session.batch(&make).await?;
    // A view that another mirror made had a right for its reader.
    for reader in readers {
        let grant = format!("GRANT SELECT ON {place} TO {}", quote(&reader));
        session.batch(&grant).await?;
    }
    Ok(())
}

/// The roles that may read a table, besides its owner.
async fn readers(
    session: &DatabaseSession,
    schema: &str,
    table: &str,
) -> Result<Vec<String>, DatabaseError> {
    let sql = "SELECT DISTINCT r.rolname::text FROM pg_catalog.pg_class AS c \
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               CROSS JOIN LATERAL aclexplode(c.relacl) AS right_of \
               JOIN pg_catalog.pg_roles AS r ON r.oid = right_of.grantee \
               WHERE n.nspname = $1 AND c.relname = $2 AND right_of.privilege_type = 'SELECT' AND right_of.grantee <> c.relowner";
    let values = [(&schema as _, Type::TEXT), (&table as _, Type::TEXT)];
    let rows = session.query(sql, &values).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn columns(
    session: &DatabaseSession,
    schema: &str,
    table: &str,
) -> Result<Vec<ViewColumn>, DatabaseError> {
    let sql = format!(
        "SELECT \"column\", max(combo), max(combo_by) FROM {schema}.rollbook_columns WHERE \"table\" = $1 \
         GROUP BY \"column\" ORDER BY min(position), \"column\""
    );
    let rows = session.query(&sql, &[(&table, Type::TEXT)]).await?;
    let columns = rows.iter().map(|row| {
        let (list, by): (Option<String>, Option<String>) = (row.get(1), row.get(2));
        ViewColumn {
            name: row.get(0),
            combo: list.zip(by),
        }
    });
    Ok(columns.collect())
}

/// The question behind the view. Codes and ids are compared as texts: `01` is not `1`.
fn sql(
    (schema, table, lists): (&str, &str, &str),
    columns: &[ViewColumn],
    combos: &LabelColumns,
) -> String {
    let mut shown = vec![format!("row.{SOURCE_COLUMN}")];
    let mut joins = String::new();
    for column in columns {
        let name = quote(&column.name);
        shown.push(format!("row.{name}"));
        let Some((list, by)) = &column.combo else {
            continue;
        };
        let entry = quote(&format!("{}_entry", column.name));
        for (part, suffix) in [(&combos.code, "code"), (&combos.label, "label")] {
            let shown_as = quote(&format!("{}_{suffix}", column.name));
            shown.push(format!("{entry}.{} AS {shown_as}", quote(part)));
        }
        let by = match by.as_str() {
            "id" => &combos.id,
            "code" => &combos.code,
            _ => &combos.label,
        };
        let order = match &combos.active {
            Some(active) => format!("coalesce(entry.{}, true) DESC, ", quote(active)),
            None => String::new(),
        };
        joins += &format!(
            "\nLEFT JOIN LATERAL (SELECT entry.{code}, entry.{label} FROM {schema}.{lists} AS entry \
             WHERE entry.{SOURCE_COLUMN} = row.{SOURCE_COLUMN} AND entry.{list_column} = {list} \
             AND entry.{by}::text = row.{name}::text ORDER BY {order}entry.{id} LIMIT 1) AS {entry} ON true",
            code = quote(&combos.code),
            label = quote(&combos.label),
            lists = quote(lists),
            list_column = quote(&combos.list),
            list = literal(list),
            by = quote(by),
            id = quote(&combos.id),
        );
    }
    format!(
        "SELECT {}\nFROM {schema}.{} AS row{joins}",
        shown.join(", "),
        quote(table)
    )
}
