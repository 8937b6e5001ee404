//! The account that the rows of each source were read from.
//!
//! An account has a *generation*, a number that grows when another account replaces it. Checkpoints carry it, so
//! none of an older account is ever used for a newer one.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use super::table::quote;
use crate::model::SourceName;
use crate::model::account::Account;

/// The account of a source; nothing before its first applied run.
pub fn load(connection: &Connection, source: &SourceName) -> Result<Option<Account>, StoreError> {
    connection
        .prepare_cached(
            "SELECT generation, address, name, keys FROM rollbook_accounts WHERE source = ?1",
        )
        .and_then(|mut statement| {
            statement
                .query_row([source], |row| {
                    let keys: String = row.get(3)?;
                    Ok(Account {
                        generation: row.get(0)?,
                        address: row.get(1)?,
                        name: row.get(2)?,
                        keys: keys.lines().map(str::to_owned).collect(),
                    })
                })
                .optional()
        })
        .map_err(StoreError::sql("read a source's account"))
}

/// Writes the account of a source down, together with the rows that were read from it.
pub fn save(
    connection: &Connection,
    source: &SourceName,
    account: &Account,
) -> Result<(), StoreError> {
    let keys: Vec<&str> = account.keys.iter().map(String::as_str).collect();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO rollbook_accounts (source, generation, address, name, keys) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                source,
                account.generation,
                account.address,
                account.name,
                keys.join("\n")
            ])
        })
        .map(drop)
        .map_err(StoreError::sql("write a source's account"))
}

/// Whether any table of a source holds a row.
pub fn has_rows(connection: &Connection, source: &SourceName) -> Result<bool, StoreError> {
    let what = StoreError::sql("check whether a source has rows");
    let mut streams = connection
        .prepare_cached("SELECT source || '_' || stream FROM rollbook_tables WHERE source = ?1")
        .map_err(&what)?;
    let tables: Vec<String> = streams
        .query_map([source], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)?;
    for table in tables {
        if has_row(connection, &table).map_err(&what)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a stream has, or ever had, a row.
pub fn ever_had_rows(connection: &Connection, table: &str) -> Result<bool, StoreError> {
    let what = StoreError::sql("check whether a stream ever had rows");
    Ok(has_row(connection, table).map_err(&what)?
        || has_row(connection, &format!("{table}_history")).map_err(&what)?)
}

fn has_row(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let exists: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)",
        [table],
        |row| row.get(0),
    )?;
    if !exists {
        return Ok(false);
    }
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", quote(table));
    connection.query_row(&sql, [], |row| row.get(0))
}
