//! The vault: rotating tokens, begun rotations and counts of requests, private beside the mirror.
//!
//! Its own small database, so that a full mirror cannot lock a token out: its write-ahead log is
//! never cut below one spare update (reliability.md 3.3). Mode 0600 under any umask. Not encrypted yet:
//! whoever can read the service's files can use its tokens.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use crate::model::scalar;

/// "RBVT" in ASCII.
const APPLICATION: i32 = 0x5242_5654;

/// The write-ahead log keeps this much, so that a token can be saved on a full disk.
const SPARE_LOG: i32 = 256 * 1024;

/// Days of request counts that are kept.
const DAYS: u32 = 8;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS grants (
  source TEXT PRIMARY KEY,
  refresh_token TEXT NOT NULL,
  previous TEXT,
  seed_hash TEXT NOT NULL,
  api_key TEXT,
  obtained TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS intents (
  source TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS refusals (
  source TEXT PRIMARY KEY,
  credential TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS requests (
  source TEXT NOT NULL,
  day TEXT NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (source, day)
) STRICT;
";

/// The open vault.
#[derive(Debug)]
pub struct Vault {
    folder: PathBuf,
    connection: Mutex<Connection>,
}

/// A grant as the vault holds it. The texts are secret: the caller wraps them at once.
#[derive(Clone)]
pub struct VaultGrant {
    /// The token for the next refresh.
    pub refresh_token: String,
    /// The one before, until the new one has been proven.
    pub previous: Option<String>,
    /// Fingerprint of the token that the admin configured.
    pub seed_hash: String,
    /// The key that came with the token.
    pub api_key: Option<String>,
    /// When it was obtained.
    pub obtained: Timestamp,
}

impl Vault {
    /// Opens or makes `vault.db` in the folder of the mirror.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let what = StoreError::sql("open the vault");
        let path = folder.join("vault.db");
        let broken = |problem: String| StoreError::File {
            path: path.clone(),
            problem,
        };
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| broken(format!("could not open the vault for writing: {error}")))?;
        let connection = Connection::open(&path).map_err(&what)?;
        let application: i32 = connection
            .query_row("PRAGMA application_id", [], |row| row.get(0))
            .map_err(|_| broken("this is no vault; move it away".into()))?;
        if application != APPLICATION && application != 0 {
            return Err(broken(
                "this database belongs to another program; move it away".into(),
            ));
        }
        connection
            .busy_timeout(std::time::Duration::from_secs(10))
            .map_err(&what)?;
        connection
            .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
            .map_err(&what)?;
        connection
            .pragma_update_and_check(None, "journal_size_limit", SPARE_LOG, |_| Ok(()))
            .map_err(&what)?;
        connection
            .pragma_update(None, "synchronous", "full")
            .map_err(&what)?;
        connection
            .pragma_update(None, "secure_delete", "on")
            .map_err(&what)?;
        connection
            .pragma_update(None, "application_id", APPLICATION)
            .map_err(&what)?;
        connection.execute_batch(TABLES).map_err(&what)?;
        Ok(Self {
            folder: folder.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// The grant of a source, and the fingerprint of a token whose refresh was begun and never finished.
    pub fn load(&self, source: &str) -> Result<(Option<VaultGrant>, Option<String>), StoreError> {
        let what = StoreError::sql("read the vault");
        let connection = self.connection();
        let grant = connection
            .query_row(
                "SELECT refresh_token, previous, seed_hash, api_key, obtained FROM grants WHERE source = ?1",
                [source],
                |row| {
                    let obtained: String = row.get(4)?;
                    Ok(VaultGrant {
                        refresh_token: row.get(0)?,
                        previous: row.get(1)?,
                        seed_hash: row.get(2)?,
                        api_key: row.get(3)?,
                        obtained: scalar::parse(&obtained).unwrap_or(Timestamp::UNIX_EPOCH),
                    })
                },
            )
            .optional()
            .map_err(&what)?;
        let intent = connection
            .query_row(
                "SELECT token_hash FROM intents WHERE source = ?1",
                [source],
                |row| row.get(0),
            )
            .optional()
            .map_err(&what)?;
        Ok((grant, intent))
    }

    /// Notes durably that a token is about to be used up.
    pub fn intend(&self, source: &str, token_hash: &str, at: Timestamp) -> Result<(), StoreError> {
        self.connection()
            .execute(
                "INSERT OR REPLACE INTO intents (source, token_hash, at) VALUES (?1, ?2, ?3)",
                params![source, token_hash, scalar::written(at)],
            )
            .map(drop)
            .map_err(StoreError::sql(
                "note in the vault that a token will be renewed",
            ))
    }

    /// Stores a grant and ends its intent, in one transaction.
    pub fn keep(&self, source: &str, grant: &VaultGrant) -> Result<(), StoreError> {
        let what = StoreError::sql("save a token in the vault");
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(&what)?;
        transaction
            .execute(
                "INSERT OR REPLACE INTO grants (source, refresh_token, previous, seed_hash, api_key, obtained) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    source,
                    grant.refresh_token,
                    grant.previous,
                    grant.seed_hash,
                    grant.api_key,
                    scalar::written(grant.obtained)
                ],
            )
            .map_err(&what)?;
        transaction
            .execute("DELETE FROM intents WHERE source = ?1", [source])
            .map_err(&what)?;
        transaction.commit().map_err(&what)
    }

    /// The new token has worked: the previous one is overwritten.
    pub fn proven(&self, source: &str) -> Result<(), StoreError> {
        self.connection()
            .execute(
                "UPDATE grants SET previous = NULL WHERE source = ?1 AND previous IS NOT NULL",
                [source],
            )
            .map(drop)
            .map_err(StoreError::sql("drop a used token from the vault"))
    }

    /// Waits for the lock that holds back other processes; the kernel frees it with the process.
    pub fn lock(&self, source: &str) -> Result<File, StoreError> {
        let path = self.folder.join(format!("vault-{source}.lock"));
        let broken = |error: std::io::Error| StoreError::File {
            path: path.clone(),
            problem: format!("could not lock it: {error}"),
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(&broken)?;
        file.lock().map_err(&broken)?;
        Ok(file)
    }

    /// Adds requests to a day and tells the day's total.
    pub fn count(&self, source: &str, day: &str, requests: u32) -> Result<u32, StoreError> {
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

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
