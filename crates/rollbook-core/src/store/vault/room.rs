//! Room in the write-ahead log: a token can be saved on a full disk, and nothing old stays in there.
//!
//! SQLite writes its log from the start again once all of it was taken over into the file. So a log that is
//! taken over early and never cut holds a few updates without asking the disk for anything: with none
//! left, saving a token failed always; with 133 KiB of log, never (reliability.md 3.3). One row of noise as
//! long as the log makes it that long, and wipes it when it is written again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::BUSY_TIMEOUT;
use crate::store::StoreError;

/// The log is never cut below this, in bytes.
const LENGTH: u32 = 256 * 1024;

/// The least that a token needs on a full disk, in bytes.
pub(super) const LEAST: u64 = 133 * 1024;

/// The log is taken over into the file when it holds so many pages; an update of a token writes four.
const CHECKPOINT_PAGES: u32 = 16;

/// Reads of the vault are short.
const READER_TIMEOUT: Duration = Duration::from_secs(1);

/// The row of noise. `wipe`: the log may still hold what was sealed or deleted since. A second row leaves spare pages
/// in the file when it is deleted: replacing a token needs some for a short time.
pub(super) const TABLE: &str = "
CREATE TABLE spare (noise BLOB NOT NULL, wipe INTEGER NOT NULL) STRICT;
INSERT INTO spare VALUES (zeroblob(262144), 0), (zeroblob(65536), 2);
DELETE FROM spare WHERE wipe = 2;
";

/// Says how the log is kept. A connection that closes leaves it, else the last one would remove it.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_size_limit", LENGTH, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map(drop)
}

/// Makes the log as long as it should be, and wipes what an interrupted process has left to wipe.
pub(super) fn make(connection: &Connection, vault: &Path) -> Result<(), StoreError> {
    let wipe = connection
        .query_row("SELECT wipe FROM spare", [], |row| row.get::<_, bool>(0))
        .map_err(StoreError::sql("read the vault"))?;
    if wipe {
        return self::wipe(connection);
    }
    let length = std::fs::metadata(log_of(vault)).map_or(0, |log| log.len());
    if length < LEAST {
        fill(connection).map_err(StoreError::sql("keep room in the vault for a token"))?;
    }
    Ok(())
}

/// To be called in the transaction that seals or removes something.
pub(super) fn must_be_wiped(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute("UPDATE spare SET wipe = 1", [])
        .map(drop)
}

/// Overwrites the whole log with noise. Needs no space, and waits for readers.
pub(super) fn wipe(connection: &Connection) -> Result<(), StoreError> {
    let what = StoreError::sql("wipe the vault's log");
    connection.busy_timeout(READER_TIMEOUT).map_err(&what)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| {
        row.get::<_, bool>(0)
    });
    connection.busy_timeout(BUSY_TIMEOUT).map_err(&what)?;
    if busy.map_err(&what)? {
        // The mark stays, so the next process to open the vault does it.
        tracing::warn!("the vault is being read; its old contents are wiped at the next start");
        return Ok(());
    }
    fill(connection).map_err(&what)?;
    connection
        .execute("UPDATE spare SET wipe = 0", [])
        .map(drop)
        .map_err(what)
}

fn fill(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute("UPDATE spare SET noise = randomblob(?1)", [LENGTH])
        .map(drop)
}

/// The vault's write-ahead log.
pub(super) fn log_of(vault: &Path) -> PathBuf {
    let mut name = vault.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}
