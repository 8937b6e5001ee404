//! The vault's tables, and bringing an older vault up to them.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::{file, maskings, room};
use crate::store::{StoreError, suppression};

/// "RBVT" in ASCII.
const APPLICATION: i32 = 0x5242_5654;

/// The version of the tables below.
const VERSION: i32 = 5;

/// A secret is a BLOB: the text itself while `key_id` is NULL, otherwise sealed with that key.
const TABLES: &str = "
CREATE TABLE grants (
  source TEXT PRIMARY KEY,
  key_id TEXT,
  refresh_token BLOB NOT NULL,
  previous BLOB,
  seed_hash BLOB NOT NULL,
  api_key BLOB,
  access_token BLOB,
  access_life_ms INTEGER,
  obtained TEXT NOT NULL,
  scope TEXT
) STRICT;
CREATE TABLE intents (
  source TEXT PRIMARY KEY,
  key_id TEXT,
  token_hash BLOB NOT NULL,
  at TEXT NOT NULL
) STRICT;
DROP TABLE IF EXISTS refusals;
CREATE TABLE refusals (
  source TEXT PRIMARY KEY,
  credential TEXT NOT NULL,
  at TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 1,
  is_clear INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE TABLE IF NOT EXISTS requests (
  source TEXT NOT NULL,
  day TEXT NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (source, day)
) STRICT;
";

/// Keys that the installation made for itself, since version 4; `source` is what a key is for.
const LOCAL_KEYS: &str = "
CREATE TABLE IF NOT EXISTS local_keys (
  source TEXT PRIMARY KEY,
  key_id TEXT,
  secret BLOB NOT NULL
) STRICT;
";

/// What version 1 did not keep: the scopes that were granted.
const WITH_SCOPES: &str = "ALTER TABLE grants ADD COLUMN scope TEXT";

/// What version 2 did not keep: how often a credential was sent, and whether it was clearly refused.
const WITH_ATTEMPTS: &str = "
ALTER TABLE refusals ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1;
ALTER TABLE refusals ADD COLUMN is_clear INTEGER NOT NULL DEFAULT 1;
";

/// The tables of a vault that knew no keys, put aside under other names.
const PUT_ASIDE: &str = "
ALTER TABLE grants RENAME TO old_grants;
ALTER TABLE intents RENAME TO old_intents;
";

const TAKE_OVER: &str = "
INSERT INTO grants (source, refresh_token, previous, seed_hash, api_key, obtained)
  SELECT source, CAST(refresh_token AS BLOB), CAST(previous AS BLOB), CAST(seed_hash AS BLOB), CAST(api_key AS BLOB), obtained
  FROM old_grants;
INSERT INTO intents (source, token_hash, at) SELECT source, CAST(token_hash AS BLOB), at FROM old_intents;
DROP TABLE old_grants;
DROP TABLE old_intents;
";

/// Never touches another program's file (fault-catalogue.md 121).
pub(super) fn refuse_others(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let what = StoreError::sql("open the vault");
    let application =
        number(connection, "application_id").map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => file(path, "this is not a vault; move it away".into()),
            _ => what(error),
        })?;
    let tables = number(connection, "schema_version").map_err(&what)?;
    if application != APPLICATION && (application != 0 || tables != 0) {
        let problem = "this database belongs to another program; move it away";
        return Err(file(path, problem.into()));
    }
    let version = number(connection, "user_version").map_err(&what)?;
    if version > VERSION {
        let problem = format!(
            "this vault was written by a newer rollbook (its version {version}, known here {VERSION}); install that one"
        );
        return Err(file(path, problem));
    }
    Ok(())
}

/// Whether the tables are those of this version.
pub(super) fn is_current(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(number(connection, "user_version")? == VERSION)
}

/// Makes the tables, in one transaction; another process may be at it too.
pub(super) fn upgrade(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let what = StoreError::sql("make the vault's tables");
    if is_current(connection).map_err(&what)? {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&what)?;
    refuse_others(&transaction, path)?;
    step(&transaction).map_err(&what)?;
    transaction.commit().map_err(&what)
}

fn step(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let from = number(transaction, "user_version")?;
    match from {
        VERSION => return Ok(()),
        1 => {
            transaction.execute_batch(WITH_SCOPES)?;
            transaction.execute_batch(WITH_ATTEMPTS)?;
        }
        2 => transaction.execute_batch(WITH_ATTEMPTS)?,
        3 | 4 => {}
        _ => first(transaction)?,
    }
    transaction.execute_batch(LOCAL_KEYS)?;
    // What version 3 did not keep: who was erased, as keyed hashes, and the key.
    if from != 4 {
        transaction.execute_batch(suppression::TABLES)?;
    }
    // What version 4 did not keep: how the columns are masked by which they are known.
    transaction.execute_batch(maskings::TABLE)?;
    transaction.pragma_update(None, "user_version", VERSION)
}

/// Makes the tables, and takes over what a vault without keys holds.
fn first(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let is_old = transaction.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'grants'",
        [],
        |row| row.get::<_, bool>(0),
    )?;
    if is_old {
        transaction.execute_batch(PUT_ASIDE)?;
    }
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(room::TABLE)?;
    if is_old {
        transaction.execute_batch(TAKE_OVER)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i32> {
    connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
}
