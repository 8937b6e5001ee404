//! The tables that a source's streams are published to: made, and changed when the streams change.
//!
//! A table is shared by all sources of a connector, also of other machines, so it has the columns of all of them. A column is
//! dropped when no source has it any more, and emptied for a source that lost it. Where sources disagree about a type, the
//! column is text until they agree.
//!
//! Most sources find their tables as they should be. They look side by side; only who changes something is alone.

mod access;
mod comments;
mod plan;
pub mod removal;
mod view;

use tokio_postgres::types::Type;

use self::plan::{ActualTable, Others, TableChange, is_ours, plan};
pub use self::plan::{TargetColumn, type_of};
pub use self::view::LabelColumns;
use super::error::DatabaseError;
use super::session::DatabaseSession;
use super::{literal, quote};
use rollbook_core::document::suggest::joined;
use rollbook_core::model::published::{PublishedPart, PublishedTable};
use rollbook_core::model::{By, ConnectorName, SourceName, StreamName};

/// PostgreSQL cuts longer names.
const LONGEST_NAME: usize = 63;

/// Where and how tables are made.
#[derive(Clone, Debug)]
pub struct PublishTarget {
    /// The schema.
    pub schema: String,
    /// The role that may read them.
    pub reader: Option<String>,
    /// A number of the address and the schema.
    pub place: String,
}

/// A table of a stream, as it is published.
#[derive(Clone, Debug)]
pub struct TargetTable {
    /// Its name, without schema.
    pub name: String,
    /// What it holds.
    pub table: PublishedTable,
    /// The types that its columns have in the database, in the order of the columns.
    pub types: Vec<String>,
}

/// `<connector>_<stream>`, `<connector>_<stream>_history`; a name that is too long ends with a number made of it.
pub fn table_name(connector: &ConnectorName, stream: &StreamName, part: PublishedPart) -> String {
    let suffix = match part {
        PublishedPart::Live => "",
        PublishedPart::History => "_history",
    };
    name_within(&format!("{connector}_{stream}"), suffix)
}

fn name_within(name: &str, suffix: &str) -> String {
    let room = LONGEST_NAME - suffix.len();
    if name.len() <= room {
        return format!("{name}{suffix}");
    }
    let number = xxhash_rust::xxh3::xxh3_64(name.as_bytes()) as u32;
    // Names of connectors and streams are ASCII.
    format!("{}_{number:08x}{suffix}", &name[..room - 9])
}

/// What is laid out for a stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamLayout<'a> {
    /// The source.
    pub source: &'a SourceName,
    /// Its connector.
    pub connector: &'a ConnectorName,
    /// The stream.
    pub stream: &'a StreamName,
    /// Its tables.
    pub tables: &'a [PublishedTable],
    /// The connector's combo lists, where the source has them.
    pub combos: Option<&'a LabelColumns>,
    /// What may be done for it.
    pub lock: LayoutLock,
}

/// What a publisher may do to tables that others publish to as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutLock {
    /// Look whether they are as they should be, beside others that do. Those would not see a change of this one.
    Shared,
    /// Change them.
    Alone,
}

impl LayoutLock {
    /// # Errors
    /// When something is to be changed, and others may be looking.
    fn may_change(self) -> Result<(), DatabaseError> {
        match self {
            Self::Shared => Err(DatabaseError::Differs),
            Self::Alone => Ok(()),
        }
    }

    /// Waits for others, as long as `lock_timeout` lets it.
    async fn take(self, session: &DatabaseSession, schema: &str) -> Result<(), DatabaseError> {
        let mode = match self {
            Self::Shared => "SHARE",
            Self::Alone => "UPDATE",
        };
        let lock = format!(
            "SELECT version FROM {}.rollbook_layout FOR {mode}",
            quote(schema)
        );
        session.batch(&lock).await
    }
}

/// What became of a stream's tables.
#[derive(Debug)]
pub enum LaidOut {
    /// They are as they should be.
    Tables {
        /// With the types that they have.
        tables: Vec<TargetTable>,
        /// Whether what the source has in them may have been changed by that.
        is_changed: bool,
    },
    /// The table stays as it is. What is wanted is written: when all want the same, the last one changes it.
    Refused(DatabaseError),
}

/// Makes or changes the tables of a stream, in the caller's transaction. Alone, that is one for statements that take long: a column
/// may be one of many millions of rows.
///
/// # Errors
/// When the database refuses it or does not answer; [`DatabaseError::Differs`] when something is to be changed and the lock is a
/// shared one.
pub async fn lay_out(
    session: &DatabaseSession,
    target: &PublishTarget,
    layout: StreamLayout<'_>,
) -> Result<LaidOut, DatabaseError> {
    layout.lock.take(session, &target.schema).await?;
    let (mut tables, mut is_changed) = (Vec::new(), false);
    for table in layout.tables {
        let name = table_name(layout.connector, layout.stream, table.part);
        match lay_out_table(session, target, layout, (&name, table)).await? {
            LaidOut::Tables {
                tables: made,
                is_changed: this,
            } => {
                tables.extend(made);
                is_changed |= this;
            }
            refused @ LaidOut::Refused(_) => return Ok(refused),
        }
    }
    if !layout.tables.is_empty() {
        view::make(session, target, layout).await?;
        access::grant(session, target, layout, &tables).await?;
    }
    Ok(LaidOut::Tables { tables, is_changed })
}

async fn lay_out_table(
    session: &DatabaseSession,
    target: &PublishTarget,
    layout: StreamLayout<'_>,
    (name, table): (&str, &PublishedTable),
) -> Result<LaidOut, DatabaseError> {
    let schema = quote(&target.schema);
    let columns = format!("{schema}.rollbook_columns");
    let actual = actual(session, &target.schema, name).await?;
    let others = others(session, &columns, name, layout.source).await?;
    if actual.is_some() && !is_own_table(session, &columns, (&target.schema, name)).await? {
        return Err(DatabaseError::ForeignTable(name.to_owned()));
    }
    let plan = plan(actual.as_ref(), table, &others);
    if plan.is_refused || plan.is_lossy || !plan.changes.is_empty() {
        layout.lock.may_change()?;
    }
    write_columns(session, &columns, layout.source, (name, table)).await?;
    if plan.is_refused {
        return Ok(LaidOut::Refused(DatabaseError::OtherKey {
            sources: some_others(session, &columns, name, layout.source).await?,
            table: name.to_owned(),
        }));
    }
    let mut is_lossy = plan.is_lossy;
    if plan.changes.iter().any(TableChange::touches_view) {
        // Also those of other streams, if it has the combo lists: their publishers make them again.
        for view in view::of_table(session, &target.schema, name).await? {
            let is_made_again =
                layout.combos.is_some() && view == view::name(layout.connector, layout.stream);
            is_lossy |= !is_made_again;
            let drop = format!("DROP VIEW {schema}.{}", quote(&view));
            session.batch(&drop).await?;
        }
    }
    for change in &plan.changes {
        let sql = change.sql(&target.schema, name, (table, &plan.types));
        session.long(&sql).await?;
    }
    for column in &plan.emptied {
        let sql = format!(
            "UPDATE {schema}.{} SET {column} = NULL WHERE source = {} AND {column} IS NOT NULL",
            quote(name),
            literal(layout.source.as_str()),
            column = quote(column)
        );
        session.long(&sql).await?;
    }
    if is_lossy {
        compare_others(session, target, name, layout.source.as_str()).await?;
    }
    comments::set(session, target, layout, (name, table)).await?;
    let made = TargetTable {
        name: name.to_owned(),
        table: table.clone(),
        types: plan.types,
    };
    Ok(LaidOut::Tables {
        tables: vec![made],
        is_changed: plan.changes.iter().any(TableChange::is_of_values),
    })
}

/// The tables of a stream, as they were made.
///
/// # Errors
/// When they are not there as they were made, or the database does not answer.
pub async fn find(
    session: &DatabaseSession,
    target: &PublishTarget,
    (connector, stream): (&ConnectorName, &StreamName),
    tables: &[PublishedTable],
) -> Result<Vec<TargetTable>, DatabaseError> {
    let mut found = Vec::new();
    for table in tables {
        let name = table_name(connector, stream, table.part);
        let actual = actual(session, &target.schema, &name).await?;
        let columns = actual.map(|actual| actual.columns).unwrap_or_default();
        let kind = |name: &str| {
            let column = columns.iter().find(|column| column.name == name);
            column.map(|column| column.kind.clone())
        };
        // A cast to a type that a column was given by other means may cut values.
        let types = table.columns.iter().map(|column| {
            let kind = kind(&column.name)?;
            is_ours(&kind, column.kind).then_some(kind)
        });
        let Some(types) = types.collect() else {
            return Err(DatabaseError::OtherColumns(name));
        };
        found.push(TargetTable {
            name,
            table: table.clone(),
            types,
        });
    }
    Ok(found)
}

/// Whether Rollbook made a table: it is listed, or its comment says so.
async fn is_own_table(
    session: &DatabaseSession,
    columns: &str,
    (schema, name): (&str, &str),
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "SELECT 1 FROM {columns} WHERE \"table\" = $2 UNION ALL \
         SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relname = $2 AND obj_description(c.oid, 'pg_class') LIKE 'Rollbook: %' LIMIT 1"
    );
    let values = [(&schema as _, Type::TEXT), (&name as _, Type::TEXT)];
    Ok(!session.query(&sql, &values).await?.is_empty())
}

/// The columns and the key of a table; `None` if it is not there.
async fn actual(
    session: &DatabaseSession,
    schema: &str,
    name: &str,
) -> Result<Option<ActualTable>, DatabaseError> {
    let sql = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), \
               array_position(i.indkey::int2[], a.attnum)::int4 \
               FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
               LEFT JOIN pg_catalog.pg_index AS i ON i.indrelid = c.oid AND i.indisprimary \
               WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') ORDER BY a.attnum";
    let values = [(&schema as _, Type::TEXT), (&name as _, Type::TEXT)];
    let rows = session.query(sql, &values).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut key: Vec<(i32, String)> = Vec::new();
    let mut columns = Vec::new();
    for row in &rows {
        let (name, kind, place): (String, String, Option<i32>) =
            (row.get(0), row.get(1), row.get(2));
        key.extend(place.map(|place| (place, name.clone())));
        columns.push(TargetColumn { name, kind });
    }
    key.sort();
    Ok(Some(ActualTable {
        columns,
        key: key.into_iter().map(|(_, name)| name).collect(),
    }))
}

/// What other sources want of a table.
async fn others(
    session: &DatabaseSession,
    columns: &str,
    name: &str,
    source: &SourceName,
) -> Result<Others, DatabaseError> {
    let sql = format!(
        "SELECT DISTINCT \"column\", type, key FROM {columns} WHERE \"table\" = $1 AND source <> $2"
    );
    let values = [
        (&name as _, Type::TEXT),
        (&source.as_str() as _, Type::TEXT),
    ];
    let mut found = Others::default();
    for row in session.query(&sql, &values).await? {
        let (column, kind, key): (String, String, Option<i32>) =
            (row.get(0), row.get(1), row.get(2));
        found
            .key
            .extend(key.map(|key| (key, column.clone(), kind.clone())));
        found.types.entry(column).or_default().push(kind);
    }
    Ok(found)
}

/// The names of other sources that have a table: a few.
async fn some_others(
    session: &DatabaseSession,
    columns: &str,
    name: &str,
    source: &SourceName,
) -> Result<String, DatabaseError> {
    const NAMED: usize = 3;
    let sql = format!(
        "SELECT DISTINCT source FROM {columns} WHERE \"table\" = $1 AND source <> $2 ORDER BY 1 LIMIT {}",
        NAMED + 1
    );
    let values = [
        (&name as _, Type::TEXT),
        (&source.as_str() as _, Type::TEXT),
    ];
    let rows = session.query(&sql, &values).await?;
    let mut names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if names.len() > NAMED {
        names.truncate(NAMED);
        names.push("others".to_owned());
    }
    Ok(joined(names.iter().map(String::as_str)))
}

/// Removes a source from a table: all its rows, and the table itself if no other source has it.
async fn remove_source(
    session: &DatabaseSession,
    target: &PublishTarget,
    (source, name): (&str, &str),
    is_there: bool,
) -> Result<(), DatabaseError> {
    let schema = quote(&target.schema);
    let values = [(&name as _, Type::TEXT), (&source as _, Type::TEXT)];
    let sql = format!("DELETE FROM {schema}.rollbook_columns WHERE \"table\" = $1 AND source = $2");
    session.execute(&sql, &values).await?;
    if !is_there {
        return Ok(());
    }
    let sql = format!("SELECT 1 FROM {schema}.rollbook_columns WHERE \"table\" = $1 LIMIT 1");
    let others = session.query(&sql, &values[..1]).await?;
    if others.is_empty() {
        let views = view::of_table(session, &target.schema, name).await?;
        let views = views
            .iter()
            .map(|view| format!("DROP VIEW {schema}.{};", quote(view)));
        let drop = format!(
            "{} DROP TABLE {schema}.{}",
            views.collect::<String>(),
            quote(name)
        );
        return session.batch(&drop).await;
    }
    let sql = format!("DELETE FROM {schema}.{} WHERE source = $1", quote(name));
    session.execute(&sql, &values[1..]).await.map(drop)
}

/// The values of other sources were lost with a column: their publishers find another revision and compare everything.
async fn compare_others(
    session: &DatabaseSession,
    target: &PublishTarget,
    name: &str,
    source: &str,
) -> Result<(), DatabaseError> {
    let schema = quote(&target.schema);
    let sql = format!(
        "UPDATE {schema}.{} SET revision = revision / 2 WHERE source <> $2 AND source IN \
         (SELECT source FROM {schema}.rollbook_columns WHERE \"table\" = $1)",
        super::fence::SOURCES
    );
    let values = [(&name as _, Type::TEXT), (&source as _, Type::TEXT)];
    session.execute(&sql, &values).await.map(drop)
}

async fn write_columns(
    session: &DatabaseSession,
    columns: &str,
    source: &SourceName,
    (name, table): (&str, &PublishedTable),
) -> Result<(), DatabaseError> {
    let source = source.as_str();
    let values = [(&name as _, Type::TEXT), (&source as _, Type::TEXT)];
    let sql = format!("DELETE FROM {columns} WHERE \"table\" = $1 AND source = $2");
    session.execute(&sql, &values).await?;
    let (mut names, mut positions, mut types, mut meanings) = (vec![], vec![], vec![], vec![]);
    let (mut lists, mut by, mut keys) = (vec![], vec![], vec![]);
    for (index, (position, column)) in (1_i32..).zip(&table.columns).enumerate() {
        let key = table.key.iter().position(|key| *key == index);
        keys.push(key.and_then(|key| i32::try_from(key + 1).ok()));
        names.push(column.name.as_str());
        positions.push(position);
        types.push(type_of(column.kind));
        meanings.push(column.help.as_str());
        lists.push(column.combo.as_ref().map(|combo| combo.list.as_str()));
        by.push(column.combo.as_ref().map(|combo| match combo.by {
            By::Id => "id",
            By::Code => "code",
            By::Description => "description",
        }));
    }
    let sql = format!(
        "INSERT INTO {columns} (\"table\", source, \"column\", position, type, meaning, combo, combo_by, key) \
         SELECT $1, $2, new.* FROM unnest($3::text[], $4::int4[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int4[]) AS new"
    );
    let texts = Type::TEXT_ARRAY;
    let values = [
        (&name as _, Type::TEXT),
        (&source as _, Type::TEXT),
        (&names as _, texts.clone()),
        (&positions as _, Type::INT4_ARRAY),
        (&types as _, texts.clone()),
        (&meanings as _, texts.clone()),
        (&lists as _, texts.clone()),
        (&by as _, texts),
        (&keys as _, Type::INT4_ARRAY),
    ];
    session.execute(&sql, &values).await.map(drop)
}
