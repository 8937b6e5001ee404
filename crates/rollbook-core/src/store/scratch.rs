//! A private database for what is larger than memory should be.

use rusqlite::Connection;

/// A new one with these tables, in an unlinked file beside the mirror, which is gone with the connection; so much of it is
/// held in memory.
pub(super) fn scratch_database(cache_kib: u32, tables: &str) -> rusqlite::Result<Connection> {
    let database = Connection::open("")?;
    database.execute_batch(&format!(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{cache_kib};{tables}"
    ))?;
    Ok(database)
}
