//! A private database for what is larger than memory should be.

use rusqlite::Connection;

/// How rows of a private database are read.
#[derive(Clone, Copy)]
pub(super) enum ScratchAccess {
    /// One by one, by their keys.
    ByKey,
    /// All of them, in the order in which they were written: a call of the system for each large page.
    InOrder,
}

/// A new one with these tables, in an unlinked file beside the mirror, which is gone with the connection; so much of it is
/// held in memory.
pub(super) fn scratch_database(
    cache_kib: u32,
    access: ScratchAccess,
    tables: &str,
) -> rusqlite::Result<Connection> {
    let page = match access {
        ScratchAccess::ByKey => 4 << 10,
        ScratchAccess::InOrder => 32 << 10,
    };
    let database = Connection::open("")?;
    database.execute_batch(&format!(
        "PRAGMA page_size = {page}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
         PRAGMA cache_size = -{cache_kib};{tables}"
    ))?;
    Ok(database)
}
