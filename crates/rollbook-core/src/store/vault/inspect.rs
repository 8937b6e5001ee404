//! Lists the vault's entries without secrets, and deletes them. Needs no key.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};

use super::{BUSY_TIMEOUT, Vault, file, room, schema, vault_file};
use crate::model::{SourceName, Table};
use crate::store::StoreError;
use crate::store::tables::refused_masking;

/// The entry of one source. Times have the format of the mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultEntry {
    /// The source.
    pub source: String,
    /// When the tokens were requested; nothing while no refresh has ended well.
    pub obtained: Option<String>,
    /// The lifetime of the access token from then, in milliseconds, if the vendor states it.
    pub access_life_ms: Option<u64>,
    /// The granted scopes, if the vendor names them.
    pub scope: Option<String>,
    /// The id of the key that it is sealed with; `None` if it is in plain text.
    pub key_id: Option<String>,
    /// When a refresh was begun that has not ended.
    pub intent: Option<String>,
    /// When a password was rejected last, and not accepted since.
    pub refused: Option<String>,
    /// Whether it was clearly refused.
    pub is_clearly_refused: bool,
}

/// Everything that the vault in this folder keeps, by source; nothing when there is no vault.
///
/// # Errors
/// When it cannot be read or is no vault of this version.
pub fn entries(folder: &Path) -> Result<Vec<VaultEntry>, StoreError> {
    match read_only(folder)? {
        Some(connection) => lines(&connection).map_err(StoreError::sql("read the vault")),
        None => Ok(Vec::new()),
    }
}

/// Why tables cannot be masked as is wanted, by what the vault in this folder knows of erased people; nothing when there is no
/// vault.
///
/// # Errors
/// As [`entries`].
pub fn refused_maskings(folder: &Path, tables: &[Table]) -> Result<Vec<StoreError>, StoreError> {
    let Some(connection) = read_only(folder)? else {
        return Ok(Vec::new());
    };
    let mut refused = Vec::new();
    for table in tables {
        refused.extend(refused_masking(&connection, table)?);
    }
    Ok(refused)
}

/// The vault in this folder, if there is one.
fn read_only(folder: &Path) -> Result<Option<Connection>, StoreError> {
    let path = vault_file(folder);
    if !path.exists() {
        return Ok(None);
    }
    let what = StoreError::sql("read the vault");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(&what)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(&what)?;
    schema::refuse_others(&connection, &path)?;
    if !schema::is_current(&connection).map_err(&what)? {
        let problem = "an older rollbook wrote this vault; the next start upgrades it";
        return Err(file(&path, problem.into()));
    }
    Ok(Some(connection))
}

fn lines(connection: &Connection) -> rusqlite::Result<Vec<VaultEntry>> {
    let mut statement = connection.prepare(
        "SELECT source, grants.obtained, grants.access_life_ms, \
                coalesce(grants.key_id, intents.key_id), intents.at, refusals.at, grants.scope, \
                coalesce(refusals.is_clear, 0) \
         FROM (SELECT source FROM grants UNION SELECT source FROM intents UNION SELECT source FROM refusals) \
         LEFT JOIN grants USING (source) LEFT JOIN intents USING (source) LEFT JOIN refusals USING (source) \
         ORDER BY source",
    )?;
    let line = |row: &Row<'_>| {
        Ok(VaultEntry {
            source: row.get(0)?,
            obtained: row.get(1)?,
            access_life_ms: row.get(2)?,
            key_id: row.get(3)?,
            intent: row.get(4)?,
            refused: row.get(5)?,
            scope: row.get(6)?,
            is_clearly_refused: row.get(7)?,
        })
    };
    statement.query_map([], line)?.collect()
}

impl Vault {
    /// Deletes a source's grant and intent, wipes them from the disk, and returns whether there was a grant.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub fn forget(&self, source: &SourceName) -> Result<bool, StoreError> {
        let what = StoreError::sql("delete a sign-in");
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(&what)?;
        let was_there = transaction
            .query_row(
                "DELETE FROM grants WHERE source = ?1 RETURNING 1",
                [source],
                |_| Ok(()),
            )
            .optional()
            .map_err(&what)?
            .is_some();
        transaction
            .execute("DELETE FROM intents WHERE source = ?1", [source])
            .map_err(&what)?;
        room::must_be_wiped(&transaction).map_err(&what)?;
        transaction.commit().map_err(&what)?;
        room::wipe(&connection)?;
        Ok(was_there)
    }
}
