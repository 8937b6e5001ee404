//! Changing the key of a vault, or giving it one, or taking it away: all in one transaction, or nothing.
//!
//! What was there before is wiped from the file (`secure_delete`) and from its log (`room.rs`).

use rusqlite::{Connection, TransactionBehavior, params};

use super::erasures;
use super::grants::{ACCESS_TOKEN, API_KEY, PREVIOUS, REFRESH_TOKEN, SEED_HASH, TOKEN_HASH};
use super::keys::{Keys, wrong};
use super::local_keys;
use super::room;
use super::seal::CellId;
use crate::store::StoreError;

/// Every secret cell of the vault.
pub(super) const COLUMNS: [&str; 8] = [
    REFRESH_TOKEN,
    PREVIOUS,
    SEED_HASH,
    API_KEY,
    ACCESS_TOKEN,
    TOKEN_HASH,
    local_keys::SECRET,
    erasures::SECRET,
];

/// Their tables, each with the column that names a row.
const TABLES: [(&str, &str); 4] = [
    ("grants", "source"),
    ("intents", "source"),
    ("local_keys", "source"),
    ("rollbook_suppression_keys", "name"),
];

/// A row that is not sealed with the wanted key.
struct VaultRow {
    table: &'static str,
    /// The column that names it.
    name_column: &'static str,
    source: String,
    key_id: Option<String>,
}

/// Seals plain-text rows; rows that are sealed with another key stay unchanged. The caller wipes.
pub(super) fn seal_what_is_clear(
    connection: &mut Connection,
    keys: &Keys,
) -> Result<(), StoreError> {
    let Keys::Given(_) = keys else {
        return Ok(());
    };
    let is_clear = |row: &VaultRow| row.key_id.is_none();
    reseal(connection, &[&Keys::None], keys, is_clear).map(drop)
}

/// Seals every row with the wanted key, and returns how many rows changed.
///
/// # Errors
/// When a row opens with none of them; then nothing is changed.
pub(super) fn rekey(
    connection: &mut Connection,
    from: &[&Keys],
    to: &Keys,
) -> Result<usize, StoreError> {
    let rows = reseal(connection, from, to, |_| true)?;
    if rows > 0 {
        room::wipe(connection)?;
    }
    Ok(rows)
}

fn reseal(
    connection: &mut Connection,
    from: &[&Keys],
    to: &Keys,
    wanted: impl Fn(&VaultRow) -> bool,
) -> Result<usize, StoreError> {
    let what = StoreError::sql("seal the vault");
    // A check without a lock first: nearly always there is nothing to do.
    if rows(connection, to)
        .map_err(&what)?
        .iter()
        .all(|row| !wanted(row))
    {
        return Ok(0);
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&what)?;
    let rows = rows(&transaction, to).map_err(&what)?;
    let rows: Vec<VaultRow> = rows.into_iter().filter(|row| wanted(row)).collect();
    for row in &rows {
        let given = from.iter().find_map(|keys| keys.id());
        let opener = match &row.key_id {
            None => &Keys::None,
            Some(id) => from
                .iter()
                .find(|keys| keys.id() == Some(id))
                .ok_or_else(|| wrong(id, given))?,
        };
        for column in COLUMNS {
            if let Some(name) = column
                .strip_prefix(row.table)
                .and_then(|rest| rest.strip_prefix('.'))
            {
                move_cell(&transaction, row, (column, name), opener, to)?;
            }
        }
        let sql = format!(
            "UPDATE {} SET key_id = ?2 WHERE {} = ?1",
            row.table, row.name_column
        );
        transaction
            .execute(&sql, params![row.source, to.id()])
            .map_err(&what)?;
    }
    room::must_be_wiped(&transaction).map_err(&what)?;
    transaction.commit().map_err(&what)?;
    Ok(rows.len())
}

fn move_cell(
    connection: &Connection,
    row: &VaultRow,
    (column, name): (&'static str, &str),
    opener: &Keys,
    to: &Keys,
) -> Result<(), StoreError> {
    let what = StoreError::sql("seal the vault");
    let cell_id = CellId {
        source: &row.source,
        column,
    };
    let (table, id) = (row.table, row.name_column);
    let select = format!("SELECT {name} FROM {table} WHERE {id} = ?1");
    let cell: Option<Vec<u8>> = connection
        .query_row(&select, [&row.source], |row| row.get(0))
        .map_err(&what)?;
    let Some(bytes) = cell else { return Ok(()) };
    let text = opener.open(cell_id, &(row.key_id.clone(), bytes))?;
    let update = format!("UPDATE {table} SET {name} = ?2 WHERE {id} = ?1");
    connection
        .execute(&update, params![row.source, to.seal(cell_id, &text)?])
        .map(drop)
        .map_err(what)
}

fn rows(connection: &Connection, to: &Keys) -> rusqlite::Result<Vec<VaultRow>> {
    let mut found = Vec::new();
    for (table, name_column) in TABLES {
        let select = format!("SELECT {name_column}, key_id FROM {table} WHERE key_id IS NOT ?1");
        let mut statement = connection.prepare(&select)?;
        let rows = statement.query_map([to.id()], |row| {
            Ok(VaultRow {
                table,
                name_column,
                source: row.get(0)?,
                key_id: row.get(1)?,
            })
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    Ok(found)
}
