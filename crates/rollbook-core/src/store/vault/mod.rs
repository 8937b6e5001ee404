//! The vault: rotating tokens, begun rotations and counts of requests, private beside the mirror.
//!
//! Its own small database, so that a full mirror cannot lock out a token; its write-ahead log reserves space for one
//! more token (`room.rs`). Mode 0600 under any umask. Sealed if a key is configured (`seal.rs`); without one, every
//! reader of the service's files can use its tokens.

mod erasures;
mod grants;
mod inspect;
mod keys;
mod local_keys;
mod maskings;
mod refusals;
mod rekey;
mod rename;
mod requests;
mod room;
mod schema;
mod seal;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use rusqlite::Connection;

use super::error::StoreError;
use super::private;
use crate::model::SourceName;

pub use erasures::{load_suppression, open_suppression};
pub use inspect::{VaultEntry, entries, refused_maskings};
pub use keys::Keys;
pub use seal::{KEY, VaultKey, fresh_key};

/// How long a connection waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The vault's file in a folder.
pub fn vault_file(folder: &Path) -> PathBuf {
    folder.join("vault.db")
}

/// The open vault.
#[derive(Debug)]
pub struct Vault {
    folder: PathBuf,
    connection: Mutex<Connection>,
    /// Lock order: before the connection.
    keys: RwLock<Keys>,
}

impl Vault {
    /// Opens or creates `vault.db` in the folder of the mirror; creates the folder too, because a sign-in may precede
    /// the first run. Plain-text entries are sealed if there is a key. A missing or wrong key is no error here: only
    /// sealed entries are not available.
    ///
    /// # Errors
    /// When the file cannot be written, is no vault, or is one of a newer Rollbook.
    pub fn open(folder: &Path, keys: Keys) -> Result<Self, StoreError> {
        let path = vault_file(folder);
        private::make_folder(folder).map_err(StoreError::disk(folder, "make the folder"))?;
        refuse_open_folder(folder)?;
        private::open_private_file(&path)
            .map_err(StoreError::disk(&path, "open the vault for writing"))?;
        let mut connection = Connection::open(&path).map_err(StoreError::sql("open the vault"))?;
        schema::refuse_others(&connection, &path)?;
        prepare(&connection).map_err(StoreError::sql("open the vault"))?;
        schema::upgrade(&mut connection, &path)?;
        rekey::seal_what_is_clear(&mut connection, &keys)?;
        if let Err(error) = room::make(&connection, &path) {
            tracing::warn!(%error, "a token may not fit when the disk is full");
        }
        Ok(Self {
            folder: folder.to_owned(),
            connection: Mutex::new(connection),
            keys: RwLock::new(keys),
        })
    }

    /// Replaces the key while the program runs, and seals plain-text entries with it; returns whether it is another
    /// one.
    ///
    /// # Errors
    /// When the key cannot be had, or something is sealed with another one: then the key that opens it stays.
    pub fn take_key(&self, keys: Keys) -> Result<bool, StoreError> {
        // Held to the end, so that nothing is written in plain text between the sealing and the new key.
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let is_same = match (&*held, &keys) {
            (Keys::Missing(_), Keys::Missing(_)) => true,
            (Keys::Missing(_), _) | (_, Keys::Missing(_)) => false,
            (before, now) => before.id() == now.id(),
        };
        if is_same {
            return Ok(false);
        }
        if let Some(refusal) = keys.refusal(keys.id()) {
            return Err(refusal);
        }
        let sealed = entries(&self.folder)?;
        let mut names = sealed.iter().filter_map(|line| line.key_id.as_deref());
        if let Some(refusal) = names.find_map(|id| keys.refusal(Some(id))) {
            return Err(refusal);
        }
        let mut connection = self.connection();
        rekey::seal_what_is_clear(&mut connection, &keys)?;
        room::wipe(&connection)?;
        *held = keys;
        Ok(true)
    }

    /// Waits for the lock that holds back other processes; the kernel frees it with the process.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, source: &SourceName) -> Result<File, StoreError> {
        let path = self.folder.join(format!("vault-{source}.lock"));
        let broken = StoreError::disk(&path, "lock it");
        let lock = private::open_private_file(&path).map_err(&broken)?;
        lock.lock().map_err(&broken)?;
        Ok(lock)
    }

    /// The name of the key that everything is sealed with, if one is given.
    pub fn key_id(&self) -> Option<String> {
        self.keys().id().map(str::to_owned)
    }

    /// Seals every entry with another key, or with none, in one transaction, and returns how many rows changed.
    ///
    /// # Errors
    /// When something opens with none of the keys; then nothing is changed.
    pub fn rekey(&self, from: &[&Keys], to: &Keys) -> Result<usize, StoreError> {
        rekey::rekey(&mut self.connection(), from, to)
    }

    /// Uses the key in force.
    pub fn with_keys<T>(&self, act: impl FnOnce(&Keys) -> T) -> T {
        act(&self.keys())
    }

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "secure_delete", "on")?;
    room::prepare(connection)
}

/// A user who can write to the vault's folder could replace the vault.
fn refuse_open_folder(folder: &Path) -> Result<(), StoreError> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    if private::is_open_to_all(folder) {
        let problem = format!(
            "every user of this machine can write to this folder; run `chmod o-w {}`",
            folder.display()
        );
        return Err(file(folder, problem));
    }
    Ok(())
}

fn file(path: &Path, problem: String) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod key_tests;
#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod tests;
