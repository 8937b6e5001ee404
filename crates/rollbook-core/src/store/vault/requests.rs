//! How many requests were sent on which day; on disk, so that a restart does not forget them.

use rusqlite::{Connection, params};

use super::Vault;
use crate::model::SourceName;
use crate::store::StoreError;

/// Days of request counts that are kept.
const DAYS: u32 = 8;

impl Vault {
    /// Adds requests to a day (UTC, `2026-01-31`) and returns the day's total.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub fn count(&self, source: &SourceName, day: &str, requests: u32) -> Result<u32, StoreError> {
        let what = StoreError::sql("count requests in the vault");
        let connection = self.connection();
        let total = connection
            .prepare_cached(
                "INSERT INTO requests (source, day, requests) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (source, day) DO UPDATE SET requests = requests + excluded.requests RETURNING requests",
            )
            .and_then(|mut insert| insert.query_row(params![source, day, requests], |row| row.get(0)))
            .map_err(&what)?;
        connection
            .execute(
                "DELETE FROM requests WHERE source = ?1 AND day < date(?2, ?3)",
                params![source, day, format!("-{DAYS} days")],
            )
            .map_err(&what)?;
        Ok(total)
    }

    /// The requests of each day that is kept.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub fn counts(&self, source: &SourceName) -> Result<Vec<(String, u32)>, StoreError> {
        let read = |connection: &Connection| -> rusqlite::Result<Vec<(String, u32)>> {
            let mut counts =
                connection.prepare("SELECT day, requests FROM requests WHERE source = ?1")?;
            let counts = counts.query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?;
            counts.collect()
        };
        read(&self.connection()).map_err(StoreError::sql("read the vault"))
    }
}
