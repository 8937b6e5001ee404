//! Rows of one source in a table of which no more than the name is known.

use tokio_postgres::types::Type;

use super::error::DatabaseError;
use super::quote;
use super::session::DatabaseSession;
use rollbook_core::model::published::SOURCE_COLUMN;

/// Rows that one statement removes.
const REMOVED_AT_ONCE: u32 = 20_000;

/// The rows of a source in a table.
#[derive(Clone, Copy)]
pub struct NamedRows<'a> {
    /// The connection.
    pub session: &'a DatabaseSession,
    /// The schema.
    pub schema: &'a str,
    /// The name of the table.
    pub table: &'a str,
    /// The source.
    pub source: &'a str,
}

impl NamedRows<'_> {
    /// The table, for a statement.
    pub fn place(&self) -> String {
        format!("{}.{}", quote(self.schema), quote(self.table))
    }

    /// How many there are.
    ///
    /// # Errors
    /// When the database refuses it or does not answer; the same holds for all below.
    pub async fn count(&self) -> Result<u64, DatabaseError> {
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {SOURCE_COLUMN} = $1",
            self.place()
        );
        let source = [(&self.source as _, Type::TEXT)];
        let rows = self.session.query(&sql, &source).await?;
        let count = rows.first().map(|row| row.get::<_, i64>(0));
        Ok(count.map_or(0, i64::unsigned_abs))
    }

    /// Removes some, those with the first keys; 0 when none is left. `key`: the columns of the key, with commas. `condition`: a
    /// further one, which begins with ` AND`, or nothing.
    pub async fn remove_some(&self, key: &str, condition: &str) -> Result<u64, DatabaseError> {
        let rows = format!(
            "FROM {} WHERE {SOURCE_COLUMN} = $1{condition}",
            self.place()
        );
        let some = format!(
            "DELETE {rows} AND ({key}) <= (SELECT {key} {rows} ORDER BY {key} OFFSET {REMOVED_AT_ONCE} LIMIT 1)"
        );
        let source = [(&self.source as _, Type::TEXT)];
        match self.session.execute(&some, &source).await? {
            // There are fewer.
            0 => {
                self.session
                    .execute(&format!("DELETE {rows}"), &source)
                    .await
            }
            removed => Ok(removed),
        }
    }

    /// Frees the room of removed rows of all sources: they stay in the files until then.
    pub async fn vacuum(&self) -> Result<(), DatabaseError> {
        self.session.long(&format!("VACUUM {}", self.place())).await
    }
}
