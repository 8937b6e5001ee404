//! The vault: rotating tokens, begun rotations and counts of requests, private beside the mirror.
//!
//! Its own small database, so that a full mirror cannot lock a token out; its write-ahead log keeps room for
//! one more token (`room.rs`). Mode 0600 under any umask. Sealed where the configuration gives a key
//! (`seal.rs`); without one, whoever can read the service's files can use its tokens.

mod grants;
mod keys;
mod look;
mod refusals;
mod rekey;
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

pub use grants::{VaultAccess, VaultGrant};
pub use keys::Keys;
pub use look::{KeptLine, kept};
pub use seal::{KEY, VaultKey, fresh_key};

/// How long a connection waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The open vault.
#[derive(Debug)]
pub struct Vault {
    folder: PathBuf,
    connection: Mutex<Connection>,
    /// Taken before the connection by everybody who takes both.
    keys: RwLock<Keys>,
}

impl Vault {
    /// Opens or makes `vault.db` in the folder of the mirror, and the folder too where a sign-in comes before
    /// the first run. What stands there in clear is sealed, if there is a key. A missing or wrong key is no error here: only what is sealed cannot be had.
    ///
    /// # Errors
    /// When the file cannot be written, is no vault, or is one of a newer Rollbook.
    pub fn open(folder: &Path, keys: Keys) -> Result<Self, StoreError> {
        let path = folder.join("vault.db");
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

    /// Takes a key that was given while the program runs, and seals with it what stands in clear; says whether it is
    /// another one.
    ///
    /// # Errors
    /// When the key cannot be had, or something is sealed with another one: then the key that opens it stays.
    pub fn take_key(&self, keys: Keys) -> Result<bool, StoreError> {
        // Held to the end, so that nobody writes in clear between the sealing and the new key.
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
        let sealed = kept(&self.folder)?;
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
    pub fn lock(&self, source: &str) -> Result<File, StoreError> {
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

    /// Brings everything that is kept from the keys that open it to another one, or to none, in one
    /// transaction, and says how many rows that were.
    ///
    /// # Errors
    /// When something opens with none of the keys; then nothing is changed.
    pub fn rekey(&self, from: &[&Keys], to: &Keys) -> Result<usize, StoreError> {
        rekey::rekey(&mut self.connection(), from, to)
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
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "secure_delete", "on")?;
    room::prepare(connection)
}

/// Somebody who can put files into the vault's folder could put another vault there.
fn refuse_open_folder(folder: &Path) -> Result<(), StoreError> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    if private::is_open_to_all(folder) {
        let problem = format!(
            "everybody on this machine can put files into this folder; run `chmod o-w {}`",
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
