//! The pages of a source's SQLite files.

use tokio_postgres::types::Type;

use crate::postgres::error::DatabaseError;
use crate::postgres::quote;
use crate::postgres::session::DatabaseSession;

/// Pages of a file, by their numbers from 1 on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageBatch {
    /// The numbers.
    pub numbers: Vec<i32>,
    /// Their bytes, in the same order.
    pub bytes: Vec<Vec<u8>>,
}

/// A file of a source.
#[derive(Clone, Copy, Debug)]
pub struct SourceFile<'a> {
    /// The source.
    pub source: &'a str,
    /// The file, as `mirror`.
    pub file: &'a str,
}

/// Writes pages.
///
/// # Errors
/// When the database refuses it or does not answer; the same holds for all below.
pub async fn put(
    session: &DatabaseSession,
    schema: &str,
    file: SourceFile<'_>,
    batch: &PageBatch,
) -> Result<(), DatabaseError> {
    let sql = format!(
        "INSERT INTO {}.pages (source, file, page, bytes) SELECT $1, $2, page, bytes FROM unnest($3, $4) AS given (page, bytes) \
         ON CONFLICT (source, file, page) DO UPDATE SET bytes = excluded.bytes",
        quote(schema)
    );
    let values = [
        (&file.source as _, Type::TEXT),
        (&file.file as _, Type::TEXT),
        (&batch.numbers as _, Type::INT4_ARRAY),
        (&batch.bytes as _, Type::BYTEA_ARRAY),
    ];
    session.execute(&sql, &values).await.map(drop)
}

/// Removes the pages behind the last one.
pub async fn cut(
    session: &DatabaseSession,
    schema: &str,
    file: SourceFile<'_>,
    last: i32,
) -> Result<(), DatabaseError> {
    let sql = format!(
        "DELETE FROM {}.pages WHERE source = $1 AND file = $2 AND page > $3",
        quote(schema)
    );
    let values = [
        (&file.source as _, Type::TEXT),
        (&file.file as _, Type::TEXT),
        (&last as _, Type::INT4),
    ];
    session.execute(&sql, &values).await.map(drop)
}

/// Some pages behind one, in order.
pub async fn get(
    session: &DatabaseSession,
    schema: &str,
    file: SourceFile<'_>,
    (after, limit): (i32, i64),
) -> Result<PageBatch, DatabaseError> {
    let sql = format!(
        "SELECT page, bytes FROM {}.pages WHERE source = $1 AND file = $2 AND page > $3 ORDER BY page LIMIT $4",
        quote(schema)
    );
    let values = [
        (&file.source as _, Type::TEXT),
        (&file.file as _, Type::TEXT),
        (&after as _, Type::INT4),
        (&limit as _, Type::INT8),
    ];
    let rows = session.query(&sql, &values).await?;
    Ok(PageBatch {
        numbers: rows.iter().map(|row| row.get(0)).collect(),
        bytes: rows.iter().map(|row| row.get(1)).collect(),
    })
}

/// Makes the database forget the bytes of replaced pages, such as those that held an erased person: of the table; write-ahead
/// log, replicas and base backups are its operator's.
pub async fn vacuum(session: &DatabaseSession, schema: &str) -> Result<(), DatabaseError> {
    session
        .long(&format!("VACUUM {}.pages", quote(schema)))
        .await
}
