//! Rows that were received in an older version than the stored one: a stale answer, or a vendor that went back.
//!
//! A stale response never replaces a newer version. The same older version in two consecutive readings is not stale:
//! the vendor restored a backup, or corrected a wrong time.

use rusqlite::params;

use super::Staging;
use super::keys::key_bytes_of;
use crate::model::row::Cells;
use crate::store::sql_cells::SqlCell;

impl Staging {
    /// Whether the stored row is newer than the received one, and no earlier reading received the same version.
    pub(super) fn is_older(&mut self, row: Cells<'_>) -> rusqlite::Result<bool> {
        let Some(newest) = self.table.newest else {
            return Ok(false);
        };
        let Some(received) = row.at(newest).text() else {
            return Ok(false);
        };
        if self.is_older_sql.is_empty() {
            self.is_older_sql = format!(
                "SELECT {} > ?1 FROM {} WHERE {}",
                self.table.names_of(&[newest]),
                self.table.quoted(),
                self.table.key_is(2)
            );
        }
        let mut statement = self.mirror.prepare_cached(&self.is_older_sql)?;
        statement.raw_bind_parameter(1, received)?;
        for (number, column) in (2..).zip(&self.table.key) {
            statement.raw_bind_parameter(number, SqlCell(row.at(*column)))?;
        }
        let is_older: Option<bool> = match statement.raw_query().next()? {
            Some(stored) => stored.get(0)?,
            None => None,
        };
        drop(statement);
        if is_older != Some(true) {
            return Ok(false);
        }
        let mut key = Vec::new();
        key_bytes_of(row, &self.table.key, &mut key);
        let version = row.fingerprint();
        if self.was_received_before(&key, version)? {
            return Ok(false);
        }
        self.stage
            .database()?
            .prepare_cached("INSERT OR REPLACE INTO missing VALUES (?1, 1, NULL, 0, 0, ?2)")?
            .execute(params![key, version])?;
        Ok(true)
    }

    fn was_received_before(&self, key: &[u8], version: i64) -> rusqlite::Result<bool> {
        self.mirror
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM rollbook_unconfirmed WHERE source = ?1 AND stream = ?2 AND key = ?3 AND version = ?4)",
            )?
            .query_row(
                params![self.table.source, self.table.stream, key, version],
                |row| row.get(0),
            )
    }
}
