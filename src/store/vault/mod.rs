//! The vault: rotating tokens, begun rotations and counts of requests, private beside the mirror.
//!
//! Its own small database, so that a full mirror cannot lock a token out: its write-ahead log is
//! never cut below one spare update (reliability.md 3.3). Not encrypted yet: whoever can read the
//! service's files can use its tokens.

mod grants;
mod refusals;
mod requests;
mod schema;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::error::StoreError;

pub use grants::{VaultAccess, VaultGrant};

/// How long a connection waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The write-ahead log keeps this much, so that a token can be saved on a full disk.
const SPARE_LOG: i32 = 256 * 1024;

/// The open vault.
#[derive(Debug)]
pub struct Vault {
    folder: PathBuf,
    connection: Mutex<Connection>,
}

impl Vault {
    /// Opens or makes `vault.db` in the folder of the mirror.
    ///
    /// # Errors
    /// When the file cannot be written, is no vault, or is one of a newer Rollbook.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("vault.db");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| {
                file(
                    &path,
                    format!("could not open the vault for writing: {error}"),
                )
            })?;
        let mut connection = Connection::open(&path).map_err(StoreError::sql("open the vault"))?;
        schema::refuse_others(&connection, &path)?;
        prepare(&connection).map_err(StoreError::sql("open the vault"))?;
        schema::upgrade(&mut connection, &path)?;
        Ok(Self {
            folder: folder.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// Waits for the lock that holds back other processes; the kernel frees it with the process.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, source: &str) -> Result<File, StoreError> {
        let path = self.folder.join(format!("vault-{source}.lock"));
        let broken = |error: std::io::Error| file(&path, format!("could not lock it: {error}"));
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(broken)?;
        lock.lock().map_err(broken)?;
        Ok(lock)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", SPARE_LOG, |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "secure_delete", "on")
}

fn file(path: &Path, problem: String) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests;
