//! Giving a source another name in the vault: its entries are copied first, and the old ones deleted later.
//!
//! Two steps, because the mirror is renamed between them: an interrupted rename leaves both entries, and the next attempt
//! ends it. What is sealed is bound to the source's name, so it is opened and sealed again.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::Vault;
use super::keys::Keys;
use super::rekey::COLUMNS;
use super::room;
use super::seal::CellId;
use crate::model::SourceName;
use crate::store::StoreError;
use crate::store::table::quote;

/// All tables with a column `source`.
const TABLES: [&str; 5] = [
    "grants",
    "intents",
    "refusals",
    "requests",
    "rollbook_columns",
];

impl Vault {
    /// Copies the entries of a source to another name; what that has is replaced.
    ///
    /// # Errors
    /// If an entry cannot be opened; then nothing is changed.
    pub fn copy_source(&self, from: &SourceName, to: &SourceName) -> Result<(), StoreError> {
        let what = StoreError::sql("rename a source in the vault");
        let keys = self.keys();
        let mut connection = self.connection();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&what)?;
        for table in TABLES {
            copy_rows(&transaction, table, from, to).map_err(&what)?;
        }
        for column in COLUMNS {
            if let Some((table, name)) = column.split_once('.')
                && TABLES.contains(&table)
            {
                seal_again(&transaction, (table, name, column), (from, to), &keys)?;
            }
        }
        for table in ["grants", "intents"] {
            let sql = format!("UPDATE {table} SET key_id = ?2 WHERE source = ?1");
            transaction
                .execute(&sql, params![to, keys.id()])
                .map_err(&what)?;
        }
        transaction.commit().map_err(what)
    }

    /// Deletes all entries of a source, and wipes them from the disk.
    ///
    /// # Errors
    /// If the vault cannot be written.
    pub fn delete_source(&self, source: &SourceName) -> Result<(), StoreError> {
        let what = StoreError::sql("rename a source in the vault");
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(&what)?;
        for table in TABLES {
            let sql = format!("DELETE FROM {table} WHERE source = ?1");
            transaction.execute(&sql, [source]).map_err(&what)?;
        }
        room::must_be_wiped(&transaction).map_err(&what)?;
        transaction.commit().map_err(&what)?;
        room::wipe(&connection)
    }
}

fn copy_rows(
    connection: &Connection,
    table: &str,
    from: &SourceName,
    to: &SourceName,
) -> rusqlite::Result<()> {
    connection.execute(&format!("DELETE FROM {table} WHERE source = ?1"), [to])?;
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_info(?1) WHERE name <> 'source'")?;
    let columns: Vec<String> = statement
        .query_map([table], |row| Ok(quote(&row.get::<_, String>(0)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let columns = columns.join(", ");
    let sql = format!(
        "INSERT INTO {table} (source, {columns}) SELECT ?2, {columns} FROM {table} WHERE source = ?1"
    );
    connection.execute(&sql, [from, to]).map(drop)
}

/// Seals a copied cell for its new source; its row still names the key of the old one.
fn seal_again(
    connection: &Connection,
    (table, name, column): (&str, &str, &'static str),
    (from, to): (&SourceName, &SourceName),
    keys: &Keys,
) -> Result<(), StoreError> {
    let what = StoreError::sql("rename a source in the vault");
    let select = format!("SELECT key_id, {name} FROM {table} WHERE source = ?1");
    let cell: Option<(Option<String>, Option<Vec<u8>>)> = connection
        .query_row(&select, [to], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(&what)?;
    let Some((key_id, Some(bytes))) = cell else {
        return Ok(());
    };
    let cell_of = |source| CellId { source, column };
    let text = keys.open(cell_of(from.as_str()), &(key_id, bytes))?;
    let sealed = keys.seal(cell_of(to.as_str()), &text)?;
    let update = format!("UPDATE {table} SET {name} = ?2 WHERE source = ?1");
    connection
        .execute(&update, params![to, sealed])
        .map(drop)
        .map_err(what)
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret as _, SecretBox};

    use super::*;
    use crate::model::named;
    use crate::store::vault::VaultKey;
    use crate::store::vault::tests::grant;

    #[test]
    fn a_copied_entry_opens_under_the_new_name_and_the_old_one_is_deleted() {
        let key = || VaultKey::new(&SecretBox::new(Box::new([3; 32]))).expect("a key");
        for sealed in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let keys = if sealed {
                Keys::Given(key())
            } else {
                Keys::None
            };
            let vault = Vault::open(folder.path(), keys).expect("a vault");
            let (old, new) = (named("north"), named("new"));
            let token = |name: &SourceName| {
                let kept = vault.load(name).expect("readable");
                kept.map(|kept| kept.refresh_token.expose_secret().to_owned())
            };
            vault.keep(&old, &grant("t-1")).expect("kept");
            vault.keep(&new, &grant("t-other")).expect("kept");
            vault.count(&old, "2026-01-31", 3).expect("counted");
            vault
                .intend(
                    &old,
                    "hash",
                    "2026-01-31T00:00:00Z".parse().expect("a time"),
                )
                .expect("noted");
            vault.copy_source(&old, &new).expect("copied");
            assert_eq!(token(&old).as_deref(), Some("t-1"));
            assert_eq!(token(&new).as_deref(), Some("t-1"));
            assert_eq!(vault.intent(&new).expect("read").as_deref(), Some("hash"));
            vault.delete_source(&old).expect("deleted");
            assert_eq!(token(&old), None);
            assert_eq!(token(&new).as_deref(), Some("t-1"));
            assert_eq!(vault.count(&new, "2026-01-31", 1).expect("counted"), 4);
        }
    }
}
