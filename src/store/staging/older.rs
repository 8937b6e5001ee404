//! Rows that were received in an older version than the stored one: a stale answer, or a vendor that went back.
//!
//! A stale answer never replaces a newer version. The same older version in two readings in a row is no stale
//! answer: the vendor restored a backup, or put a wrong time right.

use super::keys::key_bytes_of;
use super::*;

impl Staging {
    /// Whether a row of the table is newer than what was received for it, and this is the first reading that says so.
    pub(super) fn is_older(&mut self, row: Cells<'_>, number: i64) -> rusqlite::Result<bool> {
        let Some(newest) = self.table.newest else {
            return Ok(false);
        };
        let Some(received) = row.at(newest).text() else {
            return Ok(false);
        };
        if self.older_sql.is_empty() {
            self.older_sql = format!(
                "SELECT {} > ?2 FROM {} WHERE rowid = ?1",
                self.table.names_of(&[newest]),
                self.table.quoted()
            );
        }
        let is_older: Option<bool> = self
            .mirror
            .prepare_cached(&self.older_sql)?
            .query_row(params![number, received], |row| row.get(0))?;
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
            .prepare_cached("INSERT OR REPLACE INTO missing VALUES (?1, 1, NULL, 0, 0, ?2)")?
            .execute(params![key, version])?;
        Ok(true)
    }

    fn was_received_before(&self, key: &[u8], version: i64) -> rusqlite::Result<bool> {
        self.mirror
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM rollbook_waiting WHERE source = ?1 AND stream = ?2 AND key = ?3 AND version = ?4)",
            )?
            .query_row(
                params![self.table.source, self.table.stream, key, version],
                |row| row.get(0),
            )
    }
}
